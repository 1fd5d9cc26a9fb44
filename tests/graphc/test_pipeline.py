"""The pipeline: order, modes, knobs, observers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from graphc import config
from graphc.errors import VerifyError
from graphc.ir import Graph
from graphc.match import Match, PatternBuilder, PatternNode
from graphc.passes import PASSES
from graphc.passes.base import Mode, Pass
from graphc.pipeline import Observer, PassRecord, Pipeline, Verifying, selected_passes
from graphc.rewrite import Event, Rule
from tests.graphc.graphs import chain, ops_of, spec


def _renames(before: str, after: str, modes: tuple[Mode, ...] = ("train", "infer")) -> Pass:
    def pattern(p: PatternBuilder) -> PatternNode:
        return p.emit(f"math.{before}", "x")

    def check(m: Match) -> str | None:
        return "it is off limits" if m.root.scope == "off limits" else None

    rule = Rule(f"{before}_rule", pattern, check, lambda b, m: b.emit(f"math.{after}", m["x"]))
    return Pass(f"{before}_to_{after}", (rule,), "exact", modes)


FIRST, SECOND, THIRD = _renames("exp", "sin"), _renames("sin", "cos"), _renames("tan", "tanh")
PIPELINE = Pipeline((FIRST, SECOND, THIRD))


def test_passes_run_in_order() -> None:
    assert ops_of(PIPELINE(chain("math.exp"), "train")) == ["math.cos"]
    assert ops_of(Pipeline((SECOND, FIRST))(chain("math.exp"), "train")) == ["math.sin"]


def test_a_pipeline_that_does_nothing_gives_the_same_object() -> None:
    graph = chain("math.log")
    assert PIPELINE(graph, "infer") is graph


def test_a_pass_runs_in_its_modes_only() -> None:
    pipeline = Pipeline((_renames("exp", "sin", ("infer",)),))
    assert ops_of(pipeline(chain("math.exp"), "train")) == ["math.exp"]
    assert ops_of(pipeline(chain("math.exp"), "infer")) == ["math.sin"]


def test_the_passes_of_each_mode() -> None:
    named = {m: [p.name for p in selected_passes(PASSES, m)] for m in ("train", "infer")}
    both = [p.name for p in PASSES if p.modes == ("train", "infer")]
    assert [n for n in named["train"] if n not in both] == ["fuse_linear_xent", "roll_blocks"]
    assert [n for n in named["infer"] if n not in both] == ["fold_batch_norm", "merge_linear"]
    assert set(both) == set(named["train"]) & set(named["infer"])


@pytest.mark.parametrize(
    ("text", "ops"),
    [
        ("-exp_to_sin", ["math.exp", "math.tanh"]),
        ("-sin_to_cos,-tan_to_tanh", ["math.sin", "math.tan"]),
        ("tan_to_tanh", ["math.exp", "math.tanh"]),
        ("exp_to_sin,sin_to_cos", ["math.cos", "math.tan"]),
        ("exp_to_sin,-exp_to_sin", ["math.exp", "math.tan"]),
        ("", ["math.cos", "math.tanh"]),
    ],
)
def test_passes_are_switched_by_name(
    text: str, ops: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GRAPHC_PASSES", text)
    assert ops_of(PIPELINE(chain("math.exp", "math.tan"), "train")) == ops


@pytest.mark.parametrize("text", ["exp_to_son", "-exp_to_son"])
def test_an_unknown_pass_is_told_with_the_known_ones(text: str) -> None:
    with config.PASSES((text,)), pytest.raises(ValueError, match=r"exp_to_sin.*exp_to_son"):
        PIPELINE(chain("math.exp"), "train")


@pytest.mark.parametrize(
    ("limit", "ops"),
    [(0, ["math.exp", "math.tan"]), (1, ["math.sin", "math.tan"]), (2, ["math.cos", "math.tan"]),
     (3, ["math.cos", "math.tanh"]), (9, ["math.cos", "math.tanh"])],
)  # fmt: skip
def test_a_limit_bisects(limit: int, ops: list[str]) -> None:
    with config.PASS_LIMIT(limit):
        assert ops_of(PIPELINE(chain("math.exp", "math.tan"), "train")) == ops


class _Breaking(Pass):
    """A pass that gives its result a wrong spec."""

    def __call__(self, graph: Graph) -> tuple[Graph, tuple[Event, ...]]:
        wrong = replace(graph.nodes[-1], specs=(spec(9),))
        output = replace(graph.outputs[0], node=wrong)
        return replace(graph, nodes=(*graph.nodes[:-1], wrong), outputs=(output,)), ()


def test_verifying_names_the_pass_that_broke_the_graph() -> None:
    breaking = Pipeline((FIRST, _Breaking("break_things", (), "exact"), THIRD))
    with config.VERIFY(True), pytest.raises(VerifyError, match=r"'break_things' broke.*\(9,\)"):
        breaking(chain("math.exp"), "train")
    with config.VERIFY(False):
        breaking(chain("math.exp"), "train")
        with pytest.raises(VerifyError, match="'break_things' broke the graph"):
            breaking(chain("math.exp"), "train", [Verifying()])


def test_dumping_writes_what_each_pass_changed(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "folder"
    with config.DUMP(str(folder)):
        PIPELINE(chain("math.exp"), "train")
        names = sorted(path.name for path in folder.iterdir())
        assert names == [
            "000_exp_to_sin_before.txt", "001_exp_to_sin_after.txt",
            "002_sin_to_cos_before.txt", "003_sin_to_cos_after.txt",
        ]  # fmt: skip
        assert (folder / names[1]).read_text() == f"{chain('math.sin')}\n"
        PIPELINE(chain("math.tan"), "train")
    assert len(list(folder.iterdir())) == 6, "a second run goes on counting"


def test_printing_one_line_a_pass_and_graphs_from_level_three(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with config.DEBUG(1):
        PIPELINE(chain("math.exp"), "train")
    lines = capsys.readouterr().out.splitlines()
    assert lines == [
        "graphc: exp_to_sin: 1 rewrites, 2 -> 2 nodes",
        "graphc: sin_to_cos: 1 rewrites, 2 -> 2 nodes",
        "graphc: tan_to_tanh: 0 rewrites, 2 -> 2 nodes",
    ]
    with config.DEBUG(3):
        PIPELINE(chain("math.exp"), "train")
    assert str(chain("math.cos")) in capsys.readouterr().out
    PIPELINE(chain("math.exp"), "train")
    assert capsys.readouterr().out == ""


def test_observers_see_every_pass() -> None:
    seen: list[tuple[str, str, bool]] = []

    class Watching(Observer):
        def before(self, step: Pass, graph: Graph) -> None:
            seen.append(("before", step.name, True))

        def after(self, step: Pass, old: Graph, new: Graph, events: Sequence[Event]) -> None:
            seen.append(("after", step.name, new is not old))

    Pipeline((FIRST, THIRD))(chain("math.exp"), "train", [Watching()])
    assert seen == [
        ("before", "exp_to_sin", True), ("after", "exp_to_sin", True),
        ("before", "tan_to_tanh", True), ("after", "tan_to_tanh", False),
    ]  # fmt: skip


def test_the_record_keeps_what_fired_and_what_did_not() -> None:
    record = PassRecord()
    graph = chain("math.exp")
    node = replace(graph.nodes[-1], scope="off limits")
    graph = replace(
        graph, nodes=(graph.nodes[0], node), outputs=(replace(graph.outputs[0], node=node),)
    )
    Pipeline((FIRST,))(graph, "train", [record])
    Pipeline((FIRST,))(chain("math.exp"), "train", [record])
    declined, fired = record.rows
    assert (declined["changed"], fired["changed"]) == (False, True)
    assert [e.reason for e in declined["declined"]] == ["it is off limits"]  # type: ignore[attr-defined]
    assert [e.rule for e in fired["fired"]] == ["exp_rule"]  # type: ignore[attr-defined]
    assert all(row["pass"] == "exp_to_sin" and row["nodes"] == (2, 2) for row in record.rows)
    assert all(row["seconds"] >= 0 for row in record.rows)  # type: ignore[operator]


def test_passes_are_frozen_values_named_by_a_verb() -> None:
    for step in PASSES:
        assert step.name.islower() and step.numerics in ("exact", "reassociate", "relaxed")
        with pytest.raises(AttributeError):
            step.name = "other"  # type: ignore[misc]
