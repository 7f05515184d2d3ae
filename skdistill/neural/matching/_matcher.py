"""Losses on representations, beside that on the answers, of a model in training."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack

import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from skdistill.neural._modules import to_tensor
from skdistill.neural.matching._base import Matching
from skdistill.neural.matching._layers_by_name import capture


class Matcher:
    """What a student in training misses of its teacher's representations.

    Parameters
    ----------
    matchings : sequence of Matching
        The losses.
    representations : sequence of ndarray of shape (n_rows, ...)
        For each of them, what the teacher makes of all rows.
    """

    def __init__(
        self, matchings: Sequence[Matching], representations: Sequence[NDArray]
    ) -> None:
        self._matchings = list(matchings)
        self._teacher = [to_tensor(each) for each in representations]
        self._context = ExitStack()

    def begin(self, module: nn.Module, some: Tensor) -> list[nn.Parameter]:
        """Listen to a module's layers; make the projections that are learned with it.

        Parameters
        ----------
        module : torch.nn.Module
            It keeps hooks until `end`.
        some : Tensor of shape (n_rows, ...)
            Some rows, to find out shapes.

        Returns
        -------
        list of torch.nn.Parameter
            Of the projections.
        """
        names = [each.student_layer for each in self._matchings]
        self._outputs = self._context.enter_context(capture(module, names))
        module.eval()
        with torch.no_grad():
            module(some)
        self._projections = [
            each.projection(self._outputs[each.student_layer], rows[: len(some)])
            for each, rows in zip(self._matchings, self._teacher, strict=True)
        ]
        return [p for part in self._projections if part for p in part.parameters()]

    def loss(self, rows: Tensor) -> Tensor:
        """Compute the weighted sum for the rows that were last put to the module."""
        total: Tensor = torch.zeros(())
        parts = zip(self._matchings, self._teacher, self._projections, strict=True)
        for each, teacher, projection in parts:
            student = self._outputs[each.student_layer]
            known = teacher.index_select(0, rows).to(student.device)
            loss = each.loss(student, known, projection)
            total = total.to(loss.device) + each.weight * loss
        return total

    def end(self) -> None:
        """Leave the module alone."""
        self._context.close()


def make_matcher(matchings: Sequence[Matching], representations) -> Matcher | None:
    """Make a matcher if there is anything to match, and a teacher to match it with."""
    if not matchings or not representations:
        return None
    return Matcher(matchings, representations)
