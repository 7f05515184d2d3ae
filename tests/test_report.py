"""The report: independent formulas, honest intervals, every outcome and model."""

import html
import json
import math
import pickle
import re
import sys
from copy import deepcopy
from functools import partial

import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse, stats
from scipy.special import softmax
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import load_digits, make_classification
from sklearn.ensemble import RandomForestClassifier, StackingClassifier
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import (
    accuracy_score,
    brier_score_loss,
    log_loss,
    precision_recall_fscore_support,
    roc_auc_score,
)
from sklearn.model_selection import (
    GridSearchCV,
    RepeatedStratifiedKFold,
    ShuffleSplit,
)
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeClassifier
from skorch import NeuralNetClassifier

from skdistill import (
    DistillationClassifier,
    DistillationClassifierCV,
    DistillationReport,
    distillation_report,
    strip_teacher,
)
from skdistill.metrics import (
    expected_calibration_error,
    fidelity_score,
    model_size,
    recovered_gap_score,
    teacher_kl_divergence,
)
from skdistill.neural import NeuralClassifier
from tests.strategies import LABELS, examples

SEEDS = st.integers(0, 2**32 - 1)
TEACHER, ALONE, STUDENT = "teacher", "student alone", "student"
KINDS = {**LABELS, "ten": np.arange(10), "two words": np.array(["no", "yes"])}
OUTCOMES = {"helped", "harmed", "no difference", "too small", "no gap", "no baseline"}


# Models that say what a table says ------------------------------------------------


class Echo(ClassifierMixin, BaseEstimator):
    """Its features are its probabilities."""

    def fit(self, X, y, sample_weight=None):
        self.classes_ = np.unique(y)
        self.n_features_in_ = X.shape[1]
        return self

    def predict_proba(self, X):
        return np.asarray(X)

    def predict(self, X):
        return self.classes_[self.predict_proba(X).argmax(axis=1)]


class Sayer(ClassifierMixin, BaseEstimator):
    """Says the labels that its features point at, and nothing more."""

    def fit(self, X, y, sample_weight=None):
        self.classes_ = np.unique(y)
        self.n_features_in_ = X.shape[1]
        return self

    def predict(self, X):
        return self.classes_[np.asarray(X).argmax(axis=1)]


def echo(classes, student=None, **options):
    """A distiller whose student gives back its rows, and that has no teacher."""
    classes = np.sort(classes)
    sure = 0.5 * np.eye(len(classes)) + 0.5 / len(classes)
    model = DistillationClassifier("precomputed", student or Echo(), **options)
    sure, labels = np.tile(sure, (3, 1)), np.tile(classes, 3)
    return model.fit(sure, labels, teacher_proba=sure)


class Tables:
    """True classes of some rows, and what three models say about them."""

    def __init__(self, seed, n=60, k=3, skills=(3.0, 1.0, 2.0), skew=1.5):
        self.rng = np.random.default_rng(seed)
        self.n, self.k = n, k
        # Every class has rows, the first ones more.
        codes = (k * (np.arange(n) / n) ** skew).astype(int)
        self.codes = self.rng.permutation(codes)
        self.teacher, self.alone, self.student = map(self.table, skills)

    def table(self, skill):
        noise = self.rng.normal(size=(self.n, self.k))
        return softmax(skill * np.eye(self.k)[self.codes] + noise, axis=1)

    def report(self, classes=None, baseline=True, **options):
        classes = np.arange(self.k) if classes is None else np.sort(classes)
        options = {"latency": False, "n_resamples": 20} | options
        return distillation_report(
            echo(classes),
            self.student,
            classes[self.codes],
            teacher_proba=self.teacher,
            baseline=self.alone if baseline else None,
            **options,
        )

    def said(self):
        return {TEACHER: self.teacher, ALONE: self.alone, STUDENT: self.student}


def area(codes, proba, weight=None):
    """Macro one-vs-rest over the classes that rows have; of two, of the second."""
    k = proba.shape[1]
    each = [
        roc_auc_score(codes == c, proba[:, c], sample_weight=weight)
        for c in (range(k) if k > 2 else [1])
        if 0 < np.count_nonzero(codes == c) < len(codes)
    ]
    return np.mean(each) if each else np.nan


def brier(codes, proba, weight=None):
    """As scikit-learn's; before 1.7 that was for two classes only."""
    squares = ((proba - np.eye(proba.shape[1])[codes]) ** 2).sum(axis=1)
    mean = np.average(squares, weights=weight)
    return mean / 2 if proba.shape[1] == 2 else mean


def test_brier_of_two_classes_is_scikit_learns():
    rng = np.random.default_rng(0)
    codes, p, weight = rng.integers(2, size=50), rng.random(50), rng.random(50)
    assert brier(codes, np.column_stack([1 - p, p]), weight) == pytest.approx(
        brier_score_loss(codes, p, sample_weight=weight)
    )


def expected_figures(codes, proba, teacher=None, weight=None):
    """Figures by scikit-learn, and by `skdistill.metrics` where it has none."""
    k = proba.shape[1]
    options = {"sample_weight": weight, "labels": np.arange(k)}
    figures = {
        "accuracy": accuracy_score(codes, proba.argmax(axis=1), sample_weight=weight),
        "log_loss": log_loss(codes, proba, **options),
        "auc": area(codes, proba, weight),
        "calibration_error": expected_calibration_error(codes, proba, **options),
    }
    figures["brier"] = brier(codes, proba, weight)
    if teacher is not None:
        figures["agreement"] = fidelity_score(teacher, proba, sample_weight=weight)
        figures["kl"] = teacher_kl_divergence(teacher, proba, sample_weight=weight)
    return figures


def check_figures(report, codes, said, weight=None):
    """Each figure that a report has, and none that it should have not."""
    expected = {
        (name, figure): value
        for name, proba in said.items()
        for figure, value in expected_figures(
            codes, proba, None if name == TEACHER else said[TEACHER], weight
        ).items()
    }
    assert set(report.figures) == set(expected)
    for key, value in expected.items():
        assert_allclose(report.figures[key].value, value, atol=1e-12, err_msg=key)
    return expected


# Figures --------------------------------------------------------------------------


@examples(30)
@given(SEEDS, st.sampled_from(sorted(KINDS)), st.booleans())
def test_figures_are_those_of_the_metrics(seed, kind, weighted):
    classes = np.sort(KINDS[kind])
    tables = Tables(seed, n=40, k=len(classes))
    weight = tables.rng.uniform(0.1, 3, size=40) if weighted else None
    report = tables.report(classes, sample_weight=weight)
    expected = check_figures(report, tables.codes, tables.said(), weight)
    assert_array_equal(report.classes, classes)
    assert report.models == [TEACHER, ALONE, STUDENT]
    assert report.n_rows == 40
    assert report.ruled_out == {TEACHER: 0, ALONE: 0, STUDENT: 0}
    for (name, other, figure), change in report.differences.items():
        assert name == STUDENT
        assert_allclose(
            change.value,
            expected[STUDENT, figure] - expected[other, figure],
            atol=1e-12,
        )


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_differences_to_both_others(kind):
    report = Tables(0, k=len(KINDS[kind])).report(KINDS[kind])
    for other in (TEACHER, ALONE):
        compared = {key[2] for key in report.differences if key[1] == other}
        assert compared >= {"accuracy", "log_loss", "auc", "brier"}


@pytest.mark.parametrize("absent", [[0], [2], [0, 3], [1, 2, 3]])
def test_rows_that_lack_classes(absent):
    tables = Tables(1, n=80, k=5)
    kept = ~np.isin(tables.codes, absent)
    for name in ("codes", "teacher", "alone", "student"):
        setattr(tables, name, getattr(tables, name)[kept])
    report = tables.report([*LABELS["string"].tolist(), "zebra"])
    check_figures(report, tables.codes, tables.said())
    for each, label in zip(report.by_class, report.classes, strict=True):
        assert each.label == label
    assert [report.by_class[code].n_rows for code in absent] == [0] * len(absent)
    assert np.isnan(report.by_class[absent[0]].recall[STUDENT])
    json.dumps(report.to_dict(), allow_nan=False)
    str(report), report._repr_html_(), report.to_frame()


def test_rows_of_one_class_have_no_area_under_the_curve():
    tables = Tables(2, n=30, k=2)
    tables.codes[:] = 1
    report = tables.report(n_resamples=50)
    check_figures(report, tables.codes, tables.said())
    area = report.figures[STUDENT, "auc"]
    assert np.isnan([area.value, area.low, area.high]).all()
    assert report.to_dict()["figures"][STUDENT]["auc"]["value"] is None
    assert "nan" not in str(report)
    assert "nan" not in re.sub(r"<[^>]*>", "", report._repr_html_())


def test_a_single_row():
    tables = Tables(3, n=1, k=3)
    report = tables.report()
    check_figures(report, tables.codes, tables.said())
    assert report.n_rows == 1
    str(report), report._repr_html_()


