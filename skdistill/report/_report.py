"""The report: what was kept of a teacher, and whether it was worth it."""

from __future__ import annotations

from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any, NamedTuple

import numpy as np
from scipy import stats

from skdistill._rows import n_rows_of
from skdistill._search import DistillationClassifierCV
from skdistill._sklearn_compat import check_weights
from skdistill.metrics._said import check_same_rows, codes_of, read_labels
from skdistill.report._answers import (
    ALONE,
    STUDENT,
    TEACHER,
    Asked,
    ask_all,
    distiller_in,
)
from skdistill.report._bootstrap import Estimate
from skdistill.report._costs import Costs, weigh
from skdistill.report._figures import McNemar, Truth, mcnemar, measure
from skdistill.report._layout import as_html, as_text
from skdistill.report._plain import plain, rows_of
from skdistill.report._sections import sections
from skdistill.report._tables import (
    ClassFigures,
    Disagreement,
    by_class,
    most_different,
)
from skdistill.report._verdict import decide, say


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


@dataclass(frozen=True, repr=False)
class DistillationReport:
    """What `distillation_report` found; printed, it is a page of text.

    Attributes
    ----------
    verdict : str
        One line: whether the teacher helped, or that these rows cannot tell.
    outcome : {"helped", "harmed", "no difference", "too small", "no gap", \
"no baseline"}
        The same in a word.
    models : list of str
        "teacher", "student alone" (if there is one) and "student".
    n_rows : int
        Rows that all were judged by.
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
        Student to the number of rows to whose true class it gives probability 0, each
        of which adds 36 to the sum of log-losses.
    mcnemar : dict
        Other model to the test of the student against it.
    search : SearchTest or None
        For a search: what its folds say.
    members : list of float
        Accuracy of each teacher, if there are several.
    costs : Costs
        `sizes` and `latencies` of the models.
    by_class : list of ClassFigures
        One for each class.
    disagreements : list of Disagreement
        Rows on which student and teacher disagree most.
    """

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


def distillation_report(
    model,
    X,
    y,
    *,
    baseline=None,
    teacher_proba=None,
    sample_weight=None,
    n_resamples: int = 1000,
    confidence_level: float = 0.95,
    n_disagreements: int = 5,
    latency: bool = True,
    random_state=0,
) -> DistillationReport:
    """Judge a teacher, its student and the same student alone on held-out rows.

    Parameters
    ----------
    model : estimator
        A fitted :class:`~skdistill.DistillationClassifier`, a search over one, or a
        pipeline that ends in one.
    X : {array-like, sparse matrix} of shape (n_rows, n_features)
        Rows that no model was trained on, as `model` takes them.
    y : array-like of shape (n_rows,)
        Their true labels, all of which the model knows.
    baseline : estimator or array-like of shape (n_rows, n_classes), default=None
        The same student, *tuned* and trained without a teacher; or its probabilities.
        Without it nobody can say whether the teacher helped.
    teacher_proba : array-like of shape (n_rows, n_classes), default=None
        What the teacher says about these rows, for a teacher that cannot be asked
        (precomputed, stripped) or that is dear to ask.
    sample_weight : array-like of shape (n_rows,), default=None
        Weights of the rows. McNemar's test counts rows all the same.
    n_resamples : int, default=1000
        Bootstrap resamples of the rows, from which the intervals are. All models and
        figures share them.
    confidence_level : float, default=0.95
        Of the intervals, in (0, 1).
    n_disagreements : int, default=5
        How many of the rows to list on which student and teacher disagree most.
    latency : bool, default=True
        Whether to take times.
    random_state : int, RandomState instance or None, default=0
        Seeds the resamples.

    Returns
    -------
    DistillationReport
        To be printed, shown in a notebook, or read.

    Raises
    ------
    TypeError, ValueError
        Before anybody is asked, if something cannot be meant so.

    See Also
    --------
    skdistill.metrics : The figures one by one.
    skdistill.inspection : Pictures.

    Notes
    -----
    Each model is asked once about all rows. Intervals are percentiles over resamples
    of the rows [1]_: they tell how far the figures depend on which rows were held out,
    and not on which the models were trained on. More than 10,000 rows are resampled in
    that many groups, put together at random. The area under the ROC curve is
    resampled to first order. The interval of the calibration error lies too high on
    few rows, as the error itself does.

    References
    ----------
    .. [1] B. Efron and R. Tibshirani, "An introduction to the bootstrap", 1993.

    Examples
    --------
    >>> from sklearn.base import clone
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.ensemble import RandomForestClassifier
    >>> from sklearn.model_selection import train_test_split
    >>> from sklearn.tree import DecisionTreeClassifier
    >>> from skdistill import DistillationClassifier, distillation_report
    >>> X, y = load_digits(return_X_y=True)
    >>> X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)
    >>> tree = DecisionTreeClassifier(
    ...     max_leaf_nodes=64, min_samples_leaf=5, random_state=0
    ... )
    >>> model = DistillationClassifier(
    ...     RandomForestClassifier(random_state=0), tree, teacher_cv="oob"
    ... ).fit(X_train, y_train)
    >>> report = distillation_report(
    ...     model, X_test, y_test, baseline=tree.fit(X_train, y_train), latency=False
    ... )
    >>> print(report.verdict)
    450 rows are too few to tell whether the teacher helped: ...
    >>> change = report.differences["student", "student alone", "brier"]
    >>> change.low < 0 < change.high
    True
    """
    _check_settings(n_resamples, confidence_level, n_disagreements)
    distiller, _ = distiller_in(model)
    truth = _read_truth(distiller.classes_, X, y, sample_weight)
    asked = ask_all(model, X, teacher_proba=teacher_proba, baseline=baseline)
    models = [name for name in (TEACHER, ALONE, STUDENT) if name in asked.answers]
    figures = measure(
        {name: asked.answers[name] for name in models},
        truth,
        n_resamples=n_resamples,
        confidence_level=confidence_level,
        random_state=random_state,
    )
    student = asked.answers[STUDENT]
    return DistillationReport(
        verdict=say(figures, len(truth.codes), confidence_level),
        outcome=decide(figures),
        models=models,
        n_rows=len(truth.codes),
        confidence_level=confidence_level,
        classes=truth.classes,
        figures=figures.of_models,
        differences=figures.differences,
        recovered=figures.recovered,
        ruled_out=figures.ruled_out,
        mcnemar={
            name: mcnemar(student, asked.answers[name], truth.codes)
            for name in models
            if name != STUDENT
        },
        search=_test_of_search(model),
        members=_accuracies(asked, truth),
        costs=weigh(model, X, baseline, latency=latency),
        by_class=by_class(asked.answers, truth),
        disagreements=most_different(asked.answers, truth, n_disagreements),
    )


