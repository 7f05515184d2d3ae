"""A search over 5 temperatures × 5 alphas × 5 folds for a network of 3,490 parameters.

Claim: `DistillationClassifierCV` is 30 times as fast as `GridSearchCV` over a skorch
net with a criterion written by hand, and finds the same setting but for chance. The
teacher is an ensemble of twelve fitted networks. The peer is not charged for asking it:
its logits come with the labels, as a table. Both search by log-loss over the same folds
and refit; here the student without a teacher is searched besides (26 settings). Student
of the same architecture, 50 epochs, batches of 64, Adam. Seed 0.

The peer is timed as it is by default (fits in turn, torch with ``--threads``; a random
part of the 125 fits, scaled), and with ``n_jobs=2`` and one thread each (all fits with
``--full``; then the winners are compared).
"""

from __future__ import annotations

import numpy as np
import torch
from joblib import parallel_config
from scipy.special import log_softmax
from sklearn.model_selection import StratifiedKFold
from skorch import NeuralNet

from benchmarks.neural import _system_a as system_a
from benchmarks.neural.student import make
from benchmarks.search._ratio import (
    ALPHAS,
    FOLDS,
    N_FITS,
    TEMPERATURES,
    Peer,
    Ratio,
    mean_score,
    scores_of,
    timed,
    winner,
)
from benchmarks.speed._measure import say
from skdistill import DistillationClassifierCV
from skdistill.neural import NeuralClassifier

NAMES = "criterion__temperature", "criterion__alpha"


def measure(options) -> list[Ratio]:
    say("twelve networks to learn from")
    data = system_a.load_data()
    teacher = NeuralClassifier(
        system_a.make_teacher,
        n_members=system_a.N_TEACHERS,
        max_epochs=system_a.TEACHER_EPOCHS,
        batch_size=system_a.BATCH_SIZE,
        random_state=0,
    ).fit(data.X, data.y)
    cv = StratifiedKFold(FOLDS, shuffle=True, random_state=0)
    folds = list(cv.split(data.X, data.y))
    # Of two classes it gives the difference of the logits.
    half = teacher.decision_function(data.X) / 2
    told = np.column_stack([data.y, -half, half]).astype(np.float32)

    def ours():
        return DistillationClassifierCV(
            teacher.modules_,
            make(0, module=system_a.make_student),
            temperatures=TEMPERATURES,
            alphas=ALPHAS,
            cv=folds,
            random_state=0,
        ).fit(data.X, data.y)

    # Before and after the peer, so that a machine that gets busier slows both.
    say("search")
    search, before = timed(ours)
    ratios = []
    for n_jobs in (1, 2):
        say(f"GridSearchCV over skorch, n_jobs={n_jobs}")
        peer = Peer(make_net(), NAMES, folds, negative_log_loss, n_jobs)
        part = 0 if options.full and n_jobs > 1 else options.fits
        ratios.append((n_jobs, part, *_run(peer, data.X, told, part)))
    _, after = timed(ours)
    seconds = (before + after) / 2
    return [
        Ratio(
            "network, 5 × 5 × 5: search",  # noqa: RUF001
            f"GridSearchCV over skorch, n_jobs={n_jobs}, "
            + (f"{part} of {N_FITS} fits scaled" if part else "all fits"),
            seconds,
            theirs,
            30.0,
            f"{before[0]:.1f} s before, {after[0]:.1f} s after; "
            + compare(scores_of(search), scores),
        )
        for n_jobs, part, scores, theirs in ratios
    ]


def _run(peer: Peer, X, told, part: int) -> tuple[dict, np.ndarray]:
    """Scores and seconds of all fits, or of so many of them."""
    if peer.n_jobs == 1:
        return _search(peer, X, told, part)
    with parallel_config("loky", inner_max_num_threads=1):
        return _search(peer, X, told, part)


def _search(peer: Peer, X, told, part: int) -> tuple[dict, np.ndarray]:
    if part:
        return peer.sample(X, told, part)
    found, seconds = peer.search(X, told)
    return scores_of(found, NAMES), seconds


def make_net() -> NeuralNet:
    """The student as a user of skorch writes it."""
    return SeededNet(
        system_a.make_student,
        criterion=system_a.DistillationCriterion,
        criterion__alpha=0.5,
        criterion__temperature=1.0,
        optimizer=torch.optim.Adam,
        optimizer__weight_decay=system_a.WEIGHT_DECAY,
        lr=system_a.LEARNING_RATE,
        max_epochs=system_a.STUDENT_EPOCHS,
        batch_size=system_a.BATCH_SIZE,
        iterator_train__shuffle=True,
        train_split=None,
        verbose=0,
    )


class SeededNet(NeuralNet):
    """All candidates start from the same weights, as in the search."""

    def fit(self, X, y=None, **params):
        torch.manual_seed(0)
        return super().fit(X, y, **params)


def negative_log_loss(net, X, told) -> float:
    """Score by the labels, which are the first column of what is told."""
    logs = log_softmax(net.predict_proba(X).astype(np.float64), axis=1)
    return float(logs[np.arange(len(X)), told[:, 0].astype(int)].mean())


def compare(ours: dict[tuple, float], theirs: dict[tuple, float]) -> str:
    """Tell how the scores of two searches differ, cell by cell, and their winners."""
    paired = np.array([(ours[cell], theirs[cell]) for cell in theirs])
    change = paired[:, 0] - paired[:, 1]
    error = change.std(ddof=1) / np.sqrt(len(change))
    text = (
        f"scores of {len(change)} fits {paired[:, 0].mean():.4f} / "
        f"{paired[:, 1].mean():.4f} ({change.mean():+.4f} ± {error:.4f})"
    )
    if len(theirs) < N_FITS:
        return text
    winners = winner(ours), winner(theirs)
    for name, (temperature, alpha) in zip(("ours", "peer's"), winners, strict=True):
        scores = [mean_score(found, temperature, alpha) for found in (ours, theirs)]
        text += (
            f"; winner {name}: T={temperature:g}, alpha={alpha:g}, scores here "
            f"{scores[0]:.4f}, there {scores[1]:.4f}"
        )
    return text
