"""The estimator: a teacher, a student, and what passes between them."""

from __future__ import annotations

import functools
import warnings
from dataclasses import replace
from numbers import Integral

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import get_tags
from sklearn.utils.validation import validate_data

from skdistill import _checks
from skdistill._answers import AnswersAsStudent
from skdistill._base import BaseDistiller
from skdistill._display import tags_of
from skdistill._generators import draw_around, fit_generator
from skdistill._label_sources import (
    Asking,
    ask_about_labeled,
    check_groups,
    check_label_source,
    make_folds,
    read_table,
    reads_table,
    to_fit,
)
from skdistill._material import AnswerOnce, Consultation, DrawnRows, Material
from skdistill._rows import TrainingRows, n_rows_of, stack_rows, weighty
from skdistill._seeds import Seeded, seed_children, seeded_copy
from skdistill._size import n_bytes
from skdistill._store import Store, open_store
from skdistill.students import (
    InterruptedLesson,
    Lesson,
    check_redraws,
    check_student,
    hears_weights,
    learn,
    listens,
    wanted_representations,
)
from skdistill.targets import (
    FreshRows,
    SoftTargets,
    TeacherOutput,
    build_targets,
    teacher_distributions,
)
from skdistill.teachers import (
    PRECOMPUTED,
    CalibratedTeacher,
    EnsembleTeacher,
    Teacher,
    check_calibration,
    check_teacher,
    fit_calibration,
    hire,
    is_estimator,
    is_given,
    members_of,
    represent,
    signs_of_leakage,
)
from skdistill.transfer import draw

#: Fitted attributes that not every fit leaves.
ONLY_SOMETIMES = (
    "feature_names_in_",
    "teacher_weights_",
    "teacher_calibration_",
    "transfer_",
    "n_transfer_rows_",
)

#: In bytes. Of a student that small nobody asks whether anything is saved.
_SMALL_STUDENT = 10_000


