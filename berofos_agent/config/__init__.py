"""Reads and edits bnfos.conf."""
