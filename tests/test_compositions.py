"""Weighted teachers, born-again generations, teacher assistants."""

import pickle
import re
import warnings

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import log_softmax, softmax
from sklearn import config_context
from sklearn.base import clone
from sklearn.compose import ColumnTransformer
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import RandomForestClassifier
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression, Perceptron, Ridge
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeClassifier
from sklearn.utils.estimator_checks import parametrize_with_checks

from skdistill import BornAgainClassifier, DistillationClassifier, strip_teacher
from skdistill._rows import TrainingRows
from skdistill.teachers import hire
from skdistill.teachers._weights import learn_weights
from tests.strategies import examples, frames, make_problem, problems

pytestmark = pytest.mark.filterwarnings("ignore:The student is larger:UserWarning")

PROBLEM = make_problem(0, n=90, k=3, labels="string")
X, Y, X_NEW, CLASSES = PROBLEM.X, PROBLEM.y, PROBLEM.X_new, PROBLEM.classes
WEIGHT = PROBLEM.weight
FULL_TREE = DecisionTreeClassifier(random_state=0)
SMALL_TREE = DecisionTreeClassifier(max_leaf_nodes=8, random_state=0)
FOREST = RandomForestClassifier(10, max_depth=4, random_state=0)
LOGISTIC = LogisticRegression(tol=1e-10, max_iter=2000)


# Weighted teachers ---------------------------------------------------------------


def said(teacher, weights=None, *, problem=PROBLEM, sample_weight=None):
    """What a list of teachers says of the training rows, and the weights."""
    rows = TrainingRows(
        problem.X, problem.y, problem.codes, problem.classes, sample_weight
    )
    hired = hire(teacher, rows, weights=weights)
    output = hired.evaluate(problem.X, None, problem.classes)
    return output, hired.weights


