"""Each number as several inputs: piecewise linear (Gorishniy et al., 2022)."""

from __future__ import annotations

from numbers import Integral

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import check_array
from torch import Tensor, nn


def quantile_edges(
    X: ArrayLike, n_bins: int, sample_weight: ArrayLike | None = None
) -> NDArray[np.float64]:
    """Cut each column into bins of about equally many rows.

    Parameters
    ----------
    X : array-like of shape (n_rows, n_features)
        Finite numbers.
    n_bins : int
        Bins for each column, at least 1.
    sample_weight : array-like of shape (n_rows,), default=None
        A row counts as often as this says; one of weight 0 is not seen at all.

    Returns
    -------
    ndarray of shape (n_features, n_bins + 1), float64
        Edges, non-decreasing in each row. They are values of the column: its quantiles
        or, where it has no more than ``n_bins + 1`` different values, each of these.
        Two edges are equal where more than one quantile falls on the same value; the
        rest of a row is its last edge once there are no more values.

    Raises
    ------
    ValueError
        If X is not two-dimensional and finite, or `n_bins` is not a positive integer.

    References
    ----------
    .. [1] Gorishniy, Rubachev and Babenko, "On embeddings for numerical features in
       tabular deep learning", NeurIPS 2022, section 3.2.1, arXiv:2203.05556.

    Examples
    --------
    >>> import numpy as np
    >>> from skdistill.neural.embeddings import quantile_edges
    >>> X = np.column_stack([np.arange(9), np.arange(9) > 6])
    >>> quantile_edges(X, n_bins=4)
    array([[0., 2., 4., 6., 8.],
           [0., 1., 1., 1., 1.]])
    """
    if not isinstance(n_bins, Integral) or n_bins < 1:
        raise ValueError(f"n_bins={n_bins!r} must be an integer of at least 1.")
    X = check_array(X, dtype=np.float64, ensure_min_features=0)
    weight = np.ones(len(X))
    if sample_weight is not None:
        weight = np.asarray(sample_weight, dtype=np.float64)
        X, weight = X[weight > 0], weight[weight > 0]
    edges = [_edges(column, weight, n_bins) for column in X.T]
    return np.array(edges, dtype=np.float64).reshape(-1, n_bins + 1)


def _edges(column: NDArray, weight: NDArray, n_bins: int) -> NDArray[np.float64]:
    values, position = np.unique(column, return_inverse=True)
    if len(values) <= n_bins + 1:
        return np.pad(values, (0, n_bins + 1 - len(values)), mode="edge")
    # The smallest value that at least this share of the weight does not exceed: unlike
    # an interpolated quantile, it makes repeated rows the same as weights.
    reached = np.cumsum(np.bincount(position, weights=weight))
    # Dividing last is exact where the share is a whole number of rows.
    wanted = np.arange(n_bins + 1) * reached[-1] / n_bins
    return values[np.searchsorted(reached, np.minimum(wanted, reached[-1]))]


class PiecewiseLinearEncoding(nn.Module):
    r"""Encode each number by how far it has come in each of several bins.

    With edges :math:`b_0 < \dots < b_T`, a number becomes T numbers: the t-th is 0
    below :math:`b_{t-1}`, 1 above :math:`b_t`, and linear between. The first bin has
    no end below and the last none above, where the linear pieces go on.

    Parameters
    ----------
    edges : array-like of shape (n_features, n_bins + 1)
        Finite and non-decreasing in each row, as :func:`quantile_edges` gives them.
        Between equal edges there is no bin: its output is 0 for whatever number, so
        sizes do not depend on the data and encodings of several folds can be stacked.
        (Edges are rounded to torch's default dtype; they may become equal by that.)
        A feature whose edges are all equal gives zeros only.

    Attributes
    ----------
    left, width, low, high : Tensor of shape (n_features, n_bins)
        Buffers: where each bin begins, its width (inf if there is no bin), and the
        limits of its output.

    Notes
    -----
    Nothing bounds the output beyond the outer edges, as in the paper: a number that
    lies many widths of the last bin above it gives a large output.

    References
    ----------
    .. [1] Gorishniy, Rubachev and Babenko, "On embeddings for numerical features in
       tabular deep learning", NeurIPS 2022, equation 1, arXiv:2203.05556.

    Examples
    --------
    >>> import torch
    >>> from skdistill.neural.embeddings import PiecewiseLinearEncoding
    >>> encode = PiecewiseLinearEncoding([[0.0, 1.0, 3.0]])
    >>> encode(torch.tensor([[-1.0], [0.5], [2.0], [5.0]]))
    tensor([[-1.0000,  0.0000],
            [ 0.5000,  0.0000],
            [ 1.0000,  0.5000],
            [ 1.0000,  2.0000]])
    """

    #: Nothing in it is trained, so no gradient has to pass it.
    is_fixed_encoding = True

    left: Tensor
    width: Tensor
    low: Tensor
    high: Tensor

    def __init__(self, edges: ArrayLike):
        super().__init__()
        points = torch.as_tensor(_checked(edges), dtype=torch.get_default_dtype())
        width = points.diff(dim=1)
        # A width below the normal numbers would make infinities.
        real = width >= torch.finfo(width.dtype).tiny
        n_before = real.cumsum(dim=1)
        first = real & (n_before == 1)
        last = real & (n_before == n_before[:, -1:])
        self.register_buffer("left", points[:, :-1].clone())
        self.register_buffer("width", width.masked_fill(~real, torch.inf))
        unbounded = torch.full_like(width, torch.inf)
        self.register_buffer("low", torch.where(first, -unbounded, 0.0))
        self.register_buffer("high", torch.where(last, unbounded, 1.0))

    def n_outputs(self, n_inputs: int) -> int:
        """Count the outputs for rows of `n_inputs` numbers."""
        n_features, n_bins = self.left.shape
        return n_features * n_bins + n_inputs - n_features

    def forward(self, x: Tensor) -> Tensor:
        """Encode the first `n_features` columns and put the others behind them.

        Parameters
        ----------
        x : Tensor of shape (..., n_inputs), floating, finite
            At least `n_features` columns.

        Returns
        -------
        Tensor of shape (..., n_features * n_bins + n_inputs - n_features)
            The bins of the first feature, those of the second and so on; then the
            columns after the first `n_features`, as they are.

        Raises
        ------
        ValueError
            If there are fewer columns than features.
        """
        n_features = self.left.shape[0]
        if x.shape[-1] < n_features:
            raise ValueError(
                f"x has {x.shape[-1]} columns, but {n_features} are to be encoded; "
                "give rows with all the columns that the edges were made of."
            )
        progress = (x[..., :n_features, None] - self.left) / self.width
        encoded = torch.clamp(progress, self.low, self.high).flatten(-2)
        return torch.cat([encoded, x[..., n_features:]], dim=-1)


def _checked(edges: ArrayLike) -> NDArray[np.float64]:
    points = np.asarray(edges, dtype=np.float64)
    if points.ndim != 2 or points.shape[1] < 2:
        raise ValueError(
            f"edges have the shape {points.shape}; give (n_features, n_bins + 1) with "
            "at least one bin, as quantile_edges does."
        )
    if not np.isfinite(points).all() or (np.diff(points, axis=1) < 0).any():
        raise ValueError(
            "edges must be finite and must not decrease within a row; give them "
            "sorted, as quantile_edges does."
        )
    return points
