"""What is kept on disk: computed once, by whoever asks, and never stale."""

import copy
import json
import multiprocessing
import os
import pickle
import shutil
import signal
import subprocess
import sys
import textwrap
import threading
import time
import warnings
from functools import cache, partial
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn import config_context
from sklearn.base import clone
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import (
    GridSearchCV,
    HalvingGridSearchCV,
    RandomizedSearchCV,
    cross_val_score,
    cross_validate,
)
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.tree import DecisionTreeClassifier
from torch import nn

from skdistill import BornAgainClassifier, DistillationClassifier, strip_teacher
from skdistill._store import open_store
from skdistill.neural import NeuralClassifier
from skdistill.neural.matching import RelationalKD
from tests.strategies import (
    Drawn,
    Impatient,
    Noted,
    frames,
    linear_scores,
    linear_weights,
    make_problem,
    note,
    read_diary,
)

pytestmark = pytest.mark.filterwarnings("ignore:The student is larger:UserWarning")

ROOT = Path(__file__).parents[1]
PROBLEM = make_problem(0, n=90, k=3, d=4)
X, Y, X_NEW, WEIGHT = PROBLEM.X, PROBLEM.y, PROBLEM.X_new, PROBLEM.weight
WEIGHTS = linear_weights(PROBLEM)
fork = multiprocessing.get_context("fork")

small_tree = DecisionTreeClassifier(max_leaf_nodes=6, random_state=0)
forest = RandomForestClassifier(5, max_depth=4, random_state=0)


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "a folder with spaces"


@pytest.fixture
def diary(tmp_path):
    return str(tmp_path / "diary")


# The store itself ------------------------------------------------------------------


def compute(diary, value=1, seconds=0.0):
    note(diary, "computed")
    time.sleep(seconds)
    return np.full(3, value)


def ask(memory, diary, key="k", value=1, seconds=0.0):
    store = open_store(memory)
    return store.remember("thing", key, partial(compute, diary, value, seconds))


def test_once_and_again(folder, diary):
    for _ in range(3):
        assert_array_equal(ask(folder, diary), [1, 1, 1])
    assert read_diary(diary) == {"computed": 1}
    assert_array_equal(ask(folder, diary, key="other", value=2), [2, 2, 2])
    assert_array_equal(ask(folder, diary, value=3), [1, 1, 1])
    assert read_diary(diary) == {"computed": 2}


@pytest.mark.parametrize("value", [None, 0, False, (), np.zeros(0), {"a": None}])
def test_any_value_is_kept(value, folder):
    store = open_store(folder)
    kept = store.remember("thing", "k", lambda: value)
    again = store.remember("thing", "k", lambda: pytest.fail("computed twice"))
    assert joblib.hash(kept) == joblib.hash(again) == joblib.hash(value)


def test_kinds_are_kept_apart(folder):
    store = open_store(folder)
    assert store.remember("one", "k", lambda: 1) == 1
    assert store.remember("two", "k", lambda: 2) == 2
    assert store.remember("one", "k", lambda: 3) == 1


@pytest.mark.parametrize("kind", ["str", "path", "Memory", "fspath"])
def test_what_a_memory_may_be(kind, folder, diary):
    class Pathlike:
        def __fspath__(self):
            return str(folder)

    memory = {
        "str": str(folder),
        "path": folder,
        "Memory": joblib.Memory(str(folder), verbose=0),
        "fspath": Pathlike(),
    }[kind]
    ask(memory, diary)
    ask(str(folder), diary)
    assert read_diary(diary) == {"computed": 1}


@pytest.mark.parametrize("nothing", [None, joblib.Memory(None)])
def test_no_store(nothing):
    assert open_store(nothing) is None


@pytest.mark.parametrize("wrong", [object(), 3, True, ["a"], b"x", GaussianNB()])
def test_what_no_memory_is(wrong):
    with pytest.raises(ValueError, match=r"memory=.*must be None.*joblib\.Memory"):
        open_store(wrong)


def test_a_store_that_travels(folder, diary):
    store = open_store(folder)
    key = store.key("x", rows=[X])
    store.remember("thing", key, partial(compute, diary))
    there = pickle.loads(pickle.dumps(store))
    assert there.key("x", rows=[X.copy()]) == key
    assert_array_equal(there.remember("thing", key, lambda: 3), [1, 1, 1])
    assert key != store.key("y", rows=[X])
    assert key != store.key("x", rows=[X[1:]])
    assert key != store.key("x", rows=[X, X])


def test_what_has_no_key_is_computed_and_said(folder, diary):
    store = open_store(folder)
    with pytest.warns(UserWarning, match="memory=.*not used"):
        key = store.key("x", threading.Lock())
    assert key is None
    for _ in range(2):
        store.remember("thing", key, partial(compute, diary))
    assert read_diary(diary) == {"computed": 2}


@pytest.mark.parametrize("own_store", [False, True])
def test_threads_that_want_the_same(own_store, folder, diary):
    shared = open_store(folder)
    start, found = threading.Barrier(6), []

    def run():
        store = open_store(folder) if own_store else shared
        start.wait()
        found.append(store.remember("t", "k", partial(compute, diary, 1, 0.2)).sum())

    threads = [threading.Thread(target=run) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert found == [3] * 6
    assert read_diary(diary) == {"computed": 1}


def test_other_keys_do_not_wait(folder):
    """The first can only end when the second has been computed."""
    store, second = open_store(folder), threading.Event()

    def first():
        return second.wait(30)

    def later():
        second.set()
        return 2

    with joblib.parallel_config("threading", n_jobs=2):
        found = joblib.Parallel()(
            joblib.delayed(store.remember)("t", key, work)
            for key, work in (("one", first), ("two", later))
        )
    assert found == [True, 2]


def _start(work, *arguments):
    process = fork.Process(target=work, args=arguments)
    process.start()
    return process


def _together(gate, *arguments):
    gate.wait(30)
    ask(*arguments)


def test_processes_that_want_the_same(folder, diary):
    gate = fork.Barrier(4)
    processes = [
        _start(_together, gate, folder, diary, f"k{i % 2}", 1, 0.3) for i in range(4)
    ]
    for process in processes:
        process.join(60)
        assert process.exitcode == 0
    assert read_diary(diary) == {"computed": 2}


@pytest.mark.slow
def test_workers_that_want_the_same(folder, diary):
    with joblib.parallel_config("loky", n_jobs=2):
        found = joblib.Parallel(batch_size=1)(
            joblib.delayed(_ask_in_a_worker)(str(ROOT), folder, diary, i % 2)
            for i in range(6)
        )
    assert found == [0, 3, 0, 3, 0, 3]
    assert read_diary(diary) == {"computed": 2}


def _ask_in_a_worker(root, folder, diary, i):
    return ask(folder, diary, f"k{i}", i, 0.2).sum()


def test_a_process_that_is_killed(folder, diary):
    """Its lock goes with it, and nothing half-written is found."""
    process = _start(ask, folder, diary, "k", 7, 600)
    deadline = time.monotonic() + 30
    while not read_diary(diary):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGKILL)
    process.join(30)
    started = time.monotonic()
    assert_array_equal(ask(folder, diary), [1, 1, 1])
    assert time.monotonic() - started < 5
    assert read_diary(diary) == {"computed": 2}


