"""Leaf values that minimise the two-temperature loss, by Newton steps."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from skdistill.targets import UNLABELED, SoftTargets, normalize_rows

_MOST_STEPS = 60
_TOLERANCE = 1e-14
#: Bounds the (leaves, classes, classes) Hessians held at once to 64 MiB.
_MOST_HESSIAN_ENTRIES = 2**23


def node_masses(
    membership, targets: SoftTargets, weight: NDArray | None
) -> tuple[NDArray, NDArray]:
    """Sum up what teacher and labels say to each node of a tree.

    Parameters
    ----------
    membership : sparse matrix of shape (n_rows, n_nodes)
        1 where a row passes through a node (scikit-learn's `decision_path`).
    targets : SoftTargets
        The lesson for these rows.
    weight : ndarray of shape (n_rows,) or None
        Row weights, in the place of those of `targets`.

    Returns
    -------
    teacher_mass, label_mass : ndarray of shape (n_nodes, n_classes)
        Sums of ``w alpha p_T`` and of ``w (1 - alpha) onehot(y)``.
    """
    n_rows = len(targets.teacher)
    alpha = np.broadcast_to(targets.alpha, n_rows)
    weight = np.ones(n_rows) if weight is None else weight
    by_node = membership.T.tocsr()
    teacher_mass = by_node @ (targets.teacher * (weight * alpha)[:, None])
    label_rows = np.zeros_like(targets.teacher)
    labeled = np.flatnonzero(targets.labels != UNLABELED)
    label_rows[labeled, targets.labels[labeled]] = (weight * (1 - alpha))[labeled]
    return teacher_mass, by_node @ label_rows


def minimize_loss(
    teacher_mass: NDArray, label_mass: NDArray, temperature: float
) -> NDArray[np.float64]:
    """Find the distributions that minimise the distillation loss of groups of rows.

    Each group (a leaf) may give one answer z. Its loss is ``T**2 * sum(A * -log
    softmax(z / T)) + sum(B * -log softmax(z))``, with A the teacher's mass and B the
    labels'; the gradient is ``T (a q_T - A) + (b q - B)`` with ``a = sum(A)``,
    ``b = sum(B)``. The loss is convex, so damped Newton steps find the minimum.

    Parameters
    ----------
    teacher_mass, label_mass : ndarray of shape (n_groups, n_classes)
        A and B, non-negative.
    temperature : float
        T.

    Returns
    -------
    ndarray of shape (n_groups, n_classes)
        ``softmax(z)``; a class to which neither gives any mass has probability 0.
    """
    n_classes = teacher_mass.shape[1]
    step = max(1, _MOST_HESSIAN_ENTRIES // n_classes**2)
    values = np.empty_like(teacher_mass)
    for start in range(0, len(values), step):
        part = slice(start, start + step)
        values[part] = _newton(teacher_mass[part], label_mass[part], temperature)
    return values


def _newton(A: NDArray, B: NDArray, T: float) -> NDArray:
    total = (A.sum(axis=1) + B.sum(axis=1))[:, None]
    total[total == 0] = 1.0
    A, B = A / total, B / total
    a, b = A.sum(axis=1, keepdims=True), B.sum(axis=1, keepdims=True)
    possible = (A > 0) | (B > 0)
    z = _start(A, B, a, b, T)
    loss = _loss(z, A, B, T)
    active = np.arange(len(z))
    for _ in range(_MOST_STEPS):
        rows = (z[active], A[active], B[active], a[active], b[active])
        step, decrease = _newton_step(*rows, T, possible[active])
        running = decrease > _TOLERANCE
        active, step = active[running], step[running]
        if not len(active):
            break
        active = _descend(active, step, z, loss, A, B, T)
    return normalize_rows(np.where(possible, _softmax(z), 0.0))


def _start(A, B, a, b, T) -> NDArray:
    """The logits of the two minimisers alone, mixed by weight: exact if one is 0."""
    at_one = normalize_rows(np.power(A / np.where(a > 0, a, 1.0), T))
    mean = a * at_one + B
    return np.log(np.maximum(mean, np.finfo(np.float64).tiny))


def _newton_step(z, A, B, a, b, T, possible) -> tuple[NDArray, NDArray]:
    q_soft, q = _softmax(z / T), _softmax(z)
    gradient = np.where(possible, T * (a * q_soft - A) + b * q - B, 0.0)
    diagonal = np.where(possible, a * q_soft + b * q, 1.0)
    # Scaled to a unit diagonal, so that classes of tiny probability count as well.
    scale = 1.0 / np.sqrt(np.maximum(diagonal, np.finfo(np.float64).tiny))
    u, v = np.sqrt(a) * q_soft * scale, np.sqrt(b) * q * scale
    hessian = -(u[:, :, None] * u[:, None, :]) - v[:, :, None] * v[:, None, :]
    # Adding a constant to z changes nothing: pin that direction down.
    free = np.where(possible, 1.0 / scale, 0.0)
    free /= np.maximum(np.linalg.norm(free, axis=1, keepdims=True), 1e-300)
    hessian += free[:, :, None] * free[:, None, :]
    k = np.arange(z.shape[1])
    hessian[:, k, k] += 1.0 + 1e-12
    scaled = gradient * scale
    step = -np.linalg.solve(hessian, scaled[:, :, None])[:, :, 0] * scale
    return step, -np.einsum("ij,ij->i", step, gradient)


def _descend(active, step, z, loss, A, B, T) -> NDArray:
    """Take each group's step, halved until its loss falls; return those that moved."""
    length = np.ones(len(active))
    trying = np.arange(len(active))
    for _ in range(40):
        rows = active[trying]
        candidate = z[rows] + length[trying, None] * step[trying]
        value = _loss(candidate, A[rows], B[rows], T)
        better = value < loss[rows]
        z[rows[better]], loss[rows[better]] = candidate[better], value[better]
        trying = trying[~better]
        if not len(trying):
            break
        length[trying] /= 2
    return np.delete(active, trying)


def _loss(z, A, B, T) -> NDArray:
    soft = -np.einsum("ij,ij->i", A, _log_softmax(z / T))
    return T**2 * soft - np.einsum("ij,ij->i", B, _log_softmax(z))


def _log_softmax(z: NDArray) -> NDArray:
    z = z - z.max(axis=1, keepdims=True)
    return z - np.log(np.exp(z).sum(axis=1, keepdims=True))


def _softmax(z: NDArray) -> NDArray:
    q = np.exp(z - z.max(axis=1, keepdims=True))
    q /= q.sum(axis=1, keepdims=True)
    return q
