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
    ECE: "calibration err. (less)",
    AGREEMENT: "agreement with teacher",
    KL: "divergence, nats (less)",
}

#: Shares are written in percent.
_SHARES = (ACCURACY, AGREEMENT)

#: Characters of a label; two of them and three numbers fit a line.
_LONGEST_LABEL = 16


def number(value: float, figure: str | None = None, sign: bool = False) -> str:
    """A figure in four digits or as a percentage; nothing, where there is none."""
    if not math.isfinite(value):
        return ""
    plus = "+" if sign else ""
    if figure in _SHARES:
        # What rounds to 0 has no sign.
        return f"{round(100 * value, 1) + 0.0:{plus}.1f}{' points' if sign else '%'}"
    return f"{round(value, 4) + 0.0:{plus}.4f}"


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


def percent(value: float) -> str:
    """A level of confidence, with as many digits as it has."""
    return f"{100 * value:.10g}%"


def name_of(label) -> str:
    """A label on one line, and a short one."""
    text = " ".join(str(label).split())
    return text if len(text) <= _LONGEST_LABEL else text[: _LONGEST_LABEL - 3] + "..."


def count(value: float | None) -> str:
    """A whole number with commas; nothing for None."""
    return "" if value is None else f"{value:,.0f}"


def in_rows(n_rows: int) -> str:
    """So many rows."""
    return "1 row" if n_rows == 1 else f"{n_rows:,} rows"


def times(one: float | None, other: float | None) -> str:
    """How many times as large the first is."""
    if not one or not other:
        return ""
    ratio = one / other
    return f"{ratio:,.0f} ×" if ratio >= 10 else f"{ratio:.2g} ×"  # noqa: RUF001


def p_value(value: float) -> str:
    """A probability, not below .001."""
    return "p < 0.001" if value < 0.001 else f"p = {value:.3f}"
