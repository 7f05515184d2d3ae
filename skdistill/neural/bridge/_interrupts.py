"""Ctrl-C while a net trains: skorch ends the training and calls the net fitted."""

from __future__ import annotations

import dis
from types import TracebackType

#: Interrupts on their way past skorch, by the id of the net they stopped.
_STOPPED: dict[int, KeyboardInterrupt] = {}


class RaisesInterrupts:
    """The mixin: an interrupt that skorch swallows comes out of `partial_fit`.

    Not one that a callback raises: such is skorch's way to end the training early.
    """

    def fit_loop(self, X, y=None, epochs=None, **fit_params):
        """Train; remember by what it was interrupted."""
        try:
            return super().fit_loop(X, y, epochs=epochs, **fit_params)
        except KeyboardInterrupt as interrupt:
            if not _by_callback(interrupt.__traceback__):
                _STOPPED[id(self)] = interrupt
            raise

    # With the arguments of skorch's: scikit-learn reads off them what can be routed.
    def partial_fit(self, X, y=None, classes=None, **fit_params):
        """Train, and raise what interrupted it."""
        _STOPPED.pop(id(self), None)
        try:
            fitted = super().partial_fit(X, y, classes=classes, **fit_params)
        finally:
            interrupt = _STOPPED.pop(id(self), None)
        if interrupt is not None:
            raise interrupt
        return fitted


def _by_callback(traceback: TracebackType | None) -> bool:
    """Whether a `raise` statement in a method of a callback is where it began.

    A key pressed while a callback computes ends in the callback as well, but at some
    other instruction.
    """
    if traceback is None:
        return False
    while traceback.tb_next is not None:
        traceback = traceback.tb_next
    from skorch.callbacks import Callback

    frame = traceback.tb_frame
    if not isinstance(frame.f_locals.get("self"), Callback):
        return False
    instruction = frame.f_code.co_code[traceback.tb_lasti]
    return instruction == dis.opmap["RAISE_VARARGS"]
