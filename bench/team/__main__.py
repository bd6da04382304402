"""`make bench-team`: a team at work for some minutes, with and without an attacker.

python -m bench.team [--minutes 10] [--captioners 30] [--watchers 15] [--searchers 5]
                     [--attacker] [--code FOLDER]

One stack. Captioners claim ahead, look at the image and save about every three seconds; watchers have the
dataset and the jobs open in a connected tab, and look through its pages; searchers search. Meanwhile three jobs
are always under way: a training, and on the CPU an augmentation and a split, one after the other. The attacker,
a member of the service like others, does everything of `bench.attacks` in turn, over and over. All share the machine's cores.

Printed: what was answered otherwise than it should be, the median and the 99th percentile of each kind of
request, the memory of the API and of all parts after the first minute and at the end. Each caption
that was taken is looked up at the end.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import random
import statistics
import tempfile
import threading
import time
from collections import Counter, defaultdict, deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psutil
import socketio

from bench.attacks import ATTACKS
from bench.captions.__main__ import make_dataset, make_tokens
from bench.stack import FINISHED, Stack, running_stack

IMAGES_A_MINUTE = 800
CLAIMED_AHEAD, CLAIMED_AGAIN_AT = 5, 2  # as the dashboard has it
LINES = 600  # connections of the attacker
QUERIES = ("a red circle", "a blue square", "a green triangle", "a yellow star", "two shapes")


@dataclass
class Seen:
    """Of one kind of person: how long requests took, and what went wrong."""

    took_ms: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    faults: Counter[str] = field(default_factory=Counter)
    saved: list[int] = field(default_factory=list)
    events: int = 0


class Person:
    """Somebody with a token, who asks one thing after the other."""

    def __init__(self, url: str, token: str, dataset: str, until: float) -> None:
        self.seen, self.until, self.dataset = Seen(), until, dataset
        self.url, self.token = url, token
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
            path = f"/datasets/{me.dataset}/claims?count={CLAIMED_AHEAD}&holder=tab-{me.token[:8]}"
            claimed = me.ask("claim", "POST", path)
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
            "client_id": f"{me.token[:8]}-{image['id']}",
        }
        if me.ask("save", "PUT", f"/images/{image['id']}/caption", json=body):
            me.seen.saved.append(image["id"])


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


class Jobs(threading.Thread):
    """Keeps three jobs under way: a training, and an augmentation and a split, again and again."""

    def __init__(self, stack: Stack, dataset: str, until: float) -> None:
        super().__init__(daemon=True)
        self._stack, self._dataset, self._until = stack, dataset, until
        self.ended: Counter[str] = Counter()

    def run(self) -> None:
        """Until the end; then the training is stopped."""
        training = self._stack.start_job(self._dataset, "train", epochs=100_000)["id"]
        while time.time() < self._until:
            for kind in ("augment", "split"):
                job = self._stack.start_job(self._dataset, kind)["id"]
                while time.time() < self._until:
                    state = self._stack.call("GET", f"/jobs/{job}")["state"]
                    if state in FINISHED:
                        self.ended[f"{kind} {state}"] += 1
                        break
                    time.sleep(1)
        state = self._stack.call("GET", f"/jobs/{training}")["state"]
        self.ended[f"train {state}"] += 1
        self._stack.call("POST", f"/jobs/{training}/stop", json={"mode": "kill"})


def memory_mib(stack: Stack) -> dict[str, int]:
    """Resident memory of the API's processes and of all that the stack has started."""
    found = {"api": 0.0, "all": 0.0}
    for each in psutil.Process(stack.process.pid).children(recursive=True):
        with suppress(psutil.Error):
            mib = each.memory_info().rss / 2**20
            found["all"] += mib
            found["api"] += mib if "api.serve" in " ".join(each.cmdline()) else 0
    return {name: round(value) for name, value in found.items()}


