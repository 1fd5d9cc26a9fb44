"""Many trainings at once: those whose steps are one program run as lanes of it.

A search trains the same few models again and again, with other numbers and on other rows. Here a
training is a value (`Lane`); `train` sorts them by the programs of their steps, and gives each
program as many lanes as fit. A lane that ends makes room for the next training, so early stopping
saves time, and any number of trainings takes bounded memory. A step of a small model uses one core
of a CPU, so there are as many such programs at work as cores.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from threading import Lock
from typing import Any

from graphc.keras.training.lane import Lane, Ready, Trained, parts_of, variables_of
from graphc.keras.training.lane_group import Group, shared_data
from graphc.keras.training.own_steps import own_step
from graphc.memory import kept
from graphc.runtime.stream import fits

MOST = 128  # lanes of one program; more gain nothing
MEMORY = 1 << 30  # bytes of weights and slots that they may take
LARGEST = 2e8  # FLOPs of a lane's forward step from which lanes gain nothing


def reason_against(lane: Lane) -> str | None:
    """Return why a training is better done by `fit`; None where it can be a lane."""
    model = lane.model
    if model.run_eagerly or own_step(model, "train") is not None:
        return "its steps are its own"
    if model._host_layers:
        return "its layers read strings"
    if not fits(lane.rows.leaves):
        return "its data do not fit on the device"
    (first, *_) = parts_of(lane, "train", lane.chosen)
    program = first.bound.program
    if program.form == "step":
        return program.why
    if program.flops > LARGEST:
        return f"with {program.flops:.1e} FLOPs, a step gains nothing from others beside it"
    return None


def train(lanes: Sequence[Ready]) -> list[Trained]:
    """Do every training without a `reason_against`; return what became of them, in this order."""
    groups: dict[Any, list[Ready]] = {}
    for ready in lanes:
        groups.setdefault(ready.key, []).append(ready)
    found: dict[Lane, Trained] = {}
    for group in groups.values():
        found |= {trained.lane: trained for trained in _run(group)}
    return [found[ready.lane] for ready in lanes]


def _run(group: Sequence[Ready]) -> Iterator[Trained]:
    """Yield the trainings of one program as they end; each core has a part of them."""
    target = group[0].stretches[0].program.target
    size, turns = _lanes_for(group[0], len(group), target.platform)
    crews = min(turns, _cores()) if target.platform == "cpu" else 1
    own, data = shared_data(group)
    parts = [Group(group[start::crews], size, own, data) for start in range(crews)]
    with kept(target):
        if crews == 1:
            yield from parts[0].run()
            return
        first = Lock()
        with ThreadPoolExecutor(crews) as pool:
            works = [pool.submit(copy_context().run, part.all, first) for part in parts]
            for work in works:
                yield from work.result()


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _lanes_for(ready: Ready, count: int, platform: str) -> tuple[int, int]:
    """Return how many lanes a program has, and how often it has to be filled."""
    each = 1 + sum(int(v.value.nbytes) for v in variables_of(ready.lane.model))
    most = max(1, min(MOST, MEMORY // each))
    turns = -(-count // most)
    if platform == "cpu":  # each core has a program of its own
        turns = -(-turns // _cores()) * _cores()
    size = -(-count // min(turns, count))
    return size, -(-count // size)
