"""The commands people type; each module parses its arguments, makes one call into the package, and prints."""
