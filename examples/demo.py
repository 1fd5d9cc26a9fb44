"""Trains two tutorial models on the packaged data and shows what the compiler did: `make demo`.

    python examples/demo.py [--out FOLDER]

Needs no network. Takes about a minute on two cores, and ends with two plots.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from graphc import keras
from graphc.keras import layers
from graphc.samples import load_fashion_mnist, load_review_indices

OUT = Path(__file__).parents[1] / "out"
BATCH = 32
MAXLEN = 64  # words of a sentence; all but a few have fewer
VOCABULARY = 10000

History = dict[str, list[float]]
Params = list[tuple[jax.Array, jax.Array]]


@dataclass(frozen=True)
class Data:
    """Rows to train on, to watch during training, and to judge the result by."""

    train: tuple[np.ndarray, np.ndarray]
    validation: tuple[np.ndarray, np.ndarray]
    test: tuple[np.ndarray, np.ndarray]

    def head(self, rows: int) -> Data:
        """The first rows of each part."""
        parts = (self.train, self.validation, self.test)
        return Data(*((x[:rows], y[:rows]) for x, y in parts))


@dataclass(frozen=True)
class Trained:
    """A model, the history of its training and its accuracy on the test rows."""

    model: Any
    history: History
    accuracy: float


def images() -> Data:
    """Fashion-MNIST: 5,400 + 600 + 1,000 images of clothes, from 0 to 1, in ten classes."""
    (x, y), (x_test, y_test) = load_fashion_mnist()
    order = np.random.default_rng(0).permutation(len(x))  # the file is sorted by nothing we know
    x, y = x[order] / 255.0, y[order]
    return Data((x[600:], y[600:]), (x[:600], y[:600]), (x_test / 255.0, y_test))


def sentences() -> Data:
    """Review sentences: 2,000 + 400 + 600 rows of 64 word indices, and whether they praise."""
    ((x, y), (x_test, y_test)), _ = load_review_indices(num_words=VOCABULARY)
    x, x_test = (
        keras.utils.pad_sequences(rows, value=0, padding="post", maxlen=MAXLEN)
        for rows in (x, x_test)
    )
    return Data((x[400:], y[400:]), (x[:400], y[:400]), (x_test, y_test))


def image_model() -> Any:
    """Tutorial 1: Flatten, Dense 128, Dense 10."""
    model = keras.Sequential(name="images")
    model.add(keras.Input((28, 28)))
    model.add(layers.Flatten())
    model.add(layers.Dense(128, activation="relu"))
    model.add(layers.Dense(10, activation="softmax"))
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def sentence_model() -> Any:
    """Tutorial 4: Embedding, mean over the words, Dense 16, Dense 1."""
    model = keras.Sequential(name="sentences")
    model.add(keras.Input((MAXLEN,), dtype="int32"))
    model.add(layers.Embedding(VOCABULARY, 16))
    model.add(layers.GlobalAveragePooling1D())
    model.add(layers.Dense(16, activation="relu"))
    model.add(layers.Dense(1, activation="sigmoid"))
    model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    return model


def train(model: Any, data: Data, epochs: int) -> Trained:
    """Fit with live progress, then judge on the test rows."""
    model.summary()
    history = model.fit(
        *data.train, batch_size=BATCH, epochs=epochs, validation_data=data.validation
    )
    _, accuracy = model.evaluate(*data.test, verbose=0)
    print(f"Right on {accuracy:.1%} of {len(data.test[0]):,} test rows.")
    return Trained(model, history.history, accuracy)


def show_compiler(model: Any) -> None:
    """Print the compiler's report and the graph of a training step before and after the passes."""
    report = model.explain("train")
    print(report)
    print("\nThe kernel chosen for each op:\n")
    print(kernels(report))
    print("\nThe training step as traced:\n")
    print(report.before)
    print("\nand after the passes:\n")
    print(report.after)


def kernels(report: Any) -> str:
    """A line an op of the compiled step: how many nodes, and which kernel computes them."""
    chosen = Counter((node.op, choice.kernel.name) for node, choice in report.choices())
    return "\n".join(
        f"  {op:<40} {name}{f' ({count} times)' if count > 1 else ''}"
        for (op, name), count in chosen.items()
    )


def logits_of(params: Params, x: jax.Array) -> jax.Array:
    """The MLP of `image_model`, by hand; [B, 28, 28] to [B, 10]."""
    (w1, b1), (w2, b2) = params
    hidden = jax.nn.relu(x.reshape(len(x), -1) @ w1 + b1)  # [B, 128]
    return hidden @ w2 + b2


def plain_step(optimizer: optax.GradientTransformation) -> Callable[..., Any]:
    """One jitted training step, as one writes it in JAX."""

    def loss_of(params: Params, x: jax.Array, y: jax.Array) -> tuple[jax.Array, jax.Array]:
        logits = logits_of(params, x)
        return optax.softmax_cross_entropy_with_integer_labels(logits, y).mean(), logits

    def step(params: Params, slots: Any, totals: jax.Array, x: Any, y: Any) -> Any:
        (loss, logits), gradients = jax.value_and_grad(loss_of, has_aux=True)(params, x, y)
        updates, slots = optimizer.update(gradients, slots)
        right = (logits.argmax(-1) == y).mean()
        return optax.apply_updates(params, updates), slots, totals + jnp.stack([loss, right])

    return jax.jit(step, donate_argnums=(0, 1, 2))


