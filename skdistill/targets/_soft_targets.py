"""The lesson that every route learns."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skdistill.targets._softening import PROBABILITY_FLOOR, normalize_rows

#: The code of a row without a true label: only the teacher speaks about it.
UNLABELED = -1


@dataclass(frozen=True)
class FreshRows:
    """Where a student that wants more rows gets them, and what the teacher says.

    Parameters
    ----------
    n_rows : int
        How many of the last rows of a lesson came from here: others may stand for them.
    draw : callable
        ``draw(n, seed)``: n rows, in the container of X.
    around : callable or None
        ``around(positions, seed)``: a row near each of some labelled rows, given by
        their positions in the lesson; None where rows are not drawn near others.
    label : callable
        ``label(X)``: the teacher's distributions at the temperature of the lesson, an
        ndarray of shape (n_rows, n_classes).
    """

    n_rows: int
    draw: Callable[[int, int], Any]
    around: Callable[[NDArray[np.intp], int], Any] | None
    label: Callable[[Any], NDArray[np.float64]]


@dataclass(frozen=True)
class SoftTargets:
    """The lesson: for each row what the teacher says, what the label says, and weights.

    Parameters
    ----------
    classes : ndarray of shape (n_classes,)
        The labels, sorted; column k of `teacher` stands for ``classes[k]``.
    teacher : ndarray of shape (n_rows, n_classes), float64
        The teacher's distributions at `temperature`.
    labels : ndarray of shape (n_rows,), intp
        Position of the true label in `classes`, :data:`UNLABELED` where there is none.
    alpha : float or ndarray of shape (n_rows,)
        Weight of the teacher against the label, in [0, 1]; 1 on unlabelled rows.
    weight : ndarray of shape (n_rows,) or None
        Weight of the row; None means 1 everywhere.
    temperature : float
        The temperature at which student and teacher are compared.
    representations : tuple of ndarray of shape (n_rows, ...)
        What else the teacher makes of each row, for students that ask for it.
    fresh : FreshRows or None
        Where further rows come from, for students that draw some as they learn.
    trust : ndarray of shape (n_rows,) or None
        How much of the teacher's usual weight a row gives it, in [0, 1]; None is all.
        `alpha` has it in it already: it is for students that move their alpha.
    """

    classes: NDArray
    teacher: NDArray[np.float64]
    labels: NDArray[np.intp]
    alpha: float | NDArray[np.float64]
    weight: NDArray[np.float64] | None = None
    temperature: float = 1.0
    representations: tuple[NDArray, ...] = ()
    fresh: FreshRows | None = None
    trust: NDArray[np.float64] | None = None

    def mixed(self) -> NDArray[np.float64]:
        """``alpha * teacher + (1 - alpha) * onehot(labels)``, shaped like `teacher`.

        At temperature 1 the cross-entropy to this one distribution differs from the
        distillation loss only by a constant.
        """
        alpha = np.asarray(self.alpha)
        mixture = self.teacher * (alpha[:, None] if alpha.ndim else alpha)
        rows = np.flatnonzero(self.labels != UNLABELED)
        rest = 1.0 - (alpha[rows] if alpha.ndim else alpha)
        mixture[rows, self.labels[rows]] += rest
        return mixture

    def logits(self) -> NDArray[np.float64]:
        """What the teacher said before any temperature, shaped like `teacher`.

        Logits are known up to a constant for each row; here the largest is 0. For a
        probability of exactly 0 stands :data:`PROBABILITY_FLOOR`, or the smallest
        other one of its row if that is less (a network's can be).
        """
        positive = np.where(self.teacher > 0, self.teacher, 1.0)
        floor = PROBABILITY_FLOOR ** (1.0 / self.temperature)
        floor = np.minimum(positive.min(axis=1, keepdims=True), floor)
        logits = self.temperature * np.log(np.maximum(self.teacher, floor))
        return logits - logits.max(axis=1, keepdims=True)

    def onehot(self) -> NDArray[np.float64]:
        """The true labels as rows of 0 and 1; unlabelled rows are all 0."""
        hot = np.zeros_like(self.teacher)
        rows = np.flatnonzero(self.labels != UNLABELED)
        hot[rows, self.labels[rows]] = 1.0
        return hot

    def hard_labels(self) -> NDArray:
        """Each row's most probable label of the mix, in the labels of y."""
        return self.classes[self.mixed().argmax(axis=1)]

    def take(self, rows: NDArray) -> SoftTargets:
        """The same lesson on some rows, possibly repeated, and no fresh ones."""
        alpha = self.alpha
        return replace(
            self,
            teacher=self.teacher[rows],
            labels=self.labels[rows],
            alpha=alpha[rows] if isinstance(alpha, np.ndarray) else alpha,
            weight=None if self.weight is None else self.weight[rows],
            representations=tuple(each[rows] for each in self.representations),
            fresh=None,
            trust=None if self.trust is None else self.trust[rows],
        )

    def class_mass(self, count: NDArray | None = None) -> NDArray[np.float64]:
        """How much the mixed targets put on each class.

        Parameters
        ----------
        count : ndarray of shape (n_rows,), default=None
            How often each row counts. None: once.
        """
        mixed = self.mixed()
        return mixed.sum(axis=0) if count is None else count @ mixed

    def weighted_by_class(self, by_class: NDArray[np.float64] | None) -> SoftTargets:
        """Weigh what is said about class k by its class weight.

        The expected class-weighted loss of a soft target p is that of the target
        ``p * w / s`` on a row of weight ``s = sum(p * w)``; teacher and label are
        reweighed each on their own, which moves alpha from row to row.

        Parameters
        ----------
        by_class : ndarray of shape (n_classes,) or None
            None changes nothing.
        """
        if by_class is None:
            return self
        of_teacher = self.teacher @ by_class
        labeled = self.labels != UNLABELED
        of_label = np.where(labeled, by_class[self.labels], 0.0)
        alpha = np.where(labeled, self.alpha, 1.0)
        factor = alpha * of_teacher + (1 - alpha) * of_label
        weight = factor if self.weight is None else factor * self.weight
        with np.errstate(invalid="ignore", divide="ignore"):
            share = np.where(factor > 0, alpha * of_teacher / factor, alpha)
        return replace(
            self,
            teacher=normalize_rows(self.teacher * by_class),
            alpha=share,
            weight=weight,
        )
