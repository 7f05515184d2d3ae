"""Losses on representations against the formulas of their papers; layers by name."""

import copy
import pickle

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from lightgbm import LGBMClassifier
from scipy import sparse
from scipy.stats import ortho_group
from sklearn.base import clone
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from sklearn.ensemble import (
    ExtraTreesClassifier,
    GradientBoostingClassifier,
    RandomForestClassifier,
)
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import Normalizer, OneHotEncoder, StandardScaler
from sklearn.tree import DecisionTreeClassifier
from skorch import NeuralNetClassifier
from torch import nn
from torch.utils.checkpoint import checkpoint

from skdistill.neural.matching import (
    AttentionTransfer,
    Hint,
    Matching,
    ProbabilisticTransfer,
    RelationalKD,
    SimilarityPreserving,
)
from skdistill.neural.matching._layers_by_name import capture, layer_outputs
from skdistill.targets import PROBABILITY_FLOOR
from skdistill.teachers._representations import represent

# Formulas, in NumPy and float64, with no shared code


def hint(s, t):
    return ((s - t) ** 2).mean()


def attention(a, power):
    """One map a row: |a|^p over channels, flattened, of length 1."""
    q = (np.abs(a) ** power).mean(axis=1).reshape(len(a), -1)
    return q / np.linalg.norm(q, axis=1, keepdims=True)


def attention_transfer(s, t, power=2):
    return ((attention(s, power) - attention(t, power)) ** 2).mean()


def huber(a, b):
    gap = abs(a - b)
    return gap**2 / 2 if gap <= 1 else gap - 0.5


def rkd(s, t, distance=1.0, angle=2.0):
    """Loops over pairs and triples of different rows."""
    s, t = s.reshape(len(s), -1), t.reshape(len(t), -1)
    n = len(s)
    pairs = [(i, j) for i in range(n) for j in range(n) if i != j]

    def length(x, i, j):
        return np.sqrt(((x[i] - x[j]) ** 2).sum())

    mean_s = np.mean([length(s, i, j) for i, j in pairs])
    mean_t = np.mean([length(t, i, j) for i, j in pairs])
    on_pairs = [
        huber(length(s, i, j) / mean_s, length(t, i, j) / mean_t) for i, j in pairs
    ]

    triples = [(i, j, k) for i, j in pairs for k in range(n) if k not in (i, j)]
    on_triples = [huber(cosine(s, *each), cosine(t, *each)) for each in triples]
    return distance * np.mean(on_pairs) + angle * np.mean(on_triples)


def proximities(leaves):
    n = len(leaves)
    return np.array(
        [[np.mean(leaves[i] == leaves[j]) for j in range(n)] for i in range(n)]
    )


def similarity_preserving(s, t):
    def matrix(x):
        flat = x.reshape(len(x), -1)
        g = proximities(x) if x.dtype == np.int64 else flat @ flat.T
        return g / np.linalg.norm(g, axis=1, keepdims=True)

    return np.linalg.norm(matrix(s) - matrix(t)) ** 2 / len(s) ** 2


def pkt(s, t):
    """Loops over rows and their neighbours."""

    def kernel(x, i, j):
        if x.dtype == np.int64:
            return np.mean(x[i] == x[j])
        a, b = x[i].ravel(), x[j].ravel()
        return (a @ b / np.sqrt((a @ a) * (b @ b)) + 1) / 2

    def share(x, i, j):
        others = [kernel(x, i, k) + PROBABILITY_FLOOR for k in range(len(x)) if k != i]
        return (kernel(x, i, j) + PROBABILITY_FLOOR) / sum(others)

    total = 0.0
    for i in range(len(s)):
        for j in set(range(len(s))) - {i}:
            p, q = share(t, i, j), share(s, i, j)
            total += p * np.log(p / q)
    return total / len(s)


RELATIONS = {
    "distances": (RelationalKD("s", "t", angle=0), lambda s, t: rkd(s, t, angle=0)),
    "angles": (RelationalKD("s", "t", distance=0), lambda s, t: rkd(s, t, distance=0)),
    "rkd": (RelationalKD("s", "t"), rkd),
    "sp": (SimilarityPreserving("s", "t"), similarity_preserving),
    "pkt": (ProbabilisticTransfer("s", "t"), pkt),
}
ALL = {
    **{name: matching for name, (matching, _) in RELATIONS.items()},
    "hint": Hint("s", "t"),
    "attention": AttentionTransfer("s", "t"),
}
relations = pytest.mark.parametrize("name", list(RELATIONS))
all_matchings = pytest.mark.parametrize("name", list(ALL))


def draw(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape)


def draw_leaves(n_rows, n_trees, seed=0):
    return np.random.default_rng(seed).integers(0, 3, size=(n_rows, n_trees))


def loss_of(matching, s, t, dtype=torch.float64):
    """The loss as a number; leaves stay integers."""
    s = torch.tensor(s, dtype=dtype)
    t = torch.tensor(t) if np.asarray(t).dtype == np.int64 else torch.tensor(t).to(s)
    return matching.loss(s, t).item()


def gradient_of(matching, s, t):
    s = torch.tensor(s, requires_grad=True)
    loss = matching.loss(s, torch.as_tensor(t))
    (gradient,) = torch.autograd.grad(loss, s)
    return loss.item(), gradient.numpy()


