"""berofos status: its text of one device."""

from __future__ import annotations

import pytest

from berofos_agent.commands import status
from berofos_agent.commands.picture import plain
from berofos_agent.config.bnfosconf import Entry
from berofos_agent.device.inspection import Inspection
from berofos_agent.errors import Unreachable


@pytest.mark.parametrize("columns", [1, 2, 3])
def test_a_terminal_of_few_columns_has_the_text_all_the_same(columns: int) -> None:
    silent = Inspection("fos1", error=Unreachable("fos1", "no answer"), entry=Entry("fos1", "10.0.0.1"))
    assert "noanswer" in "".join(status.as_text(silent, plain, columns)).replace(" ", "")
