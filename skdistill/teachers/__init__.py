"""Anything that can teach, brought to one form: values, their kind, their classes."""

from skdistill.teachers._base import Teacher
from skdistill.teachers._recognise import (
    PRECOMPUTED,
    check_teacher,
    hire,
    is_estimator,
    is_given,
    keep_or_clone,
    members_of,
)

__all__ = [
    "PRECOMPUTED",
    "Teacher",
    "check_teacher",
    "hire",
    "is_estimator",
    "is_given",
    "keep_or_clone",
    "members_of",
]
