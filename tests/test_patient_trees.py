"""Trees that draw rows in their nodes, and choose their splits again."""

import math
import pickle
from dataclasses import replace

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy.sparse import csr_array
from scipy.special import rel_entr
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.tree import DecisionTreeClassifier, export_text

from skdistill.students import _node_rows, _patient_tree, _tree
from skdistill.students._alternating import (
    alternate,
    refine,
    repair,
    total_loss,
)
from skdistill.students._binned import MOST_THRESHOLDS, Bins, Sample, left_sums
from skdistill.students._branches import Branches
from skdistill.students._growth import grow, whole
from skdistill.students._lookahead import look_ahead
from skdistill.students._split_search import Limits, entropy, gini, search
from skdistill.targets import UNLABELED, FreshRows, SoftTargets, soften
from skdistill.transfer import Munge
from tests.strategies import examples

NO_LIMITS = Limits(math.inf, math.inf, 2, 1, 0.0, 0.0)


def scene(seed, n=120, n_drawn=None, d=3, k=3, digits=1):
    """Rows, and a smooth teacher that is no tree; more rows from Munge."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, d)).round(digits)
    slopes = rng.normal(size=(d, k)) * 3

    def teach(rows):
        return soften(np.tanh(np.asarray(rows, dtype=float)) @ slopes, "logits")

    return lesson_of(X, teach, n_drawn or 5 * n, k, seed)


def lesson_of(X, teach, n_drawn, k, seed=0, *, alpha=1.0, container=None, around=True):
    """A lesson with a source of rows; what the teacher is asked goes to `asked`."""
    n = len(X)
    given_rows = X if container is None else container(X)
    generator = Munge(random_state=seed).fit(given_rows)
    drawn = generator.sample(n_drawn, random_state=seed)
    both = np.concatenate([X, np.asarray(drawn, dtype=X.dtype)])
    asked = []

    def label(rows):
        asked.append(rows)
        return teach(rows)

    fresh = FreshRows(
        n_drawn,
        lambda size, s: generator.sample(size, random_state=s),
        (lambda at, s: generator.sample_around(at, random_state=s)) if around else None,
        label,
    )
    P = teach(both)
    targets = SoftTargets(
        np.arange(k),
        P,
        np.append(P[:n].argmax(axis=1), np.full(n_drawn, UNLABELED)),
        np.append(np.full(n, alpha), np.ones(n_drawn)),
        np.append(np.ones(n), np.full(n_drawn, n / n_drawn)),
        fresh=fresh,
    )
    return both if container is None else container(both), targets, asked


def student_of(**params):
    return DecisionTreeClassifier(**{"max_leaf_nodes": 8, "random_state": 0, **params})


def teach_tree(student, X, targets):
    return _tree.teach(student, X, targets, {}).student


def sample_of(seed, n=80, d=3, k=3, share_real=0.5):
    rng = np.random.default_rng(seed)
    X = rng.integers(0, 6, size=(n, d)).astype(np.float32)
    bins = Bins.of(X)
    mass = rng.dirichlet(np.full(k, 0.4), n) * rng.uniform(0.2, 2, (n, 1))
    real = (rng.uniform(size=n) < share_real).astype(float)
    return Sample(bins, bins.codes(X), mass, real)


def grown(sample, limits):
    branches = Branches()
    spots = [whole(sample, len(sample.real))]
    grow(branches, spots, sample, limits, entropy, 1)
    return branches


def within(branches, sample, limits):
    """Whether a tree keeps to the limits, by counting."""
    leaves = branches.apply(sample.codes)
    if len(branches.leaves()) > limits.max_leaves:
        return False
    if max(branches.depths().values()) > limits.max_depth:
        return False
    for node in branches.nodes():
        inside = np.isin(leaves, branches.leaves(node))
        rows, mass = sample.real[inside].sum(), sample.mass[inside].sum()
        if not branches.is_leaf(node) and rows < limits.min_rows:
            return False
        if node and rows < limits.min_leaf_rows:
            return False
        if node and mass < limits.min_leaf_mass * (1 - 1e-9):
            return False
    return True


# Sums and splits, against counting


@examples(25)
@given(seed=st.integers(0, 10**6))
def test_left_sums_are_sums_over_the_rows_left_of_each_threshold(seed):
    sample = sample_of(seed)
    sums = left_sums(sample.bins, sample.codes, sample.mass)
    for column, thresholds in enumerate(sample.bins.thresholds):
        for at in range(len(thresholds)):
            left = sample.codes[:, column] <= at
            assert_allclose(sums[column, at], sample.mass[left].sum(axis=0))
        assert_allclose(sums[column, -1], sample.mass.sum(axis=0))


def test_left_sums_in_parts_are_those_at_once(monkeypatch):
    sample = sample_of(0)
    at_once = left_sums(sample.bins, sample.codes, sample.mass)
    monkeypatch.setattr("skdistill.students._binned._MOST_CELLS", 20)
    assert_allclose(left_sums(sample.bins, sample.codes, sample.mass), at_once)


@examples(25)
@given(seed=st.integers(0, 10**6), impurity=st.sampled_from([gini, entropy]))
def test_search_finds_what_trying_all_splits_finds(seed, impurity):
    sample = sample_of(seed)
    limits = replace(NO_LIMITS, min_leaf_rows=3, min_rows=6, min_leaf_mass=2.0)
    best = 0.0
    for column, thresholds in enumerate(sample.bins.thresholds):
        for at in range(len(thresholds)):
            left = sample.codes[:, column] <= at
            parts = [sample.mass[side] for side in (left, ~left)]
            if min(sample.real[left].sum(), sample.real[~left].sum()) < 3:
                continue
            if min(part.sum() for part in parts) < 2.0:
                continue
            below = sum(float(impurity(part.sum(axis=0))) for part in parts)
            best = max(best, float(impurity(sample.mass.sum(axis=0))) - below)
    found = search(sample, limits, impurity)
    assert_allclose(0.0 if found is None else found.gain, best, atol=1e-9)


def test_impurities_are_scikit_learns():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(50, 2)), rng.integers(0, 3, 50)
    mass = np.bincount(y).astype(float)
    for name, impurity, unit in (("gini", gini, 1), ("entropy", entropy, math.log(2))):
        tree = DecisionTreeClassifier(criterion=name, max_depth=1).fit(X, y).tree_
        assert_allclose(impurity(mass) / 50, tree.impurity[0] * unit)


@pytest.mark.parametrize("n_values", [1, 2, 40, 5000])
def test_bins_lie_between_values_and_follow_the_quantiles(n_values):
    rng = np.random.default_rng(1)
    x = rng.permutation(np.repeat(rng.normal(size=n_values), 3)).astype(np.float32)
    bins = Bins.of(x[:, None])
    thresholds = bins.thresholds[0]
    assert len(thresholds) == min(n_values - 1, MOST_THRESHOLDS)
    assert (np.diff(thresholds) > 0).all()
    assert not np.isin(thresholds, x.astype(float)).any()
    codes = bins.codes(x[:, None])[:, 0]
    for at, threshold in enumerate(thresholds):
        assert_array_equal(codes <= at, x <= threshold)
    if n_values > MOST_THRESHOLDS:
        assert np.bincount(codes).max() < 3 * len(x) / MOST_THRESHOLDS


def test_finer_bins_keep_the_thresholds_and_part_the_rows_next_to_those_used():
    x = np.random.default_rng(2).normal(size=(6000, 2)).astype(np.float32)
    bins = Bins.of(x)
    finer = bins.finer(x, [{3, 254}, set()])
    assert_array_equal(finer.thresholds[1], bins.thresholds[1])
    assert np.isin(bins.thresholds[0], finer.thresholds[0]).all()
    new = np.setdiff1d(finer.thresholds[0], bins.thresholds[0])
    edges = bins.thresholds[0]
    assert ((new > edges[2]) & (new < edges[4]) | (new > edges[253])).all()
    assert 24 <= len(new) <= 32
    for at, threshold in enumerate(finer.thresholds[0]):
        assert_array_equal(finer.codes(x)[:, 0] <= at, x[:, 0] <= threshold)


# Refinement


@examples(30)
@given(
    seed=st.integers(0, 10**6),
    improve=st.sampled_from([alternate, refine, look_ahead]),
    n_leaves=st.integers(2, 12),
    leaf_rows=st.integers(1, 5),
    depth=st.sampled_from([2, 4, math.inf]),
)
def test_refinement_never_raises_the_loss_nor_leaves_the_limits(
    seed, improve, n_leaves, leaf_rows, depth
):
    sample = sample_of(seed)
    limits = Limits(depth, n_leaves, 2 * leaf_rows, leaf_rows, 1.0, 0.0)
    before = grown(sample, limits)
    shape = before.nodes(), before.column[:]
    after = improve(before, sample, limits)
    loss = total_loss(before, sample)
    assert within(before, sample, limits)
    assert within(after, sample, limits)
    if improve is look_ahead:  # It compares without the pull of the whole.
        assert total_loss(after, sample) <= loss + 1e-4
    else:
        assert total_loss(after, sample) <= loss
    assert (before.nodes(), before.column) == shape


def test_refinement_lowers_the_loss_of_most_greedy_trees():
    limits = replace(NO_LIMITS, max_leaves=6)
    better = 0
    for seed in range(20):
        sample = sample_of(seed)
        before = grown(sample, limits)
        after = refine(look_ahead(before, sample, limits), sample, limits)
        better += total_loss(after, sample) < total_loss(before, sample) - 1e-3
    assert better > 10


def test_repair_takes_out_sides_without_given_rows():
    sample = sample_of(3)
    limits = replace(NO_LIMITS, max_leaves=20)
    branches = grown(sample, limits)
    lonely = branches.apply(sample.codes) == branches.leaves()[0]
    sample = sample._replace(real=np.where(lonely, 0.0, sample.real))
    assert not within(branches, sample, limits)
    repair(branches, sample, limits)
    assert within(branches, sample, limits)
    assert len(branches.leaves()) > 1


def test_what_no_greedy_tree_finds_is_found():
    rng = np.random.default_rng(0)
    X = rng.uniform(-1, 1, size=(400, 4))

    def parity(rows):
        odd = (np.asarray(rows)[:, 0] > 0) ^ (np.asarray(rows)[:, 1] > 0)
        return np.column_stack([~odd, odd]).astype(float)

    X, targets, _ = lesson_of(X, parity, 2000, 2)
    student = student_of(max_leaf_nodes=4)
    X_test = rng.uniform(-1, 1, size=(2000, 4))
    patient = teach_tree(student, X, targets)
    greedy = teach_tree(student, X, replace(targets, fresh=None))
    truth = parity(X_test).argmax(axis=1)
    assert np.mean(patient.predict(X_test) == truth) > 0.98
    assert np.mean(greedy.predict(X_test) == truth) < 0.85


@pytest.mark.parametrize("criterion", ["gini", "entropy", "log_loss"])
def test_teacher_that_is_a_small_tree_is_recovered(criterion):
    shares, lost = [], []
    for seed in range(1, 5):
        rng = np.random.default_rng(seed)
        X, X_test = rng.normal(size=(500, 4)), rng.normal(size=(3000, 4))
        y = (X[:, 0] > 0.3) ^ (X[:, 2] > -0.2) ^ (rng.uniform(size=500) < 0.2)
        teacher = DecisionTreeClassifier(max_leaf_nodes=5, random_state=0).fit(X, y)
        X, targets, _ = lesson_of(X, teacher.predict_proba, 5000, 2)
        student = student_of(max_leaf_nodes=5, criterion=criterion)
        q = teach_tree(student, X, targets).predict_proba(X_test)
        p = teacher.predict_proba(X_test)
        shares.append(np.mean(np.abs(p - q).max(axis=1) > 0.02))
        lost.append(rel_entr(p, q).sum() / rel_entr(p, p.mean(axis=0)).sum())
    # Where two leaves of a teacher say nearly the same, another tree is nearly it.
    assert np.median(shares) < 0.005
    assert max(lost) < 0.05


# What comes out


@examples(8)
@given(
    seed=st.integers(0, 10**6),
    k=st.sampled_from([2, 3, 5]),
    params=st.sampled_from(
        [
            {},
            {"criterion": "entropy"},
            {"criterion": "log_loss", "max_depth": 3},
            {"min_samples_leaf": 9, "max_leaf_nodes": 30},
            {"min_samples_leaf": 0.1},
            {"min_samples_split": 30, "max_leaf_nodes": 30},
            {"min_weight_fraction_leaf": 0.12},
            {"max_leaf_nodes": None, "max_depth": 4},
            {"class_weight": "balanced"},
        ]
    ),
)
def test_tree_keeps_to_the_parameters_and_its_numbers_add_up(seed, k, params):
    X, targets, asked = scene(seed, k=k)
    student = student_of(**params)
    tree = teach_tree(student, X, targets)
    assert type(tree) is DecisionTreeClassifier
    assert tree.get_params() == student.get_params()
    nodes = tree.tree_
    inner = np.flatnonzero(nodes.children_left != -1)
    children = nodes.children_left[inner], nodes.children_right[inner]
    for counts in (nodes.n_node_samples, nodes.weighted_n_node_samples):
        assert_allclose(counts[inner], counts[children[0]] + counts[children[1]])
    assert nodes.n_node_samples[0] == len(X) + sum(map(len, asked))
    if "class_weight" not in params:
        assert_allclose(nodes.weighted_n_node_samples[0], 240)
    mass = nodes.value[:, 0] * nodes.weighted_n_node_samples[:, None]
    assert_allclose(mass[inner], mass[children[0]] + mass[children[1]])
    impurity = gini if student.criterion == "gini" else entropy
    unit = 1 if student.criterion == "gini" else math.log(2)
    assert_allclose(nodes.impurity * unit, impurity(nodes.value[:, 0]), atol=1e-12)
    assert tree.get_n_leaves() <= (student.max_leaf_nodes or math.inf)
    assert tree.get_depth() <= (student.max_depth or math.inf)
    through = np.asarray(tree.decision_path(X[:120]).sum(axis=0)).ravel()
    least = params.get("min_samples_leaf", 1)
    assert through.min() >= (least if isinstance(least, int) else 120 * least)
    assert through[inner].min(initial=120) >= params.get("min_samples_split", 2)
    weights = nodes.weighted_n_node_samples
    least = params.get("min_weight_fraction_leaf", 0.0)
    assert weights.min() >= least * weights[0] * (1 - 1e-9)


@pytest.mark.parametrize("container", [pd.DataFrame, pl.DataFrame])
def test_tree_of_a_frame_is_genuine(container):
    rng = np.random.default_rng(0)
    columns = list("abc")

    def frame(array):
        array = np.asarray(array)
        data = {name: array[:, k] for k, name in enumerate(columns)}
        data["c"] = data["c"].astype(np.int16)
        return container(data)

    def teach(rows):
        return soften(
            np.asarray(rows, dtype=float) @ np.ones((3, 2)) * [0, 2], "logits"
        )

    X = np.column_stack([rng.normal(size=(150, 2)), rng.integers(-3, 4, 150)])
    X, targets, asked = lesson_of(X, teach, 600, 2, container=frame)
    targets = replace(targets, classes=np.array(["no", "yes"]))
    tree = teach_tree(student_of(criterion="entropy", max_leaf_nodes=20), X, targets)
    assert asked
    for rows in asked:
        assert type(rows) is container
        assert list(rows.dtypes) == list(X.dtypes)
        assert list(rows.columns) == columns
    assert_array_equal(tree.feature_names_in_, columns)
    assert_array_equal(tree.classes_, ["no", "yes"])
    assert "class: yes" in export_text(tree, feature_names=columns)
    assert_allclose(tree.feature_importances_.sum(), 1.0)
    assert (tree.feature_importances_ >= 0).all()
    copy = pickle.loads(pickle.dumps(tree))
    assert_array_equal(copy.predict_proba(X), tree.predict_proba(X))
    assert_array_equal(clone(tree).get_params(), tree.get_params())


def test_values_are_the_means_of_the_targets_in_each_leaf():
    X, targets, asked = scene(4, n_drawn=1500)
    tree = teach_tree(student_of(max_leaf_nodes=2), X, targets)
    assert not asked  # Nodes with this many rows draw none.
    leaves = tree.apply(X)
    for leaf in np.unique(leaves):
        inside = leaves == leaf
        weight = targets.weight[inside]
        expected = weight @ targets.teacher[inside] / weight.sum()
        assert_allclose(tree.tree_.value[leaf, 0], expected, atol=1e-6)


@pytest.mark.parametrize("alpha", [0.5, 1.0])
def test_values_at_a_temperature_are_put_back(alpha):
    X, targets, asked = scene(5)
    alphas = np.where(targets.labels == UNLABELED, 1.0, alpha)
    warm = replace(targets, temperature=3.0, alpha=alphas)
    tree = teach_tree(student_of(), X, warm)
    q = tree.tree_.value[:, 0]
    assert_allclose(q.sum(axis=1), 1.0)
    at_one = teach_tree(student_of(), X, replace(warm, temperature=1.0))
    assert_array_equal(tree.tree_.threshold, at_one.tree_.threshold)
    if alpha == 1.0:
        expected = at_one.tree_.value[:, 0] ** 3
        assert_allclose(q, expected / expected.sum(axis=1, keepdims=True), atol=1e-4)
    assert asked


def test_same_seed_same_tree_and_another_seed_other_rows():
    X, targets, asked = scene(6)
    trees = [teach_tree(student_of(max_leaf_nodes=20), X, targets) for _ in range(2)]
    half = len(asked) // 2
    for one, two in zip(asked[:half], asked[half:], strict=True):
        assert_array_equal(one, two)
    states = [tree.tree_.__getstate__() for tree in trees]
    assert states[0]["nodes"].tobytes() == states[1]["nodes"].tobytes()
    assert_array_equal(states[0]["values"], states[1]["values"])
    first = asked[0]
    asked.clear()
    teach_tree(student_of(max_leaf_nodes=20, random_state=1), X, targets)
    assert first.shape != asked[0].shape or (first != asked[0]).any()


def test_constant_teacher_gives_one_leaf_and_is_asked_nothing():
    X = np.random.default_rng(0).normal(size=(60, 3))
    X, targets, asked = lesson_of(X, lambda rows: np.full((len(rows), 2), 0.5), 300, 2)
    tree = teach_tree(student_of(), X, targets)
    assert tree.get_n_leaves() == 1
    assert_allclose(tree.predict_proba(X[:3]), 0.5)
    assert not asked


def test_min_impurity_decrease_is_what_every_split_gains():
    X, targets, _ = scene(7)
    for criterion in ("gini", "entropy"):
        params = {"min_impurity_decrease": 0.01, "criterion": criterion}
        tree = teach_tree(student_of(max_leaf_nodes=60, **params), X, targets)
        nodes = tree.tree_
        weighted = nodes.impurity * nodes.weighted_n_node_samples
        for node in np.flatnonzero(nodes.children_left != -1):
            left, right = nodes.children_left[node], nodes.children_right[node]
            gain = weighted[node] - weighted[left] - weighted[right]
            # Rows drawn below a node make its gain another one than it was.
            assert gain >= 0.5 * 0.01 * nodes.weighted_n_node_samples[0]
        free = teach_tree(
            student_of(max_leaf_nodes=60, criterion=criterion), X, targets
        )
        assert 1 < tree.get_n_leaves() < free.get_n_leaves()


def test_class_weights_move_the_drawn_rows_as_well():
    X, targets, asked = scene(8, k=2)
    weights = {0: 1.0, 1: 50.0}
    plain = teach_tree(student_of(max_leaf_nodes=12), X, targets)
    heavy = teach_tree(student_of(max_leaf_nodes=12, class_weight=weights), X, targets)
    assert asked
    by_weight = [tree.predict_proba(X[:120])[:, 1].mean() for tree in (plain, heavy)]
    assert by_weight[1] > by_weight[0]
    total = targets.weight @ targets.teacher @ [1.0, 50.0]
    assert_allclose(heavy.tree_.weighted_n_node_samples[0], total, rtol=0.1)


# Rows drawn in nodes


class Recorder(_node_rows.NodeRows):
    """Notes the box of each draw, and the weight of all drawn rows after it."""

    draws: list = []

    def _draw(self, spot, drawn, n):
        before = self.pool.weight[self.pool.n_real : self.pool.n].sum()
        inside = self.pool.weight[drawn].sum()
        new = super()._draw(spot, drawn, n)
        self.draws.append((spot, self.pool.codes[new], n, before, inside, self.pool))
        return new


@pytest.mark.parametrize("around", [True, False])
def test_drawn_rows_lie_in_their_box_and_weigh_what_it_weighs(around, monkeypatch):
    monkeypatch.setattr(_patient_tree, "NodeRows", Recorder)
    monkeypatch.setattr(Recorder, "draws", [])
    rng = np.random.default_rng(9)
    slopes = rng.normal(size=(3, 3)) * 3

    def teach(rows):
        return soften(np.asarray(rows) @ slopes, "logits")

    X = rng.normal(size=(120, 3))
    X, targets, asked = lesson_of(X, teach, 600, 3, around=around)
    teach_tree(student_of(max_leaf_nodes=25), X, targets)
    assert len(Recorder.draws) > 5
    tested = 0
    pool = Recorder.draws[0][-1]
    for spot, codes, n, before, inside, _ in Recorder.draws:
        assert len(codes) <= n
        assert ((codes >= spot.low) & (codes <= spot.high)).all()
        tested += len(codes)
        assert inside <= before
    assert tested == sum(map(len, asked))
    assert_array_equal(pool.X[len(X) : pool.n], np.concatenate(asked, dtype=np.float32))
    # All draws together have moved weight about and made none.
    assert_allclose(pool.weight[120 : pool.n].sum(), 120)
    assert_allclose(pool.mass[: pool.n].sum(), 240)


def test_teacher_is_asked_in_bounded_batches_within_the_room(monkeypatch):
    monkeypatch.setattr(_node_rows, "_MOST", 70)
    monkeypatch.setattr(_node_rows, "_MOST_IN_ALL", 100)
    X, targets, asked = scene(10, n=200)
    teach_tree(student_of(max_leaf_nodes=None, min_samples_leaf=2), X, targets)
    sizes = [len(rows) for rows in asked]
    assert max(sizes) <= 70
    assert sum(sizes) == targets.fresh.n_rows  # So large a tree takes all it may.


def test_node_stops_drawing_when_its_split_stays(monkeypatch):
    monkeypatch.setattr(_patient_tree, "NodeRows", Recorder)
    monkeypatch.setattr(_node_rows, "_MOST", 40)
    X, targets, _ = scene(11, n=60, n_drawn=240)
    counts = {}
    for same in (0.0, 1.1):  # Always the same split; never.
        monkeypatch.setattr(Recorder, "draws", [])
        monkeypatch.setattr(_node_rows, "_SAME", same)
        teach_tree(student_of(max_leaf_nodes=3), X, targets)
        per_node = np.unique([spot.node for spot, *_ in Recorder.draws])
        counts[same] = len(Recorder.draws), len(per_node)
    assert counts[0.0][0] == counts[0.0][1]
    assert counts[1.1][0] > counts[1.1][1]


def test_rows_are_drawn_around_labelled_rows_only():
    X, targets, _ = scene(12)
    labels = targets.labels.copy()
    labels[60:120] = UNLABELED  # Given without a label.
    parents = []
    fresh = targets.fresh

    def around(positions, seed):
        parents.extend(positions)
        return fresh.around(positions, seed)

    targets = replace(targets, labels=labels, fresh=replace(fresh, around=around))
    teach_tree(student_of(max_leaf_nodes=20), X, targets)
    assert parents
    assert max(parents) < 60


def test_wrong_answers_about_drawn_rows_are_named():
    X, targets, _ = scene(13)
    fresh = replace(targets.fresh, label=lambda rows: np.ones((len(rows), 7)))
    with pytest.raises(ValueError, match=r"fresh\.label gave an array of shape"):
        teach_tree(student_of(max_leaf_nodes=20), X, replace(targets, fresh=fresh))


@pytest.mark.parametrize("container", [np.asarray, pd.DataFrame, pl.DataFrame])
def test_cells_are_put_back_in_any_container(container):
    rows, parents = np.arange(12).reshape(4, 3), -np.arange(12).reshape(4, 3)
    cells = np.zeros((4, 3), dtype=bool)
    cells[1, 0] = cells[3, 2] = cells[0, 2] = True
    made = _node_rows.put_back(container(rows), container(parents), cells)
    assert type(made) is type(container(rows))
    assert_array_equal(np.asarray(made), np.where(cells, parents, rows))


# What cannot be done


@pytest.mark.parametrize(
    ("params", "name"),
    [
        ({"splitter": "random"}, "splitter"),
        ({"max_features": 2}, "max_features"),
        ({"max_features": "sqrt"}, "max_features"),
        ({"monotonic_cst": [1, 0, 0]}, "monotonic_cst"),
        ({"ccp_alpha": 0.01}, "ccp_alpha"),
    ],
)
def test_parameters_that_cannot_be_kept_are_refused(params, name):
    student = DecisionTreeClassifier(**params)
    with pytest.raises(ValueError, match=rf"{name}=.* transfer_redraw=False"):
        _patient_tree.check(student)
    X, targets, asked = scene(0)
    with pytest.raises(ValueError, match=name):
        teach_tree(student, X, targets)
    assert not asked


def test_other_students_and_rows_are_refused():
    with pytest.raises(TypeError, match="LogisticRegression"):
        _patient_tree.check(LogisticRegression())
    X = np.ones((4, 2))
    with pytest.raises(ValueError, match="sparse"):
        _patient_tree.check(student_of(), csr_array(X))
    X[0, 0] = np.nan
    with pytest.raises(ValueError, match="missing"):
        _patient_tree.check(student_of(), X)
    _patient_tree.check(student_of(), np.ones((4, 2)))
