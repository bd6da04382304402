"""What goes on in a worker's process that its loop cannot tell: which model is being loaded."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

_loading: list[str] = []
_changed = threading.Event()


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


def wait_for_change(timeout_s: float) -> None:
    """Until something began or ended, for `timeout_s` seconds at most."""
    _changed.wait(timeout_s)
    _changed.clear()
