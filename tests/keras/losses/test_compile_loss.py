"""`loss` and `loss_weights` of compile: every documented form against real Keras."""

import jax.numpy as jnp
import numpy as np
import pytest

from graphc.keras import losses
from graphc.keras.training.compile_loss import CompileLoss

B = 6


def rng(seed):
    return np.random.default_rng(seed)


def outputs(seed=0):
    a = rng(seed).random((B, 1)).astype("float32")
    b = rng(seed + 1).random((B, 3)).astype("float32")
    return a, b


def targets(seed=7):
    return rng(seed).integers(0, 2, (B, 1)), np.eye(3)[rng(seed).integers(0, 3, B)]


def two(kind, pair):
    return dict(zip("ab", pair, strict=True)) if kind is dict else kind(pair)


W = rng(3).random(B)
V = rng(4).random((B, 1))
ONE = [
    # loss, loss_weights, sample_weight
    ("mse", None, None),
    ("mae", None, W),
    (losses.huber, None, None),
    (losses.Huber(delta=0.2), None, V),
    (["mse"], None, None),
    ({"a": "mse"}, None, W),
    ("mse", 0.5, None),
    ("mse", [0.5], None),
    (["mse"], [0.5], None),
    ({"a": "mse"}, {"a": 3.0}, None),
    (None, None, None),
]
TWO = [
    ("mse", None, None, list),
    ("mse", None, None, dict),
    ("mse", None, None, tuple),
    (["bce", "mse"], None, None, list),
    (("bce", "mse"), None, [W, V], list),
    (["bce", None], None, None, list),
    ([None, "mse"], [0.1, 0.4], W, list),
    (["bce", "mse"], [0.1, 0.4], W, list),
    (["bce", "mse"], [0.1, 0.4], None, dict),
    ({"a": "bce", "b": "mse"}, None, None, list),
    ({"a": "bce", "b": "mse"}, {"a": 0.1, "b": 4.0}, W, list),
    ({"b": "mse", "a": "bce"}, {"a": 0.1, "b": 4.0}, {"a": W, "b": V}, dict),
    ({"b": "mse", "a": "bce"}, [0.1, 4.0], None, dict),
    ({"b": "mse"}, None, None, dict),
    ("mse", None, None, lambda pair: {"b": pair[1], "a": pair[0]}),
    (["ce", "crossentropy"], None, None, list),
    ({"a": losses.MeanAbsoluteError(), "b": losses.huber}, None, None, list),
]


def in_keras(keras, loss):
    """The same loss as real Keras's object."""
    if isinstance(loss, dict):
        return {key: in_keras(keras, item) for key, item in loss.items()}
    if isinstance(loss, (list, tuple)):
        return type(loss)(in_keras(keras, item) for item in loss)
    if isinstance(loss, losses.Loss):
        return getattr(keras.losses, type(loss).__name__)(**loss.get_config())
    return getattr(keras.losses, loss.__name__) if callable(loss) else loss


def compare(keras, loss, weights, sample_weight, names, y_true, y_pred):
    theirs = keras.src.trainers.compile_utils.CompileLoss(
        in_keras(keras, loss), weights, output_names=names
    )
    ours = CompileLoss(loss, weights, output_names=names)
    for step in range(2):
        shifted = [y_pred, _scaled(y_pred)][step]
        expected = theirs(y_true, shifted, sample_weight)
        assert np.allclose(ours(y_true, shifted, sample_weight), expected, rtol=1e-5)
    assert [metric.name for metric in ours.metrics] == [metric.name for metric in theirs.metrics]
    for one, other in zip(ours.metrics, theirs.metrics, strict=True):
        assert np.allclose(one.result(), other.result(), rtol=1e-5)


def _scaled(y):
    if isinstance(y, dict):
        return {key: _scaled(value) for key, value in y.items()}
    return type(y)(_scaled(value) for value in y) if isinstance(y, (list, tuple)) else y * 0.5


@pytest.mark.oracle
@pytest.mark.parametrize(("loss", "weights", "sample_weight"), ONE[:-1], ids=range(len(ONE) - 1))
def test_one_output_equals_keras(keras, loss, weights, sample_weight):
    compare(keras, loss, weights, sample_weight, ["a"], targets()[0], outputs()[0])


@pytest.mark.oracle
@pytest.mark.parametrize(("loss", "weights", "sample_weight", "kind"), TWO, ids=range(len(TWO)))
def test_two_outputs_equal_keras(keras, loss, weights, sample_weight, kind):
    y_true, y_pred = two(kind, targets()), two(kind, outputs())
    compare(keras, loss, weights, sample_weight, ["a", "b"], y_true, y_pred)


