"""One device, and several in parallel, over real sockets: settings read, written and read back."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from berofos_agent import simulator
from berofos_agent.config import bnfosconf
from berofos_agent.device.device import Device
from berofos_agent.device.gbl4 import Gbl4Client, broadcast_scan
from berofos_agent.device.parallel import run_on_all
from berofos_agent.errors import DidNotFollow, NotABerofos, OutOfTime, Refused, Unreachable, UnusableAnswer
from berofos_agent.simulator import RunningDevice, Simulator
from tests.device.hostile import hostile_server


@pytest.fixture
def two() -> Iterator[Simulator]:
    with simulator.running(2) as devices:
        yield devices


@pytest.fixture
def fos1(two: Simulator) -> RunningDevice:
    return two["fos1"]


def client_of(device: RunningDevice, login: str = "", seconds: float = 5.0) -> Device:
    host, port = device.http_address
    entry = bnfosconf.Entry(
        device.name,
        host,
        bytes.fromhex(device.mac.replace(":", "")),
        bnfosconf.parse_login(login) if login else None,
        port,
    )
    client = Device(entry, seconds)
    client.gbl4 = Gbl4Client(device.name, host, entry.mac, device.udp_address[1])
    return client


def soon(seconds: float = 5.0) -> float:
    return time.monotonic() + seconds


def test_a_switch_is_read_back_and_says_what_it_did(fos1: RunningDevice) -> None:
    client = client_of(fos1)
    done = client.switch("1", soon())
    assert (done.before, done.after, done.moved) == ("0", "1", True)
    assert fos1.model.mode == "1"
    assert not client.switch("1", soon()).moved
    assert fos1.model.requests == {"connect": 4, "read": 3, "write": 1}


def test_a_stuck_relay_is_noticed(fos1: RunningDevice) -> None:
    fos1.model.fault("stuck")
    with pytest.raises(DidNotFollow, match="fos1: relay did not switch: mode is still 0 after writing 1"):
        client_of(fos1).switch("1", soon())


def told(mode: str) -> list[bytes]:
    body = f"bnfos_confmap_magic=0.1\n4_mode={mode}\n".encode()
    return [b"HTTP/1.0 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body]


NOTHING: list[bytes] = []


@pytest.mark.parametrize("after", [[NOTHING, told("1")], [told("1"), NOTHING, told("1")]], ids=["order", "read-back"])
def test_a_relay_that_moved_counts_though_an_answer_was_lost(after: list[list[bytes]]) -> None:
    with hostile_server(told("0"), *after) as server:
        done = Device(bnfosconf.Entry("fos1", "127.0.0.1", port=server.port), 1.0).switch("1", soon())
    assert (done.before, done.after) == ("0", "1")


@pytest.mark.parametrize("after", [NOTHING, told("0")], ids=["silence", "wrong-position"])
def test_a_relay_that_did_not_move_is_the_lost_answers_error(after: list[bytes]) -> None:
    with hostile_server(told("0"), NOTHING, after) as server:
        device = Device(bnfosconf.Entry("fos1", "127.0.0.1", port=server.port), 1.0)
        with pytest.raises(Unreachable, match="closed the connection without an answer"):
            device.switch("1", soon())


def test_a_slow_relay_is_waited_for(fos1: RunningDevice) -> None:
    """A relay that is read in its old position once more before it follows."""
    fos1.model.fault("stuck")
    client = client_of(fos1)
    reads = iter([True, False])
    original = client.web.read

    def read(seconds: float) -> dict[str, str]:
        told = original(seconds)
        if not next(reads, False):
            fos1.model.fault("stuck", "off")
            fos1.model.move_by_hand("1")
        return told

    client.web.read = read  # type: ignore[method-assign]
    assert client.switch("1", soon()).after == "1"


def test_a_stuck_relay_is_noticed_though_the_last_look_runs_out_of_time(fos1: RunningDevice) -> None:
    fos1.model.fault("stuck")
    client = client_of(fos1)
    original = client.web.read
    looks = iter(["before", "after"])

    def read(seconds: float) -> dict[str, str]:
        return original(seconds if next(looks, None) else 0.0)

    client.web.read = read  # type: ignore[method-assign]
    with pytest.raises(DidNotFollow, match="fos1: relay did not switch"):
        client.switch("1", soon())


def test_several_settings_are_one_request(fos1: RunningDevice) -> None:
    client = client_of(fos1)
    values = {"scenario": "1", "modedef": "1", "wdogitime": "30"}
    settings = client.write(values, client.read(soon()), soon()).settings
    assert (settings["scenario"], settings["modedef"], settings["wdogitime"]) == ("1", "1", "30")
    assert fos1.model.requests["write"] == 1


@pytest.mark.parametrize("scheme", ["basic", "digest"])
def test_password(fos1: RunningDevice, scheme: str) -> None:
    fos1.model.write("cmd=3&apwd=s%3Ae%3Dc%23r%22e%20t&pwd=1")
    if scheme == "digest":
        fos1.model.fault("digest")
    assert client_of(fos1, 'admin:s:e=c#r"e t').read(soon())["mode"] == "0"
    with pytest.raises(Refused, match="fos1: password refused"):
        client_of(fos1, "admin:wrong").read(soon())
    with pytest.raises(Refused, match="fos1: .* requires a password; add its login"):
        client_of(fos1).read(soon())


def test_no_proxy_is_used(fos1: RunningDevice, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9/")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9/")
    assert client_of(fos1).read(soon())["mode"] == "0"


def test_no_netrc_is_read(fos1: RunningDevice, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    netrc = tmp_path / ".netrc"
    netrc.write_text("machine 127.0.0.1 login admin password secret\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NETRC", str(netrc))
    fos1.model.write("cmd=3&apwd=secret&pwd=1")
    with pytest.raises(Refused):
        client_of(fos1).read(soon())


@pytest.mark.parametrize(
    ("fault", "argument", "error"),
    [
        ("silent", "", Unreachable),
        ("trickle", "", Unreachable),
        ("slow", "5", Unreachable),
        ("noise", "", NotABerofos),
        ("status", "500", UnusableAnswer),
        ("redirect", "http://127.0.0.1:9/", UnusableAnswer),
        ("endless", "", UnusableAnswer),
        ("not-berofos", "", NotABerofos),
    ],
)
def test_a_device_that_misbehaves_ends_in_time_with_a_reason(
    fos1: RunningDevice, fault: str, argument: str, error: type[Exception]
) -> None:
    fos1.model.fault(fault, argument)
    with pytest.raises(error, match="^fos1: "):
        client_of(fos1, seconds=0.5 if error is Unreachable else 5.0).read(soon())


def test_a_host_that_refuses_connections(fos1: RunningDevice) -> None:
    client = client_of(fos1)
    client.web.port = 9
    with pytest.raises(Unreachable, match="Connection refused"):
        client.read(soon())


def test_a_device_known_by_its_address_is_named_once() -> None:
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        device = Device(bnfosconf.Entry("127.0.0.1", "127.0.0.1", port=deaf.getsockname()[1]), 1.0)
        with pytest.raises(Unreachable) as caught:
            device.read(soon())
    assert str(caught.value) == "127.0.0.1: Connection refused; check power and network"


def test_scan_ping_and_kick(fos1: RunningDevice) -> None:
    gbl4 = client_of(fos1).gbl4
    reply = gbl4.scan()
    assert reply.firmware == (1, 53)
    assert reply.operational
    assert gbl4.ping(7) > 0
    fos1.model.write("cmd=6&wen=1")
    gbl4.kick()


def test_lost_datagrams_are_sent_again(fos1: RunningDevice) -> None:
    fos1.model.fault("drop", "2")
    assert client_of(fos1).gbl4.scan(seconds=5.0).operational


def test_a_refused_kick_is_an_error(fos1: RunningDevice) -> None:
    fos1.model.fault("refuse-kick")
    with pytest.raises(UnusableAnswer, match="fos1: .* refused the kick"):
        client_of(fos1).gbl4.kick()


def test_another_mac_is_another_device(fos1: RunningDevice) -> None:
    fos1.model.fault("wrong-mac", "00:19:32:00:00:01")
    with pytest.raises(NotABerofos, match="has MAC 00:19:32:00:00:01, not 00:19:32:00:12:1D"):
        client_of(fos1).gbl4.scan()


def test_broadcast_finds_every_device_once(two: Simulator) -> None:
    found = broadcast_scan("127.255.255.255", two["fos1"].udp_address[1], quiet=0.3)
    assert sorted(address for address, _reply in found) == ["127.0.0.1", "127.0.0.2"]


def test_results_and_errors_come_back_in_the_order_of_the_devices(two: Simulator) -> None:
    two["fos1"].model.fault("status", "500")
    devices = [client_of(device) for device in two.devices]
    first, second = run_on_all(devices, lambda device, end: device.read(end), soon())
    assert isinstance(first.error, UnusableAnswer)
    assert second.value is not None
    assert second.value["mode"] == "0"


def test_work_that_no_time_limit_reaches_ends_as_an_unreachable_device(two: Simulator) -> None:
    devices = [client_of(device) for device in two.devices]

    def work(device: Device, _deadline: float) -> str:
        if device.name == "fos1":
            time.sleep(3)
        return "done"

    hung, done = run_on_all(devices, work, soon(0.2))
    assert isinstance(hung.error, Unreachable)
    assert done.value == "done"


def test_a_bug_that_one_device_brings_about_is_an_error_of_that_device_alone(
    two: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    logged: list[str] = []
    monkeypatch.setattr("berofos_agent.systemlog.tell", lambda _priority, line: logged.append(line))

    def work(device: Device, _deadline: float) -> str:
        if device.name == "fos1":
            raise KeyError("bug")
        return "done"

    failed, done = run_on_all([client_of(device) for device in two.devices], work, soon())
    assert str(failed.error) == "fos1: internal error (KeyError); see syslog and report it"
    assert not isinstance(failed.error, Unreachable)
    assert done.value == "done"
    assert logged[0] == "fos1: Traceback (most recent call last):"
    assert logged[-1] == "fos1: KeyError: 'bug'"


@pytest.mark.parametrize("error", [ImportError, MemoryError, OutOfTime])
def test_what_is_nothing_of_one_device_ends_the_work(two: Simulator, error: type[Exception]) -> None:
    def work(_device: Device, _deadline: float) -> None:
        raise error

    with pytest.raises(error):
        run_on_all([client_of(device) for device in two.devices], work, soon())
