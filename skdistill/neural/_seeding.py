"""Seeds for networks, which draw from global generators."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from numbers import Integral
from threading import RLock

import joblib
import numpy as np
import torch
from sklearn.utils import check_random_state

#: The generators are the process's: only one thread at a time can have seeded them.
_LOCK = RLock()


@contextmanager
def seeded(random_state, device=None) -> Iterator[None]:
    """Seed the global generators, and put them back as they were.

    Threads that seed wait for each other. joblib's threads are not used meanwhile:
    they would draw from the seeded generators in an order left to chance.

    Parameters
    ----------
    random_state : int, RandomState instance or None
        None leaves everything alone.
    device : str, default=None
        Where the network is; on "cuda" that generator is looked after as well.
    """
    if random_state is None:
        yield
        return
    if not isinstance(random_state, Integral):
        random_state = check_random_state(random_state).randint(2**31 - 1)
    with _LOCK, _without_threads(), _forked_generators(int(random_state), device):
        yield


@contextmanager
def _forked_generators(seed: int, device) -> Iterator[None]:
    on_gpu = str(device).startswith("cuda") or torch.cuda.is_initialized()
    devices = list(range(torch.cuda.device_count())) if on_gpu else []
    # skorch's ValidSplit draws from NumPy's global generator when given a fraction.
    numpy_state = np.random.get_state()  # noqa: NPY002
    with torch.random.fork_rng(devices):
        torch.manual_seed(seed)
        np.random.seed(seed % 2**32)  # noqa: NPY002
        try:
            yield
        finally:
            np.random.set_state(numpy_state)  # noqa: NPY002


def _without_threads() -> AbstractContextManager:
    backend, _ = joblib.parallel.get_active_backend()
    if isinstance(backend, joblib.parallel.ThreadingBackend):
        return joblib.parallel_config("sequential")
    return nullcontext()
