"""A line of the table: something timed here, and what it is compared with."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from joblib import Parallel, delayed
from numpy.typing import NDArray
from sklearn.model_selection import GridSearchCV

#: The grid of all searches here.
TEMPERATURES = [1.0, 2.0, 3.0, 5.0, 8.0]
ALPHAS = [0.1, 0.3, 0.5, 0.7, 0.9]
FOLDS = 5
N_FITS = len(TEMPERATURES) * len(ALPHAS) * FOLDS


@dataclass(frozen=True)
class Ratio:
    """How many times as long a peer takes.

    Parameters
    ----------
    work, peer : str
        What is done here, and by whom else.
    ours, theirs : ndarray of shape (2,)
        Seconds on the wall, and of the processor. What other processes compute is not
        in the latter; they are NaN then.
    goal : float
        The ratio should be this at least.
    note : str, default=""
        What else was seen.
    """

    work: str
    peer: str
    ours: NDArray[np.float64]
    theirs: NDArray[np.float64]
    goal: float
    note: str = ""

    @property
    def ratio(self) -> float:
        return float(self.theirs[0] / self.ours[0])

    @property
    def of_processor(self) -> float:
        """The same in processor time, where waiting for a busy core does not count."""
        return float(self.theirs[1] / self.ours[1])

    @property
    def met(self) -> bool:
        return self.ratio >= self.goal

    def as_dict(self) -> dict:
        return {
            "work": self.work,
            "peer": self.peer,
            "ours_seconds": float(self.ours[0]),
            "peer_seconds": float(self.theirs[0]),
            "ratio": self.ratio,
            "ratio_of_processor": self.of_processor,
            "goal": self.goal,
            "met": self.met,
            "note": self.note,
        }


def timed(
    action: Callable[[], Any], n_jobs: int = 1
) -> tuple[Any, NDArray[np.float64]]:
    """What an action gives, and the seconds it takes: on the wall, of the processor."""
    start = np.array([time.perf_counter(), time.process_time()])
    result = action()
    seconds = np.array([time.perf_counter(), time.process_time()]) - start
    if n_jobs > 1:
        seconds[1] = np.nan
    return result, seconds


class Peer:
    """A grid search of scikit-learn, of which a random part may be run and scaled.

    Parameters
    ----------
    model : estimator
        What is searched.
    names : tuple of str
        Its parameters for temperature and alpha.
    folds : list of (train, test)
    scoring : str or callable
    n_jobs : int
    """

    def __init__(self, model, names, folds, scoring, n_jobs):
        self.model = model
        self.names = names
        self.folds = folds
        self.scoring = scoring
        self.n_jobs = n_jobs

    def search(self, X, y) -> tuple[GridSearchCV, NDArray[np.float64]]:
        """Run all of it, with the refit; give its seconds, too."""
        grid = self._grid(TEMPERATURES, ALPHAS, self.folds, self.n_jobs, True)
        return timed(lambda: grid.fit(X, y), self.n_jobs)

    def sample(
        self, X, y, n_fits: int
    ) -> tuple[dict[tuple, float], NDArray[np.float64]]:
        """Run `n_fits` of all fits, drawn by chance (seed 0), and a refit.

        Returns
        -------
        scores : dict
            (temperature, alpha, number of the fold) to score.
        seconds : ndarray of shape (2,)
            For all fits and the refit, as scaled from these.
        """
        cells = [
            (temperature, alpha, k)
            for temperature in TEMPERATURES
            for alpha in ALPHAS
            for k in range(FOLDS)
        ]
        drawn = np.random.default_rng(0).permutation(len(cells))[:n_fits]
        drawn = [cells[k] for k in drawn]

        def run(which):
            tasks = [delayed(self._one)(X, y, *cell) for cell in which]
            return Parallel(n_jobs=self.n_jobs)(tasks)

        if self.n_jobs > 1:  # to start processes takes long; it is not to be scaled
            run(drawn[: self.n_jobs])
        found, seconds = timed(lambda: run(drawn), self.n_jobs)
        temperature, alpha, _ = drawn[0]
        last = dict(zip(self.names, (temperature, alpha), strict=True))
        _, refit = timed(lambda: self.model.set_params(**last).fit(X, y))
        scores = dict(zip(drawn, found, strict=True))
        return scores, seconds * len(cells) / n_fits + refit

    def _one(self, X, y, temperature: float, alpha: float, k: int) -> float:
        grid = self._grid([temperature], [alpha], [self.folds[k]], None, False)
        return float(grid.fit(X, y).cv_results_["split0_test_score"][0])

    def _grid(self, temperatures, alphas, folds, n_jobs, refit) -> GridSearchCV:
        return GridSearchCV(
            self.model,
            dict(zip(self.names, (temperatures, alphas), strict=True)),
            cv=folds,
            scoring=self.scoring,
            n_jobs=n_jobs,
            refit=refit,
            error_score="raise",
        )


def scores_of(search, names=("temperature", "alpha")) -> dict[tuple, float]:
    """The scores of a search by (temperature, alpha, number of the fold)."""
    results = search.cv_results_
    return {
        (params[names[0]], params[names[1]], k): float(
            results[f"split{k}_test_score"][c]
        )
        for c, params in enumerate(results["params"])
        for k in range(FOLDS)
    }


def mean_score(scores: dict[tuple, float], temperature: float, alpha: float) -> float:
    return float(np.mean([scores[temperature, alpha, k] for k in range(FOLDS)]))


def winner(scores: dict[tuple, float]) -> tuple[float, float]:
    """The best temperature and alpha above 0."""
    settings = {(t, alpha) for t, alpha, _ in scores if alpha > 0}
    return max(settings, key=lambda setting: mean_score(scores, *setting))
