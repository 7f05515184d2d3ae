"""Tables of the benchmark of harm: what each rule would have chosen, and what it costs.

Nothing here is fitted: a rule sees the differences of two candidates' scores over the
folds, and the test rows have said how these two compare.
"""

from __future__ import annotations

import datetime
import platform
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import sklearn
import torch

import skdistill

#: A mean difference of log-losses that is worth a word.
CLEAR = 0.002
#: The rule that the search has by default.
DEFAULT = "1 standard error"
ANY_GAIN = "0 (best mean)"
GATES = DEFAULT, ANY_GAIN


def _errors(k: float, share: float = 0.0) -> Callable[[np.ndarray], bool]:
    """Above k standard errors; those of Nadeau and Bengio, where folds share rows."""

    def rule(differences: np.ndarray) -> bool:
        n = len(differences)
        error = differences.std(ddof=1) * np.sqrt(1 / n + share)
        return bool(differences.mean() > k * error)

    return rule


#: With five folds a test fold has a quarter of the rows of its training part.
RULES = {
    ANY_GAIN: _errors(0.0),
    "0.5 standard errors": _errors(0.5),
    DEFAULT: _errors(1.0),
    "1.5 standard errors": _errors(1.5),
    "2 standard errors": _errors(2.0),
    "1 corrected": _errors(1.0, 0.25),
    "2.13 corrected (t-test, 5 %)": _errors(2.13, 0.25),
    "better in all folds": lambda differences: bool((differences > 0).all()),
    "always distilled": lambda differences: True,
}


def write_tables(path: Path, out: Path) -> str:
    """Write the tables of the rows at `path` to `out`, in Markdown; give the text."""
    rows = pd.read_csv(path)
    for name, rule in RULES.items():
        rows[name] = [rule(np.fromstring(d, sep=" ")) for d in rows["cv_differences"]]
    if list(rows[DEFAULT]) != list(rows["improves"]):
        raise AssertionError("The search followed another rule than this file says.")
    parts = [
        "# Does a search with a teacher do harm?",
        "",
        _provenance(path, rows),
        "",
        *_totals(rows),
        "",
        "## Rules",
        "",
        *_by_rule(rows),
        "",
        "## Students",
        "",
        *_by_student(rows),
        "",
        "## Pairs",
        "",
        *_pairs(rows),
    ]
    text = "\n".join(parts) + "\n"
    out.write_text(text)
    return text


def _provenance(path: Path, rows: pd.DataFrame) -> str:
    return (
        f"Made by `python benchmarks/search/harm.py --data DIR` from `{path.name}` on "
        f"{datetime.date.today().isoformat()}: skdistill {skdistill.__version__}, "
        f"scikit-learn {sklearn.__version__}, torch {torch.__version__}, numpy "
        f"{np.__version__}, Python {platform.python_version()}; "
        f"{rows['seconds'].sum() / 60:.0f} minutes of searching. `harm.py` says how, "
        "`_students.py` what was tried. Losses are mean held-out log-losses; *alone* "
        "is the best candidate with alpha 0, *distilled* the best with a teacher."
    )


def _worse(rows: pd.DataFrame, kind: str = "") -> pd.Series:
    """Whether distilled is clearly worse than alone."""
    mean, interval = rows[f"{kind}difference"], rows[f"{kind}interval"]
    return (mean > interval) & (mean > CLEAR)


def _better(rows: pd.DataFrame) -> pd.Series:
    return (-rows["difference"] > rows["interval"]) & (-rows["difference"] > CLEAR)


def _kept(rows: pd.DataFrame, rule: str, kind: str = "") -> float:
    """Share of the gain of the best mean that a rule keeps."""
    gain = -rows[f"{kind}difference"]
    return gain[rows[rule]].sum() / gain[rows[ANY_GAIN]].sum()


