"""Several teachers as one: soft vote, weighted or not."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from skdistill._rows import TrainingRows
from skdistill.targets import TeacherOutput, align_columns, soften
from skdistill.teachers._base import Teacher
from skdistill.teachers._weights import learn_weights


class EnsembleTeacher(Teacher):
    """The weighted mean of several teachers.

    Networks (modules and skorch nets) are averaged before the softmax, as logits; any
    other company as probabilities.

    Parameters
    ----------
    members : sequence of Teacher
        At least one.
    as_logits : bool
        Whether all that have a say are networks.
    weights : ndarray of shape (n_members,)
        Not negative, not all 0. A member of weight 0 has no say and is not asked.
    rows : TrainingRows, default=None
        If given, the weights are learned from the labels of these rows, which must be
        the first that `evaluate` is asked about.
    """

    name = "ensemble"

    def __init__(
        self,
        members: Sequence[Teacher],
        *,
        as_logits: bool,
        weights: NDArray[np.float64],
        rows: TrainingRows | None = None,
    ):
        sources = {member.source for member in members}
        super().__init__("given" if sources == {"given"} else "fitted")
        self.members = members
        self.model = [member.model for member in members]
        self.as_logits = as_logits
        self.kind = "logits" if as_logits else "probabilities"
        self._relative = weights
        self._to_ask = np.flatnonzero(weights)
        self._to_learn_from = rows

    @property
    def holds_given(self) -> bool:
        """Whether any member was not fitted here."""
        return any(member.holds_given for member in self.members)

    @property
    def voters(self) -> list[int]:
        """Positions of the members that have a say."""
        return self._to_ask.tolist()

    @property
    def weights(self) -> NDArray[np.float64]:
        """Share of each member, summing to 1; shape (n_members,)."""
        return self._relative / self._relative.sum()

    def identity(self):
        """Who the members are."""
        return ([member.identity() for member in self.members],)

    def check_rows(self, X) -> None:
        """Raise if one of the members cannot read such rows."""
        for member in self.members:
            member.check_rows(X)

    def evaluate(self, X, classes, fallback, *, progress=None, store=None):
        """Ask each member once; columns are brought together by label.

        `classes` names the columns of those members that do not know their own.
        """
        outputs = [
            self.members[k].evaluate(
                X, classes, fallback, progress=progress, store=store
            )
            for k in self._to_ask
        ]
        return self.combine(outputs)

    def combine(self, outputs: Sequence[TeacherOutput]) -> TeacherOutput:
        """The vote of those members that have a say, from what each said.

        Parameters
        ----------
        outputs : sequence of TeacherOutput
            About the same rows, of each member in `voters`.

        Returns
        -------
        TeacherOutput
            Silent where any of them is.
        """
        labels = np.unique(np.concatenate([output.classes for output in outputs]))
        same = all(len(output.classes) == len(labels) for output in outputs)
        # A logit that a member lacks has no mean: unequal company votes by probability.
        as_logits = self.as_logits and same
        self.kind = "logits" if as_logits else "probabilities"
        if self._to_learn_from is not None:
            self._learn(self._to_learn_from, outputs, labels, as_logits)
            self._to_learn_from = None
        relative = self._relative[self._to_ask]
        # Members may have learned to have no say; 0 times a logit of -inf is no number.
        total = sum(
            weight * _votes(output, labels, as_logits)
            for weight, output in zip(relative, outputs, strict=True)
            if weight > 0
        )
        return TeacherOutput(
            total / relative.sum(), self.kind, labels, _silent(outputs)
        )

    def _learn(
        self,
        rows: TrainingRows,
        outputs: Sequence[TeacherOutput],
        labels: NDArray,
        as_logits: bool,
    ) -> None:
        column = {label: k for k, label in enumerate(labels.tolist())}
        columns = np.array([column.get(label, -1) for label in rows.classes.tolist()])
        codes, silent = columns[rows.codes], _silent(outputs)
        if silent is not None:
            codes[silent] = -1
        self._relative = learn_weights(
            [_votes(output, labels, as_logits) for output in outputs],
            codes,
            rows.weight,
            as_logits=as_logits,
        )


def _silent(outputs: Sequence[TeacherOutput]) -> NDArray[np.bool_] | None:
    """Rows about which any says nothing."""
    masks = [output.silent for output in outputs if output.silent is not None]
    return np.any(masks, axis=0) if masks else None


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
