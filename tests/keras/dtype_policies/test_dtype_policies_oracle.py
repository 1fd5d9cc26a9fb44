"""`keras.dtype_policies` beside real Keras."""

from __future__ import annotations

import json
import os
from importlib import import_module

import numpy as np
import pytest

from graphc import keras as ours

pytestmark = pytest.mark.oracle


@pytest.fixture(scope="module")
def keras():
    os.environ.setdefault("KERAS_BACKEND", "jax")
    return import_module("keras")


POLICIES = [
    ("DTypePolicy", ("float32",)),
    ("DTypePolicy", ("mixed_float16",)),
    ("DTypePolicy", ("mixed_bfloat16",)),
    ("DTypePolicy", ("float64",)),
    ("DTypePolicy", ("int32",)),
    ("DTypePolicy", ()),
    ("FloatDTypePolicy", ("bfloat16",)),
    ("QuantizedDTypePolicy", ("int8", "float32")),
    ("QuantizedDTypePolicy", ("int8", "mixed_bfloat16")),
    ("QuantizedDTypePolicy", ("int4",)),
    ("QuantizedFloat8DTypePolicy", ("float8", "float32")),
    ("QuantizedFloat8DTypePolicy", ("float8", "mixed_float16", 512)),
    ("Int4DTypePolicy", ("int4/128", "float32")),
    ("Int4DTypePolicy", ("int4/-1", "bfloat16")),
    ("GPTQDTypePolicy", ("gptq/4/128", "float32")),
    ("GPTQDTypePolicy", ("gptq/2/-1", "mixed_bfloat16")),
    ("AWQDTypePolicy", ("awq/4/64", "float32")),
]
BAD = [
    ("DTypePolicy", (3,)),
    ("DTypePolicy", ("mixed",)),
    ("QuantizedDTypePolicy", ("int7", "float32")),
    ("QuantizedDTypePolicy", ("int8", "mixed_float16")),
    ("QuantizedDTypePolicy", ("int8", "what")),
    ("QuantizedFloat8DTypePolicy", ("float8", "float32", "8")),
    ("Int4DTypePolicy", ("int4", "float32")),
    ("Int4DTypePolicy", ("int4/0", "float32")),
    ("GPTQDTypePolicy", ("gptq/5/128", "float32")),
    ("GPTQDTypePolicy", ("gptq/4/x", "float32")),
    ("GPTQDTypePolicy", ("gptq/4/-2", "float32")),
    ("AWQDTypePolicy", ("awq/8/128", "float32")),
    ("AWQDTypePolicy", ("gptq/4/128", "float32")),
]


def made(module, case):
    return getattr(module.dtype_policies, case[0])(*case[1])


def facts(policy) -> dict:
    names = ("name", "compute_dtype", "variable_dtype", "quantization_mode", "amax_history_length",
             "block_size", "weight_bits", "group_size", "mode")  # fmt: skip
    return {name: getattr(policy, name, None) for name in names} | {
        "repr": repr(policy),
        "config": policy.get_config(),
    }


@pytest.mark.parametrize("case", POLICIES, ids=str)
def test_policy(keras, case) -> None:
    policy, expected = made(ours, case), made(keras, case)
    assert facts(policy) == facts(expected)
    stored = ours.dtype_policies.serialize(policy)
    assert stored == keras.dtype_policies.serialize(expected)
    for entry in (stored, json.loads(json.dumps(stored))):
        assert ours.dtype_policies.deserialize(entry) == policy
        assert ours.dtype_policies.get(entry) == policy
    assert ours.dtype_policies.get(policy) is policy
    assert type(policy).from_config(policy.get_config()) == policy


@pytest.mark.parametrize("case", BAD, ids=str)
def test_bad_policy(keras, case) -> None:
    with pytest.raises((TypeError, ValueError)) as expected:
        made(keras, case)
    with pytest.raises(expected.type, match="Received"):
        made(ours, case)


@pytest.mark.parametrize(
    "identifier",
    [None, "mixed_float16", "bfloat16", np.float32, np.dtype("float64"), "int8_from_float32",
     "int4_from_float32", "int4/128_from_float32", "float8_from_mixed_bfloat16",
     "gptq/4/128_from_float32", "awq/4/-1_from_float32",
     {"class_name": "DTypePolicy", "config": {"name": "float16"}}, "what", "int8_from_what",
     "int9_from_float32", "awq_from_float32", object()],
    ids=lambda identifier: "object" if type(identifier) is object else str(identifier),
)  # fmt: skip
def test_get(keras, identifier) -> None:
    def run(module):
        try:
            return facts(module.dtype_policies.get(identifier))
        except (ValueError, TypeError) as error:
            return type(error)

    assert run(ours) == run(keras)


