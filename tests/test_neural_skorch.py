"""skorch nets and raw modules that learn soft targets, and stay what they were."""

import copy
import pickle
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import joblib
import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch
from scipy import sparse
from sklearn import config_context
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier
from skorch import NeuralNetBinaryClassifier, NeuralNetClassifier
from skorch.callbacks import (
    BatchScoring,
    Callback,
    Checkpoint,
    EarlyStopping,
    EpochScoring,
    LRScheduler,
)
from skorch.dataset import Dataset, ValidSplit
from skorch.helper import predefined_split
from torch import nn

from skdistill import DistillationClassifier
from skdistill.neural import (
    NeuralClassifier,
    casting_inputs,
    distillation_loss,
    fit_net,
    seeded,
)
from skdistill.targets import UNLABELED, SoftTargets

RNG = np.random.default_rng(0)
N = 120
X = RNG.normal(size=(N, 4)).astype(np.float32)
LOGITS = X @ RNG.normal(size=(4, 3)) * 1.5
CODES = (LOGITS + RNG.gumbel(size=LOGITS.shape)).argmax(axis=1)
NAMES = np.array(["ant", "bee", "cat"])


def softmax(logits):
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def targets(alpha=0.7, temperature=2.0, classes=NAMES, **changes):
    given = {
        "classes": classes,
        "teacher": softmax(LOGITS[:, : len(classes)] / temperature),
        "labels": np.minimum(CODES, len(classes) - 1),
        "alpha": alpha,
        "temperature": temperature,
    }
    return SoftTargets(**(given | changes))


class Net(nn.Module):
    def __init__(self, hidden=8, outputs=3, dropout=0.0, tail=None):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(4, hidden), nn.Tanh(), nn.Dropout(dropout)
        )
        self.last = nn.Linear(hidden, outputs)
        self.tail = nn.Identity() if tail is None else tail

    def forward(self, x):
        return self.tail(self.last(self.layers(x)))


def make_net(cls=NeuralNetClassifier, module=Net, **params):
    usual = {
        "criterion": nn.CrossEntropyLoss,
        "max_epochs": 4,
        "lr": 0.1,
        "batch_size": 32,
        "verbose": 0,
        "iterator_train__shuffle": True,
    }
    return cls(module, **(usual | params))


def weights(net):
    return {key: value.clone() for key, value in net.module_.state_dict().items()}


def assert_same_weights(one, other, **tolerance):
    for key, value in weights(one).items():
        torch.testing.assert_close(value, weights(other)[key], **tolerance)


