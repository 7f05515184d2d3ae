"""Write a fitted classifier to an ONNX file."""

from __future__ import annotations

import importlib.util
import json
import textwrap
import traceback
import warnings
from numbers import Integral
from typing import TYPE_CHECKING, Any

import skdistill
from skdistill._rows import n_rows_of
from skdistill.export._check import try_out
from skdistill.export._documents import with_locale
from skdistill.export._exportable import check_exportable, check_rows, way_out
from skdistill.export._inside import Exported, inner, labels_of, reads_columns
from skdistill.export._labels import classes_to_text
from skdistill.export._lacks import need
from skdistill.export._missing import takes_missing, takes_none
from skdistill.export._reading import CLASSES, FEATURE_NAMES, TAKES_MISSING
from skdistill.export._registration import register
from skdistill.export._tables import (
    describe,
    initial_types,
    kind_of_numbers,
    names_of,
)

if TYPE_CHECKING:
    from onnx import ModelProto

_DTYPES = (None, "float32", "float64")
#: The oldest operators that all nodes are written for.
_OLDEST = {"": 13, "ai.onnx.ml": 3}
#: Letters of the reasons of others; some list all nodes of a tree.
_LONGEST = 300


def to_onnx(
    model,
    X,
    *,
    target_opset: int | dict[str, int] | None = None,
    options: dict | None = None,
    dtype: str | None = None,
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
        inputs of the file; it is tried on 200 of them, from all over.
    target_opset : int or dict, default=None
        Version of the operators, 13 or newer; a dict of domain to version. None is the
        newest that skl2onnx has been tested with.
    options : dict, default=None
        Of the converters of skl2onnx, by class or id of a model inside. Text is
        lowered by the rules of the locale "C.UTF-8"; where the machine that serves
        lacks it, choose another: ``{TfidfVectorizer: {"locale": "en_US.UTF-8"}}``.
    dtype : {"float32", "float64"}, default=None
        What numbers the file takes. None is "float32" if all numbers of X are, else
        "float64", so that they keep all their digits; probabilities are of this kind,
        too. With "float32" numbers take half the room, and are rounded: rows may come
        to lie on the other side of a threshold.
    check : bool, default=True
        Whether to compare what the file says about rows of X with what the model says,
        if onnxruntime is installed: labels, and probabilities to 1e-5. It warns of
        rows that differ, and raises if many differ by more than last digits.

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
    check_rows(model, X)
    dtype = kind_of_numbers(X) if dtype is None else dtype
    made = _converted(model, X, target_opset, options, dtype)
    if not hasattr(model, "predict_proba"):
        del made.graph.output[1]  # scores, for ensembles that this may be part of
    takes = takes_missing(model, X)
    _sign(made, model, X, takes)
    asked = check and importlib.util.find_spec("onnxruntime") is not None
    if asked and not try_out(made, model, X, dtype, takes):
        _refuse_missing(made, X)
    return made


def _check_params(target_opset, dtype) -> None:
    if dtype not in _DTYPES:
        raise ValueError(f"dtype={dtype!r} is unknown; give one of {list(_DTYPES)}.")
    asked = target_opset if isinstance(target_opset, dict) else {"": target_opset}
    for version in asked.values():
        if version is not None and not isinstance(version, Integral):
            raise ValueError(
                f"target_opset={target_opset!r} must be an integer, a dict of domains "
                "to integers, or None."
            )
    for domain, oldest in _OLDEST.items():
        version = asked.get(domain)
        if version is not None and version < oldest:
            raise ValueError(
                f"target_opset={target_opset!r} is too old: the nodes need version "
                f"{oldest} of the domain {domain!r}; give {oldest} or more."
            )


def _converted(model, X, target_opset, options, dtype: str) -> ModelProto:
    from skl2onnx import convert_sklearn

    from skdistill.export._imputers import own_converters, own_shapes

    columns = describe(X, by_column=reads_columns(model))
    try:
        with warnings.catch_warnings():
            # It asks an SVC for what scikit-learn 1.9 deprecated.
            warnings.filterwarnings("ignore", "Attribute `prob[AB]_`", FutureWarning)
            return convert_sklearn(
                Exported(model),
                name=type(inner(model)).__name__,
                initial_types=initial_types(columns, dtype),
                target_opset=target_opset,
                options=with_locale(options, model),
                custom_conversion_functions=own_converters(),
                custom_shape_calculators=own_shapes(),
            )
    except Exception as error:  # skl2onnx raises whatever comes up
        if _is_ours(error) or isinstance(error, NameError):  # of options
            raise
        part = _part_at_fault(error)
        part = model if part is None else part  # some are empty, and false
        reason = textwrap.shorten(str(error), _LONGEST)
        raise ValueError(
            f"skl2onnx cannot write {part!r} ({reason}). {way_out(part)}"
        ) from error


def _frames(error: Exception) -> list:
    return [frame for frame, _ in traceback.walk_tb(error.__traceback__)]


def _is_ours(error: Exception) -> bool:
    """Whether an error was raised here, and says what to do."""
    name = _frames(error)[-1].f_globals.get("__name__", "")
    return name.startswith("skdistill.")


def _part_at_fault(error: Exception) -> Any:
    """The innermost model or step that was being written; None if there was none."""
    for frame in reversed(_frames(error)):
        part = getattr(frame.f_locals.get("operator"), "raw_operator", None)
        if part is not None:
            return inner(part)
    return None


def _sign(made: ModelProto, model, X, takes: list[bool]) -> None:
    """Write down what a reader wants to know besides the graph."""
    names = names_of(X)
    if names is None and hasattr(model, "feature_names_in_"):
        names = list(model.feature_names_in_)
    facts: dict[str, Any] = {
        CLASSES: classes_to_text(labels_of(model)),
        TAKES_MISSING: json.dumps(takes),
    }
    if names is not None:
        facts[FEATURE_NAMES] = json.dumps(names)
    for key, value in facts.items():
        made.metadata_props.add(key=key, value=value)
    made.producer_name, made.producer_version = "skdistill", skdistill.__version__


def _refuse_missing(made: ModelProto, X) -> None:
    """Have readers of a file refuse the missing numbers that it is wrong about."""
    for each in made.metadata_props:
        if each.key == TAKES_MISSING:
            each.value = json.dumps(takes_none(X))
    warnings.warn(
        "The model takes missing numbers, and the file answers otherwise about rows "
        "that have some: a converter does not know of them. OnnxClassifier refuses "
        "such rows, and no other runtime does; put SimpleImputer in front of the model "
        "if there are any.",
        UserWarning,
        stacklevel=3,
    )
