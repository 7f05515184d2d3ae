"""The mathematics of targets, against independent formulas."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.testing import assert_allclose, assert_array_equal
from scipy.optimize import minimize
from scipy.special import softmax

from skdistill.students._class_weight import by_class
from skdistill.targets import (
    PROBABILITY_FLOOR,
    UNLABELED,
    SoftTargets,
    TeacherOutput,
    align_columns,
    build_targets,
    harden,
    put_back_exponent,
    raise_to,
    soften,
)

LOGITS = arrays(
    np.float64,
    (5, 4),
    elements=st.one_of(
        st.floats(-1e30, 1e30), st.sampled_from([-1e30, 0.0, 1e30, 1e300, -np.inf])
    ),
)
TEMPERATURES = st.floats(1e-3, 1e3)


@settings(max_examples=200, deadline=None)
@given(LOGITS, TEMPERATURES)
def test_softened_logits_are_distributions(logits, temperature):
    p = soften(logits, "logits", temperature)
    assert np.isfinite(p).all()
    assert (p >= 0).all()
    assert_allclose(p.sum(axis=1), 1.0, rtol=1e-12)


@settings(max_examples=100, deadline=None)
@given(arrays(np.float64, (5, 4), elements=st.floats(-50, 50)), TEMPERATURES)
def test_softened_logits_are_softmax_of_logits_over_temperature(logits, temperature):
    expected = softmax(logits / temperature, axis=1)
    assert_allclose(
        soften(logits, "logits", temperature), expected, rtol=1e-9, atol=1e-300
    )


def test_softened_probabilities_use_the_documented_floor():
    p = soften([[0.0, 1.0]], "probabilities", 2.0)
    expected = np.sqrt([PROBABILITY_FLOOR, 1.0])
    assert_allclose(p[0], expected / expected.sum())


def test_temperature_one_leaves_probabilities_exactly():
    p = [[0.0, 0.25, 0.75], [1.0, 0.0, 0.0]]
    assert soften(p, "probabilities").tolist() == p


def test_softening_does_not_change_its_argument():
    for kind in ("logits", "probabilities"):
        values = np.array([[0.2, 0.8]])
        soften(values, kind, 3.0)
        assert values.tolist() == [[0.2, 0.8]]


def test_harden_takes_the_first_of_equal_ones():
    assert harden(np.array([[0.4, 0.4, 0.2]])).tolist() == [[1.0, 0.0, 0.0]]


def test_columns_align_by_label():
    output = TeacherOutput(
        np.array([[0.1, 0.2, 0.7]]), "probabilities", np.array(["c", "a", "b"])
    )
    aligned = align_columns(output, np.array(["a", "b", "c"]))
    assert_allclose(aligned.values, [[0.2, 0.7, 0.1]])


@pytest.mark.parametrize("kind", ["probabilities", "logits"])
def test_columns_that_y_lacks_are_dropped_and_the_rest_scaled(kind):
    p = np.array([[0.1, 0.2, 0.7], [0.0, 0.0, 1.0]])
    with np.errstate(divide="ignore"):
        values = p if kind == "probabilities" else np.log(p)
    output = TeacherOutput(values, kind, np.array([0, 1, 2]))
    aligned = align_columns(output, np.array([0, 1]))
    softened = soften(aligned.values, kind)
    assert_allclose(softened, [[1 / 3, 2 / 3], [0.5, 0.5]])


@pytest.mark.parametrize("kind", ["probabilities", "logits"])
def test_classes_the_teacher_lacks_get_nothing(kind):
    output = TeacherOutput(np.array([[0.5, 0.5]]), kind, np.array([0, 2]))
    aligned = align_columns(output, np.array([0, 1, 2]))
    assert_allclose(soften(aligned.values, kind), [[0.5, 0.0, 0.5]])


def test_partly_overlapping_classes_are_refused():
    output = TeacherOutput(np.ones((1, 2)) / 2, "probabilities", np.array(["a", "b"]))
    with pytest.raises(ValueError, match=r"overlap only partly.*'c'.*'b'"):
        align_columns(output, np.array(["a", "c"]))
    with pytest.raises(ValueError, match=r"share nothing"):
        align_columns(output, np.array(["x", "y"]))


def random_targets(rng, n=40, k=3, alpha=0.4, temperature=2.0, weight=None):
    teacher = soften(rng.normal(size=(n, k)) * 3, "logits", temperature)
    labels = rng.integers(0, k, n)
    return SoftTargets(np.arange(k), teacher, labels, alpha, weight, temperature)


def test_mixed_is_the_weighted_sum():
    targets = random_targets(np.random.default_rng(0))
    expected = 0.4 * targets.teacher + 0.6 * np.eye(3)[targets.labels]
    assert_allclose(targets.mixed(), expected)


def test_unlabelled_rows_are_the_teachers_and_weigh_alpha():
    output = TeacherOutput(
        np.array([[0.3, 0.7], [0.6, 0.4]]), "probabilities", np.array([0, 1])
    )
    targets = build_targets(output, np.array([0, 1]), np.array([0]), alpha=0.25)
    assert targets.labels.tolist() == [0, UNLABELED]
    assert_allclose(targets.mixed(), [[0.75 + 0.075, 0.175], [0.6, 0.4]])
    assert targets.weight.tolist() == [1.0, 0.25]


def test_class_weights_weigh_teacher_and_label_each_on_its_own():
    rng = np.random.default_rng(1)
    targets = random_targets(rng, weight=rng.uniform(0.5, 2, 40))
    w = np.array([1.0, 3.0, 0.5])
    weighted = targets.weighted_by_class(w)
    mass = 0.4 * targets.teacher + 0.6 * np.eye(3)[targets.labels]
    expected = mass * w * targets.weight[:, None]
    assert_allclose(weighted.mixed() * weighted.weight[:, None], expected)
    on_teacher = weighted.alpha * weighted.weight
    expected = 0.4 * targets.weight * (targets.teacher @ w)
    assert_allclose(on_teacher, expected)


def test_balanced_weights_give_every_class_the_same_mass():
    targets = random_targets(np.random.default_rng(2))
    targets = targets.weighted_by_class(by_class("balanced", targets))
    mass = (targets.mixed() * targets.weight[:, None]).sum(axis=0)
    assert_allclose(mass, len(targets.labels) / 3)


@pytest.mark.parametrize(("alpha", "expected"), [(0.0, 1.0), (1.0, 3.0)])
def test_put_back_exponent_at_the_ends(alpha, expected):
    targets = random_targets(np.random.default_rng(0), alpha=alpha, temperature=3.0)
    assert put_back_exponent(targets) == expected


@pytest.mark.parametrize("temperature", [0.5, 2.0, 4.0])
@pytest.mark.parametrize("weighted", [False, True])
def test_put_back_exponent_minimises_the_loss(temperature, weighted):
    rng = np.random.default_rng(3)
    weight = rng.uniform(0.1, 3, 40) if weighted else None
    targets = random_targets(rng, temperature=temperature, weight=weight)
    mixed = targets.mixed()
    w = np.ones(40) if weight is None else weight

    def loss(b):
        z = b[0] * np.log(mixed)
        soft = np.log(softmax(z / temperature, axis=1))
        hard = np.log(softmax(z, axis=1))[np.arange(40), targets.labels]
        kl = -(targets.teacher * soft).sum(axis=1)
        return w @ (0.4 * temperature**2 * kl - 0.6 * hard)

    found = minimize(loss, [1.0], method="Nelder-Mead", options={"xatol": 1e-7})
    low, high = sorted((1.0, temperature))
    expected = np.clip(found.x[0], low, high)
    assert_allclose(put_back_exponent(targets), expected, atol=2e-4)


def test_raise_to_handles_zeros():
    assert raise_to(np.array([[0.0, 1.0]]), 2.0).tolist() == [[0.0, 1.0]]


def test_take_repeats_rows():
    targets = random_targets(np.random.default_rng(0), weight=np.arange(40.0))
    taken = targets.take(np.array([3, 3, 5]))
    assert_array_equal(taken.labels, targets.labels[[3, 3, 5]])
    assert taken.weight.tolist() == [3.0, 3.0, 5.0]
