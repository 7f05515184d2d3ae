"""What speaks for a student: independent formulas, and every kind of model."""

import inspect
import io
import pickle
import re
import subprocess
import sys
from copy import deepcopy

import joblib
import numpy as np
import pandas as pd
import polars as pl
import pytest
import threadpoolctl
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from scipy.special import softmax
from scipy.stats import entropy
from sklearn import config_context
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import load_breast_cancer, load_iris
from sklearn.ensemble import (
    AdaBoostClassifier,
    BaggingClassifier,
    ExtraTreesClassifier,
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    IsolationForest,
    RandomForestClassifier,
    StackingClassifier,
    VotingClassifier,
)
from sklearn.exceptions import NotFittedError, UndefinedMetricWarning
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression, RidgeClassifier, SGDClassifier
from sklearn.metrics import (
    accuracy_score,
    brier_score_loss,
    cohen_kappa_score,
    confusion_matrix,
    log_loss,
    zero_one_loss,
)
from sklearn.model_selection import (
    GridSearchCV,
    StratifiedKFold,
    cross_val_predict,
    cross_val_score,
    cross_validate,
)
from sklearn.multiclass import OneVsRestClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.svm import SVC, LinearSVC
from sklearn.tree import DecisionTreeClassifier, ExtraTreeClassifier
from skorch import NeuralNetClassifier

from skdistill import (
    BornAgainClassifier,
    DistillationClassifier,
    DistillationClassifierCV,
    metrics,
    strip_teacher,
)
from skdistill.metrics import (
    Latency,
    ModelSize,
    compression_ratio,
    expected_calibration_error,
    fidelity_score,
    fidelity_scorer,
    make_teacher_scorer,
    model_size,
    neg_teacher_kl_scorer,
    prediction_latency,
    recovered_gap_of_losses,
    recovered_gap_score,
    teacher_kl_divergence,
)
from skdistill.neural import NeuralClassifier
from tests.strategies import LABELS, examples

SEEDS = st.integers(0, 2**32 - 1)
NAMES = st.sampled_from([name for name, labels in LABELS.items() if len(labels) > 2])


def proba(rng, n, k):
    """Distributions, some of them with a 0."""
    p = softmax(3 * rng.normal(size=(n, k)), axis=1)
    p[rng.random((n, k)) < 0.1] = 0.0
    p[p.sum(axis=1) == 0] = 1.0
    return p / p.sum(axis=1, keepdims=True)


# Fidelity -----------------------------------------------------------------------


@examples(60)
@given(SEEDS, NAMES, st.booleans(), st.booleans(), st.booleans())
def test_fidelity_is_read_off_the_confusion_matrix(
    seed, name, teacher_says_labels, student_says_labels, weighted
):
    rng = np.random.default_rng(seed)
    classes = np.sort(LABELS[name])
    P, Q = proba(rng, 25, len(classes)), proba(rng, 25, len(classes))
    said, heard = classes[P.argmax(axis=1)], classes[Q.argmax(axis=1)]
    weight = rng.random(25) if weighted else None
    counts = confusion_matrix(said, heard, labels=classes, sample_weight=weight)
    with np.errstate(invalid="ignore"):
        by_class = np.diag(counts) / counts.sum(axis=1)
    given = (said if teacher_says_labels else P, heard if student_says_labels else Q)
    options = {"sample_weight": weight, "labels": classes}
    assert_allclose(
        fidelity_score(*given, **options),
        accuracy_score(said, heard, sample_weight=weight),
    )
    assert_allclose(fidelity_score(*given, average=None, **options), by_class)
    assert_allclose(
        fidelity_score(*given, average="macro", **options), np.nanmean(by_class)
    )


def test_fidelity_by_hand_with_booleans():
    teacher = np.array([[0.9, 0.1], [0.2, 0.8], [0.3, 0.7], [0.6, 0.4]])
    student = [False, True, False, False]
    assert fidelity_score(teacher, student) == 0.75
    assert_array_equal(fidelity_score(teacher, student, average=None), [1.0, 0.5])
    assert fidelity_score(teacher, student, average="macro") == 0.75
    assert isinstance(fidelity_score(teacher, student), float)


def test_fidelity_of_labels_is_in_their_sorted_order():
    teacher, student = ["b", "a", "b", "b"], ["b", "a", "c", "b"]
    by_class = fidelity_score(teacher, student, average=None)
    assert_allclose(by_class, [1.0, 2 / 3, np.nan])  # a, b, and c, never said


def test_fidelity_in_the_order_of_labels():
    teacher, student = ["b", "a", "b", "b"], ["b", "a", "c", "b"]
    by_class = fidelity_score(
        teacher, student, average=None, labels=["b", "d", "a", "c"]
    )
    assert_allclose(by_class, [2 / 3, np.nan, 1.0, np.nan])


def test_columns_are_named_and_not_sorted():
    teacher = np.array([[0.9, 0.1], [0.2, 0.8]])  # "yes", "no"
    said = ["yes", "no"]
    assert fidelity_score(teacher, said, labels=["yes", "no"]) == 1.0
    assert fidelity_score(teacher, said, labels=["no", "yes"]) == 0.0
    assert fidelity_score(teacher, said) == 0.0  # None: the columns are sorted labels


def test_classes_never_said_do_not_count_in_the_macro_average():
    P = np.array([[0.8, 0.1, 0.1], [0.7, 0.2, 0.1], [0.1, 0.1, 0.8]])
    Q = np.array([[0.8, 0.1, 0.1], [0.1, 0.8, 0.1], [0.1, 0.1, 0.8]])
    assert_allclose(fidelity_score(P, Q, average=None), [0.5, np.nan, 1.0])
    assert fidelity_score(P, Q, average="macro") == 0.75
    # A class that is only said with weight 0 is never said.
    weight = [1, 1, 0]
    assert_allclose(
        fidelity_score(P, Q, average=None, sample_weight=weight), [0.5, np.nan, np.nan]
    )
    assert fidelity_score(P, Q, average="macro", sample_weight=weight) == 0.5


def test_the_first_of_equal_columns_counts():
    flat = [[0.5, 0.5]]
    assert fidelity_score(flat, [[1.0, 0.0]]) == 1.0
    assert fidelity_score(flat, [[0.0, 1.0]]) == 0.0


def test_fidelity_takes_scores_and_frames_and_series():
    logits = np.array([[3.0, -np.inf, 1.0], [0.0, 2.0, 1.0]])
    said = pd.Series(["a", "b"])
    classes = ["a", "b", "c"]
    assert fidelity_score(logits, said, labels=classes) == 1.0
    assert fidelity_score(pd.DataFrame(logits), pl.Series(said), labels=classes) == 1.0
    assert fidelity_score(pd.Series([1, 2], dtype="Int64"), [1, 3]) == 0.5
    assert fidelity_score(pd.Categorical(["x", "y"]), ["x", "y"]) == 1.0


@examples(30)
@given(SEEDS)
def test_agreement_is_mutual(seed):
    rng = np.random.default_rng(seed)
    P, Q = proba(rng, 20, 3), proba(rng, 20, 3)
    assert fidelity_score(P, Q) == fidelity_score(Q, P)
    assert fidelity_score(P, P) == fidelity_score(P, P, average="macro") == 1.0


# Divergence ---------------------------------------------------------------------


@examples(60)
@given(SEEDS, st.integers(2, 5))
def test_divergence_is_scipys(seed, k):
    rng = np.random.default_rng(seed)
    P, Q = proba(rng, 15, k), softmax(rng.normal(size=(15, k)), axis=1)
    weight = rng.random(15)
    rows = [entropy(p, q) for p, q in zip(P, Q, strict=True)]
    assert_allclose(teacher_kl_divergence(P, Q, reduction="none"), rows, atol=1e-14)
    assert_allclose(teacher_kl_divergence(P, Q), np.mean(rows))
    assert_allclose(
        teacher_kl_divergence(P, Q, sample_weight=weight),
        np.average(rows, weights=weight),
    )


