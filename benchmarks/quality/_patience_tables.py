"""Tables of `patience.py`: each regime against the start, and set by set."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.quality._patience_regimes import START, axes
from benchmarks.quality._patience_words import HOW_TO_READ, what_follows
from benchmarks.quality._provenance import provenance
from benchmarks.quality._statistics import N_BOOTSTRAP, recovered

ALONE, TEACHER = "alone", "teacher"


class Losses:
    """Log-losses by regime and set: means over splits and networks.

    Parameters
    ----------
    rows : DataFrame
        Of ``patience.csv``.
    """

    def __init__(self, rows: pd.DataFrame) -> None:
        table = _by_set(rows)
        whole = table.loc[[ALONE, TEACHER, START.text()]].notna().all()
        self.table = table.loc[:, whole]
        self.sets = list(self.table)
        self.alone, self.teacher, self.start = (
            self.table.loc[name].to_numpy() for name in (ALONE, TEACHER, START.text())
        )

    def has(self, regime: str) -> bool:
        """Whether it has been tried on all sets."""
        return regime in self.table.index and self.table.loc[regime].notna().all()

    def of(self, regime: str) -> np.ndarray:
        return self.table.loc[regime].to_numpy()

    def rho(self, regime: str) -> tuple[float, float, float]:
        """Recovered gap, with its interval."""
        return recovered(self.alone, self.of(regime), self.teacher)

    def to_start(self, regime: str) -> tuple[float, float, float]:
        """Geometric mean over sets of the loss over the start's, with its interval."""
        logs = np.log(self.of(regime) / self.start)
        rng = np.random.default_rng(0)
        drawn = rng.integers(len(logs), size=(N_BOOTSTRAP, len(logs)))
        low, high = np.quantile(logs[drawn].mean(axis=1), [0.025, 0.975])
        return float(np.exp(logs.mean())), float(np.exp(low)), float(np.exp(high))

    def to_alone(self, regime: str) -> float:
        """Geometric mean over all sets of the loss over that of the student alone."""
        return float(np.exp(np.mean(np.log(self.of(regime) / self.alone))))

    @property
    def better(self) -> list[str]:
        """Sets in which the teacher is better than the student alone."""
        pairs = zip(self.sets, self.teacher < self.alone, strict=True)
        return [name for name, is_better in pairs if is_better]


def _by_set(rows: pd.DataFrame) -> pd.DataFrame:
    means = rows.groupby(["regime", "set"], sort=False)["log_loss"].mean()
    return means.unstack("set")[rows["set"].unique()]


def write_tables(path: Path, out: Path) -> str:
    """Write the tables of the rows at `path` to `out`, in Markdown; give the text."""
    rows = pd.read_csv(path)
    if not {ALONE, TEACHER, START.text()} <= {*rows["regime"]}:
        return "No set is done as yet."
    losses = Losses(rows)
    parts = [
        "# How are small networks best trained on rows that a teacher labels?",
        "",
        provenance("patience.py", path),
        "",
        HOW_TO_READ,
        "",
        f"Start: `{START.text()}`, batches of 256, learning rate 0.01, cosine.",
        "",
        *what_follows(losses, _spread(rows)),
        "",
        "## Axes",
        "",
        *_axes_table(rows, losses),
        "",
        "## Sets",
        "",
        *_sets_table(rows, losses),
    ]
    text = "\n".join(parts) + "\n"
    out.write_text(text)
    return text


def _spread(rows: pd.DataFrame) -> float:
    """How far `to_start` differs between two ways to part the rows; nan if unknown."""
    ends = [Losses(mine) for _, mine in rows.groupby("split")]
    if len(ends) < 2 or any(each.sets != ends[0].sets for each in ends):
        return np.nan
    apart = [
        abs(ends[0].to_start(regime.text())[0] - ends[1].to_start(regime.text())[0])
        for _, value, regime in axes()
        if value and all(each.has(regime.text()) for each in ends)
    ]
    return float(np.mean(apart))


def _axes_table(rows: pd.DataFrame, losses: Losses) -> list[str]:
    heads = ["axis", "value", "rho", "95 %", "to alone", "to start", "95 %"]
    heads += [*losses.sets, "accuracy", "rows, s", "fit, s"]
    lines = [_line(heads), "|" + " --- |" * len(heads)]
    for name, title in ((ALONE, "student alone"), (TEACHER, "teacher")):
        compared = ["", "", f"{losses.to_alone(name):.3f}", "", ""]
        cells = [f"{loss:.4f}" for loss in losses.of(name)]
        lines.append(_line([title, "", *compared, *cells, *_means(rows, name)]))
    axis_before = None
    for axis, value, regime in axes():
        text = regime.text()
        if not losses.has(text):
            continue
        cells = [axis if axis != axis_before else "", value]
        cells += _with_interval(losses.rho(text), 2)
        cells += [f"{losses.to_alone(text):.3f}"]
        cells += _with_interval(losses.to_start(text), 3) if value else ["1", ""]
        cells += [f"{loss:.4f}" for loss in losses.of(text)]
        lines.append(_line([*cells, *_means(rows, text)]))
        axis_before = axis
    return lines


def _with_interval(figures: tuple[float, float, float], digits: int) -> list[str]:
    middle, low, high = (f"{figure:.{digits}f}" for figure in figures)
    return [middle, f"{low} to {high}"]


def _means(rows: pd.DataFrame, regime: str) -> list[str]:
    mine = rows[rows["regime"] == regime]
    seconds = [mine[name].mean() for name in ("labels_s", "fit_s")]
    told = ["" if np.isnan(s) else f"{s:.1f}" for s in seconds]
    return [f"{mine['accuracy'].mean():.1%}", *told]


def _sets_table(rows: pd.DataFrame, losses: Losses) -> list[str]:
    heads = ["set", "rows that teach", "that judge", "split"]
    heads += ["calibrated by", "student alone tuned to"]
    lines = [_line(heads), "|" + " --- |" * len(heads)]
    for name in losses.sets:
        for split, mine in rows[rows["set"] == name].groupby("split"):
            chosen = mine.groupby("regime")["params"].first()
            sizes = mine[["n_train", "n_judge"]].iloc[0]
            cells = [name, *(f"{size:,}" for size in sizes), str(split)]
            lines.append(_line([*cells, chosen[TEACHER], chosen[ALONE]]))
    return lines


def _line(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"