def fitted_company(problem, seed, n):
    """Fitted teachers of different strength that never say 0."""
    rng = np.random.default_rng(seed)
    company = []
    for _ in range(n):
        rows = rng.permutation(len(problem.X))[: len(problem.X) * 2 // 3]
        rows = np.union1d(rows, np.unique(problem.y, return_index=True)[1])
        model = LogisticRegression(C=10 ** rng.uniform(-3, 1))
        company.append(model.fit(problem.X[rows], problem.y[rows]))
    return company


def logits_of(problem, seed, n):
    """The same rows as logits: skew maps of them, as modules would give."""
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(seed)
    n_columns = len(problem.classes)
    modules = []
    for _ in range(n):
        linear = torch.nn.Linear(problem.X.shape[1], n_columns)
        with torch.no_grad():
            linear.weight.copy_(
                torch.tensor(rng.normal(size=(n_columns, problem.X.shape[1])))
            )
        modules.append(linear)
    return modules


COMPANIES = {"probabilities": fitted_company, "logits": logits_of}
companies = st.sampled_from(sorted(COMPANIES))
seeds = st.integers(0, 2**16)


@examples(25)
@given(problems(), companies, seeds, st.integers(1, 4), st.floats(1e-3, 1e3))
def test_equal_weights_are_no_weights(problem, kind, seed, n, size):
    teacher = COMPANIES[kind](problem, seed, n)
    plain, of_plain = said(teacher, problem=problem)
    weighted, of_weighted = said(teacher, [size] * n, problem=problem)
    assert plain.kind == weighted.kind == kind
    assert plain.values.tobytes() == weighted.values.tobytes()
    each = [said([one], problem=problem)[0].values for one in teacher]
    assert plain.values.tobytes() == (sum(each) / n).tobytes()
    assert_array_equal(of_plain, np.full(n, 1 / n))
    assert_array_equal(of_weighted, of_plain)


@examples(25)
@given(problems(), companies, seeds, st.integers(2, 4), st.data())
def test_all_weight_on_one_is_that_one_alone(problem, kind, seed, n, data):
    teacher = COMPANIES[kind](problem, seed, n)
    k = data.draw(st.integers(0, n - 1))
    weights = np.zeros(n)
    weights[k] = data.draw(st.floats(0.1, 10))
    chosen, shares = said(teacher, weights, problem=problem)
    alone, _ = said([teacher[k]], problem=problem)
    assert chosen.values.tobytes() == alone.values.tobytes()
    assert_array_equal(shares, np.eye(n)[k])


@examples(25)
@given(problems(), companies, seeds, st.integers(2, 5))
def test_the_order_of_teachers_with_their_weights_is_nothing(problem, kind, seed, n):
    teacher = COMPANIES[kind](problem, seed, n)
    rng = np.random.default_rng(seed)
    weights, order = rng.uniform(size=n), rng.permutation(n)
    one, of_one = said(teacher, weights, problem=problem)
    two, of_two = said([teacher[k] for k in order], weights[order], problem=problem)
    assert_allclose(one.values, two.values, rtol=1e-12, atol=1e-12)
    assert_allclose(of_one[order], of_two)


def test_given_weights_are_those_of_the_mean():
    a, b = GaussianNB().fit(X, Y), LOGISTIC.fit(X, Y)
    model = DistillationClassifier(
        [a, b], FULL_TREE, teacher_weights=[3, 1], alpha=1.0
    ).fit(X, Y)
    expected = 0.75 * a.predict_proba(X) + 0.25 * b.predict_proba(X)
    assert_allclose(model.predict_proba(X), expected, atol=1e-5)
    assert_array_equal(model.teacher_weights_, [0.75, 0.25])
    assert model.teacher_[0] is a


def test_networks_are_weighed_before_the_softmax():
    torch = pytest.importorskip("torch")
    nets = logits_of(PROBLEM, 0, 2)
    output, _ = said(nets, [1, 3])
    rows = torch.tensor(X, dtype=torch.float32)
    with torch.no_grad():
        one, two = (net(rows).numpy().astype(float) for net in nets)
    assert_allclose(output.values, one / 4 + two * 3 / 4, atol=1e-6)


def test_who_has_no_say_does_not_turn_logits_into_probabilities():
    (net,) = logits_of(PROBLEM, 0, 1)
    chosen, _ = said([GaussianNB().fit(X, Y), net], [0, 1])
    alone, _ = said([net])
    assert chosen.kind == alone.kind == "logits"
    assert_array_equal(chosen.values, alone.values)
    assert said([GaussianNB().fit(X, Y), net], [1, 1])[0].kind == "probabilities"


def test_a_teacher_of_no_weight_is_not_asked():
    class Silent(GaussianNB):
        def predict_proba(self, X):
            raise AssertionError("asked for nothing")

    teacher = [GaussianNB().fit(X, Y), Silent().fit(X, Y)]
    model = DistillationClassifier(teacher, SMALL_TREE, teacher_weights=[1, 0])
    alone = DistillationClassifier(teacher[0], SMALL_TREE).fit(X, Y)
    found = model.fit(X, Y).predict_proba(X_NEW)
    assert_array_equal(found, alone.predict_proba(X_NEW))


def test_weights_go_with_labels_wherever_the_columns_are():
    low, high = Y != "yes", Y != "maybe"
    a, b = GaussianNB().fit(X[low], Y[low]), GaussianNB().fit(X[high], Y[high])
    output, _ = said([a, b], [1, 4])
    expected = np.zeros((len(X), 3))
    expected[:, [0, 1]] += 0.2 * a.predict_proba(X)  # maybe, no
    expected[:, [1, 2]] += 0.8 * b.predict_proba(X)  # no, yes
    assert output.classes.tolist() == ["maybe", "no", "yes"]
    assert_allclose(output.values, expected)


# Learned weights


def loss_of(weights, votes, codes, share, kind):
    """The ensemble's mean log-loss, straight from its definition."""
    mean = sum(weight * vote for weight, vote in zip(weights, votes, strict=True))
    log_proba = log_softmax(mean, axis=1) if kind == "logits" else np.log(mean)
    return -share @ log_proba[np.arange(len(codes)), codes]


def random_votes(seed, n_teachers, n_rows, n_classes, kind):
    """Teachers that know something of the labels, each in its own measure."""
    rng = np.random.default_rng(seed)
    codes = rng.integers(n_classes, size=n_rows)
    share = rng.uniform(0.1, 2, size=n_rows)
    onehot = np.eye(n_classes)[codes]
    votes = [
        rng.uniform(0, 3) * onehot + rng.normal(size=(n_rows, n_classes))
        for _ in range(n_teachers)
    ]
    if kind == "probabilities":
        votes = [softmax(vote, axis=1) for vote in votes]
    return votes, codes, share / share.sum()


@examples(40)
@given(seeds, companies, st.integers(1, 6), st.integers(2, 5))
def test_learned_weights_are_no_worse_than_any_teacher(seed, kind, n, n_classes):
    votes, codes, share = random_votes(seed, n, 60, n_classes, kind)
    weights = learn_weights(votes, codes, share, as_logits=kind == "logits")
    assert weights.min() >= 0
    assert weights.sum() == pytest.approx(1, abs=1e-12)
    reached = loss_of(weights, votes, codes, share, kind)
    for other in [*np.eye(n), np.full(n, 1 / n)]:
        assert reached <= loss_of(other, votes, codes, share, kind) + 1e-12


@pytest.mark.parametrize("seed", range(12))
def test_learned_weights_are_not_even_a_little_worse_than_a_sure_teacher(seed):
    rng = np.random.default_rng(seed)
    codes, share = rng.integers(2, size=5), np.full(5, 0.2)
    onehot, votes = np.eye(2)[codes], []
    for _ in range(24):
        logits = 150 * (rng.uniform(0, 3) * onehot + rng.normal(size=(5, 2)))
        votes.append(np.clip(softmax(logits, axis=1), 1e-6, 1 - 1e-6))
    weights = learn_weights(votes, codes, as_logits=False)
    reached = loss_of(weights, votes, codes, share, "probabilities")
    alone = [loss_of(one, votes, codes, share, "probabilities") for one in np.eye(24)]
    assert reached <= min(alone) + 1e-12


@examples(30)
@given(seeds, companies)
def test_learned_weights_of_two_are_those_of_a_grid(seed, kind):
    votes, codes, share = random_votes(seed, 2, 60, 3, kind)
    found = learn_weights(votes, codes, share, as_logits=kind == "logits")
    grid = np.linspace(0, 1, 1001)
    losses = [loss_of((w, 1 - w), votes, codes, share, kind) for w in grid]
    assert loss_of(found, votes, codes, share, kind) <= min(losses) + 1e-12
    assert found[0] == pytest.approx(grid[np.argmin(losses)], abs=2e-3)


@examples(20)
@given(seeds, companies, st.integers(3, 6))
def test_learned_weights_satisfy_the_conditions_of_optimality(seed, kind, n):
    votes, codes, share = random_votes(seed, n, 200, 3, kind)
    weights = learn_weights(votes, codes, share, as_logits=kind == "logits")
    here = loss_of(weights, votes, codes, share, kind)
    for k in range(n):  # convex: no way is down if no way to a corner is
        step = weights + 1e-4 * (np.eye(n)[k] - weights)
        assert loss_of(step, votes, codes, share, kind) > here - 1e-9


@examples(20)
@given(problems(), seeds, st.integers(2, 3))
def test_learning_takes_row_weights_for_repeated_rows(problem, seed, n):
    teacher = fitted_company(problem, seed, n)
    counts = np.random.default_rng(seed).integers(0, 3, len(problem.X))
    counts[np.unique(problem.y, return_index=True)[1]] += 1
    _, weighted = said(
        teacher, "learned", problem=problem, sample_weight=counts.astype(float)
    )
    again = np.repeat(np.arange(len(counts)), counts)
    problem.X, problem.y = problem.X[again], problem.y[again]
    _, repeated = said(teacher, "learned", problem=problem)
    assert_allclose(weighted, repeated, atol=1e-5)


@pytest.mark.parametrize("kind", sorted(COMPANIES))
def test_the_ensemble_is_that_of_the_learned_weights(kind):
    teacher = COMPANIES[kind](PROBLEM, 1, 3)
    learned, shares = said(teacher, "learned", sample_weight=WEIGHT)
    given_, _ = said(teacher, shares)
    assert_allclose(learned.values, given_.values, rtol=1e-10)
    assert shares.sum() == pytest.approx(1)
    assert np.ptp(shares) > 0.01


def test_learning_goes_by_label_and_not_by_column():
    known = GaussianNB().fit(X, Y)
    noise = DummyClassifier(strategy="prior").fit(X, Y)

    def turned(X):
        return known.predict_log_proba(X)[:, [2, 0, 1]]

    model = DistillationClassifier(
        [noise, turned],
        SMALL_TREE,
        teacher_weights="learned",
        teacher_classes=CLASSES[[2, 0, 1]],
    ).fit(X, Y)
    _, straight = said([noise, known], "learned")
    assert_allclose(model.teacher_weights_, straight, atol=1e-6)
    assert straight[1] > 0.5


def test_learning_among_teachers_of_different_classes():
    low = Y != "yes"
    few, every = GaussianNB().fit(X[low], Y[low]), GaussianNB().fit(X, Y)
    output, weights = said([few, every], "learned")
    p = np.zeros((2, len(X), 3))
    p[0][:, :2], p[1] = few.predict_proba(X), every.predict_proba(X)
    of_label = p[:, np.arange(len(X)), PROBLEM.codes]
    grid = np.linspace(0, 1, 1001)[:-1]  # the last is the first teacher alone: log 0
    losses = [-np.log(w * of_label[0] + (1 - w) * of_label[1]).mean() for w in grid]
    assert weights[0] == pytest.approx(grid[np.argmin(losses)], abs=2e-3)
    assert_allclose(output.values, np.einsum("k,kij->ij", weights, p))


def test_rows_whose_label_no_teacher_knows_have_no_say():
    two = Y != "yes"
    teacher = fitted_company(make_problem(1, k=3, n=60), 0, 2)
    teacher = [clone(model).fit(X[two], Y[two]) for model in teacher]
    _, everywhere = said(teacher, "learned")
    _, known = said(teacher, "learned", sample_weight=two.astype(float))
    assert_allclose(everywhere, known, atol=1e-6)


def test_nobody_to_learn_from_leaves_weights_equal():
    votes, _, share = random_votes(0, 3, 20, 2, "probabilities")
    nobody = learn_weights(votes, np.full(20, -1), share, as_logits=False)
    assert_array_equal(nobody, np.full(3, 1 / 3))


def test_impossible_labels_do_not_break_the_learning():
    sure = np.array([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    votes, codes = [sure, np.full((3, 2), 0.5)], np.array([0, 1, 1])
    found = learn_weights(votes, codes, as_logits=False)
    assert_allclose(found, [1 / 3, 2 / 3], atol=1e-4)  # by hand: 2/(1+w) = 1/(1-w)
    with np.errstate(divide="ignore"):
        logits = [np.log(vote) for vote in votes]
    found = learn_weights(logits, codes, as_logits=True)
    assert found[1] > 0.9


def test_unlabelled_rows_take_no_part_in_the_learning():
    teacher = fitted_company(PROBLEM, 0, 3)
    model = DistillationClassifier(teacher, SMALL_TREE, teacher_weights="learned")
    plain = clone(model).fit(X, Y).teacher_weights_
    more = clone(model).fit(X, Y, X_unlabeled=X_NEW).teacher_weights_
    assert_array_equal(plain, more)


def test_learning_asks_about_every_row_once():
    seen = []

    class Witness(GaussianNB):
        def predict_proba(self, X):
            seen.append(len(X))
            return super().predict_proba(X)

    teacher = [Witness().fit(X, Y), Witness(var_smoothing=1.0).fit(X, Y)]
    model = DistillationClassifier(teacher, SMALL_TREE, teacher_weights="learned")
    model.fit(X, Y, X_unlabeled=X_NEW)
    assert seen == [90, 90, 30, 30]


def test_in_sample_the_memory_wins_and_out_of_sample_the_judgement():
    noisy = make_problem(3, n=400, k=2, spread=3.0, labels="int")
    half = np.arange(400) % 2 == 0
    teacher = [
        DecisionTreeClassifier(random_state=0).fit(noisy.X[half], noisy.y[half]),
        LogisticRegression().fit(noisy.X[half], noisy.y[half]),
    ]
    model = DistillationClassifier(teacher, SMALL_TREE, teacher_weights="learned")
    seen = clone(model).fit(noisy.X[half], noisy.y[half]).teacher_weights_
    unseen = clone(model).fit(noisy.X[~half], noisy.y[~half]).teacher_weights_
    assert seen[0] > 0.99
    assert unseen[1] > 0.5


# Weights and scikit-learn


@pytest.mark.parametrize("weights", [[2, 1], np.array([2.0, 1.0]), "learned"])
def test_weights_survive_copies(weights):
    teacher = [GaussianNB(), SMALL_TREE]
    model = DistillationClassifier(teacher, SMALL_TREE, teacher_weights=weights)
    copy = clone(clone(model))
    assert_array_equal(copy.teacher_weights, weights)
    assert_array_equal(copy.get_params()["teacher_weights"], weights)
    assert "teacher_weights" in repr(copy)
    fitted = copy.fit(X, Y)
    assert_array_equal(copy.teacher_weights, weights)
    again = pickle.loads(pickle.dumps(fitted))
    assert_array_equal(again.teacher_weights_, fitted.teacher_weights_)
    assert_array_equal(again.predict_proba(X_NEW), model.fit(X, Y).predict_proba(X_NEW))
    assert_array_equal(strip_teacher(fitted).predict(X_NEW), fitted.predict(X_NEW))


# What scikit-learn 1.6 makes of grid values of unequal lengths, with NumPy 1.23.
@pytest.mark.filterwarnings("ignore:Creating an ndarray from ragged")
def test_weights_are_searched_over():
    sights = [ColumnTransformer([("", "passthrough", k)]) for k in ([0, 1], [2, 3])]
    teacher = [make_pipeline(sight, GaussianNB()).fit(X, Y) for sight in sights]
    model = DistillationClassifier(teacher, SMALL_TREE, alpha=1.0)
    grid = {"teacher_weights": [None, "learned", [1, 0], np.array([0, 1])]}
    search = GridSearchCV(
        model, grid, cv=3, scoring="neg_log_loss", error_score="raise"
    ).fit(X, Y)
    assert len(np.unique(search.cv_results_["mean_test_score"])) == 4


def test_weights_are_an_attribute_of_lists_alone():
    model = DistillationClassifier([GaussianNB(), FOREST], SMALL_TREE).fit(X, Y)
    assert_array_equal(model.teacher_weights_, [0.5, 0.5])
    model.set_params(teacher=GaussianNB()).fit(X, Y)
    assert not hasattr(model, "teacher_weights_")


@pytest.mark.parametrize(
    "weights",
    [
        *([1], [1, 2, 3], [[1, 2]], 3.0),
        *([1, -1], [0, 0], [np.nan, 1], [np.inf, 1]),
        *("best", ["a", "b"], {"a": 1}),
    ],
)
def test_wrong_weights_are_refused_before_any_work(weights):
    class Untrained(GaussianNB):
        def fit(self, X, y, sample_weight=None):
            raise AssertionError("trained")

    model = DistillationClassifier(
        [Untrained(), Untrained()], Untrained(), teacher_weights=weights, alpha=2
    )
    with pytest.raises(ValueError, match=r"learned.*each of the 2 teachers") as caught:
        model.fit(X, Y)
    assert f"teacher_weights={weights!r}" in str(caught.value)
    assert "alpha=2" in str(caught.value)


@pytest.mark.parametrize("weights", [[1.0], "learned"])
@pytest.mark.parametrize("teacher", [GaussianNB(), "precomputed"])
def test_weights_need_a_list(teacher, weights):
    model = DistillationClassifier(teacher, SMALL_TREE, teacher_weights=weights)
    name = teacher if isinstance(teacher, str) else "GaussianNB"
    with pytest.raises(ValueError, match=rf"list of teachers.*{name}.*leave it out"):
        model.fit(X, Y)


# Born-again generations ----------------------------------------------------------

CHECKED = {
    "logistic": BornAgainClassifier(LOGISTIC),
    "tree": BornAgainClassifier(SMALL_TREE),
    "mean of trees": BornAgainClassifier(SMALL_TREE, average=True, temperature=2.0),
    "ridge": BornAgainClassifier(Ridge(), n_generations=2),
    "linear SVC": BornAgainClassifier(
        LinearSVC(tol=1e-6, random_state=0), n_generations=2, temperature=3.0
    ),
}
_SOLVER = "LinearSVC meets weights only to its tolerance (scikit-learn's list)"
_EQUIVALENCE = "check_sample_weight_equivalence_on_{}_data"
EXPECTED_FAILURES = {
    "linear SVC": {_EQUIVALENCE.format(kind): _SOLVER for kind in ("dense", "sparse")}
}


def expected_failures(estimator):
    (name,) = [name for name, known in CHECKED.items() if known is estimator]
    return EXPECTED_FAILURES.get(name, {})


@parametrize_with_checks(
    list(CHECKED.values()), expected_failed_checks=expected_failures
)
@pytest.mark.filterwarnings("ignore")
def test_scikit_learn_checks(estimator, check):
    check(estimator)


def by_hand(student, n, *, X=X, y=Y, weight=None, **options):
    """Each generation, taught from a table of what the one before it said."""
    found = [clone(student).fit(X, y, sample_weight=weight)]
    for _ in range(n - 1):
        model = DistillationClassifier("precomputed", student, **options)
        proba = found[-1].predict_proba(X)
        found.append(model.fit(X, y, weight, teacher_proba=proba))
    return found


@pytest.mark.parametrize("temperature", [1.0, 3.0])
@pytest.mark.parametrize("student", [SMALL_TREE, LOGISTIC, GaussianNB()])
def test_each_generation_learns_from_the_one_before(student, temperature):
    options = {"alpha": 0.8, "temperature": temperature}
    expected = by_hand(student, 3, weight=WEIGHT, **options)
    model = BornAgainClassifier(student, **options).fit(X, Y, WEIGHT)
    assert_array_equal(model.predict_proba(X_NEW), expected[-1].predict_proba(X_NEW))
    assert_array_equal(model.predict(X_NEW), expected[-1].predict(X_NEW))
    mean = model.set_params(average=True).fit(X, Y, WEIGHT).predict_proba(X_NEW)
    assert_allclose(mean, sum(m.predict_proba(X_NEW) for m in expected) / 3)
    assert_array_equal(model.predict(X_NEW), CLASSES[mean.argmax(axis=1)])
    assert [len(model.generations_), model.n_generations_] == [3, 3]
    assert model.student_ is model.generations_[-1].student_


@examples(12)
@given(problems(), st.integers(1, 3), st.booleans())
def test_without_weight_on_the_teacher_every_generation_is_the_first(problem, n, mean):
    student = DecisionTreeClassifier(max_leaf_nodes=6, random_state=0)
    alone = clone(student).fit(problem.X, problem.y)
    model = BornAgainClassifier(student, n_generations=n, alpha=0.0, average=mean)
    model.fit(problem.X, problem.y)
    found = model.predict_proba(problem.X_new)
    assert_allclose(found, alone.predict_proba(problem.X_new), atol=1e-15)
    one = BornAgainClassifier(student, n_generations=1).fit(problem.X, problem.y)
    assert_array_equal(
        one.predict_proba(problem.X_new), alone.predict_proba(problem.X_new)
    )


def test_a_student_that_has_memorised_teaches_nothing_new():
    model = BornAgainClassifier(FULL_TREE, average=True).fit(X, Y)
    first, *others = (each.predict_proba(X_NEW) for each in model.generations_)
    for other in others:
        assert_array_equal(first, other)


def test_generations_differ_in_seed():
    student = RandomForestClassifier(3, max_depth=3)
    model = BornAgainClassifier(student, average=True, random_state=0, alpha=0.0)
    proba = [each.predict_proba(X_NEW) for each in model.fit(X, Y).generations_]
    assert not np.array_equal(proba[0], proba[1])
    assert not np.array_equal(proba[1], proba[2])
    again = clone(model).fit(X, Y)
    assert_array_equal(model.predict_proba(X_NEW), again.predict_proba(X_NEW))
    model.set_params(student__random_state=5).fit(X, Y)
    assert {each.student_.random_state for each in model.generations_} == {5}


class UnmistakablyMarked(DecisionTreeClassifier):
    """A student whose every copy shows in a pickle; the name is not in the class."""

    def fit(self, X, y, sample_weight=None):
        super().fit(X, y, sample_weight)
        self.mark_ = [f"generation-mark-{np.random.default_rng().integers(2**60)}"]
        return self


def test_no_earlier_generation_is_kept():
    student = UnmistakablyMarked(criterion="entropy", max_leaf_nodes=8, random_state=0)
    model = BornAgainClassifier(student).fit(X, Y)
    assert len(model.generations_) == 1
    assert pickle.dumps(model).count(b"generation-mark-") == 1
    assert model.generations_[0].teacher == "precomputed"
    model.set_params(average=True).fit(X, Y)
    assert pickle.dumps(model).count(b"generation-mark-") == 3


@pytest.mark.parametrize("average", [False, True])
def test_generations_can_be_stripped(average):
    model = BornAgainClassifier(SMALL_TREE, average=average).fit(X, Y)
    small = strip_teacher(make_pipeline(StandardScaler(), model).fit(X, Y))[-1]
    model.fit(StandardScaler().fit_transform(X), Y)
    assert_array_equal(small.predict_proba(X_NEW), model.predict_proba(X_NEW))
    assert all(each.teacher is None for each in small.generations_)
    assert model.generations_[0].teacher == "precomputed"


def test_generations_teach_and_are_searched_over():
    model = DistillationClassifier(BornAgainClassifier(FOREST), SMALL_TREE)
    grid = {
        "teacher__n_generations": [1, 2],
        "teacher__average": [False, True],
        "teacher__student__max_depth": [2, 4],
    }
    search = GridSearchCV(
        model, grid, cv=2, scoring="neg_log_loss", error_score="raise"
    ).fit(X, Y)
    scores = search.cv_results_["mean_test_score"].reshape(2, 2, 2)
    assert not np.array_equal(scores[0, 1], scores[1, 1])
    assert_array_equal(scores[0, 0], scores[1, 0])  # one generation is its own mean
    assert isinstance(search.best_estimator_.teacher_, BornAgainClassifier)
    small = strip_teacher(search)
    assert b"BornAgain" not in pickle.dumps(small)


def test_scores_serve_where_there_are_no_probabilities():
    student = LinearSVC(tol=1e-6, random_state=0)
    model = BornAgainClassifier(student, n_generations=2, alpha=1.0).fit(X, Y)
    assert not hasattr(model, "predict_proba")
    parent = clone(student).fit(X, Y)
    expected = DistillationClassifier(
        "precomputed", student, alpha=1.0, teacher_output="logits"
    ).fit(X, Y, teacher_proba=parent.decision_function(X))
    assert_array_equal(
        model.decision_function(X_NEW), expected.decision_function(X_NEW)
    )
    binary = BornAgainClassifier(student, n_generations=2).fit(X, Y == "yes")
    assert binary.decision_function(X_NEW).shape == (30,)
    with pytest.raises(TypeError, match=r"LinearSVC.*average=False"):
        BornAgainClassifier(student, average=True).fit(X, Y)


def test_scores_of_several_are_no_score():
    model = BornAgainClassifier(LOGISTIC)
    assert hasattr(model, "decision_function")
    assert not hasattr(clone(model).set_params(average=True), "decision_function")
    assert model.fit(X, Y).decision_function(X_NEW).shape == (30, 3)


def test_frames_strings_and_names():
    data = frames(pd, X)
    model = BornAgainClassifier(SMALL_TREE).fit(data, Y)
    assert_array_equal(model.feature_names_in_, data.columns)
    assert_array_equal(model.classes_, CLASSES)
    assert_array_equal(model.student_.feature_names_in_, data.columns)
    assert not hasattr(model.fit(X, Y), "feature_names_in_")
    assert model.n_features_in_ == 4


def test_metadata_reaches_every_generation():
    class Noted(GaussianNB):
        heard = []

        def fit(self, X, y, sample_weight=None, note=None):
            Noted.heard.append(note)
            return super().fit(X, y, sample_weight)

    with pytest.raises(ValueError, match=r"unexpected \['note'\].*metadata_routing"):
        BornAgainClassifier(Noted()).fit(X, Y, note="a")
    with config_context(enable_metadata_routing=True):
        student = Noted().set_fit_request(note=True, sample_weight=False)
        model = BornAgainClassifier(student).fit(X, Y, WEIGHT, note="b")
        assert Noted.heard == ["b"] * 3
        inner = BornAgainClassifier(student).set_fit_request(sample_weight=True)
        scaler = StandardScaler().set_fit_request(sample_weight=False)
        make_pipeline(scaler, inner).fit(X, Y, sample_weight=WEIGHT, note="c")
        assert Noted.heard[3:] == ["c"] * 3
    expected = BornAgainClassifier(GaussianNB()).fit(X, Y, WEIGHT)
    assert_array_equal(model.predict_proba(X_NEW), expected.predict_proba(X_NEW))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"n_generations": 0}, "n_generations=0 must.*at least 1"),
        ({"n_generations": 2.0}, "n_generations=2.0 must"),
        ({"n_generations": True}, "n_generations=True must"),
        ({"average": "yes"}, "average='yes' must be True or False"),
        ({"temperature": 0, "alpha": 2}, "temperature=0.*alpha=2"),
    ],
)
def test_wrong_parameters_of_generations(options, words):
    class Untrained(GaussianNB):
        def fit(self, X, y, sample_weight=None):
            raise AssertionError("trained")

    with pytest.raises(ValueError, match=words):
        BornAgainClassifier(Untrained(), **options).fit(X, Y)


