"""By what tables were made."""

from __future__ import annotations

import datetime
import platform
from pathlib import Path

import numpy as np
import sklearn
import torch

import skdistill


def provenance(command: str, path: Path) -> str:
    return (
        f"Made by `python benchmarks/quality/{command} --data DIR` from `{path.name}` "
        f"on {datetime.date.today().isoformat()}: skdistill {skdistill.__version__}, "
        f"scikit-learn {sklearn.__version__}, torch {torch.__version__}, numpy "
        f"{np.__version__}, Python {platform.python_version()}."
    )
