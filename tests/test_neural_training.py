"""Training networks: together as alone, and as torch's own autograd does it."""

import warnings
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from torch import nn
from torch.nn import functional as F

from skdistill.neural import NeuralClassifier, _estimator, fit_together
from skdistill.neural._architecture import ACTIVATIONS
from skdistill.neural._preparation import prepare
from skdistill.neural.losses import LOSSES
from skdistill.neural.matching import RelationalKD
from skdistill.neural.training import Job, Regime, _run, _train, train
from skdistill.neural.training._draws import Draws
from skdistill.neural.training._keyed import KeyedDropout
from skdistill.neural.training._layers import Arrays, Dropout
from skdistill.neural.training._objective import Objective
from skdistill.neural.training._optimizers import NAMES
from skdistill.neural.training._stack import chain_of
from skdistill.targets import UNLABELED, SoftTargets, soften
from tests.strategies import examples

N_ROWS, N_FEATURES, N_CLASSES = 44, 5, 3


def make_data(seed=0, n=N_ROWS, d=N_FEATURES, k=N_CLASSES):
    """Rows, noisy labels (each class is there), and a teacher's logits."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, d))
    logits = 2 * X @ rng.normal(size=(d, k))
    codes = (logits + rng.gumbel(size=(n, k))).argmax(axis=1)
    codes[:k] = np.arange(k)
    return X, codes.astype(np.intp), logits


X, CODES, LOGITS = make_data()
CLASSES = np.arange(N_CLASSES)


def lesson(alpha=0.5, temperature=1.0, weight=None, labels=CODES, logits=LOGITS):
    alpha = np.where(labels == UNLABELED, 1.0, alpha)
    proba = soften(logits, "logits", temperature)
    classes = np.arange(logits.shape[1])
    return SoftTargets(classes, proba, labels, alpha, weight, temperature)


def uneven_weights(n=N_ROWS, seed=5):
    return np.random.default_rng(seed).uniform(0.2, 3.0, size=n)


def some_unlabeled(codes=CODES):
    return np.where(np.arange(len(codes)) % 4 == 3, UNLABELED, codes)


LESSONS = [
    lesson(0.5),
    lesson(1.0, temperature=4.0),
    lesson(0.0),
    lesson(0.3, temperature=2.0, weight=uneven_weights()),
    lesson(0.6, temperature=0.5, labels=some_unlabeled()),
]


def state_of(student):
    states = [module.state_dict() for module in student.modules_]
    return {
        f"{k}.{n}": t.numpy() for k, own in enumerate(states) for n, t in own.items()
    }


def assert_same(one, other, atol=1e-4):
    """The same weights, the same training, the same answers."""
    theirs = state_of(other)
    for name, value in state_of(one).items():
        np.testing.assert_allclose(value, theirs[name], rtol=0, atol=atol, err_msg=name)
    for mine, its in zip(one.history_, other.history_, strict=True):
        assert (mine["best_epoch"], mine["end"]) == (its["best_epoch"], its["end"])
        for kind in ("train_loss", "valid_loss"):
            np.testing.assert_allclose(mine[kind], its[kind], rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(
        one.predict_proba(X), other.predict_proba(X), rtol=0, atol=atol
    )


def differ(one, other, atol=1e-3):
    gap = one.predict_proba(X) - other.predict_proba(X)
    return np.abs(gap).max() > atol


def student(**params):
    params = {
        "hidden_layer_sizes": (7, 6),
        "max_epochs": 3,
        "batch_size": 11,
        "learning_rate": 0.01,
        "random_state": 0,
    } | params
    return NeuralClassifier(**params)


# Modules


class Residual(nn.Module):
    def __init__(self, n_inputs=N_FEATURES, n_outputs=N_CLASSES):
        super().__init__()
        self.first = nn.Linear(n_inputs, 6)
        self.second = nn.Linear(6, 6)
        self.out = nn.Linear(6, n_outputs)

    def forward(self, x):
        h = torch.tanh(self.first(x))
        return self.out(h + F.gelu(self.second(h)))


class TwoHeads(nn.Module):
    """The mean of two heads on one trunk."""

    def __init__(self, n_inputs=N_FEATURES, n_outputs=N_CLASSES):
        super().__init__()
        self.trunk = nn.Linear(n_inputs, 6)
        self.heads = nn.ModuleList([nn.Linear(6, n_outputs) for _ in range(2)])

    def forward(self, x):
        h = torch.relu(self.trunk(x))
        return (self.heads[0](h) + self.heads[1](h)) / 2


class Tied(nn.Module):
    """Two layers that have one weight."""

    def __init__(self, n_inputs=N_FEATURES, n_outputs=N_CLASSES):
        super().__init__()
        self.one = nn.Linear(n_inputs, n_inputs)
        self.other = nn.Linear(n_inputs, n_inputs)
        self.other.weight = self.one.weight
        self.out = nn.Linear(n_inputs, n_outputs)

    def forward(self, x):
        return self.out(torch.tanh(self.other(torch.tanh(self.one(x)))))


class Scaled(nn.Module):
    """A fixed buffer, and one that is no part of the state."""

    def __init__(self, n_inputs=N_FEATURES, n_outputs=N_CLASSES):
        super().__init__()
        self.layer = nn.Linear(n_inputs, n_outputs)
        self.register_buffer("factor", torch.linspace(0.5, 2.0, n_inputs))
        self.register_buffer("shift", torch.ones(n_inputs), persistent=False)

    def forward(self, x):
        return self.layer(x * self.factor + self.shift)


class Counting(nn.Module):
    """Counts its batches in a buffer."""

    def __init__(self, n_inputs=N_FEATURES, n_outputs=N_CLASSES):
        super().__init__()
        self.layer = nn.Linear(n_inputs, n_outputs)
        self.register_buffer("seen", torch.zeros((), dtype=torch.int64))

    def forward(self, x):
        if self.training:
            self.seen += 1
        return self.layer(x)


class Branching(nn.Module):
    """Goes one of two ways, by the data."""

    def __init__(self, n_inputs=N_FEATURES, n_outputs=N_CLASSES):
        super().__init__()
        self.layer = nn.Linear(n_inputs, n_outputs)

    def forward(self, x):
        z = self.layer(x)
        return z if x.sum() > 0 else 2 * z


class Dropping(nn.Module):
    """Draws from torch's global generator."""

    def __init__(self, n_inputs=N_FEATURES, n_outputs=N_CLASSES):
        super().__init__()
        self.first = nn.Linear(n_inputs, 8)
        self.out = nn.Linear(8, n_outputs)

    def forward(self, x):
        h = F.dropout(torch.relu(self.first(x)), 0.5, training=self.training)
        return self.out(h)


