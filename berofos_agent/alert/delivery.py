"""Delivers a message to a recipient: by mail, to a webhook, to a command; each bounded in time.

No error names more of a webhook's address than its host: the path is often the secret. A recipient of no known form is
not named at all, as it may be such an address with a slip.
"""

from __future__ import annotations

import contextlib
import os
import shlex
import shutil
import signal
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from email.message import EmailMessage
from email.utils import format_datetime
from typing import Any, Callable
from urllib.parse import urlsplit

from berofos_agent.errors import ConfigurationError, NotDelivered
from berofos_agent.heartbeat.task import Task
from berofos_agent.sentences import clean

SUBJECT_CHARACTERS = 120
MOST_BYTES = 4096
"""Of a file with an Authorization header."""


@dataclass(frozen=True)
class Message:
    """A sentence on its way."""

    text: str
    severity: str
    at: float
    """When it happened, in seconds since 1970."""
    node: str
    """Who tells it."""

    @property
    def time(self) -> datetime:
        """When it happened."""
        return datetime.fromtimestamp(self.at, timezone.utc)


@dataclass(frozen=True)
class Options:
    """The instance attributes of the alert or recipient."""

    mail_from: str = ""
    authorization_file: str = ""
    path: str = ""
    """Where programs are looked for."""

    @classmethod
    def of(cls, environ: Mapping[str, str]) -> Options:
        """Return the options of an environment."""
        return cls(environ.get("mail_from", ""), environ.get("authorization_file", ""), environ.get("PATH", ""))


Deliver = Callable[[str, Message, Options, float], None]


def way_to(recipient: str) -> tuple[Deliver, str]:
    """Return how to deliver to a recipient, and its address; raise ConfigurationError that says what there is."""
    for prefix, deliver in _WAYS.items():
        if recipient.startswith(prefix):
            return deliver, recipient if prefix.startswith("http") else recipient[len(prefix) :].strip()
    if recipient.startswith("/"):
        return run, recipient
    if "@" in recipient and ":" not in recipient and "/" not in recipient:
        return mail, recipient
    raise ConfigurationError(
        "the recipient must be ADDRESS@DOMAIN, mail:ADDRESS, https://..., http://... or exec:COMMAND; correct it "
        "(it is not shown here, as it may be secret)"
    )


def name_of(recipient: str) -> str:
    """Return a recipient's name for the log, without what may be secret."""
    word = recipient.split()[0] if recipient.split() else ""
    scheme, _, rest = word.partition("://")
    if rest:
        with contextlib.suppress(ValueError):
            return clean(f"{scheme}://{urlsplit(word).hostname or '?'}")[:80]
        return clean(scheme)[:80]
    return clean(word)[:80]


def mail(address: str, message: Message, options: Options, seconds: float) -> None:
    """Give a mail to sendmail, or to mail where there is no sendmail."""
    letter = EmailMessage()
    try:
        letter["To"] = address
        if options.mail_from:
            letter["From"] = options.mail_from
    except Exception:  # ValueError as documented, but also IndexError and AttributeError, by the version of Python
        raise ConfigurationError(f"{clean(address)[:80]!r} or mail_from is not a mail address") from None
    letter["Subject"] = message.text[:SUBJECT_CHARACTERS].partition(";")[0]
    letter["Date"] = format_datetime(message.time)
    body = f"{message.text}\n\n{message.time:%Y-%m-%d %H:%M:%S} UTC, told by {message.node}\n"
    letter.set_content(body, cte="8bit" if body.isascii() else "quoted-printable")
    path = os.pathsep.join(filter(None, (options.path, "/usr/sbin", "/usr/lib")))
    sendmail, mailer = shutil.which("sendmail", path=path), shutil.which("mail", path=path)
    if sendmail:
        _run([sendmail, "-i", "-t"], bytes(letter), seconds)
    elif mailer and not address.startswith("-"):
        _run([mailer, "-s", str(letter["Subject"]), address], body.encode(), seconds)
    else:
        raise NotDelivered("no program sendmail or mail on this node; install a mail transport agent")


