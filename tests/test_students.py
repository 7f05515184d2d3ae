"""Each route by what only it can satisfy."""

import pickle
import subprocess
import sys

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.optimize import minimize
from scipy.special import log_softmax, softmax
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import load_breast_cancer, load_digits
from sklearn.ensemble import (
    AdaBoostClassifier,
    BaggingClassifier,
    ExtraTreesClassifier,
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
)
from sklearn.linear_model import LogisticRegression, Ridge, SGDClassifier
from sklearn.model_selection import train_test_split
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVR, LinearSVC
from sklearn.tree import (
    DecisionTreeClassifier,
    DecisionTreeRegressor,
    ExtraTreeClassifier,
    export_text,
)

from skdistill.students import learn, route_of
from skdistill.students._copies import make_copies
from skdistill.students._leaf_values import minimize_loss
from skdistill.students._tree import regression_targets
from skdistill.targets import SoftTargets, harden, soften


@pytest.fixture(scope="module")
def digits():
    X, y = load_digits(return_X_y=True)
    parts = train_test_split(X / 16, y, random_state=0, test_size=0.4)
    forest = RandomForestClassifier(60, random_state=0).fit(parts[0], parts[2])
    return (*parts, forest.predict_proba(parts[0]), forest.predict_proba(parts[1]))


def targets_of(proba, y, alpha=1.0, temperature=1.0, weight=None, classes=None):
    classes = np.arange(proba.shape[1]) if classes is None else classes
    teacher = soften(proba, "probabilities", temperature)
    return SoftTargets(classes, teacher, np.asarray(y), alpha, weight, temperature)


def random_problem(seed, n=150, d=4, k=3):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, d)).round(1)
    proba = soften(X @ rng.normal(size=(d, k)) * 2 + rng.normal(size=k), "logits")
    return X, proba, rng.integers(0, k, n), rng


ROUTES = [
    (DecisionTreeClassifier(max_leaf_nodes=40, random_state=0), "tree"),
    (ExtraTreeClassifier(max_leaf_nodes=60, random_state=0), "tree"),
    (RandomForestClassifier(10, max_leaf_nodes=40, random_state=0), "forest"),
    (ExtraTreesClassifier(10, max_leaf_nodes=40, random_state=0), "forest"),
    (
        RandomForestClassifier(
            10, max_leaf_nodes=40, criterion="log_loss", random_state=0
        ),
        "forest",
    ),
    (LogisticRegression(C=30.0, max_iter=2000), "linear"),
    (LogisticRegression(C=30.0, solver="newton-cg"), "linear"),
    (
        HistGradientBoostingClassifier(max_iter=40, max_leaf_nodes=6, random_state=0),
        "boosting",
    ),
    (BaggingClassifier(n_estimators=8, random_state=0), "bagging"),
    (
        DecisionTreeClassifier(max_leaf_nodes=40, criterion="entropy", random_state=0),
        "tree",
    ),
    (GaussianNB(var_smoothing=0.1), "weighted copies"),
    (SGDClassifier(loss="log_loss", random_state=0, alpha=1e-3), "weighted copies"),
    (DecisionTreeRegressor(max_leaf_nodes=40, random_state=0), "regression"),
    (Ridge(alpha=1.0), "regression"),
    (make_pipeline(StandardScaler(), LogisticRegression(max_iter=500)), "linear"),
    (
        make_pipeline(
            StandardScaler(), DecisionTreeClassifier(max_leaf_nodes=40, random_state=0)
        ),
        "tree",
    ),
]
NAMES = [f"{k}-{type(s).__name__}-{r}" for k, (s, r) in enumerate(ROUTES)]


@pytest.mark.parametrize(("student", "route"), ROUTES, ids=NAMES)
def test_route_by_name_and_nearer_to_the_teacher_than_hard_labels(
    student, route, digits
):
    X, X_test, y, _, proba, proba_test = digits
    assert route_of(student) == route
    soft = learn(student, X, targets_of(proba, y))
    hard = learn(student, X, targets_of(harden(proba), y))
    assert soft.route == hard.route == route

    def divergence(lesson):
        q = np.maximum(lesson.predict_proba(X_test), 1e-9)
        p = np.maximum(proba_test, 1e-12)
        return np.mean(np.sum(p * np.log(p / q), axis=1))

    assert divergence(soft) < divergence(hard)


