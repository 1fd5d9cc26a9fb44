"""Shelves and stores: one owner of every array, donation, moving variables."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from graphc.runtime.store import Shelf, StateStore


@dataclass
class Variable:
    """The least that a store wants of a variable."""

    home: tuple[Shelf, int]

    @property
    def value(self) -> Any:
        shelf, place = self.home
        return shelf.read(place)


def _variable(value: float) -> Variable:
    return Variable((Shelf([jnp.full(3, value)]), 0))


_add_one = jax.jit(lambda arrays: tuple(a + 1 for a in arrays), donate_argnums=0)


def test_read_and_write() -> None:
    shelf = Shelf([jnp.zeros(2), jnp.ones(2)])
    shelf.write(0, jnp.full(2, 5.0))
    np.testing.assert_array_equal(shelf.read(0), [5, 5])
    np.testing.assert_array_equal(shelf.read(1), [1, 1])
    assert len(shelf.peek()) == 2


def test_a_lent_array_survives_donation() -> None:
    shelf = Shelf([jnp.zeros(3), jnp.zeros(3)])
    lent = shelf.read(0)
    for _ in range(2):
        shelf.put(_add_one(shelf.take()))
    np.testing.assert_array_equal(lent, np.zeros(3))
    np.testing.assert_array_equal(shelf.read(0), np.full(3, 2.0))


def test_a_written_array_survives_donation() -> None:
    shelf = Shelf([jnp.zeros(3)])
    mine = jnp.full(3, 7.0)
    shelf.write(0, mine)
    shelf.put(_add_one(shelf.take()))
    np.testing.assert_array_equal(mine, np.full(3, 7.0))


def test_one_array_written_in_two_places_can_be_donated() -> None:
    shelf = Shelf([jnp.zeros(3), jnp.zeros(3)])
    mine = jnp.ones(3)
    shelf.write(0, mine)
    shelf.write(1, mine)
    shelf.put(_add_one(shelf.take()))
    np.testing.assert_array_equal(np.stack(shelf.peek()), np.full((2, 3), 2.0))


def test_what_was_not_lent_is_not_copied() -> None:
    shelf = Shelf([jnp.zeros(3), jnp.zeros(3)])
    shelf.read(1)
    inside = shelf.arrays[0]
    taken = shelf.take()
    assert taken[0] is inside
    assert taken[1] is shelf.arrays[1]
    assert shelf.take()[1] is taken[1], "a lent array is copied once a loan, not once a take"


def test_a_store_moves_variables_to_itself() -> None:
    variables = [_variable(v) for v in (1.0, 2.0, 3.0)]
    store = StateStore(params=variables[:2], state=variables[2:]).claim()
    assert all(v.home[0] is store.shelves["params"] for v in variables[:2])
    assert [float(a[0]) for a in store.peek("params")] == [1.0, 2.0]
    assert [float(a[0]) for a in store.peek("state")] == [3.0]


def test_a_step_swaps_whole_groups_and_variables_see_it() -> None:
    variables = [_variable(v) for v in (1.0, 2.0)]
    store = StateStore(params=variables[:1], state=variables[1:]).claim()
    for _ in range(3):
        params, state = store.take()
        store.put((_add_one(params), _add_one(state)))
    assert [float(v.value[0]) for v in variables] == [4.0, 5.0]


def test_variables_wander_between_stores_without_a_sync() -> None:
    shared, own = _variable(0.0), _variable(10.0)
    first, second = StateStore(params=[shared, own]), StateStore(params=[shared])
    for _ in range(2):
        for store in (first, second):
            (params,) = store.claim().take()
            store.put((_add_one(params),))
    assert float(shared.value[0]) == 4.0
    assert float(own.value[0]) == 12.0
    assert shared.home[0] is second.shelves["params"]


def test_a_loan_moves_with_its_variable() -> None:
    variable = _variable(1.0)
    lent = variable.value
    store = StateStore(params=[variable]).claim()
    (params,) = store.take()
    store.put((_add_one(params),))
    np.testing.assert_array_equal(lent, np.ones(3))
    np.testing.assert_array_equal(variable.value, np.full(3, 2.0))


def test_a_second_claim_moves_nothing() -> None:
    variable = _variable(1.0)
    store = StateStore(params=[variable]).claim()
    inside = store.peek("params")[0]
    assert store.claim().peek("params")[0] is inside


def test_put_wants_every_group() -> None:
    store = StateStore(params=[_variable(1.0)], state=[_variable(1.0)]).claim()
    with pytest.raises(ValueError, match="zip"):
        store.put((store.peek("params"),))
