"""Losses that are a Kullback-Leibler divergence of two tempered distributions."""

from __future__ import annotations

from math import log
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn.functional import kl_div, logsigmoid

from skdistill.neural.losses._response import (
    ResponseLoss,
    by_model,
    is_labeled,
    log_softmax,
    one_hot,
    softmax,
    squared,
    tempered,
)

#: Added (squared) to the variance over classes: without it the gradient of a student
#: that starts with equal logits would be infinite.
FLAT = 1e-4


class KLDivergence(ResponseLoss):
    r"""Divergence of the softened answers: T² KL(p_T || q_T).

    .. math::

        T^2 \sum_k p^T_k \log \frac{p^T_k}{q^T_k}, \qquad
        p^T = softmax(t / T), \; q^T = softmax(z / T)

    with the student's logits z and the teacher's t [1]_. It includes the teacher's
    entropy, so it is 0 where the student says the same as the teacher.

    References
    ----------
    .. [1] Hinton, Vinyals and Dean, "Distilling the knowledge in a neural network",
       2015, arXiv:1503.02531.

    Examples
    --------
    >>> import torch
    >>> from skdistill.neural.losses import KLDivergence
    >>> loss, labels = KLDivergence(), torch.tensor([2])
    >>> table = loss.table(torch.tensor([[0.0, 1.0, 4.0]]), labels, temperature=2.0)
    >>> loss.rows(torch.tensor([[0.0, 0.0, 0.0]]), table, labels, temperature=2.0)
    tensor([1.3865])
    """

    name: ClassVar[str] = "kl"

    def table(self, logits, labels, temperature):
        """Compute p_T; see :meth:`ResponseLoss.table`."""
        return softmax(tempered(logits, temperature))

    def rows(self, student, table, labels, temperature, weight=None):
        """Compute the loss of each row; see :meth:`ResponseLoss.rows`."""
        return _rows(student, table, temperature)

    @torch.no_grad()
    def gradient(self, student, table, labels, temperature):
        """Compute T (q_T - p_T); see :meth:`ResponseLoss.gradient`."""
        return _gradient(student, table, temperature)


class StandardizedKL(ResponseLoss):
    r"""Divergence of z-scored logits: the student may be as sure of itself as it likes.

    .. math::

        T^2 \, KL\bigl(softmax(Z(t) / T) \,\|\, softmax(Z(z) / T)\bigr), \qquad
        Z(x) = \frac{x - mean(x)}{std(x)}

    with mean and (population) standard deviation over the classes of a row, for the
    teacher's logits t and the student's z alike [1]_. It is 0 wherever one is a
    positive multiple of the other. What the paper calls base temperature is the
    temperature; it uses 2. A standard deviation well below 1e-4 counts as none: the
    z-scores of equal logits are 0. A student trained by this loss alone is not
    calibrated: let the labels have their share.

    With two classes every row is z-scored to -1 and 1, so the loss is refused.

    References
    ----------
    .. [1] Sun, Ren, Li, Wang and Cao, "Logit standardization in knowledge
       distillation", CVPR 2024, arXiv:2403.01427.

    Examples
    --------
    >>> import torch
    >>> from skdistill.neural.losses import StandardizedKL
    >>> loss, labels = StandardizedKL(), torch.tensor([2])
    >>> teacher = torch.tensor([[0.0, 1.0, 4.0]])
    >>> table = loss.table(teacher, labels, temperature=2.0)
    >>> loss.rows(teacher / 10, table, labels, temperature=2.0).abs() < 1e-6
    tensor([True])
    """

    name: ClassVar[str] = "standardized_kl"
    min_classes: ClassVar[int] = 3
    _too_few: ClassVar[str] = (
        "z-scored, two logits are always -1 and 1, whatever the teacher says. Use "
        "loss='kl' instead"
    )

    def table(self, logits, labels, temperature):
        """Compute the distribution of z-scores; see :meth:`ResponseLoss.table`."""
        return softmax(tempered(_z_scores(logits)[0], temperature))

    def rows(self, student, table, labels, temperature, weight=None):
        """Compute the loss of each row; see :meth:`ResponseLoss.rows`."""
        return _rows(_z_scores(student)[0], table, temperature)

    @torch.no_grad()
    def gradient(self, student, table, labels, temperature):
        """Take KL's gradient through the z-score; :meth:`ResponseLoss.gradient`."""
        scores, per_std = _z_scores(student)
        by_score = _gradient(scores, table, temperature)
        along = (by_score * scores).mean(dim=-1, keepdim=True)
        return by_score.sub_(scores.mul_(along)).mul_(per_std)


