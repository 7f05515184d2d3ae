"""Write a fitted classifier to an ONNX file."""

from __future__ import annotations

import importlib.util
import json
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

import skdistill
from skdistill._rows import n_rows_of, slice_rows
from skdistill.export._exportable import check_exportable
from skdistill.export._inside import Exported, inner, labels_of, reads_columns
from skdistill.export._labels import classes_to_text
from skdistill.export._lacks import need
from skdistill.export._missing import takes_missing
from skdistill.export._reading import CLASSES, FEATURE_NAMES, TAKES_MISSING
from skdistill.export._registration import register
from skdistill.export._runtime import OnnxClassifier
from skdistill.export._tables import (
    as_rows,
    describe,
    initial_types,
    is_frame,
    names_of,
)

if TYPE_CHECKING:
    from onnx import ModelProto

_DTYPES = ("float32", "float64")
#: The oldest operators that all nodes are written for.
_OLDEST = {"": 13, "ai.onnx.ml": 3}
#: Rows that the file is tried on, and how far its probabilities may be off.
_ROWS_TO_TRY, _TOLERANCE = 200, 1e-4
#: Share of the rows that float32 may put on the other side of a threshold.
_FEW = 0.05


def to_onnx(
    model,
    X,
    *,
    target_opset: int | dict[str, int] | None = None,
    options: dict | None = None,
    dtype: str = "float32",
    check: bool = True,
) -> ModelProto:
    """Write a fitted classifier as an ONNX model, without its teacher.

    ONNX files are read by many runtimes in many languages, with nothing of Python
    around; :class:`OnnxClassifier` reads them as scikit-learn classifiers.

    Parameters
    ----------
    model : classifier
        Fitted: a distiller of any route, a `NeuralClassifier`, a skorch net, a
        classifier of scikit-learn, or whatever skl2onnx knows; alone, in a pipeline, a
        search or an ensemble.
    X : array-like of shape (n_rows, n_features)
        Some rows as the model takes them, one at least. Their kind decides on the
        inputs of the file; it is tried on the first 200.
    target_opset : int or dict, default=None
        Version of the operators, 13 or newer; a dict of domain to version. None is the
        newest that skl2onnx has been tested with.
    options : dict, default=None
        Of the converters of skl2onnx, by class or id of a model inside.
    dtype : {"float32", "float64"}, default="float32"
        What numbers the file takes. With "float64" inputs keep all their digits, and
        probabilities are float64, too.
    check : bool, default=True
        Whether to compare what the file says about rows of X with what the model says,
        if onnxruntime is installed.

    Returns
    -------
    onnx.ModelProto
        Its inputs are "X", a table of numbers or text; or, for a frame with text or a
        model that chooses among columns by name, one for each column, of shape
        (n_rows, 1). Its outputs are "label" of shape (n_rows,) and, if the model has
        `predict_proba`, "probabilities" of shape (n_rows, n_classes). It also holds
        labels and feature names, for `OnnxClassifier`.

    Raises
    ------
    ImportError
        If onnx or skl2onnx lack.
    sklearn.exceptions.NotFittedError
        If the model is not fitted.
    TypeError, ValueError
        If there is something in it that no file can hold, and what to do about it. Or
        if the file, once written, does not say what the model says.

    See Also
    --------
    OnnxClassifier : Reads the file.
    skdistill.strip_teacher : Leaves the teacher behind, but stays in Python.

    Notes
    -----
    Trees compare in float64, as scikit-learn does, so that no row changes sides, and
    linear models compute in float64. Missing text has to be given as "nan", or as
    "None" where it was None; `OnnxClassifier` does that.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.ensemble import RandomForestClassifier
    >>> from sklearn.tree import DecisionTreeClassifier
    >>> from skdistill import DistillationClassifier
    >>> from skdistill.export import OnnxClassifier, to_onnx
    >>> X, y = load_digits(return_X_y=True)
    >>> forest = RandomForestClassifier(random_state=0).fit(X, y)
    >>> tree = DecisionTreeClassifier(max_leaf_nodes=64, random_state=0)
    >>> model = DistillationClassifier(forest, tree).fit(X, y)
    >>> small = OnnxClassifier(to_onnx(model, X))
    >>> bool((small.predict(X) == model.predict(X)).all())
    True
    """
    _check_params(target_opset, dtype)
    for package in ("onnx", "skl2onnx"):
        need(package, "to_onnx")
    register()
    check_exportable(model)
    n_rows = n_rows_of(X)
    if n_rows < 1:
        raise ValueError("X has no rows; give one at least, as the model takes them.")
    made = _converted(model, X, target_opset, options, dtype)
    if not hasattr(model, "predict_proba"):
        del made.graph.output[1]  # scores, for ensembles that this may be part of
    _sign(made, model, X)
    if check and importlib.util.find_spec("onnxruntime") is not None:
        _try_out(made, model, slice_rows(X, 0, min(n_rows, _ROWS_TO_TRY)), dtype)
    return made


