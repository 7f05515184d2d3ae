"""Fresh rows in every epoch, and which rows tell when to stop."""

from copy import deepcopy
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.datasets import make_classification
from sklearn.decomposition import PCA
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import nn

from skdistill.neural import NeuralClassifier, _preparation, fit_together
from skdistill.neural._preparation import prepare
from skdistill.neural.losses import LOSSES
from skdistill.neural.matching import Hint
from skdistill.neural.training import _run
from skdistill.neural.training._fresh import renew
from skdistill.neural.training._objective import Lessons
from skdistill.students import learn, learn_together
from skdistill.targets import (
    UNLABELED,
    FreshRows,
    SoftTargets,
    TeacherOutput,
    build_targets,
    correct_toward_labels,
    soften,
)
from tests.strategies import examples

N_REAL, N_UNLABELED, N_FRESH, N_FEATURES, N_CLASSES = 30, 6, 24, 4, 3
N_ROWS = N_REAL + N_UNLABELED + N_FRESH

_RNG = np.random.default_rng(0)
COEF = 2 * _RNG.normal(size=(N_FEATURES, N_CLASSES))
REAL = _RNG.normal(size=(N_REAL + N_UNLABELED, N_FEATURES))
CODES = (REAL[:N_REAL] @ COEF).argmax(axis=1).astype(np.intp)
WEIGHT = _RNG.uniform(0.2, 3.0, size=N_ROWS)
FIRST = 999


class Source:
    """Normal rows and a linear teacher; it remembers what it was asked."""

    def __init__(self, temperature=1.0, draw=None, wrap=None):
        self.temperature = temperature
        self.seeds, self.drawn, self.n_labelled = [], [], 0
        self.wrap = np.asarray if wrap is None else wrap
        self.rows = self._rows if draw is None else draw

    def _rows(self, n, seed):
        rows = self.wrap(np.random.default_rng(seed).normal(size=(n, N_FEATURES)))
        self.seeds.append(seed)
        self.drawn.append(rows)
        return rows

    def label(self, X):
        self.n_labelled += 1
        return says(X, self.temperature)

    def fresh(self, n_rows=N_FRESH):
        return FreshRows(n_rows, self.rows, None, self.label)


def says(X, temperature=1.0):
    return soften(np.asarray(X, dtype=np.float64) @ COEF, "logits", temperature)


def rows_of(seed=FIRST, wrap=np.asarray):
    last = np.random.default_rng(seed).normal(size=(N_FRESH, N_FEATURES))
    return wrap(np.concatenate([REAL, last]))


X = rows_of()


def lesson(source=None, alpha=0.5, temperature=1.0, weight=None, rows=X):
    codes = np.append(CODES, np.full(N_ROWS - N_REAL, UNLABELED))
    alpha = np.where(codes == UNLABELED, 1.0, alpha)
    return SoftTargets(
        np.arange(N_CLASSES),
        says(rows, temperature),
        codes,
        alpha,
        weight,
        temperature,
        fresh=None if source is None else source.fresh(),
    )


def student(**params):
    params = {
        "hidden_layer_sizes": (7, 6),
        "max_epochs": 4,
        "batch_size": 11,
        "learning_rate": 0.01,
        "random_state": 0,
    } | params
    return NeuralClassifier(**params)


def weights_of(model):
    return torch.cat([p.flatten() for m in model.modules_ for p in m.parameters()])


def assert_same(one, other, atol=1e-5):
    torch.testing.assert_close(weights_of(one), weights_of(other), rtol=0, atol=atol)
    for mine, its in zip(one.history_, other.history_, strict=True):
        assert (mine["best_epoch"], mine["end"]) == (its["best_epoch"], its["end"])
        for kind in ("train_loss", "valid_loss"):
            np.testing.assert_allclose(mine[kind], its[kind], rtol=1e-3, atol=1e-4)


def differ(one, other):
    return bool((weights_of(one) - weights_of(other)).abs().max() > 1e-3)


@pytest.fixture
def splits(monkeypatch):
    """The rows that each model trained on and was judged by."""
    seen = []
    split = _preparation._split

    def spying(*args, **kwargs):
        seen.append(split(*args, **kwargs))
        return seen[-1]

    monkeypatch.setattr(_preparation, "_split", spying)
    return seen


