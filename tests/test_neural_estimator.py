"""The network as an estimator: scikit-learn's contract, lessons, data, files."""

import copy
import os
import pickle
import random
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import joblib
import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch
from scipy import sparse
from scipy.special import log_softmax, rel_entr, softmax
from sklearn.base import clone, is_classifier
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import RandomForestClassifier, VotingClassifier
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_predict, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.tree import DecisionTreeClassifier
from sklearn.utils.estimator_checks import parametrize_with_checks
from torch import nn

from skdistill import DistillationClassifier
from skdistill.neural import NeuralClassifier, _preparation
from skdistill.neural.losses import LOSSES, DecoupledKD
from skdistill.neural.matching import RelationalKD
from skdistill.neural.training._draws import Draws
from skdistill.neural.training._optimizers import NAMES
from skdistill.targets import UNLABELED, SoftTargets, soften
from tests.strategies import make_problem

pytestmark = pytest.mark.filterwarnings("ignore:The student is larger:UserWarning")

PROBLEM = make_problem(0, n=60, k=3, d=4)
X, Y, X_NEW, CLASSES = PROBLEM.X, PROBLEM.y, PROBLEM.X_new, PROBLEM.classes
WEIGHT = PROBLEM.weight
CODES = PROBLEM.codes.astype(np.intp)
LOGITS = X @ np.random.default_rng(1).normal(size=(4, 3))


def net(**params):
    params = {
        "hidden_layer_sizes": (8,),
        "max_epochs": 4,
        "batch_size": 16,
        "learning_rate": 0.02,
        "random_state": 0,
    } | params
    return NeuralClassifier(**params)


def lesson(
    alpha=0.5, temperature=1.0, weight=None, labels=CODES, logits=LOGITS, **more
):
    proba = soften(logits, "logits", temperature)
    classes = np.arange(logits.shape[1])
    return SoftTargets(classes, proba, labels, alpha, weight, temperature, **more)


def weights(model):
    return [
        tensor.numpy().copy()
        for module in model.modules_
        for tensor in module.state_dict().values()
    ]


def same_weights(one, other):
    return all(
        np.array_equal(mine, its)
        for mine, its in zip(weights(one), weights(other), strict=True)
    )


class Side(nn.Module):
    """No chain of layers, and random in training."""

    def __init__(self, n_inputs=4, n_outputs=3):
        super().__init__()
        self.first = nn.Linear(n_inputs, 8)
        self.drop = nn.Dropout(0.3)
        self.out = nn.Linear(8, n_outputs)

    def forward(self, x):
        h = torch.relu(self.first(x))
        return self.out(h + self.drop(h))


class Globally(nn.Module):
    """Draws its dropout from torch's global generator."""

    def __init__(self, n_inputs=4, n_outputs=3):
        super().__init__()
        self.first = nn.Linear(n_inputs, 8)
        self.out = nn.Linear(8, n_outputs)

    def forward(self, x):
        h = nn.functional.dropout(self.first(x), 0.3, training=self.training)
        return self.out(torch.relu(h))


# Classes, for the names of functions in the ids of tests are not always the same.
class Normed(nn.Sequential):
    def __init__(self, n_inputs, n_outputs):
        super().__init__(
            nn.Linear(n_inputs, 8),
            nn.BatchNorm1d(8),
            nn.ReLU(),
            nn.Linear(8, n_outputs),
        )


class DoubleNormed(Normed):
    # The shift before BatchNorm has a gradient of rounding errors, of which Adam makes
    # whole steps: in single precision two runs of other kernels drift apart.
    def __init__(self, n_inputs, n_outputs):
        super().__init__(n_inputs, n_outputs)
        self.double()


def single_logit(n_inputs, n_outputs):
    return nn.Sequential(nn.Linear(n_inputs, 8), nn.ReLU(), nn.Linear(8, 1))


# scikit-learn's checks

quick = {"max_epochs": 20, "learning_rate": 0.02, "random_state": 0}

CHECKED = [
    NeuralClassifier(**quick),
    NeuralClassifier(n_members=2, **quick),
    NeuralClassifier(embedding="piecewise_linear", n_bins=8, **quick),
    NeuralClassifier(early_stopping=True, **quick),
    NeuralClassifier(Normed, scale=True, **quick),
]

_BATCHES = "minibatches draw rows, however heavy (as scikit-learn's MLPClassifier)"
_WEIGHTS = {
    f"check_sample_weight_equivalence_on_{kind}_data": _BATCHES
    for kind in ("dense", "sparse")
}


@parametrize_with_checks(CHECKED, expected_failed_checks=lambda estimator: _WEIGHTS)
@pytest.mark.filterwarnings("ignore")
def test_scikit_learn_checks(estimator, check):
    check(estimator)


def test_a_full_batch_meets_weights_as_repeated_rows():
    # Where no batches are drawn, what the checks above expect does hold.
    times = np.random.default_rng(0).integers(0, 4, size=len(X))
    times[:3] = 1
    repeated = np.repeat(np.arange(len(X)), times)
    params = {"batch_size": 500, "optimizer": "sgd"}
    weighted = net(**params).fit(X, Y, sample_weight=times)
    plain = net(**params).fit(X[repeated], Y[repeated])
    np.testing.assert_allclose(
        weighted.predict_proba(X), plain.predict_proba(X), atol=1e-5
    )


# Seeds


@pytest.mark.parametrize("module", [None, Side, Globally, Normed, Side()])
def test_the_same_seed_gives_the_same_network(module):
    params = {"module": module, "early_stopping": True}
    if module is None:
        params["dropout"] = 0.2
    first = net(**params).fit(X, Y)
    torch.manual_seed(99)
    np.random.seed(99)  # noqa: NPY002
    second = net(**params).fit(X, Y)
    assert same_weights(first, second)
    assert first.history_ == second.history_
    other = net(**(params | {"random_state": 1}))
    assert not same_weights(first, other.fit(X, Y))


def test_seeds_decide_on_the_initial_weights_of_an_instance():
    module = nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3))
    with torch.no_grad():
        module[0].weight.fill_(7.0)
        module[1].running_mean.fill_(3.0)
    tiny = {"learning_rate": 1e-12, "max_epochs": 1}
    one, same, other = (
        net(module=module, random_state=seed, **tiny).fit(X, Y) for seed in (0, 0, 1)
    )
    assert same_weights(one, same)
    assert not np.allclose(weights(one)[0], weights(other)[0])
    assert np.abs(weights(one)[0]).max() < 1
    kept = net(module=module, keep_weights=True, **tiny).fit(X, Y)
    np.testing.assert_allclose(weights(kept)[0], 7.0)


@pytest.mark.parametrize("module", [None, Side, Globally, Side()])
def test_global_generators_are_left_as_they_are(module):
    model = net(module=module, n_members=2 if module is None else 1)
    before = torch.get_rng_state(), np.random.get_state()[1].copy(), random.getstate()  # noqa: NPY002
    model.fit(X, Y)
    model.predict(X)
    model.partial_fit(X, Y, classes=CLASSES)
    model.initialize(X, Y)
    assert torch.equal(before[0], torch.get_rng_state())
    np.testing.assert_array_equal(before[1], np.random.get_state()[1])  # noqa: NPY002
    assert before[2] == random.getstate()


@pytest.mark.parametrize(
    "params", [{"dropout": 0.3}, {"module": Side}, {"module": DoubleNormed}], ids=str
)
def test_the_first_of_three_members_is_the_only_one(params):
    params = {"early_stopping": True} | params
    one = net(**params).fit(X, Y)
    three = net(n_members=3, **params).fit(X, Y)
    assert len(three.modules_) == len(three.history_) == 3
    for mine, its in zip(weights(one), weights(three), strict=False):
        np.testing.assert_allclose(mine, its, atol=1e-4)
    inputs = three._encoder.transform(X)
    logits = [
        module(torch.tensor(inputs, dtype=next(module.parameters()).dtype))
        .detach()
        .numpy()
        for module in three.modules_
    ]
    mean = np.mean(logits, axis=0)
    np.testing.assert_allclose(three.decision_function(X), mean, atol=1e-4)
    np.testing.assert_allclose(three.predict_proba(X), softmax(mean, 1), atol=1e-4)
    assert np.abs(logits[0] - logits[1]).max() > 1e-2


