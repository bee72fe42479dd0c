"""Which cluster node this is and which port it is cabled to; knows no device."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Mapping

COMMAND_SECONDS = 2.0


def this_node(environ: Mapping[str, str]) -> str:
    """Return this node's name in the cluster.

    Every cluster operation names it; `crm_resource --force-*` does not, so there crm_node is asked, which can hang.
    """
    named = environ.get("OCF_RESKEY_CRM_meta_on_node", "")
    return named or _crm_node() or socket.gethostname()


def _crm_node() -> str:
    import subprocess

    try:
        answer = subprocess.run(
            ["crm_node", "-n"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=COMMAND_SECONDS,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return answer.stdout.strip()


def relay_mode_for(node: str, port_b_node: str, port_d_node: str | None) -> str | None:
    """Return the relay mode that brings the lines to this node: "1" on port B, "0" on port D, None on neither."""
    modes = {port_b_node: "1"}
    if port_d_node:
        modes[port_d_node] = "0"
    exact = [mode for name, mode in modes.items() if name.lower() == node.lower()]
    if exact:
        return exact[0]
    similar = [mode for name, mode in modes.items() if _short_against_full(name.lower(), node.lower())]
    return similar[0] if len(similar) == 1 else None


def _short_against_full(one: str, other: str) -> bool:
    return ("." in one) != ("." in other) and one.split(".")[0] == other.split(".")[0]


def set_attribute(name: str, value: str) -> None:
    """Set (or, without a value, delete) a transient attribute of this node; a failure is ignored."""
    import subprocess

    change = ["-U", value] if value else ["-D"]
    with contextlib.suppress(OSError, subprocess.SubprocessError):
        subprocess.run(
            ["attrd_updater", "-n", name, *change],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=COMMAND_SECONDS,
            check=False,
        )
