"""What the named layers of a module put out, on the way to its logits."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from difflib import get_close_matches

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from skdistill.neural._modules import _output, _reader
from skdistill.neural._sharing import sharing_copy

#: Names of layers that an error message lists.
_MOST_LISTED = 20


@contextmanager
def capture(module: nn.Module, names: Iterable[str]) -> Iterator[dict[str, Tensor]]:
    """Record what named layers put out whenever the module is called.

    Parameters
    ----------
    module : torch.nn.Module
        It has hooks within the context, and none of them afterwards, whatever happens.
    names : iterable of str
        Names out of `module.named_modules()`; "" is the module itself.

    Yields
    ------
    dict of {str: Tensor}
        After each call of the module, the output of each layer: with its gradient, a
        copy, for layers that follow may write over it.

    Raises
    ------
    ValueError
        If there is no layer of that name. When the module is called: if a layer puts
        out something other than one tensor, is called more than once, or not at all.

    Examples
    --------
    >>> import torch
    >>> from skdistill.neural.matching._layers_by_name import capture
    >>> module = torch.nn.Sequential(torch.nn.ReLU(), torch.nn.Flatten())
    >>> with capture(module, ["0"]) as outputs:
    ...     logits = module(torch.tensor([[-1.0, 2.0]]))
    >>> outputs["0"]
    tensor([[0., 2.]])
    """
    names = list(dict.fromkeys(names))
    layers = [_layer(module, name) for name in names]
    recorder = _Recorder(names)
    handles = [module.register_forward_pre_hook(recorder.begin)]
    try:
        for name, layer in zip(names, layers, strict=True):
            handles.append(layer.register_forward_hook(recorder.hook(name)))
        handles.append(module.register_forward_hook(recorder.end))
        yield recorder.outputs
    finally:
        for handle in handles:
            handle.remove()


def layer_outputs(
    module: nn.Module, X, name: str, batch_size: int = 4096
) -> NDArray[np.float32]:
    """Compute what a layer puts out for rows, in evaluation mode.

    Parameters
    ----------
    module : torch.nn.Module
        Nothing of it changes, as with `module_logits`.
    X : array-like of shape (n_rows, ...)
        As `module_logits` takes it.
    name : str
        Name of the layer, out of `module.named_modules()`; "" is the module itself.
    batch_size : int, default=4096
        Rows per batch.

    Returns
    -------
    ndarray of shape (n_rows, ...), float32

    Raises
    ------
    ValueError
        As `capture` does; or if the layer does not put out one entry per row.

    Examples
    --------
    >>> import torch
    >>> from skdistill.neural.matching._layers_by_name import layer_outputs
    >>> module = torch.nn.Sequential(torch.nn.ReLU(), torch.nn.Flatten())
    >>> layer_outputs(module, [[-1.0, 2.0]], "0")
    array([[0., 2.]], dtype=float32)
    """
    n_rows, rows_between = _reader(X)
    parts = []
    module = sharing_copy(module)
    # Not `inference_mode`: what a module keeps of that cannot be trained with.
    with torch.no_grad(), capture(module, [name]) as outputs:
        for start in range(0, max(n_rows, 1), batch_size):
            batch = rows_between(start, min(start + batch_size, n_rows))
            _output(module, batch)
            part = outputs[name]
            if part.ndim == 0 or len(part) != len(batch):
                raise ValueError(
                    f"The layer {name!r} puts out shape {tuple(part.shape)} for "
                    f"{len(batch)} rows; name a layer that puts out one entry per row."
                )
            parts.append(part.to("cpu", torch.float32).numpy())
    return np.concatenate(parts)


class _Recorder:
    """Keeps what the hooks of one `capture` are called with.

    Parameters
    ----------
    names : list of str
        The layers that a call of the module must meet.
    """

    def __init__(self, names: list[str]) -> None:
        self.names = names
        self.outputs: dict[str, Tensor] = {}
        self._running = False

    def begin(self, module, inputs) -> None:
        """Forget the call before."""
        self.outputs.clear()
        self._running = True

    def hook(self, name: str):
        """Make a hook that keeps the output of one layer."""

        def keep(layer, inputs, output) -> None:
            # Checkpointing calls layers anew, later on: for gradients, not for us.
            if not self._running:
                return
            if not isinstance(output, Tensor):
                raise ValueError(
                    f"The layer {name!r} puts out {type(output).__name__}, where one "
                    "tensor is needed. Name a layer inside or after it, or wrap it in "
                    "a module that returns the tensor alone."
                )
            if name in self.outputs:
                raise ValueError(
                    f"The layer {name!r} is called more than once on the way to the "
                    "logits, so it is not clear which output is meant. Name a layer "
                    "that is called once, such as the one before it."
                )
            self.outputs[name] = output.clone()

        return keep

    def end(self, module, inputs, output) -> None:
        """Check that all layers were met."""
        self._running = False
        missed = [name for name in self.names if name not in self.outputs]
        if missed:
            raise ValueError(
                f"The layers {missed} of {type(module).__name__} take no part in its "
                "forward pass (a container such as ModuleList is never called itself). "
                "Name layers that are called."
            )


def _layer(module: nn.Module, name: str) -> nn.Module:
    layers = dict(module.named_modules(remove_duplicate=False))
    if name not in layers:
        known = [known for known in layers if known]
        close = get_close_matches(name, known, n=5)
        listed = close + [known for known in known if known not in close]
        more = ", ..." if len(listed) > _MOST_LISTED else ""
        raise ValueError(
            f"{type(module).__name__} has no layer named {name!r}; give one of "
            f"{', '.join(map(repr, listed[:_MOST_LISTED]))}{more} (from "
            "module.named_modules(), or '' for the module itself)."
        )
    return layers[name]