# Formulas


@relations
@pytest.mark.parametrize(
    ("s", "t"),
    [
        (draw(7, 3), draw(7, 5, seed=1)),
        (draw(6, 2, 3, 3), draw(6, 4, seed=1)),
        (draw(6, 3), draw(6, 2, 5, seed=1)),
    ],
    ids=["vectors", "maps to vectors", "vectors to maps"],
)
def test_relations_equal_the_formula(name, s, t):
    matching, formula = RELATIONS[name]
    expected = formula(s, t)
    assert expected > 1e-3
    assert loss_of(matching, s, t) == pytest.approx(expected, rel=1e-10)
    narrow = loss_of(matching, s, t, torch.float32)
    assert narrow == pytest.approx(expected, rel=1e-4)


def test_hint_equals_the_formula():
    s, t = draw(5, 4), draw(5, 4, seed=1)
    assert loss_of(Hint("s", "t"), s, t) == pytest.approx(hint(s, t), rel=1e-12)
    s, t = draw(5, 2, 3, 4), draw(5, 2, 3, 4, seed=1)
    assert loss_of(Hint("s", "t"), s, t) == pytest.approx(hint(s, t), rel=1e-12)


@pytest.mark.parametrize("power", [1, 2, 3.5])
@pytest.mark.parametrize("positions", [(6,), (3, 4), (2, 2, 3)])
def test_attention_equals_the_formula(power, positions):
    s, t = draw(5, 4, *positions), draw(5, 7, *positions, seed=1)
    matching = AttentionTransfer("s", "t", power=power)
    expected = attention_transfer(s, t, power)
    assert loss_of(matching, s, t) == pytest.approx(expected, rel=1e-12)


def test_attention_of_a_larger_map_is_averaged():
    s, t = draw(3, 2, 4, 6), draw(3, 5, 2, 3, seed=1)
    q = (s**2).mean(axis=1).reshape(3, 2, 2, 3, 2).mean(axis=(2, 4)).reshape(3, -1)
    q /= np.linalg.norm(q, axis=1, keepdims=True)
    expected = ((q - attention(t, 2)) ** 2).mean()
    matching = AttentionTransfer("s", "t")
    assert loss_of(matching, s, t) == pytest.approx(expected, rel=1e-12)
    # Whichever side is larger, the comparison is the same.
    assert loss_of(matching, t, s) == pytest.approx(expected, rel=1e-12)


@relations
def test_gradient(name):
    matching, _ = RELATIONS[name]
    s = torch.tensor(draw(5, 3), requires_grad=True)
    t = torch.tensor(draw(5, 4, seed=1))
    assert torch.autograd.gradcheck(lambda s: matching.loss(s, t), s)
    leaves = torch.tensor(draw_leaves(5, 6))
    assert torch.autograd.gradcheck(lambda s: matching.loss(s, leaves), s)


def test_gradient_of_features():
    s = torch.tensor(draw(3, 2, 4, 4), requires_grad=True)
    t = torch.tensor(draw(3, 5, 2, 2, seed=1))
    hint = Hint("s", "t")
    projection = hint.projection(s, t)
    for matching in (AttentionTransfer("s", "t"), AttentionTransfer("s", "t", power=3)):
        assert torch.autograd.gradcheck(lambda s, m=matching: m.loss(s, t), s)
    assert torch.autograd.gradcheck(lambda s: hint.loss(s, t, projection), s)


@all_matchings
def test_no_loss_where_both_sides_are_the_same(name):
    rows = draw(6, 3, 2, 2)
    loss, gradient = gradient_of(ALL[name], rows, rows)
    assert loss == pytest.approx(0, abs=1e-14)
    assert np.abs(gradient).max() < 1e-12


@all_matchings
def test_the_teacher_gets_no_gradient(name):
    s = torch.tensor(draw(4, 3, 2), requires_grad=True)
    t = torch.tensor(draw(4, 3, 2, seed=1), requires_grad=True)
    ALL[name].loss(s, t).backward()
    assert t.grad is None
    assert s.grad.abs().max() > 0


# Leaves of a forest


@pytest.fixture(scope="module")
def table():
    X = draw(40, 4)
    return X, (X[:, 0] * X[:, 1] > 0).astype(int)


@pytest.fixture(scope="module")
def forest(table):
    return RandomForestClassifier(12, max_depth=3, random_state=0).fit(*table)


def indicators(leaves):
    """The vectors of which the proximity is the inner product."""
    hot = OneHotEncoder(sparse_output=False).fit_transform(leaves)
    return hot / np.sqrt(leaves.shape[1])


@relations
def test_leaves_equal_the_formula_on_proximities_by_hand(name, forest, table):
    leaves = forest.apply(table[0])[:9]
    s = draw(9, 3)
    matching, formula = RELATIONS[name]
    # Distances and angles are those of vectors with these inner products.
    by_kernel = name in ("sp", "pkt")
    assert by_kernel or len(np.unique(leaves, axis=0)) == 9
    expected = formula(s, leaves if by_kernel else indicators(leaves))
    assert loss_of(matching, s, leaves) == pytest.approx(expected, rel=1e-9)


