"""Promises of the network estimator that odd modules and settings put to a test."""

import pickle

import numpy as np
import pytest
import torch
from sklearn.datasets import make_classification
from sklearn.decomposition import PCA
from sklearn.ensemble import RandomForestClassifier
from torch import nn

from skdistill import BornAgainClassifier, DistillationClassifier
from skdistill.neural import NeuralClassifier
from skdistill.neural.matching import SimilarityPreserving
from skdistill.neural.training import chain_of
from skdistill.neural.training._optimizers import make_optimizer
from skdistill.students import InterruptedLesson
from skdistill.targets import SoftTargets

X, Y = make_classification(200, 5, n_informative=4, n_redundant=1, random_state=0)
X32 = X.astype(np.float32)
FOREST = RandomForestClassifier(10, random_state=0).fit(X, Y)


def quick(**params):
    return NeuralClassifier(**{"max_epochs": 3, "random_state": 0, **params})


class Shifting(nn.Module):
    """Writes over its input."""

    def __init__(self, n_inputs, n_classes):
        super().__init__()
        self.layer = nn.Linear(n_inputs, n_classes)

    def forward(self, x):
        x -= 5
        return self.layer(x)


def in_place(n_inputs, n_classes):
    return nn.Sequential(nn.ReLU(inplace=True), nn.Linear(n_inputs, n_classes))


# Two members that shift train one by one, and three epochs make no good teachers.
@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("module", [Shifting, in_place], ids=["shift", "relu"])
@pytest.mark.parametrize("n_members", [1, 2])
def test_rows_are_never_written_over(module, n_members):
    rows = X32.copy()
    model = quick(module=module, n_members=n_members).fit(rows, Y)
    first = model.predict_proba(rows)
    np.testing.assert_array_equal(model.predict_proba(rows), first)
    DistillationClassifier(model, quick()).fit(rows, Y)
    np.testing.assert_array_equal(rows, X32)


def test_a_transformer_to_match_stays_as_it_is():
    pca = PCA(2).fit(X)
    learner = NeuralClassifier(
        max_epochs=2, matching=SimilarityPreserving("hidden_0", pca)
    )
    DistillationClassifier(FOREST, learner, random_state=0).fit(X, Y)
    assert pca.random_state is None


@pytest.mark.parametrize("loss", ["kl", "logit_mse"])
@pytest.mark.parametrize("temperature", [1.0, 4.0])
@pytest.mark.parametrize("params", [{}, {"final_temperature": 1.0}], ids=str)
def test_class_weights_weigh_the_same_at_any_temperature(loss, temperature, params):
    logits = np.tile(np.log([0.7, 0.3]), (200, 1)) / temperature
    teacher = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    lesson = SoftTargets(np.array([0, 1]), teacher, Y, 1.0, temperature=temperature)
    model = quick(
        loss=loss,
        class_weight={0: 1.0, 1: 3.0},
        max_epochs=100,
        learning_rate=0.01,
        **params,
    ).fit_soft_targets(X, lesson)
    assert model.predict_proba(X)[:, 1].mean() == pytest.approx(0.9 / 1.6, abs=0.02)


@pytest.mark.parametrize("name", ["adam", "adamw", "sgd", "rmsprop", "nadam", "radam"])
def test_no_weight_decays_unless_it_is_told_to(name):
    parameter = nn.Parameter(torch.zeros(2))
    settings = {"learning_rate": 0.1, "weight_decay": 0.0}
    optimizer = make_optimizer(name, [parameter], **settings)
    assert optimizer.defaults["weight_decay"] == 0.0


def test_alpha_may_begin_at_0_and_rise():
    opposed = DistillationClassifier(
        lambda rows: np.eye(2)[1 - Y] * 20.0,
        quick(final_alpha=1.0, max_epochs=60, learning_rate=0.02),
        alpha=0.0,
    )
    with pytest.warns(UserWarning, match="agrees with y"):
        opposed.fit(X, Y)
    assert opposed.route_ == "network"
    assert opposed.score(X, Y) < 0.5


class Moody(nn.Module):
    """Leaves out a layer now and then, in training."""

    def __init__(self, n_inputs=5, n_classes=2):
        super().__init__()
        self.one, self.two = (
            nn.Linear(n_inputs, n_inputs),
            nn.Linear(n_inputs, n_classes),
        )

    def forward(self, x):
        if not self.training or torch.rand(()) < 0.5:
            x = self.one(x)
        return self.two(x)


