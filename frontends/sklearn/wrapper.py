"""`KerasEstimator`: a Keras model, or what builds one, as a scikit-learn estimator."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted, validate_data

from graphc import keras
from graphc.sklearn.compiling import callbacks_from, compile_arguments
from graphc.sklearn.known import fitted_before
from graphc.sklearn.plans import FitHistory, FitPlan, Prepared
from graphc.sklearn.routing import (
    builder_arguments,
    check_names,
    is_routed,
    names_of,
    own_names,
    under,
)
from graphc.sklearn.sample_weights import weights_of
from graphc.sklearn.seeding import seed_of, seeded

FIT_NAMES = ("epochs", "batch_size", "shuffle")
FIT_OPTIONS = ("validation_split", "validation_batch_size", "verbose")


class KerasEstimator(BaseEstimator):
    """What the estimators share.

    Args:
        model: a function that returns a model, or a model, of which each fit trains a new clone.
            The function is called with those that it names of: `X`, `y` (for classes one column
            each), `meta` (a dict of the data's shape and classes), `compile_kwargs`, and the
            estimator's own parameters; and with all of the user's.
        warm_start: whether `fit` goes on with the model it trained before.
        model_kwargs: further arguments of the function, in a dict.
        fit_kwargs: further arguments of the model's `fit`, in a dict.
        build_fn: another name of `model`.
        optimizer: for a model that is not compiled: a name, a class, or one to make others like.
        loss: likewise; None chooses by the targets.
        metrics: likewise.
        epochs: passes over the rows.
        batch_size: rows of a step; Keras's 32 when None.
        shuffle: whether each pass has an order of its own.
        validation_split: the share of rows, from the end, that is not trained on but evaluated.
        validation_batch_size: rows of a step of that.
        callbacks: Keras callbacks, or classes of them; one or a list.
        verbose: what `fit` shows.
        run_eagerly: whether to call layers one by one, for debugging.
        random_state: makes fits alike to the bit: an int, or a generator to draw a seed from.
        **kwargs: further parameters, which `get_params` and `clone` keep: arguments of the
            function by their names, or with a prefix that says where they belong: `model__`,
            `optimizer__`, `loss__`, `metrics__`, `callbacks__`, `compile__`, `fit__`, `predict__`.
    """

    def __init__(
        self,
        model: Any = None,
        warm_start: bool = False,
        model_kwargs: Any = None,
        fit_kwargs: Any = None,
        *,
        build_fn: Any = None,
        optimizer: Any = "rmsprop",
        loss: Any = None,
        metrics: Any = None,
        epochs: int = 1,
        batch_size: int | None = None,
        shuffle: bool = True,
        validation_split: float = 0.0,
        validation_batch_size: int | None = None,
        callbacks: Any = None,
        verbose: Any = 0,
        run_eagerly: bool = False,
        random_state: Any = None,
        **kwargs: Any,
    ) -> None:
        self.model = model
        self.warm_start = warm_start
        self.model_kwargs = model_kwargs
        self.fit_kwargs = fit_kwargs
        self.build_fn = build_fn
        self.optimizer = optimizer
        self.loss = loss
        self.metrics = metrics
        self.epochs = epochs
        self.batch_size = batch_size
        self.shuffle = shuffle
        self.validation_split = validation_split
        self.validation_batch_size = validation_batch_size
        self.callbacks = callbacks
        self.verbose = verbose
        self.run_eagerly = run_eagerly
        self.random_state = random_state
        vars(self).update(kwargs)

    # Parameters

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return all parameters by name, those that the user added included."""
        del deep  # none is an estimator
        return {name: vars(self)[name] for name in sorted(vars(self)) if _is_parameter(name)}

    def set_params(self, **params: Any) -> Self:
        """Set parameters: known ones, arguments of the builder, or names with a prefix.

        Raises:
            ValueError: any other name.
        """
        known = {*self.get_params(), *_taken_by(self._builder())}
        check_names(params, known, type(self).__name__)
        vars(self).update(params)
        return self

    def _extra(self) -> dict[str, Any]:
        """Return the parameters that the user added, but those with a prefix."""
        own = own_names(type(self))
        return {
            name: value
            for name, value in self.get_params().items()
            if name not in own and not is_routed(name)
        }

    # The four steps of a fit, which a trainer of many candidates takes by itself

    def prepare(
        self, X: Any, y: Any, sample_weight: Any = None, *, reset: bool = True, classes: Any = None
    ) -> Prepared:
        """Return checked data as arrays; with `reset`, what it says of features is noted.

        Raises:
            ValueError: not numbers, not finite, or not of the shape that was trained on.
        """
        X, y = self._checked(X, y, reset=reset)
        self._learn(y, reset=reset, classes=classes)
        weights = weights_of(sample_weight, len(X))
        return Prepared(X, self._coded(y), self._weighted(y, weights))

    def learnt(self) -> dict[str, Any]:
        """Return what `prepare` has noted of the data."""
        return {name: value for name, value in vars(self).items() if not _is_parameter(name)}

    def build(self, data: Prepared) -> Any:
        """Return a new compiled model for prepared data, its first weights by `random_state`.

        Raises:
            ValueError: there is nothing to build from, or no model came of it.
        """
        with seeded(seed_of(self.random_state)):
            model = self._new_model(data)
            self._compile(model, data)
        return model

    def rows(self, data: Prepared, model: Any) -> Prepared:
        """Return prepared data with targets in the form that a model's loss takes."""
        return Prepared(data.x, self._targets(data, model), data.sample_weight)

    def fit_plan(self, *, epochs_before: int = 0, **given: Any) -> FitPlan:
        """Return how to call `fit`: the parameters', `fit_kwargs`', and what is given here.

        Args:
            epochs_before: what the model was trained before, so that orders differ from those.
            **given: arguments of a model's `fit`, which come before all others.
        """
        params = self.get_params()
        asked = {name: params[name] for name in (*FIT_NAMES, *FIT_OPTIONS)}
        asked |= dict(self.fit_kwargs or {}) | under(params, "fit") | given
        asked.setdefault("callbacks", callbacks_from(self.callbacks, under(params, "callbacks")))
        seed = seed_of(self.random_state)
        options = {name: value for name, value in asked.items() if name not in FIT_NAMES}
        return FitPlan(
            epochs=asked["epochs"],
            batch_size=asked["batch_size"] or 32,
            shuffle=asked["shuffle"],
            seed=None if seed is None else (seed + epochs_before) % 2**32,
            options={name: value for name, value in options.items() if value is not None},
        )

    def take_over(self, model: Any, history: Any, *, before: FitHistory | None = None) -> Self:
        """Become fitted: with a trained model and its history, a list for each name."""
        self.model_ = model
        self.history_ = (before or FitHistory()).extended(history)
        return self

    # Fitting

    def fit(self, X: Any, y: Any = None, sample_weight: Any = None, **kwargs: Any) -> Self:
        """Train a new model.

        Args:
            X: rows [N, F], or of more axes.
            y: their targets.
            sample_weight: their weights [N].
            **kwargs: arguments of the model's `fit`.
        """
        goes_on = self.warm_start and hasattr(self, "model_")
        plain = sample_weight is None and not kwargs and not goes_on
        if plain and (done := fitted_before(self, X, y)) is not None:
            return done
        return self._fit(X, y, sample_weight, kwargs, goes_on=goes_on)

    def partial_fit(self, X: Any, y: Any = None, sample_weight: Any = None, **kwargs: Any) -> Self:
        """Train for one epoch more, on a new model the first time."""
        kwargs.setdefault("epochs", 1)
        return self._fit(X, y, sample_weight, kwargs, goes_on=hasattr(self, "model_"))

    def initialize(self, X: Any, y: Any = None) -> Self:
        """Build the model without training it; to predict with weights that it came with."""
        data = self.prepare(X, y)
        return self.take_over(self.build(data), {})

    @property
    def current_epoch(self) -> int:
        """How many epochs the model was trained."""
        return len(getattr(self, "history_", FitHistory()).epoch)

    def _fit(
        self, X: Any, y: Any, sample_weight: Any, given: Any, *, goes_on: bool, classes: Any = None
    ) -> Self:
        data = self.prepare(X, y, sample_weight, reset=not goes_on, classes=classes)
        before: Any = self.history_ if goes_on else FitHistory()
        model = self.model_ if goes_on else self.build(data)
        plan = self.fit_plan(epochs_before=len(before.epoch), **given)
        rows = self.rows(data, model)
        with seeded(plan.seed):
            history = model.fit(
                rows.x, rows.y, epochs=plan.epochs, batch_size=plan.batch_size,
                shuffle=plan.shuffle, sample_weight=rows.sample_weight, **plan.options,
            )  # fmt: skip
        return self.take_over(model, history.history, before=before)

    def _raw(self, X: Any) -> np.ndarray:
        """Return the model's outputs for rows."""
        x = self._fitted_rows(X)
        return self._run(self.model_, x)

    def _fitted_rows(self, X: Any) -> np.ndarray:
        check_is_fitted(self)
        X = validate_data(self, X, dtype=np.float32, allow_nd=True, reset=False)
        self._check_shape(X)
        return X

    def _run(self, model: Any, x: np.ndarray) -> np.ndarray:
        params = self.get_params()
        return model.predict(
            x, **{"batch_size": self.batch_size, "verbose": 0} | under(params, "predict")
        )

    def _checked(self, X: Any, y: Any, *, reset: bool) -> tuple[np.ndarray, Any]:
        X, y = validate_data(
            self, X, y, dtype=np.float32, allow_nd=True, multi_output=True, reset=reset,
            y_numeric=self._y_numeric,
        )  # fmt: skip
        if not reset:
            self._check_shape(X)
        self.X_shape_ = X.shape
        return X, y

    def _check_shape(self, X: np.ndarray) -> None:
        if X.shape[1:] != self.X_shape_[1:]:
            raise ValueError(
                f"{type(self).__name__} was fitted on rows of another shape. "
                f"Expected: {self.X_shape_[1:]}. Received: {X.shape[1:]}"
            )

    # Building

    def _builder(self) -> Any:
        given = self.model if self.model is not None else self.build_fn
        return given if given is not None else getattr(self, "_keras_build_fn", None)

    def _new_model(self, data: Prepared) -> Any:
        builder = self._builder()
        if isinstance(builder, keras.Model):
            return builder if self.warm_start else keras.models.clone_model(builder)
        if not callable(builder):
            raise ValueError(
                f"{type(self).__name__} needs a model: a Keras model, or a function that returns "
                f"one. Received: model={builder!r}"
            )
        model = builder(**self._builder_arguments(builder, data))
        if not isinstance(model, keras.Model):
            raise ValueError(
                f"The builder of {type(self).__name__} must return a Keras model of graphc. "
                f"Received: {model!r}"
            )
        return model

    def _builder_arguments(self, builder: Any, data: Prepared) -> dict[str, Any]:
        params = self.get_params()
        offered = {"X": data.x, "y": self._shown_targets(data), "meta": self.meta()}
        named, _ = names_of(builder)
        if named & {"compile_kwargs", "optimizer"}:
            compiling = compile_arguments(params)
            offered |= {"compile_kwargs": compiling, "optimizer": compiling["optimizer"]}
        extra = {**self._extra(), **dict(self.model_kwargs or {}), **under(params, "model")}
        return builder_arguments(builder, params, extra, offered)

    def meta(self) -> dict[str, Any]:
        """Return what builders may want to know of the data and its targets."""
        names = (
            "X_shape_", "n_features_in_", "n_classes_", "classes_", "target_type_", "n_outputs_",
            "n_outputs_expected_",
        )  # fmt: skip
        return {name: getattr(self, name) for name in names if hasattr(self, name)}

    def _compile(self, model: Any, data: Prepared) -> None:
        """Compile a model that is not; set the options of an optimizer that the builder chose."""
        params = self.get_params()
        if not model.compiled:
            arguments = compile_arguments(params)
            arguments["loss"] = arguments["loss"] or self._default_loss(model, data)
            model.compile(**arguments)
            return
        taken = names_of(self._builder())[0] if not isinstance(self._builder(), keras.Model) else ()
        if {"compile_kwargs", "optimizer"} & set(taken):
            return
        for name, value in under(params, "optimizer").items():
            setattr(model.optimizer, name, value)

    # What kinds of targets differ in

    _y_numeric = False
    # Parameters that `prepare` goes by. Only a class that says so itself is taken at its word:
    # what another overrides may go by more.
    _prepares_by: tuple[str, ...] | None = None

    def _learn(self, y: Any, *, reset: bool, classes: Any) -> None:
        raise NotImplementedError(f"{type(self).__name__} must override `_learn`.")

    def _coded(self, y: Any) -> Any:
        raise NotImplementedError(f"{type(self).__name__} must override `_coded`.")

    def _shown_targets(self, data: Prepared) -> Any:
        return data.y

    def _targets(self, data: Prepared, model: Any) -> Any:
        return data.y

    def _default_loss(self, model: Any, data: Prepared) -> Any:
        return keras.losses.MeanSquaredError()

    def _weighted(self, y: Any, weights: Any) -> Any:
        return weights

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.non_deterministic = self.random_state is None
        return tags


def _is_parameter(name: str) -> bool:
    return not name.startswith("_") and not name.endswith("_")


def _taken_by(builder: Any) -> set[str]:
    if builder is None or isinstance(builder, keras.Model) or not callable(builder):
        return set()
    return names_of(builder)[0]