# What is learned


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"loss": "logit_mse"},
        {"loss": "dkd"},
        {"loss": "gamma_kl"},
        {"embedding": "piecewise_linear", "n_bins": 4},
        {"module": nn.Sequential(nn.Linear(N_FEATURES, N_CLASSES))},
    ],
    ids=str,
)
@pytest.mark.parametrize("temperature", [1.0, 3.0])
@pytest.mark.parametrize("weight", [None, WEIGHT], ids=["even", "weighted"])
def test_each_epoch_is_a_fit_on_its_own_rows(params, temperature, weight):
    """Of whole batches, whose order does not matter, by fits that go on."""
    params = params | {"batch_size": N_ROWS}
    source = Source(temperature)
    options = {"temperature": temperature, "weight": weight}
    model = student(**params).fit_soft_targets(X, lesson(source, **options))
    by_hand = student(**params, warm_start=True).set_params(max_epochs=1)
    for last in [X[-N_FRESH:], *source.drawn]:
        rows = np.concatenate([REAL, last])
        by_hand.fit_soft_targets(rows, lesson(rows=rows, **options))
    torch.testing.assert_close(
        weights_of(model), weights_of(by_hand), rtol=1e-3, atol=1e-5
    )
    once = student(**params).fit_soft_targets(X, lesson(**options))
    assert differ(model, once)


def test_each_epoch_but_the_first_has_rows_of_its_own():
    source = Source()
    student(max_epochs=5, n_members=2).fit_soft_targets(X, lesson(source))
    assert len(source.seeds) == len(set(source.seeds)) == source.n_labelled == 4
    assert all(0 <= seed < 2**31 for seed in source.seeds)
    source = Source()
    student(max_epochs=1).fit_soft_targets(X, lesson(source))
    assert source.seeds == []


def test_the_same_rows_again_change_nothing():
    source = Source(draw=lambda n, seed: X[-n:])
    renewed = student(early_stopping=True).fit_soft_targets(X, lesson(source))
    once = student(early_stopping=True).fit_soft_targets(X, lesson())
    torch.testing.assert_close(weights_of(renewed), weights_of(once), rtol=0, atol=0)
    assert renewed.history_ == once.history_
    assert source.n_labelled > 0


def test_one_lesson_gives_one_result():
    one = student(dropout=0.2).fit_soft_targets(X, lesson(Source()))
    again = student(dropout=0.2).fit_soft_targets(X, lesson(Source()))
    torch.testing.assert_close(weights_of(one), weights_of(again), rtol=0, atol=0)


def test_fits_that_go_on_see_other_rows():
    source = Source()
    model = student(warm_start=True).fit_soft_targets(X, lesson(source))
    model.fit_soft_targets(X, lesson(source))
    assert len(set(source.seeds)) == 6
    again = Source()
    model = student(warm_start=True).fit_soft_targets(X, lesson(again))
    model.fit_soft_targets(X, lesson(again))
    assert again.seeds == source.seeds


def prepared(targets, rows, **params):
    model = student(**params)
    valid = model._validated(rows, reset=True)
    return prepare(model, valid, targets, goes_on=False)


@pytest.mark.parametrize(
    "params",
    [
        {"class_weight": {0: 5.0, 1: 0.5, 2: 1.0}},
        {"final_temperature": 1.0, "loss": "logit_mse"},
        {"final_temperature": 1.0, "final_alpha": 0.1, "class_weight": "balanced"},
    ],
    ids=str,
)
@pytest.mark.parametrize("progress", [0.0, 0.5])
def test_what_is_said_of_fresh_rows_is_what_a_lesson_says_of_them(params, progress):
    source = Source(temperature=3.0)
    targets = lesson(source, temperature=3.0, weight=WEIGHT)
    ready = prepared(targets, X, **params)
    run = _run.Run(ready.jobs, ready.objective, ready.regime, None)
    run._lessons.at(progress)
    renew(ready.jobs, run._inputs, run._lessons, 2)

    rows = np.concatenate([REAL, source.drawn[0]])
    other = prepared(
        lesson(temperature=3.0, weight=WEIGHT, rows=rows), rows, **params
    ).jobs[0]
    like = run._stack.weights.flat.data
    wanted = Lessons([other.targets], run._train, ready.objective, like)
    wanted.at(progress)
    places = torch.arange(N_ROWS)[None]
    mine, its = run._lessons.batch(places), wanted.batch(places)
    torch.testing.assert_close(mine.table, its.table)
    for part in ("on_teacher", "on_label"):
        # Batches are scaled by the mean weight; proportions are what is said.
        one, another = getattr(mine, part), getattr(its, part)
        torch.testing.assert_close(one / one.sum(), another / another.sum())
    encoded = ready.encoder.transform(rows)
    got = run._inputs.take(places)[0]
    torch.testing.assert_close(got, torch.from_numpy(encoded))


