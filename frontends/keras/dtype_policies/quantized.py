"""Policies of quantized layers: how weights are stored, and which policy they came from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from graphc.keras.engine.dtype_policy import DTypePolicy, dtype_policy, dtypes_of
from graphc.keras.engine.lookups import LOOKUPS

MODES = ("int8", "float8", "int4", "gptq", "awq")


class QuantizedDTypePolicy(DTypePolicy):
    """The policy of a layer quantized from another one.

    Args:
        mode: "int8", "float8", "int4", "gptq" or "awq".
        source_name: the name of the policy before; None for the global one.

    Raises:
        ValueError: an unknown mode, or int8 from one that computes in float16.
    """

    def __init__(self, mode: str, source_name: str | None = None) -> None:
        self._source_name = dtype_policy().name if source_name is None else source_name
        self._compute_dtype, self._variable_dtype = dtypes_of(self._source_name)
        if mode not in MODES:
            raise ValueError(
                f"Expected the quantization mode to be one of {MODES}. Received: mode={mode}"
            )
        if mode == "int8" and self._compute_dtype == "float16":
            raise ValueError(
                "Expected a policy that does not compute in float16 for the quantization mode "
                f"'int8'. Received: source_name={self._source_name}"
            )
        self._name = f"{mode}_from_{self._source_name}"
        self.quantization_mode = mode

    def get_config(self) -> dict[str, Any]:
        return {"mode": self.quantization_mode, "source_name": self._source_name}

    def _identity(self) -> Any:
        return type(self), self._name, *self.get_config().values()

    __hash__ = DTypePolicy.__hash__


class QuantizedFloat8DTypePolicy(QuantizedDTypePolicy):
    """The policy of a layer quantized to float8.

    Args:
        mode: "float8".
        source_name: the name of the policy before; None for the global one.
        amax_history_length: how many steps' largest magnitudes scale the next one.

    Raises:
        TypeError: the length is not an `int`.
    """

    default_amax_history_length = 1024

    def __init__(
        self, mode: str, source_name: str | None = None, amax_history_length: int = 1024
    ) -> None:
        super().__init__(mode, source_name)
        if not isinstance(amax_history_length, int):
            raise TypeError(
                "Expected `amax_history_length` to be an integer. "
                f"Received: amax_history_length={amax_history_length}"
            )
        self.amax_history_length = amax_history_length

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "amax_history_length": self.amax_history_length}


@dataclass(frozen=True)
class Form:
    """How the mode of a policy with numbers is written: `<kind>/<number>/...`."""

    kind: str
    numbers: tuple[str, ...]
    bits: tuple[int, ...] = ()

    def parse(self, mode: str) -> dict[str, int]:
        """Return the numbers by name.

        Raises:
            ValueError: `mode` is not of this form, or a number is not a supported one.
        """
        kind, *parts = mode.split("/")
        if kind != self.kind or len(parts) != len(self.numbers):
            raise ValueError(f"Invalid mode. {self._expected()} Received: mode={mode!r}")
        try:
            found = dict(zip(self.numbers, map(int, parts), strict=True))
        except ValueError as error:
            raise ValueError(
                f"Invalid mode: its numbers must be integers. {self._expected()} "
                f"Received: mode={mode!r}"
            ) from error
        if self.bits and found["weight_bits"] not in self.bits:
            raise ValueError(
                f"Invalid weight_bits. Supported values are {self.bits}. Received: mode={mode!r}"
            )
        size = found[self.numbers[-1]]
        if size < -1 or size == 0:
            raise ValueError(
                f"Invalid {self.numbers[-1]}. Supported values are -1 (not in groups) or a "
                f"positive integer. Received: mode={mode!r}"
            )
        return found

    def _expected(self) -> str:
        return f"Expected '{'/'.join((self.kind, *(f'<{name}>' for name in self.numbers)))}'."


class _NumberedPolicy(QuantizedDTypePolicy):
    """The base of policies whose mode holds numbers, which become attributes."""

    form: Form

    def __init__(self, mode: str, source_name: str | None = None) -> None:
        numbers = self.form.parse(mode)
        super().__init__(self.form.kind, source_name)
        self._name = f"{mode}_from_{source_name}"
        self.mode = self.form.kind
        self._numbers = tuple(numbers.values())
        for name, value in numbers.items():
            setattr(self, name, value)

    def get_config(self) -> dict[str, Any]:
        mode = "/".join(map(str, (self.mode, *self._numbers)))
        return {**super().get_config(), "mode": mode}


class Int4DTypePolicy(_NumberedPolicy):
    """A policy of four-bit weights, `mode="int4/<block_size>"` (-1: one scale a channel)."""

    form = Form("int4", ("block_size",))
    block_size: int


class GPTQDTypePolicy(_NumberedPolicy):
    """A policy of weights rounded by GPTQ, `mode="gptq/<weight_bits>/<group_size>"`."""

    form = Form("gptq", ("weight_bits", "group_size"), bits=(2, 3, 4, 8))
    weight_bits: int
    group_size: int


class AWQDTypePolicy(_NumberedPolicy):
    """A policy of weights scaled by AWQ, `mode="awq/4/<group_size>"`."""

    form = Form("awq", ("weight_bits", "group_size"), bits=(4,))
    weight_bits: int
    group_size: int


CLASSES: dict[str, type[QuantizedDTypePolicy]] = {
    "int8": QuantizedDTypePolicy,
    "int4": QuantizedDTypePolicy,
    "int4/": Int4DTypePolicy,
    "gptq/": GPTQDTypePolicy,
    "awq/": AWQDTypePolicy,
    "float8": QuantizedFloat8DTypePolicy,
}


def quantized_policy(name: str) -> QuantizedDTypePolicy:
    """Return the policy of a name `<mode>_from_<source name>`.

    Raises:
        ValueError: the name is of another form, or its mode unknown.
    """
    mode, _, source_name = name.partition("_from_")
    kind, slash, _ = mode.partition("/")
    policy = CLASSES.get(kind + slash)
    if policy is None or "_from_" in source_name:
        raise ValueError(
            "Expected the name of a quantized policy to be '<mode>_from_<policy>' with a mode of "
            f"{tuple(CLASSES)}. Received: policy={name}"
        )
    return policy(mode, source_name)


LOOKUPS["quantized_policy"] = quantized_policy
