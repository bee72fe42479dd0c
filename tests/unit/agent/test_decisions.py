"""The agent's decisions, a case a row of the design's table; no device, no clock."""

from __future__ import annotations

import pytest

from berofos_agent import errors
from berofos_agent.agent import decisions, ocf
from berofos_agent.agent.decisions import evaluate_monitor, evaluate_settings, evaluate_start
from berofos_agent.device.reading import Reading
from berofos_agent.device.topology import expected_settings

GRACE = 60.0


def at(device: str, mode: str, **told: str) -> Reading:
    return Reading(device, {"mode": mode, **told})


def lost(device: str, kind: type[errors.DeviceError] = errors.Unreachable) -> Reading:
    return Reading(device, error=kind(device, "no answer from 10.0.0.1 within 3 s"))


@pytest.mark.parametrize(
    ("seen", "seconds", "code", "words"),
    [
        pytest.param([at("fos1", "1"), at("fos2", "1")], 0, 0, "", id="all-in-position"),
        pytest.param(
            [at("fos1", "0")], 0, 7, "fos1: relay is in position A-D, expected A-B", id="all-in-the-wrong-position"
        ),
        pytest.param(
            [at("fos1", "1"), at("fos2", "0")], 0, 1, "fos2: relay is in position A-D", id="one-in-the-wrong-position"
        ),
        pytest.param([lost("fos1"), at("fos2", "0")], 0, 1, "fos2", id="one-in-the-wrong-position-one-silent"),
        pytest.param([at("fos1", "1"), lost("fos2")], 999, 190, "fos2: no answer", id="one-here-one-silent"),
        pytest.param(
            [at("fos1", "1"), lost("fos2", errors.Refused)], 999, 190, "fos2", id="one-here-one-refuses-password"
        ),
        pytest.param(
            [at("fos1", "1"), lost("fos2", errors.UnusableAnswer)], 999, 190, "fos2", id="one-here-one-nonsense"
        ),
        pytest.param([at("fos1", "1"), Reading("fos2", {})], 0, 190, "reports no relay mode", id="one-tells-no-mode"),
        pytest.param([lost("fos1"), lost("fos2")], 59.9, 190, "also fos2", id="all-silent-within-grace"),
        pytest.param([lost("fos1"), lost("fos2")], 60, 1, "check power and network", id="all-silent-beyond-grace"),
    ],
)
def test_monitor(seen: list[Reading], seconds: float, code: int, words: str) -> None:
    answer = evaluate_monitor(seen, "1", seconds, GRACE)
    assert answer.code == code
    assert words in answer.reason
    assert bool(answer.reason) == bool(code)


def test_monitor_without_grace_fails_at_once() -> None:
    assert evaluate_monitor([lost("fos1")], "1", 0, 0).code == ocf.OCF_ERR_GENERIC


def test_monitor_on_the_node_at_port_d() -> None:
    assert evaluate_monitor([at("fos1", "0")], "0", 0, GRACE).code == ocf.OCF_SUCCESS
    answer = evaluate_monitor([at("fos1", "1")], "0", 0, GRACE)
    assert (answer.code, answer.reason) == (
        ocf.OCF_NOT_RUNNING,
        "fos1: relay is in position A-B, expected A-D; find out who moved it",
    )


def test_monitor_with_unusable_configuration_keeps_the_resource_for_the_grace() -> None:
    assert evaluate_monitor([], "1", 5, GRACE, "bnfos.conf is missing").code == ocf.OCF_DEGRADED
    assert evaluate_monitor([], "1", 61, GRACE, "bnfos.conf is missing") == decisions.Result(1, "bnfos.conf is missing")


@pytest.mark.parametrize(
    ("kinds", "in_position", "code"),
    [
        pytest.param([], 2, 0, id="all-in-position"),
        pytest.param([errors.Unreachable], 1, 0, id="one-silent-one-in-position"),
        pytest.param([errors.Unreachable], 0, 1, id="none-reachable"),
        pytest.param([errors.DidNotFollow], 1, 1, id="one-does-not-follow"),
        pytest.param([errors.NotABerofos], 1, 1, id="one-is-no-berofos"),
        pytest.param([errors.UnusableAnswer], 1, 1, id="one-answers-nonsense"),
        pytest.param([errors.Refused], 1, 0, id="password-refused-by-one"),
        pytest.param([errors.Refused], 0, 1, id="password-refused-by-all"),
        pytest.param([errors.Unreachable, errors.DidNotFollow, errors.Refused], 1, 1, id="the-gravest-decides"),
    ],
)
def test_start(kinds: list[type[errors.DeviceError]], in_position: int, code: int) -> None:
    failed = [kind(f"fos{number}", "what was seen") for number, kind in enumerate(kinds, 1)]
    answer = evaluate_start(failed, in_position)
    assert answer.code == code
    assert bool(answer.reason) == bool(code)


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        (errors.ParameterError, 6),
        (errors.NotCabled, 2),
        (errors.ConfigurationMissing, 5),
        (errors.ConfigurationError, 2),
        (errors.StateError, 1),
        (errors.KickDaemonError, 1),
        (errors.OutOfTime, 1),
        (errors.FrameError, 1),
        (errors.Refused, 4),
        (errors.NotABerofos, 2),
        (errors.Unreachable, 1),
        (errors.UnusableAnswer, 1),
        (errors.DidNotFollow, 1),
    ],
)
def test_an_error_that_ends_an_action_has_one_exit_code(kind: type[errors.BerofosError], code: int) -> None:
    assert decisions.exit_code_of(kind.__new__(kind)) == code


