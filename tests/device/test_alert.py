"""The alert agent with real processes, sockets and files; stand-ins for the cluster's tools print what was recorded."""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace

import pytest

from berofos_agent.alert import delivery, story
from berofos_agent.alert import main as alert
from berofos_agent.alert.queue import MOST_ITEMS, Queue
from berofos_agent.errors import NotDelivered

CHECKOUT = Path(__file__).parents[2]
PROGRAM = CHECKOUT / "ocf" / "berofos-alert"
DATA = CHECKOUT / "tests" / "data"
STARTED = "relay started on xivo-1: its lines are on xivo-1 (A-B); nothing to do"
TOKEN = "Bearer s3cret-token"
PATH_SECRET = "T000SECRETPATH"

EVENT = {
    "CRM_alert_kind": "resource",
    "CRM_alert_node": "xivo-1",
    "CRM_alert_rsc": "relay",
    "CRM_alert_task": "start",
    "CRM_alert_rc": "0",
    "CRM_alert_target_rc": "0",
    "CRM_alert_status": "0",
    "CRM_alert_timestamp_epoch": "1795572489",
    "CRM_alert_timestamp_usec": "500000",
    "CRM_alert_node_sequence": "1",
}


class Site:
    """A node: a folder with programs, a queue, and what came to the recipients."""

    def __init__(self, here: Path) -> None:
        self.here = here
        self.programs = here / "bin"
        self.programs.mkdir()
        self.came = here / "came"
        self.folder = here / "queue"
        self.program("crm_mon", f"cat {DATA}/crm_mon/2.1/healthy.xml")
        self.program("cibadmin", f"cat {DATA}/cib/good-pcs.xml")
        self.program("crm_node", "echo xivo-1")
        self.program("attrd_updater", "exit 1")
        self.program("told", f'echo "$1" >> {self.came}')

    def program(self, name: str, script: str) -> Path:
        path = self.programs / name
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)
        return path

    def environ(self, recipient: str = "", **changes: str) -> dict[str, str]:
        more = {"PATH": f"{self.programs}:{os.environ['PATH']}", "folder": str(self.folder)}
        return {**EVENT, **more, "CRM_alert_recipient": recipient or f"exec:{self.programs}/told", **changes}

    def run(self, recipient: str = "", **changes: str) -> int:
        """Run the agent in this process."""
        return alert.main([], self.environ(recipient, **changes))

    @property
    def lines(self) -> list[str]:
        return self.came.read_text().splitlines() if self.came.exists() else []

    @property
    def waiting(self) -> list[str]:
        """What is in the queues."""
        return [path.name for path in self.folder.glob("*/*.event")]


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    for name, seconds in {"SETTLE": 0.05, "DELIVERY": 0.5, "RETRY": 0.2, "MOST": 1.2}.items():
        monkeypatch.setattr(alert, f"{name}_SECONDS", seconds)
    site = Site(tmp_path)
    monkeypatch.setenv("PATH", site.environ()["PATH"])  # where cibadmin is looked for
    return site


