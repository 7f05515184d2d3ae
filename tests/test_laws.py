"""The nine laws of the design, over a grid of teachers, students and data."""

import pickle

import joblib
import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from scipy.optimize import minimize
from scipy.special import softmax
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_digits, make_classification
from sklearn.ensemble import (
    ExtraTreesClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
)
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.naive_bayes import GaussianNB
from sklearn.tree import DecisionTreeClassifier

from skdistill import DistillationClassifier, strip_teacher
from tests.strategies import (
    BALANCED,
    FLEXIBLE,
    GROWTH,
    REGRESSORS,
    ROUTES,
    STUDENTS,
    TEACHERS,
    UNTIED,
    UNWEIGHTED,
    Problem,
    Taught,
    alphas,
    best_gain,
    distillation_loss,
    examples,
    frames,
    impurity,
    kl,
    linear_proba,
    linear_weights,
    make_problem,
    mixed,
    only_user_warnings,
    problems,
    temperatures,
    weighted_copies,
)

students = pytest.mark.parametrize("student", STUDENTS)
teachers = pytest.mark.parametrize("teacher", TEACHERS)


def distil(taught, student, problem, weight=None, unlabelled=None, **options):
    """Distil a `Taught` teacher, or an array: what the teacher says of each row."""
    if isinstance(taught, np.ndarray):
        taught = Taught({"teacher": "precomputed"}, None, {"teacher_proba": taught})
    student = STUDENTS[student] if isinstance(student, str) else student
    model = DistillationClassifier(student=student, **(taught.options | options))
    extra = {"sample_weight": weight, "X_unlabeled": unlabelled}
    extra = {name: value for name, value in extra.items() if value is not None}
    with only_user_warnings():
        return model.fit(problem.X, problem.y, **(taught.fit_params | extra))


def say(problem, seed=0, scale=1.5):
    """What some teacher says of the training rows: never 0, never 1."""
    return linear_proba(problem.X, linear_weights(problem, seed, scale))


def assert_same(a, b, X, atol=1e-5):
    assert_allclose(a.predict_proba(X), b.predict_proba(X), atol=atol)


def assert_distributions(proba):
    assert np.isfinite(proba).all()
    assert (proba >= 0).all()
    assert_allclose(proba.sum(axis=1), 1)


def gap(a, b, X):
    return np.abs(a.predict_proba(X) - b.predict_proba(X)).max()


# 1. Labels alone are the plain student


@students
@teachers
def test_route_and_source_are_named(teacher, student):
    problem = make_problem(1, labels="string")
    model = distil(TEACHERS[teacher](problem), student, problem)
    fitted_here = {"unfitted tree", "list of two", "ridge scores"}
    source = "fitted" if teacher in fitted_here else "given"
    source = "precomputed" if teacher == "precomputed" else source
    assert (model.route_, model.teacher_source_) == (ROUTES[student], source)
    proba = model.predict_proba(problem.X_new)
    assert_distributions(proba)
    assert_array_equal(model.classes_, problem.classes)
    labels = problem.classes[proba.argmax(axis=1)]
    assert_array_equal(model.predict(problem.X_new), labels)


@pytest.mark.parametrize("student", sorted(set(STUDENTS) - REGRESSORS))
@examples(6)
@given(problem=problems(), teacher=st.sampled_from(sorted(TEACHERS)), T=temperatures)
def test_alpha_zero_is_the_plain_student(student, problem, teacher, T):
    taught = TEACHERS[teacher](problem)
    weight = () if student in UNWEIGHTED else (problem.weight,)
    model = distil(taught, student, problem, *weight, alpha=0, temperature=T)
    plain = clone(STUDENTS[student]).fit(problem.X, problem.y, *weight)
    assert model.route_ == "labels"
    assert type(model.student_) is type(plain)
    assert_array_equal(model.predict(problem.X_new), plain.predict(problem.X_new))
    assert_same(model, plain, problem.X_new, atol=1e-12)


