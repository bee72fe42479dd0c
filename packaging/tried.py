"""Fills the table in README.md that says what was tried where: python3 packaging/tried.py build/results.

The folder has one folder a Debian release, with the results that `make test-release` leaves there. The row of a release
without results stays as it is.
"""

from __future__ import annotations

import re
import statistics
import sys
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree as ET

README = Path(__file__).parents[1] / "README.md"
BEGIN, END = "<!-- tried -->\n", "<!-- end of tried -->\n"

RELEASES = {"bookworm": "Debian 12", "trixie": "Debian 13", "forky": "Debian forky"}
PROGRAMS = ("pacemaker", "corosync", "systemd", "python")
SUITES = {"package": "package", "rehearsals": "rehearsals", "scenarios": "cluster and machines"}
"""By the name of a file of results, without .xml: the head of its column."""
FIGURES = {
    "killed": "active node killed, no fencing",
    "fenced": "active node killed, with fencing",
    "moved": "telephony moved by crm_resource",
    "by hand": "relay moved by hand",
}
"""By the head of a column: how the figure that it shows begins."""


def filled(text: str, results: Path) -> str:
    """Return README's text with a new row for each release in the folder; raise ValueError without the marks."""
    begin, end = text.index(BEGIN) + len(BEGIN), text.index(END)
    rows = {line.split("|")[1].strip(): line for line in text[begin:end].splitlines()[2:]}
    for release, name in RELEASES.items():
        if (results / release).is_dir():
            rows[name] = _row(name, results / release)
    head = ["Debian", *(program.capitalize() for program in PROGRAMS), *SUITES.values(), *FIGURES]
    lines = [_line(head), "|---" * len(head) + "|", *(rows[name] for name in RELEASES.values() if name in rows)]
    return text[:begin] + "\n".join(lines) + "\n" + text[end:]


def _row(name: str, folder: Path) -> str:
    suites = {suite: ET.parse(folder / f"{suite}.xml").getroot() for suite in SUITES if _has(folder, suite)}
    properties = dict(_properties(suites))
    figures = [value for suite in suites.values() for value in _figures(suite)]
    return _line(
        [
            name,
            *(properties.get(program, "") for program in PROGRAMS),
            *(_outcome(suites[suite]) if suite in suites else "" for suite in SUITES),
            *(_seconds([seconds for what, seconds in figures if what.startswith(start)]) for start in FIGURES.values()),
        ]
    )


def _has(folder: Path, suite: str) -> bool:
    return (folder / f"{suite}.xml").is_file()


def _properties(suites: dict[str, ET.Element]) -> Iterator[tuple[str, str]]:
    for suite in suites.values():
        for one in suite.iterfind(".//testcase/properties/property"):
            yield one.get("name", ""), one.get("value", "")


def _figures(suite: ET.Element) -> Iterator[tuple[str, float]]:
    for one in suite.iterfind(".//testcase/properties/property[@name='figure']"):
        found = re.fullmatch(r"(.+?) +([0-9.]+) s  .*", one.get("value", ""))  # the name may have seconds, too
        if found:
            yield found[1], float(found[2])


def _outcome(suite: ET.Element) -> str:
    run = suite.find("testsuite")
    assert run is not None, "not a file of pytest --junitxml"
    tests, skipped = int(run.get("tests", "0")), int(run.get("skipped", "0"))
    failed = int(run.get("failures", "0")) + int(run.get("errors", "0"))
    counts = {"passed": tests - skipped - failed, "failed": failed, "skipped": skipped}
    return ", ".join(f"{count} {what}" for what, count in counts.items() if count)


def _seconds(seen: list[float]) -> str:
    if not seen:
        return ""
    median = f"{statistics.median(seen):.1f} s"
    return median if len(seen) == 1 else f"{median}, {max(seen):.1f} s at worst of {len(seen)}"


def _line(cells: list[str]) -> str:
    return "| " + " | ".join(cells) + " |"


if __name__ == "__main__":
    README.write_text(filled(README.read_text(encoding="utf-8"), Path(sys.argv[1])), encoding="utf-8")
