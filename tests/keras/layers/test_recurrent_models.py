"""Recurrent layers in models, against real Keras: fits, states, masks, unknown sizes, errors."""

import re

import jax
import numpy as np
import pytest

import graphc
from graphc import keras as ours
from graphc.kernels import OPS, Signature, Target, TensorSpec, select
from graphc.kernels.cases import CASES as KERNEL_CASES
from tests.keras.layers.checking import MARKS, assert_close, draw
from tests.oracle.pairing import Data, check, labels, rows

pytestmark = MARKS

TOKENS = labels(6, (7,))


def _embedded(*layers, mask=True):
    def build(k):
        made = [layer(k.layers) for layer in layers]
        words = k.layers.Embedding(6, 5, mask_zero=mask)
        return k.Sequential([k.Input((None,), dtype="int32"), words, *made, k.layers.Dense(1)])

    return build


def _numbers(*layers):
    def build(k):
        made = [layer(k.layers) for layer in layers]
        return k.Sequential([k.Input((7, 4)), *made, k.layers.Dense(1)])

    return build


def _attention_free_seq2seq(k):
    """An encoder whose states start the decoder: states as outputs and inputs of layers."""
    source, target = k.Input((None, 3)), k.Input((None, 2))
    _, h, c = k.layers.LSTM(4, return_state=True)(source)
    decoded = k.layers.LSTM(4, return_sequences=True)(target, initial_state=[h, c])
    return k.Model([source, target], k.layers.TimeDistributed(k.layers.Dense(1))(decoded))


FITS = {
    "lstm_masked": (_embedded(lambda o: o.LSTM(4)), Data(TOKENS, rows((1,)))),
    "gru": (_numbers(lambda o: o.GRU(4, return_sequences=True), lambda o: o.GRU(3)),
            Data(rows((7, 4)), rows((1,)))),
    "gru_masked": (_embedded(lambda o: o.GRU(4, reset_after=False)), Data(TOKENS, rows((1,)))),
    "bidirectional_masked": (
        _embedded(lambda o: o.Bidirectional(o.LSTM(3, return_sequences=True)),
                  lambda o: o.Bidirectional(o.GRU(3), merge_mode="sum")),
        Data(TOKENS, rows((1,)))),
    "dropout": (_numbers(lambda o: o.LSTM(4, dropout=0.3, recurrent_dropout=0.2, seed=3),
                         ), Data(rows((7, 4)), rows((1,)))),
    "stack": (_numbers(lambda o: o.RNN([o.LSTMCell(3), o.SimpleRNNCell(2)])),
              Data(rows((7, 4)), rows((1,)))),
    "seq2seq": (_attention_free_seq2seq, Data([rows((6, 3)), rows((5, 2))], rows((5, 1)))),
}  # fmt: skip


@pytest.mark.parametrize("name", FITS)
def test_fit(keras, name):
    build, data = FITS[name]
    check(keras, build, data, lambda k: {"loss": "mse"})


def test_conv_lstm_fits(keras):
    def build(k):
        layers = [k.layers.ConvLSTM2D(2, 2, dropout=0.2, seed=1), k.layers.Flatten()]
        return k.Sequential([k.Input((3, 4, 4, 2)), *layers, k.layers.Dense(1)])

    check(keras, build, Data(rows((3, 4, 4, 2)), rows((1,))), lambda k: {"loss": "mse"})


@pytest.mark.parametrize("name", ["SimpleRNN", "LSTM", "Bidirectional"])
def test_states_carry_over_to_the_next_call(keras, name):
    x, made = draw((2, 5, 4)), []
    for library in (keras, ours):
        inner = {"layer": library.layers.GRU(3, stateful=True)}
        arguments = inner if name == "Bidirectional" else {"units": 3, "stateful": True}
        made.append(getattr(library.layers, name)(**arguments))
        made[-1].build((2, 5, 4))
    theirs, mine = made
    mine.set_weights(theirs.get_weights())
    assert [v.path for v in mine.weights] == [v.path for v in theirs.weights]
    for _ in range(3):
        assert_close(mine(x), theirs(x))
    assert_close(
        [state.numpy() for state in mine.states], [np.asarray(s.value) for s in theirs.states]
    )
    mine.reset_state(), theirs.reset_state()
    assert_close(mine(x), theirs(x))
    with pytest.raises(ValueError, match="Received"):
        mine(x[:1])


