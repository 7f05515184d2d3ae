"""How a table becomes what a network eats: rows of float32, scaled and one-hot."""

from __future__ import annotations

import sys
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import sparse
from sklearn.preprocessing import MaxAbsScaler, OneHotEncoder, StandardScaler
from sklearn.utils import check_array
from sklearn.utils.validation import validate_data

from skdistill._sklearn_compat import feature_names_of
from skdistill._sklearn_compat import take_rows as take

#: Below this share of non-zero entries a one-hot table stays sparse: a column of
#: thousands of categories would not fit into memory otherwise.
_SPARSE_BELOW = 0.02


def validate_input(estimator, encoder: InputEncoder, X, *, reset: bool, **check_params):
    """Validate an estimator's X as far as its encoder leaves that to scikit-learn.

    A table of numbers goes through scikit-learn's own validation, with its messages,
    and comes back as an array. A table with categorical columns cannot; there only
    the number, names and order of its columns are checked, and the encoder refuses
    what is wrong inside.

    Parameters
    ----------
    estimator : estimator
        Gets `n_features_in_` and `feature_names_in_`, or has them compared.
    encoder : InputEncoder
        Unfitted where `reset` is true, fitted otherwise.
    X : array-like of shape (n_rows, n_columns) or (n_rows, ...)
        Anything.
    reset : bool
        True in `fit`, false in `predict`.
    **check_params
        For :func:`sklearn.utils.check_array`, as ``allow_nd=True``. Sparse matrices
        are taken, as CSR, unless this says otherwise.

    Returns
    -------
    array-like
        What to give to `encoder`.

    Examples
    --------
    >>> from sklearn.base import BaseEstimator
    >>> from skdistill.neural._inputs import InputEncoder, validate_input
    >>> estimator, encoder = BaseEstimator(), InputEncoder()
    >>> X = validate_input(estimator, encoder, [[0], [2]], reset=True)
    >>> encoder.fit(X).transform(X)
    array([[-1.],
           [ 1.]], dtype=float32)
    """
    if encoder.has_categories(X, reset=reset):
        validate_data(estimator, X, reset=reset, skip_check_array=True)
        return X
    params = {"accept_sparse": "csr", "dtype": "numeric"} | check_params
    return validate_data(estimator, X, reset=reset, **params)


