"""The distillation loss of a batch (Hinton, Vinyals and Dean, 2015)."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, kl_div, log_softmax

from skdistill.targets import UNLABELED


def distillation_loss(
    student_logits: Tensor,
    teacher: Tensor,
    labels: Tensor,
    alpha: float | Tensor,
    *,
    temperature: float,
    weight: Tensor | None = None,
    total: float | None = None,
) -> Tensor:
    r"""Weighted mean over rows of what the student misses of teacher and label.

    .. math::

        \frac{1}{\sum_i w_i} \sum_i w_i \left[ \alpha_i T^2 \,
        KL(p_i \,\|\, softmax(z_i / T))
        + (1 - \alpha_i) \, CE(y_i, softmax(z_i)) \right]

    The divergence includes the teacher's entropy, so it is 0 where the student says
    the same as the teacher.

    Parameters
    ----------
    student_logits : Tensor of shape (n_rows, n_classes), floating
        The student's logits z, before any temperature.
    teacher : Tensor of shape (n_rows, n_classes), dtype of `student_logits`
        The teacher's distributions p at `temperature`; entries may be 0.
    labels : Tensor of shape (n_rows,), int64
        Position of the true class; -1 (:data:`skdistill.targets.UNLABELED`) where
        there is none: such a row has alpha 1 and no cross-entropy.
    alpha : float or Tensor of shape (n_rows,)
        Weight of the teacher against the label, in [0, 1].
    temperature : float
        T, at which teacher and student are compared.
    weight : Tensor of shape (n_rows,), default=None
        Weight of each row; None means 1 everywhere. Where all are 0 the loss is 0.
    total : float, default=None
        What the weighted sum is divided by, > 0. None means the sum of the weights,
        which makes it their mean. For a batch of n rows, n times the mean weight of
        all rows makes the average over batches the loss of the whole.

    Returns
    -------
    Tensor of shape ()
        The loss, in nats.

    References
    ----------
    .. [1] Hinton, Vinyals and Dean, "Distilling the knowledge in a neural network",
       2015, arXiv:1503.02531.

    Examples
    --------
    >>> import torch
    >>> from skdistill.neural import distillation_loss
    >>> logits = torch.tensor([[0.0, 2.0]])
    >>> teacher = torch.softmax(logits / 3.0, dim=1)
    >>> loss = distillation_loss(logits, teacher, torch.tensor([1]), 1.0, temperature=3)
    >>> abs(round(loss.item(), 6))
    0.0
    """
    softened = log_softmax(student_logits / temperature, dim=1)
    divergence = kl_div(softened, teacher, reduction="none").sum(dim=1)
    on_label = cross_entropy(
        student_logits, labels, ignore_index=UNLABELED, reduction="none"
    )
    alpha = torch.as_tensor(alpha, dtype=divergence.dtype, device=divergence.device)
    alpha = torch.where(labels == UNLABELED, torch.ones_like(alpha), alpha)
    rows = alpha * temperature**2 * divergence + (1 - alpha) * on_label
    if weight is not None:
        rows = weight * rows
    if total is not None:
        return rows.sum() / total
    if weight is None:
        return rows.mean()
    # A batch of absent rows must not turn the student's parameters into NaN.
    return rows.sum() / weight.sum().clamp_min(torch.finfo(rows.dtype).tiny)