def test_threads_that_fit_at_the_same_time_do_not_disturb_each_other():
    models = [net(module=module) for module in (Globally, None, Side) for _ in "abc"]
    alone = [clone(model).fit(X, Y) for model in models]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda model: model.fit(X, Y), models))
    assert all(map(same_weights, alone, models))


class Meanwhile(nn.Module):
    """While it is being read, another thread asks another model."""

    asks, heard = None, []

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(4, 3)

    def forward(self, x):
        if isinstance(x, torch.fx.Proxy):
            with ThreadPoolExecutor(1) as pool:
                answer = pool.submit(type(self).asks)
                error = answer.exception(timeout=20)
                type(self).heard.append(error or answer.result())
        return self.layer(x)


def test_reading_a_module_leaves_other_threads_alone():
    other = net(module=Side).fit(X, Y)
    wanted = other.predict_proba(X)
    Meanwhile.asks, Meanwhile.heard = partial(other.predict_proba, X), []
    net(module=Meanwhile()).fit(X, Y)
    assert [each for each in Meanwhile.heard if isinstance(each, Exception)] == []
    for each in Meanwhile.heard:
        np.testing.assert_array_equal(each, wanted)


# Lessons


@pytest.mark.parametrize("name", LOSSES)
def test_alpha_0_is_the_fit_on_labels(name):
    model = net(loss=name, early_stopping=True)
    by_labels = clone(model).fit(X, Y, sample_weight=WEIGHT)
    by_lesson = clone(model).fit_soft_targets(X, lesson(0.0, 3.0, WEIGHT))
    assert same_weights(by_labels, by_lesson)


@pytest.mark.parametrize("alpha", [0.4, 1.0])
def test_a_teacher_that_says_the_label_is_the_label(alpha):
    onehot = np.eye(3)[CODES]
    targets = SoftTargets(CLASSES, onehot, CODES, alpha, WEIGHT)
    taught = net().fit_soft_targets(X, targets)
    plain = net().fit(X, Y, sample_weight=WEIGHT)
    np.testing.assert_allclose(
        taught.predict_proba(X), plain.predict_proba(X), atol=1e-5
    )


@pytest.mark.parametrize("name", ["kl", "logit_mse", "dist", "standardized_kl"])
def test_at_alpha_1_nobody_looks_at_labels(name):
    shuffled = np.random.default_rng(0).permutation(CODES)
    fits = [
        net(loss=name, label_smoothing=0.1).fit_soft_targets(
            X, lesson(1.0, 2.0, labels=labels)
        )
        for labels in (CODES, shuffled, np.full_like(CODES, UNLABELED))
    ]
    assert same_weights(fits[0], fits[1])
    assert same_weights(fits[0], fits[2])


def test_a_row_without_a_label_is_the_teachers_alone():
    labels = np.where(np.arange(60) % 3 == 0, UNLABELED, CODES)
    alphas = np.where(labels == UNLABELED, 1.0, 0.3)
    short = net().fit_soft_targets(X, lesson(0.3, 2.0, labels=labels))
    long = net().fit_soft_targets(X, lesson(alphas, 2.0, labels=labels))
    said = net().fit_soft_targets(X, lesson(alphas, 2.0))
    assert same_weights(short, long)
    np.testing.assert_allclose(said.predict_proba(X), short.predict_proba(X), atol=1e-6)


@pytest.mark.parametrize("name", LOSSES)
def test_permuted_classes_give_a_permuted_student(name):
    order = np.array([2, 0, 1])
    module = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 3))
    permuted = copy.deepcopy(module)
    with torch.no_grad():
        permuted[2].weight.copy_(module[2].weight[order])
        permuted[2].bias.copy_(module[2].bias[order])
    params = {"loss": name, "keep_weights": True}
    plain = net(module=module, **params).fit_soft_targets(X, lesson(0.6, 2.0))
    labels = np.argsort(order)[CODES]
    targets = lesson(0.6, 2.0, labels=labels, logits=LOGITS[:, order])
    other = net(module=permuted, **params).fit_soft_targets(X, targets)
    np.testing.assert_allclose(
        other.predict_proba(X), plain.predict_proba(X)[:, order], atol=1e-4
    )


@pytest.mark.parametrize(
    ("name", "temperature"),
    [("kl", 1.0), ("kl", 4.0), ("logit_mse", 1.0), ("dist", 1.0), ("dkd", 1.0)],
)
def test_soft_targets_are_learned(name, temperature):
    model = net(
        loss=name, hidden_layer_sizes=(48, 48), max_epochs=120, learning_rate=0.01
    )
    targets = lesson(1.0, temperature)
    model.fit_soft_targets(X, targets)
    said = softmax(model.decision_function(X) / temperature, axis=1)
    missed = rel_entr(targets.teacher, said).sum(axis=1).mean()
    know_nothing = rel_entr(targets.teacher, 1 / 3).sum(axis=1).mean()
    assert missed < 0.01
    assert missed < 0.1 * know_nothing


def test_each_loss_ends_in_another_student():
    fits = [net(loss=name).fit_soft_targets(X, lesson(1.0, 2.0)) for name in LOSSES]
    probas = [model.predict_proba(X) for model in fits]
    for k, one in enumerate(probas):
        for other in probas[:k]:
            assert np.abs(one - other).max() > 1e-4


@pytest.mark.parametrize("params", [{"final_alpha": 0.9}, {"final_temperature": 9.0}])
def test_labels_alone_leave_nothing_to_anneal(params):
    plain = net(optimizer="sgd").fit(X, Y)
    annealed = net(optimizer="sgd", **params).fit(X, Y)
    np.testing.assert_allclose(
        annealed.predict_proba(X), plain.predict_proba(X), atol=1e-6
    )


def test_annealing_reaches_its_end():
    # One epoch is the first: as without. The last of two is at the final value.
    start, end = lesson(0.9), lesson(0.2)
    one = net(max_epochs=1, final_alpha=0.2).fit_soft_targets(X, start)
    assert same_weights(one, net(max_epochs=1).fit_soft_targets(X, start))
    two = net(max_epochs=2, final_alpha=0.2, batch_size=60).fit_soft_targets(X, start)
    by_hand = net(max_epochs=1, batch_size=60, warm_start=True)
    by_hand.fit_soft_targets(X, start).fit_soft_targets(X, end)
    np.testing.assert_allclose(
        two.predict_proba(X), by_hand.predict_proba(X), atol=1e-5
    )


BY_CLASS = np.array([3.0, 0.5, 1.5])


@pytest.mark.parametrize("weight", [None, WEIGHT], ids=["even", "uneven"])
def test_weights_of_classes_are_weights_of_their_rows(weight):
    params = {"scale": False, "class_weight": dict(enumerate(BY_CLASS))}
    by_class = net(**params).fit(X, Y, sample_weight=weight)
    rows = BY_CLASS[CODES] * (1 if weight is None else weight)
    by_row = net(scale=False).fit(X, Y, sample_weight=rows)
    np.testing.assert_allclose(
        by_class.predict_proba(X), by_row.predict_proba(X), atol=1e-5
    )


def test_balance_gives_each_class_the_same_weight():
    rare = np.where((Y == 2) & (np.arange(60) % 2 == 0), 0, Y)
    share = 60 / (3 * np.bincount(rare))
    balanced = net(class_weight="balanced").fit(X, rare)
    by_hand = net(class_weight=dict(enumerate(share))).fit(X, rare)
    np.testing.assert_allclose(
        balanced.predict_proba(X), by_hand.predict_proba(X), atol=1e-6
    )


def test_weights_of_classes_weigh_what_the_teacher_says():
    # Of a row's soft target, class k counts w_k: as a row for each class would.
    targets = lesson(1.0)
    params = {"scale": False, "batch_size": 500, "optimizer": "sgd"}
    taught = net(class_weight=dict(enumerate(BY_CLASS)), **params)
    taught.fit_soft_targets(X, targets)
    copies = (targets.teacher * BY_CLASS).ravel()
    repeated = net(**params).fit(
        np.repeat(X, 3, axis=0), np.tile(CLASSES, 60), sample_weight=copies
    )
    # Sums over classes are means over three rows: the weights' mean differs by that.
    np.testing.assert_allclose(
        taught.predict_proba(X), repeated.predict_proba(X), atol=1e-5
    )


