"""What each size (or time) buys: students, and the front of those worth having."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skdistill.inspection._figures import (
    check_matplotlib,
    despine,
    lay_out,
    merged,
    open_axes,
)
from skdistill.inspection._point_names import name_points, put_legend


class ParetoDisplay:
    """Size, or time, against quality of several students.

    A student is on the front if no other one is at least as small and at least as good,
    and better in one of the two. The front is drawn as the step line of what can be had
    at each size; all others are paler.

    Use `from_results` to make one.

    Parameters
    ----------
    size : ndarray of shape (n_students,)
        What is to be small.
    quality : ndarray of shape (n_students,)
        What is to be large (or small, see `greater_is_better`).
    names : array-like of shape (n_students,), default=None
        Of the students.
    size_name, quality_name : str, default=None
        What they are, with the unit.
    greater_is_better : bool, default=True
        Whether `quality` is to be large.
    budget : float, default=None
        What the size may be at most.

    Attributes
    ----------
    on_front_ : ndarray of shape (n_students,), bool
        Who is on the front.
    front_ : ndarray of shape (n_front,), intp
        The same as positions, by size.
    line_ : matplotlib.lines.Line2D
        The front.
    points_, other_points_ : matplotlib.collections.PathCollection
        Students on the front, and the others.
    texts_ : list of matplotlib.text.Annotation
        Names. Those for which there is no room are left out, the front's last.
    budget_text_ : matplotlib.text.Annotation or None
        The word at the budget.
    ax_ : matplotlib.axes.Axes
        Axes with the points.
    figure_ : matplotlib.figure.Figure
        Figure with the axes.

    Examples
    --------
    >>> from skdistill.inspection import ParetoDisplay
    >>> results = {
    ...     "name": ["tree", "big tree", "forest", "linear"],
    ...     "n_bytes": [4_000, 60_000, 2_000_000, 50_000],
    ...     "score": [0.84, 0.86, 0.97, 0.95],
    ... }
    >>> display = ParetoDisplay.from_results(results, budget=100_000)
    >>> [results["name"][k] for k in display.front_]
    ['tree', 'linear', 'forest']
    """

    def __init__(
        self,
        size,
        quality,
        names=None,
        *,
        size_name=None,
        quality_name=None,
        greater_is_better=True,
        budget=None,
    ):
        self.size = size
        self.quality = quality
        self.names = names
        self.size_name = size_name
        self.quality_name = quality_name
        self.greater_is_better = greater_is_better
        self.budget = budget

    @classmethod
    def from_results(
        cls,
        results,
        *,
        size="n_bytes",
        quality="score",
        name="name",
        greater_is_better=True,
        budget=None,
        size_name=None,
        quality_name=None,
        ax=None,
        **kwargs,
    ):
        """Take the students from a table.

        Parameters
        ----------
        results : dict of array-like, or frame
            A row for each student. Those whose size or quality is not finite are left
            out.
        size : str, default="n_bytes"
            Column of what is to be small: bytes, microseconds, leaves.
        quality : str, default="score"
            Column of what is to be large.
        name : str or None, default="name"
            Column of the names. None: no names; so is a table without "name".
        greater_is_better : bool, default=True
            Whether quality is to be large; False for losses.
        budget : float, default=None
            What the size may be at most. What is beyond is shaded.
        size_name, quality_name : str, default=None
            For the axes, with the unit. None: from the columns.
        ax : matplotlib.axes.Axes, default=None
            Where to draw. None opens a figure.
        **kwargs : dict
            Further parameters of `plot`, those of the points among them.

        Returns
        -------
        ParetoDisplay
            Drawn.

        Raises
        ------
        ValueError
            If there is no such column, or nothing to show in it.
        """
        check_matplotlib(f"{cls.__name__}.from_results")
        sizes, qualities = (_numbers(results, key) for key in (size, quality))
        names = _names(results, name)
        columns = [sizes, qualities, sizes if names is None else names]
        if len({len(column) for column in columns}) > 1:
            raise ValueError(
                f"The columns {size!r}, {quality!r} and {name!r} of results are not of "
                "one length; give a row for each student."
            )
        known = np.isfinite(sizes) & np.isfinite(qualities)
        if not known.any():
            raise ValueError(
                f"results holds no student with both {size!r} and {quality!r}: each "
                "has nan or inf in one of the two."
            )
        display = cls(
            sizes[known],
            qualities[known],
            None if names is None else names[known],
            size_name=_spoken(size) if size_name is None else size_name,
            quality_name=_spoken(quality) if quality_name is None else quality_name,
            greater_is_better=greater_is_better,
            budget=budget,
        )
        return display.plot(ax=ax, **kwargs)

    def plot(self, ax=None, *, show_names=True, **kwargs):
        """Draw it.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, default=None
            Where to draw. None opens a figure.
        show_names : bool, default=True
            Whether to write the names at the points.
        **kwargs : dict
            Of the points on the front, for :meth:`matplotlib.axes.Axes.scatter`.

        Returns
        -------
        ParetoDisplay
            The same.
        """
        ax = open_axes(ax, self, (6.4, 4.2))
        from matplotlib.collections import PathCollection

        size = np.asarray(self.size, dtype=np.float64)
        quality = np.asarray(self.quality, dtype=np.float64)
        self.on_front_ = on_front(size, quality if self.greater_is_better else -quality)
        found = np.flatnonzero(self.on_front_)
        self.front_ = found[np.lexsort([quality[found], size[found]])]
        others = ~self.on_front_
        pale = {"color": "0.72", "edgecolors": "0.45", "s": 36, "zorder": 3}
        style = {"color": "#0072B2", "edgecolors": "black", "s": 48, "zorder": 4}
        style["label"] = "front: beaten by none"
        style = merged(style, kwargs, PathCollection)
        self.other_points_ = ax.scatter(size[others], quality[others], **pale)
        if others.any():
            self.other_points_.set_label("others")
        self.points_ = ax.scatter(size[self.front_], quality[self.front_], **style)
        self._set_scales(ax, size)
        self._draw_front(ax, size, quality)
        self.budget_text_ = None
        if self.budget is not None:
            self._shade_budget(ax)
        despine(ax)
        points = np.column_stack([size, quality])
        lay_out(ax)
        put_legend(ax, points, self.line_, fontsize=9)
        self.texts_ = []
        if show_names and self.names is not None:
            of_front = name_points(ax, points, self.front_, self.names, self.line_)
            rest = np.flatnonzero(others)
            of_rest = name_points(
                ax, points, rest, self.names, self.line_, taken=of_front, near=True
            )
            self.texts_ = [*of_front, *of_rest]
        return self

    def _set_scales(self, ax, size: NDArray) -> None:
        from matplotlib.ticker import EngFormatter, LogLocator

        ax.set(xlabel=self.size_name or "size", ylabel=self.quality_name or "quality")
        reach = size if self.budget is None else np.append(size, self.budget)
        if reach.min() > 0 and reach.max() > 5 * reach.min():
            ax.set_xscale("log")
            short = reach.max() < 100 * reach.min()
            ax.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if short else (1,)))
            ax.xaxis.set_major_formatter(EngFormatter(sep=" "))
            ax.xaxis.set_minor_formatter(lambda value, position: "")
        if "bytes" in str(self.size_name):
            ax.xaxis.set_major_formatter(EngFormatter(unit="B"))
        if self.budget is not None:
            middle = np.mean(ax.dataLim.intervaly)
            ax.update_datalim([(self.budget, middle)])
        ax.margins(0.12, 0.17)

    def _draw_front(self, ax, size: NDArray, quality: NDArray) -> None:
        """Draw what can be had at each size, up to the right border."""
        x, y = size[self.front_], quality[self.front_]
        limits = ax.get_xlim()
        style: dict[str, Any] = {"color": "#0072B2", "linewidth": 1.4, "zorder": 2}
        self.line_ = ax.plot(
            np.append(x, limits[1]),
            np.append(y, y[-1]),
            drawstyle="steps-post",
            **style,
        )[0]
        ax.set_xlim(limits)

    def _shade_budget(self, ax) -> None:
        """Shade what is over the budget; the word for it stands above the axes."""
        low, high = ax.get_xlim()
        shade = {"facecolor": "0.94", "edgecolor": "0.84", "hatch": "//"}
        ax.axvspan(self.budget, high, linewidth=0, zorder=0, **shade)
        ax.axvline(self.budget, color="0.35", linewidth=1, linestyle="--", zorder=1)
        ax.set_xlim(low, high)
        self.budget_text_ = ax.annotate(
            "budget",
            (self.budget, 1.0),
            (0, 3),
            xycoords=("data", "axes fraction"),
            textcoords="offset points",
            fontsize=9,
            ha="center",
        )


def on_front(size: NDArray, quality: NDArray) -> NDArray[np.bool_]:
    """Tell who is beaten by nobody.

    Parameters
    ----------
    size : ndarray of shape (n,)
        Smaller is better.
    quality : ndarray of shape (n,)
        Larger is better.

    Returns
    -------
    ndarray of shape (n,), bool
        Whether no other is at least as good in both and better in one. Of equals, all
        are or none is.
    """
    order = np.lexsort([-quality, size])
    best, front = -np.inf, np.zeros(len(size), dtype=bool)
    last = None
    for k in order:
        pair = size[k], quality[k]
        if last is None or quality[k] > best or pair == last:
            front[k] = True
            best, last = quality[k], pair
    return front


def _columns(results) -> list:
    columns = getattr(results, "columns", None)
    if columns is None and not isinstance(results, Mapping):
        raise TypeError(
            f"results={results!r} must be a dict of arrays, or a frame, with a row for "
            "each student."
        )
    return list(results if columns is None else columns)


def _names(results, key: str | None) -> NDArray | None:
    if key is None or (key == "name" and key not in _columns(results)):
        return None
    _check_column(results, key)
    return np.array([str(name) for name in results[key]], dtype=object)


def _check_column(results, key: str) -> None:
    columns = _columns(results)
    if key not in columns:
        raise ValueError(f"results has no column {key!r}; it has {columns}.")


def _numbers(results, key: str) -> NDArray[np.float64]:
    _check_column(results, key)
    try:
        found = np.asarray(results[key], dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(f"The column {key!r} of results holds no numbers.") from error
    if found.ndim != 1:
        raise ValueError(f"The column {key!r} of results has shape {found.shape}.")
    return found


def _spoken(key: str) -> str:
    known = {
        "n_bytes": "size in bytes",
        "us_per_row": "time for a row, in µs",
        "n_parameters": "parameters",
        "n_nodes": "nodes",
    }
    return known.get(key, key.replace("_", " "))
