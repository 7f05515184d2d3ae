"""
Pictures of a distillation
==========================

A forest teaches a small network. Six pictures show what the teacher says, what a search
over temperature and alpha found, how the training went, what the student took over, and
what its size buys.
"""

import tempfile

import matplotlib.pyplot as plt
import numpy as np
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import train_test_split
from sklearn.tree import DecisionTreeClassifier

from skdistill import DistillationClassifier, DistillationClassifierCV
from skdistill.inspection import (
    FidelityDisplay,
    ParetoDisplay,
    SoftLabelDisplay,
    TeacherConfusionDisplay,
    TemperatureAlphaDisplay,
    TrainingCurveDisplay,
)
from skdistill.metrics import model_size
from skdistill.neural import NeuralClassifier

# %%
# The data are real: 8 × 8 grey values of 1,797 handwritten digits. Half of them are
# held out. The teacher is a forest of 100 trees, the student a network of eight hidden
# units. It hears about each training row from the trees that have not seen it.

X, y = load_digits(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(
    X / 16, y, test_size=0.5, stratify=y, random_state=0
)
forest = RandomForestClassifier(100, random_state=0)
student = NeuralClassifier(
    hidden_layer_sizes=(8,), learning_rate=5e-3, max_epochs=60, random_state=0
)
folder = tempfile.TemporaryDirectory()
teacher = {"teacher_cv": "oob", "memory": folder.name}

# %%
# What to choose
# --------------
#
# The search tries the student alone, and with the teacher at each temperature and
# alpha. In each cell is the mean score of three folds; the student alone has a column
# of its own, for without a teacher a temperature has no effect.

search = DistillationClassifierCV(forest, student, cv=3, random_state=0, **teacher)
search.fit(X_train, y_train)
_ = TemperatureAlphaDisplay.from_estimator(search, score_name="log-loss, negative")

# %%
# What the teacher says
# ---------------------
#
# Of the rows held out, this is one about which the teacher is in doubt. The higher the
# temperature, the more a student hears of the less probable classes.

doubtful = np.argmin(search.teacher_predict_proba(X_test).max(axis=1))
row = X_test[[doubtful]]
figure, (left, right) = plt.subplots(
    1, 2, figsize=(9, 3), width_ratios=(1, 3.5), layout="constrained"
)
left.imshow(row.reshape(8, 8), cmap="gray_r")
left.set_title(f"label {y_test[doubtful]}")
left.set_axis_off()
_ = SoftLabelDisplay.from_estimator(search, row, temperatures=(1, 2, 4), ax=right)

# %%
# How it learned
# --------------
#
# The chosen setting again, with rows held out from the training rows to tell when to
# stop, and twice as many epochs to choose from. The ring is at the epoch whose weights
# were kept.

patient = clone(student).set_params(early_stopping=True, max_epochs=120)
model = DistillationClassifier(
    forest, patient, temperature=search.temperature_, alpha=search.alpha_, **teacher
).fit(X_train, y_train)
_ = TrainingCurveDisplay.from_estimator(model)

# %%
# What it took over
# -----------------
#
# The student alone is compared with the same teacher, as is the student that it taught:
# both by their probabilities and those of the teacher, in bins of the student's. Below
# the diagonal a student says more than its teacher does. Rows held out are the ones to
# look at: a forest knows its training rows by heart.

alone = clone(student).fit(X_train, y_train)
said = search.teacher_predict_proba(X_test)
display = FidelityDisplay.from_estimator(search, X_test, name="distilled")
_ = FidelityDisplay.from_estimator(
    alone, X_test, teacher_proba=said, name="alone", ax=display.ax_
)

# %%
# Where the two disagree, and into which classes the student is led astray:

_ = TeacherConfusionDisplay.from_estimator(search, X_test)

# %%
# What its size buys
# ------------------
#
# Trees and networks of several sizes, each taught by the same forest. Beyond the front
# nothing can be had; what lies below it is beaten by something smaller and better.

students = {
    f"tree, {leaves} leaves": DecisionTreeClassifier(
        max_leaf_nodes=leaves, random_state=0
    )
    for leaves in (16, 32, 64, 128)
}
students |= {
    f"network, {units} units": clone(student).set_params(hidden_layer_sizes=(units,))
    for units in (4, 8, 16, 32)
}
results = {"name": [], "n_bytes": [], "score": []}
for name, each in students.items():
    taught = DistillationClassifier(forest, each, alpha=0.75, **teacher)
    taught.fit(X_train, y_train)
    results["name"].append(name)
    results["n_bytes"].append(model_size(taught).n_bytes)
    results["score"].append(taught.score(X_test, y_test))
folder.cleanup()
_ = ParetoDisplay.from_results(
    results, budget=10_000, quality_name="accuracy on rows held out"
)

# %%
# Each picture also takes arrays (``from_predictions``, ``from_cv_results``,
# ``from_results``), keeps the numbers behind it as attributes, and draws into axes of
# yours (``ax=``).

print(f"agreement {display.agreement:.3f}, KL {display.kl_divergence:.3f} nats")