def test_label_smoothing_is_a_mixture_with_all_classes():
    smooth = net(label_smoothing=0.3).fit(X, Y)
    mixed = 0.7 * np.eye(3)[CODES] + 0.1
    by_hand = net().fit_soft_targets(X, SoftTargets(CLASSES, mixed, CODES, 1.0))
    np.testing.assert_allclose(
        smooth.predict_proba(X), by_hand.predict_proba(X), atol=1e-5
    )


def test_no_unit_is_dropped_when_asked():
    model = net(dropout=0.5).fit(X, Y)
    np.testing.assert_array_equal(model.predict_proba(X), model.predict_proba(X))
    plain = model.modules_[0]
    hidden = torch.relu(plain.hidden_0(torch.tensor(model._encoder.transform(X))))
    logits = plain.output(hidden).detach().numpy()
    np.testing.assert_allclose(model.decision_function(X), logits, atol=1e-5)


# Early stopping


@pytest.fixture
def splits(monkeypatch):
    """The (train, held out) rows of each split that is made."""
    made, usual = [], _preparation._split

    def spy(*args, **kwargs):
        made.append(usual(*args, **kwargs))
        return made[-1]

    monkeypatch.setattr(_preparation, "_split", spy)
    return made


def test_the_best_epoch_is_what_is_left(splits):
    model = net(
        early_stopping=True,
        validation_fraction=0.3,
        hidden_layer_sizes=(32, 32),
        learning_rate=0.05,
        max_epochs=60,
        n_iter_no_change=5,
    ).fit(X, Y)
    ((train, valid),) = splits
    assert sorted([*train, *valid]) == list(range(60))
    assert len(valid) == 18
    (history,) = model.history_
    losses = np.array(history["valid_loss"])
    best = history["best_epoch"]
    assert best == losses.argmin() + 1
    assert best < len(losses) == len(history["train_loss"]) == model.n_iter_
    proba = model.predict_proba(X)
    by_hand = -np.log(proba[valid, CODES[valid]]).mean()
    np.testing.assert_allclose(losses.min(), by_hand, rtol=1e-4)
    shorter = clone(model).set_params(max_epochs=best).fit(X, Y)
    assert same_weights(shorter, model)
    assert history["end"] == "early_stopping"
    assert shorter.history_[0]["end"] == "max_epochs"


def test_the_validation_loss_is_the_weighted_distillation_loss(splits):
    targets = lesson(0.6, 3.0, WEIGHT)
    model = net(early_stopping=True, validation_fraction=0.3, max_epochs=6)
    model.fit_soft_targets(X, targets)
    ((_, valid),) = splits
    logits = model.decision_function(X)[valid]
    kl = rel_entr(targets.teacher[valid], softmax(logits / 3, axis=1)).sum(axis=1)
    ce = -log_softmax(logits, axis=1)[np.arange(len(valid)), CODES[valid]]
    weight = WEIGHT[valid] / WEIGHT[valid].mean()
    by_hand = (weight * (0.6 * 9 * kl + 0.4 * ce)).mean()
    np.testing.assert_allclose(min(model.history_[0]["valid_loss"]), by_hand, rtol=1e-4)


def test_a_rare_class_is_in_both_parts(splits):
    labels = np.array([0] * 50 + [1] * 47 + [2] * 3)
    rows = np.random.default_rng(0).normal(size=(100, 4))
    net(early_stopping=True, validation_fraction=0.34, max_epochs=1).fit(rows, labels)
    net(early_stopping=True, validation_fraction=0.34, max_epochs=1).fit_soft_targets(
        rows, lesson(0.5, labels=labels, logits=np.ones((100, 3)))
    )
    for train, valid in splits:
        assert set(labels[train]) == set(labels[valid]) == {0, 1, 2}
    assert len(splits) == 2


@pytest.mark.parametrize("n_rare", [1, 2])
def test_a_class_too_rare_for_both_parts_does_not_stop_the_fit(n_rare):
    labels = np.array([0] * (30 - n_rare) + [1] * 30 + [2] * n_rare)
    model = net(early_stopping=True).fit(X, labels)
    assert model.predict_proba(X).shape == (60, 3)


@pytest.mark.parametrize("patience", [1, 3])
def test_patience_and_tolerance_decide_when_it_stops(patience):
    params = {"early_stopping": True, "n_iter_no_change": patience, "max_epochs": 30}
    impatient = net(tol=1e6, **params).fit(X, Y)
    assert impatient.n_iter_ == 1 + patience
    assert impatient.history_[0]["end"] == "early_stopping"
    # Improvements below tol still count for which epoch is the best.
    losses = impatient.history_[0]["valid_loss"]
    assert impatient.history_[0]["best_epoch"] == int(np.argmin(losses)) + 1
    patient = net(tol=0.0, **params).fit(X, Y)
    losses = np.array(patient.history_[0]["valid_loss"])
    if patient.history_[0]["end"] == "early_stopping":
        assert len(losses) == losses.argmin() + 1 + patience
    assert patient.n_iter_ > impatient.n_iter_


def test_history_without_early_stopping():
    model = net(n_members=2).fit(X, Y)
    for history in model.history_:
        assert set(history) == {"train_loss", "valid_loss", "best_epoch", "end"}
        assert len(history["train_loss"]) == 4
        assert history["valid_loss"] == []
        assert (history["best_epoch"], history["end"]) == (4, "max_epochs")
        assert history["train_loss"][-1] < history["train_loss"][0]


# Going on


@pytest.mark.parametrize("optimizer", [*NAMES, torch.optim.Adagrad])
def test_full_batches_in_parts_are_one_training(optimizer):
    # In batches of all rows their order makes no difference.
    params = {"optimizer": optimizer, "batch_size": 60}
    whole = net(**params, max_epochs=6).fit(X, Y)
    by_part = net(**params)
    for _ in range(6):
        by_part.partial_fit(X, Y, classes=CLASSES)
    warm = net(**params, max_epochs=3, warm_start=True).fit(X, Y)
    half = warm.predict_proba(X)
    warm.fit(X, Y)
    for other in (by_part, warm):
        np.testing.assert_allclose(
            other.predict_proba(X), whole.predict_proba(X), atol=1e-4
        )
    assert np.abs(half - whole.predict_proba(X)).max() > 1e-3


def test_each_member_goes_on_with_its_own_state_of_the_optimizer():
    params = {"batch_size": 60, "n_members": 3}
    whole = net(**params, max_epochs=6).fit(X, Y)
    by_part = net(**params)
    for _ in range(6):
        by_part.partial_fit(X, Y, classes=CLASSES)
    for mine, its in zip(weights(whole), weights(by_part), strict=True):
        np.testing.assert_allclose(mine, its, atol=1e-4)


def test_each_fit_that_goes_on_sees_rows_in_another_order(monkeypatch):
    orders, usual = [], Draws.order

    def spy(self, n_rows):
        orders.append(usual(self, n_rows).tolist())
        return usual(self, n_rows)

    monkeypatch.setattr(Draws, "order", spy)
    model = net()
    for _ in range(3):
        model.partial_fit(X, Y, classes=CLASSES)
    assert len({tuple(order) for order in orders}) == len(orders) == 3


def test_a_warm_start_starts_where_it_ended():
    model = net(warm_start=True, max_epochs=10).fit(X, Y)
    before, first = weights(model), model.history_[0]["train_loss"]
    model.fit(X, Y)
    assert model.history_[0]["train_loss"][0] < first[0]
    assert model.history_[0]["train_loss"][-1] < first[-1]
    after = weights(model)
    model.set_params(learning_rate=1e-14).fit(X, Y)
    for mine, its in zip(after, weights(model), strict=True):
        np.testing.assert_allclose(mine, its, atol=1e-9)
    assert not all(map(np.array_equal, before, after))
    cold = net(max_epochs=10).fit(X, Y)
    assert same_weights(cold, cold.fit(X, Y))


def test_partial_fit_in_chunks():
    order = np.argsort(Y)  # the first chunk has one class only
    model = net(learning_rate=0.05)
    for _ in range(15):
        for chunk in np.array_split(order, 3):
            model.partial_fit(X[chunk], Y[chunk], classes=CLASSES)
    assert model.score(X, Y) > 0.6
    assert model.n_iter_ == 1