def test_students_that_cannot_be_born_again():
    with pytest.raises(TypeError, match="instance"):
        BornAgainClassifier(DecisionTreeClassifier).fit(X, Y)

    class Mute(DummyClassifier):
        predict_proba = property()

    with pytest.raises(TypeError, match=r"Mute.*no probabilities.*predict_proba"):
        BornAgainClassifier(Mute()).fit(X, Y)
    with pytest.raises(NotFittedError, match="BornAgainClassifier"):
        BornAgainClassifier(SMALL_TREE).predict(X)


def test_generations_hand_on_answers_alone():
    class Curious(GaussianNB):
        def teacher_representations(self):
            return ["leaves"]

        def fit(self, X, y, sample_weight=None):
            raise AssertionError("trained")

    with pytest.raises(ValueError, match=r"Curious.*leave the matching out"):
        BornAgainClassifier(Curious()).fit(X, Y)


def test_a_failed_refit_leaves_the_earlier_generations():
    model = BornAgainClassifier(SMALL_TREE).fit(X, Y)
    before = model.predict_proba(X_NEW)
    with pytest.raises(ValueError, match="alpha"):
        model.set_params(alpha=7).fit(X[:50, :2], Y[:50])
    assert_array_equal(model.predict_proba(X_NEW), before)
    assert model.n_features_in_ == 4


