"""The students, one for each route at least, and what is tuned about each.

The grid holds what regularises a student of the same size; the size itself (leaves,
trees, units) stays. All is tuned without a teacher, and handed to the distilled one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.tree import (
    DecisionTreeClassifier,
    DecisionTreeRegressor,
    ExtraTreeClassifier,
)

from skdistill import DistillationClassifier

LEAVES = {"min_samples_leaf": [1, 5, 20, 50], "ccp_alpha": [0.0, 1e-3]}
EPOCHS = 30


@dataclass(frozen=True)
class Student:
    """A student, what of it is tuned, and how it learns without a teacher.

    Parameters
    ----------
    name : str
        As in the table.
    route : str
        The route it is to take.
    make : callable
        ``make(seed, n_features, n_classes)``: the unfitted student.
    grid : dict
        Parameter names to values.
    """

    name: str
    route: str
    make: Callable[[int, int, int], Any]
    grid: dict[str, list]

    def alone(self, student):
        """What fits the student on labels: itself, but for a regressor."""
        if self.route != "regression":
            return student
        return DistillationClassifier(
            DummyClassifier(strategy="prior"), student, alpha=0.0
        )


def _scaled(model) -> Pipeline:
    return Pipeline([("scale", StandardScaler()), ("model", model)])


def _tree(cls, **params):
    return lambda seed, n_features, n_classes: cls(random_state=seed, **params)


def _logistic(seed, n_features, n_classes):
    return _scaled(LogisticRegression(max_iter=5000))


def _neighbors(seed, n_features, n_classes):
    return _scaled(KNeighborsClassifier())


def _network(seed, n_features, n_classes):
    import torch
    from skorch import NeuralNetClassifier

    def make_module():
        return torch.nn.Sequential(
            torch.nn.Linear(n_features, 64),
            torch.nn.ReLU(),
            torch.nn.Linear(64, 32),
            torch.nn.ReLU(),
            torch.nn.Linear(32, n_classes),
        )

    torch.set_num_threads(1)
    torch.manual_seed(seed)
    net = NeuralNetClassifier(
        make_module,
        criterion=torch.nn.CrossEntropyLoss,
        optimizer=torch.optim.Adam,
        max_epochs=EPOCHS,
        batch_size=128,
        iterator_train__shuffle=True,
        train_split=None,
        verbose=0,
    )
    steps = [
        ("scale", StandardScaler()),
        ("cast", FunctionTransformer(np.asarray, kw_args={"dtype": np.float32})),
        ("model", net),
    ]
    return Pipeline(steps)


STUDENTS = [
    Student(
        "tree, 32 leaves",
        "tree",
        _tree(DecisionTreeClassifier, max_leaf_nodes=32),
        LEAVES,
    ),
    Student(
        "tree, 128 leaves",
        "tree",
        _tree(DecisionTreeClassifier, max_leaf_nodes=128),
        LEAVES,
    ),
    Student(
        "extra tree, 128 leaves",
        "tree",
        _tree(ExtraTreeClassifier, max_leaf_nodes=128),
        {"min_samples_leaf": [1, 5, 20], "max_features": ["sqrt", 1.0]},
    ),
    Student(
        "forest, 10 × 64 leaves",  # noqa: RUF001
        "forest",
        _tree(RandomForestClassifier, n_estimators=10, max_leaf_nodes=64),
        {"min_samples_leaf": [1, 5, 20], "max_features": ["sqrt", 0.5]},
    ),
    Student(
        "logistic regression",
        "linear",
        _logistic,
        {"model__C": [0.01, 0.1, 1.0, 10.0, 100.0]},
    ),
    Student(
        "boosting, 20 iterations",
        "boosting",
        _tree(HistGradientBoostingClassifier, max_iter=20, early_stopping=False),
        {"learning_rate": [0.1, 0.2, 0.4]},
    ),
    Student(
        "entropy tree, 64 leaves",
        "tree",
        _tree(DecisionTreeClassifier, criterion="entropy", max_leaf_nodes=64),
        LEAVES,
    ),
    Student(
        "naive Bayes",
        "weighted copies",
        lambda seed, n_features, n_classes: GaussianNB(),
        {"var_smoothing": [1e-9, 1e-4, 1e-2, 1e-1, 1.0]},
    ),
    Student(
        "regression tree, 64 leaves",
        "regression",
        _tree(DecisionTreeRegressor, max_leaf_nodes=64),
        LEAVES,
    ),
    Student(
        "15 nearest neighbours",
        "hard labels",
        _neighbors,
        {"model__n_neighbors": [15], "model__weights": ["uniform", "distance"]},
    ),
    Student(
        "network, 64 × 32",  # noqa: RUF001
        "network",
        _network,
        {"model__lr": [1e-3, 3e-3, 1e-2]},
    ),
]
