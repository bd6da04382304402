"""`make bench-captions`: many people caption at once, each save counted when its revision is durable.

python -m bench.captions [--seconds 10] [--captioners 1,32,100] [--dashboards 200]

Each captioner is an HTTP client of its own on one keep-alive connection, and saves the next caption
as soon as the one before is answered with its revision (`Prefer: wait`): 200 means that the revision
is committed. The clients run in processes of their own, so that their Python does not stand in the
way of each other; they share the machine's cores with the service that is measured.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import random
import secrets
import sqlite3
import statistics
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from bench.stack import Stack, running_stack

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


@dataclass
class Tally:
    """What a group of captioners did. saved_ms: time of each save that was answered with 200."""

    saved_ms: list[float] = field(default_factory=list)
    other: list[str] = field(default_factory=list)


def main() -> None:
    """Start a stack in a temporary folder, caption in it, print a table and JSON."""
    arguments = _parser().parse_args()
    with tempfile.TemporaryDirectory(prefix="clip-browser-captions-") as folder:
        data_dir = Path(folder) / "data"
        with running_stack(data_dir) as stack:
            images = _images(stack, arguments.images)
            report = [
                captioning(stack, images, number, arguments.seconds)
                for number in arguments.captioners
            ]
            report += [watching(stack, images, arguments)] if arguments.dashboards else []
            _check(stack, data_dir, report)
    for row in report:
        print("  ".join(f"{name}: {value}" for name, value in row.items()))
    print(json.dumps(report))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=10.0, help="of each measurement")
    parser.add_argument("--captioners", type=_numbers, default=[1, 32, 100])
    parser.add_argument("--dashboards", type=int, default=200, help="0: do not measure events")
    parser.add_argument("--images", type=int, default=400)
    parser.add_argument("--rate", type=float, default=10.0, help="saves a second for dashboards")
    return parser


def _numbers(text: str) -> list[int]:
    return [int(part) for part in text.split(",")]


def _images(stack: Stack, count: int) -> list[int]:
    """Ids of the images of a new sample dataset."""
    made = stack.call("POST", "/datasets/sample", json={})
    stack.succeeded(made["job"]["id"])
    ids: list[int] = []
    cursor = ""
    while len(ids) < count:
        query = {"limit": "200", "cursor": cursor}
        page = stack.call("GET", f"/datasets/{made['dataset']['id']}/images", params=query)
        ids += [item["id"] for item in page["items"]]
        cursor = page["next_cursor"] or ""
        if not cursor:
            break
    return ids[:count]


# -- captioners


def captioning(stack: Stack, images: list[int], captioners: int, seconds: float) -> dict[str, Any]:
    """`captioners` people save as fast as they are answered, for `seconds`; each at their own images."""
    tokens = _tokens(stack, captioners)
    shares = [images[at::captioners] for at in range(captioners)]
    heads = _revisions(stack, images)
    plans = [(tokens[at], [(i, heads[i]) for i in shares[at]]) for at in range(captioners)]
    groups = 2 if captioners > 1 else 1
    with ProcessPoolExecutor(groups, multiprocessing.get_context("spawn")) as pool:
        began = time.time() + 2.0
        futures = [
            pool.submit(run_captioners, stack.url, plans[at::groups], began, seconds)
            for at in range(groups)
        ]
        tallies = [future.result() for future in futures]
    times = sorted(ms for tally in tallies for ms in tally.saved_ms)
    other = [what for tally in tallies for what in tally.other]
    return {
        "captioners": captioners,
        "saves": len(times),
        "saves/s": round(len(times) / seconds, 1),
        "median ms": round(statistics.median(times), 1),
        "p99 ms": round(times[int(0.99 * (len(times) - 1))], 1),
        "max ms": round(times[-1], 1),
        "errors": len(other),
        **({"first error": other[0]} if other else {}),
    }


def _tokens(stack: Stack, count: int) -> list[str]:
    """A token each for `count` people."""
    tokens = []
    for _ in range(count):
        name = f"captioner-{secrets.token_hex(4)}"
        link = stack.call("POST", "/users", json={"name": name})["link"]
        signed_in = stack.call("POST", "/auth/link", json={"token": link.partition("token=")[2]})
        tokens.append(signed_in["token"])
    return tokens


def _revisions(stack: Stack, images: list[int]) -> dict[int, int]:
    return {image: stack.call("GET", f"/images/{image}")["revision"] for image in images}


def run_captioners(
    url: str, plans: list[tuple[str, list[tuple[int, int]]]], began: float, seconds: float
) -> Tally:
    """Runs in a process of its own: all captioners of `plans`, from `began` for `seconds`."""
    tally = Tally()

    async def all_of_them() -> None:
        await asyncio.gather(*(_captioner(url, plan, began, seconds, tally) for plan in plans))

    asyncio.run(all_of_them())
    return tally


async def _captioner(
    url: str, plan: tuple[str, list[tuple[int, int]]], began: float, seconds: float, tally: Tally
) -> None:
    """One person on one connection: a lean HTTP/1.1 client, since its time is not what is measured."""
    token, images = plan
    address = urlsplit(url)
    reader, writer = await asyncio.open_connection(address.hostname, address.port)
    rng = random.Random(token)
    heads = dict(images)
    await asyncio.sleep(max(0.0, began - time.time()))
    turn = 0
    while time.time() < began + seconds:
        image = images[turn % len(images)][0]
        turn += 1
        body = json.dumps(
            {
                "text": " ".join(rng.choices(WORDS, k=8)),
                "base_revision": heads[image],
                "client_id": f"{token[:8]}-{turn}",
            }
        )
        sent = time.perf_counter()
        status, answer = await _put(reader, writer, address.netloc, token, image, body)
        took_ms = 1000 * (time.perf_counter() - sent)
        if status == 200:
            heads[image] = answer["revision"]
            if time.time() <= began + seconds:
                tally.saved_ms.append(took_ms)
        else:
            tally.other.append(f"{status} {answer}")
    writer.close()


async def _put(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    host: str,
    token: str,
    image: int,
    body: str,
) -> tuple[int, dict[str, Any]]:
    """One request on a connection that stays open: (status, JSON)."""
    head = (
        f"PUT /api/v1/images/{image}/caption HTTP/1.1\r\nHost: {host}\r\n"
        f"Authorization: Bearer {token}\r\nContent-Type: application/json\r\n"
        f"Prefer: wait=30\r\nContent-Length: {len(body.encode())}\r\n\r\n"
    )
    writer.write((head + body).encode())
    lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (x.partition(":") for x in lines)}
    content = await reader.readexactly(int(headers["content-length"]))
    return int(lines[0].split()[1]), json.loads(content)


# -- dashboards


def watching(stack: Stack, images: list[int], arguments: argparse.Namespace) -> dict[str, Any]:
    """`--dashboards` connected browsers: milliseconds from a save's request to its `caption` event."""
    dataset = stack.call("GET", f"/images/{images[0]}")["dataset_id"]
    [token] = _tokens(stack, 1)
    groups = 2
    share = arguments.dashboards // groups
    manager = multiprocessing.get_context("spawn").Manager()
    ready, stop = manager.Semaphore(0), manager.Event()
    with ProcessPoolExecutor(groups, multiprocessing.get_context("spawn")) as pool:
        futures = [
            pool.submit(run_dashboards, stack.url, token, dataset, share, ready, stop)
            for _ in range(groups)
        ]
        for _ in range(groups):
            ready.acquire(timeout=120)
        sent = _paced_saves(stack, images, arguments.rate, arguments.seconds)
        time.sleep(3)
        stop.set()
        seen = [pair for future in futures for pair in future.result()]
    times = sorted(1000 * (at - sent[client_id]) for client_id, at in seen if client_id in sent)
    return {
        "dashboards": share * groups,
        "saves/s": arguments.rate,
        "events": len(times),
        "events expected": share * groups * len(sent),
        "median ms": round(statistics.median(times), 1),
        "p99 ms": round(times[int(0.99 * (len(times) - 1))], 1),
        "max ms": round(times[-1], 1),
    }


