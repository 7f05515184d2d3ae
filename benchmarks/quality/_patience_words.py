"""What the tables of `patience.py` mean, and what follows from them."""

from __future__ import annotations

HOW_TO_READ = """\
One row for a value of an axis; all else is as at the start. Losses are log-losses on
rows that judge, means over two ways to part the training rows and two networks each
(*accuracy* and seconds likewise, over all sets). *rho*: how much of the gap between the
student alone and the calibrated teacher is recovered, a ratio of sums over the sets in
which that teacher is better; *to start*: the difference to the start's; *95 %*:
bootstrap intervals over these few sets, which tell how much sets differ, and not of the
luck of networks. All networks are measured against the calibrated teacher, whose
answers are mixed with the share of class frequencies that is best out of bag (forests
say exactly 0). *rows, s*: of the processor, to draw transfer rows and have them
labelled, and *fit, s* to train two networks at once with the answers at hand (for the
teacher: to fit it). Where rows are drawn again in each epoch, *fit* has that in it."""


def what_follows(losses, spread: float) -> list[str]:
    return []
