"""What a report found, as numbers; how it is shown is no matter of theirs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from skdistill.report._bootstrap import Estimate
from skdistill.report._costs import Costs
from skdistill.report._figures import McNemar
from skdistill.report._tables import ClassFigures, Disagreement


class SearchTest(NamedTuple):
    """What a search found between its folds.

    Parameters
    ----------
    mean : float
        Of the differences in score, best setting with a teacher minus best without.
    p_value : float
        Two-sided, of the t-test corrected for the overlap of training rows [1]_. The
        best settings are compared as if they had been named beforehand, so it is too
        small rather than too large.
    n_splits : int

    References
    ----------
    .. [1] C. Nadeau and Y. Bengio, "Inference for the generalization error", Machine
       Learning, 2003.
    """

    mean: float
    p_value: float
    n_splits: int


@dataclass(frozen=True, repr=False, eq=False)
class Findings:
    """All that a report knows; :class:`DistillationReport` says what each is."""

    verdict: str
    outcome: str
    models: list[str]
    n_rows: int
    confidence_level: float
    classes: np.ndarray
    figures: dict[tuple[str, str], Estimate]
    differences: dict[tuple[str, str, str], Estimate]
    recovered: dict[str, Estimate]
    ruled_out: dict[str, int]
    mcnemar: dict[str, McNemar]
    search: SearchTest | None
    members: list[float]
    costs: Costs
    by_class: list[ClassFigures]
    disagreements: list[Disagreement]
