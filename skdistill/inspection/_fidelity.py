"""The reliability of a student, with the teacher in the place of the truth."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from skdistill.inspection._bins import bin_means
from skdistill.inspection._figures import (
    check_matplotlib,
    despine,
    lay_out,
    merged,
    n_drawn,
    open_axes,
    size_in_points,
    style_of,
)
from skdistill.inspection._sides import ask_both
from skdistill.metrics import fidelity_score, teacher_kl_divergence
from skdistill.metrics._said import read_names, read_proba, read_weights

#: Marks the curves and the strip of counts, so that the next display finds them.
_GID = "skdistill-fidelity"

#: Share of the height that belongs to the counts, and where the curves begin above.
_STRIP, _FLOOR = 0.16, 0.23

#: What an empty bin counts on a logarithmic scale.
_NOTHING = 0.7


class FidelityDisplay:
    """How far a student's probabilities are those of its teacher.

    A reliability diagram with the teacher in the place of the truth: rows are sorted
    into bins by the student's probability, and each bin shows the mean of both. On the
    diagonal the two agree; below it the student says more than the teacher. A strip
    below the curve counts what is in each bin.

    Use `from_estimator` or `from_predictions` to make one.

    Parameters
    ----------
    prob_teacher, prob_student : ndarray of shape (n_bins,)
        Mean probability in each bin; nan in an empty one.
    counts : ndarray of shape (n_bins,), int
        Rows in each bin, whatever they weigh; if classes are pooled, pairs of a row
        and a class.
    bin_edges : ndarray of shape (n_bins + 1,)
        Of the student's probability.
    agreement : float, default=None
        Share of rows on which both say the same class.
    kl_divergence : float, default=None
        Mean KL(teacher || student), in nats.
    name : str, default=None
        Of the student, for the legend.
    pos_label : int, float, bool or str, default=None
        Whose probability it is. None: all classes are pooled.

    Attributes
    ----------
    line_ : matplotlib.lines.Line2D
        The curve.
    counts_ax_ : matplotlib.axes.Axes or None
        The strip of counts.
    ax_ : matplotlib.axes.Axes
        Axes with the curve.
    figure_ : matplotlib.figure.Figure
        Figure with the axes.

    See Also
    --------
    TeacherConfusionDisplay : Which classes the two confuse.
    sklearn.calibration.CalibrationDisplay : The same against true labels.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.ensemble import RandomForestClassifier
    >>> from sklearn.tree import DecisionTreeClassifier
    >>> from skdistill import DistillationClassifier
    >>> from skdistill.inspection import FidelityDisplay
    >>> X, y = load_digits(return_X_y=True)
    >>> forest = RandomForestClassifier(50, random_state=0).fit(X[:900], y[:900])
    >>> tree = DecisionTreeClassifier(max_leaf_nodes=64, random_state=0)
    >>> model = DistillationClassifier(forest, tree).fit(X[:900], y[:900])
    >>> display = FidelityDisplay.from_estimator(model, X[900:])
    >>> display.counts.sum() == 10 * len(X[900:])
    True
    """

    def __init__(
        self,
        prob_teacher,
        prob_student,
        counts,
        bin_edges,
        *,
        agreement=None,
        kl_divergence=None,
        name=None,
        pos_label=None,
    ):
        self.prob_teacher = prob_teacher
        self.prob_student = prob_student
        self.counts = counts
        self.bin_edges = bin_edges
        self.agreement = agreement
        self.kl_divergence = kl_divergence
        self.name = name
        self.pos_label = pos_label

    @classmethod
    def from_estimator(
        cls,
        estimator,
        X,
        *,
        teacher_proba=None,
        n_bins=10,
        strategy="uniform",
        pos_label=None,
        sample_weight=None,
        name=None,
        ax=None,
        **kwargs,
    ):
        """Compare a fitted model with its teacher on some rows.

        Parameters
        ----------
        estimator : classifier
            A fitted distiller, a search for one or a pipeline that ends in one. Any
            other classifier, with `teacher_proba`.
        X : {array-like, sparse matrix} of shape (n_rows, n_features)
            Rows, best such as neither was trained on.
        teacher_proba : array-like of shape (n_rows, n_columns), default=None
            What a teacher says, in the order of ``estimator.classes_``, or as the
            distiller's `fit` takes it. Rows of nothing but NaN or 0 are left out. None
            asks the estimator's own teacher.
        n_bins : int, default=10
            Bins of the student's probability, at least 1.
        strategy : {"uniform", "quantile"}, default="uniform"
            Bins of the same width, or of about as many rows each.
        pos_label : int, float, bool or str, default=None
            Class whose probability is shown. None: of two classes the second, of more
            all pooled.
        sample_weight : array-like of shape (n_rows,), default=None
            Weights of the rows.
        name : str, default=None
            For the legend. None: the class of the estimator.
        ax : matplotlib.axes.Axes, default=None
            Where to draw. None opens a figure.
        **kwargs : dict
            Further parameters of `plot`, those of the curve among them.

        Returns
        -------
        FidelityDisplay
            Drawn.

        Raises
        ------
        ValueError
            If the estimator has no teacher to ask or says no probabilities, or a
            parameter cannot be meant so.
        """
        check_matplotlib(f"{cls.__name__}.from_estimator")
        answers = ask_both(estimator, X, "predict_proba", teacher_proba, sample_weight)
        return cls.from_predictions(
            answers.teacher,
            answers.student,
            labels=estimator.classes_,
            n_bins=n_bins,
            strategy=strategy,
            pos_label=pos_label,
            sample_weight=answers.weight,
            name=type(estimator).__name__ if name is None else name,
            ax=ax,
            **kwargs,
        )

    @classmethod
    def from_predictions(
        cls,
        teacher,
        student,
        *,
        labels=None,
        n_bins=10,
        strategy="uniform",
        pos_label=None,
        sample_weight=None,
        name=None,
        ax=None,
        **kwargs,
    ):
        """Compare what a teacher and a student said of the same rows.

        Parameters
        ----------
        teacher, student : array-like of shape (n_rows, n_classes)
            Probabilities of the same classes in the same order.
        labels : array-like of shape (n_classes,), default=None
            Of the columns. None: 0, 1, ...
        n_bins : int, default=10
            Bins of the student's probability, at least 1.
        strategy : {"uniform", "quantile"}, default="uniform"
            Bins of the same width, or of about as many rows each.
        pos_label : int, float, bool or str, default=None
            Class whose probability is shown. None: of two classes the second, of more
            all pooled.
        sample_weight : array-like of shape (n_rows,), default=None
            Weights of the rows.
        name : str, default=None
            For the legend. None: "student".
        ax : matplotlib.axes.Axes, default=None
            Where to draw. None opens a figure.
        **kwargs : dict
            Further parameters of `plot`, those of the curve among them.

        Returns
        -------
        FidelityDisplay
            Drawn.

        Raises
        ------
        ValueError
            If a parameter or the data cannot be meant so.
        """
        check_matplotlib(f"{cls.__name__}.from_predictions")
        weights = {"sample_weight": sample_weight}
        # First what takes nothing but probabilities.
        divergence = teacher_kl_divergence(teacher, student, **weights)
        agreement = fidelity_score(teacher, student, **weights)
        teacher, student = (
            read_proba(side, name)[0]
            for side, name in ((teacher, "teacher"), (student, "student"))
        )
        weight = read_weights(sample_weight, len(teacher))
        n_classes = teacher.shape[1]
        classes = np.arange(n_classes)
        if labels is not None:
            classes = read_names(labels, n_classes)
        if pos_label is None and n_classes == 2:
            pos_label = classes[1]
        columns = _columns_of(pos_label, classes)
        bins = bin_means(
            teacher[:, columns],
            student[:, columns],
            weight,
            n_bins=n_bins,
            strategy=strategy,
        )
        display = cls(
            *bins,
            agreement=agreement,
            kl_divergence=divergence,
            name=name,
            pos_label=pos_label,
        )
        return display.plot(ax=ax, **kwargs)

    def plot(self, ax=None, *, name=None, ref_line=True, show_counts=True, **kwargs):
        """Draw it. Several in the same axes differ in colour, line and marker.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, default=None
            Where to draw. None opens a figure.
        name : str, default=None
            For the legend. None: the display's own.
        ref_line : bool, default=True
            Whether to draw the diagonal.
        show_counts : bool, default=True
            Whether to draw the strip of counts.
        **kwargs : dict
            Of the curve, for :meth:`matplotlib.axes.Axes.plot`.

        Returns
        -------
        FidelityDisplay
            The same.
        """
        ax = open_axes(ax, self, (5.2, 5.6))
        from matplotlib.lines import Line2D

        if ref_line and not n_drawn(ax, f"{_GID}-diagonal"):
            diagonal = ax.plot([0, 1], [0, 1], ":", color="0.3", zorder=1)[0]
            diagonal.set(label="as the teacher says", gid=f"{_GID}-diagonal")
        style = style_of(n_drawn(ax, _GID))._asdict()
        style |= {"label": self._label(name), "gid": _GID, "markersize": 6}
        style = merged(style, kwargs, Line2D)
        filled = self.counts > 0
        self.line_ = ax.plot(
            self.prob_student[filled], self.prob_teacher[filled], **style
        )[0]
        whose = "all classes" if self.pos_label is None else f"class {self.pos_label}"
        ax.set(
            xlabel=f"student's probability, {whose}",
            ylabel="teacher's probability",
            xlim=(-0.02, 1.02),
        )
        self.counts_ax_ = self._plot_counts(ax) if show_counts else None
        despine(ax)
        ax.spines["left"].set_bounds(0, 1)
        ax.set_yticks(np.linspace(0, 1, 6))
        _set_height(ax)
        return self

    def _label(self, name) -> str:
        name = self.name if name is None else name
        name = "student" if name is None else name
        if self.agreement is None or self.kl_divergence is None:
            return name
        return (
            f"{name}\nagrees on {self.agreement:.1%}, KL {self.kl_divergence:.3g} nats"
        )

    def _plot_counts(self, ax):
        """Draw the counts below the curve, on a logarithmic scale of their own."""
        strip = _strip_of(ax)
        if strip is None:
            strip = self._open_strip(ax)
        color, dashes = self.line_.get_color(), self.line_.get_linestyle()
        counts = np.maximum(self.counts, _NOTHING)
        for style in (
            {"fill": True, "alpha": 0.15, "linewidth": 0},
            {"linestyle": dashes, "linewidth": 1.2},
        ):
            strip.stairs(
                counts, self.bin_edges, baseline=_NOTHING, color=color, **style
            )
        strip.set_ylim(bottom=_NOTHING)
        return strip

    def _open_strip(self, ax):
        from matplotlib.ticker import EngFormatter, LogLocator, NullLocator

        strip = ax.inset_axes([0, 0, 1, _STRIP], sharex=ax, label=_GID)
        strip.set_yscale("log")
        strip.yaxis.set_major_locator(LogLocator(numticks=3))
        strip.yaxis.set_major_formatter(EngFormatter(sep=""))
        strip.yaxis.set_minor_locator(NullLocator())
        strip.tick_params(labelbottom=False, bottom=False, labelsize=8)
        strip.patch.set_visible(False)
        despine(strip)
        unit = "rows" if self.pos_label is not None else "pairs of row and class"
        style = {"fontsize": 8, "transform": ax.transAxes, "va": "bottom"}
        ax.text(0.01, _STRIP + 0.005, f"{unit} in each bin", **style)
        return strip


def _set_height(ax) -> None:
    """Leave room below the curves for the strip; above, if need be, for the legend."""
    floor = 0.02 if _strip_of(ax) is None else _FLOOR
    ax.set_ylim(-floor * 1.02 / (1 - floor), 1.02)
    lay_out(ax)
    width, height = size_in_points(ax)
    legend = ax.legend(loc="upper left", fontsize=8 if width < 250 else 9)
    legend.set_frame_on(False)
    box = legend.get_window_extent().padded(4)
    for line in ax.lines:
        x, y = line.get_data()
        along = np.linspace(0, len(x) - 1, 50 * len(x))
        way = [np.interp(along, np.arange(len(x)), each) for each in (x, y)]
        pixels = ax.transData.transform(np.column_stack(way))
        if ((pixels > box.min) & (pixels < box.max)).all(axis=1).any():
            share = min(0.5, box.height * 72 / ax.figure.dpi / height + 0.02)
            top = 1.02 * (1 - floor) / (1 - floor - share)
            ax.set_ylim(-floor * top / (1 - floor), top)
            return


def _strip_of(ax):
    return next((each for each in ax.child_axes if each.get_label() == _GID), None)


def _columns_of(pos_label, classes: NDArray) -> slice:
    if pos_label is None:
        return slice(None)
    found = [k for k, label in enumerate(classes.tolist()) if label == pos_label]
    if not found:
        raise ValueError(
            f"pos_label={pos_label!r} is not among the classes {classes.tolist()[:8]}; "
            "give one of them, or None for all."
        )
    return slice(found[0], found[0] + 1)
