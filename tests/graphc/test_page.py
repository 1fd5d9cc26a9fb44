"""The page of a report: one file, escaped, and alive in a real browser."""

from __future__ import annotations

import html
import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from graphc import keras
from graphc.builder import Builder
from graphc.ir import Graph
from graphc.kernels.registry import Target
from graphc.report import Report
from graphc.report.diff import side_by_side
from tests.graphc.graphs import spec

BROWSER = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), ""
)
VOID = ("meta", "input", "br")


class Reader(HTMLParser):
    """Fails where elements do not nest; keeps what was met."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.met: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.met.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag, self.getpos()


@pytest.fixture(scope="module")
def convnet() -> Report:
    layers = keras.layers
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [
            keras.Input((12, 12, 1)),
            layers.Conv2D(8, 3, activation="relu", name="conv"),
            layers.BatchNormalization(name="norm"),
            layers.MaxPooling2D(name="pool"),
            layers.Flatten(name="flat"),
            layers.Dense(3, activation="softmax", name="head"),
        ],
        name="convnet",
    )
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    rng = np.random.default_rng(0)
    model.fit(rng.normal(size=(64, 12, 12, 1)), rng.integers(0, 3, 64), epochs=2, verbose=0)
    return model.explain()


def test_the_page_is_whole_and_fetches_nothing(convnet: Report, tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    page = convnet.to_html(path)
    assert path.read_text(encoding="utf-8") == page
    reader = Reader()
    reader.feed(page)
    assert reader.open == []
    for tag, attrs in reader.met:
        assert tag not in ("link", "img", "iframe", "object") and "src" not in attrs
        assert (attrs.get("href") or "#").startswith("#")
    assert not re.search(r"https?://|url\(|@import|fetch\(", page)
    assert "default-src 'none'" in page and "prefers-color-scheme: dark" in page


def test_the_page_tells_what_the_text_tells(convnet: Report) -> None:
    page = html.unescape(convnet.to_html())
    for name, value in convnet.all_facts():
        assert f"<dt>{name}</dt><dd>{value}</dd>" in page
    for row in convnet.layers():
        assert f'<tr data-layer="{row.scope}">' in page
        assert all(kernel in page for kernel in row.kernels)
        assert all(reason in page for reason in row.rejected)
    for name, event in convnet.rewrites():
        assert f"{name}: {event.rule}" in page
    assert all(name in page for name, _ in convnet.stages)
    assert page.count('class=changed data-layer="loss"') == 2


def test_the_users_texts_are_escaped() -> None:
    b = Builder()
    b.scope = "<script>alert('layer')</script>"
    graph = b.finish([b.emit("math.exp", b.input(spec(2), '"><b>input</b>'))])
    report = Report("<i>title</i> $script", graph, graph, Target("cpu"), facts=(("<u>", "<s>"),))
    page = report.to_html()
    for text in ("<script>alert", "<b>input", "<i>title", "<u>", "<s>"):
        assert text not in page
        assert html.escape(text) in page


def test_a_notebook_shows_the_page_in_a_frame(convnet: Report) -> None:
    reader = Reader()
    reader.feed(convnet._repr_html_())
    ((tag, attrs),) = reader.met
    assert tag == "iframe" and attrs["srcdoc"] == convnet.to_html()


def _graph(*, with_log: bool) -> Graph:
    b = Builder()
    x = b.input(spec(2), "x")
    first = [b.emit("math.log", x)] if with_log else []
    return b.finish([*first, b.emit("math.tan", b.emit("math.exp", x))])


def test_lines_stand_side_by_side_whatever_their_numbers() -> None:
    before, after = _graph(with_log=True), _graph(with_log=False)
    pairs = side_by_side(before, after)
    assert [a.text for a, _ in pairs if a] == str(before).splitlines()
    assert [b.text for _, b in pairs if b] == str(after).splitlines()
    found = {a.text.split(" = ")[-1].split("(")[0].strip(): (a, b) for a, b in pairs if a}
    assert found["math.log"][0].changed and found["math.log"][1] is None
    for op in ("math.exp", "math.tan"):
        one, other = found[op]
        assert other and op in other.text and one.text != other.text
        assert not one.changed and not other.changed


def _opened(path: Path, query: str, *options: str) -> str:
    command = [
        BROWSER, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars",
        f"--user-data-dir={path.parent / 'profile'}", *options, f"{path.as_uri()}#{query}",
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


@pytest.mark.skipif(not BROWSER, reason="no Chromium on PATH to open the page with")
def test_a_browser_sorts_and_searches(convnet: Report, tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    convnet.to_html(path)
    dom = _opened(path, "sort=FLOPs&find=convnet/", "--dump-dom")
    assert re.search(r'<html[^>]* data-ready="yes"', dom)
    assert re.search(r'<th[^>]*aria-sort="descending"[^>]*>FLOPs', dom)
    rows = re.findall(r'<tr data-layer="([^"]*)"([^>]*)>', dom)
    wanted = sorted(convnet.layers(), key=lambda row: -row.flops)
    flops = {row.scope: row.flops for row in wanted}
    assert [flops[scope] for scope, _ in rows] == [row.flops for row in wanted]
    for scope, rest in rows:
        assert ("hidden" in rest) == ("convnet/" not in scope), scope
    assert re.search(r'<output id="found"[^>]*>\d+ of \d+</output>', dom)


@pytest.mark.skipif(not BROWSER, reason="no Chromium on PATH to open the page with")
def test_a_browser_draws_the_page(convnet: Report, tmp_path: Path) -> None:
    path, picture = tmp_path / "report.html", tmp_path / "page.png"
    convnet.to_html(path)
    _opened(path, "", f"--screenshot={picture}", "--window-size=1400,1800")
    assert picture.read_bytes().startswith(b"\x89PNG") and picture.stat().st_size > 50_000