@pytest.fixture(autouse=True)
def one_thread():
    """Nets this small only wait for each other's threads."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


EXACT = {"rtol": 0, "atol": 0}


# --- what is learned ---------------------------------------------------------------


@pytest.mark.parametrize("optimizer", [torch.optim.SGD, torch.optim.Adam])
def test_alpha_zero_equals_an_ordinary_fit(optimizer):
    net = make_net(module__dropout=0.3, optimizer=optimizer, lr=0.01)
    torch.manual_seed(3)
    plain = clone(net).fit(X, CODES.astype(np.int64))
    distilled = fit_net(clone(net), X, targets(alpha=0.0, temperature=3.0), 3)
    assert_same_weights(plain, distilled, rtol=1e-6, atol=1e-7)
    kinds = ["train_loss", "valid_loss", "valid_acc"]
    np.testing.assert_allclose(
        plain.history[:, kinds], distilled.history[:, kinds], rtol=1e-5
    )


@pytest.mark.parametrize(
    ("cls", "criterion", "tail", "outputs"),
    [
        (NeuralNetClassifier, nn.NLLLoss, nn.Softmax(dim=1), 2),
        (NeuralNetBinaryClassifier, nn.BCEWithLogitsLoss, None, 1),
        (NeuralNetBinaryClassifier, nn.BCELoss, nn.Sigmoid(), 1),
        (NeuralNetClassifier, nn.BCEWithLogitsLoss, nn.Flatten(0), 1),
    ],
)
def test_alpha_zero_with_other_criteria(cls, criterion, tail, outputs):
    net = make_net(
        cls,
        criterion=criterion,
        module=partial(Net, outputs=outputs, tail=tail),
        lr=0.5,
    )
    lesson = targets(alpha=0.0, classes=NAMES[:2])
    dtype = np.int64 if criterion is nn.NLLLoss else np.float32
    torch.manual_seed(3)
    plain = clone(net).fit(X, lesson.labels.astype(dtype))
    distilled = fit_net(clone(net), X, lesson, 3)
    assert_same_weights(plain, distilled, rtol=1e-4, atol=1e-5)
    assert distilled.predict_proba(X).shape == (N, 2)


@pytest.mark.parametrize("temperature", [0.7, 1.0, 5.0])
def test_alpha_one_recovers_the_teacher(temperature):
    few = slice(0, 30)
    net = make_net(
        module__hidden=128,
        optimizer=torch.optim.LBFGS,
        lr=1,
        max_epochs=8,
        batch_size=-1,
        train_split=None,
    )
    lesson = targets(1.0, temperature).take(np.arange(30))
    wrong = np.zeros_like(lesson.labels)
    lesson = targets(
        1.0, temperature, teacher=softmax(LOGITS[few] / temperature), labels=wrong
    )
    fit_net(net, X[few], lesson, random_state=0)
    np.testing.assert_allclose(
        net.predict_proba(X[few]), softmax(LOGITS[few]), atol=0.03
    )


def history_of_first_epoch(net, lesson, **params):
    """The first loss comes before any step, so it depends on the weights alone."""
    net = clone(net).set_params(max_epochs=1, batch_size=-1, lr=0.0, **params)
    fit_net(net, X, lesson, random_state=0)
    return net, net.history[0]


@pytest.mark.parametrize("weighted", [False, True])
def test_reported_losses_are_the_distillation_loss(weighted):
    weight = np.linspace(0.5, 2.0, N) if weighted else None
    alpha = np.linspace(0, 1, N)
    lesson = targets(alpha=alpha, weight=weight)
    split = ValidSplit([(np.arange(0, 80), np.arange(80, N)[::-1])])
    net, first = history_of_first_epoch(
        make_net(module__dropout=0.0), lesson, train_split=split
    )
    logits = net.forward(X)
    for name, rows in [("train_loss", slice(0, 80)), ("valid_loss", slice(80, N))]:
        expected = distillation_loss(
            logits[rows],
            torch.tensor(lesson.teacher[rows]).float(),
            torch.tensor(lesson.labels[rows]),
            torch.tensor(alpha[rows]).float(),
            temperature=2.0,
            weight=None if weight is None else torch.tensor(weight[rows]).float(),
        )
        assert first[name] == pytest.approx(expected.item(), rel=1e-5)


def test_probabilities_and_logits_give_the_same_loss():
    lesson = targets()
    _, logits = history_of_first_epoch(make_net(), lesson)
    soft = make_net(criterion=nn.NLLLoss, module=partial(Net, tail=nn.Softmax(dim=1)))
    _, probabilities = history_of_first_epoch(soft, lesson)
    for name in ["train_loss", "valid_loss"]:
        assert probabilities[name] == pytest.approx(logits[name], rel=1e-5)


def test_single_logit_and_single_probability_give_the_same_loss():
    lesson = targets(classes=NAMES[:2])
    cls = NeuralNetBinaryClassifier
    logit = make_net(cls, criterion=nn.BCEWithLogitsLoss, module__outputs=1)
    chance = make_net(
        cls, criterion=nn.BCELoss, module=partial(Net, outputs=1, tail=nn.Sigmoid())
    )
    _, one = history_of_first_epoch(logit, lesson)
    _, other = history_of_first_epoch(chance, lesson)
    assert one["train_loss"] == pytest.approx(other["train_loss"], rel=1e-5)


def test_integer_weights_equal_repeated_rows():
    counts = np.arange(N) % 3
    rows = np.repeat(np.arange(N), counts)
    net = make_net(batch_size=-1, train_split=None, lr=0.3)
    weighted = fit_net(clone(net), X, targets(weight=counts.astype(float)), 1)
    repeated = fit_net(clone(net), X[rows], targets().take(rows), 1)
    assert_same_weights(weighted, repeated, rtol=1e-4, atol=1e-5)


def test_class_weights_of_the_criterion_are_honoured():
    by_class = torch.tensor([1.0, 5.0, 0.5])
    # In one batch: torch divides by the weights in a batch, we by those of all rows.
    net = make_net(criterion__weight=by_class, batch_size=-1)
    torch.manual_seed(3)
    plain = clone(net).fit(X, CODES.astype(np.int64))
    distilled = fit_net(clone(net), X, targets(alpha=0.0), 3)
    assert_same_weights(plain, distilled, rtol=1e-5, atol=1e-6)


class Gradients(Callback):
    def on_train_begin(self, net, **kwargs):
        self.seen_ = []

    def on_grad_computed(self, net, named_parameters, **kwargs):
        flat = [p.grad.ravel() for _, p in named_parameters]
        self.seen_.append(torch.cat(flat).clone())


@pytest.mark.parametrize("n_training", [N, 80])
def test_gradients_of_batches_average_to_that_of_the_weighted_loss(n_training):
    rows = np.arange(N)
    split = ValidSplit([(rows[:80], rows[80:])]) if n_training == 80 else None

    def mean_gradient(batch_size):
        net = make_net(
            lr=0.0,
            max_epochs=1,
            train_split=split,
            batch_size=batch_size,
            callbacks=[("gradients", Gradients)],
            module__dropout=0.0,
        )
        fit_net(net, X, targets(weight=np.linspace(0.0, 3.0, N) ** 2), 0)
        return torch.stack(dict(net.callbacks_)["gradients"].seen_).mean(0)

    whole = mean_gradient(-1)
    for size in [1, 20]:
        torch.testing.assert_close(mean_gradient(size), whole, rtol=1e-4, atol=1e-6)


def test_unlabelled_rows_have_no_label():
    labels = CODES.copy()
    labels[::2] = UNLABELED
    alpha = np.where(labels == UNLABELED, 1.0, 0.3)
    net = make_net(train_split=None)
    by_row = fit_net(clone(net), X, targets(alpha=alpha, labels=labels), 0)
    as_one = fit_net(clone(net), X, targets(alpha=0.3, labels=labels), 0)
    told = fit_net(clone(net), X, targets(alpha=0.3), 0)
    assert_same_weights(by_row, as_one, **EXACT)
    with pytest.raises(AssertionError):
        assert_same_weights(as_one, told, rtol=1e-3, atol=1e-3)


class SeesLabels(Callback):
    def on_train_begin(self, net, X, y, **kwargs):
        self.y_ = y


def test_split_and_callbacks_see_codes():
    labels = CODES.copy()
    labels[::2] = UNLABELED
    net = fit_net(make_net(callbacks=[SeesLabels]), X, targets(labels=labels))
    seen = dict(net.callbacks_)["SeesLabels"].y_
    assert seen.dtype == np.int64
    np.testing.assert_array_equal(seen[1::2], CODES[1::2])
    np.testing.assert_array_equal(seen[::2], LOGITS[::2].argmax(axis=1))


# --- the net stays the user's ------------------------------------------------------


class Regularized(NeuralNetClassifier):
    """A net with a loss of its own, as skorch's guide suggests."""

    def get_loss(self, *args, **kwargs):
        loss = super().get_loss(*args, **kwargs)
        return loss + 0.1 * sum(w.abs().sum() for w in self.module_.parameters())


