"""The panel for real devices: `berofos panel` as a process, looked at with a browser and with worse clients."""

from __future__ import annotations

import contextlib
import http.client
import json
import resource
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from berofos_agent import simulator
from berofos_agent.device import frame
from berofos_agent.simulator import Power, Simulator, specs
from tests.ocf.conftest import fresh_address

from .chromium import Tab

ROOT = Path(__file__).parents[2]
PANEL = (sys.executable, "-m", "berofos_agent", "panel")
PASSWORD = "s3cret-of-fos"
PATIENCE = 20.0


@dataclass(frozen=True)
class Panel:
    """A panel that runs, and the devices it shows."""

    devices: Simulator
    port: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/"

    def get(self, path: str, host: str = "", method: str = "GET") -> tuple[int, bytes, dict[str, str]]:
        client = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        with contextlib.closing(client):
            client.request(method, path, headers={"Host": host or f"127.0.0.1:{self.port}"})
            answer = client.getresponse()
            return answer.status, answer.read(), dict(answer.getheaders())

    def status(self) -> dict[str, Any]:
        told: dict[str, Any] = json.loads(self.get("/status.json")[1])
        return told

    def wait_for_reading(self) -> None:
        """Look until a reading that began after now is shown: the third scan from now on is of the one after it."""
        before = [device.model.requests.get("scan", 0) for device in self.devices]
        deadline = time.monotonic() + PATIENCE
        while any(device.model.requests.get("scan", 0) < count + 3 for device, count in zip(self.devices, before)):
            assert time.monotonic() < deadline, "the panel does not read the devices"
            self.status()
            time.sleep(0.05)


@pytest.fixture
def panel(tmp_path: Path) -> Iterator[Panel]:
    """Three devices with a password, and the panel that shows them."""
    first = simulator.DeviceSpec(address=fresh_address(), udp_port=frame.PORT)
    protected = {"apwd": PASSWORD, "pwd": "1"}
    with simulator.running([replace(spec, settings=protected) for spec in specs(3, first)]) as devices:
        config = tmp_path / "bnfos.conf"
        config.write_text(devices.conf())
        with running_panel("--config", str(config), "--timeout", "1") as port:
            yield Panel(devices, port)


