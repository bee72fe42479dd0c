"""A real browser for each module: Debian's chromium, without a window, which contacts nothing but loopback."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from .chromium import Tab, browser, refusal


@pytest.fixture(scope="module")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tab]:
    why_not = refusal()
    if why_not:
        pytest.fail(f"the pages cannot be looked at: {why_not}", pytrace=False)
    with browser(tmp_path_factory.mktemp("browser")) as tab:
        yield tab


@pytest.fixture
def tab(chromium: Tab) -> Iterator[Tab]:
    """The tab, for one test, which ends without a complaint on the console and without a request that left loopback."""
    chromium.complaints.clear()
    chromium.requested.clear()
    chromium.look(1200, 900)
    yield chromium
    assert chromium.complaints == []
    assert [url for url in chromium.requested if not url.startswith(("http://127.", "data:", "about:"))] == []
    chromium.open("about:blank")


@pytest.fixture
def album(tmp_path: Path) -> Path:
    """Where screenshots go: the folder SCREENSHOTS, for people who want to look at them."""
    return Path(os.environ.get("SCREENSHOTS", str(tmp_path)))