def _die_while_writing(folder, diary):
    class Deadly:
        def __reduce__(self):
            os.kill(os.getpid(), signal.SIGKILL)

    big = np.zeros(300_000)
    open_store(folder).remember("thing", "k", lambda: [big, Deadly()])


def test_a_process_that_is_killed_while_it_writes(folder, diary):
    process = _start(_die_while_writing, folder, diary)
    process.join(30)
    assert process.exitcode == -signal.SIGKILL
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # may tell of half an entry
        assert_array_equal(ask(folder, diary), [1, 1, 1])
    assert_array_equal(ask(folder, diary), [1, 1, 1])
    assert read_diary(diary) == {"computed": 1}


def test_a_waiting_process_takes_over_from_a_killed_one(folder, diary):
    first = _start(ask, folder, diary, "k", 7, 600)
    while not read_diary(diary):
        time.sleep(0.01)
    second = _start(ask, folder, diary, "k", 1, 0)
    time.sleep(0.3)
    assert second.is_alive()
    os.kill(first.pid, signal.SIGKILL)
    first.join(30)
    second.join(30)
    assert second.exitcode == 0
    assert_array_equal(ask(folder, diary, value=9), [1, 1, 1])


DAMAGES = {
    "half": lambda whole: whole[: len(whole) // 2],
    "nothing": lambda whole: b"",
    "garbage": lambda whole: b"no pickle at all" * 9,
    "zeros": lambda whole: bytes(len(whole)),
    "a class that is gone": lambda whole: b"\x80\x03cnowhere\nNothing\n.",
}


def entry_files(folder):
    return [file for file in folder.rglob("*.pkl") if file.is_file()]


@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_entries_are_written_anew(damage, folder, diary):
    ask(folder, diary)
    (file,) = entry_files(folder)
    file.write_bytes(DAMAGES[damage](file.read_bytes()))
    with pytest.warns(UserWarning, match="cannot be read") as told:
        assert_array_equal(ask(folder, diary), [1, 1, 1])
    assert len(told) == 1
    assert_array_equal(ask(folder, diary), [1, 1, 1])
    assert read_diary(diary) == {"computed": 2}


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError, SystemExit])
def test_an_interrupt_leaves_the_rest(error, folder, diary):
    ask(folder, diary, key="before")

    def fail():
        raise error("stop")

    with pytest.raises(error, match="stop"):
        open_store(folder).remember("thing", "k", fail)
    files = entry_files(folder)
    assert len(files) == 1
    assert_array_equal(ask(folder, diary, key="k", value=5), [5, 5, 5])
    assert_array_equal(ask(folder, diary, key="before", value=6), [1, 1, 1])
    assert read_diary(diary) == {"computed": 2}


def test_one_thing_that_needs_another(folder, diary):
    store = open_store(folder)

    def outer():
        return 10 + store.remember("thing", "inner", partial(compute, diary))

    for _ in range(2):
        assert_array_equal(store.remember("thing", "outer", outer), [11, 11, 11])
    assert read_diary(diary) == {"computed": 1}


def test_clearing(folder, diary):
    memory = joblib.Memory(folder, verbose=0)
    ask(memory, diary)
    memory.clear(warn=False)
    ask(memory, diary)
    ask(memory, diary)
    assert read_diary(diary) == {"computed": 2}
    joblib.Memory(folder, verbose=0).clear(warn=False)
    ask(memory, diary)
    assert read_diary(diary) == {"computed": 3}


def test_reducing(folder, diary):
    memory = joblib.Memory(folder, verbose=0)
    for i in range(4):
        ask(memory, diary, key=f"{i:040x}")
        time.sleep(0.01)
    memory.reduce_size(items_limit=1)
    assert len(entry_files(folder)) == 1
    for i in range(4):
        ask(memory, diary, key=f"{i:040x}")
    assert read_diary(diary) == {"computed": 7}


def test_only_the_folder_is_written_to(folder, diary, tmp_path, monkeypatch):
    elsewhere = tmp_path / "here"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    ask(folder, diary)
    ask("relative", diary)
    assert [path.name for path in elsewhere.iterdir()] == ["relative"]


# The distiller ---------------------------------------------------------------------


def noted(diary, **options):
    return DistillationClassifier(Noted(diary), small_tree, **options)


def test_fit_and_answers_are_kept(folder, diary):
    first = noted(diary, memory=folder).fit(X, Y)
    assert read_diary(diary) == {"fit": 1, "ask": 1}
    second = noted(diary, memory=str(folder), alpha=0.2, temperature=3.0).fit(X, Y)
    assert read_diary(diary) == {"fit": 1, "ask": 1}
    plain = noted(None, alpha=0.2, temperature=3.0).fit(X, Y)
    assert_array_equal(second.predict_proba(X_NEW), plain.predict_proba(X_NEW))
    for model in (first, second):
        assert model.teacher_source_ == "fitted"
        assert_array_equal(model.teacher_.theta_, plain.teacher_.theta_)


