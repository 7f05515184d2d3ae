"""The teachers and students of the quality benchmark, and what is tuned of a student.

Sets with categories come as frames: whatever cannot read these gets an encoder in
front, so that rows are drawn and taught as a user's would be.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.ensemble import (
    ExtraTreesClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
    VotingClassifier,
)
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.tree import DecisionTreeClassifier

from benchmarks.datasets import IMAGES
from skdistill.neural import NeuralClassifier

#: Sets of more columns have fewer candidates, boosting teachers and transfer rows: one
#: fit takes ten times as long.
WIDE = 500

FOREST, VOTE = "forest of 500", "vote of three"
STACK = "stack of 1,000 trees, boosting and nets"
N_NETS = 3


@dataclass(frozen=True)
class Kind:
    """What of a set decides how its models are made."""

    categories: bool
    wide: bool
    images: bool

    @classmethod
    def of(cls, name: str, X) -> Kind:
        frame = not isinstance(X, np.ndarray)
        return cls(frame, X.shape[1] > WIDE, name in IMAGES)


def encoded(model, kind: Kind, *steps):
    """The model behind an encoder, if there are categories, and further steps."""
    first = [("encode", _encoder())] if kind.categories else []
    steps = [*first, *steps]
    return Pipeline([*steps, ("model", model)]) if steps else model


def _encoder():
    one_hot = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    categories = make_column_selector(dtype_include="category")
    return make_column_transformer((one_hot, categories), remainder="passthrough")


def make_teacher(name: str, seed: int, kind: Kind):
    """An unfitted teacher; the forest keeps its out-of-bag votes."""
    if name == FOREST:
        forest = RandomForestClassifier(500, oob_score=True, random_state=seed)
        return encoded(forest, kind)
    n_trees = 500 if name == STACK else 200
    members = [
        ("boosting", _heavy_boosting(seed, kind)),
        ("forest", RandomForestClassifier(n_trees, random_state=seed)),
        ("extra", ExtraTreesClassifier(n_trees, random_state=seed)),
    ]
    if name == VOTE:
        return encoded(VotingClassifier(members, voting="soft"), kind)
    # Networks read categories themselves.
    members = [(each, encoded(model, kind)) for each, model in members]
    members += [(f"net {k}", _heavy_network(seed + k, kind)) for k in range(N_NETS)]
    return VotingClassifier(members, voting="soft")


def _heavy_boosting(seed: int, kind: Kind):
    return HistGradientBoostingClassifier(
        max_iter=30 if kind.wide else 100,
        max_bins=32 if kind.wide else 255,
        early_stopping=False,
        random_state=seed,
    )


def _heavy_network(seed: int, kind: Kind) -> NeuralClassifier:
    return NeuralClassifier(
        hidden_layer_sizes=(256, 128),
        early_stopping=True,
        weight_decay=1e-3,
        scale=not kind.images,
        random_state=seed,
    )


@dataclass(frozen=True)
class Student:
    """A student, and what of it is tuned without a teacher; its size stays.

    Parameters
    ----------
    name, family : str
        As in the tables, and as in the table of settings.
    make : callable
        ``make(seed, kind)``: the unfitted student.
    tuned : list of dict
        Names of parameters to values, as of `ParameterGrid`.
    tuned_wide : list of dict
        The same on wide sets.
    """

    name: str
    family: str
    make: Callable[[int, Kind], Any]
    tuned: list[dict[str, list]]
    tuned_wide: list[dict[str, list]]

    def grid(self, kind: Kind) -> list[dict[str, list]]:
        return self.tuned_wide if kind.wide else self.tuned


def set_params(model, params: Mapping[str, Any]):
    """Set parameters of the model itself, wherever its pipeline has it."""
    target = model[-1] if isinstance(model, Pipeline) else model
    target.set_params(**params)
    return model


def _tree(leaves: int) -> Callable[[int, Kind], Any]:
    def make(seed, kind):
        model = DecisionTreeClassifier(max_leaf_nodes=leaves, random_state=seed)
        return encoded(model, kind)

    return make


def _logistic(seed: int, kind: Kind):
    model = LogisticRegression(max_iter=1000)
    return encoded(model, kind, ("scale", StandardScaler()))


def _network(seed: int, kind: Kind):
    return NeuralClassifier(
        hidden_layer_sizes=(64, 32),
        early_stopping=True,
        # Pixels are in [0, 1]; one that is nearly always 0 is not to count for more.
        scale=not kind.images,
        random_state=seed,
    )


def _boosting(seed: int, kind: Kind):
    model = HistGradientBoostingClassifier(
        max_iter=50,
        max_bins=32 if kind.wide else 255,
        early_stopping=False,
        random_state=seed,
    )
    return encoded(model, kind)


def _tree_student(leaves: int) -> Student:
    return Student(
        f"tree, {leaves} leaves",
        "tree",
        _tree(leaves),
        [{"min_samples_leaf": [1, 5, 20, 50], "criterion": ["gini", "entropy"]}],
        [{"min_samples_leaf": [5, 20], "criterion": ["gini", "entropy"]}],
    )


#: How networks are trained on transfer rows; the network alone may be, too.
PATIENT = {
    "batch_size": [256],
    "learning_rate": [1e-2],
    "learning_rate_schedule": ["cosine"],
    "early_stopping": [False],
}

STUDENTS = [
    _tree_student(8),
    _tree_student(32),
    _tree_student(128),
    Student(
        "logistic regression",
        "linear",
        _logistic,
        [{"C": [0.01, 0.1, 1.0, 10.0]}],
        [{"C": [0.001, 0.01, 1.0]}],
    ),
    Student(
        "network, 64 × 32",  # noqa: RUF001
        "network",
        _network,
        [
            {"weight_decay": [0.0, 1e-3, 1e-2], "learning_rate": [1e-3, 3e-3]},
            {**PATIENT, "weight_decay": [0.0, 1e-3, 1e-2], "max_epochs": [20, 60]},
        ],
        [
            {"weight_decay": [0.0, 1e-3]},
            {**PATIENT, "weight_decay": [0.0, 1e-3], "max_epochs": [20]},
        ],
    ),
    Student(
        "boosting, 50 rounds",
        "boosting",
        _boosting,
        [{"learning_rate": [0.05, 0.1, 0.2]}],
        [{"learning_rate": [0.1]}],
    ),
]
