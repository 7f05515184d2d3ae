"""A graph in the making: what converters of skl2onnx write into, in fewer words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray


class Tensor(NamedTuple):
    """A tensor of the graph, and the kind of its numbers if that is known.

    Parameters
    ----------
    name : str
        Its name in the file.
    kind : str, default=""
        "float", "double", "int64", "string"; "" if nobody knows yet.
    """

    name: str
    kind: str = ""


class Graph:
    """Adds nodes, constants and whole sub-models.

    Parameters
    ----------
    scope, container
        As skl2onnx gives them to a converter.
    """

    def __init__(self, scope, container) -> None:
        from onnx import TensorProto

        self.scope, self.container = scope, container
        kinds = {kind_of(each) for each in scope.input_variables}
        #: Whether the rows themselves come in float64.
        self.in_double = "double" in kinds
        self._proto = {
            "float": TensorProto.FLOAT,
            "double": TensorProto.DOUBLE,
            "int64": TensorProto.INT64,
            "string": TensorProto.STRING,
            "bool": TensorProto.BOOL,
        }

    def add(
        self,
        op: str,
        *inputs: Tensor,
        kinds: Sequence[str] | None = None,
        domain: str = "",
        version: int | None = None,
        **attributes: Any,
    ) -> Tensor:
        """Add a node and return its first output.

        Parameters
        ----------
        op : str
            Name of the operator.
        *inputs : Tensor
            What it takes.
        kinds : sequence of str, default=None
            Of its outputs, see :class:`Tensor`. None: one, of the kind of the first
            input.
        domain, version
            Of the operator; None is the newest version that the file may use.
        **attributes
            Of the node.

        Returns
        -------
        Tensor
        """
        return self.add_all(
            op, *inputs, kinds=kinds, domain=domain, version=version, **attributes
        )[0]

    def add_all(
        self, op, *inputs, kinds=None, domain="", version=None, **attributes
    ) -> list[Tensor]:
        """Add a node and return all its outputs; parameters are those of `add`."""
        kinds = [inputs[0].kind] if kinds is None else kinds
        outputs = [
            Tensor(self.scope.get_unique_variable_name(op.lower()), kind)
            for kind in kinds
        ]
        self.container.add_node(
            op,
            [each.name for each in inputs],
            [each.name for each in outputs],
            op_domain=domain,
            op_version=version,
            name=self.scope.get_unique_operator_name(op),
            **attributes,
        )
        return outputs

    def constant(self, values) -> Tensor:
        """Add numbers, or text, that the file holds.

        Parameters
        ----------
        values : array-like
            Of float32, float64, int64 or text.
        """
        from onnx import numpy_helper

        array = np.asarray(values)
        name = self.scope.get_unique_variable_name("constant")
        if array.dtype.kind in "UO":
            text = [str(each).encode() for each in array.ravel()]
            self.container.add_initializer(
                name, self._proto["string"], array.shape, text
            )
            return Tensor(name, "string")
        kind = {"float32": "float", "float64": "double", "int64": "int64"}
        proto = numpy_helper.from_array(np.ascontiguousarray(array))
        self.container.add_initializer(name, proto.data_type, array.shape, proto)
        return Tensor(name, kind[array.dtype.name])

    def cast(self, tensor: Tensor, kind: str) -> Tensor:
        """Give numbers another kind, unless they have it."""
        if tensor.kind == kind:
            return tensor
        return self.add("Cast", tensor, kinds=[kind], to=self._proto[kind])

    def finish(self, tensor: Tensor, variable, kind: str) -> None:
        """Let a tensor be what a variable of skl2onnx stands for."""
        op, attributes = "Identity", {}
        if tensor.kind != kind:
            op, attributes = "Cast", {"to": self._proto[kind]}
        self.container.add_node(
            op,
            [tensor.name],
            [variable.full_name],
            name=self.scope.get_unique_operator_name(op),
            **attributes,
        )

    def concat(self, tensors: Sequence[Tensor]) -> Tensor:
        """Put tables side by side."""
        if len(tensors) == 1:
            return tensors[0]
        return self.add("Concat", *tensors, axis=1)

    def columns(self, table: Tensor, positions: NDArray) -> Tensor:
        """Take some columns of a table."""
        where = self.constant(np.asarray(positions, dtype=np.int64))
        return self.add("Gather", table, where, axis=1)

    def flat(self, tensor: Tensor) -> Tensor:
        """Make a table of one column a list."""
        return self.add("Reshape", tensor, self.constant(np.array([-1])))

    def mean(self, tensors: Sequence[Tensor]) -> Tensor:
        """Average tables of one shape, added up in this order."""
        if len(tensors) == 1:
            return tensors[0]
        total = self.add("Sum", *tensors)
        kind = np.float64 if total.kind == "double" else np.float32
        return self.add("Div", total, self.constant(np.array(len(tensors), kind)))

    def labels_of(self, codes: Tensor, labels: NDArray) -> Tensor:
        """Look up labels by their positions.

        Parameters
        ----------
        codes : Tensor of shape (n_rows,), int64
            Positions.
        labels : ndarray of shape (n_classes,)
            int64 or text.
        """
        if labels.dtype == np.int64 and (labels == np.arange(len(labels))).all():
            return codes
        table = self.constant(labels)
        return self.add("Gather", table, codes, axis=0)

    def best(self, scores: Tensor, labels: NDArray, *, last: bool = False) -> Tensor:
        """Find the label of the largest score.

        Parameters
        ----------
        scores : Tensor of shape (n_rows, n_classes)
            Of each class.
        labels : ndarray of shape (n_classes,)
            int64 or text.
        last : bool, default=False
            Whether the last of several that tie is meant, not the first.
        """
        attributes: dict[str, Any] = {"select_last_index": 1} if last else {}
        codes = self.add(
            "ArgMax", scores, kinds=["int64"], axis=1, keepdims=0, **attributes
        )
        return self.labels_of(codes, labels)

    def shares(self, scores: Tensor, otherwise: float) -> Tensor:
        """Scale scores of at least 0 to sum to 1.

        Parameters
        ----------
        scores : Tensor of shape (n_rows, n_classes), double
            Of each class.
        otherwise : float
            What a row of zeros is to hold.
        """
        total = self.add("ReduceSum", scores, self.constant([1]), keepdims=1)
        empty = self.add("Equal", total, self.constant(0.0), kinds=["bool"])
        total = self.add("Where", empty, self.constant(1.0), total, kinds=["double"])
        share = self.add("Div", scores, total)
        return self.add(
            "Where", empty, self.constant(otherwise), share, kinds=["double"]
        )

    def in_full(self, proba: Tensor) -> Tensor:
        """Have probabilities sum to 1 in float64, too, if that is what rows are in."""
        if not self.in_double:
            return proba
        proba = self.cast(proba, "double")
        total = self.add("ReduceSum", proba, self.constant([1]), keepdims=1)
        return self.add("Div", proba, total)

    def variable(self, tensor: Tensor, kind: str, width: int | None):
        """Make a table what sub-models of skl2onnx take: a variable of a known type.

        Parameters
        ----------
        tensor : Tensor
            A table of numbers.
        kind : {"float", "double"}
            What they are to be.
        width : int or None
            Columns, if that is known.
        """
        variable = self.scope.declare_local_variable("table", table_type(kind, width))
        self.finish(tensor, variable, kind)
        return variable


def table_type(kind: str, width: int | None = None):
    """Make skl2onnx's type of a table of numbers."""
    from skl2onnx.common.data_types import DoubleTensorType, FloatTensorType

    make = DoubleTensorType if kind == "double" else FloatTensorType
    return make([None, width])


def kind_of(variable) -> str:
    """Find the kind of a variable of skl2onnx, "" for one of no use here."""
    from skl2onnx.common import data_types

    kinds = {
        data_types.FloatTensorType: "float",
        data_types.DoubleTensorType: "double",
        data_types.Int64TensorType: "int64",
        data_types.StringTensorType: "string",
        data_types.BooleanTensorType: "bool",
    }
    return kinds.get(type(variable.type), "")


def tensor_of(variable) -> Tensor:
    """See a variable of skl2onnx as a tensor."""
    return Tensor(variable.full_name, kind_of(variable))


def width_of(variable) -> int | None:
    """Count the columns of a variable of skl2onnx; None if that is unknown."""
    shape = variable.type.shape
    return shape[1] if len(shape) == 2 and isinstance(shape[1], int) else None


def matrix(graph: Graph, inputs: Sequence, kind: str = "double") -> Tensor:
    """Make one table of all inputs, cast to one kind.

    Parameters
    ----------
    graph : Graph
        Where.
    inputs : sequence of Variable
        Of skl2onnx: a table, or a column each.
    kind : str, default="double"
        Of the numbers.
    """
    return graph.concat([graph.cast(tensor_of(each), kind) for each in inputs])
