"""The part of /metrics that is read when it is asked for: jobs, queues and workers. What each means: docs/metrics.md."""

from __future__ import annotations

import math
import threading
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector
from redis import RedisError
from sqlalchemy import ColumnElement, func, select, true
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from api.services import Services
from common.backup.lease import last_success
from common.db.tables import Job
from common.errors import QueueUnavailable
from common.jobs.counts.ends import BOUNDS_S, NEVER_BEGAN, EndCount, read_ends
from common.jobs.counts.tallies import MEANINGS, read_tallies
from common.jobs.demand import Demand, read_demand
from common.jobs.kinds import GPU, JOB_QUEUES, KINDS
from common.jobs.states import ACTIVE, FINISHED
from common.messaging.broker import QUEUES
from common.messaging.live_workers import count_places, read_workers

KEPT_S = 1.0  # two who ask within it get the same figures
FINISHED_KEPT_S = 15.0  # rows of ended jobs are many, and are counted less often
LOST = "worker_lost"
Workers = list[dict[str, Any]]


@dataclass(frozen=True)
class Figures:
    """All of one moment. workers, depths: None while Redis does not answer."""

    jobs: Counter[tuple[str, str]]
    demands: dict[str, Demand]
    ends: list[EndCount]
    tallies: dict[str, int]
    backup_at: float
    workers: Workers | None
    depths: dict[str, int] | None


