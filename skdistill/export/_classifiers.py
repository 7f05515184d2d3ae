"""Fitted classifiers as nodes: what each says, and the label that it predicts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.base import is_classifier
from sklearn.calibration import CalibratedClassifierCV
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import (
    BaggingClassifier,
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    StackingClassifier,
    VotingClassifier,
)
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import Pipeline

from skdistill._answers import AnswersAsStudent
from skdistill._detect import is_skorch_net
from skdistill._generations import BornAgainClassifier
from skdistill._sklearn_compat import SHARES_OF_NONE, TIES_TO_THE_LAST
from skdistill.export._ensembles import (
    FORESTS,
    TREES,
    Nodes,
    beside_zero,
    boosted_trees,
    in_float32,
    sklearn_tree,
    starting_at,
    trees_of,
    write_ensemble,
    write_mean,
)
from skdistill.export._graph import Graph, Tensor, matrix
from skdistill.export._inside import inner, labels_of
from skdistill.export._labels import onnx_labels
from skdistill.export._linear_models import (
    is_linear,
    write_probabilities,
    write_scores,
    write_sigmoid,
)
from skdistill.export._networks import is_neural, write_network, write_skorch
from skdistill.export._regressors import write_regressor
from skdistill.export._steps import delegate_classifier, through_steps
from skdistill.students import Lesson


class Answer(NamedTuple):
    """What a classifier says about rows.

    Parameters
    ----------
    label : Tensor of shape (n_rows,)
        What it predicts: int64 or text.
    scores : Tensor of shape (n_rows, n_classes)
        Probabilities or, if these were asked for, scores of `decision_function`, for
        two classes those of both: (-s, s).
    """

    label: Tensor
    scores: Tensor


def write_classifier(
    graph: Graph, model, inputs: Sequence, *, decision: bool = False
) -> Answer:
    """Add what a fitted classifier says.

    Parameters
    ----------
    graph : Graph
        Where.
    model : classifier
        Fitted. One of a kind unknown here is written by skl2onnx.
    inputs : sequence of Variable
        Of skl2onnx: a table, or a column each.
    decision : bool, default=False
        Whether to give scores of `decision_function`, if the model has it.

    Returns
    -------
    Answer
    """
    model = inner(model)
    decision = decision and hasattr(model, "decision_function")
    for takes, write in _WRITERS:
        if takes(model):
            return write(graph, model, inputs, decision)
    label, scores = delegate_classifier(graph, model, inputs, decision=decision)
    is_proba = hasattr(model, "predict_proba") and not decision
    return Answer(label, graph.in_full(scores) if is_proba else scores)


def _write_distiller(graph, model, inputs, decision) -> Answer:
    return write_lesson(graph, model._lesson, inputs, decision=decision)


def write_lesson(
    graph: Graph, lesson: Lesson, inputs: Sequence, *, decision: bool = False
) -> Answer:
    """Add what a student says, read as its lesson says: at temperature 1."""
    labels = onnx_labels(lesson.classes)
    if decision:
        answer = write_classifier(graph, lesson.student, inputs, decision=True)
        return answer._replace(scores=_times(graph, answer.scores, lesson.exponent))
    if lesson.route == "regression":
        n_outputs = 1 if len(labels) == 2 else len(labels)
        output = write_regressor(graph, lesson.student, inputs, n_outputs)
        answer = _read_as_classifier(graph, output, labels)
    else:
        answer = write_classifier(graph, lesson.student, inputs)
    label, scores = answer
    if lesson.columns is not None:
        scores = _spread(graph, scores, lesson.columns, len(labels))
    if lesson.exponent != 1.0:
        scores = _raise_to(graph, scores, lesson.exponent)
    if lesson.makes_proba and lesson.route != "regression":
        # The student itself may predict positions.
        label = graph.best(scores, labels)
    return Answer(label, scores)


def _times(graph: Graph, scores: Tensor, factor: float) -> Tensor:
    if factor == 1.0:
        return scores
    scores = graph.cast(scores, "double")
    return graph.add("Mul", scores, graph.constant(float(factor)))


def _raise_to(graph: Graph, proba: Tensor, exponent: float) -> Tensor:
    """``q ** b``, scaled to sum to 1, as :func:`skdistill.targets.raise_to` does it."""
    logits = graph.add("Log", graph.cast(proba, "double"))
    return graph.add("Softmax", _times(graph, logits, exponent), axis=1)


def _spread(graph: Graph, proba: Tensor, columns: NDArray, n_classes: int) -> Tensor:
    """Put columns where they belong among those of all classes."""
    place = np.zeros((len(columns), n_classes))
    place[np.arange(len(columns)), columns] = 1.0
    return graph.add("MatMul", graph.cast(proba, "double"), graph.constant(place))


def _read_as_classifier(graph: Graph, output: Tensor, labels: NDArray) -> Answer:
    """Probabilities of a regressor's outputs, one for each class, or of the second."""
    if len(labels) == 2:
        second = graph.add("Clip", output, *map(graph.constant, (0.0, 1.0)))
        first = graph.add("Sub", graph.constant(1.0), second)
        proba = graph.concat([first, second])
        return Answer(graph.best(proba, labels), proba)
    positive = graph.add("Max", output, graph.constant(0.0))
    proba = graph.shares(positive, 1.0 / len(labels))
    return Answer(graph.best(proba, labels), proba)