def prepare(stack: Stack) -> str:
    """The sample dataset, split, trained for a moment and indexed."""
    made = stack.call("POST", "/datasets/sample", json={})
    stack.succeeded(made["job"]["id"])
    dataset = str(made["dataset"]["id"])
    stack.run_job(dataset, "split")
    model = stack.run_job(dataset, "train", epochs=1)["result"]["model_id"]
    stack.run_job(dataset, "index", model=model)
    return dataset


def measure(stack: Stack, given: argparse.Namespace) -> dict[str, Any]:
    """The team at work; what came of it."""
    searched = prepare(stack)
    url = f"sqlite:///{stack.data_dir / 'clip-browser.db'}"
    captioned = make_dataset(stack, url, int(IMAGES_A_MINUTE * given.minutes))
    counts = {name: getattr(given, name) for name in KINDS}
    tokens = iter(make_tokens(stack, sum(counts.values()) + 1))
    plans = [
        (kind, next(tokens), searched if kind == "searchers" else captioned)
        for kind, count in counts.items()
        for _ in range(count)
    ]
    context = multiprocessing.get_context("spawn")
    until = time.time() + 60 * given.minutes
    jobs = Jobs(stack, searched, until)
    jobs.start()
    with context.Manager() as manager, context.Pool(2) as pool:
        told = manager.dict()
        if given.attacker:
            attacking = pool.apply_async(attack, (stack.url, next(tokens), until, told))
        working = pool.apply_async(run_people, (stack.url, plans, until))
        time.sleep(60)
        first = memory_mib(stack)
        seen = working.get()
        last = memory_mib(stack)
        if given.attacker:
            attacking.get()
        rounds = dict(told).get("rounds", 0)
    jobs.join(60)
    report = summary(seen, stack, captioned)
    return report | {
        "jobs": dict(jobs.ended),
        "memory after a minute (MiB)": first,
        "memory at the end (MiB)": last,
        "rounds of attacks": rounds,
    }


def summary(seen: list[tuple[str, Seen]], stack: Stack, captioned: str) -> dict[str, Any]:
    """Of all people together. Raises RuntimeError when a caption that was taken is not there."""
    took: dict[str, list[float]] = defaultdict(list)
    faults: Counter[str] = Counter()
    for _, one in seen:
        faults += one.faults
        for kind, times in one.took_ms.items():
            took[kind] += times
    saved = {image for _, one in seen for image in one.saved}
    time.sleep(3)  # until the last ones are written
    there = stack.call("GET", f"/datasets/{captioned}")["counts"]["captioned"]
    if there < len(saved):
        raise RuntimeError(f"{len(saved)} captions were taken, {there} are there")
    usual = sorted(ms for kind, times in took.items() if kind != "search" for ms in times)
    shown = {
        f"{kind} ms": f"{statistics.median(times):.0f} (99 %: {_p99(times):.0f}, {len(times)} of them)"
        for kind, times in took.items()
    }
    return shown | {
        "API ms, all but searches": f"{statistics.median(usual):.1f} (99 %: {_p99(usual):.0f})",
        "captions": len(saved),
        "events": sum(one.events for _, one in seen),
        "faults": dict(faults),
    }


def _p99(times: list[float]) -> float:
    return sorted(times)[int(0.99 * (len(times) - 1))]


def main() -> None:
    """Print what came of it, a line each, and as JSON."""
    parser = argparse.ArgumentParser(prog="python -m bench.team")
    parser.add_argument("--minutes", type=float, default=10)
    for name, count in (("captioners", 30), ("watchers", 15), ("searchers", 5)):
        parser.add_argument(f"--{name}", type=int, default=count)
    parser.add_argument(
        "--attacker", action="store_true", help="one does everything of bench.attacks"
    )
    parser.add_argument("--code", default="", help="the checkout whose service is measured")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="clip-browser-team-") as folder:
        with running_stack(Path(folder) / "data", code=given.code) as stack:
            report = measure(stack, given)
    for name, value in report.items():
        print(f"{name:34} {value}")
    print(json.dumps(report))


if __name__ == "__main__":
    main()
