"""The bridge to skorch: users' own nets teach and learn, and stay as they are."""

from skdistill.neural.bridge._casting import casting_inputs, stand_in
from skdistill.neural.bridge._nested import contains_network, is_net
from skdistill.neural.bridge._skorch import fit_net

__all__ = ["casting_inputs", "contains_network", "fit_net", "is_net", "stand_in"]