def _write_generations(graph, model, inputs, decision) -> Answer:
    answers = [
        write_classifier(graph, each, inputs, decision=decision)
        for each in model.generations_
    ]
    if len(answers) == 1:
        return answers[0]
    proba = graph.mean([graph.cast(each.scores, "double") for each in answers])
    return Answer(graph.best(proba, onnx_labels(model.classes_)), proba)


def _write_pipeline(graph, model, inputs, decision) -> Answer:
    inputs = through_steps(graph, model.steps[:-1], inputs)
    return write_classifier(graph, model.steps[-1][1], inputs, decision=decision)


def _write_forest(graph, model, inputs, decision) -> Answer:
    return _write_trees(graph, model, inputs, trees_of(model))


def _write_trees(graph, model, inputs, trees: list[Nodes]) -> Answer:
    label, proba = write_mean(graph, inputs, trees, onnx_labels(model.classes_))
    return Answer(label, graph.in_full(proba))


def _write_bagging(graph, model, inputs, decision) -> Answer:
    labels = onnx_labels(model.classes_)
    members = list(zip(model.estimators_, model.estimators_features_, strict=True))
    whole = all(len(each.classes_) == len(labels) for each, _ in members)
    if whole and all(type(each) in TREES for each, _ in members):
        trees = [sklearn_tree(each.tree_, features) for each, features in members]
        return _write_trees(graph, model, inputs, trees)
    table = matrix(graph, inputs)
    said = []
    for member, features in members:
        part = graph.variable(graph.columns(table, features), "double", len(features))
        scores = write_classifier(graph, member, [part], decision=decision).scores
        if len(member.classes_) != len(labels) and not decision:
            scores = _spread(graph, scores, member.classes_.astype(int), len(labels))
        said.append(graph.cast(scores, "double"))
    scores = graph.mean(said)
    return Answer(graph.best(scores, labels), scores)


def _write_vote(graph, model, inputs, decision) -> Answer:
    """A vote; skl2onnx writes none with `flatten_transform`, which is the default."""
    labels = onnx_labels(model.classes_)
    members = [write_classifier(graph, each, inputs) for each in model.estimators_]
    weights = np.ones(len(members))
    if model.weights is not None:
        named = zip(model.estimators, model.weights, strict=True)
        weights = np.array([weight for (_, each), weight in named if each != "drop"])
    total = weights.sum() if model.voting == "soft" else 1.0
    said = []
    for member, weight in zip(members, weights, strict=True):
        votes = member.scores
        if model.voting == "hard":  # members were fitted on positions
            column = graph.add("Unsqueeze", member.label, graph.constant([1]))
            codes = graph.constant(np.arange(len(labels)))
            votes = graph.add("Equal", column, codes, kinds=["bool"])
        said.append(_times(graph, graph.cast(votes, "double"), weight / total))
    scores = said[0] if len(said) == 1 else graph.add("Sum", *said)
    return Answer(graph.best(scores, labels), scores)


