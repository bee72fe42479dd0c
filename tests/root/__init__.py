"""Tests that need root and namespaces; `make test` runs them, `make test-quick` does not."""