def _paced_saves(stack: Stack, images: list[int], rate: float, seconds: float) -> dict[str, float]:
    """Saves at an even pace; when each was sent, by its client id."""
    heads = _revisions(stack, images[:50])
    sent: dict[str, float] = {}
    began = time.time()
    for number in range(int(rate * seconds)):
        time.sleep(max(0.0, began + number / rate - time.time()))
        image = list(heads)[number % len(heads)]
        client_id = f"watched-{secrets.token_hex(6)}"
        body = {"text": f"caption {number}", "base_revision": heads[image], "client_id": client_id}
        sent[client_id] = time.time()
        stack.call("PUT", f"/images/{image}/caption", json=body, headers={"Prefer": "wait=10"})
        heads[image] += 1
    return sent


def run_dashboards(
    url: str, token: str, dataset: str, count: int, ready: Any, stop: Any
) -> list[tuple[str, float]]:
    """Runs in a process of its own: (client id, time) of each `caption` event of each dashboard."""
    import socketio

    seen: list[tuple[str, float]] = []

    def dashboard() -> Any:
        client = socketio.Client(reconnection=False)
        client.on("caption", lambda event: seen.append((event["client_id"], time.time())))
        client.connect(url, auth={"token": token}, transports=["websocket"], wait_timeout=60)
        client.call("subscribe", {"rooms": [f"dataset:{dataset}"]}, timeout=60)
        return client

    clients = [dashboard() for _ in range(count)]
    ready.release()
    stop.wait()
    for client in clients:
        client.disconnect()
    return seen


# -- what was saved is there


def _check(stack: Stack, data_dir: Path, report: list[dict[str, Any]]) -> None:
    """Every save that was counted is a revision in the database. Raises RuntimeError."""
    counted = sum(row["saves"] for row in report if "saves" in row)
    with sqlite3.connect(f"file:{data_dir / 'clip-browser.db'}?mode=ro", uri=True) as database:
        query = "SELECT count(*) FROM caption_revisions WHERE author LIKE 'captioner-%'"
        [found] = database.execute(query).fetchone()
    if found < counted:
        raise RuntimeError(f"{counted} saves were answered, {found} revisions are there")


if __name__ == "__main__":
    main()