def _check_settings(n_resamples, confidence_level, n_disagreements) -> None:
    wrong = []
    for name, value, least in (
        ("n_resamples", n_resamples, 1),
        ("n_disagreements", n_disagreements, 0),
    ):
        if (
            isinstance(value, bool)
            or not isinstance(value, Integral)
            or int(value) < least
        ):
            wrong.append(f"{name}={value!r} must be a whole number >= {least}.")
    is_number = isinstance(confidence_level, Real)
    if not is_number or not 0 < float(confidence_level) < 1:
        wrong.append(
            f"confidence_level={confidence_level!r} must be in (0, 1), such as 0.95."
        )
    if wrong:
        raise ValueError(" ".join(wrong))


def _read_truth(classes: np.ndarray, X, y, sample_weight) -> Truth:
    labels = read_labels(y, "y")
    if len(labels) != n_rows_of(X):
        raise ValueError(
            f"X has {n_rows_of(X)} rows and y has {len(labels)} labels; give one label "
            "for each row."
        )
    check_same_rows(y=labels)
    weight = check_weights(sample_weight, np.empty((len(labels), 0)))
    if weight is not None and not weight.any():
        raise ValueError("sample_weight is 0 on all rows; nothing is left to judge by.")
    return Truth(classes, codes_of(labels, classes, "y"), weight)


def _test_of_search(model) -> SearchTest | None:
    if not isinstance(model, DistillationClassifierCV):
        return None
    differences = model.differences_
    n_splits = len(differences)
    if n_splits < 2:
        return None
    # Of k folds, one part in k - 1 as many rows judge as teach.
    variance = np.var(differences, ddof=1) * (1 / n_splits + 1 / (n_splits - 1))
    mean = float(np.mean(differences))
    if variance == 0:
        return SearchTest(mean, 1.0 if mean == 0 else 0.0, n_splits)
    p_value = 2 * stats.t.sf(abs(mean) / np.sqrt(variance), df=n_splits - 1)
    return SearchTest(mean, float(p_value), n_splits)


def _accuracies(asked: Asked, truth: Truth) -> list[float]:
    return [
        float(np.average(member.codes == truth.codes, weights=truth.weight))
        for member in asked.members
    ]