@examples(60)
@given(SEEDS)
def test_divergence_is_never_negative_and_0_where_both_say_the_same(seed):
    rng = np.random.default_rng(seed)
    P, Q = proba(rng, 15, 4), proba(rng, 15, 4)
    assert (teacher_kl_divergence(P, Q, reduction="none") >= 0).all()
    assert teacher_kl_divergence(P, P) == 0.0
    nearly = P * (1 + 1e-15 * rng.normal(size=P.shape))
    assert (teacher_kl_divergence(P, nearly, reduction="none") >= 0).all()
    assert teacher_kl_divergence(P, np.full((15, 4), 0.25)) > 0


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_divergence_from_a_sure_teacher_is_log_loss(dtype):
    """The floor included, which goes by the type of the student's numbers."""
    rng = np.random.default_rng(0)
    y = rng.integers(3, size=40)
    Q = proba(rng, 40, 3).astype(dtype)
    assert (Q[np.arange(40), y] == 0).any()
    assert_allclose(
        teacher_kl_divergence(np.eye(3)[y], Q),
        log_loss(y, Q, labels=[0, 1, 2]),
        rtol=1e-5 if dtype == np.float32 else 1e-12,
    )
    one = np.array([[0.0, 1.0]], dtype=dtype)
    floor = np.finfo(dtype).eps
    assert_allclose(teacher_kl_divergence([[1.0, 0.0]], one), -np.log(floor))


def test_rows_are_scaled_to_sum_to_1():
    rounded = [[0.333, 0.333, 0.333]]
    assert_allclose(
        teacher_kl_divergence([[1.0, 0.0, 0.0]], rounded), np.log(3), rtol=1e-12
    )


# Recovered gap ------------------------------------------------------------------


def three_models(rng, n=30, k=3):
    """Labels, and probabilities of a good teacher, a better and a poor student."""
    y = rng.integers(k, size=n)
    noise = [rng.normal(size=(n, k)) for _ in range(3)]
    teacher, student, alone = (
        softmax(margin * np.eye(k)[y] + each, axis=1)
        for margin, each in zip((5, 2.5, 0), noise, strict=True)
    )
    return y, student, alone, teacher


@examples(30)
@given(SEEDS, NAMES, st.booleans())
def test_recovered_gap_is_a_ratio_of_log_losses(seed, name, weighted):
    rng = np.random.default_rng(seed)
    classes = np.sort(LABELS[name])
    codes, *said = three_models(rng, k=len(classes))
    weight = rng.random(len(codes)) if weighted else None
    student, alone, teacher = (
        log_loss(codes, p, sample_weight=weight, labels=range(len(classes)))
        for p in said
    )
    assert_allclose(
        recovered_gap_score(
            classes[codes], *said, sample_weight=weight, labels=classes
        ),
        (alone - student) / (alone - teacher),
        rtol=1e-9,
    )


def test_alone_is_0_and_the_teacher_is_1():
    y, student, alone, teacher = three_models(np.random.default_rng(0))
    assert recovered_gap_score(y, alone, alone, teacher) == 0.0
    assert recovered_gap_score(y, teacher, alone, teacher) == 1.0
    assert 0 < recovered_gap_score(y, student, alone, teacher) < 1
    worse = np.full((len(y), 3), 1e-6) + np.eye(3)[(y + 1) % 3]
    worse /= worse.sum(axis=1, keepdims=True)
    assert recovered_gap_score(y, worse, alone, teacher) < 0
    assert recovered_gap_score(y, np.eye(3)[y], alone, teacher) > 1


def test_recovered_gap_names_the_columns_by_labels():
    y, *said = three_models(np.random.default_rng(1))
    names = np.array(["c", "a", "b"])
    expected = recovered_gap_score(y, *said)
    assert_allclose(recovered_gap_score(names[y], *said, labels=names), expected)


def test_zeros_are_floored_as_in_log_loss():
    y = [0, 1]
    alone, teacher = np.array([[0.0, 1.0], [0.0, 1.0]]), np.array([[0.5, 0.5]] * 2)
    student = np.array([[0.1, 0.9], [0.0, 1.0]], dtype=np.float32)
    losses = [log_loss(y, p) for p in (alone, student, teacher)]
    expected = (losses[0] - losses[1]) / (losses[0] - losses[2])
    assert_allclose(
        recovered_gap_score(y, student, alone, teacher), expected, rtol=1e-6
    )


def test_any_loss_of_scikit_learn_will_do():
    y, *said = three_models(np.random.default_rng(2))
    weight = np.arange(len(y))
    hard = [p.argmax(axis=1) for p in said]
    wrong = [np.average(h != y, weights=weight) for h in hard]
    expected = (wrong[1] - wrong[0]) / (wrong[1] - wrong[2])
    found = recovered_gap_score(y, *hard, loss=zero_one_loss, sample_weight=weight)
    assert_allclose(found, expected)
    second = [p[:, 1] for p in said]
    brier = [np.mean((s - (y == 1)) ** 2) for s in second]
    found = recovered_gap_score(y == 1, *second, loss=brier_score_loss)
    assert_allclose(found, (brier[1] - brier[0]) / (brier[1] - brier[2]))
    own = recovered_gap_score(y, *said, loss=log_loss, labels=[0, 1, 2])
    assert_allclose(own, recovered_gap_score(y, *said), rtol=1e-9)


def test_without_a_gap_it_is_nan_and_warns_the_caller():
    y, student, alone, teacher = three_models(np.random.default_rng(0))
    with pytest.warns(UndefinedMetricWarning, match="no gap to recover") as told:
        assert np.isnan(recovered_gap_score(y, student, teacher, alone))
    assert told[0].filename == __file__
    with pytest.warns(UndefinedMetricWarning, match="not better") as told:
        assert np.isnan(recovered_gap_of_losses([1.0], [1.0], [1.0]))
    assert told[0].filename == __file__


@examples(40)
@given(SEEDS)
def test_recovered_gap_over_sets_is_a_ratio_of_sums(seed):
    rng = np.random.default_rng(seed)
    student, alone, teacher = rng.random((3, 12))
    teacher[0], alone[0] = 0.0, 0.5
    won = gap = 0.0
    for k in range(12):
        if teacher[k] < alone[k]:
            won += alone[k] - student[k]
            gap += alone[k] - teacher[k]
    assert_allclose(recovered_gap_of_losses(student, alone, teacher), won / gap)
    # Losses in other units, and sets in another order.
    order = rng.permutation(12)
    again = [3 * each[order] + 1 for each in (student, alone, teacher)]
    assert_allclose(recovered_gap_of_losses(*again), won / gap)


def test_sets_without_a_gap_are_left_out():
    alone, teacher = [0.4, 0.3, 0.2, 0.2], [0.2, 0.2, 0.2, 0.3]
    assert_allclose(
        recovered_gap_of_losses([0.3, 0.3, 9.0, 9.0], alone, teacher), 1 / 3
    )
    assert recovered_gap_of_losses(0.5, 1.0, 0.0) == 0.5


# Calibration --------------------------------------------------------------------


def binned_by_hand(y, p, n_bins):
    total = 0.0
    for k in range(n_bins):
        low, high = k / n_bins, (k + 1) / n_bins
        rows = [r for r in range(len(y)) if low < p[r].max() <= high]
        if rows:
            accuracy = np.mean([p[r].argmax() == y[r] for r in rows])
            confidence = np.mean([p[r].max() for r in rows])
            total += len(rows) / len(y) * abs(accuracy - confidence)
    return total


@examples(40)
@given(SEEDS, st.integers(1, 20), st.integers(2, 4))
def test_uniform_bins_are_those_of_the_paper(seed, n_bins, k):
    rng = np.random.default_rng(seed)
    y, p = rng.integers(k, size=50), proba(rng, 50, k)
    found = expected_calibration_error(
        y, p, n_bins=n_bins, strategy="uniform", labels=range(k)
    )
    assert_allclose(found, binned_by_hand(y, p, n_bins), atol=1e-12)


@examples(40)
@given(SEEDS, st.integers(1, 12), st.integers(1, 8), NAMES)
def test_quantile_bins_hold_equally_many_rows(seed, n_bins, per_bin, name):
    rng = np.random.default_rng(seed)
    classes, n = np.sort(LABELS[name]), n_bins * per_bin
    y = rng.integers(len(classes), size=n)
    p = softmax(rng.normal(size=(n, len(classes))), axis=1)
    order = np.argsort(p.max(axis=1))
    gaps = [
        abs(np.sum(p[part].max(axis=1) - (p[part].argmax(axis=1) == y[part])))
        for part in np.split(order, n_bins)
    ]
    found = expected_calibration_error(classes[y], p, n_bins=n_bins, labels=classes)
    assert_allclose(found, sum(gaps) / n, atol=1e-12)


