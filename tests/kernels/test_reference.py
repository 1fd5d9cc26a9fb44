"""Reference ops against numpy by name, and against themselves in float64."""

import inspect

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from graphc.kernels import OPS
from graphc.kernels.cases import CASES, Case

# Ops without a case: what they compute is an attribute.
WITHOUT_CASE = {"core.call"}
FAMILIES = ("math.", "reduce.", "shape.", "linalg.")
# numpy has the name, but for another function or other arguments.
NOT_NUMPYS = {
    "math.ldexp", "math.complex", "reduce.average", "reduce.bincount", "shape.unstack",
    "shape.unique", "shape.full", "shape.full_like", "shape.kaiser", "shape.arange",
}  # fmt: skip
NUMPY_ATTRS = {"newshape": "shape", "sections": "indices_or_sections", "n": "N", "m": "M"}
# Attributes that numpy takes by place, after the operands.
BY_PLACE = ("shift", "repeats", "indices_or_sections", "N", "length")


def leaves(result):
    return [np.asarray(leaf) for leaf in jax.tree.leaves(result)]


def numpy_function(op):
    if op in NOT_NUMPYS or not op.startswith(FAMILIES):
        return None
    return getattr(np, op.split(".")[1], None)


def in_numpy(case):
    """numpy's result, float32 operands widened to float64."""
    function = numpy_function(case.op)
    attrs = {NUMPY_ATTRS.get(key, key): value for key, value in case.attrs.items()}
    wide = [x.astype("float64") if x.dtype == "float32" else x for x in case.operands()]
    if case.op in ("shape.concatenate", "shape.stack"):
        return function(wide, **attrs)
    if case.op == "linalg.einsum":
        return np.einsum(attrs["subscripts"], *wide)
    placed = [attrs.pop(name) for name in BY_PLACE if name in attrs]
    return function(*wide, *placed, **attrs)


NUMPY_CASES = [
    case for case in CASES if numpy_function(case.op) is not None and None not in case.inputs
]


def test_every_op_has_a_case_and_every_case_an_op():
    assert {case.op for case in CASES} == set(OPS) - WITHOUT_CASE
    names = [str(case) for case in CASES]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("case", NUMPY_CASES, ids=str)
def test_reference_agrees_with_numpy(case: Case):
    expected = leaves(in_numpy(case))
    received = leaves(OPS[case.op].reference(*case.operands(), **case.attrs))
    assert len(expected) == len(received)
    for want, got in zip(expected, received, strict=True):
        assert want.shape == got.shape
        scale = max(
            1.0, np.max(np.abs(want.astype("float64")), initial=0.0, where=np.isfinite(want))
        )
        np.testing.assert_allclose(got, want, rtol=2e-5, atol=2e-6 * scale)


PRECISE = [c for c in CASES if c.op.startswith("nn.") and c.op != "nn.dropout"]


@pytest.mark.parametrize("case", PRECISE, ids=str)
def test_float32_agrees_with_float64(case: Case):
    operands = case.operands(batch=2)
    function = OPS[case.op].reference
    single = leaves(function(*operands, **case.attrs))
    with jax.enable_x64(True):
        wide = [
            x if x is None or x.dtype != "float32" else jnp.asarray(x, "float64") for x in operands
        ]
        double = leaves(function(*wide, **case.attrs))
    for got, want in zip(single, double, strict=True):
        assert got.shape == want.shape
        scale = max(1.0, np.abs(want).max())
        np.testing.assert_allclose(got, want, rtol=0, atol=case.tolerance * scale)


@pytest.mark.parametrize("name", sorted(OPS))
def test_attributes_are_keyword_only_and_documented(name):
    function = OPS[name].reference
    assert function.__doc__, f"{name} has no docstring"
    kinds = {p.kind for p in inspect.signature(function).parameters.values()}
    assert kinds <= {
        inspect.Parameter.POSITIONAL_OR_KEYWORD,
        inspect.Parameter.VAR_POSITIONAL,
        inspect.Parameter.KEYWORD_ONLY,
        inspect.Parameter.VAR_KEYWORD,
    }


@pytest.mark.parametrize("name", ["uniform", "normal", "truncated_normal", "gamma", "binomial"])
def test_first_rows_of_a_draw_do_not_depend_on_how_many_follow(name):
    seed, parameters = np.array([7, 3], "uint32"), {"gamma": (0.7,), "binomial": (9.0, 0.3)}

    def draw(rows):
        operands = parameters.get(name, (0.0, 1.0))
        draws = OPS[f"random.{name}"].reference(seed, *operands, shape=(rows, 3), dtype="float32")
        return np.asarray(draws)

    np.testing.assert_array_equal(draw(9)[:4], draw(4))


def test_dropout_survives_the_extreme_rates():
    seed, x = np.array([1, 2], "uint32"), np.ones((4, 5), "float32")
    dropout = OPS["nn.dropout"].reference
    np.testing.assert_array_equal(dropout(x, seed, 0.0), x)
    np.testing.assert_array_equal(dropout(x, seed, 1.0), 0 * x)
    gradient = jax.grad(lambda x, rate: dropout(x, seed, rate).sum())(x, jnp.float32(1.0))
    np.testing.assert_array_equal(gradient, 0 * x)


@pytest.mark.parametrize(
    ("name", "operands", "attrs", "message"),
    [
        (
            "shape.pad",
            (np.ones(3),),
            {"pad_width": 1, "mode": "edge", "constant_values": 1.0},
            "mode",
        ),
        ("shape.scatter_update", (np.ones(3), [[0]], [1.0]), {"reduction": "sub"}, "reduction"),
        ("nn.binary_crossentropy", (np.ones(3), np.ones(4)), {}, "same shape"),
        ("nn.categorical_crossentropy", (1.0, 1.0), {}, "at least one axis"),
        ("nn.sparse_categorical_crossentropy", ([1, 2], np.ones((3, 2))), {}, "last axis"),
        ("nn.conv", (np.ones((1, 5, 3)), np.ones((2, 4, 6)), None), {}, "channels"),
        ("nn.conv", (np.ones((1, 2, 3)), np.ones((4, 3, 6)), None), {}, "empty"),
    ],
)
def test_errors_say_what_was_received(name, operands, attrs, message):
    with pytest.raises(ValueError, match=rf"(?s){message}.*Received"):
        OPS[name].reference(*operands, **attrs)
