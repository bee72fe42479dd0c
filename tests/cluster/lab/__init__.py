"""Two real Corosync and Pacemaker nodes with simulated relays, on one machine, in namespaces."""
