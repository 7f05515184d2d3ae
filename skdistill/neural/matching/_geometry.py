"""How the rows of a batch lie to each other: similarities, distances and angles.

Rows are vectors, (n_rows, n_features) and floating, or the leaves that the trees of a
forest put them in, (n_rows, n_trees) and integer. Leaves are compared by the forest's
proximity, the share of trees in which two rows meet in a leaf. It is a positive
semi-definite kernel, the inner product of indicators of leaves, so distances and
angles follow from it.
"""

from __future__ import annotations

import torch
from torch import Tensor


def is_leaves(rows: Tensor) -> bool:
    """Whether rows are numbers of leaves; these are names, and no amounts."""
    return not rows.is_floating_point()


def as_vectors(rows: Tensor) -> Tensor:
    """Flatten each row, and scale the batch to a largest magnitude of 1.

    No relation depends on the scale of a batch, but squares of it can overflow. The
    scale gets no gradient, and needs none: what does not depend on it has none along
    it. Leaves are returned as they are.
    """
    if is_leaves(rows):
        return rows
    vectors = rows.flatten(1)
    return divided(vectors, vectors.detach().abs().amax())


def divided(values: Tensor, lengths: Tensor) -> Tensor:
    """Values over lengths; 0, without a gradient, where a length is 0."""
    positive = lengths >= torch.finfo(lengths.dtype).tiny
    # By inf: the gradient of x / 0 would be NaN even if 0 were chosen afterwards.
    return values / torch.where(positive, lengths, torch.inf)


def unit_rows(vectors: Tensor) -> Tensor:
    """Scale each row to length 1; a row of zeros stays one, without a gradient."""
    length = torch.linalg.vector_norm(vectors, dim=-1, keepdim=True)
    return divided(vectors, length)


def proximity(leaves: Tensor) -> Tensor:
    """Share of trees in which two rows are in the same leaf.

    Parameters
    ----------
    leaves : Tensor of shape (n_rows, n_trees), integer

    Returns
    -------
    Tensor of shape (n_rows, n_rows), float64
        In [0, 1], with ones on the diagonal.
    """
    # The "0-norm" counts the trees that tell two rows apart, without a table of
    # rows × rows × trees. Numbers of leaves are exact in float64.
    numbers = leaves.double()
    return 1.0 - torch.cdist(numbers, numbers, p=0.0) / leaves.shape[1]


def inner_products(rows: Tensor) -> Tensor:
    """Inner products of all pairs; proximities of leaves.

    Parameters
    ----------
    rows : Tensor of shape (n_rows, n_features) floating, or (n_rows, n_trees) integer

    Returns
    -------
    Tensor of shape (n_rows, n_rows)
    """
    return proximity(rows) if is_leaves(rows) else rows @ rows.mT


def affinities(rows: Tensor) -> Tensor:
    """Similarities in [0, 1] of all pairs: (cosine + 1) / 2; proximities of leaves.

    Parameters
    ----------
    rows : Tensor of shape (n_rows, n_features) floating, or (n_rows, n_trees) integer

    Returns
    -------
    Tensor of shape (n_rows, n_rows)
    """
    if is_leaves(rows):
        return proximity(rows)
    unit = unit_rows(rows)
    return ((unit @ unit.mT + 1.0) / 2.0).clamp_min(0.0)


def distances(rows: Tensor) -> Tensor:
    """Euclidean distances of all pairs; of leaves, sqrt(2 - 2 proximity).

    Parameters
    ----------
    rows : Tensor of shape (n_rows, n_features) floating, or (n_rows, n_trees) integer

    Returns
    -------
    Tensor of shape (n_rows, n_rows)
        Exactly 0, with gradient 0, where two rows are the same.
    """
    if is_leaves(rows):
        return (2.0 - 2.0 * proximity(rows)).sqrt()
    return torch.cdist(rows, rows, compute_mode="donot_use_mm_for_euclid_dist")


def cosines_of_angles(rows: Tensor, lengths: Tensor) -> Tensor:
    """Cosines of the angles that triples of rows make.

    Parameters
    ----------
    rows : Tensor of shape (n_rows, n_features) floating, or (n_rows, n_trees) integer
    lengths : Tensor of shape (n_rows, n_rows)
        Distances, or 0 for a pair that takes part in no angle.

    Returns
    -------
    Tensor of shape (n_rows, n_rows, n_rows)
        Entry [j, i, k] is of the angle at row j between rows i and k; 0 where there
        is none.
    """
    if is_leaves(rows):
        kernel = proximity(rows).to(lengths.dtype)
        # <i - j, k - j> = <i, k> - <i, j> - <j, k> + <j, j>
        products = kernel - kernel[:, :, None] + (1.0 - kernel)[:, None, :]
        return divided(divided(products, lengths[:, :, None]), lengths[:, None, :])
    edges = divided(rows - rows[:, None, :], lengths[:, :, None])
    return edges @ edges.mT