def test_ties_in_probabilities():
    tables = Tables(4, n=70, k=3)
    for name in ("teacher", "alone", "student"):
        # Eighths that sum to 1: equal numbers stay equal.
        coarse = np.round(getattr(tables, name)[:, :2] * 8) / 16 + 0.125
        table = np.column_stack([coarse, 1 - coarse.sum(axis=1)])
        setattr(tables, name, table)
    weight = tables.rng.uniform(0.1, 3, size=70)
    check_figures(tables.report(), tables.codes, tables.said())
    report = tables.report(sample_weight=weight)
    check_figures(report, tables.codes, tables.said(), weight)


@pytest.mark.parametrize("k", [2, 4])
def test_classes_by_hand(k):
    tables = Tables(5, n=90, k=k)
    weight = tables.rng.uniform(0.1, 3, size=90)
    for given_weight in (None, weight):
        report = tables.report(sample_weight=given_weight)
        counts = [each.n_rows for each in report.by_class]
        assert counts == np.bincount(tables.codes).tolist()
        for name, proba in tables.said().items():
            scores = precision_recall_fscore_support(
                tables.codes, proba.argmax(axis=1), sample_weight=given_weight
            )
            for figure, score in zip(
                ("precision", "recall", "f1"), scores[:3], strict=True
            ):
                found = [getattr(each, figure)[name] for each in report.by_class]
                assert_allclose(found, score)
        assert_allclose(
            [each.agreement for each in report.by_class],
            fidelity_score(
                tables.teacher,
                tables.student,
                average=None,
                sample_weight=given_weight,
            ),
        )


def test_disagreements_are_the_largest_divergences():
    tables = Tables(6, n=50, k=3)
    classes = np.sort(LABELS["string"])[:3]
    report = tables.report(classes, n_disagreements=7)
    divergence = teacher_kl_divergence(tables.teacher, tables.student, reduction="none")
    same = tables.teacher.argmax(axis=1) == tables.student.argmax(axis=1)
    ranked = np.lexsort((-divergence, same))[:7]  # where classes differ comes first
    assert 0 < np.count_nonzero(~same) < 50
    assert [each.row for each in report.disagreements] == ranked.tolist()
    for each in report.disagreements:
        teacher, student = tables.teacher[each.row], tables.student[each.row]
        assert each.label == classes[tables.codes[each.row]]
        assert each.teacher == classes[teacher.argmax()]
        assert each.student == classes[student.argmax()]
        assert_allclose(each.p_teacher, teacher.max())
        assert_allclose(each.p_student, student.max())
        assert_allclose(each.kl, divergence[each.row])
    assert tables.report(n_disagreements=0).disagreements == []
    assert len(tables.report(n_disagreements=10**6).disagreements) == 50


def test_a_student_that_says_what_its_teacher_says():
    tables = Tables(7)
    tables.student = tables.teacher.copy()
    report = tables.report()
    assert report.figures[STUDENT, "agreement"].value == 1.0
    assert_allclose(report.figures[STUDENT, "kl"].value, 0, atol=1e-12)
    assert_allclose(report.recovered["log_loss"].value, 1.0)
    assert report.disagreements == []
    for name in ("accuracy", "log_loss", "auc", "brier"):
        assert_allclose(report.differences[STUDENT, TEACHER, name], 0, atol=1e-12)


def test_recovered_gap():
    tables = Tables(8, n=200)
    weight = tables.rng.uniform(0.1, 3, size=200)
    for given_weight in (None, weight):
        report = tables.report(sample_weight=given_weight)
        figures = report.figures
        for name, share in report.recovered.items():
            alone, student, teacher = (
                figures[model, name].value for model in (ALONE, STUDENT, TEACHER)
            )
            assert_allclose(share.value, (alone - student) / (alone - teacher))
        assert_allclose(
            report.recovered["log_loss"].value,
            recovered_gap_score(
                tables.codes,
                tables.student,
                tables.alone,
                tables.teacher,
                sample_weight=given_weight,
            ),
        )
        assert {"log_loss", "accuracy", "brier"} <= set(report.recovered)


def test_no_gap_has_no_share():
    tables = Tables(9, n=200, skills=(1.0, 3.0, 2.0))
    report = tables.report(n_resamples=100)
    for share in report.recovered.values():
        assert np.isnan(share.value)
    assert tables.report(baseline=False).recovered == {}


def test_zeros_are_counted_and_cost_36():
    tables = Tables(10, n=50, k=3)
    losses = -np.log(tables.student[np.arange(50), tables.codes])
    for row, code in enumerate(tables.codes[:3]):
        tables.student[row] = np.eye(3)[(code + 1) % 3]
    tables.student[3] = np.eye(3)[tables.codes[3]]  # zeros elsewhere do not count
    report = tables.report()
    assert report.ruled_out == {TEACHER: 0, ALONE: 0, STUDENT: 3}
    losses[:4] = [-np.log(np.finfo(float).eps)] * 3 + [0.0]
    assert losses[0] == pytest.approx(36, abs=0.1)
    assert_allclose(report.figures[STUDENT, "log_loss"].value, losses.mean())
    check_figures(report, tables.codes, tables.said())


@examples(20)
@given(SEEDS)
def test_whole_weights_are_rows_told_several_times(seed):
    tables = Tables(seed, n=40, k=3)
    times = tables.rng.integers(0, 4, size=40)
    weighted = tables.report(sample_weight=times)
    rows = np.repeat(np.arange(40), times)
    for name in ("codes", "teacher", "alone", "student"):
        setattr(tables, name, getattr(tables, name)[rows])
    repeated = tables.report()
    check_same_values(weighted, repeated)
    for one, other in zip(weighted.by_class, repeated.by_class, strict=True):
        assert one.recall == pytest.approx(other.recall, nan_ok=True)
        assert one.precision == pytest.approx(other.precision, nan_ok=True)
        assert one.agreement == pytest.approx(other.agreement, nan_ok=True)


def check_same_values(one, other):
    assert set(one.figures) == set(other.figures)
    for of in ("figures", "differences", "recovered"):
        for key, each in getattr(one, of).items():
            assert_allclose(
                each.value, getattr(other, of)[key].value, atol=1e-12, err_msg=str(key)
            )


def test_the_order_of_rows_and_the_unit_of_weights_do_not_matter():
    tables = Tables(11, n=50)
    weight = tables.rng.uniform(0.1, 3, size=50)
    one = tables.report(sample_weight=weight)
    other = tables.report(sample_weight=weight * 7.3)
    check_same_values(one, other)
    low = {key: each.low for key, each in one.figures.items()}
    assert low == pytest.approx({key: each.low for key, each in other.figures.items()})
    mixed = tables.rng.permutation(50)
    for name in ("codes", "teacher", "alone", "student"):
        setattr(tables, name, getattr(tables, name)[mixed])
    check_same_values(one, tables.report(sample_weight=weight[mixed]))


def test_rows_of_weight_0_are_as_good_as_absent():
    tables, few = Tables(0), Tables(0)
    for each in (tables, few):  # zeros on two rows, of which one has weight 0
        each.student[[6, 50]] = np.eye(3)[(each.codes[[6, 50]] + 1) % 3]
    weight = np.linspace(0.5, 2, 60) * (np.arange(60) % 3 != 2)
    kept = np.flatnonzero(weight)
    for name in ("codes", "teacher", "alone", "student"):
        setattr(few, name, getattr(few, name)[kept])
    one = tables.report(sample_weight=weight)
    other = few.report(sample_weight=weight[kept])
    assert one.n_rows == other.n_rows == 40
    assert one.figures == other.figures
    assert one.ruled_out == other.ruled_out == {TEACHER: 0, ALONE: 0, STUDENT: 1}
    assert one.mcnemar == other.mcnemar
    rows = [kept[each.row] for each in other.disagreements]
    assert [each.row for each in one.disagreements] == rows


def test_one_row_of_any_weight():
    report = Tables(0, n=4).report(sample_weight=[0, 1, 0, 0], n_resamples=200)
    assert report.n_rows == 1
    each = report.figures[STUDENT, "log_loss"]
    assert each.low == pytest.approx(each.value) == each.high


def test_what_counts_as_0_is_counted():
    tables = Tables(1)
    tables.student[4] = 1e-300
    tables.student[4, (tables.codes[4] + 1) % 3] = 1.0
    assert tables.report().ruled_out[STUDENT] == 1


def test_ties_survive_reading_a_table():
    tables = Tables(4, n=70)
    for name in ("teacher", "alone", "student"):
        coarse = np.round(getattr(tables, name) * 4) + 0.25
        setattr(tables, name, coarse / coarse.sum(axis=1, keepdims=True))
    check_figures(tables.report(), tables.codes, tables.said())


# Intervals ------------------------------------------------------------------------


