"""A network as a scikit-learn classifier that learns soft targets by itself."""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.validation import check_is_fitted

from skdistill._onnx_protocol import ONNX
from skdistill.neural import _weights_files
from skdistill.neural._answers import AnswersByLogits
from skdistill.neural._ensemble import Ensemble
from skdistill.neural._inputs import validate_input
from skdistill.neural._loss_parameters import NestedLoss
from skdistill.neural._modules import device_of
from skdistill.neural._preparation import (
    Prepared,
    label_targets,
    new_encoder,
    prepare,
)
from skdistill.neural._progress import progress_report
from skdistill.neural._settings import check_settings, matchings
from skdistill.neural.losses import make_loss
from skdistill.neural.matching._layers_by_name import layer_outputs
from skdistill.neural.training import Outcome, on_cpu, train
from skdistill.targets import SoftTargets


class NeuralClassifier(
    NestedLoss, AnswersByLogits, ONNX, ClassifierMixin, BaseEstimator
):
    """A torch network, or an ensemble of some, that learns labels or soft targets.

    As the student of a :class:`~skdistill.DistillationClassifier` it minimises the
    distillation loss itself; fitted alone, the cross-entropy with the labels. All
    members of an ensemble are trained at once, each as it would be alone.

    Parameters
    ----------
    module : torch.nn.Module, class, function or None, default=None
        What gives the logits. None is a multilayer perceptron of the next parameters.
        An instance is a template: it is copied and initialised anew, and not changed.
        A class or function is called with the numbers of inputs and of classes (or
        without arguments, if it takes none).
    hidden_layer_sizes : sequence of int, default=(64, 32)
        Units of each hidden layer of the perceptron.
    activation : {"relu", "tanh", "logistic", "gelu", "silu", "leaky_relu", "elu"}, \
default="relu"
        Of the perceptron.
    dropout : float, default=0.0
        Rate after each hidden layer of the perceptron, in [0, 1).
    embedding : {None, "piecewise_linear"}, default=None
        How the perceptron reads numbers: as they are, or piecewise linear in bins of
        about equally many rows [1]_.
    n_bins : int, default=16
        Bins of each number, for "piecewise_linear".
    n_members : int, default=1
        Networks that are trained, from different seeds. Their mean logits answer.
    loss : str or ResponseLoss, default="kl"
        What is missed of a teacher, see :mod:`skdistill.neural.losses`: "kl",
        "logit_mse", "dkd", "dist", "standardized_kl", "gamma_kl" or "hard". Its
        parameters are set as ``loss__name``.
    label_smoothing : float, default=0.0
        Of the true labels, in [0, 1).
    matching : Matching or list of Matching, default=None
        Losses on inner representations, see :mod:`skdistill.neural.matching`. They
        need a teacher; members then train one after the other.
    final_temperature, final_alpha : float, default=None
        Temperature and alpha of the last epoch, reached step by step from those of
        the distiller. None: they stay.
    annealing : {"linear", "cosine"}, default="linear"
        The way there.
    optimizer : str or callable, default="adam"
        "adam", "adamw", "nadam", "radam", "rmsprop", "sgd" (Nesterov momentum 0.9),
        or a class of `torch.optim`.
    learning_rate : float, default=0.001
        Of the optimizer.
    learning_rate_schedule : {"constant", "cosine", "one_cycle"}, default="constant"
        "cosine" falls to 0; "one_cycle" rises for a tenth of the steps before.
    weight_decay : float, default=0.0
        Of the optimizer.
    batch_size : int, default=64
        Rows of a step.
    max_epochs : int or "auto", default="auto"
        How often all rows are seen. "auto" is 50, or what 3,000 steps take if that is
        more.
    early_stopping : bool, default=False
        Whether to hold rows out (stratified), to stop when the loss on these no longer
        falls, and to return to the best epoch. They are rows with labels, as long as a
        lesson has any. Where temperature or alpha move, it is the loss at their final
        values.
    validation_fraction : float, default=0.1
        Share of the rows with labels that is held out.
    n_iter_no_change : int, default=10
        Epochs without improvement before it stops.
    tol : float, default=0.0001
        What counts as improvement.
    class_weight : dict, "balanced" or None, default=None
        Weight of each class.
    scale : {"auto", True, False}, default="auto"
        Whether numeric columns are brought to mean 0 and standard deviation 1. "auto"
        does so for the perceptron only.
    categorical_features : None, "from_dtype" or array-like, default="from_dtype"
        Columns to encode one-hot. "from_dtype": those of a frame that hold categories,
        text or booleans; else indices, names or a mask.
    keep_weights : bool, default=False
        Whether a module given as an instance starts from the weights it has.
    warm_start : bool, default=False
        Whether `fit` goes on from the weights of the last one.
    device : str, default="auto"
        Where torch computes. "auto" is an accelerator if there is one.
    random_state : int, RandomState instance or None, default=None
        Seeds initial weights, orders of rows, dropout and the rows held out.
    verbose : int, default=0
        Above 0, show a progress bar.

    Attributes
    ----------
    modules_ : list of torch.nn.Module
        The trained members, in evaluation mode.
    classes_ : ndarray of shape (n_classes,)
        Labels.
    history_ : list of dict
        For each member "train_loss" and "valid_loss" (lists, one number for each
        epoch), "best_epoch" (whose weights it has) and "end" ("max_epochs",
        "early_stopping", "interrupted" or "failed").
    n_iter_ : int
        Epochs of the member that trained longest.
    n_features_in_ : int
        Number of features seen in `fit`.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the features, if X had any.

    See Also
    --------
    fit_together : Fit several of these at once.

    Notes
    -----
    Computed in the dtype of the module: float32, unless it says otherwise. Ctrl-C
    leaves the estimator fitted with the best weights so far. A loss that is no longer
    finite raises FloatingPointError and leaves the last good weights.

    References
    ----------
    .. [1] Gorishniy, Rubachev and Babenko, "On embeddings for numerical features in
       tabular deep learning", NeurIPS 2022.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.ensemble import RandomForestClassifier
    >>> from sklearn.model_selection import train_test_split
    >>> from skdistill import DistillationClassifier
    >>> from skdistill.neural import NeuralClassifier
    >>> X, y = load_digits(return_X_y=True)
    >>> X, X_test, y, y_test = train_test_split(X, y, random_state=0)
    >>> forest = RandomForestClassifier(random_state=0).fit(X, y)
    >>> student = NeuralClassifier(random_state=0)
    >>> model = DistillationClassifier(forest, student, temperature=2).fit(X, y)
    >>> bool(model.score(X_test, y_test) > 0.95)
    True
    """

    def __init__(
        self,
        module=None,
        *,
        hidden_layer_sizes=(64, 32),
        activation="relu",
        dropout=0.0,
        embedding=None,
        n_bins=16,
        n_members=1,
        loss="kl",
        label_smoothing=0.0,
        matching=None,
        final_temperature=None,
        final_alpha=None,
        annealing="linear",
        optimizer="adam",
        learning_rate=0.001,
        learning_rate_schedule="constant",
        weight_decay=0.0,
        batch_size=64,
        max_epochs="auto",
        early_stopping=False,
        validation_fraction=0.1,
        n_iter_no_change=10,
        tol=0.0001,
        class_weight=None,
        scale="auto",
        categorical_features="from_dtype",
        keep_weights=False,
        warm_start=False,
        device="auto",
        random_state=None,
        verbose=0,
    ):
        self.module = module
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.dropout = dropout
        self.embedding = embedding
        self.n_bins = n_bins
        self.n_members = n_members
        self.loss = loss
        self.label_smoothing = label_smoothing
        self.matching = matching
        self.final_temperature = final_temperature
        self.final_alpha = final_alpha
        self.annealing = annealing
        self.optimizer = optimizer
        self.learning_rate = learning_rate
        self.learning_rate_schedule = learning_rate_schedule
        self.weight_decay = weight_decay
        self.batch_size = batch_size
        self.max_epochs = max_epochs
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.tol = tol
        self.class_weight = class_weight
        self.scale = scale
        self.categorical_features = categorical_features
        self.keep_weights = keep_weights
        self.warm_start = warm_start
        self.device = device
        self.random_state = random_state
        self.verbose = verbose

    @classmethod
    def around(cls, module, random_state=None) -> NeuralClassifier:
        """Make an estimator of a module that trains a copy of it from its weights.

        Parameters
        ----------
        module : torch.nn.Module
            Gives logits. Where it is, it is trained.
        random_state : int or None, default=None
            Seeds orders of rows and dropout.

        Returns
        -------
        NeuralClassifier
            Unfitted.
        """
        return cls(
            module,
            keep_weights=True,
            categorical_features=None,
            device=str(device_of(module)),
            random_state=random_state,
        )

    def fit(self, X, y, sample_weight=None):
        """Fit the network on labels.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_rows, n_features)
            Rows; of any shape where the module takes them.
        y : array-like of shape (n_rows,)
            Labels.
        sample_weight : array-like of shape (n_rows,), default=None
            Weights of rows.

        Returns
        -------
        self : NeuralClassifier
            Fitted.

        Raises
        ------
        ValueError
            If a parameter or the data cannot be meant so.
        FloatingPointError
            If the loss does not stay finite. The weights are the last good ones.
        """
        check_settings(self)
        X = self._validated(X, reset=not self._goes_on())
        targets = label_targets(X, y, sample_weight, classes=self._known_classes())
        return self._train(
            prepare(self, X, targets, goes_on=self._goes_on(), has_teacher=False)
        )

    def fit_soft_targets(self, X, targets: SoftTargets):
        """Fit the network on what a teacher says of each row.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_rows, n_features)
            Rows.
        targets : SoftTargets
            The lesson, one row per row of X. Where it has a source of fresh rows
            (``targets.fresh``), each epoch but the first has new ones in the place of
            its last rows. They follow from the source, the epoch and the number of
            fits before, not from `random_state`, so that all networks of one source
            share them.

        Returns
        -------
        self : NeuralClassifier
            Fitted.

        Raises
        ------
        ValueError, FloatingPointError
            As `fit`. Also ValueError if fresh rows and `matching` are asked for at
            once: nobody knows what the teacher makes of rows still to be drawn.
        """
        check_settings(self)
        X = self._validated(X, reset=not self._goes_on())
        return self._train(prepare(self, X, targets, goes_on=self._goes_on()))

    def check_lesson(self, n_classes=None) -> None:
        """Check the parameters, before a teacher is asked; for distillers.

        Parameters
        ----------
        n_classes : int, default=None
            Classes to tell apart, once that is known.

        Raises
        ------
        ValueError
            Naming what is wrong, or why the loss cannot tell so few classes apart.
        """
        check_settings(self)
        if n_classes is not None:
            make_loss(self.loss).check(n_classes)

    def partial_fit(self, X, y, classes=None, sample_weight=None):
        """Go on for one epoch over some rows.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_rows, n_features)
            Rows. What scaling and categories are is learned from those of the first
            call.
        y : array-like of shape (n_rows,)
            Labels.
        classes : array-like of shape (n_classes,), default=None
            All labels there will be; needed in the first call.
        sample_weight : array-like of shape (n_rows,), default=None
            Weights of rows.

        Returns
        -------
        self : NeuralClassifier
            Fitted.
        """
        check_settings(self)
        first = not hasattr(self, "modules_")
        if classes is None:
            if first:
                raise ValueError(
                    "classes=None: the first call of partial_fit needs all labels "
                    "there will ever be."
                )
            classes = self.classes_
        classes = np.unique(classes)
        if not first and classes.tolist() != self.classes_.tolist():
            raise ValueError(
                f"classes={classes.tolist()} is not the same as in the first call of "
                f"partial_fit, {self.classes_.tolist()}."
            )
        X = self._validated(X, reset=first)
        targets = label_targets(X, y, sample_weight, classes=classes)
        return self._train(
            prepare(self, X, targets, goes_on=not first, has_teacher=False, epochs=1)
        )

    def initialize(self, X, y):
        """Build the modules for such data without training them.

        What scaling and categories are is learned from X, so with the rows of `fit`
        the result takes the weights that were saved of it.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_rows, n_features)
            Rows.
        y : array-like of shape (n_rows,)
            Labels.

        Returns
        -------
        self : NeuralClassifier
            Fitted, but for the weights.
        """
        check_settings(self)
        X = self._validated(X, reset=True)
        targets = label_targets(X, y, None)
        ready = prepare(self, X, targets, goes_on=False, has_teacher=False)
        return self._remember(ready, [Outcome() for _ in ready.jobs])

    def save_weights(self, path) -> None:
        """Write the weights to a file that holds nothing but numbers.

        Parameters
        ----------
        path : str or path-like
            Ending in ".safetensors" for that format (with the package of this name);
            else it is what `torch.load` reads with ``weights_only=True``.
        """
        check_is_fitted(self, "modules_")
        _weights_files.save(self.modules_, path)

    def load_weights(self, path):
        """Read weights from a file into a fitted or initialised network.

        Parameters
        ----------
        path : str or path-like
            What `save_weights` wrote. No code in the file is ever run.

        Returns
        -------
        self : NeuralClassifier
            With these weights.

        Raises
        ------
        ValueError
            If they are not of such a network.
        """
        check_is_fitted(self, "modules_")
        _weights_files.load(self.modules_, path)
        self._ensemble = Ensemble(self.modules_, self._row_shape)
        return self

    def layer_outputs(self, X, layer):
        """Compute what a layer puts out, the members' outputs side by side.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_rows, n_features)
            Rows.
        layer : str
            Name of a layer, out of ``modules_[0].named_modules()``. Those of the
            perceptron are "encoding", "hidden_0", "activation_0", ..., "output".

        Returns
        -------
        ndarray of shape (n_rows, n_members * n_outputs), float32
            Of one member, any shape (n_rows, ...).

        Raises
        ------
        ValueError
            If there is no such layer.
        """
        check_is_fitted(self, "modules_")
        encoded = self._encoder.transform(self._validated(X, reset=False))
        parts = [layer_outputs(module, encoded, layer) for module in self.modules_]
        if len(parts) == 1:
            return parts[0]
        return np.concatenate([part.reshape(len(part), -1) for part in parts], axis=1)

    def teacher_representations(self) -> list:
        """What `matching` wants to know of the teacher; for distillers.

        Returns
        -------
        list
            `teacher_layer` of each.
        """
        return [each.teacher_layer for each in matchings(self.matching)]

    def forget_teacher(self) -> None:
        """Let go of what `matching` holds of a teacher; for `strip_teacher`."""
        self.matching = None

    def _logits(self, X) -> NDArray[np.float64]:
        check_is_fitted(self, "modules_")
        X = self._encoder.transform(self._validated(X, reset=False))
        return self._ensemble.mean_logits(X)

    def _goes_on(self) -> bool:
        return bool(self.warm_start) and hasattr(self, "modules_")

    def _known_classes(self) -> NDArray | None:
        return self.classes_ if self._goes_on() else None

    def _validated(self, X, *, reset: bool):
        encoder = new_encoder(self) if reset else self._encoder
        allow_nd = self.module is not None
        return validate_input(self, encoder, X, reset=reset, allow_nd=allow_nd)

    def _train(self, ready: Prepared):
        with progress_report(
            self.verbose, ready.regime.max_epochs, len(ready.jobs)
        ) as report:
            outcomes = train(
                ready.jobs,
                ready.objective,
                ready.regime,
                report=report,
                matcher=ready.matcher,
            )
        return self._remember(ready, outcomes)

    def _remember(self, ready: Prepared, outcomes: Sequence[Outcome]):
        """Keep what was trained; then say what went wrong, if anything did."""
        interrupted = any(outcome.end == "interrupted" for outcome in outcomes)
        untouched = interrupted and not any(o.best_epoch for o in outcomes)
        failures = [outcome.message for outcome in outcomes if outcome.end == "failed"]
        if failures and not all(outcome.best_epoch for outcome in outcomes):
            raise FloatingPointError(failures[0])
        if untouched:
            raise KeyboardInterrupt("Interrupted in the first epoch: nothing is kept.")
        trained = [
            (job, outcome)
            for job, outcome in zip(ready.jobs, outcomes, strict=True)
            if outcome.best_epoch or not interrupted
        ]
        self.modules_ = [job.module.eval() for job, _ in trained]
        self.classes_ = ready.classes
        self.history_ = [outcome.history() for _, outcome in trained]
        self.n_iter_ = max(len(outcome.train_losses) for _, outcome in trained)
        self._optimizer_states = [outcome.optimizer for _, outcome in trained]
        self._n_fits = getattr(self, "_n_fits", 0) + 1 if ready.goes_on else 1
        self._encoder = ready.encoder
        self._row_shape = ready.row_shape
        self._ensemble = Ensemble(self.modules_, self._row_shape)
        if failures:
            raise FloatingPointError(failures[0])
        if interrupted:
            epochs = sorted(outcome.best_epoch for _, outcome in trained)
            raise KeyboardInterrupt(
                f"Interrupted: {len(trained)} of {len(outcomes)} networks are kept, "
                f"with their best weights so far (epoch {epochs[0]} to {epochs[-1]}). "
                "The estimator is fitted and can be used."
            )
        return self

    def __getstate__(self):
        state = dict(super().__getstate__())
        state.pop("_ensemble", None)
        if "modules_" in state:
            # A file that was written next to an accelerator is read without one.
            state["modules_"] = [deepcopy(m).cpu() for m in state["modules_"]]
            state["_optimizer_states"] = on_cpu(state["_optimizer_states"])
        return state

    def __setstate__(self, state):
        super().__setstate__(state)
        if hasattr(self, "modules_"):
            self._ensemble = Ensemble(self.modules_, self._row_shape)

    def __sklearn_is_fitted__(self):
        return hasattr(self, "modules_")

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.input_tags.three_d_array = self.module is not None
        return tags
