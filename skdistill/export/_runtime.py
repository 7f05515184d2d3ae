"""A scikit-learn classifier around an ONNX file."""

from __future__ import annotations

import os

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils import check_array
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import validate_data

from skdistill._base import SaysLogProba
from skdistill.export._reading import LABEL, PROBABILITIES, TEXT, Loaded, bytes_of, read
from skdistill.export._tables import (
    as_numbers,
    as_rows,
    as_text,
    columns_of,
    is_frame,
)


def _says_proba(self) -> bool:
    try:
        return self._read().has_proba
    except Exception:  # whoever calls the method learns what is wrong
        return True


class OnnxClassifier(SaysLogProba, ClassifierMixin, BaseEstimator):
    """Serve an ONNX file as a scikit-learn classifier.

    It is fitted from the start: `fit` changes nothing, so that it can be scored,
    calibrated, voted with or distilled from as it is.

    Parameters
    ----------
    model : bytes, str, path-like or onnx.ModelProto
        The file: what is in it, or where it is. Its outputs are "label" and
        "probabilities", as :func:`to_onnx` writes them. It is read when it is first
        needed.
    classes : array-like of shape (n_classes,), default=None
        The labels of the columns, for files of other makers; those of `to_onnx` know.
    n_threads : int, default=1
        How many ONNX Runtime may use.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Labels, of the kind that the model was fitted on.
    n_features_in_ : int
        Number of features.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the features, if the model was fitted with names.

    See Also
    --------
    to_onnx : Writes the file.

    Notes
    -----
    Only onnxruntime is needed. Pickles hold the file, as it was when it was read.
    Threads may share an object. Probabilities are of the kind that the file takes:
    float64, unless the model was exported in float32.

    Examples
    --------
    >>> import pickle
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.tree import DecisionTreeClassifier
    >>> from skdistill.export import OnnxClassifier, to_onnx
    >>> X, y = load_digits(return_X_y=True)
    >>> tree = DecisionTreeClassifier(max_leaf_nodes=64, random_state=0).fit(X, y)
    >>> served = OnnxClassifier(to_onnx(tree, X).SerializeToString())
    >>> served.predict(X[:3]), served.n_features_in_
    (array([0, 1, 2]), 64)
    >>> bool(served.score(X, y) == tree.score(X, y))
    True
    """

    def __init__(self, model, *, classes=None, n_threads=1):
        self.model = model
        self.classes = classes
        self.n_threads = n_threads

    def fit(self, X, y=None, sample_weight=None):
        """Change nothing: the model is fitted already.

        Parameters
        ----------
        X, y, sample_weight : object
            Not looked at.

        Returns
        -------
        self : OnnxClassifier
            As it was.
        """
        self._read()
        return self

    def predict(self, X):
        """Predict labels.

        Parameters
        ----------
        X : array-like of shape (n_rows, n_features)
            Rows, as the model took them before it was exported.

        Returns
        -------
        ndarray of shape (n_rows,)
            Labels.
        """
        loaded = self._read()
        (labels,) = loaded.session.run([LABEL], self._feed(loaded, X))
        return np.asarray(labels).reshape(-1).astype(loaded.labels.dtype)

    @available_if(_says_proba)
    def predict_proba(self, X):
        """Predict the probability of each class.

        Parameters
        ----------
        X : array-like of shape (n_rows, n_features)
            Rows, as the model took them before it was exported.

        Returns
        -------
        ndarray of shape (n_rows, n_classes), float32 or float64
            One column for each of `classes_`.
        """
        loaded = self._read()
        return loaded.session.run([PROBABILITIES], self._feed(loaded, X))[0]

    @property
    def classes_(self) -> NDArray:
        """Labels."""
        return self._known().labels

    @property
    def n_features_in_(self) -> int:
        """Number of features."""
        return self._known().n_features

    @property
    def feature_names_in_(self) -> NDArray:
        """Names of the features."""
        names = self._known().names
        if names is None:
            raise AttributeError("The model was fitted without feature names.")
        return names

    def _known(self) -> Loaded:
        """The file, read; without it there are no attributes, which is no failure."""
        try:
            return self._read()
        except Exception as error:
            raise AttributeError(f"The file cannot be read: {error}") from error

    def _read(self) -> Loaded:
        """The file, read once; again if a parameter has changed since."""
        loaded = self.__dict__.get("_loaded")
        if (
            loaded is None
            or loaded.model is not self.model
            or loaded.classes is not self.classes
            or loaded.n_threads != self.n_threads
        ):
            # Set at once, for other threads may read as well.
            loaded = self._loaded = read(self.model, self.classes, self.n_threads)
        return loaded

    def _feed(self, loaded: Loaded, X) -> dict[str, NDArray]:
        """What the session is given for rows; arrays of floats go the short way."""
        if (
            type(X) is np.ndarray
            and X.dtype.kind == "f"
            and X.shape[1:] == loaded.row_shape
            and len(X)
            and loaded.names is None
        ):
            with np.errstate(over="ignore", invalid="ignore"):
                rows: NDArray = np.ascontiguousarray(X, dtype=loaded.dtype)
                # It may overflow where no number is wrong.
                total = rows.sum()
            if np.isfinite(total):
                return {loaded.inputs[0][0]: rows}
        if len(loaded.inputs) == 1 and loaded.row_shape is not None:
            return {loaded.inputs[0][0]: self._table(loaded, X)}
        return self._columns(loaded, X)

    def _table(self, loaded: Loaded, X) -> NDArray:
        """Rows of numbers, checked as scikit-learn checks them."""
        if loaded.names is not None:
            validate_data(self, X, reset=False, skip_check_array=True)
        checked = check_array(
            X,
            accept_sparse=True,
            allow_nd=True,
            ensure_2d=len(loaded.row_shape or ()) < 2,
            ensure_all_finite="allow-nan" if loaded.takes_missing.any() else True,
            dtype="numeric",
            estimator=self,
            input_name="X",
        )
        _check_shape(tuple(checked.shape[1:]), loaded.row_shape or ())
        rows = as_rows(checked, np.dtype(loaded.dtype).name)
        self._check_finite(rows, loaded.takes_missing)
        return rows

    def _check_finite(self, numbers: NDArray, takes_missing: NDArray) -> None:
        if np.isinf(numbers).any():
            raise ValueError(
                f"Input X contains infinity or a value too large for {numbers.dtype}."
            )
        if not takes_missing.all() and (np.isnan(numbers) & ~takes_missing).any():
            raise ValueError(
                "Input X contains NaN where the model takes no missing values."
            )

    def _columns(self, loaded: Loaded, X) -> dict[str, NDArray]:
        """Rows that have text in them: one table of it, or a column each."""
        if not is_frame(X):
            X = np.asarray(X, dtype=object)
            if len(loaded.inputs) == 1 and X.ndim < 2:  # documents
                return {loaded.inputs[0][0]: as_text(X).reshape(-1)}
        validate_data(self, X, reset=False, skip_check_array=True)
        if not len(X):
            raise ValueError("X has no rows (0 samples); give one at least.")
        if len(loaded.inputs) == 1:
            table = [as_text(column) for column in columns_of(X)]
            return {loaded.inputs[0][0]: np.stack(table, axis=1)}
        every = np.broadcast_to(loaded.takes_missing, len(loaded.inputs))
        columns = zip(loaded.inputs, columns_of(X), every, strict=True)
        return {
            name: self._column(column, kind, takes, loaded.dtype)[:, None]
            for (name, kind), column, takes in columns
        }

    def _column(self, column, kind: str, takes: NDArray, dtype: type) -> NDArray:
        if kind == TEXT:
            return as_text(column)
        try:
            numbers = as_numbers(column, np.dtype(dtype).name)
        except (TypeError, ValueError) as error:
            name = getattr(column, "name", None)
            raise ValueError(
                f"The column {name!r} of X has to hold numbers, as it did when the "
                f"model was exported: {error}"
            ) from error
        self._check_finite(numbers, takes)
        return numbers

    def __getstate__(self):
        state = dict(super().__getstate__())
        loaded = state.pop("_loaded", None)
        # Where the pickle is read there may be no such file, and no onnx; and what
        # is served now is what was in it when it was read.
        served = loaded is not None and loaded.model is self.model
        state["model"] = loaded.content if served else bytes_of(self.model)
        return state

    def __sklearn_is_fitted__(self):
        return True

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.requires_fit = False
        try:
            loaded = self._read()
        except Exception:  # a picture of it is drawn all the same
            return tags
        tags.input_tags.allow_nan = bool(loaded.takes_missing.any())
        tags.input_tags.string = any(kind == TEXT for _, kind in loaded.inputs)
        tags.input_tags.three_d_array = len(loaded.row_shape or ()) > 1
        return tags

    def __repr__(self, N_CHAR_MAX=700):
        shown = self.model if isinstance(self.model, (str, os.PathLike)) else None
        size = "" if shown else f"<{len(bytes_of(self.model)):,} bytes>"
        return f"OnnxClassifier({size or repr(shown)}, n_threads={self.n_threads})"


def _check_shape(given: tuple, wanted: tuple) -> None:
    """Raise unless rows have the shape that the file takes; -1 is any size."""
    if len(given) == len(wanted):
        if all(n in (-1, m) for m, n in zip(given, wanted, strict=True)):
            return
        if len(wanted) == 1:
            raise ValueError(
                f"X has {given[0]} features, but OnnxClassifier is expecting "
                f"{wanted[0]} features as input."
            )
    raise ValueError(
        f"X has rows of shape {given}, but the file takes rows of shape {wanted}."
    )
