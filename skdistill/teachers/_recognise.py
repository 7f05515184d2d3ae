"""Tell what kind of teacher it is, check it, and fit it if it is not fitted."""

from __future__ import annotations

import functools
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from sklearn import get_config
from sklearn.base import clone
from sklearn.pipeline import Pipeline
from sklearn.utils.metadata_routing import get_routing_for_object
from sklearn.utils.parallel import Parallel, delayed

from skdistill._detect import (
    is_module,
    is_network,
    is_skorch_net,
    may_hold_network,
)
from skdistill._rows import TrainingRows
from skdistill._sklearn_compat import is_regressor, takes_weights
from skdistill._store import Store
from skdistill.teachers._base import Teacher
from skdistill.teachers._ensemble import EnsembleTeacher
from skdistill.teachers._estimators import EstimatorTeacher, is_fitted, score_method
from skdistill.teachers._functions import (
    FunctionTeacher,
    ModuleTeacher,
    PrecomputedTeacher,
)
from skdistill.teachers._weights import relative_weights

PRECOMPUTED = "precomputed"


def is_estimator(teacher) -> bool:
    """Whether a teacher goes by scikit-learn's protocol (fitted or not)."""
    speaks = ("fit", "predict_proba", "decision_function")
    return any(hasattr(teacher, m) for m in speaks) and not isinstance(teacher, type)


def is_list(teacher) -> bool:
    """Whether a teacher is a list of teachers."""
    return isinstance(teacher, (list, tuple))


def members_of(teacher) -> list:
    """The members of a list of teachers, or the teacher alone."""
    return list(teacher) if is_list(teacher) else [teacher]


def is_given(teacher) -> bool:
    """Whether a teacher is used as it is: nothing in it is left to fit."""
    if is_list(teacher):
        return all(is_given(member) for member in teacher)
    if not is_estimator(teacher) or is_module(teacher):
        return True
    # What cannot be cloned cannot be fitted here.
    return not hasattr(teacher, "get_params") or is_fitted(teacher)


def keep_or_clone(teacher):
    """What `sklearn.base.clone` should make of a teacher: a given one stays itself."""
    if is_list(teacher):
        return type(teacher)(keep_or_clone(member) for member in teacher)
    return teacher if is_given(teacher) else clone(teacher)


def check_teacher(teacher, *, hard: bool = False) -> None:
    """Raise, before any work, if something cannot teach.

    Parameters
    ----------
    teacher : object
        The `teacher` of a distiller.
    hard : bool, default=False
        Whether a classifier that only predicts labels will do.

    Raises
    ------
    TypeError, ValueError
        Naming what was given and what to give.
    """
    kinds = (
        "a classifier, fitted or not, a torch module, a list of these, a callable that "
        "gives scores, or 'precomputed'"
    )
    if isinstance(teacher, type):
        raise TypeError(
            f"teacher={teacher.__name__} is a class; pass an instance, "
            f"{teacher.__name__}()."
        )
    if is_list(teacher):
        if not teacher:
            raise ValueError(f"teacher=[] is an empty list; give {kinds}.")
        for member in teacher:
            if isinstance(member, str) or is_list(member):
                raise TypeError(
                    f"teacher holds {member!r}; a list may hold classifiers, torch "
                    "modules and callables."
                )
            check_teacher(member, hard=hard)
    elif isinstance(teacher, str):
        if teacher != PRECOMPUTED:
            raise ValueError(f"teacher={teacher!r} is unknown; give {kinds}.")
    elif is_estimator(teacher) and not is_module(teacher):
        _check_estimator(teacher, hard)
    elif teacher is None:
        raise TypeError(
            f"teacher=None cannot teach (a model out of strip_teacher has none and "
            f"cannot be fitted again); give {kinds}."
        )
    elif hasattr(teacher, "__array__"):
        raise TypeError(
            f"teacher is an array ({type(teacher).__name__}); if it holds "
            "probabilities, pass teacher='precomputed' and fit(X, y, teacher_proba=P)."
        )
    elif not callable(teacher):
        raise TypeError(f"teacher={teacher!r} cannot teach; give {kinds}.")


