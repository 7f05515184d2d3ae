"""Numbers and names as a report writes them."""

from __future__ import annotations

import math

from skdistill.report._bootstrap import Estimate
from skdistill.report._figures import (
    ACCURACY,
    AGREEMENT,
    AUC,
    BRIER,
    ECE,
    KL,
    LOG_LOSS,
)

#: How a figure is called; in brackets, which way is better.
NAMES = {
    ACCURACY: "accuracy (more)",
    LOG_LOSS: "log-loss (less)",
    AUC: "area under ROC (more)",
    BRIER: "Brier score (less)",
    ECE: "calibration error (less)",
    AGREEMENT: "agreement with the teacher",
    KL: "divergence from the teacher, nats",
}

#: Shares are written in percent.
_SHARES = (ACCURACY, AGREEMENT)


def number(value: float, figure: str | None = None, sign: bool = False) -> str:
    """A figure in four digits or as a percentage; nothing, where there is none."""
    if not math.isfinite(value):
        return ""
    plus = "+" if sign else ""
    if figure in _SHARES:
        return f"{100 * value:{plus}.1f}{' points' if sign else '%'}"
    return f"{value:{plus}.4f}"


def with_interval(each: Estimate, figure: str | None = None, sign=False) -> str:
    """A figure and its interval."""
    value = number(each.value, figure, sign)
    if not value or not math.isfinite(each.low):
        return value
    low, high = (number(end, figure, sign) for end in (each.low, each.high))
    low, high = (end.removesuffix("%").removesuffix(" points") for end in (low, high))
    return f"{value} [{low}, {high}]"


def share(each: Estimate) -> str:
    """A share of the gap and its interval, in percent; why, where there is none."""
    if not math.isfinite(each.value):
        return "no gap: the teacher is not better"
    if not math.isfinite(each.low):
        return f"{each.value:.0%} (the gap is too small for an interval)"
    return f"{each.value:.0%} [{100 * each.low:.0f}, {100 * each.high:.0f}]"


def count(value: float | None) -> str:
    """A whole number with commas; nothing for None."""
    return "" if value is None else f"{value:,.0f}"


def times(one: float | None, other: float | None) -> str:
    """How many times as large the first is."""
    if not one or not other:
        return ""
    ratio = one / other
    return f"{ratio:,.0f} ×" if ratio >= 10 else f"{ratio:.2g} ×"  # noqa: RUF001


def p_value(value: float) -> str:
    """A probability, not below .001."""
    return "p < 0.001" if value < 0.001 else f"p = {value:.3f}"
