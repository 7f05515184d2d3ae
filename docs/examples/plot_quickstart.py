"""
Quickstart: a thousand trees and a booster into one small tree
==============================================================

A heavy ensemble teaches a small decision tree. The tree is compared with *the same tree
tuned without a teacher*, on rows that neither has seen, and written to an ONNX file.

From a checkout, ``make demo`` runs this script and keeps the picture, the student and
the file in ``demo/``.
"""

import argparse
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
from sklearn.model_selection import GridSearchCV, cross_val_predict, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

from skdistill import DistillationClassifier, distillation_report
from skdistill.export import OnnxClassifier, to_onnx
from skdistill.metrics import prediction_latency
from skdistill.transfer import Munge

parser = argparse.ArgumentParser(description="Distil an ensemble into a small tree.")
parser.add_argument("--output", type=Path, help="folder for picture, student and file")
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
# The student alone
# -----------------
#
# It is tuned by 5-fold cross-validation on the training rows, for log-loss. A plain
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
    return tuned.best_estimator_


SIZES = [16, 32, 64, 128]
trees = {
    leaves: DecisionTreeClassifier(max_leaf_nodes=leaves, random_state=0)
    for leaves in SIZES
}
grid = {
    "estimator__min_samples_leaf": [1, 3],
    "estimator__ccp_alpha": [0, 1e-3],
    "share": [0.03, 0.1, 0.2, 0.3],
}
alone = {
    leaves: search(f"{leaves}-leaf tree alone", Smoothed(tree), grid)
    for leaves, tree in trees.items()
}

linear = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
grid = {"logisticregression__C": [0.03, 0.3, 3]}
linear_alone = search("logistic alone", linear, grid)

# %%
# The student taught
# ------------------
#
# Temperature and alpha, the teacher's share of the loss, are tuned as well. A logistic
# regression may do without a teacher (``alpha=0``).

grid = {
    "temperature": [1, 2],
    "alpha": [0.5, 0.7, 0.9],
    "student__min_samples_leaf": [1, 3],
}
taught = {}
for leaves, tree in trees.items():
    model = DistillationClassifier("precomputed", tree)
    name = f"{leaves}-leaf tree distilled"
    taught[leaves] = search(name, model, grid, teacher_proba=teacher_proba)

grid = {"student__logisticregression__C": [0.03, 0.3, 3], "alpha": [0, 0.3, 0.7]}
model = DistillationClassifier("precomputed", linear)
linear_taught = search("logistic distilled", model, grid, teacher_proba=teacher_proba)

# %%
# More rows
# ---------
#
# A small tree is short of rows, and rows without labels cost nothing: the teacher
# labels them. :class:`~skdistill.transfer.Munge` makes twenty for each row of X, out of
# the row and its nearest neighbour. Now the *fitted* teacher speaks about these, and
# the table about the rows it was fitted on; the tree keeps the settings found above.

print("64-leaf tree, more rows: fitting", flush=True)
with_rows = clone(taught[64]).set_params(
    teacher=teacher,
    teacher_cv="precomputed",
    transfer=Munge(),
    transfer_size=20.0,
    random_state=0,
)
with_rows.fit(X_train, y_train, teacher_proba=teacher_proba)

# %%
# Held-out rows
# -------------
#
# Did the teacher help, and in what? The report compares teacher, student and the
# student alone on the same rows. Its intervals tell how far the figures hang on these
# test rows; another split of training and test rows would move them further.

said = teacher.predict_proba(X_test)
report = distillation_report(with_rows, X_test, y_test, baseline=alone[64])
print("\n64-leaf tree, more rows")
print(report)

# %%
# Without the further rows, and with a logistic regression in the place of the tree:


def verdict(student, baseline):
    """What the report comes to; the teacher is not asked again."""
    report = distillation_report(
        student, X_test, y_test, baseline=baseline, teacher_proba=said, latency=False
    )
    return report.verdict


print("\n64-leaf tree")
print(verdict(taught[64], alone[64]))
print("\nlogistic regression")
print(verdict(linear_taught, linear_alone))

# %%
# Is a tree the right student at all? That is asked last, and of every tree above.


def row_losses(model):
    """Log-loss of each held-out row."""
    of_label = model.predict_proba(X_test)[np.arange(len(y_test)), y_test]
    return -np.log(np.maximum(of_label, np.finfo(float).eps))


def row_hits(model):
    """1 where a held-out row is classified right, else 0."""
    return (model.predict_proba(X_test).argmax(axis=1) == y_test).astype(float)


every = [*alone.values(), *taught.values(), with_rows]
beats_loss = row_losses(linear_alone).mean() < min(row_losses(t).mean() for t in every)
beats_hits = row_hits(linear_alone).mean() > max(row_hits(t).mean() for t in every)
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

draws = np.random.default_rng(0).integers(len(y_test), size=(2_000, len(y_test)))


def interval(values):
    """95 % bootstrap interval of a mean over held-out rows."""
    return np.quantile(values[draws].mean(axis=1), [0.025, 0.975])


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
        rows = [measure(by_size[leaves]) for leaves in SIZES]
        bands = np.array([interval(values) for values in rows])
        axis.fill_between(SIZES, *bands.T, color=color, alpha=0.15, linewidth=0)
        means = [values.mean() for values in rows]
        axis.plot(SIZES, means, color=color, marker=marker, label=name)
    value = measure(with_rows).mean()
    label = "distilled, more rows"
    axis.plot(64, value, "*", color="#009E73", markersize=13, label=label)
    level = measure(teacher).mean()
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
# The student to keep
# -------------------
#
# It is a plain scikit-learn tree: whoever loads it needs neither the teacher nor this
# package. As an ONNX file it does not even need Python, and leaves behind what Python
# adds to the time of a single row.

student = with_rows.student_
written = to_onnx(student, X_train)
served = OnnxClassifier(written)
assert (served.predict(X_test) == student.predict(X_test)).all()

models = {
    "teacher": teacher,
    f"student ({type(student).__module__.split('.')[0]})": student,
    "student (ONNX)": served,
}
times = {}
for name, model in models.items():
    times[name] = prediction_latency(model, X_test, n_repeats=20).one_row_us
print(f"\n{'one row':24}{'microseconds':>14}{'teacher / it':>14}")
for name, microseconds in times.items():
    print(f"{name:24}{microseconds:14,.0f}{times['teacher'] / microseconds:14,.0f}")

if args.output:
    args.output.mkdir(parents=True, exist_ok=True)
    figure.savefig(args.output / "digits.png", dpi=100)
    joblib.dump(student, args.output / "student.joblib")
    (args.output / "student.onnx").write_bytes(written.SerializeToString())
    print(f"wrote digits.png, student.joblib and student.onnx to {args.output}")
