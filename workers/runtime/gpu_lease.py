"""Who uses which GPU of this host, by locks on files: the kernel gives them back when a process ends.

Each worker has a GPU of its own for life (`hold_gpu`). A second lock for each GPU says that a job runs
on it (`use_own_gpu`), because a run on several GPUs takes those of other workers too (`gather_gpus`).
While one gathers no other worker begins a job, so it gets its GPUs as they become free; and only one
gathers at a time, holding none before its turn, so no two wait for each other.
"""

from __future__ import annotations

import fcntl
import logging
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO

from common.errors import TrainingFailedToStart
from common.settings import Settings
from workers.runtime import shutdown
from workers.runtime.fleet.activity import waiting_for_gpu

log = logging.getLogger(__name__)
RETRY_S = 5.0
POLL_S = 0.2
# The GPUs of the host, before a worker confines itself to its own.
_ALL = "CLIP_BROWSER_GPUS"
_held: list[IO[str]] = []  # an open file keeps its lock
_in_use: dict[str, IO[str]] = {}  # GPUs on which a job of this process runs


def count_gpus() -> int:
    """CUDA GPUs of this host that may be used, by nvidia-smi; 0 without a driver."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        return len([name for name in visible.split(",") if name.strip()])
    if shutil.which("nvidia-smi") is None:
        return 0
    listed = subprocess.run(
        ["nvidia-smi", "-L"], capture_output=True, text=True, timeout=30, check=False
    )
    return sum(line.startswith("GPU ") for line in listed.stdout.splitlines())


def hold_gpu(settings: Settings, wait: Callable[[], None] = lambda: None) -> str | None:
    """Take a free GPU for this process and its children; wait while all are taken.

    wait: called every RETRY_S meanwhile. Sets CUDA_VISIBLE_DEVICES and CLIP_BROWSER_GPU to it, CLIP_BROWSER_GPUS to all there are. Without
    a GPU, or with device "cpu", gives None.
    """
    gpus = 0 if settings.device == "cpu" else count_gpus()
    if gpus == 0:
        return None
    names = _names(os.environ.get("CUDA_VISIBLE_DEVICES", ""))
    names = names or [str(index) for index in range(gpus)]
    waited = False
    while True:
        for name in names:
            handle = _lock(_folder(settings) / f"{_plain(name)}.lock")
            if handle is not None:
                _held.append(handle)
                os.environ["CUDA_VISIBLE_DEVICES"] = os.environ["CLIP_BROWSER_GPU"] = name
                os.environ[_ALL] = ",".join(names)
                return name
        if not waited:
            log.warning("all %d GPUs of this host are taken; this worker waits for one", gpus)
            waited = True
        wait()
        time.sleep(RETRY_S)


def count_host_gpus() -> int | None:
    """How many GPUs a run may have here; None for a worker without a GPU of its own."""
    own = os.environ.get("CLIP_BROWSER_GPU")
    return None if own is None else len(_names(os.environ.get(_ALL, own)))


@contextmanager
def use_own_gpu(settings: Settings) -> Iterator[bool]:
    """Held while a worker takes and runs a job; waits while others use its GPU or gather GPUs.

    Gives False when the worker began to shut down meanwhile: then it must not begin a job. Without
    a GPU of its own there is nothing to wait for.
    """
    own = os.environ.get("CLIP_BROWSER_GPU")
    if own is None:
        yield True
        return
    if not _begin_use(settings, own) and not _wait_to_begin(settings, own):
        yield False
        return
    try:
        yield True
    finally:
        _end_use(own)


def _wait_to_begin(settings: Settings, own: str) -> bool:
    """Until the GPU is free; False when the worker began to shut down meanwhile."""
    with waiting_for_gpu():
        while not shutdown.announced(settings.work_dir):
            if _begin_use(settings, own):
                return True
            time.sleep(POLL_S)
    return False


@contextmanager
def gather_gpus(settings: Settings, count: int, wait: Callable[[str], None]) -> Iterator[list[str]]:
    """The names of `count` GPUs of this host, this worker's own among them if it can be; [] on a CPU.

    wait(message) is called several times a second while some are in use; what it raises ends the
    waiting. Raises TrainingFailedToStart when the host has fewer.
    """
    own = os.environ.get("CLIP_BROWSER_GPU")
    if own is None:
        yield []
        return
    names = _names(os.environ.get(_ALL, own))
    if count > len(names):
        raise TrainingFailedToStart(
            f"This run asks for {count} GPUs, and this machine has {len(names)}.",
            remedy=f"Ask for {len(names)} or fewer.",
        )
    with ExitStack() as stack:
        stack.callback(_end_use_of_others, own)
        if own not in _in_use or count > 1:
            _gather(settings, [own, *(name for name in names if name != own)], count, wait)
        yield sorted(_in_use, key=names.index)


def _gather(settings: Settings, names: list[str], count: int, wait: Callable[[str], None]) -> None:
    """Take `count` of the GPUs, in this order of preference."""
    turn = _lock(_folder(settings) / "gathering.lock")
    while turn is None:
        _end_use(names[0])  # whoever gathers now may need it
        wait("waiting for another run to get its GPUs")
        time.sleep(POLL_S)
        turn = _lock(_folder(settings) / "gathering.lock")
    with turn:
        while True:
            for name in names:
                if len(_in_use) < count and name not in _in_use:
                    _take_use(settings, name)
            missing = count - len(_in_use)
            if not missing:
                return
            wait(f"waiting for {missing} more GPU{'s' if missing > 1 else ''}")
            time.sleep(POLL_S)


def _begin_use(settings: Settings, name: str) -> bool:
    """Take the GPU unless somebody uses it, or gathers."""
    turn = _lock(_folder(settings) / "gathering.lock", fcntl.LOCK_SH)
    if turn is None:
        return False
    with turn:
        return _take_use(settings, name)


def _take_use(settings: Settings, name: str) -> bool:
    handle = _lock(_folder(settings) / f"{_plain(name)}.use")
    if handle is None:
        return False
    _in_use[name] = handle
    return True


def _end_use(name: str) -> None:
    handle = _in_use.pop(name, None)
    if handle is not None:
        handle.close()


def _end_use_of_others(own: str) -> None:
    for name in [name for name in _in_use if name != own]:
        _end_use(name)


def _folder(settings: Settings) -> Path:
    folder = settings.work_dir / "gpus"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _names(listed: str) -> list[str]:
    return [name.strip() for name in listed.split(",") if name.strip()]


def _plain(name: str) -> str:
    return name.replace("/", "_")


def _lock(path: Path, how: int = fcntl.LOCK_EX) -> IO[str] | None:
    """The locked file, None when somebody else has it; closing it gives the lock back."""
    handle = path.open("a", encoding="utf-8")
    try:
        fcntl.flock(handle, how | fcntl.LOCK_NB)
    except OSError:
        handle.close()
        return None
    return handle
