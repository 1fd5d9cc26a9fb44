"""What the functions of `tf` return, against NumPy and numbers worked out by hand."""

import numpy as np
import pytest

import graphc.tensorflow as tf

X = np.array([[0.5, -1.5, 2.0], [3.0, 0.25, -0.75]], "float32")
Y = np.array([[1.0, 2.0, -2.0], [0.5, 0.25, 4.0]], "float32")
POSITIVE = np.abs(X) + 0.5
INTS = np.array([[3, 1, 2], [5, 9, 4]], "int32")
BOOLS = np.array([[True, False, True], [True, True, True]])
SQUARE = np.array([[4.0, 1.0], [1.0, 3.0]], "float32")


def softmax(x):
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


# (what is called, what it returns)
MATH = [
    (lambda: tf.math.abs(x=X, name="n"), np.abs(X)),
    (lambda: tf.add(x=X, y=Y, name="n"), X + Y),
    (lambda: tf.atan2(y=X, x=Y), np.arctan2(X, Y)),
    (lambda: tf.subtract(X, Y), X - Y),
    (lambda: tf.divide(x=X, y=Y), X / Y),
    (lambda: tf.greater_equal(X, y=Y), X >= Y),
    (lambda: tf.sigmoid(X), 1 / (1 + np.exp(-X))),
    (lambda: tf.reduce_sum(input_tensor=X, axis=1, keepdims=True), X.sum(1, keepdims=True)),
    (lambda: tf.reduce_mean(X), X.mean()),
    (lambda: tf.reduce_max(X, axis=[0, 1]), X.max()),
    (lambda: tf.reduce_prod(X, 0), X.prod(0)),
    (lambda: tf.math.log(POSITIVE), np.log(POSITIVE)),
    (lambda: tf.math.log1p(POSITIVE), np.log1p(POSITIVE)),
    (lambda: tf.sqrt(POSITIVE), np.sqrt(POSITIVE)),
    (lambda: tf.math.rsqrt(POSITIVE), 1 / np.sqrt(POSITIVE)),
    (lambda: tf.pow(POSITIVE, 2.0), POSITIVE**2),
    (lambda: tf.math.floordiv(INTS, 2), INTS // 2),
    (lambda: tf.math.mod(INTS, 3), INTS % 3),
    (lambda: tf.math.divide_no_nan(X, 0.0), np.zeros_like(X)),
    (lambda: tf.math.squared_difference(X, Y), (X - Y) ** 2),
    (lambda: tf.math.reduce_std(X, axis=0), X.std(0)),
    (lambda: tf.math.reduce_variance(X), X.var()),
    (lambda: tf.math.reduce_euclidean_norm(X, 1), np.linalg.norm(X, axis=1)),
    (lambda: tf.reduce_logsumexp(X, axis=1), np.log(np.exp(X).sum(1))),
    (lambda: tf.reduce_any(BOOLS, axis=0), BOOLS.any(0)),
    (lambda: tf.reduce_all(BOOLS, axis=1), BOOLS.all(1)),
    (lambda: tf.math.count_nonzero(BOOLS), 5),
    (lambda: tf.logical_and(BOOLS, ~BOOLS), np.zeros_like(BOOLS)),
    (lambda: tf.logical_or(BOOLS, False), BOOLS),
    (lambda: tf.logical_not(BOOLS), ~BOOLS),
    (lambda: tf.argmax(INTS), [1, 1, 1]),
    (lambda: tf.argmax(INTS, axis=1, output_type=tf.int32), [0, 1]),
    (lambda: tf.argmin(input=INTS, axis=-1), [1, 2]),
    (lambda: tf.math.top_k(INTS, k=2).values, [[3, 2], [9, 5]]),
    (lambda: tf.math.top_k(INTS, k=2)[1], [[0, 2], [1, 0]]),
    (lambda: tf.math.in_top_k([0, 2], X, 1), [False, False]),
    (lambda: tf.cumsum(INTS), INTS.cumsum(0)),
    (lambda: tf.cumsum(INTS, axis=1, exclusive=True), [[0, 3, 4], [0, 5, 14]]),
    (lambda: tf.cumsum(INTS, axis=1, reverse=True), [[6, 3, 2], [18, 13, 4]]),
    (lambda: tf.math.cumprod(INTS, axis=1), INTS.cumprod(1)),
    (lambda: tf.add_n([X, Y, X]), X + Y + X),
    (lambda: tf.math.bincount([1, 1, 3]), [0, 2, 0, 1]),
    (lambda: tf.math.confusion_matrix([0, 1, 1], [0, 0, 1]), [[1, 0], [1, 1]]),
    (lambda: tf.math.l2_normalize(X, axis=1), X / np.linalg.norm(X, axis=1, keepdims=True)),
    (lambda: tf.math.segment_sum([1, 2, 3], [0, 0, 1]), [3, 3]),
    (lambda: tf.math.unsorted_segment_sum([1, 2, 3], [1, 0, 1], num_segments=2), [2, 4]),
]  # fmt: skip

LINALG = [
    (lambda: tf.matmul(X, Y, transpose_b=True), X @ Y.T),
    (lambda: tf.matmul(a=X, b=Y, transpose_a=True), X.T @ Y),
    (lambda: tf.linalg.matvec(X, Y[0]), X @ Y[0]),
    (lambda: tf.tensordot(X, Y, axes=[[0], [0]]), X.T @ Y),
    (lambda: tf.einsum("ij,kj->ik", X, Y), X @ Y.T),
    (lambda: tf.norm(X), np.linalg.norm(X)),
    (lambda: tf.norm(X, ord=1, axis=1), np.abs(X).sum(1)),
    (lambda: tf.linalg.norm(X, axis=0, keepdims=True), np.linalg.norm(X, axis=0, keepdims=True)),
    (lambda: tf.linalg.inv(SQUARE), np.linalg.inv(SQUARE)),
    (lambda: tf.linalg.det(SQUARE), 11.0),
    (lambda: tf.linalg.solve(SQUARE, X[:, :1]), np.linalg.solve(SQUARE, X[:, :1])),
    (lambda: tf.linalg.trace(SQUARE), 7.0),
    (lambda: tf.linalg.diag([1.0, 2.0]), np.diag([1.0, 2.0])),
    (lambda: tf.linalg.diag_part(SQUARE), [4, 3]),
    (lambda: tf.linalg.band_part(np.ones((3, 3)), -1, 0), np.tril(np.ones((3, 3)))),
    (lambda: tf.linalg.svd(SQUARE)[0], np.linalg.svd(SQUARE)[1]),
    (lambda: tf.linalg.global_norm([X, None, Y]), np.sqrt((X**2).sum() + (Y**2).sum())),
    (lambda: tf.clip_by_norm([3.0, 4.0], 1.0), [0.6, 0.8]),
    (lambda: tf.clip_by_norm([3.0, 4.0], 10.0), [3, 4]),
    (lambda: tf.clip_by_global_norm([[3.0], [4.0]], 1.0)[0][1], [0.8]),
    (lambda: tf.clip_by_value(X, clip_value_min=-1, clip_value_max=1), X.clip(-1, 1)),
]

SHAPES = [
    (lambda: tf.constant([1, 2, 3, 4], tf.float32, shape=(2, 2)), [[1, 2], [3, 4]]),
    (lambda: tf.fill([2, 2], 7), [[7, 7], [7, 7]]),
    (lambda: tf.zeros((2,), tf.int32), [0, 0]),
    (lambda: tf.ones_like(INTS), np.ones_like(INTS)),
    (lambda: tf.eye(2, 3), np.eye(2, 3)),
    (lambda: tf.eye(2, batch_shape=[2]), [np.eye(2)] * 2),
    (lambda: tf.range(5), [0, 1, 2, 3, 4]),
    (lambda: tf.range(1.0, 2.0, delta=0.5), [1.0, 1.5]),
    (lambda: tf.linspace(0.0, 1.0, 3), [0, 0.5, 1]),
    (lambda: tf.sequence_mask([1, 3]), [[True, False, False], [True, True, True]]),
    (lambda: tf.reshape(tensor=X, shape=[3, -1]), X.reshape(3, 2)),
    (lambda: tf.transpose(X), X.T),
    (lambda: tf.transpose(X[None], perm=[2, 0, 1]), X[None].transpose(2, 0, 1)),
    (lambda: tf.expand_dims(input=X, axis=-1), X[..., None]),
    (lambda: tf.squeeze(X[None]), X),
    (lambda: tf.concat(values=[X, Y], axis=1), np.concatenate([X, Y], 1)),
    (lambda: tf.stack([X, Y], axis=1), np.stack([X, Y], 1)),
    (lambda: tf.unstack(X, axis=1)[2], X[:, 2]),
    (lambda: tf.split(X, 3, axis=1)[1], X[:, 1:2]),
    (lambda: tf.split(X, [1, -1], axis=1)[1], X[:, 1:]),
    (lambda: tf.tile(input=X, multiples=[1, 2]), np.tile(X, (1, 2))),
    (lambda: tf.repeat(X, repeats=2, axis=0), X.repeat(2, 0)),
    (lambda: tf.pad(X, [[1, 0], [0, 2]]), np.pad(X, [[1, 0], [0, 2]])),
    (lambda: tf.pad(X, tf.constant([[1, 1], [1, 1]]), "REFLECT"), np.pad(X, 1, "reflect")),
    (lambda: tf.reverse(X, axis=[1]), X[:, ::-1]),
    (lambda: tf.roll(X, shift=1, axis=1), np.roll(X, 1, 1)),
    (lambda: tf.slice(X, begin=[0, 1], size=[2, -1]), X[:, 1:]),
    (lambda: tf.broadcast_to(X[0], (2, 3)), np.broadcast_to(X[0], (2, 3))),
    (lambda: tf.gather(X, [1, 0]), X[[1, 0]]),
    (lambda: tf.gather(X, indices=[2, 0], axis=1), X[:, [2, 0]]),
    (lambda: tf.gather(INTS, [[0, 2], [1, 1]], batch_dims=1), [[3, 2], [9, 9]]),
    (lambda: tf.gather_nd(INTS, [[0, 2], [1, 1]]), [2, 9]),
    (lambda: tf.gather_nd(INTS, [[1]]), INTS[[1]]),
    (lambda: tf.scatter_nd([[1], [3]], [5, 6], [4]), [0, 5, 0, 6]),
    (lambda: tf.tensor_scatter_nd_update([1, 2, 3], [[1]], [9]), [1, 9, 3]),
    (lambda: tf.tensor_scatter_nd_add([1, 2, 3], [[1]], [9]), [1, 11, 3]),
    (lambda: tf.one_hot([0, 2], depth=3), np.eye(3)[[0, 2]]),
    (lambda: tf.one_hot([0, 2], 3, on_value=5, off_value=-1), [[5, -1, -1], [-1, -1, 5]]),
    (lambda: tf.where(X > 0, X, 0.0), np.where(X > 0, X, 0)),
    (lambda: tf.where(BOOLS), np.argwhere(BOOLS)),
    (lambda: tf.boolean_mask(X, BOOLS), X[BOOLS]),
    (lambda: tf.boolean_mask(X, [True, False, True], axis=1), X[:, [0, 2]]),
    (lambda: tf.unique([4, 1, 4, 3])[0], [4, 1, 3]),
    (lambda: tf.unique([4, 1, 4, 3])[1], [0, 1, 0, 2]),
    (lambda: tf.sort(INTS, direction="DESCENDING"), [[3, 2, 1], [9, 5, 4]]),
    (lambda: tf.argsort(INTS), INTS.argsort()),
    (lambda: tf.argsort(INTS, direction="DESCENDING"), (-INTS).argsort()),
    (lambda: tf.searchsorted([1, 3, 5], [2, 5], side="right"), [1, 3]),
    (lambda: tf.meshgrid([1, 2], [3, 4, 5])[1], np.meshgrid([1, 2], [3, 4, 5])[1]),
    (lambda: tf.identity([1, 2]), [1, 2]),
    (lambda: tf.stop_gradient(X), X),
    (lambda: tf.size(X), 6),
    (lambda: tf.rank(X), 2),
    (lambda: tf.shape(X), [2, 3]),
    (lambda: tf.cast(X, dtype=tf.int32), X.astype("int32")),
    (lambda: tf.saturate_cast([300.0, -2.0], tf.uint8), [255, 0]),
    (lambda: X[:, tf.newaxis], X[:, None]),
    (lambda: tf.map_fn(lambda row: row * 2, X), X * 2),
    (lambda: tf.vectorized_map(tf.reduce_sum, X), X.sum(1)),
    (lambda: tf.cond(tf.constant(True), lambda: 1.0, lambda: 2.0), 1.0),
    (lambda: tf.while_loop(lambda i: i < 5, lambda i: (i + 2,), (tf.constant(0),))[0], 6),
    (lambda: tf.numpy_function(lambda x: x.tolist(), [X], tf.float32), X),
    (lambda: tf.py_function(lambda x: x.numpy() + 1, inp=[INTS], Tout=tf.int32), INTS + 1),
]

PICTURE = np.random.default_rng(0).integers(0, 255, (1, 4, 4, 3)).astype("float32")
KERNEL = np.ones((2, 2, 3, 1), "float32")
POOLED = PICTURE.reshape(1, 2, 2, 2, 2, 3)
NN = [
    (
        lambda: tf.nn.softmax_cross_entropy_with_logits(labels=np.eye(3)[:2], logits=X),
        -np.log(softmax(X))[[0, 1], [0, 1]],
    ),
    (
        lambda: tf.nn.sparse_softmax_cross_entropy_with_logits(labels=[2, 0], logits=X),
        -np.log(softmax(X))[[0, 1], [2, 0]],
    ),
    (
        lambda: tf.nn.sigmoid_cross_entropy_with_logits(labels=BOOLS.astype("float32"), logits=X),
        np.log1p(np.exp(np.where(BOOLS, -X, X))),
    ),
    (lambda: tf.nn.leaky_relu(X, alpha=0.1), np.where(X > 0, X, X * 0.1)),
    (lambda: tf.nn.l2_loss(X), (X**2).sum() / 2),
    (lambda: tf.nn.bias_add(X, [1.0, 2.0, 3.0]), np.add(X, [1, 2, 3])),
    (lambda: tf.nn.dropout(X, rate=0.0), X),
    (lambda: tf.nn.moments(X, axes=[0])[1], X.var(0)),
    (lambda: tf.nn.batch_normalization(X, 1.0, 4.0, 0.5, 2.0, 0.0), X - 0.5),
    (lambda: tf.nn.embedding_lookup(X, [1, 0]), X[[1, 0]]),
    (lambda: tf.nn.compute_average_loss(X[0], global_batch_size=4), X[0].sum() / 4),
    (
        lambda: tf.nn.conv2d(PICTURE, KERNEL, strides=[1, 2, 2, 1], padding="VALID")[..., 0],
        POOLED.sum((2, 4, 5)),
    ),
    (
        lambda: tf.nn.max_pool2d(PICTURE, ksize=2, strides=2, padding="VALID"),
        POOLED.max((2, 4)),
    ),
    (lambda: tf.nn.avg_pool(PICTURE, [1, 2, 2, 1], [1, 2, 2, 1], "SAME"), POOLED.mean((2, 4))),
    (
        lambda: tf.nn.conv1d(X[..., None], np.ones((2, 1, 1), "f"), 1, "VALID")[..., 0],
        X[:, 1:] + X[:, :-1],
    ),
    (
        lambda: tf.nn.conv2d_transpose(
            X[None, ..., None], np.ones((2, 2, 1, 1), "f"), output_shape=[1, 4, 6, 1], strides=2
        )[0, ..., 0],
        X.repeat(2, 0).repeat(2, 1),
    ),
    (
        lambda: tf.nn.depthwise_conv2d(PICTURE, np.ones((2, 2, 3, 1), "f"), [1, 2, 2, 1], "VALID"),
        POOLED.sum((2, 4)),
    ),
    (lambda: tf.nn.space_to_depth(PICTURE, 4), PICTURE.reshape(1, 1, 1, 48)),
]  # fmt: skip

ONE = PICTURE[0]
BYTES = ONE.astype("uint8")
GREY = ONE @ np.array([0.2989, 0.5870, 0.1140], "float32")
IMAGES = [
    (lambda: tf.image.flip_left_right(ONE), ONE[:, ::-1]),
    (lambda: tf.image.flip_up_down(PICTURE), PICTURE[:, ::-1]),
    (lambda: tf.image.rot90(ONE), np.rot90(ONE)),
    (lambda: tf.image.transpose(ONE), ONE.transpose(1, 0, 2)),
    (lambda: tf.image.rgb_to_grayscale(ONE)[..., 0], GREY),
    (lambda: tf.image.grayscale_to_rgb(ONE[..., :1]), ONE[..., :1].repeat(3, -1)),
    (lambda: tf.image.resize(BYTES, [2, 2], method="nearest").dtype == tf.uint8, True),
    (lambda: tf.image.resize(BYTES, (2, 2)), POOLED[0].mean((1, 3)).astype("float32")),
    (lambda: tf.shape(tf.image.resize(ONE[:2], (8, 8), preserve_aspect_ratio=True)), [4, 8, 3]),
    (lambda: tf.image.convert_image_dtype(BYTES, tf.float32), BYTES / 255),
    (lambda: tf.image.convert_image_dtype([0.0, 0.5, 1.0], tf.uint8), [0, 127, 255]),
    (lambda: tf.image.adjust_brightness(ONE, 0.5), ONE + 0.5),
    (lambda: tf.image.adjust_contrast(ONE, 2.0), 2 * ONE - ONE.mean((0, 1))),
    (lambda: tf.image.adjust_gamma(ONE, 2), ONE**2),
    (lambda: tf.image.adjust_saturation(ONE / 255, 1.0), ONE / 255),
    (lambda: tf.image.adjust_hue(ONE / 255, 1 / 3), (ONE / 255)[..., [2, 0, 1]]),
    (lambda: tf.image.per_image_standardization(ONE), (ONE - ONE.mean()) / ONE.std()),
    (lambda: tf.image.central_crop(ONE, 0.5), ONE[1:3, 1:3]),
    (lambda: tf.image.crop_to_bounding_box(ONE, 1, 0, 2, 3), ONE[1:3, :3]),
    (lambda: tf.image.pad_to_bounding_box(ONE, 1, 2, 6, 6), np.pad(ONE, [[1, 1], [2, 0], [0, 0]])),
    (
        lambda: tf.image.resize_with_crop_or_pad(ONE, 2, 6),
        np.pad(ONE[1:3], [[0, 0], [1, 1], [0, 0]]),
    ),
    (lambda: tf.image.resize_with_pad(ONE[:2], 4, 4), np.pad(ONE[:2], [[1, 1], [0, 0], [0, 0]])),
    (lambda: tf.image.psnr(ONE, ONE + 10, max_val=255), 20 * np.log10(25.5)),
    (
        lambda: tf.image.total_variation(ONE),
        np.abs(np.diff(ONE, axis=0)).sum() + np.abs(np.diff(ONE, axis=1)).sum(),
    ),
]  # fmt: skip


@pytest.mark.parametrize(("call", "expected"), [*MATH, *LINALG, *SHAPES, *NN, *IMAGES])
def test_values(call, expected) -> None:
    found, expected = np.asarray(call()), np.asarray(expected)
    assert found.shape == expected.shape
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)


