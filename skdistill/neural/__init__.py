"""All that needs torch: the loss, torch modules as functions, the bridge to skorch."""

from skdistill.neural._estimator import NeuralClassifier
from skdistill.neural._modules import logits_of, module_logits
from skdistill.neural._seeding import seeded
from skdistill.neural._sharing import sharing_copy
from skdistill.neural._together import fit_together
from skdistill.neural._words import in_words
from skdistill.neural.bridge import (
    casting_inputs,
    contains_network,
    fit_net,
    is_net,
    stand_in,
)
from skdistill.neural.losses import distillation_loss

__all__ = [
    "NeuralClassifier",
    "casting_inputs",
    "contains_network",
    "distillation_loss",
    "fit_net",
    "fit_together",
    "in_words",
    "is_net",
    "logits_of",
    "module_logits",
    "seeded",
    "sharing_copy",
    "stand_in",
]
