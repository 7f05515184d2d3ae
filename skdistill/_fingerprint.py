"""Tell by content whether two objects are the same, in any process, on any day.

`joblib.hash` does nearly this, by way of a pickle, and there lies what it cannot do:
of a function or class a pickle holds the name; two equal objects pickle differently
where one of them holds something twice, or has counted how often it was asked; sets
come in the order of this process; and no module of torch equals its copy. Here each
object is put in words instead (what it is, and its parts) and hashed with the hashes
of its parts: arrays by their entries, frames by their columns, networks by
architecture and numbers, functions and classes of the user by their code, and all
else by what its pickle would be made of, with the version of its library.
"""

from __future__ import annotations

import copyreg
import dis
import functools
import hashlib
import importlib
import importlib.metadata
import importlib.util
import math
import pickle
import sys
import sysconfig
import types
from collections.abc import Iterable, Iterator
from contextlib import suppress
from enum import EnumMeta
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import scipy
import scipy.sparse
import sklearn
from sklearn.utils import Bunch

from skdistill._detect import is_module, is_skorch_net, is_tensor

#: Packages whose code runs whatever the teacher is.
_ALWAYS = tuple(package.__name__ for package in (np, scipy, sklearn))

#: Libraries by their version wherever they lie.
_TRUSTED = {"skdistill", "torch", "skorch", *_ALWAYS}

#: Objects that are known by how they print.
_ATOMS = (type(None), type(...), bool, int, float, complex, str, bytes)

#: Written by Python into classes, and no part of what they do.
_NOT_CODE = {
    "__abstractmethods__",
    "__annotate_func__",
    "__annotations__",
    "__dataclass_fields__",
    "__dataclass_params__",
    "__dict__",
    "__doc__",
    "__firstlineno__",
    "__module__",
    "__slotnames__",
    "__static_attributes__",
    "__weakref__",
}

#: Objects that hold one another have many ways through them: enough for a second.
_MOST_AGAIN = 100_000

#: Entries of an array that are put in order at a time.
_BLOCK = 2**15

#: Attributes of a class that Python made of others of its attributes.
_DESCRIPTORS = (
    types.GetSetDescriptorType,
    types.MemberDescriptorType,
    types.MethodDescriptorType,
    types.WrapperDescriptorType,
)


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
        40 hexadecimal digits.

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
    versions = [(name, version_of(name)) for name in ("skdistill", *_ALWAYS)]
    try:
        return _Reader().digest((versions, version_of("sys"), parts)).hex()
    except NoFingerprintError:
        raise
    except Exception as error:  # whatever a foreign __reduce__ may raise
        raise NoFingerprintError(f"{type(error).__name__}: {error}") from error


def version_of(module: str) -> str | None:
    """Version of the library that a module belongs to; None for the user's own code.

    What is installed counts as a library, and its code is that of its version. Modules
    elsewhere (a script, a notebook, a package in the works) may change without one.
    """
    root = module.partition(".")[0]
    if root == "__main__":
        return None
    loaded = sys.modules.get(root)
    if not _is_installed(root, getattr(loaded, "__file__", None)):
        return None
    if root in sys.stdlib_module_names:
        return f"Python {sys.version_info[0]}.{sys.version_info[1]}"
    version = getattr(loaded, "__version__", None)
    return None if version is None else str(version)


@functools.cache
def _is_installed(root: str, file: str | None) -> bool:
    if root in _TRUSTED or file is None:
        return True
    folders = (
        sysconfig.get_path(n) for n in ("stdlib", "platstdlib", "purelib", "platlib")
    )
    return any(Path(folder) in Path(file).parents for folder in folders if folder)


