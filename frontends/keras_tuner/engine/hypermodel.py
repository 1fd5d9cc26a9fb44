"""What is searched: a function from hyperparameters to a model, and how the model is trained."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from graphc.keras_tuner.engine.hyperparameters import HyperParameters
from graphc.keras_tuner.errors import FatalValueError


class HyperModel:
    """A family of models: override `build`, and `fit` where `model.fit` is not what you want.

    Args:
        name: a name, for your own use.
        tunable: False keeps what `build` asks for out of the search space: defaults are used.
    """

    def __init__(self, name: str | None = None, tunable: bool = True) -> None:
        self.name = name
        self.tunable = tunable
        self._written_build = self.build
        self.build = self._build_apart  # so that `tunable` holds for overridden methods as well

    def build(self, hp: HyperParameters) -> Any:
        """Return a compiled model for the values in `hp`."""
        raise NotImplementedError(f"{type(self).__name__} must override `build(hp)`.")

    def declare_hyperparameters(self, hp: HyperParameters) -> None:
        """Ask for hyperparameters before the first build."""

    def fit(self, hp: HyperParameters, model: Any, *args: Any, **kwargs: Any) -> Any:
        """Train a model.

        Args:
            hp: the values of the trial; more may be asked for.
            model: what `build` returned.
            args, kwargs: what `search` was given, with the callbacks of the tuner.

        Returns:
            a `History`, a dict from names to numbers that holds the objective, or the objective.
        """
        return model.fit(*args, **kwargs)

    def _build_apart(self, hp: HyperParameters, *args: Any, **kwargs: Any) -> Any:
        return self._written_build(hp if self.tunable else hp.copy(), *args, **kwargs)


class DefaultHyperModel(HyperModel):
    """A function from hyperparameters to a model, as a `HyperModel`."""

    def __init__(
        self, build: Callable[[HyperParameters], Any], name: str | None = None, tunable: bool = True
    ) -> None:
        self._function = build
        super().__init__(name, tunable)

    def build(self, hp: HyperParameters) -> Any:
        return self._function(hp)


def get_hypermodel(hypermodel: Any) -> HyperModel | None:
    """Return a `HyperModel`, made from a function if need be.

    Raises:
        FatalValueError: it is neither, nor None.
    """
    if hypermodel is None or isinstance(hypermodel, HyperModel):
        return hypermodel
    if not callable(hypermodel):
        raise FatalValueError(
            "`hypermodel` must be a function from hyperparameters to a model, or a `HyperModel`. "
            f"Received: {hypermodel!r} (of type {type(hypermodel).__name__})"
        )
    return DefaultHyperModel(hypermodel)


def trains_as_usual(hypermodel: HyperModel) -> bool:
    """Whether `fit` is `model.fit`, with the very arguments that it is given."""
    return type(hypermodel).fit is HyperModel.fit
