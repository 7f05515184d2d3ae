"""
Digit images: network to network, and what else it is used for
==============================================================

A wide network teaches a narrow one to read digits, at temperature 5. Then the same
estimator serves the other uses that are named in the literature: several teachers, rows
of another domain, several label columns.

Run ``python plot_system_b_digits.py --data DIR`` with a folder that holds ``mnist.npz``
(arrays ``X_train``, ``y_train``, ``X_test``, ``y_test``), or ``--data openml`` to fetch
MNIST. Without it, as on this page, the images are scikit-learn's small digits.
"""

import argparse
from pathlib import Path

import numpy as np
from scipy.stats import binomtest
from sklearn.datasets import fetch_openml, load_digits
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.model_selection import train_test_split
from sklearn.multioutput import MultiOutputClassifier
from sklearn.tree import DecisionTreeClassifier

from skdistill import DistillationClassifier
from skdistill.neural import NeuralClassifier


def load_data(source=None):
    """X_train, X_test, y_train, y_test with pixels in [0, 1], and training epochs."""
    if source is None:
        X, y = load_digits(return_X_y=True)
        X = (X / 16).astype(np.float32)
        return *train_test_split(X, y, test_size=0.5, stratify=y, random_state=0), 100
    if source == "openml":
        X, y = fetch_openml("mnist_784", return_X_y=True, as_frame=False)
        parts = X[:60_000], X[60_000:], y[:60_000], y[60_000:]
    else:
        file = np.load(Path(source) / "mnist.npz")
        parts = [file[k] for k in ("X_train", "X_test", "y_train", "y_test")]
    X_train, X_test, y_train, y_test = parts
    X_train, X_test = (
        X.reshape(len(X), -1).astype(np.float32) / 255 for X in (X_train, X_test)
    )
    return X_train, X_test, y_train.astype(int), y_test.astype(int), 5


parser = argparse.ArgumentParser()
parser.add_argument("--data", help="folder of mnist.npz, or 'openml'")
X_train, X_test, y_train, y_test, epochs = load_data(parser.parse_args().data)
print(len(X_train), "training images,", X_train.shape[1], "pixels,", epochs, "epochs")

# %%
# Model compression
# -----------------
#
# Teacher: 512 and 256 hidden units. Student: 128. Adam at 1e-3 and batches of 64 are
# the defaults; pixels need no scaling. The teacher is *trained* before it teaches:
# given unfitted, it is fitted inside ``fit``.


def make_net(*hidden_layer_sizes, epochs):
    """A perceptron of such hidden layers."""
    return NeuralClassifier(
        hidden_layer_sizes=hidden_layer_sizes, max_epochs=epochs, scale=False
    )


def distil(teacher, alpha=0.7, seed=0, **fit_params):
    """Teach the narrow network at temperature 5."""
    student = make_net(128, epochs=epochs)
    model = DistillationClassifier(
        teacher, student, temperature=5, alpha=alpha, random_state=seed
    )
    return model.fit(X_train, y_train, **fit_params)


def accuracy(name, predicted, y):
    """Print an accuracy with its Wilson interval."""
    hits = predicted == y
    low, high = binomtest(int(hits.sum()), len(y)).proportion_ci(method="wilson")
    print(f"{name:32}{hits.mean():7.2%}   95 % interval [{low:.2%}, {high:.2%}]")
    return hits.mean()


distilled = distil(make_net(512, 256, epochs=epochs))
teacher = distilled.teacher_
baseline = distil(teacher, alpha=0)
compression = [
    accuracy("teacher", teacher.predict(X_test), y_test),
    accuracy("student, labels alone", baseline.predict(X_test), y_test),
    accuracy("student, distilled", distilled.predict(X_test), y_test),
]

# %%
# On these small images the student does without a teacher what the teacher does, so
# there is nothing to gain; the intervals overlap, and one seed says little. The next
# two uses need no gap between the two.
#
# Several teachers into one student
# ---------------------------------
#
# A list of teachers votes. Networks vote by their logits; a mixed company, as here, by
# probabilities. Fitted and unfitted members may be mixed too.

trees = ExtraTreesClassifier(100, random_state=0, n_jobs=2)
by_many = distil([teacher, trees])
several = accuracy("student of network and trees", by_many.predict(X_test), y_test)

# %%
# Another domain
# --------------
#
# A new camera gives brighter, noisy images. The teacher was trained on both kinds. Of
# the new kind we have images without labels: as ``X_unlabeled`` they join the training
# rows, and the teacher labels them. What the student learns about them is what the
# teacher believes, right or wrong.


def new_camera(X, seed):
    """Brighter, with noise."""
    noise = np.random.default_rng(seed).normal(0, 0.25, size=X.shape)
    return np.clip(0.25 + X + noise, 0, 1).astype(np.float32)


X_new = new_camera(X_test, seed=1)
of_both = make_net(512, 256, epochs=epochs).set_params(random_state=0)
of_both.fit(
    np.concatenate([X_train, new_camera(X_train, seed=2)]),
    np.concatenate([y_train, y_train]),
)
X_unlabeled = np.concatenate([new_camera(X_train, seed) for seed in (3, 4)])
adapted = distil(of_both, X_unlabeled=X_unlabeled)
domain = [
    accuracy("new camera: teacher", of_both.predict(X_new), y_test),
    accuracy("new camera: student, old images", distil(of_both).predict(X_new), y_test),
    accuracy("new camera: student, adapted", adapted.predict(X_new), y_test),
]

# %%
# Several label columns
# ---------------------
#
# ``MultiOutputClassifier`` distils each column on its own: the digit, whether it is
# odd, whether it has a closed loop.

rows = slice(0, 2000)
columns = np.column_stack([y_train, y_train % 2, np.isin(y_train, [0, 6, 8, 9])])
truth = np.column_stack([y_test, y_test % 2, np.isin(y_test, [0, 6, 8, 9])])
tree = DecisionTreeClassifier(max_leaf_nodes=64, random_state=0)
tasks = MultiOutputClassifier(DistillationClassifier(trees, tree))
tasks.fit(X_train[rows], columns[rows])
for name, predicted, true in zip(
    ["digit", "odd", "loop"], tasks.predict(X_test).T, truth.T, strict=True
):
    accuracy(f"64-leaf tree: {name}", predicted, true)
