"""What a report consists of: outputs of commands, files, and logs; each bounded in time and in size."""

from __future__ import annotations

import contextlib
import glob
import json
import os
import re
import subprocess
import sys
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime

import berofos_agent
from berofos_agent.agent.statepath import DEFAULT_FOLDER
from berofos_agent.cluster import status, tools
from berofos_agent.config.bnfosconf import DEFAULT_PATH
from berofos_agent.errors import ConfigurationError
from berofos_agent.history import logs
from berofos_agent.report import redaction

SECONDS = 20.0
OWN_SECONDS = 90.0
"""For the doctor and the rehearsal, which ask the scheduler many questions."""
AT_ONCE = 4

MOST_BYTES = 1 << 24
LOG_BYTES = 1 << 21
JOURNAL_LINES = 20_000
_BLOCK = 1 << 16

PACKAGES = (
    "resource-agents-berofos",
    *("resource-agents", "pacemaker", "pacemaker-cli-utils", "corosync", "crmsh", "pcs", "fence-agents"),
    *("python3", "python3-requests", "python3-lxml", "asterisk", "dahdi", "systemd"),
)

OURS: Mapping[str, Sequence[str]] = {
    "doctor.txt": ["doctor"],
    "doctor.json": ["doctor", "--json"],
    "rehearse.txt": ["rehearse"],
    "rehearse.json": ["rehearse", "--json"],
    "status.txt": ["status"],
    "status.json": ["status", "--json"],
    "check.txt": ["check", "--cluster"],
}

COMMANDS: Mapping[str, Sequence[str]] = {
    "cib.xml": ["cibadmin", "--query"],
    "crm_mon.txt": ["crm_mon", "--one-shot", "--inactive", "--show-node-attributes", "--operations", "--failcounts"],
    "crm_mon.xml": status.COMMAND,
    "corosync-cmapctl.txt": ["corosync-cmapctl"],
    "corosync-quorumtool.txt": ["corosync-quorumtool", "-s"],
    "corosync-cfgtool.txt": ["corosync-cfgtool", "-s"],
    "packages.txt": ["dpkg-query", "--show", *PACKAGES],
    "pacemaker.txt": ["pacemakerd", "--version"],
    "corosync.txt": ["corosync", "-v"],
    "kernel.txt": ["uname", "-a"],
}

FILES: Mapping[str, str] = {
    "corosync.conf": "/etc/corosync/corosync.conf",
    "os-release": "/etc/os-release",
    "default-pacemaker": "/etc/default/pacemaker",
}

_INTERESTING = re.compile(rb"berofos|bnfos|pacemaker|corosync|fence|stonith|dahdi|asterisk|xivo")
"""Which lines of syslog are taken: the rest is nobody's business."""


@dataclass(frozen=True)
class Part:
    """One file of the report, and what went wrong with it; its text is redacted."""

    name: str
    text: str
    problem: str = ""


