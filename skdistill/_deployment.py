"""Leave the teacher behind."""

from __future__ import annotations

import copy
import pickle

import numpy as np
from sklearn.utils.validation import check_is_fitted

from skdistill._base import BaseDistiller
from skdistill.teachers import members_of


def strip_teacher(model):
    """Copy a fitted model without its teacher: what goes to production.

    The copy predicts identically and holds no teacher, so it is as small, in memory
    and in a file, as its student. It cannot be fitted again.

    Parameters
    ----------
    model : estimator
        A `DistillationClassifier`, or anything that holds some: a pipeline, a voting
        classifier, a calibrated one. Of a search the best estimator is taken.

    Returns
    -------
    estimator
        A deep copy of the same class (of a search: of its best estimator).

    Raises
    ------
    sklearn.exceptions.NotFittedError
        If the model is not fitted: without a teacher it never could be.
    TypeError
        If there is no distiller in it.

    Examples
    --------
    >>> import pickle
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.ensemble import RandomForestClassifier
    >>> from sklearn.tree import DecisionTreeClassifier
    >>> from skdistill import DistillationClassifier, strip_teacher
    >>> X, y = load_digits(return_X_y=True)
    >>> forest = RandomForestClassifier(random_state=0).fit(X, y)
    >>> tree = DecisionTreeClassifier(max_leaf_nodes=64, random_state=0)
    >>> model = DistillationClassifier(forest, tree).fit(X, y)
    >>> small = strip_teacher(model)
    >>> len(pickle.dumps(small)) < len(pickle.dumps(model)) / 50
    True
    >>> bool((small.predict_proba(X) == model.predict_proba(X)).all())
    True
    """
    check_is_fitted(model)
    memo: dict = {}
    if not any(isinstance(part, BaseDistiller) for part in _parts(model)):
        raise TypeError(
            f"model={model!r} holds no distiller: there is no teacher to strip."
        )
    for part in _parts(model):
        if isinstance(part, BaseDistiller):
            for teacher in (part.teacher, getattr(part, "teacher_", None)):
                _forget(teacher, memo)
        _copy_tree(part, memo)
    stripped = _without_searches(model, memo)
    for part in _parts(stripped):
        if isinstance(part, BaseDistiller):
            part.teacher = part.transfer = None
            part.teacher_cv = part.teacher_calibration = None
            part.transfer_redraw = False
            part._teacher = None
            for name in ("teacher_", "teacher_calibration_", "transfer_"):
                vars(part).pop(name, None)
        elif hasattr(part, "forget_teacher"):
            part.forget_teacher()
    return stripped


def _copy_tree(part, memo: dict) -> None:
    """Copy a tree to the byte; deepcopy leaves chance bytes between its fields."""
    tree = getattr(part, "__dict__", {}).get("tree_")
    if tree is not None:
        memo[id(tree)] = pickle.loads(pickle.dumps(tree))


def _forget(teacher, memo: dict) -> None:
    """Have deepcopy pass by the teacher, and its members, wherever it meets them."""
    if teacher is None or isinstance(teacher, str):
        return
    for part in (teacher, *members_of(teacher)):
        memo[id(part)] = "stripped"


def _without_searches(model, memo: dict):
    # A search remembers its candidates, teachers among them.
    searches = [part for part in _parts(model) if hasattr(part, "best_estimator_")]
    for search in reversed(searches):
        memo[id(search)] = copy.deepcopy(search.best_estimator_, memo)
    return copy.deepcopy(model, memo)


def _parts(model) -> list:
    """The estimators inside a model, outer ones first."""
    found, seen, waiting = [], set(), [model]
    while waiting:
        part = waiting.pop(0)
        if id(part) in seen or isinstance(part, type):
            continue
        seen.add(id(part))
        if isinstance(part, dict):
            waiting.extend(part.values())
        elif isinstance(part, (list, tuple)):
            waiting.extend(part)
        elif isinstance(part, np.ndarray) and part.dtype == object:
            waiting.extend(part.flat)
        elif hasattr(part, "get_params") or hasattr(part, "predict_proba"):
            found.append(part)
            waiting.extend(getattr(part, "__dict__", {}).values())
    return found
