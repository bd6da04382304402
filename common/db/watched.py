"""A PostgreSQL connection that can be asked with a limit: is the server still there?

A server that hangs, or whose container is frozen, keeps its connections open: the kernel acknowledges what is
sent, so no timeout of the network ends the wait.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg import OperationalError


class WatchedConnection(psycopg.Connection[Any]):
    """As psycopg's, which waits for ever, but for what is asked within `answering_within`."""

    _limit_s: float | None = None

    @contextmanager
    def answering_within(self, limit_s: float) -> Iterator[None]:
        """Answers to what is asked here come within so many seconds. Closes at OperationalError, which is raised."""
        self._limit_s = limit_s
        try:
            yield
        except OperationalError:
            self.pgconn.finish()
            raise
        finally:
            self._limit_s = None

    def wait(self, gen: Any, interval: float = 0.1, timeout: float | None = None) -> Any:
        """psycopg's hook: all that is waited for."""
        return super().wait(gen, interval, self._limit_s if timeout is None else timeout)
