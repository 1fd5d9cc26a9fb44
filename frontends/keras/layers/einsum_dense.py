"""`EinsumDense`: a dense layer whose product is any Einstein summation with one kernel."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, NamedTuple

from graphc.keras import initializers, ops
from graphc.keras.engine.input_spec import InputSpec
from graphc.keras.layers.lora import AdaptedKernel

Shape = tuple[int | None, ...]


class EinsumDense(AdaptedKernel):
    """`activation(einsum(equation, inputs, kernel) + bias)`.

    Args:
        equation: "ab,bc->ac", "...ab,bc->...ac" or "ab...,bc->ac...", with any letters.
        output_shape: the output's shape without the batch and without what an ellipsis stands for;
            None for a size that the inputs tell.
        bias_axes: the letters of the output that the bias has; no bias when None.

    Raises:
        ValueError: at build, an equation of another form, or one that the shapes contradict.
    """

    def __init__(
        self,
        equation: str,
        output_shape: int | Sequence[int | None],
        activation: Any = None,
        bias_axes: str | None = None,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        lora_rank: int | None = None,
        lora_alpha: float | None = None,
        gptq_unpacked_column_size: None = None,
        quantization_config: None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        del gptq_unpacked_column_size  # of quantized layers only
        self.configure(
            equation=equation,
            activation=activation,
            bias_axes=bias_axes,
            kernel_initializer=kernel_initializer,
            bias_initializer=bias_initializer,
            kernel_regularizer=kernel_regularizer,
            bias_regularizer=bias_regularizer,
            kernel_constraint=kernel_constraint,
            bias_constraint=bias_constraint,
            activity_regularizer=self.activity_regularizer,
        )
        self.configure_lora(lora_rank, lora_alpha, quantization_config)
        whole = isinstance(output_shape, int)
        self.partial_output_shape = (output_shape,) if whole else tuple(output_shape)
        self.bias: Any = None

    def build(self, input_shape: Shape) -> None:
        """Create the kernel and the bias in the shapes that the equation gives them."""
        shapes = self._shapes(input_shape)
        self.input_spec = InputSpec(ndim=len(input_shape))
        self._weight = self.add_weight(
            name="kernel",
            shape=shapes.kernel,
            initializer=self._fan_aware(shapes),
            regularizer=self.kernel_regularizer,
            constraint=self.kernel_constraint,
        )
        if shapes.bias is not None:
            self.bias = self.add_weight(
                name="bias",
                shape=shapes.bias,
                initializer=self.bias_initializer,
                regularizer=self.bias_regularizer,
                constraint=self.bias_constraint,
            )
        if self.lora_rank:
            self.enable_lora(self.lora_rank, lora_alpha=self.lora_alpha)

    def _shapes(self, input_shape: Shape) -> Shapes:
        return einsum_shapes(
            self.equation, self.bias_axes, tuple(input_shape), self.partial_output_shape
        )

    def _fan_aware(self, shapes: Shapes) -> Any:
        """The kernel's initializer, told which axes of the kernel are inputs and outputs."""
        own = self.kernel_initializer
        scaling = isinstance(own, initializers.VarianceScaling)
        if not scaling or (own.input_axes is not None and own.output_axes is not None):
            return own
        axes = {"input_axes": shapes.input_axes, "output_axes": shapes.output_axes}
        return type(own).from_config({**own.get_config(), "seed": own.seed, **axes})

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        """Return `activation(einsum(equation, inputs, kernel) + bias)`."""
        del training
        outputs = ops.einsum(self.equation, inputs, self.kernel)
        if self.bias is not None:
            outputs = ops.add(outputs, self.bias)
        return self.activation(outputs)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Return the output's shape."""
        return self._shapes(input_shape).output

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {**super().get_config(), "output_shape": self.partial_output_shape}


class Shapes(NamedTuple):
    """The shapes of the weights and of the output, and the kernel's axes by their role."""

    kernel: tuple[int, ...]
    bias: tuple[int, ...] | None
    output: Shape
    input_axes: list[int]
    output_axes: list[int]


