"""Real sockets, threads and processes: what a transfer promises, whatever happens meanwhile."""