@pytest.mark.oracle
def test_nested_outputs_equal_keras(keras):
    (a, b), (c, d) = targets(), targets(8)
    y_true, y_pred = {"x": [a, b], "y": (c, d)}, {"x": list(outputs()), "y": outputs(2)}
    loss = {"x": ["bce", "mse"], "y": ("mae", "mse")}
    compare(keras, loss, None, None, ["o1", "o2", "o3", "o4"], y_true, y_pred)
    compare(keras, "mse", None, None, None, y_true, y_pred)


@pytest.mark.oracle
def test_targets_of_another_container_equal_keras(keras):
    y_true, y_pred = targets(), outputs()
    for form in (y_true, two(dict, y_true), [*y_true]):
        compare(keras, ["bce", "mse"], None, None, ["a", "b"], form, [*y_pred])
    compare(keras, ["bce", "mse"], None, None, ["a", "b"], [*y_true], two(dict, y_pred))
    compare(keras, [None, "mse"], None, None, ["a", "b"], [y_true[1]], [*y_pred])
    compare(keras, "mse", None, None, ["a"], y_true[0], [y_pred[0]])


def test_padding_gives_the_loss_of_the_real_rows():
    real, names = 4, ["a", "b"]
    y_true, y_pred = two(list, targets()), two(list, outputs())
    padded, short = (CompileLoss(["bce", "mse"], [1.0, 0.5], names) for _ in range(2))
    for weight in (None, W):
        got = padded(y_true, y_pred, weight, mask=jnp.arange(B) < real)
        some = None if weight is None else weight[:real]
        expected = short([y[:real] for y in y_true], [y[:real] for y in y_pred], some)
        assert np.allclose(got, expected, rtol=1e-6)
    for one, other in zip(padded.variables, short.variables, strict=True):
        assert np.allclose(one.numpy(), other.numpy(), rtol=1e-6)


def test_weights_by_name_go_to_their_outputs_and_partial_ones_do_too():
    y_true, y_pred = two(list, targets()), two(list, outputs())
    names = ["b", "a"]  # not in the order of the alphabet
    total = CompileLoss(["mse", "mse"], {"a": 0.0, "b": 2.0}, names)(y_true, y_pred)
    first = losses.MeanSquaredError()(y_true[0], y_pred[0])
    assert np.allclose(total, 2 * first)
    total = CompileLoss("mse", [1.0, 0.0], names)(y_true, y_pred)
    assert np.allclose(total, first)


def test_no_loss_at_all_is_none():
    assert CompileLoss(None)(targets()[0], outputs()[0]) is None


PAIR = (two(list, targets()), two(list, outputs()))
NAMES = ["a", "b"]
REFUSED = [
    (lambda: CompileLoss(["mse", "mae"], None, ["a"])(PAIR[0][0], PAIR[1][0]), "1 outputs.*'a'.*2"),
    (lambda: CompileLoss(["mse"], None, NAMES)(*PAIR), r"2 outputs.*'a', 'b'.*Received: 1"),
    (lambda: CompileLoss({"a": "mse"}, None, NAMES)(*PAIR), r"'a', 'b'.*keys of `loss`.*\['a'\]"),
    (lambda: CompileLoss({"a": "mse", "c": "mse"}, None, NAMES)(*PAIR), "'c'"),
    (lambda: CompileLoss(["mse", "mse"], [1.0], NAMES)(*PAIR), "expected 2 weights.*'a', 'b'"),
    (lambda: CompileLoss(["mse", "mse"], {"c": 1.0}, NAMES)(*PAIR), "keys of `loss_weights`"),
    (lambda: CompileLoss("mse", "much"), "number.*Received: loss_weights='much'"),
    (lambda: CompileLoss("mse", None, NAMES)([PAIR[0][0]], PAIR[1]), "one for each output.*a, b"),
    (lambda: CompileLoss("mse", None, NAMES)({"a": 1, "c": 2}, PAIR[1]), "output names.*'c'"),
    (lambda: CompileLoss("mse", None, NAMES)(*PAIR, [W, W, W]), "sample_weight.*expected 2"),
    (lambda: CompileLoss("msee")(PAIR[0][0], PAIR[1][0]), "'mse'.*Received: 'msee'"),
    (lambda: CompileLoss({"c": "mse"}, None, NAMES)(*(two(dict, p) for p in PAIR)), "'c'"),
]


@pytest.mark.parametrize(("call", "message"), REFUSED, ids=range(len(REFUSED)))
def test_refused_with_the_names_of_the_outputs(call, message):
    with pytest.raises(ValueError, match=message):
        call()
