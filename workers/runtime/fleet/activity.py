"""What goes on in a worker that its loop cannot tell: which model is being loaded, whether it waits for its GPU."""

from __future__ import annotations

import mmap
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_loading: list[str] = []
_changed = threading.Event()
# one byte that a worker has in common with the pool process that it forks
_waits = mmap.mmap(-1, 1)


@contextmanager
def loading(name: str) -> Iterator[None]:
    """Held while a model is loaded; from any thread."""
    _loading.append(name)
    _changed.set()
    try:
        yield
    finally:
        _loading.remove(name)
        _changed.set()


def loading_now() -> str | None:
    """The model that is being loaded, the one that was begun last."""
    return _loading[-1] if _loading else None


@contextmanager
def waiting_for_gpu() -> Iterator[None]:
    """Held while a message of this worker waits for the worker's own GPU; also in its pool process."""
    _waits[0] = 1
    try:
        yield
    finally:
        _waits[0] = 0


def waits_for_gpu() -> bool:
    """Whether it does so now. A pool process that was killed meanwhile cannot say so: ask only while there is a message."""
    return bool(_waits[0])


def wait_for_change(timeout_s: float) -> None:
    """Until something began or ended, for `timeout_s` seconds at most."""
    _changed.wait(timeout_s)
    _changed.clear()
