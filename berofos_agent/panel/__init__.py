"""The panel: the state of all devices and of the cluster, read in the background and shown on a page."""
