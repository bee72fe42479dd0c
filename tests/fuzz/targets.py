"""What is fuzzed: a function a parser, which takes any bytes and fails for nothing but the errors it promises."""

from __future__ import annotations

import contextlib
import functools
import os
import shutil
import socket
import tempfile
from collections.abc import Callable, Mapping
from datetime import datetime, timezone
from pathlib import Path
from unittest import mock

from berofos_agent.agent import dahdi, state
from berofos_agent.alert import event as alert
from berofos_agent.alert import main as alert_main
from berofos_agent.alert.delivery import Message, Options
from berofos_agent.alert.notes import Notes
from berofos_agent.alert.queue import Queue
from berofos_agent.alert.story import NotYet, View, compose
from berofos_agent.cluster.relays import RelayState
from berofos_agent.cluster.status import ClusterStatus
from berofos_agent.config import bnfosconf
from berofos_agent.config.bnfosconf import Login
from berofos_agent.config.editor import ConfFile
from berofos_agent.device import frame, settings, web
from berofos_agent.device.frame import FrameError
from berofos_agent.device.web import WebClient
from berofos_agent.errors import ConfigurationError, DeviceError
from berofos_agent.history import events, logs
from berofos_agent.page.content import Reply
from berofos_agent.panel import server

LOGIN = Login("admin", "s3cret-pass")


def datagram(data: bytes) -> None:
    """A GBL4 reply, and what it may hold."""
    with contextlib.suppress(FrameError):
        reply = frame.decode(data)
        assert frame.encode(reply.command, reply.payload) == data
    for understand in (frame.decode_scan_reply, frame.decode_network_settings, frame.error_of):
        with contextlib.suppress(FrameError):
            understand(data)


def config_txt(data: bytes) -> None:
    """The device's settings as it tells them."""
    with contextlib.suppress(LookupError, ValueError):
        version, values = settings.parse_config(data.decode("utf-8", "replace"))
        assert version.isprintable()
        assert all(value.isprintable() for value in values.values())


def challenge(data: bytes) -> None:
    """What a device wants for a password: it may get a digest, but the password itself only if it offers Basic."""
    text = data.decode("latin-1")
    answer = web._authorization(text, LOGIN, "http://127.0.0.1/config.txt")
    assert LOGIN.password not in answer
    assert not answer.startswith("Basic") or "basic" in text.lower()


class _Told(web._DeadlineConnection):
    """A connection on which everything has been said already."""

    data = b""

    def _new_conn(self) -> socket.socket:
        ours, theirs = socket.socketpair()
        theirs.setblocking(False)
        with theirs, contextlib.suppress(BlockingIOError):
            theirs.sendall(self.data)
            theirs.shutdown(socket.SHUT_WR)
        sock = web._DeadlineSocket(ours.family, ours.type, fileno=ours.detach())
        sock.deadline = web.time.monotonic() + 2
        return sock


def http_answer(data: bytes) -> None:
    """A whole HTTP answer to a read, with a login at hand."""
    _Told.data = data
    with mock.patch.object(web._DeadlinePool, "ConnectionCls", _Told), contextlib.suppress(DeviceError):
        WebClient("fos1", "127.0.0.1", login=LOGIN).read(2)


def bnfos_conf(data: bytes) -> None:
    """The configuration file, read and then changed."""
    with contextlib.suppress(ConfigurationError):
        text = data.decode("utf-8", "replace")
        entries = bnfosconf.parse(text, "f")
        file = ConfFile("f", text)
        usable = [entry.name for entry in entries if not entry.problem]
        for name in usable:
            file.set(name, "login", "admin:new")
        file.append_device(bytes(6), "10.0.0.1")
        logins = [entry.login for entry in file.entries if not entry.problem]
        assert logins == [Login("admin", "new")] * len(usable) + [None]


@functools.lru_cache(maxsize=1)
def _folder() -> str:
    fast = "/dev/shm" if os.path.isdir("/dev/shm") else None
    return tempfile.mkdtemp(prefix="berofos-fuzz-", dir=fast)


def state_file(data: bytes) -> None:
    """The state file, which a full disk or a foreign hand may have damaged."""
    path = os.path.join(_folder(), "state")
    with open(path, "wb") as file:
        file.write(data)
    try:
        known, damage = state.load(path)
    finally:
        os.unlink(path)
        os.rmdir(_folder())
        _folder.cache_clear()
    assert damage or max(known.seen.values(), default=0.0) <= state.clock()