def test_dtypes_of_what_is_made() -> None:
    assert tf.range(3).dtype == tf.int32 and tf.range(3, dtype=tf.float32).dtype == tf.float32
    assert tf.zeros((1,)).dtype == tf.float32 and tf.constant([1, 2]).dtype == tf.int32
    assert tf.constant(np.ones(2)).dtype == tf.float64
    assert tf.one_hot([0], 2).dtype == tf.float32
    assert tf.uint8.max == 255 and tf.float32.is_floating and tf.as_dtype(float) == "float32"
    assert tf.as_dtype(np.int64) is not None and tf.as_dtype("string") == tf.string


# (a function that only has other names for its arguments, the function of `keras.ops` that it is)
RENAMED = {
    "acos": "arccos", "asin": "arcsin", "atanh": "arctanh", "ceil": "ceil", "cos": "cos",
    "cosh": "cosh", "equal": "equal", "erf": "erf", "exp": "exp", "floor": "floor",
    "floormod": "mod", "greater": "greater", "is_finite": "isfinite", "is_nan": "isnan",
    "less": "less", "log": "log", "logical_xor": "logical_xor", "maximum": "maximum",
    "minimum": "minimum", "multiply": "multiply", "negative": "negative", "not_equal": "not_equal",
    "pow": "power", "reduce_min": "min", "reduce_std": "std", "rsqrt": "rsqrt", "sign": "sign",
    "sin": "sin", "softplus": "softplus", "square": "square", "tan": "tan", "tanh": "tanh",
}  # fmt: skip