@examples(40)
@given(SEEDS, st.sampled_from(["quantile", "uniform"]))
def test_calibration_error_depends_on_neither_order_nor_scale(seed, strategy):
    rng = np.random.default_rng(seed)
    y = rng.integers(2, size=40)
    second = rng.choice([0.1, 0.3, 0.6, 0.9, 1.0], size=40)  # many rows alike
    p, weight = np.column_stack([1 - second, second]), rng.random(40)

    def error(rows, scale=1.0):
        return expected_calibration_error(
            y[rows],
            p[rows],
            n_bins=6,
            strategy=strategy,
            sample_weight=scale * weight[rows],
            labels=[0, 1],
        )

    expected = error(np.arange(40))
    assert_allclose(error(rng.permutation(40)), expected, atol=1e-12)
    assert_allclose(error(np.arange(40), 1e-3), expected, atol=1e-12)


@examples(30)
@given(SEEDS, st.integers(1, 40), st.sampled_from(["quantile", "uniform"]))
def test_one_bin_hides_most(seed, n_bins, strategy):
    rng = np.random.default_rng(seed)
    y, p = rng.integers(3, size=30), proba(rng, 30, 3)
    error = expected_calibration_error(
        y, p, n_bins=n_bins, strategy=strategy, labels=range(3)
    )
    overall = abs(p.max(axis=1).mean() - np.mean(p.argmax(axis=1) == y))
    assert overall - 1e-12 <= error <= 1.0
    one = expected_calibration_error(y, p, n_bins=1, strategy=strategy, labels=range(3))
    assert_allclose(one, overall, atol=1e-12)


def test_rows_with_the_same_confidence_share_a_bin():
    # In two bins of two, cut by order, the error would be 0.3 and not 0.05.
    y, p = [0, 0, 1, 0], [[0.8, 0.2]] * 4
    assert_allclose(expected_calibration_error(y, p, n_bins=2), 0.05)
    y, p = [0, 1], [[0.6, 0.4], [0.6, 0.4]]
    assert_allclose(expected_calibration_error(y, p, n_bins=2), 0.1)


def test_a_value_goes_where_the_middle_of_its_weight_lies():
    # One row at 0.6, and three at 0.9 whose middle is at 2.5 of 4 rows.
    y, p = [0, 0, 1, 1], [[0.6, 0.4]] + [[0.9, 0.1]] * 3
    error = expected_calibration_error(y, p, n_bins=2)
    assert_allclose(error, (0.4 + (0.9 * 3 - 1)) / 4)


@pytest.mark.parametrize("n_bins", [2, 4, 6])
@pytest.mark.parametrize("n", [3, 5, 7, 9, 11])
def test_a_row_between_two_bins_does_not_go_by_the_last_digit(n, n_bins):
    rng = np.random.default_rng(n)
    y, p = rng.integers(2, size=n), softmax(rng.normal(size=(n, 2)), axis=1)
    errors = [
        expected_calibration_error(
            y, p, n_bins=n_bins, sample_weight=np.full(n, scale), labels=[0, 1]
        )
        for scale in (1.0, 0.1, 0.3, 0.7, 1e-3, 1 / 3)
    ]
    assert_allclose(errors, errors[0], rtol=1e-9)


def test_who_is_right_as_often_as_it_says_has_no_error():
    p = np.repeat([[0.75, 0.25], [0.5, 0.5]], 4, axis=0)
    y = ["a", "a", "a", "b", "a", "a", "b", "b"]
    for strategy in ("quantile", "uniform"):
        assert expected_calibration_error(y, p, strategy=strategy) == 0.0


# Weights ------------------------------------------------------------------------


def divergence(y, student, alone, teacher, weight):
    return teacher_kl_divergence(teacher, student, sample_weight=weight)


def gap(y, student, alone, teacher, weight):
    return recovered_gap_score(
        y, student, alone, teacher, sample_weight=weight, labels=range(3)
    )


def fidelity(average):
    def score(y, student, alone, teacher, weight):
        return fidelity_score(teacher, student, sample_weight=weight, average=average)

    return score


def calibration(strategy):
    def score(y, student, alone, teacher, weight):
        return expected_calibration_error(
            y,
            student.round(1) / student.round(1).sum(axis=1, keepdims=True),
            sample_weight=weight,
            strategy=strategy,
            labels=range(3),
            n_bins=4,
        )

    return score


WEIGHTED = {
    "fidelity": fidelity("micro"),
    "macro fidelity": fidelity("macro"),
    "fidelity by class": fidelity(None),
    "divergence": divergence,
    "gap": gap,
    "calibration": calibration("quantile"),
    "calibration, uniform": calibration("uniform"),
}


@pytest.mark.parametrize("name", WEIGHTED)
@examples(25)
@given(seed=SEEDS)
def test_a_weight_is_a_number_of_rows(name, seed):
    score, rng = WEIGHTED[name], np.random.default_rng(seed)
    rows = three_models(rng)
    times = rng.integers(4, size=len(rows[0]))  # 0 is absent
    repeated = [np.repeat(each, times, axis=0) for each in rows]
    expected = score(*repeated, None)
    assert_allclose(score(*rows, times), expected, rtol=1e-9, atol=1e-12)
    assert_allclose(score(*rows, times.astype(float)), score(*rows, times))
    kept = times > 0
    without = score(*[each[kept] for each in rows], times[kept])
    assert_allclose(without, expected, rtol=1e-9, atol=1e-12)


# Wrong input --------------------------------------------------------------------

P2 = [[0.9, 0.1], [0.4, 0.6]]
P3 = [[0.8, 0.1, 0.1], [0.1, 0.8, 0.1]]
LOGITS = [[2.0, -1.0], [0.5, 3.0]]
STUMP = DecisionTreeClassifier(max_depth=1).fit([[0], [1]], [0, 1])
LINE = LogisticRegression().fit([[0], [1]], [0, 1])

