"""ONNX files of every kind of student, and the classifier that serves them."""

import builtins
import copy
import inspect
import io
import json
import pickle
import subprocess
import sys
import warnings
from concurrent.futures import ThreadPoolExecutor

import joblib
import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy.sparse import csr_matrix
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer, make_column_transformer
from sklearn.datasets import load_breast_cancer, load_digits, load_wine
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.ensemble import (
    AdaBoostClassifier,
    AdaBoostRegressor,
    BaggingClassifier,
    BaggingRegressor,
    ExtraTreesClassifier,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
    StackingClassifier,
    StackingRegressor,
    VotingClassifier,
    VotingRegressor,
)
from sklearn.exceptions import NotFittedError
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.frozen import FrozenEstimator
from sklearn.gaussian_process import GaussianProcessClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import (
    LinearRegression,
    LogisticRegression,
    Perceptron,
    Ridge,
    RidgeClassifier,
    SGDClassifier,
)
from sklearn.metrics import log_loss
from sklearn.model_selection import GridSearchCV, PredefinedSplit, cross_val_score
from sklearn.multiclass import OneVsOneClassifier, OneVsRestClassifier
from sklearn.naive_bayes import BernoulliNB, GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    KBinsDiscretizer,
    MinMaxScaler,
    Normalizer,
    OneHotEncoder,
    OrdinalEncoder,
    PolynomialFeatures,
    PowerTransformer,
    SplineTransformer,
    StandardScaler,
)
from sklearn.semi_supervised import LabelSpreading
from sklearn.svm import SVC, SVR, LinearSVC
from sklearn.tree import (
    DecisionTreeClassifier,
    DecisionTreeRegressor,
    ExtraTreeClassifier,
)
from sklearn.utils import get_tags
from sklearn.utils.validation import check_is_fitted

from skdistill import (
    BornAgainClassifier,
    BudgetedDistillationCV,
    DistillationClassifier,
    DistillationClassifierCV,
    strip_teacher,
)
from skdistill._sklearn_compat import SHARES_OF_NONE
from skdistill.export import OnnxClassifier, to_onnx
from skdistill.export._check import try_out
from skdistill.export._documents import with_locale
from skdistill.export._imputers import own_converters, own_shapes
from skdistill.export._labels import classes_from_text, classes_to_text, onnx_labels
from skdistill.export._tables import rounded
from tests.strategies import examples, make_problem

onnx = pytest.importorskip("onnx")
skl2onnx = pytest.importorskip("skl2onnx")
onnxruntime = pytest.importorskip("onnxruntime")
torch = pytest.importorskip("torch")

from skorch import NeuralNetClassifier  # noqa: E402
from torch import nn  # noqa: E402

from skdistill.neural import NeuralClassifier  # noqa: E402

pytestmark = [
    pytest.mark.filterwarnings("ignore:The student is larger:UserWarning"),
    pytest.mark.filterwarnings("ignore:The student .* learns hard labels:UserWarning"),
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
]

TEACHER = RandomForestClassifier(10, max_depth=5, random_state=0)
SMALL_TREE = DecisionTreeClassifier(max_leaf_nodes=8, random_state=0)


def distil(student, **settings):
    return DistillationClassifier(TEACHER, student, random_state=0, **settings)


def assert_same(model, X, served=None, atol=1e-5, **settings):
    """A file says what the model says, on all rows."""
    served = served or OnnxClassifier(to_onnx(model, X, **settings))
    labels = model.predict(X)
    assert_array_equal(served.predict(X), labels)
    assert served.predict(X).dtype == labels.dtype
    assert_array_equal(served.classes_, model.classes_)
    if hasattr(model, "predict_proba"):
        proba = served.predict_proba(X)
        assert_allclose(proba, model.predict_proba(X), rtol=0, atol=atol)
    else:
        assert not hasattr(served, "predict_proba")
    return served


# Every route ---------------------------------------------------------------------


def perceptron(n_inputs, n_outputs):
    return nn.Sequential(
        nn.Linear(n_inputs, 8), nn.ReLU(), nn.Dropout(0.1), nn.Linear(8, n_outputs)
    )


def skorch_net(n_classes, module=perceptron, **settings):
    settings = {"criterion": nn.CrossEntropyLoss, "max_epochs": 2} | settings
    torch.manual_seed(0)
    return NeuralNetClassifier(
        module(4, n_classes), lr=0.1, train_split=None, verbose=0, **settings
    )


def network(**settings):
    settings = {"hidden_layer_sizes": (8,), "max_epochs": 3} | settings
    return NeuralClassifier(**settings)


def lasso():
    # scikit-learn 1.8 asks for it in other words.
    old = inspect.signature(LogisticRegression).parameters["penalty"].default == "l2"
    penalty = {"penalty": "l1"} if old else {"l1_ratio": 1.0}
    return LogisticRegression(solver="saga", max_iter=50, **penalty)


STUDENTS = {
    "tree": lambda k: SMALL_TREE,
    "tree by entropy": lambda k: DecisionTreeClassifier(
        criterion="entropy", max_leaf_nodes=8
    ),
    "extra tree": lambda k: ExtraTreeClassifier(max_leaf_nodes=8),
    "forest": lambda k: RandomForestClassifier(6, max_depth=3),
    "extra trees": lambda k: ExtraTreesClassifier(6, max_depth=3),
    "linear": lambda k: LogisticRegression(),
    "linear by copies": lambda k: lasso(),
    "boosting": lambda k: HistGradientBoostingClassifier(
        max_iter=5, min_samples_leaf=5
    ),
    "bagging of trees": lambda k: BaggingClassifier(SMALL_TREE, 4, max_features=0.6),
    "bagging": lambda k: BaggingClassifier(GaussianNB(), 3, max_features=0.6),
    "bagging of networks": lambda k: BaggingClassifier(network(), 2),
    "copies": lambda k: GaussianNB(),
    "gradient boosting": lambda k: GradientBoostingClassifier(n_estimators=4),
    "AdaBoost": lambda k: AdaBoostClassifier(SMALL_TREE, n_estimators=4),
    "SGD": lambda k: SGDClassifier(loss="log_loss"),
    "Bernoulli": lambda k: BernoulliNB(binarize=0.3),
    "support vectors": lambda k: LinearSVC(),
    "ridge": lambda k: RidgeClassifier(),
    "regression tree": lambda k: DecisionTreeRegressor(max_leaf_nodes=8),
    "regression forest": lambda k: RandomForestRegressor(4, max_depth=3),
    "regression": lambda k: Ridge(),
    "regression by boosting": lambda k: HistGradientBoostingRegressor(
        max_iter=4, min_samples_leaf=5
    ),
    "regression by plain boosting": lambda k: GradientBoostingRegressor(n_estimators=4),
    "regression by kernels": lambda k: SVR(),
    "regression by a network": lambda k: MLPRegressor(
        hidden_layer_sizes=(8,), max_iter=20
    ),
    "hard labels": lambda k: LinearDiscriminantAnalysis(),
    "hard labels of neighbours": lambda k: KNeighborsClassifier(3),
    "hard labels of a network": lambda k: MLPClassifier(
        hidden_layer_sizes=(8,), max_iter=20
    ),
    "network": lambda k: network(),
    "network ensemble": lambda k: network(
        n_members=2, embedding="piecewise_linear", n_bins=4, activation="gelu"
    ),
    "module": lambda k: perceptron(4, k),
    "skorch": skorch_net,
    "pipeline": lambda k: make_pipeline(StandardScaler(), SMALL_TREE),
    "pipeline of a network": lambda k: make_pipeline(MinMaxScaler(), network()),
    "pipeline of a regressor": lambda k: make_pipeline(StandardScaler(), Ridge()),
}
PROBLEMS = {
    "binary": make_problem(0, n=90, k=2, d=4),
    "three": make_problem(1, n=90, k=3, d=4),
    "negative": make_problem(2, n=90, k=3, d=4, labels="negative"),
    "string": make_problem(3, n=90, k=4, d=4, labels="string"),
    "bool": make_problem(4, n=90, k=2, d=4, labels="bool"),
}


@pytest.mark.parametrize("temperature", [1.0, 3.0])
@pytest.mark.parametrize("student", STUDENTS)
def test_a_file_says_what_the_model_says(student, temperature):
    # A bare module trains for 3,000 steps.
    names = ["bool", "string"] if student == "module" else PROBLEMS
    for problem in (PROBLEMS[name] for name in names):
        learner = STUDENTS[student](len(problem.classes))
        model = distil(learner, temperature=temperature).fit(problem.X, problem.y)
        served = assert_same(model, problem.X)
        assert_same(model, problem.X_new, served)


@pytest.mark.parametrize("student", ["tree", "copies", "regression", "network"])
def test_a_low_temperature_keeps_small_probabilities(student):
    # Below 1 the temperature is put back by a root: what is lost of a small number
    # in float32 would be large afterwards.
    problem = PROBLEMS["binary"]
    model = distil(STUDENTS[student](2), temperature=0.3, alpha=1.0)
    assert_same(model.fit(problem.X, problem.y), problem.X)


@pytest.mark.parametrize("alpha", [0.0, 1.0])
@pytest.mark.parametrize("student", ["tree", "forest", "linear", "boosting", "copies"])
def test_labels_alone_and_teacher_alone(student, alpha):
    problem = PROBLEMS["string"]
    model = distil(STUDENTS[student](4), alpha=alpha).fit(problem.X, problem.y)
    assert_same(model, problem.X)


def test_a_student_that_saw_fewer_classes():
    problem = PROBLEMS["three"]
    said = np.zeros((90, 3))
    said[np.arange(90), np.where(problem.codes == 2, 1, problem.codes)] = 1.0
    for student in (GaussianNB(), SGDClassifier(loss="log_loss", random_state=0)):
        model = DistillationClassifier("precomputed", student, alpha=1.0)
        model.fit(problem.X, problem.y, teacher_proba=said)
        assert model._lesson.columns is not None
        served = assert_same(model, problem.X)
        assert (served.predict_proba(problem.X)[:, 2] == 0).all()


@pytest.mark.parametrize("kind", [np.int8, np.uint8, np.uint64, np.int32, np.float64])
@pytest.mark.parametrize("student", ["tree", "copies", "AdaBoost", "network"])
def test_labels_of_any_kind_come_back(student, kind):
    problem = PROBLEMS["three"]
    labels = problem.y.astype(kind)
    model = distil(STUDENTS[student](3)).fit(problem.X, labels)
    served = assert_same(model, problem.X)
    assert served.classes_.dtype == model.classes_.dtype


def test_classes_that_are_text_objects():
    problem = PROBLEMS["string"]
    model = distil(SMALL_TREE).fit(problem.X, problem.y.astype(object))
    assert assert_same(model, problem.X).classes_.dtype == object


@examples(40)
@given(
    st.one_of(
        st.lists(st.integers(-(2**53), 2**53), min_size=1, max_size=5, unique=True),
        st.lists(st.text(), min_size=1, max_size=5, unique=True),
        st.lists(st.booleans(), min_size=1, max_size=5, unique=True),
    )
)
def test_labels_survive_the_metadata(labels):
    classes = np.array(labels)
    again = classes_from_text(classes_to_text(classes))
    assert again.dtype == classes.dtype
    assert_array_equal(again, classes)
    assert onnx_labels(classes).dtype.kind in "iU"


