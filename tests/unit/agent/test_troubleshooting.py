"""Every exit reason the agent can give has its entry in docs/troubleshooting.md, and every entry is one it can give.

The reasons are collected from the source: what is raised, and what makes up a verdict. A field of an f-string
becomes BLANK, and an entry has a word in capitals there.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import berofos_agent

PACKAGE = Path(berofos_agent.__file__).parent
DOCUMENT = PACKAGE.parent / "docs" / "troubleshooting.md"

BLANK = "\0"

PLACEHOLDERS = ("DEVICE", "FILE", "HOST", "KEY", "N", "NAME", "NODE", "NODES", "THAT", "THIS", "WHAT")
"""Words of the document that stand for anything."""

MODULES = [
    "agent/actions",
    "agent/dahdi",
    "agent/decisions",
    "agent/main",
    "agent/node",
    "agent/ocf",
    "agent/parameters",
    "agent/readiness",
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
    "Superseded",
    "Unreachable",
    "UnusableAnswer",
    "Result",
    "ValueError",
    "_UnusableBody",
    "timeout",
}
"""Whatever is called by one of these names gets the text as its last argument."""

RETURNED = {
    "_wrong_position",
    "_not_taken",
    "_why_refused",
    "_with_advice",
    "evaluate_layer2",
    "missing_module",
    "_reason",
    "publish_config",
    "_internal_error",
    "evaluate",
    "_keep_on",
    "_keep_off",
    "_setting",
}
"""Functions that put a reason together from strings of their own."""

NOT_OF_THE_AGENT = {
    f" (also {BLANK})",  # the names of more devices, behind a reason
    f"refused the {BLANK} with error {BLANK}; is it in flash mode?",  # told by bnfos only
    "timed out",  # never seen: it becomes "no answer"
}


def template(node: ast.expr) -> str:
    """Return a string expression with BLANK for what is not known here; empty if it is no string."""
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


def reasons() -> set[str]:
    """Every reason in the source."""
    found: set[str] = set()
    for module in MODULES:
        for node in ast.walk(ast.parse((PACKAGE / f"{module}.py").read_text())):
            if isinstance(node, ast.Call) and name_of(node) in TOLD:
                texts = [*node.args, *(keyword.value for keyword in node.keywords)]
                found |= {text for value in texts[-1:] for text in strings(value)}
            elif isinstance(node, ast.FunctionDef) and node.name in RETURNED:
                found |= {text for value in _put_together(node) for text in strings(value)}
    found = {re.sub(r"^ocf-exit-reason:|\s+$", "", text) for text in found}
    return {text for text in found if re.search(r"[a-z]{3}", skeleton(text))} - NOT_OF_THE_AGENT


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
