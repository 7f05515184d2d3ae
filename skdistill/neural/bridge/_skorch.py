"""The bridge to skorch: a user's own net learns soft targets, and stays itself."""

from __future__ import annotations

from contextlib import ExitStack

import numpy as np

from skdistill.neural._modules import cast_input, skorch_input
from skdistill.neural._seeding import seeded
from skdistill.neural.bridge._criterion import (
    SoftCriterion,
    class_weight_of,
    logits_reader,
)
from skdistill.neural.bridge._disguise import InDisguise, disguised
from skdistill.neural.bridge._interrupts import RaisesInterrupts
from skdistill.neural.bridge._lesson import (
    ROWS,
    LabeledBatches,
    Lesson,
    Numbered,
    root_of,
    rows_of,
)
from skdistill.targets import SoftTargets


class _Student(RaisesInterrupts, InDisguise):
    """The mixin for a skorch net while it learns.

    Everything of the net's class stays in force (its own `get_loss`, callbacks, split,
    iterators); only the criterion answers differently, for the rows of a batch, whose
    numbers travel with the batch's labels.
    """

    _lesson: Lesson
    _until_the_end: ExitStack

    def initialize_criterion(self):
        super().initialize_criterion()
        criterion = self.criterion_
        if not isinstance(criterion, SoftCriterion):
            read = logits_reader(self)
            self._lesson.weigh_classes(class_weight_of(criterion))
            self._until_the_end.enter_context(
                disguised(
                    criterion, SoftCriterion, _lesson=self._lesson, _logits_of=read
                )
            )
        return self

    def torch_compile(self, module, name):
        # The wrapper that compiling makes would hide the criterion's class.
        if isinstance(module, SoftCriterion):
            return module
        return super().torch_compile(module, name)

    def get_split_datasets(self, X, y=None, **params):
        train, valid = super().get_split_datasets(X, y, **params)
        root, n_rows = root_of(train), len(self._lesson.codes)
        if len(root) != n_rows:
            raise ValueError(
                f"The net's training dataset, {type(root).__name__}, has {len(root)} "
                f"rows where X has {n_rows}: which targets belong to which of its rows "
                "is unknown. Give a `dataset` with one item per row of X and a "
                "`train_split` that makes torch.utils.data.Subset of it."
            )
        self._lesson.hold(
            (dataset, rows_of(dataset))
            for dataset in (train, valid)
            if dataset is not None and root_of(dataset) is root
        )
        return train, valid

    def get_iterator(self, dataset, training=False):
        for known, rows in self._lesson.datasets:
            if dataset is known:
                numbered = Numbered(dataset, rows)
                loader = super().get_iterator(numbered, training=training)
                return LabeledBatches(loader, self._lesson.codes)
        return super().get_iterator(dataset, training=training)

    def infer(self, x, **fit_params):
        return super().infer(cast_input(x, self.module_), **fit_params)

    def get_loss(self, y_pred, y_true, *args, **kwargs):
        self._lesson.rows = getattr(y_true, ROWS, None)
        try:
            return super().get_loss(y_pred, y_true, *args, **kwargs)
        finally:
            self._lesson.rows = None


def fit_net(
    net, X, targets: SoftTargets, random_state: int | None = None, **fit_params
):
    """Train a skorch net on soft targets through the distillation loss.

    The net's criterion is replaced for the fit. How the module's output is read
    follows skorch: logits with `CrossEntropyLoss`, probabilities with `NLLLoss` (the
    default of its classifier), one logit with `BCEWithLogitsLoss`, one probability
    with `BCELoss`, and with other criteria what `predict_nonlinearity` makes of it.
    Splits and callbacks see the position of each row's label in ``targets.classes``
    (for an unlabelled row, of the teacher's largest probability); the training and
    validation losses in the history are distillation losses.

    Parameters
    ----------
    net : skorch.NeuralNetClassifier or other skorch.NeuralNet
        Unfitted, and the caller's to give away: it is fitted in place.
    X : array-like of shape (n_rows, ...)
        DataFrames become arrays. Batches are cast to the dtype of the module.
    targets : SoftTargets
        The lesson, one row per row of X. A `weight` per class of the criterion is
        honoured, by :meth:`SoftTargets.weighted_by_class`.
    random_state : int or RandomState, default=None
        Seeds initial weights, splits, shuffling and dropout, and leaves the global
        generators of torch and NumPy as they were. None draws from these.
    **fit_params
        Passed to ``net.fit``.

    Returns
    -------
    skorch.NeuralNet
        The same net, fitted, of its own class with its own criterion; no trace of
        this package is on it. Columns of its `predict_proba` are in the order of
        ``targets.classes``, and its `classes_` says so (where it was not given
        `classes`; a `NeuralNetBinaryClassifier` always says 0 and 1). As ever with
        skorch, its `predict` gives positions, not labels.

    Raises
    ------
    ValueError
        If the criterion cannot be replaced faithfully, the module gives another
        number of outputs than there are classes, or the net's dataset other rows
        than X.
    KeyboardInterrupt
        If the training is interrupted, which skorch would take for its end. What a
        callback raises to stop early (`EarlyStopping`) does end it.

    Examples
    --------
    >>> import numpy as np, torch
    >>> from skorch import NeuralNetClassifier
    >>> from skdistill.neural import fit_net
    >>> from skdistill.targets import SoftTargets
    >>> X = np.array([[0.0], [1.0]])
    >>> lesson = SoftTargets(
    ...     classes=np.array(["no", "yes"]),
    ...     teacher=np.array([[0.9, 0.1], [0.2, 0.8]]),
    ...     labels=np.array([0, 1]),
    ...     alpha=1.0,
    ... )
    >>> net = NeuralNetClassifier(
    ...     torch.nn.Linear(1, 2), criterion=torch.nn.CrossEntropyLoss,
    ...     lr=1.0, max_epochs=300, train_split=None, verbose=0,
    ... )
    >>> net = fit_net(net, X, lesson, random_state=0)
    >>> net.predict_proba(X.astype("float32")).round(2)
    array([[0.9, 0.1],
           [0.2, 0.8]], dtype=float32)
    >>> net.classes_.tolist()
    ['no', 'yes']
    """
    lesson = Lesson(targets)
    with ExitStack() as stack:
        stack.enter_context(seeded(random_state, net.device))
        stack.enter_context(
            disguised(net, _Student, _lesson=lesson, _until_the_end=stack)
        )
        net.fit(skorch_input(X), lesson.codes, **fit_params)
    if hasattr(net, "classes_inferred_"):
        net.classes_inferred_ = np.array(targets.classes)
    return net
