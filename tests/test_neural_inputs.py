"""Tables as networks take them, and piecewise-linear encoding."""

import pickle
import re
import subprocess
import sys
from copy import deepcopy

import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import sparse
from sklearn import config_context
from sklearn.base import BaseEstimator
from strategies import examples
from torch.func import functional_call, stack_module_state, vmap

from skdistill.neural._inputs import InputEncoder, validate_input
from skdistill.neural.embeddings import PiecewiseLinearEncoding, quantile_edges

COLUMNS = {
    "colour": ["red", "blue", "red", None],
    "age": [20.0, 30.0, 40.0, 50.0],
    "size": ["S", "M", "L", "M"],
    "member": [True, False, True, True],
    "visits": [1, 2, 2, 7],
}
NUMERIC = ["age", "visits"]
#: Of the categorical columns in their order; None is the missing value.
CATEGORIES = {
    "colour": ["blue", "red", None],
    "size": ["L", "M", "S"],
    "member": [False, True],
}


def pandas_frame(columns=COLUMNS):
    frame = pd.DataFrame(columns)
    sizes = pd.CategoricalDtype(["S", "M", "L"], ordered=True)
    return frame.astype({"size": sizes})


def polars_frame(columns=COLUMNS):
    frame = pl.DataFrame(columns)
    return frame.with_columns(pl.col("size").cast(pl.Enum(["S", "M", "L"])))


def standardised(values):
    values = np.array(values, dtype=np.float64)
    spread = values.std(axis=0)
    return (values - values.mean(axis=0)) / np.where(spread > 0, spread, 1.0)


def by_hand(columns=COLUMNS, scale=True):
    """Encode with plain Python."""
    numbers = np.column_stack([columns[name] for name in NUMERIC]).astype(float)
    blocks = [standardised(numbers) if scale else numbers]
    for name, values in CATEGORIES.items():
        blocks.append([[cell == v for v in values] for cell in columns[name]])
    return np.hstack(blocks).astype(np.float32)


# Frames


@pytest.mark.parametrize("scale", [True, False])
@pytest.mark.parametrize("make", [pandas_frame, polars_frame])
def test_mixed_frames_are_scaled_and_one_hot(make, scale):
    encoder = InputEncoder(scale=scale, categorical_features="from_dtype")
    encoded = encoder.fit(make()).transform(make())
    np.testing.assert_allclose(encoded, by_hand(scale=scale), rtol=1e-6)
    assert encoded.dtype == np.float32
    assert encoded.flags.c_contiguous
    assert encoder.n_inputs_ == encoded.shape[1]
    assert encoder.numeric_ == slice(0, 2)
    assert encoder.categorical_.tolist() == [True, False, True, True, False]


@pytest.mark.parametrize("make", [pandas_frame, polars_frame])
@pytest.mark.parametrize("other", [pandas_frame, polars_frame])
def test_a_frame_of_another_library_is_encoded_alike(make, other):
    encoder = InputEncoder(categorical_features="from_dtype").fit(make())
    assert np.array_equal(encoder.transform(other()), encoder.transform(make()))


@pytest.mark.parametrize(
    "column",
    [
        pd.Series(["a", None, "b"], dtype=object),
        pd.Series(["a", pd.NA, "b"], dtype="string"),
        pd.Series(["a", np.nan, "b"], dtype="category"),
        pd.Series(["a", None, "b"], dtype="string[pyarrow]"),
        pd.Series([True, None, False], dtype="boolean"),
        pd.Series([True, False, False]),
        pl.Series(["a", None, "b"]),
        pl.Series(["a", None, "b"], dtype=pl.Categorical),
        pl.Series(["a", None, "b"], dtype=pl.Enum(["b", "a"])),
        pl.Series([True, None, False]),
    ],
    ids=lambda c: f"{type(c).__module__.split('.')[0]}-{c.dtype}",
)
def test_columns_that_are_categorical_by_dtype(column):
    frame = (pd if isinstance(column, pd.Series) else pl).DataFrame({"c": column})
    encoder = InputEncoder(categorical_features="from_dtype")
    assert encoder.has_categories(frame)
    encoded = encoder.fit(frame).transform(frame)
    assert encoded.sum(axis=1).tolist() == [1.0, 1.0, 1.0]
    cells = [None if pd.isna(cell) else cell for cell in column.to_list()]
    same = [[a == b for b in cells] for a in cells]
    assert np.array_equal(encoded @ encoded.T, np.array(same, dtype=float))
    assert encoder.numeric_ == slice(0, 0)


