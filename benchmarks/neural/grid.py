"""125 students of one search: five temperatures × five alphas × five folds.

Claim: `fit_together` is 30 times as fast as the same fits by skorch, one after another,
with a criterion written by hand. Of those every 25th is timed (five of five different
temperatures, alphas and folds) and multiplied by 25; their losses are compared with
those of the same settings here. Seed 0.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import numpy as np
from sklearn.model_selection import StratifiedKFold

from benchmarks.neural import _system_a as system_a
from benchmarks.neural._comparison import Comparison, check_same_losses, compare
from benchmarks.neural.student import make
from benchmarks.speed._measure import say
from skdistill.neural import fit_together

TEMPERATURES = [1.0, 2.0, 3.0, 5.0, 8.0]
ALPHAS = [0.1, 0.3, 0.5, 0.7, 0.9]
#: One of each temperature, alpha and fold.
TIMED = [0 * 25 + 0 * 5 + 0, 25 + 5 + 1, 50 + 10 + 2, 75 + 15 + 3, 100 + 20 + 4]
MOST_ROUNDS = 3


def measure(rounds: int) -> list[Comparison]:
    say("125 students")
    data = system_a.load_data()
    logits = system_a.random_logits(data.X, data.y)
    folds = StratifiedKFold(5, shuffle=True, random_state=0).split(data.X, data.y)
    rows = [train for train, _ in folds]
    cells = list(product(TEMPERATURES, ALPHAS, range(5)))
    lessons = [
        system_a.lesson(logits[rows[fold]], data.y[rows[fold]], alpha, temperature)
        for temperature, alpha, fold in cells
    ]
    losses: dict[str, list] = {}

    def ours():
        students = [make(0, module=system_a.make_student) for _ in cells]
        own = [rows[fold] for _, _, fold in cells]
        fit_together(students, data.X, lessons, rows=own)
        last = [student.history_[0]["train_loss"][-1] for student in students]
        losses["ours"] = np.take(last, TIMED).tolist()

    def skorch():
        losses["skorch"] = []
        for temperature, alpha, fold in (cells[k] for k in TIMED):
            net = system_a.skorch_student(
                0,
                data.X[rows[fold]],
                data.y[rows[fold]],
                logits[rows[fold]],
                alpha,
                temperature,
            )
            losses["skorch"].append(net.history[-1, "train_loss"])

    result = compare(
        "125 students (5 T, 5 alpha, 5 folds)",
        ours,
        skorch,
        named="skorch, 5 timed, times 25",
        goal=30.0,
        rounds=min(rounds, MOST_ROUNDS),
        peer_times=len(cells) / len(TIMED),
    )
    note = check_same_losses(losses["ours"], losses["skorch"])
    return [replace(result, note=note)]
