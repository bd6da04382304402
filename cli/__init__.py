"""The terminal room: starts the embedded stack, and is an HTTP client for everything else."""
