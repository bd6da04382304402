"""Fixtures that every test may ask for; see tests/servers.py for the real servers."""

pytest_plugins = ["tests.servers"]
