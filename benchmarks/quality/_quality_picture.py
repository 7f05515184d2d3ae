"""The picture of the quality benchmark: recovered gaps, one line for each student."""

from __future__ import annotations

from pathlib import Path

import matplotlib

matplotlib.use("Agg")

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt

from benchmarks.quality._quality_tables import complete
from benchmarks.quality._statistics import by_set, recovered

#: Variant -> label, marker, fill and place; told apart without colour.
MARKS = {
    "naive": ("in-sample soft labels", "o", "white", -0.22),
    "recipe": ("AutoGluon's recipe", "s", "0.6", 0.0),
    "default": ("recommended settings", "D", "black", 0.22),
}


def draw_picture(path: Path, out: Path) -> None:
    """Draw the recovered gaps of the rows at `path`, as a PNG file at `out`."""
    pairs = by_set(complete(pd.read_csv(path)))
    teachers = list(pairs["teacher"].unique())
    students = list(pairs["student"].unique())
    figure, axes = plt.subplots(
        1,
        len(teachers),
        figsize=(5.2 * len(teachers), 0.55 * len(students) + 1.6),
        sharey=True,
        sharex=True,
        squeeze=False,
        layout="constrained",
    )
    for ax, teacher in zip(axes[0], teachers, strict=True):
        for variant in MARKS:
            _draw_variant(ax, pairs[pairs["teacher"] == teacher], variant, students)
        _dress(ax, teacher, students)
    axes[0][0].set_xlim(*_reach(axes[0]))
    handles, labels = axes[0][0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=3, frameon=False)
    figure.savefig(out, dpi=150)
    plt.close(figure)


def _reach(axes) -> tuple[float, float]:
    """The limits of the axis: an interval that leaves them is cut off."""
    low, high = axes[0].get_xlim()
    return max(low, -1.0), min(max(high, 1.15), 1.6)


def _draw_variant(ax, pairs: pd.DataFrame, variant: str, students: list[str]) -> None:
    label, marker, fill, offset = MARKS[variant]
    places, middles, reaches = [], [], []
    for k, student in enumerate(students):
        mine = pairs[(pairs["student"] == student) & (pairs["variant"] == variant)]
        rho, low, high = recovered(
            mine["alone"], mine["log_loss"], mine["teacher_loss"]
        )
        if np.isfinite(rho):
            places.append(k + offset)
            middles.append(rho)
            reaches.append((rho - low, high - rho))
    ax.errorbar(
        middles,
        places,
        xerr=np.array(reaches).reshape(-1, 2).T,
        fmt=marker,
        markerfacecolor=fill,
        color="black",
        markersize=6,
        linewidth=1,
        capsize=2,
        label=label,
    )


def _dress(ax, teacher: str, students: list[str]) -> None:
    ax.axvline(0, color="black", linewidth=0.8)
    ax.axvline(1, color="black", linewidth=0.8, linestyle=":")
    ax.set_yticks(range(len(students)), students)
    ax.set_ylim(len(students) - 0.5, -0.5)
    for k in range(1, len(students)):
        ax.axhline(k - 0.5, color="0.85", linewidth=0.8)
    for place, text in ((0, "student alone"), (1, "teacher")):
        ax.text(place, -0.55, text, ha="center", va="bottom", fontsize=8)
    ax.xaxis.set_major_locator(matplotlib.ticker.MultipleLocator(0.5))
    ax.xaxis.set_major_formatter(matplotlib.ticker.PercentFormatter(1, decimals=0))
    ax.set_title(f"Teacher: {teacher}", loc="left", fontsize=11, pad=16)
    ax.set_xlabel("share of the log-loss gap to the teacher recovered")
    ax.spines[["top", "right", "left"]].set_visible(False)
    ax.tick_params(axis="y", length=0)