@pytest.mark.parametrize("make", [pd.DataFrame, pl.DataFrame])
def test_numbers_are_not_categorical_by_dtype(make):
    frame = make({"a": [1, 2], "b": [0.5, 1.5]})
    encoder = InputEncoder(categorical_features="from_dtype")
    assert not encoder.has_categories(frame)
    assert encoder.fit(frame).transform(frame).tolist() == [[-1, -1], [1, 1]]


@pytest.mark.parametrize("make", [pandas_frame, polars_frame])
def test_unseen_categories_are_all_zeros(make):
    encoder = InputEncoder(categorical_features="from_dtype").fit(make())
    seen = encoder.transform(make())
    new = make(COLUMNS | {"colour": ["green", "red", "blue", None]})
    encoded = encoder.transform(new)
    assert encoded[0, 2:5].tolist() == [0, 0, 0]
    assert encoded[1:, 2:5].tolist() == [[0, 1, 0], [1, 0, 0], [0, 0, 1]]
    assert np.array_equal(
        np.delete(encoded, [2, 3, 4], 1), np.delete(seen, [2, 3, 4], 1)
    )


def test_a_missing_value_is_a_category_whatever_it_is_called():
    X = np.array([["a"], [None], ["b"], [np.nan]], dtype=object)
    encoder = InputEncoder(categorical_features=[0]).fit(X)
    assert encoder.transform(X).tolist() == [[1, 0, 0], [0, 0, 1], [0, 1, 0], [0, 0, 1]]
    assert encoder.transform([[pd.NA]]).tolist() == [[0, 0, 1]]


def test_polars_frames_need_no_pandas():
    code = """
import sys
import polars as pl
class NoPandas:
    def find_spec(name, path=None, target=None):
        if name == "pandas":
            raise ImportError
sys.meta_path.insert(0, NoPandas)
from skdistill.neural._inputs import InputEncoder
X = pl.DataFrame({"c": ["a", None, "b"], "n": [1.0, 2.0, 3.0]})
encoder = InputEncoder(scale=False, categorical_features="from_dtype").fit(X)
print(encoder.transform(X).tolist(), "pandas" in sys.modules)
"""
    found = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    expected = [[1.0, 1.0, 0.0, 0.0], [2.0, 0.0, 0.0, 1.0], [3.0, 0.0, 1.0, 0.0]]
    assert found.stdout.strip() == f"{expected} False"


def test_the_output_is_an_array_whatever_scikit_learn_is_set_to_give():
    encoder = InputEncoder(categorical_features="from_dtype")
    with config_context(transform_output="pandas"):
        encoded = encoder.fit(pandas_frame()).transform(pandas_frame())
    assert type(encoded) is np.ndarray


# Which columns are categorical


@pytest.mark.parametrize(
    "chosen",
    [
        ["size", "colour", "member"],
        np.array(["colour", "size", "member"], dtype=object),
        [0, 2, 3],
        np.array([3, 0, 2]),
        [True, False, True, True, False],
        np.array([True, False, True, True, False]),
        pd.Index(["colour", "size", "member"]),
    ],
    ids=repr,
)
def test_categorical_columns_by_name_index_or_mask(chosen):
    encoder = InputEncoder(categorical_features=chosen)
    assert encoder.has_categories(pandas_frame())
    encoded = encoder.fit(pandas_frame()).transform(pandas_frame())
    np.testing.assert_allclose(encoded, by_hand(), rtol=1e-6)


@pytest.mark.parametrize("chosen", [None, [], [False, False], "from_dtype"])
def test_no_categorical_columns(chosen):
    X = np.array([[1.0, 2.0], [3.0, 6.0]])
    encoder = InputEncoder(categorical_features=chosen, scale=False)
    assert not encoder.has_categories(X)
    assert np.array_equal(encoder.fit(X).transform(X), X)