@pytest.mark.parametrize("student", UNTIED)
@examples(8)
@given(problem=problems(), alpha=alphas)
def test_onehot_teacher_is_the_plain_student(student, problem, alpha):
    student, weight = UNTIED[student], problem.weight
    model = distil(problem.onehot, student, problem, weight, alpha=alpha)
    plain = clone(student).fit(problem.X, problem.y, sample_weight=weight)
    assert model.route_ != "labels"
    assert_same(model, plain, problem.X_new, atol=1e-4)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("student", BALANCED)
def test_onehot_teacher_balances_like_the_plain_student(student, weighted):
    problem = make_problem(11, n=64, k=4)
    problem.y = (problem.y == 0).astype(int)  # one in four
    weight = problem.weight * (1 + 4 * problem.y) if weighted else None
    model = distil(problem.onehot, BALANCED[student], problem, weight)
    plain = clone(BALANCED[student]).fit(problem.X, problem.y, sample_weight=weight)
    assert_same(model, plain, problem.X_new, atol=1e-4)


@pytest.mark.parametrize("student", sorted(UNWEIGHTED))
@examples(6)
@given(problem=problems())
def test_onehot_teacher_is_the_plain_unweighted_student(student, problem):
    model = distil(problem.onehot, student, problem)
    plain = clone(STUDENTS[student]).fit(problem.X, problem.y)
    assert model.route_ == ROUTES[student]
    assert_same(model, plain, problem.X_new, atol=1e-4)


@examples(8)
@given(problem=problems(), alpha=alphas)
def test_onehot_teacher_is_ridge_on_labels(problem, alpha):
    model = distil(problem.onehot, "ridge", problem, alpha=alpha)
    plain = clone(STUDENTS["ridge"]).fit(problem.X, problem.onehot)
    labels = problem.classes[plain.predict(problem.X_new).argmax(axis=1)]
    assert_array_equal(model.predict(problem.X_new), labels)


# The tree route, split by split


@examples(25)
@given(
    problem=problems(),
    alpha=st.floats(0.05, 1.0),
    min_leaf=st.integers(1, 5),
    weighted=st.booleans(),
)
def test_every_split_is_the_best_gini_split(problem, alpha, min_leaf, weighted):
    weight = problem.weight if weighted else np.ones(len(problem.X))
    student = DecisionTreeClassifier(
        max_leaf_nodes=7, min_samples_leaf=min_leaf, random_state=0
    )
    model = distil(say(problem), student, problem, weight, alpha=alpha)
    assert type(model.student_) is DecisionTreeClassifier
    grown, target = model.student_.tree_, mixed(say(problem), problem.onehot, alpha)
    reached = model.student_.decision_path(problem.X).toarray().astype(bool)
    for node, rows in enumerate(reached.T):
        X, q, w = problem.X[rows], target[rows], weight[rows]
        best = best_gain(X, q, w, min_leaf)
        left, right = grown.children_left[node], grown.children_right[node]
        assert grown.n_node_samples[node] == len(X) >= min_leaf
        assert_allclose(grown.weighted_n_node_samples[node], w.sum())
        if left == -1:
            mean = np.tile(w @ q / w.sum(), (len(X), 1))
            assert_allclose(model.student_.predict_proba(X), mean, atol=1e-5)
            assert grown.n_leaves == 7 or best < 1e-4
        else:
            sides = [reached[:, left], reached[:, right]]
            after = sum(impurity(target[side], weight[side]) for side in sides)
            assert impurity(q, w) - after > best - 1e-4


@pytest.mark.parametrize("growth", GROWTH)
@examples(8)
@given(
    problem=problems(kinds=("int",)), alpha=st.floats(0.1, 0.95), weighted=st.booleans()
)
def test_tree_equals_gini_on_weighted_copies(growth, problem, alpha, weighted):
    weight = problem.weight if weighted else None
    target, k = mixed(say(problem), problem.onehot, alpha), len(problem.classes)
    student = DecisionTreeClassifier(**GROWTH[growth], random_state=0)
    model = distil(say(problem), student, problem, weight, alpha=alpha)
    counts = {
        name: k * value
        for name, value in GROWTH[growth].items()
        if name.startswith("min_samples")
    }
    copies = clone(student).set_params(**counts)
    copies.fit(*weighted_copies(problem.X, target, weight))
    assert model.student_.get_n_leaves() == copies.get_n_leaves()
    assert_same(model.student_, copies, problem.X, atol=2e-5)


