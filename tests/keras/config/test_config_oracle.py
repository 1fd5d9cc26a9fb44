"""`keras.config` and `keras.backend` beside real Keras."""

from __future__ import annotations

import io
import itertools
import logging
import os
import traceback
from importlib import import_module

import numpy as np
import pytest

from graphc import keras as ours
from graphc.keras.config.limits import limited_epochs, limited_steps
from graphc.keras.config.messages import print_message
from graphc.keras.config.tracebacks import filter_traceback


@pytest.fixture(scope="module")
def keras():
    os.environ.setdefault("KERAS_BACKEND", "jax")
    return import_module("keras")


DTYPES = [
    "bool", "uint8", "uint16", "uint32", "uint64", "int8", "int16", "int32", "int64", "bfloat16",
    "float16", "float32", "float64", "complex64", "complex128", int, float, None,
]  # fmt: skip


def outcome(function, *arguments):
    try:
        return function(*arguments)
    except (TypeError, ValueError) as error:
        return type(error)


@pytest.mark.oracle
@pytest.mark.parametrize("floatx", ["float32", "float16", "bfloat16"])
@pytest.mark.parametrize("count", [0, 1, 2])
def test_result_type_agrees_with_keras(keras, floatx: str, count: int) -> None:
    for module in (ours, keras):
        module.config.set_floatx(floatx)
    try:
        for dtypes in itertools.product(DTYPES, repeat=count):
            expected = outcome(keras.backend.result_type, *dtypes)
            assert outcome(ours.backend.result_type, *dtypes) == expected, dtypes
    finally:
        for module in (ours, keras):
            module.config.set_floatx("float32")


@pytest.mark.oracle
@pytest.mark.parametrize(
    "dtypes", [("int8", "uint8", float), ("float8_e4m3fn", "float32"), (int, float, bool), ("x",)]
)
def test_result_type_of_more(keras, dtypes) -> None:
    assert outcome(ours.backend.result_type, *dtypes) == outcome(keras.backend.result_type, *dtypes)


@pytest.mark.oracle
@pytest.mark.parametrize(
    "dtype",
    [None, "float32", float, int, bool, str, np.float16, np.dtype("int8"), "int", complex, "x",
     "float8_e5m2", "uint8", np.int64, "complex64"],
    ids=str,
)  # fmt: skip
@pytest.mark.parametrize("name", ["standardize_dtype", "is_float_dtype", "is_int_dtype"])
def test_dtype_functions_agree_with_keras(keras, name: str, dtype) -> None:
    received = outcome(getattr(ours.backend, name), dtype)
    assert received == outcome(getattr(keras.backend, name), dtype)


@pytest.mark.oracle
def test_uids_count_with_automatic_names(keras) -> None:
    found = []
    for module in (ours, keras):
        module.backend.clear_session()
        numbers = [module.backend.get_uid(name) for name in ("dense", "dense", "", "b")]
        names = [module.layers.Dense(1).name, module.layers.Dense(1).name]
        found.append((numbers, names, module.backend.get_uid("dense")))
    assert found[0] == found[1]


def test_is_keras_tensor() -> None:
    assert ours.backend.is_keras_tensor(ours.Input((3,)))
    assert not ours.backend.is_keras_tensor(np.ones(3))


SWITCHES = [
    ("interactive_logging", "is_interactive_logging_enabled", True, False),
    ("traceback_filtering", "is_traceback_filtering_enabled", True, False),
    ("flash_attention", "is_flash_attention_enabled", None, False),
]


@pytest.mark.oracle
@pytest.mark.parametrize(("switch", "asked", "on", "off"), SWITCHES)
def test_switches(keras, switch: str, asked: str, on, off) -> None:
    for module in (ours, keras):
        assert getattr(module.config, asked)() is on
        getattr(module.config, f"disable_{switch}")()
        assert getattr(module.config, asked)() is off
        getattr(module.config, f"enable_{switch}")()
        assert getattr(module.config, asked)() is on


@pytest.fixture
def log_only(caplog):
    caplog.set_level(logging.INFO, logger="absl")
    ours.config.disable_interactive_logging()
    yield caplog
    ours.config.enable_interactive_logging()


def test_messages_become_log_lines(log_only, capsys) -> None:
    print_message("100 % done")
    ours.utils.Progbar(2).update(2, [("loss", 0.5)])
    assert capsys.readouterr().out == ""
    messages = [record.message for record in log_only.records]
    assert messages[0] == "100 % done"
    assert messages[1].startswith("2/2 ") and messages[1].endswith("loss: 0.5000")


def test_fit_is_silent_when_logging_is_not_interactive(log_only, capsys) -> None:
    model = ours.Sequential([ours.layers.Dense(1)])
    model.compile("sgd", "mse")
    model.fit(np.ones((4, 2)), np.ones((4, 1)), epochs=2)
    assert capsys.readouterr().out == ""
    assert any("loss" in record.message for record in log_only.records)


def test_messages_go_to_standard_output(capsys) -> None:
    print_message("here", line_break=False)
    assert capsys.readouterr().out == "here"


def test_limits() -> None:
    assert limited_epochs(5) == 5
    assert limited_steps(None) is None
    ours.config.set_max_epochs(2)
    ours.config.set_max_steps_per_epoch(3)
    try:
        assert (ours.config.max_epochs(), ours.config.max_steps_per_epoch()) == (2, 3)
        assert limited_epochs(2) == 2
        assert limited_steps(3) == 3
        with pytest.warns(UserWarning, match="Limiting epochs to 2"):
            assert limited_epochs(5) == 2
        with pytest.warns(UserWarning, match="Limiting steps_per_epoch to 3"):
            assert limited_steps(None) == 3
    finally:
        ours.config.set_max_epochs(None)
        ours.config.set_max_steps_per_epoch(None)


def test_backend_is_jax() -> None:
    ours.config.set_backend("jax")
    assert ours.config.backend() == ours.backend.backend() == "jax"
    assert ours.config.is_nnx_enabled() is False
    with pytest.raises(ValueError, match=r"to be 'jax'. Received: backend='torch'"):
        ours.config.set_backend("torch")


def frames_of(function) -> list[str]:
    stream = io.StringIO()
    try:
        function()
    except ValueError:
        traceback.print_exc(file=stream)
    return [line for line in stream.getvalue().splitlines() if "frontends/keras" in line]


def test_filtered_tracebacks() -> None:
    function = filter_traceback(lambda: ours.config.set_floatx("float8"))
    assert frames_of(function) == [f for f in frames_of(function) if "tracebacks.py" in f]
    ours.config.disable_traceback_filtering()
    try:
        assert any("settings.py" in frame for frame in frames_of(function))
    finally:
        ours.config.enable_traceback_filtering()


def test_unsafe_deserialization() -> None:
    import contextvars

    layer = ours.saving.serialize_keras_object(lambda x: x + 1)

    def load():
        with pytest.raises(ValueError, match="lambda"):
            ours.saving.deserialize_keras_object(layer)
        ours.config.enable_unsafe_deserialization()
        return ours.saving.deserialize_keras_object(layer)

    assert contextvars.copy_context().run(load)(1) == 2


@pytest.mark.oracle
@pytest.mark.parametrize("name", ["cpu", "cpu:0", "CPU:0"])
def test_device(keras, name: str) -> None:
    with ours.device(name):
        assert next(iter(ours.ops.ones((2,)).devices())).platform == "cpu"


@pytest.mark.parametrize("name", [3, "cpu:77", None])
def test_unknown_device(name) -> None:
    with pytest.raises(ValueError, match="Received: device_name"):
        ours.device(name)
