"""What is known of devices, relay resources and nodes as metrics, in the text format of Prometheus.

The table METRICS names all of them; docs/metrics.md is made from it. A value that is not known has no sample.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Callable, NamedTuple, Optional

from berofos_agent import __version__
from berofos_agent.agent.dahdi import Span
from berofos_agent.agent.readiness import READY
from berofos_agent.cluster.relays import RelayState
from berofos_agent.cluster.status import INFINITY, ONLINE
from berofos_agent.device.inspection import Inspection
from berofos_agent.device.reading import differences
from berofos_agent.device.settings import WATCHDOG
from berofos_agent.device.topology import LINES, SCENARIO, expected_settings, settings_for
from berofos_agent.doctor.devices import owner_of
from berofos_agent.doctor.findings import Inspected
from berofos_agent.doctor.overview import View
from berofos_agent.errors import BerofosError

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
POSITION = "berofos_device_relay_mode"
LAST_POSITION = "berofos_device_last_relay_mode"
CHANGES = "berofos_device_position_changes"


class Kick(NamedTuple):
    """How one device takes the kicks of this node."""

    device: str
    answered_at: float | None
    """In seconds of time.time(); None if no kick was answered yet."""
    unanswered: int


@dataclass(frozen=True)
class Here:
    """What only this node knows of a relay resource."""

    resource: str
    kicks: Sequence[Kick] = ()
    spans: Sequence[Span] = ()
    """Of a resource that has its lines on this node."""
    layer2: Mapping[str, bool] = field(default_factory=dict)
    """By span, whether layer 2 is up."""


@dataclass(frozen=True)
class Observation:
    """Everything that metrics are made of."""

    devices: Sequence[Inspection]
    cluster: View | str
    """Without devices; or why there is none."""
    is_node: bool = False
    """Pacemaker is installed on this host."""
    here: Sequence[Here] = ()
    changes: Mapping[str, int] = field(default_factory=dict)
    """By device, how often it was found in another position than when it answered before."""
    known: Mapping[str, str] = field(default_factory=dict)
    """By device, the relay mode when it last answered."""
    age: float = 0.0
    """Seconds since devices and cluster were read: of the older reading."""

    @property
    def view(self) -> View | None:
        """The cluster, None if there is none."""
        return None if isinstance(self.cluster, str) else self.cluster

    @property
    def relays(self) -> Sequence[RelayState]:
        """The state of each relay resource."""
        return self.view.facts.states if self.view else ()

    @property
    def nodes(self) -> Sequence[str]:
        """The cluster's nodes."""
        return [node.name for node in self.view.live.nodes] if self.view else ()


Sample = tuple[Sequence[str], Optional[float]]


class Metric(NamedTuple):
    """One row: its name without _total, what it means, its labels, and how it gets its samples."""

    name: str
    meaning: str
    labels: Sequence[str]
    samples: Callable[[Observation], Iterable[Sample]]
    kind: str = "gauge"

    @property
    def shown_name(self) -> str:
        """The name in the output."""
        return f"{self.name}_total" if self.kind == "counter" else self.name


# --- where the samples come from -----------------------------------------------------------------------------------


def _devices(pick: Callable[[Inspection], float | None]) -> Callable[[Observation], Iterator[Sample]]:
    return lambda seen: (((one.device,), pick(one)) for one in seen.devices)


def _relays(pick: Callable[[RelayState], float | None]) -> Callable[[Observation], Iterator[Sample]]:
    return lambda seen: (((one.id,), pick(one)) for one in seen.relays)


def _relays_and_nodes(pick: Callable[[RelayState, str], float | None]) -> Callable[[Observation], Iterator[Sample]]:
    return lambda seen: (((one.id, node), pick(one, node)) for one in seen.relays for node in seen.nodes)


def _number(one: Inspection, keyword: str) -> float | None:
    told = one.settings.get(keyword, "")
    return float(told) if re.fullmatch("[0-9]{1,9}", told) else None


def _mode(mode: str | None) -> float | None:
    return float(mode) if mode else None


def _expected_modes(seen: Observation) -> Iterator[Sample]:
    for one in seen.devices:
        state = seen.view.state_of(one.device) if seen.view else None
        yield (one.device,), _mode(state.mode if state else None)


def _watchdog_states(seen: Observation) -> Iterator[Sample]:
    for one in seen.devices:
        now = one.settings.get("wdogstate")
        for setting, name in WATCHDOG.items():
            yield (one.device, name), float(setting == now) if now in WATCHDOG else None


def _differing(seen: Observation) -> Iterator[Sample]:
    """What a device should be set to: by its relay resource, else by the scenario that it is set to."""
    for one in seen.devices:
        given = owner_of(seen.view.facts, Inspected(seen.view.config, one)) if seen.view else None
        own = settings_for(one.settings.get("scenario"))
        wanted = expected_settings(given.scenario, given.watchdog) if given else own
        different = {each.keyword for each in differences(one.settings, wanted)}
        for keyword in wanted if one.settings else ():
            yield (one.device, keyword), float(keyword in different)


