"""`KerasFileEditor` on our files and on Keras's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from graphc import keras as ours

KerasFileEditor = ours.saving.KerasFileEditor


def model(keras: Any, *names: str) -> Any:
    """Return a chain of dense layers."""
    made = [keras.layers.Dense(3, name=name) for name in names]
    return keras.Sequential([keras.Input((2,)), *made])


@pytest.mark.oracle
@pytest.mark.filterwarnings("ignore:__array__ implementation")
def test_a_file_is_made_to_fit_another_model(
    keras: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for library in (ours, keras):
        path = tmp_path / f"{library.__name__}.keras"
        source = model(library, "first", "last")
        source.save(path)
        editor = KerasFileEditor(str(path))
        mine = model(ours, "first", "last")
        assert editor.compare(mine) == {"status": "success", "error_count": 0, "match_count": 4}
        target = model(ours, "first", "middle", "last")
        assert editor.compare(target)["error_count"] == 1
        editor.add_object("layers/dense_3", {"0": np.ones((3, 3))})
        editor.rename_object("dense_3", "dense_2")
        assert editor.compare(target)["status"] == "error"
        editor.add_weights("layers/dense_2", {"1": np.ones(7)})
        assert editor.compare(target)["error_count"] == 1
        editor.delete_weight("dense_2", "1")
        editor.add_weights("dense_2", {"1": np.ones(3)})
        assert editor.compare(target)["status"] == "success"
        editor.save(tmp_path / "edited.weights.h5")
        for reader in (ours, keras):
            loaded = model(reader, "first", "middle", "last")
            loaded.load_weights(tmp_path / "edited.weights.h5")
            np.testing.assert_array_equal(np.asarray(loaded.get_weights()[4]), np.ones((3, 3)))
    editor.summary()
    printed = capsys.readouterr().out
    assert "dense_2" in printed
    assert "shape=(3, 3)" in printed


def test_nested_objects_are_kept(tmp_path: Path) -> None:
    inside = model(ours, "a", "b")
    outside = ours.Sequential([ours.Input((2,)), inside, ours.layers.Dense(1)])
    outside.save_weights(tmp_path / "m.weights.h5")
    editor = KerasFileEditor(tmp_path / "m.weights.h5")
    assert editor.compare(outside)["match_count"] == 6
    editor.save(tmp_path / "n.weights.h5")
    weights = outside.get_weights()
    outside.set_weights([np.zeros_like(weight) for weight in weights])
    outside.load_weights(tmp_path / "n.weights.h5")
    for one, other in zip(outside.get_weights(), weights, strict=True):
        np.testing.assert_array_equal(one, other)


def test_errors_say_what_is_there(tmp_path: Path) -> None:
    model(ours, "a", "b").save_weights(tmp_path / "m.weights.h5")
    editor = KerasFileEditor(tmp_path / "m.weights.h5")
    with pytest.raises(ValueError, match="does not appear"):
        editor.delete_object("dense_7")
    with pytest.raises(ValueError, match="not found in model"):
        editor.delete_object("layers/dense_7")
    with pytest.raises(ValueError, match="more than once"):
        editor.rename_object("0", "5")
    with pytest.raises(ValueError, match=r"Weights found: \['0', '1'\]"):
        editor.delete_weight("dense_1", "4")
    with pytest.raises(ValueError, match="should be a dict"):
        editor.add_weights("dense_1", [np.ones(3)])
    with pytest.raises(ValueError, match="without a path"):
        editor.rename_object("dense_1", "layers/x")
    with pytest.raises(ValueError, match=r"\.weights\.h5"):
        editor.save(tmp_path / "m.keras")
    with pytest.raises(ValueError, match="Invalid filename"):
        KerasFileEditor(tmp_path / "m.txt")
