"""A search over 5 temperatures × 5 alphas × 5 folds whose teacher has to be fitted.

A forest of 300 trees teaches a tree of 64 leaves on all rows of magic. Claims:

- `GridSearchCV` over a `DistillationClassifier` with an empty `memory` is 10 times as
  fast as the same without (125 forests; of these a random part is run and scaled,
  unless ``--full``).
- `DistillationClassifierCV` without a memory is no slower than that `GridSearchCV` with
  an empty memory, and with a warm one no slower than with a warm one. It is compared
  cold with the peer's warm one, too, which has no forest left to fit: six forests
  against none.

All scores are the same. Seed 0.
"""

from __future__ import annotations

import tempfile

from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import StratifiedKFold
from sklearn.tree import DecisionTreeClassifier

from benchmarks.datasets import load
from benchmarks.search._ratio import (
    ALPHAS,
    FOLDS,
    N_FITS,
    TEMPERATURES,
    Peer,
    Ratio,
    scores_of,
    timed,
)
from benchmarks.speed._measure import say
from skdistill import DistillationClassifier, DistillationClassifierCV

NAMES = "temperature", "alpha"


def measure(options) -> list[Ratio]:
    X, y = load("magic", options.data)
    cv = StratifiedKFold(FOLDS, shuffle=True, random_state=0)
    folds = list(cv.split(X, y))
    parts = (
        RandomForestClassifier(300, random_state=0),
        DecisionTreeClassifier(max_leaf_nodes=64, random_state=0),
    )

    def peer(memory) -> Peer:
        model = DistillationClassifier(*parts, memory=memory, random_state=0)
        return Peer(model, NAMES, folds, "neg_log_loss", options.jobs)

    def search(memory):
        return DistillationClassifierCV(
            *parts,
            temperatures=TEMPERATURES,
            alphas=ALPHAS,
            cv=folds,
            memory=memory,
            n_jobs=options.jobs,
            random_state=0,
        ).fit(X, y)

    seconds, scores = {}, {}
    with tempfile.TemporaryDirectory() as memory:
        for name, action in {
            "grid, empty": lambda: peer(memory).search(X, y),
            "grid, warm": lambda: peer(memory).search(X, y),
            "search, warm": lambda: timed(lambda: search(memory), options.jobs),
            "search, no memory": lambda: timed(lambda: search(None), options.jobs),
        }.items():
            say(name)
            found, seconds[name] = action()
            scores[name] = scores_of(found)
    say("grid, no memory")
    if options.full:
        found, seconds["grid"] = peer(None).search(X, y)
        scores["grid"] = scores_of(found)
    else:
        scores["grid"], seconds["grid"] = peer(None).sample(X, y, options.fits)
    for found in scores.values():
        check_same(scores["grid"], found)
    return _ratios(seconds, options)


def check_same(some: dict[tuple, float], found: dict[tuple, float]) -> None:
    """Raise unless all scores are the same but for the order of sums."""
    worst = max(abs(found[cell] - score) for cell, score in some.items())
    if worst > 1e-9:
        raise AssertionError(f"Scores of the same setting differ by {worst:g}.")


def _ratios(seconds: dict[str, float], options) -> list[Ratio]:
    part = "" if options.full else f" ({options.fits} of {N_FITS} fits scaled)"
    grid = "tree, 5 × 5 × 5: GridSearchCV"  # noqa: RUF001
    ours = "tree, 5 × 5 × 5: search"  # noqa: RUF001
    rows = [
        (f"{grid}, empty memory", f"{grid}, no memory{part}", 10.0),
        (f"{ours}, no memory", f"{grid}, empty memory", 1.0),
        (f"{ours}, warm memory", f"{grid}, warm memory", 1.0),
        (f"{ours}, no memory", f"{grid}, warm memory", 1.0),
    ]
    keys = [
        ("grid, empty", "grid"),
        ("search, no memory", "grid, empty"),
        ("search, warm", "grid, warm"),
        ("search, no memory", "grid, warm"),
    ]
    return [
        Ratio(
            work,
            peer.removeprefix("tree, 5 × 5 × 5: "),  # noqa: RUF001
            seconds[mine],
            seconds[theirs],
            goal,
            f"n_jobs={options.jobs}; equal scores",
        )
        for (work, peer, goal), (mine, theirs) in zip(rows, keys, strict=True)
    ]
