"""The same content has the same fingerprint everywhere, and other content another."""

import copy
import functools
import importlib
import json
import os
import pickle
import socket
import subprocess
import sys
import textwrap
import threading
import types
import warnings
from collections import OrderedDict
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
import polars as pl
import pytest
import sklearn
import skorch
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from lightgbm import LGBMClassifier
from numpy.testing import assert_array_equal
from scipy import sparse
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import make_column_transformer
from sklearn.ensemble import (
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
    VotingClassifier,
)
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier
from torch import nn

from skdistill import DistillationClassifier
from skdistill._fingerprint import NoFingerprintError, fingerprint
from skdistill.neural import NeuralClassifier
from tests.strategies import examples, make_problem

PROBLEM = make_problem(0, n=60, k=3, d=4)
X, Y = PROBLEM.X, PROBLEM.y


def prints(objects):
    return [fingerprint(each) for each in objects]


def assert_same(*objects):
    assert len(set(prints(objects))) == 1


def assert_all_differ(*objects):
    assert len(set(prints(objects))) == len(objects)


# The user's own classes and functions, as this module has them ---------------------

SHIFT = 0.5


def doubled(X):
    return X * 2


def shifted(X):
    return doubled(X) + SHIFT


def with_words(X, names=("a", "b")):
    return X if len(names) in {2, 3} or "c" in {"x", "y", "z", "c"} else -X


class Net(nn.Module):
    def __init__(self, inputs=4, outputs=3, scale=1.0):
        super().__init__()
        self.first = nn.Linear(inputs, 8)
        self.norm = nn.BatchNorm1d(8)
        self.last = nn.Linear(8, outputs)
        self.scale = scale

    def forward(self, X):
        return self.scale * self.last(torch.relu(self.norm(self.first(X))))


class Tied(nn.Module):
    def __init__(self):
        super().__init__()
        self.down, self.up = nn.Linear(4, 4), nn.Linear(4, 4)
        self.up.weight = self.down.weight

    def forward(self, X):
        return self.up(self.down(X))


class Stump(ClassifierMixin, BaseEstimator):
    """A classifier of the user's own, which calls super() and a function of his."""

    def __init__(self, column=0):
        super().__init__()
        self.column = column

    def fit(self, X, y):
        self.classes_, codes = np.unique(y, return_inverse=True)
        self.counts_ = np.bincount(codes)
        return self

    def predict_proba(self, X):
        doubled(X)
        return np.tile(self.counts_ / self.counts_.sum(), (len(X), 1))

    def predict(self, X):
        return self.classes_[self.predict_proba(X).argmax(axis=1)]


def seeded_module(make):
    torch.manual_seed(0)
    return make()


def skorch_net(**params):
    params = {"max_epochs": 2, "train_split": None, "verbose": 0} | params
    torch.manual_seed(0)
    return skorch.NeuralNetClassifier(Net, **params)


def fitted_skorch():
    return skorch_net().fit(X.astype(np.float32), Y.astype(np.int64))


def network(**params):
    params = {"hidden_layer_sizes": (4,), "max_epochs": 1, "random_state": 0} | params
    return NeuralClassifier(**params)


def voting(**params):
    members = [("one", network(**params)), ("two", network(**params))]
    return VotingClassifier(members, voting="soft")


def lightgbm(**params):
    params = {"n_estimators": 3, "verbosity": -1, "random_state": 0} | params
    return LGBMClassifier(**params, n_jobs=1)


forest = RandomForestClassifier(3, max_depth=3, random_state=0)
boosting = HistGradientBoostingClassifier(max_iter=3, random_state=0)

UNFITTED = {
    "forest": forest,
    "boosting": boosting,
    "gradient boosting": GradientBoostingClassifier(n_estimators=2, random_state=0),
    "logistic": LogisticRegression(),
    "sgd": SGDClassifier(random_state=0),
    "support vectors": SVC(probability=False, random_state=0),
    "neighbours": KNeighborsClassifier(3, algorithm="kd_tree"),
    "ball tree": KNeighborsClassifier(3, algorithm="ball_tree"),
    "perceptron": MLPClassifier((4,), max_iter=400, tol=1, random_state=0),
    "calibrated": CalibratedClassifierCV(GaussianNB(), cv=3),
    "pipeline of own function": make_pipeline(
        FunctionTransformer(shifted), StandardScaler(), LogisticRegression()
    ),
    "columns": make_pipeline(
        make_column_transformer((StandardScaler(), [0, 1]), remainder="passthrough"),
        GaussianNB(),
    ),
    "own class": Stump(),
    "lightgbm": lightgbm(),
    "network": network(),
    "network of own module": network(module=Net),
    "votes of networks": voting(),
    "skorch": skorch_net(),
    "distilled": DistillationClassifier(
        GaussianNB(), DecisionTreeClassifier(max_depth=2, random_state=0)
    ),
}


@functools.cache
def fitted(name):
    data = X, Y
    if name == "skorch":
        data = X.astype(np.float32), Y.astype(np.int64)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return clone(UNFITTED[name]).fit(*data)


OTHER_THINGS = {
    "array": X,
    "labels": make_problem(0, labels="string").y,
    "strings": np.array(["yes", "no"], dtype=object),
    "module": seeded_module(Net),
    "tied": seeded_module(Tied),
    "function": shifted,
    "words": with_words,
    "class": Stump,
    "module class": Net,
    "partial": functools.partial(shifted, X=3),
    "set": {"b", "a", 1, None, (2, "c")},
    "dict": {"b": 1, 2: "a", None: {3, "x"}, ("t", 1): X},
    "frame": pd.DataFrame({"a": [1.0, 2.0], "b": pd.Categorical(["x", "y"])}),
    "polars": pl.DataFrame({"a": [1.0, 2.0], "b": ["x", "y"]}),
    "sparse": sparse.csr_matrix(np.eye(3)),
    "random state": np.random.RandomState(3),
    "generator": np.random.default_rng(3),
}


def zoo():
    """Everything, by name: what other processes must agree about."""
    found = dict(OTHER_THINGS)
    found |= {f"unfitted {name}": each for name, each in UNFITTED.items()}
    # The same bits are not promised for the sums of another process's threads.
    found |= {f"fitted {name}": fitted(name) for name in UNFITTED if name != "lightgbm"}
    return found


# Copies ----------------------------------------------------------------------------


def _through_joblib_file(obj, folder):
    joblib.dump(obj, folder / "it")
    return joblib.load(folder / "it", mmap_mode="r")


COPIES = {
    "deepcopy": lambda obj, _: copy.deepcopy(obj),
    "pickle": lambda obj, _: pickle.loads(pickle.dumps(obj)),
    "old pickle": lambda obj, _: pickle.loads(pickle.dumps(obj, protocol=2)),
    "memory map": _through_joblib_file,
}


@pytest.mark.parametrize("way", COPIES)
@pytest.mark.parametrize("name", UNFITTED)
def test_copies_of_fitted_estimators(name, way, tmp_path):
    if name == "lightgbm" and way == "deepcopy":
        pytest.skip("LightGBM's deepcopy keeps the trees and forgets the parameters")
    assert_same(fitted(name), COPIES[way](fitted(name), tmp_path))


@pytest.mark.parametrize("way", COPIES)
@pytest.mark.parametrize("name", OTHER_THINGS)
def test_copies_of_other_things(name, way, tmp_path):
    thing = OTHER_THINGS[name]
    assert_same(thing, COPIES[way](thing, tmp_path))


