"""Fuzzes the parsers for a bounded time: python -m tests.fuzz SECONDS [TARGET...]

With atheris, coverage-guided; where it cannot be had, with random changes to the corpus. Inputs that reach new code
are kept below build/fuzz, a crash too; a crash goes to tests/fuzz/corpus under a name that says what was found.
"""

from __future__ import annotations

import importlib.util
import random
import re
import subprocess
import sys
import time
import traceback
from pathlib import Path

CORPUS = Path(__file__).parent / "corpus"
BUILD = Path("build/fuzz")


def main(argv: list[str]) -> int:
    """Give each target its share of the time; return 1 if one of them crashed."""
    if argv[1:2] == ["--guided"]:
        return _guided(argv[2], argv[3:])
    from tests.fuzz.targets import TARGETS

    seconds = float(argv[1]) if argv[1:] else 60
    names = argv[2:] or list(TARGETS)
    by_atheris = importlib.util.find_spec("atheris") is not None
    if not by_atheris:
        print(f"atheris cannot be had for Python {sys.version.split()[0]}: random changes to the corpus instead")
    total, crashed = 0, []
    for name in names:
        inputs, ended_well = (_with_atheris if by_atheris else _at_random)(name, seconds / len(names))
        print(f"{name:12} {inputs:>10,} inputs  {'ok' if ended_well else 'CRASHED'}", flush=True)
        total += inputs
        crashed += [] if ended_well else [name]
    print(f"{'all':12} {total:>10,} inputs")
    return 1 if crashed else 0


def _with_atheris(name: str, seconds: float) -> tuple[int, bool]:
    """Run a target in a process of its own, as libFuzzer ends the process; return its count and whether it held."""
    found = BUILD / name
    found.mkdir(parents=True, exist_ok=True)
    options = [f"-max_total_time={max(1, round(seconds))}", "-max_len=2048", "-timeout=10", "-rss_limit_mb=1024"]
    options += ["-print_final_stats=1", "-verbosity=0", f"-artifact_prefix={BUILD}/{name}-", str(found)]
    command = [sys.executable, "-m", "tests.fuzz", "--guided", name, *options, str(CORPUS / name)]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    said = done.stdout.decode(errors="replace")
    count = re.search(r"number_of_executed_units: ([0-9]+)", said)
    if done.returncode:
        print(said)
    return int(count.group(1)) if count else 0, done.returncode == 0


def _guided(name: str, options: list[str]) -> int:
    import atheris

    with atheris.instrument_imports(include=["berofos_agent", "http.client", "json.decoder", "requests.utils"]):
        from tests.fuzz.targets import TARGETS
    atheris.Setup([sys.argv[0], *options], TARGETS[name])
    atheris.Fuzz()
    return 0


def _at_random(name: str, seconds: float) -> tuple[int, bool]:
    from tests.fuzz.targets import TARGETS

    seeds = [path.read_bytes() for path in sorted((CORPUS / name).iterdir())]
    chance, until, inputs = random.Random(name), time.monotonic() + seconds, 0
    while time.monotonic() < until:
        data = _changed(bytearray(chance.choice(seeds)), chance)
        inputs += 1
        try:
            TARGETS[name](data)
        except Exception:
            traceback.print_exc()
            BUILD.mkdir(parents=True, exist_ok=True)
            (BUILD / f"{name}-crash").write_bytes(data)
            return inputs, False
    return inputs, True


def _changed(data: bytearray, chance: random.Random) -> bytes:
    for _ in range(chance.randint(1, 6)):
        at = chance.randint(0, len(data))
        piece = chance.choice([chance.randbytes(chance.randint(0, 8)), bytes(data[: chance.randint(0, 40)])])
        data[at : at + chance.randint(0, 4)] = piece
    return bytes(data)


if __name__ == "__main__":
    sys.exit(main(sys.argv))
