"""The estimator that chooses its own temperature and alpha, or no teacher at all."""

from __future__ import annotations

import time
import warnings
from typing import Any

import numpy as np
from sklearn import get_config
from sklearn.base import clone
from sklearn.exceptions import FitFailedWarning
from sklearn.model_selection import check_cv
from sklearn.utils import check_consistent_length, indexable
from sklearn.utils.metadata_routing import (
    MetadataRouter,
    MethodMapping,
    process_routing,
)

from skdistill._answers import AnswersAsStudent
from skdistill._base import BaseDistiller
from skdistill._classifier import ONLY_SOMETIMES, DistillationClassifier
from skdistill._label_sources import reads_table
from skdistill._material import Material
from skdistill._search._candidates import make_candidates
from skdistill._search._checks import check_folds, check_search, values_of
from skdistill._search._choice import Choice, choose
from skdistill._search._scoring import make_scorer, takes_weights
from skdistill._search._trials import Fold, Judge, Plan, Trial, try_all
from skdistill._seeds import draw_seed, seed_children, seeded_copy
from skdistill._sklearn_compat import format_search_results, takes_groups
from skdistill.students import (
    InterruptedLesson,
    check_student,
    listens_without_alpha,
)
from skdistill.teachers import (
    is_given,
    keep_or_clone,
    members_of,
    signs_of_leakage,
)

#: Parameters that this estimator hands to each distiller as they are.
_SHARED = (
    "teacher",
    "student",
    "targets",
    "teacher_classes",
    "teacher_output",
    "teacher_weights",
    "teacher_cv",
    "teacher_calibration",
    "loss_correction",
    "transfer",
    "transfer_size",
    "transfer_weight",
    "transfer_redraw",
    "memory",
)