def test_a_given_teacher_is_asked_once(folder, diary):
    teacher = Noted(diary).fit(X, Y)
    for alpha in (0.2, 0.9):
        model = DistillationClassifier(teacher, small_tree, alpha=alpha, memory=folder)
        assert model.fit(X, Y).teacher_ is teacher
        clone(model).fit(X.copy(), Y)
    assert read_diary(diary) == {"fit": 1, "ask": 1}
    model.fit(X[1:], Y[1:])
    assert read_diary(diary) == {"fit": 1, "ask": 2}


def test_without_memory_nothing_is_written(diary, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for memory in (None, joblib.Memory(None)):
        noted(diary, memory=memory).fit(X, Y)
    assert read_diary(diary) == {"fit": 2, "ask": 2}
    assert [path.name for path in tmp_path.iterdir()] == ["diary"]


GRID = {"temperature": [1, 2, 3, 4, 5], "alpha": [0.2, 0.4, 0.6, 0.8, 1.0]}


@pytest.mark.parametrize(
    "backend",
    [
        "sequential",
        pytest.param("threading", marks=pytest.mark.slow),
        pytest.param("loky", marks=pytest.mark.slow),
    ],
)
def test_twenty_five_candidates_and_one_teacher_a_fold(backend, folder, diary):
    model = noted(diary, memory=folder)
    search = GridSearchCV(model, GRID, cv=5, error_score="raise", n_jobs=2)
    with joblib.parallel_config(backend):
        search.fit(X, Y)
    assert read_diary(diary) == {"fit": 6, "ask": 6}
    plain = noted(None, **search.best_params_)
    scores = cross_val_score(plain, X, Y, cv=5)
    assert search.best_score_ == pytest.approx(scores.mean(), abs=1e-15)
    expected = plain.fit(X, Y).predict_proba(X_NEW)
    assert_array_equal(search.predict_proba(X_NEW), expected)


_SEARCH = """
import sys
from sklearn.model_selection import GridSearchCV
from skdistill import DistillationClassifier
from tests.strategies import Noted, make_problem
from sklearn.tree import DecisionTreeClassifier
problem = make_problem(0, n=90, k=3, d=4)
model = DistillationClassifier(
    Noted(sys.argv[2]),
    DecisionTreeClassifier(max_leaf_nodes=6, random_state=0),
    memory=sys.argv[1],
)
search = GridSearchCV(model, {"alpha": [0.1, 0.9]}, cv=3, error_score="raise")
print(search.fit(problem.X, problem.y).best_score_)
"""


def run_python(source, *arguments, seed=0):
    env = os.environ | {"PYTHONPATH": str(ROOT), "PYTHONHASHSEED": str(seed)}
    command = [sys.executable, "-W", "error::UserWarning", "-c", source, *arguments]
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done


def test_another_process_on_another_day(folder, diary):
    model = noted(diary, memory=folder)
    search = GridSearchCV(model, {"alpha": [0.1, 0.9]}, cv=3).fit(X, Y)
    assert read_diary(diary) == {"fit": 4, "ask": 4}
    done = run_python(_SEARCH, str(folder), diary, seed=5)
    assert read_diary(diary) == {"fit": 4, "ask": 4}
    assert float(done.stdout) == search.best_score_


# With and without -------------------------------------------------------------------


@cache
def _taught_module(seed):
    torch.manual_seed(seed)
    net = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 3))
    optimizer = torch.optim.Adam(net.parameters(), 0.05)
    for _ in range(30):
        optimizer.zero_grad()
        scores = net(torch.as_tensor(X, dtype=torch.float32))
        nn.functional.cross_entropy(scores, torch.as_tensor(Y)).backward()
        optimizer.step()
    return net


def torch_module(seed=0):
    return copy.deepcopy(_taught_module(seed))


def network(**params):
    params = {"hidden_layer_sizes": (6,), "max_epochs": 3, "random_state": 0} | params
    return NeuralClassifier(**params)


def fitted_forest():
    return clone(forest).fit(X[:60], Y[:60])


def pair(fitted=True):
    members = [clone(forest), GaussianNB()]
    return [member.fit(X[:60], Y[:60]) for member in members] if fitted else members


PROBA = GaussianNB().fit(X, Y).predict_proba(X)
boosting = HistGradientBoostingClassifier(max_iter=4, random_state=0)
logistic = LogisticRegression(tol=1e-8, max_iter=999)

