"""What every response-based loss answers: the protocol, parameters, temperatures."""

from __future__ import annotations

from abc import ABCMeta, abstractmethod
from math import inf
from numbers import Real
from typing import ClassVar

import torch
from sklearn.base import BaseEstimator
from torch import Tensor

from skdistill.targets import UNLABELED


class ResponseLoss(BaseEstimator, metaclass=ABCMeta):
    """What a student misses of its teacher's answers, row by row.

    A loss has no state but its parameters. It reads the teacher once (`table`), then
    compares batches of the student's logits with rows of that table (`rows`). All
    tensors may have leading dimensions: a stack of students that are trained
    together, each with a temperature of its own. What a student loses does not depend
    on the others of its stack.

    A subclass defines `table` and `rows`, and where it can `gradient`.

    Attributes
    ----------
    name : str
        What :func:`make_loss` knows the loss by.
    #: Whether the loss of a row depends on the other rows of its batch.
    depends_on_batch: ClassVar[bool] = False
    min_classes : int
        The loss is refused where there are fewer.
    """

    name: ClassVar[str]
    #: Whether the loss of a row depends on the other rows of its batch.
    depends_on_batch: ClassVar[bool] = False
    min_classes: ClassVar[int] = 2
    #: Why the loss is nothing for fewer classes, and what to use there.
    _too_few: ClassVar[str] = "with a single class there is nothing to tell apart"

    def check(self, n_classes: int) -> None:
        """Check parameters and number of classes; all that is wrong in one message.

        Parameters
        ----------
        n_classes : int
            How many classes there are to tell apart.

        Raises
        ------
        ValueError
            Naming each parameter, its value and what is allowed; or why the loss is
            meaningless for so few classes, and what to use instead.
        """
        wrong = self._wrong_parameters()
        if n_classes < self.min_classes:
            wrong.append(
                f"it needs at least {self.min_classes} classes and there "
                f"{'is' if n_classes == 1 else 'are'} {n_classes}: {self._too_few}"
            )
        if wrong:
            raise ValueError(f"{type(self).__name__}: " + "; ".join(wrong) + ".")

    @abstractmethod
    def table(
        self, logits: Tensor, labels: Tensor, temperature: float | Tensor
    ) -> Tensor:
        """Compute what `rows` needs of the teacher, once for all rows.

        Parameters
        ----------
        logits : Tensor of shape (..., n_rows, n_classes), floating
            The teacher's, finite; a constant added to a row changes nothing.
        labels : Tensor of shape (..., n_rows), int64
            Position of the true class; -1 (:data:`skdistill.targets.UNLABELED`) where
            there is none.
        temperature : float or Tensor of shape (...)
            T, above 0; as for `rows`.

        Returns
        -------
        Tensor of shape (..., n_rows, n_classes), dtype of `logits`
        """

    @abstractmethod
    def rows(
        self,
        student: Tensor,
        table: Tensor,
        labels: Tensor,
        temperature: float | Tensor,
        weight: Tensor | None = None,
    ) -> Tensor:
        """Compute the loss of each row, differentiable in the student's logits.

        Parameters
        ----------
        student : Tensor of shape (..., n_rows, n_classes), floating
            The student's logits.
        table : Tensor of shape (..., n_rows, n_classes), dtype of `student`
            Rows of what `table` returned at the same temperature. As for `labels` and
            `weight`, leading dimensions may be missing: then all models share it.
        labels : Tensor of shape (..., n_rows), int64
            As for `table`.
        temperature : float or Tensor of shape ``student.shape[:-2]``
            T, above 0; a tensor has one for each model of the stack.
        weight : Tensor of shape (..., n_rows), default=None
            Weights of the rows, for losses that compare rows with each other; the
            loss of a row is not multiplied by its weight. None means 1 everywhere.

        Returns
        -------
        Tensor of shape (..., n_rows)
            The loss, its factor T² included; 0 where the student says the same as the
            teacher.
        """

    def gradient(
        self,
        student: Tensor,
        table: Tensor,
        labels: Tensor,
        temperature: float | Tensor,
    ) -> Tensor | None:
        """Compute the derivative of each row's loss by its logits, in closed form.

        Takes what `rows` takes. Autograd needs several times as many operations.

        Returns
        -------
        Tensor of shape (..., n_rows, n_classes) or None
            None where there is no closed form. Never part of an autograd graph.
        """
        return None

    def _wrong_parameters(self) -> list[str]:
        return []

    def _out_of_range(
        self, parameter: str, *, most: float = inf, above_zero: bool = False
    ) -> list[str]:
        """Complain about a parameter that is not a finite number from 0 to `most`."""
        value = getattr(self, parameter)
        is_number = isinstance(value, Real) and not isinstance(value, bool)
        in_range = is_number and 0 <= value <= most and value < inf
        if in_range and (value or not above_zero):
            return []
        allowed = "a finite number"
        allowed += " above 0" if above_zero else " of at least 0"
        allowed += "" if most == inf else f" and at most {most:g}"
        return [f"{parameter}={value!r} must be {allowed}"]

    def _no_part_left(self, first: str, second: str) -> list[str]:
        """Complain if the weights of both parts of a loss are out of range or 0."""
        wrong = self._out_of_range(first) + self._out_of_range(second)
        if not wrong and not (getattr(self, first) or getattr(self, second)):
            wrong.append(
                f"{first}=0 and {second}=0 leave nothing to learn; set one above 0"
            )
        return wrong


def by_model(temperature: float | Tensor, like: Tensor, dims: int) -> float | Tensor:
    """Shape one temperature per model to go with `dims` more dimensions."""
    if not isinstance(temperature, Tensor):
        return temperature
    return temperature.to(like)[(..., *(None,) * dims)]


def tempered(logits: Tensor, temperature: float | Tensor) -> Tensor:
    """Divide logits of shape (..., n_rows, n_classes) by their model's temperature."""
    if not isinstance(temperature, Tensor) and temperature == 1:
        return logits
    return logits / by_model(temperature, logits, 2)


def squared(temperature: float | Tensor, like: Tensor) -> float | Tensor:
    """T², to be multiplied with rows of shape (..., n_rows)."""
    return by_model(temperature, like, 1) ** 2


def softmax(logits: Tensor) -> Tensor:
    """Softmax over classes of (..., n_rows, n_classes); need not be contiguous."""
    if _few_classes(logits):
        return torch.softmax(logits.mT, dim=-2).mT
    return torch.softmax(logits, dim=-1)


def log_softmax(logits: Tensor) -> Tensor:
    """Logarithm of :func:`softmax`."""
    if _few_classes(logits):
        return torch.log_softmax(logits.mT, dim=-2).mT
    return torch.log_softmax(logits, dim=-1)


def _few_classes(logits: Tensor) -> bool:
    """Whether rows are shorter than a processor's vector registers.

    On such rows torch works number by number. On their transpose it is up to ten times
    as fast, for it takes many rows at once.
    """
    return logits.is_cpu and logits.shape[-1] < 16


def one_hot(codes: Tensor, n_classes: int) -> Tensor:
    """Where each row's class is, bool; nowhere in rows without one.

    Parameters
    ----------
    codes : Tensor of shape (..., n_rows), int64
        Positions; -1 where there is none.
    n_classes : int
        How many there are.

    Returns
    -------
    Tensor of shape (..., n_rows, n_classes), bool
    """
    return codes.unsqueeze(-1) == torch.arange(n_classes, device=codes.device)


def is_labeled(labels: Tensor) -> Tensor:
    """Which rows have a label, bool of shape (..., n_rows, 1)."""
    return (labels != UNLABELED).unsqueeze(-1)
