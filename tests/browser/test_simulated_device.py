"""The page of a simulated device, as somebody with a browser meets it."""

from __future__ import annotations

import contextlib
import http.client
import http.server
import json
import resource
import socket
import threading
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from berofos_agent import simulator
from berofos_agent.commands import berofos
from berofos_agent.commands.bnfos.main import main as bnfos
from berofos_agent.simulator import DeviceSpec, Power, RunningDevice, Simulator

from .chromium import Tab


@pytest.fixture
def device(devices: Simulator, tab: Tab) -> RunningDevice:
    """fos1, with its page open."""
    fos1 = devices["fos1"]
    tab.open(f"{fos1.url}/")
    tab.wait("document.querySelector('.card svg') !== null")
    return fos1


def shows(tab: Tab, device: RunningDevice, **wanted: str) -> None:
    """Wait until the drawing has these attributes."""
    tab.wait_for(
        lambda: all(tab.drawn(device.name, name) == value for name, value in wanted.items()), what=f"drawn: {wanted}"
    )


def sentence(tab: Tab) -> str:
    return str(tab.ask("document.querySelector('.sentence').textContent"))


def test_page_follows_a_relay_that_bnfos_moves(
    tab: Tab, device: RunningDevice, devices: Simulator, tmp_path: Path
) -> None:
    config = tmp_path / "bnfos.conf"
    config.write_text(devices.conf())
    shows(tab, device, mode="0")
    assert bnfos(["-f", "fos1", "--config", str(config), "--set", "mode=1"]) == 0
    shows(tab, device, mode="1", power="on")
    assert sentence(tab) == "Connects port A to B."
    assert "relay from A-D to A-B, by http" in tab.text()


def test_page_shows_a_movement_within_a_second(
    tab: Tab, device: RunningDevice, capsys: pytest.CaptureFixture[str]
) -> None:
    """The seconds are printed, not judged: the machine may be busy. What is certain is the order of things."""
    shows(tab, device, mode="0")
    seen = tab.ask(
        "new Promise(done => { const svg = document.querySelector('.card svg'); new MutationObserver(() => {"
        " if (svg.dataset.mode === '1') done(Date.now() / 1000); }).observe(svg, {attributes: true});"
        " fetch('/?cmd=4&mode=1'); })"
    )
    moved = next(float(entry["at"]) for entry in device.model.history if entry["event"] == "relay")
    assert seen > moved - 0.01
    with capsys.disabled():
        print(f"\nrelay moved, and shown {seen - moved:.2f} s later", end=" ")


def test_relay_is_moved_by_its_button(tab: Tab, device: RunningDevice) -> None:
    tab.click("Move the relay to B")
    shows(tab, device, mode="1")
    assert device.model.mode == "1"
    assert "by hand" in tab.text()


def test_power_cut_by_its_button_is_shown_and_undone(tab: Tab, device: RunningDevice) -> None:
    device.model.move_by_hand("1")
    tab.click("Power off")
    shows(tab, device, mode="0", power="off")
    assert device.model.power is Power.OFF
    assert sentence(tab) == "Without power it connects port A to D."
    tab.click("Power on")
    shows(tab, device, power="on")


def test_black_button_begins_flash_mode(tab: Tab, device: RunningDevice) -> None:
    tab.click("Power on with the black button held")
    shows(tab, device, power="flash", mode="0")
    assert device.model.power is Power.FLASH


def test_fault_with_an_argument_is_begun_and_ended(tab: Tab, device: RunningDevice) -> None:
    tab.wait("document.querySelector('input[aria-label^=\"status\"]') !== null")
    tab.ask("document.querySelector('input[aria-label^=\"status\"]').select()")
    tab.ask("document.querySelector('input[aria-label^=\"status\"]').focus()")
    tab.type("503")
    tab.press("Enter", "\r")
    tab.wait("document.body.innerText.includes('HTTP answers this status (503)')")
    assert device.model.faults.argument("status") == "503"
    tab.click("status")
    tab.wait("!document.body.innerText.includes('(503)')")
    assert not device.model.faults.on("status")


def test_stuck_relay_is_reported_in_words_and_refuses_hands(tab: Tab, device: RunningDevice) -> None:
    tab.click("stuck")
    tab.wait("document.querySelector('.problems').textContent === 'the relay does not move, a write says success'")
    tab.click("Move the relay to B")
    tab.wait("document.getElementById('said').textContent === 'Not done: fos1: the relay is stuck'")
    shows(tab, device, mode="0")


