"""A hostile LAN: whatever answers in the device's place, a call ends in time, with a reason, in bounded memory,
and credentials go to the configured device only.
"""

from __future__ import annotations

import gzip
import itertools
import logging
import socket
import sys
import traceback
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from berofos_agent.config.bnfosconf import Login
from berofos_agent.device.web import WebClient
from berofos_agent.errors import DeviceError, NotABerofos, Refused, Unreachable, UnusableAnswer

from .hostile import BLOCK, FOREVER, HostileServer, ends_soon_and_small, hostile_server, trickle

SECONDS = 0.4
LOGIN = Login("admin", "s3cret-pass")
NEW_PASSWORD = "n3w-pass"
CONFIG = b"bnfos_confmap_magic=0.1\n4_mode=1\n2_wintv=60\n"
BASIC = b'WWW-Authenticate: Basic realm="bero*fos"\r\n'


def head(*lines: bytes, status: bytes = b"200 OK") -> bytes:
    return b"HTTP/1.1 " + status + b"\r\n" + b"".join(line + b"\r\n" for line in lines) + b"\r\n"


def whole(body: bytes, *lines: bytes) -> bytes:
    return head(b"Content-Length: %d" % len(body), *lines) + body


def endlessly(first: bytes, then: bytes) -> Iterator[bytes]:
    yield first
    for _ in FOREVER:
        yield then


def client_of(server: HostileServer, login: Login | None = None, host: str = "127.0.0.1") -> WebClient:
    return WebClient("fos1", host, server.port, login)


BOMB = gzip.compress(b"0" * (64 << 20))
CHUNKED = b"Transfer-Encoding: chunked"

ENDLESS: tuple[type[DeviceError], str] = (Unreachable, "no answer")
"""What an endless run of interim responses or trailer fields ends with: our deadline, or http.client's own limit."""
if sys.version_info >= (3, 14):
    ENDLESS = (UnusableAnswer, "answer in HTTP")

