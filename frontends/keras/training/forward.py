"""The forward pass of a model on arrays, compiled: `model(x)`, small `predict` calls, compile."""

from __future__ import annotations

import weakref
from collections import OrderedDict
from typing import Any

import jax
import numpy as np

from graphc.executable import Executable
from graphc.keras.engine.call import training_phase
from graphc.keras.engine.lazy import as_arrays, has_lazy
from graphc.keras.engine.scope import TraceScope, entered
from graphc.keras.engine.structure import flatten, map_structure, structure_of
from graphc.keras.engine.tensor import KerasTensor, Symbol
from graphc.keras.engine.variable import Variable
from graphc.keras.engine.version import Version
from graphc.keras.training.arrays import Rows
from graphc.keras.training.front import Front, front_of
from graphc.keras.training.tracer import build_by_trace
from graphc.lower import default_target
from graphc.runtime.device import put
from graphc.runtime.store import StateStore
from graphc.separable import mixing_node
from graphc.spec import TensorSpec, spec_of

KEPT = 16
OPEN = 16  # a length for axes that may have any
MANY = 97


class BoundForward:
    """One traced forward pass: its executable, bound to the model's variables."""

    def __init__(
        self, model: Any, call: Any, args: Any, kwargs: Any, mode: Any, target: Any, direct: bool
    ) -> None:
        training = mode == "train"
        scope = TraceScope(model.trainable_variables, model.non_trainable_variables)
        symbols: list[Symbol] = []

        def symbol(leaf: Any) -> Any:
            if not _is_tensor(leaf):
                return leaf
            symbols.append(scope.input(_spec(leaf), f"input_{len(symbols)}"))
            return symbols[-1]

        traced_args, traced_kwargs = map_structure(symbol, (args, kwargs))
        # Called by the user without `training`, layers go by what was recorded, or by default.
        with entered(scope), training_phase(training or (None if direct else False)):
            outputs = call(*traced_args, **traced_kwargs)
        self.outputs = structure_of(outputs)
        self.losses: Any = ()  # those that layers added in the last run, where they are wanted
        self._count = len(flatten(outputs))
        added = scope.losses if direct else []
        values = [scope.as_value(leaf) for leaf in (*flatten(outputs), *added)]
        updates = scope.updates() if training or direct else []
        if not training and all(value.node.op == "core.state" for value in updates):
            updates = []  # nothing was written
        graph = scope.builder.finish(values, updates)
        self.store = StateStore(params=tuple(scope.params), state=tuple(scope.state))
        self.scalars = tuple(scope.scalars)
        batch = frozenset(s.value for s in symbols)
        self.separable = mixing_node(graph, batch, None) is None
        self.executable = Executable(
            graph,
            mode,
            target,
            params=lambda: self.store.claim().peek("params"),
            state=lambda: self.store.peek("state"),
            keep=self.store.shelves["state"].put,
            always=bool(updates),
            pack=self._pack,
            unpack=self._unpack,
        )

    def _unpack(self, *inputs: Any) -> tuple[Any, ...]:
        leaves = [leaf for leaf in flatten(inputs) if _is_tensor(leaf)]
        scalars = tuple(np.float32(read()) for read in self.scalars)
        return (*(_device(leaf) for leaf in leaves), *scalars)

    def _pack(self, arrays: Any) -> Any:
        self.losses = arrays[self._count :]
        return self.outputs.unflatten(arrays[: self._count])

    def run(self, leaves: Any) -> Any:
        """Run on flat arrays; keep new state, where there is any."""
        return self.executable(*leaves)

    def infer(self, leaf: Any) -> Any:
        """Run on the one array that the model takes, with nothing around it; NumPy arrays."""
        scalars = [np.float32(read()) for read in self.scalars]
        params, state = self.store.claim().peek("params"), self.store.peek("state")
        arrays, _ = self.executable.serve(params, state, (_device(leaf), *scalars))
        return self.outputs.unflatten([np.array(array) for array in arrays])


