"""What a teacher said, and the label that each of its columns stands for."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from skdistill.targets._softening import ScoreKind, normalize_rows, soften


@dataclass(frozen=True)
class TeacherOutput:
    """What a teacher said about some rows.

    Parameters
    ----------
    values : ndarray of shape (n_rows, n_columns), float64
        Probabilities (each row sums to 1) or logits.
    kind : {"probabilities", "logits"}
        What the values are. It is carried along, never guessed from the values.
    classes : ndarray of shape (n_columns,)
        The label that each column stands for.
    silent : ndarray of shape (n_rows,), bool, default=None
        Rows about which it says nothing, whatever the values there; None is nowhere.
    """

    values: NDArray[np.float64]
    kind: ScoreKind
    classes: NDArray
    silent: NDArray[np.bool_] | None = None

    def take(self, rows: NDArray | slice) -> TeacherOutput:
        """What was said about some of the rows."""
        silent = None if self.silent is None else self.silent[rows]
        return replace(self, values=self.values[rows], silent=silent)

    def joined(self, more: TeacherOutput) -> TeacherOutput:
        """What was said about these rows and, below them, about more; columns alike."""
        n_rows, n_more = len(self.values), len(more.values)
        silent = None
        if self.silent is not None or more.silent is not None:
            parts = [(self.silent, n_rows), (more.silent, n_more)]
            silent = np.concatenate(
                [np.zeros(n, dtype=bool) if s is None else s for s, n in parts]
            )
        if self.kind != more.kind or self.classes.tolist() != more.classes.tolist():
            more = more.over(self.classes)
            return self.over(self.classes).joined(more)
        values = np.concatenate([self.values, more.values])
        return replace(self, values=values, silent=silent)

    def over(self, classes: NDArray) -> TeacherOutput:
        """The same as probabilities of `classes`."""
        proba = soften(self.values, self.kind)
        output = TeacherOutput(proba, "probabilities", self.classes)
        return replace(align_columns(output, classes), silent=self.silent)


def read_columns(
    values: ArrayLike, kind: ScoreKind, n_rows: int
) -> NDArray[np.float64]:
    """Copy what is said as `teacher_proba`; one column is about the second of two.

    Parameters
    ----------
    values : array-like of shape (n_rows, n_columns) or (n_rows,)
        Not checked for anything but that it holds numbers.
    kind : {"probabilities", "logits"}
        What they are.
    n_rows : int
        How many rows there should be, for the error.

    Returns
    -------
    ndarray of shape (n_rows, n_columns), float64

    Raises
    ------
    ValueError
        If it holds anything but numbers.
    """
    try:
        table = np.array(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"teacher_proba must be an array of numbers of shape ({n_rows}, "
            f"n_classes): {error}."
        ) from error
    if table.ndim == 1 or (table.ndim == 2 and table.shape[1] == 1):
        second = table.reshape(-1)
        first = np.zeros_like(second) if kind == "logits" else 1.0 - second
        table = np.column_stack([first, second])
    return table


def align_columns(output: TeacherOutput, classes: NDArray) -> TeacherOutput:
    """Reorder a teacher's columns to `classes`, by label and never by position.

    A class that the teacher does not know gets probability 0. Columns of classes that
    `classes` lacks are dropped and the rest of the row is scaled up to sum to 1
    (uniform, if the teacher put everything on the dropped ones).

    Parameters
    ----------
    output : TeacherOutput
        Rows over the teacher's classes.
    classes : ndarray of shape (n_classes,)
        The labels of y, sorted.

    Returns
    -------
    TeacherOutput
        Rows over `classes`.

    Raises
    ------
    ValueError
        If the two share no label, or each has a label that the other lacks.
    """
    if output.classes.tolist() == classes.tolist():
        return output
    position = {label: k for k, label in enumerate(output.classes.tolist())}
    source = [position.get(label, -1) for label in classes.tolist()]
    known = np.array(source) >= 0
    check_overlap(output.classes, classes)
    missing = 0.0 if output.kind == "probabilities" else -np.inf
    values = np.full((len(output.values), len(classes)), missing)
    values[:, known] = output.values[:, np.array(source)[known]]
    if output.kind == "probabilities":
        normalize_rows(values)
    return TeacherOutput(values, output.kind, classes)


def check_overlap(theirs: NDArray, ours: NDArray) -> None:
    """Raise unless one side's labels are all among the other's.

    Parameters
    ----------
    theirs, ours : ndarray of shape (n_classes,)
        Labels of the teacher's columns, and of y.

    Raises
    ------
    ValueError
        If the two share no label, or each has a label that the other lacks.
    """
    their_labels = set(theirs.tolist())
    known = np.array([label in their_labels for label in ours.tolist()])
    cure = (
        "Name the teacher's columns with `teacher_classes`, in the labels of y, or "
        "give a teacher that was trained on the same labels."
    )
    if not known.any():
        raise ValueError(
            f"The teacher's classes {_listed(theirs)} share nothing with the classes "
            f"of y {_listed(ours)}. {cure}"
        )
    if not known.all() and len(theirs) > known.sum():
        extra = np.array([c for c in theirs.tolist() if c not in set(ours.tolist())])
        raise ValueError(
            "The teacher's classes and the classes of y overlap only partly: y has "
            f"{_listed(ours[~known])}, which the teacher lacks, and the teacher has "
            f"{_listed(extra)}, which y lacks. {cure}"
        )


def share_labels(theirs: NDArray, ours: NDArray) -> bool:
    """Whether any label is among both."""
    return not set(theirs.tolist()).isdisjoint(ours.tolist())


def _listed(labels: NDArray, most: int = 8) -> str:
    shown = ", ".join(repr(label) for label in labels[:most].tolist())
    return f"[{shown}{', ...' if len(labels) > most else ''}]"
