"""A heat map of temperature and alpha, with the student alone beside it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from skdistill.inspection._figures import (
    SMALLEST_TEXT,
    fitting_text,
    lay_out,
    merged,
    size_in_points,
    text_color,
)

#: Between the student alone and the cells with a teacher, in cells.
_GAP = 0.25


class Grid(NamedTuple):
    """Which pair is in which cell.

    Parameters
    ----------
    temperatures : ndarray of shape (n_temperatures,)
        Sorted; of the rows, from below.
    alphas : ndarray of shape (n_alphas,)
        Sorted, above 0; of the columns.
    pairs : ndarray of shape (n_temperatures, n_alphas), intp
        Positions of pairs; -1 where none was tried.
    alone : int
        Position of the student alone; -1 if it was not tried.
    """

    temperatures: NDArray[np.float64]
    alphas: NDArray[np.float64]
    pairs: NDArray[np.intp]
    alone: int

    @classmethod
    def of(cls, temperature: NDArray, alpha: NDArray) -> Grid:
        """Lay pairs out."""
        taught = np.flatnonzero(alpha > 0)
        alone = np.flatnonzero(alpha == 0)
        temperatures, row = np.unique(temperature[taught], return_inverse=True)
        alphas, column = np.unique(alpha[taught], return_inverse=True)
        pairs = np.full((len(temperatures), len(alphas)), -1, dtype=np.intp)
        pairs[row, column] = taught
        return cls(temperatures, alphas, pairs, int(alone[0]) if len(alone) else -1)

    def is_dense(self) -> bool:
        """Whether at least half of the cells were tried."""
        return 2 * int(np.count_nonzero(self.pairs >= 0)) >= self.pairs.size

    def places(self) -> dict[int, tuple[float, float]]:
        """The middle of each pair's cell."""
        left = 1 + _GAP if self.alone >= 0 else 0.0
        found = {
            int(k): (left + column, float(row))
            for (row, column), k in np.ndenumerate(self.pairs)
            if k >= 0
        }
        if self.alone >= 0:
            found[self.alone] = 0.0, (self.n_rows - 1) / 2
        return found

    @property
    def n_rows(self) -> int:
        """Rows of cells; one, if there is the student alone and no more."""
        return max(1, len(self.temperatures))

    def box(self, k: int) -> tuple[float, float, float, float]:
        """Left, lower, width and height of a pair's cell."""
        x, y = self.places()[k]
        height = self.n_rows if k == self.alone else 1
        return x - 0.5, y - height / 2, 1, height


def draw_cells(ax, grid: Grid, score: NDArray, norm, cmap) -> list:
    """Draw a mesh of the cells with a teacher and one of the student alone.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
        Where.
    grid : Grid
        The cells.
    score : ndarray of shape (n_pairs,)
        Values.
    norm, cmap : matplotlib.colors.Normalize, str or matplotlib.colors.Colormap
        From values to colours.

    Returns
    -------
    list of matplotlib.collections.QuadMesh
    """
    style = {"norm": norm, "cmap": cmap, "edgecolors": "white", "linewidth": 1}
    meshes = []
    if grid.alone >= 0:
        edges = [-0.5, 0.5], [-0.5, grid.n_rows - 0.5]
        meshes.append(ax.pcolormesh(*edges, _shown(score[[[grid.alone]]]), **style))
    if grid.pairs.size:
        left = 0.5 + _GAP if grid.alone >= 0 else -0.5
        edges_x = left + np.arange(len(grid.alphas) + 1)
        edges_y = np.arange(len(grid.temperatures) + 1) - 0.5
        tried = np.where(grid.pairs >= 0, score[grid.pairs], np.nan)
        meshes.append(ax.pcolormesh(edges_x, edges_y, _shown(tried), **style))
    for k in np.flatnonzero(np.isnan(score)).tolist():
        _add_box(ax, grid, k, facecolor="0.9", edgecolor="0.6", hatch="//")
    _label_cells(ax, grid)
    return meshes


def _shown(values: NDArray):
    """Infinite scores get the colour of the end of the scale."""
    return np.ma.masked_invalid(np.clip(values, -1e30, 1e30))


def _add_box(ax, grid: Grid, k: int, **style) -> None:
    from matplotlib.patches import Rectangle

    left, low, width, height = grid.box(k)
    ax.add_patch(Rectangle((left, low), width, height, **style))


def _label_cells(ax, grid: Grid) -> None:
    places = grid.places()
    ticks = {column: f"{a:.4g}" for column, a in enumerate(grid.alphas)}
    shift = 1 + _GAP if grid.alone >= 0 else 0.0
    at = [shift + column for column in ticks]
    names = list(ticks.values())
    if grid.alone >= 0:
        at, names = [0.0, *at], ["0\nalone", *names]
    ax.set_xticks(at, names)
    ax.set_yticks(range(len(grid.temperatures)))
    ax.set_yticklabels([f"{t:.4g}" for t in grid.temperatures])
    right = max(x for x, _ in places.values()) + 0.5
    ax.set(xlim=(-0.5, right), ylim=(-0.5, grid.n_rows - 0.5))
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)


def frame_cell(ax, grid: Grid, k: int) -> None:
    """Put a frame around a cell that is seen on any colour."""
    for color, linewidth in (("black", 4.5), ("white", 1.5)):
        _add_box(
            ax,
            grid,
            k,
            fill=False,
            edgecolor=color,
            linewidth=linewidth,
            clip_on=False,
            zorder=4,
        )


def write_scores(
    ax,
    grid: Grid,
    score: NDArray,
    best: int,
    colors: Callable,
    write: Callable[[float], str],
    *,
    text_kw: dict | None,
    always: bool,
) -> dict:
    """Write the scores into the cells, if they can be read there.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
        With the cells.
    grid : Grid
        The cells.
    score : ndarray of shape (n_pairs,)
        Values.
    best : int
        Pair that is set in bold.
    colors : callable
        From a value to the colour of its cell.
    write : callable
        From a value to a text.
    text_kw : dict or None
        Of the texts.
    always : bool
        Whether to write them however small.

    Returns
    -------
    dict of int to matplotlib.text.Text
        By pair.
    """
    from matplotlib.text import Text

    lay_out(ax)
    width, height = size_in_points(ax)
    width /= np.ptp(ax.get_xlim())
    texts = {k: write(score[k]) for k in grid.places()}
    size = fitting_text(list(texts.values()), width, height / grid.n_rows)
    if size < SMALLEST_TEXT and not always:
        return {}
    found = {}
    for k, (x, y) in grid.places().items():
        background = (1, 1, 1) if np.isnan(score[k]) else colors(score[k])
        style: dict[str, Any] = {"color": text_color(background), "zorder": 5}
        style |= {"horizontalalignment": "center", "verticalalignment": "center"}
        style["fontsize"] = max(size, SMALLEST_TEXT)
        style["fontweight"] = "bold" if k == best else "normal"
        found[k] = ax.text(x, y, texts[k], **merged(style, text_kw, Text))
    return found
