"""The simulator as any other client meets it: raw sockets, urllib, and the recorded requests of golden.json."""

from __future__ import annotations

import base64
import contextlib
import fcntl
import hashlib
import http.client
import itertools
import json
import os
import pty
import re
import shlex
import signal
import socket
import stat
import struct
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from berofos_agent import simulator
from berofos_agent.config.mac import format_mac
from berofos_agent.device import frame
from berofos_agent.device.settings import parse_config
from berofos_agent.errors import BerofosError
from berofos_agent.simulator import Power, RunningDevice
from berofos_agent.simulator.control import order
from tests.conftest import Clock

ROOT = Path(__file__).parent.parent.parent
GOLDEN = json.loads((ROOT / "tests" / "golden.json").read_text())
UDP = {request["name"]: bytes.fromhex(request["frame"]) for request in GOLDEN["udp"]}
MAC = bytes.fromhex("00193200121D")

PATIENCE = 10.0
"""Seconds until a test gives up; none takes that long when all is well."""

SHORT = 0.2
"""Seconds of silence that count as no answer."""


@contextlib.contextmanager
def connection(device: RunningDevice) -> Iterator[socket.socket]:
    with socket.create_connection(device.http_address, PATIENCE) as sock:
        yield sock


def raw(device: RunningDevice, request: bytes) -> bytes:
    """Send bytes and return all that comes until the device closes."""
    with connection(device) as sock:
        sock.sendall(request)
        return b"".join(iter(lambda: sock.recv(65536), b""))


