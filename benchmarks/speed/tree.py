"""Distilling a forest into a tree costs at most 2 × the tree's own fit.

Beyond the one pass of the teacher, a fitted RandomForestClassifier of 100 trees; the
student is a DecisionTreeClassifier of 256 leaves. letter has 26 classes (goal 2.0),
magic two (goal 1.2). Peer: the same tree fitted on the labels. Seed 0.
"""

from __future__ import annotations

from pathlib import Path

from sklearn.tree import DecisionTreeClassifier

from benchmarks.speed._measure import Figure
from benchmarks.speed._overhead import overhead

GOALS = {"letter": 2.0, "magic": 1.2}


def measure(data: Path | None, rounds: int) -> list[Figure]:
    student = DecisionTreeClassifier(max_leaf_nodes=256, random_state=0)
    return [
        overhead(student, name, goal, data=data, rounds=rounds, scaled=False)[0]
        for name, goal in GOALS.items()
    ]