@relations
def test_no_loss_where_vectors_have_the_proximities(name):
    leaves = draw_leaves(6, 5)
    loss = loss_of(RELATIONS[name][0], indicators(leaves), leaves)
    if name == "pkt":  # its kernel of vectors is (cosine + 1) / 2
        assert loss > 1e-3
    else:
        assert loss == pytest.approx(0, abs=1e-12)


@relations
@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10**6))
def test_only_meeting_in_leaves_counts(name, seed):
    rng = np.random.default_rng(seed)
    s, leaves = draw(6, 3, seed=seed), rng.integers(0, 4, size=(6, 5))
    names = np.array([rng.permutation(1000)[:4] for _ in range(5)]).T
    renamed = np.take_along_axis(names, leaves, axis=0)[:, rng.permutation(5)]
    matching = RELATIONS[name][0]
    expected = loss_of(matching, s, leaves)
    assert loss_of(matching, s, renamed) == pytest.approx(expected, rel=1e-9)


def cosine(x, i, j, k):
    a, b = x[i] - x[j], x[k] - x[j]
    return a @ b / np.sqrt((a @ a) * (b @ b))


@pytest.mark.parametrize("where", ["student", "teacher", "leaves"])
def test_rows_in_one_place_make_no_angle(where):
    s, t = draw(4, 3), draw(4, 5, seed=1)
    leaves = np.array([[1, 1], [1, 1], [1, 2], [2, 3]])
    if where == "student":
        s[1] = s[0]
    elif where == "teacher":
        t[1] = t[0]
    else:
        t = indicators(leaves)
    given = leaves if where == "leaves" else t
    loss, gradient = gradient_of(RelationalKD("s", "t", distance=0), s, given)
    # Rows 0 and 1 never look at each other; all other triples count.
    triples = [
        (i, j, k)
        for i in range(4)
        for j in range(4)
        for k in range(4)
        if len({i, j, k}) == 3 and {i, j} != {0, 1} and {j, k} != {0, 1}
    ]
    expected = 2 * np.mean([huber(cosine(s, *e), cosine(t, *e)) for e in triples])
    assert loss == pytest.approx(expected, rel=1e-10)
    assert np.isfinite(gradient).all()


# Laws


def rotation(width, seed):
    return ortho_group.rvs(width, random_state=seed)


@relations
@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10**6), scale=st.floats(1e-3, 1e3))
def test_relations_do_not_see_rotation_and_scale(name, seed, scale):
    s, t = draw(6, 3, seed=seed), draw(6, 4, seed=seed + 1)
    matching = RELATIONS[name][0]
    expected = loss_of(matching, s, t)
    turned = scale * s @ rotation(3, seed)
    assert loss_of(matching, turned, t) == pytest.approx(expected, rel=1e-8)
    turned = scale * t @ rotation(4, seed)
    assert loss_of(matching, s, turned) == pytest.approx(expected, rel=1e-8)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10**6))
def test_each_relation_has_its_own_blind_spot(seed):
    s, t = draw(6, 3, seed=seed), draw(6, 4, seed=seed + 1)
    shift = draw(1, 3, seed=seed + 2)
    rescale = np.exp(draw(6, 1, seed=seed + 3))
    same = {"distances": s + shift, "angles": s + shift, "pkt": s * rescale}
    for name, changed in same.items():
        matching = RELATIONS[name][0]
        expected = loss_of(matching, s, t)
        assert loss_of(matching, changed, t) == pytest.approx(expected, rel=1e-8)
    for name, changed in {"distances": s * rescale, "sp": s + shift}.items():
        matching = RELATIONS[name][0]
        assert loss_of(matching, changed, t) != pytest.approx(
            loss_of(matching, s, t), rel=1e-8
        )


@all_matchings
@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 10**6))
def test_the_order_of_rows_does_not_matter(name, seed):
    s, t = draw(6, 3, 4, seed=seed), draw(6, 3, 4, seed=seed + 1)
    order = np.random.default_rng(seed).permutation(6)
    expected = loss_of(ALL[name], s, t)
    shuffled = loss_of(ALL[name], s[order], t[order])
    assert shuffled == pytest.approx(expected, rel=1e-10)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10**6))
def test_attention_does_not_see_channels_signs_and_strength(seed):
    rng = np.random.default_rng(seed)
    s, t = draw(4, 3, 5, seed=seed), draw(4, 2, 5, seed=seed + 1)
    changed = s[:, rng.permutation(3)] * rng.choice([-1, 1], size=(1, 3, 5))
    changed = changed * np.exp(draw(4, 1, 1, seed=seed))
    matching = AttentionTransfer("s", "t")
    expected = loss_of(matching, s, t)
    assert loss_of(matching, changed, t) == pytest.approx(expected, rel=1e-10)


@all_matchings
def test_a_stack_equals_each_alone(name):
    s, t = torch.tensor(draw(3, 5, 2, 4)), torch.tensor(draw(5, 2, 4, seed=1))
    step = torch.func.grad_and_value(lambda s: ALL[name].loss(s, t))
    gradients, losses = torch.func.vmap(step)(s)
    for k in range(3):
        gradient, loss = step(s[k])
        torch.testing.assert_close(losses[k], loss, rtol=1e-12, atol=0)
        torch.testing.assert_close(gradients[k], gradient, rtol=1e-9, atol=1e-12)


# Small, equal, dead, huge


