"""Where the story plays: a running stack, the bad line before it, its images and people."""

from __future__ import annotations

import io
import json
import os
import random
import shutil
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil
from PIL import Image

from bench.stack import Stack, running_stack
from tests.servers import Server, postgres_server, server_folder
from tests.system.chaos.everything.accidents import Misfortune
from tests.system.chaos.everything.parts import Parts, open_parts, second_workers
from tests.system.chaos.everything.works import Works
from tests.system.chaos.history import History
from tests.system.chaos.killer import Killer
from tests.system.chaos.proxy import BadLine

CAPTIONERS, OWN, SHARED, FREE = 20, 5, 12, 60  # images: own ones a person, shared, to be claimed
CLAIM_S = 4.0
JOB_PATIENCE_S = 30.0  # a round of trainings takes that long


@dataclass(frozen=True)
class Plan:
    """seconds: how long there are accidents. seed: decides them, and what is typed.

    postgres: as in compose, PostgreSQL and two captions workers in place of SQLite and one.
    everything: beside that an S3 server, a GPU worker, small disks, every kind of job and of accident.
    """

    seconds: float
    seed: str
    postgres: bool = False
    everything: bool = False


@dataclass(frozen=True)
class Stage:
    """The parts of the stage; the URLs are how the test itself reads database and store."""

    plan: Plan
    folder: Path
    stack: Stack
    line: BadLine
    killer: Killer
    database_url: str
    store_url: str
    parts: Parts | None = None

    @property
    def redis_url(self) -> str:
        """Of the stack's own Redis."""
        told = json.loads((self.stack.data_dir / "cli.json").read_text())
        return str(told["redis_url"])

    def set_to_work(self, parts: Parts, history: History) -> Works:
        """People who keep every kind of job going; from now on there are the accidents of those, too."""
        works = Works(self.stack, self.line.url, history, self.plan.seed)
        misfortune = Misfortune(
            self.killer.stack, parts, works, self.database_url, self.redis_url, self.plan.seed,
            patience_s=min(JOB_PATIENCE_S, self.plan.seconds / 8),
        )  # fmt: skip
        self.killer.add(misfortune.deeds(), misfortune.missed)
        return works

    def make_dataset(self) -> tuple[str, list[int]]:
        """(its id, its images' ids: those to be claimed first, then shared ones, then own ones)."""
        dataset = str(self.stack.call("POST", "/datasets", json={"name": "Chaos"})["id"])
        count = FREE + SHARED + CAPTIONERS * OWN
        files = {"files": ("noise.zip", _drawn(count, self.plan.seed), "application/zip")}
        job = self.stack.call("POST", f"/datasets/{dataset}/images", files=files)["job"]
        assert self.stack.succeeded(job["id"])["result"]["added"] == count
        return dataset, list(self._image_ids(dataset))

    def _image_ids(self, dataset: str) -> Iterator[int]:
        cursor = ""
        while cursor is not None:
            query = {"limit": 200, "cursor": cursor}
            page = self.stack.call("GET", f"/datasets/{dataset}/images", params=query)
            yield from (item["id"] for item in page["items"])
            cursor = page["next_cursor"]

    def invite(self, name: str) -> str:
        """A new person; their token."""
        link = self.stack.call("POST", "/users", json={"name": name})["link"]
        secret = link.split("token=")[1]
        return str(self.stack.call("POST", "/auth/link", json={"token": secret})["token"])

    def is_ready(self) -> bool:
        """Whether the API, its database, its store and Redis are there."""
        try:
            return httpx.get(f"{self.stack.url}/readyz", timeout=5).status_code == 200
        except httpx.HTTPError:
            return False


