"""
Better labels, more rows
========================

A forest knows its training rows by heart, so a small tree learns little from what it
says about them. Two things help: labels from trees that have not seen the row, and rows
that nobody has seen.
"""

import tempfile

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.datasets import load_digits
from sklearn.ensemble import RandomForestClassifier
from sklearn.metrics import accuracy_score, log_loss
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.tree import DecisionTreeClassifier

from skdistill import DistillationClassifier
from skdistill.transfer import CoLeaf, Munge, Spunge

# %%
# The data are real: 8 × 8 grey values of 1,797 handwritten digits, a half to learn from
# and a half held out. The teacher is a forest of 200 trees. The student is one tree of
# 64 leaves, and so is the tree it is compared with, which has its minimal leaf size and
# its criterion chosen by cross-validation on the labels.

X, y = load_digits(return_X_y=True)
forest = RandomForestClassifier(200, random_state=0)
tree = DecisionTreeClassifier(max_leaf_nodes=64, min_samples_leaf=2, random_state=0)
alone = GridSearchCV(
    tree,
    {"min_samples_leaf": [1, 2, 5, 10], "criterion": ["gini", "entropy"]},
    scoring="neg_log_loss",
)

# %%
# Trees say probabilities of exactly 0, of which a logarithm cannot be taken. All that
# are compared here are mixed with 1 % of "all classes alike".


def judge(model, X_test, y_test):
    """Log-loss and accuracy on rows held out."""
    mixed = 0.99 * model.predict_proba(X_test) + 0.01 / 10
    return log_loss(y_test, mixed), accuracy_score(y_test, model.predict(X_test))


# %%
# Four steps
# ----------
#
# 1. Soft labels of the training rows, as the forest that was fitted on them says them.
# 2. The same from out-of-bag votes: of the trees that did not draw the row.
# 3. Twenty rows more for each, drawn by MUNGE and labelled by the whole forest.
# 4. Other rows drawn in each node, and splits that are chosen again
#    (``transfer_redraw``).
#
# Everything is repeated over three splits.

steps = {
    "in-sample": {},
    "out-of-bag": {"teacher_cv": "oob"},
    "+ 20 rows for each": {"teacher_cv": "oob", "transfer": Munge()},
    "+ drawn in nodes": {
        "teacher_cv": "oob",
        "transfer": Munge(),
        "transfer_redraw": True,
    },
}
folder = tempfile.TemporaryDirectory()
found = []
for seed in range(3):
    X_train, X_test, y_train, y_test = train_test_split(
        X, y, test_size=0.5, stratify=y, random_state=seed
    )
    test = X_test, y_test
    found.append(("forest", *judge(forest.fit(X_train, y_train), *test)))
    found.append(("tree alone", *judge(alone.fit(X_train, y_train), *test)))
    for name, settings in steps.items():
        model = DistillationClassifier(
            forest,
            tree,
            alpha=0.9,
            random_state=seed,
            memory=folder.name,  # the forest is fitted once a split
            **settings,
        )
        # `forest` is fitted by now: give it unfitted, or its labels are in-sample.
        model.set_params(teacher=RandomForestClassifier(200, random_state=0))
        found.append((name, *judge(model.fit(X_train, y_train), *test)))
table = pd.DataFrame(found, columns=["model", "log-loss", "accuracy"])
table = table.groupby("model", sort=False).mean()
print(table.round(3))

# %%
# How many rows, and which
# ------------------------
#
# MUNGE moves rows towards their nearest neighbours; CoLeaf exchanges cells between rows
# that share a leaf of a forest; Spunge takes cells from any row, and is there to show
# that the rows matter, not only their number.

sizes = [1.0, 5.0, 20.0]
generators = {"Munge": Munge(), "CoLeaf": CoLeaf(), "Spunge": Spunge()}
losses = {}
for name, generator in generators.items():
    model = DistillationClassifier(
        RandomForestClassifier(200, random_state=0),
        tree,
        alpha=0.9,
        teacher_cv="oob",
        transfer=generator,
        random_state=2,
        memory=folder.name,
    )
    losses[name] = [
        judge(model.set_params(transfer_size=size).fit(X_train, y_train), *test)[0]
        for size in sizes
    ]
folder.cleanup()

figure, (left, right) = plt.subplots(1, 2, figsize=(9.5, 3.4), layout="constrained")
bars = table["log-loss"]
greys = ["0.25", "0.75"] + ["0.55"] * len(steps)
left.barh(bars.index[::-1], bars[::-1], color=greys[::-1])
for k, value in enumerate(bars[::-1]):
    left.text(value, k, f" {value:.3f}", va="center", fontsize=9)
left.set(xlabel="log-loss on rows held out", xlim=(0, 1.2 * bars.max()))
for (name, loss), marker in zip(losses.items(), "os^", strict=True):
    right.plot(sizes, loss, marker=marker, label=name)
right.axhline(
    found[-len(steps) + 1][1], linestyle="--", color="0.4", label="no drawn rows"
)
right.set(xscale="log", xlabel="rows drawn, times the training rows")
right.set_xticks(sizes, [f"{size:g}" for size in sizes])
right.set_ylabel("log-loss, last split")
right.legend(fontsize=9)
plt.show()

# %%
# One drawn row
# -------------
#
# A digit, the digit that MUNGE makes of it and of its nearest neighbour, and what the
# forest says about it.

munge = Munge(random_state=0).fit(X_train)
drawn = munge.sample_around([0, 0, 0, 0])
said = forest.fit(X_train, y_train).predict_proba(drawn)
figure, axes = plt.subplots(1, 5, figsize=(9.5, 2.2), layout="constrained")
for axis, image in zip(axes, [X_train[0], *drawn], strict=True):
    axis.imshow(image.reshape(8, 8), cmap="gray_r")
    axis.set_axis_off()
axes[0].set_title(f"label {y_train[0]}", fontsize=10)
for axis, proba in zip(axes[1:], said, strict=True):
    first, second = np.argsort(proba)[:-3:-1]
    axis.set_title(
        f"{first}: {proba[first]:.0%}, {second}: {proba[second]:.0%}", fontsize=10
    )
plt.show()

# %%
# What helps one student may do nothing for another: large boosters and logistic
# regressions gain little from drawn rows. ``teacher_cv`` and ``transfer`` are
# parameters like any others, so a search can find out.
