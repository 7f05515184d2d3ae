"""Anything that can teach, brought to one form: values, their kind, their classes."""

from skdistill.teachers._base import Teacher
from skdistill.teachers._ensemble import EnsembleTeacher
from skdistill.teachers._leaks import signs_of_leakage
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
from skdistill.teachers._recorded import part_of, record
from skdistill.teachers._representations import represent
from skdistill.teachers._weights import LEARNED

__all__ = [
    "LEARNED",
    "PRECOMPUTED",
    "EnsembleTeacher",
    "Teacher",
    "check_teacher",
    "hire",
    "is_estimator",
    "is_given",
    "is_list",
    "keep_or_clone",
    "members_of",
    "part_of",
    "record",
    "represent",
    "signs_of_leakage",
]
