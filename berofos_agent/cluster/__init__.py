"""Pacemaker's side: the CIB, the recommended configuration, the scheduler."""