class DistillationClassifierCV(AnswersAsStudent, BaseDistiller):
    """Distil with the temperature and alpha that do best, or without a teacher.

    Every setting is tried by cross-validation, the student alone among them, and
    scored on the true labels. The teacher is consulted once for each fold, whatever the
    number of settings. The best setting with a teacher is chosen only if it beats the
    student alone by `rule`; then the student is trained on all rows.

    Parameters
    ----------
    teacher : estimator, torch module, list, callable or "precomputed"
        What to learn from, as for :class:`DistillationClassifier`. An unfitted one is
        fitted anew for each fold, so that scores are honest; one that was fitted on
        the rows of the search is not, and a warning tells where that can be seen.
    student : estimator or torch module
        What to train. It is cloned.
    temperatures : sequence of float, default=(1.0, 2.0, 4.0)
        Temperatures to try, each above 0.
    alphas : sequence of float, default=(0.25, 0.5, 0.75, 1.0)
        Weights of the teacher to try, each in [0, 1]. 0 is always tried, once: it is
        the student alone.
    param_grid : dict or list of dict, default=None
        Further axes, as of :class:`~sklearn.model_selection.GridSearchCV`:
        parameters of :class:`DistillationClassifier` to lists of values, such as
        ``{"student__max_leaf_nodes": [32, 64]}``. The student alone is tried with each
        of its settings too.
    cv : int, splitter or iterable, default=None
        Folds of the search. None is 5, stratified.
    scoring : str or callable, default=None
        Score on the true labels of rows held out; greater is better. None: negative
        log-loss; accuracy for a student that says no probabilities.
    rule : float or callable, default=1.0
        When a teacher is taken. A number k: if the mean over the folds of the paired
        differences, best with a teacher minus best without, is above k of its standard
        errors (their standard deviation over the square root of the number of folds).
        0.0: whenever that mean is above 0. A callable gets the differences, of shape
        (n_splits,), and returns whether to take the teacher.
    targets : {"soft", "hard"}, default="soft"
        "hard" reduces the teacher to its most probable class.
    teacher_classes : array-like of shape (n_columns,), default=None
        The label each column of the teacher stands for, where it cannot tell.
    teacher_output : {"auto", "probabilities", "logits"}, default="auto"
        What the teacher's scores are.
    teacher_weights : array-like of shape (n_teachers,) or "learned", default=None
        How much each of a list of teachers counts.
    teacher_cv : "oob", int, splitter, "precomputed" or None, default=None
        Where the teacher's word about the rows it is fitted on comes from: within the
        training rows of each fold.
    teacher_calibration : "temperature", classifier or None, default=None
        Corrects whatever the teacher says.
    loss_correction : float or None, default=None
        Moves targets towards the labels where the teacher has learned too little.
    transfer : generator or None, default=None
        Makes further rows, which only the teacher labels, out of the training rows of
        each fold.
    transfer_size : float or int, default=20.0
        How many: a float is a multiple of the rows of X, an int a number of rows.
    transfer_weight : float, default=1.0
        What all of these rows weigh together, against the rows of X.
    transfer_redraw : bool, default=False
        Whether the student draws rows again as it learns.
    memory : str, path-like or joblib.Memory, default=None
        Where to keep the teacher's fits and answers, for other searches and after an
        interrupt.
    n_jobs : int, default=None
        How many settings are tried, and teachers fitted, at once. None is 1, unless in
        a :obj:`joblib.parallel_config` context.
    random_state : int, RandomState instance or None, default=None
        Seeds the unfitted teacher, the student, splitters, a calibrator and a generator
        of rows where their own is None.
    verbose : int, default=0
        Above 0, say what is being done, with a progress bar.

    Attributes
    ----------
    temperature_ : float
        Chosen temperature; 1.0 where no teacher is.
    alpha_ : float
        Chosen weight of the teacher; 0.0: the student alone.
    improves_ : bool
        Whether the teacher helps, by `rule`: whether ``alpha_ > 0``.
    harm_ : bool
        Whether even the best setting with a teacher scores below the student alone.
    differences_ : ndarray of shape (n_splits,)
        Scores of the best setting with a teacher minus those of the best without.
    best_params_ : dict
        The chosen setting.
    best_score_ : float
        Its mean score.
    best_index_, baseline_index_, distilled_index_ : int
        Position in `cv_results_` of the chosen setting, of the best without and of the
        best with a teacher.
    cv_results_ : dict of ndarray
        As of :class:`~sklearn.model_selection.GridSearchCV`. Networks are trained
        together; their `fit_time` is a share of the time for all.
    n_splits_ : int
        Number of folds.
    scorer_ : callable
        What scored.
    refit_time_ : float
        Seconds for the fit on all rows, the teacher's included.
    best_estimator_ : DistillationClassifier
        Fitted on all rows with the chosen setting.
    teacher_, teacher_source_, teacher_weights_, student_, route_ : object
        Those of `best_estimator_`; so are `teacher_calibration_`, `transfer_` and
        `n_transfer_rows_`.
    classes_ : ndarray of shape (n_classes,)
        The labels of y.
    n_features_in_ : int
        Number of features seen during `fit`.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the features, if X had any.

    See Also
    --------
    DistillationClassifier : With settings of your own; in any search of scikit-learn
        its `memory` keeps the teacher from being consulted for each candidate.

    Notes
    -----
    The scores are those of ``GridSearchCV(DistillationClassifier(...), ...)`` with the
    same folds, where all of its fits succeed and its scorer counts rows by weight. What
    differs is the price (networks are trained in stacks, other students share what the
    teacher said) and the choice. Scorers get a distiller without its teacher; those of
    :func:`~skdistill.metrics.make_teacher_scorer`, what the teacher of the fold, or the
    table, says about the rows held out (where several teachers are tried, the student
    alone is compared with the first).

    The rule is caution and no test: the best of many settings is compared as if it had
    been named beforehand. With the defaults and a teacher that has no effect at all,
    one is taken in a quarter to a half of searches (23 % where the scores of settings
    correlate by .99, 60 % at .5); what that costs, where it costs anything, is small.
    A larger `rule` is more careful.

    References
    ----------
    The rule of one standard error is that of L. Breiman, J. Friedman, R. Olshen and C.
    Stone, "Classification and regression trees", 1984, applied to paired differences.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.ensemble import RandomForestClassifier
    >>> from sklearn.tree import DecisionTreeClassifier
    >>> from skdistill import DistillationClassifierCV
    >>> X, y = load_digits(return_X_y=True)
    >>> forest = RandomForestClassifier(random_state=0)
    >>> tree = DecisionTreeClassifier(max_leaf_nodes=40, random_state=0)
    >>> model = DistillationClassifierCV(forest, tree, cv=3).fit(X, y)
    >>> model.improves_, len(model.cv_results_["params"])
    (True, 13)
    """

    # For the splitter, and passed on to it.
    __metadata_request__fit = {"groups": True}

    def __init__(
        self,
        teacher,
        student,
        *,
        temperatures=(1.0, 2.0, 4.0),
        alphas=(0.25, 0.5, 0.75, 1.0),
        param_grid=None,
        cv=None,
        scoring=None,
        rule=1.0,
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
        self.temperatures = temperatures
        self.alphas = alphas
        self.param_grid = param_grid
        self.cv = cv
        self.scoring = scoring
        self.rule = rule
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
        """Try all settings, choose one, and train the student on all rows.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_rows, n_features)
            Training rows, as teacher and student take them.
        y : array-like of shape (n_rows,)
            True labels of at least two classes.
        sample_weight : array-like of shape (n_rows,), default=None
            Row weights: of students, of teachers that are fitted here, and of scores,
            where each takes any (a scorer, with metadata routing, if it requested
            them).
        groups : array-like of shape (n_rows,), default=None
            Group of each row, for splitters that keep groups together: `cv`, and
            `teacher_cv` within each fold.
        teacher_proba : array-like of shape (n_rows, n_columns), default=None
            Probabilities of the rows, for ``teacher="precomputed"`` or
            ``teacher_cv="precomputed"``.
        X_unlabeled : array-like of shape (n_unlabeled, n_features), default=None
            More rows that only the teacher labels, in every fold.
        **params : dict
            Further metadata for `fit` of teacher and student, the splitter and the
            scorer, by scikit-learn's metadata routing.

        Returns
        -------
        self : DistillationClassifierCV
            Fitted.

        Raises
        ------
        TypeError, ValueError
            Before any training, if a parameter or the data cannot be meant so.
        """
        check_search(self)
        plan = self._plan(
            X, y, sample_weight, groups, teacher_proba, X_unlabeled, params
        )
        self._warn_of_leakage(plan)
        n_settings, n_splits = len(plan.settings), len(plan.folds)
        self._say(f"trying {n_settings} settings on {n_splits} folds")
        trials, teachers = try_all(plan, n_jobs=self.n_jobs, verbose=self.verbose)
        scores = np.array([[trial.score for trial in each] for each in trials])
        alone = np.array([setting["alpha"] == 0 for setting in plan.settings])
        choice = choose(scores, alone, self.rule)
        self._warn_of_failures(trials)

        start = time.perf_counter()
        best = plan.distillers[choice.best].set_params(n_jobs=self.n_jobs)
        interrupt = _refit(best, plan.material, teachers[choice.best])
        self.refit_time_ = time.perf_counter() - start
        self._remember_search(plan, trials, choice)
        self._remember_best(best)
        if interrupt is not None:
            raise interrupt
        self._warn_if_no_help(scores, choice)
        return self

    def _plan(
        self, X, y, sample_weight, groups, teacher_proba, X_unlabeled, params: dict
    ) -> Plan:
        """Check parameters and data, and say what is to be tried on which folds."""
        # With one seed, so that all settings draw alike.
        base = self._base().set_params(random_state=draw_seed(self.random_state))
        params, split_params, score_params = self._sort_metadata(
            params, groups, sample_weight
        )
        # Groups and the table may be for any of the settings.
        reads = reads_table(base.teacher, base.teacher_cv)
        material = base._material(
            *(X, y, sample_weight, None, teacher_proba if reads else None),
            *(X_unlabeled, params),
        )
        check_consistent_length(material.rows.X, groups, teacher_proba)
        material = material._replace(groups=groups, teacher_proba=teacher_proba)
        rows = material.rows._replace(X=indexable(material.rows.X)[0])
        material = material._replace(rows=rows)
        settings, distillers = self._distillers(base, material)
        scorer = make_scorer(distillers, self.scoring)
        if rows.weight is not None and self._weighs_scores(scorer):
            score_params = {**score_params, "sample_weight": rows.weight}
        cv = seeded_copy(self.cv, base.random_state)
        splitter = check_cv(cv, rows.y, classifier=True)
        inner = any(map(takes_groups, values_of(self, "teacher_cv")))
        if inner and not takes_groups(splitter):
            split_params = {k: v for k, v in split_params.items() if k != "groups"}
        folds = [Fold(*fold) for fold in splitter.split(rows.X, rows.y, **split_params)]
        check_folds(self, len(folds))
        judge = Judge(scorer, score_params)
        return Plan(material, settings, distillers, folds, judge)

    def _base(self) -> DistillationClassifier:
        """The distiller that all settings are settings of."""
        shared = {name: getattr(self, name) for name in _SHARED}
        return DistillationClassifier(**shared, verbose=max(0, int(self.verbose) - 1))

    def _weighs_scores(self, scorer) -> bool:
        """Whether scores count rows by weight: with routing, if they requested it."""
        routes = get_config()["enable_metadata_routing"] and self.scoring is not None
        return takes_weights(scorer) and not routes

    def _sort_metadata(self, params: dict, groups, sample_weight):
        """Sort metadata by whom it is for: the children, the splitter, the scorer."""
        if not get_config()["enable_metadata_routing"]:
            return params, {"groups": groups}, {}
        given = {**params, "groups": groups, "sample_weight": sample_weight}
        given = {name: value for name, value in given.items() if value is not None}
        router = self._add_judges(MetadataRouter(owner=self))
        for_judges = router.consumes("fit", given)
        wanted = "groups" in for_judges or values_of(self, "teacher_cv")
        if groups is not None and not wanted:
            raise TypeError(
                f"groups was passed, but cv={self.cv!r} does not ask for groups; give "
                "a splitter that does (GroupKFold, ...), or leave them out."
            )
        for_base = self._base().get_metadata_routing().consumes("fit", params)
        # What nobody wants goes to the distiller, which says so.
        left = set(params) - (for_judges - for_base)
        rest = {name: params[name] for name in left}
        if not for_judges:
            return rest, {}, {}
        routed: Any = process_routing(
            router, "fit", **{n: given[n] for n in for_judges}
        )
        split_params = routed["splitter"]["split"] if "splitter" in routed else {}
        score_params = routed["scorer"]["score"] if "scorer" in routed else {}
        return rest, dict(split_params), dict(score_params)

    def _distillers(self, base: DistillationClassifier, material: Material):
        """Make a distiller of each setting, and check it."""
        settings = make_candidates(
            self.temperatures, self.alphas, self.param_grid, self.targets
        )
        distillers = [clone(base).set_params(**_own(setting)) for setting in settings]
        table = material.teacher_proba
        readers = [reads_table(each.teacher, each.teacher_cv) for each in distillers]
        for each, reads in zip(distillers, readers, strict=True):
            # A table that nobody reads is refused by the first.
            each._check_params(table if reads or not any(readers) else None)
            check_student(each.student, material.rows.classes)
            if listens_without_alpha(each.student):
                raise ValueError(
                    f"student={each.student!r} has a final_alpha, so that with alpha=0 "
                    "it would not be the student alone, with which others are "
                    "compared; set final_alpha=None."
                )
        return settings, distillers

    def _warn_of_leakage(self, plan: Plan) -> None:
        rows = plan.material.rows
        members = [m for each in plan.distillers for m in members_of(each.teacher)]
        for member in {id(member): member for member in members}.values():
            if isinstance(member, str) or not is_given(member):
                continue
            sign = signs_of_leakage(member, rows.X, rows.codes, rows.classes)
            if sign is not None:
                warnings.warn(
                    f"{sign} If it has learned from these rows, what it says about "
                    "some tells of the labels of others, and the scores of settings "
                    "with a teacher are too good. Give it unfitted, or fitted on other "
                    "rows.",
                    UserWarning,
                    stacklevel=3,
                )

    def _warn_of_failures(self, trials: list[list[Trial]]) -> None:
        failures = [trial.failure for each in trials for trial in each if trial.failure]
        if not failures:
            return
        n_trials = sum(len(each) for each in trials)
        text = f"{len(failures)} of {n_trials} fits failed; one said: {failures[0]}"
        if len(failures) == n_trials:
            raise ValueError(text)
        warnings.warn(
            f"{text} The score of these settings is NaN.",
            FitFailedWarning,
            stacklevel=3,
        )

    def _warn_if_no_help(self, scores, choice: Choice) -> None:
        if choice.improves:
            return
        alone, distilled = scores[choice.alone].mean(), scores[choice.distilled].mean()
        warnings.warn(
            f"The teacher does not help this student: it scores {alone:.4g} alone and "
            f"{distilled:.4g} with the best temperature and alpha (rule={self.rule!r})."
            " It is trained on the labels alone.",
            UserWarning,
            stacklevel=3,
        )

    def _remember_search(self, plan: Plan, trials, choice: Choice) -> None:
        self.n_splits_ = len(plan.folds)
        ratios = [len(fold.test) / len(fold.train) for fold in plan.folds]
        self._n_test_over_train = float(np.mean(ratios))
        self.cv_results_ = format_search_results(
            plan.settings,
            self.n_splits_,
            [trial._asdict() for each in trials for trial in each],
        )
        self.scorer_ = plan.judge.scorer
        self.best_index_ = choice.best
        self.baseline_index_ = choice.alone
        self.distilled_index_ = choice.distilled
        self.differences_ = choice.differences
        self.improves_ = choice.improves
        self.harm_ = choice.harm
        self.best_params_ = plan.settings[choice.best]
        self.best_score_ = float(self.cv_results_["mean_test_score"][choice.best])

    def _remember_best(self, best: DistillationClassifier) -> None:
        """Answer as the best distiller does from now on."""
        for name in ONLY_SOMETIMES:
            self.__dict__.pop(name, None)
        fitted = {k: v for k, v in vars(best).items() if k.endswith("_")}
        self.__dict__.update(fitted)
        self._lesson = best._lesson
        self._teacher = best._teacher
        self._refuses_nan = best._refuses_nan
        self.best_estimator_ = best
        self.temperature_ = float(best.temperature)
        self.alpha_ = float(best.alpha)

    def score(self, X, y, sample_weight=None):
        """Score the predictions.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_rows, n_features)
            Rows.
        y : array-like of shape (n_rows,)
            True labels.
        sample_weight : array-like of shape (n_rows,), default=None
            Weights of the rows.

        Returns
        -------
        float
            By `scoring`; accuracy if that is None.
        """
        if self.scoring is None:
            return super().score(X, y, sample_weight=sample_weight)
        self._taught(X)
        weights = {} if sample_weight is None else {"sample_weight": sample_weight}
        return self.scorer_(self, X, y, **weights)

    def get_metadata_routing(self):
        """Say which metadata `fit` takes for itself, its children, cv and scorer.

        Returns
        -------
        MetadataRouter
            See scikit-learn's guide to metadata routing.
        """
        return self._add_judges(super().get_metadata_routing())

    def _add_judges(self, router: MetadataRouter) -> MetadataRouter:
        """Add the splitter and the scorer to those that may want metadata."""
        if hasattr(self.cv, "get_metadata_routing"):
            to_split = MethodMapping().add(caller="fit", callee="split")
            router.add(splitter=self.cv, method_mapping=to_split)
        if self.scoring is not None:
            to_score = MethodMapping().add(caller="fit", callee="score")
            scorer = make_scorer([self._base()], self.scoring)
            router.add(scorer=scorer, method_mapping=to_score)
        return router


def _own(setting: dict[str, Any]) -> dict[str, Any]:
    """A setting whose estimators are not those of the grid, which others share."""
    return {
        name: keep_or_clone(value) if name == "teacher" else clone(value, safe=False)
        for name, value in setting.items()
    }


def _refit(
    best: DistillationClassifier, material: Material, teacher
) -> InterruptedLesson | None:
    """Fit on all rows; an interrupt that leaves the student usable is given back."""
    seeded = seed_children(best.teacher, best.student, best.random_state)
    if teacher is not None:
        seeded = seeded._replace(teacher=teacher)
    try:
        best._fit(material, seeded)
    except InterruptedLesson as interrupt:
        return interrupt
    return None
