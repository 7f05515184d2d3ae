"""A stack of a thousand trees, boosting and networks in a student a thousandth of it.

Claim: a student that is 1,000 times as small (pickled) and 1,000 times as fast for a
single row (`predict_proba`) as the stack keeps its accuracy to a few points. The table
says for which families and sets that is so. The stack is a soft vote of a forest and
extra trees of 500 each, boosting, and three networks (256, 128).

One split a set, as in `quality.py`; students are tuned alone by folds, and taught with
the recommended settings of their family. Times are medians over rounds in which stack
and student answer about the same single row in turn; *exported* is the student as an
ONNX model in onnxruntime, and its size that of the file.

    python benchmarks/quality/thousandfold.py --data DIR [--only SET ...]

Results go to ``thousandfold.csv`` (what is there is not computed again) and, as tables,
to ``thousandfold.md``.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path

for _threads in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_threads, "1")
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import numpy as np  # noqa: E402

from benchmarks.commands import add_choice_option  # noqa: E402
from benchmarks.datasets import add_data_option, load  # noqa: E402
from benchmarks.neural._records import Records  # noqa: E402
from benchmarks.quality._contenders import STACK, STUDENTS, Kind, Student  # noqa: E402
from benchmarks.quality._figures import n_bytes, paired  # noqa: E402
from benchmarks.quality._scene import (  # noqa: E402
    SETS,
    Scene,
    Taught,
    make_student,
    teach,
    tune_alone,
)
from benchmarks.quality._settings import (  # noqa: E402
    RECOMMENDED,
    distil,
    suited,
)
from benchmarks.quality._thousandfold_tables import write_tables  # noqa: E402
from benchmarks.quality._work import add_work_options, work_through  # noqa: E402
from skdistill._sklearn_compat import take_rows  # noqa: E402
from skdistill.export import to_onnx  # noqa: E402
from skdistill.neural import NeuralClassifier  # noqa: E402

HERE = Path(__file__).resolve().parent
KEYS = ["set", "student"]
FIGURES = ["n_train", "n_test", "stack_accuracy", "alone_accuracy", "accuracy", "loss"]
FIGURES += ["interval", "agreement", "stack_bytes", "bytes", "stack_us", "us"]
FIGURES += ["exported_bytes", "exported_us", "settings"]
#: Rounds of the stack, and calls of the student in each.
ROUNDS, CALLS = 9, 30


def _wide_network(seed: int, kind: Kind) -> NeuralClassifier:
    return NeuralClassifier(
        hidden_layer_sizes=(256, 128),
        early_stopping=True,
        scale=not kind.images,
        random_state=seed,
    )


#: A thousandth of the stack has room for more than the networks of `quality.py`.
WIDE_NETWORK = Student(
    "network, 256 \N{MULTIPLICATION SIGN} 128",
    "network",
    _wide_network,
    [{"weight_decay": [0.0, 1e-3, 1e-2]}],
    [{"weight_decay": [0.0, 1e-3]}],
)


def in_turn(stack: Callable, others: list[Callable]) -> list[float]:
    """Median microseconds of a call of the stack, and of each of the others."""
    times: list[list[float]] = [[] for _ in range(1 + len(others))]
    for call in (stack, *others):
        call()
    for _ in range(ROUNDS):
        for k, call in enumerate((stack, *others)):
            calls = CALLS if k else 1
            parts = []
            for _ in range(calls):
                start = time.perf_counter()
                call()
                parts.append(time.perf_counter() - start)
            times[k].append(statistics.median(parts))
    return [statistics.median(each) * 1e6 for each in times]


def exported(model, row) -> tuple[int, Callable]:
    """Bytes of the student as an ONNX model, and a call of it."""
    import onnxruntime

    row = row.astype(np.float32)
    made = to_onnx(model, row, check=False).SerializeToString()
    session = onnxruntime.InferenceSession(made, providers=["CPUExecutionProvider"])
    return len(made), lambda: session.run(None, {"X": row})


def compare(scene: Scene, student: Student, taught: Taught, memory: str) -> dict:
    """The row of a student."""
    tuned = tune_alone(scene, student)
    settings = suited(RECOMMENDED[student.family], scene, student.family)
    alone = make_student(scene, student, tuned.params).fit(scene.X, scene.y)
    made = make_student(scene, student, {**tuned.params, **settings.params})
    taught_student = distil(scene, made, taught, settings, memory).student_
    y, row = scene.y_test, take_rows(scene.X_test, [0])
    guess = scene.said(taught_student).argmax(axis=1)
    of_stack = taught.raw.argmax(axis=1)
    loss, interval = paired((guess != y).astype(float), (of_stack != y).astype(float))
    exported_bytes, session = exported(taught_student, row)
    stack_us, us, exported_us = in_turn(
        lambda: taught.model.predict_proba(row),
        [lambda: taught_student.predict_proba(row), session],
    )
    return {
        "set": scene.name,
        "student": student.name,
        "n_train": len(scene.y),
        "n_test": len(y),
        "stack_accuracy": float(np.mean(of_stack == y)),
        "alone_accuracy": float(np.mean(scene.said(alone).argmax(axis=1) == y)),
        "accuracy": float(np.mean(guess == y)),
        "loss": loss,
        "interval": interval,
        "agreement": float(np.mean(guess == of_stack)),
        "stack_bytes": n_bytes(taught.model),
        "bytes": n_bytes(taught_student),
        "stack_us": stack_us,
        "us": us,
        "exported_bytes": exported_bytes,
        "exported_us": exported_us,
        "settings": settings.text(),
    }


def run_task(name: str, students: list[Student], options) -> None:
    """Compare on one set what the file lacks."""
    warnings.filterwarnings("ignore")
    records = Records(options.csv, KEYS, FIGURES)
    left = [s for s in students if not records.has(set=name, student=s.name)]
    if not left:
        return
    # Categories are one-hot for all: what is compared is models, not encoders.
    scene = Scene.set_up(name, 0, options.data, options.rows, load)
    taught = teach(scene, STACK)
    with tempfile.TemporaryDirectory() as memory:
        for student in left:
            records.add([compare(scene, student, taught, memory)])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add_data_option(parser)
    add_choice_option(parser, SETS)
    add_work_options(parser, HERE / "thousandfold.csv")
    parser.set_defaults(jobs=1)  # single rows are timed
    parser.add_argument("--students", nargs="+", metavar="WORD", help="in their names")
    options = parser.parse_args()
    words = options.students
    students = [*STUDENTS, WIDE_NETWORK]
    students = [s for s in students if not words or any(w in s.name for w in words)]
    if not options.tables:
        Records(options.csv, KEYS, FIGURES)
        tasks = [(name, students, options) for name in options.only or SETS]
        work_through(run_task, tasks, options, len(tasks) * len(students))
    print(write_tables(options.csv, options.csv.with_suffix(".md")))


if __name__ == "__main__":
    main()
