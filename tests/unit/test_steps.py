"""Every error of this package ends in what to do next; unit/agent/test_troubleshooting.py has the agent's reasons.

The texts are collected from the source: whatever is given to an exception of the family in errors.py.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import berofos_agent
from berofos_agent import errors

PACKAGE = Path(berofos_agent.__file__).parent
FAMILY = {
    name: kind
    for name, kind in vars(errors).items()
    if isinstance(kind, type) and issubclass(kind, errors.BerofosError) and kind is not errors.FrameError
}
"""A FrameError is seen only inside of an UnusableAnswer."""

STEP = re.compile(
    r"^must be |[;,:] `?(?:add|apt-get|berofos|bnfos|choose|check|cibadmin|copy|correct|crm_mon|download|end|give"
    r"|install|kill|leave|make|mend|name|remove|rename|run|see|set|try|use|write|--force)"
)
"""What to do next is a command, or begins with what to do."""

PASSED_ON = {
    "{str(answer.get('error'))}": "a simulated device that does not take an order says which it takes",
    "{alike[0].problem}": "a mistake in a section of bnfos.conf has its step",
    "{chosen[0].problem}": "a mistake in a section of bnfos.conf has its step",
    "{str(exc)}": "the error of the family that was caught has its step",
    "{why_failed('crm_simulate', ended, 'check the CIB with crm_verify')}": "what a tool says, and where to look",
    "{why_failed(argv[0], ended)}": "what a tool says, and where to look",
    "{self.path}: cannot be written: {exc.strerror or exc}; {step}": "root, if that helps",
    "{path}: cannot be replaced, {folder} is not writable; nothing changed, {step}": "root, if that helps",
    "{exc}; {_taken_back(change, deadline)}": "the error has its step; then what the device has now",
    "{exc} ({progress.left_device})": "the error has its step; then what the device has now, and what to do with it",
    "{option} {name}: the cluster has no such node{hint}": "the names that exist, or the one that may be meant",
    "--follow {id}: the cluster has no such resource{hint}": "the names that exist, or the one that may be meant",
    "{parameter.name}={text[:30]}: {exc}": "what a value must be",
    "refused: {'; '.join(reasons)}; --force overrides": "the reasons, and the option",
}
"""Texts whose step is not written where the error is raised."""


def texts() -> Iterator[tuple[str, str]]:
    """Every place that makes an error without a device: the file, and what the error says.

    Not those of an alert: they are lines of Pacemaker's log that say which message was not delivered.
    """
    for path in sorted(set(PACKAGE.rglob("*.py")) - set((PACKAGE / "alert").rglob("*.py"))):
        for node in ast.walk(ast.parse(path.read_text())):
            kind = FAMILY.get(node.func.id) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) else None
            if kind and not issubclass(kind, errors.DeviceError):
                assert isinstance(node, ast.Call)
                yield str(path.relative_to(PACKAGE)), _text(node.args[-1])


def _text(node: ast.expr) -> str:
    if isinstance(node, ast.Constant):
        return str(node.value)
    if isinstance(node, ast.JoinedStr):
        return "".join(map(_text, node.values))
    return f"{{{ast.unparse(node.value if isinstance(node, ast.FormattedValue) else node)}}}"


@pytest.mark.parametrize(("file", "text"), list(texts()))
def test_every_error_ends_in_a_step(file: str, text: str) -> None:
    assert text in PASSED_ON or STEP.search(text), file


def test_what_is_passed_on_is_still_raised() -> None:
    assert set(PASSED_ON) <= {text for _file, text in texts()}


@pytest.mark.parametrize(
    "kind",
    [kind for kind in FAMILY.values() if issubclass(kind, errors.DeviceError) and kind is not errors.SectionError],
)
def test_every_error_of_a_device_has_a_step_whatever_is_said_of_it(kind: type[errors.DeviceError]) -> None:
    arguments = ("10.0.0.1", "10.0.0.2") if kind is errors.Moved else ("was seen",)
    error = kind("fos1", *arguments)
    assert error.step
    assert str(error) == f"fos1: {error.what}; {error.step}"
