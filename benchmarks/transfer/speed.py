"""How fast rows are drawn, beside the teacher that labels them.

    python benchmarks/transfer/speed.py [--only NAME ...] [--rounds N] [--json FILE]

Claim: each of our generators draws at least 200,000 rows a second, of 20 columns of
numbers, 20 rows for each of 10,000 fitted ones. Its fit, which may look for neighbours
or grow trees, is printed apart and included. Peers: `KernelDensity` and
`GaussianMixture` of scikit-learn, fitted and sampled alike. Each line also says what
share of "fit, draw, label" is the labelling, by a `RandomForestClassifier` of 100 trees
fitted on the same rows. Seed 0; one thread.
"""

from __future__ import annotations

import argparse
import os
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

# One thread: what is measured should not hang on how busy the other cores are.
for _threads in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_threads, "1")
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import numpy as np  # noqa: E402
from sklearn.datasets import make_classification  # noqa: E402
from sklearn.ensemble import RandomForestClassifier  # noqa: E402
from sklearn.mixture import GaussianMixture  # noqa: E402
from sklearn.neighbors import KernelDensity  # noqa: E402

from benchmarks.commands import (  # noqa: E402
    add_choice_option,
    add_speed_options,
    environment,
    show,
    write_figures,
)
from benchmarks.speed._measure import alternate, say  # noqa: E402
from skdistill.transfer import (  # noqa: E402
    CoLeaf,
    Munge,
    SmoothedBootstrap,
    Spunge,
    draw,
)

N_ROWS, N_COLUMNS, TIMES = 10_000, 20, 20

#: Rows a second; the peers have none to reach.
GOAL = 200_000

OURS = {
    "Munge": Munge(random_state=0),
    "CoLeaf": CoLeaf(random_state=0),
    "SmoothedBootstrap": SmoothedBootstrap(random_state=0),
    "Spunge": Spunge(random_state=0),
}
PEERS = {
    "KernelDensity": KernelDensity(bandwidth="scott"),
    "GaussianMixture": GaussianMixture(10, random_state=0),
}


@dataclass(frozen=True)
class Speed:
    """Seconds of one generator, over rounds.

    Parameters
    ----------
    name : str
    fit, sample, label : sequence of float
        To fit it, to draw from it, and to let the teacher label what was drawn.
    """

    name: str
    fit: list[float]
    sample: list[float]
    label: list[float]

    def as_dict(self) -> dict:
        rates = {"rows_per_second": self.rate(), "with_fit": self.rate(with_fit=True)}
        return {**asdict(self), **rates, "label_share": self.label_share()}

    def rate(self, *, with_fit: bool = False) -> float:
        """Rows a second, the median of the rounds."""
        seconds = np.array(self.sample)
        if with_fit:
            seconds = seconds + self.fit
        return float(N_ROWS * TIMES / np.median(seconds))

    def label_share(self) -> float:
        """What share of fitting, drawing and labelling is labelling."""
        whole = np.add(self.fit, self.sample) + self.label
        return float(np.median(self.label / whole))


def measure(name: str, X, teacher, rounds: int) -> Speed:
    """Fit, draw and label, in turn."""
    say(name)
    generator, n_new = {**OURS, **PEERS}[name], N_ROWS * TIMES
    rows = draw(generator.fit(X), n_new, 0)
    seconds = alternate(
        [
            lambda: generator.fit(X),
            lambda: draw(generator, n_new, 0),
            lambda: teacher.predict_proba(rows),
        ],
        rounds,
    )
    return Speed(name, *seconds.T.tolist())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add_choice_option(parser, {**OURS, **PEERS})
    add_speed_options(parser, rounds=5)
    options = parser.parse_args()
    X, y = make_classification(
        N_ROWS, N_COLUMNS, n_informative=10, n_classes=3, random_state=0
    )
    teacher = RandomForestClassifier(100, random_state=0, n_jobs=1).fit(X, y)
    show(environment())
    print(
        f"{'generator':18} {'fit':>7} {'rows/s':>10} {'slowest':>10} {'with fit':>10} "
        f"{'labelling':>9}  met"
    )
    speeds = []
    for name in options.only or {**OURS, **PEERS}:
        speed = measure(name, X, teacher, options.rounds)
        met = "" if name in PEERS else "yes" if speed.rate() >= GOAL else "NO"
        slowest = N_ROWS * TIMES / max(speed.sample)
        print(
            f"{name:18} {np.median(speed.fit):5.2f} s {speed.rate():10,.0f} "
            f"{slowest:10,.0f} {speed.rate(with_fit=True):10,.0f} "
            f"{speed.label_share():9.0%}  {met}",
            flush=True,
        )
        speeds.append(speed)
    write_figures(options.json, environment(), speeds)


if __name__ == "__main__":
    main()
