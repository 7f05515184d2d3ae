"""Knowledge distillation as scikit-learn estimators."""

from skdistill._budget import BudgetedDistillationCV
from skdistill._classifier import DistillationClassifier
from skdistill._deployment import strip_teacher
from skdistill._generations import BornAgainClassifier
from skdistill._search import DistillationClassifierCV
from skdistill.report import DistillationReport, distillation_report

__version__ = "0.1.0.dev0"

__all__ = [
    "BornAgainClassifier",
    "BudgetedDistillationCV",
    "DistillationClassifier",
    "DistillationClassifierCV",
    "DistillationReport",
    "distillation_report",
    "strip_teacher",
]
