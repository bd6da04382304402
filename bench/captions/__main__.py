"""`make bench-captions`: many people caption at once, in the loop in which they really work.

python -m bench.captions [--seconds 8] [--captioners 1,32,100] [--databases sqlite,postgresql]
                         [--beside-training] [--loops ahead,one-by-one,saves] [--dashboards 200]
                         [--code FOLDER]

Each captioner claims the next image, fetches its file, renews the claim as a tab does while somebody
types, saves with `Prefer: wait`, and goes on at once. "ahead": claims as the dashboard does, several
together when few are left; "one-by-one": a claim for each image; "saves": nothing but saves, of one
image over and over. 200 means that the revision is committed. The
clients share the machine's cores with the service that is measured. At the end each save that was
counted is looked up in the database, and no image may have been served to two people at once.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import multiprocessing
import os
import secrets
import statistics
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack, contextmanager
from itertools import product
from pathlib import Path
from typing import Any

from sqlalchemy import insert, select

from bench.captions.captioners import Holding, Plan, Tally, run_captioners
from bench.stack import Stack, running_stack
from common.db.engine import open_engine, reader_factory, session_factory
from common.db.tables import CaptionRevision, Dataset, Image, now
from tests.servers import postgres_server, server_folder
from workers.cpu.images.sample import draw_sample

STEPS = ("claim", "fetch", "renew", "save", "claim + save")
IMAGES_A_SECOND = 500  # made ready for each measurement
PICTURE_BYTES = 54_000  # a JPEG of 640x480
GROUPS = 2  # processes of clients


def main() -> None:
    """Measure on each database with a stack in a temporary folder; print a table and JSON."""
    arguments = _parser().parse_args()
    report: list[dict[str, Any]] = []
    for database in arguments.databases:
        with _opened(database, arguments.code) as (stack, url):
            with _training(stack, arguments.beside_training):
                for captioners, loop in product(arguments.captioners, arguments.loops):
                    row = captioning(stack, url, captioners, arguments.seconds, loop)
                    report.append({"database": database, **row})
                    _show(report[-1])
            if arguments.dashboards:
                report.append({"database": database, **watching(stack, url, arguments)})
                _show(report[-1])
    print(json.dumps(report))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=8.0, help="of each measurement")
    parser.add_argument("--captioners", type=_numbers, default=[1, 32, 100])
    parser.add_argument("--databases", type=_names, default=["sqlite", "postgresql"])
    parser.add_argument("--beside-training", action="store_true", help="a training runs meanwhile")
    parser.add_argument("--loops", type=_names, default=["ahead", "one-by-one"])
    parser.add_argument("--dashboards", type=int, default=0, help="measure events of so many, too")
    parser.add_argument("--rate", type=float, default=10.0, help="saves a second for dashboards")
    parser.add_argument("--code", default="", help="the checkout whose service is measured")
    return parser


def _numbers(text: str) -> list[int]:
    return [int(part) for part in text.split(",")]


def _names(text: str) -> list[str]:
    return text.split(",")


def _show(row: dict[str, Any]) -> None:
    print("  ".join(f"{name}: {value}" for name, value in row.items()), flush=True)


@contextmanager
def _opened(database: str, code: str) -> Iterator[tuple[Stack, str]]:
    """A stack, and the URL of its database. PostgreSQL writes to the disk as it does in earnest."""
    with ExitStack() as opened:
        folder = tempfile.TemporaryDirectory(prefix="clip-browser-captions-")
        data_dir = Path(opened.enter_context(folder)) / "data"
        environment = {}
        url = f"sqlite:///{data_dir / 'clip-browser.db'}"
        if database == "postgresql":
            servers = opened.enter_context(server_folder())
            url = opened.enter_context(postgres_server(servers, "-c", "fsync=on")).url
            environment["CLIP_BROWSER_DATABASE_URL"] = url
        yield opened.enter_context(running_stack(data_dir, code=code, **environment)), url


@contextmanager
def _training(stack: Stack, wanted: bool) -> Iterator[None]:
    """A training of the sample dataset, which is under way until the end."""
    if not wanted:
        yield
        return
    made = stack.call("POST", "/datasets/sample", json={})
    stack.succeeded(made["job"]["id"])
    stack.run_job(made["dataset"]["id"], "split")
    job = stack.start_job(made["dataset"]["id"], "train", epochs=1000)["id"]
    while not stack.call("GET", f"/jobs/{job}")["progress"].get("done"):
        time.sleep(0.5)
    yield
    assert stack.call("GET", f"/jobs/{job}")["state"] == "running", "the training has ended"
    stack.call("POST", f"/jobs/{job}/stop")
    stack.wait_for_job(job)


# -- captioners


def captioning(
    stack: Stack, url: str, captioners: int, seconds: float, loop: str
) -> dict[str, Any]:
    """`captioners` people caption a dataset of their own as fast as they are answered."""
    dataset = make_dataset(stack, url, int(IMAGES_A_SECOND * seconds))
    tabs = [secrets.token_hex(8) for _ in range(captioners)]
    plans = [
        Plan(token, tab, dataset, loop)
        for token, tab in zip(make_tokens(stack, captioners), tabs, strict=True)
    ]
    groups = min(GROUPS, captioners)
    with ProcessPoolExecutor(groups, multiprocessing.get_context("spawn")) as pool:
        list(pool.map(time.sleep, [0.5] * groups))  # until each has imported what it needs
        began = time.time() + 1.0
        futures = [
            pool.submit(run_captioners, stack.url, plans[at::groups], began, seconds)
            for at in range(groups)
        ]
        tallies = [future.result() for future in futures]
    _check(url, dataset, tallies)
    other = [what for tally in tallies for what in tally.other]
    figures: dict[str, Any] = {"captioners": captioners, "loop": loop}
    for name in STEPS:
        times = sorted(ms for tally in tallies for ms in tally.took_ms.get(name, []))
        if times:
            figures[f"{name} ms"] = f"{statistics.median(times):.1f} (99 %: {_p99(times):.0f})"
    figures["images/s"] = round(sum(len(t.took_ms.get("save", ())) for t in tallies) / seconds, 1)
    figures["errors"] = len(other)
    return figures | ({"first error": other[0]} if other else {})


def _p99(times: list[float]) -> float:
    return times[int(0.99 * (len(times) - 1))]


def make_dataset(stack: Stack, url: str, count: int) -> str:
    """A dataset of so many images without captions, straight into database and store.

    Their files are links to a few: what is served has the size of a photograph.
    """
    dataset = f"captioned-{secrets.token_hex(4)}"
    folder = stack.data_dir / "datasets" / dataset
    for part in ("images", "thumbs"):
        (folder / part).mkdir(parents=True)
    picture = folder / "picture"
    [drawn] = draw_sample(1, seed=1)
    picture.write_bytes(drawn.png.ljust(PICTURE_BYTES, b"\0"))
    rows = []
    for number in range(count):
        sha256 = hashlib.sha256(f"{dataset} {number}".encode()).hexdigest()
        os.link(picture, folder / "images" / f"{sha256}.png")
        os.link(picture, folder / "thumbs" / f"{sha256}.webp")
        rows.append(
            {"dataset_id": dataset, "sha256": sha256, "ext": "png", "filename": f"{number:06}.png",
             "width": 64, "height": 64, "size_bytes": PICTURE_BYTES, "phash": "0", "created_at": now()}
        )  # fmt: skip
    engine = open_engine(url)
    with session_factory(engine)() as session:
        session.add(Dataset(id=dataset, name=dataset, created_by="admin", defaults={}))
        session.flush()
        session.execute(insert(Image), rows)
    engine.dispose()
    return dataset


def make_tokens(stack: Stack, count: int) -> list[str]:
    """A token each for `count` people."""
    tokens = []
    for _ in range(count):
        name = f"captioner-{secrets.token_hex(4)}"
        link = stack.call("POST", "/users", json={"name": name})["link"]
        signed_in = stack.call("POST", "/auth/link", json={"token": link.partition("token=")[2]})
        tokens.append(signed_in["token"])
    return tokens


def _check(url: str, dataset: str, tallies: list[Tally]) -> None:
    """Raises RuntimeError when a save is not there, or an image was with two people at once."""
    engine = open_engine(url)
    with reader_factory(engine)() as session:
        found = session.execute(
            select(CaptionRevision.image_id, CaptionRevision.client_id)
            .join(Image, Image.id == CaptionRevision.image_id)
            .where(Image.dataset_id == dataset)
        )
        stored = {(image, client_id) for image, client_id in found}
    engine.dispose()
    lost = {saved for tally in tallies for saved in tally.saved} - stored
    if lost:
        raise RuntimeError(f"{len(lost)} saves were answered and are not there: {sorted(lost)[:3]}")
    shared = _held_twice([held for tally in tallies for held in tally.held])
    if shared:
        raise RuntimeError(f"{len(shared)} images were with two people at once: {shared[:3]}")


def _held_twice(held: list[Holding]) -> list[int]:
    """Images that somebody was served while somebody else had them."""
    by_image: dict[int, list[Holding]] = defaultdict(list)
    for one in sorted(held, key=lambda holding: holding.since):
        by_image[one.image].append(one)
    return [
        image
        for image, own in by_image.items()
        if any(
            later.since < earlier.until and later.holder != earlier.holder
            for at, earlier in enumerate(own)
            for later in own[at + 1 :]
        )
    ]


# -- dashboards


def watching(stack: Stack, url: str, arguments: argparse.Namespace) -> dict[str, Any]:
    """`--dashboards` connected browsers: milliseconds from a save's request to its `caption` event."""
    dataset = make_dataset(stack, url, 50)
    [token] = make_tokens(stack, 1)
    share = arguments.dashboards // GROUPS
    context = multiprocessing.get_context("spawn")
    manager = context.Manager()
    ready, stop = manager.Semaphore(0), manager.Event()
    with ProcessPoolExecutor(GROUPS, context) as pool:
        futures = [
            pool.submit(run_dashboards, stack.url, token, dataset, share, ready, stop)
            for _ in range(GROUPS)
        ]
        for _ in range(GROUPS):
            ready.acquire(timeout=120)
        sent = _paced_saves(stack, dataset, arguments.rate, arguments.seconds)
        time.sleep(3)
        stop.set()
        seen = [pair for future in futures for pair in future.result()]
    times = sorted(1000 * (at - sent[client_id]) for client_id, at in seen if client_id in sent)
    return {
        "dashboards": share * GROUPS,
        "saves/s": arguments.rate,
        "events": len(times),
        "events expected": share * GROUPS * len(sent),
        "event ms": f"{statistics.median(times):.1f} (99 %: {_p99(times):.0f})",
    }


def _paced_saves(stack: Stack, dataset: str, rate: float, seconds: float) -> dict[str, float]:
    """Saves at an even pace; when each was sent, by its client id."""
    items = stack.call("GET", f"/datasets/{dataset}/images", params={"limit": 50})["items"]
    heads = {item["id"]: item["revision"] for item in items}
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


if __name__ == "__main__":
    main()