def einsum_shapes(
    equation: str, bias_axes: str | None, input_shape: Shape, output_shape: Shape
) -> Shapes:
    """Return the shapes that an equation gives to inputs of `input_shape`.

    Raises:
        ValueError: another form of equation, or shapes that contradict it.
    """
    terms, left = _parsed(equation)
    inputs, kernel, outputs = terms
    hidden = len(input_shape) - len(inputs)  # the number of axes under the ellipsis
    before = input_shape[:hidden] if left else ()
    after = input_shape[len(input_shape) - hidden :] if hidden > 0 and not left else ()
    whole = (*(before or input_shape[:1]), *output_shape, *after)
    shift = hidden if left else 0
    given = {letter: input_shape[i + shift] for i, letter in enumerate(inputs)}
    wanted = {letter: whole[i + shift] for i, letter in enumerate(outputs)}
    _check(equation, terms, given, wanted)
    sizes = {**given, **wanted}
    return Shapes(
        kernel=tuple(sizes[letter] for letter in kernel),  # type: ignore[misc]
        bias=_bias_shape(equation, bias_axes, outputs, wanted, 0 if left else max(hidden, 0)),
        output=whole,
        input_axes=[i for i, letter in enumerate(kernel) if letter not in wanted],
        output_axes=[i for i, letter in enumerate(kernel) if letter in wanted],
    )


def _parsed(equation: str) -> tuple[tuple[str, str, str], bool]:
    """The letters of inputs, kernel and outputs, and whether an ellipsis stands before them."""
    for pattern, left in (
        (r"([a-zA-Z]+),([a-zA-Z]+)->([a-zA-Z]+)", False),
        (r"\.{3}([a-zA-Z]+),([a-zA-Z]+)->\.{3}([a-zA-Z]+)", True),
        (r"([a-zA-Z]{2,})\.{3},([a-zA-Z]+)->([a-zA-Z]+)\.{3}", False),
    ):
        found = re.fullmatch(pattern, equation)
        if found:
            return (found[1], found[2], found[3]), left
    raise ValueError(
        "Expected `equation` to have one of the forms [X],[Y]->[Z], ...[X],[Y]->...[Z] and "
        f"[X]...,[Y]->[Z]... . Received: equation={equation!r}"
    )


def _check(
    equation: str, terms: tuple[str, str, str], given: dict[str, Any], wanted: dict[str, Any]
) -> None:
    inputs, kernel, outputs = terms
    unknown = [letter for letter in outputs if letter not in inputs + kernel]
    unknown += [letter for letter in kernel if letter not in inputs + outputs]
    if unknown:
        raise ValueError(
            "Expected every letter of the output in the inputs or the kernel, and every letter of "
            f"the kernel in the inputs or the output, but '{unknown[0]}' is in neither. "
            f"Received: equation={equation!r}"
        )
    for letter in inputs:
        if letter in wanted and wanted[letter] not in (None, given[letter]):
            raise ValueError(
                f"The output's size at '{letter}' must be that of the inputs, {given[letter]}. "
                f"Received: {wanted[letter]} in `output_shape`, equation={equation!r}"
            )


def _bias_shape(
    equation: str, axes: str | None, outputs: str, sizes: dict[str, Any], trailing: int
) -> tuple[int, ...] | None:
    """The bias's shape, from its first axis on; `trailing` axes under the ellipsis follow."""
    if axes is None:
        return None
    foreign = [letter for letter in axes if letter not in outputs]
    if foreign:
        raise ValueError(
            f"Expected `bias_axes` to be letters of the output '{outputs}'. "
            f"Received: bias_axes={axes!r}, equation={equation!r}"
        )
    own = outputs[min(map(outputs.find, axes)) :]
    return (*(sizes[letter] if letter in axes else 1 for letter in own), *(1,) * trailing)