@pytest.mark.parametrize(("name", "of_keras"), RENAMED.items())
def test_other_names_only(name, of_keras) -> None:
    assert getattr(tf.math, name).__wrapped__ is getattr(tf.keras.ops, of_keras)


def test_draws() -> None:
    tf.random.set_seed(1)
    first = tf.random.normal([2, 3], seed=4).numpy(), tf.random.uniform([4], 2, 9, tf.int32).numpy()
    other = tf.random.normal([2, 3], seed=4).numpy()
    assert first[0].shape == (2, 3) and (first[0] != other).any()
    assert first[1].dtype == np.int32 and set(first[1]) <= set(range(2, 9))
    tf.random.set_seed(1)
    np.testing.assert_array_equal(tf.random.normal([2, 3], seed=4), first[0])
    np.testing.assert_array_equal(tf.random.uniform([4], 2, 9, tf.int32), first[1])
    rows = tf.random.shuffle(np.arange(20).reshape(10, 2)).numpy()
    assert (rows[:, 1] == rows[:, 0] + 1).all() and sorted(rows[:, 0]) == list(range(0, 20, 2))
    assert np.abs(tf.random.truncated_normal([100])).max() <= 2
    assert tf.random.categorical(np.log([[0.0001, 0.9999]]), 5).shape == (1, 5)
    with pytest.raises(ValueError, match="maxval"):
        tf.random.uniform([2], dtype=tf.int32)


