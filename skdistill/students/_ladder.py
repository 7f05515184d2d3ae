"""Choose the route by which a student is taught."""

from __future__ import annotations

import functools
from collections.abc import Sequence

from numpy.typing import NDArray
from sklearn.base import clone, is_regressor
from sklearn.tree import DecisionTreeClassifier

from skdistill._detect import is_module, is_skorch_net
from skdistill._sklearn_compat import takes_weights, validate_params
from skdistill.students import (
    _bagging,
    _boosting,
    _copies,
    _forest,
    _hard_labels,
    _labels,
    _linear,
    _network,
    _patient_tree,
    _pipeline,
    _regression,
    _tree,
)
from skdistill.students._class_weight import check_class_weight
from skdistill.students._lesson import Lesson
from skdistill.targets import SoftTargets

#: Each has ROUTE (its name), takes(student) and teach(student, X, targets, params).
LADDER = (
    _network,
    _tree,
    _forest,
    _linear,
    _boosting,
    _bagging,
    _copies,
    _regression,
    _hard_labels,
)


def route_of(student) -> str:
    """Name the route that `student` will take; a pipeline takes that of its last step.

    Examples
    --------
    >>> from sklearn.naive_bayes import GaussianNB
    >>> from skdistill.students import route_of
    >>> route_of(GaussianNB())
    'weighted copies'
    """
    return _rung(_pipeline.last_step(student)).ROUTE


def _rung(student):
    for route in LADDER:
        if route.takes(student):
            return route
    raise TypeError(
        f"student={student!r} is neither a classifier, a regressor, a torch module nor "
        "a pipeline that ends in one; give an estimator with fit and predict."
    )


def check_student(student, classes: NDArray | None = None) -> None:
    """Raise unless `student` is something that can be taught.

    Parameters
    ----------
    student : object
        As given by the user.
    classes : ndarray of shape (n_classes,), default=None
        The labels of y, once they are known.

    Raises
    ------
    TypeError
        If it is a class instead of an instance, or no classifier, regressor, torch
        module or pipeline ending in one of these.
    ValueError
        If a parameter of it is invalid, or its class weights are for other labels.
    """
    if isinstance(student, type):
        raise TypeError(
            f"student={student.__name__} is a class; pass an instance, "
            f"{student.__name__}()."
        )
    learner = _pipeline.last_step(student)
    if not (is_module(learner) or hasattr(learner, "fit")):
        raise TypeError(
            f"student={student!r} (type {type(student).__name__}) is not an estimator; "
            "give a scikit-learn classifier or regressor, a skorch net, a torch module "
            "or a pipeline that ends in one."
        )
    if type(learner).__name__ == "FrozenEstimator":
        raise TypeError(
            f"student={student!r} is frozen: it cannot be taught. Give the estimator "
            "inside."
        )
    _rung(learner)
    validate_params(learner)
    # What learns soft targets by itself may know what it cannot learn.
    if hasattr(learner, "check_lesson"):
        learner.check_lesson(None if classes is None else len(classes))
    if classes is not None:
        check_class_weight(getattr(learner, "class_weight", None), classes)


def check_redraws(student, X=None) -> None:
    """Raise unless a student can draw rows of its own as it learns.

    Parameters
    ----------
    student : object
        Of :func:`check_student`.
    X : array-like of shape (n_rows, n_features), default=None
        Its rows, once they are known.

    Raises
    ------
    ValueError
        Naming those that can, or what about this one stands in the way.
    """
    learner = _pipeline.last_step(student)
    if _network.trains_in_stacks(learner):
        return
    if type(learner) is not DecisionTreeClassifier:
        raise ValueError(
            f"transfer_redraw=True is for students that draw rows as they learn, "
            "NeuralClassifier, torch modules and DecisionTreeClassifier, and the "
            f"student is {type(learner).__name__}; set transfer_redraw=False."
        )
    if learner is not student:
        raise ValueError(
            "transfer_redraw=True with a tree at the end of a pipeline: the tree draws "
            "rows inside its nodes, and what its nodes split are not the columns that "
            "the teacher reads. Put the steps before it in front of the distiller, or "
            "set transfer_redraw=False."
        )
    _patient_tree.check(learner, X)


