"""Trees without a teacher and without smoothing, tuned for what they say themselves.

`quality.py` compares with trees whose probabilities are mixed with the class
frequencies: no tree comes so out of scikit-learn, and it is the harder one to beat.
Here the same candidates are tuned by the same folds, each for the log-loss of its own
probabilities (clipped at 2e-16). What the taught trees recover over these, unsmoothed
as well, is the last part of the goals in ``quality.md``.

    python benchmarks/quality/plain.py --data DIR [--only SET ...] [--jobs 2]

Results go to ``plain.csv``; rows that are there are not computed again.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import warnings
from pathlib import Path

for _threads in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_threads, "1")
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import numpy as np  # noqa: E402
from sklearn.model_selection import ParameterGrid  # noqa: E402

from benchmarks.commands import add_choice_option  # noqa: E402
from benchmarks.datasets import add_data_option  # noqa: E402
from benchmarks.neural._records import Records  # noqa: E402
from benchmarks.quality._contenders import STUDENTS, Student  # noqa: E402
from benchmarks.quality._figures import row_losses  # noqa: E402
from benchmarks.quality._scene import (  # noqa: E402
    SETS,
    TUNING_FOLDS,
    Scene,
    make_student,
)
from benchmarks.quality._work import add_work_options, work_through  # noqa: E402

HERE = Path(__file__).resolve().parent
N_SPLITS = 3
KEYS = ["set", "split", "student"]
COLUMNS = ["accuracy", "log_loss_raw", "settings"]


def tune(scene: Scene, student: Student) -> dict:
    """The parameters with the least log-loss by folds, nothing mixed in."""
    trials = []
    for params in ParameterGrid(student.grid(scene.kind)):
        losses = []
        for train, test in scene.folds(TUNING_FOLDS):
            part = scene.part(train, test)
            model = make_student(scene, student, params).fit(part.X, part.y)
            losses.append(row_losses(part.said(model), part.y_test))
        trials.append((np.concatenate(losses).mean(), params))
    return min(trials, key=lambda trial: trial[0])[1]


def run_task(name: str, split: int, options) -> None:
    """Add what the file lacks of one split."""
    warnings.filterwarnings("ignore")
    records = Records(options.csv, KEYS, COLUMNS)
    done = records.frame()
    seen = set(done[KEYS].itertuples(index=False, name=None))
    trees = [student for student in STUDENTS if student.family == "tree"]
    left = [tree for tree in trees if (name, split, tree.name) not in seen]
    if not left:
        return
    scene = Scene.set_up(name, split, options.data, options.rows)
    for student in left:
        params = tune(scene, student)
        model = make_student(scene, student, params).fit(scene.X, scene.y)
        said = scene.said(model)
        row = {
            "set": name,
            "split": split,
            "student": student.name,
            "accuracy": float(np.mean(said.argmax(axis=1) == scene.y_test)),
            "log_loss_raw": float(row_losses(said, scene.y_test).mean()),
            "settings": json.dumps(params),
        }
        records.add([row])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add_data_option(parser)
    add_choice_option(parser, SETS)
    add_work_options(parser, HERE / "plain.csv")
    parser.add_argument("--splits", type=int, default=N_SPLITS, help="default 3")
    options = parser.parse_args()
    if not options.tables:
        Records(options.csv, KEYS, COLUMNS)
        splits = range(options.splits)
        names = options.only or SETS
        tasks = [(name, split, options) for split in splits for name in names]
        work_through(run_task, tasks, options, 3 * len(tasks))
    print(Records(options.csv, KEYS, COLUMNS).frame().to_string())


if __name__ == "__main__":
    main()
