"""Problems, teachers, students and oracles that the adversarial tests share.

Nothing here imports skdistill: expected values come from NumPy, SciPy and
scikit-learn alone.
"""

import os
import warnings
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np
from hypothesis import Phase, settings
from hypothesis import strategies as st
from scipy.special import log_softmax, rel_entr, softmax
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.ensemble import (
    ExtraTreesClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
)
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression, Ridge, RidgeClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC
from sklearn.tree import (
    DecisionTreeClassifier,
    DecisionTreeRegressor,
    ExtraTreeClassifier,
)
from sklearn.utils import check_random_state


def examples(n):
    """Hypothesis settings: always the same `n` examples, reported as they are found."""
    return settings(
        max_examples=n,
        deadline=None,
        derandomize=True,
        database=None,
        phases=(Phase.explicit, Phase.generate),  # seeds do not shrink
    )


# Problems

LABELS = {
    "int": np.arange(4),
    "negative": np.array([-7, 3, -1, 10]),
    "string": np.array(["yes", "no", "maybe", "a longer label"]),
    "bool": np.array([True, False]),
}


@dataclass(repr=False)
class Problem:
    """Training rows, labels and weights, and rows that nobody is trained on."""

    X: np.ndarray
    y: np.ndarray
    weight: np.ndarray
    X_new: np.ndarray
    recipe: str = ""

    def __repr__(self):
        return f"make_problem({self.recipe})"

    @property
    def classes(self):
        return np.unique(self.y)

    @property
    def onehot(self):
        return (self.y[:, None] == self.classes).astype(float)

    @property
    def codes(self):
        return np.searchsorted(self.classes, self.y)


def make_problem(seed=0, n=48, k=3, d=4, labels="int", spread=1.5, new=30):
    """`k` overlapping Gaussian classes; values fit float32, so trees see them whole."""
    rng = np.random.default_rng(seed)
    codes = rng.permutation(np.arange(n) % k)
    centres = rng.normal(size=(k, d))

    def cloud(codes):
        X = centres[codes] + spread * rng.normal(size=(len(codes), d)) / 2
        return X.astype(np.float32).astype(float)

    return Problem(
        X=cloud(codes),
        y=LABELS[labels][codes],
        weight=rng.integers(256, 3072, size=n) / 1024,  # sums are exact, ties are rare
        X_new=cloud(rng.integers(k, size=new)),
        recipe=f"{seed}, n={n}, k={k}, labels={labels!r}",
    )


@st.composite
def problems(draw, kinds=("int", "negative", "string", "bool"), n=(24, 60)):
    """Small problems of two to four classes with every kind of label."""
    kind = draw(st.sampled_from(kinds))
    k = 2 if kind == "bool" else draw(st.integers(2, 4))
    seed = draw(st.integers(0, 2**16))
    return make_problem(seed, n=draw(st.integers(*n)), k=k, labels=kind)


temperatures = st.sampled_from([0.5, 1.0, 2.0, 5.0])
alphas = st.sampled_from([0.25, 0.7, 1.0])


# Teachers


def linear_scores(X, weights):
    """A teacher that is a plain function: logits, one column per class."""
    return np.asarray(X, dtype=float) @ weights


def linear_proba(X, weights):
    return softmax(linear_scores(X, weights), axis=1)


def linear_weights(problem, seed=0, scale=1.0):
    rng = np.random.default_rng(seed)
    shape = (problem.X.shape[1], len(problem.classes))
    return scale * rng.normal(size=shape)


@dataclass
class Taught:
    """A teacher, how to hand it over, and what it says (`None`: fitted inside)."""

    options: dict
    proba: object
    fit_params: dict = field(default_factory=dict)


def _scores_to_proba(model, X):
    scores = model.decision_function(X)
    if scores.ndim == 1:
        scores = np.column_stack([np.zeros_like(scores), scores])
    return softmax(scores, axis=1)


