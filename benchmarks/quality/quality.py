"""How much of a teacher does a small student keep? The public quality benchmark.

Aimed at, for students taught with the recommended settings (`_settings.py`, chosen on
training rows by `settings.py`), against the same student of the same size tuned without
a teacher: of the log-loss gap to the teacher a tree of 32 leaves recovers 40 %, one of
128 leaves 60 %, a network 50 %; 2 % of the pairs at most end up clearly worse. The
first table says what of that was reached. Peers: in-sample soft labels ("naive"), and
for trees AutoGluon's recipe ("recipe").

On 13 sets, three stratified splits each (at most `--rows` training and as many test
rows; split k has seed k throughout), two teachers: a forest of 500 trees, and a soft
vote of boosting, a forest and extra trees. The student alone is tuned by three folds,
and hands its parameters to the others. Variants:

- *alone*: on the labels, as tuned;
- *naive*: alpha 0.7, temperature 1, the teacher's own word about its training rows;
- *default*: the recommended settings, fixed for each family of students;
- *recipe*: true labels on the real rows, five times as many spunge rows (trees only).

The teacher that is aimed at is the calibrated one (one temperature, from its answers
out of fold): forests are far better so, and the gap to it is the larger one.

Trees say exactly 0. All probabilities are mixed with a share of the class frequencies,
chosen on training rows: the teacher's on its out-of-fold answers, the student alone's
by its folds, the taught trees' on a fifth that is held out of a further fit with a
fifth as many transfer rows. Other students never say 0, and get a share alone only.
``log_loss_raw`` is without any share, clipped at 2e-16.

    python benchmarks/quality/quality.py --data DIR [--only SET ...] [--jobs 2]

Results go to ``quality.csv`` (rows that are there are not computed again) and, as
tables and a picture, to ``quality.md`` and ``quality.png``.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import sys
import tempfile
import time
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

for _threads in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_threads, "1")
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import numpy as np  # noqa: E402

from benchmarks.commands import add_choice_option  # noqa: E402
from benchmarks.datasets import add_data_option  # noqa: E402
from benchmarks.neural._records import Records  # noqa: E402
from benchmarks.quality._contenders import (  # noqa: E402
    FOREST,
    STUDENTS,
    VOTE,
    Student,
)
from benchmarks.quality._figures import (  # noqa: E402
    FIGURES,
    best_share,
    judge,
    microseconds_per_row,
    mix,
    n_bytes,
    paired,
    row_losses,
)
from benchmarks.quality._quality_picture import draw_picture  # noqa: E402
from benchmarks.quality._quality_tables import write_tables  # noqa: E402
from benchmarks.quality._scene import (  # noqa: E402
    SETS,
    Scene,
    Taught,
    Tuned,
    make_student,
    teach,
    tune_alone,
    without_first_fold,
)
from benchmarks.quality._settings import (  # noqa: E402
    NAIVE,
    RECOMMENDED,
    Recipe,
    distil,
    distil_by_recipe,
    follow_recipe,
    suited,
)
from benchmarks.quality._work import add_work_options, work_through  # noqa: E402
from skdistill.targets import soften  # noqa: E402

HERE = Path(__file__).resolve().parent
N_SPLITS = 3
TEACHERS = (FOREST, VOTE)
ITSELF = "(teacher)"
KEYS = ["set", "split", "teacher", "student", "variant"]
COLUMNS = ["n_train", "n_test", "n_features", "n_classes", *FIGURES]
COLUMNS += ["difference", "interval", "share", "fit_s", "bytes", "us_per_row"]
COLUMNS += ["settings"]


def variants_of(student: Student) -> list[str]:
    recipe = ["recipe"] if student.family == "tree" else []
    return ["alone", "naive", "default", *recipe]


def expected(name: str, split: int, students: list[Student]) -> list[tuple]:
    """Keys of all rows of a split."""
    rows = [
        (name, split, teacher, ITSELF, variant)
        for teacher in TEACHERS
        for variant in ("teacher", "calibrated")
    ]
    return rows + [
        (name, split, teacher, student.name, variant)
        for student in students
        for teacher in TEACHERS
        for variant in variants_of(student)
    ]


class Lesson(NamedTuple):
    """Rows, the teacher that speaks about them, and AutoGluon's recipe of both."""

    scene: Scene
    taught: Taught
    recipe: Recipe

    @classmethod
    def of(cls, scene: Scene, taught: Taught) -> Lesson:
        return cls(scene, taught, follow_recipe(scene, taught))


def fit_variant(
    variant: str,
    student: Student,
    tuned: Tuned,
    lesson: Lesson,
    memory: str,
    fewer: float = 1.0,
):
    """Fit a variant of a student, with a share of its transfer rows only.

    Returns
    -------
    model : estimator
    settings : str
        How it was taught; how it was tuned, for the student alone.
    """
    scene, taught, recipe = lesson
    if variant == "alone":
        return fit_alone(student, tuned, scene), json.dumps(tuned.params)
    if variant == "recipe":
        made = make_student(scene, student, tuned.params)
        return distil_by_recipe(made, recipe, scene.split), "recipe"
    settings = NAIVE if variant == "naive" else RECOMMENDED[student.family]
    settings = dataclasses.replace(settings, size=settings.size / fewer)
    settings = suited(settings, scene, student.family)
    made = make_student(scene, student, {**tuned.params, **settings.params})
    return distil(scene, made, taught, settings, memory), settings.text()


def fit_alone(student: Student, tuned: Tuned, scene: Scene):
    return make_student(scene, student, tuned.params).fit(scene.X, scene.y)