class Forward:
    """The forward programs of one model, made anew when its structure changed."""

    def __init__(self) -> None:
        self._bound: OrderedDict[Any, BoundForward] = OrderedDict()
        self._small: OrderedDict[Any, BoundForward] = OrderedDict()
        # What ran last on which rows, unpadded; weakly, for rows may be a view of large data.
        self._latest: tuple[weakref.ref[np.ndarray], BoundForward] | None = None

    def call(self, model: Any, call: Any, args: Any, kwargs: Any) -> Any:
        """Call the model: on arrays through a compiled program, else as a layer."""
        leaves = flatten((args, kwargs))
        tensors = [leaf for leaf in leaves if _is_tensor(leaf)]
        concrete = [t for t in tensors if not isinstance(t, (jax.core.Tracer, KerasTensor, Symbol))]
        rest = [leaf for leaf in leaves if not _is_tensor(leaf)]
        if has_lazy(tensors):
            return self.call(model, call, *as_arrays((args, kwargs)))
        plain = all(isinstance(leaf, (bool, int, float, str, type(None))) for leaf in rest)
        if not tensors or len(concrete) != len(tensors) or not plain or not _numeric(tensors):
            return call(*args, **kwargs)
        if not model.built and (len(args) > 1 or kwargs):
            return call(*args, **kwargs)  # eagerly: it is more than the one input that `fit` has
        if not model.built:
            rows = Rows(args[0])
            build_by_trace(model, rows, rows.count)
        training = _training_of(model, args, kwargs)
        mode = "train" if training else "infer"
        bound = self._get(model, call, args, kwargs, mode, None, direct=True)
        outputs = bound.run(tensors)
        if bound.losses:
            model._clear_losses()
            model._losses.extend(bound.losses)
        return outputs

    def predict(self, model: Any, rows: Rows) -> Any:
        """Return outputs for a few rows as NumPy arrays; sizes share programs by powers of two."""
        build_by_trace(model, rows, rows.count)
        count, leaves = rows.count, (given := rows.leaves)
        bound = self._get(model, model.__call__, (rows.x,), {}, "infer", None)
        if bound.separable and count & (count - 1):
            padded = 1 << count.bit_length()
            leaves = [_repeat_first(np.asarray(leaf), padded) for leaf in leaves]
            x = rows.pack(leaves)[0]
            bound = self._get(model, model.__call__, (x,), {}, "infer", None)
        plain = leaves is given and type(rows.x) is np.ndarray
        self._latest = (weakref.ref(rows.x), bound) if plain else None
        outputs = bound.run(leaves)
        return map_structure(lambda array: np.array(np.asarray(array)[:count]), outputs)

    def again(self, x: Any, options: Any) -> Any:
        """Return the outputs for one array as NumPy arrays, where `remember` knows how; else None.

        Args:
            x: what `predict` was given.
            options: what else it was given.
        """
        if type(x) is not np.ndarray:
            return None
        bound = self._small.get(_form(x, options))
        return None if bound is None else bound.infer(x)

    def remember(self, x: Any, options: Any) -> None:
        """Note the program that `predict` has just run, if it ran on these rows as they are."""
        if self._latest is not None and self._latest[0]() is x:
            _put_last(self._small, _form(x, options), self._latest[1])
        self._latest = None

    def executable_for(self, model: Any, inputs: Any, mode: Any, target: Any) -> Executable:
        """Return the executable for inputs given as arrays, specs or shapes."""
        arrays = arrays_like(model, inputs)
        if not model._all_built:
            build_by_trace(model, Rows(arrays), Rows(arrays).count)
        return self._get(model, model.__call__, (arrays,), {}, mode, target).executable

    def _sized(self, model: Any, rows: int, lengths: Any) -> BoundForward:
        """Return the inference of so many rows and, in order, these lengths of open axes."""
        open_ones = iter(lengths)

        def spec(tensor: Any) -> TensorSpec:
            rest = [next(open_ones) if size is None else size for size in tensor.shape[1:]]
            return TensorSpec((rows, *rest), tensor.dtype)

        arrays = arrays_like(model, map_structure(spec, model.input))
        return self._get(model, model.__call__, (arrays,), {}, "infer", None)

    def _many(self, model: Any, front: Front | None) -> BoundForward:
        """Return the inference of so many rows that no other size is likely to be their number."""
        if front is not None:
            arrays = front.prepared
        else:
            specs = map_structure(lambda t: TensorSpec((MANY, *t.shape[1:]), t.dtype), model.input)
            arrays = arrays_like(model, specs)
        return self._get(model, model.__call__, (arrays,), {}, "infer", None)

    def exported(self, model: Any) -> dict[str, Any]:
        """Return what `graphc.export` needs: inference of one row, the weights, and names."""
        _check_inputs(model)
        front, many = None, None
        if model._host_layers:
            front, many = front_of(model, 1), front_of(model, MANY)
        open_axes = _open_axes(model)
        if open_axes and front is None:
            lengths = [OPEN] * len(open_axes)
            bound, several = (self._sized(model, rows, lengths) for rows in (1, MANY))
        else:
            arrays = arrays_like(model, None) if front is None else front.prepared
            bound = self._get(model, model.__call__, (arrays,), {}, "infer", None)
            several = self._many(model, many)
        store = bound.store.claim()

        def trace(rows: int, lengths: Any) -> Executable:
            return self._sized(model, rows, lengths).executable

        return {
            "executable": bound.executable, "params": store.peek("params"),
            "state": store.peek("state"),
            "constants": [np.float32(read()) for read in bound.scalars],
            "many": several.executable.traced, "inputs": model.input_names,
            "outputs": model.output_names, "named_outputs": isinstance(model.output, dict),
            "front": front and front.description, "front_inputs": front.inputs if front else (),
            "trace": None if front else trace, "open_axes": () if front else open_axes,
        }  # fmt: skip

    def _get(
        self, model: Any, call: Any, args: Any, kwargs: Any, mode: Any, target: Any,
        direct: bool = False,
    ) -> BoundForward:  # fmt: skip
        leaves = flatten((args, kwargs))
        shapes = tuple(
            (tuple(leaf.shape), np.dtype(leaf.dtype)) if _is_tensor(leaf) else leaf
            for leaf in leaves
        )
        target = target or default_target()
        key = (structure_of((args, kwargs)), shapes, mode, target, Version.number, direct)
        bound = self._bound.get(key)
        if bound is None:
            bound = BoundForward(model, call, args, kwargs, mode, target, direct)
        _put_last(self._bound, key, bound)
        return bound


