"""Finds the relay resources that a cluster manages on this host."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Mapping
from xml.etree import ElementTree

from berofos_agent.agent.statepath import DEFAULT_FOLDER
from berofos_agent.cluster.tools import query_cib
from berofos_agent.errors import ConfigurationError

QUERY_SECONDS = 2.0
"""A command that only warns must not wait as long as the doctor for a cluster that does not answer."""

_XPATH = "//primitive[@class='ocf'][@provider='xivo'][@type='berofos']"
_STATE_FILE = re.compile(r"berofos-(.+)\.state")


def relay_resources(environ: Mapping[str, str] = os.environ) -> list[str]:
    """Return the ids of the relay resources known on this host; empty if there is no cluster or it does not answer.

    The CIB has all of them. A state file exists for each one started here, even while the cluster's daemons are down.
    """
    return sorted({*_started_here(environ), *_configured(environ)})


def warning(resources: list[str]) -> str:
    """Return the warning for someone about to move a relay that these resources manage."""
    names = ", ".join(resources)
    return (
        f"the cluster manages the relay (resource {names}) and will put it back; "
        "to move the lines for good, move the telephony resource: crm_resource --move"
    )


def _started_here(environ: Mapping[str, str]) -> list[str]:
    with contextlib.suppress(OSError):
        names = os.listdir(environ.get("HA_RSCTMP") or DEFAULT_FOLDER)
        return [match.group(1) for match in map(_STATE_FILE.fullmatch, names) if match]
    return []


def _configured(environ: Mapping[str, str]) -> list[str]:
    with contextlib.suppress(ConfigurationError, ElementTree.ParseError):
        answer = ElementTree.fromstring(query_cib(QUERY_SECONDS, "--xpath", _XPATH, environ=environ))
        return [primitive.get("id", "") for primitive in answer.iter("primitive")]
    return []