def test_equality(keras) -> None:
    both = [
        [[made(module, a) == made(module, b) for a in POLICIES] for b in POLICIES]
        for module in (ours, keras)
    ]
    assert both[0] == both[1]


def test_set_dtype_policy_is_that_of_new_layers(keras) -> None:
    found = []
    for module in (ours, keras):
        before = module.config.dtype_policy()
        module.mixed_precision.set_global_policy("mixed_bfloat16")
        layer = module.layers.Dense(2)
        found.append((layer.compute_dtype, layer.dtype, module.DTypePolicy().name))
        found.append(str(module.dtype_policies.get(None)))
        module.config.set_dtype_policy(before)
        found.append(module.layers.Dense(2).compute_dtype)
    assert found[:3] == found[3:]


@pytest.mark.parametrize("policy", [None, 3, np.float32])
def test_set_dtype_policy_refuses(keras, policy) -> None:
    for module in (ours, keras):
        with pytest.raises(ValueError, match="Received: policy"):
            module.config.set_dtype_policy(policy)


def test_quantized_layers_are_refused() -> None:
    with pytest.raises(ValueError, match="Quantized layers are not supported"):
        ours.layers.Dense(2, dtype="int8_from_float32")


def filled(module):
    policies = module.dtype_policies
    table = policies.DTypePolicyMap(policies.DTypePolicy("float32"))
    table["encoder/layer_0/dense"] = policies.DTypePolicy("bfloat16")
    table["encoder/.*"] = "mixed_float16"
    table["decoder"] = policies.QuantizedDTypePolicy("int8", "float32")
    return table


PATHS = ["encoder/layer_0/dense", "encoder/attention/query", "decoder", "decoder/x", "other"]


def test_policy_map(keras) -> None:
    table, expected = filled(ours), filled(keras)
    assert [facts(table[path]) for path in PATHS] == [facts(expected[path]) for path in PATHS]
    names = ("name", "compute_dtype", "variable_dtype", "quantization_mode")
    assert [getattr(table, n) for n in names] == [getattr(expected, n) for n in names]
    assert list(table) == list(expected)
    assert len(table) == 3 and "decoder" in table and "encoder" not in table
    stored = ours.dtype_policies.serialize(table)
    assert json.dumps(stored) == json.dumps(keras.dtype_policies.serialize(expected))
    loaded = ours.dtype_policies.deserialize(json.loads(json.dumps(stored)))
    assert {k: v.name for k, v in loaded.items()} == {k: v.name for k, v in table.items()}
    del table["decoder"]
    assert table["decoder"].name == "float32"


def test_policy_map_with_the_global_default(keras) -> None:
    stored = []
    for module in (ours, keras):
        table = module.dtype_policies.DTypePolicyMap()
        table["a"] = module.dtype_policies.QuantizedDTypePolicy("int8", "float32")
        table["b"] = module.dtype_policies.DTypePolicy("float32")
        stored.append(table.get_config())
    assert stored[0] == stored[1]


def test_policy_map_errors() -> None:
    table = filled(ours)
    with pytest.raises(ValueError, match="Received: 'decoder'"):
        table["decoder"] = "float32"
    with pytest.raises(ValueError, match="Received: what"):
        table["new"] = "what"
    table["encoder/attention/.*"] = "bfloat16"
    with pytest.raises(ValueError, match="which matches"):
        table["encoder/attention/query"]
    with pytest.raises(ValueError, match="not a `DTypePolicyMap`"):
        ours.dtype_policies.DTypePolicyMap(table)
    with pytest.raises(TypeError, match="to be a dict"):
        ours.dtype_policies.DTypePolicyMap(policy_map=[1])


@pytest.mark.parametrize("autocast", [True, False])
@pytest.mark.parametrize("dtype", ["float32", "float16", "int32"])
def test_convert_input(keras, autocast: bool, dtype: str) -> None:
    found = []
    for module in (ours, keras):
        policy = module.DTypePolicy("mixed_bfloat16")
        array = policy.convert_input(np.ones((2,), dtype), autocast, "bfloat16")
        symbol = policy.convert_input(module.Input((2,), dtype=dtype), autocast, "bfloat16")
        text = policy.convert_input("text", autocast, "bfloat16")
        found.append((str(array.dtype), symbol.dtype, text))
    assert found[0] == found[1]
