"""Does a teacher help? Every student route against its own student, tuned alone.

Claim: at equal size a distilled student has a lower held-out log-loss than the same
student tuned without a teacher, for most routes and sets; the table also shows where
that is not so. Peers: the student tuned by cross-validation on the labels ("alone"),
and distillation of the teacher's most probable labels ("hard").

For each set and split (at most `MAX_TRAIN` training rows):

1. Two teachers are fitted on the training rows, and label those same rows: there is no
   out-of-fold option yet, and a forest nearly knows its own rows by heart.
2. The student alone is tuned on the training rows (`FOLDS` folds, log-loss).
3. The distilled student has the same tuned parameters. "default" is alpha 0.7 at
   temperature 1; "chosen" picks among `CANDIDATES` and alpha 0 by the same folds, with
   the teacher fitted anew in each fold, so that no validation row is known to it.
4. Trees say exactly 0. All contenders' probabilities, the teachers' too, are therefore
   mixed with a share of the class frequencies, chosen by the same folds.

The teachers' probabilities are computed once and passed as ``"precomputed"``, which
gives the same student. Split k uses seed k throughout.

    python benchmarks/quality/routes.py [--data DIR] [--jobs 2]

Results go to ``routes.csv`` (rows already there are not computed again) and, as
tables, to ``routes.md``.
"""

from __future__ import annotations

import argparse
import csv
import os
import sys
import warnings
from dataclasses import dataclass
from pathlib import Path

for _threads in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(_threads, "1")
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import numpy as np  # noqa: E402
from joblib import Parallel, delayed  # noqa: E402
from sklearn.base import clone  # noqa: E402
from sklearn.ensemble import (  # noqa: E402
    HistGradientBoostingClassifier,
    RandomForestClassifier,
)
from sklearn.model_selection import (  # noqa: E402
    ParameterGrid,
    StratifiedKFold,
    train_test_split,
)

from benchmarks.datasets import add_data_option, load  # noqa: E402
from benchmarks.quality._students import STUDENTS, Student  # noqa: E402
from benchmarks.quality._tables import write_tables  # noqa: E402
from skdistill import DistillationClassifier  # noqa: E402

HERE = Path(__file__).resolve().parent
#: "letter" may be asked for too; its 26 classes take as long as all of these together.
SETS = ["covtype", "satimage", "magic", "phoneme", "credit_g"]
MAX_TRAIN, MAX_TEST, N_SPLITS, FOLDS = 4_000, 8_000, 3, 3
#: alpha and temperature.
DEFAULT = (0.7, 1.0)
CANDIDATES = [DEFAULT, (0.3, 1.0), (1.0, 1.0), (0.7, 2.0)]
#: Shares of the class frequencies in what is predicted.
SHARES = [1e-4, 1e-3, 1e-2, 3e-2, 1e-1]
COLUMNS = [
    *("set", "split", "student", "route", "teacher", "variant"),
    *("alpha", "temperature", "params", "share", "n_train", "n_test"),
    *("log_loss", "accuracy", "agreement", "kl_to_teacher"),
    *("teacher_log_loss", "teacher_accuracy"),
]


def make_teachers(seed: int) -> dict:
    return {
        "random forest": RandomForestClassifier(300, random_state=seed),
        "boosting": HistGradientBoostingClassifier(
            early_stopping=False, random_state=seed
        ),
    }


def log_loss(codes, proba) -> float:
    return float(-np.log(proba[np.arange(len(codes)), codes]).mean())


def smooth(proba, share: float, frequencies):
    return (1 - share) * proba + share * frequencies


