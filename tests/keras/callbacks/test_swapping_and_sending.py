"""SwapEMAWeights and RemoteMonitor."""

from __future__ import annotations

import http.server
import json
import threading
import urllib.parse

import numpy as np
import pytest

from graphc import keras

X = np.random.default_rng(0).normal(size=(16, 4)).astype("float32")
Y = X.sum(1, keepdims=True)


def compiled(**options):
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1)])
    model.compile(keras.optimizers.SGD(0.1, **options), "mse")
    return model


@pytest.mark.parametrize("on_epoch", [False, True])
def test_averages_are_evaluated(on_epoch):
    model = compiled(use_ema=True, ema_momentum=0.9)
    seen = []
    swap = keras.callbacks.SwapEMAWeights(swap_on_epoch=on_epoch)
    watch = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: seen.append(model.get_weights()[0].copy())
    )
    model.fit(X, Y, epochs=2, batch_size=4, verbose=0, callbacks=[swap, watch])
    trained = compiled(use_ema=True, ema_momentum=0.9)
    trained.fit(X, Y, epochs=2, batch_size=4, verbose=0, callbacks=[watch])
    np.testing.assert_allclose(model.get_weights()[0], trained.get_weights()[0], rtol=1e-6)
    differ = not np.allclose(seen[0], model.get_weights()[0])
    assert differ
    before = model.get_weights()
    model.evaluate(X, Y, verbose=0, callbacks=[swap])
    for one, other in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(one, other)


def test_without_averages():
    with pytest.raises(ValueError, match="use_ema=True"):
        compiled().evaluate(X, Y, verbose=0, callbacks=[keras.callbacks.SwapEMAWeights()])


@pytest.fixture
def server():
    received = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            received.append((self.path, self.headers["Content-Type"], body))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *args):
            pass

    running = http.server.HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=running.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{running.server_port}", received
    running.shutdown()
    running.server_close()
    thread.join()


@pytest.mark.parametrize("as_json", [False, True])
def test_logs_are_sent(server, as_json):
    root, received = server
    monitor = keras.callbacks.RemoteMonitor(root, send_as_json=as_json)
    history = compiled().fit(X, Y, epochs=2, verbose=0, callbacks=[monitor]).history
    bodies = [body if as_json else urllib.parse.parse_qs(body)["data"][0] for *_, body in received]
    assert [path for path, *_ in received] == ["/publish/epoch/end/"] * 2
    assert [json.loads(body)["epoch"] for body in bodies] == [0, 1]
    assert [json.loads(body)["loss"] for body in bodies] == pytest.approx(history["loss"])


def test_nobody_there_is_a_warning():
    monitor = keras.callbacks.RemoteMonitor("http://127.0.0.1:9")
    with pytest.warns(UserWarning, match="Could not reach"):
        compiled().fit(X, Y, verbose=0, callbacks=[monitor])


def test_no_web_address():
    with pytest.raises(ValueError, match="Received: root=file"):
        keras.callbacks.RemoteMonitor("file:///etc")
