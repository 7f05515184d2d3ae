"""Distilling needs little memory beyond what cannot be avoided.

X is 1,000,000 × 20 in float64 (160 MB). Each figure is measured in processes of their
own, as the growth of the resident set from just before the call to its peak:

- "distil": DistillationClassifier(fitted teacher, student).fit(X, y),
- "alone":  student.fit(X, y),
- "batch":  teacher.predict_proba of one batch of 65,536 rows.

Excess = distil - max(alone, batch) - 8 n K bytes, over the bytes of X; the goal is at
most 0.10. Taken off are thus the larger of the student's own fit and the teacher's
batch (they never happen at once, so not their sum), and *one* n × K array of float64,
the targets. Code that is loaded late and thread pools are warmed up before, on 2,000
rows. The allocator returns arrays over 1 MB at once (MALLOC_MMAP_THRESHOLD_), so that
what is measured is what is held.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
from pathlib import Path

import numpy as np

if __package__ in (None, ""):
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from benchmarks.speed._measure import Figure, say

N_ROWS, N_FEATURES, GOAL = 1_000_000, 20, 0.10
BATCH_ROWS, SMALL = 65_536, 2_000
MODES = ("distil", "alone", "batch")
MAX_ROUNDS = 3


def measure(data: Path | None, rounds: int) -> list[Figure]:
    return [
        _figure(student, n_classes, min(rounds, MAX_ROUNDS))
        for n_classes in (2, 5)
        for student in ("tree", "logistic")
    ]


def _figure(student: str, n_classes: int, rounds: int) -> Figure:
    say(f"memory, {student}, {n_classes} classes")
    growth = np.array(
        [[_run(mode, student, n_classes) for mode in MODES] for _ in range(rounds)]
    )
    distil, alone, batch = growth.T
    whole, targets = 8 * N_ROWS * N_FEATURES, 8 * N_ROWS * n_classes
    excess = distil - np.maximum(alone, batch) - targets
    parts = [
        f"{name} {np.median(column) / 1e6:.0f}"
        for name, column in zip(MODES, growth.T, strict=True)
    ]
    return Figure(
        f"excess memory / X, {student}, 1e6 x 20, {n_classes} classes",
        excess / whole,
        GOAL,
        f"MB: {', '.join(parts)}, targets {targets / 1e6:.0f}, X {whole / 1e6:.0f}",
    )


def _run(mode: str, student: str, n_classes: int) -> int:
    command = [sys.executable, __file__, mode, student, str(n_classes)]
    environment = {**os.environ, "MALLOC_MMAP_THRESHOLD_": str(2**20)}
    return int(subprocess.check_output(command, env=environment, text=True))


def _peak() -> int:
    """Largest resident set so far, in bytes.

    Linux's own counter of this process: `getrusage` there remembers the parent's size
    from before the program was loaded.
    """
    status = Path("/proc/self/status")
    if status.exists():
        line = next(x for x in status.read_text().splitlines() if "VmHWM" in x)
        return int(line.split()[1]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def _rows(n_classes: int):
    """X and y, made in place: a peak before the call would hide one inside it."""
    rng = np.random.default_rng(0)
    X = np.empty((N_ROWS, N_FEATURES))
    rng.standard_normal(out=X)
    y = np.empty(N_ROWS, dtype=np.intp)
    for start in range(0, N_ROWS, SMALL):
        part = slice(start, start + SMALL)
        noise = rng.standard_normal((SMALL, n_classes))
        y[part] = (X[part, :n_classes] + noise).argmax(axis=1)
    return X, y


def child() -> None:
    from sklearn.base import clone
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.tree import DecisionTreeClassifier

    from skdistill import DistillationClassifier

    parser = argparse.ArgumentParser()
    parser.add_argument("mode", choices=MODES)
    parser.add_argument("student", choices=("tree", "logistic"))
    parser.add_argument("n_classes", type=int)
    options = parser.parse_args()
    X, y = _rows(options.n_classes)
    teacher = RandomForestClassifier(10, max_depth=5, random_state=0, n_jobs=1)
    teacher.fit(X[:SMALL], y[:SMALL])
    student = (
        DecisionTreeClassifier(max_leaf_nodes=4, random_state=0)
        if options.student == "tree"
        else LogisticRegression(max_iter=1_000)
    )
    distiller = DistillationClassifier(teacher, student)
    for model in (clone(student), clone(distiller)):
        model.fit(X[:SMALL], y[:SMALL]).predict_proba(X[:SMALL])
    before = _peak()
    if options.mode == "distil":
        distiller.fit(X, y)
    elif options.mode == "alone":
        student.fit(X, y)
    else:
        teacher.predict_proba(X[:BATCH_ROWS])
    print(_peak() - before)


if __name__ == "__main__":
    child()
