"""The kick daemon: what counts as an answer, when the next kick is due, and that the wall clock does not matter."""

from __future__ import annotations

import contextlib
import os
import resource
import select
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from berofos_agent.device import frame
from berofos_agent.device.frame import Command
from berofos_agent.watchdog import kickd
from berofos_agent.watchdog.kickd import Target

MAC, OTHER = bytes.fromhex("00193200121d"), bytes.fromhex("00193200121e")
KICK = frame.encode(Command.KICK, frame.kick_payload(MAC))


def reply(mac: bytes = MAC, command: int = Command.KICK, rest: bytes = b"\0") -> bytes:
    return frame.encode(command, mac + rest)


@pytest.mark.parametrize(
    ("datagram", "counts"),
    [
        (reply(), True),
        (reply(rest=b""), True),
        (reply(rest=b"\0 and more"), True),
        (reply(rest=b"\1"), False),
        (reply(mac=OTHER), False),
        (reply(command=Command.PING), False),
        (reply()[:-1] + b"\xff", False),
        (reply()[:8], False),
        (b"", False),
        (b"\0" * 12, False),
    ],
    ids=["ok", "no-error-byte", "longer", "refused", "other-mac", "ping", "checksum", "short", "empty", "zeros"],
)
def test_what_counts_as_an_answer(datagram: bytes, counts: bool) -> None:
    assert kickd.is_answer(KICK, datagram) is counts


def target() -> Target:
    return Target(f"fos1=10.100.0.201:50123:{KICK.hex()}")


def test_an_answered_kick_is_followed_after_the_pace() -> None:
    fos1 = target()
    fos1.sent(100, 5)
    assert fos1.heard(reply(), fos1.address, 100.2, 5)
    assert (fos1.due_at, fos1.answered_at, fos1.unanswered) == (105, 100.2, 0)


def test_a_lost_kick_is_followed_after_a_third_of_it_and_counted() -> None:
    fos1 = target()
    for now in (99, 102, 105):
        fos1.sent(now, 9)
        assert fos1.due_at == now + 3
    assert fos1.unanswered == 2
    assert fos1.heard(reply(), fos1.address, 106, 9)
    assert (fos1.unanswered, fos1.due_at) == (0, 114)


@pytest.mark.parametrize("sender", [("10.100.0.202", 50123), ("10.100.0.201", 50124)])
def test_an_answer_of_another_sender_does_not_count(sender: tuple[str, int]) -> None:
    fos1 = target()
    fos1.sent(100, 5)
    assert not fos1.heard(reply(), sender, 100.2, 5)


def test_an_answer_nobody_asked_for_is_none() -> None:
    fos1 = target()
    assert not fos1.heard(reply(), fos1.address, 100, 5)


def test_steps_of_the_wall_clock_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything that could tell the time of day is taken away."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as device:
        device.bind(("127.0.0.1", 0))
        fos1 = Target(f"fos1=127.0.0.1:{device.getsockname()[1]}:{KICK.hex()}")
        boot = kickd.clock()
        for name in ("time", "time_ns", "monotonic", "localtime", "gmtime"):
            monkeypatch.delattr(time, name)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            assert kickd.send_what_is_due(sock, [fos1], 60)
            assert device.recv(100) == KICK
            assert not kickd.send_what_is_due(sock, [fos1], 60)
        assert boot <= fos1.sent_at <= boot + 60


def test_a_network_that_is_away_is_an_unanswered_kick() -> None:
    fos1 = Target(f"fos1=255.255.255.255:50123:{KICK.hex()}")  # a broadcast is refused by the kernel
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        assert kickd.send_what_is_due(sock, [fos1], 0)
        assert kickd.send_what_is_due(sock, [fos1], 0)
    assert fos1.unanswered == 1


