"""`python -m bench.live.crowd`: hundreds and thousands of dashboards at the API, while captions are saved through it.

python -m bench.live.crowd [--tabs 200,1000,5000] [--processes 1] [--each] [--restart] [--delays 1,0.5,5] [--code FOLDER]

A real stack. Each tab is a person with a token of his own, has the dataset open, says so as the dashboard does, and
gets batches, or with `--each` every event alone as a script does. Eight captioners save through the API as fast as they
are answered, each save waited for; one client asks for the list of datasets ten times a second. Both are measured
without tabs before and after each number of them. `--restart`: then the API's processes are killed, which its master starts
again, and all tabs come back as socket.io-client does, after the delays (first, share of chance, longest).
All tabs, captioners and the service share the machine's cores.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import resource
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import httpx
import psutil

from bench.live.crowd_tabs import LOOK_AT_EACH, Crowd
from bench.stack import Stack, running_stack
from common.db.engine import open_engine, session_factory
from common.db.tables import Image, User, now
from common.names import name_key
from common.people.credentials import issue_token

CAPTIONERS = 8
SETTLE_S = 2.0
IDLE_S = 5.0
Row = dict[str, Any]


def main() -> None:
    """Measure each number of tabs; print a line each, and JSON."""
    given = _parser().parse_args()
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    with tempfile.TemporaryDirectory(prefix="clip-browser-crowd-") as folder:
        number = {"CLIP_BROWSER_API_PROCESSES": str(given.processes)}
        options = ("--gpu-workers", "0")
        with running_stack(Path(folder) / "data", *options, code=given.code, **number) as stack:
            rows = asyncio.run(measure(stack, given))
    print(json.dumps(rows))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--tabs", type=lambda text: [int(n) for n in text.split(",")], default=[200, 1000, 5000]
    )
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument(
        "--each", action="store_true", help="every event alone, as scripts get them"
    )
    parser.add_argument(
        "--restart", action="store_true", help="kill the API's processes at the end"
    )
    parser.add_argument(
        "--delays", type=lambda text: tuple(map(float, text.split(","))), default=(1.0, 0.5, 5.0)
    )
    parser.add_argument("--code", default="", help="the checkout whose service is measured")
    return parser


async def measure(stack: Stack, given: argparse.Namespace) -> list[Row]:
    """A row without tabs, and one for each number of them."""
    dataset = str(stack.call("POST", "/datasets", json={"name": "Crowd"})["id"])
    images, tokens = _fill(stack, dataset, max(given.tabs) + CAPTIONERS)
    beside = Beside(stack.url, tokens[:CAPTIONERS], images)
    tokens = tokens[CAPTIONERS:]
    await beside.measure(3.0)
    rows = []
    for count in given.tabs:
        bare = await beside.measure(given.seconds)
        idle_bytes = _api_bytes(stack)
        crowd = Crowd(stack.url, dataset, tokens[:count], not given.each, given.delays)
        row: Row = {"processes": given.processes, "tabs": count, "saves/s without": bare["saves/s"]}
        row["all open after s"] = round(await crowd.open_all(), 1)
        await asyncio.sleep(SETTLE_S)
        used_s, began = _processor_s(stack), time.monotonic()
        await asyncio.sleep(IDLE_S)
        idle_s = time.monotonic() - began
        row["API idle % of a core"] = round(100 * (_processor_s(stack) - used_s) / idle_s, 1)
        row["KB a tab"] = round((_api_bytes(stack) - idle_bytes) / count / 1000, 1)
        crowd.begin_to_count()
        used_s, began = _processor_s(stack), time.monotonic()
        row |= await beside.measure(given.seconds)
        took_s = time.monotonic() - began
        row["API % of a core"] = round(100 * (_processor_s(stack) - used_s) / took_s)
        row |= _seen(crowd, count, took_s)
        if given.restart:
            row["all back after s"] = await _restart(stack, crowd)
        _show(row)
        await crowd.close()
        await asyncio.sleep(SETTLE_S)
        rows.append(row)
    return rows


def _show(row: Row) -> None:
    print("  ".join(f"{name}: {value}" for name, value in row.items()), flush=True)


def _fill(stack: Stack, dataset: str, people: int) -> tuple[list[int], list[str]]:
    """Images to caption, and a token of each of so many people."""
    engine = open_engine(f"sqlite:///{stack.data_dir / 'clip-browser.db'}")
    with session_factory(engine)() as session:
        images = [
            Image(dataset_id=dataset, sha256=f"{at:064x}", ext="png", filename=f"{at}.png", width=1, height=1,
                  size_bytes=1, phash="0", created_at=now())
            for at in range(CAPTIONERS * 4)
        ]  # fmt: skip
        names = [f"person {at}" for at in range(people)]
        users = [User(name=name, name_key=name_key(name), role="member") for name in names]
        session.add_all([*images, *users])
        session.flush()
        tokens = [issue_token(session, user, "api")[1] for user in users]
        session.flush()
        ids = [image.id for image in images]
    engine.dispose()
    return ids, tokens


def _seen(crowd: Crowd, count: int, took_s: float) -> Row:
    ages = sorted(crowd.ages_ms)
    looked = len(range(0, count, LOOK_AT_EACH))
    return {
        "events/s": round(crowd.events_seen / looked * count / took_s),
        "frames/s": round(crowd.frames / took_s),
        "kB/s": round(crowd.bytes / took_s / 1000),
        "age median ms": _share(ages, 0.5),
        "age p99 ms": _share(ages, 0.99),
        "lost": crowd.refused,
    }


def _share(ordered: list[float], share: float) -> float | None:
    return round(ordered[int(share * (len(ordered) - 1))]) if ordered else None


async def _restart(stack: Stack, crowd: Crowd) -> float:
    """Seconds from the end of the API's processes until the last tab is in its room."""
    began = time.monotonic()
    for process in _api(stack).children():
        process.kill()
    while len(crowd.in_room) == len(crowd.tokens):
        await asyncio.sleep(0.01)
    await crowd.wait_for_all()
    return round(time.monotonic() - began, 1)


