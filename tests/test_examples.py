"""The guide, the README and the gallery say what is true: they run.

Gallery scripts are run whole, or, where that takes long, their functions alone with
smaller settings; the whole scripts are then `slow`.
"""

import ast
import doctest
import io
import pickle
import re
import runpy
from contextlib import redirect_stdout
from pathlib import Path

import joblib
import numpy as np
import pytest
from numpy.testing import assert_array_equal

from skdistill.export import OnnxClassifier

pyplot = pytest.importorskip("matplotlib.pyplot")
torch = pytest.importorskip("torch")
pyplot.switch_backend("Agg")

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
GUIDE = sorted((DOCS / "guide").glob("*.rst"))
SCRIPTS = {path.stem: path for path in (DOCS / "examples").glob("plot_*.py")}
FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


@pytest.fixture(autouse=True)
def tidy_up():
    """Scripts set torch to one thread, and leave their figures open."""
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)
    pyplot.close("all")


@pytest.fixture
def run(monkeypatch):
    """Run a gallery script; returns its names, with what it printed as `printed`."""

    def run(name, *arguments):
        monkeypatch.setattr("sys.argv", [str(SCRIPTS[name]), *map(str, arguments)])
        printed = io.StringIO()
        with redirect_stdout(printed):
            names = runpy.run_path(str(SCRIPTS[name]), run_name="__main__")
        return names | {"printed": printed.getvalue()}

    return run


def definitions_of(name):
    """Import the functions of a script without running its story."""
    tree = ast.parse(SCRIPTS[name].read_text())
    kinds = (ast.Import, ast.ImportFrom, ast.FunctionDef, ast.ClassDef)
    tree.body = [node for node in tree.body if isinstance(node, kinds)]
    names = {"__name__": name}
    exec(compile(tree, str(SCRIPTS[name]), "exec"), names)
    return names


# Guide and README ----------------------------------------------------------------


def check_doctests(text, name):
    """Run the `>>>` lines of a text; what they print must be what it says."""
    test = doctest.DocTestParser().get_doctest(text, {}, name, name, 0)
    said = io.StringIO()
    runner = doctest.DocTestRunner(optionflags=FLAGS)
    runner.run(test, out=said.write)
    assert runner.failures == 0, said.getvalue()
    return runner.tries


@pytest.mark.parametrize("path", GUIDE, ids=lambda path: path.stem)
def test_guide(path):
    tries = check_doctests(path.read_text(), path.name)
    assert tries or path.stem in ("index", "comparison")


def test_readme():
    text = (ROOT / "README.md").read_text()
    assert check_doctests(text, "README.md") > 5
    for picture in re.findall(r"!\[.*?\]\((.*?)\)", text):
        assert (ROOT / picture).is_file()
    targets = (ROOT / "Makefile").read_text()
    for target in re.findall(r"^\$ make (\w+)", text, flags=re.MULTILINE):
        assert f"\n{target}:" in targets


def test_every_script_and_chapter_is_used():
    source = Path(__file__).read_text()
    for name in SCRIPTS:
        assert f'"{name}"' in source, f"{name} is not run by any test"
    index = (DOCS / "guide" / "index.rst").read_text()
    for path in GUIDE:
        assert path.stem == "index" or f"   {path.stem}\n" in index


# The reference systems -----------------------------------------------------------


def test_system_a_small(capsys):
    a = definitions_of("plot_system_a_ensemble")
    X_train, X_test, y_train, y_test = a["load_data"]()
    teachers = a["train_teachers"](2, X_train, y_train, epochs=4)
    students = [
        a["teach"](teachers, X_train, y_train, alpha, epochs=10) for alpha in (0, 0.7)
    ]
    assert [student.route_ for student in students] == ["labels", "network"]
    a["show_progress"]("distilled", students[1])
    assert "epoch 10: loss" in capsys.readouterr().out
    a["summarise"](teachers, *students, X_test, y_test)
    assert "recovered" in capsys.readouterr().out
    assert students[1].score(X_test, y_test) > 0.85
    counted = [
        a["n_parameters"](module)
        for module in (teachers[0], students[1].student_.modules_[0])
    ]
    assert counted == [46_658, 3_490]
    assert round(12 * counted[0] / counted[1]) == 160


def test_system_a_over_seeds_is_what_each_seed_gives():
    a = definitions_of("plot_system_a_ensemble")
    X_train, X_test, y_train, y_test = a["load_data"]()
    teachers = a["train_teachers"](2, X_train, y_train, epochs=2)
    a["make_student"].__defaults__ = (3, None)
    scores = a["over_seeds"](teachers, X_train, y_train, X_test, y_test, n_seeds=2)
    for seed in range(2):
        for alpha, score in zip((0, 0.7), scores[seed], strict=True):
            student = a["make_student"](epochs=3, seed=seed)
            model = a["DistillationClassifier"](
                teachers, student, temperature=3, alpha=alpha
            ).fit(X_train, y_train)
            # A row between the classes may fall on either side.
            assert model.score(X_test, y_test) == pytest.approx(score, abs=0.002)


