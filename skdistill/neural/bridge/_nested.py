"""Networks inside estimators: find them."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from torch import nn

from skdistill._detect import is_skorch_net


def is_net(obj) -> bool:
    """Whether `obj` is a skorch net, fitted or not."""
    return is_skorch_net(obj)


def networks_in(estimator) -> Iterator:
    """Each skorch net and torch module inside an estimator, once.

    Parameters
    ----------
    estimator : object
        Attributes of estimators and entries of lists, tuples, dicts and arrays of
        objects are followed, however deep. A network's own inside is not.

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
        if is_network(obj):
            yield obj
        else:
            waiting.extend(_children(obj))


def is_network(obj) -> bool:
    """Whether an object is itself a skorch net or a torch module."""
    return isinstance(obj, nn.Module) or is_net(obj)


def holders_in(estimator) -> set[int]:
    """Ids of all objects inside an estimator that are, or hold, a network."""
    parents: dict[int, list[int]] = {id(estimator): []}
    waiting, holding = [estimator], []
    while waiting:
        obj = waiting.pop()
        if is_network(obj):
            holding.append(id(obj))
            continue
        for child in _children(obj):
            if id(child) not in parents:
                parents[id(child)] = []
                waiting.append(child)
            parents[id(child)].append(id(obj))
    holders: set[int] = set()
    while holding:
        one = holding.pop()
        if one not in holders:
            holders.add(one)
            holding.extend(parents[one])
    return holders


def _children(obj) -> list:
    if isinstance(obj, dict):
        return list(obj.values())
    if isinstance(obj, (list, tuple)):
        return list(obj)
    if isinstance(obj, np.ndarray) and obj.dtype == object:
        return list(obj.flat)
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