HOSTILE: dict[str, tuple[Iterable[bytes], type[DeviceError], str]] = {
    "closes-at-once": ([], Unreachable, "closed the connection without an answer"),
    "trickles-its-status": (trickle(head() + CONFIG), Unreachable, "no answer .* within 0.4 s"),
    "trickles-its-body": (itertools.chain([head(b"Content-Length: 44")], trickle(CONFIG)), Unreachable, "no answer"),
    "endless-headers": (endlessly(b"HTTP/1.1 200 OK\r\n", b"A: 0\r\n"), UnusableAnswer, "answer in HTTP"),
    "endless-wide-headers": (endlessly(b"HTTP/1.1 200 OK\r\n", b"A: %b\r\n" % (b"0" * 65000)), UnusableAnswer, "HTTP"),
    "endless-status-line": (endlessly(b"HTTP/1.1 200 ", BLOCK), UnusableAnswer, "answer in HTTP"),
    "flood-of-100-continue": (endlessly(b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 500), *ENDLESS),
    "103-and-nothing-more": ([head(status=b"103 Early Hints")], UnusableAnswer, "HTTP status 103"),
    "101-switches-protocol": ([head(status=b"101 Switching Protocols")], UnusableAnswer, "HTTP status 101"),
    "gigabyte-without-a-length": (endlessly(head(), BLOCK), UnusableAnswer, "longer than 64 KiB"),
    "gigabyte-with-a-length": (endlessly(head(b"Content-Length: 1073741824"), BLOCK), UnusableAnswer, "longer than"),
    "gigabyte-with-status-500": (endlessly(head(status=b"500 No"), BLOCK), UnusableAnswer, "HTTP status 500"),
    "gigabyte-with-status-401": (endlessly(head(BASIC[:-2], status=b"401 No"), BLOCK), Refused, "requires a password"),
    "gigabyte-behind-a-redirect": (
        endlessly(head(b"Location: http://127.0.0.1:9/", status=b"302 Found"), BLOCK),
        UnusableAnswer,
        "HTTP status 302",
    ),
    "redirect-to-nonsense": ([head(b"Location: http://[", status=b"302 Found")], UnusableAnswer, "HTTP status 302"),
    "bomb": ([whole(BOMB, b"Content-Encoding: gzip")], UnusableAnswer, "longer than|content encoding"),
    "bomb-behind-a-redirect": (
        [head(b"Location: /", b"Content-Encoding: gzip", status=b"302 Found") + BOMB],
        UnusableAnswer,
        "HTTP status 302",
    ),
    "small-bomb": (
        [whole(gzip.compress(CONFIG), b"Content-Encoding: gzip")],
        UnusableAnswer,
        "has an unexpected content encoding",
    ),
    "closes-early": ([head(b"Content-Length: 100") + CONFIG], UnusableAnswer, "broke off after 44 of 100 bytes"),
    "two-lengths": ([head(b"Content-Length: 44", b"Content-Length: 10") + CONFIG], UnusableAnswer, "answer in HTTP"),
    "chunk-of-no-number": ([head(CHUNKED) + b"xyz\r\n" + CONFIG], UnusableAnswer, "answer in HTTP"),
    "chunk-closes-early": ([head(CHUNKED) + b"ff\r\n" + CONFIG], UnusableAnswer, "answer in HTTP"),
    "chunks-without-an-end": ([head(CHUNKED) + b"2c\r\n" + CONFIG + b"\r\n"], UnusableAnswer, "answer in HTTP"),
    "chunk-of-negative-size": ([head(CHUNKED) + b"-1\r\n" + CONFIG], UnusableAnswer, "answer in HTTP"),
    "chunk-of-more-negative-size": ([head(CHUNKED) + b"-5\r\nhello\r\n0\r\n\r\n"], UnusableAnswer, "answer in HTTP"),
    "chunk-larger-than-the-world": (endlessly(head(CHUNKED) + b"f" * 15 + b"\r\n", BLOCK), UnusableAnswer, "longer"),
    "endless-chunks": (endlessly(head(CHUNKED), b"400\r\n%b\r\n" % BLOCK[:1024]), UnusableAnswer, "longer than"),
    "endless-trailer": (endlessly(head(CHUNKED) + b"0\r\n", b"A: 0\r\n" * 500), *ENDLESS),
    "no-http": ([b"SSH-2.0-OpenSSH_9.2\r\n"], UnusableAnswer, "answer in HTTP"),
    "empty-page": ([whole(b"")], NotABerofos, "no bnfos_confmap_magic"),
    "binary-page": ([whole(bytes(range(256)))], NotABerofos, "no bnfos_confmap_magic"),
}


@pytest.mark.parametrize(("answer", "error", "words"), HOSTILE.values(), ids=HOSTILE)
def test_hostile_answer_to_a_read(answer: Iterable[bytes], error: type[DeviceError], words: str) -> None:
    with hostile_server(answer) as server, ends_soon_and_small():
        with pytest.raises(error, match=words) as raised:
            client_of(server).read(SECONDS if "no answer" in words else 5)
        assert str(raised.value).startswith("fos1: ")
        assert "\n" not in str(raised.value)


def test_the_same_answer_well_formed_is_read() -> None:
    """So that the table above fails for what is hostile in it, and for nothing else."""
    for answer in (
        whole(CONFIG),
        head() + CONFIG,
        whole(CONFIG, b"Content-Encoding: identity"),
        head(CHUNKED) + b"2c\r\n" + CONFIG + b"\r\n0\r\n\r\n",
        head(status=b"100 Continue") + whole(CONFIG),
    ):
        with hostile_server([answer]) as server:
            assert client_of(server).read(5)["mode"] == "1"


def test_a_last_line_without_an_end_is_believed_only_if_its_length_was_promised() -> None:
    """ "2_wintv=6" may be half of "2_wintv=60", and "4_mode=" half of "4_mode=checked"."""
    with hostile_server([head() + CONFIG[:-2]]) as server:
        assert client_of(server).read(5) == {"mode": "1"}
    with hostile_server([whole(CONFIG[:-1])]) as server:
        assert client_of(server).read(5) == {"mode": "1", "wdogitime": "60"}