#: Distillers and what their fits get, by name.
CASES = {
    "forest → tree": (lambda **o: DistillationClassifier(forest, small_tree, **o), {}),
    "given forest → logistic": (
        lambda **o: DistillationClassifier(fitted_forest(), logistic, **o),
        {},
    ),
    "forest → boosting": (
        lambda **o: DistillationClassifier(forest, boosting, temperature=2.0, **o),
        {},
    ),
    "forest → network": (
        lambda **o: DistillationClassifier(forest, network(), temperature=2.0, **o),
        {},
    ),
    "module → tree": (
        lambda **o: DistillationClassifier(torch_module(), small_tree, **o),
        {},
    ),
    "module → module": (
        lambda **o: DistillationClassifier(
            torch_module(),
            network(module=nn.Sequential(nn.Linear(4, 5), nn.ReLU(), nn.Linear(5, 3))),
            **o,
        ),
        {},
    ),
    "module → network that matches": (
        lambda **o: DistillationClassifier(
            torch_module(),
            network(
                module=nn.Sequential(nn.Linear(4, 5), nn.ReLU(), nn.Linear(5, 3)),
                matching=RelationalKD("1", "2"),
            ),
            **o,
        ),
        {},
    ),
    "network → tree": (
        lambda **o: DistillationClassifier(network(), small_tree, **o),
        {},
    ),
    "weights": (
        lambda **o: DistillationClassifier(forest, small_tree, **o),
        {"sample_weight": WEIGHT},
    ),
    "more rows": (
        lambda **o: DistillationClassifier(forest, small_tree, **o),
        {"X_unlabeled": X_NEW},
    ),
    "list": (lambda **o: DistillationClassifier(pair(False), small_tree, **o), {}),
    "list of given": (lambda **o: DistillationClassifier(pair(), logistic, **o), {}),
    "learned weights": (
        lambda **o: DistillationClassifier(
            pair(), small_tree, teacher_weights="learned", **o
        ),
        {"X_unlabeled": X_NEW},
    ),
    "given weights": (
        lambda **o: DistillationClassifier(
            pair(False), small_tree, teacher_weights=[1, 3], **o
        ),
        {},
    ),
    "list of modules": (
        lambda **o: DistillationClassifier(
            [torch_module(0), torch_module(1)], network(), **o
        ),
        {},
    ),
    "precomputed": (
        lambda **o: DistillationClassifier("precomputed", small_tree, **o),
        {"teacher_proba": PROBA},
    ),
    "callable": (
        lambda **o: DistillationClassifier(
            partial(linear_scores, weights=WEIGHTS), logistic, **o
        ),
        {},
    ),
    "hard targets": (
        lambda **o: DistillationClassifier(forest, small_tree, targets="hard", **o),
        {},
    ),
    "labels alone": (
        lambda **o: DistillationClassifier(forest, small_tree, alpha=0.0, **o),
        {},
    ),
    "random state": (
        lambda **o: DistillationClassifier(Drawn(), small_tree, random_state=3, **o),
        {},
    ),
    "distilled teacher": (
        lambda **o: DistillationClassifier(
            DistillationClassifier(forest, logistic, **o), small_tree, **o
        ),
        {},
    ),
    "teacher that scales": (
        lambda **o: DistillationClassifier(
            make_pipeline(StandardScaler(), GaussianNB()), small_tree, **o
        ),
        {},
    ),
}


@pytest.mark.filterwarnings("ignore:The given teacher agrees")
@pytest.mark.parametrize("mmap_mode", [None, "r"])
@pytest.mark.parametrize("case", CASES)
def test_nothing_depends_on_the_memory(case, mmap_mode, folder):
    make, params = CASES[case]
    expected = make().fit(X, Y, **params)
    memory = joblib.Memory(folder, mmap_mode=mmap_mode, verbose=0)
    for _ in range(2):  # written, then read
        found = make(memory=memory).fit(X, Y, **params)
        assert_array_equal(found.predict_proba(X_NEW), expected.predict_proba(X_NEW))
        assert found.teacher_source_ == expected.teacher_source_
        assert found.route_ == expected.route_
        if hasattr(expected, "teacher_weights_"):
            assert_array_equal(found.teacher_weights_, expected.teacher_weights_)
    strip_teacher(found).predict(X_NEW)
    assert_array_equal(clone(found).fit(X, Y, **params).predict(X), found.predict(X))


@pytest.mark.parametrize("kind", ["pandas", "sparse", "fortran", "float32"])
def test_kinds_of_tables(kind, folder):
    table = {
        "pandas": lambda: frames(pd, X),
        "sparse": lambda: sparse.csr_matrix(X),
        "fortran": lambda: np.asfortranarray(X),
        "float32": lambda: X.astype(np.float32),
    }[kind]
    expected = DistillationClassifier(forest, small_tree).fit(table(), Y)
    for _ in range(2):
        model = DistillationClassifier(forest, small_tree, memory=folder)
        model.fit(table(), Y)
        assert_array_equal(
            model.predict_proba(table()), expected.predict_proba(table())
        )


# No stale hits ---------------------------------------------------------------------


def _other_rows(X):
    other = X.copy()
    other[3, 1] += 2.5
    return other


def _other_labels(Y):
    other = Y.copy()
    other[:9] = (other[:9] + 1) % 3
    return other


ALTERED = {
    "X": {"X": _other_rows(X)},
    "dtype of X": {"X": X.astype(np.float32)},
    "y": {"y": _other_labels(Y)},
    "weights": {"sample_weight": WEIGHT},
    "teacher": {"teacher": GaussianNB(var_smoothing=0.5)},
    "class of the teacher": {"teacher": make_pipeline(GaussianNB())},
    "more rows": {"X_unlabeled": X_NEW},
    "fewer rows": {"X": X[:80], "y": Y[:80]},
}


@pytest.mark.parametrize("altered", ALTERED)
def test_what_else_the_teacher_is_fitted_from(altered, folder):
    plain = {"X": X, "y": Y, "teacher": GaussianNB()}

    def fit(given, **options):
        given = plain | given
        model = DistillationClassifier(given.pop("teacher"), logistic, **options)
        return model.fit(given.pop("X"), given.pop("y"), **given).predict_proba(X_NEW)

    fit({}, memory=folder)
    found = fit(ALTERED[altered], memory=folder)
    assert_array_equal(found, fit(ALTERED[altered]))
    assert_array_equal(fit({}, memory=folder), fit({}))


def test_seeds_of_an_unfitted_teacher(folder):
    for seed in (0, 1, 0):
        options = {"random_state": seed}
        expected = DistillationClassifier(Drawn(), small_tree, **options).fit(X, Y)
        found = DistillationClassifier(Drawn(), small_tree, memory=folder, **options)
        found.fit(X, Y)
        assert_array_equal(found.teacher_.weights_, expected.teacher_.weights_)
        assert_array_equal(found.predict_proba(X_NEW), expected.predict_proba(X_NEW))


def test_an_unseeded_teacher_is_the_stored_one(folder):
    first, second = (
        DistillationClassifier(Drawn(), small_tree, memory=folder).fit(X, Y)
        for _ in range(2)
    )
    assert_array_equal(first.teacher_.weights_, second.teacher_.weights_)
    one, other = (
        DistillationClassifier(Drawn(), small_tree).fit(X, Y) for _ in range(2)
    )
    assert not np.array_equal(one.teacher_.weights_, other.teacher_.weights_)


