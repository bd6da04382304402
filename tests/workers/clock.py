"""A clock that a test turns."""

from __future__ import annotations


class Clock:
    """In place of a module's `time`, as far as that asks for `monotonic`: stands still until it is turned."""

    def __init__(self, now_s: float = 50.0) -> None:
        self.now_s = now_s

    def monotonic(self) -> float:
        """Seconds."""
        return self.now_s
