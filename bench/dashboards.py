"""`python -m bench.dashboards`: many open tabs while jobs report and captions are saved.

python -m bench.dashboards [--processes 1,2] [--tabs 200] [--jobs 20] [--saves 20] [--ways batched]

A real stack with a dataset of 100,000 images. Each tab is a WebSocket in the room `dataset:ID`, and with `--jobs`
in `jobs`, too. Told are the progress of `--jobs` jobs, four times a second each, `--saves` captions a second
and once a second that the dataset has changed, as the workers tell them. Beside it four clients ask for an image
as fast as they are answered. Ways of tabs: `batched`, as the dashboard is; `asking`, as it was before: each event
alone, and the dataset asked for at most every two seconds. Told: what the API's processes take of a core, how old
the news is when it arrives, and how the requests fare. Tabs and clients share the machine's cores with the API.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import os
import random
import re
import tempfile
import time
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psutil
from sqlalchemy import insert

from bench.stack import Stack, running_stack
from common.db.engine import open_engine, session_factory
from common.db.tables import Image, now
from common.messaging.events import Events
from common.settings import load_settings

GROUPS = 2  # processes that the tabs share
ASKED_EVERY_S = 2.0
CLIENTS = 4
SETTLE_S = 4.0
LOOK_S = 0.25
TOLD_AT = re.compile(rb'"told_at": ?([0-9.]+)')


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


def main() -> None:
    """Measure each way with each number of processes; print a table and JSON."""
    arguments = _parser().parse_args()
    report = []
    for processes in arguments.processes:
        with tempfile.TemporaryDirectory(prefix="clip-browser-dashboards-") as folder:
            number = {"CLIP_BROWSER_API_PROCESSES": str(processes)}
            with running_stack(Path(folder) / "data", "--gpu-workers", "0", **number) as stack:
                dataset = _fill(stack, arguments.images)
                for way in arguments.ways:
                    figures = measure(stack, dataset, way, arguments)
                    report.append({"processes": processes, "tabs are": way, **figures})
                    print("  ".join(f"{name}: {value}" for name, value in report[-1].items()))
    print(json.dumps(report))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--processes", type=lambda text: [int(n) for n in text.split(",")], default=[1, 2]
    )
    parser.add_argument("--ways", type=lambda text: text.split(","), default=["batched"])
    parser.add_argument("--tabs", type=int, default=200)
    parser.add_argument("--jobs", type=int, default=20, help="that report four times a second")
    parser.add_argument("--saves", type=float, default=20.0, help="captions a second")
    parser.add_argument("--images", type=int, default=100_000)
    parser.add_argument("--seconds", type=float, default=15.0)
    parser.add_argument("--no-requests", action="store_true", help="no clients beside the tabs")
    return parser


def _fill(stack: Stack, images: int) -> str:
    """A dataset of so many images, half of them captioned: rows alone."""
    dataset = str(stack.call("POST", "/datasets", json={"name": "Many"})["id"])
    engine = open_engine(f"sqlite:///{stack.data_dir / 'clip-browser.db'}")
    with session_factory(engine)() as session:
        rows = [
            {"dataset_id": dataset, "sha256": f"{at:064x}", "ext": "png", "filename": f"{at}.png", "width": 1,
             "height": 1, "size_bytes": 1, "phash": "0", "created_at": now(), "is_captioned": at % 2 == 0}
            for at in range(images)
        ]  # fmt: skip
        session.execute(insert(Image), rows)
    engine.dispose()
    return dataset


def measure(stack: Stack, dataset: str, way: str, arguments: argparse.Namespace) -> dict[str, Any]:
    """One row of the table."""
    token = stack.http.headers["Authorization"].removeprefix("Bearer ")
    [first] = stack.call("GET", f"/datasets/{dataset}/images", params={"limit": "1"})["items"]
    shared = multiprocessing.get_context("spawn").Manager().dict()
    more = ["jobs"] if arguments.jobs else []
    share = arguments.tabs // GROUPS
    plan = Plan(stack.url, token, dataset, share, way == "batched", more, shared)
    clients = 0 if arguments.no_requests else CLIENTS
    with ProcessPoolExecutor(GROUPS + 1, multiprocessing.get_context("spawn")) as pool:
        groups = [pool.submit(run_tabs, plan, f"ready {at}") for at in range(GROUPS)]
        asking = pool.submit(run_clients, plan, first["id"], clients)
        while len(shared) < GROUPS + 1:
            time.sleep(0.1)
        begin = time.time() + SETTLE_S
        end = begin + arguments.seconds
        shared.update(begin=begin, end=end)
        time.sleep(SETTLE_S)
        before_s = _processor_s(stack)
        tell(_redis_url(stack), dataset, arguments, end)
        used_s = _processor_s(stack) - before_s
        return _row(groups, asking, used_s, arguments.seconds)


def _row(
    groups: list[Future[Seen]], asking: Future[list[float]], used_s: float, seconds: float
) -> dict[str, Any]:
    seen = [group.result() for group in groups]
    ages = sorted(age for each in seen for age in each.ages_ms)
    took = sorted(asking.result())
    return {
        "API % of a core": round(100 * used_s / seconds, 1),
        "frames/s": round(sum(each.frames for each in seen) / seconds),
        "kB/s": round(sum(each.bytes for each in seen) / seconds / 1000),
        "asked/s": round(sum(each.asked for each in seen) / seconds, 1),
        "age median ms": _share(ages, 0.5),
        "age p99 ms": _share(ages, 0.99),
        "requests/s": round(len(took) / seconds, 1),
        "request median ms": _share(took, 0.5),
        "request p99 ms": _share(took, 0.99),
    }


def _share(ordered: list[float], share: float) -> float | None:
    return round(ordered[int(share * (len(ordered) - 1))], 1) if ordered else None


# -- the API's processes


def _api(stack: Stack) -> psutil.Process:
    [found] = [
        child for child in psutil.Process(stack.process.pid).children()
        if "api.serve" in child.cmdline()
    ]  # fmt: skip
    return found


def _processor_s(stack: Stack) -> float:
    """What they have taken of all cores since they began."""
    times = [each.cpu_times() for each in (_api(stack), *_api(stack).children())]
    return float(sum(each.user + each.system for each in times))


def _redis_url(stack: Stack) -> str:
    return _api(stack).environ()["CLIP_BROWSER_REDIS_URL"]


# -- what is told


def tell(redis_url: str, dataset: str, arguments: argparse.Namespace, ends_at: float) -> None:
    """Tell of jobs, captions and the dataset at an even pace, as workers do."""
    os.environ["CLIP_BROWSER_REDIS_URL"] = redis_url
    events = Events(load_settings())
    number, began = 0, time.time()
    paces = {"job": arguments.jobs * 4.0, "caption": arguments.saves, "dataset": 1.0}
    told = dict.fromkeys(paces, 0)
    while (moment := time.time()) < ends_at:
        for what, pace in paces.items():
            while told[what] < (moment - began) * pace:
                told[what] += 1
                number += 1
                _tell_one(events, what, dataset, number, told[what] % max(1, arguments.jobs))
        time.sleep(0.005)


def _tell_one(events: Events, what: str, dataset: str, number: int, job: int) -> None:
    told_at = {"told_at": time.time()}
    if what == "dataset":
        events.dataset(dataset)
    elif what == "caption":
        saved = {
            "image_id": number,
            "slot": 0,
            "revision": 1,
            "by": "ada",
            "client_id": f"c{number}",
        }
        saved["text"] = "a small red circle on the left of a large blue square"
        events.caption(dataset, {**saved, **told_at})
    else:
        progress = {"done": number, "total": 10**6, "unit": "step", "message": "epoch 3 of 10"}
        record = {
            "job_id": f"job{job}",
            "kind": "train",
            "state": "running",
            "seq": number,
            **progress,
        }
        record |= {
            "dataset_id": dataset,
            "metrics": {"loss": 1.25, "lr": 1e-5},
            "eta_s": 100.0,
            **told_at,
        }
        events.emit("job", record, [f"job:job{job}", "jobs"])


# -- tabs and clients: lean ones, since their time is not what is measured


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


if __name__ == "__main__":
    main()
