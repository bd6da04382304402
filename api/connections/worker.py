"""gunicorn's threads, kept for whole requests: who sends half of one, or is slow to leave, has none of them.

gunicorn gives each new connection a thread, which waits there for all that the client has not sent yet; and
gives a connection back to its main loop after each answer, which costs three changes of threads a request.
Here the main loop reads requests until they are whole (`api/connections/arrivals.py`), and a thread that has
answered stays with its connection for a moment: whoever captions, or opens a page, sends the next request
within milliseconds.
"""

from __future__ import annotations

import contextlib
import errno
import select
import selectors
import socket
import time
from functools import partial
from typing import Any

from gunicorn.http.errors import InvalidHeader
from gunicorn.workers.gthread import ThreadWorker

from api.connections.arrivals import TOO_LARGE, Arrivals, Connection
from api.connections.bodies import Waits

LINGER_MS = 5
DRAIN_S = 0.05  # for the rest of a body that a view did not read, before the next request
LEAVE_S = 2.0  # until the client has read the last answer and closes
MAX_LEAVING = 500
MANY = 100  # connections that are closed at once when files are short
PIECE_BYTES = 32_768
GONE = (OSError, ValueError, KeyError)


class LingeringWorker(ThreadWorker):  # type: ignore[misc]
    """Threads for whole requests alone."""

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self._arrivals = Arrivals()
        self._leaving: dict[Connection, float] = {}  # until when; in that order
        self._waits = Waits(max(4, self.cfg.threads // 4))

    # ---- the main loop

    def accept(self, listener: Any) -> None:
        """gunicorn's: take a new connection. Its first request is read here, not in a thread."""
        try:
            sock, client = listener.accept()
        except OSError as fault:
            if fault.errno in (errno.EMFILE, errno.ENFILE):
                self._make_room()
            return
        conn = Connection(self.cfg, sock, client, listener.getsockname(), self._waits)
        self.nr_conns += 1
        self._await_request(conn)
        surplus = self._arrivals.surplus()
        if surplus is not None:
            self._give_up(surplus)

    def on_client_socket_readable(self, conn: Any, client: Any) -> None:
        """gunicorn's: the next request on a connection that was kept has begun."""
        self.poller.unregister(client)
        self.keepalived_conns.remove(conn)
        self._await_request(conn)

    def finish_request(self, conn: Any, fs: Any) -> None:
        """gunicorn's: a thread is through with a connection."""
        kept = not fs.cancelled() and fs.exception() is None and bool(fs.result())
        read_ahead = conn.parser.unreader.take_buffered() if kept else b""
        if not kept:
            self._leave(conn)
        elif read_ahead or conn.came:
            self._await_request(conn, read_ahead)
        else:
            super().finish_request(conn, fs)

    def murder_pending(self) -> None:
        """gunicorn's, after each turn of the loop: close what has had its time."""
        for conn in self._arrivals.overdue():
            self._give_up(conn)
        now = time.monotonic()
        for conn, until in list(self._leaving.items()):
            if until > now:
                break
            self._close(conn)

    def _await_request(self, conn: Connection, came: bytes = b"") -> None:
        conn.sock.setblocking(False)
        if came and conn.take(came):
            self._enqueue(conn)
            return
        self._arrivals.add(conn)
        self._read_on(conn)  # most requests come in one piece, which is there already
        if conn in self._arrivals:
            self.poller.register(conn.sock, selectors.EVENT_READ, partial(self._read_on, conn))

    def _read_on(self, conn: Connection, _: Any = None) -> None:
        try:
            piece = conn.sock.recv(PIECE_BYTES)
        except BlockingIOError:
            return
        except OSError:
            piece = b""
        if not piece:
            self._give_up(conn)
        elif conn.take(piece):
            with contextlib.suppress(*GONE):
                self.poller.unregister(conn.sock)
            self._arrivals.remove(conn)
            self._enqueue(conn)
        elif conn.is_head_too_large:
            with contextlib.suppress(OSError):
                conn.sock.send(TOO_LARGE)
            self._give_up(conn)

    def _enqueue(self, conn: Connection) -> None:
        conn.hand_over()
        self.enqueue_req(conn)

    def _give_up(self, conn: Connection) -> None:
        self._arrivals.remove(conn)
        self._close(conn)

    def _leave(self, conn: Connection) -> None:
        """Close once the client has read the last answer. gunicorn waits for that in its main loop."""
        if conn.is_handed_over:
            self.nr_conns -= 1
            return
        try:
            conn.sock.setblocking(False)
            conn.sock.shutdown(socket.SHUT_WR)
        except OSError:
            self._close(conn)
            return
        self.poller.register(conn.sock, selectors.EVENT_READ, partial(self._drain, conn))
        self._leaving[conn] = time.monotonic() + LEAVE_S
        if len(self._leaving) > MAX_LEAVING:
            self._close(next(iter(self._leaving)))

    def _drain(self, conn: Connection, _: Any) -> None:
        try:
            is_there = bool(conn.sock.recv(PIECE_BYTES))
        except BlockingIOError:
            return
        except OSError:
            is_there = False
        if not is_there:
            self._close(conn)

    def _close(self, conn: Connection) -> None:
        with contextlib.suppress(*GONE):
            self.poller.unregister(conn.sock)
        conn.sock.close()
        self._leaving.pop(conn, None)
        self.nr_conns -= 1

    def _make_room(self) -> None:
        """No file is left for another connection: those that send nothing go first."""
        for conn in list(self._leaving):
            self._close(conn)
        for conn in self._arrivals.oldest(MANY):
            self._give_up(conn)

    # ---- the threads

    def handle(self, conn: Any) -> Any:
        """gunicorn's: answer one request, or several; whether the connection stays open."""
        conn.parser.unreader.begin()
        kept = super().handle(conn)
        while kept is True and self._is_at_hand(conn):
            conn.parser.unreader.begin()
            kept = super().handle(conn)
        return kept

    def handle_request(self, req: Any, conn: Any) -> Any:
        """gunicorn's: let the app answer. Raises InvalidHeader for a body that another server may end elsewhere.

        gunicorn takes `identity` beside `chunked` and hands on what was sent as gzip; nobody means either.
        """
        codings = [value for name, value in req.headers if name == "TRANSFER-ENCODING"]
        if codings and [each.lower() for each in codings] != ["chunked"]:
            raise InvalidHeader("TRANSFER-ENCODING", req=req)
        return super().handle_request(req, conn)

    def _keepalive_after(self, conn: Any, keepalive: bool) -> bool:
        """gunicorn's, which waits for five seconds here."""
        return bool(keepalive and conn.parser.finish_body(deadline=time.monotonic() + DRAIN_S))

    def _is_at_hand(self, conn: Connection) -> bool:
        """Whether the next request is here, whole; what has come of it is kept for the main loop if not."""
        if not self.alive or conn.parser.unreader.buf.getvalue():
            return False
        look = select.poll()
        look.register(conn.sock, select.POLLIN)
        if not look.poll(LINGER_MS):
            return False
        piece = conn.sock.recv(PIECE_BYTES)
        if not conn.take(piece):
            return False
        conn.hand_over()
        return True
