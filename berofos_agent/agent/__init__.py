"""The resource agent: one call from its environment to an exit code."""