@pytest.mark.parametrize(("student", "route"), ROUTES, ids=NAMES)
def test_student_is_genuine_and_usable_without_this_package(
    student, route, digits, tmp_path
):
    X, _, y, *_ = digits
    # Students of fewer rows: the point is what comes out, not how good it is.
    lesson = learn(student, X[:300], targets_of(digits[4][:300], y[:300]))
    assert type(lesson.student) is type(student)
    (tmp_path / "student.pkl").write_bytes(pickle.dumps(lesson.student))
    np.save(tmp_path / "X.npy", X[:20])
    code = (
        "import sys, pickle, numpy; sys.modules['skdistill'] = None;"
        "model = pickle.load(open('student.pkl', 'rb'));"
        "numpy.save('out.npy', model.predict(numpy.load('X.npy')))"
    )
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True)
    assert_array_equal(np.load(tmp_path / "out.npy"), lesson.student.predict(X[:20]))


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("k", [2, 3, 5])
def test_variance_tree_is_the_gini_tree_on_weighted_copies(seed, k):
    X, proba, y, rng = random_problem(seed, k=k)
    weight = rng.integers(1, 4, len(X)).astype(float) if seed % 2 else None
    student = DecisionTreeClassifier(
        max_leaf_nodes=12, min_samples_leaf=1 + seed, random_state=0
    )
    targets = targets_of(proba, y, weight=weight)
    tree = learn(student, X, targets).student
    rounded = regression_targets(targets)
    if k == 2:
        rounded = np.column_stack([1 - rounded, rounded])
    row, code, mass = make_copies(rounded, weight, keep_all=True)
    copies = clone(student).set_params(min_samples_leaf=k * (1 + seed))
    copies.fit(X[row], code, sample_weight=mass)
    assert tree.get_n_leaves() == copies.get_n_leaves()

    def impurity(model):
        leaves = model.tree_.children_left == -1
        nodes = model.tree_
        return nodes.weighted_n_node_samples[leaves] @ nodes.impurity[leaves]

    assert_allclose(impurity(tree), impurity(copies), rtol=1e-9)
    # Rows, not copies, are what the rebuilt tree counts.
    assert tree.tree_.n_node_samples[0] == len(X)
    assert_allclose(tree.predict_proba(X).sum(axis=1), 1.0)


@pytest.mark.parametrize(
    "params",
    [
        {"min_impurity_decrease": 0.02},
        {"ccp_alpha": 0.01},
        {"min_samples_split": 30},
        {"min_weight_fraction_leaf": 0.1},
        {"class_weight": {0: 1, 1: 4, 2: 0.5}},
        {"class_weight": "balanced"},
        {"max_features": 2},
        {"max_depth": 3},
    ],
    ids=str,
)
def test_onehot_teacher_gives_the_plain_tree_with_any_parameter(params):
    rng = np.random.default_rng(5)
    X, y = rng.normal(size=(300, 4)), rng.integers(0, 3, 300)
    student = DecisionTreeClassifier(random_state=3, max_leaf_nodes=20, **params)
    plain = clone(student).fit(X, y)
    tree = learn(student, X, targets_of(np.eye(3)[y], y)).student
    assert tree.get_n_leaves() == plain.get_n_leaves()
    assert_allclose(tree.predict_proba(X), plain.predict_proba(X), atol=1e-12)
    assert_allclose(tree.tree_.impurity, plain.tree_.impurity, atol=1e-9)


def test_tree_takes_missing_values_strings_and_monotonic_constraints():
    X, proba, y, rng = random_problem(2, k=2, n=400)
    X[rng.uniform(size=X.shape) < 0.1] = np.nan
    targets = targets_of(proba, y, classes=np.array(["no", "yes"]))
    student = DecisionTreeClassifier(max_leaf_nodes=10, random_state=0)
    tree = learn(student, X, targets).student
    assert set(tree.predict(X)) <= {"no", "yes"}
    assert "class: yes" in export_text(tree)
    student.set_params(monotonic_cst=[1, 0, 0, 0])
    X = np.nan_to_num(X)
    tree = learn(student, X, targets).student
    moved = X + np.array([3.0, 0, 0, 0])
    assert (tree.predict_proba(moved)[:, 1] >= tree.predict_proba(X)[:, 1]).all()


