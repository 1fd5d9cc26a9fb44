"""Runs an artifact's program on a CPU through jaxlib, without jax, which takes longer to import.

What jaxlib offers here is not public and changes. So an artifact says which jaxlib wrote it, and
this file is for that one alone; the loader goes through jax with any other. It does so as well
where anything here fails, when an artifact is loaded or later.
"""

from __future__ import annotations

import hashlib
import importlib
import os
import re
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

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
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "1")  # as jax does, before it loads jaxlib
        self._jaxlib: Any = importlib.import_module("jaxlib._jax")
        self._api: Any = importlib.import_module("jaxlib.xla_client")
        self._client = self._api.make_cpu_client(asynchronous=False)
        self._device = self._client.devices()[0]
        self._place = _placement(self._jaxlib, self._api, self._device)
        self._options = self._api.CompileOptions()
        self._options.env_option_overrides = list(signature["options"].get(platform, {}).items())
        self._outputs = signature["outputs"]
        arrays = loader.weights_of(members, signature)
        self._weights = [self._put(weight) for weight in arrays]
        self._members = {name: data for name, data in members.items() if "weights/" not in name}
        self._programs: dict[int, tuple[Any, list[Any]]] = {}
        self._through_jax = partial(loader.Program, self._members, signature, platform, arrays)
        self._instead: Any = None  # what runs once something failed here

    @staticmethod
    def reads(name: str, platform: str) -> bool:
        """Return whether a member is needed."""
        ours = f"compiled/{processor()}/"
        # The last is for where something fails here.
        return name == PROGRAM or name.startswith(("weights/", ours, f"program-{platform}.bin"))

    def __call__(self, inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
        if self._instead is None:
            try:
                return self._outputs_of(inputs)
            except Exception:  # noqa: BLE001 - whatever it is, jax may do without
                self._instead = self._through_jax()
        return self._instead(inputs)

    def _outputs_of(self, inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
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
        devices = self._api.DeviceList((self._device,))
        return data and self._client.deserialize_executable(data, devices, self._options)

    def _compile(self, rows: int) -> Any:
        text = self._members[PROGRAM].replace(ROWS.encode(), str(rows).encode())
        refined = self._jaxlib.mlir.refine_polymorphic_shapes(text)
        return self._client.compile_and_load(refined, [self._device], self._options)

    def _put(self, array: np.ndarray) -> Any:
        shape = Shape(array.shape, array.dtype)
        semantics = self._jaxlib.HostBufferSemantics.ZERO_COPY
        return self._jaxlib.batched_device_put(
            shape, self._place, [array], [self._device], True, False, semantics, True
        )

    def _handler(self, tensor: Mapping[str, Any], rows: int) -> Any:
        shape = [rows if size is None else size for size in tensor["shape"]]
        whole = Shape(shape, tensor["dtype"])
        return self._jaxlib.array_result_handler(whole, self._place, True, True)


def _placement(jaxlib: Any, api: Any, device: Any) -> Any:
    class Placement(jaxlib.SingleDeviceSharding):
        """Where arrays are: what jaxlib asks of a sharding."""

        memory_kind = None
        _internal_device_list = api.DeviceList((device,))

        def _to_xla_hlo_sharding(self, ndim: int) -> Any:
            return api.HloSharding.replicate()

    return Placement(device)


def processor() -> str:
    """Return what distinguishes processors that need different machine code; "" if not known."""
    try:
        text = Path("/proc/cpuinfo").read_text()
    except OSError:
        return ""
    lines = re.findall(r"^(?:model name|flags|Features|CPU part)\s*:.*$", text, re.MULTILINE)
    return hashlib.sha256("\n".join(sorted(set(lines))).encode()).hexdigest()[:16]
