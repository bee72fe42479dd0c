"""The manual pages of the commands are what the parsers say."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
MAKER: dict[str, Any] = runpy.run_path(str(ROOT / "packaging" / "manual_berofos.py"))


@pytest.mark.parametrize("page", MAKER["PAGES"], ids=lambda page: page.name)
def test_page_is_up_to_date(page: Any) -> None:
    kept = (ROOT / "docs" / "man" / f"{page.name}.8").read_text()
    assert kept == MAKER["text_of"](page), "run `make manual`"


def test_every_exit_status_is_explained() -> None:
    assert MAKER["unexplained"]() == set()
