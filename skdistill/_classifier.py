"""The estimator: a teacher, a student, and what passes between them."""

from __future__ import annotations

import functools
import warnings
from typing import Any

import numpy as np
from sklearn import get_config
from sklearn.base import BaseEstimator, ClassifierMixin, MetaEstimatorMixin, clone
from sklearn.exceptions import NotFittedError
from sklearn.utils.metadata_routing import (
    MetadataRouter,
    MethodMapping,
    process_routing,
)
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import validate_data

from skdistill import _checks
from skdistill._display import children_tags, visual_block
from skdistill._rows import stack_rows
from skdistill._seeds import seed_children
from skdistill._size import n_bytes
from skdistill.students import Lesson, check_student, has_probabilities, learn
from skdistill.targets import SoftTargets, TeacherOutput, build_targets
from skdistill.teachers import (
    PRECOMPUTED,
    Teacher,
    check_teacher,
    hire,
    is_estimator,
    is_given,
    keep_or_clone,
    members_of,
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


class DistillationClassifier(ClassifierMixin, MetaEstimatorMixin, BaseEstimator):
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
    feature_names_in_ : ndarray of shape (n_features_in_,)
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

    # These are for the distiller itself: no need to ask for them.
    __metadata_request__fit = {"teacher_proba": True, "X_unlabeled": True}

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
        self._check_params()
        X, y, codes, classes, weight = _checks.check_rows(X, y, sample_weight)
        _checks.check_unlabeled(X, X_unlabeled)
        self._check_teacher_proba(teacher_proba)
        teacher_params, student_params = self._route_metadata(params)

        seeded = seed_children(self.teacher, self.student, self.random_state)
        teacher = self._hire(
            seeded.teacher, X, y, codes, classes, weight, teacher_params, teacher_proba
        )
        rows, lesson_plan = self._plan(teacher, X, codes, classes, weight, X_unlabeled)
        self._say(f"teaching the student {type(self.student).__name__}")
        lesson = learn(
            seeded.student, rows, lesson_plan, student_params, random_state=seeded.seed
        )
        self._warn_if_larger(teacher, lesson)
        return self._remember(X, classes, teacher, lesson)

    def _check_params(self) -> None:
        _checks.check_settings(self)
        hard = self.targets == "hard"
        check_teacher(self.teacher, hard=hard)
        check_student(self.student)

    def _check_teacher_proba(self, teacher_proba) -> None:
        precomputed = isinstance(self.teacher, str)
        if precomputed and teacher_proba is None:
            raise ValueError(
                f"teacher={PRECOMPUTED!r} needs fit(X, y, teacher_proba=P), with one "
                "row of probabilities for each row of X."
            )
        if not precomputed and teacher_proba is not None:
            raise ValueError(
                "teacher_proba was passed, but it is only read where "
                f"teacher={PRECOMPUTED!r}; here the teacher is "
                f"{type(self.teacher).__name__}."
            )

    def _route_metadata(self, params: dict) -> tuple[list[dict], dict]:
        """Sort further metadata into what each teacher's and the student's fit get."""
        members = members_of(self.teacher)
        if not get_config()["enable_metadata_routing"]:
            if params:
                raise ValueError(
                    f"fit got unexpected {sorted(params)}; to pass metadata on to "
                    "teacher or student call "
                    "sklearn.set_config(enable_metadata_routing=True) and request it "
                    "there with set_fit_request."
                )
            return [{}] * len(members), {}
        routed = process_routing(self, "fit", **params)
        by_teacher = [
            dict(routed[name]["fit"]) if name in routed else {}
            for name in self._teacher_names()
        ]
        student = routed["student"]["fit"] if "student" in routed else {}
        return by_teacher, dict(student)

    def _hire(self, seeded, X, y, codes, classes, weight, params, proba) -> Teacher:
        if not is_given(seeded):
            self._say("fitting the teacher")
        return hire(
            seeded,
            X,
            y,
            codes=codes,
            classes=classes,
            sample_weight=weight,
            fit_params=params,
            teacher_proba=proba,
            output=self.teacher_output,
            hard=self.targets == "hard",
            n_jobs=self.n_jobs,
        )

    def _plan(
        self, teacher: Teacher, X, codes, classes, weight, X_unlabeled
    ) -> tuple[Any, SoftTargets]:
        """Ask the teacher about all rows and make the student's targets of it."""
        named = _checks.check_teacher_classes(self.teacher_classes)
        ask = functools.partial(teacher.evaluate, classes=named, fallback=classes)
        self._say("asking the teacher")
        progress = self._progress_bar()
        output = ask(X, ask=progress)
        if X_unlabeled is not None and self.alpha > 0:
            teacher.check_rows(X_unlabeled)
            more = ask(X_unlabeled, ask=progress)
            X = stack_rows(X, X_unlabeled)
            values = np.concatenate([output.values, more.values])
            output = TeacherOutput(values, output.kind, output.classes)
        targets = build_targets(
            output,
            classes,
            codes,
            temperature=float(self.temperature),
            alpha=float(self.alpha),
            hard=self.targets == "hard",
            weight=weight,
        )
        if teacher.source != "fitted":
            _checks.warn_if_teacher_disagrees(targets)
        return X, targets

    def _warn_if_larger(self, teacher: Teacher, lesson: Lesson) -> None:
        if not all(is_estimator(member) for member in members_of(teacher.model)):
            return
        students = n_bytes(lesson.student)
        teachers = students and n_bytes(teacher.model, limit=students)
        if students and teachers and students > teachers:
            warnings.warn(
                f"The student is larger than its teacher ({students:,.0f} against "
                f"{teachers:,.0f} bytes): nothing is saved. Restrict it "
                "(max_leaf_nodes, max_depth, n_estimators, ...).",
                UserWarning,
                stacklevel=3,
            )

    def _remember(self, X, classes, teacher: Teacher, lesson: Lesson):
        """Set all fitted attributes at once, so that a failed fit leaves none."""
        if hasattr(self, "feature_names_in_"):
            del self.feature_names_in_
        validate_data(self, X, skip_check_array=True)
        self.classes_ = classes
        self.teacher_ = teacher.model
        self.teacher_source_ = teacher.source
        self.student_ = lesson.student
        self.route_ = lesson.route
        self._lesson = lesson
        return self

    def _say(self, what: str) -> None:
        if self.verbose:
            print(f"[DistillationClassifier] {what}")

    def _progress_bar(self):
        if not self.verbose:
            return None
        from tqdm import tqdm

        return functools.partial(tqdm, desc="asking the teacher", unit="batch")

    def _taught(self) -> Lesson:
        try:
            return self._lesson
        except AttributeError:
            raise NotFittedError(
                "This DistillationClassifier is not fitted yet; call fit first."
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
        return self._taught().predict(X)

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
        return self._taught().predict_proba(X)

    @available_if(_says_proba)
    def predict_log_proba(self, X):
        """Predict the logarithm of the probability of each class.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_rows, n_features)
            Rows, as the student takes them.

        Returns
        -------
        ndarray of shape (n_rows, n_classes)
            One column for each of `classes_`.
        """
        return np.log(self.predict_proba(X))

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
            The student's scores.
        """
        return self._taught().student.decision_function(X)

    def get_params(self, deep=True):
        """Get parameters; those of a given (fitted) teacher are not among them.

        Parameters
        ----------
        deep : bool, default=True
            Whether to include the parameters of an unfitted teacher and the student.

        Returns
        -------
        dict
            Names to values.
        """
        params = super().get_params(deep=deep)
        if deep and is_given(self.teacher):
            params = {k: v for k, v in params.items() if not k.startswith("teacher__")}
        return params

    def set_params(self, **params):
        """Set parameters, nested ones as ``student__name`` and ``teacher__name``.

        Parameters
        ----------
        **params : dict
            Names to values.

        Returns
        -------
        self : DistillationClassifier
            This estimator.

        Raises
        ------
        ValueError
            For a parameter of a given (fitted) teacher, which would have no effect.
        """
        nested = sorted(name for name in params if name.startswith("teacher__"))
        teacher = params.get("teacher", self.teacher)
        if nested and is_given(teacher):
            raise ValueError(
                f"{nested[0]!r} cannot be set: the teacher {type(teacher).__name__} is "
                "used as it is (given fitted), so its parameters have no effect. Give "
                "an unfitted teacher to search over them, or a grid of fitted ones, "
                "{'teacher': [FrozenEstimator(a), FrozenEstimator(b)]}."
            )
        return super().set_params(**params)

    def _teacher_names(self) -> list[str]:
        members = members_of(self.teacher)
        if members == [self.teacher]:
            return ["teacher"]
        return [f"teacher_{k}" for k in range(len(members))]

    def get_metadata_routing(self):
        """Say which metadata `fit` takes for itself, the teacher and the student.

        Returns
        -------
        MetadataRouter
            See :ref:`scikit-learn's guide <metadata_routing>`.
        """
        router = MetadataRouter(owner=self).add_self_request(self)
        to_fit = MethodMapping().add(caller="fit", callee="fit")
        children = dict(
            zip(self._teacher_names(), members_of(self.teacher), strict=True)
        )
        children["student"] = self.student
        for name, child in children.items():
            if hasattr(child, "get_metadata_routing"):
                router.add(**{name: child}, method_mapping=to_fit)
        return router

    def __sklearn_clone__(self):
        params = self.get_params(deep=False)
        copies = {
            name: keep_or_clone(value)
            if name == "teacher"
            else clone(value, safe=False)
            for name, value in params.items()
        }
        copy = type(self)(**copies)
        for name in ("_metadata_request", "_sklearn_output_config"):
            if hasattr(self, name):
                setattr(copy, name, clone(getattr(self, name), safe=False))
        return copy

    def __sklearn_is_fitted__(self):
        return hasattr(self, "_lesson")

    def __sklearn_tags__(self):
        return children_tags(
            super().__sklearn_tags__(), [*members_of(self.teacher), self.student]
        )

    def _sk_visual_block_(self):
        return visual_block(self)

    def __repr__(self, N_CHAR_MAX=700):
        text = super().__repr__(N_CHAR_MAX=N_CHAR_MAX)
        if not hasattr(self, "_lesson"):
            return text
        return f"{text}  # teacher {self.teacher_source_}, student by {self.route_!r}"
