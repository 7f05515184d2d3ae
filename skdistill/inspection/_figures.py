"""What all pictures share: axes, styles that differ in grey, text that can be read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

#: In points. Smaller text is left out: nobody could read it.
SMALLEST_TEXT = 6.0

#: Height and width of a character, in parts of the font size; the width is generous.
_HEIGHT, _WIDTH = 1.2, 0.65


class Style(NamedTuple):
    """How one of several curves is drawn."""

    color: str
    linestyle: Any
    marker: str


#: The colours are those of Okabe and Ito, who chose them for colour-blind readers.
#: Line style and marker say the same again, for those who read in grey.
STYLES = (
    Style("#0072B2", "-", "o"),
    Style("#D55E00", "--", "s"),
    Style("#009E73", "-.", "^"),
    Style("#CC79A7", ":", "D"),
    Style("black", (0, (5, 1, 1, 1, 1, 1)), "v"),
    Style("#E69F00", (0, (1, 1)), "P"),
)


def style_of(k: int) -> Style:
    """The style of the k-th curve in one picture; they begin anew after the last."""
    return STYLES[k % len(STYLES)]


def check_matplotlib(caller: str) -> None:
    """Raise, with the cure, unless matplotlib can be imported.

    Parameters
    ----------
    caller : str
        Who needs it.
    """
    try:
        import matplotlib  # noqa: F401
    except ImportError as error:
        raise ImportError(
            f"{caller} draws with matplotlib, which is not installed; "
            "`pip install skdistill[plot]` installs it."
        ) from error


def open_axes(
    ax, display, figsize: tuple[float, float], *, layout: str = "constrained"
):
    """Take the axes that were given, or open a figure of its own with some.

    Parameters
    ----------
    ax : matplotlib.axes.Axes or None
        As the user gave it.
    display : object
        Who draws; it gets the attributes `ax_` and `figure_`.
    figsize : tuple of float
        Width and height of a new figure, in inches.
    layout : {"constrained", "compressed"}, default="constrained"
        Of a new figure. "compressed" is for axes of a fixed shape.

    Returns
    -------
    matplotlib.axes.Axes
    """
    check_matplotlib(f"{type(display).__name__}.plot")
    from matplotlib import pyplot
    from matplotlib.axes import Axes

    if ax is None:
        ax = pyplot.subplots(figsize=figsize, layout=layout)[1]
    elif not isinstance(ax, Axes):
        raise TypeError(
            f"ax={ax!r} is no matplotlib Axes; give one of them, such as axes[0] of "
            "`figure, axes = plt.subplots(1, 2)`."
        )
    display.ax_, display.figure_ = ax, ax.figure
    return ax


def merged(defaults: dict, given: dict | None, artist: type) -> dict:
    """Join keyword arguments of an artist; those given win, short names or long.

    Parameters
    ----------
    defaults : dict
        By long names ("linewidth", not "lw").
    given : dict or None
        As the user gave them.
    artist : type
        Class of the artist, which knows the short names.
    """
    from matplotlib.cbook import normalize_kwargs

    return {**defaults, **normalize_kwargs(given or {}, artist)}


def n_drawn(ax, gid: str) -> int:
    """How many lines with this id are in the axes already."""
    return sum(line.get_gid() == gid for line in ax.lines)


def despine(ax) -> None:
    """Take away the frame at the top and at the right."""
    ax.spines[["top", "right"]].set_visible(False)


def text_color(background) -> str:
    """Black or white, whichever contrasts more with a colour.

    Parameters
    ----------
    background : sequence of float
        Red, green, blue (and alpha, which is ignored), each in [0, 1].

    Returns
    -------
    {"black", "white"}
        By the contrast ratio of the Web Content Accessibility Guidelines.
    """
    rgb = np.asarray(background, dtype=np.float64)[:3]
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    luminance = linear @ [0.2126, 0.7152, 0.0722]
    # (L + 0.05) / 0.05 against black exceeds 1.05 / (L + 0.05) against white.
    return "black" if (luminance + 0.05) ** 2 > 0.05 * 1.05 else "white"


def lay_out(ax) -> None:
    """Give everything in the figure of some axes its place, as drawing would."""
    root = ax.get_figure()
    while root is not root.figure:
        root = root.figure
    root.draw_without_rendering()
    ax.apply_aspect()


def size_in_points(ax) -> tuple[float, float]:
    """Width and height of axes on paper, after :func:`lay_out`."""
    box = ax.get_window_extent()
    return box.width * 72 / ax.figure.dpi, box.height * 72 / ax.figure.dpi


def fitting_text(texts: Sequence[str], width: float, height: float) -> float:
    """The largest font size, up to 10 points, at which texts fit into boxes.

    Parameters
    ----------
    texts : sequence of str
        One for each box; all boxes are alike.
    width, height : float
        Of a box, in points.
    """
    longest = max((len(t) + 0.6 * t.count("%") for t in texts), default=1) or 1
    return min(10.0, 0.9 * width / (longest * _WIDTH), 0.9 * height / _HEIGHT)


def set_class_ticks(axis, labels: Sequence[str], room: float, rotation="auto") -> None:
    """Write class labels at the positions 0, 1, ... of an axis.

    They are turned where they are too long, made smaller where they are many, and only
    every second (third, ...) is written where even that does not help.

    Parameters
    ----------
    axis : matplotlib.axis.Axis
        Of x or of y.
    labels : sequence of str
        One for each class.
    room : float
        For each label along the axis, in points.
    rotation : "auto", "horizontal", "vertical" or float, default="auto"
        Of the labels of an x axis, in degrees.
    """
    size = 10.0
    if axis.axis_name == "x" and rotation == "auto":
        flat = fitting_text(labels, room, np.inf)
        rotation = "horizontal" if flat >= 8 else "vertical"
        size = flat if flat >= 8 else size
    if rotation not in ("horizontal", 0) or axis.axis_name == "y":
        size = fitting_text([""], np.inf, room / 0.9)
    every = max(1, int(np.ceil(SMALLEST_TEXT / size)))
    at = range(0, len(labels), every)
    axis.set_ticks(at, [labels[k] for k in at])
    turned = {} if axis.axis_name == "y" else {"rotation": rotation}
    for text in axis.get_ticklabels():
        text.set(fontsize=max(size, SMALLEST_TEXT), **turned)
