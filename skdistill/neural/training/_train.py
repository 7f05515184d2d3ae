"""Sort models into stacks, and train one stack after the other."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch

from skdistill.neural._warn import warn_user
from skdistill.neural.matching._matcher import Matcher
from skdistill.neural.training._alike import architecture
from skdistill.neural.training._batches import Inputs
from skdistill.neural.training._jobs import Job, Outcome, Regime, Report
from skdistill.neural.training._objective import Objective
from skdistill.neural.training._optimizers import is_elementwise
from skdistill.neural.training._run import Run
from skdistill.neural.training._stack import chain_of, takes_vmap

#: Most models in a stack: beyond, weights and batches no longer fit the caches, and a
#: model takes longer among 64 than among 32.
MOST_MODELS = 32

#: Bytes for the weights and targets of one stack.
_BUDGET = 2**29

#: Rows by which it is found out whether a module can be stacked.
_ROWS_TO_TRY = 4


def train(
    jobs: Sequence[Job],
    objective: Objective,
    regime: Regime,
    *,
    report: Report | None = None,
    matcher: Matcher | None = None,
) -> list[Outcome]:
    """Train models, in stacks where they are of one architecture.

    Parameters
    ----------
    jobs : sequence of Job
        The models. Their modules are changed.
    objective : Objective
        The loss.
    regime : Regime
        How to train.
    report : callable, default=None
        See :data:`Report`.
    matcher : Matcher, default=None
        Further losses, on representations. Models then train one by one.

    Returns
    -------
    list of Outcome
        In the order of the jobs. After an interrupt (Ctrl-C) those that trained have
        "interrupted" as their end, and their modules the best weights so far.
    """
    outcomes = [Outcome(end="interrupted") for _ in jobs]
    for members in _stacks(jobs, regime, alone=matcher is not None):
        mine = [jobs[k] for k in members]
        run = Run(mine, objective, regime, matcher)
        ended = run.go(report)
        for k, outcome in zip(members, ended, strict=True):
            outcomes[k] = outcome
        if run.interrupted:
            break
    return outcomes


def _stacks(jobs: Sequence[Job], regime: Regime, *, alone: bool) -> list[list[int]]:
    """Sort jobs into stacks, by position; models of a stack have as many rows."""
    groups: dict[tuple, list[int]] = {}
    for k, job in enumerate(jobs):
        groups.setdefault(_kind(job), []).append(k)
    alone = alone or not is_elementwise(regime.optimizer)
    stacks: list[list[int]] = []
    for members in groups.values():
        most = 1 if alone else min(MOST_MODELS, _models_in_budget(jobs[members[0]]))
        if len(members) > 1 and most > 1 and not _can_stack(jobs[members[0]]):
            warn_user(
                f"{type(jobs[members[0]].module).__name__} cannot be trained several "
                "at a time (torch.func.vmap refuses it: BatchNorm outside of a plain "
                "chain of layers, randomness other than torch's Dropout layers, or a "
                "branch on data); its models are trained one by one."
            )
            most = 1
        # Of even sizes: 33 models are 17 and 16, not 32 and 1.
        n_parts = math.ceil(len(members) / most)
        stacks.extend(part.tolist() for part in np.array_split(members, n_parts))
    return stacks


def _kind(job: Job) -> tuple:
    n_valid = None if job.valid is None else len(job.valid)
    shape = tuple(job.X.shape[1:])
    step = None if job.optimizer is None else float(job.optimizer.get("step", 0))
    # Those that share a lesson must be of one mind about the rows that come next.
    n_fits = None if job.fresh is None else job.fresh.n_fits
    return architecture(job.module), len(job.train), n_valid, shape, step, n_fits


def _models_in_budget(job: Job) -> int:
    n_rows, n_classes = job.targets.teacher.shape
    n_weights = sum(p.numel() for p in job.module.parameters())
    # Weight, gradient, two moments and a copy of the best; a table of targets.
    n_bytes = 4 * (5 * n_weights + n_rows * (n_classes + 3))
    return max(1, _BUDGET // n_bytes)


def _can_stack(job: Job) -> bool:
    if chain_of(job.module, tuple(job.X.shape[1:])) is not None:
        return True
    some = Inputs([job.X[job.train[:_ROWS_TO_TRY]]], job.module)
    rows = torch.arange(min(_ROWS_TO_TRY, len(job.train)))
    return takes_vmap(job.module, some.take(rows[None])[0])
