"""Cross-fitting: what teachers say about rows that they were not fitted on."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from skdistill.targets import TeacherOutput, normalize_rows


def gather(
    parts: Sequence[tuple[NDArray[np.intp], TeacherOutput]],
    n_rows: int,
    classes: NDArray,
) -> TeacherOutput:
    """Put together what the teachers of several folds said.

    Parameters
    ----------
    parts : sequence of (positions, TeacherOutput)
        The rows of a fold that were held out, and what was said about them. Columns
        are brought together by label: what a fold's teacher never saw has probability
        0 there.
    n_rows : int
        Rows in all.
    classes : ndarray of shape (n_classes,)
        The labels of y, sorted.

    Returns
    -------
    TeacherOutput
        Silent on rows that no fold held out; the mean where several did.
    """
    counts = np.zeros(n_rows, dtype=np.intp)
    for positions, _ in parts:
        counts[positions] += 1  # a fold holds out a row once at most
    logits = all(
        output.kind == "logits" and output.classes.tolist() == classes.tolist()
        for _, output in parts
    )
    logits = logits and counts.max(initial=0) <= 1
    values = np.zeros((n_rows, len(classes)))
    for positions, output in parts:
        values[positions] += output.values if logits else output.over(classes).values
    silent = counts == 0
    if not logits:
        values[silent] = 1.0
        normalize_rows(values)
    return TeacherOutput(
        values,
        "logits" if logits else "probabilities",
        classes,
        silent if silent.any() else None,
    )
