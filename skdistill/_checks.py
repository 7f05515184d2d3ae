"""Say what is wrong with parameters and data, before any work is done."""

from __future__ import annotations

import sys
import warnings
from numbers import Integral, Real

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import check_array, check_consistent_length
from sklearn.utils.multiclass import check_classification_targets, type_of_target
from sklearn.utils.validation import assert_all_finite, column_or_1d

from skdistill._rows import TrainingRows, check_same_columns, n_rows_of
from skdistill._sklearn_compat import check_weights
from skdistill._store import open_store
from skdistill.targets import UNLABELED, SoftTargets
from skdistill.teachers import (
    LEARNED,
    PRECOMPUTED,
    TEMPERATURE,
    is_given,
    is_list,
)
from skdistill.transfer import check_generator

#: Above that share of one class, saying nothing else is no sign of a mistake.
_RARE_CLASSES = 0.9


def check_settings(distiller) -> None:
    """Check the distiller's own parameters; all that is wrong goes in one message.

    Raises
    ------
    ValueError
        Naming each parameter, its value and what is allowed.
    """
    wrong = _wrong_mix(distiller)
    for name, allowed in (
        ("targets", ("soft", "hard")),
        ("teacher_output", ("auto", "probabilities", "logits")),
    ):
        value = getattr(distiller, name)
        if not (isinstance(value, str) and value in allowed):
            wrong.append(f"{name}={value!r} must be one of {allowed}")
    wrong += _wrong_weights(
        distiller.teacher_weights, distiller.teacher, distiller.teacher_cv
    )
    c = distiller.loss_correction
    if c is not None and not (_is_number(c) and 0 < c < np.inf):
        wrong.append(
            f"loss_correction={c!r} must be None or a finite number above 0 (the "
            "larger, the more the labels count)"
        )
    _raise_all(wrong)
    open_store(distiller.memory)
    if distiller.targets == "hard" and distiller.temperature != 1:
        warnings.warn(
            f"temperature={distiller.temperature!r} has no effect with targets='hard': "
            "one class cannot be softened. Set temperature=1, or targets='soft'.",
            UserWarning,
            stacklevel=5,
        )


def check_generations(model) -> None:
    """Check the parameters of a classifier that teaches itself, as `check_settings`.

    Raises
    ------
    ValueError
        Naming each parameter, its value and what is allowed.
    """
    wrong = _wrong_mix(model)
    number = model.n_generations
    if not (_is_number(number) and isinstance(number, Integral) and int(number) > 0):
        wrong.append(
            f"n_generations={number!r} must be a whole number of at least 1 (1: the "
            "student on the labels, and no more)"
        )
    if not isinstance(model.average, (bool, np.bool_)):
        wrong.append(f"average={model.average!r} must be True or False")
    _raise_all(wrong)
    open_store(model.memory)


def _wrong_mix(model) -> list[str]:
    """What is wrong with `temperature` and `alpha`."""
    wrong = []
    temperature, alpha = model.temperature, model.alpha
    if not (_is_number(temperature) and 0 < temperature < np.inf):
        wrong.append(
            f"temperature={temperature!r} must be a finite number above 0 (1 leaves "
            "the teacher's probabilities as they are)"
        )
    if not (_is_number(alpha) and 0 <= alpha <= 1):
        wrong.append(
            f"alpha={alpha!r} must be a number in [0, 1] (0: labels only, 1: teacher "
            "only)"
        )
    return wrong


def _wrong_learning(teacher_cv) -> list[str]:
    if not (isinstance(teacher_cv, str) and teacher_cv == PRECOMPUTED):
        return []
    return [
        f"teacher_weights={LEARNED!r} learns from what each teacher says about the "
        f"rows of X, and with teacher_cv={PRECOMPUTED!r} there is one table for all; "
        "give numbers, or teacher_cv=5"
    ]


