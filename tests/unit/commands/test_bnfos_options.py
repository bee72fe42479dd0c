"""What `bnfos` may be called with; a wrong combination is refused by name, and the manual says what the table says."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from berofos_agent.commands.bnfos import main
from berofos_agent.commands.bnfos.options import MODES, OPTIONS, Mode, conflicts, parse

CHECKOUT = Path(__file__).parents[3]
VALUES = {
    "m": "00:19:32:00:12:1D",
    "h": "10.34.1.50",
    "i": "10.34.1.20",
    "n": "255.255.255.0",
    "g": "10.34.1.1",
    "e": "0",
    "d": "0",
    "a": "1",
    "p": "80",
    "u": "admin:foobar",
    "w": "5",
    "t": "3",
    "f": "fos1",
}
ARGUMENTS = {"flash": "image.bin", "set": "mode=1", "get": "mode"}


def call(mode: str, letters: str) -> list[str]:
    """Return a call with these options."""
    words = [f"--{mode}", ARGUMENTS[mode]] if mode in ARGUMENTS else [f"--{mode}"]
    for letter in letters:
        words += [f"-{letter}", VALUES[letter]] if letter in VALUES else [f"-{letter}"]
    return words


def refusal(words: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    """Return the line with which a call is refused."""
    with pytest.raises(SystemExit) as ended:
        parse(words)
    assert ended.value.code == 2
    return capsys.readouterr().err.splitlines()[-1]


def test_all_options_of_the_vendor_are_there() -> None:
    assert "".join(sorted(OPTIONS)) == "abcdefghimnpstuwx"
    assert set(VALUES) == {letter for letter, option in OPTIONS.items() if option.metavar}


@pytest.mark.parametrize("mode", MODES.values(), ids=lambda mode: mode.name)
def test_everything_the_table_allows_is_taken_together(mode: Mode) -> None:
    arguments = parse(call(mode.name, mode.allows))
    assert arguments.mode == mode.name


@pytest.mark.parametrize(
    ("mode", "letter"),
    [
        pytest.param(mode, letter, id=f"{mode.name}-{letter}")
        for mode in MODES.values()
        for letter in OPTIONS
        if letter not in mode.allows
    ],
)
def test_option_of_another_mode_is_refused_by_name(mode: Mode, letter: str, capsys: pytest.CaptureFixture[str]) -> None:
    needed = mode.needs.split()[-1:]
    line = refusal(call(mode.name, "".join(needed) + letter), capsys)
    assert f"-{letter} does not go with --{mode.name}; it goes with --" in line


@pytest.mark.parametrize("mode", [mode for mode in MODES.values() if mode.needs], ids=lambda mode: mode.name)
def test_missing_device_is_refused_by_name(mode: Mode, capsys: pytest.CaptureFixture[str]) -> None:
    line = refusal(call(mode.name, ""), capsys)
    assert f"--{mode.name} needs " in line
    assert "-f NAME" in line


def test_flash_by_mac_needs_the_host_too() -> None:
    assert conflicts(MODES["flash"], {"m"}) == ["--flash needs -m MAC and -h HOST, or -f NAME"]
    assert conflicts(MODES["flash"], {"m", "h"}) == []


def test_words_behind_two_dashes_are_left_over_as_for_the_vendors_client() -> None:
    arguments = parse(["--get", "mode", "-f", "fos1", "--", "extra", "-set", "--show"])
    assert (arguments.mode, arguments.argument, arguments.f) == ("get", "mode", "fos1")


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["-f", "fos1"], "no mode given"),
        (["--ping", "--kick", "-f", "fos1"], "argument --kick: not allowed with argument --ping"),
        (["--ping", "-f", "fos1", "-f", "fos2"], "-f is given twice"),
        (["--ping", "-f", "fos1", "-t", "soon"], "must be a number of seconds from 0 to 600, not 'soon'"),
        (["--ping", "-f", "fos1", "-t", "nan"], "a number of seconds"),
        (["--ping", "-m", "00:19:32"], "not a MAC address"),
        (["--ping", "-h", "a b"], "not a host name"),
        (["--get", "mode", "-f", ""], "the name of a section such as fos1 expected, not ''"),
        (["--get", "mode", "-f", "fos1", "--config", ""], "argument --config: the path of a file expected, not ''"),
        (["--flash", "", "-f", "fos1"], "argument --flash: the path of a file expected, not ''"),
        (["--scan", "--interface="], "argument --interface: the name of an interface such as eth0 expected, not ''"),
        (["--get", "nothing", "-f", "fos1"], "unknown setting 'nothing'; known are scenario, mode"),
        (["--scn"], "unrecognized arguments: --scn; did you mean --scan?"),
        (["-scan"], "a mode has two dashes: --scan"),
        (["-set", "mode=1", "-f", "fos1"], "a mode has two dashes: --set"),
    ],
)
def test_nonsense_is_refused_in_one_line(words: list[str], line: str, capsys: pytest.CaptureFixture[str]) -> None:
    refused = refusal(words, capsys)
    assert line in refused
    assert refused.count("did you mean") <= 1


def test_refused_login_is_not_repeated(capsys: pytest.CaptureFixture[str]) -> None:
    assert "s3cret" not in refusal(["--show", "-f", "fos1", "-u", "s3cret"], capsys)


def test_help_fits_a_terminal(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    with pytest.raises(SystemExit):
        parse(["--help"])
    shown = capsys.readouterr().out.splitlines()
    assert max(map(len, shown)) < 80
    assert any("-h HOST" in line for line in shown)


@pytest.mark.parametrize("switch", ["-s", "-t 1"])
def test_only_s_moves_the_talk_to_syslog(
    switch: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    logged: list[str] = []
    monkeypatch.setattr("berofos_agent.systemlog.tell", lambda _priority, line: logged.append(line))
    words = ["--kick", "-f", "fos1", *switch.split(), "--config", str(tmp_path / "missing")]
    assert main.main(words) == 1
    err = capsys.readouterr().err
    assert ("is missing on this node" in err) == (switch != "-s")
    assert any("is missing on this node" in line for line in logged) == (switch == "-s")


def test_nothing_but_set_get_and_show_needs_requests() -> None:
    code = (
        "import sys; sys.modules.update(dict.fromkeys(['requests', 'urllib3', 'lxml', 'tqdm']))\n"
        "from berofos_agent.commands.bnfos import main, lan, flash, kick\n"
        "main.main(['--help'])"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=CHECKOUT, stdout=subprocess.DEVNULL)
