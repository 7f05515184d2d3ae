"""Compare the sizes of two models without writing either of them out."""

from __future__ import annotations

import pickle

from sklearn.pipeline import Pipeline

from skdistill._detect import is_module, is_skorch_net


class _EnoughError(Exception):
    """More bytes than asked about."""


class _Counter:
    """A file that only counts, up to a limit."""

    def __init__(self, limit: float):
        self.limit = limit
        self.n_bytes = 0

    def write(self, data) -> int:
        size = memoryview(data).nbytes
        self.n_bytes += size
        if self.n_bytes > self.limit:
            raise _EnoughError
        return size

    def take_buffer(self, buffer: pickle.PickleBuffer) -> None:
        self.write(buffer.raw())


def n_bytes(model, limit: float = float("inf")) -> float | None:
    """Serialised size of a model in bytes; arrays are counted, not copied.

    Of a pipeline it is the size of the last step.

    Parameters
    ----------
    model : object
        Anything.
    limit : float, default=inf
        Stop counting there and return inf.

    Returns
    -------
    float or None
        None if the model cannot be pickled, or lies behind a function.
    """
    counter = _Counter(limit)
    model = model[-1] if isinstance(model, Pipeline) else model
    modules = _modules_of(model)
    if modules:
        weights = [p for module in modules for p in module.parameters()]
        return float(sum(p.numel() * p.element_size() for p in weights))
    try:
        pickle.Pickler(counter, protocol=5, buffer_callback=counter.take_buffer).dump(
            model
        )
    except _EnoughError:
        return float("inf")
    except Exception:  # whatever a foreign __reduce__ may raise
        return None
    return float(counter.n_bytes)


def _modules_of(model) -> list:
    """Modules that a network is: what counts of it; the rest is settings, history."""
    if is_module(model):
        return [model]
    modules = (
        [model.module_] if is_skorch_net(model) else getattr(model, "modules_", [])
    )
    return modules if all(is_module(module) for module in modules) else []
