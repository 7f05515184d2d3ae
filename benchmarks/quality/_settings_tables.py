"""Tables of the search for settings: each axis around the start, by family."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.quality._axes import START, axes
from benchmarks.quality._contenders import Kind
from benchmarks.quality._provenance import provenance
from benchmarks.quality._settings import RECOMMENDED

ALONE = "alone"
#: A difference of log-losses that is worth a word.
CLEAR = 0.002
#: One with which every axis is tried.
ANY_KIND = Kind(categories=False, wide=False, images=False)
PAIR = ["set", "teacher", "student"]

HOW_TO_READ = """\
One row for a value of an axis; all other settings are those of the start. *Recovered*:
of the gap between the student alone and the teacher, as a ratio of sums over the pairs
(set, teacher, student) in which the teacher is better. *Ratio*: geometric mean of its
log-loss over that of the student alone; *to start*: over that of the start, in the
pairs that have both. *Better* and *worse*: pairs that differ from the start by more
than 0.002. *Agreement* with the teacher, and *seconds* of a fit, are means; *share* is
the median share of class frequencies that was best. Differences in the ratio below
.003 are noise: one seed, one split."""


def write_tables(path: Path, out: Path) -> str:
    """Write the tables of the rows at `path` to `out`, in Markdown; give the text."""
    rows = pd.read_csv(path)
    alone = rows[rows["axis"] == ALONE].set_index(PAIR)["log_loss"]
    tried = rows[rows["axis"] != ALONE].copy()
    index = pd.MultiIndex.from_frame(tried[PAIR])
    tried["alone"] = alone.reindex(index).to_numpy()
    parts = [
        "# Which settings make the best students?",
        "",
        provenance("settings.py", path),
        _sets(rows),
        "",
        HOW_TO_READ,
    ]
    for family in START:
        mine = tried[tried["family"] == family]
        if mine.empty:
            continue
        students = ", ".join(mine["student"].unique())
        parts += ["", f"## {family}: {students}", ""]
        parts += [f"Start: `{START[family].text()}`", ""]
        parts += [f"Recommended: `{RECOMMENDED[family].text()}`", ""]
        parts += _by_axis(mine, family)
    parts += ["", "## The start, set by set", "", *_by_set(tried)]
    text = "\n".join(parts) + "\n"
    out.write_text(text)
    return text


def _sets(rows: pd.DataFrame) -> str:
    listed = rows.groupby("set", sort=False)[["n_train", "n_test"]].first()
    shown = [
        f"{name} {row.n_train:,} + {row.n_test:,}" for name, row in listed.iterrows()
    ]
    teachers = ", ".join(rows["teacher"].unique())
    return f"Rows that teach + that judge: {'; '.join(shown)}. Teachers: {teachers}."


def _by_axis(rows: pd.DataFrame, family: str) -> list[str]:
    start = rows[rows["settings"] == START[family].text()].set_index(PAIR)["log_loss"]
    lines = [
        "| axis | value | pairs | recovered | ratio | to start | better | worse | "
        "agreement | share | seconds |",
        "|" + " --- |" * 11,
    ]
    base = set(START[family].text().split())
    for axis, settings in axes(family, ANY_KIND):
        here = rows[rows["settings"] == settings.text()]
        if here.empty:
            continue
        if axis == "start" and here["settings"].iloc[0] != START[family].text():
            continue
        value = " ".join(w for w in settings.text().split() if w not in base)
        before = start.reindex(pd.MultiIndex.from_frame(here[PAIR])).to_numpy()
        change = here["log_loss"].to_numpy() - before
        cells = [
            axis,
            value or "as the start",
            str(len(here)),
            _recovered(here),
            f"{_ratio(here['log_loss'], here['alone']):.4f}",
            f"{_ratio(here['log_loss'], before):.4f}",
            str(int((change < -CLEAR).sum())),
            str(int((change > CLEAR).sum())),
            f"{here['agreement'].mean():.1%}",
            f"{here['share'].median():g}",
            f"{here['fit_s'].mean():.1f}",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def _ratio(losses, others) -> float:
    logs = np.log(np.asarray(losses, float)) - np.log(np.asarray(others, float))
    return float(np.exp(np.nanmean(logs)))


def _recovered(rows: pd.DataFrame) -> str:
    """Ratio of sums, over pairs in which the teacher is better."""
    rows = rows[rows["teacher_log_loss"] < rows["alone"]]
    gap = (rows["alone"] - rows["teacher_log_loss"]).sum()
    return f"{(rows['alone'] - rows['log_loss']).sum() / gap:.1%}" if gap else "no gap"


def _by_set(rows: pd.DataFrame) -> list[str]:
    """Log-loss alone and of the start, and the best single setting, as a caution."""
    lines = [
        "| set | teacher | student | alone | start | best | which | teacher's own |",
        "|" + " --- |" * 8,
    ]
    for (name, teacher, student), mine in rows.groupby(PAIR, sort=False):
        start = mine[mine["settings"] == START[mine["family"].iloc[0]].text()]
        best = mine.loc[mine["log_loss"].idxmin()]
        base = set(START[best["family"]].text().split())
        which = " ".join(w for w in best["settings"].split() if w not in base)
        first = f"{start['log_loss'].iloc[0]:.4f}" if len(start) else ""
        lines.append(
            f"| {name} | {teacher} | {student} | {best['alone']:.4f} | {first} | "
            f"{best['log_loss']:.4f} | {which or 'start'} | "
            f"{best['teacher_log_loss']:.4f} |"
        )
    return lines