class SideDropout(nn.Module):
    """A dropout layer where there is no chain."""

    def __init__(self, n_inputs=N_FEATURES, n_outputs=N_CLASSES):
        super().__init__()
        self.first = nn.Linear(n_inputs, 8)
        self.drop = nn.Dropout(0.4)
        self.out = nn.Linear(8, n_outputs)

    def forward(self, x):
        h = torch.relu(self.first(x))
        return self.out(h + self.drop(h))


def convolutional(n_classes=N_CLASSES, norm=False):
    layers = [nn.Conv2d(1, 3, 3), nn.BatchNorm2d(3) if norm else nn.Identity()]
    return nn.Sequential(*layers, nn.ReLU(), nn.Flatten(), nn.Linear(12, n_classes))


def embedding(n_inputs=4, n_outputs=N_CLASSES):
    return nn.Sequential(nn.Embedding(9, 3), nn.Flatten(), nn.Linear(12, n_outputs))


def batch_norm(n_inputs, n_outputs):
    # In double precision, for the shift before BatchNorm has a gradient of rounding
    # errors, of which Adam makes full steps.
    return nn.Sequential(
        nn.Linear(n_inputs, 7), nn.BatchNorm1d(7), nn.ReLU(), nn.Linear(7, n_outputs)
    ).double()


def layer_norm(n_inputs, n_outputs):
    return nn.Sequential(
        nn.LayerNorm(n_inputs),
        nn.Linear(n_inputs, 7),
        nn.Tanh(),
        nn.Linear(7, n_outputs),
    )


# Models in a stack are as alone

#: Parameters of a student, one at a time.
SETTINGS = {
    **{f"loss {name}": {"loss": name} for name in LOSSES},
    **{f"optimizer {name}": {"optimizer": name} for name in NAMES},
    **{f"activation {name}": {"activation": name} for name in ACTIVATIONS},
    "cosine rate": {"learning_rate_schedule": "cosine"},
    "one-cycle rate": {"learning_rate_schedule": "one_cycle"},
    "dropout": {"dropout": 0.4},
    "weight decay": {"weight_decay": 0.1, "optimizer": "adamw"},
    "L2": {"weight_decay": 0.1, "optimizer": "sgd"},
    "smooth labels": {"label_smoothing": 0.2},
    "balanced": {"class_weight": "balanced"},
    "class weight": {"class_weight": {0: 3.0, 1: 0.5, 2: 1.0}},
    "temperature falls": {"final_temperature": 1.5},
    "alpha falls": {"final_alpha": 0.1, "annealing": "cosine"},
    "alpha rises": {"final_alpha": 1.0, "loss": "logit_mse"},
    "embedding": {"embedding": "piecewise_linear", "n_bins": 4},
    "two members": {"n_members": 2, "dropout": 0.2},
    "not scaled": {"scale": False},
    "one layer": {"hidden_layer_sizes": 5},
    "no hidden layer": {"hidden_layer_sizes": ()},
    "batch of 1 more": {"batch_size": N_ROWS - 1},
    "torch optimizer": {"optimizer": torch.optim.Adagrad},
    "batch norm": {"module": batch_norm},
    "layer norm": {"module": layer_norm},
    "residual": {"module": Residual},
    "two heads": {"module": TwoHeads},
    "tied": {"module": Tied},
    "buffers": {"module": Scaled},
    "instance": {"module": Residual()},
    "own dropout": {"module": SideDropout},
}


@pytest.mark.parametrize("params", SETTINGS.values(), ids=SETTINGS)
def test_a_model_in_a_stack_is_as_alone(params):
    base = student(**params)
    alone = [
        clone(base).set_params(random_state=k).fit_soft_targets(X, each)
        for k, each in enumerate(LESSONS)
    ]
    students = [clone(base).set_params(random_state=k) for k in range(len(LESSONS))]
    fitted = fit_together(students, X, LESSONS)
    assert [id(each) for each in fitted] == [id(each) for each in students]
    for one, other in zip(alone, students, strict=True):
        assert_same(one, other)
    # Else this would hold of models that learn nothing.
    assert differ(students[0], students[1])


@st.composite
def mixtures(draw):
    """Parameters of a student, several at a time, and a lesson for each of three."""
    params = {
        "loss": draw(st.sampled_from(sorted(LOSSES))),
        "optimizer": draw(st.sampled_from(sorted(NAMES))),
        "learning_rate_schedule": draw(
            st.sampled_from(["constant", "cosine", "one_cycle"])
        ),
        "activation": draw(st.sampled_from(sorted(ACTIVATIONS))),
        "dropout": draw(st.sampled_from([0.0, 0.3])),
        "label_smoothing": draw(st.sampled_from([0.0, 0.1])),
        "weight_decay": draw(st.sampled_from([0.0, 0.01])),
        "class_weight": draw(st.sampled_from([None, "balanced"])),
        "final_temperature": draw(st.sampled_from([None, 2.0])),
        "final_alpha": draw(st.sampled_from([None, 0.5])),
        "early_stopping": draw(st.booleans()),
        "embedding": draw(st.sampled_from([None, "piecewise_linear"])),
        "n_members": draw(st.integers(1, 2)),
        "batch_size": draw(st.integers(5, 50)),
        "learning_rate": 0.005,
        "n_iter_no_change": 1,
    }
    lessons = [
        lesson(
            draw(st.sampled_from([0.0, 0.3, 1.0])),
            draw(st.sampled_from([0.5, 1.0, 4.0])),
            draw(st.sampled_from([None, uneven_weights()])),
            draw(st.sampled_from([CODES, some_unlabeled()])),
        )
        for _ in range(3)
    ]
    return params, lessons


@examples(8)
@given(mixture=mixtures())
def test_any_mixture_of_settings_is_as_alone(mixture):
    params, lessons = mixture
    students = [student(random_state=k, **params) for k in range(3)]
    fit_together(students, X, lessons)
    for k, each in enumerate(lessons):
        alone = student(random_state=k, **params).fit_soft_targets(X, each)
        assert_same(alone, students[k], atol=1e-3)


STOPPING = {
    "perceptron": {},
    "dropout": {"dropout": 0.3},
    "momentum": {"optimizer": "sgd", "learning_rate": 0.05},
    "annealed": {"final_alpha": 0.9, "final_temperature": 1.0},
    "residual": {"module": Residual, "learning_rate": 0.1},
    "batch norm": {"module": batch_norm},
    "dkd": {"loss": "dkd"},
}


@pytest.mark.parametrize("params", STOPPING.values(), ids=STOPPING)
def test_models_that_stop_early_are_as_alone(params):
    base = student(
        early_stopping=True, validation_fraction=0.3, n_iter_no_change=2, max_epochs=14
    ).set_params(**({"learning_rate": 0.05} | params))
    lessons = [*LESSONS, lesson(0.9), lesson(0.1, temperature=3.0)]
    alone = [
        clone(base).set_params(random_state=k).fit_soft_targets(X, each)
        for k, each in enumerate(lessons)
    ]
    students = [clone(base).set_params(random_state=k) for k in range(len(lessons))]
    fit_together(students, X, lessons)
    for one, other in zip(alone, students, strict=True):
        assert_same(one, other)
    assert len({one.n_iter_ for one in alone}) > 1


