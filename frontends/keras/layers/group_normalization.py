"""Normalisation of each sample within groups of channels, and to unit length."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from graphc.keras import ops
from graphc.keras.engine.dispatch import apply
from graphc.keras.engine.input_spec import InputSpec
from graphc.keras.layers.builtin import BuiltinLayer
from graphc.keras.layers.normalization import affine_weight, known_size


class GroupNormalization(BuiltinLayer):
    """Normalises every sample within each group of channels, then scales and shifts channels.

    Args:
        groups: how many groups; -1 stands for one for each channel (instance normalisation).
        axis: the axis of the channels; not the batch's.
        epsilon: added to the variance.
        center: whether to add a trainable `beta`.
        scale: whether to multiply by a trainable `gamma`.

    Raises:
        ValueError: `groups` is not a positive integer or -1; at build, the number of channels is
            unknown, or not a multiple of `groups`.

    Source: Wu, He (2018).
    """

    def __init__(
        self,
        groups: int = 32,
        axis: int = -1,
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
        super().__init__(**kwargs)
        if not isinstance(groups, int) or (groups <= 0 and groups != -1):
            raise ValueError(
                "Expected `groups` to be a positive integer, or -1 for instance normalization. "
                f"Received: groups={groups!r}"
            )
        self.configure(
            groups=groups,
            axis=axis,
            epsilon=epsilon,
            center=center,
            scale=scale,
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
        """Create `gamma` and `beta`, one number a channel."""
        channels = known_size(self, input_shape, self.axis)
        self.groups = channels if self.groups == -1 else self.groups
        if channels % self.groups:
            raise ValueError(
                f"Layer '{self.name}' needs a number of channels that is a multiple of `groups`. "
                f"Received: input_shape={tuple(input_shape)}, axis={self.axis}, "
                f"groups={self.groups}"
            )
        if self.scale:
            self.gamma = affine_weight(self, "gamma", (channels,))
        if self.center:
            self.beta = affine_weight(self, "beta", (channels,))
        self.input_spec = InputSpec(ndim=len(input_shape), axes={self.axis: channels})

    def call(self, inputs: Any) -> Any:
        """Return the normalised inputs."""
        setting = {"groups": self.groups, "axis": self.axis, "epsilon": self.epsilon}
        outputs = apply("nn.group_norm", inputs, self.gamma, self.beta, **setting)
        return ops.cast(outputs, self.compute_dtype)


class UnitNormalization(BuiltinLayer):
    """Divides every sample by its L2 norm over `axis`.

    Raises:
        TypeError: `axis` is neither an integer nor a list of them.
    """

    def __init__(self, axis: int | Sequence[int] = -1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if not isinstance(axis, (int, list, tuple)):
            raise TypeError(f"Expected `axis` to be an integer or a list. Received: axis={axis!r}")
        self.configure(axis=axis if isinstance(axis, int) else list(axis))
        self.supports_masking = True

    def call(self, inputs: Any) -> Any:
        """Return the inputs scaled to length 1."""
        axis = self.axis if isinstance(self.axis, int) else tuple(self.axis)
        return ops.normalize(inputs, axis=axis, order=2, epsilon=1e-12)