class InputEncoder:
    """Encode rows for a network: numbers first, then a column for each category.

    The encoded columns are the numeric ones in the order that they have in X, then for
    each categorical one as many as it had values. Estimators have
    :func:`validate_input` look at X before.

    Parameters
    ----------
    scale : bool, default=True
        Bring numeric columns to mean 0 and standard deviation 1, computed in float64
        (a constant column becomes 0). In a sparse X, whose zeros have to stay, columns
        are divided by their largest absolute value: the standard deviation of a rare
        feature is so small that dividing by it would make the feature huge. X with
        more than two dimensions is not scaled.
    categorical_features : None, "from_dtype" or array-like, default=None
        The columns that are categorical, as in scikit-learn's
        `HistGradientBoostingClassifier`: indices, names of a frame's columns, or a
        boolean mask of all columns. "from_dtype": in a pandas or polars frame those
        of categories, enums, strings, objects and booleans; in all else none. A
        value not seen in `fit` is 0 in all columns; a missing one (None, NaN, NA) is
        a value like others.
    dtype : {"float32", None}, default="float32"
        None leaves a table of integers at that, as int64 (for a module that embeds
        them), unless `scale` or `categorical_features` make floats of it.

    Attributes
    ----------
    categorical_ : ndarray of shape (n_columns,), bool
        Which columns of X are categorical.
    n_inputs_ : int
        Numbers in one encoded row.
    numeric_ : slice
        Which of the encoded columns are numeric: always the first ones.

    Examples
    --------
    >>> from skdistill.neural._inputs import InputEncoder
    >>> X = [[1.0, "red"], [3.0, "blue"]]
    >>> encoder = InputEncoder(categorical_features=[1]).fit(X)
    >>> encoder.transform([[2.0, "red"], [3.0, "green"]])
    array([[0., 0., 1.],
           [1., 0., 0.]], dtype=float32)
    >>> encoder.numeric_
    slice(0, 1, None)
    """

    def __init__(
        self,
        *,
        scale: bool = True,
        categorical_features: Literal["from_dtype"] | ArrayLike | None = None,
        dtype: Literal["float32"] | None = "float32",
    ):
        self.scale = scale
        self.categorical_features = categorical_features
        self.dtype = dtype

    def has_categories(self, X, *, reset: bool = True) -> bool:
        """Whether X has categorical columns, so that no plain array can be made of it.

        Parameters
        ----------
        X : array-like of shape (n_rows, ...)
            Only its kind and the dtypes of its columns are looked at.
        reset : bool, default=True
            False: whether the X of `fit` had any.
        """
        if not reset:
            return bool(self.categorical_.any())
        if self.categorical_features is None:
            return False
        if is_from_dtype(self.categorical_features):
            return bool(categorical_by_dtype(X).any())
        chosen = np.asarray(self.categorical_features)
        return bool(chosen.any() if chosen.dtype == bool else chosen.size)

    def fit(self, X, sample_weight: NDArray | None = None) -> InputEncoder:
        """Learn means, spreads and categories.

        Parameters
        ----------
        X : array-like of shape (n_rows, n_columns) or (n_rows, ...)
            Array, list, pandas or polars frame, or sparse matrix.
        sample_weight : ndarray of shape (n_rows,), default=None
            A row counts as often as this says; one of weight 0 is not seen at all.

        Returns
        -------
        InputEncoder
            Itself.

        Raises
        ------
        ValueError
            If `categorical_features` and X do not go together, or a numeric column
            holds NaN, infinity or what is beyond float32.
        """
        mixed = self.has_categories(X)
        X = as_table(X) if mixed else as_numbers(X)
        if sample_weight is not None:
            seen = np.flatnonzero(sample_weight)
            X, sample_weight = take(X, seen), np.asarray(sample_weight)[seen]
        self._row_shape = tuple(X.shape[1:])
        self.categorical_ = np.zeros(self._row_shape[:1], dtype=bool)
        if mixed:
            self.categorical_ = categorical_mask(X, self.categorical_features)
        names = feature_names_of(X)
        self._columns = np.arange(X.shape[1]) if names is None else names
        numbers, cells = self._parts(X)
        self._scaler = None
        if self.scale and numbers.ndim == 2 and numbers.shape[1]:
            self._scaler = fitted_scaler(numbers, sample_weight)
        self.numeric_ = slice(0, int(np.prod(numbers.shape[1:])))
        self.n_inputs_ = self.numeric_.stop
        self._one_hot = None
        if mixed:
            one_hot = OneHotEncoder(handle_unknown="ignore", dtype=np.float32)
            self._one_hot = one_hot.set_output(transform="default").fit(cells)
            self.n_inputs_ += sum(len(values) for values in one_hot.categories_)
        return self

    def transform(self, X) -> NDArray | sparse.csr_matrix:
        """Encode rows.

        Parameters
        ----------
        X : array-like of shape (n_rows, n_columns) or (n_rows, ...)
            With the columns of `fit`, in the same order.

        Returns
        -------
        ndarray of shape (n_rows, n_inputs), float32, C-contiguous
            With the shape of X where X has more than two dimensions. A CSR matrix if
            X is sparse, or has so many categories that nearly all would be zeros. It
            may be X itself.

        Raises
        ------
        ValueError
            If X has another number of columns than in `fit`, or a numeric column
            holds NaN, infinity or what is beyond float32.
        """
        X = as_numbers(X) if self._one_hot is None else as_table(X)
        if X.shape[1:] != self._row_shape:
            raise ValueError(
                f"X has rows of shape {tuple(X.shape[1:])}, but the network was fitted "
                f"with rows of shape {self._row_shape}; give the same columns."
            )
        numbers, cells = self._parts(X)
        if self._scaler is not None:
            # What overflows is infinite, and refused below.
            with np.errstate(over="ignore"):
                numbers = self._scaler.transform(numbers)
        if self._one_hot is None:
            kept = self.dtype is None and numbers.dtype.kind in "iu"
            return cast(numbers, np.int64 if kept else np.float32, self._columns)
        encoded = cast(numbers, np.float32, self._numeric_columns)
        hot = self._one_hot.transform(cells)
        if self._row_shape[0] / self.n_inputs_ < _SPARSE_BELOW:
            return sparse.hstack([sparse.csr_matrix(encoded), hot], format="csr")
        return np.hstack([encoded, hot.toarray()])

    @property
    def _numeric_columns(self) -> NDArray:
        return self._columns[~self.categorical_]

    def _parts(self, X):
        """Split a table into finite numbers and, if it has categories, their cells."""
        if not self.categorical_.any():
            check_finite(X, self._columns)
            return X, None
        cells = as_cells(take(X, np.flatnonzero(self.categorical_), axis=1))
        if self.categorical_.all():
            return np.zeros((len(cells), 0), dtype=np.float32), cells
        part = take(X, np.flatnonzero(~self.categorical_), axis=1)
        numbers = numbers_of(part, self._numeric_columns)
        check_finite(numbers, self._numeric_columns)
        return numbers, cells