@pytest.mark.parametrize(
    "classes", [[0.5, 1.0], [1, "a"], [2**64 - 1, 1], [np.inf, 1.0], [[1, 2]]]
)
def test_labels_that_no_file_holds(classes):
    holder = np.empty(len(classes), dtype=object)
    holder[:] = classes
    given = holder if 1 in classes and "a" in map(str, classes) else np.array(classes)
    with pytest.raises(ValueError, match="LabelEncoder"):
        onnx_labels(given)


# Thresholds ----------------------------------------------------------------------

REAL = {
    "digits": load_digits(return_X_y=True),
    "breast cancer": load_breast_cancer(return_X_y=True),
    "wine": load_wine(return_X_y=True),
}
SPLITTING = {
    "tree": DecisionTreeClassifier(random_state=0),
    "extra tree": ExtraTreeClassifier(random_state=0),
    "forest": RandomForestClassifier(6, random_state=0),
    "boosting": HistGradientBoostingClassifier(max_iter=8),
    "plain boosting": GradientBoostingClassifier(n_estimators=4, max_features=8),
    "bagging": BaggingClassifier(DecisionTreeClassifier(), 4, max_features=0.5),
    "regression by boosting": HistGradientBoostingRegressor(max_iter=4),
}


@pytest.mark.parametrize("student", SPLITTING)
@pytest.mark.parametrize("data", REAL)
def test_no_row_of_real_data_changes_sides(data, student):
    X, y = REAL[data]
    model = distil(SPLITTING[student]).fit(X, y)
    assert_same(model, X)


@pytest.mark.parametrize("student", ["tree", "extra tree", "forest", "boosting"])
@pytest.mark.parametrize("data", REAL)
def test_no_scaled_row_of_real_data_changes_sides_in_float64(data, student):
    X, y = REAL[data]
    inside = distil(make_pipeline(StandardScaler(), SPLITTING[student]))
    outside = make_pipeline(StandardScaler(), distil(SPLITTING[student]))
    for model in (inside, outside):
        assert_same(model.fit(X, y), X, dtype="float64")


@pytest.mark.parametrize("student", ["tree", "extra tree", "forest", "boosting"])
@pytest.mark.parametrize("data", REAL)
def test_float32_files_answer_about_rounded_rows(data, student):
    X, y = REAL[data]
    model = distil(SPLITTING[student]).fit(X, y)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "dtype='float32' rounds", UserWarning)
        served = OnnxClassifier(to_onnx(model, X, dtype="float32"))
    assert served.predict_proba(X).dtype == np.float32
    short = X.astype(np.float32).astype(float)
    assert_allclose(
        served.predict_proba(X), model.predict_proba(short), rtol=0, atol=1e-5
    )


def in_pandas(X, dtype=None):
    return pd.DataFrame(X, columns=["a"]).astype(dtype or X.dtype)


ROUNDED = {
    "array": (False, np.asarray),
    "pandas": (False, in_pandas),
    "nullable": (False, lambda X: in_pandas(X, "Float64")),
    "Arrow": (False, lambda X: in_pandas(X, "double[pyarrow]")),
    "polars": (False, lambda X: pl.DataFrame(X, schema=["a"])),
    "integers": (True, np.asarray),
    "integers of pandas": (True, in_pandas),
    "integers of Arrow": (True, lambda X: in_pandas(X, "int64[pyarrow]")),
    "integers of polars": (True, lambda X: pl.DataFrame(X, schema=["a"])),
}


@pytest.mark.parametrize("kind", ROUNDED)
def test_rows_that_rounding_moves_are_warned_of(kind):
    # 0.1 is rounded up, past the threshold.
    X = np.array([[0.1], [0.1000000001]] * 20)
    y = np.array([0, 1] * 20)
    whole, make = ROUNDED[kind]
    if "Arrow" in kind:
        pytest.importorskip("pyarrow")
    X = make(2**25 + (X > 0.1).astype(int) if whole else X)
    model = HistGradientBoostingClassifier(max_iter=2, min_samples_leaf=1).fit(X, y)
    with pytest.warns(
        UserWarning, match="of 40 rows of X, 20 have other labels and 20"
    ):
        to_onnx(model, X, dtype="float32")
    assert_same(model, X)


@pytest.mark.parametrize("make", [np.asarray, csr_matrix])
def test_integers_are_rounded_only_where_digits_are_lost(make):
    few, many = make([[0, 2**24], [5, 6]]), make([[0, 2**24 + 1], [5, 6]])
    assert rounded(few) is few
    assert rounded(many).dtype == np.float64
    assert abs(rounded(many) - few).max() == 0


def test_the_kind_of_numbers_is_that_of_the_rows():
    X, y = PROBLEMS["three"].X, PROBLEMS["three"].y
    short = X.astype(np.float32)
    mixed = pd.DataFrame(short, columns=list("abcd")).astype({"b": float})
    cases = [
        (X, np.float64),
        (short, np.float32),
        (X.astype(int), np.float64),
        (X.tolist(), np.float64),
        (csr_matrix(short), np.float32),
        (pd.DataFrame(short, columns=list("abcd")), np.float32),
        (mixed, np.float64),
        (pl.DataFrame(short, schema=list("abcd")), np.float32),
    ]
    for rows, kind in cases:
        served = OnnxClassifier(to_onnx(clone(SMALL_TREE).fit(rows, y), rows))
        assert served.predict_proba(rows).dtype == kind
    frame, y = passengers("pandas")
    frame = frame[["sex", "age", "the fare $", "port", "deck", "alone"]]
    model = make_pipeline(one_by_one("pandas"), clone(SMALL_TREE)).fit(frame, y)
    assert OnnxClassifier(to_onnx(model, frame)).predict_proba(frame).dtype == float


def between_floats(n=400):
    """Neighbours in float32, the numbers between them, and the middles."""
    rng = np.random.default_rng(0)
    at = rng.normal(size=(n, 3)).astype(np.float32)
    after = np.nextafter(at, np.float32(np.inf))
    kinds = [at, after, (at.astype(float) + after) / 2, at + 1e-9 * rng.normal(size=3)]
    X = np.concatenate([each.astype(float) for each in kinds])
    return X, rng.integers(3, size=len(X))


@pytest.mark.parametrize("student", ["tree", "extra tree", "forest", "bagging"])
def test_trees_see_float32_as_scikit_learn_does(student):
    X, y = between_floats()
    model = distil(SPLITTING[student], alpha=0.0).fit(X, y)
    assert_same(model, X)


def test_boosters_tell_neighbours_in_float32_apart():
    X, y = between_floats(60)
    X = X[:120].astype(np.float32)
    y = np.repeat([0, 1], 60)  # at, and after
    student = HistGradientBoostingClassifier(max_iter=3, min_samples_leaf=1)
    model = distil(student, alpha=0.0).fit(X, y)
    assert_same(model, X)


def test_float64_files_tell_all_numbers_apart():
    X, y = between_floats(60)
    student = HistGradientBoostingClassifier(max_iter=3, min_samples_leaf=1)
    for model in (student, make_pipeline(StandardScaler(), student)):
        model = distil(model, alpha=0.0).fit(X, y)
        served = assert_same(model, X, atol=1e-6, dtype="float64")
        assert served.predict_proba(X).dtype == np.float64


def test_missing_values_go_where_the_tree_sends_them():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(300, 3))
    y = (X[:, 0] + X[:, 1] > 0).astype(int)
    X[rng.random(X.shape) < 0.2] = np.nan
    y[np.isnan(X[:, 2])] = 1
    for student in (
        DecisionTreeClassifier(max_leaf_nodes=16, random_state=0),
        RandomForestClassifier(5, random_state=0),
        HistGradientBoostingClassifier(max_iter=5),
        BaggingClassifier(DecisionTreeClassifier(max_depth=4), 3),
    ):
        assert_same(distil(student).fit(X, y), X)


SMALL_FOREST = RandomForestClassifier(4, max_depth=4, random_state=0)
HOLDING = {
    "calibration": CalibratedClassifierCV(SMALL_TREE, cv=2),
    "stacking": StackingClassifier(
        [("a", SMALL_TREE), ("b", SMALL_FOREST)], SMALL_TREE, cv=2, passthrough=True
    ),
    "one against the rest": OneVsRestClassifier(SMALL_TREE),
    "nested": CalibratedClassifierCV(OneVsRestClassifier(SMALL_FOREST), cv=2),
}


@pytest.mark.filterwarnings("ignore:invalid val:RuntimeWarning:sklearn.multiclass")
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("data", ["breast cancer", "wine"])
@pytest.mark.parametrize("holder", HOLDING)
def test_missing_values_inside_of_others(holder, data, dtype):
    X, y = REAL[data]
    X = X.astype(np.float32).astype(float)
    holes = np.random.default_rng(0).random(X.shape) < 0.1
    punched = np.where(holes, np.nan, X)
    model = clone(HOLDING[holder]).fit(punched, y)
    # Rows without holes tell the same.
    served = OnnxClassifier(to_onnx(model, X, dtype=dtype))
    assert_same(model, punched, served)


def test_missing_values_that_a_converter_does_not_know_of_are_refused():
    X, y = REAL["breast cancer"]
    holes = np.random.default_rng(0).random(X.shape) < 0.1
    punched = np.where(holes, np.nan, X)
    members = [("a", DecisionTreeRegressor(max_leaf_nodes=8, random_state=0))]
    student = StackingRegressor(members, Ridge(), cv=2)
    model = distil(student).fit(punched, y)
    with pytest.warns(UserWarning, match="SimpleImputer in front of the model"):
        served = OnnxClassifier(to_onnx(model, X))
    assert_same(model, X, served)
    with pytest.raises(ValueError, match="contains NaN"):
        served.predict(punched)
    with pytest.raises(ValueError, match="does not say what the model says"):
        to_onnx(model, punched)


@pytest.mark.filterwarnings("ignore:invalid val:RuntimeWarning:sklearn.multiclass")
@pytest.mark.parametrize("member", ["linear", "tree", "support vectors", "boosting"])
@pytest.mark.parametrize("problem", ["binary", "bool", "string", "three"])
def test_one_against_the_rest(problem, member):
    X, y = PROBLEMS[problem].X, PROBLEMS[problem].y
    model = OneVsRestClassifier(STUDENTS[member](2)).fit(X, y)
    assert_same(model, X)
    assert_same(CalibratedClassifierCV(model, cv=2).fit(X, y), X)


@pytest.mark.parametrize("last", [LogisticRegression(), SMALL_TREE, LinearSVC()])
@pytest.mark.parametrize("passthrough", [True, False])
def test_stacks(last, passthrough):
    for name in ("binary", "string", "bool"):
        X, y = PROBLEMS[name].X, PROBLEMS[name].y
        members = [
            ("tree", distil(SMALL_TREE)),
            ("left out", "drop"),
            ("scores", LinearSVC()),
            ("scaled", make_pipeline(StandardScaler(), RidgeClassifier())),
            ("hard", Perceptron()),
        ]
        model = StackingClassifier(members, last, cv=2, passthrough=passthrough)
        assert_same(model.fit(X, y), X)
        model.set_params(stack_method="predict")
        assert_same(model.fit(X, y), X)


