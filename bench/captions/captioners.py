"""The people of `bench.captions`: lean HTTP clients, each at the loop of a captioner.

They run in processes of their own, so that their Python does not stand in the way of each other, and
speak HTTP/1.1 by hand on one connection each: their time is not what is measured.
"""

from __future__ import annotations

import asyncio
import json
import random
import secrets
import time
from collections import defaultdict, deque
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from urllib.parse import urlsplit

WORDS = [
    "a",
    "small",
    "large",
    "red",
    "blue",
    "green",
    "yellow",
    "circle",
    "square",
    "star",
    "on",
    "the",
    "left",
    "of",
    "right",
    "beside",
]


class Plan(NamedTuple):
    """One captioner: a token, the tab that holds the claims, the dataset, the loop (see `bench.captions`)."""

    token: str
    holder: str
    dataset: str
    loop: str


# as the dashboard has it
CLAIMED_AHEAD = 5
CLAIMED_AGAIN_AT = 2


class Holding(NamedTuple):
    """An image that was served to somebody: from when on, and when its save was answered."""

    image: int
    holder: str
    since: float
    until: float


@dataclass
class Tally:
    """What a group of captioners did. took_ms: of each step; saved: (image, client id) of each 200."""

    took_ms: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    saved: list[tuple[int, str]] = field(default_factory=list)
    held: list[Holding] = field(default_factory=list)
    other: list[str] = field(default_factory=list)


def run_captioners(url: str, plans: list[Plan], began: float, seconds: float) -> Tally:
    """Runs in a process of its own: all captioners of `plans`, from `began` for `seconds`."""
    tally = Tally(took_ms={})

    async def all_of_them() -> None:
        people = [_Captioner(url, plan, began + seconds, tally) for plan in plans]
        await asyncio.gather(*(person.work(began) for person in people))

    asyncio.run(all_of_them())
    return tally


class _Captioner:
    """One person on one connection: claim, fetch, renew, save, and again."""

    def __init__(self, url: str, plan: Plan, until: float, tally: Tally) -> None:
        self._address, self._plan, self._until, self._tally = urlsplit(url), plan, until, tally
        self._dice = random.Random(plan.token)
        self._waiting: deque[tuple[dict[str, Any], float]] = deque()  # claimed, and when

    async def work(self, began: float) -> None:
        """From `began` on; what is answered after the end is not counted."""
        host, port = self._address.hostname, self._address.port
        self._reader, self._writer = await asyncio.open_connection(host, port)
        await asyncio.sleep(max(0.0, began - time.time()))
        if self._plan.loop == "saves":
            await self._save_over_and_over()
        while time.time() < self._until:
            if not await self._caption_one():
                await asyncio.sleep(0.1)
        self._writer.close()

    async def _save_over_and_over(self) -> None:
        """One image, each caption over the one before."""
        path = f"/api/v1/datasets/{self._plan.dataset}/claim?holder={self._plan.holder}"
        image = json.loads((await self._ask("POST", path, b""))[1])
        while time.time() < self._until:
            took_ms, client_id = await self._save(image)
            if took_ms is not None:
                image["revision"] += 1
                self._tally.saved.append((image["id"], client_id))

    async def _caption_one(self) -> bool:
        """One image. False when something was not as it should be."""
        holder = f"?holder={self._plan.holder}"
        claim_ms = await (self._claim_some if self._plan.loop == "ahead" else self._claim_one)(
            holder
        )
        if not self._waiting:
            return False
        image, since = self._waiting.popleft()
        await self._step("fetch", "GET", image["url"])
        await self._step("renew", "POST", f"/api/v1/images/{image['id']}/claim{holder}")
        save_ms, client_id = await self._save(image)
        self._tally.held.append(Holding(image["id"], self._plan.holder, since, time.time()))
        if save_ms is None:
            return False
        self._tally.saved.append((image["id"], client_id))
        if self._plan.loop == "one-by-one":
            self._note("claim + save", claim_ms + save_ms)
        return True

    async def _claim_one(self, holder: str) -> float:
        """The next image; milliseconds."""
        path = f"/api/v1/datasets/{self._plan.dataset}/claim{holder}"
        took_ms, image = await self._step("claim", "POST", path)
        self._waiting.extend([(image, time.time())] if image else [])
        return took_ms

    async def _claim_some(self, holder: str) -> float:
        """The next images, if few are left; milliseconds."""
        if len(self._waiting) > CLAIMED_AGAIN_AT:
            return 0.0
        path = f"/api/v1/datasets/{self._plan.dataset}/claims{holder}"
        after = f"&after={self._waiting[-1][0]['id']}" if self._waiting else ""
        count = CLAIMED_AHEAD - len(self._waiting)
        took_ms, answer = await self._step("claim", "POST", f"{path}&count={count}{after}")
        self._waiting.extend((image, time.time()) for image in (answer or {"items": []})["items"])
        return took_ms

    async def _save(self, image: dict[str, Any]) -> tuple[float | None, str]:
        client_id = secrets.token_hex(8)
        text = " ".join(self._dice.choices(WORDS, k=8))
        body = {"text": text, "base_revision": image["revision"], "client_id": client_id}
        path = f"/api/v1/images/{image['id']}/caption"
        took_ms, answer = await self._step("save", "PUT", path, json.dumps(body).encode())
        return (None if answer is None else took_ms), client_id

    async def _step(
        self, name: str, method: str, path: str, body: bytes = b""
    ) -> tuple[float, dict[str, Any] | None]:
        """(milliseconds, the JSON), the JSON None and the answer noted when it was not 200."""
        sent = time.perf_counter()
        status, content = await self._ask(method, path, body)
        took_ms = 1000 * (time.perf_counter() - sent)
        if status != 200:
            self._tally.other.append(f"{name}: {status} {content[:200]!r}")
            return took_ms, None
        self._note(name, took_ms)
        return took_ms, {} if name == "fetch" else json.loads(content)

    def _note(self, name: str, took_ms: float) -> None:
        if time.time() <= self._until:
            self._tally.took_ms.setdefault(name, []).append(took_ms)

    async def _ask(self, method: str, path: str, body: bytes) -> tuple[int, bytes]:
        """One request on the connection that stays open: (status, content)."""
        head = (
            f"{method} {path} HTTP/1.1\r\nHost: {self._address.netloc}\r\n"
            f"Authorization: Bearer {self._plan.token}\r\nContent-Type: application/json\r\n"
            f"Prefer: wait=30\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        self._writer.write(head.encode() + body)
        lines = (await self._reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        pairs = (line.partition(":") for line in lines[1:])
        headers = {name.lower(): value.strip() for name, _, value in pairs}
        content = await self._reader.readexactly(int(headers.get("content-length", "0")))
        return int(lines[0].split()[1]), content
