"""`python -m bench.fleet.host COUNT JOB_S REPORT_S NUMBER`: one process with many pretended GPU workers.

Each has a database pool of its own as a worker process has, waits for messages in the real queue, and
takes, runs, extends and ends jobs by the code of the workers. Pretended are the process of its own and the
job's body, which sleeps and reports like a training. Prints its readiness, and at its standard input's
end what happened, as JSON.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from dataclasses import dataclass, field
from functools import cache, partialmethod
from typing import Any

import psycopg
import redis as redis_client
from sqlalchemy import Engine, event, select

from common.jobs import leases
from common.messaging.broker import GPU
from common.messaging.live_workers import PREFIX
from common.settings import Settings, load_settings
from workers.runtime import services as clients
from workers.runtime.job_context import JobContext
from workers.runtime.job_runs import run_leased
from workers.runtime.presence import EVERY_S, KEPT_S

LISTEN_S = 1  # as Celery's consumer waits for a message
# What all workers of this process have together: a thousand of each would take minutes to make.
SHARED = ("Queue", "Events", "Replies", "open_store")
QUEUE_KEYS = [GPU, *(f"{GPU}\x06\x16{step}" for step in range(1, 10))]
LOOK_SHARE = 0.02  # of a job's length, between two looks whether it is to stop
# While a query is under way psycopg wakes ten times a second, for interrupts. Hundreds of workers that wait for
# their turn in one process would do nothing else; a real one has a process of its own.
INTERRUPT_EVERY_S = 10.0
TOOTHING_S = 0.2  # of a job's length, so that not all workers end at once


@dataclass
class Record:
    """What happened in this process. lags: seconds from a body's end to the next one's begin, with its moment."""

    starts: list[float] = field(default_factory=list)
    lags: list[tuple[float, float]] = field(default_factory=list)
    stops: dict[str, float] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)
    statements: int = 0


class PretendedWorker(threading.Thread):
    """One worker: a thread that waits for messages and works the queue off."""

    def __init__(
        self, number: int, settings: Settings, job_s: float, report_s: float, record: Record
    ) -> None:
        super().__init__(name=f"worker-{number}", daemon=True)
        self._services = clients.open_services(settings)
        self._settings, self._record, self._name = settings, record, f"bench-{number}"
        self._report_s = report_s
        self._job_s = job_s * (1 - TOOTHING_S / 2 + TOOTHING_S * (number % 100) / 100)
        self._free_at: float | None = None

    def connect(self) -> None:
        """Have a connection to the database, as a worker that has run something has."""
        with self._services.readers() as session:
            session.execute(select(1))

    def run(self) -> None:
        """Until the process ends."""
        messages = redis_client.Redis.from_url(self._settings.redis_url)
        while True:
            try:
                if messages.blpop(QUEUE_KEYS, timeout=LISTEN_S):
                    self._free_at = None
                    while self._run_next():
                        pass
            except Exception as problem:
                self._record.failures.append(f"{type(problem).__name__}: {str(problem)[:120]}")
                time.sleep(1.0)

    def _run_next(self) -> bool:
        with self._services.sessions() as session:
            held = leases.take_next(
                session, GPU, ["train"], self._name, self._settings.lease_s, name=self._name
            )
        if held is not None:
            run_leased(self._services, held, self._train)
        return held is not None

    def _train(self, context: JobContext) -> dict[str, Any]:
        began = time.monotonic()
        self._record.starts.append(began)
        if self._free_at is not None:
            self._record.lags.append((began, began - self._free_at))
        steps = max(1, round(self._job_s / self._report_s))
        try:
            for step in range(steps):
                context.report(done=step, total=steps, unit="step", loss=1.0)
                context.metric("loss", step, 1.0)
                self._sleep_until(began + self._job_s * (step + 1) / steps, context)
        finally:
            self._free_at = time.monotonic()
            if context.stop_requested:
                self._record.stops[context.job.id] = self._free_at
        return {"epochs_done": 1}

    def _sleep_until(self, moment: float, context: JobContext) -> None:
        while (left_s := moment - time.monotonic()) > 0:
            context.check_stop()
            time.sleep(min(self._job_s * LOOK_SHARE, left_s))


def announce(settings: Settings, names: list[str]) -> None:
    """Write the presence of all workers of this process, again and again."""
    client = redis_client.Redis.from_url(settings.redis_url)
    while True:
        with client.pipeline(transaction=False) as pipe:
            for name in names:
                record = {"name": name, "queues": [GPU], "concurrency": 1}
                pipe.set(PREFIX + name, json.dumps(record), ex=KEPT_S)
            pipe.execute()
        time.sleep(EVERY_S)


def main() -> None:
    """See the module."""
    count, host = int(sys.argv[1]), int(sys.argv[4])
    job_s, report_s = float(sys.argv[2]), float(sys.argv[3])
    settings, record = load_settings(), Record()
    psycopg.Connection.wait = partialmethod(psycopg.Connection.wait, interval=INTERRUPT_EVERY_S)  # type: ignore[assignment]
    for name in SHARED:
        setattr(clients, name, cache(getattr(clients, name)))

    def count_statement(*_: object) -> None:
        record.statements += 1

    event.listen(Engine, "before_cursor_execute", count_statement)
    numbers = range(host * count, (host + 1) * count)
    pretended = [PretendedWorker(number, settings, job_s, report_s, record) for number in numbers]
    for worker in pretended:
        worker.connect()
    for worker in pretended:
        worker.start()
    names = [f"bench-{number}" for number in numbers]
    threading.Thread(target=announce, args=(settings, names), daemon=True).start()
    print("ready", flush=True)
    for line in sys.stdin:
        if line.strip() == "count":
            print(record.statements, flush=True)
    print(json.dumps(record.__dict__), flush=True)
    sys.stdout.flush()


if __name__ == "__main__":
    main()
    os._exit(0)  # a thousand threads: nobody waits for each
