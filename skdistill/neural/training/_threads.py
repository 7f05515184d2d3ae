"""One thread for small work: handing it out would take longer than doing it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock

import torch

#: Multiply-adds of a step, below which torch computes it faster on one thread. With
#: more threads than free cores it is a hundred times faster: they wait for each other.
_LEAST_WORK = 10_000_000

_LOCK = Lock()
_USERS = 0
_BEFORE = 1


@contextmanager
def threads_for(n_operations: float) -> Iterator[None]:
    """Let torch use one thread if there is little to do in a step.

    The setting is the process's: it is put back when the last user has left.

    Parameters
    ----------
    n_operations : float
        Multiply-adds of one step.
    """
    if n_operations >= _LEAST_WORK:
        yield
        return
    global _USERS, _BEFORE
    with _LOCK:
        if not _USERS:
            _BEFORE = torch.get_num_threads()
            torch.set_num_threads(1)
        _USERS += 1
    try:
        yield
    finally:
        with _LOCK:
            _USERS -= 1
            if not _USERS:
                torch.set_num_threads(_BEFORE)