def test_a_poor_generation_is_nobodys_mistake():
    student = LogisticRegression(C=1e-9)
    y = np.where(np.arange(90) < 50, "no", Y)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model = BornAgainClassifier(student).fit(X, y)
    assert set(model.predict(X)) == {"no"}
    with pytest.warns(UserWarning, match="agrees with y"):
        DistillationClassifier(clone(student).fit(X, y), student).fit(X, y)


def test_generations_say_what_they_do_if_asked(capfd):
    BornAgainClassifier(SMALL_TREE).fit(X, Y)
    assert capfd.readouterr() == ("", "")
    BornAgainClassifier(SMALL_TREE, verbose=1).fit(X, Y)
    assert capfd.readouterr().out.count("generation") == 3


def test_perceptrons_teach_by_their_scores():
    student = Perceptron(random_state=0)
    model = BornAgainClassifier(student, random_state=0).fit(X, Y)
    assert model.score(X, Y) > 0.6
    assert model.generations_[0].route_ == "weighted copies"


# Teacher assistants --------------------------------------------------------------


def assisted(teacher, medium, small=SMALL_TREE, **options):
    return DistillationClassifier(
        DistillationClassifier(teacher, medium, **options), small, random_state=0
    )


def test_an_assistant_is_taught_and_then_teaches():
    medium = DecisionTreeClassifier(max_leaf_nodes=16, random_state=0)
    chain = assisted(FOREST, medium, temperature=2.0).fit(X, Y)
    proba = clone(FOREST).fit(X, Y).predict_proba(X)
    by_table = DistillationClassifier("precomputed", medium, temperature=2.0)
    by_table.fit(X, Y, teacher_proba=proba)
    proba = by_table.predict_proba(X)
    last = DistillationClassifier("precomputed", SMALL_TREE)
    last.fit(X, Y, teacher_proba=proba)
    assert_array_equal(chain.predict_proba(X_NEW), last.predict_proba(X_NEW))
    assert chain.teacher_source_ == chain.teacher_.teacher_source_ == "fitted"