# Kinds of rows


def frame(values):
    table = pd.DataFrame(values, columns=list("abcd")).astype({"a": np.float32})
    return table.assign(e=pd.Categorical(np.where(values[:, 0] > 0, "x", "y")))


def many_categories(values):
    """A frame whose encoded rows are sparse."""
    table = frame(values)
    rng = np.random.default_rng(0)
    texts = {
        f"t{k}": [f"c{code}" for code in rng.permutation(N_ROWS)[: len(values)]]
        for k in range(40)
    }
    return table.assign(**texts)


@pytest.mark.parametrize("wrap", [frame, many_categories])
def test_frames_go_through_the_same_preparation(wrap):
    source = Source(wrap=wrap)
    source.label = lambda X: says(X[list("abcd")])
    rows = wrap(X)
    if wrap is many_categories:
        assert prepared(lesson(), rows).jobs[0].X.format == "csr"
    model = student(batch_size=N_ROWS).fit_soft_targets(rows, lesson(source))
    by_hand = student(batch_size=N_ROWS, warm_start=True, max_epochs=1)
    for last in [rows[-N_FRESH:], *source.drawn]:
        table = pd.concat([rows[:-N_FRESH], last], ignore_index=True)
        values = table[list("abcd")]
        by_hand.fit_soft_targets(table, lesson(rows=values))
    torch.testing.assert_close(
        weights_of(model), weights_of(by_hand), rtol=1e-3, atol=1e-5
    )


def test_the_rows_given_stay_as_they_are():
    given = X.astype(np.float32)
    before = given.copy()
    targets = lesson(Source())
    said = targets.teacher.copy()
    fit_together(
        [student(scale=False, random_state=k) for k in (0, 1)], given, [targets] * 2
    )
    np.testing.assert_array_equal(given, before)
    np.testing.assert_array_equal(targets.teacher, said)


def test_rows_are_replaced_in_place():
    ready = prepared(lesson(Source()), X)
    run = _run.Run(ready.jobs, ready.objective, ready.regime, None)
    tables = run._inputs._table, run._lessons._table
    before = [table.clone() for table in tables]
    renew(ready.jobs, run._inputs, run._lessons, 2)
    for table, old in zip(tables, before, strict=True):
        torch.testing.assert_close(table[:-N_FRESH], old[:-N_FRESH], rtol=0, atol=0)
        assert not torch.isclose(table[-N_FRESH:], old[-N_FRESH:]).any()


# Models in a stack are as alone


class Residual(nn.Module):
    def __init__(self, n_inputs=N_FEATURES, n_outputs=N_CLASSES):
        super().__init__()
        self.first = nn.Linear(n_inputs, n_inputs)
        self.out = nn.Linear(n_inputs, n_outputs)

    def forward(self, x):
        return self.out(x + torch.tanh(self.first(x)))


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"n_members": 2, "dropout": 0.3},
        {"early_stopping": True, "n_iter_no_change": 1, "max_epochs": 12},
        {"final_temperature": 1.5, "final_alpha": 0.2},
        {"class_weight": "balanced", "loss": "logit_mse"},
        {"module": Residual},
        {"embedding": "piecewise_linear", "n_bins": 4, "batch_size": 64},
    ],
    ids=str,
)
def test_models_that_share_rows_are_as_alone(params):
    """Of one source, of another, of none; at several temperatures."""
    shared = Source()

    def lessons():
        hot = Source(3.0, draw=shared.rows)
        return [
            lesson(shared),
            lesson(hot, temperature=3.0, alpha=0.9),
            lesson(),
            lesson(Source(draw=lambda n, seed: shared.rows(n, seed + 1))),
            lesson(shared, weight=WEIGHT),
        ]

    alone = [
        student(**params, random_state=k).fit_soft_targets(X, each)
        for k, each in enumerate(lessons())
    ]
    together = [student(**params, random_state=k) for k in range(5)]
    fit_together(together, X, lessons())
    for one, other in zip(alone, together, strict=True):
        assert_same(one, other, atol=1e-4)
    assert differ(together[0], together[2])


