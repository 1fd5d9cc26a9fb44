"""`graphc.compile`: from a model, its configuration or a hand-built graph to an `Executable`."""

from __future__ import annotations

import importlib
import json
from collections.abc import Sequence
from typing import Any, Literal, cast

from graphc.executable import Executable
from graphc.ir import Graph
from graphc.spec import Target
from graphc.verify import verify

# A frontend is reached by name only when a configuration has to become a model.
CONFIG_FRONTENDS = {"keras": "graphc.keras.models.configuration"}
MODES = ("infer", "train")


def compile(
    spec: Any,
    inputs: Any = None,
    mode: Literal["infer", "train"] = "infer",
    target: Target | str | None = None,
) -> Executable:
    """Compile a model into an `Executable`: a callable on arrays, without any training loop.

    Args:
        spec: a model, its configuration (a dict or JSON text), or a `Graph`.
        inputs: what the model will be called on: arrays, `TensorSpec`s or shapes (floats), in the
            model's structure. A graph has its own and takes none.
        mode: "infer", or "train" (dropout and batch statistics on; the new state is kept).
        target: a `Target`, "cpu", "gpu" or "tpu"; JAX's default backend when not given.

    Raises:
        ValueError: an unknown mode, a missing input, or a configuration of no known frontend.
        TypeError: `spec` is none of these.
    """
    if mode not in MODES:
        raise ValueError(f"Unknown mode. Expected one of {MODES}. Received: {mode!r}")
    target = Target(target) if isinstance(target, str) else target
    if isinstance(spec, Graph):
        return Executable(verify(spec), mode, target, unpack=_as_bound(spec))
    if isinstance(spec, str):
        spec = json.loads(spec)
    if isinstance(spec, dict):
        model = _from_configuration(cast("dict[str, Any]", spec))
        executable = compile(model, inputs, mode, target)
        executable.model = model  # whoever gave a configuration has no other hold of the weights
        return executable
    trace = getattr(spec, "__graphc_executable__", None)
    if trace is None:
        raise TypeError(
            "graphc.compile expects a model, its configuration (dict or JSON) or a Graph. "
            f"Received: {spec!r} (of type {type(spec)})"
        )
    return trace(inputs, mode, target)


def _from_configuration(config: dict[str, Any]) -> Any:
    module = importlib.import_module(CONFIG_FRONTENDS["keras"])
    return module.model_from_configuration(config)


def _as_bound(graph: Graph) -> Any:
    """Return how a hand-built graph takes its arguments: its inputs, one by one."""
    needed = [*graph.params, *graph.state]

    def unpack(*arrays: Any) -> Sequence[Any]:
        if needed:
            raise ValueError(
                "This graph has parameters or state. Expected `executable.run(params, state, "
                f"inputs)`. Received: a call with {len(arrays)} inputs"
            )
        if len(arrays) != len(graph.inputs):
            raise ValueError(f"The graph takes {len(graph.inputs)} inputs. Received: {len(arrays)}")
        return arrays

    return unpack
