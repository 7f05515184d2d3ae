"""Tell by content whether two objects are the same, in any process, on any day.

`joblib.hash` does this for arrays and plain objects. What is added here: networks, by
their architecture and numbers; functions and the user's own classes, by their code;
frames and sparse matrices, by what is in them, not by how it is held; and the versions
of all libraries that an object's classes come from.
"""

from __future__ import annotations

import sys
import types
from typing import Any

import numpy as np
import scipy
import scipy.sparse
import sklearn
from joblib.hashing import NumpyHasher
from sklearn.utils import Bunch

from skdistill._detect import is_module, is_skorch_net, is_tensor

#: Faster than the default by two, where the processor computes it.
_HASH = "sha1"

#: Kinds of objects in a class that hold a function.
_WRAPPED = (staticmethod, classmethod)


class NoFingerprintError(TypeError):
    """An object cannot be told apart by its content."""


def fingerprint(*parts: Any) -> str:
    """Hash objects by content, and by the versions of the libraries they come from.

    Equal content gives the same hash in other processes too; other content, other
    code of the user's classes and functions, or another version of a library another.

    Parameters
    ----------
    *parts : object
        Arrays, frames, estimators, networks, functions, or whatever can be pickled.

    Returns
    -------
    str
        Hexadecimal.

    Raises
    ------
    NoFingerprintError
        If there is something in it that is not known by its content, such as an open
        connection.

    Examples
    --------
    >>> import numpy as np
    >>> from skdistill._fingerprint import fingerprint
    >>> fingerprint(np.arange(3)) == fingerprint(np.array([0, 1, 2]))
    True
    >>> fingerprint(np.arange(3)) == fingerprint(np.arange(3.0))
    False
    """
    always = [(name, version_of(name)) for name in ("skdistill", *_ALWAYS)]
    try:
        return _Hasher(_HASH, coerce_mmap=True).hash((always, parts))
    except Exception as error:  # whatever a foreign __reduce__ may raise
        if isinstance(error, NoFingerprintError):
            raise
        raise NoFingerprintError(f"{type(error).__name__}: {error}") from error


#: Packages whose code runs whatever the teacher is.
_ALWAYS = tuple(package.__name__ for package in (np, scipy, sklearn))


def version_of(module: str) -> str | None:
    """Version of the library that a module belongs to; None if it has none."""
    root = module.partition(".")[0]
    if root in sys.stdlib_module_names and root != "__main__":
        return f"Python {sys.version_info[0]}.{sys.version_info[1]}"
    version = getattr(sys.modules.get(root), "__version__", None)
    return None if version is None else str(version)


