"""The kicker: a process that kicks some devices as long as its state file is there; knows no HTTP and no cluster.

It runs by itself, with the standard library alone and as few modules as it can, since it lives as long as the
resource does: `python3 -IS kickd.py STATE TOKEN SECONDS NAME=ADDRESS:PORT:DATAGRAM ...`. process.py starts and ends it.

    STATE           it ends when this file is gone, or no longer holds TOKEN: then it belongs to another start
    STATE.kicker    it holds a lock on this one, so that there are never two; the kernel knows whose lock it is
    STATE.kicks     what it did: "at" and a time; then for each device its name, when a kick was last answered, and
                    how many kicks were not answered since. Times are seconds since boot (CLOCK_BOOTTIME)

A kick that is answered is followed by the next after SECONDS, one that is not after a third of that. A kick neither
arms a watchdog nor moves a relay, so one too many does no harm.
"""

import fcntl
import os
import select
import socket
import sys
import syslog
import time

CHECK_SECONDS = 1.0
HEAD_BYTES = 11  # magic, command and MAC: what an answer has in common with its kick
LARGEST_DATAGRAM = 2048
MOST_DATAGRAMS = 64

Address = tuple[str, int]


class Target:
    """A device to be kicked."""

    def __init__(self, order: str) -> None:
        self.name, _, how = order.partition("=")
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


def main(argv: list[str]) -> int:
    """Kick until the state file is gone; return 1 if another kicker does already."""
    state, token, seconds = argv[1], argv[2], float(argv[3])
    targets = [Target(order) for order in argv[4:]]
    syslog.openlog("berofos-kicker", syslog.LOG_PID, syslog.LOG_DAEMON)
    try:
        lock = take_lock(f"{state}.kicker")
    except OSError as exc:
        syslog.syslog(syslog.LOG_ERR, f"{state}.kicker: {exc.strerror}")
        return 1
    if lock < 0:
        syslog.syslog(syslog.LOG_ERR, f"{state} has a kicker already")
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
    forget(f"{state}.kicker")
    syslog.syslog(syslog.LOG_NOTICE, f"{state} is gone or of another start: no more kicks")
    return 0


def clock() -> float:
    """Return seconds since boot, suspended time included: no step of the wall clock changes them."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def still_wanted(state: str, token: str) -> bool:
    """Tell whether the start we belong to still lasts."""
    try:
        with open(state, "rb") as file:
            return token.encode() in file.read()
    except OSError:
        return False


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
    lines = [f"at {clock():.3f}"]
    lines += [f"{target.name} {target.answered_at:.3f} {target.unanswered}" for target in targets]
    try:
        with open(os.open(f"{path}.tmp", os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600), "w") as file:
            file.write("\n".join(lines) + "\n")
        os.replace(f"{path}.tmp", path)
    except OSError:
        return


def take_lock(path: str) -> int:
    """Return the descriptor of the lock file, locked; -1 if another kicker has it. It stays open to the end."""
    while True:
        lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            fcntl.lockf(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(lock)
            return -1
        try:
            if os.stat(path).st_ino == os.fstat(lock).st_ino:
                return lock
        except FileNotFoundError:
            pass
        os.close(lock)  # the kicker before us has just removed it


def forget(path: str) -> None:
    """Remove a file, if it is there."""
    try:
        os.unlink(path)
    except OSError:
        return


if __name__ == "__main__":
    sys.exit(main(sys.argv))
