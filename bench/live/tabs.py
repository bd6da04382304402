"""Tabs and clients: lean ones, since their time is not what is measured."""

from __future__ import annotations

import asyncio
import json
import random
import re
import time
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

ASKED_EVERY_S = 2.0
LOOK_S = 0.25
TOLD_AT = re.compile(rb"told_at\W+([0-9]+[.][0-9]+)")


@dataclass(frozen=True)
class Plan:
    """What a group of tabs does. shared: among processes: `ready` groups, when to `begin` and to `end`."""

    url: str
    token: str
    dataset: str
    tabs: int
    batched: bool
    more_rooms: list[str]
    shared: Any


@dataclass
class Seen:
    """What tabs saw. ages_ms: of the newest piece of news in each frame."""

    frames: int = 0
    bytes: int = 0
    asked: int = 0
    ages_ms: list[float] = field(default_factory=list)


def run_tabs(plan: Plan, ready: str) -> Seen:
    """Runs in a process of its own: all tabs of a group until the plan ends."""
    group = Group(plan)

    async def all_of_them() -> None:
        tabs = [asyncio.create_task(_tab(group, at / 50)) for at in range(plan.tabs)]
        while group.in_their_rooms < plan.tabs:
            await asyncio.sleep(LOOK_S)
        plan.shared[ready] = True
        while "end" not in plan.shared:
            await asyncio.sleep(LOOK_S)
        group.begin, group.end = plan.shared["begin"], plan.shared["end"]
        await asyncio.sleep(group.end - time.time())
        for tab in tabs:
            tab.cancel()

    asyncio.run(all_of_them())
    return group.seen


@dataclass
class Group:
    """The tabs of a process, and from when to when it counts what they see."""

    plan: Plan
    seen: Seen = field(default_factory=Seen)
    in_their_rooms: int = 0
    begin: float = float("inf")
    end: float = float("inf")

    def note(self, frame: bytes) -> None:
        """Count a frame."""
        if not self.begin <= time.time() <= self.end:
            return
        self.seen.frames += 1
        self.seen.bytes += len(frame)
        told_at = [float(found) for found in TOLD_AT.findall(frame)]
        if told_at:
            self.seen.ages_ms.append(1000 * (time.time() - max(told_at)))


async def _tab(group: Group, wait_s: float) -> None:
    await asyncio.sleep(wait_s)
    plan = group.plan
    reader, writer = await _open_websocket(plan.url)
    await _read_frame(reader)  # the server opens
    _send(writer, "40" + json.dumps({"token": plan.token}))
    rooms = {"rooms": [f"dataset:{plan.dataset}", *plan.more_rooms], "batched": plan.batched}
    asking: asyncio.Task[None] | None = None
    while True:
        frame = await _read_frame(reader)
        if frame == b"2":
            _send(writer, "3")
        elif frame.startswith(b"40"):
            _send(writer, "420" + json.dumps(["subscribe", rooms]))
        elif frame.startswith(b"430"):
            group.in_their_rooms += 1
        elif frame.startswith(b"42"):
            group.note(frame)
            if frame.startswith(b'42["dataset"') and (asking is None or asking.done()):
                asking = asyncio.create_task(_ask(plan, group.seen))


async def _ask(plan: Plan, seen: Seen) -> None:
    """A tab as it was: asks for the dataset, then not again for two seconds."""
    await asyncio.sleep(random.random() * 0.4)
    reader, writer = await _connect(plan.url)
    await _get(reader, writer, plan.url, plan.token, f"/api/v1/datasets/{plan.dataset}")
    writer.close()
    seen.asked += 1
    await asyncio.sleep(ASKED_EVERY_S)


def run_clients(plan: Plan, image: int, clients: int) -> list[float]:
    """Runs in a process of its own: milliseconds of each request of all clients."""
    took_ms: list[float] = []
    plan.shared["clients"] = True
    while "end" not in plan.shared:
        time.sleep(LOOK_S)
    begin, end = plan.shared["begin"], plan.shared["end"]

    async def client() -> None:
        await asyncio.sleep(max(0.0, begin - time.time()))
        reader, writer = await _connect(plan.url)
        while time.time() < end:
            sent = time.perf_counter()
            await _get(reader, writer, plan.url, plan.token, f"/api/v1/images/{image}")
            took_ms.append(1000 * (time.perf_counter() - sent))
        writer.close()

    async def all_of_them() -> None:
        await asyncio.gather(*(client() for _ in range(clients)))

    asyncio.run(all_of_them())
    return took_ms


async def _connect(url: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    address = urlsplit(url)
    return await asyncio.open_connection(address.hostname, address.port, limit=2**22)


async def _get(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, url: str, token: str, path: str
) -> bytes:
    """One request on a connection that stays open: its body."""
    head = f"GET {path} HTTP/1.1\r\nHost: {urlsplit(url).netloc}\r\n"
    writer.write(f"{head}Authorization: Bearer {token}\r\n\r\n".encode())
    answer = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
    found = re.search(r"content-length: (\d+)", answer)
    if " 200 " not in answer.split("\r\n")[0] or found is None:
        raise RuntimeError(f"{path}: {answer[:200]}")
    return await reader.readexactly(int(found[1]))


async def _open_websocket(url: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await _connect(url)
    head = f"GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: {urlsplit(url).netloc}\r\n"
    key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
    writer.write(f"{head}Upgrade: websocket\r\nConnection: Upgrade\r\n{key}\r\n".encode())
    answer = await reader.readuntil(b"\r\n\r\n")
    if b" 101 " not in answer:
        raise RuntimeError(f"no WebSocket: {answer[:200]!r}")
    return reader, writer


async def _read_frame(reader: asyncio.StreamReader) -> bytes:
    """The next frame that the server sends (RFC 6455, 5.2): whole, and not masked."""
    length = (await reader.readexactly(2))[1]
    if length > 125:
        length = int.from_bytes(await reader.readexactly(2 if length == 126 else 8), "big")
    return await reader.readexactly(length)


def _send(writer: asyncio.StreamWriter, text: str) -> None:
    """A text frame with the mask 0, which leaves what it masks as it is."""
    data = text.encode()
    size = (
        bytes([0x80 | len(data)])
        if len(data) < 126
        else bytes([0xFE]) + len(data).to_bytes(2, "big")
    )
    writer.write(b"\x81" + size + bytes(4) + data)