WRONG = [
    # fidelity
    (
        lambda: fidelity_score(P2, P2, average="weighted"),
        ["average='weighted'", "macro"],
    ),
    (lambda: fidelity_score(P2, P3), ["teacher has 2 columns", "student has 3"]),
    (lambda: fidelity_score(P2, P2[:1]), ["teacher has 2 rows", "student has 1"]),
    (lambda: fidelity_score([], []), ["teacher is empty"]),
    (lambda: fidelity_score(P3, [0, 1]), ["labels=None", "3 columns", "classes_"]),
    (
        lambda: fidelity_score(P2, [0, 2], labels=[0, 1]),
        ["student says 2", r"\[0, 1\]"],
    ),
    (
        lambda: fidelity_score(P2, [0, 1], labels=[0, 1, 2]),
        ["labels=.*names 3", "are 2"],
    ),
    (
        lambda: fidelity_score(P2, [0, 1], labels=[1, 1]),
        [r"labels=\[1, 1\]", "distinct"],
    ),
    (
        lambda: fidelity_score(["a", "b"], [0, 1]),
        ["student has labels such as 0", "text"],
    ),
    (lambda: fidelity_score([0.3, 0.9], [0, 1]), ["teacher", "0.3", "column_stack"]),
    (lambda: fidelity_score([0, np.nan], [0, 1]), ["teacher has NaN"]),
    (lambda: fidelity_score(["a", None], ["a", "b"]), ["teacher has missing labels"]),
    (
        lambda: fidelity_score(np.array(["a", 1], dtype=object), ["a", "b"]),
        ["teacher mixes text", "astype"],
    ),
    (
        lambda: fidelity_score([[0.9], [0.1]], [0, 1]),
        ["teacher has shape", "two classes"],
    ),
    (
        lambda: fidelity_score(np.ones((2, 2, 2)), [0, 1]),
        ["teacher has shape", "n_rows"],
    ),
    (lambda: fidelity_score([[1, np.nan], [0, 1]], P2), ["teacher has NaN in row 0"]),
    (
        lambda: fidelity_score([["a", "b"]], [[0, 1]]),
        ["teacher has entries", "numbers"],
    ),
    (lambda: fidelity_score(P2, P2, sample_weight=[1, -1]), ["sample_weight", ">= 0"]),
    (lambda: fidelity_score(P2, P2, sample_weight=[0, 0]), ["sample_weight is 0"]),
    (lambda: fidelity_score(P2, P2, sample_weight=[1]), ["sample_weight", r"\(2,\)"]),
    # divergence
    (lambda: teacher_kl_divergence(P2, LOGITS), ["student", r"2\. +-1", "soften"]),
    (lambda: teacher_kl_divergence([[0.5, 0.6]] * 2, P2), ["teacher", "sum to 1"]),
    (lambda: teacher_kl_divergence([[np.inf, 1]] * 2, P2), ["teacher holds no prob"]),
    (lambda: teacher_kl_divergence(P2, [0, 1]), ["student has shape", "column_stack"]),
    (lambda: teacher_kl_divergence(P2, P3), ["teacher has 2 columns", "student has 3"]),
    (
        lambda: teacher_kl_divergence(P2, P2, reduction="sum"),
        ["reduction='sum'", "none"],
    ),
    (
        lambda: teacher_kl_divergence(P2, P2, reduction="none", sample_weight=[1, 1]),
        ["sample_weight has no effect", "leave it out"],
    ),
    # recovered gap
    (lambda: recovered_gap_score([0, 1], P2, P2, LOGITS), ["teacher holds no prob"]),
    (lambda: recovered_gap_score([0, 1], P2, P3, P2), ["student has 2", "alone has 3"]),
    (lambda: recovered_gap_score([0, 1, 1], P2, P2, P2), ["y_true has 3 rows"]),
    (lambda: recovered_gap_score([0, 0], P2, P2, P2), ["labels=None", r"\[0\]"]),
    (
        lambda: recovered_gap_score([0, 1], 1, 2, 3, loss=lambda y, p: np.ones(2)),
        ["loss=<function", "one number", "recovered_gap_of_losses"],
    ),
    (
        lambda: recovered_gap_score([0, 1], 1, 2, 3, loss=lambda y, p: np.inf),
        ["student has a loss of inf", "Leave such sets out"],
    ),
    (
        lambda: recovered_gap_of_losses([1, 2], [1, 2], [1]),
        [r"student \(2,\)", r"teacher \(1,\)", "every set"],
    ),
    (
        lambda: recovered_gap_of_losses([1.0], [np.nan], [0]),
        ["alone has a loss of nan"],
    ),
    (
        lambda: recovered_gap_of_losses([[1]], [[1]], [[0]]),
        ["student has losses of shape"],
    ),
    # calibration
    (
        lambda: expected_calibration_error([0, 1], P2, n_bins=0),
        ["n_bins=0", "at least 1"],
    ),
    (lambda: expected_calibration_error([0, 1], P2, n_bins=2.0), [r"n_bins=2\.0"]),
    (lambda: expected_calibration_error([0, 1], P2, n_bins=True), ["n_bins=True"]),
    (
        lambda: expected_calibration_error([0, 1], P2, strategy="kmeans"),
        ["strategy='kmeans'", "quantile", "uniform"],
    ),
    (lambda: expected_calibration_error([0, 1], LOGITS), ["y_proba holds no prob"]),
    (lambda: expected_calibration_error([0, 5], P2, labels=[0, 1]), ["y_true says 5"]),
    # size
    (
        lambda: compression_ratio(STUMP, LINE, unit="nodes"),
        ["unit='nodes'", "student LogisticRegression", "has no nodes", "'bytes'"],
    ),
    (
        lambda: compression_ratio(STUMP, LINE, unit="parameters"),
        ["unit='parameters'", "teacher DecisionTreeClassifier", "no parameters"],
    ),
    (lambda: compression_ratio(STUMP, STUMP, unit="kB"), ["unit='kB'", "bytes"]),
    # latency
    (
        lambda: prediction_latency(LinearSVC().fit([[0], [1]], [0, 1]), [[0]]),
        ["method='predict_proba'", "it has predict, decision_function"],
    ),
    (
        lambda: prediction_latency(STUMP, [[0]], batch_size=2),
        ["batch_size=2", "1 rows"],
    ),
    (lambda: prediction_latency(STUMP, [[0]], batch_size=0), ["batch_size=0"]),
    (
        lambda: prediction_latency(STUMP, [[0]], n_repeats=0),
        ["n_repeats=0", "at least"],
    ),
    (lambda: prediction_latency(STUMP, [[0]], n_threads=1.0), [r"n_threads=1\.0"]),
    (lambda: prediction_latency(STUMP, np.empty((0, 1))), ["X is empty"]),
    # scorers
    (
        lambda: make_teacher_scorer(
            fidelity_score, response_method="decision_function"
        ),
        ["response_method='decision_function'", "predict_proba"],
    ),
    (lambda: fidelity_scorer(STUMP, [[0]]), ["holds no teacher", "teacher_proba=P"]),
    (
        lambda: neg_teacher_kl_scorer(LinearSVC().fit([[0], [1]], [0, 1]), [[0]]),
        ["LinearSVC has no predict_proba", "response_method='predict'"],
    ),
    (
        lambda: fidelity_scorer(STUMP, [[0], [1]], teacher_proba=[[0.5, 0.5]]),
        [r"shape \(1, 2\)", "X has 2 rows", "routing"],
    ),
    (
        lambda: fidelity_scorer(STUMP, [[0]], teacher_proba=[[0.1, 0.8, 0.1]]),
        ["teacher_proba has 3 columns", r"\[0, 1\]", "a frame"],
    ),
    (
        lambda: fidelity_scorer(STUMP, [[0]], teacher_proba=[[-1.0, 2.0]]),
        ["teacher_proba holds no probabilities", "soften"],
    ),
    (
        lambda: fidelity_scorer(STUMP, [[0]], teacher_proba=[[np.nan, 1.0]]),
        ["teacher_proba holds no probabilities: row 0"],
    ),
    (
        lambda: fidelity_scorer(STUMP, [[0]], teacher_proba=[[np.nan, np.nan]]),
        ["says nothing about any of these rows"],
    ),
    (
        lambda: fidelity_scorer(STUMP, [[0]], teacher_proba=[["a", "b"]]),
        [r"teacher_proba must be an array of numbers of shape \(1"],
    ),
]


@pytest.mark.parametrize(("call", "words"), WRONG, ids=map(str, range(len(WRONG))))
def test_wrong_input_is_named(call, words):
    with pytest.raises(ValueError, match=words[0]) as caught:
        call()
    for each in words[1:]:
        assert re.search(each, str(caught.value)), str(caught.value)


@pytest.mark.parametrize(
    "model", [len, DecisionTreeClassifier, "tree", None, [], [STUMP, len]]
)
def test_what_is_no_model_has_no_size(model):
    with pytest.raises(TypeError, match=r"is no model|is empty"):
        model_size(model)


@pytest.mark.parametrize(
    "model",
    [
        DecisionTreeClassifier(),
        make_pipeline(StandardScaler(), LogisticRegression()),
        [STUMP, LogisticRegression()],
        NeuralClassifier(),
        NeuralNetClassifier(torch.nn.Linear(2, 2)),
        DistillationClassifier(STUMP, DecisionTreeClassifier()),
    ],
    ids=lambda it: type(it).__name__,
)
def test_what_is_not_fitted_has_no_size(model):
    with pytest.raises(NotFittedError):
        model_size(model)


def test_a_scorer_needs_a_function():
    with pytest.raises(TypeError, match="score_func='accuracy' must be a function"):
        make_teacher_scorer("accuracy")


# Size ---------------------------------------------------------------------------

X_IRIS, y_iris = load_iris(return_X_y=True)
Y_IRIS = np.array(["setosa", "versicolor", "virginica"])[y_iris]
TREE = DecisionTreeClassifier(max_leaf_nodes=5, random_state=0)
LOGISTIC = LogisticRegression(max_iter=1000)
N_LINEAR = 3 * 4 + 3


def n_nodes(trees):
    """A tree whose nodes have two children or none has 2 n - 1 nodes for n leaves."""
    return sum(2 * tree.get_n_leaves() - 1 for tree in trees)


def fitted(model):
    return model.fit(X_IRIS, Y_IRIS)


def kind_of(model):
    return type(model).__name__


def always(differences):
    return True


TREES = [
    (TREE, lambda m: [m]),
    (ExtraTreeClassifier(max_depth=3, random_state=0), lambda m: [m]),
    (RandomForestClassifier(7, random_state=0), lambda m: m.estimators_),
    (ExtraTreesClassifier(7, random_state=0), lambda m: m.estimators_),
    (IsolationForest(n_estimators=5, random_state=0), lambda m: m.estimators_),
    (GradientBoostingClassifier(n_estimators=4), lambda m: m.estimators_.flat),
    (AdaBoostClassifier(TREE, n_estimators=4), lambda m: m.estimators_),
    (BaggingClassifier(TREE, 4, random_state=0), lambda m: m.estimators_),
    (
        BaggingClassifier(RandomForestClassifier(3), 2, random_state=0),
        lambda m: [tree for forest in m.estimators_ for tree in forest.estimators_],
    ),
    (OneVsRestClassifier(TREE), lambda m: m.estimators_),
    (
        VotingClassifier([("a", TREE), ("b", clone(TREE)), ("c", "drop")]),
        lambda m: m.estimators_,
    ),
    (
        StackingClassifier([("a", TREE), ("b", GaussianNB())], TREE, cv=3),
        lambda m: [m.estimators_[0], m.final_estimator_],
    ),
    (
        CalibratedClassifierCV(TREE, cv=3),
        lambda m: [each.estimator for each in m.calibrated_classifiers_],
    ),
    (make_pipeline(StandardScaler(), "passthrough", TREE), lambda m: [m[-1]]),
    (GridSearchCV(TREE, {"max_depth": [1, 3]}), lambda m: [m.best_estimator_]),
]


