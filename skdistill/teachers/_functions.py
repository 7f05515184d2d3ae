"""Functions, torch modules and tables of probabilities as teachers."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from skdistill._rows import n_rows_of
from skdistill.targets import (
    ScoreKind,
    TeacherOutput,
    normalize_rows,
    read_columns,
    share_labels,
)
from skdistill.teachers._base import Teacher, ready_to_predict

#: What methods of these names give, wherever they are bound.
_KIND_BY_NAME: dict[str, ScoreKind] = {
    "predict_proba": "probabilities",
    "predict_log_proba": "logits",
    "decision_function": "logits",
}


class FunctionTeacher(Teacher):
    """A callable that gives scores for rows.

    Parameters
    ----------
    function : callable
        ``function(X) -> array of shape (n_rows, n_classes)``.
    output : {"auto", "probabilities", "logits"}
        What it gives. "auto" goes by the name of a bound `predict_proba`,
        `decision_function` or `predict_log_proba`, and takes logits otherwise.
    """

    def __init__(self, function, output: str = "auto"):
        super().__init__("given")
        self.model = function
        self.name = getattr(function, "__name__", type(function).__name__)
        declared = output if output != "auto" else _KIND_BY_NAME.get(self.name)
        self.declared = declared is not None
        self.kind = declared or "logits"  # type: ignore[assignment]

    def identity(self):
        """The function, and whether what it gives was declared."""
        return self.model, self.kind, self.declared

    def own_classes(self):
        """`classes_` of the estimator that a method is bound to."""
        classes = getattr(getattr(self.model, "__self__", None), "classes_", None)
        return None if classes is None else np.asarray(classes)

    def scores(self, X):
        """Whatever the function says."""
        answer = np.asarray(self._ask(X))
        if not self.declared:
            self._check_not_probabilities(answer)
        return answer

    def _ask(self, X):
        owner = getattr(self.model, "__self__", None)
        if hasattr(owner, "predict_proba"):
            return getattr(ready_to_predict(owner), self.name)(X)
        return self.model(X)

    def _check_not_probabilities(self, answer: NDArray) -> None:
        """A softmax taken of probabilities is a silent, lasting mistake: refuse."""
        if not 1 <= answer.ndim <= 2 or not answer.size or not answer.min() >= 0:
            return
        single = answer.ndim == 1 or answer.shape[1] == 1
        if answer.max() <= 1.0 and (
            single or np.allclose(answer.sum(axis=1), 1.0, atol=1e-4)
        ):
            raise ValueError(
                f"The teacher {self.name} gives rows that are probabilities, where "
                "logits are expected of a function or module; set "
                "teacher_output='probabilities' (or 'logits', if that is what they "
                "are)."
            )


class ModuleTeacher(FunctionTeacher):
    """A trained torch module; asked in eval mode, without gradients."""

    def __init__(self, module, output: str = "auto"):
        from skdistill.neural import sharing_copy

        super().__init__(module, output)
        self.name = type(module).__name__
        # A module in evaluation mode has no mode to switch.
        trains = any(part.training for part in module.modules())
        self._to_ask = sharing_copy(module) if trains else module

    def _ask(self, X):
        from skdistill.neural import logits_of

        return logits_of(self._to_ask, X)


class PrecomputedTeacher(Teacher):
    """A table of probabilities, one row for each row of X.

    Parameters
    ----------
    proba : array-like of shape (n_rows, n_columns)
        Non-negative; rows are scaled to sum to 1 (votes and percentages will do).
        A single column is the probability of the second of two classes.
    n_rows : int
        Rows of X.
    output : {"auto", "probabilities", "logits"}
        What the table holds; "auto" is probabilities.
    """

    model = "precomputed"

    def __init__(self, proba: ArrayLike, n_rows: int, output: str = "auto"):
        super().__init__("precomputed")
        self.name = f"'precomputed' (teacher_proba of shape {np.shape(proba)})"
        self.kind = "logits" if output == "logits" else "probabilities"
        self._classes = getattr(proba, "columns", None)
        self.table = _checked_table(proba, n_rows, self.kind)

    def own_classes(self):
        """Column labels of a frame."""
        return None if self._classes is None else np.asarray(self._classes)

    def _columns(self, n_columns, classes, fallback):
        # Columns of a frame may be labels of y, or just names such as "p0".
        if self._classes is not None and not share_labels(self.own_classes(), fallback):
            self._classes = None
        return super()._columns(n_columns, classes, fallback)

    def scores(self, X):
        """The table; it is for all rows at once."""
        if n_rows_of(X) != len(self.table):
            raise ValueError(
                "A 'precomputed' teacher says nothing about X_unlabeled: give its "
                "probabilities for these rows too, by a teacher that can be called."
            )
        return self.table

    def evaluate(self, X, classes, fallback, *, progress=None, store=None):
        """The table, with its columns named."""
        labels = self._columns(self.table.shape[1], classes, fallback)
        return TeacherOutput(self.scores(X), self.kind, labels)


def _checked_table(
    proba: ArrayLike, n_rows: int, kind: ScoreKind
) -> NDArray[np.float64]:
    table = read_columns(proba, kind, n_rows)
    if table.ndim != 2 or len(table) != n_rows:
        raise ValueError(
            f"teacher_proba has shape {table.shape}; X has {n_rows} rows, so it must "
            f"be ({n_rows}, n_classes)."
        )
    if kind == "logits":
        if np.isnan(table).any() or np.isposinf(table).any():
            raise ValueError("teacher_proba holds NaN or inf, which are no logits.")
        return table
    for wrong, what in (
        (~np.isfinite(table), "NaN or inf"),
        (table < 0, "negative"),
        (table.sum(axis=1, keepdims=True) <= 0, "all zeros, so it cannot be scaled"),
    ):
        if wrong.any():
            row = int(np.argwhere(wrong)[0][0])
            raise ValueError(
                f"teacher_proba must be finite, non-negative and not all zero in a "
                f"row; row {row} is {np.array2string(table[row], threshold=6)} "
                f"({what})."
            )
    return normalize_rows(table)
