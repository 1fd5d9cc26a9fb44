"""The layer that replaces numbers by the index of the range they fall into."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import jax
import numpy as np

from graphc.keras import ops
from graphc.keras.engine.call import is_tensor_like
from graphc.keras.engine.settings import floatx
from graphc.keras.engine.tensor import KerasTensor
from graphc.keras.layers.builtin import BuiltinLayer
from graphc.keras.layers.preprocessing.encoding import check_output_mode, encode, encoded_shape
from graphc.keras.layers.preprocessing.host_layer import session_for


class Discretization(BuiltinLayer):
    """Buckets numbers by boundaries: given, or learnt as quantiles by `adapt`.

    Args:
        bin_boundaries: rising numbers; n of them make n + 1 ranges, each closed on its left.
        num_bins: how many ranges to learn, in place of boundaries.
        epsilon: the error allowed for quantiles: smaller is closer and slower.
        output_mode: "int", "one_hot", "multi_hot" or "count".
        sparse: only False is supported.

    Raises:
        ValueError: both or neither of `bin_boundaries` and `num_bins`, or an unknown mode.
    """

    def __init__(
        self,
        bin_boundaries: Sequence[float] | None = None,
        num_bins: int | None = None,
        epsilon: float = 0.01,
        output_mode: str = "int",
        sparse: bool = False,
        dtype: Any = None,
        name: str | None = None,
    ) -> None:
        super().__init__(name=name, dtype=dtype)
        check_output_mode(self, output_mode, sparse)
        if (num_bins is None) == (bin_boundaries is None) or (num_bins or 0) < 0:
            raise ValueError(
                "Expected either `num_bins`, not negative, or `bin_boundaries`. "
                f"Received: num_bins={num_bins} and bin_boundaries={bin_boundaries}"
            )
        self.bin_boundaries, self.num_bins = bin_boundaries, num_bins
        self.epsilon, self.output_mode, self.sparse = epsilon, output_mode, sparse
        self.summary = np.zeros((2, 0), "float32")  # values, and how many each stands for

    @property
    def input_dtype(self) -> str:
        """The dtype of the numbers."""
        return floatx()

    @property
    def output_dtype(self) -> str:
        """The dtype of what the layer returns."""
        return "int32" if self.output_mode == "int" else self.compute_dtype

    def adapt(self, data: Any, steps: int | None = None) -> None:
        """Learn the boundaries from an array or from (the first `steps`) batches of an iterable.

        Raises:
            ValueError: the boundaries were given.
        """
        if self.num_bins is None:
            raise ValueError(
                "Cannot adapt a Discretization layer that was made with `bin_boundaries`: expected "
                f"`num_bins`. Received: bin_boundaries={self.bin_boundaries}"
            )
        self.reset_state()
        whole = isinstance(data, (np.ndarray, jax.Array)) or not hasattr(data, "__iter__")
        for step, batch in enumerate([data] if whole else data):
            if steps is not None and step >= steps:
                break
            self.update_state(batch)
        self.finalize_state()

    def update_state(self, data: Any) -> None:
        """Add the numbers of a batch to the summary."""
        summary = _summarized(np.asarray(data, "float32"), self.epsilon)
        self.summary = _merged(summary, self.summary, self.epsilon)

    def finalize_state(self) -> None:
        """Set the boundaries from the summary."""
        if self.num_bins is not None:
            boundaries = _compressed(self.summary, 1.0 / self.num_bins)[0, :-1]
            self.bin_boundaries = boundaries.tolist()

    def reset_state(self) -> None:
        """Forget the numbers seen."""
        if self.num_bins is not None:
            self.summary = np.zeros((2, 0), "float32")

    def __call__(self, inputs: Any) -> Any:
        """Encode; `inputs` may be nested lists of numbers."""
        session = session_for(self, inputs, needed=False)
        if session is not None:
            return session.run(self, inputs)
        return super().__call__(inputs if is_tensor_like(inputs) else ops.convert_to_tensor(inputs))

    def call(self, inputs: Any) -> Any:
        """Return the indices of the ranges, in the output mode."""
        if self.bin_boundaries is None:
            raise ValueError(
                "The Discretization layer has no boundaries yet. Expected `bin_boundaries` in the "
                f"constructor, or a call of `adapt(data)`. Received: num_bins={self.num_bins}"
            )
        boundaries = np.asarray(self.bin_boundaries, "float32")
        depth = len(boundaries) + 1
        return encode(ops.digitize(inputs, boundaries), self.output_mode, depth, self.output_dtype)

    def as_front(self) -> dict[str, Any]:
        """Return what the layer does, for an artifact."""
        boundaries = np.asarray(self.bin_boundaries, "float32").tolist()
        return {"op": "bins", "boundaries": boundaries, "mode": self.output_mode}

    def output_for(self, inputs: Any) -> KerasTensor:
        """Return the KerasTensor of the output for tensors of any kind."""
        return self.compute_output_spec(inputs)

    def compute_output_shape(self, input_shape: Sequence[int | None]) -> tuple[int | None, ...]:
        """Return the shape of the encoding."""
        known = self.bin_boundaries is not None
        depth = len(self.bin_boundaries) + 1 if known else self.num_bins
        return encoded_shape(input_shape, self.output_mode, depth)

    def compute_output_spec(self, inputs: Any) -> KerasTensor:
        """Return the KerasTensor of the encoding."""
        return KerasTensor(self.compute_output_shape(inputs.shape), self.output_dtype)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments, with the boundaries learnt."""
        names = ("bin_boundaries", "num_bins", "epsilon", "output_mode", "sparse", "name", "dtype")
        return {name: getattr(self, name) for name in names}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        """Build from `get_config()`; boundaries that were learnt are set afterwards."""
        config = dict(config)
        learnt = config.pop("bin_boundaries") if config.get("num_bins") is not None else None
        layer = cls(**config)
        if learnt is not None:
            layer.bin_boundaries = learnt
        return layer


def _summarized(values: np.ndarray, epsilon: float) -> np.ndarray:
    """At most 1 / epsilon of the values, evenly spaced by rank, and how many each stands for."""
    ordered = np.sort(values, axis=None)
    step = max(ordered.size / (1.0 / epsilon), 1)
    kept = ordered[int(step - 1) :: int(step)]
    return np.stack([kept, np.full_like(kept, step)])


def _merged(first: np.ndarray, second: np.ndarray, epsilon: float) -> np.ndarray:
    both = np.concatenate([first, second], axis=1)
    return _compressed(both[:, np.argsort(both[0])], epsilon)


def _compressed(summary: np.ndarray, epsilon: float) -> np.ndarray:
    """The summary interpolated at 1 / epsilon evenly spaced ranks, if it has more entries."""
    if summary.shape[1] * epsilon < 1:
        return summary
    shares = epsilon + np.arange(0.0, 1.0, epsilon)
    ranks = summary[1].cumsum()
    at = ranks / ranks[-1]
    values, counts = np.interp(shares, at, summary[0]), np.interp(shares, at, ranks)
    return np.stack([values, np.diff(counts, prepend=0)]).astype("float32")
