"""Distilling a forest into a logistic regression costs at most 1.5 × its own fit.

Beyond the one pass of the teacher, a fitted RandomForestClassifier of 100 trees. Both
run until they converge on scaled features; the note has the iterations of each, for a
softer target may take fewer of them. Peer: the same model fitted on the labels. Seed 0.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from sklearn.linear_model import LogisticRegression

from benchmarks.speed._measure import Figure
from benchmarks.speed._overhead import overhead

GOAL = 1.5
MAX_ITER = 10_000


def measure(data: Path | None, rounds: int) -> list[Figure]:
    figures = []
    for name in ("letter", "magic"):
        figure, plain, distilled = overhead(
            LogisticRegression(max_iter=MAX_ITER),
            name,
            GOAL,
            data=data,
            rounds=rounds,
            scaled=True,
        )
        steps = f"iterations {distilled.n_iter_[0]} / {plain.n_iter_[0]}"
        if max(distilled.n_iter_[0], plain.n_iter_[0]) >= MAX_ITER:
            steps += ": NOT CONVERGED"
        figures.append(replace(figure, note=f"{steps}; {figure.note}"))
    return figures