def _totals(rows: pd.DataFrame) -> list[str]:
    lines = []
    for name, rule in (("gated", DEFAULT), ("ungated", ANY_GAIN)):
        worse = rows[rule] & _worse(rows)
        lines.append(
            f"- {name} ({rule}): {int(rows[rule].sum())} of {len(rows)} pairs distilled"
            f", **{int(worse.sum())} clearly worse** than alone ({worse.mean():.1%}; "
            f"goal 2 %)"
            + "".join(
                f"; {row['set']}, {row['student']}" for _, row in rows[worse].iterrows()
            )
            + "."
        )
    kept, mixed = _kept(rows, DEFAULT), _kept(rows, DEFAULT, "mixed_")
    lines.append(
        f"- gain kept by gating: **{kept:.1%}** (goal 90 %); in mixed losses "
        f"{mixed:.1%}."
    )
    return lines


def _by_rule(rows: pd.DataFrame) -> list[str]:
    lines = [
        "Standard errors of the mean difference over the folds; *corrected* are those "
        "of Nadeau and Bengio. *Gains missed*: pairs left alone where distilled is "
        "clearly better.",
        "",
        "| rule | distilled | clearly worse | the same, mixed | any worse | gains "
        "missed | mean gain | kept | kept, mixed |",
        "|" + " --- |" * 9,
    ]
    for name in RULES:
        chosen = rows[name]
        lines.append(
            f"| {name} | {int(chosen.sum())} | {int((chosen & _worse(rows)).sum())} | "
            f"{int((chosen & _worse(rows, 'mixed_')).sum())} | "
            f"{int((chosen & (rows['difference'] > 0)).sum())} | "
            f"{int((~chosen & _better(rows)).sum())} | "
            f"{(-rows['difference'] * chosen).mean():.4f} | {_kept(rows, name):.1%} | "
            f"{_kept(rows, name, 'mixed_'):.1%} |"
        )
    return lines


def _by_student(rows: pd.DataFrame) -> list[str]:
    lines = [
        "| student | distilled | alone | gated | ungated | kept | kept, mixed |",
        "|" + " --- |" * 7,
    ]
    for student, mine in rows.groupby("student", sort=False):
        change = mine["difference"]
        means = [mine["alone_loss"].mean()]
        means += [means[0] + (change * mine[rule]).mean() for rule in GATES]
        lines.append(
            f"| {student} | {int(mine[DEFAULT].sum())} of {len(mine)} | "
            + "".join(f"{mean:.4f} | " for mean in means)
            + f"{_kept(mine, DEFAULT):.1%} | {_kept(mine, DEFAULT, 'mixed_'):.1%} |"
        )
    return lines


def _pairs(rows: pd.DataFrame) -> list[str]:
    lines = [
        "*Difference*: of distilled to alone on the test rows, with its 95 % interval; "
        "**better** or **worse** if it is clear. *Folds*: the mean gain of distilled "
        "over the folds, in standard errors.",
        "",
        "| set (training + test rows) | student | alone | distilled | folds | teacher "
        "| log-loss alone | gated | ungated | difference | mixed | |",
        "|" + " --- |" * 12,
    ]
    worse, better = _worse(rows), _better(rows)
    for k, row in rows.iterrows():
        losses = [
            row["distilled_loss"] if row[rule] else row["alone_loss"] for rule in GATES
        ]
        flag = "**worse**" if worse[k] else "**better**" if better[k] else ""
        folds = np.fromstring(row["cv_differences"], sep=" ")
        ratio = folds.mean() / (folds.std(ddof=1) / np.sqrt(len(folds)))
        split = f", split {row['split']}" if row["split"] else ""
        lines.append(
            f"| {row['set']}{split} ({row['n_train']:,} + {row['n_test']:,}) | "
            f"{row['student']} | {row['alone']} | {row['distilled']} | {ratio:+.1f} | "
            f"{row['teacher_loss']:.4f} | {row['alone_loss']:.4f} | {losses[0]:.4f} | "
            f"{losses[1]:.4f} | {row['difference']:+.4f} ± {row['interval']:.4f} | "
            f"{row['mixed_difference']:+.4f} ± {row['mixed_interval']:.4f} | {flag} |"
        )
    return lines
