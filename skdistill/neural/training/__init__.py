"""Train many models at once, each as it would be alone.

A :class:`Job` is one model with its rows and targets, an :class:`Objective` the loss,
a :class:`Regime` the rest. `train` sorts jobs into stacks of one architecture; a run
takes a stack through its epochs.
"""

from skdistill.neural.training._jobs import Fresh, Job, Outcome, Regime, Report
from skdistill.neural.training._objective import Objective
from skdistill.neural.training._optimizers import on_cpu
from skdistill.neural.training._run import rows_at_once
from skdistill.neural.training._stack import ChainStack, chain_of
from skdistill.neural.training._train import train

__all__ = [
    "ChainStack",
    "Fresh",
    "Job",
    "Objective",
    "Outcome",
    "Regime",
    "Report",
    "chain_of",
    "on_cpu",
    "rows_at_once",
    "train",
]