@pytest.mark.parametrize(("model", "trees"), TREES, ids=kind_of)
def test_nodes_of_all_trees_count(model, trees):
    model = fitted(clone(model))
    size = model_size(model)
    assert size.n_nodes == n_nodes(trees(model)) > 0
    assert size.n_parameters is None


def test_nodes_of_histogram_based_boosting():
    model = fitted(HistGradientBoostingClassifier(max_iter=3))
    leaves = [t.get_n_leaf_nodes() for each in model._predictors for t in each]
    assert len(leaves) == 9
    assert model_size(model).n_nodes == sum(2 * n - 1 for n in leaves)
    assert model_size(model).n_parameters is None


LINEAR = [
    (LOGISTIC, N_LINEAR),
    (LogisticRegression(fit_intercept=False, max_iter=1000), 12),
    (LinearSVC(), N_LINEAR),
    (RidgeClassifier(), N_LINEAR),
    (SGDClassifier(random_state=0), N_LINEAR),
    (OneVsRestClassifier(LogisticRegression()), N_LINEAR),
    (make_pipeline(StandardScaler(), LOGISTIC), N_LINEAR),
    (BaggingClassifier(LOGISTIC, 3, random_state=0), 3 * N_LINEAR),
    (CalibratedClassifierCV(LOGISTIC, cv=2), 2 * N_LINEAR),
    (VotingClassifier([("a", LOGISTIC), ("b", LinearSVC())]), 2 * N_LINEAR),
    (MLPClassifier((7, 6), max_iter=5), 5 * 7 + 8 * 6 + 7 * 3),
    (NeuralClassifier(hidden_layer_sizes=(7,), max_epochs=1), 5 * 7 + 8 * 3),
]


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize(("model", "expected"), LINEAR, ids=kind_of)
def test_parameters_are_coefficients_and_intercepts_and_weights(model, expected):
    size = model_size(fitted(clone(model)))
    assert size.n_parameters == expected
    assert size.n_nodes is None


def test_stored_coefficients_of_a_sparse_model_count():
    model = LogisticRegression(C=0.02, l1_ratio=1.0, solver="saga", max_iter=5000)
    if "penalty" in inspect.signature(LogisticRegression).parameters:
        model = SGDClassifier(penalty="l1", alpha=0.1, random_state=0)
    model = fitted(model)
    n_used = np.count_nonzero(model.coef_)
    assert 0 < n_used < 12
    assert model_size(model).n_parameters == N_LINEAR
    assert model_size(model.sparsify()).n_parameters == n_used + 3


@pytest.mark.parametrize("model", [KNeighborsClassifier(), GaussianNB(), SVC()])
def test_others_have_bytes_only(model):
    size = model_size(fitted(model))
    assert (size.n_parameters, size.n_nodes) == (None, None)
    assert size.n_bytes > 1000 or isinstance(model, GaussianNB)


def test_a_mixture_has_both():
    model = fitted(VotingClassifier([("a", TREE), ("b", LOGISTIC)]))
    size = model_size(model)
    assert size == ModelSize(size.n_bytes, N_LINEAR, n_nodes([model.estimators_[0]]))


def test_a_fitted_template_does_not_count():
    template = fitted(clone(TREE))
    model = fitted(BaggingClassifier(template, 2, random_state=0))
    assert model_size(model).n_nodes == n_nodes(model.estimators_)


def test_frozen_models_and_lists():
    tree, line = fitted(clone(TREE)), fitted(clone(LOGISTIC))
    assert model_size(FrozenEstimator(tree)).n_nodes == n_nodes([tree])
    assert model_size(FrozenEstimator(line)).n_parameters == N_LINEAR
    both, one = model_size([tree, line]), model_size(tree)
    assert both.n_nodes == one.n_nodes
    assert both.n_parameters == N_LINEAR
    assert both.n_bytes > one.n_bytes
    # What is there twice is kept once.
    twice = model_size([tree, tree])
    assert twice.n_nodes == one.n_nodes
    assert_allclose(twice.n_bytes, one.n_bytes, atol=20)


@pytest.mark.parametrize(
    "model",
    [
        TREE,
        RandomForestClassifier(20, random_state=0),
        HistGradientBoostingClassifier(max_iter=5),
        LOGISTIC,
        KNeighborsClassifier(),
        make_pipeline(StandardScaler(), RandomForestClassifier(5, random_state=0)),
    ],
    ids=lambda it: type(it).__name__,
)
def test_bytes_are_those_of_the_pickle(model):
    model = fitted(clone(model))
    # Large arrays are counted apart from the stream, which saves some opcodes.
    assert_allclose(model_size(model).n_bytes, len(pickle.dumps(model, 5)), rtol=0.1)


@pytest.fixture(scope="module")
def module():
    return torch.nn.Sequential(
        torch.nn.Linear(4, 6), torch.nn.BatchNorm1d(6), torch.nn.Linear(6, 3)
    )


def test_networks_weigh_their_weights(module):
    n_weights = 5 * 6 + 2 * 6 + 7 * 3
    n_bytes = 4 * (n_weights + 2 * 6) + 8  # buffers: mean, variance, an int64 count
    assert model_size(module) == ModelSize(n_bytes, n_weights, None)
    assert model_size([module, deepcopy(module)]).n_parameters == 2 * n_weights
    net = NeuralNetClassifier(
        module, criterion=torch.nn.CrossEntropyLoss, max_epochs=2, verbose=0
    )
    net.fit(X_IRIS.astype(np.float32), y_iris)
    assert model_size(net) == ModelSize(n_bytes, n_weights, None)
    twins = torch.nn.Sequential(*[torch.nn.Linear(4, 4)] * 2)  # one layer, used twice
    assert model_size(twins) == ModelSize(80, 20, None)


def test_networks_inside_of_others_weigh_their_weights(module):
    network = fitted(NeuralClassifier(module, max_epochs=1, random_state=0))
    bare = model_size(network)
    assert bare == model_size(module)
    inside = model_size(fitted(make_pipeline(StandardScaler(), clone(network))))
    assert inside.n_parameters == bare.n_parameters
    scaler = len(pickle.dumps(StandardScaler().fit(X_IRIS)))
    assert bare.n_bytes + scaler < inside.n_bytes < bare.n_bytes + scaler + 500


HEAVY = RandomForestClassifier(60, random_state=0)


@pytest.fixture(scope="module")
def distiller():
    return fitted(DistillationClassifier(HEAVY, TREE))


def test_of_a_distiller_the_student_counts(distiller):
    assert model_size(distiller) == model_size(distiller.student_)
    search = DistillationClassifierCV(
        HEAVY, TREE, alphas=[1.0], temperatures=[1.0], cv=2, rule=always
    )
    assert model_size(fitted(search)) == model_size(search.student_)
    again = fitted(BornAgainClassifier(TREE, n_generations=2))
    assert model_size(again).n_nodes == n_nodes([again.student_])
    all_of_them = fitted(BornAgainClassifier(TREE, n_generations=3, average=True))
    trees = [each.student_ for each in all_of_them.generations_]
    assert model_size(all_of_them).n_nodes == n_nodes(trees)


@pytest.mark.parametrize(
    "wrap",
    [
        lambda d: make_pipeline(StandardScaler(), d),
        lambda d: GridSearchCV(d, {"alpha": [1.0]}, cv=2),
        lambda d: CalibratedClassifierCV(FrozenEstimator(fitted(d))),
        lambda d: VotingClassifier([("a", d), ("b", clone(d))], voting="soft"),
        lambda d: BaggingClassifier(d, 2, random_state=0),
    ],
    ids=["pipeline", "search", "calibrated", "voting", "bagging"],
)
def test_teachers_inside_of_others_do_not_count(wrap):
    model = fitted(wrap(DistillationClassifier(HEAVY, TREE)))
    teacher = model_size(fitted(clone(HEAVY))).n_bytes
    assert len(pickle.dumps(model)) > teacher
    size, stripped = model_size(model), strip_teacher(model)
    assert size.n_bytes < len(pickle.dumps(stripped)) < teacher / 3
    assert size[1:] == model_size(stripped)[1:]
    assert size.n_nodes in (9, 18)


