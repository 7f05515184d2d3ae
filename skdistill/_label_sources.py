"""Where the teacher's word about the rows with labels comes from (`teacher_cv`)."""

from __future__ import annotations

from dataclasses import replace
from numbers import Integral
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import check_cv
from sklearn.utils import check_consistent_length
from sklearn.utils.parallel import Parallel, delayed

from skdistill._checks import shortened
from skdistill._material import Material
from skdistill._rows import TrainingRows
from skdistill._seeds import seeded_copy
from skdistill._sklearn_compat import take_rows, takes_groups
from skdistill._store import Store
from skdistill.targets import TeacherOutput
from skdistill.teachers import (
    PRECOMPUTED,
    EnsembleTeacher,
    PrecomputedTeacher,
    Teacher,
    gather,
    hire,
    is_given,
    is_list,
    keeping_out_of_bag,
    members_of,
    out_of_bag_output,
)

OUT_OF_BAG = "oob"


_ALLOWED = (
    f"None (what the teacher says itself), {OUT_OF_BAG!r}, a number of folds of at "
    "least 2, a splitter, pairs of (train, test) positions, or "
    f"{PRECOMPUTED!r}"
)


class Asking(NamedTuple):
    """How teachers are hired and asked; see :func:`skdistill.teachers.hire`."""

    named: NDArray | None
    output: str
    hard: bool
    seed: int | None
    store: Store | None


class Fold(NamedTuple):
    """Rows that a teacher is fitted on, and those it is asked about."""

    train: NDArray[np.intp]
    test: NDArray[np.intp]


def check_label_source(teacher, teacher_cv, teacher_proba) -> None:
    """Check `teacher_cv` against the teacher and what was passed to `fit`.

    Raises
    ------
    TypeError, ValueError
        Naming both, and what to give.
    """
    _check_value(teacher_cv)
    _check_teacher_proba(teacher, teacher_cv, teacher_proba)
    if teacher_cv is None or _is(teacher_cv, PRECOMPUTED):
        return
    if isinstance(teacher, str):
        raise ValueError(
            f"teacher_cv={teacher_cv!r} needs a teacher that can be fitted, and the "
            f"teacher is {PRECOMPUTED!r}; leave teacher_cv out and give out-of-fold "
            "probabilities as teacher_proba."
        )
    for member in members_of(teacher):
        if is_given(member):
            raise ValueError(
                f"teacher_cv={teacher_cv!r} fits the teacher on parts of the rows, but "
                f"{type(member).__name__} is given fitted and used as it is. Give it "
                "unfitted, or pass what it said about rows it had not seen: "
                f"teacher_cv={PRECOMPUTED!r} and fit(X, y, teacher_proba=P)."
            )
        if _is(teacher_cv, OUT_OF_BAG):
            keeping_out_of_bag(member)


def _is(teacher_cv, name: str) -> bool:
    return isinstance(teacher_cv, str) and teacher_cv == name


def _check_value(teacher_cv) -> None:
    if isinstance(teacher_cv, str):
        good = teacher_cv in (OUT_OF_BAG, PRECOMPUTED)
    elif isinstance(teacher_cv, (bool, np.bool_, type)):
        good = False
    elif isinstance(teacher_cv, (list, tuple)):
        good = _lists_folds(teacher_cv)
    else:  # of what can be read once, the folds are looked at when they are made
        is_number = isinstance(teacher_cv, Integral)
        gives_folds = hasattr(teacher_cv, "split") or hasattr(teacher_cv, "__iter__")
        good = teacher_cv is None or (int(teacher_cv) > 1 if is_number else gives_folds)
    if not good:
        raise ValueError(f"teacher_cv={shortened(teacher_cv)} must be {_ALLOWED}.")


def _lists_folds(teacher_cv) -> bool:
    """Whether these are pairs of positions, and at least one."""
    if not teacher_cv:
        return False
    pairs = [isinstance(fold, (list, tuple)) and len(fold) == 2 for fold in teacher_cv]
    return all(pairs) and all(
        np.ndim(part) == 1 and np.asarray(part).dtype.kind in "iub"
        for fold in teacher_cv
        for part in fold
        if len(np.atleast_1d(part))
    )


def reads_table(teacher, teacher_cv) -> bool:
    """Whether what was said before is read from `teacher_proba`."""
    return _is(teacher, PRECOMPUTED) or _is(teacher_cv, PRECOMPUTED)


def _check_teacher_proba(teacher, teacher_cv, teacher_proba) -> None:
    by_name = {"teacher": teacher, "teacher_cv": teacher_cv}
    wanted = [
        f"{name}={value!r}"
        for name, value in by_name.items()
        if _is(value, PRECOMPUTED)
    ]
    if wanted and teacher_proba is None:
        raise ValueError(
            f"{wanted[0]} needs fit(X, y, teacher_proba=P), with one row of "
            "probabilities for each row of X."
        )
    if not wanted and teacher_proba is not None:
        raise ValueError(
            "teacher_proba was passed, but it is only read where "
            f"teacher={PRECOMPUTED!r} or teacher_cv={PRECOMPUTED!r}; here the teacher "
            f"is {type(teacher).__name__} and teacher_cv={teacher_cv!r}."
        )


