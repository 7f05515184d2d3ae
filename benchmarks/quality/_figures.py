"""What is measured of probabilities on held-out rows, and of models."""

from __future__ import annotations

import pickle
import time

import numpy as np
from scipy.optimize import minimize_scalar
from sklearn.metrics import roc_auc_score

from skdistill.targets import soften

EPS = np.finfo(np.float64).eps
#: Bins of the calibration error.
N_BINS = 15
#: Shares of the class frequencies that are tried, see `mix`.
SHARES = (0.0, 1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 1e-1)

FIGURES = ["accuracy", "log_loss", "log_loss_raw", "auc", "brier", "ece"]
FIGURES += ["agreement", "kl"]


def mix(proba, share: float, frequencies):
    """Trees say exactly 0: mix with a share of the class frequencies."""
    return (1 - share) * proba + share * frequencies


def row_losses(proba, y, clip: float = EPS) -> np.ndarray:
    return -np.log(np.clip(proba[np.arange(len(y)), y], clip, 1))


def best_share(proba, y, frequencies) -> tuple[float, float]:
    """The share with the least mean loss, and that loss."""
    losses = {s: row_losses(mix(proba, s, frequencies), y).mean() for s in SHARES}
    best = min(losses, key=losses.__getitem__)
    return best, float(losses[best])


def best_temperature(proba, y) -> float:
    """The temperature with the least log-loss."""
    found = minimize_scalar(
        lambda log: row_losses(soften(proba, "probabilities", np.exp(log)), y).mean(),
        bounds=(np.log(0.05), np.log(20)),
        method="bounded",
    )
    return float(np.exp(found.x))


def calibration_error(proba, y) -> float:
    """Of the most probable class, in bins of equally many rows."""
    says, is_right = proba.max(axis=1), proba.argmax(axis=1) == y
    order = np.argsort(says, kind="stable")
    parts = np.array_split(order, min(N_BINS, len(order)))
    gaps = [len(p) * abs(says[p].mean() - is_right[p].mean()) for p in parts]
    return float(sum(gaps) / len(y))


def judge(raw, share: float, frequencies, y, P_teacher) -> dict[str, float]:
    """All figures of a model on rows that chose nothing about it.

    Parameters
    ----------
    raw : ndarray of shape (n_rows, n_classes)
        What the model says.
    share : float
        Of the frequencies, for all figures but "log_loss_raw".
    frequencies : ndarray of shape (n_classes,)
    y : ndarray of shape (n_rows,)
        Codes.
    P_teacher : ndarray of shape (n_rows, n_classes)
        The calibrated teacher.
    """
    proba = mix(raw, share, frequencies)
    guess = raw.argmax(axis=1)
    two = proba.shape[1] == 2
    logs = np.log(np.maximum(P_teacher, EPS)) - np.log(np.maximum(proba, EPS))
    return {
        "accuracy": float(np.mean(guess == y)),
        "log_loss": float(row_losses(proba, y).mean()),
        "log_loss_raw": float(row_losses(raw, y).mean()),
        "auc": float(
            roc_auc_score(y, proba[:, 1])
            if two
            else roc_auc_score(y, proba, multi_class="ovr")
        ),
        # Over all classes, so that two classes count twice.
        "brier": float(((proba - np.eye(proba.shape[1])[y]) ** 2).sum(axis=1).mean()),
        "ece": calibration_error(proba, y),
        "agreement": float(np.mean(guess == P_teacher.argmax(axis=1))),
        "kl": float((P_teacher * logs).sum(axis=1).mean()),
    }


def paired(losses, alone) -> tuple[float, float]:
    """Mean difference of the losses of rows, and half its 95 % interval."""
    difference = losses - alone
    error = difference.std(ddof=1) / np.sqrt(len(difference))
    return float(difference.mean()), float(1.96 * error)


class _Counter:
    """A file that only counts what is written: large forests take gigabytes."""

    def __init__(self) -> None:
        self.n_bytes = 0

    def write(self, part) -> int:
        n_bytes = memoryview(part).nbytes
        self.n_bytes += n_bytes
        return n_bytes


def n_bytes(model) -> int:
    """Of the pickled model."""
    counter = _Counter()
    pickle.Pickler(counter, protocol=pickle.HIGHEST_PROTOCOL).dump(model)
    return counter.n_bytes


def microseconds_per_row(model, X, rounds: int = 3) -> float:
    """Of `predict_proba` on all rows at once; the best of some rounds."""
    times = []
    for _ in range(rounds):
        start = time.perf_counter()
        model.predict_proba(X)
        times.append(time.perf_counter() - start)
    return min(times) / len(X) * 1e6
