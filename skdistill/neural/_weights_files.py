"""Weights in files that cannot run code when they are read."""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike
from pathlib import Path

import torch
from torch import Tensor, nn


def save(modules: Sequence[nn.Module], path: str | PathLike) -> None:
    """Write the weights of modules: as safetensors, or as torch's state dict.

    Parameters
    ----------
    modules : sequence of torch.nn.Module
    path : str or path-like
        Ending in ".safetensors" for that format.
    """
    state = {
        f"{k}.{name}": tensor.detach().cpu().contiguous()
        for k, module in enumerate(modules)
        for name, tensor in module.state_dict().items()
    }
    if _is_safetensors(path):
        # Tensors that share memory are not allowed there.
        state = {name: tensor.clone() for name, tensor in state.items()}
        _safetensors().save_file(state, path)
    else:
        torch.save(state, path)


def load(modules: Sequence[nn.Module], path: str | PathLike) -> None:
    """Read weights into modules, all of them or none.

    Raises
    ------
    ValueError
        If the file does not hold just the weights of such modules.
    """
    state = _read(path)
    wanted = [module.state_dict() for module in modules]
    shapes = {
        f"{k}.{name}": tuple(tensor.shape)
        for k, own in enumerate(wanted)
        for name, tensor in own.items()
    }
    found = {name: tuple(tensor.shape) for name, tensor in state.items()}
    if found != shapes:
        differ = sorted(
            name for name in {*found, *shapes} if found.get(name) != shapes.get(name)
        )
        raise ValueError(
            f"{path} does not hold the weights of this network: {differ[:5]} differ in "
            "name or shape. Build the estimator with the same settings and data as "
            "the one that was saved (see initialize)."
        )
    for k, module in enumerate(modules):
        module.load_state_dict(_part(state, k))


def _read(path: str | PathLike) -> dict[str, Tensor]:
    """Read a file that holds tensors by name, and nothing else."""
    try:
        if _is_safetensors(path):
            return _safetensors().load_file(path)
        state = torch.load(path, map_location="cpu", weights_only=True)
    except (ImportError, OSError):
        raise
    # Whatever readers raise: torch's own advice would be to run the code in the file.
    except Exception as error:
        raise ValueError(
            f"{path} is no file of weights as save_weights writes it, and was not read "
            f"any further ({type(error).__name__})."
        ) from None
    if not (isinstance(state, dict) and all(map(torch.is_tensor, state.values()))):
        raise ValueError(
            f"{path} holds {type(state).__name__}, not tensors by name as save_weights "
            "writes them."
        )
    return state


def _part(state: dict[str, Tensor], k: int) -> dict[str, Tensor]:
    prefix = f"{k}."
    return {n.removeprefix(prefix): t for n, t in state.items() if n.startswith(prefix)}


def _is_safetensors(path: str | PathLike) -> bool:
    return Path(path).suffix == ".safetensors"


def _safetensors():
    try:
        import safetensors.torch
    except ImportError as error:
        raise ImportError(
            "Files of this kind need the package safetensors: pip install "
            "skdistill[safetensors]. "
            "A path with another ending, such as weights.pt, is written by torch alone."
        ) from error
    return safetensors.torch
