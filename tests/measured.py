"""What lets `make coverage` see into processes that get a bare environment; nothing otherwise."""

from __future__ import annotations

import os
import sys

MEASURED = {name: value for name, value in os.environ.items() if name.startswith("COVERAGE_")}
"""To be added to the environment."""

MEASURING = [sys.executable] if MEASURED else []
"""To be put before a program whose first line names the system's Python."""
