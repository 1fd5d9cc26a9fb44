"""Data sets of the images, texts and sounds in a folder."""

from __future__ import annotations

import functools
import wave
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from graphc.keras.engine.settings import standardize_data_format
from graphc.keras.utils.batch_dataset import BatchDataset, batched, stacked
from graphc.keras.utils.directories import Labelled, Selection
from graphc.keras.utils.images import COLOR_MODES, load_img, need_pillow
from graphc.keras.utils.resampling import (
    INTERPOLATIONS,
    crop_to_ratio,
    pad_to_ratio,
    resample_signal,
    resize_image,
)

IMAGE_FORMATS = (".bmp", ".gif", ".jpeg", ".jpg", ".png")
TEXT_FORMATS = (".txt",)
AUDIO_FORMATS = (".wav",)
DATASET_FORMATS = ("tf", "grain")


def image_dataset_from_directory(
    directory: Any,
    labels: Any = "inferred",
    label_mode: str | None = "int",
    class_names: Sequence[str] | None = None,
    color_mode: str = "rgb",
    batch_size: int | None = 32,
    image_size: Any = (256, 256),
    shuffle: bool = True,
    seed: int | None = None,
    validation_split: float | None = None,
    subset: str | None = None,
    interpolation: str = "bilinear",
    follow_links: bool = False,
    crop_to_aspect_ratio: bool = False,
    pad_to_aspect_ratio: bool = False,
    data_format: str | None = None,
    format: str = "tf",
    verbose: bool = True,
) -> Any:
    """The images below a folder, read when they are needed. Needs Pillow.

    Args:
        directory: the folder; with inferred labels, each folder in it is a class.
        labels: "inferred", None, or an integer label for each file in order of their names.
        label_mode: "int" (int32 [B]), "categorical" (float32 [B, classes]), "binary"
            (float32 [B, 1]) or None for no labels.
        class_names: the folders to use, in the order of their labels.
        color_mode: "grayscale", "rgb" or "rgba".
        batch_size: images of a batch; None for a data set of single images.
        image_size: (height, width), or one number for both.
        shuffle: whether the order is drawn, and drawn again for each pass; else by name.
        seed: of the order, and of which images are for validation.
        validation_split: the share of images to keep for validation.
        subset: "training", "validation" or "both", together with `validation_split`.
        interpolation: "bilinear", "nearest", "bicubic", "area", "lanczos3", "lanczos5", "gaussian"
            or "mitchellcubic".
        follow_links: whether links to folders are followed.
        crop_to_aspect_ratio: whether the images' middle is taken, instead of stretching them.
        pad_to_aspect_ratio: whether zeros are put around the images, instead of stretching them.
        data_format: "channels_last" or "channels_first"; None for the global setting.
        format: "tf" or "grain", which are the same here.
        verbose: whether to print how many files were found.

    Returns:
        A `BatchDataset` of float32 images [B, H, W, C] (0 to 255) or of pairs of images and labels,
        with `class_names` and `file_paths`; a list of two for `subset="both"`.

    Raises:
        ValueError: unknown choices, or no images.
        ImportError: Pillow is not installed.
    """
    chosen = Selection(
        labels, label_mode, class_names, shuffle, seed, validation_split, subset, follow_links,
        verbose,
    )  # fmt: skip
    _check_choice("color_mode", color_mode, tuple(COLOR_MODES))
    _check_choice("interpolation", interpolation.lower(), INTERPOLATIONS)
    _check_choice("format", format, DATASET_FORMATS)
    if pad_to_aspect_ratio and crop_to_aspect_ratio:
        raise ValueError(
            "Only one of `pad_to_aspect_ratio` and `crop_to_aspect_ratio` can be True. "
            "Received: both"
        )
    need_pillow("image_dataset_from_directory")
    first = standardize_data_format(data_format) == "channels_first"
    read = functools.partial(
        _image, color_mode=color_mode, size=_image_size(image_size), channels_first=first,
        interpolation=interpolation.lower(),
        fit={"crop": crop_to_aspect_ratio, "pad": pad_to_aspect_ratio},
    )  # fmt: skip
    return _datasets(chosen.seeded(), directory, IMAGE_FORMATS, "images", read, batch_size)


