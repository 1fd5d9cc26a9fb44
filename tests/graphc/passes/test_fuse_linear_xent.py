"""`fuse_linear_xent`: before and expected as code, equal numbers, near misses with reasons."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import jax
import numpy as np
import pytest

import graphc
from graphc import config, keras
from graphc.body import every_node
from graphc.builder import Builder
from graphc.ir import Graph, Value
from graphc.kernels.registry import TIERS, Target
from graphc.lower import lower, plan
from graphc.match import match
from graphc.passes import FUSE_LINEAR_XENT, fuse_linear_xent
from tests.graphc.graphs import assert_same_structure, ops_of, spec

BATCH, STEPS, WIDTH, WORDS = 4, 6, 5, 9
COUNT = BATCH * STEPS * WORDS
LOSS = "nn.sparse_categorical_crossentropy"
# Sums of a few terms of the size of 1 in another order.
TOLERANCE = 2e-6
LEAST = fuse_linear_xent.LEAST  # before a test lowers it
KINDS = ("plain", "product", "bias", "reshape", "cast", "cast_reshape", "reshape_cast")


@pytest.fixture(autouse=True)
def few_logits_are_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fuse_linear_xent, "LEAST", COUNT)


def _operands(b: Builder, kind: str) -> tuple[Value, Value, Value | None, Value]:
    dtype = "bfloat16" if "cast" in kind else "float32"
    kernel = b.param(spec(WIDTH, WORDS, dtype=dtype), "kernel")
    bias = None if kind in ("plain", "product") else b.param(spec(WORDS, dtype=dtype), "bias")
    x = b.param(spec(BATCH, STEPS, WIDTH, dtype=dtype), "x")
    shape = (BATCH * STEPS,) if "reshape" in kind else (BATCH, STEPS)
    return x, kernel, bias, b.input(spec(*shape, dtype="int32"), "target")


def before(kind: str) -> Graph:
    b = Builder()
    x, kernel, bias, target = _operands(b, kind)
    product = kind == "product"
    logits = b.emit("linalg.matmul", x, kernel) if product else b.emit("nn.dense", x, kernel, bias)
    for step in kind.split("_"):
        if step == "reshape":
            logits = b.emit("shape.reshape", logits, newshape=(BATCH * STEPS, WORDS))
        elif step == "cast":
            logits = b.emit("core.cast", logits, dtype="float32")
    return b.finish([b.emit(LOSS, target, logits, from_logits=True)])


def expected(kind: str) -> Graph:
    b = Builder()
    x, kernel, bias, target = _operands(b, kind)
    if "reshape" in kind:
        x = b.emit("shape.reshape", x, newshape=(BATCH * STEPS, WIDTH))
    return b.finish([b.emit("nn.linear_crossentropy", x, kernel, bias, target)])


@pytest.mark.parametrize("kind", KINDS)
def test_the_graph_is_as_expected(kind: str) -> None:
    after, events = FUSE_LINEAR_XENT(before(kind))
    assert_same_structure(after, expected(kind))
    assert [event.reason for event in events] == [None]


def _arguments(graph: Graph, seed: int) -> Any:
    rng = np.random.default_rng(seed)
    params = tuple(
        jax.numpy.asarray(rng.normal(size=v.spec.shape), v.spec.dtype) for v in graph.params
    )
    # Some targets are no class.
    (target,) = graph.inputs
    return params, (), (rng.integers(-1, WORDS + 1, target.spec.shape).astype("int32"),)


def _both(graph: Graph, arguments: Any, tiers: tuple[str, ...]) -> list[np.ndarray]:
    """Return the losses and all gradients along a cotangent that differs everywhere."""
    run = lower(graph, plan(graph, Target("cpu", tiers)))
    params, state, inputs = arguments
    losses, pull = jax.vjp(lambda p: run(p, state, inputs)[0][0], params)
    cotangent = np.cos(np.arange(losses.size, dtype="float32")).reshape(losses.shape)
    return [np.asarray(each, "float32") for each in (losses, *pull(cotangent)[0])]


@pytest.mark.parametrize("tiers", [("reference",), TIERS], ids=["reference", "fused"])
@pytest.mark.parametrize("kind", KINDS)
def test_the_numbers_are_the_same(kind: str, tiers: tuple[str, ...]) -> None:
    graph = before(kind)
    arguments = _arguments(graph, 0)
    ours = _both(FUSE_LINEAR_XENT(graph)[0], arguments, tiers)
    # bfloat16 has 8 bits: the logits are rounded to them, or not; gradients are in the end.
    tolerance = 2e-2 if "cast" in kind else TOLERANCE
    for one, other in zip(ours, _both(graph, arguments, ("reference",)), strict=True):
        scale = max(1.0, float(np.abs(other).max()))
        np.testing.assert_allclose(one, other, rtol=0, atol=tolerance * scale)


def _declined(graph: Graph) -> str | None:
    after, (event,) = FUSE_LINEAR_XENT(graph)
    assert after is graph
    return event.reason


def test_few_logits_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fuse_linear_xent, "LEAST", COUNT + 1)
    assert _declined(before("bias")) == f"the {COUNT} logits are fewer than {COUNT + 1}"


def test_by_default_logits_of_a_hundred_megabytes_are_many() -> None:
    assert 4 * LEAST == 128 * 2**20


@pytest.mark.parametrize("reader", ["reduce.argmax", "nn.softmax"])
def test_logits_that_a_metric_reads_are_left_alone(reader: str) -> None:
    b = Builder()
    x, kernel, bias, target = _operands(b, "bias")
    logits = b.emit("nn.dense", x, kernel, bias)
    loss = b.emit(LOSS, target, logits, from_logits=True)
    graph = b.finish([loss, b.emit(reader, logits, axis=-1)])
    assert _declined(graph) == "the result of nn.dense is used elsewhere too"


def test_a_cast_that_is_used_elsewhere_is_left_alone() -> None:
    b = Builder()
    x, kernel, bias, target = _operands(b, "cast")
    logits = b.emit("core.cast", b.emit("nn.dense", x, kernel, bias), dtype="float32")
    graph = b.finish([b.emit(LOSS, target, logits, from_logits=True), logits])
    assert _declined(graph) == "the result of core.cast is used elsewhere too"


def test_a_cast_to_fewer_bits_is_left_alone() -> None:
    b = Builder()
    x, kernel, bias, target = _operands(b, "bias")
    logits = b.emit("core.cast", b.emit("nn.dense", x, kernel, bias), dtype="float16")
    graph = b.finish([b.emit(LOSS, target, logits, from_logits=True)])
    assert _declined(graph) == "the logits are cast from float32 to float16"


def test_classes_on_another_axis_are_left_alone() -> None:
    b = Builder()
    x, kernel = b.param(spec(WORDS, WORDS, WIDTH)), b.param(spec(WIDTH, WORDS))
    target = b.input(spec(WORDS, WORDS, dtype="int32"))
    loss = b.emit(LOSS, target, b.emit("nn.dense", x, kernel, None), from_logits=True, axis=1)
    assert _declined(b.finish([loss])) == "the classes are not on the last axis"


def test_the_last_axis_counted_from_the_front_is_the_last_axis() -> None:
    b = Builder()
    x, kernel, bias, target = _operands(b, "bias")
    logits = b.emit("nn.dense", x, kernel, bias)
    graph = b.finish([b.emit(LOSS, target, logits, from_logits=True, axis=2)])
    assert ops_of(FUSE_LINEAR_XENT(graph)[0]) == ["nn.linear_crossentropy"]


def test_a_reshape_that_splits_the_classes_is_left_alone() -> None:
    b = Builder()
    x, kernel, bias, _ = _operands(b, "bias")
    logits = b.emit("nn.dense", x, kernel, bias)
    split = b.emit("shape.reshape", logits, newshape=(BATCH, STEPS * 3, WORDS // 3))
    target = b.input(spec(BATCH, STEPS * 3, dtype="int32"))
    graph = b.finish([b.emit(LOSS, target, split, from_logits=True)])
    assert _declined(graph) == "the last axis of the logits is not that of a matrix"


def test_a_product_with_a_matrix_for_each_sample_is_left_alone() -> None:
    b = Builder()
    x, kernel = b.param(spec(BATCH, STEPS, WIDTH)), b.param(spec(BATCH, WIDTH, WORDS))
    target = b.input(spec(BATCH, STEPS, dtype="int32"))
    loss = b.emit(LOSS, target, b.emit("linalg.matmul", x, kernel), from_logits=True)
    assert _declined(b.finish([loss])) == "the last axis of the logits is not that of a matrix"


def test_a_layer_with_an_attribute_is_left_alone() -> None:
    """No layer has one today; an activation inside it would be lost."""
    (rule,) = FUSE_LINEAR_XENT.rules
    found = match(rule.traced(), before("bias").outputs[0].node)
    assert found is not None and rule.check(found) is None
    nodes = {
        key: replace(node, attrs={"activation": "relu"}) if node.op == "nn.dense" else node
        for key, node in found.nodes.items()
    }
    reason = "the layer does more than a product and a sum: activation"
    assert rule.check(replace(found, nodes=nodes)) == reason


def _probabilities(b: Builder) -> Graph:
    x, kernel, bias, target = _operands(b, "bias")
    return b.finish([b.emit(LOSS, target, b.emit("nn.dense", x, kernel, bias), from_logits=False)])


def _activated(b: Builder) -> Graph:
    x, kernel, bias, target = _operands(b, "bias")
    logits = b.emit("nn.relu", b.emit("nn.dense", x, kernel, bias))
    return b.finish([b.emit(LOSS, target, logits, from_logits=True)])


@pytest.mark.parametrize("make", [_probabilities, _activated])
def test_what_is_another_pattern_is_left_alone(make: Any) -> None:
    graph = make(Builder())
    assert FUSE_LINEAR_XENT(graph) == (graph, ())


def _language_model(loss: str, metrics: list[str], policy: str = "float32") -> Any:
    keras.utils.set_random_seed(0)
    with_softmax = loss == "probabilities"
    model = keras.Sequential(
        [
            keras.Input((STEPS,), dtype="int32"),
            keras.layers.Embedding(WORDS, WIDTH, dtype=policy),
            keras.layers.Dense(WORDS, activation="softmax" if with_softmax else None, dtype=policy),
        ]
    )
    of_logits = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    chosen = "sparse_categorical_crossentropy" if with_softmax else of_logits
    model.compile(keras.optimizers.SGD(0.5), chosen, metrics=metrics)
    return model


def _tokens() -> np.ndarray:
    return np.random.default_rng(0).integers(0, WORDS, (4 * BATCH, STEPS)).astype("int32")


def _step_ops(model: Any, mode: Any = "train") -> set[str]:
    tokens = _tokens()[:BATCH]
    return {node.op for node in every_node(graphc.graph(model, mode, tokens, targets=tokens))}


@pytest.mark.parametrize(
    ("loss", "policy"),
    [("logits", "float32"), ("probabilities", "float32"), ("logits", "mixed_bfloat16")],
)
def test_a_keras_model_of_words_holds_no_logits_in_training(loss: str, policy: str) -> None:
    model = _language_model(loss, [], policy)
    ops = _step_ops(model)
    assert "nn.linear_crossentropy" in ops
    assert not ops & {"nn.dense", "nn.softmax", LOSS}
    assert "nn.linear_crossentropy" not in _step_ops(model, "test")


@pytest.mark.parametrize("loss", ["logits", "probabilities"])
def test_a_keras_model_with_a_metric_of_its_logits_tells_why_not(loss: str) -> None:
    model = _language_model(loss, ["accuracy"])
    tokens = _tokens()
    model.fit(tokens, tokens, batch_size=BATCH, verbose=0)
    said = str(model.explain("train"))
    assert "fuse_linear_xent" in said
    assert "the result of nn.dense is used elsewhere too" in said
    assert "nn.dense" in _step_ops(model)


@pytest.mark.parametrize("loss", ["logits", "probabilities"])
def test_a_keras_model_trains_alike_with_and_without(loss: str) -> None:
    tokens = _tokens()
    histories: list[list[float]] = []
    for passes, op in ((), "nn.linear_crossentropy"), (("-fuse_linear_xent",), "nn.dense"):
        with config.PASSES(passes):
            model = _language_model(loss, [])
            assert op in _step_ops(model)
            found = model.fit(tokens, tokens, batch_size=BATCH, epochs=4, shuffle=False, verbose=0)
        histories.append(found.history["loss"])
    np.testing.assert_allclose(histories[0], histories[1], rtol=1e-5)
    assert histories[0][-1] < 0.9 * histories[0][0], "it learns"


class _Tied(keras.layers.Layer):
    """Logits from the embedding's own table."""

    def __init__(self, embedding: Any) -> None:
        super().__init__()
        self.embedding = embedding

    def call(self, hidden: Any) -> Any:
        return keras.ops.matmul(hidden, keras.ops.transpose(self.embedding.embeddings))


