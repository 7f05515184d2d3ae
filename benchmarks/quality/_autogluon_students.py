"""Our students of AutoGluon's families, no larger than the files of its own."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier

from benchmarks.quality._contenders import encoded
from benchmarks.quality._figures import n_bytes
from benchmarks.quality._scene import Scene
from skdistill.neural import NeuralClassifier

#: Weights of the teacher that are tried, besides 0.
ALPHAS = (0.25, 0.5, 0.75, 1.0)
#: Of a limit in bytes, for what varies from fit to fit.
LEEWAY = 0.95
MAX_ROUNDS = 200
#: Rounds of boosting -> learning rates that are tried.
RATES = {50: [0.05, 0.1, 0.2], 10: [0.1, 0.2, 0.4], 1: [0.4, 0.7, 1.0]}


@dataclass(frozen=True, eq=False)
class Candidate:
    """A student and what is tuned about it.

    Parameters
    ----------
    key : tuple
        What tells it from others of its set.
    student : estimator
    grid : list of dict
        As `param_grid` of the search.
    at_full_size : dict
        Parameters of the last fit only.
    """

    key: tuple
    student: Any
    grid: list[dict[str, list]]
    at_full_size: dict[str, Any] = field(default_factory=dict)
    alphas: tuple[float, ...] = ALPHAS

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Candidate) and self.key == other.key

    def __hash__(self) -> int:
        return hash(self.key)


def find_candidate(family: str, scene: Scene, limit: float) -> Candidate:
    """The student of a family for a set.

    Parameters
    ----------
    family : {"GBM", "CAT", "RF", "NN_TORCH"}
    scene : Scene
    limit : float
        Bytes that boosting and networks may have when pickled.
    """
    if family == "RF":
        return _forest(scene)
    return _network(scene, limit) if family == "NN_TORCH" else _boosting(scene, limit)


def _prefixed(scene: Scene, grid: dict[str, list]) -> dict[str, list]:
    """Names of parameters as those of the distiller's student."""
    prefix = "student__model__" if scene.kind.categories else "student__"
    return {prefix + name: values for name, values in grid.items()}


def _forest(scene: Scene) -> Candidate:
    """Tuned with a sixth of its trees: their number decides nothing else."""
    forest = RandomForestClassifier(50, random_state=0)
    grid = {"min_samples_leaf": [1, 3], "max_features": ["sqrt", 0.5]}
    full = {k: v[0] for k, v in _prefixed(scene, {"n_estimators": [300]}).items()}
    student = encoded(forest, scene.kind)
    return Candidate(
        ("forest",), student, [_prefixed(scene, grid)], full, (0.25, 0.5, 1.0)
    )


def _boosting(scene: Scene, limit: float) -> Candidate:
    """As many rounds as the limit allows, of large trees or of small ones."""
    options = {}
    for leaves, bins in ((31, 255), (8, 255), (8, 16)):
        rounds = _affordable_rounds(scene, leaves, bins, limit * LEEWAY)
        if rounds and rounds not in options.values():
            options[leaves, bins] = rounds
    # Few bins are for those who can afford nothing else.
    if len(options) > 2:
        options.pop((8, 16))
    grid = [
        {
            "max_leaf_nodes": [leaves],
            "max_bins": [bins],
            "max_iter": [rounds],
            "learning_rate": next(r for least, r in RATES.items() if rounds >= least),
        }
        for (leaves, bins), rounds in options.items()
    ]
    if not grid:
        raise ValueError(f"{scene.name}: no booster has {limit:,.0f} bytes or less.")
    student = _booster(scene, 1, 31, 255)
    key = ("boosting", *sorted(options.items()))
    return Candidate(key, student, [_prefixed(scene, each) for each in grid])


def _booster(scene: Scene, rounds: int, leaves: int, bins: int):
    model = HistGradientBoostingClassifier(
        max_iter=rounds,
        max_leaf_nodes=leaves,
        max_bins=bins,
        early_stopping=False,
        random_state=0,
    )
    return encoded(model, scene.kind)


def _affordable_rounds(scene: Scene, leaves: int, bins: int, limit: float) -> int:
    """By the sizes of two small boosters on the training rows."""
    few, more = (
        n_bytes(_booster(scene, rounds, leaves, bins).fit(scene.X, scene.y))
        for rounds in (1, 4)
    )
    each = (more - few) / 3
    return int(min(MAX_ROUNDS, 1 + (limit - few) // each)) if few <= limit else 0


def _network(scene: Scene, limit: float) -> Candidate:
    """About as many weights as theirs: four hidden layers of 128 fill their files."""
    options: list[dict[str, list]] = [
        {"hidden_layer_sizes": [(128, 128, 128)], "weight_decay": [0.0, 1e-2]},
        {
            "hidden_layer_sizes": [(128, 128)],
            "embedding": ["piecewise_linear"],
            "n_bins": [8],
            "weight_decay": [0.0, 1e-2],
        },
    ]
    fits = [grid for grid in options if _network_bytes(scene, grid) <= limit * LEEWAY]
    student = NeuralClassifier(
        optimizer="adamw",
        early_stopping=True,
        n_iter_no_change=20,
        max_epochs=200,
        random_state=0,
    )
    grid = [{f"student__{k}": v for k, v in each.items()} for each in fits]
    return Candidate(("network", len(grid)), student, grid)


def _network_bytes(scene: Scene, grid: dict[str, list]) -> int:
    """Of one epoch; the history of the others is a few kilobytes."""
    params = {name: values[0] for name, values in grid.items()}
    return n_bytes(NeuralClassifier(max_epochs=1, **params).fit(scene.X, scene.y))
