"""What is wrong with the parameters of a generator, all in one message."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from numbers import Integral, Real

import numpy as np


def is_number(value) -> bool:
    return isinstance(value, Real) and not isinstance(value, (bool, np.bool_))


def is_count(value, least: int = 1) -> bool:
    whole = isinstance(value, Integral) and not isinstance(value, (bool, np.bool_))
    return whole and int(value) >= least


def wrong_share(name: str, value) -> Iterator[str]:
    """A number in (0, 1]."""
    if not (is_number(value) and 0 < value <= 1):
        yield (
            f"{name}={value!r} must be a number in (0, 1], the probability with which "
            "a cell is exchanged (0 would draw the same rows again)"
        )


def wrong_scale(name: str, value, meaning: str) -> Iterator[str]:
    """A finite number above 0."""
    if not (is_number(value) and 0 < value < np.inf):
        yield f"{name}={value!r} must be a finite number above 0 ({meaning})"


def wrong_count(name: str, value, least: int, meaning: str) -> Iterator[str]:
    """A whole number."""
    if not is_count(value, least):
        yield f"{name}={value!r} must be a whole number of at least {least} ({meaning})"


def raise_all(wrong: Iterable[str]) -> None:
    wrong = list(wrong)
    if wrong:
        raise ValueError("; ".join(wrong) + ".")
