"""One lab for all scenarios; each begins with everything on xivo-1, and keeps the logs when it fails.

With LAB_RELEASE in the environment the nodes are booted machines of that Debian release with the package in the folder
LAB_DIST (see `make test-release`); otherwise they are namespaces of this host, and they have the checkout's agent.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Generator, Iterator
from pathlib import Path

import pytest

from .lab import scenes
from .lab.cluster import Cluster
from .lab.processes import LabError
from .lab.two_nodes import Lab, lab_of_environment

MOST_SECONDS = 400
FIGURE = "figure"


def new_lab() -> Lab:
    """Return a lab that is not up yet; fail with the reason where there can be none."""
    try:
        return lab_of_environment()
    except LabError as exc:
        pytest.fail(f"the cluster scenarios cannot run: {exc}", pytrace=False)


@pytest.fixture(scope="session")
def two_nodes() -> Iterator[Cluster]:
    with new_lab() as lab:
        yield Cluster(lab)


@pytest.fixture(autouse=True)
def deadline() -> Iterator[None]:
    """No scenario lasts longer than this, whatever hangs; on a busy machine some take two minutes."""

    def ring(_number: int, _frame: object) -> None:
        raise TimeoutError(f"the scenario did not end within {MOST_SECONDS} s")

    before = signal.signal(signal.SIGALRM, ring)
    signal.alarm(MOST_SECONDS)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@pytest.fixture
def cluster(configured: Cluster, tmp_path: Path) -> Cluster:  # noqa: ARG001 (tmp_path is where the logs go)
    """The cluster at a fresh start; `configured` is the module's own."""
    configured.reset()
    return configured


@pytest.fixture
def measured(configured: Cluster, record_property: Callable[[str, object], None]) -> Callable[[str, float], None]:
    """Put a figure into the table at the end, and with it into the results what the nodes run.

    As properties of the test: those of a suite do not come from other processes.
    """

    def put(name: str, seconds: float) -> None:
        record_property(FIGURE, str(scenes.figure(name, seconds)))
        for program, version in configured.lab.versions().items():
            record_property(program, version)

    return put


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.CallInfo[None], None]:
    outcome = yield
    report = outcome.get_result()  # type: ignore[attr-defined]
    arguments = getattr(item, "funcargs", {})
    if report.failed and report.when != "teardown" and {"configured", "tmp_path"} <= set(arguments):
        place = arguments["configured"].lab.keep_logs(arguments["tmp_path"] / "nodes")
        report.sections.append(("the nodes' logs", f"kept in {place}"))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    reports = [*terminalreporter.stats.get("passed", ()), *terminalreporter.stats.get("failed", ())]
    figures = [figure for report in reports for name, figure in report.user_properties if name == FIGURE]
    if figures:
        terminalreporter.section("measured on two nodes (token 1000 ms)")
        for figure in figures:
            terminalreporter.write_line(figure)