def test_a_random_state_goes_on_whether_or_not_it_was_stored(folder):
    def run(memory):
        state = np.random.RandomState(0)
        model = DistillationClassifier(
            Drawn(), small_tree, random_state=state, memory=memory
        )
        fits = [clone(model).set_params(random_state=state) for _ in range(3)]
        return [each.fit(X, Y).predict_proba(X_NEW) for each in fits]

    expected = run(None)
    for _ in range(2):
        assert_array_equal(run(folder), expected)


def test_rows_changed_in_place(folder):
    table = X.copy()
    model = DistillationClassifier(forest, logistic, memory=folder)
    model.fit(table, Y)
    table[:, 0] *= -1
    expected = DistillationClassifier(forest, logistic).fit(table, Y)
    found = model.fit(table, Y)
    assert_array_equal(found.predict_proba(X_NEW), expected.predict_proba(X_NEW))


def test_a_teacher_changed_in_place(folder):
    net = torch_module()
    model = DistillationClassifier(net, logistic, memory=folder)
    before = model.fit(X, Y).predict_proba(X_NEW)
    with torch.no_grad():
        net[3].weight.mul_(3)
    after = model.fit(X, Y).predict_proba(X_NEW)
    expected = DistillationClassifier(net, logistic).fit(X, Y)
    assert_array_equal(after, expected.predict_proba(X_NEW))
    assert not np.allclose(before, after)


def test_modes_of_a_module_do_not_matter(folder):
    net = torch_module().train()
    one = DistillationClassifier(net, logistic, memory=folder).fit(X, Y)
    assert net.training
    two = DistillationClassifier(net.eval(), logistic, memory=folder).fit(X, Y)
    assert_array_equal(one.predict_proba(X_NEW), two.predict_proba(X_NEW))
    before = len(entry_files(folder))
    DistillationClassifier(net.train(), logistic, memory=folder).fit(X, Y)
    assert len(entry_files(folder)) == before


def test_a_function_that_teaches_something_else(folder):
    weights = LogisticRegression(fit_intercept=False).fit(X, Y).coef_.T

    def teach(scale):
        def scores(X):
            return scale * linear_scores(X, weights)

        return scores

    proba = []
    for scale in (1, 0.2, 1):
        found = DistillationClassifier(teach(scale), logistic, memory=folder)
        expected = DistillationClassifier(teach(scale), logistic).fit(X, Y)
        proba.append(found.fit(X, Y).predict_proba(X_NEW))
        assert_array_equal(proba[-1], expected.predict_proba(X_NEW))
    assert not np.allclose(proba[0], proba[1])


@pytest.mark.filterwarnings("ignore:The given teacher agrees")
def test_what_columns_stand_for(folder):
    teacher = GaussianNB().fit(X, Y)

    def proba(X):
        return teacher.predict_proba(X)

    for classes in ([0, 1, 2], [2, 1, 0]) * 2:
        options = {"teacher_classes": classes, "teacher_output": "probabilities"}
        kept = DistillationClassifier(proba, logistic, memory=folder, **options)
        plain = DistillationClassifier(proba, logistic, **options)
        assert_array_equal(
            kept.fit(X, Y).predict_proba(X_NEW), plain.fit(X, Y).predict_proba(X_NEW)
        )


def test_a_class_with_another_body(folder, monkeypatch):
    source = """
    from sklearn.naive_bayes import GaussianNB
    class Own(GaussianNB):
        def predict_proba(self, X):
            return super().predict_proba(X) ** 1
    """
    found = []
    for power in ("** 1", "** 1 / 1", "[:, ::-1]", "** 1"):
        module = type(sys)("a_users_module")
        monkeypatch.setitem(sys.modules, "a_users_module", module)
        exec(textwrap.dedent(source.replace("** 1", power)), module.__dict__)
        model = DistillationClassifier(module.Own(), logistic, memory=folder)
        expected = DistillationClassifier(module.Own(), logistic).fit(X, Y)
        found.append(model.fit(X, Y).predict_proba(X_NEW))
        assert_array_equal(found[-1], expected.predict_proba(X_NEW))
    assert not np.allclose(found[0], found[2])


@pytest.mark.parametrize("words", [True, False])
def test_labels_of_other_names(words, folder):
    for labels in (Y, np.array(["no", "perhaps", "yes"])[Y] if words else 5 * Y - 3, Y):
        found = DistillationClassifier(forest, logistic, memory=folder).fit(X, labels)
        expected = DistillationClassifier(forest, logistic).fit(X, labels)
        assert_array_equal(found.classes_, expected.classes_)
        assert_array_equal(found.teacher_.classes_, expected.teacher_.classes_)
        assert_array_equal(found.predict(X_NEW), expected.predict(X_NEW))


def outcome(fit):
    """What a fit leads to: probabilities, or the words of an error."""
    try:
        return fit().predict_proba(X_NEW)
    except ValueError as error:
        return str(error)


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_a_given_teacher_and_other_labels(folder):
    """What a teacher says is brought to the labels of y, which may be others."""
    teacher = clone(forest).fit(X, Y)
    merged, renamed = np.minimum(Y, 1), Y + 1
    for labels in (Y, merged, renamed, Y):
        for given in (teacher, [teacher, GaussianNB().fit(X, Y)]):
            plain = DistillationClassifier(given, logistic)
            kept = clone(plain).set_params(memory=folder)
            expected = outcome(lambda: plain.fit(X, labels))  # noqa: B023
            found = outcome(lambda: kept.fit(X, labels))  # noqa: B023
            assert_array_equal(found, expected)


def test_what_scores_are(folder):
    """The same numbers are probabilities for one distiller and wrong for another."""
    teacher = GaussianNB().fit(X, Y)

    def proba(X):
        return teacher.predict_proba(X)

    for output in ("probabilities", "logits", "auto", "probabilities"):
        plain = DistillationClassifier(proba, logistic, teacher_output=output)
        kept = clone(plain).set_params(memory=folder)
        assert_array_equal(
            outcome(lambda: kept.fit(X, Y)),  # noqa: B023
            outcome(lambda: plain.fit(X, Y)),  # noqa: B023
        )


