"""All that needs torch: the loss, torch modules as functions, the bridge to skorch."""

from skdistill.neural._casting import casting_inputs, stand_in
from skdistill.neural._estimator import NeuralClassifier
from skdistill.neural._modules import logits_of, module_logits
from skdistill.neural._nested import (
    contains_network,
    is_net,
)
from skdistill.neural._seeding import seeded
from skdistill.neural._sharing import sharing_copy
from skdistill.neural._skorch import fit_net
from skdistill.neural._together import fit_together
from skdistill.neural.losses import distillation_loss

__all__ = [
    "NeuralClassifier",
    "casting_inputs",
    "contains_network",
    "distillation_loss",
    "fit_net",
    "fit_together",
    "is_net",
    "logits_of",
    "module_logits",
    "seeded",
    "sharing_copy",
    "stand_in",
]
