"""What a loss takes and refuses, and how rows of padding are left out."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from graphc.keras import losses, ops
from graphc.keras.losses.reduction import squeeze_or_expand_to_same_rank, weighted_reduction


def test_reduction_over_real_rows_by_hand():
    values = jnp.array([1.0, 2.0, 30.0])
    mask = jnp.array([True, True, False])
    assert weighted_reduction(values, None, mask, "sum_over_batch_size") == 1.5
    assert weighted_reduction(values, None, mask, "sum") == 3.0
    weights = jnp.array([1.0, 0.5, 7.0])
    assert weighted_reduction(values, weights, mask, "mean_with_sample_weight") == 2.0 / 1.5
    assert weighted_reduction(values, weights, mask, "sum_over_batch_size") == 1.0
    assert weighted_reduction(values, weights, mask, None).tolist() == [1.0, 1.0, 0.0]


def test_reduction_of_nothing_is_zero():
    assert weighted_reduction(jnp.ones(3), None, jnp.zeros(3), "mean") == 0.0
    assert weighted_reduction(jnp.ones(3), jnp.zeros(3), None, "mean_with_sample_weight") == 0.0


def test_row_weights_reach_losses_with_inner_axes():
    values = jnp.ones((3, 4))
    weights = jnp.array([1.0, 2.0, 0.0])
    assert weighted_reduction(values, weights, None, "sum") == 12.0


def test_padding_and_keras_mask_combine():
    y_true, y_pred = np.zeros((2, 3, 1)), jnp.asarray(np.arange(6.0).reshape(2, 3, 1))
    y_pred._keras_mask = jnp.array([[1, 1, 0], [1, 1, 1]], bool)
    loss = losses.MeanAbsoluteError()
    assert loss(y_true, y_pred, mask=jnp.array([1.0, 0.0])) == 0.5


def test_ignored_class_is_left_out_even_under_jit():
    y_true, y_pred = np.array([0, 1, 2]), np.full((3, 3), 1 / 3, "float32")
    loss = losses.SparseCategoricalCrossentropy(ignore_class=2)
    assert np.allclose(loss(y_true, y_pred), np.log(3))
    assert np.allclose(jax.jit(loss)(y_true, y_pred), np.log(3))


def test_own_loss_and_own_function():
    class Squared(losses.Loss):
        def call(self, y_true, y_pred):
            return ops.mean(ops.square(y_true - y_pred), axis=-1)

    assert Squared().name.startswith("squared")
    assert Squared()([[0.0, 2.0]], [[0.0, 0.0]]) == 2.0
    wrapped = losses.LossFunctionWrapper(losses.huber, name="h", delta=0.5)
    again = losses.LossFunctionWrapper.from_config(wrapped.get_config())
    assert again.fn is losses.huber
    assert again.get_config() == wrapped.get_config()
    with pytest.raises(NotImplementedError, match="must define `call"):
        losses.Loss()([1.0], [1.0])


def test_nested_outputs_reach_the_call():
    class Both(losses.Loss):
        def call(self, y_true, y_pred):
            return ops.abs(y_true["a"] - y_pred["a"]) + ops.abs(y_true["b"] - y_pred["b"])

    zeros, ones = np.zeros(3), np.ones(3)
    assert Both()({"a": zeros, "b": zeros}, {"a": ones, "b": 2 * ones}) == 3.0


@pytest.mark.parametrize(
    ("shapes", "expected"),
    [
        (((4,), (4, 1)), ((4, 1), (4, 1))),
        (((4, 1), (4,)), ((4, 1), (4, 1))),
        (((4, 3, 1), (4, 3)), ((4, 3), (4, 3))),
        (((4, 3), (4, 3, 1)), ((4, 3), (4, 3))),
        (((4, 3), (4,)), ((4, 3), (4,))),
        (((4,), (4,)), ((4,), (4,))),
    ],
)
def test_ranks_meet(shapes, expected):
    pair = squeeze_or_expand_to_same_rank(*(jnp.zeros(shape) for shape in shapes))
    assert tuple(x.shape for x in pair) == expected


ONE_HOT = np.eye(3, dtype="float32")
REFUSED = [
    (lambda: losses.get("binary_crosentropy"), "binary_crossentropy"),
    (lambda: losses.get("MeanSquareError"), "MeanSquaredError"),
    (lambda: losses.get(3), "Received: 3"),
    (lambda: losses.Huber(reduction="average"), "sum_over_batch_size.*Received.*average"),
    (lambda: losses.CategoricalCrossentropy()(np.arange(3), ONE_HOT), "sparse_categorical"),
    (lambda: losses.SparseCategoricalCrossentropy()(ONE_HOT, ONE_HOT), "one integer target"),
    (lambda: losses.BinaryCrossentropy()(ONE_HOT, ONE_HOT[:, :2]), r"\(3, 2\).*Received.*\(3, 3\)"),
    (lambda: losses.CategoricalCrossentropy(axis=True)(ONE_HOT, ONE_HOT), "type `int`"),
    (lambda: losses.MeanSquaredError()(ONE_HOT, ONE_HOT, np.ones(2)), "sample_weight.shape"),
]


@pytest.mark.parametrize(("call", "message"), REFUSED, ids=range(len(REFUSED)))
def test_refused_with_what_was_expected(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_one_class_is_warned_about():
    with pytest.warns(SyntaxWarning, match="binary_crossentropy"):
        losses.categorical_crossentropy(np.ones((2, 1)), np.ones((2, 1)))


def test_dict_without_module_is_a_loss():
    config = {"class_name": "CategoricalCrossentropy", "config": {"from_logits": True}}
    loss = losses.get(config)
    assert isinstance(loss, losses.CategoricalCrossentropy)
    assert loss.from_logits