def test_watchdog_counts_down_and_expires(tab: Tab, device: RunningDevice, clock: object) -> None:
    device.model.write("cmd=2&wintv=15&as=1")
    device.model.write("cmd=6&wen=1&cmd=4&mode=1")
    tab.wait("document.querySelector('svg .watchdog').textContent === 'watchdog 15 s'")
    clock.advance(9)  # type: ignore[attr-defined]
    tab.wait("document.querySelector('svg .watchdog').textContent === 'watchdog 6 s'")
    clock.advance(6)  # type: ignore[attr-defined]
    shows(tab, device, watchdog="2", mode="0")
    assert "watchdog expired" in tab.text()


def test_page_works_while_the_device_answers_no_client(tab: Tab, device: RunningDevice) -> None:
    tab.click("Pull the network cable")
    tab.wait("document.querySelector('button[data-order=silent]').getAttribute('aria-pressed') === 'true'")
    assert device.model.deaf
    tab.click("Pull the network cable")
    tab.wait("document.querySelector('button[data-order=silent]').getAttribute('aria-pressed') === 'false'")
    assert not device.model.deaf


def test_page_says_when_it_has_lost_its_source_and_when_it_has_it_again(tab: Tab) -> None:
    with simulator.running([DeviceSpec()]) as devices:
        fos1 = devices["fos1"]
        tab.open(f"{fos1.url}/")
        tab.wait("document.getElementById('source').textContent === 'Live.'")
    tab.wait("/^No answer for \\d+ s: what is shown is old.$/.test(document.getElementById('source').textContent)")
    with simulator.running([DeviceSpec(http_port=fos1.http_address[1])]):
        tab.wait("document.getElementById('source').textContent === 'Live.'")
    assert tab.complaints, "the browser itself notes each request that failed"
    assert all("ERR_CONNECTION_REFUSED" in line or "ERR_EMPTY" in line or "RESET" in line for line in tab.complaints)
    tab.complaints.clear()


# --- who can use it ----------------------------------------------------------------------------------------------


def test_state_is_spoken_to_a_screen_reader(tab: Tab, device: RunningDevice) -> None:
    device.model.move_by_hand("1")
    shows(tab, device, mode="1")
    spoken = tab.spoken()
    assert ("image", "fos1: Connects port A to B.") in spoken
    assert {name for role, name in spoken if role == "button"} >= {"Power off", "Move the relay to D", "stuck"}
    assert ("textbox", "wrong-mac: MAC") in spoken
    assert ("heading", "fos1, a simulated bero*fos") in spoken


def test_every_button_is_reached_and_pressed_with_the_keyboard(tab: Tab, device: RunningDevice) -> None:
    tab.wait("document.querySelectorAll('button').length > 10")
    reached = []
    for _ in range(40):
        tab.press("Tab")
        reached.append(tab.ask("document.activeElement.textContent"))
        if reached[-1] == "Move the relay to B" and device.model.mode == "0":
            tab.press("Enter", "\r")
            shows(tab, device, mode="1")
            assert tab.ask("document.activeElement.textContent") == "Move the relay to B", "focus stays"
    buttons = tab.ask("[...document.querySelectorAll('button')].map(one => one.textContent)")
    assert set(buttons) <= set(reached)


@pytest.mark.parametrize(("width", "dark"), [(1200, False), (1200, True), (360, False)])
def test_page_fits_its_window_and_is_photographed(
    tab: Tab, device: RunningDevice, album: Path, width: int, dark: bool
) -> None:
    device.model.write("cmd=4&mode=1&cmd=6&wen=1&cmd=5&p=0&s=1")
    tab.look(width, 900, dark=dark)
    shows(tab, device, mode="1")
    tab.photograph(album / f"simulate-{width}-{'dark' if dark else 'light'}.png")
    assert tab.ask("document.documentElement.scrollWidth") <= width


