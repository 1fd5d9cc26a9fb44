"""Batch, layer and root-mean-square normalisation."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

from graphc.keras import ops
from graphc.keras.engine.dispatch import apply
from graphc.keras.engine.input_spec import InputSpec
from graphc.keras.engine.settings import epsilon as default_epsilon
from graphc.keras.layers.builtin import BuiltinLayer


class BatchNormalization(BuiltinLayer):
    """Normalises every feature along `axis` by its mean and variance.

    While training these are the batch's, and moving averages of them are kept; otherwise, and
    whenever the layer is frozen (`trainable = False`), they are the moving averages. Masked
    elements do not count.

    Args:
        axis: the axis of the features.
        momentum: the weight of the past in the moving averages.
        epsilon: added to the variance.
        center: whether to add a trainable `beta`.
        scale: whether to multiply by a trainable `gamma`.

    Raises:
        ValueError: `synchronized` or `renorm` is asked for; at a call, the mask has another rank
            than the inputs without their features.

    Source: Ioffe, Szegedy (2015).
    """

    def __init__(
        self,
        axis: int = -1,
        momentum: float = 0.99,
        epsilon: float = 1e-3,
        center: bool = True,
        scale: bool = True,
        beta_initializer: Any = "zeros",
        gamma_initializer: Any = "ones",
        moving_mean_initializer: Any = "zeros",
        moving_variance_initializer: Any = "ones",
        beta_regularizer: Any = None,
        gamma_regularizer: Any = None,
        beta_constraint: Any = None,
        gamma_constraint: Any = None,
        renorm: bool = False,
        renorm_clipping: Any = None,
        renorm_momentum: float = 0.99,
        synchronized: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if synchronized or renorm:
            raise ValueError(
                "Expected `synchronized` and `renorm` to be False: neither is supported. "
                f"Received: synchronized={synchronized}, renorm={renorm}"
            )
        self.configure(
            axis=int(axis),
            momentum=float(momentum),
            epsilon=float(epsilon),
            center=center,
            scale=scale,
            beta_initializer=beta_initializer,
            gamma_initializer=gamma_initializer,
            moving_mean_initializer=moving_mean_initializer,
            moving_variance_initializer=moving_variance_initializer,
            beta_regularizer=beta_regularizer,
            gamma_regularizer=gamma_regularizer,
            beta_constraint=beta_constraint,
            gamma_constraint=gamma_constraint,
            renorm=renorm,
            renorm_clipping=renorm_clipping,
            renorm_momentum=renorm_momentum,
            synchronized=synchronized,
        )
        self.supports_masking = True
        self.gamma: Any = None
        self.beta: Any = None

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Create `gamma`, `beta` and the moving statistics, one number a feature."""
        features = _known_size(self, input_shape, self.axis)
        if self.scale:
            self.gamma = _affine_weight(self, "gamma", (features,))
        if self.center:
            self.beta = _affine_weight(self, "beta", (features,))
        self.moving_mean, self.moving_variance = (
            self.add_weight(
                name=name,
                shape=(features,),
                initializer=getattr(self, f"{name}_initializer"),
                trainable=False,
                autocast=False,
            )
            for name in ("moving_mean", "moving_variance")
        )
        self.input_spec = InputSpec(ndim=len(input_shape), axes={self.axis: features})

    def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        """Return the normalised inputs; while training, update the moving averages."""
        inputs = ops.cast(inputs, _at_least_float32(inputs))
        setting = {"axis": self.axis, "epsilon": self.epsilon}
        if not (training and self.trainable):
            statistics = (self.moving_mean, self.moving_variance)
            outputs = apply("nn.batch_norm", inputs, *statistics, self.gamma, self.beta, **setting)
            return ops.cast(outputs, self.compute_dtype)
        if mask is None:
            outputs, mean, variance = apply(
                "nn.batch_norm_train", inputs, self.gamma, self.beta, **setting
            )
        else:
            mean, variance = self._masked_moments(inputs, mask)
            outputs = apply(
                "nn.batch_norm", inputs, mean, variance, self.gamma, self.beta, **setting
            )
        self._move(self.moving_mean, mean)
        self._move(self.moving_variance, variance)
        return ops.cast(outputs, self.compute_dtype)

    def _move(self, average: Any, batch: Any) -> None:
        average.assign(average * self.momentum + batch * (1.0 - self.momentum))

    def _masked_moments(self, inputs: Any, mask: Any) -> tuple[Any, Any]:
        """Return the mean and variance [C] over the elements that the mask keeps."""
        rank = len(inputs.shape)
        if len(mask.shape) != rank - 1:
            raise ValueError(
                f"Layer '{self.name}' expects a mask of one dimension less than its inputs. "
                f"Received: mask.shape={tuple(mask.shape)}, inputs.shape={tuple(inputs.shape)}"
            )
        axes = tuple(axis for axis in range(rank) if axis != self.axis % rank)
        kept = ops.broadcast_to(ops.expand_dims(ops.cast(mask, "bool"), -1), inputs.shape)
        count = ops.sum(ops.cast(kept, inputs.dtype), axis=axes, keepdims=True) + default_epsilon()
        mean = ops.sum(ops.where(kept, inputs, 0), axis=axes, keepdims=True) / count
        deviation = ops.where(kept, inputs - mean, 0)
        variance = ops.sum(ops.square(deviation), axis=axes, keepdims=True) / count
        return ops.squeeze(mean, axes), ops.squeeze(variance, axes)


