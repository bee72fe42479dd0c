"""berofos cluster-config: what it prints; tests/root runs it with the real tools."""

from __future__ import annotations

from pathlib import Path

import pytest

from berofos_agent.commands.berofos import main
from berofos_agent.commands.cluster_config import installed_tool


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "bnfos.conf"
    path.write_text("[fos1]\nhost = 10.34.1.20\n[fos2]\nhost = 10.34.1.21\n")
    return path


def printed(capsys: pytest.CaptureFixture[str], config: Path, *arguments: str) -> str:
    argv = ["cluster-config", "--follow", "xivo", "--port-b", "xivo-1", "--config", str(config), *arguments]
    assert main(argv) == 0
    return capsys.readouterr().out


@pytest.mark.parametrize("tool", ["--crm", "--pcs", "--xml"])
def test_two_nodes_share_one_resource(capsys: pytest.CaptureFixture[str], config: Path, tool: str) -> None:
    text = printed(capsys, config, tool, "--port-d", "xivo-2")
    for name in ("critical", "failure-timeout", "migration-threshold", "on-fail", "OCF_CHECK_LEVEL", "port_d_node"):
        assert name in text
    assert "devices" not in text
    assert "scenario" not in text


@pytest.mark.parametrize("tool", ["--crm", "--pcs", "--xml"])
def test_in_front_of_a_pbx_each_device_has_a_resource(
    capsys: pytest.CaptureFixture[str], config: Path, tool: str
) -> None:
    text = printed(capsys, config, tool)
    for device in ("fos1", "fos2"):
        assert f"relay-{device}-with-xivo" in text or f"colocation add relay-{device} with xivo" in text
    assert "bypass" in text
    assert "port_d_node" not in text


def test_the_relay_is_colocated_with_telephony_and_not_the_reverse(
    capsys: pytest.CaptureFixture[str], config: Path
) -> None:
    assert "\ncolocation isdn-with-xivo inf: isdn xivo\n" in printed(
        capsys, config, "--crm", "--port-d", "xivo-2", "--name", "isdn"
    )


@pytest.mark.parametrize(
    ("installed", "tool"), [({"crm"}, "crm"), ({"pcs"}, "pcs"), ({"crm", "pcs"}, "pcs"), (set(), "xml")]
)
def test_the_default_output_is_for_the_installed_tool(installed: set[str], tool: str) -> None:
    assert installed_tool(lambda name: name if name in installed else None) == tool


@pytest.mark.parametrize(
    "arguments",
    [
        ["--port-d", "xivo 2"],
        ["--port-d", "xivo-2;reboot"],
        ["--name", "1relay"],
        ["--name", "re'lay"],
        ["--config", "/etc/$(reboot)"],
        ["--config", "bnfos.conf"],
    ],
)
def test_names_with_a_special_meaning_in_a_shell_are_refused(
    capsys: pytest.CaptureFixture[str], config: Path, arguments: list[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        printed(capsys, config, *arguments)
    assert ended.value.code == 2
    assert "is not allowed here" in capsys.readouterr().err


def test_one_node_at_both_ports_is_refused(capsys: pytest.CaptureFixture[str], config: Path) -> None:
    argv = ["cluster-config", "--follow", "xivo", "--port-b", "xivo-1", "--port-d", "XIVO-1", "--config", str(config)]
    assert main(argv) != 0
    assert "name the same node" in capsys.readouterr().err