@pytest.mark.parametrize("name", UNFITTED)
def test_clones_of_the_unfitted(name):
    assert_same(UNFITTED[name], clone(UNFITTED[name]), clone(clone(UNFITTED[name])))
    assert fingerprint(UNFITTED[name]) != fingerprint(fitted(name))


@pytest.mark.parametrize("name", UNFITTED)
def test_two_fits_on_the_same_rows(name):
    first = fitted(name)
    fitted.cache_clear()
    assert first is not fitted(name)
    if name != "skorch":  # starts from torch's generator, wherever that is
        assert_same(first, fitted(name))


@pytest.mark.parametrize("name", UNFITTED)
def test_a_question_changes_nothing(name):
    model = fitted(name)
    rows = X.astype(np.float32) if name == "skorch" else X
    before = fingerprint(model)
    model.predict(rows[:7])
    if hasattr(model, "predict_proba"):
        model.predict_proba(rows)
    repr(model)
    assert fingerprint(model) == before


@pytest.mark.parametrize("name", [n for n in UNFITTED if "network" not in n])
def test_fingerprints_leave_no_trace(name):
    model = copy.deepcopy(fitted(name))
    before = pickle.dumps(model)
    fingerprint(model)
    assert pickle.dumps(model) == before


@pytest.mark.parametrize("training", [True, False])
def test_fingerprints_leave_no_trace_in_modules(training):
    net = module().train(training)
    net(torch.ones(2, 4)).sum().backward()
    grads = [each.grad.clone() for each in net.parameters()]
    held, state = dict(vars(net)), copy.deepcopy(net.state_dict())
    fingerprint([net])
    assert vars(net) == held
    assert all(each.training == training for each in net.modules())
    assert all(
        torch.equal(state[name], each) for name, each in net.state_dict().items()
    )
    for before, each in zip(grads, net.parameters(), strict=True):
        assert torch.equal(before, each.grad)
        assert each.requires_grad


def test_memory_between_the_entries_of_a_record():
    tree = DecisionTreeClassifier(max_depth=3, random_state=0).fit(X, Y)
    other = copy.deepcopy(tree)
    nodes = other.tree_.__getstate__()["nodes"]  # a view, with seven bytes of padding
    known = sum(nodes.dtype[name].itemsize for name in nodes.dtype.names)
    assert known < nodes.dtype.itemsize
    size = nodes.dtype.itemsize
    nodes.view(np.uint8).reshape(-1, size)[:, known:] ^= 0xFF
    assert_array_equal(nodes, tree.tree_.__getstate__()["nodes"])
    assert_same(tree, other)
    nodes["threshold"][0] += 1
    assert_all_differ(tree, other)


def test_strings_that_are_one_object_and_strings_that_are_two():
    one = "".join(["a", "b"])
    two = "".join(["a", "b"])
    assert one is not two
    assert_same([one, one], [one, two], [two, one])
    assert_same(np.array([one, one], object), np.array([one, two], object))
    assert_same({"k": one, one: 1}, {"k": two, one: 1})
    array = np.arange(3)
    assert_same([array, array], [array, array.copy()])


def test_order_of_sets_and_of_keys_of_sets():
    words = [f"w{i}" for i in range(40)]
    backwards = words[::-1]
    assert_same(set(words), set(backwards), set(words[20:] + words[:20]))
    assert_same(frozenset([1, "a", None]), frozenset([None, "a", 1]))
    assert_same({frozenset(words): 1}, {frozenset(backwards): 1})
    assert_same(frozenset(words), frozenset(backwards))


# Other processes -------------------------------------------------------------------


def run_python(*arguments, seed):
    """What a new Python prints, with other hashes of strings."""
    here = Path(__file__).parent
    folders = os.pathsep.join([str(here.parent), str(here)])
    env = os.environ | {"PYTHONHASHSEED": str(seed), "PYTHONPATH": folders}
    command = [sys.executable, "-W", "ignore", *arguments]
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


_TELL = """
import importlib, json, pickle, sys
here = importlib.import_module(sys.argv[2])
with open(sys.argv[1], "rb") as file:
    sent = pickle.load(file)
built = here.zoo()
print(json.dumps({name: here.prints([sent[name], built[name]]) for name in sent}))
"""


@pytest.mark.parametrize("seed", ["1", pytest.param("77", marks=pytest.mark.slow)])
def test_another_process_with_other_hashes_of_strings(seed, tmp_path):
    things = zoo()
    file = tmp_path / "zoo"
    file.write_bytes(pickle.dumps(things))
    done = run_python("-c", _TELL, str(file), __name__, seed=seed)
    found = json.loads(done)
    expected = {name: [fingerprint(each)] * 2 for name, each in things.items()}
    expected["fitted skorch"][1] = found["fitted skorch"][1]  # of another seed
    assert found == expected


@pytest.mark.slow
def test_workers():
    with joblib.parallel_config("loky", n_jobs=2):
        names = ["fitted own class", "fitted forest", "function", "module", "dict"]
        known = zoo()
        found = joblib.Parallel()(
            joblib.delayed(fingerprint)(known[name]) for name in names
        )
    assert found == prints(known[name] for name in names)


_SCRIPT = """
import functools
import joblib
import numpy as np
import torch
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.preprocessing import FunctionTransformer
from torch import nn
from skdistill._fingerprint import fingerprint

FACTOR = 2.0
KINDS = {"x", "y", "z", "w"}

def helper(X):
    return FACTOR * X

def teach(X, names=("a", "b"), *, flip=False):
    return helper(X) if "x" in KINDS and len(names) in {2, 3, "q"} else -X

class Parent(ClassifierMixin, BaseEstimator):
    def __init__(self, a=1):
        super().__init__()
        self.a = a

    @property
    def half(self):
        return self.a / 2

    @classmethod
    def make(cls):
        return cls()

    @staticmethod
    def rows(X):
        return teach(X)

class Child(Parent):
    limits = {"u", "v", "w"}

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        return self

    def predict_proba(self, X):
        return super().half * self.rows(X)

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(2, 2)

    def forward(self, X):
        return helper(self.layer(X))

def closure(n):
    class Local(Child):
        def more(self):
            return n
    return Local, lambda X: X + n

def main():
    torch.manual_seed(0)
    Local, function = closure(3)
    things = [
        teach, helper, Parent, Child, Child(2), Child().fit([[1]], [1]), Net, Net(),
        FunctionTransformer(teach), functools.partial(teach, flip=True), Local(),
        function, FunctionTransformer(lambda X: X * FACTOR), [Child(), Net()], KINDS,
        Child(3).predict_proba,
    ]
    here = [fingerprint(thing) for thing in things]
    again = [fingerprint(thing) for thing in things]
    there = joblib.Parallel(2, batch_size=1)(
        joblib.delayed(fingerprint)(thing) for thing in things
    )
    wrong = [i for i, names in enumerate(zip(here, again, there, strict=True))
             if len(set(names)) > 1]
    print(wrong, *here)

if __name__ == "__main__":
    main()
"""


def _script(source, folder, seed):
    folder.mkdir(exist_ok=True)
    path = folder / "script.py"
    path.write_text(source)
    wrong, found = run_python(str(path), seed=seed).split("]")
    assert wrong == "[", f"workers disagree about {wrong}"
    return found.split()


