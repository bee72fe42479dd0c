"""The metrics as Prometheus itself judges them: promtool, and a server that is asked what the dashboard asks.

Both come with Debian's package prometheus, PROMETHEUS_PACKAGES of the Makefile.
"""

from __future__ import annotations

import contextlib
import http.server
import json
import re
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from berofos_agent.agent.dahdi import FOLDER_VARIABLE
from berofos_agent.panel.metrics import METRICS
from tests.device.conftest import Desk, desk, firmware, settings, specs
from tests.device.test_metrics import DAHDI, with_parameters
from tests.device.test_status_on_a_cluster import Node, node
from tests.ocf.conftest import fresh_address

__all__ = ["desk", "firmware", "node", "settings", "specs"]

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "docs" / "examples"
RULES = EXAMPLES / "prometheus-alerts.yml"
DASHBOARD: dict[str, Any] = json.loads((EXAMPLES / "grafana-dashboard.json").read_text())
QUERIES = [target["expr"] for panel in DASHBOARD["panels"] for target in panel["targets"]]
PATIENCE = 60.0


@pytest.fixture(autouse=True)
def _promtool() -> None:
    assert shutil.which("promtool"), "promtool is missing: apt-get install prometheus"


def promtool(*arguments: str, given: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(["promtool", *arguments], input=given, capture_output=True, text=True, check=False)


@pytest.fixture
def exported(node: Node, desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """What a node exports that has everything: a watchdog, kicks, spans, a device that is set wrongly."""
    monkeypatch.setenv("HA_RSCTMP", str(tmp_path))
    monkeypatch.setenv(FOLDER_VARIABLE, str(DAHDI))
    now = time.clock_gettime(time.CLOCK_BOOTTIME)
    (tmp_path / "berofos-relay.state.kicks").write_text(f"at {now:.3f} 1\nfos1 {now:.3f} 0\nfos2 {now:.3f} 0\n")
    with_parameters(node, spans="1 2", layer2="yes")
    node.tool("crm_node", "xivo-1")
    node.tool("asterisk", "Primary D-channel: 3\nStatus: Provisioned, Up, Active\n")
    for device in desk.devices:
        device.model.write("cmd=6&wen=1")
    ran = node.status("healthy", "1", "1", command="metrics")
    assert ran.status == 0
    return ran.out


def test_names_units_and_texts_are_as_prometheus_wants_them(exported: str) -> None:
    checked = promtool("check", "metrics", given=exported)
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, "", "")


def test_everything_in_the_table_is_exported(exported: str) -> None:
    assert [metric.name for metric in METRICS if f"\n{metric.shown_name}" not in exported] == []


def test_the_rules_are_understood_and_do_what_their_tests_say() -> None:
    checked = promtool("check", "rules", str(RULES))
    assert checked.returncode == 0, checked.stderr
    tested = promtool("test", "rules", str(ROOT / "tests" / "data" / "prometheus" / "alerts.yml"))
    assert tested.returncode == 0, tested.stdout + tested.stderr


def test_a_rule_that_is_never_true_fails_its_test(tmp_path: Path) -> None:
    folder = tmp_path / "docs" / "examples"
    folder.mkdir(parents=True)
    (folder / RULES.name).write_text(re.sub(r"(expr: .*)", r"\1 unless on () vector(1)", RULES.read_text()))
    tests = tmp_path / "tests" / "data" / "prometheus"
    tests.mkdir(parents=True)
    shutil.copy(ROOT / "tests" / "data" / "prometheus" / "alerts.yml", tests)
    tested = promtool("test", "rules", str(tests / "alerts.yml"))
    failed = set(re.findall(r"alertname: (\w+)", tested.stdout + tested.stderr))
    assert failed == set(re.findall(r"- alert: (\w+)", RULES.read_text()))


# --- a server ----------------------------------------------------------------------------------------------------


class Exporter(http.server.BaseHTTPRequestHandler):
    """Answers with what berofos metrics printed."""

    text = b""

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(self.text)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def server(exported: str, tmp_path: Path) -> Iterator[str]:
    """The address of a Prometheus that reads these metrics twice a second."""
    handler = type("Handler", (Exporter,), {"text": exported.encode()})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as exporter:
        threading.Thread(target=exporter.serve_forever, daemon=True).start()
        config = tmp_path / "prometheus.yml"
        target = f"127.0.0.1:{exporter.server_address[1]}"
        config.write_text(
            "global: {scrape_interval: 500ms, scrape_timeout: 500ms}\n"
            f"rule_files: ['{RULES}']\n"
            f"scrape_configs: [{{job_name: berofos, static_configs: [{{targets: ['{target}']}}]}}]\n"
        )
        address = f"{fresh_address()}:9090"
        argv = ["prometheus", f"--config.file={config}", f"--web.listen-address={address}"]
        argv += [f"--storage.tsdb.path={tmp_path / 'data'}", "--log.level=error"]
        with subprocess.Popen(argv) as process:
            try:
                yield f"http://{address}"
            finally:
                process.terminate()
                exporter.shutdown()


def ask(server: str, query: str) -> list[Any]:
    """Return the series that a query has, once it has any; a query that is not understood fails the test."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        with contextlib.suppress(requests.ConnectionError):  # it starts
            answer = requests.get(f"{server}/api/v1/query", {"query": query}, timeout=10)
            found: list[Any] = answer.json()["data"]["result"] if answer.status_code == 200 else []
            assert answer.status_code in (200, 503), (query, answer.text)  # 503 until it has read its data
            if found:
                return found
        time.sleep(0.2)
    return []


def test_every_query_of_the_dashboard_shows_something(server: str) -> None:
    assert ask(server, "up == 1")
    assert [query for query in QUERIES if not ask(server, query)] == []


def test_every_annotation_of_the_dashboard_is_understood(server: str) -> None:
    assert ask(server, "up == 1")
    for annotation in DASHBOARD["annotations"]["list"]:
        answer = requests.get(f"{server}/api/v1/query", {"query": annotation["expr"]}, timeout=10)
        assert answer.json()["status"] == "success", answer.text


def test_every_legend_of_the_dashboard_has_its_labels(server: str) -> None:
    for panel in DASHBOARD["panels"]:
        (target,) = panel["targets"]
        labels = set(re.findall(r"{{(\w+)}}", target["legendFormat"]))
        assert labels <= set(ask(server, target["expr"])[0]["metric"]), panel["title"]
