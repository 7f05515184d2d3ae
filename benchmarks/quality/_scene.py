"""Rows of a split, what teachers say about them, and the students tuned alone."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.model_selection import ParameterGrid, StratifiedKFold, train_test_split
from sklearn.pipeline import Pipeline

from benchmarks.datasets import load_table
from benchmarks.quality._contenders import (
    FOREST,
    Kind,
    Student,
    make_teacher,
    set_params,
)
from benchmarks.quality._figures import best_share, best_temperature, mix
from skdistill._sklearn_compat import take_rows
from skdistill.targets import soften

SETS = ["letter", "covtype", "satimage", "adult", "bank_marketing", "electricity"]
SETS += ["magic", "spambase", "phoneme", "credit_g", "isolet", "mnist", "fashion_mnist"]
TUNING_FOLDS, TEACHER_FOLDS = 3, 5


@dataclass(frozen=True)
class Scene:
    """Training rows, which choose everything, and test rows, which choose nothing.

    Parameters
    ----------
    name : str
    split : int
        Also the seed of whatever is random here.
    kind : Kind
    X, X_test : ndarray or DataFrame
    y, y_test : ndarray
        Codes.
    """

    name: str
    split: int
    kind: Kind
    X: Any
    X_test: Any
    y: np.ndarray
    y_test: np.ndarray

    @classmethod
    def set_up(
        cls, name: str, split: int, data: Path | None, most: int, read=load_table
    ) -> Scene:
        X, y = read(name, data)
        n_train = min(most, round(0.7 * len(y)))
        n_test = min(most, len(y) - n_train)
        parts = train_test_split(
            X, y, train_size=n_train, test_size=n_test, stratify=y, random_state=split
        )
        return cls(name, split, Kind.of(name, X), *parts)

    def hold_out(self, share: float) -> Scene:
        """The training rows alone, a share of them in the place of test rows."""
        parts = train_test_split(
            self.X, self.y, test_size=share, stratify=self.y, random_state=self.split
        )
        return Scene(self.name, self.split, self.kind, *parts)

    def part(self, train, test) -> Scene:
        """Some training rows, and others in the place of test rows."""
        X, y = self.X, self.y
        rows = take_rows(X, train), take_rows(X, test), y[train], y[test]
        return Scene(self.name, self.split, self.kind, *rows)

    @property
    def frequencies(self) -> np.ndarray:
        return np.bincount(self.y) / len(self.y)

    def folds(self, n: int) -> list[tuple[np.ndarray, np.ndarray]]:
        folds = StratifiedKFold(n, shuffle=True, random_state=self.split)
        return list(folds.split(np.zeros(len(self.y)), self.y))

    def said(self, model) -> np.ndarray:
        """Probabilities of the test rows; a class that the model lacks has 0."""
        proba = np.zeros((len(self.y_test), len(self.frequencies)))
        proba[:, model.classes_] = model.predict_proba(self.X_test)
        return proba


@dataclass(frozen=True)
class Taught:
    """A fitted teacher and what it says.

    Parameters
    ----------
    model : estimator
        Fitted on the training rows.
    said : dict of str to ndarray
        Of the training rows: "out-of-fold" (out of bag for a forest), and whatever
        else was asked for.
    raw : ndarray
        Of the test rows.
    share : float
        Of the frequencies, chosen on what is said out of fold.
    temperature : float
        That calibrates it, chosen likewise.
    calibrated_share : float
        As `share`, once it is calibrated.
    frequencies : ndarray
        Of the training rows.
    seconds : float
        Of the fit, without the fits for out-of-fold labels.
    fold_model : estimator or None
        Fitted on the training part of the first fold only.
    """

    name: str
    model: Any
    said: dict[str, np.ndarray]
    raw: np.ndarray
    share: float
    temperature: float
    calibrated_share: float
    frequencies: np.ndarray
    seconds: float
    fold_model: Any = field(default=None, repr=False)

    @property
    def calibrated(self) -> np.ndarray:
        """Of the test rows at its temperature, mixed: the teacher that is aimed at."""
        softened = soften(self.raw, "probabilities", self.temperature)
        return mix(softened, self.calibrated_share, self.frequencies)


def make_taught(
    scene: Scene, name: str, model, said: dict, seconds: float = 0.0, fold_model=None
) -> Taught:
    """Calibrate a fitted teacher, and ask it about the test rows."""
    outside, y, frequencies = said["out-of-fold"], scene.y, scene.frequencies
    temperature = best_temperature(outside, y)
    softened = soften(outside, "probabilities", temperature)
    return Taught(
        name=name,
        model=model,
        said=said,
        raw=scene.said(model),
        share=best_share(outside, y, frequencies)[0],
        temperature=temperature,
        calibrated_share=best_share(softened, y, frequencies)[0],
        frequencies=frequencies,
        seconds=seconds,
        fold_model=fold_model,
    )


def teach(scene: Scene, name: str, *, cross_fit: bool = False) -> Taught:
    """Fit a teacher, and ask it about rows that it does not know.

    Parameters
    ----------
    scene : Scene
    name : str
        Of the teacher.
    cross_fit : bool, default=False
        Whether a forest is also cross-fitted ("5-fold"). Others always are.
    """
    teacher = make_teacher(name, scene.split, scene.kind)
    start = time.perf_counter()
    model = clone(teacher).fit(scene.X, scene.y)
    seconds = time.perf_counter() - start
    said, fold_model = {}, None
    if name == FOREST:
        forest = model[-1] if isinstance(model, Pipeline) else model
        said["out-of-fold"] = forest.oob_decision_function_
    if name != FOREST or cross_fit:
        proba, fold_model = _cross_fit(scene, teacher)
        said["5-fold"] = proba
        said.setdefault("out-of-fold", proba)
    return make_taught(scene, name, model, said, seconds, fold_model)


def _cross_fit(scene: Scene, teacher) -> tuple[np.ndarray, Any]:
    proba, first = np.empty((len(scene.y), len(scene.frequencies))), None
    for train, test in scene.folds(TEACHER_FOLDS):
        part = scene.part(train, test)
        model = clone(teacher).fit(part.X, part.y)
        proba[test] = part.said(model)
        first = first or model
    return proba, first


def without_first_fold(scene: Scene, taught: Taught) -> tuple[Scene, Taught]:
    """The scene without a fifth of its training rows, for choices about a student.

    The fifth stands in the place of the test rows. A forest is fitted anew. Others have
    a copy that does not know these rows; of their out-of-fold labels, four fifths stem
    from copies that do, which can hardly matter for the share of frequencies chosen.
    """
    train, test = scene.folds(TEACHER_FOLDS)[0]
    part = scene.part(train, test)
    if taught.name == FOREST:
        return part, teach(part, FOREST)
    said = {"out-of-fold": taught.said["out-of-fold"][train]}
    return part, make_taught(part, taught.name, taught.fold_model, said)


@dataclass(frozen=True)
class Tuned:
    """A student without a teacher: its parameters, and its share of frequencies."""

    params: Mapping[str, Any]
    share: float


def tune_alone(scene: Scene, student: Student) -> Tuned:
    """Choose by folds on the training rows, by log-loss.

    Wide sets are slow: boosting has the first fold only there.
    """
    folds = scene.folds(TUNING_FOLDS)
    if scene.kind.wide and student.family == "boosting":
        folds = folds[:1]
    trials = []
    for params in ParameterGrid(student.grid(scene.kind)):
        said, y = [], []
        for train, test in folds:
            part = scene.part(train, test)
            model = make_student(scene, student, params).fit(part.X, part.y)
            said.append(part.said(model))
            y.append(part.y_test)
        share, loss = best_share(
            np.concatenate(said), np.concatenate(y), scene.frequencies
        )
        trials.append((loss, share, params))
    _, share, params = min(trials, key=lambda trial: trial[0])
    return Tuned(params, share)


def make_student(scene: Scene, student: Student, params: Mapping[str, Any]):
    return set_params(student.make(scene.split, scene.kind), params)
