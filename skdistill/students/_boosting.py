"""Histogram gradient boosting on soft labels: its own loop, our objective."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, log_softmax, logit, softmax
from sklearn.base import clone
from sklearn.ensemble import HistGradientBoostingClassifier

from skdistill._sklearn_compat import SoftHistGradientBoosting, validate_params
from skdistill.students._class_weight import by_class
from skdistill.students._lesson import Lesson
from skdistill.targets import UNLABELED, SoftTargets

ROUTE = "boosting"


def takes(student) -> bool:
    """Whether the student is scikit-learn's `HistGradientBoostingClassifier`."""
    return (
        type(student) is HistGradientBoostingClassifier and student.loss == "log_loss"
    )


def teach(student, X, targets: SoftTargets, fit_params: dict) -> Lesson:
    """Boost the student on the distillation loss.

    Early stopping judges by the same loss (or by `scoring`, on the most probable
    labels); its held-out rows are drawn without stratification.

    Parameters
    ----------
    student : HistGradientBoostingClassifier
        Not fitted.
    X : array-like of shape (n_rows, n_features)
        Missing values and categories as the student takes them.
    targets : SoftTargets
        The lesson.
    fit_params : dict
        Passed to `fit`.

    Returns
    -------
    Lesson
        With a genuine fitted `HistGradientBoostingClassifier`.
    """
    validate_params(student)
    model = clone(student)
    targets = targets.weighted_by_class(by_class(student.class_weight, targets))
    labels = targets.mixed().argmax(axis=1)
    booster = SoftHistGradientBoosting(**clone(student).get_params(deep=False))
    booster.begin(BoostingObjective(targets), targets.classes, labels)
    rows = np.arange(len(labels), dtype=np.float64)
    booster.fit(X, rows, sample_weight=targets.weight, **fit_params)
    return Lesson(booster.absorb(model), ROUTE, targets.classes)


class BoostingObjective:
    """The distillation loss as gradient boosting asks for it.

    Follows the protocol of scikit-learn's boosting losses, except that `y_true` holds
    row numbers: targets are looked up, whichever rows the booster trains on. Per row

    - gradient ``alpha T (q_T - p_T) + (1 - alpha) (q - onehot(y))``,
    - Hessian diagonal ``alpha q_T (1 - q_T) + (1 - alpha) q (1 - q)``.

    Parameters
    ----------
    targets : SoftTargets
        The lesson for all rows.
    """

    # What scikit-learn's booster asks of a loss.
    differentiable = True
    constant_hessian = False
    need_update_leaves_values = False

    def __init__(self, targets: SoftTargets):
        self.temperature = targets.temperature
        self.teacher = targets.teacher
        self.labels = targets.labels
        self.alpha = np.broadcast_to(targets.alpha, len(targets.labels))
        self.mixed = targets.mixed()
        self.binary = len(targets.classes) == 2

    def fit_intercept_only(self, y_true, sample_weight=None):
        """Raw prediction to start from: the log of the mean target, centred."""
        mean = np.average(self.mixed[_rows(y_true)], axis=0, weights=sample_weight)
        eps = np.finfo(np.float64).eps
        mean = np.clip(mean, eps, 1 - eps)
        if self.binary:
            return np.atleast_1d(logit(mean[1]))
        return np.log(mean) - np.log(mean).mean()

    def init_gradient_and_hessian(self, n_samples, dtype=np.float64, order="F"):
        """Empty arrays of shape (n_samples,), or (n_samples, n_classes)."""
        shape = (n_samples,) if self.binary else (n_samples, self.mixed.shape[1])
        return np.empty(shape, dtype, order), np.empty(shape, dtype, order)

    def gradient_hessian(
        self,
        y_true,
        raw_prediction,
        sample_weight=None,
        gradient_out=None,
        hessian_out=None,
        n_threads=1,
    ):
        """Write gradient and Hessian diagonal into the arrays given."""
        rows = _rows(y_true)
        z = self._logits(raw_prediction)
        gradient, hessian = self._terms(z, rows)
        if sample_weight is not None:
            weight = sample_weight if self.binary else sample_weight[:, None]
            gradient *= weight
            hessian *= weight
        gradient_out[...] = gradient
        hessian_out[...] = hessian
        return gradient_out, hessian_out

    def _terms(self, z: NDArray, rows: NDArray) -> tuple[NDArray, NDArray]:
        if self.temperature == 1.0:
            q = self._probabilities(z)
            return q - self._target(self.mixed[rows]), q * (1 - q)
        T = self.temperature
        alpha = self.alpha[rows] if self.binary else self.alpha[rows, None]
        q_soft, q = self._probabilities(z / T), self._probabilities(z)
        # alpha p + (1 - alpha) onehot is the mix: subtract the teacher's part of it.
        teacher = alpha * self._target(self.teacher[rows])
        label = self._target(self.mixed[rows]) - teacher
        gradient = T * (alpha * q_soft - teacher) + (1 - alpha) * q - label
        hessian = alpha * q_soft * (1 - q_soft) + (1 - alpha) * q * (1 - q)
        return gradient, hessian

    def __call__(self, y_true, raw_prediction, sample_weight=None, n_threads=1):
        """Mean loss, without the part that only depends on the targets."""
        rows = _rows(y_true)
        z = self._logits(raw_prediction)
        z = np.column_stack([np.zeros_like(z), z]) if self.binary else z
        T, alpha = self.temperature, self.alpha[rows]
        teacher = self.teacher[rows]
        loss = -alpha * T**2 * (teacher * log_softmax(z / T, axis=1)).sum(axis=1)
        labeled = np.flatnonzero(self.labels[rows] != UNLABELED)
        codes = self.labels[rows][labeled]
        said = log_softmax(z[labeled], axis=1)[np.arange(len(codes)), codes]
        loss[labeled] -= (1 - alpha[labeled]) * said
        return np.average(loss, weights=sample_weight)

    def _logits(self, raw_prediction: NDArray) -> NDArray:
        return raw_prediction.reshape(-1) if self.binary else raw_prediction

    def _probabilities(self, z: NDArray) -> NDArray:
        return expit(z) if self.binary else softmax(z, axis=1)

    def _target(self, distribution: NDArray) -> NDArray:
        return distribution[:, 1] if self.binary else distribution


def _rows(y_true: NDArray) -> NDArray[np.intp]:
    return y_true.astype(np.intp)
