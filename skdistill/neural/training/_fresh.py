"""Fresh rows: the last rows of a lesson, replaced from epoch to epoch."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from skdistill.neural.training._batches import Inputs
from skdistill.neural.training._jobs import Fresh, Job
from skdistill.neural.training._objective import Lessons

_SEED_BITS = 31


def renew(jobs: Sequence[Job], inputs: Inputs, lessons: Lessons, epoch: int) -> None:
    """Replace the last rows of each job by fresh ones, in place.

    Seeds follow from the epoch alone, not from the models: each model then sees the
    same rows alone and in any stack, and those of a stack are drawn and labelled once.

    Parameters
    ----------
    jobs : sequence of Job
        Those of the models that still train, in their order.
    inputs, lessons : Inputs, Lessons
        Of these models.
    epoch : int
        Counted from 1.

    Raises
    ------
    ValueError
        If a source gives another number of rows, or of distributions, than it should.
    """
    fresh = {k: job.fresh for k, job in enumerate(jobs) if job.fresh is not None}
    for key in dict.fromkeys(each.key for each in fresh.values()):
        same = {k: each for k, each in fresh.items() if each.key == key}
        _renew_from(key, same, inputs, lessons, epoch)


def _renew_from(
    key: tuple, models: dict[int, Fresh], inputs: Inputs, lessons: Lessons, epoch: int
) -> None:
    """Draw rows from one source for all models that it has."""
    draw, n_rows, n_fits = key
    rows = draw(n_rows, _seed(epoch, n_fits))
    for k in inputs.first_of_each(models):
        inputs.replace_last(k, _encoded(models[k], rows))
    # Lessons of different weights may quote the same answers.
    said: dict[Callable, NDArray[np.float64]] = {}
    for k in lessons.first_of_each(models):
        label = models[k].source.label
        if label not in said:
            said[label] = _answers(label, rows, lessons.shape_of(k, n_rows))
        lessons.replace_last(k, models[k].lesson(said[label]))


def _seed(epoch: int, n_fits: int) -> int:
    """A seed like no other epoch's, and no neighbour of one that a user might give."""
    (word,) = np.random.SeedSequence([n_fits, epoch]).generate_state(1, np.uint64)
    return int(word >> np.uint64(64 - _SEED_BITS))


def _encoded(fresh: Fresh, rows):
    encoded = fresh.encode(rows)
    n_rows = fresh.source.n_rows
    if encoded.shape[0] != n_rows:
        raise ValueError(
            f"targets.fresh.draw gave {encoded.shape[0]} rows where it was asked for "
            f"{n_rows}; let draw(n, seed) give n rows."
        )
    return encoded


def _answers(label: Callable, rows, shape: tuple[int, int]) -> NDArray[np.float64]:
    said = np.asarray(label(rows), dtype=np.float64)
    if said.shape != shape:
        raise ValueError(
            f"targets.fresh.label gave an array of shape {said.shape} where {shape} is "
            "needed; let label(X) give a distribution over targets.classes for each "
            "row of X."
        )
    return said