def draws(n, n_resamples, weight=None, seed=5):
    """How much each row weighs in each of some resamples, one after the other."""
    rng = np.random.default_rng(seed)
    for _ in range(n_resamples):
        times = np.bincount(rng.integers(n, size=n), minlength=n)
        yield times if weight is None else times * weight


def resampled(tables, weight, n_resamples):
    """Means over resamples of the rows."""
    rows, codes, k = np.arange(tables.n), tables.codes, tables.k
    losses = {}
    for name, proba in tables.said().items():
        losses[name, "accuracy"] = proba.argmax(axis=1) == codes
        losses[name, "log_loss"] = -np.log(proba[rows, codes])
        losses[name, "brier"] = ((proba - np.eye(k)[codes]) ** 2).sum(axis=1)
        losses[name, "brier"] /= 2 if k == 2 else 1
        if name != TEACHER:
            losses[name, "kl"] = stats.entropy(tables.teacher, proba, axis=1)
            losses[name, "agreement"] = proba.argmax(1) == tables.teacher.argmax(1)
    found = [
        [times @ loss / times.sum() for loss in losses.values()]
        for times in draws(tables.n, n_resamples, weight)
    ]
    return dict(zip(losses, np.transpose(found), strict=True))


def resampled_areas(tables, weight, n_resamples):
    """Shares of pairs in their right order, of each resample."""
    found = {name: [] for name in tables.said()}
    for name, proba in tables.said().items():
        ordered = [
            (p[:, None] > p) + 0.5 * (p[:, None] == p)
            for p in proba.T[1 if tables.k == 2 else 0 :]
        ]
        for times in draws(tables.n, n_resamples, weight):
            areas = []
            for pairs, c in zip(ordered, range(tables.k)[-len(ordered) :], strict=True):
                yes, no = times * (tables.codes == c), times * (tables.codes != c)
                areas.append(yes @ pairs @ no / yes.sum() / no.sum())
            found[name].append(np.mean(areas))
    return {name: np.array(values) for name, values in found.items()}


def check_interval(estimate, values, level, tolerance, step=0.0):
    """Percentiles agree within a share of the interval's width, and a step."""
    tail = 50 * (1 - level)
    low, high = np.percentile(values, [tail, 100 - tail])
    within = tolerance * (high - low) + step + 1e-12
    assert estimate.low == pytest.approx(low, abs=within)
    assert estimate.high == pytest.approx(high, abs=within)


@pytest.mark.parametrize(
    ("n", "k", "weighted", "level"),
    [(150, 3, False, 0.95), (150, 2, True, 0.9), (12_500, 4, True, 0.9)],
    ids=["rows", "weighted rows", "groups of rows"],
)
def test_intervals_are_those_of_a_plain_bootstrap(n, k, weighted, level):
    tables = Tables(0, n=n, k=k)
    weight = tables.rng.uniform(0.1, 3, size=n) if weighted else None
    found = resampled(tables, weight, 1000 if n > 1000 else 2000)
    report = tables.report(
        n_resamples=2000, sample_weight=weight, confidence_level=level
    )
    steps = {"accuracy": 1.5 / n, "agreement": 1.5 / n}
    compared = 0
    for key, values in found.items():
        step = steps.get(key[1], 0.0)
        check_interval(report.figures[key], values, level, 0.08, step)
    for (one, other, figure), change in report.differences.items():
        if (one, figure) in found:
            values = found[one, figure] - found[other, figure]
            check_interval(change, values, level, 0.08, 2 * steps.get(figure, 0.0))
            compared += 1
    for figure, share in report.recovered.items():
        alone, student, teacher = (
            found[name, figure] for name in (ALONE, STUDENT, TEACHER)
        )
        values = (alone - student) / (alone - teacher)
        check_interval(share, values, level, 0.08, 10 * steps.get(figure, 0.0))
    assert compared == 6


@pytest.mark.parametrize(("k", "weighted"), [(2, False), (2, True), (3, False)])
def test_intervals_of_the_area_are_those_of_a_plain_bootstrap(k, weighted):
    tables = Tables(1, n=300, k=k, skills=(2.0, 1.0, 1.3), skew=4)
    weight = tables.rng.uniform(0.1, 3, size=300) if weighted else None
    found = resampled_areas(tables, weight, 500)
    report = tables.report(n_resamples=2000, sample_weight=weight, confidence_level=0.9)
    for name, values in found.items():
        check_interval(report.figures[name, "auc"], values, 0.9, 0.12)
    change = report.differences[STUDENT, ALONE, "auc"]
    check_interval(change, found[STUDENT] - found[ALONE], 0.9, 0.12)


def test_an_area_is_at_most_1():
    tables = Tables(2, n=60, k=2, skills=(2.0, 1.0, 2.0), skew=4)
    report = tables.report(n_resamples=200)
    for name in (TEACHER, STUDENT):
        each = report.figures[name, "auc"]
        assert 0.9 < each.low <= each.value <= each.high <= 1


def wide(estimate):
    return estimate.high - estimate.low


def test_differences_are_paired():
    tables = Tables(2, n=300, skills=(3.0, 1.0, 1.0))
    near = np.log(tables.alone) + 0.1 * tables.rng.normal(size=tables.alone.shape)
    tables.student = softmax(near, axis=1)
    report = tables.report(n_resamples=500)
    for figure in ("accuracy", "log_loss", "auc", "brier"):
        alone = np.hypot(
            wide(report.figures[STUDENT, figure]), wide(report.figures[ALONE, figure])
        )
        assert wide(report.differences[STUDENT, ALONE, figure]) < 0.5 * alone


def test_intervals_are_wider_for_more_confidence_and_fewer_rows():
    few, many = Tables(3, n=100), Tables(3, n=1600)
    report = few.report(n_resamples=500)
    sure = few.report(n_resamples=500, confidence_level=0.995)
    larger = many.report(n_resamples=500)
    assert report.confidence_level == 0.95
    for figure in ("accuracy", "log_loss", "auc", "brier", "kl", "agreement"):
        one, other = report.figures[STUDENT, figure], sure.figures[STUDENT, figure]
        assert other.low < one.low < one.value < one.high < other.high
        ratio = wide(one) / wide(larger.figures[STUDENT, figure])
        assert 2 < ratio < 8  # 4, of sixteen times as many rows


def test_the_seed_makes_the_intervals_and_nothing_else():
    tables = Tables(4)
    report = tables.report(random_state=0)
    assert tables.report().figures == report.figures  # 0 is the default
    again = tables.report(random_state=np.random.RandomState(0))
    assert again.to_dict() == report.to_dict()
    for seed in (1, None, np.random.RandomState(1)):
        other = tables.report(random_state=seed)
        check_same_values(report, other)
        assert other.figures[STUDENT, "log_loss"].low != pytest.approx(
            report.figures[STUDENT, "log_loss"].low, rel=1e-9
        )


@pytest.mark.slow
@pytest.mark.parametrize(
    ("k", "n", "prior"), [(2, 200, [0.7, 0.3]), (4, 200, [0.4, 0.3, 0.2, 0.1])]
)
def test_intervals_cover_as_often_as_they_say(k, n, prior):
    rng = np.random.default_rng(0)
    skills = {TEACHER: 1.5, ALONE: 0.5, STUDENT: 1.0}

    def draw(n):
        codes = rng.choice(k, p=prior, size=n)
        shared = np.eye(k)[codes], 0.7 * rng.normal(size=(n, k))
        said = {
            name: softmax(
                skill * shared[0] + shared[1] + 0.7 * rng.normal(size=(n, k)), axis=1
            )
            for name, skill in skills.items()
        }
        return codes, said

    codes, said = draw(200_000)
    figures = ("accuracy", "log_loss", "auc", "brier")
    all_true = {name: expected_figures(codes, proba) for name, proba in said.items()}
    true = {(n, f): all_true[n][f] for n in said for f in figures}
    true |= {
        (STUDENT, other, f): true[STUDENT, f] - true[other, f]
        for other in (ALONE, TEACHER)
        for f in figures
    }
    model, covered = echo(np.arange(k)), dict.fromkeys(true, 0)
    for seed in range(200):
        codes, said = draw(n)
        report = distillation_report(
            model,
            said[STUDENT],
            codes,
            teacher_proba=said[TEACHER],
            baseline=said[ALONE],
            latency=False,
            n_resamples=300,
            confidence_level=0.9,
            random_state=seed,
        )
        found = report.figures | report.differences
        for key, value in true.items():
            covered[key] += found[key].low <= value <= found[key].high
    # Four standard errors of a share of .9 among 200; a little less on few rows.
    for key, count in covered.items():
        assert 0.81 < count / 200 < 0.975, key


# Tests ----------------------------------------------------------------------------


def exact_mcnemar(first, second):
    """Two-sided, by the coefficients of the binomial distribution."""
    n, least = first + second, min(first, second)
    tail = sum(math.comb(n, j) for j in range(least + 1)) / 2**n
    return min(1.0, 2 * tail)


