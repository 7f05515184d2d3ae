"""An ensemble of twelve answers 100 and 100,000 rows.

Claim: `predict_proba` is 1.5 times as fast as the twelve modules one after the other
(without gradients), the whole table at once or in batches of 4,096, whichever of the
two is faster. Both answers are compared. Of many rows the cost is arithmetic, 112
billion operations here; what remains to win is only what the modules waste.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from benchmarks.neural import _system_a as system_a
from benchmarks.neural._comparison import Comparison, in_turn
from benchmarks.speed._measure import say
from skdistill.neural import NeuralClassifier

#: Rows -> calls that make one measurement.
SIZES = {100: 100, 100_000: 1}
BATCH_SIZE = 4096


def measure(rounds: int) -> list[Comparison]:
    data = system_a.load_data()
    model = NeuralClassifier(
        system_a.make_teacher,
        n_members=system_a.N_TEACHERS,
        max_epochs=1,
        random_state=0,
    ).fit(data.X, data.y)
    return [_compare(model, n_rows, rounds, calls) for n_rows, calls in SIZES.items()]


def _compare(model, n_rows: int, rounds: int, calls: int) -> Comparison:
    say(f"an ensemble answers {n_rows:,} rows")
    rows = np.random.default_rng(0).standard_normal((n_rows, 20)).astype(np.float32)
    nets = model.modules_
    batches = {"whole table": n_rows}
    if n_rows > BATCH_SIZE:
        batches[f"batches of {BATCH_SIZE:,}"] = BATCH_SIZE
    for size in batches.values():
        answer = predict_in_turn(nets, rows, size)
        if not np.allclose(answer, model.predict_proba(rows), atol=1e-5):
            raise AssertionError("The ensemble answers something else than its parts.")
    in_batches = [
        lambda size=size: predict_in_turn(nets, rows, size) for size in batches.values()
    ]
    seconds = in_turn([lambda: model.predict_proba(rows), *in_batches], rounds, calls)
    medians = dict(zip(batches, np.median(seconds[:, 1:, 0], axis=0), strict=True))
    best = min(medians, key=medians.__getitem__)
    return Comparison(
        f"ensemble of twelve, {n_rows:,} rows",
        f"modules in turn, {best}",
        seconds[:, [0, 1 + list(batches).index(best)]],
        goal=1.5,
        note="; ".join(f"{name} {time:.4f} s" for name, time in medians.items()),
    )


@torch.no_grad()
def predict_in_turn(nets: list[nn.Module], rows, batch_size: int) -> np.ndarray:
    X = torch.from_numpy(rows)
    means = [
        torch.stack([net(part) for net in nets]).mean(dim=0)
        for part in X.split(batch_size)
    ]
    return torch.softmax(torch.cat(means), dim=1).numpy()
