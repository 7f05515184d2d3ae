"""A small network alone, tuned by folds, and the same taught by a forest."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from scipy.special import softmax
from sklearn.ensemble import RandomForestClassifier
from sklearn.metrics import log_loss
from sklearn.model_selection import ParameterGrid

from benchmarks.quality._figures import best_share, mix
from benchmarks.quality._patience_regimes import Regime
from benchmarks.quality._scene import Scene
from skdistill import DistillationClassifier
from skdistill.neural import NeuralClassifier, fit_together
from skdistill.targets import SoftTargets, soften
from skdistill.transfer import Munge

#: Rows with labels: all that may be used, and those that a student learns from.
MOST_ROWS, MOST_TAUGHT = 10_000, 5_000
HELD_OUT = 0.25
N_FOLDS, N_SEEDS = 3, 2
N_TREES = 300

_AGAINST_OVERFITTING = {"weight_decay": [0.0, 1e-3], "dropout": [0.0, 0.15]}
#: What the student alone is tuned over.
ALONE = [
    {
        "learning_rate": [1e-3, 3e-3, 1e-2],
        "early_stopping": [True],
        "n_iter_no_change": [20],
        "max_epochs": [300],
        **_AGAINST_OVERFITTING,
    },
    {
        "learning_rate": [3e-3, 1e-2],
        "learning_rate_schedule": ["cosine"],
        "max_epochs": [20, 80],
        **_AGAINST_OVERFITTING,
    },
]


def set_up(name: str, split: int, data: Path | None) -> Scene:
    """Rows that teach, and others that judge, both of the training rows of split 0."""
    scene = Scene.set_up(name, 0, data, MOST_ROWS)
    share = max(HELD_OUT, 1 - MOST_TAUGHT / len(scene.y))
    return dataclasses.replace(scene, split=split).hold_out(share)


def network(scene: Scene, params: Mapping[str, Any]) -> NeuralClassifier:
    """Several networks of the same settings and other seeds, trained at once."""
    return NeuralClassifier(
        hidden_layer_sizes=(64, 32),
        n_members=N_SEEDS,
        random_state=scene.split,
        **params,
    )


def answers(scene: Scene, fitted: NeuralClassifier) -> np.ndarray:
    """What each network says of the rows that judge, (n_seeds, n_rows, n_classes)."""
    logits = fitted.layer_outputs(scene.X_test, "output")
    logits = logits.reshape(len(logits), N_SEEDS, -1).astype(np.float64)
    return softmax(logits, axis=2).swapaxes(0, 1)


def tune_alone(scene: Scene) -> dict[str, Any]:
    """The parameters with the least log-loss by folds of the rows that teach."""
    folds, y = scene.folds(N_FOLDS), scene.y
    classes = np.unique(y)
    labels = np.eye(len(classes))[y]
    lessons = [
        SoftTargets(classes, labels[train], y[train], alpha=0.0) for train, _ in folds
    ]
    best, least = {}, np.inf
    for params in ParameterGrid(ALONE):
        students = [NeuralClassifier(random_state=scene.split, **params) for _ in folds]
        fit_together(students, scene.X, lessons, [train for train, _ in folds])
        loss = np.mean(
            [
                log_loss(y[test], model.predict_proba(scene.X[test]), labels=classes)
                for model, (_, test) in zip(students, folds, strict=True)
            ]
        )
        if loss < least:
            best, least = params, loss
    return best


def distil(scene: Scene, regime: Regime, params: Mapping[str, Any], memory: str):
    """Teach networks as a user would; what the forest says is kept in `memory`."""
    model = DistillationClassifier(
        RandomForestClassifier(N_TREES),
        network(scene, params),
        alpha=regime.alpha,
        temperature=regime.temperature,
        teacher_cv="oob",
        teacher_calibration=regime.calibration,
        transfer=Munge() if regime.size else None,
        transfer_size=regime.size or 1.0,  # without a generator nobody reads it
        transfer_weight=regime.weight,
        transfer_redraw=regime.redraw,
        memory=memory,
        random_state=scene.split,
    )
    return model.fit(scene.X, scene.y)


def calibrated_answers(scene: Scene, model: DistillationClassifier) -> np.ndarray:
    """What the calibrated teacher says of the rows that judge, (n_rows, n_classes).

    Forests say exactly 0, so it is mixed with the share of class frequencies that is
    best out of bag.
    """
    heat = model.teacher_calibration_.temperature
    forest = model.teacher_
    out_of_bag = soften(forest.oob_decision_function_, "probabilities", heat)
    share, _ = best_share(out_of_bag, scene.y, scene.frequencies)
    said = soften(forest.predict_proba(scene.X_test), "probabilities", heat)
    return mix(said, share, scene.frequencies)
