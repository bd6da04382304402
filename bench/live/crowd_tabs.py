"""Thousands of tabs in one process: each speaks as the dashboard does, and takes next to nothing."""

from __future__ import annotations

import asyncio
import json
import random
import re
import time
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from urllib.parse import urlsplit

LOOK_AT_EACH = 20  # of so many tabs one reads what it is sent; the others count it
HEARTBEAT_S = 20.0
TOLD_AT = re.compile(rb"told_at ([0-9]+[.][0-9]+)")
EVENT = re.compile(rb'\["caption",')


@dataclass
class Crowd:
    """Tabs of a dataset, one a token. delays: as socket.io-client's: first, share of chance, longest."""

    url: str
    dataset: str
    tokens: list[str]
    batched: bool
    delays: tuple[float, float, float]
    frames: int = 0
    bytes: int = 0
    events_seen: int = 0
    ages_ms: list[float] = field(default_factory=list)
    in_room: set[int] = field(default_factory=set)
    refused: int = 0
    is_over: bool = False
    tasks: list[asyncio.Task[None]] = field(default_factory=list)

    async def open_all(self, at_once: int = 100) -> float:
        """Seconds until all are in their room."""
        began, gate = time.monotonic(), asyncio.Semaphore(at_once)
        first = len(self.tasks)
        for number in range(first, len(self.tokens)):
            self.tasks.append(asyncio.create_task(self._keep_open(number, gate)))
        await self.wait_for_all()
        return time.monotonic() - began

    async def wait_for_all(self) -> None:
        """Until every tab is in its room."""
        while len(self.in_room) < len(self.tokens):
            await asyncio.sleep(0.05)

    async def close(self) -> None:
        """End all tabs."""
        self.is_over = True
        while left := [task for task in self.tasks if not task.done()]:
            for task in left:
                task.cancel()
            # Python 3.11's `wait_for` swallows a cancellation that comes with its result.
            await asyncio.wait(left, timeout=1.0)

    def begin_to_count(self) -> None:
        """What was seen until now is forgotten."""
        self.frames = self.bytes = self.events_seen = 0
        self.ages_ms.clear()

    async def _keep_open(self, number: int, gate: asyncio.Semaphore) -> None:
        """Connect, and again whenever the connection ends."""
        attempt, loop = 0, asyncio.get_running_loop()
        address = urlsplit(self.url)
        host, port = str(address.hostname), int(address.port or 80)
        while not self.is_over:
            tab = Tab(self, number)
            try:
                async with gate:
                    await loop.create_connection(partial(_same, tab), host, port)
                    tab.ask_to_open(address.netloc)
                    await asyncio.wait_for(asyncio.shield(tab.opened), 20)
                attempt, gate = 0, asyncio.Semaphore(1)
                await tab.closed
            except (OSError, TimeoutError):
                self.refused += 1
            finally:
                self.in_room.discard(number)
                tab.abort()
            await asyncio.sleep(self._delay_s(attempt))
            attempt += 1

    def _delay_s(self, attempt: int) -> float:
        first, share, longest = self.delays
        delay_s = first * float(2**attempt)
        return min(longest, delay_s * (1 + share * random.uniform(-1, 1)))


def _same(tab: Tab) -> Tab:
    return tab


class Tab(asyncio.Protocol):
    """One connection of a tab."""

    def __init__(self, crowd: Crowd, number: int) -> None:
        loop = asyncio.get_running_loop()
        self._crowd, self._number = crowd, number
        self.opened, self.closed = loop.create_future(), loop.create_future()
        self._transport: asyncio.Transport | None = None
        self._came = bytearray()
        self._read: Callable[[], bool] = self._read_head
        self._inflate = zlib.decompressobj(-15)
        self._heartbeat: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """asyncio's."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def ask_to_open(self, host: str) -> None:
        """As a browser does, which offers compression."""
        lines = [
            "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1", f"Host: {host}", "Upgrade: websocket",
            f"Authorization: Bearer {self._crowd.tokens[self._number]}", "Connection: Upgrade",
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Version: 13",
            "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits",
        ]  # fmt: skip
        if self._transport is not None:
            self._transport.write("\r\n".join(lines).encode() + b"\r\n\r\n")

    def data_received(self, data: bytes) -> None:
        """asyncio's."""
        self._came += data
        while self._read():
            pass

    def connection_lost(self, problem: Exception | None) -> None:
        """asyncio's."""
        self._crowd.in_room.discard(self._number)
        if self._heartbeat is not None:
            self._heartbeat.cancel()
        for future in (self.opened, self.closed):
            if not future.done():
                future.set_exception(ConnectionError("closed"))
                # It need not be looked at.
                future.exception()

    def abort(self) -> None:
        """End it."""
        if self._transport is not None:
            self._transport.abort()

    def _read_head(self) -> bool:
        head, found, rest = bytes(self._came).partition(b"\r\n\r\n")
        if not found:
            return False
        if b" 101 " not in head[:14]:
            self.abort()
            return False
        self._came = bytearray(rest)
        self._read = self._read_frame
        self._say("40")
        return True

    def _read_frame(self) -> bool:
        """A frame of the server (RFC 6455, 5.2): whole, and not masked."""
        came = self._came
        if len(came) < 2:
            return False
        at, length = 2, came[1]
        if length > 125:
            at = 4 if length == 126 else 10
            length = int.from_bytes(came[2:at], "big") if len(came) >= at else 1 << 40
        if len(came) < at + length:
            return False
        self._note(came[0], bytes(came[at : at + length]), at + length)
        del came[: at + length]
        return True

    def _note(self, first: int, data: bytes, size: int) -> None:
        if first & 0x0F == 8:
            self.abort()
            return
        if self._number % LOOK_AT_EACH == 0 or not self.opened.done():
            data = self._plain(first, data)
        if data == b"2":
            self._say("3")
        elif data.startswith(b"40"):
            rooms = {"rooms": [f"dataset:{self._crowd.dataset}"], "batched": self._crowd.batched}
            self._say("420" + json.dumps(["subscribe", rooms]))
        elif data.startswith(b"430"):
            self._crowd.in_room.add(self._number)
            self.opened.set_result(None)
            self._tell_place()
        elif self.opened.done():
            self._count(data, size)

    def _plain(self, first: int, data: bytes) -> bytes:
        return self._inflate.decompress(data + b"\0\0\xff\xff") if first & 0x40 else data

    def _count(self, data: bytes, size: int) -> None:
        crowd = self._crowd
        crowd.frames += 1
        crowd.bytes += size
        if self._number % LOOK_AT_EACH == 0:
            crowd.events_seen += len(EVENT.findall(data))
            told_at = [float(found) for found in TOLD_AT.findall(data)]
            crowd.ages_ms += [1000 * (time.time() - each) for each in told_at]

    def _tell_place(self) -> None:
        """That the dataset is open here: at once, and every 20 s, as the dashboard does."""
        self._say(
            "42" + json.dumps(["presence", {"dataset_id": self._crowd.dataset, "image_id": None}])
        )
        loop = asyncio.get_running_loop()
        self._heartbeat = loop.call_later(HEARTBEAT_S * random.uniform(0.9, 1.1), self._tell_place)

    def _say(self, text: str) -> None:
        """A text frame with the mask 0, which leaves what it masks as it is."""
        data = text.encode()
        size = (
            bytes([0x80 | len(data)]) if len(data) < 126 else b"\xfe" + len(data).to_bytes(2, "big")
        )
        if self._transport is not None:
            self._transport.write(b"\x81" + size + bytes(4) + data)
