"""`model_to_dot` beside real Keras, both drawing with a stand-in for pydot that records."""

from __future__ import annotations

import os
import sys
import types
from importlib import import_module
from pathlib import Path

import pytest

from graphc import keras as ours


class Item:
    def __init__(self, *names, **options):
        self.names, self.options = names, dict(options)
        self.nodes, self.edges, self.inside, self.written = [], [], [], None

    def set(self, name, value):
        self.options[name] = value

    def set_node_defaults(self, **options):
        self.options["defaults"] = options

    def add_node(self, node):
        self.nodes.append(node)

    def add_edge(self, edge):
        self.edges.append(edge)

    def add_subgraph(self, graph):
        self.inside.append(graph)

    def get_edge(self, *names):
        return [edge for edge in self.edges if edge.names == names]

    def create(self):
        return b""

    def write(self, path, format):
        Path(path).write_text(format)


class PydotError(Exception):
    pass


FAKE = types.SimpleNamespace(
    Dot=Item, Cluster=Item, Node=Item, Edge=Item, PydotException=PydotError
)


@pytest.fixture
def fakes(monkeypatch: pytest.MonkeyPatch):
    os.environ.setdefault("KERAS_BACKEND", "jax")
    keras = import_module("keras")
    from keras.src.utils import model_visualization

    monkeypatch.setitem(sys.modules, "pydot", FAKE)
    monkeypatch.setattr(model_visualization, "pydot", FAKE)
    return keras


def sequence(module):
    layers = module.layers
    return module.Sequential([module.Input((4,)), layers.Dense(3, "relu"), layers.Dense(2)])


def branches(module):
    layers = module.layers
    a, b = module.Input((4,), name="a"), module.Input((4,), name="b")
    shared = layers.Dense(3, name="shared")
    both = layers.Add(name="add")([shared(a), shared(b)])
    return module.Model([a, b], [layers.Dense(1, name="end")(both), both])


def nested(module):
    layers = module.layers
    inputs = module.Input((4,), name="inputs")
    inner_in = module.Input((4,), name="inner_in")
    inner = module.Model(inner_in, layers.Dense(4, name="inside")(inner_in), name="inner")
    return module.Model(inputs, layers.Dense(2, name="last")(inner(inputs)))


def labels_of(dot, found=None) -> dict:
    """Labels of nodes by name, those of sub-graphs included."""
    found = {} if found is None else found
    for node in dot.nodes:
        found[node.names[0]] = node.options["label"]
    for graph in dot.inside:
        labels_of(graph, found)
    return found


def picture(dot) -> tuple:
    labels = labels_of(dot)
    edges = sorted((labels[a], labels[b]) for a, b in (edge.names for edge in dot.edges))
    inside = [picture(graph)[:2] for graph in dot.inside]
    return dot.options, sorted(labels.values()), edges, inside


OPTIONS = [
    {},
    {"show_shapes": True, "show_dtype": True, "show_trainable": True},
    {"show_layer_names": False, "show_layer_activations": True, "rankdir": "LR", "dpi": 90},
    {"expand_nested": True, "show_shapes": True},
]


@pytest.mark.oracle
@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize("build", [sequence, branches, nested])
def test_dot_agrees_with_keras(fakes, build, options: dict) -> None:
    received, expected = (
        picture(module.utils.model_to_dot(build(module), **options)) for module in (ours, fakes)
    )
    assert received == expected


@pytest.mark.oracle
def test_plot_writes_a_file(fakes, tmp_path: Path) -> None:
    model = sequence(ours)
    for name, written in (("a.svg", "svg"), ("b.pdf", "pdf"), ("c", "png")):
        ours.utils.plot_model(model, tmp_path / name)
        assert (tmp_path / name).read_text() == written
    with pytest.raises(ValueError, match="no longer supported"):
        ours.utils.plot_model(model, layer_range=["a", "b"])
    with pytest.raises(ValueError, match="Unrecognized keyword"):
        ours.utils.model_to_dot(model, shapes=True)
    with pytest.raises(ValueError, match="not yet been built"):
        ours.utils.model_to_dot(ours.Sequential([ours.layers.Dense(2)]))


def test_without_pydot_or_graphviz(monkeypatch: pytest.MonkeyPatch) -> None:
    model = sequence(ours)
    monkeypatch.setitem(sys.modules, "pydot", None)
    with pytest.raises(ImportError, match=r"pip install pydot.*model_to_dot to work"):
        ours.utils.model_to_dot(model)
    with pytest.raises(ImportError, match="pip install pydot"):
        ours.utils.plot_model(model)

    def fails(dot):
        raise OSError

    broken = types.SimpleNamespace(Dot=types.new_class("Dot"), PydotException=PydotError)
    broken.Dot.create = fails
    monkeypatch.setitem(sys.modules, "pydot", broken)
    with pytest.raises(ImportError, match="install graphviz"):
        ours.utils.plot_model(model)
