"""One thread that reads and writes all WebSockets of a process, and a few that deal with what came.

A connection that is silent holds no thread. Its events are dealt with one after the other, and after each one it is
the next connection's turn.
"""

from __future__ import annotations

import asyncio
import socket
import threading
from collections import deque
from collections.abc import Callable
from functools import partial
from queue import SimpleQueue
from typing import Protocol

PIECE_BYTES = 16_384


class Served(Protocol):
    """A connection, as far as the loop knows it."""

    def deal(self) -> None:
        """Deal with the next event."""

    def connection_lost(self, problem: Exception | None) -> None:
        """asyncio's: it has ended."""


class WireLoop:
    """Of one process, thread-safe. Its threads begin with the first connection. dealers: how many deal with events."""

    def __init__(self, dealers: int) -> None:
        self._dealers = dealers
        self._loop: asyncio.AbstractEventLoop | None = None
        self._adoptions: set[asyncio.Task[None]] = set()
        self._due: deque[Callable[[], object]] = deque()
        self._is_awake = False
        self._waiting: SimpleQueue[Served] = SimpleQueue()
        # For moments, when a connection's next event is looked for.
        self.lock = threading.Lock()
        # What a connection reads goes on from here at once.
        self.piece = memoryview(bytearray(PIECE_BYTES))

    def adopt(self, wire: asyncio.BufferedProtocol, line: socket.socket) -> None:
        """Serve this connection until it ends."""
        line.setblocking(False)
        self.call(partial(self._begin, wire, line))

    def _begin(self, wire: asyncio.BufferedProtocol, line: socket.socket) -> None:
        task = self._started().create_task(self._take_over(wire, line))
        self._adoptions.add(task)
        task.add_done_callback(self._adoptions.discard)

    async def _take_over(self, wire: asyncio.BufferedProtocol, line: socket.socket) -> None:
        try:
            await self._started().connect_accepted_socket(lambda: wire, line)
        except OSError as problem:
            line.close()
            wire.connection_lost(problem)

    def call(self, step: Callable[[], object]) -> None:
        """Do this in the thread that has the connections, in the order of the calls."""
        self._due.append(step)
        if not self._is_awake:
            self._is_awake = True
            self._started().call_soon_threadsafe(self._go_on)

    def deal_with(self, wire: Served) -> None:
        """Let a thread deal with the next event of this connection."""
        self._waiting.put(wire)

    def _go_on(self) -> None:
        self._is_awake = False
        while self._due:
            self._due.popleft()()

    def _started(self) -> asyncio.AbstractEventLoop:
        with self.lock:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                threading.Thread(target=self._loop.run_forever, name="wires", daemon=True).start()
                for number in range(self._dealers):
                    name = f"wire-events-{number}"
                    threading.Thread(target=self._deal, name=name, daemon=True).start()
            return self._loop

    def _deal(self) -> None:
        while True:
            self._waiting.get().deal()
