"""What is left to chance when a model is trained: orders of rows, dropped units."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

#: Dropout compares 16 random bits with its rate: rates are multiples of 2 ** -16.
_BITS = 16
_WORD_BITS = 64


class Draws:
    """The random numbers of one model, the same wherever it is trained.

    Alone or among others, on a CPU or an accelerator: generators of its own on the CPU
    give them, and nothing that another model draws comes between.

    Parameters
    ----------
    seed : int
        Non-negative.
    """

    def __init__(self, seed: int) -> None:
        self._orders = torch.Generator().manual_seed(2 * seed)
        self._units = np.random.SFC64(seed)

    def order(self, n_rows: int) -> Tensor:
        """Draw an order of rows: a permutation, shape (n_rows,), int64."""
        return torch.randperm(n_rows, generator=self._orders)

    def bits(self, n: int) -> Tensor:
        """Draw n integers, even over all of int16.

        Four of them are cut of one 64-bit word, which is an order of magnitude faster
        than drawing them one by one; and NumPy makes words faster than torch.
        """
        words = self._units.random_raw(-(-n * _BITS // _WORD_BITS))
        return torch.from_numpy(words.view(np.int16))[:n]

    def key(self) -> Tensor:
        """Draw one number below 2 ** 31, shape (), int64."""
        return torch.tensor(self._units.random_raw() >> 33)


def bits_below(rate: float) -> int:
    """The int16 below which a share of `rate` of all int16 lies."""
    return round(rate * 2**_BITS) - 2 ** (_BITS - 1)
