"""A student that never saw a digit reads it: the experiment of Hinton et al. (2015).

All rows of one digit are left out of what the student learns from, images and labels.
The teacher has seen all digits; what it says about the others is all that the student
can learn about the missing one. Claim: the student's recall of that digit on held-out
rows is far above 0. Where it is too low, the logit of the class that was never a label
is: as in the paper (section 3), a number is added to it. Here the number is found on
one half of the held-out rows, and recall is that of the other half, with and without.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from benchmarks.neural._records import Records
from benchmarks.neural.digit_quality import load_digits
from skdistill.neural import NeuralClassifier
from skdistill.targets import SoftTargets, soften

DIGITS = [3, 7]
#: Added to the logit; of equally good ones the first, the smallest, is taken.
BIASES = np.array(sorted(np.linspace(-5, 20, 251), key=abs))
#: Hidden units, temperature, alpha.
SETTINGS = [((128,), 5.0, 0.7), ((128,), 5.0, 1.0), ((800, 800), 20.0, 1.0)]
HERE = Path(__file__).resolve().parent
KEYS = ["digit", "hidden", "temperature", "alpha"]
FIGURES = ["teacher_recall", "recall", "accuracy", "bias"]
FIGURES += ["corrected_recall", "corrected_accuracy"]


def missing_digit(
    teacher,
    X,
    y,
    X_test,
    y_test,
    *,
    digit: int,
    temperature: float = 5.0,
    alpha: float = 1.0,
    student: NeuralClassifier | None = None,
) -> dict:
    """Teach a student without one class.

    Parameters
    ----------
    teacher : NeuralClassifier
        Fitted on all classes, more than two.
    X, X_test : ndarray of shape (n_rows, n_features)
        Rows; those of `digit` are left out of the first.
    y, y_test : ndarray of shape (n_rows,), int
        Labels.
    digit : int
        The missing one.
    temperature, alpha : float
    student : NeuralClassifier, default=None
        None: 128 hidden units, 5 epochs.

    Returns
    -------
    dict of str to float
        "teacher_recall", "recall", "accuracy", "bias", "corrected_recall" and
        "corrected_accuracy", of every other held-out row; "bias" was found on the
        rest.
    """
    if student is None:
        student = NeuralClassifier(
            hidden_layer_sizes=(128,), scale=False, max_epochs=5, random_state=0
        )
    known = np.flatnonzero(y != digit)
    soft = soften(teacher.decision_function(X[known]), "logits", temperature)
    codes = np.searchsorted(teacher.classes_, y[known])
    lesson = SoftTargets(teacher.classes_, soft, codes, alpha, temperature=temperature)
    student.fit_soft_targets(X[known], lesson)
    place = int(np.searchsorted(teacher.classes_, digit))
    logits = student.decision_function(X_test)
    truth = np.searchsorted(teacher.classes_, y_test)
    # Every other row: test sets are often sorted by something.
    bias = _best_bias(logits[::2], truth[::2], place)
    logits, truth = logits[1::2], truth[1::2]
    of_teacher = teacher.decision_function(X_test[1::2])
    teacher_recall, _ = _scores(of_teacher, truth, place)
    recall, accuracy = _scores(logits, truth, place)
    corrected = _scores(_raised(logits, place, bias), truth, place)
    return {
        "teacher_recall": teacher_recall,
        "recall": recall,
        "accuracy": accuracy,
        "bias": bias,
        "corrected_recall": corrected[0],
        "corrected_accuracy": corrected[1],
    }


def _best_bias(logits, truth, place: int) -> float:
    right = [_scores(_raised(logits, place, bias), truth, place)[1] for bias in BIASES]
    return float(BIASES[int(np.argmax(right))])


def _raised(logits, place: int, bias: float):
    raised = logits.copy()
    raised[:, place] += bias
    return raised


def _scores(logits, truth, place: int) -> tuple[float, float]:
    """Recall of one class, and accuracy."""
    hits = logits.argmax(axis=1) == truth
    return float(hits[truth == place].mean()), float(hits.mean())


def run(folder: Path | None, path: Path = HERE / "missing_digit.csv") -> Records:
    """Train what the file lacks."""
    records = Records(path, KEYS, FIGURES)
    cells = [
        (digit, str(hidden), temperature, alpha, hidden)
        for digit in DIGITS
        for hidden, temperature, alpha in SETTINGS
    ]
    left = [c for c in cells if not records.has(**dict(zip(KEYS, c[:4], strict=True)))]
    if not left:
        return records
    X, X_test, y, y_test = load_digits(folder)
    print("  missing digit: the teacher ...", file=sys.stderr, flush=True)
    teacher = NeuralClassifier(
        hidden_layer_sizes=(512, 256),
        dropout=0.3,
        scale=False,
        max_epochs=10,
        learning_rate_schedule="cosine",
        random_state=100,
    ).fit(X, y)
    for digit, name, temperature, alpha, hidden in left:
        print(f"  without {digit}, {name} ...", file=sys.stderr, flush=True)
        student = NeuralClassifier(
            hidden_layer_sizes=hidden, scale=False, max_epochs=5, random_state=0
        )
        found = missing_digit(
            teacher,
            *(X, y, X_test, y_test),
            digit=digit,
            temperature=temperature,
            alpha=alpha,
            student=student,
        )
        key = dict(zip(KEYS, (digit, name, temperature, alpha), strict=True))
        records.add([key | found])
    return records


def lines(records: Records) -> list[str]:
    """Tell what came out, in Markdown."""
    text = ["## A digit that the student never saw", "", __doc__.split("\n\n")[1], ""]
    text += [
        "| digit | student's hidden units | T | alpha | recall of teacher | recall of "
        "student | accuracy | added to the logit | recall then | accuracy then |",
        "|" + " --- |" * 10,
    ]
    for row in records.frame().itertuples():
        text.append(
            f"| {row.digit} | {row.hidden} | {row.temperature:g} | {row.alpha:g} | "
            f"{row.teacher_recall:.1%} | {row.recall:.1%} | {row.accuracy:.2%} | "
            f"{row.bias:+.1f} | {row.corrected_recall:.1%} | "
            f"{row.corrected_accuracy:.2%} |"
        )
    return text
