"""The losses against independent formulas, and what must hold for all of them."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import log_softmax, rel_entr, softmax
from sklearn.base import BaseEstimator, clone
from strategies import examples

from skdistill.neural import distillation_loss
from skdistill.neural.losses import (
    DIST,
    LOSSES,
    DecoupledKD,
    GammaCorrectedKL,
    HardLabels,
    KLDivergence,
    LogitMSE,
    ResponseLoss,
    StandardizedKL,
    cross_entropy_gradient,
    cross_entropy_rows,
    make_loss,
)


def formula(z, p, labels, alpha, temperature, weight):
    """Row by row, with plain NumPy and no shared code."""
    rows = []
    for i in range(len(z)):
        soft = np.exp(z[i] / temperature)
        soft /= soft.sum()
        plain = np.exp(z[i]) / np.exp(z[i]).sum()
        seen = p[i] > 0
        divergence = (p[i, seen] * np.log(p[i, seen] / soft[seen])).sum()
        if labels[i] == -1:
            rows.append(temperature**2 * divergence)
        else:
            on_label = -np.log(plain[labels[i]])
            rows.append(
                alpha[i] * temperature**2 * divergence + (1 - alpha[i]) * on_label
            )
    return np.average(rows, weights=weight)


@pytest.fixture
def batch():
    rng = np.random.default_rng(0)
    z = rng.normal(size=(6, 4)) * 3
    p = rng.dirichlet(np.full(4, 0.5), size=6)
    p[0] = [0, 1, 0, 0]
    labels = np.array([0, 3, -1, 1, 2, -1])
    return z, p, labels


def loss_of(z, p, labels, alpha, temperature, weight=None, dtype=torch.float64):
    if not np.isscalar(alpha):
        alpha = torch.tensor(alpha, dtype=dtype)
    return distillation_loss(
        torch.tensor(z, dtype=dtype),
        torch.tensor(p, dtype=dtype),
        torch.tensor(labels),
        alpha,
        temperature=temperature,
        weight=None if weight is None else torch.tensor(weight, dtype=dtype),
    )


@pytest.mark.parametrize("temperature", [0.5, 1.0, 4.0])
@pytest.mark.parametrize("alpha", [0.0, 0.3, 1.0, "by row"])
@pytest.mark.parametrize("weighted", [False, True])
def test_equals_the_formula(batch, temperature, alpha, weighted):
    z, p, labels = batch
    by_row = np.linspace(0, 1, 6) if alpha == "by row" else np.full(6, alpha)
    weight = np.array([0.0, 1, 2, 0.5, 3, 1]) if weighted else None
    given = by_row if alpha == "by row" else alpha
    expected = formula(z, p, labels, by_row, temperature, weight)
    wide = loss_of(z, p, labels, given, temperature, weight)
    narrow = loss_of(z, p, labels, given, temperature, weight, torch.float32)
    assert wide.item() == pytest.approx(expected, rel=1e-12)
    assert narrow.dtype == torch.float32
    assert narrow.item() == pytest.approx(expected, rel=1e-5)


def test_gradient(batch):
    z, p, labels = batch

    def loss(logits, alpha, weight):
        return distillation_loss(
            logits,
            torch.tensor(p),
            torch.tensor(labels),
            alpha,
            temperature=2.5,
            weight=weight,
        )

    inputs = (
        torch.tensor(z, requires_grad=True),
        torch.linspace(0.1, 0.9, 6, dtype=torch.float64, requires_grad=True),
        torch.linspace(0.5, 2.0, 6, dtype=torch.float64, requires_grad=True),
    )
    assert torch.autograd.gradcheck(loss, inputs)


def test_is_zero_where_the_student_says_the_same(batch):
    z, _, labels = batch
    p = torch.softmax(torch.tensor(z) / 3.0, dim=1).numpy()
    assert loss_of(z, p, labels, 1.0, 3.0).item() == pytest.approx(0.0, abs=1e-12)


def test_weight_two_equals_a_repeated_row(batch):
    z, p, labels = batch
    rows = [0, 1, 1, 2, 3, 4, 5]
    weighted = loss_of(z, p, labels, 0.4, 2.0, [1.0, 2, 1, 1, 1, 1])
    repeated = loss_of(z[rows], p[rows], labels[rows], 0.4, 2.0)
    assert weighted.item() == pytest.approx(repeated.item(), rel=1e-12)


def test_weight_zero_equals_an_absent_row(batch):
    z, p, labels = batch
    weighted = loss_of(z, p, labels, 0.4, 2.0, [1.0, 0, 1, 1, 1, 1])
    rows = [0, 2, 3, 4, 5]
    absent = loss_of(z[rows], p[rows], labels[rows], 0.4, 2.0)
    assert weighted.item() == pytest.approx(absent.item(), rel=1e-12)


def test_a_given_total_divides_the_weighted_sum(batch):
    z, p, labels = batch
    weight = torch.tensor([1.0, 0, 1, 4, 1, 1], dtype=torch.float64)
    args = torch.tensor(z), torch.tensor(p), torch.tensor(labels), 0.4
    mean = distillation_loss(*args, temperature=2.0, weight=weight)
    by_6 = distillation_loss(*args, temperature=2.0, weight=weight, total=6)
    assert by_6.item() == pytest.approx(mean.item() * 8 / 6, rel=1e-12)


def test_no_weight_at_all_is_no_lesson(batch):
    z, p, labels = batch
    logits = torch.tensor(z, requires_grad=True)
    loss = distillation_loss(
        logits,
        torch.tensor(p),
        torch.tensor(labels),
        0.5,
        temperature=2.0,
        weight=torch.zeros(6, dtype=torch.float64),
    )
    loss.backward()
    assert loss.item() == 0.0
    assert (logits.grad == 0).all()


def test_unlabelled_rows_learn_from_the_teacher_alone(batch):
    z, p, labels = batch
    only = [2, 5]
    at_zero = loss_of(z[only], p[only], labels[only], 0.0, 2.0)
    at_one = loss_of(z[only], p[only], np.array([0, 1]), 1.0, 2.0)
    assert at_zero.item() == pytest.approx(at_one.item(), rel=1e-12)
    assert at_zero.item() > 0.1


def test_hard_teacher_and_huge_logits_stay_finite():
    logits = torch.tensor([[1e4, -1e4], [-1e4, 1e4]], requires_grad=True)
    teacher = torch.tensor([[0.0, 1.0], [0.0, 1.0]])
    loss = distillation_loss(
        logits, teacher, torch.tensor([1, -1]), 0.5, temperature=1.0
    )
    loss.backward()
    assert torch.isfinite(loss)
    assert torch.isfinite(logits.grad).all()


# Response-based losses. Each formula is written for one row after the other (DIST: for
# one batch), from the paper, with NumPy and SciPy: z and t are logits of student and
# teacher, y the label, T the temperature.


def kl(p, q):
    return rel_entr(p, q).sum()


def kl_formula(z, t, y, T):
    return T**2 * kl(softmax(t / T), softmax(z / T))


def logit_mse_formula(z, t, y, T):
    return np.mean(((z - z.mean()) - (t - t.mean())) ** 2)


def dkd_formula(z, t, y, T, alpha=1.0, beta=8.0):
    y = t.argmax() if y == -1 else y
    p, q = softmax(t / T), softmax(z / T)
    target = kl([p[y], 1 - p[y]], [q[y], 1 - q[y]])
    p, q = np.delete(p, y), np.delete(q, y)
    return T**2 * (alpha * target + beta * kl(p / p.sum(), q / q.sum()))


def standardized_formula(z, t, y, T):
    # The documented floor of the standard deviation, 1e-4, is not in the paper.
    z, t = ((x - x.mean()) / np.hypot(x.std(), 1e-4) for x in (z, t))
    return kl_formula(z, t, y, T)


def gamma_formula(z, t, y, T, c=0.1):
    p = softmax(t)
    if y != -1:
        away = np.eye(len(t))[y] - p
        gamma = c / (c + away**2)
        # p + gamma (y - p), but small p would cancel out where y is 0.
        p = np.where(away > 0, p + gamma * away, p * away**2 / (c + away**2))
        p /= p.sum()
    softened = p ** (1 / T)
    return T**2 * kl(softened / softened.sum(), softmax(z / T))


def hard_formula(z, t, y, T, label_smoothing=0.0):
    if y == -1:
        return 0.0
    target = (1 - label_smoothing) * np.eye(len(z))[y] + label_smoothing / len(z)
    return -(target * log_softmax(z)).sum()


def dist_formula(z, t, labels, T, weight, inter=1.0, intra=1.0):
    p, q = softmax(t / T, axis=1), softmax(z / T, axis=1)
    rows = np.array([1 - np.corrcoef(*pair)[0, 1] for pair in zip(p, q, strict=True)])
    columns = []
    for pair in zip(p.T, q.T, strict=True):
        cov = np.cov(*pair, aweights=weight)
        columns.append(1 - cov[0, 1] / np.sqrt(cov[0, 0] * cov[1, 1]))
    return T**2 * (inter * rows + intra * np.mean(columns))


FORMULAS = {
    KLDivergence(): kl_formula,
    LogitMSE(): logit_mse_formula,
    DecoupledKD(): dkd_formula,
    DecoupledKD(alpha=0.5, beta=2.0): lambda *a: dkd_formula(*a, alpha=0.5, beta=2.0),
    DecoupledKD(alpha=2.0, beta=0.0): lambda *a: dkd_formula(*a, alpha=2.0, beta=0.0),
    StandardizedKL(): standardized_formula,
    GammaCorrectedKL(): gamma_formula,
    GammaCorrectedKL(c=2.0): lambda *a: gamma_formula(*a, c=2.0),
    HardLabels(): hard_formula,
    HardLabels(label_smoothing=0.3): lambda *a: hard_formula(*a, label_smoothing=0.3),
}
DISTS = {
    DIST(): {},
    DIST(inter=0.0, intra=3.0): {"inter": 0.0, "intra": 3.0},
    DIST(inter=2.0, intra=0.0): {"inter": 2.0, "intra": 0.0},
}
INSTANCES = [*FORMULAS, *DISTS]
TAUGHT = [loss for loss in INSTANCES if not isinstance(loss, HardLabels)]
LABELS = torch.tensor([0, 2, -1, 1, 1, -1, 0])
each_loss = pytest.mark.parametrize("loss", INSTANCES, ids=repr)
each_temperature = pytest.mark.parametrize("temperature", [0.5, 1.0, 4.0])


def logits_of(*shape, seed=0, scale=3.0, dtype=torch.float64):
    rng = np.random.default_rng(seed)
    return torch.tensor(rng.normal(size=shape) * scale, dtype=dtype)


def labels_below(n_classes, seed, n=7):
    codes = np.random.default_rng(seed).integers(-1, n_classes, size=n)
    return torch.tensor(codes)


def autograd(loss, student, *args, **kwargs):
    student = student.detach().requires_grad_()
    rows = loss.rows(student, *args, **kwargs)
    return torch.autograd.grad(rows.sum(), student)[0]


@each_temperature
@pytest.mark.parametrize(
    ("loss", "n_classes"),
    [(loss, n) for loss in FORMULAS for n in (2, 3, 20) if n >= loss.min_classes],
    ids=repr,
)
def test_rows_equal_the_formula_of_the_paper(loss, n_classes, temperature):
    student, teacher = logits_of(7, n_classes), logits_of(7, n_classes, seed=1)
    labels = labels_below(n_classes, seed=2)
    table = loss.table(teacher, labels, temperature)
    found = loss.rows(student, table, labels, temperature)
    rows = zip(student.numpy(), teacher.numpy(), labels.numpy(), strict=True)
    expected = [FORMULAS[loss](*row, temperature) for row in rows]
    np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-14)


@each_temperature
@pytest.mark.parametrize("loss", DISTS, ids=repr)
@pytest.mark.parametrize("weight", [None, [1.0, 0, 3, 0.5, 2, 1, 0]])
def test_dist_equals_the_formula_of_the_paper(loss, weight, temperature):
    student, teacher = logits_of(7, 4), logits_of(7, 4, seed=1)
    table = loss.table(teacher, LABELS, temperature)
    given = None if weight is None else torch.tensor(weight, dtype=torch.float64)
    found = loss.rows(student, table, LABELS, temperature, weight=given)
    expected = dist_formula(
        student.numpy(), teacher.numpy(), LABELS, temperature, weight, **DISTS[loss]
    )
    # A standard deviation of 1e-4 of the mean counts as none.
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_the_formulas_cover_every_loss():
    assert {type(loss) for loss in INSTANCES} == set(LOSSES.values())


@each_loss
@pytest.mark.parametrize("temperature", [1.0, 2.5, "by model"])
def test_gradients(loss, temperature):
    if temperature == "by model":
        temperature = torch.tensor([0.7, 3.0], dtype=torch.float64)
    student, teacher = logits_of(2, 7, 4), logits_of(7, 4, seed=1)
    table = torch.stack([loss.table(teacher, LABELS, T) for T in (0.7, 3.0)])
    weight = torch.linspace(0.0, 2.0, 7, dtype=torch.float64)

    def rows(logits):
        return loss.rows(logits, table, LABELS, temperature, weight=weight)

    assert torch.autograd.gradcheck(rows, student.clone().requires_grad_())
    closed = loss.gradient(student, table, LABELS, temperature)
    if isinstance(loss, DIST):
        assert closed is None
        return
    by_autograd = autograd(loss, student, table, LABELS, temperature)
    torch.testing.assert_close(closed, by_autograd, rtol=1e-9, atol=1e-12)


@each_loss
@pytest.mark.parametrize("n_classes", [4, 20])
@pytest.mark.parametrize("shared", [True, False])
def test_a_stack_is_each_model_alone(loss, n_classes, shared):
    student = logits_of(3, 7, n_classes, dtype=torch.float32)
    temperature = torch.tensor([0.5, 1.0, 4.0])
    lead = () if shared else (3,)
    teacher = logits_of(*lead, 7, n_classes, seed=1, dtype=torch.float32)
    labels = torch.stack([labels_below(n_classes, seed=k) for k in range(3)])
    labels = labels[0] if shared else labels
    weight = torch.rand(*lead, 7, generator=torch.Generator().manual_seed(0))
    heat = 2.0 if shared else temperature
    table = loss.table(teacher, labels, heat)
    rows = loss.rows(student, table, labels, temperature, weight=weight)
    gradient = loss.gradient(student, table, labels, temperature)
    assert rows.shape == (3, 7)
    assert rows.dtype == torch.float32
    for k in range(3):
        T = temperature[k].item()
        pick = (lambda a: a) if shared else (lambda a, k=k: a[k])
        own = loss.table(pick(teacher), pick(labels), 2.0 if shared else T)
        torch.testing.assert_close(own, pick(table))
        alone = loss.rows(student[k], own, pick(labels), T, weight=pick(weight))
        torch.testing.assert_close(rows[k], alone)
        if gradient is not None:
            alone = loss.gradient(student[k], own, pick(labels), T)
            torch.testing.assert_close(gradient[k], alone)


@each_loss
def test_a_temperature_may_be_a_tensor_of_any_dtype(loss):
    student, teacher = (logits_of(7, 4, seed=k, dtype=torch.float32) for k in (0, 1))
    temperature = torch.tensor(2.5, dtype=torch.float64)
    table = loss.table(teacher, LABELS, temperature)
    torch.testing.assert_close(table, loss.table(teacher, LABELS, 2.5))
    for method in (loss.rows, loss.gradient):
        found = method(student, table, LABELS, temperature)
        expected = method(student, table, LABELS, 2.5)
        assert (found is None) == (expected is None)
        if found is not None:
            torch.testing.assert_close(found, expected)


@pytest.mark.parametrize("loss", TAUGHT, ids=repr)
@given(
    seed=st.integers(0, 2**32 - 1),
    n_classes=st.integers(3, 18),
    temperature=st.floats(0.2, 20.0),
    shift=st.floats(-50.0, 50.0),
    scale=st.floats(0.1, 5.0),
)
@examples(15)
def test_nothing_is_missed_where_the_student_says_the_same(
    loss, seed, n_classes, temperature, shift, scale
):
    labels = labels_below(n_classes, seed)
    if isinstance(loss, GammaCorrectedKL):
        labels[:] = -1
    teacher = logits_of(7, n_classes, seed=seed, scale=scale)
    table = loss.table(teacher + shift, labels, temperature)
    same = loss.rows(teacher, table, labels, temperature)
    np.testing.assert_allclose(same, 0.0, atol=1e-12 * max(1, temperature**2))
    other = logits_of(7, n_classes, seed=seed + 1, scale=scale)
    missed = loss.rows(other, table, labels, temperature)
    assert (missed > 0).all()
    shifted = loss.rows(other - shift, table, labels, temperature)
    np.testing.assert_allclose(shifted, missed, rtol=1e-6)


@each_loss
@pytest.mark.parametrize("temperature", [0.1, 1.0, 20.0])
def test_extreme_logits_stay_finite(loss, temperature):
    values = [-1e4, -1e-3, 0.0, 1.0, 1e4]
    student = torch.cartesian_prod(*[torch.tensor(values)] * 3)
    labels = labels_below(3, seed=0, n=len(student))
    for weight in (None, torch.zeros(len(student)), torch.arange(len(student)) % 2.0):
        for turn in (0, 1, 30, 62):
            table = loss.table(student.roll(turn, 0), labels, temperature)
            args = table, labels, temperature
            assert torch.isfinite(table).all()
            assert torch.isfinite(loss.rows(student, *args, weight=weight)).all()
            assert torch.isfinite(autograd(loss, student, *args, weight=weight)).all()
            closed = loss.gradient(student, *args)
            assert closed is None or torch.isfinite(closed).all()


@each_loss
def test_teachers_with_exact_zeros(loss):
    teacher = torch.tensor([[1e4, 0.0, -1e4], [0.0, 0.0, 0.0]])
    labels = torch.tensor([0, -1])
    table = loss.table(teacher, labels, 1.0)
    student = torch.zeros(2, 3)
    rows = loss.rows(student, table, labels, 1.0)
    assert torch.isfinite(rows).all()
    assert torch.isfinite(autograd(loss, student, table, labels, 1.0)).all()
    # Whoever is all-equal like the teacher misses nothing in the second row, but for
    # what DIST finds between the rows.
    if not isinstance(loss, DIST):
        assert rows[1].item() == pytest.approx(0.0, abs=1e-6)


@each_loss
def test_without_a_label_only_the_teacher_counts(loss):
    student, teacher = logits_of(7, 4), logits_of(7, 4, seed=1)
    nobody = torch.full((7,), -1)
    likeliest = teacher.argmax(dim=1)
    table = loss.table(teacher, nobody, 2.0)
    rows = loss.rows(student, table, nobody, 2.0)
    if isinstance(loss, HardLabels):
        assert (rows == 0).all()
        assert (loss.gradient(student, table, nobody, 2.0) == 0).all()
    elif isinstance(loss, GammaCorrectedKL):
        plain = KLDivergence()
        torch.testing.assert_close(table, plain.table(teacher, nobody, 2.0))
        torch.testing.assert_close(rows, plain.rows(student, table, nobody, 2.0))
    else:
        told = loss.table(teacher, likeliest, 2.0)
        torch.testing.assert_close(rows, loss.rows(student, told, likeliest, 2.0))


def test_the_label_moves_the_target_of_dkd():
    student, teacher = logits_of(7, 4), logits_of(7, 4, seed=1)
    loss, labels = DecoupledKD(), teacher.argmin(dim=1)
    unlabeled = torch.full((7,), -1)
    by_label = loss.rows(student, loss.table(teacher, labels, 1.0), labels, 1.0)
    table = loss.table(teacher, unlabeled, 1.0)
    assert (by_label != loss.rows(student, table, unlabeled, 1.0)).all()


# How the losses are related


@each_temperature
def test_kl_is_dkd_with_the_weights_it_implies(temperature):
    student, teacher = logits_of(7, 5), logits_of(7, 5, seed=1)

    def rows(loss):
        table = loss.table(teacher, labels, temperature)
        return loss.rows(student, table, labels, temperature)

    labels = labels_below(5, seed=3)
    target = torch.where(labels == -1, teacher.argmax(dim=1), labels)
    others = 1 - torch.softmax(teacher / temperature, 1)[torch.arange(7), target]
    on_target = rows(DecoupledKD(alpha=1.0, beta=0.0))
    among_others = rows(DecoupledKD(alpha=0.0, beta=1.0))
    torch.testing.assert_close(
        rows(KLDivergence()), on_target + others * among_others, rtol=1e-9, atol=0.0
    )


def test_kl_tends_to_half_of_logit_mse():
    student, teacher = logits_of(7, 5), logits_of(7, 5, seed=1)
    found = []
    for loss in (KLDivergence(), LogitMSE()):
        table = loss.table(teacher, LABELS, 1e4)
        found.append(loss.rows(student, table, LABELS, 1e4))
    torch.testing.assert_close(found[0], found[1] / 2, rtol=2e-3, atol=0.0)


def test_gamma_corrects_from_the_teacher_to_the_label():
    teacher, labels = logits_of(7, 4), torch.tensor([0, 1, 2, 3, 0, 1, 2])
    untouched = KLDivergence().table(teacher, labels, 3.0)
    towards_0 = GammaCorrectedKL(c=1e-300).table(teacher, labels, 3.0)
    torch.testing.assert_close(towards_0, untouched)
    at_labels = GammaCorrectedKL(c=1e300).table(teacher, labels, 3.0)
    hot = torch.nn.functional.one_hot(labels, 4).double()
    torch.testing.assert_close(at_labels, hot, rtol=0.0, atol=1e-12)


def test_gamma_keeps_what_floats_cannot_say_at_temperature_1():
    teacher = torch.tensor([[150.0, 0.0, 20.0]])
    table = GammaCorrectedKL(c=1e-300).table(teacher, torch.tensor([0]), 30.0)
    torch.testing.assert_close(table, torch.softmax(teacher / 30.0, dim=1))


def test_standardized_kl_forgets_how_sure_one_is():
    student, teacher = logits_of(7, 4), logits_of(7, 4, seed=1)
    loss = StandardizedKL()
    table = loss.table(teacher, LABELS, 2.0)
    rows = loss.rows(student, table, LABELS, 2.0)
    sure = loss.rows(student * 7 + 3, table, LABELS, 2.0)
    torch.testing.assert_close(sure, rows, rtol=1e-6, atol=0.0)
    torch.testing.assert_close(loss.table(teacher * 7 + 3, LABELS, 2.0), table)


def test_equal_logits_can_still_learn():
    student, teacher = torch.zeros(7, 4), logits_of(7, 4, dtype=torch.float32)
    for loss in (StandardizedKL(), DIST()):
        table = loss.table(teacher, LABELS, 1.0)
        gradient = autograd(loss, student, table, LABELS, 1.0)
        largest = gradient.abs().max().item()
        assert 0.1 < largest < 1e5
        better = student - 1e-3 * gradient / largest
        before = loss.rows(student, table, LABELS, 1.0).sum()
        assert loss.rows(better, table, LABELS, 1.0).sum() < before - 0.1


def test_dist_rows_of_weight_0_are_absent_and_weights_are_repeats():
    student, teacher = logits_of(7, 4), logits_of(7, 4, seed=1)
    loss = DIST()
    weight = torch.tensor([1.0, 0, 2, 1, 0, 3, 1], dtype=torch.float64)
    repeated = torch.repeat_interleave(torch.arange(7), weight.long())
    found = loss.rows(
        student, loss.table(teacher, LABELS, 2.0), LABELS, 2.0, weight=weight
    )
    expected = loss.rows(
        student[repeated],
        loss.table(teacher[repeated], LABELS[repeated], 2.0),
        LABELS[repeated],
        2.0,
    )
    torch.testing.assert_close(found[repeated], expected, rtol=1e-10, atol=0.0)


@pytest.mark.parametrize("loss", [DIST(intra=0.0), DIST(inter=0.0)], ids=repr)
def test_what_is_constant_correlates_with_nothing_but_its_like(loss):
    constant, varying = torch.zeros(7, 4), logits_of(7, 4, dtype=torch.float32)
    for student, teacher, missed in (
        (constant, constant, 0.0),
        (constant, varying, 1.0),
        (varying, constant, 1.0),
    ):
        rows = loss.rows(student, loss.table(teacher, LABELS, 1.0), LABELS, 1.0)
        np.testing.assert_allclose(rows, missed, atol=5e-3)


def test_dist_of_a_single_row_is_its_relation_of_classes():
    student, teacher = logits_of(1, 4), logits_of(1, 4, seed=1)
    label = torch.tensor([0])
    both, one = (
        loss.rows(student, loss.table(teacher, label, 1.0), label, 1.0)
        for loss in (DIST(), DIST(intra=0.0))
    )
    torch.testing.assert_close(both, one)


# Cross-entropy


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
@pytest.mark.parametrize("n_classes", [2, 5, 20])
def test_cross_entropy_of_a_stack(n_classes, smoothing):
    student = logits_of(3, 7, n_classes)
    labels = labels_below(n_classes, seed=0)
    found = cross_entropy_rows(student, labels, smoothing)
    expected = [
        [hard_formula(z, None, y, 1.0, smoothing) for z, y in zip(*pair, strict=True)]
        for pair in ((model, labels) for model in student.numpy())
    ]
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    gradient = cross_entropy_gradient(student, labels, smoothing)
    student.requires_grad_()
    by_autograd = torch.autograd.grad(
        cross_entropy_rows(student, labels, smoothing).sum(), student
    )[0]
    torch.testing.assert_close(gradient, by_autograd, rtol=1e-10, atol=1e-14)
    assert (gradient[:, labels == -1] == 0).all()


def test_hard_labels_never_listen_to_the_teacher():
    student, loss = logits_of(7, 4), HardLabels(label_smoothing=0.1)
    found = [
        loss.rows(student, loss.table(logits_of(7, 4, seed=k), LABELS, T), LABELS, T)
        for k, T in ((1, 1.0), (2, 5.0))
    ]
    assert torch.equal(*found)


# Parameters and refusals


@each_loss
def test_usual_parameters_pass(loss):
    loss.check(loss.min_classes)
    loss.check(100)


@pytest.mark.parametrize(
    ("loss", "reason"),
    [
        (DecoupledKD(), r"there are 2: .*non-target.*always 0.*loss='kl'"),
        (DIST(), r"there are 2: .*correlation.*always -1 or 1.*loss='kl'"),
        (StandardizedKL(), r"there are 2: .*always -1 and 1.*loss='kl'"),
    ],
    ids=repr,
)
def test_refused_for_two_classes(loss, reason):
    with pytest.raises(ValueError, match=reason):
        loss.check(2)
    loss.check(3)


def test_what_is_refused_for_two_classes_would_have_been_void():
    student, teacher = logits_of(7, 2), logits_of(7, 2, seed=1)
    labels = labels_below(2, seed=0)
    loss = DecoupledKD(alpha=0.0)
    rows = loss.rows(student, loss.table(teacher, labels, 1.0), labels, 1.0)
    np.testing.assert_allclose(rows, 0.0, atol=1e-12)
    loss = DIST(intra=0.0)
    rows = loss.rows(student, loss.table(teacher, labels, 1.0), labels, 1.0)
    torch.testing.assert_close(rows, 2 * (rows > 1).double(), rtol=0.0, atol=1e-6)


@each_loss
def test_refused_for_one_class(loss):
    with pytest.raises(ValueError, match=f"at least {loss.min_classes} .* is 1"):
        loss.check(1)


@pytest.mark.parametrize(
    ("loss", "message"),
    [
        (DecoupledKD(alpha=-1), r"DecoupledKD: alpha=-1 must be .* at least 0"),
        (DecoupledKD(beta=np.inf), r"beta=inf must be a finite number"),
        (DecoupledKD(beta="8"), r"beta='8' must be a finite number"),
        (DecoupledKD(alpha=np.nan, beta=True), r"alpha=nan .*; beta=True must be"),
        (DecoupledKD(alpha=0, beta=0), r"alpha=0 and beta=0 leave nothing to learn"),
        (DIST(inter=-0.5), r"DIST: inter=-0.5 must be"),
        (DIST(intra=None), r"intra=None must be"),
        (DIST(inter=0, intra=0.0), r"inter=0 and intra=0 leave nothing to learn"),
        (GammaCorrectedKL(c=0), r"c=0 must be a finite number above 0"),
        (GammaCorrectedKL(c=-1.0), r"c=-1.0 must be a finite number above 0"),
        (GammaCorrectedKL(c=np.nan), r"c=nan must be a finite number above 0"),
        (HardLabels(label_smoothing=-0.1), r"label_smoothing=-0.1 must be"),
        (HardLabels(label_smoothing=1.5), r"label_smoothing=1.5 must be .* at most 1"),
        (HardLabels(label_smoothing=1.0), r"label_smoothing=1 .* below 1"),
    ],
    ids=repr,
)
def test_wrong_parameters(loss, message):
    with pytest.raises(ValueError, match=message):
        loss.check(3)


def test_all_that_is_wrong_is_in_one_message():
    with pytest.raises(ValueError, match=r"alpha=-1 .*beta=-2 .*at least 3 classes"):
        DecoupledKD(alpha=-1, beta=-2).check(2)


class Holder(BaseEstimator):
    def __init__(self, loss="kl"):
        self.loss = loss


@each_loss
def test_parameters_are_those_of_an_estimator(loss):
    copy = clone(loss)
    assert copy is not loss
    assert copy.get_params() == loss.get_params()
    holder = clone(Holder(loss=loss))
    for name, value in loss.get_params().items():
        assert holder.get_params()[f"loss__{name}"] == value
        holder.set_params(**{f"loss__{name}": 0.25})
        assert getattr(holder.loss, name) == 0.25
        assert getattr(loss, name) == value


@pytest.mark.parametrize("name", LOSSES)
def test_losses_by_name(name):
    loss = make_loss(name)
    assert type(loss) is LOSSES[name]
    assert loss.name == name
    assert loss.get_params() == type(loss)().get_params()
    assert make_loss(loss) is loss


@pytest.mark.parametrize(
    ("loss", "message"),
    [
        ("KL", r"loss='KL' is not a loss\. Give one of 'kl', .*'hard', or a Response"),
        (None, r"loss=None is not a loss"),
        (["kl"], r"loss=\['kl'\] is not a loss"),
        (DIST, r"Give an instance, DIST\(\), not the class"),
    ],
)
def test_what_is_not_a_loss(loss, message):
    with pytest.raises(ValueError, match=message):
        make_loss(loss)


class Absolute(ResponseLoss):
    """A user's own loss needs two methods."""

    name = "absolute"

    def table(self, logits, labels, temperature):
        return logits

    def rows(self, student, table, labels, temperature, weight=None):
        return (student - table).abs().sum(dim=-1)


def test_a_loss_of_ones_own():
    loss = make_loss(Absolute())
    loss.check(2)
    assert loss.gradient(None, None, None, 1.0) is None
