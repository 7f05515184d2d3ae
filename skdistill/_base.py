"""What every distiller is: a teacher and a student, under scikit-learn's protocol."""

from __future__ import annotations

import difflib
import functools

import numpy as np
from sklearn import get_config
from sklearn.base import BaseEstimator, MetaEstimatorMixin, clone
from sklearn.utils.metadata_routing import (
    UNUSED,
    MetadataRouter,
    MethodMapping,
    process_routing,
)
from sklearn.utils.metaestimators import available_if

from skdistill._display import visual_block
from skdistill.teachers import is_given, is_list, keep_or_clone, members_of


def _unexpected(names: list[str]) -> str:
    own = ("sample_weight", "groups", "teacher_proba", "X_unlabeled")
    meant = {n: difflib.get_close_matches(n, own, 1) for n in names}
    hints = [f"did you mean {m[0]!r}? " for m in meant.values() if m]
    return (
        f"fit got unexpected {names}; {''.join(hints)}To pass metadata on to teacher "
        "or student call sklearn.set_config(enable_metadata_routing=True) and request "
        "it there with set_fit_request."
    )


def routes(child) -> bool:
    return hasattr(child, "get_metadata_routing") and not isinstance(child, type)


def _says_proba(self) -> bool:
    return hasattr(self, "predict_proba")


class SaysLogProba:
    """The mixin for classifiers whose `predict_proba` is all they know."""

    @available_if(_says_proba)
    def predict_log_proba(self, X):
        """Predict the logarithm of the probability of each class.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_rows, n_features)
            Rows, as the student takes them.

        Returns
        -------
        ndarray of shape (n_rows, n_classes)
            One column for each of `classes_`.
        """
        with np.errstate(divide="ignore"):
            return np.log(self.predict_proba(X))


class BaseDistiller(MetaEstimatorMixin, BaseEstimator):
    """Parameters, cloning, metadata routing, tags and looks of a distiller.

    A given (fitted) teacher is an object to be used, not a setting: it survives
    cloning as it is, and its parameters are not the distiller's.
    """

    # These are for the distiller itself: no need to ask for them. Groups are for the
    # splitter in `teacher_cv`, which asks for them.
    __metadata_request__fit = {
        "groups": UNUSED,
        "teacher_proba": True,
        "X_unlabeled": True,
    }

    def get_params(self, deep=True):
        """Get parameters; those of a given (fitted) teacher are not among them.

        Parameters
        ----------
        deep : bool, default=True
            Whether to include the parameters of an unfitted teacher and the student.

        Returns
        -------
        dict
            Names to values.
        """
        params = super().get_params(deep=deep)
        if deep and is_given(self.teacher):
            params = {k: v for k, v in params.items() if not k.startswith("teacher__")}
        return params

    def set_params(self, **params):
        """Set parameters, nested ones as ``student__name`` and ``teacher__name``.

        Parameters
        ----------
        **params : dict
            Names to values.

        Returns
        -------
        self : DistillationClassifier
            This estimator.

        Raises
        ------
        ValueError
            For a parameter of a given (fitted) teacher, which would have no effect.
        """
        nested = sorted(name for name in params if name.startswith("teacher__"))
        teacher = params.get("teacher", self.teacher)
        if nested and is_given(teacher):
            raise ValueError(
                f"{nested[0]!r} cannot be set: the teacher {type(teacher).__name__} is "
                "used as it is (given fitted), so its parameters have no effect. Give "
                "an unfitted teacher to search over them, or a grid of fitted ones, "
                "{'teacher': [FrozenEstimator(a), FrozenEstimator(b)]}."
            )
        return super().set_params(**params)

    def _teacher_names(self) -> list[str]:
        members = members_of(self.teacher)
        if not is_list(self.teacher):
            return ["teacher"]
        return [f"teacher_{k}" for k in range(len(members))]

    def get_metadata_routing(self):
        """Say which metadata `fit` takes for itself, the teacher and the student.

        Returns
        -------
        MetadataRouter
            See scikit-learn's guide to metadata routing.
        """
        router = MetadataRouter(owner=self).add_self_request(self)
        to_fit = MethodMapping().add(caller="fit", callee="fit")
        children = dict(
            zip(self._teacher_names(), members_of(self.teacher), strict=True)
        )
        children["student"] = self.student
        for name, child in children.items():
            if routes(child):
                router.add(**{name: child}, method_mapping=to_fit)
        if routes(self.teacher_cv):
            to_split = MethodMapping().add(caller="fit", callee="split")
            router.add(teacher_cv=self.teacher_cv, method_mapping=to_split)
        return router

    def __sklearn_clone__(self):
        params = self.get_params(deep=False)
        copies = {
            name: keep_or_clone(value)
            if name == "teacher"
            else clone(value, safe=False)
            for name, value in params.items()
        }
        copy = type(self)(**copies)
        for name in ("_metadata_request", "_sklearn_output_config"):
            if hasattr(self, name):
                setattr(copy, name, clone(getattr(self, name), safe=False))
        return copy

    def __sklearn_is_fitted__(self):
        return hasattr(self, "_lesson")

    def _sk_visual_block_(self):
        return visual_block(self)

    def __repr__(self, N_CHAR_MAX=700):
        text = super().__repr__(N_CHAR_MAX=N_CHAR_MAX)
        if not hasattr(self, "_lesson"):
            return text
        return f"{text}  # teacher {self.teacher_source_}, student by {self.route_!r}"

    def _route_metadata(self, params: dict) -> tuple[list[dict], dict]:
        """Sort further metadata into what each teacher's and the student's fit get."""
        members = members_of(self.teacher)
        if not get_config()["enable_metadata_routing"]:
            if params:
                raise ValueError(_unexpected(sorted(params)))
            return [{}] * len(members), {}
        routed = process_routing(self, "fit", **params)
        # What has nothing to request was not added to the router.
        by_teacher = [
            dict(routed[name]["fit"]) if routes(m) else {}
            for name, m in zip(self._teacher_names(), members, strict=True)
        ]
        if not routes(self.student):
            return by_teacher, {}
        return by_teacher, dict(routed["student"]["fit"])

    def _say(self, what: str) -> None:
        if self.verbose:
            print(f"[{type(self).__name__}] {what}")

    def _progress_bar(self):
        if not self.verbose:
            return None
        from tqdm import tqdm

        return functools.partial(tqdm, desc="asking the teacher", unit="batch")
