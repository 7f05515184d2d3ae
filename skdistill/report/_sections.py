"""The sections of a report as tables of text, for the terminal and for notebooks."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from skdistill.metrics import Latency
from skdistill.report._answers import ALONE, STUDENT, TEACHER
from skdistill.report._figures import ACCURACY, COMPARED, FIGURES
from skdistill.report._findings import Findings
from skdistill.report._verdict import better_by
from skdistill.report._words import (
    NAMES,
    count,
    in_rows,
    name_of,
    number,
    p_value,
    percent,
    share,
    times,
    with_interval,
)

#: Classes that the text shows; `by_class` has all.
_MOST_CLASSES = 30


class Section(NamedTuple):
    """A table with a title.

    Parameters
    ----------
    title : str
    header : list of str
        Of the columns, the first is of the names of rows.
    rows : list of list of str
    notes : list of str
        Lines below it.
    """

    title: str
    header: list[str]
    rows: list[list[str]]
    notes: list[str]


def sections(report: Findings) -> Iterator[Section]:
    """All sections that have something to say."""
    yield _figures(report)
    if ALONE in report.models:
        yield _against_alone(report)
    if report.members:
        yield _members(report)
    yield _costs(report)
    yield _classes(report)
    if report.disagreements:
        yield _disagreements(report)


def _figures(report: Findings) -> Section:
    rows = [
        [NAMES[figure]]
        + [
            with_interval(report.figures[model, figure], figure)
            if (model, figure) in report.figures
            else ""
            for model in report.models
        ]
        for figure in FIGURES
        if (STUDENT, figure) in report.figures
    ]
    notes = [
        f"To the true class of {in_rows(n_rows)} the {model} gives probability 0: "
        "each adds 36 to the sum of its log-losses. Smooth it, or go by the Brier "
        "score."
        for model, n_rows in report.ruled_out.items()
        if n_rows
    ]
    level = percent(report.confidence_level)
    title = f"{in_rows(report.n_rows)}, {level} intervals"
    return Section(title, ["", *report.models], rows, notes)


def _against_alone(report: Findings) -> Section:
    rows = []
    for figure in COMPARED:
        key = (STUDENT, ALONE, figure)
        if key in report.differences:
            gain = better_by(report.differences[key], figure)
            told = report.recovered.get(figure)
            shown = "" if told is None else share(told)
            name = NAMES[figure].split(" (")[0]
            rows.append([name, with_interval(gain, figure, sign=True), shown])
    test = report.mcnemar[ALONE]
    notes = [
        f"The student alone is wrong on {in_rows(test.only_first)} that the student "
        f"has right, and right on {test.only_second:,} that it has wrong: McNemar "
        f"{p_value(test.p_value)}."
    ]
    if report.search is not None:
        notes.append(
            f"In the search, over {report.search.n_splits} folds, the best setting "
            f"with a teacher was {report.search.mean:+.4f} in score against the best "
            f"without; corrected t-test {p_value(report.search.p_value)}."
        )
    header = ["", "gain (above 0 is better)", "of the gap to the teacher"]
    return Section("The student against the student alone", header, rows, notes)


def _members(report: Findings) -> Section:
    rows = [
        [f"teacher {k + 1}", number(accuracy, ACCURACY)]
        for k, accuracy in enumerate(report.members)
    ]
    return Section("Each teacher", ["", "accuracy"], rows, [])


def _costs(report: Findings) -> Section:
    costs = report.costs
    known = {**costs.sizes, **costs.latencies}
    models = [model for model in report.models if model in known]
    header = ["", *models]
    sizes = dict(costs.sizes)
    if costs.member is not None:
        header.insert(1, "one teacher")
        models = ["one teacher", *models]
        sizes["one teacher"] = costs.member
    compares = TEACHER in known
    rows = []
    for name, unit in (
        ("bytes", "n_bytes"),
        ("parameters", "n_parameters"),
        ("nodes", "n_nodes"),
    ):
        values = {m: _count_of(sizes.get(m), unit) for m in models}
        if any(value is not None for value in values.values()):
            row = [name, *(count(value) for value in values.values())]
            if compares:
                row.append(times(values[TEACHER], values[STUDENT]))
            rows.append(row)
    notes = []
    if costs.latencies:
        rows += _time_rows(costs.latencies, models, compares)
        threads = costs.latencies[STUDENT].n_threads
        notes.append(f"Times are medians of warm calls, threads: {threads}.")
    if compares:
        header.append("teacher / student")
    return Section("Size and time", header, rows, notes)


def _count_of(size, unit: str) -> int | None:
    """A count; no parameters of what also has nodes, a stack of trees for example."""
    if unit == "n_parameters" and getattr(size, "n_nodes", None):
        return None
    return getattr(size, unit, None)


def _time_rows(
    latencies: Mapping[str, Latency], models: list[str], compares: bool
) -> Iterator[list[str]]:
    for name, unit in (
        ("µs for one row", "one_row_us"),
        ("µs per row in batches", "batch_us_per_row"),
    ):
        taken = {model: getattr(each, unit) for model, each in latencies.items()}
        row = [name, *(_microseconds(taken.get(model)) for model in models)]
        if compares:
            row.append(times(taken.get(TEACHER), taken[STUDENT]))
        yield row


def _microseconds(value: float | None) -> str:
    if value is None or not math.isfinite(value):
        return ""
    return f"{value:,.0f}" if value >= 100 else f"{value:.2g}"


def _classes(report: Findings) -> Section:
    header = ["", "rows"]
    header += [f"recall, {model}" for model in report.models]
    header += ["its F1", "agreement"]
    rows = []
    for each in report.by_class[:_MOST_CLASSES]:
        row = [name_of(each.label), count(each.n_rows)]
        row += [number(each.recall[model], ACCURACY) for model in report.models]
        row += [number(each.f1[STUDENT]), number(each.agreement, ACCURACY)]
        rows.append(row)
    left = len(report.by_class) - _MOST_CLASSES
    notes = [f"And {left} further classes: see by_class."] if left > 0 else []
    return Section("Classes", header, rows, notes)


def _disagreements(report: Findings) -> Section:
    rows = [
        [
            str(each.row),
            name_of(each.label),
            f"{name_of(each.teacher)} ({each.p_teacher:.2f})",
            name_of(each.student)
            + (f" ({each.p_student:.2f})" if math.isfinite(each.p_student) else ""),
            number(each.kl),
        ]
        for each in report.disagreements
    ]
    header = ["row", "label", "teacher says", "student says", "divergence"]
    title = "Where student and teacher disagree most"
    return Section(title, header, rows, [])