class GammaCorrectedKL(KLDivergence):
    r"""Divergence from teacher's answers that were corrected by the labels.

    Each probability p of the teacher moves towards the label y (one-hot) [1]_,

    .. math::

        p + \gamma (y - p), \qquad \gamma = \frac{c}{c + (y - p)^2},

    most of the way where the two nearly agree and little where they contradict each
    other, so that a teacher's bias is corrected and a wrong label does no great harm.
    (A constant gamma is 1 - alpha: the usual mix of teacher and label.) With more than
    two classes the row is then scaled to sum to 1. That is done to the teacher's
    probabilities as they are, T = 1, for they are what estimates the true ones. The
    result is softened by T, and T² KL compares it with the student as in
    :class:`KLDivergence`: where there is a label, the loss is 0 where the student
    equals the *corrected* teacher. Rows without a label are not corrected.

    A teacher that has seen the labels agrees with them anyway: give this loss answers
    from cross-fitting.

    Parameters
    ----------
    c : float, default=0.1
        Above 0. Gamma is 1/2 where teacher and label differ by sqrt(c); towards 0 the
        teacher is left as it is, towards infinity only the label counts. The paper
        selects c among powers of ten from 1e-5 to 1e3 by cross-validation.

    References
    ----------
    .. [1] Dao, Kamath, Syrgkanis and Mackey, "Knowledge distillation as semiparametric
       inference", ICLR 2021, arXiv:2104.09732.

    Examples
    --------
    >>> import torch
    >>> from skdistill.neural.losses import GammaCorrectedKL
    >>> loss = GammaCorrectedKL(c=0.25)
    >>> teacher = torch.log(torch.tensor([[0.5, 0.5], [0.5, 0.5]]))
    >>> loss.table(teacher, torch.tensor([1, -1]), temperature=1.0)
    tensor([[0.2500, 0.7500],
            [0.5000, 0.5000]])
    """

    name: ClassVar[str] = "gamma_kl"

    def __init__(self, c: float = 0.1) -> None:
        self.c = c

    def _wrong_parameters(self) -> list[str]:
        return self._out_of_range("c", above_zero=True)

    def table(self, logits, labels, temperature):
        """Correct and soften the teacher's answers; see :meth:`ResponseLoss.table`."""
        log_p = log_softmax(logits)
        # In logarithms: where p is 0 for floats, its softened value need not be.
        off_label = log_p + logsigmoid(2 * log_p - log(self.c))
        p = log_p.exp()
        gamma = torch.sigmoid(log(self.c) - 2 * torch.log1p(-p))
        on_label = torch.log(p + gamma * (1 - p))
        at_label = one_hot(labels, logits.shape[-1])
        corrected = torch.where(at_label, on_label, off_label)
        corrected = torch.where(is_labeled(labels), corrected, log_p)
        return softmax(tempered(corrected, temperature))


def _rows(student: Tensor, table: Tensor, temperature: float | Tensor) -> Tensor:
    """T² KL(p_T || q_T)."""
    softened = log_softmax(tempered(student, temperature))
    divergence = kl_div(softened, table, reduction="none").sum(dim=-1)
    return squared(temperature, student) * divergence


def _gradient(student: Tensor, table: Tensor, temperature: float | Tensor) -> Tensor:
    """T (q_T - p_T), laid out like `student`, in few operations."""
    softened = softmax(tempered(student, temperature))
    missed = torch.sub(softened, table, out=torch.empty_like(student))
    if not isinstance(temperature, Tensor) and temperature == 1:
        return missed
    return missed.mul_(by_model(temperature, student, 2))


def _z_scores(logits: Tensor) -> tuple[Tensor, Tensor]:
    """Standardise over classes; also what the centred logits were multiplied by."""
    centred = logits - logits.mean(dim=-1, keepdim=True)
    variance = centred.square().mean(dim=-1, keepdim=True)
    per_std = torch.rsqrt(variance + FLAT**2)
    return centred * per_std, per_std
