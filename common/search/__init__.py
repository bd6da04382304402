"""Search: what its jobs may be asked for."""
