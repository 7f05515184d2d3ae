"""How long a prediction takes, for one row and in batches."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from numbers import Integral
from typing import NamedTuple

import joblib
import numpy as np
from threadpoolctl import threadpool_limits

from skdistill._rows import n_rows_of, slice_rows

#: A batch is timed that many times less often than one row, but this often at least.
_LESS_OFTEN, _LEAST = 10, 5


class Latency(NamedTuple):
    """How long predictions take, in microseconds.

    Parameters
    ----------
    one_row_us : float
        Median time of a call with one row.
    one_row_iqr_us : float
        Interquartile range of these times.
    batch_us_per_row : float
        Median time of a call with `n_rows` rows, divided by them.
    batch_iqr_us_per_row : float
        Interquartile range of these.
    n_rows : int
        Rows of a batch.
    n_threads : int
        Threads that were allowed.
    """

    one_row_us: float
    one_row_iqr_us: float
    batch_us_per_row: float
    batch_iqr_us_per_row: float
    n_rows: int
    n_threads: int


def prediction_latency(
    model,
    X,
    *,
    method: str = "predict_proba",
    batch_size: int | None = None,
    n_repeats: int = 100,
    n_threads: int = 1,
) -> Latency:
    """Measure how long a fitted model takes to predict.

    One row at a time is what a service does; batches are what a nightly job does.
    They are different questions: of a small model one row is mostly the price of the
    call, and a model that is slower on one row may be faster in batches.

    Parameters
    ----------
    model : estimator
        Fitted; anything that has `method`.
    X : array-like of shape (n_rows, n_features)
        Rows, as the model takes them.
    method : str, default="predict_proba"
        What is called.
    batch_size : int, default=None
        Rows of a batch, the first ones of X. None: all of X.
    n_repeats : int, default=100
        How often one row is timed, each time the next of up to as many rows spread
        over X; a batch is timed a tenth as often, but 5 times at least.
    n_threads : int, default=1
        Threads allowed to BLAS, OpenMP and torch. With 1, joblib's workers are held
        back too, whatever the model's own `n_jobs` says.

    Returns
    -------
    Latency
        Medians and interquartile ranges, in microseconds.

    Raises
    ------
    ValueError
        If the model lacks the method, or a number cannot be meant so.

    Notes
    -----
    Each kind of call is made several times before the clock runs. Times belong to
    the machine, and to what else it does: compare models by the ratio of times out of
    one run, and take no difference for real that is smaller than the ranges.

    Libraries that keep threads of their own (LightGBM, XGBoost, ONNX Runtime) are
    told of them in their own settings, which nothing here changes.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.tree import DecisionTreeClassifier
    >>> from skdistill.metrics import prediction_latency
    >>> X, y = load_iris(return_X_y=True)
    >>> tree = DecisionTreeClassifier(max_leaf_nodes=4).fit(X, y)
    >>> latency = prediction_latency(tree, X, n_repeats=20)
    >>> latency.n_rows, latency.n_threads
    (150, 1)
    >>> latency.batch_us_per_row < latency.one_row_us
    True
    """
    n_repeats = _whole(n_repeats, "n_repeats")
    n_threads = _whole(n_threads, "n_threads")
    call = _method_of(model, method)
    n_rows = n_rows_of(X)
    if not n_rows:
        raise ValueError("X is empty; give at least one row.")
    size = n_rows if batch_size is None else _whole(batch_size, "batch_size")
    if size > n_rows:
        raise ValueError(
            f"batch_size={size} is more than the {n_rows} rows of X; give more rows, "
            "or a smaller batch."
        )
    batch = slice_rows(X, 0, size)
    spread = np.linspace(0, n_rows - 1, min(n_repeats, n_rows)).astype(int)
    rows = [slice_rows(X, k, k + 1) for k in spread.tolist()]
    call(batch)  # what is loaded by a first call, is there to be held back
    with limited_threads(n_threads):
        one = _time(call, rows, n_repeats)
        many = _time(call, [batch], max(_LEAST, n_repeats // _LESS_OFTEN)) / size
    return Latency(*_spread(one), *_spread(many), size, n_threads)


def _whole(value, name: str) -> int:
    if isinstance(value, bool) or not isinstance(value, Integral) or value < 1:
        raise ValueError(f"{name}={value!r} must be a whole number of at least 1.")
    return int(value)


def _method_of(model, method: str) -> Callable:
    call = getattr(model, method, None) if isinstance(method, str) else None
    if call is None or isinstance(model, type):
        known = ("predict_proba", "predict", "decision_function", "transform")
        found = [name for name in known if hasattr(model, name)]
        raise ValueError(
            f"method={method!r} is nothing that can be called of model={model!r}; it "
            f"has {', '.join(found) or 'none of ' + ', '.join(known)}."
        )
    return call


@contextmanager
def limited_threads(n_threads: int) -> Iterator[None]:
    """Allow so many threads to BLAS, OpenMP and torch; with 1, no workers of joblib."""
    torch = sys.modules.get("torch")
    with ExitStack() as stack:
        if torch is not None:  # asked before its OpenMP is limited
            stack.callback(torch.set_num_threads, torch.get_num_threads())
        stack.enter_context(threadpool_limits(limits=n_threads))
        if n_threads == 1:
            stack.enter_context(joblib.parallel_config(backend="sequential"))
        if torch is not None:
            torch.set_num_threads(n_threads)
        yield


def _time(call: Callable, inputs: Sequence, n_repeats: int) -> np.ndarray:
    """Microseconds of each call, after some that are not timed."""
    for k in range(max(3, n_repeats // 10)):
        call(inputs[k % len(inputs)])
    times = np.empty(n_repeats)
    clock = time.perf_counter_ns
    for k in range(n_repeats):
        rows = inputs[k % len(inputs)]
        start = clock()
        call(rows)
        times[k] = clock() - start
    return times / 1000


def _spread(times: np.ndarray) -> tuple[float, float]:
    low, median, high = np.percentile(times, [25, 50, 75])
    return float(median), float(high - low)
