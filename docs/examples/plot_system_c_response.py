"""
Responses, hints, attention and relations
=========================================

In plain response distillation a student is matched to its teacher's outputs by the
Kullback–Leibler divergence alone: ``alpha=1``, no true label. Extensions match what the
teacher computes on the way there as well: features (*hints*), maps of *attention*, or
*relations* between rows. What does each add to the responses alone?
"""

import numpy as np
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.ensemble import RandomForestClassifier
from sklearn.metrics import log_loss
from sklearn.model_selection import train_test_split
from torch import nn

from skdistill import DistillationClassifier
from skdistill.neural import NeuralClassifier
from skdistill.neural.matching import (
    AttentionTransfer,
    Hint,
    ProbabilisticTransfer,
    RelationalKD,
)

SEEDS = range(5)

# %%
# Half of the digits are held out. The teacher has the labels of all others; a student
# sees 200 of these.

X, y = load_digits(return_X_y=True)
images = (X / 16).astype(np.float32).reshape(-1, 1, 8, 8)
X_train, X_test, y_train, y_test = train_test_split(
    images, y, test_size=0.5, stratify=y, random_state=0
)


def rows_of_student(seed):
    """Positions of 200 rows of the training rows, and of all others."""
    return train_test_split(
        np.arange(len(y_train)), train_size=200, stratify=y_train, random_state=seed
    )


# %%
# Teacher and student are small convolutional networks, the student's six times as
# narrow. Parts that are to be matched have names.


def make_network(width, n_hidden):
    """Two convolutions and a hidden layer."""
    network = nn.Sequential()
    network.add_module("reading", nn.Conv2d(1, width, 3, stride=2, padding=1))
    network.add_module("relu", nn.ReLU())
    network.add_module("maps", nn.Conv2d(width, 2 * width, 3, padding=1))
    network.add_module("seen", nn.ReLU())
    network.add_module("flat", nn.Flatten())
    network.add_module("hidden", nn.Linear(2 * width * 16, n_hidden))
    network.add_module("known", nn.ReLU())
    network.add_module("output", nn.Linear(n_hidden, 10))
    return network


teacher = NeuralClassifier(make_network(24, 96), max_epochs=20, random_state=0)
teacher.fit(X_train, y_train)
said = teacher.predict_proba(X_test)
print(f"teacher: accuracy {teacher.score(X_test, y_test):.3f}, ", end="")
print(f"log-loss {log_loss(y_test, said):.3f}")

student = NeuralClassifier(
    make_network(4, 16),
    max_epochs=40,
    batch_size=50,
    learning_rate=0.02,
    learning_rate_schedule="one_cycle",
)


def scores_of(student, rows, X, y, teacher=teacher, **settings):
    """Accuracy and log-loss on some rows, of a student taught on others."""
    model = DistillationClassifier(teacher, clone(student), alpha=1.0)
    model.set_params(**settings).fit(X_train[rows], y_train[rows])
    return model.score(X, y), log_loss(y, model.predict_proba(X))


# %%
# Weights
# -------
#
# Hint and attention match the maps, relations match the hidden layer. How much each of
# these should count is chosen on *training* rows: a student learns 200, and is judged
# by the others. The test rows have no say.

candidates = {
    "hint": [Hint("maps", "maps", weight=w) for w in (0.1, 1)],
    "attention": [AttentionTransfer("seen", "seen", weight=w) for w in (1, 10)],
    "RKD": [RelationalKD("known", "known", weight=w) for w in (3, 10)],
}


def choose(candidates, student, **settings):
    """The matching with the least log-loss on training rows that it has not seen."""
    rows, others = rows_of_student(seed=99)
    X, y = X_train[others], y_train[others]
    settings = settings | {"random_state": 99}
    losses = [
        scores_of(clone(student).set_params(matching=m), rows, X, y, **settings)[1]
        for m in candidates
    ]
    return candidates[np.argmin(losses)]


response = {"temperature": 4}
chosen = {name: choose(c, student, **response) for name, c in candidates.items()}
for matching in chosen.values():
    print(matching)

