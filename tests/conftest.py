"""Fixtures that every test may ask for; see tests/servers.py for the real servers."""

import pytest
from hypothesis import settings

pytest_plugins = ["tests.servers"]

# What trains or starts the whole service: of files that run side by side, a long one that begins last is waited for alone.
LONGEST_FIRST = ("tests/workers/gpu/", "tests/system/", "tests/workers/", "tests/cli/")

# Hypothesis' own limit of 0.2 s an example is no bound of ours: on a machine that stands still for a moment, it fails.
settings.register_profile("here", deadline=None)
settings.load_profile("here")
# pytest --hypothesis-profile long: hours of the model-based tests, in place of seconds
settings.register_profile("long", max_examples=20_000)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest files first, each in its own order."""
    items.sort(key=_rank)


def _rank(item: pytest.Item) -> int:
    starts = (item.nodeid.startswith(folder) for folder in LONGEST_FIRST)
    return next((rank for rank, is_here in enumerate(starts) if is_here), len(LONGEST_FIRST))
