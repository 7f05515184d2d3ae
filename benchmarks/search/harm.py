"""Does a search with a teacher ever end up worse than one without?

Claim: on 13 sets and with four students (`_students.py`), the student that
`DistillationClassifierCV` returns has a clearly higher held-out log-loss than the same
student tuned without a teacher in 2 % of the pairs at most, and keeps 90 % of what is
gained by always returning the best mean. Clearly: the 95 % interval of the paired
differences over the test rows excludes 0, and their mean is above `CLEAR`.

For each set and split (at most `--rows` training rows, and as many test rows, drawn
with stratification; split k has seed k throughout): one search over temperature, alpha
and the student's regularisation by five folds, the teacher a forest of 300 trees that
is fitted anew in each. All rules choose one of two candidates, the best one with alpha
0 ("alone") and the best one with a teacher ("distilled"). Both are fitted on all
training rows and judged on the test rows; what each rule would have chosen follows from
the differences of their scores over the folds. The test rows choose nothing.

Trees say exactly 0 of some classes, and one row can then cost 36 nats. Losses are those
of the library's default scoring, clipped there; besides, "mixed" ones are given, of the
probabilities mixed with 1 % of the class frequencies.

    python benchmarks/search/harm.py [--data DIR] [--only SET ...] [--rows N]

Results go to ``harm.csv`` (what is there is not computed again) and, as tables, to
``harm.md``.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
import warnings
from pathlib import Path
from typing import NamedTuple

for _threads in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_threads, "1")
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import numpy as np  # noqa: E402
from sklearn.ensemble import RandomForestClassifier  # noqa: E402
from sklearn.model_selection import StratifiedKFold, train_test_split  # noqa: E402
from tqdm import tqdm  # noqa: E402

from benchmarks.commands import add_choice_option  # noqa: E402
from benchmarks.datasets import IMAGES, add_data_option, load  # noqa: E402
from benchmarks.neural._records import Records  # noqa: E402
from benchmarks.search._harm_tables import write_tables  # noqa: E402
from benchmarks.search._students import STUDENTS, Student  # noqa: E402
from skdistill import DistillationClassifier, DistillationClassifierCV  # noqa: E402

HERE = Path(__file__).resolve().parent
SETS = ["credit_g", "phoneme", "spambase", "satimage", "isolet", "magic", "letter"]
SETS += ["electricity", "bank_marketing", "adult", "covtype", "mnist", "fashion_mnist"]
MAX_ROWS, FOLDS = 10_000, 5
#: Of the class frequencies, in the mixed losses.
SHARE = 0.01
KEYS = ["set", "split", "student"]
FIGURES = ["n_train", "n_test", "n_candidates", "alone", "distilled", "improves"]
FIGURES += ["cv_alone", "cv_differences", "teacher_loss", "seconds"]
FIGURES += [
    f"{kind}{what}"
    for kind in ("", "mixed_")
    for what in ("alone_loss", "distilled_loss", "difference", "interval")
]


class Rows(NamedTuple):
    """Training and test rows, labels as codes."""

    X: np.ndarray
    X_test: np.ndarray
    y: np.ndarray
    y_test: np.ndarray


def draw(name: str, split: int, data: Path | None, most: int) -> Rows:
    X, y = load(name, data)
    n_train = min(most, round(0.7 * len(y)))
    n_test = min(most, len(y) - n_train)
    return Rows(
        *train_test_split(
            X, y, train_size=n_train, test_size=n_test, stratify=y, random_state=split
        )
    )


def losses(proba, y, share: float = 0.0, frequencies=0.0) -> np.ndarray:
    """Log-loss of each row, clipped as the default scoring of the search does."""
    mixed = (1 - share) * proba + share * frequencies
    return -np.log(np.clip(mixed, np.finfo(float).eps, 1)[np.arange(len(y)), y])


def judge(alone: np.ndarray, distilled: np.ndarray, kind: str = "") -> dict:
    """Mean losses, and the mean paired difference with its 95 % interval."""
    difference = distilled - alone
    error = difference.std(ddof=1) / np.sqrt(len(difference))
    return {
        f"{kind}alone_loss": float(alone.mean()),
        f"{kind}distilled_loss": float(distilled.mean()),
        f"{kind}difference": float(difference.mean()),
        f"{kind}interval": float(1.96 * error),
    }


def search(name: str, student: Student, rows: Rows, split: int, **settings):
    """Search; give it, and the best candidates without and with a teacher, refitted."""
    teacher = RandomForestClassifier(300, random_state=split)
    made = student.make(split, name in IMAGES)
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=split)
    found = DistillationClassifierCV(
        teacher, made, cv=folds, random_state=split, **settings, **student.grid(name)
    ).fit(rows.X, rows.y)

    def refit(index: int):
        if index == found.best_index_:
            return found.best_estimator_
        model = DistillationClassifier(
            teacher, made, memory=settings["memory"], random_state=split
        )
        return model.set_params(**found.cv_results_["params"][index]).fit(
            rows.X, rows.y
        )

    return found, refit(found.baseline_index_), refit(found.distilled_index_)


def compare(name: str, student: Student, rows: Rows, split: int, **settings):
    """The row of a pair, and the scores of all candidates over the folds."""
    start = time.perf_counter()
    found, alone, distilled = search(name, student, rows, split, **settings)
    seconds = time.perf_counter() - start
    results = found.cv_results_
    frequencies = np.bincount(rows.y) / len(rows.y)
    said = [model.predict_proba(rows.X_test) for model in (alone, distilled)]
    teacher = found.teacher_.predict_proba(rows.X_test)
    row = {
        "n_train": len(rows.y),
        "n_test": len(rows.y_test),
        "n_candidates": len(results["params"]),
        "alone": _describe(results["params"][found.baseline_index_]),
        "distilled": _describe(results["params"][found.distilled_index_]),
        "improves": bool(found.improves_),
        "cv_alone": float(results["mean_test_score"][found.baseline_index_]),
        "cv_differences": " ".join(f"{d:.6g}" for d in found.differences_),
        "teacher_loss": float(losses(teacher, rows.y_test).mean()),
        "seconds": round(seconds, 1),
        **judge(*(losses(P, rows.y_test) for P in said)),
        **judge(*(losses(P, rows.y_test, SHARE, frequencies) for P in said), "mixed_"),
    }
    columns = [f"split{k}_test_score" for k in range(FOLDS)]
    scores = np.column_stack([results[column] for column in columns])
    return row, {
        "candidates": [_describe(params) for params in results["params"]],
        "scores": np.round(scores, 6).tolist(),
    }


def _describe(params: dict) -> str:
    """Parameters as text; the temperature of a student alone says nothing."""
    alone = params["alpha"] == 0
    kept = {k: v for k, v in params.items() if not (alone and k == "temperature")}
    return " ".join(f"{k.removeprefix('student__')}={v}" for k, v in kept.items())


def run(options: argparse.Namespace) -> None:
    """Search what the file lacks."""
    records = Records(options.csv, KEYS, FIGURES)
    tasks = [(name, k) for k in range(options.splits) for name in options.only or SETS]
    with tqdm(total=len(tasks) * len(STUDENTS), unit="pair") as bar:
        for name, split in tasks:
            left = [
                s
                for s in STUDENTS
                if not records.has(set=name, split=split, student=s.name)
            ]
            bar.update(len(STUDENTS) - len(left))
            if not left:
                continue
            rows = draw(name, split, options.data, options.rows)
            with tempfile.TemporaryDirectory() as memory:
                for student in left:
                    bar.set_postfix_str(f"{name}, {student.name}")
                    row, scores = compare(
                        *(name, student, rows, split),
                        memory=memory,
                        # To start processes takes longer than small searches.
                        n_jobs=options.jobs if name in IMAGES else 1,
                    )
                    key = dict(zip(KEYS, (name, split, student.name), strict=True))
                    records.add([key | row])
                    if options.scores:
                        with options.scores.open("a") as file:
                            file.write(json.dumps(key | scores) + "\n")
                    bar.update()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add_data_option(parser)
    add_choice_option(parser, SETS)
    parser.add_argument("--rows", type=int, default=MAX_ROWS, help="of training, most")
    parser.add_argument("--splits", type=int, default=1, help="default 1")
    parser.add_argument("--jobs", type=int, default=2, help="processes, for images")
    parser.add_argument("--csv", type=Path, default=HERE / "harm.csv")
    parser.add_argument(
        "--scores",
        type=Path,
        metavar="FILE",
        help="also write the scores of all candidates there, a line of JSON a pair",
    )
    parser.add_argument("--tables", action="store_true", help="only write the tables")
    options = parser.parse_args()
    # Students may stop early, and searches say where a teacher does not help.
    warnings.filterwarnings("ignore")
    os.environ.setdefault("PYTHONWARNINGS", "ignore")
    if not options.tables:
        run(options)
    print(write_tables(options.csv, options.csv.with_suffix(".md")))


if __name__ == "__main__":
    main()
