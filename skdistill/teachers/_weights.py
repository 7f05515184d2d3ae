"""How much each of several teachers counts: given, or learned from true labels."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import minimize
from scipy.special import log_softmax, logsumexp, softmax

from skdistill.targets import PROBABILITY_FLOOR

LEARNED = "learned"

#: Loss and gradient at some weights.
_Objective = Callable[[NDArray], tuple[float, NDArray]]

#: A learned weight below this is what the solver's tolerance leaves of 0.
_NOTHING = 1e-9


def relative_weights(weights: ArrayLike | None, n_teachers: int) -> NDArray[np.float64]:
    """Given weights, the largest scaled to 1, so that equal ones are exactly 1.

    Parameters
    ----------
    weights : array-like of shape (n_teachers,) or None
        Checked by the caller. None: equal.
    n_teachers : int
        Teachers in the list.

    Returns
    -------
    ndarray of shape (n_teachers,)
    """
    if weights is None:
        return np.ones(n_teachers)
    weights = np.asarray(weights, dtype=np.float64)
    return weights / weights.max()


def learn_weights(
    votes: Sequence[NDArray[np.float64]],
    codes: NDArray[np.intp],
    weight: NDArray[np.float64] | None = None,
    *,
    as_logits: bool,
) -> NDArray[np.float64]:
    """Find the weights under which the weighted mean of votes has the least log-loss.

    Of probabilities that is the likelihood of a mixture, of logits that of a geometric
    mean; both are convex in the weights. A probability of 0 counts as
    :data:`~skdistill.targets.PROBABILITY_FLOOR`, so that one row about which a teacher
    was sure and wrong does not rule the teacher out.

    Parameters
    ----------
    votes : sequence of n_teachers ndarrays of shape (n_rows, n_columns)
        Probabilities or logits, all over the same columns.
    codes : ndarray of shape (n_rows,), intp
        Column of the true label; -1 where there is none: such a row has no say.
    weight : ndarray of shape (n_rows,), default=None
        Weights of the rows.
    as_logits : bool
        Whether the votes are logits, to be averaged before the softmax.

    Returns
    -------
    ndarray of shape (n_teachers,)
        Non-negative, summing to 1; equal if no row has a say. Their loss is no larger
        than that of the best teacher alone, nor than that of equal weights.

    Examples
    --------
    >>> import numpy as np
    >>> from skdistill.teachers._weights import learn_weights
    >>> right, wrong = np.array([[0.9, 0.1]]), np.array([[0.2, 0.8]])
    >>> learn_weights([wrong, right], np.array([0]), as_logits=False)
    array([0., 1.])
    """
    n_teachers = len(votes)
    equal = np.full(n_teachers, 1.0 / n_teachers)
    weight = np.ones(len(codes)) if weight is None else weight
    rows = np.flatnonzero((codes >= 0) & (weight > 0))
    if not len(rows):
        return equal
    share = weight[rows] / weight[rows].sum()
    of_rows = [vote[rows] for vote in votes]
    loss = (_loss_of_logits if as_logits else _loss_of_mixture)(
        of_rows, codes[rows], share
    )
    corners = [equal, *np.eye(n_teachers)]
    found = _least(loss, equal)
    return min([*corners, found], key=lambda weights: loss(weights)[0])


def _least(loss: _Objective, start: NDArray) -> NDArray[np.float64]:
    """Minimise a convex function over the simplex."""
    found = minimize(
        loss,
        start,
        jac=True,
        method="SLSQP",
        bounds=[(0.0, 1.0)] * len(start),
        constraints={
            "type": "eq",
            "fun": lambda weights: weights.sum() - 1.0,
            "jac": np.ones_like,
        },
        options={"ftol": 1e-12, "maxiter": 500},
    ).x
    found = np.where(found > _NOTHING, found, 0.0)
    return found / found.sum()


def _loss_of_mixture(votes: list[NDArray], codes, share) -> _Objective:
    at = np.arange(len(codes)), codes
    proba = np.maximum([vote[at] for vote in votes], PROBABILITY_FLOOR)

    def loss(weights: NDArray) -> tuple[float, NDArray]:
        mixture = weights @ proba
        return -(share @ np.log(mixture)), -(proba @ (share / mixture))

    return loss


def _loss_of_logits(votes: list[NDArray], codes, share) -> _Objective:
    least = np.log(np.finfo(np.float32).tiny)  # -inf has no slope
    logits = np.stack([np.maximum(log_softmax(v, axis=1), least) for v in votes])
    of_label = logits[:, np.arange(len(codes)), codes] @ share

    def loss(weights: NDArray) -> tuple[float, NDArray]:
        mean = np.einsum("k,kij->ij", weights, logits)
        expected = np.einsum("ij,kij,i->k", softmax(mean, axis=1), logits, share)
        value = share @ logsumexp(mean, axis=1) - weights @ of_label
        return value, expected - of_label

    return loss