def test_a_fitted_assistant_is_used_as_it_is():
    assistant = DistillationClassifier(FOREST, GaussianNB()).fit(X, Y)
    model = clone(DistillationClassifier(assistant, SMALL_TREE))
    assert model.fit(X, Y).teacher_ is assistant
    assert model.teacher_source_ == "given"
    with pytest.raises(ValueError, match=r"teacher__temperature.*fitted"):
        model.set_params(teacher__temperature=3)
    expected = assisted(FOREST, GaussianNB()).fit(X, Y)
    assert_array_equal(model.predict_proba(X_NEW), expected.predict_proba(X_NEW))


def test_an_unfitted_assistant_of_a_fitted_teacher():
    forest = clone(FOREST).fit(X, Y)
    model = clone(assisted(forest, GaussianNB()))
    assert model.teacher.teacher is forest
    assert model.fit(X, Y).teacher_.teacher_ is forest
    assert [model.teacher_source_, model.teacher_.teacher_source_] == [
        "fitted",
        "given",
    ]
    grid = {"teacher__temperature": [1.0, 8.0], "teacher__alpha": [0.3, 1.0]}
    search = GridSearchCV(
        model.set_params(alpha=1.0),
        grid,
        cv=3,
        scoring="neg_log_loss",
        error_score="raise",
    ).fit(X, Y)
    assert search.best_estimator_.teacher_.teacher_ is forest
    assert len(np.unique(search.cv_results_["mean_test_score"])) == 4


