"""A line of the table: how many times as fast as a peer, both timed in turn."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks.speed._measure import in_turn

#: Standard errors by which two means of losses may differ.
_MOST_ERRORS = 4.0
#: Or share of the loss, where few fits happen to agree by a hair.
_MOST_SHARE = 0.05


@dataclass(frozen=True)
class Comparison:
    """A work, timed here and by a peer.

    Parameters
    ----------
    work : str
        What is done.
    peer : str
        Who else does it.
    seconds : ndarray of shape (n_rounds, 2, 2)
        Ours and the peer's; on the wall, and of the processor.
    goal : float
        The peer should take so many times as long.
    note : str, default=""
        What else was seen.
    """

    work: str
    peer: str
    seconds: NDArray[np.float64]
    goal: float
    note: str = ""

    @property
    def ratios(self) -> NDArray[np.float64]:
        """How many times as long the peer took, in each round, on the wall."""
        return self.seconds[:, 1, 0] / self.seconds[:, 0, 0]

    @property
    def median(self) -> float:
        return float(np.median(self.ratios))

    @property
    def of_processor(self) -> float:
        """The same in processor time, which waiting for a busy core does not lengthen.

        Of one thread only; what a second one adds is no time on the wall.
        """
        return float(np.median(self.seconds[:, 1, 1] / self.seconds[:, 0, 1]))

    @property
    def met(self) -> bool:
        return self.median >= self.goal

    def as_dict(self) -> dict:
        return {
            "work": self.work,
            "peer": self.peer,
            "ours_seconds": self.seconds[:, 0, 0].tolist(),
            "peer_seconds": self.seconds[:, 1, 0].tolist(),
            "median": self.median,
            "median_of_processor": self.of_processor,
            "goal": self.goal,
            "met": self.met,
            "note": self.note,
        }


def compare(
    work: str,
    ours: Callable[[], object],
    peer: Callable[[], object],
    *,
    named: str,
    goal: float,
    rounds: int,
    calls: int = 1,
    peer_times: float = 1.0,
    note: str = "",
) -> Comparison:
    """Time both in turn.

    Parameters
    ----------
    work : str
        What is done.
    ours, peer : callable
        Do it.
    named : str
        The peer.
    goal : float
        See :class:`Comparison`.
    rounds, calls : int
        See :func:`benchmarks.speed._measure.in_turn`.
    peer_times : float, default=1.0
        By what the peer's time is multiplied, where it does a part only.
    note : str, default=""
    """
    seconds = in_turn([ours, peer], rounds, calls)
    seconds[:, 1] *= peer_times
    return Comparison(work, named, seconds, goal, note)


def check_same_losses(ours: list[float], theirs: list[float]) -> str:
    """Raise unless two ways of training reach the same losses but for chance.

    Parameters
    ----------
    ours, theirs : list of float
        Mean training losses of the last epoch, in pairs (of one setting).

    Returns
    -------
    str
        To be shown.

    Raises
    ------
    AssertionError
        If the mean log ratio is neither within 5 % nor within four standard errors.
    """
    logs = np.log(np.asarray(ours) / np.asarray(theirs))
    error = logs.std(ddof=1) / np.sqrt(len(logs))
    if abs(logs.mean()) > max(_MOST_SHARE, _MOST_ERRORS * error):
        raise AssertionError(
            f"Last training losses differ by {logs.mean():+.1%} ± {error:.1%}."
        )
    return (
        f"last training loss {np.mean(ours):.4f} / {np.mean(theirs):.4f} "
        f"({logs.mean():+.1%} ± {error:.1%})"
    )