@pytest.mark.filterwarnings("ignore:The given teacher agrees")
def test_layers_that_are_matched(folder):
    student = nn.Sequential(nn.Linear(4, 5), nn.ReLU(), nn.Linear(5, 3))
    found = []
    for layers in (("1", "2"), ("1", "0"), ("0", "2"), ("1", "2")):
        matching = RelationalKD(*layers, weight=30.0)
        plain = DistillationClassifier(
            torch_module(), network(module=student, matching=matching)
        )
        kept = clone(plain).set_params(memory=folder)
        found.append(kept.fit(X, Y).predict_proba(X_NEW))
        assert_array_equal(found[-1], plain.fit(X, Y).predict_proba(X_NEW))
    assert not np.allclose(found[0], found[1])


def test_functions_that_represent_rows(folder):
    student = nn.Sequential(nn.Linear(4, 5), nn.ReLU(), nn.Linear(5, 3))
    scaler = StandardScaler().fit(X)
    columns = [
        lambda X: X[:, :2],
        lambda X: X[:, 2:],
        scaler,
        StandardScaler(with_mean=False).fit(X**3),
    ]
    found = []
    for teacher_layer in [*columns, columns[0]]:
        matching = RelationalKD("1", teacher_layer, weight=30.0)
        plain = DistillationClassifier(
            forest, network(module=student, matching=matching)
        )
        kept = clone(plain).set_params(memory=folder)
        found.append(kept.fit(X, Y).predict_proba(X_NEW))
        assert_array_equal(found[-1], plain.fit(X, Y).predict_proba(X_NEW))
    assert not np.allclose(found[0], found[1])
    assert not np.allclose(found[1], found[2])


class Tagged(GaussianNB):
    """A teacher that listens to more than rows and labels."""

    def fit(self, X, y, tag=None):
        return super().fit(X, y, sample_weight=tag)


def test_metadata_of_the_teacher(folder):
    with config_context(enable_metadata_routing=True):
        for tag in (np.ones(len(Y)), WEIGHT**3, np.ones(len(Y))):
            plain = DistillationClassifier(
                Tagged().set_fit_request(tag=True), logistic, alpha=1.0
            )
            kept = clone(plain).set_params(memory=folder).fit(X, Y, tag=tag)
            plain.fit(X, Y, tag=tag)
            assert_array_equal(kept.teacher_.theta_, plain.teacher_.theta_)
            assert_array_equal(kept.predict_proba(X_NEW), plain.predict_proba(X_NEW))


def test_members_that_are_set_alike_are_not_one(folder):
    """Unseeded, they are drawn apart; with a memory as without."""
    proba = []
    for _ in range(2):
        team = [Drawn() for _ in range(3)]
        model = DistillationClassifier(team, small_tree, memory=folder).fit(X, Y)
        weights = [member.weights_ for member in model.teacher_]
        assert len(np.unique(weights, axis=0)) == 3
        proba.append(model.predict_proba(X_NEW))
    assert_array_equal(*proba)


class Unkept(Drawn):
    """A teacher whose fit no pickle takes."""

    def fit(self, X, y):
        self.lock_ = threading.Lock()
        return super().fit(X, y)


@pytest.mark.filterwarnings("ignore:memory=.*cannot keep")
@pytest.mark.parametrize("teacher", [Drawn(), Unkept()], ids=["removed", "unkept"])
def test_the_teacher_is_the_one_that_answered(teacher, folder):
    """Also where its answers are kept and its fit is not."""
    full = DecisionTreeClassifier(random_state=0)
    found = []
    for _ in range(3):
        model = DistillationClassifier(teacher, full, alpha=1.0, memory=folder)
        model.fit(X, Y)
        said = model.teacher_.predict_proba(X)
        # A tree of one row a leaf says it again, to the sixth place.
        assert_allclose(model.predict_proba(X), said, rtol=0, atol=1e-5)
        found.append(model.teacher_.weights_)
        for kept in folder.rglob("skdistill-teachers"):
            shutil.rmtree(kept)
    assert len(np.unique(found, axis=0)) == 3


class Busy(Noted):
    """A teacher with parameters that have no say in what it learns."""

    def __init__(self, diary=None, name="", *, n_jobs=None, verbose=0):
        super().__init__(diary, name)
        self.n_jobs = n_jobs
        self.verbose = verbose


@pytest.mark.parametrize("wrap", [False, True])
def test_workers_and_words_of_a_teacher_are_not_part_of_it(wrap, folder, diary):
    for params in ({}, {"n_jobs": 2}, {"verbose": 3}, {"n_jobs": 1, "verbose": 1}):
        teacher = Busy(diary, **params)
        teacher = make_pipeline(StandardScaler(), teacher) if wrap else teacher
        DistillationClassifier(teacher, small_tree, memory=folder).fit(X, Y)
    assert read_diary(diary) == {"fit": 1, "ask": 1}
    teacher.set_params(**{"busy__name" if wrap else "name": "other"})
    DistillationClassifier(teacher, small_tree, memory=folder).fit(X, Y)
    assert read_diary(diary)["otherfit"] == 1


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_what_workers_keep_is_what_was_asked_for(n_jobs, folder):
    """A worker without metadata routing would fit another scaler."""
    weight = WEIGHT**3
    with config_context(enable_metadata_routing=True):
        scaler = StandardScaler().set_fit_request(sample_weight=True)
        last = logistic.__class__(tol=1e-8, max_iter=999)
        last.set_fit_request(sample_weight=False)
        team = [make_pipeline(scaler, clone(last).set_params(C=C)) for C in (1.0, 0.1)]
        plain = DistillationClassifier(team, small_tree, alpha=1.0)
        plain.fit(X, Y, sample_weight=weight)
        model = clone(plain).set_params(memory=folder)
        for jobs in (n_jobs, 1):
            model.set_params(n_jobs=jobs)
            with joblib.parallel_config("threading"):
                model.fit(X, Y, sample_weight=weight)
            for found, expected in zip(model.teacher_, plain.teacher_, strict=True):
                assert_array_equal(found[-1].coef_, expected[-1].coef_)