def _estimator(model, problem, fitted=True):
    judge = clone(model).fit(problem.X, problem.y)
    soft = hasattr(judge, "predict_proba")
    proba = judge.predict_proba if soft else partial(_scores_to_proba, judge)
    return Taught({"teacher": judge if fitted else model}, proba)


def _pair(problem):
    pair = [DecisionTreeClassifier(max_depth=3, random_state=0), GaussianNB()]
    judges = [clone(model).fit(problem.X, problem.y) for model in pair]
    return Taught(
        {"teacher": pair},
        lambda X: np.mean([judge.predict_proba(X) for judge in judges], axis=0),
    )


def _callable(problem):
    weights = linear_weights(problem)
    return Taught(
        {
            "teacher": partial(linear_scores, weights=weights),
            "teacher_classes": problem.classes,
        },
        partial(linear_proba, weights=weights),
    )


def _precomputed(problem):
    proba = partial(linear_proba, weights=linear_weights(problem, seed=1))
    return Taught(
        {"teacher": "precomputed"}, proba, {"teacher_proba": proba(problem.X)}
    )


def _frozen(problem):
    frozen = FrozenEstimator(GaussianNB().fit(problem.X, problem.y))
    return Taught({"teacher": frozen}, frozen.predict_proba)


_scaled = make_pipeline(StandardScaler(), LogisticRegression(tol=1e-8, max_iter=999))

TEACHERS = {
    "fitted forest": lambda p: _estimator(RandomForestClassifier(8, random_state=0), p),
    "unfitted tree": lambda p: _estimator(
        DecisionTreeClassifier(min_samples_leaf=5, random_state=0), p, fitted=False
    ),
    "list of two": _pair,
    "linear SVC": lambda p: _estimator(LinearSVC(tol=1e-6, random_state=0), p),
    "ridge scores": lambda p: _estimator(RidgeClassifier(), p, fitted=False),
    "pipeline": lambda p: _estimator(_scaled, p),
    "callable": _callable,
    "precomputed": _precomputed,
    "frozen": _frozen,
}


# Students

_exact = LogisticRegression(tol=1e-10, max_iter=5000)

STUDENTS = {
    "tree": DecisionTreeClassifier(max_leaf_nodes=8, random_state=0),
    "extra tree": ExtraTreeClassifier(max_leaf_nodes=8, random_state=0),
    "forest": RandomForestClassifier(5, max_depth=4, random_state=0),
    "extra trees": ExtraTreesClassifier(5, max_depth=4, random_state=0),
    "logistic": _exact,
    "pipeline": make_pipeline(StandardScaler(), _exact),
    "naive Bayes": GaussianNB(),
    "entropy tree": DecisionTreeClassifier(
        criterion="entropy", max_leaf_nodes=8, random_state=0
    ),
    "boosting": HistGradientBoostingClassifier(
        max_iter=5, min_samples_leaf=3, random_state=0
    ),
    "tree regressor": DecisionTreeRegressor(max_leaf_nodes=8, random_state=0),
    "ridge": Ridge(),
    "neighbours": KNeighborsClassifier(3),
}

ROUTES = {
    "tree": "tree",
    "extra tree": "tree",
    "forest": "forest",
    "extra trees": "forest",
    "logistic": "linear",
    "pipeline": "linear",
    "naive Bayes": "weighted copies",
    "entropy tree": "tree",
    "boosting": "boosting",
    "tree regressor": "regression",
    "ridge": "regression",
    "neighbours": "hard labels",
}