@pytest.mark.slow
def test_system_a_reaches_what_was_published(run):
    a = run("plot_system_a_ensemble")
    assert a["printed"].count("teacher ") >= 12
    assert a["printed"].count("soft target") == 5
    assert a["printed"].count("epoch 10") == 2
    assert "160 times fewer" in a["printed"]
    ensemble = a["summary"][0]
    baseline, distilled = a["scores"].T
    print(f"ensemble {ensemble:.4f}; baseline {baseline}; distilled {distilled}")
    assert ensemble == pytest.approx(0.978, abs=0.01)
    assert baseline.mean() == pytest.approx(0.965, abs=0.01)
    assert distilled.mean() == pytest.approx(0.972, abs=0.01)
    assert a["gain"].mean() > 2 * a["error"]


def test_system_b_small():
    b = definitions_of("plot_system_b_digits")
    X_train, X_test, y_train, y_test, _ = b["load_data"]()
    b |= {"X_train": X_train, "y_train": y_train, "epochs": 20}
    distilled = b["distil"](b["make_net"](512, 256, epochs=10))
    assert distilled.teacher_source_ == "fitted"
    assert distilled.teacher_.predict_proba(X_test).shape == (len(X_test), 10)
    assert distilled.score(X_test, y_test) > 0.85


def test_system_b_reads_a_folder(tmp_path):
    rng = np.random.default_rng(0)
    images = rng.integers(256, size=(6, 28, 28), dtype=np.uint8)
    labels = np.arange(6, dtype=np.uint8)
    arrays = {"X_train": images, "y_train": labels, "X_test": images, "y_test": labels}
    np.savez(tmp_path / "mnist.npz", **arrays)
    X_train, _, y_train, _, epochs = definitions_of("plot_system_b_digits")[
        "load_data"
    ](tmp_path)
    assert X_train.shape == (6, 784)
    assert 0 <= X_train.min() < X_train.max() <= 1
    assert y_train.dtype == int
    assert epochs == 5


@pytest.mark.slow
def test_system_b_script(run):
    b = run("plot_system_b_digits")
    teacher, alone, distilled = b["compression"]
    assert teacher > 0.96
    assert distilled > alone - 0.01
    assert b["several"] > 0.95
    _, old, adapted = b["domain"]
    assert adapted > old + 0.1
    assert "64-leaf tree: loop" in b["printed"]


@pytest.mark.slow
def test_system_c(run):
    c = run("plot_system_c_response")
    loss = {name: scores[:, 1] for name, scores in c["by_network"].items()}
    gain = {name: loss["responses"] - each for name, each in loss.items()}
    patience = gain["responses, twice as long"]
    error = patience.std(ddof=1) / np.sqrt(len(patience))
    assert loss["responses"].mean() < loss["responses, T=1"].mean()
    assert loss["responses, T=1"].mean() < loss["labels"].mean()
    assert patience.mean() > 2 * error
    relations = gain["responses and RKD"].mean()
    assert 0 < relations < patience.mean()
    for name in ("hint", "attention"):
        assert gain[f"responses and {name}"].mean() < relations
    by_forest = {k: scores[:, 1].mean() for k, scores in c["by_forest"].items()}
    for name in ("RKD", "PKT"):
        assert abs(by_forest["responses"] - by_forest[f"responses and {name}"]) < 0.02


def test_system_d(run):
    d = run("plot_system_d_forest_to_tree")
    assert np.mean(d["forest_says"] == d["tree_says"]) >= 0.9
    assert np.mean(d["y_test"] == d["tree_says"]) >= 0.9
    assert d["printed"].count("macro avg") == 2
    # One training row is no test row.
    assert not set(d["X_train"].index) & set(d["X_test"].index)
    for table in (d["cancer"], d["digits"]):
        assert table.loc["soft", "fidelity"] > table.loc["alone", "fidelity"]


# The rest of the gallery ---------------------------------------------------------


@pytest.mark.slow
def test_losses(run):
    names = run("plot_losses")
    loss = {name: scores[:, 1].mean() for name, scores in names["means"].items()}
    assert loss["teacher"] < loss["kl"] < loss["hard"] < loss["gamma_kl"]
    for name in ("logit_mse", "dkd", "dist", "standardized_kl"):
        assert loss["kl"] - 0.01 < loss[name] < loss["hard"]
    for name in ("dist", "standardized_kl"):
        assert loss[name] > loss["kl"]
    assert set(loss) == {"teacher", *names["LOSSES"]}
    assert names["search"].best_params_["student__loss"] != "hard"


