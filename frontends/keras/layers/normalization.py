"""Batch, layer and root-mean-square normalisation."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

from graphc.keras import ops
from graphc.keras.engine.dispatch import apply
from graphc.keras.engine.input_spec import InputSpec
from graphc.keras.engine.settings import epsilon as default_epsilon
from graphc.keras.initializers import Initializer
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

        renorm: whether to train with the moving averages too, corrected by constants
            (batch renormalisation).
        renorm_clipping: bounds of the corrections: "rmin", "rmax", "dmax".
        renorm_momentum: the weight of the past in the averages that `renorm` uses.

    Raises:
        ValueError: `synchronized` is asked for, which Keras has on TensorFlow only, or the bounds
            of the corrections are unknown ones or contradict each other; at a call, the mask has
            another rank than the inputs without their features.

    Source: Ioffe, Szegedy (2015); Ioffe (2017) for `renorm`.
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
        if synchronized:
            raise ValueError(
                "Expected `synchronized` to be False: Keras has it on the TensorFlow backend only. "
                f"Received: synchronized={synchronized}"
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
            renorm_clipping=_checked_clipping(renorm_clipping) if renorm else renorm_clipping,
            renorm_momentum=renorm_momentum,
            synchronized=synchronized,
        )
        self.supports_masking = True
        self.gamma: Any = None
        self.beta: Any = None

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Create `gamma`, `beta` and the moving statistics, one number a feature."""
        features = known_size(self, input_shape, self.axis)
        if self.scale:
            self.gamma = affine_weight(self, "gamma", (features,))
        if self.center:
            self.beta = affine_weight(self, "beta", (features,))
        initializers = {
            "moving_mean": self.moving_mean_initializer,
            "moving_variance": self.moving_variance_initializer,
        }
        if self.renorm:
            initializers |= {
                "moving_stddev": self._draw_stddev,
                "renorm_mean": self.moving_mean_initializer,
                "renorm_stddev": self._draw_stddev,
            }
        for name, initializer in initializers.items():
            weight = self.add_weight(
                name=name,
                shape=(features,),
                initializer=initializer,
                trainable=False,
                autocast=False,
            )
            setattr(self, name, weight)
        self.input_spec = InputSpec(ndim=len(input_shape), axes={self.axis: features})

    def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        """Return the normalised inputs; while training, update the moving averages."""
        inputs = ops.cast(inputs, _at_least_float32(inputs))
        setting = {"axis": self.axis, "epsilon": self.epsilon}
        if not (training and self.trainable):
            statistics = (self.moving_mean, self.moving_variance)
            outputs = apply("nn.batch_norm", inputs, *statistics, self.gamma, self.beta, **setting)
            return ops.cast(outputs, self.compute_dtype)
        if mask is None and not self.renorm:
            outputs, mean, variance = apply(
                "nn.batch_norm_train", inputs, self.gamma, self.beta, **setting
            )
        else:
            mean, variance = self._moments(inputs, mask)
            affine = self._renormalized(mean, variance) if self.renorm else (self.gamma, self.beta)
            outputs = apply("nn.batch_norm", inputs, mean, variance, *affine, **setting)
        self._move_all(mean, variance)
        return ops.cast(outputs, self.compute_dtype)

    def _move_all(self, mean: Any, variance: Any) -> None:
        _move(self.moving_mean, mean, self.momentum)
        if not self.renorm:
            _move(self.moving_variance, variance, self.momentum)
            return
        stddev = ops.sqrt(variance + self.epsilon)
        _move(self.renorm_mean, mean, self.renorm_momentum)
        _move(self.renorm_stddev, stddev, self.renorm_momentum)
        _move(self.moving_stddev, stddev, self.momentum)
        moved = self.moving_stddev * self.moving_stddev - self.epsilon
        self.moving_variance.assign(ops.relu(moved))  # rounding could make it negative

    def _renormalized(self, mean: Any, variance: Any) -> tuple[Any, Any]:
        """Return `gamma` and `beta` [C] with the corrections towards the moving averages."""
        bounds = self.renorm_clipping.get
        # The averages start small: nothing is divided by less than the smallest deviation.
        stddev = ops.maximum(self.renorm_stddev, self.epsilon**0.5)
        ratio = ops.stop_gradient(ops.sqrt(variance + self.epsilon) / stddev)
        shift = ops.stop_gradient((mean - self.renorm_mean) / stddev)
        if bounds("rmin") is not None:
            ratio = ops.maximum(ratio, bounds("rmin"))
        if bounds("rmax") is not None:
            ratio = ops.minimum(ratio, bounds("rmax"))
        if bounds("dmax") is not None:
            shift = ops.clip(shift, -bounds("dmax"), bounds("dmax"))
        if self.gamma is not None:
            ratio, shift = ratio * self.gamma, shift * self.gamma
        return ratio, shift if self.beta is None else shift + self.beta

    def _draw_stddev(self, shape: Sequence[int], dtype: Any = None) -> Any:
        initializer = self.moving_variance_initializer
        if isinstance(initializer, Initializer):
            initializer = type(initializer).from_config(initializer.get_config())
        return ops.sqrt(initializer(shape, dtype=dtype))

    def _moments(self, inputs: Any, mask: Any) -> tuple[Any, Any]:
        if mask is not None:
            return self._masked_moments(inputs, mask)
        rank = len(inputs.shape)
        axes = tuple(axis for axis in range(rank) if axis != self.axis % rank)
        return ops.moments(inputs, axes)

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


def _move(average: Any, batch: Any, momentum: float) -> None:
    average.assign(average * momentum + batch * (1.0 - momentum))


def _checked_clipping(clipping: Any) -> dict[str, float]:
    found = dict(clipping or {})
    known = ("rmax", "rmin", "dmax")
    unknown = sorted(set(found) - set(known))
    rmax, rmin, dmax = (found.get(name) for name in known)
    crossed = rmax is not None and rmin is not None and rmax < rmin
    if unknown or crossed or (dmax is not None and dmax < 0):
        raise ValueError(
            f"Expected `renorm_clipping` to hold some of {known}, with rmin <= rmax and dmax >= 0. "
            f"Received: renorm_clipping={clipping}"
        )
    return found


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
            self.gamma = affine_weight(self, "gamma", shape)
        if self.center and not self.rms_scaling:
            self.beta = affine_weight(self, "beta", shape)

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


def affine_weight(layer: BuiltinLayer, name: str, shape: tuple[int, ...]) -> Any:
    """Create `gamma` or `beta`, which keeps its own dtype."""
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
    """The sizes along the axes in the order of their numbers: as in Keras, -1 before 1."""
    axes = (axis,) if isinstance(axis, int) else axis
    return tuple(known_size(layer, input_shape, one) for one in sorted(axes))


def known_size(layer: BuiltinLayer, input_shape: Sequence[int | None], axis: int) -> int:
    """Return the size of the inputs along `axis`.

    Raises:
        ValueError: it is unknown, or there is no such axis.
    """
    rank = len(input_shape)
    size = input_shape[axis] if -rank <= axis < rank else None
    if size is None:
        raise ValueError(
            f"Layer '{layer.name}' needs inputs with a known size along axis {axis}. "
            f"Received: input_shape={tuple(input_shape)}"
        )
    return size
