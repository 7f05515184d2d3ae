"""One row through an exported student, in microseconds and against what it replaces.

The raw ONNX Runtime session takes at most 15 µs for a tree of 64 leaves and for a
perceptron of (64, 32), `OnnxClassifier.predict_proba` at most 40 µs. The latter is at
least 5 times as fast as the same student in Python (scikit-learn's tree;
NeuralClassifier and a skorch net of such a module), and 300 times as fast as a random
forest of 300 trees. All are timed in turn, on one thread. letter, seed 0.

The name of this file is not `onnx`, for it lies where scripts find modules first.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from sklearn.ensemble import RandomForestClassifier
from sklearn.tree import DecisionTreeClassifier
from skorch import NeuralNetClassifier

from benchmarks.speed._measure import Figure, alternate, say
from benchmarks.speed._overhead import training_rows
from skdistill import DistillationClassifier
from skdistill.export import OnnxClassifier, to_onnx
from skdistill.neural import NeuralClassifier

#: Microseconds a row.
RAW, SERVED = 15.0, 40.0
#: How many times as fast as the student in Python, and as the forest.
THAN_STUDENT, THAN_FOREST = 5, 300
#: Calls that make one measurement; a forest takes a thousand times as long.
CALLS, CALLS_OF_FOREST = 200, 3


def measure(data: Path | None, rounds: int) -> list[Figure]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        X, y = training_rows("letter", data, scaled=False)
        say("RandomForestClassifier(300)")
        forest = RandomForestClassifier(300, random_state=0, n_jobs=1).fit(X, y)
        figures = _compare("tree, 64 leaves", _tree(forest, X, y), X, forest, rounds)
        return figures + _compare(
            "perceptron (64, 32)", _perceptron(forest, X, y), X, forest, rounds
        )
    finally:
        torch.set_num_threads(before)


def _tree(forest, X, y) -> dict:
    tree = DecisionTreeClassifier(max_leaf_nodes=64, random_state=0)
    model = DistillationClassifier(forest, tree).fit(X, y)
    return {"exported": model, "scikit-learn": model.student_}


def _perceptron(forest, X, y) -> dict:
    # How well it has learned makes no difference to how long it takes.
    student = NeuralClassifier(max_epochs=2, random_state=0)
    model = DistillationClassifier(forest, student, random_state=0).fit(X, y)
    net = NeuralNetClassifier(
        model.student_.modules_[0],
        criterion=torch.nn.CrossEntropyLoss,
        train_split=None,
        verbose=0,
    )
    return {
        "exported": model,
        "NeuralClassifier": model.student_,
        "skorch": net.initialize(),
    }


def _compare(name: str, models: dict, X, forest, rounds: int) -> list[Figure]:
    say(name)
    served = OnnxClassifier(to_onnx(models.pop("exported"), X).SerializeToString())
    row = np.ascontiguousarray(X[:1], dtype=np.float64)
    small = row.astype(np.float32)
    loaded = served._read()
    session, fed = loaded.session, {"X": row.astype(loaded.dtype)}
    asked: dict[str, Callable] = {
        "session": lambda: session.run(["probabilities"], fed),
        "OnnxClassifier": lambda: served.predict_proba(row),
    }
    for peer, model in models.items():
        rows = small if peer == "skorch" else row
        asked[peer] = lambda model=model, rows=rows: model.predict_proba(rows)
    asked["forest"] = lambda: forest.predict_proba(row)
    seconds = _in_turn(asked, rounds)
    return _figures(name, {peer: 1e6 * each for peer, each in seconds.items()})


def _in_turn(asked: dict[str, Callable], rounds: int) -> dict[str, np.ndarray]:
    """Seconds a call, in every round; the forest's calls are fewer."""
    *quick, forest = asked.values()

    def times(calls: int) -> Callable:
        return lambda: [forest() for _ in range(calls)]

    few = CALLS_OF_FOREST
    many = [lambda call=call: [call() for _ in range(CALLS)] for call in quick]
    seconds = alternate([*many, times(few)], rounds)
    seconds /= np.array([*([CALLS] * len(quick)), few])
    return dict(zip(asked, seconds.T, strict=True))


def _figures(name: str, us: dict[str, np.ndarray]) -> list[Figure]:
    ours = us["OnnxClassifier"]
    figures = [
        Figure(f"one row, {name}, ONNX Runtime session, µs", us["session"], RAW),
        Figure(f"one row, {name}, OnnxClassifier, µs", ours, SERVED),
    ]
    goals = {
        peer: THAN_FOREST if peer == "forest" else THAN_STUDENT
        for peer in us
        if peer not in ("session", "OnnxClassifier")
    }
    for peer, times in goals.items():
        note = (
            f"{np.median(us[peer]):.1f} µs / {np.median(ours):.1f} µs: "
            f"{np.median(us[peer] / ours):.0f} times as fast"
        )
        claim = f"{times} x OnnxClassifier / {peer}, {name}"
        figures.append(Figure(claim, times * ours / us[peer], 1.0, note))
    return figures
