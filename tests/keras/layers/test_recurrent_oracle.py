"""Recurrent layers, cells and wrappers against real Keras: tables of cases."""

import numpy as np
import pytest

from graphc import keras as ours
from tests.keras.layers.checking import (
    CHECKS,
    MARKS,
    assert_close,
    check_in_models,
    check_outputs,
    draw,
    ids,
)

pytestmark = MARKS
ALL = {"return_sequences": True, "return_state": True}
X = {"x": (3, 5, 4)}
KEPT = np.array([[1, 1, 0, 1, 0], [0, 1, 1, 1, 1], [1, 1, 1, 0, 0]], bool)
MASKED = {**X, "call": {"mask": KEPT}}
TRAINED = {**X, "call": {"training": True}}
STARTED = {**X, "call": {"initial_state": [draw((3, 3), seed=8), draw((3, 3), seed=9)]}}
SET = {"kernel_initializer": "ones", "recurrent_initializer": "zeros"}  # nothing is drawn
DROPS = {"dropout": 0.3, "recurrent_dropout": 0.4, "seed": 5}


def of(name, *args, **kwargs):
    """An inner layer, or a list of them, made by whichever library."""
    return lambda k: getattr(k.layers, name)(*args, name="inner", **kwargs)


def stack(k):
    cells = [k.layers.LSTMCell(3, name="a"), k.layers.GRUCell(2, name="b", reset_after=False)]
    return k.layers.StackedRNNCells(cells, name="stack")


CASES = [
    ("SimpleRNN", {"units": 3}, X),
    ("GRU", {"units": 3, **ALL}, X),
    ("LSTM", {"units": 3, **ALL, "go_backwards": True}, MASKED),
    ("Bidirectional", {"layer": of("LSTM", 3, return_sequences=True)}, MASKED),
    ("TimeDistributed", {"layer": of("Dense", 2)}, X),
    ("RNN", {"cell": stack, **ALL}, MASKED),
    ("ConvLSTM1D", {"filters": 2, "kernel_size": 3}, {"x": (2, 4, 6, 3)}),
    ("ConvLSTM2D", {"filters": 2, "kernel_size": 2, **ALL, "padding": "same", "strides": 2},
     {"x": (2, 3, 5, 4, 3)}),
    ("LSTM", {"units": 3, **DROPS, "return_sequences": True}, {**MASKED, "call": {
        "mask": KEPT, "training": True}}),
    ("GRU", {"units": 3, "dropout": 0.5, "seed": 1, "reset_after": False}, TRAINED),
    ("Bidirectional", {"layer": of("GRU", 3, **ALL), "merge_mode": "sum"}, X),
]  # fmt: skip

