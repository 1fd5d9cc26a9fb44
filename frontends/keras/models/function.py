"""`keras.Function`: the calls between KerasTensors as a function, without variables or a layer."""

from __future__ import annotations

from typing import Any

from graphc.keras.engine.dispatch import infer_call
from graphc.keras.engine.operation import Operation, record_call
from graphc.keras.engine.structure import flatten, structure_of
from graphc.keras.engine.tensor import KerasTensor
from graphc.keras.models.record import Record


class Function(Operation):
    """What leads from `inputs` to `outputs`, to be applied to other tensors of these shapes.

    Raises:
        ValueError: no inputs or outputs, something that is no KerasTensor, outputs that the inputs
            do not lead to; in a call, another structure than that of `inputs`.
    """

    def __init__(self, inputs: Any, outputs: Any, name: str | None = None) -> None:
        super().__init__(name)
        for role, tensors in (("inputs", inputs), ("outputs", outputs)):
            if not flatten(tensors):
                raise ValueError(
                    f"`{role}` argument cannot be empty. Received: inputs={inputs}, "
                    f"outputs={outputs}"
                )
        for tensor in flatten(inputs):
            if isinstance(tensor, KerasTensor) and tensor._keras_history is None:
                record_call(Operation(tensor.name), (), {}, tensor)
        self._record = Record(inputs, outputs)

    @property
    def operations(self) -> list[Any]:
        """The operations, from the inputs to the outputs."""
        return list(self._record.operations)

    @property
    def inputs(self) -> list[KerasTensor]:
        """The symbolic inputs as a flat list."""
        return self._record.input_tensors

    @property
    def outputs(self) -> list[KerasTensor]:
        """The symbolic outputs as a flat list."""
        return self._record.output_tensors

    def __call__(self, inputs: Any) -> Any:
        if structure_of(inputs) != structure_of(self._record.inputs):
            raise ValueError(
                f"Function '{self.name}' was called with an invalid input structure. Expected: "
                f"{self._record.inputs}. Received: {inputs}"
            )
        if any(isinstance(leaf, KerasTensor) for leaf in flatten(inputs)):
            return record_call(self, (inputs,), {}, infer_call(self.call, (inputs,), {}))
        return self.call(inputs)

    def call(self, inputs: Any) -> Any:
        """Replay the calls on arrays or symbols."""
        return self._record.run(flatten(inputs))

    def compute_output_spec(self, inputs: Any) -> Any:
        """Return KerasTensors like the outputs for such inputs."""
        return infer_call(self.call, (inputs,), {})
