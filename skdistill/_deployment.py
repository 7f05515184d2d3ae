"""Leave the teacher behind."""

from __future__ import annotations

import copyreg
import io
import pickle

from sklearn.utils.validation import check_is_fitted

from skdistill._classifier import DistillationClassifier


def strip_teacher(model):
    """Copy a fitted model without its teacher: what goes to production.

    The copy predicts identically and holds no teacher, so it is as small, in memory
    and in a file, as its student. It cannot be fitted again.

    Parameters
    ----------
    model : estimator
        A `DistillationClassifier`, or anything that holds some: a pipeline, a voting
        classifier, a calibrated one. Of a search the best estimator is taken.

    Returns
    -------
    estimator
        A deep copy of the same class (of a search: of its best estimator).

    Raises
    ------
    sklearn.exceptions.NotFittedError
        If the model is not fitted: without a teacher it never could be.

    Examples
    --------
    >>> import pickle
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.ensemble import RandomForestClassifier
    >>> from sklearn.tree import DecisionTreeClassifier
    >>> from skdistill import DistillationClassifier, strip_teacher
    >>> X, y = load_digits(return_X_y=True)
    >>> forest = RandomForestClassifier(random_state=0).fit(X, y)
    >>> tree = DecisionTreeClassifier(max_leaf_nodes=64, random_state=0)
    >>> model = DistillationClassifier(forest, tree).fit(X, y)
    >>> small = strip_teacher(model)
    >>> len(pickle.dumps(small)) < len(pickle.dumps(model)) / 50
    True
    >>> bool((small.predict_proba(X) == model.predict_proba(X)).all())
    True
    """
    check_is_fitted(model)
    if hasattr(model, "best_estimator_"):
        model = model.best_estimator_
    buffer = io.BytesIO()
    _Stripper(buffer, protocol=pickle.HIGHEST_PROTOCOL).dump(model)
    return pickle.loads(buffer.getvalue())


class _Stripper(pickle.Pickler):
    """A pickler that passes by the teachers, however deep the distillers lie."""

    def reducer_override(self, obj):
        if not isinstance(obj, DistillationClassifier):
            return NotImplemented
        state = obj.__getstate__() | {"teacher": None}
        state.pop("teacher_", None)
        return copyreg.__newobj__, (type(obj),), state
