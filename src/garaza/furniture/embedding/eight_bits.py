"""A model whose weights stay 8 bits wide, as they are in its file.

A file of such a model says: make 32 bits of them, multiply by a scale, and use that. onnxruntime does so when it loads
the model, and each text then streams four times as much through the processor's caches. Here a graph says instead: a
matrix of 8 bits with a scale for each part of a column (`MatMulNBits`), and of the table of words only the rows that
are looked up are made wider. Weights are the same to the last bit; what they are multiplied with is rounded to 8 bits,
32 numbers at a time.

Only processors with a kernel for it gain: elsewhere matrices are made wider for each text, and that is slower.
"""

from __future__ import annotations

import platform
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import DecodeError
from numpy.typing import NDArray

BLOCK = 32
"""Numbers with a scale in common, of what is multiplied. With 64 it is a tenth quicker, and less exact."""
_ROUNDED_TO_8_BITS = 4
_DOMAIN = "com.microsoft"
_HAVE_GRAPHS = frozenset({"If", "Loop", "Scan"})
_MOST_BYTES = 256 << 20
_INT, _FLOAT, _INT8, _UINT8 = 2, 1, 3, 2
"""Of an attribute; of tensors."""


def is_quick(flags: str) -> bool:
    """Whether a processor that can do this is known to gain."""
    return platform.machine() in {"x86_64", "AMD64"} and "avx2" in flags.split()


def narrowed(model: Path) -> bytes | None:
    """The same model; None: it has no such weights, or isn't understood here. Blocks for a tenth of a second."""
    if model.stat().st_size > _MOST_BYTES:
        return None
    try:
        parsed = _Model.FromString(model.read_bytes())
        # Graphs within nodes, which aren't read here, may use what would be taken away as unused.
        if any(node.op_type in _HAVE_GRAPHS for node in parsed.graph.node) or not _Graph(parsed.graph).narrow():
            return None
    except (DecodeError, IndexError, ValueError):
        # Whoever loads it says what is wrong with it.
        return None
    if all(opset.domain != _DOMAIN for opset in parsed.opset_import):
        parsed.opset_import.add(domain=_DOMAIN, version=1)
    whole: bytes = parsed.SerializeToString()
    return whole


class _Graph:
    def __init__(self, graph: Any) -> None:
        self._graph = graph
        self._made_by = {name: node for node in graph.node for name in node.output}
        self._weights = {tensor.name: tensor for tensor in graph.initializer}

    def narrow(self) -> int:
        """How many of its nodes were exchanged."""
        nodes: list[Any] = []
        changed = 0
        for node in self._graph.node:
            instead = self._instead_of(node)
            nodes += [node] if instead is None else instead
            changed += instead is not None
        self._keep(nodes)
        return changed

    def _instead_of(self, node: Any) -> list[Any] | None:
        if node.op_type == "MatMul" and (found := self._scaled(node.input[1])):
            return self._matrix(node, *found)
        by_row = not any(attribute.i for attribute in node.attribute)
        if node.op_type == "Gather" and by_row and (found := self._scaled(node.input[0])):
            return self._table(node, *found)
        return None

    def _scaled(self, name: str) -> tuple[Any, Any] | None:
        """The weights of 8 bits, and their scales, that something is made of."""
        product = self._made_by.get(name)
        if product is None or product.op_type != "Mul":
            return None
        cast = self._made_by.get(product.input[0])
        if cast is None or cast.op_type != "Cast":
            return None
        weights, scales = self._weights.get(cast.input[0]), self._weights.get(product.input[1])
        if weights is None or scales is None or (weights.data_type, scales.data_type) != (_INT8, _FLOAT):
            return None
        return (weights, scales) if len(weights.dims) == 2 and weights.raw_data and scales.raw_data else None

    def _matrix(self, node: Any, weights: Any, scales: Any) -> list[Any] | None:
        depth, columns = weights.dims
        if list(scales.dims) != [1, columns] or depth % BLOCK:
            return None
        # Column by column, around 128 instead of 0.
        by_column = np.frombuffer(weights.raw_data, np.int8).reshape(depth, columns).T
        unsigned = (by_column.astype(np.int16) + 128).astype(np.uint8)
        parts = depth // BLOCK
        by_part = np.repeat(np.frombuffer(scales.raw_data, np.float32)[:, None], parts, axis=1)
        name = f"{weights.name}-by-column"
        self._add(name, _UINT8, unsigned.reshape(columns, parts, BLOCK))
        self._add(f"{name}-scales", _FLOAT, by_part)
        attributes = {"K": depth, "N": columns, "bits": 8, "block_size": BLOCK, "accuracy_level": _ROUNDED_TO_8_BITS}
        given = [node.input[0], name, f"{name}-scales"]
        return [_node("MatMulNBits", given, list(node.output), attributes, _DOMAIN)]

    def _table(self, node: Any, weights: Any, scales: Any) -> list[Any] | None:
        if list(scales.dims) != [weights.dims[0], 1]:
            return None
        out, places = node.output[0], node.input[1]
        return [
            _node("Gather", [weights.name, places], [f"{out}-narrow"], {"axis": 0}),
            _node("Cast", [f"{out}-narrow"], [f"{out}-wide"], {"to": _FLOAT}),
            _node("Gather", [scales.name, places], [f"{out}-scales"], {"axis": 0}),
            _node("Mul", [f"{out}-wide", f"{out}-scales"], [out], {}),
        ]

    def _add(self, name: str, kind: int, values: NDArray[Any]) -> None:
        if name not in self._weights:
            data = np.ascontiguousarray(values).tobytes()
            self._weights[name] = _Tensor(name=name, dims=values.shape, data_type=kind, raw_data=data)

    def _keep(self, nodes: list[Any]) -> None:
        """These nodes, without what nothing uses any more."""
        wanted = {out.name for out in self._graph.output}
        kept = []
        for node in reversed(nodes):
            if wanted.intersection(node.output):
                wanted.update(node.input)
                kept.append(node)
        _replace(self._graph.node, reversed(kept))
        _replace(self._graph.initializer, (one for name, one in self._weights.items() if name in wanted))


