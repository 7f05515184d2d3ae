"""From an estimator and data to the models to train."""

from __future__ import annotations

import math
from copy import deepcopy
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse
from sklearn.model_selection import train_test_split
from sklearn.utils import check_consistent_length, check_random_state
from sklearn.utils.class_weight import compute_class_weight
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import assert_all_finite, column_or_1d
from torch import nn

from skdistill._sklearn_compat import check_weights
from skdistill.neural._architecture import (
    check_answers,
    make_module,
    multilayer_perceptron,
)
from skdistill.neural._inputs import InputEncoder
from skdistill.neural._modules import as_tensor, to_tensor
from skdistill.neural._settings import layer_sizes, matchings
from skdistill.neural.embeddings import PiecewiseLinearEncoding, quantile_edges
from skdistill.neural.losses import make_loss
from skdistill.neural.matching._matcher import Matcher, make_matcher
from skdistill.neural.training import Fresh, Job, Objective, Regime
from skdistill.targets import UNLABELED, SoftTargets, normalize_rows

#: With fewer steps a rate of 1e-3 gets nowhere, however few rows there are.
_LEAST_STEPS, _LEAST_EPOCHS = 3000, 50

_SEEDS = np.iinfo(np.int32).max

#: Rows that a module may look at to find its sizes.
_FEW_ROWS = 2


@dataclass
class Prepared:
    """What a fit begins with.

    Parameters
    ----------
    jobs : list of Job
        One for each member.
    objective : Objective
    regime : Regime
    matcher : Matcher or None
    encoder : InputEncoder
        Fitted.
    classes : ndarray of shape (n_classes,)
    row_shape : tuple of int
        Shape of an encoded row.
    goes_on : bool
        Whether the members were trained before.
    """

    jobs: list[Job]
    objective: Objective
    regime: Regime
    matcher: Matcher | None
    encoder: InputEncoder
    classes: NDArray
    row_shape: tuple
    goes_on: bool


def label_targets(X, y, sample_weight, classes: NDArray | None = None) -> SoftTargets:
    """Make targets of labels alone.

    Parameters
    ----------
    X : array-like of shape (n_rows, ...)
        Rows.
    y : array-like of shape (n_rows,)
        Labels.
    sample_weight : array-like of shape (n_rows,) or None
        Weights.
    classes : ndarray of shape (n_classes,), default=None
        All labels; None: those in y.

    Returns
    -------
    SoftTargets
        With alpha 0.
    """
    if y is None:
        raise ValueError(
            "NeuralClassifier requires y to be passed, but the target y is None"
        )
    y = column_or_1d(y, warn=True)
    if y.dtype == object and any(label is None for label in y):
        raise ValueError("y contains missing labels (None); drop these rows.")
    assert_all_finite(y, input_name="y")
    check_classification_targets(y)
    check_consistent_length(X, y)
    if classes is None:
        classes = np.unique(y)
    codes = np.searchsorted(classes, y).clip(max=len(classes) - 1)
    if (classes[codes] != y).any():
        unknown = np.setdiff1d(y, classes).tolist()
        raise ValueError(f"y has labels {unknown} that are not in {classes.tolist()}.")
    weight = check_weights(sample_weight, X)
    # No teacher speaks: nothing needs memory.
    silent = np.broadcast_to(0.0, (len(y), len(classes)))
    return SoftTargets(classes, silent, codes.astype(np.intp), 0.0, weight)


def new_encoder(estimator) -> InputEncoder:
    """Make the encoder that an estimator's parameters describe."""
    scale = estimator.scale
    is_perceptron = estimator.module is None
    return InputEncoder(
        scale=is_perceptron if isinstance(scale, str) else bool(scale),
        categorical_features=estimator.categorical_features,
        dtype="float32" if is_perceptron else None,
    )


