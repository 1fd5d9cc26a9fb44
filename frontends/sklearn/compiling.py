"""How a model that its builder did not compile is compiled: from the estimator's parameters."""

from __future__ import annotations

import inspect
from typing import Any

from graphc import keras
from graphc.sklearn.routing import Params, under

LINEAR = ("linear", "identity")


def compile_arguments(params: Params) -> dict[str, Any]:
    """Return the arguments of `compile` that parameters ask for; the loss may be None."""
    metrics = params["metrics"]
    return {
        "optimizer": optimizer_from(params["optimizer"], under(params, "optimizer")),
        "loss": made(params["loss"], under(params, "loss"), keras.losses.get),
        "metrics": _metrics(metrics, under(params, "metrics")),
        **({"run_eagerly": True} if params["run_eagerly"] else {}),
        **under(params, "compile"),
    }


def optimizer_from(given: Any, options: Params) -> Any:
    """Return a new optimizer of the kind given (a name, class or instance), with options.

    Each fit gets its own: one that has trained another model holds that one's state.
    """
    if isinstance(given, type):
        return given(**options)
    optimizer = keras.optimizers.get(given)
    config = optimizer.get_config()
    if isinstance(given, str):
        config = {"name": config["name"]} if options else config
    return type(optimizer).from_config({**config, **options})


def made(given: Any, options: Params, get: Any) -> Any:
    """Return an object of a class or of a name with options; anything else as it is."""
    if isinstance(given, type):
        return given(**options)
    if not options:
        return given
    found = get(given)
    if not isinstance(found, type) and hasattr(found, "from_config"):
        return type(found).from_config({**found.get_config(), **options})
    return _class_of(given, get)(**options)


def _class_of(given: Any, get: Any) -> Any:
    """Return the class behind the name of a function: "binary_crossentropy"."""
    module = inspect.getmodule(get)
    package = keras.losses if module and "losses" in module.__name__ else keras.metrics
    wanted = str(given).replace("_", "").lower()
    for name in dir(package):
        if isinstance(getattr(package, name), type) and name.lower() == wanted:
            return getattr(package, name)
    raise ValueError(
        f"Options were given for {given!r}, which is no class and has none of its name. "
        f"Received: {given!r}"
    )


def _metrics(given: Any, options: Params) -> Any:
    if given is None:
        return None
    many = given if isinstance(given, (list, tuple)) else [given]
    if isinstance(given, dict):
        return given
    return [_fresh_metric(made(one, options, keras.metrics.get)) for one in many]


def _fresh_metric(metric: Any) -> Any:
    """Return a metric without the state of earlier fits."""
    if isinstance(metric, keras.Metric):
        return type(metric).from_config(metric.get_config())
    return metric


def callbacks_from(given: Any, options: Params) -> list[Any] | None:
    """Return callbacks from one or several objects or classes; classes are made with options."""
    if given is None:
        return None
    many = given if isinstance(given, (list, tuple)) else [given]
    return [one(**options) if isinstance(one, type) else one for one in many]


def loss_name(model: Any) -> str:
    """Return the name of a compiled model's loss in lower case; empty where it has several."""
    loss = model.loss
    if isinstance(loss, (list, tuple)) and len(loss) == 1:
        loss = loss[0]
    if isinstance(loss, str):
        return loss.lower()
    return str(getattr(loss, "name", None) or getattr(loss, "__name__", "")).lower()


def ends_linear(model: Any) -> bool:
    """Return whether a model puts out raw scores, as far as its last layer tells."""
    layers = getattr(model, "layers", None)
    activation = getattr(layers[-1], "activation", None) if layers else None
    return getattr(activation, "__name__", "") in LINEAR


def gives_logits(model: Any) -> bool:
    """Return whether the loss takes what a model puts out for logits."""
    loss = model.loss
    options = {**getattr(loss, "_fn_kwargs", {}), **getattr(loss, "__dict__", {})}
    config = loss.get_config() if hasattr(loss, "get_config") else options
    return bool(config.get("from_logits", False))


def width_of(model: Any, x: Any) -> int:
    """Return how many numbers a model puts out for a row."""
    if not model.built:
        model.predict_on_batch(x[:1])
    try:
        shape = model.output_shape
    except (AttributeError, RuntimeError, NotImplementedError):
        shape = model.predict_on_batch(x[:1]).shape
    return int(shape[-1]) if len(shape) > 1 else 1
