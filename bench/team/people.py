"""The people of `bench.team`: what each kind of them does, and what they have seen."""

from __future__ import annotations

import hashlib
import random
import threading
import time
from collections import Counter, defaultdict, deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import httpx
import socketio

from bench.attacks import ATTACKS
from bench.captions.captioners import CLAIMED_AGAIN_AT, CLAIMED_AHEAD

LINES = 600  # connections of the attacker
QUERIES = ("a red circle", "a blue square", "a green triangle", "a yellow star", "two shapes")


@dataclass
class Seen:
    """Of one kind of person: how long requests took, and what went wrong."""

    took_ms: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    faults: Counter[str] = field(default_factory=Counter)
    saved: set[int] = field(default_factory=set)
    events: int = 0


class Person:
    """Somebody with a token, who asks one thing after the other."""

    def __init__(self, url: str, token: str, dataset: str, until: float) -> None:
        self.seen, self.until, self.dataset = Seen(), until, dataset
        self.url, self.token = url, token
        self.tab = hashlib.sha256(token.encode()).hexdigest()[:12]
        self.http = httpx.Client(
            base_url=f"{url}/api/v1", headers={"Authorization": f"Bearer {token}"}, timeout=60
        )
        self.random = random.Random(token)

    def ask(self, kind: str, method: str, path: str, **options: Any) -> httpx.Response | None:
        """One request, timed; None when it was not answered as it should be."""
        began = time.monotonic()
        try:
            answer = self.http.request(method, path, **options)
        except httpx.HTTPError as fault:
            self.seen.faults[f"{kind}: {type(fault).__name__}"] += 1
            return None
        self.seen.took_ms[kind].append(1000 * (time.monotonic() - began))
        if answer.status_code >= 400:
            self.seen.faults[f"{kind}: {answer.status_code} {answer.text[:120]}"] += 1
            return None
        return answer

    def pause(self, about_s: float) -> bool:
        """Think; whether there is time for more."""
        time.sleep(about_s * self.random.uniform(0.6, 1.4))
        return time.time() < self.until


def caption(me: Person) -> None:
    """Claim ahead, look, type, save."""
    waiting: deque[dict[str, Any]] = deque()
    while me.pause(3):
        if len(waiting) <= CLAIMED_AGAIN_AT:
            wanted: dict[str, Any] = {"count": CLAIMED_AHEAD - len(waiting), "holder": me.tab}
            wanted |= {"after": waiting[-1]["id"]} if waiting else {}
            claimed = me.ask("claim", "POST", f"/datasets/{me.dataset}/claims", params=wanted)
            waiting += claimed.json()["items"] if claimed else []
        if not waiting:
            me.seen.faults["no image was left"] += 1
            return
        image = waiting.popleft()
        me.ask("thumb", "GET", f"/images/{image['id']}/thumb")
        text = f"a {me.random.choice(('red', 'blue'))} shape {me.random.random():.3f}"
        body = {
            "text": text,
            "base_revision": image["revision"],
            "client_id": f"{me.tab}-{image['id']}",
        }
        if me.ask("save", "PUT", f"/images/{image['id']}/caption", json=body):
            me.seen.saved.add(image["id"])


def watch(me: Person) -> None:
    """A connected tab, and a look at a page now and then."""
    tab = socketio.Client(reconnection=True)

    def count(_: Any) -> None:
        me.seen.events += 1

    tab.on("batch", count)
    tab.connect(me.url, auth={"token": me.token}, transports=["websocket"], wait_timeout=20)
    try:
        rooms = {"rooms": ["jobs", f"dataset:{me.dataset}"], "batched": True}
        tab.call("subscribe", rooms, timeout=20)
        while me.pause(4):
            me.ask("dataset", "GET", f"/datasets/{me.dataset}")
            me.ask("images", "GET", f"/datasets/{me.dataset}/images?status=captioned&limit=50")
            me.ask("jobs", "GET", "/jobs?state=active")
    finally:
        if not tab.connected:
            me.seen.faults["the tab was cut off"] += 1
        with suppress(Exception):
            tab.disconnect()


def search(me: Person) -> None:
    """One query after the other, and the pictures that were found."""
    while me.pause(4):
        params = {"q": me.random.choice(QUERIES), "k": 12}
        found = me.ask("search", "GET", f"/datasets/{me.dataset}/search", params=params)
        for hit in found.json()["hits"][:4] if found else ():
            me.ask("thumb", "GET", hit["thumb_url"].removeprefix("/api/v1"))


KINDS: dict[str, Callable[[Person], None]] = {
    "captioners": caption,
    "watchers": watch,
    "searchers": search,
}


def run_people(url: str, plans: list[tuple[str, str, str]], until: float) -> list[tuple[str, Seen]]:
    """Runs in a process of its own. plans: (kind, token, dataset) of each person."""
    people = [(kind, Person(url, token, dataset, until)) for kind, token, dataset in plans]

    def live(kind: str, me: Person) -> None:
        try:
            KINDS[kind](me)
        except Exception as fault:
            me.seen.faults[f"{kind}: {fault!r}"[:160]] += 1

    threads = [threading.Thread(target=live, args=each) for each in people]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return [(kind, me.seen) for kind, me in people]


def attack(url: str, token: str, until: float, told: Any) -> None:
    """Runs in a process of its own: all attacks in turn until the end."""
    rounds = 0
    while time.time() < until:
        for name, each in ATTACKS.items():
            if name != "nothing" and time.time() < until:
                each(url, token, LINES)
        rounds += 1
    told["rounds"] = rounds
