"""How much of the gap between twelve networks and a small one distillation recovers.

Claim: 53.8 % of the gap in accuracy, as published for one data set and one seed, or
more. Here: six draws of the data (and of its split), 42 as published among them; for
each, four ensembles of twelve; for each of these, five students. A student on labels
alone (the peer) and a distilled one start from the same weights and see rows in the
same order. All figures are of the 1,000 held-out rows. Variants differ in the loss;
those with transfer rows see four more rows for each training row, a copy of it with
normal noise (standard deviation 0.5), about which the ensemble alone speaks.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.neural import _system_a as system_a
from benchmarks.neural._records import Records
from benchmarks.neural.student import make
from skdistill.neural import NeuralClassifier, fit_together
from skdistill.targets import UNLABELED, SoftTargets, soften

DATA = [42, 0, 1, 2, 3, 4]
N_ENSEMBLES, N_STUDENTS = 4, 5
PUBLISHED = 0.538
HERE = Path(__file__).resolve().parent

KEYS = ["data", "ensemble", "seed", "variant"]
FIGURES = ["accuracy", "log_loss", "teacher_accuracy", "teacher_log_loss"]


@dataclass(frozen=True)
class Variant:
    """A way to learn from the ensemble."""

    name: str
    alpha: float
    temperature: float = 1.0
    loss: str = "kl"
    n_copies: int = 0
    epochs: int = system_a.STUDENT_EPOCHS


ALONE = Variant("labels alone", 0.0)
ARTICLE = Variant("T=3, alpha=0.7 (as published)", 0.7, 3.0)
VARIANTS = [
    ALONE,
    ARTICLE,
    Variant("T=1, alpha=0.7", 0.7, 1.0),
    Variant("T=3, alpha=1", 1.0, 3.0),
    Variant("T=8, alpha=0.9", 0.9, 8.0),
    Variant("logit MSE, alpha=1", 1.0, 1.0, "logit_mse"),
    Variant("labels alone, 5 times the steps", 0.0, epochs=250),
    Variant("T=3, alpha=0.7, 5 times the steps", 0.7, 3.0, epochs=250),
    Variant("T=3, alpha=0.7, transfer rows", 0.7, 3.0, n_copies=4, epochs=10),
    Variant("T=3, alpha=0.7, transfer rows, 5 times the steps", 0.7, 3.0, n_copies=4),
]
#: Standard deviation of what transfer rows are off by; features have 1.
NOISE = 0.5


def run(path: Path = HERE / "ensemble_quality.csv") -> Records:
    """Train what the file lacks."""
    records = Records(path, KEYS, FIGURES)
    for state in DATA:
        for k in range(N_ENSEMBLES):
            variants = [
                variant
                for variant in VARIANTS
                if not records.has(data=state, ensemble=k, variant=variant.name)
            ]
            if not variants:
                continue
            print(f"  data {state}, ensemble {k} ...", file=sys.stderr, flush=True)
            records.add(_one_ensemble(state, k, variants))
    return records


def _one_ensemble(state: int, k: int, variants: list[Variant]) -> list[dict]:
    data = system_a.load_data(state)
    teacher = NeuralClassifier(
        system_a.make_teacher,
        n_members=system_a.N_TEACHERS,
        max_epochs=system_a.TEACHER_EPOCHS,
        batch_size=system_a.BATCH_SIZE,
        random_state=k,
    ).fit(data.X, data.y)
    taught = judge(teacher, data.X_test, data.y_test)
    seeds = [k * N_STUDENTS + i for i in range(N_STUDENTS)]
    rows = []
    for variant in variants:
        students = [
            make(seed, module=system_a.make_student, loss=variant.loss).set_params(
                max_epochs=variant.epochs
            )
            for seed in seeds
        ]
        X, lesson = _lesson(variant, data, teacher)
        fit_together(students, X, [lesson] * len(students))
        for seed, student in zip(seeds, students, strict=True):
            found = judge(student, data.X_test, data.y_test)
            found |= {f"teacher_{name}": value for name, value in taught.items()}
            key = {"data": state, "ensemble": k, "seed": seed, "variant": variant.name}
            rows.append(key | found)
    return rows


def _lesson(variant: Variant, data: system_a.Data, teacher):
    """Rows to learn from, and what about them."""
    rng = np.random.default_rng(0)
    size = (variant.n_copies, *data.X.shape)
    copies = data.X + NOISE * rng.standard_normal(size, dtype=np.float32)
    X = np.concatenate([data.X, copies.reshape(-1, data.X.shape[1])])
    labels = np.full(len(X), UNLABELED)
    labels[: len(data.y)] = data.y
    alpha = np.where(labels == UNLABELED, 1.0, variant.alpha)
    logits = two_columns(teacher.decision_function(X))
    soft = soften(logits, "logits", variant.temperature)
    classes = np.unique(data.y)
    return X, SoftTargets(classes, soft, labels, alpha, temperature=variant.temperature)


def two_columns(second: np.ndarray) -> np.ndarray:
    """Logits of both classes, from the log-odds of the second."""
    return np.column_stack([-second / 2, second / 2])


def judge(model, X, y) -> dict:
    """Accuracy and log-loss of a model; labels are positions."""
    said = model.predict_log_proba(X)
    return {
        "accuracy": float(np.mean(said.argmax(axis=1) == y)),
        "log_loss": float(-said[np.arange(len(y)), y].mean()),
    }


def lines(records: Records) -> list[str]:
    """Tell what came out, in Markdown."""
    rows = records.frame()
    text = ["## Twelve networks into one small one", "", __doc__.split("\n\n")[1], ""]
    text += [
        "| variant | accuracy | gap recovered, ratio of sums | 95 % interval | "
        "log-loss | of that gap |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    text += [_line(rows, variant) for variant in VARIANTS]
    mean = rows[["teacher_accuracy", "teacher_log_loss"]].mean()
    text += [
        "",
        f"The ensemble: accuracy {mean.iloc[0]:.2%}, log-loss {mean.iloc[1]:.4f}. "
        f"Published: {PUBLISHED:.1%} of the gap. The interval is a bootstrap over "
        "draws of the data and, within each, over students (10,000 resamples).",
        "",
        f"By draw of the data, {ARTICLE.name}:",
        "",
        "| data | ensemble | labels alone | distilled | gap recovered | "
        "95 % interval (students only) |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    text += [_data_line(rows, state) for state in rows["data"].unique()]
    return text


def _pairs(rows: pd.DataFrame, variant: Variant, figure: str) -> pd.DataFrame:
    """What a variant won, and what there was to win: a row for each student."""
    index = ["data", "ensemble", "seed"]
    alone = rows[rows["variant"] == ALONE.name].set_index(index)
    other = rows[rows["variant"] == variant.name].set_index(index)
    won = other[figure] - alone[figure]
    gap = alone[f"teacher_{figure}"] - alone[figure]
    return pd.DataFrame({"won": won, "gap": gap}).reset_index()


def _share(pairs: pd.DataFrame) -> float:
    return pairs["won"].sum() / pairs["gap"].sum()


def _interval(pairs: pd.DataFrame, *, over_data: bool) -> tuple[float, float]:
    """Bootstrap the ratio of sums."""
    rng = np.random.default_rng(0)
    groups = [part[["won", "gap"]].to_numpy() for _, part in pairs.groupby("data")]
    shares = np.empty(10_000)
    for b in range(len(shares)):
        chosen = range(len(groups))
        if over_data:
            chosen = rng.integers(len(groups), size=len(groups))
        total = sum(
            groups[g][rng.integers(len(groups[g]), size=len(groups[g]))].sum(axis=0)
            for g in chosen
        )
        shares[b] = total[0] / total[1]
    low, high = np.percentile(shares, [2.5, 97.5])
    return float(low), float(high)


def _line(rows: pd.DataFrame, variant: Variant) -> str:
    mean = rows[rows["variant"] == variant.name][["accuracy", "log_loss"]].mean()
    start = f"| {variant.name} | {mean['accuracy']:.2%} |"
    if variant is ALONE:
        return f"{start} | | {mean['log_loss']:.4f} | |"
    pairs = _pairs(rows, variant, "accuracy")
    low, high = _interval(pairs, over_data=True)
    of_loss = _share(_pairs(rows, variant, "log_loss"))
    return (
        f"{start} {_share(pairs):.1%} | {low:.1%} to {high:.1%} | "
        f"{mean['log_loss']:.4f} | {of_loss:.0%} |"
    )


def _data_line(rows: pd.DataFrame, state: int) -> str:
    mine = rows[rows["data"] == state]
    mean = mine.groupby("variant")["accuracy"].mean()
    pairs = _pairs(mine, ARTICLE, "accuracy")
    low, high = _interval(pairs, over_data=False)
    return (
        f"| {state} | {mine['teacher_accuracy'].mean():.2%} | {mean[ALONE.name]:.2%} | "
        f"{mean[ARTICLE.name]:.2%} | {_share(pairs):.1%} | {low:.1%} to {high:.1%} |"
    )
