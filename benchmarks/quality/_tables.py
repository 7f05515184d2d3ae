"""Read the rows of the benchmark, and say in tables where a teacher helped."""

from __future__ import annotations

import datetime
import platform
from pathlib import Path

import numpy as np
import pandas as pd
import sklearn
from scipy import stats

import skdistill

#: Probability that a difference called clear is chance, for one comparison.
CHANCE = 0.05


def write_tables(path: Path, out: Path) -> None:
    """Write the tables of the rows at `path` to `out`, in Markdown."""
    rows = _complete(pd.read_csv(path))
    pairs = _pairs(rows)
    parts = [
        "# Does a teacher help?",
        "",
        _provenance(rows, path.name),
        "",
        HOW_TO_READ,
    ]
    for teacher in rows["teacher"].unique():
        mine = pairs[pairs["teacher"] == teacher]
        parts += ["", f"## Teacher: {teacher}", "", _teacher_line(rows, teacher)]
        parts += ["", "Log-loss alone → chosen, by set:", "", _by_set(mine)]
        parts += ["", "All sets together:", "", _summary(mine)]
    parts += ["", "## Where it loses", "", *_losses(pairs)]
    out.write_text("\n".join(parts) + "\n")


HOW_TO_READ = """\
How to read: *alone* is the student tuned on the labels by cross-validation; *chosen*
has the same parameters and size, with alpha and temperature chosen by the same folds
(alpha 0, no teacher, is among the candidates); *default* is alpha 0.7 at temperature 1;
*hard* learns the teacher's most probable labels only. Means over the splits. **Bold**:
the mean paired difference is clearly below 0 (Nadeau-Bengio corrected t, 5 %, no
correction for the number of comparisons); *italic*: above. Two splits or three see only
large differences, one sees none. The teachers label the rows that they were fitted on.
`routes.py` states the rest."""


def _complete(rows: pd.DataFrame) -> pd.DataFrame:
    """The splits that every student of the file has been through."""
    seen = rows.groupby(["set", "split"])["student"].transform("nunique")
    return rows[seen == rows["student"].nunique()]


def _provenance(rows: pd.DataFrame, name: str) -> str:
    sets = rows.groupby("set", sort=False).agg(
        splits=("split", "nunique"),
        train=("n_train", "first"),
        test=("n_test", "first"),
    )
    listed = "; ".join(
        f"{label}: {row.splits} splits of {row.train:,} + {row.test:,} rows"
        for label, row in sets.iterrows()
    )
    return (
        f"Made by `python benchmarks/quality/routes.py` from `{name}` on "
        f"{datetime.date.today().isoformat()}: skdistill {skdistill.__version__}, "
        f"scikit-learn {sklearn.__version__}, numpy {np.__version__}, Python "
        f"{platform.python_version()}. Training + test rows: {listed}."
    )


def _pairs(rows: pd.DataFrame) -> pd.DataFrame:
    """One row for each comparison, with the figures of all variants side by side."""
    keys = ["set", "split", "student", "route", "teacher", "n_train", "n_test"]
    keys += ["teacher_log_loss", "teacher_accuracy"]
    wide = rows.pivot_table(
        index=keys,
        columns="variant",
        values=["log_loss", "accuracy", "agreement", "kl_to_teacher", "alpha"],
        sort=False,
    )
    wide.columns = [f"{figure}_{variant}" for figure, variant in wide.columns]
    return wide.reset_index()


def _teacher_line(rows: pd.DataFrame, teacher: str) -> str:
    mine = rows[rows["teacher"] == teacher].groupby("set", sort=False)
    means = mine[["teacher_log_loss", "teacher_accuracy"]].mean()
    return "Its own held-out log-loss and accuracy: " + "; ".join(
        f"{name} {row.teacher_log_loss:.3f}, {row.teacher_accuracy:.1%}"
        for name, row in means.iterrows()
    )


def _difference(pairs: pd.DataFrame, variant: str) -> tuple[float, float]:
    """Mean of the log-loss minus that of the student alone, and its standard error.

    Nadeau and Bengio (2003): the splits share rows, so their variance is taken times
    1/J + n_test/n_train.
    """
    change = (pairs[f"log_loss_{variant}"] - pairs["log_loss_alone"]).to_numpy()
    if len(change) < 2:
        return float(change.mean()), np.inf
    factor = 1 / len(change) + (pairs["n_test"] / pairs["n_train"]).iloc[0]
    return float(change.mean()), float(np.sqrt(change.var(ddof=1) * factor))