# Without ties (one candidate feature a node, uneven weights) trees agree row by row.
UNTIED = {
    "tree": DecisionTreeClassifier(max_features=1, max_leaf_nodes=9, random_state=3),
    "random splits": DecisionTreeClassifier(
        splitter="random", max_features=1, min_samples_leaf=2, random_state=3
    ),
    "extra tree": ExtraTreeClassifier(max_features=1, max_depth=4, random_state=3),
    "forest": RandomForestClassifier(4, max_features=1, random_state=3),
    "extra trees": ExtraTreesClassifier(4, max_features=1, random_state=3),
    "entropy tree": DecisionTreeClassifier(
        criterion="entropy", max_features=1, random_state=3
    ),
    "naive Bayes": GaussianNB(),
    "logistic": _exact,
    "boosting": HistGradientBoostingClassifier(
        max_iter=6, min_samples_leaf=2, random_state=3
    ),
}

_short = {"max_depth": 2, "min_samples_leaf": 4, "random_state": 3}  # few pure nodes

BALANCED = {
    "tree": DecisionTreeClassifier(class_weight="balanced", **_short),
    "entropy tree": DecisionTreeClassifier(
        criterion="entropy", class_weight="balanced", **_short
    ),
    "forest": RandomForestClassifier(4, class_weight="balanced", **_short),
    "weighted forest": RandomForestClassifier(
        4, class_weight={0: 4.0, 1: 0.5}, **_short
    ),
    "subsampled forest": RandomForestClassifier(
        4, class_weight="balanced_subsample", **_short
    ),
    "extra trees": ExtraTreesClassifier(4, class_weight="balanced", **_short),
    "logistic": clone(_exact).set_params(class_weight="balanced"),
    "boosting": HistGradientBoostingClassifier(
        max_iter=4, class_weight="balanced", random_state=3
    ),
}

# Able to learn any distribution over the rows they are fitted on.
FLEXIBLE = {
    "tree": DecisionTreeClassifier(random_state=0),
    "extra tree": ExtraTreeClassifier(random_state=0),
    "entropy tree": DecisionTreeClassifier(criterion="entropy", random_state=0),
    "forest": RandomForestClassifier(3, bootstrap=False, random_state=0),
    "extra trees": ExtraTreesClassifier(3, random_state=0),
    "tree regressor": DecisionTreeRegressor(random_state=0),
    "logistic": LogisticRegression(C=1e7, tol=1e-12, max_iter=20000),
    "boosting": HistGradientBoostingClassifier(
        max_iter=150, learning_rate=0.5, min_samples_leaf=1, random_state=0
    ),
}

# What limits the growth of a tree; counts of rows must keep meaning rows.
GROWTH = {
    "leaves": {"max_leaf_nodes": 6},
    "rows a leaf": {"min_samples_leaf": 4},
    "rows a split": {"min_samples_split": 11},
    "weight a leaf": {"min_weight_fraction_leaf": 0.11},
    "impurity decrease": {"min_impurity_decrease": 0.01, "max_leaf_nodes": 12},
    "pruning": {"ccp_alpha": 0.01, "max_leaf_nodes": 12},
    "depth": {"max_depth": 3},
    "class weight": {"class_weight": {0: 3.0, 1: 0.5}, "max_leaf_nodes": 6},
}

REGRESSORS = {"tree regressor", "ridge"}
UNWEIGHTED = {"neighbours", "pipeline"}  # `fit` has no sample_weight of its own


@contextmanager
def only_user_warnings():
    """Advice (UserWarning) may pass; numerical and future warnings are errors."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.simplefilter("ignore", UserWarning)
        yield


# Oracles


def soften(proba, temperature):
    """softmax(log p / T) for strictly positive p."""
    return softmax(np.log(proba) / temperature, axis=1)


def mixed(proba, onehot, alpha):
    return alpha * proba + (1 - alpha) * onehot


def kl(target, proba, floor=1e-6):
    """Mean KL(target || proba); `floor` keeps exact zeros of a student finite."""
    proba = np.clip(proba, floor, None)
    proba /= proba.sum(axis=1, keepdims=True)
    return rel_entr(target, proba).sum(axis=1).mean()


def distillation_loss(logits, proba, onehot, temperature, alpha):
    """Per row: alpha T² KL(p_T ‖ softmax(z/T)) + (1 − alpha) CE(y, softmax(z))."""
    target = soften(proba, temperature)
    tempered = log_softmax(logits / temperature, axis=1)
    divergence = (target * (np.log(target) - tempered)).sum(axis=1)
    cross_entropy = -(onehot * log_softmax(logits, axis=1)).sum(axis=1)
    return alpha * temperature**2 * divergence + (1 - alpha) * cross_entropy


def weighted_copies(X, target, weight=None):
    """Each row once per class, weighted by that class's share of the target."""
    n, k = target.shape
    weight = np.ones(n) if weight is None else weight
    return (
        np.repeat(X, k, axis=0),
        np.tile(np.arange(k), n),
        (weight[:, None] * target).ravel(),
    )


