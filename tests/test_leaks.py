"""Teachers that have seen the rows: what gives them away, and what must not."""

import pickle
import warnings

import joblib
import numpy as np
import pandas as pd
import polars as pl
import pytest
import scipy.sparse
import sklearn
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import multinomial
from sklearn.base import BaseEstimator, clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import load_digits, make_classification
from sklearn.decomposition import PCA
from sklearn.ensemble import (
    BaggingClassifier,
    ExtraTreesClassifier,
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
    StackingClassifier,
    VotingClassifier,
)
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score
from sklearn.model_selection import GridSearchCV
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier, RadiusNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier, ExtraTreeClassifier
from sklearn.utils.fixes import parse_version

from skdistill import DistillationClassifier
from skdistill.neural import NeuralClassifier
from skdistill.targets import TeacherOutput
from skdistill.teachers._leaks import signs_of_leakage
from skdistill.teachers._memories import (
    _log_chance_of_counts,
    _log_chance_of_sequence,
)
from tests.strategies import examples

TREE = DecisionTreeClassifier(random_state=0)
SHALLOW = DecisionTreeClassifier(max_depth=5, random_state=0)
FOREST = RandomForestClassifier(6, random_state=0)

#: Their trees are grown on all rows, so the order of the rows does not matter.
WITHOUT_BOOTSTRAP = {
    "tree": TREE,
    "small tree": SHALLOW,
    "balanced tree": clone(SHALLOW).set_params(class_weight="balanced"),
    "pruned tree": clone(TREE).set_params(ccp_alpha=0.003),
    "extra tree": ExtraTreeClassifier(random_state=0),
    "extra trees": ExtraTreesClassifier(6, random_state=0),
    "boosting": GradientBoostingClassifier(n_estimators=3, max_depth=4),
    "boosting in bins": HistGradientBoostingClassifier(max_iter=3, min_samples_leaf=7),
    "ridge boosting": HistGradientBoostingClassifier(
        max_iter=3, min_samples_leaf=5, l2_regularization=2.0
    ),
    "pipeline": make_pipeline(StandardScaler(), PCA(5), TREE),
    "vote": VotingClassifier([("a", GaussianNB()), ("b", TREE)], voting="soft"),
    "stack": StackingClassifier([("a", GaussianNB()), ("b", TREE)], cv=3),
    "calibrated": CalibratedClassifierCV(TREE, cv=3, ensemble=False),
    "search": GridSearchCV(TREE, {"max_depth": [7, 8]}, cv=3),
    "student": DistillationClassifier(GaussianNB(), SHALLOW),
}

WITH_BOOTSTRAP = {
    "forest": FOREST,
    "half bootstraps": clone(FOREST).set_params(max_samples=0.5),
    "balanced forest": clone(FOREST).set_params(
        class_weight="balanced_subsample", max_depth=5
    ),
    "bagged trees": BaggingClassifier(TREE, 4, max_features=0.7, random_state=0),
    "bagged parts": BaggingClassifier(
        TREE, 4, max_samples=0.6, bootstrap=False, bootstrap_features=True
    ),
    "vote of forests": VotingClassifier([("a", FOREST)], voting="soft"),
}

KEEPING = {
    "neighbours": KNeighborsClassifier(),
    "neighbours in a ball": RadiusNeighborsClassifier(9.0),
    "brute neighbours": make_pipeline(
        StandardScaler(), KNeighborsClassifier(algorithm="brute")
    ),
    "support vectors": SVC(),
}

ALL = {**WITHOUT_BOOTSTRAP, **WITH_BOOTSTRAP, **KEEPING}

LABELS = {
    "codes": np.arange(3),
    "one up": np.arange(1, 4),
    "words": np.array(["ash", "beech", "oak"]),
}


def two_samples(seed=0, n=300, k=3, round_to=None):
    """Training rows and as many others of the same distribution."""
    X, y = make_classification(
        2 * n, 8, n_informative=5, n_classes=k, flip_y=0.15, random_state=seed
    )
    X = X if round_to is None else np.round(X / round_to) * round_to
    return X[:n], y[:n], X[n:], y[n:]


X, CODES, NEW, NEW_CODES = two_samples()


def signs(teacher, X=X, codes=CODES, classes=LABELS["codes"], **said):
    return signs_of_leakage(teacher, X, codes, classes, **said)


def fitted(name, X=X, y=CODES):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        return clone(ALL[name]).fit(X, y)


# What is found