@examples(20)
@given(SEEDS, st.booleans())
def test_mcnemar_by_hand(seed, weighted):
    tables = Tables(seed, n=50, skills=(2.0, 0.5, 1.0))
    weight = tables.rng.uniform(0.1, 3, size=50) if weighted else None
    report = tables.report(sample_weight=weight)
    right = {name: p.argmax(1) == tables.codes for name, p in tables.said().items()}
    for other in (ALONE, TEACHER):
        test = report.mcnemar[other]
        only_student = np.count_nonzero(right[STUDENT] & ~right[other])
        only_other = np.count_nonzero(~right[STUDENT] & right[other])
        assert (test.only_first, test.only_second) == (only_student, only_other)
        assert test.p_value == pytest.approx(exact_mcnemar(only_student, only_other))


def test_mcnemar_of_models_that_never_differ():
    tables = Tables(0)
    tables.alone = tables.student.copy()
    assert tables.report().mcnemar[ALONE] == (0, 0, 1.0)
    assert set(tables.report(baseline=False).mcnemar) == {TEACHER}


@pytest.mark.parametrize("cv", [2, 3, 5])
def test_corrected_t_test_of_a_search_by_hand(cv):
    search = DistillationClassifierCV(
        FOREST, TREE, temperatures=[1.0], alphas=[0.5, 1.0], cv=cv, rule=0.0
    ).fit(X, Y)
    differences = search.differences_
    mean, spread = np.mean(differences), np.std(differences, ddof=1)
    t = mean / (spread * np.sqrt(1 / cv + (1 / cv) / (1 - 1 / cv)))
    test = distillation_report(search, X_TEST, Y_TEST, **QUICK).search
    assert test.n_splits == cv
    assert test.mean == pytest.approx(mean)
    assert test.p_value == pytest.approx(2 * stats.t.cdf(-abs(t), cv - 1))


@pytest.mark.parametrize(
    ("cv", "ratio"),
    [
        (ShuffleSplit(10, test_size=0.5, random_state=0), 1.0),
        (RepeatedStratifiedKFold(n_splits=3, n_repeats=4, random_state=0), 0.5),
    ],
    ids=["shuffled", "repeated"],
)
def test_corrected_t_test_of_other_splitters(cv, ratio):
    search = DistillationClassifierCV(
        FOREST, TREE, temperatures=[1.0], alphas=[0.5], cv=cv, rule=0.0
    ).fit(X, Y)
    differences = search.differences_
    n = len(differences)
    t = differences.mean() / np.sqrt(differences.var(ddof=1) * (1 / n + ratio))
    test = distillation_report(search, X_TEST, Y_TEST, **QUICK).search
    assert test.p_value == pytest.approx(2 * stats.t.sf(abs(t), n - 1))


@pytest.mark.parametrize("name", ["own search", "pipeline of an own search"])
def test_searches_have_a_test_between_folds(name):
    test = distillation_report(MODELS[name](), X_TEST, Y_TEST, **QUICK).search
    assert test.n_splits == 2


def test_only_searches_have_a_test_between_folds():
    model = DistillationClassifier(FOREST, TREE).fit(X, Y)
    assert distillation_report(model, X_TEST, Y_TEST, **QUICK).search is None


# Verdicts -------------------------------------------------------------------------


def tables_of(outcome):
    """Rows on which the outcome is beyond doubt."""
    if outcome == "helped":
        return Tables(0, n=300, skills=(4.0, 1.0, 2.0))
    if outcome == "harmed":
        return Tables(0, n=300, skills=(4.0, 2.0, 1.0))
    if outcome == "too small":
        return Tables(0, n=40, skills=(3.0, 1.0, 1.0))
    if outcome == "no gap":
        return Tables(0, n=100, skills=(0.5, 2.0, 2.0))
    tables = Tables(0, n=1000, skills=(4.0, 1.0, 1.0))
    near = np.log(tables.alone) + 0.02 * tables.rng.normal(size=tables.alone.shape)
    tables.student = softmax(near, axis=1)
    return tables


SAID = {
    "helped": "The teacher helped: in log-loss the student gains ",
    "harmed": "The teacher harmed: in log-loss the student loses ",
    "no difference": "The teacher made no difference: in log-loss",
    "too small": "40 rows are too few to tell",
    "no gap": "in log-loss the teacher itself is no better than the student alone",
}


@pytest.mark.parametrize("outcome", sorted(SAID))
def test_outcomes(outcome):
    report = tables_of(outcome).report(n_resamples=500)
    assert report.outcome == outcome
    assert SAID[outcome] in report.verdict
    assert str(report).startswith(report.verdict[:60])


@pytest.mark.filterwarnings("ignore:The teacher does not help")
def test_a_student_without_a_teacher_is_not_helped_nor_harmed():
    """Were it judged, seeds would decide: another tree alone is much worse."""
    search = DistillationClassifierCV(
        FOREST, TREE, temperatures=[1.0], alphas=[0.5], cv=2, rule=lambda _: False
    ).fit(X, Y)
    stump = DecisionTreeClassifier(max_depth=1).fit(X, Y)
    for model in (search, fit(FOREST, TREE, alpha=0)):
        for baseline in (stump, None):
            report = distillation_report(
                model, X_TEST, Y_TEST, baseline=baseline, **QUICK
            )
            assert report.outcome == "no teacher"
            assert report.verdict.startswith("No teacher was used")
    taught = distillation_report(
        fit(FOREST, TREE), X_TEST, Y_TEST, baseline=stump, **QUICK
    )
    assert taught.outcome == "helped"


def test_without_a_baseline_nobody_can_say():
    report = tables_of("helped").report(baseline=False)
    assert report.outcome == "no baseline"
    assert "baseline" in report.verdict
    assert report.models == [TEACHER, STUDENT]
    assert ALONE not in str(report)
    assert {key[1] for key in report.differences} == {TEACHER}


@examples(40)
@given(SEEDS, st.sampled_from([30, 200]), st.sampled_from([0.5, 1.0, 1.3, 2.0]))
def test_outcomes_follow_from_the_interval(seed, n, skill):
    tables = Tables(seed, n=n, skills=(1.5, 1.0, skill))
    report = tables.report(n_resamples=100, confidence_level=0.8)
    change = report.differences[STUDENT, ALONE, "log_loss"]
    assert (report.outcome == "helped") == (change.high < 0)
    assert (report.outcome == "harmed") == (change.low > 0)
    if change.low <= 0 <= change.high:
        losses = [report.figures[name, "log_loss"].value for name in (ALONE, TEACHER)]
        assert (report.outcome == "no gap") == (losses[0] <= losses[1])
    assert report.outcome in OUTCOMES
    assert "80% interval" in report.verdict or report.outcome == "no gap"


@pytest.mark.parametrize("who", ["student", "alone"])
def test_exact_zeros_leave_the_verdict_to_the_brier_score(who):
    tables = tables_of("helped")
    table = getattr(tables, who)
    table[0] = np.eye(3)[tables.codes[0]]  # not on the true class
    assert "log-loss" in tables.report().verdict
    table[0] = np.eye(3)[(tables.codes[0] + 1) % 3]
    report = tables.report()
    assert report.outcome == "helped"
    assert "Brier score" in report.verdict
    assert "log-loss" not in report.verdict
    name = {"student": STUDENT, "alone": ALONE}[who]
    told = " ".join(str(report).split())
    assert f"To the true class of 1 row the {name} gives probability 0" in told


def test_one_zero_does_not_turn_the_verdict():
    tables = tables_of("helped")
    for row in range(25):
        tables.student[row] = np.eye(3)[(tables.codes[row] + 1) % 3]
    report = tables.report(n_resamples=500)
    assert report.differences[STUDENT, ALONE, "log_loss"].low > 0
    assert report.outcome == "helped"


def test_zeros_of_the_teacher_leave_the_verdict_to_the_brier_score():
    tables = Tables(2, n=300, skills=(4.0, 1.0, 1.05))
    for row in range(15):
        tables.teacher[row] = np.eye(3)[(tables.codes[row] + 1) % 3]
    report = tables.report(n_resamples=300)
    said = report.figures
    assert said[TEACHER, "log_loss"].value > said[ALONE, "log_loss"].value
    assert said[TEACHER, "brier"].value < said[ALONE, "brier"].value - 0.3
    assert "teacher itself is no better" not in report.verdict
    assert "Brier score" in report.verdict
    assert "15 rows the teacher gives" in " ".join(str(report).split())


@pytest.mark.parametrize("n", [1, 5, 19])
def test_a_few_rows_prove_nothing(n):
    report = Tables(0, n=n, skills=(9.0, 0.0, 9.0)).report(n_resamples=100)
    assert report.differences[STUDENT, ALONE, "log_loss"].high < 0
    assert report.outcome == "too small"
    assert Tables(0, n=20, skills=(9.0, 0.0, 9.0)).report().outcome == "helped"


