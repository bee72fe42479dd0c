"""docs/protocol.md has the same settings as the code."""

from __future__ import annotations

from pathlib import Path

from berofos_agent.device.settings import SETTINGS

NOTES = (Path(__file__).parents[2] / "docs" / "protocol.md").read_text()


def test_table_of_settings_matches_the_code() -> None:
    table = NOTES.partition("<!-- settings -->\n")[2].partition("<!-- end of settings -->")[0]
    rows = [[cell.strip(" `") for cell in line.strip("|").split("|")] for line in table.splitlines()[2:]]
    assert [(row[0], row[2], row[3], row[4]) for row in rows] == [
        (setting.keyword, setting.write or "none", setting.read or "none", setting.meaning)
        for setting in SETTINGS.values()
    ]
