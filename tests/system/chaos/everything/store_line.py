"""The line between the service and its S3 server: a TCP proxy that is slow, silent or away when told so."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Coroutine
from concurrent.futures import Future
from typing import Any, Literal

Mood = Literal["well", "slow", "silent", "away"]
CHUNK = 64 * 1024
SLOW_S = 0.25  # each portion waits so long


class StoreLine:
    """The proxy, in a thread of its own; `mood` is what it does with everything from now on."""

    def __init__(self, target_port: int) -> None:
        self._target_port = target_port
        self._mood: Mood = "well"
        self._writers: set[asyncio.StreamWriter] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="store", daemon=True)
        self._thread.start()
        self._server = self._run(asyncio.start_server(self._serve, "127.0.0.1", 0)).result(10)
        self.port = int(self._server.sockets[0].getsockname()[1])

    def become(self, mood: Mood) -> None:
        """From now on; away also cuts what is under way."""
        self._mood = mood
        if mood == "away":
            self._loop.call_soon_threadsafe(self._cut_all)

    def close(self) -> None:
        """End the proxy and its connections."""
        self._run(self._end()).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    def _run(self, what: Coroutine[Any, Any, Any]) -> Future[Any]:
        return asyncio.run_coroutine_threadsafe(what, self._loop)

    async def _end(self) -> None:
        self._server.close()
        self._cut_all()
        others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    def _cut_all(self) -> None:
        for writer in list(self._writers):
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._mood == "away":
            writer.transport.abort()
            return
        try:
            far_reader, far = await asyncio.open_connection("127.0.0.1", self._target_port)
        except OSError:
            writer.transport.abort()
            return
        self._writers |= {writer, far}
        pumps = [
            asyncio.create_task(self._pump(*way)) for way in ((reader, far), (far_reader, writer))
        ]
        try:
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for pump in pumps:
                pump.cancel()
            self._writers -= {writer, far}
            for end in (writer, far):
                end.close()

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(CHUNK):
                if self._mood == "slow":
                    await asyncio.sleep(SLOW_S)
                while self._mood == "silent":
                    await asyncio.sleep(0.05)
                writer.write(data)
                await writer.drain()