@pytest.mark.parametrize(
    ("level", "said"),
    [(0.999, "99.9%"), (0.975, "97.5%"), (0.95, "95%"), (0.07, "7%")],
)
def test_confidence_in_words(level, said):
    text = str(tables_of("too small").report(confidence_level=level))
    assert set(re.findall(r"([0-9.]+%) interval", text)) == {said}


def test_identical_students_differ_by_0():
    tables = tables_of("no difference")
    tables.student = tables.alone.copy()
    report = tables.report()
    assert "it is +0 (95% interval +0 to +0, " in " ".join(report.verdict.split())
    assert set(report.differences[STUDENT, ALONE, "log_loss"]) == {0.0}


def test_students_that_say_labels_only():
    student = LinearSVC(random_state=0)
    model = DistillationClassifier(FOREST, student, targets="hard").fit(X, Y)
    alone = clone(student).fit(X, Y)
    report = distillation_report(model, X_TEST, Y_TEST, baseline=alone, **QUICK)
    for name, one in ((STUDENT, model), (ALONE, alone)):
        figures = {figure for each, figure in report.figures if each == name}
        assert figures == {"accuracy", "agreement"}
        assert report.figures[name, "accuracy"].value == one.score(X_TEST, Y_TEST)
    assert "accuracy" in report.verdict
    assert set(report.ruled_out) == {TEACHER}
    teacher = model.teacher_.predict(X_TEST)
    said, sure = model.predict(X_TEST), model.teacher_.predict_proba(X_TEST).max(axis=1)
    ranked = np.argsort(-np.where(teacher != said, sure, -1), kind="stable")
    rows = [each.row for each in report.disagreements]
    assert rows == ranked[: min(5, np.count_nonzero(teacher != said))].tolist()
    assert all(each.teacher != each.student for each in report.disagreements)
    assert np.isnan([each.kl for each in report.disagreements]).all()
    check_shown(report)


def test_a_baseline_of_labels_leaves_the_verdict_to_accuracy():
    tables = tables_of("helped")
    alone = Sayer().fit(np.eye(3), np.arange(3))
    report = distillation_report(
        echo(np.arange(3)),
        tables.student,
        tables.codes,
        teacher_proba=tables.teacher,
        baseline=alone,
        **QUICK,
    )
    # It reads the labels off the student's rows, and so is right as often.
    assert report.mcnemar[ALONE] == (0, 0, 1.0)
    assert report.outcome == "no difference"
    assert "accuracy" in report.verdict
    assert "nan" not in report.verdict


# Models ---------------------------------------------------------------------------

_ALL, _CODES = make_classification(
    420, 6, n_informative=5, n_redundant=0, n_classes=3, class_sep=1.5, random_state=0
)
_ALL = _ALL.astype(np.float32)
NAMES = np.array(["ash", "birch", "cedar"])
X, Y = _ALL[:180], NAMES[_CODES[:180]]
X_TEST, Y_TEST = _ALL[180:], NAMES[_CODES[180:]]
COLUMNS = [f"f{k}" for k in range(6)]
FOREST = RandomForestClassifier(10, min_samples_leaf=3, random_state=0)
TREE = DecisionTreeClassifier(max_leaf_nodes=8, min_samples_leaf=5, random_state=0)
LINEAR = LogisticRegression(max_iter=1000)
QUICK = {"n_resamples": 20, "latency": False}


def fit(*args, fitted=None, **options):
    return DistillationClassifier(*args, random_state=0, **options).fit(
        X, Y, **(fitted or {})
    )


def linear_module():
    """A module that says what a logistic regression says."""
    linear = clone(LINEAR).fit(X, Y)
    module = torch.nn.Linear(6, 3)
    with torch.no_grad():
        module.weight.copy_(torch.tensor(linear.coef_))
        module.bias.copy_(torch.tensor(linear.intercept_))
    return module


def net():
    return NeuralNetClassifier(
        torch.nn.Sequential(
            torch.nn.Linear(6, 8), torch.nn.ReLU(), torch.nn.Linear(8, 3)
        ),
        criterion=torch.nn.CrossEntropyLoss,
        optimizer=torch.optim.Adam,
        max_epochs=20,
        lr=0.05,
        train_split=None,
        verbose=0,
    )


def fitted_net():
    torch.manual_seed(0)
    return net().fit(X, np.searchsorted(NAMES, Y))


def ask_forest(rows, forest):
    return forest.predict_proba(rows)


def search(model, **grid):
    return GridSearchCV(model, grid, cv=2).fit(X, Y)


MODELS = {
    "forest": lambda: fit(FOREST, TREE),
    "fitted": lambda: fit(clone(FOREST).fit(X, Y), TREE),
    "frozen": lambda: fit(FrozenEstimator(clone(FOREST).fit(X, Y)), TREE),
    "warm": lambda: fit(FOREST, GaussianNB(), temperature=3.0),
    "linear": lambda: fit(FOREST, LINEAR),
    "list": lambda: fit([FOREST, GaussianNB()], TREE),
    "weighted list": lambda: fit([FOREST, GaussianNB()], TREE, teacher_weights=[1, 3]),
    "calibrated": lambda: fit(
        FOREST, TREE, teacher_cv=3, teacher_calibration="temperature"
    ),
    "calibrated list": lambda: fit(
        [FOREST, GaussianNB()],
        TREE,
        teacher_cv=3,
        teacher_calibration=LogisticRegression(),
    ),
    "scikit-learn's calibration": lambda: fit(
        CalibratedClassifierCV(GaussianNB(), cv=3), TREE
    ),
    "scores": lambda: fit(LinearSVC(random_state=0), TREE),
    "callable": lambda: fit(
        partial(ask_forest, forest=clone(FOREST).fit(X, Y)),
        TREE,
        teacher_output="probabilities",
        teacher_classes=NAMES,
    ),
    "module": lambda: fit(linear_module(), TREE),
    "modules": lambda: fit([linear_module(), linear_module()], TREE),
    "skorch teacher": lambda: fit(fitted_net(), TREE, teacher_classes=NAMES),
    "skorch student": lambda: fit(FOREST, net()),
    "module student": lambda: fit(
        FOREST, NeuralClassifier(torch.nn.Linear(6, 3), max_epochs=5)
    ),
    "own search": lambda: DistillationClassifierCV(
        FOREST, TREE, temperatures=[1.0], alphas=[0.5], cv=2, rule=0.0
    ).fit(X, Y),
    "pipeline": lambda: make_pipeline(
        StandardScaler(), DistillationClassifier(FOREST, TREE)
    ).fit(X, Y),
    "search": lambda: search(DistillationClassifier(FOREST, TREE), alpha=[0.3, 0.7]),
    "search of a pipeline": lambda: search(
        make_pipeline(StandardScaler(), DistillationClassifier(FOREST, TREE)),
        distillationclassifier__alpha=[0.3, 0.7],
    ),
    "pipeline of an own search": lambda: make_pipeline(
        StandardScaler(),
        DistillationClassifierCV(
            FOREST, TREE, temperatures=[1.0], alphas=[0.5], cv=2, rule=0.0
        ),
    ).fit(X, Y),
}


def ask_teacher(model, rows):
    """What the teacher says, by the steps before the distiller and its own method."""
    while not hasattr(model, "teacher_predict_proba"):
        if hasattr(model, "best_estimator_"):
            model = model.best_estimator_
        else:
            rows, model = model[:-1].transform(rows), model[-1]
    return model.teacher_predict_proba(rows)


def check_shown(report):
    """It can be read in every way, and no way shows what is not there."""
    plain = report.to_dict()
    assert json.loads(json.dumps(plain, allow_nan=False)) == plain
    text, shown = str(report), report._repr_html_()
    assert repr(report) == text
    for section in ("rows, ", "Size and time", "Classes"):
        assert section in text
        assert section in shown
    told = re.sub(r"<style>.*?</style>|<[^>]*>", " ", shown, flags=re.DOTALL)
    told = set(html.unescape(told).split())
    assert set(text.split()) <= told
    for word in ("nan", "None", "inf"):
        assert word not in told
    frame = report.to_frame()
    assert not frame.duplicated(["model", "figure"]).any()
    assert len(pickle.dumps(report)) < 50_000
    again = pickle.loads(pickle.dumps(report))
    assert again.to_dict() == plain


@pytest.mark.parametrize("name", sorted(MODELS))
def test_every_kind_of_model(name):
    model = MODELS[name]()
    alone = clone(TREE).fit(X, Y)
    report = distillation_report(model, X_TEST, Y_TEST, baseline=alone, **QUICK)
    assert isinstance(report, DistillationReport)
    said = {
        TEACHER: ask_teacher(model, X_TEST),
        ALONE: alone.predict_proba(X_TEST),
        STUDENT: np.asarray(model.predict_proba(X_TEST), dtype=float),
    }
    codes = np.searchsorted(NAMES, Y_TEST)
    assert_array_equal(report.classes, NAMES)
    for one, proba in said.items():
        proba /= proba.sum(axis=1, keepdims=True)  # of float32, for scikit-learn
        expected = expected_figures(
            codes, proba, None if one == TEACHER else said[TEACHER]
        )
        for figure, value in expected.items():
            # Networks in float32 sum to 1 up to 1e-7.
            found = report.figures[one, figure].value
            assert found == pytest.approx(value, rel=1e-5, abs=1e-6), (one, figure)
    assert report.costs.sizes[ALONE] == model_size(alone)
    assert report.costs.latencies == {}
    check_shown(report)