@pytest.mark.skipif(
    np.isnan(SHARES_OF_NONE), reason="this scikit-learn itself divides 0 by 0 there"
)
def test_sigmoids_that_all_underflow_are_uniform():
    X, y = REAL["wine"]
    model = SGDClassifier(loss="log_loss").fit(X[:, :3], y)
    model.coef_[:], model.intercept_[:] = np.eye(3), 0.0
    ends = np.array([-1e4, -711.0, -709.7, -700.0, -50.0, -37.0, -36.0, 0.0, 40.0])
    rows = np.stack(np.meshgrid(*[ends] * 3), axis=-1).reshape(-1, 3)
    assert (model.predict_proba(rows) == 1 / 3).all(axis=1).sum() >= 8
    assert_same(model, rows)


def test_a_tree_of_one_leaf_and_of_one_class():
    X, y = np.zeros((6, 2)), np.array([0, 0, 1, 2, 2, 2])
    assert_same(DecisionTreeClassifier().fit(X, y), X)
    assert_same(DecisionTreeClassifier().fit(X, y // 2), X)
    assert_same(DecisionTreeClassifier().fit(X, np.zeros(6, int)), X)


def test_votes_that_tie_are_counted_as_scikit_learn_counts_them():
    # Pure leaves and an even number of trees: many sums are equal.
    problem = make_problem(0, n=200, k=2, d=2, spread=4.0, new=400)
    forest = RandomForestClassifier(4, random_state=0).fit(problem.X, problem.y)
    proba = forest.predict_proba(problem.X_new)
    assert (proba[:, 0] == proba[:, 1]).sum() > 20
    assert_same(forest, problem.X_new)


# The file -------------------------------------------------------------------------

DIGITS = tuple(part[:600] for part in REAL["digits"])
BIG_FOREST = RandomForestClassifier(100, random_state=0).fit(*DIGITS)


def node_names(made):
    return " ".join(
        [each.name for each in made.graph.node]
        + [name for each in made.graph.node for name in (*each.input, *each.output)]
        + [each.name for each in made.graph.initializer]
        + [made.graph.name, made.doc_string]
        + [each.value for each in made.metadata_props]
    )


def test_the_file_holds_no_teacher():
    X, y = DIGITS
    model = DistillationClassifier(BIG_FOREST, SMALL_TREE, random_state=0).fit(X, y)
    made = to_onnx(model, X)
    assert len(made.SerializeToString()) < len(pickle.dumps(BIG_FOREST)) / 500
    trees = [n for n in made.graph.node if n.op_type == "TreeEnsembleClassifier"]
    assert len(trees) == 1
    (modes,) = [a.strings for a in trees[0].attribute if a.name == "nodes_modes"]
    assert len(modes) == model.student_.tree_.node_count
    assert "Forest" not in node_names(made)


def test_a_stripped_model_makes_the_same_file():
    X, y = DIGITS
    model = DistillationClassifier(BIG_FOREST, SMALL_TREE, random_state=0).fit(X, y)
    stripped = to_onnx(strip_teacher(model), X)
    assert stripped.graph == to_onnx(model, X).graph


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_inputs_and_outputs_of_the_file(dtype):
    X, y = DIGITS
    model = distil(LogisticRegression()).fit(X, y)
    made = to_onnx(model, X[:1], dtype=dtype)
    onnx.checker.check_model(made, full_check=True)
    session = onnxruntime.InferenceSession(made.SerializeToString())
    kind = {"float32": "tensor(float)", "float64": "tensor(double)"}[dtype]
    (given,) = session.get_inputs()
    assert (given.name, given.type, given.shape[1:]) == ("X", kind, [64])
    assert [each.name for each in session.get_outputs()] == ["label", "probabilities"]
    assert [each.type for each in session.get_outputs()] == ["tensor(int64)", kind]
    label, proba = session.run(None, {"X": X.astype(dtype)})
    assert label.shape == (600,)
    assert proba.shape == (600, 10)
    assert made.producer_name == "skdistill"


@pytest.mark.parametrize("opset", [13, 15, 18, {"": 17, "ai.onnx.ml": 3}])
@pytest.mark.parametrize(
    "student", ["tree", "boosting", "copies", "regression", "network ensemble"]
)
def test_older_operators(student, opset):
    problem = PROBLEMS["three"]
    model = distil(STUDENTS[student](3), temperature=2.0).fit(problem.X, problem.y)
    made = to_onnx(model, problem.X, target_opset=opset)
    version = opset[""] if isinstance(opset, dict) else opset
    assert max(each.version for each in made.opset_import) <= version
    assert_same(model, problem.X, OnnxClassifier(made))


def test_options_reach_the_converters_of_skl2onnx():
    X, y = PROBLEMS["three"].X, PROBLEMS["three"].y
    model = distil(MLPClassifier(hidden_layer_sizes=(4,), max_iter=5)).fit(X, y)
    options = {KNeighborsClassifier: {"optim": "cdist"}}
    neighbours = distil(KNeighborsClassifier(3)).fit(X, y)
    made = to_onnx(neighbours, X, options=options)
    assert "CDist" in {node.op_type for node in made.graph.node}
    assert_same(neighbours, X, OnnxClassifier(made))
    with pytest.raises(NameError, match="nonsense"):
        to_onnx(model, X, options={MLPClassifier: {"nonsense": 1}})


# Plain models, searches, generations ----------------------------------------------


@pytest.mark.parametrize("problem", ["binary", "string"])
def test_models_without_a_teacher(problem):
    X, y = PROBLEMS[problem].X, PROBLEMS[problem].y
    for model in (
        DecisionTreeClassifier(max_depth=4),
        LogisticRegression(),
        Perceptron(),
        HistGradientBoostingClassifier(max_iter=3, min_samples_leaf=5),
        network(),
        make_pipeline(StandardScaler(), network()),
        FrozenEstimator(GaussianNB().fit(X, y)),
        GridSearchCV(distil(SMALL_TREE), {"alpha": [0.5, 1.0]}, cv=2),
        GridSearchCV(make_pipeline(StandardScaler(), SMALL_TREE), {}, cv=2),
        BaggingClassifier(distil(SMALL_TREE), 2),
    ):
        assert_same(model.fit(X, y), X)


@pytest.mark.filterwarnings("ignore:The teacher does not help:UserWarning")
@pytest.mark.parametrize("temperature", [1.0, 3.0])
def test_a_search_for_the_temperature(temperature):
    X, y = PROBLEMS["string"].X, PROBLEMS["string"].y
    model = DistillationClassifierCV(
        TEACHER,
        GaussianNB(),
        temperatures=[temperature],
        alphas=[0.9],
        cv=2,
        random_state=0,
    )
    assert_same(model.fit(X, y), X)


def test_frozen_steps():
    X, y = PROBLEMS["three"].X, PROBLEMS["three"].y
    frozen = FrozenEstimator(StandardScaler().fit(X))
    some = FrozenEstimator(MinMaxScaler().fit(X[:, :2]))
    columns = ColumnTransformer([("some", some, [0, 1])], remainder="passthrough")
    for first in (frozen, columns):
        model = make_pipeline(first, LogisticRegression()).fit(X, y)
        assert_same(model, X)
        said = run(skl2onnx.to_onnx(model, X.astype(np.float32)), X)
        assert_array_equal(said["output_label"], model.predict(X))
    # Scaled in float64, as if it were not frozen.
    far = (1e5 + X).astype(np.float32).astype(float)
    frozen = FrozenEstimator(StandardScaler().fit(far))
    model = make_pipeline(frozen, LogisticRegression()).fit(far, y)
    assert_same(model, far, dtype="float32")
    ridge = FrozenEstimator(Ridge().fit(X, y))
    said = run(skl2onnx.to_onnx(ridge, X.astype(np.float32)), X)
    assert_allclose(said["variable"].ravel(), ridge.predict(X), rtol=1e-4, atol=1e-5)
    vote = VotingRegressor([("a", ridge)]).fit(X, y)
    with pytest.raises(TypeError, match=r"FrozenEstimator.*holds no classifier"):
        skl2onnx.to_onnx(vote, X.astype(np.float32))


@pytest.mark.filterwarnings("ignore:The teacher does not help:UserWarning")
def test_the_best_within_a_budget():
    X, y = PROBLEMS["string"].X, PROBLEMS["string"].y
    search = DistillationClassifierCV(
        TEACHER, SMALL_TREE, temperatures=[1.0], alphas=[0.9], cv=2, random_state=0
    )
    students = {"max_leaf_nodes": [3, 6]}
    model = BudgetedDistillationCV(search, students, max_leaves=4).fit(X, y)
    assert_same(model, X)
    said = run(skl2onnx.to_onnx(model, X.astype(np.float32)), X)
    assert_array_equal(said["label"], model.predict(X))


@pytest.mark.parametrize("average", [True, False])
@pytest.mark.parametrize("student", ["tree", "linear", "network"])
def test_generations(student, average):
    X, y = PROBLEMS["string"].X, PROBLEMS["string"].y
    model = BornAgainClassifier(
        STUDENTS[student](4), n_generations=3, average=average, random_state=0
    )
    assert_same(model.fit(X, y), X)


# Tables of all kinds ---------------------------------------------------------------


def passengers(kind, n=240, missing=True):
    """Numbers, text, whole numbers and booleans; numbers and text may be missing."""
    rng = np.random.default_rng(0)
    age = np.where(rng.random(n) < 0.2 * missing, np.nan, rng.integers(1, 80, n))
    port = rng.choice(np.array(["S", "C", "Q q"], dtype=object), n)
    none = None if kind == "polars" else np.nan
    port[rng.random(n) < 0.1 * missing] = none
    sex = rng.choice(np.array(["m", "f"], dtype=object), n)
    columns = {
        "age": age,
        "the fare $": rng.gamma(2, 20, n),
        "sex": sex,
        "port": port,
        "deck": rng.integers(1, 4, n),
        "alone": rng.random(n) < 0.5,
    }
    y = np.where(np.nan_to_num(age, nan=30.0) + 30 * (sex == "m") > 50, "no", "yes")
    if kind == "polars":
        plain = {k: v.tolist() if v.dtype == object else v for k, v in columns.items()}
        return pl.DataFrame(plain), y
    frame = pd.DataFrame(columns)
    if kind == "category":
        frame["sex"] = frame["sex"].astype("category")
    return frame, y


def one_by_one(kind):
    """Each kind of column by a transformer of its own."""
    missing = None if kind == "polars" else np.nan
    fill = SimpleImputer(strategy="most_frequent", missing_values=missing)
    one_hot = OneHotEncoder(handle_unknown="ignore")
    numeric = make_pipeline(SimpleImputer(), StandardScaler())
    return ColumnTransformer(
        [
            ("numbers", numeric, ["age", "the fare $", "deck", "alone"]),
            ("port", make_pipeline(fill, one_hot), ["port"]),
            ("sex", OrdinalEncoder(), ["sex"]),
        ]
    )


@pytest.mark.parametrize("kind", ["pandas", "category", "polars"])
@pytest.mark.parametrize("where", ["inside", "outside"])
@pytest.mark.parametrize("student", ["tree", "linear", "boosting", "network", "copies"])
def test_mixed_frames(kind, where, student):
    frame, y = passengers(kind)
    columns = one_by_one(kind)
    if where == "inside":
        teacher = make_pipeline(columns, TEACHER)
        learner = make_pipeline(clone(columns), STUDENTS[student](2))
        model = DistillationClassifier(teacher, learner, random_state=0)
    else:
        model = make_pipeline(columns, distil(STUDENTS[student](2)))
    made = to_onnx(model.fit(frame, y), frame)
    served = assert_same(model, frame, OnnxClassifier(made))
    names = ["age", "the fare $", "sex", "port", "deck", "alone"]
    assert served.feature_names_in_.tolist() == names
    assert served.n_features_in_ == 6
    assert len(made.graph.input) == 6


def test_mixed_frames_in_float64():
    frame, y = passengers("pandas")
    model = make_pipeline(one_by_one("pandas"), distil(STUDENTS["boosting"](2)))
    assert_same(model.fit(frame, y), frame, dtype="float64")


@pytest.mark.parametrize("kind", ["pandas", "category", "polars"])
def test_networks_read_frames_themselves(kind):
    frame, y = passengers(kind, missing=False)
    if kind == "polars":
        port = pl.Series([None, *frame["port"].to_list()[1:]])
        frame = frame.with_columns(port=port)
    else:
        frame.loc[0, "port"] = np.nan
    model = distil(network(embedding="piecewise_linear", n_bins=3))
    model.set_params(teacher=make_pipeline(one_by_one(kind), TEACHER))
    served = assert_same(model.fit(frame, y), frame)
    unknown = frame.with_columns(sex=pl.lit("?")) if kind == "polars" else frame.copy()
    if kind != "polars":
        unknown["sex"] = "?"
    assert_same(model, unknown, served)


def test_networks_read_categories_that_are_numbers():
    rng = np.random.default_rng(0)
    X = np.column_stack([rng.normal(size=80), rng.integers(3, size=80)])
    X[:5, 1] = np.nan
    y = (X[:, 1] == 1).astype(int)
    student = network(categorical_features=[1])
    teacher = make_pipeline(SimpleImputer(), TEACHER)
    model = DistillationClassifier(teacher, student, random_state=0).fit(X, y)
    served = assert_same(model, X)
    X[:, 1] = 7
    assert_same(model, X, served)


def test_a_frame_of_numbers_is_one_input():
    X, y = PROBLEMS["three"].X, PROBLEMS["three"].y
    frame = pd.DataFrame(X, columns=["a b", "b", "c", "d"])
    model = distil(SMALL_TREE).fit(frame, y)
    made = to_onnx(model, frame)
    assert [each.name for each in made.graph.input] == ["X"]
    served = assert_same(model, frame, OnnxClassifier(made))
    assert served.feature_names_in_.tolist() == list(frame.columns)
    assert_same(model, pl.DataFrame(X, schema=list(frame.columns)), served)
    with pytest.raises(ValueError, match="feature names should match"):
        served.predict(frame[["b", "a b", "c", "d"]])
    with pytest.warns(UserWarning, match="does not have valid feature names"):
        served.predict(X)


def test_columns_by_number():
    rng = np.random.default_rng(0)
    X = np.empty((90, 2), dtype=object)
    X[:, 0] = rng.normal(size=90)
    X[:, 1] = rng.choice(["a", "b"], 90)
    y = (X[:, 1] == "a").astype(int)
    columns = ColumnTransformer(
        [("s", StandardScaler(), [0]), ("o", OneHotEncoder(), [1])]
    )
    model = make_pipeline(columns, distil(SMALL_TREE)).fit(X, y)
    assert_same(model, X)
    numbers = PROBLEMS["three"]
    columns = ColumnTransformer(
        [("a", StandardScaler(), [1, 3]), ("b", MinMaxScaler(), [0])]
    )
    model = make_pipeline(columns, distil(SMALL_TREE))
    assert_same(model.fit(numbers.X, numbers.y), numbers.X)


def test_tables_of_text():
    X = np.array([["a", "x"], ["b", "x"], ["a", "y"], ["b", "y"]] * 10, dtype=object)
    y = (X[:, 0] == "a").astype(int)
    model = make_pipeline(OneHotEncoder(), distil(SMALL_TREE)).fit(X, y)
    assert_same(model, X)


IMPUTERS = {
    "marks": SimpleImputer(add_indicator=True),
    "marks of the median": SimpleImputer(strategy="median", add_indicator=True),
    "a constant": SimpleImputer(strategy="constant", fill_value=2.5),
    "empty columns kept": SimpleImputer(keep_empty_features=True, add_indicator=True),
    "another number": SimpleImputer(missing_values=-1.0, add_indicator=True),
}


@pytest.mark.filterwarnings("ignore:Currently, when `keep_empty_feat:FutureWarning")
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("imputer", IMPUTERS)
def test_imputers_of_numbers(imputer, dtype):
    imputer = IMPUTERS[imputer]
    X, y = PROBLEMS["three"].X.astype(np.float32).astype(float), PROBLEMS["three"].y
    holes = np.random.default_rng(0).random(X.shape) < 0.3
    holes[:, 3] = False
    rows = np.where(holes, imputer.missing_values, X)
    some = [("some", imputer, [0, 3]), ("rest", SimpleImputer(), [1, 2])]
    for first in (imputer, ColumnTransformer(some)):
        # It counts columns for the scaler.
        model = make_pipeline(
            clone(first), MinMaxScaler(), distil(LogisticRegression())
        )
        assert_same(model.fit(rows, y), rows, dtype=dtype)
    if np.isnan(imputer.missing_values):
        rows[:, 1] = np.nan  # nothing to fill in
        model = make_pipeline(imputer, MinMaxScaler(), distil(SMALL_TREE))
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Skipping features", UserWarning)
            assert_same(model.fit(rows, y), rows, dtype=dtype)


@pytest.mark.filterwarnings("ignore:Currently, when `keep_empty_feat:FutureWarning")
@pytest.mark.parametrize("imputer", IMPUTERS)
def test_imputers_tell_how_many_columns_they_give(imputer):
    imputer = clone(IMPUTERS[imputer])
    rows = np.full((9, 4), imputer.missing_values)
    rows[2:, 1:] = np.arange(21.0).reshape(7, 3)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Skipping features", UserWarning)
        width = imputer.fit_transform(rows).shape[1]
    made = skl2onnx.convert_sklearn(
        imputer,
        initial_types=[("X", skl2onnx.common.data_types.DoubleTensorType([None, 4]))],
        custom_conversion_functions=own_converters(),
        custom_shape_calculators=own_shapes(),
    )
    shape = made.graph.output[0].type.tensor_type.shape
    assert shape.dim[1].dim_value == width


def test_marks_of_missing_text_are_refused():
    X = np.array([["a"], ["b"], [np.nan], ["b"]] * 10, dtype=object)
    fill = SimpleImputer(strategy="most_frequent", add_indicator=True)
    encoder = OneHotEncoder(handle_unknown="ignore")
    model = make_pipeline(fill, encoder, SMALL_TREE).fit(X, np.arange(40) % 4)
    with pytest.raises(ValueError, match=r"SimpleImputer.*add_indicator=False"):
        to_onnx(model, X)


WORDS = ["red", "green", "blue", "fast", "slow", "big", "Très", "small-ish", "x9"]


@pytest.mark.parametrize("vectorizer", [TfidfVectorizer, CountVectorizer])
@pytest.mark.parametrize("student", ["linear", "tree"])
def test_documents(vectorizer, student):
    rng = np.random.default_rng(0)
    texts = [" ".join(rng.choice(WORDS, 6)) for _ in range(120)]
    y = np.array(["yes" if "red" in text else "no" for text in texts])
    words = vectorizer(token_pattern=r"[a-zA-Z]+")
    model = make_pipeline(words, distil(STUDENTS[student](2)))
    for X in (texts, np.array(texts, dtype=object), pd.Series(texts)):
        made = to_onnx(model.fit(X, y), X)
        assert_same(model, X, OnnxClassifier(made))
    assert "C.UTF-8" in str(made.graph)
    options = {vectorizer: {"locale": "C"}}
    assert "C.UTF-8" not in str(to_onnx(model, X, options=options).graph)
    table = pd.DataFrame({"text": texts, "size": [float(len(t)) for t in texts]})
    columns = [("words", clone(words), "text"), ("size", StandardScaler(), ["size"])]
    model = make_pipeline(ColumnTransformer(columns), distil(LogisticRegression()))
    assert_same(model.fit(table, y), table)


TEXT_INSIDE = {
    "calibration": lambda pipeline: CalibratedClassifierCV(pipeline, cv=2),
    "stacking": lambda pipeline: StackingClassifier([("a", pipeline)], cv=2),
    "one against the rest": OneVsRestClassifier,
}


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("holder", TEXT_INSIDE)
def test_text_inside_of_others(holder, n_classes):
    rng = np.random.default_rng(0)
    table = rng.choice(WORDS[:6], (120, 3)).astype(object)
    y = np.array(["no", "yes", "maybe"])[(table == "red").sum(axis=1) % n_classes]
    texts = [" ".join(row) for row in table]
    words = TfidfVectorizer(token_pattern=r"[a-zA-Z]+")
    for first, X in ((words, texts), (OneHotEncoder(), table)):
        model = TEXT_INSIDE[holder](make_pipeline(first, LogisticRegression()))
        assert_same(model.fit(X, y), X)


def test_sparse_rows():
    X, y = DIGITS
    model = distil(SMALL_TREE).fit(csr_matrix(X), y)
    served = OnnxClassifier(to_onnx(model, csr_matrix(X)))
    assert_array_equal(served.predict(csr_matrix(X)), model.predict(csr_matrix(X)))
    net = distil(network()).fit(csr_matrix(X), y)
    assert_same(net, csr_matrix(X))


def test_steps_in_a_row():
    X, y = PROBLEMS["three"].X, PROBLEMS["three"].y
    inner = make_pipeline(
        StandardScaler(with_mean=False), "passthrough", MinMaxScaler()
    )
    for last in (SMALL_TREE, GaussianNB(), Ridge(), network()):
        model = distil(make_pipeline(inner, Normalizer(), last))
        assert_same(model.fit(X, y), X)


# Networks --------------------------------------------------------------------------

ACTIVATIONS = ["relu", "tanh", "logistic", "gelu", "silu", "leaky_relu", "elu"]


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_every_activation(activation):
    X, y = PROBLEMS["three"].X, PROBLEMS["three"].y
    assert_same(network(activation=activation, random_state=0).fit(X, y), X)


def test_numbers_far_from_zero_are_scaled_in_float64():
    X, y = PROBLEMS["three"].X, PROBLEMS["three"].y
    X = (1e5 + X).astype(np.float32).astype(float)
    assert_same(network(random_state=0).fit(X, y), X)


class Residual(nn.Module):
    def __init__(self, n_inputs, n_outputs):
        super().__init__()
        self.inner = nn.Linear(n_inputs, n_inputs)
        self.outer = nn.Linear(n_inputs, n_outputs)

    def forward(self, x):
        return self.outer(x + torch.relu(self.inner(x)))


class Embedded(nn.Module):
    def __init__(self, n_inputs, n_outputs):
        super().__init__()
        self.table = nn.Embedding(10, 3)
        self.outer = nn.Linear(3 * n_inputs, n_outputs)

    def forward(self, x):
        return self.outer(self.table(x).flatten(1))


LAYERS = {
    "norms": lambda i, o: nn.Sequential(
        nn.BatchNorm1d(i), nn.Linear(i, 6, bias=False), nn.LayerNorm(6), nn.Linear(6, o)
    ),
    "plain norms": lambda i, o: nn.Sequential(
        nn.BatchNorm1d(i, affine=False),
        nn.LayerNorm(i, elementwise_affine=False),
        nn.Linear(i, o),
    ),
    "nested": lambda i, o: nn.Sequential(
        nn.Identity(), nn.Sequential(nn.Linear(i, 6), nn.GELU("tanh")), nn.Linear(6, o)
    ),
    "float64": lambda i, o: nn.Sequential(nn.Linear(i, o)).double(),
    "foreign": Residual,
}


@pytest.mark.parametrize("module", LAYERS)
def test_modules(module):
    for problem in (PROBLEMS["binary"], PROBLEMS["three"]):
        student = NeuralClassifier(LAYERS[module], max_epochs=2, random_state=0)
        model = distil(student).fit(problem.X, problem.y)
        assert_same(model, problem.X)


@pytest.mark.parametrize(
    "make", [lambda i, o: nn.Linear(i, 1), lambda i, o: Residual(i, 1)]
)
def test_modules_of_a_single_logit(make):
    problem = PROBLEMS["bool"]
    model = distil(NeuralClassifier(make, max_epochs=2, random_state=0))
    assert_same(model.fit(problem.X, problem.y), problem.X)


def test_foreign_modules_with_and_without_onnxscript(monkeypatch):
    pytest.importorskip("onnxscript")
    problem = PROBLEMS["three"]
    model = NeuralClassifier(Residual, max_epochs=2, random_state=0)
    assert_same(model.fit(problem.X, problem.y), problem.X)
    found = __import__("importlib.util").util.find_spec
    monkeypatch.setattr(
        "importlib.util.find_spec", lambda n: None if n == "onnxscript" else found(n)
    )
    assert_same(model, problem.X)


def test_images():
    X, y = DIGITS
    images = X.reshape(-1, 1, 8, 8).astype(np.float32)
    teacher = BIG_FOREST.predict_proba(X)
    module = nn.Sequential(
        nn.Conv2d(1, 2, 3), nn.ReLU(), nn.Flatten(), nn.Linear(72, 10)
    )
    flat = nn.Sequential(nn.Flatten(), nn.Linear(64, 10))
    for student in (module, flat):
        student = NeuralClassifier(student, max_epochs=2)
        model = DistillationClassifier("precomputed", student, random_state=0)
        model.fit(images, y, teacher_proba=teacher)
        served = assert_same(model, images)
        with pytest.raises(ValueError, match=r"rows of shape \(1, 8, 7\)"):
            served.predict(images[..., :7])


def test_foreign_skorch_nets_behind_other_steps():
    X, y = PROBLEMS["three"].X, PROBLEMS["three"].y
    columns = ColumnTransformer(
        [("a", StandardScaler(), [0, 1]), ("b", MinMaxScaler(), [2, 3])]
    )
    model = make_pipeline(columns, distil(skorch_net(3, Residual))).fit(X, y)
    assert_same(model, X)
    with pytest.raises(ValueError, match=r"target_opset=15 is too old for Residual"):
        to_onnx(model, X, target_opset=15)


def test_modules_that_embed():
    rng = np.random.default_rng(0)
    X = rng.integers(10, size=(80, 3))
    y = (X[:, 0] > 4).astype(int)
    student = NeuralClassifier(Embedded, max_epochs=2, random_state=0)
    model = distil(student).fit(X, y)
    assert_same(model, X)


def softmax_net(n_inputs, n_outputs):
    return nn.Sequential(nn.Linear(n_inputs, n_outputs), nn.Softmax(dim=-1))


def flat_net(n_inputs, n_outputs):
    return nn.Sequential(nn.Linear(n_inputs, 1), nn.Flatten(0))


def test_skorch_nets_by_their_criteria():
    three, two = PROBLEMS["string"], PROBLEMS["bool"]
    X, y = three.X, three.y
    assert_same(distil(skorch_net(4)).fit(X, y), X)
    nll = skorch_net(4, softmax_net, criterion=nn.NLLLoss)
    assert_same(distil(nll).fit(X, y), X)
    foreign = skorch_net(4, Residual)
    assert_same(distil(foreign).fit(X, y), X)
    logit = skorch_net(1, flat_net, criterion=nn.BCEWithLogitsLoss)
    assert_same(distil(logit).fit(two.X, two.y), two.X)
    behind = make_pipeline(StandardScaler(), skorch_net(4))
    assert_same(distil(behind).fit(X, y), X)


def test_a_skorch_net_alone():
    X, y = PROBLEMS["three"].X.astype(np.float32), PROBLEMS["three"].y
    net = skorch_net(3).fit(X, y)
    served = OnnxClassifier(to_onnx(net, X))
    assert_allclose(served.predict_proba(X), net.predict_proba(X), atol=1e-5)
    assert_array_equal(served.predict(X), net.predict(X))


# skl2onnx ---------------------------------------------------------------------------


def run(made, X):
    session = onnxruntime.InferenceSession(made.SerializeToString())
    names = [each.name for each in session.get_outputs()]
    given = session.get_inputs()[0].name
    return dict(
        zip(names, session.run(None, {given: X.astype(np.float32)}), strict=True)
    )


@pytest.mark.parametrize("student", sorted(set(STUDENTS) - {"module"}))
def test_skl2onnx_writes_pipelines_around_every_route(student):
    for name in ("binary", "string"):
        X, y = PROBLEMS[name].X, PROBLEMS[name].y
        learner = STUDENTS[student](len(PROBLEMS[name].classes))
        model = make_pipeline(MinMaxScaler(), distil(learner, temperature=3.0))
        said = run(skl2onnx.to_onnx(model.fit(X, y), X.astype(np.float32)), X)
        assert_array_equal(said["label"], model.predict(X))
        if hasattr(model, "predict_proba"):
            expected = model.predict_proba(X)
            assert_allclose(said["probabilities"], expected, rtol=0, atol=1e-5)


NESTED = {
    "soft vote": lambda a, b: VotingClassifier(
        [("a", a), ("b", b)], voting="soft", flatten_transform=False
    ),
    "hard vote": lambda a, b: VotingClassifier(
        [("a", a), ("b", b), ("c", SMALL_TREE)], flatten_transform=False
    ),
    "calibration of scores": lambda a, b: CalibratedClassifierCV(b, cv=2),
    "calibration": lambda a, b: CalibratedClassifierCV(a, cv=2),
    "stacking": lambda a, b: StackingClassifier(
        [("a", a), ("b", b)], LogisticRegression(), cv=2
    ),
    "bagging": lambda a, b: BaggingClassifier(a, 3, max_features=0.5),
    "search": lambda a, b: GridSearchCV(b, {"alpha": [0.5, 1.0]}, cv=2),
    "frozen": lambda a, b: CalibratedClassifierCV(
        FrozenEstimator(a.fit(PROBLEMS["three"].X, PROBLEMS["three"].y))
    ),
}


@pytest.mark.parametrize("nest", NESTED)
@pytest.mark.parametrize("second", ["linear", "boosting", "network"])
def test_skl2onnx_writes_distillers_inside_of_others(nest, second):
    X, y = PROBLEMS["three"].X, PROBLEMS["three"].y
    b = distil(STUDENTS[second](3), temperature=2.0)
    model = NESTED[nest](distil(SMALL_TREE), b).fit(X, y)
    options = {id(model): {"zipmap": False}}
    said = run(skl2onnx.to_onnx(model, X.astype(np.float32), options=options), X)
    assert_array_equal(said["label"], model.predict(X))
    if hasattr(model, "predict_proba"):
        expected = model.predict_proba(X)
        assert_allclose(said["probabilities"], expected, rtol=0, atol=1e-5)
    assert_same(model, X)


@pytest.mark.parametrize("voting", ["soft", "hard"])
@pytest.mark.parametrize("weights", [None, [1.0, 0.5, 2.0]])
def test_votes(voting, weights):
    for name in ("binary", "string", "bool"):
        X, y = PROBLEMS[name].X, PROBLEMS[name].y
        members = [
            ("tree", distil(SMALL_TREE)),
            ("left out", "drop"),
            ("scaled", make_pipeline(StandardScaler(), distil(LogisticRegression()))),
        ]
        model = VotingClassifier(members, voting=voting, weights=weights)
        assert_same(model.fit(X, y), X)


def test_calibrated_scores_of_two_classes():
    X, y = PROBLEMS["binary"].X, PROBLEMS["binary"].y
    students = ("linear", "boosting", "gradient boosting", "support vectors", "bagging")
    for student in (*students, "network", "bagging of trees"):
        model = distil(STUDENTS[student](2), temperature=2.0)
        assert_same(CalibratedClassifierCV(model, cv=2).fit(X, y), X)


FIRST = """
import numpy as np, sys
from sklearn.ensemble import RandomForestClassifier, VotingClassifier
from sklearn.tree import DecisionTreeClassifier
from skdistill import DistillationClassifier
{before}
import skl2onnx
X = np.random.default_rng(0).normal(size=(40, 3)).astype(np.float32)
y = (X[:, 0] > 0).astype(int)
distiller = DistillationClassifier(
    RandomForestClassifier(3), DecisionTreeClassifier(max_depth=2)
)
model = {model}
model.fit(X, y)
print([each.name for each in skl2onnx.to_onnx(model, X).graph.output])
"""


def in_a_new_process(before, model):
    code = FIRST.format(before=before, model=model)
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    return found.stdout.strip() or found.stderr.strip().splitlines()[-1]


def test_nobody_has_to_register_anything():
    assert in_a_new_process("", "distiller") == "['label', 'probabilities']"


def test_ensembles_know_after_the_import():
    # They look classes up, in the books of skl2onnx; in whatever order of imports.
    vote = "VotingClassifier([('a', distiller)], flatten_transform=False)"
    assert "label" in in_a_new_process("import skdistill.export", vote)


class Subclassed(DistillationClassifier):
    pass


def test_subclasses_are_known_as_well():
    X, y = PROBLEMS["three"].X, PROBLEMS["three"].y
    model = Subclassed(TEACHER, SMALL_TREE, random_state=0)
    vote = VotingClassifier([("a", model)], voting="soft", flatten_transform=False)
    vote.fit(X, y)
    options = {id(vote): {"zipmap": False}}
    said = run(skl2onnx.to_onnx(vote, X.astype(np.float32), options=options), X)
    assert_allclose(said["probabilities"], vote.predict_proba(X), rtol=0, atol=1e-5)


# What cannot be exported ------------------------------------------------------------


@pytest.fixture
def refused(monkeypatch):
    """Ask for a file that cannot be; nothing may have been converted by then."""

    def ask(model, X, error, match, **settings):
        with monkeypatch.context() as patch:
            patch.setattr("skl2onnx.convert_sklearn", lambda *a, **k: 1 / 0)
            with pytest.raises(error, match=match):
                to_onnx(model, X, **settings)

    return ask


def test_what_is_no_fitted_classifier(refused):
    X, y = PROBLEMS["three"].X, PROBLEMS["three"].y
    refused(distil(SMALL_TREE), X, NotFittedError, "call|not fitted")
    refused(clone(SMALL_TREE), X, NotFittedError, "not fitted")
    refused(DecisionTreeClassifier, X, TypeError, "no fitted classifier")
    refused("model.onnx", X, TypeError, "no fitted classifier")
    refused(perceptron(4, 3), X, TypeError, "NeuralClassifier")
    regressor = LinearRegression().fit(X, y)
    refused(regressor, X, TypeError, r"skl2onnx\.to_onnx")


def test_what_no_converter_is_there_for(refused):
    X, y = PROBLEMS["three"].X, PROBLEMS["three"].y
    model = distil(LabelSpreading()).fit(X, y)
    refused(model, X, TypeError, "no converter for the classifier Label")
    steps = make_pipeline(FunctionTransformer(np.log1p), distil(SMALL_TREE))
    steps.fit(np.abs(X), y)
    refused(steps, X, TypeError, "calls a Python function")
    inside = distil(make_pipeline(FunctionTransformer(np.abs), SMALL_TREE)).fit(X, y)
    refused(inside, X, TypeError, "calls a Python function")
    vote = VotingClassifier([("a", distil(LabelSpreading()))]).fit(X, y)
    refused(vote, X, TypeError, "strip_teacher")


def test_settings_that_stand_in_the_way(refused):
    X, y = PROBLEMS["three"].X, PROBLEMS["three"].y
    X = np.column_stack([X, np.arange(90) % 3])
    student = HistGradientBoostingClassifier(max_iter=2, categorical_features=[4])
    model = distil(student).fit(X, y)
    refused(model, X, ValueError, r"\(columns \[4\]\).*OneHotEncoder")
    net = skorch_net(3, predict_nonlinearity=lambda z: torch.softmax(z, -1))
    model = distil(net).fit(X[:, :4], y)
    refused(model, X[:, :4], ValueError, "put it into the module")
    tree = DecisionTreeClassifier().fit(X, y)
    tree.classes_ = np.array([0.0, 0.5, 1.0])
    refused(tree, X, ValueError, "LabelEncoder")


@pytest.mark.parametrize(
    ("settings", "match"),
    [
        ({"dtype": "float16"}, "dtype='float16'"),
        ({"target_opset": "18"}, "target_opset='18' must be an integer"),
        ({"target_opset": {"": 15.5}}, "must be an integer"),
        ({"target_opset": 9}, "target_opset=9 is too old.*13"),
        ({"target_opset": {"ai.onnx.ml": 1}}, "ai.onnx.ml"),
    ],
)
def test_wrong_settings(settings, match, refused):
    X, y = PROBLEMS["three"].X, PROBLEMS["three"].y
    model = SMALL_TREE.fit(X, y)
    refused(model, X, ValueError, match, **settings)
    refused(model, X[:0], ValueError, "X has no rows")


def odd_table():
    rng = np.random.default_rng(0)
    return pd.DataFrame(
        {"text": rng.choice(list("abcdef"), 90), "number": rng.choice([0.1, 0.7], 90)}
    )


UNWRITTEN = {
    "start": (
        lambda: GradientBoostingClassifier(init=LogisticRegression(), n_estimators=2),
        "GradientBoostingClassifier.*Set init=None",
    ),
    "rare": (
        lambda: make_pipeline(OneHotEncoder(min_frequency=20), SMALL_TREE),
        r"OneHotEncoder\(min_f.*Set min_frequency=None",
    ),
    "floats": (
        lambda: make_pipeline(OneHotEncoder(), SMALL_TREE),
        "OneHotEncoder.*Make the categories text or integers",
    ),
    "bins": (
        lambda: make_pipeline(
            KBinsDiscretizer(3, quantile_method="averaged_inverted_cdf")
            if "quantile_method" in inspect.signature(KBinsDiscretizer).parameters
            else KBinsDiscretizer(3),
            SMALL_TREE,
        ),
        "KBinsDiscretizer.*Set encode='onehot-dense'",
    ),
    "text labels": (
        GaussianProcessClassifier,
        "GaussianProcessClassifier.*labels that are integers",
    ),
    "inside": (
        lambda: AdaBoostClassifier(
            HistGradientBoostingClassifier(max_iter=2), n_estimators=2
        ),
        "HistGradientBoostingClassifier.*Export another student",
    ),
}


@pytest.mark.parametrize("what", UNWRITTEN)
def test_errors_of_converters_name_the_part_and_the_cure(what):
    X, y = PROBLEMS["string"].X, PROBLEMS["string"].y
    if what == "rare":
        X, y = odd_table()[["text"]], y[:90]
    if what == "floats":
        X, y = odd_table()[["number"]], y[:90]
    make, match = UNWRITTEN[what]
    with pytest.raises(ValueError, match=f"(?s)skl2onnx cannot write.*{match}"):
        to_onnx(make().fit(X, y), X)


def test_calibration_by_temperature_says_what_to_do():
    X, y = PROBLEMS["string"].X, PROBLEMS["string"].y
    model = CalibratedClassifierCV(SMALL_TREE, cv=2).set_params(method="temperature")
    try:
        model.fit(X, y)
    except ValueError:
        pytest.skip("This scikit-learn knows no temperature.")
    with pytest.raises(ValueError, match=r"(?s)Calibrated.*Set method='sigmoid'"):
        to_onnx(model, X)


def test_isotonic_calibration_is_refused(refused):
    X, y = PROBLEMS["binary"].X, PROBLEMS["binary"].y
    model = CalibratedClassifierCV(GaussianNB(), method="isotonic", cv=2).fit(X, y)
    for holder in (model, make_pipeline(StandardScaler(), model).fit(X, y)):
        refused(holder, X, ValueError, "line between two. Set method='sigmoid'")


def test_calibration_that_is_far_off_keeps_its_digits():
    X, y = PROBLEMS["three"].X, PROBLEMS["three"].y
    model = CalibratedClassifierCV(GaussianNB(), ensemble=False).fit(X, y)
    [fold] = model.calibrated_classifiers_
    for offsets in ([40.0, 41.0, 900.0], [800.0, 900.0, 1000.0]):
        for each, offset in zip(fold.calibrators, offsets, strict=True):
            each.a_, each.b_ = 0.0, offset
        assert_same(model, X, atol=1e-12)


@pytest.mark.parametrize("n_classes", [3, 4])
@pytest.mark.parametrize("member", [GaussianNB(), LogisticRegression()])
def test_calibration_whose_folds_lack_a_class(member, n_classes):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(120, 3))
    fold = np.arange(120) % 2
    rare = (X[:, 0] > 0.5) & (fold == 0)
    y = np.where(rare, n_classes - 1, rng.integers(0, n_classes - 1, 120))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the class that a fold lacks
        model = CalibratedClassifierCV(member, cv=PredefinedSplit(fold)).fit(X, y)
    seen = {len(each.estimator.classes_) for each in model.calibrated_classifiers_}
    assert seen == {n_classes - 1, n_classes}
    assert_same(model, X)


def test_what_the_runtime_makes_nothing_of_is_told(monkeypatch):
    X, y = PROBLEMS["three"].X, PROBLEMS["three"].y
    monkeypatch.setattr("skdistill.export._steps.IN_FLOAT", frozenset())
    model = make_pipeline(PolynomialFeatures(), SMALL_TREE).fit(X, y)
    with pytest.raises(ValueError, match=r"cannot run the file.*dtype='float32'"):
        to_onnx(model, X)


@pytest.mark.parametrize("step", [PolynomialFeatures(2), PowerTransformer()])
def test_steps_that_are_written_in_float32_only(step):
    X, y = PROBLEMS["three"].X, PROBLEMS["three"].y
    columns = ColumnTransformer([("some", step, [0, 1])], remainder="passthrough")
    for first in (step, columns):
        model = make_pipeline(clone(first), LogisticRegression()).fit(X, y)
        assert_same(model, X)


class WrongAboutHoles(SimpleImputer):
    pass


def test_a_runtime_that_fails_at_missing_numbers_is_not_given_any(capfd):
    X, y = PROBLEMS["three"].X, PROBLEMS["three"].y

    def convert(scope, operator, container):
        # Rows with NaN are left out, and then there are too few of them.
        given = operator.inputs[0].full_name
        total, kept, rows = (scope.get_unique_variable_name(n) for n in "abc")
        container.add_initializer("axis", onnx.TensorProto.INT64, [1], [1])
        container.add_node("ReduceSum", [given, "axis"], [total], keepdims=0)
        container.add_node("Equal", [total, total], [kept])
        container.add_node("Compress", [given, kept], [rows], axis=0)
        name = operator.outputs[0].full_name
        container.add_node("Min", [given, rows], [name])

    def shape(operator):
        operator.outputs[0].type = type(operator.inputs[0].type)([None, 4])

    skl2onnx.update_registered_converter(WrongAboutHoles, "Holes", shape, convert)
    punched = X.copy()
    punched[:20, 1] = np.nan
    model = make_pipeline(WrongAboutHoles(), SMALL_TREE).fit(punched, y)
    with pytest.warns(UserWarning, match="SimpleImputer in front"):
        served = OnnxClassifier(to_onnx(model, X))
    assert capfd.readouterr().err == ""
    with pytest.raises(ValueError, match="contains NaN"):
        served.predict(punched)


class FullRowsOnly(HistGradientBoostingClassifier):
    """Takes missing numbers, but not many of them."""

    def predict(self, X):
        if np.isnan(X).all(axis=1).any():
            raise ValueError("A row is all missing.")
        return super().predict(X)


def test_a_model_that_fails_at_missing_numbers_is_not_asked_further():
    X, y = PROBLEMS["three"].X, PROBLEMS["three"].y
    plain = HistGradientBoostingClassifier(max_iter=2).fit(X, y)
    odd = FullRowsOnly(max_iter=2).fit(X, y)
    assert try_out(to_onnx(plain, X), plain, X, "float64", [True] * 4)
    assert not try_out(to_onnx(plain, X), odd, X, "float64", [True] * 4)


class Hollow(MinMaxScaler):
    def __len__(self):
        return 0


def test_an_empty_step_is_named_wherever_its_converter_comes_from():
    X, y = PROBLEMS["three"].X, PROBLEMS["three"].y
    made: dict = {"__builtins__": {"ValueError": ValueError}}
    exec("def convert(scope, operator, container): raise ValueError('no way')", made)
    skl2onnx.update_registered_converter(
        Hollow, "Hollow", lambda operator: None, made["convert"]
    )
    model = make_pipeline(Hollow(), SMALL_TREE).fit(X, y)
    with pytest.raises(ValueError, match=r"cannot write Hollow\(\) \(no way\)"):
        to_onnx(model, X)


@pytest.mark.parametrize("lowercase", [True, False])
def test_a_locale_is_asked_for_only_to_lower_text(lowercase):
    texts = ["Red green", "red blue", "Green blue", "red Red"] * 10
    y = np.array(["Red" in text for text in texts])
    words = CountVectorizer(
        token_pattern="[a-zA-Z]+", lowercase=lowercase, stop_words=["green"]
    )
    model = make_pipeline(words, SMALL_TREE).fit(texts, y)
    made = to_onnx(model, texts)
    assert ("locale" in str(made.graph)) == lowercase
    assert bool(with_locale(None, model)) == lowercase
    assert_same(model, texts, OnnxClassifier(made))


def test_support_vectors_are_written_without_warnings():
    X, y = PROBLEMS["three"].X, PROBLEMS["three"].y
    members = [("a", SVC()), ("b", SMALL_TREE)]
    assert_same(StackingClassifier(members, cv=2).fit(X, y), X)


def test_rows_of_another_width(refused):
    X, y = PROBLEMS["three"].X, PROBLEMS["three"].y
    model = distil(SMALL_TREE).fit(X, y)
    refused(model, X[:, :3], ValueError, "X has 3 features, and .* fitted on 4")


def test_columns_without_a_name(refused):
    frame = odd_table().rename(columns={"text": ""})
    columns = ColumnTransformer([("o", OneHotEncoder(), [""])])
    model = make_pipeline(columns, SMALL_TREE).fit(frame, np.arange(90) % 2)
    refused(model, frame, ValueError, "Column 0 of X has the name ''")


def test_files_are_no_models_to_export(refused):
    X, y = PROBLEMS["three"].X, PROBLEMS["three"].y
    served = OnnxClassifier(to_onnx(distil(SMALL_TREE).fit(X, y), X))
    refused(served, X, TypeError, "the model that the file was made from, or use the")
    vote = VotingClassifier([("a", served), ("b", GaussianNB())]).fit(X, y)
    refused(vote, X, TypeError, "use the file itself")


@pytest.mark.parametrize(
    "around",
    [
        lambda part: OneVsRestClassifier(part),
        lambda part: OneVsOneClassifier(part),
        lambda part: AdaBoostClassifier(part, n_estimators=2),
    ],
)
def test_what_no_converter_is_there_for_is_seen_inside_of_others(around, refused):
    X, y = PROBLEMS["three"].X, PROBLEMS["three"].y
    steps = make_pipeline(FunctionTransformer(np.abs), SMALL_TREE)
    if "n_estimators" in around(SMALL_TREE).get_params(deep=False):
        steps = DummyClassifier()
    model = around(steps).fit(X, y)
    refused(model, X, TypeError, "calls a Python function|no converter for the class")


@pytest.mark.parametrize(
    "around",
    [
        lambda part: VotingRegressor([("a", part)]),
        lambda part: StackingRegressor([("a", part)], cv=2),
        lambda part: BaggingRegressor(part, 2),
        lambda part: AdaBoostRegressor(part, n_estimators=2),
    ],
)
def test_regressors_inside_of_others_are_seen(around, refused):
    X, y = PROBLEMS["binary"].X, PROBLEMS["binary"].y
    model = distil(around(DummyRegressor())).fit(X, y)
    refused(model, X, TypeError, "no converter for the regressor DummyR")
    steps = make_pipeline(SplineTransformer(), Ridge())
    model = distil(steps).fit(X, y)
    refused(model, X, TypeError, "transformer Spline.*columns before the model")


def test_columns_that_are_neither_numbers_nor_text(refused):
    frame, y = passengers("pandas")
    model = make_pipeline(one_by_one("pandas"), distil(SMALL_TREE)).fit(frame, y)
    for values in (pd.date_range("2020", periods=len(y)), ["a", 1] * (len(y) // 2)):
        wrong = frame.assign(sex=values)
        refused(model, wrong, TypeError, "column 'sex' of X holds")


class WrongScaler(MinMaxScaler):
    pass


def test_a_file_that_is_wrong_is_found_out():
    X, y = PROBLEMS["three"].X, PROBLEMS["three"].y
    from skl2onnx.common.data_types import FloatTensorType

    def shape(operator):
        operator.outputs[0].type = FloatTensorType([None, 4])

    def convert(scope, operator, container):
        name = operator.outputs[0].full_name
        container.add_node("Neg", operator.inputs[0].full_name, name)

    skl2onnx.update_registered_converter(WrongScaler, "Wrong", shape, convert)
    model = distil(make_pipeline(WrongScaler(), SMALL_TREE)).fit(X, y)
    with pytest.raises(ValueError, match="does not say what the model says"):
        to_onnx(model, X)
    assert to_onnx(model, X, check=False).graph.node


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("moved", [0, 1, 4, 6, 40])
def test_single_rows_that_are_off_are_warned_of(moved, dtype):
    X = np.arange(100.0)[:, None]
    tree, other = (
        DecisionTreeClassifier().fit(X, (X[:, 0] > at).astype(int))
        for at in (40, 40 + moved)
    )
    made = to_onnx(tree, X)
    found = (
        rf"of 100 rows of X, {moved} have other labels and {moved} have .*by up to 1"
    )
    if moved == 0:
        try_out(made, other, X, dtype, [False])
    elif moved < 5:
        with pytest.warns(UserWarning, match=found) as told:
            try_out(made, other, X, dtype, [False])
        for words in ("dtype='float64'", "fewer digits"):
            assert (words in str(told[0].message)) == (dtype == "float32")
    else:
        with pytest.raises(ValueError, match=found):
            try_out(made, other, X, dtype, [False])


@pytest.mark.parametrize("n_rows", [3, 19, 20, 21])
def test_a_single_row_is_not_many(n_rows):
    X = np.arange(float(n_rows))[:, None]
    tree = DecisionTreeClassifier().fit(X, (X[:, 0] > 0).astype(int))
    made, other = to_onnx(tree, X), copy.deepcopy(tree)
    other.tree_.threshold[0] += 1
    with pytest.warns(UserWarning, match=f"of {n_rows} rows of X, 1 have other labels"):
        try_out(made, other, X, "float64", [False])
    other.tree_.threshold[0] += 1
    with pytest.raises(ValueError, match=f"of {n_rows} rows of X, 2 have other labels"):
        try_out(made, other, X, "float64", [False])


def test_labels_and_probabilities_are_counted_apart():
    X, y = PROBLEMS["binary"].X, PROBLEMS["binary"].y
    tree, other = (DecisionTreeClassifier(max_depth=k).fit(X, y) for k in (1, 1))
    value = other.tree_.value
    value[...] = 0.9 * value + 0.1 * value[..., ::-1]  # no other label
    with pytest.raises(ValueError, match="0 have other labels and 90 have other prob"):
        try_out(to_onnx(tree, X), other, X, "float64", [False])
    value[...] = tree.tree_.value + np.array([5e-5, -5e-5])  # little, but too much
    with pytest.warns(UserWarning, match="0 have other labels and 90 have other prob"):
        try_out(to_onnx(tree, X), other, X, "float64", [False])


def test_rows_from_all_over_are_tried():
    X = np.arange(1000.0)[:, None]
    tree, other = (
        DecisionTreeClassifier().fit(X, (X[:, 0] > at).astype(int)) for at in (900, 980)
    )
    with pytest.raises(ValueError, match="of 200 rows of X, 16 have other"):
        try_out(to_onnx(tree, X), other, X, "float64", [False])


@pytest.mark.parametrize(
    ("lacking", "call"),
    [
        ("onnx", lambda model, X, made: to_onnx(model, X)),
        ("skl2onnx", lambda model, X, made: to_onnx(model, X)),
        ("onnxruntime", lambda model, X, made: OnnxClassifier(made).predict(X)),
        ("onnxruntime", lambda model, X, made: OnnxClassifier(made).predict_proba(X)),
        ("onnxruntime", lambda model, X, made: OnnxClassifier(made).fit(X)),
    ],
)
def test_lacking_packages_are_named(lacking, call, monkeypatch):
    X, y = PROBLEMS["three"].X, PROBLEMS["three"].y
    model = SMALL_TREE.fit(X, y)
    made = to_onnx(model, X).SerializeToString()
    monkeypatch.setitem(sys.modules, lacking, None)
    with pytest.raises(ImportError, match=rf"{lacking}.*skdistill\[onnx\]"):
        call(model, X, made)


def test_files_are_written_where_there_is_no_runtime(monkeypatch):
    X, y = PROBLEMS["three"].X, PROBLEMS["three"].y
    model = distil(SMALL_TREE).fit(X, y)
    expected = to_onnx(model, X)
    imported = builtins.__import__

    def without(name, *args, **kwargs):
        if name.startswith("onnxruntime"):
            raise ImportError(name)
        return imported(name, *args, **kwargs)

    found = __import__("importlib.util").util.find_spec
    monkeypatch.setattr(builtins, "__import__", without)
    monkeypatch.setattr(
        "importlib.util.find_spec", lambda n: None if n == "onnxruntime" else found(n)
    )
    assert to_onnx(model, X) == expected


# OnnxClassifier ---------------------------------------------------------------------


@pytest.fixture(scope="module")
def served():
    """A model of digits, its file, and what serves it."""
    X, y = DIGITS
    model = distil(DecisionTreeClassifier(max_leaf_nodes=32, random_state=0)).fit(X, y)
    made = to_onnx(model, X)
    return model, made, OnnxClassifier(made.SerializeToString())


def test_files_from_anywhere(served, tmp_path):
    model, made, classifier = served
    path = tmp_path / "model.onnx"
    path.write_bytes(made.SerializeToString())
    for source in (made, path, str(path), bytearray(path.read_bytes())):
        assert_same(model, DIGITS[0], OnnxClassifier(source))
    with pytest.raises(FileNotFoundError):
        OnnxClassifier(tmp_path / "none.onnx").predict(DIGITS[0])
    with pytest.raises(ValueError, match="cannot read the model"):
        OnnxClassifier(b"nothing").predict(DIGITS[0])
    with pytest.raises(TypeError, match="no ONNX file"):
        OnnxClassifier(3).predict(DIGITS[0])
    assert "bytes" in repr(classifier)
    assert "model.onnx" in repr(OnnxClassifier(path))


def test_a_file_that_is_not_there_has_a_picture(tmp_path):
    missing = OnnxClassifier(tmp_path / "none.onnx")
    for model in (missing, make_pipeline(StandardScaler(), missing)):
        assert "none.onnx" in model._repr_html_()
    for name in ("classes_", "n_features_in_", "feature_names_in_"):
        with pytest.raises(AttributeError, match=r"cannot be read.*none\.onnx"):
            getattr(missing, name)


def test_it_is_fitted_from_the_start(served):
    model, _, classifier = served
    X, y = DIGITS
    check_is_fitted(classifier)
    fresh = clone(classifier)
    assert fresh is not classifier
    assert fresh.fit(X, y[::-1]) is fresh
    assert_same(model, X, fresh)
    assert fresh.get_params() == classifier.get_params()
    tags = get_tags(classifier)
    assert not tags.requires_fit
    assert tags.estimator_type == "classifier"


def test_scores_and_searches(served):
    model, _, classifier = served
    X, y = DIGITS
    assert classifier.score(X, y) == model.score(X, y)
    assert_allclose(cross_val_score(classifier, X, y, cv=3).mean(), model.score(X, y))
    search = GridSearchCV(classifier, {"n_threads": [1, 2]}, cv=2).fit(X, y)
    assert_allclose(search.best_score_, model.score(X, y))
    # It warns unless they sum to 1 as exactly as numbers of their kind do.
    proba = classifier.predict_proba(X)
    assert_allclose(log_loss(y, proba), log_loss(y, model.predict_proba(X)), rtol=1e-5)
    with np.errstate(divide="ignore"):
        assert_array_equal(classifier.predict_log_proba(X), np.log(proba))


def test_it_can_be_nested_and_distilled_from(served):
    model, _, classifier = served
    X, y = DIGITS
    calibrated = CalibratedClassifierCV(classifier, cv=2).fit(X, y)
    assert calibrated.score(X, y) > 0.5
    vote = VotingClassifier([("a", classifier), ("b", GaussianNB())], voting="soft")
    assert vote.fit(X, y).score(X, y) > 0.5
    stack = StackingClassifier([("a", classifier)], LogisticRegression(), cv="prefit")
    assert stack.fit(X, y).score(X, y) > 0.5
    student = DistillationClassifier(classifier, SMALL_TREE, random_state=0).fit(X, y)
    assert student.teacher_source_ == "given"
    behind = make_pipeline(StandardScaler(with_mean=False, with_std=False), classifier)
    assert behind.fit(X, y).score(X, y) == model.score(X, y)


@pytest.mark.parametrize("dump", [pickle.dumps, lambda c: joblib_dump(c)])
def test_pickles_hold_the_file(served, tmp_path, dump):
    model, made, _ = served
    path = tmp_path / "model.onnx"
    path.write_bytes(made.SerializeToString())
    classifier = OnnxClassifier(path, n_threads=2)
    before = dump(classifier)
    classifier.predict(DIGITS[0][:1])
    after = dump(classifier)
    path.unlink()
    for written in (before, after):
        again = pickle.loads(written)
        assert again.n_threads == 2
        assert_same(model, DIGITS[0], again)
    assert_same(model, DIGITS[0], copy.deepcopy(again))


def test_pickles_hold_what_is_served(served, tmp_path):
    model, made, _ = served
    path = tmp_path / "model.onnx"
    path.write_bytes(made.SerializeToString())
    classifier = OnnxClassifier(path)
    classifier.predict(DIGITS[0])
    other = DecisionTreeClassifier(max_depth=1).fit(*DIGITS)
    path.write_bytes(to_onnx(other, DIGITS[0]).SerializeToString())
    assert_same(model, DIGITS[0], classifier)
    assert_same(model, DIGITS[0], pickle.loads(pickle.dumps(classifier)))
    assert_same(other, DIGITS[0], pickle.loads(pickle.dumps(clone(classifier))))


def joblib_dump(classifier):
    file = io.BytesIO()
    joblib.dump(classifier, file)
    file.seek(0)
    return pickle.dumps(joblib.load(file))


def test_threads_share_a_classifier(served):
    model, made, _ = served
    X = DIGITS[0]
    classifier = OnnxClassifier(made)  # not read yet
    expected = model.predict_proba(X)

    def ask(k):
        rows = slice(k % 500, k % 500 + 3)
        return np.abs(classifier.predict_proba(X[rows]) - expected[rows]).max()

    with ThreadPoolExecutor(8) as pool:
        assert max(pool.map(ask, range(800))) < 1e-6


def test_threads_are_set(served):
    _, made, _ = served
    X = DIGITS[0]
    classifier = OnnxClassifier(made)
    before = classifier.predict(X)
    first = classifier._read().session
    assert classifier._read().session is first
    assert first.get_session_options().intra_op_num_threads == 1
    classifier.set_params(n_threads=2)
    assert classifier._read().session.get_session_options().intra_op_num_threads == 2
    assert_array_equal(classifier.predict(X), before)
    for wrong in (0, -1, 1.5, "2", None):
        with pytest.raises(ValueError, match="n_threads="):
            OnnxClassifier(made, n_threads=wrong).predict(X)


@pytest.mark.parametrize(
    "kind", [np.float16, np.float32, np.float64, np.int64, bool, list]
)
def test_rows_of_any_kind_of_number(served, kind):
    model, _, classifier = served
    X = DIGITS[0][:20]
    X = X.tolist() if kind is list else X.astype(kind)
    assert_array_equal(classifier.predict(X), model.predict(X))
    assert_array_equal(
        classifier.predict(X),
        classifier.classes_[classifier.predict_proba(X).argmax(axis=1)],
    )


def test_rows_of_any_order_in_memory(served):
    model, _, classifier = served
    X = DIGITS[0]
    for rows in (np.asfortranarray(X), X[::-1], X[:, ::-1][:, ::-1], X[::2]):
        assert_array_equal(classifier.predict(rows), model.predict(rows))
    read_only = X.copy()
    read_only.flags.writeable = False
    assert_array_equal(classifier.predict(read_only), model.predict(X))


def test_wrong_rows(served):
    _, _, classifier = served
    X = DIGITS[0][:5]
    with pytest.raises(ValueError, match=r"X has 63 features, .* expecting 64"):
        classifier.predict_proba(X[:, 1:])
    with pytest.raises(ValueError, match="Expected 2D array"):
        classifier.predict_proba(X[0])
    with pytest.raises(ValueError, match="0 sample"):
        classifier.predict(X[:0])
    with pytest.raises(ValueError, match=r"rows of shape \(64, 1\)"):
        classifier.predict(X[:, :, None])
    for value in (np.inf, -np.inf):
        wrong = X.copy()
        wrong[3, 7] = value
        with pytest.raises(ValueError, match="contains infinity"):
            classifier.predict_proba(wrong)
    wrong = X.copy()
    wrong[0, 0] = 1e39
    short = OnnxClassifier(to_onnx(SMALL_TREE.fit(*DIGITS), X, dtype="float32"))
    with pytest.raises(ValueError, match="too large for float32"):
        short.predict(wrong)
    with pytest.raises(ValueError, match=r"could not convert string|dtype"):
        classifier.predict(np.full((2, 64), "a"))


def test_large_numbers_whose_sum_overflows(served):
    X, y = DIGITS
    X = X * 1e37
    model = SMALL_TREE.fit(X, y)
    assert_same(model, X[:50])


def test_missing_numbers_are_refused_where_the_model_refuses_them():
    X, y = PROBLEMS["three"].X, PROBLEMS["three"].y
    classifier = OnnxClassifier(to_onnx(distil(LogisticRegression()).fit(X, y), X))
    for rows in (np.where(X > 1, np.nan, X), pd.DataFrame(X).mask(X > 1)):
        with pytest.raises(ValueError, match="contains NaN"):
            classifier.predict_proba(rows)
    frame, y = passengers("pandas")
    model = make_pipeline(one_by_one("pandas"), distil(SMALL_TREE)).fit(frame, y)
    classifier = OnnxClassifier(to_onnx(model, frame))
    punched = frame.assign(deck=np.nan)
    assert_array_equal(classifier.predict(punched), model.predict(punched))
    X, y = PROBLEMS["three"].X, PROBLEMS["three"].y
    first = ColumnTransformer(
        [("imputed", SimpleImputer(), [0]), ("as it is", MinMaxScaler(), [1, 2, 3])]
    )
    model = make_pipeline(first, distil(LogisticRegression())).fit(X, y)
    classifier = OnnxClassifier(to_onnx(model, X))
    for column, taken in ((0, True), (2, False)):
        punched = X.copy()
        punched[5, column] = np.nan
        if taken:
            assert_array_equal(classifier.predict(punched), model.predict(punched))
        else:
            with pytest.raises(ValueError, match="NaN"):
                model.predict(punched)
            with pytest.raises(ValueError, match="NaN"):
                classifier.predict(punched)


def test_wrong_frames():
    frame, y = passengers("pandas")
    model = make_pipeline(one_by_one("pandas"), distil(SMALL_TREE)).fit(frame, y)
    classifier = OnnxClassifier(to_onnx(model, frame))
    with pytest.raises(ValueError, match="feature names should match"):
        classifier.predict(frame.drop(columns="sex"))
    with pytest.raises(ValueError, match="feature names should match"):
        classifier.predict(frame[frame.columns[::-1]])
    with pytest.raises(ValueError, match="column 'age' of X has to hold numbers"):
        classifier.predict(frame.assign(age="old"))
    with pytest.raises(ValueError, match="no rows"):
        classifier.predict(frame[:0])
    with pytest.raises(ValueError, match="infinity"):
        classifier.predict(frame.assign(age=np.inf))


def test_files_of_other_makers():
    X, y = DIGITS
    tree = DecisionTreeClassifier(max_depth=6, random_state=0).fit(X, y)
    rows = X.astype(np.float32)
    maps = skl2onnx.to_onnx(tree, rows)
    with pytest.raises(ValueError, match="'zipmap': False"):
        OnnxClassifier(maps).predict(X)
    made = skl2onnx.to_onnx(tree, rows, options={"zipmap": False})
    with pytest.raises(ValueError, match=r"classes=None.*classes_"):
        OnnxClassifier(made).predict(X)
    assert_same(tree, X, OnnxClassifier(made, classes=tree.classes_))
    kinds = [("X", skl2onnx.common.data_types.FloatTensorType([None, None]))]
    loose = skl2onnx.to_onnx(
        tree, initial_types=kinds, options={id(tree): {"zipmap": False}}
    )
    assert_same(tree, X, OnnxClassifier(loose, classes=tree.classes_))


def test_a_served_model_needs_the_runtime_alone(served, tmp_path):
    _, made, classifier = served
    X = DIGITS[0][:3]
    path = tmp_path / "model.onnx"
    path.write_bytes(made.SerializeToString())
    code = (
        "import sys\n"
        "sys.modules['onnx'] = sys.modules['skl2onnx'] = None\n"
        "from skdistill.export import OnnxClassifier\n"
        f"classifier = OnnxClassifier({str(path)!r})\n"
        f"print(classifier.predict({X.tolist()}).tolist())\n"
        "assert not {'torch', 'skorch'} & set(sys.modules)"
    )
    found = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert json.loads(found.stdout) == classifier.predict(X).tolist()


def test_importing_the_package_loads_no_onnx():
    code = (
        "import sys, skdistill;"
        "print(sorted({'onnx', 'skl2onnx', 'onnxruntime'} & set(sys.modules)))"
    )
    found = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert found.stdout.strip() == "[]"


def test_rooms_may_be_imported_in_any_order():
    code = (
        "import skdistill.export, skdistill.neural, skdistill\n"
        "from skl2onnx._supported_operators import sklearn_operator_name_map as known\n"
        "assert skdistill.neural.NeuralClassifier in known\n"
        "assert skdistill.BornAgainClassifier in known\n"
        "assert skdistill.DistillationClassifier in known\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=300)


# Rare categories ------------------------------------------------------------------


def _words(missing):
    rng = np.random.default_rng(0)
    X = pd.DataFrame(
        {"c": rng.choice(list("ab"), 600), "d": rng.choice(list("xy"), 600)}
    )
    X.loc[7, "c"] = "rare"
    if missing:
        X.loc[::20, "c"] = np.nan
    return X.astype(object), np.where(X["c"].isna() | (X["c"] == "b"), "yes", "no")


def _one_hot(**params):
    encoder = make_column_transformer((OneHotEncoder(**params), ["c", "d"]))
    return make_pipeline(encoder, LogisticRegression(C=100))


def test_rare_categories_beside_missing_ones_are_refused():
    """skl2onnx takes the missing ones for rare, and says so to nobody."""
    X, y = _words(missing=True)
    rare = {"min_frequency": 10, "handle_unknown": "ignore"}
    with pytest.raises(ValueError, match="takes what is missing for rare"):
        to_onnx(_one_hot(**rare).fit(X, y), X)
    assert_same(_one_hot(handle_unknown="ignore").fit(X, y), X)


def test_unknown_words_where_nothing_is_rare():
    X, y = _words(missing=False)
    model = _one_hot(handle_unknown="infrequent_if_exist").fit(X, y)
    with pytest.raises(ValueError, match="Set handle_unknown='ignore'"):
        to_onnx(model, X)
    model = _one_hot(handle_unknown="ignore").fit(X, y)
    assert_same(model, X.assign(c="new"), OnnxClassifier(to_onnx(model, X)))