def test_own_get_loss_stays_in_force():
    torch.manual_seed(3)
    plain = make_net(Regularized).fit(X, CODES.astype(np.int64))
    distilled = fit_net(make_net(Regularized), X, targets(alpha=0.0), 3)
    assert type(distilled) is Regularized
    assert_same_weights(plain, distilled, rtol=1e-5, atol=1e-6)


def test_class_criterion_and_parameters_are_the_users():
    criterion = nn.CrossEntropyLoss()
    net = make_net(criterion=criterion)
    before = set(net.get_params())
    fit_net(net, X, targets())
    assert type(net) is NeuralNetClassifier
    assert net.criterion_ is criterion
    assert type(criterion) is nn.CrossEntropyLoss
    assert set(net.get_params(deep=False)) <= before
    plain = make_net().fit(X, CODES.astype(np.int64))
    assert set(vars(net)) == set(vars(plain))


class Stops(Callback):
    def on_epoch_end(self, net, **kwargs):
        raise OSError("disk full")


class Interrupts(Callback):
    def on_epoch_end(self, net, **kwargs):
        raise KeyboardInterrupt


def test_after_an_error_class_and_generators_are_back():
    net = make_net(callbacks=[Stops])
    state = torch.get_rng_state()
    with pytest.raises(OSError, match="disk full"):
        fit_net(net, X, targets(), random_state=0)
    assert type(net) is NeuralNetClassifier
    assert type(net.criterion_) is nn.CrossEntropyLoss
    assert torch.equal(state, torch.get_rng_state())


