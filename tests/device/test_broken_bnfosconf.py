"""A bnfos.conf that an editor, a disk or a copy has damaged: one clear line, nothing lost, no traceback."""

from __future__ import annotations

import codecs
from typing import Callable

import pytest

from berofos_agent.commands import xivo_berofos
from berofos_agent.device import frame
from tests.device.conftest import Desk

from .bnfos_calls import Bnfos

TEN_MEBIBYTES = 10 << 20

UNREADABLE: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "ten-mebibytes": (lambda data: data + b"# filler\n" * (TEN_MEBIBYTES // 9), "larger than 1 MiB"),
    "binary": (lambda data: data[:20] + bytes(range(256)) + data[20:], "binary"),
    "utf-16": (lambda data: codecs.BOM_UTF16_LE + data.decode().encode("utf-16-le"), "binary"),
}
"""By what has happened: what it makes of a good file, and what the line says."""

READABLE: dict[str, Callable[[bytes], bytes]] = {
    "carriage-returns": lambda data: data.replace(b"\n", b"\r\n"),
    "byte-order-mark": lambda data: codecs.BOM_UTF8 + data,
    "both": lambda data: codecs.BOM_UTF8 + data.replace(b"\n", b"\r\n"),
    "no-newline-at-the-end": lambda data: data.rstrip(b"\n"),
    "just-below-the-limit": lambda data: data + b"#" * ((1 << 20) - len(data) - 1) + b"\n",
}
"""By what is odd about it: what it makes of a good file, which stays usable."""


def damage(desk: Desk, how: Callable[[bytes], bytes]) -> bytes:
    """Damage the file; return what it holds now."""
    desk.config.write_bytes(how(desk.config.read_bytes()))
    return desk.config.read_bytes()


@pytest.mark.parametrize("name", UNREADABLE)
def test_an_unreadable_file_is_one_clear_line_and_stays(
    desk: Desk, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    how, words = UNREADABLE[name]
    before = damage(desk, how)
    bnfos = Bnfos(desk.config, capsys, frame.PORT)
    calls: list[Callable[[], tuple[int, str]]] = [
        lambda: (xivo_berofos.main([f"--config={desk.config}", "master"]), capsys.readouterr().err),
        lambda: (lambda ran: (ran.status, ran.err))(bnfos("--get mode -f fos1")),
        lambda: (lambda ran: (ran.status, ran.err))(bnfos("--scan -x")),
        lambda: (lambda ran: (ran.status, ran.err))(desk.berofos("status")),
        lambda: (lambda ran: (ran.status, ran.err))(desk.berofos("password", typed="\nnew\nnew\n")),
    ]
    for call in calls:
        capsys.readouterr()
        status, err = call()
        assert status != 0
        assert err.count("\n") == 1
        assert str(desk.config) in err
        assert words in err
        assert "Traceback" not in err
    assert desk.config.read_bytes() == before
    assert not any(device.model.requests for device in desk.devices)


def test_a_comment_of_another_encoding_keeps_no_line_where_it_is_and_the_file_is_left_alone(
    desk: Desk, capsys: pytest.CaptureFixture[str]
) -> None:
    before = damage(desk, lambda data: data + "# Büro\n".encode("latin-1"))
    bnfos = Bnfos(desk.config, capsys, frame.PORT)
    assert xivo_berofos.main([f"--config={desk.config}", "master"]) == 0
    assert [device.model.mode for device in desk.devices] == ["1", "1"]
    assert desk.berofos("status").status == 0
    for ran in (bnfos("--scan -x"), desk.berofos("password", typed="\nnew\nnew\n")):
        assert ran.status != 0
        assert "is not UTF-8 text" in ran.err
        assert ran.err.count("\n") == 1
    assert desk.config.read_bytes() == before


@pytest.mark.parametrize("name", READABLE)
def test_an_odd_file_is_used_as_it_is_and_keeps_its_form(
    desk: Desk, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    before = damage(desk, READABLE[name])
    assert xivo_berofos.main([f"--config={desk.config}", "master"]) == 0
    assert [device.model.mode for device in desk.devices] == ["1", "1"]
    assert desk.berofos("password", "fos2", typed="\nnew\nnew\n").status == 0
    after = desk.config.read_bytes()
    assert b"login = admin:new" in after
    placeholder = b"#login = <user>:<password>"
    kept = [line for line in before.splitlines() if line.strip() != placeholder]
    assert all(line in after.splitlines() for line in kept if not line.startswith(codecs.BOM_UTF8))
    assert after.count(b"\r\n") == before.count(b"\r\n")
    assert Bnfos(desk.config, capsys, frame.PORT)("--get mode -f fos1").out == "mode = 1\n"


def test_wherever_a_copy_was_cut_off_nothing_crashes_and_whole_sections_are_used(desk: Desk) -> None:
    whole = desk.config.read_bytes()
    end_of_fos1 = whole.index(b"[fos2]")
    for length in range(0, len(whole), 7):
        desk.config.write_bytes(whole[:length])
        for device in desk.devices:
            device.model.move_by_hand("0")
            device.model.forget()
        status = xivo_berofos.main(["-q", f"--config={desk.config}", "--timeout=5", "master"])
        assert status in (0, 3, 4)
        if length >= end_of_fos1:
            assert desk.device("fos1").model.mode == "1"
