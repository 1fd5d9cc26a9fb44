"""What each pass buys on a model that it is for: with the pass, and without it.

    python bench/passes.py [--only fold_batch_norm,merge_linear] [--repeats N] [--out FILE]

Wants an idle machine. The models of `run.py --ablate` are whole ones, where one pass is a small
part, and training ones, where those for inference have nothing to do. Samples are taken in turns,
in one process.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from tables import duration
from timing import differs, machine, measure, median, turns_won
from workloads import WORKLOADS

from graphc import clear_cache, config, keras, tensorflow
from graphc.passes import PASSES

REPEATS = 15
RNG = np.random.default_rng(0)
Call = Callable[[], Any]
layers, ops = keras.layers, keras.ops


@dataclass(frozen=True)
class Case:
    """A model that a pass is for: `make` returns what is timed, made and warmed.

    With `memory`, that of the training step is told, too.
    """

    title: str
    make: Callable[[], Call]
    calls: int = 1  # in one sample
    memory: bool = False


def normal(*shape: int) -> np.ndarray:
    """Return made-up inputs."""
    return RNG.normal(size=shape).astype("float32")


def classes(rows: int, count: int) -> np.ndarray:
    """Return made-up targets."""
    return RNG.integers(0, count, rows)


@dataclass(frozen=True)
class Epoch:
    """An epoch of a compiled model."""

    model: Any
    x: Any
    y: Any
    batch: int

    def __call__(self) -> Any:
        return self.model.fit(self.x, self.y, batch_size=self.batch, verbose=0)


def training(build: Callable[[], Any], x: Any, y: Any, batch: int = 32) -> Callable[[], Call]:
    """An epoch of a model that is built when asked for."""
    return lambda: Epoch(build(), x, y, batch)


def predicting(build: Callable[[], Any], x: Any) -> Callable[[], Call]:
    """A prediction of all rows at once."""

    def make() -> Call:
        model = build()
        return lambda: model.predict(x, batch_size=len(x), verbose=0)

    return make


def first_steps(build: Callable[[], Any], x: Any, y: Any) -> Callable[[], Call]:
    """Tracing, passes, compilation and one step of a new model."""

    def make() -> Call:
        def run() -> None:
            clear_cache()
            build().fit(x, y, batch_size=len(x), verbose=0)

        return run

    return make


def compiled(inputs: Any, outputs: Any, loss: Any) -> Any:
    """Return a compiled model."""
    model = keras.Model(inputs, outputs)
    model.compile("adam", loss)
    return model


def written_gelu(x: Any) -> Any:
    """GELU by its formula."""
    return 0.5 * x * (1.0 + ops.tanh(0.7978845608 * (x + 0.044715 * x * x * x)))


def written_norm(x: Any) -> Any:
    """Layer normalization by its formula."""
    mean = ops.mean(x, axis=-1, keepdims=True)
    variance = ops.mean(ops.square(x - mean), axis=-1, keepdims=True)
    return (x - mean) / ops.sqrt(variance + 1e-5)


def written_attention() -> Any:
    """Self-attention of four heads by its formula."""
    x = layers.Input((1024, 64))
    q, k, v = (_heads(layers.Dense(64)(x)) for _ in range(3))
    scores = ops.matmul(q, ops.transpose(k, (0, 1, 3, 2))) / 4.0
    mixed_values = ops.transpose(ops.matmul(ops.softmax(scores), v), (0, 2, 1, 3))
    return compiled(x, layers.Dense(64)(ops.reshape(mixed_values, (-1, 1024, 64))), "mse")


def _heads(x: Any) -> Any:
    return ops.transpose(ops.reshape(x, (-1, 1024, 4, 16)), (0, 2, 1, 3))


def masked_attention() -> Any:
    """Causal self-attention by its formula, as books have it."""
    x = layers.Input((2048, 64))
    q, k, v = (layers.Dense(64)(x) for _ in range(3))
    scores = ops.matmul(q, ops.transpose(k, (0, 2, 1))) / 8.0
    visible = ops.tril(ops.ones((2048, 2048), dtype="bool"))
    scores = ops.where(visible, scores, -1e9)
    return compiled(x, layers.Dense(64)(ops.matmul(ops.softmax(scores), v)), "mse")


def normalized_blocks() -> Any:
    """Twelve blocks, each with its normalization written out."""
    x = layers.Input((64, 128))
    hidden = layers.Dense(128)(x)
    for _ in range(12):
        inner = layers.Dense(512, activation="relu")(written_norm(hidden))
        hidden = hidden + layers.Dense(128)(inner)
    return compiled(x, hidden, "mse")


def activated() -> Any:
    """Three activations written out, on what is large beside the layer before."""
    x = layers.Input((64, 256))
    hidden = layers.Dense(256)(x)
    for _ in range(3):
        hidden = written_gelu(hidden)
    return compiled(x, hidden, "mse")


def inception() -> Any:
    """Four 1x1 convolutions of the same tensor."""
    x = layers.Input((28, 28, 64))
    parts = [layers.Conv2D(16, 1, activation="relu")(x) for _ in range(4)]
    return compiled(x, layers.Concatenate()(parts), "mse")


class Linear(layers.Layer):
    """The layer that guides begin with."""

    def __init__(self, units: int) -> None:
        super().__init__()
        self.units = units

    def build(self, shape: Any) -> None:
        """Make the weights."""
        self.w = self.add_weight((shape[-1], self.units), "glorot_uniform")
        self.b = self.add_weight((self.units,), "zeros")

    def call(self, inputs: Any) -> Any:
        """Return the product and its bias."""
        return ops.matmul(inputs, self.w) + self.b


def written_chain() -> Any:
    """A bottleneck without an activation, of a layer of one's own."""
    x = layers.Input((512,))
    return compiled(x, Linear(512)(Linear(512)(x)), "mse")


