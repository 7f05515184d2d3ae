"""Let networks inside estimators take what scikit-learn gives: float64 and frames."""

from __future__ import annotations

import copyreg
from collections.abc import Iterator
from contextlib import contextmanager
from copy import copy
from dataclasses import dataclass, field
from functools import cache
from threading import RLock
from typing import Any

import numpy as np
from torch import nn

from skdistill.neural._modules import (
    cast_floats,
    cast_input,
    floating_dtype,
    skorch_input,
)
from skdistill.neural._sharing import sharing_copy
from skdistill.neural.bridge._interrupts import RaisesInterrupts
from skdistill.neural.bridge._nested import holders_in, is_net, networks_in

#: Ids of nets in the middle of a fit.
_TRAINING: set[int] = set()


class Casting(RaisesInterrupts):
    """The mixin for a net that reads float64, frames and lists of rows.

    The class of a net is what `clone` and worker processes keep of such a change.
    """

    _original: type

    def get_dataset(self, X, y=None):
        """Make a dataset, of an array where X is a frame."""
        return super().get_dataset(skorch_input(X), y)

    def infer(self, x, **fit_params):
        """Give the module a batch in its own dtype."""
        return super().infer(cast_input(x, self.module_), **fit_params)

    def fit_loop(self, X, y=None, epochs=None, **fit_params):
        """Train; what is pickled meanwhile is a checkpoint."""
        _TRAINING.add(id(self))
        try:
            return super().fit_loop(X, y, epochs=epochs, **fit_params)
        finally:
            _TRAINING.discard(id(self))

    def __reduce_ex__(self, protocol):
        """Reduce as a casting net; as an ordinary one during its fit."""
        if id(self) in _TRAINING:
            # Not `__newobj__`: pickle insists there on the class that the object has.
            make, args = copyreg._reconstructor, (self._original, object, None)
        else:
            make, args = _blank, (self._original,)
        return make, args, self.__getstate__()


@cache
def casting_class(original: type) -> type:
    """Derive the class of nets that cast; always the same one, for pickle's sake."""
    names = {"_original": original, "__module__": original.__module__}
    names |= {"__doc__": original.__doc__, "__qualname__": original.__qualname__}
    return type(original.__name__, (Casting, original), names)


def _blank(original: type):
    return object.__new__(casting_class(original))


def stand_in(estimator):
    """Make a copy of a fitted estimator to predict with, whose networks cast.

    Any number of threads can do so at a time: each has modes of its own to switch,
    and not even for a moment does anything change on the estimator.

    Parameters
    ----------
    estimator : object
        Nested at will, as for :func:`contains_network`.

    Returns
    -------
    object
        Of the same kind. Parameters and buffers of networks are shared, and all parts
        that do not hold a network are the very same objects.

    Examples
    --------
    >>> import numpy as np, torch
    >>> from skorch import NeuralNetClassifier
    >>> from skdistill.neural import stand_in
    >>> net = NeuralNetClassifier(torch.nn.Linear(2, 2)).initialize()
    >>> stand_in(net).predict_proba(np.zeros((3, 2), dtype=np.float64)).shape
    (3, 2)
    >>> net.module_.training
    True
    """
    return _stand_in(estimator, {}, holders_in(estimator))


def _stand_in(obj, done: dict[int, Any], holders: set[int]):
    if id(obj) not in holders:
        return obj
    if id(obj) in done:
        return done[id(obj)]
    if isinstance(obj, nn.Module):
        copied = sharing_copy(obj)
        copied.register_forward_pre_hook(cast_arguments, with_kwargs=True)
    elif is_net(obj):
        copied = _net_stand_in(obj)
    elif type(obj) in (list, tuple):
        copied = type(obj)(_stand_in(entry, done, holders) for entry in obj)
    elif isinstance(obj, dict):
        copied = done[id(obj)] = copy(obj)
        copied.update({k: _stand_in(entry, done, holders) for k, entry in obj.items()})
    elif isinstance(obj, np.ndarray):
        copied = obj.copy()
        for k, entry in enumerate(obj.flat):
            copied.flat[k] = _stand_in(entry, done, holders)
    else:
        copied = done[id(obj)] = object.__new__(type(obj))
        for name, value in vars(obj).items():
            vars(copied)[name] = _stand_in(value, done, holders)
    done[id(obj)] = copied
    return copied