def is_from_dtype(chosen) -> bool:
    """Whether the categorical columns are to be found by dtype."""
    return isinstance(chosen, str) and chosen == "from_dtype"


def is_frame(X, library: str) -> bool:
    """Whether X is a "pandas" or "polars" DataFrame, without importing either."""
    frames = sys.modules.get(library)
    return frames is not None and isinstance(X, frames.DataFrame)


def categorical_by_dtype(X) -> NDArray[np.bool_]:
    """Columns of a frame that hold categories, text, objects or booleans.

    Returns
    -------
    ndarray of shape (n_columns,), bool
        Empty if X is no frame.
    """
    if is_frame(X, "pandas"):
        return np.array([dtype.kind in "ObSU" for dtype in X.dtypes], dtype=bool)
    if is_frame(X, "polars"):
        pl = sys.modules["polars"]
        kinds = (pl.Categorical, pl.Enum, pl.String, pl.Boolean, pl.Object)
        return np.array([dtype in kinds for dtype in X.dtypes], dtype=bool)
    return np.zeros(0, dtype=bool)


def categorical_mask(X, categorical_features) -> NDArray[np.bool_]:
    """Find the categorical columns among all columns of X.

    Parameters
    ----------
    X : array-like of shape (n_rows, n_columns)
        A frame where columns are named.
    categorical_features : "from_dtype" or array-like of bool, int or str
        See :class:`InputEncoder`.

    Returns
    -------
    ndarray of shape (n_columns,), bool

    Raises
    ------
    ValueError
        If `categorical_features` is of another kind, or names what X does not have.
    """
    if is_from_dtype(categorical_features):
        return categorical_by_dtype(X)
    given = f"categorical_features={categorical_features!r}"
    chosen = np.asarray(categorical_features)
    n_columns = X.shape[1]
    if chosen.dtype == bool and chosen.shape != (n_columns,):
        raise ValueError(
            f"{given} is a mask of shape {chosen.shape}, but X has {n_columns} "
            f"columns; give one value for each of them, shape ({n_columns},)."
        )
    if chosen.dtype.kind in "iu" and chosen.ndim == 1:
        outside = chosen[(chosen < 0) | (chosen >= n_columns)]
        if outside.size:
            raise ValueError(
                f"{given} has the index {outside[0]}, but X has {n_columns} columns; "
                f"give indices from 0 to {n_columns - 1}."
            )
    elif chosen.ndim == 1 and all(isinstance(name, str) for name in chosen.tolist()):
        return _named_columns(X, chosen.tolist(), given)
    elif chosen.dtype != bool:
        raise ValueError(
            f"{given} must be None, 'from_dtype', or a list of column names, of "
            "indices, or of one boolean for each column; give one of these."
        )
    mask = np.zeros(n_columns, dtype=bool)
    mask[chosen] = True
    return mask


def _named_columns(X, chosen: list[str], given: str) -> NDArray[np.bool_]:
    names = feature_names_of(X)
    if names is None:
        raise ValueError(
            f"{given} names columns, but X has no column names; give indices or a "
            "boolean mask, or X as a frame."
        )
    unknown = [name for name in chosen if name not in names]
    if unknown:
        raise ValueError(
            f"{given} names {unknown}, which X does not have; give some of its "
            f"columns {list(names)}."
        )
    return np.isin(names, chosen)