@pytest.mark.parametrize("as_list", [True, False])
def test_categories_in_arrays_and_lists(as_list):
    X = np.array([[1.5, "b", 7], [2.5, "a", 7], [3.5, "b", 9]], dtype=object)
    given = X.tolist() if as_list else X
    encoder = InputEncoder(scale=False, categorical_features=[1, 2]).fit(given)
    expected = [[1.5, 0, 1, 1, 0], [2.5, 1, 0, 1, 0], [3.5, 0, 1, 0, 1]]
    assert encoder.transform(given).tolist() == expected


def test_numbers_as_categories_are_the_same_in_any_dtype():
    X = np.array([[3, 10], [1, 20]])
    encoder = InputEncoder(scale=False, categorical_features=[0]).fit(X)
    assert encoder.transform(X).tolist() == [[10, 0, 1], [20, 1, 0]]
    assert np.array_equal(encoder.transform(X.astype(np.float32)), encoder.transform(X))
    assert np.array_equal(encoder.transform(pl.DataFrame(X)), encoder.transform(X))


@pytest.mark.parametrize(
    ("chosen", "message"),
    [
        ([5], r"has the index 5, but X has 5 columns; give indices from 0 to 4"),
        ([-1], r"has the index -1, but X has 5 columns"),
        ([True, False], r"is a mask of shape \(2,\), but X has 5 columns"),
        (["colour", "weight"], r"names \['weight'\], which X does not have"),
        ("auto", r"'auto' must be None, 'from_dtype', or a list of column names"),
        ([0.5], r"must be None, 'from_dtype', or a list of column names"),
        ([[0], [1]], r"must be None, 'from_dtype', or a list of column names"),
    ],
)
def test_wrong_categorical_features(chosen, message):
    with pytest.raises(ValueError, match=f"categorical_features=.*{message}"):
        InputEncoder(categorical_features=chosen).fit(pandas_frame())


def test_names_need_a_frame():
    with pytest.raises(ValueError, match="X has no column names; give indices"):
        InputEncoder(categorical_features=["a"]).fit(np.zeros((2, 2)))


def test_categories_need_a_dense_x():
    with pytest.raises(ValueError, match="needs a dense X, but X is a sparse matrix"):
        InputEncoder(categorical_features=[0]).fit(sparse.eye(3, format="csr"))


# Numbers


def test_a_large_offset_does_not_cost_precision():
    X = 1e9 + np.array([[-1.0], [1.0], [-1.0], [1.0]])
    encoder = InputEncoder().fit(X)
    assert encoder.transform(X).tolist() == [[-1.0], [1.0], [-1.0], [1.0]]
    assert encoder.transform([[1e9 + 0.25]]).tolist() == [[0.25]]
    # The same inside a frame with categories.
    frame = pd.DataFrame({"n": X[:, 0], "c": ["a", "b", "a", "b"]})
    mixed = InputEncoder(categorical_features="from_dtype").fit(frame)
    assert mixed.transform(frame)[:, 0].tolist() == [-1.0, 1.0, -1.0, 1.0]


def test_a_constant_column_is_divided_by_one():
    X = np.array([[5.0, 1.0], [5.0, 3.0]])
    encoder = InputEncoder().fit(X)
    assert encoder.transform(X).tolist() == [[0, -1], [0, 1]]
    assert encoder.transform([[7.0, 2.0]]).tolist() == [[2, 0]]


@pytest.mark.parametrize("dtype", [np.int8, np.uint16, np.float16, np.float32, bool])
def test_any_number_becomes_float32(dtype):
    X = np.array([[0, 1], [1, 0], [1, 1]]).astype(dtype)
    encoder = InputEncoder().fit(X)
    encoded = encoder.transform(X)
    assert encoded.dtype == np.float32
    np.testing.assert_allclose(encoded, standardised(X), rtol=1e-3)
    assert np.array_equal(InputEncoder(scale=False).fit(X).transform(X), X)


def test_the_output_is_contiguous_and_the_input_is_left_alone():
    X = np.asfortranarray(np.random.default_rng(0).normal(size=(5, 3)))
    for dtype in (np.float64, np.float32):
        given = np.asfortranarray(X.astype(dtype))
        before = given.copy()
        for scale in (True, False):
            encoded = InputEncoder(scale=scale).fit(given).transform(given)
            assert encoded.flags.c_contiguous
        assert np.array_equal(given, before)


