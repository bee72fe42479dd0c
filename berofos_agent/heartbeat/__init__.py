"""`berofos heartbeat`: keeps the lines at port B while telephony is healthy, without a cluster."""
