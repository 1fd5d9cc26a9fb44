"""get_file: cache, hashes, extraction, and what a failure leaves behind."""

import hashlib
import http.client
import io
import tarfile
import urllib.request
import zipfile
from pathlib import Path

import pytest

from graphc.keras.utils import get_file

CONTENT = b"forty-two bytes of content, more or less.\n"


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "home"))
    return tmp_path / "home" / "datasets"


@pytest.fixture
def origin(tmp_path: Path) -> str:
    return serve(tmp_path, "plain.txt", CONTENT)


def serve(folder: Path, name: str, content: bytes) -> str:
    """A URL of this content."""
    path = folder / name
    path.write_bytes(content)
    return path.as_uri()


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def tar_of(*members: tarfile.TarInfo, mode: str = "w:gz") -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode=mode) as archive:
        for member in members:
            member.size = len(CONTENT) if member.isreg() else 0
            archive.addfile(member, io.BytesIO(CONTENT) if member.isreg() else None)
    return file.getvalue()


def zip_of(*members: str) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name in members:
            archive.writestr(name, CONTENT)
    return file.getvalue()


def link(name: str, target: str, kind: bytes = tarfile.SYMTYPE) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


def test_downloads_once(origin: str, cache: Path, tmp_path: Path) -> None:
    path = Path(get_file(origin=origin))
    assert path == cache / "plain.txt"
    assert path.read_bytes() == CONTENT
    (tmp_path / "plain.txt").write_bytes(b"newer")
    assert Path(get_file(origin=origin)).read_bytes() == CONTENT
    assert Path(get_file(origin=origin, force_download=True)).read_bytes() == b"newer"
    assert names(cache) == ["plain.txt"]


@pytest.mark.parametrize("algorithm", ["sha256", "md5", "auto"])
def test_hash_of_a_cached_file(origin: str, cache: Path, algorithm: str) -> None:
    name = "sha256" if algorithm == "auto" else algorithm
    digest = hashlib.new(name, CONTENT).hexdigest()
    cache.mkdir(parents=True)
    (cache / "plain.txt").write_bytes(b"stale")
    path = get_file("plain.txt", origin, file_hash=digest.upper(), hash_algorithm=algorithm)
    assert Path(path).read_bytes() == CONTENT


def test_md5_by_its_length_and_by_the_older_argument(origin: str) -> None:
    digest = hashlib.md5(CONTENT).hexdigest()
    assert get_file("a", origin, file_hash=digest) == get_file("a", origin, md5_hash=digest)


@pytest.mark.parametrize("before", [None, b"the user's own"])
def test_wrong_hash_changes_nothing(origin: str, cache: Path, before: bytes | None) -> None:
    cache.mkdir(parents=True)
    if before is not None:
        (cache / "plain.txt").write_bytes(before)
    with pytest.raises(ValueError, match=r"expected the sha256 0000.* Received: [0-9a-f]{64}"):
        get_file("plain.txt", origin, file_hash="0" * 64)
    assert [path.read_bytes() for path in cache.iterdir()] == ([before] if before else [])


def test_failed_download_leaves_nothing(tmp_path: Path, cache: Path) -> None:
    with pytest.raises(ConnectionError, match=r"URL fetch failure on file:.*absent"):
        get_file(origin=(tmp_path / "absent.bin").as_uri())
    assert list(cache.iterdir()) == []


