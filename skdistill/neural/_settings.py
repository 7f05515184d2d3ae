"""Parameters of the network estimator: checked together, before any work."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from numbers import Integral, Real

import numpy as np
import torch
from sklearn.utils import check_random_state
from torch import nn

from skdistill.neural._architecture import ACTIVATIONS
from skdistill.neural.losses import make_loss
from skdistill.neural.matching._base import Matching
from skdistill.neural.training._optimizers import NAMES, NOT_ELEMENTWISE

#: Numbers: least, most, and whether these two are allowed themselves.
_NUMBERS: dict[str, tuple[float, float, str]] = {
    "dropout": (0, 1, "[)"),
    "label_smoothing": (0, 1, "[)"),
    "learning_rate": (0, np.inf, "()"),
    "weight_decay": (0, np.inf, "[)"),
    "validation_fraction": (0, 1, "()"),
    "tol": (0, np.inf, "[)"),
}

_COUNTS = ("n_bins", "n_members", "batch_size", "n_iter_no_change")

_OPTIONS: dict[str, tuple] = {
    "activation": tuple(ACTIVATIONS),
    "embedding": (None, "piecewise_linear"),
    "learning_rate_schedule": ("constant", "cosine", "one_cycle"),
    "annealing": ("linear", "cosine"),
    "early_stopping": (True, False),
    "warm_start": (True, False),
    "keep_weights": (True, False),
    "scale": ("auto", True, False),
}


def check_settings(estimator) -> None:
    """Raise, with all that is wrong in one message.

    Raises
    ------
    ValueError
        Naming each parameter, its value and what is allowed.
    """
    wrong = [*_wrong_numbers(estimator), *_wrong_options(estimator)]
    sizes = estimator.hidden_layer_sizes
    if not all(_is_count(size) for size in layer_sizes(sizes)):
        wrong.append(
            f"hidden_layer_sizes={sizes!r} must be integers of at least 1, as (64, 32)"
        )
    if not (estimator.module is None or callable(estimator.module)):
        wrong.append(
            f"module={estimator.module!r} must be None, a torch.nn.Module, or a class "
            "or function that makes one of the numbers of inputs and classes"
        )
    if estimator.keep_weights and not isinstance(estimator.module, nn.Module):
        wrong.append(
            "keep_weights=True needs a module that has weights: give module=an instance"
        )
    epochs = estimator.max_epochs
    if not (_is_count(epochs) or (isinstance(epochs, str) and epochs == "auto")):
        wrong.append(
            f"max_epochs={epochs!r} must be 'auto' or an integer of at least 1"
        )
    optimizer = estimator.optimizer
    if not (callable(optimizer) or optimizer in tuple(NAMES)):
        wrong.append(
            f"optimizer={optimizer!r} must be one of {tuple(NAMES)} or a class of "
            "torch.optim"
        )
    elif getattr(optimizer, "func", optimizer) in NOT_ELEMENTWISE:
        wrong.append(
            f"optimizer={optimizer!r} looks at whole tensors or asks for the loss "
            "itself; use one that goes number by number, as one of "
            f"{tuple(NAMES)}"
        )
    wrong += [*_wrong_kinds(estimator), *_wrong_objective(estimator)]
    if wrong:
        raise ValueError("; ".join(wrong) + ".")


def layer_sizes(sizes) -> Sequence:
    """`hidden_layer_sizes` as a sequence; one number is one layer."""
    return [sizes] if isinstance(sizes, Integral) else list(np.ravel(sizes).tolist())


def _wrong_numbers(estimator) -> list[str]:
    wrong = []
    for name, (least, most, ends) in _NUMBERS.items():
        value = getattr(estimator, name)
        if not _is_between(value, least, most, ends):
            allowed = f"{ends[0]}{least}, {most}{ends[1]}"
            wrong.append(f"{name}={value!r} must be a number in {allowed}")
    for name in _COUNTS:
        value = getattr(estimator, name)
        if not _is_count(value):
            wrong.append(f"{name}={value!r} must be an integer of at least 1")
    return wrong


def _wrong_options(estimator) -> list[str]:
    wrong = []
    for name, allowed in _OPTIONS.items():
        value = getattr(estimator, name)
        if not any(_is_same(value, one) for one in allowed):
            wrong.append(f"{name}={value!r} must be one of {allowed}")
    return wrong


def _wrong_kinds(estimator) -> list[str]:
    wrong = []
    weight = estimator.class_weight
    if not (
        weight is None or isinstance(weight, Mapping) or _is_same(weight, "balanced")
    ):
        wrong.append(
            f"class_weight={weight!r} must be None, 'balanced' or a dict from labels "
            "to weights"
        )
    if isinstance(weight, Mapping) and not _are_weights(list(weight.values())):
        wrong.append(
            f"class_weight={weight!r} must hold finite numbers of at least 0, and one "
            "above 0"
        )
    columns = estimator.categorical_features
    if not (columns is None or _is_same(columns, "from_dtype") or _is_list(columns)):
        wrong.append(
            f"categorical_features={columns!r} must be None, 'from_dtype', or a list "
            "of column names, of indices, or of one boolean for each column"
        )
    try:
        check_random_state(estimator.random_state)
    except ValueError:
        wrong.append(
            f"random_state={estimator.random_state!r} must be None, an integer of at "
            "least 0 or a numpy.random.RandomState"
        )
    if not isinstance(estimator.verbose, (Integral, np.bool_)) or estimator.verbose < 0:
        wrong.append(f"verbose={estimator.verbose!r} must be an integer of at least 0")
    return wrong + _wrong_device(estimator.device)


def _wrong_device(device) -> list[str]:
    if _is_same(device, "auto"):
        return []
    try:
        torch.zeros(1, device=torch.device(device))
    except (RuntimeError, AssertionError, TypeError, NotImplementedError) as error:
        reason = str(error).splitlines()[0]
        return [
            f"device={device!r} must be 'auto' or a device that torch has here, as "
            f"'cpu' ({reason})"
        ]
    return []


def _are_weights(values: list) -> bool:
    right = all(_is_between(value, 0, np.inf, "[)") for value in values)
    return right and any(value > 0 for value in values)


def _is_list(value) -> bool:
    return not isinstance(value, (str, Mapping)) and np.ndim(value) == 1


def _is_same(value, allowed) -> bool:
    """Whether they are equal, and 1 is not taken for True."""
    if isinstance(allowed, bool):
        return isinstance(value, (bool, np.bool_)) and bool(value) == allowed
    return value is allowed or (isinstance(value, str) and value == allowed)


def _wrong_objective(estimator) -> list[str]:
    wrong = []
    for name, most, ends in (
        ("final_temperature", np.inf, "()"),
        ("final_alpha", 1, "[]"),
    ):
        value = getattr(estimator, name)
        if value is not None and not _is_between(value, 0, most, ends):
            allowed = f"{ends[0]}0, {most}{ends[1]}"
            wrong.append(f"{name}={value!r} must be None or a number in {allowed}")
    try:
        loss = make_loss(estimator.loss)
        loss.check(max(loss.min_classes, 2))
    except (TypeError, ValueError) as error:
        wrong.append(str(error).rstrip("."))
    for each in matchings(estimator.matching):
        if not isinstance(each, Matching):
            wrong.append(
                f"matching={estimator.matching!r} must be None, or one or several of "
                "the losses of skdistill.neural.matching"
            )
            break
        try:
            each.check()
        except (TypeError, ValueError) as error:
            wrong.append(str(error).rstrip("."))
    return wrong


def matchings(matching) -> list:
    """`matching` as a list: None, one loss, or several."""
    if matching is None:
        return []
    return list(matching) if isinstance(matching, (list, tuple)) else [matching]


def _is_between(value, least: float, most: float, ends: str) -> bool:
    if not isinstance(value, Real) or isinstance(value, (bool, np.bool_)):
        return False
    number = float(value)
    above = number >= least if ends[0] == "[" else number > least
    below = number <= most if ends[1] == "]" else number < most
    return above and below


def _is_count(value) -> bool:
    is_number = isinstance(value, Integral) and not isinstance(value, (bool, np.bool_))
    return bool(is_number and value >= 1)