def test_what_was_fitted_to_frames_by_the_way(folder):
    """How transformers give their rows is part of what was fitted."""
    teacher = make_pipeline(StandardScaler(), GaussianNB())
    for way in ("pandas", "default", "pandas"):
        with config_context(transform_output=way):
            model = DistillationClassifier(teacher, small_tree, memory=folder)
            model.fit(frames(pd, X), Y).teacher_.predict(frames(pd, X_NEW))
        named = hasattr(model.teacher_[-1], "feature_names_in_")
        assert named == (way == "pandas")


def test_members_of_a_list_are_kept_by_themselves(folder, diary):
    def fit(*names):
        teacher = [Noted(diary, name) for name in names]
        return DistillationClassifier(teacher, small_tree, memory=folder).fit(X, Y)

    fit("a", "b")
    assert read_diary(diary) == {"afit": 1, "aask": 1, "bfit": 1, "bask": 1}
    fit("a", "b", "c")
    counts = read_diary(diary)
    assert [counts[name] for name in ("afit", "bfit", "cfit")] == [1, 1, 1]
    fit("c", "a")
    assert [read_diary(diary)[name] for name in ("afit", "cfit")] == [1, 1]


def test_a_teacher_that_has_no_fingerprint(folder, diary):
    lock = threading.Lock()

    def teach(X):
        with lock:
            note(diary, "ask")
            return linear_scores(X, WEIGHTS)

    expected = DistillationClassifier(teach, logistic).fit(X, Y)
    for _ in range(2):
        with pytest.warns(UserWarning, match="memory=.*not used"):
            found = DistillationClassifier(teach, logistic, memory=folder).fit(X, Y)
        assert_array_equal(found.predict_proba(X_NEW), expected.predict_proba(X_NEW))
    assert read_diary(diary)["ask"] == 3


def test_what_pickle_cannot_take(folder):
    """The fit of a teacher that holds a lambda is kept, or computed with one word."""
    teacher = make_pipeline(FunctionTransformer(lambda X: 2 * X), GaussianNB())
    expected = DistillationClassifier(teacher, small_tree).fit(X, Y)
    for _ in range(2):
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            found = DistillationClassifier(teacher, small_tree, memory=folder).fit(X, Y)
        assert len(told) <= 1
        assert all(each.category is UserWarning for each in told)
        assert_array_equal(found.predict_proba(X_NEW), expected.predict_proba(X_NEW))


# Errors, copies, homes -------------------------------------------------------------


@pytest.mark.parametrize("wrong", [3, object(), ["a"]])
def test_a_wrong_memory_is_said_before_any_work(wrong, diary):
    with pytest.raises(ValueError, match="memory="):
        noted(diary, memory=wrong).fit(X, Y)
    assert not read_diary(diary)


def test_models_with_a_memory_are_copied_and_sent(folder, diary):
    memory = joblib.Memory(folder, verbose=0)
    model = noted(diary, memory=memory).fit(X, Y)
    for again in (clone(model).fit(X, Y), pickle.loads(pickle.dumps(model))):
        assert_array_equal(again.predict_proba(X_NEW), model.predict_proba(X_NEW))
        assert again.memory.location == memory.location
    assert read_diary(diary) == {"fit": 1, "ask": 1}


def test_in_a_pipeline_with_its_own_memory(folder, diary, tmp_path):
    pipeline = make_pipeline(
        StandardScaler(), noted(diary, memory=folder), memory=str(tmp_path / "other")
    )
    name = "distillationclassifier__alpha"
    search = GridSearchCV(pipeline, {name: [0.2, 0.5, 0.8]}, cv=3, error_score="raise")
    search.fit(X, Y)
    assert read_diary(diary) == {"fit": 4, "ask": 4}


def test_other_searches(folder, diary):
    grid = {"alpha": [0.2, 0.4, 0.6, 0.8]}
    RandomizedSearchCV(
        noted(diary, memory=folder), grid, n_iter=4, cv=3, random_state=0
    ).fit(X, Y)
    assert read_diary(diary) == {"fit": 4, "ask": 4}
    HalvingGridSearchCV(noted(diary, memory=folder), grid, cv=3, random_state=0).fit(
        X, Y
    )
    counts = read_diary(diary)
    assert counts["fit"] == counts["ask"] <= 4 + 3 * 3 + 1


def test_estimators_of_a_cross_validation(folder, diary):
    model = noted(diary, memory=folder)
    runs = [cross_validate(model, X, Y, cv=3, return_estimator=True) for _ in range(2)]
    assert read_diary(diary) == {"fit": 3, "ask": 3}
    for one, other in zip(*(run["estimator"] for run in runs), strict=True):
        assert_array_equal(one.predict_proba(X_NEW), other.predict_proba(X_NEW))
        assert_allclose(one.teacher_.predict_proba(X), other.teacher_.predict_proba(X))


def test_an_interrupted_search_goes_on(folder, diary):
    model = DistillationClassifier(Impatient(diary), small_tree, memory=folder)
    search = GridSearchCV(model, {"alpha": [0.5, 0.7]}, cv=5, error_score="raise")
    with pytest.raises(KeyboardInterrupt):
        search.fit(X, Y)
    assert read_diary(diary) == {"fit": 2, "ask": 2}
    search.fit(X, Y)
    assert read_diary(diary) == {"fit": 6, "ask": 6}


def test_a_folder_that_is_removed_between_two_fits(folder, diary):
    model = noted(diary, memory=joblib.Memory(folder, verbose=0))
    expected = model.fit(X, Y).predict_proba(X_NEW)
    shutil.rmtree(folder)
    assert_array_equal(model.fit(X, Y).predict_proba(X_NEW), expected)
    assert_array_equal(model.fit(X, Y).predict_proba(X_NEW), expected)
    assert read_diary(diary) == {"fit": 2, "ask": 2}


def test_compressed_memory(folder, diary):
    memory = joblib.Memory(folder, compress=3, verbose=0)
    expected = noted(None).fit(X, Y).predict_proba(X_NEW)
    for _ in range(2):
        found = noted(diary, memory=memory).fit(X, Y).predict_proba(X_NEW)
        assert_array_equal(found, expected)
    assert read_diary(diary) == {"fit": 1, "ask": 1}


