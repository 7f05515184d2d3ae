"""The rows of K models: looked up by the model and the position of the row."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from scipy import sparse
from torch import Tensor, nn

from skdistill.neural._modules import cast_input, device_of, to_tensor


class Inputs:
    """The inputs of K models, some or all of them the same.

    Parameters
    ----------
    tables : sequence of Tensor of shape (n_rows, ...) or scipy.sparse.csr_matrix
        One for each model. Models may share one, which is then kept once. Of sparse
        ones, the rows of a batch are made dense.
    module : torch.nn.Module
        Decides on the device and on the dtype (integers stay where it embeds).
    """

    def __init__(self, tables: Sequence, module: nn.Module) -> None:
        distinct = list({id(table): table for table in tables}.values())
        place = {id(table): k for k, table in enumerate(distinct)}
        starts = [0]
        for table in distinct:
            starts.append(starts[-1] + table.shape[0])
        self._starts = torch.tensor([starts[place[id(table)]] for table in tables])
        self._module = module
        self._device = device_of(module)
        self._sparse = sparse.issparse(distinct[0])
        if self._sparse:
            self._table = distinct[0] if len(distinct) == 1 else sparse.vstack(distinct)
            self._table = sparse.csr_matrix(self._table)
        else:
            table = distinct[0] if len(distinct) == 1 else torch.cat(distinct)
            self._table = cast_input(table, module).to(self._device)
        self.row_shape = tuple(self._table.shape[1:])

    def keep(self, models: Tensor) -> None:
        """Go on with some of the models only."""
        self._starts = self._starts[models]

    def take(self, rows: Tensor) -> Tensor:
        """Get rows, (K, n_rows) positions, as a tensor (K, n_rows, ...)."""
        places = rows + self._starts[:, None]
        flat = places.reshape(-1)
        if self._sparse:
            dense = to_tensor(self._table[flat.numpy()].toarray())
            taken = cast_input(dense, self._module).to(self._device)
        else:
            taken = self._table.index_select(0, flat.to(self._device))
        return taken.view(*places.shape, *self.row_shape)