def test_integers_can_be_kept():
    X = np.array([[16777217, 1], [0, 2]], dtype=np.int32)  # float32 has no 16777217
    kept = InputEncoder(scale=False, dtype=None).fit(X).transform(X)
    assert kept.dtype == np.int64
    assert np.array_equal(kept, X)
    counts = sparse.csr_matrix(X)
    kept = InputEncoder(scale=False, dtype=None).fit(counts).transform(counts)
    assert kept.dtype == np.int64
    assert np.array_equal(kept.toarray(), X)
    assert InputEncoder(scale=False).fit(X).transform(X).dtype == np.float32
    floats = X.astype(np.float64)
    kept = InputEncoder(scale=False, dtype=None).fit(floats).transform(floats)
    assert kept.dtype == np.float32
    assert InputEncoder(dtype=None).fit(X).transform(X).dtype == np.float32


def test_more_dimensions_keep_their_shape_and_are_not_scaled():
    X = np.arange(24.0).reshape(2, 3, 4)
    encoder = InputEncoder().fit(X)
    encoded = encoder.transform(X)
    assert encoded.dtype == np.float32
    assert np.array_equal(encoded, X)
    assert encoder.n_inputs_ == 12
    with pytest.raises(ValueError, match=r"rows of shape \(4, 3\).* shape \(3, 4\)"):
        encoder.transform(X.reshape(2, 4, 3))
    X[1, 2, 0] = np.inf
    with pytest.raises(ValueError, match="NaN or infinite"):
        encoder.transform(X)


@pytest.mark.parametrize(
    "kind", [sparse.csr_matrix, sparse.csr_array, sparse.csc_array]
)
def test_sparse_stays_sparse(kind):
    dense = np.array([[0.0, 2.0, 0.0], [0.0, -4.0, 0.0], [0.5, 0.0, 0.0]])
    encoded = InputEncoder().fit(kind(dense)).transform(kind(dense))
    assert encoded.format == "csr"
    assert encoded.dtype == np.float32
    assert encoded.nnz == 3
    assert encoded.toarray().tolist() == [[0, 0.5, 0], [0, -1, 0], [1, 0, 0]]
    raw = InputEncoder(scale=False).fit(kind(dense)).transform(kind(dense))
    assert raw.format == "csr"
    assert raw.dtype == np.float32
    assert np.array_equal(raw.toarray(), dense)


def test_very_many_categories_become_a_sparse_matrix():
    names = [f"place {k:03d}" for k in range(300)]
    frame = pd.DataFrame({"n": np.arange(300.0), "c": names})
    encoder = InputEncoder(scale=False, categorical_features="from_dtype").fit(frame)
    encoded = encoder.transform(frame[::-1])
    assert encoded.format == "csr"
    assert encoded.dtype == np.float32
    expected = np.column_stack([np.arange(300.0), np.eye(300)])[::-1]
    assert np.array_equal(encoded.toarray(), expected)


@given(data=st.data(), scale=st.booleans())
@examples(30)
def test_weights_are_repetitions(data, scale):
    n = data.draw(st.integers(2, 8))
    numbers = st.integers(-50, 50)
    values = data.draw(arrays(np.int64, (n, 2), elements=numbers))
    weight = data.draw(arrays(np.int64, n, elements=st.integers(0, 3)))
    if not weight.any():
        weight[0] = 1
    X = pd.DataFrame(values, columns=["a", "b"])
    X["c"] = data.draw(st.lists(st.sampled_from("xyz"), min_size=n, max_size=n))
    repeated = X.loc[np.repeat(np.arange(n), weight)]
    encoder = InputEncoder(scale=scale, categorical_features="from_dtype")
    by_weight = encoder.fit(X, sample_weight=weight).transform(X)
    by_copies = encoder.fit(repeated).transform(X)
    np.testing.assert_allclose(by_weight, by_copies, rtol=1e-5, atol=1e-6)


# What is refused


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("make", [pandas_frame, polars_frame])
def test_missing_and_infinite_numbers_name_their_column(make, bad):
    encoder = InputEncoder(categorical_features="from_dtype")
    wrong = make(COLUMNS | {"age": [20.0, bad, 40.0, 50.0]})
    message = r"NaN or infinite values in the numeric columns \['age'\]"
    with pytest.raises(ValueError, match=message):
        encoder.fit(wrong)
    with pytest.raises(ValueError, match=message):
        encoder.fit(make()).transform(wrong)


