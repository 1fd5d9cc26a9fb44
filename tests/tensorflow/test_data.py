"""`tf.data.Dataset`: what each method gives, by hand, and what it says to mistakes."""

from typing import Any, NamedTuple

import jax
import numpy as np
import pytest

import graphc.tensorflow as tf
from graphc import keras

Dataset = tf.data.Dataset


class Point(NamedTuple):
    x: Any
    y: Any


def plain(value):
    """Elements as lists and numbers."""
    if isinstance(value, tuple):
        return tuple(plain(part) for part in value)
    if isinstance(value, dict):
        return {key: plain(part) for key, part in value.items()}
    return value.tolist() if hasattr(value, "tolist") else value


def elements(dataset):
    return [plain(element) for element in dataset.as_numpy_iterator()]


def numbers(*args):
    return Dataset.range(*args)


PAIRS = Dataset.from_tensor_slices(([1, 2, 3], ["a", "b", "c"]))

# (name, dataset, its elements, its cardinality)
CASES = [
    ("slices", Dataset.from_tensor_slices([[1, 2], [3, 4]]), [[1, 2], [3, 4]], 2),
    ("slices of a tuple", PAIRS, [(1, b"a"), (2, b"b"), (3, b"c")], 3),
    (
        "slices of a dictionary",
        Dataset.from_tensor_slices(({"x": [1.0, 2.0], "s": ["p", "q"]}, [0, 1])),
        [({"x": 1.0, "s": b"p"}, 0), ({"x": 2.0, "s": b"q"}, 1)],
        2,
    ),
    ("one element", Dataset.from_tensors([1, 2, 3]), [[1, 2, 3]], 1),
    ("range", numbers(2, 9, 3), [2, 5, 8], 3),
    ("zip", Dataset.zip((numbers(3), numbers(5, 9))), [(0, 5), (1, 6), (2, 7)], 3),
    ("zip of arguments", Dataset.zip(numbers(2), numbers(9).repeat()), [(0, 0), (1, 1)], 2),
    ("zip of a dictionary", Dataset.zip({"a": numbers(1), "b": numbers(2)}), [{"a": 0, "b": 0}], 1),
    ("batch", numbers(5).batch(2), [[0, 1], [2, 3], [4]], 3),
    ("whole batches", numbers(5).batch(2, drop_remainder=True), [[0, 1], [2, 3]], 2),
    ("batches of pairs", PAIRS.batch(2), [([1, 2], [b"a", b"b"]), ([3], [b"c"])], 2),
    ("batches of batches", numbers(4).batch(2).batch(2), [[[0, 1], [2, 3]]], 1),
    ("batches of results", numbers(3).map(lambda x: x * 2).batch(2), [[0, 2], [4]], 2),
    ("map", numbers(3).map(lambda x: (x, [x, -x])), [(0, [0, 0]), (1, [1, -1]), (2, [2, -2])], 3),
    ("map of parts", PAIRS.map(lambda n, s: {"n": n + 1}), [{"n": 2}, {"n": 3}, {"n": 4}], 3),
    ("map to scalars", numbers(2).map(lambda x: 0.5), [0.5, 0.5], 2),
    ("filter", numbers(6).filter(lambda x: x % 2 == 0), [0, 2, 4], -2),
    ("filter of pairs", PAIRS.filter(lambda n, s: n != 2).map(lambda n, s: n), [1, 3], -2),
    ("flat_map", numbers(1, 4).flat_map(numbers), [0, 0, 1, 0, 1, 2], -2),
    (
        "interleave",
        numbers(1, 6).interleave(
            lambda x: Dataset.from_tensors(x).repeat(6), cycle_length=2, block_length=4
        ),
        [1] * 4 + [2] * 4 + [1] * 2 + [2] * 2 + [3] * 4 + [4] * 4 + [3] * 2 + [4] * 2 + [5] * 6,
        -2,
    ),
    ("repeat", numbers(2).repeat(2), [0, 1, 0, 1], 4),
    ("no repeat", numbers(2).repeat(0), [], 0),
    ("take of an endless one", numbers(2).repeat().take(3), [0, 1, 0], 3),
    ("take more", numbers(2).take(9), [0, 1], 2),
    ("take all", numbers(2).take(-1), [0, 1], 2),
    ("skip", numbers(5).skip(3), [3, 4], 2),
    ("skip all", numbers(5).skip(-1), [], 0),
    ("skip of batches", numbers(5).batch(2).skip(1), [[2, 3], [4]], 2),
    ("shard", numbers(7).shard(3, 1), [1, 4], 2),
    ("unbatch", PAIRS.batch(2).unbatch(), [(1, b"a"), (2, b"b"), (3, b"c")], -2),
    ("enumerate", numbers(5, 7).enumerate(start=1), [(1, 5), (2, 6)], 2),
    ("concatenate", numbers(2).concatenate(numbers(7, 9)), [0, 1, 7, 8], 4),
    ("windows", numbers(5).window(3).flat_map(lambda w: w.batch(3)), [[0, 1, 2], [3, 4]], -2),
    (
        "windows that overlap",
        numbers(7).window(3, shift=1, stride=2, drop_remainder=True).flat_map(lambda w: w.batch(3)),
        [[0, 2, 4], [1, 3, 5], [2, 4, 6]],
        -2,
    ),
    ("windows apart", numbers(9).window(2, shift=4).flat_map(lambda w: w), [0, 1, 4, 5, 8], -2),
    (
        "windows of pairs",
        PAIRS.window(2).flat_map(lambda n, s: Dataset.zip((n.batch(2), s.batch(2)))),
        [([1, 2], [b"a", b"b"]), ([3], [b"c"])],
        -2,
    ),
    ("apply", numbers(4).apply(lambda ds: ds.batch(4)), [[0, 1, 2, 3]], 1),
    ("no effect", numbers(2).prefetch(tf.data.AUTOTUNE).with_options(tf.data.Options()), [0, 1], 2),
]  # fmt: skip


