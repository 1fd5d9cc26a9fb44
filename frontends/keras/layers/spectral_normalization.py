"""Spectral normalisation: a wrapped layer whose kernel is divided by its largest singular value."""

from __future__ import annotations

from typing import Any

from graphc.keras import initializers, ops
from graphc.keras.engine.input_spec import InputSpec
from graphc.keras.layers.wrapper import Wrapper


class SpectralNormalization(Wrapper):
    """Keeps the Lipschitz constant of a layer near 1 by normalising its kernel while training.

    Args:
        layer: a layer with a `kernel` or with `embeddings`.
        power_iterations: how many steps towards the largest singular value each call makes.

    Raises:
        ValueError: `power_iterations` is not positive; at build, the layer has no such weight.

    Source: Miyato et al. (2018).
    """

    def __init__(self, layer: Any, power_iterations: int = 1, **kwargs: Any) -> None:
        super().__init__(layer, **kwargs)
        if power_iterations <= 0:
            raise ValueError(
                "Expected `power_iterations` to be a positive integer. "
                f"Received: power_iterations={power_iterations}"
            )
        self.power_iterations = power_iterations

    def build(self, input_shape: Any) -> None:
        """Build the wrapped layer and create the estimate of a singular vector, `[1, C]`."""
        super().build(input_shape)
        self.input_spec = InputSpec(min_ndim=1, axes={-1: input_shape[-1]})
        found = [getattr(self.layer, name, None) for name in ("kernel", "embeddings")]
        self.kernel = found[1] if found[0] is None else found[0]
        if self.kernel is None:
            raise ValueError(
                "Expected a layer with a `kernel` or with `embeddings` to normalize. "
                f"Received: layer={self.layer!r}"
            )
        self.vector_u = self.add_weight(
            name="vector_u",
            shape=(1, self.kernel.shape[-1]),
            initializer=initializers.TruncatedNormal(stddev=0.02),
            trainable=False,
            dtype=self.kernel.dtype,
        )

    def call(self, inputs: Any, training: bool = False) -> Any:
        """Return the wrapped layer's outputs; while training, normalise its kernel before."""
        if training:
            vector, kernel = self.normalized_weights()
            self.vector_u.assign(ops.cast(vector, self.vector_u.dtype))
            self.kernel.assign(ops.cast(kernel, self.kernel.dtype))
        return ops.cast(self.layer(inputs), inputs.dtype)

    def normalized_weights(self) -> tuple[Any, Any]:
        """Return the next singular vector and the kernel divided by its singular value.

        A kernel of zeros, and the vector then, stay as they are.
        """
        kernel, before = self.kernel.value, self.vector_u.value
        weights = ops.reshape(kernel, (-1, kernel.shape[-1]))
        right = before
        for _ in range(self.power_iterations):
            left = ops.normalize(ops.matmul(right, ops.transpose(weights)), axis=None)
            right = ops.normalize(ops.matmul(left, weights), axis=None)
        left, right = ops.stop_gradient(left), ops.stop_gradient(right)
        norm = ops.matmul(ops.matmul(left, weights), ops.transpose(right))  # [1, 1]
        nothing = ops.all(ops.equal(kernel, 0))
        scaled = ops.reshape(weights / ops.where(nothing, ops.ones_like(norm), norm), kernel.shape)
        return ops.where(nothing, before, right), scaled

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {**super().get_config(), "power_iterations": self.power_iterations}
