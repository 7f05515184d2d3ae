"""How large a model is: bytes, parameters, nodes."""

from __future__ import annotations

import pickle
from typing import NamedTuple

import numpy as np
from sklearn.exceptions import NotFittedError
from sklearn.utils.validation import check_is_fitted

from skdistill._detect import is_skorch_net
from skdistill.metrics._inside import deployed, leaves_of, modules_of

_UNITS = ("bytes", "parameters", "nodes")


class ModelSize(NamedTuple):
    """How large a model is.

    Parameters
    ----------
    n_bytes : int or None
        Bytes of its pickle, of networks those of their weights. None: it cannot be
        pickled.
    n_parameters : int or None
        Weights of networks, coefficients and intercepts of linear models. None: there
        are none.
    n_nodes : int or None
        Nodes of all trees, leaves included. None: there are no trees.
    """

    n_bytes: int | None
    n_parameters: int | None
    n_nodes: int | None


def model_size(model) -> ModelSize:
    """Measure how large a model is, without its teacher.

    Parameters
    ----------
    model : estimator, torch module, or list of these
        Fitted. Of a distiller its student counts, of a search the best estimator, of
        a pipeline all steps, of a list (an ensemble) all members.

    Returns
    -------
    ModelSize
        Of ``(n_bytes, n_parameters, n_nodes)``.

    Raises
    ------
    TypeError
        If it is no model; a function for example, which may hide anything.
    sklearn.exceptions.NotFittedError
        If it is not fitted.

    See Also
    --------
    compression_ratio : Of two models.
    skdistill.strip_teacher : Leave the teacher behind.

    Notes
    -----
    Bytes are counted while pickling, without writing anything. Of networks parameters
    and buffers count, whatever else is kept after training (optimizers, histories):
    that is what predicting needs. Parameters and nodes are those of scikit-learn's
    linear models, perceptrons, trees, forests and boosting, of torch modules, skorch
    nets, and of whatever is made of these. Of other libraries there are bytes.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.tree import DecisionTreeClassifier
    >>> from skdistill.metrics import model_size
    >>> X, y = load_iris(return_X_y=True)
    >>> model_size(DecisionTreeClassifier(max_leaf_nodes=4).fit(X, y)).n_nodes
    7
    >>> model_size(LogisticRegression(max_iter=1000).fit(X, y)).n_parameters
    15
    """
    _check(model)
    parts = list(leaves_of(model))
    return ModelSize(
        _count_bytes(model),
        _total([_count_parameters(part) for part in parts]),
        _total([_count_nodes(part) for part in parts]),
    )


def compression_ratio(teacher, student, *, unit: str = "bytes") -> float:
    """How many times larger the teacher is than the student.

    Parameters
    ----------
    teacher, student : estimator, torch module, or list of these
        Fitted, as for :func:`model_size`. Of a distiller, given as either, its
        student counts; its teacher is its ``teacher_``.
    unit : {"bytes", "parameters", "nodes"}, default="bytes"
        What is counted. Only bytes compare models of different kinds.

    Returns
    -------
    float
        Above 1 if the student is the smaller one.

    Raises
    ------
    ValueError
        If one of the two has none of what is to be counted.
    TypeError, sklearn.exceptions.NotFittedError
        As :func:`model_size`.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.ensemble import RandomForestClassifier
    >>> from sklearn.tree import DecisionTreeClassifier
    >>> from skdistill.metrics import compression_ratio
    >>> X, y = load_iris(return_X_y=True)
    >>> forest = RandomForestClassifier(100, random_state=0).fit(X, y)
    >>> tree = DecisionTreeClassifier(max_leaf_nodes=4).fit(X, y)
    >>> compression_ratio(forest, tree) > 20
    True
    """
    if unit not in _UNITS:
        raise ValueError(f"unit={unit!r} must be one of {_UNITS}.")
    counts = []
    for name, model in (("teacher", teacher), ("student", student)):
        count = getattr(model_size(model), f"n_{unit}")
        if not count:
            why = "it cannot be pickled" if unit == "bytes" else f"it has no {unit}"
            others = [repr(other) for other in _UNITS if other != unit]
            raise ValueError(
                f"unit={unit!r} cannot be counted of the {name} "
                f"{type(model).__name__}: {why}. Take {' or '.join(others)}."
            )
        counts.append(count)
    return counts[0] / counts[1]


def _check(model) -> None:
    if isinstance(model, (list, tuple)):
        if not model:
            raise TypeError(f"model={model!r} is empty; give the models of a list.")
        for member in model:
            _check(member)
        return
    if modules_of(model):
        return
    if is_skorch_net(model):
        raise NotFittedError(f"This {type(model).__name__} is not fitted yet.")
    speaks = any(hasattr(model, name) for name in ("predict", "transform"))
    if isinstance(model, type) or not (speaks or hasattr(model, "predict_proba")):
        raise TypeError(
            f"model={model!r} is no model of which the size could be told; give a "
            "fitted estimator, a torch module, or a list of these."
        )
    if hasattr(model, "fit"):
        check_is_fitted(model)


def _total(counts: list[int | None]) -> int | None:
    known = [count for count in counts if count is not None]
    return sum(known) if known else None


def _count_parameters(part) -> int | None:
    modules = modules_of(part)
    if modules:
        return sum(p.numel() for module in modules for p in module.parameters())
    if hasattr(part, "coefs_"):  # of perceptrons
        return sum(np.size(each) for each in [*part.coefs_, *part.intercepts_])
    if not hasattr(part, "coef_"):
        return None
    # Not np.size, which takes a sparse matrix for one number.
    n_coefficients = getattr(part.coef_, "size", 1)
    has_intercepts = getattr(part, "fit_intercept", True)
    intercepts = getattr(part, "intercept_", ()) if has_intercepts else ()
    return int(n_coefficients + np.size(intercepts))


def _count_nodes(part) -> int | None:
    if hasattr(part, "tree_"):
        return int(part.tree_.node_count)
    iterations = getattr(part, "_predictors", None)  # of histogram-based boosting
    if not isinstance(iterations, list):
        return None
    return sum(len(tree.nodes) for trees in iterations for tree in trees)


def _count_bytes(model) -> int | None:
    while (inside := deployed(model)) is not model:
        model = inside
    if modules_of(model):
        return _count_weights(model)
    counter = _Counter()
    try:
        _Weigher(counter).dump(model)
    except Exception:  # whatever a foreign __reduce__ may raise
        return None
    return counter.n_bytes


def _count_weights(model) -> int:
    """Bytes of the parameters and buffers of a network."""
    modules = modules_of(model)
    tensors = [t for m in modules for t in (*m.parameters(), *m.buffers())]
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors)


class _Counter:
    """A file that keeps nothing but the number of bytes."""

    def __init__(self):
        self.n_bytes = 0

    def write(self, data) -> int:
        size = memoryview(data).nbytes
        self.n_bytes += size
        return size

    def take_buffer(self, buffer: pickle.PickleBuffer) -> None:
        self.write(buffer.raw())


class _Weigher(pickle.Pickler):
    """Pickle what would be deployed: no teachers, no searches, weights of networks."""

    def __init__(self, counter: _Counter):
        super().__init__(counter, protocol=5, buffer_callback=counter.take_buffer)
        self.counter = counter

    def reducer_override(self, obj):
        if isinstance(obj, type):
            return NotImplemented
        if modules_of(obj):
            self.counter.n_bytes += _count_weights(obj)
            return list, ()
        inside = deployed(obj)
        # A list of one thing weighs hardly more than the thing.
        return NotImplemented if inside is obj else (list, ([inside],))
