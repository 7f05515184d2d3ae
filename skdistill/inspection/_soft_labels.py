"""What a teacher says about one row, at several temperatures."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import check_array

from skdistill._rows import n_rows_of
from skdistill.inspection._figures import (
    SMALLEST_TEXT,
    check_matplotlib,
    despine,
    fitting_text,
    lay_out,
    merged,
    open_axes,
    set_class_ticks,
    size_in_points,
)
from skdistill.inspection._sides import ask_teacher
from skdistill.metrics._said import read_names, read_proba
from skdistill.targets import soften

#: More classes than these get one panel for each temperature, in a figure of its own.
_CLASSES_SIDE_BY_SIDE = 12

#: Beside the shades, for those who read in grey.
_HATCHES = ("", "///", "...", "xxx", "\\\\\\", "+++")


class SoftLabelDisplay:
    """What a teacher says about one row: the soft label, at several temperatures.

    A bar for each class and temperature. The higher the temperature, the more is seen
    of the classes that the teacher holds for unlikely, and that is what a student
    learns besides the label.

    Use `from_estimator` or `from_predictions` to make one.

    Parameters
    ----------
    probabilities : ndarray of shape (n_temperatures, n_classes)
        What the teacher says at each temperature.
    temperatures : sequence of float
        The temperatures.
    display_labels : array-like of shape (n_classes,), default=None
        Names of the classes. None: 0, 1, ...

    Attributes
    ----------
    bars_ : list of matplotlib.container.BarContainer
        For each temperature.
    axes_ : ndarray of matplotlib.axes.Axes
        Axes with bars: one, or one for each temperature.
    ax_ : matplotlib.axes.Axes
        The first of these.
    figure_ : matplotlib.figure.Figure
        Figure with the axes.

    See Also
    --------
    skdistill.targets.soften : Computes them.

    Examples
    --------
    >>> from skdistill.inspection import SoftLabelDisplay
    >>> display = SoftLabelDisplay.from_predictions(
    ...     [0.90, 0.09, 0.01], temperatures=(1, 2), labels=["cat", "lynx", "car"]
    ... )
    >>> display.probabilities.round(2)
    array([[0.9 , 0.09, 0.01],
           [0.7 , 0.22, 0.07]])
    """

    def __init__(self, probabilities, temperatures, *, display_labels=None):
        self.probabilities = probabilities
        self.temperatures = temperatures
        self.display_labels = display_labels

    @classmethod
    def from_estimator(
        cls,
        estimator,
        X,
        *,
        temperatures=(1, 2, 4),
        ax=None,
        **kwargs,
    ):
        """Ask the teacher of a fitted model about one row.

        Parameters
        ----------
        estimator : classifier
            A fitted distiller, a search for one or a pipeline that ends in one.
        X : {array-like, sparse matrix} of shape (1, n_features)
            The row.
        temperatures : sequence of float, default=(1, 2, 4)
            Each above 0.
        ax : matplotlib.axes.Axes or sequence of these, default=None
            Where to draw: side by side in one, or one for each temperature. None opens
            a figure.
        **kwargs : dict
            Further parameters of `plot`, those of the bars among them.

        Returns
        -------
        SoftLabelDisplay
            Drawn.

        Raises
        ------
        ValueError
            If the estimator has no teacher to ask, or a parameter cannot be meant so.
        """
        check_matplotlib(f"{cls.__name__}.from_estimator")
        shape = getattr(X, "shape", np.shape(X))
        if len(shape) < 2 or n_rows_of(X) != 1:
            raise ValueError(
                f"X has shape {tuple(shape)}, and this picture is of one row: give "
                "shape (1, n_features), such as X[[0]], or X.iloc[[0]] of a frame."
            )
        return cls.from_predictions(
            ask_teacher(estimator, X),
            temperatures=temperatures,
            labels=estimator.classes_,
            ax=ax,
            **kwargs,
        )

    @classmethod
    def from_predictions(
        cls,
        values,
        *,
        kind="probabilities",
        temperatures=(1, 2, 4),
        labels=None,
        ax=None,
        **kwargs,
    ):
        """Show what a teacher said about one row.

        Parameters
        ----------
        values : array-like of shape (n_classes,) or (1, n_classes)
            What it said.
        kind : {"probabilities", "logits"}, default="probabilities"
            What that is.
        temperatures : sequence of float, default=(1, 2, 4)
            Each above 0.
        labels : array-like of shape (n_classes,), default=None
            The classes. None: 0, 1, ...
        ax : matplotlib.axes.Axes or sequence of these, default=None
            Where to draw: side by side in one, or one for each temperature. None opens
            a figure.
        **kwargs : dict
            Further parameters of `plot`, those of the bars among them.

        Returns
        -------
        SoftLabelDisplay
            Drawn.

        Raises
        ------
        ValueError
            If a parameter cannot be meant so.
        """
        check_matplotlib(f"{cls.__name__}.from_predictions")
        values = _one_row(values, kind)
        temperatures = _checked(temperatures)
        if labels is not None:
            labels = read_names(labels, values.shape[1])
        said = [soften(values, kind, float(T))[0] for T in temperatures]
        display = cls(np.array(said), temperatures, display_labels=labels)
        return display.plot(ax=ax, **kwargs)

    def plot(self, ax=None, *, max_classes=30, **kwargs):
        """Draw it.

        Parameters
        ----------
        ax : matplotlib.axes.Axes or sequence of these, default=None
            Where to draw: side by side in one, or one for each temperature. None opens
            a figure.
        max_classes : int, default=30
            How many classes are shown, at least 2. Of more, the most probable are, and
            one bar for the others together.
        **kwargs : dict
            Of the bars, for :meth:`matplotlib.axes.Axes.bar`.

        Returns
        -------
        SoftLabelDisplay
            The same.
        """
        heights, names = self._shown(max_classes)
        self.axes_ = self._open(ax, len(names))
        self.ax_, self.figure_ = self.axes_[0], self.axes_[0].figure
        n_bars = len(heights) if len(self.axes_) == 1 else 1
        self.bars_ = []
        for k, height in enumerate(heights):
            axes = self.axes_[k if n_bars == 1 else 0]
            offset = k - (n_bars - 1) / 2 if n_bars > 1 else 0.0
            self.bars_.append(self._draw(axes, k, height, offset, n_bars, kwargs))
        own_panels = ax is None and len(self.axes_) > 1
        if own_panels:
            self.figure_.supylabel("teacher's probability", fontsize=10)
        for axes, temperature in zip(self.axes_, self.temperatures, strict=False):
            axes.set(ylim=(0, 1.15 * heights.max()), xlim=(-0.6, len(names) - 0.4))
            axes.set_ylabel("" if own_panels else "teacher's probability")
            axes.set_xlabel("class")
            despine(axes)
            if n_bars == 1:
                said = f"temperature {temperature:g}"
                axes.set_title(said, fontsize=10, loc="left")
        if n_bars > 1:
            self.ax_.legend(frameon=False, title="temperature")
        lay_out(self.ax_)
        for axes in self.axes_:
            set_class_ticks(axes.xaxis, names, size_in_points(axes)[0] / len(names))
            if own_panels and axes is not self.axes_[-1]:
                axes.tick_params(labelbottom=False)
                axes.set_xlabel("")
        self._write_values(n_bars)
        return self

    def _shown(self, max_classes: int) -> tuple[NDArray, list[str]]:
        """The bars to draw, and their names."""
        said = np.asarray(self.probabilities)
        n_classes = said.shape[1]
        labels = (
            range(n_classes) if self.display_labels is None else self.display_labels
        )
        names = [str(label) for label in labels]
        if not isinstance(max_classes, (int, np.integer)) or max_classes < 2:
            raise ValueError(f"max_classes={max_classes!r} must be an int, at least 2.")
        if n_classes <= max_classes:
            return said, names
        likely = np.sort(np.argsort(-said[0], kind="stable")[:max_classes])
        rest = 1.0 - said[:, likely].sum(axis=1, keepdims=True)
        names = [names[k] for k in likely]
        heights = np.hstack([said[:, likely], np.maximum(rest, 0.0)])
        return heights, [*names, f"{n_classes - max_classes} others"]

    def _open(self, ax, n_classes: int) -> NDArray:
        n = len(self.temperatures)
        if ax is None and (n_classes <= _CLASSES_SIDE_BY_SIDE or n == 1):
            width = float(np.clip(2.5 + 0.14 * n_classes * (n + 1), 5.0, 10.0))
            return np.array([open_axes(None, self, (width, 3.4))], dtype=object)
        if ax is None:
            check_matplotlib(f"{type(self).__name__}.plot")
            from matplotlib import pyplot

            width = float(np.clip(1.5 + 0.28 * n_classes, 5.0, 10.0))
            size = {"figsize": (width, 1.0 + 1.5 * n), "layout": "constrained"}
            panels = pyplot.subplots(n, 1, sharey=True, squeeze=False, **size)[1]
            return panels[:, 0]
        several = np.ndim(ax) > 0
        axes = np.array(ax, dtype=object).ravel()
        if several and len(axes) not in (1, n):
            raise ValueError(
                f"ax holds {len(axes)} axes; give one, or one for each of the {n} "
                "temperatures."
            )
        return np.array([open_axes(each, self, (0, 0)) for each in axes], dtype=object)

    def _draw(self, axes, k: int, height, offset: float, n_bars: int, kwargs: dict):
        from matplotlib import colormaps
        from matplotlib.patches import Rectangle

        width = 0.84 / n_bars
        shade = 0.15 + 0.75 * k / max(1, len(self.temperatures) - 1)
        style: dict[str, Any] = {"facecolor": colormaps["cividis"](shade)}
        style |= {"edgecolor": "black", "linewidth": 0.6}
        style["hatch"] = _HATCHES[k % len(_HATCHES)] if n_bars > 1 else ""
        style["label"] = f"{self.temperatures[k]:g}"
        if "color" in kwargs:
            del style["facecolor"]
        at = np.arange(len(height)) + offset * width
        return axes.bar(at, height, width, **merged(style, kwargs, Rectangle))

    def _write_values(self, n_bars: int) -> None:
        """Write the probabilities above the bars, where they can be read."""
        texts = [[_written(bar.get_height()) for bar in bars] for bars in self.bars_]
        lay_out(self.ax_)
        size = 9.0
        for axes in self.axes_:
            room = size_in_points(axes)[0] / np.ptp(axes.get_xlim())
            width = self.bars_[0][0].get_width() * room
            size = min(
                size, fitting_text([t for said in texts for t in said], width, np.inf)
            )
        if size < SMALLEST_TEXT:
            return
        for k, (bars, said) in enumerate(zip(self.bars_, texts, strict=True)):
            axes = self.axes_[k if n_bars == 1 else 0]
            axes.bar_label(bars, said, fontsize=size, padding=1)


def _written(probability: float) -> str:
    if probability == 0 or probability >= 0.995:
        return f"{probability:.0f}"
    return f"{probability:.2f}".lstrip("0") if probability >= 0.005 else "<.01"


def _one_row(values, kind: str) -> NDArray[np.float64]:
    if kind not in ("probabilities", "logits"):
        raise ValueError(f"kind={kind!r} must be 'probabilities' or 'logits'.")
    row = np.asarray(values, dtype=np.float64)
    row = row[None] if row.ndim == 1 else row
    if row.ndim != 2 or len(row) != 1 or row.shape[1] < 2:
        raise ValueError(
            f"values has shape {np.shape(values)}, and this picture is of one row: "
            "give shape (n_classes,) or (1, n_classes), of two classes or more."
        )
    if kind == "probabilities":
        return read_proba(row, "values")[0]
    if np.isnan(row).any() or np.isposinf(row).any():
        raise ValueError("values holds nan or inf; a logit may be -inf, no more.")
    return row


def _checked(temperatures: Sequence[float]) -> NDArray[np.float64]:
    found = check_array(
        np.atleast_1d(temperatures),
        ensure_2d=False,
        dtype=np.float64,
        input_name="temperatures",
    )
    if (found <= 0).any():
        raise ValueError(f"temperatures={temperatures!r} must all be above 0.")
    return found