@examples(6)
@given(
    loss=st.sampled_from(sorted(LOSSES)),
    temperatures=st.lists(st.sampled_from([0.5, 1.0, 4.0]), min_size=3, max_size=3),
    n_rows=st.lists(st.integers(1, N_FRESH), min_size=3, max_size=3),
    params=st.fixed_dictionaries(
        {
            "early_stopping": st.booleans(),
            "class_weight": st.sampled_from([None, "balanced"]),
            "final_temperature": st.sampled_from([None, 2.0]),
            "n_members": st.integers(1, 2),
            "batch_size": st.integers(5, 70),
            "n_iter_no_change": st.just(1),
        }
    ),
)
def test_any_sources_in_one_stack_are_as_alone(loss, temperatures, n_rows, params):
    sources = [Source(t) for t in temperatures]
    lessons = [
        replace(lesson(s, temperature=s.temperature), fresh=s.fresh(n))
        for s, n in zip(sources, n_rows, strict=True)
    ]
    together = [student(loss=loss, random_state=k, **params) for k in range(3)]
    fit_together(together, X, lessons)
    for k, each in enumerate(lessons):
        alone = student(loss=loss, random_state=k, **params)
        assert_same(alone.fit_soft_targets(X, each), together[k], atol=1e-3)


def test_parts_of_the_rows_in_one_stack_are_as_alone():
    parts = [np.arange(N_ROWS)[5:], np.delete(np.arange(N_ROWS), np.arange(8, 13))]
    sources = [Source(), Source()]
    lessons = [
        replace(lesson().take(part), fresh=source.fresh())
        for part, source in zip(parts, sources, strict=True)
    ]
    together = fit_together([student(), student()], X, lessons, parts)
    for part, each, one in zip(parts, lessons, together, strict=True):
        assert_same(student().fit_soft_targets(X[part], each), one, atol=1e-4)


def test_a_stack_draws_and_asks_once_an_epoch():
    source = Source()
    students = [student(random_state=k, n_members=2) for k in range(3)]
    lessons = [lesson(source), lesson(source, alpha=0.9), lesson(source, weight=WEIGHT)]
    fit_together(students, X, lessons)
    assert len(source.seeds) == source.n_labelled == 3


def test_models_of_different_pasts_see_their_own_rows():
    targets = lesson(Source())
    pair = [student(warm_start=True).fit_soft_targets(X, targets) for _ in range(2)]
    pair[1].fit_soft_targets(X, targets)
    # Without a state of the optimizer nothing else tells them apart.
    for model in pair:
        model._optimizer_states = [None]
    alone = [deepcopy(model).fit_soft_targets(X, targets) for model in pair]
    fit_together(pair, X, [targets] * 2)
    for one, other in zip(alone, pair, strict=True):
        assert_same(one, other, atol=1e-4)


# Behind the steps of a pipeline


def apart(rows):
    """Rows of another place and scale, which a network does not learn from as such."""
    return 100 * np.asarray(rows) + 1000


def far_source(**options):
    source = Source(wrap=apart, **options)
    source.label = lambda X: says((np.asarray(X) - 1000) / 100, source.temperature)
    return source


