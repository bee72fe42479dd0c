"""Shows two real cluster nodes and the lines that follow the active one: what `make demo` runs."""

from __future__ import annotations

import contextlib
import signal
import sys
from collections.abc import Callable, Iterator

from . import scenes
from .cluster import MONITOR_SECONDS, TELEPHONY, Cluster
from .picture import draw
from .processes import LabError
from .two_nodes import Lab, lab_of_environment

MOST_SECONDS = 170
INDENT = " " * 10
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGALRM)


class Interrupted(Exception):
    """A signal ends the demo; carries its number."""


def main() -> int:
    """Play all scenes and return the exit status."""
    try:
        lab = lab_of_environment(tell=_tell)
        with _interruptible():
            try:
                lab.note("two nodes, xivo-1 and xivo-2, are built, and two simulated bero*fos devices, fos1 and fos2")
                lab.up()
                _play(Cluster(lab))
            finally:
                _undisturbed(lab.down)
    except Interrupted as exc:
        number = exc.args[0]
        late = number == signal.SIGALRM
        print(f"demo: {f'not done after {MOST_SECONDS} s' if late else 'interrupted'}; all taken down", file=sys.stderr)
        return 1 if late else 128 + int(number)
    except LabError as exc:
        print(f"demo: {exc}", file=sys.stderr)
        return 1
    print("All taken down again: no process, namespace or file is left.")
    return 0


def _play(cluster: Cluster) -> None:
    lab = cluster.lab
    lab.note("both nodes are in one cluster; the relay is being configured the way the README says")
    cluster.configure()
    _show(cluster, "the lines are on xivo-1, where telephony runs")

    seconds = scenes.node_killed(cluster, "xivo-1")
    cluster.wait_for("xivo-2")
    _show(cluster, f"after {seconds:.1f} s the lines are on xivo-2, and so is telephony", dead="xivo-1")

    lab.boot("xivo-1")
    cluster.wait_for_members()
    cluster.wait_for("xivo-2", seconds=3)
    _show(cluster, "xivo-1 is back in the cluster; telephony and lines stay where they are")

    seconds = scenes.telephony_moved(cluster, "xivo-1")
    _show(cluster, f"{seconds:.1f} s after the command the lines are on xivo-1 too")
    cluster.clear(TELEPHONY)

    def in_the_wrong_position() -> None:
        _draw(cluster.lab, "xivo-1")

    seconds = scenes.relay_moved_by_hand(cluster, "fos1", witness=in_the_wrong_position)
    cluster.wait_for("xivo-1")
    _show(cluster, f"after {seconds:.1f} s the cluster has turned it back (it looks every {MONITOR_SECONDS} s)")


def _show(cluster: Cluster, what: str, dead: str = "") -> None:
    cluster.lab.note(what)
    _draw(cluster.lab, cluster.where(TELEPHONY), dead)


def _draw(lab: Lab, telephony: str, dead: str = "") -> None:
    for row in draw(lab.lines(), telephony, dead):
        print(INDENT + row)
    print(flush=True)


def _tell(line: str) -> None:
    print(line, flush=True)


@contextlib.contextmanager
def _interruptible() -> Iterator[None]:
    """Turn Ctrl-C, TERM and the end of the time into an exception, so that everything is taken down."""

    def ring(number: int, _frame: object) -> None:
        raise Interrupted(number)

    for number in SIGNALS:
        signal.signal(number, ring)
    signal.alarm(MOST_SECONDS)
    yield


def _undisturbed(take_down: Callable[[], None]) -> None:
    """Let no second Ctrl-C stop the taking down."""
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    take_down()


if __name__ == "__main__":
    sys.exit(main())
