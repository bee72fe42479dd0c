"""main(argv, environ) with a dictionary: each row of docs/answers.md that needs no cluster."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from berofos_agent.agent.main import main
from berofos_agent.simulator import Simulator

from .conftest import Cluster

Given = dict[str, str]
Step = Callable[[Simulator, Given], object]


@pytest.fixture
def given(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> Given:
    """The environment of one resource; that of this process says something else, which must not matter."""
    for name in ("config", "state", "port_b_node", "devices", "request_timeout"):
        monkeypatch.setenv(f"OCF_RESKEY_{name}", "/nonexistent")
    monkeypatch.setenv("OCF_RESKEY_CRM_meta_on_node", "somewhere")
    monkeypatch.setenv("OCF_RESOURCE_INSTANCE", "other")
    monkeypatch.setenv("HA_RSCTMP", "/nonexistent")
    monkeypatch.setenv("OCF_CHECK_LEVEL", "10")
    return {
        "HA_RSCTMP": str(cluster.folder),
        "OCF_RESOURCE_INSTANCE": "relay",
        "OCF_RESKEY_CRM_meta_on_node": "xivo-1",
        "OCF_EXIT_REASON_PREFIX": "reason:",
        **{f"OCF_RESKEY_{name}": value for name, value in cluster.parameters.items()},
    }


def started(_devices: Simulator, given: Given) -> None:
    assert main(["berofos", "start"], given) == 0


def parameter(**values: str) -> Step:
    return lambda _devices, given: given.update({f"OCF_RESKEY_{name}": value for name, value in values.items()})


def variable(name: str, value: str) -> Step:
    return lambda _devices, given: given.update({name: value})


def silent(*names: str) -> Step:
    return lambda devices, _given: [devices[name].model.fault("silent") for name in names]


def moved(*names: str) -> Step:
    return lambda devices, _given: [devices[name].model.move_by_hand("0") for name in names]


def without_config(_devices: Simulator, given: Given) -> None:
    Path(given["OCF_RESKEY_config"]).unlink()


def protected(devices: Simulator, _given: Given) -> None:
    devices["fos2"].model.write("cmd=3&apwd=secret&pwd=1")


def all_protected(devices: Simulator, _given: Given) -> None:
    for device in devices.devices:
        device.model.write("cmd=3&apwd=secret&pwd=1")


def stuck(devices: Simulator, _given: Given) -> None:
    devices["fos2"].model.move_by_hand("0")
    devices["fos2"].model.fault("stuck")


DEEP = variable("OCF_CHECK_LEVEL", "10")

ROWS = [
    ("start", [], 0, ""),
    ("start", [silent("fos2")], 0, ""),
    ("start", [silent("fos1", "fos2")], 1, "fos1: no answer"),
    ("start", [stuck], 1, "fos2: relay did not switch"),
    ("start", [protected], 0, ""),
    ("start", [all_protected], 1, "password"),
    ("start", [parameter(port_b_node="a", port_d_node="b")], 2, "node xivo-1 is neither port_b_node nor"),
    ("start", [without_config], 5, "is missing on this node"),
    ("start", [parameter(devices="fos7")], 2, "declares no [fos7]"),
    ("start", [parameter(request_timeout="abc")], 6, "must be an integer"),
    ("start", [parameter(CRM_meta_clone_max="2")], 6, "must not be cloned"),
    ("start", [parameter(state="relay.state")], 6, "must be an absolute path"),
    ("start", [parameter(CRM_meta_clone_max="9" * 5000)], 0, ""),
    ("stop", [], 0, ""),
    ("stop", [started], 0, ""),
    ("stop", [started, without_config], 0, ""),
    ("stop", [started, parameter(request_timeout="abc")], 0, ""),
    ("monitor", [], 7, ""),
    ("monitor", [without_config, parameter(scenario="both")], 7, ""),
    ("monitor", [started], 0, ""),
    ("monitor", [started, moved("fos1", "fos2")], 7, "fos1, fos2: relay is in position A-D, expected A-B"),
    ("monitor", [started, moved("fos2")], 1, "fos2: relay is in position A-D, expected A-B"),
    ("monitor", [started, silent("fos2")], 190, "fos2: no answer"),
    ("monitor", [started, protected], 190, "fos2: "),
    ("monitor", [started, silent("fos1", "fos2")], 190, "fos1: no answer"),
    ("monitor", [started, silent("fos1", "fos2"), parameter(unreachable_grace="0")], 1, "check power and network"),
    ("monitor", [started, parameter(scenario="both")], 6, "must be fallback or bypass"),
    ("monitor", [started, parameter(scenario="bypass")], 0, ""),
    ("monitor", [started, DEEP], 0, ""),
    ("monitor", [started, DEEP, parameter(scenario="bypass")], 190, "scenario=0, expected 1"),
    ("monitor", [started, variable("OCF_CHECK_LEVEL", "9" * 5000), parameter(scenario="bypass")], 0, ""),
    ("validate-all", [without_config], 0, ""),
    ("validate-all", [parameter(port_b_node="")], 6, "port_b_node is required"),
    ("validate-all", [DEEP], 0, ""),
    ("validate-all", [DEEP, without_config], 5, "is missing on this node"),
    ("validate-all", [DEEP, silent("fos1")], 1, "fos1: no answer"),
    ("validate-all", [DEEP, protected], 4, "password"),
    ("reload-agent", [started], 0, ""),
    ("reload-agent", [started, parameter(request_timeout="abc")], 0, ""),
    ("promote", [], 3, ""),
]


@pytest.mark.parametrize(
    ("action", "steps", "code", "reason"),
    [pytest.param(*row, id=f"{n}-{row[0]}-{row[2]}") for n, row in enumerate(ROWS)],
)
def test_row(
    devices: Simulator,
    given: Given,
    capfd: pytest.CaptureFixture[str],
    action: str,
    steps: list[Step],
    code: int,
    reason: str,
) -> None:
    for step in steps:
        step(devices, given)
    capfd.readouterr()
    assert main(["berofos", action], given) == code
    printed = capfd.readouterr()
    reasons = [line for line in printed.err.splitlines() if line.startswith("reason:")]
    assert printed.out == ""
    assert len(reasons) == bool(reason), printed.err
    assert not reason or reason in reasons[0]


@pytest.mark.parametrize("action", ["meta-data", "usage", "help", "methods"])
def test_texts(action: str, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["berofos", action], {}) == 0
    assert capfd.readouterr().out


def test_what_a_start_left_a_stop_with_another_environment_does_not_find(devices: Simulator, given: Given) -> None:
    started(devices, given)
    assert main(["berofos", "stop"], {**given, "OCF_RESOURCE_INSTANCE": "another"}) == 0
    assert main(["berofos", "monitor"], given) == 0
    assert main(["berofos", "stop"], given) == 0
    assert main(["berofos", "monitor"], given) == 7
