"""The file's own form: nodes as written become messages of ONNX, by the `onnx` package."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from graphc.artifacts.onnx.sizes import Dim, Shape
from graphc.artifacts.onnx.writer import Subgraph, Written

LARGEST = (1 << 31) - (1 << 20)  # bytes of weights: a message of protobuf holds 2 GiB
PRODUCER = "graphc"
Info = tuple[str, str, Shape]  # name, dtype, shape


@dataclass(frozen=True)
class Main:
    """The graph of a model."""

    name: str
    inputs: tuple[Info, ...]
    outputs: tuple[Info, ...]
    nodes: tuple[Written, ...]
    initializers: Mapping[str, np.ndarray[Any, Any]]


def library() -> Any:
    """Return the `onnx` package.

    Raises:
        ImportError: it is not installed; names the extra.
    """
    try:
        import onnx  # noqa: PLC0415  (optional)
    except ImportError as error:
        raise ImportError(
            "Exporting to ONNX needs onnx: pip install 'graphc-compiler[onnx]'"
        ) from error
    return onnx


def needed(nodes: Sequence[Written], outputs: Iterable[str]) -> tuple[Written, ...]:
    """Return the nodes that the outputs depend on, in order."""
    wanted, kept = set(outputs), list[Written]()
    for node in reversed(nodes):
        if wanted.intersection(node.outputs):
            kept.append(node)
            wanted.update(read_by(node))
    return tuple(reversed(kept))


def read_by(node: Written) -> set[str]:
    """Return the names that a node and the bodies in it read."""
    names = set(node.inputs)
    for body in bodies_of(node):
        names.update(name for name, _, _ in body.outputs)
        for inner in body.nodes:
            names |= read_by(inner)
    return names


def bodies_of(node: Written) -> list[Subgraph]:
    """Return the bodies of a node."""
    return [value for value in node.attrs.values() if isinstance(value, Subgraph)]


def renamed(node: Written, names: Mapping[str, str]) -> Written:
    """Return a node that reads and gives tensors of other names, its bodies likewise."""
    attrs = {
        key: _body_renamed(value, names) if isinstance(value, Subgraph) else value
        for key, value in node.attrs.items()
    }
    return replace(
        node, inputs=tuple(names.get(n, n) for n in node.inputs),
        outputs=tuple(names.get(n, n) for n in node.outputs), attrs=attrs,
    )  # fmt: skip


def _body_renamed(body: Subgraph, names: Mapping[str, str]) -> Subgraph:
    outputs = tuple((names.get(n, n), dtype, shape) for n, dtype, shape in body.outputs)
    return replace(
        body, nodes=tuple(renamed(node, names) for node in body.nodes), outputs=outputs
    )  # fmt: skip


def message(main: Main, opset: int, metadata: Mapping[str, str]) -> Any:
    """Return the model as a message, checked by `onnx.checker`.

    Raises:
        ValueError: the weights are too large for one file.
    """
    onnx = library()
    size = sum(array.nbytes for array in main.initializers.values())
    if size > LARGEST:
        raise ValueError(f"the weights take {size} bytes; a file of ONNX holds {LARGEST} of them")
    maker = _Maker(onnx)
    graph = onnx.helper.make_graph(
        [maker.node(node) for node in main.nodes], main.name,
        [maker.info(one) for one in main.inputs], [maker.info(one) for one in main.outputs],
        [maker.tensor(name, array) for name, array in main.initializers.items()],
    )  # fmt: skip
    domains = [onnx.helper.make_opsetid("", opset)]
    model = onnx.helper.make_model(
        graph, opset_imports=domains, producer_name=PRODUCER,
        ir_version=onnx.helper.find_min_ir_version_for(domains),
    )  # fmt: skip
    onnx.helper.set_model_props(model, dict(metadata))
    onnx.checker.check_model(model, full_check=True)
    return model


class _Maker:
    """Makes messages.

    Args:
        onnx: the package.
    """

    def __init__(self, onnx: Any) -> None:
        self._onnx = onnx

    def node(self, written: Written) -> Any:
        """Return a node; names of dtypes and bodies become what ONNX has for them."""
        attrs = {key: self._attribute(value) for key, value in written.attrs.items()}
        if written.op == "Cast":
            attrs["to"] = self._dtype(written.attrs["to"])
        return self._onnx.helper.make_node(
            written.op, written.inputs, written.outputs, name=written.name, **attrs
        )

    def _attribute(self, value: Any) -> Any:
        return self.body(value) if isinstance(value, Subgraph) else value

    def body(self, graph: Subgraph) -> Any:
        """Return the body of a node."""
        return self._onnx.helper.make_graph(
            [self.node(node) for node in graph.nodes], graph.name,
            [self.info(one) for one in graph.inputs], [self.info(one) for one in graph.outputs],
        )  # fmt: skip

    def info(self, one: Info) -> Any:
        """Return the declaration of a tensor."""
        name, dtype, shape = one
        dims = [_dim(size) for size in shape]
        return self._onnx.helper.make_tensor_value_info(name, self._dtype(dtype), dims)

    def tensor(self, name: str, array: np.ndarray[Any, Any]) -> Any:
        """Return an initializer."""
        return self._onnx.numpy_helper.from_array(np.asarray(array, order="C"), name)

    def _dtype(self, name: str) -> int:
        kinds = {"float32": "FLOAT", "float64": "DOUBLE"}
        return self._onnx.TensorProto.DataType.Value(kinds.get(name, name.upper()))


def _dim(size: Dim) -> int | str:
    if isinstance(size, int):
        return size
    factor = f"{size.factor}*" if size.factor != 1 else ""
    offset = f"{size.offset:+d}" if size.offset else ""
    return f"{factor}{size.symbol}{offset}"
