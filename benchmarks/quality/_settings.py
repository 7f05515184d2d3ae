"""How each family of students is taught: the settings that the library recommends.

They follow from `settings.md`, which is made of training rows only (`settings.py`).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
from sklearn.mixture import GaussianMixture

from benchmarks.quality._scene import Scene, Taught
from skdistill import DistillationClassifier
from skdistill._rows import stack_rows
from skdistill.transfer import CoLeaf, Munge, Spunge

#: A table of transfer rows has at most that many cells; on wide sets, a fifth of them.
MAX_CELLS = 40_000_000

GENERATORS = {
    "Munge": Munge,
    "CoLeaf": CoLeaf,
    "Spunge": Spunge,
    "GaussianMixture": lambda: GaussianMixture(10, reg_covar=1e-3),
}


@dataclass(frozen=True)
class Settings:
    """What `DistillationClassifier` is told, but for teacher and student.

    Parameters
    ----------
    labels : {"in-sample", "out-of-fold", "5-fold"}
        Where labels of the training rows come from. "out-of-fold" is out of bag for
        forests, five folds for other teachers.
    calibration : str or None
        `teacher_calibration`.
    transfer : str or None
        Which of `GENERATORS`.
    size, weight, redraw
        Its `transfer_size`, `transfer_weight` and `transfer_redraw`.
    alpha, temperature : float
    rows_seen : float or None
        Of a network: how many rows it learns from before it ends, counted as often as
        it sees them; decides `max_epochs`.
    params : Mapping
        Of the student, in the place of those tuned alone.
    """

    labels: str = "out-of-fold"
    calibration: str | None = "temperature"
    transfer: str | None = "Munge"
    size: float = 20.0
    weight: float = 1.0
    redraw: bool = False
    alpha: float = 0.7
    temperature: float = 1.0
    rows_seen: float | None = None
    params: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))

    def text(self) -> str:
        """In one line, without what does not matter."""
        told = {k: v for k, v in vars(self).items() if k != "params"}
        if self.rows_seen is None:
            told.pop("rows_seen")
        if self.transfer is None:
            told = {k: told[k] for k in told if k not in ("size", "weight", "redraw")}
        told |= {f"student__{key}": value for key, value in self.params.items()}
        return " ".join(f"{key}={value}" for key, value in told.items())


#: In-sample soft labels of the training rows, as most tools do it.
NAIVE = Settings(labels="in-sample", calibration=None, transfer=None)

PATIENT = MappingProxyType(
    {
        "batch_size": 256,
        "learning_rate": 1e-2,
        "learning_rate_schedule": "cosine",
        "early_stopping": False,
    }
)

#: Students of low variance: in-sample labels do not lead them astray.
STEADY = Settings(
    labels="in-sample", calibration=None, transfer=None, size=5.0, alpha=0.3
)

#: Drawn rows regularise a tree: it needs less of what the tree alone is tuned to.
FREE_TREE = MappingProxyType({"criterion": "entropy", "min_samples_leaf": 5})

#: Family of students -> what is recommended.
RECOMMENDED = {
    "tree": Settings(params=FREE_TREE),
    "linear": STEADY,
    "network": Settings(weight=20.0, alpha=0.5, rows_seen=1.5e6, params=PATIENT),
    "boosting": dataclasses.replace(STEADY, params={"learning_rate": 0.1}),
}


def suited(settings: Settings, scene: Scene, family: str) -> Settings:
    """What of the settings a set allows.

    Tables have `MAX_CELLS` at most, and a tree behind an encoder cannot draw rows
    again: what its nodes split are not the columns that the teacher reads. What the
    transfer rows weigh together shrinks with their number, but for 1 and less.
    """
    most = MAX_CELLS / 5 if scene.kind.wide else MAX_CELLS
    size = min(settings.size, most / (scene.X.shape[0] * scene.X.shape[1]))
    redraw = settings.redraw and not (family == "tree" and scene.kind.categories)
    weight = max(min(settings.weight, 1.0), settings.weight * size / settings.size)
    params = dict(settings.params)
    if settings.rows_seen is not None:
        n_rows = len(scene.y) * (1 + (size if settings.transfer else 0))
        params["max_epochs"] = max(1, round(settings.rows_seen / n_rows))
    return dataclasses.replace(
        settings, size=round(size, 2), weight=weight, redraw=redraw, params=params
    )


def distil(scene: Scene, student, taught: Taught, settings: Settings, memory=None):
    """Teach an unfitted student, as a user would with a fitted teacher."""
    generator = GENERATORS[settings.transfer]() if settings.transfer else None
    outside = settings.labels != "in-sample"
    model = DistillationClassifier(
        taught.model,
        student,
        alpha=settings.alpha,
        temperature=settings.temperature,
        teacher_cv="precomputed" if outside else None,
        teacher_calibration=settings.calibration,
        transfer=generator,
        transfer_size=float(settings.size),
        transfer_weight=settings.weight,
        transfer_redraw=settings.redraw,
        memory=memory,
        random_state=scene.split,
    )
    labels = {"teacher_proba": taught.said[settings.labels]} if outside else {}
    return model.fit(scene.X, scene.y, **labels)


class Recipe(NamedTuple):
    """Rows and targets of AutoGluon's recipe."""

    X: Any
    y: np.ndarray
    P: np.ndarray


def follow_recipe(scene: Scene, taught: Taught, size: int = 5) -> Recipe:
    """AutoGluon's recipe: true labels on real rows, and spunge rows that weigh as much.

    There each row of five copies gets one to a tenth of its cells from other rows; here
    each cell with probability 0.1, by our generator, which keeps types.
    """
    n_drawn = round(suited(Settings(size=size), scene, "tree").size * len(scene.y))
    generator = Spunge(swap_probability=0.1).fit(scene.X)
    more = generator.sample(n_drawn, random_state=scene.split)
    said = taught.model.predict_proba(more)
    P = np.vstack([np.eye(said.shape[1])[scene.y], said])
    y = np.append(scene.y, said.argmax(axis=1))
    return Recipe(stack_rows(scene.X, more), y, P)


def distil_by_recipe(student, recipe: Recipe, seed: int):
    model = DistillationClassifier("precomputed", student, alpha=1.0, random_state=seed)
    return model.fit(recipe.X, recipe.y, teacher_proba=recipe.P)
