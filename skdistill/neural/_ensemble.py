"""The mean answer of trained modules."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from skdistill.neural._modules import (
    as_tensor,
    cast_input,
    device_of,
    to_tensor,
    two_columns,
)
from skdistill.neural._sharing import sharing_copy
from skdistill.neural.training import ChainStack, chain_of, rows_at_once

#: Rows that are put to a module at once; for a stack, of all models together: what one
#: layer gives for more of them no longer fits the caches.
_ROWS_AT_ONCE, _ROWS_OF_STACK = 4096, 1024

#: Fewer rows are filled up to so many: matrix products sum up the last few rows of a
#: batch in another order, so that an answer would depend on who else is asked.
_LEAST_ROWS = 8


class Ensemble:
    """Modules of one architecture, asked together where that is possible.

    Parameters
    ----------
    modules : sequence of torch.nn.Module
        Trained, in evaluation mode; not changed.
    row_shape : tuple of int
        Shape of a row.
    """

    def __init__(self, modules: Sequence[nn.Module], row_shape: tuple) -> None:
        # Copies in peace: whoever has the modules may switch their modes.
        self.modules = [sharing_copy(module) for module in modules]
        layers = chain_of(modules[0], row_shape) if len(modules) > 1 else None
        self._stack = None if layers is None else ChainStack(modules, layers)

    def mean_logits(self, X) -> NDArray[np.float64]:
        """Compute the mean of the members' logits.

        Parameters
        ----------
        X : ndarray or scipy.sparse.csr_matrix of shape (n_rows, ...)
            Rows, as the modules take them.

        Returns
        -------
        ndarray of shape (n_rows, n_classes), float64
        """
        at_once = rows_at_once(X.shape[1:], _ROWS_AT_ONCE)
        if self._stack is not None:
            at_once = max(1, _ROWS_OF_STACK // len(self.modules))
        parts = []
        for start in range(0, max(X.shape[0], 1), at_once):
            rows = X[start : start + at_once]
            rows = rows if isinstance(rows, np.ndarray) else rows.toarray()
            # A module may write over its input; a chain of ours does not.
            rows = to_tensor(rows) if self._stack is None else as_tensor(rows)
            rows = cast_input(rows, self.modules[0]).to(device_of(self.modules[0]))
            with torch.no_grad():
                answers = self._mean(_filled(rows))[: len(rows)]
            parts.append(answers.to("cpu", torch.float64))
        return torch.cat(parts).numpy()

    def _mean(self, rows: Tensor) -> Tensor:
        if self._stack is not None:
            every = rows.expand(len(self.modules), *rows.shape)
            return self._stack.forward(every).mean(dim=0)
        total = two_columns(self.modules[0](rows))
        for module in self.modules[1:]:
            total = total + two_columns(module(rows))
        return total / len(self.modules)


def _filled(rows: Tensor) -> Tensor:
    missing = _LEAST_ROWS - len(rows)
    if missing <= 0 or not len(rows):
        return rows
    return torch.cat([rows, rows[:1].expand(missing, *rows.shape[1:])])