@pytest.mark.slow
def test_what_a_script_defines(tmp_path):
    """Nothing in `__main__` is imported by a worker: it arrives as code."""
    first = _script(_SCRIPT, tmp_path, 1)
    second = _script("\n\n# moved\n" + _SCRIPT, tmp_path / "elsewhere", 2)
    assert first == second
    changed = _script(_SCRIPT.replace("FACTOR = 2.0", "FACTOR = 3.0"), tmp_path, 3)
    pairs = zip(first, changed, strict=True)
    kept = [i for i, pair in enumerate(pairs) if len(set(pair)) == 1]
    assert kept == [11, 14]  # `X + n` and the words; all others come to FACTOR


# Arrays ----------------------------------------------------------------------------

_dtypes = st.one_of(
    hnp.integer_dtypes(endianness="="),
    hnp.floating_dtypes(endianness="=", sizes=(16, 32, 64)),
    hnp.boolean_dtypes(),
    hnp.complex_number_dtypes(endianness="="),
    hnp.datetime64_dtypes(endianness="="),
    hnp.unicode_string_dtypes(endianness="=", min_len=1, max_len=4),
)
arrays = hnp.arrays(
    _dtypes, hnp.array_shapes(min_dims=1, max_dims=3, min_side=0, max_side=4)
)


@examples(60)
@given(arrays)
def test_an_array_is_its_entries_however_they_lie(array):
    wide = np.empty((*array.shape[:-1], 2 * array.shape[-1]), array.dtype)
    wide[..., ::2] = array
    read_only = array.copy()
    read_only.flags.writeable = False
    assert_same(
        array,
        array.copy(),
        np.asfortranarray(array),
        wide[..., ::2],
        array[::-1].copy()[::-1],
        read_only,
        array.T.copy().T,
        pickle.loads(pickle.dumps(array)),
    )


@examples(60)
@given(arrays, st.data())
def test_any_entry_tells_arrays_apart(array, data):
    if array.size == 0:
        return
    place = data.draw(st.integers(0, array.size - 1))
    entry = data.draw(hnp.from_dtype(array.dtype))
    other = array.copy()
    other.flat[place] = entry
    alike = array.tobytes() == other.tobytes()
    values = np.array([array.flat[place], entry], array.dtype)
    if not alike and (values[0] == values[1] or (values != values).all()):
        return  # NaN of other bits, and -0.0, may go either way
    assert (fingerprint(array) == fingerprint(other)) == alike


@examples(40)
@given(arrays)
def test_shape_and_dtype_tell_arrays_apart(array):
    flat = array.ravel()
    others = [array[None], array[..., None], np.concatenate([flat, flat, flat[:1]])]
    if array.ndim > 1:
        others.append(flat)
    for other in others:
        if other.shape != array.shape:
            assert fingerprint(array) != fingerprint(other)
    if array.dtype.kind in "iu":
        kind = "i" if array.dtype.kind == "u" else "u"
        assert_all_differ(array, array.view(f"{kind}{array.itemsize}"))


def test_kinds_of_numbers():
    kinds = ("i1", "i4", "i8", "u1", "f4", "f8", bool, object)
    assert_all_differ(*(np.array([0, 1, 1]).astype(kind) for kind in kinds))
    assert_all_differ(1, 1.0, True, "1", b"1", (1,), [1], {1}, {1: 1}, None, 1 + 0j)
    assert_all_differ(np.int64(1), np.int32(1), np.float64(1), np.bool_(True))
    assert_all_differ([1, 2], [1.0, 2], [True, 2], [1, 2.0])
    assert_all_differ({1: 0}, {1.0: 0}, {True: 0}, {1: 0.0})


def test_nesting_counts():
    assert_all_differ([1, [2]], [[1], 2], [1, 2], [[1, 2]], (1, [2]), [1, (2,)])
    assert_all_differ("ab", ["a", "b"], ["ab", ""], ["", "ab"], ["ab"])
    assert len({fingerprint("a", "b"), fingerprint("ab"), fingerprint("b", "a")}) == 3
    assert fingerprint("a", "bc") != fingerprint("ab", "c")
    assert fingerprint(X, Y) != fingerprint(Y, X)
    assert_all_differ([X, None], [None, X], {"a": X}, {"b": X})


def test_masks_records_and_text():
    values, mask = np.arange(4.0), np.array([True, False, False, False])
    assert_all_differ(
        values, np.ma.array(values, mask=mask), np.ma.array(values, mask=mask[::-1])
    )
    records = np.array([(1, 2.0)], dtype=[("a", int), ("b", float)])
    renamed = records.astype([("a", int), ("c", float)])
    changed = np.array([(1, 3.0)], dtype=records.dtype)
    assert_all_differ(records, renamed, changed)
    assert_same(records, records.copy(), np.repeat(records, 2)[::2])
    objects = [np.array(each, object) for each in (["ab", "c"], ["a", "bc"], ["ab", 0])]
    assert_all_differ(*objects)
    assert_all_differ(np.array(["a", None], object), np.array([None, "a"], object))


def test_rows_on_disk(tmp_path):
    np.save(tmp_path / "rows.npy", X)
    mapped = np.load(tmp_path / "rows.npy", mmap_mode="r")
    assert isinstance(mapped, np.memmap)
    assert_same(X, mapped, mapped[:], np.load(tmp_path / "rows.npy", mmap_mode="c"))
    assert_same(X[3:9], mapped[3:9])
    assert_same([1, X], [1, mapped])


def test_random_states():
    one, other = np.random.RandomState(3), np.random.RandomState(3)
    assert_same(one, other)
    other.random()
    assert_all_differ(one, other, np.random.RandomState(4))
    assert_same(np.random.default_rng(1), np.random.default_rng(1))
    assert_all_differ(np.random.default_rng(1), np.random.default_rng(2))


# Sparse matrices -------------------------------------------------------------------


def _shuffled(matrix):
    """The same matrix with the indices of each row in reverse order."""
    data, indices = matrix.data.copy(), matrix.indices.copy()
    for start, stop in zip(matrix.indptr[:-1], matrix.indptr[1:], strict=True):
        data[start:stop] = data[start:stop][::-1]
        indices[start:stop] = indices[start:stop][::-1]
    return type(matrix)((data, indices, matrix.indptr.copy()), shape=matrix.shape)


@pytest.mark.parametrize(
    "kind", [sparse.csr_matrix, sparse.csc_matrix, sparse.csr_array]
)
def test_a_sparse_matrix_is_its_entries(kind):
    dense = np.random.default_rng(0).integers(0, 3, size=(6, 5)).astype(float)
    matrix = kind(dense)
    asked = kind(dense)
    assert asked.has_sorted_indices  # looks, and keeps what it saw
    assert asked.has_canonical_format
    shuffled = _shuffled(matrix)
    longer = kind(dense)
    longer.indices = longer.indices.astype(np.int64)
    longer.indptr = longer.indptr.astype(np.int64)
    assert_same(matrix, asked, matrix.copy(), pickle.loads(pickle.dumps(matrix)))
    assert_same(matrix, longer)
    before = shuffled.indices.copy()
    assert_same(matrix, shuffled)
    assert_array_equal(shuffled.indices, before)
    assert_same(matrix[2:4], kind(dense[2:4]))
    assert_same(matrix, kind(sparse.coo_matrix(dense)))


