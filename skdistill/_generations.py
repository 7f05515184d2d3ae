"""Born-again classifiers: each generation of a student teaches the next."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
from sklearn import get_config
from sklearn.base import BaseEstimator, ClassifierMixin, MetaEstimatorMixin
from sklearn.exceptions import NotFittedError
from sklearn.utils import check_random_state
from sklearn.utils.metadata_routing import (
    MetadataRouter,
    MethodMapping,
    process_routing,
)
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import validate_data

from skdistill import _checks
from skdistill._base import SaysLogProba, routes
from skdistill._classifier import DistillationClassifier
from skdistill._display import children_tags
from skdistill._onnx_protocol import ONNX
from skdistill._rows import TrainingRows
from skdistill._store import open_store
from skdistill.students import (
    InterruptedLesson,
    check_student,
    has_probabilities,
    wanted_representations,
)
from skdistill.targets import SoftTargets
from skdistill.teachers import PRECOMPUTED


class _Generation(DistillationClassifier):
    """One student, taught by a table of what the one before it said."""

    def _warn_if_it_disagrees(self, targets: SoftTargets) -> None:
        """Say nothing: nobody gave that teacher."""


def _says_decision(self) -> bool:
    generations = getattr(self, "generations_", [self.student])
    return not self.average and hasattr(generations[-1], "decision_function")


def _says_proba(self) -> bool:
    generations = getattr(self, "generations_", None)
    if generations is not None:
        return hasattr(generations[-1], "predict_proba")
    return has_probabilities(self.student)


class BornAgainClassifier(
    SaysLogProba, ONNX, ClassifierMixin, MetaEstimatorMixin, BaseEstimator
):
    r"""Train a student, then let it teach another like it, and so on.

    The first generation learns from the labels alone. Each later one is a fresh
    student with the same settings, which learns from the labels and from what the
    generation before it says about the training rows [1]_, by the loss of
    :class:`DistillationClassifier`. Nothing gets smaller: what may be gained is a
    better student of the same size.

    Parameters
    ----------
    student : estimator or torch module
        What to train, as for :class:`DistillationClassifier`. It is cloned.
    n_generations : int, default=3
        How many students are trained in all, the first one included; 1 is the student
        on the labels, and no more.
    temperature : float, default=1.0
        T > 0, at which a generation is compared with the one before it.
    alpha : float, default=0.7
        Weight of the earlier generation against the labels, in [0, 1].
    average : bool, default=False
        Whether to keep all generations and predict by the mean of their
        probabilities: better, as a rule, and `n_generations` times as heavy.
    memory : str, path-like or joblib.Memory, default=None
        A folder, or a Memory, in which to keep the first generation, which does not
        depend on temperature and alpha. See :ref:`searches`.
    random_state : int, RandomState instance or None, default=None
        Seeds each generation anew where the student's own is None.
    verbose : int, default=0
        Above 0, say which generation is being trained.

    Attributes
    ----------
    generations_ : list of DistillationClassifier
        What predicts, without teachers: all generations, oldest first, if `average`;
        else the last one alone.
    n_generations_ : int
        How many were trained.
    student_ : estimator
        The fitted student of the last generation, of the class given.
    classes_ : ndarray of shape (n_classes,)
        The labels of y.
    n_features_in_ : int
        Number of features seen during `fit`.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the features, if X had any.

    See Also
    --------
    DistillationClassifier : One student, taught by any teacher.

    Notes
    -----
    A generation is asked about the rows that it was trained on. A student that has
    memorised them (a full-grown tree, a nearest neighbour) repeats the labels, and the
    next generation learns nothing new.

    References
    ----------
    .. [1] T. Furlanello, Z. Lipton, M. Tschannen, L. Itti and A. Anandkumar, "Born
       again neural networks", ICML 2018.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.tree import DecisionTreeClassifier
    >>> from skdistill import BornAgainClassifier
    >>> X, y = load_digits(return_X_y=True)
    >>> tree = DecisionTreeClassifier(max_leaf_nodes=40, random_state=0)
    >>> model = BornAgainClassifier(tree, n_generations=2).fit(X, y)
    >>> model.student_.get_n_leaves(), model.n_generations_
    (40, 2)
    """

    def __init__(
        self,
        student,
        *,
        n_generations=3,
        temperature=1.0,
        alpha=0.7,
        average=False,
        memory=None,
        random_state=None,
        verbose=0,
    ):
        self.student = student
        self.n_generations = n_generations
        self.temperature = temperature
        self.alpha = alpha
        self.average = average
        self.memory = memory
        self.random_state = random_state
        self.verbose = verbose

    def fit(self, X, y, sample_weight=None, **params):
        """Train one generation after the other.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_rows, n_features)
            Training rows, as the student takes them.
        y : array-like of shape (n_rows,)
            True labels of at least two classes.
        sample_weight : array-like of shape (n_rows,), default=None
            Row weights. They reach each generation, as far as the student takes any.
        **params : dict
            Further metadata for the student's `fit`, by scikit-learn's metadata
            routing.

        Returns
        -------
        self : BornAgainClassifier
            Fitted.

        Raises
        ------
        TypeError, ValueError
            Before any training, if a parameter or the data cannot be meant so.
        """
        self._check_params()
        params = self._route_metadata(params)
        rows = _checks.check_rows(X, y, sample_weight)
        check_student(self.student, rows.classes)
        generations: list[DistillationClassifier] = []
        for k, seed in enumerate(self._seeds()):
            if self.verbose:
                print(f"[{type(self).__name__}] generation {k + 1}")
            parent = generations[-1] if generations else None
            try:
                child = self._teach_once(parent, rows, seed, params)
            except InterruptedLesson as interrupt:
                # One that was interrupted is not of the size of the others.
                raise KeyboardInterrupt(
                    f"Interrupted in generation {k + 1}: nothing is kept."
                ) from interrupt
            generations = [*generations, child] if self.average else [child]
        return self._remember(rows, generations)

    def _seeds(self) -> list[int] | list[None]:
        """One for each generation, so that they differ in more than their lessons."""
        if self.random_state is None:
            return [None] * self.n_generations
        rng = check_random_state(self.random_state)
        return rng.randint(np.iinfo(np.int32).max, size=self.n_generations).tolist()

    def _check_params(self) -> None:
        _checks.check_generations(self)
        check_student(self.student)
        if wanted_representations(self.student):
            raise ValueError(
                f"student={self.student!r} wants to match what its teacher makes of "
                "each row, and a generation hands on no more than probabilities; leave "
                "the matching out, or give it a teacher in a DistillationClassifier."
            )
        if has_probabilities(self.student):
            return
        if self.average or not hasattr(self.student, "decision_function"):
            raise TypeError(
                f"student={self.student!r} says no probabilities, of which to take a "
                "mean or to teach the next generation; give one with predict_proba, "
                "CalibratedClassifierCV(student) for example"
                + (", or set average=False." if self.average else ".")
            )

    def _route_metadata(self, params: dict) -> dict:
        """Check further metadata, and find what the student's fit gets of it."""
        if not get_config()["enable_metadata_routing"]:
            if params:
                raise ValueError(
                    f"fit got unexpected {sorted(params)}; to pass metadata on to the "
                    "student call sklearn.set_config(enable_metadata_routing=True) and "
                    "request it there with set_fit_request."
                )
            return {}
        routed: Any = process_routing(self, "fit", **params)
        return dict(routed["student"]["fit"]) if routes(self.student) else {}

    def _teach_once(self, parent, rows: TrainingRows, seed: int | None, params: dict):
        """Train one generation, or look up the first."""
        teach = functools.partial(self._teach, parent, rows, seed, params)
        store = open_store(self.memory)
        if parent is not None or store is None:
            return teach()
        student = type(self.student), self.student
        tables = [rows.X, rows.y]
        key = store.key("first", *student, seed, params, rows.weight, rows=tables)
        return store.remember("generations", key, teach)

    def _teach(
        self,
        parent: DistillationClassifier | None,
        rows: TrainingRows,
        seed: int | None,
        params: dict,
    ) -> DistillationClassifier:
        """Train one generation; it keeps nothing of its parent."""
        if parent is None:
            # Of no weight, but a teacher has to say something.
            said, is_proba = np.eye(len(rows.classes))[rows.codes], True
        else:
            is_proba = hasattr(parent, "predict_proba")
            say = parent.predict_proba if is_proba else parent.decision_function
            said = say(rows.X)
        return _Generation(
            PRECOMPUTED,
            self.student,
            temperature=1.0 if parent is None else self.temperature,
            alpha=0.0 if parent is None else self.alpha,
            teacher_output="probabilities" if is_proba else "logits",
            random_state=seed,
        ).fit(rows.X, rows.y, rows.weight, teacher_proba=said, **params)

    def _remember(self, rows: TrainingRows, generations: list):
        """Set all fitted attributes at once, so that a failed fit leaves none."""
        self.__dict__.pop("feature_names_in_", None)
        validate_data(self, rows.X, skip_check_array=True)
        self.classes_ = rows.classes
        self.generations_ = generations
        self.n_generations_ = int(self.n_generations)
        self.student_ = generations[-1].student_
        return self

    def _fitted(self) -> list[DistillationClassifier]:
        try:
            return self.generations_
        except AttributeError:
            raise NotFittedError(
                "This BornAgainClassifier is not fitted yet; call fit first."
            ) from None

    def predict(self, X):
        """Predict labels.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_rows, n_features)
            Rows, as the student takes them.

        Returns
        -------
        ndarray of shape (n_rows,)
            Labels of y.
        """
        generations = self._fitted()
        if len(generations) == 1:
            return generations[0].predict(X)
        return self.classes_[self.predict_proba(X).argmax(axis=1)]

    @available_if(_says_proba)
    def predict_proba(self, X):
        """Predict the probability of each class.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_rows, n_features)
            Rows, as the student takes them.

        Returns
        -------
        ndarray of shape (n_rows, n_classes)
            One column for each of `classes_`.
        """
        generations = self._fitted()
        return sum(each.predict_proba(X) for each in generations) / len(generations)

    @available_if(_says_decision)
    def decision_function(self, X):
        """Call `decision_function` of the last generation, if it predicts alone.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_rows, n_features)
            Rows, as the student takes them.

        Returns
        -------
        ndarray of shape (n_rows,) or (n_rows, n_classes)
            The student's scores, put back to temperature 1.
        """
        return self._fitted()[-1].decision_function(X)

    def get_metadata_routing(self):
        """Say which metadata `fit` takes for itself and the student.

        Returns
        -------
        MetadataRouter
            See scikit-learn's guide to metadata routing.
        """
        router = MetadataRouter(owner=self).add_self_request(self)
        if routes(self.student):
            to_fit = MethodMapping().add(caller="fit", callee="fit")
            router.add(student=self.student, method_mapping=to_fit)
        return router

    def __sklearn_is_fitted__(self):
        return hasattr(self, "generations_")

    def __sklearn_tags__(self):
        return children_tags(super().__sklearn_tags__(), [self.student])
