"""Logits learnt by regression."""

from __future__ import annotations

from typing import ClassVar

import torch

from skdistill.neural.losses._response import ResponseLoss


class LogitMSE(ResponseLoss):
    r"""Mean squared difference of centred logits.

    .. math::

        \frac{1}{C} \sum_k (\bar z_k - \bar t_k)^2

    with the student's logits z and the teacher's t [1]_, from each of which the row's
    mean is subtracted first: a teacher's logits are only known up to a constant. That
    is the variance over classes of z - t. The temperature has no effect; half of this
    loss is what T² KL tends to as T grows [2]_.

    References
    ----------
    .. [1] Ba and Caruana, "Do deep nets really need to be deep?", NeurIPS 2014.
    .. [2] Kim, Oh, Kim, Cho and Yun, "Comparing Kullback-Leibler divergence and mean
       squared error loss in knowledge distillation", IJCAI 2021.

    Examples
    --------
    >>> import torch
    >>> from skdistill.neural.losses import LogitMSE
    >>> loss, labels = LogitMSE(), torch.tensor([0])
    >>> table = loss.table(torch.tensor([[5.0, 7.0]]), labels, temperature=1.0)
    >>> loss.rows(torch.tensor([[0.0, 0.0]]), table, labels, temperature=1.0)
    tensor([1.])
    """

    name: ClassVar[str] = "logit_mse"

    def table(self, logits, labels, temperature):
        """Centre the teacher's logits; see :meth:`ResponseLoss.table`."""
        return logits - logits.mean(dim=-1, keepdim=True)

    def rows(self, student, table, labels, temperature, weight=None):
        """Compute the loss of each row; see :meth:`ResponseLoss.rows`."""
        return torch.var(student - table, dim=-1, correction=0)

    @torch.no_grad()
    def gradient(self, student, table, labels, temperature):
        """Compute 2/C times the difference; see :meth:`ResponseLoss.gradient`."""
        missed = student - table
        missed -= missed.mean(dim=-1, keepdim=True)
        return missed.mul_(2 / student.shape[-1])
