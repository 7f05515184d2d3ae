"""The best student that fits a budget: of bytes, time or leaves."""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Mapping
from contextlib import contextmanager
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin, MetaEstimatorMixin, clone
from sklearn.model_selection import ParameterGrid
from sklearn.utils import check_random_state, get_tags
from sklearn.utils.metadata_routing import MetadataRouter, MethodMapping
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from skdistill._base import SaysLogProba
from skdistill._detect import is_module
from skdistill._onnx_protocol import ONNX
from skdistill._rows import slice_rows
from skdistill._search import DistillationClassifierCV
from skdistill.metrics import model_size, prediction_latency
from skdistill.metrics._inside import leaves_of

_OF_STUDENT = "student__"
#: Columns of the costs, and what bounds them.
_COSTS = {
    "n_bytes": "max_bytes",
    "us_per_row": "max_microseconds",
    "n_leaves": "max_leaves",
}

_TIMED_ROWS = 200


def _has(method: str):
    """Whether the best model has a method; unfitted, whether the search might."""

    def check(self) -> bool:
        return hasattr(getattr(self, "best_estimator_", self.search), method)

    return available_if(check)


class BudgetedDistillationCV(
    SaysLogProba, ONNX, ClassifierMixin, MetaEstimatorMixin, BaseEstimator
):
    """Distil into the best of several students that fits a budget.

    Each student is searched with the same teacher, its best settings are scored by
    cross-validation, and it is trained on all rows. Then bytes, time and leaves are
    measured. Of the students that fit the budget the one with the best score is taken.

    Parameters
    ----------
    search : DistillationClassifierCV
        With the teacher, the settings to try, folds and scoring. Its own student is
        tried if `students` are parameters of it. It is not changed.
    students : list of estimators, dict of str to estimator, or dict of str to list
        What to choose from: classifiers, named by what they are, or by the keys; or a
        grid of parameters of the search's own student, as
        ``{"max_leaf_nodes": [8, 32, 128]}``.
    max_bytes : float, default=None
        Bytes of the student alone, as :func:`~skdistill.metrics.model_size` counts
        them. None: any number.
    max_microseconds : float, default=None
        Median time for one row, called alone on one thread, of the machine that `fit`
        runs on.
    max_leaves : float, default=None
        Leaves of all trees together. Students without trees have none, and fit.

    Attributes
    ----------
    best_estimator_ : DistillationClassifier
        The chosen student with its best settings, fitted on all rows.
    best_index_ : int
        Its row in `results_`.
    best_score_ : float
        Its mean score over the folds.
    results_ : dict of ndarray
        A row for each student: "name", "score" and "std_score" (over the folds),
        "alpha", "temperature", "improves" (whether the teacher helps it), "n_bytes",
        "n_parameters", "n_nodes", "n_leaves" (nan where there is none), "us_per_row",
        "fits" (the budget), and "on_front" (no other is as cheap in bytes and time, and
        as good). :class:`~skdistill.inspection.ParetoDisplay` draws it.
    search_ : DistillationClassifierCV
        The fitted search with the chosen student.
    classes_ : ndarray of shape (n_classes,)
        The labels of y.
    n_features_in_ : int
        Number of features seen during `fit`.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the features, if X had any.

    See Also
    --------
    DistillationClassifierCV : For one student.

    Notes
    -----
    The teacher is fitted and asked once a fold, whatever the number of students: what
    it says is kept in the `memory` of the search, or in a folder that is removed in the
    end. All students are scored on the same folds. The score of the best is a little
    too good, as in any search; judge the chosen one on other rows.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.ensemble import RandomForestClassifier
    >>> from sklearn.tree import DecisionTreeClassifier
    >>> from skdistill import BudgetedDistillationCV, DistillationClassifierCV
    >>> X, y = load_digits(return_X_y=True)
    >>> search = DistillationClassifierCV(
    ...     RandomForestClassifier(30, random_state=0),
    ...     DecisionTreeClassifier(min_samples_leaf=3, random_state=0),
    ...     temperatures=[1.0],
    ...     alphas=[0.7],
    ...     cv=3,
    ... )
    >>> choice = BudgetedDistillationCV(
    ...     search, {"max_leaf_nodes": [8, 32, 128]}, max_leaves=64
    ... ).fit(X, y)
    >>> choice.results_["fits"].tolist()
    [True, True, False]
    >>> choice.results_["name"][choice.best_index_]
    'max_leaf_nodes=32'
    """

    def __init__(
        self,
        search,
        students,
        *,
        max_bytes=None,
        max_microseconds=None,
        max_leaves=None,
    ):
        self.search = search
        self.students = students
        self.max_bytes = max_bytes
        self.max_microseconds = max_microseconds
        self.max_leaves = max_leaves

    def fit(self, X, y, **params):
        """Search with each student, measure all, and choose.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_rows, n_features)
            Training rows, as teacher and students take them.
        y : array-like of shape (n_rows,)
            True labels of at least two classes.
        **params : dict
            Passed to `fit` of each search: `sample_weight`, `groups`, `teacher_proba`,
            `X_unlabeled` and further metadata.

        Returns
        -------
        self : BudgetedDistillationCV
            Fitted.

        Raises
        ------
        TypeError, ValueError
            Before any training, if a parameter cannot be meant so; after it, if no
            student fits the budget (the text says what the cheapest takes).
        """
        students = self._named_students()
        self._check_budget()
        self._check_grid(students)
        found, best = [], None
        with _shared_memory(self.search) as shared:
            for name, student in students.items():
                one = clone(self.search).set_params(**shared, student=student)
                _fit_quietly(one, X, y, params)
                found.append(_describe(name, one, X))
                # Only the best so far is kept: each holds a teacher.
                if self._fits(found[-1]) and not _score(best) >= one.best_score_:
                    best = one
        self._check_any_fits(found)
        self._remember(best, found)
        return self

    def _named_students(self) -> dict[str, Any]:
        if not isinstance(self.search, DistillationClassifierCV):
            raise TypeError(
                f"search={self.search!r} must be a DistillationClassifierCV, which "
                "holds the teacher and says what is tried with each student."
            )
        students = self.students
        if not isinstance(students, (list, tuple, Mapping)) or not students:
            raise TypeError(
                f"students={students!r} must be a list of estimators, a dict of names "
                "to estimators, or a dict of parameters to lists of values."
            )
        if not isinstance(students, Mapping):
            _check_each(dict(enumerate(students)))
            return _numbered(students)
        lists = [isinstance(v, (list, tuple, np.ndarray)) for v in students.values()]
        if not all(lists):
            if any(lists):
                raise TypeError(
                    f"students={students!r} mixes estimators and lists of values; give "
                    "names of estimators, or parameters of the search's own student."
                )
            _check_each(students)
            return dict(students)
        own = self.search.student
        return {
            ", ".join(f"{k}={v}" for k, v in values.items()): clone(own).set_params(
                **values
            )
            for values in ParameterGrid(dict(students))
        }

    def _check_budget(self) -> None:
        wrong = [
            f"{name}={value!r} must be a number above 0, or None."
            for name, value in self._limits().items()
            if value is not None
            and (not isinstance(value, Real) or isinstance(value, bool) or value <= 0)
        ]
        if wrong:
            raise ValueError(" ".join(wrong))

    def _check_grid(self, students: Mapping[str, Any]) -> None:
        grids = self.search.param_grid or {}
        grids = grids if isinstance(grids, (list, tuple)) else [grids]
        names = {
            name for grid in grids for name in grid if name.startswith(_OF_STUDENT)
        }
        for label, student in students.items():
            own = student.get_params() if hasattr(student, "get_params") else {}
            # Of nested names the first part tells: others may be set, and not got.
            lacking = sorted(n for n in names if n.split("__")[1] not in own)
            if lacking:
                raise ValueError(
                    f"The student {label!r} ({type(student).__name__}) has no "
                    f"{', '.join(lacking)}, which search.param_grid tries with every "
                    "student. Leave it out, and give the students tuned; those of one "
                    "kind can be searched alone."
                )

    def _limits(self) -> dict[str, Any]:
        return {limit: getattr(self, limit) for limit in _COSTS.values()}

    def _fits(self, row: dict[str, Any]) -> bool:
        for cost, limit in _COSTS.items():
            most, value = getattr(self, limit), row[cost]
            # What has no leaves has none too many; nan is not below anything.
            has_none = cost == "n_leaves" and np.isnan(value)
            if most is not None and not has_none and not value <= most:
                return False
        return True

    def _check_any_fits(self, found: list[dict]) -> None:
        if any(map(self._fits, found)):
            return
        told = [
            f"{limit}={most!r}, the least is {np.nanmin([r[cost] for r in found]):,.4g}"
            for cost, limit in _COSTS.items()
            if (most := getattr(self, limit)) is not None
        ]
        who = "The student does not fit"
        if len(found) > 1:
            who = f"None of the {len(found)} students fits"
        raise ValueError(
            f"{who} the budget ({'; '.join(told)}). "
            "Allow more, or give smaller students."
        )

    def _remember(self, best, found: list[dict]) -> None:
        """Set all fitted attributes at once, so that a failed fit leaves none."""
        results = {name: np.array([row[name] for row in found]) for name in found[0]}
        results["fits"] = np.array([self._fits(row) for row in found])
        results["on_front"] = _front(
            results["score"], results["n_bytes"], results["us_per_row"]
        )
        score = np.where(results["fits"], results["score"], -np.inf)
        self.best_index_ = int(np.argmax(score))
        self.best_score_ = float(best.best_score_)
        self.results_ = results
        for model in (best, best.best_estimator_):
            model.memory = self.search.memory  # the folder of the others is gone
        self.search_ = best
        self.best_estimator_ = best.best_estimator_
        self.classes_ = best.classes_
        self.n_features_in_ = best.n_features_in_
        self.__dict__.pop("feature_names_in_", None)
        if hasattr(best, "feature_names_in_"):
            self.feature_names_in_ = best.feature_names_in_

    def _best(self):
        check_is_fitted(self)
        return self.best_estimator_

    def predict(self, X):
        """Predict labels with the best student.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_rows, n_features)
            Rows, as the student takes them.

        Returns
        -------
        ndarray of shape (n_rows,)
        """
        return self._best().predict(X)

    @_has("predict_proba")
    def predict_proba(self, X):
        """Predict the probability of each class with the best student.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_rows, n_features)
            Rows, as the student takes them.

        Returns
        -------
        ndarray of shape (n_rows, n_classes)
            One column for each of `classes_`.
        """
        return self._best().predict_proba(X)

    @_has("decision_function")
    def decision_function(self, X):
        """Call `decision_function` of the best student.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_rows, n_features)
            Rows, as the student takes them.

        Returns
        -------
        ndarray of shape (n_rows,) or (n_rows, n_classes)
        """
        return self._best().decision_function(X)

    def get_metadata_routing(self):
        """Say which metadata `fit` takes: what the search takes.

        Returns
        -------
        MetadataRouter
            See scikit-learn's guide to metadata routing.
        """
        to_fit = MethodMapping().add(caller="fit", callee="fit")
        router = MetadataRouter(owner=self)
        return router.add(search=self.search, method_mapping=to_fit)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        if isinstance(self.search, DistillationClassifierCV):
            tags.input_tags = get_tags(self.search).input_tags
        return tags

    def __sklearn_is_fitted__(self):
        return hasattr(self, "best_estimator_")


