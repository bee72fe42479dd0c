"""One slip in bnfos.conf: the commands do the rest, name file and line, and end non-zero."""

from __future__ import annotations

import json
import re

import pytest

from berofos_agent.commands import doctor, xivo_berofos
from berofos_agent.device import frame
from berofos_agent.simulator import DeviceSpec
from tests.device.conftest import Desk
from tests.ocf.conftest import fresh_address
from tests.slips import SLIPS, with_slip

from .bnfos_calls import Bnfos

CONFIGURATION = 3
POSITIONS = pytest.mark.parametrize("number", [0, 1, 2], ids=["first", "middle", "last"])
KINDS = pytest.mark.parametrize("slip", SLIPS)


@pytest.fixture
def specs() -> list[DeviceSpec]:
    """Three devices with factory settings."""
    return [
        DeviceSpec(f"fos{number}", fresh_address(), 0, frame.PORT, f"00:19:32:00:12:1{number}") for number in (1, 2, 3)
    ]


def make_slip(desk: Desk, number: int, slip: str) -> str:
    """Make a slip in the section of this number; return a pattern for file and line."""
    desk.config.write_text(with_slip(desk.config.read_text(), number, SLIPS[slip]))
    return rf"{re.escape(str(desk.config))}, line \d+: "


def modes(desk: Desk) -> list[str]:
    return [device.model.mode for device in desk.devices]


@KINDS
@POSITIONS
def test_xivo_berofos_switches_the_others(
    desk: Desk, capsys: pytest.CaptureFixture[str], number: int, slip: str
) -> None:
    line = make_slip(desk, number, slip)
    assert xivo_berofos.main([f"--config={desk.config}", "--timeout=5", "master"]) == CONFIGURATION
    assert modes(desk) == ["0" if at == number else "1" for at in range(3)]
    assert re.search(line, capsys.readouterr().err)


@KINDS
@POSITIONS
def test_bnfos_needs_its_own_section_only(
    desk: Desk, capsys: pytest.CaptureFixture[str], number: int, slip: str
) -> None:
    make_slip(desk, number, slip)
    bnfos = Bnfos(desk.config, capsys, frame.PORT)
    for at in range(3):
        ran = bnfos(f"--get mode -f fos{at + 1}")
        assert ran.status == (1 if at == number else 0), ran.err
    assert "Traceback" not in ran.err


@KINDS
@POSITIONS
def test_provision_sets_up_the_others(desk: Desk, number: int, slip: str) -> None:
    line = make_slip(desk, number, slip)
    ran = desk.berofos("provision", "--yes")
    assert ran.status == CONFIGURATION
    assert re.search(line, ran.err)
    good = [device.model.values()["modedef"] for at, device in enumerate(desk.devices) if at != number]
    assert good == ["1", "1"]


@KINDS
@POSITIONS
def test_password_is_set_on_the_others_and_the_slips_lines_stay(desk: Desk, number: int, slip: str) -> None:
    line = make_slip(desk, number, slip)
    slipped = re.findall(r"\[[^\[]*", desk.config.read_text())[number].strip()
    ran = desk.berofos("password", typed="\nnew\nnew\n")
    assert ran.status == CONFIGURATION
    assert re.search(line, ran.err)
    assert [device.model.password() for device in desk.devices] == [None if at == number else "new" for at in range(3)]
    assert slipped in desk.config.read_text()
    assert desk.config.read_text().count("login = admin:new\n") == 2


@KINDS
@POSITIONS
def test_a_scan_writes_down_what_it_finds_and_keeps_the_slips_lines(
    desk: Desk, capsys: pytest.CaptureFixture[str], number: int, slip: str
) -> None:
    make_slip(desk, number, slip)
    before = desk.config.read_text()
    bnfos = Bnfos(desk.config, capsys, frame.PORT)
    for device in desk.devices:
        bnfos(f"--scan -x -h {device.http_address[0]}")
    after = desk.config.read_text()
    for text in before.splitlines():
        assert text in after.splitlines() or text == ";host = 0.0.0.0"
    for device in desk.devices:
        assert device.http_address[0] in after or device.mac in after


@pytest.mark.parametrize(("command", "arguments"), [("status", ()), ("switch", ("b",)), ("check", ("--port=b",))])
def test_the_other_commands_do_the_rest_too(desk: Desk, command: str, arguments: tuple[str, ...]) -> None:
    line = make_slip(desk, 1, "malformed-mac")
    for device in desk.devices:
        device.model.write("cmd=1&rm=1&cmd=4&mode=1")
    ran = desk.berofos(command, *arguments)
    assert ran.status == (2 if command == "check" else CONFIGURATION)
    assert re.search(line, ran.out + ran.err)
    assert "fos1" in ran.out
    assert "fos3" in ran.out
    assert not desk.device("fos2").model.requests.get("read")


def test_the_doctor_names_the_line_and_the_fix_and_judges_the_others(
    desk: Desk, capsys: pytest.CaptureFixture[str]
) -> None:
    make_slip(desk, 1, "unknown-key")
    desk.device("fos3").model.fault("silent")
    assert doctor.main(["--json", "--config", str(desk.config)]) == 2
    found = {(one["check"], one["subject"]): one["mend"] for one in json.loads(capsys.readouterr().out)["findings"]}
    assert re.fullmatch(rf"edit {re.escape(str(desk.config))}, line \d+, on all nodes", found["wrong-section", "fos2"])
    assert ("no-answer", "fos3") in found
    assert ("no-answer", "fos2") not in found


def test_bnfos_says_what_is_wrong_with_the_section_it_was_asked_for(
    desk: Desk, capsys: pytest.CaptureFixture[str]
) -> None:
    make_slip(desk, 1, "unknown-key")
    ran = Bnfos(desk.config, capsys, frame.PORT)("--get mode -f fos2")
    assert (ran.status, ran.out) == (1, "")
    assert re.search(r"line \d+: unknown key hots", ran.err)