@pytest.mark.parametrize("temperature", [0.5, 3.0])
@pytest.mark.parametrize("alpha", [0.2, 0.7, 1.0])
def test_leaf_values_minimise_the_two_temperature_loss(temperature, alpha):
    rng = np.random.default_rng(0)
    A = alpha * soften(rng.normal(size=(6, 4)) * 2, "logits", temperature) * 9
    B = (1 - alpha) * rng.multinomial(9, [0.4, 0.3, 0.3, 0.0], 6)
    values = minimize_loss(A, B, temperature)

    def loss(z, row):
        soft = A[row] @ log_softmax(z / temperature)
        return -(temperature**2) * soft - B[row] @ log_softmax(z)

    for row in range(6):
        found = minimize(loss, np.zeros(4), args=(row,), tol=1e-12)
        assert_allclose(values[row], softmax(found.x), atol=1e-5)
    if alpha == 1.0:
        expected = (A / A.sum(axis=1, keepdims=True)) ** temperature
        assert_allclose(values, expected / expected.sum(axis=1, keepdims=True))


def test_leaf_values_survive_certainty():
    A = np.array([[0.0, 0.0, 2.0], [0.0, 0.0, 0.0], [1e-300, 1.0, 1.0]])
    B = np.array([[0.0, 1.0, 0.0], [3.0, 0.0, 0.0], [0.0, 0.0, 0.0]])
    values = minimize_loss(A, B, 4.0)
    assert np.isfinite(values).all()
    assert values[0, 0] == 0.0
    assert values[1].tolist() == [1.0, 0.0, 0.0]


@pytest.mark.parametrize("k", [2, 4])
@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("class_weight", [None, "dict"])
def test_linear_student_equals_weighted_copies(k, fit_intercept, class_weight):
    X, proba, y, rng = random_problem(1, k=k, n=200)
    weight = rng.uniform(0.5, 2, 200)
    class_weight = class_weight and {c: 1 + c for c in range(k)}
    student = LogisticRegression(
        C=2.0,
        fit_intercept=fit_intercept,
        class_weight=class_weight,
        tol=1e-9,
        max_iter=2000,
    )
    model = learn(student, X, targets_of(proba, y, weight=weight)).student
    row, code, mass = make_copies(proba, weight)
    copies = clone(student).fit(X[row], code, sample_weight=mass)
    assert_allclose(model.coef_, copies.coef_, atol=1e-5)
    assert_allclose(model.intercept_, copies.intercept_, atol=1e-5)
    assert model.n_iter_.shape == copies.n_iter_.shape


def test_linear_student_minimises_the_two_temperature_loss():
    X, proba, y, _ = random_problem(4, k=3)
    targets = targets_of(proba, y, alpha=0.6, temperature=3.0)
    student = LogisticRegression(C=5.0, tol=1e-9, max_iter=2000)
    model = learn(student, X, targets).student

    def loss(theta):
        W, b = theta[:12].reshape(3, 4), theta[12:]
        z = X @ W.T + b
        soft = -(targets.teacher * log_softmax(z / 3, axis=1)).sum()
        hard = -log_softmax(z, axis=1)[np.arange(len(y)), y].sum()
        return 0.6 * 9 * soft + 0.4 * hard + (W**2).sum() / (2 * 5.0)

    best = minimize(loss, np.zeros(15), tol=1e-12)
    mine = loss(np.concatenate([model.coef_.ravel(), model.intercept_]))
    assert_allclose(mine, best.fun, rtol=1e-8)