def check_groups(teacher_cv, groups, X) -> None:
    """Check groups of rows, and that there is somebody to read them.

    Raises
    ------
    ValueError
        If no splitter does, or there are more or fewer than rows.
    """
    if groups is None:
        return
    if not takes_groups(teacher_cv):
        raise ValueError(
            "groups was passed, but it is only read by a splitter of groups in "
            f"teacher_cv, and teacher_cv={shortened(teacher_cv)}; give GroupKFold(5) "
            "for example, or leave groups out. (To pass groups on to teacher or "
            "student, enable metadata routing and request them there by another name.)"
        )
    check_consistent_length(X, groups)


def to_fit(teacher, teacher_cv):
    """The teacher as it is to be fitted on all rows."""
    if not _is(teacher_cv, OUT_OF_BAG):
        return teacher
    members = [keeping_out_of_bag(member) for member in members_of(teacher)]
    return members if is_list(teacher) else members[0]


def make_folds(teacher_cv, material: Material, seed: int | None) -> list[Fold]:
    """The folds of a cross-fit; none if there is to be no such fit.

    Parameters
    ----------
    teacher_cv : object
        Checked by `check_label_source`.
    material : Material
        The rows, and their groups.
    seed : int or None
        For a splitter that has none.

    Returns
    -------
    list of Fold

    Raises
    ------
    ValueError
        If the splitter cannot split these rows.
    """
    if teacher_cv is None or isinstance(teacher_cv, str):
        return []
    rows = material.rows
    shown = shortened(teacher_cv)
    teacher_cv = seeded_copy(teacher_cv, seed)
    folds_are_given = not hasattr(teacher_cv, "split")
    if folds_are_given and not isinstance(teacher_cv, Integral):
        given, teacher_cv = teacher_cv, list(teacher_cv)
        if not _lists_folds(teacher_cv):
            raise ValueError(
                f"teacher_cv={given!r} gives {shortened(teacher_cv)}; it must be "
                f"{_ALLOWED}. (What can be read once has nothing for a second fit.)"
            )
    splitter = check_cv(teacher_cv, rows.y, classifier=True)
    groups = material.groups if takes_groups(splitter) else None
    n_rows = len(rows.y)
    try:
        if isinstance(teacher_cv, Integral):
            parts = _split_evenly(splitter, rows)
        else:
            parts = list(splitter.split(rows.X, rows.y, groups))
    except ValueError as error:
        raise ValueError(
            f"teacher_cv={shown} cannot split the {n_rows} rows: {error}"
        ) from error
    folds = [Fold(*(_positions(part, n_rows) for part in pair)) for pair in parts]
    for k, fold in enumerate(folds):
        _check_fold(shown, k, fold, rows)
    return folds


def _split_evenly(splitter, rows: TrainingRows) -> list[tuple[NDArray, NDArray]]:
    """Split the rows that weigh anything; the others decide nothing."""
    weight = np.ones(len(rows.y)) if rows.weight is None else rows.weight
    kept, rest = np.flatnonzero(weight), np.flatnonzero(weight == 0)
    parts = [
        (kept[train], kept[test]) for train, test in splitter.split(kept, rows.y[kept])
    ]
    parts[0] = (parts[0][0], np.append(parts[0][1], rest))
    return parts


def _positions(part, n_rows: int) -> NDArray[np.intp]:
    """Positions of rows, which may come as a mask."""
    part = np.asarray(part)
    if part.dtype != bool:
        return part.astype(np.intp)
    if len(part) != n_rows:
        raise ValueError(
            f"teacher_cv holds a mask of {len(part)} rows, and there are {n_rows}; "
            "give masks of all rows, or positions."
        )
    return np.flatnonzero(part)


def _check_fold(shown: str, k: int, fold: Fold, rows: TrainingRows) -> None:
    lows = [part.min(initial=0) for part in fold]
    highs = [part.max(initial=0) for part in fold]
    if min(lows) < 0 or max(highs) >= len(rows.y):
        last = min(lows) if min(lows) < 0 else max(highs)
        raise ValueError(
            f"teacher_cv={shown} names row {last}, and there are "
            f"{len(rows.y)}; inside a search or a meta-estimator, where fit sees parts "
            "of the rows, give a splitter in place of positions."
        )
    if not len(fold.test) or len(np.intersect1d(*fold)):
        what = "has no rows" if not len(fold.test) else "shares rows with it"
        raise ValueError(
            f"teacher_cv={shown}: in fold {k} the part that the "
            f"teacher is asked about {what}, where it is to hold rows that are not in "
            "the part that it is fitted on."
        )
    weight = None if rows.weight is None else rows.weight[fold.train]
    n_classes = np.count_nonzero(np.bincount(rows.codes[fold.train], weight))
    if n_classes < 2:
        raise ValueError(
            f"teacher_cv={shown}: of the {len(fold.train)} rows that "
            f"the teacher of fold {k} is fitted on, {n_classes} class has some; give "
            "folds whose training parts hold at least two (stratified, or fewer)."
        )