def _wrong_weights(weights, teacher, teacher_cv) -> list[str]:
    """What is wrong with `teacher_weights`."""
    if weights is None:
        return []
    if not is_list(teacher):
        return [
            f"teacher_weights={weights!r} is for a list of teachers, and the teacher "
            f"is {_named(teacher)}; leave it out, or give several"
        ]
    if isinstance(weights, str) and weights == LEARNED:
        return _wrong_learning(teacher_cv)
    try:
        array = np.asarray(weights, dtype=np.float64)
    except (TypeError, ValueError):
        array = np.array(np.nan)
    good = array.shape == (len(teacher),) and np.isfinite(array).all()
    if good and array.min() >= 0 and array.max() > 0:
        return []
    return [
        f"teacher_weights={weights!r} must be None (equal), {LEARNED!r}, or a finite "
        f"number for each of the {len(teacher)} teachers, none below 0 and not all 0"
    ]


def check_calibration(distiller) -> None:
    """Check `teacher_calibration`, and that there is something to fit it to.

    Raises
    ------
    TypeError, ValueError
        Naming what was given and what to give.
    """
    calibration = distiller.teacher_calibration
    if calibration is None:
        return
    named = isinstance(calibration, str) and calibration == TEMPERATURE
    is_model = hasattr(calibration, "fit") and hasattr(calibration, "predict_proba")
    if isinstance(calibration, type) or not (named or is_model):
        raise ValueError(
            f"teacher_calibration={calibration!r} must be None, {TEMPERATURE!r} or a "
            "classifier with predict_proba (an instance)."
        )
    teacher = distiller.teacher
    knows_rows = not isinstance(teacher, str) and not is_given(teacher)
    if knows_rows and distiller.teacher_cv is None:
        raise ValueError(
            f"teacher_calibration={calibration!r} takes what the teacher says about "
            "rows that it was not fitted on, and with teacher_cv=None it is fitted on "
            "all of them; set teacher_cv='oob' (forests) or teacher_cv=5."
        )


def check_transfer(distiller) -> None:
    """Check `transfer` and what goes with it.

    Raises
    ------
    TypeError, ValueError
        Naming what was given and what to give.
    """
    wrong = []
    size, weight = distiller.transfer_size, distiller.transfer_weight
    if not (_is_number(size) and 0 < size < np.inf):
        wrong.append(
            f"transfer_size={size!r} must be above 0: a float times the rows of X, or "
            "a number of rows (int)"
        )
    if not (_is_number(weight) and 0 < weight < np.inf):
        wrong.append(
            f"transfer_weight={weight!r} must be a finite number above 0 (1: drawn "
            "rows weigh together what the rows of X do)"
        )
    redraw = distiller.transfer_redraw
    if not isinstance(redraw, (bool, np.bool_)):
        wrong.append(f"transfer_redraw={redraw!r} must be True or False")
    elif redraw and distiller.transfer is None:
        wrong.append(
            "transfer_redraw=True draws rows again, but transfer=None makes none; "
            "give a generator, skdistill.transfer.Munge() for example"
        )
    _raise_all(wrong)
    if distiller.transfer is None:
        return
    check_generator(distiller.transfer)
    teacher = distiller.teacher
    if isinstance(teacher, str) and teacher == PRECOMPUTED:
        raise ValueError(
            f"transfer={distiller.transfer!r} makes rows for the teacher to label, and "
            f"teacher={PRECOMPUTED!r} cannot be asked. Give the teacher itself (with "
            f"teacher_cv={PRECOMPUTED!r}, what it said about the rows of X is still "
            "taken from teacher_proba), or leave transfer out."
        )


def warn_of_deaf_rows(distiller, X_unlabeled) -> None:
    """Warn of rows without labels where the teacher counts for nothing yet.

    They weigh `alpha` times a row with a label, whatever it becomes in training.
    """
    names = [
        name
        for name, given in (
            ("transfer", distiller.transfer),
            ("X_unlabeled", X_unlabeled),
        )
        if given is not None
    ]
    if names:
        warnings.warn(
            f"{' and '.join(names)} have no effect with alpha=0, though the student "
            "turns to its teacher later: rows without labels weigh alpha. Set alpha "
            "above 0.",
            UserWarning,
            stacklevel=levels_to_user(),
        )


