"""The estimator: a teacher, a student, and what passes between them."""

from __future__ import annotations

import functools
import warnings
from dataclasses import replace
from typing import Any

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.exceptions import NotFittedError
from sklearn.utils import get_tags
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import validate_data

from skdistill import _checks
from skdistill._base import BaseDistiller, SaysLogProba
from skdistill._display import children_tags, tags_of
from skdistill._rows import TrainingRows, stack_rows
from skdistill._seeds import Seeded, seed_children
from skdistill._size import n_bytes
from skdistill.students import (
    InterruptedLesson,
    Lesson,
    check_student,
    has_probabilities,
    learn,
    listens,
    wanted_representations,
)
from skdistill.targets import SoftTargets, TeacherOutput, build_targets
from skdistill.teachers import (
    PRECOMPUTED,
    EnsembleTeacher,
    Teacher,
    check_teacher,
    hire,
    is_estimator,
    is_given,
    members_of,
    represent,
)

#: In bytes. Of a student that small nobody asks whether anything is saved.
_SMALL_STUDENT = 10_000


def _check_teacher_proba(teacher, teacher_proba) -> None:
    precomputed = isinstance(teacher, str)
    if precomputed and teacher_proba is None:
        raise ValueError(
            f"teacher={PRECOMPUTED!r} needs fit(X, y, teacher_proba=P), with one row "
            "of probabilities for each row of X."
        )
    if not precomputed and teacher_proba is not None:
        raise ValueError(
            "teacher_proba was passed, but it is only read where "
            f"teacher={PRECOMPUTED!r}; here the teacher is {type(teacher).__name__}."
        )


def _check_no_row_metadata(params: dict, rows: TrainingRows, X_unlabeled) -> None:
    if X_unlabeled is None:
        return
    for name, value in params.items():
        if hasattr(value, "__len__") and len(value) == len(rows.y):
            raise ValueError(
                f"{name}, metadata of the student, has a value for each row of X but "
                "none for the rows of X_unlabeled; leave one of the two out."
            )


def _says_proba(self) -> bool:
    lesson = getattr(self, "_lesson", None)
    if lesson is not None:
        return lesson.makes_proba or hasattr(lesson.student, "predict_proba")
    return has_probabilities(self.student)


def _says_decision(self) -> bool:
    lesson = getattr(self, "_lesson", None)
    if lesson is not None:
        return lesson.columns is None and hasattr(lesson.student, "decision_function")
    return hasattr(self.student, "decision_function")


