"""The loss of K models, each on its own rows, and its gradient by their logits."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import repeat
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from skdistill.neural.losses import (
    KLDivergence,
    ResponseLoss,
    cross_entropy_gradient,
    cross_entropy_rows,
)
from skdistill.targets import UNLABELED, SoftTargets


@dataclass(frozen=True)
class Objective:
    """What is minimised: teacher and label, and how their balance moves in training.

    Parameters
    ----------
    loss : ResponseLoss
        What a student misses of its teacher.
    label_smoothing : float, default=0.0
        Of the true labels.
    final_temperature, final_alpha : float, default=None
        Values of the last epoch, reached from those of the targets step by step. None:
        they stay.
    annealing : {"linear", "cosine"}, default="linear"
        The way there.
    """

    loss: ResponseLoss = field(default_factory=KLDivergence)
    label_smoothing: float = 0.0
    final_temperature: float | None = None
    final_alpha: float | None = None
    annealing: Literal["linear", "cosine"] = "linear"

    @property
    def is_annealed(self) -> bool:
        """Whether anything moves."""
        return self.final_temperature is not None or self.final_alpha is not None

    def share_of_way(self, progress: float) -> float:
        """How far on the way from first to last value, for a progress in [0, 1]."""
        if self.annealing == "cosine":
            return float(0.5 - 0.5 * np.cos(np.pi * progress))
        return progress

    def temperature_of(self, targets: SoftTargets, progress: float) -> float:
        """Get the temperature at some progress."""
        if self.final_temperature is None:
            return targets.temperature
        way = self.share_of_way(progress)
        return targets.temperature + way * (
            self.final_temperature - targets.temperature
        )

    def alpha_of(self, targets: SoftTargets, progress: float):
        """Get each row's share of the teacher at some progress."""
        alpha = np.asarray(targets.alpha, dtype=np.float64)
        if self.final_alpha is not None:
            final = self.final_alpha * (1.0 if targets.trust is None else targets.trust)
            alpha = alpha + self.share_of_way(progress) * (final - alpha)
        return np.where(targets.labels == UNLABELED, 1.0, alpha)

    def table_of(self, targets: SoftTargets, temperature: float) -> Tensor:
        """What the loss needs of the teacher, (n_rows, n_classes), float64."""
        kind = type(self.loss)
        if kind is KLDivergence and temperature == targets.temperature:
            return torch.tensor(targets.teacher)
        logits = torch.from_numpy(targets.logits())
        labels = torch.tensor(targets.labels, dtype=torch.int64)
        return self.loss.table(logits, labels, temperature)


@dataclass
class Batch:
    """What is known about the rows in a batch, (K, n_rows) each.

    Parameters
    ----------
    table : Tensor of shape (K, n_rows, n_classes) or None
        Of the teacher, as the loss wants it; None if none speaks.
    labels : Tensor, int64
        Positions of labels; -1 for none.
    on_teacher, on_label : Tensor
        Weights of the teacher's and the label's part of the loss.
    """

    table: Tensor | None
    labels: Tensor
    on_teacher: Tensor
    on_label: Tensor

    def split(self, sizes: list[int]) -> Iterator[Batch]:
        """Cut the rows into batches of such sizes."""
        tables: Iterable = repeat(None)
        if self.table is not None:
            tables = self.table.split(sizes, dim=1)
        parts = (
            each.split(sizes, dim=1)
            for each in (self.labels, self.on_teacher, self.on_label)
        )
        return map(Batch, tables, *parts)


