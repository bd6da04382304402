from __future__ import annotations

from typing import Any

import pytest
import yaml

from tests.deploy.files import ROOT


@pytest.fixture(scope="session")
def compose() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    return loaded