@pytest.mark.parametrize("student", ["tree", "extra tree", "entropy tree"])
@examples(10)
@given(problem=problems(), m=st.integers(2, 9), T=temperatures, alpha=alphas)
def test_min_samples_leaf_counts_rows(student, problem, m, T, alpha):
    proba = say(problem, scale=6)
    proba[::3] = problem.onehot[::3]  # exact zeros: copies that weigh nothing
    tree = clone(STUDENTS[student]).set_params(min_samples_leaf=m, max_leaf_nodes=None)
    model = distil(proba, tree, problem, alpha=alpha, temperature=T)
    leaves = np.unique(model.student_.apply(problem.X), return_counts=True)[1]
    assert leaves.min() >= m
    assert len(leaves) > 1


# Exact losses


@pytest.mark.parametrize("student", ["tree", "extra tree"])
@examples(8)
@given(
    problem=problems(),
    T=st.sampled_from([0.5, 2.0, 4.0]),
    alpha=st.sampled_from([0.1, 0.5, 0.9]),
)
def test_leaf_values_minimise_the_distillation_loss(student, problem, T, alpha):
    # Below the documented floor (the resolution of float32) there is no logarithm.
    proba = np.maximum(say(problem), np.finfo(np.float32).eps)
    weight = problem.weight
    model = distil(proba, student, problem, weight, temperature=T, alpha=alpha)
    leaves = model.student_.apply(problem.X)
    for leaf in np.unique(leaves):
        p, y, w = (each[leaves == leaf] for each in (proba, problem.onehot, weight))

        def loss(z, p=p, y=y, w=w):
            return w @ distillation_loss(np.tile(z, (len(p), 1)), p, y, T, alpha)

        best = minimize(loss, np.zeros(proba.shape[1]), method="BFGS", tol=1e-9)
        found = model.predict_proba(problem.X[leaves == leaf])[0]
        assert loss(np.log(found)) <= best.fun + 1e-6 * w.sum()
        assert_allclose(found, softmax(best.x), atol=2e-3)


@pytest.mark.parametrize("penalty", [0.05, 1.0, 20.0])
@examples(5)
@given(problem=problems(), T=temperatures, alpha=alphas, weighted=st.booleans())
def test_linear_student_minimises_the_distillation_loss(
    penalty, problem, T, alpha, weighted
):
    weight = problem.weight if weighted else np.ones(len(problem.X))
    student = LogisticRegression(C=penalty, tol=1e-10, max_iter=5000)
    options = {"temperature": T, "alpha": alpha}
    fitted = distil(say(problem), student, problem, weight, **options).student_
    assert type(fitted) is LogisticRegression
    shape = fitted.coef_.shape

    def objective(flat):
        coef, intercept = flat[: -shape[0]].reshape(shape), flat[-shape[0] :]
        logits = problem.X @ coef.T + intercept
        if len(intercept) == 1:
            logits = np.column_stack([np.zeros(len(logits)), logits])
        each = distillation_loss(logits, say(problem), problem.onehot, T, alpha)
        return penalty * weight @ each + (coef**2).sum() / 2

    here = np.concatenate([fitted.coef_.ravel(), fitted.intercept_])
    best = minimize(objective, here, method="BFGS", tol=1e-10)
    assert objective(here) <= best.fun + 1e-5 * (1 + best.fun)
    assert_allclose(here[: -shape[0]], best.x[: -shape[0]], atol=5e-3)


@examples(10)
@given(problem=problems(kinds=("int",)), alpha=alphas, weighted=st.booleans())
def test_linear_student_equals_logistic_on_weighted_copies(problem, alpha, weighted):
    weight, target = problem.weight, mixed(say(problem), problem.onehot, alpha)
    weight = weight if weighted else None
    student = LogisticRegression(C=2.0, tol=1e-10, max_iter=5000)
    model = distil(say(problem), student, problem, weight, alpha=alpha)
    copies = clone(student).fit(*weighted_copies(problem.X, target, weight))
    assert_allclose(model.student_.coef_, copies.coef_, atol=1e-4)
    assert_same(model, copies, problem.X_new, atol=1e-4)


