"""Packages that only the export needs: asked for when they are needed."""

from __future__ import annotations

import importlib
from types import ModuleType


def need(package: str, what: str) -> ModuleType:
    """Import an optional package, or say how to get it.

    Parameters
    ----------
    package : str
        Name to import.
    what : str
        Who needs it, as the beginning of a sentence.

    Returns
    -------
    module

    Raises
    ------
    ImportError
        Naming the extra that brings the package along.
    """
    try:
        return importlib.import_module(package)
    except ImportError as error:
        raise ImportError(
            f"{what} needs {package}, which cannot be imported ({error}); install it "
            "with `pip install skdistill[onnx]`."
        ) from error