@pytest.mark.slow
def test_quickstart(run, tmp_path):
    names = run("plot_quickstart", "--output", tmp_path)
    printed = names["printed"]
    assert printed.count(", tuned in ") == 10
    assert printed.count("The teacher helped: in log-loss") == 2
    for title in ("64-leaf tree, more rows", "64-leaf tree"):
        assert f"\n\n{title}\nThe teacher helped" in printed
    student = joblib.load(tmp_path / "student.joblib")
    assert type(student).__module__.startswith("sklearn.")
    assert student.get_n_leaves() <= 64
    assert (tmp_path / "digits.png").stat().st_size > 10_000
    served = OnnxClassifier(tmp_path / "student.onnx")
    rows = names["X_test"]
    assert_array_equal(served.predict(rows), student.predict(rows))
    assert (tmp_path / "student.onnx").stat().st_size < 50_000
    teacher, in_python, exported = names["times"].values()
    assert exported < in_python < teacher


def test_leakage(run):
    names = run("plot_leakage")
    assert names["leaking"] > 0.74
    assert names["honest"] < 0.72
    assert names["apart"] < 0.72


@pytest.mark.slow
def test_compositions(run):
    names = run("plot_compositions")
    loss = {
        name: np.mean(scores, axis=0)[1]
        for found in ("chained", "born_again", "weighted")
        for name, scores in names[found].items()
    }
    assert loss["taught by the teacher"] < loss["alone"]
    assert loss["tree, teachers learned"] < loss["tree, teachers all alike"]
    assert np.mean(names["shares"], axis=0)[:2].max() < 0.05
    assert names["printed"].count("not clear") >= 1


def test_pipelines(run):
    assert "trained on the columns ['age']" in run("plot_pipelines")["printed"]


def test_precomputed(run):
    names = run("plot_precomputed")
    loss = {k: -names[k]["test_neg_log_loss"].mean() for k in ("result", "alone")}
    assert loss["result"] < loss["alone"]
    assert names["model"].score(names["X"], names["y"]) > 0.9


@pytest.mark.slow
def test_voting_skorch(run):
    best = run("plot_voting_skorch")["search"].best_estimator_
    assert (best.teacher_source_, best.route_) == ("given", "tree")


@pytest.mark.slow
def test_search(run):
    names = run("plot_search")
    network, linear = names["searches"].values()
    assert network.improves_
    assert not linear.improves_
    loss = {key: score[0] for key, score in names["scores"].items()}
    name = "network, 8 hidden units"
    assert loss[name, "distilled"] < loss[name, "alone"] - 0.03
    assert "The teacher does not help" in names["printed"]


@pytest.mark.slow
def test_more_rows(run):
    names = run("plot_more_rows")
    loss = names["table"]["log-loss"]
    assert loss["forest"] < loss["+ 20 rows for each"] < loss["in-sample"] - 0.05
    assert loss["+ drawn in nodes"] < loss["in-sample"] - 0.05
    assert loss["in-sample"] < loss["tree alone"]
    of_one_split = names["losses"]
    assert of_one_split["Munge"][-1] < of_one_split["Spunge"][-1] - 0.05


@pytest.mark.slow
def test_inspection(run):
    names = run("plot_inspection")
    assert names["search"].improves_
    assert 0.9 < names["display"].agreement < 0.97


@pytest.mark.slow
def test_domain_shift(run):
    names = run("plot_domain_shift")
    few = names["few"].pivot_table(index="labels", columns="model", values="accuracy")
    assert (few["+ unlabelled"] > few[["alone", "taught", "+ drawn"]].max(axis=1)).all()
    there = names["shift"].pivot_table(index="place", columns="model", values="there")
    gain = there["+ rows from there"] - there["+ rows from home"]
    assert gain["smeared"] > 0.1
    assert abs(gain["negative"]) < 0.05  # the teacher is wrong there
    repeated = names["by_mistake"].unstack()
    assert (repeated["+ rows from there"] > repeated["taught"] + 0.1).all()


@pytest.mark.slow
def test_budget(run):
    names = run("plot_budget")
    best = names["results"].loc[names["name"]]
    assert best["fits"]
    assert best["n_bytes"] <= names["budget"]["max_bytes"]
    assert best["us_per_row"] <= names["budget"]["max_microseconds"]
    assert best["score"] == names["results"]["score"][names["results"]["fits"]].max()
    assert not names["results"]["fits"].all()
    assert "fits the budget" in names["printed"]
    assert names["report"].search is not None


@pytest.mark.slow
def test_serving(run):
    names = run("plot_serving")
    one_row = names["times"]["one row"].unstack()
    assert (one_row["ONNX Runtime"] < one_row["Python"]).all()
    assert (
        one_row["ONNX Runtime"][["tree", "network"]].max()
        < one_row.loc["teacher", "Python"] / 100
    )
    assert names["printed"].count("not imported") >= 3
    assert pickle.loads(names["kept"]).classes_.tolist() == sorted(names["words"])


@pytest.mark.slow
def test_mixed_types(run):
    names = run("plot_mixed_types")
    losses = names["losses"]
    assert (losses["taught"] < losses["alone"]).all()
    assert losses["teacher"].mean() < losses["taught"].mean()
    assert names["same"].mean() > 0.99
    assert "the same schema: True" in names["printed"]
