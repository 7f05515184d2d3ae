"""Evidence: what a student has kept of its teacher, on rows that neither has seen."""

from skdistill.report._report import DistillationReport, distillation_report

__all__ = ["DistillationReport", "distillation_report"]