def test_short_download_leaves_nothing(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Response(io.BytesIO):
        headers = http.client.HTTPMessage()

    Response.headers["Content-Length"] = "100"
    monkeypatch.setattr(urllib.request, "urlopen", lambda *_, **__: Response(CONTENT))
    with pytest.raises(ConnectionError, match="42 of 100 bytes came"):
        get_file(origin="http://host.invalid/file.bin")
    assert list(cache.iterdir()) == []


@pytest.mark.parametrize(
    ("fname", "archive", "folder"),
    [("set.tar.gz", "set.tar.gz", "set_extracted"), ("set", "set_archive", "set"),
     (None, "data.tgz_archive", "data.tgz")],
)  # fmt: skip
@pytest.mark.parametrize("kind", ["tar", "zip"])
def test_extraction_uses_keras_names(
    fname: str | None, archive: str, folder: str, kind: str, tmp_path: Path, cache: Path
) -> None:
    content = tar_of(tarfile.TarInfo("in/a.txt")) if kind == "tar" else zip_of("in/a.txt")
    origin = serve(tmp_path, "data.tgz", content)
    path = get_file(fname, origin, extract=True)
    assert path == str(cache / folder)
    assert (cache / folder / "in" / "a.txt").read_bytes() == CONTENT
    assert names(cache) == sorted([archive, folder])
    (cache / folder / "mine.txt").touch()
    get_file(fname, origin, extract=True, force_download=True)
    assert (cache / folder / "mine.txt").exists(), "an extraction adds to a folder that is there"


EVIL = {
    "parent": tar_of(tarfile.TarInfo("../evil.txt")),
    "deep": tar_of(tarfile.TarInfo("a/../../../evil.txt")),
    "symlink": tar_of(link("out", "../.."), tarfile.TarInfo("out/evil.txt")),
    "absolute link": tar_of(link("out", "/tmp")),
    "hard link": tar_of(link("out", "../../plain.txt", tarfile.LNKTYPE)),
    "device": tar_of(link("null", "", tarfile.CHRTYPE)),
    "zip parent": zip_of("fine.txt", "../evil.txt"),
    "zip absolute": zip_of("/evil.txt"),
    "zip backslash": zip_of("..\\evil.txt"),
}


@pytest.mark.parametrize("name", EVIL)
def test_member_outside_the_folder_is_refused(name: str, tmp_path: Path, cache: Path) -> None:
    origin = serve(tmp_path, "evil.tar", EVIL[name])
    with pytest.raises(ValueError, match="Refused to extract"):
        get_file("evil", origin, extract=True)
    assert names(cache) == ["evil_archive"], "nothing is extracted, nothing left behind"
    assert not list(tmp_path.rglob("evil.txt"))


def test_absolute_tar_member_lands_inside(tmp_path: Path, cache: Path) -> None:
    outside = tmp_path / "evil.txt"
    origin = serve(tmp_path, "evil.tar", tar_of(tarfile.TarInfo(str(outside))))
    get_file("evil", origin, untar=True)
    assert not outside.exists()
    assert (cache / "evil" / str(outside).lstrip("/")).exists()


def test_what_is_no_archive_warns(origin: str) -> None:
    with pytest.warns(UserWarning, match="is not an archive of format 'auto'"):
        get_file("plain", origin, extract=True)


def test_unwritable_cache_falls_back(
    origin: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(tmp_path / "fallback"))
    path = get_file(origin=origin, cache_dir=tmp_path / "file")
    assert path == str(tmp_path / "fallback" / ".keras" / "datasets" / "plain.txt")


def test_cache_arguments(origin: str, tmp_path: Path) -> None:
    below = get_file("a", origin, cache_dir=tmp_path / "c", cache_subdir="d")
    assert below == str(tmp_path / "c" / "d" / "a")
    absolute = get_file("a", origin, cache_subdir=str(tmp_path / "e"))
    assert absolute == str(tmp_path / "e" / "a")


BAD = [
    ({}, "Received: origin=None"),
    ({"origin": "http://host.invalid/"}, "`fname` is needed"),
    ({"origin": "http://host.invalid/a", "fname": "../a"}, "Received: fname='../a'"),
    ({"origin": "http://host.invalid/a", "fname": ".."}, "Received: fname='..'"),
    ({"origin": "http://host.invalid/a", "hash_algorithm": "crc"}, "Received: hash_algorithm='crc"),
]


@pytest.mark.parametrize(("arguments", "text"), BAD)
def test_bad_arguments(arguments: dict, text: str) -> None:
    with pytest.raises(ValueError, match=text):
        get_file(**arguments)


def test_unknown_archive_format(origin: str) -> None:
    with pytest.raises(ValueError, match="Received: archive_format='rar'"):
        get_file("a", origin, extract=True, archive_format="rar")
