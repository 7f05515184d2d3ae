"""Networks of our own inside a distiller: representations, interrupts, deployment."""

import functools
import pickle

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import nn

from skdistill import DistillationClassifier, strip_teacher
from skdistill._rows import TrainingRows
from skdistill.neural import NeuralClassifier
from skdistill.neural.matching import (
    Hint,
    ProbabilisticTransfer,
    RelationalKD,
    SimilarityPreserving,
)
from skdistill.targets import TeacherOutput, build_targets, soften
from skdistill.teachers import hire

X, Y = load_digits(return_X_y=True)
X, Y = X[::6] / 16, Y[::6]
FOREST = RandomForestClassifier(20, random_state=0).fit(X, Y)
NET = NeuralClassifier(
    hidden_layer_sizes=(24,), max_epochs=20, learning_rate=0.01, random_state=0
).fit(X, Y)


def student(**params):
    settings = {"hidden_layer_sizes": (16,), "max_epochs": 5, "random_state": 0}
    return NeuralClassifier(**{**settings, "learning_rate": 0.01, **params})


def distilled(teacher, learner, **params):
    return DistillationClassifier(teacher, learner, **params).fit(X, Y)


# --- representations ------------------------------------------------------------------


def cosines(rows):
    unit = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return unit @ unit.T


def test_a_hint_brings_the_layers_together():
    matching = Hint("hidden_0", "hidden_0", weight=10.0)
    wide = {"hidden_layer_sizes": (24,), "max_epochs": 60}
    alone = distilled(NET, student(**wide), alpha=1.0)
    hinted = distilled(NET, student(matching=matching, **wide), alpha=1.0)
    target = NET.layer_outputs(X, "hidden_0")

    def gap(model):
        return np.mean((model.student_.layer_outputs(X, "hidden_0") - target) ** 2)

    assert gap(hinted) < 0.2 * gap(alone)


@pytest.mark.parametrize(
    ("kind", "teacher", "layer"),
    [
        (ProbabilisticTransfer, FOREST, "leaves"),
        (SimilarityPreserving, FOREST, "leaves"),
        (RelationalKD, NET, "hidden_0"),
        (ProbabilisticTransfer, FOREST, PCA(5).fit(X)),
    ],
)
def test_relations_of_any_teacher_move_the_student(kind, teacher, layer):
    alone = distilled(teacher, student())
    related = distilled(teacher, student(matching=kind("hidden_0", layer)))
    assert related.route_ == "network"
    assert not np.allclose(related.predict_proba(X), alone.predict_proba(X))


def test_similarity_to_the_proximity_of_a_forest_is_learned():
    leaves = FOREST.apply(X)
    proximity = (leaves[:, None] == leaves[None]).mean(axis=2)
    proximity /= np.linalg.norm(proximity, axis=1, keepdims=True)

    def gap(model):
        made = model.student_.layer_outputs(X, "hidden_0")
        gram = made @ made.T
        gram /= np.linalg.norm(gram, axis=1, keepdims=True)
        return np.mean((gram - proximity) ** 2)

    matching = SimilarityPreserving("hidden_0", "leaves", weight=1000.0)
    alone = distilled(FOREST, student(max_epochs=30))
    close = distilled(FOREST, student(max_epochs=30, matching=matching))
    assert gap(close) < 0.8 * gap(alone)


def test_several_losses_add_up():
    first = Hint("hidden_0", "hidden_0")
    second = ProbabilisticTransfer("activation_0", "hidden_0")
    models = [
        distilled(NET, student(matching=matching))
        for matching in (first, second, [first, second])
    ]
    answers = [model.predict_proba(X) for model in models]
    assert not np.allclose(answers[0], answers[2])
    assert not np.allclose(answers[1], answers[2])


def test_a_weight_of_0_leaves_the_student_alone():
    alone = distilled(NET, student(module=small))
    matching = Hint("0", "hidden_0", weight=0.0)
    idle = distilled(NET, student(module=small, matching=matching))
    np.testing.assert_allclose(idle.predict_proba(X), alone.predict_proba(X), atol=1e-4)


def small(n_inputs, n_classes):
    return nn.Sequential(nn.Linear(n_inputs, 8), nn.ReLU(), nn.Linear(8, n_classes))


def test_without_a_teacher_there_is_nothing_to_match():
    matching = Hint("hidden_0", "hidden_0")
    one = student(matching=matching).fit(X, Y)
    two = distilled(NET, student(matching=matching), alpha=0.0)
    expected = student().fit(X, Y).predict_proba(X)
    np.testing.assert_array_equal(one.predict_proba(X), expected)
    np.testing.assert_array_equal(two.predict_proba(X), expected)