@examples(10)
@given(problem=problems(kinds=("int",)), alpha=alphas)
def test_naive_bayes_equals_weighted_copies_with_unlabelled_rows(problem, alpha):
    taught, extra = TEACHERS["callable"](problem), problem.X_new
    model = distil(taught, GaussianNB(), problem, problem.weight, extra, alpha=alpha)
    target = mixed(taught.proba(problem.X), problem.onehot, alpha)
    copies = weighted_copies(
        np.vstack([problem.X, extra]),
        np.vstack([target, taught.proba(extra)]),
        # An unlabelled row weighs alpha of an average row.
        np.append(problem.weight, np.full(len(extra), alpha * problem.weight.mean())),
    )
    assert_same(model, GaussianNB().fit(*copies), problem.X_new, atol=1e-6)


@examples(10)
@given(problem=problems(), alpha=alphas)
def test_hard_labels_are_the_argmax_of_the_mix(problem, alpha):
    model = distil(say(problem), "neighbours", problem, alpha=alpha)
    mix = mixed(say(problem), problem.onehot, alpha)
    plain = clone(STUDENTS["neighbours"])
    plain.fit(problem.X, problem.classes[mix.argmax(axis=1)])
    assert_array_equal(model.predict(problem.X_new), plain.predict(problem.X_new))


@students
@examples(4)
@given(problem=problems(), alpha=alphas)
def test_hard_targets_are_onehot_targets(student, problem, alpha):
    proba = say(problem)
    onehot = np.eye(proba.shape[1])[proba.argmax(axis=1)]
    hard = distil(proba, student, problem, alpha=alpha, targets="hard")
    assert_same(
        hard, distil(onehot, student, problem, alpha=alpha), problem.X_new, atol=1e-6
    )


# 2. A flexible student recovers the teacher


@pytest.mark.parametrize("student", FLEXIBLE)
@examples(6)
@given(problem=problems(n=(20, 32)), T=temperatures)
def test_flexible_student_recovers_the_teacher(student, problem, T):
    proba = say(problem, scale=0.8)
    model = distil(proba, FLEXIBLE[student], problem, temperature=T, alpha=1.0)
    found = model.predict_proba(problem.X)
    assert_allclose(found, proba, atol=0.03 if student == "boosting" else 3e-3)


@examples(5)
@given(problem=problems(n=(40, 60)), T=temperatures)
def test_more_boosting_brings_the_teacher_closer(problem, T):
    gaps = []
    for rounds in (1, 5, 40):
        student = HistGradientBoostingClassifier(
            max_iter=rounds, min_samples_leaf=2, random_state=0
        )
        model = distil(say(problem), student, problem, temperature=T, alpha=1.0)
        gaps.append(kl(say(problem), model.predict_proba(problem.X)))
    assert gaps[0] > gaps[1] > gaps[2]
    assert gaps[2] < 0.2 * gaps[0]


# 3. Targets are distributions

_wild = st.sampled_from([0.0, 1.0, -1.0, 1e30, -1e30, 1e-30, 745.0, -745.0, 3.5])


@students
@examples(8)
@given(
    scores=hnp.arrays(float, (24, 3), elements=_wild),
    T=st.sampled_from([0.01, 1.0, 3.0, 1e4]),
    alpha=alphas,
)
def test_any_logits_give_distributions(student, scores, T, alpha):
    problem = make_problem(2, n=24)
    taught = Taught({"teacher": lambda X: scores, "teacher_output": "logits"}, None)
    options = {"teacher_classes": problem.classes, "temperature": T, "alpha": alpha}
    model = distil(taught, student, problem, **options)
    assert_distributions(model.predict_proba(problem.X))
    assert_distributions(model.predict_proba(problem.X_new))


