"""Lets `python3 -m berofos_agent.commands.bnfos` do what `bnfos` does, from a checkout."""

from __future__ import annotations

import sys

from berofos_agent.commands.bnfos.main import main

sys.exit(main())
