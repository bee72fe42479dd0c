"""The alert rules and the dashboard of the examples name metrics that there are."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from berofos_agent.panel.metrics import METRICS

ROOT = Path(__file__).parents[3]
EXAMPLES = ROOT / "docs" / "examples"
RULES = EXAMPLES / "prometheus-alerts.yml"
NAMES = {metric.shown_name for metric in METRICS}


@pytest.mark.parametrize("file", ["prometheus-alerts.yml", "grafana-dashboard.json"])
def test_every_metric_of_the_examples_is_exported(file: str) -> None:
    queries = re.findall(r'"?expr"?: *(.*)', (EXAMPLES / file).read_text())
    named = {name for query in queries for name in re.findall(r"\bberofos_\w+", query)}
    assert len(named) > 10
    assert named <= NAMES


def test_every_alert_has_a_test_in_which_it_fires_and_one_in_which_it_does_not() -> None:
    tests = (ROOT / "tests" / "data" / "prometheus" / "alerts.yml").read_text()
    for alert in re.findall(r"- alert: (\w+)", RULES.read_text()):
        assert re.search(rf"alertname: {alert}\n +exp_alerts: \[\]", tests), alert
        assert re.search(rf"alertname: {alert}\n +exp_alerts:\n +- exp_labels", tests), alert


def test_every_alert_says_what_happened_and_what_to_do() -> None:
    alerts = RULES.read_text().split("- alert: ")[1:]
    for alert in alerts:
        assert len(re.findall(r"^ +(summary|description|severity): ", alert, re.M)) == 3, alert
