"""Torch modules as functions of arrays: their input's dtype, and their logits."""

from __future__ import annotations

from collections.abc import Callable
from itertools import chain

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse
from torch import Tensor, nn

from skdistill.neural._sharing import sharing_copy


def floating_dtype(module: nn.Module) -> torch.dtype | None:
    """Find the dtype of a module's first floating parameter or buffer, or None."""
    for tensor in chain(module.parameters(), module.buffers()):
        if tensor.is_floating_point():
            return tensor.dtype
    return None


def cast_floats(value, dtype: torch.dtype):
    """Cast the floating tensors in a tensor, list, tuple or dict; keep all else."""
    if isinstance(value, Tensor):
        return value.to(dtype) if value.is_floating_point() else value
    if isinstance(value, dict):
        return {key: cast_floats(entry, dtype) for key, entry in value.items()}
    if type(value) in (list, tuple):
        return type(value)(cast_floats(entry, dtype) for entry in value)
    return value


def cast_input(value, module: nn.Module):
    """Bring a module's input to the dtype that the module computes in.

    Parameters
    ----------
    value : Tensor, or list, tuple or dict of tensors
        A batch. Floating tensors are cast wherever they are. A batch that is one
        integer tensor is cast too, for tables of whole numbers are common and a
        linear layer refuses them; but not where the module embeds (it needs integers).
    module : torch.nn.Module
        One without floating parameters or buffers leaves the value as it is.

    Returns
    -------
    Same kind as `value`
    """
    dtype = floating_dtype(module)
    if dtype is None:
        return value
    if isinstance(value, Tensor) and not value.is_complex() and not _embeds(module):
        return value.to(dtype)
    return cast_floats(value, dtype)


def _embeds(module: nn.Module) -> bool:
    layers = (nn.Embedding, nn.EmbeddingBag)
    return any(isinstance(part, layers) for part in module.modules())


def two_columns(logits: Tensor) -> Tensor:
    """Make (0, z) of a single logit z, the log-odds of the second class.

    Parameters
    ----------
    logits : Tensor of shape (n,), (n, 1) or any other
        Other shapes are returned as they are.

    Returns
    -------
    Tensor of shape (n, 2)
    """
    if not is_single_logit(logits):
        return logits
    second = logits.reshape(-1)
    return torch.stack([torch.zeros_like(second), second], dim=1)


def is_single_logit(output: Tensor) -> bool:
    """Whether a module's output is one number for each row."""
    return output.ndim == 1 or (output.ndim == 2 and output.shape[1] == 1)


def module_logits(module: nn.Module, X, batch_size: int = 4096) -> NDArray[np.float64]:
    """Compute the logits that a torch module gives for rows, in evaluation mode.

    Parameters
    ----------
    module : torch.nn.Module
        Takes a batch, gives one logit per class and row. A copy that shares its
        tensors is asked, on its device: nothing of it changes, not even for a moment.
    X : array-like of shape (n_rows, ...)
        Array of any number of dimensions, DataFrame, scipy sparse matrix (made dense
        batch by batch) or tensor. It is cast to the dtype of the module's first
        floating parameter (float64 if there is none); integers are not where the
        module has an embedding.
    batch_size : int, default=4096
        Rows per batch.

    Returns
    -------
    ndarray of shape (n_rows, n_classes), float64
        A single logit z per row, shape (n_rows,) or (n_rows, 1), is the log-odds of
        the second class and becomes the two columns (0, z).

    Raises
    ------
    ValueError
        If the module gives no tensor, or one that is not one row of logits per row.

    Examples
    --------
    >>> import torch
    >>> from skdistill.neural import module_logits
    >>> module_logits(torch.nn.Flatten(), [[0.0, 2.0]])
    array([[0., 2.]])
    """
    return logits_of(sharing_copy(module), X, batch_size)


def logits_of(module: nn.Module, X, batch_size: int = 4096) -> NDArray[np.float64]:
    """Compute as `module_logits` does, by a `sharing_copy` that one has already."""
    n_rows, rows_between = _reader(X)
    parts = []
    # Not `inference_mode`: what a module keeps of that cannot be trained with.
    with torch.no_grad():
        for start in range(0, max(n_rows, 1), batch_size):
            batch = rows_between(start, min(start + batch_size, n_rows))
            logits = _checked(_output(module, batch), len(batch), module)
            parts.append(logits.to("cpu", torch.float64).numpy())
    return np.concatenate(parts)


def device_of(module: nn.Module) -> torch.device:
    """Find the device of a module's first parameter, else buffer, else the CPU."""
    first = next(chain(module.parameters(), module.buffers()), None)
    return torch.device("cpu") if first is None else first.device


def _output(module: nn.Module, batch: Tensor):
    batch = batch.to(device_of(module))
    if floating_dtype(module) is None and not batch.is_complex():
        batch = batch.to(torch.float64)
    return module(cast_input(batch, module))


def _reader(X) -> tuple[int, Callable[[int, int], Tensor]]:
    """Find the number of rows, and what gives the rows between two positions."""
    if isinstance(X, Tensor):
        return len(X), lambda start, stop: X[start:stop]
    if sparse.issparse(X):
        # Only compressed rows can be sliced; csr_matrix stays 2-D when it is.
        rows = sparse.csr_matrix(X)
        return rows.shape[0], lambda start, stop: to_tensor(rows[start:stop].toarray())
    array = to_array(X)
    return len(array), lambda start, stop: to_tensor(array[start:stop])


def to_array(X) -> NDArray:
    """Make an array of a DataFrame or array-like; of objects, one of floats."""
    array = X.to_numpy() if hasattr(X, "to_numpy") else np.asarray(X)
    return array.astype(np.float64) if array.dtype == object else array


def skorch_input(X):
    """Make X what skorch reads by rows: it turns frames into dicts of columns.

    Lists are arrays of several inputs to it; those of anything else are rows here.
    """
    if sparse.issparse(X):
        return sparse.csr_matrix(X)
    if hasattr(X, "to_numpy") or _lists_rows(X):
        X = to_array(X)
    if isinstance(X, np.ndarray) and not X.flags.writeable:
        # torch warns of read-only memory, row by row.
        return X.copy()
    return X


def _lists_rows(X) -> bool:
    return type(X) in (list, tuple) and all(type(row) in (list, tuple) for row in X)


def to_tensor(array: NDArray) -> Tensor:
    """Copy an array into a tensor.

    A copy, for torch warns about read-only memory (joblib's maps) and refuses foreign
    byte order and negative strides.
    """
    native = array.dtype.newbyteorder("=")
    return torch.from_numpy(np.array(array, dtype=native, order="C"))


def as_tensor(array: NDArray) -> Tensor:
    """See an array as a tensor, to be read only; copy it where torch could not."""
    native = array.dtype.isnative and array.flags.writeable
    if native and all(stride >= 0 for stride in array.strides):
        return torch.from_numpy(array)
    return to_tensor(array)


def _checked(output, n_rows: int, module: nn.Module) -> Tensor:
    name = type(module).__name__
    if not isinstance(output, Tensor):
        raise ValueError(
            f"{name} gives {type(output).__name__} where a tensor of logits of shape "
            "(n_rows, n_classes) is needed. Wrap it in a module whose forward returns "
            "the logits alone."
        )
    logits = two_columns(output)
    if logits.ndim != 2 or len(logits) != n_rows:
        raise ValueError(
            f"{name} gives shape {tuple(output.shape)} for {n_rows} rows where logits "
            "of shape (n_rows, n_classes), (n_rows, 1) or (n_rows,) are needed. Wrap "
            "it in a module that brings them to this shape."
        )
    return logits
