"""Where the teacher's word about the rows with labels comes from (`teacher_cv`)."""

from __future__ import annotations

from numbers import Integral
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import check_cv
from sklearn.utils import check_consistent_length
from sklearn.utils.parallel import Parallel, delayed

from skdistill._material import Material
from skdistill._sklearn_compat import take_rows
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
    allowed = (
        f"None (what the teacher says itself), {OUT_OF_BAG!r}, a number of folds of at "
        f"least 2, a splitter, a list of (train, test) positions, or {PRECOMPUTED!r}"
    )
    if isinstance(teacher_cv, str):
        if teacher_cv not in (OUT_OF_BAG, PRECOMPUTED):
            raise ValueError(f"teacher_cv={teacher_cv!r} must be {allowed}.")
    elif isinstance(teacher_cv, (bool, np.bool_)) or not (
        teacher_cv is None
        or (isinstance(teacher_cv, Integral) and int(teacher_cv) > 1)
        or (hasattr(teacher_cv, "split") and not isinstance(teacher_cv, type))
        or hasattr(teacher_cv, "__iter__")
    ):
        raise ValueError(f"teacher_cv={teacher_cv!r} must be {allowed}.")


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
    if not hasattr(teacher_cv, "split"):
        raise ValueError(
            f"groups was passed, but it is only read by a splitter in teacher_cv, and "
            f"teacher_cv={teacher_cv!r}; give GroupKFold(5) for example, or leave "
            "groups out. (To pass groups on to teacher or student, enable metadata "
            "routing and request them there by another name.)"
        )
    check_consistent_length(X, groups)


def to_fit(teacher, teacher_cv):
    """The teacher as it is to be fitted on all rows."""
    if not _is(teacher_cv, OUT_OF_BAG):
        return teacher
    members = [keeping_out_of_bag(member) for member in members_of(teacher)]
    return members if is_list(teacher) else members[0]


def make_folds(teacher_cv, material: Material) -> list[Fold]:
    """The folds of a cross-fit; none if there is to be no such fit.

    Raises
    ------
    ValueError
        If the splitter cannot split these rows.
    """
    if teacher_cv is None or isinstance(teacher_cv, str):
        return []
    rows = material.rows
    splitter = check_cv(teacher_cv, rows.y, classifier=True)
    folds = [
        Fold(np.asarray(train), np.asarray(test))
        for train, test in splitter.split(rows.X, rows.y, material.groups)
    ]
    last = max(int(np.max(part)) for fold in folds for part in fold if len(part))
    if last >= len(rows.y):
        raise ValueError(
            f"teacher_cv={teacher_cv!r} names row {last}, and there are {len(rows.y)}; "
            "inside a search or a meta-estimator, where fit sees parts of the rows, "
            "give a splitter in place of positions."
        )
    return folds


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
        teacher = PrecomputedTeacher(material.teacher_proba, len(rows.y), asking.output)
        teacher.check_classes(asking.named, rows.classes)
    return teacher.evaluate(
        rows.X, asking.named, rows.classes, progress=progress, store=asking.store
    )


def _cross_fit(
    teacher: Teacher, unfitted, material, folds: list[Fold], asking: Asking, n_jobs
) -> TeacherOutput:
    """Members of a list are cross-fitted each on its own, then they vote."""
    members = members_of(unfitted)
    team = isinstance(teacher, EnsembleTeacher)
    voters = teacher.voters if isinstance(teacher, EnsembleTeacher) else [0]
    said = Parallel(n_jobs=n_jobs)(
        delayed(_answer)(members[k], k, material, fold, asking)
        for k in voters
        for fold in folds
    )
    rows, tests = material.rows, [fold.test for fold in folds]
    outputs = [
        gather(
            list(zip(tests, said[j * len(folds) : (j + 1) * len(folds)], strict=True)),
            len(rows.y),
            rows.classes,
        )
        for j in range(len(voters))
    ]
    return teacher.combine(outputs) if team else outputs[0]  # type: ignore[attr-defined]


def _answer(
    member, k: int, material: Material, fold: Fold, asking: Asking
) -> TeacherOutput:
    """Fit one on the rows of a fold, and ask it about the others."""
    part = material.take(fold.train)
    hired = hire(
        member,
        part.rows,
        fit_params=[part.teacher_params[k]],
        output=asking.output,
        hard=asking.hard,
        random_state=None if asking.seed is None else (asking.seed + k) % 2**31,
        store=asking.store,
    )
    X = take_rows(material.rows.X, fold.test)
    return hired.evaluate(X, None, part.rows.classes, store=asking.store)