def test_routes_with_networks_and_linear_students(module):
    taught = fitted(DistillationClassifier(HEAVY, module, random_state=0))
    assert model_size(taught).n_parameters == model_size(module).n_parameters
    net = NeuralNetClassifier(
        deepcopy(module),
        criterion=torch.nn.CrossEntropyLoss,
        max_epochs=1,
        train_split=None,
        verbose=0,
    )
    taught = fitted(DistillationClassifier(HEAVY, net, random_state=0))
    assert model_size(taught).n_bytes == model_size(module).n_bytes
    taught = fitted(DistillationClassifier(HEAVY, LOGISTIC))
    assert model_size(taught).n_parameters == N_LINEAR


def test_what_cannot_be_pickled_has_no_bytes():
    model = make_pipeline(FunctionTransformer(lambda X: X), TREE)
    model = fitted(model)
    assert model_size(model).n_bytes is None
    assert model_size(model).n_nodes == 9
    with pytest.raises(ValueError, match=r"unit='bytes' .* cannot be pickled"):
        compression_ratio(model, model)


def test_compression_is_a_ratio_of_sizes(distiller):
    teacher, student = model_size(distiller.teacher_), model_size(distiller)
    ratio = compression_ratio(distiller.teacher_, distiller)
    assert ratio == teacher.n_bytes / student.n_bytes > 20
    by_nodes = compression_ratio(distiller.teacher_, distiller, unit="nodes")
    assert by_nodes == n_nodes(distiller.teacher_.estimators_) / 9
    lines = [fitted(clone(LOGISTIC)) for _ in range(4)]
    assert compression_ratio(lines, lines[0], unit="parameters") == 4.0


# Latency ------------------------------------------------------------------------


class Clock:
    """Time that passes only when a model says so."""

    def __init__(self):
        self.now = 0

    def __call__(self):
        return self.now


class Slow:
    """Takes 5 us a call and 2 us a row; the first call, 1 s more; every tenth, 1 ms."""

    def __init__(self, clock):
        self.clock, self.calls, self.seen = clock, [], []

    def predict_proba(self, X):
        self.clock.now += 5_000 + 2_000 * len(X)
        if not self.calls:
            self.clock.now += 1_000_000_000
        if len(self.calls) % 10 == 0:
            self.clock.now += 1_000_000
        self.calls.append(len(X))
        self.seen.append(np.asarray(X)[0, 0])


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr("time.perf_counter_ns", clock)
    return clock


def test_latency_is_the_median_of_warm_calls(clock):
    X = np.arange(50.0).reshape(-1, 1)
    latency = prediction_latency(Slow(clock), X, n_repeats=40)
    # One in ten is an outlier, which moves neither median nor range.
    assert latency == Latency(7.0, 0.0, 2.1, 0.0, 50, 1)


def test_batches_are_the_first_rows(clock):
    model, X = Slow(clock), np.arange(50.0).reshape(-1, 1)
    latency = prediction_latency(model, X, batch_size=10, n_repeats=20)
    assert_allclose(latency.batch_us_per_row, 2.5)
    assert latency.n_rows == 10
    assert set(model.calls) == {1, 10}
    assert model.calls.count(1) >= 20 > model.calls.count(10) >= 5
    singles = {row for n, row in zip(model.calls, model.seen, strict=True) if n == 1}
    assert len(singles) == 20
    assert {0.0, 49.0} <= singles


def test_the_first_calls_of_each_kind_are_not_timed(clock):
    class Lazy(Slow):
        def predict_proba(self, X):
            self.calls.append(len(X))
            cold = self.calls.count(len(X)) <= 3
            self.clock.now += 1_000_000 if cold else 1_000

    latency = prediction_latency(Lazy(clock), np.zeros((4, 1)), n_repeats=5)
    assert latency == Latency(1.0, 0.0, 0.25, 0.0, 4, 1)


def test_range_of_latencies(clock):
    class Uneven(Slow):
        def predict_proba(self, X):
            self.calls.append(len(X))
            self.clock.now += 1000 * (len(self.calls) % 4 + 1)  # 1, 2, 3, 4 us in turn

    X = np.zeros((4, 1))
    latency = prediction_latency(Uneven(clock), X, n_repeats=400)
    assert_allclose(latency.one_row_us, 2.5)
    assert_allclose(latency.one_row_iqr_us, 1.5)
    assert_allclose(latency.batch_us_per_row, 2.5 / 4)


class Watcher:
    """Remembers how many threads it was allowed."""

    def __init__(self):
        self.seen = []

    def predict(self, X):
        pools = {p["num_threads"] for p in threadpoolctl.threadpool_info()}
        workers = joblib.effective_n_jobs(-1)
        self.seen.append((pools, torch.get_num_threads(), workers))


@pytest.mark.parametrize("n_threads", [1, 2])
def test_threads_are_limited_and_given_back(n_threads, monkeypatch):
    set_num_threads, told = torch.set_num_threads, []
    before = torch.get_num_threads()
    pools = [p["num_threads"] for p in threadpoolctl.threadpool_info()]
    try:
        torch.set_num_threads(3)
        monkeypatch.setattr(
            "torch.set_num_threads", lambda n: (told.append(n), set_num_threads(n))
        )
        model = Watcher()
        latency = prediction_latency(
            model, [[0.0]], method="predict", n_repeats=5, n_threads=n_threads
        )
        assert latency.n_threads == n_threads
        workers = 1 if n_threads == 1 else joblib.cpu_count()
        # The very first call only loads what there is to be limited.
        assert model.seen[0][1:] == (3, joblib.cpu_count())
        assert all(each == ({n_threads}, n_threads, workers) for each in model.seen[1:])
        assert told == [n_threads, 3]
        assert torch.get_num_threads() == 3
    finally:
        set_num_threads(before)
    after = [p["num_threads"] for p in threadpoolctl.threadpool_info()]
    assert after == pools


def test_threads_are_given_back_after_an_error():
    class Breaks:
        def __init__(self):
            self.n_calls = 0

        def predict_proba(self, X):
            self.n_calls += 1
            if self.n_calls > 3:
                raise RuntimeError("broken")

    before = torch.get_num_threads()
    try:
        torch.set_num_threads(3)
        with pytest.raises(RuntimeError, match="broken"):
            prediction_latency(Breaks(), [[0.0]])
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize(
    "make",
    [
        np.asarray,
        lambda X: X.tolist(),
        sparse.csr_matrix,
        pd.DataFrame,
        lambda X: pl.DataFrame(X, schema=list("abcd")),
    ],
    ids=["array", "list", "sparse", "pandas", "polars"],
)
def test_latency_of_rows_in_any_container(make):
    X = make(X_IRIS)
    model = DecisionTreeClassifier(max_depth=2).fit(X, Y_IRIS)
    latency = prediction_latency(model, X, n_repeats=10)
    assert latency.n_rows == 150
    assert all(np.isfinite(latency))
    assert latency.one_row_us > 0 < latency.batch_us_per_row


def test_latency_of_a_distiller_and_of_texts(distiller):
    latency = prediction_latency(distiller, X_IRIS, method="predict", n_repeats=10)
    assert latency.one_row_us > 0
    from sklearn.feature_extraction.text import CountVectorizer

    texts = ["good film", "bad film"] * 5
    model = make_pipeline(CountVectorizer(), GaussianOfSparse()).fit(texts, [1, 0] * 5)
    assert prediction_latency(model, texts, n_repeats=10).n_rows == 10


class GaussianOfSparse(GaussianNB):
    def fit(self, X, y):
        return super().fit(X.toarray(), y)

    def predict_proba(self, X):
        return super().predict_proba(X.toarray())


# Scorers ------------------------------------------------------------------------

FOREST = RandomForestClassifier(20, max_depth=4, random_state=0)
SMALL = DecisionTreeClassifier(max_leaf_nodes=4, random_state=0)


def expected_scores(model, X, P):
    """Fidelity and minus KL, by formulas of their own."""
    Q = np.clip(model.predict_proba(X), np.finfo(float).eps, None)
    agree = np.mean(model.classes_[P.argmax(axis=1)] == model.predict(X))
    return agree, -np.mean([entropy(p, q / q.sum()) for p, q in zip(P, Q, strict=True)])


