"""Every exit reason the agent can give has its entry in docs/troubleshooting.md, and every entry is one it can give.

The reasons are collected from the source: what is raised, and what makes up a verdict. A field of an f-string
becomes BLANK, and an entry has a word in capitals there.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import berofos_agent
from berofos_agent import errors
from berofos_agent.agent import ocf
from berofos_agent.device import web

PACKAGE = Path(berofos_agent.__file__).parent
DOCUMENT = PACKAGE.parent / "docs" / "troubleshooting.md"

BLANK = "\0"

CONSTANTS = {"_OTHER_HOST": ast.Constant(web._OTHER_HOST)}
"""Names of the source that stand for a text."""

PLACEHOLDERS = ("DEVICE", "FILE", "HOST", "KEY", "N", "NAME", "NODE", "NODES", "THAT", "THIS", "WHAT")
"""Words of the document that stand for anything."""

MODULES = [
    "agent/actions",
    "agent/dahdi",
    "agent/decisions",
    "agent/inputs",
    "agent/main",
    "agent/node",
    "agent/ocf",
    "agent/parameters",
    "agent/readiness",
    "agent/showing",
    "agent/state",
    "agent/watchdog",
    "config/bnfosconf",
    "config/mac",
    "device/device",
    "device/gbl4",
    "device/reading",
    "device/resolver",
    "device/web",
    "errors",
    "watchdog/arming",
    "watchdog/process",
]
"""All that the agent's actions run through."""

TOLD = {
    "ConfigurationError",
    "ConfigurationMissing",
    "DidNotFollow",
    "Entry",
    "__init__",
    "_replace",
    "FileNotFoundError",
    "KickDaemonError",
    "NoDeviceDeclared",
    "NotABerofos",
    "NotCabled",
    "OcfLibraryMissing",
    "OutOfTime",
    "ParameterError",
    "Refused",
    "Span",
    "StateError",
    "StuckRelay",
    "Superseded",
    "Unreachable",
    "UnusableAnswer",
    "Result",
    "ValueError",
    "_UnusableBody",
    "timeout",
}
"""Whatever is called by one of these names gets the text as its last argument."""

WITH_STEP = {"__init__"} | {
    name for name, kind in vars(errors).items() if isinstance(kind, type) and issubclass(kind, errors.DeviceError)
}
"""These get the device, what was seen and, unless it is that of the class, the step."""

RETURNED = {
    "_wrong_position",
    "evaluate_layer2",
    "missing_module",
    "_reason",
    "publish_config",
    "_internal_error",
    "evaluate",
    "_keep_on",
    "_keep_off",
    "_setting",
    "watchdog_failure",
}
"""Functions that put a reason together from strings of their own."""

NOT_OF_THE_AGENT = {
    f" (also {BLANK})",  # the names of more devices, behind a reason
    f"refused the {BLANK} with error {BLANK}; bring it into flash mode first",  # told by bnfos only
    f"{BLANK}: {BLANK}; correct it",  # the step behind each mistake in a line of bnfos.conf
    "does not accept the new password; try the old one",  # told by commands only
    "timed out",  # never seen: it becomes "no answer"
}


def template(node: ast.expr) -> str:
    """Return a string expression with BLANK for what is not known here; empty if it is no string."""
    if isinstance(node, ast.Name):
        node = CONSTANTS.get(node.id, node)
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        parts = [part.value if isinstance(part, ast.Constant) else BLANK for part in node.values]
        return "".join(str(part) for part in parts)
    return ""


def strings(node: ast.expr) -> Iterator[str]:
    """Both sides of a condition; a string itself."""
    if isinstance(node, ast.IfExp):
        yield from strings(node.body)
        yield from strings(node.orelse)
    elif isinstance(node, (ast.Tuple, ast.List)):
        for element in node.elts:
            yield from strings(element)
    elif isinstance(node, ast.Starred):
        yield from strings(node.value)
    elif isinstance(node, ast.GeneratorExp):
        yield from strings(node.elt)
    else:
        yield template(node)


def name_of(call: ast.Call) -> str:
    return call.func.id if isinstance(call.func, ast.Name) else getattr(call.func, "attr", "")