def test_a_device_that_cannot_be_sent_to_costs_the_others_no_kick() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as device:
        device.bind(("127.0.0.1", 0))
        device.settimeout(20)
        fos1 = Target(f"fos1=255.255.255.255:50123:{KICK.hex()}")
        fos2 = Target(f"fos2=127.0.0.1:{device.getsockname()[1]}:{KICK.hex()}")
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            assert kickd.send_what_is_due(sock, [fos1, fos2], 60)
            assert device.recv(100) == KICK


def test_an_answer_is_taken_by_the_device_that_it_is_of() -> None:
    with contextlib.ExitStack() as stack:
        one, two = (stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) for _ in range(2))
        sock = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK))
        targets = []
        for device in (one, two):
            device.bind(("127.0.0.1", 0))
            device.settimeout(20)
            targets.append(Target(f"fos=127.0.0.1:{device.getsockname()[1]}:{KICK.hex()}"))
        assert kickd.send_what_is_due(sock, targets, 60)
        assert not kickd.hear(sock, targets, 60)
        for device, told in ((two, [False, True]), (one, [True, True])):
            kick, sender = device.recvfrom(100)
            device.sendto(kick, sender)
            device.sendto(b"rubbish", sender)
            select.select([sock], [], [], 20)
            assert kickd.hear(sock, targets, 60)
            assert [bool(target.answered_at) for target in targets] == told


def answering(sock: socket.socket, kicks: int) -> None:
    """Answer so many kicks, each behind a forged refusal."""
    for _ in range(kicks):
        kick, sender = sock.recvfrom(100)
        sock.sendto(b"rubbish", sender)
        sock.sendto(kick, sender)


def test_it_kicks_and_reports_until_its_state_file_is_gone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kickd, "CHECK_SECONDS", 0.02)
    monkeypatch.setattr("syslog.syslog", lambda _priority, _line: None)
    state = tmp_path / "relay.state"
    state.write_text("token-1")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as device:
        device.bind(("127.0.0.1", 0))
        argument = f"fos1=127.0.0.1:{device.getsockname()[1]}:47424c040b00193200121d0062"
        ended: list[int] = []
        argv = ["kickd.py", str(state), "token-1", "0.05", "berofos(relay)", argument]
        thread = threading.Thread(target=lambda: ended.append(kickd.main(argv)), daemon=True)
        thread.start()
        answering(device, 3)
        report = (tmp_path / "relay.state.kicks").read_text()
        assert report.startswith("at ")
        assert report.splitlines()[1].startswith("fos1 ")
        state.write_text("token-2")
        thread.join(10)
    assert ended == [0]
    assert [path.name for path in tmp_path.iterdir()] == ["relay.state"]


def test_it_ends_at_once_where_it_can_hold_no_lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    logged: list[str] = []
    monkeypatch.setattr("syslog.syslog", lambda _priority, line: logged.append(line))
    assert kickd.main(["kickd.py", str(tmp_path / "gone" / "relay.state"), "token", "1", "berofos"]) == 1
    monkeypatch.setattr(kickd, "take_lock", lambda _path, _until: -1)
    assert kickd.main(["kickd.py", str(tmp_path / "relay.state"), "token", "1", "berofos"]) == 1
    assert [line.rpartition(" ")[2] for line in logged] == ["directory", "already"]


_HOLDER = """
import fcntl, os, sys
lock = os.open(sys.argv[1], os.O_RDWR | os.O_CREAT)
fcntl.lockf(lock, fcntl.LOCK_EX)
print("locked", flush=True)
sys.stdin.read()
"""


