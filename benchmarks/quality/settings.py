"""Which settings make the best students? Chosen on training rows only.

Claim: the settings in `_settings.py` are those with the least held-out log-loss, for
each family of students and over the sets given (eight in `settings.md`). Each axis is
tried around a start (`_axes.py`) while all others stay: where the labels of the
training rows come from, calibration, the generator of transfer rows, how many, what
they weigh, whether they are drawn again, alpha, temperature, and what regularises the
student.

For each set the training rows of split 0 (at most 10,000) are divided once more: three
quarters teach, a quarter judges. The test rows of the quality benchmark are never
touched. All probabilities are mixed with the share of the class frequencies that is
best for them on the judging rows: each setting is seen at its best. The student alone
is tuned by folds on the rows that teach, and hands its parameters to the others.

    python benchmarks/quality/settings.py --data DIR [--only SET ...] [--jobs 2]

Results go to ``settings.csv`` (what is there is not computed again) and, as tables, to
``settings.md``.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
import warnings
from collections.abc import Iterator
from pathlib import Path

for _threads in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_threads, "1")
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from benchmarks.commands import add_choice_option  # noqa: E402
from benchmarks.datasets import add_data_option  # noqa: E402
from benchmarks.neural._records import Records  # noqa: E402
from benchmarks.quality._axes import candidates  # noqa: E402
from benchmarks.quality._contenders import (  # noqa: E402
    FOREST,
    STUDENTS,
    VOTE,
    Student,
)
from benchmarks.quality._figures import best_share, judge, row_losses  # noqa: E402
from benchmarks.quality._scene import (  # noqa: E402
    SETS,
    Scene,
    Taught,
    make_student,
    teach,
    tune_alone,
)
from benchmarks.quality._settings import distil, suited  # noqa: E402
from benchmarks.quality._settings_tables import ALONE, write_tables  # noqa: E402
from benchmarks.quality._work import add_work_options, work_through  # noqa: E402

HERE = Path(__file__).resolve().parent
HELD_OUT = 0.25
KEYS = ["set", "teacher", "student", "axis", "settings"]
FIGURES = ["family", "n_train", "n_test", "share", "log_loss", "accuracy", "agreement"]
FIGURES += ["kl", "teacher_log_loss", "fit_s"]


def try_student(
    scene: Scene, student: Student, taught: Taught, left: dict, memory: str
) -> Iterator[dict]:
    """A row of results for the student alone, and for each of the settings."""
    tuned = tune_alone(scene, student)

    def row(axis: str, text: str, model, start: float) -> dict:
        said = scene.said(model)
        share, loss = best_share(said, scene.y_test, scene.frequencies)
        figures = judge(said, share, scene.frequencies, scene.y_test, taught.calibrated)
        return {
            "set": scene.name,
            "teacher": taught.name,
            "student": student.name,
            "axis": axis,
            "settings": text,
            "family": student.family,
            "n_train": len(scene.y),
            "n_test": len(scene.y_test),
            "share": share,
            "log_loss": loss,
            "accuracy": figures["accuracy"],
            "agreement": figures["agreement"],
            "kl": figures["kl"],
            "teacher_log_loss": row_losses(taught.calibrated, scene.y_test).mean(),
            "fit_s": round(time.perf_counter() - start, 2),
        }

    for text, (axis_names, settings) in left.items():
        start = time.perf_counter()
        if text == ALONE:
            model = make_student(scene, student, tuned.params).fit(scene.X, scene.y)
            told = " ".join(f"{k}={v}" for k, v in tuned.params.items())
            yield row(ALONE, told, model, start)
            continue
        suitable = suited(settings, scene, student.family)
        made = make_student(scene, student, {**tuned.params, **suitable.params})
        model = distil(scene, made, taught, suitable, memory)
        yield row(" | ".join(axis_names), text, model, start)


def run_task(name: str, teacher: str, students: list[Student], options) -> None:
    """Try on one set, with one teacher, what the file lacks."""
    warnings.filterwarnings("ignore")
    scene = Scene.set_up(name, 0, options.data, options.rows).hold_out(HELD_OUT)
    records = Records(options.csv, KEYS, FIGURES)
    done = records.frame()
    done = done[(done["set"] == name) & (done["teacher"] == teacher)]
    work = []
    for student in students:
        mine = done[done["student"] == student.name]
        wanted = {ALONE: ([ALONE], None)}
        wanted |= candidates(student.family, scene.kind, teacher)
        seen = {*mine["settings"]} | ({ALONE} & {*mine["axis"]})
        left = {text: what for text, what in wanted.items() if text not in seen}
        if left:
            work.append((student, left))
    if not work:
        return
    taught = teach(scene, teacher, cross_fit=True)
    with tempfile.TemporaryDirectory() as memory:
        for student, left in work:
            for row in try_student(scene, student, taught, left, memory):
                records.add([row])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add_data_option(parser)
    add_choice_option(parser, SETS)
    add_work_options(parser, HERE / "settings.csv")
    parser.add_argument("--students", nargs="+", metavar="WORD", help="in their names")
    parser.add_argument(
        "--teachers", nargs="+", choices=[FOREST, VOTE], default=[FOREST, VOTE]
    )
    options = parser.parse_args()
    words = options.students
    students = [s for s in STUDENTS if not words or any(w in s.name for w in words)]
    if not options.tables:
        Records(options.csv, KEYS, FIGURES)
        tasks = [
            (name, teacher, students, options)
            for teacher in options.teachers
            for name in options.only or SETS
        ]
        work_through(run_task, tasks, options)
    print(write_tables(options.csv, options.csv.with_suffix(".md")))


if __name__ == "__main__":
    main()
