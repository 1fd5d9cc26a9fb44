"""How layers are to be quantized: the configurations of the modes."""

from __future__ import annotations

from typing import Any

from graphc.keras.quantizers.quantizer import AbsMaxQuantizer
from graphc.keras.saving import deserialize_keras_object, serialize_keras_object


class QuantizationConfig:
    """The base of configurations: which quantizers weights and activations get.

    Args:
        weight_quantizer: None for the mode's own.
        activation_quantizer: None for none.
    """

    def __init__(self, weight_quantizer: Any = None, activation_quantizer: Any = None) -> None:
        self.weight_quantizer = weight_quantizer
        self.activation_quantizer = activation_quantizer

    @property
    def mode(self) -> str:
        """The quantization mode."""
        raise NotImplementedError("Expected a subclass of `QuantizationConfig` to have a `mode`.")

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make an equal configuration."""
        return {
            "weight_quantizer": serialize_keras_object(self.weight_quantizer),
            "activation_quantizer": serialize_keras_object(self.activation_quantizer),
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        """Make a configuration from `get_config()`."""
        return cls(**deserialize_keras_object(config))

    @staticmethod
    def weight_quantizer_or_default(config: Any, default: Any) -> Any:
        """Return the configuration's weight quantizer, or the default where it has none."""
        given = None if config is None else config.weight_quantizer
        return default if given is None else given

    @staticmethod
    def activation_quantizer_or_default(config: Any, default: Any) -> Any:
        """Return the configuration's activation quantizer, or the default without a config."""
        return default if config is None else config.activation_quantizer


class Int8QuantizationConfig(QuantizationConfig):
    """Weights and activations in int8.

    Args:
        weight_quantizer: one that gives int8; None for the layer's own.
        activation_quantizer: None for weights only; "default" for `AbsMaxQuantizer()`.

    Raises:
        ValueError: a weight quantizer that gives another dtype.
    """

    def __init__(self, weight_quantizer: Any = None, activation_quantizer: Any = "default") -> None:
        default = activation_quantizer == "default"
        super().__init__(weight_quantizer, AbsMaxQuantizer() if default else activation_quantizer)
        _check_output(self)

    @property
    def mode(self) -> str:
        return "int8"


class Int4QuantizationConfig(QuantizationConfig):
    """Weights in four bits.

    Args:
        weight_quantizer: one with the range (-8, 7) that gives int8; None for the layer's own.
        activation_quantizer: None for weights only, which "default" is, too.
        block_size: rows that share a scale; None or -1 for all of them.

    Raises:
        ValueError: another block size, quantizers together with blocks, or one that does not fit.
    """

    def __init__(
        self,
        weight_quantizer: Any = None,
        activation_quantizer: Any = "default",
        block_size: int | None = 128,
    ) -> None:
        default = activation_quantizer == "default"
        super().__init__(weight_quantizer, None if default else activation_quantizer)
        if block_size is not None and block_size != -1 and block_size <= 0:
            raise ValueError(
                "`block_size` must be None, -1 or a positive integer. "
                f"Received: block_size={block_size}"
            )
        custom = self.weight_quantizer is not None or self.activation_quantizer is not None
        if custom and block_size is not None and block_size > 0:
            raise ValueError(
                "Quantizers of one's own need `block_size` to be None or -1. "
                f"Received: block_size={block_size}"
            )
        self.block_size = block_size
        if weight_quantizer is not None and weight_quantizer.value_range != (-8, 7):
            raise ValueError(
                "Expected the `weight_quantizer` to have value_range=(-8, 7). "
                f"Received: value_range={weight_quantizer.value_range}"
            )
        _check_output(self)

    @property
    def mode(self) -> str:
        return "int4"

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "block_size": self.block_size}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        return super().from_config({"block_size": None, **config})


def _check_output(config: QuantizationConfig) -> None:
    quantizer = config.weight_quantizer
    if quantizer is not None and quantizer.output_dtype != "int8":
        raise ValueError(
            f"Expected the `weight_quantizer` of {type(config).__name__} to have "
            f"output_dtype='int8'. Received: output_dtype={quantizer.output_dtype}"
        )


class Float8QuantizationConfig(QuantizationConfig):
    """Weights and activations in float8; nothing can be chosen."""

    def __init__(self) -> None:
        super().__init__()

    @property
    def mode(self) -> str:
        return "float8"

    def get_config(self) -> dict[str, Any]:
        return {}