@pytest.mark.parametrize(("dataset", "expected", "count"), [case[1:] for case in CASES],
                         ids=[case[0] for case in CASES])  # fmt: skip
def test_elements(dataset, expected, count) -> None:
    assert elements(dataset) == expected
    assert elements(dataset) == expected, "the second pass"
    assert int(dataset.cardinality()) == count
    if count >= 0:
        assert len(dataset) == count


@pytest.mark.parametrize(
    ("size", "shift", "stride", "whole"),
    [(3, 3, 1, False), (3, 1, 1, True), (2, 5, 1, False), (4, 2, 3, True), (9, 1, 1, True)],
)
def test_the_number_of_windows(size, shift, stride, whole) -> None:
    found = numbers(10).window(size, shift, stride, drop_remainder=whole)
    assert len(found) == len(list(found))


def test_elements_are_tensors() -> None:
    for number, text in PAIRS:
        assert isinstance(number, tf.Tensor) and isinstance(text, tf.Tensor)
        assert number.numpy() == 1 and number.dtype == tf.int32
        assert text.numpy() == b"a" and text.numpy().decode() == "a"
        break
    first = next(iter(numbers(4).batch(4).map(lambda x: tf.cast(x, tf.float32))))
    assert first.numpy().tolist() == [0, 1, 2, 3] and str(first.dtype) == "float32"


def test_elements_are_not_the_users_arrays() -> None:
    data = np.ones((4, 2))
    for row in Dataset.from_tensor_slices(data).batch(2):
        row /= 2  # noqa: PLW2901
        row.numpy()[:] = 7
        assert row.numpy().tolist() == [[0.5, 0.5], [0.5, 0.5]]
    with pytest.raises(ValueError, match="read-only"):
        next(iter(Dataset.from_tensors(data)))[0] = 1
    assert data.tolist() == np.ones((4, 2)).tolist()


def test_named_tuples_stay() -> None:
    found = next(iter(Dataset.from_tensor_slices(Point([1], [2])).batch(1)))
    assert type(found) is Point and found.y.numpy().tolist() == [2]


