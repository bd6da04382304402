from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.workers.conftest import wait_until

HOLD = """
import sys, time
from common.settings import load_settings
from workers.runtime.gpu_lease import hold_gpu
print(hold_gpu(load_settings(data_dir=sys.argv[1], device=sys.argv[2])), flush=True)
time.sleep(600)
"""


def hold(data_dir: Path, visible: str, device: str = "auto") -> subprocess.Popen[str]:
    """A process that takes a GPU and keeps it; CUDA_VISIBLE_DEVICES says which there are."""
    return subprocess.Popen(
        [sys.executable, "-c", HOLD, str(data_dir), device],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env={**os.environ, "CUDA_VISIBLE_DEVICES": visible},
    )  # fmt: skip


def said(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def test_each_worker_takes_another_gpu_and_one_too_many_waits_for_a_free_one(
    tmp_path: Path,
) -> None:
    holders = [hold(tmp_path, "3,5") for _ in range(2)]
    try:
        assert {said(holder) for holder in holders} == {"3", "5"}
        waiting = hold(tmp_path, "3,5")
        holders.append(waiting)
        assert waiting.stderr is not None
        assert "waits for one" in waiting.stderr.readline()
        holders[0].kill()
        wait_until(lambda: said(waiting) in ("3", "5"), what="the freed GPU")
    finally:
        for holder in holders:
            holder.kill()
            holder.wait()


def test_without_a_gpu_or_on_the_cpu_there_is_nothing_to_wait_for(tmp_path: Path) -> None:
    for visible, device in (("", "auto"), ("0", "cpu")):
        process = hold(tmp_path, visible, device)
        assert said(process) == "None"
        process.kill()
        process.wait()
