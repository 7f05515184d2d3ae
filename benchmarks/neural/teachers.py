"""Twelve teachers of 46,658 parameters with dropout, 30 epochs over 4,000 rows.

Claim: trained at once they take less than 1/3.5 of the time of the article's loop, one
teacher after the other. Seeds 0 to 11, the same in every round.
"""

from __future__ import annotations

from dataclasses import replace

from benchmarks.neural import _system_a as system_a
from benchmarks.neural._comparison import Comparison, check_same_losses, compare
from benchmarks.speed._measure import say
from skdistill.neural import NeuralClassifier

#: They take long: fewer rounds will do.
MOST_ROUNDS = 3


def measure(rounds: int) -> list[Comparison]:
    say("twelve teachers")
    data = system_a.load_data()
    losses: dict[str, list] = {}

    def ours():
        model = NeuralClassifier(
            system_a.make_teacher,
            n_members=system_a.N_TEACHERS,
            max_epochs=system_a.TEACHER_EPOCHS,
            batch_size=system_a.BATCH_SIZE,
            random_state=0,
        ).fit(data.X, data.y)
        losses["ours"] = [each["train_loss"][-1] for each in model.history_]

    def article():
        nets = [
            system_a.article_teacher(seed, data.X, data.y)
            for seed in range(system_a.N_TEACHERS)
        ]
        losses["article"] = [net.loss_ for net in nets]

    result = compare(
        "twelve teachers, 30 epochs",
        ours,
        article,
        named="DataLoader loop",
        goal=3.5,
        rounds=min(rounds, MOST_ROUNDS),
    )
    note = check_same_losses(losses["ours"], losses["article"])
    return [replace(result, note=note)]
