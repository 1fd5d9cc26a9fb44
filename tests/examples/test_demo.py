"""examples/demo.py on a few rows: everything it shows, but for the waiting."""

import importlib.util
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "examples" / "demo.py"
PNG = b"\x89PNG\r\n\x1a\n"


@pytest.fixture(scope="module")
def demo():
    spec = importlib.util.spec_from_file_location("demo", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    sys.modules["demo"] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    yield module
    del sys.modules["demo"]


@pytest.fixture(scope="module")
def by_image(demo):
    return demo.train(demo.image_model(), demo.images().head(96), epochs=2)


def test_data_are_whole_and_apart(demo) -> None:
    clothes, reviews = demo.images(), demo.sentences()
    assert [len(x) for x, _ in (clothes.train, clothes.validation, clothes.test)] == [
        5400, 600, 1000,
    ]  # fmt: skip
    assert [x.shape for x, _ in (reviews.train, reviews.validation, reviews.test)] == [
        (2000, 64), (400, 64), (600, 64),
    ]  # fmt: skip
    assert clothes.train[0].min() == 0.0 and clothes.train[0].max() == 1.0
    assert reviews.train[0].max() < demo.VOCABULARY


def test_trains_compares_and_shows(demo, by_image, capsys) -> None:
    assert len(by_image.history["loss"]) == len(by_image.history["val_accuracy"]) == 2
    assert by_image.history["loss"][1] < by_image.history["loss"][0]
    demo.show_compiler(by_image.model)
    shown = capsys.readouterr().out
    assert "graphc: images, train step" in shown
    assert "fuse_softmax_xent" in shown
    before, after = shown.split("as traced:")[1].split("after the passes:")
    assert "from_logits=False" in before and "from_logits=True" in after
    assert "nn.dense" in shown.split("for each op:")[1].split("as traced")[0]
    assert "A step takes" in demo.compare(by_image.model, demo.images().head(64), repeats=1)


def test_trains_on_sentences(demo, capsys) -> None:
    trained = demo.train(demo.sentence_model(), demo.sentences().head(64), epochs=1)
    shown = capsys.readouterr().out
    assert "Total params: 160,289" in shown
    assert "1/1" in shown or "2/2" in shown
    assert 0.0 <= trained.accuracy <= 1.0


def test_plain_step_computes_what_the_model_computes(demo, by_image) -> None:
    """The comparison is fair: one epoch of plain JAX lowers the loss that our model has."""
    x, y = demo.images().head(96).train
    loss, _ = by_image.model.evaluate(x, y, verbose=0)
    epoch = demo.plain_epochs(by_image.model, x, y)
    first, later = epoch(), [epoch() for _ in range(5)][-1]
    assert float(first[0]) == pytest.approx(loss, rel=0.5)
    assert float(later[0]) < float(first[0])


def test_plots_are_pictures(demo, tmp_path: Path) -> None:
    history = {name: [0.5, 0.6] for name in ("accuracy", "loss", "val_accuracy", "val_loss")}
    trained = {"one": demo.Trained(None, history, 0.6), "two": demo.Trained(None, history, 0.6)}
    written = demo.plot(trained, tmp_path / "out")
    assert [path.name for path in written] == ["accuracy.png", "loss.png"]
    assert all(path.read_bytes().startswith(PNG) for path in written)


@pytest.mark.parametrize(
    ("plain", "ours", "said"),
    [
        ([2.0, 2.2, 2.1], [1.0, 1.1, 0.9], "2.1 times faster."),
        ([1.0, 1.1, 0.9], [2.0, 2.2, 2.1], "2.1 times slower."),
        ([1.0, 1.3, 1.1], [1.2, 0.9, 1.0], "no difference that stands out of the noise."),
    ],
)
def test_no_winner_is_named_within_the_noise(demo, plain, ours, said) -> None:
    assert demo.verdict(plain, ours, steps=10).endswith(said)
