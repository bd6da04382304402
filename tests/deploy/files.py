"""What the tests read: compose's files, the example's settings, what `make env` writes."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]
OWN = (
    "api",
    "worker-captions",
    "worker-maintenance",
    "worker-cpu",
    "worker-search",
    "worker-gpu",
    "beat",
)
SERVICES = {
    "proxy",
    "redis",
    "store",
    "postgres",
    "api",
    "worker-cpu",
    "worker-search",
    "worker-gpu",
    "beat",
}


def example_settings() -> dict[str, str]:
    """Every variable of .env.example with its value, commented or not."""
    text = (ROOT / ".env.example").read_text()
    return dict(re.findall(r"^#?([A-Z][A-Z0-9_]+)=(.*)$", text, re.MULTILINE))


def make_env(folder: Path, *words: str) -> None:
    shutil.copy(ROOT / ".env.example", folder)
    environment = {"PATH": os.environ["PATH"], "ENV_HOME": str(folder)}
    subprocess.run(["bash", ROOT / "deploy" / "env.sh", *words], env=environment, check=True)