def as_table(X):
    """Keep a frame, and make an array of two dimensions of all else but sparse X."""
    if is_frame(X, "pandas") or is_frame(X, "polars"):
        return X
    if sparse.issparse(X):
        raise ValueError(
            "categorical_features needs a dense X, but X is a sparse matrix; give "
            "categorical_features=None, or X.toarray()."
        )
    if not isinstance(X, np.ndarray):
        # Else NumPy would make text of the numbers that stand beside text.
        X = np.asarray(X, dtype=object)
    return check_array(X, dtype=None, ensure_all_finite=False)


def as_numbers(X):
    """Make a numeric array, or a CSR matrix, whose values may be anything."""
    numbers = check_array(
        X,
        accept_sparse="csr",
        dtype="numeric",
        allow_nd=True,
        ensure_all_finite=False,
    )
    if numbers.dtype.kind not in "biuf":
        raise ValueError(f"X has the dtype {numbers.dtype}; give numbers.")
    return numbers


def numbers_of(part, columns: NDArray) -> NDArray:
    """Make a numeric array of some columns of a table, or say which is not numeric."""
    try:
        return as_numbers(part)
    except (TypeError, ValueError):
        one_by_one = (take(part, [k], axis=1) for k in range(len(columns)))
        wrong = np.array([not _is_numeric(column) for column in one_by_one], dtype=bool)
        _refuse(columns, wrong, "values that are no numbers")
        raise


def _is_numeric(column) -> bool:
    try:
        as_numbers(column)
    except (TypeError, ValueError):
        return False
    return True


def as_cells(table) -> NDArray[np.object_]:
    """Make an array of Python objects, NaN for whatever stands for a missing value.

    The values of pandas, polars and NumPy compare equal in it.
    """
    cells = np.array(table, dtype=object)
    pandas = sys.modules.get("pandas")
    if pandas is not None:
        missing = pandas.isna(cells)
    else:
        missing = (cells == None) | (cells != cells)  # noqa: E711
    cells[missing] = np.nan
    return cells


def fitted_scaler(numbers, sample_weight: NDArray | None):
    """Fit the scaler for finite numbers: of its own kind for a sparse matrix."""
    if sparse.issparse(numbers):
        return MaxAbsScaler().set_output(transform="default").fit(numbers)
    # A square that overflows belongs to a number that float32 cannot hold either.
    with np.errstate(over="ignore", invalid="ignore"):
        scaler = StandardScaler().set_output(transform="default")
        return scaler.fit(numbers, sample_weight=sample_weight)


def cast(numbers, dtype: type, columns: NDArray):
    """Cast an array, to C-contiguous, or a CSR matrix; refuse what becomes infinite."""
    order = {} if sparse.issparse(numbers) else {"order": "C"}
    with np.errstate(over="ignore"):
        result = numbers.astype(dtype, copy=False, **order)
    _refuse(columns, ~_finite_columns(result), "values too large for float32")
    return result


def check_finite(numbers, columns: NDArray) -> None:
    """Raise ValueError if any number is NaN or infinite, and say in which column."""
    _refuse(columns, ~_finite_columns(numbers), "NaN or infinite values")


def _finite_columns(numbers) -> NDArray[np.bool_]:
    if sparse.issparse(numbers):
        finite = np.ones(numbers.shape[1], dtype=bool)
        finite[numbers.indices[~np.isfinite(numbers.data)]] = False
        return finite
    others = tuple(axis for axis in range(numbers.ndim) if axis != 1)
    return np.isfinite(numbers).all(axis=others)


def _refuse(columns: NDArray, wrong: NDArray[np.bool_], what: str) -> None:
    if not wrong.any():
        return
    named = ", ".join(repr(column) for column in columns[wrong][:8].tolist())
    more = ", ..." if wrong.sum() > 8 else ""
    raise ValueError(
        f"X has {what} in the numeric columns [{named}{more}]; impute, clip or leave "
        "out such values before, or name the columns in categorical_features if their "
        "values are categories."
    )
