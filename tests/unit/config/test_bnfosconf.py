"""bnfos.conf: what people write in it, and one error with file and line for what cannot be used."""

from __future__ import annotations

import errno
import os
import re
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
        ("[fos1]\nhots = 1\n", "f, line 2: unknown key hots"),
        ("[fos1]\nmac = 00:19\n", "f, line 2: not a MAC address"),
        ("[fos1]\nhost = http://10.0.0.1/\n", "f, line 2: not a host name"),
        ("[fos1]\nhost = 10.34.1\n", "f, line 2: not a host name or IPv4 address: '10.34.1'"),
        ("[fos1]\nhost = 10.34.1.999\n", "f, line 2: not a host name or IPv4"),
        ("[fos1]\nport = 70000\n", "f, line 2: not a port"),
        ("[fos1]\nlogin = admin\n", "f, line 2: a login is written user:password"),
        ("[fos1]\nhost = a\nhost = b\n", "f, line 3: a second host"),
        ("[fos1]\nport = 80\nport = 8080\n", "f, line 3: a second port"),
        ("[fos1]\n[fos1]\n", r"f, line 2: \[fos1\] is declared twice"),
        ("[]\n", "f, line 1: .* not a usable name"),
        ("[fos:]\nhost = a\n", r"f, line 1: \[fos:\] is not a usable name"),
        ("[fos1\nhost = a\n", r"f, line 1: wrong header; write \[fos1\] on a line of its own"),
        ("[fos1]\nhots = a\nmac = x\n", "f, line 2: unknown key hots"),
    ],
)
def test_the_first_mistake_of_a_section_is_its_problem_with_file_and_line(text: str, words: str) -> None:
    problems = [entry.problem for entry in parse(text, "f") if entry.problem]
    assert len(problems) == 1
    assert re.match(words, problems[0])


@pytest.mark.parametrize(
    "slip",
    [
        "[{name}]\nmac = {mac}\n",
        "[{name}]\nmac = {mac}\n;host = 0.0.0.0\n",
        "[{name}:]\nmac = {mac}\nhost = {host}\n",
        "[{name}\nmac = {mac}\nhost = {host}\n",
        "[{name}]\nhots = {host}\n",
        "[{name}]\nmac = 00:19:32:00:12\nhost = {host}\n",
        "[{name}]\nhost = {host}\nhost = {host}\n",
        "[{name}]\nhost {host}\n",
        "[{name}]\nhost = {host}\nlogin = foobar\n",
        "[{name}]\nhost = {host}\nport = 0\n",
    ],
)
@pytest.mark.parametrize("position", [0, 1, 2], ids=["first", "middle", "last"])
def test_a_slip_in_one_section_spoils_no_other(slip: str, position: int) -> None:
    good = "[fos{0}]\nmac = 00:19:32:00:00:0{0}\nhost = 10.0.0.{0}\nlogin = admin:secret\n"
    sections = [good.format(number) for number in range(3)]
    sections[position] = slip.format(name=f"fos{position}", mac=f"00:19:32:00:00:0{position}", host="10.0.0.9")
    entries = select(parse("\n".join(sections), "f"), [], "f")
    usable = [entry for entry in entries if not entry.problem]
    assert [(entry.name, entry.host) for entry in usable] == [
        (f"fos{number}", f"10.0.0.{number}") for number in range(3) if number != position
    ]
    bad = next(entry for entry in entries if entry.problem)
    at = "\n".join(sections[:position]).count("\n") + 1
    assert at <= int(re.match(r"f, line (\d+): ", bad.problem)[1]) <= at + 4  # type: ignore[index]


def test_a_line_before_the_first_section_spoils_no_section() -> None:
    stray, fos1 = select(parse("hots = 10.0.0.9\n[fos1]\nhost = 10.0.0.1\n", "f"), [], "f")
    assert (stray.name, stray.problem) == (
        "(no section)",
        "f, line 1: stands before the first [section]; move it below one",
    )
    assert (fos1.host, fos1.problem) == ("10.0.0.1", "")


def test_of_two_sections_with_one_name_the_first_is_used() -> None:
    first, second = parse("[fos1]\nhost = a\n[fos1]\nhost = b\n", "f")
    assert (first.host, first.problem) == ("a", "")
    assert second.name == "fos1 (line 3)"
    assert second.problem == "f, line 3: [fos1] is declared twice; remove one"


@pytest.mark.parametrize(
    ("line", "attribute", "value"),
    [
        ("mac = 00:19:32:00:12:1D   office", "mac", bytes.fromhex("00193200121d")),
        ("mac = 00:19:32:00:12:1D # office", "mac", bytes.fromhex("00193200121d")),
        ("host = 10.0.0.1 ; office", "host", "10.0.0.1"),
        ("host = 10.0.0.1#office", "host", "10.0.0.1"),
        ("port = 8080 # not 80", "port", 8080),
        ("login = admin:a # b", "login", Login("admin", "a # b")),
    ],
)
def test_comments_behind_a_value_are_taken_as_the_vendors_client_did(line: str, attribute: str, value: object) -> None:
    (entry,) = parse(f"[fos1] # the first\n{line}\n", "f")
    assert (getattr(entry, attribute), entry.problem) == (value, "")


@pytest.mark.parametrize(
    "slip",
    [
        "login secret",
        "login: admin:secret=",
        "login admin:secret=x",
        "secret",
        "[fos2] login = admin:secret",
        "[fos2 login = admin:secret",
        "host = 10.0.0.1 login = admin:secret",
        "host = admin:secret",
        "host = http://admin:secret@10.0.0.1/",
        "port = 80 login = admin:secret",
        "mac = 00:19:32:00:12:1Dlogin=admin:secret",
    ],
)
def test_no_error_shows_a_password(slip: str) -> None:
    entry = parse(f"[fos1]\n{slip}\n", "f")[-1]
    assert entry.problem
    assert "secret" not in entry.name + entry.problem
    assert "secret" not in repr(parse("[fos1]\nlogin = admin:secret\n", "f"))