class DistillationClassifier(SaysLogProba, ClassifierMixin, BaseDistiller):
    r"""Train a small student on what a heavy teacher says about each row.

    The student minimises, over its rows,

    .. math::

        \alpha T^2 \, KL(p^T_{teacher} \,\|\, p^T_{student})
        + (1 - \alpha) \, CE(y, p_{student})

    where :math:`p^T` is a distribution softened by the temperature T [1]_. How a
    student learns from probabilities depends on what it is: see `route_` and
    :ref:`students`.

    Parameters
    ----------
    teacher : estimator, torch module, list, callable or "precomputed"
        What to learn from.

        - A *fitted* classifier is used as it is: never refitted, never changed, and
          kept by `clone`, grid searches and pickling.
        - An *unfitted* classifier is cloned and fitted inside `fit`, on the same rows.
        - A `torch.nn.Module` is asked in eval mode; its output is taken for logits.
        - A list is an ensemble: the mean of logits if all are networks, of
          probabilities otherwise.
        - A callable gives scores for X.
        - ``"precomputed"`` takes the probabilities from ``fit(X, y, teacher_proba=P)``.

    student : estimator or torch module
        What to train: a classifier, a regressor (which learns the probabilities), a
        skorch net, a torch module, or a pipeline that ends in one. It is cloned.
    temperature : float, default=1.0
        T > 0. Above 1 the teacher's smaller probabilities count for more.
    alpha : float, default=0.7
        Weight of the teacher, in [0, 1]: 0 is the student on the labels alone, at 1 it
        sees no label.
    targets : {"soft", "hard"}, default="soft"
        "hard" reduces the teacher to its most probable class.
    teacher_classes : array-like of shape (n_columns,), default=None
        The label each column of the teacher stands for, where the teacher cannot tell
        (modules, callables, "precomputed"). None: the sorted labels of y.
    teacher_output : {"auto", "probabilities", "logits"}, default="auto"
        What the teacher's scores are. "auto" goes by the method that gives them and
        takes those of modules and callables for logits.
    teacher_weights : array-like of shape (n_teachers,) or "learned", default=None
        How much each of a list of teachers counts in the mean: one number >= 0 for
        each, scaled to sum to 1. None: all alike. "learned" finds the weights under
        which the mean has the least log-loss on the labels of the training rows. That
        favours teachers that have memorised these rows, so it is for fitted teachers
        that have not seen them.
    n_jobs : int, default=None
        How many unfitted members of a list of teachers are fitted at once. None is 1,
        unless in a :obj:`joblib.parallel_config` context.
    random_state : int, RandomState instance or None, default=None
        Seeds the unfitted teacher and the student where their own is None.
    verbose : int, default=0
        Above 0, say what is being done, with a progress bar for long work.

    Attributes
    ----------
    teacher_ : object
        The teacher that was asked: the given one itself, or the one fitted here.
    teacher_source_ : {"given", "fitted", "precomputed"}
        Where it came from.
    teacher_weights_ : ndarray of shape (n_teachers,)
        Share of each teacher of a list, summing to 1; only for lists.
    student_ : estimator
        The fitted student, of the class given, usable alone.
    route_ : str
        How the student was taught: "network", "tree", "forest", "linear", "boosting",
        "bagging", "weighted copies", "regression", "hard labels"; "labels" where
        ``alpha=0``.
    classes_ : ndarray of shape (n_classes,)
        The labels of y.
    n_features_in_ : int
        Number of features seen during `fit`.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the features, if X had any.

    See Also
    --------
    strip_teacher : Copy of a fitted model that holds no teacher.

    Notes
    -----
    At ``temperature=1`` the loss is the cross-entropy to ``alpha * p + (1 - alpha) *
    onehot(y)``, and every route minimises it. At another temperature linear students,
    trees, forests, boosters and networks minimise the two-temperature loss; students
    taught by weighted copies and regressors learn the tempered mix, and `predict_proba`
    puts it back (`student_` alone then says tempered probabilities). Where a teacher
    says exactly 0, temperatures other than 1 read 1.2e-7 (the resolution of float32).

    References
    ----------
    .. [1] G. Hinton, O. Vinyals and J. Dean, "Distilling the knowledge in a neural
       network", 2015.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.ensemble import RandomForestClassifier
    >>> from sklearn.model_selection import train_test_split
    >>> from sklearn.tree import DecisionTreeClassifier
    >>> from skdistill import DistillationClassifier
    >>> X, y = load_digits(return_X_y=True)
    >>> X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)
    >>> forest = RandomForestClassifier(random_state=0).fit(X_train, y_train)
    >>> tree = DecisionTreeClassifier(max_leaf_nodes=64, random_state=0)
    >>> model = DistillationClassifier(forest, tree).fit(X_train, y_train)
    >>> model.route_, model.teacher_source_
    ('tree', 'given')
    >>> bool(model.score(X_test, y_test) > 0.8)
    True
    """

    def __init__(
        self,
        teacher,
        student,
        *,
        temperature=1.0,
        alpha=0.7,
        targets="soft",
        teacher_classes=None,
        teacher_output="auto",
        teacher_weights=None,
        n_jobs=None,
        random_state=None,
        verbose=0,
    ):
        self.teacher = teacher
        self.student = student
        self.temperature = temperature
        self.alpha = alpha
        self.targets = targets
        self.teacher_classes = teacher_classes
        self.teacher_output = teacher_output
        self.teacher_weights = teacher_weights
        self.n_jobs = n_jobs
        self.random_state = random_state
        self.verbose = verbose

    def fit(
        self,
        X,
        y,
        sample_weight=None,
        *,
        teacher_proba=None,
        X_unlabeled=None,
        **params,
    ):
        """Ask the teacher about every row and teach the student.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_rows, n_features)
            Training rows, as teacher and student take them. Networks take more
            dimensions.
        y : array-like of shape (n_rows,)
            True labels of at least two classes.
        sample_weight : array-like of shape (n_rows,), default=None
            Row weights. They reach the student, and a teacher that is fitted here, as
            far as these take any.
        teacher_proba : array-like of shape (n_rows, n_columns), default=None
            Probabilities of the rows, for ``teacher="precomputed"``. Splitters slice
            them like rows.
        X_unlabeled : array-like of shape (n_unlabeled, n_features), default=None
            More rows that only the teacher labels; each weighs `alpha`. They have
            their own number of rows and are never sliced by a splitter.
        **params : dict
            Further metadata for `fit` of teacher and student, by scikit-learn's
            metadata routing.

        Returns
        -------
        self : DistillationClassifier
            Fitted.

        Raises
        ------
        TypeError, ValueError
            Before any training, if a parameter or the data cannot be meant so.
        """
        teacher_params, student_params = self._route_metadata(params)
        self._check_params(teacher_proba)
        rows = _checks.check_rows(X, y, sample_weight)
        _checks.check_unlabeled(rows.X, X_unlabeled)
        check_student(self.student, rows.classes)
        _check_no_row_metadata(student_params, rows, X_unlabeled)
        seeded = seed_children(self.teacher, self.student, self.random_state)

        teacher = self._hire(seeded, rows, teacher_params, teacher_proba)
        X, targets = self._ask(teacher, rows, X_unlabeled)
        if teacher.holds_given:
            self._warn_if_it_disagrees(targets)
        self._say(f"teaching the student {type(self.student).__name__}")
        try:
            lesson = learn(
                seeded.student, X, targets, student_params, random_state=seeded.seed
            )
        except InterruptedLesson as interrupt:
            self._remember(rows, teacher, interrupt.lesson)
            raise
        self._warn_if_larger(teacher, lesson)
        return self._remember(rows, teacher, lesson)

    def _check_params(self, teacher_proba) -> None:
        _checks.check_settings(self)
        _checks.check_teacher_classes(self.teacher_classes)
        check_teacher(self.teacher, hard=self.targets == "hard")
        check_student(self.student)
        _check_teacher_proba(self.teacher, teacher_proba)

    def _hire(
        self, seeded: Seeded, rows: TrainingRows, params: list[dict], proba
    ) -> Teacher:
        if not is_given(seeded.teacher):
            self._say("fitting the teacher")
        return hire(
            seeded.teacher,
            rows,
            fit_params=params,
            teacher_proba=proba,
            weights=self.teacher_weights,
            output=self.teacher_output,
            named=_checks.check_teacher_classes(self.teacher_classes),
            hard=self.targets == "hard",
            n_jobs=self.n_jobs,
            random_state=seeded.seed,
        )

    def _ask(
        self, teacher: Teacher, rows: TrainingRows, X_unlabeled
    ) -> tuple[Any, SoftTargets]:
        """Ask the teacher about all rows and make the student's targets of it."""
        X, classes = rows.X, rows.classes
        ask = functools.partial(
            teacher.evaluate,
            classes=_checks.check_teacher_classes(self.teacher_classes),
            fallback=classes,
            progress=self._progress_bar(),
        )
        self._say("asking the teacher")
        output = ask(X)
        if X_unlabeled is not None and self.alpha > 0:
            teacher.check_rows(X_unlabeled)
            more = ask(X_unlabeled)
            X = stack_rows(X, X_unlabeled)
            values = np.concatenate([output.values, more.values])
            output = TeacherOutput(values, output.kind, output.classes)
        targets = build_targets(
            output,
            classes,
            rows.codes,
            temperature=float(self.temperature),
            alpha=float(self.alpha),
            hard=self.targets == "hard",
            weight=rows.weight,
        )
        del output  # the targets are as large; both are not needed at once
        wanted = wanted_representations(self.student)
        wanted = wanted if listens(self.student, self.alpha) else []
        if wanted:
            self._say("asking the teacher how it represents the rows")
            made = tuple(represent(teacher.model, X, what) for what in wanted)
            targets = replace(targets, representations=made)
        return X, targets

    def _warn_if_it_disagrees(self, targets: SoftTargets) -> None:
        _checks.warn_if_teacher_disagrees(targets)

    def _warn_if_larger(self, teacher: Teacher, lesson: Lesson) -> None:
        if not all(is_estimator(member) for member in members_of(teacher.model)):
            return
        students = n_bytes(lesson.student)
        teachers = students and n_bytes(teacher.model, limit=students)
        if students and teachers and students > max(teachers, _SMALL_STUDENT):
            warnings.warn(
                f"The student is larger than its teacher ({students:,.0f} against "
                f"{teachers:,.0f} bytes): nothing is saved. Restrict it "
                "(max_leaf_nodes, max_depth, n_estimators, ...).",
                UserWarning,
                stacklevel=3,
            )

    def _remember(self, rows: TrainingRows, teacher: Teacher, lesson: Lesson):
        """Set all fitted attributes at once, so that a failed fit leaves none."""
        for only_sometimes in ("feature_names_in_", "teacher_weights_"):
            self.__dict__.pop(only_sometimes, None)
        validate_data(self, rows.X, skip_check_array=True)
        self.classes_ = rows.classes
        self.teacher_ = teacher.model
        self.teacher_source_ = teacher.source
        if isinstance(teacher, EnsembleTeacher):
            self.teacher_weights_ = teacher.weights
        self.student_ = lesson.student
        self.route_ = lesson.route
        self._lesson = lesson
        # What `fit` refuses, `predict` refuses, even if the student would take it.
        takes_nan = get_tags(self).input_tags.allow_nan
        self._refuses_nan = not takes_nan and tags_of(self.student).allow_nan
        return self

    def _taught(self, X) -> Lesson:
        try:
            lesson = self._lesson
        except AttributeError:
            raise NotFittedError(
                "This DistillationClassifier is not fitted yet; call fit first."
            ) from None
        if self._refuses_nan:
            _checks.check_no_missing(X)
        return lesson

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
        return self._taught(X).predict(X)

    @available_if(_says_proba)
    def predict_proba(self, X):
        """Predict the probability of each class, at temperature 1.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_rows, n_features)
            Rows, as the student takes them.

        Returns
        -------
        ndarray of shape (n_rows, n_classes)
            One column for each of `classes_`.
        """
        return self._taught(X).predict_proba(X)

    @available_if(_says_decision)
    def decision_function(self, X):
        """Call `decision_function` of the student.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_rows, n_features)
            Rows, as the student takes them.

        Returns
        -------
        ndarray of shape (n_rows,) or (n_rows, n_classes)
            The student's scores, put back to temperature 1 as its probabilities are.
        """
        lesson = self._taught(X)
        return lesson.exponent * lesson.student.decision_function(X)

    def __sklearn_tags__(self):
        return children_tags(
            super().__sklearn_tags__(), [*members_of(self.teacher), self.student]
        )