def test_entries_of_sparse_matrices_count():
    dense = np.diag([1.0, 2.0, 0.0])
    moved = dense.copy()
    moved[0, 0], moved[0, 1] = 0.0, 1.0
    changed = dense * [1, 1.5, 1]
    wider = np.hstack([dense, np.zeros((3, 1))])
    all_kinds = [sparse.csr_matrix(each) for each in (dense, moved, changed, wider)]
    all_kinds += [sparse.csr_matrix(dense.astype(np.float32))]
    assert_all_differ(*all_kinds)


# Frames ----------------------------------------------------------------------------


def pandas_frame(n=12, **columns):
    kind = pd.CategoricalDtype(["x", "y", "z"])
    return pd.DataFrame(
        {
            "number": np.arange(n) / 3,
            "count": pd.array([None, *range(1, n)], dtype="Int64"),
            "word": [f"w{i % 4}" for i in range(n)],
            "kind": pd.Categorical([("x", "y")[i % 2] for i in range(n)], dtype=kind),
            "day": pd.date_range("2024-01-01", periods=n),
            "yes": np.arange(n) % 3 == 0,
            "thing": pd.Series([("a", 1)[i % 2] for i in range(n)], dtype=object),
        }
        | columns
    )


def polars_frame(n=12, **columns):
    words = [("x", "y")[i % 2] for i in range(n)]
    return pl.DataFrame(
        {
            "number": np.arange(n) / 3,
            "count": [None, *range(1, n)],
            "word": [f"w{i % 4}" for i in range(n)],
            "kind": pl.Series(words, dtype=pl.Categorical),
            "enum": pl.Series(words, dtype=pl.Enum(["x", "y"])),
            "list": [[i, i + 1] for i in range(n)],
            "yes": [i % 3 == 0 for i in range(n)],
        }
        | columns
    )


def test_pandas_frames_are_their_columns():
    frame = pandas_frame()
    by_columns = pd.concat([frame[[name]] for name in frame], axis=1)
    halves = pd.concat([frame[:5], frame[5:]])
    inserted = frame[["number", "word", "kind", "day", "yes", "thing"]].copy()
    inserted.insert(1, "count", frame["count"])
    assert_same(
        frame,
        pandas_frame(),
        frame.copy(),
        pickle.loads(pickle.dumps(frame)),
        by_columns,
        halves,
        inserted,
        frame.iloc[::-1].iloc[::-1],
        frame[frame.columns[::-1]][frame.columns],
    )
    asked = pandas_frame()
    assert str(asked["count"].array.dtype) == "Int64"  # which the array keeps in mind
    fresh = pickle.loads(pickle.dumps(pandas_frame()))
    assert_same(fresh, asked)
    assert_same(pickle.loads(pickle.dumps(asked["count"])), asked["count"])
    rows = [1, 5, 7]
    assert_same(frame.iloc[rows], pandas_frame().iloc[rows], frame.take(rows))
    assert_same(frame.iloc[2:8], frame.iloc[:8].iloc[2:], frame.iloc[2:8].copy())


def test_what_tells_pandas_frames_apart():
    frame = pandas_frame()
    wide = pd.CategoricalDtype(["x", "y", "z", "never seen"])
    ordered = pd.CategoricalDtype(["x", "y", "z"], ordered=True)
    kinds = (wide, ordered)
    others = [
        frame.rename(columns={"number": "Number"}),
        frame[frame.columns[::-1]],
        frame.drop(columns="yes"),
        frame[:-1],
        frame[::-1],
        frame.to_numpy(dtype=object),
        *(frame.assign(kind=frame["kind"].astype(dtype)) for dtype in kinds),
        frame.assign(kind=frame["kind"].cat.reorder_categories(["z", "y", "x"])),
        frame.assign(number=frame["number"].astype(np.float32)),
        frame.assign(yes=frame["yes"].astype(int)),
        frame.assign(day=frame["day"] + pd.Timedelta(1, "s")),
        frame.assign(day=frame["day"].dt.tz_localize("UTC")),
    ]
    if hasattr(frame["day"].dt, "as_unit"):  # since pandas 2
        others.append(frame.assign(day=frame["day"].dt.as_unit("s")))
    for name in frame:
        values = frame[name].tolist()
        values[2] = values[3]
        if values[2] != frame[name].iloc[2]:
            changed = pd.Series(values, dtype=frame[name].dtype)
            others.append(frame.assign(**{name: changed}))
    assert_all_differ(frame, *others)
    swapped = frame.rename(columns={"number": "x", "count": "number"})
    assert_all_differ(frame, swapped.rename(columns={"x": "count"}))


def test_polars_frames_are_their_columns():
    frame = polars_frame()
    chunks = pl.concat([frame[:5], frame[5:]], rechunk=False)
    assert chunks.n_chunks() > frame.n_chunks()
    assert_same(
        frame,
        polars_frame(),
        frame.clone(),
        pickle.loads(pickle.dumps(frame)),
        chunks,
        frame.reverse().reverse(),
        frame.select(frame.columns[::-1]).select(frame.columns),
    )
    assert_same(frame[2:8], polars_frame()[2:8], frame[:8][2:], chunks[2:8])
    assert_same(frame[[1, 5, 7]], polars_frame()[[1, 5, 7]])


def test_polars_categories_are_words_not_numbers():
    words = ["x", "y", "x"]
    pl.Series(["q", "y", "x"], dtype=pl.Categorical)  # takes the first numbers
    late = pl.DataFrame({"kind": pl.Series(["q", *words], dtype=pl.Categorical)})[1:]
    plain = pl.DataFrame({"kind": pl.Series(words, dtype=pl.Categorical)})
    assert late["kind"].to_list() == plain["kind"].to_list()
    assert_same(late, plain)
    changed = pl.DataFrame({"kind": pl.Series(["x", "y", "y"], dtype=pl.Categorical)})
    assert_all_differ(plain, changed, plain.cast(pl.String))


def test_what_tells_polars_frames_apart():
    frame = polars_frame()
    enum = pl.Enum(["x", "y", "never seen"])
    others = [
        frame.rename({"number": "Number"}),
        frame.select(frame.columns[::-1]),
        frame.drop("yes"),
        frame[:-1],
        frame.reverse(),
        frame.with_columns(pl.col("number").cast(pl.Float32)),
        frame.with_columns(pl.col("enum").cast(enum)),
        frame.with_columns(pl.col("enum").cast(pl.String)),
    ]
    for name in frame.columns:
        rows = frame.rows(named=True)
        rows[2][name] = rows[3][name]
        if rows[2] != frame.rows(named=True)[2]:
            others.append(pl.DataFrame(rows, schema=frame.schema))
    assert_all_differ(frame, *others)


def test_series():
    halves = pl.concat([pl.Series([1, 2]), pl.Series([3])], rechunk=False)
    assert halves.n_chunks() == 2
    assert_same(halves, pl.Series([1, 2, 3]))
    assert_same(pd.Series([1, 2, 3])[1:], pd.Series([1, 2, 3])[1:].copy())
    assert_all_differ(pd.Series([1, 2]), pd.Series([1, 3]), pd.Series([1.0, 2.0]))
    assert_all_differ(pl.Series([1, 2]), pl.Series([1, 3]), pl.Series([1.0, 2.0]))
    kinds = pd.Series(["a", "b"], dtype="category")
    assert_all_differ(kinds, kinds.cat.add_categories("c"), kinds.astype(str))