def _device_facts(seen: Observation) -> Iterator[Sample]:
    names = {setting: name for name, setting in SCENARIO.items()}
    for one in seen.devices:
        scenario = names.get(one.settings.get("scenario", ""), "")
        yield (one.device, one.entry.host, one.mac or "", one.firmware or "", scenario), 1.0


def _kicks(pick: Callable[[Kick], float | None]) -> Callable[[Observation], Iterator[Sample]]:
    return lambda seen: (((here.resource, one.device), pick(one)) for here in seen.here for one in here.kicks)


def _readiness(seen: Observation) -> Iterator[Sample]:
    """A node that is not online could not take over, whatever its last monitor said; a lost one says nothing."""
    for state in seen.relays:
        for node in seen.view.live.nodes if seen.view else ():
            is_away = node.condition != ONLINE and state.is_cabled_to(node.name)
            if node.name not in state.nodes and (is_away or state.ready_on(node)):
                yield (state.id, node.name), float(state.ready_on(node) == READY)


def _fail_count(state: RelayState, node: str) -> float:
    count = sum(one.count for one in state.fail_counts if one.node == node)
    return math.inf if count >= INFINITY else float(count)


def _starts(seen: Observation, pick: Callable[[Any], float | None]) -> Iterator[Sample]:
    for operation in seen.view.live.history if seen.view else ():
        is_relay = operation.resource in {one.id for one in seen.relays}
        if is_relay and (operation.task, operation.code) == ("start", 0):
            yield (operation.resource, operation.node), pick(operation)


def _spans(seen: Observation) -> Iterator[Sample]:
    for here in seen.here:
        for span in here.spans:
            yield (here.resource, span.number, span.name), float(bool(span.alarms or span.problem))


def _layer2(seen: Observation) -> Iterator[Sample]:
    return (((here.resource, span), float(is_up)) for here in seen.here for span, is_up in here.layer2.items())


_DEVICE = ("device",)
_RELAY = ("resource",)
_RELAY_NODE = ("resource", "node")

METRICS = (
    Metric("berofos_build_info", "Version of this software; 1.", ("version",), lambda _: [((__version__,), 1.0)]),
    Metric(
        "berofos_reading_age_seconds",
        "Time since devices and cluster were read, by the older one: the panel answers with its last readings.",
        (),
        lambda seen: [((), round(seen.age, 1))],
    ),
    Metric(
        "berofos_device_reachable",
        "1 if the device answers and can be switched.",
        _DEVICE,
        _devices(lambda one: float(not one.failure)),
    ),
    Metric(
        "berofos_device_exchange_seconds",
        "Duration of the HTTP exchange that read the settings.",
        _DEVICE,
        _devices(lambda one: None if one.error else one.milliseconds / 1000),
    ),
    Metric(
        "berofos_device_info",
        "Address, MAC, firmware and scenario of the device; 1.",
        ("device", "host", "mac", "firmware", "scenario"),
        _device_facts,
    ),
    Metric(
        "berofos_device_flash_mode",
        "1 if the device waits for firmware and switches nothing.",
        _DEVICE,
        _devices(lambda one: float(one.in_flash_mode) if one.identity else None),
    ),
    Metric(POSITION, "Position of the relay: 1 is A-B, 0 is A-D.", _DEVICE, _devices(lambda one: _mode(one.mode))),
    Metric(
        LAST_POSITION,
        "Position of the relay when it last answered: 1 is A-B, 0 is A-D.",
        _DEVICE,
        lambda seen: (((one.device,), _mode(one.mode or seen.known.get(one.device))) for one in seen.devices),
    ),
    Metric(
        "berofos_device_expected_relay_mode",
        "Position in which the lines are where the cluster runs telephony.",
        _DEVICE,
        _expected_modes,
    ),
    Metric(
        "berofos_device_power_on_relay_mode",
        "Position of the relay after a power cut (modedef).",
        _DEVICE,
        _devices(lambda one: _number(one, "modedef")),
    ),
    Metric(
        CHANGES,
        "Times that a reading found the relay in another position than when it answered before.",
        _DEVICE,
        lambda seen: (((one.device,), float(seen.changes.get(one.device, 0))) for one in seen.devices),
        "counter",
    ),
    Metric(
        "berofos_device_watchdog_state",
        "1 for the state that the watchdog is in: off, on, or failure (it expired).",
        ("device", "state"),
        _watchdog_states,
    ),
    Metric(
        "berofos_device_watchdog_interval_seconds",
        "Interval of the watchdog.",
        _DEVICE,
        _devices(lambda one: _number(one, "wdogitime")),
    ),
    Metric(
        "berofos_device_watchdog_remaining_seconds",
        "Time until the watchdog expires without another kick, while it is on.",
        _DEVICE,
        _devices(lambda one: _number(one, "wdogrtime") if one.settings.get("wdogstate") == "1" else None),
    ),
    Metric(
        "berofos_device_last_answered_kick_timestamp_seconds",
        "When this node's kick daemon last had a kick answered.",
        ("resource", "device"),
        _kicks(lambda one: one.answered_at),
    ),
    Metric(
        "berofos_device_unanswered_kicks",
        "Kicks in a row that the device has not answered to this node's kick daemon.",
        ("resource", "device"),
        _kicks(lambda one: float(one.unanswered)),
    ),
    Metric(
        "berofos_device_setting_differs",
        "1 if the setting is not as the relay resource, or else the scenario, wants it.",
        ("device", "setting"),
        _differing,
    ),
    Metric(
        "berofos_cluster_up",
        "1 if the cluster answers on this host; only where Pacemaker is installed.",
        (),
        lambda seen: [((), float(seen.view is not None) if seen.is_node else None)],
    ),
    Metric(
        "berofos_relay_running",
        "1 on the node where the relay resource runs.",
        _RELAY_NODE,
        _relays_and_nodes(lambda one, node: float(node in one.nodes)),
    ),
    Metric(
        "berofos_relay_degraded",
        "1 if the relay resource runs, but its last monitor found a problem.",
        _RELAY,
        _relays(lambda one: float(bool(one.nodes and one.reason))),
    ),
    Metric(
        "berofos_relay_managed",
        "0 if the cluster does not manage the relay resource.",
        _RELAY,
        _relays(lambda one: float(one.managed)),
    ),
    Metric(
        "berofos_relay_blocked",
        "1 if the cluster does nothing more with the relay resource after a failure.",
        _RELAY,
        _relays(lambda one: float(one.blocked)),
    ),
    Metric(
        "berofos_relay_failures",
        "Failures that the cluster counts; +Inf after a failed start.",
        _RELAY_NODE,
        _relays_and_nodes(_fail_count),
    ),
    Metric(
        "berofos_relay_last_start_timestamp_seconds",
        "When the relay resource last started on the node, from Pacemaker's history.",
        _RELAY_NODE,
        lambda seen: _starts(seen, lambda one: one.at.timestamp() if one.at else None),
    ),
    Metric(
        "berofos_relay_last_start_duration_seconds",
        "How long that start took, the switch included, as Pacemaker measured it.",
        _RELAY_NODE,
        lambda seen: _starts(seen, lambda one: one.seconds),
    ),
    Metric(
        "berofos_node_ready",
        "1 if the node is online and could take over the relay resource, by its own monitor with role=Stopped.",
        _RELAY_NODE,
        _readiness,
    ),
    Metric(
        "berofos_span_alarm",
        "1 if the DAHDI span is in alarm or missing, while the lines are on this node.",
        ("resource", "span", "name"),
        _spans,
    ),
    Metric(
        "berofos_span_layer2_up",
        "1 if layer 2 of the span is up, as Asterisk says, while the lines are on this node.",
        ("resource", "span"),
        _layer2,
    ),
)