def _image_size(size: Any) -> tuple[int, int]:
    if isinstance(size, int):
        return size, size
    if not isinstance(size, (list, tuple)) or len(size) != 2:
        raise ValueError(
            f"Expected `image_size` to be a tuple of 2 integers. Received: image_size={size}"
        )
    return tuple(size)


def _image(
    path: str,
    *,
    color_mode: str,
    size: tuple[int, int],
    channels_first: bool,
    interpolation: str,
    fit: dict[str, bool],
) -> np.ndarray:
    """An image file as float32 [H, W, C] or [C, H, W]."""
    pixels = np.asarray(load_img(path, color_mode))
    pixels = pixels[:, :, None] if pixels.ndim == 2 else pixels
    if fit["crop"]:
        pixels = crop_to_ratio(pixels, size)
    elif fit["pad"]:
        pixels = pad_to_ratio(pixels, size)
    resized = resize_image(pixels, size, interpolation)
    return resized.transpose(2, 0, 1) if channels_first else resized


def text_dataset_from_directory(
    directory: Any,
    labels: Any = "inferred",
    label_mode: str | None = "int",
    class_names: Sequence[str] | None = None,
    batch_size: int | None = 32,
    max_length: int | None = None,
    shuffle: bool = True,
    seed: int | None = None,
    validation_split: float | None = None,
    subset: str | None = None,
    follow_links: bool = False,
    format: str = "tf",
    verbose: bool = True,
) -> Any:
    """The texts (`.txt`, UTF-8) below a folder, read when they are needed.

    Args:
        directory: the folder; with inferred labels, each folder in it is a class.
        labels: see `image_dataset_from_directory`, as for all arguments that are not here.
        max_length: characters kept of each text; None for all.

    Returns:
        A `BatchDataset` of arrays of `str` objects [B] or of pairs of texts and labels, with
        `class_names` and `file_paths`; a list of two for `subset="both"`.

    Raises:
        ValueError: unknown choices, or no texts.
    """
    chosen = Selection(
        labels, label_mode, class_names, shuffle, seed, validation_split, subset, follow_links,
        verbose,
    )  # fmt: skip
    _check_choice("format", format, DATASET_FORMATS)

    def read(path: str) -> np.ndarray:
        return np.array(Path(path).read_text(encoding="utf-8")[:max_length], dtype=object)

    return _datasets(chosen.seeded(), directory, TEXT_FORMATS, "text files", read, batch_size)


def audio_dataset_from_directory(
    directory: Any,
    labels: Any = "inferred",
    label_mode: str | None = "int",
    class_names: Sequence[str] | None = None,
    batch_size: int | None = 32,
    sampling_rate: int | None = None,
    output_sequence_length: int | None = None,
    ragged: bool = False,
    shuffle: bool = True,
    seed: int | None = None,
    validation_split: float | None = None,
    subset: str | None = None,
    follow_links: bool = False,
    verbose: bool = True,
) -> Any:
    """The sounds (`.wav`) below a folder, read when they are needed.

    Args:
        directory: the folder; with inferred labels, each folder in it is a class.
        labels: see `image_dataset_from_directory`, as for all arguments that are not here.
        sampling_rate: samples a second of the result; None for each file's own.
        output_sequence_length: samples of every sound, cut or filled with zeros; None fills each
            batch to its longest.
        ragged: whether a batch is an array of objects, sounds of different lengths.

    Returns:
        A `BatchDataset` of float32 sounds [B, T, channels] (-1 to 1) or of pairs of sounds and
        labels, with `class_names` and `file_paths`; a list of two for `subset="both"`.

    Raises:
        ValueError: unknown choices, no sounds, or samples that are not of 8, 16 or 32 bits.
    """
    chosen = Selection(
        labels, label_mode, class_names, shuffle, seed, validation_split, subset, follow_links,
        verbose,
    )  # fmt: skip
    if ragged and output_sequence_length is not None:
        raise ValueError(
            "Expected only one of `ragged` and `output_sequence_length`. "
            f"Received: ragged=True, output_sequence_length={output_sequence_length}"
        )
    if sampling_rate is not None and (not isinstance(sampling_rate, int) or sampling_rate <= 0):
        raise ValueError(
            "Expected `sampling_rate` to be a positive integer. "
            f"Received: sampling_rate={sampling_rate}"
        )
    read = functools.partial(_sound, rate=sampling_rate, length=output_sequence_length)
    collate = functools.partial(_collate_sounds, ragged=ragged)
    return _datasets(
        chosen.seeded(), directory, AUDIO_FORMATS, "audio files", read, batch_size, collate
    )