def softmax_head() -> Any:
    """A classifier of many classes whose last activation is softmax."""
    x = layers.Input((64,))
    return compiled(
        x, layers.Dense(5000, activation="softmax")(x), "sparse_categorical_crossentropy"
    )


def logits_head() -> Any:
    """A classifier of so many classes that its logits are large."""
    x = layers.Input((64,))
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    return compiled(x, layers.Dense(16384)(x), loss)


def linear_chain() -> Any:
    """A bottleneck without an activation."""
    x = layers.Input((512,))
    return compiled(x, layers.Dense(512)(layers.Dense(512)(x)), "mse")


def pooled_words() -> Any:
    """The mean of the embeddings of a text."""
    words = layers.Input((256,), dtype="int32")
    mean = layers.GlobalAveragePooling1D()(layers.Embedding(10000, 32)(words))
    return compiled(words, layers.Dense(1, activation="sigmoid")(mean), "binary_crossentropy")


def deep(blocks: int = 60) -> Any:
    """Many equal blocks."""
    x = layers.Input((16, 32))
    hidden = x
    for _ in range(blocks):
        inner = layers.LayerNormalization()(hidden)
        inner = layers.MultiHeadAttention(2, 16)(inner, inner)
        hidden = hidden + layers.Dense(32)(layers.Dense(64, activation="gelu")(inner))
    return compiled(x, hidden, "mse")


def flattened_chain() -> Any:
    """A bottleneck without an activation, and a layer that computes nothing."""
    x = layers.Input((512,))
    return compiled(x, layers.Dense(512)(layers.Flatten()(layers.Dense(512)(x))), "mse")


class WithTape(keras.Model):
    """A model whose training step is written with a gradient tape, as guides have it."""

    def train_step(self, data: Any) -> dict[str, Any]:
        """Take one step."""
        x, y = data
        with tensorflow.GradientTape() as tape:
            predictions = self(x, training=True)
            loss = self.compute_loss(y=y, y_pred=predictions)
        gradients = tape.gradient(loss, self.trainable_variables)
        self.optimizer.apply_gradients(zip(gradients, self.trainable_variables, strict=True))
        for metric in self.metrics:
            if metric.name == "loss":
                metric.update_state(loss)
            else:
                metric.update_state(y, predictions)
        return {metric.name: metric.result() for metric in self.metrics}


def with_tape() -> Any:
    """A recurrent model with such a step: its predictions are used after the gradient, too."""
    x = layers.Input((200, 32))
    model = WithTape(x, layers.Dense(1)(layers.LSTM(64)(x)))
    model.compile("adam", "mse", metrics=["mae"])
    return model


def rows(name: str, count: int) -> np.ndarray:
    """Return rows of a workload's inputs."""
    workload = WORKLOADS[name]
    return workload.prepare(workload.load().arrays)["x"][:count]


def built(name: str) -> Callable[[], Any]:
    """Return the builder of a workload."""
    return lambda: WORKLOADS[name].build(keras)