@all_matchings
@pytest.mark.parametrize("n_rows", [1, 2])
def test_small_batches_are_finite(name, n_rows):
    s, t = draw(n_rows, 3, 2), draw(n_rows, 3, 2, seed=1)
    loss, gradient = gradient_of(ALL[name], s, t)
    assert np.isfinite(loss)
    assert np.isfinite(gradient).all()
    relation = name in RELATIONS
    # One pair has nothing to be compared with, but its similarity is one.
    if relation and (n_rows == 1 or name != "sp"):
        assert loss == pytest.approx(0, abs=1e-15)
        assert np.abs(gradient).max() < 1e-12
    else:
        assert loss > 0


@relations
@pytest.mark.parametrize("n_rows", [1, 2])
def test_small_batches_of_leaves_are_finite(name, n_rows):
    loss, gradient = gradient_of(
        RELATIONS[name][0], draw(n_rows, 3), draw_leaves(n_rows, 4)
    )
    assert np.isfinite(loss)
    assert np.isfinite(gradient).all()
    assert (loss == pytest.approx(0, abs=1e-15)) == (n_rows == 1 or name != "sp")


@all_matchings
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(
    "case", ["twins", "dead row", "dead", "constant", "t constant"]
)
def test_values_and_gradients_are_finite(name, dtype, case):
    s, t = draw(5, 3, 2), draw(5, 3, 2, seed=1)
    if case == "twins":
        s[1] = s[0]
    elif case == "dead row":
        s[2] = 0
    elif case == "dead":
        s[:] = 0
    elif case == "constant":
        s[:] = 3.7
    else:
        t[:] = 3.7
    s = torch.tensor(s, dtype=dtype, requires_grad=True)
    loss = ALL[name].loss(s, torch.tensor(t))
    loss.backward()
    assert loss.dtype == dtype
    assert torch.isfinite(loss)
    # Nothing is divided by a tiny number in the place of 0.
    assert s.grad.abs().max() < 1e4


def test_opposite_rows_are_no_less_than_opposite():
    """Rounding takes some cosines below -1, and a probability below 0 with them."""
    matching = ProbabilisticTransfer("s", "t")
    for seed in range(30):
        half = draw(8, 1000, seed=seed)
        s = np.vstack([half, -half * np.linspace(0.1, 1, 8)[:, None]])
        assert np.isfinite(loss_of(matching, s, draw(16, 3), torch.float32))


@all_matchings
def test_rows_that_coincide_are_left_out_of_angles_only(name):
    s = draw(5, 3, 2)
    t = draw(5, 3, 2, seed=1)
    near, same = s.copy(), s.copy()
    near[1] = near[0] + 1e-9
    same[1] = same[0]
    close = loss_of(ALL[name], near, t) == pytest.approx(
        loss_of(ALL[name], same, t), rel=1e-6
    )
    assert close == (name not in ("angles", "rkd"))


@pytest.mark.parametrize("name", [name for name in ALL if name != "hint"])
@pytest.mark.parametrize("scale", [1e-25, 1e25])
def test_scale_alone_does_not_overflow(name, scale):
    s, t = draw(5, 3, 2), draw(5, 3, 2, seed=1)
    expected = loss_of(ALL[name], s, t, torch.float32)
    assert loss_of(ALL[name], s * scale, t, torch.float32) == pytest.approx(
        expected, rel=1e-4
    )
    assert loss_of(ALL[name], s, t * scale, torch.float32) == pytest.approx(
        expected, rel=1e-4
    )


@all_matchings
def test_half_precision_is_computed_in_float32(name):
    s, t = draw(5, 3, 2), draw(5, 3, 2, seed=1)
    half = torch.tensor(s, dtype=torch.float16)
    loss = ALL[name].loss(half, torch.tensor(t))
    assert loss.dtype == torch.float32
    expected = loss_of(ALL[name], half.numpy().astype(float), t, torch.float32)
    assert loss.item() == pytest.approx(expected, rel=1e-6)


# Projections


@relations
def test_relations_and_attention_need_no_projection(name):
    matching = RELATIONS[name][0]
    assert matching.projection(torch.ones(2, 3), torch.ones(2, 5)) is None
    maps = torch.ones(2, 3, 4), torch.ones(2, 5, 4)
    assert AttentionTransfer("s", "t").projection(*maps) is None


def test_hints_are_projected_only_where_widths_differ():
    hint = Hint("s", "t")
    assert hint.projection(torch.ones(2, 3), torch.ones(2, 3)) is None
    maps = torch.ones(2, 3, 8, 8), torch.ones(2, 3, 4, 4)
    assert hint.projection(*maps) is None
    linear = hint.projection(torch.ones(2, 3), torch.ones(2, 5))
    assert isinstance(linear, nn.Linear)
    assert linear.weight.shape == (5, 3)
    convolution = hint.projection(torch.ones(2, 3, 8, 8), torch.ones(2, 5, 4, 4))
    assert isinstance(convolution, nn.Conv2d)
    assert convolution.weight.shape == (5, 3, 1, 1)
    assert isinstance(
        hint.projection(torch.ones(2, 3, 8), torch.ones(2, 5, 8)), nn.Conv1d
    )
    double = hint.projection(torch.ones(2, 3).double(), torch.ones(2, 5))
    assert double.weight.dtype == torch.float64