def test_pictures_by_chance() -> None:
    tf.random.set_seed(0)
    pictures = np.broadcast_to(ONE, (12, 4, 4, 3))
    flipped = np.asarray(tf.image.random_flip_left_right(pictures))
    kinds = {(one == ONE).all() for one in flipped}
    assert kinds == {True, False}
    assert all((one == ONE).all() or (one == ONE[:, ::-1]).all() for one in flipped)
    seeds = [np.asarray(tf.image.random_flip_up_down(ONE, seed=2)).tolist() for _ in range(8)]
    assert any(one != seeds[0] for one in seeds)
    cropped = np.asarray(tf.image.random_crop(ONE, [2, 3, 3]))
    places = [(ONE[r : r + 2, c : c + 3] == cropped).all() for r in range(3) for c in range(2)]
    assert any(places)
    assert np.ptp(np.asarray(tf.image.random_brightness(ONE, 0.1)) - ONE) == pytest.approx(
        0, abs=1e-3
    )
    assert tf.image.random_contrast(ONE, 0.5, 1.5).shape == ONE.shape
    assert tf.image.random_saturation(BYTES, 0.5, 1.5).dtype == tf.uint8
    assert tf.image.random_hue(ONE / 255, 0.2).shape == ONE.shape


def test_texts() -> None:
    texts = tf.constant(["Good <br /> film", " Bad "])
    assert tf.strings.lower(texts).numpy().tolist() == [b"good <br /> film", b" bad "]
    replaced = tf.strings.regex_replace(tf.strings.strip(texts), "<br />|o", "")
    assert replaced.numpy().tolist() == [b"Gd  film", b"Bad"]
    assert tf.strings.length(["ä", "bc"]).numpy().tolist() == [2, 2]
    assert tf.strings.join([["a", "b"], ["c", "d"]], separator="-").numpy().tolist() == [
        b"a-c",
        b"b-d",
    ]
    assert tf.strings.to_number(["1.5"]).numpy().tolist() == [1.5]