def test_partial_fit_needs_all_classes_at_first():
    with pytest.raises(ValueError, match="classes"):
        net().partial_fit(X, Y)
    with pytest.raises(ValueError, match=r"\[2\]"):
        net().partial_fit(X, Y, classes=[0, 1])
    model = net().partial_fit(X[Y < 2], Y[Y < 2], classes=CLASSES)
    before = weights(model)
    with pytest.raises(ValueError, match="first call"):
        model.partial_fit(X, Y, classes=[0, 1, 2, 3])
    with pytest.raises(ValueError, match=r"\[9\]"):
        model.partial_fit(X, np.where(Y == 0, 9, Y))
    with pytest.raises(ValueError, match="features"):
        model.partial_fit(X[:, :3], Y)
    assert all(map(np.array_equal, before, weights(model)))
    assert model.partial_fit(X, Y, classes=CLASSES[::-1]).predict(X).shape == (60,)


def test_a_warm_start_takes_no_other_classes():
    model = net(warm_start=True).fit(X, Y)
    before = model.predict_proba(X)
    with pytest.raises(ValueError, match=r"\[7\]"):
        model.fit(X, np.where(Y == 0, 7, Y))
    targets = lesson(0.5)
    names = SoftTargets(np.array(["a", "b", "c"]), targets.teacher, CODES, 0.5)
    with pytest.raises(ValueError, match="class"):
        model.fit_soft_targets(X, names)
    two = SoftTargets(CLASSES[:2], targets.teacher[:, :2], CODES.clip(max=1), 0.5)
    with pytest.raises(ValueError, match="class"):
        model.fit_soft_targets(X, two)
    np.testing.assert_array_equal(model.predict_proba(X), before)
    np.testing.assert_array_equal(model.classes_, CLASSES)
    # Fewer labels than before are all known: the network keeps its outputs.
    assert model.fit(X[Y < 2], Y[Y < 2]).predict_proba(X).shape == (60, 3)


# Wrong parameters

_match = RelationalKD("hidden_0", "hidden")

WRONG = {
    "module": [3, "mlp", [nn.Linear(4, 3)]],
    "hidden_layer_sizes": [0, (-1,), (3.5,), "abc", None, (True,), (8, None)],
    "activation": ["swish", None, 3, ["relu"]],
    "dropout": [1.0, -0.1, "a", None, np.nan, True],
    "embedding": ["ple", 1, True],
    "n_bins": [0, 2.5, True, None],
    "n_members": [0, 1.5, None, "2"],
    "loss": ["mse", None, 3, DecoupledKD],
    "label_smoothing": [1.0, -0.1, None],
    "matching": ["layer", 3, [_match, 3]],
    "final_temperature": [0, -1.0, np.inf, "x", np.nan],
    "final_alpha": [-0.1, 1.1, "x", True],
    "annealing": ["exponential", None],
    "optimizer": ["adm", None, 3, ["adam"]],
    "learning_rate": [0, -1.0, np.inf, np.nan, "x", None, True],
    "learning_rate_schedule": ["poly", None],
    "weight_decay": [-1.0, np.inf, None],
    "batch_size": [0, 2.5, None, "64"],
    "max_epochs": [0, 1.5, None, "all", True],
    "early_stopping": [1, None, "yes"],
    "validation_fraction": [0, 1, 1.0, None],
    "n_iter_no_change": [0, 1.5, None],
    "tol": [-1.0, np.nan, None],
    "class_weight": ["auto", 3, [1.0, 2.0, 3.0], {0: -1.0}, {0: np.nan}],
    "scale": [1, "yes", None],
    "categorical_features": ["all", 3.5],
    "keep_weights": [1, "yes", True],
    "warm_start": [1, None],
    "device": ["my gpu", 3, None],
    "random_state": ["seed", -1, 1.5],
    "verbose": ["loud"],
}


def test_every_parameter_can_be_wrong():
    assert set(WRONG) == set(NeuralClassifier().get_params(deep=False))


def refused(model, message, method="fit"):
    targets = lesson(0.5) if method == "fit_soft_targets" else Y
    more = {"classes": CLASSES} if method == "partial_fit" else {}
    with pytest.raises(ValueError, match=message):
        getattr(model, method)(X, targets, **more)
    assert not hasattr(model, "n_features_in_")
    assert not hasattr(model, "modules_")


@pytest.mark.parametrize(
    ("name", "value"),
    [(name, value) for name, values in WRONG.items() for value in values],
    ids=lambda value: value if isinstance(value, str) else repr(value)[:20],
)
def test_a_wrong_parameter_is_named_before_any_work(name, value):
    refused(NeuralClassifier(**({"max_epochs": 1} | {name: value})), name)


@pytest.mark.parametrize("method", ["fit", "fit_soft_targets", "partial_fit"])
@pytest.mark.parametrize("wrong", [{"dropout": 2.0}, {"loss": DecoupledKD(beta=-1.0)}])
def test_every_way_to_fit_refuses_wrong_parameters(method, wrong):
    refused(net(**wrong), "dropout|beta", method)
    if method != "fit_soft_targets":
        return
    model = DistillationClassifier(LogisticRegression(), net(**wrong))
    with pytest.raises(ValueError, match=r"dropout|beta"):
        model.fit(X, Y)


def test_all_wrong_parameters_are_named_at_once():
    wrong = {name: values[0] for name, values in WRONG.items()}
    with pytest.raises(ValueError, match="learning_rate") as caught:
        NeuralClassifier(**wrong).fit(X, Y)
    missing = [name for name in wrong if name not in str(caught.value)]
    assert not missing


def test_parameters_are_not_looked_at_before_fit():
    wrong = {name: values[0] for name, values in WRONG.items()}
    model = NeuralClassifier(**wrong)
    assert clone(model).get_params(deep=False).keys() == wrong.keys()


@pytest.mark.parametrize(
    "value",
    [
        {"n_members": np.int64(2)},
        {"dropout": np.float32(0.5)},
        {"early_stopping": np.bool_(True)},
        {"hidden_layer_sizes": [5]},
        {"hidden_layer_sizes": np.array([5, 4])},
        {"hidden_layer_sizes": np.int64(5)},
        {"max_epochs": np.int32(2)},
        {"random_state": np.random.RandomState(0)},
        {"verbose": False},
    ],
    ids=lambda value: next(iter(value)),
)
def test_numpy_values_are_good_parameters(value):
    assert net(**value).fit(X, Y).predict(X).shape == (60,)


@pytest.mark.parametrize(
    ("rows", "labels", "message"),
    [
        (X, None, "y"),
        (X, np.zeros(60), "class"),
        (np.where(X > 2, np.nan, X), Y, "NaN"),
        (np.where(X > 2, np.inf, X), Y, "inf"),
        (X * 1e300, Y, "float32"),
        (X, np.where(Y == 0, np.nan, Y), "NaN"),
        (X[:, 0], Y, "2D"),
        (X[:, :0], Y, "feature"),
        (X[:0], Y[:0], "sample"),
        (X[:-1], Y, "inconsistent"),
        (X.reshape(60, 2, 2), Y, "dim"),
        (X, np.column_stack([Y, Y]), "1d"),
        (X, X[:, 0], "continuous"),
        (np.full((60, 2), "red", dtype=object), Y, "red"),
        (X * 1j, Y, "omplex"),
    ],
)
def test_data_that_cannot_be_meant_is_refused(rows, labels, message):
    model = net(scale=False)
    with pytest.raises(ValueError, match=message):
        model.fit(rows, labels)
    assert not hasattr(model, "modules_")


@pytest.mark.parametrize("bad", [np.full(60, -1.0), np.ones(59), np.full(60, np.nan)])
def test_bad_weights_are_refused(bad):
    with pytest.raises(ValueError, match=r"weight|inf|NaN"):
        net().fit(X, Y, sample_weight=bad)


@pytest.mark.parametrize("factor", [1e-60, 1e-6, 1e6, 1e60])
def test_only_the_proportions_of_weights_count(factor):
    usual = net(early_stopping=True).fit(X, Y, sample_weight=WEIGHT)
    scaled = net(early_stopping=True).fit(X, Y, sample_weight=factor * WEIGHT)
    np.testing.assert_allclose(
        scaled.predict_proba(X), usual.predict_proba(X), atol=1e-5
    )


