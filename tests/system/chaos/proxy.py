"""A bad line between browsers and the API: a TCP proxy that cuts and stalls connections.

A request is what a client sends after the server has spoken last. Of each a seeded die decides
whether it passes, or is lost before it is sent, in its middle, or after the API has taken it and
before the answer is back; or whether the line falls silent without being closed.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import socket
import struct
import threading
import time
from collections import Counter
from typing import Any, Literal

from tests.system.chaos.tcp_proxy import CHUNK, TcpProxy

Fate = Literal["passes", "cut before", "cut in the middle", "cut before the answer", "silent"]
FATES: dict[Fate, float] = {  # weights
    "passes": 94.0,
    "cut before": 1.5,
    "cut in the middle": 1.5,
    "cut before the answer": 2.5,
    "silent": 0.5,
}
_RESET = struct.pack("ii", 1, 0)  # SO_LINGER of 0 s: closing sends a reset


class BadLine(TcpProxy):
    """The proxy, in a thread of its own. `calm()` makes it a plain one."""

    def __init__(self, target_port: int, seed: str) -> None:
        self.cuts: Counter[str] = Counter()
        self.save_passed = threading.Event()  # set whenever a caption goes through to the API
        self._dice = random.Random(f"{seed}:line")
        self._is_calm = False
        self._offline_until = 0.0
        self._lines: set[_Line] = set()
        super().__init__(target_port, "line")

    @property
    def url(self) -> str:
        """Where browsers find the API."""
        return f"http://127.0.0.1:{self.port}"

    def fate(self) -> Fate:
        """Of the next request."""
        if self._is_calm:
            return "passes"
        fate = self._dice.choices(list(FATES), list(FATES.values()))[0]
        if fate != "passes":
            self.cuts[fate] += 1
        return fate

    @property
    def is_offline(self) -> bool:
        """Whether every connection is refused at the moment."""
        return time.monotonic() < self._offline_until

    def go_offline(self, seconds: float) -> None:
        """Cut every connection, and refuse new ones for so long."""
        self._offline_until = time.monotonic() + seconds
        self._cut_all_soon()

    def calm(self) -> None:
        """No accidents from now on; lines that hang are closed."""
        self._is_calm = True
        self._cut_all_soon()

    def _cut_all(self) -> None:
        for line in list(self._lines):
            line.cut()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.is_offline:
            _reset(writer)
            return
        try:
            far = await asyncio.open_connection("127.0.0.1", self._target_port)
        except OSError:
            _reset(writer)
            return
        line = _Line(self, (reader, writer), far)
        self._lines.add(line)
        await line.run()
        self._lines.discard(line)


class _Line:
    """One connection of a browser and the one to the API behind it."""

    def __init__(self, proxy: BadLine, near: Any, far: Any) -> None:
        self._proxy = proxy
        self._near_reader, self._near = near
        self._far_reader, self._far = far
        self._server_spoke_last = True
        self._fate: Fate = "passes"

    async def run(self) -> None:
        """Until one side closes, or the line is cut."""
        pumps = [asyncio.create_task(pump()) for pump in (self._upwards, self._downwards)]
        await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        self.cut()
        for pump in pumps:
            pump.cancel()
        await asyncio.gather(*pumps, return_exceptions=True)

    def cut(self) -> None:
        """Reset both sides."""
        _reset(self._near)
        _reset(self._far)

    async def _upwards(self) -> None:
        while data := await self._near_reader.read(CHUNK):
            if self._server_spoke_last:
                self._server_spoke_last = False
                self._fate = self._proxy.fate()
            if self._fate == "cut before":
                return
            if self._fate == "cut in the middle":
                data = data[: len(data) // 2]
            self._far.write(data)
            await self._far.drain()
            if data.startswith(b"PUT "):
                self._proxy.save_passed.set()
            if self._fate == "cut in the middle":
                return

    async def _downwards(self) -> None:
        while data := await self._far_reader.read(CHUNK):
            if self._fate == "cut before the answer":
                return
            if self._fate == "silent":
                continue
            self._server_spoke_last = True
            self._near.write(data)
            await self._near.drain()


def _reset(writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        line: socket.socket | None = writer.get_extra_info("socket")
        if line is not None and line.fileno() >= 0:
            line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    writer.close()
