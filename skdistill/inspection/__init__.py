"""Pictures of what a student took over from its teacher, and at what price.

Classes in the manner of scikit-learn's displays: made by `from_estimator`,
`from_predictions` or the like, drawn again by `plot`. They need matplotlib
(``pip install skdistill[plot]``), and load it only to draw.
"""

from skdistill.inspection._confusion import TeacherConfusionDisplay
from skdistill.inspection._fidelity import FidelityDisplay
from skdistill.inspection._pareto import ParetoDisplay
from skdistill.inspection._soft_labels import SoftLabelDisplay
from skdistill.inspection._temperature_alpha import TemperatureAlphaDisplay
from skdistill.inspection._training_curve import TrainingCurveDisplay

__all__ = [
    "FidelityDisplay",
    "ParetoDisplay",
    "SoftLabelDisplay",
    "TeacherConfusionDisplay",
    "TemperatureAlphaDisplay",
    "TrainingCurveDisplay",
]