def test_projected_hint_equals_the_formula():
    s, t = draw(4, 3, 4, 6), draw(4, 5, 2, 3, seed=1)
    hint_ = Hint("s", "t")
    projection = hint_.projection(torch.tensor(s), torch.tensor(t))
    kernel = projection.weight.detach().numpy()[:, :, 0, 0]
    bias = projection.bias.detach().numpy()[:, None, None]
    pooled = s.reshape(4, 3, 2, 2, 3, 2).mean(axis=(3, 5))
    expected = hint(np.einsum("ts,nshw->nthw", kernel, pooled) + bias, t)
    loss = hint_.loss(torch.tensor(s), torch.tensor(t), projection)
    assert loss.item() == pytest.approx(expected, rel=1e-10)
    loss.backward()
    assert projection.weight.grad.abs().max() > 0


def test_a_projection_learns_a_linear_map():
    torch.manual_seed(0)
    s = torch.tensor(draw(30, 3))
    t = s @ torch.tensor(draw(3, 5, seed=1)) + 1.0
    hint = Hint("s", "t")
    projection = hint.projection(s, t)
    optimizer = torch.optim.LBFGS(projection.parameters(), max_iter=100)

    def step():
        optimizer.zero_grad()
        loss = hint.loss(s, t, projection)
        loss.backward()
        return loss

    before = step().item()
    optimizer.step(step)
    assert hint.loss(s, t, projection).item() < 1e-6 * before


# What is refused


def test_hint_without_its_projection_is_refused():
    with pytest.raises(ValueError, match=r"\(2, 3\).*\(2, 5\).*Hint.projection"):
        Hint("s", "t").loss(torch.ones(2, 3), torch.ones(2, 5))


@pytest.mark.parametrize("matching", [Hint("s", "t"), AttentionTransfer("s", "t")])
def test_features_of_different_kinds_are_refused(matching):
    with pytest.raises(ValueError, match=r"numbers of leaves.*Use a relation"):
        matching.loss(torch.ones(2, 3), torch.ones(2, 3, dtype=torch.int64))
    with pytest.raises(ValueError, match=r"\(2, 3\), the teacher \(2, 3, 4\)"):
        matching.loss(torch.ones(2, 3), torch.ones(2, 3, 4))
    deep = torch.ones(2, 3, 1, 1, 1, 1)
    with pytest.raises(ValueError, match="up to three spatial dimensions"):
        matching.loss(deep, deep)


def test_projections_for_different_kinds_are_refused():
    with pytest.raises(ValueError, match="numbers of leaves"):
        Hint("s", "t").projection(torch.ones(2, 3), torch.ones(2, 3).long())
    with pytest.raises(ValueError, match="layers of the same kind"):
        Hint("s", "t").projection(torch.ones(2, 3), torch.ones(2, 3, 4))


def test_attention_over_vectors_is_refused():
    with pytest.raises(ValueError, match=r"both layers give vectors.*\(2, 3\).*\(2, 5"):
        AttentionTransfer("s", "t").loss(torch.ones(2, 3), torch.ones(2, 5))


@all_matchings
def test_what_holds_no_rows_is_refused(name):
    matching = ALL[name]
    with pytest.raises(ValueError, match=r"student_layer='s' gives .*\(3,\)"):
        matching.loss(torch.ones(3), torch.ones(3, 2))
    with pytest.raises(ValueError, match=r"student_layer='s' gives .*torch.int64"):
        matching.loss(torch.ones(3, 2).long(), torch.ones(3, 2))
    with pytest.raises(ValueError, match=r"\(4, 2\), the student by \(3, 2\)"):
        matching.loss(torch.ones(3, 2), torch.ones(4, 2))
    with pytest.raises(ValueError, match=r"\(3,\), the student by \(3, 2\)"):
        matching.loss(torch.ones(3, 2), torch.ones(3))


@pytest.mark.parametrize("kind", [Hint, AttentionTransfer, RelationalKD])
@pytest.mark.parametrize("weight", [-1, np.nan, np.inf, "1", None, True])
def test_weights_are_checked(kind, weight):
    with pytest.raises(ValueError, match=f"{kind.__name__}: weight=.* finite number"):
        kind("s", "t", weight=weight).check()


@pytest.mark.parametrize(
    ("matching", "message"),
    [
        (Hint(3, "t"), "student_layer=3 must be the name"),
        (Hint("s", None), "teacher_layer=None must be .*'leaves', a fitted"),
        (Hint("s", ""), "teacher_layer='' must be"),
        (Hint("s", PCA), "teacher_layer=.*PCA.* must be"),
        (AttentionTransfer("s", "t", power=0.5), "power=0.5 must be .* at least 1"),
        (AttentionTransfer("s", "t", power=np.inf), "power=inf must be"),
        (RelationalKD("s", "t", distance=-1), "distance=-1 must be"),
        (RelationalKD("s", "t", angle="x"), "angle='x' must be"),
        (RelationalKD("s", "t", distance=0, angle=0), "leave nothing"),
    ],
)
def test_parameters_are_checked(matching, message):
    with pytest.raises(ValueError, match=message):
        matching.check()


def test_all_mistakes_are_told_at_once():
    with pytest.raises(ValueError, match=r"student_layer=1 .*; weight=-1 .*; angle=-2"):
        RelationalKD(1, "t", weight=-1, angle=-2).check()


