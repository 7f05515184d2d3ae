"""
A vote of skorch nets as teacher, and a grid over the student
=============================================================

scikit-learn's ``VotingClassifier`` of three skorch nets teaches a small tree. A grid
search tries temperatures, alphas and tree sizes.
"""

import numpy as np
import torch
from sklearn.datasets import load_digits
from sklearn.ensemble import VotingClassifier
from sklearn.metrics import log_loss
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.tree import DecisionTreeClassifier
from skorch import NeuralNetClassifier
from torch import nn

from skdistill import DistillationClassifier

torch.set_num_threads(1)
X, y = load_digits(return_X_y=True)
X = (X / 16).astype(np.float32)
X_teacher, X_rest, y_teacher, y_rest = train_test_split(
    X, y, test_size=0.6, stratify=y, random_state=0
)
X_train, X_test, y_train, y_test = train_test_split(
    X_rest, y_rest, test_size=0.5, stratify=y_rest, random_state=0
)


def make_module(n_hidden=128):
    """64 → n_hidden → 10."""
    return nn.Sequential(nn.Linear(64, n_hidden), nn.ReLU(), nn.Linear(n_hidden, 10))


def make_net(n_hidden):
    """A skorch net."""
    return NeuralNetClassifier(
        make_module,
        module__n_hidden=n_hidden,
        criterion=nn.CrossEntropyLoss,
        optimizer=torch.optim.Adam,
        lr=1e-3,
        max_epochs=30,
        batch_size=64,
        train_split=None,
        verbose=0,
    )


# %%
# The teacher is fitted on rows of its own, so the search below does not leak.

torch.manual_seed(0)
teacher = VotingClassifier(
    [(f"net {n}", make_net(n)) for n in (128, 256, 512)], voting="soft"
).fit(X_teacher, y_teacher)

# %%
# The fitted teacher survives the cloning that a grid search does. Each of the
# candidates asks it once per fold.

tree = DecisionTreeClassifier(random_state=0)
search = GridSearchCV(
    DistillationClassifier(teacher, tree),
    {
        "temperature": [1, 2, 4],
        "alpha": [0.3, 0.7, 1.0],
        "student__max_leaf_nodes": [32, 64],
        "student__min_samples_leaf": [1, 5],
    },
    scoring="neg_log_loss",
    cv=5,
).fit(X_train, y_train)
search.best_params_

# %%

proba = {"teacher": teacher.predict_proba(X_test), "tree": search.predict_proba(X_test)}
for name, answer in proba.items():
    accuracy = np.mean(answer.argmax(axis=1) == y_test)
    print(f"{name:8} accuracy {accuracy:.3f}, log-loss {log_loss(y_test, answer):.3f}")

# %%
# The estimator shows both, and which way the student was taught:

search.best_estimator_
