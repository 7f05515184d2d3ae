"""What all teachers share: asking in batches, and checking what comes back."""

from __future__ import annotations

import functools

import numpy as np
from numpy.typing import NDArray

from skdistill._detect import may_hold_network
from skdistill._rows import n_rows_of, slice_rows
from skdistill._store import Store
from skdistill.targets import (
    ScoreKind,
    TeacherOutput,
    check_overlap,
    normalize_rows,
    share_labels,
)

#: Rows that are put to a teacher at a time.
BATCH_ROWS = 2**16

#: How far from 1 the probabilities of a row may sum up to: float16 teachers exist.
_SUM_TOLERANCE = 1e-2

#: How far below 0 a probability may come out of somebody's subtraction.
_ROUNDING = 1e-6


def ready_to_predict(model):
    """The model, or a stand-in for it whose networks take float64 and frames.

    The stand-in shares all weights; the model's own modes are not even touched.
    """
    if not may_hold_network():
        return model
    from skdistill.neural import stand_in

    return stand_in(model)


class Teacher:
    """Something that says how probable each class is for given rows.

    A subclass writes `scores` and, where it can tell, `own_classes` and `check_rows`;
    batches, shapes, values and what was answered before are looked after here.

    Parameters
    ----------
    source : {"given", "fitted", "precomputed"}
        Where the teacher came from: given fitted, fitted here, or a table.
    """

    kind: ScoreKind
    name: str
    model: object

    def __init__(self, source: str):
        self.source = source

    def scores(self, X) -> NDArray:
        """Values for a batch of rows, one column a class."""
        raise NotImplementedError

    @property
    def holds_given(self) -> bool:
        """Whether something in it was not fitted here, so may not know y."""
        return self.source != "fitted"

    def own_classes(self) -> NDArray | None:
        """The label of each column, if the teacher itself knows."""
        return None

    def check_rows(self, X) -> None:
        """Raise if this teacher cannot read such rows."""

    def check_classes(self, named: NDArray | None, classes: NDArray) -> None:
        """Raise, before it is asked, if its columns cannot be those of `classes`.

        Parameters
        ----------
        named : ndarray of shape (n_columns,) or None
            The user's `teacher_classes`.
        classes : ndarray of shape (n_classes,)
            The labels of y.
        """
        own = self.own_classes()
        if own is None or (named is not None and not share_labels(own, classes)):
            own = named
        elif named is not None and named.tolist() != own.tolist():
            raise ValueError(
                f"teacher_classes={named.tolist()} contradicts the classes_ of the "
                f"teacher {self.name}, {own.tolist()}; leave teacher_classes out where "
                "the teacher knows the labels of y itself."
            )
        if own is not None:
            check_overlap(own, classes)

    def identity(self) -> tuple:
        """All that its answers about a row depend on."""
        return self.model, self.kind

    def evaluate(
        self,
        X,
        classes: NDArray | None,
        fallback: NDArray,
        *,
        progress=None,
        store: Store | None = None,
    ):
        """Put every row to the teacher once.

        Parameters
        ----------
        X : array-like of shape (n_rows, ...)
            Rows.
        classes : ndarray of shape (n_columns,) or None
            The user's `teacher_classes`.
        fallback : ndarray of shape (n_classes,)
            The classes of y, for a teacher of which nobody names the columns.
        progress : callable, default=None
            Wraps the iterator of batches, to show progress.
        store : Store, default=None
            Where to look whether it was asked before.

        Returns
        -------
        TeacherOutput

        Raises
        ------
        ValueError
            If the answer has another shape than rows × classes, holds NaN or +inf, or
            claims to be probabilities and is not.
        """
        ask = functools.partial(self._ask_all, X, progress)
        if store is None:
            values = ask()
        else:
            key = store.key("answers", type(self), self.identity(), rows=[X])
            values = store.remember("answers", key, ask)
        labels = self._columns(values.shape[1], classes, fallback)
        return TeacherOutput(values, self.kind, labels)

    def _ask_all(self, X, progress) -> NDArray[np.float64]:
        n_rows = n_rows_of(X)
        if n_rows <= BATCH_ROWS:
            return self._checked(self.scores(X), n_rows, 0)
        starts = range(0, n_rows, BATCH_ROWS)
        values = np.empty((0, 0))
        for start in starts if progress is None else progress(starts):
            stop = min(start + BATCH_ROWS, n_rows)
            answer = self.scores(slice_rows(X, start, stop))
            answer = self._checked(answer, stop - start, start)
            if start == 0:
                values = np.empty((n_rows, answer.shape[1]))
            values[start:stop] = answer
        return values

    def _checked(self, answer, n_rows: int, first: int) -> NDArray[np.float64]:
        answer = np.array(answer, dtype=np.float64)
        if answer.ndim == 1 or (answer.ndim == 2 and answer.shape[1] == 1):
            answer = self._two_columns(answer.reshape(-1))
        if answer.ndim != 2 or len(answer) != n_rows:
            raise ValueError(
                f"The teacher {self.name} answered {n_rows} rows with an array of "
                f"shape {answer.shape}; it must be (n_rows, n_classes)."
            )
        wrong = np.isnan(answer) | np.isposinf(answer)
        if self.kind == "probabilities":
            wrong |= ~np.isfinite(answer)
        if wrong.any():
            row, column = np.argwhere(wrong)[0]
            raise ValueError(
                f"The teacher {self.name} said {answer[row, column]} about row "
                f"{first + row}, column {column}: NaN and inf are no {self.kind}. "
                "Impute or scale the rows it was not trained for, or mend the teacher."
            )
        if self.kind == "probabilities":
            self._check_probabilities(answer, first)
            return normalize_rows(answer)
        return answer

    def _two_columns(self, answer: NDArray) -> NDArray:
        """A single score is about the second of two classes."""
        first = np.zeros_like(answer) if self.kind == "logits" else 1.0 - answer
        return np.column_stack([first, answer])

    def _check_probabilities(self, answer: NDArray, first: int) -> None:
        total = answer.sum(axis=1)
        rounding = (answer < 0) & (answer > -_ROUNDING)
        answer[rounding] = 0.0
        wrong = (answer.min(axis=1) < 0) | (np.abs(total - 1) > _SUM_TOLERANCE)
        if wrong.any():
            row = int(np.flatnonzero(wrong)[0])
            raise ValueError(
                f"The teacher {self.name} should give probabilities, but row "
                f"{first + row} is {np.array2string(answer[row], threshold=6)}, which "
                f"sums to {total[row]:.4g}. If these are logits, pass "
                "teacher_output='logits'."
            )

    def _columns(
        self, n_columns: int, classes: NDArray | None, fallback: NDArray
    ) -> NDArray:
        own = self.own_classes()
        if own is not None and (classes is None or share_labels(own, fallback)):
            named, who = own, f"classes_ of the teacher {self.name}"
        elif classes is not None:
            named, who = classes, "teacher_classes"
        else:
            named, who = fallback, "y"
        if len(named) == n_columns:
            return named
        cure = (
            "Name the columns, in their order, with `teacher_classes`."
            if who == "y"
            else f"{who} must name every column, in their order."
        )
        raise ValueError(
            f"The teacher {self.name} gives {n_columns} columns, but {who} has "
            f"{len(named)} classes: which column stands for which class is unknown. "
            f"{cure}"
        )