def _check_estimator(teacher, hard: bool) -> None:
    if is_regressor(teacher):
        raise TypeError(
            f"teacher={teacher!r} is a regressor; a distilled classifier needs a "
            "teacher that scores classes."
        )
    frozen = type(teacher).__name__ == "FrozenEstimator"
    if frozen and not is_fitted(teacher):
        raise ValueError(
            f"teacher={teacher!r} is frozen but not fitted; fit the estimator inside "
            "before freezing it."
        )
    score_method(teacher, hard=hard)


def hire(
    teacher,
    rows: TrainingRows,
    *,
    fit_params: list[dict] | None = None,
    teacher_proba=None,
    weights=None,
    output: str = "auto",
    named=None,
    hard: bool = False,
    n_jobs: int | None = None,
    random_state: int | None = None,
    store: Store | None = None,
) -> Teacher:
    """Make a `Teacher` of what the user gave; fit a clone of it if it is not fitted.

    Parameters
    ----------
    teacher : object
        Checked by `check_teacher`.
    rows : TrainingRows
        What an unfitted teacher is fitted on, with weights if it takes some. skorch
        nets are fitted on the codes in place of the labels.
    fit_params : list of dict, default=None
        Further arguments for `fit`, for each member (one, if it is no list).
    teacher_proba : array-like of shape (n_rows, n_columns), default=None
        For ``teacher="precomputed"``.
    weights : array-like of shape (n_teachers,) or "learned", default=None
        Of the members of a list. None: equal.
    output : {"auto", "probabilities", "logits"}, default="auto"
        What functions and modules give.
    named : ndarray of shape (n_columns,), default=None
        The user's `teacher_classes`.
    hard : bool, default=False
        Whether a classifier that only predicts labels will do.
    n_jobs : int, default=None
        For members of a list that are fitted here.
    random_state : int, default=None
        Seed for networks that are fitted here; they have none of their own.
    store : Store, default=None
        Where to look whether the same was fitted to the same before.

    Returns
    -------
    Teacher
    """
    if isinstance(teacher, str):
        return PrecomputedTeacher(teacher_proba, len(rows.codes), output)
    members = members_of(teacher)
    wrap = functools.partial(_wrap, output=output, hard=hard)
    ready = {k: wrap(m) for k, m in enumerate(members) if is_given(m)}
    for each in ready.values():
        each.check_rows(rows.X)
        # In company, `named` is for those members that do not know their own columns.
        is_for_others = len(members) > 1 and each.own_classes() is not None
        each.check_classes(None if is_for_others else named, rows.classes)
    if named is not None and not is_list(teacher) and not ready:
        _check_same_labels(named, rows.classes)
    params = fit_params or [{}] * len(members)
    to_fit = [k for k in range(len(members)) if k not in ready]
    fits = [_Fit(members[k], rows, params[k], _seed(random_state, k)) for k in to_fit]
    for k, (model, origin) in zip(to_fit, _fit_all(fits, n_jobs, store), strict=True):
        ready[k] = wrap(model, source="fitted", classes=rows.classes, origin=origin)
    team = [ready[k] for k in range(len(members))]
    return _as_ensemble(team, rows, weights) if is_list(teacher) else team[0]


def _as_ensemble(ready: list[Teacher], rows: TrainingRows, weights) -> EnsembleTeacher:
    learned = isinstance(weights, str)
    relative = relative_weights(None if learned else weights, len(ready))
    voters = [each.model for each, w in zip(ready, relative, strict=True) if w > 0]
    networks = all(is_network(model) for model in voters)
    return EnsembleTeacher(
        ready, as_logits=networks, weights=relative, rows=rows if learned else None
    )


def _check_same_labels(named, classes) -> None:
    if named.tolist() != classes.tolist():
        raise ValueError(
            f"teacher_classes={named.tolist()} contradicts the labels of y, "
            f"{classes.tolist()}, on which the teacher is fitted here; leave it out."
        )


def _wrap(
    teacher, *, output: str, hard: bool, source="given", classes=None, origin=None
):
    if isinstance(teacher, Teacher):
        return teacher
    if is_module(teacher):
        return ModuleTeacher(teacher, output)
    if not is_estimator(teacher):
        return FunctionTeacher(teacher, output)
    if not _ends_in_net(teacher):
        classes = None
    return EstimatorTeacher(
        teacher, source, output=output, hard=hard, classes=classes, origin=origin
    )