def prepare(
    estimator,
    X,
    targets: SoftTargets,
    *,
    goes_on: bool,
    has_teacher: bool = True,
    epochs: int | None = None,
    like: Prepared | None = None,
) -> Prepared:
    """Encode rows, make the modules, hold rows out.

    Parameters
    ----------
    estimator : NeuralClassifier
        Only its parameters are read, and the members it has where `goes_on`.
    X : array-like of shape (n_rows, ...)
        Validated rows.
    targets : SoftTargets
        What to learn about them.
    goes_on : bool
        Whether to go on with the members that the estimator has.
    has_teacher : bool, default=True
        Whether the targets hold what a teacher said.
    epochs : int, default=None
        Epochs, without holding rows out. None: as the parameters say.
    like : Prepared, default=None
        Of the same rows and weights and an estimator of the same parameters, whose
        encoded rows will do.

    Returns
    -------
    Prepared
    """
    _check_lesson(estimator, X, targets, goes_on=goes_on)
    _check_objective(estimator, targets, has_teacher=has_teacher)
    targets = _with_mean_weight(targets)
    encoder, rows = _encoded(estimator, X, targets, goes_on, like)
    by_class = _class_weights(estimator, targets)
    fresh = _fresh(estimator, encoder, targets, by_class, goes_on)
    targets = _weighted_by_class(targets, by_class)
    hold_out = epochs is None and estimator.early_stopping
    jobs = _jobs(estimator, encoder, rows, targets, goes_on, hold_out=hold_out)
    for job in jobs:
        job.fresh = fresh
    will_go_on = epochs is not None or bool(estimator.warm_start)
    return Prepared(
        jobs=jobs,
        objective=_objective(estimator, has_teacher),
        regime=_regime(estimator, len(jobs[0].train), epochs, will_go_on),
        matcher=make_matcher(matchings(estimator.matching), targets.representations),
        encoder=encoder,
        classes=targets.classes,
        row_shape=tuple(rows.shape[1:]),
        goes_on=goes_on,
    )


def _check_lesson(estimator, X, targets, *, goes_on: bool) -> None:
    """Raise unless the targets are about such rows, and of classes to tell apart."""
    if not isinstance(targets, SoftTargets):
        raise TypeError(
            f"targets={type(targets).__name__} is no lesson; give SoftTargets, as "
            "skdistill.targets.build_targets makes them."
        )
    if len(targets.classes) < 2:
        raise ValueError(
            f"Classifier can't train when only one class is present: y has one class "
            f"only, {targets.classes.tolist()[0]!r}."
        )
    if goes_on and targets.classes.tolist() != estimator.classes_.tolist():
        raise ValueError(
            f"The targets have the classes {targets.classes.tolist()}, but with "
            f"warm_start=True training goes on from a fit on "
            f"{estimator.classes_.tolist()}; give the same, or a new estimator."
        )
    if len(targets.labels) != X.shape[0]:
        raise ValueError(
            f"X has {X.shape[0]} rows and targets speak of {len(targets.labels)}; give "
            "one row of targets for each row of X."
        )
    _check_fresh(targets)


def _check_fresh(targets: SoftTargets) -> None:
    """Raise unless the rows to be replaced are there, and nobody has labelled them."""
    if targets.fresh is None:
        return
    n_rows, n_fresh = len(targets.labels), targets.fresh.n_rows
    if not 1 <= n_fresh <= n_rows:
        raise ValueError(
            f"targets.fresh.n_rows={n_fresh} must be between 1 and the {n_rows} rows "
            "of the lesson: the number of its last rows that others may stand for."
        )
    if (targets.labels[n_rows - n_fresh :] != UNLABELED).any():
        raise ValueError(
            f"targets.fresh.n_rows={n_fresh}, but some of the last {n_fresh} rows have "
            "labels, which would be said of other rows; put the rows that were drawn "
            "last, or give fresh=None."
        )


def _check_objective(estimator, targets: SoftTargets, *, has_teacher: bool) -> None:
    """Raise unless the teacher says all that the losses compare with."""
    if not has_teacher:
        return
    listens = bool(np.any(targets.alpha))
    if listens or estimator.final_alpha:
        make_loss(estimator.loss).check(len(targets.classes))
    wanted, given = matchings(estimator.matching), targets.representations
    if wanted and targets.fresh is not None:
        raise ValueError(
            "matching compares with what a teacher makes of each row, which nobody "
            "knows of the rows that targets.fresh will draw; give matching=None, or "
            "draw the rows once (transfer_redraw=False)."
        )
    if wanted and listens and len(wanted) != len(given):
        raise ValueError(
            f"matching has {len(wanted)} losses, but the targets hold {len(given)} "
            "representations of the teacher's; a DistillationClassifier makes them, or "
            "SoftTargets(..., representations=(...))."
        )


