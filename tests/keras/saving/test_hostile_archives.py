"""Archives that `keras.utils.get_file` extracts, made to write outside their folder."""

from __future__ import annotations

import io
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from graphc import keras

Entry = tuple[str, bytes, str]  # name, type, where it leads
FILE, FOLDER, SOFT, HARD = tarfile.REGTYPE, tarfile.DIRTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE
DATA = b"of the archive"


def beyond_the_longest_path() -> list[Entry]:
    """Return links whose true path is longer than the system resolves, then one out of it."""
    long, path = "d" * 247, ""
    entries: list[Entry] = []
    for short in "abcdefghijklmnop":
        entries += [(path + long, FOLDER, ""), (path + short, SOFT, long)]
        path += f"{long}/"
    end = "/".join("abcdefghijklmnop") + "/" + "l" * 254
    entries += [(end, SOFT, "../" * 16), ("escape", SOFT, f"{end}/../..")]
    return [*entries, ("flag", HARD, "escape/secret"), ("flag", FILE, "")]


ENTRIES: dict[str, Callable[[], list[Entry]]] = {
    "a name that goes up": lambda: [("../escaped", FILE, "")],
    "a name that goes up, deep": lambda: [("a/../../escaped", FILE, "")],
    "a symlink, and a file below it": lambda: [("out", SOFT, ".."), ("out/escaped", FILE, "")],
    "a symlink to a file, and its contents": lambda: [
        ("out", SOFT, "../secret"), ("out", FILE, "")],
    "an absolute symlink": lambda: [("out", SOFT, "/etc/passwd")],
    "a symlink by way of another": lambda: [
        ("a/b/here", SOFT, "."), ("out", SOFT, "a/b/here/../../..")],
    "a file below a symlink that stays inside": lambda: [
        ("a", FOLDER, ""), ("in", SOFT, "a"), ("in/escaped", FILE, "")],
    "a hard link": lambda: [("out", HARD, "../secret"), ("out", FILE, "")],
    "an absolute hard link": lambda: [("out", HARD, "/etc/passwd")],
    "a hard link to a symlink that comes later": lambda: [
        ("out", HARD, "a/b/up"), ("a/b/up", SOFT, "../.."), ("out/escaped", FILE, "")],
    "a hard link to a symlink": lambda: [
        ("a/up", SOFT, ".."), ("out", HARD, "a/up"), ("out/escaped", FILE, "")],
    "a path too long to resolve": beyond_the_longest_path,
    "a device": lambda: [("out", tarfile.CHRTYPE, "")],
    "a pipe": lambda: [("out", tarfile.FIFOTYPE, "")],
}  # fmt: skip
NAMES = ("../escaped", "/escaped", "..\\escaped", "a/../../escaped")


def tar_of(entries: list[Entry], mode: Any) -> bytes:
    """Return an archive of these entries."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode=mode) as archive:
        for name, kind, target in entries:
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, target
            info.size = len(DATA) if kind == FILE else 0
            archive.addfile(info, io.BytesIO(DATA) if kind == FILE else None)
    return file.getvalue()


def check_refused(folder: Path, data: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let `get_file` extract an archive; nothing but the archive itself may be there afterwards."""
    cache = folder / "home" / "datasets"
    monkeypatch.setenv("KERAS_HOME", str(cache.parent))
    cache.mkdir(parents=True)
    (cache / "secret").write_bytes(b"secret")
    (folder / "source").write_bytes(data)
    with pytest.raises(ValueError, match="Refused to extract"):
        keras.utils.get_file("evil", (folder / "source").as_uri(), extract=True)
    assert sorted(path.name for path in cache.iterdir()) == ["evil_archive", "secret"]
    assert (cache / "secret").read_bytes() == b"secret"
    assert sorted(path.name for path in folder.iterdir()) == ["home", "source"]


@pytest.mark.parametrize("ending", ["tar", "tar.gz", "tar.xz"])
@pytest.mark.parametrize("attack", ENTRIES)
def test_a_tar_archive_writes_inside_its_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, record_property: Any, attack: str, ending: str
) -> None:
    record_property("attack", (f"archive: {attack}", ending))
    mode = "w:" + ending.removeprefix("tar").removeprefix(".")
    check_refused(tmp_path, tar_of(ENTRIES[attack](), mode), monkeypatch)


@pytest.mark.parametrize("name", NAMES)
def test_a_zip_archive_writes_inside_its_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, record_property: Any, name: str
) -> None:
    record_property("attack", (f"archive: the name {name}", "zip"))
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(name, DATA)
    check_refused(tmp_path, file.getvalue(), monkeypatch)


def test_links_inside_an_archive_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "home"))
    entries = [("a/b/file", FILE, ""), ("a/soft", SOFT, "b/file"), ("c/up", SOFT, "../a/b"),
               ("c/hard", HARD, "a/b/file")]  # fmt: skip
    (tmp_path / "source").write_bytes(tar_of(entries, "w"))
    found = Path(keras.utils.get_file("good", (tmp_path / "source").as_uri(), extract=True))
    for name in ("a/b/file", "a/soft", "c/up/file", "c/hard"):
        assert (found / name).read_bytes() == DATA
