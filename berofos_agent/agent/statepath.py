"""Where the state file is, whether it is there, and how it goes away: what a probe and a stop need.

`ocf/berofos` contains the part between the two marks word for word and uses it while this package is not usable, so it
needs the standard library alone. tests/ocf/test_without_the_package.py compares the two.
"""

from __future__ import annotations

import os
import stat

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

# --- the same in ocf/berofos: begin
DEFAULT_FOLDER = "/run/resource-agents"
"""Where Pacemaker's agents keep their state; it does not set HA_RSCTMP itself."""
DEFAULT_CONFIG = "/etc/bnfos.conf"
MARKER = b'{"written by": "ocf:xivo:berofos", '
"""How every state file starts. A file that does not is another's, and is neither overwritten nor removed."""


def path_of(environ: Mapping[str, str]) -> str:
    """Return where the state file of this environment's instance is.

    A `state` that a start refuses (a relative path, or bnfos.conf under any name) cannot name a state file.
    """
    folder = environ.get("HA_RSCTMP") or DEFAULT_FOLDER
    instance = (environ.get("OCF_RESOURCE_INSTANCE") or "default").replace("/", "_")
    state = environ.get("OCF_RESKEY_state") or ""
    config = environ.get("OCF_RESKEY_config") or DEFAULT_CONFIG
    if state.startswith("/") and not is_same_file(state, config):
        return state
    return os.path.join(folder, f"berofos-{instance}.state")


def is_same_file(one: str, other: str) -> bool:
    """Tell whether two paths lead to one file: by another spelling, a symbolic link or a hard link."""
    try:
        return os.path.realpath(one) == os.path.realpath(other) or os.path.samefile(one, other)
    except OSError:
        return False


def exists(path: str) -> bool:
    """Tell whether the state file is there: the cluster started the resource here.

    A file of the default name is ours whatever it contains, and so is one that was cut short.
    """
    try:
        mode = os.lstat(path).st_mode
        name = os.path.basename(path)
        if name.startswith("berofos-") and name.endswith(".state"):
            return not stat.S_ISDIR(mode)
        if not stat.S_ISREG(mode):
            return False
        with open(path, "rb") as file:
            start = file.read(len(MARKER))
        return start == MARKER[: len(start)]
    except OSError:
        return False


def remove(path: str) -> None:
    """Remove the state file if it is there; raise OSError if it stays."""
    if exists(path):
        os.unlink(path)


# --- the same in ocf/berofos: end