@pytest.mark.parametrize("early_stopping", [False, True])
def test_folds_of_different_sizes_are_as_alone(early_stopping):
    rng = np.random.default_rng(3)
    sizes = (30, 30, 22, 41, 22)
    rows = [np.sort(rng.choice(N_ROWS, size=n, replace=False)) for n in sizes]
    base = student(early_stopping=early_stopping, dropout=0.2)
    lessons = [each.take(own) for each, own in zip(LESSONS, rows, strict=True)]
    students = [clone(base).set_params(random_state=k) for k in range(len(rows))]
    fit_together(students, X, lessons, rows)
    for k, (own, each) in enumerate(zip(rows, lessons, strict=True)):
        alone = clone(base).set_params(random_state=k).fit_soft_targets(X[own], each)
        assert_same(alone, students[k])


def test_rows_of_weight_zero_are_as_absent_in_a_stack():
    weights = [uneven_weights(seed=k) for k in range(3)]
    weights[0][5:9] = 0
    weights[1][20:24] = 0
    lessons = [lesson(0.5, weight=w) for w in weights]
    students = [student(random_state=k) for k in range(3)]
    fit_together(students, X, lessons)
    for k, each in enumerate(students):
        kept = weights[k] > 0
        absent = student(random_state=k).fit_soft_targets(
            X[kept], lessons[k].take(kept)
        )
        assert_same(absent, each)


def test_auto_epochs_are_those_of_each_students_own_rows():
    rows = [np.arange(N_ROWS), np.arange(20)]
    lessons = [LESSONS[0].take(own) for own in rows]
    students = [
        student(max_epochs="auto", batch_size=1, random_state=k) for k in (0, 1)
    ]
    fit_together(students, X, lessons, rows)
    alone = student(max_epochs="auto", batch_size=1, random_state=1)
    alone.fit_soft_targets(X[:20], lessons[1])
    assert_same(alone, students[1])
    # As many as 3,000 steps take.
    assert [each.n_iter_ for each in students] == [69, 150]


@pytest.mark.parametrize(("n_rows", "epochs"), [(60, 3000), (6400, 50), (640, 300)])
def test_auto_epochs_are_50_or_3000_steps(monkeypatch, n_rows, epochs):
    regimes = []

    def spy(jobs, objective, regime, **more):
        regimes.append(regime)
        raise KeyboardInterrupt

    monkeypatch.setattr(_estimator, "train", spy)
    labels = np.arange(n_rows) % 3
    with pytest.raises(KeyboardInterrupt):
        NeuralClassifier().fit(np.zeros((n_rows, 1)), labels)
    assert regimes[0].max_epochs == epochs


def test_the_order_of_students_makes_no_difference():
    base = student(dropout=0.2, early_stopping=True, n_iter_no_change=2, max_epochs=8)
    seeds = range(len(LESSONS))
    ahead = [clone(base).set_params(random_state=k) for k in seeds]
    back = [clone(base).set_params(random_state=k) for k in seeds]
    fit_together(ahead, X, LESSONS)
    fit_together(back[::-1], X, LESSONS[::-1])
    for one, other in zip(ahead, back, strict=True):
        assert_same(one, other)


def test_students_of_different_settings_can_be_fitted_together():
    params = [{}, {"loss": "dkd"}, {"hidden_layer_sizes": (4,)}, {"n_members": 2}]
    params += [{"optimizer": "sgd"}, {"early_stopping": True}, {"scale": False}]
    students = [student(**own) for own in params]
    fit_together(students, X, [LESSONS[1]] * len(params))
    for own, each in zip(params, students, strict=True):
        assert_same(student(**own).fit_soft_targets(X, LESSONS[1]), each)


class Steep(nn.Module):
    """Its slope is a plain attribute, which its repr does not show."""

    def __init__(self, slope):
        super().__init__()
        self.layer = nn.Linear(N_FEATURES, N_CLASSES)
        self.slope = slope

    def forward(self, x):
        return torch.tanh(self.slope * self.layer(x))


def test_modules_that_look_alike_are_not_taken_for_each_other():
    modules = [Steep(0.1), Steep(5.0)]
    students = [student(module=module) for module in modules]
    fit_together(students, X, [LESSONS[0]] * 2)
    for module, each in zip(modules, students, strict=True):
        assert_same(student(module=module).fit_soft_targets(X, LESSONS[0]), each)


def test_what_is_frozen_in_one_student_only_stays_frozen_there_only():
    torch.manual_seed(0)
    modules = [nn.Sequential(nn.Linear(5, 4), nn.ReLU(), nn.Linear(4, 3)) for _ in "ab"]
    modules[0][0].requires_grad_(False)
    students = [student(module=module) for module in modules]
    fit_together(students, X, [LESSONS[0]] * 2)
    for module, each in zip(modules, students, strict=True):
        assert_same(student(module=module).fit_soft_targets(X, LESSONS[0]), each)
    assert torch.equal(students[0].modules_[0][0].weight, modules[0][0].weight)


def test_students_that_keep_weights_keep_each_its_own():
    modules = [nn.Linear(N_FEATURES, N_CLASSES) for _ in range(2)]
    with torch.no_grad():
        modules[1].weight += 1
    students = [student(module=module, keep_weights=True) for module in modules]
    fit_together(students, X, [LESSONS[0]] * 2)
    for module, each in zip(modules, students, strict=True):
        alone = student(module=module, keep_weights=True)
        assert_same(alone.fit_soft_targets(X, LESSONS[0]), each)


def test_long_masks_of_categories_are_told_apart():
    wide = np.random.default_rng(0).integers(2, size=(N_ROWS, 1200)).astype(float)
    masks = np.zeros((2, 1200), dtype=bool)
    masks[0, 600] = masks[1, 601] = True
    students = [
        student(categorical_features=mask, max_epochs=1, hidden_layer_sizes=3)
        for mask in masks
    ]
    fit_together(students, wide, [LESSONS[0]] * 2)
    for mask, each in zip(masks, students, strict=True):
        alone = student(categorical_features=mask, max_epochs=1, hidden_layer_sizes=3)
        alone.fit_soft_targets(wide, LESSONS[0])
        np.testing.assert_allclose(
            alone.predict_proba(wide), each.predict_proba(wide), atol=1e-4
        )


def test_a_warm_student_goes_on_together_as_alone():
    def warm():
        return student(warm_start=True).fit_soft_targets(X, LESSONS[0])

    alone = warm().fit_soft_targets(X, LESSONS[1])
    together = [warm(), warm()]
    fit_together(together, X, [LESSONS[1], LESSONS[0]])
    assert_same(alone, together[0])