def _ask_quietly(distiller, teacher: Teacher, rows: TrainingRows, X):
    """Ask about rows that were drawn in training: too often to speak of it."""
    return teacher.evaluate(
        X, _checks.check_teacher_classes(distiller.teacher_classes), rows.classes
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


class DistillationClassifier(AnswersAsStudent, BaseDistiller):
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
        that have not seen them, or goes with `teacher_cv`.
    teacher_cv : "oob", int, splitter, iterable, "precomputed" or None, default=None
        Where the teacher's word about the rows of X comes from. A teacher knows the
        rows that it was fitted on too well, see :ref:`label_sources`.

        - None: from the teacher itself.
        - ``"oob"``: from the out-of-bag votes of an unfitted forest or bagging
          classifier, at no cost.
        - An int k or a splitter: from copies of an unfitted teacher, each fitted
          without the rows that it is asked about [2]_. The teacher is fitted on all
          rows besides; it labels all other rows.
        - ``"precomputed"``: from ``fit(X, y, teacher_proba=P)``, what the teacher said
          about these rows before it was fitted on them. It labels all other rows.

        Rows about which nobody speaks learn from their label alone.
    teacher_calibration : "temperature", classifier or None, default=None
        Corrects whatever the teacher says, by what is said about the rows of X and
        their labels: "temperature" divides its logits by one number [3]_; a classifier
        (`LogisticRegression`, say) is fitted on the logarithms of its probabilities.
        It takes a word from outside: `teacher_cv`, or a given teacher that has not
        seen these rows.
    loss_correction : float or None, default=None
        Above 0: the constant c of the correction of [2]_, for teachers that have
        learned too little. It moves targets towards the labels, the more, the larger c;
        less in rows where the teacher is far off, which may be noise.
    transfer : generator or None, default=None
        Makes further rows, which only the teacher labels: something of
        :mod:`skdistill.transfer`, `KernelDensity`, `GaussianMixture`, or whatever has
        `fit` and `sample`. It is cloned and fitted on X. See :ref:`transfer`.
    transfer_size : float or int, default=20.0
        How many: a float is a multiple of the rows of X, an int a number of rows.
    transfer_weight : float, default=1.0
        What all of these rows weigh together: that many times `alpha` times the weight
        of all rows of X.
    transfer_redraw : bool, default=False
        Whether the student draws rows again as it learns: networks in every epoch,
        single trees inside each node before they split it. Other students cannot.
    memory : str, path-like or joblib.Memory, default=None
        A folder, or a Memory, in which to keep what the teacher says about a table of
        rows and, of an unfitted teacher, the fit. Whoever asks for the same, another
        candidate of a grid search or another process, finds it there. See
        :ref:`searches`.
    n_jobs : int, default=None
        How many unfitted members of a list of teachers, or folds of `teacher_cv`, are
        worked on at once. None is 1, unless in a :obj:`joblib.parallel_config` context.
    random_state : int, RandomState instance or None, default=None
        Seeds the unfitted teacher, the student, a splitter in `teacher_cv`, a
        calibrator and a generator of rows where their own is None.
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
    teacher_calibration_ : object
        What was fitted for `teacher_calibration`, with a `temperature` or the
        `classifier`; only then.
    transfer_ : object
        The fitted generator of rows, only with `transfer`.
    n_transfer_rows_ : int
        How many it made.
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
    .. [2] T. Dao, G. M. Kamath, V. Syrgkanis and L. Mackey, "Knowledge distillation as
       semiparametric inference", 2021.
    .. [3] C. Guo, G. Pleiss, Y. Sun and K. Q. Weinberger, "On calibration of modern
       neural networks", 2017.

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
        teacher_cv=None,
        teacher_calibration=None,
        loss_correction=None,
        transfer=None,
        transfer_size=20.0,
        transfer_weight=1.0,
        transfer_redraw=False,
        memory=None,
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
        self.teacher_cv = teacher_cv
        self.teacher_calibration = teacher_calibration
        self.loss_correction = loss_correction
        self.transfer = transfer
        self.transfer_size = transfer_size
        self.transfer_weight = transfer_weight
        self.transfer_redraw = transfer_redraw
        self.memory = memory
        self.n_jobs = n_jobs
        self.random_state = random_state
        self.verbose = verbose

    def fit(
        self,
        X,
        y,
        sample_weight=None,
        *,
        groups=None,
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
        groups : array-like of shape (n_rows,), default=None
            Group of each row, for a splitter given as `teacher_cv`.
        teacher_proba : array-like of shape (n_rows, n_columns), default=None
            Probabilities of the rows, for ``teacher="precomputed"`` or
            ``teacher_cv="precomputed"``. Splitters slice them like rows.
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
        material = self._material(
            X, y, sample_weight, groups, teacher_proba, X_unlabeled, params
        )
        seeded = seed_children(self.teacher, self.student, self.random_state)
        return self._fit(material, seeded)

    def _fit(self, material: Material, seeded: Seeded):
        """Consult the teacher and teach the student; all has been checked."""
        said = self._consult(seeded, material)
        X, teacher, drawn = said.X, said.teacher, said.drawn
        targets = self._targets(said, material.rows)
        del said  # the targets are as large; both are not needed at once
        if teacher.holds_given or reads_table(self.teacher, self.teacher_cv):
            self._warn_if_it_disagrees(targets)
        if teacher.holds_given:
            self._warn_if_it_knows(material.rows)
        self._say(f"teaching the student {type(self.student).__name__}")
        params, seed = material.student_params, seeded.seed
        try:
            lesson = learn(seeded.student, X, targets, params, random_state=seed)
        except InterruptedLesson as interrupt:
            self._remember(material.rows, teacher, interrupt.lesson, drawn)
            raise
        self._warn_if_larger(teacher, lesson)
        return self._remember(material.rows, teacher, lesson, drawn)

    def _material(
        self, X, y, sample_weight, groups, teacher_proba, X_unlabeled, params: dict
    ) -> Material:
        """Check parameters and data, and put together what was given."""
        teacher_params, student_params = self._route_metadata(params)
        self._check_params(teacher_proba)
        rows = _checks.check_rows(X, y, sample_weight)
        _checks.check_unlabeled(rows.X, X_unlabeled)
        check_student(self.student, rows.classes)
        self._warn_if_weights_are_lost(X_unlabeled)
        _check_no_row_metadata(student_params, rows, X_unlabeled)
        check_groups(self.teacher_cv, groups, rows.X)
        if self.transfer_redraw:
            check_redraws(self.student, rows.X)
        return Material(
            rows, X_unlabeled, teacher_proba, teacher_params, student_params, groups
        )

    def _check_params(self, teacher_proba) -> None:
        _checks.check_settings(self)
        _checks.check_teacher_classes(self.teacher_classes)
        check_teacher(self.teacher, hard=self.targets == "hard")
        check_student(self.student)
        check_label_source(self.teacher, self.teacher_cv, teacher_proba)
        _checks.check_calibration(self)
        _checks.check_transfer(self)
        if self.transfer_redraw:
            check_redraws(self.student)

    def _consult(self, seeded: Seeded, material: Material) -> Consultation:
        """Fit the teacher if it is not fitted, and ask it about all rows."""
        store = open_store(self.memory)
        asking = self._asking(seeded, store)
        # A student that will not listen needs no better word than the teacher's own.
        heard = listens(self.student, self.alpha)
        source = self.teacher_cv if heard else None
        folds = make_folds(source, material, seeded.seed)
        if isinstance(source, str) and source == PRECOMPUTED:
            read_table(material, asking)  # to find faults before any work
        if folds and self.teacher_calibration is not None:
            held_out = np.unique(np.concatenate([fold.test for fold in folds]))
            check_calibration(self.teacher_calibration, material.rows, held_out)
        if heard and self.alpha == 0:
            _checks.warn_of_deaf_rows(self, material.X_unlabeled)
        drawn = self._draw(seeded, material)
        teacher = self._hire(seeded, material, store)
        self._say("asking the teacher")
        output = ask_about_labeled(
            *(teacher, seeded.teacher, material, source, folds, asking),
            n_jobs=self.n_jobs,
            progress=self._progress_bar(),
        )
        _checks.warn_of_silence(output.silent, source)
        if heard and self.teacher_calibration is not None:
            wanted = seeded_copy(self.teacher_calibration, seeded.seed)
            calibration = fit_calibration(wanted, output, material.rows)
            teacher = CalibratedTeacher(teacher, calibration)
            output = calibration.apply(output)
        return self._about_all(teacher, output, material, drawn, store)

    def _asking(self, seeded: Seeded, store: Store | None) -> Asking:
        return Asking(
            named=_checks.check_teacher_classes(self.teacher_classes),
            output=self.teacher_output,
            hard=self.targets == "hard",
            seed=seeded.seed,
            store=store,
        )

    def _about_all(
        self,
        teacher: Teacher,
        output: TeacherOutput,
        material: Material,
        drawn: DrawnRows | None,
        store: Store | None,
    ) -> Consultation:
        """Ask about the rows without labels as well, and for representations."""
        rows = material.rows
        X, unlabeled = rows.X, None if self.alpha == 0 else material.X_unlabeled
        for more in (unlabeled, None if drawn is None else drawn.X):
            if more is not None:
                teacher.check_rows(more)
                output = output.joined(self._ask(teacher, more, rows, store))
                X = stack_rows(X, more)
        made = self._represent(teacher, X, store)
        ask = None
        if self.transfer_redraw and drawn is not None:
            ask = AnswerOnce(functools.partial(_ask_quietly, self, teacher, rows))
        return Consultation(teacher, X, output, made, drawn, ask)

    def _ask(self, teacher: Teacher, X, rows: TrainingRows, store=None):
        return teacher.evaluate(
            X,
            classes=_checks.check_teacher_classes(self.teacher_classes),
            fallback=rows.classes,
            progress=self._progress_bar(),
            store=store,
        )

    def _draw(self, seeded: Seeded, material: Material) -> DrawnRows | None:
        """Make rows for the teacher to label; none where it has no say."""
        if self.transfer is None or self.alpha == 0:
            return None
        self._say("drawing rows")
        rows = weighty(material.rows)
        generator = fit_generator(self.transfer, rows, seeded.seed)
        n_rows = len(rows.y)
        size = self.transfer_size
        n_drawn = int(size) if isinstance(size, Integral) else round(size * n_rows)
        draw_rows = functools.partial(draw, generator, like=rows.X)
        # Its own seed, if it has one.
        is_seeded = getattr(generator, "random_state", None) is not None
        n_drawn = max(1, n_drawn)
        X = draw_rows(n_drawn, None if is_seeded else seeded.seed)
        _checks.check_drawn(rows.X, X, n_drawn, self.transfer)
        worth = self.transfer_weight * n_rows / n_rows_of(X)
        around = draw_around(generator, material.rows)
        return DrawnRows(generator, X, worth, draw_rows, around)

    def _represent(self, teacher: Teacher, X, store: Store | None) -> tuple:
        """What the student wants to know of the teacher besides answers."""
        wanted = wanted_representations(self.student)
        if not wanted or not listens(self.student, self.alpha):
            return ()
        self._say("asking the teacher how it represents the rows")
        made = []
        for what in wanted:
            compute = functools.partial(represent, teacher.model, X, what)
            if store is None:
                made.append(compute())
                continue
            key = store.key("representation", teacher.identity(), what, rows=[X])
            made.append(store.remember("representations", key, compute))
        return tuple(made)

    def _targets(self, said: Consultation, rows: TrainingRows) -> SoftTargets:
        """Mix what the teacher said with the labels."""
        hard = self.targets == "hard"
        targets = build_targets(
            said.output,
            rows.classes,
            rows.codes,
            temperature=float(self.temperature),
            alpha=float(self.alpha),
            hard=hard,
            weight=rows.weight,
            more_weight=said.more_weight(len(rows.y)),
            correction=self.loss_correction,
        )
        return replace(
            targets,
            representations=said.representations,
            fresh=self._fresh_rows(said, rows, targets.temperature),
        )

    def _fresh_rows(
        self, said: Consultation, rows: TrainingRows, temperature: float
    ) -> FreshRows | None:
        """Where a student that draws rows itself gets them."""
        if not self.transfer_redraw or said.drawn is None:
            return None

        def label(X):
            output = said.ask(X)
            hard = self.targets == "hard"
            return teacher_distributions(
                output, rows.classes, temperature=temperature, hard=hard
            )

        return FreshRows(said.n_drawn, said.drawn.draw, said.drawn.around, label)

    def _hire(self, seeded: Seeded, material: Material, store: Store | None) -> Teacher:
        if not is_given(seeded.teacher):
            self._say("fitting the teacher")
        return hire(
            to_fit(seeded.teacher, self.teacher_cv),
            material.rows,
            fit_params=material.teacher_params,
            teacher_proba=material.teacher_proba,
            weights=self.teacher_weights,
            output=self.teacher_output,
            named=self._columns_of_teacher(),
            hard=self.targets == "hard",
            n_jobs=self.n_jobs,
            random_state=seeded.seed,
            store=store,
        )

    def _warn_if_weights_are_lost(self, X_unlabeled) -> None:
        named = ("transfer", self.transfer), ("X_unlabeled", X_unlabeled)
        names = [name for name, given in named if given is not None]
        if names and self.alpha > 0 and not hears_weights(self.student):
            warnings.warn(
                f"The student {type(self.student).__name__} takes no weights: each row "
                f"of {' and '.join(names)} counts like one with a label, whatever "
                "alpha and transfer_weight say. Give few of them (transfer_size=1.0), "
                "or a student that takes sample_weight.",
                UserWarning,
                stacklevel=4,
            )

    def _columns_of_teacher(self) -> NDArray | None:
        """What `teacher_classes` says about the teacher, and not about a table."""
        table = isinstance(self.teacher_cv, str) and self.teacher_cv == PRECOMPUTED
        knows = all(is_estimator(member) for member in members_of(self.teacher))
        named = _checks.check_teacher_classes(self.teacher_classes)
        return None if table and knows else named

    def _warn_if_it_disagrees(self, targets: SoftTargets) -> None:
        _checks.warn_if_teacher_disagrees(targets)

    def _warn_if_it_knows(self, rows: TrainingRows) -> None:
        """Warn of calibrating a given teacher on rows that it has learned from."""
        if self.teacher_calibration is None or self.teacher_cv is not None:
            return
        for member in members_of(self.teacher):
            if isinstance(member, str) or not is_given(member):
                continue
            sign = signs_of_leakage(member, rows.X, rows.codes, rows.classes)
            if sign is not None:
                warnings.warn(
                    f"{sign} What it says about rows that it has learned from is too "
                    f"sure: teacher_calibration={self.teacher_calibration!r} then "
                    "makes all it says surer still. Give the teacher unfitted with "
                    "teacher_cv, or what it said about these rows before it was "
                    "fitted on them (teacher_cv='precomputed').",
                    UserWarning,
                    stacklevel=4,
                )

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
                stacklevel=4,
            )

    def _remember(
        self,
        rows: TrainingRows,
        teacher: Teacher | None,
        lesson: Lesson,
        drawn: DrawnRows | None = None,
    ):
        """Set all fitted attributes at once, so that a failed fit leaves none.

        Without a teacher the result is as `strip_teacher` makes it.
        """
        for only_sometimes in ONLY_SOMETIMES:
            self.__dict__.pop(only_sometimes, None)
        validate_data(self, rows.X, skip_check_array=True)
        self.classes_ = rows.classes
        self._teacher = None
        if teacher is not None:
            if not isinstance(teacher.model, str):  # a table says no more
                self._teacher = teacher
            self.teacher_ = teacher.model
            self.teacher_source_ = teacher.source
        if isinstance(teacher, CalibratedTeacher):
            self.teacher_calibration_ = teacher.calibration
            teacher = teacher.teacher
        if isinstance(teacher, EnsembleTeacher):
            self.teacher_weights_ = teacher.weights
        if drawn is not None:
            self.transfer_ = drawn.generator
            self.n_transfer_rows_ = n_rows_of(drawn.X)
        self.student_ = lesson.student
        self.route_ = lesson.route
        self._lesson = lesson
        # What `fit` refuses, `predict` refuses, even if the student would take it.
        takes_nan = get_tags(self).input_tags.allow_nan
        self._refuses_nan = not takes_nan and tags_of(self.student).allow_nan
        return self