@contextlib.contextmanager
def running_panel(*arguments: str) -> Iterator[int]:
    process = subprocess.Popen([*PANEL, "--port", "0", *arguments], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert process.stdout
    with process:
        address = process.stdout.readline().split()[0]
        try:
            yield int(address.rstrip("/").rpartition(":")[2])
        finally:
            process.terminate()
            assert process.wait(PATIENCE) == 0


@pytest.fixture
def seen(tab: Tab, panel: Panel) -> Tab:
    """The tab with the panel open, once all devices are shown."""
    tab.open(panel.url)
    tab.wait("document.querySelectorAll('.card svg[data-power=on]').length === 3")
    return tab


def test_panel_follows_the_relays(seen: Tab, panel: Panel, album: Path) -> None:
    assert seen.drawn("fos2", "mode") == "0"
    panel.devices["fos2"].model.move_by_hand("1")
    seen.wait_for(lambda: seen.drawn("fos2", "mode") == "1")
    assert (seen.drawn("fos1", "mode"), seen.drawn("fos3", "mode")) == ("0", "0")
    seen.wait("document.body.innerText.includes('fos2: lines moved from A-D to A-B')")
    for width, dark in ((1200, False), (1200, True), (360, False)):
        seen.look(width, 900, dark=dark)
        seen.photograph(album / f"panel-{width}-{'dark' if dark else 'light'}.png")
        assert seen.ask("document.documentElement.scrollWidth") <= width


def test_device_that_does_not_answer_keeps_its_position_and_is_reported_as_silent(seen: Tab, panel: Panel) -> None:
    panel.devices["fos3"].model.switch_power(Power.OFF)
    seen.wait_for(lambda: seen.drawn("fos3", "power") == "unknown")
    assert "Does not answer. When it last did, it connected port A to D." in seen.text()
    panel.devices["fos3"].model.switch_power(Power.OPERATIONAL)
    seen.wait_for(lambda: seen.drawn("fos3", "power") == "on")
    seen.wait("document.body.innerText.includes('fos3: answers again, lines at A-D')")


def test_host_without_a_cluster_says_so(seen: Tab) -> None:
    assert seen.ask("document.getElementById('verdict').hidden")
    seen.wait("/no cluster\\s+(Pacemaker is not installed|the cluster is not running)/.test(document.body.innerText)")


def test_table_follows_a_relay_resource_that_is_added_or_removed(seen: Tab) -> None:
    for cells in (["xivo-1", "online"], ["xivo-1", "online", "yes"], ["xivo-1", "standby"]):
        tables = [{"title": "Nodes", "head": cells, "rows": [cells]}]
        state = {"title": "t", "trouble": "", "cards": [], "tables": tables}
        seen.ask(f"window.fetch = async () => ({{ ok: true, json: async () => ({json.dumps(state)}) }})")
        row = "[...document.querySelectorAll('tbody td')].map((cell) => cell.textContent).join()"
        seen.wait(f"{row} === '{','.join(cells)}'")
        assert seen.ask("document.querySelectorAll('th').length") == len(cells)
        seen.wait("document.getElementById('source').textContent === 'Live.'")


def test_panel_only_shows(seen: Tab, panel: Panel) -> None:
    assert seen.ask("document.querySelectorAll('button, input').length") == 0
    for path in ("/", "/metrics"):
        assert [panel.get(path, method=method)[0] for method in ("POST", "PUT", "DELETE", "OPTIONS")] == [405] * 4
    assert panel.get("/?cmd=4&mode=1")[0] == 200
    panel.wait_for_reading()
    for device in panel.devices:
        assert set(device.model.requests) <= {"connect", "read", "scan"}
        assert device.model.mode == "0"


def test_many_who_look_cost_no_more_than_one(panel: Panel) -> None:
    panel.wait_for_reading()
    before, began = panel.devices["fos1"].model.requests["scan"], time.monotonic()
    while time.monotonic() - began < 6:
        for path in ("/panel/page.json", "/status.json", "/metrics", "/"):
            panel.get(path)
    readings = panel.devices["fos1"].model.requests["scan"] - before
    assert 1 <= readings <= (time.monotonic() - began) / 2 + 1  # never faster than every two seconds


def test_no_password_is_in_anything_it_answers(panel: Panel) -> None:
    panel.status()
    panel.wait_for_reading()
    told = panel.status()["devices"]
    assert [one["reachable"] for one in told] == [True, True, True], "they are read with the password"
    for path in ("/", "/status.json", "/panel/page.json", "/panel/panel.js", "/panel/device.svg", "/metrics"):
        assert PASSWORD.encode() not in panel.get(path)[1]


def test_metrics_are_those_of_the_last_reading(panel: Panel) -> None:
    panel.devices["fos2"].model.move_by_hand("1")
    panel.wait_for_reading()
    status, body, headers = panel.get("/metrics")
    assert status == 200
    assert headers["Content-Type"].startswith("text/plain; version=0.0.4")
    found = {one.name: {} for family in text_string_to_metric_families(body.decode()) for one in family.samples}
    for family in text_string_to_metric_families(body.decode()):
        for one in family.samples:
            found[one.name][one.labels.get("device")] = one.value
    assert found["berofos_device_reachable"] == {"fos1": 1, "fos2": 1, "fos3": 1}
    assert found["berofos_device_relay_mode"] == {"fos1": 0, "fos2": 1, "fos3": 0}


def test_changes_of_position_are_counted(panel: Panel) -> None:
    panel.wait_for_reading()
    for mode in ("1", "0"):
        panel.devices["fos1"].model.move_by_hand(mode)
        panel.wait_for_reading()
    body = panel.get("/metrics")[1].decode()
    assert 'berofos_device_position_changes_total{device="fos1"} 2.0' in body
    assert 'berofos_device_position_changes_total{device="fos2"} 0.0' in body


# --- hostile -----------------------------------------------------------------------------------------------------


def test_markup_in_what_a_device_tells_is_shown_as_text(seen: Tab, panel: Panel) -> None:
    markup = "<img src=x onerror=alert(1)>\"'&"
    panel.devices["fos1"].model._stored["hostname"] = markup
    seen.wait(f"document.body.innerText.includes({json.dumps(markup)})")
    assert seen.ask("document.querySelector('main img, main script')") is None


def test_fault_with_a_quote_in_its_text_is_shown(seen: Tab, panel: Panel) -> None:
    panel.devices["fos1"].model.fault("noise")
    seen.wait_for(lambda: seen.drawn("fos1", "power") == "unknown")
    seen.wait("document.querySelector('[data-device=fos1] .problems li')?.textContent.length > 10")


PATHS = (
    "/../../etc/passwd",
    "/panel/../../../etc/passwd",
    "/panel/%2e%2e/%2e%2e/etc/passwd",
    "/panel/..\\..\\etc\\passwd",
    "//etc/passwd",
    "/etc/bnfos.conf",
    "/panel/page.html%00.css",
    "/panel/",
    "/metrics/",
    "/Metrics",
    "/metrics/../status.json",
    "/metrics%00",
    "/metrics%2f",
    "/panel/metrics",
)


@pytest.mark.parametrize("path", PATHS)
def test_path_leads_out_of_nothing(panel: Panel, path: str) -> None:
    status, body, _ = panel.get(path)
    assert (status, body) == (404, b"no such page\n")


def test_name_that_somebody_else_led_here_shows_nothing(panel: Panel) -> None:
    for path in ("/status.json", "/metrics"):
        assert panel.get(path, host="evil.example")[0] == 403
    assert panel.get("/status.json", host="localhost:1234")[0] == 200


def test_no_other_origin_may_read_or_frame_it(panel: Panel) -> None:
    headers = panel.get("/status.json")[2]
    assert "Access-Control-Allow-Origin" not in headers
    assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]