# -- what happens beside


class Beside:
    """Captioners who save as fast as they are answered, and one who looks at the datasets."""

    def __init__(self, url: str, tokens: list[str], images: list[int]) -> None:
        self._clients = [
            httpx.AsyncClient(
                base_url=f"{url}/api/v1", timeout=60, headers={"Authorization": f"Bearer {each}"}
            )
            for each in tokens
        ]
        self._images = [images[at :: len(tokens)] for at in range(len(tokens))]
        self._heads = dict.fromkeys(images, 0)

    async def measure(self, seconds: float) -> Row:
        """Saves a second, and how long they and the list of datasets took."""
        saves: list[float] = []
        looks: list[float] = []
        until = time.monotonic() + seconds
        people = [self._save(at, until, saves) for at in range(len(self._clients))]
        await asyncio.gather(self._look(until, looks), *people)
        return {
            "saves/s": round(len(saves) / seconds, 1),
            "save median ms": round(statistics.median(saves)),
            "save p99 ms": _share(sorted(saves), 0.99),
            "GET median ms": round(statistics.median(looks)),
            "GET p99 ms": _share(sorted(looks), 0.99),
        }

    async def _save(self, at: int, until: float, took_ms: list[float]) -> None:
        turn = 0
        while time.monotonic() < until:
            image = self._images[at][turn % len(self._images[at])]
            turn += 1
            began = time.monotonic()
            body = {
                "text": f"a small red circle, told_at {time.time():.4f}",
                "base_revision": self._heads[image], "client_id": f"crowd-{at}-{time.monotonic_ns()}",
            }  # fmt: skip
            answer = await self._clients[at].put(
                f"/images/{image}/caption", json=body, headers={"Prefer": "wait=10"}
            )
            answer.raise_for_status()
            self._heads[image] += 1
            took_ms.append(1000 * (time.monotonic() - began))

    async def _look(self, until: float, took_ms: list[float]) -> None:
        while time.monotonic() < until:
            began = time.monotonic()
            (await self._clients[0].get("/datasets")).raise_for_status()
            took_ms.append(1000 * (time.monotonic() - began))
            await asyncio.sleep(0.1)


# -- the API's processes


def _api(stack: Stack) -> psutil.Process:
    children = psutil.Process(stack.process.pid).children()
    return next(each for each in children if "api.serve" in each.cmdline())


def _api_bytes(stack: Stack) -> int:
    return sum(int(each.memory_full_info().uss) for each in _api(stack).children())


def _processor_s(stack: Stack) -> float:
    """What they have taken of all cores since they began."""
    times = [each.cpu_times() for each in (_api(stack), *_api(stack).children())]
    return float(sum(each.user + each.system for each in times))


if __name__ == "__main__":
    main()