def test_shuffle_draws_again_in_every_pass() -> None:
    tf.random.set_seed(3)
    dataset = numbers(40).shuffle(40)
    first, second = elements(dataset), elements(dataset)
    assert sorted(first) == sorted(second) == list(range(40))
    assert first != second
    tf.random.set_seed(3)
    again = numbers(40).shuffle(40)
    assert elements(again) == first and elements(again) == second
    keras.utils.set_random_seed(4)
    assert elements(numbers(40).shuffle(40)) != first


def test_shuffle_once_and_for_all() -> None:
    dataset = numbers(20).shuffle(5, seed=1, reshuffle_each_iteration=False)
    first = elements(dataset)
    assert elements(dataset) == first != list(range(20))
    assert elements(numbers(20).shuffle(5, seed=1)) == first


def test_shuffle_moves_no_further_than_its_buffer() -> None:
    found = elements(numbers(100).shuffle(10, seed=2))
    assert sorted(found) == list(range(100))
    assert all(value < place + 10 for place, value in enumerate(found))


def test_shuffle_keeps_rows_together() -> None:
    x = np.arange(30).reshape(10, 3)
    for rows, label in Dataset.from_tensor_slices((x, np.arange(10))).shuffle(10).batch(4):
        np.testing.assert_array_equal(rows, x[label.numpy()])


def test_cache_computes_once() -> None:
    calls = []

    def count(x):
        calls.append(len(calls))
        return np.asarray(x) + 1

    dataset = numbers(3).map(count).cache()
    assert elements(dataset.take(2)) == [1, 2]  # no full pass: nothing is kept
    done = len(calls)
    assert elements(dataset) == [1, 2, 3] and len(calls) == done + 3
    assert elements(dataset) == [1, 2, 3] and len(calls) == done + 3


def test_functions_are_traced_once() -> None:
    calls = []

    def scaled(x):
        calls.append(x)
        return tf.cast(x, tf.float32) / 2.0, x

    assert elements(numbers(5).map(scaled)) == [(x / 2, x) for x in range(5)]
    assert len(calls) == 1
    odd = numbers(5).batch(2).map(scaled)
    assert [rows for rows, _ in elements(odd)] == [[0, 0.5], [1, 1.5], [2]]
    assert len(calls) == 3, "once for each shape"


def test_every_element_has_draws_of_its_own() -> None:
    tf.random.set_seed(0)
    dataset = numbers(4).map(lambda x: tf.random.uniform([]) + tf.cast(x, tf.float32) * 0.0)
    first, second = elements(dataset), elements(dataset)
    assert len({*first, *second}) == 8
    tf.random.set_seed(0)
    again = numbers(4).map(lambda x: tf.random.uniform([]) + tf.cast(x, tf.float32) * 0.0)
    assert elements(again) == first


def branches(x):
    return x.numpy() + 1 if x > 1 else -1


# (a function that wants numbers, what it makes of 0, 1, 2)
HOST_FUNCTIONS = [
    (lambda x: np.maximum(x, 1), [1, 1, 2]),
    (branches, [-1, -1, 3]),
    (lambda x: jax.numpy.add(x, 1), [1, 2, 3]),
    (lambda x: tf.numpy_function(lambda n: n * 2, [x], tf.int64), [0, 2, 4]),
    (lambda x: tf.py_function(lambda n: n.numpy() * 2, [x], tf.int64), [0, 2, 4]),
    (lambda x: tf.strings.as_string(x), [b"0", b"1", b"2"]),  # noqa: PLW0108
    (keras.layers.IntegerLookup(vocabulary=[2, 1]), [0, 2, 1]),
]


@pytest.mark.parametrize(("function", "expected"), HOST_FUNCTIONS)
def test_functions_that_want_numbers(function, expected) -> None:
    assert elements(numbers(3).map(function)) == expected


def test_errors_of_functions_are_their_own() -> None:
    with pytest.raises(TypeError, match="unsupported operand"):
        list(numbers(2).map(lambda x: "a" / 2))
    with pytest.raises(TypeError, match="positional argument"):
        list(PAIRS.map(lambda x: x))


