"""The links and make targets of the README exist."""

from __future__ import annotations

import re
from pathlib import Path

README = Path(__file__).parents[2] / "README.md"


def test_every_link_has_a_target() -> None:
    for target in re.findall(r"\]\(((?!http)[^)#]+)", README.read_text()):
        assert (README.parent / target).exists(), target


def test_every_make_target_exists() -> None:
    makefile = (README.parent / "Makefile").read_text()
    for target in re.findall(r"\bmake ([a-z-]+)", README.read_text()):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target
