"""What is inside a fitted model."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import (
    AdaBoostClassifier,
    AdaBoostRegressor,
    BaggingClassifier,
    BaggingRegressor,
    StackingClassifier,
    StackingRegressor,
    VotingClassifier,
    VotingRegressor,
)
from sklearn.frozen import FrozenEstimator
from sklearn.multiclass import OneVsOneClassifier, OneVsRestClassifier
from sklearn.multioutput import MultiOutputRegressor
from sklearn.pipeline import FeatureUnion, Pipeline

from skdistill._answers import AnswersAsStudent
from skdistill._detect import is_skorch_net
from skdistill._generations import BornAgainClassifier

#: Ensembles whose members are asked one by one.
_OF_SEVERAL = (
    AdaBoostClassifier,
    AdaBoostRegressor,
    BaggingClassifier,
    BaggingRegressor,
    MultiOutputRegressor,
    OneVsOneClassifier,
    OneVsRestClassifier,
    StackingClassifier,
    StackingRegressor,
    VotingClassifier,
    VotingRegressor,
)


class Exported(ClassifierMixin, BaseEstimator):
    """Stands around a whole model, so that this package is asked about all of it.

    Parameters
    ----------
    model : classifier
        Fitted.
    """

    def __init__(self, model):
        self.model = model

    @property
    def classes_(self) -> NDArray:
        """The labels."""
        return labels_of(self.model)


def inner(model):
    """Look through wrappers that only hand rows on to another model."""
    while True:
        if type(model) is Exported:
            model = model.model
        elif type(model) is FrozenEstimator:
            model = model.estimator
        elif hasattr(model, "best_estimator_") and not _is_ours(model):
            model = model.best_estimator_
        else:
            return model


def _is_ours(model) -> bool:
    return isinstance(model, (AnswersAsStudent, BornAgainClassifier))


def labels_of(model) -> NDArray:
    """Find the labels that a classifier may predict."""
    model = inner(model)
    if is_skorch_net(model):
        # What it predicts are positions, whatever it was fitted on.
        return np.arange(len(model.classes_))
    return np.asarray(model.classes_)


def children_of(model) -> list:
    """The fitted models inside a model, one level down."""
    if isinstance(model, AnswersAsStudent):
        return [model._lesson.student]
    if isinstance(model, BornAgainClassifier):
        return model.generations_
    if isinstance(model, Pipeline):
        return [step for _, step in model.steps]
    if isinstance(model, FeatureUnion):
        return [step for _, step in model.transformer_list]
    if isinstance(model, ColumnTransformer):
        return [step for _, step, _ in model.transformers_]
    if isinstance(model, CalibratedClassifierCV):
        return [fold.estimator for fold in model.calibrated_classifiers_]
    if isinstance(model, _OF_SEVERAL):
        last = getattr(model, "final_estimator_", None)
        return [*model.estimators_, last]
    return []


def parts_of(model) -> Iterator:
    """A model and all that is inside of it, outer ones first."""
    waiting = [model]
    while waiting:
        part = inner(waiting.pop(0))
        if part is None or isinstance(part, str):
            continue
        yield part
        waiting.extend(children_of(part))


def reads_columns(model) -> bool:
    """Whether a model chooses among columns, so that they have to stay apart."""
    return any(isinstance(part, ColumnTransformer) for part in parts_of(model))