@students
@examples(4)
@given(problem=problems(), T=st.sampled_from([0.2, 1.0, 10.0]), alpha=alphas)
def test_exact_zeros_and_ones_give_distributions(student, problem, T, alpha):
    wrong = np.roll(problem.onehot, 1, axis=1)
    model = distil(wrong, student, problem, temperature=T, alpha=alpha)
    assert_distributions(model.predict_proba(problem.X_new))


# 4. What the teacher says matters, the order of rows does not


@students
@examples(4)
@given(problem=problems(n=(40, 60)), T=temperatures)
def test_permuted_teacher_columns_change_held_out_predictions(student, problem, T):
    proba, options = say(problem, scale=2), {"temperature": T, "alpha": 1.0}
    straight = distil(proba, student, problem, **options)
    turned = distil(np.roll(proba, 1, axis=1), student, problem, **options)
    assert gap(straight, turned, problem.X_new) > 0.05
    if student in ("logistic", "pipeline", "naive Bayes", "ridge"):
        rolled = np.roll(straight.predict_proba(problem.X_new), 1, axis=1)
        assert_allclose(turned.predict_proba(problem.X_new), rolled, atol=1e-3)


@students
def test_shuffled_teacher_rows_change_held_out_predictions(student):
    problem = make_problem(5, n=60)
    proba = say(problem, scale=2)
    shuffled = np.random.default_rng(0).permutation(proba)
    a, b = (distil(p, student, problem, alpha=1.0) for p in (proba, shuffled))
    assert gap(a, b, problem.X_new) > 0.05


@pytest.mark.parametrize(
    "student",
    ["tree", "logistic", "pipeline", "naive Bayes", "ridge", "tree regressor"],
)
@examples(6)
@given(problem=problems(), T=temperatures, alpha=alphas, seed=st.integers(0, 99))
def test_order_of_rows_does_not_matter(student, problem, T, alpha, seed):
    order = np.random.default_rng(seed).permutation(len(problem.X))
    weight, options = np.round(problem.weight) + 1, {"temperature": T, "alpha": alpha}
    proba = say(problem)
    straight = distil(proba, student, problem, weight, **options)
    problem.X, problem.y = problem.X[order], problem.y[order]
    turned = distil(proba[order], student, problem, weight[order], **options)
    assert_same(straight, turned, problem.X_new)


# 5. Nothing that is handed in changes


@students
@teachers
def test_teacher_and_arrays_are_left_alone(teacher, student):
    problem = make_problem(3)
    taught = TEACHERS[teacher](problem)
    for array in (problem.X, problem.y, problem.weight, problem.X_new):
        array.flags.writeable = False
    state = (taught.options, taught.fit_params, vars(problem), STUDENTS[student])
    before = joblib.hash(state)
    weight = None if student in UNWEIGHTED else problem.weight
    model = distil(taught, student, problem, weight)
    model.predict_proba(problem.X_new)
    with only_user_warnings():
        search = GridSearchCV(clone(model), {"alpha": [0.5, 1.0]}, cv=2)
        search.fit(problem.X, problem.y, **taught.fit_params)
    strip_teacher(model)
    assert joblib.hash(state) == before
    if model.teacher_source_ == "given":
        assert model.teacher_ is taught.options["teacher"]


# 6. Weights are repetitions


@pytest.mark.parametrize("teacher", ["callable", "precomputed", "unfitted tree"])
@pytest.mark.parametrize(
    "student", ["tree", "extra tree", "logistic", "naive Bayes", "ridge"]
)
@examples(4)
@given(problem=problems(), T=st.sampled_from([1.0, 3.0]), seed=st.integers(0, 99))
def test_integer_weights_are_repeated_rows(teacher, student, problem, T, seed):
    taught = TEACHERS[teacher](problem)
    if teacher == "unfitted tree":  # its row counts would not count repetitions
        taught.options["teacher"] = DecisionTreeClassifier(max_depth=2, random_state=0)
    counts = np.random.default_rng(seed).integers(0, 4, size=len(problem.X))
    counts[:8] += 1  # eight rows or more, hence every class
    weighted = distil(taught, student, problem, counts.astype(float), temperature=T)
    rows = np.repeat(np.arange(len(counts)), counts)
    for name, value in taught.fit_params.items():
        taught.fit_params[name] = value[rows]
    problem.X, problem.y = problem.X[rows], problem.y[rows]
    repeated = distil(taught, student, problem, temperature=T)
    assert_same(weighted, repeated, problem.X_new, atol=1e-4)