@pytest.mark.parametrize(
    ("labels", "k"), [*((each, 3) for each in LABELS), ("words", 2)]
)
@pytest.mark.parametrize("name", ALL)
def test_rows_of_training_are_known_again_and_others_are_not(name, labels, k):
    X, codes, new, new_codes = two_samples(seed=5, n=400, k=k)
    classes = LABELS[labels][:k]
    teacher = fitted(name, X, classes[codes])
    kind = "keeps rows" if name in KEEPING else "leaves of"
    assert kind in signs(teacher, X, codes, classes)
    assert signs(teacher, new, new_codes, classes) is None


@pytest.mark.parametrize("name", WITHOUT_BOOTSTRAP)
def test_without_a_bootstrap_the_order_of_rows_does_not_matter(name):
    order = np.random.default_rng(0).permutation(len(X))
    assert "leaves of" in signs(fitted(name), X[order], CODES[order])


@pytest.mark.parametrize("name", ["tree", "forest", "boosting", "neighbours"])
def test_a_part_of_the_rows_shows_nowhere_but_out_of_bag(name):
    part = np.arange(0, len(X), 2)
    assert signs(fitted(name), X[part], CODES[part]) is None


@pytest.mark.parametrize("name", ["forest", "bagged trees", "neighbours"])
def test_more_rows_may_follow_where_the_order_is_known(name):
    both, codes = np.vstack([X, NEW]), np.append(CODES, NEW_CODES)
    assert signs(fitted(name), both, codes) is not None
    assert signs(fitted(name), both[::-1], codes[::-1]) is None


#: Of weighted rows only the classes of a leaf are compared, of a student's none.
WITH_COUNTS_OF_CLASSES = [
    name for name in ALL if not name.startswith("balanced") and name != "student"
]


@pytest.mark.parametrize("name", WITH_COUNTS_OF_CLASSES)
def test_the_same_rows_with_other_labels_are_other_rows(name):
    codes = CODES.copy()
    codes[[0, 1, 2]] = (codes[[0, 1, 2]] + 1) % 3
    assert signs(fitted(name)) is not None
    assert signs(fitted(name), codes=codes) is None


@pytest.mark.parametrize("teacher", [DecisionTreeClassifier(), FOREST], ids=str)
def test_one_other_label_in_a_mixed_leaf_is_enough(teacher):
    teacher = clone(teacher).set_params(min_samples_leaf=12, random_state=0)
    codes = CODES.copy()
    codes[np.random.default_rng(0).random(len(X)) < 0.5] = 0
    assert signs(teacher.fit(X, codes), codes=codes) is not None
    said = teacher.predict_proba(X)
    drawn = np.ones(len(X), dtype=bool)
    if hasattr(teacher, "estimators_"):
        said = teacher.estimators_[0].predict_proba(X)
        drawn[:] = False
        drawn[teacher.estimators_samples_[0]] = True
    mixed = np.flatnonzero(drawn & (codes == 0) & (said.min(axis=1) > 0))
    other = codes.copy()
    other[mixed[0]] = 1
    assert signs(teacher, codes=other) is None


def test_with_weights_a_leaf_must_hold_the_classes_it_has_seen():
    weight = np.random.default_rng(0).uniform(0.5, 2, len(X))
    tree = clone(TREE).fit(X, CODES, sample_weight=weight)
    assert "leaves of" in signs(tree)
    assert signs(tree, codes=(CODES + 1) % 3) is None


@pytest.mark.parametrize("name", ["tree", "extra trees", "forest", "bagged trees"])
def test_weights_do_not_hide_rows(name):
    weight = np.random.default_rng(0).uniform(0.5, 2, len(X))
    teacher = clone(ALL[name]).fit(X, CODES, sample_weight=weight)
    assert "leaves of" in signs(teacher)
    assert signs(teacher, NEW, NEW_CODES) is None


def test_rows_of_no_weight_hide_the_others():
    weight = np.where(np.arange(len(X)) < 9, 0.0, 1.0)
    tree = clone(TREE).fit(X, CODES, sample_weight=weight)
    assert signs(tree) is None
    assert signs(tree, X[9:], CODES[9:]) is not None


@pytest.mark.parametrize(
    "teacher",
    [
        DecisionTreeClassifier(max_depth=2),
        GradientBoostingClassifier(n_estimators=9, max_depth=1),
    ],
    ids=str,
)
def test_too_few_leaves_prove_nothing(teacher):
    assert signs(teacher.fit(X, CODES)) is None


