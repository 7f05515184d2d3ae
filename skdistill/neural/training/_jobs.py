"""What is to be trained, how, and how it went."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from torch import nn

from skdistill.targets import FreshRows, SoftTargets


@dataclass(frozen=True)
class Fresh:
    """What stands for the last rows of a job in each epoch but the first.

    Parameters
    ----------
    source : FreshRows
        Draws rows as a user has them, and knows what the teacher says about them.
    encode : callable
        Brings rows to what the module takes: of the kind and row shape of the job's X.
    lesson : callable
        Makes the lesson on such rows out of the teacher's distributions.
    n_fits : int, default=0
        Fits that the model has behind it: a further one sees further rows.
    """

    source: FreshRows
    encode: Callable[[Any], Any]
    lesson: Callable[[NDArray[np.float64]], SoftTargets]
    n_fits: int = 0

    @property
    def key(self) -> tuple:
        """Models of the same key get the same rows, whatever their teachers say."""
        return self.source.draw, self.source.n_rows, self.n_fits


@dataclass
class Job:
    """One model to train.

    Parameters
    ----------
    module : torch.nn.Module
        Initialised; it receives the trained weights.
    seed : int
        Of the orders of rows and of dropout.
    X : Tensor of shape (n_rows, ...) or scipy.sparse.csr_matrix
        Rows.
    targets : SoftTargets
        What to learn about them.
    train : ndarray of shape (n_train,), intp
        The rows to train on.
    valid : ndarray of shape (n_valid,), intp, or None
        The rows that tell when to stop.
    optimizer : dict or None
        The optimizer's state to go on from; see :class:`Outcome`.
    fresh : Fresh or None
        Where other rows come from that stand for the last ones in later epochs.
    """

    module: nn.Module
    seed: int
    X: Any
    targets: SoftTargets
    train: NDArray[np.intp]
    valid: NDArray[np.intp] | None = None
    optimizer: dict | None = None
    fresh: Fresh | None = None


@dataclass(frozen=True)
class Regime:
    """How to train. Parameters are those of `NeuralClassifier` of the same names.

    `keep_optimizer` says whether outcomes hold the optimizer's state, to go on from.
    """

    max_epochs: int = 50
    batch_size: int = 64
    optimizer: str | Callable = "adam"
    learning_rate: float = 1e-3
    schedule: str = "constant"
    weight_decay: float = 0.0
    n_iter_no_change: int = 10
    tol: float = 1e-4
    keep_optimizer: bool = False


@dataclass
class Outcome:
    """How the training of one model went.

    Parameters
    ----------
    train_losses, valid_losses : list of float
        One for each epoch.
    best_epoch : int
        The epoch (from 1) whose weights the module has now; 0 for none.
    end : {"max_epochs", "early_stopping", "interrupted", "failed"}
        What ended it.
    message : str
        Of a failure: what happened, and what to try.
    optimizer : dict or None
        State to go on from.
    """

    train_losses: list[float] = field(default_factory=list)
    valid_losses: list[float] = field(default_factory=list)
    best_epoch: int = 0
    end: Literal["max_epochs", "early_stopping", "interrupted", "failed"] = "max_epochs"
    message: str = ""
    optimizer: dict | None = None

    def history(self) -> dict:
        """Tell how it went, in plain values."""
        return {
            "train_loss": self.train_losses,
            "valid_loss": self.valid_losses,
            "best_epoch": self.best_epoch,
            "end": self.end,
        }


#: Called after each epoch with its number, the mean losses (training, validation or
#: None) and how many models still train.
Report = Callable[[int, float, float | None, int], None]
