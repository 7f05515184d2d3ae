"""
How much of a teacher, and whether any
======================================

No temperature and no alpha are right for all students, and for some students the best
setting is no teacher. This is found by cross-validation, with the student alone among
the candidates. Here one teacher meets two students: one it helps, the other it does
not.
"""

import tempfile
import warnings

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skdistill import DistillationClassifier, DistillationClassifierCV
from skdistill.neural import NeuralClassifier

# %%
# The data are real: 8 × 8 grey values of 1,797 handwritten digits. Half of them are
# held out, and only looked at in the end.

X, y = load_digits(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(
    X / 16, y, test_size=0.5, stratify=y, random_state=0
)

# %%
# The teacher is five networks. It is given *unfitted*: each fold fits it on its own
# training rows, so that nothing it says tells of the rows held out.

teacher = NeuralClassifier(
    hidden_layer_sizes=(64,),
    n_members=5,
    max_epochs=20,
    learning_rate=3e-3,
    random_state=0,
)

# %%
# The students are a network of eight hidden units, and a logistic regression. What a
# student has to tune anyway is tuned with the rest, alone and with the teacher: for how
# long the network is trained, and how strong the penalty of the logistic regression is.

small = NeuralClassifier(hidden_layer_sizes=(8,), learning_rate=3e-3, random_state=0)
linear = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
students = {
    "network, 8 hidden units": (small, {"student__max_epochs": [60, 120]}),
    "logistic regression": (linear, {"student__logisticregression__C": [0.1, 1, 10]}),
}

# %%
# The search tries the student alone, and with the teacher at each temperature and
# alpha. ``memory`` keeps what the teacher learned and said about the rows of each fold,
# so the second search finds it there.

folder = tempfile.TemporaryDirectory()
memory = folder.name
searches = {}
for name, (student, grid) in students.items():
    search = DistillationClassifierCV(teacher, student, param_grid=grid, memory=memory)
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        searches[name] = search.fit(X_train, y_train)
    print(f"{name}: {search.best_params_}")
    for warning in told:
        print(f"  {warning.message}")

# %%
# Two surfaces
# ------------
#
# ``cv_results_`` has a row for each setting. The pictures show what each temperature
# and alpha gains over the student alone, in log-loss. In the middle is what a search
# would have seen that leaves the penalty where it is.


def gains(results):
    """Gain over the best setting without a teacher, by temperature and alpha."""
    alone = results["param_alpha"] == 0
    base = results.loc[alone, "mean_test_score"].max()
    axes = ["param_temperature", "param_alpha"]
    best = results[~alone].groupby(axes)["mean_test_score"].max()
    return best.unstack() - base


def best_two(results):
    """Scores in each fold: of the best setting without a teacher, and with one."""
    alone = results["param_alpha"] == 0
    best = [results.loc[part, "mean_test_score"].idxmax() for part in (alone, ~alone)]
    return results.filter(regex=r"^split\d+_test_score$").loc[best].to_numpy(float)


of_network, of_linear = (pd.DataFrame(s.cv_results_) for s in searches.values())
penalised = of_linear["param_student__logisticregression__C"] == 0.1
tables = {
    "network, 8 hidden units": of_network,
    "logistic regression, C=0.1": of_linear[penalised],
    "logistic regression, C tuned": of_linear,
}
surfaces = {name: gains(results) for name, results in tables.items()}

limit = max(np.abs(surface).to_numpy().max() for surface in surfaces.values())
figure, axes = plt.subplots(1, 3, figsize=(9.5, 3.1), layout="constrained")
for axis, (name, surface) in zip(axes, surfaces.items(), strict=True):
    image = axis.imshow(surface, cmap="cividis", vmin=-limit, vmax=limit)
    for (row, column), gain in np.ndenumerate(surface.to_numpy()):
        best = gain == surface.to_numpy().max()
        axis.text(
            column,
            row,
            f"{gain:+.3f}",
            ha="center",
            va="center",
            color="black" if gain > 0 else "white",
            fontweight="bold" if best else "normal",
            fontsize=9,
        )
    axis.set_xticks(range(surface.shape[1]), surface.columns)
    axis.set_yticks(range(surface.shape[0]), surface.index)
    axis.set(xlabel="alpha", title=name)
    axis.title.set_fontsize(10)
axes[0].set_ylabel("temperature")
bar = figure.colorbar(image, ax=axes, label="gain in log-loss")
_ = figure.suptitle("Gain over the student alone, mean of five folds (bold: the best)")

# %%
# Fold by fold
# ------------
#
# The mean of five folds is not certain. The folds are the same for all settings, so
# what counts is the difference in each. The teacher is taken if the mean of these is
# more than one standard error above 0: ``rule=1.0``.

figure, axis = plt.subplots(figsize=(7, 2.6), layout="constrained")
for place, (name, results) in enumerate(tables.items()):
    alone, distilled = best_two(results)
    differences = distilled - alone
    error = differences.std(ddof=1) / np.sqrt(len(differences))
    mean = differences.mean()
    axis.plot(differences, np.full(len(differences), place), "o", color="grey", ms=5)
    axis.errorbar(
        mean, place + 0.25, xerr=error, fmt="D", color="black", capsize=4, ms=6
    )
    print(f"{name}: alone {alone.mean():.3f}, distilled {distilled.mean():.3f}")
    print(f"  difference {mean:.3f}, standard error {error:.3f}")
axis.axvline(0, color="black", linewidth=1, linestyle="--")
axis.set_yticks(range(len(tables)), tables)
axis.set_ylim(len(tables) - 0.5, -0.5)
axis.spines[["top", "right"]].set_visible(False)
axis.set_xlabel("gain in log-loss, best with the teacher against best without")
_ = axis.set_title(
    "Dots: folds. Diamonds: their mean, with its standard error", size=10
)

# %%
# A logistic regression with too strong a penalty gains much, in every fold. But the
# right penalty gains more, without any teacher, and what the teacher adds to it is
# within the noise. So compare a teacher with the student *tuned* alone.
#
# The differences are in ``differences_``, and what came of them in ``improves_``.

for name, search in searches.items():
    print(f"{name}: {search.differences_.round(3)}, improves_={search.improves_}")

# %%
# Held-out rows
# -------------
#
# Was it the right choice? The rows held out chose nothing. Of each student, the best
# setting without and the best with a teacher are trained on all training rows. (One
# split is one draw: with another the figures are others.)


def held_out(search, place):
    """Log-loss and accuracy on the test rows of one of the settings of a search."""
    model = DistillationClassifier(search.teacher, search.student, memory=memory)
    model.set_params(**search.cv_results_["params"][place]).fit(X_train, y_train)
    proba = model.predict_proba(X_test)
    return log_loss(y_test, proba), np.mean(proba.argmax(axis=1) == y_test)


scores = {}
for name, search in searches.items():
    places = {"alone": search.baseline_index_, "distilled": search.distilled_index_}
    for kind, place in places.items():
        loss, accuracy = scores[name, kind] = held_out(search, place)
        chosen = "  <- chosen" if place == search.best_index_ else ""
        print(
            f"{name:25}{kind:10} log-loss {loss:.3f}, accuracy {accuracy:.3f}{chosen}"
        )

folder.cleanup()
