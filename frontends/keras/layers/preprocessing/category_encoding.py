"""The layer that turns integers below a known number into one-hot, multi-hot or count vectors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from graphc.keras import ops
from graphc.keras.engine.call import is_tensor_like
from graphc.keras.engine.tensor import KerasTensor
from graphc.keras.layers.builtin import BuiltinLayer
from graphc.keras.layers.preprocessing.encoding import check_output_mode, encode

MODES = ("one_hot", "multi_hot", "count")


class CategoryEncoding(BuiltinLayer):
    """Encodes integers from 0 to `num_tokens - 1`.

    Args:
        num_tokens: the number of classes.
        output_mode: "one_hot": a vector for each integer; "multi_hot": one for each sample, with 1
            for each class that occurs in it; "count": how often it does.
        sparse: only False is supported.

    Raises:
        ValueError: an unknown mode, or `num_tokens` below 1.
    """

    def __init__(
        self,
        num_tokens: int | None = None,
        output_mode: str = "multi_hot",
        sparse: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        output_mode = "multi_hot" if output_mode == "binary" else output_mode  # its former name
        check_output_mode(self, output_mode, sparse, MODES)
        if num_tokens is None:
            raise ValueError(
                "Expected `num_tokens` to be the number of classes (an IntegerLookup finds out "
                "which classes there are). Received: num_tokens=None"
            )
        if num_tokens < 1:
            raise ValueError(f"`num_tokens` must be >= 1. Received: num_tokens={num_tokens}.")
        self.configure(num_tokens=num_tokens, output_mode=output_mode)
        self.sparse = sparse
        self.autocast = False  # large integers must not pass through a low-precision float

    def __call__(self, inputs: Any, count_weights: Any = None) -> Any:
        """Encode; `inputs` may be nested lists of integers."""
        if not is_tensor_like(inputs):
            inputs = ops.convert_to_tensor(inputs)
        return super().__call__(inputs, count_weights=count_weights)

    def call(self, inputs: Any, count_weights: Any = None) -> Any:
        """Return the encoding of `inputs`; `count_weights` [like inputs] say what each counts."""
        if count_weights is not None:
            if self.output_mode != "count":
                raise ValueError(
                    "`count_weights` is not used when `output_mode` is not `'count'`. "
                    f"Received: output_mode={self.output_mode!r}, count_weights={count_weights}"
                )
            count_weights = ops.convert_to_tensor(count_weights, dtype=self.compute_dtype)
        return encode(inputs, self.output_mode, self.num_tokens, self.dtype, count_weights)

    def compute_output_shape(self, input_shape: Sequence[int | None]) -> tuple[int | None, ...]:
        """Return the shape of the encoding, as Keras announces it."""
        sizes = tuple(input_shape)
        if self.output_mode == "one_hot" and (len(sizes) == 1 or sizes[-1:] not in ((1,), ())):
            return (*sizes, self.num_tokens)
        return (*sizes[:-1], self.num_tokens)

    def compute_output_spec(self, inputs: Any, count_weights: Any = None) -> KerasTensor:
        """Return the KerasTensor of the encoding."""
        del count_weights
        return KerasTensor(self.compute_output_shape(inputs.shape), self.compute_dtype)
