"""Logs of every epoch, sent to a server."""

from __future__ import annotations

import json
import urllib.error
import urllib.parse
import urllib.request
import warnings
from collections.abc import Mapping

import numpy as np

from graphc.keras.callbacks.callback import Callback, Logs

TIMEOUT = 10.0  # seconds that a server may take: a training must not hang on it


class RemoteMonitor(Callback):
    """Posts the epoch and its logs to `root + path` after each epoch.

    Args:
        root: the server's address, http or https.
        path: where on the server.
        field: the form field that holds the JSON text, unless `send_as_json`.
        headers: more HTTP headers.
        send_as_json: sends the JSON as the body instead of in a form.

    Raises:
        ValueError: `root` is neither http nor https.
    """

    def __init__(
        self,
        root: str = "http://localhost:9000",
        path: str = "/publish/epoch/end/",
        field: str = "data",
        headers: Mapping[str, str] | None = None,
        send_as_json: bool = False,
    ) -> None:
        super().__init__()
        if not root.startswith(("http://", "https://")):
            raise ValueError(f"Expected `root` to be an http(s) address. Received: root={root}")
        self.root, self.path, self.field = root, path, field
        self.headers, self.send_as_json = headers, send_as_json

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Send the logs; a server out of reach is a warning."""
        plain = {
            name: value.item() if isinstance(value, (np.ndarray, np.generic)) else value
            for name, value in (logs or {}).items()
        }
        text = json.dumps({"epoch": epoch, **plain})
        kind = "application/json" if self.send_as_json else "application/x-www-form-urlencoded"
        body = text if self.send_as_json else urllib.parse.urlencode({self.field: text})
        request = urllib.request.Request(
            self.root + self.path,
            body.encode(),
            {"Content-Type": kind, **(self.headers or {})},
            method="POST",
        )
        try:
            with urllib.request.urlopen(request, timeout=TIMEOUT):
                pass
        except (urllib.error.URLError, OSError) as error:
            warnings.warn(
                f"Could not reach RemoteMonitor root server at {self.root}: {error}", stacklevel=2
            )
