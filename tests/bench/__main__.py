"""Prints one table of all measurements; exits 1 if a promise was not kept."""

from __future__ import annotations

import importlib
import pkgutil
import sys

import tests.bench
from tests.bench.rows import Row

NO_MEASUREMENTS = {"__main__", "rows"}


def main(wanted: list[str]) -> int:
    """Run the measurements named, or all of them."""
    broken = 0
    print(f"{'what':<58} {'measured':>12} {'promised':>10}   how")
    for module in sorted(info.name for info in pkgutil.iter_modules(tests.bench.__path__)):
        if module in NO_MEASUREMENTS or (wanted and module not in wanted):
            continue
        for row in importlib.import_module(f"tests.bench.{module}").rows():
            print(line(row), flush=True)
            broken += not row.kept
    return 1 if broken else 0


def line(row: Row) -> str:
    """Return a row as text."""
    limit = "" if row.limit is None else f"{row.limit:g} {row.unit}"
    verdict = "" if row.kept else "  MISSED"
    return f"{row.name:<58} {row.value:>10.3g} {row.unit:<2}{limit:>10}   {row.how}{verdict}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
