"""`graphc.bisect`: names the first pass that breaks a model, and the rule and the layer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from graphc.compare import Results, computed, difference
from graphc.errors import VerifyError
from graphc.ir import Graph
from graphc.match import Match
from graphc.nested import apply_everywhere
from graphc.passes import PASSES
from graphc.passes.base import AnyPass, Pass
from graphc.pipeline import selected_passes
from graphc.rewrite import Event, Rule
from graphc.show import PASS_MODES, ShownMode, trace_of
from graphc.verify import verify

TOLERANCE = 1e-3  # of an array's largest number


@dataclass(frozen=True)
class BrokenPass:
    """The first pass that breaks a model.

    Attributes:
        name: of the pass.
        reason: what is wrong after it.
        rule: which of its rules; empty where that is not known.
        layer: where it was applied.
        before: the graph that it was given.
    """

    name: str
    reason: str
    rule: str = ""
    layer: str = ""
    before: Graph | None = field(default=None, repr=False)

    def __str__(self) -> str:
        where = f" ({self.rule} at '{self.layer or 'the top'}')" if self.rule else ""
        return f"The pass {self.name!r}{where} breaks the model: {self.reason}"


def bisect(
    model: Any,
    inputs: Any,
    targets: Any = None,
    mode: ShownMode | None = None,
    tolerance: float = TOLERANCE,
    passes: Sequence[AnyPass] = PASSES,
) -> BrokenPass | None:
    """Return the first pass that breaks a model on these arrays, or None.

    A pass breaks it when it raises, when the graph after it fails verification, or when outputs,
    new state or (in training) gradients differ from those without any pass. Graphs without passes
    and with more and more of them are compared, by halves.

    Args:
        model: a model, or a `Trace`.
        inputs: arrays to run it on.
        targets: what a compiled model's loss takes.
        mode: "train", "test" or "infer"; by default "train" where there are targets.
        tolerance: how far a number may move, as a share of the largest one in its array.
        passes: those to try, in order.
    """
    mode = mode or ("infer" if targets is None else "train")
    trace = trace_of(model, mode, inputs, targets)
    steps = selected_passes(passes, PASS_MODES[mode])
    arrays = trace.params, trace.state, trace.inputs
    run = partial(computed, arrays=arrays, training=mode == "train")
    wanted = run(trace.graph)

    def wrong_after(steps: Sequence[AnyPass]) -> str | None:
        return _what_is_wrong(trace.graph, steps, run, wanted, tolerance)

    if wrong_after(steps) is None:
        return None
    count = first_wrong(len(steps), lambda count: wrong_after(steps[:count]) is not None)
    fine, step = steps[: count - 1], steps[count - 1]
    reason = wrong_after(steps[:count])
    assert reason is not None
    rule, layer = _rewrite(step, lambda other: wrong_after((*fine, other)), trace.graph, fine)
    return BrokenPass(step.name, reason, rule, layer, _applied(trace.graph, fine)[0])


def first_wrong(count: int, is_wrong: Callable[[int], bool]) -> int:
    """Return the smallest number that is wrong, given that 0 is right and `count` wrong."""
    right, wrong = 0, count
    while wrong - right > 1:
        middle = (right + wrong) // 2
        right, wrong = (right, middle) if is_wrong(middle) else (middle, wrong)
    return wrong


def _applied(graph: Graph, steps: Sequence[AnyPass]) -> tuple[Graph, tuple[Event, ...]]:
    """Return the graph after passes, verified, and what the last one did."""
    events: tuple[Event, ...] = ()
    for step in steps:
        after, events = apply_everywhere(step, graph)
        graph = graph if after is graph else verify(after)
    return graph, events


def _what_is_wrong(
    graph: Graph,
    steps: Sequence[AnyPass],
    run: Callable[[Graph], Results],
    wanted: Results,
    tolerance: float,
) -> str | None:
    """Return what is wrong with a graph after passes, or None."""
    try:
        after, _ = _applied(graph, steps)
        found = wanted if after is graph else run(after)
    except VerifyError as error:
        return f"the graph fails verification: {error}"
    except Exception as error:  # noqa: BLE001 (whatever a wrong pass leads to is the finding)
        return f"{type(error).__name__}: {error}"
    return difference(wanted, found, tolerance)


# Rewrites within a pass


@dataclass
class _Limit:
    """How many rewrites a pass may do, and which it did: of each the rule and the layer."""

    most: int
    done: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])


def _rewrite(
    step: AnyPass,
    wrong_with: Callable[[AnyPass], str | None],
    graph: Graph,
    fine: Sequence[AnyPass],
) -> tuple[str, str]:
    """Return the rule and the layer of the first rewrite of a pass that breaks the model."""
    if not isinstance(step, Pass):
        return _only_event(step, graph, fine)
    every = _Limit(most=1 << 30)
    wrong_with(_limited(step, every))
    if not every.done:
        return "", ""
    count = first_wrong(
        len(every.done), lambda most: wrong_with(_limited(step, _Limit(most))) is not None
    )
    return every.done[count - 1]


def _limited(step: Pass, limit: _Limit) -> Pass:
    rules = (replace(rule, check=partial(_checked, rule, limit)) for rule in step.rules)
    return replace(step, rules=tuple(rules))


def _checked(rule: Rule, limit: _Limit, found: Match) -> str | None:
    reason = rule.check(found)
    if reason is None and len(limit.done) >= limit.most:
        return "enough rewrites were done"
    if reason is None:
        limit.done.append((rule.name, found.root.scope))
    return reason


def _only_event(step: AnyPass, graph: Graph, fine: Sequence[AnyPass]) -> tuple[str, str]:
    """Return what a pass without rules did, if it was a single thing."""
    try:
        _, events = apply_everywhere(step, _applied(graph, fine)[0])
    except Exception:  # noqa: BLE001 (that it raises is told elsewhere)
        return "", ""
    done = [event for event in events if event.reason is None]
    return (done[0].rule, done[0].scope) if len(done) == 1 else ("", "")