class Lessons:
    """The targets of K models as tensors, looked up by row and model.

    Parameters
    ----------
    targets : sequence of SoftTargets
        One for each model. Models may share one, which is then kept once.
    train : sequence of Tensor of shape (n_rows,), int64
        The rows each model is trained on: its weights are scaled to a mean of 1 there.
    objective : Objective
    like : Tensor
        Of the dtype and on the device to compute with.
    """

    def __init__(
        self,
        targets: Sequence[SoftTargets],
        train: Sequence[Tensor],
        objective: Objective,
        like: Tensor,
    ) -> None:
        self.objective = objective
        self._like = like
        self._distinct = list({id(each): each for each in targets}.values())
        place = {id(each): k for k, each in enumerate(self._distinct)}
        sizes = [0] + [len(each.labels) for each in self._distinct]
        self._bounds = np.cumsum(sizes).tolist()
        self._which = [place[id(each)] for each in targets]
        self._starts = torch.tensor([self._bounds[k] for k in self._which])
        self._scale = torch.tensor(
            [_scale(each, rows) for each, rows in zip(targets, train, strict=True)],
            dtype=torch.float64,
        ).to(like)
        labels = np.concatenate([each.labels for each in self._distinct])
        self._labels = torch.tensor(labels, dtype=torch.int64, device=like.device)
        self.at(0.0)

    def at(self, progress: float) -> None:
        """Set temperatures, alphas and what follows for a progress in [0, 1]."""
        objective = self.objective
        heat = [objective.temperature_of(each, progress) for each in self._distinct]
        alpha = [objective.alpha_of(each, progress) for each in self._distinct]
        weight = [_weights(each) for each in self._distinct]
        on_teacher = [a * w for a, w in zip(alpha, weight, strict=True)]
        on_label = [(1 - a) * w for a, w in zip(alpha, weight, strict=True)]
        self._on_teacher = torch.from_numpy(np.concatenate(on_teacher)).to(self._like)
        self._on_label = torch.from_numpy(np.concatenate(on_label)).to(self._like)
        self._has_label = any(part.any() for part in on_label)
        self._table = None
        if any(part.any() for part in on_teacher):
            parts = zip(self._distinct, heat, strict=True)
            tables = [objective.table_of(each, t) for each, t in parts]
            self._table = torch.cat(tables).to(self._like)
        self._heat = heat
        self._set_temperature()

    def _set_temperature(self) -> None:
        heat = [self._heat[k] for k in self._which]
        self.temperature: float | Tensor = heat[0]
        if len(set(heat)) > 1:
            self.temperature = torch.tensor(heat, dtype=torch.float64).to(self._like)

    def keep(self, models: Tensor) -> None:
        """Go on with some of the models only."""
        self._which = [self._which[k] for k in models.tolist()]
        self._starts = self._starts[models]
        self._scale = self._scale[models.to(self._scale.device)]
        self._set_temperature()

    def first_of_each(self, models: Iterable[int]) -> list[int]:
        """Of some models, one for each lesson that they have."""
        return list({self._which[k]: k for k in models}.values())

    def shape_of(self, model: int, n_rows: int) -> tuple[int, int]:
        """The shape of what a teacher says to a model about so many rows."""
        return n_rows, len(self._distinct[self._which[model]].classes)

    def replace_last(self, model: int, fresh: SoftTargets) -> None:
        """Put what is said of other rows in the place of the last ones of a lesson.

        It lasts until the next call of `at`.

        Parameters
        ----------
        model : int
            Position of a model that has the lesson.
        fresh : SoftTargets
            About rows without labels, of the temperature of the lesson.
        """
        which = self._which[model]
        stop = self._bounds[which + 1]
        rows = slice(stop - len(fresh.labels), stop)
        weight = torch.from_numpy(_weights(fresh))
        self._on_teacher[rows] = weight.to(self._like)
        if self._table is not None:
            table = self.objective.table_of(fresh, self._heat[which])
            self._table[rows] = table.to(self._like)

    def batch(self, rows: Tensor) -> Batch:
        """Look up rows, (K, n_rows) positions in the targets of each model."""
        places = (rows + self._starts[:, None]).to(self._like.device)
        flat = places.reshape(-1)
        scale = self._scale[:, None]
        table = None
        if self._table is not None:
            table = self._table.index_select(0, flat).view(*places.shape, -1)
        return Batch(
            table,
            self._labels.index_select(0, flat).view(places.shape),
            self._on_teacher.index_select(0, flat).view(places.shape) * scale,
            self._on_label.index_select(0, flat).view(places.shape) * scale,
        )

    def losses(self, logits: Tensor, batch: Batch) -> Tensor:
        """Compute the loss of each row, (K, n_rows); differentiable in the logits."""
        total = torch.zeros_like(batch.on_teacher)
        if batch.table is not None:
            missed = self.objective.loss.rows(
                logits,
                batch.table,
                batch.labels,
                self.temperature,
                weight=batch.on_teacher,
            )
            total = total + batch.on_teacher * missed
        if self._has_label:
            smoothing = self.objective.label_smoothing
            missed = cross_entropy_rows(logits, batch.labels, smoothing)
            total = total + batch.on_label * missed
        return total

    def gradient(self, logits: Tensor, batch: Batch) -> Tensor:
        """Compute the gradient of the mean over rows by the logits."""
        grad = self._closed_form(logits, batch)
        if grad is None:
            logits = logits.detach().requires_grad_()
            with torch.enable_grad():
                total = self.losses(logits, batch).sum()
            (grad,) = torch.autograd.grad(total, logits)
        return grad.div_(logits.shape[1])

    def _closed_form(self, logits: Tensor, batch: Batch) -> Tensor | None:
        grad = None
        if batch.table is not None:
            grad = self.objective.loss.gradient(
                logits, batch.table, batch.labels, self.temperature
            )
            if grad is None:
                return None
            grad = grad * batch.on_teacher.unsqueeze(-1)
        if self._has_label:
            smoothing = self.objective.label_smoothing
            by_label = cross_entropy_gradient(logits, batch.labels, smoothing)
            on_label = batch.on_label.unsqueeze(-1)
            if grad is None:
                return by_label * on_label
            grad = grad.addcmul_(by_label, on_label)
        return torch.zeros_like(logits) if grad is None else grad


def _weights(targets: SoftTargets) -> NDArray[np.float64]:
    return np.ones(len(targets.labels)) if targets.weight is None else targets.weight


def _scale(targets: SoftTargets, rows: Tensor) -> float:
    mean = _weights(targets)[rows.numpy()].mean()
    # Where all are 0 there is nothing to learn, whatever they are divided by.
    return 1.0 / mean if mean > 0 else 0.0