class ServiceState(Collector):
    """One per process, thread-safe; every process reads the same from the database."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._lock = threading.Lock()
        self._read_at, self._finished_at = float("-inf"), 0.0
        self._figures: Figures | None = None
        self._finished: Counter[tuple[str, str]] = Counter()

    def collect(self) -> Iterator[Metric]:
        """The families, with a 0 where there is nothing."""
        found = self._now()
        yield _jobs(found)
        yield from _queues(found)
        yield from _ends(found.ends)
        for name, happened in found.tallies.items():
            yield CounterMetricFamily(f"clip_browser_{name}", MEANINGS[name], happened)
        yield GaugeMetricFamily(
            "clip_browser_backup_last_success_timestamp_seconds",
            "When a backup was whole last; 0: never.",
            found.backup_at,
        )
        if found.workers is not None:
            yield from _workers(found.workers, found.demands)
        if found.depths is not None:
            depths = GaugeMetricFamily(
                "clip_browser_queue_depth", "Messages that wait.", labels=["queue"]
            )
            for queue, depth in found.depths.items():
                depths.add_metric([queue], depth)
            yield depths

    def _now(self) -> Figures:
        with self._lock:
            if self._figures is None or time.monotonic() - self._read_at >= KEPT_S:
                self._figures = self.read()
                self._read_at = time.monotonic()
            return self._figures

    def read(self) -> Figures:
        """Those of now; ended jobs that the database has are counted anew only now and then, and nobody waits for that."""
        if not self._finished_at:
            self._count_finished()
        elif time.monotonic() - self._finished_at >= FINISHED_KEPT_S:
            self._finished_at = time.monotonic()
            threading.Thread(target=self._count_finished, name="ended-jobs", daemon=True).start()
        with self._services.readers() as session:
            jobs = self._finished + _count_jobs(session, Job.state.in_(ACTIVE))
            demands = {name: read_demand(session, name) for name in JOB_QUEUES}
            ends, tallies = read_ends(session), read_tallies(session)
            backup_at = last_success(session)
        at = backup_at.timestamp() if backup_at else 0.0
        return Figures(jobs, demands, ends, tallies, at, self._read_workers(), self._read_depths())

    def _count_finished(self) -> None:
        with suppress(SQLAlchemyError), self._services.readers() as session:
            self._finished = _count_finished(session)
            self._finished_at = time.monotonic()

    def _read_workers(self) -> Workers | None:
        try:
            return read_workers(self._services.queue.redis)
        except RedisError:
            return None

    def _read_depths(self) -> dict[str, int] | None:
        try:
            return {name: self._services.queue.depth(name) for name in QUEUES}
        except QueueUnavailable:
            return None


def _count_finished(session: Session) -> Counter[tuple[str, str]]:
    """Of all jobs, since with a condition on the state the rows themselves would be read, not the index alone."""
    counts = _count_jobs(session, true())
    return Counter({key: count for key, count in counts.items() if key[1] in FINISHED})


def _count_jobs(session: Session, which: ColumnElement[bool]) -> Counter[tuple[str, str]]:
    rows = session.execute(
        select(Job.kind, Job.state, func.count()).where(which).group_by(Job.kind, Job.state)
    )
    return Counter({(kind, state): count for kind, state, count in rows})


def _gauge(name: str, says: str, labels: Iterable[str], values: dict[Any, float]) -> Metric:
    family = GaugeMetricFamily(f"clip_browser_{name}", says, labels=[*labels])
    for key, value in values.items():
        family.add_metric([key] if isinstance(key, str) else [*key], value)
    return family


def _jobs(found: Figures) -> Metric:
    rows = {key: float(count) for key, count in sorted(found.jobs.items())}
    return _gauge("jobs", "Jobs by kind and state.", ("kind", "state"), rows)


def _queues(found: Figures) -> Iterator[Metric]:
    asked = found.demands.items()
    told: tuple[tuple[str, str, dict[Any, float]], ...] = (
        (
            "queue_startable",
            "Jobs that could begin now if there were enough workers.",
            {name: each.startable for name, each in asked},
        ),
        ("queue_running", "Jobs under way.", {name: each.running for name, each in asked}),
        (
            "queue_demand",
            "Workers that there is work for: startable and running.",
            {name: each.startable + each.running for name, each in asked},
        ),
        (
            "queue_oldest_wait_seconds",
            "How long the startable job that waits longest has waited.",
            {name: each.oldest_wait_s for name, each in asked},
        ),
    )
    for name, says, values in told:
        yield _gauge(name, says, ["queue"], values)
    waiting = {
        (queue, kind.name): float(found.demands[queue].waiting.get(kind.name, 0))
        for kind in KINDS.values()
        for queue in kind.queues
    }
    yield _gauge("jobs_waiting", "Jobs that wait.", ("queue", "kind"), waiting)


def _workers(workers: Workers, demands: dict[str, Demand]) -> Iterator[Metric]:
    """Places of workers: one that runs several at once counts as so many."""
    places: dict[Any, float] = {}
    for queue in QUEUES:
        there = count_places(workers, queue)
        busy = min(there, demands[queue].running) if queue in demands else 0
        places[queue, "free"], places[queue, "busy"] = there - busy, busy
    yield _gauge("workers", "Workers by what they do.", ("queue", "state"), places)
    gpus = len({(one["host"], one["gpu"]) for one in workers if one.get("gpu")})
    busy = min(gpus, demands[GPU].gpus)
    yield _gauge("gpus", "GPUs that workers hold.", ["state"], {"free": gpus - busy, "busy": busy})


def _ends(ends: list[EndCount]) -> Iterator[Metric]:
    counts: dict[tuple[str, str, str], int] = {}
    for kind in KINDS:
        for state in FINISHED:
            counts[kind, state, LOST if state == "failed" else ""] = 0
    for each in ends:
        key = (each.kind, each.state, each.code)
        counts[key] = counts.get(key, 0) + each.count
    total = CounterMetricFamily(
        "clip_browser_job_ends", "Jobs that ended.", labels=["kind", "state", "code"]
    )
    for labels, count in sorted(counts.items()):
        total.add_metric([*labels], count)
    yield total
    yield _durations(ends)


def _durations(ends: list[EndCount]) -> Metric:
    family = HistogramMetricFamily(
        "clip_browser_job_duration_seconds",
        "From the first beginning of a job to its end.",
        labels=["kind"],
    )
    for kind in sorted({*KINDS, *(each.kind for each in ends)}):
        mine = [each for each in ends if each.kind == kind and each.bound_s != NEVER_BEGAN]
        buckets = []
        for bound in BOUNDS_S:
            below = sum(each.count for each in mine if 0 < each.bound_s <= bound)
            buckets.append((str(float(bound)), below))
        buckets.append(("+Inf", sum(each.count for each in mine)))
        family.add_metric([kind], buckets, math.fsum(each.seconds for each in mine))
    return family
