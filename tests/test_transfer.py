"""Generators of rows: what they keep of X, what they change, and by which law."""

import inspect
import pickle
import warnings

import numpy as np
import pandas as pd
import polars as pl
import pytest
import scipy.sparse
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import ks_2samp
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.exceptions import NotFittedError
from sklearn.mixture import GaussianMixture
from sklearn.neighbors import KernelDensity
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from skdistill.transfer import (
    Changes,
    CoLeaf,
    Constrained,
    Munge,
    SmoothedBootstrap,
    Spunge,
    check_generator,
    draw,
    sample_around,
)
from tests.strategies import examples


def accept_all(X):
    return np.ones(len(X), dtype=bool)


GENERATORS = {
    "munge": Munge(random_state=0),
    "coleaf": CoLeaf(n_estimators=10, random_state=0),
    "spunge": Spunge(random_state=0),
    "bootstrap": SmoothedBootstrap(random_state=0),
    "constrained": Constrained(Munge(random_state=0), accept_all),
}
OWN = [name for name in GENERATORS if name != "constrained"]
every_generator = pytest.mark.parametrize("name", GENERATORS)
every_own_generator = pytest.mark.parametrize("name", OWN)


def mixed_frame(n=300, seed=0):
    """A pandas frame of every kind of column, many with missing cells."""
    rng = np.random.default_rng(seed)
    days = pd.to_timedelta(rng.integers(0, 99, n), unit="D")
    X = pd.DataFrame(
        {
            "float": rng.standard_normal(n),
            "float32": rng.standard_normal(n).astype("f4"),
            "int": rng.integers(-50, 50, n),
            "uint8": rng.integers(0, 256, n).astype("u1"),
            "whole": rng.integers(0, 90, n).astype(float),
            "code": rng.integers(0, 5, n),
            "bool": rng.random(n) < 0.3,
            "ordered": pd.Categorical(
                rng.choice(list("abc"), n), categories=list("czab"), ordered=True
            ),
            "string": rng.choice(["x", "yy"], n),
            "object": pd.Series(rng.choice(["x", "yy"], n), dtype=object),
            "Int64": pd.array(rng.integers(0, 100, n), dtype="Int64"),
            "Float64": pd.array(rng.standard_normal(n), dtype="Float64"),
            "boolean": pd.array(rng.random(n) < 0.5, dtype="boolean"),
            "date": pd.Timestamp("2020-01-01") + days,
            "zone": pd.date_range("2020", periods=n, tz="UTC"),
            "arrow": pd.array(rng.integers(0, 100, n), dtype="int64[pyarrow]"),
            "sparse": pd.arrays.SparseArray(rng.choice([0.0, 1.5], n)),
        },
        index=rng.permutation(n),
    )
    for k, name in enumerate(
        ("float", "whole", "ordered", "object", "Int64", "Float64", "boolean", "date")
    ):
        X.loc[X.index[k :: 5 + k], name] = None
    return X