_DEPTHS = {1: ("u1", 128, 128), 2: ("<i2", 0, 1 << 15), 4: ("<i4", 0, 1 << 31)}


def _sound(path: str, *, rate: int | None, length: int | None) -> np.ndarray:
    """A sound file as float32 [T, channels]."""
    with wave.open(path, "rb") as file:
        if file.getsampwidth() not in _DEPTHS:
            raise ValueError(
                "Expected samples of 8, 16 or 32 bits. "
                f"Received: {8 * file.getsampwidth()} bits in {path}"
            )
        dtype, zero, one = _DEPTHS[file.getsampwidth()]
        values = np.frombuffer(file.readframes(file.getnframes()), dtype=dtype)
        samples = ((values.astype("float64") - zero) / one).astype("float32")
        samples = samples.reshape(-1, file.getnchannels())  # [T, channels]
        own_rate = file.getframerate()
    if length is not None:
        samples = _with_length(samples, length)
    return samples if rate is None else resample_signal(samples, own_rate, rate)


def _with_length(samples: np.ndarray, length: int) -> np.ndarray:
    missing = max(length - len(samples), 0)
    return np.pad(samples[:length], ((0, missing), (0, 0)))


def _collate_sounds(group: Sequence[Any], *, ragged: bool) -> Any:
    """A batch of sounds, or of pairs of sound and label."""
    labelled = isinstance(group[0], tuple)
    sounds = [sample[0] for sample in group] if labelled else list(group)
    if ragged:
        batch = np.empty(len(sounds), dtype=object)
        batch[:] = sounds
    else:
        longest = max(len(sound) for sound in sounds)
        batch = np.stack([_with_length(sound, longest) for sound in sounds])
    return (batch, np.stack([sample[1] for sample in group])) if labelled else batch


def _check_choice(name: str, value: Any, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise ValueError(f"`{name}` must be one of {choices}. Received: {name}={value!r}")


def _datasets(
    chosen: Selection,
    directory: Any,
    formats: tuple[str, ...],
    kind: str,
    read: Callable[[str], np.ndarray],
    batch_size: int | None,
    collate: Callable[[Sequence[Any]], Any] = stacked,
) -> Any:
    parts = chosen.parts(directory, formats, kind)
    made = [
        _dataset(part, chosen, read, batch_size, collate, shuffle=chosen.shuffle and not index)
        for index, part in enumerate(parts)
    ]
    return made if chosen.subset == "both" else made[0]


def _dataset(
    files: Labelled,
    chosen: Selection,
    read: Callable[[str], np.ndarray],
    batch_size: int | None,
    collate: Callable[[Sequence[Any]], Any],
    *,
    shuffle: bool,
) -> BatchDataset:
    targets = files.targets(chosen.label_mode)

    def load(index: int) -> Any:
        sample = read(files.paths[index])
        return sample if targets is None else (sample, targets[index])

    return batched(
        load, len(files.paths), batch_size=batch_size, seed=chosen.seed if shuffle else None,
        collate=collate, class_names=files.class_names, file_paths=files.paths,
    )  # fmt: skip