def test_a_lock_that_another_process_keeps_is_given_up_and_one_that_is_free_is_taken(tmp_path: Path) -> None:
    path = tmp_path / "relay.state.kickd"
    with subprocess.Popen(
        [sys.executable, "-c", _HOLDER, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout
        assert holder.stdout.readline() == b"locked\n"
        assert kickd.take_lock(str(path), kickd.clock() + 0.02) == -1
        holder.communicate()
    lock = kickd.take_lock(str(path), kickd.clock())
    assert lock > 2
    os.close(lock)


def test_a_daemon_waits_for_the_one_before_and_then_kicks_when_a_kick_is_due(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kickd, "CHECK_SECONDS", 60)  # so that only what is due wakes it
    monkeypatch.setattr("syslog.syslog", lambda _priority, _line: None)
    state = tmp_path / "relay.state"
    state.write_text("token")
    holder = subprocess.Popen(
        [sys.executable, "-c", _HOLDER, f"{state}.kickd"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    with holder, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as device:
        assert holder.stdout
        assert holder.stdout.readline() == b"locked\n"
        device.bind(("127.0.0.1", 0))
        device.settimeout(20)
        argument = f"fos1=127.0.0.1:{device.getsockname()[1]}:{KICK.hex()}"
        ready, ended = threading.Event(), []
        argv = ["kickd.py", str(state), "token", "0.3", "berofos(relay)", argument]
        thread = threading.Thread(target=lambda: ended.append(kickd.main(argv, ready.set)), daemon=True)
        thread.start()
        assert ready.wait(20)
        assert not select.select([device], [], [], 0.1)[0], "the one before kicks"
        holder.communicate()
        for _ in range(4):
            assert device.recv(100) == KICK
        state.unlink()
        thread.join(20)
    assert ended == [0]


def test_an_answer_is_reported_at_once_and_not_with_the_next_kick(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A start waits for that report before it arms the device."""
    monkeypatch.setattr("syslog.syslog", lambda _priority, _line: None)
    state, report = tmp_path / "relay.state", tmp_path / "relay.state.kicks"
    state.write_text("token")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as device:
        device.bind(("127.0.0.1", 0))
        device.settimeout(20)
        argument = f"fos1=127.0.0.1:{device.getsockname()[1]}:{KICK.hex()}"
        argv = ["kickd.py", str(state), "token", "3600", "berofos", argument]
        thread = threading.Thread(target=lambda: kickd.main(argv), daemon=True)
        thread.start()
        kick, sender = device.recvfrom(100)
        device.sendto(kick, sender)
        until = time.monotonic() + 20
        while not (report.exists() and float(report.read_text().splitlines()[1].split()[1])):
            assert time.monotonic() < until
            time.sleep(0.01)
        state.unlink()
        thread.join(20)


def test_it_sleeps_no_longer_than_until_the_next_kick(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("syslog.syslog", lambda _priority, _line: None)
    state = tmp_path / "relay.state"
    state.write_text("token")
    slept: list[float] = []

    def sleep(_read: object, _write: object, _error: object, seconds: float) -> None:
        slept.append(seconds)
        if len(slept) == 2:
            state.unlink()

    monkeypatch.setattr(kickd.select, "select", sleep)
    argv = ["kickd.py", str(state), "token", "0.3", "berofos", f"fos1=127.0.0.1:9:{KICK.hex()}"]
    assert kickd.main(argv) == 0
    assert all(0 <= seconds <= 0.1 for seconds in slept)


def test_a_lock_file_is_its_owners_and_a_link_in_its_place_is_refused(tmp_path: Path) -> None:
    lock, victim = tmp_path / "lock", tmp_path / "victim"
    os.close(kickd.open_lock(str(lock)))
    assert lock.stat().st_mode & 0o777 == 0o600
    victim.write_text("precious")
    (tmp_path / "link").symlink_to(victim)
    with pytest.raises(OSError, match="Too many levels of symbolic links"):
        kickd.open_lock(str(tmp_path / "link"))


def test_any_path_can_be_logged() -> None:
    assert kickd.printable("caf\u00e9 \udcff") == "caf\\xe9 \\udcff"


def test_no_file_that_can_be_opened_is_not_a_stop(tmp_path: Path) -> None:
    """Seen as "gone", the state file ended the daemon, and no monitor could start another."""
    state = tmp_path / "berofos-relay.state"
    state.write_text("token")
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, before[1]))
    try:
        wanted = kickd.still_wanted(str(state), "token")
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
    assert wanted
    assert not kickd.still_wanted(str(state), "other")
    assert not kickd.still_wanted(str(tmp_path / "gone"), "token")
