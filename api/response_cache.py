"""Answers that cost time to make and that many dashboards ask for at once."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Generic, TypeVar, cast

Made = TypeVar("Made")
MAX_ENTRIES = 64
COST_SHARE = 0.05  # of one core: what took 100 ms to make is kept for 2 s


@dataclass
class _Entry(Generic[Made]):
    value: Made
    state: Hashable
    old_at: float


class Remembered:
    """Keeps what was made. One per process, thread-safe: what one thread makes serves all."""

    def __init__(self) -> None:
        self._entries: OrderedDict[str, _Entry[object]] = OrderedDict()
        self._lock = threading.Lock()
        self._making: dict[str, threading.Lock] = {}

    def get(
        self, key: str, state: Hashable, make: Callable[[], Made], least_s: float = 0.0
    ) -> Made:
        """What `make` gave last, made anew when `state` has changed since.

        It is kept for `least_s` seconds at least, and so long that making it takes no more than
        COST_SHARE of the time, even if `state` changes meanwhile.
        """
        with self._lock:
            entry = self._entries.get(key)
            making = self._making.setdefault(key, threading.Lock())
        if entry is not None and (entry.state == state or time.monotonic() < entry.old_at):
            return cast(Made, entry.value)
        if not making.acquire(blocking=entry is None):
            return cast(Made, cast("_Entry[object]", entry).value)  # another thread is at it
        try:
            newest = self._entries.get(key)
            if newest is not entry and newest is not None:
                return cast(Made, newest.value)
            return self._keep(key, state, make, least_s)
        finally:
            making.release()

    def _keep(self, key: str, state: Hashable, make: Callable[[], Made], least_s: float) -> Made:
        began = time.monotonic()
        value = make()
        ended = time.monotonic()
        old_at = ended + max(least_s, (ended - began) / COST_SHARE)
        with self._lock:
            self._entries[key] = _Entry(value, state, old_at)
            self._entries.move_to_end(key)
            while len(self._entries) > MAX_ENTRIES:
                self._making.pop(self._entries.popitem(last=False)[0], None)
        return value
