"""Tables of the thousandfold benchmark."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.quality._contenders import STACK
from benchmarks.quality._provenance import provenance

GOAL = 1000
#: Accuracy, below that of the stack.
MOST_LOST = 0.003

HOW_TO_READ = """\
*Smaller* and *faster*: bytes pickled, and time of `predict_proba` for a single row, of
the stack over the student's. *Lost*: percentage points of accuracy below the stack,
with the 95 % interval of the paired test rows. A student *reaches* the goal on a set
where both ratios are 1,000 or more; *exported* counts the file and the speed of the
ONNX model instead."""


def write_tables(path: Path, out: Path) -> str:
    """Write the tables of the rows at `path` to `out`, in Markdown; give the text."""
    rows = pd.read_csv(path)
    rows["smaller"] = rows["stack_bytes"] / rows["bytes"]
    rows["faster"] = rows["stack_us"] / rows["us"]
    rows["exported_smaller"] = rows["stack_bytes"] / rows["exported_bytes"]
    rows["exported"] = rows["stack_us"] / rows["exported_us"]
    parts = [
        "# A thousandth of the stack",
        "",
        provenance("thousandfold.py", path) + f" Teacher: {STACK}.",
        "",
        HOW_TO_READ,
        "",
        *_by_student(rows),
        "",
        "## Which family reaches it",
        "",
        "Of the students whose file is a thousandth of the stack and a thousand times "
        "as fast, the one that loses least. It is picked on the test rows, which "
        "flatters a little; all are in the next table.",
        "",
        *_reached(rows),
        "",
        "## Set by set",
        "",
        *_by_set(rows),
    ]
    text = "\n".join(parts) + "\n"
    out.write_text(text)
    return text


def _number(value: float) -> str:
    return "" if np.isnan(value) else f"{value:,.0f}"


def _by_student(rows: pd.DataFrame) -> list[str]:
    lines = [
        "| student | sets | smaller, median | faster, median | exported, median | "
        "reach both | exported, reach both | lost, mean | lost alone, mean | agreement "
        "|",
        "|" + " --- |" * 10,
    ]
    for student, mine in rows.groupby("student", sort=False):
        small, exported = mine["smaller"] >= GOAL, mine["exported_smaller"] >= GOAL
        alone = (mine["stack_accuracy"] - mine["alone_accuracy"]).mean()
        cells = [
            str(student),
            str(len(mine)),
            *(_number(mine[c].median()) for c in ("smaller", "faster", "exported")),
            str(int((small & (mine["faster"] >= GOAL)).sum())),
            str(int((exported & (mine["exported"] >= GOAL)).sum())),
            f"{mine['loss'].mean() * 100:.1f}",
            f"{alone * 100:.1f}",
            f"{mine['agreement'].mean():.1%}",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def _reached(rows: pd.DataFrame) -> list[str]:
    fits = rows[(rows["exported_smaller"] >= GOAL) & (rows["exported"] >= GOAL)]
    best = fits.loc[fits.groupby("set", sort=False)["loss"].idxmin()]
    lines = [
        "| set | student | lost | smaller | faster | 0.3 points or less |",
        "|" + " --- |" * 6,
    ]
    for _, row in best.iterrows():
        cells = [
            *(row["set"], row["student"]),
            f"{row['loss'] * 100:+.1f} ± {row['interval'] * 100:.1f}",
            *(_number(row[c]) for c in ("exported_smaller", "exported")),
            "yes" if row["loss"] <= MOST_LOST else "no",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    n_reached = int((best["loss"] <= MOST_LOST).sum())
    return [
        *lines,
        "",
        f"Mean loss {best['loss'].mean() * 100:.2f} points; 0.3 or less on "
        f"{n_reached} of {rows['set'].nunique()} sets.",
    ]


def _by_set(rows: pd.DataFrame) -> list[str]:
    lines = [
        "| set | student | stack, accuracy | alone | taught | lost | agreement "
        "| stack, megabytes | student, kilobytes | smaller | stack, ms | student, µs "
        "| faster | exported, kilobytes | smaller | exported, µs | faster |",
        "|" + " --- |" * 17,
    ]
    for _, row in rows.iterrows():
        cells = [
            *(row["set"], row["student"]),
            *(f"{row[c]:.1%}" for c in ("stack_accuracy", "alone_accuracy")),
            f"{row['accuracy']:.1%}",
            f"{row['loss'] * 100:+.1f} ± {row['interval'] * 100:.1f}",
            f"{row['agreement']:.1%}",
            f"{row['stack_bytes'] / 1e6:,.0f}",
            f"{row['bytes'] / 1e3:,.1f}",
            f"{row['smaller']:,.0f}",
            f"{row['stack_us'] / 1e3:,.1f}",
            f"{row['us']:,.0f}",
            f"{row['faster']:,.0f}",
            f"{row['exported_bytes'] / 1e3:,.1f}",
            _number(row["exported_smaller"]),
            _number(row["exported_us"]),
            _number(row["exported"]),
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return lines