def test_checks() -> None:
    tf.debugging.assert_equal([1, 2], [1, 2])
    tf.debugging.assert_shapes([(X, ("N", 3)), (INTS, ("N", None))])
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"Odd. Expected x == y.*\[1 3\]"):
        tf.debugging.assert_equal([1, 2], [1, 3], message="Odd.")
    with pytest.raises(tf.errors.InvalidArgumentError, match="positive"):
        tf.debugging.assert_positive([1, -1])
    with pytest.raises(ValueError, match=r"Expected 1 dim.*\(2, 3\)"):
        tf.debugging.assert_rank(X, 1)
    with pytest.raises(ValueError, match=r"'N', 'N'"):
        tf.debugging.assert_shapes([(X, ("N", "N"))])
    with pytest.raises(TypeError, match="float32"):
        tf.debugging.assert_type(tf.constant(1), tf.float32)
    with pytest.raises(tf.errors.InvalidArgumentError, match="finite"):
        tf.debugging.check_numerics([np.inf], "Oh.")


def test_prints_to_stderr(capsys) -> None:
    tf.print("loss", tf.constant(1.5), sep=": ")
    assert capsys.readouterr().err == "loss: 1.5\n"


def test_questions_about_the_machine() -> None:
    assert tf.executing_eagerly()
    assert tf.test.is_gpu_available() == bool(tf.config.list_physical_devices("GPU"))
    assert tf.get_logger().name == "tensorflow"