def check_drawn(X, drawn, n_rows: int, generator) -> None:
    """Check that a generator has drawn rows like those it was fitted on.

    Raises
    ------
    ValueError
        Naming it.
    """
    name = f"the table drawn by transfer={type(generator).__name__}"
    is_table = hasattr(drawn, "shape") and len(drawn.shape) > 1
    if not is_table or n_rows_of(drawn) != n_rows:
        what = f"has shape {drawn.shape}" if is_table else f"is {shortened(drawn)}"
        raise ValueError(
            f"{name} {what}; let sample({n_rows}) give {n_rows} rows, an array or a "
            "frame with the columns of X."
        )
    check_same_columns(X, drawn, name)


def warn_of_silence(silent: NDArray[np.bool_] | None, teacher_cv) -> None:
    """Warn of rows about which no teacher speaks that was not fitted on them."""
    if silent is None or not silent.any():
        return
    n_silent = np.count_nonzero(silent)
    shown = shortened(teacher_cv)
    cures = {
        "oob": "More trees would reach them (n_estimators).",
        PRECOMPUTED: "Their rows of teacher_proba hold nothing but NaN or 0.",
    }
    cure = "A splitter whose test parts cover all rows (KFold) would reach them."
    if isinstance(teacher_cv, str):
        cure = cures[teacher_cv]
    warnings.warn(
        f"With teacher_cv={shown} no teacher speaks about {n_silent} of "
        f"{len(silent)} rows; they learn from their label alone. {cure}",
        UserWarning,
        stacklevel=levels_to_user(),
    )


def levels_to_user() -> int:
    """The `stacklevel` at which whoever called this package from outside is named."""
    frame, level = sys._getframe(1), 1
    while frame.f_back is not None and _is_ours(frame):
        frame, level = frame.f_back, level + 1
    return level


def _is_ours(frame) -> bool:
    return frame.f_globals.get("__name__", "").partition(".")[0] == "skdistill"


def shortened(value, most: int = 80) -> str:
    """The repr of a value, which may hold arrays, on one line of bounded length."""
    text = " ".join(repr(value).split())
    return text if len(text) <= most else f"{text[: most - 3]}..."


def _named(teacher) -> str:
    return repr(teacher) if isinstance(teacher, str) else type(teacher).__name__


def _raise_all(wrong: list[str]) -> None:
    if wrong:
        raise ValueError("; ".join(wrong) + ".")


def _is_number(value) -> bool:
    return isinstance(value, Real) and not isinstance(value, (bool, np.bool_))


def check_rows(X, y, sample_weight) -> TrainingRows:
    """Check training rows, labels and weights against one another.

    X is left to teacher and student, who know what they take; here only its shape.

    Returns
    -------
    TrainingRows
    """
    X = check_shape(X)
    if y is None:
        raise ValueError(
            "DistillationClassifier requires y to be passed, but the target y is None"
        )
    y = _check_labels(y)
    check_consistent_length(X, y)
    classes, codes = np.unique(y, return_inverse=True)
    codes = codes.astype(np.intp)
    weight = check_weights(sample_weight, X)
    _check_several_classes(classes, codes, weight)
    return TrainingRows(X, y, codes, classes, weight)


def _check_several_classes(classes: NDArray, codes: NDArray, weight) -> None:
    if len(classes) < 2:
        raise ValueError(
            f"y has one class only, {classes.tolist()[0]!r}; there must be at least "
            "two classes to tell apart."
        )
    if weight is not None and np.count_nonzero(np.bincount(codes, weight)) < 2:
        raise ValueError(
            "sample_weight is 0 on all rows but those of at most one class; there must "
            "be at least two classes to tell apart."
        )


def _is_missing(label) -> bool:
    return label is None or type(label).__name__ in ("NAType", "NaTType")


def _check_no_missing_labels(y) -> None:
    labels = np.asarray(y)
    if np.issubdtype(labels.dtype, np.floating):
        assert_all_finite(labels, input_name="y")
    elif labels.dtype == object:
        missing = np.frompyfunc(_is_missing, 1, 1)(labels).astype(bool)
        if missing.any():
            raise ValueError(
                f"y contains missing labels (None, NA) in {missing.sum()} rows; drop "
                "these rows, or pass them as X_unlabeled."
            )


