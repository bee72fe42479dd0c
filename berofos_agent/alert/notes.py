"""What was told before: in a file of this node, and in marks that the attribute daemons of all nodes share."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from typing import Any

from berofos_agent.agent.node import output_of
from berofos_agent.sentences import Sentence

ATTRIBUTE_SECONDS = 2.0
MOST_SUBJECTS = 200


class Notes:
    """The notes of one recipient. `load` first, `save` at the end."""

    def __init__(self, path: str, recipient: str, environ: Mapping[str, str]) -> None:
        self._path = path
        self._recipient = recipient
        self._environ = {key: environ[key] for key in environ if not key.startswith("OCF_")}
        self._told: dict[str, list[str]] = {}
        self._marks: dict[tuple[str, str], str] = {}

    def load(self) -> None:
        """Read the file; one that is missing or damaged has no notes."""
        self._marks.clear()
        try:
            with open(self._path, encoding="utf-8") as file:
                found: Any = json.load(file)
        except (OSError, ValueError, RecursionError):
            found = {}
        rows = found.items() if isinstance(found, dict) else ()
        self._told = {subject: [str(word) for word in row] for subject, row in rows if _is_row(row)}

    def save(self) -> None:
        """Replace the file in one step; raise OSError."""
        kept = dict(list(self._told.items())[-MOST_SUBJECTS:])
        replace_file(self._path, json.dumps(kept))

    def last(self, subject: str) -> tuple[str, str]:
        """Return kind and text of this node's last sentence about a subject; empty if there is none."""
        kind, text = self._told.get(subject, ("", ""))
        return kind, text

    def note(self, subject: str, sentence: Sentence) -> None:
        """Note a sentence."""
        self._told.pop(subject, None)
        self._told[subject] = [sentence.kind, sentence.text]

    def mark(self, resource: str, node: str) -> str:
        """Return the mark of a resource on a node; empty if there is none, or if Pacemaker does not answer."""
        known = self._marks.get((resource, node))
        if known is not None:
            return known
        name = self._name(resource)
        answer = output_of(["attrd_updater", "-Q", "-n", name, "-N", node], self._environ, ATTRIBUTE_SECONDS)
        found = re.search(r'^name="[^"]*" host="[^"]*" value="(.*)"$', answer, re.MULTILINE)
        return self._marks.setdefault((resource, node), found[1] if found else "")

    def set_mark(self, resource: str, node: str, mark: str) -> None:
        """Set a mark, or remove it. It is private: neither in the CIB nor in crm_mon, and gone with its node."""
        if self.mark(resource, node) == mark:
            return
        self._marks[resource, node] = mark
        change = ["-U", mark] if mark else ["-D"]
        output_of(
            ["attrd_updater", "-n", self._name(resource), "-N", node, "-p", *change], self._environ, ATTRIBUTE_SECONDS
        )

    def _name(self, resource: str) -> str:
        return f"{resource}-told-{self._recipient}"


def replace_file(path: str, text: str) -> None:
    """Write a file in one step, for this user only; raise OSError."""
    descriptor = os.open(f"{path}.new", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with open(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
    os.replace(f"{path}.new", path)


def _is_row(row: object) -> bool:
    return isinstance(row, list) and len(row) == 2
