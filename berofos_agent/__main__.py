"""Lets `python3 -m berofos_agent` do what `berofos` does, from a checkout."""

from __future__ import annotations

import sys

from berofos_agent.commands.berofos import main

sys.exit(main())
