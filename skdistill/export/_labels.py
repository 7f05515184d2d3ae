"""Labels as ONNX knows them: whole numbers or text."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
from numpy.typing import NDArray


def onnx_labels(classes: NDArray) -> NDArray:
    """Turn labels into what a file can hold: int64, or text.

    Parameters
    ----------
    classes : ndarray of shape (n_classes,)
        Integers, booleans, whole floats or strings.

    Returns
    -------
    ndarray of shape (n_classes,)
        int64, or str.

    Raises
    ------
    ValueError
        For labels of any other kind.

    Examples
    --------
    >>> import numpy as np
    >>> from skdistill.export._labels import onnx_labels
    >>> onnx_labels(np.array([False, True])).tolist()
    [0, 1]
    """
    classes = np.asarray(classes)
    if classes.dtype == object:
        texts = [isinstance(label, str) for label in classes.tolist()]
        if any(texts) and not all(texts):
            raise _no_labels(classes)
        classes = np.array(classes.tolist())
    if classes.dtype.kind == "U":
        return classes
    if classes.ndim != 1 or classes.dtype.kind not in "biuf":
        raise _no_labels(classes)
    with np.errstate(invalid="ignore", over="ignore"):
        whole = classes.astype(np.int64)
    if (whole != classes).any():
        raise _no_labels(classes)
    return whole


def _no_labels(classes: NDArray) -> ValueError:
    return ValueError(
        f"classes_={classes.tolist()[:8]} cannot be written to an ONNX file, whose "
        "labels are whole numbers or strings; fit the model on such labels, with "
        "LabelEncoder for example."
    )


def classes_to_text(classes: NDArray) -> str:
    """Write labels, and what they are to be again, as JSON."""
    classes = np.asarray(classes)
    dtype = "object" if classes.dtype == object else classes.dtype.str
    return json.dumps({"dtype": dtype, "labels": classes.tolist()})


def classes_from_text(text: str) -> NDArray:
    """Read what `classes_to_text` wrote."""
    written: dict[str, Any] = json.loads(text)
    return np.array(written["labels"], dtype=written["dtype"])
