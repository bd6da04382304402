"""Fixtures that every test may ask for; see tests/servers.py for the real servers."""

from hypothesis import settings

pytest_plugins = ["tests.servers"]

# pytest --hypothesis-profile long: hours of the model-based tests, in place of seconds
settings.register_profile("long", max_examples=20_000)
