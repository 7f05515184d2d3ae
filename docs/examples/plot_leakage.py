"""
A fitted teacher leaks into cross-validation
============================================

``cross_val_score`` fits on some rows and scores on others. A teacher that was fitted on
*all* rows beforehand has seen the rows to be scored, and tells the student about them.
"""

import numpy as np
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import cross_val_score, train_test_split
from sklearn.tree import DecisionTreeClassifier

from skdistill import DistillationClassifier

# %%
# The data make the leak visible: the label says whether the first feature is positive,
# except that three labels in ten are flipped at random. So nobody can honestly be right
# about more than seven rows in ten.

rng = np.random.default_rng(0)
X = rng.normal(size=(1000, 5))
y = np.where(rng.random(1000) < 0.3, X[:, 0] <= 0, X[:, 0] > 0).astype(int)

forest = RandomForestClassifier(100, random_state=0)
tree = DecisionTreeClassifier(random_state=0)
unlabeled = rng.normal(size=(9000, 5))


def score(teacher, **settings):
    """Mean accuracy over five folds, with unlabelled rows for the teacher to label."""
    model = DistillationClassifier(teacher, tree, alpha=1.0)
    return cross_val_score(model, X, y, cv=5, **settings).mean()


# %%
# Wrong: the teacher was fitted on all rows. It has memorised the labels of the rows
# that are to be scored, and through the unlabelled rows around them it passes them on.

leaking = score(forest.fit(X, y), params={"X_unlabeled": unlabeled})
print(f"teacher fitted on all rows: {leaking:.3f}")

# %%
# Right: an *unfitted* teacher is fitted anew inside each fold, on the training rows of
# that fold alone.

unfitted = RandomForestClassifier(100, random_state=0)
honest = score(unfitted, params={"X_unlabeled": unlabeled})
print(f"teacher fitted in each fold: {honest:.3f}")

# %%
# Also right, where the teacher is too heavy to be fitted five times: keep rows away
# from it. Fit the teacher on one part, and cross-validate the student on the other.

X_teacher, X_rest, y_teacher, y_rest = train_test_split(
    X, y, test_size=0.5, random_state=0
)
forest = RandomForestClassifier(100, random_state=0).fit(X_teacher, y_teacher)
model = DistillationClassifier(forest, tree, alpha=1.0)
apart = cross_val_score(
    model, X_rest, y_rest, cv=5, params={"X_unlabeled": unlabeled}
).mean()
print(f"teacher fitted on other rows: {apart:.3f}")

# %%
# The same holds for a grid search, which chooses by such scores (see :ref:`searches`).
# Probabilities computed beforehand leak too, if less: what ``cross_val_predict(...,
# method="predict_proba")`` says about a row comes from a teacher that has not seen this
# row, but it has seen rows that are held out. Judge such a student by rows that were
# kept apart from the start.