@dataclass
class Scene:
    """Rows of one split, and what each teacher says about them.

    Parameters
    ----------
    X, y : ndarray
        Training rows and codes.
    X_test, y_test : ndarray
        Held-out ones.
    frequencies : ndarray of shape (n_classes,)
        Of the training rows.
    folds : list of (train, validation)
    said : dict
        Teacher -> (its probabilities of all training rows, those of each fold's
        training rows by a teacher of that fold, of the test rows).
    """

    X: np.ndarray
    y: np.ndarray
    X_test: np.ndarray
    y_test: np.ndarray
    frequencies: np.ndarray
    folds: list
    said: dict

    @classmethod
    def set_up(cls, name: str, split: int, data: Path | None) -> Scene:
        X, y = load(name, data)
        n_train = min(MAX_TRAIN, round(0.7 * len(y)))
        n_test = min(MAX_TEST, len(y) - n_train)
        X, X_test, y, y_test = train_test_split(
            X, y, train_size=n_train, test_size=n_test, stratify=y, random_state=split
        )
        folds = StratifiedKFold(FOLDS, shuffle=True, random_state=split).split(X, y)
        frequencies = np.bincount(y) / len(y)
        scene = cls(X, y, X_test, y_test, frequencies, list(folds), {})
        for teacher_name, teacher in make_teachers(split).items():
            scene.said[teacher_name] = scene._ask(teacher)
        return scene

    def _ask(self, teacher):
        own, by_fold = np.empty((len(self.y), len(self.frequencies))), []
        for train, held_out in self.folds:
            teacher.fit(self.X[train], self.y[train])
            by_fold.append(teacher.predict_proba(self.X[train]))
            own[held_out] = teacher.predict_proba(self.X[held_out])
        share, _ = self.best_share(own)
        teacher.fit(self.X, self.y)
        test = smooth(teacher.predict_proba(self.X_test), share, self.frequencies)
        return teacher.predict_proba(self.X), by_fold, test

    def best_share(self, held_out) -> tuple[float, float]:
        """The share of the frequencies with the least loss, and that loss."""
        losses = {
            share: log_loss(self.y, smooth(held_out, share, self.frequencies))
            for share in SHARES
        }
        best = min(losses, key=losses.__getitem__)
        return best, losses[best]

    def cross_predict(self, fit) -> np.ndarray:
        """Probabilities of the training rows by models of the other folds."""
        held_out = np.empty((len(self.y), len(self.frequencies)))
        for k, (train, rest) in enumerate(self.folds):
            held_out[rest] = fit(train, k).predict_proba(self.X[rest])
        return held_out


def tune_alone(scene: Scene, student: Student, seed: int):
    """Best parameters, share and loss of the student without a teacher."""
    base = student.make(seed, scene.X.shape[1], len(scene.frequencies))
    trials = []
    for params in ParameterGrid(student.grid):
        model = clone(base).set_params(**params)

        def fit(train, k, model=model):
            return clone(student.alone(model)).fit(scene.X[train], scene.y[train])

        share, loss = scene.best_share(scene.cross_predict(fit))
        trials.append((loss, share, params, model))
    return min(trials, key=lambda trial: trial[0])


def distil(scene: Scene, model, seed: int, rows, P, **settings):
    distiller = DistillationClassifier(
        "precomputed", model, random_state=seed, **settings
    )
    return distiller.fit(scene.X[rows], scene.y[rows], teacher_proba=P)


def compare(scene: Scene, student: Student, seed: int) -> list[dict]:
    """One row for each teacher and variant."""
    loss, share, params, model = tune_alone(scene, student, seed)
    everything = np.arange(len(scene.y))
    alone = clone(student.alone(model)).fit(scene.X, scene.y)
    P_alone = smooth(alone.predict_proba(scene.X_test), share, scene.frequencies)
    results = []
    for teacher, (P, P_folds, P_test) in scene.said.items():

        def trial(settings, P_folds=P_folds):
            def fit(train, k):
                return distil(scene, model, seed, train, P_folds[k], **settings)

            return *scene.best_share(scene.cross_predict(fit)), settings

        def outcome(share, settings, P=P):
            fitted = distil(scene, model, seed, everything, P, **settings)
            if settings["alpha"] > 0 and fitted.route_ != student.route:
                raise RuntimeError(f"{student.name} took the route {fitted.route_!r}")
            said = fitted.predict_proba(scene.X_test)
            return smooth(said, share, scene.frequencies)

        soft = [trial({"alpha": a, "temperature": t}) for a, t in CANDIDATES]
        hard = trial({"alpha": 1.0, "targets": "hard"})
        best = min(soft, key=lambda t: t[1])
        by_variant = {
            "alone": (share, {"alpha": 0.0}, P_alone),
            "default": (soft[0][0], soft[0][2], outcome(soft[0][0], soft[0][2])),
            "hard": (hard[0], hard[2], outcome(hard[0], hard[2])),
        }
        if loss <= best[1]:
            by_variant["chosen"] = by_variant["alone"]
        elif best is soft[0]:
            by_variant["chosen"] = by_variant["default"]
        else:
            by_variant["chosen"] = (best[0], best[2], outcome(best[0], best[2]))
        results += [
            {
                "student": student.name,
                "route": student.route,
                "teacher": teacher,
                "variant": variant,
                "alpha": settings["alpha"],
                "temperature": settings.get("temperature", 1.0),
                "params": " ".join(f"{key}={value}" for key, value in params.items()),
                "share": used,
                **score(scene, proba, P_test),
            }
            for variant, (used, settings, proba) in by_variant.items()
        ]
    return results


