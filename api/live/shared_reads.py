"""What many ask for at the same moment is read once for all of them: a thousand tabs come back after a restart."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

T = TypeVar("T")


class _Reading(Generic[T]):
    """One that has not begun, and how many wait for it."""

    def __init__(self) -> None:
        self.waiting = 0
        self.is_over = threading.Event()
        self.found: T | None = None
        self.problem: BaseException | None = None


class SharedReads(Generic[T]):
    """One at a time for each key, for all who have asked before it begins. Thread-safe.

    Nobody is answered with what was read before he asked, so nothing is missed that is told from then on.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._next: dict[Hashable, _Reading[T]] = {}
        self._turns: defaultdict[Hashable, threading.Lock] = defaultdict(threading.Lock)

    def read(self, key: Hashable, read: Callable[[], T]) -> T:
        """What `read` gives, called by this thread or by another one that asks for the same. Raises what it raises."""
        with self._lock:
            mine = self._next.get(key)
            reads = mine is None
            if mine is None:
                mine = self._next[key] = _Reading()
            mine.waiting += 1
            turn = self._turns[key]
        if reads:
            self._read(key, turn, mine, read)
        mine.is_over.wait()
        if mine.problem is not None:
            raise mine.problem
        return mine.found  # type: ignore[return-value]

    def _read(
        self, key: Hashable, turn: threading.Lock, mine: _Reading[T], read: Callable[[], T]
    ) -> None:
        with turn:
            with self._lock:
                # Who asks from now on asks for the next one.
                del self._next[key]
            try:
                mine.found = read()
            except BaseException as problem:
                mine.problem = problem
            finally:
                mine.is_over.set()
        with self._lock:
            if key not in self._next:
                self._turns.pop(key, None)
