"""The whole service, started as its users start it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bench.stack import Stack, running_stack
from tests.system.browser import Camera


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--screenshots", type=Path, help="folder for screenshots of each page")


@pytest.fixture(scope="session")
def stack(tmp_path_factory: Any) -> Iterator[Stack]:
    """One running stack for all tests that do not stop it themselves."""
    with running_stack(tmp_path_factory.mktemp("stack") / "data") as running:
        yield running


@pytest.fixture(scope="session")
def camera(request: pytest.FixtureRequest) -> Camera:
    """Takes pictures for `--screenshots`."""
    return Camera(request.config.getoption("--screenshots"))
