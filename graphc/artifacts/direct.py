"""Runs an artifact's program on a CPU through jaxlib, without jax, which takes longer to import.

What jaxlib offers here is not public and changes. So an artifact says which jaxlib wrote it, and
this file is for that one alone; the loader goes through jax with any other.
"""

from __future__ import annotations

import hashlib
import importlib
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "1")  # as jax does, before it loads jaxlib
jaxlib: Any = importlib.import_module("jaxlib._jax")
client: Any = importlib.import_module("jaxlib.xla_client")
loader: Any = importlib.import_module(f"{__package__}.loader".lstrip("."))

PROGRAM = "direct-cpu.mlir"
ROWS = "1000003"  # stands for the number of rows in the program


class Shape:
    """The shape and dtype of an array, as jaxlib wants to be told them."""

    weak_type = False

    def __init__(self, shape: Sequence[int], dtype: Any) -> None:
        self.shape, self.dtype, self.ndim = tuple(shape), np.dtype(dtype), len(shape)


class Direct:
    """Runs a program.

    Args:
        members: of the archive: those that it `reads`.
        signature: the artifact's.
        platform: "cpu".
    """

    def __init__(
        self, members: Mapping[str, bytes], signature: Mapping[str, Any], platform: str
    ) -> None:
        self._client = client.make_cpu_client(asynchronous=False)
        self._device = self._client.devices()[0]
        self._place = _placement(self._device)
        self._options = client.CompileOptions()
        self._options.env_option_overrides = list(signature["options"].get(platform, {}).items())
        self._outputs = signature["outputs"]
        self._weights = [self._put(weight) for weight in loader.weights_of(members, signature)]
        self._members = {name: data for name, data in members.items() if "weights/" not in name}
        self._programs: dict[int, tuple[Any, list[Any]]] = {}

    @staticmethod
    def reads(name: str, platform: str) -> bool:  # noqa: ARG004 - as the loader's own
        """Return whether a member is needed."""
        ours = f"compiled/{processor()}/"
        return name == PROGRAM or name.startswith(("weights/", ours))

    def __call__(self, inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
        program, handlers = self._program(len(inputs[0]))
        arrays = [*self._weights, *(self._put(array) for array in inputs)]
        found = program.execute_sharded(arrays).consume_with_handlers(handlers)
        return [np.asarray(memoryview(array)) for array in found]

    def compiled(self, rows: int) -> bytes:
        """Return what XLA makes of the program for a number of rows, for this processor."""
        return self._program(rows)[0].serialize()

    def _program(self, rows: int) -> tuple[Any, list[Any]]:
        """Return the program for a number of rows, and what makes arrays of its outputs."""
        if rows not in self._programs:
            handlers = [self._handler(tensor, rows) for tensor in self._outputs]
            self._programs[rows] = self._load(rows) or self._compile(rows), handlers
        return self._programs[rows]

    def _load(self, rows: int) -> Any:
        data = self._members.get(f"compiled/{processor()}/{rows}.bin")
        devices = client.DeviceList((self._device,))
        return data and self._client.deserialize_executable(data, devices, self._options)

    def _compile(self, rows: int) -> Any:
        text = self._members[PROGRAM].replace(ROWS.encode(), str(rows).encode())
        refined = jaxlib.mlir.refine_polymorphic_shapes(text)
        return self._client.compile_and_load(refined, [self._device], self._options)

    def _put(self, array: np.ndarray) -> Any:
        shape = Shape(array.shape, array.dtype)
        semantics = jaxlib.HostBufferSemantics.ZERO_COPY
        return jaxlib.batched_device_put(
            shape, self._place, [array], [self._device], True, False, semantics, True
        )

    def _handler(self, tensor: Mapping[str, Any], rows: int) -> Any:
        shape = [rows if size is None else size for size in tensor["shape"]]
        return jaxlib.array_result_handler(Shape(shape, tensor["dtype"]), self._place, True, True)


def _placement(device: Any) -> Any:
    class Placement(jaxlib.SingleDeviceSharding):
        """Where arrays are: what jaxlib asks of a sharding."""

        memory_kind = None
        _internal_device_list = client.DeviceList((device,))

        def _to_xla_hlo_sharding(self, ndim: int) -> Any:
            return client.HloSharding.replicate()

    return Placement(device)


def processor() -> str:
    """Return what distinguishes processors that need different machine code; "" if not known."""
    try:
        text = Path("/proc/cpuinfo").read_text()
    except OSError:
        return ""
    lines = re.findall(r"^(?:model name|flags|Features|CPU part)\s*:.*$", text, re.MULTILINE)
    return hashlib.sha256("\n".join(sorted(set(lines))).encode()).hexdigest()[:16]
