"""Try settings on folds: consult the teacher once a fold, then teach each student."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from numbers import Real
from typing import Any, NamedTuple

import numpy as np
from joblib import effective_n_jobs
from numpy.typing import NDArray
from sklearn.utils.parallel import Parallel, delayed

from skdistill import _checks
from skdistill._classifier import DistillationClassifier
from skdistill._material import Consultation, Material
from skdistill._rows import n_rows_of, stack_rows
from skdistill._search._candidates import of_teacher
from skdistill._seeds import Seeded, seed_children
from skdistill._sklearn_compat import take_metadata, take_rows
from skdistill._store import open_store
from skdistill.students import (
    Lesson,
    can_learn_together,
    learn,
    learn_together,
    wanted_representations,
)
from skdistill.targets import SoftTargets
from skdistill.teachers import QuotedTeacher, is_given, part_of, record

#: Tasks for each worker, so that none waits long for the last one.
_TASKS_A_WORKER = 3


class Fold(NamedTuple):
    """Rows to train on, and rows to be judged by."""

    train: NDArray[np.intp]
    test: NDArray[np.intp]


class Trial(NamedTuple):
    """How a candidate did on a fold; times in seconds, and why it failed, if it did."""

    score: float
    fit_time: float
    score_time: float
    failure: str = ""


class Candidate(NamedTuple):
    """A distiller to try, its student with its seeds, and a seed for what holds none.

    The distiller has no teacher, which is heavy and was asked before; the name of a
    table is none.
    """

    distiller: DistillationClassifier
    student: Any
    seed: int | None


class Judge(NamedTuple):
    """How fitted models are scored: a scorer, and its metadata for all rows."""

    scorer: Callable[..., float]
    params: dict

    @property
    def asks_teacher(self) -> bool:
        """Whether the scorer wants to know what the teacher says."""
        asks = getattr(self.scorer, "asks_teacher", False)
        return asks and "teacher_proba" not in self.params

    def __call__(self, model, material: Material, test: NDArray) -> float:
        """Score a model on the rows held out."""
        rows, params = material.rows, self.params
        if self.asks_teacher and not hasattr(model, "teacher_predict_proba"):
            params = {**params, "teacher_proba": material.teacher_proba}
        params = take_metadata(rows.X, params, test)
        X = take_rows(rows.X, test)
        score = self.scorer(model, X, rows.y[test], **params)
        if not isinstance(score, Real):
            raise ValueError(f"scoring must return a number, got {score!r}")
        return float(score)


class Plan(NamedTuple):
    """What a search tries.

    Parameters
    ----------
    material : Material
        All rows.
    settings : list of dict
        Parameters of each candidate.
    distillers : list of DistillationClassifier
        One with each setting; checked.
    folds : list of Fold
        Positions of rows.
    judge : Judge
        Greater is better.
    """

    material: Material
    settings: list[dict[str, Any]]
    distillers: list[DistillationClassifier]
    folds: list[Fold]
    judge: Judge


def try_all(
    plan: Plan, *, n_jobs: int | None = None, verbose: int = 0
) -> tuple[list[list[Trial]], list]:
    """Fit and score each distiller on each fold.

    Parameters
    ----------
    plan : Plan
        Its distillers are not changed.
    n_jobs : int, default=None
        Processes or threads, as joblib's context says.
    verbose : int, default=0
        Above 0, show a progress bar.

    Returns
    -------
    trials : list of list of Trial
        For each distiller one for each fold.
    teachers : list
        The seeded teacher of each; a given one remembers what it said.
    """
    n_folds = len(plan.folds)
    teachers: list[Any] = [None] * len(plan.distillers)
    trials: list[list[Any]] = [[None] * n_folds for _ in plan.distillers]
    candidates = [_candidate(distiller) for distiller in plan.distillers]
    groups = _same_teacher(plan.distillers, plan.settings)
    bar = _progress_bar(len(candidates) * n_folds) if verbose else None
    # What workers are sent: distillers hold teachers, which are heavy.
    lean = plan._replace(settings=[], distillers=[])
    for members in groups:
        # One with a teacher of its group; what is alone may be in any.
        asking = max(members, key=lambda k: plan.settings[k]["alpha"])
        teacher, said = _consult_all(lean, plan.distillers[asking], n_jobs)
        for k in members:  # scorers read a table as its distiller does
            candidates[k].distiller.teacher = teacher if _is_table(teacher) else None
        tasks, places = [], []
        for part in _parts([candidates[k] for k in members], n_folds, n_jobs):
            mine = [members[k] for k in part]
            for f, fold in enumerate(plan.folds):
                tried = [candidates[k] for k in mine]
                tasks.append(delayed(_try)(tried, lean, fold, said[f]))
                places.append((mine, f))
        for (mine, f), done in zip(places, _run(tasks, n_jobs, bar), strict=True):
            for k, trial in zip(mine, done, strict=True):
                trials[k][f] = trial
        for k in members:
            is_of_group = len(groups) == 1 or plan.settings[k]["alpha"] > 0
            teachers[k] = teacher if is_of_group else None
    return trials, teachers


def _progress_bar(total: int):
    from tqdm import tqdm

    return tqdm(desc="trying settings", total=total, unit="fit")


def _run(tasks: list, n_jobs: int | None, bar):
    """Give the results of tasks, in their order, and move the progress bar."""
    if bar is None:
        yield from Parallel(n_jobs=n_jobs)(tasks)
        return
    for done in Parallel(n_jobs=n_jobs, return_as="generator")(tasks):
        bar.update(len(done))
        yield done
    bar.refresh()


def _candidate(distiller: DistillationClassifier) -> Candidate:
    seeded = seed_children(distiller.teacher, distiller.student, distiller.random_state)
    params = {**distiller.get_params(deep=False), "teacher": None, "student": None}
    return Candidate(DistillationClassifier(**params), seeded.student, seeded.seed)


def _parts(candidates: Sequence[Candidate], n_folds: int, n_jobs) -> list[NDArray]:
    """Sort candidates, by position, into tasks; those of a task share its journey.

    Networks that are trained together are all in one.
    """
    alone = [not can_learn_together(each.student) for each in candidates]
    n_workers = effective_n_jobs(n_jobs)
    n_parts = len(candidates)
    if n_workers > 1:
        n_parts = math.ceil(_TASKS_A_WORKER * n_workers / n_folds)
    parts = np.array_split(np.flatnonzero(alone), n_parts)
    parts.append(np.flatnonzero(np.logical_not(alone)))
    return [part for part in parts if len(part)]


def _same_teacher(distillers, settings) -> list[list[int]]:
    """Sort distillers, by position, by what they ask of whom."""
    groups: dict[tuple, list[int]] = {}
    for k, (distiller, setting) in enumerate(zip(distillers, settings, strict=True)):
        # Two students may want to know other things of the same teacher.
        curious = bool(wanted_representations(distiller.student))
        key = tuple(
            (name, id(value))
            for name, value in sorted(setting.items())
            if of_teacher(name)
            or (curious and (name == "student" or "matching" in name))
        )
        groups.setdefault(key, []).append(k)
    alone = groups.pop((), [])
    if not groups:
        return [alone]
    # The student alone has no teacher: any will do.
    first, *others = groups.values()
    return [alone + first, *others]


def _consult_all(
    plan: Plan, distiller: DistillationClassifier, n_jobs
) -> tuple[Any, list[Consultation]]:
    """The teacher, and what it says about the training rows of each fold."""
    seeded = seed_children(distiller.teacher, distiller.student, distiller.random_state)
    # All that any candidate may want to know is asked at once.
    params = {**distiller.get_params(deep=False), "alpha": 1.0, "verbose": 0}
    asking = DistillationClassifier(**params)
    if _is_table(seeded.teacher) or is_given(seeded.teacher):
        n_jobs = 1  # asked about all rows at once; the rest is slices
    teacher = _recorded(asking, seeded.teacher, plan.material)
    seeded = seeded._replace(teacher=teacher)
    said = Parallel(n_jobs=n_jobs)(
        delayed(_consult)(asking, seeded, plan, fold) for fold in plan.folds
    )
    return teacher, said


def _recorded(distiller: DistillationClassifier, teacher, material: Material):
    """The teacher; a given one with what it says about all rows."""
    rows, more = material.rows, material.X_unlabeled
    classes = _checks.check_teacher_classes(distiller.teacher_classes)
    store = open_store(distiller.memory)

    labels_are_given = distiller.teacher_cv is not None
    tables = [] if labels_are_given else [rows.X]

    def ask(hired, table):
        return hired.evaluate(table, classes, rows.classes, store=store)

    return record(
        teacher,
        rows,
        tables if more is None else [*tables, more],
        ask,
        named=distiller._columns_of_teacher(),
        output=distiller.teacher_output,
        hard=distiller.targets == "hard",
        weights=distiller.teacher_weights,
    )


def _is_table(teacher) -> bool:
    return isinstance(teacher, str)


def _consult(
    distiller: DistillationClassifier, seeded: Seeded, plan: Plan, fold: Fold
) -> Consultation:
    X = plan.material.rows.X
    part = plan.material.take(fold.train)
    teacher = part_of(seeded.teacher, X, fold.train, part.rows.X)
    held_out = take_rows(X, fold.test) if plan.judge.asks_teacher else None
    if held_out is not None:
        teacher = part_of(teacher, X, fold.test, held_out)
    said = distiller._consult(seeded._replace(teacher=teacher), part)
    quoted = None
    if held_out is not None and not _is_table(said.teacher.model):
        store = open_store(distiller.memory)
        answer = distiller._ask(said.teacher, held_out, part.rows, store)
        quoted = QuotedTeacher(answer)
    # Neither is needed to teach (`ask` may hold the teacher), and both are heavy.
    return said._replace(teacher=quoted, X=None)


def _try(
    candidates: Sequence[Candidate], plan: Plan, fold: Fold, said: Consultation
) -> list[Trial]:
    """Fit and score several candidates on one fold."""
    part = plan.material.take(fold.train)
    together = all(can_learn_together(each.student) for each in candidates)
    taught = None
    if together and not part.student_params:
        taught = _teach_together(candidates, part, said)
    if taught is None:
        taught = [
            _teach(each, plan.material.take(fold.train), said) for each in candidates
        ]
    return [
        _judged(each, lesson, fit_time, part, plan, fold, said.teacher)
        for each, (lesson, fit_time) in zip(candidates, taught, strict=True)
    ]


def _teach(
    candidate: Candidate, part: Material, said: Consultation
) -> tuple[Lesson | Exception, float]:
    """Teach one student; how that went, and the seconds it took.

    The student may write into its rows: they are not those of another.
    """
    start = time.perf_counter()
    lesson: Lesson | Exception
    try:
        X, targets = _lesson_of(candidate, part, _with_rows(said, part))
        params, seed = part.student_params, candidate.seed
        lesson = learn(candidate.student, X, targets, params, random_state=seed)
    except Exception as error:  # whatever a foreign fit may raise
        lesson = error
    return lesson, time.perf_counter() - start


def _teach_together(
    candidates: Sequence[Candidate], part: Material, said: Consultation
) -> list[tuple[Lesson | Exception, float]] | None:
    """Teach several students at once; each is said to take its share of the time.

    None if that fails, for whose sake is found out by teaching one after the other.
    """
    start = time.perf_counter()
    taught: list[Any] = [None] * len(candidates)
    said = _with_rows(said, part)
    rows = [_lesson_of(each, part, said) for each in candidates]
    try:
        # Without a teacher there may be fewer rows.
        for X in {id(X): X for X, _ in rows}.values():
            members = [k for k, (mine, _) in enumerate(rows) if mine is X]
            lessons = learn_together(
                [candidates[k].student for k in members],
                X,
                [rows[k][1] for k in members],
                random_state=[candidates[k].seed for k in members],
            )
            for k, lesson in zip(members, lessons, strict=True):
                taught[k] = lesson
    except Exception:  # whatever a foreign module may raise
        return None
    share = (time.perf_counter() - start) / len(candidates)
    return [(lesson, share) for lesson in taught]


def _with_rows(said: Consultation, part: Material) -> Consultation:
    """What was said, with the rows that it was said about."""
    X = part.rows.X
    for more in (part.X_unlabeled, None if said.drawn is None else said.drawn.X):
        if more is not None and n_rows_of(X) < len(said.output.values):
            X = stack_rows(X, more)
    return said._replace(X=X)


def _lesson_of(
    candidate: Candidate, part: Material, said: Consultation
) -> tuple[Any, SoftTargets]:
    """The rows and targets for a candidate."""
    if candidate.distiller.alpha == 0:
        said = said.about_labeled(part.rows)._replace(representations=())
    return said.X, candidate.distiller._targets(said, part.rows)


def _judged(
    candidate: Candidate,
    lesson: Lesson | Exception,
    fit_time: float,
    part: Material,
    plan: Plan,
    fold: Fold,
    quoted: QuotedTeacher | None,
) -> Trial:
    if isinstance(lesson, Exception):
        return Trial(np.nan, fit_time, 0.0, f"{type(lesson).__name__}: {lesson}")
    params = {**candidate.distiller.get_params(deep=False), "student": lesson.student}
    model = DistillationClassifier(**params)._remember(part.rows, None, lesson)
    model._teacher = quoted
    start = time.perf_counter()
    score, failure = np.nan, ""
    try:
        score = plan.judge(model, plan.material, fold.test)
    except Exception as error:  # whatever a foreign scorer may raise
        failure = f"in scoring, {type(error).__name__}: {error}"
    return Trial(score, fit_time, time.perf_counter() - start, failure)
