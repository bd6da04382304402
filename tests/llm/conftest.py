"""A real small language model and real vLLM on the CPU; skipped where they are not (make test-llm)."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path

import pytest

MODEL = Path(os.environ.get("XDG_CACHE_HOME", "~/.cache")).expanduser() / (
    "clip-browser/llm/SmolLM2-135M-Instruct"
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip the group, saying why, before anything is started for it."""
    why = ""
    if importlib.util.find_spec("vllm") is None:
        why = "vLLM is not installed in this environment: make test-llm"
    elif not (MODEL / "config.json").is_file():
        why = f"there is no model in {MODEL}: make test-llm"
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            item.add_marker(pytest.mark.llm)
            if why:
                item.add_marker(pytest.mark.skip(reason=why))


@pytest.fixture(scope="session")
def model() -> Path:
    """The model's folder."""
    return MODEL


@pytest.fixture(autouse=True)
def small_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a machine of 24 GB and two cores can spare, and no network."""
    monkeypatch.setenv("VLLM_CPU_KVCACHE_SPACE", "1")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    return
