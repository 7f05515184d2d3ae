"""
Twelve networks into one small one
==================================

Twelve networks of 46,658 parameters vote; one network of 3,490 parameters learns from
them. The student is compared with the same student trained on the labels alone.
"""

import numpy as np
import torch
from joblib import Parallel, delayed
from scipy.stats import binomtest
from sklearn.datasets import make_classification
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
from skorch import NeuralNetClassifier
from skorch.callbacks import PrintLog
from torch import nn
from torch.nn.functional import cross_entropy

from skdistill import DistillationClassifier
from skdistill.neural import module_logits
from skdistill.targets import soften

# %%
# 5,000 rows of 20 features, a fifth held out.


def load_data():
    """Standardised float32 rows: X_train, X_test, y_train, y_test."""
    X, y = make_classification(
        n_samples=5000,
        n_features=20,
        n_informative=10,
        n_redundant=5,
        random_state=42,
    )
    X_train, X_test, y_train, y_test = train_test_split(
        X, y, test_size=0.2, random_state=42
    )
    scaler = StandardScaler().fit(X_train)
    X_train, X_test = (
        scaler.transform(X).astype(np.float32) for X in (X_train, X_test)
    )
    return X_train, X_test, y_train, y_test


X_train, X_test, y_train, y_test = load_data()

# %%
# The teachers
# ------------
#
# Any trained torch modules will do; here they come from a plain training loop. The nets
# and their batches are small, so one thread each is fastest.


def make_teacher():
    """20 → 256 → 128 → 64 → 2, with dropout."""
    return nn.Sequential(
        *[nn.Linear(20, 256), nn.ReLU(), nn.Dropout(0.3)],
        *[nn.Linear(256, 128), nn.ReLU(), nn.Dropout(0.3)],
        *[nn.Linear(128, 64), nn.ReLU()],
        nn.Linear(64, 2),
    )


def make_student():
    """20 → 64 → 32 → 2."""
    return nn.Sequential(
        *[nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 32), nn.ReLU()],
        nn.Linear(32, 2),
    )


def train_teacher(seed, X, y, epochs=30):
    """Adam at 1e-3, batches of 64."""
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    net = make_teacher()
    adam = torch.optim.Adam(net.parameters(), lr=1e-3, fused=True)
    X, y = torch.tensor(X), torch.tensor(y)
    for _ in range(epochs):
        for rows in torch.randperm(len(X)).split(64):
            adam.zero_grad()
            cross_entropy(net(X[rows]), y[rows]).backward()
            adam.step()
    return net.eval()


def train_teachers(n_teachers, X, y, epochs=30, n_jobs=2):
    """One teacher for each seed."""
    return Parallel(n_jobs=n_jobs)(
        delayed(train_teacher)(seed, X, y, epochs) for seed in range(n_teachers)
    )


torch.set_num_threads(1)
teachers = train_teachers(12, X_train, y_train)

logits = [module_logits(net, X_test) for net in teachers]
for seed, answer in enumerate(logits):
    print(f"teacher {seed:2}: {np.mean(answer.argmax(axis=1) == y_test):.1%}")

# %%
# What the student gets to see: beside the hard label the soft target, at temperature 3.
# The ensemble is the mean of the logits, taken before the softmax.

ensemble_logits = np.mean([module_logits(net, X_train[:5]) for net in teachers], axis=0)
for label, target in zip(y_train, soften(ensemble_logits, "logits", 3.0), strict=False):
    print(f"hard label {label}   soft target {target.round(3)}")

# %%
# The student
# -----------
#
# A skorch net with settings of its own. The list of modules is the teacher. With
# ``alpha=0`` the same net starts from the same weights and sees the same batches, but
# learns from the labels alone.


class EveryTenEpochs(PrintLog):
    """Print the training loss now and then."""

    def on_epoch_end(self, net, **kwargs):
        epoch, loss = net.history[-1, ("epoch", "train_loss")]
        if epoch % 10 == 0:
            print(f"  epoch {epoch:2}: loss {loss:.4f}")


def make_net(epochs=50, callbacks=None):
    """The student as a skorch net."""
    return NeuralNetClassifier(
        make_student,
        criterion=nn.CrossEntropyLoss,
        optimizer=torch.optim.Adam,
        optimizer__weight_decay=1e-4,
        lr=1e-3,
        max_epochs=epochs,
        batch_size=64,
        iterator_train__shuffle=True,
        train_split=None,
        callbacks=callbacks,
        callbacks__print_log=None,
        verbose=0,
    )


def teach(teachers, X, y, alpha, seed=0, net=None):
    """Teach the net by the ensemble (alpha=0: by the labels alone)."""
    model = DistillationClassifier(
        teachers, net or make_net(), temperature=3, alpha=alpha, random_state=seed
    )
    return model.fit(X, y)


print("labels alone")
baseline = teach(
    teachers, X_train, y_train, 0, net=make_net(callbacks=[EveryTenEpochs()])
)
print("distilled")
distilled = teach(
    teachers, X_train, y_train, 0.7, net=make_net(callbacks=[EveryTenEpochs()])
)

# %%
# The result
# ----------
#
# The test set has 1,000 rows, so each accuracy is uncertain by about a percentage point
# (Wilson intervals). A single seed proves little about the difference of two students:
# the tests of this package take the mean over ten.


def n_parameters(net):
    """Number of trained values."""
    return sum(p.numel() for p in net.parameters())


def summarise(teachers, baseline, distilled, X, y):
    """Print the three accuracies, the gap, what was recovered, and the sizes."""
    ensemble = np.mean([module_logits(net, X) for net in teachers], axis=0)
    right = {
        "ensemble of teachers": ensemble.argmax(axis=1) == y,
        "student, labels alone": baseline.predict(X) == y,
        "student, distilled": distilled.predict(X) == y,
    }
    for name, hits in right.items():
        low, high = binomtest(int(hits.sum()), len(y)).proportion_ci(method="wilson")
        print(f"{name:24}{hits.mean():7.2%}   95 % interval [{low:.1%}, {high:.1%}]")
    top, bottom, reached = (hits.mean() for hits in right.values())
    share = (reached - bottom) / (top - bottom)
    print(f"gap {top - bottom:.2%}, recovered {share:.0%}")
    one, small = n_parameters(teachers[0]), n_parameters(distilled.student_.module_)
    print(f"parameters: teacher {one:,}, ensemble {one * len(teachers):,}")
    print(f"student {small:,}: {one * len(teachers) / small:.0f} times fewer")
    return top, bottom, reached


summary = summarise(teachers, baseline, distilled, X_test, y_test)
