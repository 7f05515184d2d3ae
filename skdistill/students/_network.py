"""Networks: the distillation loss is the network's own loss.

Besides torch modules and skorch nets this is the route of whatever has a method
``fit_soft_targets(X, targets)``: a classifier that learns soft targets by itself.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from sklearn.exceptions import NotFittedError
from sklearn.utils.validation import check_is_fitted

from skdistill._detect import is_module, is_skorch_net
from skdistill._rows import slice_rows
from skdistill.students._lesson import InterruptedLesson, Lesson, NetworkLesson
from skdistill.targets import SoftTargets

ROUTE = "network"

#: Rows by which a trained network is tried out.
_ROWS_TO_TRY = 8


def takes(student) -> bool:
    """Whether the student is a network, or says itself how it learns soft targets."""
    return is_module(student) or is_skorch_net(student) or _is_native(student)


def _is_native(student) -> bool:
    return hasattr(student, "fit_soft_targets") and not isinstance(student, type)


def teach(
    student, X, targets: SoftTargets, fit_params: dict, random_state: int | None = None
) -> Lesson:
    """Train the network on soft targets; a raw module becomes a `NeuralClassifier`.

    Parameters
    ----------
    student : NeuralClassifier, skorch.NeuralNetClassifier or torch.nn.Module
        A module is copied, never trained in place; it starts from its weights.
    X : array-like of shape (n_rows, ...)
        float64 is cast to the network's dtype.
    targets : SoftTargets
        The lesson.
    fit_params : dict
        Passed to `fit`.
    random_state : int, default=None
        Seed of initialisation, shuffling and dropout.

    Returns
    -------
    Lesson
    """
    if is_module(student):
        from skdistill.neural import NeuralClassifier

        student = NeuralClassifier.around(student, random_state)
    if _is_native(student):
        return _teach_native(student, X, targets, fit_params)
    from skdistill.neural import fit_net

    net = fit_net(student, X, targets, random_state=random_state, **fit_params)
    lesson = NetworkLesson(net, ROUTE, targets.classes)
    _check_answers(lesson, slice_rows(X, 0, _ROWS_TO_TRY))
    return lesson


def trains_in_stacks(student) -> bool:
    """Whether several such networks can be trained at once."""
    if is_module(student):
        return True
    if not _is_native(student):
        return False
    from skdistill.neural import NeuralClassifier

    return isinstance(student, NeuralClassifier)


def teach_together(
    students: Sequence, X, targets: Sequence[SoftTargets], random_state: Sequence
) -> list[Lesson | Exception]:
    """Train several networks on the same rows, in stacks.

    Parameters
    ----------
    students : sequence of NeuralClassifier or torch.nn.Module
        Those that get trained; modules are copied.
    X : array-like of shape (n_rows, ...)
        Rows.
    targets : sequence of SoftTargets
        A lesson for each.
    random_state : sequence of int or None
        A seed for each that is a module.

    Returns
    -------
    list of Lesson or Exception
        The latter for one whose loss did not stay finite.
    """
    from skdistill.neural import NeuralClassifier, fit_together

    nets = [
        NeuralClassifier.around(student, seed) if is_module(student) else student
        for student, seed in zip(students, random_state, strict=True)
    ]
    failure = FloatingPointError("The loss did not stay finite.")
    try:
        fit_together(nets, X, targets)
    except FloatingPointError as error:  # of some; the others are fitted
        failure = error
    return [
        Lesson(net, ROUTE, each.classes) if _is_fitted(net) else failure
        for net, each in zip(nets, targets, strict=True)
    ]


def _teach_native(student, X, targets: SoftTargets, fit_params: dict) -> Lesson:
    lesson = Lesson(student, ROUTE, targets.classes)
    try:
        student.fit_soft_targets(X, targets, **fit_params)
    except KeyboardInterrupt as interrupt:
        if not _is_fitted(student):
            raise
        raise InterruptedLesson(str(interrupt), lesson) from None
    return lesson


def _is_fitted(student) -> bool:
    try:
        check_is_fitted(student)
    except NotFittedError:
        return False
    return True


def _check_answers(lesson: NetworkLesson, X) -> None:
    """A criterion that does not fit the module's output trains, and answers NaN."""
    proba = lesson.predict_proba(X)
    if not np.allclose(proba.sum(axis=1), 1.0, atol=1e-2):
        net = lesson.student
        raise ValueError(
            f"The trained student answers with rows such as {proba[0]}, which are no "
            f"probabilities. Its criterion, {type(net.criterion_).__name__}, expects "
            "another output: CrossEntropyLoss goes with logits, NLLLoss with a module "
            "that ends in a softmax."
        )