def test_states_carry_over_batches_of_a_fit():
    """Keras on JAX forgets them between compiled batches; its other backends do not."""
    layer = ours.layers.LSTM(3, stateful=True)
    model = ours.Sequential([ours.Input(batch_shape=(2, 5, 4)), layer])
    x, y = draw((6, 5, 4)), draw((6, 3), seed=1)
    model.compile(ours.optimizers.SGD(0.0), "mse")
    model.fit(x, y, batch_size=2, shuffle=False, verbose=0)
    found = [state.numpy() for state in layer.states]
    layer.reset_state()
    for start in (0, 2, 4):
        layer(x[start : start + 2])
    assert_close(found, [state.numpy() for state in layer.states])
    assert len(model.weights) == 3


def test_masked_embedding_reaches_the_layer(keras):
    ids = np.array([[1, 2, 0, 0], [3, 0, 2, 1]])
    outputs = []
    for library in (keras, ours):
        words = library.layers.Embedding(4, 3, mask_zero=True)
        layer = library.layers.Bidirectional(library.layers.LSTM(2, return_sequences=True))
        last = library.layers.GRU(2)
        last(layer(words(ids)))
        outputs.append((words, layer, last))
    for one, other in zip(*outputs, strict=True):
        other.set_weights(one.get_weights())
    theirs, mine = (third(second(first(ids))) for first, second, third in outputs)
    assert_close(mine, theirs)
    x = draw((2, 4, 3)) * (ids != 0)[..., None]
    masked = [library.layers.Masking()(x) for library in (keras, ours)]
    assert_close(outputs[1][2](outputs[1][1](masked[1])), outputs[0][2](outputs[0][1](masked[0])))


WHOLE = {
    "nn.simple_rnn": lambda: ours.layers.SimpleRNN(3),
    "nn.lstm": lambda: ours.layers.LSTM(3, return_sequences=True),
    "nn.gru": lambda: ours.layers.GRU(3, go_backwards=True),
    "nn.bidirectional": lambda: ours.layers.Bidirectional(ours.layers.LSTM(3)),
}


def _ops_of(layer):
    model = ours.Sequential([ours.Input((7, 4)), layer])
    model.compile("sgd", "mse")
    return [node.op for node in graphc.graph(model, "train", passes=False).nodes]


@pytest.mark.parametrize("op", WHOLE)
def test_a_layer_is_one_op_which_has_kernels_of_its_own(op):
    found = _ops_of(WHOLE[op]())
    assert found.count(op) == 1
    assert "core.scan" not in found


def test_a_cell_with_another_call_is_a_loop_over_it():
    class Halved(ours.layers.GRUCell):
        def call(self, inputs, states, training=False):
            output, state = super().call(inputs, states, training)
            return output / 2, state

    found = _ops_of(ours.layers.RNN(Halved(3)))
    assert "core.scan" in found
    assert "nn.gru" not in found


def test_a_cell_of_the_users_own(keras):
    def make(k):
        class Minimal(k.layers.Layer):
            def __init__(self, units, **kwargs):
                super().__init__(**kwargs)
                self.units = self.state_size = units

            def build(self, input_shape):
                self.kernel = self.add_weight(shape=(input_shape[-1], self.units), name="kernel")
                self.inner = self.add_weight(shape=(self.units, self.units), name="inner")

            def call(self, inputs, states):
                h = k.ops.matmul(inputs, self.kernel) + k.ops.matmul(states[0], self.inner)
                return k.ops.tanh(h), [h]

        return k.layers.RNN([Minimal(3), Minimal(2)], return_sequences=True)

    def build(k):
        return k.Sequential([k.Input((None, 4)), make(k), k.layers.Dense(1)])

    check(keras, build, Data(rows((6, 4)), rows((6, 1))), lambda k: {"loss": "mse"})