def contrast(one: list[int], other: list[int]) -> float:
    """The contrast of two colours as WCAG 2 counts it."""

    def luminance(colour: list[int]) -> float:
        parts = [part / 255 for part in colour]
        parts = [part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]

    bright, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (bright + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("dark", [False, True])
def test_text_is_dark_enough_on_its_ground(tab: Tab, device: RunningDevice, dark: bool) -> None:
    tab.look(1200, 900, dark=dark)
    shows(tab, device, power="on")
    colours = tab.ask(
        "(() => { const style = getComputedStyle(document.documentElement);"
        " const bytes = name => style.getPropertyValue('--' + name).match(/[0-9a-f]{2}/gi)"
        ".map(two => parseInt(two, 16));"
        " return Object.fromEntries(['ink', 'paper', 'metal', 'block', 'faint', 'line', 'red']"
        ".map(name => [name, bytes(name)])); })()"
    )
    for text, grounds in (
        ("ink", "paper metal block"),
        ("faint", "paper metal block"),
        ("red", "paper"),
        ("line", "paper metal"),
    ):
        for ground in grounds.split():
            assert contrast(colours[text], colours[ground]) >= 4.0, (text, ground)


# --- hostile -----------------------------------------------------------------------------------------------------

MARKUP = "<img src=x onerror=alert(1)>\"'&"


def test_markup_in_what_a_device_tells_is_shown_as_text(tab: Tab, device: RunningDevice) -> None:
    device.model._stored["hostname"] = MARKUP
    tab.wait(f"document.body.innerText.includes({json.dumps(MARKUP)})")
    assert tab.ask("document.querySelector('main img')") is None


@pytest.fixture
def other_site() -> Iterator[str]:
    """The address of a page of somebody else's, which forbids its scripts nothing."""

    class Page(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(b"<!DOCTYPE html><link rel=icon href='data:,'><title>other site</title><p>other site")

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.77", 0), Page) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.77:{server.server_address[1]}/"
        server.shutdown()


@pytest.mark.parametrize(("kind", "mode"), [("text/plain", "no-cors"), ("application/json", "cors")])
def test_buttons_do_not_execute_orders_of_a_page_of_another_site(
    tab: Tab, devices: Simulator, other_site: str, kind: str, mode: str
) -> None:
    """A form that sends text needs no leave of the browser: the device itself has to refuse it."""
    fos1 = devices["fos1"]
    tab.open(other_site)
    ended = tab.ask(
        f"fetch('{fos1.url}/panel/order', {{method: 'POST', mode: '{mode}', headers: {{'Content-Type': '{kind}'}},"
        " body: JSON.stringify('move 1')}).then(answer => answer.type, () => 'refused')"
    )
    assert ended == "refused"
    assert fos1.model.mode == "0"
    tab.complaints.clear()


def test_page_is_in_no_frame_of_another_site(tab: Tab, devices: Simulator, other_site: str) -> None:
    """So that nobody is led to click a button that is under another picture."""
    tab.open(other_site)
    tab.ask(
        "new Promise(done => { const frame = document.createElement('iframe'); frame.onload = done;"
        f" frame.src = '{devices['fos1'].url}/'; document.body.append(frame); }})"
    )
    assert any("frame" in line for line in tab.complaints)
    tab.complaints.clear()


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://evil.example", "Host": "evil.example"},
        {"Content-Type": "text/plain"},
    ],
    ids=["none", "other-site", "null", "rebound-name", "form"],
)
def test_order_without_the_headers_of_the_own_page_is_refused(devices: Simulator, headers: dict[str, str]) -> None:
    fos1 = devices["fos1"]
    host = "{}:{}".format(*fos1.http_address)
    own = {"Origin": f"http://{host}", "Host": host, "Content-Type": "application/json"}
    sent = {**own, **headers} if headers else {"Host": host}
    assert post(fos1, sent) == 403
    assert fos1.model.mode == "0"
    assert post(fos1, own) == 200
    assert fos1.model.mode == "1"


def post(device: RunningDevice, headers: dict[str, str], body: bytes = b'"move 1"') -> int:
    client = http.client.HTTPConnection(*device.http_address, timeout=10)
    client.request("POST", "/panel/order", body, headers)
    answer = client.getresponse()
    answer.read()
    client.close()
    return answer.status


def test_order_of_one_device_reaches_no_other(devices: Simulator) -> None:
    fos1 = devices["fos1"]
    host = "{}:{}".format(*fos1.http_address)
    own = {"Origin": f"http://{host}", "Host": host, "Content-Type": "application/json"}
    assert post(fos1, own, b'"move 1\\nfos2 move 1"') == 400
    assert post(fos1, own, b"[]") == 400
    assert post(fos1, own, b"\xff") == 400
    assert post(fos1, own, b'"' + b"x" * 1000 + b'"') == 400
    assert [device.model.mode for device in devices] == ["0", "0"]


def test_help_names_the_page(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        berofos.main(["simulate", "--help"])
    assert "http://127.0.0.1:8080/" in capsys.readouterr().out


def test_thousand_connections_and_clients_that_never_read_keep_neither_page_nor_device_waiting(
    tab: Tab, device: RunningDevice
) -> None:
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 8192), hard))
    with contextlib.ExitStack() as stack:
        for number in range(1000):
            client = stack.enter_context(socket.create_connection(device.http_address, timeout=20))
            if number % 2:
                client.sendall(b"GET /panel/panel.js HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        urllib.request.urlopen(f"{device.url}/?cmd=4&mode=1", timeout=20).read()
        shows(tab, device, mode="1")


@pytest.mark.parametrize("path", ["/../../etc/passwd", "/panel/../page.py", "/panel/%2e%2e/card.py", "/panel/"])
def test_path_leads_out_of_nothing(devices: Simulator, path: str) -> None:
    client = http.client.HTTPConnection(*devices["fos1"].http_address, timeout=10)
    client.request("GET", path)
    answer = client.getresponse()
    assert answer.status == 404
    assert b"root:" not in answer.read()
    client.close()