def _seed(random_state: int | None, k: int) -> int | None:
    """Tell the members of an ensemble of networks apart."""
    return None if random_state is None else (random_state + k) % 2**31


@dataclass(frozen=True)
class _Fit:
    """An estimator to fit a clone of, and all that the result depends on."""

    estimator: Any
    rows: TrainingRows
    params: dict
    seed: int | None

    def key(self, store: Store) -> str | None:
        """Its name in a store."""
        params = self.estimator.get_params(deep=True)
        quiet = {name: None for name in params if _changes_nothing(name)}
        estimator = clone(self.estimator).set_params(**quiet)
        seed = self.seed if _holds_network(estimator) else None
        apart = type(estimator), estimator, self.params, seed
        rows = self.rows
        return store.key("fit", *apart, rows.weight, rows=[rows.X, rows.y])

    def named(self) -> tuple[str, Any]:
        """Fit, and give the fit a name of its own: seeds or not, it is this one."""
        return uuid.uuid4().hex, self()

    def __call__(self):
        """Fit the clone."""
        estimator = clone(self.estimator)
        X, y, fit_params = self.rows.X, self.rows.y, self.params
        if self.rows.weight is not None:
            weights = weight_params(estimator, self.rows.weight)
            fit_params = {**fit_params, **weights}
        if not _holds_network(estimator):
            return estimator.fit(X, y, **fit_params)
        from skdistill.neural import casting_inputs, seeded

        # A network knows classes by position; what votes over networks encodes itself.
        y = self.rows.codes if _ends_in_net(estimator) else y
        device = getattr(estimator, "device", None)
        with seeded(self.seed, device), casting_inputs(estimator):
            return estimator.fit(X, y, **fit_params)


def _fit_all(
    fits: list[_Fit], n_jobs: int | None, store: Store | None
) -> list[tuple[Any, str | None]]:
    """Fit them all, or look them up; with the name of each in the store."""
    if store is None:
        return [(model, None) for model in _run(fits, n_jobs)]
    keys = _tell_apart([fit.key(store) for fit in fits])
    tasks = [
        functools.partial(store.remember, "teachers", key, fit.named)
        for key, fit in zip(keys, fits, strict=True)
    ]
    return [
        (model, None if key is None else name)
        for key, (name, model) in zip(keys, _run(tasks, n_jobs), strict=True)
    ]


def _run(tasks: Sequence[Callable[[], Any]], n_jobs: int | None) -> list:
    if len(tasks) == 1:
        return [tasks[0]()]
    return Parallel(n_jobs=n_jobs)(delayed(task)() for task in tasks)


def _tell_apart(keys: list[str | None]) -> list[str | None]:
    """Number equal keys: teachers of a list that are set alike are drawn apart."""
    return [
        key if key is None or key not in keys[:k] else f"{key}-{keys[:k].count(key)}"
        for k, key in enumerate(keys)
    ]


def _changes_nothing(name: str) -> bool:
    """Whether a parameter, by its name, has no say in what is fitted."""
    return name.rpartition("__")[2] in ("n_jobs", "verbose")


def _holds_network(estimator) -> bool:
    if not may_hold_network():
        return False
    from skdistill.neural import contains_network

    return contains_network(estimator)


def _ends_in_net(estimator) -> bool:
    while isinstance(estimator, Pipeline):
        estimator = estimator[-1]
    return is_skorch_net(estimator)


def weight_params(estimator, sample_weight) -> dict:
    """How `fit` of an estimator takes the weights; empty if it does not."""
    if takes_weights(estimator):
        return {"sample_weight": sample_weight}
    if get_config()["enable_metadata_routing"]:
        routing = get_routing_for_object(estimator)
        asked = routing.consumes("fit", ["sample_weight"])
        return {"sample_weight": sample_weight} if asked else {}
    if isinstance(estimator, Pipeline) and takes_weights(estimator.steps[-1][1]):
        return {f"{estimator.steps[-1][0]}__sample_weight": sample_weight}
    return {}
