"""Modules of unknown layers, by the exporters that come with torch."""

from __future__ import annotations

import importlib.util
import io
import logging
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy

from skdistill.export._graph import Graph, Tensor

#: Operators of this age are asked for: torch's newer exporter writes no older ones.
_OPSET = 18
_ROWS = 2


def write_foreign(
    graph: Graph, module, rows: Tensor, row_shape: tuple
) -> tuple[Tensor, bool]:
    """Add what a module of unknown layers gives; parameters as of `write_module`.

    Where onnxscript is installed torch exports what the module computes, whatever it
    does; else it writes down what it does with one batch, so that a branch that
    depends on the numbers in it is fixed.
    """
    from onnx import TensorProto, compose, inliner

    if not row_shape:
        raise ValueError(
            f"{type(module).__name__} has layers that torch's exporter has to write, "
            "which wants the shape of a row, and the steps before it do not tell; give "
            "the last of them get_feature_names_out, or make the module an "
            "nn.Sequential."
        )
    if graph.container.target_opset < _OPSET:
        raise ValueError(
            f"target_opset={graph.container.target_opset} is too old for "
            f"{type(module).__name__}, which torch's exporter has to write; give "
            f"{_OPSET} or more, or make the module an nn.Sequential."
        )
    example, kind = _example(module, row_shape)
    made = inliner.inline_local_functions(_exported(module, example))
    prefix = graph.scope.get_unique_variable_name("module") + "_"
    body = compose.add_prefix(made, prefix).graph
    _insert(graph, body, graph.cast(rows, kind))
    output = body.output[0]
    told = output.type.tensor_type
    kinds = {TensorProto.FLOAT: "float", TensorProto.DOUBLE: "double"}
    shape = [each.dim_value for each in told.shape.dim]
    single = len(shape) == 1 or shape[-1] == 1
    return Tensor(output.name, kinds.get(told.elem_type, "")), single


def _insert(graph: Graph, body, rows: Tensor) -> None:
    """Put the nodes of another graph, whose names are new, into this one."""
    container = graph.container
    name = graph.scope.get_unique_operator_name("Rows")
    container.add_node("Identity", [rows.name], [body.input[0].name], name=name)
    container.nodes.extend(body.node)
    container.initializers.extend(body.initializer)
    container.node_domain_version_pair_sets.add(("", _OPSET))


def _example(module, row_shape: tuple):
    """Some rows of the kind that the module takes."""
    torch = sys.modules["torch"]
    embeds = any(
        isinstance(part, (torch.nn.Embedding, torch.nn.EmbeddingBag))
        for part in module.modules()
    )
    if embeds:
        return torch.zeros((_ROWS, *row_shape), dtype=torch.int64), "int64"
    floating = [p.dtype for p in module.parameters() if p.is_floating_point()]
    dtype = floating[0] if floating else torch.float32
    kind = "double" if dtype == torch.float64 else "float"
    return torch.zeros((_ROWS, *row_shape), dtype=dtype), kind


def _exported(module, example):
    """The module as a file of its own, for any number of rows."""
    import onnx

    from skdistill.neural import sharing_copy

    torch = sys.modules["torch"]
    module = sharing_copy(module)
    if any(tensor.device.type != "cpu" for tensor in module.parameters()):
        module = deepcopy(module).cpu()
    options = {
        "input_names": ["rows"],
        "output_names": ["logits"],
        "opset_version": _OPSET,
    }
    with _quietly():
        if importlib.util.find_spec("onnxscript") is not None:
            shapes = ({0: torch.export.Dim("n_rows")},)
            return torch.onnx.export(
                module,
                (example,),
                dynamo=True,
                dynamic_shapes=shapes,
                verbose=False,
                **options,
            ).model_proto
        written = io.BytesIO()
        axes = {"rows": {0: "n_rows"}, "logits": {0: "n_rows"}}
        torch.onnx.export(
            module, (example,), written, dynamo=False, dynamic_axes=axes, **options
        )
    return onnx.load_from_string(written.getvalue())


@contextmanager
def _quietly() -> Iterator[None]:
    """Keep to itself what torch has to say of its own plans."""
    log = logging.getLogger("torch.onnx")
    level = log.level
    log.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        log.setLevel(level)