def test_chance_is_no_chain():
    before = torch.get_rng_state()
    assert all(chain_of(Moody(), (5,)) is None for _ in range(10))
    torch.set_rng_state(before)
    answers = [quick(module=Moody).fit(X, Y).predict_proba(X) for _ in range(2)]
    np.testing.assert_array_equal(*answers)
    assert torch.equal(before, torch.get_rng_state())


def test_what_held_out_rows_cannot_judge_is_an_error():
    rows = X32.copy()
    rows[:, 0] = 3e38
    module = nn.Linear(5, 2)
    nn.init.constant_(module.weight, 50.0)
    model = quick(module=module, keep_weights=True, early_stopping=True)
    with pytest.raises(FloatingPointError, match="loss"):
        model.fit(rows, Y)
    assert not hasattr(model, "modules_")


def test_frozen_numbers_stay():
    module = nn.Sequential(nn.Linear(5, 8), nn.ReLU(), nn.Linear(8, 2))
    module[0].weight.requires_grad_(False)
    model = quick(module=module).fit(X, Y)
    assert torch.equal(model.modules_[0][0].weight, module[0].weight)
    assert not torch.equal(model.modules_[0][0].bias, module[0].bias)


@pytest.mark.parametrize("optimizer", ["adam", "rmsprop"])
def test_a_warm_start_may_change_the_optimizer(optimizer):
    model = quick(optimizer="sgd", warm_start=True).fit(X, Y)
    model.set_params(optimizer=optimizer).fit(X, Y)
    assert np.isfinite(model.predict_proba(X)).all()


def test_a_failed_fit_leaves_the_state_of_the_optimizer_alone():
    model = quick(warm_start=True, max_epochs=2).fit(X, Y)
    before = pickle.dumps(model)
    model.set_params(learning_rate=1e30)
    with pytest.raises(FloatingPointError):
        model.fit(X, Y)
    steps = [state["step"] for state in pickle.loads(before)._optimizer_states]
    now = [state["step"] for state in model._optimizer_states]
    assert [float(step) for step in now] == [float(step) for step in steps]


@pytest.mark.parametrize("optimizer", ["LBFGS", "Adafactor", "SparseAdam"])
def test_optimizers_of_whole_tensors_are_refused(optimizer):
    with pytest.raises(ValueError, match="whole tensors"):
        quick(optimizer=getattr(torch.optim, optimizer)).fit(X, Y)


def test_no_row_to_train_on_is_an_error_that_says_so():
    model = quick(class_weight={0: 0.0, 1: 1.0})
    with pytest.raises(ValueError, match="weights"):
        model.partial_fit(X[Y == 0], Y[Y == 0], classes=[0, 1])


def test_an_interrupted_lesson_can_be_sent_between_processes():
    sent = pickle.loads(pickle.dumps(InterruptedLesson("so far", None)))
    assert str(sent) == "so far"


class Stubborn(nn.Linear):
    """Is interrupted after a while."""

    def __init__(self, n_inputs, n_classes):
        super().__init__(n_inputs, n_classes)
        self.calls_left = 10

    def forward(self, x):
        if self.training:
            self.calls_left -= 1
            if self.calls_left < 0:
                raise KeyboardInterrupt
        return super().forward(x)


def test_an_interrupted_generation_is_not_called_fitted():
    model = BornAgainClassifier(quick(module=Stubborn, max_epochs=20))
    with pytest.raises(KeyboardInterrupt):
        model.fit(X, Y)
    assert not hasattr(model, "generations_")


def test_a_wrong_student_is_found_before_the_teacher_is_fitted():
    class Untouchable(RandomForestClassifier):
        def fit(self, X, y, sample_weight=None):
            raise AssertionError("the teacher was fitted")

    for wrong in ({"learning_rate": -1}, {"loss": "nope"}, {"loss": "dkd"}):
        model = DistillationClassifier(Untouchable(), quick(**wrong))
        with pytest.raises(ValueError, match=r"learning_rate|loss|classes"):
            model.fit(X, Y)


def test_a_lesson_without_representations_is_refused():
    lesson = SoftTargets(np.array([0, 1]), np.eye(2)[Y], Y, 0.5)
    model = quick(matching=SimilarityPreserving("hidden_0", "leaves"))
    with pytest.raises(ValueError, match="representations"):
        model.fit_soft_targets(X, lesson)
