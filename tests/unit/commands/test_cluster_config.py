"""berofos cluster-config: what it prints; tests/root runs it with the real tools."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from berofos_agent.commands.berofos import main
from berofos_agent.commands.cluster_config import installed_tool

CIBS = Path(__file__).parents[2] / "data" / "cib"


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


@pytest.mark.parametrize(
    "fails", ["cluster cib", "resource create", "constraint colocation", "cluster cib-push", "none"]
)
def test_pcs_commands_leave_no_copy_of_the_cib_whichever_of_them_fails(
    capsys: pytest.CaptureFixture[str], config: Path, tmp_path: Path, fails: str
) -> None:
    for folder in ("bin", "temporary"):
        (tmp_path / folder).mkdir()
    pcs = tmp_path / "bin" / "pcs"
    pcs.write_text(f'#!/bin/sh\ncase " $* " in *" {fails} "*) exit 1;; esac\necho "<cib/>"\n')
    pcs.chmod(0o755)
    environ = {"PATH": f"{pcs.parent}:{os.environ['PATH']}", "TMPDIR": str(tmp_path / "temporary")}
    script = printed(capsys, config, "--pcs", "--port-d", "xivo-2")
    ran = subprocess.run(["sh"], input=script, env=environ, capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stderr) == (int(fails != "none"), "")
    assert not list((tmp_path / "temporary").iterdir())


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


def with_cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cib: str) -> None:
    """A cibadmin that prints a configuration of tests/data/cib."""
    program = tmp_path / "bin" / "cibadmin"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\ncat {CIBS / cib}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}{os.environ['PATH']}")


ROLE = {"--crm": "inf: relay db-clone:Promoted", "--pcs": "with Promoted db-clone", "--xml": 'with-rsc-role="Promoted"'}


@pytest.mark.parametrize("tool", ROLE)
@pytest.mark.parametrize("follow", ["db-clone", "db"])
def test_of_a_promotable_clone_the_relay_follows_the_promoted_instance(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    config: Path,
    tmp_path: Path,
    tool: str,
    follow: str,
) -> None:
    with_cluster(tmp_path, monkeypatch, "good-promotable.xml")
    assert ROLE[tool] in printed(capsys, config, tool, "--port-d", "xivo-2", "--follow", follow)


@pytest.mark.parametrize("tool", ROLE)
def test_without_a_cluster_the_role_is_told(capsys: pytest.CaptureFixture[str], config: Path, tool: str) -> None:
    arguments = [tool, "--port-d", "xivo-2", "--follow", "db-clone", "--role", "Promoted"]
    assert ROLE[tool] in printed(capsys, config, *arguments)


def test_a_misspelt_telephony_resource_is_refused_with_the_nearest_name(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, config: Path, tmp_path: Path
) -> None:
    with_cluster(tmp_path, monkeypatch, "good-crm.xml")
    argv = ["cluster-config", "--follow", "xvio", "--port-b", "xivo-1", "--config", str(config)]
    assert main(argv) == 3
    assert capsys.readouterr() == (
        "",
        "berofos cluster-config: --follow xvio: the cluster has no such resource; did you mean xivo?\n",
    )


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--port-b", "xivo1"], "--port-b xivo1: the cluster has no such node; did you mean xivo-1?"),
        (
            ["--port-b", "xivo-1", "--port-d", "pbx"],
            "--port-d pbx: the cluster has no such node; it has xivo-1, xivo-2",
        ),
    ],
)
def test_a_misspelt_node_is_refused_with_the_nearest_name(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    config: Path,
    tmp_path: Path,
    arguments: list[str],
    words: str,
) -> None:
    with_cluster(tmp_path, monkeypatch, "good-crm.xml")
    assert main(["cluster-config", "--follow", "xivo", *arguments, "--config", str(config)]) == 3
    assert capsys.readouterr() == ("", f"berofos cluster-config: {words}\n")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--port-b", "xivo-1"], "--follow is required; this cluster has the resources xivo"),
        (["--follow", "xivo"], "--port-b is required; this cluster has the nodes xivo-1, xivo-2"),
    ],
)
def test_a_missing_argument_is_named_with_what_the_cluster_offers(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    config: Path,
    tmp_path: Path,
    arguments: list[str],
    words: str,
) -> None:
    with_cluster(tmp_path, monkeypatch, "good-crm.xml")
    with pytest.raises(SystemExit) as ended:
        main(["cluster-config", *arguments, "--config", str(config)])
    assert ended.value.code == 2
    assert capsys.readouterr().err.endswith(f"{words}\n")


@pytest.mark.parametrize("tool", ["--crm", "--pcs", "--xml"])
def test_a_section_with_a_mistake_gets_no_resource_and_nothing_of_it_reaches_the_shell(
    capsys: pytest.CaptureFixture[str], config: Path, tool: str
) -> None:
    config.write_text(f"host = 10.0.0.9\n{config.read_text()}\n[fos1]\n[a;reboot]\nhost = 10.0.0.8\n")
    status = main(["cluster-config", tool, "--follow", "xivo", "--port-b", "xivo-1", "--config", str(config)])
    ran = capsys.readouterr()
    assert status == 3
    assert "relay-fos1" in ran.out
    assert not any(word in ran.out for word in ("reboot", "(line", "(no section)"))
    assert all(word in ran.err for word in ("reboot", "is declared twice", "stands before the first"))
