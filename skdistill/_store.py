"""Remember on disk what was computed, so that it is computed once.

Where and how things are kept is :class:`joblib.Memory`'s affair: it writes an entry to
a file of another name and moves it in place, so that nobody reads half of one. It
does not keep two processes from computing the same thing at the same time. Here each
entry has a lock of its own, a :class:`filelock.FileLock`: the operating system holds it
and lets go of it when its process ends, in whichever way that happens.
"""

from __future__ import annotations

import getpass
import os
import pickle
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from filelock import FileLock, Timeout
from joblib import Memory, wrap_non_picklable_objects
from sklearn import get_config

from skdistill._fingerprint import NoFingerprintError, fingerprint

_Value = TypeVar("_Value")

#: Seconds between two looks whether a lock is free, and until it is told of.
_POLL, _PATIENCE = 0.05, 60.0

#: How deep estimators lie in one another that are looked at after reading.
_DEPTH = 8

#: Of scikit-learn's configuration: what fits and answers depend on.
_CONFIG = ("array_api_dispatch", "enable_metadata_routing", "transform_output")


class Store:
    """What was computed before, by what it was computed from.

    Parameters
    ----------
    memory : joblib.Memory
        Where to keep it; with a location.
    """

    def __init__(self, memory: Memory):
        self.memory = memory
        self._prints: list[tuple[Any, str]] = []

    def key(self, *parts, rows: Sequence = ()) -> str | None:
        """A name for what is computed from `parts`; None, with a warning, if none can.

        Parameters
        ----------
        *parts : object
            All that the result depends on.
        rows : sequence of array-like, default=()
            The same, but large: tables that other keys depend on too, which are hashed
            once. They must not be changed as long as the store lives.

        Returns
        -------
        str or None
        """
        try:
            config = {name: get_config().get(name) for name in _CONFIG}
            prints = [self._print_of(table) for table in rows]
            return fingerprint(*parts, config, prints)
        except NoFingerprintError as error:
            warnings.warn(
                f"memory={self.memory.location!r} is not used for what cannot be told "
                f"apart by its content ({error}). It is computed anew.",
                UserWarning,
                stacklevel=2,
            )
            return None

    def _print_of(self, table) -> str:
        for known, print_ in self._prints:
            if known is table:
                return print_
        self._prints.append((table, fingerprint(table)))
        return self._prints[-1][1]

    def remember(
        self, what: str, key: str | None, compute: Callable[[], _Value]
    ) -> _Value:
        """Look up a result; compute and keep it if it is not there.

        Of several processes and threads that ask at the same time one computes, and
        the others wait for it.

        Parameters
        ----------
        what : str
            Kind of the result; the name of a folder.
        key : str or None
            What it is computed from, as of `key`. None: compute, and do not keep.
        compute : callable
            Without arguments; gives the result.

        Returns
        -------
        object
            The result. What was read from disk is a copy.
        """
        if key is None:
            return compute()
        entry = [f"skdistill-{what}", key]
        found, value = self._read(entry, warn=False)
        if found:
            return value
        with self._locked(entry):
            found, value = self._read(entry, warn=True)
            if not found:
                value = compute()
                self._write(entry, value)
        return value

    @contextmanager
    def _locked(self, entry: list[str]) -> Iterator[None]:
        """Hold the lock of an entry; without one, if its folder cannot be written."""
        try:
            lock = FileLock(self._lock_file(entry))
            try:
                lock.acquire(timeout=_PATIENCE, poll_interval=_POLL)
            except Timeout:
                warnings.warn(
                    f"Waiting for another process to compute what it has locked by "
                    f"{lock.lock_file}.",
                    UserWarning,
                    stacklevel=5,
                )
                lock.acquire(poll_interval=_POLL)
        except PermissionError:
            yield
            return
        try:
            yield
        finally:
            lock.release()

    def _read(self, entry: list[str], *, warn: bool) -> tuple[bool, Any]:
        backend = self.memory.store_backend
        try:
            if not backend.contains_item(entry):
                return False, None
            value = backend.load_item(entry, 0)
            if isinstance(value, bytes):
                value = _at_home(pickle.loads(value))
            return True, value
        except Exception as error:  # a damaged file may raise anything
            if warn and backend.contains_item(entry):
                warnings.warn(
                    f"An entry of memory={self.memory.location!r} cannot be read "
                    f"({type(error).__name__}: {error}). It is computed and written "
                    "anew.",
                    UserWarning,
                    stacklevel=3,
                )
            return False, None

    def _write(self, entry: list[str], value) -> None:
        if not isinstance(value, np.ndarray):
            # By value where it can't be by name: a worker has not run the user's
            # script, whose classes and functions a plain pickle would only name.
            wrapped = wrap_non_picklable_objects(value, keep_wrapper=False)
            try:
                value = pickle.dumps(wrapped, protocol=5)
            except Exception as error:  # whatever a foreign __reduce__ may raise
                warnings.warn(
                    f"memory={self.memory.location!r} cannot keep "
                    f"{type(value).__name__}, which cannot be pickled "
                    f"({type(error).__name__}: {error}).",
                    UserWarning,
                    stacklevel=3,
                )
                return
        self.memory.store_backend.dump_item(entry, value, 0)

    def _lock_file(self, entry: list[str]) -> Path:
        folder = Path(str(self.memory.store_backend.location))
        if not folder.is_dir():  # a store elsewhere: locks are for this machine
            folder = Path(tempfile.gettempdir()) / f"skdistill-{getpass.getuser()}"
        folder = folder / "skdistill-locks"
        folder.mkdir(parents=True, exist_ok=True)
        return folder / f"{entry[1]}.lock"

    def __getstate__(self):
        # Fingerprints go with objects of this process.
        return {"memory": self.memory, "_prints": []}


def _at_home(obj, depth: int = 0):
    """Give objects of a script's own classes the classes that the script has now.

    They come back with copies of these, which pickle would not take; the code is the
    same, for it is part of the key.
    """
    cls = type(obj)
    if cls.__module__ == "__main__":
        own = getattr(sys.modules["__main__"], cls.__qualname__, None)
        if isinstance(own, type):
            obj.__class__ = own
    if isinstance(obj, (list, tuple)):
        parts = list(obj)
    elif isinstance(obj, dict):
        parts = list(obj.values())
    else:
        parts = list(getattr(obj, "__dict__", {}).values())
    if depth < _DEPTH:
        for part in parts:
            if isinstance(part, (list, tuple, dict)) or hasattr(part, "get_params"):
                _at_home(part, depth + 1)
    return obj


def open_store(memory) -> Store | None:
    """Open what an estimator's parameter `memory` names.

    Parameters
    ----------
    memory : str, path-like, joblib.Memory or None
        A folder, or a Memory; None, or a Memory without a location, keeps nothing.

    Returns
    -------
    Store or None

    Raises
    ------
    ValueError
        If it is something else.
    """
    if isinstance(memory, (str, os.PathLike)):
        if not os.fspath(memory) or Path(memory).is_file():
            raise ValueError(f"memory={memory!r} must be the path of a folder.")
        memory = Memory(os.fspath(memory), verbose=0)
    if memory is None or (isinstance(memory, Memory) and memory.store_backend is None):
        return None
    if not isinstance(memory, Memory):
        raise ValueError(
            f"memory={memory!r} must be None (nothing is kept), the path of a folder, "
            "or a joblib.Memory."
        )
    return Store(memory)
