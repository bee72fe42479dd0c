"""The panel: what all devices and the cluster are like, read in the background and shown to whoever looks."""
