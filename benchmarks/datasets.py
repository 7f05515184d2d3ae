"""The public data sets of the benchmarks, from a folder or from OpenML.

A folder given with ``--data`` holds one ``NAME.parquet`` a set: a frame of features
with the label in the column ``target``. Without it (or where it lacks a set)
`sklearn.datasets` downloads the set.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.datasets import fetch_covtype, fetch_openml

#: Name here -> number of the set at OpenML.
OPENML = {
    "adult": 1590,
    "credit_g": 31,
    "electricity": 151,
    "letter": 6,
    "magic": 1120,
    "phoneme": 1489,
    "satimage": 182,
    "spambase": 44,
}

#: UCI's covertype begins with the balanced sample that its authors trained on.
N_COVTYPE = 15_120


def add_data_option(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--data",
        type=Path,
        metavar="DIR",
        help="folder of parquet files; a set it lacks is fetched from OpenML",
    )


def load(name: str, folder: Path | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Features as float64 (categories one-hot) and labels as codes 0 .. K-1."""
    frame, target = _read(name, folder)
    features = pd.get_dummies(frame, dtype=np.float64).to_numpy(np.float64)
    _, labels = np.unique(np.asarray(target, dtype=str), return_inverse=True)
    return np.ascontiguousarray(features), labels


def _read(name: str, folder: Path | None) -> tuple[pd.DataFrame, pd.Series]:
    path = None if folder is None else folder / f"{name}.parquet"
    if path is not None and path.exists():
        frame = pd.read_parquet(path)
        return frame.drop(columns="target"), frame["target"]
    if name == "covtype":
        frame, target = fetch_covtype(as_frame=True, return_X_y=True)
        return frame[:N_COVTYPE], target[:N_COVTYPE]
    if name not in OPENML:
        raise ValueError(f"No set {name!r}; there are {sorted([*OPENML, 'covtype'])}.")
    try:
        frame, target = fetch_openml(
            data_id=OPENML[name], as_frame=True, return_X_y=True
        )
    except OSError as error:
        raise SystemExit(
            f"{name} could not be fetched from OpenML ({error}). Without a network, "
            f"pass --data DIR with {name}.parquet in it."
        ) from error
    return frame.drop(columns="ID", errors="ignore"), target
