"""The settings that `settings.py` tries: around a start, one axis after the other."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

from benchmarks.quality._contenders import FOREST, Kind
from benchmarks.quality._settings import FREE_TREE, PATIENT, STEADY, Settings

#: Family -> the settings around which the axes are tried.
START = {
    "tree": Settings(),
    "linear": STEADY,
    "network": Settings(weight=20.0, alpha=0.5, rows_seen=1.5e6, params=PATIENT),
    "boosting": STEADY,
}

#: What the student itself is changed by, besides what the student alone is tuned to.
OF_STUDENT = {
    "tree": [
        {"min_samples_leaf": 1},
        {"min_samples_leaf": 5},
        {"criterion": "gini"},
        {"criterion": "entropy"},
        FREE_TREE,
    ],
    "linear": [{"C": 1.0}, {"C": 10.0}],
    "network": [
        {**PATIENT, "learning_rate": 3e-3},
        {**PATIENT, "learning_rate_schedule": "constant"},
        {**PATIENT, "weight_decay": 0.0},
        {"early_stopping": True, "max_epochs": 50},
    ],
    "boosting": [{"learning_rate": rate} for rate in (0.05, 0.1, 0.2)],
}


def axes(family: str, kind: Kind) -> Iterator[tuple[str, Settings]]:
    """The start, and what differs from it along one axis."""
    start = START[family]

    def along(axis: str, **changes) -> tuple[str, Settings]:
        return axis, dataclasses.replace(start, **changes)

    yield along("start")
    if start.labels != "in-sample":
        yield along("calibration", calibration=None)
    for labels in ("in-sample", "out-of-fold", "5-fold"):
        # In sample there is nothing to calibrate on.
        told = None if labels == "in-sample" else "temperature"
        for axis, transfer in (
            ("labels", start.transfer),
            ("labels, transfer", "Munge"),
            ("labels, no transfer", None),
        ):
            yield along(axis, labels=labels, calibration=told, transfer=transfer)
    for name in (None, "Munge", "CoLeaf", "Spunge", "GaussianMixture"):
        if name != "GaussianMixture" or not (kind.categories or kind.wide):
            yield along("transfer", transfer=name)
    sizes = (1.0, 5.0, 20.0) if start.transfer else ()
    for size in sizes:
        # A transfer row weighs what it does in the start, if that is 1 or more.
        weight = max(min(start.weight, 1.0), start.weight * size / start.size)
        yield along("size", size=size, weight=weight)
    for weight in (1.0, 4.0, 20.0) if start.transfer else ():
        yield along("weight", weight=weight)
    for alpha in (0.3, 0.5, 0.7, 0.9, 1.0):
        yield along("alpha", alpha=alpha)
    for temperature in (0.5, 1.0, 2.0, 4.0):
        yield along("temperature", temperature=temperature)
    if family == "network":
        yield along("redraw", redraw=True)
    if family == "tree":
        for redraw in (False, True)[: 1 if kind.categories else 2]:
            yield along("redraw", redraw=redraw)
            for size in (5.0, 20.0):
                yield along("redraw", redraw=redraw, size=size, params=FREE_TREE)
    for params in OF_STUDENT[family]:
        yield along("student", params=params)
    if start.rows_seen is not None:
        for rows_seen in (7.5e5, 1.5e6, 3e6):
            yield along("rows seen", rows_seen=rows_seen)


def candidates(family: str, kind: Kind, teacher: str) -> dict[str, tuple]:
    """Text of the settings -> (axes, settings); each is fitted once."""
    found: dict[str, tuple] = {}
    for axis, settings in axes(family, kind):
        if teacher != FOREST and settings.labels == "5-fold":
            continue  # the same as out-of-fold
        axis_names, _ = found.setdefault(settings.text(), ([], settings))
        axis_names.append(axis)
    return found
