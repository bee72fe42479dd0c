"""`berofos-alert`: Pacemaker runs it for each event of the cluster."""
