"""Attention on accelerators: what cuDNN and splash attention are given, and what they compute."""

import subprocess
import sys
from functools import partial

import jax
import jax.export
import jax.numpy as jnp
import numpy as np
import pytest

from graphc.kernels import OPS, Signature, Target, TensorSpec, select
from graphc.kernels.fused.attention_cudnn import attention_cudnn
from graphc.kernels.pallas.attention_tpu import attention_splash

REFERENCE = OPS["nn.attention"].reference
CUDNN, SPLASH = "attention_cudnn", "attention_splash"
CAUSAL = {"is_causal": True}
GPT = ((8, 512, 12, 64),) * 3  # queries, keys, values
GROUPED = ((8, 512, 12, 64), (8, 512, 4, 64), (8, 512, 4, 64))
CROSS = ((8, 512, 12, 64), (8, 768, 12, 64), (8, 768, 12, 64))
MORE_QUERIES = ((8, 768, 12, 64), (8, 512, 12, 64), (8, 512, 12, 64))
OTHER_VALUES = ((8, 512, 12, 64), (8, 512, 12, 64), (8, 512, 12, 128))
MASK, BIAS = (8, 1, 1, 512), (1, 12, 512, 512)


def sized(heads, rows=512):
    return ((8, rows, 12, heads),) * 3


def chosen(target, dtype, shapes, attrs, bias=None, mask=None):
    specs = [TensorSpec(shape, dtype) for shape in shapes]
    specs.append(None if bias is None else TensorSpec(bias, dtype))
    specs.append(None if mask is None else TensorSpec(mask, "bool"))
    return select("nn.attention", Signature(tuple(specs), attrs), Target(target))


@pytest.mark.parametrize(
    ("target", "dtype", "shapes", "attrs", "name"),
    [
        ("gpu", "bfloat16", GPT, {}, CUDNN),
        ("gpu", "float16", GPT, CAUSAL, CUDNN),
        ("gpu", "bfloat16", GROUPED, {"scale": 0.3}, CUDNN),
        ("gpu", "bfloat16", GPT, {**CAUSAL, "window": 128}, CUDNN),
        ("gpu", "bfloat16", CROSS, {"zero_empty_rows": True}, CUDNN),
        ("gpu", "bfloat16", sized(64, rows=64), {"flash": True}, CUDNN),
        ("gpu", "float32", GPT, {}, "reference"),
        ("tpu", "float32", GPT, {}, SPLASH),
        ("tpu", "bfloat16", GPT, CAUSAL, SPLASH),
        ("tpu", "bfloat16", GROUPED, {"scale": 0.3}, SPLASH),
        ("tpu", "bfloat16", CROSS, {**CAUSAL, "window": 128}, SPLASH),
        ("tpu", "bfloat16", MORE_QUERIES, {"window": 257}, SPLASH),
        ("tpu", "bfloat16", OTHER_VALUES, {"zero_empty_rows": True}, SPLASH),
        ("tpu", "bfloat16", sized(64, rows=128), {"flash": True}, SPLASH),
        ("tpu", "float16", GPT, {}, "reference"),
        ("cpu", "float32", sized(64, rows=128), {}, "attention_kept_scores"),
        ("cpu", "float32", GPT, {}, "attention_in_blocks"),
        ("cpu", "bfloat16", sized(64, rows=128), CAUSAL, "reference"),
    ],
)
def test_each_target_has_its_kernel(target, dtype, shapes, attrs, name):
    assert chosen(target, dtype, shapes, attrs).kernel.name == name


@pytest.mark.parametrize("target", ["gpu", "tpu"])
def test_tiers_can_be_switched_off(target):
    specs = (*(TensorSpec(shape, "bfloat16") for shape in GPT), None, None)
    choice = select("nn.attention", Signature(specs), Target(target, ("reference",)))
    assert choice.kernel.name == "reference"


BOTH = [
    (GPT, {"flash": False}, {}, "told"),
    (GPT, {}, {"bias": BIAS}, "bias"),
    (GPT, {}, {"mask": MASK}, "without a key"),
    (GPT, {**CAUSAL, "window": 0}, {}, "window leaves"),
    (MORE_QUERIES, {**CAUSAL, "window": 256}, {}, "window leaves"),
    (((0, 512, 12, 64),) * 3, {}, {}, "nothing"),
    (((1, 512, 12, 64), *GPT[1:]), {}, {}, "batches"),
    (sized(64, rows=128), {}, {}, "fewer than 256"),
]


