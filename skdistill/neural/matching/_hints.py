"""Losses that compare features row by row: hints and maps of attention."""

from __future__ import annotations

import numpy as np
from torch import Tensor, nn
from torch.nn.functional import interpolate, mse_loss

from skdistill.neural.matching._base import Matching, is_number, paired
from skdistill.neural.matching._geometry import divided, is_leaves, unit_rows

#: A projection of maps with this many dimensions: rows, channels, then positions.
_CONVOLUTIONS = {3: nn.Conv1d, 4: nn.Conv2d, 5: nn.Conv3d}


class Hint(Matching):
    """Mean squared error to the teacher's features (FitNets, Romero et al., 2015).

    Where the widths differ the student's features go through a learned projection, a
    linear layer for vectors and a convolution of kernel size 1 for maps. Where maps
    differ in size, the larger one is averaged down to the smaller.

    Parameters
    ----------
    student_layer : str
        Name of the student's layer.
    teacher_layer : str, transformer or callable
        What represents rows on the teacher's side; of the same kind as the student's
        layer, vectors or maps.
    weight : float, default=1.0
        Weight against the loss on the answers.

    References
    ----------
    .. [1] Romero et al., "FitNets: hints for thin deep nets", ICLR 2015,
       arXiv:1412.6550.

    Examples
    --------
    >>> import torch
    >>> from skdistill.neural.matching import Hint
    >>> hint = Hint("hidden", "hidden")
    >>> hint.loss(torch.tensor([[0.0, 2.0]]), torch.tensor([[0.0, 1.0]])).item()
    0.5
    >>> hint.projection(torch.ones(1, 2), torch.ones(1, 8))
    Linear(in_features=2, out_features=8, bias=True)
    """

    def projection(self, student, teacher):
        """Make a linear layer or convolution; None where the widths agree."""
        student, teacher = paired(student, teacher, self)
        _check_same_kind(student, teacher, self)
        width, needed = student.shape[1], teacher.shape[1]
        if width == needed:
            return None
        where = {"device": student.device, "dtype": student.dtype}
        if student.ndim == 2:
            return nn.Linear(width, needed, **where)
        return _CONVOLUTIONS[student.ndim](width, needed, kernel_size=1, **where)

    def _compare(self, student, teacher, projection):
        _check_same_kind(student, teacher, self)
        student, teacher = _same_positions(student, teacher)
        if projection is not None:
            student = projection(student)
        if student.shape != teacher.shape:
            raise ValueError(
                f"Hint compares a student's features of shape {tuple(student.shape)} "
                f"with a teacher's of shape {tuple(teacher.shape)}. Pass the "
                "projection that Hint.projection makes for these."
            )
        return mse_loss(student, teacher)


class AttentionTransfer(Matching):
    r"""Difference of attention maps (Zagoruyko and Komodakis, 2017).

    The attention of a position is the mean over channels of :math:`|a|^p`; a map is
    all of a row's positions, scaled to length 1. The loss is the mean over rows and
    positions of the squared difference, as in the authors' program. Where maps differ
    in size, the larger one is averaged down to the smaller; channels are free.

    Both layers must give maps. A vector has one position only, and its attention map
    is always 1: there is nothing to transfer.

    Parameters
    ----------
    student_layer : str
        Name of the student's layer.
    teacher_layer : str, transformer or callable
        What represents rows on the teacher's side; maps.
    power : float, default=2
        p, at least 1. More looks more at the strongest activations.
    weight : float, default=1.0
        Weight against the loss on the answers. The authors' code has 1000, for long
        training of deep networks on images.

    References
    ----------
    .. [1] Zagoruyko and Komodakis, "Paying more attention to attention", ICLR 2017,
       arXiv:1612.03928.

    Examples
    --------
    >>> import torch
    >>> from skdistill.neural.matching import AttentionTransfer
    >>> maps = torch.tensor([[[0.0, 2.0], [1.0, 0.0]]])  # a row, 2 channels, 2 places
    >>> AttentionTransfer("conv", "conv").loss(maps, 3 * maps).item()
    0.0
    """

    def __init__(self, student_layer, teacher_layer, power=2, weight=1.0):
        super().__init__(student_layer, teacher_layer, weight)
        self.power = power

    def _wrong(self):
        wrong = super()._wrong()
        if not (is_number(self.power) and 1 <= self.power < np.inf):
            wrong.append(f"power={self.power!r} must be a finite number of at least 1")
        return wrong

    def _compare(self, student, teacher, projection):
        _check_same_kind(student, teacher, self)
        if student.ndim == 2:
            raise ValueError(
                "AttentionTransfer compares maps of attention over positions, (n_rows, "
                "n_channels, ...); both layers give vectors, of shape "
                f"{tuple(student.shape)} and {tuple(teacher.shape)}. Use Hint or a "
                "relation (RelationalKD, SimilarityPreserving, ProbabilisticTransfer)."
            )
        maps = _same_positions(self._attention(student), self._attention(teacher))
        ours, theirs = (unit_rows(each.flatten(1)) for each in maps)
        return mse_loss(ours, theirs)

    def _attention(self, maps: Tensor) -> Tensor:
        # The map's scale does not count, but a power of it could overflow.
        magnitude = maps.abs()
        largest = magnitude.detach().flatten(1).amax(dim=1)
        largest = largest.reshape(-1, *[1] * (maps.ndim - 1))
        relative = divided(magnitude, largest)
        return relative.pow(self.power).mean(dim=1, keepdim=True)


def _check_same_kind(student: Tensor, teacher: Tensor, matching: Matching) -> None:
    name = type(matching).__name__
    if is_leaves(teacher):
        raise ValueError(
            f"{name} cannot compare features with numbers of leaves, which are no "
            "amounts. Use a relation (RelationalKD, SimilarityPreserving, "
            "ProbabilisticTransfer), or a transformer as teacher_layer."
        )
    if student.ndim != teacher.ndim or student.ndim - 2 > len(_CONVOLUTIONS):
        raise ValueError(
            f"{name} compares vectors with vectors and maps (of up to three spatial "
            f"dimensions) with maps; the student gives shape {tuple(student.shape)}, "
            f"the teacher {tuple(teacher.shape)}. Name layers of the same kind, or use "
            "a relation (RelationalKD, SimilarityPreserving, ProbabilisticTransfer)."
        )


def _same_positions(student: Tensor, teacher: Tensor) -> tuple[Tensor, Tensor]:
    """Average the larger maps down to the size of the smaller, dimension by dimension.

    Nothing is invented: stretching the smaller one would ask for what it cannot know.
    """
    sizes = zip(student.shape[2:], teacher.shape[2:], strict=True)
    size = tuple(min(pair) for pair in sizes)
    student, teacher = (
        maps if tuple(maps.shape[2:]) == size else interpolate(maps, size, mode="area")
        for maps in (student, teacher)
    )
    return student, teacher
