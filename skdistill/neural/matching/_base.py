"""What all losses on representations share: their parameters, and shapes that fit."""

from __future__ import annotations

from numbers import Real

import numpy as np
import torch
from sklearn.base import BaseEstimator
from torch import Tensor, nn

from skdistill.neural.matching._geometry import is_leaves


class Matching(BaseEstimator):
    """Base of the losses that compare representations.

    A subclass writes `_compare`, and `projection` if it needs one.

    Parameters
    ----------
    student_layer : str
        Name of the student's layer, one of `module.named_modules()`; "" is the module
        itself, whose output are the logits.
    teacher_layer : str, transformer or callable
        What represents rows on the teacher's side: the name of a layer of a network,
        "leaves" for the leaves of a forest, a fitted transformer, or a callable that
        makes a table of rows. A clone keeps it as it is, fitted.
    weight : float, default=1.0
        Weight of this loss against the loss on the answers; `loss` leaves it out.
    """

    #: Fewer rows have nothing to compare, and lose 0.
    _least_rows = 1

    def __init__(self, student_layer, teacher_layer, weight=1.0):
        self.student_layer = student_layer
        self.teacher_layer = teacher_layer
        self.weight = weight

    def __sklearn_clone__(self):
        # Cloning the parameters would forget what a transformer has learned.
        return type(self)(**self.get_params(deep=False))

    def get_params(self, deep=True):
        """Get parameters; those of a given transformer are not among them.

        Parameters
        ----------
        deep : bool, default=True
            Makes no difference: `teacher_layer` is used as it is.

        Returns
        -------
        dict
            Names to values.
        """
        return super().get_params(deep=False)

    def set_params(self, **params):
        """Set parameters, but none of a given transformer.

        Parameters
        ----------
        **params : dict
            Names to values.

        Returns
        -------
        self : Matching
            This loss.
        """
        nested = sorted(name for name in params if name.startswith("teacher_layer__"))
        if nested:
            raise ValueError(
                f"{nested[0]!r} cannot be set: teacher_layer is used as it is, fitted, "
                "so its parameters have no effect. Give another one."
            )
        return super().set_params(**params)

    def check(self) -> None:
        """Check the parameters; all that is wrong goes in one message.

        Raises
        ------
        ValueError
            Naming each parameter, its value and what is allowed.
        """
        wrong = self._wrong()
        if wrong:
            raise ValueError(f"{type(self).__name__}: {'; '.join(wrong)}.")

    def _wrong(self) -> list[str]:
        wrong = []
        layer, teacher = self.student_layer, self.teacher_layer
        if not isinstance(layer, str):
            wrong.append(
                f"student_layer={layer!r} must be the name of a layer, as in "
                "module.named_modules()"
            )
        named = isinstance(teacher, str) and teacher != ""
        speaks = hasattr(teacher, "transform") or callable(teacher)
        if not (named or speaks) or isinstance(teacher, type):
            wrong.append(
                f"teacher_layer={teacher!r} must be the name of a layer, 'leaves', a "
                "fitted transformer or a callable"
            )
        return wrong + wrong_numbers(self, ("weight",))

    def projection(self, student: Tensor, teacher: Tensor) -> nn.Module | None:
        """Make what brings the student's features to the teacher's width.

        It is trained with the student and thrown away.

        Parameters
        ----------
        student : Tensor of shape (n_rows, n_features) or (n_rows, n_channels, ...)
            Output of the student's layer; its values do not matter.
        teacher : Tensor of shape (n_rows, ...)
            The teacher's representation.

        Returns
        -------
        torch.nn.Module or None
            None where there is nothing to learn. Drawn from torch's generator, on
            the device of `student`.
        """
        return None

    def loss(
        self, student: Tensor, teacher: Tensor, projection: nn.Module | None = None
    ) -> Tensor:
        """Compute the loss of a batch, without `weight`.

        Parameters
        ----------
        student : Tensor of shape (n_rows, n_features) or (n_rows, n_channels, ...)
            Output of the student's layer, floating; half precision is computed in
            float32.
        teacher : Tensor of shape (n_rows, n_features), (n_rows, n_channels, ...) or \
(n_rows, n_trees)
            The teacher's representation of the same rows; integers are numbers of
            leaves. It gets no gradient.
        projection : torch.nn.Module, default=None
            What `projection` made.

        Returns
        -------
        Tensor of shape ()
            Mean over the batch. 0 where there are too few rows to compare.

        Raises
        ------
        ValueError
            If the shapes do not fit, naming both.
        """
        student, teacher = paired(student, teacher, self)
        if len(student) < self._least_rows:
            return student.sum() * 0.0
        return self._compare(student, teacher, projection)

    def _compare(self, student: Tensor, teacher: Tensor, projection) -> Tensor:
        raise NotImplementedError


def is_number(value) -> bool:
    return isinstance(value, Real) and not isinstance(value, (bool, np.bool_))


def wrong_numbers(matching: Matching, names: tuple[str, ...]) -> list[str]:
    values = [(name, getattr(matching, name)) for name in names]
    return [
        f"{name}={value!r} must be a finite number of at least 0"
        for name, value in values
        if not (is_number(value) and 0 <= value < np.inf)
    ]


def paired(
    student: Tensor, teacher: Tensor, matching: Matching
) -> tuple[Tensor, Tensor]:
    """Check that both sides hold the same rows; bring them to one dtype and device."""
    name = type(matching).__name__
    if student.ndim < 2 or not student.is_floating_point():
        raise ValueError(
            f"{name}: student_layer={matching.student_layer!r} gives a tensor of shape "
            f"{tuple(student.shape)} and {student.dtype}; floats of shape (n_rows, "
            "n_features) or (n_rows, n_channels, ...) are needed. Name another layer."
        )
    if teacher.ndim < 2 or len(teacher) != len(student):
        raise ValueError(
            f"{name}: the teacher represents rows by a tensor of shape "
            f"{tuple(teacher.shape)}, the student by {tuple(student.shape)}. Give both "
            "the same rows, and at least two dimensions."
        )
    # Half precision is too coarse for squares and differences.
    student = student.to(torch.promote_types(student.dtype, torch.float32))
    teacher = teacher.detach().to(student.device)
    return student, teacher if is_leaves(teacher) else teacher.to(student.dtype)
