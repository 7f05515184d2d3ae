"""The house itself: imports go down only, nothing heavy is loaded, names are kept."""

import ast
import inspect
import subprocess
import sys
from pathlib import Path

import pytest

import skdistill

PACKAGE = Path(skdistill.__file__).parent

#: Each room and its floor. A room may import from lower floors, and from itself.
FLOORS = {
    "targets": 1,
    "_detect": 1,
    "_onnx_protocol": 1,
    "_sklearn_compat": 1,
    "_rows": 2,
    "_size": 2,
    "neural": 2,
    "_fingerprint": 3,
    "metrics": 3,
    "transfer": 3,
    "inspection": 4,
    "_store": 4,
    "teachers": 5,
    "students": 5,
    "_checks": 6,
    "_display": 6,
    "_seeds": 6,
    "_base": 7,
    "_material": 7,
    "_label_sources": 8,
    "_generators": 7,
    "_answers": 8,
    "_classifier": 9,
    "_deployment": 10,
    "_generations": 10,
    "_search": 10,
    "_budget": 11,
    "report": 11,
    "export": 12,
    "__init__": 13,
}


#: The rooms of the neural wing, which is large, and their floors.
NEURAL_FLOORS = {
    "_answers": 1,
    "_sharing": 1,
    "_modules": 2,
    "_seeding": 1,
    "_warn": 1,
    "_weights_files": 1,
    "_words": 1,
    "_inputs": 1,
    "embeddings": 1,
    "losses": 2,
    "matching": 3,
    "training": 4,
    "bridge": 4,
    "_architecture": 4,
    "_loss_parameters": 4,
    "_progress": 5,
    "_ensemble": 5,
    "_settings": 5,
    "_preparation": 6,
    "_estimator": 7,
    "_together": 8,
    "__init__": 9,
}


def room_of(path):
    return path.relative_to(PACKAGE).with_suffix("").parts[0]


def imported_rooms(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module]
            if node.module in ("skdistill", "skdistill.students"):
                names = [f"{node.module}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        else:
            continue
        for name in names:
            parts = name.split(".")
            if parts[0] == "skdistill" and len(parts) > 1:
                yield parts[1]


SOURCES = sorted(PACKAGE.rglob("*.py"))


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_imports_go_down_only(path):
    room = room_of(path)
    assert room in FLOORS, f"give the room {room} a floor"
    for other in imported_rooms(path):
        assert other == room or FLOORS[other] < FLOORS[room], f"{room} imports {other}"


NEURAL_SOURCES = [path for path in SOURCES if room_of(path) == "neural"]


@pytest.mark.parametrize(
    "path", NEURAL_SOURCES, ids=lambda p: str(p.relative_to(PACKAGE))
)
def test_imports_go_down_within_the_neural_wing(path):
    wing = PACKAGE / "neural"
    room = path.relative_to(wing).with_suffix("").parts[0]
    assert room in NEURAL_FLOORS, f"give the room {room} a floor"
    for node in ast.walk(ast.parse(path.read_text())):
        if not (isinstance(node, ast.ImportFrom) and node.module):
            continue
        names = [node.module]
        if node.module == "skdistill.neural":
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        for name in names:
            parts = name.split(".")
            if parts[:2] != ["skdistill", "neural"] or parts[2] == room:
                continue
            other = NEURAL_FLOORS[parts[2]]
            assert other < NEURAL_FLOORS[room], f"{room} imports {parts[2]}"


def test_only_the_neural_room_imports_torch_or_skorch():
    for path in SOURCES:
        if room_of(path) == "neural":
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            names = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                names = [node.module or ""]
            heavy = {name.split(".")[0] for name in names} & {"torch", "skorch"}
            assert not heavy, f"{path.name} imports {heavy}"


def test_private_scikit_learn_is_imported_in_one_file_only():
    for path in SOURCES:
        if path.name == "_sklearn_compat.py":
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and node.module:
                if not node.module.startswith("sklearn"):
                    continue
                private = [part for part in node.module.split(".") if part[0] == "_"]
                private += [a.name for a in node.names if a.name[0] == "_"]
                assert not private, f"{path.name} imports {private}"


def test_import_loads_nothing_heavy():
    code = (
        "import sys, sklearn.ensemble; before = set(sys.modules);"
        "import skdistill; new = {m.split('.')[0] for m in set(sys.modules) - before};"
        "print(sorted(new & {'torch','skorch','pandas','polars','matplotlib','onnx',"
        "'tqdm','hypothesis'}))"
    )
    found = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert found.stdout.strip() == "[]"


def test_public_names():
    estimators = {
        "BornAgainClassifier",
        "BudgetedDistillationCV",
        "DistillationClassifier",
        "DistillationClassifierCV",
    }
    others = {"DistillationReport", "distillation_report", "strip_teacher"}
    assert set(skdistill.__all__) == estimators | others


@pytest.mark.parametrize(
    "estimator",
    [
        skdistill.BornAgainClassifier,
        skdistill.BudgetedDistillationCV,
        skdistill.DistillationClassifier,
        skdistill.DistillationClassifierCV,
    ],
)
def test_documented_defaults_are_those_of_the_signature(estimator):
    doc = inspect.getdoc(estimator)
    signature = inspect.signature(estimator)
    for name, parameter in signature.parameters.items():
        head = next(line for line in doc.splitlines() if line.startswith(f"{name} : "))
        if parameter.default is inspect.Parameter.empty:
            assert "default=" not in head
            continue
        shown = parameter.default
        shown = f'"{shown}"' if isinstance(shown, str) else repr(shown)
        assert head.endswith(f"default={shown}"), head
