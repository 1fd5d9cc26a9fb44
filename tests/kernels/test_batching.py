"""The batch rules are sound on every case, and complete on what real steps are made of."""

from itertools import product

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from graphc.kernels import OPS, TensorSpec
from graphc.kernels.batching import BATCH_RULES, FREE, MIXED, ROWS, ZEROED
from graphc.kernels.cases import CASES

BATCH, REAL = 4, 2
BATCHED = [
    case
    for case in CASES
    if case.op in BATCH_RULES and any(i is not None and i.batched for i in case.inputs)
]


def specs_of(values):
    return tuple(None if v is None else TensorSpec(v.shape, str(v.dtype)) for v in values)


def infer(case, kinds, operands):
    """The kinds of the results, and the op as a function."""

    def function(*xs):
        result = OPS[case.op].reference(*xs, **case.attrs)
        return result if isinstance(result, tuple) else (result,)

    outs = specs_of(jax.eval_shape(function, *operands))
    return BATCH_RULES[case.op](kinds, specs_of(operands), case.attrs, outs), function


def padded(operand, kind, repeated):
    """`operand` with the rows of padding as its kind says: copies of a real row, or zeros."""
    if kind == FREE:
        return operand
    padding = operand[repeated] if kind == ROWS else np.zeros_like(operand[0])
    return np.concatenate([operand[:REAL], np.stack([padding] * (BATCH - REAL))])


def kinds_to_try(case):
    choices = [
        (FREE, ROWS, ZEROED) if i is not None and i.batched else (FREE,) for i in case.inputs
    ]
    return [kinds for kinds in product(*choices) if set(kinds) != {FREE}]


def _sampled(cases):
    """Every fourth case in the quick suite, all of them in the whole one: each compiles twice."""
    return [
        pytest.param(case, marks=() if index % 4 == 0 else pytest.mark.slow, id=str(case))
        for index, case in enumerate(cases)
    ]


@pytest.mark.parametrize("case", _sampled(BATCHED))
def test_rule_is_sound(case):
    operands = case.operands(batch=BATCH)
    for kinds in kinds_to_try(case):
        results, function = infer(case, kinds, operands)
        if set(results) == {MIXED}:
            continue
        one, other = (
            function(*(padded(x, k, row) for x, k in zip(operands, kinds, strict=True)))
            for row in (0, 1)
        )
        for kind, a, b in zip(results, one, other, strict=True):
            check(kind, np.asarray(a), np.asarray(b), f"{kinds} gives {results}")
        if ZEROED in kinds:
            check_gradient(function, operands, kinds)


def check(kind, a, b, message):
    if kind in (ROWS, ZEROED):
        assert a.shape[0] == BATCH, message
        np.testing.assert_array_equal(a[:REAL], b[:REAL], message)
    if kind == ZEROED:
        np.testing.assert_array_equal(a[REAL:], 0, message)
    if kind == FREE:
        np.testing.assert_array_equal(a, b, message)


def check_gradient(function, operands, kinds):
    """The derivative is finite at the zeros that the weight makes."""
    values = [padded(x, k, 0) for x, k in zip(operands, kinds, strict=True)]
    places = [i for i, v in enumerate(values) if v is not None and v.dtype == np.float32]

    def total(floats):
        for place, value in zip(places, floats, strict=True):
            values[place] = value
        out = [o for o in function(*values) if jnp.issubdtype(o.dtype, jnp.floating)]
        return sum((o.sum() for o in out), jnp.float32(0.0))

    gradients = jax.grad(total)([jnp.asarray(values[i]) for i in places])
    assert all(np.isfinite(g).all() for g in gradients), f"{kinds}: gradient is not finite"


