"""Scorers that compare a model with its teacher, for searches."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn import get_config
from sklearn.utils.metadata_routing import (
    UNCHANGED,
    MetadataRequest,
    get_routing_for_object,
)

from skdistill.metrics._agreement import fidelity_score, teacher_kl_divergence
from skdistill.metrics._asked import pair_up

_METHODS = ("predict_proba", "predict")


class TeacherScorer:
    """A score of what a model says against what a teacher says about the same rows.

    Made by :func:`make_teacher_scorer`.

    Parameters
    ----------
    score_func : callable
        ``score_func(teacher, student, **kwargs)``.
    sign : {1, -1}
        What the score is multiplied by, so that greater is better.
    kwargs : dict
        For `score_func`.
    response_method : {"predict_proba", "predict"}
        What the model is asked.
    """

    #: For searches, which then hand on what the teacher of a fold says.
    asks_teacher = True

    def __init__(
        self, score_func: Callable, sign: int, kwargs: dict, response_method: str
    ):
        self._score_func = score_func
        self._sign = sign
        self._kwargs = kwargs
        self._response_method = response_method
        # The owner is for messages only; None refuses what nobody asked for.
        self._metadata_request = MetadataRequest(owner=repr(self))
        self._request(teacher_proba=None, sample_weight=None)

    def __call__(
        self, estimator, X, y=None, *, teacher_proba=None, sample_weight=None
    ) -> float:
        """Score a fitted model.

        Parameters
        ----------
        estimator : classifier
            Fitted: any, with `teacher_proba`; without it a distiller that can ask its
            teacher, alone, as the last step of a pipeline, or found by a search.
        X : array-like of shape (n_rows, n_features)
            Rows.
        y : array-like of shape (n_rows,), default=None
            Not looked at.
        teacher_proba : array-like of shape (n_rows, n_columns), default=None
            What a teacher says about the rows, in the order of the model's
            `classes_`, or a frame with labels as names of its columns. Where the
            distiller's `fit` takes such a table, it is read as there
            (`teacher_classes`, `teacher_output`). Rows of nothing but NaN or 0 are
            left out. None: the model's own teacher is asked.
        sample_weight : array-like of shape (n_rows,), default=None
            Row weights.

        Returns
        -------
        float
            Greater is better.

        Raises
        ------
        ValueError
            If there is no teacher to ask, or its table does not fit.
        """
        said = self._respond(estimator, X)
        both = pair_up(estimator, X, said, teacher_proba, sample_weight)
        teacher = both.teacher
        if self._response_method == "predict":
            teacher = np.asarray(estimator.classes_)[teacher.argmax(axis=1)]
        weights = {} if both.weight is None else {"sample_weight": both.weight}
        score = self._score_func(teacher, both.student, **self._kwargs, **weights)
        return self._sign * score

    def _respond(self, estimator, X):
        if not hasattr(estimator, self._response_method):
            raise ValueError(
                f"{type(estimator).__name__} has no {self._response_method}; make a "
                "scorer that compares what it says, make_teacher_scorer(..., "
                "response_method='predict'), or take a student with probabilities."
            )
        return np.asarray(getattr(estimator, self._response_method)(X))

    def set_score_request(self, *, teacher_proba=UNCHANGED, sample_weight=UNCHANGED):
        """Say which metadata a search is to pass on, sliced by its folds.

        Parameters
        ----------
        teacher_proba, sample_weight : bool, None or str, default="$UNCHANGED$"
            True: wanted; False: not; None: passing it is an error; a text: wanted, and
            passed to the search by that name.

        Returns
        -------
        self : TeacherScorer
            This scorer.

        Raises
        ------
        RuntimeError
            Unless metadata routing is switched on.
        """
        if not get_config()["enable_metadata_routing"]:
            raise RuntimeError(
                "A scorer gets metadata by scikit-learn's metadata routing; switch it "
                "on first, sklearn.set_config(enable_metadata_routing=True)."
            )
        return self._request(teacher_proba=teacher_proba, sample_weight=sample_weight)

    def _request(self, **requests: Any):
        for name, alias in requests.items():
            if alias is not UNCHANGED:
                self._metadata_request.score.add_request(param=name, alias=alias)
        return self

    def get_metadata_routing(self):
        """Say which metadata is requested.

        Returns
        -------
        MetadataRequest
            See scikit-learn's guide to metadata routing.
        """
        return get_routing_for_object(self._metadata_request)

    def _accept_sample_weight(self) -> bool:
        # Asked by searches with several scores, where metadata is not routed.
        return "sample_weight" in inspect.signature(self._score_func).parameters

    def __repr__(self):
        name = getattr(self._score_func, "__name__", repr(self._score_func))
        parts = [name]
        parts += [] if self._sign > 0 else ["greater_is_better=False"]
        parts.append(f"response_method={self._response_method!r}")
        parts += [f"{key}={value!r}" for key, value in self._kwargs.items()]
        return f"make_teacher_scorer({', '.join(parts)})"


def make_teacher_scorer(
    score_func: Callable,
    *,
    response_method: str = "predict_proba",
    greater_is_better: bool = True,
    **kwargs,
) -> TeacherScorer:
    """Make a scorer that compares a model with its teacher.

    Parameters
    ----------
    score_func : callable
        ``score_func(teacher, student, **kwargs)``, a number; with `sample_weight` by
        name where rows have weights. Scores of scikit-learn will do: they get the
        teacher's word for the truth.
    response_method : {"predict_proba", "predict"}, default="predict_proba"
        What the two say: probabilities, over the same classes, or labels.
    greater_is_better : bool, default=True
        Whether it is a score; else a loss, which is then negated.
    **kwargs : dict
        For `score_func`.

    Returns
    -------
    callable
        ``scorer(estimator, X, y, *, teacher_proba=None, sample_weight=None)``, for
        ``scoring=``. Without `teacher_proba` it asks the estimator's own teacher,
        which a :class:`~skdistill.DistillationClassifier` holds, alone, at the end of
        a pipeline or in a search. It can be pickled if `score_func` can.

    Raises
    ------
    TypeError, ValueError
        If there is nothing to call, or no such method.

    See Also
    --------
    fidelity_scorer, neg_teacher_kl_scorer : Made by this.

    Notes
    -----
    A table of what a teacher said has to be sliced by the folds of a search, so it
    goes there as metadata: :ref:`evidence` shows how.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.ensemble import RandomForestClassifier
    >>> from sklearn.metrics import cohen_kappa_score
    >>> from sklearn.model_selection import GridSearchCV
    >>> from sklearn.tree import DecisionTreeClassifier
    >>> from skdistill import DistillationClassifier
    >>> from skdistill.metrics import make_teacher_scorer
    >>> X, y = load_iris(return_X_y=True)
    >>> model = DistillationClassifier(
    ...     RandomForestClassifier(20, random_state=0),
    ...     DecisionTreeClassifier(random_state=0),
    ... )
    >>> kappa = make_teacher_scorer(cohen_kappa_score, response_method="predict")
    >>> search = GridSearchCV(model, {"student__max_depth": [1, 4]}, scoring=kappa)
    >>> search.fit(X, y).best_params_
    {'student__max_depth': 4}
    """
    if not callable(score_func):
        raise TypeError(
            f"score_func={score_func!r} must be a function, score_func(teacher, "
            "student); for the name of a score of scikit-learn give the function."
        )
    if response_method not in _METHODS:
        raise ValueError(
            f"response_method={response_method!r} must be one of {_METHODS}."
        )
    sign = 1 if greater_is_better else -1
    return TeacherScorer(score_func, sign, kwargs, response_method)


#: Share of rows on which model and teacher predict the same class.
fidelity_scorer = make_teacher_scorer(fidelity_score, response_method="predict")

#: Minus the KL divergence of the model from its teacher, in nats.
neg_teacher_kl_scorer = make_teacher_scorer(
    teacher_kl_divergence, greater_is_better=False
)
