"""
Plain response distillation
===========================

The student is matched to the teacher's outputs by the Kullback–Leibler divergence
alone: ``alpha=1``, no true label. This is the simplest form of distillation for
networks.

Hints from inner layers and attention transfer, which extend it, are not in this package
yet.
"""

import numpy as np
import torch
from scipy.special import rel_entr
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import nn

from skdistill import DistillationClassifier
from skdistill.neural import net_from_module

torch.set_num_threads(1)
X, y = load_digits(return_X_y=True)
X = (X / 16).astype(np.float32)
X_train, X_test, y_train, y_test = train_test_split(
    X, y, test_size=0.3, stratify=y, random_state=0
)

# %%
# A trained torch module is the teacher, a raw torch module the student. The student is
# trained as a skorch net: Adam at 1e-3, batches of 64, 50 epochs.


def train(module, epochs=30):
    """Train a module on the labels."""
    adam = torch.optim.Adam(module.parameters(), lr=1e-3)
    rows, labels = torch.tensor(X_train), torch.tensor(y_train)
    for _ in range(epochs):
        for batch in torch.randperm(len(rows)).split(64):
            adam.zero_grad()
            nn.functional.cross_entropy(module(rows[batch]), labels[batch]).backward()
            adam.step()
    return module.eval()


torch.manual_seed(0)
teacher = train(
    nn.Sequential(
        *[nn.Linear(64, 512), nn.ReLU(), nn.Dropout(0.3)],
        *[nn.Linear(512, 256), nn.ReLU()],
        nn.Linear(256, 10),
    )
)
student = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))

# %%
# The labels are still passed, for they say which classes there are; at ``alpha=1`` they
# have no weight. The module given as student is copied, not trained in place.


def teach(temperature):
    """The student, matched at one temperature."""
    model = DistillationClassifier(
        teacher, student, temperature=temperature, alpha=1.0, random_state=0
    )
    return model.fit(X_train, y_train)


with torch.inference_mode():
    teacher_proba = teacher(torch.tensor(X_test)).softmax(dim=1).double().numpy()


def judge(model):
    """Divergence from the teacher, agreement with it, and accuracy."""
    proba = model.predict_proba(X_test)
    return (
        rel_entr(teacher_proba, proba).sum(axis=1).mean(),
        np.mean(proba.argmax(axis=1) == teacher_proba.argmax(axis=1)),
        np.mean(model.predict(X_test) == y_test),
    )


print(f"teacher: accuracy {np.mean(teacher_proba.argmax(axis=1) == y_test):.1%}")
print(f"{'student':24}{'KL':>8}{'agreement':>11}{'accuracy':>10}")
torch.manual_seed(0)
alone = net_from_module(student).fit(X_train, y_train)
results = {"labels alone": judge(alone)}
for temperature in (1, 2, 4):
    results[f"KL alone, T={temperature}"] = judge(teach(temperature))
for name, (divergence, agreement, accuracy) in results.items():
    print(f"{name:24}{divergence:8.4f}{agreement:11.1%}{accuracy:10.1%}")