def test_generators() -> None:
    def squares(limit):
        for value in range(limit):
            yield value, [value, value**2]

    dataset = Dataset.from_generator(
        squares,
        args=[3],
        output_signature=(tf.TensorSpec((), tf.int32), tf.TensorSpec((2,), tf.float32)),
    )
    assert elements(dataset) == elements(dataset) == [(0, [0, 0]), (1, [1, 1]), (2, [2, 4])]
    assert int(dataset.cardinality()) == tf.data.UNKNOWN_CARDINALITY
    first = next(iter(dataset))
    assert first[0].dtype == tf.int32 and first[1].dtype == tf.float32
    older = Dataset.from_generator(lambda: iter("ab"), tf.string, tf.TensorShape([]))
    assert elements(older) == [b"a", b"b"]


def test_padded_batches() -> None:
    rows = Dataset.range(1, 4).map(lambda x: np.full(int(x), int(x)))
    assert elements(rows.padded_batch(2)) == [[[1, 0], [2, 2]], [[3, 3, 3]]]
    assert elements(rows.padded_batch(3, padded_shapes=[4], padding_values=-1)) == [
        [[1, -1, -1, -1], [2, 2, -1, -1], [3, 3, 3, -1]]
    ]
    both = Dataset.zip((rows, Dataset.from_tensor_slices(["x", "y", "z"])))
    found = both.padded_batch(2, padded_shapes=([None], []), padding_values=(9, None))
    assert elements(found) == [([[1, 9], [2, 2]], [b"x", b"y"]), ([[3, 3, 3]], [b"z"])]
    assert len(rows.padded_batch(2, drop_remainder=True)) == 1
    with pytest.raises(ValueError, match=r"fit into padded_shapes=\(2,\).*\(3,\)"):
        list(rows.padded_batch(3, padded_shapes=[2]))


def test_reduce() -> None:
    assert int(numbers(5).reduce(np.int64(0), lambda total, x: total + x)) == 10
    count, total = PAIRS.reduce((0, 0), lambda state, pair: (state[0] + 1, state[1] + pair[0]))
    assert (int(count), int(total)) == (3, 6)


def test_single_element() -> None:
    assert int(numbers(1).get_single_element()) == 0
    with pytest.raises(ValueError, match="one with more"):
        numbers(2).get_single_element()
    with pytest.raises(ValueError, match="empty"):
        numbers(0).get_single_element()


def test_length_of_what_has_none() -> None:
    endless, unknown = numbers(2).repeat(), numbers(2).filter(lambda x: x > 0)
    with pytest.raises(TypeError, match="infinite"):
        len(endless)
    with pytest.raises(TypeError, match="unknown"):
        len(unknown)
    assert endless.cardinality() == tf.data.INFINITE_CARDINALITY
    assert tf.data.experimental.cardinality(unknown) == tf.data.UNKNOWN_CARDINALITY
    assert endless and unknown


def spec(shape, dtype):
    return tf.TensorSpec(shape, dtype)


SPECS = [
    (PAIRS, (spec((), tf.int32), spec((), tf.string))),
    (PAIRS.batch(2), (spec((None,), tf.int32), spec((None,), tf.string))),
    (numbers(4).batch(2, drop_remainder=True), spec((2,), tf.int64)),
    (numbers(4).batch(2).map(lambda x: x * 0.5), spec((None,), tf.float32)),
    (numbers(4).map(lambda x: [x, x]).batch(3), spec((None, 2), tf.int32)),
    (numbers(4).batch(2).unbatch(), spec((), tf.int64)),
    (numbers(4).enumerate(), (spec((), tf.int64), spec((), tf.int64))),
    (numbers(4).batch(2).concatenate(numbers(3).batch(3, True)), spec((None,), tf.int64)),
    (numbers(1, 4).map(lambda x: np.ones(int(x))).padded_batch(2), spec((None, None), tf.float64)),
    (numbers(3).flat_map(lambda x: Dataset.from_tensors([x, x])), spec((2,), tf.int64)),
]