class _Reader:
    """Hash an object with the hashes of its parts."""

    def __init__(self):
        #: Hashes of what was read, by address; kept alive, for addresses are reused.
        self._known: dict[int, tuple[bytes, Any]] = {}
        #: How deep the objects lie that are being read, which may hold themselves.
        self._open: dict[int, int] = {}
        #: The outermost of these that was met again.
        self._outermost = math.inf
        #: How many objects have to be read once more if they are met again.
        self._again = 0

    def digest(self, obj) -> bytes:
        """Hash an object."""
        if type(obj) in _ATOMS:
            text = obj if type(obj) in (str, bytes) else repr(obj)
            return _hash(type(obj).__name__, text)
        if id(obj) in self._known:
            return self._known[id(obj)][0]
        depth = self._open.get(id(obj))
        if depth is not None:
            self._outermost = min(self._outermost, depth)
            return _hash("inside", str(depth))
        depth = self._open[id(obj)] = len(self._open)
        try:
            digest = self._read(obj)
        finally:
            del self._open[id(obj)]
        # The hash of what holds an object around it depends on the way there.
        if self._outermost >= depth:
            self._known[id(obj)] = digest, obj
            self._outermost = math.inf
            return digest
        self._again += 1
        if self._again > _MOST_AGAIN:
            raise NoFingerprintError(
                f"{type(obj).__name__} and its parts refer to one another in too many "
                "ways"
            )
        return digest

    def _read(self, obj) -> bytes:
        if isinstance(obj, np.ndarray) and not obj.dtype.hasobject:
            return self._array(obj)
        if type(obj) is dict:
            return _hash("dict", *map(self.digest, chain.from_iterable(obj.items())))
        if type(obj) in (set, frozenset):
            return _hash("set", *sorted(map(self.digest, obj)))
        plain = type(obj) in (tuple, list)
        words = obj if plain else _in_words(obj)
        texts = _joined(words)
        parts = map(self.digest, words) if texts is None else texts
        return _hash(type(obj).__name__ if plain else "words", *parts)

    def _array(self, array: np.ndarray) -> bytes:
        """The entries; how they lie in memory says nothing."""
        if isinstance(array, np.ma.MaskedArray):
            return self.digest(("masked", array.filled(), np.ma.getmaskarray(array)))
        if array.dtype.names is not None:
            # Bytes between the fields of records are left to chance.
            fields = [(name, array[name]) for name in array.dtype.names]
            return self.digest(("records", fields))
        if type(array) not in (np.ndarray, np.memmap):  # with attributes of its own
            own = sorted(vars(array).items()) if hasattr(array, "__dict__") else []
            return self.digest((type(array), own, np.asarray(array)))
        return _hash("array", array.dtype.str, str(array.shape), *_entries(array))


