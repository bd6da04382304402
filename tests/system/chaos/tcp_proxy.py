"""What the lines that misbehave have in common: a TCP proxy on loopback with a thread and a loop of its own."""

from __future__ import annotations

import asyncio
import threading
from abc import ABC, abstractmethod
from collections.abc import Coroutine
from concurrent.futures import Future
from typing import Any

CHUNK = 64 * 1024


class TcpProxy(ABC):
    """Listens on `port` of loopback from the first moment: what serving reads is set before `super().__init__`."""

    def __init__(self, target_port: int, name: str) -> None:
        self._target_port = target_port
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name=name, daemon=True)
        self._thread.start()
        self._server = self._run(asyncio.start_server(self._serve, "127.0.0.1", 0)).result(10)
        self.port = int(self._server.sockets[0].getsockname()[1])

    def close(self) -> None:
        """End the proxy and its connections."""
        self._run(self._end()).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    @abstractmethod
    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, until it ends."""

    @abstractmethod
    def _cut_all(self) -> None:
        """Every connection, at once; in the loop's thread."""

    def _cut_all_soon(self) -> None:
        """The same, asked for by another thread."""
        self._loop.call_soon_threadsafe(self._cut_all)

    def _run(self, what: Coroutine[Any, Any, Any]) -> Future[Any]:
        return asyncio.run_coroutine_threadsafe(what, self._loop)

    async def _end(self) -> None:
        self._server.close()
        self._cut_all()
        others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
