"""Tables of the comparison with AutoGluon's students."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.quality._provenance import provenance

HOW_TO_READ = """\
*Theirs* is AutoGluon's distilled student (*none*: without augmentation, *spunge*: its
default), *scratch* its undistilled twin. *Ours* is what `DistillationClassifierCV`
chose, the undistilled twin included; *alone* that twin, *distilled* the best with the
teacher. All have one teacher, one split, the same rows. *Recovered* is of the log-loss
gap between a twin and the teacher, as a ratio of sums over the pairs in which the
teacher is better than that twin. One seed: differences below .01 are noise."""


def write_tables(path: Path, out: Path) -> str:
    """Write the tables of the rows at `path` to `out`, in Markdown; give the text."""
    rows = pd.read_csv(path)
    parts = [
        "# Against AutoGluon's distilled students",
        "",
        provenance("autogluon.py", path).replace(
            "--data DIR", "--data DIR --peers DIR"
        ),
        "",
        HOW_TO_READ,
        "",
        *_by_family(rows),
        "",
        "## Pairs",
        "",
        *_pairs(rows),
    ]
    text = "\n".join(parts) + "\n"
    out.write_text(text)
    return text


def _recovered(rows: pd.DataFrame, alone: str, distilled: str) -> str:
    rows = rows[rows["teacher_loss"] < rows[alone]]
    gap = (rows[alone] - rows["teacher_loss"]).sum()
    return f"{(rows[alone] - rows[distilled]).sum() / gap:.2f}" if gap else "no gap"


def _by_family(rows: pd.DataFrame) -> list[str]:
    lines = [
        "| family | mode | sets | ours better | by more than .01 | theirs by more than "
        ".01 | recovered, theirs | recovered, ours | ours, distilled | ours no larger "
        "|",
        "|" + " --- |" * 10,
    ]
    groups = [(("all", mode), mine) for mode, mine in rows.groupby("mode")]
    groups = [*rows.groupby(["family", "mode"], sort=False), *groups]
    for (family, mode), mine in groups:
        ahead = mine["their_loss"] - mine["our_chosen"]
        cells = [
            family,
            mode,
            str(len(mine)),
            str(int((ahead > 0).sum())),
            str(int((ahead > 0.01).sum())),
            str(int((ahead < -0.01).sum())),
            _recovered(mine, "their_scratch", "their_loss"),
            _recovered(mine, "our_alone", "our_chosen"),
            _recovered(mine, "our_alone", "our_distilled"),
            str(int((mine["our_mb"] <= mine["their_mb"]).sum())),
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def _pairs(rows: pd.DataFrame) -> list[str]:
    lines = [
        "| set | family | mode | teacher | scratch | theirs | alone | distilled | ours "
        "| accuracy, theirs | ours | megabytes, theirs | ours | told | |",
        "|" + " --- |" * 15,
    ]
    for _, row in rows.iterrows():
        losses = ["teacher_loss", "their_scratch", "their_loss", "our_alone"]
        losses += ["our_distilled", "our_chosen"]
        told = row["distilled_params"] if row["improves"] else row["alone_params"]
        better = row["our_chosen"] < row["their_loss"]
        cells = [
            *(row["set"], row["family"], row["mode"]),
            *(f"{row[name]:.4f}" for name in losses),
            *(f"{row[name]:.1%}" for name in ("their_accuracy", "our_accuracy")),
            *(f"{row[name]:.3g}" for name in ("their_mb", "our_mb")),
            f"{told} labels={row['labels']}" if row["improves"] else told,
            "**ours**" if better else "theirs",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    if not np.isfinite(rows["our_chosen"]).all():
        raise AssertionError("A log-loss is not finite.")
    return lines
