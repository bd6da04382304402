"""`clip-browser tensorboard`, which `make tensorboard` and the compose service run."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import httpx
from torch.utils.tensorboard import SummaryWriter

from bench.stack import free_port

START_S = 200.0


def test_all_runs_of_the_data_folder_are_shown(tmp_path: Path) -> None:
    for number, run in enumerate(("0123456789ab", "ba9876543210")):
        with SummaryWriter(str(tmp_path / "runs" / run)) as writer:
            writer.add_scalar("train/loss", 3.5 - number, 1)
    port = free_port()
    command = [str(Path(sys.executable).parent / "clip-browser"), "tensorboard", f"--port={port}"]
    board = subprocess.Popen(
        [*command, "--data-dir", str(tmp_path)],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        address = f"http://127.0.0.1:{port}/data"
        until = time.monotonic() + START_S
        while sorted(_get(f"{address}/runs") or []) != ["0123456789ab", "ba9876543210"]:
            assert board.poll() is None
            assert time.monotonic() < until
            time.sleep(0.2)
        tags = _get(f"{address}/plugin/scalars/tags")
        assert "train/loss" in tags["ba9876543210"]
    finally:
        board.terminate()
        board.wait(30)


def _get(address: str) -> Any:
    """The answer's JSON; None while nobody answers."""
    try:
        return json.loads(httpx.get(address, timeout=30).text)
    except (httpx.HTTPError, ValueError):
        return None
