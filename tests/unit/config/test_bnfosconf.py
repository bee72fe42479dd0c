"""bnfos.conf: what people write in it, and one error with file and line for what cannot be used."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from berofos_agent.config import bnfosconf
from berofos_agent.config.bnfosconf import Entry, Login, parse, select
from berofos_agent.errors import ConfigurationError, ConfigurationMissing

TWO = """\
[fos1]
mac = 00:19:32:00:12:1D
host = 10.100.0.201
login = admin:foobar

[fos2]
mac = 00:11:22:33:44:55
host = 10.100.0.202
login = admin:barfoo
"""


def test_the_documented_example() -> None:
    assert parse(TWO, "bnfos.conf") == [
        Entry("fos1", "10.100.0.201", bytes.fromhex("00193200121d"), Login("admin", "foobar"), 80, 1),
        Entry("fos2", "10.100.0.202", bytes.fromhex("001122334455"), Login("admin", "barfoo"), 80, 6),
    ]


def test_a_freshly_scanned_file() -> None:
    text = "[fos1]\nmac = 00:19:32:00:12:1D\nhost = 10.34.1.50\n#login = <user>:<password>\n"
    assert parse(text, "f")[0].login is None


@pytest.mark.parametrize(
    ("line", "attribute", "value"),
    [
        ("  HOST=fos.example.org  ", "host", "fos.example.org"),
        ("host = 10.0.0.1\r", "host", "10.0.0.1"),
        ("\tMac = 00-19-32-00-12-1d", "mac", bytes.fromhex("00193200121d")),
        ("port = 8080", "port", 8080),
        ('login = admin:a:b=c#d;e%f"g h', "login", Login("admin", 'a:b=c#d;e%f"g h')),
        (";host = 0.0.0.0", "host", ""),
    ],
)
def test_be_lenient(line: str, attribute: str, value: object) -> None:
    assert getattr(parse(f"[fos1]\n{line}\n", "f")[0], attribute) == value


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("host = 10.0.0.1\n", "f, line 1: stands before the first"),
        ("[fos1]\nhost\n", "f, line 2: neither"),
        ("[fos1]\nhots = 1\n", "f, line 2: unknown key 'hots'"),
        ("[fos1]\nmac = 00:19\n", "f, line 2: not a MAC address"),
        ("[fos1]\nhost = http://10.0.0.1/\n", "f, line 2: not a host name"),
        ("[fos1]\nhost = 10.34.1\n", "f, line 2: not a host name or IPv4 address: '10.34.1'"),
        ("[fos1]\nhost = 10.34.1.999\n", "f, line 2: not a host name or IPv4"),
        ("[fos1]\nport = 70000\n", "f, line 2: not a port"),
        ("[fos1]\nlogin = admin\n", "f, line 2: a login is written user:password"),
        ("[fos1]\nhost = a\nhost = b\n", "f, line 3: a second host"),
        ("[fos1]\n[fos1]\n", r"f, line 2: \[fos1\] is declared twice"),
        ("[]\n", "f, line 1: .* no usable name"),
        ("[fos1\nhost = a\n", "f, line 1: neither"),
    ],
)
def test_errors_name_file_and_line(text: str, words: str) -> None:
    with pytest.raises(ConfigurationError, match=words):
        parse(text, "f")


@pytest.mark.parametrize("slip", ["login secret", "login: admin:secret=", "login admin:secret=x", "secret"])
def test_no_error_shows_a_password(slip: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        parse(f"[fos1]\n{slip}\n", "f")
    assert "secret" not in str(caught.value)
    assert "secret" not in repr(parse("[fos1]\nlogin = admin:secret\n", "f"))


@pytest.mark.parametrize(
    ("data", "words"),
    [(b"", "declares no device"), (b"[fos1]\0", "binary"), (b"[fos1]\n#\xff\n", "line 2: is not UTF-8")],
    ids=["empty", "binary", "latin-1"],
)
def test_files_that_cannot_be_used(tmp_path: Path, data: bytes, words: str) -> None:
    path = tmp_path / "bnfos.conf"
    path.write_bytes(data)
    with pytest.raises(ConfigurationError, match=words):
        bnfosconf.read(str(path))


def test_a_file_full_of_devices_is_read_in_no_time() -> None:
    """A mebibyte of them; comparing each name with all others took minutes."""
    text = "".join(f"[{number:x}]\n" for number in range(120_000))
    assert len(parse(text, "f")) == 120_000


def test_a_missing_file_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationMissing, match="bnfos --scan -x"):
        bnfosconf.read(str(tmp_path / "bnfos.conf"))


def test_a_folder_in_its_place(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="cannot be read: Is a directory"):
        bnfosconf.read(str(tmp_path))


def test_a_pipe_in_its_place_is_not_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "bnfos.conf"
    os.mkfifo(path)
    with pytest.raises(ConfigurationError, match="declares no device"):
        bnfosconf.read(str(path))


def test_select_keeps_the_order_asked_for_and_names_what_is_missing() -> None:
    entries = parse(TWO, "f")
    assert [entry.name for entry in select(entries, [], "f")] == ["fos1", "fos2"]
    assert [entry.name for entry in select(entries, ["fos2", "fos1", "fos2"], "f")] == ["fos2", "fos1"]
    with pytest.raises(ConfigurationError, match=r"f: declares no \[fos3\]; it has fos1, fos2"):
        select(entries, ["fos3"], "f")


def test_a_device_without_address_cannot_be_selected() -> None:
    with pytest.raises(ConfigurationError, match=r"f, line 1: \[fos1\] has no host"):
        select(parse("[fos1]\nmac = 00:19:32:00:12:1D\n", "f"), [], "f")
