"""Soft targets as tensors, looked up by the numbers of the rows in a batch."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset, Subset

from skdistill.neural.losses import distillation_loss
from skdistill.targets import UNLABELED, SoftTargets

#: The attribute by which a batch's label tensor knows the numbers of its rows.
ROWS = "_row_numbers"


class Lesson:
    """What a net learns from during one fit.

    Parameters
    ----------
    targets : SoftTargets
        The lesson on arrays.

    Attributes
    ----------
    codes : ndarray of shape (n_rows,), int64
        Position of the label; of the teacher's largest probability where there is no
        label, so that splits and scoring callbacks have one for every row.
    rows : Tensor of shape (n_batch,), int64, or None
        The rows whose loss the net is taking; None outside.
    datasets : list of (Dataset, ndarray)
        The datasets of the fit and which rows they hold.
    """

    def __init__(self, targets: SoftTargets) -> None:
        self._given = targets
        unlabeled = targets.labels == UNLABELED
        codes = np.where(unlabeled, targets.teacher.argmax(axis=1), targets.labels)
        self.codes = codes.astype(np.int64)
        self.rows: Tensor | None = None
        self.datasets: list[tuple[Dataset, np.ndarray]] = []
        self.weigh_classes(None)

    def weigh_classes(self, weight: Tensor | None) -> None:
        """Take a criterion's class weights, shape (n_classes,), into the targets."""
        targets = self._given
        if weight is not None:
            if len(weight) != len(targets.classes):
                raise ValueError(
                    f"criterion__weight has {len(weight)} entries, but there are "
                    f"{len(targets.classes)} classes. Give one weight per class."
                )
            by_class = weight.detach().cpu().numpy().astype(np.float64)
            targets = targets.weighted_by_class(by_class)
        # Copies: the arrays may be read-only memory, of which torch warns.
        self._teacher = torch.tensor(targets.teacher)
        self._labels = torch.tensor(targets.labels, dtype=torch.int64)
        self._alpha = torch.tensor(targets.alpha, dtype=torch.float64)
        self._weight = None
        if targets.weight is not None:
            self._weight = torch.tensor(targets.weight, dtype=torch.float64)
        self._temperature = targets.temperature
        self._share_weights()

    def hold(self, datasets: Iterable[tuple[Dataset, np.ndarray]]) -> None:
        """Take the datasets of the fit and their rows, and share the weights anew."""
        self.datasets = list(datasets)
        self._share_weights()

    def _share_weights(self) -> None:
        """Scale weights to a mean of 1 over the rows of each dataset."""
        if self._weight is None:
            return
        parts = [torch.as_tensor(rows) for _, rows in self.datasets]
        for rows in parts or [torch.arange(len(self._weight))]:
            # Where all are 0 there is nothing to learn, whatever they are divided by.
            self._weight[rows] /= self._weight[rows].mean().item() or 1.0

    def loss(self, logits: Tensor, rows: Tensor) -> Tensor:
        """Compute the distillation loss of some rows.

        Weights count against those of all rows, not of the batch: else a row that is
        alone in its batch would weigh 1, whatever its weight.

        Parameters
        ----------
        logits : Tensor of shape (n_batch, n_classes)
            The student's, on any device.
        rows : Tensor of shape (n_batch,), int64
            The numbers of the rows.

        Returns
        -------
        Tensor of shape ()

        Raises
        ------
        ValueError
            If the student does not give one logit per row and class.
        """
        needed = (len(rows), self._teacher.shape[1])
        if tuple(logits.shape) != needed:
            raise ValueError(
                f"The student's module gives logits of shape {tuple(logits.shape)} for "
                f"a batch of {needed[0]} rows and {needed[1]} classes. Give it one "
                "output per class (or, for two classes, a single one)."
            )
        # Half precision is too coarse for a logarithm.
        logits = logits.to(torch.promote_types(logits.dtype, torch.float32))
        weight = None if self._weight is None else self._weight[rows].to(logits)
        alpha = self._alpha[rows] if self._alpha.ndim else self._alpha
        return distillation_loss(
            logits,
            self._teacher[rows].to(logits),
            self._labels[rows].to(logits.device),
            alpha.to(logits),
            temperature=self._temperature,
            weight=weight,
            total=len(rows),
        )


class Numbered(Subset):
    """A dataset whose second item is the number of the row, instead of its label."""

    def __init__(self, dataset: Dataset, rows: np.ndarray) -> None:
        super().__init__(dataset, range(len(dataset)))
        self.rows = rows

    def __getitem__(self, i):
        """Get what the dataset gives as X, and the row's number."""
        X, _ = self.dataset[i]
        return X, int(self.rows[i])

    def __getitems__(self, positions):
        """Get the items at several positions, as a list."""
        return [self[i] for i in positions]


class LabeledBatches:
    """Batches of (X, row numbers), read as (X, labels that know their row numbers).

    To skorch and its callbacks a batch is an ordinary one.
    """

    def __init__(self, loader, codes: np.ndarray) -> None:
        self.loader = loader
        self.codes = torch.from_numpy(codes)

    def __iter__(self) -> Iterator[list]:
        for X, numbers in self.loader:
            rows = torch.as_tensor(numbers, device="cpu")
            labels = self.codes[rows]
            setattr(labels, ROWS, rows)
            yield [X, labels]

    def __len__(self) -> int:
        return len(self.loader)

    def __getattr__(self, name):
        return getattr(self.__dict__["loader"], name)


def root_of(dataset: Dataset) -> Dataset:
    """Find the dataset under any number of subsets."""
    return root_of(dataset.dataset) if isinstance(dataset, Subset) else dataset


def rows_of(dataset: Dataset) -> np.ndarray:
    """Tell which rows of its root a dataset holds, in its order."""
    if isinstance(dataset, Subset):
        return rows_of(dataset.dataset)[np.asarray(dataset.indices)]
    return np.arange(len(dataset))
