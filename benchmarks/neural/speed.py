"""Measure how fast networks train and answer, as ratios taken in one run.

    python benchmarks/neural/speed.py [--only NAME ...] [--threads N] [--json FILE]

Each benchmark is a module beside this file that states its claim, its peer and its
seed. One line each: work, seconds here, seconds of the peer (medians of the rounds, in
turn), how many times as long the peer takes [smallest to largest], the same ratio in
processor time (where other work keeps the cores busy it says more), and the goal.
"""

from __future__ import annotations

import argparse
import datetime
import sys
import warnings
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import numpy as np
import skorch
import threadpoolctl
import torch

from benchmarks.commands import (
    add_choice_option,
    add_speed_options,
    environment,
    show,
    write_figures,
)
from benchmarks.neural import (
    grid,
    labelling,
    prediction,
    student,
    teachers,
)
from benchmarks.neural._comparison import Comparison

BENCHMARKS = {
    "student": student,
    "teachers": teachers,
    "grid": grid,
    "prediction": prediction,
    "labelling": labelling,
}

#: Of a work in the table.
WORK = 43


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add_choice_option(parser, BENCHMARKS)
    add_speed_options(parser, rounds=7)
    parser.add_argument(
        "--threads",
        type=int,
        default=torch.get_num_threads(),
        help="of torch and BLAS (default: what torch takes)",
    )
    options = parser.parse_args()
    # skorch and MLPClassifier warn of what is on purpose here.
    warnings.filterwarnings("ignore")
    torch.set_num_threads(options.threads)
    show(facts())
    print(
        f"{'work':{WORK}} {'ours':>8} {'peer':>8} {'ratio':>6} {'[min to max]':>16} "
        f"{'cpu':>6} {'goal':>5}  met"
    )
    found = []
    with threadpoolctl.threadpool_limits(options.threads):
        for name in options.only or BENCHMARKS:
            for comparison in BENCHMARKS[name].measure(options.rounds):
                print_line(comparison)
                found.append(comparison)
    write_figures(options.json, facts(), found)


def facts() -> dict:
    return {
        "date": datetime.date.today().isoformat(),
        "torch": torch.__version__,
        "skorch": skorch.__version__,
        "threads": torch.get_num_threads(),
        **environment(),
    }


def print_line(comparison: Comparison) -> None:
    ours, peer = np.median(comparison.seconds[:, :, 0], axis=0)
    ratios = comparison.ratios
    spread = f"[{ratios.min():.2f} to {ratios.max():.2f}]"
    print(
        f"{comparison.work:{WORK}} {ours:7.3f}s {peer:7.3f}s {comparison.median:6.2f} "
        f"{spread:>16} {comparison.of_processor:6.2f} {comparison.goal:5.2f}  "
        f"{'yes' if comparison.met else 'NO'}"
    )
    note = f"; {comparison.note}" if comparison.note else ""
    print(f"    peer: {comparison.peer}{note}", flush=True)


if __name__ == "__main__":
    main()
