"""Evidence: what a student has kept of its teacher, on rows that neither has seen."""

from skdistill.report._document import DistillationReport
from skdistill.report._report import distillation_report

__all__ = ["DistillationReport", "distillation_report"]
