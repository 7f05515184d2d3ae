"""Modules as functions of arrays, and networks inside estimators."""

import pickle
from concurrent.futures import ThreadPoolExecutor
from threading import Lock

import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch
from scipy import sparse
from sklearn import config_context
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import BaggingClassifier, StackingClassifier, VotingClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier
from skorch import NeuralNetClassifier
from skorch.callbacks import Callback
from torch import nn

from skdistill.neural import (
    casting_inputs,
    contains_network,
    is_net,
    module_logits,
    stand_in,
)
from skdistill.neural.bridge._nested import networks_in

X = np.random.default_rng(0).normal(size=(30, 4))
Y = np.arange(30) % 2


def small_net(**params):
    params = {"criterion": nn.CrossEntropyLoss, "verbose": 0, "max_epochs": 1} | params
    return NeuralNetClassifier(nn.Linear(4, 2), train_split=None, **params)


def test_logits_are_those_of_the_module_in_evaluation_mode():
    module = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.Dropout(0.5))
    module.train()
    before = {key: value.clone() for key, value in module.state_dict().items()}
    logits = module_logits(module, X)
    reference = module.eval()(torch.tensor(X, dtype=torch.float32)).detach().numpy()
    np.testing.assert_allclose(logits, reference, rtol=1e-5, atol=1e-6)
    assert logits.dtype == np.float64
    for key, value in module.state_dict().items():
        assert torch.equal(value, before[key])


def test_batches_make_no_difference():
    module = nn.Linear(4, 3)
    whole = module_logits(module, X)
    np.testing.assert_allclose(module_logits(module, X, batch_size=7), whole, rtol=1e-5)
    assert module_logits(module, X[:0]).shape == (0, 3)


@pytest.mark.parametrize("fails", [False, True])
def test_each_mode_is_put_back(fails):
    module = nn.Sequential(nn.Linear(4, 4), nn.Dropout(), nn.BatchNorm1d(4))
    module.train()
    module[2].eval()
    if fails:
        with pytest.raises(RuntimeError):
            module_logits(module, X[:, :3])
    else:
        module_logits(module, X)
    assert [part.training for part in module.modules()] == [True, True, True, False]


@pytest.mark.parametrize(
    "convert",
    [
        pd.DataFrame,
        pl.DataFrame,
        sparse.csr_matrix,
        sparse.coo_array,
        torch.tensor,
        np.ndarray.tolist,
        lambda x: x.astype(np.float32),
        lambda x: x.astype(">f8"),
        lambda x: x.astype(object),
        lambda x: x[::-1][::-1],
    ],
)
def test_any_container(convert):
    module = nn.Linear(4, 2)
    expected = module_logits(module, X)
    np.testing.assert_allclose(module_logits(module, convert(X)), expected, rtol=1e-6)


def test_read_only_memory():
    frozen = X.copy()
    frozen.flags.writeable = False
    assert module_logits(nn.Linear(4, 2).double(), frozen).shape == (30, 2)


def test_images():
    module = nn.Sequential(nn.Conv2d(1, 2, 3), nn.Flatten(), nn.Linear(72, 5))
    assert module_logits(module, np.zeros((3, 1, 8, 8))).shape == (3, 5)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_input_takes_the_dtype_of_the_module(dtype):
    module = nn.Linear(4, 2).to(dtype)
    seen = []
    module.register_forward_pre_hook(lambda _, args: seen.append(args[0].dtype))
    module_logits(module, X)
    module_logits(module, np.ones((2, 4), dtype=int))
    assert seen == [dtype, dtype]


def test_without_parameters_float64_is_kept():
    values = np.array([[1e-300, 1.0 + 1e-15]])
    assert (module_logits(nn.Flatten(), values) == values).all()
    assert module_logits(nn.Flatten(), np.array([[1, 2]])).dtype == np.float64


def test_embeddings_get_integers():
    module = nn.Sequential(nn.Embedding(5, 3), nn.Flatten(), nn.Linear(6, 2))
    assert module_logits(module, np.array([[0, 4], [1, 1]])).shape == (2, 2)


@pytest.mark.parametrize("tail", [nn.Identity(), nn.Flatten(0)])
def test_single_logit_is_the_log_odds_of_the_second_class(tail):
    module = nn.Sequential(nn.Linear(4, 1), tail)
    logits = module_logits(module, X)
    single = module(torch.tensor(X, dtype=torch.float32)).detach().numpy().ravel()
    assert (logits[:, 0] == 0).all()
    np.testing.assert_allclose(logits[:, 1], single, rtol=1e-5)


class Pair(nn.Module):
    def forward(self, x):
        return x, x