def _check_inputs(model: Any) -> None:
    """Refuse a model that does not say what its inputs are."""
    if getattr(model, "_record", None) is not None:
        return
    raise ValueError(
        f"Model '{model.name}' cannot be exported before it is built. Expected a model that was "
        "called on data or built. Received: one without weights and inputs"
    )


def _open_axes(model: Any) -> list[tuple[int, int]]:
    """Return the inputs, by place, and their axes beside the first whose length is open."""
    return [
        (place, axis)
        for place, tensor in enumerate(model.inputs)
        for axis, size in enumerate(tensor.shape)
        if axis and size is None
    ]


def _put_last(kept: OrderedDict[Any, BoundForward], key: Any, bound: BoundForward) -> None:
    """Keep a program as the one used last, and let go of the one used longest ago."""
    kept[key] = bound
    kept.move_to_end(key)
    while len(kept) > KEPT:
        kept.popitem(last=False)


def _form(x: np.ndarray, options: Any) -> Any:
    return x.shape, x.dtype, options, Version.number, default_target()


def _is_tensor(leaf: Any) -> bool:
    return isinstance(leaf, (jax.Array, np.ndarray, Variable, KerasTensor, Symbol))


def _numeric(tensors: list[Any]) -> bool:
    return all(not isinstance(t, np.ndarray) or t.dtype.kind in "biufc" for t in tensors)


def _device(leaf: Any) -> Any:
    """What a program takes: NumPy arrays go in as they are, faster than by way of the device."""
    if isinstance(leaf, Variable):
        return leaf.value
    if isinstance(leaf, np.ndarray) and leaf.dtype == jax.dtypes.canonicalize_dtype(leaf.dtype):
        return leaf
    return put(leaf)


def _spec(leaf: Any) -> TensorSpec:
    return spec_of(jax.ShapeDtypeStruct(leaf.shape, jax.dtypes.canonicalize_dtype(leaf.dtype)))


def _training_of(model: Any, args: Any, kwargs: Any) -> bool:
    if len(args) == 1 and not kwargs:  # binding arguments takes as long as a small model
        return False
    if not model._call_arguments.training:
        return bool(kwargs.get("training"))  # for the layers inside
    named = model._call_arguments.named(args, kwargs)
    return bool(named.get("training"))


def _repeat_first(array: np.ndarray, rows: int) -> np.ndarray:
    missing = rows - array.shape[0]
    return np.concatenate([array, np.broadcast_to(array[:1], (missing, *array.shape[1:]))])


def _filled(shape: Any) -> tuple[int, ...]:
    """Return a shape with 1 for the batch when it is unknown."""
    if any(size is None for size in shape[1:]):
        raise ValueError(
            f"The model leaves more than its batch open. Expected `inputs` with all sizes given. "
            f"Received: shape {tuple(shape)}"
        )
    return tuple(1 if size is None else size for size in shape)


def arrays_like(model: Any, inputs: Any) -> Any:
    """Return zeros for inputs given as arrays, specs or shapes; for the model's own by default."""
    if inputs is None:
        inputs = map_structure(lambda t: TensorSpec(_filled(t.shape), t.dtype), model.input)
    return map_structure(_placeholder, _as_specs(inputs))


def _as_specs(inputs: Any) -> Any:
    if isinstance(inputs, dict):
        return {name: _as_specs(value) for name, value in inputs.items()}
    if hasattr(inputs, "shape"):
        return TensorSpec(_filled(inputs.shape), str(np.dtype(inputs.dtype)))
    if all(size is None or isinstance(size, int) for size in inputs):
        return TensorSpec(_filled(inputs), "float32")
    return [_as_specs(value) for value in inputs]


def _placeholder(spec: TensorSpec) -> np.ndarray:
    """Return an array of this spec that takes no memory."""
    return np.broadcast_to(np.zeros((), spec.dtype), spec.shape)
