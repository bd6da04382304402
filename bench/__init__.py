"""Measurements of the running service; the figures stand in docs/benchmarks.md."""
