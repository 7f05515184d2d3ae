"""The modules of an estimator: made, copied, initialised."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from copy import deepcopy

import torch
from torch import Tensor, nn

from skdistill.neural._modules import cast_input, device_of
from skdistill.neural._seeding import seeded
from skdistill.neural._sharing import sharing_copy

ACTIVATIONS: dict[str, type[nn.Module]] = {
    "relu": nn.ReLU,
    "tanh": nn.Tanh,
    "logistic": nn.Sigmoid,
    "gelu": nn.GELU,
    "silu": nn.SiLU,
    "leaky_relu": nn.LeakyReLU,
    "elu": nn.ELU,
}


def multilayer_perceptron(
    n_inputs: int,
    n_outputs: int,
    *,
    hidden_layer_sizes: Sequence[int] = (64, 32),
    activation: str = "relu",
    dropout: float = 0.0,
    encoding: nn.Module | None = None,
) -> nn.Sequential:
    """Make a multilayer perceptron.

    Parameters
    ----------
    n_inputs : int
        Numbers in a row, after `encoding` if there is one.
    n_outputs : int
        Logits.
    hidden_layer_sizes : sequence of int, default=(64, 32)
        Units of each hidden layer.
    activation : str, default="relu"
        A key of :data:`ACTIVATIONS`.
    dropout : float, default=0.0
        Rate after each hidden layer.
    encoding : torch.nn.Module, default=None
        Comes first.

    Returns
    -------
    torch.nn.Sequential
        Its parts have names: "encoding", "hidden_0", "activation_0", "dropout_0", ...,
        "output".
    """
    model = nn.Sequential()
    if encoding is not None:
        model.add_module("encoding", encoding)
    for k, width in enumerate(hidden_layer_sizes):
        model.add_module(f"hidden_{k}", nn.Linear(n_inputs, width))
        model.add_module(f"activation_{k}", ACTIVATIONS[activation]())
        if dropout:
            model.add_module(f"dropout_{k}", nn.Dropout(dropout))
        n_inputs = width
    model.add_module("output", nn.Linear(n_inputs, n_outputs))
    return model


def make_module(
    module: nn.Module | Callable[..., nn.Module],
    n_inputs: int,
    n_outputs: int,
    *,
    rows: Tensor,
    seed: int,
    keep_weights: bool = False,
) -> nn.Module:
    """Make one module, initialised from a seed.

    Parameters
    ----------
    module : torch.nn.Module or callable
        An instance is copied and its parts initialised anew. A class or function is
        called with `n_inputs` and `n_outputs`, or without if it takes no arguments.
    n_inputs, n_outputs : int
        Numbers in a row; number of classes.
    rows : Tensor of shape (n_rows, ...)
        Some rows, for modules that take their sizes from the first they see.
    seed : int
        Of the initial weights; the global generators stay as they were.
    keep_weights : bool, default=False
        Whether the copy of an instance keeps the weights it has.

    Returns
    -------
    torch.nn.Module

    Raises
    ------
    TypeError
        If the call does not give a module.
    ValueError
        If an instance has parameters that no part of it can initialise.
    """
    with seeded(seed):
        if isinstance(module, nn.Module):
            made = deepcopy(module)
            if not keep_weights:
                reset_parameters(made)
        else:
            made = module(n_inputs, n_outputs) if _takes_sizes(module) else module()
        if isinstance(made, nn.Module) and _is_lazy(made):
            with torch.no_grad():
                made.eval()(rows)
    if not isinstance(made, nn.Module):
        raise TypeError(
            f"module={module!r} gave {type(made).__name__}; it must give a "
            "torch.nn.Module, called with the number of inputs and of classes."
        )
    return made


def check_answers(module: nn.Module, rows: Tensor, n_classes: int) -> None:
    """Raise unless a module answers rows with a logit for each class.

    Parameters
    ----------
    module : torch.nn.Module
        Not changed.
    rows : Tensor of shape (n_rows, ...)
        Some rows, on any device.
    n_classes : int
        Classes. For two a single logit will do.

    Raises
    ------
    ValueError
        Saying what the module gives, or that it does not take such rows.
    """
    name = type(module).__name__
    if not any(parameter.requires_grad for parameter in module.parameters()):
        raise ValueError(
            f"module={name} has no parameter to train; give one with layers that learn "
            "(requires_grad)."
        )
    try:
        with torch.no_grad():
            output = sharing_copy(module)(
                cast_input(rows, module).to(device_of(module))
            )
    except (RuntimeError, TypeError, IndexError, AttributeError) as error:
        raise ValueError(
            f"module={name} does not take rows of shape {tuple(rows.shape[1:])} "
            f"({rows.dtype}): {error}"
        ) from error
    shape = tuple(output.shape) if isinstance(output, Tensor) else None
    right: list[tuple] = [(len(rows), n_classes)]
    if n_classes == 2:
        right += [(len(rows), 1), (len(rows),)]
    if shape not in right:
        given = type(output).__name__ if shape is None else f"a tensor of shape {shape}"
        single = ", or a single one for each row" if n_classes == 2 else ""
        raise ValueError(
            f"module={name} answers {len(rows)} rows with {given}; it must give logits "
            f"and nothing else: one for each of {n_classes} classes{single}."
        )


def _is_lazy(module: nn.Module) -> bool:
    return any(map(nn.parameter.is_lazy, module.parameters()))


def _takes_sizes(factory: Callable) -> bool:
    """Whether a factory can be called with two arguments."""
    try:
        signature = inspect.signature(factory)
    except (TypeError, ValueError):
        return True
    try:
        signature.bind(1, 1)
    except TypeError:
        return False
    return True


def reset_parameters(module: nn.Module) -> nn.Module:
    """Initialise each part of a module anew, in place, as its class does it.

    Raises
    ------
    ValueError
        If a parameter belongs to a part that has no `reset_parameters`.
    """
    frozen = [p for p in module.parameters() if not p.requires_grad]
    before = [parameter.detach().clone() for parameter in frozen]
    stuck = []
    for name, part in module.named_modules():
        own = list(part.named_parameters(recurse=False))
        reset = getattr(part, "reset_parameters", None)
        reset = reset or getattr(part, "_reset_parameters", None)
        if callable(reset):
            with torch.no_grad():
                reset()
        elif any(parameter.requires_grad for _, parameter in own):
            stuck += [f"{name}.{parameter}".lstrip(".") for parameter, _ in own]
    with torch.no_grad():
        for parameter, numbers in zip(frozen, before, strict=True):
            parameter.copy_(numbers)  # somebody wants them as they are
    if stuck:
        raise ValueError(
            f"module={type(module).__name__} has parameters that cannot be initialised "
            f"anew: {stuck[:8]}. Give their part a method reset_parameters(), give the "
            "class or a function that makes the module, or set keep_weights=True to "
            "start from the weights it has."
        )
    return module
