"""
Unlabelled rows, and rows from elsewhere
========================================

A teacher can label any row, so rows without labels teach a student as well. They can
also come from where the student is going to serve, if that is not where the labels come
from. Then all depends on whether the teacher is right there.
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
from skdistill.metrics import fidelity_score
from skdistill.transfer import Munge

# %%
# The data are real: 8 × 8 grey values of 1,797 handwritten digits. The teacher is a
# forest, the student one tree of 64 leaves. The tree alone, to compare with, has its
# minimal leaf size and its criterion chosen by cross-validation.

X, y = load_digits(return_X_y=True)
X = X / 16
forest = RandomForestClassifier(100, random_state=0)
tree = DecisionTreeClassifier(
    criterion="entropy", max_leaf_nodes=64, min_samples_leaf=2, random_state=0
)
alone = GridSearchCV(
    tree, {"min_samples_leaf": [1, 2, 5], "criterion": ["gini", "entropy"]}, cv=3
)

# %%
# Each split has 600 rows that keep no label, and a third of all rows to judge by.
# ``memory`` keeps the forest of each split: it is fitted once, on the labelled rows
# alone.

splits = range(6)
folder = tempfile.TemporaryDirectory()


def split(seed, n_labels):
    """Labelled rows with their labels, rows without, and rows held out."""
    X_rest, X_test, y_rest, y_test = train_test_split(
        X, y, test_size=0.33, stratify=y, random_state=seed
    )
    X_train, U, y_train, _ = train_test_split(
        X_rest, y_rest, train_size=n_labels, stratify=y_rest, random_state=seed
    )
    return X_train, y_train, U[:600], X_test, y_test


def teach(X_train, y_train, U=None, **settings):
    """The tree, taught what trees say that have not drawn the row (out-of-bag)."""
    model = DistillationClassifier(
        forest, tree, teacher_cv="oob", random_state=0, memory=folder.name
    )
    return model.set_params(**settings).fit(X_train, y_train, X_unlabeled=U)


def judge(model, X_test, y_test):
    """Accuracy and log-loss, of probabilities mixed with 1 % of "all alike"."""
    proba = model.predict_proba(X_test)
    mixed = 0.99 * proba + 0.01 / proba.shape[1]
    return accuracy_score(y_test, proba.argmax(axis=1)), log_loss(y_test, mixed)


# %%
# Few labels, many rows
# ---------------------
#
# The student alone; taught about the labelled rows; with twenty more rows drawn for
# each of them (the generator knows the labelled rows only); and with the 600 rows that
# have no label in place of the drawn ones.

found = []
for seed in splits:
    for n_labels in (50, 100, 200, 400):
        X_train, y_train, U, X_test, y_test = split(seed, n_labels)
        models = {
            "alone": alone.fit(X_train, y_train),
            "taught": teach(X_train, y_train),
            "+ drawn": teach(X_train, y_train, transfer=Munge()),
            "+ unlabelled": teach(X_train, y_train, U),
        }
        models["teacher"] = models["taught"].teacher_
        for name, model in models.items():
            found.append((seed, n_labels, name, *judge(model, X_test, y_test)))
columns = ["split", "labels", "model", "accuracy", "log-loss"]
few = pd.DataFrame(found, columns=columns)
table = few.pivot_table(
    index="model", columns="labels", values=["accuracy", "log-loss"], sort=False
)
print(table.round(3).to_string())

# %%
# Is that more than chance? The differences are taken within each split.


def verdict(after, before):
    """Mean difference over the splits, its range, and in how many it is above 0."""
    differences = np.asarray(after) - np.asarray(before)
    n_up = np.count_nonzero(differences > 0)
    return (
        f"{differences.mean():+.3f} ({differences.min():+.3f} to "
        f"{differences.max():+.3f}), up in {n_up} of {len(differences)} splits"
    )


by_split = few.pivot_table(
    index=["labels", "split"], columns="model", values="accuracy"
)
print("accuracy with the unlabelled rows")
for n_labels in (50, 100, 200, 400):
    rows = by_split.loc[n_labels]
    for other in ("alone", "taught", "+ drawn"):
        gain = verdict(rows["+ unlabelled"], rows[other])
        print(f"  {n_labels} labels, over {other!r}: {gain}")

# %%
# What an unlabelled row weighs
# -----------------------------
#
# ``alpha`` times an average labelled row. So ``alpha`` says two things at once: how
# much the teacher counts against the labels, and how much unlabelled rows count. There
# is no other setting, but for their number. Here are 100 labels.

weights = {}
for alpha in (0.1, 0.3, 0.7, 1.0):
    scores = []
    for seed in splits:
        X_train, y_train, U, *test = split(seed, 100)
        scores.append(judge(teach(X_train, y_train, U, alpha=alpha), *test))
    share = alpha * len(U) / (alpha * len(U) + len(y_train))
    weights[alpha] = {
        "share of weight, unlabelled": share,
        "accuracy": np.mean(scores, axis=0)[0],
        "log-loss": np.mean(scores, axis=0)[1],
    }
print(pd.DataFrame(weights).T.rename_axis("alpha").round(3).to_string())

# %%
# ``sample_weight`` tells labelled rows from each other. Twice the weight for all of
# them is no change, for the unlabelled ones follow their mean:

model = DistillationClassifier(forest, tree, teacher_cv="oob", random_state=0)
said = []
for weight in (1.0, 2.0):
    weight = np.full(len(y_train), weight)
    model.fit(X_train, y_train, sample_weight=weight, X_unlabeled=U)
    said.append(model.predict_proba(test[0]))
print("largest difference:", np.abs(said[1] - said[0]).max())

# %%
# Rows from elsewhere
# -------------------
#
# Now the student is to serve where digits look different. No row from there has a
# label. There are three such places: a scanner that smears sideways, one that is off by
# a pixel, and one that gives negatives.


def moved(X, n_pixels):
    """Digits moved to the left."""
    images = np.pad(X.reshape(-1, 8, 8), [(0, 0), (0, 0), (1, 1)])
    return images[:, :, 1 + n_pixels : 9 + n_pixels].reshape(len(X), -1)


def smeared(X):
    """Digits blurred sideways."""
    return (moved(X, -1) + X + moved(X, 1)) / 3


places = {
    "smeared": smeared,
    "a pixel off": lambda X: moved(X, 1),
    "negative": lambda X: 1 - X,
}

# %%
# The student is taught with 200 labels from home and 600 unlabelled rows: from home,
# from there, or these digits in both looks. More rows are a gain of their own, so the
# one to compare with is the student that got them from home.

found, mistakes, signs = [], [], []
columns = ["place", "model", "split", "there", "at home"]
for seed in splits:
    X_train, y_train, U, X_test, y_test = split(seed, 200)
    at_home = teach(X_train, y_train, U)
    teacher = at_home.teacher_
    stay = {"alone": alone.fit(X_train, y_train), "taught": teach(X_train, y_train)}
    for place, look in places.items():
        there = look(X_test)
        models = stay | {
            "+ rows from home": at_home,
            "+ rows from there": teach(X_train, y_train, look(U)),
            "+ rows from both": teach(X_train, y_train, np.concatenate([U, look(U)])),
            "teacher": teacher,
        }
        said = teacher.predict(there)
        wrong = said != y_test
        for name, model in models.items():
            mine = model.predict(there)
            scores = accuracy_score(y_test, mine), judge(model, X_test, y_test)[0]
            found.append((place, name, seed, *scores))
            repeated = np.mean(mine[wrong] == said[wrong])
            mistakes.append((place, name, fidelity_score(said, mine), repeated))
        few_rows = np.random.default_rng(seed).choice(len(y_test), 50, replace=False)
        checked = np.mean(~wrong[few_rows])
        sure = teacher.predict_proba(there).max(axis=1).mean()
        signs.append((place, np.mean(~wrong), sure, checked))
folder.cleanup()

shift = pd.DataFrame(found, columns=columns)
table = shift.pivot_table(
    index="model", columns="place", values=["there", "at home"], sort=False
)
print("accuracy there, and at home")
print(table.round(3).to_string())

# %%
# One teacher, three places. Where it is mostly right, unlabelled rows of the place take
# the student along; those from home do not, though they are as many.

by_place = shift.pivot_table(index=["place", "split"], columns="model", values="there")
for place in places:
    rows = by_place.loc[place]
    print(f"{place}: teacher {rows['teacher'].mean():.3f}")
    for name in ("+ rows from there", "+ rows from both"):
        gain = verdict(rows[name], rows["+ rows from home"])
        print(f"  {name}, over those from home: {gain}")

# %%
# Where the teacher is wrong
# --------------------------
#
# A student follows its teacher anywhere. *Agreement* is how often it says what the
# teacher says; *repeated* is, of the rows there on which the teacher is wrong, the
# share on which the student says the very same wrong class.

columns = ["place", "model", "agreement", "repeated"]
mistakes = pd.DataFrame(mistakes, columns=columns)
table = mistakes.pivot_table(
    index="model", columns="place", values=["agreement", "repeated"], sort=False
)
print(table.loc["alone":"+ rows from both"].round(3).to_string())

# %%
# What rows from there do, against those from home:

by_mistake = mistakes.groupby(["place", "model"])["repeated"].mean()
for place in places:
    right = by_place.loc[place].mean()
    gained = right["+ rows from there"] - right["+ rows from home"]
    caught = by_mistake[place, "+ rows from there"]
    before = by_mistake[place, "+ rows from home"]
    print(f"{place}: accuracy {gained:+.2f}, mistakes repeated {caught - before:+.2f}")

# %%
# Mistakes are learned in all three places, and of negatives nothing else is. Rows
# without labels do not tell one place from the other. Fifty *labelled* rows of the
# place do (the range is that of the splits); how sure the teacher is tells less:

columns = ["place", "accuracy", "mean top probability", "accuracy on 50 rows"]
signs = pd.DataFrame(signs, columns=columns).groupby("place", sort=False)
table = signs.mean()
table[["least", "most"]] = signs["accuracy on 50 rows"].agg(["min", "max"])
print(table.round(2).to_string())

# %%
# In one picture
# --------------
#
# Above: lines are means over the splits, bands reach from the worst to the best. Below:
# dots are the accuracy in each split and diamonds their means; the dashed line is the
# mean of the teacher. Crosses are mistakes of the teacher that the student repeats.

figure, axes = plt.subplot_mosaic(
    [["few"] * 3, list(places)],
    figsize=(9.5, 6.6),
    height_ratios=(1.1, 1),
    layout="constrained",
)
axis = axes["few"]
styles = {
    "teacher": ("0.5", "--", "D"),
    "+ unlabelled": ("tab:blue", "-", "o"),
    "+ drawn": ("tab:orange", "-.", "^"),
    "taught": ("tab:green", ":", "s"),
    "alone": ("black", "-", "x"),
}
for name, (color, line, marker) in styles.items():
    scores = by_split[name].groupby("labels")
    axis.plot(scores.mean(), color=color, linestyle=line, marker=marker, label=name)
    axis.fill_between(
        scores.min().index, scores.min(), scores.max(), color=color, alpha=0.12, lw=0
    )
axis.set(xscale="log", xlabel="rows with a label", ylabel="accuracy on rows held out")
axis.set_xticks([50, 100, 200, 400], [50, 100, 200, 400])
axis.minorticks_off()
axis.legend(fontsize=9, loc="lower right")
axis.set_title("Few labels", fontsize=10)

names = ["alone", "taught", "+ rows from home", "+ rows from there", "+ rows from both"]
for place, look in places.items():
    axis, rows = axes[place], by_place.loc[place]
    axis.axvline(rows["teacher"].mean(), color="0.5", linestyle="--", zorder=0)
    for k, name in enumerate(names):
        color = "tab:blue" if name in names[3:] else "black"
        axis.plot(rows[name], np.full(len(rows), k), "o", color="0.6", ms=4)
        (mean,) = axis.plot(rows[name].mean(), k, "D", color=color, ms=7)
        (cross,) = axis.plot(
            by_mistake[place, name], k + 0.25, "x", color="tab:red", ms=7, mew=2
        )
    axis.set_yticks(range(len(names)), names if place == "smeared" else [])
    axis.set(xlim=(-0.04, 1), xticks=[0, 0.5, 1])
    axis.set(ylim=(len(names) - 0.4, -0.4), xlabel="share of rows")
    axis.set_title(place, fontsize=10)
    inset = axis.inset_axes((0.75, 0.71, 0.24, 0.28))
    inset.imshow(look(X[:1]).reshape(8, 8), cmap="gray_r", vmin=0, vmax=1)
    inset.set(xticks=[], yticks=[])
figure.legend(
    [mean, cross],
    ["right", "of the rows on which the teacher is wrong: its very mistake"],
    loc="outside lower center",
    ncols=2,
    fontsize=9,
)
plt.show()

# %%
# So look for rows of the place first; then for a few dozen labels among them, to see
# whether the teacher may be believed there. If so, teach with rows from both: what the
# student knew at home is in the table, too.
