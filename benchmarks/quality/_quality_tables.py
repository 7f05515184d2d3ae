"""Tables of the quality benchmark."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.quality._provenance import provenance
from benchmarks.quality._settings import RECOMMENDED
from benchmarks.quality._statistics import by_set, holm, recovered, wilcoxon

#: A mean difference of log-losses that is worth a word.
CLEAR = 0.002
TAUGHT = ("naive", "recipe", "default")

HOW_TO_READ = """\
*Alone* is the student tuned on the labels by cross-validation; *naive*, *recipe* and
*default* are the same student of the same size, taught (`quality.py` says how). The
log-loss is that of probabilities mixed with a share of the class frequencies, chosen on
training rows; *raw* is without. *Recovered*: of the gap to the calibrated teacher, a
ratio of sums over the sets where it is better, with a 95 % bootstrap interval over
sets. *p*: Wilcoxon's signed-rank test over sets, default against the other, with Holm's
correction for all of the table. *Worse*, *better*: pairs of set and teacher whose
paired 95 % interval over the test rows excludes 0 and whose mean is above 0.002. Brier
scores are sums over the classes; the calibration error is that of the most probable
class in 15 bins of equally many rows."""


def write_tables(path: Path, out: Path) -> str:
    """Write the tables of the rows at `path` to `out`, in Markdown; give the text."""
    rows = complete(pd.read_csv(path))
    pairs = by_set(rows)
    plain = path.with_name("plain.csv")
    plain_rows = pd.read_csv(plain) if plain.exists() else None
    parts = [
        "# How much of a teacher does a small student keep?",
        "",
        provenance("quality.py", path),
        _sets(rows),
        "",
        HOW_TO_READ,
        "",
        f"![Recovered gap]({path.with_suffix('.png').name})",
        "",
        "## Goals",
        "",
        *_goals(pairs),
        *([] if plain_rows is None else _goals_unsmoothed(rows, plain_rows)),
        "",
        "## Recovered gap",
        "",
        *_recovered(pairs),
        "",
        "## All figures",
        "",
        *_figures(rows),
        "",
        "## Harm",
        "",
        *_harm(pairs),
        "",
        "## Set by set",
        "",
        *_set_by_set(pairs),
        "",
        "## Settings",
        "",
        *(f"- {name}: `{told.text()}`" for name, told in RECOMMENDED.items()),
    ]
    text = "\n".join(parts) + "\n"
    out.write_text(text)
    return text


def complete(rows: pd.DataFrame) -> pd.DataFrame:
    """The splits that have all rows, so that means are over the same ones."""
    n_rows = rows.groupby(["set", "split"])["accuracy"].transform("size")
    return rows[n_rows == n_rows.max()]


def _sets(rows: pd.DataFrame) -> str:
    listed = rows.groupby("set", sort=False).agg(
        splits=("split", "nunique"),
        train=("n_train", "first"),
        test=("n_test", "first"),
    )
    return "Training + test rows: " + "; ".join(
        f"{name} {row.train:,} + {row.test:,} ({row.splits} splits)"
        for name, row in listed.iterrows()
    )


def _of(pairs: pd.DataFrame, **keys) -> pd.DataFrame:
    for name, value in keys.items():
        pairs = pairs[pairs[name] == value]
    return pairs


def _gap(pairs: pd.DataFrame) -> tuple[float, float, float]:
    """Recovered gap over sets; teachers are averaged first, so that sets are drawn."""
    sums = pairs[pairs["teacher_loss"] < pairs["alone"]]
    sums = sums.groupby("set")[["alone", "log_loss", "teacher_loss"]].sum()
    return recovered(sums["alone"], sums["log_loss"], sums["teacher_loss"])


def _show(gap: tuple[float, float, float]) -> str:
    if np.isnan(gap[0]):
        return "no gap"
    return f"{gap[0]:.0%} ({gap[1]:.0%} to {gap[2]:.0%})"


def _worse(pairs: pd.DataFrame) -> pd.Series:
    """Whether clearly worse than the student alone."""
    mean = pairs["difference"]
    return (mean > pairs["interval"]) & (mean > CLEAR)


def _better(pairs: pd.DataFrame) -> pd.Series:
    mean = -pairs["difference"]
    return (mean > pairs["interval"]) & (mean > CLEAR)


def _recovered(pairs: pd.DataFrame) -> list[str]:
    lines = [
        "| teacher | student | naive | recipe | default | sets with a gap | p, alone "
        "| p, naive | p, recipe |",
        "|" + " --- |" * 9,
    ]
    found = []
    for (teacher, student), mine in pairs.groupby(["teacher", "student"], sort=False):
        parts = {v: _of(mine, variant=v).set_index("set") for v in TAUGHT}
        default = parts["default"]
        tests = [wilcoxon(default["log_loss"] - default["alone"])]
        for other in ("naive", "recipe"):
            has = not parts[other].empty
            change = default["log_loss"] - parts[other]["log_loss"] if has else None
            tests.append(np.nan if change is None else wilcoxon(change))
        cells = [teacher, student]
        cells += [_show(_gap(parts[v].reset_index())) for v in TAUGHT]
        cells.append(str(int((default["teacher_loss"] < default["alone"]).sum())))
        found.append((cells, tests))
    flat = np.array([tests for _, tests in found], dtype=float)
    known = ~np.isnan(flat)
    flat[known] = holm(flat[known])
    for (cells, _), tests in zip(found, flat, strict=True):
        texts = ["" if np.isnan(p) else f"{p:.3f}" for p in tests]
        lines.append(f"| {' | '.join([*cells, *texts])} |".replace("no gap", ""))
    return lines


def _figures(rows: pd.DataFrame) -> list[str]:
    """Means over sets and splits."""
    shown: dict[str, Callable[[float], str]] = {
        "accuracy": "{:.1%}".format,
        "log_loss": "{:.4f}".format,
        "log_loss_raw": "{:.4f}".format,
        "auc": "{:.4f}".format,
        "brier": "{:.4f}".format,
        "ece": "{:.4f}".format,
        "agreement": "{:.1%}".format,
        "kl": "{:.4f}".format,
        "fit_s": "{:.1f}".format,
        "us_per_row": "{:.1f}".format,
    }
    lines = [
        f"| teacher | student | variant | {' | '.join(shown)} | median kilobytes |",
        "|" + " --- |" * (len(shown) + 4),
    ]
    keys = ["teacher", "student", "variant"]
    for key, mine in rows.groupby(keys, sort=False):
        means = mine.groupby("set")[list(shown)].mean().mean()
        cells = [*key, *(show(means[name]) for name, show in shown.items())]
        lines.append(f"| {' | '.join(cells)} | {mine['bytes'].median() / 1000:,.0f} |")
    return lines


def _harm(pairs: pd.DataFrame) -> list[str]:
    lines = [
        "| student | variant | pairs | clearly worse | clearly better | any worse | "
        "which |",
        "|" + " --- |" * 7,
    ]
    taught = pairs[pairs["variant"] != "alone"]
    for (student, variant), mine in taught.groupby(["student", "variant"], sort=False):
        worse = mine[_worse(mine)]
        which = "; ".join(
            f"{row['set']}, {row['teacher']} {row['difference']:+.4f}"
            for _, row in worse.iterrows()
        )
        lines.append(
            f"| {student} | {variant} | {len(mine)} | {len(worse)} | "
            f"{int(_better(mine).sum())} | {int((mine['difference'] > 0).sum())} | "
            f"{which} |"
        )
    for variant in TAUGHT:
        mine = _of(pairs, variant=variant)
        lines.append(
            f"| **all** | **{variant}** | {len(mine)} | {int(_worse(mine).sum())} "
            f"({_worse(mine).mean():.1%}) | {int(_better(mine).sum())} | "
            f"{int((mine['difference'] > 0).sum())} | |"
        )
    return lines


def _set_by_set(pairs: pd.DataFrame) -> list[str]:
    """Log-losses; the difference to alone of the default, with its interval."""
    lines = [
        "| set | teacher | student | teacher's own | alone | naive | recipe | default "
        "| difference | |",
        "|" + " --- |" * 10,
    ]
    keys = ["set", "teacher", "student"]
    for key, mine in pairs.groupby(keys, sort=False):
        by_variant = mine.set_index("variant")
        losses = [
            f"{by_variant.loc[v, 'log_loss']:.4f}" if v in by_variant.index else ""
            for v in ("alone", *TAUGHT)
        ]
        default = by_variant.loc[["default"]]
        flag = "**worse**" if _worse(default).iloc[0] else ""
        flag = "**better**" if _better(default).iloc[0] else flag
        lines.append(
            f"| {' | '.join(key)} | {default['teacher_loss'].iloc[0]:.4f} | "
            f"{' | '.join(losses)} | {default['difference'].iloc[0]:+.4f} ± "
            f"{default['interval'].iloc[0]:.4f} | {flag} |"
        )
    return lines


def _goals(pairs: pd.DataFrame) -> list[str]:
    """What was aimed at, and what was reached, over both teachers."""
    default = _of(pairs, variant="default")
    lines = ["| goal | aimed at | reached | |", "| --- | --- | --- | --- |"]

    def add(text: str, aim: float, reached: float, shown: str, at_most=False) -> None:
        if np.isnan(reached):
            return
        met = reached <= aim if at_most else reached >= aim
        sign = "at most" if at_most else "at least"
        cells = [text, f"{sign} {aim:.0%}", shown, "reached" if met else "missed"]
        lines.append(f"| {' | '.join(cells)} |")

    for student, aim in RECOVERED.items():
        mine = _of(default, student=student)
        gap = _gap(mine)
        few = _gap(mine[~mine["set"].isin(MANY_CLASSES)])
        shown = f"{_show(gap)}; without the sets of 26 classes {_show(few)}"
        add(f"recovered, {student}", aim, gap[0], shown)
    agreement = _of(default, student="tree, 32 leaves")["agreement"].median()
    add(
        "agreement with the teacher, tree of 32 leaves, median over pairs",
        *(0.92, agreement, f"{agreement:.1%}"),
    )
    for student in ("tree, 8 leaves", "tree, 32 leaves", "tree, 128 leaves"):
        mine = _of(pairs, student=student)
        recipe = _gap(_of(mine, variant="recipe"))
        ahead = _gap(_of(mine, variant="default"))[0] - recipe[0]
        shown = f"{ahead * 100:+.0f} points over {_show(recipe)}"
        add(f"ahead of AutoGluon's recipe, {student}", 0.0, ahead, shown)
    worse = _worse(default)
    shown = f"{int(worse.sum())} of {len(default)} pairs, {worse.mean():.1%}"
    add("clearly worse than alone", 0.02, worse.mean(), shown, at_most=True)
    return lines


def _goals_unsmoothed(rows: pd.DataFrame, plain: pd.DataFrame) -> list[str]:
    """The same for trees, with nobody's probabilities mixed with anything."""
    keys = ["set", "split"]
    teachers = _of(rows, variant="calibrated").set_index([*keys, "teacher"])
    lines = []
    for student, aim in RECOVERED.items():
        mine = _of(rows, student=student, variant="default")
        alone = _of(plain, student=student).set_index(keys)["log_loss_raw"]
        if alone.empty or mine.empty:
            continue
        mine = mine.join(alone.rename("alone"), on=keys)
        losses = teachers["log_loss_raw"].rename("teacher_loss")
        mine = mine.join(losses, on=[*keys, "teacher"]).dropna(subset=["alone"])
        mine = mine.groupby(["set", "teacher"], as_index=False)[
            ["alone", "log_loss_raw", "teacher_loss"]
        ].mean()
        gap = _gap(mine.rename(columns={"log_loss_raw": "log_loss"}))
        few = mine[~mine["set"].isin(MANY_CLASSES)]
        few_gap = _gap(few.rename(columns={"log_loss_raw": "log_loss"}))
        met = "reached" if gap[0] >= aim else "missed"
        lines.append(
            f"| recovered, {student}, over trees tuned without smoothing (`plain.py`) "
            f"| at least {aim:.0%} | {_show(gap)}; without the sets of 26 classes "
            f"{_show(few_gap)} | {met} |"
        )
    return lines


#: Sets that a tree of 8 or 32 leaves cannot learn; their gaps dwarf all others.
MANY_CLASSES = ("letter", "isolet")

#: Student -> the gap that its default is to recover.
RECOVERED = {
    "tree, 8 leaves": 0.13,
    "tree, 32 leaves": 0.40,
    "tree, 128 leaves": 0.60,
    "network, 64 × 32": 0.50,  # noqa: RUF001
}
