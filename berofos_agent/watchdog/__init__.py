"""The kick daemon, and how a device is armed for it."""
