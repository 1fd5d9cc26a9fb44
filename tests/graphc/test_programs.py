"""The cache of programs, and JAX's disk cache below it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import jax
import pytest

from graphc import config, programs
from graphc.programs import PROGRAMS, ProgramCache, cache_info, clear_cache, use_disk_cache

DISK_SETTINGS = (
    "jax_compilation_cache_dir",
    "jax_persistent_cache_min_compile_time_secs",
)


@pytest.fixture
def cache() -> ProgramCache:
    return ProgramCache()


def test_a_program_is_made_once(cache: ProgramCache) -> None:
    made: list[str] = []

    def make() -> str:
        made.append("program")
        return "program"

    assert cache.get("key", make) is cache.get("key", make)
    assert made == ["program"]
    assert (cache.info.hits, cache.info.misses, cache.info.size) == (1, 1, 1)


def test_the_least_recently_used_goes_first(cache: ProgramCache) -> None:
    with config.PROGRAMS(2):
        for key in "abac":
            cache.get(key, lambda key=key: key)
        assert cache.info.evicted == 1 and cache.info.size == 2
        hits = cache.info.hits
        cache.get("a", lambda: pytest.fail("a was used after b"))
        assert cache.info.hits == hits + 1
        assert cache.get("b", lambda: "made again") == "made again"


def test_a_bound_below_one_holds_one(cache: ProgramCache) -> None:
    with config.PROGRAMS(0):
        cache.get("a", lambda: "a")
        assert cache.info.size == 1


def test_a_program_that_could_not_be_made_is_not_kept(cache: ProgramCache) -> None:
    with pytest.raises(ZeroDivisionError):
        cache.get("a", lambda: 1 // 0)
    assert cache.get("a", lambda: "a") == "a"


def test_clear_forgets_everything(cache: ProgramCache) -> None:
    cache.get("a", lambda: "a")
    cache.clear()
    assert (cache.info.hits, cache.info.misses, cache.info.size) == (0, 0, 0)
    assert cache.get("a", lambda: "again") == "again"


def test_cache_info_is_a_snapshot() -> None:
    before = cache_info()
    PROGRAMS.get(("a test", object()), lambda: None)
    assert cache_info().misses == before.misses + 1
    clear_cache()
    assert cache_info().size == 0


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A process in which nobody has switched JAX's disk cache on yet."""
    before = {name: getattr(jax.config, name) for name in DISK_SETTINGS}
    monkeypatch.delenv("GRAPHC_CACHE_DIR", raising=False)
    jax.config.update("jax_compilation_cache_dir", None)
    yield
    for name, value in before.items():
        jax.config.update(name, value)


@pytest.mark.usefixtures("disk")
def test_the_disk_cache_goes_where_it_is_told(tmp_path: Path) -> None:
    with config.CACHE_DIR(str(tmp_path)):
        use_disk_cache()
    assert jax.config.jax_compilation_cache_dir == str(tmp_path / "xla")
    assert (tmp_path / "xla").is_dir()


@pytest.mark.usefixtures("disk")
def test_the_disk_cache_is_in_the_users_folder_by_default(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with config.XDG_CACHE_HOME(str(tmp_path)):
        use_disk_cache()
    assert jax.config.jax_compilation_cache_dir == str(tmp_path / "graphc" / "xla")
    monkeypatch.setattr(programs.Path, "home", lambda: tmp_path / "home")
    jax.config.update("jax_compilation_cache_dir", None)
    with config.XDG_CACHE_HOME(""):
        use_disk_cache()
    expected = tmp_path / "home" / ".cache" / "graphc" / "xla"
    assert jax.config.jax_compilation_cache_dir == str(expected)


@pytest.mark.usefixtures("disk")
def test_the_users_own_folder_and_the_switch_are_respected(tmp_path: Path) -> None:
    with config.DISK_CACHE(False):
        use_disk_cache()
    assert jax.config.jax_compilation_cache_dir is None
    jax.config.update("jax_compilation_cache_dir", str(tmp_path / "mine"))
    with config.CACHE_DIR(str(tmp_path / "ours")):
        use_disk_cache()
    assert jax.config.jax_compilation_cache_dir == str(tmp_path / "mine")


def test_the_oldest_files_go_first(tmp_path: Path) -> None:
    for age, name in enumerate("cab"):
        (tmp_path / name).write_bytes(b"x" * 10)
        os.utime(tmp_path / name, (100 - age, 100 - age))
    programs.trim(tmp_path, 30)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "b", "c"]
    programs.trim(tmp_path, 15)
    assert [path.name for path in tmp_path.iterdir()] == ["c"]


SCRIPT = """
import jax, graphc
from graphc.builder import Builder
jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
b = Builder()
x = b.input(graphc.TensorSpec((2, 3), "float32"))
executable = graphc.compile(b.finish([b.emit("math.exp", x)]))
jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
executable(jax.numpy.ones((2, 3)))
"""


def test_compiled_programs_reach_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRAPHC_CACHE_DIR", str(tmp_path))
    subprocess.run([sys.executable, "-c", SCRIPT], check=True, timeout=300)
    assert any(path.is_file() for path in (tmp_path / "xla").iterdir())
