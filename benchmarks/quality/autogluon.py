"""Students against those that AutoGluon distils from the very same teacher.

Claim: taught by AutoGluon's teacher, our students have less test log-loss than its own
distilled students of the same family, without being larger, on most of the pairs; and
where its students mostly lose to their undistilled twins, ours gain on theirs.

The folder of peers (`--peers`) holds, for each of six sets, what AutoGluon 1.6.3's
`TabularPredictor` gave on one split: ``NAME_teacher.npz`` (rows of the parquet file,
the teacher's out-of-fold probabilities of the training rows) and ``NAME.json`` (figures
of its students; *scratch* on labels, *none* distilled without augmentation, *spunge*
with its default one). The README says how it was made; the figures compared here are
kept in ``autogluon.csv``.

Ours learn from its probabilities of the same training rows as a ``"precomputed"``
teacher, out of fold or in sample; nothing else of it is used. Boosting and networks are
at most as large (pickled) as the file they are compared with. What is tuned (alpha,
which of the two probabilities, and a few parameters of the student) is chosen by
`DistillationClassifierCV` with three folds of the training rows. There a vote of three
stands in for the teacher, fitted anew in each fold: AutoGluon's probabilities were made
by models that know the labels of the held-out rows of any fold, and those students win
that learn such traces best. *Alone* is the best candidate with alpha 0, the undistilled
twin. Log-loss is clipped at 1e-6, as theirs was.

    python benchmarks/quality/autogluon.py --data DIR --peers DIR [--only SET ...]

Results go to ``autogluon.csv`` (what is there is not computed again) and, as tables, to
``autogluon.md``.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import sys
import tempfile
import time
import warnings
from pathlib import Path
from typing import Any, NamedTuple

for _threads in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_threads, "1")
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import numpy as np  # noqa: E402
from sklearn.model_selection import StratifiedKFold  # noqa: E402

from benchmarks.commands import add_choice_option  # noqa: E402
from benchmarks.datasets import add_data_option, load_table  # noqa: E402
from benchmarks.neural._records import Records  # noqa: E402
from benchmarks.quality._autogluon_students import Candidate, find_candidate  # noqa: E402
from benchmarks.quality._autogluon_tables import write_tables  # noqa: E402
from benchmarks.quality._contenders import VOTE, Kind, make_teacher  # noqa: E402
from benchmarks.quality._figures import n_bytes, row_losses  # noqa: E402
from benchmarks.quality._scene import TEACHER_FOLDS, Scene  # noqa: E402
from benchmarks.quality._work import add_work_options, work_through  # noqa: E402
from skdistill import DistillationClassifier, DistillationClassifierCV  # noqa: E402
from skdistill._sklearn_compat import take_rows  # noqa: E402

HERE = Path(__file__).resolve().parent
SETS = ["letter", "magic", "satimage", "phoneme", "spambase", "credit_g"]
FAMILIES, MODES = ["GBM", "CAT", "RF", "NN_TORCH"], ["none", "spunge"]
FOLDS, CLIP = 3, 1e-6
KEYS = ["set", "family", "mode"]
FIGURES = ["n_train", "n_test", "teacher_loss", "their_scratch", "their_loss"]
FIGURES += ["their_accuracy", "their_mb", "our_alone", "our_distilled", "our_chosen"]
FIGURES += ["our_accuracy", "our_mb", "improves", "labels", "alone_params"]
FIGURES += ["distilled_params", "seconds"]


@dataclasses.dataclass(frozen=True)
class Bout:
    """A set with its peers' split, teacher and figures.

    Parameters
    ----------
    scene : Scene
    said : dict of str to ndarray of shape (n_train, n_classes)
        The teacher's probabilities of the training rows, "out-of-fold" and "in-sample".
    teacher_loss : float
    theirs : dict of (family, mode) to dict
        Figures of their students.
    """

    scene: Scene
    said: dict[str, np.ndarray]
    teacher_loss: float
    theirs: dict[tuple[str, str], dict]

    @classmethod
    def read(cls, name: str, data: Path | None, peers: Path) -> Bout:
        X, y = load_table(name, data)
        file = np.load(peers / f"{name}_teacher.npz")
        train, test = file["train_idx"], file["test_idx"]
        if not np.array_equal(y[train], file["y_train"]):
            raise SystemExit(f"The rows of {name} are not those of the peers' file.")
        rows = take_rows(X, train), take_rows(X, test), y[train], y[test]
        scene = Scene(name, 0, Kind.of(name, X), *rows)
        results = json.loads((peers / f"{name}.json").read_text())["results"]
        theirs = {(r["family"], r["mode"]): r for r in results}
        said = {
            "out-of-fold": file["teacher_oof"].astype(float),
            "in-sample": file["teacher_insample"].astype(float),
        }
        loss = row_losses(file["teacher_test"], scene.y_test, CLIP).mean()
        return cls(scene, said, float(loss), theirs)


def losses_of(model, scene: Scene) -> float:
    return float(row_losses(scene.said(model), scene.y_test, CLIP).mean())


class Choice(NamedTuple):
    """What the folds chose.

    `alone` and `distilled` are parameters; `labels` names the probabilities that the
    distilled one learns from, and `improves` tells whether it is taken.
    """

    alone: dict[str, Any]
    distilled: dict[str, Any]
    labels: str
    improves: bool


def search(bout: Bout, candidate: Candidate, memory: str) -> Choice:
    """Choose alpha and the student's parameters on the training rows.

    Both kinds of labels are searched for on the same folds; the better best score with
    a teacher tells which.
    """
    scene, found = bout.scene, {}
    for labels, teacher_cv in (("out-of-fold", TEACHER_FOLDS), ("in-sample", None)):
        found[labels] = DistillationClassifierCV(
            make_teacher(VOTE, 0, scene.kind),
            candidate.student,
            temperatures=(1.0,),
            alphas=candidate.alphas,
            param_grid=candidate.grid,
            cv=StratifiedKFold(FOLDS, shuffle=True, random_state=0),
            teacher_cv=teacher_cv,
            memory=memory,
            random_state=0,
        ).fit(scene.X, scene.y)
    scores = {
        labels: each.cv_results_["mean_test_score"][each.distilled_index_]
        for labels, each in found.items()
    }
    labels = max(scores, key=scores.__getitem__)
    best = found[labels]
    params = best.cv_results_["params"]
    return Choice(
        params[best.baseline_index_],
        params[best.distilled_index_],
        labels,
        bool(best.improves_),
    )


def fit(bout: Bout, candidate: Candidate, params: dict[str, Any], labels: str):
    """Fit with chosen parameters, at the full size, to AutoGluon's probabilities."""
    model = DistillationClassifier("precomputed", candidate.student, random_state=0)
    model.set_params(**params, **candidate.at_full_size)
    scene = bout.scene
    return model.fit(scene.X, scene.y, teacher_proba=bout.said[labels])