# 7. Columns align by label


@students
@examples(4)
@given(problem=problems(kinds=("string", "negative")), seed=st.integers(0, 99))
def test_columns_align_by_label(student, problem, seed):
    order = np.random.default_rng(seed).permutation(len(problem.classes))
    straight = distil(say(problem), student, problem)
    turned = distil(
        say(problem)[:, order],
        student,
        problem,
        teacher_classes=problem.classes[order],
    )
    assert_same(straight, turned, problem.X_new, atol=1e-9)


@students
@pytest.mark.parametrize("teacher", ["precomputed", "callable", "fitted forest"])
def test_classes_that_a_fold_lacks(student, teacher):
    whole = make_problem(4, n=60, k=4, labels="string")
    taught, known = TEACHERS[teacher](whole), whole.classes != "no"
    taught.options["teacher_classes"] = whole.classes
    if teacher == "fitted forest":
        del taught.options["teacher_classes"]
    fold = make_problem(4, n=60, k=4, labels="string")
    fold.X, fold.y = fold.X[whole.y != "no"], fold.y[whole.y != "no"]
    taught.fit_params = {
        name: value[whole.y != "no"] for name, value in taught.fit_params.items()
    }
    model = distil(taught, student, fold)
    kept = taught.proba(fold.X)[:, known]
    expected = distil(kept / kept.sum(axis=1, keepdims=True), student, fold)
    assert_array_equal(model.classes_, whole.classes[known])
    assert_same(model, expected, whole.X_new)


@students
def test_teacher_that_lacks_a_class_gives_it_nothing(student):
    problem = make_problem(6, n=60, labels="negative")
    teacher = GaussianNB().fit(problem.X[problem.y != 3], problem.y[problem.y != 3])
    full = np.zeros((60, 3))
    full[:, problem.classes != 3] = teacher.predict_proba(problem.X)
    model = distil(Taught({"teacher": teacher}, None), student, problem, alpha=0.6)
    assert_array_equal(model.classes_, [-7, -1, 3])
    assert_same(model, distil(full, student, problem, alpha=0.6), problem.X_new)


@students
@pytest.mark.parametrize("library", [pd, pl], ids=["pandas", "polars"])
@pytest.mark.filterwarnings("error", "ignore:.*(hard label|is larger):UserWarning")
def test_frames_equal_arrays(student, library):
    problem = make_problem(7, labels="string")
    X, X_new = (frames(library, rows) for rows in (problem.X, problem.X_new))
    teacher = GaussianNB().fit(X, problem.y)
    model = DistillationClassifier(teacher, STUDENTS[student]).fit(X, problem.y)
    assert_array_equal(model.feature_names_in_, ["x0", "x1", "x2", "x3"])
    teacher = GaussianNB().fit(problem.X, problem.y)
    plain = distil(Taught({"teacher": teacher}, None), student, problem)
    assert not hasattr(plain, "feature_names_in_")
    found, expected = model.predict_proba(X_new), plain.predict_proba(problem.X_new)
    assert_allclose(found, expected, atol=1e-12)


@pytest.mark.parametrize("layout", [sparse.csr_matrix, sparse.csc_array])
@pytest.mark.parametrize("student", ["logistic", "tree", "forest", "ridge"])
def test_sparse_equals_dense(student, layout):
    problem = make_problem(8, n=60)
    problem.X, X_new = np.maximum(problem.X, 0), np.maximum(problem.X_new, 0)
    teacher = LogisticRegression().fit(problem.X, problem.y)
    taught, student = Taught({"teacher": teacher}, None), clone(STUDENTS[student])
    if hasattr(student, "max_features"):
        student.set_params(max_features=1)  # one candidate a node: no ties
    dense = distil(taught, student, problem, problem.weight)
    problem.X = layout(problem.X)
    thin = distil(taught, student, problem, problem.weight)
    found, expected = thin.predict_proba(layout(X_new)), dense.predict_proba(X_new)
    assert_allclose(found, expected, atol=1e-5)


