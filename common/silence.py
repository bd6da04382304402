"""A part of the service that has just not answered: whoever asks it next is told so at once.

A request that asks it three times would otherwise wait three times. After `LASTS_S` somebody tries again.
"""

from __future__ import annotations

import time

LASTS_S = 2.0


class Silence:
    """Of one part, for one process. Thread-safe."""

    def __init__(self, lasts_s: float = LASTS_S) -> None:
        self._lasts_s = lasts_s
        self._until = float("-inf")

    @property
    def is_on(self) -> bool:
        """Whether it has not answered just now."""
        return time.monotonic() < self._until

    def begin(self) -> None:
        """It has not answered."""
        self._until = time.monotonic() + self._lasts_s

    def end(self) -> None:
        """It has answered."""
        self._until = float("-inf")
