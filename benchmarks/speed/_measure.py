"""Ratios of times taken in turn, so that a busy machine slows both sides alike."""

from __future__ import annotations

import gc
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Figure:
    """One line of the table: a claim, its measured ratios, and the goal.

    Parameters
    ----------
    claim : str
        What is divided by what.
    ratios : sequence of float
        One for each round.
    goal : float
        The median may be this at most.
    note : str, default=""
        What else was seen.
    """

    claim: str
    ratios: Sequence[float]
    goal: float
    note: str = ""

    @property
    def median(self) -> float:
        return float(np.median(self.ratios))

    @property
    def met(self) -> bool:
        return self.median <= self.goal

    def as_dict(self) -> dict:
        return {
            "claim": self.claim,
            "median": self.median,
            "min": float(np.min(self.ratios)),
            "max": float(np.max(self.ratios)),
            "ratios": [float(ratio) for ratio in self.ratios],
            "goal": self.goal,
            "met": self.met,
            "note": self.note,
        }


def say(what: str) -> None:
    print(f"  {what} ...", file=sys.stderr, flush=True)


def in_turn(
    actions: Sequence[Callable[[], object]], rounds: int, calls: int = 1
) -> np.ndarray:
    """Time actions in turn, in the opposite order every other round.

    Parameters
    ----------
    actions : sequence of callable
        Each is called once unmeasured, to warm up.
    rounds : int
        How many times each is measured.
    calls : int, default=1
        How many calls make one measurement.

    Returns
    -------
    ndarray of shape (rounds, n_actions, 2)
        Seconds a call, on the wall and of the processor.
    """
    for action in actions:
        action()
    seconds = np.empty((rounds, len(actions), 2))
    for k in range(rounds):
        order = range(len(actions))
        for which in order if k % 2 == 0 else reversed(order):
            gc.collect()
            start = time.perf_counter(), time.process_time()
            for _ in range(calls):
                actions[which]()
            end = time.perf_counter(), time.process_time()
            seconds[k, which] = np.subtract(end, start) / calls
    return seconds


def alternate(
    actions: Sequence[Callable[[], object]], rounds: int, calls: int = 1
) -> np.ndarray:
    """Time the actions as `in_turn` does, on the wall alone: (rounds, n_actions)."""
    return in_turn(actions, rounds, calls)[:, :, 0]
