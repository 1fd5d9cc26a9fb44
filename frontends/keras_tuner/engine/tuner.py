"""A search of Keras models: builds, trains, keeps the best weights of each trial."""

from __future__ import annotations

import json
import math
import warnings
from typing import Any

from graphc import keras
from graphc.keras.training.own_steps import mark_built
from graphc.keras_tuner.engine.base_tuner import SHAPES, WEIGHTS, BaseTuner, path_in
from graphc.keras_tuner.engine.callbacks import (
    BatchCallback,
    SaveBestEpoch,
    TunerCallback,
    copied,
)
from graphc.keras_tuner.engine.folds import Part, split, whole
from graphc.keras_tuner.engine.hypermodel import trains_as_usual
from graphc.keras_tuner.engine.hyperparameters import HyperParameters
from graphc.keras_tuner.engine.oracle import Oracle
from graphc.keras_tuner.engine.results import Measured, read_outcome
from graphc.keras_tuner.engine.together import TogetherRunner
from graphc.keras_tuner.engine.trial import Trial
from graphc.keras_tuner.errors import FailedTrialError, FatalTypeError, FatalValueError
from graphc.keras_tuner.studies.samplers import seed_at

# Lanes train without these: where a subclass has its own, trials go on one after another.
HOOKS = (
    "run_trial", "_build_and_fit_model", "_measured", "on_epoch_begin", "on_epoch_end",
    "on_batch_begin", "on_batch_end",
)  # fmt: skip