@pytest.mark.parametrize(("dataset", "expected"), SPECS)
def test_element_spec(dataset, expected) -> None:
    assert dataset.element_spec == expected
    assert "element_spec=" in repr(dataset)


def test_element_spec_begins_no_pass() -> None:
    dataset = numbers(20).shuffle(20, seed=5)
    mapped = dataset.map(lambda x: x + 1)
    assert mapped.element_spec == spec((), tf.int32)
    assert elements(mapped) == [x + 1 for x in elements(numbers(20).shuffle(20, seed=5))]


def test_specs() -> None:
    one = tf.TensorSpec([None, 3], tf.float32, name="x")
    assert one.shape.as_list() == [None, 3] and one.shape.rank == 2
    assert one.is_compatible_with(tf.ones((5, 3))) and not one.is_compatible_with(tf.ones((3,)))
    assert repr(one) == "TensorSpec(shape=(None, 3), dtype=tf.float32, name='x')"
    assert tf.TensorShape(None).rank is None and repr(tf.TensorShape(None)) == "<unknown>"
    assert tf.TensorSpec(None).is_compatible_with(tf.ones((3,)))


def ragged(_):
    return Dataset.from_generator(
        lambda: ([0] * n for n in (1, 2)), output_signature=tf.TensorSpec([None], tf.int32)
    )


def wrong_shape():
    return Dataset.from_generator(lambda: iter([[1, 2]]), output_signature=spec((3,), tf.int32))


def wrong_structure():
    signature = (spec((), tf.int32), spec((), tf.int32))
    return Dataset.from_generator(lambda: iter([1]), output_signature=signature)


# (what is done, the kind of error, what it says)
MISTAKES = [
    (lambda: Dataset.from_tensor_slices(([1, 2], [1])), ValueError, r"shapes \(2,\), \(1,\)"),
    (lambda: Dataset.from_tensor_slices(3), ValueError, "first axis"),
    (lambda: Dataset.from_tensor_slices([[1], [1, 2]]), ValueError, "`from_generator` takes"),
    (lambda: Dataset.from_generator([1, 2], tf.int32), TypeError, "`generator` to be a function"),
    (lambda: Dataset.from_generator(lambda: [1]), TypeError, "either `output_signature`"),
    (lambda: Dataset.from_generator(lambda: [1], output_signature=3), TypeError, "tf.TensorSpec"),
    (lambda: list(wrong_shape()), ValueError, r"shape \(2,\).*shape=\(3,\)"),
    (lambda: list(wrong_structure()), TypeError, "expected structure"),
    (lambda: list(ragged(0).batch(2)), ValueError, r"`padded_batch`.*\(1,\) and \(2,\)"),
    (lambda: numbers(2).batch(0), ValueError, "batch_size=0"),
    (lambda: numbers(2).shuffle(0), ValueError, "buffer_size=0"),
    (lambda: numbers(2).shard(2, 2), ValueError, "index=2"),
    (lambda: numbers(2).map(3), TypeError, "`map_func` to be a function"),
    (lambda: Dataset.zip((numbers(2), [1, 2])), TypeError, r"a dataset. Received: \[1, 2\]"),
    (lambda: list(numbers(2).flat_map(lambda x: x)), TypeError, "Expected a dataset"),
    (lambda: numbers(0).map(lambda x: x).element_spec, ValueError, "an empty one"),
    (lambda: tf.data.TFRecordDataset, AttributeError, "tensorflow.data.TFRecordDataset is not"),
]


@pytest.mark.parametrize(("act", "kind", "message"), MISTAKES)
def test_mistakes(act, kind, message) -> None:
    with pytest.raises(kind, match=message):
        act()


def test_options_can_be_set() -> None:
    options = tf.data.Options()
    options.experimental_distribute.auto_shard_policy = 1
    options.threading.private_threadpool_size = 4
    options.deterministic = False
    assert elements(numbers(2).with_options(options)) == [0, 1]
    assert tf.data.experimental.AUTOTUNE == tf.data.AUTOTUNE == -1
