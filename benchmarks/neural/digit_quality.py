"""Does a wide network help a narrow one to read digits?

Claim: over five seeds the distilled student (784 → 128 → 10, temperature 5, alpha 0.7,
Adam at 1e-3, batches of 64, 5 epochs) has a higher mean test accuracy than the same
student on labels alone, in a paired t-test. Two teachers of the published sizes
(784 → 512 → 256 → 10): "as published", trained like the student, one for each seed; and
"well trained", an ensemble of four with dropout 0.3, 15 epochs and a cosine schedule,
one for all seeds.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import stats
from sklearn.datasets import fetch_openml

from benchmarks.neural._records import Records
from benchmarks.neural.ensemble_quality import judge
from skdistill.neural import NeuralClassifier, fit_together
from skdistill.targets import SoftTargets, soften

SEEDS = range(5)
TEMPERATURE, ALPHA, EPOCHS = 5.0, 0.7, 5
AS_PUBLISHED, WELL_TRAINED = "as published", "well trained"
#: Name -> alpha, temperature, epochs.
VARIANTS = {
    "T=5, alpha=0.7 (as published)": (ALPHA, TEMPERATURE, EPOCHS),
    "T=2, alpha=0.7": (ALPHA, 2.0, EPOCHS),
    "T=5, alpha=1": (1.0, TEMPERATURE, EPOCHS),
    "T=5, alpha=0.7, 20 epochs": (ALPHA, TEMPERATURE, 20),
}
ALONE = "labels alone"
HERE = Path(__file__).resolve().parent
KEYS = ["teacher", "seed", "variant", "epochs"]
FIGURES = ["accuracy", "log_loss", "teacher_accuracy", "teacher_log_loss"]


def load_digits(folder: Path | None):
    """X, X_test, y, y_test of MNIST; pixels in [0, 1], float32."""
    if folder is not None and (folder / "mnist.npz").exists():
        file = np.load(folder / "mnist.npz")
        parts = [file[k] for k in ("X_train", "X_test", "y_train", "y_test")]
    else:
        X, y = fetch_openml("mnist_784", return_X_y=True, as_frame=False)
        parts = [X[:60_000], X[60_000:], y[:60_000], y[60_000:]]
    X, X_test, y, y_test = parts
    X, X_test = (p.reshape(len(p), -1).astype(np.float32) / 255 for p in (X, X_test))
    return X, X_test, y.astype(np.intp), y_test.astype(np.intp)


def make_teacher(kind: str, seed: int) -> NeuralClassifier:
    sizes = {"hidden_layer_sizes": (512, 256), "scale": False, "random_state": seed}
    if kind == AS_PUBLISHED:
        return NeuralClassifier(max_epochs=EPOCHS, **sizes)
    return NeuralClassifier(
        n_members=4,
        dropout=0.3,
        max_epochs=15,
        learning_rate_schedule="cosine",
        **sizes,
    )


def make_student(seed: int, epochs: int = EPOCHS) -> NeuralClassifier:
    return NeuralClassifier(
        hidden_layer_sizes=(128,), scale=False, max_epochs=epochs, random_state=seed
    )


def run(folder: Path | None, path: Path = HERE / "digit_quality.csv") -> Records:
    """Train what the file lacks."""
    records = Records(path, KEYS, FIGURES)
    jobs = [(AS_PUBLISHED, [seed]) for seed in SEEDS] + [(WELL_TRAINED, list(SEEDS))]
    jobs = [job for job in jobs if not records.has(teacher=job[0], seed=job[1][0])]
    if not jobs:
        return records
    data = load_digits(folder)
    for kind, seeds in jobs:
        print(f"  digits, teacher {kind}, {seeds} ...", file=sys.stderr, flush=True)
        records.add(_one_teacher(kind, seeds, data))
    return records


def _one_teacher(kind: str, seeds: list[int], data) -> list[dict]:
    X, X_test, y, y_test = data
    # A seed of its own, so that no teacher starts from its student's random numbers.
    teacher = make_teacher(kind, seed=100 + seeds[0]).fit(X, y)
    taught = {f"teacher_{n}": v for n, v in judge(teacher, X_test, y_test).items()}
    logits = teacher.decision_function(X)
    alone = {
        f"{ALONE}, {epochs} epochs": (0.0, 1.0, epochs)
        for epochs in sorted({epochs for *_, epochs in VARIANTS.values()})
    }
    rows = []
    for name, (alpha, temperature, epochs) in (VARIANTS | alone).items():
        soft = soften(logits, "logits", temperature)
        lesson = SoftTargets(np.unique(y), soft, y, alpha, temperature=temperature)
        students = [make_student(seed, epochs) for seed in seeds]
        fit_together(students, X, [lesson] * len(seeds))
        for seed, student in zip(seeds, students, strict=True):
            key = {"teacher": kind, "seed": seed, "variant": name, "epochs": epochs}
            rows.append(key | judge(student, X_test, y_test) | taught)
    return rows


def lines(records: Records) -> list[str]:
    """Tell what came out, in Markdown."""
    rows = records.frame()
    text = ["## Digit images, network to network", "", __doc__.split("\n\n")[1], ""]
    text += [
        "| teacher | its accuracy | variant | alone | distilled | difference, points | "
        "p (paired t) | log-loss alone | distilled | gap recovered |",
        "|" + " --- |" * 10,
    ]
    for kind in rows["teacher"].unique():
        text += [_line(rows[rows["teacher"] == kind], kind, name) for name in VARIANTS]
    text += [
        "",
        "Means over the seeds ± standard error; p without correction for their number.",
    ]
    return text


def _line(rows: pd.DataFrame, kind: str, name: str) -> str:
    epochs = VARIANTS[name][2]
    pick = {
        key: rows[rows["variant"] == variant].set_index("seed").sort_index()
        for key, variant in (("own", name), ("alone", f"{ALONE}, {epochs} epochs"))
    }
    own, alone = pick["own"], pick["alone"]
    change = own["accuracy"] - alone["accuracy"]
    p = stats.ttest_rel(own["accuracy"], alone["accuracy"]).pvalue
    gap = (alone["teacher_accuracy"] - alone["accuracy"]).sum()
    error = 100 * change.std(ddof=1) / np.sqrt(len(change))
    return (
        f"| {kind} | {rows['teacher_accuracy'].mean():.2%} | {name} | "
        f"{alone['accuracy'].mean():.2%} | {own['accuracy'].mean():.2%} | "
        f"{100 * change.mean():+.2f} ± {error:.2f} | {p:.3g} | "
        f"{alone['log_loss'].mean():.4f} | {own['log_loss'].mean():.4f} | "
        f"{change.sum() / gap:.0%} |"
    )
