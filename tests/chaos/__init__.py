"""Chaos on the two-node cluster: a seeded schedule of faults, and what must be true after each round."""
