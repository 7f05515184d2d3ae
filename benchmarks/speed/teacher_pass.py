"""A fitted teacher is asked exactly once about each row per fit, in batches.

Each row carries its own number as a feature, and the teacher writes down which rows it
is asked about: 200,000 training rows, then another 70,000 unlabelled ones. The ratio is
rows asked over rows there are (exactly 1); a row asked twice or left out ends the run.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.linear_model import LogisticRegression
from sklearn.tree import DecisionTreeClassifier

from benchmarks.speed._measure import Figure, say
from skdistill import DistillationClassifier

N_ROWS, N_UNLABELED = 200_000, 70_000


class NotingTeacher(ClassifierMixin, BaseEstimator):
    """Writes down the number of every row that it is asked about."""

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        self.n_features_in_ = X.shape[1]
        self.asked_ = []
        return self

    def predict_proba(self, X):
        self.asked_.append(X[:, 0].astype(np.intp))
        second = 1 / (1 + np.exp(-X[:, 1]))
        return np.column_stack([1 - second, second])


def measure(data: Path | None, rounds: int) -> list[Figure]:
    say("counting")
    rng = np.random.default_rng(0)
    n_all = N_ROWS + N_UNLABELED
    X = np.column_stack([np.arange(n_all), rng.standard_normal((n_all, 4))])
    y = (X[:N_ROWS, 1] + rng.standard_normal(N_ROWS) > 0).astype(int)
    figures = []
    for student in (
        DecisionTreeClassifier(max_leaf_nodes=8, random_state=0),
        LogisticRegression(max_iter=50, fit_intercept=False, tol=1e-2),
    ):
        kind = type(student).__name__
        for n_rows in (N_ROWS, n_all):
            teacher = NotingTeacher().fit(X[:N_ROWS], y)
            more = X[N_ROWS:] if n_rows > N_ROWS else None
            model = DistillationClassifier(teacher, student)
            model.fit(X[:N_ROWS], y, X_unlabeled=more)
            asked = np.concatenate(teacher.asked_)
            if not np.array_equal(np.sort(asked), np.arange(n_rows)):
                raise AssertionError(f"{kind}: not every row was asked about once.")
            largest = max(map(len, teacher.asked_))
            figures.append(
                Figure(
                    f"rows asked of the teacher / rows, {kind}, {n_rows:,} rows",
                    [len(asked) / n_rows],
                    1.0,
                    f"{len(teacher.asked_)} calls of at most {largest:,} rows",
                )
            )
    return figures