def test_every_kind_of_device_error_has_its_own_row() -> None:
    assert set(errors.DeviceError.__subclasses__()) <= set(decisions.EXIT_CODE)


def test_the_table_is_ordered_by_severity() -> None:
    met = [
        errors.Unreachable("fos1", "no answer"),
        errors.DidNotFollow("fos2", "mode=1"),
        errors.NotABerofos("fos3", "is another product"),
        errors.Refused("fos4", "password refused"),
    ]
    for count in range(1, 5):
        assert decisions.most_severe(met[:count]) is met[count - 1]


def test_a_start_names_the_most_severe_error_first() -> None:
    met = [errors.DidNotFollow("fos1", "mode=1"), errors.NotABerofos("fos2", "is another product")]
    assert evaluate_start(met, 1) == decisions.Result(
        1, "fos2: is another product; correct host and mac in bnfos.conf (also fos1)"
    )


@pytest.mark.parametrize(
    ("told", "words"),
    [
        pytest.param({"scenario": "1"}, "scenario=1, expected 0", id="scenario"),
        pytest.param({"modedef": "0"}, "modedef=0, expected 1", id="modedef"),
        pytest.param({"wdog": "1"}, "wdog=1, expected 0", id="watchdog-armed"),
        pytest.param({"wdogdef": "1"}, "wdogdef=1, expected 0", id="watchdog-at-power-on"),
        pytest.param({"wdogstate": "2", "wdog": "2"}, "watchdog failure latched", id="watchdog-failed"),
    ],
)
def test_latent_misconfiguration_is_reported(told: dict[str, str], words: str) -> None:
    expected = {"scenario": "0", "modedef": "1", "wdog": "0", "wdogdef": "0"}
    answer = evaluate_settings([at("fos1", "1"), at("fos2", "1", **told)], expected)
    assert answer.code == ocf.OCF_DEGRADED
    assert answer.reason.startswith("fos2: ")
    assert words in answer.reason


def test_settings_a_firmware_does_not_tell_are_not_held_against_it() -> None:
    assert evaluate_settings([at("fos1", "1")], {"wdogdef": "0"}).code == ocf.OCF_SUCCESS


def test_one_line_for_several_errors() -> None:
    errors_ = [errors.Unreachable(name, "no answer") for name in ("fos1", "fos2", "fos3")]
    step = "check power and network"
    assert decisions.together(errors_[:1]) == f"fos1: no answer; {step}"
    assert decisions.together(errors_) == f"fos1: no answer; {step} (also fos2, fos3)"
    assert decisions.together([errors_[1], *errors_[:2]]) == f"fos2: no answer; {step} (also fos1)"


def test_an_expired_watchdog_is_the_reason_of_a_wrong_position() -> None:
    answer = evaluate_monitor([at("fos1", "0"), at("fos2", "0", wdogstate="2")], "1", 0, GRACE)
    assert answer == decisions.Result(
        7, "fos1, fos2: relay is in position A-D, expected A-B (watchdog expired); find out why kicks stopped"
    )
    armed = evaluate_monitor([at("fos1", "0", wdogstate="1"), Reading("fos2", {"wdogstate": "2"})], "1", 0, GRACE)
    assert armed == decisions.Result(1, "fos1: relay is in position A-D, expected A-B; find out who moved it")


def test_all_settings_that_are_wrong_are_told() -> None:
    answer = evaluate_settings([at("fos1", "1", modedef="0", scenario="1")], {"scenario": "0", "modedef": "1"})
    assert answer.reason == "fos1: scenario=1, expected 0; modedef=0, expected 1; run berofos provision fos1"


def test_a_reason_that_would_be_cut_names_fewer_settings_but_the_whole_command() -> None:
    settings = {"scenario": "0", "modedef": "0", "wdogitime": "15", "wdogdef": "0"}
    answer = evaluate_settings([at("fos1", "1", **settings)], expected_settings("bypass", 60))
    assert answer.reason == (
        "fos1: scenario=0, expected 1; modedef=0, expected 1; 2 more; "
        "run berofos provision --scenario bypass --watchdog 60 fos1"
    )
    assert len(answer.reason) <= 128
