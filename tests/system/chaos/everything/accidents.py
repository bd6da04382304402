"""What happens beside the accidents of the story, and how each is brought about."""

from __future__ import annotations

import contextlib
import random
import re
import signal
import time
from collections.abc import Callable
from functools import partial

import psutil
import redis
from sqlalchemy import select

from common.db.engine import open_engine, reader_factory
from common.db.tables import Job
from common.messaging.broker import QUEUES
from tests.system.chaos.everything.parts import Parts
from tests.system.chaos.everything.store_line import Mood
from tests.system.chaos.everything.works import Works

JOB_KINDS = (
    "ingest", "import_captions", "remove_images", "split", "augment", "train", "index", "map",
)  # fmt: skip
UPLOAD_WAIT_S = 10.0
CLOCK_JUMPS_S = (3600, -3600, 40, -40)
DEAD_CLOCK_S = 12.0

OWNER = re.compile(r":(?P<pid>\d+)(/\w+)?$")

Deed = Callable[[float], None]


class Misfortune:
    """Accidents of jobs, store, broker, disks and clocks. `missed`: those that found no victim in time.

    patience_s: how long a job is waited for in which a worker is to be killed.
    """

    def __init__(
        self, stack: psutil.Process, parts: Parts, works: Works, database_url: str, redis_url: str,
        seed: str, patience_s: float,
    ) -> None:  # fmt: skip
        self._patience_s = patience_s
        self._stack, self._parts, self._works = stack, parts, works
        self._readers = reader_factory(open_engine(database_url))
        self._redis_url = redis_url
        self._dice = random.Random(f"{seed}:misfortune")
        self.missed: list[str] = []

    def deeds(self) -> dict[str, Deed]:
        """Each by its name; called with how long it lasts, for those that last."""
        deeds: dict[str, Deed] = {
            f"worker killed in {kind}": partial(self._kill_in, kind) for kind in JOB_KINDS
        }
        moods: dict[str, Mood] = {
            "store slow": "slow", "store silent": "silent", "store away": "away",
        }  # fmt: skip
        deeds |= {name: partial(self._spoil_line, mood) for name, mood in moods.items()}
        deeds |= {
            "store killed": self._kill_store,
            "store full": partial(self._fill, "store"),
            "disk full": partial(self._fill, "data"),
            "Redis flushed": self._flush,
            "messages three times": self._repeat,
            "API killed in an upload": self._kill_in_upload,
            "search worker killed": partial(self._kill_worker, "search"),
            "maintenance worker killed": partial(self._kill_worker, "maintenance"),
            "clock killed": partial(self._kill_worker, "beat"),
            "clock dead": self._stop_clock,
        }
        if self._parts.clock is not None:
            deeds["clock jumps"] = self._jump
        return deeds

    def _kill_in(self, kind: str, _for_s: float) -> None:
        """kill -9 of the process that has such a job, or of the worker around it."""
        until = time.monotonic() + self._patience_s
        while time.monotonic() < until:
            with contextlib.suppress(psutil.Error):
                pid = self._pid_of(kind)
                if pid is not None:
                    time.sleep(self._dice.uniform(0.0, 0.4))
                    victim = psutil.Process(pid)
                    around = victim.parent()
                    if around is not None and _is_worker(around) and self._dice.random() < 0.5:
                        around.kill()
                    victim.kill()
                    return
            time.sleep(0.05)
        self.missed.append(f"worker killed in {kind}")

    def _pid_of(self, kind: str) -> int | None:
        with self._readers() as session:
            owner = session.scalar(
                select(Job.lease_owner).where(Job.kind == kind, Job.state == "running").limit(1)
            )
        found = OWNER.search(owner or "")
        return int(found["pid"]) if found else None

    def _spoil_line(self, mood: Mood, for_s: float) -> None:
        self._parts.line.become(mood)
        time.sleep(3 * for_s)
        self._parts.line.become("well")

    def _kill_store(self, _for_s: float) -> None:
        self._parts.store.kill()
        time.sleep(1.0)
        self._parts.store.start()

    def _fill(self, disk: str, for_s: float) -> None:
        self._parts.fill(disk)
        time.sleep(2 * for_s)
        self._parts.empty(disk)

    def _flush(self, _for_s: float) -> None:
        with redis.Redis.from_url(self._redis_url, socket_timeout=5) as client:
            client.flushall()

    def _repeat(self, _for_s: float) -> None:
        """Every message that waits comes three times."""
        until = time.monotonic() + UPLOAD_WAIT_S
        with redis.Redis.from_url(self._redis_url, socket_timeout=5) as client:
            while time.monotonic() < until:
                repeated = 0
                for name in QUEUES:
                    for key in client.scan_iter(f"{name}*", _type="list"):
                        waiting = client.lrange(key, 0, 200)
                        for _ in range(2 if waiting else 0):
                            client.rpush(key, *waiting)
                        repeated += len(waiting)
                if repeated:
                    return
                time.sleep(0.002)
        self.missed.append("messages three times")

    def _kill_in_upload(self, _for_s: float) -> None:
        until = time.monotonic() + UPLOAD_WAIT_S
        while not self._works.is_sending and time.monotonic() < until:
            time.sleep(0.005)
        if not self._works.is_sending:
            self.missed.append("API killed in an upload")
        self._kill(lambda process: "api.serve" in process.cmdline())

    def _kill_worker(self, name: str, _for_s: float) -> None:
        """name: as its log is called."""
        log = "beat" if name == "beat" else f"worker-{name}"
        self._kill(lambda process: _writes(process, log))

    def _stop_clock(self, _for_s: float) -> None:
        """Nobody looks for lost jobs or sends what is due, for longer than a lease lasts a look."""
        for process in self._find(lambda process: _writes(process, "beat")):
            with contextlib.suppress(psutil.NoSuchProcess):
                process.send_signal(signal.SIGSTOP)
                time.sleep(DEAD_CLOCK_S)
                process.send_signal(signal.SIGCONT)
            return

    def _jump(self, for_s: float) -> None:
        self._parts.set_clock(self._dice.choice(CLOCK_JUMPS_S))
        time.sleep(2 * for_s)
        self._parts.set_clock(0)

    def _kill(self, is_wanted: Callable[[psutil.Process], bool]) -> None:
        for process in self._find(is_wanted)[:1]:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()

    def _find(self, is_wanted: Callable[[psutil.Process], bool]) -> list[psutil.Process]:
        found = []
        for process in self._stack.children(recursive=True):
            with contextlib.suppress(psutil.Error):
                if process.status() != psutil.STATUS_ZOMBIE and is_wanted(process):
                    found.append(process)
        return found


def _is_worker(process: psutil.Process) -> bool:
    """One of the fleet's members, which it starts again; not the fleet itself, and no second worker."""
    parent = process.parent()
    return "fleet" in process.cmdline() and parent is not None and "fleet" in parent.cmdline()


def _writes(process: psutil.Process, log: str) -> bool:
    return "fleet" in process.cmdline() and any(
        file.path.endswith(f"{log}.log") for file in process.open_files()
    )