class PressesKey(Callback):
    def on_epoch_end(self, net, **kwargs):
        signal.raise_signal(signal.SIGINT)


class PressesKeyInForward(Net):
    def forward(self, x):
        signal.raise_signal(signal.SIGINT)
        return super().forward(x)


@pytest.fixture
def listening():
    """Processes in the background are started deaf to Ctrl-C."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("listening")
@pytest.mark.parametrize(
    "params", [{"callbacks": [PressesKey]}, {"module": PressesKeyInForward}]
)
def test_an_interrupted_net_does_not_pass_as_fitted(params):
    net = make_net(**params)
    with pytest.raises(KeyboardInterrupt):
        fit_net(net, X, targets())
    assert type(net) is NeuralNetClassifier
    with pytest.raises(KeyboardInterrupt), casting_inputs(net):
        net.fit(X, CODES.astype(np.int64))
    assert type(net) is NeuralNetClassifier


def test_early_stopping_is_no_interrupt():
    stopping = EarlyStopping(patience=1, threshold=10.0)
    net = fit_net(make_net(callbacks=[stopping], max_epochs=9), X, targets())
    assert len(net.history) < 9


def test_a_net_that_a_callback_stopped_is_usable():
    net = fit_net(make_net(callbacks=[Interrupts]), X, targets())
    assert len(net.history) == 1
    assert net.classes_.tolist() == NAMES.tolist()
    assert net.predict_proba(X).shape == (N, 3)


LOADS = """
import pickle, sys
import numpy as np
sys.modules["skdistill"] = None
with open(sys.argv[1], "rb") as file:
    net = pickle.load(file)
