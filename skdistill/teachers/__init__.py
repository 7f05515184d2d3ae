"""Anything that can teach, brought to one form: values, their kind, their classes."""

from skdistill.teachers._base import Teacher
from skdistill.teachers._calibration import (
    TEMPERATURE,
    CalibratedTeacher,
    check_calibration,
    fit_calibration,
)
from skdistill.teachers._cross_fitting import gather
from skdistill.teachers._ensemble import EnsembleTeacher
from skdistill.teachers._functions import PrecomputedTeacher
from skdistill.teachers._leaks import signs_of_leakage
from skdistill.teachers._out_of_bag import keeping_out_of_bag, out_of_bag_output
from skdistill.teachers._recognise import (
    PRECOMPUTED,
    check_teacher,
    hire,
    is_estimator,
    is_given,
    is_list,
    keep_or_clone,
    members_of,
)
from skdistill.teachers._recorded import QuotedTeacher, part_of, record
from skdistill.teachers._representations import represent
from skdistill.teachers._weights import LEARNED

__all__ = [
    "LEARNED",
    "PRECOMPUTED",
    "TEMPERATURE",
    "CalibratedTeacher",
    "EnsembleTeacher",
    "PrecomputedTeacher",
    "QuotedTeacher",
    "Teacher",
    "check_calibration",
    "check_teacher",
    "fit_calibration",
    "gather",
    "hire",
    "is_estimator",
    "is_given",
    "is_list",
    "keep_or_clone",
    "keeping_out_of_bag",
    "members_of",
    "out_of_bag_output",
    "part_of",
    "record",
    "represent",
    "signs_of_leakage",
]
