"""
Serving a student
=================

A heavy vote of forests and boosting teaches a tree and a small network. Each student is
written to an ONNX file, which runs without its teacher, without this package and
without scikit-learn. Does the file say what the student says, how large is it, and how
long does one row take?
"""

import pickle
import subprocess
import sys
import tempfile
from pathlib import Path
from types import SimpleNamespace

import matplotlib.pyplot as plt
import numpy as np
import onnxruntime
import pandas as pd
from matplotlib.ticker import EngFormatter, NullFormatter
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import load_digits
from sklearn.ensemble import (
    ExtraTreesClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
    VotingClassifier,
)
from sklearn.frozen import FrozenEstimator
from sklearn.metrics import log_loss
from sklearn.model_selection import cross_val_score, train_test_split
from sklearn.tree import DecisionTreeClassifier

from skdistill import DistillationClassifier
from skdistill.export import OnnxClassifier, to_onnx
from skdistill.metrics import prediction_latency
from skdistill.neural import NeuralClassifier
from skdistill.transfer import Munge

# %%
# Two students of one teacher
# ---------------------------
#
# The data are real: 8 × 8 grey values of 1,797 handwritten digits, half of them held
# out. Their labels are words here, for labels are seldom 0 to 9.

X, y = load_digits(return_X_y=True)
words = ["zero", "one", "two", "three", "four"]
words += ["five", "six", "seven", "eight", "nine"]
X_train, X_test, y_train, y_test = train_test_split(
    X, np.array(words)[y], test_size=0.5, stratify=y, random_state=0
)

# %%
# The students hear about each training row from a teacher that was fitted without it,
# in three folds. ``memory`` keeps what it said, so the second one need not wait. The
# tree learns from drawn rows, too.

vote = VotingClassifier(
    [
        ("forest", RandomForestClassifier(200, random_state=0)),
        ("extra", ExtraTreesClassifier(200, random_state=0)),
        ("boosting", HistGradientBoostingClassifier(max_iter=30, random_state=0)),
    ],
    voting="soft",
)
tree = DecisionTreeClassifier(
    criterion="entropy", max_leaf_nodes=64, min_samples_leaf=3, random_state=0
)
network = NeuralClassifier(hidden_layer_sizes=(64, 32), random_state=0)
folder = tempfile.TemporaryDirectory()
settings = {"teacher_cv": 3, "memory": folder.name, "random_state": 0}
students = {
    "tree": DistillationClassifier(vote, tree, transfer=Munge(), **settings),
    "network": DistillationClassifier(vote, network, **settings),
}
for student in students.values():
    student.fit(X_train, y_train)
teacher = students["tree"].teacher_
models = {"teacher": teacher, **students}
for name, model in models.items():
    print(f"{name:8} accuracy {model.score(X_test, y_test):.3f} on rows held out")

# %%
# Into a file
# -----------
#
# ``to_onnx`` takes the fitted distiller, and some rows to see what its columns are. It
# tries the file on them, and raises an error if it does not say what the model says.
#
# Why not put the teacher into a file, and leave it at that? This can be done as well,
# so let us compare.

paths = {name: Path(folder.name, f"{name}.onnx") for name in models}
for name, path in paths.items():
    path.write_bytes(to_onnx(models[name], X_train).SerializeToString())

# %%
# A pickle of a distiller holds its teacher. The file does not: it is no larger than the
# student.

print("bytes              pickle  student's pickle       file")
for name, model in models.items():
    alone = len(pickle.dumps(getattr(model, "student_", model)))
    n_bytes = paths[name].stat().st_size
    print(f"{name:8}{len(pickle.dumps(model)):17,}{alone:18,}{n_bytes:11,}")

# %%
# And back
# --------
#
# ``OnnxClassifier`` makes a fitted classifier of a file, words and all. Does it say the
# same?

served = {name: OnnxClassifier(path) for name, path in paths.items()}
print(served["network"].predict(X_test[:4]))
for name, model in models.items():
    apart = abs(served[name].predict_proba(X_test) - model.predict_proba(X_test)).max()
    same = np.mean(served[name].predict(X_test) == model.predict(X_test))
    print(f"{name:8} {same:.0%} same labels, probabilities {apart:.0e} apart at most")

# %%
# Without this package
# --------------------
#
# This is what a server has to do, in another process. It loads NumPy and ONNX Runtime;
# other languages have runtimes of their own. Numbers are of the dtype that X had when
# the file was written, here float64; ``to_onnx(..., dtype="float32")`` asks for smaller
# ones.

program = """
import sys
import numpy as np
import onnxruntime

session = onnxruntime.InferenceSession(sys.argv[1])
rows = np.load(sys.argv[2])
label, probabilities = session.run(None, {"X": rows})
print(label, probabilities.shape)
for name in ("numpy", "sklearn", "torch", "skdistill"):
    print(f"{name} was {'' if name in sys.modules else 'not '}imported")
"""
rows = Path(folder.name, "rows.npy")
np.save(rows, X_test[:4])
command = [sys.executable, "-c", program, paths["network"], rows]
print(subprocess.run(command, capture_output=True, text=True, check=True).stdout)

