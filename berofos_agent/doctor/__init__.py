"""What `berofos doctor` knows: the facts of a cluster, of files and of devices, and the checks over them."""
