"""The event files of a training, one writer a run, made when first written to."""

from __future__ import annotations

import io
import time
from pathlib import Path
from typing import Any

import numpy as np

from graphc.keras.engine.optional import find
from graphc.keras.utils.images import array_to_img

MODULES = (
    "compat.proto.event_pb2", "compat.proto.summary_pb2", "plugins.histogram.summary_v2",
    "plugins.scalar.summary_v2", "summary.writer.event_file_writer",
)  # fmt: skip
MISSING = "The TensorBoard callback needs the `tensorboard` package: pip install tensorboard"


class EventFiles:
    """Writes what TensorBoard shows.

    Args:
        folder: where the runs' folders are.

    Raises:
        ImportError: the `tensorboard` package is not installed.
    """

    def __init__(self, folder: str) -> None:
        found = [find(f"tensorboard.{name}") for name in MODULES]
        if None in found:
            raise ImportError(MISSING)
        event, summary, histogram, scalar, writer = found
        self.folder = Path(folder)
        self._event, self._summary = event.Event, summary.Summary
        self._scalar, self._histogram = scalar.scalar_pb, histogram.histogram_pb
        self._make = writer.EventFileWriter
        self._writers: dict[str, Any] = {}
        self._began = 0.0

    def start_clock(self) -> None:
        """Note the time, for `seconds`."""
        self._began = time.perf_counter()

    def seconds(self) -> float:
        """Return how long ago the clock was started."""
        return max(time.perf_counter() - self._began, 1e-9)

    def scalar(self, run: str, tag: str, value: Any, step: int) -> None:
        """Write one number."""
        if np.ndim(value) == 0:
            self._add(run, self._scalar(tag, float(value)), step)

    def weights(self, run: str, model: Any, step: int, *, images: bool) -> None:
        """Write a histogram of every weight, and with `images` those that can be one."""
        for layer in model.layers:
            for weight in layer.weights:
                tag, array = weight.path.replace(":", "_"), np.asarray(weight.numpy(), "float32")
                self._add(run, self._histogram(f"{tag}/histogram", array), step)
                if images:
                    self._image(run, f"{tag}/image", array, step)

    def model(self, run: str, model: Any) -> None:
        """Write the model's configuration, where it has one, for the graph page."""
        try:
            text = model.to_json()
        except (TypeError, ValueError, NotImplementedError):
            return  # a model of the user's own may not have any
        summary = self._summary()
        value = summary.value.add(tag="keras")
        value.metadata.plugin_data.plugin_name = "graph_keras_model"
        value.tensor.dtype = 7  # DT_STRING
        value.tensor.string_val.append(text.encode())
        self._add(run, summary, 0)

    def projector(self, model: Any, metadata: Any) -> None:
        """Write which weights are embeddings, and where the names of their rows are."""
        lines = []
        for layer in model.layers:
            if type(layer).__name__ != "Embedding":
                continue
            named = metadata.get(layer.name) if isinstance(metadata, dict) else metadata
            lines.append(f'embeddings {{\n  tensor_name: "{layer.name}/embeddings"')
            lines += [f'  metadata_path: "{named}"'] * (named is not None) + ["}"]
        folder = self.folder / "train"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "projector_config.pbtxt").write_text("\n".join(lines) + "\n", encoding="utf-8")

    def close(self) -> None:
        """Write what is pending and close the files."""
        for writer in self._writers.values():
            writer.close()
        self._writers.clear()

    def _image(self, run: str, tag: str, array: np.ndarray, step: int) -> None:
        squeezed = np.atleast_2d(np.squeeze(array))
        if squeezed.ndim > 2:
            squeezed = squeezed.reshape(-1, squeezed.shape[-1])
        low, high = squeezed.min(), squeezed.max()
        pixels = (255 * (squeezed - low) / max(high - low, 1e-12)).astype("uint8")
        buffer = io.BytesIO()
        array_to_img(pixels[..., None], scale=False).save(buffer, format="PNG")
        summary = self._summary()
        image = summary.value.add(tag=tag).image
        image.height, image.width, image.colorspace = *pixels.shape, 1
        image.encoded_image_string = buffer.getvalue()
        self._add(run, summary, step)

    def _add(self, run: str, summary: Any, step: int) -> None:
        if run not in self._writers:
            self._writers[run] = self._make(str(self.folder / run))
        writer = self._writers[run]
        writer.add_event(self._event(step=step, wall_time=time.time(), summary=summary))
        writer.flush()