@all_matchings
def test_sound_parameters_pass(name):
    assert ALL[name].check() is None
    Hint("", PCA().fit(draw(5, 3))).check()
    Hint("s", np.abs, weight=0).check()


# Parameters, as scikit-learn knows them


def test_parameters_can_be_read_set_and_cloned():
    matching = RelationalKD("s", "t", angle=3.0)
    assert matching.get_params() == {
        "student_layer": "s",
        "teacher_layer": "t",
        "distance": 1.0,
        "angle": 3.0,
        "weight": 1.0,
    }
    copied = clone(matching).set_params(angle=4.0)
    assert (copied.angle, matching.angle) == (4.0, 3.0)
    assert pickle.loads(pickle.dumps(matching)).get_params() == matching.get_params()


def test_a_clone_keeps_the_fitted_transformer():
    pca = PCA(2).fit(draw(5, 3))
    copied = clone(Hint("s", pca))
    assert copied.teacher_layer is pca
    # Its parameters are not the loss's: setting one would change a fitted object.
    assert set(copied.get_params()) == {"student_layer", "teacher_layer", "weight"}
    with pytest.raises(ValueError, match="teacher_layer"):
        copied.set_params(teacher_layer__n_components=3)


def test_a_matching_of_ones_own():
    class Difference(Matching):
        def _compare(self, student, teacher, projection):
            return (student - teacher).abs().mean()

    assert loss_of(Difference("s", "t"), draw(3, 2), draw(3, 2) + 2) == pytest.approx(2)


# Layers by name


class Network(nn.Module):
    """A body with an in-place activation, a layer used twice, and one not used."""

    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(4, 6), nn.ReLU(inplace=True))
        self.norm = nn.BatchNorm1d(6)
        self.drop = nn.Dropout(0.5)
        self.shared = nn.Linear(6, 6)
        self.pair = nn.Identity()
        self.blocks = nn.ModuleList([nn.Linear(6, 6)])
        self.recurrent = nn.LSTM(6, 2, batch_first=True)
        self.head = nn.Linear(6, 2)

    def forward(self, x):
        x = self.drop(self.norm(self.body(x)))
        x = self.shared(self.shared(x))
        x = self.blocks[0](x)
        self.recurrent(x[:, None])
        self.pair((x, x))
        return self.head(x)


def hooks_of(module):
    return [
        hook
        for part in module.modules()
        for hooks in (part._forward_hooks, part._forward_pre_hooks)
        for hook in hooks
    ]


@pytest.fixture
def network():
    torch.manual_seed(0)
    return Network()


def test_capture_records_outputs_with_their_gradients(network):
    x = torch.tensor(draw(5, 4), dtype=torch.float32)
    with capture(network, ["body.0", "head", "", "head"]) as outputs:
        logits = network(x)
    first = network.body[0](x)
    torch.testing.assert_close(outputs["body.0"], first)
    assert (first < 0).any()  # the activation after it writes in place
    assert torch.equal(outputs["head"], logits)
    assert torch.equal(outputs[""], logits)
    outputs["body.0"].sum().backward()
    assert network.body[0].weight.grad.abs().max() > 0
    assert not hooks_of(network)


def test_capture_holds_the_latest_call_only(network):
    network.eval()
    x = torch.tensor(draw(5, 4), dtype=torch.float32)
    with capture(network, ["head"]) as outputs:
        network(x)
        last = network(2 * x)
        assert torch.equal(outputs["head"], last)
    network(x)
    assert torch.equal(outputs["head"], last)


def test_a_layer_may_have_two_names():
    layer = nn.Linear(2, 2)
    module = nn.ModuleDict({"a": layer, "b": layer})
    module.forward = lambda x: module["a"](x)
    with capture(module, ["a", "b"]) as outputs:
        module(torch.ones(1, 2))
    assert torch.equal(outputs["a"], outputs["b"])


def test_unknown_layers_are_named_with_those_there_are(network):
    message = "Network has no layer named 'norms'; give one of 'norm', 'body'"
    with pytest.raises(ValueError, match=message), capture(network, ["head", "norms"]):
        pass
    assert not hooks_of(network)
    deep = nn.Sequential(*[nn.Identity() for _ in range(30)])
    with (
        pytest.raises(ValueError, match=r"'18', '19', \.\.\. \(from"),
        capture(deep, ["x"]),
    ):
        pass


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("recurrent", "'recurrent' puts out tuple, where one tensor"),
        ("pair", "'pair' puts out tuple"),
        ("shared", "'shared' is called more than once"),
        ("blocks", r"The layers \['blocks'\] of Network take no part"),
    ],
)
def test_layers_without_one_output_are_refused(network, name, message):
    x = torch.ones(3, 4)
    with pytest.raises(ValueError, match=message), capture(network, ["head", name]):
        network(x)
    assert not hooks_of(network)
    with pytest.raises(ValueError, match=message):
        layer_outputs(network, x, name)


def test_no_hook_is_left_after_an_error(network):
    with pytest.raises(RuntimeError), capture(network, ["head"]):
        network(torch.ones(3, 5))
    assert not hooks_of(network)
    with pytest.raises(KeyError), capture(network, ["head"]):
        raise KeyError
    assert not hooks_of(network)


