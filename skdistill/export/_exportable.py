"""Whether a model can be written to a file, asked before any work is done."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from sklearn.base import is_classifier, is_regressor
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
)
from sklearn.multioutput import MultiOutputRegressor
from sklearn.pipeline import FeatureUnion, Pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder
from sklearn.utils.validation import check_is_fitted

from skdistill._detect import is_module, is_skorch_net
from skdistill.export._classifiers import is_written_here
from skdistill.export._inside import inner, labels_of, parts_of, reads_columns
from skdistill.export._labels import onnx_labels
from skdistill.export._networks import nonlinearity
from skdistill.export._runtime import OnnxClassifier

_BOOSTERS = (HistGradientBoostingClassifier, HistGradientBoostingRegressor)
_ELSE = (
    "Export another student (trees, forests, boosters, linear models, networks), or "
    "serve this one as it is: strip_teacher(model) and pickle."
)
_BEFORE = "Compute these columns before the model, or with other transformers."


def check_exportable(model) -> None:
    """Raise unless a model can be written to an ONNX file.

    Parameters
    ----------
    model : object
        As given by the user.

    Raises
    ------
    sklearn.exceptions.NotFittedError
        If it is not fitted.
    TypeError
        If it is no classifier, or something in it is of a kind that no ONNX file
        holds.
    ValueError
        If a setting of something in it stands in the way.
    """
    if is_module(model):
        raise TypeError(
            f"model={type(model).__name__} is a torch module, which does not know its "
            "classes; give the distiller or the NeuralClassifier that it was trained "
            "in."
        )
    if isinstance(model, type) or not hasattr(model, "predict"):
        raise TypeError(
            f"model={model!r} (type {type(model).__name__}) is no fitted classifier; "
            "give a distiller, a classifier, or a pipeline that ends in one."
        )
    check_is_fitted(model)
    if not is_classifier(inner(model)):
        raise TypeError(
            f"model={model!r} is no classifier; export regressors with skl2onnx.to_onnx"
        )
    onnx_labels(labels_of(model))
    for part in parts_of(model):
        for takes, check in _CHECKS:
            if takes(part):
                check(part)
        _check_known(part)


def _check_known(part) -> None:
    from skl2onnx._supported_operators import sklearn_operator_name_map

    if is_module(part) or isinstance(part, (Pipeline, FeatureUnion, ColumnTransformer)):
        return
    of_a_kind = is_written_here(part) or isinstance(part, MultiOutputRegressor)
    if of_a_kind or type(part) in sklearn_operator_name_map:
        return
    what = "transformer"
    what = "classifier" if is_classifier(part) else what
    what = "regressor" if is_regressor(part) else what
    raise TypeError(
        f"skl2onnx has no converter for the {what} {part!r}. {way_out(part)} Or "
        "register a converter of your own with skl2onnx.update_registered_converter."
    )


def way_out(part) -> str:
    """Say what to do about a part that cannot be written.

    Parameters
    ----------
    part : estimator
        Fitted.

    Returns
    -------
    str
        One or two sentences.
    """
    for kind, stands, cure in _CURES:
        if type(part).__name__ == kind and stands(part):
            return cure
    return _ELSE if is_classifier(part) or is_regressor(part) else _BEFORE


def check_rows(model, X) -> None:
    """Raise unless rows are as wide as those that a model was fitted on."""
    width = getattr(model, "n_features_in_", None)
    shape: tuple[int, ...] = getattr(X, "shape", ())
    if width is None or len(shape) != 2 or reads_columns(model) or shape[1] == width:
        return
    raise ValueError(
        f"X has {shape[1]} features, and the model was fitted on {width}; give rows as "
        "the model takes them."
    )


def _check_booster(part) -> None:
    if getattr(part, "is_categorical_", None) is not None:
        columns = np.flatnonzero(part.is_categorical_).tolist()
        raise ValueError(
            f"{type(part).__name__} has categorical_features (columns {columns}), "
            "whose splits are not written here. Put OneHotEncoder or "
            "OrdinalEncoder in a pipeline before it, and set "
            "categorical_features=None."
        )
    loss = part.loss
    if isinstance(part, HistGradientBoostingRegressor) and loss != "squared_error":
        raise ValueError(
            f"loss={loss!r} of HistGradientBoostingRegressor cannot be exported; use "
            "'squared_error'."
        )


def _check_calibration(part) -> None:
    if part.method == "sigmoid":
        return
    reason = "skl2onnx has no converter"
    if part.method == "isotonic":
        reason = "skl2onnx takes the nearest point in place of the line between two"
    raise ValueError(
        f"method={part.method!r} of CalibratedClassifierCV cannot be exported: "
        f"{reason}. Set method='sigmoid', and fit it again."
    )


def _check_one_hot(part) -> None:
    together = part.min_frequency is not None or part.max_categories is not None
    rare = part.infrequent_categories_ if together else [None] * len(part.categories_)
    for known, few in zip(part.categories_, rare, strict=True):
        if few is not None and any(each is None or each != each for each in known):
            raise ValueError(
                f"{part!r} puts rare categories of a column together in which some are "
                "missing, and skl2onnx then takes what is missing for rare. Fill it in "
                "before, SimpleImputer(strategy='constant') for example, or set "
                "min_frequency=None and max_categories=None."
            )
        if few is None and part.handle_unknown in ("infrequent_if_exist", "warn"):
            raise ValueError(
                f"handle_unknown={part.handle_unknown!r} of {part!r} cannot be "
                "exported: in a column without rare categories the file would fail for "
                "unknown ones. Set handle_unknown='ignore'."
            )


def _check_served(part) -> None:
    raise TypeError(
        f"{part!r} serves a file. Export the model that the file was made from, or use "
        "the file itself."
    )


def _check_net(part) -> None:
    nonlinearity(part)


def _check_function(part) -> None:
    if part.func is not None:
        raise TypeError(
            f"{part!r} calls a Python function, which no ONNX file can hold. Compute "
            "these columns before the model, or write the step with transformers that "
            "skl2onnx knows."
        )


def _has_odd_categories(part) -> bool:
    numbers = [each for each in part.categories_ if each.dtype.kind == "f"]
    return any((each[each == each] % 1 != 0).any() for each in numbers)


#: Settings that converters of skl2onnx have not: of what, which, and the cure.
_CURES: list[tuple[str, Callable, str]] = [
    *(
        (kind, lambda part: part.init not in (None, "zero"), "Set init=None.")
        for kind in ("GradientBoostingClassifier", "GradientBoostingRegressor")
    ),
    (
        "OneHotEncoder",
        lambda part: part.min_frequency or part.max_categories,
        "Set min_frequency=None and max_categories=None, or join rare categories "
        "before the model.",
    ),
    ("OneHotEncoder", _has_odd_categories, "Make the categories text or integers."),
    (
        "KBinsDiscretizer",
        lambda part: part.encode == "onehot",
        "Set encode='onehot-dense'.",
    ),
    (
        "GaussianProcessClassifier",
        lambda part: np.asarray(part.classes_).dtype.kind not in "iu",
        "Fit it on labels that are integers, with LabelEncoder for example.",
    ),
]
_CHECKS: list[tuple[Callable[[object], bool], Callable]] = [
    (lambda part: type(part) in _BOOSTERS, _check_booster),
    (lambda part: isinstance(part, CalibratedClassifierCV), _check_calibration),
    (lambda part: isinstance(part, OneHotEncoder), _check_one_hot),
    (is_skorch_net, _check_net),
    (lambda part: isinstance(part, OnnxClassifier), _check_served),
    (lambda part: isinstance(part, FunctionTransformer), _check_function),
]
