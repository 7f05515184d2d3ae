"""The distillation loss against an independent formula."""

import numpy as np
import pytest
import torch

from skdistill.neural import distillation_loss


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
