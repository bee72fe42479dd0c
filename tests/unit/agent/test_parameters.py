"""The agent's parameters: defaults, ranges, and one clear line for each that is wrong."""

from __future__ import annotations

import pytest

from berofos_agent.agent.parameters import PARAMETERS, Parameters, parse
from berofos_agent.errors import ParameterError


def given(**values: str) -> Parameters:
    return parse({"port_b_node": "xivo-1", "port_d_node": "xivo-2", **values}.get)


def test_defaults() -> None:
    assert given() == Parameters(
        config="/etc/bnfos.conf",
        devices=[],
        port_b_node="xivo-1",
        port_d_node="xivo-2",
        scenario="fallback",
        on_stop="keep",
        request_timeout=3,
        unreachable_grace=60,
        watchdog=0,
        spans=[],
        layer2=False,
    )


@pytest.mark.parametrize(
    ("name", "lowest", "highest"), [("request_timeout", 1, 60), ("unreachable_grace", 0, 86400), ("watchdog", 0, 65535)]
)
def test_the_limits_of_a_number_are_allowed(name: str, lowest: int, highest: int) -> None:
    for number in (lowest, highest):
        assert getattr(given(**{name: str(number)}), name) == number


def test_on_stop_follows_from_who_is_at_port_d() -> None:
    assert parse({"port_b_node": "xivo-1"}.get).on_stop == "fallback"
    assert parse({"port_b_node": "xivo-1", "on_stop": "keep"}.get).on_stop == "keep"


def test_devices_are_words() -> None:
    assert given(devices=" fos1  fos3 ").devices == ["fos1", "fos3"]


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("request_timeout", "abc", "request_timeout=abc: must be an integer from 1 to 60"),
        ("request_timeout", "0", "1 to 60"),
        ("request_timeout", "61", "1 to 60"),
        ("request_timeout", "3s", "1 to 60"),
        ("request_timeout", "\u0663", "1 to 60"),
        ("unreachable_grace", "-1", "0 to 86400"),
        ("unreachable_grace", "86401", "0 to 86400"),
        ("scenario", "by-pass", "must be fallback or bypass"),
        ("on_stop", "drop", "must be keep or fallback"),
        ("watchdog", "65536", "0 to 65535"),
        ("watchdog", "on", "0 to 65535"),
        ("spans", "1 two", "must be span numbers"),
        ("spans", "1,2", "must be span numbers"),
        ("config", "bnfos.conf", "must be an absolute path"),
        ("state", "relay.state", "must be an absolute path"),
        ("state", "/etc//./bnfos.conf", "state and config name the same file"),
        ("state", "/etc/bnfos.conf", "state and config name the same file"),
        ("port_b_node", "xivo 1", "must be one node name"),
        ("port_d_node", "XIVO-1", "name the same node"),
    ],
)
def test_wrong_by_itself(name: str, value: str, words: str) -> None:
    with pytest.raises(ParameterError, match=words):
        given(**{name: value})


def test_the_node_at_port_b_is_required() -> None:
    with pytest.raises(ParameterError, match="port_b_node is required"):
        parse(lambda _name: None)


def test_every_parameter_is_declared_once_and_in_ascii() -> None:
    names = [parameter.name for parameter in PARAMETERS]
    assert len(names) == len(set(names))
    for parameter in PARAMETERS:
        assert (parameter.shortdesc + parameter.longdesc).isascii()