def test_a_null_in_a_column_of_integers_is_a_missing_number():
    for frame in (
        pl.DataFrame({"c": ["a", "b"], "k": [1, None]}),
        pd.DataFrame({"c": ["a", "b"], "k": pd.array([1, None], dtype="Int64")}),
    ):
        with pytest.raises(ValueError, match=r"NaN or .* numeric columns \['k'\]"):
            InputEncoder(categorical_features="from_dtype").fit(frame)


def test_columns_without_names_are_named_by_position():
    X = np.array([["a", 1.0, 2.0], ["b", 1.0, np.nan]], dtype=object)
    with pytest.raises(ValueError, match=r"numeric columns \[2\]"):
        InputEncoder(categorical_features=[0]).fit(X)
    wide = np.full((2, 20), np.inf)
    with pytest.raises(ValueError, match=re.escape("[0, 1, 2, 3, 4, 5, 6, 7, ...]")):
        InputEncoder().fit(wide)
    holes = sparse.csr_matrix(np.array([[0.0, 1.0, 0.0], [0.0, 0.0, np.nan]]))
    with pytest.raises(ValueError, match=r"NaN or .* numeric columns \[2\]"):
        InputEncoder().fit(holes)


@pytest.mark.parametrize("scale", [True, False])
@pytest.mark.parametrize("kind", [np.array, sparse.csr_matrix])
def test_what_float32_cannot_hold_is_refused(kind, scale):
    X = kind([[0.0, 1.0], [1.0, 2.0]])
    large = kind([[0.0, 1.0], [1.0, 1e200]])
    encoder = InputEncoder(scale=scale).fit(X)
    with pytest.raises(ValueError, match=r"too large for float32 .* columns \[1\]"):
        encoder.transform(large)


@pytest.mark.parametrize(
    "column",
    [["x", "y", "z", "x"], pd.date_range("2024-01-01", periods=4), [1, "x", 2, None]],
    ids=["text", "dates", "both"],
)
def test_what_is_neither_number_nor_category_names_its_column(column):
    frame = pandas_frame()[["colour", "age"]].assign(odd=column)
    with pytest.raises(
        ValueError, match=r"no numbers in the numeric columns \['odd'\]"
    ):
        InputEncoder(categorical_features=["colour"]).fit(frame)


def test_another_number_of_columns_is_refused():
    encoder = InputEncoder(categorical_features="from_dtype").fit(pandas_frame())
    with pytest.raises(ValueError, match=r"rows of shape \(4,\).* shape \(5,\)"):
        encoder.transform(pandas_frame().iloc[:, 1:])
    with pytest.raises(ValueError, match=r"rows of shape \(1,\).* shape \(2,\)"):
        InputEncoder().fit([[1, 2]]).transform([[1]])
    with pytest.raises(ValueError, match="Expected 2D array"):
        InputEncoder(categorical_features=[0]).fit(["a", "b"])


# The split of work with scikit-learn's validation


@pytest.mark.parametrize("make", [pandas_frame, polars_frame])
def test_a_mixed_frame_passes_with_its_columns_checked(make):
    estimator, frame = BaseEstimator(), make()
    encoder = InputEncoder(categorical_features="from_dtype")
    assert validate_input(estimator, encoder, frame, reset=True) is frame
    encoder.fit(frame)
    assert estimator.n_features_in_ == 5
    assert estimator.feature_names_in_.tolist() == list(COLUMNS)
    assert validate_input(estimator, encoder, frame, reset=False) is frame
    for wrong in (frame[list(COLUMNS)[::-1]], frame[["colour", "age"]]):
        with pytest.raises(ValueError, match="feature names should match"):
            validate_input(estimator, encoder, wrong, reset=False)


