"""Several workers of the same queues under one parent: `clip-browser worker gpu --count 2`, with GPUs that are names only."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil
import pytest

from cli.main import main
from common.messaging.live_workers import PREFIX
from common.settings import as_environment
from tests.workers.conftest import PATIENCE_S, Backstage, kill_hard, wait_until


@contextmanager
def two_workers(stage: Backstage) -> Iterator[subprocess.Popen[bytes]]:
    """The parent of two GPU workers on a host with two GPUs."""
    command = [str(Path(sys.executable).parent / "clip-browser"), "worker", "gpu", "--count", "2"]
    usual = stage.settings.model_copy(update={"lease_s": 30.0, "reap_every_s": 5.0})
    environment = {**as_environment(usual), "CUDA_VISIBLE_DEVICES": "GPU-a,GPU-b"}
    with (stage.folder / "parent.log").open("wb") as log:
        parent = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
    try:
        yield parent
    finally:
        for process in psutil.Process(os.getpid()).children(recursive=True):
            if parent.pid in {each.pid for each in [process, *process.parents()]}:
                with suppress(psutil.NoSuchProcess):
                    process.kill()
        parent.wait(PATIENCE_S)


def present(stage: Backstage) -> dict[str, Any]:
    """Of each worker that is there its record, by the name before the host's."""
    redis = stage.services.queue.redis
    records = [json.loads(redis.get(key) or "{}") for key in redis.scan_iter(f"{PREFIX}*")]
    return {one["name"].split("@")[0]: one for one in records if one}


def test_each_has_a_gpu_of_its_own_a_killed_one_comes_back_and_all_end_with_their_parent(
    stage: Backstage,
) -> None:
    with two_workers(stage) as parent:
        wait_until(lambda: len(present(stage)) == 2, what="two workers")
        before = present(stage)
        assert {name: one["queues"] for name, one in before.items()} == {
            "gpu1": ["gpu"],
            "gpu2": ["gpu"],
        }
        assert sorted(one["gpu"] for one in before.values()) == ["GPU-a", "GPU-b"]

        kill_hard(before["gpu2"]["pid"])
        again = wait_until(
            lambda: (
                (found := present(stage).get("gpu2"))
                and found["pid"] != before["gpu2"]["pid"]
                and found
            ),
            what="the second worker's return",
        )
        assert again["gpu"] == before["gpu2"]["gpu"]
        assert present(stage)["gpu1"]["pid"] == before["gpu1"]["pid"]

        parent.send_signal(signal.SIGTERM)
        assert parent.wait(PATIENCE_S) == 0
        assert present(stage) == {}
        assert not any(psutil.pid_exists(pid) for pid in (before["gpu1"]["pid"], again["pid"]))


@pytest.mark.parametrize("count", ["0", "65"])
def test_a_count_that_no_host_has_is_refused(
    count: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["worker", "gpu", "--count", count]) == 1
    assert f"--count is {count}" in capsys.readouterr().err
