"""The pure half of an optimizer: what one step computes, as a hashable value.

A plan holds no variable and no array. Equal plans compute the same function of (gradients,
optimizer variables, parameters, scalars), so it is both the key and the content of a compiled
program, and caching a program keeps no optimizer alive.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Self

import jax
import jax.numpy as jnp
import optax

from graphc.keras.optimizers.clipping import CLIPS

Arrays = tuple[Any, ...]
Scalars = Mapping[str, Any]


_NUMBERS: dict[Any, int] = {}


def digest_of(plan: Any) -> str:
    """Return a name that equal plans share, for as long as the process runs."""
    return f"plan {_NUMBERS.setdefault(plan, len(_NUMBERS))}"


class OptimizerState(NamedTuple):
    """The flat tuple of optimizer variables, taken apart; absent parts are None or empty."""

    iterations: Any
    learning_rate: Any
    averages: Arrays
    accumulators: Arrays
    slots: Any


@dataclass(frozen=True)
class SlotLayout:
    """How a rule's state lies among the variables: its tree, and each variable's leaf in it."""

    tree: Any
    order: tuple[int, ...]

    @classmethod
    def of_tree(cls, slots: Any) -> Self:
        """Lay the leaves out in the tree's own order."""
        return cls(jax.tree.structure(slots), tuple(range(len(jax.tree.leaves(slots)))))

    def flatten(self, slots: Any) -> Arrays:
        """Return the slots in the order of the variables."""
        leaves = self.tree.flatten_up_to(slots)
        return tuple(leaves[leaf] for leaf in self.order)

    def unflatten(self, values: Sequence[Any]) -> Any:
        """Return the rule's state from values in the order of the variables."""
        leaves = [value for _, value in sorted(zip(self.order, values, strict=True), key=_first)]
        return self.tree.unflatten(leaves)


