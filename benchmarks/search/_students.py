"""The students of the benchmark of harm, and the grids they are searched in.

All have temperatures and alphas of the search's defaults, and a regularisation of their
own, so that the best candidate with alpha 0 is the student as tuned without a teacher.
Images have fewer candidates: one fit takes ten times as long.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

from benchmarks.datasets import IMAGES
from skdistill.neural import NeuralClassifier

TEMPERATURES, ALPHAS = (1.0, 2.0, 4.0), (0.25, 0.5, 0.75, 1.0)
FEW_TEMPERATURES, FEW_ALPHAS = (1.0, 3.0), (0.3, 0.7, 1.0)


@dataclass(frozen=True)
class Student:
    """A student and what of it is tuned.

    Parameters
    ----------
    name : str
        As in the table.
    make : callable
        ``make(seed, images)``: the unfitted student.
    parameter : str
        What regularises it.
    values, of_images : tuple of float
        Those tried; on images.
    few : bool, default=False
        Whether there are fewer temperatures and alphas, too, on images.
    """

    name: str
    make: Callable[[int, bool], Any]
    parameter: str
    values: tuple
    of_images: tuple
    few: bool = False

    def grid(self, name: str) -> Mapping[str, Any]:
        """Keywords of the search on a set."""
        images = name in IMAGES
        few = images and self.few
        tried = self.of_images if images else self.values
        return {
            "temperatures": FEW_TEMPERATURES if few else TEMPERATURES,
            "alphas": FEW_ALPHAS if few else ALPHAS,
            "param_grid": {f"student__{self.parameter}": list(tried)},
        }


def _tree(leaves: int):
    return lambda seed, images: DecisionTreeClassifier(
        max_leaf_nodes=leaves, random_state=seed
    )


def _network(seed: int, images: bool) -> NeuralClassifier:
    return NeuralClassifier(
        hidden_layer_sizes=(64, 32),
        early_stopping=True,
        # Pixels are in [0, 1]; one that is nearly always 0 is not to count for more.
        scale=not images,
        random_state=seed,
    )


def _logistic(seed: int, images: bool) -> Pipeline:
    model = LogisticRegression(max_iter=1000)
    return Pipeline([("scale", StandardScaler()), ("model", model)])


STUDENTS = [
    Student("tree, 32 leaves", _tree(32), "min_samples_leaf", (1, 5, 20, 50), (5, 20)),
    Student(
        "tree, 128 leaves", _tree(128), "min_samples_leaf", (1, 5, 20, 50), (5, 20)
    ),
    Student(
        "network, 64 × 32",  # noqa: RUF001
        _network,
        "weight_decay",
        (0.0, 1e-3, 1e-2),
        (0.0, 1e-3),
        few=True,
    ),
    Student(
        "logistic regression",
        _logistic,
        "model__C",
        (0.01, 0.1, 1.0, 10.0),
        (0.001, 0.01),
        few=True,
    ),
]
