"""Names at points that overlap neither each other nor the points."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

#: Where a name may stand, as seen from its point; the first free one is taken.
_SIDES = ((1, 0), (-1, 0), (0, 1), (0, -1), (1, 1), (1, -1), (-1, 1), (-1, -1))

#: How far away, in points. Beyond the first a thin line leads to the point.
_DISTANCES = (6.0, 14.0, 24.0, 38.0, 55.0)

_POINT = 4.5  # radius of what is kept clear around a point, in points


def put_legend(ax, points: NDArray, line, **kwargs):
    """Put the legend into the corner where it hides least.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
        With everything else in its place, and laid out.
    points : ndarray of shape (n, 2)
        What should not be hidden.
    line : matplotlib.lines.Line2D
        A step line that should not be either.
    **kwargs : dict
        For :meth:`matplotlib.axes.Axes.legend`.

    Returns
    -------
    matplotlib.legend.Legend
    """
    at = ax.transData.transform(points)
    shown = np.vstack([np.hstack([at, at]), _boxes_of_steps(ax, line, 1.0)])
    hidden = {}
    for corner in ("lower right", "upper left", "upper right", "lower left"):
        box = ax.legend(loc=corner, frameon=False, **kwargs).get_window_extent()
        hidden[corner] = int(_overlap(box.min, box.max, shown).sum())
    least = min(hidden, key=lambda corner: hidden[corner])
    return ax.legend(loc=least, frameon=False, **kwargs)


def name_points(
    ax,
    points: NDArray,
    order: NDArray[np.intp],
    names: Sequence[str],
    line,
    *,
    taken: Sequence = (),
    near: bool = False,
) -> list:
    """Write names at points, as far as there is room.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
        With the points, the legend and its final scales, and laid out.
    points : ndarray of shape (n, 2)
        All of them.
    order : ndarray of shape (n_named,), intp
        Which to name.
    names : sequence of str
        Of all points.
    line : matplotlib.lines.Line2D
        A step line that no name should lie on.
    taken : sequence of matplotlib.text.Text, default=()
        Other texts that are there.
    near : bool, default=False
        Whether to name only where there is room beside the point.

    Returns
    -------
    list of matplotlib.text.Annotation
        Those that found a place.
    """
    scale = ax.figure.dpi / 72
    at = ax.transData.transform(points)
    boxes = [np.hstack([at - _POINT * scale, at + _POINT * scale])]
    boxes.append(_boxes_of_steps(ax, line, scale))
    others = [*taken, *([ax.get_legend()] if ax.get_legend() else [])]
    boxes += [each.get_window_extent().extents[None] for each in others]
    sheet = Sheet(ax.get_window_extent().extents, np.vstack(boxes), at, scale)
    sizes = {k: _size_of(ax, names[k]) for k in order}
    distances = _DISTANCES[: 2 if near else None]
    # Whoever comes first takes the place of others: two orders, the better one.
    tries = [_place_all(sheet, each, sizes, distances) for each in (order, order[::-1])]
    best = max(tries, key=len)
    return [
        _write(ax, names[k], points[k], (corner - at[k]) / scale, is_near)
        for k, (corner, is_near) in best.items()
    ]


class Sheet(NamedTuple):
    """Where texts may stand, in pixels.

    Parameters
    ----------
    within : ndarray of shape (4,)
        The axes: left, lower, right and upper border.
    filled : ndarray of shape (n, 4)
        Boxes that are taken, by the same borders.
    points : ndarray of shape (n_points, 2)
        All points that have a name.
    scale : float
        Pixels of a point (the unit of length).
    """

    within: NDArray[np.float64]
    filled: NDArray[np.float64]
    points: NDArray[np.float64]
    scale: float


def _place_all(sheet: Sheet, order, sizes: dict, distances) -> dict:
    """Find a place for each: its lower left corner, and whether it is near."""
    found = {}
    for k in order:
        place = _free_place(sheet, sheet.points[k], sizes[k], distances)
        if place is None:
            continue
        corner, way = place
        found[int(k)] = corner, not len(way)
        apart = np.array([3.0, 0.0]) * sheet.scale
        more = [*(corner - apart), *(corner + sizes[k] + apart)]
        way = np.hstack([way - sheet.scale, way + sheet.scale])
        sheet = sheet._replace(filled=np.vstack([sheet.filled, more, way]))
    return found


_TEXT: dict[str, Any] = {"fontsize": 8.5, "ha": "left", "va": "bottom"}


def _size_of(ax, name: str) -> NDArray:
    text = ax.text(0, 0, name, transform=None, **_TEXT)
    box = text.get_window_extent()
    text.remove()
    return np.array([box.width, box.height])


def _write(ax, name: str, point, offset: NDArray, is_near: bool):
    from matplotlib.patheffects import withStroke

    leader = {"arrowstyle": "-", "color": "0.4", "linewidth": 0.6, "shrinkB": 3}
    return ax.annotate(
        name,
        point,
        tuple(offset),
        textcoords="offset points",
        arrowprops=None if is_near else {**leader, "relpos": (0.5, 0.5), "shrinkA": 0},
        zorder=5,
        path_effects=[withStroke(linewidth=2, foreground="white")],
        **_TEXT,
    )


def _boxes_of_steps(ax, line, scale: float) -> NDArray:
    """Thin boxes around the pieces of a line that goes right, then up or down."""
    x, y = line.get_data()
    corners = ax.transData.transform(
        np.column_stack([np.repeat(x, 2)[1:], np.repeat(y, 2)[:-1]])
    )
    ends = np.stack([corners[:-1], corners[1:]])
    return np.hstack([ends.min(axis=0) - scale, ends.max(axis=0) + scale])


def _overlap(low, high, boxes: NDArray) -> NDArray[np.bool_]:
    """Which boxes a box overlaps."""
    apart = (high <= boxes[:, :2]) | (low >= boxes[:, 2:])
    return ~apart.any(axis=1)


def _free_place(sheet: Sheet, at, size, distances):
    """Lower left corner of the first place that is free, and the way to the point.

    The way is empty, if the place is beside the point.
    """
    for distance, side in product(distances, _SIDES):
        direction = np.array(side) / np.hypot(*side)
        centre = at + direction * distance * sheet.scale + np.array(side) * size / 2
        low, high = centre - size / 2, centre + size / 2
        if (low < sheet.within[:2]).any() or (high > sheet.within[2:]).any():
            continue
        if _overlap(low, high, sheet.filled).any():
            continue
        way = np.empty((0, 2))
        if distance > distances[0]:
            way = _way(at, centre, size, 1.5 * _POINT * sheet.scale)
        elif not _is_nearest(sheet, at, low, high):
            continue
        if not any(_overlap(p, p, sheet.filled).any() for p in way):
            return low, way
    return None


def _is_nearest(sheet: Sheet, at, low, high) -> bool:
    """Whether a box is far nearer to its own point than to others."""
    away = np.hypot(*(sheet.points - np.clip(sheet.points, low, high)).T)
    own = np.hypot(*(at - np.clip(at, low, high)))
    others = away[(sheet.points != at).any(axis=1)]
    return not len(others) or own < 0.7 * others.min()


def _way(at, centre, size, reach: float) -> NDArray:
    """Points on the line between a point, but for its surroundings, and its name."""
    way = at + np.linspace(0, 1, 40)[:, None] * (centre - at)
    outside = (np.abs(way - centre) > size / 2).any(axis=1)
    return way[outside & (np.hypot(*(way - at).T) > reach)]
