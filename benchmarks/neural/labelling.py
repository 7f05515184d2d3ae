"""Twelve modules as a teacher say their logits of rows.

Claim: as the teacher of a distiller they take at most 1.05 of the time of a plain loop
over the modules without gradients, the whole table at once. Both answers are compared.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from benchmarks.neural import _system_a as system_a
from benchmarks.neural._comparison import Comparison, compare
from benchmarks.speed._measure import say
from skdistill._rows import TrainingRows
from skdistill.teachers import hire

#: The article's training rows; and many.
SIZES = {4_000: 5, 100_000: 1}


def measure(rounds: int) -> list[Comparison]:
    torch.manual_seed(0)
    nets = [system_a.make_teacher().eval() for _ in range(system_a.N_TEACHERS)]
    return [_compare(nets, n_rows, rounds, calls) for n_rows, calls in SIZES.items()]


def _compare(nets: list[nn.Module], n_rows: int, rounds: int, calls: int):
    say(f"modules label {n_rows:,} rows")
    X = np.random.default_rng(0).standard_normal((n_rows, 20)).astype(np.float32)
    codes = np.arange(n_rows) % 2
    rows = TrainingRows(X, codes, codes, np.array([0, 1]), None)

    def ours():
        teacher = hire(nets, rows, weights=None)
        return teacher.evaluate(X, None, rows.classes).values

    def plain():
        with torch.no_grad():
            total = sum(net(torch.from_numpy(X)) for net in nets)
        return total.numpy() / len(nets)

    if not np.allclose(ours(), plain(), atol=1e-5):
        raise AssertionError("The teacher answers something else than its modules.")
    return compare(
        f"list of twelve modules labels {n_rows:,} rows",
        ours,
        plain,
        named="plain loop over modules",
        goal=1 / 1.05,
        rounds=rounds,
        calls=calls,
    )
