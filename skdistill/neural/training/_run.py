"""One stack of models and its epochs."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from skdistill.neural._modules import device_of
from skdistill.neural._seeding import seeded
from skdistill.neural.matching._matcher import Matcher
from skdistill.neural.training._batches import Inputs
from skdistill.neural.training._draws import Draws
from skdistill.neural.training._fresh import renew
from skdistill.neural.training._jobs import Job, Outcome, Regime, Report
from skdistill.neural.training._objective import Batch, Lessons, Objective
from skdistill.neural.training._optimizers import (
    keep_models,
    load_states,
    make_optimizer,
    rate_factor,
    state_of,
)
from skdistill.neural.training._stack import ChainStack, SoloStack, build_stack
from skdistill.neural.training._threads import threads_for

#: Bytes of rows that are looked up at once.
_BLOCK = 2**24

#: Rows of all models together that are evaluated at once.
_ROWS_AT_ONCE = 8192

#: Bytes of rows that are evaluated at once.
_ROW_BYTES = 2**22

#: Rows by which a matcher finds out shapes.
_ROWS_TO_TRY = 4


class Run:
    """One stack and its epochs."""

    def __init__(
        self,
        jobs: Sequence[Job],
        objective: Objective,
        regime: Regime,
        matcher: Matcher | None,
    ) -> None:
        self.jobs = jobs
        self.regime = regime
        self.interrupted = False
        self._objective = objective
        self._outcomes = [Outcome() for _ in jobs]
        #: Positions in `jobs` of the models in the stack: those that still train.
        self._alive = torch.arange(len(jobs))
        modules = [job.module for job in jobs]
        sources = [job.fresh and job.fresh.key for job in jobs]
        self._inputs = Inputs([job.X for job in jobs], modules[0], sources)
        self._stack = (
            build_stack(modules, self._inputs.row_shape)
            if matcher is None
            else SoloStack(modules)
        )
        self._matcher = matcher
        self._draws = [Draws(job.seed) for job in jobs]
        self._train = torch.stack([_positions(job.train) for job in jobs])
        self._valid = _held_out(jobs)
        flat = self._stack.weights.flat
        targets = [job.targets for job in jobs]
        self._lessons = Lessons(targets, self._train, objective, flat.data)
        self._of_valid = None
        if self._valid is not None:
            self._of_valid = Lessons(targets, self._valid, objective, flat.data)
            # Epochs can only be compared by one measure: that of the last.
            self._of_valid.at(1.0)
        self._bounds = _batches(self._train.shape[1], regime.batch_size)
        self._step = 0
        self._best = torch.full((len(jobs),), math.inf)
        self._patience = torch.zeros(len(jobs), dtype=torch.int64)
        self._kept = self._stack.snapshot()

    def go(self, report: Report | None) -> list[Outcome]:
        """Train to the end; write the weights into the modules."""
        seed = self.jobs[0].seed if isinstance(self._stack, SoloStack) else None
        device = device_of(self.jobs[0].module)
        try:
            with seeded(seed, device), threads_for(self._operations()):
                self._begin()
                self._epochs(report)
        except KeyboardInterrupt:
            self.interrupted = True
            self._leave(torch.arange(len(self._alive)), "interrupted")
        finally:
            if self._matcher is not None:
                self._matcher.end()
        return self._outcomes

    def _operations(self) -> float:
        """Multiply-adds of a step, forward and back, if that follows from weights."""
        if not isinstance(self._stack, ChainStack):
            return math.inf
        n_rows = self._bounds[0][1]
        return 3 * n_rows * self._stack.weights.flat.numel()

    def _begin(self) -> None:
        parameters = [self._stack.weights.flat]
        if self._matcher is not None:
            some = self._inputs.take(self._train[:, :_ROWS_TO_TRY])[0]
            parameters += self._matcher.begin(self._stack.module, some)
        regime = self.regime
        self._optimizer = make_optimizer(
            regime.optimizer,
            parameters,
            learning_rate=regime.learning_rate,
            weight_decay=regime.weight_decay,
        )
        states = [job.optimizer for job in self.jobs if job.optimizer]
        if len(states) == len(self.jobs):
            load_states(self._optimizer, self._stack, states)

    def _epochs(self, report: Report | None) -> None:
        for epoch in range(1, self.regime.max_epochs + 1):
            if self._objective.is_annealed:
                progress = (epoch - 1) / max(self.regime.max_epochs - 1, 1)
                self._lessons.at(progress)
            if epoch > 1:
                alive = [self.jobs[k] for k in self._alive]
                renew(alive, self._inputs, self._lessons, epoch)
            losses = self._epoch(epoch)
            self._look_ahead(epoch)
            self._drop_failed(losses, epoch)
            if not len(self._alive):
                return
            valid = self._judge(epoch)
            if report is not None:
                mean = float(losses[losses.isfinite()].mean())
                n_alive = len(self._alive)
                report(epoch, mean, None if valid is None else valid, n_alive)
            if not len(self._alive):
                return
        self._leave(torch.arange(len(self._alive)), "max_epochs")

    def _epoch(self, epoch: int) -> Tensor:
        """Go through all rows once; the mean loss of each model."""
        n_rows = self._train.shape[1]
        orders = torch.stack([draws.order(n_rows) for draws in self._draws])
        rows = self._train.gather(1, orders)
        total = torch.zeros(len(self._alive), dtype=torch.float64)
        for block in _blocks(self._bounds, self._rows_in_block()):
            total += self._block(rows, block, epoch)
        return total / n_rows

    def _rows_in_block(self) -> int:
        n_numbers = math.prod(self._inputs.row_shape) * len(self._alive)
        return max(1, _BLOCK // (4 * n_numbers))

    def _block(self, rows: Tensor, block: list[tuple[int, int]], epoch: int) -> Tensor:
        """Train on some batches, whose rows are looked up together."""
        first, last = block[0][0], block[-1][1]
        rows = rows[:, first:last]
        x, told = self._inputs.take(rows), self._lessons.batch(rows)
        sizes = [stop - start for start, stop in block]
        steps = zip(
            x.split(sizes, dim=1),
            told.split(sizes),
            rows.split(sizes, dim=1),
            strict=True,
        )
        answers = [self._learn(*step) for step in steps]
        with torch.no_grad():
            losses = self._losses(answers, told, sizes)
        self._note_failures(losses, rows, x, first, epoch)
        return losses.sum(dim=1).to("cpu", torch.float64)

    def _losses(self, answers: list[Tensor], told: Batch, sizes: list[int]) -> Tensor:
        """Compute the loss of each row, of several batches at once where it can be."""
        if not self._objective.loss.depends_on_batch:
            return self._lessons.losses(torch.cat(answers, dim=1), told)
        batches = zip(answers, told.split(sizes), strict=True)
        return torch.cat([self._lessons.losses(*batch) for batch in batches], dim=1)

    def _learn(self, x: Tensor, batch, rows: Tensor) -> Tensor:
        """Take one step; the logits before it."""
        schedule = self.regime.schedule
        if schedule != "constant":
            n_steps = self.regime.max_epochs * len(self._bounds)
            factor = rate_factor(schedule, self._step / n_steps)
            for group in self._optimizer.param_groups:
                group["lr"] = self.regime.learning_rate * factor
        self._step += 1
        logits = self._stack.forward(x, self._draws)
        extra = None
        if self._matcher is not None:
            extra = self._matcher.loss(rows[0])
        self._stack.backward(self._lessons.gradient(logits, batch), extra)
        self._optimizer.step()
        return logits

    def _look_ahead(self, epoch: int) -> None:
        """Find out if the last step of an epoch has spoilt the weights."""
        start, stop = self._bounds[-1]
        rows = self._train[:, start:stop]
        x = self._inputs.take(rows)
        logits = self._stack.forward(x)
        losses = self._lessons.losses(logits, self._lessons.batch(rows))
        self._note_failures(losses, rows, x, start, epoch)

    def _note_failures(self, losses, rows, x, first: int, epoch: int) -> None:
        """Say, for each model whose loss is not finite, where that began."""
        for k in torch.nonzero(~losses.sum(dim=1).isfinite())[:, 0].tolist():
            outcome = self._outcomes[self._alive[k]]
            if outcome.message:
                continue
            at = int(torch.nonzero(~losses[k].isfinite())[:1].sum())
            batch = next(b for b, (_, e) in enumerate(self._bounds) if first + at < e)
            start, stop = (bound - first for bound in self._bounds[batch])
            inputs = x[k, start:stop].abs().flatten(1)
            largest = inputs.nan_to_num(nan=math.inf).amax(dim=1)
            row = int(rows[k, start:stop][int(largest.argmax())])
            outcome.message = (
                f"The loss was {losses[k, at].item()} in epoch {epoch}, batch "
                f"{batch + 1}. The largest input in that batch is "
                f"{largest.max().item():.3g} (row {row}). Try a smaller learning_rate "
                f"(it is {self.regime.learning_rate:g}), scaled inputs, or a teacher "
                f"with less extreme logits. {_kept(outcome.best_epoch)}"
            )

    def _drop_failed(self, losses: Tensor, epoch: int) -> None:
        for k, loss in enumerate(losses.tolist()):
            outcome = self._outcomes[self._alive[k]]
            if not outcome.message:
                outcome.train_losses.append(loss)
        failed = [bool(self._outcomes[k].message) for k in self._alive]
        if any(failed):
            self._leave(torch.tensor(failed).nonzero()[:, 0], "failed")

    def _judge(self, epoch: int) -> float | None:
        """Compare with the best epoch; let models go that no longer improve."""
        if self._valid is None or self._of_valid is None:
            self._keep_state(torch.arange(len(self._alive)), epoch)
            return None
        losses = self._validation_losses(self._valid, self._of_valid)
        self._drop_unjudged(losses, epoch)
        losses = losses[losses.isfinite()]
        if not len(self._alive):
            return None
        better = losses < self._best[self._alive]
        clearly = losses < self._best[self._alive] - self.regime.tol
        for k, loss in enumerate(losses.tolist()):
            self._outcomes[self._alive[k]].valid_losses.append(loss)
        self._best[self._alive] = torch.where(better, losses, self._best[self._alive])
        self._keep_state(better.nonzero()[:, 0], epoch)
        waited = torch.where(clearly, 0, self._patience[self._alive] + 1)
        self._patience[self._alive] = waited
        done = (waited >= self.regime.n_iter_no_change).nonzero()[:, 0]
        mean = float(losses.mean())
        if len(done):
            self._leave(done, "early_stopping")
        return mean

    def _drop_unjudged(self, losses: Tensor, epoch: int) -> None:
        """Let models go of which held-out rows cannot tell how good they are."""
        failed = (~losses.isfinite()).nonzero()[:, 0]
        for k in failed.tolist():
            outcome = self._outcomes[self._alive[k]]
            outcome.valid_losses.append(float(losses[k]))
            outcome.message = (
                f"The loss on the held-out rows was {float(losses[k])} in epoch "
                f"{epoch}. Look for extreme values among the rows, scale the inputs, "
                f"or try a smaller learning_rate. {_kept(outcome.best_epoch)}"
            )
        if len(failed):
            self._leave(failed, "failed")

    def _validation_losses(self, held_out: Tensor, lessons: Lessons) -> Tensor:
        n_rows = held_out.shape[1]
        at_once = self._rows_to_judge()
        total = torch.zeros(len(self._alive), dtype=torch.float64)
        for start in range(0, n_rows, at_once):
            rows = held_out[:, start : start + at_once]
            logits = self._stack.forward(self._inputs.take(rows))
            losses = lessons.losses(logits, lessons.batch(rows))
            total += losses.sum(dim=1).to("cpu", torch.float64)
        # Of a loss that is not finite nobody can say that it is better.
        return (total / n_rows).nan_to_num(nan=math.inf).to(torch.float32)

    def _rows_to_judge(self) -> int:
        if self._objective.loss.depends_on_batch:
            return self.regime.batch_size
        most = rows_at_once(self._inputs.row_shape, _ROWS_AT_ONCE)
        return max(1, most // len(self._alive))

    @property
    def _judges(self) -> bool:
        return self._valid is not None

    def _keep_state(self, models: Tensor, epoch: int) -> None:
        """Remember the weights of some models, to be theirs if training ends badly."""
        if not len(models):
            return
        for name, tensor in self._stack.state().items():
            self._kept[name][models] = tensor[models]
        for k in models.tolist():
            self._outcomes[self._alive[k]].best_epoch = epoch

    def _leave(self, models: Tensor, end) -> None:
        """Let models go: their weights into their modules; the others move up."""
        for k in models.tolist():
            job = self._alive[k]
            self._outcomes[job].end = end
            # Elsewhere the weights are not those that this state belongs to.
            if self.regime.keep_optimizer and end == "max_epochs" and not self._judges:
                left = state_of(self._optimizer, self._stack, k)
                self._outcomes[job].optimizer = left
            state = {name: tensor[k] for name, tensor in self._kept.items()}
            load_state(self.jobs[job].module, state)
        staying = torch.ones(len(self._alive), dtype=torch.bool)
        staying[models] = False
        staying = staying.nonzero()[:, 0]
        self._alive = self._alive[staying]
        if not len(staying):
            return
        keep_models(self._optimizer, self._stack, staying)
        self._kept = {name: tensor[staying] for name, tensor in self._kept.items()}
        self._draws = [self._draws[k] for k in staying.tolist()]
        self._train = self._train[staying]
        self._inputs.keep(staying)
        self._lessons.keep(staying)
        if self._valid is not None and self._of_valid is not None:
            self._valid = self._valid[staying]
            self._of_valid.keep(staying)


def rows_at_once(row_shape: Sequence[int], most: int) -> int:
    """How many rows to evaluate at once, by their size: layers may be wider."""
    return max(1, min(most, _ROW_BYTES // (4 * max(1, math.prod(row_shape)))))


def _kept(epoch: int) -> str:
    if not epoch:
        return "No weights are kept."
    return f"The weights are those of epoch {epoch}."


def load_state(module: nn.Module, state: dict[str, Tensor]) -> None:
    """Copy numbers into the parameters and buffers of a module."""
    with torch.no_grad():
        for name, parameter in module.named_parameters():
            parameter.copy_(state[name])
        for name, buffer in module.named_buffers():
            buffer.copy_(state[name])


def _positions(rows: NDArray) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(rows, dtype=np.int64))


def _held_out(jobs: Sequence[Job]) -> Tensor | None:
    rows = [_positions(job.valid) for job in jobs if job.valid is not None]
    return torch.stack(rows) if rows else None


def _batches(n_rows: int, batch_size: int) -> list[tuple[int, int]]:
    """Cut rows into batches; a single last row joins the batch before it.

    BatchNorm cannot be trained on one row, and one row has no relations.
    """
    starts = list(range(0, n_rows, batch_size))
    if len(starts) > 1 and n_rows - starts[-1] == 1:
        starts.pop()
    return list(zip(starts, [*starts[1:], n_rows], strict=True))


def _blocks(bounds: list[tuple[int, int]], n_rows: int) -> list[list[tuple[int, int]]]:
    """Put batches together to blocks of about so many rows, one batch at least."""
    blocks: list[list[tuple[int, int]]] = [[]]
    for start, stop in bounds:
        if blocks[-1] and stop - blocks[-1][0][0] > n_rows:
            blocks.append([])
        blocks[-1].append((start, stop))
    return blocks
