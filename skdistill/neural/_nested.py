"""Networks inside estimators: find them, and let them take float64 for a while."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from torch import nn

from skdistill._detect import is_skorch_net
from skdistill.neural._modules import cast_floats, cast_input, floating_dtype


def is_net(obj) -> bool:
    """Whether `obj` is a skorch net, fitted or not."""
    return is_skorch_net(obj)


def networks_in(estimator) -> Iterator:
    """Each skorch net and torch module inside an estimator, once.

    Parameters
    ----------
    estimator : object
        Attributes of estimators and entries of lists, tuples and dicts are followed,
        however deep. A network's own inside is not.

    Yields
    ------
    skorch.NeuralNet or torch.nn.Module
    """
    seen: set[int] = set()
    waiting = [estimator]
    while waiting:
        obj = waiting.pop()
        if id(obj) in seen:
            continue
        seen.add(id(obj))
        if isinstance(obj, nn.Module) or is_net(obj):
            yield obj
        else:
            waiting.extend(_children(obj))


def _children(obj) -> list:
    if isinstance(obj, dict):
        return list(obj.values())
    if isinstance(obj, (list, tuple)):
        return list(obj)
    if isinstance(obj, type) or not hasattr(obj, "__dict__"):
        return []
    # What CalibratedClassifierCV keeps per fold predicts, but has no parameters.
    if hasattr(obj, "get_params") or hasattr(obj, "predict_proba"):
        return list(vars(obj).values())
    return []


def contains_network(estimator) -> bool:
    """Whether an estimator is, or holds, a skorch net or a torch module.

    Parameters
    ----------
    estimator : object
        Fitted or not, nested at will: pipelines, ensembles, searches, lists, dicts.

    Returns
    -------
    bool
    """
    return next(networks_in(estimator), None) is not None


@contextmanager
def casting_inputs(estimator) -> Iterator[None]:
    """Let the initialised networks inside an estimator take input of any real dtype.

    scikit-learn speaks float64 and torch float32: within this context each module of a
    skorch net casts what it is given to its own dtype. Nothing of the estimator
    differs afterwards, and it may be sent to worker processes meanwhile.

    Parameters
    ----------
    estimator : object
        Nested at will, as for :func:`contains_network`.

    Examples
    --------
    >>> import numpy as np, torch
    >>> from skorch import NeuralNetClassifier
    >>> from skdistill.neural import casting_inputs
    >>> net = NeuralNetClassifier(torch.nn.Linear(2, 2)).initialize()
    >>> with casting_inputs([net]):
    ...     net.predict_proba(np.zeros((3, 2), dtype=np.float64)).shape
    (3, 2)
    """
    modules = {id(m): m for net in networks_in(estimator) for m in _initialised(net)}
    hooks = []
    try:
        for module in modules.values():
            hooks.append(
                module.register_forward_pre_hook(_cast_arguments, with_kwargs=True)
            )
        yield
    finally:
        for hook in hooks:
            hook.remove()


def _initialised(network) -> list[nn.Module]:
    if isinstance(network, nn.Module):
        return [network]
    names = getattr(network, "_modules", None) or ["module"]
    found = [getattr(network, f"{name}_", None) for name in names]
    return [module for module in found if isinstance(module, nn.Module)]


def _cast_arguments(module: nn.Module, args: tuple, kwargs: dict) -> tuple[tuple, dict]:
    """Cast; at module level, so that a process can unpickle a module with this hook."""
    dtype = floating_dtype(module)
    if dtype is None:
        return args, kwargs
    first = tuple(cast_input(value, module) for value in args[:1])
    rest = tuple(cast_floats(value, dtype) for value in args[1:])
    return first + rest, cast_floats(kwargs, dtype)


def cast_for_networks(X):
    """Make a float64 array float32, for fitting an estimator that holds a skorch net.

    Parameters
    ----------
    X : object

    Returns
    -------
    object
        A float32 copy of a float64 ndarray; anything else as it is.
    """
    if isinstance(X, np.ndarray) and X.dtype == np.float64:
        return X.astype(np.float32)
    return X
