"""Give an object other methods for a while, and nobody notices afterwards."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


class InDisguise:
    """Base of mixins for :func:`disguised`: copies are of the original class.

    What is pickled or deep-copied meanwhile (a checkpoint) is the undisguised object,
    loadable without this package.
    """

    _original: type

    def __reduce_ex__(self, protocol):
        """Reduce as an object of the original class."""
        disguise = type(self)
        object.__setattr__(self, "__class__", self._original)
        try:
            # From protocol 2 on, pickle insists on the class that the object has.
            return self.__reduce_ex__(min(protocol, 1))
        finally:
            object.__setattr__(self, "__class__", disguise)


@contextmanager
def disguised(obj, mixin: type[InDisguise], **attributes) -> Iterator[None]:
    """Let the methods of a mixin come before those of an object's own class.

    Only the class changes: no attribute is set on the object, so its parameters, its
    state and what is pickled of it stay as they are.

    Parameters
    ----------
    obj : object
        An instance of an ordinary Python class.
    mixin : subclass of InDisguise
        Its methods reach the object's own through ``super()``.
    **attributes
        Class attributes that the mixin needs.
    """
    original = type(obj)
    names = {"_original": original, "__module__": original.__module__, **attributes}
    disguise = type(original.__name__, (mixin, original), names)
    # Past the `__setattr__` of nets and modules, which keep books of attributes.
    object.__setattr__(obj, "__class__", disguise)
    try:
        yield
    finally:
        object.__setattr__(obj, "__class__", original)