def span(data: bytes) -> None:
    """The first line of a span's file in /proc/dahdi."""
    dahdi.evaluate([dahdi.parse("1", data.decode("utf-8", "replace"))])


def alert_event(data: bytes) -> None:
    """The environment of an alert agent, a variable a line; whatever names it holds, the sentences are one line."""
    pairs = (line.partition("=") for line in data.decode("utf-8", "surrogateescape").split("\n"))
    with contextlib.suppress(ConfigurationError):
        event = alert.parse({name: value for name, _, value in pairs})
        relay = RelayState(event.resource, event.node, "", nodes=[event.node], lines={event.node: event.value})
        status = ClusterStatus(None, "", "", True, False, False, [], ())
        with contextlib.suppress(NotYet):
            sentence = compose(event, View("", status, [relay]), _NoNotes(), event.at + 60)
            assert sentence is None or (sentence.text.isprintable() and not set(sentence.text) & set("<>`"))


class _NoNotes:
    def last(self, _subject: str) -> tuple[str, str]:
        return "", ""

    def note(self, _subject: str, _sentence: object) -> None:
        return

    def mark(self, _resource: str, _node: str) -> str:
        return ""

    def set_mark(self, _resource: str, _node: str, _mark: str) -> None:
        return


def alert_queue(data: bytes) -> None:
    """What waits in the alert agent's folder, and its notes: a damaged file keeps nothing back, and is removed."""
    folder = Path(_folder()) / "queue"
    queue = Queue(str(folder))
    told: list[str] = []

    def deliver(_address: str, message: Message, _options: Options, _seconds: float) -> None:
        told.append(message.text)

    try:
        queue.put(1.0, 1, {})
        (name,) = queue.names()
        (folder / name).write_bytes(data)
        Path(queue.notes_path).write_bytes(data)
        status = ClusterStatus(None, "", "", True, False, False, [], ())
        with (
            mock.patch.object(alert_main, "look", return_value=View("xivo-1", status, [])),
            mock.patch.object(alert_main, "_log"),
            mock.patch.object(alert_main, "_complain"),
            mock.patch.object(Notes, "mark", return_value=""),
            mock.patch.object(Notes, "set_mark"),
        ):
            teller = alert_main.Teller(queue, "", (deliver, ""), {}, alert_main.time.monotonic() + 5)
            assert teller.deliver_all(teller.compose_due()) == ""
        for left in queue.names():
            item = queue.read(left)
            assert item
            assert alert_main._due(item) > alert_main.time.monotonic(), "it waits for its time"
    finally:
        shutil.rmtree(_folder())
        _folder.cache_clear()


def panel_request(data: bytes) -> None:
    """Method, path and host of a request to the panel, a line each: what is not its own is never given out."""
    method, path, host = (*data.decode("latin-1").split("\n"), "", "", "")[:3]
    started: list[tuple[str, list[tuple[str, str]]]] = []
    environ = {"REQUEST_METHOD": method, "PATH_INFO": path, "HTTP_HOST": host}
    call = server.application({"/status.json": lambda: Reply(200, b"{}")})
    body = b"".join(call(environ, lambda status, headers: started.append((status, headers))))
    ((status, headers),) = started
    assert status[:3] in ("200", "403", "404", "405")
    assert all(text.isprintable() for header in headers for text in header)
    assert dict(headers)["Content-Length"] == str(len(body)) or method == "HEAD"
    assert status.startswith("200") or len(body) < 200
    assert b"root:" not in body


def log(data: bytes) -> None:
    """A log, or another node's history: whatever it is, reading it ends, and what is told can be shown."""
    path = os.path.join(_folder(), "log")
    with open(path, "wb") as file:
        file.write(data)
    found = logs.Findings(_EVER[0], _EVER[1])
    try:
        logs.read_file(path, found)
    finally:
        os.unlink(path)
        os.rmdir(_folder())
        _folder.cache_clear()
    for event in events.concise(events.explained(events.told_once(found.events))):
        assert event.text.isprintable()
        assert event.node.isprintable()
        assert logs.from_json(logs.as_json(event)).text == event.text


_EVER = datetime(1990, 1, 1, tzinfo=timezone.utc), datetime(2060, 1, 1, tzinfo=timezone.utc)


TARGETS: Mapping[str, Callable[[bytes], None]] = {
    target.__name__: target
    for target in (
        datagram,
        config_txt,
        challenge,
        http_answer,
        bnfos_conf,
        state_file,
        span,
        alert_event,
        alert_queue,
        panel_request,
        log,
    )
}
