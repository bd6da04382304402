"""What measures times: nothing else may run beside it, so `make test` runs this folder by itself."""

from __future__ import annotations

import os

import pytest


@pytest.fixture(scope="session", autouse=True)
def alone() -> None:
    """Fails where pytest-xdist runs other tests beside."""
    assert "PYTEST_XDIST_WORKER" not in os.environ, (
        "it measures times: run it without --numprocesses"
    )
