"""What the relay's positions connect, and the settings of a device for each topology."""

from __future__ import annotations

from collections.abc import Mapping

LINES: Mapping[str, str] = {"1": "A-B", "0": "A-D"}
"""By relay mode, where the lines that come in on port A go."""

MODE_OF_PORT: Mapping[str, str] = {"b": "1", "d": "0"}
"""By the letter on the socket that gets the lines, the relay mode that brings them there."""

PORT_OF_MODE: Mapping[str, str] = {mode: port for port, mode in MODE_OF_PORT.items()}

SCENARIO: Mapping[str, str] = {"fallback": "0", "bypass": "1"}
"""By the topology's name, the setting `scenario`: two XiVOs on B and D, or one XiVO in front of a PBX on D."""

WATCHDOG_SECONDS: Mapping[str, int] = {"fallback": 0, "bypass": 15}
"""By topology, the watchdog interval a device is set up with unless an option says otherwise; 0 is off.

Where D is a PBX, nobody switches when the XiVO dies, so the device has to do it by itself.
"""


def connections(mode: str, scenario: str) -> list[tuple[str, str]]:
    """Return the pairs of ports that are put through."""
    if mode == "0":
        return [("A", "D")]
    return [("A", "B"), ("C", "D")] if scenario == SCENARIO["bypass"] else [("A", "B")]


def settings_for(setting: str | None, scenario: str | None = None, watchdog: int | None = None) -> dict[str, str]:
    """Return the settings to expect of a device whose `scenario` is set to this, where nothing else says it.

    A scenario or a watchdog interval that is given counts more. In bypass any watchdog is right.
    """
    scenario = scenario or next((name for name, value in SCENARIO.items() if value == setting), None)
    if scenario is None:
        return {}
    expected = expected_settings(scenario, watchdog or 0)
    if scenario == "bypass" and watchdog is None:
        return {keyword: value for keyword, value in expected.items() if not keyword.startswith("wdog")}
    return expected


def expected_settings(scenario: str, watchdog: int = 0) -> dict[str, str]:
    """Return the settings a device should have, in the order to write them; relay and running watchdog are left out.

    `watchdog` is the interval in seconds, 0 for a device that never acts by itself. With one, `wdog` is not among
    the settings: the program that kicks the device arms it, since an armed watchdog that nobody kicks drops the lines.
    """
    stored = {"scenario": SCENARIO[scenario], "modedef": "1"}
    if watchdog:
        return {**stored, "wdogitime": str(watchdog), "wdogdef": "1"}
    return {"wdog": "0", "wdogdef": "0", **stored}


def provision_arguments(device: str, expected: Mapping[str, str]) -> str:
    """Return what `berofos provision` needs to give a device all that expected_settings returned."""
    scenario = next(name for name, value in SCENARIO.items() if value == expected["scenario"])
    watchdog = int(expected.get("wdogitime", 0))
    options = [f"--scenario {scenario}"] if scenario != "fallback" else []
    if watchdog != WATCHDOG_SECONDS[scenario]:
        options.append(f"--watchdog {watchdog}")
    return " ".join([*options, device])
