"""What a mean hides: classes, and the rows that student and teacher see differently."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from skdistill.metrics import fidelity_score, teacher_kl_divergence
from skdistill.report._answers import STUDENT, TEACHER, Answer
from skdistill.report._figures import Truth

#: A divergence of rounding.
_NOTHING = 1e-9


class ClassFigures(NamedTuple):
    """One class.

    Parameters
    ----------
    label : object
    n_rows : int
        Rows of this class.
    recall, precision, f1 : dict of str to float
        Of each model; nan where the class is never said, or has no rows.
    agreement : float
        Of the rows that the teacher gives this class, the share that the student gives
        it too.
    """

    label: Any
    n_rows: int
    recall: dict[str, float]
    precision: dict[str, float]
    f1: dict[str, float]
    agreement: float


def by_class(answers: Mapping[str, Answer], truth: Truth) -> list[ClassFigures]:
    """Figures of each class, weighted as the rows are."""
    n_classes, codes = len(truth.classes), truth.codes
    weight = np.ones(len(codes)) if truth.weight is None else truth.weight

    def mass(of: NDArray, which=slice(None)) -> NDArray:
        return np.bincount(of[which], weight[which], minlength=n_classes)

    has = mass(codes)
    recall, precision, f1 = {}, {}, {}
    with np.errstate(invalid="ignore"):
        for model, answer in answers.items():
            says, hits = mass(answer.codes), mass(codes, answer.codes == codes)
            recall[model], precision[model] = hits / has, hits / says
            f1[model] = 2 * hits / (has + says)
    agreement: Any = fidelity_score(
        answers[TEACHER].codes,
        answers[STUDENT].codes,
        sample_weight=truth.weight,
        average=None,
        labels=np.arange(n_classes),
    )
    counts = np.bincount(codes, minlength=n_classes)

    def of(k: int, values: dict) -> dict[str, float]:
        return {model: float(value[k]) for model, value in values.items()}

    return [
        ClassFigures(
            label,
            int(counts[k]),
            recall=of(k, recall),
            precision=of(k, precision),
            f1=of(k, f1),
            agreement=float(agreement[k]),
        )
        for k, label in enumerate(truth.classes.tolist())
    ]


class Disagreement(NamedTuple):
    """A row about which student and teacher say different things.

    Parameters
    ----------
    row : int
        Its position in X.
    label : object
        Its true label.
    teacher, student : object
        What each says.
    p_teacher, p_student : float
        How probable each finds what it says; nan for a student of labels.
    kl : float
        Divergence of the student from the teacher, in nats; nan likewise.
    """

    row: int
    label: Any
    teacher: Any
    p_teacher: float
    student: Any
    p_student: float
    kl: float


def most_different(
    answers: Mapping[str, Answer],
    truth: Truth,
    n_rows: int,
    positions: NDArray[np.intp] | None = None,
) -> list[Disagreement]:
    """The rows on which student and teacher disagree most.

    First those on which they say different classes. By divergence; for a student that
    says labels only, by how sure the teacher is of another.
    """
    teacher, student = answers[TEACHER], answers[STUDENT]
    assert teacher.proba is not None
    sure = teacher.proba.max(axis=1)
    if student.proba is None:
        kl: Any = np.full(len(sure), np.nan)
        by = np.where(teacher.codes != student.codes, sure, -1.0)
    else:
        kl = teacher_kl_divergence(teacher.proba, student.proba, reduction="none")
        by = kl
    rows = np.lexsort((-by, teacher.codes == student.codes))[:n_rows]
    labels = truth.classes.tolist()
    return [
        Disagreement(
            int(row if positions is None else positions[row]),
            labels[truth.codes[row]],
            labels[teacher.codes[row]],
            float(sure[row]),
            labels[student.codes[row]],
            np.nan
            if student.proba is None
            else float(student.proba[row, student.codes[row]]),
            float(kl[row]),
        )
        for row in rows[by[rows] > _NOTHING]
    ]
