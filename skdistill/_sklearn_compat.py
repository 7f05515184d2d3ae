"""Everything that is private in, or differs between versions of, scikit-learn.

One place to look when scikit-learn changes. Supported: 1.6 and later.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator

import numpy as np
import sklearn
from numpy.typing import NDArray
from sklearn.base import is_regressor as _is_regressor
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    StackingClassifier,
    VotingClassifier,
)
from sklearn.ensemble._forest import BaseForest
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import (
    GridSearchCV,
    PredefinedSplit,
    StratifiedKFold,
    StratifiedShuffleSplit,
    TimeSeriesSplit,
)
from sklearn.model_selection._split import _UnsupportedGroupCVMixin
from sklearn.tree._tree import Tree
from sklearn.utils import _safe_indexing as take_rows
from sklearn.utils.class_weight import compute_class_weight
from sklearn.utils.optimize import _check_optimize_result as check_optimize_result
from sklearn.utils.validation import _check_method_params as take_metadata
from sklearn.utils.validation import _check_sample_weight, has_fit_parameter
from sklearn.utils.validation import _get_feature_names as feature_names_of

try:  # scikit-learn >= 1.7
    from sklearn.utils._repr_html.estimator import _VisualBlock as VisualBlock
except ImportError:
    from sklearn.utils._estimator_html_repr import _VisualBlock as VisualBlock

__all__ = [
    "SHARES_OF_NONE",
    "TIES_TO_THE_LAST",
    "SoftHistGradientBoosting",
    "VisualBlock",
    "balanced_by_weight",
    "check_optimize_result",
    "check_weights",
    "draw_in_bag_weights",
    "feature_names_of",
    "format_search_results",
    "is_regressor",
    "linear_penalty",
    "make_tree",
    "take_metadata",
    "take_rows",
    "takes_groups",
    "takes_weights",
    "validate_params",
]

_VERSION = tuple(int(part) for part in sklearn.__version__.split(".")[:2])
#: Whether `OneVsRestClassifier` predicts the last of several classes that tie.
TIES_TO_THE_LAST = _VERSION < (1, 8)
#: What it gives for each class where the probabilities of all of them are 0.
SHARES_OF_NONE = np.nan if _VERSION < (1, 7) else 0.0

#: These warn of groups, the first by its class, the others on their own.
_IGNORE_GROUPS = (
    _UnsupportedGroupCVMixin,
    StratifiedKFold,
    StratifiedShuffleSplit,
    TimeSeriesSplit,
    PredefinedSplit,
)


def format_search_results(settings: list[dict], n_splits: int, trials: list[dict]):
    """Make `cv_results_` as `GridSearchCV` does.

    Parameters
    ----------
    settings : list of n_candidates dict
        Parameters of each candidate.
    n_splits : int
        Number of folds.
    trials : list of n_candidates * n_splits dict
        Each with "score", "fit_time" and "score_time"; the folds of the first
        candidate first.

    Returns
    -------
    dict of ndarray
    """
    out = [
        {
            "test_scores": trial["score"],
            "fit_time": trial["fit_time"],
            "score_time": trial["score_time"],
        }
        for trial in trials
    ]
    with np.errstate(invalid="ignore"):  # scores may be infinite
        return GridSearchCV(None, {})._format_results(settings, n_splits, out)


def check_weights(sample_weight, X) -> NDArray[np.float64] | None:
    """Check weights of the rows of X, one for each and none negative; None is none."""
    if sample_weight is None:
        return None
    weight = _check_sample_weight(sample_weight, X, dtype=np.float64)
    if weight.min() < 0:
        raise ValueError("sample_weight has negative values; they must be >= 0.")
    if not weight.any():  # as scikit-learn itself refuses them since 1.9
        raise ValueError("sample_weight is 0 on all rows; give some of them weight.")
    return weight


def validate_params(estimator) -> None:
    """Let a scikit-learn estimator check its own constructor parameters."""
    if hasattr(estimator, "_parameter_constraints"):
        estimator._validate_params()


def make_tree(n_features: int, state: dict, n_classes: int) -> Tree:
    """Build a single-output classification tree from the state of a tree."""
    tree = Tree(n_features, np.array([n_classes], dtype=np.intp), 1)
    tree.__setstate__(state)
    return tree


def is_regressor(obj) -> bool:
    """As scikit-learn's, for objects without tags as well."""
    try:
        return _is_regressor(obj)
    except AttributeError:
        return getattr(obj, "_estimator_type", None) == "regressor"


def takes_groups(splitter) -> bool:
    """Whether a splitter may read groups: any but those that say they ignore them."""
    is_splitter = hasattr(splitter, "split") and not isinstance(splitter, str)
    return is_splitter and not isinstance(splitter, _IGNORE_GROUPS)