@dataclass(frozen=True)
class Split:
    """One split: its rows, its teachers, and a folder for what these have said."""

    scene: Scene
    lessons: dict[str, Lesson]
    memory: str
    _held_out: dict[str, Lesson] = field(default_factory=dict)

    def held_out(self, teacher: str) -> Lesson:
        """The lesson without a fifth of the training rows, made once."""
        if teacher not in self._held_out:
            part = without_first_fold(self.scene, self.lessons[teacher].taught)
            self._held_out[teacher] = Lesson.of(*part)
        return self._held_out[teacher]

    def choose_share(self, variant: str, student: Student, tuned: Tuned, teacher: str):
        """The share of the class frequencies that a variant is mixed with."""
        if variant == "alone":
            return tuned.share
        if student.family != "tree":
            return 0.0
        lesson = self.held_out(teacher)
        model, _ = fit_variant(variant, student, tuned, lesson, self.memory, fewer=5)
        part = lesson.scene
        return best_share(part.said(model), part.y_test, part.frequencies)[0]

    def row(self, teacher: str, model, said, share: float, **more) -> dict:
        """Figures of a fitted model that says this of the test rows."""
        scene = self.scene
        figures = judge(
            *(said, share, scene.frequencies, scene.y_test),
            self.lessons[teacher].taught.calibrated,
        )
        return {
            "set": scene.name,
            "split": scene.split,
            "teacher": teacher,
            "n_train": len(scene.y),
            "n_test": len(scene.y_test),
            "n_features": scene.X.shape[1],
            "n_classes": len(scene.frequencies),
            "share": share,
            "bytes": n_bytes(getattr(model, "student_", model)),
            "us_per_row": microseconds_per_row(model, scene.X_test),
            **figures,
            **more,
        }

    def teacher_row(self, teacher: str, variant: str) -> dict:
        """The teacher as it is, or at the temperature that calibrates it."""
        taught = self.lessons[teacher].taught
        said, share, told = taught.raw, taught.share, ""
        if variant == "calibrated":
            said = soften(taught.raw, "probabilities", taught.temperature)
            share = taught.calibrated_share
            told = f"temperature={taught.temperature:.3g}"
        return self.row(
            *(teacher, taught.model, said, share),
            student=ITSELF,
            variant=variant,
            fit_s=taught.seconds,
            settings=told,
        )

    def losses(self, said, share: float) -> np.ndarray:
        """Of the test rows."""
        mixed = mix(said, share, self.scene.frequencies)
        return row_losses(mixed, self.scene.y_test)

    def student_rows(
        self, student: Student, tuned: Tuned, wanted: list[tuple[str, str]]
    ) -> Iterator[dict]:
        """Rows of some pairs of teacher and variant."""
        alone = fit_alone(student, tuned, self.scene)
        losses_alone = self.losses(self.scene.said(alone), tuned.share)
        for teacher, variant in wanted:
            lesson = self.lessons[teacher]
            start = time.perf_counter()
            model, settings = fit_variant(variant, student, tuned, lesson, self.memory)
            seconds = time.perf_counter() - start
            share = self.choose_share(variant, student, tuned, teacher)
            said = self.scene.said(model)
            change = paired(self.losses(said, share), losses_alone)
            yield self.row(
                *(teacher, model, said, share),
                student=student.name,
                variant=variant,
                difference=change[0],
                interval=change[1],
                fit_s=seconds,
                settings=settings,
            )


def run_task(name: str, split: int, students: list[Student], options) -> None:
    """Add what the file lacks of one split."""
    warnings.filterwarnings("ignore")
    records = Records(options.csv, KEYS, COLUMNS)
    done = records.frame()
    done = done[(done["set"] == name) & (done["split"] == split)]
    seen = set(done[KEYS].itertuples(index=False, name=None))
    left = [key for key in expected(name, split, students) if key not in seen]
    if not left:
        return
    scene = Scene.set_up(name, split, options.data, options.rows)
    lessons = {name: Lesson.of(scene, teach(scene, name)) for name in TEACHERS}
    with tempfile.TemporaryDirectory() as memory:
        here = Split(scene, lessons, memory)
        for _, _, teacher, student, variant in left:
            if student == ITSELF:
                records.add([here.teacher_row(teacher, variant)])
        for student in students:
            wanted = [key[2::2] for key in left if key[3] == student.name]
            if wanted:
                tuned = recall(done, student) or tune_alone(scene, student)
                for row in here.student_rows(student, tuned, wanted):
                    records.add([row])


def recall(done, student: Student) -> Tuned | None:
    """The student alone as it was tuned before an interrupt."""
    rows = done[(done["student"] == student.name) & (done["variant"] == "alone")]
    if rows.empty:
        return None
    return Tuned(json.loads(rows["settings"].iloc[0]), float(rows["share"].iloc[0]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add_data_option(parser)
    add_choice_option(parser, SETS)
    add_work_options(parser, HERE / "quality.csv")
    parser.add_argument("--splits", type=int, default=N_SPLITS, help="default 3")
    parser.add_argument("--students", nargs="+", metavar="WORD", help="in their names")
    options = parser.parse_args()
    words = options.students
    students = [s for s in STUDENTS if not words or any(w in s.name for w in words)]
    if not options.tables:
        Records(options.csv, KEYS, COLUMNS)
        splits = range(options.splits)
        tasks = [
            (name, k, students, options)
            for k in splits
            for name in options.only or SETS
        ]
        total = sum(len(expected(name, k, students)) for name, k, *_ in tasks)
        work_through(run_task, tasks, options, total)
    print(write_tables(options.csv, options.csv.with_suffix(".md")))
    draw_picture(options.csv, options.csv.with_suffix(".png"))


if __name__ == "__main__":
    main()
