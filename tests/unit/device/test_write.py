"""The one function that writes: whole groups, read back, and what gets lost on the way."""

from __future__ import annotations

import time
from collections.abc import Mapping

import pytest

from berofos_agent.config.bnfosconf import Entry, Login
from berofos_agent.device.device import Device
from berofos_agent.device.provisioning import set_up
from berofos_agent.device.settings import with_their_groups
from berofos_agent.device.web import WebClient
from berofos_agent.errors import DidNotFollow, Refused

BEFORE = {"scenario": "1", "modedef": "0", "power1def": "1", "smtpto": "me@example.org", "mode": "0", "wdogrtime": "9"}


class Forgetful(WebClient):
    """A device without a connection that changes some settings the first few times another one is written."""

    def __init__(self, values: Mapping[str, str], changes: Mapping[str, str], times: int) -> None:
        super().__init__("fos1", "10.34.1.20", login=Login("admin", "old"))
        self.values = dict(values)
        self.changes = changes
        self.times = times
        self.written: list[dict[str, str]] = []
        self.accepts = ""

    def read(self, seconds: float) -> dict[str, str]:
        del seconds
        assert self.login
        if self.accepts and self.login.password != self.accepts:
            raise Refused(self.name, "password refused")
        return dict(self.values)

    def write(self, values: Mapping[str, str], seconds: float) -> None:
        del seconds
        self.written.append(dict(values))
        self.values.update({keyword: value for keyword, value in values.items() if keyword != "apwd"})
        if self.times:
            self.times -= 1
            self.values.update(self.changes)


def device_with(web: Forgetful) -> Device:
    device = Device(Entry("fos1", "10.34.1.20"))
    device.web = web
    return device


def soon() -> float:
    return time.monotonic() + 0.2


def test_all_stored_flags_of_a_group_are_written() -> None:
    assert with_their_groups({"scenario": "0"}, BEFORE) == {"modedef": "0", "power1def": "1", "scenario": "0"}


def test_an_interval_takes_the_flags_of_its_group_along() -> None:
    current = {"wdogdef": "1", "wdogaudio": "0", "wdog": "1", "modedef": "1", "smtpto": "me@example.org"}
    assert with_their_groups({"wdogitime": "15"}, current) == {"wdogdef": "1", "wdogaudio": "0", "wdogitime": "15"}


def test_the_relay_mode_is_written_alone() -> None:
    assert with_their_groups({"mode": "1"}, BEFORE) == {"mode": "1"}


def test_a_switch_leaves_alone_what_somebody_else_changes_at_the_same_time() -> None:
    web = Forgetful(BEFORE, {"modedef": "1"}, times=1)
    written = device_with(web).write({"mode": "1"}, BEFORE, soon())
    assert (written.restored, written.changed, web.written) == ([], [], [{"mode": "1"}])


def test_a_setting_that_gets_lost_is_written_back() -> None:
    web = Forgetful(BEFORE, {"smtpto": "", "wdogrtime": "8"}, times=1)
    written = device_with(web).write({"scenario": "0"}, BEFORE, soon())
    assert (written.restored, written.changed) == (["smtpto"], [])
    assert written.settings == web.values == {**BEFORE, "scenario": "0", "wdogrtime": "8"}


def test_a_setting_that_stays_lost_is_named() -> None:
    device = device_with(Forgetful(BEFORE, {"power1def": "0"}, times=99))
    with pytest.raises(
        DidNotFollow, match="fos1: the write changed other settings: power1def=0, was 1; set them again"
    ):
        device.write({"scenario": "0"}, BEFORE, soon())


def test_a_setting_that_no_client_may_write_is_named_when_it_is_lost() -> None:
    before = {**BEFORE, "smtpto": "x" * 64}
    web = Forgetful(before, {"smtpto": ""}, times=1)
    with pytest.raises(DidNotFollow, match="fos1: the write changed other settings: smtpto=, was xxx"):
        device_with(web).write({"scenario": "0"}, before, soon())


def test_an_address_that_a_dhcp_server_changes_is_reported_and_not_written_back() -> None:
    before = {"dhcp": "0", "pwd": "0", "address": "10.34.1.20"}
    web = Forgetful(before, {"address": "10.34.1.77"}, times=1)
    written = device_with(web).write({"dhcp": "1"}, before, soon())
    assert [(one.keyword, one.now, one.expected) for one in written.changed] == [
        ("address", "10.34.1.77", "10.34.1.20")
    ]
    assert len(web.written) == 1


def test_nothing_lost_nothing_reported() -> None:
    written = device_with(Forgetful(BEFORE, {}, 0)).write({"scenario": "0"}, BEFORE, soon())
    assert (written.restored, written.changed) == ([], [])


def test_a_setting_that_reads_back_otherwise_is_named() -> None:
    device = device_with(Forgetful(BEFORE, {"modedef": "0"}, 99))
    with pytest.raises(DidNotFollow, match="fos1: setting not taken: modedef=0, expected 1"):
        device.write({"modedef": "1"}, BEFORE, soon())


def test_a_new_password_is_tried_by_reading_with_it() -> None:
    web = Forgetful({"pwd": "1"}, {}, 0)
    web.accepts = "new"
    device_with(web).write({"apwd": "new"}, {"pwd": "1"}, soon())
    assert web.login == Login("admin", "new")
    assert web.written == [{"pwd": "1", "apwd": "new"}]


def test_a_new_password_that_is_not_accepted_is_an_error() -> None:
    web = Forgetful({"pwd": "1"}, {}, 0)
    web.accepts = "old"
    with pytest.raises(DidNotFollow, match="fos1: does not accept the new password; try the old one"):
        device_with(web).write({"apwd": "new"}, {"pwd": "1"}, soon())


def test_a_device_is_set_up_group_by_group_in_the_order_given() -> None:
    web = Forgetful({**BEFORE, "wdog": "1"}, {"smtpto": ""}, times=1)
    restored = set_up(
        device_with(web), {"scenario": "0", "mode": "1", "modedef": "1", "wdog": "0"}, dict(web.values), soon()
    )
    assert restored == ["smtpto"]
    assert web.written == [
        {"power1def": "1", "scenario": "0", "modedef": "1"},
        {"smtpto": "me@example.org"},
        {"mode": "1"},
        {"wdog": "0"},
    ]