@pytest.mark.parametrize(
    "module", [nn.Linear(3, 3).requires_grad_(False), nn.Softplus()], ids=str
)
def test_a_module_with_nothing_to_train_is_refused(module):
    with pytest.raises(ValueError, match=r"module|param"):
        net(module=module).fit(X[:, :3], Y)


def test_batch_normalisation_of_single_rows_is_refused():
    # As torch does it: every unit of one row alone is its own mean.
    with pytest.raises(ValueError, match=r"batch|more than 1 value"):
        net(module=Normed, batch_size=1).fit(X, Y)


def test_weights_of_classes_that_leave_nothing_are_refused():
    with pytest.raises(ValueError, match="class_weight"):
        net(class_weight={0: 0.0, 1: 0.0, 2: 0.0}).fit(X, Y)


def test_balance_needs_no_labels():
    targets = lesson(1.0, 2.0, labels=np.full_like(CODES, UNLABELED))
    balanced = net(class_weight="balanced").fit_soft_targets(X, targets)
    plain = net().fit_soft_targets(X, targets)
    np.testing.assert_allclose(
        balanced.predict_proba(X), plain.predict_proba(X), atol=1e-6
    )


@pytest.mark.parametrize("answer", [None, np.eye(3)[CODES], Y])
def test_what_is_no_lesson_is_refused(answer):
    with pytest.raises((TypeError, ValueError), match="SoftTargets"):
        net().fit_soft_targets(X, answer)


def test_labels_of_integers_that_may_be_missing_are_integers():
    labels = pd.Series(Y).astype("Int64")
    expected = LogisticRegression().fit(X, labels).classes_
    classes = net().fit(X, labels).classes_
    assert classes.tolist() == expected.tolist() == [0, 1, 2]
    assert classes.dtype == expected.dtype


def test_a_network_that_is_not_fitted_says_so(tmp_path):
    for ask in ("predict", "predict_proba", "predict_log_proba", "decision_function"):
        with pytest.raises(NotFittedError):
            getattr(net(), ask)(X)
    for file in ("save_weights", "load_weights"):
        with pytest.raises(NotFittedError):
            getattr(net(), file)(tmp_path / "weights.pt")


TWO = (
    X[Y < 2],
    SoftTargets(CLASSES[:2], softmax(LOGITS[Y < 2][:, :2], 1), CODES[Y < 2], 0.5),
)


@pytest.mark.parametrize("name", LOSSES)
def test_a_loss_that_is_nothing_for_two_classes_is_refused_with_the_reason(name):
    model = net(loss=name)
    if LOSSES[name].min_classes <= 2:
        assert model.fit_soft_targets(*TWO).predict_proba(X).shape == (60, 2)
        return
    with pytest.raises(ValueError, match="2") as caught:
        model.fit_soft_targets(*TWO)
    assert type(LOSSES[name]()).__name__ in str(caught.value)
    assert "classes" in str(caught.value)
    # On labels alone it is not asked.
    assert model.fit(X[Y < 2], Y[Y < 2]).score(X[Y < 2], Y[Y < 2]) > 0


def test_some_loss_is_refused_at_two_classes_even_if_alpha_comes_later():
    (name,) = [name for name in LOSSES if LOSSES[name].min_classes > 2][:1]
    rows, targets = TWO
    by_label = SoftTargets(targets.classes, targets.teacher, targets.labels, 0.0)
    with pytest.raises(ValueError, match="classes"):
        net(loss=name, final_alpha=0.9).fit_soft_targets(rows, by_label)


@pytest.mark.parametrize(
    "module",
    [nn.Linear(4, 7), nn.Linear(4, 2), lambda n_in, n_out: nn.Linear(n_in, n_out + 1)],
    ids=["seven", "two", "one more"],
)
@pytest.mark.parametrize("kind", ["fit", "lesson"])
def test_a_module_with_another_number_of_outputs_is_refused(module, kind):
    model = net(module=module)
    with pytest.raises(ValueError, match=r"3 classes|classes.*3|\(.*3\)"):
        model.fit(X, Y) if kind == "fit" else model.fit_soft_targets(X, lesson())
    assert not hasattr(model, "modules_")


def test_a_single_logit_for_three_classes_is_refused():
    with pytest.raises(ValueError, match="3"):
        net(module=single_logit).fit(X, Y)


class Pair(nn.Module):
    def __init__(self, n_inputs, n_outputs):
        super().__init__()
        self.layer = nn.Linear(n_inputs, n_outputs)

    def forward(self, x):
        return self.layer(x), x


def test_a_module_that_gives_no_tensor_is_refused():
    with pytest.raises((TypeError, ValueError), match="logit"):
        net(module=Pair).fit(X, Y)


def test_a_factory_that_gives_no_module_is_refused():
    with pytest.raises(TypeError, match="Module"):
        net(module=lambda n_inputs, n_outputs: 3).fit(X, Y)


def test_a_lesson_of_another_length_is_refused():
    with pytest.raises(ValueError, match=r"60|59|row"):
        net().fit_soft_targets(X[:-1], lesson())


# Every parameter does something

_linear = nn.Linear(4, 3)

#: For each parameter: what else is set, and two values.
CHANGES = {
    "module": ({}, None, Normed),
    "hidden_layer_sizes": ({}, (8,), (9,)),
    "activation": ({}, "relu", "tanh"),
    "dropout": ({}, 0.0, 0.3),
    "embedding": ({}, None, "piecewise_linear"),
    "n_bins": ({"embedding": "piecewise_linear"}, 4, 6),
    "n_members": ({}, 1, 2),
    "loss": ({}, "kl", "logit_mse"),
    "label_smoothing": ({}, 0.0, 0.2),
    "matching": ({}, None, RelationalKD("hidden_0", "hidden")),
    "final_temperature": ({}, None, 4.0),
    "final_alpha": ({}, None, 0.9),
    "annealing": ({"final_alpha": 0.9}, "linear", "cosine"),
    "optimizer": ({}, "adam", "sgd"),
    "learning_rate": ({}, 0.02, 0.01),
    "learning_rate_schedule": ({}, "constant", "cosine"),
    "weight_decay": ({}, 0.0, 0.1),
    "batch_size": ({}, 16, 20),
    "max_epochs": ({}, 4, 5),
    "early_stopping": ({}, False, True),
    "validation_fraction": ({"early_stopping": True}, 0.2, 0.3),
    "n_iter_no_change": (
        {"early_stopping": True, "tol": 9.0, "max_epochs": 20},
        2,
        3,
    ),
    "tol": (
        {"early_stopping": True, "n_iter_no_change": 2, "max_epochs": 20},
        0.0,
        9.0,
    ),
    "class_weight": ({}, None, {0: 5.0, 1: 1.0, 2: 1.0}),
    "scale": ({}, "auto", False),
    "categorical_features": ({}, None, [0]),
    "keep_weights": ({"module": _linear}, False, True),
    "warm_start": ({}, False, True),
    "random_state": ({}, 0, 1),
}

#: What is seen elsewhere: an error, or what is shown.
ELSEWHERE = {"device", "verbose"}


@pytest.mark.parametrize("name", CHANGES)
def test_every_parameter_changes_the_fitted_network(name):
    more, one, other = CHANGES[name]
    targets = lesson(0.5, 2.0, representations=(LOGITS,))
    rows = np.round(X)

    def outcome(value):
        model = net(**{**more, name: value})
        model.fit_soft_targets(rows, targets).fit_soft_targets(rows, targets)
        flat = np.concatenate([w.ravel() for w in weights(model)])
        return model.history_, flat

    (history, flat), (other_history, other_flat) = outcome(one), outcome(other)
    again_history, again = outcome(one)
    assert history == again_history
    np.testing.assert_array_equal(flat, again)
    differ = flat.shape != other_flat.shape or np.abs(flat - other_flat).max() > 1e-6
    assert differ or history != other_history


def test_the_table_of_changes_is_whole():
    names = set(NeuralClassifier().get_params(deep=False))
    assert set(CHANGES) | ELSEWHERE == names
    assert not set(CHANGES) & ELSEWHERE


