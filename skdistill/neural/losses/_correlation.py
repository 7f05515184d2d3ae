"""Correlations between classes and between rows, kept rather than values."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor

from skdistill.neural.losses._response import ResponseLoss, softmax, squared, tempered

#: A standard deviation below this share of the mean counts as none. It bounds the
#: gradient: a correlation turns over at once where one side is constant.
FLAT = 1e-4
#: Added to means, which may be 0; cubes of its reciprocal must fit into float32.
TINY = 1e-8


class DIST(ResponseLoss):
    r"""Keep the teacher's relations: between classes, and between rows of a batch.

    .. math::

        T^2 \left[ inter \, (1 - \rho(p^T_i, q^T_i))
        + intra \, \frac{1}{C} \sum_k (1 - \rho(p^T_{\cdot k}, q^T_{\cdot k})) \right]

    with Pearson's correlation :math:`\rho` [1]_, once over the classes of row i, once
    over the rows of the batch for each class k; :math:`p^T` and :math:`q^T` are the
    softened answers of teacher and student. The second term is the same number for each
    row. Its correlations are weighted by `weight`, so a row of weight 0 has no part in
    them; and what a row loses depends on the batch it is in.

    A row or a class about which both sides are constant is taken for a perfect
    correlation, one about which a single side is for none. Constant means a standard
    deviation well below 1e-4 of the mean.

    With two classes the correlation over the classes of a row is always -1 or 1, so
    the loss is refused.

    Parameters
    ----------
    inter : float, default=1.0
        Weight of the relations between classes, at least 0 (the paper's beta).
    intra : float, default=1.0
        Weight of the relations between rows, at least 0 (the paper's gamma). Needs
        batches of many rows.

    References
    ----------
    .. [1] Huang, You, Wang, Qian and Xu, "Knowledge distillation from a stronger
       teacher", NeurIPS 2022, arXiv:2205.10536.

    Examples
    --------
    >>> import torch
    >>> from skdistill.neural.losses import DIST
    >>> loss, labels = DIST(intra=0.0), torch.tensor([2])
    >>> table = loss.table(torch.tensor([[0.0, 1.0, 4.0]]), labels, temperature=1.0)
    >>> loss.rows(torch.tensor([[4.0, 1.0, 0.0]]), table, labels, temperature=1.0)
    tensor([1.5480])
    """

    name: ClassVar[str] = "dist"
    depends_on_batch: ClassVar[bool] = True
    min_classes: ClassVar[int] = 3
    _too_few: ClassVar[str] = (
        "the correlation of two probabilities that sum to 1 is always -1 or 1, "
        "whatever they are. Use loss='kl' instead"
    )

    def __init__(self, inter: float = 1.0, intra: float = 1.0) -> None:
        self.inter = inter
        self.intra = intra

    def _wrong_parameters(self) -> list[str]:
        return self._no_part_left("inter", "intra")

    def table(self, logits, labels, temperature):
        """Compute p_T; see :meth:`ResponseLoss.table`."""
        return softmax(tempered(logits, temperature))

    def rows(self, student, table, labels, temperature, weight=None):
        """Compute the loss of each row; see :meth:`ResponseLoss.rows`."""
        ours = softmax(tempered(student, temperature))
        equal = ours.new_full((1,), 1 / ours.shape[-1])
        missed = self.inter * _uncorrelated(ours, table, equal, dim=-1)
        if self.intra:
            share = _shares(weight, ours)
            by_class = _uncorrelated(ours, table, share, dim=-2)
            missed = missed + self.intra * by_class.mean(dim=-1, keepdim=True)
        return squared(temperature, student) * missed


def _shares(weight: Tensor | None, like: Tensor) -> Tensor:
    """Each row's part of a weighted mean, shape (..., n_rows, 1)."""
    if weight is None:
        return like.new_full((1, 1), 1 / like.shape[-2])
    total = weight.sum(dim=-1, keepdim=True)
    share = weight / total.clamp_min(torch.finfo(weight.dtype).tiny)
    return share.to(like).unsqueeze(-1)


def _uncorrelated(x: Tensor, y: Tensor, share: Tensor, dim: int) -> Tensor:
    """1 minus Pearson's weighted correlation over a dimension, which is dropped.

    Half the squared distance of the two standardised sides, to be exact near 0. Each
    gets one more coordinate, `FLAT` times its mean, which decides where nothing varies.
    """
    x, x_level = _standardize(x, share, dim)
    y, y_level = _standardize(y, share, dim)
    apart = (share * (x - y).square()).sum(dim=dim)
    return (apart + (x_level - y_level).square().squeeze(dim)) / 2


def _standardize(x: Tensor, share: Tensor, dim: int) -> tuple[Tensor, Tensor]:
    mean = (share * x).sum(dim=dim, keepdim=True)
    centred = x - mean
    level = FLAT * (mean + TINY)
    variance = (share * centred.square()).sum(dim=dim, keepdim=True)
    per_std = torch.rsqrt(variance + level.square())
    return centred * per_std, level * per_std