class _CalibratedConfig(QuantizationConfig):
    """The base of configurations of algorithms that look at data."""

    kind: str
    bits: tuple[int, ...]
    names: tuple[str, ...]  # of the arguments besides `dataset` and `tokenizer`

    def _store(self, dataset: Any, tokenizer: Any, **arguments: Any) -> None:
        for name in ("num_samples", "sequence_length", "num_grid_points"):
            if name in arguments and arguments[name] <= 0:
                raise ValueError(
                    f"`{name}` must be a positive integer. Received: {name}={arguments[name]}"
                )
        bits, size = arguments["weight_bits"], arguments["group_size"]
        if bits not in self.bits:
            raise ValueError(
                f"`weight_bits` must be one of {self.bits}. Received: weight_bits={bits}"
            )
        if size < -1 or size == 0:
            raise ValueError(
                f"`group_size` must be -1 or a positive integer. Received: group_size={size}"
            )
        super().__init__()
        self.dataset, self.tokenizer = dataset, tokenizer
        for name, value in arguments.items():
            setattr(self, name, value)

    @property
    def mode(self) -> str:
        return self.kind

    def dtype_policy_string(self) -> str:
        """Return the mode of the policy of layers quantized like this."""
        return f"{self.kind}/{self.weight_bits}/{self.group_size}"  # type: ignore[attr-defined]

    def get_config(self) -> dict[str, Any]:
        values = {name: getattr(self, name) for name in self.names}
        return {"dataset": None, "tokenizer": None, **values}  # the data is not written


class GPTQConfig(_CalibratedConfig):
    """How GPTQ (Frantar et al. 2022, arXiv:2210.17323) is to quantize.

    Args:
        dataset: what to look at: texts or token numbers.
        tokenizer: makes token numbers of texts.
        weight_bits: 2, 3, 4 or 8.
        num_samples: how many samples to look at.
        per_channel: whether each output channel has scales of its own.
        sequence_length: tokens of a sample.
        hessian_damping: added to the Hessian's diagonal, as a share of its mean: 0 to 1.
        group_size: weights that share a scale; -1 for all.
        symmetric: whether the range is the same on both sides of zero.
        activation_order: whether columns with larger activations go first.
        quantization_layer_structure: which layers, in Keras's form.

    Raises:
        ValueError: a number that is not supported.
    """

    kind, bits = "gptq", (2, 3, 4, 8)
    names = (
        "weight_bits", "num_samples", "per_channel", "sequence_length", "hessian_damping",
        "group_size", "symmetric", "activation_order", "quantization_layer_structure",
    )  # fmt: skip

    def __init__(
        self,
        dataset: Any,
        tokenizer: Any,
        *,
        weight_bits: int = 4,
        num_samples: int = 128,
        per_channel: bool = True,
        sequence_length: int = 512,
        hessian_damping: float = 0.01,
        group_size: int = 128,
        symmetric: bool = False,
        activation_order: bool = False,
        quantization_layer_structure: dict[str, Any] | None = None,
    ) -> None:
        if not 0 <= hessian_damping <= 1:
            raise ValueError(
                "`hessian_damping` must be between 0 and 1. "
                f"Received: hessian_damping={hessian_damping}"
            )
        self._store(
            dataset, tokenizer, weight_bits=weight_bits, num_samples=num_samples,
            per_channel=per_channel, sequence_length=sequence_length,
            hessian_damping=hessian_damping, group_size=group_size, symmetric=symmetric,
            activation_order=activation_order,
            quantization_layer_structure=quantization_layer_structure,
        )  # fmt: skip


class AWQConfig(_CalibratedConfig):
    """How AWQ (Lin et al. 2023, arXiv:2306.00978) is to quantize.

    Args:
        dataset: what to look at: texts or token numbers.
        tokenizer: makes token numbers of texts.
        weight_bits: 4.
        num_samples: how many samples to look at.
        sequence_length: tokens of a sample.
        group_size: weights that share a scale; -1 for all.
        num_grid_points: how many scales to try.
        quantization_layer_structure: which layers, in Keras's form.

    Raises:
        ValueError: a number that is not supported.
    """

    kind, bits = "awq", (4,)
    names = (
        "weight_bits", "num_samples", "sequence_length", "group_size", "num_grid_points",
        "quantization_layer_structure",
    )  # fmt: skip

    def __init__(
        self,
        dataset: Any,
        tokenizer: Any,
        *,
        weight_bits: int = 4,
        num_samples: int = 128,
        sequence_length: int = 512,
        group_size: int = 128,
        num_grid_points: int = 20,
        quantization_layer_structure: dict[str, Any] | None = None,
    ) -> None:
        self._store(
            dataset, tokenizer, weight_bits=weight_bits, num_samples=num_samples,
            sequence_length=sequence_length, group_size=group_size,
            num_grid_points=num_grid_points,
            quantization_layer_structure=quantization_layer_structure,
        )  # fmt: skip
