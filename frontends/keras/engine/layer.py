"""`Layer`: configuration, variables, and a `call` that maps tensors to tensors."""

from __future__ import annotations

import inspect
import warnings
from contextlib import nullcontext
from typing import Any, ClassVar

from graphc.keras.engine import tracking
from graphc.keras.engine.building import (
    build_arguments,
    map_shapes,
    marking_built,
    shape_of,
    take_input_shape,
)
from graphc.keras.engine.call import (
    CallArguments,
    any_mask,
    convert_arguments,
    fill_masks,
    is_tensor_like,
    mask_of,
    outermost_call,
    resolve_training,
    set_masks,
    training_phase,
)
from graphc.keras.engine.dispatch import apply, infer_call
from graphc.keras.engine.dtype_policy import DTypePolicy, get_policy
from graphc.keras.engine.input_spec import check_input
from graphc.keras.engine.lookups import LOOKUPS
from graphc.keras.engine.name_scope import current_path, scope_of
from graphc.keras.engine.opaque import open_or_opaque
from graphc.keras.engine.operation import Operation, record_call
from graphc.keras.engine.remat import current_remat_scope
from graphc.keras.engine.scope import current_scope, current_trace, user_source
from graphc.keras.engine.settings import auto_name, is_float_dtype
from graphc.keras.engine.stateless_call import stateless_call
from graphc.keras.engine.structure import flatten, map_structure
from graphc.keras.engine.tensor import KerasTensor
from graphc.keras.engine.variable import autocast
from graphc.keras.engine.version import structural_change
from graphc.keras.engine.weights import LayerWeights