@pytest.mark.parametrize(
    ("last", "mode"), [(b"4_mode=1", "1"), (b"4_mode=checked", "1"), (b"4_mode=", None), (b"4_mode=check", None)]
)
def test_a_flag_without_a_line_end_is_believed_if_it_cannot_be_half_of_another(last: bytes, mode: str | None) -> None:
    with hostile_server([head() + b"bnfos_confmap_magic=0.1\r\n" + last]) as server:
        assert client_of(server).read(5).get("mode") == mode


def test_a_value_that_is_there_twice_and_differs_is_no_value() -> None:
    with (
        hostile_server([whole(CONFIG + b"4_mode=\n")]) as server,
        pytest.raises(UnusableAnswer, match="4_mode is there twice"),
    ):
        client_of(server).read(5)


def test_escape_sequences_of_a_page_do_not_reach_a_terminal() -> None:
    with hostile_server([whole(CONFIG + b"3_dn=fos\x1b]0;owned\x07\n")]) as server:
        assert client_of(server).read(5)["hostname"].isprintable()


def test_a_write_is_judged_by_its_status_not_by_its_page() -> None:
    for answer in ([head(b"Content-Length: 100") + b"<html>"], [head(CHUNKED) + b"xyz\r\n"], endlessly(head(), BLOCK)):
        with hostile_server(answer) as server, ends_soon_and_small():
            client_of(server).write({"mode": "1"}, 5)
            assert server.requests[0].startswith(b"GET /?cmd=4&mode=1 HTTP/1.1\r\n")


# --- credentials -----------------------------------------------------------------------------------------------


def test_no_credentials_without_a_challenge() -> None:
    with hostile_server([whole(CONFIG)]) as server:
        client_of(server, LOGIN).read(5)
        assert server.credentials() == []


@pytest.mark.parametrize("challenge", [b"", b"Negotiate", b"Bearer realm=x", b"Basically realm=x", b"NTLM"])
def test_no_credentials_for_a_challenge_that_is_neither_basic_nor_digest(challenge: bytes) -> None:
    with hostile_server([head(b"WWW-Authenticate: " + challenge, status=b"401 No")]) as server:
        with pytest.raises(Refused, match="offers neither Basic nor Digest"):
            client_of(server, LOGIN).read(5)
        assert server.credentials() == []
        assert len(server.requests) == 1


@pytest.mark.parametrize(
    "challenge",
    [
        b"Digest",
        b"Digest realm",
        b"Digest nonce=,,,",
        b'Digest realm="x", nonce, qop, algorithm',
        b'Digest realm="x", nonce="y", algorithm=MD5000',
        b'Digest realm="x", nonce="y", qop="auth-int"',
        b'Digest realm="x", nonce="' + b"y" * 60000 + b'"',
        b'Digest realm="\xff\xfe", nonce="y"',
        b"Basic " + b"x" * 60000,
    ],
)
def test_a_challenge_that_makes_no_sense_is_a_refusal_and_tells_no_password(challenge: bytes) -> None:
    with hostile_server([head(b"WWW-Authenticate: " + challenge, status=b"401 No")]) as server:
        with pytest.raises(DeviceError) as raised, ends_soon_and_small():
            client_of(server, LOGIN).read(SECONDS)
        assert LOGIN.password not in str(raised.value)
        if challenge.startswith(b"Digest"):
            assert LOGIN.password.encode() not in b"".join(server.requests)


def test_digest_is_taken_where_both_are_offered() -> None:
    both = head(BASIC[:-2], b'WWW-Authenticate: Digest realm="x", nonce="y"', status=b"401 No")
    with hostile_server([both], [whole(CONFIG)]) as server:
        assert client_of(server, LOGIN).read(5)["mode"] == "1"
        assert [line.split(b" ")[1] for line in server.credentials()] == [b"Digest"]


def test_no_credentials_follow_a_redirect() -> None:
    with hostile_server([whole(CONFIG)]) as elsewhere:
        target = b"Location: http://127.0.0.1:%d/config.txt" % elsewhere.port
        refusal, redirect = head(BASIC[:-2], status=b"401 No"), head(target, status=b"302 Found")
        with hostile_server([refusal], [redirect]) as server, pytest.raises(UnusableAnswer, match="status 302"):
            client_of(server, LOGIN).read(5)
        assert elsewhere.requests == []