def _entries(array: np.ndarray) -> Iterator[np.ndarray]:
    """The entries as bytes, row after row; some rows at a time if they lie apart."""
    if array.ndim < 2 or array.flags.c_contiguous:
        yield np.ascontiguousarray(array).reshape(-1).view(np.uint8)
        return
    step = max(1, _BLOCK // max(1, array[:1].size))
    for start in range(0, len(array), step):
        block = np.ascontiguousarray(array[start : start + step])
        yield block.reshape(-1).view(np.uint8)


def _hash(*parts) -> bytes:
    """Hash texts, and bytes that follow on texts which tell how they belong."""
    found = hashlib.sha1(usedforsecurity=False)
    for part in parts:
        if type(part) is str:
            part = part.encode("utf-8", "surrogatepass")
            found.update(len(part).to_bytes(8, "little"))
        elif type(part) is bytes:
            found.update(len(part).to_bytes(8, "little"))
        found.update(part)
    return found.digest()


def _joined(values) -> tuple | None:
    """Many strings as two large parts, which is quicker; None if it is not many."""
    if len(values) < 100 or not all(type(value) is str for value in values):
        return None
    lengths = np.fromiter(map(len, values), np.int64, len(values))
    return "strings", lengths.view(np.uint8), "".join(values)


def _in_words(obj) -> tuple:
    """Say what an object is by its parts."""
    if isinstance(obj, type):
        return _class(obj)
    for kinds, put in _WORDS:
        if isinstance(obj, kinds):
            return put(obj)
    if is_module(obj) or is_tensor(obj) or is_skorch_net(obj):
        from skdistill.neural import in_words

        return in_words(obj)
    if scipy.sparse.issparse(obj):
        return _sparse(obj)
    for library, put in (("pandas", _pandas), ("polars", _polars)):
        if type(obj).__module__.partition(".")[0] == library:
            found = put(sys.modules[library], obj)
            if found is not None:
                return library, version_of(library), *found
    return _pickled(obj)


def _pickled(obj) -> tuple:
    """What its pickle would be made of."""
    reduce = copyreg.dispatch_table.get(type(obj))
    made = obj.__reduce_ex__(4) if reduce is None else reduce(obj)
    if isinstance(made, str):
        return _named(obj, made)
    function, arguments, state, items, pairs = (*made, None, None, None)[:5]
    if type(obj).__name__ in ("KDTree", "BallTree", "KDTree64", "BallTree64"):
        # Among its arrays a tree counts how often it was asked.
        state = [part for part in state if not isinstance(part, int)]
    if type(state) is dict:  # attributes, which have no order
        state = sorted(state.items())
    # Not `list`, for a subclass of it may be what is read.
    items, pairs = (None if part is None else [*part] for part in (items, pairs))
    return function, arguments, state, items, pairs


def _named(obj, name: str) -> tuple:
    """An object that others find by its name, if that name leads to it."""
    module = pickle.whichmodule(obj, name)  # type: ignore[attr-defined]
    found: Any = sys.modules.get(module)
    for part in name.split("."):
        found = getattr(found, part, None)
    if found is not obj:
        raise NoFingerprintError(f"{module}.{name} is not {obj!r}, which has that name")
    return "named", type(obj), module, name, version_of(module)


def _class(cls) -> tuple:
    """A class: by name and version, or by its code if it has no version."""
    module = cls.__module__ if isinstance(cls.__module__, str) else "builtins"
    name = f"{module}.{cls.__qualname__}"
    version = version_of(module)
    if version is not None and "<locals>" not in name:
        engine = "torch" if name.startswith("skdistill.neural.") else module
        return "class", name, version, version_of(engine)
    # Not its qualified name, which is another after a journey to a worker.
    name = cls.__name__
    if isinstance(cls, EnumMeta):
        own: dict[str, Any] = dict(cls.__members__)
        members = {name: each.value for name, each in own.items()}
        return "enum", name, members, _code_of_class(cls, set(cls.__members__))
    return "class", name, type(cls), _code_of_class(cls, set()), cls.__bases__


def _code_of_class(cls, leave_out: set[str]) -> list:
    """Its attributes, functions among them."""
    return sorted(
        (
            (name, None if isinstance(value, _DESCRIPTORS) else value)
            for name, value in vars(cls).items()
            if name not in _NOT_CODE | leave_out
            and not name.startswith(("_abc_", "_member_", "_value2member_", "__pyx_"))
            and type(value).__name__ != "cython_function_or_method"
        ),
        key=_first,
    )


def _first(pair: tuple) -> str:
    return pair[0]


def _function(function) -> tuple:
    """A function: by name and version, or by its code and all that this refers to."""
    module = function.__module__ or "__main__"
    name = f"{module}.{function.__qualname__}"
    version = version_of(module)
    if version is not None and "<" not in name:
        return "function", name, version
    code, known = function.__code__, function.__globals__
    names = _names(code)
    used = [(n, _used(known[n], names)) for n in sorted(names) if n in known]
    package = known.get("__package__")
    imported = [
        (name, level, part, _used(_imported(name, level, part, package), names))
        for name, level, part in sorted(_imports(code))
    ]
    try:
        closure = [cell.cell_contents for cell in function.__closure__ or ()]
    except ValueError:  # a name that is not set yet
        raise NoFingerprintError(f"{function!r} has an empty closure") from None
    own = sorted((k, v) for k, v in vars(function).items() if k != "__wrapped__")
    kept = function.__defaults__, function.__kwdefaults__, closure, own
    return "function", name, code, kept, used, imported


def _names(code) -> set[str]:
    """Names that code refers to, and the functions inside it."""
    return set(code.co_names).union(*map(_names, _inner(code)))


def _imports(code) -> set[tuple[str, int, str]]:
    """What code imports when it runs: a module, from how far up, and what of it."""
    steps = list(dis.get_instructions(code))
    own = set()
    for k, step in enumerate(steps):
        if step.opname == "IMPORT_NAME":
            # Before it lie the level and what is taken of the module.
            level, parts = steps[k - 2].argval, steps[k - 1].argval
            own |= {(step.argval, level, part) for part in parts or [""]}
    return own.union(*map(_imports, _inner(code)))


def _inner(code) -> list[types.CodeType]:
    return [const for const in code.co_consts if isinstance(const, types.CodeType)]


def _imported(name: str, level: int, part: str, package: str | None):
    """A module that code imports, or one that it takes from a package."""
    try:
        name = importlib.util.resolve_name("." * level + name, package)
        found = _loaded(name)
        if part and isinstance(found, types.ModuleType) and not hasattr(found, part):
            found = _loaded(f"{name}.{part}")
        return found
    except ImportError:
        return "no module", name
    except Exception as error:  # an import may run anything
        raise NoFingerprintError(f"import {name}: {error}") from error


def _loaded(name: str):
    """A module; a library that is not loaded yet stays so."""
    if name in sys.modules:
        return sys.modules[name]
    root = name.partition(".")[0]
    if root in sys.stdlib_module_names:
        return "module", name
    with suppress(importlib.metadata.PackageNotFoundError):
        return "module", name, importlib.metadata.version(root)
    return importlib.import_module(name)


def _used(value, names: set[str]):
    """What code of these names may see of a global: of a user's module, a part."""
    if not isinstance(value, types.ModuleType) or version_of(value.__name__):
        return value
    seen = [(name, vars(value)[name]) for name in sorted(names & set(vars(value)))]
    inner = names - {value.__name__.rpartition(".")[2]}  # packages hold one another
    return "part", value.__name__, [(name, _used(v, inner)) for name, v in seen]


def _module(module) -> tuple:
    """A module: by name and version, or by the code in it if it has no version."""
    name, version = module.__name__, version_of(module.__name__)
    kinds = (type, types.FunctionType)
    own = [
        (key, value)
        for key, value in vars(module).items()
        if version is None and isinstance(value, kinds) and value.__module__ == name
    ]
    return "module", name, version, sorted(own, key=_first)


def _code(code) -> tuple:
    names = code.co_names, code.co_varnames, code.co_freevars
    counts = code.co_argcount, code.co_kwonlyargcount, code.co_flags
    return "code", code.co_code, names, code.co_consts, counts


def _method(method) -> tuple:
    return "method", method.__func__, method.__self__


def _builtin(function) -> tuple:
    owner = function.__self__
    owner = None if isinstance(owner, types.ModuleType) else owner
    module = function.__module__ or "builtins"
    return "builtin", module, function.__qualname__, version_of(module), owner


def _objects(array) -> tuple:
    return "objects", array.shape, array.ravel().tolist()


#: Kinds of objects and the words for them, the first that fits.
_WORDS: tuple = (
    (types.FunctionType, _function),
    (types.MethodType, _method),
    (types.BuiltinFunctionType, _builtin),
    (types.ModuleType, _module),
    (types.CodeType, _code),
    (types.MappingProxyType, lambda proxy: ("mapping", dict(proxy))),
    (property, lambda p: ("property", p.fget, p.fset, p.fdel)),
    (
        (staticmethod, classmethod),
        lambda wrapped: (type(wrapped).__name__, wrapped.__func__),
    ),
    (functools.cached_property, lambda cached: ("cached", cached.func)),
    (type(functools.lru_cache(len)), lambda cached: ("cached", cached.__wrapped__)),
    (np.dtype, lambda dtype: ("dtype", dtype.str, repr(dtype))),
    (np.generic, lambda scalar: ("scalar", np.asarray(scalar))),
    (np.ndarray, _objects),
    (Bunch, lambda bunch: ("bunch", dict(bunch))),
)


def _sparse(matrix) -> tuple:
    """The entries; in which order they are stored says nothing."""
    plain = matrix.tocsc() if matrix.format == "csc" else matrix.tocsr()
    if plain is matrix:
        plain = plain.copy()
    plain.sum_duplicates()
    places = [part.astype(np.int64) for part in (plain.indices, plain.indptr)]
    kind = type(matrix).__name__, matrix.format, matrix.shape
    return "sparse", *kind, plain.data, *places


def _pandas(pandas, obj) -> Iterable | None:
    """Columns, however they are held together."""
    if isinstance(obj, pandas.DataFrame):
        columns = [obj.iloc[:, k].array for k in range(obj.shape[1])]
        return "frame", obj.index, obj.columns, columns
    if isinstance(obj, pandas.Series):
        return "series", obj.index, obj.name, obj.array
    if isinstance(obj, pandas.MultiIndex):
        return "index", list(obj.names), obj.tolist()
    if isinstance(obj, pandas.Index):
        return "index", obj.name, obj.array
    if isinstance(obj, pandas.Categorical):
        return "categories", obj.ordered, obj.categories, obj.codes
    if isinstance(obj, pandas.api.extensions.ExtensionArray):
        if hasattr(obj, "asi8"):  # times
            return "array", str(obj.dtype), obj.asi8
        dtype = getattr(obj.dtype, "numpy_dtype", None)
        if dtype is None or not hasattr(obj, "isna") or not obj.isna().any():
            return "array", str(obj.dtype), np.asarray(obj)
        missing = obj.isna()
        if isinstance(dtype, np.dtype) and dtype.kind in "biuf":
            zeros = obj.to_numpy(dtype=dtype, na_value=dtype.type(0))
            return "array", str(obj.dtype), missing, zeros
        return "array", str(obj.dtype), np.asarray(obj)
    return None


def _polars(polars, obj) -> Iterable | None:
    """Columns, however they are held together."""
    if isinstance(obj, polars.DataFrame):
        return "frame", list(obj)
    if not isinstance(obj, polars.Series):
        return None
    kind = obj.name, str(obj.dtype)
    if obj.dtype.is_numeric():
        return "series", *kind, obj.is_null().to_numpy(), obj.fill_null(0).to_numpy()
    return "series", *kind, obj.to_list()