def test_logits_of_a_tied_embedding_are_not_held_either() -> None:
    tokens, losses = _tokens(), []
    for passes in ((), ("-fuse_linear_xent",)):
        keras.utils.set_random_seed(0)
        embedding, words = (
            keras.layers.Embedding(WORDS, WIDTH),
            keras.Input((STEPS,), dtype="int32"),
        )
        model = keras.Model(words, _Tied(embedding)(embedding(words)))
        of_logits = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile(keras.optimizers.SGD(0.5), of_logits)
        with config.PASSES(passes):
            assert ("nn.linear_crossentropy" in _step_ops(model)) == (passes == ())
            found = model.fit(tokens, tokens, batch_size=BATCH, epochs=3, shuffle=False, verbose=0)
        losses.append(found.history["loss"])
    np.testing.assert_allclose(losses[0], losses[1], rtol=1e-5)


class _OwnStep(keras.Model):
    def train_step(self, data: Any) -> Any:
        x, y = data
        with keras.GradientTape() as tape:
            logits = keras.ops.reshape(self(x, training=True), (-1, WORDS))
            targets = keras.ops.reshape(y, (-1,))
            losses = keras.losses.sparse_categorical_crossentropy(targets, logits, True)
            loss = keras.ops.mean(losses)
        slopes = tape.gradient(loss, self.trainable_variables)
        self.optimizer.apply_gradients(zip(slopes, self.trainable_variables, strict=True))
        return {"loss": loss}


def test_inside_the_gradient_of_an_own_step_too() -> None:
    tokens, losses = _tokens(), []
    for passes in ((), ("-fuse_linear_xent",)):
        with config.PASSES(passes):
            base = _language_model("logits", [])
            model = _OwnStep(base.inputs[0], base.outputs[0])
            model.compile(keras.optimizers.SGD(0.5))
            assert ("nn.linear_crossentropy" in _step_ops(model)) == (passes == ())
            found = model.fit(tokens, tokens, batch_size=BATCH, epochs=3, shuffle=False, verbose=0)
        losses.append(found.history["loss"])
    np.testing.assert_allclose(losses[0], losses[1], rtol=1e-5)


def test_it_declares_what_it_does() -> None:
    assert FUSE_LINEAR_XENT.name == "fuse_linear_xent"
    assert FUSE_LINEAR_XENT.numerics == "reassociate"
    assert FUSE_LINEAR_XENT.modes == ("train",)
