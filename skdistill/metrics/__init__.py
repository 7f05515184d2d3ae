"""What speaks for a student: fidelity, recovered gap, calibration, size and latency.

=============================  =====================================================
function                       says
=============================  =====================================================
`fidelity_score`               on how many rows student and teacher say the same class
`teacher_kl_divergence`        how far the student's probabilities are from them
`recovered_gap_score`          how much of the teacher's lead distillation recovered
`expected_calibration_error`   whether a model is right as often as it says
`model_size`                   bytes, parameters and nodes of a model
`compression_ratio`            how many times smaller the student is
`prediction_latency`           how long it takes, for one row and in batches
=============================  =====================================================

`fidelity_scorer`, `neg_teacher_kl_scorer` and what `make_teacher_scorer` makes are for
``scoring=`` in searches.
"""

from skdistill.metrics._agreement import fidelity_score, teacher_kl_divergence
from skdistill.metrics._calibration import expected_calibration_error
from skdistill.metrics._gap import recovered_gap_of_losses, recovered_gap_score
from skdistill.metrics._latency import Latency, prediction_latency
from skdistill.metrics._model_size import ModelSize, compression_ratio, model_size
from skdistill.metrics._scorers import (
    fidelity_scorer,
    make_teacher_scorer,
    neg_teacher_kl_scorer,
)

__all__ = [
    "Latency",
    "ModelSize",
    "compression_ratio",
    "expected_calibration_error",
    "fidelity_score",
    "fidelity_scorer",
    "make_teacher_scorer",
    "model_size",
    "neg_teacher_kl_scorer",
    "prediction_latency",
    "recovered_gap_of_losses",
    "recovered_gap_score",
    "teacher_kl_divergence",
]