class Layer(LayerWeights, Operation):
    """The base of all layers: Keras 3's `Layer`.

    Args:
        activity_regularizer: a penalty on the output, added to the loss.
        trainable: whether `fit` updates its variables.
        dtype: a dtype or a `DTypePolicy`.
        autocast: whether float inputs are cast to the compute dtype.
        name: its name; made from the class name otherwise.

    Raises:
        ValueError: an unknown keyword argument.
    """

    # Attributes of an object made so are of no interest to saving; those of a subclass are.
    saving_base: ClassVar[dict[str, Any]] = {"name": "base"}

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        layer = super().__new__(cls)
        object.__setattr__(layer, "_source", user_source())
        object.__setattr__(layer, "_constructed_with", (args, kwargs))
        object.__setattr__(layer, "_remat", current_remat_scope())
        return layer

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "build" in vars(cls):
            cls.build = marking_built(cls.build)

    def __init__(
        self,
        *,
        activity_regularizer: Any = None,
        trainable: bool = True,
        dtype: Any = None,
        autocast: bool = True,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        if name is not None and (not isinstance(name, str) or "/" in name):
            raise ValueError(
                f"Argument `name` must be a string and cannot contain character `/`. "
                f"Received: name={name} (of type {type(name)})"
            )
        Operation.__init__(self, name or auto_name(type(self).__name__))
        self._losses: list[Any] = []
        self._trainable = bool(trainable)
        self.built = False
        self._called = False
        self.dtype_policy: DTypePolicy = get_policy(dtype)
        self.autocast = autocast
        self.input_spec: Any = None
        self.supports_masking = type(self).compute_mask is not Layer.compute_mask
        self.activity_regularizer = LOOKUPS["regularizer"](activity_regularizer)
        self._build_shapes: Any = None
        self._path: str | None = None
        self._parent_path: str | None = None
        self._call_arguments = CallArguments(self.call)
        self._input_shape_arg = take_input_shape(kwargs)
        if kwargs:
            raise ValueError(
                f"Unrecognized keyword arguments passed to {type(self).__name__}: {kwargs}"
            )

    def __setattr__(self, name: str, value: Any) -> None:
        if tracking.is_structural(self, name, value):
            structural_change()
        super().__setattr__(name, value)

    # What subclasses write

    def build(self, input_shape: Any) -> None:
        """Create the variables. Subclasses override it; the default only builds sub-layers."""
        self._build_by_run(input_shape)
        self.built = True

    def call(self, *args: Any, **kwargs: Any) -> Any:
        """Map input tensors to output tensors. Subclasses override it."""
        raise NotImplementedError(
            f"Layer {type(self).__name__} does not have a `call()` method implemented."
        )

    def compute_mask(self, inputs: Any, previous_mask: Any) -> Any:
        """Return the output's mask, given the input's."""
        return previous_mask

    def compute_output_shape(self, *args: Any, **kwargs: Any) -> Any:
        """Return the output's shape for an input's shape (None where unknown)."""
        shapes = [*args, *kwargs.values()]
        inputs = [
            map_shapes(lambda shape: KerasTensor(shape, self.compute_dtype), s) for s in shapes
        ]
        outputs = self.compute_output_spec(*inputs)
        return map_structure(lambda tensor: tensor.shape, outputs)

    def compute_output_spec(self, *args: Any, **kwargs: Any) -> Any:
        """Return KerasTensors like the outputs, by tracing `call` without computing anything."""
        self._maybe_build(self._call_arguments.named(args, kwargs))
        return infer_call(self._run, args, kwargs)

    # The call

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if "_call_arguments" not in self.__dict__:
            raise RuntimeError(
                f"In layer {type(self).__name__}, you forgot to call `super().__init__()` as the "
                "first statement of `__init__()`."
            )
        self._called = True
        if "training" in kwargs and not self._call_arguments.takes_training:
            phase = kwargs["training"]  # for the layers inside, though `call` does not ask for it
            kwargs = {name: value for name, value in kwargs.items() if name != "training"}
            with nullcontext() if phase is None else training_phase(phase):
                return Layer.__call__(self, *args, **kwargs)
        given = args, kwargs  # recorded as they are: a cast tensor would be none of the graph's
        args, kwargs = convert_arguments((args, kwargs), self.dtype_policy, self.autocast)
        named = self._call_arguments.named(args, kwargs)
        if named:
            first = next(iter(named.values()))
            check_input(self.input_spec, first, self.name, self._source)
        self._maybe_build(named)
        if any(isinstance(leaf, KerasTensor) for leaf in flatten((args, kwargs))):
            return record_call(self, *given, self._infer(named, args, kwargs))
        return self._run(*args, **kwargs)

    def stateless_call(
        self,
        trainable_variables: Any,
        non_trainable_variables: Any,
        *args: Any,
        return_losses: bool = False,
        **kwargs: Any,
    ) -> Any:
        """Call without reading or setting any variable: a pure function, for `jax.jit` and `grad`.

        Args:
            trainable_variables: values of the variables of this name, in their order.
            non_trainable_variables: the same of the others.
            args: of the call, as are `kwargs`.
            return_losses: whether to return the losses, too.

        Returns:
            (outputs, non-trainable variables after the call), with `return_losses` also the losses.

        Raises:
            ValueError: the layer is not built, or the values are not as many as its variables.
        """
        return stateless_call(
            self, trainable_variables, non_trainable_variables, args, kwargs, losses=return_losses
        )

    def _infer(self, named: dict[str, Any], args: Any, kwargs: Any) -> Any:
        if type(self).compute_output_spec is not Layer.compute_output_spec:
            return self.compute_output_spec(*args, **kwargs)
        if type(self).compute_output_shape is Layer.compute_output_shape or len(named) > 1:
            return infer_call(self._run, args, kwargs)
        shapes = map_structure(lambda tensor: tensor.shape, next(iter(named.values())))
        shape = self.compute_output_shape(shapes)
        return map_shapes(lambda size: KerasTensor(size, self.compute_dtype), shape)

    def _run(self, *args: Any, **kwargs: Any) -> Any:
        """Call on arrays or symbols: resolve the phase and masks, then `call`."""
        arguments = self._call_arguments
        named = arguments.named(args, kwargs)
        training = resolve_training(arguments, named.get("training"))
        if arguments.training and training is not None and "training" not in named:
            kwargs["training"] = training
        fill_masks(arguments, named, kwargs)
        first = next(iter(named.values()), None)
        masks = kwargs.get("mask") if kwargs.get("mask") is not None else mask_of(first)
        with training_phase(training), autocast(self._autocast_dtype()), scope_of(self):
            outputs = self._call_in_scope(args, kwargs)
        self._hand_on_masks(first, outputs, masks)
        return outputs

    def _call_in_scope(self, args: Any, kwargs: Any) -> Any:
        trace = current_trace()
        if trace is None:
            with outermost_call(self._clear_losses):
                outputs = self.call(*args, **kwargs)
                self._penalise_activity(outputs)
            return outputs
        with outermost_call(self._clear_losses), trace.layer(self.name, self._source):
            call = self.call if self._remat is None else self._remat.wrap(self)
            outputs = open_or_opaque(call, args, kwargs, self.variables, self.name)
            self._penalise_activity(outputs)
        return outputs

    def _autocast_dtype(self) -> str | None:
        if not self.autocast or not is_float_dtype(self.compute_dtype):
            return None
        return self.compute_dtype if self.compute_dtype != self.variable_dtype else None

    def _penalise_activity(self, outputs: Any) -> None:
        if self.activity_regularizer is None:
            return
        for output in flatten(outputs):
            loss = self.activity_regularizer(output)
            size = float(output.shape[0]) if output.ndim else 1.0
            self.add_loss(apply("math.divide", loss, size))

    def _hand_on_masks(self, first: Any, outputs: Any, masks: Any) -> None:
        if self.supports_masking:
            set_masks(outputs, self.compute_mask(first, masks))
        elif any_mask(masks):
            warnings.warn(
                f"Layer '{self.name}' (of type {type(self).__name__}) was passed an input with a "
                "mask attached to it. However, this layer does not support masking and will "
                "therefore destroy the mask information. Downstream layers will not see the mask.",
                stacklevel=2,
            )

    # Building

    def _maybe_build(self, named: dict[str, Any]) -> None:
        if self.built and not self._shapes_open:
            return
        self._shapes_open = False
        shapes = {
            name: map_structure(shape_of, value)
            for name, value in named.items()
            if any(is_tensor_like(leaf) for leaf in flatten(value))
        }
        arguments = build_arguments(self.build, shapes)
        if type(self).build is not Layer.build:
            self.build(*arguments.values())
            return
        with scope_of(self):
            self._path = current_path()
        self._build_shapes_dict = arguments
        self._build_shapes = next(iter(arguments.values()), None)
        self.built = True

    def _build_by_run(self, input_shape: Any) -> None:
        """Build the sub-layers by tracing `call` on a tensor of this shape."""
        if type(self).call is Layer.call or not tracking_sublayers(self):
            return
        inputs = map_shapes(lambda shape: KerasTensor(shape, self.compute_dtype), input_shape)
        infer_call(self._run, (inputs,), {})

    def add_loss(self, loss: Any) -> None:
        """Add scalar tensors, computed in `call`, to the training loss."""
        for value in flatten(loss):
            if not is_tensor_like(value):
                raise ValueError(
                    "`add_loss()` expects tensors that were computed from the layer's input. "
                    f"Received: {value}"
                )
            scope = current_scope()
            self._losses.append(value) if scope is None else scope.add_loss(value, self)

    # Configuration

    @property
    def dtype(self) -> str:
        """The dtype of the variables."""
        return self.dtype_policy.variable_dtype

    @property
    def compute_dtype(self) -> str:
        """The dtype that `call` computes in."""
        return self.dtype_policy.compute_dtype

    @property
    def input_dtype(self) -> str:
        """The dtype that float inputs are cast to."""
        return self.dtype_policy.compute_dtype

    @property
    def variable_dtype(self) -> str:
        """The dtype of the variables."""
        return self.dtype_policy.variable_dtype

    @property
    def path(self) -> str | None:
        """Names of the layers around it when it was built, and its own; None before that."""
        return self._path

    @property
    def input(self) -> Any:
        """The input KerasTensor(s) of the first call."""
        return self._first_node().arguments.args[0]

    @property
    def output(self) -> Any:
        """The output KerasTensor(s) of the first call."""
        return self._first_node().output_structure

    def _first_node(self) -> Any:
        if self._inbound_nodes:
            return self._inbound_nodes[0]
        raise AttributeError(
            f"The layer {self.name} has never been called on a KerasTensor and thus has no defined "
            "input and output."
        )

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments; subclasses add theirs."""
        config: dict[str, Any] = {"name": self.name, "trainable": self._trainable}
        config["dtype"] = LOOKUPS["serialize"](self.dtype_policy)
        if self.activity_regularizer is not None:
            config["activity_regularizer"] = LOOKUPS["serialize"](self.activity_regularizer)
        return (
            config if type(self).get_config is not Layer.get_config else self._auto_config(config)
        )

    def _auto_config(self, config: dict[str, Any]) -> dict[str, Any]:
        """Return the arguments that the object was made with: a subclass wrote no `get_config`."""
        if type(self).__init__ is Layer.__init__:
            return config
        args, kwargs = self._constructed_with
        bound = inspect.signature(type(self).__init__).bind(self, *args, **kwargs).arguments
        given = {k: v for k, v in list(bound.items())[1:] if k != "kwargs"}
        given.update(bound.get("kwargs", {}))
        names = inspect.signature(type(self).__init__).parameters
        rest = any(p.kind is p.VAR_KEYWORD for p in names.values())
        return {**{k: v for k, v in config.items() if rest or k in names}, **given}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        """Make a layer from `get_config()`."""
        config = dict(config)
        config["dtype"] = LOOKUPS["deserialize"](config.get("dtype"))
        if config["dtype"] is None:
            del config["dtype"]
        return cls(**config)

    def get_build_config(self) -> dict[str, Any] | None:
        """Return the shapes that the layer was built with."""
        shapes = getattr(self, "_build_shapes_dict", None) or {}
        if len(shapes) > 1:
            return {"shapes_dict": shapes}
        return None if self._build_shapes is None else {"input_shape": self._build_shapes}

    def build_from_config(self, config: dict[str, Any]) -> None:
        """Build from `get_build_config()`."""
        shapes = config.get("shapes_dict") or {"input_shape": config.get("input_shape")}
        self._build_shapes_dict = shapes
        self._build_shapes = next(iter(shapes.values()))
        if self._build_shapes is not None:
            self.build(*shapes.values())

    def __reduce__(self) -> Any:
        return LOOKUPS["reduce"](self)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} name={self.name}, built={self.built}>"


def tracking_sublayers(layer: Any) -> list[Any]:
    """Return the layers among a layer's attributes."""
    return tracking.unique(i for i in tracking.attributes(layer) if isinstance(i, Layer))