def test_nothing_of_a_chain_stays_after_stripping():
    teacher = UnmistakablyMarked(random_state=0).fit(X, Y)
    medium = UnmistakablyMarked(criterion="entropy", max_leaf_nodes=16, random_state=0)
    chain = assisted(teacher, medium).fit(X, Y)
    assert pickle.dumps(chain).count(b"generation-mark-") == 2
    small = strip_teacher(chain)
    assert b"Unmistakably" not in pickle.dumps(small)
    assert_array_equal(small.predict_proba(X_NEW), chain.predict_proba(X_NEW))


def test_weights_and_rows_of_a_frame_reach_the_far_end_of_a_chain():
    chain = assisted(GaussianNB(), LOGISTIC).fit(frames(pd, X), Y, WEIGHT)
    teacher = GaussianNB().fit(frames(pd, X), Y, WEIGHT)
    found = chain.teacher_.teacher_.predict_proba(frames(pd, X))
    assert_array_equal(found, teacher.predict_proba(frames(pd, X)))
    assert_array_equal(chain.teacher_.student_.feature_names_in_, list(frames(pd, X)))
    with config_context(enable_metadata_routing=True):
        routed = assisted(GaussianNB(), LOGISTIC).fit(X, Y)
    plain = assisted(GaussianNB(), LOGISTIC).fit(X, Y)
    assert_array_equal(routed.predict_proba(X_NEW), plain.predict_proba(X_NEW))


