"""What happened to the lines, as logs and devices tell it."""