def test_settings_whose_optimum_differs_are_taught_by_copies():
    X, proba, y, _ = random_problem(4, k=2)
    student = LogisticRegression(solver="liblinear", tol=1e-8, max_iter=1000)
    model = learn(student, X, targets_of(proba, y)).student
    row, code, mass = make_copies(proba, None)
    copies = clone(student).fit(X[row], code, sample_weight=mass)
    assert_allclose(model.coef_, copies.coef_, atol=1e-6)


@pytest.mark.parametrize("k", [2, 3])
def test_boosting_with_a_onehot_teacher_is_plain_boosting(k):
    X, _, y, rng = random_problem(0, k=k, n=400)
    weight = rng.integers(1, 4, 400).astype(float)
    student = HistGradientBoostingClassifier(
        max_iter=5, max_leaf_nodes=5, early_stopping=False, random_state=0
    )
    plain = clone(student).fit(X, y, sample_weight=weight)
    onehot = np.eye(k)[y]
    model = learn(student, X, targets_of(onehot, y, weight=weight)).student
    assert_allclose(model.predict_proba(X), plain.predict_proba(X), atol=1e-6)
    assert_allclose(model.decision_function(X), plain.decision_function(X), atol=1e-5)


@pytest.mark.parametrize("scoring", ["loss", "accuracy", "neg_log_loss"])
def test_boosting_stops_early(scoring):
    X, proba, y, _ = random_problem(0, k=3, n=400)
    student = HistGradientBoostingClassifier(
        max_iter=200,
        early_stopping=True,
        scoring=scoring,
        n_iter_no_change=3,
        random_state=0,
    )
    model = learn(student, X, targets_of(proba, y)).student
    assert model.n_iter_ < 200
    assert model.get_params() == student.get_params()


@pytest.mark.parametrize("temperature", [1.0, 3.0])
def test_boosting_gradient_is_that_of_its_loss(temperature):
    from skdistill.students._boosting import BoostingObjective

    _, proba, y, rng = random_problem(0, k=3, n=10)
    targets = targets_of(proba, y, alpha=0.6, temperature=temperature)
    objective = BoostingObjective(targets)
    z = rng.normal(size=(10, 3))
    rows = np.arange(10.0)
    gradient, hessian = objective.init_gradient_and_hessian(10)
    objective.gradient_hessian(rows, z, None, gradient, hessian)
    for k in range(3):
        step = np.zeros_like(z)
        step[:, k] = 1e-5
        up = objective(rows, z + step) - objective(rows, z - step)
        assert_allclose(10 * up / 2e-5, gradient[:, k].sum(), rtol=1e-5, atol=1e-7)


def test_copies_count_rows_and_give_parameters_back():
    X, proba, y, _ = random_problem(0, k=4, n=300)
    student = DecisionTreeClassifier(
        criterion="entropy", min_samples_leaf=15, min_samples_split=40, random_state=0
    )
    lesson = learn(student, X, targets_of(proba, y))
    assert lesson.student.get_params() == student.get_params()
    leaf_rows = np.unique(lesson.student.apply(X), return_counts=True)[1]
    assert leaf_rows.min() >= 15
    assert len(leaf_rows) > 3


def test_inner_splits_keep_the_copies_of_a_row_together():
    seen = []

    class Recorder(GaussianNB):
        def fit(self, X, y, sample_weight=None):
            seen.append(set(np.asarray(X)[:, 0]))
            return super().fit(X, y, sample_weight)

    X, proba, y, _ = random_problem(0, n=90)
    X[:, 0] = np.arange(90)  # names the row
    lesson = learn(CalibratedClassifierCV(Recorder(), cv=3), X, targets_of(proba, y))
    assert lesson.route == "weighted copies"
    assert [len(rows) for rows in seen] == [60, 60, 60]
    assert lesson.student.cv == 3


def test_bagging_draws_rows_not_copies():
    X, proba, y, _ = random_problem(0, n=200)
    student = BaggingClassifier(
        GaussianNB(), n_estimators=30, oob_score=True, random_state=0, max_features=3
    )
    model = learn(student, X, targets_of(proba, y)).student
    assert isinstance(model.estimators_[0], GaussianNB)
    assert model.get_params(deep=False)["oob_score"] is True
    for member, drawn in zip(model.estimators_, model.estimators_samples_, strict=True):
        assert len(drawn) == 200
        assert_allclose(member.class_count_.sum(), 200)
    assert model.oob_decision_function_.shape == (200, 3)
    assert 0 <= model.oob_score_ <= 1


