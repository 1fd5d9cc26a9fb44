"""Read sentences in which letters were swapped and write them right: LSTMs with attention.

Source: Luong et al., "Effective approaches to attention-based neural machine translation" (2015).

Run it with `python examples/seq2seq.py`; `EPOCHS=1` makes it short.
"""

from __future__ import annotations

import os

import numpy as np

from graphc import keras, samples
from graphc.keras import layers

EPOCHS = int(os.environ.get("EPOCHS", "6"))
ROWS = int(os.environ.get("ROWS", "2500"))
LENGTH, UNITS = 32, 96
PAD, START, END = 0, 1, 2
LETTERS = "..." + " abcdefghijklmnopqrstuvwxyz'"  # the first three stand for pad, start and end


def build():
    """Return the model (source, target so far) -> letters, and its encoder and decoder."""
    source = keras.Input((LENGTH,), dtype="int32", name="source")
    so_far = keras.Input((None,), dtype="int32", name="so_far")
    embed = layers.Embedding(len(LETTERS), 32, mask_zero=True, name="letters")
    encoder = layers.Bidirectional(
        layers.LSTM(UNITS // 2, return_sequences=True, return_state=True), name="encoder"
    )
    read, *states = encoder(embed(source))
    first = [layers.Concatenate()(states[0::2]), layers.Concatenate()(states[1::2])]
    decoder = layers.LSTM(UNITS, return_sequences=True, name="decoder")
    written = decoder(embed(so_far), initial_state=first)
    context = layers.Attention(use_scale=True, name="attention")([written, read])
    together = layers.Concatenate()([written, context])
    hidden = layers.Dense(UNITS, "tanh", name="combine")(together)
    return keras.Model([source, so_far], layers.Dense(len(LETTERS), name="logits")(hidden))


def swap(ids, rng):
    """Return letters with some neighbours swapped."""
    ids = list(ids)
    for place in range(len(ids) - 1):
        if rng.random() < 0.12:
            ids[place], ids[place + 1] = ids[place + 1], ids[place]
    return ids


def data():
    """Return sources, targets so far and targets, each [N, LENGTH]."""
    code = {letter: index for index, letter in enumerate(LETTERS) if index > 2}
    rng = np.random.default_rng(0)
    sentences, _ = samples.load_review_sentences()
    right = [[code[c] for c in text.lower() if c in code][: LENGTH - 2] for text in sentences]
    right = right[:ROWS]
    columns = [
        [swap(ids, rng) for ids in right],
        [[START, *ids] for ids in right],
        [[*ids, END] for ids in right],
    ]
    return [keras.utils.pad_sequences(c, maxlen=LENGTH, padding="post") for c in columns]


def correct(model, sources):
    """Return the sentences that the model writes, the likeliest letter each time."""
    so_far = np.full((len(sources), LENGTH), PAD, "int32")
    so_far[:, 0] = START
    for place in range(LENGTH - 1):
        logits = model.predict([sources, so_far], verbose=0)
        so_far[:, place + 1] = logits[:, place].argmax(-1)
    return ["".join(LETTERS[i] for i in row[1:]).split(".")[0] for row in so_far]


def main():
    """Train with the right letters given (teacher forcing), then write; return the history."""
    keras.utils.set_random_seed(0)
    sources, so_far, targets = data()
    model = build()
    model.compile(
        keras.optimizers.Adam(4e-3),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True, ignore_class=PAD),
        weighted_metrics=["accuracy"],
    )
    weights = (targets != PAD).astype("float32")
    history = model.fit(
        [sources, so_far], targets, batch_size=64, epochs=EPOCHS, sample_weight=weights,
        validation_split=0.1,
    )  # fmt: skip
    for wrong, right in zip(sources[-3:], correct(model, sources[-3:]), strict=True):
        print("".join(LETTERS[i] for i in wrong).strip("."), "->", right)
    return history.history


if __name__ == "__main__":
    main()