@pytest.mark.parametrize(
    "name", ["list", "weighted list", "calibrated list", "modules"]
)
def test_each_of_several_teachers(name):
    model = MODELS[name]()
    report = distillation_report(model, X_TEST, Y_TEST, **QUICK)
    codes = np.searchsorted(NAMES, Y_TEST)
    for found, teacher in zip(report.members, model.teacher_, strict=True):
        if isinstance(teacher, torch.nn.Module):
            said = teacher(torch.tensor(X_TEST)).argmax(dim=1).numpy()
            expected = np.mean(said == codes)
        else:
            expected = teacher.score(X_TEST, Y_TEST)
        assert found == pytest.approx(expected)
    assert report.costs.n_members == 2
    assert report.costs.member == model_size(model.teacher_[0])
    assert report.costs.sizes[TEACHER] == model_size(model.teacher_)
    assert "one teacher" in str(report)
    weight = np.linspace(0.1, 2, len(X_TEST))
    weighted = distillation_report(model, X_TEST, Y_TEST, sample_weight=weight, **QUICK)
    if name == "list":
        expected = [each.score(X_TEST, Y_TEST, weight) for each in model.teacher_]
        assert weighted.members == pytest.approx(expected)


def test_members_go_by_position():
    model = fit([FOREST, GaussianNB(), LINEAR], TREE, teacher_weights=[0, 1, 1])
    report = distillation_report(model, X_TEST, Y_TEST, **QUICK)
    expected = [np.nan, *(each.score(X_TEST, Y_TEST) for each in model.teacher_[1:])]
    assert report.members == pytest.approx(expected, nan_ok=True)
    check_shown(report)


def test_teachers_that_cannot_be_asked():
    full = fit(FOREST, TREE)
    said = full.teacher_predict_proba(X_TEST)
    table = fit(
        "precomputed", TREE, fitted={"teacher_proba": full.teacher_predict_proba(X)}
    )
    expected = distillation_report(full, X_TEST, Y_TEST, **QUICK)
    for model in (strip_teacher(full), table):
        with pytest.raises(ValueError, match="Pass teacher_proba=P"):
            distillation_report(model, X_TEST, Y_TEST, **QUICK)
        report = distillation_report(
            model, X_TEST, Y_TEST, teacher_proba=said, n_resamples=20
        )
        check_same_values(report, expected)
        assert set(report.costs.sizes) == {STUDENT}
        assert set(report.costs.latencies) == {STUDENT}
        check_shown(report)
    bundle = make_pipeline(StandardScaler(), DistillationClassifier(FOREST, TREE))
    stripped = strip_teacher(bundle.fit(X, Y))
    report = distillation_report(stripped, X_TEST, Y_TEST, teacher_proba=said, **QUICK)
    assert report.figures[TEACHER, "log_loss"].value == pytest.approx(
        log_loss(Y_TEST, said)
    )


def test_a_given_table_is_believed_and_goes_by_its_names():
    model = fit(FOREST, TREE)
    said = softmax(np.random.default_rng(0).normal(size=(len(X_TEST), 3)), axis=1)
    named = pd.DataFrame(said[:, ::-1], columns=NAMES[::-1])
    for table in (said, said.tolist(), named):
        report = distillation_report(
            model, X_TEST, Y_TEST, teacher_proba=table, **QUICK
        )
        assert report.figures[TEACHER, "log_loss"].value == pytest.approx(
            log_loss(Y_TEST, said)
        )
        assert report.members == []


def test_columns_of_a_baseline_go_by_label():
    model = fit(FOREST, TREE)
    few = Y != "cedar"
    alone = clone(TREE).fit(X[few], Y[few])
    report = distillation_report(model, X_TEST, Y_TEST, baseline=alone, **QUICK)
    said = np.column_stack([alone.predict_proba(X_TEST), np.zeros(len(X_TEST))])
    assert report.figures[ALONE, "brier"].value == pytest.approx(
        brier(np.searchsorted(NAMES, Y_TEST), said)
    )
    codes = np.searchsorted(NAMES, Y_TEST)
    zeros = said[np.arange(len(codes)), codes] == 0
    assert report.ruled_out[ALONE] == np.count_nonzero(zeros) > 0


def test_named_columns_of_a_baseline():
    model = fit(FOREST, TREE)
    said = clone(TREE).fit(X, Y).predict_proba(X_TEST)
    swapped = pd.DataFrame(said[:, ::-1], columns=NAMES[::-1])
    plain = distillation_report(model, X_TEST, Y_TEST, baseline=said, **QUICK)
    report = distillation_report(model, X_TEST, Y_TEST, baseline=swapped, **QUICK)
    assert report.to_dict() == plain.to_dict()
    for columns in (["ash", "birch", "oak"], ["ash", "ash", "birch"]):
        swapped.columns = columns
        with pytest.raises(ValueError, match="baseline has the columns"):
            distillation_report(model, X_TEST, Y_TEST, baseline=swapped, **QUICK)


@pytest.mark.parametrize(
    "make",
    [
        partial(pd.DataFrame, columns=COLUMNS),
        partial(pl.DataFrame, schema=COLUMNS),
        np.ndarray.tolist,
        sparse.coo_matrix,
    ],
    ids=["pandas", "polars", "lists", "coo"],
)
@pytest.mark.parametrize("latency", [False, True])
def test_few_rows_in_any_container(make, latency):
    model = DistillationClassifier(FOREST, TREE).fit(make(X), Y)
    rows, weight = make(X_TEST[:100]), np.arange(100) % 2
    for given_weight, n_rows in ((None, 100), (weight, 50)):
        report = distillation_report(
            model,
            rows,
            Y_TEST[:100],
            sample_weight=given_weight,
            n_resamples=20,
            latency=latency,
        )
        assert report.n_rows == n_rows
        assert set(report.costs.latencies) == ({STUDENT, TEACHER} if latency else set())


@pytest.mark.parametrize(
    "make",
    [
        pd.DataFrame,
        partial(pl.DataFrame, schema=COLUMNS),
        np.ndarray.tolist,
        np.asfortranarray,
        sparse.csr_matrix,
        sparse.csr_array,
        sparse.csc_matrix,
    ],
    ids=["pandas", "polars", "lists", "fortran", "csr", "csr array", "csc"],
)
@pytest.mark.parametrize("latency", [False, True])
def test_containers_of_rows(make, latency):
    rows, test = make(X), make(X_TEST)
    if isinstance(rows, pd.DataFrame):
        rows.columns = test.columns = COLUMNS
    model = DistillationClassifier(FOREST, TREE, random_state=0).fit(rows, Y)
    alone = clone(TREE).fit(rows, Y)
    report = distillation_report(
        model, test, Y_TEST, baseline=alone, n_resamples=20, latency=latency
    )
    plain = distillation_report(
        fit(FOREST, TREE), X_TEST, Y_TEST, baseline=clone(TREE).fit(X, Y), **QUICK
    )
    check_same_values(report, plain)
    assert report.outcome == plain.outcome


@pytest.mark.parametrize(
    "make",
    [list, pd.Series, pl.Series, pd.Categorical, partial(np.array, dtype=object)],
)
def test_containers_of_labels(make):
    model = fit(FOREST, TREE)
    report = distillation_report(model, X_TEST, make(Y_TEST.tolist()), **QUICK)
    expected = distillation_report(model, X_TEST, Y_TEST, **QUICK)
    assert report.to_dict() == expected.to_dict()


@pytest.mark.parametrize(
    "make",
    [
        partial(np.array, dtype=object),
        partial(pd.Series, dtype=object),
        partial(pd.Series, dtype="str"),
        partial(pd.Series, dtype="category"),
    ],
    ids=["object", "series", "str", "category"],
)
def test_labels_as_frames_hold_them(make):
    model = DistillationClassifier(FOREST, TREE, random_state=0)
    alone = clone(TREE).fit(X, make(Y.tolist()))
    options = {"baseline": alone} | QUICK
    report = distillation_report(
        model.fit(X, make(Y.tolist())), X_TEST, make(Y_TEST.tolist()), **options
    )
    expected = distillation_report(fit(FOREST, TREE), X_TEST, Y_TEST, **options)
    check_same_values(report, expected)


# Promises -------------------------------------------------------------------------


