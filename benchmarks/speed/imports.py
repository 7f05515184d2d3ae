"""`import skdistill` costs at most 1.3 × `import sklearn.ensemble`.

Fresh interpreters in turn, each of which times its own import statement (the start of
the interpreter would help us). What only some users need (torch and the like) must not
be loaded by it, unless scikit-learn itself does.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np

from benchmarks.speed._measure import Figure, say

GOAL = 1.3
MIN_ROUNDS = 11
HEAVY = ("torch", "skorch", "pandas", "matplotlib", "tqdm")
TIMED = """
import sys, time
start = time.perf_counter()
import {module}
print(time.perf_counter() - start, *sorted(sys.modules))
"""


def measure(data: Path | None, rounds: int) -> list[Figure]:
    say("imports")
    _, ours = _import("skdistill")  # also warms the disk cache
    _, theirs = _import("sklearn.ensemble")
    # Some builds of scikit-learn load pandas themselves, where it is installed.
    heavy = sorted({*HEAVY} & {*ours} - {*theirs})
    seconds = np.array(
        [
            [_import("skdistill")[0], _import("sklearn.ensemble")[0]]
            for _ in range(max(rounds, MIN_ROUNDS))
        ]
    )
    one, other = np.median(seconds, axis=0)
    return [
        Figure(
            "import skdistill / import sklearn.ensemble",
            seconds[:, 0] / seconds[:, 1],
            GOAL,
            f"{one:.2f} s / {other:.2f} s; {len({*ours} - {*theirs})} more modules",
        ),
        Figure(
            "heavy modules that only import skdistill loads",
            [len(heavy)],
            0.0,
            f"loaded: {', '.join(heavy) or 'none'} of {', '.join(HEAVY)}",
        ),
    ]


def _import(module: str) -> tuple[float, list[str]]:
    """Seconds that the import took in a fresh interpreter, and all loaded modules."""
    code = TIMED.format(module=module)
    seconds, *loaded = subprocess.check_output(
        [sys.executable, "-c", code], text=True
    ).split()
    return float(seconds), loaded
