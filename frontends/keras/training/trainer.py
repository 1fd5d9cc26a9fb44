"""`Trainer`: compile, fit, evaluate and predict, with Keras's semantics."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphc.keras import optimizers
from graphc.keras.callbacks.callback_list import CallbackList
from graphc.keras.config.limits import limited_epochs, limited_steps
from graphc.keras.engine.dispatch import apply
from graphc.keras.engine.scope import current_scope, current_trace
from graphc.keras.engine.structure import map_structure
from graphc.keras.engine.weights import per_version
from graphc.keras.metrics import Mean
from graphc.keras.optimizers.loss_scale import scale_losses
from graphc.keras.training.arrays import Rows, as_rows
from graphc.keras.training.compile_loss import CompileLoss
from graphc.keras.training.compile_metrics import CompileMetrics
from graphc.keras.training.eager import EagerSteps
from graphc.keras.training.explain import report_of
from graphc.keras.training.fitting import Epochs, Held, Validation, prediction_of
from graphc.keras.training.forward import Forward
from graphc.keras.training.given import Given, whole_number
from graphc.keras.training.host import on_host
from graphc.keras.training.labels import check_labels
from graphc.keras.training.memory_budget import parse_bytes
from graphc.keras.training.model_metrics import ModelMetrics
from graphc.keras.training.nan_watch import NanWatch
from graphc.keras.training.runs import StepCache
from graphc.keras.training.state_tree import StateTree
from graphc.keras.training.steps import Steps, built_in
from graphc.keras.training.traces import step_to_tune, trace_model
from graphc.runtime.data import DeviceData
from graphc.runtime.loop import interruptible


class Trainer(Steps, ModelMetrics, StateTree):
    """The half of `Model` that trains."""

    def __init__(self) -> None:
        self.optimizer: Any = None
        self.loss: Any = None
        self.jit_compile: Any = "auto"
        self.steps_per_execution = 1
        self.compiled = False
        self.stop_training = False
        self.run_eagerly = False
        self._compile_loss: CompileLoss | None = None
        self._compile_metrics: CompileMetrics | None = None
        self._loss_tracker: Mean | None = None
        self._programs = StepCache()
        self._forward = Forward()
        self._watched = False  # whether steps tell when their loss is not finite
        self.nan_report: Any = None

    def compile(
        self,
        optimizer: Any = "rmsprop",
        loss: Any = None,
        loss_weights: Any = None,
        metrics: Any = None,
        weighted_metrics: Any = None,
        run_eagerly: bool = False,
        steps_per_execution: int = 1,
        jit_compile: Any = "auto",
        auto_scale_loss: bool = True,
        memory_budget: int | str | None = None,
    ) -> None:
        """Say how to train: see Keras's `Model.compile`.

        Args:
            optimizer: a name, an optimizer, or any optax `GradientTransformation`.
            loss: a name, function or `Loss`, or a list or dict of them by output.
            loss_weights: factors of the losses, by output.
            metrics: names, functions or `Metric`s, by output.
            weighted_metrics: metrics that sample and class weights apply to.
            run_eagerly: call the layers step by step on arrays, for debugging.
            steps_per_execution: for how many steps batch hooks are called once; how many one
                compiled call does is the loop's own choice.
            jit_compile: False is as `run_eagerly=True`; everything else compiles.
            auto_scale_loss: under the policy `mixed_float16`, wrap the optimizer in a
                `LossScaleOptimizer`.
            memory_budget: bytes that weights, gradients, optimizer and activations of a step of
                training may take, as a number or as text ("4GB"); what does not fit is computed
                again in the backward pass. `explain()` tells the plan.

        Raises:
            ValueError: an unknown name (the nearest ones are listed), or no such budget.
        """
        self._memory_budget = parse_bytes(memory_budget)
        self.optimizer = optimizers.get(optimizer)
        if auto_scale_loss and self.dtype_policy.name == "mixed_float16":
            self.optimizer = scale_losses(self.optimizer)
        names = self.output_names or None
        self.loss = loss
        self._compile_loss = None if loss is None else CompileLoss(loss, loss_weights, names)
        wanted = metrics is not None or weighted_metrics is not None
        self._compile_metrics = CompileMetrics(metrics, weighted_metrics, names) if wanted else None
        self._user_parts = (loss, metrics, weighted_metrics)
        self._loss_tracker = Mean(name="loss")
        # As in Keras on JAX, what is not to be compiled runs op by op.
        self.run_eagerly, self.jit_compile = run_eagerly or jit_compile is False, jit_compile
        self.steps_per_execution = whole_number(steps_per_execution, "steps_per_execution", least=1)
        self.stop_training = False
        self.compiled = True
        self._compile_config = {
            "optimizer": optimizer, "loss": loss, "loss_weights": loss_weights, "metrics": metrics,
            "weighted_metrics": weighted_metrics, "run_eagerly": run_eagerly,
            "steps_per_execution": steps_per_execution, "jit_compile": jit_compile,
        }  # fmt: skip
        self._programs.clear()

    # What a step computes; subclasses may override

    def compute_loss(
        self,
        x: Any = None,
        y: Any = None,
        y_pred: Any = None,
        sample_weight: Any = None,
        training: bool = True,
    ) -> Any:
        """Return the total loss: that of `compile`, `add_loss` and regularizers.

        Raises:
            ValueError: there is nothing to minimise.
        """
        losses = []
        if self._compile_loss is not None:
            trace = current_trace()
            valid = None if trace is None else trace.valid
            loss = self._compile_loss(y, y_pred, sample_weight, mask=valid)
            losses += [] if loss is None else [loss]
        losses += [
            apply("reduce.sum", apply("core.cast", one, dtype="float32")) for one in self.losses
        ]
        if not losses:
            raise ValueError(
                "No loss to compute. Provide a `loss` argument in `compile()`, or use `add_loss` "
                f"in a layer. Received: loss=None for model '{self.name}'"
            )
        total = losses[0]
        for one in losses[1:]:
            total = apply("math.add", total, one)
        return total

    @built_in
    def compute_metrics(self, x: Any, y: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        """Update the metrics of `compile` and return all results."""
        trace = current_trace()
        valid = None if trace is None else trace.valid
        if self._compile_metrics is not None:
            self._compile_metrics.update_state(y, y_pred, sample_weight, valid=valid)
        return self.get_metrics_result()

    @per_version
    def _host_layers(self) -> list[Any]:
        """The layers that cannot be part of a compiled step: those that read strings."""
        return [one for one in self._flatten_layers() if getattr(one, "runs_on_host", False)]

    # Running

    def fit(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        epochs: int = 1,
        verbose: Any = "auto",
        callbacks: Any = None,
        validation_split: float = 0.0,
        validation_data: Any = None,
        shuffle: bool = True,
        class_weight: dict[int, float] | None = None,
        sample_weight: Any = None,
        initial_epoch: int = 0,
        steps_per_epoch: int | None = None,
        validation_steps: int | None = None,
        validation_batch_size: int | None = None,
        validation_freq: Any = 1,
        on_nan: str = "ignore",
    ) -> Any:
        """Train for `epochs` passes over the data; see Keras's `Model.fit`.

        `on_nan` is ours: "raise" or "stop" when a loss is not finite, and say where it came from.

        Returns:
            A `History` whose `history` maps each name to one number an epoch.

        Raises:
            ValueError: not compiled, or data that does not fit the model.
            NonFiniteLossError: the loss became NaN or infinite, with `on_nan="raise"`.
        """
        self._need_compiled("fit")
        epochs = limited_epochs(whole_number(epochs, "epochs"))
        initial_epoch = whole_number(initial_epoch, "initial_epoch")
        steps_per_epoch = limited_steps(steps_per_epoch)
        data, split = Given(x, y, sample_weight), None
        if validation_split and validation_data is None:
            data, split = data.split(self, validation_split)
        feed = data.feed(
            self, "train", batch_size, steps_per_epoch, shuffle=bool(shuffle), weights=class_weight
        )
        if validation_data is not None:
            split = Given.unpack(validation_data)
        held = split and split.feed(
            self, "test", validation_batch_size or batch_size, limited_steps(validation_steps)
        )
        found = self._callbacks(callbacks, verbose, epochs=epochs, steps=feed.steps)
        watch = NanWatch(self, on_nan, found)
        self._watched = watch.on
        validation = Validation(held and Held(held), validation_freq)
        Epochs(self, feed, found, validation, watch).run(initial_epoch, epochs)
        return self.history

    def evaluate(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        verbose: Any = "auto",
        sample_weight: Any = None,
        steps: int | None = None,
        callbacks: Any = None,
        return_dict: bool = False,
        **kwargs: Any,
    ) -> Any:
        """Return the loss and the metrics on data, without training."""
        if kwargs:
            raise ValueError(f"Arguments not recognized: {kwargs}")
        self._need_compiled("evaluate")
        feed = Given(x, y, sample_weight).feed(self, "test", batch_size, limited_steps(steps))
        held = Held(feed)
        found = self._callbacks(callbacks, verbose, epochs=1, steps=feed.steps)
        with interruptible() as interrupt:
            logs = held.evaluate(found, interrupt)
        logs = {name: _plain(value) for name, value in logs.items()}
        return logs if return_dict else self._in_order(logs)

    def predict(
        self,
        x: Any,
        batch_size: int | None = None,
        verbose: Any = "auto",
        steps: int | None = None,
        callbacks: Any = None,
    ) -> Any:
        """Return the outputs for data as NumPy arrays, in the model's structure."""
        alone = callbacks is None and not verbose and not self.run_eagerly
        if alone and (outputs := self._forward.again(x, (batch_size, steps))) is not None:
            return outputs
        limit, run = prediction_of(self, x, batch_size, limited_steps(steps))
        found = self._callbacks(callbacks, verbose, epochs=1, steps=limit, history=False)
        found.on_predict_begin()
        outputs = run(found)
        found.on_predict_end()
        if alone:
            self._forward.remember(x, (batch_size, steps))
        return outputs

    def train_on_batch(
        self,
        x: Any,
        y: Any = None,
        sample_weight: Any = None,
        class_weight: Any = None,
        return_dict: bool = False,
    ) -> Any:
        """Do one training step on these rows; return their loss and metrics."""
        self._need_compiled("train_on_batch")
        rows = as_rows(on_host(self, x), y, sample_weight, class_weight)
        return self._on_batch("train", rows, return_dict)

    def test_on_batch(
        self, x: Any, y: Any = None, sample_weight: Any = None, return_dict: bool = False
    ) -> Any:
        """Return the loss and the metrics on these rows."""
        self._need_compiled("test_on_batch")
        rows = as_rows(on_host(self, x), y, sample_weight)
        return self._on_batch("test", rows, return_dict)

    def predict_on_batch(self, x: Any) -> Any:
        """Return the outputs for these rows as NumPy arrays."""
        rows = as_rows(on_host(self, x), may_be_empty=True)
        if rows.count:
            return self._forward.predict(self, rows)
        outputs = self._forward.predict(self, rows.placeholder())
        return map_structure(lambda array: array[:0], outputs)

    def _on_batch(self, mode: Any, rows: Rows, return_dict: bool) -> Any:
        self._start_metrics()
        if self.run_eagerly:
            logs = EagerSteps(self).step(rows, training=mode == "train")
        else:
            bound = self._programs.get(self, mode, rows, rows.count, masked=False, shuffled=False)
            check_labels(bound.traced, rows)
            data = DeviceData(tuple(rows.leaves), rows.count)
            logs = bound.traced.logs(bound.run(data, fresh=True).steps(0, 1)())
        logs = {name: _plain(value) for name, value in sorted(logs.items())}
        return logs if return_dict else self._in_order(logs)

    def _call_compiled(self, call: Any, args: Any, kwargs: Any) -> Any:
        """Call on symbols as a layer does; on arrays through the compiled forward program."""
        if current_scope() is not None or self.run_eagerly:
            return call(*args, **kwargs)
        return self._forward.call(self, call, args, kwargs)

    def explain(self, mode: str | None = None, measure: bool = False) -> Any:
        """Return the compiler's report of the last step run.

        `print` it; in a notebook it shows itself; `to_html(path)` writes a page and `to_json(path)`
        the data.

        Args:
            mode: "train", "test" or "predict"; training first when not given.
            measure: time every op of the step alone, on made-up numbers. That takes a while.

        Raises:
            ValueError: nothing of that mode was run yet.
        """
        latest = self._programs.latest
        wanted = (mode,) if mode else ("train", "test", "predict")
        bound = next((latest[name] for name in wanted if name in latest), None)
        if bound is None:
            raise ValueError(
                f"There is nothing to explain yet. Expected a call of fit, evaluate or predict on "
                f"'{self.name}' before. Received: mode={mode!r}"
            )
        return report_of(bound, measure=measure)

    def __graphc_executable__(self, inputs: Any, mode: Any, target: Any) -> Any:
        return self._forward.executable_for(self, inputs, mode, target)

    def __graphc_export__(self) -> Any:
        return self._forward.exported(self)

    def __graphc_trace__(self, mode: Any, inputs: Any, targets: Any) -> Any:
        return trace_model(self, mode, inputs, targets)

    def __graphc_step__(self, x: Any, y: Any, batch_size: int) -> Any:
        return step_to_tune(self, x, y, batch_size)

    def _in_order(self, logs: dict[str, Any]) -> Any:
        """Return the results as Keras lists them: in the order of `compile`, then by name."""
        names: list[str] = []
        for metric in self.metrics:
            inner = metric.metrics if isinstance(metric, CompileMetrics) else [metric]
            names += [each.name for each in inner]
        values = [logs[name] for name in names if name in logs]
        values += [logs[name] for name in sorted(logs) if name not in names]
        return values[0] if len(values) == 1 else values

    def _callbacks(
        self,
        callbacks: Any,
        verbose: Any,
        *,
        epochs: int,
        steps: int | None,
        history: bool = True,
    ) -> CallbackList:
        if isinstance(callbacks, CallbackList):
            return callbacks
        return CallbackList(
            callbacks, add_history=history, add_progbar=verbose not in (0, False), model=self,
            verbose=verbose, epochs=epochs, steps=steps,
        )  # fmt: skip

    def _need_compiled(self, method: str) -> None:
        if not self.compiled:
            raise ValueError(
                f"You must call `compile()` before calling `{method}()`. "
                f"Received: the model '{self.name}', which is not compiled."
            )


def _plain(value: Any) -> Any:
    array = np.asarray(value)
    return float(array) if array.ndim == 0 else array