# --- as text -------------------------------------------------------------------------------------------------------


def text_of(seen: Observation) -> bytes:
    """Return all metrics as text; raise BerofosError if the client library of Prometheus is not installed."""
    library = _library()

    class Collector:
        def collect(self) -> Iterator[Any]:
            for metric in METRICS:
                make = library.core.CounterMetricFamily if metric.kind == "counter" else library.core.GaugeMetricFamily
                family = make(metric.name, metric.meaning, labels=metric.labels)
                # Prometheus refuses everything if one sample is there twice, as of a span that `spans` names twice.
                samples = {tuple(labels): value for labels, value in metric.samples(seen) if value is not None}
                for labels, value in samples.items():
                    family.add_metric(labels, value)
                if samples:
                    yield family

    registry = library.CollectorRegistry()
    registry.register(Collector())
    text: bytes = library.generate_latest(registry)
    return text


def carried_on(text: str, devices: Sequence[Inspection]) -> tuple[dict[str, int], dict[str, str]]:
    """Return how often each device was found in another position, this reading included, and where it was last seen.

    `text` is the output of the run before; without it, or if that is damaged, counting begins again. A device that
    lost its power does not answer for a while, and is in another position when it does: that is a change too.
    """
    _library()
    from prometheus_client.parser import text_string_to_metric_families

    before: dict[tuple[str, str], float] = {}
    try:
        for family in text_string_to_metric_families(text):
            before.update({(one.name, one.labels.get("device", "")): one.value for one in family.samples})
        counts = {one.device: int(before.get((f"{CHANGES}_total", one.device), 0)) for one in devices}
    except (ValueError, OverflowError, IndexError, KeyError):
        return {}, {}
    known = {}
    for one in devices:
        last = before.get((LAST_POSITION, one.device), before.get((POSITION, one.device)))
        counts[one.device] += last is not None and bool(one.mode) and last != _mode(one.mode)
        known[one.device] = one.mode or next((mode for mode in LINES if _mode(mode) == last), "")
    return counts, known


def _library() -> Any:
    try:
        import prometheus_client
        import prometheus_client.core
    except ImportError:
        raise BerofosError("needs the client of Prometheus: apt-get install python3-prometheus-client") from None
    return prometheus_client