def test_the_device_is_where_it_is_computed():
    # "meta" is where torch computes nothing.
    model = net(device="cpu").fit(X, Y)
    assert {p.device.type for p in model.modules_[0].parameters()} == {"cpu"}


# Data

FRAME = pd.DataFrame(
    {
        "number": X[:, 0],
        "colour": pd.Categorical(np.array(["red", "green", "blue"])[CODES]),
        "text": np.where(X[:, 1] > 0, "high", "low"),
        "flag": X[:, 2] > 0,
        "count": np.arange(60) % 5,
    }
)


def read_only(array):
    array = array.copy()
    array.flags.writeable = False
    return array


KINDS = {
    "float32": lambda a: a.astype(np.float32),
    "list": lambda a: a.tolist(),
    "Fortran": np.asfortranarray,
    "read-only": read_only,
    "strided": lambda a: np.repeat(a, 2, axis=0)[::2],
    "reversed": lambda a: np.ascontiguousarray(a[::-1])[::-1],
    "big-endian": lambda a: a.astype(">f8"),
    "longdouble": lambda a: a.astype(np.longdouble),
    "object": lambda a: a.astype(object),
    "memmap": lambda a: a.view(np.memmap),
}


@pytest.mark.parametrize("convert", KINDS.values(), ids=KINDS)
def test_every_kind_of_array_is_the_same_data(convert):
    usual = net(scale=False).fit(X, Y)
    model = net(scale=False).fit(convert(X), Y)
    np.testing.assert_allclose(
        model.predict_proba(convert(X_NEW)), usual.predict_proba(X_NEW), atol=1e-6
    )


@pytest.mark.parametrize("dtype", [bool, np.int8, np.int64, np.uint8])
def test_whole_numbers_are_numbers(dtype):
    rows = (X > 0).astype(dtype)
    for params in ({}, {"module": Side}):
        usual = net(**params).fit(rows.astype(float), Y)
        model = net(**params).fit(rows, Y)
        np.testing.assert_allclose(
            model.predict_proba(rows), usual.predict_proba(rows), atol=1e-6
        )


@pytest.mark.parametrize("kind", ["csr", "csc", "coo"])
@pytest.mark.parametrize("make", [sparse.csr_matrix, sparse.csr_array])
def test_sparse_rows_are_as_dense_ones(kind, make):
    dense = np.where(np.abs(X) > 0.5, X, 0.0)
    rows = make(dense).asformat(kind)
    usual = net(scale=False).fit(dense, Y)
    model = net(scale=False).fit(rows, Y)
    np.testing.assert_allclose(
        model.predict_proba(rows), usual.predict_proba(dense), atol=1e-6
    )
    np.testing.assert_allclose(model.predict_proba(dense), model.predict_proba(rows))
    scaled = net(early_stopping=True, n_members=2).fit(rows, Y)
    assert np.isfinite(scaled.predict_proba(rows)).all()


@pytest.mark.parametrize("library", [pd, pl], ids=["pandas", "polars"])
def test_frames_of_categories_texts_and_booleans(library):
    frame = FRAME
    if library is pl:
        frame = pl.DataFrame(
            {name: FRAME[name].to_list() for name in FRAME},
            schema_overrides={"colour": pl.Categorical},
        )
    model = net(max_epochs=40).fit(frame, Y)
    assert model.score(frame, Y) > 0.95  # the colour is the label
    assert model.feature_names_in_.tolist() == list(FRAME)
    assert model.n_features_in_ == 5
    by_pandas = net(max_epochs=40).fit(FRAME, Y)
    np.testing.assert_allclose(
        model.predict_proba(frame), by_pandas.predict_proba(FRAME), atol=1e-6
    )
    with pytest.raises(ValueError, match="feature names"):
        model.predict(frame[list(FRAME)[::-1]])
    with pytest.raises(ValueError, match="feature"):
        model.predict(frame[list(FRAME)[:-1]])
    new = FRAME.assign(text="never seen").astype({"colour": object})
    new["colour"] = "pink"
    new = new if library is pd else pl.from_pandas(new)
    assert np.isfinite(model.predict_proba(new)).all()


@pytest.mark.parametrize("library", [pd, pl], ids=["pandas", "polars"])
def test_frames_of_numbers_keep_their_names(library):
    names = ["a", "b", "c", "d"]
    frame = library.DataFrame({name: X[:, k] for k, name in enumerate(names)})
    model = net().fit(frame, Y)
    np.testing.assert_allclose(
        model.predict_proba(frame), net().fit(X, Y).predict_proba(X), atol=1e-6
    )
    assert model.feature_names_in_.tolist() == names
    with pytest.raises(ValueError, match="feature names"):
        model.predict(frame[names[::-1]])
    with pytest.warns(UserWarning, match="feature names"):
        model.predict(X)
    assert not hasattr(model.fit(X, Y), "feature_names_in_")


@pytest.mark.parametrize("labels", ["string", "bool", "negative"])
def test_labels_of_every_kind(labels):
    problem = make_problem(0, n=60, k=2 if labels == "bool" else 3, labels=labels)
    model = net(max_epochs=30).fit(problem.X, problem.y)
    np.testing.assert_array_equal(model.classes_, problem.classes)
    said = model.predict(problem.X)
    assert said.dtype == problem.y.dtype
    assert (said == problem.y).mean() > 0.6
    coded = net(max_epochs=30).fit(problem.X, problem.codes)
    np.testing.assert_array_equal(
        model.predict_proba(problem.X), coded.predict_proba(problem.X)
    )


@pytest.mark.parametrize(
    "params", [{}, {"n_members": 3}, {"module": Normed}, {"module": Side}], ids=str
)
def test_a_row_alone_is_as_in_a_batch(params):
    model = net(**params).fit(X, Y)
    together = model.predict_proba(X)
    for k in range(0, 60, 7):
        np.testing.assert_allclose(
            model.predict_proba(X[k : k + 1])[0], together[k], rtol=0, atol=1e-6
        )
    for n in (2, 3, 9, 59):
        np.testing.assert_allclose(
            model.predict_proba(X[:n]), together[:n], rtol=0, atol=1e-6
        )


def test_answers_agree_with_each_other():
    model = net().fit(X, Y)
    proba = model.predict_proba(X_NEW)
    np.testing.assert_allclose(proba.sum(axis=1), 1)
    np.testing.assert_allclose(np.log(proba), model.predict_log_proba(X_NEW))
    np.testing.assert_allclose(softmax(model.decision_function(X_NEW), 1), proba)
    np.testing.assert_array_equal(CLASSES[proba.argmax(axis=1)], model.predict(X_NEW))
    assert proba.dtype == model.decision_function(X_NEW).dtype == np.float64


@pytest.mark.parametrize("module", [None, single_logit])
def test_two_classes_have_the_log_odds_of_the_second(module):
    rows, labels = X, (X[:, 0] > np.median(X[:, 0])).astype(int)
    model = net(module=module, max_epochs=30).fit(rows, labels)
    scores, proba = model.decision_function(rows), model.predict_proba(rows)
    assert scores.shape == (len(rows),)
    np.testing.assert_allclose(scores, np.log(proba[:, 1] / proba[:, 0]), atol=1e-6)
    np.testing.assert_array_equal(model.predict(rows), (scores > 0).astype(int))
    assert model.score(rows, labels) > 0.8


def test_images_go_through_a_convolution():
    images = np.random.default_rng(0).normal(size=(60, 1, 5, 5))
    images[:, 0, 2, 2] += 3 * Y

    def convolution(n_inputs, n_outputs):
        assert (n_inputs, n_outputs) == (25, 3)
        return nn.Sequential(
            nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(36, n_outputs)
        )

    model = net(module=convolution, max_epochs=30).fit(images, Y)
    assert model.score(images, Y) > 0.9
    with pytest.raises(ValueError, match=r"shape|feature"):
        model.predict(images[:, :, :4])


def test_integers_go_into_an_embedding():
    words = np.random.default_rng(0).integers(3, size=(60, 4))
    words[:, 0] = Y
    module = nn.Sequential(nn.Embedding(3, 5), nn.Flatten(), nn.Linear(20, 3))
    for params in ({}, {"n_members": 2}, {"early_stopping": True}):
        model = net(module=module, max_epochs=30, **params).fit(words, Y)
        assert model.score(words, Y) > 0.9