def test_steps_that_write_in_place_leave_rows_to_the_teacher():
    """The teacher reads fresh rows as they were drawn."""
    writes, keeps = far_source(), far_source()
    one, other = (
        learn(
            make_pipeline(StandardScaler(copy=source is keeps), student(scale=False)),
            apart(X),
            lesson(source),
        )
        for source in (writes, keeps)
    )
    assert_same(one.student[-1], other.student[-1])
    for wrote, kept in zip(writes.drawn, keeps.drawn, strict=True):
        np.testing.assert_array_equal(wrote, kept)
    assert len(writes.drawn) == 3


def test_sources_of_too_few_rows_are_told_of_behind_steps_too():
    source = Source(draw=lambda n, seed: X[: n - 1])
    pipeline = make_pipeline(StandardScaler(), student())
    with pytest.raises(ValueError, match=r"draw gave 23 rows .* for 24"):
        learn(pipeline, X, lesson(source))


def test_pipelines_in_one_stack_are_as_alone():
    """Each through its own steps, be it a fresh row or another."""
    students = [
        make_pipeline(StandardScaler(), student(scale=False)),
        make_pipeline(StandardScaler(with_mean=False), student(scale=False)),
        make_pipeline(StandardScaler(), student(scale=False, random_state=1)),
        make_pipeline(PCA(2), StandardScaler(), student(scale=False)),
        student(),
    ]
    lessons = [lesson(far_source(), alpha=0.1 * k) for k in range(1, 6)]
    seeds = [None] * 5
    together = learn_together(students, apart(X), lessons, random_state=seeds)
    for each, targets, taught in zip(students, lessons, together, strict=True):
        alone = learn(each, apart(X), replace(targets, fresh=far_source().fresh()))
        mine, its = alone.student, taught.student
        if not isinstance(mine, NeuralClassifier):
            mine, its = mine[-1], its[-1]
        assert_same(mine, its, atol=1e-4)


# Rows that a teacher is not trusted about


@pytest.mark.parametrize("final_alpha", [0.4, 1.0])
@pytest.mark.parametrize("kind", ["silent", "corrected", "both"])
def test_alpha_that_moves_keeps_to_rows_that_are_trusted(kind, final_alpha):
    """Silence is as the label of the row, and a correction as the corrected word."""
    rows = X[: N_REAL + N_UNLABELED]
    onehot = np.eye(N_CLASSES)[CODES]
    proba, silent = says(rows), np.zeros(len(rows), dtype=bool)
    said, word, correction = proba.copy(), proba.copy(), None
    if kind != "silent":
        correction = 0.2
        share = correct_toward_labels(proba[:N_REAL], CODES, correction)[:, None]
        word[:N_REAL] += share * (onehot - word[:N_REAL])
    if kind != "corrected":
        silent[:12] = True
        said[:12], word[:12] = 1 / N_CLASSES, onehot[:12]
    classes = np.arange(N_CLASSES)
    targets = build_targets(
        TeacherOutput(said, "probabilities", classes, silent),
        classes,
        CODES,
        alpha=0.6,
        correction=correction,
    )
    by_hand = build_targets(
        TeacherOutput(word, "probabilities", classes), classes, CODES, alpha=0.6
    )
    params = {"final_alpha": final_alpha, "max_epochs": 12, "learning_rate": 0.05}
    for part in (np.arange(len(rows)), np.arange(3, len(rows))):
        one, other = (
            student(**params).fit_soft_targets(rows[part], each.take(part))
            for each in (targets, by_hand)
        )
        torch.testing.assert_close(
            weights_of(one), weights_of(other), rtol=0, atol=1e-4
        )


# Rows that tell when to stop


@pytest.mark.parametrize("source", [None, Source()], ids=["drawn once", "redrawn"])
@pytest.mark.parametrize("weight", [None, WEIGHT], ids=["even", "weighted"])
def test_labelled_rows_tell_when_to_stop(splits, source, weight):
    params = {"early_stopping": True, "validation_fraction": 0.3}
    student(**params, n_members=2).fit_soft_targets(X, lesson(source, weight=weight))
    assert len(splits) == 2
    for train, valid in splits:
        assert len(valid) == 0.3 * N_REAL
        assert valid.max() < N_REAL
        assert sorted([*train, *valid]) == list(range(N_ROWS))
        assert set(CODES[valid]) == set(CODES)


