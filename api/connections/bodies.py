"""Large bodies, read by threads: slow ones are few, and those that stand still are given up."""

from __future__ import annotations

import contextlib
import select
import socket
import threading
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

from gunicorn.http.unreader import SocketUnreader

from common.errors import RequestTimeout, Unavailable

IDLE_S = 15.0  # that a client may send or take nothing
GRACE_S = 20.0  # of waiting, before a rate is asked for
LEAST_RATE = 1024  # bytes a second of waiting
RETRY_AFTER_S = 10


class PatientSocket(socket.socket):
    """A socket that waits for its other end, but not for ever."""

    def setblocking(self, flag: bool) -> None:
        """Blocking means IDLE_S: gunicorn asks for it before each request."""
        self.settimeout(IDLE_S if flag else 0.0)


class Waits:
    """How many threads may wait for bytes of a body: `count`, half of them of one address. Thread-safe."""

    def __init__(self, count: int) -> None:
        self._count, self._of_one = count, max(4, count // 2)
        self._taken: Counter[str] = Counter()
        self._lock = threading.Lock()

    @contextlib.contextmanager
    def one(self, address: str) -> Iterator[None]:
        """Wait until the block ends. Raises Unavailable when too many do."""
        with self._lock:
            if self._taken.total() >= self._count or self._taken[address] >= self._of_one:
                raise Unavailable(
                    "Too many uploads are slow at this moment.",
                    remedy="Try again in a few seconds.",
                    details={"retry_after_s": RETRY_AFTER_S},
                )
            self._taken[address] += 1
        try:
            yield
        finally:
            with self._lock:
                self._taken[address] -= 1
                self._taken += Counter()  # drops those who wait no longer


class PacedUnreader(SocketUnreader):  # type: ignore[misc]
    """Reads a body as it comes.

    Raises RequestTimeout when it stands still or trickles, Unavailable when too many others do.
    """

    def __init__(self, sock: socket.socket, address: str, waits: Waits) -> None:
        super().__init__(sock)
        self._address, self._waits = address, waits
        self._waited_s, self._came = 0.0, 0

    def begin(self) -> None:
        """A new request: what earlier ones took does not count."""
        self._waited_s, self._came = 0.0, 0

    def chunk(self, size_hint: int | None = None) -> Any:
        """gunicorn's: the next piece."""
        if not self._is_ready(0):
            self._wait()
        piece = super().chunk(size_hint)
        self._came += len(piece)
        return piece

    def _wait(self) -> None:
        limit_s = self.sock.gettimeout() or IDLE_S
        if limit_s < 1:  # the rest of a body that nobody wants, before the next request
            if not self._is_ready(limit_s):
                raise TimeoutError
            return
        began = time.monotonic()
        with self._waits.one(self._address):
            is_ready = self._is_ready(limit_s)
        self._waited_s += time.monotonic() - began
        if not is_ready or self._came < (self._waited_s - GRACE_S) * LEAST_RATE:
            raise RequestTimeout(
                f"The body came too slowly: {self._came:,} bytes in {self._waited_s:.0f} s of waiting.",
                remedy="Send it again over a faster line; a large file as an upload in portions.",
            )

    def _is_ready(self, limit_s: float) -> bool:
        look = select.poll()
        look.register(self.sock, select.POLLIN)
        return bool(look.poll(limit_s * 1000))
