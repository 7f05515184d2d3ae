"""What networks learn through soft targets, on held-out rows (slow)."""

import numpy as np
import pytest
from sklearn.datasets import load_digits, make_classification
from sklearn.metrics import log_loss
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
from torch import nn

from skdistill.neural import NeuralClassifier, fit_together
from skdistill.targets import TeacherOutput, build_targets

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def digits():
    X, y = load_digits(return_X_y=True)
    X, X_test, y, y_test = train_test_split(
        X, y, test_size=0.4, stratify=y, random_state=0
    )
    teacher = NeuralClassifier(
        hidden_layer_sizes=(256, 128),
        dropout=0.3,
        n_members=3,
        max_epochs=60,
        random_state=0,
    ).fit(X, y)
    return teacher, X, X_test, y, y_test


def said_by(teacher, X):
    logits = teacher.predict_log_proba(X)
    return TeacherOutput(logits, "logits", teacher.classes_)


@pytest.mark.parametrize("missing", range(10))
def test_a_digit_that_was_never_shown_is_recognised(digits, missing):
    """The experiment of Hinton, Vinyals and Dean (2015), section 3.

    Neither rows nor labels of the digit come to the student; all it can know of it is
    how much of it the teacher sees in the others. As in the paper, the class whose
    logit is too low for never having been a label gets it raised, here by half of the
    held-out rows, to be judged by the other half.
    """
    teacher, X, X_test, y, y_test = digits
    rows = y != missing
    lesson = build_targets(
        said_by(teacher, X[rows]),
        teacher.classes_,
        y[rows],
        temperature=10.0,
        alpha=1.0,
    )
    student = NeuralClassifier(
        hidden_layer_sizes=(256,), max_epochs=100, random_state=0
    ).fit_soft_targets(X[rows], lesson)
    untaught = NeuralClassifier(
        hidden_layer_sizes=(256,), max_epochs=100, random_state=0
    ).fit(X[rows], y[rows])
    assert missing not in untaught.classes_

    logits = student.decision_function(X_test)
    best = max(
        np.linspace(0, 20, 101),
        key=lambda bias: accuracy(raised(logits, missing, bias)[::2], y_test[::2]),
    )
    judged = raised(logits, missing, best)[1::2]
    is_missing = y_test[1::2] == missing
    assert accuracy(judged[is_missing], y_test[1::2][is_missing]) > 0.7
    assert accuracy(judged, y_test[1::2]) > 0.9


def raised(logits, column, bias):
    logits = logits.copy()
    logits[:, column] += bias
    return logits


def accuracy(logits, labels):
    return np.mean(logits.argmax(axis=1) == labels)


def test_twelve_networks_make_a_small_one_better():
    """System A at its published settings, twenty students with and without."""
    X, y = make_classification(
        5000, 20, n_informative=10, n_redundant=5, random_state=42
    )
    X, X_test, y, y_test = train_test_split(X, y, test_size=0.2, random_state=42)
    scaler = StandardScaler().fit(X)
    X, X_test = scaler.transform(X), scaler.transform(X_test)
    teacher = NeuralClassifier(heavy, n_members=12, max_epochs=30, random_state=0).fit(
        X, y
    )
    lessons = [
        build_targets(
            said_by(teacher, X), teacher.classes_, y, temperature=3.0, alpha=alpha
        )
        for alpha in (0.0, 0.7)
    ]
    students = [
        NeuralClassifier(
            hidden_layer_sizes=(64, 32),
            scale=False,
            weight_decay=1e-4,
            max_epochs=50,
            random_state=seed,
        )
        for _ in lessons
        for seed in range(20)
    ]
    fit_together(students, X, [lesson for lesson in lessons for _ in range(20)])
    scores = [student.score(X_test, y_test) for student in students]
    losses = [log_loss(y_test, student.predict_proba(X_test)) for student in students]
    accuracies, losses = np.reshape(scores, (2, 20)), np.reshape(losses, (2, 20))
    gain = losses[0] - losses[1]
    assert gain.mean() > 4 * gain.std(ddof=1) / np.sqrt(20)
    assert accuracies[1].mean() > accuracies[0].mean()
    assert teacher.score(X_test, y_test) > accuracies[1].mean()


def heavy(n_inputs, n_classes):
    return nn.Sequential(
        *[nn.Linear(n_inputs, 256), nn.ReLU(), nn.Dropout(0.3)],
        *[nn.Linear(256, 128), nn.ReLU(), nn.Dropout(0.3)],
        *[nn.Linear(128, 64), nn.ReLU()],
        nn.Linear(64, n_classes),
    )
