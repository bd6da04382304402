"""`clip-browser up`: starts quickly and small, and leaves nothing behind."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from bench.stack import Stack, running_stack
from tests.workers.conftest import wait_until

pytestmark = pytest.mark.timed

PARTS = {"api is", "worker captions", "worker search", "worker cpu", "worker gpu1"}


def family(pid: int) -> list[psutil.Process]:
    process = psutil.Process(pid)
    return [process, *process.children(recursive=True)]


def living(processes: list[psutil.Process]) -> list[psutil.Process]:
    found = []
    for process in processes:
        with contextlib.suppress(psutil.Error):
            if process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
    return found


def memory_mb(processes: list[psutil.Process]) -> float:
    """Proportional set size: memory that processes share is counted once."""
    return sum(process.memory_full_info().pss for process in processes) / 1e6


@pytest.fixture(scope="module")
def idle(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A stack that nobody has used; the last test ends it."""
    with running_stack(tmp_path_factory.mktemp("idle") / "data") as stack:
        yield stack


def test_the_idle_stack_is_ready_soon_small_and_without_torch(idle: Stack) -> None:
    held = [idle.data_dir, *idle.data_dir.rglob("*")]
    assert [path for path in held if path.lstat().st_mode & 0o077] == []
    assert {" ".join(line.split()[:2]) for line in idle.printed if "ready" in line} >= PARTS
    processes = family(idle.process.pid)
    taken_mb = memory_mb(processes)
    loaded = [
        line
        for process in processes
        for line in Path(f"/proc/{process.pid}/maps").read_text().splitlines()
        if "libtorch" in line
    ]
    print(f"ready in {idle.ready_s:.1f} s, {taken_mb:.0f} MB in {len(processes)} processes")
    assert loaded == []
    assert taken_mb < 800
    assert idle.ready_s < 20  # the aim is 10 s


def test_sigterm_ends_every_process(idle: Stack) -> None:
    processes = family(idle.process.pid)
    assert len(processes) > 8
    assert idle.stop() == 0
    wait_until(lambda: not living(processes), 5, "the end of all processes")


def test_kill_dash_nine_of_the_parent_leaves_no_process(tmp_path: Path) -> None:
    with running_stack(tmp_path / "data") as stack:
        processes = family(stack.process.pid)
        os.kill(stack.process.pid, signal.SIGKILL)
        wait_until(lambda: not living(processes), 10, "the end of all processes")
