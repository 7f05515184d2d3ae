"""How skl2onnx finds out that a classifier can be written to an ONNX file."""

from __future__ import annotations

import importlib
import sys

_REGISTRATION = "skdistill.export._registration"


def _export(what: str):
    # By name, for it lies far above: the way to production is over everything.
    registration = importlib.import_module(_REGISTRATION)
    registration.register()
    return getattr(registration, what)


class ONNX:
    """The mixin for classifiers that :mod:`skdistill.export` can write.

    skl2onnx asks a model for these methods. Each of them brings the converters in, so
    that nobody has to. Only where it looks up the class of a model instead, inside
    ensembles such as `VotingClassifier`, `skdistill.export` has to be imported before.
    """

    def __init_subclass__(cls, **kwargs):
        super().__init_subclass__(**kwargs)
        if _REGISTRATION in sys.modules and "skl2onnx" in sys.modules:
            _export("register")

    def onnx_parser(self):
        """Name the outputs; for skl2onnx.

        Returns
        -------
        callable
            ``parser(scope, inputs) -> list of Variable``.
        """
        declare = _export("declare_outputs")
        return lambda scope=None, inputs=None: declare(scope, self)

    def onnx_shape_calculator(self):
        """Tell shapes and types of the outputs; for skl2onnx.

        Returns
        -------
        callable
            ``calculate(operator)``.
        """
        return _export("set_types")

    def onnx_converter(self):
        """Write the nodes; for skl2onnx.

        Returns
        -------
        callable
            ``convert(scope, operator, container)``.
        """
        return _export("convert")