def reasons() -> dict[str, str]:
    """Every reason in the source, with the step that its class adds."""
    found: dict[str, str] = {}
    for module in MODULES:
        for node in ast.walk(ast.parse((PACKAGE / f"{module}.py").read_text())):
            if isinstance(node, ast.Call) and name_of(node) in TOLD:
                texts = [*node.args, *(keyword.value for keyword in node.keywords)]
                step = getattr(getattr(errors, name_of(node), None), "STEP", "")
                if name_of(node) in WITH_STEP and len(texts) == 3:
                    found |= {f"{what}; {own}": "" for what in strings(texts[1]) for own in strings(texts[2])}
                else:
                    found |= {text: step for value in texts[-1:] for text in strings(value)}
            elif isinstance(node, ast.FunctionDef) and node.name in RETURNED:
                found |= {text: "" for value in _put_together(node) for text in strings(value)}
    found = {re.sub(r"^ocf-exit-reason:|\s+$", "", text): step for text, step in found.items()}
    return {
        text: step
        for text, step in found.items()
        if text not in NOT_OF_THE_AGENT and re.search(r"[a-z]{3}", skeleton(text))
    }


def _put_together(function: ast.FunctionDef) -> Iterator[ast.expr]:
    for part in ast.walk(function):
        if isinstance(part, (ast.Return, ast.Assign)) and part.value:
            yield part.value
        elif isinstance(part, ast.Call) and name_of(part) == "write":
            yield part.args[0]


def entries() -> list[str]:
    """Every entry of the document, as it stands there."""
    return re.findall(r"^\*\*`(.+?)`\*\*", DOCUMENT.read_text(), re.MULTILINE)


def skeleton(text: str) -> str:
    """Return what two texts have in common that are the same reason.

    The code names file and line in one field, and a device in front of what it knows of it; a command in backquotes
    cannot stand in an entry.
    """
    text = re.sub(rf"\b(?:{'|'.join(PLACEHOLDERS)})\b|`[^`]*`", BLANK, text)
    text = re.sub(f" ?{BLANK}+", BLANK, text).replace(f"{BLANK}, line{BLANK}", BLANK)
    return re.sub(f"^{BLANK}: ", "", text)


def test_every_reason_has_its_entry() -> None:
    known = {skeleton(entry) for entry in entries()}
    assert sorted(reason for reason in reasons() if skeleton(reason) not in known) == []


def test_every_entry_is_a_reason_the_agent_can_give() -> None:
    known = {skeleton(reason) for reason in reasons()}
    assert sorted(entry for entry in entries() if skeleton(entry) not in known) == []


def test_no_entry_is_there_twice() -> None:
    known = [skeleton(entry) for entry in entries()]
    assert len(known) == len(set(known))


STEP = re.compile(
    r"^must (?:not )?be\b|[;:,] `?(?:add|bnfos|bring|check|choose|copy|correct|end|find|install|kill|leave|load|make"
    r"|mend|move|power-cycle|reinstall|remove|report|run|see|set|switch|try|update|use|write)\b"
)
"""What to do next is a command, or begins with what to do."""

PARTS = {
    f"not a MAC address: {BLANK}": "correct it",
    f"not a host name or IPv4 address: {BLANK}": "correct it",
    f"not a port from 1 to 65535: {BLANK}": "correct it",
    "a login is written user:password": "correct it",
    f"a second {BLANK} for [{BLANK}]": "correct it",
    f"unknown key{BLANK}; known are {BLANK}": "correct it",
    "neither [section] nor key = value (a comment has a line of its own)": "correct it",
    f"broke off after {BLANK} of {BLANK} bytes": errors.UnusableAnswer.STEP,
    "has an unexpected content encoding": errors.UnusableAnswer.STEP,
    f"is longer than {BLANK} KiB": errors.UnusableAnswer.STEP,
    f"the name server does not answer for {BLANK}": errors.Unreachable.STEP,
    f"span {BLANK}: {BLANK}{BLANK}": "correct spans",
    f"watchdog not armed: {BLANK}": errors.Unreachable.STEP,
    f"watchdog still on: {BLANK}": errors.Unreachable.STEP,
}
"""Reasons that are part of another, or have one as a part, with the step that is there then."""

SAMPLE = "192.168.100.200"
SHORT = "mode is still"
"""In this reason the fields are modes and a port, of one letter."""


@pytest.mark.parametrize(
    ("reason", "step"),
    [pytest.param(*found, id=found[0].replace(BLANK, "_")) for found in sorted(reasons().items())],
)
def test_every_reason_ends_in_a_step_that_pacemaker_does_not_cut(reason: str, step: str) -> None:
    whole = "; ".join(filter(None, [reason, step or PARTS.get(reason, "")]))
    assert STEP.search(whole), f"no step in: {whole}"
    filled = whole.replace(BLANK, "D" if SHORT in whole else SAMPLE)
    assert len(f"fos12: {filled}".encode()) <= ocf.EXIT_REASON_BYTES