def mixed_polars(n=300):
    X = pl.from_pandas(mixed_frame(n).drop(columns="sparse"))
    kinds = pl.Enum(["p", "q", "r"])
    return X.with_columns(
        enum=pl.Series(["p", "q"] * (n // 2)).cast(kinds),
        decimal=pl.Series(range(n)).cast(pl.Decimal(10, 2)),
        list=pl.Series([str(k % 3) for k in range(n)]).cast(pl.Categorical),
    )


def mixed_objects(n=300):
    rng = np.random.default_rng(0)
    X = np.empty((n, 4), dtype=object)
    X[:, 0] = rng.standard_normal(n)
    X[:, 1] = rng.integers(0, 100, n)
    X[:, 2] = rng.choice(["a", "b", None], n)
    X[:, 3] = rng.random(n) < 0.5
    X[::7, 0] = np.nan
    return X


def numbers(n=200, d=4, seed=0):
    return np.random.default_rng(seed).standard_normal((n, d))


# What is kept


@every_generator
def test_pandas_frames_keep_columns_dtypes_and_categories(name):
    X = mixed_frame()
    rows = clone(GENERATORS[name]).fit(X).sample(500)
    assert rows.columns.equals(X.columns)
    assert rows.dtypes.to_dict() == X.dtypes.to_dict()
    assert isinstance(rows.index, pd.RangeIndex)
    assert len(rows) == 500
    assert rows["ordered"].cat.categories.tolist() == list("czab")
    assert rows["ordered"].cat.ordered


@every_generator
def test_polars_frames_keep_their_schema(name):
    X = mixed_polars()
    rows = clone(GENERATORS[name]).fit(X).sample(500)
    assert rows.schema == X.schema
    assert rows.height == 500


@every_generator
@pytest.mark.parametrize(
    "dtype", ["f2", "f4", "f8", "i1", "u2", "i8", "?", "U3", "M8[s]"]
)
def test_arrays_keep_their_dtype(name, dtype):
    X = np.random.default_rng(0).integers(0, 100, (60, 3))
    X = (X > 50).astype(dtype) if dtype == "?" else X.astype(dtype)
    rows = clone(GENERATORS[name]).fit(X).sample(90)
    assert rows.dtype == X.dtype
    assert rows.shape == (90, 3)


@every_generator
def test_cells_of_object_arrays_keep_their_type(name):
    X = mixed_objects()
    rows = clone(GENERATORS[name]).fit(X).sample(400)
    assert rows.dtype == object
    for seen, drawn in zip(X.T, rows.T, strict=True):
        assert set(map(type, drawn)) <= set(map(type, seen))


@every_generator
def test_rows_of_a_list_are_an_array_in_which_numbers_are_numbers(name):
    X = [["a", 1], ["b", 2], ["a", 3]] * 10
    rows = clone(GENERATORS[name]).fit(X).sample(50)
    assert {type(cell) for cell in rows[:, 1]} == {int}


DISCRETE = ["code", "bool", "ordered", "string", "object", "boolean", "date", "zone"]


@every_generator
def test_discrete_columns_show_seen_values_only(name):
    X = mixed_frame()
    rows = clone(GENERATORS[name]).fit(X).sample(1000)
    for column in [*DISCRETE, "sparse"]:
        assert set(rows[column].dropna()) <= set(X[column].dropna())


@every_generator
def test_whole_numbers_stay_whole_and_in_the_range_seen(name):
    X = mixed_frame()
    rows = clone(GENERATORS[name]).fit(X).sample(2000)
    for column in ("int", "uint8", "whole", "Int64", "arrow"):
        seen, drawn = X[column].dropna(), rows[column].dropna()
        assert (drawn.astype(float) % 1 == 0).all()
        assert seen.min() <= drawn.min()
        assert drawn.max() <= seen.max()


def test_numbers_are_moved_and_not_only_exchanged():
    X = mixed_frame()
    for generator in (Munge(random_state=0), SmoothedBootstrap(random_state=0)):
        rows = generator.fit(X).sample(1000)
        for column in ("float", "float32", "Float64"):
            new = ~rows[column].dropna().isin(X[column].dropna())
            assert new.mean() > 0.2
    whole = np.arange(0.0, 1000.0, 10)[:, np.newaxis]
    assert (Munge(random_state=0).fit(whole).sample(500) % 10 != 0).any()


@pytest.mark.parametrize("name", ["coleaf", "spunge", "bootstrap"])
def test_missing_rates_are_kept(name):
    """Cells come from rows that are drawn evenly: a rate differs by sampling only."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((500, 3))
    X[rng.random(X.shape) < [0.05, 0.3, 0.7]] = np.nan
    n = 40_000
    rows = clone(GENERATORS[name]).fit(X).sample(n)
    rate = np.isnan(X).mean(axis=0)
    error = np.sqrt(rate * (1 - rate) / n)
    assert (np.abs(np.isnan(rows).mean(axis=0) - rate) < 4 * error).all()


def test_missing_rates_of_munge_are_those_of_rows_and_their_neighbours():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((400, 3))
    X[rng.random(X.shape) < [0.05, 0.3, 0.7]] = np.nan
    n, p = 40_000, 0.4
    rows = Munge(p, random_state=0).fit(X).sample(n)
    missing = np.isnan(X)
    nearest = slow_neighbours(X)
    rate = ((1 - p) * missing + p * missing[nearest]).mean(axis=0)
    error = np.sqrt(rate * (1 - rate) / n)
    assert (np.abs(np.isnan(rows).mean(axis=0) - rate) < 4 * error).all()


def test_large_integers_are_names_and_kept_exactly():
    X = 2**60 + 257 * np.arange(40).reshape(20, 2)
    for name in OWN:
        rows = clone(GENERATORS[name]).fit(X).sample(200)
        for seen, drawn in zip(X.T, rows.T, strict=True):
            assert set(drawn.tolist()) <= set(seen.tolist())


def test_fractions_of_a_small_table_are_measures_codes_are_not():
    rng = np.random.default_rng(0)
    X = np.column_stack([rng.standard_normal(10), rng.permutation(10)])
    rows = Munge(random_state=0).fit(X).sample(500)
    assert not set(rows[:, 0]) <= set(X[:, 0])
    assert set(rows[:, 1]) <= set(X[:, 1])


def test_max_discrete_says_what_may_be_moved():
    X = np.random.default_rng(0).integers(0, 10, (200, 2)) * 10
    kept = Munge(random_state=0).fit(X).sample(500)
    moved = Munge(max_discrete=9, random_state=0).fit(X).sample(500)
    assert (kept % 10 == 0).all()
    assert (moved % 10 != 0).any()


# Seeds


@every_generator
def test_a_seed_decides_the_rows(name):
    X = numbers()
    generator = clone(GENERATORS[name]).fit(X)
    again = clone(GENERATORS[name]).fit(X)
    np.testing.assert_array_equal(generator.sample(50), again.sample(50))
    np.testing.assert_array_equal(generator.sample(50), generator.sample(50))
    one, other = generator.sample(50, random_state=1), generator.sample(50, 2)
    assert not np.array_equal(one, other)
    np.testing.assert_array_equal(one, generator.sample(50, random_state=1))


@every_own_generator
def test_without_a_seed_each_call_draws_other_rows(name):
    generator = clone(GENERATORS[name]).set_params(random_state=None).fit(numbers())
    assert not np.array_equal(generator.sample(50), generator.sample(50))


@every_generator
def test_x_is_not_changed_and_may_change(name):
    X = numbers()
    before = X.copy()
    generator = clone(GENERATORS[name]).fit(X)
    rows = generator.sample(100)
    np.testing.assert_array_equal(X, before)
    X[:] = 0
    np.testing.assert_array_equal(generator.sample(100), rows)
    frame = mixed_frame()
    copy = frame.copy()
    generator = clone(GENERATORS[name]).fit(frame)
    rows = generator.sample(100)
    pd.testing.assert_frame_equal(frame, copy)
    frame["code"] = 0
    frame.loc[:, "float"] = 0.0
    pd.testing.assert_frame_equal(generator.sample(100), rows)


# Parents and changes


@every_own_generator
@examples(20)
@given(n_rows=st.integers(2, 12), n_samples=st.integers(1, 60), seed=st.integers(0, 9))
def test_every_row_is_a_parent_equally_often(name, n_rows, n_samples, seed):
    # Columns enough that a row keeps some cell of its parent, which has its number.
    X = np.repeat(np.arange(n_rows)[:, np.newaxis], 200, axis=1)
    generator = clone(GENERATORS[name]).set_params(swap_probability=0.2)
    rows = generator.fit(X).sample(n_samples, random_state=seed)
    parents = [np.bincount(row, minlength=n_rows).argmax() for row in rows]
    times = np.bincount(parents, minlength=n_rows)
    assert times.sum() == n_samples
    assert times.max() - times.min() <= 1


@every_own_generator
def test_integer_weights_are_repeated_rows(name):
    """Of parents, and of rows that give cells to others."""
    rng = np.random.default_rng(0)
    heavy = np.arange(60) < 20
    X = np.where(heavy[:, None], -9.0, 9.0) + rng.standard_normal((60, 3))
    weight = np.where(heavy, 12, 1)
    generator = clone(GENERATORS[name])
    if "swap_probability" in generator.get_params():
        generator.set_params(swap_probability=0.5)
    weighted, repeated = (
        (np.asarray(rows) < 0).mean(axis=0)
        for rows in (
            clone(generator).fit(X, sample_weight=weight).sample(4000),
            clone(generator).fit(np.repeat(X, weight, axis=0)).sample(4000),
        )
    )
    # 240 of 280 are heavy; 4000 draws of that share deviate by .0055.
    np.testing.assert_allclose(repeated, 240 / 280, atol=0.025)
    np.testing.assert_allclose(weighted, repeated, atol=0.03)


def test_categories_of_the_bootstrap_are_exchanged_by_weight():
    X = np.array([["heavy"], ["light"]] * 30, dtype=object)
    weight = np.where(X[:, 0] == "heavy", 12, 1)
    generator = SmoothedBootstrap(swap_probability=1.0, random_state=0)
    rows = generator.fit(X, sample_weight=weight).sample(4000)
    assert abs((rows == "heavy").mean() - 12 / 13) < 0.02  # 4.7 standard deviations


@pytest.mark.parametrize("bandwidth", ["scott", "silverman", 0.5])
def test_noise_of_the_bootstrap_is_of_the_rows_that_weigh(bandwidth):
    """Rows of weight 0 are as absent."""
    X = numbers(60, 2) * [1.0, 30.0]
    absent = np.arange(60) % 3 == 1
    moved = X + 100.0 * absent[:, None]
    generator = SmoothedBootstrap(bandwidth=bandwidth, random_state=0)
    weighted = clone(generator).fit(moved, sample_weight=2.0 * ~absent)
    fewer = clone(generator).fit(X[~absent])
    assert weighted.bandwidth_ == pytest.approx(fewer.bandwidth_)
    parents = np.flatnonzero(~absent)
    one = weighted.sample_around(parents, 0) - X[parents]
    other = fewer.sample_around(np.arange(40), 0) - X[parents]
    np.testing.assert_allclose(one, other, atol=1e-9)


@every_generator
def test_a_row_without_weight_is_no_parent_and_gives_no_cell(name):
    X = numbers(60, 3)
    absent = np.arange(60) % 3 == 1
    moved = X + 100.0 * absent[:, None]
    rows = clone(GENERATORS[name]).fit(moved, sample_weight=1.0 * ~absent).sample(500)
    assert np.abs(rows).max() < 50


@every_generator
def test_equal_weights_are_none(name):
    X, generator = mixed_frame(60), GENERATORS[name]
    for weight in (np.ones(60), np.full(60, 0.3)):
        weighted = clone(generator).fit(X, sample_weight=weight).sample(90)
        pd.testing.assert_frame_equal(weighted, clone(generator).fit(X).sample(90))


@examples(20)
@given(
    weight=st.lists(st.integers(0, 5), min_size=2, max_size=12).filter(any),
    n_samples=st.integers(1, 60),
    seed=st.integers(0, 9),
)
def test_parents_are_as_many_as_their_weight_says(weight, n_samples, seed):
    X = np.arange(len(weight))[:, None] * 1000.0
    generator = Munge(swap_probability=1e-12, random_state=seed)
    rows = generator.fit(X, sample_weight=weight).sample(n_samples)
    counts = np.bincount((rows[:, 0] / 1000).astype(int), minlength=len(weight))
    wanted = np.array(weight) * n_samples / sum(weight)
    assert (np.abs(counts - wanted) < 1 + 1e-9).all()


@pytest.mark.parametrize(
    ("weight", "message"),
    [
        (np.zeros(60), "(?i)sample.weight.*(non-zero|0 on all)"),
        (np.ones(59), r"sample_weight|59"),
        (-np.ones(60), "(?i)negative"),
        (np.full(60, np.nan), "NaN"),
    ],
    ids=["zero", "short", "negative", "nan"],
)
@every_own_generator
def test_wrong_weights(name, weight, message):
    with pytest.raises(ValueError, match=message):
        clone(GENERATORS[name]).fit(numbers(60, 3), sample_weight=weight)


def differ(cell, other):
    missing = pd.isna(cell), pd.isna(other)
    return missing != (True, True) and (any(missing) or cell != other)


def cells_of(X):
    if isinstance(X, np.ndarray):
        return X.astype(object)
    return np.column_stack([np.array(X[name], dtype=object) for name in X.columns])


@every_generator
@pytest.mark.parametrize("kind", ["pandas", "polars", "object", "float"])
def test_changes_are_counted_exactly(name, kind):
    make = {"polars": mixed_polars, "object": mixed_objects, "float": numbers}
    X = make.get(kind, mixed_frame)()
    generator = clone(GENERATORS[name]).fit(X)
    parents = np.random.default_rng(0).integers(200, size=90)
    rows = generator.sample_around(parents, random_state=3)
    old, new = cells_of(X)[parents], cells_of(rows)
    changed = np.frompyfunc(differ, 2, 1)(old, new).astype(bool)
    changes = generator.changes_
    assert isinstance(changes, Changes)
    assert changes.n_rows == 90
    assert changes.n_cells == changed.size
    assert changes.n_rows_changed == changed.any(axis=1).sum()
    assert changes.n_cells_changed == changed.sum() > 0
    assert changes.cells_changed_by_column.tolist() == changed.sum(axis=0).tolist()


def test_an_exchange_for_an_equal_cell_is_no_change():
    X = np.c_[np.zeros(40), np.arange(40) % 2, np.full(40, np.nan)]
    spunge = Spunge(1.0, random_state=0).fit(X)
    spunge.sample(10_000)
    by_column = spunge.changes_.cells_changed_by_column
    assert by_column[[0, 2]].tolist() == [0, 0]
    assert abs(by_column[1] - 5000) < 4 * 50


@pytest.mark.parametrize("name", ["munge", "coleaf", "spunge"])
@pytest.mark.parametrize("p", [0.1, 0.5, 1.0])
def test_cells_are_exchanged_with_the_probability_given(name, p):
    X = numbers(300, 5)
    n = 8_000
    generator = clone(GENERATORS[name]).set_params(swap_probability=p).fit(X)
    generator.sample(n)
    # A cell of spunge's may be exchanged for itself.
    p *= 1 - 1 / 300 if name == "spunge" else 1
    cells = 5 * n
    error = np.sqrt(cells * p * (1 - p))
    assert abs(generator.changes_.n_cells_changed - cells * p) <= 4 * error + 1e-9


# Munge


def slow_neighbours(X, kinds=None):
    """Nearest other row by the distance that the docstring names, in plain loops."""
    columns = []
    for j in range(X.shape[1]):
        column = X[:, j]
        if kinds is not None and kinds[j] == "category":
            columns.append(("category", column))
            continue
        column = column.astype(float)
        columns.append(("number", (column - np.nanmean(column)) / np.nanstd(column)))
    nearest = []
    for i in range(len(X)):
        square = np.zeros(len(X))
        for kind, column in columns:
            if kind == "category":
                square += column != column[i]
                continue
            missing = np.isnan(column)
            gap = np.where(missing, 0, column) - (0 if missing[i] else column[i])
            square += gap**2 + (missing != missing[i])
        same = (X[i] == X) | ((X != X) & (X[i] != X[i]))
        square[same.all(axis=1)] = np.inf
        nearest.append(square.argmin())
    return np.array(nearest)


def slow_munge(X, nearest, is_number, p, s, rng):
    """The paper's inner loop, one row and one attribute at a time."""
    new = X.copy()
    for i in range(len(X)):
        for j in range(X.shape[1]):
            if rng.random() < p:
                e, other = X[i, j], X[nearest[i], j]
                new[i, j] = (
                    rng.normal(other, abs(e - other) / s) if is_number[j] else other
                )
    return new


def test_munge_draws_what_the_paper_draws():
    rng = np.random.default_rng(1)
    n, p, s = 60, 0.6, 2.0
    X = np.c_[rng.standard_normal((n, 2)), rng.integers(0, 4, n)]
    nearest = slow_neighbours(X)
    munge = Munge(p, s, random_state=0).fit(X)
    times = 150
    parents = np.tile(np.arange(n), times)
    ours = munge.sample_around(parents)
    slow = np.concatenate(
        [slow_munge(X, nearest, [True, True, False], p, s, rng) for _ in range(times)]
    )
    gap = X[nearest] - X
    for rows in (ours, slow):  # the reference is judged by the same figures
        moved = (rows - X[parents])[:, :2]
        swapped = moved != 0
        assert abs(swapped.mean() - p) < 4 * np.sqrt(p * (1 - p) / swapped.size)
        z = (moved / gap[parents][:, :2] - 1)[swapped] * s
        assert ks_2samp(z, rng.standard_normal(50_000)).pvalue > 1e-3
        discrete = rows[:, 2]
        stays, goes = X[parents, 2], X[nearest][parents, 2]
        assert ((discrete == stays) | (discrete == goes)).all()
        share = (discrete == goes)[stays != goes].mean()
        assert abs(share - p) < 4 * np.sqrt(p * (1 - p) / (stays != goes).sum())


@pytest.mark.parametrize("d", [2, 10])
@pytest.mark.parametrize("with_missing", [False, True])
def test_munge_takes_the_nearest_row_of_numbers(d, with_missing):
    X = numbers(150, d) * np.logspace(-3, 3, d)
    if with_missing:
        X[np.random.default_rng(0).random(X.shape) < 0.1] = np.nan
    nearest = slow_neighbours(X)
    munge = Munge(1.0, 1e9, random_state=0).fit(X)  # hardly any noise
    rows = munge.sample_around(np.arange(150))
    np.testing.assert_allclose(rows, X[nearest], rtol=1e-6)


@pytest.mark.parametrize("n_values", [3, 400])
def test_munge_takes_the_nearest_row_of_mixed_columns(n_values):
    """With few categories, and with so many that their indicators are kept sparse."""
    rng = np.random.default_rng(0)
    X = np.empty((400, 3), dtype=object)
    X[:, 0] = rng.standard_normal(400)
    X[:, 1] = [f"value {k}" for k in rng.integers(n_values, size=400)]
    X[:, 2] = rng.choice(["a", "b"], 400)
    nearest = slow_neighbours(X, ["number", "category", "category"])
    rows = Munge(1.0, 1e9, random_state=0).fit(X).sample_around(np.arange(400))
    assert rows[:, 1:].tolist() == X[nearest, 1:].tolist()
    np.testing.assert_allclose(rows[:, 0].astype(float), X[nearest, 0].astype(float))


def test_two_numbers_are_as_far_apart_as_two_categories():
    """A rare indicator would be far from its neighbours if it were standardised."""
    X = np.c_[[0.0] * 60, np.linspace(-3, 3, 60)]
    X[7, 0] = 1
    as_words = X.astype(object)
    as_words[:, 0] = np.where(X[:, 0] == 1, "yes", "no")
    rows = Munge(1.0, 1e9, random_state=0).fit(X).sample_around([7, 8])
    words = Munge(1.0, 1e9, random_state=0).fit(as_words).sample_around([7, 8])
    np.testing.assert_allclose(rows[:, 1], words[:, 1].astype(float))
    assert (rows[:, 0] == 0).all()


def test_munge_finds_neighbours_among_the_rows_it_may_search():
    X = numbers(300, 3)
    munge = Munge(1.0, 1e9, max_neighbors_from=20, random_state=0).fit(X)
    rows = munge.sample_around(np.arange(300))
    assert len(np.unique(rows.round(4), axis=0)) <= 20
    assert (np.abs(rows - X).max(axis=1) > 1e-6).all()
    full = Munge(1.0, 1e9, max_neighbors_from=300, random_state=0).fit(X)
    near = full.sample_around(np.arange(300))
    assert np.linalg.norm(near - X) < np.linalg.norm(rows - X)


def test_duplicates_are_not_their_own_neighbours():
    X = np.repeat(numbers(30, 3), 4, axis=0)
    munge = Munge(1.0, random_state=0).fit(X)
    munge.sample(1000)
    assert munge.changes_.n_rows_changed == 1000


def test_the_larger_local_variance_the_closer_to_the_neighbour():
    X = numbers(200, 3)
    nearest = X[slow_neighbours(X)]
    apart = [
        np.linalg.norm(
            Munge(1.0, s, random_state=0).fit(X).sample_around(range(200)) - nearest
        )
        for s in (0.5, 1.0, 4.0)
    ]
    assert apart == sorted(apart, reverse=True)


# CoLeaf


@pytest.mark.parametrize("with_labels", [False, True])
def test_donors_share_a_leaf_with_the_parent(with_labels):
    X = np.arange(600.0).reshape(200, 3) ** 2
    y = (np.arange(200) // 20) % 2 if with_labels else None
    coleaf = CoLeaf(1.0, n_estimators=5, random_state=0).fit(X, y)
    points = np.repeat(np.arange(200)[:, np.newaxis], 3, axis=1)
    leaves = np.array([tree.apply(points) for tree in coleaf.forest_.estimators_])
    parents = np.repeat(np.arange(200), 30)
    rows = coleaf.sample_around(parents)
    donors = np.searchsorted(X[:, 0], rows[:, 0])
    assert (rows == X[donors]).all()  # one donor gives all cells of a row
    assert (donors != parents).all()
    assert (leaves[:, donors] == leaves[:, parents]).any(axis=0).all()


def test_each_other_row_of_a_leaf_is_a_donor_alike():
    X = np.arange(6.0)[:, np.newaxis]
    coleaf = CoLeaf(1.0, n_estimators=1, min_samples_leaf=6, random_state=0).fit(X)
    n = 30_000
    for parent in range(6):
        rows = coleaf.sample_around(np.full(n, parent), random_state=parent)
        share = np.bincount(rows[:, 0].astype(int), minlength=6) / n
        assert share[parent] == 0
        assert (np.abs(np.delete(share, parent) - 0.2) < 4 * np.sqrt(0.16 / n)).all()


def test_labels_keep_donors_on_their_side():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((400, 10))
    y = (X[:, 0] > 0).astype(int)
    crossed, error = {}, np.sqrt(2 * 0.25 / 400)
    for labels in (None, y, X[:, 0] ** 3):
        coleaf = CoLeaf(1.0, random_state=0).fit(X, labels)
        rows = coleaf.sample_around(np.arange(400))
        crossed[type(coleaf.forest_).__name__] = ((rows[:, 0] > 0) != y).mean()
    by_chance = crossed.pop("RandomTreesEmbedding")
    assert set(crossed) == {"ExtraTreesClassifier", "ExtraTreesRegressor"}
    assert max(crossed.values()) < by_chance - 4 * error


def test_leaves_that_are_larger_have_donors_that_are_farther():
    X = numbers(400, 3)
    apart = [
        np.linalg.norm(
            CoLeaf(1.0, min_samples_leaf=leaf, random_state=0)
            .fit(X)
            .sample_around(range(400))
            - X
        )
        for leaf in (2, 20, 200)
    ]
    assert apart == sorted(apart)


# SmoothedBootstrap and Spunge


@pytest.mark.parametrize(
    ("bandwidth", "expected"),
    [("scott", 500 ** (-1 / 7)), ("silverman", (500 * 5 / 4) ** (-1 / 7)), (0.3, 0.3)],
)
def test_noise_of_the_bootstrap_is_normal(bandwidth, expected):
    X = numbers(500, 3) * [1, 10, 1e-4]
    generator = SmoothedBootstrap(bandwidth, random_state=0).fit(X)
    assert generator.bandwidth_ == pytest.approx(expected)
    parents = np.tile(np.arange(500), 20)
    noise = (generator.sample_around(parents) - X[parents]) / X.std(axis=0) / expected
    for column in noise.T:
        normal = np.random.default_rng(1).standard_normal(50_000)
        assert ks_2samp(column, normal).pvalue > 1e-3


def test_bandwidth_of_a_density_of_scikit_learn():
    X = numbers(300, 4)
    ours = SmoothedBootstrap("scott", random_state=0).fit(X)
    theirs = KernelDensity(bandwidth="scott").fit(X)
    assert ours.bandwidth_ == pytest.approx(theirs.bandwidth_)


def test_spunge_at_one_makes_columns_independent():
    X = np.repeat(numbers(500, 1), 2, axis=1)
    rows = Spunge(1.0, random_state=0).fit(X).sample(10_000)
    assert abs(np.corrcoef(rows.T)[0, 1]) < 0.05
    assert ks_2samp(rows[:, 0], X[:, 0]).pvalue > 1e-3


# Constrained


DENSITIES = [KernelDensity(), GaussianMixture(2, random_state=0)]


def ordered(X):
    return X[:, 0] <= X[:, 1]


@pytest.mark.parametrize(
    "inner",
    [
        Munge(random_state=0),
        Spunge(random_state=0),
        KernelDensity(),
        GaussianMixture(2),
    ],
    ids=lambda g: type(g).__name__,
)
def test_constrained_rows_are_accepted(inner):
    X = np.sort(numbers(100, 3), axis=1)
    generator = Constrained(inner, ordered).fit(X)
    rows = generator.sample(700, random_state=0)
    assert rows.shape == (700, 3)
    assert ordered(rows).all()
    assert 0 < generator.acceptance_rate_ < 1
    assert len(np.unique(rows, axis=0)) > 600  # not the same rows over and over
    assert hasattr(generator, "sample_around") == isinstance(inner, (Munge, Spunge))


def test_constrained_rows_around_rows_keep_their_order():
    X = np.sort(numbers(100, 3), axis=1)
    X = np.c_[X, np.arange(100) * 1000.0]
    generator = Constrained(Munge(0.5, random_state=0), ordered).fit(X)
    parents = np.repeat(np.arange(100)[::-1], 5)
    rows = generator.sample_around(parents)
    assert ordered(rows).all()
    free = Munge(0.5, random_state=0).fit(X).sample_around(parents)
    assert not ordered(free).all()
    kept = rows[:, 3] == X[parents, 3]
    assert 0.4 < kept.mean() < 0.6
    assert generator.changes_.n_rows == 500
    assert generator.changes_.cells_changed_by_column[3] == (~kept).sum()


def test_constrained_mixtures_keep_their_proportions():
    """Though a mixture draws one component after the other, and more than are kept."""
    rng = np.random.default_rng(0)
    centres = np.repeat([-50.0, 0.0, 50.0], 60)[:, None]
    X = centres + rng.standard_normal((180, 2))
    generator = Constrained(GaussianMixture(3, random_state=0), accept_all).fit(X)
    rows = generator.sample(3000, random_state=0)
    counts = np.bincount(np.digitize(rows[:, 0], [-25, 25]))
    assert np.abs(counts - 1000).max() < 120  # 4.6 standard deviations


def test_constrained_frames():
    X = mixed_frame()
    generator = Constrained(
        CoLeaf(random_state=0), lambda X: (X["int"] > 0).to_numpy()
    ).fit(X)
    rows = generator.sample(200)
    assert (rows["int"] > 0).all()
    assert rows.dtypes.to_dict() == X.dtypes.to_dict()
    around = generator.sample_around(np.flatnonzero(X["int"] > 0))
    assert generator.acceptance_rate_ < 1  # so that rows had to be put in order
    for frame in (rows, around):
        pd.testing.assert_index_equal(frame.index, pd.RangeIndex(len(frame)))
    assert generator.feature_names_in_.tolist() == list(X.columns)
    numeric = X[["float32", "int", "bool"]]
    mixture = Constrained(GaussianMixture(2), lambda X: (X["int"] > 0).to_numpy())
    rows = mixture.fit(numeric).sample(100, random_state=0)
    assert rows.dtypes.to_dict() == numeric.dtypes.to_dict()


def test_what_is_never_accepted_is_told():
    X = numbers(50, 2)
    generator = Constrained(
        Munge(random_state=0), lambda X: np.zeros(len(X), dtype=bool), max_tries=3
    ).fit(X)
    with pytest.raises(ValueError, match=r"accepted 0 of \d+ .* max_tries=3 .*0.00%"):
        generator.sample(10)
    with pytest.raises(ValueError, match="accepted 0 of 30 rows"):
        generator.sample_around(np.arange(10))


@pytest.mark.parametrize(
    "accept", [lambda X: True, lambda X: np.ones(len(X)), lambda X: X > 0]
)
def test_accept_must_answer_for_each_row(accept):
    generator = Constrained(Munge(random_state=0), accept).fit(numbers())
    with pytest.raises(ValueError, match="it must give True or False for each"):
        generator.sample(10)


def test_constrained_passes_labels_and_takes_nested_parameters():
    X, y = load_iris(return_X_y=True)
    generator = Constrained(CoLeaf(n_estimators=3), accept_all)
    generator.set_params(generator__n_estimators=4).fit(X, y)
    assert type(generator.generator_.forest_).__name__ == "ExtraTreesClassifier"
    assert len(generator.generator_.forest_.estimators_) == 4
    assert not hasattr(generator.generator, "forest_")


# Any generator


def numeric_frame():
    return mixed_frame()[["float32", "int", "uint8", "bool"]]


@pytest.mark.parametrize(
    "density", [KernelDensity(), GaussianMixture(2, random_state=0)]
)
def test_densities_of_scikit_learn_are_drawn_from(density):
    X = numbers()
    fitted = clone(density).fit(X)
    rows = draw(fitted, 30, random_state=1, like=X)
    assert rows.shape == (30, 4)
    np.testing.assert_array_equal(rows, draw(fitted, 30, 1))
    assert not np.array_equal(rows, draw(fitted, 30, 2))
    assert fitted.get_params() == density.get_params()
    # The rows are the density's own.
    if isinstance(density, KernelDensity):
        expected = fitted.sample(30, random_state=1)
    else:
        expected, _ = clone(density).set_params(random_state=1).fit(X).sample(30)
        rows = draw(clone(density).set_params(random_state=1).fit(X), 30)
    np.testing.assert_array_equal(rows, expected)


@pytest.mark.parametrize(
    "density", [KernelDensity(), GaussianMixture(2, random_state=0)]
)
@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_rows_of_densities_get_the_look_of_the_frame(density, library):
    X = numeric_frame()
    X = pl.from_pandas(X) if library == "polars" else X
    rows = draw(clone(density).fit(X), 500, random_state=0, like=X)
    assert type(rows) is type(X)
    assert list(rows.columns) == list(X.columns)
    assert list(rows.dtypes) == list(X.dtypes)
    assert X["int"].min() <= rows["int"].min() <= rows["int"].max() <= X["int"].max()
    assert set(rows["bool"]) == {True, False}


def test_arrays_of_integers_stay_integers():
    X = np.random.default_rng(0).integers(0, 100, (50, 2)).astype("i4")
    rows = draw(KernelDensity(bandwidth=30).fit(X), 400, 0, like=X)
    assert rows.dtype == X.dtype
    assert rows.min() >= X.min()
    assert rows.max() <= X.max()


@every_generator
def test_own_generators_are_drawn_from_as_they_are(name):
    X = mixed_frame()
    generator = clone(GENERATORS[name]).fit(X)
    pd.testing.assert_frame_equal(
        draw(generator, 20, 5, like=X), generator.sample(20, 5)
    )
    pd.testing.assert_frame_equal(
        sample_around(generator, [3, 4], 5), generator.sample_around([3, 4], 5)
    )


def test_a_density_cannot_draw_around_rows():
    with pytest.raises(TypeError, match="KernelDensity cannot draw rows around given"):
        sample_around(KernelDensity().fit(numbers()), [0])


def test_a_generator_of_another_make():
    class Repeater:
        def fit(self, X):
            self.X = X
            return self

        def sample(self, n):
            return np.resize(self.X, (n, self.X.shape[1]))

    check_generator(Repeater())
    X = numbers(5)
    np.testing.assert_array_equal(draw(Repeater().fit(X), 5, random_state=3), X)
    generator = Constrained(Repeater(), accept_all).fit(X)
    assert generator.sample(7).shape == (7, 4)


@pytest.mark.parametrize(
    ("generator", "message"),
    [
        (Munge, r"transfer=Munge is a class; give an instance, Munge\(\)"),
        (StandardScaler(), r"transfer=StandardScaler\(\) has no sample"),
        ("munge", "transfer='munge' has no fit and no sample"),
    ],
)
def test_what_is_no_generator(generator, message):
    with pytest.raises(TypeError, match=message):
        check_generator(generator)


# Odd tables


ODD = {
    "one row": np.array([[1.5, 2.0, 3.0]]),
    "two rows": np.array([[1.5, 2.0], [2.5, 2.0]]),
    "constant": np.ones((30, 3)),
    "constant column": np.c_[numbers(30, 2), np.ones(30)],
    "all missing": np.full((20, 2), np.nan),
    "missing column": np.c_[numbers(30, 2), np.full(30, np.nan)],
    "duplicates": np.repeat(numbers(5, 3), 8, axis=0),
    "infinite": np.where(numbers(60, 3) > 1.5, np.inf, numbers(60, 3)),
    "huge": numbers(60, 3) * 4e307,
    "tiny": numbers(60, 3) * 1e-310,
    "one column": numbers(40, 1),
    "wide": numbers(10, 400),
}


@every_generator
@pytest.mark.parametrize("which", ODD)
def test_odd_tables(name, which):
    X = ODD[which]
    rows = clone(GENERATORS[name]).fit(X).sample(80)
    assert rows.shape == (80, X.shape[1])
    for seen, drawn in zip(X.T, rows.T, strict=True):
        assert np.isnan(drawn).all() == np.isnan(seen).all()
        assert np.isin(drawn[np.isinf(drawn)], seen).all()
        if len(np.unique(seen)) == 1:
            assert np.isin(drawn, seen).all() or np.isnan(seen).all()


CELLS = st.one_of(
    st.integers(-3, 3),
    st.floats(-5, 5, width=32),
    st.sampled_from(["a", "b", None]),
    st.booleans(),
)


@examples(60)
@given(
    data=st.integers(1, 4).flatmap(
        lambda d: st.lists(
            st.lists(CELLS, min_size=d, max_size=d), min_size=1, max_size=25
        )
    ),
    name=st.sampled_from(OWN),
)
def test_any_table_of_objects(data, name):
    """Cells are seen ones, or numbers in columns of numbers."""
    X = np.empty((len(data), len(data[0])), dtype=object)
    for i, row in enumerate(data):
        X[i] = row
    generator = clone(GENERATORS[name]).fit(X)
    rows = generator.sample(30)
    for seen, drawn in zip(X.T, rows.T, strict=True):
        kinds = {type(cell) for cell in seen} - {type(None)}
        if kinds <= {int, float}:
            assert {type(cell) for cell in drawn} <= {int, float, type(None)}
        else:
            assert set(drawn) <= set(seen)
    assert 0 <= generator.changes_.n_rows_changed <= 30


@examples(40)
@given(
    n=st.integers(2, 40),
    d=st.integers(1, 5),
    seed=st.integers(0, 100),
    name=st.sampled_from(["coleaf", "spunge"]),
)
def test_exchanged_cells_are_cells_of_their_column(n, d, seed, name):
    X = np.random.default_rng(seed).standard_normal((n, d))
    rows = clone(GENERATORS[name]).fit(X).sample(2 * n, random_state=seed)
    assert all(
        np.isin(drawn, seen).all() for seen, drawn in zip(X.T, rows.T, strict=True)
    )


def test_frames_whose_columns_have_no_plain_names():
    X = pd.DataFrame(
        numbers(30, 2), columns=pd.MultiIndex.from_tuples([(0, 1), (0, 2)])
    )
    assert Munge(random_state=0).fit(X).sample(10).columns.equals(X.columns)
    X = pd.DataFrame(numbers(30, 2))
    munge = Munge(random_state=0).fit(X)
    assert munge.sample(10).columns.tolist() == [0, 1]
    assert not hasattr(munge, "feature_names_in_")


def test_no_positions_are_no_rows():
    for X in (numbers(), mixed_frame(), mixed_polars()):
        assert len(Munge(random_state=0).fit(X).sample_around([])) == 0


# Estimators


@every_generator
def test_generators_are_estimators(name):
    generator = clone(GENERATORS[name]).fit(mixed_frame())
    assert generator.n_features_in_ == 17
    assert generator.feature_names_in_.tolist() == list(mixed_frame().columns)
    again = pickle.loads(pickle.dumps(generator))
    pd.testing.assert_frame_equal(again.sample(20), generator.sample(20))
    fresh = clone(generator)
    assert str(fresh.get_params()) == str(generator.get_params())
    with pytest.raises(NotFittedError):
        fresh.sample(3)
    with pytest.raises(NotFittedError):
        fresh.sample_around([0])
    assert type(generator).__name__ in generator._repr_html_()
    generator.fit(numbers())
    assert generator.n_features_in_ == 4
    assert not hasattr(generator, "feature_names_in_")


@every_generator
def test_documented_defaults_are_those_of_the_signature(name):
    kind = type(GENERATORS[name])
    doc = inspect.getdoc(kind).splitlines()
    for parameter in inspect.signature(kind).parameters.values():
        head = next(line for line in doc if line.startswith(f"{parameter.name} : "))
        shown = parameter.default
        if shown is inspect.Parameter.empty:
            assert "default=" not in head
            continue
        shown = f'"{shown}"' if isinstance(shown, str) else repr(shown)
        assert head.endswith(f"default={shown}"), head


@parametrize_with_checks([clone(GENERATORS[name]) for name in OWN])
def test_checks_of_scikit_learn(estimator, check):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        check(estimator)


# Errors


@every_generator
def test_x_must_be_a_dense_table(name):
    generator = clone(GENERATORS[name])
    with pytest.raises(TypeError, match=r"X is sparse; .*X.toarray\(\)"):
        generator.fit(scipy.sparse.csr_array(numbers()))
    with pytest.raises(ValueError, match=r"dim 3: .*X.reshape\(len\(X\), -1\)"):
        generator.fit(np.zeros((3, 4, 5)))
    with pytest.raises(ValueError, match="Expected 2D array, got 1D array"):
        generator.fit([1.0, 2.0])
    with pytest.raises(ValueError, match=r"0 sample\(s\)"):
        generator.fit(np.empty((0, 2)))
    with pytest.raises(ValueError, match=r"0 feature\(s\)"):
        generator.fit(np.empty((3, 0)))


def test_cells_must_be_hashable():
    X = pd.DataFrame({"a": [[1], [2], [3]]})
    with pytest.raises(TypeError, match="cells that cannot be told apart"):
        Munge().fit(X)


@every_generator
@pytest.mark.parametrize("n_samples", [0, -1, 2.0, "3", None, True])
def test_n_samples_must_be_a_count(name, n_samples):
    generator = clone(GENERATORS[name]).fit(numbers())
    with pytest.raises(ValueError, match=r"n_samples=.* at least 1"):
        generator.sample(n_samples)
    with pytest.raises(ValueError, match=r"n_samples=.* at least 1"):
        draw(generator, n_samples)


@every_generator
@pytest.mark.parametrize("positions", [[200], [-1], [0.5], [[1]], ["a"], 3])
def test_positions_must_be_those_of_fitted_rows(name, positions):
    generator = clone(GENERATORS[name]).fit(numbers(200))
    with pytest.raises(ValueError, match=r"positions=.* from 0 to 199"):
        generator.sample_around(positions)


@pytest.mark.parametrize(
    ("generator", "named"),
    [
        (Munge(swap_probability=0), "swap_probability=0"),
        (Munge(swap_probability=1.5), "swap_probability=1.5"),
        (Munge(local_variance=0), "local_variance=0"),
        (Munge(local_variance=np.inf), "local_variance=inf"),
        (Munge(max_neighbors_from=1), "max_neighbors_from=1"),
        (Munge(max_discrete=-1), "max_discrete=-1"),
        (Munge(max_discrete=2.5), "max_discrete=2.5"),
        (CoLeaf(swap_probability="half"), "swap_probability='half'"),
        (CoLeaf(n_estimators=0), "n_estimators=0"),
        (CoLeaf(min_samples_leaf=1), "min_samples_leaf=1"),
        (Spunge(swap_probability=None), "swap_probability=None"),
        (SmoothedBootstrap(bandwidth="wide"), "bandwidth='wide'"),
        (SmoothedBootstrap(bandwidth=-1.0), "bandwidth=-1.0"),
        (SmoothedBootstrap(swap_probability=2), "swap_probability=2"),
        (Constrained(Munge(), accept_all, max_tries=0), "max_tries=0"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_wrong_parameters_are_named_before_work(generator, named):
    with pytest.raises(ValueError, match=f"^{named} must be"):
        generator.fit(None)


def test_all_wrong_parameters_go_in_one_message():
    munge = Munge(swap_probability=2, local_variance=-1, max_discrete="few")
    with pytest.raises(ValueError, match=r"swap_prob.*local_variance.*max_discrete"):
        munge.fit(numbers())


def test_constrained_needs_a_generator_and_a_function():
    with pytest.raises(TypeError, match="generator='munge' has no fit"):
        Constrained("munge", accept_all).fit(numbers())
    with pytest.raises(TypeError, match="accept=3 must be a function"):
        Constrained(Munge(), 3).fit(numbers())


def test_labels_of_coleaf_must_be_as_many_as_rows():
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        CoLeaf().fit(numbers(20), np.zeros(19))


# Codes ------------------------------------------------------------------------------


def _tables(cells):
    """The same column in each kind of table, with a number beside it."""
    numbers = np.arange(len(cells), dtype=float)
    data = {"a": cells, "b": numbers}
    yield np.array(list(zip(cells, numbers, strict=True)), dtype=object)
    yield pd.DataFrame(data)
    yield pd.DataFrame({"a": pd.array(cells, dtype="boolean"), "b": numbers})
    yield pl.DataFrame(data)


def _first_column(table):
    if isinstance(table, np.ndarray):
        return table[:, 0].tolist()
    return list(table["a"])


@pytest.mark.parametrize("make", [Munge, CoLeaf])
@pytest.mark.parametrize("cells", [[False, True, True], [True, False, True]], ids=str)
def test_all_kinds_of_tables_draw_the_same_rows(make, cells):
    drawn = [
        _first_column(make(random_state=0).fit(table).sample(60))
        for table in _tables(cells * 30)
    ]
    assert drawn[1:] == drawn[:-1]


@pytest.mark.parametrize("words", [["b", "a", "c"], ["c", "b", "a"]], ids=str)
def test_codes_follow_the_order_of_labels(words):
    from skdistill.transfer._columns import read_array, read_pandas, read_polars

    expected = ["abc".index(word) for word in words] + [np.nan]
    cells = [*words, None]
    order = pd.CategoricalDtype(["c", "a", "b"], ordered=True)
    for column in (
        read_array(np.array(cells, dtype=object), 20),
        read_pandas(pd.Series(cells), 20),
        read_pandas(pd.Series(cells, dtype="string"), 20),
        read_pandas(pd.Series(cells, dtype="category"), 20),
        read_polars(pl.Series("a", cells), 20),
        read_polars(pl.Series("a", cells, dtype=pl.Categorical), 20),
        read_polars(pl.Series("a", cells, dtype=pl.Enum(["a", "b", "c"])), 20),
    ):
        np.testing.assert_array_equal(column.values, expected)
    expected = ["cab".index(word) for word in words] + [np.nan]
    for column in (
        read_pandas(pd.Series(cells, dtype=order), 20),
        read_polars(pl.Series("a", cells, dtype=pl.Enum(["c", "a", "b"])), 20),
    ):
        np.testing.assert_array_equal(column.values, expected)


def test_labels_without_an_order_are_coded_as_they_come():
    from skdistill.transfer._columns import read_array

    cells = np.array(["b", 1, "a", "b"], dtype=object)
    assert read_array(cells, 20).values.tolist() == [0, 1, 2, 0]
    for names in ("xy", "yx"):  # sets are only ordered in part
        cells = np.array([frozenset(name) for name in (*names, names)], dtype=object)
        assert read_array(cells, 20).values.tolist() == [0, 1, 2]