def test_numbers_of_lessons_and_rows_must_fit():
    with pytest.raises(ValueError, match="targets"):
        fit_together([student(), student()], X, [LESSONS[0]])
    with pytest.raises(ValueError, match="rows"):
        fit_together([student()], X, [LESSONS[0]], [np.arange(3)] * 2)
    with pytest.raises(ValueError, match="44 rows"):
        fit_together([student()], X, [LESSONS[0]], [np.arange(3)])
    with pytest.raises(ValueError, match="students"):
        fit_together([], X, [])


@pytest.mark.parametrize(
    ("module", "where", "most"),
    [
        (_train, "MOST_MODELS", 1),
        (_train, "MOST_MODELS", 2),
        (_train, "_BUDGET", 1),
        (_run, "_BLOCK", 1),
    ],
)
@pytest.mark.parametrize("is_sparse", [False, True])
def test_a_small_budget_changes_nothing(monkeypatch, module, where, most, is_sparse):
    rows = sparse.csr_array(np.where(np.abs(X) > 0.5, X, 0)) if is_sparse else X
    base = student(dropout=0.2, early_stopping=True, n_iter_no_change=2)

    def fit():
        students = [clone(base).set_params(random_state=k) for k in range(5)]
        return fit_together(students, rows, LESSONS)

    usual = fit()
    monkeypatch.setattr(module, where, most)
    for one, other in zip(usual, fit(), strict=True):
        np.testing.assert_allclose(
            one.predict_proba(rows), other.predict_proba(rows), atol=1e-4
        )


def test_validation_rows_evaluated_in_parts_change_nothing(monkeypatch):
    usual = student(early_stopping=True).fit(X, CODES)
    monkeypatch.setattr(_run, "_ROWS_AT_ONCE", 2)
    assert_same(usual, student(early_stopping=True).fit(X, CODES))


# Gradients that are written out are those of autograd


def reference(module, rows, targets, seed, *, epochs, batch_size, optimizer):
    """Train a module with a plain loop of torch; the mean loss of each epoch."""
    parameters = [p for p in module.parameters() if p.requires_grad]
    optimizer = optimizer(parameters)
    teacher = torch.tensor(targets.teacher)
    labels = torch.tensor(targets.labels)
    alpha = torch.tensor(np.broadcast_to(targets.alpha, len(labels)).copy())
    weight = torch.ones(len(labels), dtype=torch.float64)
    if targets.weight is not None:
        weight = torch.tensor(targets.weight / targets.weight.mean())
    draws, history, T = Draws(seed), [], targets.temperature
    module.train()
    for _ in range(epochs):
        total = 0.0
        for at in draws.order(len(rows)).split(batch_size):
            z = module(rows[at])
            if z.ndim == 1 or z.shape[1] == 1:
                z = torch.stack([torch.zeros(len(z)).to(z), z.reshape(-1)], dim=1)
            kl = F.kl_div(F.log_softmax(z / T, 1), teacher[at], reduction="none").sum(1)
            ce = F.cross_entropy(z, labels[at], ignore_index=-1, reduction="none")
            per_row = alpha[at] * T**2 * kl + (1 - alpha[at]) * ce
            loss = (weight[at] * per_row).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item() * len(at)
        history.append(total / len(rows))
    return history


RULES = {
    "adam": lambda parameters: torch.optim.Adam(parameters, lr=0.01),
    "sgd": lambda parameters: torch.optim.SGD(
        parameters, lr=0.01, momentum=0.9, nesterov=True
    ),
}


def assert_trained_like_reference(make, rows, lessons, *, optimizer="adam", atol=1e-8):
    """Train modules (in double precision) together and each by the plain loop."""
    copies = []
    for seed in range(len(lessons)):
        torch.manual_seed(seed)
        mine = make().double()
        theirs = make().double()
        theirs.load_state_dict(mine.state_dict())
        copies.append((mine, theirs))
    n_rows = len(rows)
    jobs = [
        Job(mine, seed, rows, each, np.arange(n_rows))
        for seed, ((mine, _), each) in enumerate(zip(copies, lessons, strict=True))
    ]
    regime = Regime(
        max_epochs=2, batch_size=10, optimizer=optimizer, learning_rate=0.01
    )
    outcomes = train(jobs, Objective(), regime)
    for seed, (mine, theirs) in enumerate(copies):
        history = reference(
            theirs,
            rows,
            lessons[seed],
            seed,
            epochs=2,
            batch_size=10,
            optimizer=RULES[optimizer],
        )
        np.testing.assert_allclose(outcomes[seed].train_losses, history, rtol=1e-9)
        wanted = theirs.state_dict()
        for name, value in mine.state_dict().items():
            np.testing.assert_allclose(
                value.numpy(), wanted[name].numpy(), rtol=0, atol=atol, err_msg=name
            )
    return copies


LAYERS = {
    "relu": lambda: nn.ReLU(),
    "relu in place": lambda: nn.ReLU(inplace=True),
    "tanh": lambda: nn.Tanh(),
    "sigmoid": lambda: nn.Sigmoid(),
    "gelu": lambda: nn.GELU(),
    "gelu by tanh": lambda: nn.GELU(approximate="tanh"),
    "silu": lambda: nn.SiLU(),
    "elu": lambda: nn.ELU(),
    "elu 2": lambda: nn.ELU(alpha=2.0),
    "leaky": lambda: nn.LeakyReLU(),
    "leaky 0.3": lambda: nn.LeakyReLU(0.3),
    "identity": lambda: nn.Identity(),
    "no dropout": lambda: nn.Dropout(0.0),
    "flatten": lambda: nn.Flatten(),
    "layer norm": lambda: nn.LayerNorm(6),
    "layer norm, no bias": lambda: nn.LayerNorm(6, bias=False),
    "bare layer norm": lambda: nn.LayerNorm(6, elementwise_affine=False),
    "batch norm": lambda: nn.BatchNorm1d(6),
    "bare batch norm": lambda: nn.BatchNorm1d(6, affine=False),
    "forgetful batch norm": lambda: nn.BatchNorm1d(6, track_running_stats=False),
    "averaging batch norm": lambda: nn.BatchNorm1d(6, momentum=None),
    "coarse batch norm": lambda: nn.BatchNorm1d(6, momentum=0.5, eps=0.1),
    "linear": lambda: nn.Linear(6, 6),
    "linear, no bias": lambda: nn.Linear(6, 6, bias=False),
    "nested": lambda: nn.Sequential(nn.Linear(6, 6), nn.Sequential(nn.Tanh())),
}

ROWS = torch.tensor(X)


