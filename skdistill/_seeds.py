"""Hand a seed down to those children that have none of their own."""

from __future__ import annotations

import copy
from typing import Any, NamedTuple

import numpy as np
from sklearn.base import clone
from sklearn.utils import check_random_state

from skdistill.teachers import is_given


class Seeded(NamedTuple):
    """Teacher and student with seeds, and one for networks, which hold none."""

    teacher: Any
    student: Any
    seed: int | None


def seed_children(teacher, student, random_state) -> Seeded:
    """Copy an unfitted teacher and the student, with seeds where theirs are None.

    Parameters
    ----------
    teacher, student : object
        As given to the distiller; not changed.
    random_state : int, RandomState instance or None
        None leaves everything as it is.

    Returns
    -------
    Seeded
    """
    if random_state is None:
        return Seeded(teacher, student, None)
    rng = check_random_state(random_state)
    if isinstance(teacher, (list, tuple)):
        teacher = [_seeded(member, rng) for member in teacher]
    else:
        teacher = _seeded(teacher, rng)
    # Before the student's: what is drawn and asked does not depend on who learns.
    seed = _draw(rng)
    return Seeded(teacher, _seeded(clone(student, safe=False), rng), seed)


def seeded_copy(child, seed: int | None):
    """A copy of an unfitted object, with a seed wherever its `random_state` is None.

    Parameters
    ----------
    child : object
        An estimator, a generator of rows, a splitter; anything else comes as it is.
    seed : int or None
        None sets nothing.
    """
    if hasattr(child, "get_params") and not isinstance(child, type):
        child = clone(child, safe=False)
        if seed is not None:
            child.set_params(**dict.fromkeys(_empty_seeds(child), seed))
    elif seed is not None and getattr(child, "random_state", seed) is None:
        child = copy.copy(child)
        child.random_state = seed
    return child


def _empty_seeds(child) -> list[str]:
    params = child.get_params(deep=True)
    return sorted(
        name
        for name, value in params.items()
        if value is None and (name == "random_state" or name.endswith("__random_state"))
    )


def draw_seed(random_state) -> int | None:
    """A seed for several fits that are to draw alike."""
    if isinstance(random_state, np.random.RandomState):
        return _draw(random_state)
    return random_state


def _seeded(child, rng: np.random.RandomState):
    if is_given(child) and hasattr(child, "get_params"):
        return child
    if not hasattr(child, "get_params"):
        return child
    child = clone(child)
    empty = _empty_seeds(child)
    return child.set_params(**{name: _draw(rng) for name in empty})


def _draw(rng: np.random.RandomState) -> int:
    return int(rng.randint(np.iinfo(np.int32).max))