def _encoded(estimator, X, targets: SoftTargets, goes_on: bool, like: Prepared | None):
    """Encode rows, as for another estimator where that will do."""
    if like is not None:
        return like.encoder, like.jobs[0].X
    if goes_on:
        encoder = estimator._encoder
    else:
        encoder = new_encoder(estimator).fit(X, targets.weight)
    return encoder, _encode(encoder, X)


def _fresh(
    estimator, encoder, targets: SoftTargets, by_class: NDArray | None, goes_on: bool
) -> Fresh | None:
    """Say how rows that are drawn in training become rows of the lesson."""
    if targets.fresh is None:
        return None
    last = np.arange(len(targets.labels))[-targets.fresh.n_rows :]
    return Fresh(
        source=targets.fresh,
        encode=partial(_encode, encoder),
        lesson=partial(_lesson_like, targets.take(last), by_class),
        n_fits=estimator._n_fits if goes_on else 0,
    )


def _encode(encoder: InputEncoder, X):
    rows = encoder.transform(X)
    return rows if sparse.issparse(rows) else as_tensor(rows)


def _lesson_like(
    targets: SoftTargets, by_class: NDArray | None, teacher: NDArray[np.float64]
) -> SoftTargets:
    return _weighted_by_class(replace(targets, teacher=teacher), by_class)


def _jobs(
    estimator, encoder, rows, targets: SoftTargets, goes_on: bool, *, hold_out: bool
) -> list[Job]:
    """Make a job of each member."""
    seeds = _seeds(estimator, goes_on)
    modules = _modules(estimator, encoder, rows, targets, seeds, goes_on)
    states = estimator._optimizer_states if goes_on else [None] * len(modules)
    parts = [_split(estimator, targets, seed, hold_out=hold_out) for seed in seeds]
    return [
        Job(module, seed, rows, targets, *part, state)
        for module, seed, part, state in zip(modules, seeds, parts, states, strict=True)
    ]


def _with_mean_weight(targets: SoftTargets) -> SoftTargets:
    """Scale weights to a mean of 1: only proportions count, and float32 has limits."""
    if targets.weight is None or not targets.weight.any():
        return targets
    weight = targets.weight / targets.weight.max()
    return replace(targets, weight=weight / weight[weight > 0].mean())


def _seeds(estimator, goes_on: bool) -> list[int]:
    rng = check_random_state(estimator.random_state)
    n_members = len(estimator.modules_) if goes_on else estimator.n_members
    seeds = rng.randint(_SEEDS, size=n_members)
    if goes_on:
        # Other orders of rows than in the fits before.
        seeds = (seeds + estimator._n_fits) % _SEEDS
    return [int(seed) for seed in seeds]


def _modules(estimator, encoder, rows, targets, seeds, goes_on) -> list[nn.Module]:
    device = device_named(estimator.device)
    if goes_on:
        # Copies: if this fit fails, the estimator is what it was.
        return [deepcopy(module).train().to(device) for module in estimator.modules_]
    template = estimator.module
    if template is None:
        template = _perceptron(estimator, encoder, rows, targets)
    some = rows[:_FEW_ROWS]
    some = to_tensor(some.toarray()) if sparse.issparse(some) else some.clone()
    made = [
        make_module(
            template,
            int(np.prod(rows.shape[1:])),
            len(targets.classes),
            rows=some,
            seed=seed,
            keep_weights=estimator.keep_weights,
        ).to(device)
        for seed in seeds
    ]
    check_answers(made[0], some, len(targets.classes))
    return made


def _perceptron(estimator, encoder, rows, targets):
    """Make a function that makes the perceptron, given its sizes."""
    edges = None
    if estimator.embedding is not None:
        numeric = rows[:, encoder.numeric_]
        numeric = numeric.toarray() if sparse.issparse(numeric) else numeric.numpy()
        edges = quantile_edges(numeric, estimator.n_bins, targets.weight)

    def make(n_inputs: int, n_outputs: int) -> nn.Module:
        encoding = None
        if edges is not None:
            encoding = PiecewiseLinearEncoding(edges)
            n_inputs = encoding.n_outputs(n_inputs)
        return multilayer_perceptron(
            n_inputs,
            n_outputs,
            hidden_layer_sizes=layer_sizes(estimator.hidden_layer_sizes),
            activation=estimator.activation,
            dropout=estimator.dropout,
            encoding=encoding,
        )

    return make


