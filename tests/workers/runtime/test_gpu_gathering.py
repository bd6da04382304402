"""Runs on several GPUs of a host, between workers that are real processes; the GPUs are names only."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import workers.gpu.tasks
from common.messaging.live_workers import PREFIX
from tests.workers.conftest import Backstage, wait_until
from workers.runtime.job_runs import run_next

WORKER = """
import sys
from common.errors import ClipBrowserError
from common.settings import load_settings
from workers.runtime import gpu_lease

settings = load_settings(data_dir=sys.argv[1])
print("own", gpu_lease.hold_gpu(settings), flush=True)
said = set()

def wait(message):
    if message not in said:
        said.add(message)
        print(message, flush=True)
    if stop_file.exists():
        raise KeyboardInterrupt

from pathlib import Path
stop_file = Path(sys.argv[1]) / "stop"
for line in sys.stdin:
    try:
        with gpu_lease.use_own_gpu(settings) as may_begin:
            print("begins" if may_begin else "ends", flush=True)
            sys.stdin.readline()
            with gpu_lease.gather_gpus(settings, int(line), wait) as names:
                print("has", ",".join(names), flush=True)
                sys.stdin.readline()
    except ClipBrowserError as problem:
        print(problem.message, problem.remedy, flush=True)
    except KeyboardInterrupt:
        print("stopped", flush=True)
    print("done", flush=True)
"""


class Worker:
    """A worker with a GPU of its own, which runs a job when told so."""

    def __init__(self, folder: Path, visible: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", WORKER, str(folder)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            env={**os.environ, "CUDA_VISIBLE_DEVICES": visible},
        )  # fmt: skip
        self.said: list[str] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self.own = self.wait_for("own").removeprefix("own ")

    def _read(self) -> None:
        assert self.process.stdout is not None
        self.said.extend(line.strip() for line in iter(self.process.stdout.readline, ""))

    def claim(self, gpus: int) -> None:
        """Let it begin a job; `finish` lets it gather so many GPUs for it."""
        self._tell(f"{gpus}\n")

    def start(self, gpus: int = 1) -> None:
        """Let it begin a job on so many GPUs."""
        self._tell(f"{gpus}\n\n")

    def finish(self) -> None:
        """Let the job go on, or end."""
        self._tell("\n")

    def _tell(self, line: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(line)
        self.process.stdin.flush()

    def wait_for(self, beginning: str, count: int = 1) -> str:
        """The `count`th line it said that begins so."""

        def found() -> list[str]:
            lines = [line for line in self.said if line.startswith(beginning)]
            return lines[count - 1 : count]

        return str(wait_until(found, what=f"{beginning!r} (said: {self.said})")[0])

    def end(self) -> None:
        """Kill it, as the out-of-memory killer would."""
        self.process.kill()
        self.process.wait()


@contextmanager
def workers(folder: Path, visible: str) -> Iterator[list[Worker]]:
    """A worker for each of the GPUs, in the order of the GPUs."""
    made = [Worker(folder, visible) for _ in visible.split(",")]
    try:
        yield sorted(made, key=lambda worker: worker.own)
    finally:
        for worker in made:
            worker.end()


def quiet_for_a_moment(worker: Worker, beginning: str, count: int = 1) -> bool:
    """Whether it does not say so within a second."""
    try:
        wait_until(
            lambda: len([s for s in worker.said if s.startswith(beginning)]) >= count, 1.0, "it"
        )
    except AssertionError:
        return True
    return False


def test_a_worker_begins_no_job_while_another_run_uses_its_gpu(tmp_path: Path) -> None:
    with workers(tmp_path, "3,5") as (first, second):
        first.start(gpus=2)
        assert first.wait_for("has") == "has 3,5"
        second.start()
        assert quiet_for_a_moment(second, "begins")
        first.finish()
        assert second.wait_for("has") == "has 5"


def test_two_runs_that_want_all_gpus_have_them_one_after_the_other(tmp_path: Path) -> None:
    with workers(tmp_path, "0,1") as (first, second):
        for worker in (first, second):
            worker.claim(gpus=2)
            worker.wait_for("begins")
        first.finish()
        second.finish()  # each has its own GPU now and needs the other's
        both = wait_until(
            lambda: [w for w in (first, second) if "has 0,1" in w.said], what="one of them"
        )
        assert len(both) == 1
        both[0].finish()
        other = second if both[0] is first else first
        assert other.wait_for("has") == "has 0,1"


def test_while_a_run_gathers_gpus_no_other_worker_begins_a_job(tmp_path: Path) -> None:
    with workers(tmp_path, "0,1,2") as (first, second, third):
        second.start()
        third.start()
        second.wait_for("has")
        third.wait_for("has")
        first.start(gpus=3)
        assert first.wait_for("waiting") == "waiting for 2 more GPUs"
        second.finish()
        assert first.wait_for("waiting", 2) == "waiting for 1 more GPU"
        second.start()
        assert quiet_for_a_moment(second, "begins", 2)
        third.finish()
        assert first.wait_for("has") == "has 0,1,2"
        assert quiet_for_a_moment(second, "begins", 2)
        first.finish()
        assert second.wait_for("has", 2) == "has 1"


def test_what_a_killed_run_had_gathered_is_free_at_once(tmp_path: Path) -> None:
    with workers(tmp_path, "0,1,2") as (first, second, third):
        second.start()
        second.wait_for("has")
        first.start(gpus=3)
        first.wait_for("waiting")
        third.start()
        assert quiet_for_a_moment(third, "begins")
        first.end()
        assert third.wait_for("has") == "has 2"


def test_a_run_can_be_stopped_while_it_waits_and_holds_nothing_then(tmp_path: Path) -> None:
    with workers(tmp_path, "0,1") as (first, second):
        second.start()
        second.wait_for("has")
        first.start(gpus=2)
        first.wait_for("waiting")
        (tmp_path / "stop").touch()
        first.wait_for("stopped")
        second.finish()
        second.wait_for("done")
        (tmp_path / "stop").unlink()
        second.start(gpus=2)
        assert second.wait_for("has", 2) == "has 0,1"


def test_more_gpus_than_the_machine_has_is_said_with_their_number(tmp_path: Path) -> None:
    with workers(tmp_path, "0,1") as (first, _):
        first.start(gpus=3)
        assert first.wait_for("This run asks") == (
            "This run asks for 3 GPUs, and this machine has 2. Ask for 2 or fewer."
        )


def test_a_run_for_more_gpus_than_this_host_has_is_left_to_a_host_that_has_them(
    stage: Backstage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLIP_BROWSER_GPU", "0")
    monkeypatch.setenv("CLIP_BROWSER_GPUS", "0")
    large = stage.make("train", send=False, gpus=4)
    redis = stage.services.queue.redis
    other = {"name": "gpu@other", "host": "other", "queues": ["gpu"], "gpus": [{}, {}, {}, {}]}
    redis.set(f"{PREFIX}gpu@other", json.dumps(other))
    assert not run_next(stage.services, "gpu")
    assert stage.job(large).state == "queued"
    small = stage.make("train", send=False, gpus=1)
    assert run_next(stage.services, "gpu")
    assert stage.job(small).state == "failed"  # it has no dataset
    redis.delete(f"{PREFIX}gpu@other")
    assert run_next(stage.services, "gpu")
    assert stage.job(large).state == "failed"