def test_forest_out_of_bag_is_recomputed_against_the_labels():
    X, proba, y, _ = random_problem(0, n=200)
    y = proba.argmax(axis=1)
    student = RandomForestClassifier(40, oob_score=True, random_state=0)
    forest = learn(student, X, targets_of(proba, y)).student
    votes = np.zeros((200, 3))
    for tree, drawn in zip(forest.estimators_, forest.estimators_samples_, strict=True):
        out = np.setdiff1d(np.arange(200), drawn)
        votes[out] += tree.predict_proba(X[out])
    expected = votes / votes.sum(axis=1, keepdims=True)
    assert_allclose(forest.oob_decision_function_, expected)
    assert forest.oob_score_ == np.mean(expected.argmax(axis=1) == y)


@pytest.mark.parametrize("bootstrap", [True, False])
@pytest.mark.parametrize("weighted", [True, False])
def test_forest_with_a_onehot_teacher_is_the_plain_forest(bootstrap, weighted):
    X, _, y, rng = random_problem(0, n=300)
    weight = rng.integers(1, 4, 300).astype(float) if weighted else None
    student = RandomForestClassifier(
        8, bootstrap=bootstrap, max_leaf_nodes=10, random_state=0
    )
    plain = clone(student).fit(X, y, sample_weight=weight)
    forest = learn(student, X, targets_of(np.eye(3)[y], y, weight=weight)).student
    agree = np.mean(forest.predict(X) == plain.predict(X))
    assert agree > 0.97
    assert_allclose(forest.predict_proba(X), plain.predict_proba(X), atol=0.15)


def test_regressors_of_one_output_are_fitted_once_a_class():
    X, proba, y, _ = random_problem(0, n=80)
    lesson = learn(SVR(), X, targets_of(proba, y))
    assert len(lesson.student.estimators_) == 3
    X, proba, y, _ = random_problem(0, n=80, k=2)
    lesson = learn(SVR(), X, targets_of(proba, y))
    assert isinstance(lesson.student, SVR)
    assert_allclose(lesson.predict_proba(X).sum(axis=1), 1.0)


@pytest.mark.parametrize(
    ("student", "cure"),
    [
        (KNeighborsClassifier(), "takes no sample_weight"),
        (SGDClassifier(early_stopping=True), "early_stopping=True"),
        (GradientBoostingClassifier(n_iter_no_change=5), "n_iter_no_change=5"),
    ],
)
def test_hard_labels_warn_and_name_the_cure(student, cure):
    X, proba, y, _ = random_problem(0)
    assert route_of(student) == "hard labels"
    with pytest.warns(UserWarning, match=rf"learns hard labels.*{cure}"):
        lesson = learn(student, X, targets_of(proba, y))
    assert lesson.route == "hard labels"


def test_a_class_that_no_hard_label_names_keeps_its_column():
    X, proba, y, _ = random_problem(0)
    proba[:, 1] *= 1e-9
    proba /= proba.sum(axis=1, keepdims=True)
    with pytest.warns(UserWarning, match="hard labels"):
        lesson = learn(KNeighborsClassifier(), X, targets_of(proba, y))
    assert lesson.student.classes_.tolist() == [0, 2]
    answer = lesson.predict_proba(X)
    assert answer.shape == (len(X), 3)
    assert (answer[:, 1] == 0).all()


@pytest.mark.parametrize("student", [AdaBoostClassifier(n_estimators=3), LinearSVC()])
def test_other_classifiers_learn_by_copies(student):
    X, proba, y, _ = random_problem(0)
    lesson = learn(student, X, targets_of(proba, y))
    assert lesson.route == "weighted copies"
    assert np.mean(lesson.predict(X) == proba.argmax(axis=1)) > 0.5


