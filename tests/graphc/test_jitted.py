"""Jitted functions: the same results, a record of compilations, memory at no cost."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from graphc import config
from graphc.jitted import COMPILED, LOWERED, TRACED, Compilations, Jitted, Memory

HEARD: list[str] = []
jax.monitoring.register_event_duration_secs_listener(lambda event, *_, **__: HEARD.append(event))


def fresh() -> Any:
    """A function that JAX has not seen, which has another one compiled while it is traced."""

    @jax.jit
    def inner(x: Any) -> Any:
        return jnp.tanh(x) * 2

    def outer(carry: Any, x: Any, steps: Any) -> Any:
        with jax.ensure_compile_time_eval():
            nothing = inner(np.float32(0))
        return jax.lax.fori_loop(0, steps, lambda _, state: state + inner(x) + nothing, carry)

    return outer


@pytest.fixture
def jitted() -> Iterator[Jitted]:
    with config.DISK_CACHE(False):
        yield Jitted(fresh(), donate_argnums=(0,))


def call(function: Jitted, size: int = 3) -> np.ndarray:
    return np.asarray(function(jnp.zeros(size), jnp.ones(size), np.int32(2)))


def test_it_computes_what_the_function_does(jitted: Jitted) -> None:
    np.testing.assert_allclose(call(jitted), np.full(3, 4 * np.tanh(1)), rtol=1e-6)


def test_each_form_of_the_arguments_is_compiled_once_and_timed(jitted: Jitted) -> None:
    assert jitted.compilations == Compilations()
    call(jitted)
    took = jitted.compilations
    assert took.count == 1
    assert min(took.tracing, took.lowering, took.compiling) > 0
    before = took.compiling
    call(jitted)
    assert (took.count, took.compiling) == (1, before)
    call(jitted, size=4)
    assert took.count == 2 and took.compiling > before


def test_functions_inside_are_not_counted_twice(jitted: Jitted) -> None:
    counted: list[str] = []
    jitted.heard = lambda event, seconds: counted.append(event)  # type: ignore[method-assign]
    del HEARD[:]
    call(jitted)
    assert HEARD.count(COMPILED) == 2, "the inner function was to be compiled on its own, too"
    assert counted == [TRACED, LOWERED, COMPILED]


def test_what_is_compiled_outside_a_call_belongs_to_nobody(jitted: Jitted) -> None:
    jax.jit(lambda x: x * 3)(jnp.ones(5))
    assert jitted.compilations == Compilations()


def test_a_function_called_inside_another_keeps_its_own_record(jitted: Jitted) -> None:
    def whole(x: Any) -> Any:
        return jitted(x, x, 2) + 1

    around = Jitted(whole)
    around(jnp.ones(3))
    assert around.compilations.count == 1
    assert jitted.compilations.count == 0, "it became part of the other program"


def test_memory_is_told_without_compiling_anything(jitted: Jitted) -> None:
    assert jitted.memory() is None
    call(jitted, size=1000)
    del HEARD[:]
    memory = jitted.memory()
    assert memory is not None
    assert not {TRACED, LOWERED, COMPILED} & set(HEARD)
    assert memory.arguments == 2 * 4000 + 4 and memory.outputs == memory.aliased == 4000
    assert memory.peak == memory.arguments + memory.temporary


def test_the_peak_counts_what_shares_a_place_once() -> None:
    assert Memory(arguments=10, outputs=4, aliased=3, temporary=5).peak == 16


def test_what_the_disk_had_is_counted(tmp_path: Any) -> None:
    names = ("jax_compilation_cache_dir", "jax_persistent_cache_min_compile_time_secs")
    before = [getattr(jax.config, name) for name in names]
    try:
        for name, value in zip(names, (str(tmp_path), 0.0), strict=True):
            jax.config.update(name, value)
        first, second = Jitted(fresh()), Jitted(fresh())
        call(first, size=17)
        jax.clear_caches()
        call(second, size=17)
        assert (first.compilations.from_disk, second.compilations.from_disk) == (0, 1)
    finally:
        for name, value in zip(names, before, strict=True):
            jax.config.update(name, value)


def test_level_four_tells_what_compiling_took(
    jitted: Jitted, capsys: pytest.CaptureFixture[str]
) -> None:
    with config.DEBUG(3):
        call(jitted)
    assert capsys.readouterr().out == ""
    with config.DEBUG(4):
        call(jitted, size=5)
        call(jitted, size=5)
    said = capsys.readouterr().out
    numbers = re.fullmatch(
        r"graphc: outer: traced in [\d.]+ s \((\d+) equations\), lowered in [\d.]+ s "
        r"\((\d+) lines of StableHLO\), compiled in [\d.]+ s (?:\(from the disk\) )?"
        r"\((\d+) lines of HLO\)\n",
        said,
    )
    assert numbers is not None, said
    assert all(int(number) > 3 for number in numbers.groups())