def hears_weights(student) -> bool:
    """Whether a row's weight reaches a student at all.

    Examples
    --------
    >>> from sklearn.neighbors import KNeighborsClassifier
    >>> from skdistill.students import hears_weights
    >>> hears_weights(KNeighborsClassifier())
    False
    """
    learner = _pipeline.last_step(student)
    if _bagging.takes(learner) and learner.estimator is not None:
        return hears_weights(learner.estimator)
    by_labels_or_values = _rung(learner) in (_hard_labels, _regression)
    return not by_labels_or_values or takes_weights(learner)


def has_probabilities(student) -> bool:
    """Whether a model taught to `student` can say `predict_proba`."""
    learner = _pipeline.last_step(student)
    if is_module(learner) or is_skorch_net(learner):
        return True
    return hasattr(learner, "predict_proba") or is_regressor(learner)


def listens(student, alpha: float) -> bool:
    """Whether a student hears its teacher at all."""
    return alpha > 0 or listens_without_alpha(student)


def listens_without_alpha(student) -> bool:
    """Whether a student turns to its teacher later on, though alpha begins at 0."""
    return _labels.comes_to_listen(_pipeline.last_step(student))


def wanted_representations(student) -> list:
    """What a student wants to know of its teacher besides answers.

    Parameters
    ----------
    student : object
        Where it, or the last step of a pipeline, has `teacher_representations`, that
        is asked.

    Returns
    -------
    list
        Names of layers, transformers and the like; empty for most students.
    """
    learner = _pipeline.last_step(student)
    ask = getattr(learner, "teacher_representations", None)
    return [] if ask is None or isinstance(learner, type) else ask()


def learn(
    student,
    X,
    targets: SoftTargets,
    fit_params: dict | None = None,
    *,
    random_state: int | None = None,
) -> Lesson:
    """Teach a copy of `student` by the first route that applies.

    Parameters
    ----------
    student : estimator or torch.nn.Module
        Not changed.
    X : {array-like, sparse matrix} of shape (n_rows, n_features)
        Rows, as the student takes them.
    targets : SoftTargets
        What to learn about each row.
    fit_params : dict, default=None
        Further arguments of the student's `fit`.
    random_state : int, default=None
        Seed for students that have no `random_state` of their own (networks).

    Returns
    -------
    Lesson
        The fitted student, the route taken, and how to read it.
    """
    return _learn(
        clone(student, safe=False), X, targets, fit_params or {}, random_state
    )


def can_learn_together(student) -> bool:
    """Whether several such students are trained in one go, at less than their cost.

    Examples
    --------
    >>> from sklearn.naive_bayes import GaussianNB
    >>> from skdistill.students import can_learn_together
    >>> can_learn_together(GaussianNB())
    False
    """
    return _network.trains_in_stacks(_pipeline.last_step(student))


def learn_together(
    students: Sequence,
    X,
    targets: Sequence[SoftTargets],
    *,
    random_state: Sequence[int | None],
) -> list[Lesson | Exception]:
    """Teach copies of several students about the same rows, all at once.

    Parameters
    ----------
    students : sequence of estimators or torch.nn.Module
        Such that `can_learn_together`. Not changed.
    X : {array-like, sparse matrix} of shape (n_rows, n_features)
        Rows.
    targets : sequence of SoftTargets
        What each is to learn.
    random_state : sequence of int or None
        As in `learn`, for each.

    Returns
    -------
    list of Lesson or Exception
        As `learn` would give or raise them, but for rounding.
    """
    copies = [clone(student, safe=False) for student in students]
    return _learn_together(copies, X, targets, random_state)


def _learn_together(students, X, targets, random_state) -> list[Lesson | Exception]:
    if any(map(_pipeline.takes, students)):
        return _pipeline.teach_together(
            students, X, targets, random_state, _learn_together
        )
    return _network.teach_together(students, X, targets, random_state)


def _learn(
    student, X, targets, fit_params: dict, random_state, *, offset: int = 0
) -> Lesson:
    if random_state is not None:
        random_state = (random_state + offset) % 2**31
    learn_part = functools.partial(_learn, random_state=random_state)
    if _pipeline.takes(student):
        return _pipeline.teach(student, X, targets, fit_params, learn_part)
    if _labels.takes(student, targets):
        return _labels.teach(student, X, targets, fit_params)
    route = _rung(student)
    if targets.fresh is not None and type(student) is DecisionTreeClassifier:
        route = _tree  # which then takes any criterion and checks the rest itself
    if route is _bagging:
        return route.teach(student, X, targets, fit_params, learn_part)
    if route is _network:
        return route.teach(student, X, targets, fit_params, random_state)
    return route.teach(student, X, targets, fit_params)
