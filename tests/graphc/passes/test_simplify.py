"""`simplify`: before and expected as tables of code, equal bits, near misses with reasons."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import numpy as np
import pytest

from graphc.builder import Builder
from graphc.ir import Graph, Value
from graphc.kernels.registry import Target
from graphc.lower import lower, plan
from graphc.passes.simplify import SIMPLIFY, holds
from tests.graphc.graphs import assert_same_structure, numbers, ops_of, run, spec

SHAPE = (2, 1, 3)
Make = Callable[[Builder, Value], Value]


def _e(op: str, *more: Any, first: tuple[Any, ...] = (), **attrs: Any) -> Make:
    """Return what applies one op, `x` after `first` and before `more`."""
    return lambda b, x: b.emit(op, *first, x, *more, **attrs)


def _chain(*makes: Make) -> Make:
    def make(b: Builder, x: Value) -> Value:
        for each in makes:
            x = each(b, x)
        return x

    return make


def _itself(_: Builder, x: Value) -> Value:
    return x


def _reshape(*shape: int) -> Make:
    return _e("shape.reshape", newshape=shape)


def _cast(dtype: str) -> Make:
    return _e("core.cast", dtype=dtype)


def _transpose(*axes: int) -> Make:
    return _e("shape.transpose", axes=axes)


TRUE, MIXED = np.ones((2, 1, 3), bool), np.array([True, False, True])

# What is written, what is left, and the dtype of x.
SIMPLER: dict[str, tuple[Make, Make, str]] = {
    "identity": (_e("core.identity"), _itself, "float32"),
    "cast to the same": (_cast("float32"), _itself, "float32"),
    "cast there and back": (_chain(_cast("float32"), _cast("float16")), _itself, "float16"),
    "cast by way of wider": (
        _chain(_cast("float32"), _cast("bfloat16")), _cast("bfloat16"), "float16",
    ),
    "whole numbers by way of wider": (
        _chain(_cast("int32"), _cast("uint8")), _cast("uint8"), "int8",
    ),
    "whole numbers by way of floats": (_chain(_cast("float32"), _cast("int8")), _itself, "int8"),
    "truth by way of whole": (_chain(_cast("int32"), _cast("float32")), _cast("float32"), "bool"),
    "reshape to the same": (_reshape(2, -1, 3), _itself, "float32"),
    "ravel of a vector": (_chain(_reshape(6), _e("shape.ravel")), _reshape(6), "float32"),
    "reshape of reshape": (_chain(_reshape(6), _reshape(3, 2)), _reshape(3, 2), "float32"),
    "reshape and back": (_chain(_reshape(6), _reshape(*SHAPE)), _itself, "float32"),
    "three reshapes": (_chain(_reshape(6), _reshape(1, 6), _reshape(3, 2)), _reshape(3, 2),
                       "float32"),
    "squeeze of expand_dims": (
        _chain(_e("shape.expand_dims", axis=0), _e("shape.squeeze", axis=0)), _itself, "float32",
    ),
    "broadcast to the same": (_e("shape.broadcast_to", shape=SHAPE), _itself, "float32"),
    "transpose to the same": (_transpose(0, 1, -1), _itself, "float32"),
    "transpose and back": (_chain(_transpose(1, 2, 0), _transpose(2, 0, 1)), _itself, "float32"),
    "transpose of transpose": (
        _chain(_transpose(1, 2, 0), _transpose(1, 2, 0)), _transpose(2, 0, 1), "float32",
    ),
    "transpose of other names": (
        _chain(_e("shape.swapaxes", axis1=0, axis2=2), _e("shape.moveaxis", source=0,
                                                        destination=-1)),
        _transpose(1, 0, 2), "float32",
    ),
    "reversal twice": (_chain(_e("shape.transpose"), _e("shape.transpose")), _itself, "float32"),
    "times one": (_e("math.multiply", 1.0), _itself, "float32"),
    "one times": (_e("math.multiply", first=(1,)), _itself, "float32"),
    "whole times one": (_e("math.multiply", 1), _itself, "int32"),
    "over one": (_e("math.divide", 1), _itself, "float32"),
    "minus zero": (_e("math.subtract", 0.0), _itself, "float32"),
    "plus minus zero": (_e("math.add", -0.0), _itself, "float32"),
    "whole plus zero": (_e("math.add", first=(0,)), _itself, "int32"),
    "sum of one term": (_e("reduce.sum", axis=1), _reshape(2, 3), "float32"),
    "mean of one term": (_e("reduce.mean", axis=(1,), keepdims=True), _itself, "float32"),
    "one part": (_e("shape.concatenate", axis=0), _itself, "float32"),
    "always": (lambda b, x: b.emit("math.where", True, x, 0.0), _itself, "float32"),
    "never": (lambda b, x: b.emit("math.where", np.zeros((3,), bool), 0.0, x), _itself, "float32"),
    "always, as an array": (lambda b, x: b.emit("math.where", TRUE, x, 0.0), _itself, "float32"),
}  # fmt: skip


def _graph(make: Make, dtype: str) -> Graph:
    """Return the graph of an op on both sides, so that roots and operands are met."""
    b = Builder()
    x = b.param(spec(*SHAPE, dtype=dtype), "x")
    return b.finish([make(b, x), b.emit("math.negative", make(b, b.emit("math.absolute", x)))]
                    if dtype != "bool" else [make(b, x)])  # fmt: skip


@pytest.mark.parametrize("name", SIMPLER)
def test_the_graph_is_as_expected(name: str) -> None:
    make, left, dtype = SIMPLER[name]
    after, events = SIMPLIFY(_graph(make, dtype))
    assert_same_structure(after, _graph(left, dtype))
    assert events and {event.reason for event in events} == {None}
    assert SIMPLIFY(after)[0] is after


def _values(graph: Graph) -> Any:
    """Return numbers for `x`: random ones, both zeros, infinities and NaN."""
    ((x,), _, _) = numbers(graph, 0, -9.0, 9.0)
    if x.dtype.kind not in "iub":
        x.reshape(-1)[:5] = [-0.0, 0.0, np.inf, -np.inf, np.nan]
    return (x,), (), ()


def _bits(array: Any) -> np.ndarray:
    found = np.asarray(array)
    return found.view(f"u{found.dtype.itemsize}")


@pytest.mark.parametrize("name", SIMPLER)
def test_the_bits_are_the_same(name: str) -> None:
    make, _, dtype = SIMPLER[name]
    graph = _graph(make, dtype)
    after, _ = SIMPLIFY(graph)
    ours, theirs = run(after, _values(graph))[0], run(graph, _values(graph))[0]
    for one, other in zip(ours, theirs, strict=True):
        assert one.dtype == other.dtype
        np.testing.assert_array_equal(_bits(one), _bits(other))


FLOATS = [name for name, row in SIMPLER.items() if row[2].startswith("float")]


@pytest.mark.parametrize("name", FLOATS)
def test_the_bits_of_the_gradient_are_the_same(name: str) -> None:
    make, _, dtype = SIMPLER[name]
    graph = _graph(make, dtype)
    params, _, _ = _values(graph)

    def gradient(graph: Graph) -> Any:
        lowered = lower(graph, plan(graph, Target("cpu", ("reference",))))
        outputs, pull = jax.vjp(lambda p: lowered(p, (), ())[0], params)
        waves = [np.arange(1, y.size + 1).reshape(y.shape) / 7 for y in outputs]
        return pull(tuple(w.astype(y.dtype) for w, y in zip(waves, outputs, strict=True)))

    after, _ = SIMPLIFY(graph)
    np.testing.assert_array_equal(_bits(gradient(after)[0][0]), _bits(gradient(graph)[0][0]))


SIGN = "a zero could change its sign"
DECLINED: dict[str, tuple[Make, str, str]] = {
    "plus zero": (_e("math.add", 0.0), "float32", SIGN),
    "minus minus zero": (_e("math.subtract", -0.0), "float32", SIGN),
    "whole times 1.0": (_e("math.multiply", 1.0), "int32", "int32 becomes float32"),
    "whole over one": (_e("math.divide", 1), "int32", "int32 becomes float32"),
    "mean of one whole term": (_e("reduce.mean", axis=1), "int32", "int32 becomes float32"),
    "narrow in between": (
        _chain(_cast("float16"), _cast("float32")), "float32", "float16 cannot hold every float32",
    ),
    "whole by way of floats": (
        _chain(_cast("float32"), _cast("int32")), "int32", "float32 cannot hold every int32",
    ),
    "floats by way of floats to whole": (
        _chain(_cast("float32"), _cast("int32")), "float16",
        "numbers that int32 cannot hold are converted in another way",
    ),
    "signs by way of floats": (
        _chain(_cast("float32"), _cast("uint8")), "int8",
        "numbers that uint8 cannot hold are converted in another way",
    ),
    "a branch of another shape": (
        lambda b, x: b.emit("math.where", np.ones((4, 2, 1, 3), bool), x, 0.0), "float32",
        "the branch has another shape or dtype",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", DECLINED)
def test_near_misses_are_left_alone(name: str) -> None:
    make, dtype, reason = DECLINED[name]
    b = Builder()
    graph = b.finish([make(b, b.param(spec(*SHAPE, dtype=dtype)))])
    after, events = SIMPLIFY(graph)
    assert after is graph and [event.reason for event in events] == [reason]


OTHER: list[Make] = [
    _e("math.multiply", 2.0), _e("math.divide", first=(1.0,)), _e("math.subtract", first=(0.0,)),
    _e("reduce.sum", axis=0), _e("reduce.max", axis=1), _e("shape.broadcast_to", shape=(4, *SHAPE)),
    _chain(_transpose(1, 0, 2), _reshape(6)), _e("math.multiply", np.ones(())),
    lambda b, x: b.emit("math.where", MIXED, x, 0.0),
    lambda b, x: b.emit("shape.concatenate", x, x),
]  # fmt: skip


@pytest.mark.parametrize("make", OTHER)
def test_what_computes_something_is_another_pattern(make: Make) -> None:
    b = Builder()
    graph = b.finish([make(b, b.param(spec(*SHAPE)))])
    assert SIMPLIFY(graph) == (graph, ())


def test_a_wider_copy_that_others_use_is_left_alone() -> None:
    b = Builder()
    wide = b.emit("core.cast", b.param(spec(3, dtype="float16")), dtype="float32")
    graph = b.finish([b.emit("core.cast", wide, dtype="float16"), b.emit("math.exp", wide)])
    after, (event,) = SIMPLIFY(graph)
    assert after is graph
    assert event.reason == "the gradients of several users would be added up in float16"


def test_python_numbers_keep_their_dtype_open() -> None:
    """A cast of a number makes it count in promotion, so it is no copy of the number."""
    b = Builder()
    x = b.input(spec(3, dtype="float16"))
    strong = b.emit("core.cast", 2.0, dtype="float32")
    graph = b.finish([b.emit("math.multiply", x, strong)])
    after, events = SIMPLIFY(graph)
    assert after is graph and events == () and after.outputs[0].spec.dtype == "float32"


def test_a_long_chain_goes_at_once() -> None:
    b = Builder()
    value = b.input(spec(2, 3))
    for step in range(40):
        value = b.emit("shape.transpose", value, axes=(1, 0))
        value = b.emit("math.multiply", value, 1.0) if step % 3 else b.emit("core.identity", value)
    after, _ = SIMPLIFY(b.finish([value]))
    assert ops_of(after) == [] and after.outputs == after.inputs


HELD = {
    "float32": ("float16", "bfloat16", "int16", "uint8", "bool", "float32"),
    "float16": ("int8", "uint8", "bool"), "bfloat16": ("int8", "uint8"),
    "int32": ("int8", "uint16"),
}  # fmt: skip
NOT_HELD = {
    "float32": ("int32", "float64"), "float16": ("bfloat16", "float32", "int16"), "bool": ("int8",),
    "bfloat16": ("float16", "int16"), "int32": ("uint32", "float16"), "uint8": ("int8",),
}  # fmt: skip


@pytest.mark.parametrize(("wide", "narrow"), [(w, n) for w in HELD for n in HELD[w]])
def test_wider_dtypes_hold_narrower_ones(wide: str, narrow: str) -> None:
    assert holds(wide, narrow)


@pytest.mark.parametrize(("wide", "narrow"), [(w, n) for w in NOT_HELD for n in NOT_HELD[w]])
def test_dtypes_that_would_lose_something(wide: str, narrow: str) -> None:
    assert not holds(wide, narrow)


def test_it_declares_what_it_does() -> None:
    assert SIMPLIFY.name == "simplify"
    assert SIMPLIFY.numerics == "exact"
    assert SIMPLIFY.modes == ("train", "infer")
