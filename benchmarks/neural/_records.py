"""Rows of a CSV file to which each run adds what is missing."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

import pandas as pd


class Records:
    """Results by key, on disk as soon as they are there.

    Parameters
    ----------
    path : Path
        The file; made if it is missing.
    keys : sequence of str
        Columns that tell a row from all others.
    figures : sequence of str
        The other columns.
    """

    def __init__(self, path: Path, keys: Sequence[str], figures: Sequence[str]) -> None:
        self.path = path
        self._keys = list(keys)
        self._columns = [*keys, *figures]
        if not path.exists():
            path.write_text(",".join(self._columns) + "\n")

    def frame(self) -> pd.DataFrame:
        """All rows there are."""
        return pd.read_csv(self.path)

    def has(self, **key) -> bool:
        """Whether there is a row of this key, or of this part of a key."""
        frame = self.frame()
        for name, value in key.items():
            frame = frame[frame[name] == value]
        return len(frame) > 0

    def add(self, rows: Sequence[dict]) -> None:
        """Append rows in one go."""
        with self.path.open("a", newline="") as file:
            writer = csv.DictWriter(file, self._columns)
            writer.writerows(
                {
                    name: f"{value:.6g}" if isinstance(value, float) else value
                    for name, value in row.items()
                }
                for row in rows
            )
