"""`LowRank`: fine-tuning one frozen weight of a layer by the product of two thin matrices."""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from graphc.keras import initializers, ops
from graphc.keras.engine.tracking import own_variables
from graphc.keras.layers.builtin import BuiltinLayer

if TYPE_CHECKING:
    from graphc.keras.engine.variable import Variable


class LowRank(BuiltinLayer):
    """A layer with a weight, named by `adapted`, that `enable_lora` freezes and adapts.

    The weight is then `weight + lora_alpha / lora_rank * a @ b`, with `a` [..., rank] and `b`
    [rank, last] trainable. Source: Hu et al., arXiv 2106.09685.
    """

    adapted: ClassVar[str]

    def configure_lora(
        self, lora_rank: int | None, lora_alpha: float | None, quantization_config: None
    ) -> None:
        """Store the arguments.

        Raises:
            ValueError: `quantization_config` is not None.
        """
        if quantization_config is not None:
            raise ValueError(
                "Quantized layers are not supported: expected `quantization_config` to be None. "
                f"Received: quantization_config={quantization_config!r}"
            )
        self.configure(quantization_config=None)
        self.lora_rank = lora_rank
        self.lora_alpha = lora_rank if lora_alpha is None else lora_alpha
        self.lora_enabled = False
        self._weight: Any = None

    def adapted_weight(self) -> Any:
        """Return the weight: the variable itself, or the tensor with its adaptation added.

        Raises:
            AttributeError: the layer is not built.
        """
        if self._weight is None:
            raise AttributeError(f"You must build the layer before accessing `{self.adapted}`.")
        if not self.lora_enabled:
            return self._weight
        return ops.cast(self._merged(), self.compute_dtype)

    def _merged(self) -> Any:
        product = ops.matmul(self._lora("a"), self._lora("b"))
        return ops.add(self._weight, (self.lora_alpha / self.lora_rank) * product)

    def enable_lora(
        self,
        rank: int,
        lora_alpha: float | None = None,
        a_initializer: Any = "he_uniform",
        b_initializer: Any = "zeros",
    ) -> None:
        """Freeze the weight and create the two matrices, in float32, whatever the layer's dtype.

        Raises:
            ValueError: the layer is not built, has a constraint on the weight, or was adapted.
        """
        self._check_lora(rank)
        shape: tuple[int, ...] = self._weight.shape
        shapes = {"a": (*shape[:-1], rank), "b": (rank, shape[-1])}
        for part, initializer in (("a", a_initializer), ("b", b_initializer)):
            made = self.add_weight(
                name=f"lora_{self.adapted}_{part}",
                shape=shapes[part],
                initializer=initializers.get(initializer),
                dtype="float32",
                regularizer=getattr(self, f"{self.adapted}_regularizer"),
            )
            setattr(self, f"lora_{self.adapted}_{part}", made)
        self._weight.trainable = False
        self.lora_enabled = True
        self.lora_rank = rank
        self.lora_alpha = rank if lora_alpha is None else lora_alpha

    def _check_lora(self, rank: int) -> None:
        constraint = getattr(self, f"{self.adapted}_constraint")
        if constraint is not None:
            raise ValueError(
                f"LoRA cannot keep a constraint on the weight: expected `{self.adapted}_constraint`"
                f" to be None. Received: {self.adapted}_constraint={constraint}"
            )
        if self._weight is None:
            raise ValueError(
                f"Expected a layer that is built. Received: enable_lora({rank}) on "
                f"layer '{self.name}', which is not."
            )
        if self.lora_enabled:
            raise ValueError(
                f"LoRA can be enabled once for a layer. Received: enable_lora({rank}) on layer "
                f"'{self.name}', whose rank is {self.lora_rank} already."
            )

    def _lora(self, part: str) -> Variable:
        return getattr(self, f"lora_{self.adapted}_{part}")

    def save_own_variables(self, store: MutableMapping[str, Any]) -> None:
        """Put the variables in a store, by their place; the weight with its adaptation added."""
        if not self.lora_enabled:
            super().save_own_variables(store)
            return
        for place, variable in enumerate(self._saved_variables()):
            merged = variable is self._weight
            store[str(place)] = np.asarray(self._merged()) if merged else variable.numpy()

    def load_own_variables(self, store: Mapping[str, Any]) -> None:
        """Set the variables from a store; the adaptation, which is in the weight, becomes zero.

        Raises:
            ValueError: their number differs, or a shape.
        """
        if not self.lora_enabled:
            super().load_own_variables(store)
            return
        self._load_variables(self._saved_variables(), store)
        for part in ("a", "b"):
            variable = self._lora(part)
            variable.assign(np.zeros(variable.shape, "float32"))

    def _saved_variables(self) -> list[Variable]:
        """Return the variables of a file in their order, which the adaptation does not change."""
        thin = {id(self._lora("a")), id(self._lora("b"))}
        return [variable for variable in own_variables(self) if id(variable) not in thin]

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments, those of the adaptation if there is one."""
        config = super().get_config()
        if not self.lora_rank:
            return config
        return {**config, "lora_rank": self.lora_rank, "lora_alpha": self.lora_alpha}


class AdaptedKernel(LowRank):
    """A layer whose `kernel` can be adapted."""

    adapted = "kernel"

    @property
    def kernel(self) -> Any:
        """The kernel, adaptation included."""
        return self.adapted_weight()