def test_thousand_connections_and_clients_that_never_read_keep_nobody_waiting(panel: Panel) -> None:
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 4096), hard))
    with contextlib.ExitStack() as stack:
        for number in range(1000):
            client = stack.enter_context(socket.create_connection(("127.0.0.1", panel.port), timeout=PATIENCE))
            if number % 10 == 0:  # asks for much, and reads nothing of it
                client.sendall(f"GET /panel/panel.js HTTP/1.1\r\nHost: 127.0.0.1:{panel.port}\r\n\r\n".encode() * 50)
            elif number % 10 == 1:  # never comes to an end
                client.sendall(b"GET /status.json HTTP/1.1\r\nHost: ")
        deadline = time.monotonic() + PATIENCE
        panel.devices["fos1"].model.move_by_hand("1")
        while [one["mode"] for one in panel.status()["devices"]] != ["1", "0", "0"]:
            assert time.monotonic() < deadline
            time.sleep(0.2)


def test_header_and_body_without_end_are_refused(panel: Panel) -> None:
    for start in (
        b"GET / HTTP/1.1\r\nX: " + b"x" * 20000,
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999\r\n\r\n",
    ):
        with socket.create_connection(("127.0.0.1", panel.port), timeout=PATIENCE) as client:
            client.sendall(start + b"\r\n\r\n")
            assert client.recv(100).split()[1] in (b"400", b"413", b"431")
    assert panel.get("/status.json")[0] == 200


def test_it_listens_on_loopback_only(panel: Panel) -> None:
    listening = [line.split()[1] for line in Path("/proc/net/tcp").read_text().splitlines() if line.split()[3] == "0A"]
    assert [place for place in listening if place.endswith(f":{panel.port:04X}")] == [f"0100007F:{panel.port:04X}"]


# --- the command -------------------------------------------------------------------------------------------------


def run_panel(*arguments: str, code: str = "") -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, "-c", code, *arguments] if code else [*PANEL, *arguments]
    return subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE, check=False)


def test_taken_port_is_one_line(panel: Panel, tmp_path: Path) -> None:
    ended = run_panel("--config", str(tmp_path / "bnfos.conf"), "--port", str(panel.port))
    assert ended.returncode == 1
    reason = "Address already in use; try another --port"
    assert ended.stderr == f"berofos panel: cannot listen on 127.0.0.1:{panel.port}: {reason}\n"


def test_without_waitress_one_line_says_what_to_install(tmp_path: Path) -> None:
    config = tmp_path / "bnfos.conf"
    config.write_text("[fos1]\nhost = 127.0.0.1\n")
    code = (
        "import sys; sys.modules['waitress'] = None\n"
        "from berofos_agent.commands import berofos; sys.exit(berofos.main())"
    )
    ended = run_panel("panel", "--config", str(config), code=code)
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr == "berofos panel: needs waitress: apt-get install python3-waitress\n"


def test_without_the_client_library_metrics_say_what_to_install() -> None:
    code = (
        "import sys; sys.modules['prometheus_client'] = None\n"
        "from berofos_agent.panel import server, view; from berofos_agent.device.inspection import Inspection\n"
        "print(*server.metrics_of(view.State([Inspection('fos1')], cluster='none'))[:2])"
    )
    told = run_panel(code=code).stdout
    assert told == "503 b'needs the client of Prometheus: apt-get install python3-prometheus-client\\n'\n"


def test_without_devices_it_does_not_begin(tmp_path: Path) -> None:
    ended = run_panel("--config", str(tmp_path / "none.conf"))
    assert ended.returncode == 3
    assert ended.stderr.count("\n") == 1
