"""Networks: the distillation loss is the network's own loss."""

from __future__ import annotations

from skdistill._detect import is_module, is_skorch_net
from skdistill.students._lesson import NetworkLesson
from skdistill.targets import SoftTargets

ROUTE = "network"


def takes(student) -> bool:
    """Whether the student is a torch module or a skorch classifier."""
    return is_module(student) or is_skorch_net(student)


def teach(
    student, X, targets: SoftTargets, fit_params: dict, random_state: int | None = None
) -> NetworkLesson:
    """Train the network on soft targets; a raw module is wrapped in a skorch net.

    Parameters
    ----------
    student : skorch.NeuralNetClassifier or torch.nn.Module
        A module is copied, never trained in place.
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
    NetworkLesson
    """
    from skdistill.neural import fit_module, fit_net

    fit = fit_module if is_module(student) else fit_net
    net = fit(student, X, targets, random_state=random_state, **fit_params)
    return NetworkLesson(net, ROUTE, targets.classes)
