"""Containers share a work directory, and their processes have the same pids."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from workers.runtime import shutdown
from workers.runtime.child import _recorded, sweep_orphans


def test_a_worker_that_ends_in_another_container_does_not_stop_this_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(socket, "gethostname", lambda: "worker-gpu-1")
    shutdown.announce(tmp_path)
    assert shutdown.announced(tmp_path)
    monkeypatch.setattr(socket, "gethostname", lambda: "worker-gpu-2")
    assert not shutdown.announced(tmp_path)
    shutdown.withdraw(tmp_path)
    monkeypatch.setattr(socket, "gethostname", lambda: "worker-gpu-1")
    assert shutdown.announced(tmp_path)


def test_children_of_another_container_are_left_to_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        with _recorded(tmp_path, child.pid):
            records = list((tmp_path / "children").iterdir())
            assert len(records) == 1
            monkeypatch.setattr(socket, "gethostname", lambda: "elsewhere")
            assert sweep_orphans(tmp_path) == 0
            assert records[0].exists()
        assert psutil.pid_exists(child.pid)
    finally:
        child.communicate(b"\n")
    assert os.getpid() != child.pid
