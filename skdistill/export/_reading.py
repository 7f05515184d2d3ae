"""An ONNX file, read: its session, and what it wants."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from numbers import Integral
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skdistill.export._labels import classes_from_text
from skdistill.export._lacks import need

#: What `to_onnx` writes into a file besides the graph.
CLASSES = "skdistill.classes"
TAKES_MISSING = "skdistill.takes_missing"
FEATURE_NAMES = "skdistill.feature_names"

_NUMBERS = {"tensor(float)": np.float32, "tensor(double)": np.float64}
TEXT = "tensor(string)"
LABEL, PROBABILITIES = "label", "probabilities"


@dataclass(frozen=True)
class Loaded:
    """A file, read: its session, and what it wants.

    Parameters
    ----------
    model, n_threads, classes : object
        What it was made of.
    content : bytes
        What is in the file.
    session : onnxruntime.InferenceSession
        Runs it.
    labels : ndarray of shape (n_classes,)
        Of the columns.
    inputs : list of (str, str)
        Name and type of each input.
    row_shape : tuple of int or None
        Of the only input, if it is a table of numbers; None otherwise. -1 is any size.
    dtype : type
        Of numbers.
    takes_missing : ndarray of shape (n_features,) or (1,), bool
        In which columns numbers may be missing; a single one is for all.
    names : ndarray of shape (n_features,) or None
        Of the features.
    n_features : int
        How many.
    has_proba : bool
        Whether there are probabilities.
    """

    model: Any
    n_threads: int
    classes: Any
    content: bytes
    session: Any
    labels: NDArray
    inputs: list[tuple[str, str]]
    row_shape: tuple[int, ...] | None
    dtype: type
    takes_missing: NDArray[np.bool_]
    names: NDArray | None
    n_features: int
    has_proba: bool


def bytes_of(model) -> bytes:
    """What is in the file.

    Parameters
    ----------
    model : bytes, str, path-like or onnx.ModelProto
        As given by the user.

    Raises
    ------
    TypeError
        For anything else.
    FileNotFoundError
        If there is no such file.
    """
    if isinstance(model, (bytes, bytearray, memoryview)):
        return bytes(model)
    if isinstance(model, (str, os.PathLike)):
        return Path(model).read_bytes()
    if hasattr(model, "SerializeToString"):
        return model.SerializeToString()
    raise TypeError(
        f"model={model!r} (type {type(model).__name__}) is no ONNX file; give bytes, a "
        "path, or what to_onnx returns."
    )


def read(model, classes, n_threads) -> Loaded:
    """Read a file, and check that it is a classifier's.

    Parameters
    ----------
    model, classes, n_threads : object
        Parameters of :class:`OnnxClassifier`.

    Returns
    -------
    Loaded

    Raises
    ------
    ImportError
        If onnxruntime lacks.
    ValueError
        If a parameter cannot be meant so, or the file is no classifier's.
    """
    if not isinstance(n_threads, Integral) or n_threads < 1:
        raise ValueError(f"n_threads={n_threads!r} must be an integer of at least 1.")
    runtime = need("onnxruntime", "OnnxClassifier")
    settings = runtime.SessionOptions()
    settings.intra_op_num_threads = int(n_threads)
    settings.inter_op_num_threads = 1
    settings.log_severity_level = 3  # of what is no error, nothing
    content = bytes_of(model)
    try:
        session = runtime.InferenceSession(
            content, settings, providers=["CPUExecutionProvider"]
        )
    except Exception as error:  # ONNX Runtime has classes of its own for each
        raise ValueError(
            f"ONNX Runtime cannot read the model ({len(content):,} bytes): {error}"
        ) from error
    facts = session.get_modelmeta().custom_metadata_map
    has_proba = _has_probabilities(session)
    labels = _labels(facts, classes)
    wants = _inputs_of(session)
    names = json.loads(facts[FEATURE_NAMES]) if FEATURE_NAMES in facts else None
    if CLASSES not in facts and len(wants["inputs"]) > 1:
        names = [name for name, _ in wants["inputs"]]
    return Loaded(
        model=model,
        n_threads=int(n_threads),
        classes=classes,
        content=content,
        session=session,
        labels=labels,
        names=None if names is None else np.array(names, dtype=object),
        takes_missing=np.array(json.loads(facts.get(TAKES_MISSING, "[true]"))),
        has_proba=has_proba,
        **wants,
    )


def _inputs_of(session) -> dict[str, Any]:
    found = session.get_inputs()
    unknown = {each.type for each in found} - {*_NUMBERS, TEXT}
    if unknown:
        raise ValueError(
            f"The file takes {sorted(unknown)}, and OnnxClassifier gives float32, "
            "float64 and text; export the model with to_onnx."
        )
    shape = tuple(n if isinstance(n, int) else -1 for n in found[0].shape[1:])
    is_table = len(found) == 1 and found[0].type != TEXT
    return {
        "inputs": [(each.name, each.type) for each in found],
        "row_shape": shape if is_table else None,
        "dtype": next((_NUMBERS[i.type] for i in found if i.type != TEXT), np.float32),
        "n_features": len(found) if len(found) > 1 else (shape[0] if shape else 1),
    }


def _has_probabilities(session) -> bool:
    outputs = {each.name: each.type for each in session.get_outputs()}
    if LABEL not in outputs:
        raise ValueError(
            f"The file gives {sorted(outputs)}, and a classifier's gives 'label' and "
            "'probabilities'. Export the model with to_onnx, or with "
            "skl2onnx.to_onnx(model, X, options={'zipmap': False})."
        )
    return PROBABILITIES in outputs


def _labels(facts: dict[str, str], classes) -> NDArray:
    if classes is not None:
        return np.asarray(classes)
    if CLASSES in facts:
        return classes_from_text(facts[CLASSES])
    raise ValueError(
        "classes=None, and the file does not say what its labels are, as those of "
        "to_onnx do; give the classes_ of the model that it was made of."
    )
