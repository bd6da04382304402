"""A service without API and dashboard: real database, real Redis, real worker processes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import psutil
import pytest

from common.db.tables import Job
from common.jobs import states as jobs
from common.settings import Settings, as_environment, load_settings
from tests.migrated import migrate_new
from tests.servers import Server, redis_server
from tests.workers.probe_kinds import HOLDS  # and with it their kinds are known
from workers.runtime.services import Services, open_services
from workers.runtime.start import QUIET

Worker = subprocess.Popen[bytes]


# What is waited for comes at once as a rule; on a busy machine the start of a worker alone takes half a minute.
PATIENCE_S = 120.0


def wait_until(
    true: Callable[[], Any], timeout_s: float = PATIENCE_S, what: str = "it", every_s: float = 0.05
) -> Any:
    """The first true value of `true()`; fails the test after `timeout_s` seconds."""
    end = time.monotonic() + timeout_s
    while True:
        is_last = time.monotonic() >= end
        value = true()
        if value:
            return value
        assert not is_last, f"{what} did not happen within {timeout_s} s"
        time.sleep(every_s)


class Backstage:
    """What a test works with: services, and workers it starts and kills."""

    def __init__(self, settings: Settings, folder: Path, redis: Server) -> None:
        self.settings = settings
        self.folder = folder
        self.redis = redis
        self.services: Services = open_services(settings)
        self.marks = folder / "marks"
        self.pids = folder / "pids"
        self.gate = folder / "gate"
        self._workers: list[Worker] = []

    def start_worker(
        self, queues: str = "cpu,gpu", *options: str, data_dir: Path | None = None
    ) -> Worker:
        """A worker process that knows the probe jobs too; waits until it takes messages.

        data_dir: of another machine than the test's own.
        """
        where = {"data_dir": data_dir or self.settings.data_dir}
        name = f"w{len(self._workers)}"
        log = (self.folder / f"{name}.log").open("ab")
        worker = subprocess.Popen(
            [
                sys.executable, "-m", "celery", "-A", "tests.workers.probe_jobs", "--quiet", "worker",
                "-Q", queues, "-c", "1", "-P", "prefork", "-n", f"{name}@test",
                *QUIET, "-l", "WARNING", *options,
            ],
            env=as_environment(self.settings.model_copy(update=where)),
            stdout=log, stderr=log, start_new_session=True,
        )  # fmt: skip
        self._workers.append(worker)
        key = f"clip-browser:worker:{name}@test"
        wait_until(
            lambda: worker.poll() is not None or self.services.queue.redis.exists(key),
            what="the worker's start",
        )
        assert worker.poll() is None, (self.folder / f"{name}.log").read_text()[-3000:]
        return worker

    def start_beat(self) -> Worker:
        """What sends the maintenance tasks."""
        beat = subprocess.Popen(
            [sys.executable, "-m", "workers.runtime.start", "beat"],
            env=as_environment(self.settings),
        )
        self._workers.append(beat)
        return beat

    def stop_workers(self) -> None:
        """End all that were started."""
        for worker in self._workers:
            for process in _family(worker.pid) if worker.poll() is None else []:
                with suppress(psutil.NoSuchProcess):
                    process.kill()  # one may have died with its parent by now
            worker.wait(PATIENCE_S)

    def make(
        self,
        kind: str = "practice",
        send: bool = True,
        person: str = "anna",
        priority: int = 5,
        **params: Any,
    ) -> str:
        """A queued job; its id. waits: a probe job does not end before `open_gate`."""
        places = {name: str(getattr(self, name)) for name in ("marks", "pids", "gate")}
        with self.services.sessions() as session:
            job = jobs.create_job(
                session, kind, dataset_id=None, created_by=person, priority=priority,
                params={**places, **params},
                after_job_id=params.pop("after", None),
            )  # fmt: skip
        if send:
            self.services.queue.send_job(job, self.services.sessions)
        return job.id

    def job(self, job_id: str) -> Job:
        """The job as the database has it now."""
        with self.services.readers() as session:
            return jobs.get_job(session, job_id)

    def open_gate(self) -> None:
        """Let the probe jobs that wait come to their end."""
        self.gate.touch()

    def hold_jobs(self, unit: str, done: int) -> None:
        """No job comes further than its report of so much done, before `let_go` or a request to stop."""
        (self.settings.data_dir / HOLDS).write_text(f"{unit} {done}")

    def let_go(self) -> None:
        """After `hold_jobs`."""
        (self.settings.data_dir / HOLDS).unlink(missing_ok=True)

    def wait_for(self, job_id: str, *states: str, timeout_s: float = PATIENCE_S) -> Job:
        """The job, once it is in one of these states."""
        wait_until(
            lambda: self.job(job_id).state in states, timeout_s, f"{job_id} becoming {states}"
        )
        return self.job(job_id)

    def lose(self, worker: Worker, job_id: str, left_out_s: float | None = None) -> None:
        """Kill a worker, and let the time go by in which its job is nobody else's; fails if it leaves a process.

        As if: the end of the lease is moved, once nobody is there who could write a new one.
        left_out_s: only so much of it.
        """
        family = _family(worker.pid)
        kill_hard(worker.pid)
        wait_until(lambda: not any(is_alive(each.pid) for each in family), what="the family's end")
        with self.services.sessions() as session:
            job = jobs.get_job(session, job_id)
            assert job.lease_until is not None
            job.lease_until -= timedelta(seconds=left_out_s or self.settings.lease_s)

    def executions(self) -> list[str]:
        """One line for each time a probe job's body began."""
        return self.marks.read_text().splitlines() if self.marks.exists() else []

    def begun(self) -> list[str]:
        """The ids of the practice jobs in the order in which they began."""
        return [line.split()[3] for line in self.executions()]

    def children(self) -> list[int]:
        """Pids of the child processes that have begun."""
        return [int(pid) for pid in self.pids.read_text().split()] if self.pids.exists() else []


def _family(pid: int) -> list[psutil.Process]:
    try:
        process = psutil.Process(pid)
        return [process, *process.children(recursive=True)]
    except psutil.Error:
        return []


def is_alive(pid: int) -> bool:
    """A process that nobody has buried yet is dead all the same."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def kill_hard(pid: int) -> None:
    """SIGKILL, as the out-of-memory killer would."""
    os.kill(pid, signal.SIGKILL)


@contextmanager
def open_backstage(
    folder: Path, database_url: str, prepare: Callable[[str], None] = migrate_new, **more: Any
) -> Iterator[Backstage]:
    """A backstage with a Redis of its own. prepare: `migrate` for a database that is not new.

    A lease outlasts what a busy machine lets a worker wait; `Backstage.lose` ends one. Looks for lost ones are frequent.
    """
    data_dir = folder / "data"
    data_dir.mkdir()
    with redis_server(folder) as redis:
        settings = load_settings(
            data_dir=data_dir, redis_url=redis.url, database_url=database_url,
            secret_key="k" * 32, **{"lease_s": 30.0, "reap_every_s": 0.5, **more},
        )  # fmt: skip
        prepare(settings.database)
        stage = Backstage(settings, folder, redis)
        try:
            yield stage
        finally:
            stage.stop_workers()


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Backstage]:
    """SQLite, a fresh Redis, no worker yet."""
    with open_backstage(tmp_path, "") as opened:
        yield opened


@pytest.fixture(params=["sqlite", "postgresql"])
def any_stage(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Backstage]:
    """The same on SQLite and on PostgreSQL."""
    url = "" if request.param == "sqlite" else request.getfixturevalue("postgres_url")
    with open_backstage(tmp_path, url) as opened:
        yield opened