def plain_epochs(model: Any, x: np.ndarray, y: np.ndarray) -> Callable[[], jax.Array]:
    """A function that trains a copy of the image model for one epoch by plain JAX steps.

    It returns loss and accuracy, the means over the steps.
    """
    w1, b1, w2, b2 = (jnp.array(weight) for weight in model.get_weights())
    optimizer = optax.adam(1e-3, eps=1e-7)
    params: Any = [(w1, b1), (w2, b2)]
    slots, step = optimizer.init(params), plain_step(optimizer)
    x, y = x.astype(np.float32), y.astype(np.int32)
    random, starts = np.random.default_rng(0), range(0, len(x), BATCH)

    def epoch() -> jax.Array:
        nonlocal params, slots
        order, totals = random.permutation(len(x)), jnp.zeros(2)
        for start in starts:
            rows = order[start : start + BATCH]
            params, slots, totals = step(params, slots, totals, x[rows], y[rows])
        return jax.block_until_ready(totals / len(starts))

    return epoch


def compare(model: Any, data: Data, repeats: int = 5) -> str:
    """A sentence on our time a step against plain JAX's, taken in turns on the same rows."""
    x, y = data.train
    epochs = {
        "plain": plain_epochs(model, x, y),
        "graphc": lambda: model.fit(x, y, batch_size=BATCH, epochs=1, verbose=0),
    }
    seconds: dict[str, list[float]] = {name: [] for name in epochs}
    for turn in range(repeats + 1):
        for name, epoch in epochs.items():
            begin = time.perf_counter()
            epoch()
            if turn:  # the first turn compiles
                seconds[name].append(time.perf_counter() - begin)
    return verdict(seconds["plain"], seconds["graphc"], steps=-(-len(x) // BATCH))


def verdict(plain: list[float], ours: list[float], steps: int) -> str:
    """What the seconds of some epochs say; no winner is named where their ranges overlap."""
    slow, fast = statistics.median(plain), statistics.median(ours)
    text = (
        f"A step takes {1e3 * slow / steps:.3f} ms in plain jitted JAX and "
        f"{1e3 * fast / steps:.3f} ms in graphc"
    )
    if max(ours) < min(plain):
        return f"{text}: {slow / fast:.1f} times faster."
    if max(plain) < min(ours):
        return f"{text}: {fast / slow:.1f} times slower."
    return f"{text}: no difference that stands out of the noise."


def plot(trained: Mapping[str, Trained], folder: Path) -> list[Path]:
    """Write accuracy.png and loss.png: training and validation by epoch, a panel a model."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for name in ("accuracy", "loss"):
        figure = Figure(figsize=(10, 4), layout="constrained")
        panels = figure.subplots(1, len(trained), squeeze=False)[0]
        for panel, (title, one) in zip(panels, trained.items(), strict=True):
            epochs = range(1, len(one.history[name]) + 1)
            panel.plot(epochs, one.history[name], "o", label="training")
            panel.plot(epochs, one.history[f"val_{name}"], "-", label="validation")
            panel.set(title=title, xlabel="epoch", ylabel=name)
            panel.xaxis.set_major_locator(MaxNLocator(integer=True))
            panel.legend()
        written.append(folder / f"{name}.png")
        figure.savefig(written[-1], dpi=120)
    return written


def heading(text: str) -> None:
    """Print a line that parts the demo's sections."""
    print(f"\n\033[1m{text}\033[0m\n" if os.isatty(1) else f"\n{text}\n{'-' * len(text)}\n")


def main() -> None:
    """Run the demo."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=OUT, help="folder for the plots")
    folder = parser.parse_args().out
    begin = time.perf_counter()
    keras.utils.set_random_seed(0)

    heading("1. Clothes: the first Keras tutorial's model on a tenth of Fashion-MNIST")
    clothes = images()
    by_image = train(image_model(), clothes, epochs=5)
    heading("2. Reviews: the text tutorial's model on 3,000 sentences from three sites")
    by_sentence = train(sentence_model(), sentences(), epochs=20)
    heading("3. What the compiler made of the first model")
    show_compiler(by_image.model)
    heading("4. The same network and data, written by hand in JAX")
    print(compare(by_image.model, clothes))

    plots = plot({"clothes": by_image, "reviews": by_sentence}, folder)
    print(
        f"\nDone in {time.perf_counter() - begin:.0f} s. Test accuracy: "
        f"{by_image.accuracy:.3f} on clothes, {by_sentence.accuracy:.3f} on reviews. "
        f"Plots: {' and '.join(os.path.relpath(path) for path in plots)}"
    )


if __name__ == "__main__":
    main()
