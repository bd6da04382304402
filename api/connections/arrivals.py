"""Requests on their way in: read without a thread until they are whole.

The server's main loop reads the head of each request, and a small body with it, as it comes. So somebody who
sends half of one costs a few KiB until its time is over, not a thread. A large body is read by a thread, since
it goes somewhere at once: see `api/connections/bodies.py`.
"""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Iterable
from itertools import islice
from typing import Any

from gunicorn.http import get_parser
from gunicorn.workers.gthread import TConn

from api.connections.bodies import PacedUnreader, PatientSocket, Waits

REQUEST_S = 10.0  # until head and small body are whole
MAX_HEAD_BYTES = 32_768
MAX_SMALL_BODY_BYTES = 32_768
MAX_ARRIVING = 500  # connections that nothing, or half a request, has come on
_LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*([0-9]{1,9})[ \t]*\r\n", re.IGNORECASE)
_WAITS_FOR_US = re.compile(rb"\r\nexpect:", re.IGNORECASE)
TOO_LARGE = b"HTTP/1.1 431 Request Header Fields Too Large\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"


class Connection(TConn):  # type: ignore[misc]
    """One connection: gunicorn's, with what has come of its next request."""

    def __init__(self, cfg: Any, sock: Any, client: Any, server: Any, waits: Waits) -> None:
        super().__init__(cfg, PatientSocket(fileno=sock.detach()), client, server)
        self.came = bytearray()
        self.until = 0.0
        self.parser = get_parser(cfg, self.sock, client)
        self.parser.unreader = PacedUnreader(self.sock, self.address, waits)
        self.is_head_too_large = False
        self.initialized = True  # neither TLS nor HTTP/2 is spoken here

    @property
    def address(self) -> str:
        """Who is at the other end: the proxy, where there is one."""
        return str(self.client[0]) if isinstance(self.client, tuple) else ""

    @property
    def is_handed_over(self) -> bool:
        """Whether it is a WebSocket by now, which others serve (`api/live/web_socket.py`)."""
        return bool(self.sock.fileno() < 0)

    def take(self, piece: bytes) -> bool:
        """Add what has come; whether the request is whole, so that a thread may have it."""
        self.came += piece
        end = self.came.find(b"\r\n\r\n")
        if end < 0:
            self.is_head_too_large = len(self.came) > MAX_HEAD_BYTES
            return b"\n\n" in piece  # no head that the parser takes: let it say so
        head = bytes(self.came[: end + 4])
        length = _LENGTH.search(head)
        wanted = int(length[1]) if length and not _WAITS_FOR_US.search(head) else 0
        small = wanted if wanted <= MAX_SMALL_BODY_BYTES else 0
        return len(self.came) >= len(head) + small

    def hand_over(self) -> None:
        """Let the parser have what has come."""
        self.parser.unreader.unread(bytes(self.came))
        self.came.clear()


class Arrivals:
    """The connections that the main loop reads from: of one thread. `REQUEST_S` for each."""

    def __init__(self) -> None:
        self._arriving: dict[Connection, None] = {}  # in the order in which their time ends
        self._of_address: Counter[str] = Counter()

    def __contains__(self, conn: Connection) -> bool:
        return conn in self._arriving

    def add(self, conn: Connection) -> None:
        """Wait for the rest of a request."""
        conn.until = time.monotonic() + REQUEST_S
        self._arriving[conn] = None
        self._of_address[conn.address] += 1

    def remove(self, conn: Connection) -> None:
        """It is whole, or closed."""
        del self._arriving[conn]
        self._of_address[conn.address] -= 1
        if not self._of_address[conn.address]:
            del self._of_address[conn.address]

    def surplus(self) -> Connection | None:
        """The one to close when there are too many: the oldest of the address that has most."""
        if len(self._arriving) <= MAX_ARRIVING:
            return None
        [(most, _)] = self._of_address.most_common(1)
        return next(conn for conn in self._arriving if conn.address == most)

    def oldest(self, count: int) -> list[Connection]:
        """Those that have waited longest."""
        return list(islice(self._arriving, count))

    def overdue(self) -> Iterable[Connection]:
        """Those whose time is over."""
        now = time.monotonic()
        for conn in list(self._arriving):
            if conn.until > now:
                return
            yield conn
