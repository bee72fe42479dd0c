"""The table of settings against the recorded requests and the texts of config.txt."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from berofos_agent.device.settings import FLAG, SETTINGS, check, parse_config, write_target

GOLDEN = json.loads((Path(__file__).parents[2] / "golden.json").read_text())

CONFIG = """\
bnfos_confmap_magic=0.1
1_sz=checked
4_mode=1
1_rm=
6_wen=2
6_wstate=2
3_dn=fos-1
3_ip=10.34.1.20
2_mfrom=a=b@example.org
"""


@pytest.mark.parametrize("request_", GOLDEN["http"], ids=lambda each: each["set"])
def test_recorded_request_is_made_byte_for_byte(request_: dict[str, str]) -> None:
    keyword, _, value = request_["set"].partition("=")
    assert write_target({keyword: check(keyword, value)}) == request_["target"]


def test_there_are_thirty_settings() -> None:
    assert len(SETTINGS) == 30
    assert all(keyword == setting.keyword for keyword, setting in SETTINGS.items())


def test_settings_of_one_group_share_a_cmd() -> None:
    values = {"scenario": "0", "modedef": "1", "mode": "1"}
    assert write_target(values) == "/?cmd=1&sz=0&rm=1&cmd=4&mode=1"


def test_each_power_port_has_a_cmd_of_its_own() -> None:
    assert write_target({"power1": "0", "power2": "1"}) == "/?cmd=5&p=0&s=0&cmd=5&p=1&s=1"


def test_test_mail_has_no_parameter() -> None:
    assert write_target({"smtptest": "1"}) == "/?cmd=7"


def test_stored_flags_of_a_group_are_those_firmware_1_3_3_forgets() -> None:
    flags = {setting.keyword for setting in SETTINGS.values() if setting.is_stored_flag}
    assert flags == {
        "scenario",
        "modedef",
        "power1def",
        "power2def",
        "dhcp",
        "pwd",
        "syslog",
        "wdogdef",
        "wdogaudio",
        "wdogmail",
    }


GOOD = [
    ("mode", "0", "0"),
    ("port", "00080", "80"),
    ("port", "65535", "65535"),
    ("address", "10.34.1.20", "10.34.1.20"),
    ("hostname", "fos-1.example.org", "fos-1.example.org"),
    ("smtpto", "", ""),
    ("hostname", "", ""),
    ("hostname", "a_b", "a_b"),
    ("apwd", "", ""),
    ("modedef", "Yes", "1"),
    ("modedef", "FALSE", "0"),
    ("apwd", "p@ss w&rd", "p@ss w&rd"),
    ("apwd", "123456789012345", "123456789012345"),
    ("smtptest", "1", "1"),
]


@pytest.mark.parametrize(("keyword", "given", "taken"), GOOD)
def test_value_accepted(keyword: str, given: str, taken: str) -> None:
    assert check(keyword, given) == taken


BAD = [
    ("mode", "2"),
    ("mode", ""),
    ("mode", "on"),
    ("port", "0"),
    ("port", "65536"),
    ("port", "-1"),
    ("port", "٣"),
    ("address", "foo"),
    ("address", "10.34.1"),
    ("address", "10.34.1.256"),
    ("address", "::1"),
    ("hostname", "-fos"),
    ("hostname", "fos 1"),
    ("hostname", "f" * 64),
    ("smtpserv", "a" * 64),
    ("smtpserv", "a\nb"),
    ("apwd", "1234567890123456"),
    ("apwd", "pässword"),
    ("smtptest", "0"),
    ("wdogstate", "1"),
    ("wdogrtime", "1"),
]


@pytest.mark.parametrize(("keyword", "value"), BAD)
def test_value_refused_with_a_sentence_that_names_the_setting(keyword: str, value: str) -> None:
    with pytest.raises(ValueError, match=f"^{keyword}: "):
        check(keyword, value)


def test_refused_password_is_not_in_the_message() -> None:
    with pytest.raises(ValueError, match="apwd") as refused:
        check("apwd", "much-too-long-a-password")
    assert "much" not in str(refused.value)


def test_unknown_setting_names_the_known_ones() -> None:
    with pytest.raises(ValueError, match="unknown setting 'mod'; known are scenario, mode, modedef"):
        check("mod", "1")


def test_config_text_in_both_notations() -> None:
    version, values = parse_config(CONFIG)
    assert version == "0.1"
    assert values == {
        "scenario": "1",
        "mode": "1",
        "modedef": "0",
        "wdog": "2",
        "wdogstate": "2",
        "hostname": "fos-1",
        "address": "10.34.1.20",
        "smtpfrom": "a=b@example.org",
    }


@pytest.mark.parametrize("keyword", [setting.keyword for setting in SETTINGS.values() if setting.kind is FLAG])
@pytest.mark.parametrize(("told", "value"), [("checked", "1"), ("", "0"), ("1", "1"), ("0", "0")])
def test_every_flag_is_understood_in_every_notation(keyword: str, told: str, value: str) -> None:
    text = f"bnfos_confmap_magic=0.1\n{SETTINGS[keyword].read}={told}\n"
    assert parse_config(text)[1] == {keyword: value}


def test_missing_key_is_unknown_not_zero() -> None:
    assert parse_config("bnfos_confmap_magic=0.1\n") == ("0.1", {})


def test_unknown_keys_of_a_newer_firmware_are_passed_over() -> None:
    assert parse_config("bnfos_confmap_magic=0.1\n1_szd00=\n2_mail=x\n4_mode=0\n")[1] == {"mode": "0"}


def test_line_ends_of_another_world() -> None:
    assert parse_config("bnfos_confmap_magic=0.1\r\n4_mode=0\r\n") == ("0.1", {"mode": "0"})


def test_other_version_is_told() -> None:
    assert parse_config("bnfos_confmap_magic=0.2\n")[0] == "0.2"


@pytest.mark.parametrize("text", ["", "<html><body>It works!</body></html>", "4_mode=1\n", "\0\xff\n"])
def test_text_without_magic_is_no_berofos(text: str) -> None:
    with pytest.raises(LookupError):
        parse_config(text)


def test_value_that_is_no_flag_is_an_error_not_a_zero() -> None:
    with pytest.raises(ValueError, match="4_mode: 'banana' is not 0 or 1"):
        parse_config("bnfos_confmap_magic=0.1\n4_mode=banana\n")


SENTENCES = {
    ("mode", "on"): "0 or 1 expected",
    ("port", "0"): "a number from 1 to 65535 expected",
    ("address", "foo"): "an IPv4 address such as 10.34.1.20 expected",
    ("hostname", "-"): "a host name of at most 63 letters, digits, dots, hyphens and underscores expected",
    ("smtpto", "\n"): "at most 63 printable characters expected",
    ("apwd", "\n"): "at most 15 printable ASCII characters expected",
    ("smtptest", "0"): "1 expected",
    ("wdogstate", "1"): "it can only be read",
}


@pytest.mark.parametrize(("given", "sentence"), SENTENCES.items(), ids=lambda each: str(each[0]))
def test_a_refusal_says_what_is_expected(given: tuple[str, str], sentence: str) -> None:
    with pytest.raises(ValueError, match="expected|read") as refused:
        check(*given)
    assert str(refused.value) == f"{given[0]}: {sentence}"


@pytest.mark.parametrize(
    ("keyword", "value"), [("port", "1"), ("apwd", "x"), ("smtpto", "x" * 63), ("hostname", "FOS-1"), ("hostname", "F")]
)
def test_values_at_the_edge_are_taken(keyword: str, value: str) -> None:
    assert check(keyword, value) == value


def test_every_character_of_a_value_that_means_something_in_a_url_is_encoded() -> None:
    assert write_target({"smtpserv": "a/b?c&d=e f%XY"}) == "/?cmd=2&mhost=a%2Fb%3Fc%26d%3De%20f%25XY"


def test_a_setting_without_a_group_still_says_cmd() -> None:
    assert write_target({"smtptest": "1", "wdogdef": "0"}) == "/?cmd=7&cmd=2&wen=0"


@pytest.mark.parametrize(
    ("told", "read"),
    [("fos\x1b[2J", "fos\ufffd[2J"), (" fos 1 ", " fos 1 "), ("a\tb", "a\ufffdb"), ("fos 1X", "fos 1X")],
)
def test_what_is_told_is_read_as_it_is_but_for_what_cannot_be_shown(told: str, read: str) -> None:
    assert parse_config(f"bnfos_confmap_magic=0.1\n3_dn={told}\n")[1] == {"hostname": read}


def test_only_a_setting_that_is_there_twice_and_differs_is_an_error() -> None:
    text = "bnfos_confmap_magic=0.1\n2_mail=a\n2_mail=b\n4_mode=1\n4_mode=1\n"
    assert parse_config(text)[1] == {"mode": "1"}
    with pytest.raises(ValueError, match="^4_mode is there twice, with different values$"):
        parse_config(text + "4_mode=0\n")