@pytest.mark.parametrize("optimizer", RULES)
@pytest.mark.parametrize("layer", LAYERS.values(), ids=LAYERS)
def test_each_layer_has_the_gradient_of_autograd(layer, optimizer):
    def make():
        return nn.Sequential(
            nn.Linear(N_FEATURES, 6), layer(), nn.Linear(6, 6), layer(), nn.Linear(6, 3)
        )

    assert chain_of(make(), (N_FEATURES,)) is not None
    lessons = [LESSONS[3], LESSONS[4]]
    assert_trained_like_reference(make, ROWS, lessons, optimizer=optimizer)


@pytest.mark.parametrize("layer", ["layer norm", "batch norm", "relu", "gelu"])
def test_a_layer_can_be_the_first_or_the_last(layer):
    def make():
        norm = LAYERS[layer]()
        return nn.Sequential(norm, nn.Linear(6, 6), nn.Tanh(), LAYERS[layer]())

    rows, codes, logits = make_data(1, d=6, k=6)
    assert chain_of(make(), (6,)) is not None
    assert_trained_like_reference(
        make, torch.tensor(rows), [lesson(0.4, 2.0, labels=codes, logits=logits)]
    )


class Written(nn.Module):
    """A chain in a forward of its own."""

    def __init__(self):
        super().__init__()
        self.hidden = nn.Linear(N_FEATURES, 6)
        self.norm = nn.BatchNorm1d(6)
        self.gate = nn.SiLU()
        self.out = nn.Linear(6, N_CLASSES)

    def forward(self, x):
        h = F.relu(self.norm(self.hidden(torch.flatten(x, 1))))
        return self.out(self.gate(h.tanh()).sigmoid())


def test_a_forward_of_its_own_is_read_as_a_chain():
    assert chain_of(Written(), (N_FEATURES,)) is not None
    assert_trained_like_reference(Written, ROWS, LESSONS[3:])


@st.composite
def architectures(draw):
    """A recipe of a chain: a list of (kind, options), and what is frozen."""
    width, recipe = N_FEATURES, []
    for _ in range(draw(st.integers(0, 4))):
        kind = draw(st.sampled_from(["linear", "act", "batch", "layer"]))
        if kind == "linear":
            next_width = draw(st.integers(1, 7))
            recipe.append((kind, width, next_width, draw(st.booleans())))
            width = next_width
        elif kind == "act":
            recipe.append((kind, draw(st.sampled_from(sorted(ACTIVATIONS)))))
        else:
            # Normalised over one unit, LayerNorm is constant: all noise.
            recipe.append((kind if width > 1 else "batch", width, draw(st.booleans())))
    recipe.append(("linear", width, draw(st.sampled_from([1, 2])), draw(st.booleans())))
    frozen = (
        draw(st.sets(st.integers(0, len(recipe) - 2))) if len(recipe) > 1 else set()
    )
    return recipe, frozen


def build(recipe, frozen):
    made = nn.Sequential()
    for kind, *options in recipe:
        if kind == "linear":
            made.append(nn.Linear(options[0], options[1], bias=options[2]))
        elif kind == "act":
            made.append(ACTIVATIONS[options[0]]())
        elif kind == "batch":
            made.append(nn.BatchNorm1d(options[0], affine=options[1]))
        else:
            made.append(nn.LayerNorm(options[0], elementwise_affine=options[1]))
    for k in frozen:
        made[k].requires_grad_(False)
    return made


@examples(25)
@given(
    architecture=architectures(),
    alpha=st.sampled_from([0.0, 0.4, 1.0]),
    temperature=st.sampled_from([1.0, 3.0]),
    weighted=st.booleans(),
    n_models=st.integers(1, 3),
)
def test_any_chain_is_trained_as_autograd_would(
    architecture, alpha, temperature, weighted, n_models
):
    rows, codes, logits = make_data(2, n=38, k=2)
    each = lesson(
        alpha,
        temperature,
        uneven_weights(38) if weighted else None,
        labels=codes,
        logits=logits,
    )
    assert chain_of(build(*architecture), (N_FEATURES,)) is not None
    assert_trained_like_reference(
        lambda: build(*architecture),
        torch.tensor(rows),
        [each] * n_models,
        optimizer="sgd",
    )


@pytest.mark.parametrize("first", [nn.Flatten, lambda: nn.Flatten(1, -1)])
def test_rows_of_two_dimensions_are_flattened(first):
    rows = torch.tensor(np.random.default_rng(4).normal(size=(N_ROWS, 2, 3)))

    def make():
        return nn.Sequential(first(), nn.Linear(6, 4), nn.ELU(), nn.Linear(4, 3))

    assert chain_of(make(), (2, 3)) is not None
    assert_trained_like_reference(make, rows, LESSONS[3:])


def test_a_linear_layer_on_rows_of_two_dimensions_is_no_chain():
    rows = torch.tensor(np.random.default_rng(4).normal(size=(N_ROWS, 2, 3)))

    def make():
        return nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Flatten(), nn.Linear(8, 3))

    assert chain_of(make(), (2, 3)) is None
    assert_trained_like_reference(make, rows, LESSONS[3:])


@pytest.mark.parametrize("frozen", [[0], [1], [0, 1], [2], ["bias"]])
def test_frozen_parameters_stay_as_they_are(frozen):
    def make():
        module = nn.Sequential(
            nn.Linear(N_FEATURES, 6), nn.LayerNorm(6), nn.Linear(6, 3, bias=True)
        )
        for which in frozen:
            if which == "bias":
                module[0].bias.requires_grad_(False)
            else:
                module[which].requires_grad_(False)
        return module

    torch.manual_seed(0)
    before = make().double()
    copies = assert_trained_like_reference(make, ROWS, LESSONS[3:])
    for name, parameter in before.named_parameters():
        trained = copies[0][0].get_parameter(name)
        assert trained.requires_grad == parameter.requires_grad
        assert torch.equal(trained, parameter) != parameter.requires_grad


def test_a_single_last_row_joins_the_batch_before():
    rows, codes, logits = make_data(3, n=21)
    each = lesson(0.5, labels=codes, logits=logits)
    fitted = NeuralClassifier(
        batch_norm, batch_size=10, max_epochs=2, random_state=0, learning_rate=0.01
    ).fit_soft_targets(rows, each)
    assert int(fitted.modules_[0][1].num_batches_tracked) == 4


# Rates and dropped units


@pytest.mark.parametrize("schedule", ["constant", "cosine", "one_cycle"])
def test_the_learning_rate_follows_its_schedule(monkeypatch, schedule):
    kind, rates = torch.optim.SGD, []
    usual = kind.step

    def step(self, *args, **kwargs):
        rates.append(self.param_groups[0]["lr"])
        return usual(self, *args, **kwargs)

    monkeypatch.setattr(kind, "step", step)
    student(
        learning_rate_schedule=schedule,
        optimizer="sgd",
        max_epochs=25,
        learning_rate=0.1,
    ).fit(X, CODES)
    rates = np.array(rates)
    assert len(rates) == 100
    if schedule == "constant":
        assert (rates == 0.1).all()
        return
    warm = 10 if schedule == "one_cycle" else 0
    np.testing.assert_allclose(rates[warm], 0.1)
    assert (np.diff(rates[: warm + 1]) > 0).all()
    assert (np.diff(rates[warm:]) < 0).all()
    assert rates[-1] < 1e-3
    middle = warm + (100 - warm) // 2
    np.testing.assert_allclose(rates[middle], 0.05)


