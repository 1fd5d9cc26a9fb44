"""Products of one tensor with several kernels become one product, cut into pieces.

    x @ w1 + b1, x @ w2 + b2, ...   =   split(x @ [w1 w2 ...] + [b1 b2 ...])

The same holds for convolutions with equal windows and attributes, whose kernels end in the output
channels. Query, key and value of self-attention are such products, and so are the heads of a model
and the 1x1 convolutions that an inception block begins with. Numerics are reassociated: a wider
product may add up its terms in another order.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from itertools import accumulate, takewhile
from typing import Any

from graphc.builder import Builder
from graphc.gradient import ancestors
from graphc.ir import Graph, Node, Value, attrs_key, exact
from graphc.passes.base import Mode, Numerics
from graphc.rewrite import Event, Replacement, replay

LAYERS = ("nn.dense", "nn.conv")
# With fewer rows, joining the kernels costs as much as multiplying by them.
MIN_ROWS = 32
# With fewer terms in each sum, cutting the result costs as much as computing it.
MIN_TERMS = 16
# With more columns in all, each product alone keeps the machine busy.
MAX_COLUMNS = 512

Group = tuple[Node, ...]


@dataclass(frozen=True)
class MergeParallel:
    """The pass: all products of a tensor at once."""

    name: str = "merge_parallel"
    numerics: Numerics = "reassociate"
    modes: tuple[Mode, ...] = ("train", "infer")

    def __call__(self, graph: Graph) -> tuple[Graph, tuple[Event, ...]]:
        """Return the graph with one product where there were several, and what happened."""
        groups = _groups(graph)
        members = {node for group in groups for node in group}
        reasons = [_reason_against(group, members) for group in groups]
        events = tuple(
            Event(f"parallel_{group[0].op.removeprefix('nn.')}", _place(group), group[0].op, reason)
            for group, reason in zip(groups, reasons, strict=True)
        )
        chosen = [group for group, why in zip(groups, reasons, strict=True) if why is None]
        if not chosen:
            return graph, events
        replacements: dict[Node, Replacement] = {}
        for group in chosen:
            replacements |= _replacements(group)
        return replay(_weights_first(graph, chosen), replacements), events


def reason_against_merging(rows: int, terms: int, columns: Sequence[int]) -> str | None:
    """Return None where one product of all columns should be faster than several, else why not.

    Args:
        rows: how many times the sums are formed: samples, or places of an image.
        terms: how many terms a sum has.
        columns: how many sums each product forms a row.
    """
    if rows < MIN_ROWS:
        return f"{rows} rows are fewer than {MIN_ROWS}: joining the kernels would cost more"
    if terms < MIN_TERMS:
        return f"sums of {terms} terms are shorter than {MIN_TERMS}: cutting would cost more"
    if sum(columns) > MAX_COLUMNS:
        return f"{sum(columns)} columns are more than {MAX_COLUMNS}: each product is large enough"
    return None


def _groups(graph: Graph) -> list[Group]:
    """Return the products that could be columns of one, two at least in a group."""
    found: dict[Any, list[Node]] = {}
    for node in graph.nodes:
        key = _key(node)
        if key is not None:
            found.setdefault(key, []).append(node)
    return [tuple(group) for group in found.values() if len(group) > 1]


def _key(node: Node) -> Any:
    """Return what the members of a group have in common; None where the node can be in none."""
    if node.op not in LAYERS or node.attrs.get("groups", 1) != 1:
        return None
    x, kernel, bias = node.inputs
    if kernel is None or (node.op == "nn.dense" and kernel.spec.ndim != 2):
        return None
    if bias is not None and bias.spec.shape != kernel.spec.shape[-1:]:
        return None
    dtypes = kernel.spec.dtype, bias and bias.spec.dtype
    return node.op, x, kernel.spec.shape[:-1], dtypes, exact(attrs_key(node.attrs))


def _reason_against(group: Group, members: set[Node]) -> str | None:
    kernels = [value for node in group if (value := node.inputs[1]) is not None]
    if len(set(kernels)) < len(kernels):
        return "two of the products have the same kernel: their product is computed once already"
    weights = [value for node in group for value in node.inputs[1:] if value is not None]
    if any(node in members for value in weights for node in ancestors(value, _never)):
        return "a kernel or bias is computed from such a product"
    columns = [kernel.spec.shape[-1] for kernel in kernels]
    rows = math.prod(group[0].specs[0].shape) // max(columns[0], 1)
    return reason_against_merging(rows, math.prod(kernels[0].spec.shape[:-1]), columns)


def _never(node: Node) -> bool:
    return False


def _weights_first(graph: Graph, groups: Sequence[Group]) -> Graph:
    """Return the graph with the weights of a whole group computed before its first product."""
    first = {group[0]: group for group in groups}
    placed: dict[Node, None] = {}
    for node in graph.nodes:
        for member in first.get(node, ()):
            for value in member.inputs[1:]:
                if value is not None:
                    placed.update(dict.fromkeys(ancestors(value, placed.__contains__)))
        placed.setdefault(node)
    interface = graph.params, graph.state, graph.inputs
    return Graph(*interface, tuple(placed), graph.outputs, graph.updates)


def _replacements(group: Group) -> dict[Node, Replacement]:
    """Return how each product is made: the first one makes all of them."""
    pieces: list[Value] = []

    def make(builder: Builder, new: dict[Value, Value]) -> tuple[Value, ...]:
        builder.scope = _place(group)
        pieces.extend(_merged(builder, group, new))
        return (pieces[0],)

    def take(_: Builder, new: dict[Value, Value], *, index: int) -> tuple[Value, ...]:
        del new
        return (pieces[index],)

    others = {node: partial(take, index=i) for i, node in enumerate(group) if i}
    return {group[0]: make, **others}


def _merged(builder: Builder, group: Group, new: dict[Value, Value]) -> tuple[Value, ...]:
    first = group[0]
    x, kernel, bias = (
        [new[value] for node in group if (value := node.inputs[place]) is not None]
        for place in range(3)
    )
    ends = [*accumulate(value.spec.shape[-1] for value in kernel)][:-1]
    axis = 1 if first.attrs.get("data_format") == "channels_first" else -1
    joined = builder.emit("shape.concatenate", *kernel, axis=-1)
    joined_bias = builder.emit("shape.concatenate", *bias, axis=0) if bias else None
    product = builder.emit(first.op, x[0], joined, joined_bias, **first.attrs)
    return builder.emit("shape.split", product, sections=tuple(ends), axis=axis)


def _place(group: Group) -> str:
    """Return the path of the innermost layer that all of a group belong to."""
    paths = zip(*(node.scope.split("/") for node in group), strict=False)
    return "/".join(parts[0] for parts in takewhile(lambda parts: len(set(parts)) == 1, paths))


MERGE_PARALLEL = MergeParallel()
