r"""What a student learns from: the mathematics of targets, on plain arrays.

Nothing here knows an estimator. A teacher's answer arrives as a `TeacherOutput`
(values, what kind of values they are, which label each column stands for), is brought
to the student's columns, softened by a temperature, and joined with the true labels in
one `SoftTargets`. The loss that every route of :mod:`skdistill.students` minimises is

.. math::

    \sum_i w_i \left[ \alpha_i T^2 \, KL(p_i^T \,\|\, q_i^T)
    + (1 - \alpha_i) \, CE(y_i, q_i) \right]

with :math:`p^T` the softened teacher, :math:`q` the student and :math:`q^T` the
student softened likewise (Hinton, Vinyals and Dean, "Distilling the knowledge in a
neural network", 2015).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax, logsumexp

ScoreKind = Literal["probabilities", "logits"]

#: Stands for a probability of exactly 0 where a logarithm is taken (any ``T != 1``).
#: Forests say 0 and 1; the resolution of float32, in which many teachers answer, is
#: the smallest difference from 1 that such a teacher could have expressed.
PROBABILITY_FLOOR = float(np.finfo(np.float32).eps)

#: The code of a row without a true label: only the teacher speaks about it.
UNLABELED = -1


@dataclass(frozen=True)
class TeacherOutput:
    """What a teacher said about some rows.

    Parameters
    ----------
    values : ndarray of shape (n_rows, n_columns), float64
        Probabilities (each row sums to 1) or logits.
    kind : {"probabilities", "logits"}
        What the values are. It is carried along, never guessed from the values.
    classes : ndarray of shape (n_columns,)
        The label that each column stands for.
    silent : ndarray of shape (n_rows,), bool, default=None
        Rows about which it says nothing, whatever the values there; None is nowhere.
    """

    values: NDArray[np.float64]
    kind: ScoreKind
    classes: NDArray
    silent: NDArray[np.bool_] | None = None

    def take(self, rows: NDArray | slice) -> TeacherOutput:
        """What was said about some of the rows."""
        silent = None if self.silent is None else self.silent[rows]
        return replace(self, values=self.values[rows], silent=silent)

    def joined(self, more: TeacherOutput) -> TeacherOutput:
        """What was said about these rows and, below them, about more; columns alike."""
        n_rows, n_more = len(self.values), len(more.values)
        silent = None
        if self.silent is not None or more.silent is not None:
            parts = [(self.silent, n_rows), (more.silent, n_more)]
            silent = np.concatenate(
                [np.zeros(n, dtype=bool) if s is None else s for s, n in parts]
            )
        if self.kind != more.kind or self.classes.tolist() != more.classes.tolist():
            more = more.over(self.classes)
            return self.over(self.classes).joined(more)
        values = np.concatenate([self.values, more.values])
        return replace(self, values=values, silent=silent)

    def over(self, classes: NDArray) -> TeacherOutput:
        """The same as probabilities of `classes`."""
        proba = soften(self.values, self.kind)
        output = TeacherOutput(proba, "probabilities", self.classes)
        return replace(align_columns(output, classes), silent=self.silent)


def read_columns(
    values: ArrayLike, kind: ScoreKind, n_rows: int
) -> NDArray[np.float64]:
    """Copy what is said as `teacher_proba`; one column is about the second of two.

    Parameters
    ----------
    values : array-like of shape (n_rows, n_columns) or (n_rows,)
        Not checked for anything but that it holds numbers.
    kind : {"probabilities", "logits"}
        What they are.
    n_rows : int
        How many rows there should be, for the error.

    Returns
    -------
    ndarray of shape (n_rows, n_columns), float64

    Raises
    ------
    ValueError
        If it holds anything but numbers.
    """
    try:
        table = np.array(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"teacher_proba must be an array of numbers of shape ({n_rows}, "
            f"n_classes): {error}."
        ) from error
    if table.ndim == 1 or (table.ndim == 2 and table.shape[1] == 1):
        second = table.reshape(-1)
        first = np.zeros_like(second) if kind == "logits" else 1.0 - second
        table = np.column_stack([first, second])
    return table


def normalize_rows(mass: NDArray[np.float64]) -> NDArray[np.float64]:
    """Scale non-negative rows to sum to 1, in place; a row of zeros becomes uniform.

    Parameters
    ----------
    mass : ndarray of shape (n_rows, n_classes), float64
        Changed in place.

    Returns
    -------
    ndarray of shape (n_rows, n_classes)
        The same array.
    """
    total = mass.sum(axis=1, keepdims=True)
    empty = total[:, 0] <= 0
    if empty.any():
        mass[empty] = 1.0
        total[empty] = mass.shape[1]
    mass /= total
    return mass


def soften(
    values: ArrayLike, kind: ScoreKind, temperature: float = 1.0
) -> NDArray[np.float64]:
    """Turn a teacher's values into distributions at a temperature: softmax(logits / T).

    Probabilities are returned as they are at ``temperature=1``. At any other
    temperature their logarithm serves as logits, with :data:`PROBABILITY_FLOOR` in
    the place of smaller probabilities.

    Parameters
    ----------
    values : array-like of shape (n_rows, n_classes)
        Rows of probabilities, or of logits. A logit may be ``-inf``.
    kind : {"probabilities", "logits"}
        What `values` are.
    temperature : float, default=1.0
        Above 1 flattens the distribution, below 1 sharpens it.

    Returns
    -------
    ndarray of shape (n_rows, n_classes), float64
        Non-negative rows that sum to 1.

    Examples
    --------
    >>> from skdistill.targets import soften
    >>> soften([[0.0, 2.0]], "logits", temperature=2.0).round(3)
    array([[0.269, 0.731]])
    >>> soften([[0.0, 1.0]], "probabilities").tolist()
    [[0.0, 1.0]]
    """
    values = np.asarray(values, dtype=np.float64)
    if kind == "probabilities":
        if temperature == 1.0:
            return normalize_rows(values.copy())
        logits = np.log(np.maximum(values, PROBABILITY_FLOOR))
    else:
        # A row of -inf rules out every class alike: as good as all-equal.
        ruled_out = np.isneginf(values).all(axis=1, keepdims=True)
        logits = np.where(ruled_out, 0.0, values)
    # Subtracting the maximum before dividing keeps 1e300 / 1e-9 from overflowing.
    logits -= logits.max(axis=1, keepdims=True)
    with np.errstate(over="ignore"):
        logits /= temperature
    np.exp(logits, out=logits)
    return normalize_rows(logits)


def harden(distribution: NDArray[np.float64]) -> NDArray[np.float64]:
    """Put all of each row's mass on its largest entry (the first of equal ones).

    Examples
    --------
    >>> import numpy as np
    >>> from skdistill.targets import harden
    >>> harden(np.array([[0.2, 0.5, 0.3]])).tolist()
    [[0.0, 1.0, 0.0]]
    """
    hard = np.zeros_like(distribution)
    hard[np.arange(len(hard)), distribution.argmax(axis=1)] = 1.0
    return hard


def align_columns(output: TeacherOutput, classes: NDArray) -> TeacherOutput:
    """Reorder a teacher's columns to `classes`, by label and never by position.

    A class that the teacher does not know gets probability 0. Columns of classes that
    `classes` lacks are dropped and the rest of the row is scaled up to sum to 1
    (uniform, if the teacher put everything on the dropped ones).

    Parameters
    ----------
    output : TeacherOutput
        Rows over the teacher's classes.
    classes : ndarray of shape (n_classes,)
        The labels of y, sorted.

    Returns
    -------
    TeacherOutput
        Rows over `classes`.

    Raises
    ------
    ValueError
        If the two share no label, or each has a label that the other lacks.
    """
    if output.classes.tolist() == classes.tolist():
        return output
    position = {label: k for k, label in enumerate(output.classes.tolist())}
    source = [position.get(label, -1) for label in classes.tolist()]
    known = np.array(source) >= 0
    check_overlap(output.classes, classes)
    missing = 0.0 if output.kind == "probabilities" else -np.inf
    values = np.full((len(output.values), len(classes)), missing)
    values[:, known] = output.values[:, np.array(source)[known]]
    if output.kind == "probabilities":
        normalize_rows(values)
    return TeacherOutput(values, output.kind, classes)


def check_overlap(theirs: NDArray, ours: NDArray) -> None:
    """Raise unless one side's labels are all among the other's.

    Parameters
    ----------
    theirs, ours : ndarray of shape (n_classes,)
        Labels of the teacher's columns, and of y.

    Raises
    ------
    ValueError
        If the two share no label, or each has a label that the other lacks.
    """
    their_labels = set(theirs.tolist())
    known = np.array([label in their_labels for label in ours.tolist()])
    cure = (
        "Name the teacher's columns with `teacher_classes`, in the labels of y, or "
        "give a teacher that was trained on the same labels."
    )
    if not known.any():
        raise ValueError(
            f"The teacher's classes {_listed(theirs)} share nothing with the classes "
            f"of y {_listed(ours)}. {cure}"
        )
    if not known.all() and len(theirs) > known.sum():
        extra = np.array([c for c in theirs.tolist() if c not in set(ours.tolist())])
        raise ValueError(
            "The teacher's classes and the classes of y overlap only partly: y has "
            f"{_listed(ours[~known])}, which the teacher lacks, and the teacher has "
            f"{_listed(extra)}, which y lacks. {cure}"
        )


def share_labels(theirs: NDArray, ours: NDArray) -> bool:
    """Whether any label is among both."""
    return not set(theirs.tolist()).isdisjoint(ours.tolist())


def _listed(labels: NDArray, most: int = 8) -> str:
    shown = ", ".join(repr(label) for label in labels[:most].tolist())
    return f"[{shown}{', ...' if len(labels) > most else ''}]"


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


def teacher_distributions(
    output: TeacherOutput,
    classes: NDArray,
    *,
    temperature: float = 1.0,
    hard: bool = False,
) -> NDArray[np.float64]:
    """What a teacher says as distributions over the labels of y.

    Parameters
    ----------
    output : TeacherOutput
        Over its own columns.
    classes : ndarray of shape (n_classes,)
        The labels of y, sorted.
    temperature : float, default=1.0
        Softens the teacher. Hard targets have none: it then counts as 1.
    hard : bool, default=False
        Whether the teacher says no more than its most probable class.

    Returns
    -------
    ndarray of shape (n_rows, n_classes), float64
    """
    softened = soften(output.values, output.kind, 1.0 if hard else temperature)
    # Only now aligned: a class the teacher does not know has 0 at any temperature.
    output = TeacherOutput(softened, "probabilities", output.classes)
    aligned = align_columns(output, classes).values
    return harden(aligned) if hard else aligned


def build_targets(
    output: TeacherOutput,
    classes: NDArray,
    codes: NDArray[np.intp],
    *,
    temperature: float = 1.0,
    alpha: float = 1.0,
    hard: bool = False,
    weight: NDArray[np.float64] | None = None,
    more_weight: NDArray[np.float64] | None = None,
    correction: float | None = None,
) -> SoftTargets:
    """Join a teacher's answer with the true labels.

    Parameters
    ----------
    output : TeacherOutput
        About every row; rows beyond ``len(codes)`` have no label. Where it is silent,
        the label stands alone.
    classes : ndarray of shape (n_classes,)
        The labels of y, sorted.
    codes : ndarray of shape (n_labeled,), intp
        Positions of the true labels in `classes`.
    temperature : float, default=1.0
        Softens the teacher. Hard targets have none: it then counts as 1.
    alpha : float, default=1.0
        Weight of the teacher against the label. An unlabelled row is only worth that
        much of an average row, for nobody speaks for the rest.
    hard : bool, default=False
        Whether the teacher says no more than its most probable class.
    weight : ndarray of shape (n_labeled,), default=None
        Weights of the labelled rows.
    more_weight : ndarray of shape (n_more,), default=None
        What an unlabelled row is worth against an average labelled one. None: the same.
    correction : float, default=None
        The constant of :func:`correct_toward_labels`.

    Returns
    -------
    SoftTargets
    """
    temperature = 1.0 if hard else temperature
    teacher = teacher_distributions(output, classes, temperature=temperature, hard=hard)
    n_labeled = len(codes)
    of_labeled = output.take(slice(n_labeled))
    trust = None
    if correction is not None:
        proba = teacher_distributions(of_labeled, classes)
        trust = 1.0 - correct_toward_labels(proba, codes, correction)
    if of_labeled.silent is not None and of_labeled.silent.any():
        trust = np.where(of_labeled.silent, 0.0, 1.0 if trust is None else trust)
    own: float | NDArray = alpha if trust is None else alpha * trust
    n_more = len(teacher) - n_labeled
    if not n_more:
        targets = SoftTargets(classes, teacher, codes, own, weight, temperature)
        return replace(targets, trust=trust)
    weight = np.ones(n_labeled) if weight is None else weight
    average = weight[weight > 0].mean() if weight.any() else 0.0
    worth = np.ones(n_more) if more_weight is None else more_weight
    return SoftTargets(
        classes,
        teacher,
        labels=np.append(codes, np.full(n_more, UNLABELED)),
        alpha=np.append(np.broadcast_to(own, n_labeled), np.ones(n_more)),
        weight=np.append(weight, alpha * average * worth),
        temperature=temperature,
        trust=None if trust is None else np.append(trust, np.ones(n_more)),
    )


def correct_toward_labels(
    proba: NDArray[np.float64], codes: NDArray[np.intp], c: float
) -> NDArray[np.float64]:
    """How far each row's target is to move from the teacher's word to the label.

    The corrected target of a row is ``p + g (y - p)`` with ``g = c / (c + e**2)`` and
    ``e**2`` half the squared distance of p and the one-hot label: for two classes the
    correction of [1]_. A teacher that has not learned enough is set right by the
    labels on average; where it is far off, the label is taken for noise and moves it
    less. (A constant g is ``1 - alpha``.)

    Parameters
    ----------
    proba : ndarray of shape (n_rows, n_classes)
        What the teacher says, at temperature 1.
    codes : ndarray of shape (n_rows,), intp
        Columns of the labels.
    c : float
        Above 0. The larger, the more the label counts.

    Returns
    -------
    ndarray of shape (n_rows,), float64
        g, in (0, 1].

    References
    ----------
    .. [1] T. Dao, G. M. Kamath, V. Syrgkanis and L. Mackey, "Knowledge distillation as
       semiparametric inference", 2021.

    Examples
    --------
    >>> import numpy as np
    >>> from skdistill.targets import correct_toward_labels
    >>> correct_toward_labels(np.array([[0.9, 0.1]]), np.array([1]), c=0.09).round(3)
    array([0.1])
    """
    distance = np.einsum("ij,ij->i", proba, proba)
    distance += 1.0 - 2.0 * proba[np.arange(len(codes)), codes]
    return c / (c + np.maximum(distance, 0.0) / 2.0)


def fit_temperature(
    output: TeacherOutput,
    classes: NDArray,
    codes: NDArray[np.intp],
    weight: NDArray[np.float64] | None = None,
) -> float:
    """The temperature at which a teacher's answers have the least log-loss.

    Parameters
    ----------
    output : TeacherOutput
        About rows that it was not fitted on.
    classes : ndarray of shape (n_classes,)
        The labels of y, sorted.
    codes : ndarray of shape (n_rows,), intp
        Positions of the true labels in `classes`.
    weight : ndarray of shape (n_rows,), default=None
        Weights of the rows.

    Returns
    -------
    float
        Between 0.05 and 20. Above 1 where the teacher is too sure of itself.

    References
    ----------
    .. [1] C. Guo, G. Pleiss, Y. Sun and K. Q. Weinberger, "On calibration of modern
       neural networks", 2017.

    Examples
    --------
    >>> import numpy as np
    >>> from skdistill.targets import TeacherOutput, fit_temperature
    >>> sure = TeacherOutput(np.tile([4.0, 0.0], (4, 1)), "logits", np.array([0, 1]))
    >>> round(fit_temperature(sure, np.array([0, 1]), np.array([0, 0, 0, 1])), 2)
    3.64
    """
    # What it has no column for, no temperature can help.
    has_column = np.isin(classes, output.classes)
    known = has_column[codes]
    known &= True if output.silent is None else ~output.silent
    spoken = np.flatnonzero(known)
    codes = (np.cumsum(has_column) - 1)[codes]
    classes = classes[has_column]
    logits = np.log(np.maximum(output.over(classes).values, PROBABILITY_FLOOR))[spoken]
    if output.kind == "logits" and len(output.classes) == len(classes):
        scores = align_columns(output, classes).values[spoken]
        logits = np.maximum(log_softmax(scores, axis=1), np.log(np.finfo(float).tiny))
    of_label = logits[np.arange(len(spoken)), codes[spoken]]
    share = np.ones(len(spoken)) if weight is None else weight[spoken]
    share = share / share.sum()

    def loss(sharpness: float) -> float:  # convex in 1 / T
        return share @ (logsumexp(sharpness * logits, axis=1) - sharpness * of_label)

    found = minimize_scalar(
        loss, bounds=(0.05, 20.0), method="bounded", options={"xatol": 1e-6}
    )
    return 1.0 / float(found.x)


def put_back_exponent(targets: SoftTargets) -> float:
    """The exponent that undoes the temperature in a student of the mixed target.

    A student that learns ``alpha * p_T + (1 - alpha) * onehot(y)`` is itself tempered
    by the share of its lesson that was. Its predictions q become ``q ** b``, scaled
    to sum to 1, where b is 1 for ``alpha=0``, T for ``alpha=1``, and in between the
    minimiser of the distillation loss when the student hits its targets exactly. The
    loss is convex in b.

    Parameters
    ----------
    targets : SoftTargets
        The lesson.

    Returns
    -------
    float
        Between 1 and the temperature.
    """
    temperature = targets.temperature
    alpha = np.asarray(targets.alpha, dtype=np.float64)
    if temperature == 1.0 or not alpha.any():
        return 1.0
    if (alpha == 1.0).all():
        return temperature
    log_mix = np.log(np.maximum(targets.mixed(), PROBABILITY_FLOOR))
    weight = np.ones(len(log_mix)) if targets.weight is None else targets.weight
    teacher_weight = weight * alpha * temperature**2
    rows = np.flatnonzero(targets.labels != UNLABELED)
    label_weight = (weight * (1 - alpha))[rows]
    on_teacher = teacher_weight @ np.einsum("ij,ij->i", targets.teacher, log_mix)
    on_label = label_weight @ log_mix[rows, targets.labels[rows]]

    def loss(exponent: float) -> float:
        soft = teacher_weight @ logsumexp(log_mix * (exponent / temperature), axis=1)
        hard = label_weight @ logsumexp(log_mix[rows] * exponent, axis=1)
        linear = exponent / temperature * on_teacher + exponent * on_label
        return soft + hard - linear

    low, high = sorted((1.0, temperature))
    found = minimize_scalar(loss, bounds=(low, high), method="bounded")
    return float(found.x)


def raise_to(distribution: NDArray[np.float64], exponent: float) -> NDArray[np.float64]:
    """Sharpen (exponent above 1) or flatten distributions: ``q ** b``, renormalised.

    Examples
    --------
    >>> import numpy as np
    >>> from skdistill.targets import raise_to
    >>> raise_to(np.array([[0.25, 0.75]]), 2.0).round(3).tolist()
    [[0.1, 0.9]]
    """
    if exponent == 1.0:
        return distribution
    with np.errstate(divide="ignore"):
        logits = exponent * np.log(distribution)
    return np.exp(log_softmax(logits, axis=1))