def _check_each(students: Mapping) -> None:
    for key, student in students.items():
        learns = hasattr(student, "fit") or is_module(student)
        if isinstance(student, type) or not learns:
            raise TypeError(
                f"students[{key!r}]={student!r} is no estimator that could learn; give "
                "one that is not fitted, or a torch module."
            )


def _numbered(students) -> dict[str, Any]:
    """Name students by what they are; by a number too, where several are alike."""
    kinds = [type(student).__name__ for student in students]
    return {
        kind if kinds.count(kind) == 1 else f"{kind} {kinds[:k].count(kind) + 1}": each
        for k, (kind, each) in enumerate(zip(kinds, students, strict=True))
    }


@contextmanager
def _shared_memory(search: DistillationClassifierCV):
    """Parameters under which searches share what the teacher learns and says."""
    seed = search.random_state
    if not isinstance(seed, (int, np.integer)):
        seed = int(check_random_state(seed).randint(np.iinfo(np.int32).max))
    if search.memory is not None:
        yield {"random_state": seed}
        return
    with tempfile.TemporaryDirectory() as folder:
        yield {"random_state": seed, "memory": folder}


def _fit_quietly(search: DistillationClassifierCV, X, y, params: dict):
    """Fit; which students the teacher does not help is in the results."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The teacher does not help this student")
        return search.fit(X, y, **params)


def _score(search: DistillationClassifierCV | None) -> float:
    return -np.inf if search is None else search.best_score_


def _describe(name: str, search: DistillationClassifierCV, X) -> dict[str, Any]:
    """A row of `results_` for a fitted search."""
    model = search.best_estimator_
    size = model_size(model.student_)
    method = "predict_proba" if hasattr(model, "predict_proba") else "predict"
    latency = prediction_latency(model, slice_rows(X, 0, _TIMED_ROWS), method=method)
    row = {
        "score": search.best_score_,
        "std_score": search.cv_results_["std_test_score"][search.best_index_],
        "alpha": search.alpha_,
        "temperature": search.temperature_,
        **size._asdict(),
        "n_leaves": _count_leaves(model.student_),
        "us_per_row": latency.one_row_us,
    }
    numbers = {k: np.nan if v is None else float(v) for k, v in row.items()}
    return {"name": name, "improves": search.improves_, **numbers}


def _count_leaves(student) -> int | None:
    """Of all trees in it; None, if there are none."""
    counts = []
    for part in leaves_of(student):
        if hasattr(part, "tree_"):
            counts.append(int(part.get_n_leaves()))
        for trees in getattr(part, "_predictors", []):  # of histogram-based boosting
            counts += [int(tree.get_n_leaf_nodes()) for tree in trees]
    return sum(counts) or None


def _front(score: NDArray, *costs: NDArray) -> NDArray[np.bool_]:
    """Who is not beaten: by none that is as good and as cheap, and better in one."""
    table = np.column_stack([-score, *costs])
    as_good = (table[:, None] <= table).all(axis=2)
    better = (table[:, None] < table).any(axis=2)
    beaten = (as_good & better).any(axis=0)
    return np.logical_not(beaten)
