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

from skdistill.targets._mixing import (
    build_targets,
    correct_toward_labels,
    teacher_distributions,
)
from skdistill.targets._outputs import (
    TeacherOutput,
    align_columns,
    check_overlap,
    read_columns,
    share_labels,
)
from skdistill.targets._soft_targets import UNLABELED, FreshRows, SoftTargets
from skdistill.targets._softening import (
    PROBABILITY_FLOOR,
    ScoreKind,
    harden,
    normalize_rows,
    raise_to,
    soften,
)
from skdistill.targets._temperatures import fit_temperature, put_back_exponent

__all__ = [
    "PROBABILITY_FLOOR",
    "UNLABELED",
    "FreshRows",
    "ScoreKind",
    "SoftTargets",
    "TeacherOutput",
    "align_columns",
    "build_targets",
    "check_overlap",
    "correct_toward_labels",
    "fit_temperature",
    "harden",
    "normalize_rows",
    "put_back_exponent",
    "raise_to",
    "read_columns",
    "share_labels",
    "soften",
    "teacher_distributions",
]