def gather(config: str, since: datetime, until: datetime, environ: Mapping[str, str] = os.environ) -> list[Part]:
    """Return all parts, in the order of their names; a part that fails has its problem instead."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        span = ["--since", since.isoformat(), "--until", until.isoformat()]
        ours = {
            **OURS,
            "history.txt": ["history", *span],
            "history.json": ["history", "--json", *span],
        }
        named = ["--config", config] if config != DEFAULT_PATH else []
        taking_config = ("status", "check", "history")
        work = {
            name: pool.submit(
                _run, [sys.executable, "-m", "berofos_agent", *words, *(named if words[0] in taking_config else [])],
                OWN_SECONDS, environ,
            )
            for name, words in ours.items()
        }  # fmt: skip
        work.update({name: pool.submit(_run, words, SECONDS, environ) for name, words in COMMANDS.items()})
        found = {name: one.result() for name, one in work.items()}
    cib = found["cib.xml"][0]
    others = redaction.values_of_cib(cib, "config")
    paths = list(dict.fromkeys([config, *(path for path in others if os.path.isabs(path))]))
    confs = {f"bnfos.conf{f'.{number}' if number else ''}": _file(path) for number, path in enumerate(paths)}
    found.update({name: (redaction.conf(text), problem) for name, (text, problem) in confs.items()})
    found.update({name: _file(path) for name, path in FILES.items() if os.path.exists(path)})
    found.update(_states())
    found.update(_logs(since))
    known = redaction.spellings(
        [
            *(secret for text, _problem in confs.values() for secret in redaction.secrets_of_conf(text)),
            # Pacemaker logs changes of the CIB, so a log knows passwords of before.
            *(secret for text, _problem in found.values() for secret in redaction.secrets_of_cib(text)),
            *(secret for text, _problem in found.values() for secret in redaction.secrets_of_corosync(text)),
            *redaction.secrets_of_environment(environ),
        ]
    )
    found["python.txt"] = (f"{sys.version}\nberofos {berofos_agent.__version__}\n", "")
    return [
        Part(name, _redacted(name, text, known), redaction.redact(problem, known))
        for name, (text, problem) in sorted(found.items())
    ]


def _redacted(name: str, text: str, known: Sequence[str]) -> str:
    if name.endswith(".json"):
        with contextlib.suppress(ValueError, RecursionError):
            return json.dumps(redaction.redact_json(json.loads(text), known), indent=2) + "\n"
    return redaction.redact(text, known)


Found = tuple[str, str]
"""A text, and what went wrong."""


def _run(argv: Sequence[str], seconds: float, environ: Mapping[str, str]) -> Found:
    root = os.path.dirname(os.path.dirname(os.path.abspath(berofos_agent.__file__)))
    path = os.pathsep.join(filter(None, (root, environ.get("PYTHONPATH"))))
    try:
        done = tools.run(argv, seconds, environ={**environ, "LC_ALL": "C.UTF-8", "PYTHONPATH": path})
    except ConfigurationError as exc:
        return "", str(exc)
    errors = done.stderr[:MOST_BYTES].decode("utf-8", "replace")
    text = done.stdout[:MOST_BYTES].decode("utf-8", "replace")
    status = f"exit status {done.returncode}" if done.returncode else ""
    return text, "; ".join(filter(None, (status, " / ".join(errors.splitlines()[:5]))))


def _file(path: str) -> Found:
    try:
        with open(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
            return file.read(MOST_BYTES).decode("utf-8", "replace"), ""
    except OSError as exc:
        return "", f"{path}: {exc.strerror}"


def _states() -> Iterator[tuple[str, Found]]:
    """Yield the state files of the relay resources: they hold no password."""
    for path in sorted(glob.glob(f"{glob.escape(DEFAULT_FOLDER)}/berofos-*.state*")):
        yield f"run/{os.path.basename(path)}", _file(path)


# --- logs ------------------------------------------------------------------------------------------------------


def _logs(since: datetime) -> Iterator[tuple[str, Found]]:
    for base in logs.LOGS:
        for path in logs.rotated(base):
            with contextlib.suppress(OSError):
                if os.stat(path).st_mtime < since.timestamp():
                    continue
            yield f"log/{path.lstrip('/').replace('/', '_')}", _end_of_log(path)
    yield "log/journal", _journal(since)


def _end_of_log(path: str) -> Found:
    """Return the end of a log, of syslog only the lines about the cluster and what is in it."""
    try:
        with logs.opened(path) as file:
            if os.path.splitext(path)[1] not in logs.OPENERS:
                file.seek(max(0, os.stat(path).st_size - LOG_BYTES - _BLOCK))
            blocks = deque(iter(lambda: file.read(_BLOCK), b""), maxlen=LOG_BYTES // _BLOCK + 1)
    except (*logs.DAMAGES, OSError) as exc:
        return "", f"{path}: {getattr(exc, 'strerror', None) or exc}"
    data = b"".join(blocks)
    if len(data) > LOG_BYTES:  # the rest of a line that is cut may be the rest of a password
        data = data[-LOG_BYTES:].partition(b"\n")[2]
    lines = data.splitlines(keepends=True)
    kept = b"".join(line for line in lines if _INTERESTING.search(line))
    return kept.decode("utf-8", "replace"), ""


def _journal(since: datetime) -> Found:
    try:
        command = logs.journal_command()
        if not command:
            return "", "has nothing of the cluster, or there is no journal"
        span = f"--since=@{since.timestamp():.0f}"
        return _run([*command, "--output=short-iso-precise", f"--lines={JOURNAL_LINES}", span], SECONDS, os.environ)
    except (OSError, subprocess.TimeoutExpired) as exc:
        return "", str(exc)
