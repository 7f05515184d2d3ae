"""One thread for small work: handing it out would take longer than doing it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

#: Multiply-adds of a step, below which torch computes it faster on one thread. With
#: more threads than free cores it is a hundred times faster: they wait for each other.
_LEAST_WORK = 10_000_000


@contextmanager
def threads_for(n_operations: float) -> Iterator[None]:
    """Let torch use one thread, from this one, if there is little to do in a step.

    Parameters
    ----------
    n_operations : float
        Multiply-adds of one step.
    """
    if n_operations >= _LEAST_WORK:
        yield
        return
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
