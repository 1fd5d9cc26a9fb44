"""Which arrays of a checkpoint go into which variables, and onto which devices."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from graphc.keras.saving.paths import chains_of, in_order, matched, without_numbers

WEIGHTS = ("trainable_variables", "non_trainable_variables")
OPTIMIZER, METRICS = "optimizer_variables", "metrics_variables"
SKIP = ...  # Orbax's sign for an array that is not to be read
KINDS = (jnp.floating, jnp.integer, jnp.bool_, jnp.complexfloating)

Place = tuple[str, ...]  # the keys that lead to an array
Held = Mapping[str, tuple[Place, Any]]  # by path: the place, and the shape and dtype


@dataclass(frozen=True)
class Plan:
    """What to read of a checkpoint.

    Attributes:
        held: the checkpoint's tree of shapes and dtypes.
        pairs: variables, and the places of what they are to be.
        placements: for each of them the sharding that it has, None where JAX places it.
        wrong: why weights cannot be loaded.
        left: why other state is not.
    """

    held: Mapping[str, Any]
    pairs: Sequence[tuple[Any, Place]]
    placements: Sequence[Any]
    wrong: Sequence[str]
    left: list[str]

    def wanted(self) -> Any:
        """Return the tree of the checkpoint with what to read; the rest is skipped."""
        # On a device of its own choice, an array would bind the programs that use it to it.
        free = jax.sharding.SingleDeviceSharding(jax.devices()[0])
        tree = jax.tree.map(lambda _: SKIP, dict(self.held), is_leaf=_is_array)
        for (variable, place), given in zip(self.pairs, self.placements, strict=True):
            *above, name = place
            inner = tree
            for part in above:
                inner = inner[part]
            inner[name] = jax.ShapeDtypeStruct(
                variable.shape, variable.dtype, sharding=free if given is None else given
            )
        return tree

    def assign(self, arrays: Any) -> None:
        """Set the variables from the tree that was read."""
        for (variable, place), given in zip(self.pairs, self.placements, strict=True):
            array = arrays
            for part in place:
                array = array[part]
            variable.assign(np.asarray(array) if given is None else array)


def plan_of(model: Any, held: Mapping[str, Any], rebuilt: bool, skip_mismatch: bool) -> Plan:
    """Return how a model's variables are found in a checkpoint's tree.

    The optimizer is built where the checkpoint has its state.

    Args:
        model: a built model.
        held: the tree of shapes and dtypes.
        rebuilt: whether the model was made from its configuration, layer by layer.
        skip_mismatch: whether to go on where weights do not fit.
    """
    saved = {
        path: leaf for kind in WEIGHTS for path, leaf in _flat(held.get(kind), (kind,)).items()
    }
    chains = chains_of(model)
    weights = model.weights
    found = matched([v.path for v in weights], [chains[id(v)] for v in weights], saved)
    pairs, wrong = _checked(weights, found, saved)
    if wrong and not skip_mismatch:
        return Plan(held, (), (), wrong, [])
    taken = {place for _, place in pairs}
    rest = {path: leaf for path, leaf in saved.items() if leaf[0] not in taken}
    own = {id(variable) for variable in weights}
    seeds = [v for v in model.non_trainable_variables if id(v) not in own]
    pairs += _seed_pairs(seeds, rest, rebuilt)
    paths = {id(v): path for v, path in zip(weights, found, strict=True) if path is not None}
    slots, left = _optimizer_pairs(model, _flat(held.get(OPTIMIZER), (OPTIMIZER,)), paths)
    pairs += slots
    metrics, totals = model.metrics_variables, _flat(held.get(METRICS), (METRICS,))
    pairs += _checked(metrics, [v.path for v in metrics], totals)[0]
    placements = [_placement(variable, model.trainable_variables) for variable, _ in pairs]
    return Plan(held, pairs, placements, wrong, left)


def _seed_pairs(seeds: Sequence[Any], held: Held, rebuilt: bool) -> list[tuple[Any, Place]]:
    """Pair seeds in the order of the layers, for all their names are made up."""
    if not seeds:
        return []
    paths: Sequence[str] = [seed.path for seed in seeds]
    if rebuilt or not all(path in held for path in paths):
        names = {seed.name for seed in seeds}
        paths = in_order(path for path in held if path.rpartition("/")[2] in names)
    return _checked(seeds, paths, held)[0] if len(paths) == len(seeds) else []


def _optimizer_pairs(
    model: Any, held: Held, paths: Mapping[int, str]
) -> tuple[list[tuple[Any, Place]], list[str]]:
    optimizer = getattr(model, "optimizer", None)
    if optimizer is None or not held:
        return [], []
    if not optimizer.built:
        optimizer.build(model.trainable_variables)
    roots = {path.partition("/")[0] for path in held}
    renamed = [_root(path, roots) for path in _slot_paths(optimizer, model, paths)]
    pairs, wrong = _checked(optimizer.variables, renamed, held)
    if not wrong:
        return pairs, []
    return [], ["\n".join(["The optimizer's state is not loaded:", *wrong])]


def _slot_paths(optimizer: Any, model: Any, paths: Mapping[int, str]) -> list[str]:
    """Return the paths of an optimizer's variables, with the variables' names in the checkpoint."""
    owners: dict[str, list[Any]] = {}
    for variable in model.trainable_variables:
        owners.setdefault(_prefix(variable.path), []).append(variable)
    met: Counter[str] = Counter()
    found: list[str] = []
    for slot in optimizer.variables:
        root, _, name = slot.path.rpartition("/")
        prefix = max((p for p in owners if name.startswith(p)), key=len, default="")
        if prefix:
            # Two variables of one path have slots of one name, in the same order.
            owner = owners[prefix][min(met[slot.path], len(owners[prefix]) - 1)]
            met[slot.path] += 1
            name = _prefix(paths.get(id(owner), owner.path)) + name.removeprefix(prefix)
        found.append(f"{root}/{name}" if root else name)
    return found


def _prefix(path: str) -> str:
    return f"{path.replace('/', '_')}_"


def _root(path: str, roots: Collection[str]) -> str:
    """Return a path below the name that the optimizer has in the checkpoint."""
    root, slash, rest = path.partition("/")
    alike = [name for name in roots if without_numbers(name) == without_numbers(root)]
    return path if root in roots or len(alike) != 1 else f"{alike[0]}{slash}{rest}"


def _checked(
    variables: Sequence[Any], paths: Sequence[str | None], held: Held
) -> tuple[list[tuple[Any, Place]], list[str]]:
    """Return the variables with the places of what fits them, and what is wrong with the others."""
    pairs: list[tuple[Any, Place]] = []
    wrong: list[str] = []
    for variable, path in zip(variables, paths, strict=True):
        if path is None or path not in held:
            wrong.append(f"  '{variable.path}' is not in it")
            continue
        place, leaf = held[path]
        shape, dtype = getattr(leaf, "shape", None), getattr(leaf, "dtype", None)
        if shape is None or tuple(shape) != variable.shape or not _alike(dtype, variable.dtype):
            wrong.append(
                f"  '{variable.path}': expected {variable.dtype}{list(variable.shape)}. "
                f"Received: {dtype}{list(shape or ())}"
            )
            continue
        pairs.append((variable, place))
    return pairs, wrong


def _alike(one: Any, other: Any) -> bool:
    return one is not None and any(
        jnp.issubdtype(one, kind) and jnp.issubdtype(other, kind) for kind in KINDS
    )


def _placement(variable: Any, trainable: Collection[Any]) -> Any:
    """Return where a variable lies, or for a slot where the variable that it belongs to does."""
    name = variable.path.rpartition("/")[2]
    owners = [v for v in trainable if name.startswith(_prefix(v.path))]
    for candidate in (variable, *owners):
        shelf, index = candidate.home
        array = shelf.arrays[index]
        if array.committed and array.shape == variable.shape:
            return array.sharding
    return None


def _flat(tree: Any, place: Place) -> dict[str, tuple[Place, Any]]:
    """Return the arrays of a tree, each with its place, by path."""
    found: dict[str, tuple[Place, Any]] = {}
    for name, value in tree.items() if isinstance(tree, dict) else ():
        here = (*place, name)
        if isinstance(value, dict):
            found |= _flat(value, here)
        else:
            found["/".join(here[1:])] = (here, value)
    return found


def _is_array(value: Any) -> bool:
    return hasattr(value, "shape") and hasattr(value, "dtype")
