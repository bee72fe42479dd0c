"""What the commands share: arguments, exit statuses, colour, syslog.

The device layer is imported after the arguments are parsed: importing requests takes longer than reporting a wrong
argument.
"""

from __future__ import annotations

import argparse
import contextlib
import difflib
import os
import pwd
import re
import select
import signal
import sys
import syslog
import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Callable, NoReturn, TextIO, TypeVar

from berofos_agent import systemlog
from berofos_agent.commands.picture import Paint, plain
from berofos_agent.config import bnfosconf
from berofos_agent.device.settings import REQUEST_SECONDS
from berofos_agent.errors import (
    BerofosError,
    ConfigurationError,
    DeviceError,
    DidNotFollow,
    NotABerofos,
    Refused,
    SectionError,
    Unreachable,
    UnusableAnswer,
    missing_module,
    row_of,
)

if TYPE_CHECKING:
    from berofos_agent.device.device import Device, Switched

T = TypeVar("T")

DONE, FAILED, WRONG_ARGUMENTS, INTERRUPTED = 0, 1, 2, 130

EXIT_STATUS: Mapping[type[BerofosError], int] = {
    BerofosError: FAILED,
    ConfigurationError: 3,
    SectionError: 3,
    Unreachable: 4,
    Refused: 5,
    NotABerofos: 6,
    UnusableAnswer: 7,
    DidNotFollow: 8,
}
"""The exit status of a command, by the first error: the row of its class, else of its nearest base; see berofos(8)."""

HELP_COLUMNS = 80
"""The width of a help text; the examples have it too."""
NARROW_COLUMNS = 60
"""Below this width, a table becomes one block of lines for each row."""

_COLOURS = {"green": "32", "red": "31", "yellow": "33"}


def guarded(prog: str, work: Callable[[], int]) -> int:
    """Run a command's work and return its exit status; an error of this package is one line, not a traceback."""

    def to_its_end() -> int:
        try:
            return work()
        except BerofosError as exc:
            complain(prog, exc)
            return row_of(exc, EXIT_STATUS)
        except ImportError as exc:
            complain(prog, missing_module(exc))
            return EXIT_STATUS[ConfigurationError]
        except KeyboardInterrupt:
            if sys.stderr.isatty():
                print(file=sys.stderr)  # so that the shell's prompt starts on a new line
            return INTERRUPTED

    return with_output(prog, to_its_end)


def with_output(prog: str, work: Callable[[], int]) -> int:
    """Run a command's work and print all of it; an output that is closed or full is one line and FAILED.

    A reader that has gone, as in `berofos status | head -1`, is no line at all.
    """
    open_streams()
    _lost.clear()
    try:
        try:
            status = work()
        finally:
            sys.stdout.flush()  # also behind the --help of argparse, which exits
        if _lost:
            raise _lost.pop(0)
        return status
    except BrokenPipeError:
        abandon_output()
    except OSError as exc:
        if exc.filename is not None:
            raise
        abandon_output()
        complain(prog, f"standard output: {exc.strerror}")
    return FAILED


@contextlib.contextmanager
def uninterrupted() -> Iterator[None]:
    """Let Ctrl-C, a lost terminal and kill wait until what is being written is done, said and logged: some seconds."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM, signal.SIGHUP})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def open_streams() -> None:
    """Open what is closed: Python would print to nowhere, or what goes to standard error to standard output.

    Standard input comes first: the next file opened gets the lowest number that is free.
    """
    if sys.stdin is None:
        sys.stdin = open(os.devnull, encoding="utf-8")  # noqa: SIM115
    if sys.stdout is None:
        sys.stdout = open(os.open(os.devnull, os.O_RDONLY), "w", encoding="utf-8")  # noqa: SIM115 - no write succeeds
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115


def abandon_output() -> None:
    """Let standard output lead nowhere from now on, as nobody reads it any more."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


_lost: list[OSError] = []
"""Why output was lost when a problem was printed: the problem comes first, and the work goes on."""


