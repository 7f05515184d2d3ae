"""Estimators as teachers: anything with predict_proba or decision_function."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from skdistill._detect import is_network, is_skorch_net
from skdistill._sklearn_compat import feature_names_of
from skdistill.teachers._base import Teacher, ready_to_predict


def is_fitted(estimator) -> bool:
    """Whether an estimator is fitted, asking first in the ways that libraries offer.

    Examples
    --------
    >>> from sklearn.tree import DecisionTreeClassifier
    >>> from skdistill.teachers._estimators import is_fitted
    >>> is_fitted(DecisionTreeClassifier())
    False
    """
    if is_skorch_net(estimator):
        return bool(getattr(estimator, "initialized_", False))
    own_word = getattr(estimator, "is_fitted", None)
    if callable(own_word) and not hasattr(estimator, "__sklearn_is_fitted__"):
        return bool(own_word())
    try:
        check_is_fitted(estimator)
    except (NotFittedError, TypeError):
        return False
    except AttributeError:  # no tags: not one of scikit-learn's, so look at its state
        return any(name[-1] == "_" and name[:2] != "__" for name in vars(estimator))
    return True


class EstimatorTeacher(Teacher):
    """A fitted classifier.

    Parameters
    ----------
    estimator : classifier
        Fitted.
    source : {"given", "fitted"}
        Where it came from.
    output : {"auto", "probabilities", "logits"}, default="auto"
        What its scores are; "auto" goes by the method that gives them.
    hard : bool, default=False
        Whether a classifier that only predicts labels will do.
    classes : ndarray of shape (n_classes,), default=None
        The labels of its columns, if it was fitted on their positions.
    origin : str, default=None
        The name of what it was fitted from, in a store.
    """

    def __init__(
        self,
        estimator,
        source: str,
        *,
        output: str = "auto",
        hard: bool = False,
        classes: NDArray | None = None,
        origin: str | None = None,
    ):
        super().__init__(source)
        self.model = estimator
        self.name = type(estimator).__name__
        self.method = score_method(estimator, hard=hard)
        if output == "auto" and _has_logits(estimator):
            # Probabilities near 0 would be cut off where a temperature softens them.
            self.method = "decision_function"
        by_method = {"decision_function": "logits"}.get(self.method, "probabilities")
        self.kind = by_method if output == "auto" else output  # type: ignore[assignment]
        self._classes = classes
        self._origin = origin

    def identity(self):
        """The estimator, or what it was fitted from, and how it is asked."""
        who = self.model if self._origin is None else self._origin
        return who, self.method, self.kind

    def own_classes(self):
        """`classes_` of the estimator."""
        classes = self._classes
        if classes is None:
            classes = getattr(self.model, "classes_", None)
        return None if classes is None else np.asarray(classes)

    def check_rows(self, X) -> None:
        """Raise if X has other columns than the teacher was trained on."""
        theirs = getattr(self.model, "feature_names_in_", None)
        ours = feature_names_of(X)
        advice = (
            "A fitted teacher sees X as it is: give it the columns it was trained on "
            "and put scalers and encoders inside the student, "
            "make_pipeline(StandardScaler(), student), not before the distiller."
        )
        if theirs is not None and (ours is None or list(ours) != list(theirs)):
            got = "X has no column names" if ours is None else f"X has {list(ours)}"
            raise ValueError(
                f"The teacher {self.name} was trained on the columns {list(theirs)}; "
                f"{got}. {advice}"
            )
        width = getattr(self.model, "n_features_in_", None)
        n_columns = X.shape[1] if len(getattr(X, "shape", ())) == 2 else None
        if width is not None and n_columns is not None and width != n_columns:
            raise ValueError(
                f"The teacher {self.name} was trained on {width} features; X has "
                f"{n_columns} features. {advice}"
            )

    def scores(self, X):
        """Probabilities, or the decision function as logits."""
        answer = getattr(ready_to_predict(self.model), self.method)(X)
        if self.method == "predict":
            return (np.asarray(answer)[:, None] == self.own_classes()).astype(float)
        if isinstance(answer, list):
            raise ValueError(
                f"The teacher {self.name} answers for {len(answer)} outputs; distil "
                "one output at a time."
            )
        classes = self.own_classes()
        if self.method == "decision_function" and classes is not None:
            self._check_one_score_a_class(np.shape(answer), len(classes))
        return answer

    def _check_one_score_a_class(self, shape: tuple, n_classes: int) -> None:
        by_pairs = len(shape) == 2 and shape[1] == n_classes * (n_classes - 1) / 2
        model = self.model[-1] if isinstance(self.model, Pipeline) else self.model
        # Three classes have three pairs: only the setting tells them apart.
        says_ovo = getattr(model, "decision_function_shape", None) == "ovo"
        if n_classes > 2 and by_pairs and (n_classes != 3 or says_ovo):
            raise ValueError(
                f"The teacher {self.name} scores pairs of classes ({shape[1]} columns "
                f"for {n_classes} classes); set decision_function_shape='ovr'."
            )


def _has_logits(estimator) -> bool:
    """Whether `decision_function` gives the logits of a network."""
    return is_network(estimator) and hasattr(estimator, "decision_function")


def score_method(estimator, *, hard: bool = False) -> str:
    """Name the method by which an estimator gives scores.

    Raises
    ------
    TypeError
        If it has none (a label-only one will do where targets are hard).
    """
    for method in ("predict_proba", "decision_function"):
        if hasattr(estimator, method):
            return method
    if hard and hasattr(estimator, "predict"):
        return "predict"
    raise TypeError(
        f"teacher={estimator!r} has neither predict_proba nor decision_function; give "
        "a classifier that scores classes (voting='soft', probability=True, ...)"
        + (", or set targets='hard'." if hasattr(estimator, "predict") else ".")
    )
