"""bench/workloads.py: the models and their data, and the same models in Flax and PyTorch."""

import importlib

import numpy as np
import pytest

TRAINABLE = {
    "tutorial_1": 101770, "tutorial_2": 5569, "tutorial_4": 160289, "tabular": 144138,
    "convnet": 34826, "resnet20": 272474, "separable": 67402, "autoencoder": 28353,
    "bilstm": 1444993, "gru": 14273, "transformer": 657758, "gpt": 2644712,
}  # fmt: skip


@pytest.fixture(scope="module")
def sources(bench):
    """A few rows of each source, loaded once."""
    loaded = {}

    def few(workload):
        if workload.load not in loaded:
            loaded[workload.load] = workload.load().head(4)
        return workload.prepare(loaded[workload.load].arrays)

    return few


def test_every_counted_workload_is_listed(bench) -> None:
    assert tuple(TRAINABLE) == bench.targets.COUNTED


@pytest.mark.parametrize("name", TRAINABLE)
def test_keras_models_take_their_data(bench, sources, name) -> None:
    from graphc import keras

    workload = bench.workloads.WORKLOADS[name]
    data, model = sources(workload), workload.build(keras)
    outputs = model.predict(data["x"], verbose=0)
    assert len(outputs) == 4 and np.isfinite(outputs).all()
    assert sum(w.value.size for w in model.trainable_weights) == TRAINABLE[name]
    assert model.metrics_names[1:] == (["compile_metrics"] if workload.accuracy else [])


@pytest.mark.parametrize("name", TRAINABLE)
def test_flax_models_are_as_large_as_keras_s(bench, sources, name) -> None:
    import jax
    from flax import nnx

    workload, module = bench.workloads.WORKLOADS[name], importlib.import_module("flax_peer")
    data = sources(workload)

    def built(x):
        model = module.MODELS[name](nnx.Rngs(0))
        model.train()
        return nnx.state(model, nnx.Param), model(x)

    state, logits = jax.eval_shape(built, bench.peer.native_inputs(data["x"]))
    assert sum(leaf.size for leaf in jax.tree.leaves(state)) == TRAINABLE[name]
    y = bench.peer.native_labels(workload, data["y"])
    assert jax.eval_shape(module.LOSSES[workload.objective], logits, y).shape == y.shape


@pytest.mark.parametrize("name", TRAINABLE)
def test_torch_models_are_as_large_as_keras_s(bench, sources, name) -> None:
    torch = pytest.importorskip("torch", reason="PyTorch is absent")
    workload = bench.workloads.WORKLOADS[name]
    module = importlib.import_module("torch_peer")
    model = module.MODELS[name]()
    module.begin_like_keras(name, model)
    trained = (weight for weight in model.parameters() if weight.requires_grad)
    assert sum(weight.numel() for weight in trained) == TRAINABLE[name]
    data = sources(workload)
    logits = model(torch.from_numpy(bench.peer.native_inputs(data["x"])))
    y = torch.from_numpy(bench.peer.native_labels(workload, data["y"]))
    labels = y.long() if workload.objective == "classes" else y
    assert 0.0 < module.LOSSES[workload.objective](logits, labels).item() < 10.0


@pytest.mark.parametrize(
    ("package", "module", "kind"),
    [("flax", "flax_peer", "FlaxPeer"), ("torch", "torch_peer", "TorchPeer")],
)
def test_native_peers_learn_and_predict(bench, tmp_path, package, module, kind) -> None:
    pytest.importorskip(package, reason=f"{package} is absent")
    random = np.random.RandomState(0)
    x = random.rand(80, 20)
    file = tmp_path / "data.npz"
    np.savez(file, x=x, y=(x[:, :1] > 0.5).astype("int64"))
    peer = getattr(importlib.import_module(module), kind)(package)
    peer.load("tutorial_2", str(file))
    assert peer.first() > 0.0
    assert 0.6 < peer.loss() < 0.8
    assert peer.epoch(epochs=100) > 0.0
    assert peer.loss() < 0.3 and peer.accuracy > 0.9
    assert peer.predict_row().shape == (1, 1)
    assert peer.predict(calls=2) > 0.0
    assert package in peer.facts()["versions"]


def test_generative_models(bench) -> None:
    from graphc import keras

    pictures = bench.sources.as_own_targets({"x": np.full((2, 28, 28), 255, "uint8")})
    vae = bench.generative.build_vae(keras)
    assert vae.predict(pictures["x"], verbose=0).shape == (2, 28, 28, 1)
    assert vae.evaluate(pictures["x"], pictures["y"], verbose=0) > 0.0
    gan = bench.generative.build_gan(keras)
    noise = np.zeros((2, bench.generative.NOISE), "float32")
    drawn = gan.generator.predict(noise, verbose=0)
    assert gan.discriminator.predict(drawn, verbose=0).shape == (2, 1)


def test_the_samples_stand_in_for_absent_data(bench, tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    digits, reviews = bench.sources.load_few_digits(), bench.sources.load_reviews()
    assert "Fashion-MNIST sample" in digits.text
    assert {name: array.shape for name, array in digits.arrays.items()} == {
        "x": (5120, 28, 28), "y": (5120,), "x_val": (512, 28, 28), "y_val": (512,),
    }  # fmt: skip
    assert "packaged review sentences" in reviews.text
    assert reviews.arrays["x"].shape == (15000, 256)
    assert 0.4 < reviews.arrays["y_val"].mean() < 0.6
    assert reviews.head(5).arrays["x"].shape == (5, 256)


def test_windows_are_followed_by_what_they_foretell(bench) -> None:
    words, waves = bench.sources.load_next_words(), bench.sources.load_series()
    x, y = words.arrays["x"], words.arrays["y"]
    assert x.shape == y.shape == (160, 64) and x.max() < 1000
    np.testing.assert_array_equal(x[:, 1:], y[:, :-1])
    np.testing.assert_array_equal(y[:-1, -1], x[1:, 0])
    x, y = waves.arrays["x"], waves.arrays["y"]
    assert x.shape == (2560, 120, 8)
    np.testing.assert_array_equal(x[1:, -1, :1], y[:-1])


def test_labels_for_the_native_peers(bench) -> None:
    workloads, labels = bench.workloads.WORKLOADS, bench.peer.native_labels
    one_hot = labels(workloads["convnet"], np.eye(10)[[3, 7]])
    assert one_hot.tolist() == [3, 7] and one_hot.dtype == "int32"
    assert labels(workloads["tutorial_4"], np.array([0, 1])).tolist() == [[0.0], [1.0]]
    assert labels(workloads["gpt"], np.ones((2, 64), "int32")).shape == (2, 64)
