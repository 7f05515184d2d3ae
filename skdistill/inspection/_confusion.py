"""Which classes a student takes for others, by the word of its teacher."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from skdistill.inspection._figures import (
    SMALLEST_TEXT,
    check_matplotlib,
    fitting_text,
    lay_out,
    merged,
    open_axes,
    set_class_ticks,
    size_in_points,
    text_color,
)
from skdistill.inspection._sides import ask_both, read_both
from skdistill.metrics._said import read_weights

#: What each cell is a share of: sums over this axis.
_SHARES = {"teacher": 1, "student": 0, "all": None}


class TeacherConfusionDisplay:
    """Confusion matrix of a student with its teacher in the place of the truth.

    Rows are what the teacher says, columns what the student says. The colours are on a
    square root scale, so that the few rows off the diagonal are seen beside the many
    on it; cells of nothing are left empty.

    Use `from_estimator` or `from_predictions` to make one.

    Parameters
    ----------
    confusion_matrix : ndarray of shape (n_classes, n_classes)
        Rows (or their weight, or shares) by teacher's and student's class.
    display_labels : array-like of shape (n_classes,), default=None
        Names of the classes. None: 0, 1, ...
    normalize : {"teacher", "student", "all"} or None, default=None
        How the matrix was normalised, for the label of the colours.

    Attributes
    ----------
    im_ : matplotlib.image.AxesImage
        The colours.
    text_ : ndarray of shape (n_classes, n_classes), object, or None
        The :class:`matplotlib.text.Text` in each cell, None in cells of 0; None, if
        the values are left out.
    ax_ : matplotlib.axes.Axes
        Axes with the matrix.
    figure_ : matplotlib.figure.Figure
        Figure with the axes.

    See Also
    --------
    FidelityDisplay : How far the probabilities are the same.
    sklearn.metrics.ConfusionMatrixDisplay : The same against true labels.

    Examples
    --------
    >>> from skdistill.inspection import TeacherConfusionDisplay
    >>> display = TeacherConfusionDisplay.from_predictions(
    ...     ["cat", "cat", "dog", "dog"], ["cat", "dog", "dog", "dog"]
    ... )
    >>> display.confusion_matrix
    array([[1, 1],
           [0, 2]])
    """

    def __init__(self, confusion_matrix, *, display_labels=None, normalize=None):
        self.confusion_matrix = confusion_matrix
        self.display_labels = display_labels
        self.normalize = normalize

    @classmethod
    def from_estimator(
        cls,
        estimator,
        X,
        *,
        teacher_proba=None,
        normalize=None,
        sample_weight=None,
        display_labels=None,
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
        normalize : {"teacher", "student", "all"} or None, default=None
            Whether cells are shares: of what the teacher calls so (a row sums to 1), of
            what the student calls so (a column does), or of all rows. None counts.
        sample_weight : array-like of shape (n_rows,), default=None
            Weights of the rows.
        display_labels : array-like of shape (n_classes,), default=None
            Names of the classes. None: ``estimator.classes_``.
        ax : matplotlib.axes.Axes, default=None
            Where to draw. None opens a figure.
        **kwargs : dict
            Further parameters of `plot`.

        Returns
        -------
        TeacherConfusionDisplay
            Drawn.

        Raises
        ------
        ValueError
            If the estimator has no teacher to ask, or a parameter cannot be meant so.
        """
        check_matplotlib(f"{cls.__name__}.from_estimator")
        answers = ask_both(estimator, X, "predict", teacher_proba, sample_weight)
        return cls.from_predictions(
            answers.teacher,
            answers.student,
            labels=estimator.classes_,
            normalize=normalize,
            sample_weight=answers.weight,
            display_labels=display_labels,
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
        normalize=None,
        sample_weight=None,
        display_labels=None,
        ax=None,
        **kwargs,
    ):
        """Compare what a teacher and a student said of the same rows.

        Parameters
        ----------
        teacher, student : array-like of shape (n_rows,) or (n_rows, n_classes)
            Labels, or probabilities, of which the largest counts.
        labels : array-like of shape (n_classes,), default=None
            The classes in the order to show, which is that of columns. None: the labels
            that were said, sorted; where nobody says any, 0, 1, ...
        normalize : {"teacher", "student", "all"} or None, default=None
            Whether cells are shares: of what the teacher calls so (a row sums to 1), of
            what the student calls so (a column does), or of all rows. None counts.
        sample_weight : array-like of shape (n_rows,), default=None
            Weights of the rows.
        display_labels : array-like of shape (n_classes,), default=None
            Names of the classes. None: `labels`.
        ax : matplotlib.axes.Axes, default=None
            Where to draw. None opens a figure.
        **kwargs : dict
            Further parameters of `plot`.

        Returns
        -------
        TeacherConfusionDisplay
            Drawn.

        Raises
        ------
        ValueError
            If a parameter or the data cannot be meant so.
        """
        check_matplotlib(f"{cls.__name__}.from_predictions")
        said, answered, classes = read_both(teacher, student, labels)
        weight = None
        if sample_weight is not None:
            weight = read_weights(sample_weight, len(said))
        display = cls(
            count_pairs(said, answered, len(classes), weight, normalize),
            display_labels=classes if display_labels is None else display_labels,
            normalize=normalize,
        )
        return display.plot(ax=ax, **kwargs)

    def plot(
        self,
        ax=None,
        *,
        include_values="auto",
        values_format=None,
        xticks_rotation="auto",
        cmap="cividis_r",
        colorbar=True,
        im_kw=None,
        text_kw=None,
    ):
        """Draw it.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, default=None
            Where to draw. None opens a figure.
        include_values : bool or "auto", default="auto"
            Whether cells have their values written in. "auto": where they can be read.
        values_format : str, default=None
            Of these, as of :func:`format`. None: counts in full, shares in per cent.
        xticks_rotation : "auto", "horizontal", "vertical" or float, default="auto"
            Of the names below, in degrees.
        cmap : str or matplotlib.colors.Colormap, default="cividis_r"
            The colours, from few to many.
        colorbar : bool, default=True
            Whether to draw their scale.
        im_kw : dict, default=None
            For :meth:`matplotlib.axes.Axes.imshow`, such as ``{"norm": "linear"}``.
        text_kw : dict, default=None
            For :meth:`matplotlib.axes.Axes.text`.

        Returns
        -------
        TeacherConfusionDisplay
            The same.
        """
        matrix = np.asarray(self.confusion_matrix)
        n_classes = len(matrix)
        names = self._names(n_classes)
        side = float(np.clip(2.2 + 0.4 * n_classes, 4.2, 12.0))
        ax = open_axes(ax, self, (side + 0.9 * colorbar, side), layout="compressed")
        from matplotlib.colors import PowerNorm
        from matplotlib.image import AxesImage

        style = {"cmap": cmap, "interpolation": "nearest"}
        style["norm"] = PowerNorm(0.5, vmin=0, vmax=matrix.max() or 1)
        self.im_ = ax.imshow(
            np.ma.masked_equal(matrix, 0), **merged(style, im_kw, AxesImage)
        )
        ax.set(xlabel="student says", ylabel="teacher says")
        if colorbar:
            self._draw_scale(ax)
        for axis in (ax.xaxis, ax.yaxis):
            axis.set_ticks(range(n_classes))
        # Once with names, so that what they leave for the cells is known.
        for _ in range(2):
            lay_out(ax)
            room = min(size_in_points(ax)) / n_classes
            set_class_ticks(ax.xaxis, names, room, xticks_rotation)
            set_class_ticks(ax.yaxis, names, room)
        self.text_ = None
        if include_values:
            self._write_values(ax, matrix, values_format, text_kw, include_values)
        return self

    def _names(self, n_classes: int) -> list[str]:
        names = range(n_classes) if self.display_labels is None else self.display_labels
        if len(names) != n_classes:
            raise ValueError(
                f"display_labels={self.display_labels!r} must hold a name for each of "
                f"the {n_classes} classes."
            )
        return [str(name) for name in names]

    def _draw_scale(self, ax) -> None:
        scale = ax.figure.colorbar(self.im_, ax=ax, shrink=0.8, aspect=25, pad=0.03)
        unit = "rows"
        if self.normalize is not None:
            from matplotlib.ticker import PercentFormatter

            whole = (
                "all rows" if self.normalize == "all" else f"{self.normalize}'s class"
            )
            unit = f"share of {whole}"
            decimals = 0 if self.im_.norm.vmax > 0.1 else 1
            scale.ax.yaxis.set_major_formatter(PercentFormatter(1, decimals))
        scale.set_label(f"{unit}\n(square root scale)")

    def _write_values(self, ax, matrix, values_format, text_kw, when) -> None:
        from matplotlib.text import Text

        is_share = self.normalize is not None
        written = {
            (i, j): _written(value, values_format, is_share, matrix.max())
            for (i, j), value in np.ndenumerate(matrix)
            if value
        }
        lay_out(ax)
        room = min(size_in_points(ax)) / len(matrix)
        size = fitting_text(list(written.values()), room, room)
        if size < SMALLEST_TEXT and when == "auto":
            return
        self.text_ = np.full(matrix.shape, None, dtype=object)
        for (i, j), text in written.items():
            color = text_color(self.im_.cmap(self.im_.norm(matrix[i, j])))
            style: dict[str, Any] = {"color": color}
            style |= {"horizontalalignment": "center", "verticalalignment": "center"}
            style["fontsize"] = max(size, SMALLEST_TEXT)
            self.text_[i, j] = ax.text(j, i, text, **merged(style, text_kw, Text))