# Networks


@pytest.fixture(scope="module")
def networks():
    """A maker of skorch nets and one of modules, on one thread."""
    torch = pytest.importorskip("torch")
    skorch = pytest.importorskip("skorch")
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield _make_net(skorch, torch), _make_module
    torch.set_num_threads(before)


def _make_module(n_hidden=8):
    from torch import nn

    return nn.Sequential(nn.Linear(4, n_hidden), nn.ReLU(), nn.Linear(n_hidden, 3))


def _make_net(skorch, torch):
    def make(n_hidden=8):
        return skorch.NeuralNetClassifier(
            _make_module,
            module__n_hidden=n_hidden,
            criterion=torch.nn.CrossEntropyLoss,
            optimizer=torch.optim.Adam,
            lr=0.05,
            max_epochs=4,
            batch_size=32,
            train_split=None,
            verbose=0,
        )

    return make


MEDIUMS = {
    "net": lambda net, module: net(),
    "module": lambda net, module: module(),
    "pipeline": lambda net, module: make_pipeline(StandardScaler(), net()),
}


@pytest.mark.parametrize("medium", MEDIUMS)
def test_networks_assist(networks, medium):
    medium = MEDIUMS[medium](*networks)
    model = assisted(FOREST, medium, temperature=2.0).fit(X, Y)
    proba = model.predict_proba(X_NEW)
    assert_array_equal(pickle.loads(pickle.dumps(model)).predict_proba(X_NEW), proba)
    assert model.teacher_.route_ == "network"
    fitted = DistillationClassifier(model.teacher_, SMALL_TREE)
    assert clone(fitted).teacher is model.teacher_
    assert_array_equal(fitted.fit(X, Y).predict_proba(X_NEW), proba)
    assert_array_equal(strip_teacher(model).predict_proba(X_NEW), proba)
    assert model.teacher_.score(X, Y) > 0.6
    if hasattr(medium, "get_params"):  # a module trains for longer
        again = clone(model).fit(X, Y)
        assert_array_equal(again.predict_proba(X_NEW), proba)


