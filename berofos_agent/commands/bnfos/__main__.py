"""Runs `bnfos` from a checkout: `python3 -m berofos_agent.commands.bnfos`."""

from __future__ import annotations

import sys

from berofos_agent.commands.bnfos.main import main

sys.exit(main())