def device_named(device: str) -> torch.device:
    """The device that a name stands for; "auto" is an accelerator if there is one."""
    if device != "auto":
        return torch.device(device)
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def _class_weights(estimator, targets: SoftTargets) -> NDArray | None:
    if estimator.class_weight is None:
        return None
    labels = targets.labels[targets.labels != UNLABELED]
    present = np.unique(labels)
    if not len(present):
        return None
    weights = np.ones(len(targets.classes))
    weights[present] = compute_class_weight(
        estimator.class_weight,
        classes=targets.classes[present],
        y=targets.classes[labels],
    )
    return weights


def _weighted_by_class(targets: SoftTargets, weights: NDArray | None) -> SoftTargets:
    """Weigh classes, the teacher's before any temperature: its logits, plus log(w)."""
    if weights is None:
        return targets
    tilt = weights ** (1.0 / targets.temperature)
    teacher = normalize_rows(targets.teacher * tilt)
    return replace(targets.weighted_by_class(weights), teacher=teacher)


def _split(
    estimator, targets: SoftTargets, seed: int, *, hold_out: bool
) -> tuple[NDArray, NDArray | None]:
    """Choose the rows to train on and, for early stopping, those held out."""
    rows = np.arange(len(targets.labels))
    if targets.weight is not None:
        rows = rows[targets.weight > 0]
    if not len(rows):
        raise ValueError(
            "No row is left to train on: all weights (sample_weight, class_weight) are "
            "0."
        )
    if not hold_out:
        return rows, None
    real = _rows_to_judge_by(targets, rows)
    labels = targets.labels[real]
    # A class of one row cannot be in both parts.
    stratify = labels if np.unique(labels, return_counts=True)[1].min() > 1 else None
    fraction = estimator.validation_fraction
    try:
        _, valid = train_test_split(
            real, test_size=fraction, stratify=stratify, random_state=seed
        )
    except ValueError:  # more classes than rows in one of the parts
        _, valid = train_test_split(real, test_size=fraction, random_state=seed)
    return np.setdiff1d(rows, valid), np.sort(valid)


def _rows_to_judge_by(targets: SoftTargets, rows: NDArray) -> NDArray:
    """Of some rows, those that may be held out: the labelled ones, if there are any.

    Whatever else there is was drawn, or lacks what the student is to say in the end.
    """
    labeled = rows[targets.labels[rows] != UNLABELED]
    if len(labeled) or targets.fresh is None:
        return labeled if len(labeled) else rows
    real = rows[rows < len(targets.labels) - targets.fresh.n_rows]
    if not len(real):
        raise ValueError(
            "early_stopping=True holds out real rows, but all rows of the lesson are "
            "to be replaced by fresh ones; give early_stopping=False, or a lesson "
            "with labelled rows."
        )
    return real


def _objective(estimator, has_teacher: bool) -> Objective:
    loss = make_loss(estimator.loss)
    smoothing = float(estimator.label_smoothing)
    if not has_teacher:
        return Objective(loss=loss, label_smoothing=smoothing)
    return Objective(
        loss=loss,
        label_smoothing=smoothing,
        final_temperature=estimator.final_temperature,
        final_alpha=estimator.final_alpha,
        annealing=estimator.annealing,
    )


def _regime(estimator, n_rows: int, epochs: int | None, will_go_on: bool) -> Regime:
    batch_size = min(estimator.batch_size, n_rows)
    if epochs is None:
        epochs = estimator.max_epochs
    if epochs == "auto":
        n_steps = math.ceil(n_rows / batch_size)
        epochs = max(_LEAST_EPOCHS, math.ceil(_LEAST_STEPS / n_steps))
    return Regime(
        max_epochs=epochs,
        batch_size=batch_size,
        optimizer=estimator.optimizer,
        learning_rate=float(estimator.learning_rate),
        schedule=estimator.learning_rate_schedule,
        weight_decay=float(estimator.weight_decay),
        n_iter_no_change=estimator.n_iter_no_change,
        tol=float(estimator.tol),
        keep_optimizer=will_go_on,
    )
