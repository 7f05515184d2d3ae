"""What is inside a fitted model: the parts that it asks when it predicts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import Pipeline

from skdistill._detect import is_module, is_skorch_net

#: Where fitted models keep what they ask, the first that is found; a distiller its
#: student and not its teacher, a search its best model and not its candidates.
_KEPT_IN = (
    ("generations_",),
    ("student_",),
    ("best_estimator_",),
    ("calibrated_classifiers_",),
    ("estimators_", "final_estimator_", "init_"),
    ("estimator_",),
)


def deployed(model) -> Any:
    """What of a distiller or a search goes to production; others as they are.

    Parameters
    ----------
    model : object
        Fitted.

    Returns
    -------
    object
        The student, the generations that vote, or the best estimator.
    """
    own = getattr(model, "__dict__", {})
    for name in ("generations_", "student_", "best_estimator_"):
        if name in own:
            return own[name]
    return model


def members_of(model) -> list:
    """The models that a model asks; none if it is all there is."""
    if isinstance(model, (list, tuple)):
        return list(model)
    if isinstance(model, np.ndarray):
        return list(model.flat)
    if isinstance(model, Pipeline):
        steps = [step for _, step in model.steps]
        return [s for s in steps if s is not None and not isinstance(s, str)]
    if isinstance(model, FrozenEstimator) or _is_one_calibrated(model):
        return [model.estimator]
    own = getattr(model, "__dict__", {})
    for names in _KEPT_IN:
        if names[0] in own:
            return [own[name] for name in names if own.get(name) is not None]
    return []


def _is_one_calibrated(model) -> bool:
    return hasattr(model, "calibrators") and hasattr(model, "estimator")


def modules_of(model) -> list:
    """Modules that a network is made of; none if it is no network."""
    if is_module(model):
        return [model]
    if is_skorch_net(model):
        return [model.module_] if hasattr(model, "module_") else []
    modules = getattr(model, "__dict__", {}).get("modules_", [])
    is_list = isinstance(modules, (list, tuple))
    return list(modules) if is_list and all(map(is_module, modules)) else []


def leaves_of(model) -> Iterator:
    """All that a model asks and that asks nothing itself, each object once."""
    seen: set[int] = set()
    waiting = [model]
    while waiting:
        part = waiting.pop()
        if id(part) in seen:
            continue
        seen.add(id(part))
        members = members_of(part)
        if not members:
            yield part
        waiting.extend(members)
