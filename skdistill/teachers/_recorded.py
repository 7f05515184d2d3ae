"""A given teacher's answers about all rows, to be taken fold by fold."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from numpy.typing import NDArray

from skdistill._rows import TrainingRows, n_rows_of
from skdistill.targets import TeacherOutput
from skdistill.teachers._base import Teacher
from skdistill.teachers._recognise import hire, is_given, is_list, members_of


class RecordedTeacher(Teacher):
    """A teacher that was asked before, and is not asked again about the same tables.

    Parameters
    ----------
    teacher : Teacher
        Given, not fitted here.
    answers : list of (table, TeacherOutput)
        What it said, by the very object that it was asked about.
    """

    def __init__(self, teacher: Teacher, answers: list[tuple[Any, TeacherOutput]]):
        super().__init__(teacher.source)
        self.teacher = teacher
        self.answers = answers
        self.kind = teacher.kind
        self.name = teacher.name
        self.model = teacher.model

    def of(self, table, rows: NDArray, part) -> RecordedTeacher:
        """The same teacher, asked about `part` as well if it was about the table."""
        asked = [said for known, said in self.answers if known is table]
        of_part = [(part, said.take(rows)) for said in asked]
        return RecordedTeacher(self.teacher, [*self.answers, *of_part])

    def identity(self):
        """That of the teacher."""
        return self.teacher.identity()

    def own_classes(self):
        """Labels of the columns, if the teacher knows."""
        return self.teacher.own_classes()

    def evaluate(self, X, classes, fallback, *, progress=None, store=None):
        """What was said about this very table; else the teacher is asked."""
        for table, output in self.answers:
            if table is X:
                return output
        return self.teacher.evaluate(
            X, classes, fallback, progress=progress, store=store
        )


class QuotedTeacher(Teacher):
    """What a teacher said about some rows, without the teacher.

    Parameters
    ----------
    output : TeacherOutput
        About the only rows that this one will be asked about.
    """

    def __init__(self, output: TeacherOutput):
        super().__init__("precomputed")
        self.output = output
        self.kind = output.kind
        self.name = self.model = "quoted"

    def evaluate(self, X, classes, fallback, *, progress=None, store=None):
        """What was said about these rows."""
        n_rows, n_said = n_rows_of(X), len(self.output.values)
        if n_rows != n_said:
            raise ValueError(
                f"The teacher of this fold was asked about {n_said} rows, those held "
                f"out, and is not here to be asked about {n_rows} others."
            )
        return self.output


def record(
    teacher,
    rows: TrainingRows,
    tables: Sequence,
    ask: Callable,
    *,
    named,
    weights=None,
    **hiring,
):
    """Ask what is given once about some tables; leave what is to be fitted as it is.

    Parameters
    ----------
    teacher : object
        As the user gave it.
    rows : TrainingRows
        Rows that the teacher must be able to read.
    tables : sequence of array-like
        What to ask about.
    ask : callable
        ``ask(teacher, table) -> TeacherOutput``.
    named : ndarray of shape (n_columns,) or None
        The user's `teacher_classes`.
    weights : array-like of shape (n_teachers,) or "learned", default=None
        Of the members of a list; one of weight 0 is not asked.
    **hiring
        Other arguments of `hire` about how to read what a teacher says.

    Returns
    -------
    object
        The same, to be hired in its place.
    """
    if isinstance(teacher, str):
        return teacher

    def asked(member, weight):
        if not is_given(member) or weight == 0:
            return member
        # In company `named` is for members that do not know: the ensemble looks.
        hired = hire(member, rows, named=None if is_list(teacher) else named, **hiring)
        return RecordedTeacher(hired, [(table, ask(hired, table)) for table in tables])

    members = members_of(teacher)
    if weights is None or isinstance(weights, str):
        weights = [1.0] * len(members)
    members = [asked(*each) for each in zip(members, weights, strict=True)]
    return members if is_list(teacher) else members[0]


def part_of(teacher, table, rows: NDArray, part):
    """What `record` made, about a part of a table that it was asked about as well."""

    def of_part(member):
        if isinstance(member, RecordedTeacher):
            return member.of(table, rows, part)
        return member

    members = [of_part(member) for member in members_of(teacher)]
    return members if is_list(teacher) else members[0]