def check_scores(model, X, P, **metadata):
    agree, kl = expected_scores(model, X, P)
    assert fidelity_scorer(model, X, None, **metadata) == pytest.approx(agree)
    found = neg_teacher_kl_scorer(model, X, None, **metadata)
    assert found == pytest.approx(kl, rel=1e-6)


@pytest.fixture(scope="module")
def halves():
    return X_IRIS[::2], Y_IRIS[::2], X_IRIS[1::2], Y_IRIS[1::2]


@pytest.fixture(scope="module")
def model(halves):
    return DistillationClassifier(FOREST, SMALL).fit(*halves[:2])


def test_a_distillers_own_teacher_is_asked(model, halves):
    X = halves[2]
    check_scores(model, X, model.teacher_.predict_proba(X))
    check_scores(FrozenEstimator(model), X, model.teacher_.predict_proba(X))


def test_the_rows_reach_the_teacher_through_the_steps_before(halves):
    X, y, X_test, _ = halves
    inner = make_pipeline(StandardScaler(), DistillationClassifier(FOREST, SMALL))
    scaler = FunctionTransformer(lambda X: 2 * X + 1)
    outer = make_pipeline("passthrough", scaler, inner).fit(X, y)
    Z = inner.named_steps["standardscaler"].transform(2 * X_test + 1)
    teacher = inner[-1].teacher_
    check_scores(outer, X_test, teacher.predict_proba(Z))
    # It would say something else of the rows as they came.
    assert not np.allclose(teacher.predict_proba(X_test), teacher.predict_proba(Z))


def test_searches_answer_by_their_best(halves):
    X, y, X_test, _ = halves
    distiller = DistillationClassifier(FOREST, SMALL)
    search = GridSearchCV(make_pipeline(StandardScaler(), distiller), {}, cv=2)
    search.fit(X, y)
    best = search.best_estimator_
    said = best[-1].teacher_.predict_proba(best[0].transform(X_test))
    check_scores(search, X_test, said)
    own = DistillationClassifierCV(
        FOREST, SMALL, alphas=[1.0], temperatures=[1.0], cv=2, rule=always
    )
    own.fit(X, y)
    check_scores(own, X_test, own.teacher_.predict_proba(X_test))


def test_any_model_is_scored_against_a_table(model, halves):
    X, y, X_test, _ = halves
    P = model.teacher_.predict_proba(X_test)
    check_scores(clone(SMALL).fit(X, y), X_test, P, teacher_proba=P)
    check_scores(strip_teacher(model), X_test, P, teacher_proba=P)
    # The table goes before the model's own teacher.
    other = P[:, ::-1]
    check_scores(model, X_test, other, teacher_proba=other)


def test_columns_of_a_frame_are_named(model, halves):
    P = model.teacher_.predict_proba(halves[2])
    shuffled = pd.DataFrame(P, columns=model.classes_).iloc[:, [2, 0, 1]]
    check_scores(model, halves[2], P, teacher_proba=shuffled)
    check_scores(model, halves[2], P, teacher_proba=pl.from_pandas(shuffled))
    nameless = pd.DataFrame(P, columns=["p0", "p1", "p2"])
    check_scores(model, halves[2], P, teacher_proba=nameless)


def test_tables_are_read_as_fit_reads_them(model, halves):
    X, y, X_test, _ = halves
    names = ["virginica", "setosa", "versicolor"]
    order = [model.classes_.tolist().index(name) for name in names]
    tables = [model.teacher_.predict_proba(rows) for rows in (X, X_test)]
    distiller = DistillationClassifier("precomputed", SMALL, teacher_classes=names)
    distiller.fit(X, y, teacher_proba=tables[0][:, order])
    check_scores(distiller, X_test, tables[1], teacher_proba=tables[1][:, order])
    behind = make_pipeline(FunctionTransformer(), distiller)
    check_scores(behind, X_test, tables[1], teacher_proba=tables[1][:, order])
    votes = 20 * tables[1][:, order]
    check_scores(distiller, X_test, tables[1], teacher_proba=votes)
    logits = [np.log(np.clip(table, 1e-3, None)) + 5 for table in tables]
    distiller = DistillationClassifier("precomputed", SMALL, teacher_output="logits")
    distiller.fit(X, y, teacher_proba=logits[0])
    said = softmax(logits[1], axis=1)
    check_scores(distiller, X_test, said, teacher_proba=logits[1])


def test_a_table_that_could_be_read_in_two_ways_is_refused(model, halves):
    X, y, X_test, _ = halves
    names = ["virginica", "setosa", "versicolor"]
    order = [model.classes_.tolist().index(name) for name in names]

    def ask(rows):
        return model.teacher_.predict_proba(rows)[:, order]

    options = {"teacher_classes": names, "teacher_output": "probabilities"}
    asked = DistillationClassifier(ask, SMALL, **options).fit(X, y)
    P = model.teacher_.predict_proba(X_test)
    check_scores(asked, X_test, P)
    with pytest.raises(ValueError, match=r"teacher_classes=\['virginica.*a frame"):
        fidelity_scorer(asked, X_test, teacher_proba=ask(X_test))
    named = pd.DataFrame(ask(X_test), columns=names)
    check_scores(asked, X_test, P, teacher_proba=named)
    # Votes and logits, of which only `fit` has been told.
    for table in (20 * P, np.exp(3 * P)):
        with pytest.raises(ValueError, match="teacher_proba holds no probabilities"):
            fidelity_scorer(model, X_test, teacher_proba=table)


def test_one_column_is_about_the_second_of_two_classes():
    X, y = load_breast_cancer(return_X_y=True)
    model = DistillationClassifier(FOREST, SMALL).fit(X, y)
    P = model.teacher_.predict_proba(X)
    check_scores(model, X, P, teacher_proba=P[:, 1])
    check_scores(model, X, P, teacher_proba=P[:, 1:])


def test_rows_about_which_nobody_spoke_are_left_out(model, halves):
    X = halves[2]
    P = model.teacher_.predict_proba(X)
    holes = P.copy()
    holes[::3], holes[1::3] = np.nan, 0.0
    weight = np.arange(len(X))
    for scorer in (fidelity_scorer, neg_teacher_kl_scorer):
        given = {"teacher_proba": P[2::3], "sample_weight": weight[2::3]}
        expected = scorer(model, X[2::3], **given)
        found = scorer(model, X, teacher_proba=holes, sample_weight=weight.tolist())
        assert found == expected


def test_scorers_weigh_rows(model, halves):
    X = halves[2]
    times = np.random.default_rng(0).integers(3, size=len(X))
    for scorer in (fidelity_scorer, neg_teacher_kl_scorer):
        weighted = scorer(model, X, sample_weight=times)
        assert weighted == pytest.approx(scorer(model, np.repeat(X, times, axis=0)))


def test_students_without_probabilities_have_fidelity(halves):
    X, y, X_test, _ = halves
    model = DistillationClassifier(FOREST, LinearSVC()).fit(X, y)
    assert not hasattr(model, "predict_proba")
    said = model.teacher_.predict(X_test)
    assert fidelity_scorer(model, X_test) == np.mean(said == model.predict(X_test))


def test_any_score_of_scikit_learn_makes_a_scorer(model, halves):
    X = halves[2]
    kappa = make_teacher_scorer(
        cohen_kappa_score, response_method="predict", weights="linear"
    )
    said = model.teacher_.predict(X)
    expected = cohen_kappa_score(said, model.predict(X), weights="linear")
    assert kappa(model, X) == expected
    assert repr(kappa) == (
        "make_teacher_scorer(cohen_kappa_score, response_method='predict', "
        "weights='linear')"
    )
    macro = make_teacher_scorer(fidelity_score, average="macro")
    P, Q = model.teacher_.predict_proba(X), model.predict_proba(X)
    assert macro(model, X) == fidelity_score(P, Q, average="macro")
    loss = make_teacher_scorer(teacher_kl_divergence, greater_is_better=False)
    assert loss(model, X) == -teacher_kl_divergence(P, Q)
    assert "greater_is_better=False" in repr(loss)


