"""One small student of 3,490 parameters, 50 epochs over 4,000 rows in batches of 64.

Claims: on soft targets three times as fast as the article's loop over a DataLoader; on
labels no slower than scikit-learn's MLPClassifier of the same size. Each round has a
seed of its own; the losses of the soft students are compared.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import count

from sklearn.neural_network import MLPClassifier

from benchmarks.neural import _system_a as system_a
from benchmarks.neural._comparison import Comparison, check_same_losses, compare
from benchmarks.speed._measure import say
from skdistill.neural import NeuralClassifier


def measure(rounds: int) -> list[Comparison]:
    data = system_a.load_data()
    return [_soft(data, rounds), _hard(data, rounds)]


def make(seed: int, **parameters) -> NeuralClassifier:
    return NeuralClassifier(
        weight_decay=system_a.WEIGHT_DECAY,
        max_epochs=system_a.STUDENT_EPOCHS,
        batch_size=system_a.BATCH_SIZE,
        random_state=seed,
        **parameters,
    )


def _soft(data, rounds: int) -> Comparison:
    say("one student, soft targets")
    logits = system_a.random_logits(data.X, data.y)
    lesson = system_a.lesson(logits, data.y)
    losses: tuple[list, list] = ([], [])
    seeds = count(), count()

    def ours():
        student = make(next(seeds[0]), module=system_a.make_student)
        student.fit_soft_targets(data.X, lesson)
        losses[0].append(student.history_[0]["train_loss"][-1])

    def article():
        net = system_a.article_student(next(seeds[1]), data.X, data.y, logits)
        losses[1].append(net.loss_)

    result = compare(
        "one student, 50 epochs, soft targets",
        ours,
        article,
        named="DataLoader loop",
        goal=3.0,
        rounds=rounds,
    )
    return replace(result, note=check_same_losses(*losses))


def _hard(data, rounds: int) -> Comparison:
    say("one student, labels")

    def ours():
        make(0, hidden_layer_sizes=(64, 32)).fit(data.X, data.y)

    def sklearns():
        model = MLPClassifier(
            (64, 32),
            alpha=system_a.WEIGHT_DECAY,
            batch_size=system_a.BATCH_SIZE,
            learning_rate_init=system_a.LEARNING_RATE,
            max_iter=system_a.STUDENT_EPOCHS,
            n_iter_no_change=system_a.STUDENT_EPOCHS + 1,
            random_state=0,
        ).fit(data.X, data.y)
        if model.n_iter_ != system_a.STUDENT_EPOCHS:
            raise AssertionError(f"MLPClassifier stopped after {model.n_iter_} epochs.")

    return compare(
        "one student, 50 epochs, labels",
        ours,
        sklearns,
        named="MLPClassifier",
        goal=1.0,
        rounds=rounds,
    )
