"""What the commands share: every failure has an exit status, colour only where it belongs, help that fits."""

from __future__ import annotations

import importlib
import io
import subprocess
import sys
from collections.abc import Iterator

import pytest

from berofos_agent import errors
from berofos_agent.commands import berofos, commandline, status
from berofos_agent.errors import BerofosError, Refused, row_of

ALL = [*berofos.SUBCOMMANDS, ""]


def descendants(kind: type[BerofosError]) -> Iterator[type[BerofosError]]:
    yield kind
    for child in kind.__subclasses__():
        yield from descendants(child)


def test_every_failure_has_an_exit_status() -> None:
    known = {kind for kind in descendants(BerofosError) if kind.__module__ == errors.__name__}
    for kind in known:
        assert row_of(kind.__new__(kind), commandline.EXIT_STATUS) != commandline.DONE
    assert set(commandline.EXIT_STATUS) <= known
    assert commandline.WRONG_ARGUMENTS not in commandline.EXIT_STATUS.values(), "argparse ends with it"


def test_a_failure_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    def fail() -> int:
        raise Refused("fos1", "password refused by 10.0.0.1")

    assert commandline.guarded("berofos status", fail) == 5
    assert (
        capsys.readouterr().err
        == "berofos status: fos1: password refused by 10.0.0.1; correct its login in bnfos.conf\n"
    )


@pytest.mark.parametrize("module", ["requests", "lxml"])
def test_a_missing_library_is_one_line(module: str, capsys: pytest.CaptureFixture[str]) -> None:
    def fail() -> int:
        raise ModuleNotFoundError(f"No module named '{module}.part'", name=f"{module}.part")

    assert commandline.guarded("berofos status", fail) == 3
    assert capsys.readouterr().err == (f"berofos status: Python module {module} is missing; install python3-{module}\n")


def test_ctrl_c_prints_no_traceback() -> None:
    def interrupt() -> int:
        raise KeyboardInterrupt

    assert commandline.guarded("berofos status", interrupt) == 130


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("stream", "environ", "painted"),
    [
        (Terminal(), {"TERM": "xterm"}, "\x1b[32m(*)\x1b[0m"),
        (Terminal(), {"TERM": "xterm", "NO_COLOR": ""}, "\x1b[32m(*)\x1b[0m"),
        (Terminal(), {"TERM": "xterm", "NO_COLOR": "1"}, "(*)"),
        (Terminal(), {"TERM": "dumb"}, "(*)"),
        (Terminal(), {}, "(*)"),
        (io.StringIO(), {"TERM": "xterm"}, "(*)"),
    ],
    ids=["terminal", "no-color-empty", "no-color", "dumb", "no-term", "pipe"],
)
def test_colour_only_on_a_terminal_that_supports_it_without_no_color(
    stream: io.StringIO, environ: dict[str, str], painted: str
) -> None:
    assert commandline.painter(stream, environ)("(*)", "green") == painted


@pytest.mark.parametrize("arguments", [(), *((name,) for name in berofos.SUBCOMMANDS if name != "simulate")])
def test_help_fits_a_terminal_has_an_example_and_loads_no_http(arguments: tuple[str, ...]) -> None:
    code = (
        "import sys; from berofos_agent.commands.berofos import main\n"
        "try: main(sys.argv[1:])\n"
        "finally: assert not {'requests', 'lxml', 'urllib3'} & set(sys.modules), 'loaded too much'"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code, *arguments, "--help"],
        env={"COLUMNS": "80"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert max(map(len, ran.stdout.splitlines())) <= 80
    assert not arguments or f"  berofos {arguments[0]} " in ran.stdout


def test_without_a_command_all_commands_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert berofos.main([]) == 2
    err = capsys.readouterr().err
    assert all(name in err for name in berofos.SUBCOMMANDS)


@pytest.mark.parametrize(("name", "row"), berofos.SUBCOMMANDS.items())
def test_berofos_config_in_the_environment_is_given_to_commands_that_take_it(
    name: str, row: berofos.Subcommand
) -> None:
    parser = importlib.import_module(row.module).parser()
    assert not row.reads_config or "--config" in parser.format_usage(), name


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["statsu"], "; did you mean status?"),
        (["provison"], "; did you mean provision?"),
        (["status", "--jsn"], "unrecognized arguments: --jsn; did you mean --json?"),
        (["switch", "--confg=x", "b"], "; did you mean --config?"),
        (["provision", "--scenario", "fallbak"], "; did you mean fallback?"),
        (["cluster-config", "--folow", "xivo"], ""),
        (["switch"], "the following arguments are required: port"),
        (["status", "--nothing-like-it"], "unrecognized arguments: --nothing-like-it"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_misspelt_word_is_refused_with_the_one_that_was_meant(
    words: list[str], line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        berofos.main(words)
    assert ended.value.code == 2
    assert line in capsys.readouterr().err.splitlines()[-1]


@pytest.mark.parametrize(
    "words",
    [
        ["--config", "", "status"],
        ["switch", "b", "--config="],
        ["doctor", "--config="],
        ["doctor", "--cib", ""],
        ["rehearse", "--cib="],
        ["metrics", "--output", ""],
        ["history", "--from", ""],
        ["report", ""],
    ],
    ids=" ".join,
)
def test_the_empty_value_of_a_variable_that_is_not_set_is_no_path(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """Else the command would do it with another file, or with the running cluster."""
    with pytest.raises(SystemExit) as ended:
        berofos.main(words)
    assert ended.value.code == 2
    assert "the path of a file expected, not ''" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("environ", "words", "config"),
    [
        ({}, ["status"], "/etc/bnfos.conf"),
        ({}, ["--config", "a", "status"], "a"),
        ({}, ["--config=a", "status", "fos1", "--config", "b"], "b"),
        ({"BEROFOS_CONFIG": "c"}, ["status"], "c"),
        ({"BEROFOS_CONFIG": "c"}, ["--config", "a", "status"], "a"),
    ],
    ids=["default", "before", "after-wins", "environment", "before-wins"],
)
def test_the_configuration_file_can_be_given_in_three_places(
    environ: dict[str, str], words: list[str], config: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = []
    monkeypatch.delenv("BEROFOS_CONFIG", raising=False)
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(commandline, "devices_of", lambda arguments: given.append(arguments.config))
    monkeypatch.setattr(status, "_show", lambda *_: 0)
    assert berofos.main(words) == 0
    assert given == [config]


@pytest.mark.parametrize("command", sorted(set(berofos.SUBCOMMANDS) - {"simulate"}))
def test_the_file_of_the_environment_goes_only_to_commands_that_read_it(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        berofos.main([command, "--help"])
    assert ("--config" in capsys.readouterr().out) == berofos.SUBCOMMANDS[command].reads_config


def test_a_simulated_device_is_never_written_to_the_file_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    given = []
    monkeypatch.setenv("BEROFOS_CONFIG", "/etc/bnfos.conf")
    monkeypatch.setattr("berofos_agent.commands.simulate.main", lambda argv: given.extend(argv) or 0)
    assert berofos.main(["simulate", "--devices", "1"]) == 0
    assert given == ["--devices", "1"]