class Tuner(BaseTuner):
    """A search of Keras models.

    Trials of equal structure (where only rates and factors differ) share compiled programs.

    Args:
        oracle, hypermodel, directory, project_name, overwrite: see `BaseTuner`.
        max_model_size: models of more parameters fail without being trained; None for no limit.
        optimizer, loss, metrics: replace those of the models' `compile`; None keeps them.
        distribution_strategy: must be None: see `graphc.keras.distribution`.
        executions_per_trial: how often a model is trained, each time from new weights. The
            objective is the mean.
        cv: how many folds to cross-validate over, or a splitter of scikit-learn: the objective is
            the mean over the folds; None trains on what `search` is given.
        kwargs: see `BaseTuner`.

    Raises:
        ValueError: there is no hypermodel, and `run_trial` is not overridden.
    """

    def __init__(
        self,
        oracle: Oracle,
        hypermodel: Any = None,
        max_model_size: int | None = None,
        optimizer: Any = None,
        loss: Any = None,
        metrics: Any = None,
        distribution_strategy: Any = None,
        directory: Any = None,
        project_name: str | None = None,
        logger: Any = None,
        tuner_id: str | None = None,
        overwrite: bool = False,
        executions_per_trial: int = 1,
        cv: Any = None,
        **kwargs: Any,
    ) -> None:
        if hypermodel is None and type(self).run_trial is Tuner.run_trial:
            raise ValueError("`hypermodel` may be None only where `run_trial` is overridden.")
        if distribution_strategy is not None:
            raise ValueError(
                "Use `graphc.keras.distribution` to train on several devices. Received: "
                f"distribution_strategy={distribution_strategy!r}"
            )
        self.max_model_size = max_model_size
        self.optimizer, self.loss, self.metrics = optimizer, loss, metrics
        self.executions_per_trial = executions_per_trial
        self.cv = cv
        kwargs["runner"] = kwargs.get("runner") or TogetherRunner()
        super().__init__(
            oracle,
            hypermodel,
            directory=directory,
            project_name=project_name,
            overwrite=overwrite,
            tuner_id=tuner_id,
            logger=logger,
            **kwargs,
        )

    def arguments_for(self, trial: Trial) -> dict[str, Any]:
        """Return arguments of `fit` that are the trial's own."""
        del trial
        return {}

    def run_trial(self, trial: Trial, *args: Any, **kwargs: Any) -> Any:
        kwargs |= self.arguments_for(trial)
        callbacks = kwargs.pop("callbacks", None) or []
        saver = SaveBestEpoch(self.oracle.objective, path_in(self, trial.trial_id, WEIGHTS))
        results = []
        for number, part in enumerate(self._parts(args, kwargs) * self.executions_per_trial):
            self._seed(trial, number)
            watch = self._watch(trial, prunes=number == 0)
            own = [*copied(callbacks), watch, saver]
            part_kwargs = {**self._quiet(part.kwargs), "callbacks": own}
            results.append(self._build_and_fit_model(trial, *part.args, **part_kwargs))
            if self.oracle.objective.measured:
                self._seed(trial, number, "measuring")
            results[-1] = self._measured(results[-1], watch.model, part, saver)
            saver.ensure(watch.model)
            if trial.note.get("pruned"):
                break
        return results

    def reason_against_lanes(self) -> str | None:
        for name in HOOKS:
            if getattr(type(self), name) is not getattr(Tuner, name):
                return f"{type(self).__name__} overrides {name}"
        return None

    def load_model(self, trial: Trial) -> Any:
        model = self._try_build(trial.hyperparameters)
        return self._restore(model, trial.trial_id)

    def on_batch_begin(self, trial: Trial, model: Any, batch: int, logs: Any = None) -> None:
        """Called before a batch, if overridden."""

    def on_batch_end(self, trial: Trial, model: Any, batch: int, logs: Any = None) -> None:
        """Called after a batch, if overridden."""

    def on_epoch_begin(self, trial: Trial, model: Any, epoch: int, logs: Any = None) -> None:
        """Called before an epoch."""

    def on_epoch_end(self, trial: Trial, model: Any, epoch: int, logs: Any = None) -> None:
        """Called after an epoch, with its logs."""

    def _parts(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> list[Part]:
        if self.cv is None:
            return whole(args, kwargs)
        try:
            return split(self.cv, self.oracle.seed, args, kwargs)
        except ValueError as error:  # no other trial would fare better
            raise FatalValueError(str(error)) from error

    def _watch(self, trial: Trial, prunes: bool) -> TunerCallback:
        """Return the callback that calls the tuner's hooks: batches cost, and most need none."""
        hooks = ("on_batch_begin", "on_batch_end")
        batches = any(getattr(type(self), name) is not getattr(Tuner, name) for name in hooks)
        return (BatchCallback if batches else TunerCallback)(self, trial, prunes)

    def _quiet(self, kwargs: dict[str, Any]) -> dict[str, Any]:
        """Return the arguments without what would print among the search's own table."""
        assert self.hypermodel is not None
        verbose = kwargs.get("verbose", "auto")
        if verbose not in (1, "auto", True) or not trains_as_usual(self.hypermodel):
            return kwargs
        return {**kwargs, "verbose": 0}

    def _seed(self, trial: Trial, number: int, what: str = "training") -> None:
        """Make training number `number` of a trial the same in every run of the search."""
        if self.oracle.seeded:
            place = int(trial.trial_id), number
            keras.utils.set_random_seed(seed_at(self.oracle.seed, what, *place))

    def _build_and_fit_model(self, trial: Trial, *args: Any, **kwargs: Any) -> Any:
        """Return what `fit` returned for a new model of the trial's values."""
        assert self.hypermodel is not None
        hp = trial.hyperparameters
        model = self._try_build(hp)
        for callback in kwargs["callbacks"][-2:]:  # those of the tuner
            callback.set_model(model)  # a `fit` of the user's may not pass them on
        results = self.hypermodel.fit(hp, model, *args, **kwargs)
        config = model.get_build_config() or {}
        path_in(self, trial.trial_id, SHAPES).write_text(json.dumps(config))
        if not self.oracle.objective.measured:
            read_outcome(results, self.oracle.objective, "HyperModel.fit()")
        return results

    def _measured(self, results: Any, model: Any, part: Part, saver: SaveBestEpoch) -> Any:
        """Return the results with the objectives that are functions of the model."""
        measured = self.oracle.objective.measured
        if not measured:
            return results
        values = {one.name: float(one.measure(model, part.held)) for one in measured}
        found = Measured(results, values)
        outcome = read_outcome(found, self.oracle.objective, "HyperModel.fit()")
        saver.offer(model, outcome.metrics[self.oracle.objective.name])
        return found

    def _try_build(self, hp: HyperParameters) -> Any:
        """Return a new model.

        Raises:
            FatalTypeError: the builder returns something else.
            FailedTrialError: the model is larger than allowed.
        """
        keras.utils.clear_session()  # equal names in every trial
        model = self._build_hypermodel(hp)
        if not isinstance(model, keras.Model):
            raise FatalTypeError(
                "The builder must return a Keras model. "
                f"Received: {model!r} (of type {type(model).__name__})"
            )
        size = sum(math.prod(weight.shape) for weight in model.trainable_weights)
        if self.max_model_size is not None and size > self.max_model_size:
            raise FailedTrialError(f"The model has {size} parameters: over {self.max_model_size}.")
        return model

    def _build_hypermodel(self, hp: HyperParameters) -> Any:
        assert self.hypermodel is not None
        model = self.hypermodel.build(hp)
        if self.optimizer or self.loss or self.metrics:
            self._override_compile_args(model)
        return model

    def _override_compile_args(self, model: Any) -> None:
        optimizer = self.optimizer or model.optimizer
        if not isinstance(optimizer, str):  # each model needs its own
            optimizer = type(optimizer).from_config(optimizer.get_config())
        known = model.get_compile_config() or {} if model.compiled else {}
        loss = self.loss or getattr(model, "loss", None)
        model.compile(optimizer, loss, metrics=self.metrics or known.get("metrics"))

    def _restore(self, model: Any, trial_id: str) -> Any:
        """Return `model` with the best weights of a trial."""
        mark_built(model)
        if not model.built:
            model.build_from_config(json.loads(path_in(self, trial_id, SHAPES).read_text()))
        optimizer = model.optimizer
        if optimizer is not None and not optimizer.built:  # so that its state is restored as well
            optimizer.build(model.trainable_variables)
        with warnings.catch_warnings():  # a model may have other optimizers, of which we know none
            warnings.filterwarnings("ignore", "Skipping the variables of optimizer")
            model.load_weights(path_in(self, trial_id, WEIGHTS))
        return model
