"""graphc at work: Keras's interface, and what the compiler makes of a model under switches."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from keras_peer import KerasPeer

import graphc
from graphc.lower import default_target
from graphc.report.costing import choices


class GraphcPeer(KerasPeer):
    """The compiler, which can also be asked what its switches change."""

    def plans(self, switches: Mapping[str, Mapping[str, str]]) -> dict[str, str]:
        """A fingerprint of the training step under each set of switches; nothing is compiled.

        It tells the graph after the passes and the kernel of every op. Where it is that of another
        set, the two make the same program.
        """
        model, rows = self.workload.build(self.keras), self.workload.batch
        x, y = self.data["x"][:rows], self.data["y"][:rows]
        traced = graphc.graph(model, "train", x, passes=False, targets=y)
        found: dict[str, str] = {}
        for name, environment in switches.items():
            with set_in_environment(environment):
                after = graphc.graph(traced, "train")
                chosen = choices(after, default_target())
            kernels = (f"{choice.kernel.tier}:{choice.kernel.name}" for _, choice in chosen)
            found[name] = hashlib.sha256("\n".join((str(after), *kernels)).encode()).hexdigest()
        return found


@contextmanager
def set_in_environment(switches: Mapping[str, str]) -> Iterator[None]:
    """These variables, until the block ends; they were not set before."""
    os.environ.update(switches)
    try:
        yield
    finally:
        for name in switches:
            del os.environ[name]
