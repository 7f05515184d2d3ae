"""What distillation adds to a student's own fit, beyond the teacher's one pass."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
from sklearn.base import clone
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

from benchmarks.datasets import load
from benchmarks.speed._measure import Figure, alternate, say
from skdistill import DistillationClassifier


class ClockedForest(RandomForestClassifier):
    """A forest that adds up the time for which it is asked."""

    seconds = 0.0

    def predict_proba(self, X):
        start = time.perf_counter()
        answer = super().predict_proba(X)
        self.seconds += time.perf_counter() - start
        return answer


def training_rows(name: str, data: Path | None, *, scaled: bool):
    """70 % of a set, stratified, seed 0."""
    X, y = load(name, data)
    X, _, y, _ = train_test_split(X, y, train_size=0.7, stratify=y, random_state=0)
    return (StandardScaler().fit_transform(X) if scaled else X), y


def overhead(
    student, name: str, goal: float, *, data: Path | None, rounds: int, scaled: bool
):
    """(distilled fit - teacher pass) / plain fit, all three timed in each round.

    Returns
    -------
    figure : Figure
    plain, distilled : estimators
        The student, fitted either way.
    """
    kind = type(student).__name__
    say(f"{kind}, {name}")
    X, y = training_rows(name, data, scaled=scaled)
    teacher = ClockedForest(100, random_state=0, n_jobs=1).fit(X, y)
    plain, distiller = clone(student), DistillationClassifier(teacher, student)
    inside = []

    def distil():
        teacher.seconds = 0.0
        distiller.fit(X, y)
        inside.append(teacher.seconds)

    seconds = alternate(
        [distil, lambda: plain.fit(X, y), lambda: teacher.predict_proba(X)], rounds
    )
    distilled, alone, one_pass = seconds.T
    by_clock = (distilled - inside[1:]) / alone  # the first one was the warm-up
    note = (
        f"{np.median(distilled):.3f} s - pass {np.median(one_pass):.3f} s / "
        f"{np.median(alone):.3f} s; with the pass clocked inside fit: "
        f"{np.median(by_clock):.2f}"
    )
    figure = Figure(
        f"(distil - teacher pass) / fit, {kind}, {name}",
        (distilled - one_pass) / alone,
        goal,
        note,
    )
    return figure, plain, distiller.student_