@examples(25)
@given(st.lists(st.integers(0, 11), min_size=1, max_size=12))
def test_rows_of_a_frame_are_taken_or_rebuilt(rows):
    frame = pandas_frame().drop(columns=["day", "count", "thing"])
    data = {name: frame[name].tolist() for name in frame}
    rebuilt = pd.DataFrame(
        {name: [data[name][i] for i in rows] for name in frame}, index=rows
    ).astype(frame.dtypes)
    assert_same(frame.iloc[rows], rebuilt)


# Functions and classes -------------------------------------------------------------


def user_module(source, name="a_module_of_the_user"):
    """Run the source as a module of that name, which nobody can import by file."""
    module = types.ModuleType(name)
    sys.modules[name] = module
    exec(compile(textwrap.dedent(source), f"{name}.py", "exec"), module.__dict__)
    return module


@pytest.fixture(autouse=True)
def _no_module_is_left():
    yield
    for name in ("a_module_of_the_user", "a_helper_of_the_user"):
        sys.modules.pop(name, None)


def of_source(source, name):
    return fingerprint(getattr(user_module(source), name))


FUNCTIONS = """
import numpy as np
SCALE = 2.0
OTHER = 1.0
TABLE = {"a": [1, 2]}
def helper(X):
    return X - SCALE
def deep(X):
    return [helper(row) for row in X]
def main(X, power=2, *, base=10):
    if power in {"q", "r", "s"}:
        return X
    inner = lambda X: deep(X) + TABLE["a"]
    return np.log(inner(X)) ** power / base
def make(n):
    def closed(X):
        return X + n
    return closed
closed = make(3)
def remembered(X):
    return main(X)
"""

