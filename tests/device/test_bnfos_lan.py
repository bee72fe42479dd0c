"""`bnfos` over UDP: ping, kick, network configuration, reset; only the right device's right answer is success."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from berofos_agent import simulator
from berofos_agent.simulator import Simulator
from berofos_agent.simulator.model import Power

from .bnfos_calls import Bnfos, bnfos_at, bnfos_for
from .standin import ERASE, KICK, MAC, NETCONF, PING, framed, scan_reply, standing_in

OTHER_MAC = bytes.fromhex("00193200FFFF")


@pytest.fixture
def devices() -> Iterator[Simulator]:
    with simulator.running(2) as up:
        yield up


@pytest.fixture
def bnfos(devices: Simulator, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Bnfos:
    return bnfos_for(devices, tmp_path, capsys)


@pytest.mark.parametrize("call", ["--ping -f fos1", "--kick -f fos1", "--ping -h 127.0.0.1", "--kick -h 127.0.0.1"])
def test_device_answers(devices: Simulator, bnfos: Bnfos, call: str) -> None:
    ran = bnfos(call)
    assert (ran.status, ran.out) == (0, "")
    assert sum(devices["fos1"].model.requests[kind] for kind in ("ping", "kick") if f"--{kind}" in call) == 1


def test_device_of_unknown_address_is_reached_by_its_mac(devices: Simulator, bnfos: Bnfos) -> None:
    assert bnfos("--ping -m 00:19:32:00:12:1E").status == 0
    assert devices["fos2"].model.requests == {"ping": 1}


def test_device_without_a_host_in_the_file_is_reached_by_its_mac(devices: Simulator, bnfos: Bnfos) -> None:
    bnfos.write("[fos1]\nmac = 00:19:32:00:12:1E\n;host = 0.0.0.0\n")
    assert bnfos("--kick -f fos1").status == 0
    assert devices["fos2"].model.requests == {"kick": 1}


def test_device_that_is_silent_is_an_error(devices: Simulator, bnfos: Bnfos) -> None:
    devices["fos1"].model.fault("silent")
    for call in ("--ping -f fos1", "--kick -f fos1"):
        ran = bnfos(f"{call} -t 0.3")
        assert ran.status == 1
        assert "fos1: no answer from 127.0.0.1" in ran.err


def test_kick_that_is_refused_is_an_error(devices: Simulator, bnfos: Bnfos) -> None:
    devices["fos1"].model.fault("refuse-kick")
    ran = bnfos("--kick -f fos1")
    assert ran.status == 1
    assert "refused the kick with error 1" in ran.err


@pytest.mark.parametrize(
    "wrong",
    [
        pytest.param(framed(KICK, OTHER_MAC + b"\0"), id="another-mac"),
        pytest.param(framed(PING, MAC + b"\0\0"), id="another-command"),
        pytest.param(framed(KICK, MAC + b"\0")[:-1] + b"\0", id="wrong-checksum"),
        pytest.param(b"noise", id="noise"),
        pytest.param(b"GBL\x04\x0b", id="cut-off"),
    ],
)
def test_wrong_answer_is_none_and_the_right_one_behind_it_counts(
    wrong: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with standing_in(replies={KICK: lambda _request: [wrong]}) as standin:
        bnfos = bnfos_at(standin, tmp_path, capsys)
        assert bnfos("--kick -f fos1 -t 0.3").status == 1
        standin.replies[KICK] = lambda _request: [wrong, framed(KICK, MAC + b"\0")]
        assert bnfos("--kick -f fos1").status == 0


def test_answer_of_another_host_is_none(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The right answer, but sent by somebody else on the LAN."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other, standing_in() as standin:
        other.bind(("127.0.0.2", standin.port))
        standin.answers_from = other
        ran = bnfos_at(standin, tmp_path, capsys)("--kick -f fos1 -t 0.3")
    assert standin.commands() == [KICK, KICK, KICK]
    assert ran.status == 1


def test_device_nobody_knows_the_mac_of_is_not_waited_for_longer(bnfos: Bnfos, devices: Simulator) -> None:
    devices["fos1"].model.fault("silent")
    assert "within 0.3 s" in bnfos("--ping -h 127.0.0.1 -t 0.3").err


# --- network configuration and reset ---------------------------------------------------------------------------


@pytest.mark.parametrize("call", ["--netconf -f fos1 -i 10.34.1.20", "--reset -f fos1"])
def test_device_in_operation_is_refused(devices: Simulator, bnfos: Bnfos, call: str) -> None:
    ran = bnfos(call)
    assert ran.status == 1
    assert "in operation, not in flash mode" in ran.err
    assert set(devices["fos1"].model.requests) == {"scan"}


def test_network_configuration_is_replaced(devices: Simulator, bnfos: Bnfos) -> None:
    model = devices["fos1"].model
    model.switch_power(Power.FLASH)
    ran = bnfos("--netconf -f fos1 -i 10.34.1.20 -n 255.255.255.0 -g 10.34.1.1 -d 0 -a 1 -p 8080 -e 2")
    assert ran.status == 0
    network = model.scan_reply().network
    assert (str(network.address), str(network.gateway), network.options) == ("10.34.1.20", "10.34.1.1", 2)
    assert (network.phy, network.http_port) == (2, 8080)
    assert f"bnfos --scan -x -h 10.34.1.20 --config {bnfos.config}" in ran.err


@pytest.mark.parametrize(
    ("address", "netmask"), [("10.1.2.3", "255.0.0.0"), ("172.16.0.9", "255.255.0.0"), ("192.168.0.2", "255.255.255.0")]
)
def test_netmask_goes_by_the_class_of_the_address(devices: Simulator, bnfos: Bnfos, address: str, netmask: str) -> None:
    devices["fos1"].model.switch_power(Power.FLASH)
    assert bnfos(f"--netconf -f fos1 -i {address} -d 0").status == 0
    assert str(devices["fos1"].model.scan_reply().network.netmask) == netmask


def test_address_beside_dhcp_is_warned_of(devices: Simulator, bnfos: Bnfos) -> None:
    devices["fos1"].model.switch_power(Power.FLASH)
    assert "-d 0 turns it off" in bnfos("--netconf -f fos1 -i 10.34.1.20").err


@pytest.mark.parametrize("wrong", ["-i foo", "-i 10.34.1", "-n 255.0.255.0", "-g 1.2.3.4.5", "-e 4", "-d 2", "-p 0"])
def test_unusable_network_value_is_refused_and_nothing_is_sent(devices: Simulator, bnfos: Bnfos, wrong: str) -> None:
    ran = bnfos(f"--netconf -f fos1 {wrong}")
    assert ran.status == 2
    assert wrong.split()[0] in ran.err
    assert devices["fos1"].model.requests == {}


def test_everything_is_erased(devices: Simulator, bnfos: Bnfos) -> None:
    devices["fos1"].model.switch_power(Power.FLASH)
    assert bnfos("--reset -f fos1").status == 0
    assert devices["fos1"].model.state()["firmware"] == ""


@pytest.mark.parametrize(("call", "command"), [("--netconf -f fos1", NETCONF), ("--reset -f fos1", ERASE)])
def test_refusal_is_an_error(call: str, command: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with standing_in(replies={command: lambda _request: [framed(command, MAC + b"\x05")]}) as standin:
        ran = bnfos_at(standin, tmp_path, capsys)(call)
    assert ran.status == 1
    assert "error 5" in ran.err


def test_mac_is_needed_for_what_cannot_be_undone(bnfos: Bnfos) -> None:
    bnfos.write("[fos1]\nhost = 127.0.0.1\n")
    ran = bnfos("--reset -f fos1")
    assert ran.status == 1
    assert "has no mac; add it, or give -m MAC" in ran.err


# --- on and on -------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("interruptible")
def test_going_on_and_on_survives_a_silent_round(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rounds = iter([[], [scan_reply()], [], [scan_reply()]])

    def reply(_request: bytes) -> list[bytes]:
        found = next(rounds, None)
        if found is None:
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
            return []
        return found

    with standing_in(replies={1: reply}) as standin:
        ran = bnfos_at(standin, tmp_path, capsys)("--sscan -c -h 127.0.0.1 -w 0.1 -t 0.3")
    assert ran.status == 130
    assert ran.out.count("00:19:32:00:12:1d") == 2


CALL = "import sys; from berofos_agent.commands.bnfos import main, context; "
CALL += "sys.exit(main.main(sys.argv[2:], context.Lan(int(sys.argv[1]), '127.255.255.255')))"


def test_kicking_goes_on_in_the_background(devices: Simulator, bnfos: Bnfos) -> None:
    kicked = threading.Semaphore(0)
    model = devices["fos1"].model
    count = model.count
    model.count = lambda kind: (count(kind), kicked.release())[0]  # type: ignore[method-assign]
    model.fault("drop", "3")
    port = str(bnfos.lan.port)
    words = ["--kick", "-c", "-w", "0.1", "-b", "-t", "0.3", "-f", "fos1", "--config", str(bnfos.config)]
    subprocess.run([sys.executable, "-c", CALL, port, *words], check=True, timeout=20, stdin=subprocess.DEVNULL)
    process = _process_with(str(bnfos.config))
    try:
        for _ in range(6):
            assert kicked.acquire(timeout=10)
    finally:
        os.kill(process, signal.SIGTERM)


def _process_with(argument: str) -> int:
    """Return the process that was started with this argument and has no terminal and no parent of ours."""
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit() and int(folder.name) != os.getpid():
            try:
                words = (folder / "cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            if argument.encode() in words:
                return int(folder.name)
    raise AssertionError("nothing was left in the background")