def test_lazy_modules_find_their_sizes():
    module = nn.Sequential(nn.LazyLinear(8), nn.ReLU(), nn.LazyLinear(3))
    model = net(module=module, n_members=2).fit(X, Y)
    assert model.modules_[0][0].in_features == 4
    assert nn.parameter.is_lazy(module[0].weight)
    assert not same_weights(
        model, net(module=module, n_members=2, random_state=1).fit(X, Y)
    )


# The instance that is given


@pytest.mark.parametrize("keep", [False, True])
@pytest.mark.parametrize("make", [lambda: Normed(4, 3), Side, Globally])
def test_a_module_given_is_not_changed(make, keep):
    module = make()
    for part, mode in zip(module.modules(), [True, False] * 9, strict=False):
        part.training = mode
    for parameter in module.parameters():
        parameter.grad = torch.ones_like(parameter)
    first = next(module.parameters())
    first.requires_grad_(False)
    before = copy.deepcopy(module.state_dict())
    model = net(module=module, keep_weights=keep, n_members=1, early_stopping=True)
    model.fit(X, Y)
    model.predict(X)
    model.partial_fit(X, Y)
    for name, value in module.state_dict().items():
        assert torch.equal(value, before[name])
    modes = [part.training for part in module.modules()]
    assert modes == ([True, False] * 9)[: len(modes)]
    assert all((p.grad == 1).all() for p in module.parameters())
    assert [p.requires_grad for p in module.parameters()][:2] == [False, True]
    own = {p.data_ptr() for p in module.parameters()}
    assert not own & {p.data_ptr() for m in model.modules_ for p in m.parameters()}
    assert not any(part.training for part in model.modules_[0].modules())


def test_a_part_that_cannot_be_initialised_is_named():
    class Bare(nn.Module):
        def __init__(self):
            super().__init__()
            self.table = nn.Parameter(torch.zeros(4, 3))

        def forward(self, x):
            return x @ self.table

    with pytest.raises(ValueError, match="table"):
        net(module=Bare()).fit(X, Y)
    assert (
        net(module=Bare(), keep_weights=True, max_epochs=30).fit(X, Y).score(X, Y) > 0.5
    )
    assert net(module=Bare, max_epochs=30).fit(X, Y).score(X, Y) > 0.5


def test_double_precision_stays_double():
    model = net(module=nn.Linear(4, 3).double(), n_members=2).fit(X, Y)
    assert model.modules_[0].weight.dtype == torch.float64
    logits = [m(torch.tensor(X)).detach().numpy() for m in model.modules_]
    np.testing.assert_allclose(
        model.decision_function(X), np.mean(logits, axis=0), rtol=1e-6
    )


# Copies and files


@pytest.mark.parametrize(
    "params",
    [{}, {"n_members": 2}, {"module": Side}, {"module": Normed(4, 3)}],
    ids=str,
)
def test_copies_say_the_same(params, tmp_path):
    model = net(**params).fit(X, Y)
    wanted = model.predict_proba(X)
    joblib.dump(model, tmp_path / "model.joblib")
    copies = [
        pickle.loads(pickle.dumps(model)),
        copy.deepcopy(model),
        joblib.load(tmp_path / "model.joblib"),
        clone(model).fit(X, Y),
    ]
    for each in copies:
        np.testing.assert_array_equal(each.predict_proba(X), wanted)
        assert each.history_ == model.history_
    copies[1].modules_[0].requires_grad_(False)
    with torch.no_grad():
        for parameter in copies[1].modules_[0].parameters():
            parameter.zero_()
    np.testing.assert_array_equal(model.predict_proba(X), wanted)
    with pytest.raises(NotFittedError):
        clone(model).predict(X)


def test_a_pickle_holds_no_state_of_the_optimizer():
    params = {"hidden_layer_sizes": (200, 200)}
    model, warm = net(**params).fit(X, Y), net(warm_start=True, **params).fit(X, Y)
    n_bytes = sum(w.nbytes for w in weights(model))
    assert len(pickle.dumps(model)) < 1.2 * n_bytes + 20_000
    # Adam has two numbers for each weight, and a warm start needs them.
    assert len(pickle.dumps(warm)) > 2.8 * n_bytes
    again = pickle.loads(pickle.dumps(warm)).fit(X, Y)
    assert same_weights(again, warm.fit(X, Y))


@pytest.mark.parametrize("params", [{}, {"n_members": 3}, {"module": Side}], ids=str)
def test_threads_can_ask_at_the_same_time(params):
    model = net(**params).fit(X, Y)
    wanted = model.predict_proba(X)
    with ThreadPoolExecutor(4) as pool:
        said = list(pool.map(model.predict_proba, [X] * 40))
    for each in said:
        np.testing.assert_array_equal(each, wanted)


@pytest.mark.parametrize("ending", [".pt", ".safetensors"])
@pytest.mark.parametrize(
    "params", [{"n_members": 2}, {"module": Normed}, {"module": Side}], ids=str
)
def test_weights_go_through_a_file(tmp_path, ending, params):
    if ending == ".safetensors":
        pytest.importorskip("safetensors")
    path = tmp_path / f"weights{ending}"
    model = net(**params).fit(X, Y)
    model.save_weights(path)
    fresh = net(**(params | {"random_state": 5})).initialize(X, Y)
    assert not same_weights(fresh, model)
    assert fresh.load_weights(str(path)) is fresh
    np.testing.assert_array_equal(fresh.predict_proba(X), model.predict_proba(X))
    assert same_weights(fresh, model)


def test_weights_of_another_network_are_refused(tmp_path):
    paths = [tmp_path / f"{k}.pt" for k in range(5)]
    net(hidden_layer_sizes=(9,)).fit(X, Y).save_weights(paths[0])
    net(n_members=2).fit(X, Y).save_weights(paths[1])
    model = net().fit(X, Y)
    model.save_weights(paths[2])
    state = torch.load(paths[2], weights_only=True)
    name = next(iter(state))
    torch.save({**state, "extra": torch.ones(1)}, paths[2])
    torch.save({**state, name: "no tensor"}, paths[3])
    torch.save([1, 2, 3], paths[4])
    before = model.predict_proba(X)
    for path in paths:
        with pytest.raises(ValueError, match="weights"):
            model.load_weights(path)
        np.testing.assert_array_equal(model.predict_proba(X), before)


@pytest.mark.parametrize("content", [b"", b"no weights at all", b"\x80\x04N."])
def test_a_file_of_something_else_is_refused(tmp_path, content):
    path = tmp_path / "weights.pt"
    path.write_bytes(content)
    model = net().fit(X, Y)
    before = model.predict_proba(X)
    with pytest.raises(ValueError, match="weights"):
        model.load_weights(path)
    np.testing.assert_array_equal(model.predict_proba(X), before)
    with pytest.raises(FileNotFoundError):
        model.load_weights(tmp_path / "missing.pt")


class Malicious:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize("ending", [".pt", ".safetensors", ".pkl"])
@pytest.mark.parametrize("write", ["pickle", "torch", "inside"])
def test_code_in_a_file_is_never_run(tmp_path, ending, write):
    if ending == ".safetensors":
        pytest.importorskip("safetensors")
    trace, path = tmp_path / "trace", tmp_path / f"weights{ending}"
    model = net().fit(X, Y)
    before = model.predict_proba(X)
    bad = Malicious(trace)
    if write == "inside":
        own = {f"0.{n}": t for n, t in model.modules_[0].state_dict().items()}
        bad = own | {"0.more": bad}
    if write == "pickle":
        path.write_bytes(pickle.dumps(bad, protocol=2))
    else:
        torch.save(bad, path)
    with pytest.raises(Exception, match=r"."):  # which one, other tests say
        model.load_weights(path)
    assert not trace.exists()
    np.testing.assert_array_equal(model.predict_proba(X), before)
    # And the file would have done it:
    if write == "pickle":
        pickle.loads(path.read_bytes())
        assert trace.exists()


# Parameters of a loss by name


