"""The pings of all connections of a process, by one thread.

Engine.IO starts a thread for each ping, which sleeps until it is due, also when its connection has ended long before:
whoever opens and closes connections quickly filled the process with sleeping threads.
"""

from __future__ import annotations

import threading
import time
import weakref
from queue import SimpleQueue
from typing import Any

from engineio.packet import PING, Packet
from engineio.socket import Socket

# A ping wakes several threads: every 25 s, as is usual, those of a hundred tabs took some 0.5 % of a core.
# Not rarer, since proxies cut what has been silent for a minute.
PING_EVERY_S = 45
PONG_WITHIN_S = 20


class Pings:
    """Takes over the pings of an Engine.IO server: `Pings(server)`, before its first connection."""

    def __init__(self, server: Any) -> None:
        self._every_s: float = server.ping_interval
        # all wait equally long, so the first that came is the first that is due
        self._waiting: SimpleQueue[tuple[float, weakref.ref[Socket]]] = SimpleQueue()
        self._begun = threading.Lock()
        self._start_task = server.start_background_task
        server.start_background_task = self._start

    def _start(self, target: Any, *args: Any, **named: Any) -> Any:
        """What the server has done in the background; a ping of a connection waits here."""
        if getattr(target, "__func__", None) is not Socket._send_ping:
            return self._start_task(target, *args, **named)
        self._waiting.put((time.monotonic() + self._every_s, weakref.ref(target.__self__)))
        if self._begun.acquire(blocking=False):
            threading.Thread(target=self._send_all, name="pings", daemon=True).start()
        return None

    def _send_all(self) -> None:
        while True:
            due, line = self._waiting.get()
            time.sleep(max(0.0, due - time.monotonic()))
            _send(line())


def _send(line: Socket | None) -> None:
    """One ping, as `Socket._send_ping` has it after its sleep; none for a connection that has ended."""
    if line is not None and not line.closing and not line.closed:
        line.last_ping = time.time()
        line.send(Packet(PING))
