"""A device that does not answer at its address is looked for by its MAC, and never spoken to elsewhere unasked."""

from __future__ import annotations

import time
from typing import Callable

import pytest

from berofos_agent.config.bnfosconf import Entry
from berofos_agent.device import gbl4
from berofos_agent.device.device import Device
from berofos_agent.device.frame import ScanReply
from berofos_agent.errors import DeviceError, Moved, Refused, SectionError, Unreachable

MAC, OTHER = bytes.fromhex("00193200121D"), bytes.fromhex("00193200121E")
HERE = Entry("fos1", "10.34.1.50", MAC)


@pytest.fixture
def broadcasts(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[float]]:
    """Let a LAN answer broadcasts; the list gets the seconds each was given."""

    def lan(*answers: tuple[str, bytes], error: OSError | None = None) -> list[float]:
        asked: list[float] = []

        def scan(quiet: float, seconds: float) -> list[tuple[str, ScanReply]]:
            asked.append(max(quiet, seconds))
            if error:
                raise error
            return [(address, ScanReply(mac, (1, 53), True)) for address, mac in answers]

        monkeypatch.setattr(gbl4, "broadcast_scan", scan)
        return asked

    return lan


def failing(entry: Entry, error: DeviceError, seconds: float = 5.0) -> DeviceError:
    """The error that reading such a device ends with."""

    class Web:
        def read(self, _seconds: float) -> dict[str, str]:
            raise error

    device = Device(entry)
    if not entry.problem:
        device.web = Web()  # type: ignore[assignment]
    with pytest.raises(DeviceError) as caught:
        device.read_or_find(time.monotonic() + seconds)
    return caught.value


SILENT = Unreachable("fos1", "no answer from 10.34.1.50 within 3 s")


def test_the_reason_says_where_it_answers_now(broadcasts: Callable[..., list[float]]) -> None:
    asked = broadcasts(("10.34.1.51", OTHER), ("10.34.1.77", MAC))
    error = failing(HERE, SILENT)
    assert isinstance(error, Moved)
    assert error.address == "10.34.1.77"
    assert str(error) == (
        "fos1: answers at 10.34.1.77 now, not at 10.34.1.50; update bnfos.conf: bnfos --scan -x -h 10.34.1.77"
    )
    assert len(str(error)) <= 128
    assert len(asked) == 1


@pytest.mark.parametrize(
    "answers",
    [(), (("10.34.1.51", OTHER),), (("10.34.1.50", MAC),)],
    ids=["nobody", "another-device", "at-its-own-address"],
)
def test_a_device_that_is_nowhere_else_is_just_unreachable(
    broadcasts: Callable[..., list[float]], answers: tuple[tuple[str, bytes], ...]
) -> None:
    broadcasts(*answers)
    assert failing(HERE, SILENT) is SILENT


def test_a_lan_that_takes_no_broadcast_is_no_error_of_its_own(broadcasts: Callable[..., list[float]]) -> None:
    broadcasts(error=OSError(101, "Network is unreachable"))
    assert failing(HERE, SILENT) is SILENT


@pytest.mark.parametrize(
    "entry",
    [HERE._replace(mac=None), HERE._replace(host="fos1.example.org"), HERE._replace(host="127.0.0.1")],
    ids=["no-mac", "a-host-name", "on-this-host"],
)
def test_nothing_is_broadcast_where_it_cannot_help(broadcasts: Callable[..., list[float]], entry: Entry) -> None:
    asked = broadcasts(("10.34.1.77", MAC))
    assert failing(entry, SILENT) is SILENT
    assert asked == []


def test_nothing_is_broadcast_when_time_is_over(broadcasts: Callable[..., list[float]]) -> None:
    asked = broadcasts(("10.34.1.77", MAC))
    assert failing(HERE, SILENT, seconds=-1) is SILENT
    assert asked == []


def test_nothing_is_broadcast_for_a_device_that_answers(broadcasts: Callable[..., list[float]]) -> None:
    asked = broadcasts(("10.34.1.77", MAC))
    refused = Refused("fos1", "password refused by 10.34.1.50")
    assert failing(HERE, refused) is refused

    class Web:
        def read(self, _seconds: float) -> dict[str, str]:
            return {"mode": "1"}

    device = Device(HERE)
    device.web = Web()  # type: ignore[assignment]
    assert device.read_or_find(time.monotonic() + 5) == {"mode": "1"}
    assert asked == []


def test_nothing_is_broadcast_for_a_section_with_a_mistake(broadcasts: Callable[..., list[float]]) -> None:
    asked = broadcasts(("10.34.1.77", MAC))
    error = failing(HERE._replace(problem="f, line 3: unknown key hots"), SILENT)
    assert isinstance(error, SectionError)
    assert asked == []