@contextmanager
def open_stage(plan: Plan, folder: Path) -> Iterator[Stage]:
    """Everything running, in an empty folder; ended afterwards."""
    with ExitStack() as things:
        settings = {"CLIP_BROWSER_CLAIM_MINUTES": str(CLAIM_S / 60)}
        database: Server | None = None
        parts = things.enter_context(open_parts(folder)) if plan.everything else None
        if parts is not None:
            things.callback(_keep_logs, folder)
            settings["CLIP_BROWSER_STORE_URL"] = parts.store_url
            settings["CLIP_BROWSER_CHECKPOINT_EVERY_S"] = "1"
        if plan.postgres or plan.everything:
            database = things.enter_context(postgres_server(things.enter_context(server_folder())))
            settings["CLIP_BROWSER_DATABASE_URL"] = database.url
        options = ("--gpu-workers", "1" if plan.everything else "0")
        stack = things.enter_context(running_stack(folder / "data", *options, **settings))
        threading.Thread(target=_keep_reading, args=(stack,), daemon=True).start()
        line = BadLine(int(stack.url.rsplit(":", 1)[1]), plan.seed)
        things.callback(line.close)
        if parts is not None:
            logs = stack.data_dir / "logs"
            things.enter_context(second_workers(_settings_of(stack), logs, parts.clock))
            _wait_for_presence(stack, "captions-2")
            _wait_for_presence(stack, "cpu-2")
        elif database is not None:
            things.enter_context(_second_worker(stack))
        killer = Killer(stack.process.pid, stack.url, line, database)
        own = f"sqlite:///{stack.data_dir.resolve() / 'clip-browser.db'}"
        store_url = parts.store.url if parts else f"file://{stack.data_dir.resolve()}"
        database_url = database.url if database else own
        yield Stage(plan, folder, stack, line, killer, database_url, store_url, parts)


def _keep_logs(folder: Path) -> None:
    """The small disk of the data goes with the stage; what was said on it stays."""
    if (folder / "data" / "logs").exists():
        shutil.copytree(folder / "data" / "logs", folder / "logs")


def _settings_of(stack: Stack) -> dict[str, str]:
    """Those of the stack's workers, for others beside them."""
    family = psutil.Process(stack.process.pid).children(recursive=True)
    fleet = next(process for process in family if "fleet" in process.cmdline())
    return {
        name: value
        for name, value in fleet.environ().items()
        if name.startswith("CLIP_BROWSER_") and name != "CLIP_BROWSER_SUPERVISOR_PID"
    }


@contextmanager
def _second_worker(stack: Stack) -> Iterator[None]:
    """Another captions worker beside the stack's own, as `--scale` starts one."""
    settings = _settings_of(stack)
    command = [sys.executable, "-m", "workers.runtime.start", "worker", "captions", "--pool=solo"]
    with (stack.data_dir / "logs" / "worker-captions-2.log").open("ab") as log:
        worker = subprocess.Popen(
            [*command, "--name=captions-2"], stdout=log, stderr=log, env={**os.environ, **settings}
        )
    try:
        _wait_for_presence(stack, "captions-2")
        yield
    finally:
        worker.kill()
        worker.wait()


def _wait_for_presence(stack: Stack, name: str, timeout_s: float = 60.0) -> None:
    until = time.monotonic() + timeout_s
    while name not in str(stack.call("GET", "/system")["workers"]):
        assert time.monotonic() < until, f"worker {name} has not started"
        time.sleep(0.2)


def _keep_reading(stack: Stack) -> None:
    """Read what the stack prints, or it would stop when the pipe is full."""
    assert stack.process.stdout is not None
    for line in stack.process.stdout:
        stack.printed.append(line.rstrip())


def _drawn(count: int, seed: str) -> bytes:
    """A zip of `count` small pictures, no two alike."""
    dice = random.Random(f"{seed}:pictures")
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for number in range(count):
            png = io.BytesIO()
            Image.frombytes("RGB", (24, 24), dice.randbytes(24 * 24 * 3)).save(png, "PNG")
            archive.writestr(f"{number:04}.png", png.getvalue())
    return packed.getvalue()