def _write_stack(graph, model, inputs, decision) -> Answer:
    columns = []
    for member, method in zip(model.estimators_, model.stack_method_, strict=True):
        by_scores = method == "decision_function"
        said = write_classifier(graph, member, inputs, decision=by_scores)
        if method == "predict":
            table = graph.add("Unsqueeze", said.label, graph.constant([1]))
        elif len(model.classes_) == 2:
            table = graph.columns(said.scores, np.array([1]))
        else:
            table = said.scores
        columns.append(graph.cast(table, "double"))
    if model.passthrough:
        columns.append(matrix(graph, inputs))
    last = model.final_estimator_
    table = graph.variable(graph.concat(columns), "double", last.n_features_in_)
    answer = write_classifier(graph, last, [table], decision=decision)
    # It was fitted on positions.
    label = graph.labels_of(answer.label, onnx_labels(model.classes_))
    return answer._replace(label=label)


def _takes_calibration(model) -> bool:
    return type(model) is CalibratedClassifierCV and model.method == "sigmoid"


def _write_calibration(graph, model, inputs, decision) -> Answer:
    labels = onnx_labels(model.classes_)
    said = [
        _calibrated(graph, each, inputs, len(labels))
        for each in model.calibrated_classifiers_
    ]
    proba = graph.mean(said)
    return Answer(graph.best(proba, labels), proba)


def _calibrated(graph: Graph, fold, inputs, n_classes: int) -> Tensor:
    """Probabilities of one fold: a sigmoid of what its model says of each class."""
    said = write_classifier(graph, fold.estimator, inputs, decision=True).scores
    said = graph.cast(said, "double")
    if len(fold.calibrators) == 1:  # of two classes, though there may be more
        said = graph.columns(said, np.array([1]))
    slopes = np.array([[-each.a_ for each in fold.calibrators]], dtype=np.float64)
    offsets = np.array([[each.b_ for each in fold.calibrators]], dtype=np.float64)
    logits = graph.add("Mul", said, graph.constant(slopes))
    logits = graph.add("Sub", logits, graph.constant(offsets))
    proba = write_sigmoid(graph, logits)
    if n_classes == 2:
        first = graph.add("Sub", graph.constant(1.0), proba)
        return graph.concat([first, proba])
    places = np.searchsorted(fold.classes, fold.estimator.classes_)
    places = places[: len(fold.calibrators)]
    if len(places) < n_classes:
        proba = _spread(graph, proba, places, n_classes)
    return graph.shares(proba, 1.0 / n_classes)


def _takes_one_against_rest(model) -> bool:
    if type(model) is not OneVsRestClassifier or model.multilabel_:
        return False
    return all(map(is_classifier, model.estimators_))


def _write_one_against_rest(graph, model, inputs, decision) -> Answer:
    labels = onnx_labels(model.classes_)

    def ask(by_scores: bool) -> Tensor:
        said = [
            write_classifier(graph, each, inputs, decision=by_scores).scores
            for each in model.estimators_
        ]
        second = [graph.columns(each, np.array([1])) for each in said]
        return graph.concat([graph.cast(each, "double") for each in second])

    by_scores = hasattr(model.estimators_[0], "decision_function")
    scores = ask(by_scores)
    if len(labels) == 2:
        bound = graph.constant(0.0 if by_scores else 0.5)
        above = graph.add("Greater", scores, bound, kinds=["bool"])
        codes = graph.flat(graph.cast(above, "int64"))
        label = graph.labels_of(codes, labels)
    else:
        label = graph.best(scores, labels, last=TIES_TO_THE_LAST)
    if decision or not hasattr(model, "predict_proba"):
        pair = [graph.add("Neg", scores), scores] if len(labels) == 2 else [scores]
        return Answer(label, graph.concat(pair))
    proba = ask(False) if by_scores else scores
    if len(labels) > 2:
        return Answer(label, graph.shares(proba, SHARES_OF_NONE))
    first = graph.add("Sub", graph.constant(1.0), proba)
    return Answer(label, graph.concat([first, proba]))


