"""The regimes that `patience.py` tries: around a start, one axis after the other."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

#: How a network is trained on transfer rows, where a regime says nothing else.
PATIENT = MappingProxyType(
    {"batch_size": 256, "learning_rate": 1e-2, "learning_rate_schedule": "cosine"}
)
DEFAULTS = MappingProxyType(
    {"batch_size": 64, "learning_rate": 1e-3, "learning_rate_schedule": "constant"}
)

#: Rows that a network learns from before it ends, counted as often as it sees them.
ROWS_SEEN = 1_500_000


@dataclass(frozen=True)
class Regime:
    """What a student is taught from, and how it is trained.

    Parameters
    ----------
    size, weight, redraw
        `transfer_size`, `transfer_weight` and `transfer_redraw` of the distiller. Size
        0: no transfer rows.
    alpha, temperature : float
    calibration : str or None
        `teacher_calibration`.
    rows_seen : float or None
        Decides `max_epochs`. None: as the student alone was tuned, in all.
    network : Mapping
        Parameters of `NeuralClassifier` in the place of those of `PATIENT`.
    """

    size: float = 20.0
    weight: float = 20.0
    redraw: bool = False
    alpha: float = 0.5
    temperature: float = 1.0
    calibration: str | None = "temperature"
    rows_seen: float | None = ROWS_SEEN
    network: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))

    def text(self) -> str:
        """In one line; names the regime in the file of results."""
        told = {k: v for k, v in vars(self).items() if k != "network"}
        told |= {f"network__{key}": value for key, value in self.network.items()}
        return " ".join(f"{key}={value}" for key, value in told.items())

    def params(self, n_rows: int, tuned: Mapping[str, Any]) -> dict[str, Any]:
        """Parameters of the network.

        Parameters
        ----------
        n_rows : int
            With labels.
        tuned : Mapping
            What the student alone was tuned to.
        """
        if self.rows_seen is None:
            return dict(tuned)
        epochs = round(self.rows_seen / (n_rows * (1 + self.size)))
        return {**PATIENT, "max_epochs": max(1, epochs), **self.network}


START = Regime()


def axes() -> Iterator[tuple[str, str, Regime]]:
    """Axis, value as the tables write it, and regime."""
    yield "start", "", START
    values: dict[str, dict[str, dict[str, Any]]] = {
        "transfer rows": {
            "none": {"size": 0.0},
            "none, trained as the student alone": {"size": 0.0, "rows_seen": None},
            "5 times": {"size": 5.0},
            "60 times": {"size": 60.0},
            "5 times, drawn again in each epoch": {"size": 5.0, "redraw": True},
        },
        "steps": {
            "a third": {"rows_seen": ROWS_SEEN / 3},
            "three times": {"rows_seen": ROWS_SEEN * 3},
        },
        "learning rate": {
            text: _network(learning_rate=float(text)) for text in ("0.003", "0.02")
        },
        "schedule": {"constant": _network(learning_rate_schedule="constant")},
        "batch size, as many rows seen": {
            f"{n}": _network(batch_size=n) for n in (64, 1024)
        },
        "rate, schedule and batch size": {
            "defaults of NeuralClassifier, as many rows seen": _network(**DEFAULTS)
        },
        "loss": {"logit_mse": _network(loss="logit_mse")},
        "weight of transfer rows": {f"{w:g}": {"weight": w} for w in (1.0, 4.0)},
        "alpha": {f"{a}": {"alpha": a} for a in (0.1, 0.9)},
        "temperature": {"2": {"temperature": 2.0}},
        "calibration": {"none": {"calibration": None}},
        "dropout": {"0.1": _network(dropout=0.1)},
    }
    for axis, tried in values.items():
        for value, changes in tried.items():
            yield axis, value, dataclasses.replace(START, **changes)


def _network(**params) -> dict[str, Any]:
    return {"network": MappingProxyType(params)}