def test_a_failed_call_does_not_spoil_the_next(network):
    network.eval()
    with capture(network, ["body.0", "head"]) as outputs:
        with pytest.raises(TypeError):
            network(torch.ones(3, 4), "too much")
        with pytest.raises(RuntimeError):
            network(torch.ones(3, 4)[:, :, None])
        logits = network(torch.ones(3, 4))
    assert torch.equal(outputs["head"], logits)


def test_checkpointing_may_call_layers_again():
    class Checkpointed(nn.Module):
        def __init__(self):
            super().__init__()
            self.body = nn.Sequential(nn.Linear(3, 3), nn.Tanh(), nn.Linear(3, 3))
            self.head = nn.Linear(3, 2)

        def forward(self, x):
            return self.head(checkpoint(self.body, x, use_reentrant=False))

    module = Checkpointed()
    calls = []
    module.body[0].register_forward_hook(lambda *_: calls.append(1))
    with capture(module, ["body.0"]) as outputs:
        module(torch.ones(2, 3)).sum().backward()
    assert len(calls) == 2
    torch.testing.assert_close(outputs["body.0"], module.body[0](torch.ones(2, 3)))


# Outputs of a layer for all rows


def test_layer_outputs_are_those_of_evaluation_mode(network):
    X = draw(30, 4)
    network(torch.ones(9, 4))  # moves the running statistics
    network.train()
    before = copy.deepcopy(network.state_dict())
    found = layer_outputs(network, X, "drop", batch_size=7)
    assert network.training
    assert all(part.training for part in network.modules())
    assert not hooks_of(network)
    for key, value in network.state_dict().items():
        assert torch.equal(value, before[key])
    network.eval()
    x = torch.tensor(X, dtype=torch.float32)
    expected = network.drop(network.norm(network.body(x))).detach().numpy()
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)
    assert found.dtype == np.float32
    np.testing.assert_allclose(
        layer_outputs(network, X, "drop"), found, rtol=1e-5, atol=1e-6
    )


def test_layer_outputs_of_any_rows(network):
    X = draw(10, 4)
    expected = layer_outputs(network, X, "norm")
    for rows in (pd.DataFrame(X), sparse.csr_matrix(X), torch.tensor(X), X.tolist()):
        np.testing.assert_allclose(layer_outputs(network, rows, "norm"), expected)
    assert layer_outputs(network, X[:0], "norm").shape == (0, 6)
    double = copy.deepcopy(network).double()
    assert layer_outputs(double, X, "norm").dtype == np.float32


def test_maps_keep_their_shape():
    module = nn.Sequential(nn.Conv2d(1, 3, 2), nn.Flatten(), nn.Linear(27, 2))
    assert layer_outputs(module, draw(5, 1, 4, 4), "0").shape == (5, 3, 3, 3)


def test_layers_that_fold_rows_are_refused():
    module = nn.Sequential(nn.Flatten(0), nn.Unflatten(0, (-1, 4)))
    with pytest.raises(ValueError, match=r"'0' puts out shape \(12,\) for 3 rows"):
        layer_outputs(module, draw(3, 4), "0")


# What a teacher makes of rows


def small_net(network, **params):
    return NeuralNetClassifier(
        network, train_split=None, verbose=0, max_epochs=0, **params
    )


def test_layers_of_modules_and_nets(network):
    X = draw(6, 4).astype(np.float32)
    expected = layer_outputs(network, X, "norm")
    np.testing.assert_array_equal(represent(network, X, "norm"), expected)
    net = small_net(network).initialize()
    np.testing.assert_array_equal(represent(net, X, "norm"), expected)
    np.testing.assert_array_equal(represent(FrozenEstimator(net), X, "norm"), expected)
    with pytest.raises(ValueError, match="no layer named 'leaves'"):
        represent(network, X, "leaves")
    with pytest.raises(ValueError, match="NeuralNetClassifier is not fitted"):
        represent(small_net(network), X, "norm")


def test_a_pipeline_represents_by_its_last_step(network, forest, table):
    X, _ = table
    scaler = StandardScaler().fit(X)
    net = small_net(network).initialize()
    found = represent(FrozenEstimator(make_pipeline(scaler, net)), X, "norm")
    np.testing.assert_array_equal(
        found, layer_outputs(network, scaler.transform(X), "norm")
    )
    alone = make_pipeline(forest)
    np.testing.assert_array_equal(represent(alone, X, "leaves"), forest.apply(X))


def test_vectors_of_several_networks_are_put_side_by_side(network):
    X = draw(6, 4)
    other = copy.deepcopy(network)
    nn.init.normal_(other.body[0].weight)
    parts = [layer_outputs(each, X, "norm") for each in (network, other)]
    found = represent([network, other], X, "norm")
    np.testing.assert_array_equal(found, np.hstack(parts))
    conv, flat = nn.Sequential(nn.Conv1d(1, 2, 2)), nn.Sequential(nn.Flatten())
    message = r"'0' of the teachers.*\(6, 2, 3\).*vectors"
    for teachers in ([conv, conv], [conv, flat], [flat, conv]):
        with pytest.raises(ValueError, match=message):
            represent(teachers, X[:, None], "0")