# %%
# Inside scikit-learn
# -------------------
#
# In Python, what was served is a classifier like others, whose ``fit`` changes nothing.
# It can be scored in folds:

scores = cross_val_score(served["network"], X_test, y_test, cv=5)
print(f"accuracy {scores.mean():.3f}, of five parts {scores.min():.3f} or more")

# %%
# Its probabilities can be calibrated on rows that it was not trained on. Half of the
# rows held out are taken for that, and the other half tells what came of it:

X_later, X_last, y_later, y_last = train_test_split(
    X_test, y_test, test_size=0.5, stratify=y_test, random_state=0
)
calibrated = CalibratedClassifierCV(served["network"], ensemble=False)
calibrated.fit(X_later, y_later)
for name, model in {"as served": served["network"], "calibrated": calibrated}.items():
    loss = log_loss(y_last, model.predict_proba(X_last))
    print(f"network {name}: log-loss {loss:.3f}")

# %%
# This calibration is not in the file. To have one there, calibrate the student, frozen,
# and write the two together. (It comes out a little different: of the network in Python
# scikit-learn takes ``decision_function``, and a file has probabilities only.)

frozen = CalibratedClassifierCV(FrozenEstimator(students["network"]), ensemble=False)
both = OnnxClassifier(to_onnx(frozen.fit(X_later, y_later), X_train))
loss = log_loss(y_last, both.predict_proba(X_last))
print(f"served with its calibration: log-loss {loss:.3f}, {both}")

# %%
# And a file can be a teacher, even if nothing else of it is left:

next_one = DistillationClassifier(
    served["network"], tree, transfer=Munge(), random_state=0
)
next_one.fit(X_later, y_later)
print(f"taught by a file: accuracy {next_one.score(X_last, y_last):.3f}")

# %%
# How long a row takes
# --------------------
#
# Each is asked for the probabilities of one row, many times, on one thread, and the
# median is taken; then for all rows held out at once. Times depend on the machine and
# on what else it does, so compare them with each other only.


def session_of(path):
    """ONNX Runtime alone, asked for probabilities only."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(path, options)
    return SimpleNamespace(
        predict_proba=lambda rows: session.run(["probabilities"], {"X": rows})[0]
    )


times = []
for name, model in models.items():
    ways = {
        "Python": (model, X_test),
        "OnnxClassifier": (served[name], X_test),
        "ONNX Runtime": (session_of(paths[name]), X_test),
    }
    for way, (each, rows) in ways.items():
        n_repeats = 20 if each is teacher else 300
        found = prediction_latency(each, rows, n_repeats=n_repeats)
        times.append((name, way, found.one_row_us, found.batch_us_per_row))
columns = ["model", "way", "one row", "of a batch"]
times = pd.DataFrame(times, columns=columns).set_index(["model", "way"])
print("microseconds a row")
print(times.round(2).to_string())

# %%
# One row at a time, as a service is asked:

figure, axis = plt.subplots(figsize=(8, 3.9), layout="constrained")
styles = {
    "Python": ("o", "#D55E00"),
    "OnnxClassifier": ("s", "#0072B2"),
    "ONNX Runtime": ("D", "black"),
}
spoken = EngFormatter(unit="s", places=1)
names, places = [], []
for k, ((name, way), microseconds) in enumerate(times["one row"].items()):
    at = microseconds / 1e6, k + 0.6 * (k // 3)  # a gap after each model
    marker, color = styles[way]
    axis.plot(*at, marker, color=color, markersize=8)
    shift = {"xytext": (9, 0), "textcoords": "offset points", "va": "center"}
    axis.annotate(spoken(at[0]), at, **shift)
    names.append(f"{name}, {way}")
    places.append(at[1])
axis.set_yticks(places, names)
axis.invert_yaxis()
axis.set(xscale="log", xlabel="time for one row (logarithmic)")
axis.xaxis.set_major_formatter(EngFormatter(unit="s"))
axis.xaxis.set_minor_formatter(NullFormatter())
axis.margins(x=0.18, y=0.08)
axis.grid(axis="x", color="0.88")
axis.set_axisbelow(True)
axis.spines[["top", "right"]].set_visible(False)
plt.show()

# %%
# To another machine
# ------------------
#
# Files are copied as they are. Where there is Python, a pickle of an ``OnnxClassifier``
# does as well: it holds what is in the file, not where it was.

kept = pickle.dumps(served["tree"])
folder.cleanup()
print(f"file there: {paths['tree'].exists()}, pickle {len(kept):,} bytes")
print(pickle.loads(kept).predict(X_test[:4]))
