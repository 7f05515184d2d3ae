"""What the commands of all benchmarks share: options, and what a figure was made by."""

from __future__ import annotations

import argparse
import json
import os
import platform
from collections.abc import Iterable
from pathlib import Path

import numpy
import sklearn

import skdistill


def add_choice_option(
    parser: argparse.ArgumentParser, benchmarks: Iterable[str]
) -> None:
    """Add ``--only``, to run some of the benchmarks."""
    parser.add_argument(
        "--only",
        nargs="+",
        choices=list(benchmarks),
        metavar="NAME",
        help=", ".join(benchmarks),
    )


def add_speed_options(parser: argparse.ArgumentParser, *, rounds: int) -> None:
    """Add ``--rounds`` and ``--json``."""
    parser.add_argument("--rounds", type=int, default=rounds, help=f"default {rounds}")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write figures there")


def environment() -> dict:
    """Tell versions, and how busy the machine is."""
    return {
        "skdistill": skdistill.__version__,
        "scikit-learn": sklearn.__version__,
        "numpy": numpy.__version__,
        "python": platform.python_version(),
        "cpus": os.cpu_count(),
        "load": round(os.getloadavg()[0], 1),
    }


def show(facts: dict) -> None:
    """Print facts in one line."""
    print(", ".join(f"{name} {value}" for name, value in facts.items()))


def write_figures(path: Path | None, facts: dict, figures: Iterable) -> None:
    """Write figures and what they were made by, if anybody wants that."""
    if path is not None:
        made = {**facts, "figures": [figure.as_dict() for figure in figures]}
        path.write_text(json.dumps(made, indent=1) + "\n")