class _Hasher(NumpyHasher):
    """Put what would not hash well in other words, and hash these."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        #: Classes and functions met, which may speak of themselves.
        self._met: dict[Any, int] = {}
        #: How deep the objects lie that are being hashed, which may hold themselves.
        self._open: dict[int, int] = {}

    def save(self, obj):
        """Hash an object by the words for it."""
        if id(obj) in self._open:
            return super().save(("inside", self._open[id(obj)]))
        self._open[id(obj)] = len(self._open)
        try:
            return super().save(self._in_words(obj))
        finally:
            del self._open[id(obj)]

    def memoize(self, obj):
        """Take no note of an object: another of the same content must do as well."""

    def _in_words(self, obj):
        if isinstance(obj, (type, types.FunctionType)):
            return self._code_in_words(obj)
        if isinstance(obj, types.ModuleType):
            return "module", obj.__name__, version_of(obj.__name__)
        if isinstance(obj, types.CodeType):
            return _code(obj)
        if isinstance(obj, np.ndarray):
            return self._array_in_words(obj)
        if is_module(obj) or is_tensor(obj) or is_skorch_net(obj):
            from skdistill.neural import in_words

            return in_words(obj)
        if scipy.sparse.issparse(obj):
            return _sparse(obj)
        if isinstance(obj, Bunch):  # which loses some of itself when it is pickled
            return "bunch", dict(obj)
        return _frame(obj)

    def _array_in_words(self, array):
        """The entries; how they lie in memory says nothing."""
        if isinstance(array, np.ma.MaskedArray):
            return "masked", array.filled(), np.ma.getmaskarray(array)
        if array.dtype.names is not None:
            # Bytes between the fields of records are left to chance.
            return "records", [(name, array[name]) for name in array.dtype.names]
        kind = type(array).__name__.replace("memmap", "ndarray")
        if array.dtype.hasobject:
            return kind, array.shape, array.ravel().tolist()
        self._hash.update(np.ascontiguousarray(array).reshape(-1).view(np.uint8))
        return kind, array.dtype, array.shape

    def _code_in_words(self, obj):
        """A class or function: by name and version, or by its code if it has none."""
        if obj in self._met:
            return "met", self._met[obj]
        self._met[obj] = len(self._met)
        name = f"{obj.__module__}.{obj.__qualname__}"
        version = version_of(obj.__module__ or "__main__")
        if version is not None and "<locals>" not in name and "<lambda>" not in name:
            return "named", name, version
        return name, (_function(obj) if _is_function(obj) else _class(obj))


def _is_function(obj) -> bool:
    return isinstance(obj, types.FunctionType)


def _function(function) -> tuple:
    """What a function does: its code and all that this refers to."""
    code = function.__code__
    known = function.__globals__
    used = {name: known[name] for name in _names(code) if name in known}
    try:
        closure = [cell.cell_contents for cell in function.__closure__ or ()]
    except ValueError:  # a function that is still being defined
        raise NoFingerprintError(f"{function!r} has an empty closure") from None
    kept = function.__defaults__, function.__kwdefaults__, closure
    return code, kept, sorted(used.items())


def _names(code) -> set[str]:
    """Names that code refers to, and the functions inside it."""
    inner = (const for const in code.co_consts if isinstance(const, types.CodeType))
    return set(code.co_names).union(*map(_names, inner))


def _code(code) -> tuple:
    names = code.co_names, code.co_varnames, code.co_freevars
    # Constants of equal value may be of other types (1, 1.0, True).
    kinds = [type(const).__name__ for const in code.co_consts]
    counts = code.co_argcount, code.co_kwonlyargcount, code.co_flags
    return code.co_code, names, list(code.co_consts), kinds, counts


def _class(cls) -> tuple:
    """What the instances of a class do: its attributes, and its bases."""
    own = {}
    for name, value in vars(cls).items():
        if name in ("__dict__", "__weakref__", "__module__", "__doc__"):
            continue
        if isinstance(value, property):
            value = value.fget, value.fset, value.fdel
        elif isinstance(value, _WRAPPED):
            value = value.__func__
        elif isinstance(value, types.MemberDescriptorType) or name.startswith("_abc_"):
            value = None
        own[name] = value
    return sorted(own.items(), key=lambda item: item[0]), cls.__bases__


def _sparse(matrix):
    """The entries; flags of the container say what somebody has asked about them."""
    plain = matrix if matrix.format in ("csr", "csc", "bsr") else matrix.tocsr()
    parts = plain.data, plain.indices, plain.indptr
    return "sparse", type(matrix).__name__, matrix.format, matrix.shape, parts


def _frame(obj):
    """The columns of a frame, however they are held together."""
    for library in ("pandas", "polars"):
        frames = sys.modules.get(library)
        if frames is None or not isinstance(obj, frames.DataFrame):
            continue
        if library == "polars":
            columns = [(c.name, str(c.dtype), c.rechunk()) for c in obj]
            return "polars", version_of(library), columns
        columns = [
            (name, str(dtype), obj.iloc[:, k].array)
            for k, (name, dtype) in enumerate(obj.dtypes.items())
        ]
        return "pandas", version_of(library), obj.index, columns
    return obj