def test_leaves_of_all_that_has_trees(table):
    X, y = table
    three = y + (X[:, 2] > 0.5)
    tree = DecisionTreeClassifier(max_depth=3).fit(X, y)
    np.testing.assert_array_equal(represent(tree, X, "leaves")[:, 0], tree.apply(X))
    forests = [
        kind(4, max_depth=3, random_state=0).fit(X, y)
        for kind in (RandomForestClassifier, ExtraTreesClassifier)
    ]
    found = represent(forests, X, "leaves")
    np.testing.assert_array_equal(found, np.hstack([f.apply(X) for f in forests]))
    boosting = GradientBoostingClassifier(n_estimators=3, max_depth=2).fit(X, three)
    found = represent(boosting, X, "leaves")
    assert found.shape == (40, 9)
    for k in range(9):
        by_tree = boosting.estimators_[k // 3, k % 3].apply(X.astype(np.float32))
        np.testing.assert_array_equal(found[:, k], by_tree)
    light = LGBMClassifier(n_estimators=3, min_child_samples=2, verbose=-1, n_jobs=1)
    light.fit(X, three)
    found = represent(light, X, "leaves")
    np.testing.assert_array_equal(found, light.booster_.predict(X, pred_leaf=True))
    assert found.shape == (40, 9)
    assert found.dtype == np.int64


@pytest.mark.parametrize("teacher", [LogisticRegression(), "precomputed", len, None])
def test_transformers_and_callables_represent_for_any_teacher(teacher, table):
    X, _ = table
    pca = PCA(2).fit(X)
    found = represent(teacher, X, pca)
    np.testing.assert_allclose(found, pca.transform(X), rtol=1e-5, atol=1e-6)
    assert found.dtype == np.float32
    np.testing.assert_array_equal(represent(teacher, X, pca.transform), found)
    np.testing.assert_array_equal(
        represent(teacher, X, lambda X: X.argmax(axis=1))[:, 0], X.argmax(axis=1)
    )


def test_tables_of_any_kind_become_dense(table):
    X, _ = table
    encoder = OneHotEncoder().fit(X.round())
    assert sparse.issparse(encoder.transform(X.round()))
    found = represent(None, X.round(), encoder)
    np.testing.assert_array_equal(found, encoder.transform(X.round()).toarray())
    named = StandardScaler().set_output(transform="pandas").fit(X)
    found = represent(None, X, named)
    np.testing.assert_allclose(found, named.transform(X), rtol=1e-5, atol=1e-6)
    # Some transformers have nothing to fit.
    assert represent(None, X, Normalizer()).shape == X.shape


def test_a_module_represents_by_its_output(network):
    X = draw(6, 4)
    np.testing.assert_array_equal(
        represent(None, X, network), layer_outputs(network, X, "head")
    )


def test_the_teacher_stays_as_it_is(forest, table):
    before = pickle.dumps(forest)
    represent(forest, table[0], "leaves")
    assert pickle.dumps(forest) == before


def test_unfitted_transformers_are_refused():
    X = draw(6, 4)
    with pytest.raises(ValueError, match=r"teacher_layer=PCA\(.*\) is not fitted"):
        represent(None, X, PCA())
    with pytest.raises(NotFittedError):
        represent(RandomForestClassifier(), X, "leaves")


@pytest.mark.parametrize("what", [None, 3, ["norm"]])
def test_what_cannot_represent_is_refused(what, network):
    with pytest.raises(TypeError, match=r"teacher_layer=.* cannot represent.*'leaves'"):
        represent(network, draw(6, 4), what)


def test_classes_are_refused():
    with pytest.raises(TypeError, match="teacher_layer=PCA is a class; pass an inst"):
        represent(None, draw(6, 4), PCA)


def test_parts_that_the_teacher_lacks_are_refused(forest, table):
    X, y = table
    with pytest.raises(ValueError, match="'norm' names a layer, but the teacher Rand"):
        represent(forest, X, "norm")
    linear = LogisticRegression().fit(X, y)
    with pytest.raises(ValueError, match=r"LogisticRegression has none.*transformer"):
        represent(linear, X, "leaves")
    with pytest.raises(ValueError, match="the teacher str has none"):
        represent("precomputed", X, "norm")


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (np.ones((3, 2)), r"6 rows by an array of shape \(3, 2\)"),
        (np.ones((6, 2, 2)), r"shape \(6, 2, 2\); it must be"),
        (np.array([[1.0]] * 5 + [[np.nan]]), "in row 5. Impute"),
        (np.array([[1e300]] + [[1.0]] * 5), "too large for float32 in row 0"),
    ],
)
def test_tables_are_checked(answer, message):
    def table_of_mine(X):
        return answer

    with pytest.raises(ValueError, match=f"teacher_layer=table_of_mine .*{message}"):
        represent(None, draw(6, 4), table_of_mine)


def test_clusters_can_teach_relations(table):
    """Distances to cluster centres: a transformer of a model that knows no labels."""
    X, _ = table
    kmeans = KMeans(3, n_init=1, random_state=0).fit(X)
    t = torch.tensor(represent(None, X, kmeans))
    weights = torch.tensor(draw(4, 2), requires_grad=True)
    rows = torch.tensor(X)
    matching = RelationalKD("s", kmeans, angle=0)
    optimizer = torch.optim.Adam([weights], lr=0.05)
    losses = []
    for _ in range(40):
        optimizer.zero_grad()
        loss = matching.loss(rows @ weights, t)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.9 * losses[0]
