"""Logistic regression on soft labels, without copies of rows.

The soft cross-entropy of a linear model is ``sum w (logsumexp(z) - p . z)``: all the
targets enter through one linear term that is computed once, so a step costs what a
step on hard labels costs.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import expit
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.utils.extmath import safe_sparse_dot
from sklearn.utils.validation import validate_data

from skdistill._sklearn_compat import (
    balanced_by_weight,
    check_optimize_result,
    linear_penalty,
    validate_params,
)
from skdistill.students import _copies
from skdistill.students._class_weight import by_class
from skdistill.students._lesson import Lesson
from skdistill.targets import SoftTargets

ROUTE = "linear"

#: Targets enter once, by blocks of rows, so that memory stays that of a plain fit.
_BLOCK_ROWS = 2**14


def takes(student) -> bool:
    """Whether the student is scikit-learn's `LogisticRegression`."""
    return type(student) is LogisticRegression


def is_exact(student) -> bool:
    """Whether the optimum does not depend on the solver: l2 or no penalty.

    liblinear penalises the intercept too, and a one-vs-rest model (an option before
    scikit-learn 1.8) is another model.
    """
    one_model = getattr(student, "multi_class", "auto") in (
        "auto",
        "deprecated",
        "multinomial",
    )
    penalty, _ = linear_penalty(student)
    return student.solver != "liblinear" and penalty in ("l2", None) and one_model


def teach(student, X, targets: SoftTargets, fit_params: dict) -> Lesson:
    """Fit a logistic regression by L-BFGS, whatever its solver, on the loss itself.

    Settings whose optimum this would not be are taught by weighted copies, and the
    temperature is put back into the coefficients.

    Parameters
    ----------
    student : LogisticRegression
        Not fitted.
    X : {array-like, sparse matrix} of shape (n_rows, n_features)
        Rows.
    targets : SoftTargets
        The lesson.
    fit_params : dict
        Passed to `fit` where copies are used.

    Returns
    -------
    Lesson
        With a genuine fitted `LogisticRegression`.
    """
    model = clone(student)
    if not is_exact(student) or fit_params:
        lesson = _copies.teach(model, X, targets, fit_params)
        model.coef_ = model.coef_ * lesson.exponent
        model.intercept_ = model.intercept_ * lesson.exponent
        return Lesson.read(model, ROUTE, targets.classes)
    validate_params(model)
    X = validate_data(
        model, X, accept_sparse="csr", dtype=[np.float64, np.float32], order="C"
    )
    count = targets.weight if balanced_by_weight(model) else None
    weights = by_class(model.class_weight, targets, count)
    targets = targets.weighted_by_class(weights)
    objective = SoftCrossEntropy(X, targets, model)
    # `max_iter` of another solver counts other, dearer, steps.
    max_iter = model.max_iter if model.solver == "lbfgs" else max(model.max_iter, 1000)
    found = minimize(
        objective,
        np.zeros(objective.shape).ravel(),
        method="L-BFGS-B",
        jac=True,
        # scikit-learn's own settings, so that `tol` and `max_iter` mean the same.
        options={
            "maxiter": max_iter,
            "maxls": 50,
            "gtol": model.tol,
            "ftol": 64 * np.finfo(float).eps,
        },
    )
    n_iter = check_optimize_result("lbfgs", found, max_iter)
    _set_coefficients(model, found.x.reshape(objective.shape, order="F"), X.dtype)
    model.classes_ = targets.classes
    model.n_iter_ = np.asarray([n_iter], dtype=np.int32)
    return Lesson(model, ROUTE, targets.classes)


def _set_coefficients(model, coefficients: NDArray, dtype) -> None:
    coefficients = coefficients.astype(dtype)
    if model.fit_intercept:
        model.intercept_ = coefficients[:, -1].copy()
        coefficients = coefficients[:, :-1]
    else:
        model.intercept_ = np.zeros(len(coefficients), dtype=dtype)
    model.coef_ = np.ascontiguousarray(coefficients)


