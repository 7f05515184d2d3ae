"""
Chains, generations and weighted teachers
=========================================

Three ways to put distillers together: a teacher assistant between a large teacher and a
small student, a student that teaches its own next generation, and several teachers of
which some deserve more trust. Each is compared with what costs less, and does not
always win.
"""

import numpy as np
import torch
from sklearn.datasets import load_digits
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.model_selection import train_test_split
from sklearn.tree import DecisionTreeClassifier
from skorch import NeuralNetClassifier
from torch import nn

from skdistill import BornAgainClassifier, DistillationClassifier

torch.set_num_threads(1)
SEEDS = range(6)

# %%
# The data are real: 8 × 8 grey values of 1,797 handwritten digits. Teachers see 800 of
# them. Students have 200 others, about which no teacher has been told anything, and the
# rest is held out. Everything is repeated over six splits.

X, y = load_digits(return_X_y=True)
X = (X / 16).astype(np.float32)


def split(seed):
    """Rows of the teachers, of the students, and held out."""
    X_teacher, X_rest, y_teacher, y_rest = train_test_split(
        X, y, train_size=800, stratify=y, random_state=seed
    )
    X_train, X_test, y_train, y_test = train_test_split(
        X_rest, y_rest, train_size=200, stratify=y_rest, random_state=seed
    )
    return X_teacher, y_teacher, X_train, y_train, X_test, y_test


def make_module(n_hidden):
    """64 → n_hidden → 10."""
    return nn.Sequential(nn.Linear(64, n_hidden), nn.ReLU(), nn.Linear(n_hidden, 10))


def make_net(n_hidden):
    """A skorch net."""
    return NeuralNetClassifier(
        make_module,
        module__n_hidden=n_hidden,
        criterion=nn.CrossEntropyLoss,
        optimizer=torch.optim.Adam,
        lr=1e-2,
        max_epochs=30,
        batch_size=32,
        train_split=None,
        verbose=0,
    )


# %%
# Log-loss is that of probabilities of at least 0.001, for a plain tree says 0. A
# difference counts if its mean over the splits is more than twice its standard error.
# Six splits of one data set overlap, so even that is a mild test.


def judge(gain):
    """Put a gain, one value a split, into words."""
    mean, error = gain.mean(), gain.std(ddof=1) / np.sqrt(len(gain))
    word = "not clear"
    if abs(mean) > 2 * error:
        word = "better" if mean > 0 else "WORSE"
    return f"{mean:+.3f} ± {error:.3f} {word}"


def compare(found, baseline):
    """Print accuracy and log-loss, and what is gained over the baseline."""
    print(f"{'':32}{'accuracy':>9}{'log-loss':>9}   less log-loss than {baseline}")
    for name, scores in found.items():
        accuracy, loss = np.array(scores).T
        gain = np.array(found[baseline])[:, 1] - loss
        words = "" if name == baseline else judge(gain)
        print(f"{name:32}{accuracy.mean():9.3f}{loss.mean():9.3f}   {words}")


def scores_of(models, X, y):
    """Accuracy and log-loss of each model on held-out rows."""
    scores = {}
    for name, model in models.items():
        proba = model.predict_proba(X)
        of_label = np.maximum(proba[np.arange(len(y)), y], 1e-3)
        scores[name] = np.mean(proba.argmax(axis=1) == y), -np.log(of_label).mean()
    return scores


def repeat(run):
    """Scores of each model in each split."""
    found = {}
    for seed in SEEDS:
        for name, scores in run(seed).items():
            found.setdefault(name, []).append(scores)
    return found


# %%
# A teacher assistant
# -------------------
#
# Where the teacher is much larger than the student, Mirzadeh et al. (2020) put a model
# of medium size between the two. A distiller is a classifier, so it can be a teacher:
# that is all there is to it. Its parameters can be searched over, as
# ``teacher__temperature`` or ``teacher__student__lr``.


