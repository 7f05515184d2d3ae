"""The report: what was kept of a teacher, and whether it was worth it."""

from __future__ import annotations

from numbers import Integral, Real

import numpy as np
from scipy import stats
from sklearn.utils import check_random_state

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
from skdistill.report._costs import weigh
from skdistill.report._document import DistillationReport
from skdistill.report._figures import Truth, mcnemar, measure
from skdistill.report._findings import SearchTest
from skdistill.report._tables import (
    by_class,
    most_different,
)
from skdistill.report._verdict import decide, say

#: Percentiles of fewer would be those of chance.
_FEWEST_RESAMPLES = 20


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
        The same student, *tuned* and trained without a teacher; or its probabilities,
        with columns in the order of the classes, or a frame with the labels as names.
        Without it nobody can say whether the teacher helped.
    teacher_proba : array-like of shape (n_rows, n_classes), default=None
        What the teacher says about these rows, for a teacher that cannot be asked
        (precomputed, stripped) or that is dear to ask: with it, the teacher is not
        asked at all, not for its time either.
    sample_weight : array-like of shape (n_rows,), default=None
        Weights of the rows. Rows of weight 0 are left out. McNemar's test counts the
        others all the same.
    n_resamples : int, default=1000
        Bootstrap resamples of the rows, from which the intervals are; at least 20. All
        models and figures share them.
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
        Before the teacher is asked, if something cannot be meant so.

    See Also
    --------
    skdistill.metrics : The figures one by one.
    skdistill.inspection : Pictures.

    Notes
    -----
    The outcome is that of the difference between the students in one figure. This is
    the log-loss; the Brier score, if a model gives the true class of some row
    probability 0; and the accuracy, if one of the students says labels only. The
    teacher "helped" or "harmed" if the interval of the difference lies on one side of
    0. Else there was "no gap", if the teacher is no better than the student alone; "no
    difference", if the whole interval is within 20 % of that gap; and the rows are "too
    small" a sample, if it is wider. Fewer than 20 rows always are. Where the student
    heard no teacher (``alpha=0``) there is nothing to judge: "no teacher".

    Each model is asked once about all rows, and the teacher last; where a model says
    probabilities, its label is that of the largest.

    Intervals are percentiles over resamples of the rows [1]_: they tell how far the
    figures depend on which rows were held out, and not on which the models were trained
    on. More than 10,000 rows are resampled in that many groups, put together at random.
    Where a model is right on all rows, resamples cannot tell how often it would not be.
    The area under the ROC curve is resampled to first order. The interval of the
    calibration error lies too high on few rows, as the error itself does.

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
    check_random_state(random_state)
    distiller, _ = distiller_in(model)
    truth, kept = _read_truth(distiller.classes_, X, y, sample_weight)
    asked = ask_all(model, X, teacher_proba=teacher_proba, baseline=baseline, kept=kept)
    costs = weigh(
        model, X, baseline, latency=latency, ask_teacher=teacher_proba is None
    )
    return _report_of(
        asked,
        truth,
        n_resamples=n_resamples,
        confidence_level=confidence_level,
        random_state=random_state,
        costs=costs,
        search=_test_of_search(distiller),
        taught=getattr(distiller, "route_", None) != "labels",
        disagreements=most_different(
            asked.answers, truth, n_disagreements, positions=kept
        ),
    )


def _report_of(
    asked: Asked,
    truth: Truth,
    *,
    n_resamples: int,
    confidence_level: float,
    random_state,
    taught: bool,
    **measured,
) -> DistillationReport:
    """The report, of what was asked and what was measured already."""
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
        verdict=say(figures, len(truth.codes), confidence_level, taught),
        outcome=decide(figures, len(truth.codes), taught),
        models=models,
        n_rows=len(truth.codes),
        confidence_level=confidence_level,
        classes=truth.classes.copy(),
        figures=figures.of_models,
        differences=figures.differences,
        recovered=figures.recovered,
        ruled_out=figures.ruled_out,
        mcnemar={
            name: mcnemar(student, asked.answers[name], truth.codes)
            for name in models
            if name != STUDENT
        },
        members=_accuracies(asked, truth),
        by_class=by_class(asked.answers, truth),
        **measured,
    )


def _check_settings(n_resamples, confidence_level, n_disagreements) -> None:
    wrong = []
    for name, value, least in (
        ("n_resamples", n_resamples, _FEWEST_RESAMPLES),
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


def _read_truth(
    classes: np.ndarray, X, y, sample_weight
) -> tuple[Truth, np.ndarray | None]:
    """True classes, and the positions of the rows that count, if not all do."""
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
    cure = "leave these rows out, or fit on rows of all classes"
    codes = codes_of(labels, classes, "y", cure)
    if weight is None or (weight > 0).all():
        return Truth(classes, codes, weight), None
    kept = np.flatnonzero(weight > 0)
    return Truth(classes, codes[kept], weight[kept]), kept


def _test_of_search(distiller) -> SearchTest | None:
    if not isinstance(distiller, DistillationClassifierCV):
        return None
    differences = distiller.differences_
    n_splits = len(differences)
    if n_splits < 2:
        return None
    # A search of an older version does not say; of k folds it is 1 to k - 1.
    ratio = getattr(distiller, "_n_test_over_train", 1 / (n_splits - 1))
    variance = np.var(differences, ddof=1) * (1 / n_splits + ratio)
    mean = float(np.mean(differences))
    if variance == 0:
        return SearchTest(mean, 1.0 if mean == 0 else 0.0, n_splits)
    p_value = 2 * stats.t.sf(abs(mean) / np.sqrt(variance), df=n_splits - 1)
    return SearchTest(mean, float(p_value), n_splits)


def _accuracies(asked: Asked, truth: Truth) -> list[float]:
    return [
        np.nan
        if member is None
        else float(np.average(member.codes == truth.codes, weights=truth.weight))
        for member in asked.members
    ]
