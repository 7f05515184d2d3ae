"""
Quickstart: a thousand trees and a booster into one small tree
==============================================================

A heavy ensemble teaches a small decision tree. The tree is compared with *the same tree
tuned without a teacher*, on rows that neither has seen.

From a checkout, ``make demo`` runs this script and keeps the picture and the student in
``demo/``.
"""

import argparse
import pickle
import time
from pathlib import Path

import joblib
import matplotlib.pyplot as plt
import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.datasets import load_digits
from sklearn.ensemble import (
    ExtraTreesClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
    VotingClassifier,
)
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.model_selection import GridSearchCV, cross_val_predict, train_test_split
from sklearn.neighbors import NearestNeighbors
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier
from threadpoolctl import threadpool_limits

from skdistill import DistillationClassifier

parser = argparse.ArgumentParser(description="Distil an ensemble into a small tree.")
parser.add_argument("--output", type=Path, help="folder for the picture and student")
args = parser.parse_args()

# %%
# The data are real: 8 × 8 grey values of 1,797 handwritten digits. Half of them are
# held out and only looked at in the end.

X, y = load_digits(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(
    X, y, test_size=0.5, stratify=y, random_state=0
)

# %%
# The teacher
# -----------
#
# The teacher has memorised its training rows: about them it only repeats the labels.
# Its probabilities of rows that it has *not* seen tell a small tree more. So each
# training row is labelled by a teacher fitted on the other folds.

teacher = VotingClassifier(
    [
        ("forest", RandomForestClassifier(500, random_state=0)),
        ("extra", ExtraTreesClassifier(500, random_state=0)),
        ("boosting", HistGradientBoostingClassifier(max_iter=50, random_state=0)),
    ],
    voting="soft",
)
print("teacher: labelling the training rows, five folds", flush=True)
teacher_proba = cross_val_predict(
    teacher, X_train, y_train, cv=5, method="predict_proba", n_jobs=2
)
teacher.fit(X_train, y_train)

# %%
# The student, alone and taught
# -----------------------------
#
# Both are tuned by 5-fold cross-validation on the training rows, for log-loss. A plain
# tree predicts probabilities of exactly 0, which log-loss punishes without end, and a
# student of soft targets does not. To be fair, the tree without a teacher may mix its
# probabilities with the class frequencies; how much is tuned with the rest.


class Smoothed(ClassifierMixin, BaseEstimator):
    """A classifier whose probabilities are mixed with the class frequencies."""

    def __init__(self, estimator, share=0.1):
        self.estimator = estimator
        self.share = share

    def fit(self, X, y):
        self.estimator_ = clone(self.estimator).fit(X, y)
        self.classes_, counts = np.unique(y, return_counts=True)
        self.frequency_ = counts / len(y)
        return self

    def predict_proba(self, X):
        proba = self.estimator_.predict_proba(X)
        return (1 - self.share) * proba + self.share * self.frequency_

    def predict(self, X):
        return self.classes_[self.predict_proba(X).argmax(axis=1)]


def search(name, model, grid, **fit_params):
    """Tune on training rows only; print what was found."""
    start = time.perf_counter()
    tuned = GridSearchCV(model, grid, scoring="neg_log_loss", cv=5, n_jobs=2)
    tuned.fit(X_train, y_train, **fit_params)
    seconds = time.perf_counter() - start
    print(f"{name}, tuned in {seconds:.1f} s: {tuned.best_params_}", flush=True)
    return tuned


def tree_alone(leaves):
    """The best tree of at most so many leaves, on labels."""
    tree = DecisionTreeClassifier(random_state=0)
    grid = {
        "estimator__max_leaf_nodes": [leaves // 2, leaves],
        "estimator__min_samples_leaf": [1, 3],
        "estimator__ccp_alpha": [0, 1e-3],
        "share": [0.03, 0.1, 0.2, 0.3],
    }
    return search(f"{leaves}-leaf tree alone", Smoothed(tree), grid)


def tree_taught(leaves):
    """The best tree of at most so many leaves, taught."""
    tree = DecisionTreeClassifier(max_leaf_nodes=leaves, random_state=0)
    grid = {
        "temperature": [1, 2],
        "alpha": [0.5, 0.7, 0.9],
        "student__min_samples_leaf": [1, 3],
    }
    model = DistillationClassifier("precomputed", tree)
    name = f"{leaves}-leaf tree distilled"
    return search(name, model, grid, teacher_proba=teacher_proba)


def linear_alone():
    """The best logistic regression, on labels."""
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
    grid = {"logisticregression__C": [0.03, 0.3, 3]}
    return search("logistic alone", model, grid)


def linear_taught():
    """The best logistic regression, taught; ``alpha=0`` would be no teacher."""
    student = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
    model = DistillationClassifier("precomputed", student)
    grid = {"student__logisticregression__C": [0.03, 0.3, 3], "alpha": [0, 0.3, 0.7]}
    return search("logistic distilled", model, grid, teacher_proba=teacher_proba)


SIZES = [16, 32, 64, 128]
alone = {leaves: tree_alone(leaves) for leaves in SIZES}
taught = {leaves: tree_taught(leaves) for leaves in SIZES}
tuned = {
    "64-leaf tree alone": alone[64],
    "64-leaf tree distilled": taught[64],
    "logistic alone": linear_alone(),
    "logistic distilled": linear_taught(),
}

# %%
# More rows
# ---------
#
# A small tree is short of rows, and unlabelled rows cost nothing: the teacher labels
# them. Here each is a blend of a training image and one of its near neighbours, with
# some noise. Now the *fitted* teacher labels them, and the tree keeps the settings
# found above.


def blends(n_each, seed=0):
    """So many new images around each training image."""
    rng = np.random.default_rng(seed)
    images = np.repeat(np.arange(len(X_train)), n_each)
    nearest = NearestNeighbors(n_neighbors=6).fit(X_train)
    neighbours = nearest.kneighbors(X_train, return_distance=False)[:, 1:]
    others = neighbours[images, rng.integers(5, size=len(images))]
    share = rng.uniform(size=(len(images), 1))
    mix = share * X_train[images] + (1 - share) * X_train[others]
    return np.clip(np.round(mix + rng.normal(0, 1.5, mix.shape)), 0, 16)


print("64-leaf tree, more rows: fitting", flush=True)
with_rows = clone(taught[64].best_estimator_).set_params(teacher=teacher)
with_rows.fit(X_train, y_train, X_unlabeled=blends(10))

# %%
# Held-out rows
# -------------
#
# Agreement is the share of rows on which a model predicts what the teacher predicts.
# Bytes are those of the pickled model, without its teacher. The time is that of
# ``predict_proba`` for one row on one thread, the fastest of many, so that other work
# on the machine changes it little.


def row_losses(proba):
    """Log-loss of each held-out row."""
    of_label = proba[np.arange(len(y_test)), y_test]
    return -np.log(np.maximum(of_label, np.finfo(float).eps))


def row_hits(proba):
    """1 where a held-out row is classified right, else 0."""
    return (proba.argmax(axis=1) == y_test).astype(float)


def milliseconds(model, repeats):
    """Least time of one row, on one thread."""
    seconds = []
    with threadpool_limits(1):
        for row in range(repeats):
            start = time.perf_counter()
            model.predict_proba(X_test[row : row + 1])
            seconds.append(time.perf_counter() - start)
    return 1e3 * min(seconds)


models = {"teacher": teacher}
for name, search_result in tuned.items():
    best = search_result.best_estimator_
    models[name] = getattr(best, "student_", best)  # a distilled one: the bare student
models["64-leaf tree, more rows"] = with_rows.student_

proba = {name: model.predict_proba(X_test) for name, model in models.items()}
teacher_says = proba["teacher"].argmax(axis=1)

print()
print(
    f"{'':24}{'accuracy':>9}{'log-loss':>9}{'agreement':>10}{'bytes':>12}{'ms/row':>8}"
)
for name, model in models.items():
    predicted = proba[name].argmax(axis=1)
    print(
        f"{name:24}"
        f"{np.mean(predicted == y_test):9.3f}"
        f"{log_loss(y_test, proba[name]):9.3f}"
        f"{np.mean(predicted == teacher_says):10.3f}"
        f"{len(pickle.dumps(model)):12,}"
        f"{milliseconds(model, 20 if name == 'teacher' else 200):8.2f}"
    )

# %%
# Did the teacher help, and in what? The held-out rows are drawn again 10,000 times, for
# both students alike: a paired bootstrap. Log-loss and accuracy each have a verdict: a
# student may gain in one and not in the other. The recovered share is the part of the
# way from the student alone to the teacher that the distilled student has gone, in
# log-loss.
# The intervals tell how far the result hangs on these test rows; another split of
# training and test rows would move them further.

draws = np.random.default_rng(0).integers(len(y_test), size=(10_000, len(y_test)))


def interval(values):
    """95 % bootstrap interval of a mean over held-out rows."""
    return np.quantile(values[draws].mean(axis=1), [0.025, 0.975])


def judge(gain):
    """Put the gain of each row into words: its mean, its interval, what they tell."""
    low, high = interval(gain)
    if low == high == 0:
        return "no difference"
    words = "not clear, the interval holds 0"
    if low > 0:
        words = "the teacher helped"
    elif high < 0:
        words = "the teacher harmed"
    return f"{gain.mean():+.3f}, 95 % interval [{low:+.3f}, {high:+.3f}]: {words}"


def verdict(student, kind=" distilled"):
    """Compare a distilled student with itself alone; say plainly what came out."""
    without, with_teacher = proba[f"{student} alone"], proba[f"{student}{kind}"]
    gain = row_losses(without) - row_losses(with_teacher)
    hits = row_hits(with_teacher) - row_hits(without)
    gap = (row_losses(without) - row_losses(proba["teacher"])).mean()
    print(f"\n{student}{kind}, against {student} alone")
    if not np.any(without != with_teacher):
        print("  the same predictions: the search chose alpha=0, no teacher")
        return
    print(f"  gain in log-loss {judge(gain)}")
    print(f"  gain in accuracy {judge(hits)}")
    if gap > 0:
        print(f"  recovered share of the log-loss gap: {gain.mean() / gap:.0%}")
    else:
        print("  alone it beats the teacher in log-loss: there is no gap to close")


verdict("64-leaf tree")
verdict("64-leaf tree", ", more rows")
verdict("logistic")

# %%
# Is a tree the right student at all? That is asked last, and of every tree above.

trees = {f"{leaves}-leaf tree alone": alone[leaves] for leaves in SIZES}
trees |= {f"{leaves}-leaf tree distilled": taught[leaves] for leaves in SIZES}
trees |= {"64-leaf tree, more rows": with_rows}
tree_proba = {name: tree.predict_proba(X_test) for name, tree in trees.items()}
linear = proba["logistic alone"]
beats_loss = all(
    row_losses(linear).mean() < row_losses(p).mean() for p in tree_proba.values()
)
beats_hits = all(
    row_hits(linear).mean() > row_hits(p).mean() for p in tree_proba.values()
)
print()
if beats_loss and beats_hits:
    print(
        "A logistic regression alone beats every tree here, in log-loss and accuracy:\n"
        "on these data it is the better small model, without any teacher. The tree is\n"
        "kept because it shows what a teacher adds where the student must be a tree,\n"
        "a list of thresholds that can be read and run anywhere."
    )
else:
    print("The logistic regression alone does not beat every tree in both measures.")

# %%
# The picture: what each size buys, with and without a teacher.

curves = {"tree alone": alone, "tree distilled": taught}
styles = {"tree alone": ("#D55E00", "s"), "tree distilled": ("#0072B2", "o")}
measures = {
    "log-loss (lower is better)": row_losses,
    "accuracy (higher is better)": row_hits,
}
figure, axes = plt.subplots(1, 2, figsize=(9, 3.8), layout="constrained")
for axis, (title, measure) in zip(axes, measures.items(), strict=True):
    for name, by_size in curves.items():
        color, marker = styles[name]
        rows = [measure(by_size[leaves].predict_proba(X_test)) for leaves in SIZES]
        bands = np.array([interval(values) for values in rows])
        axis.fill_between(SIZES, *bands.T, color=color, alpha=0.15, linewidth=0)
        means = [values.mean() for values in rows]
        axis.plot(SIZES, means, color=color, marker=marker, label=name)
    value = measure(proba["64-leaf tree, more rows"]).mean()
    label = "distilled, more rows"
    axis.plot(64, value, "*", color="#009E73", markersize=13, label=label)
    level = measure(proba["teacher"]).mean()
    axis.axhline(level, color="black", linestyle="--", label="teacher")
    axis.set_xscale("log", base=2)
    axis.set_xticks(SIZES, [str(leaves) for leaves in SIZES])
    axis.set(xlabel="leaves of the tree", title=title)
    axis.grid(alpha=0.3)
    axis.spines[["top", "right"]].set_visible(False)
axes[0].set_ylim(bottom=0)
axes[0].legend(frameon=False, loc=(0.02, 0.28), fontsize=9)
_ = figure.suptitle("Handwritten digits, held-out rows (bands: 95 % bootstrap)")

# %%
# The student to keep is a plain scikit-learn tree. Whoever loads it needs neither the
# teacher nor this package.

student = with_rows.student_
print(type(student).__module__, type(student).__name__)

if args.output:
    args.output.mkdir(parents=True, exist_ok=True)
    figure.savefig(args.output / "digits.png", dpi=100)
    joblib.dump(student, args.output / "student.joblib")
    print(f"wrote {args.output / 'digits.png'} and {args.output / 'student.joblib'}")