@pytest.mark.parametrize(
    ("module", "message"),
    [
        (Pair(), r"Pair gives tuple"),
        (nn.Unflatten(1, (2, 2)), r"Unflatten gives shape \(30, 2, 2\) for 30 rows"),
        (nn.Flatten(0), r"Flatten gives shape \(120,\) for 30 rows"),
    ],
)
def test_what_is_not_a_row_of_logits_per_row_is_refused(module, message):
    with pytest.raises(ValueError, match=message):
        module_logits(module, X)


def test_is_net():
    assert is_net(small_net())
    assert not is_net(nn.Linear(1, 1))
    assert not is_net(LogisticRegression())


@pytest.mark.parametrize(
    ("estimator", "expected"),
    [
        (small_net(), True),
        (nn.Linear(1, 1), True),
        (make_pipeline(StandardScaler(), small_net()), True),
        (VotingClassifier([("a", LogisticRegression()), ("b", small_net())]), True),
        (GridSearchCV(BaggingClassifier(small_net()), {}), True),
        ([LogisticRegression(), {"x": (small_net(),)}], True),
        (make_pipeline(StandardScaler(), LogisticRegression()), False),
        (DecisionTreeClassifier().fit(X, Y), False),
        (NeuralNetClassifier, False),
        (None, False),
    ],
)
def test_contains_network(estimator, expected):
    assert contains_network(estimator) is expected


def test_cycles_end():
    loop = [LogisticRegression()]
    loop[0].C = loop
    assert not contains_network(loop)
    loop.append(small_net())
    assert contains_network(loop)


NESTINGS = {
    "pipeline": lambda net: make_pipeline(StandardScaler(), net),
    "voting": lambda net: VotingClassifier([("net", net)], voting="soft"),
    "bagging": lambda net: BaggingClassifier(net, n_estimators=2),
    "stacking": lambda net: StackingClassifier([("net", net)], cv=2),
    "calibrated": lambda net: CalibratedClassifierCV(net, cv=2),
    "search": lambda net: GridSearchCV(net, {"lr": [0.1]}, cv=2),
    "deep": lambda net: GridSearchCV(
        make_pipeline(VotingClassifier([("net", net)], voting="soft")), {}, cv=2
    ),
}


@pytest.mark.parametrize("nesting", NESTINGS)
def test_casting_reaches_nets_and_leaves_no_trace(nesting):
    estimator = NESTINGS[nesting](small_net())
    narrow = X.astype(np.float32)
    if nesting == "pipeline":
        estimator.fit(narrow, Y)
    else:
        estimator.fit(narrow, Y.astype(np.int64))
    expected = estimator.predict_proba(narrow)
    before = pickle.dumps(estimator)
    with pytest.raises(RuntimeError, match="dtype"):
        estimator.predict_proba(X)
    with casting_inputs(estimator):
        actual = estimator.predict_proba(X)
        pickle.loads(pickle.dumps(estimator))
    np.testing.assert_allclose(actual, expected, rtol=1e-4, atol=1e-6)
    assert pickle.dumps(estimator) == before


def test_casting_in_a_list_a_dict_and_frozen():
    nets = [small_net().initialize() for _ in range(3)]
    nested = [nets[0], {"k": nets[1]}, (FrozenEstimator(nets[2]), nets[2])]
    with casting_inputs(nested):
        for net in nets:
            net.predict_proba(X)
    assert all(type(net) is NeuralNetClassifier for net in nets)
    assert all(net.module_.training for net in nets)


@pytest.mark.parametrize("network", [small_net().initialize(), nn.Linear(4, 2)])
def test_nothing_stays_also_after_an_error(network):
    kind = type(network)
    with pytest.raises(KeyError), casting_inputs(network):
        raise KeyError
    assert type(network) is kind
    assert not getattr(network, "module_", network)._forward_pre_hooks


def test_raw_modules_cast_too():
    module = nn.Linear(4, 2)
    with casting_inputs([module]), casting_inputs(module):
        assert module(torch.tensor(X)).dtype == torch.float32
    assert not module._forward_pre_hooks