F, R, Z, M = FREE, ROWS, ZEROED, MIXED
EXPECTED = [
    ("math.exp-floats", (R,), R), ("math.exp-floats", (Z,), M), ("math.tanh-floats", (Z,), Z),
    ("math.add-rows", (R, R), R), ("math.add-features", (R, F), R), ("math.add-rows", (Z, Z), Z),
    ("math.add-rows", (Z, R), M), ("math.add-outer", (R, R), M), ("math.add-outer", (R, F), R),
    ("math.multiply-column", (R, Z), Z), ("math.multiply-features", (Z, F), Z),
    ("math.divide-column", (Z, R), Z), ("math.divide-column", (R, Z), M),
    ("math.divide-rows", (Z, Z), M), ("math.divide_no_nan-rows", (Z, Z), Z),
    ("math.where-rows", (R, R, R), R), ("math.where-rows", (Z, R, Z), Z),
    ("math.where-rows", (Z, Z, R), M), ("math.log-floats", (Z,), M), ("core.cast-int", (Z,), Z),
    ("reduce.sum-axis_0", (Z,), F), ("reduce.sum-axis_0", (R,), M), ("reduce.sum-axis_2", (R,), R),
    ("reduce.sum-axis_None", (Z,), F), ("reduce.sum-axis_2", (Z,), Z),
    ("reduce.mean-axis_0", (Z,), M), ("reduce.mean-axis_2", (R,), R),
    ("reduce.mean-axis_2", (Z,), Z), ("reduce.max-axis_0", (Z,), M),
    ("reduce.argmax-axis_2", (R,), R), ("reduce.any-axis_0", (Z,), F),
    ("reduce.cumsum-axis_0", (Z,), M), ("reduce.cumsum-axis_2", (R,), R),
    ("reduce.segment_sum-rows", (Z, R), F), ("reduce.segment_sum-rows", (R, R), M),
    ("reduce.segment_max-rows", (Z, R), None), ("reduce.bincount-weights", (R, Z), F),
    ("reduce.in_top_k-rows", (R, R), R), ("linalg.matmul-vectors", (R, F), R),
    ("linalg.matmul-batched", (R, R), R), ("linalg.matmul-broadcast", (R, F), M),
    ("linalg.matmul-over_batch", (F, Z), F), ("linalg.matmul-over_batch", (F, R), M),
    ("linalg.matmul-weights", (Z, R), F), ("linalg.einsum-attention", (R, R), R),
    ("linalg.einsum-projection", (R, F), R), ("linalg.einsum-over_batch", (Z, R), F),
    ("linalg.einsum-over_batch", (R, R), M), ("linalg.einsum-moved", (R, F), M),
    ("linalg.einsum-ellipsis", (R, F), R), ("linalg.tensordot-last", (R, F), R),
    ("linalg.tensordot-over_batch", (R, Z), F), ("linalg.norm-rows", (R,), R),
    ("linalg.norm-all", (R,), M), ("nn.dense-mlp", (R, F, F), R), ("nn.conv-mnist_1", (R, F, F), R),
    ("nn.max_pool-mnist_1", (R,), R), ("nn.layer_norm-gpt", (R, F, F), R),
    ("nn.batch_norm-image", (R, F, F, F, F), R), ("nn.batch_norm_train-image", (R, F, F), None),
    ("nn.softmax-features", (R,), R), ("nn.softmax-batch", (R,), M), ("nn.relu-plain", (R,), R),
    ("nn.embedding-words", (R, F), R), ("nn.dropout-features", (R, F, F), R),
    ("nn.dropout-features", (Z, F, F), Z), ("random.normal-matrix", (F, F, F), R),
    ("nn.sparse_categorical_crossentropy-logits", (R, R), R),
    ("nn.linear_crossentropy-tokens", (R, F, F, R), R),
    ("nn.linear_crossentropy-tokens", (R, F, F, F), R),
    ("nn.linear_crossentropy-tokens", (Z, F, F, R), M),
    ("nn.linear_crossentropy-column", (R, F, F, Z), M),
    ("nn.categorical_crossentropy-logits", (R, R), R), ("nn.binary_crossentropy-logits", (R, R), R),
    ("shape.reshape-0", (R,), R), ("shape.reshape-1", (R,), M), ("shape.transpose-3", (R,), R),
    ("shape.transpose-4", (R,), M), ("shape.expand_dims-6", (R,), R),
    ("shape.expand_dims-7", (R,), M), ("shape.concatenate-features", (R, F), R),
    ("shape.concatenate-rows", (R, R), M), ("shape.stack-new", (R, R), R),
    ("shape.stack-front", (R, R), M), ("shape.getitem-array", (R, F), R),
    ("shape.getitem-lookup", (F, R), R), ("shape.getitem-apart", (R, F), M),
    ("shape.take-features", (R, F), R), ("shape.take-lookup", (F, R), R),
    ("shape.take_along_axis-axis_1", (R, R), R), ("shape.scatter-add", (R, Z), F),
    ("shape.scatter_update-add", (F, R, Z), F), ("shape.one_hot-last", (R,), R),
    ("shape.one_hot-first", (R,), M), ("shape.full_like-zeros", (R, F), R),
]  # fmt: skip
BY_NAME = {str(case): case for case in CASES}


@pytest.mark.parametrize(("name", "kinds", "expected"), EXPECTED)
def test_rule_gives_the_expected_kind(name, kinds, expected):
    case = BY_NAME[name]
    if expected is None:
        assert case.op not in BATCH_RULES, "no rule: the op mixes"
        return
    results, _ = infer(case, kinds, case.operands(batch=BATCH))
    assert set(results) == {expected}


def test_mixed_stays_mixed_and_absent_operands_are_free():
    out = (TensorSpec((4, 3), "float32"),)
    assert BATCH_RULES["math.add"]((MIXED, FREE), (out[0], out[0]), {}, out) == (MIXED,)
    assert BATCH_RULES["math.add"]((FREE, FREE), (out[0], out[0]), {}, out) == (FREE,)
    dense = BATCH_RULES["nn.dense"]
    kernel = TensorSpec((3, 3), "float32")
    assert dense((ROWS, FREE, None), (out[0], kernel, None), {}, out) == (ROWS,)


def test_every_rule_belongs_to_an_op():
    assert set(BATCH_RULES) <= set(OPS)