def impurity(target, weight):
    """Node weight times Gini impurity of the node's weighted copies."""
    mass = weight @ target
    return weight.sum() - (mass**2).sum() / weight.sum()


def best_gain(X, target, weight, min_leaf=1):
    """The largest fall in impurity that any single split of the rows can bring."""
    n, best = len(X), 0.0
    for column in X.T:
        order = np.argsort(column, kind="stable")
        mass = np.cumsum(weight[order, None] * target[order], axis=0)
        total = np.cumsum(weight[order])
        ends = np.flatnonzero(np.diff(column[order]) > 1e-6)
        ends = ends[(ends + 1 >= min_leaf) & (n - ends - 1 >= min_leaf)]
        if len(ends):
            left, right = total[ends], total[-1] - total[ends]
            pure = (mass[ends] ** 2).sum(axis=1) / left
            pure += ((mass[-1] - mass[ends]) ** 2).sum(axis=1) / right
            best = max(best, pure.max() - (mass[-1] ** 2).sum() / total[-1])
    return best


def frames(library, X, names=None):
    """X as a DataFrame of `library`, columns x0, x1, ..."""
    names = names or [f"x{i}" for i in range(X.shape[1])]
    return library.DataFrame({name: X[:, i] for i, name in enumerate(names)})


# Teachers that keep a diary


def note(diary, word):
    """Add a line to a file, whole, whoever else writes to it."""
    if diary is not None:
        handle = os.open(diary, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.write(handle, f"{word}\n".encode())
        os.close(handle)


def read_diary(diary):
    """How often each word was noted, in all processes."""
    path = Path(diary)
    return Counter(path.read_text().split() if path.exists() else [])


class Noted(GaussianNB):
    """A teacher whose fits and answers can be counted from outside."""

    def __init__(self, diary=None, name="", *, priors=None, var_smoothing=1e-9):
        super().__init__(priors=priors, var_smoothing=var_smoothing)
        self.diary = diary
        self.name = name

    def fit(self, X, y, sample_weight=None):
        note(self.diary, f"{self.name}fit")
        return super().fit(X, y, sample_weight)

    def predict_proba(self, X):
        note(self.diary, f"{self.name}ask")
        return super().predict_proba(X)


class Impatient(Noted):
    """Somebody presses Ctrl-C in its third fit, once."""

    def fit(self, X, y, sample_weight=None):
        pressed = Path(f"{self.diary} pressed")
        if read_diary(self.diary)["fit"] == 2 and not pressed.exists():
            pressed.touch()
            raise KeyboardInterrupt
        return super().fit(X, y, sample_weight)


class Drawn(ClassifierMixin, BaseEstimator):
    """A teacher that comes out otherwise in every fit, unless it is seeded."""

    def __init__(self, random_state=None):
        self.random_state = random_state

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        draw = check_random_state(self.random_state)
        self.weights_ = draw.normal(size=(np.shape(X)[1], len(self.classes_)))
        return self

    def predict_proba(self, X):
        return linear_proba(X, self.weights_)

    def predict(self, X):
        return self.classes_[self.predict_proba(X).argmax(axis=1)]