def ask_about_labeled(
    teacher: Teacher,
    unfitted: Any,
    material: Material,
    teacher_cv,
    folds: list[Fold],
    asking: Asking,
    *,
    n_jobs: int | None = None,
    progress=None,
) -> TeacherOutput:
    """What is said about the rows with labels.

    Parameters
    ----------
    teacher : Teacher
        As fitted on all rows, or given.
    unfitted : object
        The same as it came.
    material : Material
        The rows.
    teacher_cv : object
        Checked by `check_label_source`.
    folds : list of Fold
        Of `make_folds`.
    asking : Asking
        How to ask.
    n_jobs : int, default=None
        How many folds are worked on at once.
    progress : callable, default=None
        Wraps the iterator of batches of the teacher itself.

    Returns
    -------
    TeacherOutput
        Silent where nobody speaks who has not been fitted on the row.
    """
    rows = material.rows
    if folds:
        return _cross_fit(teacher, unfitted, material, folds, asking, n_jobs)
    if _is(teacher_cv, OUT_OF_BAG):
        if isinstance(teacher, EnsembleTeacher):
            voters = [teacher.members[k] for k in teacher.voters]
            return teacher.combine([out_of_bag_output(each.model) for each in voters])
        return out_of_bag_output(teacher.model)
    if teacher_cv is not None:
        return read_table(material, asking)
    return teacher.evaluate(
        rows.X, asking.named, rows.classes, progress=progress, store=asking.store
    )


def read_table(material: Material, asking: Asking) -> TeacherOutput:
    """Check and read what was said before.

    Rows of nothing but NaN or 0 are those about which nobody spoke: so out-of-bag
    votes and cross-fitting leave rows that every teacher was fitted on.
    """
    rows, given = material.rows, material.teacher_proba
    silent = _says_nothing(given)
    if silent is not None:
        columns = getattr(given, "columns", None)
        filled = np.where(silent[:, None], 1.0, np.asarray(given, dtype=np.float64))
        given = filled if columns is None else _with_columns(given, filled)
    table = PrecomputedTeacher(given, len(rows.y), asking.output)
    table.check_classes(asking.named, rows.classes)
    output = table.evaluate(rows.X, asking.named, rows.classes)
    return replace(output, silent=silent)


def _says_nothing(proba) -> NDArray[np.bool_] | None:
    """Which rows of a table are empty; None if none is."""
    try:
        table = np.asarray(proba, dtype=np.float64)
    except (TypeError, ValueError):
        return None  # what is wrong is said where the table is read
    if table.ndim != 2:
        return None
    empty = (np.isnan(table) | (table == 0)).all(axis=1)
    return empty if empty.any() and not empty.all() else None


def _with_columns(frame, values: NDArray):
    """An array in the columns of a pandas or polars frame."""
    if hasattr(frame, "iloc"):
        return type(frame)(values, columns=frame.columns)
    return type(frame)(values, schema=list(frame.columns))


def _cross_fit(
    teacher: Teacher, unfitted, material, folds: list[Fold], asking: Asking, n_jobs
) -> TeacherOutput:
    """Members of a list are asked each on its own about all rows, then they vote."""
    team = teacher if isinstance(teacher, EnsembleTeacher) else None
    voters = [0] if team is None else team.voters
    said = Parallel(n_jobs=n_jobs)(
        delayed(_answers)(unfitted, voters, material, fold, asking) for fold in folds
    )
    rows, tests = material.rows, [fold.test for fold in folds]
    outputs = [
        gather(list(zip(tests, of_voter, strict=True)), len(rows.y), rows.classes)
        for of_voter in zip(*said, strict=True)
    ]
    return outputs[0] if team is None else team.combine(outputs)


def _answers(
    unfitted, voters: list[int], material: Material, fold: Fold, asking: Asking
) -> list[TeacherOutput]:
    """Fit each of those who vote on the rows of a fold, and ask about the others."""
    part = material.take(fold.train)
    members = members_of(unfitted)
    hired = hire(
        [members[k] for k in voters] if is_list(unfitted) else unfitted,
        part.rows,
        fit_params=[part.teacher_params[k] for k in voters],
        output=asking.output,
        hard=asking.hard,
        random_state=asking.seed,
        store=asking.store,
    )
    each = hired.members if isinstance(hired, EnsembleTeacher) else [hired]
    X = take_rows(material.rows.X, fold.test)
    return [
        member.evaluate(X, None, part.rows.classes, store=asking.store)
        for member in each
    ]