# %%
# What each adds
# --------------
#
# Every student learns the responses at temperature 4; some match a representation too.
# Two controls belong to it: the labels alone, and the responses alone for twice as
# long.


def repeat(students, **settings):
    """Accuracies and log-losses of students: {name: array of shape (n_seeds, 2)}."""
    found = {}
    for name, (student, own) in students.items():
        found[name] = np.array(
            [
                scores_of(
                    student,
                    rows_of_student(seed)[0],
                    X_test,
                    y_test,
                    random_state=seed,
                    **settings | own,
                )
                for seed in SEEDS
            ]
        )
    return found


def show(found, baseline="responses"):
    """Print means, and what is gained over the responses alone, seed by seed."""
    print(f"{'':24}{'accuracy':>9}{'log-loss':>9}   less log-loss than {baseline}")
    for name, scores in found.items():
        accuracy, loss = scores.mean(axis=0)
        gain = found[baseline][:, 1] - scores[:, 1]
        mean, error = gain.mean(), gain.std(ddof=1) / np.sqrt(len(gain))
        word = "not clear"
        if abs(mean) > 2 * error:
            word = "better" if mean > 0 else "WORSE"
        words = "" if name == baseline else f"{mean:+.3f} ± {error:.3f} {word}"
        print(f"{name:24}{accuracy:9.3f}{loss:9.3f}   {words}")


students = {
    "labels": (student, {"alpha": 0.0}),
    "responses, T=1": (student, {"temperature": 1}),
    "responses": (student, {}),
    "responses, twice as long": (clone(student).set_params(max_epochs=80), {}),
} | {
    f"responses and {name}": (clone(student).set_params(matching=matching), {})
    for name, matching in chosen.items()
}
by_network = repeat(students, **response)
show(by_network)

# %%
# The responses are worth much more than the labels, at temperature 4 more than at 1. To
# learn from them for longer is worth more again: whoever teaches needs patience. Beside
# that, hints add nothing that could be seen, and attention rather harms. Relations help
# this student, by about half of what twice the training does. All three come from deep
# networks and long training on large images. They are worth a try there; put the
# responses alone, trained for as long, beside them.
#
# A forest's leaves
# -----------------
#
# Relations need no layer on the teacher's side. A forest puts rows that it takes for
# alike into the same leaves; the share of its trees that do is how near two rows are.
# The student is a perceptron on the pixels.

X_train, X_test = (rows.reshape(len(rows), -1) for rows in (X_train, X_test))
forest = RandomForestClassifier(100, min_samples_leaf=2, random_state=0)
forest.fit(X_train, y_train)
perceptron = NeuralClassifier(
    hidden_layer_sizes=(32,),
    max_epochs=40,
    batch_size=50,
    learning_rate=0.01,
    learning_rate_schedule="one_cycle",
)
candidates = {
    "RKD": [RelationalKD("hidden_0", "leaves", weight=w) for w in (0.1, 1)],
    "PKT": [ProbabilisticTransfer("hidden_0", "leaves", weight=w) for w in (0.1, 1)],
}
students = {
    "labels": (perceptron, {"alpha": 0.0}),
    "responses": (perceptron, {}),
    "responses, twice as long": (clone(perceptron).set_params(max_epochs=80), {}),
}
for name, some in candidates.items():
    matching = choose(some, perceptron, teacher=forest)
    matched = clone(perceptron).set_params(matching=matching)
    students[f"responses and {name}"] = matched, {}
    print(matching)

print(f"forest: accuracy {forest.score(X_test, y_test):.3f}, ", end="")
print(f"log-loss {log_loss(y_test, forest.predict_proba(X_test)):.3f}")
by_forest = repeat(students, teacher=forest)
show(by_forest)

# %%
# Chosen by the training rows, the weights of both relations are small, and then they
# change hardly anything. This forest gives accurate labels but cautious probabilities;
# what its leaves say of how rows are alike, its responses have said already.
