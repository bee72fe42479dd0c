"""Measurements: ratios in one run, since absolute times of a shared machine are noise. `make bench` prints them."""
