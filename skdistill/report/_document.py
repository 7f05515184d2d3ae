"""A report that can be printed, shown in a notebook, and handed on as numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from skdistill.report._findings import Findings
from skdistill.report._layout import as_html, as_text
from skdistill.report._plain import plain, rows_of
from skdistill.report._sections import sections


@dataclass(frozen=True, repr=False, eq=False)
class DistillationReport(Findings):
    """What `distillation_report` found; printed, it is a page of text.

    Attributes
    ----------
    verdict : str
        One line: whether the teacher helped, or that these rows cannot tell.
    outcome : {"helped", "harmed", "no difference", "too small", "no gap", \
"no baseline", "no teacher"}
        The same in a word.
    models : list of str
        "teacher", "student alone" (if there is one) and "student".
    n_rows : int
        Rows that all were judged by; those of weight 0 are not among them.
    confidence_level : float
        Of the intervals.
    classes : ndarray of shape (n_classes,)
        Labels.
    figures : dict
        ``(model, figure)`` to an estimate with `value`, `low` and `high`. Figures are
        "accuracy", "log_loss", "auc", "brier", "calibration_error", and for students
        "agreement" and "kl" to the teacher.
    differences : dict
        ``("student", other model, figure)`` to an estimate of the figure of the student
        minus that of the other, on the same resamples.
    recovered : dict
        Figure to an estimate of the share of the gap, between the student alone and the
        teacher, that the student recovers. Without a value where there is no gap.
    ruled_out : dict
        Model to the number of rows to whose true class it gives probability 0 (2.2e-16
        at most), each of which adds 36 to the sum of log-losses.
    mcnemar : dict
        Other model to the test of the student against it.
    search : SearchTest or None
        For a search: what its folds say.
    members : list of float
        Accuracy of each teacher, if there are several; nan for one of weight 0, which
        is not asked.
    costs : Costs
        `sizes` and `latencies` of the models.
    by_class : list of ClassFigures
        One for each class.
    disagreements : list of Disagreement
        Rows on which student and teacher disagree most; first those on which they say
        different classes.
    """

    def __str__(self) -> str:
        return as_text(self.verdict, sections(self))

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return as_html(self.verdict, sections(self))

    def to_dict(self) -> dict[str, Any]:
        """The report as numbers, strings, lists and dictionaries; fit for JSON.

        Returns
        -------
        dict
            Figures are nested: ``["figures"]["student"]["log_loss"]["value"]``. What is
            not defined is None.
        """
        return plain(self)

    def to_frame(self):
        """The figures as a frame, one row for each model and figure.

        Returns
        -------
        pandas.DataFrame
            With columns "model", "figure", "value", "low" and "high". "student minus
            ..." are differences, and figures "recovered ..." shares of the gap; sizes
            and times have no interval.

        Raises
        ------
        ImportError
            Without pandas.
        """
        try:
            import pandas as pd
        except ImportError:
            raise ImportError(
                "to_frame needs pandas, which is not installed: pip install pandas; "
                "to_dict needs nothing."
            ) from None
        columns = ["model", "figure", "value", "low", "high"]
        return pd.DataFrame(rows_of(self), columns=columns)
