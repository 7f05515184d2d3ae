"""Several network estimators, fitted at once."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from skdistill._sklearn_compat import take_rows
from skdistill.neural._estimator import NeuralClassifier
from skdistill.neural._preparation import Prepared, prepare
from skdistill.neural._progress import progress_report
from skdistill.neural._settings import check_settings
from skdistill.neural.training import Outcome, train
from skdistill.neural.training._alike import settings
from skdistill.targets import SoftTargets


def fit_together(
    students: Sequence[NeuralClassifier],
    X,
    targets: Sequence[SoftTargets],
    rows: Sequence[NDArray] | None = None,
    *,
    verbose: int = 0,
) -> list[NeuralClassifier]:
    """Fit several networks at once, each as its own `fit_soft_targets` would.

    What differs between them may be the seed, the targets (so temperature, alpha and
    weights) and the rows: candidates of a search, folds, members. Networks of one
    architecture and regime are trained in one go, which takes a fraction of the time.

    Parameters
    ----------
    students : sequence of NeuralClassifier
        Fitted in place. The same settings, but for `random_state`, train in one go.
    X : {array-like, sparse matrix} of shape (n_rows, n_features)
        Rows for all of them.
    targets : sequence of SoftTargets
        What each student learns, one row per row of `X` (or of its own `rows`).
        Students may share one. Fresh rows of one source are drawn and labelled once
        for all students of a stack.
    rows : sequence of ndarray of shape (n_own_rows,), default=None
        The positions in `X` of the rows that each student has. None: all have all.
    verbose : int, default=0
        Above 0, show one progress bar for all.

    Returns
    -------
    list of NeuralClassifier
        The students, fitted.

    Raises
    ------
    ValueError
        If numbers of students, targets and rows differ, or one could not be fitted.
    FloatingPointError
        If a loss does not stay finite; the other students are fitted all the same.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.datasets import load_iris
    >>> from skdistill.neural import NeuralClassifier, fit_together
    >>> from skdistill.targets import SoftTargets
    >>> X, y = load_iris(return_X_y=True)
    >>> lesson = SoftTargets(np.unique(y), np.eye(3)[y], y, alpha=0.5)
    >>> students = [NeuralClassifier(random_state=seed) for seed in range(3)]
    >>> students = fit_together(students, X, [lesson] * 3)
    >>> bool(min(student.score(X, y) for student in students) > 0.9)
    True
    """
    _check_lengths(students, targets, rows, X)
    ready = _prepare_all(students, X, targets, rows)
    outcomes: dict[int, list[Outcome]] = {}
    n_epochs = max(each.regime.max_epochs for each in ready)
    with progress_report(verbose, n_epochs, sum(len(r.jobs) for r in ready)) as report:
        for members in _alike(students, ready):
            jobs = [job for k in members for job in ready[k].jobs]
            first = ready[members[0]]
            ended = iter(
                train(
                    jobs,
                    first.objective,
                    first.regime,
                    report=report,
                    matcher=first.matcher,
                )
            )
            for k in members:
                outcomes[k] = [next(ended) for _ in ready[k].jobs]
            if any(o.end == "interrupted" for k in members for o in outcomes[k]):
                break
    return _remember_all(students, ready, outcomes)


def _check_lengths(students, targets, rows, X) -> None:
    if not students:
        raise ValueError("students=[] is empty; give at least one NeuralClassifier.")
    lengths = {"targets": len(targets), "rows": len(students if rows is None else rows)}
    for name, length in lengths.items():
        if length != len(students):
            raise ValueError(
                f"{name} has {length} entries for {len(students)} students; give one "
                "for each."
            )
    for k, lesson in enumerate(targets):
        n_rows = _n_rows(X) if rows is None else len(rows[k])
        if len(lesson.labels) != n_rows:
            raise ValueError(
                f"targets[{k}] speaks of {len(lesson.labels)} rows, but its student "
                f"has {n_rows}; give one row of targets for each."
            )


def _prepare_all(students, X, targets, rows) -> list[Prepared]:
    """Prepare each student; rows that several have are encoded once."""
    shared: dict[tuple, Prepared] = {}
    ready = []
    for k, (student, lesson) in enumerate(zip(students, targets, strict=True)):
        check_settings(student)
        goes_on = student._goes_on()
        own = X if rows is None else take_rows(X, rows[k])
        validated = student._validated(own, reset=not goes_on)
        weight = b"" if lesson.weight is None else lesson.weight.tobytes()
        which = None if rows is None else np.asarray(rows[k]).tobytes()
        key = (_settings(student), student.module is None, which, weight)
        like = None if goes_on else shared.get(key)
        prepared = prepare(student, validated, lesson, goes_on=goes_on, like=like)
        if not goes_on:
            shared.setdefault(key, prepared)
        ready.append(prepared)
    return ready


def _settings(student: NeuralClassifier) -> str:
    """What must agree for students to be trained in one go, but for the module."""
    own = ("module", "random_state", "verbose", "n_members")
    return settings(student.get_params(deep=False), own, student)


def _alike(students, ready: Sequence[Prepared]) -> list[list[int]]:
    groups: dict[tuple, list[int]] = {}
    for k, (student, prepared) in enumerate(zip(students, ready, strict=True)):
        alone = k if prepared.matcher is not None else None
        regime = prepared.regime
        key = (_settings(student), regime.max_epochs, regime.batch_size, alone)
        groups.setdefault(key, []).append(k)
    return list(groups.values())


def _remember_all(students, ready, outcomes) -> list[NeuralClassifier]:
    problem: BaseException | None = None
    for k, (student, prepared) in enumerate(zip(students, ready, strict=True)):
        ended = outcomes.get(k) or [Outcome(end="interrupted") for _ in prepared.jobs]
        try:
            student._remember(prepared, ended)
        except (FloatingPointError, KeyboardInterrupt) as error:
            problem = error
    if problem is not None:
        raise problem
    return list(students)


def _n_rows(X) -> int:
    return X.shape[0] if hasattr(X, "shape") else len(X)