def test_few_different_rows_prove_nothing():
    X = np.tile([[0.0], [1.0]], (6, 1))
    y = np.tile([0, 1], 6)
    teacher = KNeighborsClassifier(1).fit(X, y)
    assert signs(teacher, X, y, np.arange(2)) is None
    X = np.arange(12.0)[:, None]
    assert signs(clone(teacher).fit(X, y), X, y, np.arange(2)) is not None


# In what form rows come

CONTAINERS = {
    "float32": lambda X: X.astype(np.float32),
    "column by column": np.asfortranarray,
    "list": lambda X: X.tolist(),
    "csr": scipy.sparse.csr_matrix,
    "coo": scipy.sparse.coo_matrix,
    "pandas": lambda X: pd.DataFrame(X, columns=[f"x{j}" for j in range(X.shape[1])]),
    "polars": lambda X: pl.DataFrame(X, schema=[f"x{j}" for j in range(X.shape[1])]),
}


SOME_BOOSTING = ["boosting", "boosting in bins"]
OF_DENSE_ROWS = {"brute neighbours", "boosting in bins"}


@pytest.mark.parametrize(
    ("name", "container"),
    [
        (name, container)
        for name in ("tree", "forest", "bagged trees", *SOME_BOOSTING, *KEEPING)
        for container in CONTAINERS
        if name not in OF_DENSE_ROWS or container not in ("csr", "coo")
    ],
)
def test_any_container_will_do(name, container):
    rows = CONTAINERS[container](np.where(np.abs(X) < 0.4, 0.0, X))
    teacher = fitted(name, rows)
    assert signs(teacher, rows) is not None


def with_holes():
    holes = np.random.default_rng(0).random(X.shape) < 0.1
    return np.where(holes, np.nan, X)


#: A tree from before does not always send a missing value where it grew with it.
mended = pytest.mark.skipif(
    parse_version(sklearn.__version__) < parse_version("1.8"),
    reason="scikit-learn issue 32178",
)


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("tree", marks=mended),
        pytest.param("forest", marks=mended),
        "boosting in bins",
    ],
)
def test_missing_values_go_where_they_went(name):
    rows = with_holes()
    assert "leaves of" in signs(fitted(name, rows), rows)
    assert signs(fitted(name, rows)) is None


def test_a_frame_for_a_teacher_without_names_is_no_cause_for_warnings():
    frame = CONTAINERS["pandas"](X)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for name in ("forest", "bagged trees", "boosting", "vote", "neighbours"):
            assert signs(fitted(name), frame) is not None
    assert not caught


# In what form teachers come


@pytest.mark.parametrize(
    "wrap",
    [
        FrozenEstimator,
        lambda forest: make_pipeline(FrozenEstimator(forest)),
        lambda forest: [LogisticRegression(), forest],
        lambda forest: (forest, forest),
        lambda forest: forest.predict_proba,
        lambda forest: StackingClassifier(
            [("a", forest)], final_estimator=GaussianNB(), cv="prefit"
        ).fit(NEW, NEW_CODES),
        lambda forest: CalibratedClassifierCV(FrozenEstimator(forest)).fit(
            NEW, NEW_CODES
        ),
    ],
)
def test_a_forest_is_known_in_any_dress(wrap):
    assert "RandomForestClassifier" in signs(wrap(fitted("forest")))
    other = fitted("forest", NEW, NEW_CODES)
    assert signs(wrap(other)) is None


def test_calibration_on_the_rows_is_not_training_on_them():
    other = FrozenEstimator(fitted("forest", NEW, NEW_CODES))
    assert signs(CalibratedClassifierCV(other).fit(X, CODES)) is None


def test_a_teacher_of_codes_is_told_codes():
    assert signs(fitted("forest"), classes=LABELS["words"]) is not None
    other = fitted("forest", y=LABELS["words"][CODES])
    assert signs(other, classes=np.array(["x", "y", "z"])) is None


class Chameleon:
    """Has every attribute, and each of them is itself."""

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return self

    def __call__(self, *args):
        return self


class Broken(BaseEstimator):
    """Looks like a tree, and raises."""

    tree_ = property(lambda self: 1 / 0)
    oob_score = True

    def apply(self, X):
        raise OSError("no disk")


def nets():
    from skorch import NeuralNetClassifier
    from torch import nn

    net = NeuralNetClassifier(
        nn.Linear(8, 3), criterion=nn.CrossEntropyLoss, max_epochs=1, verbose=0
    )
    yield net.fit(X.astype(np.float32), CODES)
    yield net.module_
    yield NeuralClassifier(hidden_layer_sizes=(4,), max_epochs=1, random_state=0).fit(
        X, CODES
    )