class SoftCrossEntropy:
    """The penalised distillation loss of a linear model, and its gradient.

    Two classes share one vector of coefficients (the log-odds of the second one), as
    in scikit-learn. Called with the raveled coefficients (Fortran order).

    Parameters
    ----------
    X : {ndarray, csr_matrix} of shape (n_rows, n_features)
        Rows.
    targets : SoftTargets
        The lesson.
    model : LogisticRegression
        Says `fit_intercept` and the penalty.

    Attributes
    ----------
    shape : tuple
        (n_outputs, n_features + fit_intercept) of the coefficients.
    """

    def __init__(self, X, targets: SoftTargets, model):
        # Once, not in every step. Sums in float32 would end before the minimum.
        self.X = X = X.astype(np.float64, copy=False)
        self.temperature = targets.temperature
        self.n_features = X.shape[1]
        self.binary = len(targets.classes) == 2
        n_outputs = 1 if self.binary else len(targets.classes)
        self.shape = (n_outputs, self.n_features + model.fit_intercept)
        total = len(targets.labels) if targets.weight is None else targets.weight.sum()
        penalty, C = linear_penalty(model)
        self.strength = 0.0 if penalty is None else 1.0 / (C * total)
        # Of the mean loss: `tol` bounds its gradient. Numbers, where rows weigh alike.
        weight = 1.0 if targets.weight is None else targets.weight
        self.on_teacher = weight * targets.alpha / total
        self.on_label = weight * (1.0 - targets.alpha) / total
        self.linear_term = np.zeros(self.shape)
        for start in range(0, X.shape[0], _BLOCK_ROWS):
            rows = slice(start, start + _BLOCK_ROWS)
            self.linear_term += self._moments(self._pull(targets, rows), X[rows])

    def _pull(self, targets: SoftTargets, rows: slice) -> NDArray:
        """What draws each logit up: - d loss / d z without the normaliser's part."""
        on_teacher = _column(self.on_teacher, rows)
        pull = targets.teacher[rows] * (self.temperature * on_teacher)
        hot = targets.labels[rows, None] == np.arange(pull.shape[1])
        pull += hot * _column(self.on_label, rows)
        return pull[:, 1:] if self.binary else pull

    def _moments(self, by_row: NDArray, X) -> NDArray:
        """Gradient with respect to the coefficients of one with respect to logits."""
        moments = np.empty(self.shape)
        moments[:, : self.n_features] = safe_sparse_dot(by_row.T, X, dense_output=True)
        if self.shape[1] > self.n_features:
            moments[:, -1] = by_row.sum(axis=0)
        return moments

    def __call__(self, raveled: NDArray) -> tuple[float, NDArray]:
        coefficients = raveled.reshape(self.shape, order="F")
        W = coefficients[:, : self.n_features]
        z = safe_sparse_dot(self.X, W.T, dense_output=True)
        if self.shape[1] > self.n_features:
            z += coefficients[:, -1]
        normalizer, by_row = self._normalizer(z)
        loss = normalizer - np.vdot(coefficients, self.linear_term)
        gradient = self._moments(by_row, self.X) - self.linear_term
        gradient[:, : self.n_features] += self.strength * W
        loss += 0.5 * self.strength * np.vdot(W, W)
        return float(loss), gradient.ravel(order="F")

    def _normalizer(self, z: NDArray) -> tuple[float, NDArray]:
        """Sum of the weighted log-normalisers, and its gradient in z (overwritten)."""
        if self.temperature == 1.0:
            return _log_normalizer(z, self.on_teacher + self.on_label)
        T = self.temperature
        soft, soft_gradient = _log_normalizer(z / T, T**2 * self.on_teacher)
        hard, hard_gradient = _log_normalizer(z, self.on_label)
        soft_gradient /= T
        hard_gradient += soft_gradient
        return soft + hard, hard_gradient


def _column(by_row, rows: slice):
    return by_row[rows, None] if isinstance(by_row, np.ndarray) else by_row


def _weighted_sum(weight, values: NDArray) -> float:
    return weight @ values if isinstance(weight, np.ndarray) else weight * values.sum()


def _log_normalizer(z: NDArray, weight) -> tuple[float, NDArray]:
    """``sum(weight * logsumexp(z))`` and its gradient, which takes the place of z."""
    if z.shape[1] == 1:
        loss = _weighted_sum(weight, np.logaddexp(0.0, z[:, 0]))
        expit(z, out=z)
        z *= _column(weight, slice(None))
        return loss, z
    largest = z.max(axis=1, keepdims=True)
    z -= largest
    np.exp(z, out=z)
    total = z.sum(axis=1, keepdims=True)
    z *= _column(weight, slice(None)) / total
    np.log(total, out=total)
    total += largest
    return _weighted_sum(weight, total[:, 0]), z