def _written(value, values_format: str | None, is_share: bool, most) -> str:
    if values_format is not None:
        return format(value, values_format)
    if not is_share:
        return f"{value:d}" if isinstance(value, np.integer) else f"{value:.3g}"
    decimals = 0 if most > 0.1 else 1
    least = 10.0 ** -(decimals + 2)
    return f"{value:.{decimals}%}" if value >= least / 2 else f"<{least:.{decimals}%}"


def count_pairs(
    teacher: NDArray[np.intp],
    student: NDArray[np.intp],
    n_classes: int,
    weight: NDArray[np.float64] | None,
    normalize: str | None,
) -> NDArray:
    """Count how often one side says one class and the other side another.

    Parameters
    ----------
    teacher, student : ndarray of shape (n_rows,), intp
        Positions of classes.
    n_classes : int
        How many there are.
    weight : ndarray of shape (n_rows,) or None
        Weights of rows.
    normalize : {"teacher", "student", "all"} or None
        What the cells are a share of. A class that a side never says has shares of 0.

    Returns
    -------
    ndarray of shape (n_classes, n_classes)
        Teacher's class by student's; int without weights and shares.
    """
    if normalize is not None and normalize not in _SHARES:
        raise ValueError(
            f"normalize={normalize!r} must be 'teacher', 'student', 'all' or None."
        )
    flat = np.bincount(teacher * n_classes + student, weight, n_classes**2)
    counts = flat.reshape(n_classes, n_classes)
    if normalize is None:
        return counts
    total = counts.sum(axis=_SHARES[normalize], keepdims=True)
    return np.divide(counts, total, np.zeros(counts.shape), where=total > 0)
