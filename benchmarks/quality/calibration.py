"""Is a calibrated teacher better for trees whose probabilities stay as they are?

`settings.py` mixes all probabilities with the class frequencies. A tree that comes out
of `DistillationClassifier` is not mixed with anything, and one temperature can make a
forest's word so sure that leaves say nearly 0. Claim: in the mean over sets calibration
makes no difference to such trees, as it makes none to mixed ones; with many classes and
few rows (letter) it costs. Judged on a quarter of the training rows of split 0, as in
`settings.py`; test rows are never touched.

    python benchmarks/quality/calibration.py --data DIR [--only SET ...] [--jobs 2]

Results go to ``calibration.csv`` (rows that are there are not computed again) and, as a
table, to ``calibration.md``.
"""

from __future__ import annotations

import argparse
import dataclasses
import os
import sys
import warnings
from pathlib import Path

for _threads in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_threads, "1")
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import pandas as pd  # noqa: E402

from benchmarks.commands import add_choice_option  # noqa: E402
from benchmarks.datasets import add_data_option  # noqa: E402
from benchmarks.neural._records import Records  # noqa: E402
from benchmarks.quality._contenders import FOREST, STUDENTS  # noqa: E402
from benchmarks.quality._figures import best_share, row_losses  # noqa: E402
from benchmarks.quality._provenance import provenance  # noqa: E402
from benchmarks.quality._scene import SETS, Scene, make_student, teach  # noqa: E402
from benchmarks.quality._settings import (  # noqa: E402
    RECOMMENDED,
    distil,
    suited,
)
from benchmarks.quality._work import add_work_options, work_through  # noqa: E402

HERE = Path(__file__).resolve().parent
SIZES = (700, 2000, 5000)
TREES = [
    each for each in STUDENTS if each.name in ("tree, 32 leaves", "tree, 128 leaves")
]
CALIBRATIONS = {"none": None, "temperature": "temperature"}
KEYS = ["set", "rows", "student", "calibration"]
COLUMNS = ["n_train", "temperature", "log_loss_raw", "log_loss_mixed", "accuracy"]


def run_task(name: str, n_rows: int, options) -> None:
    """Add what the file lacks of one set and size."""
    warnings.filterwarnings("ignore")
    records = Records(options.csv, KEYS, COLUMNS)
    if records.has(set=name, rows=n_rows):
        return
    scene = Scene.set_up(name, 0, options.data, n_rows).hold_out(0.25)
    if len(scene.y) < 0.7 * n_rows:  # it has no more rows than a size before
        return
    taught = teach(scene, FOREST)
    rows = []
    for student in TREES:
        for label, calibration in CALIBRATIONS.items():
            settings = suited(RECOMMENDED["tree"], scene, "tree")
            settings = dataclasses.replace(settings, calibration=calibration)
            made = make_student(scene, student, settings.params)
            said = scene.said(distil(scene, made, taught, settings).student_)
            rows.append(
                {
                    "set": name,
                    "rows": n_rows,
                    "student": student.name,
                    "calibration": label,
                    "n_train": len(scene.y),
                    "temperature": taught.temperature,
                    "log_loss_raw": float(row_losses(said, scene.y_test).mean()),
                    "log_loss_mixed": best_share(said, scene.y_test, scene.frequencies)[
                        1
                    ],
                    "accuracy": float((said.argmax(axis=1) == scene.y_test).mean()),
                }
            )
    records.add(rows)


def write_table(path: Path) -> str:
    """Write the table of the rows at `path`, in Markdown; give the text."""
    found = pd.read_csv(path)
    pairs = found.pivot_table(
        index=["student", "rows", "set"],
        columns="calibration",
        values=["log_loss_raw", "log_loss_mixed"],
    )
    lines = [
        "# A calibrated teacher for trees",
        "",
        provenance("calibration.py", path) + " Teacher: forest of 500.",
        "",
        "Means over sets of the log-loss on rows held out of the training rows, "
        "without calibration and with one temperature: of the trees as they are, and "
        "mixed with the share of class frequencies that is best on these rows.",
        "",
        "| student | rows | sets | as it is: none | temperature | better with none | "
        "mixed: none | temperature | better with none |",
        "|" + " --- |" * 9,
    ]
    for (student, n_rows), mine in pairs.groupby(level=["student", "rows"], sort=False):
        cells = [str(student), str(n_rows), str(len(mine))]
        for kind in ("log_loss_raw", "log_loss_mixed"):
            none, temperature = mine[kind]["none"], mine[kind]["temperature"]
            cells += [f"{none.mean():.3f}", f"{temperature.mean():.3f}"]
            cells.append(f"{int((none < temperature).sum())} of {len(mine)}")
        lines.append(f"| {' | '.join(cells)} |")
    text = "\n".join(lines) + "\n"
    path.with_suffix(".md").write_text(text)
    return text


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add_data_option(parser)
    add_choice_option(parser, SETS)
    add_work_options(parser, HERE / "calibration.csv")
    options = parser.parse_args()
    if not options.tables:
        Records(options.csv, KEYS, COLUMNS)
        sizes = [size for size in SIZES if size <= options.rows]
        names = options.only or SETS
        tasks = [(name, size, options) for size in sizes for name in names]
        work_through(run_task, tasks, options, 4 * len(tasks))
    print(write_table(options.csv))


if __name__ == "__main__":
    main()