def _check_params(target_opset, dtype) -> None:
    if dtype not in _DTYPES:
        raise ValueError(f"dtype={dtype!r} is unknown; give one of {list(_DTYPES)}.")
    asked = target_opset if isinstance(target_opset, dict) else {"": target_opset}
    for domain, oldest in _OLDEST.items():
        version = asked.get(domain)
        if version is not None and version < oldest:
            raise ValueError(
                f"target_opset={target_opset!r} is too old: the nodes need version "
                f"{oldest} of the domain {domain!r}; give {oldest} or more."
            )


def _converted(model, X, target_opset, options, dtype: str) -> ModelProto:
    from skl2onnx import convert_sklearn

    from skdistill.export._imputers import own_converters

    columns = describe(X, by_column=reads_columns(model))
    return convert_sklearn(
        Exported(model),
        name=type(inner(model)).__name__,
        initial_types=initial_types(columns, dtype),
        target_opset=target_opset,
        options=options,
        custom_conversion_functions=own_converters(),
    )


def _sign(made: ModelProto, model, X) -> None:
    """Write down what a reader wants to know besides the graph."""
    names = names_of(X)
    if names is None and hasattr(model, "feature_names_in_"):
        names = list(model.feature_names_in_)
    facts: dict[str, Any] = {
        CLASSES: classes_to_text(labels_of(model)),
        TAKES_MISSING: json.dumps(takes_missing(model, X)),
    }
    if names is not None:
        facts[FEATURE_NAMES] = json.dumps(names)
    for key, value in facts.items():
        made.metadata_props.add(key=key, value=value)
    made.producer_name, made.producer_version = "skdistill", skdistill.__version__


def _try_out(made: ModelProto, model, X, dtype: str) -> None:
    """Raise unless the file says what the model says; warn of single rows."""
    written = OnnxClassifier(made)
    off = np.full(n_rows_of(X), np.inf)
    # About rows as they are, or without the digits that the file does not keep.
    for rows in (X, _as_the_file_has_them(X, dtype)):
        off = np.minimum(off, _differences(written, model, X, rows))
    wrong = int((off > _TOLERANCE).sum())
    if not wrong:
        return
    found = (
        f"The file does not say what the model says: of {len(off)} rows of X, {wrong} "
        f"have other labels, or probabilities that differ by up to {off.max():.2g}."
    )
    if wrong > _FEW * len(off):
        raise ValueError(
            f"{found} A step or a setting is not written faithfully by its converter; "
            "export with another one, or with check=False to have the file all the "
            "same."
        )
    warnings.warn(
        f"{found} They lie so close to a threshold that float32 does not keep them on "
        "their side; export with dtype='float64' if that matters.",
        UserWarning,
        stacklevel=3,
    )


def _differences(written: OnnxClassifier, model, X, rows) -> NDArray[np.float64]:
    """How far the file is off in each row; 2 where only the label is another."""
    other = np.where(written.predict(X) != model.predict(rows), 2.0, 0.0)
    if not hasattr(model, "predict_proba"):
        return other
    off = np.abs(written.predict_proba(X) - model.predict_proba(rows)).max(axis=1)
    return np.where((other > 0) & (off <= _TOLERANCE), other, off)


def _as_the_file_has_them(X, dtype: str) -> NDArray | Any:
    """Rows with no more digits than the file keeps, as the model takes them."""
    if dtype == "float64" or is_frame(X) or np.asarray(X).dtype.kind != "f":
        return X
    return as_rows(X, dtype).astype(np.asarray(X).dtype)