def test_the_parameters_of_a_loss_given_by_name():
    model = net(loss="dkd")
    names = {f"loss__{name}" for name in DecoupledKD().get_params()}
    assert names <= set(model.get_params())
    assert not names & set(model.get_params(deep=False))
    assert model.get_params()["loss__beta"] == DecoupledKD().beta
    assert clone(model).loss == "dkd"
    assert model.set_params(loss__beta=2.5) is model
    assert model.get_params()["loss__beta"] == 2.5
    copied = clone(model)
    assert copied.get_params()["loss__beta"] == 2.5
    copied.set_params(loss__beta=1.0)
    assert model.get_params()["loss__beta"] == 2.5
    by_name = net(loss="dkd", max_epochs=2).set_params(loss__beta=2.5)
    by_loss = net(loss=DecoupledKD(beta=2.5), max_epochs=2)
    plain = net(loss="dkd", max_epochs=2)
    targets = lesson(1.0, 2.0)
    for each in (by_name, by_loss, plain):
        each.fit_soft_targets(X, targets)
    assert same_weights(by_name, by_loss)
    assert not same_weights(by_name, plain)


def test_a_loss_and_its_parameters_can_be_set_together():
    model = net().set_params(loss="dkd", loss__beta=3.0)
    assert model.get_params()["loss__beta"] == 3.0
    model = net(loss=DecoupledKD(beta=3.0)).set_params(loss="dist")
    assert "loss__inter" in model.get_params()
    model = net(loss=DecoupledKD(beta=3.0)).set_params(loss="dkd", loss__alpha=2.0)
    assert model.get_params()["loss__beta"] == DecoupledKD().beta
    with pytest.raises(ValueError, match="theta"):
        net(loss="dkd").set_params(loss__theta=1.0)
    with pytest.raises(ValueError, match="beta"):
        net(loss="kl").set_params(loss__beta=1.0)


def test_a_search_over_the_parameters_of_a_loss():
    model = DistillationClassifier(
        LogisticRegression(), net(loss="dkd", max_epochs=2), alpha=1.0, temperature=2
    )
    search = GridSearchCV(
        model, {"student__loss__beta": [0.0, 8.0]}, cv=2, scoring="neg_log_loss"
    )
    search.fit(X, Y)
    scores = search.cv_results_["mean_test_score"]
    assert np.isfinite(scores).all()
    assert scores[0] != scores[1]


# Among other estimators


def test_as_the_student_it_learns_the_distillers_lesson():
    teacher = LogisticRegression().fit(X, Y)
    model = DistillationClassifier(
        teacher, net(early_stopping=True), temperature=3.0, alpha=0.6, random_state=0
    ).fit(X, Y, sample_weight=WEIGHT)
    proba = teacher.predict_proba(X)
    targets = lesson(0.6, 3.0, WEIGHT, logits=np.log(proba))
    by_hand = net(early_stopping=True).fit_soft_targets(X, targets)
    assert model.route_ == "network"
    np.testing.assert_allclose(
        model.predict_proba(X), by_hand.predict_proba(X), atol=1e-5
    )
    assert isinstance(model.student_, NeuralClassifier)
    np.testing.assert_array_equal(model.predict(X), model.student_.predict(X))


def test_rows_without_labels_are_learned_from_the_teacher():
    teacher = LogisticRegression().fit(X, Y)
    model = DistillationClassifier(teacher, net(), alpha=0.5)
    without = clone(model).fit(X[:30], Y[:30]).predict_proba(X)
    model.fit(X[:30], Y[:30], X_unlabeled=X[31:])
    assert np.abs(model.predict_proba(X) - without).max() > 1e-3


@pytest.mark.parametrize("fitted", [True, False])
def test_as_the_teacher(fitted):
    teacher = net(max_epochs=40)
    if fitted:
        teacher.fit(X, Y)
        before = teacher.predict_proba(X)
    student = DecisionTreeClassifier(random_state=0)
    model = DistillationClassifier(teacher, student, alpha=1.0).fit(X, Y)
    assert model.teacher_source_ == ("given" if fitted else "fitted")
    assert model.score(X, Y) > 0.6
    assert (model.predict(X) == model.teacher_.predict(X)).mean() > 0.9
    if fitted:
        assert model.teacher_ is teacher
        np.testing.assert_array_equal(teacher.predict_proba(X), before)
    else:
        assert not hasattr(teacher, "modules_")
    both = DistillationClassifier(clone(teacher), net(), random_state=1).fit(X, Y)
    assert both.score(X, Y) > 0.5


def test_in_a_pipeline_with_a_column_transformer():
    columns = ColumnTransformer(
        [
            ("numbers", StandardScaler(), ["number", "count"]),
            ("categories", OneHotEncoder(), ["colour", "text", "flag"]),
        ]
    )
    inside = make_pipeline(columns, net(max_epochs=30))
    assert inside.fit(FRAME, Y).score(FRAME, Y) > 0.9
    forest = make_pipeline(columns, RandomForestClassifier(10, random_state=0))
    model = DistillationClassifier(forest, net(max_epochs=30)).fit(FRAME, Y)
    assert model.score(FRAME, Y) > 0.9
    model = DistillationClassifier(forest, inside).fit(FRAME, Y)
    assert model.score(FRAME, Y) > 0.9


@pytest.mark.parametrize(
    "wrap",
    [
        lambda each: VotingClassifier([("a", each), ("b", clone(each))], voting="soft"),
        lambda each: CalibratedClassifierCV(each, cv=2),
        lambda each: make_pipeline(StandardScaler(), each),
    ],
    ids=["voting", "calibrated", "pipeline"],
)
def test_inside_of_other_estimators(wrap):
    model = wrap(net(max_epochs=20)).fit(X, Y)
    assert model.predict_proba(X).shape == (60, 3)
    assert model.score(X, Y) > 0.5
    assert is_classifier(net())
    distilled = DistillationClassifier(LogisticRegression(), net(max_epochs=10))
    assert wrap(distilled).fit(X, Y).score(X, Y) > 0.4


def test_cross_validation_is_the_same_in_threads():
    model = net(dropout=0.2)
    one = cross_val_predict(model, X, Y, cv=2, method="predict_proba")
    with joblib.parallel_config("threading"):
        two = cross_val_predict(model, X, Y, cv=2, method="predict_proba", n_jobs=2)
    np.testing.assert_array_equal(one, two)


def test_a_search_over_temperature_alpha_and_loss():
    teacher = LogisticRegression().fit(X, Y)
    grid = {
        "temperature": [1.0, 4.0],
        "alpha": [0.0, 0.9],
        "student__loss": ["kl", "dkd"],
    }
    model = DistillationClassifier(teacher, net(max_epochs=2))
    search = GridSearchCV(model, grid, cv=2, n_jobs=2, scoring="neg_log_loss")
    search.fit(X, Y)
    results = search.cv_results_
    assert np.isfinite(results["mean_test_score"]).all()
    for k, params in enumerate(results["params"]):
        alone = cross_val_score(
            clone(model).set_params(**params), X, Y, cv=2, scoring="neg_log_loss"
        )
        np.testing.assert_allclose(
            results["mean_test_score"][k], alone.mean(), rtol=1e-6
        )
    by_alpha = [p["alpha"] for p in results["params"]]
    assert len(np.unique(results["mean_test_score"])) == 1 + by_alpha.count(0.9)


# What is shown


def test_nothing_is_shown_unless_asked_for(capfd):
    net(early_stopping=True, n_members=2).fit(X, Y).predict(X)
    net().partial_fit(X, Y, classes=CLASSES)
    assert capfd.readouterr() == ("", "")


def test_a_bar_is_shown_on_stderr(capfd):
    net(verbose=1, early_stopping=True, n_members=2).fit(X, Y)
    shown = capfd.readouterr()
    assert shown.out == ""
    assert "training" in shown.err
    assert "loss=" in shown.err
    assert "valid=" in shown.err
    assert "8/8" in shown.err.replace(" ", "")


def test_the_repr_names_what_was_set():
    assert repr(NeuralClassifier(n_members=2)) == "NeuralClassifier(n_members=2)"
    assert "NeuralClassifier" in net()._repr_html_()


def test_an_optimizer_can_be_a_partial():
    bold = partial(torch.optim.SGD, momentum=0.9, nesterov=True)
    own = net(optimizer=bold).fit(X, Y)
    assert same_weights(own, net(optimizer="sgd").fit(X, Y))
    three = net(optimizer=bold, n_members=3).fit(X, Y)
    np.testing.assert_allclose(weights(three)[0], weights(own)[0], atol=1e-5)
