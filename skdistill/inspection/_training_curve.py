"""The losses of a network, epoch by epoch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from skdistill.inspection._figures import (
    check_matplotlib,
    despine,
    merged,
    n_drawn,
    open_axes,
    style_of,
)

_GID = "skdistill-training"

#: What ended the training of a network, where that is worth a word.
_ENDS = {
    "early_stopping": "stopped early",
    "interrupted": "interrupted",
    "failed": "failed: the loss did not stay finite",
}


class TrainingCurveDisplay:
    """Training and validation loss of a network, or of several, by epoch.

    Each member of an ensemble has thin lines of its own; the thick ones are their
    mean, for as long as all were trained. A ring marks the epoch whose weights were
    kept.

    Use `from_estimator` to make one.

    Parameters
    ----------
    train_losses : list of ndarray of shape (n_epochs,)
        For each member.
    valid_losses : list of ndarray of shape (n_epochs,), default=None
        For each member, if rows were held out.
    best_epochs : list of int, default=None
        For each member the epoch, counted from 1, whose weights were kept.
    ends : list of str, default=None
        For each member what ended its training: "max_epochs", "early_stopping",
        "interrupted" or "failed".
    name : str, default=None
        Of the model, for the legend.

    Attributes
    ----------
    train_lines_, valid_lines_ : list of matplotlib.lines.Line2D
        For each member; of an ensemble the mean comes last.
    best_points_ : matplotlib.lines.Line2D or None
        The rings.
    ax_ : matplotlib.axes.Axes
        Axes with the curves.
    figure_ : matplotlib.figure.Figure
        Figure with the axes.

    Examples
    --------
    >>> from sklearn.datasets import load_wine
    >>> from skdistill.inspection import TrainingCurveDisplay
    >>> from skdistill.neural import NeuralClassifier
    >>> X, y = load_wine(return_X_y=True)
    >>> network = NeuralClassifier(max_epochs=20, random_state=0).fit(X, y)
    >>> display = TrainingCurveDisplay.from_estimator(network)
    >>> len(display.train_losses[0])
    20
    """

    def __init__(
        self,
        train_losses,
        valid_losses=None,
        *,
        best_epochs=None,
        ends=None,
        name=None,
    ):
        self.train_losses = train_losses
        self.valid_losses = valid_losses
        self.best_epochs = best_epochs
        self.ends = ends
        self.name = name

    @classmethod
    def from_estimator(cls, estimator, *, name=None, ax=None, **kwargs):
        """Take the losses that a fitted network remembers.

        Parameters
        ----------
        estimator : classifier
            A fitted :class:`~skdistill.neural.NeuralClassifier` or skorch net; or a
            distiller, a pipeline or a search whose student, last step or best
            estimator is one.
        name : str, default=None
            For the legend. None: no name.
        ax : matplotlib.axes.Axes, default=None
            Where to draw. None opens a figure.
        **kwargs : dict
            Further parameters of `plot`, those of the lines among them.

        Returns
        -------
        TrainingCurveDisplay
            Drawn.

        Raises
        ------
        TypeError
            If there is no network in it that remembers its losses.
        ValueError
            If it was not trained yet.
        """
        check_matplotlib(f"{cls.__name__}.from_estimator")
        members = members_of(estimator)
        has_valid = any(len(member.valid) for member in members)
        display = cls(
            [member.train for member in members],
            [member.valid for member in members] if has_valid else None,
            best_epochs=[member.best_epoch for member in members],
            ends=[member.end for member in members],
            name=name,
        )
        return display.plot(ax=ax, **kwargs)

    def plot(self, ax=None, *, name=None, scale="auto", **kwargs):
        """Draw it. Several in the same axes differ in colour and line.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, default=None
            Where to draw. None opens a figure.
        name : str, default=None
            For the legend. None: the display's own.
        scale : {"auto", "linear", "log"}, default="auto"
            Of the losses. "auto": logarithmic, if all are above 0 and the largest is
            more than ten times the smallest.
        **kwargs : dict
            Of the lines, for :meth:`matplotlib.axes.Axes.plot`.

        Returns
        -------
        TrainingCurveDisplay
            The same.
        """
        if scale not in ("auto", "linear", "log"):
            raise ValueError(f"scale={scale!r} must be 'auto', 'linear' or 'log'.")
        ax = open_axes(ax, self, (6.0, 4.0))
        name = self.name if name is None else name
        prefix = "" if name is None else f"{name}: "
        k = n_drawn(ax, _GID)
        self.train_lines_ = self._plot_curves(
            ax, self.train_losses, k, f"{prefix}training", kwargs
        )
        self.valid_lines_ = []
        if self.valid_losses is not None:
            self.valid_lines_ = self._plot_curves(
                ax, self.valid_losses, k + 1, f"{prefix}validation", kwargs
            )
        self.best_points_ = self._mark_best(ax, prefix)
        from matplotlib.ticker import MaxNLocator

        ax.xaxis.set_major_locator(MaxNLocator(integer=True))
        ax.set(xlabel="epoch", ylabel="mean loss of a row")
        if scale == "log" or (scale == "auto" and _spans_decades(ax)):
            _set_log(ax)
        elif scale == "linear":
            ax.set_yscale("linear")
        despine(ax)
        ax.legend(frameon=False)
        return self

    def _plot_curves(self, ax, losses: Sequence, k: int, label: str, kwargs) -> list:
        from matplotlib.lines import Line2D

        color, dashes, _ = style_of(k)
        style = {"color": color, "linestyle": dashes}
        if len(losses) == 1:
            style |= {"linewidth": 1.8, "label": label, "gid": _GID}
            return [_curve(ax, losses[0], merged(style, kwargs, Line2D))]
        thin = merged({**style, "linewidth": 0.8, "alpha": 0.55}, kwargs, Line2D)
        lines = [_curve(ax, loss, thin) for loss in losses]
        shared = min(len(loss) for loss in losses)
        mean = np.mean([loss[:shared] for loss in losses], axis=0)
        style |= {"linewidth": 2.2, "gid": _GID}
        style["label"] = f"{label}, mean of {len(losses)} members"
        return [*lines, _curve(ax, mean, merged(style, kwargs, Line2D))]

    def _mark_best(self, ax, prefix: str):
        """Ring the epochs whose weights were kept, where rows held out told which."""
        if self.valid_losses is None or self.best_epochs is None:
            return None
        marked = [
            (epoch, loss[epoch - 1])
            for epoch, loss in zip(self.best_epochs, self.valid_losses, strict=True)
            if 0 < epoch <= len(loss)
        ]
        if not marked:
            return None
        color = self.valid_lines_[-1].get_color()
        which = f" (epoch {marked[0][0]})" if len(marked) == 1 else ""
        return ax.plot(
            *np.transpose(marked),
            linestyle="",
            marker="o",
            markersize=8,
            markerfacecolor="none",
            markeredgecolor=color,
            markeredgewidth=1.6,
            label=f"{prefix}kept{which}{self._how_it_ended()}",
        )[0]

    def _how_it_ended(self) -> str:
        ended = [end for end in self.ends or () if end in _ENDS]
        if not ended:
            return ""
        n = len(self.train_losses)
        return (
            f", {_ENDS[ended[0]]}" if n == 1 else f", {len(ended)} of {n} ended early"
        )


def _spans_decades(ax) -> bool:
    """Whether losses in the axes are worth a logarithmic scale."""
    drawn = np.concatenate([line.get_ydata() for line in ax.lines])
    drawn = drawn[np.isfinite(drawn)]
    return bool(len(drawn)) and drawn.max() > 10 * drawn.min() > 0


def _set_log(ax) -> None:
    from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

    ax.set_yscale("log")
    ax.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    ax.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    ax.yaxis.set_minor_formatter(NullFormatter())


def _curve(ax, losses: NDArray, style: dict):
    return ax.plot(np.arange(1, len(losses) + 1), losses, **style)[0]


class Member(NamedTuple):
    """The training of one network."""

    train: NDArray[np.float64]
    valid: NDArray[np.float64]
    best_epoch: int
    end: str


def members_of(estimator) -> list[Member]:
    """Find the network in an estimator, and what it remembers.

    Parameters
    ----------
    estimator : estimator
        Fitted.

    Returns
    -------
    list of Member
        One for each network of an ensemble; of a skorch net one.
    """
    network = estimator
    while not hasattr(network, "history_"):
        if hasattr(network, "student_"):
            network = network.student_
        elif hasattr(network, "best_estimator_"):
            network = network.best_estimator_
        elif hasattr(network, "steps"):
            network = network[-1]
        else:
            raise TypeError(
                f"{type(estimator).__name__} holds no fitted network that remembers "
                f"its losses (looked at {type(network).__name__}); give a fitted "
                "NeuralClassifier or skorch net, or a distiller, pipeline or search "
                "with one."
            )
    history = network.history_
    if not len(history) or not np.size(history[0].get("train_loss", ())):
        raise ValueError(
            f"{type(network).__name__} was not trained yet: its history_ holds no "
            "epoch; call fit first."
        )
    if "epoch" in history[0]:
        return [_of_skorch(history)]
    return [
        Member(
            np.array(each["train_loss"], dtype=np.float64),
            np.array(each["valid_loss"], dtype=np.float64),
            each["best_epoch"],
            each["end"],
        )
        for each in history
    ]


def _of_skorch(history) -> Member:
    """Read a list of epochs, some of which may lack losses of rows held out."""
    train, valid = (
        np.array([row.get(key, np.nan) for row in history], dtype=np.float64)
        for key in ("train_loss", "valid_loss")
    )
    if np.isnan(valid).all():
        return Member(train, valid[:0], 0, "max_epochs")
    return Member(train, valid, 0, "max_epochs")
