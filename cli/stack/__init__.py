"""The embedded stack: every part of the service on one machine, started and stopped together."""
