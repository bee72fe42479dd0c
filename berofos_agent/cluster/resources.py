"""Tells whether a cluster manages relays on this host; only looks, and is content not to know."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import subprocess
from collections.abc import Mapping

from berofos_agent.agent.state import DEFAULT_FOLDER

QUERY_SECONDS = 2.0

_XPATH = "//primitive[@class='ocf'][@provider='xivo'][@type='berofos']"
_STATE_FILE = re.compile(r"berofos-(.+)\.state")
_ID = re.compile(r"<primitive\b[^>]*?\sid=\"([^\"]+)\"")


def relay_resources(environ: Mapping[str, str] = os.environ) -> list[str]:
    """Return the names of the cluster's resources that manage relays, as far as this host knows of them.

    The cluster's configuration knows all of them; a state file is there for what runs on this host, even while
    the cluster's daemons are down.
    """
    return sorted({*_started_here(environ), *_configured(environ)})


def _started_here(environ: Mapping[str, str]) -> list[str]:
    with contextlib.suppress(OSError):
        names = os.listdir(environ.get("HA_RSCTMP") or DEFAULT_FOLDER)
        return [match.group(1) for match in map(_STATE_FILE.fullmatch, names) if match]
    return []


def _configured(environ: Mapping[str, str]) -> list[str]:
    path = os.pathsep.join(filter(None, (environ.get("PATH"), "/usr/sbin")))
    program = shutil.which("cibadmin", path=path)
    if program is None:
        return []
    try:
        answer = subprocess.run(
            [program, "--query", "--xpath", _XPATH],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=QUERY_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return []
    return _ID.findall(answer.stdout.decode("utf-8", "replace"))


def warning(resources: list[str]) -> str:
    """Return the sentence for whoever is about to move a relay that these resources manage."""
    names = ", ".join(resources)
    return (
        f"the cluster manages the relay (resource {names}) and will put it back; "
        "to move the lines for good, move the telephone resource: crm_resource --move"
    )
