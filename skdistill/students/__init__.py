"""How a student learns soft targets: a ladder of routes, the first that applies.

===================  ===============================================================
route                students
===================  ===============================================================
``"network"``        torch modules, skorch classifiers, and any classifier that has
                     ``fit_soft_targets`` (as `NeuralClassifier`)
``"tree"``           scikit-learn's single trees that split by Gini impurity or entropy
``"forest"``         scikit-learn's random forests and extremely randomised trees
``"linear"``         `LogisticRegression`
``"boosting"``       `HistGradientBoostingClassifier`
``"bagging"``        `BaggingClassifier`: each member takes its own route
``"weighted copies"``  any other classifier whose `fit` takes `sample_weight`
``"regression"``     any regressor
``"hard labels"``    any other classifier, with a warning
===================  ===============================================================

A pipeline takes the route of its last step. With ``alpha=0`` there is nothing to
distil: the student is fitted on the labels as it is (route ``"labels"``).
"""

from skdistill.students._ladder import (
    can_learn_together,
    check_redraws,
    check_student,
    has_probabilities,
    hears_weights,
    learn,
    learn_together,
    listens,
    listens_without_alpha,
    route_of,
    wanted_representations,
)
from skdistill.students._lesson import InterruptedLesson, Lesson

__all__ = [
    "InterruptedLesson",
    "Lesson",
    "can_learn_together",
    "check_redraws",
    "check_student",
    "has_probabilities",
    "hears_weights",
    "learn",
    "learn_together",
    "listens",
    "listens_without_alpha",
    "route_of",
    "wanted_representations",
]
