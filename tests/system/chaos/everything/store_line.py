"""The line between the service and its S3 server: a TCP proxy that is slow, silent or away when told so."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Literal

from tests.system.chaos.tcp_proxy import CHUNK, TcpProxy

Mood = Literal["well", "slow", "silent", "away"]
SLOW_S = 0.25  # each portion waits so long


class StoreLine(TcpProxy):
    """The proxy, in a thread of its own; `mood` is what it does with everything from now on."""

    def __init__(self, target_port: int) -> None:
        self._mood: Mood = "well"
        self._writers: set[asyncio.StreamWriter] = set()
        super().__init__(target_port, "store")

    def become(self, mood: Mood) -> None:
        """From now on; away also cuts what is under way."""
        self._mood = mood
        if mood == "away":
            self._cut_all_soon()

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