def takes_weights(estimator) -> bool:
    """Whether `fit` takes `sample_weight`, by name or for all of its members."""
    if has_fit_parameter(estimator, "sample_weight"):
        return True
    if isinstance(estimator, (VotingClassifier, StackingClassifier)):
        members = [member for _, member in estimator.estimators if member != "drop"]
        final = getattr(estimator, "final_estimator", None)
        members += [] if final is None else [final]
        return all(takes_weights(member) for member in members)
    return False


def balanced_by_weight(student) -> bool:
    """Whether the student's "balanced" class weights count rows by their weight."""
    if isinstance(student, BaseForest):
        function = student._validate_y_class_weight
    elif isinstance(student, LogisticRegression):
        function = compute_class_weight
    else:
        return False
    return "sample_weight" in inspect.signature(function).parameters


def draw_in_bag_weights(ensemble, n_rows: int, weight) -> Iterator[tuple]:
    """Yield, for each member, how often each row was drawn, and the row's weight.

    Forests from scikit-learn 1.9 on (and bagging from 1.8 on) draw rows in proportion
    to their weight, and a member then counts draws; before, rows are drawn evenly and
    a member counts weighted draws.
    """
    weights_are_drawn = hasattr(ensemble, "_sample_weight")
    for drawn in ensemble.estimators_samples_:
        counts = np.bincount(drawn, minlength=n_rows).astype(np.float64)
        alone = weights_are_drawn or weight is None
        yield counts, counts if alone else counts * weight


def linear_penalty(model) -> tuple[str | None, float]:
    """The penalty ("l2", "l1", "elasticnet" or None) of a `LogisticRegression`, and C.

    Before 1.8 the penalty is a parameter; from then on it follows from `l1_ratio` and
    `C` unless the deprecated parameter is set.
    """
    if model.penalty != "deprecated":
        return model.penalty, model.C
    if np.isinf(model.C):
        return None, model.C
    if not model.l1_ratio:
        return "l2", model.C
    return ("l1" if model.l1_ratio == 1 else "elasticnet"), model.C


class SoftHistGradientBoosting(HistGradientBoostingClassifier):
    """A `HistGradientBoostingClassifier` that trains on row numbers in place of labels.

    The booster shuffles, splits and subsamples its y on the way. Given the *number* of
    each row as y, it hands those numbers to a loss that can look up anything about the
    row. `absorb` afterwards makes a genuine classifier of the result.
    """

    def __init__(self, **params):
        super().__init__(**params)

    @classmethod
    def _get_param_names(cls):
        return HistGradientBoostingClassifier._get_param_names()

    def begin(self, objective, classes, labels):
        """Set the loss to train with, the classes, and a label code for every row."""
        self._objective, self._classes, self._labels = objective, classes, labels
        return self

    def absorb(self, target: HistGradientBoostingClassifier):
        """Move the fitted state into `target`, a plain classifier, and return that."""
        state = dict(vars(self))
        for name in ("_objective", "_classes", "_labels"):
            del state[name]
        state.update(target.get_params(deep=False))
        target.__dict__.update(state)
        target._loss = HistGradientBoostingClassifier._get_loss(target, None)
        return target

    def _encode_y(self, y):
        self.classes_ = self._classes
        n_classes = len(self._classes)
        self.n_trees_per_iteration_ = 1 if n_classes <= 2 else n_classes
        return np.asarray(y, dtype=np.float64)

    def _finalize_sample_weight(self, sample_weight, y):
        return sample_weight

    def _get_loss(self, sample_weight):
        return self._objective

    def _get_small_trainset(self, X_binned_train, y_train, sample_weight_train, seed):
        # Stratifying wants labels, not row numbers.
        labels = self._labels[y_train.astype(np.intp)]
        X, _, weight, rows = super()._get_small_trainset(
            X_binned_train, labels, sample_weight_train, seed
        )
        return X, y_train[rows], weight, rows

    def _check_early_stopping_scorer(
        self, X_train, y_train, weight_train, X_val, y_val, *args, **kwargs
    ):
        y_train = self._labels[y_train.astype(np.intp)]
        if y_val is not None:
            y_val = self._labels[y_val.astype(np.intp)]
        # Scorers go through predict_proba, which asks the loss of the public class.
        objective = self._loss
        self._loss = HistGradientBoostingClassifier._get_loss(self, None)
        try:
            return super()._check_early_stopping_scorer(
                X_train, y_train, weight_train, X_val, y_val, *args, **kwargs
            )
        finally:
            self._loss = objective