def test_no_credentials_to_a_proxy_and_none_of_netrc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login someone password elses\n")
    (tmp_path / ".netrc").chmod(0o600)
    monkeypatch.setenv("HOME", str(tmp_path))
    with hostile_server([whole(CONFIG)]) as proxy, hostile_server([whole(CONFIG)]) as server:
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, f"http://user:word@127.0.0.1:{proxy.port}/")
        assert client_of(server, LOGIN).read(5)["mode"] == "1"
        assert proxy.requests == []
        assert server.credentials() == []


def test_a_cookie_is_not_sent_back() -> None:
    with hostile_server([head(BASIC[:-2], b"Set-Cookie: id=1", status=b"401 No")], [whole(CONFIG)]) as server:
        client_of(server, LOGIN).read(5)
        assert b"cookie" not in b"".join(server.requests).lower()


def test_the_second_exchange_does_not_rely_on_the_first_connection() -> None:
    """A device that says nothing of closing, and closes."""
    refusal = head(BASIC[:-2], b"Content-Length: 0", status=b"401 No")
    with hostile_server([refusal], [whole(CONFIG)]) as server:
        assert client_of(server, LOGIN).read(5)["mode"] == "1"
        assert len(server.requests) == 2


def test_headers_that_make_no_sense_do_not_log_the_url_of_a_new_password(
    capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    """urllib3 logs such headers with the whole URL and a traceback."""
    caplog.set_level(logging.DEBUG)
    with hostile_server([head(b"\x00nonsense", b" folded", b"A: b") + b"x"]) as server:
        client_of(server).write({"apwd": NEW_PASSWORD}, 5)
        assert NEW_PASSWORD.encode() in server.requests[0]
    assert NEW_PASSWORD not in caplog.text + "".join(capfd.readouterr())


def test_an_odd_cookie_is_not_even_looked_at(capfd: pytest.CaptureFixture[str]) -> None:
    """Of one whose date makes no sense, http.cookiejar prints a traceback."""
    with hostile_server([whole(CONFIG, b"Set-Cookie2: x=1;expires=Mon")]) as server:
        assert client_of(server).read(5)["mode"] == "1"
    assert capfd.readouterr().err == ""


def test_whatever_the_libraries_raise_is_an_unusable_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """requests 2.28 raises AttributeError for "Content-Type: text/html; charset"."""

    def exchange(*_: object) -> None:
        raise AttributeError

    monkeypatch.setattr("berofos_agent.device.web._exchange", exchange)
    with pytest.raises(UnusableAnswer, match=r"does not answer in HTTP \(AttributeError\)"):
        WebClient("fos1", "127.0.0.1", 80).read(1)


def test_an_error_of_a_write_shows_no_password_even_as_a_traceback() -> None:
    with hostile_server([b"nonsense\r\n"]) as server:
        try:
            client_of(server).write({"apwd": NEW_PASSWORD}, 5)
        except DeviceError:
            shown = traceback.format_exc()
    assert "UnusableAnswer: fos1: 127.0.0.1 does not answer in HTTP" in shown
    assert NEW_PASSWORD not in shown


def test_another_version_of_config_txt_is_reported() -> None:
    with hostile_server([whole(CONFIG.replace(b"=0.1", b"=0.2"))]) as server:
        assert client_of(server).read(5) == {"mode": "1", "wdogitime": "60", "bnfos_confmap_magic": "0.2"}


def test_without_time_nothing_is_sent() -> None:
    with hostile_server([whole(CONFIG)]) as server:
        with pytest.raises(Unreachable, match="no time left to ask 127.0.0.1; find out what is slow"):
            client_of(server).read(0.0)
        assert server.requests == []


def test_a_name_that_is_not_known_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    def getaddrinfo(*_args: object) -> list[object]:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    with pytest.raises(Unreachable, match="fos1: host name fos1.example.org is not known"):
        WebClient("fos1", "fos1.example.org").read(5)