MANY = normal(4096, 64), classes(4096, 16384)
X256, X64 = normal(512, 512), normal(256, 64)
CASES: dict[str, Case] = {
    "share_forward": Case("training step of one's own around an LSTM: epoch", training(
        with_tape, normal(256, 200, 32), normal(256, 1))),
    "simplify": Case("two layers, flattened in between: predict of 512 rows", predicting(
        flattened_chain, X256), 5),
    "raise_products": Case("two linear layers of one's own: predict of 512 rows", predicting(
        written_chain, X256), 5),
    "raise_gelu": Case("GELU by its formula, three times: epoch", training(
        activated, normal(256, 64, 256), normal(256, 64, 256))),
    "raise_norm": Case("twelve blocks with layer normalization by its formula: epoch", training(
        normalized_blocks, normal(64, 64, 128), normal(64, 64, 128), 16)),
    "raise_attention": Case("attention over 1,024 places by its formula: epoch", training(
        written_attention, normal(8, 1024, 64), normal(8, 1024, 64), 4)),
    "fuse_softmax_xent": Case("softmax over 5,000 classes: epoch", training(
        softmax_head, X64, classes(256, 5000))),
    "fuse_linear_xent": Case("16,384 classes, batches of 4,096: epoch", training(
        logits_head, *MANY, 4096), memory=True),
    "fold_batch_norm": Case("ResNet-20: predict of 64 rows", predicting(
        built("resnet20"), rows("resnet20", 64)), 2),
    "merge_linear": Case("two layers without activation: predict of 512 rows", predicting(
        linear_chain, X256), 5),
    "pool_embedding": Case("the mean of 256 embeddings: epoch", training(
        pooled_words, classes(4096 * 256, 10000).reshape(4096, 256), classes(4096, 2), 512)),
    "merge_parallel": Case("four 1x1 convolutions of one tensor: epoch", training(
        inception, normal(64, 28, 28, 64), normal(64, 28, 28, 64))),
    "roll_blocks": Case("first step of 60 blocks", first_steps(
        deep, normal(8, 16, 32), normal(8, 16, 32))),
}  # fmt: skip


def row_of(name: str, case: Case, repeats: int) -> dict[str, Any]:
    """One pass, measured on its case."""
    calls: dict[str, Call] = {}
    memory: dict[str, int] = {}
    for way, setting in (("with", ()), ("without", (f"-{name}",))):
        with config.PASSES(setting):
            made = case.make()
            made()
            if case.memory and isinstance(made, Epoch):
                memory[way] = made.model.explain().memory.temporary
        calls[way] = _under(setting, made, case.calls)
    samples = measure(calls, repeats)
    ratio = median(samples["without"]) / median(samples["with"])
    won, clear = turns_won(samples["with"], samples["without"])
    clear = clear or differs(samples["with"], samples["without"])
    return {
        "pass": name, "title": case.title, "ratio": ratio, "won": won, "clear": clear,
        "memory": memory, "samples": samples,
    }  # fmt: skip


def _under(setting: tuple[str, ...], made: Call, calls: int) -> Call:
    def run() -> None:
        with config.PASSES(setting):
            for _ in range(calls):
                made()

    return run


def line(row: dict[str, Any]) -> str:
    """One row as text."""
    having, lacking = (duration(median(row["samples"][way])) for way in ("with", "without"))
    turns = f"{row['won']} of {len(row['samples']['with'])} turns"
    note = f"{row['ratio']:.2f}x in {turns}" if row["clear"] else f"no difference in {turns}"
    if row["memory"]:
        sizes = (f"{row['memory'][way] / 2**20:,.0f} MB" for way in ("with", "without"))
        note += ", on the way {} for {}".format(*sizes)
    return f"{row['pass']:<18} {row['title']:<62} {having:>10} {lacking:>10}   {note}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print a table, and keep the samples."""
    parser = argparse.ArgumentParser(description="What each pass buys, on a model it is for.")
    parser.add_argument("--only", default=",".join(CASES), help="comma-separated names of passes")
    parser.add_argument("--repeats", type=int, default=REPEATS)
    parser.add_argument("--out", type=Path, help="JSON file to write")
    chosen = parser.parse_args(arguments)
    unknown = set(chosen.only.split(",")) - set(CASES)
    if unknown:
        parser.error(f"expected names among {sorted(CASES)}. Received: {sorted(unknown)}")
    print(f"{'pass':<18} {'on':<62} {'with':>10} {'without':>10}   {'buys'}")
    rows_found = []
    for name in chosen.only.split(","):
        repeats = min(3, chosen.repeats) if name == "roll_blocks" else chosen.repeats
        rows_found.append(row_of(name, CASES[name], repeats))
        print(line(rows_found[-1]), flush=True)
    missing = sorted({step.name for step in PASSES} - set(CASES))
    print(f"without a case: {', '.join(missing) or 'none'}")
    if chosen.out is not None:
        found = {"machine": machine(), "when": time.strftime("%Y-%m-%d"), "rows": rows_found}
        chosen.out.write_text(json.dumps(found, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