def _text(params: dict) -> str:
    return " ".join(f"{k.removeprefix('student__')}={v}" for k, v in params.items())


def compete(bout: Bout, candidate: Candidate, memory: str) -> dict:
    """Our figures: the twin alone, the best with the teacher, and which was chosen."""
    start = time.perf_counter()
    choice, scene = search(bout, candidate, memory), bout.scene
    alone = fit(bout, candidate, choice.alone, choice.labels)
    distilled = fit(bout, candidate, choice.distilled, choice.labels)
    chosen = distilled if choice.improves else alone
    return {
        "our_alone": losses_of(alone, scene),
        "our_distilled": losses_of(distilled, scene),
        "our_chosen": losses_of(chosen, scene),
        "our_accuracy": float(chosen.score(scene.X_test, scene.y_test)),
        "our_mb": n_bytes(chosen.student_) / 1e6,
        "improves": choice.improves,
        "labels": choice.labels,
        "alone_params": _text(choice.alone),
        "distilled_params": _text(choice.distilled),
        "seconds": round(time.perf_counter() - start, 1),
    }


def run_task(name: str, options) -> None:
    """Compete on one set, as far as the file lacks it."""
    warnings.filterwarnings("ignore")
    records = Records(options.csv, KEYS, FIGURES)
    bout = Bout.read(name, options.data, options.peers)
    made: dict[Candidate, dict] = {}
    pairs = [(family, mode) for family in options.families for mode in MODES]
    with tempfile.TemporaryDirectory() as memory:
        for family, mode in pairs:
            if records.has(set=name, family=family, mode=mode):
                continue
            theirs = bout.theirs[family, mode]
            limit = theirs["disk_mb"] * 1e6
            candidate = find_candidate(family, bout.scene, limit)
            if candidate not in made:
                made[candidate] = compete(bout, candidate, memory)
            row = {
                "set": name,
                "family": family,
                "mode": mode,
                "n_train": len(bout.scene.y),
                "n_test": len(bout.scene.y_test),
                "teacher_loss": bout.teacher_loss,
                "their_scratch": bout.theirs[family, "scratch"]["log_loss"],
                "their_loss": theirs["log_loss"],
                "their_accuracy": theirs["accuracy"],
                "their_mb": theirs["disk_mb"],
                **made[candidate],
            }
            records.add([row])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add_data_option(parser)
    add_choice_option(parser, SETS)
    add_work_options(parser, HERE / "autogluon.csv")
    parser.add_argument("--peers", type=Path, metavar="DIR", help="AutoGluon's figures")
    parser.add_argument("--families", nargs="+", choices=FAMILIES, default=FAMILIES)
    options = parser.parse_args()
    if not options.tables:
        if options.peers is None:
            parser.error("--peers DIR is needed; see the README for what it holds.")
        Records(options.csv, KEYS, FIGURES)
        tasks = [(name, options) for name in options.only or SETS]
        total = len(tasks) * len(options.families) * len(MODES)
        work_through(run_task, tasks, options, total)
    print(write_tables(options.csv, options.csv.with_suffix(".md")))


if __name__ == "__main__":
    main()
