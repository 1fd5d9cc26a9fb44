"""Every knob has the effect that its text in the environment says."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from graphc import config
from graphc.builder import Builder
from graphc.config import KNOBS
from graphc.errors import VerifyError
from graphc.executable import Executable
from graphc.ir import Graph
from graphc.kernels.registry import Target
from graphc.lower import default_target
from graphc.passes.base import Pass
from graphc.pipeline import Pipeline
from graphc.programs import PROGRAMS, cache_folder, clear_cache
from graphc.rewrite import Event
from graphc.runtime.loop import Pace
from graphc.runtime.step import loop_choice
from graphc.runtime.stream import fits
from graphc.xla_options import compiler_options
from tests.graphc.graphs import chain, numbers, ops_of, spec

TESTS = Path(__file__).parents[1]


def _classifier() -> Graph:
    b = Builder()
    logits, target = b.param(spec(2, 3), "logits"), b.input(spec(2, 3), "target")
    b.scope = "head"
    p = b.emit("nn.softmax", logits, axis=-1)
    return b.finish([b.emit("nn.categorical_crossentropy", target, p, from_logits=False)])


class _Breaking(Pass):
    """A pass that gives its result a wrong spec."""

    def __call__(self, graph: Graph) -> tuple[Graph, tuple[Event, ...]]:
        wrong = replace(graph.nodes[-1], specs=(spec(9),))
        output = replace(graph.outputs[0], node=wrong)
        return replace(graph, nodes=(*graph.nodes[:-1], wrong), outputs=(output,)), ()


def _breaks() -> bool:
    try:
        Pipeline((_Breaking("break_it", (), "exact"),))(chain("math.exp"), "train")
    except VerifyError:
        return True
    return False


def _fuses() -> bool:
    return "nn.softmax" not in ops_of(Pipeline()(_classifier(), "train"))


def _pooling() -> str:
    b = Builder()
    x = b.input(spec(2, 4, 4, 3))
    graph = b.finish([b.emit("nn.max_pool", x, pool_size=2, strides=2, padding="valid")])
    return Executable(graph).show("plan").split()[2]


def _held() -> int:
    clear_cache()
    for size in range(1, 5):
        PROGRAMS.get(size, object)
    return PROGRAMS.info.size


def _first_chunk() -> int:
    return Pace(1e-3).length(10_000)


def _options() -> dict[str, Any]:
    return compiler_options(Target("gpu"))


# Of each knob: what is looked at, and what that is with each text in the environment.
EFFECTS: dict[str, tuple[Callable[[], Any], dict[str, Any]]] = {
    "GRAPHC_PASSES": (_fuses, {"": True, "-fuse_softmax_xent": False, "fold_batch_norm": False}),
    "GRAPHC_PASS_LIMIT": (_fuses, {"-1": True, "0": False, "99": True}),
    "GRAPHC_KERNELS": (
        _pooling,
        {
            "": "fused/max_pool_slices",
            "reference": "reference/reference",
            "nn.max_pool:reference": "reference/reference",
            "reference, nn.max_pool:max_pool_slices": "fused/max_pool_slices",
        },
    ),
    "GRAPHC_VERIFY": (_breaks, {"1": True, "0": False}),
    "GRAPHC_LOOP": (
        lambda: loop_choice(chain("math.exp"), default_target())[0],
        {"": "scan", "step": "step", "scan": "scan"},
    ),
    "GRAPHC_CHUNK": (_first_chunk, {"0": 250, "7": 7}),
    "GRAPHC_DATA_BYTES": (lambda: fits([np.zeros(100, "float32")]), {"0": True, "399": False}),
    "GRAPHC_DETERMINISM": (_options, {"1": {"xla_gpu_deterministic_ops": True}, "0": {}}),
    "GRAPHC_PROGRAMS": (_held, {"64": 4, "3": 3}),
    "GRAPHC_CACHE_DIR": (lambda: str(cache_folder()), {"/some/where": "/some/where"}),
}
# Knobs whose effect takes more to see, and where that is done.
ELSEWHERE = {
    "GRAPHC_DEBUG": "graphc/test_knobs.py",
    "GRAPHC_DUMP": "graphc/test_knobs.py",
    "GRAPHC_DISK_CACHE": "graphc/test_programs.py",
    "XDG_CACHE_HOME": "graphc/test_programs.py",
    "GRAPHC_KEEP_MEMORY": "graphc/test_memory.py",
    "GRAPHC_LINT": "keras/training/test_lint.py",
}


@pytest.mark.parametrize(
    ("name", "text"), [(name, text) for name, (_, texts) in EFFECTS.items() for text in texts]
)
def test_the_text_in_the_environment_has_its_effect(
    name: str, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    look, wanted = EFFECTS[name]
    monkeypatch.setenv(name, text)
    assert look() == wanted[text]


def test_every_knob_is_looked_at_somewhere() -> None:
    by_name = {knob.env: key for key, knob in vars(config).items() if knob in KNOBS}
    unseen = set(by_name) - set(EFFECTS) - set(ELSEWHERE)
    for name in unseen:
        uses = (f"config.{by_name[name]}(", name)
        texts = (path.read_text(encoding="utf-8") for path in TESTS.rglob("test_*.py"))
        assert any(use in text for text in texts for use in uses), f"no test sees {name}"
    for name, path in ELSEWHERE.items():
        text = (TESTS / path).read_text(encoding="utf-8")
        assert name in text or f"config.{by_name[name]}" in text, name


LEVELS = {
    0: (),
    1: ("graphc: fuse_softmax_xent: 1 rewrites",),
    2: ("head", "nn.categorical_crossentropy", "reference/reference"),
    3: ("graph {", "from_logits=True"),
    4: ("traced in", "equations", "lines of StableHLO", "lines of HLO"),
}


@pytest.mark.parametrize("level", LEVELS)
def test_debug_prints_more_with_each_level(
    level: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("GRAPHC_DEBUG", str(level))
    clear_cache()
    executable = Executable(_classifier())
    executable.run(*numbers(executable.graph))
    said = capsys.readouterr().out
    for at, parts in LEVELS.items():
        for part in parts:
            assert (part in said) == (at <= level), (at, part, said)


def test_dump_writes_what_passes_changed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRAPHC_DUMP", str(tmp_path / "dump"))
    Executable(_classifier())
    names = sorted(path.name for path in (tmp_path / "dump").iterdir())
    assert names == ["000_fuse_softmax_xent_before.txt", "001_fuse_softmax_xent_after.txt"]
