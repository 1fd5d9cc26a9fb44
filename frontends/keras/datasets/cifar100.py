"""CIFAR-100: small colour images of 100 kinds of things in 20 groups."""

from graphc.keras.datasets.arrays import Split
from graphc.keras.datasets.cifar import CIFAR_FOLDER, read_batches
from graphc.keras.datasets.source import Source

ARCHIVE = Source(
    "keras.datasets.cifar100.load_data",
    "cifar-100-python-target_archive",
    f"{CIFAR_FOLDER}cifar-100-python.tar.gz",
    "85cd44d02ba6437773c5bbd22e183051d648de2e7d6b014e1ef29b855ba677a7",
    aliases=("cifar-100-python.tar.gz",),
)


def load_data(label_mode: str = "fine") -> Split:
    """50,000 training and 10,000 test images.

    Args:
        label_mode: "fine" for the 100 classes, "coarse" for their 20 groups.

    Returns:
        `(x_train, y_train), (x_test, y_test)`: images uint8 [N, 32, 32, 3] (channels first if
        that is the image data format), labels int64 [N, 1].

    Raises:
        FileNotFoundError: the published archive is neither there nor to be downloaded.
        ValueError: `label_mode` is neither.
    """
    if label_mode not in ("fine", "coarse"):
        raise ValueError(
            f"`label_mode` must be 'fine' or 'coarse'. Received: label_mode={label_mode!r}"
        )
    key = f"{label_mode}_labels"
    train = read_batches(ARCHIVE, ("cifar-100-python/train",), key)
    return train, read_batches(ARCHIVE, ("cifar-100-python/test",), key)
