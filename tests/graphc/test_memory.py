"""Freed memory stays with the process for as long as a run lasts, and no longer."""

from __future__ import annotations

import ctypes

import pytest

from graphc import config, memory
from graphc.spec import Target

resource = pytest.importorskip("resource")
BLOCK = 100 << 20  # bytes: far more than glibc keeps of its own accord
PAGE = 4096

pytestmark = pytest.mark.skipif(memory._libc() is None, reason="the C library is not glibc")


def faults() -> int:
    """Page faults of taking, writing and freeing a block three times."""
    libc = ctypes.CDLL(None)
    libc.malloc.restype = ctypes.c_void_p
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(3):
        block = ctypes.c_void_p(libc.malloc(ctypes.c_size_t(BLOCK)))
        ctypes.memset(block, 1, BLOCK)
        libc.free(block)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before


FRESH = BLOCK // PAGE  # faults of a block that the process did not have


def test_blocks_are_used_again_during_a_run_alone():
    assert faults() > 2 * FRESH
    with memory.kept(Target("cpu")):
        faults()
        assert faults() < FRESH / 10
    assert faults() > 2 * FRESH


def test_runs_within_runs_keep_it_until_the_last_one_ends():
    with memory.kept(Target("cpu")):
        with memory.kept(Target("cpu")):
            faults()
        assert faults() < FRESH / 10
    assert faults() > 2 * FRESH


@pytest.mark.parametrize("platform", ["cpu", "gpu"])
def test_it_can_be_switched_off_and_leaves_accelerators_alone(platform):
    with config.KEEP_MEMORY(platform != "cpu"), memory.kept(Target(platform)):
        assert faults() > 2 * FRESH


def test_an_error_in_a_run_ends_it_too():
    with pytest.raises(RuntimeError), memory.kept(Target("cpu")):
        raise RuntimeError
    assert faults() > 2 * FRESH