@pytest.mark.parametrize(
    ("target", "name", "dtype", "shapes", "attrs", "tables", "reason"),
    [
        *(("gpu", CUDNN, "bfloat16", *row) for row in BOTH),
        *(("tpu", SPLASH, "bfloat16", *row) for row in BOTH),
        ("cpu", CUDNN, "bfloat16", GPT, {}, {}, "NVIDIA"),
        ("tpu", CUDNN, "bfloat16", sized(60), {}, {}, "NVIDIA"),
        ("gpu", CUDNN, "float32", GPT, {}, {}, "not all bfloat16 or all float16"),
        ("gpu", CUDNN, "bfloat16", sized(60), {}, {}, "multiple of 8"),
        ("gpu", CUDNN, "bfloat16", sized(136), {}, {}, "multiple of 8 up to 128"),
        ("gpu", CUDNN, "bfloat16", OTHER_VALUES, {}, {}, "values"),
        ("gpu", CUDNN, "bfloat16", GPT, {"window": 128}, {}, "causal windows only"),
        ("gpu", CUDNN, "bfloat16", CROSS, CAUSAL, {}, "not as many keys"),
        ("cpu", SPLASH, "bfloat16", GPT, {}, {}, "TPU"),
        ("gpu", SPLASH, "bfloat16", GPT, {}, {}, "TPU"),
        ("tpu", SPLASH, "float16", GPT, {}, {}, "not all bfloat16 or all float32"),
        ("tpu", SPLASH, "bfloat16", sized(64, rows=500), {}, {}, "multiples of 128"),
        ("tpu", SPLASH, "bfloat16", sized(32), {}, {}, "multiples of 64"),
        ("tpu", SPLASH, "bfloat16", sized(320), {}, {}, "multiples of 64 up to 256"),
    ],
)
def test_what_is_declined_has_a_reason(target, name, dtype, shapes, attrs, tables, reason):
    choice = chosen(target, dtype, shapes, attrs, **tables)
    (kernel,) = [each for each in OPS["nn.attention"].kernels if each.name == name]
    assert choice.kernel is not kernel
    assert reason in dict(choice.rejected).get(kernel, "")


def test_tensors_of_several_dtypes_are_declined():
    specs = [TensorSpec(GPT[0], dtype) for dtype in ("bfloat16", "bfloat16", "float32")]
    for target in ("gpu", "tpu"):
        choice = select("nn.attention", Signature((*specs, None, None)), Target(target))
        assert choice.kernel.name == "reference"


def test_splash_is_not_given_indices_of_64_bits():
    with jax.enable_x64(True):
        choice = chosen("tpu", "bfloat16", GPT, {})
    assert choice.kernel.name == "reference"
    assert any("jax_enable_x64" in reason for _, reason in choice.rejected)


class Device:
    def __init__(self, capability):
        self.compute_capability = capability


@pytest.mark.parametrize(
    ("capability", "able"), [("8.0", True), ("10.3", True), ("7.5", False), ("gfx90a", False)]
)
def test_the_gpu_at_hand_must_be_able(monkeypatch, capability, able):
    monkeypatch.setattr(jax, "default_backend", lambda: "gpu")
    monkeypatch.setattr(jax, "devices", lambda: [Device(capability)])
    choice = chosen("gpu", "bfloat16", GPT, {})
    assert (choice.kernel.name == CUDNN) == able
    assert able or any("Ampere" in reason for _, reason in choice.rejected)


def both(function, attrs):
    """The result and the gradients as one compiled function of queries, keys, values, cotangent."""

    def run(q, k, v, cotangent):
        result, pull = jax.vjp(lambda *x: function(*x, None, None, **attrs), q, k, v)
        return result, *pull(cotangent)

    return jax.jit(run)


def drawn(rows, columns, heads, dtype, batch=1):
    """Queries, keys, values and a cotangent; `heads`: of queries, of keys, and their sizes."""
    rng = np.random.default_rng(2)
    count, groups, size, width = heads
    shapes = ((rows, count, size), (columns, groups, size), (columns, groups, width))
    return tuple(
        jnp.asarray(rng.normal(size=(batch, *shape)), dtype)
        for shape in (*shapes, (rows, count, width))
    )


def assert_close(results, operands, attrs, tolerance):
    expected = both(REFERENCE, attrs)(*(x.astype("float32") for x in operands))
    for got, want in zip(results, expected, strict=True):
        scale = max(1.0, float(jnp.abs(want).max()))
        np.testing.assert_allclose(got.astype("float32"), want, rtol=0, atol=tolerance * scale)


