"""Pictures: the numbers behind them, and that they can be read."""

import subprocess
import sys
import tempfile
import warnings
from itertools import pairwise

import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import softmax
from scipy.stats import entropy, loguniform, uniform
from sklearn.calibration import calibration_curve
from sklearn.datasets import load_breast_cancer, load_digits, load_wine
from sklearn.ensemble import RandomForestClassifier
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.linear_model import RidgeClassifier
from sklearn.metrics import confusion_matrix
from sklearn.model_selection import (
    GridSearchCV,
    HalvingGridSearchCV,
    RandomizedSearchCV,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier
from skorch import NeuralNetClassifier

from skdistill import (
    BudgetedDistillationCV,
    DistillationClassifier,
    DistillationClassifierCV,
    strip_teacher,
)
from skdistill.inspection import (
    FidelityDisplay,
    ParetoDisplay,
    SoftLabelDisplay,
    TeacherConfusionDisplay,
    TemperatureAlphaDisplay,
    TrainingCurveDisplay,
)
from skdistill.inspection._bins import bin_means
from skdistill.inspection._figures import text_color
from skdistill.inspection._pareto import on_front
from skdistill.neural import NeuralClassifier
from tests.strategies import examples

plt = pytest.importorskip("matplotlib.pyplot")
plt.switch_backend("Agg")

LETTERS = list("ABCDEFGHIJKLMNOPQRSTUVWXYZ")
CANCER = np.array(["malignant", "benign"])
WINES = np.array(["Barolo", "Grignolino", "Barbera"])


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


def taught(load, names=None, leaves=16, **params):
    """A distilled tree, and rows held out."""
    X, y = load(return_X_y=True)
    X, y = X[:900], y[:900]
    y = y if names is None else names[y]
    order = np.random.default_rng(0).permutation(len(X))
    train, test = order[: len(X) // 2], order[len(X) // 2 :]
    forest = RandomForestClassifier(20, random_state=0).fit(X[train], y[train])
    tree = DecisionTreeClassifier(max_leaf_nodes=leaves, random_state=0)
    model = DistillationClassifier(forest, tree, **params).fit(X[train], y[train])
    return model, X[test], y[test]


@pytest.fixture(scope="module")
def digits():
    return taught(load_digits, leaves=40)


@pytest.fixture(scope="module")
def cancer():
    return taught(load_breast_cancer, CANCER)


@pytest.fixture(scope="module")
def wine():
    return taught(load_wine, WINES, leaves=4)


def pair(n_classes, n_rows=400, seed=0):
    """Probabilities of a teacher, and of a student like it."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(size=(n_rows, n_classes))
    logits[np.arange(n_rows), rng.integers(n_classes, size=n_rows)] += 4
    noise = rng.normal(size=logits.shape)
    return softmax(logits, axis=1), softmax(0.8 * logits + 0.6 * noise, axis=1)


# Nothing is cut off, and nothing lies on anything else ------------------------------


def ticks_shown(axis):
    """Texts of the ticks within the limits of an axis."""
    low, high = sorted(axis.get_view_interval())
    return [
        tick.label1
        for tick in axis.get_major_ticks()
        if low <= tick.get_loc() <= high
        and tick.label1.get_visible()
        and tick.label1.get_text()
    ]


def overlap(one, other):
    """Whether two boxes overlap by more than a pixel."""
    return (
        min(one.x1, other.x1) - max(one.x0, other.x0) > 1
        and min(one.y1, other.y1) - max(one.y0, other.y0) > 1
    )


def check_tidy(figure):
    figure.canvas.draw()
    box = figure.get_tightbbox().padded(-0.01)
    width, height = figure.get_size_inches()
    assert box.x0 >= 0, "cut off on the left"
    assert box.y0 >= 0, "cut off below"
    assert box.x1 <= width, "cut off on the right"
    assert box.y1 <= height, "cut off above"
    for ax in figure.axes:
        for axis in (ax.xaxis, ax.yaxis):
            boxes = [text.get_window_extent() for text in ticks_shown(axis)]
            for one, other in pairwise(boxes):
                assert not overlap(one, other), f"ticks of {axis.axis_name} overlap"


def contrast(color, background):
    """Contrast ratio by the Web Content Accessibility Guidelines, written anew."""

    def luminance(rgb):
        parts = [
            c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in rgb
        ]
        return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]

    from matplotlib.colors import to_rgb

    both = sorted([luminance(to_rgb(color)), luminance(background[:3])])
    return (both[1] + 0.05) / (both[0] + 0.05)


def test_text_is_read_on_every_colour():
    from matplotlib import colormaps

    for name in ("cividis", "cividis_r", "viridis", "Greys"):
        for background in colormaps[name](np.linspace(0, 1, 256)):
            assert contrast(text_color(background), background) >= 4.5


# What all share -----------------------------------------------------------------------

THREE = pair(3, 60)
DRAWN = {
    "fidelity": lambda **kw: FidelityDisplay.from_predictions(*THREE, **kw),
    "confusion": lambda **kw: TeacherConfusionDisplay.from_predictions(*THREE, **kw),
    "soft": lambda **kw: SoftLabelDisplay.from_predictions([0.7, 0.2, 0.1], **kw),
    "surface": lambda **kw: TemperatureAlphaDisplay.from_cv_results(
        {
            "param_temperature": [1, 1, 2, 2],
            "param_alpha": [0, 1, 0.5, 1],
            "mean_test_score": [0.5, 0.6, 0.7, 0.65],
        },
        **kw,
    ),
    "pareto": lambda **kw: ParetoDisplay.from_results(
        {"name": ["a", "b", "c"], "n_bytes": [1, 10, 100], "score": [1, 3, 2]}, **kw
    ),
    "curve": lambda **kw: TrainingCurveDisplay([[3.0, 2, 1]]).plot(**kw),
}


@pytest.mark.parametrize("name", DRAWN)
def test_own_figure(name):
    display = DRAWN[name]()
    assert display.ax_.figure is display.figure_
    assert plt.get_fignums() == [1]
    check_tidy(display.figure_)


@pytest.mark.parametrize("name", DRAWN)
def test_axes_that_were_given(name):
    figure, axes = plt.subplots(1, 2, figsize=(11, 4), layout="constrained")
    display = DRAWN[name](ax=axes[1])
    assert display.ax_ is axes[1]
    assert display.figure_ is figure
    assert plt.get_fignums() == [1]
    assert not axes[0].has_data()
    check_tidy(figure)


@pytest.mark.parametrize("name", DRAWN)
def test_subfigures(name):
    figure = plt.figure(figsize=(11, 4), layout="constrained")
    ax = figure.subfigures(1, 2)[1].subplots()
    assert DRAWN[name](ax=ax).ax_ is ax
    check_tidy(figure)


@pytest.mark.parametrize("name", DRAWN)
def test_drawn_again(name):
    display = DRAWN[name]()
    first = display.ax_
    drawn = [np.shape(line.get_xydata()) for line in first.lines]
    again = display.plot()
    assert again is display
    assert display.ax_ is not first
    assert [np.shape(line.get_xydata()) for line in display.ax_.lines] == drawn


@pytest.mark.parametrize("name", DRAWN)
def test_axes_are_axes(name):
    figure, _ = plt.subplots(1, 2)
    with pytest.raises(TypeError, match="no matplotlib Axes"):
        DRAWN[name](ax=figure)


@pytest.mark.parametrize("name", DRAWN)
def test_without_matplotlib(name, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ImportError, match=r"pip install skdistill\[plot\]") as error:
        DRAWN[name]()
    assert type(error.value.__cause__) is ModuleNotFoundError


def test_importing_it_loads_nothing_heavy():
    code = (
        "import sys, sklearn.ensemble; before = set(sys.modules);"
        "import skdistill.inspection;"
        "new = {m.split('.')[0] for m in set(sys.modules) - before};"
        "print(sorted(new & {'matplotlib', 'torch', 'skorch', 'pandas', 'polars'}))"
    )
    found = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert found.stdout.strip() == "[]"


def test_distilling_works_without_matplotlib():
    code = (
        "import sys; sys.modules['matplotlib'] = None\n"
        "import skdistill.inspection\n"
        "from sklearn.datasets import load_wine\n"
        "from sklearn.tree import DecisionTreeClassifier as Tree\n"
        "from skdistill import DistillationClassifier\n"
        "X, y = load_wine(return_X_y=True)\n"
        "print(DistillationClassifier(Tree(), Tree(max_depth=2)).fit(X, y).score(X, y))"
    )
    found = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert float(found.stdout) > 0.8


# Fidelity -----------------------------------------------------------------------------


@pytest.mark.parametrize("strategy", ["uniform", "quantile"])
def test_bins_are_those_of_scikit_learn(strategy):
    """A teacher that says labels is the truth of a calibration curve."""
    rng = np.random.default_rng(0)
    says = rng.random(500)
    truth = (rng.random(500) < says**2).astype(int)
    expected = calibration_curve(truth, says, n_bins=7, strategy=strategy)
    display = FidelityDisplay.from_predictions(
        np.eye(2)[truth], np.column_stack([1 - says, says]), n_bins=7, strategy=strategy
    )
    assert display.pos_label == 1
    assert_allclose(display.prob_teacher, expected[0])
    assert_allclose(display.prob_student, expected[1])
    assert_allclose(
        display.line_.get_xydata(), np.column_stack([expected[1], expected[0]])
    )


@examples(30)
@given(
    st.integers(1, 30), st.integers(2, 5), st.integers(1, 6), st.integers(0, 2**31 - 1)
)
def test_bins_by_hand(n_rows, n_classes, n_bins, seed):
    rng = np.random.default_rng(seed)
    # Coarse, so that some are on an edge.
    teacher, student = rng.integers(7, size=(2, n_rows, n_classes)) / 6
    weight = rng.integers(3, size=n_rows).astype(float)
    found = bin_means(teacher, student, weight, n_bins=n_bins, strategy="uniform")
    for k in range(n_bins):
        low, high = found.edges[k], found.edges[k + 1]
        inside = [
            (w, t, s)
            for w, row_t, row_s in zip(weight, teacher, student, strict=True)
            for t, s in zip(row_t, row_s, strict=True)
            if w and (low < s <= high or (k == 0 and s == 0))
        ]
        assert found.counts[k] == len(inside)
        if not inside:
            assert np.isnan(found.prob_teacher[k])
            continue
        w, t, s = np.transpose(inside)
        assert_allclose(found.prob_teacher[k], (w * t).sum() / w.sum())
        assert_allclose(found.prob_student[k], (w * s).sum() / w.sum())


def test_quantile_bins_are_about_as_full():
    teacher, student = pair(26)
    display = FidelityDisplay.from_predictions(
        teacher, student, strategy="quantile", n_bins=8
    )
    assert display.counts.sum() == 26 * 400
    assert display.counts.max() - display.counts.min() <= 2


def test_a_student_of_one_answer():
    student = np.tile([0.3, 0.7], (20, 1))
    display = FidelityDisplay.from_predictions(
        student[:, ::-1], student, strategy="quantile"
    )
    assert display.counts.tolist() == [20]
    assert_allclose([display.prob_teacher[0], display.prob_student[0]], [0.3, 0.7])


@pytest.mark.parametrize("n_classes", [2, 10, 26])
def test_agreement_and_divergence(n_classes):
    teacher, student = pair(n_classes)
    display = FidelityDisplay.from_predictions(teacher, student, name="tree")
    same = np.mean(teacher.argmax(axis=1) == student.argmax(axis=1))
    assert display.agreement == pytest.approx(same)
    divergence = entropy(teacher, student, axis=1).mean()
    assert display.kl_divergence == pytest.approx(divergence)
    label = display.line_.get_label()
    assert label == f"tree\nagrees on {same:.1%}, KL {divergence:.3g} nats"
    assert display.counts.sum() == 400 * (1 if n_classes == 2 else n_classes)
    check_tidy(display.figure_)


def test_weights_are_repetitions():
    teacher, student = pair(4, 50)
    weight = np.random.default_rng(0).integers(4, size=50)
    weighted = FidelityDisplay.from_predictions(teacher, student, sample_weight=weight)
    repeated = FidelityDisplay.from_predictions(
        np.repeat(teacher, weight, axis=0), np.repeat(student, weight, axis=0)
    )
    assert_allclose(weighted.prob_teacher, repeated.prob_teacher)
    assert_allclose(weighted.prob_student, repeated.prob_student)
    assert weighted.agreement == pytest.approx(repeated.agreement)
    assert weighted.kl_divergence == pytest.approx(repeated.kl_divergence)
    assert weighted.counts.sum() == 4 * np.count_nonzero(weight)


@pytest.mark.parametrize("problem", ["digits", "cancer", "wine"])
def test_fidelity_of_an_estimator_is_that_of_its_answers(problem, request):
    model, X, _ = request.getfixturevalue(problem)
    display = FidelityDisplay.from_estimator(model, X)
    same = FidelityDisplay.from_predictions(
        model.teacher_predict_proba(X), model.predict_proba(X), labels=model.classes_
    )
    assert_array_equal(display.prob_teacher, same.prob_teacher)
    assert_array_equal(display.prob_student, same.prob_student)
    assert_array_equal(display.counts, same.counts)
    assert display.pos_label == same.pos_label
    assert (display.agreement, display.kl_divergence) == (
        same.agreement,
        same.kl_divergence,
    )
    assert (display.name, same.name) == ("DistillationClassifier", None)
    check_tidy(display.figure_)


def test_a_class_by_its_label(cancer, wine):
    model, X, _ = cancer
    assert FidelityDisplay.from_estimator(model, X).pos_label == "malignant"
    display = FidelityDisplay.from_estimator(model, X, pos_label="benign", n_bins=1)
    assert display.prob_teacher[0] == pytest.approx(
        model.teacher_predict_proba(X)[:, 0].mean()
    )
    assert "benign" in display.ax_.get_xlabel()
    model, X, _ = wine
    assert FidelityDisplay.from_estimator(model, X).pos_label is None


def test_where_the_teacher_is_found(wine):
    model, X, y = wine
    expected = FidelityDisplay.from_estimator(model, X)
    table = model.teacher_predict_proba(X)
    stripped = strip_teacher(model)
    for display in (
        FidelityDisplay.from_estimator(stripped, X, teacher_proba=table),
        FidelityDisplay.from_estimator(make_pipeline("passthrough", model), X),
    ):
        assert_array_equal(display.prob_teacher, expected.prob_teacher)
        assert display.kl_divergence == expected.kl_divergence
    with pytest.raises(ValueError, match="holds no teacher that could be asked"):
        FidelityDisplay.from_estimator(stripped, X)
    with pytest.raises(ValueError, match="teacher_proba=P"):
        TeacherConfusionDisplay.from_estimator(RidgeClassifier().fit(X, y), X)
    search = GridSearchCV(model, {"alpha": [0.5]}, cv=2).fit(X, y)
    unfitted = RandomForestClassifier(10, random_state=0)
    distiller = DistillationClassifier(unfitted, model.student)
    scaled = make_pipeline(StandardScaler(), distiller).fit(X, y)
    for asked in (search, scaled):
        display = FidelityDisplay.from_estimator(asked, X)
        assert display.agreement > 0.8


def test_rows_about_which_nobody_spoke_are_left_out(wine):
    model, X, _ = wine
    table = model.teacher_predict_proba(X)
    weight = np.arange(1.0, len(X) + 1)
    silent = table.copy()
    silent[::3] = np.nan
    kept = np.arange(len(X)) % 3 > 0
    for cls in (FidelityDisplay, TeacherConfusionDisplay):
        display, expected = (
            cls.from_estimator(model, rows, teacher_proba=said, sample_weight=w)
            for rows, said, w in (
                (X, silent, weight),
                (X[kept], table[kept], weight[kept]),
            )
        )
        for name in ("prob_teacher", "counts", "confusion_matrix"):
            assert_array_equal(
                getattr(display, name, 0), getattr(expected, name, 0), name
            )


def test_several_students_in_one_picture():
    teacher, student = pair(10)
    display = FidelityDisplay.from_predictions(teacher, student, name="one")
    others = [
        FidelityDisplay.from_predictions(
            teacher, np.roll(student, k, axis=0), name=f"{k}", ax=display.ax_
        )
        for k in (1, 2, 3)
    ]
    drawn = [display.line_, *(each.line_ for each in others)]
    for read in ("get_color", "get_linestyle", "get_marker"):
        assert len({getattr(line, read)() for line in drawn}) == 4
    diagonals = [line for line in display.ax_.lines if line not in drawn]
    assert len(diagonals) == 1
    assert {each.counts_ax_ for each in others} == {display.counts_ax_}
    assert len(display.ax_.get_legend().get_texts()) == 5
    check_tidy(display.figure_)


def test_the_legend_hides_no_curve():
    """Where a curve would lie behind it, there is room for the legend above."""
    teacher, student = pair(10)
    _, axes = plt.subplots(1, 3, figsize=(11, 3.5), layout="constrained")
    pairs = [(teacher, student), (student, teacher), (teacher**0.3, teacher)]
    for ax, (one, other) in zip(axes, pairs, strict=True):
        one = one / one.sum(axis=1, keepdims=True)
        display = FidelityDisplay.from_predictions(other, one, ax=ax)
        display.figure_.canvas.draw()
        box = ax.get_legend().get_window_extent()
        x, y = display.line_.get_data()
        steps = np.linspace(0, len(x) - 1, 500)
        way = [np.interp(steps, np.arange(len(x)), each) for each in (x, y)]
        pixels = ax.transData.transform(np.column_stack(way))
        assert not ((pixels > box.min) & (pixels < box.max)).all(axis=1).any()


def test_counts_are_drawn_or_not():
    teacher, student = pair(3)
    display = FidelityDisplay.from_predictions(teacher, student)
    outline = display.counts_ax_.patches[-1]
    assert_array_equal(outline.get_data().edges, display.bin_edges)
    drawn = outline.get_data().values
    assert_array_equal(drawn[display.counts > 0], display.counts[display.counts > 0])
    without = display.plot(show_counts=False, ref_line=False, color="red", lw=3)
    assert without.counts_ax_ is None
    assert without.ax_.lines[:] == [without.line_]
    assert (without.line_.get_color(), without.line_.get_linewidth()) == ("red", 3)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"n_bins": 0}, "n_bins=0"),
        ({"n_bins": 2.5}, "n_bins=2.5"),
        ({"strategy": "kmeans"}, "strategy='kmeans'"),
        ({"pos_label": "x"}, "pos_label='x' is not among the classes"),
        ({"labels": ["a", "b"]}, "names 2 columns"),
        ({"sample_weight": np.zeros(60)}, "sample_weight is 0"),
        ({"sample_weight": -np.ones(60)}, "negative"),
    ],
)
def test_wrong_parameters_of_fidelity(params, message):
    with pytest.raises(ValueError, match=message):
        FidelityDisplay.from_predictions(*THREE, **params)


def test_wrong_answers():
    teacher, student = THREE
    for one, other, message in [
        (teacher, student[:, :2] / student[:, :2].sum(axis=1)[:, None], "columns"),
        (teacher, student[:5], "rows"),
        (np.log(teacher), student, "holds no probabilities"),
        (teacher, 2 * student, "holds no probabilities"),
        (teacher[:, 0], student[:, 0], "give a column for each"),
        (teacher * np.nan, student, "NaN"),
    ]:
        with pytest.raises(ValueError, match=message):
            FidelityDisplay.from_predictions(one, other)


def test_a_student_without_probabilities(wine):
    model, X, y = wine
    student = RidgeClassifier().fit(X, y)
    table = model.teacher_predict_proba(X)
    with pytest.raises(ValueError, match="RidgeClassifier has no predict_proba"):
        FidelityDisplay.from_estimator(student, X, teacher_proba=table)
    display = TeacherConfusionDisplay.from_estimator(student, X, teacher_proba=table)
    said = model.classes_[table.argmax(axis=1)]
    assert_array_equal(
        display.confusion_matrix, confusion_matrix(said, student.predict(X))
    )


# Confusion ----------------------------------------------------------------------------

OF_SKLEARN = {None: None, "teacher": "true", "student": "pred", "all": "all"}


@pytest.mark.parametrize("normalize", OF_SKLEARN)
@pytest.mark.parametrize("n_classes", [2, 10, 26])
def test_confusion_is_that_of_scikit_learn(normalize, n_classes):
    teacher, student = pair(n_classes)
    labels = np.array(LETTERS[:n_classes])
    display = TeacherConfusionDisplay.from_predictions(
        teacher, student, labels=labels, normalize=normalize
    )
    codes = teacher.argmax(axis=1), student.argmax(axis=1)
    expected = confusion_matrix(
        *codes, labels=range(n_classes), normalize=OF_SKLEARN[normalize]
    )
    assert_allclose(display.confusion_matrix, expected)
    assert_array_equal(display.display_labels, labels)
    shown = display.im_.get_array().filled(0)
    assert_allclose(shown, expected)
    check_tidy(display.figure_)


def test_confusion_by_weight():
    rng = np.random.default_rng(0)
    teacher, student = rng.integers(3, size=(2, 40))
    weight = rng.random(40)
    display = TeacherConfusionDisplay.from_predictions(
        teacher, student, sample_weight=weight
    )
    expected = confusion_matrix(teacher, student, sample_weight=weight)
    assert_allclose(display.confusion_matrix, expected)


def test_confusion_of_labels_and_probabilities():
    teacher = np.array([[0.1, 0.9], [0.8, 0.2], [0.6, 0.4]])
    student = ["yes", "yes", "no"]
    expected = [[1, 1], [0, 1]]
    for one in (teacher, ["yes", "no", "no"]):
        display = TeacherConfusionDisplay.from_predictions(one, student)
        assert display.confusion_matrix.tolist() == expected
        assert list(display.display_labels) == ["no", "yes"]
    turned = TeacherConfusionDisplay.from_predictions(
        teacher[:, ::-1], student, labels=["yes", "no"]
    )
    assert turned.confusion_matrix.tolist() == [[1, 0], [1, 1]]
    assert [t.get_text() for t in turned.ax_.get_xticklabels()] == ["yes", "no"]


@pytest.mark.parametrize("problem", ["digits", "cancer", "wine"])
def test_confusion_of_an_estimator_is_that_of_its_answers(problem, request):
    model, X, _ = request.getfixturevalue(problem)
    display = TeacherConfusionDisplay.from_estimator(model, X)
    same = TeacherConfusionDisplay.from_predictions(
        model.teacher_predict_proba(X), model.predict(X), labels=model.classes_
    )
    assert_array_equal(display.confusion_matrix, same.confusion_matrix)
    said = model.classes_[model.teacher_predict_proba(X).argmax(axis=1)]
    expected = confusion_matrix(said, model.predict(X), labels=model.classes_)
    assert_array_equal(display.confusion_matrix, expected)
    assert display.confusion_matrix.sum() == len(X)
    check_tidy(display.figure_)


@pytest.mark.parametrize("normalize", OF_SKLEARN)
def test_values_are_written_where_they_are_and_can_be_read(normalize):
    teacher, student = pair(10)
    display = TeacherConfusionDisplay.from_predictions(
        teacher, student, normalize=normalize
    )
    for (i, j), value in np.ndenumerate(display.confusion_matrix):
        text = display.text_[i, j]
        if value == 0:
            assert text is None
            continue
        assert text.get_position() == (j, i)
        if normalize is None:
            assert text.get_text() == str(value)
        elif text.get_text()[0] != "<":
            assert float(text.get_text()[:-1]) / 100 == pytest.approx(value, abs=0.0051)
        background = display.im_.cmap(display.im_.norm(value))
        assert contrast(text.get_color(), background) >= 4.5
        assert text.get_fontsize() >= 6
    display.figure_.canvas.draw()
    cell = display.ax_.get_window_extent().width / 10
    widest = max(t.get_window_extent().width for t in display.text_.flat if t)
    assert widest <= cell


def test_too_many_classes_to_write_in():
    teacher, student = pair(100)
    display = TeacherConfusionDisplay.from_predictions(teacher, student)
    assert display.text_ is None
    check_tidy(display.figure_)
    _, ax = plt.subplots(figsize=(2.5, 2))
    assert display.plot(ax=ax, include_values=True).text_ is not None
    assert len(ticks_shown(ax.xaxis)) < 60
    assert display.plot(include_values=False).text_ is None


def test_long_names_are_turned():
    teacher, student = pair(12)
    names = [f"a class of a long name, {k}" for k in range(12)]
    display = TeacherConfusionDisplay.from_predictions(
        teacher, student, display_labels=names
    )
    assert {t.get_rotation() for t in display.ax_.get_xticklabels()} == {90}
    check_tidy(display.figure_)
    few = TeacherConfusionDisplay.from_predictions(*pair(3), xticks_rotation=45)
    assert {t.get_rotation() for t in few.ax_.get_xticklabels()} == {45}


def test_looks_of_the_confusion_matrix():
    display = TeacherConfusionDisplay.from_predictions(
        *pair(3),
        cmap="viridis",
        colorbar=False,
        values_format=".1f",
        im_kw={"norm": "linear"},
        text_kw={"size": 20, "color": "red"},
    )
    assert len(display.figure_.axes) == 1
    assert display.im_.cmap.name == "viridis"
    text = display.text_[0, 0]
    assert (text.get_fontsize(), text.get_color()) == (20, "red")
    assert text.get_text() == f"{display.confusion_matrix[0, 0]:.1f}"
    halfway = display.im_.norm(display.confusion_matrix.max() / 2)
    assert halfway == pytest.approx(0.5, abs=0.1)


@pytest.mark.parametrize(
    ("teacher", "student", "params", "message"),
    [
        ([0, 1], [0, 1], {"normalize": "true"}, "normalize='true'"),
        ([0, 1], ["a", "b"], {}, "text on one side only"),
        ([0, 1], [0, 1, 1], {}, "rows"),
        ([0, 1], [0, 2], {"labels": [0, 1]}, "not among the classes"),
        ([[0.2, 0.8]], ["a"], {}, "name the columns"),
        ([0, 1], [0, 1], {"display_labels": ["a"]}, "a name for each of the 2"),
        ([], [], {}, "empty"),
    ],
)
def test_wrong_confusion(teacher, student, params, message):
    with pytest.raises(ValueError, match=message):
        TeacherConfusionDisplay.from_predictions(teacher, student, **params)


# Soft labels --------------------------------------------------------------------------


@pytest.mark.parametrize("n_classes", [2, 10, 26])
def test_soft_labels_are_the_softmax(n_classes):
    logits = np.random.default_rng(0).normal(size=n_classes) * 3
    temperatures = (0.5, 1, 4)
    display = SoftLabelDisplay.from_predictions(
        logits, kind="logits", temperatures=temperatures
    )
    expected = [softmax(logits / T) for T in temperatures]
    assert_allclose(display.probabilities, expected)
    same = SoftLabelDisplay.from_predictions(
        softmax(logits)[None], temperatures=temperatures
    )
    assert_allclose(same.probabilities, expected)
    for bars, proba in zip(display.bars_, expected, strict=True):
        assert_allclose([bar.get_height() for bar in bars], proba)
    check_tidy(display.figure_)


@pytest.mark.parametrize("problem", ["digits", "cancer", "wine"])
def test_soft_labels_of_an_estimator(problem, request):
    model, X, _ = request.getfixturevalue(problem)
    display = SoftLabelDisplay.from_estimator(model, X[[3]], temperatures=(1, 2))
    same = SoftLabelDisplay.from_predictions(
        model.teacher_predict_proba(X[[3]]),
        labels=model.classes_,
        temperatures=[1.0, 2.0],
    )
    assert_array_equal(display.probabilities, same.probabilities)
    assert_allclose(display.probabilities[0], model.teacher_predict_proba(X[[3]])[0])
    names = [text.get_text() for text in display.ax_.get_xticklabels()]
    assert names == [str(label) for label in model.classes_]


def test_soft_labels_of_a_frame():
    X, y = load_wine(return_X_y=True, as_frame=True)
    forest = RandomForestClassifier(10, random_state=0).fit(X, y)
    tree = DecisionTreeClassifier(max_depth=2, random_state=0)
    model = DistillationClassifier(forest, tree).fit(X, y)
    display = SoftLabelDisplay.from_estimator(model, X.iloc[[0]])
    assert_allclose(display.probabilities[0], forest.predict_proba(X.iloc[[0]])[0])


def test_bars_differ_in_grey():
    display = SoftLabelDisplay.from_predictions([0.6, 0.3, 0.1])
    grey = [
        np.dot(bars[0].get_facecolor()[:3], [0.299, 0.587, 0.114])
        for bars in display.bars_
    ]
    assert np.diff(grey).min() > 0.2
    assert len({bars[0].get_hatch() for bars in display.bars_}) == 3


def test_the_least_probable_are_taken_together():
    proba = np.random.default_rng(0).dirichlet(np.full(40, 0.3))
    names = [f"class {k}" for k in range(40)]
    display = SoftLabelDisplay.from_predictions(proba, labels=names, max_classes=6)
    shown = [text.get_text() for text in display.axes_[-1].get_xticklabels()]
    likely = sorted(np.argsort(proba)[-6:])
    assert shown == [*(f"class {k}" for k in likely), "34 others"]
    for bars, said in zip(display.bars_, display.probabilities, strict=True):
        heights = [bar.get_height() for bar in bars]
        assert_allclose(heights[:-1], said[likely])
        assert sum(heights) == pytest.approx(1)
    check_tidy(display.figure_)


def test_one_panel_for_each_temperature():
    figure, axes = plt.subplots(1, 3, figsize=(11, 3), layout="constrained")
    display = SoftLabelDisplay.from_predictions([0.5, 0.3, 0.2], ax=axes)
    assert list(display.axes_) == list(axes)
    assert [ax.get_title(loc="left") for ax in axes] == [
        "temperature 1",
        "temperature 2",
        "temperature 4",
    ]
    assert [len(ax.patches) for ax in axes] == [3, 3, 3]
    assert len({ax.get_ylim() for ax in axes}) == 1
    check_tidy(figure)
    for n_classes, n_axes in [(12, 1), (13, 3)]:
        flat = np.full(n_classes, 1 / n_classes)
        assert len(SoftLabelDisplay.from_predictions(flat).axes_) == n_axes
    with pytest.raises(ValueError, match="ax holds 2 axes"):
        SoftLabelDisplay.from_predictions([0.5, 0.5], ax=axes[:2])


def test_looks_of_bars():
    display = SoftLabelDisplay.from_predictions([0.6, 0.4], color="red", ec="blue")
    bar = display.bars_[0][0]
    assert bar.get_facecolor() == (1, 0, 0, 1)
    assert bar.get_edgecolor() == (0, 0, 1, 1)


@pytest.mark.parametrize(
    ("values", "params", "message"),
    [
        ([[0.5, 0.5]] * 2, {}, "of one row"),
        ([1.0], {}, "of two classes or more"),
        ([2.0, -1.0], {}, "holds no probabilities"),
        ([np.nan, 1.0], {"kind": "logits"}, "nan or inf"),
        ([0.5, 0.5], {"kind": "scores"}, "kind='scores'"),
        ([0.5, 0.5], {"temperatures": (1, 0)}, "above 0"),
        ([0.5, 0.5], {"temperatures": ()}, "0 sample"),
        ([0.5, 0.5], {"labels": ["a"]}, "there are 2"),
        ([0.5, 0.5], {"max_classes": 1}, "max_classes=1"),
    ],
)
def test_wrong_soft_labels(values, params, message):
    with pytest.raises(ValueError, match=message):
        SoftLabelDisplay.from_predictions(values, **params)


def test_soft_labels_are_of_one_row(wine):
    model, X, _ = wine
    for rows in (X, X[0], X[:0]):
        with pytest.raises(ValueError, match="of one row"):
            SoftLabelDisplay.from_estimator(model, rows)
    with pytest.raises(ValueError, match="no teacher that could be asked"):
        SoftLabelDisplay.from_estimator(strip_teacher(model), X[[0]])


# Temperature and alpha ----------------------------------------------------------------


@pytest.fixture(scope="module")
def searched():
    """Rows, a distiller with a memory, and the name of its folder."""
    X, y = load_wine(return_X_y=True)
    with tempfile.TemporaryDirectory() as folder:
        forest = RandomForestClassifier(10, random_state=0)
        tree = DecisionTreeClassifier(max_leaf_nodes=3, random_state=0)
        yield X, WINES[y], DistillationClassifier(forest, tree, memory=folder)


def expected_surface(results, temperature="temperature", alpha="alpha"):
    """The best mean score by temperature and alpha, by pandas."""
    frame = pd.DataFrame(
        {
            "T": np.array(results[f"param_{temperature}"], dtype=float),
            "alpha": np.array(results[f"param_{alpha}"], dtype=float),
            "score": results["mean_test_score"],
        }
    )
    frame.loc[frame["alpha"] == 0, "T"] = 1.0
    return frame.groupby(["T", "alpha"])["score"].max()


def check_surface(display, expected):
    found = pd.Series(
        display.score,
        index=pd.MultiIndex.from_arrays([display.temperature, display.alpha]),
    )
    assert len(found) == len(expected)
    for pair_, score in expected.items():
        assert found[pair_] == score


def test_surface_of_a_search_that_knows_of_teachers(searched):
    X, y, model = searched
    search = DistillationClassifierCV(
        model.teacher,
        model.student,
        param_grid={"student__max_leaf_nodes": [2, 4]},
        cv=3,
        rule=0.0,
    ).fit(X, y)
    display = TemperatureAlphaDisplay.from_estimator(search)
    check_surface(display, expected_surface(search.cv_results_))
    assert display.alpha[0] == 0
    assert np.count_nonzero(display.alpha == 0) == 1
    chosen = display.temperature[display.best], display.alpha[display.best]
    assert chosen == (search.temperature_, search.alpha_)
    title = display.ax_.get_title(loc="left")
    assert title == "framed: chosen; best over student__max_leaf_nodes"
    check_tidy(display.figure_)
    kept = TemperatureAlphaDisplay.from_cv_results(search.cv_results_)
    assert_array_equal(kept.score, display.score)
    assert kept.best == np.argmax(kept.score)
    assert kept.ax_.get_title(loc="left").startswith("framed: best")


def test_surface_of_a_grid_in_a_pipeline(searched):
    X, y, model = searched
    grid = {
        "distillationclassifier__temperature": [1, 4],
        "distillationclassifier__alpha": [0, 0.5, 1],
    }
    search = GridSearchCV(make_pipeline(StandardScaler(), model), grid, cv=3).fit(X, y)
    display = TemperatureAlphaDisplay.from_estimator(search)
    check_surface(display, expected_surface(search.cv_results_, *grid))
    for results in (search.cv_results_, pd.DataFrame(search.cv_results_)):
        same = TemperatureAlphaDisplay.from_cv_results(results)
        assert_array_equal(same.score, display.score)
    names = list(grid)
    by_name = TemperatureAlphaDisplay.from_cv_results(
        search.cv_results_, temperature=names[0], alpha=names[1]
    )
    assert_array_equal(by_name.score, display.score)


def test_one_of_the_two_was_not_searched(searched):
    X, y, model = searched
    model = DistillationClassifier(model.teacher, model.student, temperature=3.0)
    search = GridSearchCV(model, {"alpha": [0.0, 0.5]}, cv=3).fit(X, y)
    display = TemperatureAlphaDisplay.from_estimator(search)
    assert display.temperature.tolist() == [1.0, 3.0]  # the student alone has none
    assert display.alpha.tolist() == [0.0, 0.5]
    with pytest.raises(ValueError, match="use from_estimator"):
        TemperatureAlphaDisplay.from_cv_results(search.cv_results_)


def test_settings_without_a_temperature(searched):
    X, y, model = searched
    grid = [{"alpha": [0]}, {"alpha": [0.5, 1], "temperature": [2]}]
    search = GridSearchCV(model, grid, cv=3).fit(X, y)
    display = TemperatureAlphaDisplay.from_cv_results(search.cv_results_)
    assert display.alpha.tolist() == [0, 0.5, 1]
    assert_array_equal(display.score, search.cv_results_["mean_test_score"])
    grid = [{"alpha": [0.25]}, {"alpha": [0.5, 1], "temperature": [2]}]
    search = GridSearchCV(model, grid, cv=3).fit(X, y)
    with pytest.raises(ValueError, match="1 settings of this search say nothing"):
        TemperatureAlphaDisplay.from_cv_results(search.cv_results_)
    for results in (search, pd.DataFrame(search.cv_results_)):
        if results is not search:
            search.cv_results_ = results
        display = TemperatureAlphaDisplay.from_estimator(search)
        assert display.temperature.tolist() == [1.0, 2.0, 2.0]


def test_a_penalty_called_alpha_is_not_taken_for_it(searched):
    X, y, model = searched
    model = DistillationClassifier(model.teacher, RidgeClassifier(), alpha=0.5)
    grid = {"temperature": [1.0, 2.0], "student__alpha": [1.0, 10.0]}
    search = GridSearchCV(model, grid, cv=3).fit(X, y)
    display = TemperatureAlphaDisplay.from_estimator(search)
    assert display.alpha.tolist() == [0.5, 0.5]
    assert "student__alpha" in display.ax_.get_title(loc="left")


def test_several_distillers_are_told_apart():
    results = {
        "param_a__temperature": [1, 2],
        "param_a__alpha": [1, 1],
        "param_b__temperature": [4, 4],
        "param_b__alpha": [0.5, 1],
        "mean_test_score": [0.5, 0.6],
    }
    with pytest.raises(ValueError, match="Several distillers were searched"):
        TemperatureAlphaDisplay.from_cv_results(results)
    for name in ({"temperature": "b__temperature"}, {"alpha": "b__alpha"}):
        display = TemperatureAlphaDisplay.from_cv_results(results, **name)
        assert display.temperature.tolist() == [4, 4]


def test_several_scores(searched):
    X, y, model = searched
    search = GridSearchCV(
        model,
        {"temperature": [1, 2], "alpha": [0.5, 1]},
        cv=3,
        scoring=["accuracy", "neg_log_loss"],
        refit="neg_log_loss",
    ).fit(X, y)
    display = TemperatureAlphaDisplay.from_estimator(search)
    assert_array_equal(
        np.sort(display.score), np.sort(search.cv_results_["mean_test_neg_log_loss"])
    )
    assert display.best_name == "chosen"
    other = TemperatureAlphaDisplay.from_estimator(search, metric="accuracy")
    assert other.score.max() == search.cv_results_["mean_test_accuracy"].max()
    assert other.best_name == "best"
    assert other.colorbar_.ax.get_ylabel() == "mean accuracy"
    with pytest.raises(ValueError, match=r"\['accuracy', 'neg_log_loss'\]"):
        TemperatureAlphaDisplay.from_cv_results(search.cv_results_)


def test_random_settings_are_points(searched):
    X, y, model = searched
    search = RandomizedSearchCV(
        model,
        {"temperature": loguniform(1, 8), "alpha": uniform(0, 1)},
        n_iter=8,
        cv=3,
        random_state=0,
    ).fit(X, y)
    display = TemperatureAlphaDisplay.from_estimator(search)
    check_surface(display, expected_surface(search.cv_results_))
    assert not display.meshes_
    assert_allclose(
        display.points_.get_offsets(),
        np.column_stack([display.alpha, display.temperature]),
    )
    best = search.best_params_
    label = display.ax_.get_legend().get_texts()[-1].get_text()
    assert f"T={best['temperature']:.3g}, alpha={best['alpha']:.3g}" in label
    check_tidy(display.figure_)


def test_random_settings_of_a_grid_are_cells():
    rng = np.random.default_rng(0)
    pairs = [(T, a) for T in (1, 2, 4) for a in (0, 0.5, 1)]
    for n, drawn in [(8, "cells"), (4, "points")]:
        tried = [pairs[k] for k in rng.permutation(9)[:n] if pairs[k][1] > 0]
        results = {
            "param_temperature": [T for T, _ in tried],
            "param_alpha": [a for _, a in tried],
            "mean_test_score": rng.random(len(tried)),
        }
        display = TemperatureAlphaDisplay.from_cv_results(results)
        temperatures, alphas = (len(set(column)) for column in zip(*tried, strict=True))
        dense = 2 * len(tried) >= temperatures * alphas
        assert bool(display.meshes_) == dense
        forced = "scatter" if dense else "heatmap"
        assert bool(display.plot(kind=forced).meshes_) != dense, drawn


def test_halving_shows_the_last_round_of_each(searched):
    X, y, model = searched
    search = HalvingGridSearchCV(
        model,
        {"temperature": [1, 4], "alpha": [0, 0.5, 1]},
        cv=3,
        min_resources=60,
        factor=2,
        random_state=0,
    ).fit(X, y)
    results = pd.DataFrame(search.cv_results_)
    assert results["iter"].max() > 0
    display = TemperatureAlphaDisplay.from_estimator(search)
    for temperature, alpha, score in zip(
        display.temperature, display.alpha, display.score, strict=True
    ):
        here = results["param_alpha"].astype(float) == alpha
        if alpha > 0:
            here &= results["param_temperature"].astype(float) == temperature
        own = results[here]
        own = own[own["iter"] == own["iter"].max()]
        assert score == own["mean_test_score"].max()
    chosen = search.best_params_
    assert display.alpha[display.best] == chosen["alpha"]
    assert "last round" in display.ax_.get_title(loc="left")
    of_results = TemperatureAlphaDisplay.from_cv_results(search.cv_results_)
    last = results[results["iter"] == results["iter"].max()]
    best = last.loc[last["mean_test_score"].idxmax(), "param_alpha"]
    assert of_results.alpha[of_results.best] == best


def grid_results(n_temperatures, n_alphas, alone=None):
    temperature, alpha = np.meshgrid(
        np.arange(1, n_temperatures + 1), np.linspace(1 / n_alphas, 1, n_alphas)
    )
    score = -((temperature - 2) ** 2) / 10 - (alpha - 0.5) ** 2
    results = {
        "param_temperature": temperature.ravel().tolist(),
        "param_alpha": alpha.ravel().tolist(),
        "mean_test_score": score.ravel().tolist(),
    }
    if alone is not None:
        for column, value in zip(results.values(), (1, 0, alone), strict=True):
            column.append(value)
    return results


@pytest.mark.parametrize("shape", [(1, 1), (3, 4), (8, 10)])
def test_cells_hold_their_scores(shape):
    display = TemperatureAlphaDisplay.from_cv_results(grid_results(*shape, alone=-0.2))
    assert len(display.texts_) == len(display.score)
    colors = {k: mesh for mesh in display.meshes_ for k in [mesh]}
    assert len(colors) == 2
    for k, text in display.texts_.items():
        assert float(text.get_text()) == pytest.approx(display.score[k], abs=0.05)
        x, y = text.get_position()
        if display.alpha[k] == 0:
            assert x == 0
            continue
        ticks = dict(
            zip(
                display.ax_.get_xticks(),
                [t.get_text() for t in display.ax_.get_xticklabels()],
                strict=True,
            )
        )
        assert float(ticks[x]) == pytest.approx(display.alpha[k], rel=1e-3)
        temperatures = [float(t.get_text()) for t in display.ax_.get_yticklabels()]
        assert temperatures[int(y)] == display.temperature[k]
        assert text.get_fontweight() == ("bold" if k == display.best else "normal")
        background = display.meshes_[1].to_rgba(display.score[k])
        assert contrast(text.get_color(), background) >= 4.5
    check_tidy(display.figure_)


def test_cells_have_the_colours_of_their_scores():
    display = TemperatureAlphaDisplay.from_cv_results(grid_results(3, 4, alone=-0.2))
    alone, rest = display.meshes_
    assert alone.get_array().ravel().tolist() == [-0.2]
    expected = np.reshape(grid_results(3, 4)["mean_test_score"], (4, 3)).T
    assert_allclose(rest.get_array().reshape(3, 4), expected)


def test_a_student_alone_that_is_far_off_leaves_the_colours_to_the_others():
    taught_only = grid_results(3, 4)["mean_test_score"]
    for alone, extend in [(-9.0, "min"), (9.0, "max"), (-0.2, "neither")]:
        results = grid_results(3, 4, alone=alone)
        display = TemperatureAlphaDisplay.from_cv_results(results)
        assert display.colorbar_.extend == extend
        limits = display.meshes_[1].norm.vmin, display.meshes_[1].norm.vmax
        assert limits == (min(taught_only), max(taught_only))
        assert (display.temperature[0], display.alpha[0]) == (1.0, 0.0)
        assert display.texts_[0].get_text() == f"{alone:.2f}"


def test_fits_that_failed():
    results = grid_results(2, 2, alone=-0.3)
    results["mean_test_score"][0] = np.nan
    results["mean_test_score"][1] = -np.inf
    display = TemperatureAlphaDisplay.from_cv_results(results)
    texts = {text.get_text() for text in display.texts_.values()}
    assert {"failed", "-inf"} <= texts
    finite = np.isfinite(display.score)
    assert display.score[display.best] == display.score[finite].max()
    check_tidy(display.figure_)
    display.plot(kind="scatter")
    results["mean_test_score"] = [np.nan] * 5
    with pytest.raises(ValueError, match="All fits of this search failed"):
        TemperatureAlphaDisplay.from_cv_results(results)


def test_only_the_student_alone():
    results = {"param_temperature": [1, 2], "param_alpha": [0, 0]}
    display = TemperatureAlphaDisplay.from_cv_results(
        {**results, "mean_test_score": [0.5, 0.7]}
    )
    assert display.score.tolist() == [0.7]
    check_tidy(display.figure_)


def test_looks_of_the_surface():
    results = grid_results(3, 4)
    display = TemperatureAlphaDisplay.from_cv_results(
        results,
        values_format=".1e",
        cmap="viridis",
        colorbar=False,
        score_name="accuracy",
        text_kw={"color": "red"},
    )
    assert len(display.figure_.axes) == 1
    assert display.meshes_[0].cmap.name == "viridis"
    text = display.texts_[display.best]
    assert text.get_color() == "red"
    assert text.get_text() == f"{display.score[display.best]:.1e}"
    assert display.plot(include_values=False).texts_ == {}
    _, ax = plt.subplots(figsize=(1.6, 1.4))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of layouts without room
        assert display.plot(ax=ax).texts_ == {}


def test_many_parameters_fit_into_the_title():
    results = grid_results(2, 2)
    for k in range(2):
        name = f"param_student__a_long_name_of_a_parameter_{k}"
        results[name] = list(range(4))
    display = TemperatureAlphaDisplay.from_cv_results(results)
    check_tidy(display.figure_)
    results["param_student__x"] = list("abcd")
    display = TemperatureAlphaDisplay.from_cv_results(results)
    assert "best over 3 other parameters" in display.ax_.get_title(loc="left")


@pytest.mark.parametrize(
    ("results", "params", "message"),
    [
        ({"param_C": [1], "mean_test_score": [1]}, {}, "no temperature and alpha"),
        (grid_results(2, 2), {"metric": "f1"}, "metric='f1'"),
        (grid_results(2, 2), {"kind": "bars"}, "kind='bars'"),
        (grid_results(2, 2), {"temperature": "T"}, "temperature='T' is no parameter"),
        (
            {**grid_results(1, 1), "param_alpha": ["much"]},
            {},
            "values of alpha are no numbers",
        ),
    ],
)
def test_wrong_searches(results, params, message):
    with pytest.raises(ValueError, match=message):
        TemperatureAlphaDisplay.from_cv_results(results, **params)


def test_no_search(wine):
    model, _, _ = wine
    with pytest.raises(TypeError, match="give a fitted search"):
        TemperatureAlphaDisplay.from_estimator(model)


# The front ----------------------------------------------------------------------------

COARSE = st.integers(0, 5).map(float)


@examples(100)
@given(st.lists(st.tuples(COARSE, COARSE), min_size=1, max_size=12))
def test_the_front_by_hand(students):
    found = on_front(*np.transpose(students))
    for k, (size, quality) in enumerate(students):
        beaten = any(
            s <= size and q >= quality and (s < size or q > quality)
            for s, q in students
        )
        assert found[k] == (not beaten)


def students(n=14, seed=1):
    rng = np.random.default_rng(seed)
    size = 10 ** rng.uniform(3, 6.5, n)
    return {
        "name": [f"student number {k}" for k in range(n)],
        "n_bytes": size,
        "score": 0.75 + 0.06 * np.log10(size / 1000) + rng.normal(0, 0.03, n),
    }


def test_the_step_line_is_what_can_be_had():
    results = students()
    display = ParetoDisplay.from_results(results)
    x, y = display.line_.get_data()
    assert display.line_.get_drawstyle() == "steps-post"
    for size in np.geomspace(x[0], x[-1], 50):
        here = np.searchsorted(x, size, side="right") - 1
        affordable = results["score"][results["n_bytes"] <= size]
        assert y[here] == affordable.max()
    assert_array_equal(np.sort(display.front_), np.flatnonzero(display.on_front_))
    assert_allclose(
        display.points_.get_offsets(),
        np.column_stack([results["n_bytes"], results["score"]])[display.front_],
    )
    assert len(display.other_points_.get_offsets()) == 14 - len(display.front_)


def test_losses_are_to_be_small():
    results = students()
    results["loss"] = -results.pop("score")
    display = ParetoDisplay.from_results(
        results, quality="loss", greater_is_better=False
    )
    same = ParetoDisplay.from_results({**results, "score": -results["loss"]})
    assert_array_equal(display.on_front_, same.on_front_)


@pytest.mark.parametrize("container", [dict, pd.DataFrame, pl.DataFrame])
def test_tables_of_students(container):
    results = students()
    display = ParetoDisplay.from_results(container(results), budget=1e5)
    expected = on_front(results["n_bytes"], results["score"])
    assert_array_equal(display.on_front_, expected)
    assert list(display.names) == results["name"]


def test_table_of_a_choice_within_a_budget(searched):
    X, y, model = searched
    search = DistillationClassifierCV(
        model.teacher, model.student, temperatures=[1.0], alphas=[0.5], cv=2, rule=0.0
    )
    students = {"max_leaf_nodes": [2, 4]}
    choice = BudgetedDistillationCV(search, students, max_bytes=1e6).fit(X, y)
    display = ParetoDisplay.from_results(choice.results_, budget=choice.max_bytes)
    assert list(display.names) == ["max_leaf_nodes=2", "max_leaf_nodes=4"]
    assert_array_equal(display.quality, choice.results_["score"])


def test_students_of_unknown_quality_are_left_out():
    results = students(5)
    results["score"][[1, 3]] = np.nan, -np.inf
    display = ParetoDisplay.from_results(results)
    assert display.quality.tolist() == results["score"][[0, 2, 4]].tolist()
    assert list(display.names) == [f"student number {k}" for k in (0, 2, 4)]


@pytest.mark.parametrize("n", [1, 5, 14, 45])
@pytest.mark.parametrize("budget", [None, 2e5])
def test_names_lie_on_nothing(n, budget):
    results = students(n)
    display = ParetoDisplay.from_results(results, budget=budget)
    display.figure_.canvas.draw()
    from matplotlib.text import Text

    boxes = [Text.get_window_extent(text) for text in display.texts_]
    inside = display.ax_.get_window_extent()
    for k, box in enumerate(boxes):
        assert inside.x0 <= box.x0
        assert box.x1 <= inside.x1
        assert not any(overlap(box, other) for other in boxes[:k])
        assert not overlap(box, display.ax_.get_legend().get_window_extent())
    points = np.column_stack([results["n_bytes"], results["score"]])
    pixels = display.ax_.transData.transform(points)
    for box in boxes:
        assert not ((pixels > box.min) & (pixels < box.max)).all(axis=1).any()
    of_front = {results["name"][k] for k in display.front_}
    named = {text.get_text() for text in display.texts_}
    if n <= 14:
        assert of_front <= named
    check_tidy(display.figure_)


def test_names_belong_to_their_points():
    results = students()
    display = ParetoDisplay.from_results(results)
    place = dict(
        zip(
            results["name"],
            zip(results["n_bytes"], results["score"], strict=True),
            strict=True,
        )
    )
    for text in display.texts_:
        assert tuple(text.xy) == place[text.get_text()]


@pytest.mark.parametrize("budget", [10.0, 1e5, 1e9])
def test_what_is_over_the_budget_is_shaded(budget):
    display = ParetoDisplay.from_results(students(), budget=budget)
    low, high = display.ax_.get_xlim()
    assert low < budget < high
    shaded = display.ax_.patches[0].get_path().get_extents()
    shaded = shaded.transformed(display.ax_.patches[0].get_patch_transform())
    assert (shaded.x0, shaded.x1) == pytest.approx((budget, high))
    assert display.budget_text_.get_text() == "budget"
    check_tidy(display.figure_)
    assert ParetoDisplay.from_results(students()).budget_text_ is None


def test_looks_of_the_front():
    results = students()
    results["us_per_row"] = results["n_bytes"] / 1000
    display = ParetoDisplay.from_results(
        results, size="us_per_row", name=None, color="red", s=90, label="best"
    )
    assert display.texts_ == []
    assert display.ax_.get_xlabel() == "time for a row, in µs"
    assert display.points_.get_sizes() == [90]
    assert tuple(display.points_.get_facecolor()[0]) == (1, 0, 0, 1)
    assert display.ax_.get_xscale() == "log"
    assert display.plot(show_names=False).texts_ == []
    named = ParetoDisplay.from_results(
        students(), size_name="file", quality_name="accuracy"
    )
    assert (named.ax_.get_xlabel(), named.ax_.get_ylabel()) == ("file", "accuracy")
    alike = {"n_bytes": [10, 12], "score": [1, 2]}
    assert ParetoDisplay.from_results(alike).ax_.get_xscale() == "linear"


@pytest.mark.parametrize(
    ("results", "params", "error", "message"),
    [
        (students(), {"size": "n_leaves"}, ValueError, "no column 'n_leaves'"),
        (students(), {"name": "nam"}, ValueError, "no column 'nam'"),
        (students(), {"size": "name"}, ValueError, "holds no numbers"),
        ([1, 2], {}, TypeError, "dict of arrays"),
        (
            {"n_bytes": [1, 2], "score": [1]},
            {},
            ValueError,
            "not of one length",
        ),
        ({"n_bytes": [1], "score": [np.nan]}, {}, ValueError, "no student with both"),
        ({"n_bytes": [[1]], "score": [1]}, {}, ValueError, "shape"),
    ],
)
def test_wrong_results(results, params, error, message):
    with pytest.raises(error, match=message):
        ParetoDisplay.from_results(results, **params)


# Training curves ----------------------------------------------------------------------


@pytest.fixture(scope="module")
def rows():
    X, y = load_wine(return_X_y=True)
    return StandardScaler().fit_transform(X), WINES[y]


def small(**params):
    return NeuralClassifier(
        hidden_layer_sizes=(4,), random_state=0, **{"max_epochs": 8, **params}
    )


def test_curves_are_the_history(rows):
    network = small(early_stopping=True).fit(*rows)
    display = TrainingCurveDisplay.from_estimator(network)
    (told,) = network.history_
    epochs = np.arange(1, 9)
    for lines, key in (
        (display.train_lines_, "train_loss"),
        (display.valid_lines_, "valid_loss"),
    ):
        (line,) = lines
        assert_allclose(line.get_xydata(), np.column_stack([epochs, told[key]]))
    best = told["best_epoch"]
    assert display.best_points_.get_xydata().tolist() == [
        [best, told["valid_loss"][best - 1]]
    ]
    styles = {
        (line.get_linestyle(), line.get_color())
        for line in (*display.train_lines_, *display.valid_lines_)
    }
    assert len(styles) == 2
    check_tidy(display.figure_)


def test_nothing_held_out(rows):
    display = TrainingCurveDisplay.from_estimator(small().fit(*rows))
    assert display.valid_losses is None
    assert display.valid_lines_ == []
    assert display.best_points_ is None


def test_stopped_early(rows):
    network = small(
        early_stopping=True, max_epochs=300, learning_rate=0.05, n_iter_no_change=3
    ).fit(*rows)
    display = TrainingCurveDisplay.from_estimator(network)
    best = network.history_[0]["best_epoch"]
    assert display.best_points_.get_label() == f"kept (epoch {best}), stopped early"
    assert len(display.train_losses[0]) == best + 3


def test_curves_of_an_ensemble(rows):
    network = small(
        n_members=3,
        early_stopping=True,
        max_epochs=300,
        learning_rate=0.05,
        n_iter_no_change=2,
    ).fit(*rows)
    display = TrainingCurveDisplay.from_estimator(network)
    *members, mean = display.valid_lines_
    assert len({len(line.get_xdata()) for line in members}) > 1
    for line, told in zip(members, network.history_, strict=True):
        assert_allclose(line.get_ydata(), told["valid_loss"])
    shared = min(len(told["valid_loss"]) for told in network.history_)
    expected = [
        np.mean([told["valid_loss"][k] for told in network.history_])
        for k in range(shared)
    ]
    assert_allclose(mean.get_ydata(), expected)
    kept = [told["best_epoch"] for told in network.history_]
    assert display.best_points_.get_xdata().tolist() == kept
    assert mean.get_linewidth() > members[0].get_linewidth()
    check_tidy(display.figure_)


def test_where_the_network_is_found(rows):
    X, y = rows
    forest = RandomForestClassifier(10, random_state=0).fit(X, y)
    for student in (
        small(),
        make_pipeline(StandardScaler(), small()),
        torch.nn.Linear(13, 3),
    ):
        model = DistillationClassifier(forest, student, random_state=0)
        model.fit(X.astype(np.float32), y)
        network = model.student_
        network = network[-1] if hasattr(network, "steps") else network
        display = TrainingCurveDisplay.from_estimator(model)
        assert_allclose(display.train_losses, [network.history_[0]["train_loss"]])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a forest that was fitted on these rows
        search = DistillationClassifierCV(
            forest, small(), cv=2, temperatures=[1.0], alphas=[0.5]
        ).fit(X, y)
    for model in (
        make_pipeline(StandardScaler(), small()).fit(X, y),
        GridSearchCV(small(), {"learning_rate": [0.01]}, cv=2).fit(X, y),
        search,
    ):
        assert len(TrainingCurveDisplay.from_estimator(model).train_losses[0]) == 8


def test_curves_of_skorch(rows):
    X, y = rows
    X, codes = X.astype(np.float32), np.unique(y, return_inverse=True)[1]
    net = NeuralNetClassifier(
        torch.nn.Linear(13, 3),
        criterion=torch.nn.CrossEntropyLoss,
        max_epochs=4,
        verbose=0,
    )
    forest = RandomForestClassifier(10, random_state=0).fit(X, y)
    model = DistillationClassifier(forest, net, random_state=0).fit(X, y)
    for fitted, history in (
        (net.fit(X, codes), net.history),
        (model, model.student_.history),
    ):
        display = TrainingCurveDisplay.from_estimator(fitted)
        assert_allclose(display.train_losses[0], history[:, "train_loss"])
        assert_allclose(display.valid_losses[0], history[:, "valid_loss"])
        assert display.best_points_ is None
    net.set_params(train_split=None).fit(X, codes)
    assert TrainingCurveDisplay.from_estimator(net).valid_losses is None


def test_curves_of_two_networks(rows):
    one, other = small().fit(*rows), small(early_stopping=True).fit(*rows)
    display = TrainingCurveDisplay.from_estimator(one, name="one")
    more = TrainingCurveDisplay.from_estimator(other, name="other", ax=display.ax_)
    lines = [*display.train_lines_, *more.train_lines_, *more.valid_lines_]
    assert len({line.get_color() for line in lines}) == 3
    assert len({line.get_linestyle() for line in lines}) == 3
    assert [line.get_label() for line in lines] == [
        "one: training",
        "other: training",
        "other: validation",
    ]
    renamed = display.plot(name="uno", color="red", lw=4)
    assert renamed.train_lines_[0].get_label() == "uno: training"
    assert renamed.train_lines_[0].get_linewidth() == 4


def test_scale_of_losses():
    for losses, scale, expected in [
        ([3.0, 2.0], "auto", "linear"),
        ([3.0, 0.2], "auto", "log"),
        ([3.0, 0.0], "auto", "linear"),
        ([3.0, 0.2], "linear", "linear"),
        ([3.0, 2.0], "log", "log"),
    ]:
        display = TrainingCurveDisplay([losses]).plot(scale=scale)
        assert display.ax_.get_yscale() == expected
    with pytest.raises(ValueError, match="scale='symlog'"):
        TrainingCurveDisplay([[1.0]]).plot(scale="symlog")


def test_interrupted_and_failed():
    for end, said in [("interrupted", "interrupted"), ("failed", "failed")]:
        display = TrainingCurveDisplay(
            [[2.0, 1.0]], [[2.0, 1.5]], best_epochs=[2], ends=[end]
        ).plot()
        assert said in display.best_points_.get_label()


def test_wrong_networks(wine, rows):
    model = wine[0]
    with pytest.raises(TypeError, match=r"looked at DecisionTreeClassifier"):
        TrainingCurveDisplay.from_estimator(model)
    with pytest.raises(TypeError, match="give a fitted NeuralClassifier"):
        TrainingCurveDisplay.from_estimator(small())
    with pytest.raises(ValueError, match="was not trained yet"):
        TrainingCurveDisplay.from_estimator(small().initialize(*rows))