WRONG = [
    lambda k: k.LSTM(0),
    lambda k: k.GRU(-1),
    lambda k: k.LSTM(2, use_cudnn="never"),
    lambda k: k.RNN(3),
    lambda k: k.StackedRNNCells([3]),
    lambda k: k.Bidirectional(3),
    lambda k: k.Bidirectional(k.LSTM(2), merge_mode="mean"),
    lambda k: k.Bidirectional(k.LSTM(2), backward_layer=k.LSTM(2)),
    lambda k: k.Bidirectional(k.LSTM(2), backward_layer=k.LSTM(
        2, go_backwards=True, return_sequences=True)),
    lambda k: k.TimeDistributed(3),
    lambda k: k.TimeDistributed(k.Dense(2))(draw((2, 3))),
    lambda k: k.LSTM(2)(draw((2, 3))),
    lambda k: k.ConvLSTM1D(2, 3, strides=2, dilation_rate=2),
    lambda k: k.ConvLSTM2D(2, 3, padding="causal"),
    lambda k: k.LSTM(2, stateful=True)(k.Input((4, 3))),
]  # fmt: skip


@pytest.mark.parametrize("make", WRONG, ids=range(len(WRONG)))
def test_bad_arguments(keras, make):
    with pytest.raises(ValueError, match=r"."):
        make(keras.layers)
    with pytest.raises(ValueError, match=r"Received|received|Input"):
        make(ours.layers)


def _chosen(name, attrs, operands):
    specs = tuple(None if x is None else TensorSpec(x.shape, str(x.dtype)) for x in operands)
    return select(name, Signature(specs, attrs), Target("cpu"))


LONG = [case for case in KERNEL_CASES if "long" in case.name]


def _lines_in_loops(text):
    """The lines of the bodies of loops in a compiled program, and of what they call."""
    computations = {}
    for part in text.split("\n}\n"):
        named = re.search(r"^(?:ENTRY )?(%[\w.\-]+) \(", part, re.MULTILINE)
        if named:
            computations[named[1]] = part
    waiting = re.findall(r"body=(%[\w.\-]+)", text)
    assert waiting
    reached = set()
    while waiting:
        name = waiting.pop()
        if name not in reached:
            reached.add(name)
            waiting += re.findall(r"(?:calls|to_apply|body)=(%[\w.\-]+)", computations[name])
    return [line for name in sorted(reached) for line in computations[name].split("\n")]


@pytest.mark.parametrize(
    "case", [c for c in LONG if c.op in ("nn.gru", "nn.bidirectional")], ids=str
)
def test_no_array_of_all_steps_is_copied_within_the_loops(case):
    """XLA copies an array that it cannot prove to be free when a step writes into it."""
    operands = case.operands(batch=2)
    function = _chosen(case.op, case.attrs, operands).kernel.function
    steps = operands[0].shape[1]
    floats = [i for i, x in enumerate(operands) if x is not None and x.dtype == np.float32]

    def total(values):
        given = list(operands)
        for place, value in zip(floats, values, strict=True):
            given[place] = value
        return sum((out**2).sum() for out in function(*given, **case.attrs))

    gradient = jax.jit(jax.value_and_grad(total))
    text = gradient.lower([operands[i] for i in floats]).compile().as_text()
    copied = [
        line
        for line in _lines_in_loops(text)
        if re.search(rf"= \w+\[({steps}|{steps + 1}),2,\d+\]\S* (copy|transpose)\(", line)
    ]
    assert not copied, "\n".join(copied)


@pytest.mark.parametrize("change", [{"activation": "relu"}, {"recurrent_activation": "relu"}])
def test_unusual_settings_fall_back_with_a_reason(change):
    case = next(c for c in LONG if c.op == "nn.lstm")
    operands = case.operands(batch=2)
    assert _chosen("nn.lstm", {}, operands).kernel.tier == "fused"
    choice = _chosen("nn.lstm", change, operands)
    assert choice.kernel.tier == "reference"
    assert "derivative" in choice.rejected[0][1]
    assert OPS["nn.lstm"].reference(*operands, **change)[0].shape == (2, 200, 64)