def test_numbers_are_validated_by_scikit_learn():
    estimator, encoder = (
        BaseEstimator(),
        InputEncoder(categorical_features="from_dtype"),
    )
    frame = pandas_frame()[NUMERIC]
    X = validate_input(estimator, encoder, frame, reset=True)
    assert type(X) is np.ndarray
    encoder.fit(X)
    # Asked of what `fit` saw: text where numbers were is an error, not a category.
    text = frame.assign(age=["a", "b", "c", "d"])
    with pytest.raises(ValueError, match="could not convert string to float"):
        validate_input(estimator, encoder, text, reset=False)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ([[np.nan, 1.0]], "contains NaN"),
        ([[np.inf, 1.0]], "contains infinity"),
        ([1.0, 2.0], "Expected 2D array"),
        ([[1.0, 2.0, 3.0]], "X has 3 features, but BaseEstimator is expecting 2"),
        ([[1j, 2.0]], "Complex data not supported"),
        (np.zeros((2, 2, 2)), "dim 3"),
    ],
)
def test_the_messages_about_numbers_are_those_of_scikit_learn(wrong, message):
    estimator, encoder = BaseEstimator(), InputEncoder()
    X = validate_input(estimator, encoder, [[1, 2], [3, 4]], reset=True)
    encoder.fit(X)
    with pytest.raises(ValueError, match=message):
        validate_input(estimator, encoder, wrong, reset=False)


def test_more_dimensions_and_sparse_matrices_can_be_let_through():
    images = np.zeros((2, 3, 3))
    found = validate_input(
        BaseEstimator(), InputEncoder(), images, reset=True, allow_nd=True
    )
    assert found is images
    found = validate_input(
        BaseEstimator(), InputEncoder(), sparse.eye(3, format="csc"), reset=True
    )
    assert found.format == "csr"


@pytest.mark.parametrize(
    "copy", [deepcopy, lambda obj: pickle.loads(pickle.dumps(obj))]
)
@pytest.mark.parametrize("make", [pandas_frame, polars_frame])
def test_an_encoder_can_be_copied_and_pickled(copy, make):
    encoder = InputEncoder(categorical_features="from_dtype").fit(make())
    copied = copy(encoder)
    assert np.array_equal(copied.transform(make()), encoder.transform(make()))
    assert copied.numeric_ == encoder.numeric_


def test_fitting_again_forgets():
    encoder = InputEncoder(categorical_features="from_dtype").fit(pandas_frame())
    X = np.array([[1.0], [3.0]])
    assert encoder.fit(X).transform(X).tolist() == [[-1], [1]]
    assert not encoder.has_categories(pandas_frame(), reset=False)


# Piecewise-linear encoding


def formula(x, edges):
    """Equation 1 of the paper for one number; equal edges leave a 0 behind."""
    bins = [k for k in range(len(edges) - 1) if edges[k + 1] > edges[k]]
    encoded = np.zeros(len(edges) - 1)
    for t in bins:
        begin, end = edges[t], edges[t + 1]
        if x < begin and t != bins[0]:
            encoded[t] = 0.0
        elif x >= end and t != bins[-1]:
            encoded[t] = 1.0
        else:
            encoded[t] = (x - begin) / (end - begin)
    return encoded


#: Eighths: exact in float32, and often equal.
eighths = st.integers(-80, 80).map(lambda k: k / 8)


@st.composite
def edges_and_rows(draw, n_more=0):
    n_features, n_bins = draw(st.integers(1, 3)), draw(st.integers(1, 5))
    edges = np.sort(draw(arrays(float, (n_features, n_bins + 1), elements=eighths)))
    shape = (draw(st.integers(1, 6)), n_features + n_more)
    wide = st.integers(-800, 800).map(lambda k: k / 8)
    return edges, draw(arrays(float, shape, elements=wide))


def encode(edges, rows):
    module = PiecewiseLinearEncoding(edges).double()
    return module(torch.tensor(rows)).numpy()


@given(case=edges_and_rows(n_more=2))
@examples(200)
def test_encoding_is_equation_1_and_passes_on_the_rest(case):
    edges, rows = case
    n_features = len(edges)
    expected = [
        np.concatenate([*map(formula, row[:n_features], edges), row[n_features:]])
        for row in rows
    ]
    np.testing.assert_allclose(encode(edges, rows), expected, rtol=1e-12)
    module = PiecewiseLinearEncoding(edges)
    assert module.n_outputs(rows.shape[1]) == len(expected[0])