def test_a_grid_search_by_fidelity():
    """Each setting is scored against the teacher of its own fold."""
    cv = StratifiedKFold(3)
    distiller = DistillationClassifier(FOREST, SMALL)
    grid = {"alpha": [0.0, 1.0], "student__max_leaf_nodes": [2, 6]}
    search = GridSearchCV(distiller, grid, scoring=fidelity_scorer, cv=cv, n_jobs=1)
    search.fit(X_IRIS, Y_IRIS)
    train, test = next(iter(cv.split(X_IRIS, Y_IRIS)))
    for k, params in enumerate(search.cv_results_["params"]):
        one = clone(distiller).set_params(**params).fit(X_IRIS[train], Y_IRIS[train])
        agree, _ = expected_scores(
            one, X_IRIS[test], one.teacher_.predict_proba(X_IRIS[test])
        )
        assert search.cv_results_["split0_test_score"][k] == pytest.approx(agree)
    assert search.best_params_["student__max_leaf_nodes"] == 6
    assert search.score(X_IRIS, Y_IRIS) == fidelity_scorer(search, X_IRIS)


def test_several_scores_at_once():
    scoring = {
        "fidelity": fidelity_scorer,
        "kl": neg_teacher_kl_scorer,
        "own": "accuracy",
    }
    distiller = DistillationClassifier(FOREST, SMALL)
    found = cross_validate(distiller, X_IRIS, Y_IRIS, scoring=scoring, cv=3)
    alone = cross_val_score(distiller, X_IRIS, Y_IRIS, scoring=fidelity_scorer, cv=3)
    assert_array_equal(found["test_fidelity"], alone)
    assert (found["test_kl"] < 0).all()


def test_scorers_work_in_other_processes():
    distiller = DistillationClassifier(FOREST, SMALL)
    options = {"scoring": neg_teacher_kl_scorer, "cv": 2}
    found = cross_val_score(distiller, X_IRIS, Y_IRIS, n_jobs=2, **options)
    assert_array_equal(found, cross_val_score(distiller, X_IRIS, Y_IRIS, **options))


@pytest.fixture
def routing():
    with config_context(enable_metadata_routing=True):
        yield


@pytest.fixture
def table():
    return cross_val_predict(FOREST, X_IRIS, Y_IRIS, method="predict_proba", cv=3)


def fresh(scorer=fidelity_scorer):
    return deepcopy(scorer)


@pytest.mark.usefixtures("routing")
@pytest.mark.parametrize("behind", [False, True], ids=["bare", "pipeline"])
def test_a_routed_table_is_sliced_by_the_folds(table, behind):
    cv = StratifiedKFold(4, shuffle=True, random_state=0)
    distiller = DistillationClassifier("precomputed", SMALL)
    estimator = make_pipeline(StandardScaler(), distiller) if behind else distiller
    scorer = fresh(neg_teacher_kl_scorer).set_score_request(teacher_proba=True)
    search = GridSearchCV(estimator, {}, scoring=scorer, cv=cv, n_jobs=1)
    search.fit(X_IRIS, Y_IRIS, teacher_proba=table)
    for k, (train, test) in enumerate(cv.split(X_IRIS, Y_IRIS)):
        one = clone(estimator)
        one.fit(X_IRIS[train], Y_IRIS[train], teacher_proba=table[train])
        _, kl = expected_scores(one, X_IRIS[test], table[test])
        found = search.cv_results_[f"split{k}_test_score"][0]
        assert found == pytest.approx(kl, rel=1e-6)
    score = search.score(X_IRIS, Y_IRIS, teacher_proba=table)
    assert score == scorer(search, X_IRIS, teacher_proba=table)


@pytest.mark.usefixtures("routing")
def test_a_table_may_go_to_the_scorer_alone(table):
    """A plain student, which never heard of a teacher."""
    scorer = fresh().set_score_request(teacher_proba=True, sample_weight="weight")
    weight = np.arange(len(table)) % 3
    search = GridSearchCV(SMALL, {"max_leaf_nodes": [2, 4]}, scoring=scorer, cv=3)
    search.fit(X_IRIS, Y_IRIS, teacher_proba=table, weight=weight)
    train, test = next(iter(StratifiedKFold(3).split(X_IRIS, Y_IRIS)))
    one = clone(SMALL).fit(X_IRIS[train], Y_IRIS[train])
    said = one.classes_[table[test].argmax(axis=1)]
    agree = np.average(said == one.predict(X_IRIS[test]), weights=weight[test])
    assert search.cv_results_["split0_test_score"][1] == pytest.approx(agree)


@pytest.mark.usefixtures("routing")
def test_a_search_that_knows_of_teachers_takes_the_table_by_another_name(table):
    scorer = fresh().set_score_request(teacher_proba="said")
    search = DistillationClassifierCV(
        FOREST,
        SMALL,
        alphas=[1.0],
        temperatures=[1.0],
        cv=StratifiedKFold(3),
        scoring=scorer,
        rule=always,
    )
    search.fit(X_IRIS, Y_IRIS, said=table)
    train, test = next(iter(StratifiedKFold(3).split(X_IRIS, Y_IRIS)))
    one = clone(SMALL).fit(X_IRIS[train], Y_IRIS[train])
    agree, _ = expected_scores(one, X_IRIS[test], table[test])
    assert search.cv_results_["params"][0]["alpha"] == 0
    assert search.cv_results_["split0_test_score"][0] == pytest.approx(agree)


@pytest.mark.usefixtures("routing")
def test_nothing_is_passed_that_nobody_asked_for(table):
    distiller = DistillationClassifier("precomputed", SMALL)
    search = GridSearchCV(distiller, {}, scoring=fresh(), cv=3)
    with pytest.raises(ValueError, match=r"teacher_proba.*set_score_request"):
        search.fit(X_IRIS, Y_IRIS, teacher_proba=table)
    search.scoring.set_score_request(teacher_proba=False)
    with pytest.raises(ValueError, match="holds no teacher"):
        search.set_params(error_score="raise").fit(X_IRIS, Y_IRIS, teacher_proba=table)


@pytest.mark.usefixtures("routing")
def test_requests_add_up_and_are_kept_by_copies():
    scorer = fresh()
    assert scorer.set_score_request(teacher_proba=True) is scorer
    scorer.set_score_request(sample_weight="w")
    wanted = {"teacher_proba": True, "sample_weight": "w"}
    copies = [
        deepcopy(scorer),
        pickle.loads(pickle.dumps(scorer)),
        clone(scorer, safe=False),
        clone(GridSearchCV(SMALL, {}, scoring=scorer)).scoring,
    ]
    for each in copies:
        assert each.get_metadata_routing().score.requests == wanted
        each.set_score_request(teacher_proba=False)
    assert scorer.get_metadata_routing().score.requests == wanted
    with pytest.raises(TypeError, match="groups"):
        scorer.set_score_request(groups=True)


def test_requests_need_routing():
    with pytest.raises(RuntimeError, match="enable_metadata_routing=True"):
        fresh().set_score_request(teacher_proba=True)


@pytest.mark.parametrize("scorer", [fidelity_scorer, neg_teacher_kl_scorer])
def test_pickled_scorers_score_alike(model, halves, scorer):
    again = pickle.loads(pickle.dumps(scorer))
    assert repr(again) == repr(scorer)
    assert again(model, halves[2]) == scorer(model, halves[2])


def test_unfitted_models_say_so():
    for estimator in (SMALL, DistillationClassifier(FOREST, SMALL)):
        with pytest.raises(NotFittedError):
            fidelity_scorer(estimator, X_IRIS)


class Silent(ClassifierMixin, BaseEstimator):
    def fit(self, X, y):
        self.classes_ = np.unique(y)
        return self

    def predict(self, X):
        return np.full(len(X), self.classes_[0])


def test_classes_never_predicted(model, halves):
    student = Silent().fit(*halves[:2])
    P = model.teacher_.predict_proba(halves[2])
    share = np.mean(P.argmax(axis=1) == 0)
    assert fidelity_scorer(student, halves[2], teacher_proba=P) == share


# The room -----------------------------------------------------------------------


def test_metrics_load_nothing_heavy():
    code = (
        "import sys, skdistill, sklearn.ensemble; before = set(sys.modules);"
        "import skdistill.metrics as m; m.model_size; new = set(sys.modules) - before;"
        "print(sorted({n.split('.')[0] for n in new} - {'skdistill', 'sklearn'}))"
    )
    found = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert found.stdout.strip() == "[]"


def test_the_face_only_re_exports():
    source = io.StringIO(inspect.getsource(metrics))
    kinds = {line.split()[0] for line in source if line[0] not in ' )"\n]=`'}
    assert {"from", "__all__"} <= kinds
    assert not kinds & {"def", "class", "import"}
    assert sorted(metrics.__all__) == metrics.__all__
