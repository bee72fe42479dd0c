"""ocf/berofos while the Python package is missing: a probe bans no node, a stop succeeds, no foreign file goes."""

from __future__ import annotations

import os
import shutil
import subprocess
import threading
from pathlib import Path

import pytest

from berofos_agent.agent import statepath

from .conftest import AGENT

CHECKOUT = Path(__file__).parents[2]

BEGIN, END = "begin\n", "# --- the same in"

STATES = {
    "default": "",
    "absolute": "{0}/relay.state",
    "relative": "relay.state",
    "bnfos-conf": "{0}/bnfos.conf",
    "two-slashes": "{0}//bnfos.conf",
    "dot": "{0}/./bnfos.conf",
    "dot-dot": "{0}/run/../bnfos.conf",
    "symbolic-link": "{0}/link",
    "hard-link": "{0}/hard",
    "folder": "{0}/run",
    "foreign": "{0}/foreign",
}


@pytest.fixture
def script(tmp_path: Path) -> Path:
    """The agent's script alone, as after the package was removed by hand."""
    copy = tmp_path / "alone" / "berofos"
    copy.parent.mkdir()
    shutil.copy(AGENT, copy)
    return copy


def environ(folder: Path, state: str, instance: str = "relay") -> dict[str, str]:
    (folder / "run").mkdir(exist_ok=True)
    (folder / "bnfos.conf").write_text("[fos1]\nhost = 127.0.0.1\n")
    (folder / "foreign").write_text("precious\n")
    for name, make in (("link", os.symlink), ("hard", os.link)):
        (folder / name).unlink(missing_ok=True)
        make(folder / "bnfos.conf", folder / name)
    given = {
        "HA_RSCTMP": str(folder / "run"),
        "OCF_RESOURCE_INSTANCE": instance,
        "OCF_RESKEY_config": str(folder / "bnfos.conf"),
        "OCF_RESKEY_state": STATES[state].format(folder),
    }
    return {name: value for name, value in given.items() if value}


def call(script: Path, action: str, given: dict[str, str], folder: Path) -> subprocess.CompletedProcess[str]:
    command = ["/usr/bin/python3", "-IS", script, action]
    return subprocess.run(command, env=given, cwd=folder, capture_output=True, text=True, check=False)


def shared(text: str) -> str:
    return text.split(BEGIN, 1)[1].split(END, 1)[0].strip()


def test_the_script_contains_the_packages_own_code() -> None:
    assert shared(AGENT.read_text()) == shared(Path(statepath.__file__).read_text())
    assert "def remove(" in shared(AGENT.read_text())


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize(
    ("action", "started", "not_started"),
    [
        ("start", 5, 5),
        ("monitor", 5, 7),
        ("stop", 0, 0),
        ("reload-agent", 5, 5),
        ("validate-all", 5, 5),
        ("meta-data", 5, 5),
        ("dance", 5, 5),
    ],
)
def test_every_action_has_an_exit_code_and_touches_nothing_foreign(
    script: Path, tmp_path: Path, state: str, action: str, started: int, not_started: int
) -> None:
    given = environ(tmp_path, state)
    before = {name: (tmp_path / name).read_text() for name in ("bnfos.conf", "foreign", "hard", "link")}
    done = call(script, action, given, tmp_path)
    assert done.returncode == not_started, done
    path = Path(statepath.path_of(given))
    if state not in ("folder", "foreign"):
        path.write_bytes(statepath.MARKER)
        done = call(script, action, given, tmp_path)
        assert done.returncode == started, done
        assert path.exists() == (action != "stop")
    assert {name: (tmp_path / name).read_text() for name in before} == before
    assert (tmp_path / "run").is_dir()
    assert "Traceback" not in done.stderr
    assert len(done.stderr.encode()) < 250


@pytest.mark.parametrize("instance", ["relay", "a/b", "../up", "r\udcff", "x" * 300])
@pytest.mark.parametrize("state", ["default", "absolute", "two-slashes"])
def test_a_stop_takes_the_same_path_as_the_package(script: Path, tmp_path: Path, state: str, instance: str) -> None:
    given = environ(tmp_path, state, instance)
    path = Path(statepath.path_of(given))
    if len(path.name) < 250:
        path.write_bytes(statepath.MARKER)
    assert call(script, "monitor", given, tmp_path).returncode == (
        5 if len(path.name) < 250 or state == "absolute" else 7
    )
    assert call(script, "stop", given, tmp_path).returncode == 0
    assert not os.path.lexists(path)
    assert call(script, "monitor", given, tmp_path).returncode == 7


def test_in_the_middle_of_an_upgrade_it_starts_anew_until_all_folders_are_there(tmp_path: Path) -> None:
    """dpkg replaces folder by folder, on a slow disk for longer than the first one counts as new."""
    package = tmp_path / "berofos_agent"
    shutil.copytree(CHECKOUT / "berofos_agent", package, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(AGENT.parent, tmp_path / "ocf")
    module = package / "agent" / "invocation.py"
    whole = module.read_text()
    module.write_text("from berofos_agent.agent.statepath import of_another_version\n")
    for folder in (package, *(one for one in package.iterdir() if one.is_dir())):
        os.utime(folder, (0, 0))
    os.utime(package / "agent")
    repaired = threading.Timer(1.0, lambda: (package / "new").write_text(whole) and (package / "new").rename(module))
    repaired.start()
    command = ["/usr/bin/python3", "-B", tmp_path / "ocf" / "berofos", "monitor"]
    given = {"HA_RSCTMP": str(tmp_path), "OCF_RESKEY_port_b_node": "xivo-1", "OCF_RESKEY_config": "/nowhere/bnfos.conf"}
    given["OCF_RESKEY_CRM_meta_on_node"] = "xivo-1"
    (tmp_path / "berofos-default.state").write_text("{}")
    done = subprocess.run(command, env=given, capture_output=True, text=True, check=False)
    repaired.join()
    assert "not usable" not in done.stderr, "the new package was waited for"
    assert "/nowhere/bnfos.conf is missing on this node" in done.stderr
