"""Twelve networks into one small one: its data, its networks, and how articles train.

The loops here are the peers of the benchmarks: plain torch as tutorials write it, and a
skorch net with a criterion of its own.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.datasets import make_classification
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
from skorch import NeuralNet
from torch import nn
from torch.nn.functional import cross_entropy, kl_div, log_softmax, softmax
from torch.utils.data import DataLoader, TensorDataset

from skdistill.targets import SoftTargets, soften

N_TEACHERS = 12
TEACHER_EPOCHS, STUDENT_EPOCHS = 30, 50
BATCH_SIZE = 64
TEMPERATURE, ALPHA = 3.0, 0.7
LEARNING_RATE, WEIGHT_DECAY = 1e-3, 1e-4


class Data(NamedTuple):
    """Standardised float32 rows and their labels, a fifth of them held out."""

    X: NDArray[np.float32]
    X_test: NDArray[np.float32]
    y: NDArray[np.intp]
    y_test: NDArray[np.intp]


def load_data(seed: int = 42) -> Data:
    """5,000 rows of 20 features; `seed` draws them and splits them."""
    X, y = make_classification(
        n_samples=5000,
        n_features=20,
        n_informative=10,
        n_redundant=5,
        random_state=seed,
    )
    X, X_test, y, y_test = train_test_split(X, y, test_size=0.2, random_state=seed)
    scaler = StandardScaler().fit(X)
    X, X_test = (scaler.transform(part).astype(np.float32) for part in (X, X_test))
    return Data(X, X_test, y, y_test)


def make_teacher() -> nn.Module:
    """20 → 256 → 128 → 64 → 2, with dropout after the first two."""
    return nn.Sequential(
        *[nn.Linear(20, 256), nn.ReLU(), nn.Dropout(0.3)],
        *[nn.Linear(256, 128), nn.ReLU(), nn.Dropout(0.3)],
        *[nn.Linear(128, 64), nn.ReLU()],
        nn.Linear(64, 2),
    )


def make_student() -> nn.Module:
    """20 → 64 → 32 → 2."""
    return nn.Sequential(
        *[nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 32), nn.ReLU()],
        nn.Linear(32, 2),
    )


def lesson(
    logits: NDArray,
    y: NDArray,
    alpha: float = ALPHA,
    temperature: float = TEMPERATURE,
) -> SoftTargets:
    """What the library's students learn from: a teacher's logits, and labels."""
    soft = soften(logits, "logits", temperature)
    return SoftTargets(np.unique(y), soft, y, alpha, temperature=temperature)


def article_teacher(seed: int, X, y, epochs: int = TEACHER_EPOCHS) -> nn.Module:
    """Train one teacher as the article does."""
    torch.manual_seed(seed)
    net = make_teacher()
    adam = torch.optim.Adam(net.parameters(), lr=LEARNING_RATE)
    net.loss_ = _loop(
        net, adam, (X, y), epochs, lambda logits, y: cross_entropy(logits, y)
    )
    return net.eval()


def article_student(
    seed: int,
    X,
    y,
    logits,
    alpha: float = ALPHA,
    temperature: float = TEMPERATURE,
    epochs: int = STUDENT_EPOCHS,
) -> nn.Module:
    """Train one student as the article does, on a teacher's logits."""
    torch.manual_seed(seed)
    net = make_student()
    adam = torch.optim.Adam(
        net.parameters(), lr=LEARNING_RATE, weight_decay=WEIGHT_DECAY
    )

    def loss(answer, y, logits):
        return distillation_loss(answer, y, logits, alpha, temperature)

    net.loss_ = _loop(net, adam, (X, y, logits.astype(np.float32)), epochs, loss)
    return net.eval()


def distillation_loss(answer, y, logits, alpha: float, temperature: float):
    """alpha · T² · KL(teacher ‖ student) + (1 - alpha) · cross-entropy."""
    kl = kl_div(
        log_softmax(answer / temperature, dim=1),
        softmax(logits / temperature, dim=1),
        reduction="batchmean",
    )
    return alpha * temperature**2 * kl + (1 - alpha) * cross_entropy(answer, y)


def _loop(net, optimizer, arrays, epochs: int, loss) -> float:
    """Train by a DataLoader; the mean loss of the rows in the last epoch."""
    tensors = map(torch.from_numpy, arrays)
    loader = DataLoader(TensorDataset(*tensors), batch_size=BATCH_SIZE, shuffle=True)
    net.train()
    for _ in range(epochs):
        total = 0.0
        for X, *told in loader:
            optimizer.zero_grad()
            value = loss(net(X), *told)
            value.backward()
            optimizer.step()
            total += value.item() * len(X)
    return total / len(arrays[0])


class DistillationCriterion(nn.Module):
    """The loss on targets (label, teacher's logits ...), as a user of skorch writes it.

    Parameters
    ----------
    alpha, temperature : float
    """

    def __init__(self, alpha: float, temperature: float):
        super().__init__()
        self.alpha = alpha
        self.temperature = temperature

    def forward(self, answer, told):
        """Compute the loss of a batch."""
        y = told[:, 0].long()
        return distillation_loss(answer, y, told[:, 1:], self.alpha, self.temperature)


def skorch_student(seed: int, X, y, logits, alpha: float, temperature: float):
    """Train one student by skorch."""
    torch.manual_seed(seed)
    net = NeuralNet(
        make_student,
        criterion=DistillationCriterion,
        criterion__alpha=alpha,
        criterion__temperature=temperature,
        optimizer=torch.optim.Adam,
        optimizer__weight_decay=WEIGHT_DECAY,
        lr=LEARNING_RATE,
        max_epochs=STUDENT_EPOCHS,
        batch_size=BATCH_SIZE,
        iterator_train__shuffle=True,
        train_split=None,
        verbose=0,
    )
    return net.fit(X, np.column_stack([y, logits]).astype(np.float32))


def random_logits(X, y, seed: int = 0) -> NDArray[np.float64]:
    """Logits that a fair teacher might give, where it does not matter which."""
    rng = np.random.default_rng(seed)
    second = 4.0 * (2 * y - 1) + 2.0 * rng.standard_normal(len(y))
    return np.column_stack([-second / 2, second / 2])
