"""Processes that never outlive whoever started them."""

from __future__ import annotations

import contextlib
import ctypes
import os
import select
import shutil
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psutil

from common.errors import ClipBrowserError

PR_SET_PDEATHSIG = 1  # linux/prctl.h
# Set by clusters and by torchrun; any of them silently switches open_clip to distributed mode
# (open_clip_train/distributed.py).
_CLUSTER = ("WORLD_SIZE", "RANK", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT")
_CLUSTER_PREFIXES = ("SLURM_", "TORCHELASTIC_", "PMI_")


def is_of_a_cluster(variable: str) -> bool:
    """Whether this variable of the environment says that the process is one of several."""
    return variable in _CLUSTER or variable.startswith(_CLUSTER_PREFIXES)


@contextlib.contextmanager
def ending_with_a_sentence() -> Iterator[None]:
    """For a program's whole run: an error of ours ends it with its words on stderr, and exit code 1."""
    try:
        yield
    except ClipBrowserError as problem:
        sys.exit(f"{problem.message} {problem.remedy}".strip())


@contextlib.contextmanager
def shared_folder(prefix: str) -> Iterator[Path]:
    """A temporary folder for this process and its forks.

    Removed when this process leaves the block. A fork that ends by an exception, as `sys.exit` is one, comes
    through the same block, and would take the folder from all others.
    """
    owner, folder = os.getpid(), Path(tempfile.mkdtemp(prefix=prefix))
    try:
        yield folder
    finally:
        if os.getpid() == owner:
            shutil.rmtree(folder, ignore_errors=True)


def die_with_parent(parent_pid: int | None = None, signum: int = signal.SIGKILL) -> None:
    """End this process when its parent ends, also when the parent is killed with SIGKILL.

    On Linux the kernel sends `signum`; elsewhere a thread looks at the parent once a second.
    `parent_pid` closes the race of a parent that died before this call.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signum, 0, 0, 0)
    else:
        threading.Thread(target=_watch_parent, args=(os.getppid(), signum), daemon=True).start()
    if parent_pid is not None and os.getppid() != parent_pid:
        os.kill(os.getpid(), signum)


def _watch_parent(parent_pid: int, signum: int) -> None:
    while os.getppid() == parent_pid:
        time.sleep(1.0)
    os.kill(os.getpid(), signum)


def die_in_silence(limit_s: float) -> None:
    """End this process and its group once nothing came to its stdin for `limit_s` seconds, or its end.

    For a process whose parent may freeze (SIGSTOP, a debugger) and be taken for lost meanwhile. Not on
    Windows, where pipes cannot be waited for. The group is only ended by its leader.
    """
    if os.name == "posix":
        threading.Thread(target=_listen, args=(limit_s,), name="listening", daemon=True).start()


def _listen(limit_s: float) -> None:
    stdin = 0
    while select.select([stdin], [], [], limit_s)[0] and os.read(stdin, 4096):
        pass
    leads = os.getpgrp() == os.getpid()
    (os.killpg if leads else os.kill)(os.getpid(), signal.SIGKILL)


def describe_end(code: int) -> str:
    """How a process ended, from its exit code; of a signal the name, of SIGKILL also what mostly sends it."""
    if code >= 0:
        return f"exit code {code}"
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = f"signal {-code}"
    return f"{name}, by hand or for want of memory" if -code == signal.SIGKILL else name


def count_memory_kills() -> int | None:
    """How many processes of this machine its kernel has killed for want of memory; None where that is not told."""
    with contextlib.suppress(OSError), open("/proc/vmstat") as facts:
        for line in facts:
            name, _, value = line.partition(" ")
            if name == "oom_kill":
                return int(value)
    return None


def step_back(pid: int, nice: int) -> None:
    """Let a process that leads a session, and what it starts from now on, go behind all others.

    nice: 0 to 19. Where the kernel groups what it schedules by session, a value within the group means
    nothing to the other groups, and the group has one of its own (Linux: sched(7), autogroup).
    """
    with contextlib.suppress(ProcessLookupError):
        os.setpriority(os.PRIO_PROCESS, pid, nice)
    with contextlib.suppress(OSError), open(f"/proc/{pid}/autogroup", "w") as group:
        group.write(str(nice))


def end_group(pid: int, grace_s: float) -> None:
    """SIGTERM to a process group, SIGKILL to what is left of it after `grace_s` seconds."""
    members = _group_members(pid)
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGTERM)
    _, alive = psutil.wait_procs(members, timeout=grace_s)
    if alive or _group_members(pid):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(pid, signal.SIGKILL)


def _group_members(group: int) -> list[psutil.Process]:
    members = []
    for process in psutil.process_iter():
        with contextlib.suppress(OSError, psutil.Error):
            if os.getpgid(process.pid) == group and process.status() != psutil.STATUS_ZOMBIE:
                members.append(process)
    return members
