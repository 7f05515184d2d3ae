"""Search over temperature, alpha and more at the price of one teacher pass a fold."""

from skdistill._search._estimator import DistillationClassifierCV

__all__ = ["DistillationClassifierCV"]