@dataclass(frozen=True)
class UpdatePlan:
    """Everything about an optimizer's step that is fixed when it is compiled.

    Attributes:
        rule: builds the optax transformation from `options`.
        options: the keyword arguments of `rule`.
        layout: where the rule's slots lie among the variables.
        overwritten: of each parameter, whether its gradient replaces it.
        decay: of each parameter, the scalar that decays it, or None.
        clip: the scalar that bounds the gradients, which names the way too, or None.
        schedule_key: equal for schedules that compute the same rates.
        schedule: maps iterations to the learning rate; None where it is a variable or a scalar.
        has_rate: whether the learning rate is one of the variables.
        scales_loss: whether gradients come multiplied by the scalar `loss_scale_factor`.
        averages: whether a moving average of the parameters is kept.
        overwrite_every: the updates after which parameters become their average, or None.
        accumulate: the steps over which gradients are averaged, or None.
    """

    rule: Callable[..., optax.GradientTransformation]
    options: tuple[tuple[str, Hashable], ...]
    layout: SlotLayout
    overwritten: tuple[bool, ...]
    decay: tuple[str | None, ...]
    clip: str | None
    schedule_key: Hashable
    schedule: Callable[[Any], Any] | None = field(compare=False)
    has_rate: bool
    scales_loss: bool
    averages: bool
    overwrite_every: int | None
    accumulate: int | None

    @property
    def digest(self) -> str:
        """Equal for equal plans."""
        return digest_of(self)

    def update(
        self, grads: Arrays, variables: Arrays, params: Arrays, scalars: Scalars
    ) -> tuple[Arrays, Arrays]:
        """Return the parameters and the optimizer variables after one step; pure and traceable.

        `grads` aligns with `params`, None meaning "leave alone"; `variables` are the values of
        `optimizer.variables` and `scalars` those of `optimizer.scalars()`.
        """
        state = self._split(variables)
        params, grads, accumulators = self._overwrite(grads, state, params)
        if self.scales_loss:
            scale = scalars["loss_scale_factor"]
            grads = tuple(None if g is None else (g / scale).astype(g.dtype) for g in grads)
        state = state._replace(accumulators=accumulators)
        step = self._accumulated if self.accumulate else self._stepped
        params, state = step(grads, state, params, scalars)
        if self.averages:
            params, state = self._averaged(state, params, scalars)
        return params, self._join(state._replace(iterations=state.iterations + 1))

    def scale_loss(self, loss: Any, variables: Arrays, scalars: Scalars) -> Any:
        """Return the loss to differentiate: multiplied by the factor that `update` divides out."""
        return loss * scalars["loss_scale_factor"] if self.scales_loss else loss

    def learning_rate(self, iterations: Any, variable: Any, scalars: Scalars) -> Any:
        """Return the learning rate at a step from whichever source the plan has, or None."""
        if self.schedule is not None:
            return jnp.asarray(self.schedule(iterations), jnp.float32)
        return variable if self.has_rate else scalars.get("learning_rate")

    def _split(self, variables: Arrays) -> OptimizerState:
        rest = list(variables)
        iterations = rest.pop(0)
        rate = rest.pop(0) if self.has_rate else None
        averages: list[Any] = []
        if self.averages:
            averages = [None if replaced else rest.pop(0) for replaced in self.overwritten]
        count = len(self.overwritten) if self.accumulate else 0
        slots = self.layout.unflatten(rest[count:])
        return OptimizerState(iterations, rate, tuple(averages), tuple(rest[:count]), slots)

    def _join(self, state: OptimizerState) -> Arrays:
        rate = (state.learning_rate,) if self.has_rate else ()
        averages = tuple(average for average in state.averages if average is not None)
        slots = self.layout.flatten(state.slots)
        return (state.iterations, *rate, *averages, *state.accumulators, *slots)

    def _updates_done(self, iterations: Any) -> Any:
        return iterations // self.accumulate if self.accumulate else iterations

    def _stepped(
        self, grads: Arrays, state: OptimizerState, params: Arrays, scalars: Scalars
    ) -> tuple[Arrays, OptimizerState]:
        """Clip, decay, and change the parameters by the rule."""
        rate = self.learning_rate(state.iterations, state.learning_rate, scalars)
        if self.clip is not None:
            grads = tuple(CLIPS[self.clip](grads, scalars[self.clip]))
        params = tuple(
            _decayed(p, rate * scalars[name]) if name is not None and g is not None else p
            for p, g, name in zip(params, grads, self.decay, strict=True)
        )
        known = {**scalars, "learning_rate": rate, "step": self._updates_done(state.iterations)}
        rule: Any = self.rule(**dict(self.options))
        changes, slots = rule.update(grads, state.slots, params, **known)
        return tuple(map(_changed, params, changes)), state._replace(slots=slots)

    def _accumulated(
        self, grads: Arrays, state: OptimizerState, params: Arrays, scalars: Scalars
    ) -> tuple[Arrays, OptimizerState]:
        """Add the gradients up; every `accumulate` steps, step by their mean and start over."""
        pairs = list(zip(grads, state.accumulators, strict=True))
        sums = tuple(None if g is None else g + total for g, total in pairs)

        def keep(accumulators: list[Any]) -> Arrays:
            kept = zip(accumulators, state.accumulators, strict=True)
            return tuple(old if new is None else new.astype(old.dtype) for new, old in kept)

        def step() -> tuple[Arrays, OptimizerState]:
            means = tuple(None if total is None else total / self.accumulate for total in sums)
            stepped, after = self._stepped(means, state, params, scalars)
            cleared = [None if total is None else jnp.zeros_like(total) for total in sums]
            return stepped, after._replace(accumulators=keep(cleared))

        def hold() -> tuple[Arrays, OptimizerState]:
            return params, state._replace(accumulators=keep(list(sums)))

        return jax.lax.cond(self._is_update(state.iterations), step, hold)

    def _is_update(self, iterations: Any) -> Any:
        return (iterations + 1) % (self.accumulate or 1) == 0

    def _averaged(
        self, state: OptimizerState, params: Arrays, scalars: Scalars
    ) -> tuple[Arrays, OptimizerState]:
        """Move the averages towards the parameters, and now and then the parameters onto them."""
        done = self._updates_done(state.iterations)
        # Zero on the first step, so that the average starts as the parameter itself.
        momentum = jnp.where(done != 0, scalars["ema_momentum"], 0.0)
        averages = tuple(
            None if a is None else (momentum * a + (1 - momentum) * p).astype(a.dtype)
            for a, p in zip(state.averages, params, strict=True)
        )
        if self.overwrite_every:
            due = (done + 1) % self.overwrite_every == 0
            pairs = zip(params, averages, strict=True)
            params = tuple(p if a is None else jnp.where(due, a, p) for p, a in pairs)
        return params, state._replace(averages=averages)

    def _overwrite(
        self, grads: Arrays, state: OptimizerState, params: Arrays
    ) -> tuple[Arrays, Arrays, Arrays]:
        """Put gradients in place of the parameters they replace; return what is left to do."""
        if not any(self.overwritten):
            return params, grads, state.accumulators
        left = tuple(None if over else g for g, over in zip(grads, self.overwritten, strict=True))
        rows = list(zip(params, grads, self.overwritten, strict=True))
        if not self.accumulate:
            replaced = (g if over and g is not None else p for p, g, over in rows)
            return tuple(replaced), left, state.accumulators
        due = self._is_update(state.iterations)
        values, accumulators = list(params), list(state.accumulators)
        for i, (p, g, over) in enumerate(rows):
            if not over or g is None:
                continue
            largest = jnp.maximum(g, accumulators[i])
            values[i] = jnp.where(due, largest, p)
            accumulators[i] = jnp.where(due, jnp.zeros_like(largest), largest)
        return tuple(values), left, tuple(accumulators)


def _first(pair: tuple[int, Any]) -> int:
    return pair[0]


def _decayed(param: Any, fraction: Any) -> jax.Array:
    return (param - param * fraction).astype(param.dtype)


def _changed(param: Any, change: Any) -> Any:
    return param if change is None else (param + change).astype(param.dtype)