def _net_stand_in(net):
    original = getattr(type(net), "_original", type(net))
    copied = _blank(original)
    # Past `__setattr__` of nets, which keeps books of modules.
    vars(copied).update(vars(net))
    for name, value in vars(net).items():
        if name.endswith("_") and isinstance(value, nn.Module):
            vars(copied)[name] = sharing_copy(value)
    return copied


@dataclass
class _Borrowed:
    """A network that casts for as long as somebody needs it."""

    network: Any
    users: int = 0
    modes: list[tuple[nn.Module, bool]] = field(default_factory=list)
    hook: Any = None


#: Networks that cast at the moment, by id; the lock is for whoever changes that.
_BORROWED: dict[int, _Borrowed] = {}
_LOCK = RLock()


@contextmanager
def casting_inputs(estimator) -> Iterator[None]:
    """Let the networks inside an estimator take what scikit-learn gives, in place.

    scikit-learn speaks float64 and, if asked, DataFrames; torch float32: within this
    context each skorch net casts its input to its module's dtype and makes arrays of
    frames. So does each clone made of it: an unfitted estimator can be fitted here.
    A net whose training is interrupted by Ctrl-C raises KeyboardInterrupt, where
    skorch would call it fitted. Nothing of the estimator differs afterwards but what
    was fitted, and it may be sent to worker processes meanwhile. Several threads may
    be here with the same estimator; but to predict with it, :func:`stand_in` is
    better, for modules switch to evaluation mode here until the last one has left.

    Parameters
    ----------
    estimator : object
        Nested at will, as for :func:`contains_network`.

    Examples
    --------
    >>> import numpy as np, torch
    >>> from skorch import NeuralNetClassifier
    >>> from skdistill.neural import casting_inputs
    >>> net = NeuralNetClassifier(torch.nn.Linear(2, 2)).initialize()
    >>> with casting_inputs([net]):
    ...     net.predict_proba(np.zeros((3, 2), dtype=np.float64)).shape
    (3, 2)
    """
    with _LOCK:
        networks = list(networks_in(estimator))
        # Then somebody further out, or the process we work for, cleans up.
        inside = any(_casts(net) and id(net) not in _BORROWED for net in networks)
        borrowed = [] if inside else networks
        for network in borrowed:
            _borrow(network)
    try:
        yield
    finally:
        with _LOCK:
            for network in borrowed:
                _give_back(network)
            if not inside:
                _undress_clones(estimator)


def _casts(network) -> bool:
    return isinstance(network, Casting)


def _borrow(network) -> None:
    entry = _BORROWED.setdefault(id(network), _Borrowed(network))
    entry.users += 1
    if entry.users > 1:
        return
    entry.modes = [
        (part, part.training)
        for module in _initialised(network)
        for part in module.modules()
    ]
    if isinstance(network, nn.Module):
        entry.hook = network.register_forward_pre_hook(cast_arguments, with_kwargs=True)
    else:
        # Past the `__setattr__` of nets, which keeps books of attributes.
        kind: type = type(network)
        object.__setattr__(network, "__class__", casting_class(kind))


def _give_back(network) -> None:
    entry = _BORROWED[id(network)]
    entry.users -= 1
    if entry.users:
        return
    del _BORROWED[id(network)]
    if entry.hook is not None:
        entry.hook.remove()
    else:
        object.__setattr__(network, "__class__", network._original)
    for part, mode in entry.modes:
        part.training = mode


def _undress_clones(estimator) -> None:
    for net in networks_in(estimator):
        if _casts(net) and id(net) not in _BORROWED:
            object.__setattr__(net, "__class__", net._original)


def _initialised(network) -> list[nn.Module]:
    if isinstance(network, nn.Module):
        return [network]
    named = vars(network).items()
    return [v for k, v in named if k.endswith("_") and isinstance(v, nn.Module)]


def cast_arguments(module: nn.Module, args: tuple, kwargs: dict | None = None):
    """Cast what a module is called with; a hook, before `forward`.

    At module level, so that a process can unpickle a module with this hook. Another
    thread that calls the module just when the hook goes may leave out `kwargs`.
    """
    dtype = floating_dtype(module)
    if dtype is not None:
        first = tuple(cast_input(value, module) for value in args[:1])
        args = first + tuple(cast_floats(value, dtype) for value in args[1:])
        kwargs = cast_floats(kwargs, dtype)
    return args if kwargs is None else (args, kwargs)