def test_nothing_can_be_seen_in_networks():
    for net in nets():
        assert signs(net) is None
        assert signs([net, fitted("tree")]) is not None


@pytest.mark.parametrize(
    "teacher",
    [
        None,
        "precomputed",
        [],
        lambda X: X,
        TREE,
        make_pipeline(StandardScaler(), FOREST),
        KNeighborsClassifier,
        Chameleon(),
        Broken(),
        LogisticRegression().fit(X, CODES),
        make_pipeline(StandardScaler(), GaussianNB()).fit(X, CODES),
    ],
    ids=lambda teacher: type(teacher).__name__,
)
def test_nothing_is_said_about_what_tells_nothing(teacher):
    assert signs(teacher) is None


@pytest.mark.parametrize("name", ["tree", "forest", "boosting", "neighbours", "vote"])
@pytest.mark.parametrize(
    "rows",
    [
        (None, CODES),
        (X, CODES[:-1]),
        (X, np.full(len(X), -1)),
        (X, None),
        (X[:, :3], CODES),
        (X[:0], CODES[:0]),
        (X[:1], CODES[:1]),
        (np.full(X.shape, "a"), CODES),
        (np.full(X.shape, np.nan), CODES),
    ],
    ids=str,
)
def test_rows_that_cannot_be_read_are_none_of_its_rows(name, rows):
    assert signs(fitted(name), *rows) is None


# Out of bag


def bootstrapped(kind, X=X, y=CODES, **params):
    if kind == "bagged neighbours":
        member = KNeighborsClassifier(1)
        params = {"n_estimators": 40, "max_samples": 0.8, **params}
        ensemble = BaggingClassifier(member, oob_score=True, random_state=0)
    else:
        params = {"n_estimators": 40, **params}
        ensemble = RandomForestClassifier(oob_score=True, random_state=0)
    return ensemble.set_params(**params).fit(X, y)


ORDERS = {
    "permuted": np.random.default_rng(0).permutation(len(X)),
    "a part": np.arange(0, len(X), 2),
    "drawn again": np.random.default_rng(0).integers(0, len(X), len(X)),
}


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("kind", ["forest", "bagged neighbours"])
def test_out_of_bag_scores_tell_of_any_rows_of_training(kind, order):
    rows = ORDERS[order]
    teacher = bootstrapped(kind)
    assert "out-of-bag" in signs(teacher, X[rows], CODES[rows])
    assert signs(teacher, NEW, NEW_CODES) is None


def test_few_members_vote_out_of_bag_which_is_no_leak():
    X, y = load_digits(return_X_y=True)
    X, y, new, new_y = X[:800], y[:800], X[800:], y[800:]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # some rows are in every bag
        forest = bootstrapped("forest", X, y, n_estimators=6)
    score = forest.oob_score_
    error = np.sqrt(score * (1 - score) * (1 / len(X) + 1 / len(new)))
    assert forest.score(new, new_y) > score + 5 * error
    assert signs(forest, new, new_y, np.arange(10)) is None


def test_a_score_that_is_not_accuracy_promises_nothing():
    def score(y, guess):
        return f1_score(y, guess, average="macro") / 2

    rows = ORDERS["permuted"]
    assert signs(bootstrapped("forest"), X[rows], CODES[rows]) is not None
    other = bootstrapped("forest", oob_score=score)
    assert signs(other, X[rows], CODES[rows]) is None


def test_rows_of_an_easy_class_are_no_leak():
    rng = np.random.default_rng(0)
    y = np.arange(600) % 3
    centre = np.array([9.0, 0.0, 0.0])[y]  # nobody can tell 1 from 2
    X, new = (centre[:, None] + rng.normal(size=(600, 4)) for _ in range(2))
    forest = bootstrapped("forest", X, y)
    easy = y == 0
    assert forest.oob_score_ < 0.8
    assert forest.score(new[easy], y[easy]) == 1.0
    assert signs(forest, new[easy], y[easy]) is None


def test_what_was_said_saves_asking(monkeypatch):
    teacher = bootstrapped("forest")
    said = TeacherOutput(teacher.predict_proba(NEW), "probabilities", np.arange(3))
    asked = []
    predict = RandomForestClassifier.predict
    monkeypatch.setattr(
        RandomForestClassifier,
        "predict",
        lambda self, X: asked.append(len(self.estimators_)) or predict(self, X),
    )
    assert signs(teacher, NEW, NEW_CODES, said=said) is None
    assert not asked
    assert signs(teacher, NEW, NEW_CODES) is None
    assert len(asked) == 1
    assert 8 <= asked[0] <= 15  # e⁻¹ of 40 members
    rows = ORDERS["permuted"]
    said = TeacherOutput(teacher.predict_proba(X[rows]), "probabilities", np.arange(3))
    assert "out-of-bag" in signs(teacher, X[rows], CODES[rows], said=said)