def _write_histogram_booster(graph, model, inputs, decision) -> Answer:
    table, trees = boosted_trees(graph, model, inputs)
    return _write_booster(graph, model, table, trees, decision)


def _has_plain_start(model) -> bool:
    return type(model.init_) is DummyClassifier or model.init == "zero"


def _takes_gradient_boosting(model) -> bool:
    if type(model) is not GradientBoostingClassifier or model.loss != "log_loss":
        return False
    return _has_plain_start(model)


def _write_gradient_booster(graph, model, inputs, decision) -> Answer:
    rate = model.learning_rate
    trees = []
    for stage in model.estimators_:
        for target, each in enumerate(stage):
            nodes = sklearn_tree(each.tree_)
            targets = np.array([target])
            trees.append(nodes._replace(values=rate * nodes.values, targets=targets))
    row = np.zeros((1, model.n_features_in_), dtype=np.float32)
    trees = starting_at(trees, np.ravel(model._raw_predict_init(row)))
    table = in_float32(graph, inputs)
    return _write_booster(graph, model, table, trees, decision)


def _write_booster(graph, model, table, trees, decision) -> Answer:
    """Trees whose sums are logits: of each class, or of the second of two."""
    labels = onnx_labels(model.classes_)
    if len(labels) == 2:
        trees = beside_zero(trees)
    label, raw = write_ensemble(graph, table, trees, labels)
    raw = graph.cast(raw, "double")
    if decision:
        return Answer(label, _decision(graph, model, raw))
    return Answer(label, graph.add("Softmax", raw, axis=1))


def _write_linear(graph, model, inputs, decision) -> Answer:
    scores = write_scores(graph, model, inputs)
    label = graph.best(scores, onnx_labels(model.classes_))
    if decision or not hasattr(model, "predict_proba"):
        return Answer(label, _decision(graph, model, scores))
    return Answer(label, write_probabilities(graph, model, scores))


def _decision(graph: Graph, model, logits: Tensor) -> Tensor:
    """Scores of `decision_function` of logits, for two classes (-s, s)."""
    if len(model.classes_) > 2:
        return logits
    kind = np.float64 if logits.kind == "double" else np.float32
    turn = graph.constant(np.array([[1.0, -1.0], [-1.0, 1.0]], dtype=kind))
    return graph.add("MatMul", logits, turn)


def _write_neural(graph, model, inputs, decision) -> Answer:
    logits = write_network(graph, model, inputs)
    label = graph.best(logits, onnx_labels(model.classes_))
    if decision:
        return Answer(label, _decision(graph, model, logits))
    return Answer(label, graph.in_full(graph.add("Softmax", logits, axis=1)))


def _write_skorch(graph, model, inputs, decision) -> Answer:
    proba = write_skorch(graph, model, inputs)
    return Answer(graph.best(proba, labels_of(model)), proba)


def _is(*kinds: type) -> Callable[[Any], bool]:
    return lambda model: type(model) in kinds


#: The first that takes a model writes it.
_WRITERS: list[tuple[Callable[[Any], bool], Callable[..., Answer]]] = [
    (lambda model: isinstance(model, AnswersAsStudent), _write_distiller),
    (lambda model: isinstance(model, BornAgainClassifier), _write_generations),
    (lambda model: isinstance(model, Pipeline), _write_pipeline),
    (is_neural, _write_neural),
    (is_skorch_net, _write_skorch),
    (_is(*TREES, *FORESTS), _write_forest),
    (_is(BaggingClassifier), _write_bagging),
    (_is(VotingClassifier), _write_vote),
    (_is(StackingClassifier), _write_stack),
    (_takes_calibration, _write_calibration),
    (_takes_one_against_rest, _write_one_against_rest),
    (_is(HistGradientBoostingClassifier), _write_histogram_booster),
    (_takes_gradient_boosting, _write_gradient_booster),
    (is_linear, _write_linear),
]


def is_written_here(model) -> bool:
    """Whether a classifier is written by this package, not by skl2onnx."""
    return is_classifier(model) and any(takes(model) for takes, _ in _WRITERS)
