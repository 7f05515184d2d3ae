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

    @property
    def holds_given(self) -> bool:
        """Whether any member was not fitted here."""
        return any(member.holds_given for member in self.members)

    def check_rows(self, X) -> None:
        """Raise if one of the members cannot read such rows."""
        for member in self.members:
            member.check_rows(X)

    def evaluate(self, X, classes, fallback, *, progress=None):
        """Ask each member once; columns are brought together by label.

        `classes` names the columns of those members that do not know their own.
        """
        outputs = [
            member.evaluate(X, classes, fallback, progress=progress)
            for member in self.members
        ]
        labels = np.unique(np.concatenate([output.classes for output in outputs]))
        same = all(len(output.classes) == len(labels) for output in outputs)
        # A logit that a member lacks has no mean: unequal company votes by probability.
        as_logits = self.as_logits and same
        self.kind = "logits" if as_logits else "probabilities"
        total = sum(_votes(output, labels, as_logits) for output in outputs)
        return TeacherOutput(total / len(outputs), self.kind, labels)


def _votes(output: TeacherOutput, labels: NDArray, as_logits: bool) -> NDArray:
    if not as_logits:
        proba = soften(output.values, output.kind)
        output = TeacherOutput(proba, "probabilities", output.classes)
    elif output.kind == "probabilities":
        # Up to a constant for each row, the logarithm of a softmax is its logits.
        tiny = np.finfo(np.float32).tiny
        logits = np.log(np.maximum(output.values, tiny))
        output = TeacherOutput(logits, "logits", output.classes)
    return align_columns(output, labels).values