# 8. Same seed, same result


@pytest.mark.parametrize("student", ["tree", "forest", "extra trees", "boosting"])
def test_seed_fixes_the_result(student):
    problem = make_problem(9, n=60)
    loose = clone(STUDENTS[student]).set_params(random_state=None)
    pair = [RandomForestClassifier(4), ExtraTreesClassifier(4)]

    def proba(seed, **options):
        model = DistillationClassifier(pair, loose, random_state=seed, **options)
        with only_user_warnings():
            model = pickle.loads(pickle.dumps(model)).fit(problem.X, problem.y)
        return pickle.loads(pickle.dumps(model)).predict_proba(problem.X_new)

    assert_array_equal(proba(0), proba(0))
    assert_array_equal(proba(0), proba(0, n_jobs=2))
    assert np.abs(proba(0) - proba(1)).max() > 1e-6


# 9. The exported student holds no teacher


class UnmistakablyMarked(GaussianNB):
    """A teacher that any pickle of it betrays by name.

    A long one: nodes of trees have seven bytes of padding, in which a deep copy leaves
    whatever lay in memory, such as the start of a name.
    """


@students
def test_stripped_model_holds_no_teacher(student):
    problem = make_problem(10, labels="string")
    teacher = UnmistakablyMarked().fit(problem.X, problem.y)
    taught = Taught({"teacher": teacher}, None)
    model = distil(taught, student, problem, temperature=2.0)
    bare = strip_teacher(model)
    assert model.teacher_ is teacher
    assert b"UnmistakablyMarked" in pickle.dumps(model)
    assert b"UnmistakablyMarked" not in pickle.dumps(bare)
    assert b"UnmistakablyMarked" not in pickle.dumps(model.student_)
    assert gap(bare, model, problem.X_new) == 0
    assert_array_equal(bare.predict(problem.X_new), model.predict(problem.X_new))


# Soft labels are worth having

WORTH = STUDENTS | {
    "extra trees": ExtraTreesClassifier(10, min_samples_leaf=2, random_state=0),
    "boosting": HistGradientBoostingClassifier(max_iter=30, random_state=0),
}
WORTH_DATA = {
    "noisy": lambda seed: make_classification(
        700, 8, n_informative=5, n_classes=3, flip_y=0.2, random_state=seed
    ),
    "digits": lambda seed: [part[:900] for part in load_digits(return_X_y=True)],
    "cancer": lambda seed: load_breast_cancer(return_X_y=True),
}


# Naive Bayes' copies are exact (tested above), but columns that hang together make
# it overconfident by more than any label can mend.
WORTH_CASES = [
    (student, data)
    for student in sorted(set(WORTH) - {"neighbours"})
    for data in WORTH_DATA
    if student != "naive Bayes" or data == "noisy"
]


@pytest.mark.parametrize(("student", "data"), WORTH_CASES)
def test_soft_labels_beat_hard_labels_held_out(student, data):
    gaps = []
    for seed in range(2):
        X, y = WORTH_DATA[data](seed)
        X = (X - X.mean(axis=0)) / (X.std(axis=0) + 1e-9)
        X, X_new, y, _ = train_test_split(X, y, random_state=seed, stratify=y)
        teacher = RandomForestClassifier(30, min_samples_leaf=3, random_state=seed)
        taught = Taught({"teacher": teacher.fit(X, y)}, None)
        problem = Problem(X, y, None, X_new)
        soft = distil(taught, WORTH[student], problem, alpha=1.0)
        hard = distil(taught, WORTH[student], problem, alpha=1.0, targets="hard")
        models = [soft, hard]
        if student not in REGRESSORS:
            models.append(clone(WORTH[student]).fit(X, teacher.predict(X)))
        said = teacher.predict_proba(X_new)
        gaps.append([kl(said, model.predict_proba(X_new)) for model in models])
    soft, *hard = np.mean(gaps, axis=0)
    assert soft < min(hard)
