"""The kick daemon: a process that kicks some devices as long as its state file is there.

It runs by itself, with the standard library alone and as few modules as possible, since it lives as long as the
resource does: `python3 -IS kickd.py STATE TOKEN SECONDS TAG NAME=ADDRESS:PORT:DATAGRAM ...`.
process.py starts and ends it.

    STATE           it ends when this file is gone, or no longer contains TOKEN: then it belongs to another start
    TAG             of its lines in syslog
    STATE.kickd     it holds a lock on this one, so that there are never two; the kernel knows whose lock it is
    STATE.kicks     what it did: "at", a time and its process; then for each device its name, when a kick was last
                    answered, and how many kicks were not answered since. Times are seconds since boot (CLOCK_BOOTTIME)

It says "ready" on standard output, closes that, and waits for the daemon before it, which kicks meanwhile, to be ended.
A kick that is answered is followed by the next after SECONDS, one that is not after a third of that. A kick neither
arms a watchdog nor moves a relay, so one too many does no harm.
"""

from __future__ import annotations

import errno
import fcntl
import os
import select
import socket
import sys
import syslog
import time

CHECK_SECONDS = 1.0
HANDOVER_SECONDS = 5.0
HANDOVER_PAUSE_SECONDS = 0.005
HEAD_BYTES = 11  # magic, command and MAC: what an answer has in common with its kick
LARGEST_DATAGRAM = 2048
MOST_DATAGRAMS = 64
FULL = (errno.EMFILE, errno.ENFILE, errno.ENOMEM)
"""This node can open no file now, which does not say that the state file is gone."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

Address = tuple[str, int]


class Target:
    """A device to be kicked."""

    def __init__(self, argument: str) -> None:
        self.name, _, how = argument.partition("=")
        host, port, datagram = how.split(":")
        self.address: Address = (host, int(port))
        self.kick = bytes.fromhex(datagram)
        self.sent_at = self.due_at = self.answered_at = 0.0
        self.waits = False
        self.unanswered = 0

    def sent(self, now: float, seconds: float) -> None:
        """A kick was sent; if the one before was not answered, it counts as lost."""
        self.unanswered += self.waits
        self.waits = True
        self.sent_at = now
        self.due_at = now + seconds / 3

    def heard(self, datagram: bytes, sender: Address, now: float, seconds: float) -> bool:
        """Take a datagram; return whether it answers our kick."""
        if not self.waits or sender != self.address or not is_answer(self.kick, datagram):
            return False
        self.waits = False
        self.unanswered = 0
        self.answered_at = now
        self.due_at = self.sent_at + seconds
        return True


def is_answer(kick: bytes, datagram: bytes) -> bool:
    """Tell whether a datagram says that a kick was taken: same command, same MAC, right checksum, error 0 if any."""
    check = 0
    for byte in datagram:
        check ^= byte
    return check == 0 and datagram[:HEAD_BYTES] == kick[:HEAD_BYTES] and datagram[HEAD_BYTES:-1][:1] in (b"", b"\0")


def main(argv: list[str], say_ready: Callable[[], None] = lambda: None) -> int:
    """Kick until the state file is gone; return 1 if another daemon does already."""
    state, token, seconds, tag = argv[1], argv[2], float(argv[3]), argv[4]
    targets = [Target(argument) for argument in argv[5:]]
    syslog.openlog(tag, syslog.LOG_PID, syslog.LOG_DAEMON)
    try:
        os.close(open_lock(f"{state}.kickd"))
        say_ready()
        lock = take_lock(f"{state}.kickd", clock() + HANDOVER_SECONDS)
    except OSError as exc:
        syslog.syslog(syslog.LOG_ERR, printable(f"kick daemon: {state}.kickd: {exc.strerror}"))
        return 1
    if lock < 0:
        syslog.syslog(syslog.LOG_ERR, printable(f"kick daemon: {state} has one already"))
        return 1
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as sock:
        while still_wanted(state, token):
            changed = send_what_is_due(sock, targets, seconds)
            wait = min(target.due_at for target in targets) - clock()
            select.select([sock], [], [], max(0.0, min(CHECK_SECONDS, wait)))
            changed = hear(sock, targets, seconds) or changed
            if changed:
                write_report(f"{state}.kicks", targets)
    forget(f"{state}.kicks")
    forget(f"{state}.kickd")
    syslog.syslog(syslog.LOG_NOTICE, printable(f"kick daemon: {state} is gone or of another start: no more kicks"))
    return 0


def clock() -> float:
    """Return seconds since boot, suspended time included: no step of the wall clock changes them."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def still_wanted(state: str, token: str) -> bool:
    """Tell whether the start we belong to still lasts."""
    try:
        with open(state, "rb") as file:
            return token.encode() in file.read()
    except OSError as exc:
        return exc.errno in FULL


def send_what_is_due(sock: socket.socket, targets: list[Target], seconds: float) -> bool:
    """Kick the devices whose turn it is; return whether there were any."""
    now = clock()
    due = [target for target in targets if target.due_at <= now]
    for target in due:
        target.sent(now, seconds)
        try:
            sock.sendto(target.kick, target.address)
        except OSError:
            continue  # the network is away; it counts as unanswered
    return bool(due)


def hear(sock: socket.socket, targets: list[Target], seconds: float) -> bool:
    """Read what has come, a flood not to its end, as kicks must go out meanwhile; return whether one was answered."""
    answered = False
    for _ in range(MOST_DATAGRAMS):
        try:
            datagram, sender = sock.recvfrom(LARGEST_DATAGRAM)
        except OSError:
            break
        now = clock()
        for target in targets:
            answered = target.heard(datagram, sender, now, seconds) or answered
    return answered


def write_report(path: str, targets: list[Target]) -> None:
    """Write the report whole or not at all; kicking goes on where that fails."""
    lines = [f"at {clock():.3f} {os.getpid()}"]
    lines += [f"{target.name} {target.answered_at:.3f} {target.unanswered}" for target in targets]
    try:
        with open(os.open(f"{path}.tmp", os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600), "w") as file:
            file.write("\n".join(lines) + "\n")
        os.replace(f"{path}.tmp", path)
    except OSError:
        return


def open_lock(path: str) -> int:
    """Return a descriptor of the lock file; raise OSError."""
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)


def take_lock(path: str, until: float) -> int:
    """Return the descriptor of the lock file, locked; -1 if another daemon still has it then. It stays open to the end.

    The inode is compared since the daemon before may have removed the file between our opening and locking it.
    """
    while True:
        lock = open_lock(path)
        try:
            fcntl.lockf(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.stat(path).st_ino == os.fstat(lock).st_ino:
                return lock
        except FileNotFoundError:
            pass
        except OSError:
            if clock() >= until:
                os.close(lock)
                return -1
            time.sleep(HANDOVER_PAUSE_SECONDS)
        os.close(lock)


def printable(text: str) -> str:
    """Return the text without what syslog refuses: a path may contain any byte."""
    return text.encode("ascii", "backslashreplace").decode()


def leave_standard_output() -> None:
    """Tell the agent that we are ready, and let its pipe go: the cluster waits until an agent's output is closed."""
    os.write(1, b"ready\n")
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 1)
    os.close(null)


def forget(path: str) -> None:
    """Remove a file, if it is there."""
    try:
        os.unlink(path)
    except OSError:
        return


if __name__ == "__main__":
    sys.exit(main(sys.argv, leave_standard_output))