@pytest.mark.parametrize(
    ("data", "words"),
    [(b"", "declares no device"), (b"[fos1]\0", "binary")],
    ids=["empty", "binary"],
)
def test_files_that_cannot_be_used(tmp_path: Path, data: bytes, words: str) -> None:
    path = tmp_path / "bnfos.conf"
    path.write_bytes(data)
    with pytest.raises(ConfigurationError, match=words):
        bnfosconf.read(str(path))


def test_a_letter_of_another_encoding_is_a_problem_of_its_section_and_in_a_comment_none(tmp_path: Path) -> None:
    path = tmp_path / "bnfos.conf"
    path.write_bytes("# Büro\n[fos1]\nhost = 10.0.0.1\n[fos2]\nhost = büro\n[fös3]\n".encode("latin-1"))
    fos1, fos2, fos3 = bnfosconf.read(str(path))
    assert (fos1.host, fos1.problem) == ("10.0.0.1", "")
    assert fos2.problem == f"{path}, line 5: is not UTF-8 text; write that line anew"
    assert "is not a usable name" in fos3.problem
    with pytest.raises(ConfigurationError, match="line 1: is not UTF-8 text"):
        bnfosconf.read_text(str(path))


def test_a_login_of_another_encoding_is_a_problem_too() -> None:
    (entry,) = parse("[fos1]\nhost = 10.0.0.1\nlogin = admin:sch\udcf6n\n", "f")
    assert entry.problem == "f, line 3: is not UTF-8 text; write that line anew"


def test_a_file_full_of_devices_is_read_in_no_time() -> None:
    """A mebibyte of them; comparing each name with all others took minutes."""
    text = "".join(f"[{number:x}]\n" for number in range(120_000))
    assert len(parse(text, "f")) == 120_000


def test_a_missing_file_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationMissing, match="bnfos --scan -x"):
        bnfosconf.read(str(tmp_path / "bnfos.conf"))


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("host = http://admin:s3cret@10.0.0.1/", "address: 'http...'; correct it"),
        ("host = 10.0.0.1 login=admin:s3cret", "address: '10.0.0.1...'; correct it"),
        ("mac = admin:s3cret", "address: 'admin...'; correct it"),
        ("port = admin:s'cret", "65535: 'admin...'; correct it"),
        ("mac = 00:19:32", "address: '00:19:32'; correct it"),
        ("login = s3cret", "a login is written user:password; correct it"),
    ],
)
def test_a_login_at_the_wrong_place_is_in_no_message(line: str, shown: str) -> None:
    (entry,) = parse(f"[fos1]\n{line}\n", "f")
    assert entry.problem.endswith(shown)


def test_a_folder_in_its_place(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="cannot be read: Is a directory"):
        bnfosconf.read(str(tmp_path))


def test_who_is_not_root_is_told_to_be_and_not_to_open_the_file_to_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "bnfos.conf"
    path.touch()

    def refuse(*_: object) -> int:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr("os.open", refuse)
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    with pytest.raises(ConfigurationError, match="bnfos.conf: cannot be read: Permission denied; run this as root$"):
        bnfosconf.read(str(path))
    monkeypatch.setattr("os.geteuid", lambda: 0)
    with pytest.raises(ConfigurationError, match="Permission denied; make it a file that root can read$"):
        bnfosconf.read(str(path))


def test_the_step_names_the_file_unless_it_is_the_default_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`bnfos --scan -x` alone would write /etc/bnfos.conf."""
    path = str(tmp_path / "my own.conf")
    scan = f"`bnfos --scan -x --config '{path}'`"
    with pytest.raises(ConfigurationMissing, match=f"missing on this node; {scan} writes it"):
        bnfosconf.read(path)
    Path(path).write_text("# nothing\n")
    with pytest.raises(ConfigurationError, match=f"declares no device; {scan} finds them"):
        bnfosconf.read(path)
    with pytest.raises(ConfigurationError, match=f"has no host; {scan} finds it"):
        select(parse("[fos1]\n", path), [], path)
    monkeypatch.setattr(bnfosconf, "DEFAULT_PATH", path)
    with pytest.raises(ConfigurationError, match="declares no device; `bnfos --scan -x` finds them"):
        bnfosconf.read(path)


def test_a_pipe_in_its_place_is_not_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "bnfos.conf"
    os.mkfifo(path)
    with pytest.raises(ConfigurationError, match="declares no device"):
        bnfosconf.read(str(path))


def test_select_keeps_the_order_asked_for_and_names_what_is_missing() -> None:
    entries = parse(TWO, "f")
    assert [entry.name for entry in select(entries, [], "f")] == ["fos1", "fos2"]
    assert [entry.name for entry in select(entries, ["fos2", "fos1", "fos2"], "f")] == ["fos2", "fos1"]
    with pytest.raises(ConfigurationError, match=r"f: declares no \[fos3\]; use fos1, fos2"):
        select(entries, ["fos3"], "f")


def test_a_device_without_address_has_that_as_its_problem() -> None:
    text = "[fos1]\nmac = 00:19:32:00:12:1D\n"
    with pytest.raises(ConfigurationError, match=r"f, line 1: \[fos1\] has no host"):
        select(parse(text, "f"), [], "f")
    good, bad = select(parse(f"[fos2]\nhost = 10.0.0.2\n{text}", "f"), [], "f")
    assert not good.problem
    assert bad.problem.startswith("f, line 3: [fos1] has no host")
