"""A report takes less than three times the predictions that it needs.

`distillation_report` on 100,000 rows (those of magic, repeated with a little noise),
its 1,000 resamples included, against `predict_proba` of the teacher, a forest of 100
trees, of the student and of the student alone on the same rows. Without `latency`,
which asks everybody again, and with it. Seed 0.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from sklearn.base import clone
from sklearn.ensemble import RandomForestClassifier
from sklearn.tree import DecisionTreeClassifier

from benchmarks.speed._measure import Figure, alternate, say
from benchmarks.speed._overhead import training_rows
from skdistill import DistillationClassifier, distillation_report

N_ROWS = 100_000
GOAL = 3.0


def measure(data: Path | None, rounds: int) -> list[Figure]:
    X, y = training_rows("magic", data, scaled=True)
    rng = np.random.default_rng(0)
    picked = rng.integers(len(y), size=N_ROWS)
    rows = X[picked] + rng.normal(0, 0.01, (N_ROWS, X.shape[1]))
    labels = y[picked]
    forest = RandomForestClassifier(100, random_state=0).fit(X, y)
    tree = DecisionTreeClassifier(max_leaf_nodes=64, random_state=0)
    model = DistillationClassifier(forest, tree).fit(X, y)
    alone = clone(tree).fit(X, y)

    def predictions():
        for each in (forest, model, alone):
            each.predict_proba(rows)

    def report(latency):
        return distillation_report(model, rows, labels, baseline=alone, latency=latency)

    say(f"report, {N_ROWS:,} rows")
    seconds = alternate(
        [predictions, lambda: report(False), lambda: report(True)], min(rounds, 5)
    )
    bare, quick, whole = seconds.T
    return [
        Figure(
            f"report / predictions, {N_ROWS:,} rows{what}",
            ours / bare,
            GOAL,
            f"{np.median(ours):.2f} s / {np.median(bare):.2f} s",
        )
        for what, ours in ((", without latency", quick), ("", whole))
    ]