def run(command: str, message: Message, _options: Options, seconds: float) -> None:
    """Run a command with the sentence as its last argument."""
    try:
        words = shlex.split(command)
    except ValueError as exc:
        raise ConfigurationError(f"exec: {exc} in its command; correct the recipient") from None
    if not words:
        raise ConfigurationError("exec: names no command")
    _run([*words, message.text], b"", seconds)


def post(url: str, message: Message, options: Options, seconds: float) -> None:
    """Post JSON to a webhook; `text` is what chat programs show. A redirect is not followed."""
    try:
        import requests
    except ImportError:
        raise NotDelivered("Python module requests is missing; install python3-requests") from None
    name = name_of(url)
    headers = {"Authorization": _secret(options.authorization_file)} if options.authorization_file else {}
    content = {
        "text": message.text,
        "severity": message.severity,
        "at": message.time.isoformat(timespec="seconds"),
        "node": message.node,
    }
    no_answer = f"no answer within {seconds:g} s", True

    def exchange() -> tuple[str, bool]:
        """Return what went wrong, empty if nothing did, and whether another attempt is of use."""
        try:
            with requests.Session() as session:
                session.trust_env = False
                answer = session.post(
                    url, json=content, headers=headers, timeout=seconds, allow_redirects=False, stream=True
                )
                answer.close()
        except requests.Timeout:
            return no_answer
        except requests.exceptions.SSLError:
            return "its certificate is not accepted", True
        except requests.exceptions.InvalidHeader:
            return "authorization_file is no header", True
        except ValueError:  # of requests and urllib3: no URL, or a header that cannot be sent
            return "is not a usable address, or authorization_file is no header", False
        except requests.ConnectionError:
            return "cannot be connected", True
        except OSError as exc:
            return type(exc).__name__, True
        except Exception as exc:  # not its text: that may hold the address
            return f"internal error ({type(exc).__name__})", False
        return "" if 200 <= answer.status_code < 300 else f"answered HTTP {answer.status_code}", True

    try:
        problem, is_worth_another = _bounded(exchange, seconds) or no_answer
    except OSError as exc:
        raise NotDelivered(f"{name}: cannot be tried: {exc.strerror}") from None
    if problem:
        raise (NotDelivered if is_worth_another else ConfigurationError)(f"{name}: {problem}")


def _bounded(work: Callable[[], Any], seconds: float) -> Any:
    """Return what `work` returns, None if it takes longer; raise OSError if there can be no child.

    It runs in a child that the kernel ends: no handler of a signal runs while the C library waits for a silent name
    server, and a webhook that trickles restarts the time limits of its library.
    """

    def until_the_alarm() -> Any:
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.setitimer(signal.ITIMER_REAL, seconds)
        return work()

    task = Task(until_the_alarm)
    while not task.take():
        pass
    return task.result


_WAYS: Mapping[str, Deliver] = {"mail:": mail, "mailto:": mail, "https://": post, "http://": post, "exec:": run}


def _secret(path: str) -> str:
    try:
        with open(path, encoding="utf-8") as file:
            return file.read(MOST_BYTES).strip()
    except (OSError, ValueError) as exc:
        why = exc.strerror if isinstance(exc, OSError) else "is not text"
        raise NotDelivered(f"authorization_file {clean(path)[:80]}: {why}") from None


def _run(argv: list[str], data: bytes, seconds: float) -> None:
    """Run a program in a session of its own; raise NotDelivered with what it said last."""
    name = name_of(argv[0] if "://" in argv[0] else os.path.basename(argv[0]))
    try:
        process = subprocess.Popen(
            argv,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            start_new_session=True,
            cwd="/",
        )
    except (OSError, ValueError) as exc:
        why = exc.strerror if isinstance(exc, OSError) else str(exc)
        raise NotDelivered(f"{name}: cannot be run: {why}") from None
    try:
        said = process.communicate(data, timeout=seconds)[1]
    except subprocess.TimeoutExpired:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        raise NotDelivered(f"{name}: did not end within {seconds:g} s") from None
    if process.returncode:
        last = clean((said.decode(errors="replace").strip().splitlines() or [""])[-1])[:120]
        raise NotDelivered(f"{name}: ended with status {process.returncode}" + (f": {last}" if last else ""))
