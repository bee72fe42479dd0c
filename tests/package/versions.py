"""A newer version of the package, with which the modules of the older one do not go together."""

from __future__ import annotations

import re
from pathlib import Path

from tests.bareroot import run

NAMES_BETWEEN_MODULES = re.compile(r"\b(path_of|exit_reason|tell_syslog|together)\b")
"""Functions that modules call of each other: a module that spells them otherwise fails at once with the others."""


def newer(package: Path, folder: Path) -> Path:
    """Build it in a folder and return its file."""
    tree = folder / "newer"
    run("dpkg-deb", "--raw-extract", package, tree)
    changed = 0
    for module in (tree / "usr/lib/python3/dist-packages/berofos_agent").rglob("*.py"):
        text, times = NAMES_BETWEEN_MODULES.subn(r"\1_newer", module.read_text())
        module.write_text(text)
        changed += times > 0
    assert changed > 2, "the names are no longer those of the package: nothing would differ"
    control = tree / "DEBIAN" / "control"
    control.write_text(re.sub(r"(?m)^(Version: .*)$", r"\1+newer", control.read_text()))
    deb = folder / "newer.deb"
    run("dpkg-deb", "--root-owner-group", "--build", tree, deb)
    return deb
