"""Files made to harm: each class of attack published against Keras's loader, in each format."""

from __future__ import annotations

import io
import json
import os
import tracemalloc
import zipfile
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from graphc import keras
from tests.keras.saving.hostile_configs import plain_model, with_config, zipped


def test_a_lambda_loads_where_the_user_trusts_the_file(tmp_path: Path) -> None:
    model = keras.Sequential([keras.Input((4,)), keras.layers.Lambda(lambda x: x * 2)])
    model.save(tmp_path / "model.keras")
    with pytest.raises(ValueError, match="safe_mode=False"):
        keras.saving.load_model(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras", safe_mode=False)
    np.testing.assert_array_equal(again.predict(np.ones((2, 4)), verbose=0), np.full((2, 4), 2.0))


@pytest.mark.parametrize("ending", ["keras", "folder"])  # an attribute of HDF5 holds 64 KB
def test_a_configuration_that_goes_too_deep(tmp_path: Path, ending: str) -> None:
    path = with_config(tmp_path, ending, lambda config: None)
    deep = '{"class_name": "Sequential", "config": {"layers": ' + "[" * 100_000 + "]" * 100_000
    deep += "}}"
    folder = tmp_path / "saved"
    (folder / "config.json").write_text(deep)
    if ending == "keras":
        path = zipped(folder, path)
    with pytest.raises(ValueError, match=r"JSON|too deep"):
        keras.saving.load_model(path)


# Archives


def archive_of(tmp_path: Path) -> tuple[Path, dict[str, bytes]]:
    """Return where to write a `.keras` file, and the members of a good one."""
    path = tmp_path / "model.keras"
    plain_model().save(path)
    with zipfile.ZipFile(path) as archive:
        return path, {name: archive.read(name) for name in archive.namelist()}


@pytest.mark.parametrize(
    "name", ["../escaped", "assets/../../escaped", "/tmp/escaped", "assets\\..\\escaped", "C:/x"]
)
def test_an_archive_cannot_leave_its_folder(tmp_path: Path, name: str) -> None:
    path, members = archive_of(tmp_path)
    with zipfile.ZipFile(path, "w") as archive:
        for member, data in members.items():
            archive.writestr(member, data)
        info = zipfile.ZipInfo("x")
        info.filename = name  # ZipInfo would clean it
        archive.writestr(info, b"x")
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(ValueError, match="inside a folder"):
        keras.saving.load_model(path)
    assert sorted(tmp_path.rglob("*")) == before


def test_a_folder_cannot_link_outside(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("x")
    plain_model().save(tmp_path / "saved", zipped=False)
    (tmp_path / "saved" / "assets" / "vocabulary.txt").symlink_to(secret)
    with pytest.raises(ValueError, match="the link"):
        keras.saving.load_model(tmp_path / "saved")


@pytest.mark.parametrize("member", ["config.json", "model.weights.h5", "assets/words.txt"])
def test_a_member_that_swells_is_refused(tmp_path: Path, member: str) -> None:
    path, members = archive_of(tmp_path)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            if name != member:
                archive.writestr(name, data)
        with archive.open(member, "w", force_zip64=True) as file:
            for _ in range(300):
                file.write(bytes(1 << 20))
    tracemalloc.start()
    with pytest.raises(ValueError, match="declares"):
        keras.saving.load_model(path)
    assert tracemalloc.get_traced_memory()[1] < 64 << 20
    tracemalloc.stop()


def test_truncated_files_are_refused(tmp_path: Path) -> None:
    for ending in ("keras", "h5", "weights.h5"):
        path = tmp_path / f"model.{ending}"
        model = plain_model()
        (model.save_weights if ending == "weights.h5" else model.save)(path)
        whole = path.read_bytes()
        load = model.load_weights if ending == "weights.h5" else keras.saving.load_model
        for size in (0, 1, 100, len(whole) // 2, len(whole) - 1):
            path.write_bytes(whole[:size])
            if ending != "keras" and size == len(whole) - 1:
                continue  # the last byte of an HDF5 file may hold nothing
            with pytest.raises(ValueError, match=r"whole|Expected"):
                load(path)


# HDF5


def hostile_h5(path: Path, kind: str, secret: Path) -> None:  # noqa: C901 - a list of cases
    """Make the kernel of the Dense layer something else than its numbers."""
    place = "layers/dense/vars" if path.name.endswith(".weights.h5") else None
    with h5py.File(path, "r+") as file:
        del file.attrs["graphc_digest"]  # as in a file of Keras
        group = file[place] if place else file["model_weights/dense"]
        names = list(group) if place else [group.attrs["weight_names"][0].decode()]
        name = "0" if place else names[0]
        shape = group[name].shape
        del group[name]
        if kind == "external link":
            group[name] = h5py.ExternalLink(str(secret), "/secret")
        elif kind == "soft link":
            group[name] = h5py.SoftLink("/somewhere")
        elif kind == "external data":
            group.create_dataset(name, shape, "float32", external=[(str(secret), 0, 48)])
        elif kind == "virtual data":
            layout = h5py.VirtualLayout(shape, "float32")
            layout[:] = h5py.VirtualSource(str(secret), "secret", shape)
            group.create_virtual_dataset(name, layout)
        elif kind == "terabytes":
            group.create_dataset(name, (1 << 20, 1 << 20), "float32", chunks=(64, 64))
        elif kind == "strings":
            group.create_dataset(name, data=np.array([b"a", b"b"]))
        elif kind == "objects":
            group.create_dataset(name, data="text")
        elif kind == "another shape":
            group.create_dataset(name, data=np.zeros((7, 7), "float32"))
        elif kind == "a group":
            group.create_group(name)
        elif kind in GROUP_LINKS:
            path, parent = group.name, group.parent
            del parent[path]
            parent[path] = GROUP_LINKS[kind](secret)


GROUP_LINKS = {
    "external link to a group": lambda secret: h5py.ExternalLink(str(secret), "/"),
    "soft link to a group": lambda _: h5py.SoftLink("/"),
}
KINDS = (*GROUP_LINKS, "external link", "soft link", "external data", "virtual data", "terabytes",
         "strings", "objects", "another shape", "a group")  # fmt: skip


@pytest.mark.parametrize("ending", ["weights.h5", "h5", "keras"])
@pytest.mark.parametrize("kind", KINDS)
def test_an_hdf5_file_cannot_point_elsewhere_or_swell(
    tmp_path: Path, record_property: Any, kind: str, ending: str
) -> None:
    record_property("attack", (f"HDF5: {kind}", ending))
    secret = tmp_path / "secret.h5"
    with h5py.File(secret, "w") as file:
        file["secret"] = np.full((4, 3), 7.0, "float32")
    model = plain_model()
    inside = tmp_path / ("model.weights.h5" if ending != "h5" else "model.h5")
    (model.save if ending == "h5" else model.save_weights)(inside)
    hostile_h5(inside, kind, secret)
    path = inside
    if ending == "keras":
        path, members = archive_of(tmp_path)
        with zipfile.ZipFile(path, "w") as archive:
            for name, data in (members | {"model.weights.h5": inside.read_bytes()}).items():
                archive.writestr(name, data)
    before = [np.array(w) for w in model.get_weights()]
    tracemalloc.start()
    with pytest.raises(ValueError, match=r"dense|declares|links|Received"):
        model.load_weights(path) if ending != "h5" else keras.saving.load_model(path)
    assert tracemalloc.get_traced_memory()[1] < 64 << 20
    tracemalloc.stop()
    for one, other in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize(
    "name", ["../x.weights.h5", "/tmp/x.weights.h5", "http://127.0.0.1:9/x.weights.h5", "..", ""]
)
def test_shards_cannot_be_elsewhere(tmp_path: Path, record_property: Any, name: str) -> None:
    record_property("attack", (f"a shard named {name!r}", "weights.json"))
    model = plain_model()
    path = tmp_path / "model.weights.json"
    model.save_weights(path, max_shard_size=1)
    index = json.loads(path.read_text())
    index["weight_map"] = dict.fromkeys(index["weight_map"], name)
    path.write_text(json.dumps(index))
    with pytest.raises(ValueError, match="beside it"):
        model.load_weights(path)


# Writing


def test_a_full_disk_leaves_the_file_that_was_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = plain_model()
    for ending in ("keras", "h5", "weights.h5"):
        path = tmp_path / f"model.{ending}"
        save = model.save_weights if ending == "weights.h5" else model.save
        save(path)
        whole = path.read_bytes()

        def full(*_: Any) -> None:
            raise OSError(28, "No space left on device")

        with monkeypatch.context() as patched:
            patched.setattr(os, "fsync", full)
            with pytest.raises(OSError, match="No space"):
                save(path)
        assert path.read_bytes() == whole
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted(
        ["model.keras", "model.h5", "model.weights.h5"]
    )


def test_a_file_object_takes_a_model_too() -> None:
    model, buffer = plain_model(), io.BytesIO()
    model.save(buffer)
    buffer.seek(0)
    again = keras.saving.load_model(buffer)
    x = np.ones((2, 4), "float32")
    np.testing.assert_array_equal(again.predict(x, verbose=0), model.predict(x, verbose=0))