@given(case=edges_and_rows())
@examples(100)
def test_a_number_can_be_read_off_its_encoding(case):
    edges, rows = case
    encoded = encode(edges, rows).reshape(len(rows), *edges[:, 1:].shape)
    back = edges[:, 0] + (encoded * np.diff(edges)).sum(axis=2)
    constant = edges[:, 0] == edges[:, -1]
    expected = np.where(constant, edges[:, 0], rows)
    np.testing.assert_allclose(back, expected, rtol=1e-12, atol=1e-12)


@given(edges=edges_and_rows().map(lambda case: case[0]), seed=st.integers(0, 99))
@examples(50)
def test_encoding_is_monotone_in_float32(edges, seed):
    x = np.random.default_rng(seed).normal(scale=8, size=300)
    x = np.sort(np.concatenate([x, edges[0], np.nextafter(edges[0], 99)]))
    rows = torch.tensor(x, dtype=torch.float32)[:, None].repeat(1, len(edges))
    steps = PiecewiseLinearEncoding(edges)(rows).diff(dim=0)
    assert (steps >= 0).all()


@pytest.mark.parametrize("own_rows", [True, False])
def test_stacked_encodings_equal_each_alone(own_rows):
    rng = np.random.default_rng(0)
    folds = [rng.normal(size=(40, 3)).round(k) for k in (0, 1, 5)]
    folds[1][:, 2] = 4.0  # a column that is constant in one fold only
    modules = [PiecewiseLinearEncoding(quantile_edges(fold, 8)) for fold in folds]
    params, buffers = stack_module_state(modules)
    assert not params
    skeleton = deepcopy(modules[0]).to("meta")
    rows = torch.tensor(rng.normal(size=(3, 10, 5)), dtype=torch.float32)
    given_rows = rows if own_rows else rows[0]
    stacked = vmap(
        lambda buffer, x: functional_call(skeleton, buffer, x),
        in_dims=(0, 0 if own_rows else None),
    )(buffers, given_rows)
    for k, module in enumerate(modules):
        assert torch.equal(stacked[k], module(rows[k] if own_rows else rows[0]))


def test_encoding_survives_its_state_dict_and_pickle():
    rng = np.random.default_rng(0)
    one, other = (
        PiecewiseLinearEncoding(quantile_edges(rng.normal(size=(50, 3)), 6))
        for _ in range(2)
    )
    rows = torch.randn(5, 4, generator=torch.Generator().manual_seed(0))
    assert not torch.equal(one(rows), other(rows))
    other.load_state_dict(one.state_dict())
    assert torch.equal(one(rows), other(rows))
    for copy in (deepcopy(one), pickle.loads(pickle.dumps(one))):
        assert torch.equal(one(rows), copy(rows))


def test_gradients_are_the_slopes_of_the_bins():
    module = PiecewiseLinearEncoding([[0.0, 1.0, 1.0, 3.0]])
    x = torch.tensor([[-2.0], [0.5], [2.0], [9.0]], requires_grad=True)
    module(x).sum().backward()
    assert x.grad.tolist() == [[1.0], [1.0], [0.5], [0.5]]


def test_any_leading_dimensions():
    module = PiecewiseLinearEncoding([[0.0, 1.0, 2.0]] * 2)
    x = torch.linspace(-1, 3, 24).reshape(2, 4, 3)
    assert module(x).shape == (2, 4, 5)
    assert torch.equal(module(x)[1], module(x[1]))
    assert torch.equal(module(x)[1, 2], module(x[1, 2]))


@pytest.mark.parametrize("narrow", [1e-42, 1e-60])
def test_a_bin_too_narrow_for_its_dtype_is_no_bin(narrow):
    module = PiecewiseLinearEncoding([[0.0, narrow, 1.0]])
    encoded = module(torch.tensor([[-1.0], [0.0], [0.5], [2.0]]))
    assert encoded.isfinite().all()
    assert encoded[:, 0].tolist() == [0.0] * 4
    np.testing.assert_allclose(encoded[:, 1], [-1.0, 0.0, 0.5, 2.0], atol=1e-40)


def test_no_numeric_column_passes_everything():
    module = PiecewiseLinearEncoding(quantile_edges(np.empty((4, 0)), 3))
    x = torch.arange(6.0).reshape(2, 3)
    assert torch.equal(module(x), x)
    assert module.n_outputs(3) == 3