TOLERANCE = {"float32": 5e-6, "float16": 4e-3, "bfloat16": 2e-2}
FOR_CUDNN = [
    (300, 300, (4, 2, 16, 16), {"scale": 0.3}),
    (260, 320, (2, 2, 16, 16), {}),
    (256, 256, (2, 2, 24, 24), CAUSAL),
    (256, 256, (2, 1, 16, 16), {**CAUSAL, "window": 1}),
    (256, 256, (2, 1, 16, 16), {**CAUSAL, "window": 40}),
]


@pytest.mark.parametrize(("rows", "columns", "heads", "attrs"), FOR_CUDNN)
def test_jax_means_the_same_by_what_cudnn_is_asked_for(monkeypatch, rows, columns, heads, attrs):
    function = jax.nn.dot_product_attention
    asked = []

    def instead(*args, implementation, **kwargs):
        asked.append(implementation)
        return function(*args, implementation="xla", **kwargs)

    monkeypatch.setattr(jax.nn, "dot_product_attention", instead)
    operands = drawn(rows, columns, heads, "float32")
    assert_close(both(attention_cudnn, attrs)(*operands), operands, attrs, TOLERANCE["float32"])
    assert asked == ["cudnn"]
    assert chosen("gpu", "float16", [x.shape for x in operands[:3]], attrs).kernel.name == CUDNN


@pytest.mark.gpu
@pytest.mark.skipif(jax.default_backend() != "gpu", reason="there is no GPU")
@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
@pytest.mark.parametrize(("rows", "columns", "heads", "attrs"), FOR_CUDNN)
def test_cudnn_agrees_with_the_reference(rows, columns, heads, attrs, dtype):
    operands = drawn(rows, columns, heads, dtype, batch=2)
    if chosen("gpu", dtype, [x.shape for x in operands[:3]], attrs).kernel.name != CUDNN:
        pytest.skip("this GPU has no such attention")
    assert_close(both(attention_cudnn, attrs)(*operands), operands, attrs, TOLERANCE[dtype])


FOR_SPLASH = [  # 384 make three blocks, 256 one
    (384, 256, (2, 1, 64, 128), "float32", {"window": 129, "scale": 0.3}),
    (256, 384, (1, 1, 64, 64), "float32", CAUSAL),  # no query sees the last block of keys
    (384, 384, (1, 1, 64, 64), "bfloat16", {**CAUSAL, "window": 100}),
    (256, 256, (2, 2, 64, 64), "bfloat16", {}),
]


@pytest.mark.parametrize(("rows", "columns", "heads", "dtype", "attrs"), FOR_SPLASH)
def test_splash_agrees_with_the_reference(rows, columns, heads, dtype, attrs):
    from jax.experimental.pallas import tpu

    operands = drawn(rows, columns, heads, dtype)
    assert chosen("tpu", dtype, [x.shape for x in operands[:3]], attrs).kernel.name == SPLASH
    with tpu.force_tpu_interpret_mode():
        results = both(attention_splash, attrs)(*operands)
    assert [x.dtype for x in results] == [dtype] * 4
    assert_close(results, operands, attrs, TOLERANCE[dtype])


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize(
    ("shapes", "attrs"),
    [
        (GPT, {}),
        (GROUPED, CAUSAL),
        (CROSS, {"window": 100}),
        (OTHER_VALUES, {**CAUSAL, "window": 100}),
        (sized(256), CAUSAL),
        (sized(192, rows=384), {}),
    ],
)
def test_splash_is_lowered_for_tpus_on_any_machine(shapes, attrs, dtype):
    assert chosen("tpu", dtype, shapes, attrs).kernel.name == SPLASH
    specs = [jax.ShapeDtypeStruct(shape, dtype) for shape in shapes]
    forward = jax.jit(lambda q, k, v: attention_splash(q, k, v, None, None, **attrs))
    specs.append(jax.eval_shape(forward, *specs))
    lower = partial(jax.export.export, platforms=["tpu"])
    programs = lower(forward)(*specs[:3]), lower(both(attention_splash, attrs))(*specs)
    kernels = [program.mlir_module().count("@tpu_custom_call") for program in programs]
    assert kernels == [1, 3]  # the forward pass; and the gradients of queries, and of the others
    want = jax.eval_shape(both(REFERENCE, attrs), *specs)
    assert [(x.shape, x.dtype) for x in programs[1].out_avals] == [(x.shape, x.dtype) for x in want]


def test_pallas_is_imported_by_no_one_who_needs_it_not():
    code = "import sys, graphc; sys.exit('jax.experimental.pallas' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