CHANGES = {
    "own code": ("** power", "* power"),
    "a constant": ("return X\n", "return None\n"),
    "a constant of a set": ('{"q", "r", "s"}', '{"q", "r", "t"}'),
    "default": ("power=2", "power=3"),
    "kind of the default": ("power=2", "power=2.0"),
    "keyword default": ("base=10", "base=11"),
    "library function": ("np.log(", "np.log1p("),
    "inner function": ("deep(X) +", "deep(X) *"),
    "global in an inner function": ("[1, 2]}", "[1, 3]}"),
    "key of that": ('TABLE["a"]', 'TABLE["b"]'),
    "helper of a helper": ("X - SCALE", "X + SCALE"),
    "global of that": ("SCALE = 2.0", "SCALE = 2.5"),
    "kind of the global": ("SCALE = 2.0", "SCALE = 2"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_what_a_function_does(change):
    old, new = CHANGES[change]
    assert FUNCTIONS.count(old) == 1
    before = of_source(FUNCTIONS, "main")
    assert of_source(FUNCTIONS.replace(old, new), "main") != before


HARMLESS = {
    "nothing": ("", ""),
    "a comment": ("def helper(X):", "# A comment\n\ndef helper(X):"),
    "a global nobody uses": ("OTHER = 1.0", "OTHER = 7.0"),
    "another function": ("X + n", "X - n"),
}


@pytest.mark.parametrize("change", HARMLESS)
def test_what_a_function_does_not_use(change):
    changed = FUNCTIONS.replace(*HARMLESS[change])
    assert of_source(changed, "main") == of_source(FUNCTIONS, "main")


def test_closures():
    module = user_module(FUNCTIONS)
    assert_same(module.make(3), module.make(3))
    assert_all_differ(module.make(3), module.make(4), module.make(3.0), module.make(X))
    changed = FUNCTIONS.replace("X + n", "X * n")
    assert of_source(changed, "closed") != of_source(FUNCTIONS, "closed")


def test_a_function_that_ran_hot():
    module = user_module("def hot(n):\n    return sum(i * 1.5 for i in range(n))")
    before = fingerprint(module.hot)
    for _ in range(200):
        module.hot(50)
    assert fingerprint(module.hot) == before


def test_functions_around_functions():
    source = """
    import functools
    def outer(f):
        @functools.wraps(f)
        def wrapper(X):
            return f(X) + 1
        return wrapper
    @outer
    def wrapped(X):
        return X * 2
    @functools.lru_cache
    def cached(X):
        return X * 2
    part = functools.partial(lambda X, n: X * n, n=2)
    """
    for name, old, new in (
        ("wrapped", "X * 2", "X * 3"),
        ("wrapped", "f(X) + 1", "f(X) + 2"),
        ("cached", "X * 2", "X * 3"),
        ("part", "X * n", "X + n"),
        ("part", "n=2", "n=3"),
    ):
        before = of_source(source, name)
        assert of_source(source, name) == before, name
        assert of_source(source.replace(old, new), name) != before, name


@pytest.mark.parametrize("holder", ["{f: 1, g: 2}", "{f, g}", "{f: 1, 'x': 2, 3: g}"])
def test_functions_that_cannot_be_sorted(holder):
    source = f"""
    def f(X):
        return X + 1
    def g(X):
        return X + 2
    HELD = {holder}
    def main(X):
        for each in HELD:
            X = each(X)
        return X
    """
    before = of_source(source, "main")
    assert of_source(source, "main") == before
    for old in ("X + 1", "X + 2"):
        assert of_source(source.replace(old, "X + 3"), "main") != before


USERS_OF_A_MODULE = {
    "by the module": """
        import a_helper_of_the_user
        def main(X):
            return a_helper_of_the_user.scores(X)
        """,
    "by another name": """
        import a_helper_of_the_user as tools
        class main:
            def predict(self, X):
                return tools.scores(X)
        """,
    "imported late": """
        def main(X):
            import a_helper_of_the_user
            return a_helper_of_the_user.scores(X)
        """,
    "taken late": """
        def main(X):
            from a_helper_of_the_user import scores
            return scores(X)
        """,
}


@pytest.mark.parametrize("way", USERS_OF_A_MODULE)
@pytest.mark.parametrize("change", ["X + STEP", "STEP = 1", "2 * X"])
def test_modules_of_the_user(way, change):
    """A file of the user's that he calls through its name."""
    source = """
    STEP = 1
    def deep(X):
        return 2 * X
    def scores(X):
        return deep(X + STEP)
    """

    def told(helper):
        user_module(helper, "a_helper_of_the_user")
        try:
            return of_source(USERS_OF_A_MODULE[way], "main")
        except NoFingerprintError:
            return object()  # is known to nobody, which is no stale hit

    other = {"X + STEP": "X - STEP", "STEP = 1": "STEP = 2", "2 * X": "3 * X"}[change]
    if not way.endswith("late"):
        assert told(source) == told(source)
    assert told(source) != told(source.replace(change, other))


def test_what_is_known_by_name_only():
    def told(function):
        try:
            return fingerprint(np.frompyfunc(function, 1, 1))
        except NoFingerprintError:
            return object()

    assert told(lambda x: x + 1) != told(lambda x: x + 2)
    assert_all_differ(np.exp, np.log, len, max, np.random.rand)


def test_vectorized_functions():
    one, same, other = (
        user_module(f"import numpy as np\nf = np.vectorize(lambda x: x + {n})").f
        for n in (1, 1, 2)
    )
    assert_same(one, same)
    assert_all_differ(one, other)


def test_attributes_of_a_class_that_were_set_later():
    module = user_module(
        "class Settings:\n    scale = 1\ndef f(X):\n    return Settings.scale * X"
    )
    before = prints([module.f, module.Settings()])
    module.Settings.scale = 2
    assert not set(before) & set(prints([module.f, module.Settings()]))


def test_attributes_of_a_function():
    source = """
    def main(X):
        return X @ main.weights
    main.weights = 1.0
    class Teacher:
        def say(self, X):
            return main(X)
    """
    for name in ("main", "Teacher"):
        before = of_source(source, name)
        assert of_source(source, name) == before
        assert of_source(source.replace("= 1.0", "= 2.0"), name) != before


WAYS_TO_IMPORT = {
    "a name of a sibling": "from .{0} import SCALE as scale",
    "a sibling": "from . import {0}\n    scale = {0}.SCALE",
    "a package": "import a_package_of_the_user.{0} as at\n    scale = at.SCALE",
}


@pytest.mark.parametrize("sibling", ["json", "helper"])
@pytest.mark.parametrize("way", WAYS_TO_IMPORT)
def test_files_next_to_a_file_of_the_user(way, sibling, tmp_path, monkeypatch):
    """Some are called like modules of Python."""
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    folder = tmp_path / "a_package_of_the_user"
    folder.mkdir()
    (folder / "__init__.py").write_text("")
    code = WAYS_TO_IMPORT[way].format(sibling)
    (folder / "teachers.py").write_text(f"def main(X):\n    {code}\n    return scale")

    def told(number):
        (folder / f"{sibling}.py").write_text(f"SCALE = {number}")
        for name in [name for name in sys.modules if name.startswith(folder.name)]:
            del sys.modules[name]
        importlib.invalidate_caches()
        main = importlib.import_module(f"{folder.name}.teachers").main
        found = fingerprint(main)
        assert main(None) == number
        return found

    assert told(1) == told(1)
    assert told(1) != told(2)


def test_imports_that_need_not_succeed():
    source = """
    def main(X):
        try:
            import a_module_that_nobody_has as library
        except ImportError:
            import numpy as library
        return library.exp(X)
    """
    before = of_source(source, "main")
    assert of_source(source, "main") == before
    assert of_source(source.replace("nobody", "somebody"), "main") != before


def test_imports_are_left_for_when_they_are_wanted(capsys, monkeypatch):
    monkeypatch.delitem(sys.modules, "this", raising=False)
    of_source("def main(X):\n    import this\n    return X", "main")
    assert "this" not in sys.modules
    assert capsys.readouterr().out == ""


def test_versions_are_not_taken_from_files_of_the_user(tmp_path, monkeypatch):
    """What lies with the libraries goes by its version, and all else by its code."""
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    monkeypatch.syspath_prepend(tmp_path)

    def told(number):
        path = tmp_path / "a_module_of_the_user.py"
        path.write_text(f"__version__ = '1.0'\ndef main(X):\n    return {number} * X\n")
        sys.modules.pop(path.stem, None)
        importlib.invalidate_caches()
        return fingerprint(importlib.import_module(path.stem).main)

    assert told(1) == told(1)
    assert told(1) != told(2)


def test_classes_of_other_classes():
    source = """
    class Meta(type):
        def __call__(cls, *args):
            made = super().__call__(*args)
            made.scale = 1
            return made
    class Teacher(metaclass=Meta):
        pass
    """
    before = of_source(source, "Teacher")
    assert of_source(source, "Teacher") == before
    assert of_source(source.replace("scale = 1", "scale = 2"), "Teacher") != before


class Measured(np.ndarray):
    """An array with a unit."""


def test_attributes_of_arrays():
    def measured(unit):
        array = np.arange(3.0).view(Measured)
        array.unit = unit
        return array

    assert_same(measured("m"), measured("m"))
    assert_all_differ(measured("m"), measured("km"), np.arange(3.0))


def test_order_of_dicts():
    one, other = {"a": 1, "b": 2}, {"b": 2, "a": 1}
    assert_all_differ(one, other, OrderedDict(one), OrderedDict(other))
    ours, theirs = Stump(), Stump()
    ours.a, ours.b = 1, 2
    theirs.b, theirs.a = 2, 1
    assert_same(ours, theirs)


@pytest.mark.parametrize("limit", [3000, pytest.param(None, marks=pytest.mark.slow)])
def test_functions_that_all_call_one_another(limit, monkeypatch):
    """There are too many ways through them; that is said, and soon."""
    if limit is not None:
        monkeypatch.setattr("skdistill._fingerprint._MOST_AGAIN", limit)
    names = [f"f{i}" for i in range(12)]
    calls = " + ".join(f"{name}(X)" for name in names)
    source = "\n".join(f"def {name}(X):\n    return {calls}" for name in names)
    module = user_module(source)
    with pytest.raises(NoFingerprintError, match="refer to one another"):
        fingerprint(module.f0)
    few = source.replace(calls, " + ".join(f"{name}(X)" for name in names[:4]))
    assert of_source(few, "f0") == of_source(few, "f0") != of_source(few, "f1")


def test_functions_that_call_each_other():
    source = """
    def even(n):
        return n == 0 or odd(n - 1)
    def odd(n):
        return n != 0 and even(n - 1)
    """
    assert of_source(source, "even") == of_source(source, "even")
    assert of_source(source, "even") != of_source(source, "odd")
    changed = source.replace("n != 0", "n > 0")
    assert of_source(changed, "even") != of_source(source, "even")
    assert of_source(changed, "odd") != of_source(source, "odd")


CLASSES = """
import enum
from dataclasses import dataclass
import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
CUT = 0.5
def tool(X):
    return X > CUT
class Base(ClassifierMixin, BaseEstimator):
    sign = 1
    def __init__(self, a=1):
        super().__init__()
        self.a = a
    def __sklearn_tags__(self):
        return super().__sklearn_tags__()
    @property
    def half(self):
        return self.a / 2
    @classmethod
    def named(cls):
        return "cls"
    @staticmethod
    def still(X):
        return X + 0
class Teacher(Base):
    def fit(self, X, y):
        self.classes_ = np.unique(y)
        self.mean_ = np.mean(X)
        return self
    def predict_proba(self, X):
        return tool(self.still(X)) * self.sign
    def predict(self, X):
        return self.predict_proba(X) @ [2, 3]
class Colour(enum.Enum):
    RED = 1
@dataclass
class Point:
    x: int = 3
class Slots:
    __slots__ = ("x",)
    def __init__(self, x=1):
        self.x = x
"""

CLASS_CHANGES = {
    "method": ("@ [2, 3]", "@ [2, 4]"),
    "constructor": ("self.a = a", "self.a = a or 1"),
    "default of the constructor": ("a=1", "a=2"),
    "attribute of the class": ("sign = 1", "sign = -1"),
    "property of the parent": ("self.a / 2", "self.a / 3"),
    "class method": ('"cls"', '"slc"'),
    "static method": ("X + 0", "X + 1"),
    "function it calls": ("X > CUT", "X >= CUT"),
    "global of that": ("CUT = 0.5", "CUT = 0.6"),
    "parents": ("class Teacher(Base)", "class Teacher(Base, Point)"),
    "another method": ("    def fit(", "    def more(self): ...\n    def fit("),
}


def _wrap(teacher):
    return make_pipeline(StandardScaler(), VotingClassifier([("a", teacher)]))


@pytest.mark.parametrize("change", CLASS_CHANGES)
def test_what_a_class_does(change):
    old, new = CLASS_CHANGES[change]
    assert CLASSES.count(old) == 1
    if change == "parents":  # Point has to stand before it
        head, tail = CLASSES.split("class Teacher")
        body, rest = tail.split("@dataclass")
        changed = head + "@dataclass" + rest + "class Teacher" + body
        same_order, changed = changed, changed.replace(old, new)
    else:
        same_order, changed = CLASSES, CLASSES.replace(old, new)
    for hold in (
        lambda module: module.Teacher,
        lambda module: module.Teacher(a=5),
        lambda module: module.Teacher(a=5).fit(X, Y),
        lambda module: [_wrap(module.Teacher(a=5))],
        lambda module: module.Teacher(a=5).predict_proba,
    ):
        first, again, other = (
            fingerprint(hold(user_module(source)))
            for source in (same_order, same_order, changed)
        )
        assert first == again
        assert first != other


KINDS_OF_CLASSES = {
    "dataclass": """
        from dataclasses import dataclass, field
        @dataclass
        class Thing:
            x: int = 3
            y: list = field(default_factory=list)
            def use(self): return self.x + 1
        """,
    "frozen dataclass": """
        from dataclasses import dataclass
        @dataclass(frozen=True, slots=True)
        class Thing:
            x: int = 3
            def use(self): return self.x + 1
        """,
    "enumeration": """
        import enum
        class Thing(enum.Enum):
            A = 3
            def use(self): return self.value + 1
        """,
    "cached property": """
        import functools
        class Thing:
            @functools.cached_property
            def use(self): return 3 + 1
        """,
    "abstract": """
        import abc
        class Base(abc.ABC):
            @abc.abstractmethod
            def use(self): ...
        class Thing(Base):
            def use(self): return 3 + 1
        """,
    "generic": """
        from typing import Generic, TypeVar
        T = TypeVar("T")
        class Thing(Generic[T]):
            def use(self): return 3 + 1
        """,
    "named tuple": """
        from typing import NamedTuple
        class Thing(NamedTuple):
            x: int = 3
            def use(self): return self.x + 1
        """,
    "slots": """
        class Thing:
            __slots__ = ("x",)
            def use(self): return 3 + 1
        """,
    "available if": """
        from sklearn.utils.metaestimators import available_if
        class Thing:
            @available_if(lambda self: True)
            def use(self): return 3 + 1
        """,
    "partial method": """
        import functools
        class Thing:
            def add(self, n): return 3 + n
            use = functools.partialmethod(add, n=+ 1)
        """,
    "metadata": """
        import numpy as np
        from sklearn.base import BaseEstimator, ClassifierMixin
        class Thing(ClassifierMixin, BaseEstimator):
            def fit(self, X, y, sample_weight=None, groups=None): return 3 + 1
            def predict(self, X, groups=None): return X
        """,
}


@pytest.mark.parametrize("kind", KINDS_OF_CLASSES)
def test_kinds_of_classes(kind):
    source = KINDS_OF_CLASSES[kind]
    before = of_source(source, "Thing")
    assert of_source(source, "Thing") == before
    assert of_source("\n\n" + source, "Thing") == before
    assert of_source(source.replace("+ 1", "+ 2"), "Thing") != before
    assert of_source(source.replace("3", "4"), "Thing") != before


def test_other_kinds_of_classes():
    module = user_module(CLASSES)
    points = [module.Point(), module.Point(4), module.Slots(1), module.Slots(2)]
    assert_all_differ(*points, module.Colour.RED, module.Colour, module.Point)
    assert_same(module.Slots(1), copy.deepcopy(module.Slots(1)))
    before = [fingerprint(each) for each in (module.Colour.RED, module.Slots(1))]
    changed = user_module(CLASSES.replace("RED = 1", "RED = 2").replace("x=1", "x=9"))
    after = [fingerprint(each) for each in (changed.Colour.RED, changed.Slots(1))]
    assert not set(before) & set(after)


def test_names_and_values_of_parameters():
    module = user_module(CLASSES)
    assert_all_differ(
        module.Teacher(1),
        module.Teacher(1.0),
        module.Teacher(None),
        module.Base(1),
        module.Teacher(module.Base(1)),
    )
    for one, other in (
        (LogisticRegression(C=1.0), LogisticRegression(C=2.0)),
        (forest, clone(forest).set_params(max_depth=4)),
        (fitted("forest"), clone(forest).fit(X[1:], Y[1:])),
        (fitted("boosting"), clone(boosting).set_params(max_iter=4).fit(X, Y)),
        (fitted("network"), network(random_state=1).fit(X, Y)),
        (fitted("votes of networks"), voting(random_state=1).fit(X, Y)),
        (fitted("lightgbm"), lightgbm(n_estimators=4).fit(X, Y)),
        (make_pipeline(forest), make_pipeline(forest, "passthrough")),
        (FunctionTransformer(shifted), FunctionTransformer(doubled)),
    ):
        assert_all_differ(one, other)


def test_one_number_of_a_fitted_estimator():
    other = copy.deepcopy(fitted("logistic"))
    other.coef_[0, 0] = np.nextafter(other.coef_[0, 0], 9)
    assert_all_differ(fitted("logistic"), other)
    other = copy.deepcopy(fitted("forest"))
    values = other.estimators_[1].tree_.value
    values[-1, 0, 0] = 1 - values[-1, 0, 0] / 2
    assert_all_differ(fitted("forest"), other)
    other = copy.deepcopy(fitted("boosting"))
    other._predictors[-1][0].nodes["value"][-1] += 1e-9
    assert_all_differ(fitted("boosting"), other)


# Modules and nets ------------------------------------------------------------------


def module():
    return seeded_module(Net)


def test_modes_and_gradients_of_a_module_do_not_matter():
    plain, evaluated, asked = module(), module().eval(), module()
    assert_same(plain, evaluated)
    asked.eval()
    asked(torch.zeros(3, 4)).sum().backward()
    assert asked.last.weight.grad is not None
    assert_same(plain, asked)
    asked.zero_grad()
    assert_same(plain, asked, copy.deepcopy(asked))


def test_state_of_a_module():
    others = []
    for change in (
        lambda net: net.last.weight.data.view(-1)[0].add_(1e-6),
        lambda net: net.first.bias.data.neg_(),
        lambda net: net.norm.running_mean.add_(1e-3),
        lambda net: net.norm.num_batches_tracked.add_(1),
        lambda net: setattr(net, "scale", 2.0),
        lambda net: setattr(net.norm, "eps", 1e-3),
        lambda net: net.double(),
        lambda net: net.bfloat16(),
        lambda net: net.register_buffer("more", torch.ones(1), persistent=False),
        lambda net: net.last.register_forward_hook(lambda m, i, out: 2 * out),
        lambda net: setattr(net.last, "bias", None),
        lambda net: setattr(net, "first", nn.Sequential(net.first)),
    ):
        net = module()
        change(net)
        others.append(net)
    assert_all_differ(module(), *others)
    batch = module()
    batch(torch.randn(5, 4))  # in training mode: moves the running statistics
    assert fingerprint(batch) != fingerprint(module())


def test_hidden_buffers_count():
    def with_buffer(value):
        net = module()
        net.register_buffer("more", torch.tensor([value]), persistent=False)
        return net

    assert_same(with_buffer(1.0), with_buffer(1.0))
    assert_all_differ(with_buffer(1.0), with_buffer(2.0))


def test_order_of_layers():
    torch.manual_seed(0)
    one, relu = nn.Linear(3, 3), nn.ReLU()
    names = OrderedDict(a=one, b=relu)
    assert_all_differ(
        nn.Sequential(names),
        nn.Sequential(OrderedDict(reversed(names.items()))),
        nn.Sequential(one, relu),
        nn.Sequential(relu, one),
    )
    assert_same(nn.Sequential(one, relu), nn.Sequential(copy.deepcopy(one), nn.ReLU()))


def test_wrapped_modules():
    torch.manual_seed(0)
    normed = nn.utils.parametrizations.weight_norm(nn.Linear(3, 2))
    assert_same(normed, copy.deepcopy(normed))
    changed = copy.deepcopy(normed)
    changed.parametrizations.weight.original1.data.add_(1)
    assert_all_differ(normed, changed, nn.Linear(3, 2))
    low = module().bfloat16()
    assert_same(low, copy.deepcopy(low))
    complex_ = nn.ParameterList([torch.ones(2, dtype=torch.complex64)])
    assert_same(complex_, copy.deepcopy(complex_))
    jit = nn.ModuleDict({"b": nn.Linear(1, 1), "a": nn.Linear(1, 1)})
    assert_same(jit, copy.deepcopy(jit))


def test_tensors():
    one = torch.arange(6.0).reshape(2, 3)
    assert_same(one, one.clone(), one.T.contiguous().T, torch.cat([one, one])[:2])
    changed = one.clone()
    changed[0, 0] = 3
    assert_all_differ(one, changed, one.double(), one.reshape(3, 2), one.half())


def test_code_of_a_module():
    source = """
    import torch
    from torch import nn
    def act(X):
        return torch.relu(X)
    class Inner(nn.Module):
        def forward(self, X):
            return act(X)
    class Outer(nn.Module):
        def __init__(self):
            super().__init__()
            torch.manual_seed(0)
            self.layers = nn.Sequential(nn.Linear(4, 3), Inner())
        def forward(self, X):
            return self.layers(X)
    def build():
        return nn.Sequential(Outer())
    """
    for hold in (
        lambda module: module.Outer(),
        lambda module: module.Outer,
        lambda module: module.build(),
        lambda module: module.build,
        lambda module: [module.Outer(), GaussianNB()],
        lambda module: NeuralClassifier(module=module.Outer),
        lambda module: NeuralClassifier(module=module.Outer()),
        lambda module: skorch.NeuralNetClassifier(module.Outer),
        lambda module: module.Outer().forward,
    ):
        changed = source.replace("torch.relu", "torch.tanh")
        before, again, after = (
            fingerprint(hold(user_module(each))) for each in (source, source, changed)
        )
        assert before == again
        after_outer = source.replace("self.layers(X)", "-self.layers(X)")
        assert len({before, after, fingerprint(hold(user_module(after_outer)))}) == 3


def test_skorch_nets():
    net = fitted("skorch")
    assert_same(net, copy.deepcopy(net), pickle.loads(pickle.dumps(net)))
    timed = copy.deepcopy(net)
    timed.history.clear()
    assert_same(net, timed)
    before = fingerprint(net)
    net.module_.train()
    assert fingerprint(net) == before
    net.predict_proba(X.astype(np.float32))
    assert fingerprint(net) == before
    changed = copy.deepcopy(net)
    changed.module_.norm.running_mean += 1
    assert_all_differ(net, changed, skorch_net(), skorch_net(lr=0.5))
    assert_all_differ(skorch_net(module__scale=1.0), skorch_net(module__scale=2.0))


# Versions --------------------------------------------------------------------------


def test_versions_of_the_libraries_that_are_always_in_it(monkeypatch):
    before = prints([X, fitted("forest")])
    for library in (np, sklearn):
        with monkeypatch.context() as patch:
            patch.setattr(library, "__version__", "99.1")
            assert not set(prints([X, fitted("forest")])) & set(before), library
    assert prints([X, fitted("forest")]) == before


@pytest.mark.parametrize(
    ("library", "name"),
    [("lightgbm", "lightgbm"), ("torch", "network"), ("skorch", "skorch")],
)
def test_versions_of_what_an_object_comes_from(library, name, monkeypatch):
    holders = [UNFITTED[name], fitted(name), [fitted(name)], _wrap(UNFITTED[name])]
    before = prints(holders)
    plain = fingerprint(GaussianNB())
    monkeypatch.setattr(sys.modules[library], "__version__", "99.1")
    assert not set(prints(holders)) & set(before)
    assert fingerprint(GaussianNB()) == plain


def test_versions_of_frames_and_of_used_modules(monkeypatch):
    source = """
    import pandas as pd
    def f(X):
        return pd.DataFrame(X)
    """
    frame, other = pd.DataFrame({"a": [1]}), user_module(source)
    before = prints([frame, other.f])
    monkeypatch.setattr(pd, "__version__", "99.1")
    assert not set(prints([frame, other.f])) & set(before)


# What has none ---------------------------------------------------------------------


def _of_a_closure(thing):
    return lambda X: thing


def unknowable(folder):
    file = (folder / "file").open("w")
    connection = socket.socket()
    things = {
        "open file": file,
        "socket": connection,
        "lock": threading.Lock(),
        "generator": (i for i in range(3)),
        "frame of the interpreter": sys._getframe(),
        "thread": threading.Thread(),
    }
    return things, [file, connection]


def test_what_has_no_fingerprint(tmp_path):
    things, to_close = unknowable(tmp_path)
    try:
        for name, thing in things.items():
            for holder in (
                thing,
                [1, thing],
                {"a": thing},
                _of_a_closure(thing),
                Stump(column=thing),
                make_pipeline(FunctionTransformer(_of_a_closure(thing)), GaussianNB()),
            ):
                with pytest.raises(NoFingerprintError):
                    fingerprint(holder)
            with pytest.raises(TypeError):
                fingerprint(thing)
            assert name
    finally:
        for thing in to_close:
            thing.close()


def test_a_module_that_holds_something_unknowable():
    net = module()
    net.lock = threading.Lock()
    with pytest.raises(NoFingerprintError):
        fingerprint(net)


def test_things_that_hold_themselves():
    def ring(n):
        found = [n]
        found.append(found)
        return found

    try:
        one, other = fingerprint(ring(1)), fingerprint(ring(2))
    except NoFingerprintError:
        return
    assert one != other
    assert one == fingerprint(ring(1))


def test_a_part_that_many_hold_is_read_once():
    shared, other = list(range(4)), list(range(5))
    for _ in range(60):
        shared, other = [shared, shared], [other, other]  # 2**60 paths to the numbers
    assert_same(shared, copy.deepcopy(shared))
    assert_all_differ(shared, other)


class Node:
    def __init__(self, name, parent=None):
        self.name, self.parent, self.children = name, parent, []
        if parent is not None:
            parent.children.append(self)


def family(last="d"):
    root = Node("a")
    child = Node("b", root)
    Node("c", root)
    Node(last, child)
    return root


def test_things_that_know_what_holds_them():
    one = family()
    assert_same(one, family(), copy.deepcopy(one), pickle.loads(pickle.dumps(one)))
    assert_all_differ(one, family("e"), one.children[0], one.children[1])
    first, second = one.children
    assert_same([first, second], [*copy.deepcopy(one).children])
    assert_all_differ([first, second], [second, first], [first, first])
