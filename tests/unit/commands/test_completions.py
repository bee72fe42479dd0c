"""The shell completions, which are made from the parsers."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The completions of the package, with a bnfos.conf to read names from."""
    folder = tmp_path_factory.mktemp("completions")
    maker = [sys.executable, str(ROOT / "packaging" / "completions.py"), str(folder)]
    subprocess.run(maker, env={"PYTHONPATH": str(ROOT)}, check=True)
    config = folder / "bnfos.conf"
    config.write_text("[fos1]\nhost = 10.0.0.1\n#[old]\n [lobby]\n")
    for path in folder.glob("*/*"):
        path.write_text(path.read_text().replace("/etc/bnfos.conf", str(config)))
    return folder


def offers(written: Path, *words: str) -> list[str]:
    """Return what bash offers for the last word."""
    command = words[0]
    function = "_shtab_" + command.replace("-", "_")
    script = f'source "$0"; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); {function}; printf "%s\\n" "${{COMPREPLY[@]}}"'
    ran = subprocess.run(
        ["bash", "-c", script, str(written / "bash" / command), *words], capture_output=True, text=True, check=True
    )
    return ran.stdout.split()


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        (("berofos", "s"), ["status", "switch", "simulate"]),
        (("berofos", "switch", ""), ["b", "d"]),
        (("berofos", "switch", "b", ""), ["fos1", "lobby"]),
        (("berofos", "status", "lo"), ["lobby"]),
        (("berofos", "provision", "--scenario", ""), ["fallback", "bypass"]),
        (("berofos", "provision", "--a"), ["--arm"]),
        (("xivo-berofos", ""), ["master", "slave"]),
        (("bnfos", "--sc"), ["--scan"]),
        (("bnfos", "--get", "wdogi"), ["wdogitime"]),
        (("bnfos", "--set", "wdogi"), ["wdogitime="]),
        (("bnfos", "--set", "mode"), ["mode=0", "mode=1", "modedef=0", "modedef=1"]),
        (("bnfos", "--show", "-f", ""), ["fos1", "lobby"]),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_bash_offers(written: Path, words: tuple[str, ...], offered: list[str]) -> None:
    assert offers(written, *words) == offered


def test_zsh_has_the_same_commands(written: Path) -> None:
    assert {path.name for path in (written / "zsh").iterdir()} == {"_berofos", "_xivo-berofos", "_bnfos"}
    text = (written / "zsh" / "_berofos").read_text()
    assert text.startswith("#compdef berofos\n")
    assert "show every device and where its lines go" in text
    assert ":_berofos_devices" in text
