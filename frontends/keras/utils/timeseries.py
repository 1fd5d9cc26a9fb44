"""Windows of a series of measurements as a data set."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphc.keras.utils.batch_dataset import BatchDataset, shuffled_passes


def timeseries_dataset_from_array(
    data: Any,
    targets: Any,
    sequence_length: int,
    sequence_stride: int = 1,
    sampling_rate: int = 1,
    batch_size: int | None = 128,
    shuffle: bool = False,
    seed: int | None = None,
    start_index: int | None = None,
    end_index: int | None = None,
    format: str = "tf",
) -> BatchDataset:
    """Windows cut from a series, and the targets of their first steps.

    Args:
        data: the series [T, ...].
        targets: the target of the window that starts at each step, [T', ...]; None for none.
        sequence_length: steps of a window.
        sequence_stride: steps between the starts of two windows.
        sampling_rate: steps of the series between two steps of a window.
        batch_size: windows of a batch; None for a data set of single windows.
        shuffle: whether the order is drawn, and drawn again for each pass.
        seed: of the order.
        start_index: the first step of the series to use.
        end_index: the first step not to use any more.
        format: "tf" or "grain", which are the same here.

    Returns:
        A `BatchDataset` of windows [B, sequence_length, ...], or of pairs of windows and targets
        [B, ...], in the dtypes of the arrays.

    Raises:
        ValueError: a number that does not fit the series, or an unknown format.
    """
    _check(data, sequence_stride, sampling_rate, start_index, end_index)
    if format not in ("tf", "grain"):
        raise ValueError(f'`format` must be "tf" or "grain". Received: format={format!r}')
    first, last = start_index or 0, len(data) if end_index is None else end_index
    series = np.asarray(data)[first:last]
    wanted = None if targets is None else np.asarray(targets)[first:last]
    count = last - first - (sequence_length - 1) * sampling_rate
    count = count if targets is None else min(count, len(targets))
    starts = np.arange(0, count, sequence_stride)
    if shuffle:
        seed = int(np.random.randint(1_000_000)) if seed is None else seed  # noqa: NPY002
        np.random.RandomState(seed).shuffle(starts)
    steps = np.arange(sequence_length) * sampling_rate
    order = shuffled_passes(len(starts), seed if shuffle else None)

    def element(at: Any) -> Any:
        windows = series[at[..., None] + steps]  # [B, sequence_length, ...]
        return windows if wanted is None else (windows, wanted[at])

    def passes() -> Any:
        places = starts[order()]
        if batch_size is None:
            return (element(at) for at in places)
        return (element(places[i : i + batch_size]) for i in range(0, len(places), batch_size))

    length = len(starts) if batch_size is None else -(-len(starts) // batch_size)
    return BatchDataset(passes, length, batched=batch_size is not None)


def _check(data: Any, stride: int, rate: int, start: int | None, end: int | None) -> None:
    length = len(data)
    if start and not 0 < start < length:
        raise ValueError(
            f"`start_index` must be 0 or greater and lower than the length of the data, {length}. "
            f"Received: start_index={start}"
        )
    if end and not (start or 0) < end < length:
        raise ValueError(
            f"`end_index` must be higher than `start_index` and lower than the length of the data, "
            f"{length}. Received: start_index={start}, end_index={end}"
        )
    for name, value in (("sampling_rate", rate), ("sequence_stride", stride)):
        if not 0 < value < length:
            raise ValueError(
                f"`{name}` must be higher than 0 and lower than the length of the data, {length}. "
                f"Received: {name}={value}"
            )
