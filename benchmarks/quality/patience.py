"""How are small networks best trained on rows that a teacher labels?

Claim: on transfer rows a network wants a large learning rate that falls to 0, batches
of 256 rows and about 6,000 steps, and then gains most of what a forest knows more than
the same network alone. Each axis is tried around that start (`_patience_regimes.py`)
while all else stays: transfer rows, steps, learning rate, schedule, batch size, loss,
weight of the transfer rows, alpha, temperature, calibration, dropout.

The student is a perceptron of 64 and 32 units, the teacher a forest of 300 trees that
labels its training rows out of bag. Only the training rows of the quality benchmark's
split 0 are used: a part of them teaches (at most 5,000), the others judge, in two ways
to part them, with two networks each. The test rows are never touched. The student alone
is tuned by folds on the rows that teach.

    python benchmarks/quality/patience.py --data DIR [--only SET ...] [--jobs 2]

Results go to ``patience.csv`` (what is there is not computed again) and, as tables, to
``patience.md``.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

for _threads in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_threads, "1")
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import numpy as np  # noqa: E402
from sklearn.metrics import log_loss  # noqa: E402

from benchmarks.commands import add_choice_option  # noqa: E402
from benchmarks.datasets import add_data_option  # noqa: E402
from benchmarks.neural._records import Records  # noqa: E402
from benchmarks.quality._patience_regimes import Regime, axes  # noqa: E402
from benchmarks.quality._patience_student import (  # noqa: E402
    N_SEEDS,
    answers,
    calibrated_answers,
    distil,
    network,
    set_up,
    tune_alone,
)
from benchmarks.quality._patience_tables import (  # noqa: E402
    ALONE,
    TEACHER,
    write_tables,
)
from benchmarks.quality._scene import Scene  # noqa: E402
from benchmarks.quality._work import work_through  # noqa: E402

HERE = Path(__file__).resolve().parent
SETS = ["magic", "satimage", "phoneme", "letter", "spambase", "covtype"]
N_SPLITS = 2
KEYS = ["set", "split", "regime", "seed"]
FIGURES = ["n_train", "n_judge", "log_loss", "accuracy", "labels_s", "fit_s", "params"]


class Cell:
    """One way to part the rows of a set, and what has been computed of it.

    Parameters
    ----------
    scene : Scene
        Rows that teach, and those that judge in the place of test rows.
    memory : str
        A folder for what the teacher says.
    """

    def __init__(self, scene: Scene, memory: str) -> None:
        self.scene = scene
        self.memory = memory
        self._labels_s: dict[float, float] = {}

    def rows(self, regime: str, said: np.ndarray, **figures) -> list[dict]:
        """A row of results for each network (or for the teacher)."""
        scene = self.scene
        return [
            {
                "set": scene.name,
                "split": scene.split,
                "regime": regime,
                "seed": seed,
                "n_train": len(scene.y),
                "n_judge": len(scene.y_test),
                "log_loss": log_loss(scene.y_test, proba),
                "accuracy": float(np.mean(proba.argmax(axis=1) == scene.y_test)),
                **figures,
            }
            for seed, proba in enumerate(said)
        ]

    def teacher(self) -> list[dict]:
        model, seconds = _timed(self._first_look, 0.0)
        said = calibrated_answers(self.scene, model)[None]
        heat = f"temperature={model.teacher_calibration_.temperature:.3f}"
        return self.rows(TEACHER, said, labels_s=seconds, params=heat)

    def alone(self, tuned: Mapping[str, Any]) -> list[dict]:
        untaught = network(self.scene, tuned)
        model, seconds = _timed(untaught.fit, self.scene.X, self.scene.y)
        said = answers(self.scene, model)
        return self.rows(ALONE, said, fit_s=seconds, params=_told(tuned))

    def distilled(self, regime: Regime, tuned: Mapping[str, Any]) -> list[dict]:
        if regime.size not in self._labels_s:
            _, seconds = _timed(self._first_look, regime.size)
            self._labels_s[regime.size] = seconds
        params = regime.params(len(self.scene.y), tuned)
        model, seconds = _timed(distil, self.scene, regime, params, self.memory)
        said = answers(self.scene, model.student_)
        seconds_of_both = {"labels_s": self._labels_s[regime.size], "fit_s": seconds}
        return self.rows(regime.text(), said, **seconds_of_both, params=_told(params))

    def _first_look(self, size: float):
        """Have the teacher fitted and asked; what it says is then in the memory."""
        regime = Regime(size=size)
        params = {**regime.params(len(self.scene.y), {}), "max_epochs": 1}
        return distil(self.scene, regime, params, self.memory)


def _told(params: Mapping[str, Any]) -> str:
    return " ".join(f"{key}={value}" for key, value in params.items())


def _timed(work: Callable, *args) -> tuple[Any, float]:
    """The result and the seconds of the processor, whoever else is at work."""
    start = time.process_time()
    result = work(*args)
    return result, time.process_time() - start


def compute(cell: Cell, seen: set[str]) -> Iterator[list[dict]]:
    """Rows of results for whatever has not been seen."""
    regimes = [regime for _, _, regime in axes() if regime.text() not in seen]
    if TEACHER not in seen:
        yield cell.teacher()
    if ALONE in seen and not any(regime.rows_seen is None for regime in regimes):
        tuned = {}
    else:
        tuned = tune_alone(cell.scene)
    if ALONE not in seen:
        yield cell.alone(tuned)
    for regime in regimes:
        yield cell.distilled(regime, tuned)


def run_task(name: str, split: int, options) -> None:
    """Compute what the file lacks of one set, parted in one way."""
    records = Records(options.csv, KEYS, FIGURES)
    done = records.frame()
    mine = done[(done["set"] == name) & (done["split"] == split)]
    seen = {*mine["regime"]}
    if {TEACHER, ALONE, *(regime.text() for _, _, regime in axes())} <= seen:
        return
    scene = set_up(name, split, options.data)
    with tempfile.TemporaryDirectory() as memory:
        for rows in compute(Cell(scene, memory), seen):
            records.add(rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add_data_option(parser)
    add_choice_option(parser, SETS)
    parser.add_argument("--jobs", type=int, default=2, help="processes (default 2)")
    parser.add_argument("--csv", type=Path, default=HERE / "patience.csv")
    parser.add_argument("--tables", action="store_true", help="only write the tables")
    options = parser.parse_args()
    if not options.tables:
        Records(options.csv, KEYS, FIGURES)
        tasks = [
            (name, split, options)
            for split in range(N_SPLITS)
            for name in options.only or SETS
        ]
        each = 1 + N_SEEDS * (1 + len(list(axes())))
        work_through(run_task, tasks, options, total=len(tasks) * each)
    print(write_tables(options.csv, options.csv.with_suffix(".md")))


if __name__ == "__main__":
    main()