def test_rows_of_weight_zero_do_not_tell_when_to_stop(splits):
    weight = WEIGHT.copy()
    weight[:10] = 0.0
    weight[-3:] = 0.0
    student(early_stopping=True).fit_soft_targets(X, lesson(weight=weight))
    ((train, valid),) = splits
    assert set(valid) <= set(range(10, N_REAL))
    assert sorted([*train, *valid]) == list(range(10, N_ROWS - 3))


def test_without_labels_any_real_row_tells_when_to_stop(splits):
    silent = replace(lesson(), labels=np.full(N_ROWS, UNLABELED))
    student(early_stopping=True).fit_soft_targets(X, silent)
    redrawn = replace(silent, fresh=Source().fresh())
    student(early_stopping=True, validation_fraction=0.5).fit_soft_targets(X, redrawn)
    (_, anywhere), (_, real) = splits
    assert len(anywhere) == 0.1 * N_ROWS
    assert len(real) == 0.5 * (N_REAL + N_UNLABELED)
    assert real.max() < N_REAL + N_UNLABELED


def test_the_validation_loss_is_of_the_labelled_rows(splits):
    rows, codes = make_classification(120, random_state=0)
    more = np.random.default_rng(0).normal(size=(300, rows.shape[1]))
    proba = np.full((420, 2), 0.5)
    targets = SoftTargets(
        np.arange(2),
        proba,
        np.append(codes, np.full(300, UNLABELED)).astype(np.intp),
        np.append(np.zeros(120), np.ones(300)),
    )
    model = student(early_stopping=True, max_epochs=8)
    model.fit_soft_targets(np.concatenate([rows, more]), targets)
    ((_, valid),) = splits
    by_hand = -model.predict_log_proba(rows)[valid, codes[valid]].mean()
    assert min(model.history_[0]["valid_loss"]) == pytest.approx(by_hand, rel=1e-4)


# What cannot be


def wrong(**parts):
    fresh = Source().fresh()
    return replace(lesson(), fresh=replace(fresh, **parts))


@pytest.mark.parametrize(
    ("targets", "message"),
    [
        (wrong(n_rows=0), r"n_rows=0 must be between 1 and the 60 rows"),
        (wrong(n_rows=61), r"n_rows=61 must be between"),
        (wrong(n_rows=31), r"some of the last 31 rows have labels"),
        (wrong(draw=lambda n, seed: X[: n - 1]), r"draw gave 23 rows .* for 24"),
        (wrong(draw=lambda n, seed: X[:n, :3]), r"rows of shape \(3,\)"),
        (wrong(label=lambda X: says(X)[:, :2]), r"shape \(24, 2\) where \(24, 3\)"),
    ],
)
def test_sources_that_do_not_fit_the_lesson(targets, message):
    with pytest.raises(ValueError, match=message):
        student().fit_soft_targets(X, targets)


def test_representations_of_fresh_rows_are_not_known():
    matching = Hint("hidden_0", "hidden_0")
    targets = replace(lesson(Source()), representations=(np.ones((N_ROWS, 2)),))
    with pytest.raises(ValueError, match=r"matching .*transfer_redraw=False"):
        student(matching=matching).fit_soft_targets(X, targets)
    once = replace(targets, fresh=None)
    student(matching=clone(matching)).fit_soft_targets(X, once)


def test_no_real_row_is_left_to_tell_when_to_stop():
    targets = lesson().take(np.arange(N_ROWS)[-N_FRESH:])
    targets = replace(targets, fresh=Source().fresh())
    with pytest.raises(ValueError, match="early_stopping=True holds out real rows"):
        student(early_stopping=True).fit_soft_targets(X[-N_FRESH:], targets)
    student().fit_soft_targets(X[-N_FRESH:], targets)


def test_an_interrupt_while_rows_are_drawn_leaves_a_fitted_net():
    def interrupting(n, seed):
        raise KeyboardInterrupt

    model = student()
    with pytest.raises(KeyboardInterrupt, match="are kept"):
        model.fit_soft_targets(X, lesson(Source(draw=interrupting)))
    assert model.history_[0]["end"] == "interrupted"
    assert model.predict(X).shape == (N_ROWS,)
