"""The way to production: ONNX files of students, and a classifier that serves them.

These need onnx and skl2onnx (to write) and onnxruntime (to read): ``pip install
skdistill[onnx]``. Where skl2onnx is installed, importing this room tells it how to
write the classifiers of this package, wherever they are in a model.
"""

import contextlib

from skdistill.export._registration import register
from skdistill.export._runtime import OnnxClassifier
from skdistill.export._to_onnx import to_onnx

__all__ = ["OnnxClassifier", "to_onnx"]

with contextlib.suppress(ImportError):
    register()