class Masked(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(4, 2)

    def forward(self, x, scale=None, mask=None):
        assert mask is None or mask.dtype == torch.bool
        return self.linear(x * scale)


def test_keyword_inputs_are_cast_and_masks_are_not():
    net = NeuralNetClassifier(Masked).initialize()
    inputs = {"x": X, "scale": np.ones((30, 1)), "mask": np.ones(30, dtype=bool)}
    with casting_inputs(net):
        assert net.predict_proba(inputs).shape == (30, 2)


def test_unfitted_nets_are_passed_over():
    net = small_net()
    with casting_inputs(net):
        assert not hasattr(net, "module_")


@pytest.mark.parametrize("nesting", NESTINGS)
@pytest.mark.parametrize("rows", [X, pd.DataFrame(X, columns=list("abcd"))])
@pytest.mark.parametrize("transform_output", ["default", "pandas"])
def test_fitting_an_estimator_that_holds_nets(nesting, rows, transform_output):
    if nesting == "stacking":
        # To name its columns it asks the nets for `n_features_in_`, in vain.
        transform_output = "default"
    estimator = NESTINGS[nesting](small_net())
    with config_context(transform_output=transform_output), casting_inputs(estimator):
        estimator.fit(rows, Y)
        expected = estimator.predict_proba(rows)
    nets = list(networks_in(estimator))
    assert len(nets) >= 1 + (nesting != "pipeline")
    assert all(type(net) is NeuralNetClassifier for net in nets)
    assert b"skdistill" not in pickle.dumps(estimator)
    with config_context(transform_output=transform_output):
        actual = stand_in(estimator).predict_proba(rows)
    np.testing.assert_allclose(actual, expected, atol=1e-6)


def test_fitting_in_worker_processes():
    bagging = BaggingClassifier(small_net(), n_estimators=2, n_jobs=2)
    with casting_inputs(bagging):
        bagging.fit(X, Y)
        expected = bagging.predict_proba(X)
    assert b"skdistill" not in pickle.dumps(bagging)
    np.testing.assert_allclose(stand_in(bagging).predict_proba(X), expected, atol=1e-6)


def test_casting_within_casting_leaves_the_end_to_the_outer():
    net = small_net()
    with casting_inputs(net):
        inner = clone(net)
        with casting_inputs(inner):
            inner.fit(X, Y)
        assert inner.predict_proba(X).shape == (30, 2)
        net.fit(X, Y)
    assert type(net) is NeuralNetClassifier


class Keeps(Callback):
    def on_epoch_end(self, net, **kwargs):
        self.pickled_ = pickle.dumps(net)


def test_checkpoints_made_while_casting_do_not_need_this_package():
    net = small_net(callbacks=[("keeps", Keeps)])
    with casting_inputs(net):
        net.fit(X, Y)
    assert b"skdistill" not in dict(net.callbacks_)["keeps"].pickled_


def test_a_stand_in_changes_nothing_and_shares_tensors():
    estimator = VotingClassifier([("net", small_net())], voting="soft")
    with casting_inputs(estimator):
        estimator.fit(X, Y)
    (net,) = estimator.estimators_
    net.module_.train()
    before = pickle.dumps(estimator)
    copied = stand_in(estimator)
    copied.predict_proba(X)
    assert pickle.dumps(estimator) == before
    assert type(copied) is VotingClassifier
    assert copied.estimators_[0].module_.weight is net.module_.weight
    assert copied.le_ is estimator.le_


def test_what_holds_no_network_stands_for_itself():
    tree = DecisionTreeClassifier().fit(X, Y)
    assert stand_in(tree) is tree


def test_threads_cast_the_same_estimator():
    net = small_net().initialize()
    expected = net.predict_proba(X.astype(np.float32))

    def ask(_):
        with casting_inputs(net):
            return net.predict_proba(X)

    with ThreadPoolExecutor(8) as pool:
        for answer in pool.map(ask, range(200)):
            np.testing.assert_array_equal(answer, expected)
    assert type(net) is NeuralNetClassifier


class Remembers(nn.Module):
    """Holds a lock, which cannot be copied, and a tensor of a graph."""

    def __init__(self, locks):
        super().__init__()
        self.linear = nn.Linear(4, 2)
        self.dropout = nn.Dropout()
        self.lock = Lock() if locks else None
        self.kept = [self.linear.weight * 2]

    def forward(self, x):
        out = self.linear(x)
        self.kept.append(self.dropout(out))
        return out + out.mean() * self.kept[0].sum()


@pytest.mark.parametrize("locks", [False, True])
def test_modules_are_copied_whatever_they_hold(locks):
    module = Remembers(locks)
    threads = [module_logits(module, X) for _ in range(3)]
    assert (threads[0] == threads[2]).all()
    assert module.training
    assert module.dropout.training


class Caches(nn.Module):
    """Computes once what it needs ever after, as modules with grids do."""

    grid = {}

    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(4, 2)

    def forward(self, x):
        return self.linear(x * self.grid.setdefault("scale", x.new_ones(1) + 1))


def test_tensors_made_in_a_prediction_can_be_trained_with():
    module = Caches()
    module_logits(module, X)
    module(torch.tensor(X, dtype=torch.float32)).sum().backward()
    assert module.linear.weight.grad is not None


def test_threads_ask_a_module_alike():
    module = nn.Sequential(nn.Linear(4, 64), nn.Dropout(), nn.Linear(64, 2))
    seen = []
    module[1].register_forward_hook(lambda *_: seen.append(module.training))
    expected = module_logits(module, X)
    with ThreadPoolExecutor(8) as pool:
        for answer in pool.map(lambda _: module_logits(module, X), range(200)):
            np.testing.assert_array_equal(answer, expected)
    assert all(seen)
