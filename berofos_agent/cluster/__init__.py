"""What we know of and tell Pacemaker."""
