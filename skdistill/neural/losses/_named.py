"""Losses by the names that users give them."""

from __future__ import annotations

from skdistill.neural.losses._correlation import DIST
from skdistill.neural.losses._cross_entropy import HardLabels
from skdistill.neural.losses._decoupled import DecoupledKD
from skdistill.neural.losses._divergences import (
    GammaCorrectedKL,
    KLDivergence,
    StandardizedKL,
)
from skdistill.neural.losses._logit_mse import LogitMSE
from skdistill.neural.losses._response import ResponseLoss

#: Every loss that has a name, by that name.
LOSSES: dict[str, type[ResponseLoss]] = {
    loss.name: loss
    for loss in (
        KLDivergence,
        LogitMSE,
        DecoupledKD,
        DIST,
        StandardizedKL,
        GammaCorrectedKL,
        HardLabels,
    )
}


def make_loss(loss: str | ResponseLoss) -> ResponseLoss:
    """Turn what a user gives as ``loss`` into a loss.

    Parameters
    ----------
    loss : str or ResponseLoss
        A key of :data:`LOSSES`, for that loss with its defaults; or a loss, which is
        returned as it is.

    Returns
    -------
    ResponseLoss
        Not checked: see :meth:`ResponseLoss.check`.

    Raises
    ------
    ValueError
        If `loss` is neither.

    Examples
    --------
    >>> from skdistill.neural.losses import DecoupledKD, make_loss
    >>> make_loss("kl")
    KLDivergence()
    >>> make_loss(DecoupledKD(beta=2.0))
    DecoupledKD(beta=2.0)
    """
    if isinstance(loss, ResponseLoss):
        return loss
    if isinstance(loss, str) and loss in LOSSES:
        return LOSSES[loss]()
    names = ", ".join(map(repr, LOSSES))
    cure = f"one of {names}, or a ResponseLoss such as DecoupledKD(beta=2.0)"
    if isinstance(loss, type) and issubclass(loss, ResponseLoss):
        cure = f"an instance, {loss.__name__}(), not the class"
    raise ValueError(f"loss={loss!r} is not a loss. Give {cure}.")