# Compared by their outputs, first weights and configurations.
MORE = [
    ("SimpleRNN", {"units": 3, **ALL, "activation": "relu", "use_bias": False}, MASKED),
    ("SimpleRNN", {"units": 3, "dropout": 0.3, "recurrent_dropout": 0.2, "seed": 2}, TRAINED),
    ("SimpleRNN", {"units": 3, "unroll": True, "return_sequences": True, "go_backwards": True},
     MASKED),
    ("GRU", {"units": 3, "reset_after": False, **ALL}, MASKED),
    ("GRU", {"units": 3, **DROPS, "recurrent_activation": "hard_sigmoid"}, TRAINED),
    ("GRU", {"units": 3, "go_backwards": True, "return_sequences": True, "use_bias": False}, X),
    ("GRU", {"units": 3, "dtype": "mixed_bfloat16"}, X),
    ("GRU", {"units": 3, "activation": "elu"}, X),
    ("LSTM", {"units": 3, **ALL}, STARTED),
    ("LSTM", {"units": 3, "zero_output_for_mask": True, "return_sequences": True}, MASKED),
    ("LSTM", {"units": 3, "zero_output_for_mask": True}, MASKED),
    ("LSTM", {"units": 3, "unit_forget_bias": False, "bias_initializer": "ones"}, X),
    ("LSTM", {"units": 3, "implementation": 1, "dropout": 0.3, "use_cudnn": False}, TRAINED),
    ("LSTM", {"units": 3, "unroll": True, **ALL}, {**STARTED, "call": {
        "mask": KEPT, **STARTED["call"]}}),
    ("LSTM", {"units": 3, "activation": "gelu", "recurrent_activation": "softplus"}, MASKED),
    ("LSTM", {"units": 3, "dtype": "float16", "recurrent_initializer": "he_normal"}, X),
    ("LSTM", {"units": 3}, {"x": (3, 5, 4), "dtype": "float64"}),
    ("LSTM", {"units": 3}, {"x": (3, 5, 4), "dtype": "int32", "high": 5}),
    ("LSTM", {"units": 3, "kernel_regularizer": "l2", "recurrent_initializer": "glorot_normal",
              "bias_constraint": "non_neg", "activity_regularizer": "l2"}, X),
    ("Bidirectional", {"layer": of("LSTM", 3), "merge_mode": "mul"}, MASKED),
    ("Bidirectional", {"layer": of("LSTM", 3, return_state=True), "merge_mode": None}, X),
    ("Bidirectional", {"layer": of("SimpleRNN", 3, return_sequences=True, **SET),
                       "merge_mode": "ave"}, MASKED),
    ("Bidirectional", {"layer": of("GRU", 3, dropout=0.4, seed=3)}, TRAINED),
    ("Bidirectional", {"layer": of("GRU", 3),
                       "backward_layer": of("LSTM", 2, go_backwards=True)}, X),
    ("Bidirectional", {"layer": of("LSTM", 3), "weights": None}, {**X, "call": {
        "initial_state": [draw((3, 3), seed=s) for s in range(4)]}}),
    ("RNN", {"cell": of("LSTMCell", 3), "go_backwards": True, **ALL}, MASKED),
    ("RNN", {"cell": of("GRUCell", 3, dropout=0.3, seed=3), "zero_output_for_mask": True}, {
        **MASKED, "call": {"mask": KEPT, "training": True}}),
    ("RNN", {"cell": of("SimpleRNNCell", 3, activation="mish"), "return_sequences": True}, MASKED),
    ("RNN", {"cell": stack, "unroll": True, "go_backwards": True}, X),
    ("TimeDistributed", {"layer": of("Dropout", 0.5, seed=3)}, TRAINED),
    ("TimeDistributed", {"layer": of("BatchNormalization")}, TRAINED),
    ("TimeDistributed", {"layer": of("Conv1D", 2, 3)}, {"x": (2, 4, 6, 3)}),
    ("TimeDistributed", {"layer": of("LSTM", 2)}, {"x": (2, 5, 6, 3)}),
    ("ConvLSTM1D", {"filters": 2, "kernel_size": 3, **DROPS, "data_format": "channels_first",
                    "go_backwards": True}, {"x": (2, 4, 3, 6), "call": {"training": True}}),
    ("ConvLSTM1D", {"filters": 2, "kernel_size": 3, "dilation_rate": 2, "use_bias": False,
                    "unit_forget_bias": False, **ALL}, {"x": (2, 4, 9, 3)}),
    ("ConvLSTM3D", {"filters": 2, "kernel_size": (1, 2, 2)}, {"x": (2, 3, 2, 3, 4, 2)}),
]  # fmt: skip


@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize("case", CASES, ids=ids(CASES))
def test_layer(keras, check, case):
    CHECKS[check](keras, *case)


@pytest.mark.parametrize("check", ["outputs", "config"])
@pytest.mark.parametrize("case", MORE, ids=ids(MORE))
def test_outputs(keras, check, case):
    CHECKS[check](keras, *case)


@pytest.mark.parametrize("case", CASES[1:6], ids=ids(CASES[1:6]))
def test_in_models(keras, case):
    name, arguments, spec = case
    check_in_models(keras, name, arguments, {"x": spec["x"]})


CELLS = [
    ("SimpleRNNCell", {}, 1),
    ("GRUCell", {"reset_after": False}, 1),
    ("GRUCell", {"recurrent_dropout": 0.5, "seed": 3}, 1),
    ("LSTMCell", {"dropout": 0.5, "implementation": 1, "seed": 3}, 2),
]


@pytest.mark.parametrize(("name", "arguments", "states"), CELLS)
def test_cell(keras, name, arguments, states):
    before = [draw((3, 2), seed=i) for i in range(states)]
    spec = {"x": (3, 4), "call": {"states": before, "training": True}}
    check_outputs(keras, name, {"units": 2, **arguments}, spec)
    layer = getattr(ours.layers, name)(2, **arguments)
    theirs = getattr(keras.layers, name)(2, **arguments)
    zeros = layer.get_initial_state(3)
    assert_close(zeros, theirs.get_initial_state(3))
    assert layer.state_size == theirs.state_size
    plain = {k: v for k, v in theirs.get_config().items() if isinstance(v, int | float)}
    assert {k: layer.get_config()[k] for k in plain} == plain


def test_masks_of_a_cell_stay_until_they_are_reset(keras):
    one, other = (lib.layers.LSTMCell(2, dropout=0.5, seed=1) for lib in (ours, keras))
    x, states = draw((3, 4)), [draw((3, 2)), draw((3, 2))]
    for cell in (one, other):
        cell(x, states)
    one.set_weights(other.get_weights())
    for reset in (False, True):
        if reset:
            one.reset_dropout_mask(), other.reset_dropout_mask()
        assert_close(one(x, states, training=True)[0], other(x, states, training=True)[0])