@pytest.mark.parametrize(
    ("edges", "message"),
    [
        ([0.0, 1.0], r"shape \(2,\); give \(n_features, n_bins \+ 1\)"),
        ([[0.0]], r"shape \(1, 1\); give"),
        ([[0.0, 2.0, 1.0]], "must not decrease"),
        ([[0.0, np.nan]], "must be finite"),
        ([[0.0, np.inf]], "must be finite"),
    ],
)
def test_wrong_edges(edges, message):
    with pytest.raises(ValueError, match=message):
        PiecewiseLinearEncoding(edges)


def test_too_few_columns():
    module = PiecewiseLinearEncoding([[0.0, 1.0]] * 3)
    with pytest.raises(ValueError, match="x has 2 columns, but 3 are to be encoded"):
        module(torch.zeros(1, 2))


def test_the_encoder_gives_the_numbers_first():
    encoder = InputEncoder(categorical_features="from_dtype").fit(pandas_frame())
    rows = encoder.transform(pandas_frame())
    module = PiecewiseLinearEncoding(quantile_edges(rows[:, encoder.numeric_], 2))
    encoded = module(torch.from_numpy(rows))
    assert encoded.shape[1] == module.n_outputs(encoder.n_inputs_)
    assert np.array_equal(encoded[:, 4:], rows[:, 2:])


# Edges


@given(
    column=arrays(float, st.integers(1, 40), elements=eighths),
    n_bins=st.integers(1, 6),
)
@examples(200)
def test_edges_are_values_and_share_the_rows_out(column, n_bins):
    (edges,) = quantile_edges(column[:, None], n_bins)
    assert len(edges) == n_bins + 1
    assert np.isin(edges, column).all()
    assert (np.diff(edges) >= 0).all()
    assert (edges[0], edges[-1]) == (column.min(), column.max())
    values = np.unique(column)
    if len(values) <= n_bins + 1:
        assert np.array_equal(np.unique(edges), values)
        return
    # Each edge is the least value with its share of the rows at or below it.
    for k, edge in enumerate(edges):
        assert n_bins * (column <= edge).sum() >= k * len(column)
        if k > 0:
            assert n_bins * (column < edge).sum() < k * len(column)


@given(data=st.data(), n_bins=st.integers(1, 6))
@examples(100)
def test_edges_of_weights_are_those_of_repetitions(data, n_bins):
    n = data.draw(st.integers(2, 30))
    X = data.draw(arrays(float, (n, 2), elements=eighths))
    weight = data.draw(arrays(np.int64, n, elements=st.integers(0, 3)))
    weight[0] = 1
    by_weight = quantile_edges(X, n_bins, sample_weight=weight)
    assert np.array_equal(by_weight, quantile_edges(np.repeat(X, weight, 0), n_bins))


@pytest.mark.parametrize("seed", range(20))
def test_fractional_weights_reach_the_last_value(seed):
    rng = np.random.default_rng(seed)
    X, weight = rng.normal(size=(50, 1)), rng.random(50)
    for n_bins in (3, 7, 10):
        (edges,) = quantile_edges(X, n_bins, sample_weight=weight)
        shares = [weight[X[:, 0] <= edge].sum() / weight.sum() for edge in edges[1:]]
        wanted = np.arange(1, n_bins + 1) / n_bins
        assert (shares >= wanted - 1e-12).all()
        assert (shares < wanted + weight.max() / weight.sum() + 1e-12).all()
        assert edges[-1] == X.max()


def test_bins_hold_equally_many_rows():
    X = np.random.default_rng(0).normal(size=(1001, 2))
    for column, edges in zip(X.T, quantile_edges(X, 10), strict=True):
        counts, _ = np.histogram(column, bins=edges)
        assert set(counts) <= {100, 101}


@pytest.mark.parametrize(
    ("X", "n_bins", "message"),
    [
        ([[1.0], [2.0]], 0, "n_bins=0 must be an integer of at least 1"),
        ([[1.0], [2.0]], 2.0, "n_bins=2.0 must be an integer"),
        ([[1.0], [np.nan]], 2, "contains NaN"),
        ([1.0, 2.0], 2, "Expected 2D array"),
    ],
)
def test_wrong_input_for_edges(X, n_bins, message):
    with pytest.raises(ValueError, match=message):
        quantile_edges(X, n_bins)
