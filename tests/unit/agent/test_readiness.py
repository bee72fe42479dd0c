"""Why a device could not be switched from this node, and how a reason becomes the value of a node attribute."""

from __future__ import annotations

import pytest

from berofos_agent.agent.readiness import _one_line, _reason
from berofos_agent.config.bnfosconf import Entry, Login, digest
from berofos_agent.device.inspection import Inspection
from berofos_agent.errors import Refused

IN_POSITION = {"mode": "1"}


def test_a_device_that_answers_over_http_alone_is_named() -> None:
    assert _reason(Inspection("fos1", IN_POSITION)) == (
        "fos1: no answer over UDP (port 50123); check network and firewall"
    )


def test_a_refused_password_comes_before_a_missing_answer_over_udp() -> None:
    assert _reason(Inspection("fos1", {}, Refused("fos1", "password refused"))) == (
        "fos1: password refused; correct its login in bnfos.conf"
    )


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("two\nlines", "two lines"),
        ('a "quoted" word', "a 'quoted' word"),
        ("caf\u00e9", "caf\\xe9"),
        ("\x1b[31m", "?[31m"),
        ("x" * 999, "x" * 200),
        ("fos1: no answer from 10.34.1.20 within 2.9 s; check power", "fos1: no answer from 10.34.1.20; check power"),
    ],
)
def test_a_value_is_one_printable_line(text: str, value: str) -> None:
    assert _one_line(text) == value


def test_the_digest_tells_of_devices_addresses_ports_and_macs_and_of_no_login() -> None:
    fos1 = Entry("fos1", "10.34.1.20", b"\0\x19\x32\0\0\1", Login("admin", "secret"))
    fos2 = Entry("fos2", "10.34.1.21")
    same = digest([fos1, fos2])
    assert digest([fos2, fos1._replace(login=None, line=7)]) == same
    for other in (fos1._replace(host="10.34.1.22"), fos1._replace(port=8080), fos1._replace(mac=None)):
        assert digest([other, fos2]) != same
    assert digest([fos1]) != same