def _replace(field: Any, messages: Iterator[Any]) -> None:
    copies = list(messages)
    del field[:]
    field.extend(copies)


def _node(kind: str, inputs: list[str], outputs: list[str], attributes: Mapping[str, int], domain: str = "") -> Any:
    listed = [_Attribute(name=name, i=value, type=_INT) for name, value in attributes.items()]
    return _Node(op_type=kind, input=inputs, output=outputs, attribute=listed, domain=domain)


# The parts of ONNX's format that are touched here, by their published numbers. protobuf hands all others on unread.
_FIELDS: Mapping[str, Mapping[str, tuple[int, str]]] = {
    "Attribute": {"name": (1, "string"), "i": (3, "int64"), "type": (20, "int32")},
    "Node": {
        "input": (1, "string*"),
        "output": (2, "string*"),
        "op_type": (4, "string"),
        "attribute": (5, "Attribute*"),
        "domain": (7, "string"),
    },
    "Tensor": {"dims": (1, "int64*"), "data_type": (2, "int32"), "name": (8, "string"), "raw_data": (9, "bytes")},
    "Value": {"name": (1, "string")},
    "Graph": {"node": (1, "Node*"), "initializer": (5, "Tensor*"), "output": (12, "Value*")},
    "Opset": {"domain": (1, "string"), "version": (2, "int64")},
    "Model": {"graph": (7, "Graph"), "opset_import": (8, "Opset*")},
}


def _messages() -> Mapping[str, Any]:
    kinds = descriptor_pb2.FieldDescriptorProto
    file = descriptor_pb2.FileDescriptorProto(name="garaza/onnx_parts.proto", package="garaza.onnx", syntax="proto2")
    for message, fields in _FIELDS.items():
        described = file.message_type.add(name=message)
        for name, (number, kind) in fields.items():
            label = kinds.LABEL_REPEATED if kind.endswith("*") else kinds.LABEL_OPTIONAL
            field = described.field.add(name=name, number=number, label=label)
            plain = kind.removesuffix("*")
            if plain in _FIELDS:
                field.type, field.type_name = kinds.TYPE_MESSAGE, f".garaza.onnx.{plain}"
            else:
                field.type = getattr(kinds, f"TYPE_{plain.upper()}")
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return {
        name: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"garaza.onnx.{name}")) for name in _FIELDS
    }


_MESSAGES = _messages()
_Model, _Node, _Tensor, _Attribute = (_MESSAGES[name] for name in ("Model", "Node", "Tensor", "Attribute"))
