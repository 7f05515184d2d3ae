"""Losses on tensors: the distillation loss, and those that may take KL's place in it.

A :class:`ResponseLoss` compares a student's answers with its teacher's, row by row.
"""

from __future__ import annotations

from skdistill.neural.losses._correlation import DIST
from skdistill.neural.losses._cross_entropy import (
    HardLabels,
    cross_entropy_gradient,
    cross_entropy_rows,
)
from skdistill.neural.losses._decoupled import DecoupledKD
from skdistill.neural.losses._distillation import distillation_loss
from skdistill.neural.losses._divergences import (
    GammaCorrectedKL,
    KLDivergence,
    StandardizedKL,
)
from skdistill.neural.losses._logit_mse import LogitMSE
from skdistill.neural.losses._named import LOSSES, make_loss
from skdistill.neural.losses._response import ResponseLoss

__all__ = [
    "DIST",
    "LOSSES",
    "DecoupledKD",
    "GammaCorrectedKL",
    "HardLabels",
    "KLDivergence",
    "LogitMSE",
    "ResponseLoss",
    "StandardizedKL",
    "cross_entropy_gradient",
    "cross_entropy_rows",
    "distillation_loss",
    "make_loss",
]