class LayerNormalization(BuiltinLayer):
    """Normalises every sample over `axis`, then scales by `gamma` and shifts by `beta`.

    Raises:
        TypeError: `axis` is neither an integer nor a list of them.

    Source: Ba, Kiros, Hinton (2016).
    """

    def __init__(
        self,
        axis: int | Sequence[int] = -1,
        epsilon: float = 1e-3,
        center: bool = True,
        scale: bool = True,
        beta_initializer: Any = "zeros",
        gamma_initializer: Any = "ones",
        beta_regularizer: Any = None,
        gamma_regularizer: Any = None,
        beta_constraint: Any = None,
        gamma_constraint: Any = None,
        **kwargs: Any,
    ) -> None:
        rms_scaling = kwargs.pop("rms_scaling", False)
        if rms_scaling:
            warnings.warn(
                "`rms_scaling=True` is deprecated: it divides by the standard deviation, not by "
                "the root mean square. Use `keras.layers.RMSNormalization` instead.",
                stacklevel=2,
            )
        super().__init__(**kwargs)
        if not isinstance(axis, (int, list, tuple)):
            raise TypeError(f"Expected `axis` to be an integer or a list. Received: axis={axis!r}")
        self.configure(
            axis=axis if isinstance(axis, int) else list(axis),
            epsilon=epsilon,
            center=center,
            scale=scale,
            rms_scaling=rms_scaling,
            beta_initializer=beta_initializer,
            gamma_initializer=gamma_initializer,
            beta_regularizer=beta_regularizer,
            gamma_regularizer=gamma_regularizer,
            beta_constraint=beta_constraint,
            gamma_constraint=gamma_constraint,
        )
        self.supports_masking = True
        self.autocast = False
        self.gamma: Any = None
        self.beta: Any = None

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Create `gamma` and `beta`, shaped as the normalised axes."""
        shape = _axes_shape(self, input_shape, self.axis)
        if self.scale or self.rms_scaling:
            self.gamma = _affine_weight(self, "gamma", shape)
        if self.center and not self.rms_scaling:
            self.beta = _affine_weight(self, "beta", shape)

    def call(self, inputs: Any) -> Any:
        """Return the normalised inputs."""
        axis = self.axis if isinstance(self.axis, int) else tuple(self.axis)
        outputs = apply(
            "nn.layer_norm",
            inputs,
            self.gamma,
            self.beta,
            axis=axis,
            epsilon=self.epsilon,
            rms_scaling=self.rms_scaling,
        )
        return ops.cast(outputs, self.compute_dtype)


class RMSNormalization(BuiltinLayer):
    """Divides every sample by its root mean square over `axis`, times a trainable `scale`.

    Source: Zhang, Sennrich (2019).
    """

    def __init__(
        self, axis: int | Sequence[int] = -1, epsilon: float = 1e-6, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.configure(axis=axis if isinstance(axis, int) else list(axis), epsilon=epsilon)

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Create `scale`, shaped as the normalised axes."""
        self.scale = self.add_weight(
            name="scale", shape=_axes_shape(self, input_shape, self.axis), initializer="ones"
        )

    def call(self, inputs: Any) -> Any:
        """Return the normalised inputs."""
        axis = self.axis if isinstance(self.axis, int) else tuple(self.axis)
        return apply("nn.rms_norm", inputs, self.scale, axis=axis, epsilon=self.epsilon)


def _affine_weight(layer: BuiltinLayer, name: str, shape: tuple[int, ...]) -> Any:
    return layer.add_weight(
        name=name,
        shape=shape,
        initializer=getattr(layer, f"{name}_initializer"),
        regularizer=getattr(layer, f"{name}_regularizer"),
        constraint=getattr(layer, f"{name}_constraint"),
        autocast=False,
    )


def _at_least_float32(inputs: Any) -> str:
    return "float64" if ops.dtype(inputs) == "float64" else "float32"


def _axes_shape(
    layer: BuiltinLayer, input_shape: Sequence[int | None], axis: int | Sequence[int]
) -> tuple[int, ...]:
    axes = (axis,) if isinstance(axis, int) else axis
    rank = len(input_shape)
    ordered = sorted(one % rank if -rank <= one < rank else one for one in axes)
    return tuple(_known_size(layer, input_shape, one) for one in ordered)


def _known_size(layer: BuiltinLayer, input_shape: Sequence[int | None], axis: int) -> int:
    rank = len(input_shape)
    size = input_shape[axis] if -rank <= axis < rank else None
    if size is None:
        raise ValueError(
            f"Layer '{layer.name}' needs inputs with a known size along axis {axis}. "
            f"Received: input_shape={tuple(input_shape)}"
        )
    return size
