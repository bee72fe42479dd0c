"""What the shim makes of a reason on its way to Pacemaker and syslog."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from berofos_agent.agent import main, ocf, state


def test_a_reason_is_one_line_of_128_bytes() -> None:
    assert ocf.fit("fos1:\n no\tanswer ") == "fos1: no answer"
    assert ocf.fit("x" * 128) == "x" * 128
    assert ocf.fit("x" * 129) == "x" * 125 + "..."


def test_a_reason_is_not_cut_within_a_character() -> None:
    assert ocf.fit("x" * 124 + "ä" * 9) == "x" * 124 + "..."


def test_a_path_that_is_no_text_is_spelt_out() -> None:
    """Pacemaker hands over any byte; a reason that cannot be written would be an internal error."""
    path = os.fsdecode(b"/etc/\xff.conf")
    assert ocf.fit(f"{path} is missing") == "/etc/\\udcff.conf is missing"
    assert ocf.fit("port_b_node=\x1b[2J: must be one node name") == r"port_b_node=\x1b[2J: must be one node name"
    ocf.tell_syslog(f"{path} is missing")


def test_stop_removes_a_state_file_it_cannot_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Otherwise the next monitor would find what was stopped."""
    path = tmp_path / "relay.state"
    path.write_text("{")
    monkeypatch.setattr("berofos_agent.systemlog.tell", lambda _priority, _line: None)

    def broken(_path: str) -> None:
        raise MemoryError

    monkeypatch.setattr(state, "load", broken)
    assert main.main(["berofos", "stop"], {"OCF_RESKEY_state": str(path)}) == 0
    assert not path.exists()