class Counted:
    """A teacher that counts the rows it is asked about."""

    def __init__(self, forest=None):
        self.forest = clone(FOREST).fit(X, Y) if forest is None else forest
        self.asked = []

    def __call__(self, rows):
        self.asked.append(len(rows))
        return self.forest.predict_proba(rows)


def counted(n_teachers=1, **options):
    """A model whose teachers count, from now on."""
    teachers = [Counted() for _ in range(n_teachers)]
    model = fit(
        teachers if n_teachers > 1 else teachers[0],
        TREE,
        teacher_output="probabilities",
        teacher_classes=NAMES,
        **options,
    )
    for teacher in teachers:
        teacher.asked.clear()
    return model, teachers


@pytest.mark.parametrize(
    ("n_teachers", "options"),
    [
        (1, {}),
        (1, {"teacher_calibration": "temperature"}),
        (3, {}),
        (3, {"teacher_calibration": "temperature"}),
    ],
)
def test_each_teacher_is_asked_once(n_teachers, options):
    model, teachers = counted(n_teachers, **options)
    distillation_report(model, X_TEST, Y_TEST, **QUICK)
    assert [teacher.asked for teacher in teachers] == [[len(X_TEST)]] * n_teachers


def test_a_teacher_whose_word_is_given_is_not_asked():
    model, (teacher,) = counted()
    said = teacher.forest.predict_proba(X_TEST)
    report = distillation_report(
        model, X_TEST, Y_TEST, teacher_proba=said, n_resamples=20
    )
    assert teacher.asked == []
    assert set(report.costs.latencies) == {STUDENT}  # nor for its time


def test_each_student_is_asked_once():
    asked = []

    class Student(Echo):
        def predict_proba(self, X):
            asked.append(len(X))
            return np.asarray(X)

    tables, alone = Tables(0), Student().fit(np.eye(3), np.arange(3))
    model = echo(np.arange(3), Student())
    asked.clear()
    distillation_report(
        model,
        tables.student,
        tables.codes,
        teacher_proba=tables.teacher,
        baseline=alone,
        **QUICK,
    )
    assert asked == [60, 60]


@pytest.mark.parametrize("name", ["forest", "list", "calibrated list", "own search"])
def test_nothing_is_changed(name):
    model, alone = MODELS[name](), clone(TREE).fit(X, Y)
    before = pickle.dumps((model, alone))
    said, weight = model.teacher_predict_proba(X_TEST), np.linspace(0, 1, len(X_TEST))
    given = [X_TEST.copy(), Y_TEST.copy(), said, weight, alone.predict_proba(X_TEST)]
    kept = deepcopy(given)
    for array in given:
        array.flags.writeable = False
    distillation_report(
        model,
        given[0],
        given[1],
        teacher_proba=given[2],
        sample_weight=given[3],
        baseline=given[4],
        n_resamples=20,
    )
    distillation_report(model, X_TEST, Y_TEST, baseline=alone, n_resamples=20)
    assert pickle.dumps((model, alone)) == before
    for array, copy in zip(given, kept, strict=True):
        assert_array_equal(array, copy)


def test_modules_keep_their_mode():
    module = linear_module().train()
    model = fit(module, TREE)
    module.train()
    distillation_report(model, X_TEST, Y_TEST, n_resamples=20)
    assert module.training


def test_costs():
    model, alone = fit(FOREST, TREE), clone(TREE).fit(X, Y)
    report = distillation_report(model, X_TEST, Y_TEST, baseline=alone, n_resamples=20)
    assert report.costs.sizes == {
        TEACHER: model_size(model.teacher_),
        ALONE: model_size(alone),
        STUDENT: model_size(model),
    }
    assert set(report.costs.latencies) == {TEACHER, ALONE, STUDENT}
    for latency in report.costs.latencies.values():
        assert latency.one_row_us > 0
        assert latency.n_threads == 1
    assert f"{model_size(model.teacher_).n_bytes:,}" in str(report)
    assert "µs for one row" in str(report)
    assert "µs" not in str(distillation_report(model, X_TEST, Y_TEST, **QUICK))


def test_the_time_of_a_callable_is_shown():
    report = distillation_report(counted()[0], X_TEST, Y_TEST, n_resamples=20)
    assert TEACHER in report.costs.latencies
    assert TEACHER not in report.costs.sizes
    section = str(report).split("Size and time")[1].split("Classes")[0]
    assert TEACHER in section.splitlines()[1]
    check_shown(report)


def test_students_are_weighed_with_the_steps_before_them():
    model = make_pipeline(StandardScaler(), DistillationClassifier(FOREST, TREE))
    alone = make_pipeline(StandardScaler(), clone(TREE)).fit(X, Y)
    report = distillation_report(
        model.fit(X, Y), X_TEST, Y_TEST, baseline=alone, **QUICK
    )
    sizes = report.costs.sizes
    assert sizes[STUDENT] == model_size(model)
    # The names of the steps differ, and what is added for a scaler is more than that.
    assert abs(sizes[STUDENT].n_bytes - sizes[ALONE].n_bytes) < 50
    assert sizes[STUDENT].n_bytes > model_size(model[-1]).n_bytes + 200


def test_a_stack_of_trees_has_no_parameters_worth_a_ratio():
    stack = StackingClassifier([("forest", FOREST)], LogisticRegression(), cv=2)
    report = distillation_report(
        fit(stack, LINEAR), X_TEST, Y_TEST, baseline=clone(LINEAR).fit(X, Y), **QUICK
    )
    assert report.costs.sizes[TEACHER].n_parameters
    (line,) = [each for each in str(report).splitlines() if "parameters" in each]
    # One for each student, none for the teacher, and no ratio.
    assert len(line.split()) == 3


# Words and frames -----------------------------------------------------------------


def test_labels_stay_on_one_line_and_are_short():
    report = Tables(0).report(np.array(["a\nb", "c" * 500, "d"]))
    text = str(report)
    assert "a b" in text
    assert "c" * 13 + "..." in text
    assert max(map(len, text.splitlines())) <= 100
    assert report.by_class[0].label == "a\nb"


@pytest.mark.parametrize("outcome", sorted(SAID))
def test_the_text_is_at_most_100_wide(outcome):
    lines = str(tables_of(outcome).report()).splitlines()
    assert max(map(len, lines)) <= 100


def test_labels_are_escaped():
    labels = np.array(["<b>bold</b>", "a & b", '"quoted"', "日本語"])
    report = Tables(0, k=4).report(labels)
    shown = report._repr_html_()
    assert "<b>" not in shown
    assert "&lt;b&gt;bold&lt;/b&gt;" in shown
    assert "a &amp; b" in shown
    check_shown(report)


def test_the_html_is_well_formed():
    shown = tables_of("helped").report()._repr_html_()
    stack = []
    for closing, tag in re.findall(r"<(/?)(\w+)[^>]*>", shown):
        if closing:
            assert stack.pop() == tag
        else:
            stack.append(tag)
    assert stack == []
    for name in ("color:", "background"):  # readable on any background
        assert name not in shown


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_plain_numbers(kind):
    report = Tables(1, k=len(KINDS[kind])).report(KINDS[kind], n_resamples=50)
    plain = report.to_dict()
    assert json.loads(json.dumps(plain, allow_nan=False)) == plain
    assert plain["classes"] == np.sort(KINDS[kind]).tolist()
    for (model, figure), each in report.figures.items():
        assert plain["figures"][model][figure] == each._asdict()
    assert plain["outcome"] == report.outcome
    assert plain["n_rows"] == 60
    check_shown(report)


def test_frame_is_tidy():
    tables = tables_of("helped")
    report = tables.report(n_resamples=50)
    frame = report.to_frame()
    assert list(frame.columns) == ["model", "figure", "value", "low", "high"]
    assert not frame.duplicated(["model", "figure"]).any()
    assert [str(dtype) for dtype in frame.dtypes[2:]] == ["float64"] * 3
    table = frame.set_index(["model", "figure"])
    for key, each in report.figures.items():
        assert tuple(table.loc[key]) == tuple(each)
    for (one, other, figure), each in report.differences.items():
        assert tuple(table.loc[f"{one} minus {other}", figure]) == tuple(each)
    for figure, each in report.recovered.items():
        assert tuple(table.loc[STUDENT, f"recovered {figure}"]) == tuple(each)
    assert table.loc[(STUDENT, "n_bytes"), "value"] > 0


def test_frame_without_pandas(monkeypatch):
    report = Tables(0).report()
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ImportError, match="pip install pandas"):
        report.to_frame()
    assert report.to_dict()["n_rows"] == 60


def test_many_classes():
    report = Tables(0, n=90, k=45).report()
    assert len(report.by_class) == 45
    assert "further classes: see by_class" in str(report)
    assert len(str(report).splitlines()) < 80


def test_it_is_frozen():
    report = Tables(0).report()
    with pytest.raises(AttributeError):
        report.outcome = "helped"
    assert report == report
    assert report != deepcopy(report)
    assert len({report, deepcopy(report)}) == 2


