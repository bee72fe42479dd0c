"""`bnfos --flash`: every page acknowledged, and at its end, however it came, it is plain how the device is left."""

from __future__ import annotations

import hashlib
import io
import os
import pty
import signal
import struct
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from berofos_agent import simulator
from berofos_agent.device import flashing
from berofos_agent.simulator import Simulator
from berofos_agent.simulator.model import Power

from .bnfos_calls import Bnfos, bnfos_at, bnfos_for
from .standin import MAC, PAGE, PREPARE, framed, standing_in

PUBLISHED = flashing.KNOWN_IMAGES
IMAGE = bytes(range(256)) * 40 + b"tail"  # 21 pages, the last not full


@pytest.fixture
def devices() -> Iterator[Simulator]:
    with simulator.running(1) as up:
        up["fos1"].model.switch_power(Power.FLASH)
        yield up


@pytest.fixture
def bnfos(devices: Simulator, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Bnfos:
    return bnfos_for(devices, tmp_path, capsys)


@pytest.fixture
def image(tmp_path: Path) -> Path:
    path = tmp_path / "bnfos_v153.bin"
    path.write_bytes(IMAGE)
    return path


@pytest.fixture(autouse=True)
def known(monkeypatch: pytest.MonkeyPatch) -> None:
    """The image is taken for a published one."""
    monkeypatch.setattr(flashing, "KNOWN_IMAGES", {hashlib.sha1(IMAGE).hexdigest(): "firmware 1.53"})


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lost pages are sent again soon, so that the tests are short."""
    monkeypatch.setattr(flashing, "PAGE_SECONDS", 0.5)
    monkeypatch.setattr(flashing, "PREPARE_SECONDS", 0.5)


def test_image_arrives_whole(devices: Simulator, bnfos: Bnfos, image: Path) -> None:
    ran = bnfos(f"--flash {image} -f fos1")
    assert (ran.status, ran.out) == (0, "")
    padded = IMAGE.ljust(21 * 512, b"\0")
    assert devices["fos1"].model.state()["image"] == hashlib.sha1(padded).hexdigest()


def test_progress_is_a_line_a_tenth_where_no_terminal_is(bnfos: Bnfos, image: Path) -> None:
    ran = bnfos(f"--flash {image} -f fos1")
    assert sum(" %, page " in line for line in ran.err.splitlines()) == 10
    assert "100 %, page 21 of 21\n" in ran.err


def test_progress_is_a_bar_on_a_terminal(devices: Simulator, bnfos: Bnfos, image: Path) -> None:
    assert devices["fos1"].model.power is Power.FLASH
    main, side = pty.openpty()
    call = "import sys; from berofos_agent.commands.bnfos import main, context; "
    call += "sys.exit(main.main(sys.argv[2:], context.Lan(int(sys.argv[1]))))"
    words = [str(bnfos.lan.port), "--flash", str(image), "-f", "fos1", "--force", "--config", str(bnfos.config)]
    environ = {**os.environ, "COLUMNS": "80", "TERM": "xterm"}
    done = subprocess.run([sys.executable, "-c", call, *words], stderr=side, env=environ, timeout=30, check=False)
    os.close(side)
    shown = _read_all(main)
    assert done.returncode == 0, shown
    assert "21/21" in shown
    assert "\r" in shown.replace("\r\n", "")


def _read_all(descriptor: int) -> str:
    text = b""
    while True:
        try:
            block = os.read(descriptor, 65536)
        except OSError:
            block = b""
        if not block:
            os.close(descriptor)
            return text.decode()
        text += block


def test_known_firmware_is_recognised(bnfos: Bnfos, image: Path) -> None:
    ran = bnfos(f"--flash {image} -f fos1")
    assert "firmware 1.53, 10244 bytes" in ran.err


def test_published_firmware_is_known() -> None:
    assert PUBLISHED["2432d603ddc9cfc18251f62625203d6d7c28e608"].startswith("firmware 1.53")


class TestImageThatIsNotKnown:
    """An image with another SHA-1 is written only if somebody says so."""

    @pytest.fixture(autouse=True)
    def nothing_is_known(self, known: None, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: ARG002
        monkeypatch.setattr(flashing, "KNOWN_IMAGES", {})

    @pytest.mark.parametrize(("answer", "written"), [("y\n", True), ("n\n", False), ("\n", False), ("", False)])
    def test_a_terminal_is_asked(
        self,
        answer: str,
        written: bool,
        devices: Simulator,
        bnfos: Bnfos,
        image: Path,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        keyboard = io.StringIO(answer)
        monkeypatch.setattr(keyboard, "isatty", lambda: True)
        monkeypatch.setattr(sys, "stdin", keyboard)
        ran = bnfos(f"--flash {image} -f fos1")
        assert ran.status == (0 if written else 1)
        assert "not a known bero*fos firmware" in ran.err
        assert "Write this one to fos1? [y/N]" in ran.err
        assert bool(devices["fos1"].model.state()["image"]) == written
        assert ("prepare" in devices["fos1"].model.requests) == written

    def test_without_a_terminal_it_is_refused_and_force_writes_it(
        self, devices: Simulator, bnfos: Bnfos, image: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(sys, "stdin", io.StringIO("y\n"))
        ran = bnfos(f"--flash {image} -f fos1")
        assert ran.status == 1
        assert "use --force" in ran.err
        assert set(devices["fos1"].model.requests) == {"scan"}
        assert bnfos(f"--flash {image} -f fos1 --force").status == 0


def test_device_in_operation_is_refused(devices: Simulator, bnfos: Bnfos, image: Path) -> None:
    devices["fos1"].model.switch_power(Power.OPERATIONAL)
    ran = bnfos(f"--flash {image} -f fos1")
    assert ran.status == 1
    assert "hold the black button" in ran.err
    assert set(devices["fos1"].model.requests) == {"scan"}


@pytest.mark.parametrize(
    ("size", "words"), [(0, "the image is empty"), (flashing.MAXIMUM_BYTES + 1, "that is not a firmware of a bero*fos")]
)
def test_unusable_image_is_refused_and_nothing_is_sent(
    devices: Simulator, bnfos: Bnfos, image: Path, size: int, words: str
) -> None:
    with image.open("wb") as file:
        file.truncate(size)
    ran = bnfos(f"--flash {image} -f fos1")
    assert ran.status == 1
    assert words in ran.err
    assert devices["fos1"].model.requests == {}


def test_image_that_is_not_there_is_said(bnfos: Bnfos, image: Path) -> None:
    ran = bnfos(f"--flash {image}.gone -f fos1")
    assert (ran.status, ran.err) == (
        1,
        f"bnfos: {image}.gone: cannot be read: No such file or directory; check its path\n",
    )


@pytest.mark.usefixtures("impatient")
def test_lost_page_is_sent_again(tmp_path: Path, image: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lost = {3, 20}

    def reply(request: bytes) -> list[bytes]:
        index = struct.unpack("!H", request[11:13])[0]
        if index in lost:
            lost.discard(index)
            return []
        return [framed(PAGE, MAC + b"\0")]

    with standing_in(replies={PAGE: reply}) as standin:
        ran = bnfos_at(standin, tmp_path, capsys)(f"--flash {image} -f fos1")
    assert ran.status == 0, ran.err
    pages = [struct.unpack("!H", datagram[11:13])[0] for datagram in standin.datagrams if datagram[4] == PAGE]
    assert pages == [*range(4), 3, *range(4, 21), 20]


@pytest.mark.usefixtures("impatient")
def test_late_answer_is_not_taken_for_the_next_page(
    tmp_path: Path, image: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The first reply to page 3 comes together with the second; page 4 is lost then and has to be sent again."""
    heard: list[int] = []

    def reply(request: bytes) -> list[bytes]:
        index = struct.unpack("!H", request[11:13])[0]
        heard.append(index)
        success = framed(PAGE, MAC + b"\0")
        if index == 3:
            return [success, success] if heard.count(3) == 2 else []
        return [] if index == 4 and heard.count(4) == 1 else [success]

    with standing_in(replies={PAGE: reply}) as standin:
        assert bnfos_at(standin, tmp_path, capsys)(f"--flash {image} -f fos1").status == 0
    assert heard.count(4) == 2


@pytest.mark.parametrize("echo", [False, True], ids=["error-behind-mac", "index-repeated-before-error"])
def test_refused_page_ends_it_by_its_number(
    tmp_path: Path, image: Path, capsys: pytest.CaptureFixture[str], echo: bool
) -> None:
    def reply(request: bytes) -> list[bytes]:
        page = request[11:13]
        error = b"\x07" if page == b"\0\x05" else b"\0"
        return [framed(PAGE, MAC + (page if echo else b"") + error)]

    with standing_in(replies={PAGE: reply}) as standin:
        ran = bnfos_at(standin, tmp_path, capsys)(f"--flash {image} -f fos1")
    assert ran.status == 1
    assert "refused page 6 of 21 with error 7" in ran.err
    assert "5 of 21 pages are written" in ran.err
    assert standin.commands().count(PAGE) == 6


@pytest.mark.usefixtures("impatient")
def test_page_never_acknowledged_ends_it_by_its_number(
    tmp_path: Path, image: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with standing_in(replies={PAGE: lambda _request: []}) as standin:
        ran = bnfos_at(standin, tmp_path, capsys)(f"--flash {image} -f fos1")
    assert ran.status == 1
    assert "page 1 of 21 was not acknowledged" in ran.err


def test_refused_image_writes_no_page(tmp_path: Path, image: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with standing_in(replies={PREPARE: lambda _request: [framed(PREPARE, MAC + b"\x09")]}) as standin:
        ran = bnfos_at(standin, tmp_path, capsys)(f"--flash {image} -f fos1")
    assert ran.status == 1
    assert "refused the image of 21 pages with error 9" in ran.err
    assert PAGE not in standin.commands()


@pytest.mark.usefixtures("interruptible")
def test_interrupt_says_how_the_device_is_left(tmp_path: Path, image: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def reply(request: bytes) -> list[bytes]:
        if request[11:13] == b"\0\x05":
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
            return []
        return [framed(PAGE, MAC + b"\0")]

    with standing_in(replies={PAGE: reply}) as standin:
        ran = bnfos_at(standin, tmp_path, capsys)(f"--flash {image} -f fos1")
    assert ran.status == 130
    assert "fos1: interrupted; 5 of 21 pages are written, so the device has no usable firmware now" in ran.err