def score(scene: Scene, proba, P_teacher) -> dict:
    y, guess = scene.y_test, proba.argmax(axis=1)
    logs = np.log(P_teacher) - np.log(proba)
    return {
        "n_train": len(scene.y),
        "n_test": len(y),
        "log_loss": f"{log_loss(y, proba):.5f}",
        "accuracy": f"{np.mean(guess == y):.5f}",
        "agreement": f"{np.mean(guess == P_teacher.argmax(axis=1)):.5f}",
        "kl_to_teacher": f"{(P_teacher * logs).sum(axis=1).mean():.5f}",
        "teacher_log_loss": f"{log_loss(y, P_teacher):.5f}",
        "teacher_accuracy": f"{np.mean(P_teacher.argmax(axis=1) == y):.5f}",
    }


def run_split(name: str, split: int, students: list, data, path: Path) -> str:
    """Compare what is missing of one split, and add it to the file as it comes."""
    # Neighbours warn that they learn hard labels: that is what is measured here.
    warnings.filterwarnings("ignore", message="The student KNeighbors")
    # The regressor alone has a dummy for a teacher, which alpha=0 never asks.
    warnings.filterwarnings("ignore", message="The student is larger")
    scene = Scene.set_up(name, split, data)
    for student in students:
        results = compare(scene, student, split)
        with path.open("a", newline="") as file:
            writer = csv.DictWriter(file, COLUMNS)
            writer.writerows({"set": name, "split": split, **row} for row in results)
    return f"{name}, split {split}: {len(students)} students"


def missing(path: Path, sets: list[str], students: list[Student]) -> list[tuple]:
    done = set()
    if path.exists():
        with path.open(newline="") as file:
            done = {
                (r["set"], int(r["split"]), r["student"]) for r in csv.DictReader(file)
            }
    else:
        path.write_text(",".join(COLUMNS) + "\n")
    tasks = []
    for split in range(N_SPLITS):
        for name in sets:
            left = [s for s in students if (name, split, s.name) not in done]
            if left:
                tasks.append((name, split, left))
    return tasks


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add_data_option(parser)
    parser.add_argument("--jobs", type=int, default=1, help="processes (default 1)")
    parser.add_argument("--sets", nargs="+", default=SETS, metavar="NAME")
    parser.add_argument("--students", nargs="+", metavar="WORD", help="in their names")
    parser.add_argument("--csv", type=Path, default=HERE / "routes.csv")
    parser.add_argument(
        "--tables", action="store_true", help="only write the tables of what is there"
    )
    options = parser.parse_args()
    if options.tables:
        write_tables(options.csv, options.csv.with_suffix(".md"))
        return
    words = options.students
    students = [s for s in STUDENTS if not words or any(w in s.name for w in words)]
    tasks = missing(options.csv, options.sets, students)
    done = Parallel(n_jobs=options.jobs, return_as="generator_unordered")(
        delayed(run_split)(*task, options.data, options.csv) for task in tasks
    )
    for message in done:
        print(message, flush=True)
    write_tables(options.csv, options.csv.with_suffix(".md"))


if __name__ == "__main__":
    main()
