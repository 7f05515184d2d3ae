"""Check what somebody says about rows: a label, or a number for each class."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from skdistill._sklearn_compat import check_weights
from skdistill.targets import normalize_rows

#: How far the sum of a row may be from 1: answers in float32, numbers with three
#: decimals.
SUM_TOLERANCE = 1e-3

_MISSING = ("NoneType", "NAType", "NaTType")


def read_labels(values: ArrayLike, name: str) -> NDArray:
    """Check labels.

    Parameters
    ----------
    values : array-like of shape (n_rows,)
        Numbers, booleans or text.
    name : str
        Of the parameter, for errors.

    Returns
    -------
    ndarray of shape (n_rows,)
        Not of objects.

    Raises
    ------
    ValueError
        If they have another shape, are missing, of several kinds, or no labels.
    """
    labels = np.asarray(values)
    if labels.ndim != 1:
        raise ValueError(
            f"{name} has shape {labels.shape}; give one label for each row, shape "
            "(n_rows,)."
        )
    if labels.dtype == object:
        labels = _of_one_kind(labels, name)
    if labels.dtype.kind == "f":
        _check_whole(labels, name)
    return labels


def _of_one_kind(labels: NDArray, name: str) -> NDArray:
    entries = labels.tolist()
    kinds = set(map(type, entries))
    if any(kind.__name__ in _MISSING for kind in kinds):
        raise ValueError(f"{name} has missing labels (None, NA); leave these rows out.")
    if len({issubclass(kind, str) for kind in kinds}) > 1:
        raise ValueError(
            f"{name} mixes text with other labels; give all of them as text, "
            f"{name}.astype(str)."
        )
    return np.array(entries)


def _check_whole(labels: NDArray, name: str) -> None:
    if not np.isfinite(labels).all():
        raise ValueError(f"{name} has NaN or inf among its labels; leave them out.")
    fractions = labels != np.floor(labels)
    if fractions.any():
        raise ValueError(
            f"{name} has one number for each row, such as {labels[fractions][0]:.4g}, "
            "which is no label; give labels, or probabilities of all classes, shape "
            "(n_rows, n_classes): np.column_stack([1 - p, p]) of the second of two."
        )


def read_scores(values: ArrayLike, name: str) -> NDArray:
    """Check numbers of which the largest of a row counts.

    Parameters
    ----------
    values : array-like of shape (n_rows, n_classes)
        Probabilities, or other scores.
    name : str
        Of the parameter, for errors.

    Returns
    -------
    ndarray of shape (n_rows, n_classes)
        Without NaN.
    """
    table = np.asarray(values)
    if table.ndim != 2 or table.shape[1] < 2:
        raise ValueError(
            f"{name} has shape {table.shape}; give a column for each of at least two "
            "classes, shape (n_rows, n_classes). Of the probability p of the second of "
            "two that is np.column_stack([1 - p, p])."
        )
    if table.dtype.kind not in "fiub":
        try:
            table = table.astype(np.float64)
        except (TypeError, ValueError):
            raise ValueError(
                f"{name} has entries of {table.dtype}; give numbers, such as "
                "predict_proba does."
            ) from None
    if table.dtype.kind == "f" and np.isnan(table).any():
        row = int(np.argwhere(np.isnan(table))[0][0])
        raise ValueError(f"{name} has NaN in row {row}; leave such rows out.")
    return table


def read_proba(values: ArrayLike, name: str) -> tuple[NDArray[np.float64], float]:
    """Check probabilities.

    Parameters
    ----------
    values : array-like of shape (n_rows, n_classes)
        Rows from 0 to 1 whose sum is 1.
    name : str
        Of the parameter, for errors.

    Returns
    -------
    proba : ndarray of shape (n_rows, n_classes), float64
        Scaled to sum to 1 exactly.
    floor : float
        The resolution of the type that they came in.

    Raises
    ------
    ValueError
        If they are anything else; logits for example.
    """
    table = read_scores(values, name)
    floor = np.finfo(table.dtype if table.dtype.kind == "f" else np.float64).eps
    proba = np.array(table, dtype=np.float64)
    total = proba.sum(axis=1)
    # Written so that what is not finite is wrong too.
    right = (proba >= 0).all(axis=1) & (np.abs(total - 1) <= SUM_TOLERANCE)
    if not right.all():
        row = int(np.flatnonzero(~right)[0])
        raise ValueError(
            f"{name} holds no probabilities: row {row} is "
            f"{np.array2string(proba[row], precision=4, threshold=6)}, and rows must "
            "be from 0 to 1 and sum to 1. Of logits skdistill.targets.soften(logits, "
            "'logits') makes some."
        )
    return normalize_rows(proba), float(floor)


def read_weights(sample_weight, n_rows: int) -> NDArray[np.float64]:
    """Check row weights; None is 1 for each.

    Raises
    ------
    ValueError
        If there are not as many, some are negative, or all are 0.
    """
    # scikit-learn refuses that in some versions, without naming it.
    if sample_weight is not None and not np.asarray(sample_weight).any():
        raise ValueError(
            "sample_weight is 0 on all rows, so nothing is left to score; give a "
            "positive weight to some."
        )
    weight = check_weights(sample_weight, np.empty((n_rows, 0)))
    return np.ones(n_rows) if weight is None else weight


def check_same_rows(**sides: NDArray) -> int:
    """Raise unless all have as many rows, and some; return how many."""
    (first, table), *others = sides.items()
    for name, other in others:
        if len(other) != len(table):
            raise ValueError(
                f"{first} has {len(table)} rows and {name} has {len(other)}; give both "
                "about the same rows."
            )
    if not len(table):
        raise ValueError(f"{first} is empty; give at least one row.")
    return len(table)


def check_same_columns(**tables: NDArray) -> int:
    """Raise unless all have as many columns; return how many."""
    (first, table), *others = tables.items()
    for name, other in others:
        if other.shape[1] != table.shape[1]:
            raise ValueError(
                f"{first} has {table.shape[1]} columns and {name} has "
                f"{other.shape[1]}; give both over the same classes, in the same order."
            )
    return table.shape[1]


def name_columns(labels: ArrayLike | None, n_columns: int, *said: NDArray) -> NDArray:
    """Find the label that each column stands for.

    Parameters
    ----------
    labels : array-like of shape (n_columns,) or None
        As given. None: the sorted labels of `said`, if there are as many.
    n_columns : int
        How many columns there are.
    *said : ndarray of shape (n_rows,)
        Labels, if any were said.

    Returns
    -------
    ndarray of shape (n_columns,)
        Distinct labels.

    Raises
    ------
    ValueError
        If there are more or fewer.
    """
    if labels is not None:
        return read_names(labels, n_columns)
    found = np.unique(np.concatenate(said))
    if len(found) != n_columns:
        raise ValueError(
            f"labels=None takes the columns for the sorted labels, and there are "
            f"{n_columns} columns and {len(found)} labels, {listed(found)}; name the "
            "columns, labels=model.classes_."
        )
    return found


def read_names(labels: ArrayLike, n_columns: int | None = None) -> NDArray:
    """Check `labels`: distinct, and as many as there are columns."""
    names = read_labels(labels, "labels")
    if len(np.unique(names)) != len(names):
        raise ValueError(f"labels={listed(names)} must be distinct.")
    if n_columns is not None and len(names) != n_columns:
        raise ValueError(
            f"labels={listed(names)} names {len(names)} columns, and there are "
            f"{n_columns}; give the label of each, in their order."
        )
    return names


def codes_of(
    said: NDArray,
    classes: NDArray,
    name: str,
    cure: str = "give all classes as labels",
) -> NDArray[np.intp]:
    """Positions of labels in `classes`.

    Parameters
    ----------
    said : ndarray of shape (n_rows,)
        Labels.
    classes : ndarray of shape (n_classes,)
        Distinct labels; objects too, as frames hold text.
    name : str
        Of the parameter, for errors.
    cure : str, default="give all classes as labels"
        What to do about a label that is not among the classes, for errors.

    Returns
    -------
    ndarray of shape (n_rows,), intp

    Raises
    ------
    ValueError
        If a label is not among them.
    """
    if classes.dtype == object:
        classes = np.array(classes.tolist())
    if said.dtype == object:
        said = np.array(said.tolist())
    if (said.dtype.kind in "US") != (classes.dtype.kind in "US"):
        raise ValueError(
            f"{name} has labels such as {said[:1].tolist()[0]!r}, and the classes are "
            f"{listed(classes)}: text on one side only; bring both to one kind."
        )
    order = np.argsort(classes, kind="stable")
    found = np.searchsorted(classes, said, sorter=order).clip(max=len(classes) - 1)
    codes = order[found]
    unknown = classes[codes] != said
    if unknown.any():
        raise ValueError(
            f"{name} says {said[unknown][:1].tolist()[0]!r}, which is not among the "
            f"classes {listed(classes)}; {cure}."
        )
    return codes


def listed(labels: NDArray, most: int = 8) -> str:
    """Labels on one line, the first ones if there are many."""
    shown = ", ".join(repr(label) for label in labels[:most].tolist())
    return f"[{shown}{', ...' if len(labels) > most else ''}]"