def chain(seed):
    """A net of 256 units, one of 48, one of 16."""
    X_teacher, y_teacher, X_train, y_train, X_test, y_test = split(seed)
    torch.manual_seed(seed)
    teacher, student = make_net(256).fit(X_teacher, y_teacher), make_net(16)
    settings = {"temperature": 4, "alpha": 0.9, "random_state": seed}
    assistant = DistillationClassifier(teacher, make_net(48), **settings)
    models = {
        "alone": DistillationClassifier(teacher, student, alpha=0, random_state=seed),
        "taught by the teacher": DistillationClassifier(teacher, student, **settings),
        "taught by the assistant": DistillationClassifier(
            assistant, student, **settings
        ),
    }
    for model in models.values():
        model.fit(X_train, y_train)
    models["(the assistant)"] = models["taught by the assistant"].teacher_
    models["(the teacher)"] = teacher
    return scores_of(models, X_test, y_test)


chained = repeat(chain)
compare(chained, "alone")

# %%
# Did the assistant add anything to what the teacher had done directly?

direct, assisted = (
    np.array(chained[f"taught by the {who}"])[:, 1] for who in ("teacher", "assistant")
)
print("assistant, against the teacher itself:", judge(direct - assisted))

# %%
# Nothing that these splits could show: the large net is no harder to imitate than the
# medium one, and what the medium one gets wrong the small one learns too. An assistant
# is worth a try where students of a far larger teacher do *worse* than alone.
#
# Born-again generations
# ----------------------
#
# Furlanello et al. (2018) let a network teach another of the same size, and that one
# the next; ``average=True`` keeps them all and takes the mean. For a fair comparison
# there is the same mean of three nets that were never taught (``alpha=0``).


def generations(seed):
    """Three generations of the net of 16 units."""
    *_, X_train, y_train, X_test, y_test = split(seed)
    models = {}
    for name, alpha in {"three generations": 0.7, "three strangers": 0.0}.items():
        family = BornAgainClassifier(
            make_net(16), alpha=alpha, average=True, random_state=seed
        ).fit(X_train, y_train)
        models[f"mean of {name}"] = family
        if alpha:
            first, _, last = family.generations_
            models |= {"first generation": first, "third generation": last}
    return scores_of(models, X_test, y_test)


born_again = repeat(generations)
compare(born_again, "first generation")

# %%
# This does not pay here. A generation is asked about rows that it was trained on and
# has nearly all right, so it tells the next one little beside the labels, and each is a
# little less sure of itself than the one before. The mean of three is better than the
# last of them, but three strangers do for that as well, and better.
#
# Teachers that deserve more trust
# --------------------------------
#
# Five forests come from five places, with 160 rows each. In two of the places most
# labels are shuffled: that is made up, to know the truth. With
# ``teacher_weights="learned"`` the mean of the teachers is the one with the least
# log-loss on the labels of the students' rows, which no teacher has seen. On rows that
# the teachers were *trained* on it would choose whoever has memorised them best.

shares = []


def five_places(seed):
    """Forests, the first two of them taught largely at random."""
    X_teacher, y_teacher, X_train, y_train, X_test, y_test = split(seed)
    rng = np.random.default_rng(seed)
    teachers = []
    for place in range(5):
        rows = slice(160 * place, 160 * (place + 1))
        labels = y_teacher[rows].copy()
        if place < 2:
            labels = np.where(rng.random(160) < 0.7, rng.permutation(labels), labels)
        forest = ExtraTreesClassifier(50, random_state=seed)
        teachers.append(forest.fit(X_teacher[rows], labels))
    tree = DecisionTreeClassifier(max_leaf_nodes=32, random_state=seed)
    models = {"tree alone": tree.fit(X_train, y_train)}
    for name, weights in {
        "all alike": None,
        "learned": "learned",
        "the truth": [0, 0, 1, 1, 1],
    }.items():
        model = DistillationClassifier(
            teachers, tree, alpha=0.9, teacher_weights=weights, random_state=seed
        )
        models[f"tree, teachers {name}"] = model.fit(X_train, y_train)
    shares.append(models["tree, teachers learned"].teacher_weights_)
    return scores_of(models, X_test, y_test)


weighted = repeat(five_places)
print("learned weights, mean of the splits:", np.mean(shares, axis=0).round(2))
compare(weighted, "tree, teachers all alike")

# %%
# Here the weights find out whom not to trust, and the student's probabilities are the
# better for it. Its accuracy hardly moves: a small tree cannot tell more digits apart,
# whoever teaches it. And nearly all that is gained over the tree alone, in log-loss, is
# gained with equal weights already.
