"""Activation functions as layers; none changes the shape of its inputs."""

from __future__ import annotations

import warnings
from typing import Any

from graphc.keras import activations, ops
from graphc.keras.engine.dispatch import apply
from graphc.keras.engine.input_spec import InputSpec
from graphc.keras.layers.builtin import BuiltinLayer


class Activation(BuiltinLayer):
    """Applies an activation given by name, function or config."""

    def __init__(self, activation: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.configure(activation=activation)
        self.supports_masking = True

    def call(self, inputs: Any) -> Any:
        """Return the activation of the inputs."""
        return self.activation(inputs)


class ReLU(BuiltinLayer):
    """Rectified linear unit with optional leak, cap and threshold.

    Raises:
        ValueError: an argument is negative, or None where a number is needed.
    """

    def __init__(
        self,
        max_value: float | None = None,
        negative_slope: float = 0.0,
        threshold: float = 0.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.configure(
            max_value=None if max_value is None else _not_negative(max_value, "max_value"),
            negative_slope=_not_negative(negative_slope, "negative_slope"),
            threshold=_not_negative(threshold, "threshold"),
        )
        self.supports_masking = True

    def call(self, inputs: Any) -> Any:
        """Return the rectified inputs."""
        return activations.relu(
            inputs,
            negative_slope=self.negative_slope,
            max_value=self.max_value,
            threshold=self.threshold,
        )


class LeakyReLU(BuiltinLayer):
    """`x` where positive, `negative_slope * x` elsewhere.

    Raises:
        ValueError: the slope is negative or None.
    """

    def __init__(self, negative_slope: float = 0.3, **kwargs: Any) -> None:
        if "alpha" in kwargs:
            negative_slope = kwargs.pop("alpha")
            warnings.warn(
                "Argument `alpha` is deprecated. Use `negative_slope` instead.", stacklevel=2
            )
        super().__init__(**kwargs)
        self.configure(negative_slope=_not_negative(negative_slope, "negative_slope"))
        self.supports_masking = True

    def call(self, inputs: Any) -> Any:
        """Return the leaky rectified inputs."""
        return activations.leaky_relu(inputs, negative_slope=self.negative_slope)


class ELU(BuiltinLayer):
    """`x` where positive, `alpha * (exp(x) - 1)` elsewhere."""

    def __init__(self, alpha: float = 1.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.configure(alpha=alpha)
        self.supports_masking = True

    def call(self, inputs: Any) -> Any:
        """Return the activation of the inputs."""
        return activations.elu(inputs, alpha=self.alpha)


class PReLU(BuiltinLayer):
    """`x` where positive, `alpha * x` elsewhere, with a trainable `alpha` for each feature.

    Axes in `shared_axes` (counted from 1) share one `alpha`. Source: He et al. (2015).
    """

    def __init__(
        self,
        alpha_initializer: Any = "Zeros",
        alpha_regularizer: Any = None,
        alpha_constraint: Any = None,
        shared_axes: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if shared_axes is not None:
            shared_axes = [shared_axes] if isinstance(shared_axes, int) else list(shared_axes)
        self.configure(
            alpha_initializer=alpha_initializer,
            alpha_regularizer=alpha_regularizer,
            alpha_constraint=alpha_constraint,
            shared_axes=shared_axes,
        )
        self.supports_masking = True

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Create `alpha`, shaped as the inputs without the batch, 1 where shared."""
        shared = self.shared_axes or ()
        shape = [1 if axis in shared else size for axis, size in enumerate(input_shape)][1:]
        self.alpha = self.add_weight(
            name="alpha",
            shape=tuple(shape),
            initializer=self.alpha_initializer,
            regularizer=self.alpha_regularizer,
            constraint=self.alpha_constraint,
        )
        own = range(1, len(input_shape)) if shared else ()
        axes = {axis: input_shape[axis] for axis in own if axis not in shared}
        self.input_spec = InputSpec(ndim=len(input_shape), axes=axes)

    def call(self, inputs: Any) -> Any:
        """Return the activation of the inputs."""
        return apply("nn.prelu", inputs, self.alpha)


class Softmax(BuiltinLayer):
    """`exp(x)` normalised to sum to one along `axis`; masked elements get zero."""

    def __init__(self, axis: int | tuple[int, ...] = -1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.configure(axis=axis)
        self.supports_masking = True

    def call(self, inputs: Any, mask: Any = None) -> Any:
        """Return the softmax of the inputs; `mask` broadcasts to them."""
        axis = tuple(self.axis) if isinstance(self.axis, (list, tuple)) else self.axis
        if mask is None:
            return activations.softmax(inputs, axis=axis)
        self._check_mask(inputs, mask)
        mask = mask if ops.dtype(mask) == "bool" else ops.greater(mask, 0.5)
        least = -3e4 if ops.dtype(inputs) == "float16" else -1e9
        outputs = activations.softmax(ops.where(mask, inputs, least), axis=axis)
        return ops.where(mask, outputs, 0.0)

    def _check_mask(self, inputs: Any, mask: Any) -> None:
        fits = len(mask.shape) <= len(inputs.shape) and all(
            m in (1, None, i) or i is None
            for m, i in zip(mask.shape[::-1], inputs.shape[::-1], strict=False)
        )
        if not fits:
            raise ValueError(
                f"Layer '{self.name}' expects a `mask` that broadcasts to its inputs. Received: "
                f"inputs.shape={tuple(inputs.shape)}, mask.shape={tuple(mask.shape)}"
            )


def _not_negative(value: Any, name: str) -> Any:
    if value is None or value < 0:
        raise ValueError(f"Expected `{name}` to be a non-negative number. Received: {name}={value}")
    return value