def test_classes_are_a_copy():
    model = fit(FOREST, TREE)
    distillation_report(model, X_TEST, Y_TEST, **QUICK).classes[:] = "x"
    assert_array_equal(model.classes_, NAMES)


# Wrong input ----------------------------------------------------------------------


def wrong(**changes):
    given = {"X": X_TEST, "y": Y_TEST} | QUICK | changes
    return given


UNASKED = {
    "unknown label": (wrong(y=np.where(Y_TEST == "ash", "oak", Y_TEST)), "'oak'"),
    "numbers for text": (wrong(y=np.arange(len(Y_TEST))), "text on one side"),
    "missing label": (wrong(y=[None, *Y_TEST[1:].tolist()]), "missing labels"),
    "too few labels": (wrong(y=Y_TEST[:5]), "240 rows and y has 5"),
    "columns of labels": (wrong(y=Y_TEST[:, None]), "one label for each row"),
    "no rows": (wrong(X=X_TEST[:0], y=Y_TEST[:0]), "empty"),
    "percent": (wrong(confidence_level=95), "confidence_level=95 .*such as 0.95"),
    "certainty": (wrong(confidence_level=1.0), "confidence_level=1.0"),
    "true": (wrong(confidence_level=True), "confidence_level=True"),
    "NaN confidence": (wrong(confidence_level=np.nan), "confidence_level=nan"),
    "word": (wrong(confidence_level="high"), "confidence_level='high'"),
    "no resamples": (wrong(n_resamples=0), "n_resamples=0 must be"),
    "too few resamples": (wrong(n_resamples=19), "n_resamples=19 .* >= 20"),
    "half resamples": (wrong(n_resamples=10.5), "n_resamples=10.5"),
    "true resamples": (wrong(n_resamples=True), "n_resamples=True"),
    "less than no rows": (wrong(n_disagreements=-1), "n_disagreements=-1"),
    "two at once": (
        wrong(n_resamples=0, confidence_level=2),
        "n_res.*confidence_level",
    ),
    "seed": (wrong(random_state="a"), "'a' cannot be used to seed"),
    "too few columns": (wrong(X=X_TEST[:, :3]), "3 features"),
    "too few weights": (wrong(sample_weight=[1.0, 2.0]), "sample_weight"),
    "negative weights": (
        wrong(sample_weight=-np.ones(len(Y_TEST))),
        "sample_weight has negative",
    ),
    "NaN weights": (wrong(sample_weight=np.full(len(Y_TEST), np.nan)), "sample_weight"),
    "NaN table": (
        wrong(teacher_proba=np.where(np.eye(len(X_TEST), 3) > 0, np.nan, 0.5)),
        "teacher_proba holds no probabilities: row 0",
    ),
    "NaN row": (
        wrong(teacher_proba=[[np.nan] * 3] * 2 + [[0.2, 0.3, 0.5]] * (len(X_TEST) - 2)),
        "teacher_proba says nothing about 2 of 240 rows",
    ),
    "silent table": (wrong(teacher_proba=np.zeros((len(X_TEST), 3))), "teacher_proba"),
    "narrow table": (
        wrong(teacher_proba=np.ones((len(X_TEST), 2))),
        "teacher_proba has 2",
    ),
    "short table": (
        wrong(teacher_proba=np.ones((5, 3))),
        r"teacher_proba has shape \(5, 3",
    ),
    "text table": (wrong(teacher_proba="said"), "teacher_proba must be an array"),
    "logits": (wrong(teacher_proba=-np.ones((len(X_TEST), 3))), "soften"),
}


@pytest.mark.parametrize("name", sorted(UNASKED))
def test_wrong_input_is_refused_before_anybody_is_asked(name):
    model, (teacher,) = counted()
    options, message = UNASKED[name]
    with pytest.raises(ValueError, match=message):
        distillation_report(model, **options)
    assert teacher.asked == []


def test_no_rows_at_all():
    with pytest.raises(TypeError, match="X=3 has no rows"):
        distillation_report(counted()[0], 3, Y_TEST)


BASELINES = {
    "short": (np.full((5, 3), 1 / 3), ValueError, r"baseline has shape \(5, 3\)"),
    "narrow": (
        np.full((len(X_TEST), 2), 0.5),
        ValueError,
        "column for each of the classes .*'ash'",
    ),
    "flat": (np.full(len(X_TEST), 0.5), ValueError, "baseline has shape"),
    "NaN": (np.full((len(X_TEST), 3), np.nan), ValueError, "baseline has NaN"),
    "logits": (
        -np.ones((len(X_TEST), 3)),
        ValueError,
        "baseline holds no probabilities",
    ),
    "not fitted": (TREE, NotFittedError, "not fitted"),
    "other labels": (
        clone(TREE).fit(X, np.searchsorted(NAMES, Y) + 10),
        ValueError,
        "labels that the distiller does not know",
    ),
    "other names": (
        clone(TREE).fit(X, np.char.upper(Y)),
        ValueError,
        "baseline predicts .*'ASH'.* fit both on the same labels",
    ),
}


@pytest.mark.parametrize("name", sorted(BASELINES))
def test_wrong_baselines(name):
    baseline, error, message = BASELINES[name]
    model, (teacher,) = counted()
    with pytest.raises(error, match=message):
        distillation_report(model, X_TEST, Y_TEST, baseline=baseline, **QUICK)
    assert teacher.asked == []


def test_the_cure_of_an_unknown_label_can_be_taken():
    rows = wrong(y=np.where(Y_TEST == "ash", "oak", Y_TEST))
    with pytest.raises(ValueError, match="leave these rows out") as error:
        distillation_report(fit(FOREST, TREE), **rows)
    assert "as labels" not in str(error.value)  # there is no parameter `labels`


def test_a_baseline_of_another_kind_of_labels():
    alone = clone(TREE).fit(X, Y.astype(object))
    model = DistillationClassifier(FOREST, TREE).fit(X, _CODES[:180])
    with pytest.raises(ValueError, match=r"baseline predicts \['ash'"):
        distillation_report(model, X_TEST, _CODES[180:], baseline=alone, **QUICK)


def test_nan_of_a_baseline_is_named():
    class Bad(Echo):
        def predict_proba(self, X):
            return np.where(np.arange(len(X))[:, None] == 3, np.nan, X)

    tables, bad = Tables(0), Bad().fit(np.eye(3), np.arange(3))
    with pytest.raises(ValueError, match=r"baseline\.predict_proba says .* row 3"):
        distillation_report(
            echo(np.arange(3)),
            tables.student,
            tables.codes,
            teacher_proba=tables.teacher,
            baseline=bad,
            **QUICK,
        )


@pytest.mark.parametrize(
    "model",
    [
        DistillationClassifier(FOREST, TREE),
        DistillationClassifierCV(FOREST, TREE),
        make_pipeline(StandardScaler(), DistillationClassifier(FOREST, TREE)),
        GridSearchCV(DistillationClassifier(FOREST, TREE), {"alpha": [0.5]}),
    ],
    ids=["distiller", "own search", "pipeline", "search"],
)
def test_not_fitted(model):
    with pytest.raises(NotFittedError, match="not fitted"):
        distillation_report(model, X_TEST, Y_TEST)


@pytest.mark.parametrize(
    "model",
    [
        clone(TREE).fit(X, Y),
        make_pipeline(StandardScaler(), clone(TREE)).fit(X, Y),
        search(TREE, max_depth=[1, 2]),
    ],
    ids=["tree", "pipeline", "search"],
)
def test_no_distiller(model):
    with pytest.raises(TypeError, match=r"holds no distiller.*DistillationClassifier"):
        distillation_report(model, X_TEST, Y_TEST)


@pytest.mark.parametrize("model", [None, "model", DistillationClassifier])
def test_no_model(model):
    with pytest.raises(TypeError):
        distillation_report(model, X_TEST, Y_TEST)


def test_on_real_rows():
    digits, labels = load_digits(return_X_y=True)
    digits, labels = digits[:700], labels[:700]
    model = DistillationClassifier(
        RandomForestClassifier(30, random_state=0),
        DecisionTreeClassifier(max_leaf_nodes=40, random_state=0),
        random_state=0,
    ).fit(digits[:400], labels[:400])
    alone = DecisionTreeClassifier(max_leaf_nodes=40, random_state=0)
    alone.fit(digits[:400], labels[:400])
    report = distillation_report(
        model, digits[400:], labels[400:], baseline=alone, n_resamples=100
    )
    said = {
        TEACHER: model.teacher_predict_proba(digits[400:]),
        ALONE: alone.predict_proba(digits[400:]),
        STUDENT: model.predict_proba(digits[400:]),
    }
    for name, proba in said.items():
        found = report.figures[name, "auc"].value
        assert found == pytest.approx(
            roc_auc_score(labels[400:], proba, multi_class="ovr")
        )
    check_shown(report)
