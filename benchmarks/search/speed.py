"""Measure how fast a search is, and what a memory saves, as ratios taken in one run.

    python benchmarks/search/speed.py [--data DIR] [--only NAME ...] [--full]

Each benchmark is a module beside this file that states its claim, its peer and its
seed. One line each: work, seconds here, seconds of the peer, how many times as long the
peer takes, the same in processor time (where other work keeps the cores busy it says
more; none if there are several processes), and the goal.
"""

from __future__ import annotations

import argparse
import datetime
import os
import sys
import warnings
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import skorch
import threadpoolctl
import torch

from benchmarks.commands import (
    add_choice_option,
    environment,
    show,
    write_figures,
)
from benchmarks.datasets import add_data_option
from benchmarks.search import forest, hit, networks
from benchmarks.search._ratio import N_FITS, Ratio

BENCHMARKS = {"networks": networks, "forest": forest, "hit": hit}

#: Of a work in the table.
WORK = 44


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add_data_option(parser)
    add_choice_option(parser, BENCHMARKS)
    parser.add_argument(
        "--full",
        action="store_true",
        help=f"run all {N_FITS} fits of the slow peers (half an hour)",
    )
    parser.add_argument(
        "--fits", type=int, default=15, help="of the slow peers, if not; default 15"
    )
    parser.add_argument(
        "--jobs", type=int, default=1, help="of searches of trees; default 1"
    )
    parser.add_argument(
        "--threads",
        type=int,
        default=torch.get_num_threads(),
        help="of torch (default: what torch takes)",
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write figures there")
    options = parser.parse_args()
    # Searches say where a teacher does not help, and that trees know the rows.
    warnings.filterwarnings("ignore")
    os.environ.setdefault("PYTHONWARNINGS", "ignore")
    torch.set_num_threads(options.threads)
    show(facts())
    print(
        f"{'work':{WORK}} {'ours':>8} {'peer':>9} {'ratio':>7} {'cpu':>6} {'goal':>5}"
        "  met"
    )
    found = []
    with threadpoolctl.threadpool_limits(options.threads):
        for name in options.only or BENCHMARKS:
            for ratio in BENCHMARKS[name].measure(options):
                print_line(ratio)
                found.append(ratio)
    write_figures(options.json, facts(), found)


def facts() -> dict:
    return {
        "date": datetime.date.today().isoformat(),
        "torch": torch.__version__,
        "skorch": skorch.__version__,
        "threads": torch.get_num_threads(),
        **environment(),
    }


def print_line(ratio: Ratio) -> None:
    print(
        f"{ratio.work:{WORK}} {ratio.ours[0]:7.2f}s {ratio.theirs[0]:8.1f}s "
        f"{ratio.ratio:7.1f} {ratio.of_processor:6.1f} {ratio.goal:5.1f}  "
        f"{'yes' if ratio.met else 'NO'}"
    )
    note = f"; {ratio.note}" if ratio.note else ""
    print(f"    peer: {ratio.peer}{note}", flush=True)


if __name__ == "__main__":
    main()
