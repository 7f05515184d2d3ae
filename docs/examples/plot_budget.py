"""
The best student that fits a budget
===================================

Nobody orders "a tree of 64 leaves". What is ordered is a model that fits into what is
left of a device's memory, answers in time, or can be read by a person. Several students
are tried with one teacher, measured, and the best that fits is taken.
"""

import tempfile

import matplotlib.pyplot as plt
import pandas as pd
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.ensemble import (
    ExtraTreesClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
    VotingClassifier,
)
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier, export_text

from skdistill import (
    BudgetedDistillationCV,
    DistillationClassifierCV,
    distillation_report,
)
from skdistill.inspection import ParetoDisplay
from skdistill.metrics import model_size
from skdistill.neural import NeuralClassifier
from skdistill.transfer import Munge

# %%
# The task: a hand-held reader of handwritten digits, 8 × 8 grey values each, real ones.
# There is a good model already, a vote of five networks and a forest. A half of the
# 1,797 digits is held out, and only looked at in the end.

digits = load_digits()
X_train, X_test, y_train, y_test = train_test_split(
    digits.data, digits.target, test_size=0.5, stratify=digits.target, random_state=0
)
networks = NeuralClassifier(
    hidden_layer_sizes=(64,),
    n_members=5,
    max_epochs=20,
    learning_rate=3e-3,
    random_state=0,
)
teacher = VotingClassifier(
    [("networks", networks), ("forest", ExtraTreesClassifier(200, random_state=0))],
    voting="soft",
)

# %%
# The search says what is tried with each student: no teacher, and two weights of the
# teacher, which also labels five drawn rows for each row there is. The teacher is
# fitted once for each fold, for the first student; the others find in ``memory`` what
# it said.

folder = tempfile.TemporaryDirectory()
search = DistillationClassifierCV(
    teacher,
    DecisionTreeClassifier(min_samples_leaf=3, random_state=0),
    temperatures=[1.0],
    alphas=[0.3, 0.6],
    cv=3,
    transfer=Munge(),
    transfer_size=5.0,
    transfer_weight=5.0,
    memory=folder.name,
    random_state=0,
)

# %%
# The candidates are what one would think of, from small to large. The networks hold out
# a tenth of their rows and stop when these get no better, so that they do well without
# a teacher too.

tree = DecisionTreeClassifier(min_samples_leaf=3, random_state=0)
network = NeuralClassifier(
    early_stopping=True, max_epochs=40, learning_rate=1e-2, random_state=0
)
students = {
    "tree, 16 leaves": clone(tree).set_params(max_leaf_nodes=16),
    "tree, 64 leaves": clone(tree).set_params(max_leaf_nodes=64),
    "linear": make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=500)),
    "boosting, 10 rounds": HistGradientBoostingClassifier(
        max_iter=10, max_leaf_nodes=8, random_state=0
    ),
    "forest, 50 trees": RandomForestClassifier(50, max_leaf_nodes=32, random_state=0),
    "network, 4 units": clone(network).set_params(hidden_layer_sizes=(4,)),
    "network, 8 units": clone(network).set_params(hidden_layer_sizes=(8,)),
    "network, 16 units": clone(network).set_params(hidden_layer_sizes=(16,)),
}

# %%
# What fits the reader
# --------------------
#
# There are 4,000 bytes left on it, and a digit has to be read within 2 milliseconds.
# Both have to hold. Time is measured on the machine that fits, row by row on one
# thread: take it on the machine that it is meant for, or as an order of magnitude.

budget = {"max_bytes": 4_000, "max_microseconds": 2_000}
choice = BudgetedDistillationCV(search, students, **budget)
choice.fit(X_train, y_train)

results = pd.DataFrame(choice.results_).set_index("name")
columns = ["score", "alpha", "improves", "n_bytes", "us_per_row", "fits"]
print(results[columns].round({"score": 3, "us_per_row": 0}).to_string())

# %%
# The score is the mean log-loss of three folds, negative. ``improves`` says whether the
# teacher helps: where it does not, ``alpha`` is 0 and the student learned from the
# labels alone. Of those that fit, the best is taken:

name = str(choice.results_["name"][choice.best_index_])
print(f"chosen: {name}, alpha={choice.search_.alpha_}")
print(choice.best_estimator_.student_)

# %%
# What a budget costs is seen in the picture. What lies in the shaded part is over the
# budget; the line is the best that can be had at each size, or in each time. The chosen
# student has a ring.

figure, (left, right) = plt.subplots(1, 2, figsize=(9.5, 4), layout="constrained")
panels = [(left, "n_bytes", "max_bytes"), (right, "us_per_row", "max_microseconds")]
for axis, size, limit in panels:
    ParetoDisplay.from_results(
        choice.results_,
        size=size,
        budget=budget[limit],
        quality_name="log-loss of three folds, negative",
        ax=axis,
    )
    ring = {"s": 170, "facecolors": "none", "edgecolors": "black", "linewidths": 1.5}
    axis.scatter(*results.loc[name, [size, "score"]], **ring)
plt.show()

# %%
# A tree for a person
# -------------------
#
# The next order: whoever is liable for the answers wants to follow each of them on
# paper, and will not read more than 40 leaves. Students may also be given as a grid of
# parameters of the search's own student, which is a tree.

readable = BudgetedDistillationCV(
    search, {"max_leaf_nodes": [10, 20, 40, 80]}, max_leaves=40
)
readable.fit(X_train, y_train)
trees = pd.DataFrame(readable.results_).set_index("name")
columns = ["score", "alpha", "improves", "n_leaves", "fits"]
print(trees[columns].round({"score": 3}).to_string())

page = export_text(
    readable.best_estimator_.student_, feature_names=digits.feature_names
).splitlines()
print(*page[:8], f"... and {len(page) - 8} lines more", sep="\n")

# %%
# When nothing fits
# -----------------
#
# Then there is no model, rather than one that is too large. The error says what the
# least is that these students take.

too_small = BudgetedDistillationCV(search, {"max_leaf_nodes": [5, 10]}, max_bytes=1_000)
try:
    too_small.fit(X_train, y_train)
except ValueError as error:
    print(error)

# %%
# Was it worth it?
# ----------------
#
# The score of the best of several is a little too good. So the chosen student is judged
# on the rows held out, which chose nothing: against its teacher, and against the same
# student without one, tuned. "Of the gap" is how far it came from the one to the other;
# more than 100 % is beyond the teacher.

alone = GridSearchCV(
    students[name],
    {"learning_rate": [3e-3, 1e-2], "max_epochs": [40, 120]},
    scoring="neg_log_loss",
    cv=3,
).fit(X_train, y_train)
report = distillation_report(choice, X_test, y_test, baseline=alone, latency=False)
print(report)

# %%
# In the reader there is no teacher:

folder.cleanup()
model = choice.best_estimator_
print(f"teacher {model_size(model.teacher_).n_bytes:,} bytes, ", end="")
print(f"student {model_size(model.student_).n_bytes:,} bytes")
