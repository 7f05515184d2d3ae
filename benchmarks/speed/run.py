"""Measure what speed and memory the library promises, as ratios taken in one run.

    python benchmarks/speed/run.py [--data DIR] [--only NAME ...] [--json FILE]

Each benchmark is a module beside this file that states its claim, its peer and its
seed. One line each: claim, median ratio [smallest to largest of the rounds], goal.
"""

from __future__ import annotations

import argparse
import os
import sys
import warnings
from pathlib import Path

# One thread: the ratio should not hang on how busy the other cores are.
for _threads in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_threads, "1")
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from benchmarks.commands import (  # noqa: E402
    add_choice_option,
    add_speed_options,
    environment,
    show,
    write_figures,
)
from benchmarks.datasets import add_data_option  # noqa: E402
from benchmarks.speed import (  # noqa: E402
    imports,
    logistic,
    memory,
    predict,
    report,
    serving,
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
    "serving": serving,
    "report": report,
}

#: Of a claim in the table.
WIDTH = 68


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add_data_option(parser)
    add_choice_option(parser, BENCHMARKS)
    add_speed_options(parser, rounds=11)
    options = parser.parse_args()
    # Measured models are small on purpose, and may be stopped early.
    warnings.filterwarnings("ignore")
    show(environment())
    print(f"{'claim':{WIDTH}} {'ratio':>6} {'[min to max]':>16} {'goal':>5}  met")
    figures = []
    for name in options.only or BENCHMARKS:
        for figure in BENCHMARKS[name].measure(options.data, options.rounds):
            print_line(figure)
            figures.append(figure)
    write_figures(options.json, environment(), figures)


def print_line(figure: Figure) -> None:
    spread = f"[{min(figure.ratios):.2f} to {max(figure.ratios):.2f}]"
    print(
        f"{figure.claim:{WIDTH}} {figure.median:6.3f} {spread:>16} "
        f"{figure.goal:5.2f}  {'yes' if figure.met else 'NO'}\n    {figure.note}",
        flush=True,
    )


if __name__ == "__main__":
    main()
