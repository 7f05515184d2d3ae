"""The public data sets of the benchmarks, from a folder or from OpenML.

A folder given with ``--data`` holds one ``NAME.parquet`` a set: a frame of features
with the label in the column ``target``; or, for images, ``NAME.npz`` with the arrays
``X_train``, ``y_train``, ``X_test`` and ``y_test`` (and maybe ``NAME_rest.npz`` with
more training rows). Without it (or where it lacks a set) `sklearn.datasets` downloads
the set.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.datasets import fetch_covtype, fetch_openml

#: Name here -> number of the set at OpenML. Its bank_marketing is UCI's older file, of
#: 16 columns; its isolet has all 7,797 rows.
OPENML = {
    "adult": 1590,
    "bank_marketing": 1461,
    "credit_g": 31,
    "electricity": 151,
    "fashion_mnist": 40996,
    "isolet": 300,
    "letter": 6,
    "magic": 1120,
    "mnist": 554,
    "phoneme": 1489,
    "satimage": 182,
    "spambase": 44,
}

#: Sets of images: pixels go to [0, 1].
IMAGES = ("mnist", "fashion_mnist")

#: UCI's covertype begins with the balanced sample that its authors trained on.
N_COVTYPE = 15_120


def add_data_option(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--data",
        type=Path,
        metavar="DIR",
        help="folder of parquet or npz files; a set it lacks is fetched from OpenML",
    )


def load(name: str, folder: Path | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Features as float64 and labels as codes 0 .. K-1.

    Categories are one-hot, a missing one is a row of zeros; a missing number is the
    median of its column.
    """
    features, target = _read_features(name, folder)
    if isinstance(features, pd.DataFrame):
        features = _to_array(pd.get_dummies(features, dtype=np.float64))
    return np.ascontiguousarray(features), _codes(target)


def load_table(
    name: str, folder: Path | None = None
) -> tuple[np.ndarray | pd.DataFrame, np.ndarray]:
    """As `load`, but a set with categories is a frame that still has them."""
    features, target = _read_features(name, folder)
    if isinstance(features, pd.DataFrame):
        if _numeric(features).shape[1] == features.shape[1]:
            features = _to_array(features)
        else:
            features = features.fillna(_numeric(features).median())
    return features, _codes(target)


def _numeric(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.select_dtypes("number")


def _to_array(frame: pd.DataFrame) -> np.ndarray:
    values = frame.fillna(frame.median()).to_numpy(np.float64)
    return np.ascontiguousarray(values)


def _codes(target) -> np.ndarray:
    return np.unique(np.asarray(target, dtype=str), return_inverse=True)[1]


def _read_features(name: str, folder: Path | None):
    if name in IMAGES and folder is not None and (folder / f"{name}.npz").exists():
        return _read_images(name, folder)
    frame, target = _read(name, folder)
    return (_to_array(frame) / 255 if name in IMAGES else frame), target


def _read_images(name: str, folder: Path) -> tuple[np.ndarray, np.ndarray]:
    """Read training rows, then test rows, in their official order."""
    file = np.load(folder / f"{name}.npz")
    parts = [(file["X_train"], file["y_train"]), (file["X_test"], file["y_test"])]
    rest = folder / f"{name}_rest.npz"
    if rest.exists():
        more = np.load(rest)
        parts.insert(1, (more["X_train"], more["y_train"]))
    images, labels = (np.concatenate(part) for part in zip(*parts, strict=True))
    return images.reshape(len(images), -1) / 255, labels


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
