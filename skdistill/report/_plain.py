"""A report as plain numbers: nested for JSON, in rows for a frame."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from skdistill.report._answers import STUDENT
from skdistill.report._bootstrap import Estimate
from skdistill.report._findings import Findings


def plain(report: Findings) -> dict[str, Any]:
    """Numbers, strings, lists and dictionaries; None for what is not defined."""
    differences: dict[str, dict] = {}
    for (_, other, figure), each in report.differences.items():
        differences.setdefault(other, {})[figure] = each
    figures: dict[str, dict] = {model: {} for model in report.models}
    for (model, figure), each in report.figures.items():
        figures[model][figure] = each
    return _plain(
        {
            "verdict": report.verdict,
            "outcome": report.outcome,
            "models": report.models,
            "n_rows": report.n_rows,
            "confidence_level": report.confidence_level,
            "classes": report.classes,
            "figures": figures,
            "student_minus": differences,
            "recovered": report.recovered,
            "ruled_out": report.ruled_out,
            "mcnemar": report.mcnemar,
            "search": report.search,
            "members": report.members,
            "costs": report.costs,
            "by_class": report.by_class,
            "disagreements": report.disagreements,
        }
    )


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _plain(each) for key, each in value.items()}
    if hasattr(value, "_asdict"):
        return _plain(value._asdict())
    if isinstance(value, np.ndarray):
        return _plain(value.tolist())
    if isinstance(value, (list, tuple)):
        return [_plain(each) for each in value]
    if isinstance(value, np.generic):
        return _plain(value.item())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def rows_of(report: Findings) -> Iterator[tuple]:
    """(model, figure, value, low, high), one for each figure."""
    for (model, figure), each in report.figures.items():
        yield model, figure, *each
    for (_, other, figure), each in report.differences.items():
        yield f"{STUDENT} minus {other}", figure, *each
    for figure, each in report.recovered.items():
        yield STUDENT, f"recovered {figure}", *each
    for costs in (report.costs.sizes, report.costs.latencies):
        for model, measured in costs.items():
            for name, value in measured._asdict().items():
                if value is not None:
                    yield model, name, *Estimate(float(value))
