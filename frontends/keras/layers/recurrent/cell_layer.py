"""The base of layers that make their own cell: SimpleRNN, GRU, LSTM and ConvLSTM."""

from __future__ import annotations

from typing import Any

from graphc.keras import regularizers
from graphc.keras.layers.recurrent.rnn import RNN

LAYER_ARGUMENTS = (
    "return_sequences", "return_state", "go_backwards", "stateful", "unroll",
    "activity_regularizer",
)  # fmt: skip


class CellLayer(RNN):
    """An `RNN` whose constructor takes the arguments of its cell, and shows them as its own."""

    cell_class: type
    config_without: tuple[str, ...] = ()

    def __init__(
        self, cell_name: str, arguments: dict[str, Any], rest: dict[str, Any], **more: Any
    ) -> None:
        use_cudnn = arguments.pop("use_cudnn", None)
        own = {name: arguments.pop(name) for name in LAYER_ARGUMENTS if name in arguments}
        if "implementation" in rest:
            arguments["implementation"] = rest.pop("implementation")
        for name in ("dtype", "trainable"):
            if name in rest:
                arguments[name] = rest[name]
        cell = self.cell_class(**more, **arguments, name=cell_name)
        super().__init__(cell, **own, **rest)
        if use_cudnn not in (None, "auto", True, False):
            raise ValueError(
                "Expected `use_cudnn` to be one of 'auto', True and False. "
                f"Received: use_cudnn={use_cudnn!r}"
            )
        if use_cudnn is not None:
            self.use_cudnn = use_cudnn

    def __getattr__(self, name: str) -> Any:
        cell = self.__dict__.get("cell")
        if cell is not None and name in cell._config_names:
            return getattr(cell, name)
        raise AttributeError(f"'{type(self).__name__}' object has no attribute '{name}'")

    def inner_loop(
        self, sequences: Any, initial_state: Any, mask: Any, training: bool = False
    ) -> tuple[Any, Any, Any]:
        """Return the last output, all outputs in the order of processing, and the last states.

        Raises:
            ValueError: `use_cudnn=True`, and the settings are none that cuDNN has.
        """
        unusual = mask is not None or self.unroll or self.cell.recurrent_dropout
        if getattr(self, "use_cudnn", None) is True and unusual:
            raise ValueError(
                "Expected no mask, no `recurrent_dropout` and no `unroll` with `use_cudnn=True`: "
                "cuDNN has none of them. Pass 'auto' to do without where needed. "
                f"Received: recurrent_dropout={self.cell.recurrent_dropout}, unroll={self.unroll}, "
                f"{'a' if mask is not None else 'no'} mask"
            )
        return super().inner_loop(sequences, initial_state, mask, training)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments: the layer's own and the cell's."""
        config, cell = super().get_config(), self.cell.get_config()
        del config["cell"]
        own = {name: cell[name] for name in cell if name not in ("name", "trainable", "dtype")}
        for name in self.config_without:
            del own[name]
        penalty = regularizers.serialize(self.activity_regularizer)
        return {**config, **own, "activity_regularizer": penalty}

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> Any:
        """Make a layer from `get_config()`."""
        del custom_objects
        return cls(**config)
