"""What is left to chance when a model is trained: orders of rows, dropped units."""

from __future__ import annotations

import torch
from torch import Tensor

#: Dropout compares 16 random bits with its rate: rates are multiples of 2 ** -16.
_BITS = 16
_WORD_BITS = 64


class Draws:
    """The random numbers of one model, the same wherever it is trained.

    Alone or among others, on a CPU or an accelerator: a generator of its own on the CPU
    gives them, and nothing that another model draws comes between.

    Parameters
    ----------
    seed : int
        Non-negative.
    """

    def __init__(self, seed: int) -> None:
        self._orders = torch.Generator().manual_seed(2 * seed)
        self._units = torch.Generator().manual_seed(2 * seed + 1)

    def order(self, n_rows: int) -> Tensor:
        """Draw an order of rows: a permutation, shape (n_rows,), int64."""
        return torch.randperm(n_rows, generator=self._orders)

    def bits(self, n: int) -> Tensor:
        """Draw n integers, even over all of int16.

        Four of them are cut of one 64-bit word, which is an order of magnitude faster
        than drawing them one by one.
        """
        per_word = _WORD_BITS // _BITS
        words = torch.empty(-(-n // per_word), dtype=torch.int64)
        words.random_(-(2 ** (_WORD_BITS - 1)), None, generator=self._units)
        return words.view(torch.int16)[:n]

    def key(self) -> Tensor:
        """Draw one number below 2 ** 31, shape (), int64."""
        return torch.randint(2**31, (), generator=self._units)


def bits_below(rate: float) -> int:
    """The int16 below which a share of `rate` of all int16 lies."""
    return round(rate * 2**_BITS) - 2 ** (_BITS - 1)