def _search_at_the_gate(gate, folder, diary):
    gate.wait(30)
    search = GridSearchCV(noted(diary, memory=folder), {"alpha": [0.2, 0.5, 0.8]}, cv=3)
    search.fit(X, Y)


def test_two_searches_at_once(folder, diary):
    gate = fork.Barrier(2)
    processes = [_start(_search_at_the_gate, gate, folder, diary) for _ in range(2)]
    for process in processes:
        process.join(120)
        assert process.exitcode == 0
    assert read_diary(diary) == {"fit": 4, "ask": 4}


def test_a_second_search_after_all_damages(folder, diary):
    """Whatever happened to the folder, the result is the same."""
    expected = noted(None).fit(X, Y).predict_proba(X_NEW)
    noted(diary, memory=folder).fit(X, Y)
    for file in entry_files(folder):
        file.write_bytes(b"")
    with pytest.warns(UserWarning, match="cannot be read"):
        found = noted(diary, memory=folder).fit(X, Y)
    assert_array_equal(found.predict_proba(X_NEW), expected)
    assert read_diary(diary) == {"fit": 2, "ask": 2}


@pytest.mark.parametrize(
    "altered",
    [
        {"student": network(learning_rate=0.2)},
        {"random_state": 1},
        {"n_generations": 2},
        {"alpha": 0.2},
        {"X": _other_rows(X)},
        {"y": _other_labels(Y)},
        {"sample_weight": WEIGHT},
    ],
    ids=lambda altered: next(iter(altered)),
)
def test_generations_are_never_stale(altered, folder):
    def born(given, memory=None):
        given = {"X": X, "y": Y, "student": network(random_state=None)} | given
        fit = {k: given.pop(k) for k in ("X", "y", "sample_weight") if k in given}
        given = {"random_state": 0} | given
        return BornAgainClassifier(memory=memory, **given).fit(**fit)

    for given in ({}, altered, {}):
        found = born(given, folder).predict_proba(X_NEW)
        assert_array_equal(found, born(given).predict_proba(X_NEW))


def test_born_again_keeps_its_first_generation(folder):
    def model(**options):
        return BornAgainClassifier(network(), random_state=0, **options)

    expected = model().fit(X, Y).predict_proba(X_NEW)
    for generations in (3, 3, 2):
        found = model(memory=folder, n_generations=generations).fit(X, Y)
        if generations == 3:
            assert_array_equal(found.predict_proba(X_NEW), expected)
    with pytest.raises(ValueError, match="memory="):
        model(memory=3).fit(X, Y)


def test_a_stored_generation_tells_of_no_other_search(folder):
    def temperatures(**options):
        model = BornAgainClassifier(
            small_tree, random_state=0, average=True, memory=folder, **options
        )
        return [each.temperature for each in model.fit(X, Y).generations_]

    first = temperatures(temperature=4.0)
    assert first[1:] == [4.0, 4.0]
    assert temperatures(temperature=2.0) == [first[0], 2.0, 2.0]
    shutil.rmtree(folder)
    assert temperatures(temperature=2.0) == [first[0], 2.0, 2.0]


# Scripts ---------------------------------------------------------------------------

_SCRIPT = """
import sys
from sklearn.model_selection import GridSearchCV
from sklearn.naive_bayes import GaussianNB
from sklearn.tree import DecisionTreeClassifier
from skdistill import DistillationClassifier
from tests.strategies import make_problem, note

class Mine(GaussianNB):
    def fit(self, X, y):
        note(sys.argv[2], "fit")
        return super().fit(X, y)

    def predict_proba(self, X):
        if len(X) > 40:  # rows of training
            note(sys.argv[2], "ask")
        return super().predict_proba(X)

if __name__ == "__main__":
    p = make_problem(0, n=90, k=3, d=4)
    tree = DecisionTreeClassifier(max_leaf_nodes=6, random_state=0)
    model = DistillationClassifier(Mine(), tree, memory=sys.argv[1])
    search = GridSearchCV(model, {"alpha": [.2, .4, .6, .8]}, cv=3, n_jobs=2)
    print(search.fit(p.X, p.y).best_score_)
"""


@pytest.mark.slow
def test_teachers_of_a_script(folder, diary):
    """Their classes are no module's, so workers get them as code."""
    for _ in range(2):
        done = run_python(_SCRIPT, str(folder), diary)
        assert "Warning" not in done.stderr
        assert read_diary(diary) == {"fit": 4, "ask": 4}
    assert json.loads(done.stdout) > 0.5


_SCRIPT_THAT_SAVES = """
import pickle, sys
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.tree import DecisionTreeClassifier
from skdistill import BornAgainClassifier, DistillationClassifier
from tests.strategies import make_problem, note

class Mine(GaussianNB):
    def fit(self, X, y):
        note(sys.argv[2], "fit")
        return super().fit(X, y)

class Tree(DecisionTreeClassifier):
    pass

p = make_problem(0, n=90, k=3, d=4)
for teacher in (Mine(), make_pipeline(Mine()), [Mine(), Mine(var_smoothing=0.1)]):
    model = DistillationClassifier(teacher, Tree(max_depth=2), memory=sys.argv[1])
    model.fit(p.X, p.y)
    found = model.teacher_
    last = found[-1] if isinstance(found, list) or hasattr(found, "steps") else found
    assert type(last) is Mine
    again = pickle.loads(pickle.dumps(model))
    assert (again.predict_proba(p.X_new) == model.predict_proba(p.X_new)).all()
born = BornAgainClassifier(Tree(max_depth=2, random_state=0), memory=sys.argv[1])
born.set_params(average=True).fit(p.X, p.y)
assert all(type(each.student_) is Tree for each in born.generations_)
assert pickle.loads(pickle.dumps(born)).score(p.X, p.y) == born.score(p.X, p.y)
"""


@pytest.mark.slow
def test_what_a_script_finds_in_the_memory_can_be_saved(folder, diary):
    for _ in range(2):
        run_python(_SCRIPT_THAT_SAVES, str(folder), diary)
        assert read_diary(diary) == {"fit": 3}  # the list's first is the one alone
