"""Several teachers as one: soft vote."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from skdistill.targets import TeacherOutput, align_columns, soften
from skdistill.teachers._base import Teacher


class EnsembleTeacher(Teacher):
    """The mean of several teachers.

    Networks (modules and skorch nets) are averaged before the softmax, as logits; any
    other company as probabilities.

    Parameters
    ----------
    members : sequence of Teacher
        At least one.
    as_logits : bool
        Whether all of them are networks.
    """

    name = "ensemble"

    def __init__(self, members: Sequence[Teacher], *, as_logits: bool):
        sources = {member.source for member in members}
        super().__init__("given" if sources == {"given"} else "fitted")
        self.members = members
        self.model = [member.model for member in members]
        self.as_logits = as_logits
        self.kind = "logits" if as_logits else "probabilities"

    def check_rows(self, X) -> None:
        """Raise if one of the members cannot read such rows."""
        for member in self.members:
            member.check_rows(X)

    def evaluate(self, X, classes, fallback, *, progress=None):
        """Ask each member once; columns are brought together by label."""
        first = self.members[0].evaluate(X, classes, fallback, progress=progress)
        total = self._votes(first)
        for member in self.members[1:]:
            output = member.evaluate(X, classes, fallback, progress=progress)
            total += self._votes(align_columns(output, first.classes))
        total /= len(self.members)
        return TeacherOutput(total, self.kind, first.classes)

    def _votes(self, output: TeacherOutput) -> NDArray:
        if not self.as_logits:
            return soften(output.values, output.kind)
        if output.kind == "logits":
            return output.values.copy()
        # Up to a constant for each row, the logarithm of a softmax is its logits.
        tiny = np.finfo(np.float32).tiny
        return np.log(np.maximum(output.values, tiny))
