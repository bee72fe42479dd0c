"""What one call of the agent reads from the environment, whatever stands there."""

from __future__ import annotations

import os
import time

import pytest

from berofos_agent.agent.invocation import Invocation, process_age


@pytest.mark.parametrize(
    ("milliseconds", "seconds"),
    [
        ("20000", 18.0),
        ("5000", 4.5),
        ("2000", 1.5),
        ("1500", 1.0),
        ("1000", 0.5),
        ("600", 0.3),
        ("60000", 58.0),
        ("", 18.0),
        ("0", 18.0),
        ("abc", 18.0),
        ("-5", 18.0),
        ("9" * 5000, 18.0),
    ],
)
def test_an_action_ends_itself_before_the_cluster_kills_it(milliseconds: str, seconds: float) -> None:
    call = Invocation({"OCF_RESKEY_CRM_meta_timeout": milliseconds})
    assert call.deadline - call.began == pytest.approx(seconds)


def test_an_empty_environment_is_a_call_like_any_other() -> None:
    call = Invocation({})
    assert (call.instance, call.role, call.clones, call.check_level) == ("default", "", 0, 0)
    assert call.state == "/run/resource-agents/berofos-default.state"
    assert call.parameter("config") is None
    assert call.reason_prefix == "ocf-exit-reason:"


def test_what_the_cluster_says() -> None:
    call = Invocation(
        {
            "OCF_RESOURCE_INSTANCE": "relay",
            "HA_RSCTMP": "/x",
            "OCF_CHECK_LEVEL": "10",
            "OCF_EXIT_REASON_PREFIX": "why:",
            "OCF_RESKEY_CRM_meta_role": "Stopped",
            "OCF_RESKEY_CRM_meta_clone_max": "2",
            "OCF_RESKEY_config": "/y",
            "OCF_RESKEY_devices": "",
        }
    )
    assert (call.instance, call.state, call.check_level) == ("relay", "/x/berofos-relay.state", 10)
    assert (call.role, call.clones, call.reason_prefix) == ("Stopped", 2, "why:")
    assert (call.parameter("config"), call.parameter("devices"), call.parameter("spans")) == ("/y", None, None)


@pytest.mark.parametrize("number", ["9" * 5000, "-1", "1e3", "\u0663", "ten", " 10", ""])
def test_a_number_that_is_none_counts_as_none(number: str) -> None:
    call = Invocation({"OCF_CHECK_LEVEL": number, "OCF_RESKEY_CRM_meta_clone_max": number})
    assert (call.check_level, call.clones) == (0, 0)


def test_the_age_of_this_process_is_how_long_it_runs() -> None:
    child, seconds = os.fork(), 0.3
    if child == 0:
        time.sleep(seconds)
        os._exit(0 if seconds <= process_age() + 0.02 < 10 else 1)
    assert os.waitpid(child, 0)[1] == 0
