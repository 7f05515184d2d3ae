"""What a student misses of the labels alone."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor

from skdistill.neural.losses._response import (
    ResponseLoss,
    is_labeled,
    log_softmax,
    one_hot,
    softmax,
)


def cross_entropy_rows(
    student: Tensor, labels: Tensor, label_smoothing: float = 0.0
) -> Tensor:
    r"""Cross-entropy of each row with its label; 0 where there is none.

    Parameters
    ----------
    student : Tensor of shape (..., n_rows, n_classes), floating
        The student's logits.
    labels : Tensor of shape (..., n_rows), int64
        Position of the true class; -1 (:data:`skdistill.targets.UNLABELED`) where
        there is none. Leading dimensions may be missing.
    label_smoothing : float, default=0.0
        Share of the label that is spread evenly over all classes, in [0, 1].

    Returns
    -------
    Tensor of shape (..., n_rows)
        In nats, differentiable in `student`.

    Examples
    --------
    >>> import torch
    >>> from skdistill.neural.losses import cross_entropy_rows
    >>> cross_entropy_rows(torch.zeros(2, 4), torch.tensor([3, -1]))
    tensor([1.3863, 0.0000])
    """
    target = _target(labels, student, label_smoothing)
    return (target.neg() * log_softmax(student)).sum(dim=-1)


@torch.no_grad()
def cross_entropy_gradient(
    student: Tensor, labels: Tensor, label_smoothing: float = 0.0
) -> Tensor:
    """Derivative of :func:`cross_entropy_rows` by the logits: softmax minus target.

    Parameters
    ----------
    student, labels, label_smoothing
        As for :func:`cross_entropy_rows`.

    Returns
    -------
    Tensor of shape (..., n_rows, n_classes)
        0 in rows without a label. Never part of an autograd graph.

    Examples
    --------
    >>> import torch
    >>> from skdistill.neural.losses import cross_entropy_gradient
    >>> cross_entropy_gradient(torch.zeros(2, 2), torch.tensor([0, -1]))
    tensor([[-0.5000,  0.5000],
            [ 0.0000,  0.0000]])
    """
    target = _target(labels, student, label_smoothing)
    missed = torch.sub(softmax(student), target, out=torch.empty_like(student))
    return missed.mul_(is_labeled(labels))


def _target(labels: Tensor, student: Tensor, label_smoothing: float) -> Tensor:
    """Spread labels over classes; all 0 in rows without one.

    In the labels' own shape, (..., n_rows, n_classes), which models often share.
    """
    n_classes = student.shape[-1]
    target = one_hot(labels, n_classes).to(student.dtype)
    if label_smoothing:
        target = target * (1 - label_smoothing) + label_smoothing / n_classes
        target = target * is_labeled(labels)
    return target


class HardLabels(ResponseLoss):
    """Cross-entropy with the labels: the control, which never listens to the teacher.

    What a student reaches with this loss it reaches without a teacher. Rows without a
    label lose nothing. The temperature has no effect.

    Parameters
    ----------
    label_smoothing : float, default=0.0
        Share of the label that is spread evenly over all classes, in [0, 1) [1]_. Part
        of what a teacher does for its student is just this.

    References
    ----------
    .. [1] Szegedy, Vanhoucke, Ioffe, Shlens and Wojna, "Rethinking the Inception
       architecture for computer vision", CVPR 2016, section 7.

    Examples
    --------
    >>> import torch
    >>> from skdistill.neural.losses import HardLabels
    >>> loss, logits = HardLabels(), torch.zeros(2, 4)
    >>> labels = torch.tensor([3, -1])
    >>> table = loss.table(torch.randn(2, 4), labels, temperature=2.0)
    >>> loss.rows(logits, table, labels, temperature=2.0)
    tensor([1.3863, 0.0000])
    """

    name: ClassVar[str] = "hard"

    def __init__(self, label_smoothing: float = 0.0) -> None:
        self.label_smoothing = label_smoothing

    def _wrong_parameters(self) -> list[str]:
        wrong = self._out_of_range("label_smoothing", most=1)
        if not wrong and self.label_smoothing == 1:
            wrong.append(
                "label_smoothing=1 says nothing of the labels; set it below 1 (0.1 is "
                "usual)"
            )
        return wrong

    def table(self, logits, labels, temperature):
        """Give back the logits: nothing is needed of the teacher."""
        return logits

    def rows(self, student, table, labels, temperature, weight=None):
        """Compute the cross-entropy of each row; see :meth:`ResponseLoss.rows`."""
        return cross_entropy_rows(student, labels, self.label_smoothing)

    def gradient(self, student, table, labels, temperature):
        """Compute softmax minus target; see :meth:`ResponseLoss.gradient`."""
        return cross_entropy_gradient(student, labels, self.label_smoothing)