@pytest.mark.parametrize("rate", [0.1, 0.3, 0.5, 0.9])
def test_dropout_drops_its_share_and_keeps_the_mean(rate):
    n_rows, width = 200, 100
    ones = torch.ones(2, n_rows, width)
    layer, arrays = Dropout(rate), Arrays({}, {})
    y, saved = layer.forward(ones, arrays, [Draws(0), Draws(1)])
    for own in y:
        dropped = (own == 0).float()
        assert abs(dropped.mean().item() - rate) < 0.015
        np.testing.assert_allclose(own[own != 0].numpy(), 1 / (1 - rate), rtol=1e-6)
        # In no column and no row always the same units.
        assert dropped.mean(dim=0).min() > 0
        assert dropped.mean(dim=1).max() < 1
    assert not torch.equal(y[0], y[1])
    assert torch.equal(layer.backward(ones, saved, arrays, False), y)
    assert torch.equal(layer.forward(ones, arrays, None)[0], ones)
    alone, _ = layer.forward(ones[1:], arrays, [Draws(1)])
    assert torch.equal(alone[0], y[1])


@pytest.mark.parametrize("rate", [0.1, 0.5, 0.9])
def test_keyed_dropout_drops_its_share_and_keeps_the_mean(rate):
    ones = torch.ones(200, 25, 2, 2)
    units = KeyedDropout(rate, whole_channels=False)
    channels = KeyedDropout(rate, whole_channels=True)
    for layer in (units, channels):
        layer.key.fill_(12345)
        y = layer(ones)
        assert abs((y == 0).float().mean().item() - rate) < 0.03
        np.testing.assert_allclose(y[y != 0].numpy(), 1 / (1 - rate), rtol=1e-6)
        assert torch.equal(layer(ones), y)
        layer.key.fill_(12346)
        assert not torch.equal(layer(ones), y)
        assert torch.equal(layer.eval()(ones), ones)
    per_channel = channels.train()(ones).flatten(2)
    assert (per_channel == per_channel[..., :1]).all()
    per_unit = units.train()(ones).flatten(2)
    assert not (per_unit == per_unit[..., :1]).all()


def test_each_step_drops_other_units():
    draws, layer, ones = Draws(0), Dropout(0.5), torch.ones(1, 8, 8)
    first, _ = layer.forward(ones, Arrays({}, {}), [draws])
    second, _ = layer.forward(ones, Arrays({}, {}), [draws])
    assert not torch.equal(first, second)


# Modules that are no chain

OTHERS = {
    "residual": (Residual, True),
    "two heads": (TwoHeads, True),
    "tied": (Tied, True),
    "buffers": (Scaled, True),
    "counting": (Counting, False),
    "branching": (Branching, False),
}