def _check_labels(y) -> NDArray:
    _check_no_missing_labels(y)
    if type_of_target(y, input_name="y").startswith("multilabel"):
        raise ValueError(
            "y is multilabel (several columns); DistillationClassifier learns one "
            "label for a row. Distil each column on its own."
        )
    y = column_or_1d(y, warn=True)
    check_classification_targets(y)
    return y


def check_shape(X, name: str = "X"):
    """Check that X has rows and columns; a list becomes an array."""
    if not hasattr(X, "shape") and not hasattr(X, "columns"):
        X = np.asarray(X)
    shape = X.shape
    is_text = len(shape) == 1 and getattr(X, "dtype", np.dtype("O")).kind in "OUST"
    if len(shape) < 2 and not is_text:
        raise ValueError(
            f"Expected 2D array, got {len(shape)}D array instead: {name} has shape "
            f"{shape}. Reshape your data: X.reshape(-1, 1) if it has a single feature, "
            "X.reshape(1, -1) if it is a single row."
        )
    # Not np.iscomplexobj, which would turn a frame into an array of objects.
    if getattr(getattr(X, "dtype", None), "kind", None) == "c":
        raise ValueError("Complex data not supported: X has complex values.")
    if shape[0] == 0:
        raise ValueError(
            f"Found array with 0 sample(s) (shape={shape}) while a minimum of 1 is "
            f"required: {name} is empty."
        )
    if len(shape) > 1 and shape[1] == 0:
        raise ValueError(
            f"Found array with 0 feature(s) (shape={shape}) while a minimum of 1 is "
            "required."
        )
    return X


def check_no_missing(X) -> None:
    """Refuse NaN and inf; a sum tells most of the time, and quickly."""
    if isinstance(X, np.ndarray) and X.dtype.kind == "f" and np.isfinite(X.sum()):
        return
    check_array(X, accept_sparse=True, dtype=None, allow_nd=True, input_name="X")


def check_unlabeled(X, X_unlabeled) -> None:
    """Check that unlabelled rows have the columns of X, and look like another set."""
    if X_unlabeled is None:
        return
    check_shape(X_unlabeled, "X_unlabeled")
    check_same_columns(X, X_unlabeled)
    if n_rows_of(X) == n_rows_of(X_unlabeled):
        warnings.warn(
            f"X_unlabeled has as many rows as X ({n_rows_of(X)}). A splitter such as "
            "GridSearchCV's would slice it like metadata of the rows of X. If these "
            "are rows of their own, add or leave out one to silence this.",
            UserWarning,
            stacklevel=4,
        )


def check_teacher_classes(classes) -> NDArray | None:
    """`teacher_classes` as an array of distinct labels."""
    if classes is None:
        return None
    classes = np.asarray(classes)
    if classes.ndim != 1 or len(np.unique(classes)) != len(classes):
        raise ValueError(
            f"teacher_classes={classes.tolist()!r} must be a flat list of distinct "
            "labels, one for each column of the teacher."
        )
    return classes


def warn_if_teacher_disagrees(targets: SoftTargets) -> None:
    """Warn of a given teacher that knows y less well than the majority class does."""
    labeled = targets.labels != UNLABELED
    labels = targets.labels[labeled]
    weight = None if targets.weight is None else targets.weight[labeled]
    said = targets.teacher.argmax(axis=1)[labeled]
    agreement = np.average(said == labels, weights=weight)
    counts = np.bincount(labels, weight)
    majority = counts.max() / counts.sum()
    # A teacher that cannot read the rows usually says one class of all of them; where
    # one class is nearly all there is, a good one may do so too.
    if agreement < majority or (agreement == majority and majority < _RARE_CLASSES):
        warnings.warn(
            f"The given teacher agrees with y on {agreement:.1%} of the rows, no "
            f"more than always saying the most frequent class would ({majority:.1%}). "
            "Were its rows scaled or encoded otherwise, are its columns, or those of "
            "teacher_proba, in another order (teacher_classes), or was y re-encoded by "
            "a meta-estimator? (Inside one, give an unfitted teacher.)",
            UserWarning,
            stacklevel=5,
        )