@pytest.mark.parametrize("alpha", [0.5, 1.0])
def test_put_back_exponent_of_a_flexible_copy_student(alpha):
    """A student that can say anything says at T what minimises the loss."""
    X = np.repeat(np.arange(4.0), 25)[:, None]
    rng = np.random.default_rng(0)
    proba = np.repeat(soften(rng.normal(size=(4, 3)) * 2, "logits"), 25, axis=0)
    y = rng.integers(0, 3, 100)
    targets = targets_of(proba, y, alpha=alpha, temperature=2.0)
    student = AdaBoostClassifier(DecisionTreeClassifier(), n_estimators=1)
    answer = learn(student, X, targets).predict_proba(X)
    if alpha == 1.0:
        tree = DecisionTreeClassifier(criterion="entropy")
        answer = learn(tree, X, targets).predict_proba(X)
        assert_allclose(answer, proba, atol=1e-6)
    assert_allclose(answer.sum(axis=1), 1.0)


def test_binary_breast_cancer_tree_converts_to_onnx():
    skl2onnx = pytest.importorskip("skl2onnx")
    import onnxruntime

    X, y = load_breast_cancer(return_X_y=True)
    forest = RandomForestClassifier(20, random_state=0).fit(X, y)
    student = DecisionTreeClassifier(max_leaf_nodes=16, random_state=0)
    tree = learn(student, X, targets_of(forest.predict_proba(X), y)).student
    X = X.astype(np.float32)
    onnx = skl2onnx.to_onnx(tree, X[:1], options={"zipmap": False})
    session = onnxruntime.InferenceSession(onnx.SerializeToString())
    proba = session.run(None, {session.get_inputs()[0].name: X})[1]
    assert_allclose(proba, tree.predict_proba(X), atol=1e-6)


@pytest.mark.parametrize("class_weight", [{0: 9.0, 1: 1.0, 2: 1.0}, "balanced"])
@pytest.mark.parametrize(
    "student",
    [LinearSVC(tol=1e-8, max_iter=20_000), SGDClassifier(random_state=0)],
    ids=["svc", "sgd"],
)
def test_class_weights_of_one_vs_rest_students_stay_theirs(student, class_weight):
    X, _, y, _ = random_problem(3, n=300)
    student = clone(student).set_params(class_weight=class_weight)
    plain = clone(student).fit(X, y)
    lesson = learn(student, X, targets_of(np.eye(3)[y], y))
    assert lesson.student.get_params() == student.get_params()
    assert_allclose(lesson.student.coef_, plain.coef_, atol=1e-6)


@pytest.mark.parametrize("student", [s for s, _ in ROUTES[:6]], ids=NAMES[:6])
def test_class_weights_of_labels_that_y_lacks_are_refused(student):
    from skdistill import DistillationClassifier

    if "class_weight" not in student.get_params():
        pytest.skip("this kind of tree has no class weights")
    student = clone(student).set_params(class_weight={"zz": 3.0})
    X, _, y, _ = random_problem(3)
    model = DistillationClassifier(GaussianNB(), student)
    with pytest.raises(ValueError, match="not in class_weight"):
        model.fit(X, y)
    assert not hasattr(model, "teacher_")


def test_default_inner_splits_keep_copies_together_too():
    seen = []

    class Recorder(GaussianNB):
        def fit(self, X, y, sample_weight=None):
            seen.append(set(np.asarray(X)[:, 0]))
            return super().fit(X, y, sample_weight)

    X, proba, y, _ = random_problem(0, n=100)
    X[:, 0] = np.arange(100)
    learn(CalibratedClassifierCV(Recorder(), ensemble=True), X, targets_of(proba, y))
    assert [len(rows) for rows in seen] == [80] * 5


def test_students_that_would_judge_themselves_by_torn_copies_take_hard_labels():
    class Mine(RandomForestClassifier):
        pass

    assert route_of(Mine(oob_score=True)) == "hard labels"
    assert route_of(Mine()) == "weighted copies"