# (what is done, what it says)
MISTAKES = [
    (lambda: tf.nn.conv2d(PICTURE, KERNEL, 1, [[0, 0]] * 4), "'SAME' or 'VALID'"),
    (
        lambda: tf.nn.conv2d_transpose(PICTURE, KERNEL.swapaxes(2, 3), [1, 9, 9, 1], 2),
        "output_shape",
    ),
    (lambda: tf.image.crop_to_bounding_box(ONE, 2, 0, 3, 1), "rows 2 to 5"),
    (lambda: tf.image.pad_to_bounding_box(ONE, 0, 0, 3, 9), "fits into 3 by 9"),
    (lambda: tf.image.resize(ONE, (2, 2), method="area"), "bilinear"),
    (lambda: tf.image.central_crop(ONE, 0), "fraction"),
    (lambda: tf.image.random_crop(ONE, [5, 1, 3]), "`size` within"),
    (lambda: tf.sort(X, direction="UP"), "'ASCENDING'"),
    (lambda: tf.gather(X, [0], axis=0, batch_dims=1), "`batch_dims`"),
    (lambda: tf.ensure_shape(X, (2, 4)), r"\(2, 4\).*\(2, 3\)"),
    (lambda: tf.add_n([]), "list of tensors"),
]  # fmt: skip


@pytest.mark.parametrize(("call", "message"), MISTAKES)
def test_mistakes(call, message) -> None:
    with pytest.raises(ValueError, match=message):
        call()


@tf.function
def step(x):
    return tf.reduce_sum(tf.gather(x, [[0, 1], [1, 2]], batch_dims=1) * tf.one_hot([0, 1], 2))


def test_functions_inside_a_trace() -> None:
    assert float(step(X)) == pytest.approx(X[0, 0] + X[1, 2])
    x = tf.Variable(X)
    with tf.GradientTape() as tape:
        loss = tf.nn.l2_loss(tf.clip_by_norm(x, 100.0)) + tf.reduce_sum(
            tf.image.flip_up_down(x[None])
        )
    np.testing.assert_allclose(tape.gradient(loss, x).numpy(), X + 1, rtol=1e-5)