def test_members_learn_from_representations_one_by_one():
    matching = Hint("hidden_0", "hidden_0")
    settings = {"matching": matching, "hidden_layer_sizes": (8,)}
    two = distilled(NET, student(n_members=2, **settings))
    one = distilled(NET, student(**settings))
    first, other = (model.student_.modules_[0] for model in (two, one))
    for mine, theirs in zip(first.parameters(), other.parameters(), strict=True):
        torch.testing.assert_close(mine, theirs)


def test_unlabelled_rows_are_represented_too():
    learner = student(matching=ProbabilisticTransfer("hidden_0", "leaves"))
    model = DistillationClassifier(FOREST, learner)
    model.fit(X[:100], Y[:100], X_unlabeled=X[100:])
    assert model.score(X, Y) > 0.3


@pytest.mark.parametrize(
    ("matching", "words"),
    [
        (Hint("hidden_9", "hidden_0"), "hidden_9"),
        (Hint("hidden_0", "hidden_9"), "hidden_9"),
    ],
)
def test_unknown_layers_are_named(matching, words):
    with pytest.raises(ValueError, match=words):
        distilled(NET, student(matching=matching))


def test_weights_of_matching_can_be_searched():
    learner = make_pipeline(
        StandardScaler(), student(matching=Hint("hidden_0", "hidden_0"))
    )
    model = DistillationClassifier(NET, learner)
    grid = {"student__neuralclassifier__matching__weight": [0.0, 1.0]}
    search = GridSearchCV(model, grid, cv=2).fit(X, Y)
    assert len(set(search.cv_results_["mean_test_score"])) == 2


def test_an_assistant_hands_on_its_own_layers():
    matching = Hint("hidden_0", "hidden_0")
    assistant = distilled(NET, student(hidden_layer_sizes=(20,)))
    model = distilled(assistant, student(matching=matching))
    pipeline = distilled(make_pipeline(StandardScaler(), clone(NET)), student())
    again = distilled(pipeline, student(matching=matching))
    assert model.route_ == again.route_ == "network"


# --- logits ---------------------------------------------------------------------------


def test_a_network_teaches_by_its_logits():
    sure = clone(NET).set_params(max_epochs=300, learning_rate=0.03).fit(X, Y)
    rows = TrainingRows(X, Y, Y.astype(np.intp), np.unique(Y), None)
    output = hire(sure, rows).evaluate(X, None, np.unique(Y))
    assert output.kind == "logits"
    assert sure.predict_proba(X).min() < 1e-9
    expected = soften(sure.decision_function(X), "logits", 4.0)
    answer = build_targets(output, rows.classes, rows.codes, temperature=4.0).teacher
    np.testing.assert_allclose(answer, expected)


def test_a_list_of_networks_votes_by_logits():
    other = clone(NET).set_params(random_state=1).fit(X, Y)
    rows = TrainingRows(X, Y, Y.astype(np.intp), np.unique(Y), None)
    output = hire([NET, other], rows).evaluate(X, None, np.unique(Y))
    mean = (NET.decision_function(X) + other.decision_function(X)) / 2
    assert isinstance(output, TeacherOutput)
    np.testing.assert_allclose(output.values, mean)


# --- interrupts -----------------------------------------------------------------------


class Stubborn(nn.Module):
    """Is interrupted when it has been trained for a while."""

    def __init__(self, n_inputs, n_classes, patience=40):
        super().__init__()
        self.layer = nn.Linear(n_inputs, n_classes)
        self.calls_left = patience

    def forward(self, x):
        if self.training:
            self.calls_left -= 1
            if self.calls_left < 0:
                raise KeyboardInterrupt
        return self.layer(x)


@pytest.mark.parametrize("in_pipeline", [False, True])
def test_after_an_interrupt_the_distiller_is_fitted(in_pipeline):
    learner = student(module=Stubborn, max_epochs=1000)
    if in_pipeline:
        learner = make_pipeline(StandardScaler(), learner)
    model = DistillationClassifier(FOREST, learner)
    with pytest.raises(KeyboardInterrupt, match="can be used"):
        model.fit(X, Y)
    assert type(model.student_) is type(learner)
    assert model.score(X, Y) > 0.2
    assert model.route_ == "network"


def test_an_interrupt_before_an_epoch_is_over_leaves_no_model():
    learner = student(module=functools.partial(Stubborn, patience=2))
    model = DistillationClassifier(FOREST, learner)
    with pytest.raises(KeyboardInterrupt):
        model.fit(X, Y)
    assert not hasattr(model, "student_")


# --- deployment -----------------------------------------------------------------------


def test_what_is_deployed_knows_no_teacher():
    matching = ProbabilisticTransfer("hidden_0", PCA(5).fit(X))
    model = distilled(NET, student(matching=matching))
    small = strip_teacher(model)
    np.testing.assert_array_equal(small.predict_proba(X), model.predict_proba(X))
    written = pickle.dumps(small)
    assert b"PCA" not in written
    assert len(written) < len(pickle.dumps(model))
    assert model.student_.matching is not None