@pytest.mark.parametrize("voting", ["soft", "hard"])
def test_voting_students_learn_by_copies(voting):
    from sklearn.ensemble import VotingClassifier

    X, proba, y, _ = random_problem(0)
    student = VotingClassifier([("nb", GaussianNB())], voting=voting)
    lesson = learn(student, X, targets_of(proba, y))
    alone = learn(GaussianNB(), X, targets_of(proba, y))
    assert lesson.route == "weighted copies"
    assert_array_equal(lesson.predict(X), alone.predict(X))


def test_internal_weights_need_no_metadata_request():
    from sklearn import config_context

    X, proba, y, _ = random_problem(0)
    with config_context(enable_metadata_routing=True):
        for student in (CalibratedClassifierCV(GaussianNB()), AdaBoostClassifier()):
            assert learn(student, X, targets_of(proba, y)).route == "weighted copies"


def test_regressors_without_weights_ignore_them():
    from sklearn.linear_model import ARDRegression

    X, proba, y, rng = random_problem(0)
    weight = rng.uniform(0.5, 2, len(X))
    lesson = learn(ARDRegression(), X, targets_of(proba, y, weight=weight))
    assert_allclose(lesson.predict_proba(X).sum(axis=1), 1.0)


def test_sparse_rows_of_any_format_are_copied():
    import scipy.sparse

    X, proba, y, _ = random_problem(0)
    lesson = learn(SGDClassifier(), scipy.sparse.coo_array(X), targets_of(proba, y))
    assert lesson.route == "weighted copies"


def test_scores_are_put_back_as_probabilities_are():
    from skdistill import DistillationClassifier

    X, proba, _, _ = random_problem(0, k=2)
    y = proba.argmax(axis=1)
    student = SGDClassifier(loss="log_loss", random_state=0)
    model = DistillationClassifier("precomputed", student, temperature=5.0)
    model.fit(X, y, teacher_proba=proba)
    second = 1 / (1 + np.exp(-model.decision_function(X)))
    assert_allclose(model.predict_proba(X)[:, 1], second, atol=1e-9)


def test_invalid_student_parameters_are_found_before_the_teacher_is_fitted():
    from skdistill import DistillationClassifier

    X, _, y, _ = random_problem(0)
    model = DistillationClassifier(GaussianNB(), DecisionTreeClassifier(max_depth=-3))
    with pytest.raises(ValueError, match=r"max_depth.*DecisionTreeClassifier"):
        model.fit(X, y)
    assert not hasattr(model, "teacher_")


def test_stripping_reaches_searches_inside_pipelines_and_local_functions():
    from sklearn.frozen import FrozenEstimator
    from sklearn.model_selection import GridSearchCV
    from sklearn.preprocessing import FunctionTransformer

    from skdistill import DistillationClassifier, strip_teacher

    X, _, y, _ = random_problem(0, n=300)
    forests = [RandomForestClassifier(200, random_state=k).fit(X, y) for k in (0, 1)]
    tree = DecisionTreeClassifier(max_leaf_nodes=8, random_state=0)
    grid = {"teacher": [FrozenEstimator(f) for f in forests]}
    search = GridSearchCV(DistillationClassifier(forests[0], tree), grid, cv=2)
    pipeline = make_pipeline(StandardScaler(), search).fit(X, y)
    small = strip_teacher(pipeline)
    assert len(pickle.dumps(small)) < 10_000 < 100_000 < len(pickle.dumps(forests[0]))
    assert_array_equal(small.predict(X), pipeline.predict(X))

    student = make_pipeline(FunctionTransformer(lambda X: X), tree)
    model = DistillationClassifier(forests[0], student).fit(X, y)
    assert_array_equal(strip_teacher(model).predict(X), model.predict(X))
    with pytest.raises(TypeError, match="no distiller"):
        strip_teacher(forests[0])


@pytest.mark.parametrize("temperature", [1.0, 2.0])
def test_pickles_of_trees_are_the_same_to_the_byte(temperature):
    X, proba, y, _ = random_problem(0)
    targets = targets_of(proba, y, alpha=0.5, temperature=temperature)
    tree = DecisionTreeClassifier(max_leaf_nodes=20, random_state=0)
    pickles = {pickle.dumps(learn(tree, X, targets).student) for _ in range(10)}
    assert len(pickles) == 1