@contextmanager
def told_one_by_one(expected):
    """The warning that models are trained one by one, or none at all."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield
    messages = [str(each.message) for each in caught]
    assert all(each.category is UserWarning for each in caught)
    assert ["one by one" in message for message in messages] == [True] * expected


@pytest.mark.parametrize(("make", "stacks"), OTHERS.values(), ids=OTHERS)
@pytest.mark.parametrize("optimizer", RULES)
def test_modules_that_are_no_chain_are_trained_as_by_torch(make, stacks, optimizer):
    assert chain_of(make(), (N_FEATURES,)) is None
    assert_trained_like_reference(make, ROWS, LESSONS[3:4], optimizer=optimizer)
    with told_one_by_one(not stacks):
        assert_trained_like_reference(make, ROWS, LESSONS[2:], optimizer=optimizer)


@pytest.mark.parametrize("norm", [False, True])
def test_convolutions_are_trained_as_by_torch(norm):
    images = torch.tensor(np.random.default_rng(4).normal(size=(N_ROWS, 1, 4, 4)))
    with told_one_by_one(norm):
        assert_trained_like_reference(
            lambda: convolutional(norm=norm), images, LESSONS[2:]
        )


def test_embeddings_of_integers_are_trained_as_by_torch():
    rows = torch.tensor(np.random.default_rng(4).integers(9, size=(N_ROWS, 4)))
    assert_trained_like_reference(embedding, rows, LESSONS[3:4])
    assert_trained_like_reference(embedding, rows, LESSONS[2:])


@pytest.mark.parametrize(
    "module", [Dropping, Branching, Counting], ids=lambda m: m.__name__
)
def test_what_cannot_be_stacked_is_trained_one_by_one_with_the_same_result(module):
    base = student(module=module, max_epochs=4)
    students = [clone(base).set_params(random_state=k) for k in range(3)]
    with pytest.warns(UserWarning, match="one by one"):
        fit_together(students, X, LESSONS[:3])
    for k, each in enumerate(students):
        alone = clone(base).set_params(random_state=k).fit_soft_targets(X, LESSONS[k])
        assert_same(alone, each)
    assert differ(students[0], students[1])


def test_the_warning_names_the_module_and_the_line_of_the_user():
    with pytest.warns(UserWarning, match="Dropping") as caught:
        student(module=Dropping, n_members=2).fit(X, CODES)
    assert [each.filename for each in caught] == [__file__]


class Noisy(nn.Module):
    """Adds to its hidden units, in training only."""

    def __init__(self):
        super().__init__()
        self.hidden = nn.Linear(N_FEATURES, 6)
        self.out = nn.Linear(6, N_CLASSES)

    def forward(self, x):
        h = self.hidden(x)
        if self.training:
            h = h + 1.0
        return self.out(torch.relu(h))


def test_a_module_given_in_evaluation_mode_is_trained_in_training_mode():
    trained = [
        student(module=module).fit(X, CODES) for module in (Noisy(), Noisy().eval())
    ]
    assert_same(*trained)
    assert not any(
        part.training for each in trained for part in each.modules_[0].modules()
    )


class Halving(nn.Module):
    """Reads like a chain in training, and answers otherwise in evaluation."""

    def __init__(self):
        super().__init__()
        self.hidden = nn.Linear(N_FEATURES, 6)
        self.out = nn.Linear(6, N_CLASSES)

    def forward(self, x):
        if self.training:
            return self.out(torch.relu(self.hidden(x)))
        return self.out(torch.tanh(self.hidden(x)))


@pytest.mark.parametrize("given", ["train", "eval"])
def test_each_mode_of_a_module_is_that_of_its_time(given):
    module = Halving().train(given == "train")
    fitted = student(module=module, early_stopping=True, max_epochs=5).fit(X, CODES)
    torch.manual_seed(0)
    best = fitted.history_[0]["valid_loss"][fitted.history_[0]["best_epoch"] - 1]
    rows = held_out_rows(fitted)
    proba = fitted.predict_proba(X)
    np.testing.assert_allclose(
        -np.log(proba[rows, CODES[rows]]).mean(), best, rtol=1e-4
    )
    pair = student(module=module, n_members=2, max_epochs=5).fit(X, CODES)
    logits = np.mean(
        [
            each.eval()(torch.tensor(X, dtype=torch.float32)).detach().numpy()
            for each in pair.modules_
        ],
        axis=0,
    )
    np.testing.assert_allclose(pair.decision_function(X), logits, rtol=1e-4, atol=1e-5)


def held_out_rows(fitted, labels=CODES):
    from skdistill.neural._preparation import _seeds, _split

    (seed,) = _seeds(clone(fitted), False)
    return _split(fitted, lesson(0.0, labels=labels), seed, hold_out=True)[1]


# Weights that are not finite, and interrupts


def test_a_loss_that_explodes_says_when_and_what_to_try():
    rows = X.copy()
    rows[17] *= 50
    model = student(learning_rate=1e30, batch_size=5, scale=False)
    with pytest.raises(FloatingPointError) as caught:
        model.fit(rows, CODES)
    message = str(caught.value)
    largest = np.abs(rows[17]).max()
    assert "epoch 1" in message
    assert "learning_rate" in message
    assert "largest input" in message
    assert ("row 17" in message) == (f"{largest:.3g}" in message)
    with pytest.raises(NotFittedError):
        model.predict(rows)
    assert not hasattr(model, "modules_")


@pytest.mark.parametrize("params", [{}, {"module": Residual}, {"n_members": 2}])
def test_after_an_explosion_the_weights_are_those_of_a_good_epoch(params):
    # One step an epoch: the loss of the first is finite, whatever the step does.
    model = student(learning_rate=1e30, batch_size=N_ROWS, max_epochs=6, **params)
    with pytest.raises(FloatingPointError, match="epoch"):
        model.fit(X, CODES)
    if hasattr(model, "modules_"):
        assert all(np.isfinite(value).all() for value in state_of(model).values())
        assert np.isfinite(model.predict_proba(X)).all()
        assert model.history_[0]["end"] == "failed"


def test_the_last_step_may_not_leave_weights_that_say_nothing():
    model = student(learning_rate=1e30, batch_size=N_ROWS, max_epochs=1)
    try:
        model.fit(X, CODES)
    except FloatingPointError:
        return
    assert np.isfinite(model.predict_proba(X)).all()


def is_trained_on(module, x):
    """Whether this is a batch in training: no evaluation, nobody tracing the module."""
    return module.training and type(x) is torch.Tensor


class Grenade(nn.Module):
    """Gives NaN from its nth training batch on."""

    def __init__(self, n):
        super().__init__()
        self.layer = nn.Linear(N_FEATURES, N_CLASSES)
        self.left = n

    def forward(self, x):
        self.left -= is_trained_on(self, x)
        return self.layer(x) * (1.0 if self.left >= 0 else float("nan"))


@pytest.mark.parametrize("early_stopping", [False, True])
def test_a_late_explosion_leaves_the_epoch_before(early_stopping):
    params = {
        "early_stopping": early_stopping,
        "max_epochs": 9,
        "batch_size": 11,
        "n_iter_no_change": 20,
    }
    n_batches = 4
    model = student(module=Grenade(3 * n_batches + 1), **params)
    with pytest.raises(FloatingPointError, match="epoch 4, batch 2"):
        model.fit(X, CODES)
    good = student(module=Grenade(10**6), **(params | {"max_epochs": 3})).fit(X, CODES)
    np.testing.assert_array_equal(good.predict_proba(X), model.predict_proba(X))
    assert model.history_[0]["end"] == "failed"
    assert model.history_[0]["train_loss"] == good.history_[0]["train_loss"]
    assert model.history_[0]["best_epoch"] == good.history_[0]["best_epoch"]


class Fragile(nn.Module):
    """Gives NaN for rows with a number above 100."""

    def __init__(self, n_inputs, n_outputs):
        super().__init__()
        self.layer = nn.Linear(n_inputs, n_outputs)

    def forward(self, x):
        return self.layer(x) * torch.sqrt(100.0 - x.amax(dim=1, keepdim=True))


def summing():
    module = nn.Linear(N_FEATURES, N_CLASSES)
    nn.init.ones_(module.weight)
    return module


@pytest.mark.parametrize(
    "params",
    [{"module": summing(), "keep_weights": True}, {"module": Fragile}],
    ids=["chain", "no chain"],
)
def test_a_student_that_diverges_does_not_spoil_the_others(params):
    huge = X.copy()
    huge[43] = 3e38
    rows = [np.arange(40), np.append(np.arange(39), 43), np.arange(1, 41)]
    lessons = [LESSONS[k].take(own) for k, own in zip((0, 0, 3), rows, strict=True)]
    base = student(scale=False, **params)
    students = [clone(base).set_params(random_state=k) for k in range(3)]
    alone = [clone(base).set_params(random_state=k) for k in range(3)]
    with pytest.raises(FloatingPointError, match=r"3e\+38"):
        alone[1].fit_soft_targets(huge[rows[1]], lessons[1])
    with pytest.raises(FloatingPointError, match=r"3e\+38"):
        fit_together(students, huge, lessons, rows)
    for k in (0, 2):
        alone[k].fit_soft_targets(huge[rows[k]], lessons[k])
        assert_same(alone[k], students[k])
    with pytest.raises(NotFittedError):
        students[1].predict(X)


def test_a_failed_warm_fit_leaves_the_model_as_it_was():
    model = student(warm_start=True).fit(X, CODES)
    before = model.predict_proba(X)
    model.set_params(learning_rate=1e30, batch_size=5)
    with pytest.raises(FloatingPointError):
        model.fit(X, CODES)
    np.testing.assert_array_equal(model.predict_proba(X), before)
    assert not any(part.training for part in model.modules_[0].modules())


class Interrupting(nn.Module):
    """Somebody presses Ctrl-C in its nth training batch."""

    def __init__(self, n):
        super().__init__()
        self.layer = nn.Linear(N_FEATURES, N_CLASSES)
        self.left = n

    def forward(self, x):
        self.left -= is_trained_on(self, x)
        if self.left < 0:
            raise KeyboardInterrupt
        return self.layer(x) * 1.0


@pytest.mark.parametrize("early_stopping", [False, True])
def test_an_interrupt_leaves_the_best_epoch_so_far(early_stopping):
    params = {"early_stopping": early_stopping, "batch_size": 11, "max_epochs": 8}
    model = student(module=Interrupting(2 * 4 + 2), **params)
    with pytest.raises(KeyboardInterrupt, match="fitted"):
        model.fit(X, CODES)
    whole = student(module=Interrupting(10**6), **(params | {"max_epochs": 2}))
    whole.fit(X, CODES)
    np.testing.assert_array_equal(whole.predict_proba(X), model.predict_proba(X))
    assert model.history_[0]["end"] == "interrupted"
    assert len(model.history_[0]["train_loss"]) == 2


@pytest.mark.parametrize("params", [{}, {"n_members": 3}, {"module": Residual}])
def test_an_interrupt_in_a_step_leaves_an_earlier_epoch(monkeypatch, params):
    kind, steps = torch.optim.Adam, []
    usual = kind.step

    def step(self, *args, **kwargs):
        steps.append(1)
        if len(steps) > 2 * 4 + 1:
            raise KeyboardInterrupt
        return usual(self, *args, **kwargs)

    model = student(max_epochs=50, **params)
    monkeypatch.setattr(kind, "step", step)
    with pytest.raises(KeyboardInterrupt):
        model.fit(X, CODES)
    monkeypatch.undo()
    whole = student(max_epochs=2, **params).fit(X, CODES)
    np.testing.assert_array_equal(whole.predict_proba(X), model.predict_proba(X))


def test_an_interrupt_in_the_first_epoch_keeps_nothing():
    model = student(module=Interrupting(1))
    with pytest.raises(KeyboardInterrupt):
        model.fit(X, CODES)
    with pytest.raises(NotFittedError):
        model.predict(X)


def test_an_interrupt_before_the_first_step_is_no_other_error():
    model = student(module=Interrupting(0), matching=RelationalKD("layer", "layer"))
    targets = lesson(0.5)
    targets = SoftTargets(
        CLASSES, targets.teacher, CODES, targets.alpha, representations=(X,)
    )
    with pytest.raises(KeyboardInterrupt):
        model.fit_soft_targets(X, targets)


def test_an_interrupt_of_students_keeps_those_that_were_trained():
    students = [
        student(hidden_layer_sizes=()),
        student(module=Interrupting(2 * 4 + 1)),
        student(module=Interrupting(3), learning_rate=0.02),
    ]
    with pytest.raises(KeyboardInterrupt):
        fit_together(students, X, LESSONS[:3])
    alone = student(hidden_layer_sizes=()).fit_soft_targets(X, LESSONS[0])
    assert_same(alone, students[0])
    half = student(module=Interrupting(100), max_epochs=2)
    half.fit_soft_targets(X, LESSONS[1])
    np.testing.assert_array_equal(half.predict_proba(X), students[1].predict_proba(X))
    with pytest.raises(NotFittedError):
        students[2].predict(X)


def test_an_interrupt_of_members_keeps_those_that_were_trained(monkeypatch):
    monkeypatch.setattr(_train, "MOST_MODELS", 1)
    kind, steps = torch.optim.Adam, []
    usual = kind.step

    def step(self, *args, **kwargs):
        steps.append(1)
        if len(steps) > 3 * 4 + 2 * 4:
            raise KeyboardInterrupt
        return usual(self, *args, **kwargs)

    model = student(n_members=4)
    monkeypatch.setattr(kind, "step", step)
    with pytest.raises(KeyboardInterrupt, match="2 of 4"):
        model.fit(X, CODES)
    monkeypatch.undo()
    assert [each["best_epoch"] for each in model.history_] == [3, 2]
    assert [each["end"] for each in model.history_] == ["max_epochs", "interrupted"]
    whole = student(n_members=4).fit(X, CODES)
    for name, value in state_of(student().fit(X, CODES)).items():
        np.testing.assert_allclose(value, state_of(model)[name], atol=1e-5)
        np.testing.assert_allclose(value, state_of(whole)[name], atol=1e-5)
    assert np.isfinite(model.predict_proba(X)).all()


def test_an_interrupted_warm_fit_keeps_the_last_weights():
    model = student(module=Interrupting(10**6), warm_start=True).fit(X, CODES)
    before = model.predict_proba(X)
    model.modules_[0].left = 2
    with pytest.raises(KeyboardInterrupt):
        model.fit(X, CODES)
    np.testing.assert_array_equal(model.predict_proba(X), before)
    assert not any(part.training for part in model.modules_[0].modules())


FOLDS = [np.arange(30), np.arange(14, 44), np.arange(0, 44, 2)]


@pytest.mark.parametrize("kind", ["frame", "mixed", "list", "csr", "csc"])
@pytest.mark.parametrize("folds", [None, FOLDS], ids=["all rows", "folds"])
def test_tables_of_every_kind_are_shared(kind, folds):
    frame = pd.DataFrame(X, columns=list("abcde"))
    mixed = frame.assign(colour=pd.Categorical(np.array(["r", "g", "b"])[CODES]))
    sparse_rows = sparse.csr_array(np.where(np.abs(X) > 0.5, X, 0))
    table = {
        "frame": frame,
        "mixed": mixed,
        "list": X.tolist(),
        "csr": sparse_rows,
        "csc": sparse_rows.tocsc(),
    }[kind]
    rows = [np.arange(N_ROWS)] * 3 if folds is None else folds
    lessons = [LESSONS[k].take(own) for k, own in enumerate(rows)]
    students = [student(random_state=k) for k in range(3)]
    fit_together(students, table, lessons, folds)
    for k, own in enumerate(rows):
        part = [table[i] for i in own] if kind == "list" else _rows_of(table, own)
        alone = student(random_state=k).fit_soft_targets(part, lessons[k])
        np.testing.assert_allclose(
            alone.predict_proba(table), students[k].predict_proba(table), atol=1e-4
        )


def _rows_of(table, rows):
    return table.iloc[rows] if isinstance(table, pd.DataFrame) else table.tocsr()[rows]


def test_epochs_of_a_moving_objective_are_judged_by_its_end():
    settings = {"early_stopping": True, "max_epochs": 12, "n_iter_no_change": 99}
    moving = student(final_temperature=1.0, final_alpha=0.0, **settings)
    moving.fit_soft_targets(X, LESSONS[0])
    lesson = replace(LESSONS[0], alpha=0.0, temperature=1.0)
    (job,) = prepare(moving, X, LESSONS[0], goes_on=False).jobs
    proba = moving.predict_proba(X[job.valid])
    codes = lesson.labels[job.valid]
    by_hand = -np.log(proba[np.arange(len(codes)), codes])
    weight = np.ones(len(X)) if lesson.weight is None else lesson.weight
    weight = weight[job.valid]
    expected = (by_hand * weight).sum() / weight.sum()
    history = moving.history_[0]
    found = history["valid_loss"][history["best_epoch"] - 1]
    assert found == pytest.approx(expected, rel=1e-4)