def test_a_search_reaches_into_a_network_that_assists(networks):
    make_net, _ = networks
    model = assisted(make_net(16), make_net(), LOGISTIC).set_params(alpha=1.0)
    grid = {
        "teacher__temperature": [1.0, 5.0],
        "teacher__student__module__n_hidden": [2, 8],
    }
    search = GridSearchCV(
        model, grid, cv=2, scoring="neg_log_loss", error_score="raise"
    ).fit(X, Y)
    assert len(np.unique(search.cv_results_["mean_test_score"])) == 4
    scores = cross_val_score(assisted(FOREST, make_net()), X, Y, cv=2, n_jobs=2)
    again = cross_val_score(assisted(FOREST, make_net()), X, Y, cv=2)
    assert_array_equal(scores, again)


def test_networks_are_born_again(networks):
    for medium in ("net", "pipeline"):
        student = MEDIUMS[medium](*networks)
        model = BornAgainClassifier(
            student, n_generations=2, temperature=3.0, average=True, random_state=0
        ).fit(X, Y)
        proba = model.predict_proba(X_NEW)
        assert_array_equal(clone(model).fit(X, Y).predict_proba(X_NEW), proba)
        again = pickle.loads(pickle.dumps(model))
        assert_array_equal(again.predict_proba(X_NEW), proba)
        small = strip_teacher(model)
        assert_array_equal(small.predict_proba(X_NEW), proba)
        first, second = (each.predict_proba(X_NEW) for each in model.generations_)
        assert not np.array_equal(first, second)
        assert_allclose(proba, (first + second) / 2)


def test_learned_weights_of_fitted_networks(networks):
    make_net, _ = networks
    model = DistillationClassifier(
        [make_net(), make_net(2), make_net(32)],
        SMALL_TREE,
        teacher_weights="learned",
        random_state=0,
    ).fit(X, Y)
    logits = [
        np.log(net.predict_proba(X.astype(np.float32)).astype(float))
        for net in model.teacher_
    ]
    share = np.full(len(X), 1 / len(X))
    reached = loss_of(model.teacher_weights_, logits, PROBLEM.codes, share, "logits")
    for other in np.eye(3):
        assert reached <= loss_of(other, logits, PROBLEM.codes, share, "logits") + 1e-7
    assert re.search("teacher_weights='learned'", repr(model))
