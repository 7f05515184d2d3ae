"""Target class and other classes, each compared on its own."""

from __future__ import annotations

from math import inf
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid

from skdistill.neural.losses._response import (
    ResponseLoss,
    by_model,
    one_hot,
    squared,
    tempered,
)
from skdistill.targets import UNLABELED


class DecoupledKD(ResponseLoss):
    r"""Decoupled distillation: the target class apart from how the others share.

    .. math::

        T^2 \left[ \alpha \, KL(b^p \,\|\, b^q)
        + \beta \, KL(\hat p \,\|\, \hat q) \right]

    with :math:`b = (p_y, 1 - p_y)`, how sure teacher and student are of the target
    class y at temperature T, and :math:`\hat p` the distribution among the other
    classes, scaled to sum to 1 [1]_. The usual T² KL is the same with alpha 1 and
    :math:`1 - p_y` for beta, so it hardly hears what a sure teacher says of the others.
    The target class is the label, or the teacher's most probable class where there is
    none.

    With two classes there is one other class, its share is always 1 and the second
    term 0, so the loss is refused.

    Parameters
    ----------
    alpha : float, default=1.0
        Weight of the target class's term, at least 0.
    beta : float, default=8.0
        Weight of the other classes' term, at least 0. The paper sets it the higher the
        surer the teacher is, 8 for many of its pairs of networks at T = 4.

    References
    ----------
    .. [1] Zhao, Cui, Song, Qiu and Liang, "Decoupled knowledge distillation", CVPR
       2022, arXiv:2203.08679.

    Examples
    --------
    >>> import torch
    >>> from skdistill.neural.losses import DecoupledKD
    >>> loss, labels = DecoupledKD(beta=2.0), torch.tensor([2])
    >>> table = loss.table(torch.tensor([[0.0, 1.0, 4.0]]), labels, temperature=2.0)
    >>> loss.rows(torch.tensor([[0.0, 0.0, 0.0]]), table, labels, temperature=2.0)
    tensor([1.5969])
    """

    name: ClassVar[str] = "dkd"
    min_classes: ClassVar[int] = 3
    _too_few: ClassVar[str] = (
        "of two classes only one is not the target, so the term of the non-target "
        "classes (beta) is always 0. Use loss='kl' instead"
    )

    def __init__(self, alpha: float = 1.0, beta: float = 8.0) -> None:
        self.alpha = alpha
        self.beta = beta

    def _wrong_parameters(self) -> list[str]:
        return self._no_part_left("alpha", "beta")

    def table(self, logits, labels, temperature):
        """Divide by T; see :meth:`ResponseLoss.table`.

        Not probabilities: those of the other classes are all 0 for a sure teacher. The
        largest of the others becomes 0, so that their differences survive rounding.
        """
        logits = tempered(logits, temperature)
        others = logits.masked_fill(_target(logits, labels), -inf)
        return logits - others.amax(dim=-1, keepdim=True)

    def rows(self, student, table, labels, temperature, weight=None):
        """Compute the loss of each row; see :meth:`ResponseLoss.rows`."""
        target = _target(table, labels)
        ours, our_shares = _decouple(tempered(student, temperature), target)
        theirs, their_shares = _decouple(table, target)
        on_target = torch.sigmoid(theirs) * (logsigmoid(theirs) - logsigmoid(ours))
        off_target = torch.sigmoid(-theirs) * (logsigmoid(-theirs) - logsigmoid(-ours))
        share = their_shares.exp().masked_fill(target, 0.0)
        among_others = (share * (their_shares - our_shares)).sum(dim=-1)
        parts = self.alpha * (on_target + off_target) + self.beta * among_others
        return squared(temperature, student) * parts

    @torch.no_grad()
    def gradient(self, student, table, labels, temperature):
        """Compute both terms' gradient; see :meth:`ResponseLoss.gradient`."""
        target = _target(table, labels)
        ours, our_shares = _decouple(tempered(student, temperature), target)
        theirs, their_shares = _decouple(table, target)
        surer = (torch.sigmoid(ours) - torch.sigmoid(theirs)).unsqueeze(-1)
        our_share = our_shares.exp().masked_fill(target, 0.0)
        their_share = their_shares.exp().masked_fill(target, 0.0)
        by_others = self.beta * (our_share - their_share)
        by_margin = self.alpha * surer * (target.to(student.dtype) - our_share)
        return by_model(temperature, student, 2) * (by_margin + by_others)


def _target(table: Tensor, labels: Tensor) -> Tensor:
    """Where each row's target class is, bool of shape (..., n_rows, n_classes)."""
    likeliest = table.argmax(dim=-1)
    return one_hot(torch.where(labels == UNLABELED, likeliest, labels), table.shape[-1])


def _decouple(logits: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """Take a row apart into its two statements.

    Parameters
    ----------
    logits : Tensor of shape (..., n_rows, n_classes)
        Already divided by T.
    target : Tensor of shape (..., n_rows, n_classes), bool
        True once in each row.

    Returns
    -------
    margin : Tensor of shape (..., n_rows)
        Log-odds of the target class against all others together.
    log_share : Tensor of shape (..., n_rows, n_classes)
        Logarithm of each other class's share; meaningless, but finite, at the target.
    """
    others = logits.masked_fill(target, -inf).logsumexp(dim=-1)
    at_target = logits.masked_fill(~target, 0.0).sum(dim=-1)
    return at_target - others, logits - others.unsqueeze(-1)
