"""Measure what speed and memory the library promises, as ratios taken in one run.

    python benchmarks/speed/run.py [--data DIR] [--only NAME ...] [--json FILE]

Each benchmark is a module beside this file that states its claim, its peer and its
seed. One line each: claim, median ratio [smallest to largest of the rounds], goal.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import warnings
from pathlib import Path

# One thread: the ratio should not hang on how busy the other cores are.
for _threads in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_threads, "1")
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import numpy  # noqa: E402
import sklearn  # noqa: E402

import skdistill  # noqa: E402
from benchmarks.datasets import add_data_option  # noqa: E402
from benchmarks.speed import (  # noqa: E402
    imports,
    logistic,
    memory,
    predict,
    teacher_pass,
    tree,
)
from benchmarks.speed._measure import Figure  # noqa: E402

BENCHMARKS = {
    "tree": tree,
    "logistic": logistic,
    "predict": predict,
    "teacher": teacher_pass,
    "memory": memory,
    "import": imports,
}

#: Of a claim in the table.
WIDTH = 68


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add_data_option(parser)
    parser.add_argument(
        "--only",
        nargs="+",
        choices=BENCHMARKS,
        metavar="NAME",
        help=", ".join(BENCHMARKS),
    )
    parser.add_argument("--rounds", type=int, default=11, help="default 11")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write figures there")
    options = parser.parse_args()
    # Measured models are small on purpose, and may be stopped early.
    warnings.filterwarnings("ignore")
    print(", ".join(f"{name} {value}" for name, value in environment().items()))
    print(f"{'claim':{WIDTH}} {'ratio':>6} {'[min to max]':>16} {'goal':>5}  met")
    figures = []
    for name in options.only or BENCHMARKS:
        for figure in BENCHMARKS[name].measure(options.data, options.rounds):
            print_line(figure)
            figures.append(figure)
    if options.json is not None:
        facts = {**environment(), "figures": [f.as_dict() for f in figures]}
        options.json.write_text(json.dumps(facts, indent=1) + "\n")


def environment() -> dict:
    return {
        "skdistill": skdistill.__version__,
        "scikit-learn": sklearn.__version__,
        "numpy": numpy.__version__,
        "python": platform.python_version(),
        "cpus": os.cpu_count(),
        "load": round(os.getloadavg()[0], 1),
    }


def print_line(figure: Figure) -> None:
    spread = f"[{min(figure.ratios):.2f} to {max(figure.ratios):.2f}]"
    print(
        f"{figure.claim:{WIDTH}} {figure.median:6.3f} {spread:>16} "
        f"{figure.goal:5.2f}  {'yes' if figure.met else 'NO'}\n    {figure.note}",
        flush=True,
    )


if __name__ == "__main__":
    main()
