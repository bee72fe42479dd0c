"""Ctrl-C while a command moves lines: what it did is said and logged, and no device is left half set up."""

from __future__ import annotations

import re
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from berofos_agent.commands import xivo_berofos
from berofos_agent.commands.bnfos import main as bnfos
from tests.device.conftest import Desk


@contextmanager
def interrupted_once_moved(desk: Desk) -> Iterator[list[str]]:
    """Press Ctrl-C when the relay of fos1 has moved; fos2 is slower. Yields what reaches syslog."""

    def press() -> None:
        until = time.monotonic() + 10
        while desk.device("fos1").model.mode != "1" and time.monotonic() < until:
            time.sleep(0.002)
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)

    logged: list[str] = []
    desk.device("fos1").model.fault("slow", "0.05")
    desk.device("fos2").model.fault("slow", "0.3")
    thread = threading.Thread(target=press)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("berofos_agent.systemlog.tell", lambda _priority, line: logged.append(line))
        thread.start()
        yield logged
        thread.join()


@pytest.mark.usefixtures("interruptible")
def test_an_interrupted_switch_is_said_and_logged(desk: Desk) -> None:
    with interrupted_once_moved(desk) as logged:
        ran = desk.berofos("switch", "b")
    assert ran.status == 130
    assert [line.split(" (")[0] for line in logged] == [f"fos{n}: switched from A-D to A-B" for n in (1, 2)]
    assert ran.out.count("switched from A-D to A-B") == 2


@pytest.mark.usefixtures("interruptible")
def test_an_interrupted_xivo_berofos_is_said_and_logged(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    with interrupted_once_moved(desk) as logged:
        assert xivo_berofos.main([f"--config={desk.config}", "master"]) == 130
    assert [line.split(" (")[0] for line in logged] == [f"fos{n}: switched from A-D to A-B" for n in (1, 2)]
    assert capsys.readouterr().err.count("switched from A-D to A-B") == 2


@pytest.mark.usefixtures("interruptible")
def test_an_interrupted_provision_sets_each_device_up_to_its_end(desk: Desk) -> None:
    with interrupted_once_moved(desk) as logged:
        ran = desk.berofos("provision", "--yes")
    assert ran.status == 130
    assert ran.out.count("set up for fallback, verified") == 2
    for name in ("fos1", "fos2"):
        told = [line for line in logged if line.startswith(f"{name}: ")]
        assert re.fullmatch(rf"{name}: switched from A-D to A-B: berofos provision by \S+", told[0])
        assert told[1:] == [f"{name}: set up for fallback: berofos provision"]
    assert [device.model.values()["modedef"] for device in desk.devices] == ["1", "1"]


@pytest.mark.usefixtures("interruptible")
def test_an_interrupted_set_of_the_mode_is_said_and_logged(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    with interrupted_once_moved(desk) as logged:
        assert bnfos.main(["--set", "mode=1", "-f", "fos1", "--config", str(desk.config)]) == 130
    assert [line.split(":")[1] for line in logged] == [" switched from A-D to A-B"]
    assert "fos1: Setting mode succeeded!" in capsys.readouterr().err
