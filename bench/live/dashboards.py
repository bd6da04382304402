"""`python -m bench.live.dashboards`: many open tabs while jobs report and captions are saved.

python -m bench.live.dashboards [--processes 1,2] [--tabs 200] [--jobs 20] [--saves 20] [--ways batched] [--code FOLDER]

A real stack with a dataset of 100,000 images. Each tab is a WebSocket in the room `dataset:ID`, and with `--jobs`
in `jobs`, too. `--saves` captions a second are saved by the captions worker, which tells of them, and that the
dataset has changed, as ever (`bench.live.saves`); at the end they are counted. Told beside it is the progress of
`--jobs` jobs, four times a second each, and four clients ask for an image as fast as they are answered. Ways of tabs: `batched`, as the dashboard is; `asking`, as it was before: each event
alone, and the dataset asked for at most every two seconds. Told: what the API's processes take of a core, how old
the news is when it arrives, and how the requests fare. Tabs and clients share the machine's cores with the API.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import tempfile
import time
from concurrent.futures import Future, ProcessPoolExecutor
from pathlib import Path
from typing import Any

import psutil
from sqlalchemy import insert

from bench.live.saves import Saves
from bench.live.tabs import Plan, Seen, run_clients, run_tabs
from bench.stack import Stack, running_stack
from common.db.engine import open_engine, session_factory
from common.db.tables import Image, now
from common.messaging.events import Events
from common.settings import Settings, load_settings

GROUPS = 2  # processes that the tabs share
CLIENTS = 4
SETTLE_S = 4.0


def main() -> None:
    """Measure each way with each number of processes; print a table and JSON."""
    arguments = _parser().parse_args()
    report = []
    for processes in arguments.processes:
        with tempfile.TemporaryDirectory(prefix="clip-browser-dashboards-") as folder:
            number = {"CLIP_BROWSER_API_PROCESSES": str(processes)}
            with running_stack(
                Path(folder) / "data", "--gpu-workers", "0", code=arguments.code, **number
            ) as stack:
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
    parser.add_argument("--code", default="", help="the checkout whose service is measured")
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
        settings = _settings(stack)
        saves = Saves(stack, settings, dataset, arguments.saves)
        begin = time.time() + SETTLE_S
        end = begin + arguments.seconds
        shared.update(begin=begin, end=end)
        time.sleep(SETTLE_S)
        before_s = _processor_s(stack)
        keep_busy(saves, Events(settings), dataset, arguments.jobs, end)
        used_s = _processor_s(stack) - before_s
        saves.check()
        return _row(groups, asking, used_s, saves.sent, arguments.seconds)


def _row(
    groups: list[Future[Seen]],
    asking: Future[list[float]],
    used_s: float,
    saves: int,
    seconds: float,
) -> dict[str, Any]:
    seen = [group.result() for group in groups]
    ages = sorted(age for each in seen for age in each.ages_ms)
    took = sorted(asking.result())
    return {
        "API % of a core": round(100 * used_s / seconds, 1),
        "saves/s": round(saves / seconds, 1),
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


# -- what happens meanwhile


def _settings(stack: Stack) -> Settings:
    """With the Redis of the stack."""
    os.environ["CLIP_BROWSER_REDIS_URL"] = _api(stack).environ()["CLIP_BROWSER_REDIS_URL"]
    return load_settings()


def keep_busy(saves: Saves, events: Events, dataset: str, jobs: int, ends_at: float) -> None:
    """Save captions and tell of jobs at an even pace, as people and workers do."""
    told, began = 0, time.time()
    while (moment := time.time()) < ends_at:
        saves.send_due(moment - began)
        due = int((moment - began) * jobs * 4)
        for seq in range(told, due):
            _tell_job(events, dataset, seq, seq % jobs)
        told = due
        time.sleep(0.05)
    events.close()


def _tell_job(events: Events, dataset: str, seq: int, job: int) -> None:
    record = {
        "job_id": f"job{job}", "kind": "train", "state": "running", "seq": seq, "dataset_id": dataset,
        "done": seq, "total": 10**6, "unit": "step", "message": "epoch 3 of 10", "eta_s": 100.0,
        "metrics": {"loss": 1.25, "lr": 1e-5}, "told_at": time.time(),
    }  # fmt: skip
    events.emit("job", record, [f"job:job{job}", "jobs"])


if __name__ == "__main__":
    main()
