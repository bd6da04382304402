"""`make bench-team`: a team at work for some minutes, with and without an attacker.

python -m bench.team [--minutes 10] [--captioners 30] [--watchers 15] [--searchers 5]
                     [--attacker] [--code FOLDER]

One stack. Captioners claim ahead, look at the image and save about every three seconds; watchers have the
dataset and the jobs open in a connected tab, and look through its pages; searchers search. Meanwhile three jobs
are always under way: a training, an augmentation and a split, each begun again when it has ended. The attacker,
a member of the service like others, does everything of `bench.attacks` in turn, over and over. All share the machine's cores.

Printed: what was answered otherwise than it should be, the median and the 99th percentile of each kind of
request, the resident memory of the API's processes and of all parts every half minute. Each caption that was
taken is looked up at the end.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import statistics
import tempfile
import threading
import time
from collections import Counter, defaultdict
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil

from bench.captions.__main__ import make_dataset, make_tokens
from bench.stack import FINISHED, Stack, running_stack
from bench.team.people import KINDS, Seen, attack, run_people

IMAGES_A_MINUTE = 800
MEMORY_EVERY_S = 30


class Jobs(threading.Thread):
    """Keeps three jobs under way: a training, an augmentation and a split, each again when it has ended."""

    def __init__(self, stack: Stack, dataset: str, until: float) -> None:
        super().__init__(daemon=True)
        self._stack, self._dataset, self._until = stack, dataset, until
        self.ended: Counter[str] = Counter()

    def run(self) -> None:
        """Until the end; then what is under way is stopped."""
        under_way: dict[str, str] = {}
        settings = {"train": {"epochs": 1000}}
        while time.time() < self._until:
            for kind in ("train", "augment", "split"):
                if kind not in under_way:
                    job = self._stack.start_job(self._dataset, kind, **settings.get(kind, {}))
                    under_way[kind] = job["id"]
                state = self._stack.call("GET", f"/jobs/{under_way[kind]}")["state"]
                if state in FINISHED:
                    self.ended[f"{kind} {state}"] += 1
                    del under_way[kind]
            time.sleep(1)
        for job_id in under_way.values():
            with suppress(RuntimeError):  # it has just ended
                self._stack.call("POST", f"/jobs/{job_id}/stop", json={"mode": "kill"})


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
        memory = []
        while time.time() < until - MEMORY_EVERY_S:
            time.sleep(MEMORY_EVERY_S)
            memory.append(memory_mib(stack))
        seen = working.get()
        if given.attacker:
            attacking.get()
        rounds = dict(told).get("rounds", 0)
    jobs.join(60)
    report = summary(seen, stack, captioned)
    return report | {
        "jobs": dict(jobs.ended),
        **{f"memory of {part} (MiB)": [each[part] for each in memory] for part in ("api", "all")},
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
    saved: set[int] = set().union(*(one.saved for _, one in seen))
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
        "captions": f"{len(saved)} of {len(took['save'])} saves",
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
