"""`berofos heartbeat`: keeps the lines while the telephones work, without a cluster.

`decisions` is pure, `lines` does HTTP in a child process, `loop` brings the two together.
"""
