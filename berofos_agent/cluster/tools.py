"""Runs Pacemaker's command-line tools, bounded in time."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from typing import Any

from berofos_agent.errors import ConfigurationError

ANSWER = "the answer of "
"""Begins the name of a source that is no file, but what a tool printed."""


def find(program: str, environ: Mapping[str, str] = os.environ) -> str | None:
    """Return the path of a tool; None if it is not installed."""
    # PATH of cron and of su has no /usr/sbin, where Debian installs these tools.
    return shutil.which(program, path=os.pathsep.join(filter(None, (environ.get("PATH"), "/usr/sbin"))))


def run(
    argv: Sequence[str],
    seconds: float,
    *,
    stdin: bytes = b"",
    environ: Mapping[str, str] = os.environ,
) -> subprocess.CompletedProcess[bytes]:
    """Run a tool and return how it ended; raise ConfigurationError if it is missing, cannot run or hangs."""
    program = find(argv[0], environ)
    if program is None:
        raise ConfigurationError(f"Pacemaker is not installed on this host (no {argv[0]}); run this on a cluster node")
    try:
        return subprocess.run(
            [program, *argv[1:]],
            input=stdin,
            capture_output=True,
            timeout=seconds,
            check=False,
            env=dict(environ),
        )
    except OSError as exc:
        raise ConfigurationError(f"{program} cannot be run: {exc.strerror}; check its mode") from exc
    except subprocess.TimeoutExpired:
        raise ConfigurationError(f"{argv[0]} does not answer within {seconds:g} s; try again") from None


def why_failed(program: str, ended: subprocess.CompletedProcess[bytes], step: str = "see crm_mon --inactive") -> str:
    """Return how a tool ended, its last line, and the step to take."""
    if ended.returncode < 0:
        return f"{program} crashed (signal {-ended.returncode}); {step}"
    lines = ended.stderr.decode("utf-8", "replace").strip().splitlines() or ["no reason given"]
    return f"{program} failed (exit status {ended.returncode}): {lines[-1][:200]}; {step}"


def parse_xml(data: bytes, source: str, *, huge: bool = False) -> Any:
    """Return the root of an XML document as lxml reads it; raise ConfigurationError that names its source.

    It may be a file that somebody sent, so no entity is expanded and nothing is fetched. `huge` lifts libxml2's limit
    to the length of a text.
    """
    from lxml import etree

    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=huge)
    try:
        return etree.fromstring(data, parser)
    except (etree.XMLSyntaxError, ValueError) as exc:
        why = f"{source}: is not XML: {getattr(exc, 'msg', exc)}"
        if source.startswith(ANSWER):
            raise ConfigurationError(f"{why}; try again, then run it by hand") from None
        raise ConfigurationError(f"{why}; write it anew") from None


def query_cib(seconds: float, *arguments: str, environ: Mapping[str, str] = os.environ) -> bytes:
    """Return the live CIB, or the part that the arguments name; raise ConfigurationError if there is none."""
    answer = run(["cibadmin", "--query", *arguments], seconds, environ=environ)
    if answer.returncode:
        raise ConfigurationError("the cluster is not running on this host; run this on a cluster node")
    return answer.stdout
