"""Measure what small networks gain from teachers: two published systems, many seeds.

    python benchmarks/neural/quality.py [--data DIR] [--only NAME ...] [--tables]

Each benchmark is a module beside this file that states its claim, its peer and its
seeds. Results go to its CSV file (what is there is not computed again) and, as tables,
to ``quality.md``. DIR holds ``mnist.npz``; without it MNIST is fetched from OpenML.
"""

from __future__ import annotations

import argparse
import datetime
import platform
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import numpy as np
import torch

import skdistill
from benchmarks.commands import add_choice_option
from benchmarks.neural import digit_quality, ensemble_quality, missing_digit
from benchmarks.neural._records import Records

HERE = Path(__file__).resolve().parent
BENCHMARKS = {
    "ensemble": (ensemble_quality, lambda data: ensemble_quality.run()),
    "digits": (digit_quality, digit_quality.run),
    "missing": (missing_digit, missing_digit.run),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, metavar="DIR", help="holds mnist.npz")
    add_choice_option(parser, BENCHMARKS)
    parser.add_argument("--threads", type=int, default=1, help="of torch")
    parser.add_argument("--tables", action="store_true", help="only write the tables")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    if not options.tables:
        for name in options.only or BENCHMARKS:
            BENCHMARKS[name][1](options.data)
    write_tables(HERE / "quality.md")


def write_tables(path: Path) -> None:
    text = ["# What a small network gains from its teacher", "", provenance()]
    for module, _ in BENCHMARKS.values():
        file = Path(module.__file__).with_suffix(".csv")
        if file.exists():
            text += ["", *module.lines(Records(file, module.KEYS, module.FIGURES))]
    path.write_text("\n".join(text) + "\n")
    print(path.read_text())


def provenance() -> str:
    return (
        "Made by `python benchmarks/neural/quality.py --data DIR` from the CSV files "
        f"beside this one on {datetime.date.today().isoformat()}: skdistill "
        f"{skdistill.__version__}, torch {torch.__version__}, numpy {np.__version__}, "
        f"Python {platform.python_version()}."
    )


if __name__ == "__main__":
    main()