def get(device: RunningDevice, target: str) -> bytes:
    """Ask with urllib; no proxy, whatever the environment says."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(device.url + target, timeout=PATIENCE) as response:
        body: bytes = response.read()
    return body


def read(device: RunningDevice) -> dict[str, str]:
    return parse_config(get(device, "/config.txt").decode())[1]


@contextlib.contextmanager
def datagrams(seconds: float = PATIENCE) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        sock.settimeout(seconds)
        yield sock


def ask(device: RunningDevice, datagram: bytes) -> bytes:
    with datagrams() as sock:
        sock.sendto(datagram, device.udp_address)
        reply, sender = sock.recvfrom(2048)
    assert sender == device.udp_address
    return reply


def unanswered(device: RunningDevice, datagram: bytes) -> bool:
    with datagrams(SHORT) as sock:
        sock.sendto(datagram, device.udp_address)
        with pytest.raises(socket.timeout):
            sock.recvfrom(2048)
    return True


def holds(device: RunningDevice) -> bool:
    """True if a connection is taken, stays open, and nothing comes."""
    with connection(device) as sock:
        sock.sendall(b"GET /config.txt HTTP/1.0\r\n\r\n")
        sock.settimeout(SHORT)
        with pytest.raises(socket.timeout):
            sock.recv(1)
    return True


# --- HTTP -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", [b"HTTP/1.0", b"HTTP/1.1"])
def test_show(fos1: RunningDevice, version: bytes) -> None:
    answer = raw(fos1, b"GET /config.txt " + version + b"\r\nHost: fos1\r\nUser-Agent: old\r\nX-More: 1\r\n\r\n")
    head, _, body = answer.partition(b"\r\n\r\n")
    lines = head.split(b"\r\n")
    assert lines[0].split(b" ")[1] == b"200"
    assert f"Content-Length: {len(body)}".encode() in lines
    assert b"Connection: close" in lines
    assert body.startswith(GOLDEN["config_txt_first_line"].encode() + b"\n")
    assert b"\r" not in body


@pytest.mark.parametrize("request_", GOLDEN["http"], ids=lambda each: each["set"])
def test_set_as_recorded_and_get(fos1: RunningDevice, request_: dict[str, str]) -> None:
    fos1.model.write("cmd=1&sz=1&cmd=1&p0=1&cmd=6&wen=1&cmd=2&wen=1")
    keyword, _, value = request_["set"].partition("=")
    answer = raw(fos1, f"GET {request_['target']} HTTP/1.0\r\n\r\n".encode())
    assert b" 200 " in answer.splitlines()[0]
    if keyword in ("apwd", "pwd"):
        assert fos1.model.dump()["settings"][keyword] == value
    else:
        assert read(fos1)[keyword] == value


@pytest.mark.parametrize("sent", [b"M%C3%BCnster", "Münster".encode()], ids=["percent-encoded", "as-curl-sends-it"])
def test_letters_beyond_ascii_read_back_as_they_were_sent(fos1: RunningDevice, sent: bytes) -> None:
    raw(fos1, b"GET /?cmd=3&dn=" + sent + b" HTTP/1.1\r\nHost: fos1\r\n\r\n")
    assert "\n3_dn=Münster\n".encode() in raw(fos1, b"GET /config.txt HTTP/1.0\r\n\r\n")


def test_request_of_before_http_had_versions(fos1: RunningDevice) -> None:
    assert b"bnfos_confmap_magic" in raw(fos1, b"GET /config.txt\r\n\r\n")


def test_requests_are_counted_by_kind(fos1: RunningDevice) -> None:
    assert fos1.model.requests == {}
    get(fos1, "/config.txt")
    get(fos1, "/?cmd=4&mode=1")
    with pytest.raises(urllib.error.HTTPError, match="404"):
        get(fos1, "/favicon.ico")
    ask(fos1, UDP["scan"])
    assert fos1.model.requests == {"connect": 3, "read": 1, "write": 1, "other": 1, "scan": 1}


def test_watchdog_runs_out_as_a_client_sees_it(fos1: RunningDevice, clock: Clock) -> None:
    get(fos1, "/?cmd=4&mode=1")
    get(fos1, "/?cmd=6&wen=1")
    clock.advance(59)
    ask(fos1, UDP["kick"])
    clock.advance(59)
    assert (read(fos1)["mode"], read(fos1)["wdogrtime"]) == ("1", "1")
    clock.advance(1)
    assert (read(fos1)["mode"], read(fos1)["wdogstate"]) == ("0", "2")


def protect(device: RunningDevice) -> None:
    device.model.write("cmd=3&apwd=foobar&pwd=1")


def test_password_with_basic_authentication(fos1: RunningDevice) -> None:
    protect(fos1)
    refused = raw(fos1, b"GET /?cmd=4&mode=1 HTTP/1.0\r\n\r\n")
    assert b" 401 " in refused.splitlines()[0]
    assert b"\r\nWWW-Authenticate: Basic realm=" in refused
    assert fos1.model.mode == "0"
    header = GOLDEN["authentication"]["after_401_basic"].encode()
    assert b" 200 " in raw(fos1, b"GET /?cmd=4&mode=1 HTTP/1.0\r\n" + header + b"\r\n\r\n").splitlines()[0]
    assert fos1.model.mode == "1"


WRONG_LOGINS = {
    "other_password": b"Basic " + base64.b64encode(b"admin:foobaz"),
    "other_user": b"Basic " + base64.b64encode(b"root:foobar"),
    "no_base64": b"Basic foobar!",
    "digest_though_basic_was_offered": b'Digest username="admin", response=""',
    "empty": b"",
}


@pytest.mark.parametrize("header", WRONG_LOGINS.values(), ids=WRONG_LOGINS)
@pytest.mark.parametrize("digest", [False, True], ids=["basic", "digest"])
def test_wrong_login_is_refused(fos1: RunningDevice, header: bytes, digest: bool) -> None:
    protect(fos1)
    fos1.model.fault("digest", "on" if digest else "off")
    answer = raw(fos1, b"GET /config.txt HTTP/1.0\r\nAuthorization: " + header + b"\r\n\r\n")
    assert b" 401 " in answer.splitlines()[0]
    assert b"bnfos" not in answer


@pytest.mark.parametrize(("password", "status"), [("foobar", 200), ("foobaz", 401)])
def test_password_with_digest_authentication(fos1: RunningDevice, password: str, status: int) -> None:
    protect(fos1)
    fos1.model.fault("digest")
    logins = urllib.request.HTTPPasswordMgrWithDefaultRealm()
    logins.add_password(None, fos1.url, "admin", password)
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), urllib.request.HTTPDigestAuthHandler(logins))
    target = f"{fos1.url}/?cmd=4&mode=1"
    if status == 200:
        assert opener.open(target, timeout=PATIENCE).status == 200
    else:
        with pytest.raises(urllib.error.HTTPError, match="401"):
            opener.open(target, timeout=PATIENCE)
    assert fos1.model.mode == ("1" if status == 200 else "0")


def test_digest_of_old_without_qop(fos1: RunningDevice) -> None:
    protect(fos1)
    fos1.model.fault("digest")
    challenge = raw(fos1, b"GET /config.txt HTTP/1.0\r\n\r\n").decode()
    realm, nonce = (challenge.partition(f'{key}="')[2].partition('"')[0] for key in ("realm", "nonce"))

    def md5(text: str) -> str:
        return hashlib.md5(text.encode()).hexdigest()

    response = md5(f"{md5(f'admin:{realm}:foobar')}:{nonce}:{md5('GET:/config.txt')}")
    header = f'Digest username="admin", realm="{realm}", nonce="{nonce}", uri="/config.txt", response="{response}"'
    answer = raw(fos1, f"GET /config.txt HTTP/1.0\r\nAuthorization: {header}\r\n\r\n".encode())
    assert b"bnfos_confmap_magic" in answer


@pytest.mark.parametrize(
    "rubbish", [b"\r\n\r\n", b"\0\xff" * 100 + b"\r\n\r\n", b"GET\r\n\r\n", b"POST / HTTP/1.0\r\n\r\n"]
)
def test_rubbish_over_http_does_not_stop_the_device(fos1: RunningDevice, rubbish: bytes) -> None:
    raw(fos1, rubbish)
    assert read(fos1)["mode"] == "0"


# --- UDP --------------------------------------------------------------------------------------------------------


def test_scan(fos1: RunningDevice) -> None:
    reply = frame.decode(ask(fos1, UDP["scan"]))
    told = frame.decode_scan_reply(reply.payload)
    assert reply.command == frame.Command.SCAN
    assert (told.mac, told.firmware, told.operational, told.is_berofos) == (MAC, (1, 53), True, True)
    assert (str(told.network.address), told.network.http_port) == fos1.http_address


def test_broadcast_scan_finds_all_devices(devices: simulator.Simulator) -> None:
    port = devices["fos1"].udp_address[1]
    with datagrams() as sock:
        sock.sendto(UDP["scan"], ("127.255.255.255", port))
        heard = {sock.recvfrom(2048) for _ in devices}
    assert {sender for _, sender in heard} == {device.udp_address for device in devices}
    macs = {format_mac(frame.decode(datagram).mac) for datagram, _ in heard}
    assert macs == {device.mac for device in devices}


def test_devices_that_share_an_address_all_hear_what_is_sent_there() -> None:
    shared = [replace(spec, address="127.0.0.1") for spec in simulator.specs(3)]
    with simulator.running(shared) as devices, datagrams() as sock:
        assert len({device.udp_address for device in devices}) == 1
        sock.sendto(UDP["scan"], devices["fos1"].udp_address)
        macs = {format_mac(frame.decode(sock.recv(2048)).mac) for _ in devices}
        assert macs == {device.mac for device in devices}


def test_device_on_every_address_answers_from_the_one_it_was_asked_at() -> None:
    everywhere = replace(simulator.specs(1)[0], address="0.0.0.0", lease="127.0.0.3")
    with simulator.running([everywhere]) as devices, datagrams() as sock:
        asked = ("127.0.0.3", devices["fos1"].udp_address[1])
        sock.sendto(UDP["scan"], asked)
        reply, sender = sock.recvfrom(2048)
        assert sender == asked
        assert str(frame.decode_scan_reply(frame.decode(reply).payload).network.address) == "127.0.0.3"


def test_ping(fos1: RunningDevice) -> None:
    assert ask(fos1, UDP["ping"]) == UDP["ping"]
    third = frame.encode(frame.Command.PING, frame.ping_payload(MAC, 3))
    assert ask(fos1, third) == third


def test_kick(fos1: RunningDevice) -> None:
    reply = frame.decode(ask(fos1, UDP["kick"]))
    assert (reply.command, reply.payload) == (frame.Command.KICK, MAC + b"\0")


@pytest.mark.parametrize(
    "name", ["netconf, static", "erase", "flash prepare for an image of the 8 ASCII bytes bero*fos"]
)
def test_what_needs_flash_mode_is_refused_in_operation(fos1: RunningDevice, name: str) -> None:
    before = fos1.model.dump()
    assert frame.error_of(frame.decode(ask(fos1, UDP[name])).payload) != frame.SUCCESS
    assert fos1.model.dump() == before


def test_netconf(fos1: RunningDevice) -> None:
    fos1.model.switch_power(Power.FLASH)
    assert frame.decode(ask(fos1, UDP["netconf, static"])).payload == MAC + b"\0"
    told = frame.decode_scan_reply(frame.decode(ask(fos1, UDP["scan"])).payload)
    network = told.network
    assert [str(each) for each in (network.address, network.netmask, network.gateway)] == [
        "10.34.1.20",
        "255.255.255.0",
        "10.34.1.1",
    ]
    assert (network.options, network.http_port, told.operational) == (0, 80, False)


def test_flash(fos1: RunningDevice) -> None:
    fos1.model.switch_power(Power.FLASH)
    prepare = UDP["flash prepare for an image of the 8 ASCII bytes bero*fos"]
    assert frame.decode(ask(fos1, prepare)).payload == MAC + b"\0"
    page = frame.encode(frame.Command.FLASH_PAGE, MAC + struct.pack("!H", 0) + b"bero*fos".ljust(512, b"\0"))
    assert frame.decode(ask(fos1, page)).payload == MAC + b"\0"
    assert fos1.model.flash.sha1 == hashlib.sha1(b"bero*fos".ljust(512, b"\0")).hexdigest()
    assert holds(fos1)
    fos1.model.switch_power(Power.OPERATIONAL)
    assert read(fos1)["mode"] == "0"


def test_erase(fos1: RunningDevice) -> None:
    fos1.model.write("cmd=3&dn=fos-1")
    fos1.model.switch_power(Power.FLASH)
    assert frame.decode(ask(fos1, UDP["erase"])).payload == MAC + b"\0"
    assert fos1.model.values()["hostname"] == "berofos"


UNANSWERED = {
    "rubbish": b"\0\xff" * 20,
    "scan_with_wrong_checksum": bytes.fromhex("47424c04014d"),
    "kick_of_a_foreign_mac": frame.encode(11, bytes.fromhex("001932FFFFFF00")),
    "set_mac": frame.encode(10, MAC + MAC),
    "ping_without_mac": frame.encode(9),
}


@pytest.mark.parametrize("datagram", UNANSWERED.values(), ids=UNANSWERED)
def test_datagram_passed_over(fos1: RunningDevice, datagram: bytes) -> None:
    assert unanswered(fos1, datagram)
    assert ask(fos1, UDP["ping"]) == UDP["ping"]


@pytest.mark.parametrize("command", [2, 3, 4, 9])
def test_payload_cut_short_is_an_error(fos1: RunningDevice, command: int) -> None:
    fos1.model.switch_power(Power.FLASH)
    reply = frame.decode(ask(fos1, frame.encode(command, MAC + b"\0")))
    assert frame.error_of(reply.payload) != frame.SUCCESS


# --- faults -----------------------------------------------------------------------------------------------------


def test_stuck_relay_takes_the_write_but_reads_back_as_it_was(fos1: RunningDevice) -> None:
    fos1.model.fault("stuck")
    get(fos1, "/?cmd=4&mode=1")
    assert read(fos1)["mode"] == "0"


def test_slow_device_answers_all_the_same(fos1: RunningDevice) -> None:
    fos1.model.fault("slow", "0.05")
    assert read(fos1)["mode"] == "0"
    assert ask(fos1, UDP["ping"]) == UDP["ping"]


def test_slow_device_does_not_hold_up_another(devices: simulator.Simulator) -> None:
    devices["fos1"].model.fault("slow", "60")
    with connection(devices["fos1"]) as waiting, datagrams() as sock:
        waiting.sendall(b"GET /config.txt HTTP/1.0\r\n\r\n")
        sock.sendto(UDP["ping"], devices["fos1"].udp_address)
        assert read(devices["fos2"])["mode"] == "0"
        ask(devices["fos2"], UDP["scan"])


def test_trickling_device_sends_byte_by_byte(fos1: RunningDevice) -> None:
    fos1.model.fault("trickle", "60")
    with connection(fos1) as sock:
        sock.sendall(b"GET /config.txt HTTP/1.0\r\n\r\n")
        assert sock.recv(100) == b"H"


def test_trickling_device_gets_there_in_the_end(fos1: RunningDevice) -> None:
    fos1.model.fault("trickle", "0.0001")
    assert read(fos1)["mode"] == "0"


def test_dropped_exchanges(fos1: RunningDevice) -> None:
    fos1.model.fault("drop", "2")
    assert raw(fos1, b"GET /?cmd=4&mode=1 HTTP/1.0\r\n\r\n") == b""
    assert unanswered(fos1, UDP["ping"])
    assert read(fos1)["mode"] == "0"


def test_noise(fos1: RunningDevice) -> None:
    fos1.model.fault("noise")
    with pytest.raises((LookupError, ValueError)):
        parse_config(get(fos1, "/config.txt").decode("latin-1"))
    with pytest.raises(frame.FrameError):
        frame.decode(ask(fos1, UDP["scan"]))


@pytest.mark.parametrize("status", ["401", "404", "500", "503"])
def test_status(fos1: RunningDevice, status: str) -> None:
    fos1.model.fault("status", status)
    with pytest.raises(urllib.error.HTTPError, match=status):
        get(fos1, "/?cmd=4&mode=1")
    assert fos1.model.mode == "0"


def test_redirect(devices: simulator.Simulator) -> None:
    devices["fos1"].model.fault("redirect", f"{devices['fos2'].url}/config.txt")
    assert b"bnfos_confmap_magic" in get(devices["fos1"], "/config.txt")
    assert devices["fos2"].model.requests == {"connect": 1, "read": 1}


def test_endless_answer_ends_when_the_client_leaves(fos1: RunningDevice) -> None:
    fos1.model.fault("endless")
    client = http.client.HTTPConnection(*fos1.http_address, timeout=PATIENCE)
    with contextlib.closing(client):
        client.request("GET", "/config.txt")
        response = client.getresponse()
        assert response.getheader("Content-Length") == "1073741824"
        assert len(response.read(1 << 20)) == 1 << 20
    fos1.model.clear_faults()
    assert read(fos1)["mode"] == "0"


@pytest.mark.parametrize("how", ["power off", "silent"])
def test_dead_device_refuses_no_connection_but_answers_nothing(fos1: RunningDevice, how: str) -> None:
    if how == "silent":
        fos1.model.fault("silent")
    else:
        fos1.model.switch_power(Power.OFF)
    assert holds(fos1)
    assert unanswered(fos1, UDP["scan"])
    assert fos1.model.requests == {"connect": 1, "read": 1, "scan": 1}


def test_device_that_loses_power_before_it_answered_does_not_answer(fos1: RunningDevice) -> None:
    fos1.model.fault("slow", "0.1")
    with connection(fos1) as sock:
        sock.sendall(b"GET /?cmd=4&mode=1 HTTP/1.0\r\n\r\n")
        while "write" not in fos1.model.requests:
            time.sleep(0.001)
        fos1.model.switch_power(Power.OFF)
        sock.settimeout(2 * SHORT)
        with pytest.raises(socket.timeout):
            sock.recv(1)
    assert fos1.model.mode == "0"


def test_wrong_mac(fos1: RunningDevice) -> None:
    fos1.model.fault("wrong-mac", "00:19:32:FF:FF:FF")
    for request in ("scan", "ping", "kick"):
        assert frame.decode(ask(fos1, UDP[request])).mac == bytes.fromhex("001932FFFFFF")


def test_something_else_at_the_address(fos1: RunningDevice) -> None:
    fos1.model.fault("not-berofos")
    assert get(fos1, "/config.txt").startswith(b"<html>")
    assert not frame.decode_scan_reply(frame.decode(ask(fos1, UDP["scan"])).payload).is_berofos


def test_refused_kick(fos1: RunningDevice) -> None:
    fos1.model.fault("refuse-kick")
    assert frame.error_of(frame.decode(ask(fos1, UDP["kick"])).payload) != frame.SUCCESS


# --- orders and the command -------------------------------------------------------------------------------------


def test_orders_over_the_socket(tmp_path: Path) -> None:
    path = str(tmp_path / "orders")
    with simulator.running(2, control=path) as devices:
        assert order(path, "fos2 move 1") == {"ok": True}
        assert order(path, "fos2 state")["state"]["mode"] == "1"
        assert order(path, "fos2 history")["history"][0]["cause"] == "hand"
        assert not order(path, "fos3 state")["ok"]
        assert [devices[name].model.mode for name in ("fos1", "fos2")] == ["0", "1"]
        assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
    assert not os.path.exists(path)


def test_many_orders_on_one_connection(tmp_path: Path) -> None:
    path = str(tmp_path / "orders")
    with simulator.running(control=path), socket.socket(socket.AF_UNIX) as sock:
        sock.settimeout(PATIENCE)
        sock.connect(path)
        with sock.makefile("rw") as lines:
            for line in ("fos1 stuck", "fos1 slow x", "\xff", "fos1 clear-faults"):
                lines.write(line + "\n")
            lines.flush()
            assert [json.loads(lines.readline())["ok"] for _ in range(4)] == [True, False, False, True]


def test_order_without_a_simulator(tmp_path: Path) -> None:
    with pytest.raises(BerofosError, match=r"no simulator takes orders there \(No such file or directory\)"):
        order(str(tmp_path / "orders"), "fos1 state")


def test_orders_socket_of_a_killed_simulator_is_taken_over(tmp_path: Path) -> None:
    path = str(tmp_path / "orders")
    with socket.socket(socket.AF_UNIX) as left_over:
        left_over.bind(path)
    with simulator.running(control=path):
        assert order(path, "fos1 state")["ok"]


def test_file_that_is_no_socket_is_not_replaced_by_the_orders_socket(tmp_path: Path) -> None:
    """Such as /etc/bnfos.conf, by `--control` where `--config` was meant: a connection to a file is refused as well."""
    path = tmp_path / "bnfos.conf"
    path.write_text("[fos1]\n")
    with pytest.raises(BerofosError, match="cannot take orders there"), simulator.running(control=str(path)):
        pass
    assert path.read_text() == "[fos1]\n"


@pytest.mark.parametrize("text", ["[fos1]\n", "[]", '{"name": "not ours"}', '{"fos1": {}}'])
def test_file_that_is_no_state_of_a_simulator_is_left_alone(text: str, tmp_path: Path) -> None:
    path = tmp_path / "package.json"
    path.write_text(text)
    with pytest.raises(BerofosError, match="is not a state file of a simulator; choose another file"):
        simulator.running(state=str(path)).__enter__()
    assert path.read_text() == text


def test_state_that_cannot_be_read_is_not_to_be_removed(tmp_path: Path) -> None:
    with pytest.raises(BerofosError, match="cannot be read: Is a directory; choose another file"):
        simulator.running(state=str(tmp_path)).__enter__()


def test_orders_socket_in_use_is_left_alone(tmp_path: Path) -> None:
    path = str(tmp_path / "orders")
    with simulator.running(control=path):
        with pytest.raises(BerofosError, match="cannot take orders there"), simulator.running(control=path):
            pass
        assert order(path, "fos1 state")["ok"]


def test_address_in_use_is_named() -> None:
    with simulator.running() as devices:
        taken = replace(simulator.specs(1)[0], http_port=devices["fos1"].http_address[1])
        with pytest.raises(BerofosError, match=f"cannot listen on 127.0.0.1:{taken.http_port}: "):
            simulator.running([taken]).__enter__()


COMMAND = (sys.executable, "-m", "berofos_agent", "simulate")

SET_PIPE_SIZE = 1031
"""F_SETPIPE_SZ of <fcntl.h>, which Python has a name for since 3.10."""


@contextlib.contextmanager
def command(*arguments: str) -> Iterator[tuple[subprocess.Popen[str], list[str]]]:
    """Run `berofos simulate` until it is ready; yield the process and the lines it printed."""
    process = subprocess.Popen(
        [*COMMAND, "--http-port", "0", "--udp-port", "0", *arguments],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout
    with process:
        try:
            printed = list(itertools.takewhile(lambda line: not line.startswith("ready"), process.stdout))
            assert process.poll() is None
            yield process, printed
        finally:
            process.kill()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_command_ends_cleanly(tmp_path: Path, number: signal.Signals) -> None:
    path = tmp_path / "orders"
    with command("--control", str(path)) as (process, _):
        process.send_signal(number)
        assert process.wait(PATIENCE) == 0
    assert not path.exists()


def test_command_that_is_ended_while_it_prints_its_devices_ends_with_0_though_nobody_reads_on() -> None:
    """The pipe holds a part of what is printed, so that the command is still printing."""
    reader, writer = os.pipe()
    fcntl.fcntl(writer, SET_PIPE_SIZE, 4096)
    argv = [*COMMAND, "--devices", "100", "--http-port", "0", "--udp-port", "0"]
    with subprocess.Popen(argv, cwd=ROOT, stdout=writer, stderr=subprocess.PIPE, text=True) as process:
        os.close(writer)
        assert os.read(reader, 5) == b"fos1:"
        process.terminate()
        os.close(reader)
        assert process.communicate() == (None, "")
    assert process.returncode == 0


def test_two_devices_that_move_at_once_have_a_line_each(tmp_path: Path) -> None:
    moves = 40
    path = str(tmp_path / "orders")

    def move(name: str) -> None:
        for number in range(moves):
            order(path, f"{name} move {number % 2}")

    with command("--devices", "2", "--control", path) as (process, _):
        movers = [threading.Thread(target=move, args=(name,)) for name in ("fos1", "fos2")]
        for mover in movers:
            mover.start()
        assert process.stdout
        lines = list(itertools.islice(process.stdout, 2 * (moves - 1)))
        for mover in movers:
            mover.join()
    for line in lines:
        assert re.fullmatch(r"[0-9:]{8} fos[12] relay from=[01] to=[01] cause=hand\n", line)


def test_command_prints_devices_and_movements_and_keeps_state(tmp_path: Path) -> None:
    orders, state, conf = (str(tmp_path / name) for name in ("orders", "state", "bnfos.conf"))
    arguments = ("--devices", "2", "--control", orders, "--state", state, "--config", conf, "--password", "foobar")
    for before in ("0", "1"):
        with command(*arguments) as (process, printed):
            assert [line.partition(",")[0] for line in printed] == [
                "fos1: 00:19:32:00:12:1D",
                "fos2: 00:19:32:00:12:1E",
            ]
            told = subprocess.run(
                [*COMMAND, "--tell", orders, "fos1 state"], cwd=ROOT, capture_output=True, text=True, check=True
            )
            assert json.loads(told.stdout)["state"]["mode"] == before
            order(orders, "fos1 move 1")
            if before == "0":
                assert process.stdout
                assert process.stdout.readline().endswith(" fos1 relay from=0 to=1 cause=hand\n")
            process.terminate()
    assert stat.S_IMODE(os.stat(conf).st_mode) == 0o600
    assert "[fos2]\nmac = 00:19:32:00:12:1E\nhost = 127.0.0.2\nport = " in Path(conf).read_text()
    assert Path(conf).read_text().count("login = admin:foobar\n") == 2


WRONG_ARGUMENTS = {
    "order_refused": (("--tell", "{tmp}/orders", "fos1 dance"), 1, "no simulator takes orders there"),
    "no_such_firmware": (("--firmware", "2.0"), 2, "--firmware: invalid choice: '2.0'"),
    "too_many_devices": (("--devices", "1000"), 2, "must be an integer from 1 to 250, not '1000'"),
    "bad_address": (("--address", "foo"), 2, "an IPv4 address such as 10.34.1.20 expected"),
    "bad_port": (("--http-port", "70000"), 2, "must be an integer from 0 to 65535, not '70000'"),
    "device_without_mac": (("--device", "fos1:127.0.0.1:0"), 2, "'fos1:127.0.0.1:0' is not NAME:ADDRESS:PORT:MAC"),
    "device_with_bad_mac": (("--device", "fos1:127.0.0.1:0:12"), 2, "not a MAC address: '12'"),
    "device_with_unusable_name": (("--device", "a]b:127.0.0.1:0:00:19:32:00:12:1D"), 2, "'a]b' is not a usable name"),
    "ports_past_the_last": (("--address", "0.0.0.0", "--http-port", "65535", "--devices", "2"), 3, "65536 is no port"),
    "addresses_past_the_last": (("--address", "255.255.255.255", "--devices", "2"), 3, "no room for 2 devices"),
    "leases_past_the_last": (("--lease", "255.255.255.255", "--devices", "2"), 3, "no room for 2 devices"),
    "password_too_long": (("--password", "1234567890123456"), 2, "at most 15 printable ASCII characters expected"),
    "config_of_the_user": (("--config", "{tmp}/mine.conf"), 3, "there already, and not written by a simulator"),
    "address_not_ours": (("--address", "192.0.2.1", "--http-port", "0"), 1, "cannot listen on 192.0.2.1:"),
    "control_in_no_directory": (
        ("--control", "{tmp}/none/orders", "--http-port", "0", "--udp-port", "0"),
        1,
        "none/orders",
    ),
}


@pytest.mark.parametrize(("arguments", "status", "reason"), WRONG_ARGUMENTS.values(), ids=WRONG_ARGUMENTS)
def test_wrong_arguments(tmp_path: Path, arguments: tuple[str, ...], status: int, reason: str) -> None:
    mine = tmp_path / "mine.conf"
    mine.write_text("[fos1]\n")
    ended = subprocess.run(
        [*COMMAND, *(argument.format(tmp=tmp_path) for argument in arguments)],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert (ended.returncode, ended.stdout) == (status, "")
    assert reason in ended.stderr.splitlines()[-1]
    assert "Traceback" not in ended.stderr
    assert mine.read_text() == "[fos1]\n"


def test_orders_typed_on_a_terminal() -> None:
    ours, terminal = pty.openpty()
    process = subprocess.Popen(
        [*COMMAND, "--http-port", "0", "--udp-port", "0"], cwd=ROOT, stdin=terminal, stdout=subprocess.PIPE, text=True
    )
    os.close(terminal)
    assert process.stdout
    with process, open(ours, "wb", buffering=0) as keyboard:
        printed = iter(process.stdout.readline, "")
        keyboard.write(b"fos1 move 1\n\nfos1 dance\n")
        assert any(line.endswith(" fos1 relay from=0 to=1 cause=hand\n") for line in printed)
        assert next(printed) == '{"ok": true}\n'
        assert json.loads(next(printed))["error"].startswith("no order 'dance'; there are power, flash, move")
        keyboard.write(b"\x03")
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE) == 0


def test_watchdog_that_runs_out_unseen_is_printed(tmp_path: Path) -> None:
    orders = str(tmp_path / "orders")
    with command("--control", orders) as (process, printed):
        assert process.stdout
        order(orders, "fos1 move 1")
        address = printed[0].split("http://")[1].split("/")[0]
        for query in ("cmd=2&wintv=1", "cmd=6&wen=1"):
            client = http.client.HTTPConnection(address, timeout=PATIENCE)
            with contextlib.closing(client):
                client.request("GET", f"/?{query}")
                client.getresponse().read()
        told = [process.stdout.readline().split(" ", 1)[1] for _ in range(4)]
        assert told[1:] == [
            "fos1 watchdog from=0 to=1\n",
            "fos1 watchdog from=1 to=2 tone=False mail=False\n",
            "fos1 relay from=1 to=0 cause=watchdog\n",
        ]


def test_session_of_the_help_works_as_written(tmp_path: Path) -> None:
    """Other ports and places than those shown, as other simulators may be up on this host."""
    shown = subprocess.run([*COMMAND, "--help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert max(map(len, shown.splitlines())) <= 80
    lines = [line.strip() for line in shown.partition("to copy and paste:\n")[2].partition("\n\n")[0].splitlines()]
    with simulator.running() as free:
        port = free["fos1"].http_address[1]
    script = "\n".join(lines).replace("8080", str(port)).replace("/tmp/", f"{tmp_path}/")
    script = script.replace("--devices 2", f"--devices 2 --http-port {port} --udp-port 0")
    fetch = "import sys, urllib.request as u; print(u.urlopen(sys.argv[-1]).read().decode())"
    commands = f"""
        set -e -m -o pipefail
        berofos() {{ {shlex.join(COMMAND[:-1])} "$@"; }}
        curl() {{ no_proxy='*' {sys.executable} -c '{fetch}' "$@"; }}
    """
    until_ready = f"until grep -qs ready {tmp_path}/printed; do kill -0 %1; sleep 0.05; done"
    started = commands + script.replace(" &\n", f" > {tmp_path}/printed &\n{until_ready}\n")
    ended = subprocess.run(
        ["bash", "-c", started],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=3 * PATIENCE,
        check=False,
    )
    assert (ended.returncode, ended.stderr) == (0, "")
    assert "4_mode=0\n" in ended.stdout
    state = json.loads(ended.stdout.splitlines()[-1])["state"]
    assert (state["mac"], state["faults"]) == ("00:19:32:00:12:1E", {"stuck": "on"})
    movements = [line.split(" ", 1)[1] for line in (tmp_path / "printed").read_text().splitlines() if "relay" in line]
    assert movements == ["fos1 relay from=0 to=1 cause=http", "fos1 relay from=1 to=0 cause=power"]
