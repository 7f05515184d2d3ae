"""Whether a file says what its model says: asked before it is handed out."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from skdistill._rows import n_rows_of
from skdistill._sklearn_compat import take_rows
from skdistill.export._missing import columns_of_numbers, with_holes
from skdistill.export._reading import LABEL
from skdistill.export._runtime import OnnxClassifier
from skdistill.export._tables import is_frame, rounded

if TYPE_CHECKING:
    from onnx import ModelProto

#: Rows that a file is tried on, and how far its probabilities may be off.
_ROWS, _TOLERANCE = 200, 1e-5
#: Share of the rows that rounding may put on the other side of a threshold, and what
#: is more than that of a probability.
_FEW, _FAR = 0.05, 1e-3
#: Share of the cells that are made missing, to see what becomes of the rows.
_HOLES = 0.3


class _Off(NamedTuple):
    """Where two answers about the same rows differ.

    Parameters
    ----------
    label : ndarray of shape (n_rows,), bool
        In what they predict.
    proba : ndarray of shape (n_rows,)
        How far in a probability.
    """

    label: NDArray[np.bool_]
    proba: NDArray[np.float64]

    @property
    def rows(self) -> NDArray[np.bool_]:
        """Which rows differ in either."""
        return self.label | (self.proba > _TOLERANCE)

    def __str__(self):
        far = self.proba > _TOLERANCE
        return (
            f"of {len(far)} rows of X, {self.label.sum()} have other labels and "
            f"{far.sum()} have other probabilities (by up to {self.proba.max():.2g})"
        )


def _compare(one, rows, other, its_rows) -> _Off:
    label = one.predict(rows) != other.predict(its_rows)
    if not hasattr(other, "predict_proba"):
        return _Off(label, np.zeros(len(label)))
    first, second = one.predict_proba(rows), other.predict_proba(its_rows)
    lost = np.isnan(first) != np.isnan(second)
    off = np.where(lost, np.inf, np.nan_to_num(np.abs(first - second)))
    return _Off(label, off.max(axis=1))


def try_out(made: ModelProto, model, X, dtype: str, takes: list[bool]) -> bool:
    """Compare what a file says about some rows with what its model says.

    Parameters
    ----------
    made : ModelProto
        The file.
    model : classifier
        What it was made of.
    X : array-like of shape (n_rows, n_features)
        Rows, 200 of which are asked about, from all over.
    dtype : {"float32", "float64"}
        Of the file.
    takes : list of bool
        In which columns missing numbers are taken, as of `takes_missing`.

    Returns
    -------
    bool
        Whether it is right about missing numbers, too. False only if there are none
        in these rows.

    Raises
    ------
    ValueError
        If many rows, two at least, have other labels, or probabilities that are off
        by more than 1e-3. All others that differ are warned of.
    """
    places = np.linspace(0, n_rows_of(X) - 1, _ROWS).astype(int)
    rows = take_rows(X, np.unique(places))
    written = _loaded(made, rows, dtype)
    kept = rounded(rows) if dtype == "float32" else rows
    off = _compare(written, rows, model, kept)
    _judge(off, dtype)
    if dtype == "float32":
        _tell_of_rounding(_compare(model, kept, model, rows))
    return _is_right_about_holes(written, model, kept, takes, off)


def _loaded(made: ModelProto, rows, dtype: str) -> OnnxClassifier:
    written = OnnxClassifier(made)
    try:
        written.predict(rows)
    except Exception as error:  # ONNX Runtime has classes of its own for each
        cause = error.__cause__ or error
        if not type(cause).__module__.startswith("onnxruntime"):
            raise
        other = "float32" if dtype == "float64" else "float64"
        raise ValueError(
            f"ONNX Runtime cannot run the file: {cause}. A converter of skl2onnx has "
            f"written nodes that do not go together, with dtype={dtype!r}; give "
            f"dtype={other!r}, or use another step or student."
        ) from error
    return written


def _judge(off: _Off, dtype: str) -> None:
    if not off.rows.any():
        return
    found = f"The file does not say what the model says: {off}."
    far = off.label | (off.proba > _FAR)
    # One of several may be a row at a threshold, however few there are.
    if far.all() or (far.sum() > 1 and far.mean() > _FEW):
        raise ValueError(
            f"{found} A step or a setting is not written faithfully by its converter; "
            "export with another one, or with check=False to have the file all the "
            "same."
        )
    reason = "A converter writes a step a little otherwise, the words of a text say"
    advice = "serve the model as it is: strip_teacher(model) and pickle"
    if dtype == "float32":
        reason = (
            "A step has fewer digits there, which decide close to a threshold, or "
            "takes them otherwise, the words of a text say"
        )
        advice = "export with dtype='float64'"
    warnings.warn(
        f"{found} {reason}; if that matters, {advice}.", UserWarning, stacklevel=4
    )


def _tell_of_rounding(off: _Off) -> None:
    if off.rows.any():
        warnings.warn(
            f"dtype='float32' rounds the numbers of X, and the model answers otherwise "
            f"then: {off}. Export with dtype='float64' if that matters.",
            UserWarning,
            stacklevel=4,
        )


def _is_right_about_holes(
    written: OnnxClassifier, model, rows, takes: list[bool], known: _Off
) -> bool:
    if sparse.issparse(rows) or not any(takes):
        return True
    rows = rows if is_frame(rows) else np.asarray(rows)
    if len(rows.shape) != 2:
        return True
    may = np.zeros(rows.shape[1], dtype=bool)
    may[columns_of_numbers(rows)] = True
    may &= np.array(takes)
    holes = np.random.default_rng(0).random(rows.shape) < _HOLES
    holes[0] = True
    punched = with_holes(rows, holes & may)
    try:
        _ask_quietly(written, punched)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model.predict(punched)
    except Exception:  # whatever the runtime, or the model, makes of them
        return False
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        off = _compare(written, punched, model, punched)
    return not (off.rows & ~known.rows).any()


def _ask_quietly(written: OnnxClassifier, rows) -> None:
    """Run a file; if that fails, ONNX Runtime does not print that it did."""
    from onnxruntime import RunOptions

    quiet = RunOptions()
    quiet.log_severity_level = 4
    loaded = written._read()
    loaded.session.run([LABEL], written._feed(loaded, rows), quiet)
