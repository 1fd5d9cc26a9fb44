"""Data on the device: shared capacities, padding, the order of an epoch."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graphc.runtime import data as data_module
from graphc.runtime.data import DeviceData, _order_on_device, capacity_for, epoch_order, upload


@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.integers(1, 10**7), st.integers(1, 4096))
def test_a_capacity_is_whole_batches_and_at_most_an_eighth_too_large(
    count: int, batch: int
) -> None:
    capacity = capacity_for(count, batch)
    needed = -(-count // batch) * batch
    assert capacity % batch == 0
    assert needed <= capacity <= needed + needed // 8
    assert capacity_for(capacity, batch) == capacity
    assert capacity_for(count + 1, batch) >= capacity


def test_folds_that_differ_by_a_row_share_a_capacity() -> None:
    folds = {len(part) for part in np.array_split(np.arange(1003), 10)}
    assert len(folds) == 2
    assert len({capacity_for(1003 - fold, 32) for fold in folds}) == 1


def test_padding_repeats_the_first_row() -> None:
    x, y = np.arange(10.0).reshape(5, 2) + 1, np.arange(5)
    uploaded = upload([x, y], 5, 4)
    assert (uploaded.count, uploaded.capacity, uploaded.steps(4)) == (5, 8, 2)
    first, second = (np.asarray(a) for a in uploaded.arrays)
    np.testing.assert_array_equal(first[:5], x)
    np.testing.assert_array_equal(first[5:], np.repeat(x[:1], 3, 0))
    np.testing.assert_array_equal(second, [0, 1, 2, 3, 4, 0, 0, 0])
    assert (str(first.dtype), str(second.dtype)) == ("float32", "int32")


def test_arrays_on_the_device_are_padded_there_alike() -> None:
    x = np.arange(10, dtype="float32").reshape(5, 2)
    host, device = (upload([leaf], 5, 4).arrays[0] for leaf in (x, jnp.asarray(x)))
    np.testing.assert_array_equal(host, device)


def test_whole_batches_are_not_padded() -> None:
    x = jnp.ones((8, 2))
    assert upload([x], 8, 4).arrays[0] is x


def test_large_data_is_not_padded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(data_module, "PADDABLE", 39)
    x = np.zeros((5, 2), "float32")
    assert upload([x], 5, 4).capacity == 5
    monkeypatch.setattr(data_module, "PADDABLE", 40)
    assert upload([x], 5, 4).capacity == 8


def test_upload_leaves_the_callers_array_alone() -> None:
    x = np.zeros((5, 2), "float32")
    arrays = upload([x], 5, 4).arrays
    x[:] = 1.0
    np.testing.assert_array_equal(arrays[0], np.zeros((8, 2)))


def test_no_data_has_no_steps() -> None:
    assert DeviceData((), 0).capacity == 0 and DeviceData((), 0).steps(4) == 0


@pytest.mark.parametrize(("count", "capacity"), [(1, 1), (5, 5), (5, 8), (100, 128), (1000, 1024)])
def test_an_order_is_a_permutation_of_the_real_rows(count: int, capacity: int) -> None:
    order = np.asarray(epoch_order(3, 1, count, capacity))
    assert order.shape == (capacity,) and order.dtype == np.int32
    assert sorted(order[:count]) == list(range(count))
    np.testing.assert_array_equal(order[count:], np.arange(count, capacity))
    assert count < 50 or (order[:count] != np.arange(count)).any()


def test_an_order_is_a_function_of_seed_and_epoch() -> None:
    orders = {(s, e): np.asarray(epoch_order(s, e, 100, 128)) for s in (0, 1) for e in (0, 1)}
    np.testing.assert_array_equal(orders[0, 1], epoch_order(0, 1, 100, 128))
    assert len({order.tobytes() for order in orders.values()}) == 4


@pytest.mark.parametrize("seed", [0, 7, 2**32 - 1, 2**40 + 5])
def test_host_and_device_make_the_same_order(seed: int) -> None:
    host = epoch_order(seed, 4, 100, 128)
    key = np.array([seed & 0xFFFFFFFF, 4], np.uint32)
    np.testing.assert_array_equal(host, _order_on_device(key, np.int32(100), 128))


def test_another_device_takes_the_device_path(monkeypatch: pytest.MonkeyPatch) -> None:
    host = epoch_order(1, 2, 10, 16)
    monkeypatch.setattr(jax, "default_backend", lambda: "gpu")
    np.testing.assert_array_equal(epoch_order(1, 2, 10, 16), host)
