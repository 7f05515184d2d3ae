"""What a teacher makes of each row on the way to its answer."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import Pipeline

from skdistill._detect import is_module, is_skorch_net
from skdistill._rows import n_rows_of
from skdistill.teachers._estimators import is_fitted

#: What asks for the leaves that a teacher's trees put rows in.
LEAVES = "leaves"

_CHOICES = (
    "Give the name of a layer (of a teacher that is a network), "
    f"{LEAVES!r} (of one that is made of trees), a fitted transformer, or a callable "
    "that makes a table of rows."
)


def represent(teacher, X, what) -> NDArray:
    """Represent rows by what a teacher makes of them.

    Parameters
    ----------
    teacher : object
        The fitted model: a torch module, skorch net, estimator, a pipeline that ends
        in one of these (`what` then names a part of its last step), a distiller (a
        part of its student), or a list.
        The representations of a list's members are put side by side.
    X : array-like of shape (n_rows, ...)
        Rows as the teacher takes them.
    what : str, transformer or callable
        Name of a layer of a network; "leaves" of trees; or, whatever the teacher is, a
        fitted transformer, torch module or callable that is given `X` itself.

    Returns
    -------
    ndarray of shape (n_rows, n_features) or (n_rows, ...), float32
        The output of a layer, transformer or callable; only layers may have more than
        two dimensions. For leaves, of shape (n_rows, n_trees), int64: the number of
        each tree's leaf.

    Raises
    ------
    TypeError
        If `what` is nothing that can represent rows.
    ValueError
        If this teacher has no such part, or `what` is not fitted or does not give
        finite numbers, one row for each.

    Examples
    --------
    >>> from sklearn.tree import DecisionTreeClassifier
    >>> from skdistill.teachers._representations import represent
    >>> X = [[0.0], [1.0], [2.0]]
    >>> tree = DecisionTreeClassifier().fit(X, [0, 1, 1])
    >>> represent(tree, X, "leaves").ravel()
    array([1, 2, 2])
    """
    if isinstance(what, str):
        return _own_part(teacher, X, what)
    if isinstance(what, type):
        raise TypeError(
            f"teacher_layer={what.__name__} is a class; pass an instance, fitted."
        )
    if is_module(what):
        return _layer(what, X, "")
    if hasattr(what, "transform"):
        if not is_fitted(what):
            raise ValueError(
                f"teacher_layer={what!r} is not fitted. Fit it before it represents "
                "rows, on rows that the teacher has learned from."
            )
        return _table(what.transform(X), n_rows_of(X), what)
    if callable(what):
        return _table(what(X), n_rows_of(X), what)
    raise TypeError(f"teacher_layer={what!r} cannot represent rows. {_CHOICES}")


def _own_part(teacher, X, what: str) -> NDArray:
    """A part of the teacher itself, by name."""
    if isinstance(teacher, (list, tuple)):
        return _side_by_side([_own_part(member, X, what) for member in teacher], what)
    while isinstance(teacher, (FrozenEstimator, Pipeline)) or _is_distilled(teacher):
        if isinstance(teacher, FrozenEstimator):
            teacher = teacher.estimator
        elif isinstance(teacher, Pipeline):
            X = teacher[:-1].transform(X) if len(teacher) > 1 else X
            teacher = teacher[-1]
        else:
            teacher = teacher.student_
    if is_skorch_net(teacher):
        if not is_fitted(teacher):
            raise ValueError(
                f"The teacher {type(teacher).__name__} is not fitted, so it has no "
                f"layer {what!r} yet. Fit it first."
            )
        teacher = teacher.module_
    if is_module(teacher):
        return _layer(teacher, X, what)
    if hasattr(teacher, "layer_outputs"):
        return teacher.layer_outputs(X, what)
    name = type(teacher).__name__
    if what != LEAVES:
        raise ValueError(
            f"teacher_layer={what!r} names a layer, but the teacher {name} has none. "
            f"{_CHOICES}"
        )
    # LightGBM's own word; all others say `apply`.
    if hasattr(teacher, "booster_"):
        return _leaves(teacher.predict(X, pred_leaf=True), n_rows_of(X))
    if not hasattr(teacher, "apply"):
        raise ValueError(
            f"teacher_layer={LEAVES!r} needs a teacher that tells the leaves of rows "
            f"(a method apply); {name} has none. {_CHOICES}"
        )
    return _leaves(teacher.apply(X), n_rows_of(X))


def _is_distilled(teacher) -> bool:
    """Whether a teacher was a student itself: what it knows is in that."""
    return hasattr(teacher, "student_") and hasattr(teacher, "route_")


def _layer(module, X, name: str) -> NDArray[np.float32]:
    from skdistill.neural.matching._layers_by_name import layer_outputs

    return layer_outputs(module, X, name)


def _leaves(numbers, n_rows: int) -> NDArray[np.int64]:
    """One column for each tree; boosting has a tree for each class and iteration."""
    return np.asarray(numbers).reshape(n_rows, -1).astype(np.int64)


def _side_by_side(parts: list[NDArray], what: str) -> NDArray:
    """Join the members' tables; maps of different networks have no common positions."""
    if any(part.ndim != 2 for part in parts):
        shapes = [part.shape for part in parts]
        raise ValueError(
            f"The layer {what!r} of the teachers in the list gives the shapes {shapes};"
            " only vectors, (n_rows, n_features), can be put side by side. Name a layer"
            " behind the maps, or give one teacher."
        )
    return np.concatenate(parts, axis=1)


def _table(answer, n_rows: int, what) -> NDArray[np.float32]:
    """Check what a transformer or callable gave."""
    name = getattr(what, "__name__", type(what).__name__)
    if sparse.issparse(answer):
        answer = answer.toarray()
    # Too large for float32 becomes inf, and is refused with the rest.
    with np.errstate(over="ignore"):
        table = np.asarray(answer).astype(np.float32)
    if table.ndim == 1:
        table = table.reshape(-1, 1)
    if table.ndim != 2 or len(table) != n_rows:
        raise ValueError(
            f"teacher_layer={name} represents {n_rows} rows by an array of shape "
            f"{table.shape}; it must be (n_rows, n_features)."
        )
    if not np.isfinite(table).all():
        row = int(np.argwhere(~np.isfinite(table))[0][0])
        raise ValueError(
            f"teacher_layer={name} gives NaN, inf or numbers too large for float32 in "
            f"row {row}. Impute or scale, or represent rows by something else."
        )
    return table
