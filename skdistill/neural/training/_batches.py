"""The rows of K models: looked up by the model and the position of the row."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence

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
    fresh : sequence of hashable or None, default=None
        For each model where its last rows are renewed from, if they are: models of
        different sources share no table, and no memory with whoever gave them theirs.
    """

    def __init__(
        self,
        tables: Sequence,
        module: nn.Module,
        fresh: Sequence[Hashable] | None = None,
    ) -> None:
        fresh = [None] * len(tables) if fresh is None else fresh
        keys = [(id(table), key) for table, key in zip(tables, fresh, strict=True)]
        given = dict(zip(keys, tables, strict=True))
        distinct = list(given.values())
        place = {key: k for k, key in enumerate(given)}
        self._which = [place[key] for key in keys]
        self._bounds = [0]
        for table in distinct:
            self._bounds.append(self._bounds[-1] + table.shape[0])
        self._starts = torch.tensor([self._bounds[k] for k in self._which])
        self._module = module
        self._device = device_of(module)
        self._sparse = sparse.issparse(distinct[0])
        if self._sparse:
            self._table = distinct[0] if len(distinct) == 1 else sparse.vstack(distinct)
            self._table = sparse.csr_matrix(self._table)
        else:
            table = distinct[0] if len(distinct) == 1 else torch.cat(distinct)
            self._table = cast_input(table, module).to(self._device)
            if any(key is not None for key in fresh):
                self._table = _own(self._table, distinct[0])
        self.row_shape = tuple(self._table.shape[1:])

    def keep(self, models: Tensor) -> None:
        """Go on with some of the models only."""
        self._starts = self._starts[models]
        self._which = [self._which[k] for k in models.tolist()]

    def first_of_each(self, models: Iterable[int]) -> list[int]:
        """Of some models, one for each table that they have."""
        return list({self._which[k]: k for k in models}.values())

    def replace_last(self, model: int, rows) -> None:
        """Put other rows in the place of the last ones of a model's table.

        Parameters
        ----------
        model : int
            Position of the model.
        rows : Tensor of shape (n_rows, ...) or scipy.sparse.csr_matrix
            Of the kind of the tables.
        """
        stop = self._bounds[self._which[model] + 1]
        start = stop - rows.shape[0]
        if self._sparse:
            parts = (self._table[:start], rows, self._table[stop:])
            self._table = sparse.csr_matrix(sparse.vstack(parts))
        else:
            self._table[start:stop] = cast_input(rows, self._module)

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


def _own(table: Tensor, given: Tensor) -> Tensor:
    """The table, copied if it lies in the memory that was given."""
    return table.clone() if table.data_ptr() == given.data_ptr() else table