# Manners


@pytest.mark.parametrize("as_frame", [False, True])
@pytest.mark.parametrize("name", [*ALL, "bootstrapped", "scaling in place"])
def test_neither_the_teacher_nor_the_rows_change(name, as_frame):
    rows = CONTAINERS["pandas"](X) if as_frame else X.copy()
    order = ORDERS["permuted"]
    if name == "bootstrapped":
        teacher = bootstrapped("forest", rows)
        assert "out-of-bag" in signs(teacher, np.asarray(rows)[order], CODES[order])
    elif name == "scaling in place":
        teacher = make_pipeline(StandardScaler(copy=False), TREE)
        teacher.fit(rows.copy(), CODES)
    else:
        teacher = fitted(name, rows)
    before = joblib.hash(rows), pickle.dumps(teacher)
    signs(teacher, rows)
    assert (joblib.hash(rows), pickle.dumps(teacher)) == before
    assert as_frame or rows.flags.writeable


@pytest.mark.parametrize("name", ["forest", "bagged trees"])
def test_two_trees_are_enough(name, monkeypatch):
    teacher = clone(ALL[name]).set_params(n_estimators=30).fit(X, CODES)
    calls = []
    apply = DecisionTreeClassifier.apply
    monkeypatch.setattr(
        DecisionTreeClassifier,
        "apply",
        lambda self, *args, **kw: calls.append(self) or apply(self, *args, **kw),
    )
    assert "leaves of" in signs(teacher)
    assert len(calls) == 2


def test_no_step_of_a_pipeline_runs_for_nothing():
    def counting(X):
        calls.append(len(X))
        return X

    calls = []
    for last, n_calls in ((GaussianNB(), 0), (TREE, 1)):
        teacher = make_pipeline(FunctionTransformer(counting), clone(last))
        teacher.fit(X, CODES)
        calls.clear()
        signs(teacher)
        assert len(calls) == n_calls


# Laws


@examples(120)
@given(
    name=st.sampled_from(sorted(ALL)),
    seed=st.integers(0, 2**16),
    n=st.sampled_from([30, 60, 120]),
    k=st.integers(2, 3),
    round_to=st.sampled_from([None, 0.5, 2.0]),
    in_order=st.booleans(),
)
def test_no_alarm_about_other_rows(name, seed, n, k, round_to, in_order):
    X, y, new, new_y = two_samples(seed, n, k, round_to)
    if in_order:
        X, y = X[np.argsort(y)], np.sort(y)
        new, new_y = new[np.argsort(new_y)], np.sort(new_y)
    teacher = fitted(name, X, y)
    assert signs(teacher, new, new_y, np.arange(k)) is None


@examples(60)
@given(
    seed=st.integers(0, 2**16),
    n_estimators=st.sampled_from([3, 10, 30]),
    n=st.sampled_from([40, 150]),
    depth=st.sampled_from([3, None]),
)
def test_no_alarm_by_out_of_bag_scores(seed, n_estimators, n, depth):
    X, y, new, new_y = two_samples(seed, n)
    forest = RandomForestClassifier(
        n_estimators, oob_score=True, max_depth=depth, random_state=seed
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        forest.fit(X, y)
    assert signs(forest, new, new_y) is None


@examples(100)
@given(st.data())
def test_no_probabilities_make_the_counts_more_likely(data):
    count = np.array(data.draw(st.lists(st.integers(0, 20), min_size=2, max_size=6)))
    weight = data.draw(
        st.lists(st.floats(0.01, 1), min_size=len(count), max_size=len(count))
    )
    if not count.sum():
        count[0] = 1
    p = np.array(weight) / np.sum(weight)
    bound = _log_chance_of_counts(count)
    assert multinomial.logpmf(count, count.sum(), p) <= bound + 1e-9
    best = multinomial.logpmf(count, count.sum(), count / count.sum())
    assert bound == pytest.approx(best, abs=1e-9)


@examples(60)
@given(st.lists(st.integers(0, 4), min_size=1, max_size=40), st.integers(0, 2**16))
def test_no_probabilities_make_the_sequence_more_likely(values, seed):
    p = np.random.default_rng(seed).dirichlet(np.ones(5))
    bound = _log_chance_of_sequence(np.array(values, dtype=float)[:, None])
    assert np.log(p)[values].sum() <= bound + 1e-9