class Webhook(ThreadingHTTPServer):
    """A webhook that answers with a status, or not at all."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Hook)
        self.status = 200
        self.came: list[tuple[str, str, bytes]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/services/{PATH_SECRET}"


class Hook(BaseHTTPRequestHandler):
    """One request."""

    server: Webhook

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if not self.server.status:  # one byte now and then, and never the end
            with contextlib.suppress(OSError):
                for _ in range(100):
                    self.wfile.write(b"H")
                    time.sleep(0.1)
            return
        self.server.came.append((self.path, self.headers.get("Authorization", ""), body))
        self.send_response(self.server.status)
        self.send_header("Location", "http://127.0.0.1:1/")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        return


@pytest.fixture
def webhook() -> Iterator[Webhook]:
    server = Webhook()
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


# --- recipients ------------------------------------------------------------------------------------------------


def test_a_command_gets_the_sentence_as_its_last_argument(site: Site) -> None:
    assert site.run() == 0
    assert site.lines == [STARTED]
    assert site.waiting == []


def test_without_a_recipient_the_sentence_is_in_syslog_only(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    logged: list[str] = []
    monkeypatch.setattr("berofos_agent.systemlog.tell", lambda _priority, line: logged.append(line))
    environ = site.environ()
    del environ["CRM_alert_recipient"]
    assert alert.main([], environ) == 0
    assert logged == [f"{STARTED} (syslog only)"]
    assert site.waiting == []


@pytest.mark.parametrize("recipient", ["oncall@example.org", "mail:oncall@example.org", "mailto:oncall@example.org"])
def test_a_mail_has_the_sentence_as_subject_and_text(site: Site, recipient: str) -> None:
    site.program("sendmail", f"echo $* > {site.here}/arguments; cat > {site.came}")
    assert site.run(recipient, mail_from="cluster@example.org") == 0
    assert (site.here / "arguments").read_text() == "-i -t\n"
    letter = site.came.read_text()
    assert "To: oncall@example.org\nFrom: cluster@example.org\n" in letter
    assert "Subject: relay started on xivo-1: its lines are on xivo-1 (A-B)\n" in letter
    assert "Date: Wed, 25 Nov 2026 02:08:09 +0000\n" in letter
    assert f"\n\n{STARTED}\n\n2026-11-25 02:08:09 UTC, told by xivo-1\n" in letter


def test_a_webhook_gets_json_and_the_header_from_the_file(site: Site, webhook: Webhook) -> None:
    secret = site.here / "authorization"
    secret.write_text(f"{TOKEN}\n")
    assert site.run(webhook.url, authorization_file=str(secret)) == 0
    path, header, body = webhook.came[0]
    assert path.endswith(PATH_SECRET)
    assert header == TOKEN
    assert json.loads(body) == {
        "text": STARTED,
        "severity": "notice",
        "at": "2026-11-25T02:08:09+00:00",
        "node": "xivo-1",
    }


@pytest.mark.parametrize(
    ("recipient", "said"),
    [
        ("nobody", "the recipient must be ADDRESS@DOMAIN, mail:ADDRESS, https://..., http://... or exec:COMMAND; "),
        ("ftp://example.org/x", "the recipient must be ADDRESS@DOMAIN"),
    ],
)
def test_an_unknown_recipient_is_one_line_and_status_2(
    site: Site, recipient: str, said: str, capfd: pytest.CaptureFixture[str]
) -> None:
    assert site.run(recipient) == 2
    printed = capfd.readouterr().err
    assert printed.startswith(f"berofos-alert: {said}")
    assert printed.count("\n") == 1


# --- what goes wrong -------------------------------------------------------------------------------------------


def test_a_mail_program_that_fails_is_one_line_and_nothing_is_lost(
    site: Site, capfd: pytest.CaptureFixture[str]
) -> None:
    site.program("sendmail", "echo 'cannot connect to the mail host' >&2; exit 75")
    assert site.run("oncall@example.org") == 1
    assert site.run("oncall@example.org", CRM_alert_timestamp_epoch="1795572490", CRM_alert_task="stop") == 0
    printed = capfd.readouterr().err
    assert printed.count("\n") == 1, printed
    assert "sendmail: ended with status 75: cannot connect to the mail host; it is tried again" in printed
    assert len(site.waiting) == 1, "the stop needs nobody, the start waits"
    site.program("sendmail", f"cat >> {site.came}")
    assert site.run("oncall@example.org", CRM_alert_timestamp_epoch="1795572491", CRM_alert_rc="1") == 0
    subjects = [line for line in site.lines if line.startswith("Subject: ")]
    assert [subject.split()[2] for subject in subjects] == ["started", "could"], "in the order of the events"
    assert site.waiting == []


@pytest.mark.parametrize("status", [0, 302, 403, 500])
def test_a_webhook_that_hangs_or_refuses_is_one_line_without_its_secrets(
    site: Site, webhook: Webhook, status: int, capfd: pytest.CaptureFixture[str]
) -> None:
    webhook.status = status
    secret = site.here / "authorization"
    secret.write_text(TOKEN)
    began = time.monotonic()
    assert site.run(webhook.url, authorization_file=str(secret)) == 1
    assert time.monotonic() - began < 5, "bounded, whatever the webhook does"
    printed = capfd.readouterr().err
    assert printed.count("\n") == 1, printed
    assert f"answered HTTP {status}" in printed if status else "no answer within" in printed
    kept = "".join(path.read_text() for path in site.folder.glob("*/*"))
    assert PATH_SECRET not in printed + kept
    assert "s3cret" not in printed + kept
    webhook.status = 204
    assert site.run(webhook.url, CRM_alert_task="stop", CRM_alert_timestamp_epoch="1795572491") == 0
    assert [json.loads(body)["text"] for _, _, body in webhook.came][-1] == STARTED


@pytest.mark.parametrize(
    "url",
    [
        f"http://127.0.0.1:1/{PATH_SECRET}",
        f"https://user:{PATH_SECRET}@127.0.0.1:1/",
        f"http://[::/{PATH_SECRET}",
        f"http:///{PATH_SECRET}",
    ],
)
def test_a_webhook_that_is_not_there_is_one_line_without_its_secrets(
    site: Site, url: str, capfd: pytest.CaptureFixture[str]
) -> None:
    site.run(url)
    printed = capfd.readouterr().err
    assert printed.count("\n") == 1, printed
    assert PATH_SECRET not in printed


def test_a_header_that_cannot_be_sent_is_one_line_and_the_message_waits_for_a_better_one(
    site: Site, webhook: Webhook, capfd: pytest.CaptureFixture[str]
) -> None:
    secret = site.here / "authorization"
    secret.write_text(f"{TOKEN}\nx: y")
    assert site.run(webhook.url, authorization_file=str(secret)) == 1
    printed = capfd.readouterr().err
    assert "http://127.0.0.1: authorization_file is no header; it is tried again" in printed
    assert printed.count("\n") == 1, printed
    assert "s3cret" not in printed
    assert len(site.waiting) == 1


def test_a_command_that_hangs_is_ended_with_all_that_it_started(site: Site) -> None:
    site.program("hangs", f"sleep 60 & echo $! > {site.here}/pid; wait")
    assert site.run(f"exec:{site.programs}/hangs") == 1
    pid = int((site.here / "pid").read_text())
    eventually(lambda: not Path(f"/proc/{pid}").exists() or "Z" in Path(f"/proc/{pid}/stat").read_text().split()[2])


@pytest.mark.parametrize(
    ("recipient", "said"),
    [
        ("exec:/nonexistent/program", "program: cannot be run: No such file or directory"),
        ("exec:'unfinished", "No closing quotation"),
        ("exec:", "names no command"),
        ("mail:a@b\nBcc: all@example.org", "is not a mail address"),
        ("http:///x", "http://?: is not a usable address"),
    ],
)
def test_a_recipient_that_cannot_be_used_is_one_line(
    site: Site, recipient: str, said: str, capfd: pytest.CaptureFixture[str]
) -> None:
    site.program("sendmail", f"cat >> {site.came}")
    site.run(recipient)
    printed = capfd.readouterr().err
    assert said in printed
    assert printed.count("\n") == 1, printed
    assert site.lines == []
    assert bool(site.waiting) == ("cannot be run" in said), "it is tried again only where that can be of use"


@pytest.mark.parametrize("address", ["ops.:x@y", "a@[1"])
def test_an_odd_mail_address_is_one_line_or_left_to_the_mail_program(
    site: Site, address: str, capfd: pytest.CaptureFixture[str]
) -> None:
    """The email package raises AttributeError or IndexError for these, and from Python 3.13 on nothing."""
    site.program("sendmail", f"cat >> {site.came}")
    site.run(f"mail:{address}")
    printed = capfd.readouterr().err
    if site.lines:
        assert printed == ""
    else:
        assert f"{address!r} or mail_from is not a mail address" in printed
        assert printed.count("\n") == 1, printed
    assert site.waiting == []


def test_a_program_in_a_long_path_is_told_by_its_whole_name(site: Site, capfd: pytest.CaptureFixture[str]) -> None:
    assert site.run(f"exec:/{'far/' * 30}away") == 1
    assert "away: cannot be run" in capfd.readouterr().err


@pytest.mark.parametrize(
    "recipient",
    [
        f"https//hooks.example.org/{PATH_SECRET}",
        f"Https://hooks.example.org/{PATH_SECRET}",
        f"hooks.example.org/{PATH_SECRET}",
        f"{PATH_SECRET}/{PATH_SECRET}",
        f"https//user@hooks.example.org/{PATH_SECRET}",
        f"notify {PATH_SECRET}",
        f"exec:notify '{PATH_SECRET}",
        f"exec:notify {PATH_SECRET} https://hooks.example.org",
        f"exec:https://hooks.example.org/{PATH_SECRET}",
        f"exec:'notify {PATH_SECRET}'",
    ],
)
def test_a_slip_in_a_recipient_tells_no_secret(
    site: Site, recipient: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    logged: list[str] = []
    monkeypatch.setattr("berofos_agent.systemlog.tell", lambda _priority, line: logged.append(line))
    site.program("sendmail", "exit 1")
    site.run(recipient)
    assert logged
    assert PATH_SECRET not in "".join(logged) + capfd.readouterr().err


def test_a_silent_name_server_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    def look_up(*_: object) -> list[object]:
        ctypes.CDLL(None).system(b"exec sleep 9")  # as the real one: no handler of a signal runs before it returns
        raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    message = delivery.Message("", "problem", 0.0, "xivo-1")
    began = time.monotonic()
    with pytest.raises(NotDelivered, match="https://hooks.example.org: no answer within 0.3 s"):
        delivery.post(f"https://hooks.example.org/{PATH_SECRET}", message, delivery.Options(), 0.3)
    assert time.monotonic() - began < 6


def test_an_unexpected_exception_ends_neither_the_process_nor_the_messages_after_it(
    site: Site, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    recipient = "mail:oncall@example.org"
    queue = Queue(str(site.folder / alert.queue_id(recipient)))
    for number, text in enumerate(("first", "second")):
        queue.put(float(number), number, {"text": text, "severity": "problem", "at": 0.0, "node": "xivo-1"})
    delivered: list[str] = []

    def deliver(_address: str, message: delivery.Message, *_: object) -> None:
        if message.text == "first":
            raise AttributeError(PATH_SECRET)
        delivered.append(message.text)

    monkeypatch.setattr(delivery, "way_to", lambda _recipient: (deliver, ""))
    assert site.run(recipient) == 0
    assert delivered == ["second", STARTED]
    assert capfd.readouterr().err == "berofos-alert: internal error (AttributeError); not delivered: first\n"
    assert site.waiting == []


def test_no_mail_program_is_one_line(
    site: Site, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("berofos_agent.alert.delivery.shutil.which", lambda _name, **_path: None)
    monkeypatch.setattr("berofos_agent.cluster.tools.find", lambda name, _environ: f"{site.programs}/{name}")
    assert site.run("oncall@example.org") == 1
    assert "no program sendmail or mail on this node; install a mail transport agent" in capfd.readouterr().err


def test_a_cluster_that_does_not_answer_is_one_line_and_the_event_is_reported_later(
    site: Site, capfd: pytest.CaptureFixture[str]
) -> None:
    site.program("crm_mon", "exit 102")
    assert site.run() == 1
    assert "the cluster is not running on this host" in capfd.readouterr().err
    assert site.lines == []
    site.program("crm_mon", f"cat {DATA}/crm_mon/2.1/healthy.xml")
    assert site.run(CRM_alert_task="stop", CRM_alert_timestamp_epoch="1795572491") == 0
    assert site.lines == [STARTED]


def test_a_folder_that_cannot_be_written_is_one_line_that_names_the_event(
    site: Site, capfd: pytest.CaptureFixture[str]
) -> None:
    site.folder.write_text("a file")
    assert site.run() == 1
    printed = capfd.readouterr().err
    assert printed.count("\n") == 1
    assert "Not a directory; not told: resource event of relay" in printed


def test_damaged_files_in_the_queue_are_no_obstacle(site: Site) -> None:
    assert site.run() == 0
    queue = next(site.folder.iterdir())
    for number, content in enumerate((b"", b"{", b"[]", b"{}", b"\xff", b"[" * 99999, b'{"event": {"kind": "x"}}')):
        (queue / f"000000000{number}.event").write_bytes(content)
    (queue / "notes.json").write_text('{"told": {"a": 1, "relay@xivo-1": ["failed"]}}')
    assert site.run() == 0
    assert site.lines == [STARTED, STARTED]
    assert site.waiting == []


def test_a_queue_has_a_limit_and_the_newest_stay(site: Site) -> None:
    queue = Queue(str(site.folder / "x"))
    names = [queue.put(float(number), number, {"text": ""}) for number in range(MOST_ITEMS + 2)]
    assert list(queue.excess()) == names[:2]


# --- order and double sentences --------------------------------------------------------------------------------


def test_events_whose_processes_overtake_each_other_are_reported_in_the_order_of_the_events(site: Site) -> None:
    queue = Queue(str(site.folder / alert.queue_id(site.environ()["CRM_alert_recipient"])))
    for at, task, code in ((3.0, "start", 0), (2.0, "stop", 1), (1.0, "start", 1)):
        event = {"kind": "resource", "node": "xivo-1", "at": at, "resource": "relay", "task": task, "code": code}
        queue.put(at, 1, {"event": event, "due": 0})
    assert site.run(CRM_alert_timestamp_epoch="4") == 0
    assert [line.split(" on ")[0] for line in site.lines] == [
        "relay could not start",
        "relay could not stop",
        "relay runs",
        "relay started",
    ]


def test_a_clock_that_is_set_back_keeps_no_event_back(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    steps = iter([3600.0])  # after the event was put into the queue
    clock = SimpleNamespace(time=lambda: time.time() + next(steps, 0.0), monotonic=time.monotonic, sleep=time.sleep)
    monkeypatch.setattr(alert, "time", clock)
    assert site.run(CRM_alert_timestamp_epoch=str(int(time.time()) + 3600)) == 0
    assert site.lines == [STARTED]


def test_an_event_that_waits_does_so_for_its_normal_time_though_the_clock_is_set_back(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(alert, "MOST_SECONDS", 15.0)
    monkeypatch.setattr(story, "LATER_SECONDS", 1.0)
    environ = site.environ(CRM_alert_kind="node", CRM_alert_node="xivo-2", CRM_alert_desc="member")
    environ["CRM_alert_timestamp_epoch"] = str(int(time.time()) + 3600)
    folder = site.folder / alert.queue_id(environ["CRM_alert_recipient"])
    folder.mkdir(parents=True)
    (folder / "notes.json").write_text('{"xivo-2": ["lost", ""]}')
    began = time.monotonic()
    assert alert.main([], environ) == 0
    assert [line.partition(":")[0] for line in site.lines] == ["xivo-2 is back in the cluster"]
    assert time.monotonic() - began > 1.0


@pytest.mark.parametrize("due", [4e9, float("nan"), 10**400, -1, "soon"])
def test_an_event_that_is_due_after_more_than_any_delay_is_due_now(site: Site, due: object) -> None:
    queue = Queue(str(site.folder / alert.queue_id(site.environ()["CRM_alert_recipient"])))
    event = {"kind": "resource", "node": "xivo-1", "at": 1.0, "resource": "relay", "task": "start", "code": 1}
    queue.put(1.0, 1, {"event": event, "due": due})  # as of the time before a restart of the node
    assert site.run() == 0
    assert [line.split(" on ")[0] for line in site.lines] == ["relay could not start", "relay runs"]


def test_a_process_that_is_killed_while_it_delivers_loses_nothing(site: Site) -> None:
    site.program("told", f"touch {site.here}/begun; sleep 60")
    process = subprocess.Popen([sys.executable, PROGRAM], env=site.environ())
    eventually((site.here / "begun").exists)
    process.kill()
    process.wait()
    site.program("told", f'echo "$1" >> {site.came}')
    assert site.run(CRM_alert_task="stop", CRM_alert_timestamp_epoch="1795572491") == 0
    assert site.lines == [STARTED]


def test_two_recipients_have_a_queue_each(site: Site) -> None:
    other = site.program("other", f'echo "other: $1" >> {site.came}')
    assert site.run() == site.run(f"exec:{other}") == 0
    assert sorted(site.lines) == [f"other: {STARTED}", STARTED]


# --- as a program ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_closed_files_are_no_obstacle(site: Site, closed: str) -> None:
    done = subprocess.run(["sh", "-c", f"exec {PROGRAM} {closed}"], env=site.environ(), check=False, timeout=30)
    assert done.returncode == 0
    assert site.lines == [STARTED]


def test_a_missing_environment_is_one_line_and_status_2(site: Site) -> None:
    done = subprocess.run([PROGRAM], env={"PATH": str(site.programs)}, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr == (
        "berofos-alert: CRM_alert_kind is missing: Pacemaker runs this program; by hand: berofos-alert --to RECIPIENT\n"
    )


def test_an_event_that_needs_nobody_imports_only_the_standard_library(site: Site) -> None:
    environ = site.environ(CRM_alert_status="1")
    script = f"import sys, runpy; sys.argv = ['x']\ntry: runpy.run_path({str(PROGRAM)!r}, run_name='__main__')\n"
    script += "except SystemExit as exc: assert not exc.code\n"
    script += "assert not {'requests', 'lxml', 'argparse.x', 'email'} & set(sys.modules), sys.modules"
    subprocess.run([sys.executable, "-c", script], env=environ, check=True)


def test_by_hand_it_sends_a_test_or_an_event_of_the_heartbeat(site: Site) -> None:
    told = f"exec:{site.programs}/told"
    assert alert.main(["--to", told]) == 0
    assert alert.main(["--to", told, "WDOG_FAILED", "fos1"]) == 0
    assert site.lines[0] == "this is a test of berofos-alert: no line has moved; nothing to do"
    assert site.lines[1].startswith("fos1: the lines have left port B and are at port D; ")
    assert alert.main(["--to", "exec:false"]) == 1
    assert alert.main(["--to", "nobody"]) == 2


def eventually(condition: Callable[[], object]) -> None:
    until = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.02)


# In a process of its own: this one may have children that other tests left.
LEAVES_NOTHING = """
import os, signal
from berofos_agent.alert import main

assert main.main([], dict(os.environ)) == 1
assert signal.getsignal(signal.SIGALRM) is signal.SIG_DFL
assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)
try:
    print("child:", os.waitpid(-1, os.WNOHANG))
except ChildProcessError:
    print("no child")
"""


def test_a_delivery_leaves_no_alarm_and_no_process(site: Site) -> None:
    environ = {**site.environ("http://127.0.0.1:1/"), "PYTHONPATH": str(CHECKOUT)}
    done = subprocess.run([sys.executable, "-c", LEAVES_NOTHING], env=environ, stdout=subprocess.PIPE, text=True)
    assert (done.returncode, done.stdout) == (0, "no child\n")
