"""Work through tasks in processes, with a bar that counts the rows they write."""

from __future__ import annotations

import argparse
import os
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

from joblib import Parallel, delayed
from tqdm import tqdm

#: Seconds between looks at the file.
PAUSE = 5.0


def add_work_options(parser: argparse.ArgumentParser, path: Path) -> None:
    """Add ``--rows``, ``--jobs``, ``--csv`` and ``--tables``."""
    parser.add_argument("--rows", type=int, default=5_000, help="of training, most")
    parser.add_argument("--jobs", type=int, default=2, help="processes (default 2)")
    parser.add_argument("--csv", type=Path, default=path)
    parser.add_argument("--tables", action="store_true", help="only write the tables")


def work_through(
    work: Callable, tasks: Sequence[tuple], options, total: int | None = None
) -> None:
    """Call ``work(*task)`` for each task; each adds rows to the same file.

    Parameters
    ----------
    work : callable
    tasks : sequence of tuple
    options : Namespace
        With `jobs` and the file `csv`.
    total : int, default=None
        Rows that the file has in the end, if that is known.
    """
    # Students may stop early, and searches say where a teacher does not help.
    os.environ.setdefault("PYTHONWARNINGS", "ignore")
    ended = threading.Event()

    def watch() -> None:
        with tqdm(total=total, initial=count_rows(options.csv), unit="row") as bar:
            while not ended.wait(PAUSE):
                bar.update(count_rows(options.csv) - bar.n)
            bar.update(count_rows(options.csv) - bar.n)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        Parallel(n_jobs=options.jobs, batch_size=1)(
            delayed(work)(*task) for task in tasks
        )
    finally:
        ended.set()
        watcher.join()


def count_rows(path: Path) -> int:
    with path.open() as file:
        return sum(1 for _ in file) - 1
