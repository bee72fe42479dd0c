"""What scripts rely on in the vendor's and in XiVO's client: a test a line of that list."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Callable

import pytest

from berofos_agent import simulator
from berofos_agent.commands import xivo_berofos
from berofos_agent.commands.bnfos import main
from berofos_agent.device.settings import SETTINGS
from berofos_agent.simulator import Simulator

from .bnfos_calls import Bnfos, bnfos_for


@pytest.fixture
def devices() -> Iterator[Simulator]:
    with simulator.running(2) as devices:
        yield devices


@pytest.fixture
def bnfos(devices: Simulator, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Bnfos:
    return bnfos_for(devices, tmp_path, capsys)


@pytest.mark.parametrize("on", ["1", "yes", "y", "true", "YES", "True", "Y"])
@pytest.mark.parametrize("off", ["0", "no", "n", "false", "NO", "False", "N"])
def test_flags_are_words_in_any_case(devices: Simulator, bnfos: Bnfos, on: str, off: str) -> None:
    assert bnfos(f"--set mode={on} -f fos1").status == 0
    assert devices["fos1"].model.mode == "1"
    assert bnfos(f"--set mode={off} -f fos1").status == 0
    assert devices["fos1"].model.mode == "0"


@pytest.mark.parametrize("keyword", [one.keyword for one in SETTINGS.values() if one.is_stored_flag])
def test_every_stored_flag_takes_yes(devices: Simulator, bnfos: Bnfos, keyword: str) -> None:
    bnfos(f"--set {keyword}=yes -f fos1")
    assert devices["fos1"].model.values()[keyword] == "1"


@pytest.mark.parametrize(
    ("call", "full"),
    [
        ("--sh -f fos1", "--show -f fos1"),
        ("--ge mode -f fos1", "--get mode -f fos1"),
        ("--ge=mode -f fos1", "--get mode -f fos1"),
        ("--ss", "--sscan"),
    ],
)
def test_long_options_may_be_shortened(bnfos: Bnfos, call: str, full: str) -> None:
    assert bnfos(call) == bnfos(full)
    assert bnfos(call).status == 0


@pytest.mark.parametrize("call", ["--pi -f fos1", "--ki -f fos1"])
def test_ping_and_kick_may_be_shortened(bnfos: Bnfos, call: str) -> None:
    assert bnfos(call).status == 0


@pytest.mark.parametrize("call", ["--f /nowhere -f fos1", "--f=/nowhere -f fos1"])
def test_flash_may_be_shortened_as_far_as_before_there_was_force(bnfos: Bnfos, call: str) -> None:
    assert bnfos(call).err == bnfos("--flash /nowhere -f fos1").err != ""
    assert "--force does not go with --get" in bnfos("--fo --get mode -f fos1").err


def test_a_shortened_option_that_is_ambiguous_is_refused(bnfos: Bnfos) -> None:
    ran = bnfos("--s -f fos1")
    assert ran.status == 2
    assert "ambiguous option: --s could match --scan, --sscan, --set, --show" in ran.err


@pytest.mark.parametrize(
    "call", ["--get mode -f fos1 left over", "left --get mode over -f fos1", "--get mode -f fos1 0"]
)
def test_words_left_over_are_ignored(bnfos: Bnfos, call: str) -> None:
    assert bnfos(call).out == "mode = 0\n"


def test_an_unknown_option_is_not_ignored(bnfos: Bnfos) -> None:
    assert bnfos("--get mode -f fos1 -z").status == 2


def test_time_limit_and_pause_of_0_are_taken(bnfos: Bnfos) -> None:
    assert bnfos("--get mode -f fos1 -t 0 -w 0").out == "mode = 0\n"


def test_called_alone_it_prints_its_usage(capsys: pytest.CaptureFixture[str]) -> None:
    assert main.main([]) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.startswith("usage: bnfos MODE")
    assert "--sscan" in told.err


def test_sscan_prints_the_mac_in_lower_case(bnfos: Bnfos) -> None:
    assert bnfos("--sscan").out.startswith("00:19:32:00:12:1d;127.0.0.1;")


@pytest.mark.parametrize(
    ("call", "words"),
    [
        ("--set mode=1 -f fos1", "Setting mode succeeded!"),
        ("--set apwd=secret -f fos1", "Setting apwd succeeded!"),
        ("--set smtptest -f fos1", "Setting smtptest succeeded!"),
        ("--ping -f fos1", "Ping succeeded!"),
        ("--kick -f fos1", "Kick succeeded!"),
    ],
)
def test_it_says_succeeded(bnfos: Bnfos, call: str, words: str) -> None:
    ran = bnfos(call)
    assert ran.status == 0
    assert words in ran.err


def test_it_does_not_say_succeeded_when_it_failed(devices: Simulator, bnfos: Bnfos) -> None:
    devices["fos1"].model.fault("stuck")
    assert "succeeded" not in bnfos("--set mode=1 -f fos1").err
    devices["fos1"].model.fault("silent")
    for call in ("--ping", "--kick", "--set modedef=1"):
        assert "succeeded" not in bnfos(f"{call} -f fos1 -t 0.2").err


@pytest.mark.parametrize("pair", ["hostname=", "hostname=a_b", "apwd="])
def test_host_name_and_password_may_be_emptied_and_hold_an_underscore(
    devices: Simulator, bnfos: Bnfos, pair: str
) -> None:
    keyword, _, value = pair.partition("=")
    devices["fos1"].model.write("cmd=3&dn=before&apwd=before")
    assert bnfos(f"--set {pair} -f fos1").status == 0
    assert devices["fos1"].model.dump()["settings"][keyword] == value


def test_a_mistake_further_down_does_not_matter(bnfos: Bnfos) -> None:
    bnfos.write(f"{bnfos.text()}\n[fos:]\nmac = nonsense\nwhatever\n")
    assert bnfos("--get mode -f fos1").out == "mode = 0\n"


def test_comments_and_text_behind_a_value_are_taken(devices: Simulator, bnfos: Bnfos) -> None:
    host, port = devices["fos1"].http_address
    bnfos.write(
        f"[fos1] # rack\nmac = 00:19:32:00:12:1D left of the door\nhost = {host} ; office\nport = {port} # http\n"
    )
    assert bnfos("--get mode -f fos1").out == "mode = 0\n"
    assert bnfos("--ping -f fos1").status == 0


# --- xivo-berofos ----------------------------------------------------------------------------------------------

Run = Callable[..., "tuple[int, str, str]"]


@pytest.fixture
def run(bnfos: Bnfos, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setattr("berofos_agent.systemlog.tell", lambda *_: None)

    def run(*arguments: str) -> tuple[int, str, str]:
        capsys.readouterr()
        status = xivo_berofos.main([f"--config={bnfos.config}", *arguments])
        told = capsys.readouterr()
        return status, told.out, told.err

    return run


def test_xivo_berofos_prints_a_line_a_device_on_standard_error_moved_or_not(devices: Simulator, run: Run) -> None:
    devices["fos1"].model.move_by_hand("1")
    status, out, err = run("master")
    assert (status, out) == (0, "")
    first, second = err.splitlines()
    assert first == "fos1: already in position A-B"
    assert second.startswith("fos2: switched from A-D to A-B")


def test_xivo_berofos_is_silent_when_told_to_be_quiet(run: Run) -> None:
    assert run("-q", "master") == (0, "", "")


def test_a_section_without_an_address_is_left_out_and_xivo_berofos_switches_the_others(
    devices: Simulator, bnfos: Bnfos, run: Run
) -> None:
    bnfos.write(f"{bnfos.text()}\n[fos3]\nmac = 00:19:32:00:12:1F\n;host = 0.0.0.0\n")
    status, _out, err = run("master")
    assert [device.model.mode for device in devices] == ["1", "1"]
    assert status == 3
    assert "[fos3] has no host" in err


def test_xivo_berofos_with_an_empty_bnfos_conf_says_so_and_succeeds(bnfos: Bnfos, run: Run) -> None:
    bnfos.write("# none yet\n")
    status, out, err = run("master")
    assert (status, out) == (0, "")
    assert "declares no device" in err