assert net.predict_proba(np.zeros((2, 4), dtype="float32")).shape == (2, 3)
print(type(net).__name__, type(net.criterion_).__name__)
"""


@pytest.mark.parametrize("when", ["after", "during"])
def test_pickle_loads_where_this_package_is_not(when, tmp_path):
    path = tmp_path / "net.pkl"
    elsewhere = dict.fromkeys(("f_params", "f_optimizer", "f_criterion", "f_history"))
    saving = Checkpoint(monitor=None, f_pickle=str(path), **elsewhere)
    net = make_net(
        module=nn.Sequential(nn.Linear(4, 3)),
        callbacks=[saving] if when == "during" else None,
    )
    fit_net(net, X, targets())
    if when == "after":
        path.write_bytes(pickle.dumps(net))
    assert b"skdistill" not in path.read_bytes()
    run = subprocess.run(
        [sys.executable, "-c", LOADS, str(path)],
        capture_output=True,
        text=True,
        cwd=tmp_path,
    )
    assert run.stdout.split() == ["NeuralNetClassifier", "CrossEntropyLoss"], run.stderr


class Copies(Callback):
    def on_epoch_end(self, net, **kwargs):
        self.kind_ = type(copy.deepcopy(net))


def test_copies_made_meanwhile_are_of_the_users_class():
    net = fit_net(make_net(callbacks=[Copies], max_epochs=1), X, targets())
    assert dict(net.callbacks_)["Copies"].kind_ is NeuralNetClassifier


def test_classes_are_the_labels():
    net = fit_net(make_net(), X, targets())
    np.testing.assert_array_equal(net.classes_, NAMES)
    given = fit_net(make_net(classes=[7, 8, 9]), X, targets())
    np.testing.assert_array_equal(given.classes_, [7, 8, 9])


def test_refitting_without_us_is_an_ordinary_fit():
    net = fit_net(make_net(), X, targets())
    torch.manual_seed(3)
    net.fit(X, CODES.astype(np.int64))
    torch.manual_seed(3)
    plain = make_net().fit(X, CODES.astype(np.int64))
    assert_same_weights(net, plain, **EXACT)


# --- skorch's machinery ------------------------------------------------------------


def test_callbacks_work():
    net = make_net(
        max_epochs=30,
        callbacks=[
            ("auc", EpochScoring("roc_auc_ovr", lower_is_better=False)),
            ("again", EpochScoring("accuracy", name="again", use_caching=False)),
            ("train", EpochScoring("accuracy", name="train", on_train=True)),
            ("batch", BatchScoring("accuracy", name="batch")),
            ("lr", LRScheduler("StepLR", step_size=1, gamma=0.5)),
            ("stop", EarlyStopping(patience=2, threshold=0.5)),
        ],
    )
    fit_net(net, X, targets(), random_state=0)
    history = net.history
    assert len(history) == 3
    assert history[-1, "again"] == history[-1, "valid_acc"]
    assert history[-1, "batch"] == pytest.approx(history[-1, "valid_acc"])
    assert 0.2 < history[-1, "train"] <= 1
    assert 0.2 < history[-1, "roc_auc_ovr"] <= 1
    assert net.optimizer_.param_groups[0]["lr"] == pytest.approx(0.1 * 0.5**3)


def test_the_best_checkpoint_is_loaded(tmp_path):
    saving = Checkpoint(dirname=str(tmp_path), load_best=True)
    net = fit_net(make_net(callbacks=[saving]), X, targets(), random_state=0)
    best = int(np.argmin(net.history[:, "valid_loss"]))
    assert net.history[best, "valid_loss_best"]
    assert (tmp_path / "criterion.pt").exists()


def test_optimizers_with_a_closure():
    params = {"optimizer": torch.optim.LBFGS, "batch_size": -1, "train_split": None}
    net = fit_net(make_net(max_epochs=5, lr=1, **params), X, targets(1.0), 0)
    assert net.history[-1, "train_loss"] < 0.1 * net.history[0, "train_loss"]


def test_loading_by_worker_processes():
    net = make_net(max_epochs=1)
    here = fit_net(clone(net), X, targets(), 0)
    workers = clone(net).set_params(iterator_train__num_workers=1)
    assert_same_weights(here, fit_net(workers, X, targets(), 0), **EXACT)


def collate_reversed(items):
    return torch.utils.data.default_collate(items[::-1])


def test_samplers_and_collate_functions_keep_rows_and_targets_together():
    sampler = torch.utils.data.SubsetRandomSampler(np.arange(0, N, 2).tolist())
    net = make_net(
        train_split=None,
        iterator_train__shuffle=False,
        iterator_train__sampler=sampler,
        iterator_train__collate_fn=collate_reversed,
        batch_size=-1,
        optimizer=torch.optim.LBFGS,
        lr=1,
        max_epochs=5,
        module__hidden=64,
    )
    fit_net(net, X, targets(1.0), random_state=0)
    np.testing.assert_allclose(
        net.predict_proba(X)[::2], softmax(LOGITS)[::2], atol=0.1
    )


def test_a_validation_set_of_the_users_own_is_scored_on_its_labels():
    own = Dataset(X[:50], np.zeros(50, dtype=np.int64))
    net = make_net(
        train_split=predefined_split(own), max_epochs=1, iterator_valid__batch_size=50
    )
    fit_net(net, X, targets(), random_state=0)
    log_chance = torch.log_softmax(net.forward(X[:50]), dim=1)
    expected = -log_chance[:, 0].mean().item()
    assert net.history[0, "valid_loss"] == pytest.approx(expected, rel=1e-5)


def test_datasets_of_other_rows_are_refused():
    fixed = Dataset(X[:50], CODES[:50])
    with pytest.raises(ValueError, match="has 50 rows where X has 120"):
        fit_net(make_net(dataset=fixed, train_split=None), X, targets())


class Unconnected(NeuralNetClassifier):
    def train_step_single(self, batch, **fit_params):
        inputs, labels = batch
        return super().train_step_single((inputs, labels + 0), **fit_params)


def test_a_batch_of_unknown_rows_is_never_trained_on():
    with pytest.raises(RuntimeError, match="rows are unknown"):
        fit_net(make_net(Unconnected), X, targets())


def test_compiled_nets():
    net = make_net(compile=True, compile__backend="eager", criterion=nn.NLLLoss)
    net.set_params(module=partial(Net, tail=nn.Softmax(dim=1)), max_epochs=2)
    compiled = fit_net(clone(net), X, targets(), random_state=0)
    eager = fit_net(clone(net).set_params(compile=False), X, targets(), random_state=0)
    np.testing.assert_allclose(
        compiled.predict_proba(X), eager.predict_proba(X), rtol=1e-4
    )


# --- input and seeds ---------------------------------------------------------------


@pytest.mark.parametrize(
    "convert",
    [
        lambda x: x.astype(np.float64),
        pd.DataFrame,
        sparse.csr_matrix,
        sparse.csc_array,
        torch.tensor,
        lambda x: np.frombuffer(x.tobytes(), np.float32).reshape(x.shape),
    ],
)
def test_any_container(convert):
    net = make_net(max_epochs=1)
    expected = fit_net(clone(net), X, targets(), 0)
    assert_same_weights(expected, fit_net(clone(net), convert(X), targets(), 0))


def test_whole_numbers_and_double_modules():
    whole = (X * 3).astype(np.int32)
    net = make_net(max_epochs=1)
    expected = fit_net(clone(net), whole.astype(np.float32), targets(), 0)
    assert_same_weights(expected, fit_net(clone(net), whole, targets(), 0))
    double = fit_net(make_net(module=Net().double()), X, targets(), 0)
    assert double.module_.last.weight.dtype == torch.float64


def numpy_state():
    return pickle.dumps(np.random.get_state())  # noqa: NPY002


@pytest.mark.parametrize("split", [ValidSplit(5, stratified=True), ValidSplit(0.2)])
def test_seed_fixes_the_fit_and_leaves_the_generators(split):
    net = make_net(module__dropout=0.5, train_split=split)
    before = torch.get_rng_state(), numpy_state()
    one = fit_net(clone(net), X, targets(), random_state=5)
    assert torch.equal(before[0], torch.get_rng_state())
    assert before[1] == numpy_state()
    torch.rand(1)
    same = fit_net(clone(net), X, targets(), random_state=5)
    other = fit_net(clone(net), X, targets(), random_state=6)
    assert_same_weights(one, same, **EXACT)
    assert not torch.equal(one.module_.last.weight, other.module_.last.weight)


def test_without_a_seed_the_global_generator_decides():
    torch.manual_seed(5)
    one = fit_net(make_net(), X, targets())
    after = torch.get_rng_state()
    torch.manual_seed(5)
    same = fit_net(make_net(), X, targets())
    assert_same_weights(one, same, **EXACT)
    assert torch.equal(after, torch.get_rng_state())
    assert not torch.equal(
        one.module_.last.weight, make_net().initialize().module_.last.weight
    )


# --- refusals ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"criterion__label_smoothing": 0.1}, "label_smoothing"),
        ({"criterion__reduction": "sum"}, "'reduction': 'sum'"),
        (
            {
                "criterion": nn.BCEWithLogitsLoss,
                "criterion__pos_weight": torch.tensor([2.0]),
            },
            "pos_weight",
        ),
        ({"criterion": nn.MultiMarginLoss}, "set predict_nonlinearity"),
        ({"criterion": dict}, "not a torch.nn.Module"),
        ({"criterion__weight": torch.ones(4)}, "4 entries, but there are 3 classes"),
        ({"module__outputs": 5}, r"shape \(32, 5\) for a batch of 32 rows and 3"),
        ({"module__outputs": 1}, r"shape \(32, 1\) for a batch"),
    ],
)
def test_what_cannot_be_honoured_is_refused(params, message):
    net = make_net(**params)
    with pytest.raises(ValueError, match=message):
        fit_net(net, X, targets())
    assert type(net) is NeuralNetClassifier


def test_other_criteria_are_read_through_predict_nonlinearity():
    lesson = targets()
    _, usual = history_of_first_epoch(make_net(), lesson)
    margin = make_net(
        criterion=nn.MultiMarginLoss,
        predict_nonlinearity=partial(torch.softmax, dim=-1),
    )
    _, other = history_of_first_epoch(margin, lesson)
    assert other["train_loss"] == pytest.approx(usual["train_loss"], rel=1e-5)


# --- raw modules -------------------------------------------------------------------


def fit_module(module, X, lesson, seed=None):
    return NeuralClassifier.around(module, seed).fit_soft_targets(X, lesson)


def test_a_raw_module_starts_from_its_weights():
    module = Net()
    rows = np.arange(8)
    estimator = NeuralClassifier.around(module).set_params(
        max_epochs=1, learning_rate=1e-12
    )
    estimator.fit_soft_targets(X[rows], targets().take(rows))
    assert estimator.modules_[0] is not module
    trained = estimator.modules_[0].last.weight
    torch.testing.assert_close(trained, module.last.weight, rtol=0, atol=1e-6)


def test_a_raw_module_learns_and_is_not_changed(capsys):
    module = Net(hidden=64).eval()
    before = copy.deepcopy(module.state_dict())
    net = fit_module(module, X, targets(1.0), seed=0)
    assert not any(part.training for part in module.modules())
    for key, value in module.state_dict().items():
        assert torch.equal(value, before[key])
    untrained = softmax(module(torch.tensor(X)).detach().numpy())
    gap = np.abs(untrained - softmax(LOGITS)).mean()
    assert np.abs(net.predict_proba(X) - softmax(LOGITS)).mean() < 0.5 * gap
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("tail", [None, nn.Flatten(0)])
def test_a_raw_module_with_one_output_predicts_two_columns(tail):
    lesson = targets(1.0, classes=NAMES[:2])
    module = Net(hidden=64, outputs=1, tail=tail)
    net = fit_module(module, X.astype(np.float64), lesson, seed=0)
    proba = net.predict_proba(X)
    assert proba.shape == (N, 2)
    truth = softmax(LOGITS[:, :2])
    assert np.abs(proba - truth).mean() < 0.5 * np.abs(proba[:, ::-1] - truth).mean()


def test_a_seeded_raw_module_gives_the_same_weights_twice():
    module = Net(dropout=0.5)
    state = torch.get_rng_state()
    one, two = (fit_module(module, X, targets(), seed=1) for _ in range(2))
    assert torch.equal(state, torch.get_rng_state())
    np.testing.assert_array_equal(one.predict_proba(X), two.predict_proba(X))


# Through the distiller


@pytest.mark.parametrize("in_list", [False, True])
def test_random_state_seeds_networks_that_are_fitted_as_teachers(in_list):
    X = np.random.default_rng(0).normal(size=(60, 4))
    y = np.where(X[:, 0] > 0, "up", "down")

    def fit():
        net = NeuralNetClassifier(
            nn.Linear,
            module__in_features=4,
            module__out_features=2,
            criterion=nn.CrossEntropyLoss,
            max_epochs=2,
            train_split=None,
            verbose=0,
        )
        teacher = [net, clone(net)] if in_list else net
        tree = DecisionTreeClassifier(max_leaf_nodes=4, random_state=0)
        return DistillationClassifier(teacher, tree, random_state=3).fit(X, y)

    one, two = fit(), fit()
    assert (one.predict_proba(X) == two.predict_proba(X)).all()
    assert one.teacher_source_ == "fitted"
    if in_list:
        weights = [net.module_.weight.detach().numpy() for net in one.teacher_]
        assert not np.array_equal(*weights)


@pytest.mark.parametrize("alpha", [0.0, 0.7, 1.0])
def test_raw_modules_learn_at_any_alpha(alpha):
    X = np.random.default_rng(0).normal(size=(200, 4))
    y = np.where(X[:, 0] > 0, "up", "down")
    teacher = LogisticRegression().fit(X, y)
    model = DistillationClassifier(
        teacher, nn.Linear(4, 2), alpha=alpha, temperature=2.0, random_state=0
    ).fit(X, y)
    assert model.route_ == "network"
    assert set(model.predict(X)) == {"up", "down"}
    assert model.score(X, y) > 0.9


def test_a_raw_module_with_batch_norm_is_taught():
    module = nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3))
    net = fit_module(module, X[:65], targets().take(np.arange(65)))
    assert np.isfinite(net.predict_proba(X)).all()


# --- containers, threads -----------------------------------------------------------


def student_of(kind, fit_on, **params):
    torch.manual_seed(0)
    student = {
        "module": lambda: nn.Linear(4, 3),
        "net": lambda: make_net(max_epochs=2),
        "pipeline": lambda: make_pipeline(StandardScaler(), make_net(max_epochs=2)),
    }[kind]()
    teacher = LogisticRegression().fit(X, NAMES[CODES])
    distilled = DistillationClassifier(teacher, student, random_state=0, **params)
    return distilled.fit(fit_on, NAMES[CODES])


def frame(library):
    return library.DataFrame({f"x{k}": X[:, k].astype(float) for k in range(4)})


@pytest.mark.parametrize("kind", ["module", "net", "pipeline"])
@pytest.mark.parametrize("library", [pd, pl, list])
@pytest.mark.filterwarnings("ignore:X (has|does not have) (valid )?feature names")
def test_students_predict_what_they_were_fitted_on(kind, library):
    rows = X.tolist() if library is list else frame(library)
    distilled = student_of(kind, rows)
    expected = student_of(kind, X).predict_proba(X)
    np.testing.assert_allclose(distilled.predict_proba(rows), expected, atol=1e-5)
    assert set(distilled.predict(rows)) <= set(NAMES)


@pytest.mark.filterwarnings("ignore:X (has|does not have) (valid )?feature names")
def test_students_behind_transformers_that_make_frames():
    expected = student_of("pipeline", X).predict_proba(X)
    with config_context(transform_output="pandas"):
        distilled = student_of("pipeline", frame(pd))
        actual = distilled.predict_proba(frame(pd))
    np.testing.assert_allclose(actual, expected, atol=1e-5)


def modes_change_nothing(distilled):
    (module,) = distilled.student_.modules_
    expected = distilled.predict_proba(X)
    module.train()
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(distilled.predict_proba, [X] * 200))
    assert all((answer == expected).all() for answer in answers)
    assert module.training


@pytest.mark.parametrize("kind", ["module", "net", "pipeline"])
def test_threads_predict_alike_and_change_nothing(kind):
    distilled = student_of(kind, X)
    if kind == "module":
        modes_change_nothing(distilled)
        return
    net = distilled.student_[-1] if kind == "pipeline" else distilled.student_
    net.module_.train()
    seen = []
    net.module_.register_forward_pre_hook(
        lambda *_: seen.append((net.module_.training, type(net)))
    )
    wide = X.astype(np.float64)
    expected = distilled.predict_proba(wide)
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(distilled.predict_proba, [wide] * 200))
    assert all((answer == expected).all() for answer in answers)
    assert net.module_.training
    assert len(net.module_._forward_pre_hooks) == 1
    assert set(seen) == {(True, type(net))}


def test_seeded_fits_in_threads_equal_the_serial_one():
    expected = fit_net(make_net(), X, targets(), random_state=0)

    def fit(_):
        return fit_net(make_net(), X, targets(), random_state=0)

    with ThreadPoolExecutor(4) as pool:
        for net in pool.map(fit, range(8)):
            assert_same_weights(net, expected, **EXACT)


def draw():
    with seeded(1):
        return torch.rand(1).item()


def test_threads_of_joblib_do_not_wait_for_whoever_waits_for_them():
    with joblib.parallel_config("threading"), seeded(0):
        drawn = joblib.Parallel(n_jobs=2)(joblib.delayed(draw)() for _ in range(4))
    assert len(set(drawn)) == 1


def test_a_criterion_that_does_not_fit_the_output_is_found_out():
    X = np.random.default_rng(0).normal(size=(60, 4))
    y = np.where(X[:, 0] > 0, "up", "down")
    # NLLLoss, skorch's default, wants a softmax at the end; this gives logits.
    net = NeuralNetClassifier(nn.Linear(4, 2), train_split=None, verbose=0)
    teacher = LogisticRegression().fit(X, y)
    with pytest.raises(ValueError, match=r"NLLLoss.*CrossEntropyLoss goes with logits"):
        DistillationClassifier(teacher, net).fit(X, y)


@pytest.mark.filterwarnings("ignore:The given teacher agrees")
def test_teachers_in_threads_are_left_alone():
    from concurrent.futures import ThreadPoolExecutor

    X = np.random.default_rng(0).normal(size=(200, 4))
    y = np.where(X[:, 0] > 0, "up", "down")
    module = nn.Sequential(nn.BatchNorm1d(4), nn.Dropout(0.5), nn.Linear(4, 2)).train()
    before = copy.deepcopy(module.state_dict())
    tree = DecisionTreeClassifier(max_leaf_nodes=4, random_state=0)
    model = DistillationClassifier(module, tree)

    def fit(_):
        return clone(model).fit(X, y).predict_proba(X)

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(fit, range(24)))
    assert all((answer == answers[0]).all() for answer in answers)
    assert module.training
    for key, value in module.state_dict().items():
        assert torch.equal(value, before[key])