def complain(prog: str, problem: object) -> None:
    """Print a problem to standard error, after all output so far."""
    try:
        sys.stdout.flush()
    except OSError as exc:
        _lost.append(exc)
        abandon_output()
    print_error(f"{prog}: {problem}")


def print_error(line: str, waits: bool = True) -> bool:
    """Print a line to standard error; if that fails, let it lead nowhere from now on, and return False.

    Unless it waits for its reader, a pipe that is full is a failure.
    """
    try:
        if not waits and not select.select([], [sys.stderr], [], 0)[1]:
            raise BlockingIOError
        print(line, file=sys.stderr, flush=True)
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stderr.fileno())
        return False
    return True


def complain_of(prog: str, errors: Iterable[DeviceError | None]) -> int:
    """Print each error and return the exit status of the first; DONE if there is none."""
    met = [error for error in errors if error]
    for error in met:
        complain(prog, error)
    return row_of(met[0], EXIT_STATUS) if met else DONE


def confirmed(prog: str, question: str) -> bool:
    """Ask on the terminal and return whether the answer is yes; without a terminal, say that --yes is required."""
    if not sys.stdin.isatty():
        complain(prog, "nothing done: standard input is not a terminal, so --yes is required")
        return False
    print(f"{question} [y/N] ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip().lower() in ("y", "yes")


@contextlib.contextmanager
def reading_password() -> Iterator[None]:
    """Raise BerofosError in one line, not EOFError or UnicodeError, where a password is read."""
    try:
        yield
    except (EOFError, UnicodeError) as exc:
        if sys.stdin.isatty() and sys.stderr.isatty():
            print(file=sys.stderr)  # the prompt is still there, as nothing that is typed is shown
        if isinstance(exc, EOFError):
            raise BerofosError("no password given; nothing changed, try again") from None
        raise BerofosError(
            "the password is not UTF-8; nothing changed; set the terminal to UTF-8, or use ASCII characters only"
        ) from None


# --- arguments -------------------------------------------------------------------------------------------------


class Parser(argparse.ArgumentParser):
    """A parser that suggests what was probably meant when it refuses a word."""

    def __init__(self, **given: Any) -> None:
        super().__init__(formatter_class=argparse.RawDescriptionHelpFormatter, **given)

    def print_help(self, file: Any = None) -> None:
        """Print the help; raise OSError if it cannot be, which argparse keeps to itself from Python 3.11.7 on."""
        (file or sys.stdout).write(self.format_help())

    def error(self, message: str) -> NoReturn:
        """End with status 2, the usage and one line."""
        word, known = "", list(self._option_string_actions)
        choice = re.search(r"invalid choice: '([^']*)' \(choose from (.*)\)", message)
        if choice:
            word, known = choice[1], re.findall(r"[\w-]+", choice[2])
        elif message.startswith("unrecognized arguments: "):
            word = message.split()[2].partition("=")[0]
        super().error(message + did_you_mean(word, known))


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return "; did you mean NAME?" for the most similar known word; empty if none is similar."""
    close = difflib.get_close_matches(word.lower(), known, 1)
    return f"; did you mean {close[0]}?" if close else ""


def new_parser(prog: str, description: str, examples: str) -> Parser:
    """Return a parser with the options of all commands: --config and --timeout."""
    parser = Parser(prog=prog, description=textwrap.fill(description, HELP_COLUMNS), epilog=f"examples:\n{examples}")
    parser.add_argument(
        "--config",
        type=path,
        default=bnfosconf.DEFAULT_PATH,
        metavar="FILE",
        help="file that declares the devices (%(default)s)",
    )
    add_number(parser, "--timeout", seconds(0.1, 60), REQUEST_SECONDS, "time limit for one exchange with a device")
    return parser


def add_number(
    parser: argparse.ArgumentParser,
    option: str,
    kind: Callable[[str], float],
    default: float,
    meaning: str,
    metavar: str = "SECONDS",
) -> None:
    """Let the parser accept a number; the help says what it is without the option."""
    parser.add_argument(option, type=kind, default=default, metavar=metavar, help=f"{meaning} (%(default)g)")


def add_devices(parser: argparse.ArgumentParser) -> None:
    """Let the parser accept device names."""
    parser.add_argument(
        "devices", nargs="*", default=[], metavar="DEVICE", help="a section of FILE, such as fos1; default: all"
    )


def devices_of(arguments: argparse.Namespace) -> list[Device]:
    """Return the devices that the arguments name; raise ConfigurationError."""
    names: Sequence[str] = getattr(arguments, "devices", ())
    entries = bnfosconf.select(bnfosconf.read(arguments.config), names, arguments.config)
    from berofos_agent.device.device import Device

    return [Device(entry, arguments.timeout) for entry in entries]


def original_of(config: str, environ: Mapping[str, str] = os.environ) -> str:
    """Return the path of the file that a unit of systemd got a copy of (LoadCredential=), else the path itself.

    The cluster's resources name the original.
    """
    is_copy = os.path.dirname(config) == environ.get("CREDENTIALS_DIRECTORY", "")
    return bnfosconf.DEFAULT_PATH if is_copy and os.path.isabs(config) else config


def argument(check: Callable[[str], T]) -> Callable[[str], T]:
    """Return an argument type from a check that raises ValueError, whose text argparse then shows."""

    def convert(text: str) -> T:
        try:
            return check(text)
        except ValueError as exc:
            raise argparse.ArgumentTypeError(str(exc)) from None

    return convert


def given(what: str) -> Callable[[str], str]:
    """Return an argument type: any text but the empty one, which is a variable of a script that is not set."""

    def check(text: str) -> str:
        if not text:
            raise ValueError(f"{what} expected, not ''")
        return text

    return argument(check)


path = given("the path of a file")


def integer(low: int, high: int) -> Callable[[str], int]:
    """Return an argument type: an integer within these bounds."""

    def parse(text: str) -> int:
        if not re.fullmatch("[0-9]{1,9}", text) or not low <= int(text) <= high:
            raise argparse.ArgumentTypeError(f"must be an integer from {low} to {high}, not {text!r}")
        return int(text)

    return parse


def seconds(low: float, high: float, hint: str = "") -> Callable[[str], float]:
    """Return an argument type: a number of seconds within these bounds; `hint` follows the reason of a refusal."""

    def parse(text: str) -> float:
        if not re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,9})?", text) or not low <= float(text) <= high:
            raise argparse.ArgumentTypeError(
                f"must be a number of seconds from {low:g} to {high:g}, not {text!r}{hint}"
            )
        return float(text)

    return parse


interval = integer(0, 65535)
"""Argument type of a watchdog interval in seconds, 0 for off."""


# --- output ----------------------------------------------------------------------------------------------------


def painter(stream: TextIO, environ: Mapping[str, str]) -> Paint:
    """Return how to paint text for a stream: in colour on a terminal that supports it, unless NO_COLOR is set."""
    if not stream.isatty() or environ.get("NO_COLOR") or environ.get("TERM", "dumb") == "dumb":
        return plain
    return lambda text, colour: f"\x1b[{_COLOURS[colour]}m{text}\x1b[0m"


def printable(text: str) -> str:
    """Return a device's text without characters that could control a terminal."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)


def tell_syslog(prog: str, line: str, priority: int = syslog.LOG_NOTICE) -> None:
    """Log a line to syslog."""
    systemlog.name(prog)
    systemlog.tell(priority, line)


def user() -> str:
    """Return who runs this command, through sudo who asked for it, for the line of syslog that tells of a switch."""
    try:
        return printable(os.environ.get("SUDO_USER") or pwd.getpwuid(os.getuid()).pw_name)
    except KeyError:
        return f"uid {os.getuid()}"


def movement(device: Device, switched: Switched) -> str:
    """Return the sentence that reports a switch, for syslog and for people."""
    from berofos_agent.device.topology import LINES

    before, after = LINES.get(switched.before, "unknown"), LINES[switched.after]
    if not switched.moved:
        return f"{device.name}: already in position {after}"
    return f"{device.name}: switched from {before} to {after} ({switched.milliseconds} ms)"