def _verdict(pairs: pd.DataFrame, variant: str) -> int:
    """-1 for clearly better than alone, 1 for clearly worse."""
    mean, error = _difference(pairs, variant)
    bound = stats.t.ppf(1 - CHANCE / 2, max(len(pairs) - 1, 1)) * error
    return int(np.sign(mean)) if abs(mean) > bound else 0


def _by_set(pairs: pd.DataFrame) -> str:
    sets = list(pairs["set"].unique())
    lines = ["| student | " + " | ".join(sets) + " |", "| --- |" + " --- |" * len(sets)]
    for student, mine in pairs.groupby("student", sort=False):
        cells = []
        for name in sets:
            here = mine[mine["set"] == name]
            if here.empty:
                cells.append("")
                continue
            before = here["log_loss_alone"].mean()
            after = here["log_loss_chosen"].mean()
            mark = {-1: "**", 0: "", 1: "*"}[_verdict(here, "chosen")]
            cells.append(f"{before:.3f} → {mark}{after:.3f}{mark}")
        lines.append(f"| {student} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


SUMMARY = [
    "student",
    "route",
    "log-loss alone",
    "chosen",
    "default",
    "hard",
    "gap recovered",
    "sets better / worse (clearly)",
    "accuracy alone → chosen",
    "agreement alone → chosen",
    "KL to teacher alone → chosen",
    "alpha 0 chosen",
]


def _summary(pairs: pd.DataFrame) -> str:
    lines = [f"| {' | '.join(SUMMARY)} |", "|" + " --- |" * len(SUMMARY)]
    for (student, route), mine in pairs.groupby(["student", "route"], sort=False):
        # Every set counts alike, however many of its splits there are.
        mean = mine.groupby("set").mean(numeric_only=True).mean()
        changes = [
            (_difference(part, "chosen")[0], _verdict(part, "chosen"))
            for _, part in mine.groupby("set")
        ]
        cells = [
            student,
            route,
            *(f"{mean[f'log_loss_{v}']:.4f}" for v in ("alone", "chosen", "default")),
            f"{mean['log_loss_hard']:.4f}",
            _recovered(mine),
            f"{sum(c < 0 for c, _ in changes)} / {sum(c > 0 for c, _ in changes)} "
            f"({sum(v < 0 for _, v in changes)} / {sum(v > 0 for _, v in changes)})",
            _arrow(mean, "accuracy", ".1%"),
            _arrow(mean, "agreement", ".1%"),
            _arrow(mean, "kl_to_teacher", ".4f"),
            f"{np.mean(mine['alpha_chosen'] == 0):.0%}",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _arrow(mean: pd.Series, figure: str, how: str) -> str:
    return f"{mean[f'{figure}_alone']:{how}} → {mean[f'{figure}_chosen']:{how}}"


def _recovered(pairs: pd.DataFrame) -> str:
    """Ratio of sums, over sets where the teacher is better than the student alone."""
    by_set = pairs.groupby("set").mean(numeric_only=True)
    by_set = by_set[by_set["teacher_log_loss"] < by_set["log_loss_alone"]]
    gap = (by_set["log_loss_alone"] - by_set["teacher_log_loss"]).sum()
    won = (by_set["log_loss_alone"] - by_set["log_loss_chosen"]).sum()
    return f"{won / gap:.0%}" if gap > 0 else "no gap"


def _losses(pairs: pd.DataFrame) -> list[str]:
    """Every comparison in which the distilled student is worse on average."""
    lines = []
    for variant in ("chosen", "default"):
        found = []
        groups = pairs.groupby(["student", "teacher", "set"], sort=False)
        for (student, teacher, name), mine in groups:
            mean, _ = _difference(mine, variant)
            if mean > 0:
                clear = " (clear)" if _verdict(mine, variant) > 0 else ""
                found.append((mean, f"{student}, {teacher}, {name} +{mean:.4f}{clear}"))
        found.sort(key=lambda pair: -pair[0])
        lines += [
            f"**{variant}**: higher mean log-loss than the student alone in "
            f"{len(found)} of {groups.ngroups} comparisons (student, teacher, set):",
            "",
            *(f"- {text}" for _, text in found),
            "",
        ]
    return lines[:-1]
