"""gunicorn's threads, which stay with a connection for a moment: the next request is often on its way.

gunicorn gives a connection back to its main thread after each answer, to be waited for there and handed to
a thread again: three changes of threads a request, which cost more than a small answer does. Whoever
captions, or opens a page, sends the next request within milliseconds.
"""

from __future__ import annotations

import select
from typing import Any

from gunicorn.workers.gthread import ThreadWorker

LINGER_MS = 5


class LingeringWorker(ThreadWorker):  # type: ignore[misc]
    """Answers what comes on a connection within LINGER_MS of the answer before in the same thread."""

    def handle(self, conn: Any) -> Any:
        """gunicorn's: answer one request, or several; whether the connection stays open."""
        kept = super().handle(conn)
        while kept is True and not conn.is_http2 and self._is_at_hand(conn):
            kept = super().handle(conn)
        return kept

    def _is_at_hand(self, conn: Any) -> bool:
        """Whether the next request has begun to come. What the parser read ahead is gunicorn's affair."""
        if not self.alive or conn.parser.unreader.buf.getvalue():
            return False
        look = select.poll()
        look.register(conn.sock, select.POLLIN)
        return bool(look.poll(LINGER_MS))
