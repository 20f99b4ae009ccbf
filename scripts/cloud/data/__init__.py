"""Reviews on this machine: fetched, unpacked, read."""
