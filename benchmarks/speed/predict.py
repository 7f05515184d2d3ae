"""predict_proba costs what the bare student's costs.

One row: at most 1.2 ×; 100,000 rows (a set's rows, repeated): at most 1.05 ×. Peer: the
`student_` inside the same fitted distiller. Seed 0.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.tree import DecisionTreeClassifier

from benchmarks.speed._measure import Figure, alternate, say
from benchmarks.speed._overhead import training_rows
from skdistill import DistillationClassifier

#: Rows -> goal, calls that make one measurement.
SIZES = {1: (1.2, 300), 100_000: (1.05, 3)}


def measure(data: Path | None, rounds: int) -> list[Figure]:
    figures = []
    for name in ("letter", "magic"):
        X, y = training_rows(name, data, scaled=True)
        teacher = RandomForestClassifier(20, random_state=0).fit(X, y)
        for student in (
            DecisionTreeClassifier(max_leaf_nodes=256, random_state=0),
            LogisticRegression(max_iter=1_000),
        ):
            model = DistillationClassifier(teacher, student).fit(X, y)
            for n_rows, (goal, calls) in SIZES.items():
                rows = np.resize(X, (n_rows, X.shape[1]))
                figures.append(_compare(model, rows, name, goal, rounds, calls))
    return figures


def _compare(model, rows, name: str, goal: float, rounds: int, calls: int) -> Figure:
    kind = type(model.student_).__name__
    say(f"{kind}, {name}, {len(rows):,} rows")
    seconds = alternate(
        [lambda: model.predict_proba(rows), lambda: model.student_.predict_proba(rows)],
        rounds,
        calls,
    )
    ours, bare = seconds.T
    scale, unit = (1e6, "µs") if len(rows) == 1 else (1e3, "ms")
    return Figure(
        f"predict_proba / bare student, {kind}, {name}, {len(rows):,} rows",
        ours / bare,
        goal,
        f"{np.median(ours) * scale:.1f} {unit} / {np.median(bare) * scale:.1f} {unit}",
    )
