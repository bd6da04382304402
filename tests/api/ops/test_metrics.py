"""What /metrics says of queues, workers and how jobs ended; on SQLite and PostgreSQL."""

from __future__ import annotations

import json
import re
import threading
from collections import Counter
from datetime import timedelta
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import delete
from sqlalchemy.orm import Session

from api.ops import service_state
from api.ops.service_state import ServiceState
from common.db.tables import Job, now
from common.errors import Internal
from common.jobs import leases, states
from common.jobs.kinds import JOB_QUEUES, KINDS
from common.jobs.queues import pause_queue, resume_queue
from common.messaging.live_workers import PREFIX
from tests.api.conftest import Caller, Service, wait_until

DOCS = Path(__file__).parents[3] / "docs" / "metrics.md"
Series = dict[tuple[str, tuple[str, ...]], float]


def scrape(service: Service) -> Series:
    """{(name, values of its labels in the order of their names): value}, read just now."""
    registry = CollectorRegistry()
    registry.register(ServiceState(service.services))
    return {
        (sample.name.removeprefix("clip_browser_"), tuple(v for _, v in sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(generate_latest(registry).decode())
        for sample in family.samples
    }  # fmt: skip


def test_nobody_who_asks_waits_until_ended_jobs_have_been_counted_anew(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    end(service, make(service), "succeeded")
    state = ServiceState(service.services)
    assert state.read().jobs["split", "succeeded"] == 1
    end(service, make(service), "succeeded")
    counted, may_count = service_state._count_finished, threading.Event()

    def count(session: Session) -> Counter[tuple[str, str]]:
        assert may_count.wait(20)
        return counted(session)

    monkeypatch.setattr(service_state, "_count_finished", count)
    monkeypatch.setattr(service_state, "FINISHED_KEPT_S", 0.0)
    assert state.read().jobs["split", "succeeded"] == 1
    may_count.set()
    wait_until(lambda: state.read().jobs["split", "succeeded"] == 2)


def make(service: Service, kind: str = "split", **more: str) -> str:
    with service.services.sessions() as session:
        return states.create_job(
            session, kind, dataset_id=None, params={}, created_by="anna", **more
        ).id


def take(service: Service, job_id: str) -> leases.Lease:
    with service.services.sessions() as session:
        held = leases.take(session, job_id, "here", 30)
    assert held is not None
    return held


def end(service: Service, job_id: str, state: str, seconds: float = 0.0) -> None:
    """Let it run for so long and end."""
    held = take(service, job_id)
    with service.services.sessions() as session:
        states.get_job(session, job_id).started_at = now() - timedelta(seconds=seconds)
        session.flush()
        error = Internal("It failed.") if state == "failed" else None
        leases.finish(session, held, state, error=error)


def test_a_queue_says_what_could_start_whatever_redis_holds(any_service: Service) -> None:
    first, second, third = (make(any_service) for _ in range(3))
    make(any_service, "augment", after_job_id=third)
    make(any_service, "map")
    take(any_service, first)
    with any_service.services.sessions() as session:
        states.get_job(session, second).queued_at = now() - timedelta(minutes=10)
    any_service.services.queue.redis.flushdb()
    found = scrape(any_service)
    assert found["queue_depth", ("cpu",)] == 0
    assert found["queue_startable", ("cpu",)] == 3
    assert found["queue_running", ("cpu",)] == 1
    assert found["queue_demand", ("cpu",)] == 4
    assert 600 <= found["queue_oldest_wait_seconds", ("cpu",)] < 660
    assert found["jobs_waiting", ("augment", "cpu")] == 1
    assert found["jobs_waiting", ("split", "cpu")] == 2

    end(any_service, third, "succeeded")
    assert scrape(any_service)["queue_startable", ("cpu",)] == 3
    with any_service.services.sessions() as session:
        pause_queue(session, "cpu", "ada", "")
    paused = scrape(any_service)
    assert (paused["queue_startable", ("cpu",)], paused["queue_demand", ("cpu",)]) == (0, 1)
    with any_service.services.sessions() as session:
        resume_queue(session, "cpu")
    assert scrape(any_service)["queue_startable", ("cpu",)] == 3


def test_a_job_that_follows_another_waits_since_that_one_has_ended(any_service: Service) -> None:
    before = make(any_service)
    after = make(any_service, after_job_id=before)
    with any_service.services.sessions() as session:
        states.get_job(session, after).queued_at = now() - timedelta(hours=2)
    end(any_service, before, "succeeded")
    assert scrape(any_service)["queue_oldest_wait_seconds", ("cpu",)] < 60


def test_nothing_at_all_is_told_as_zero(service: Service) -> None:
    found = scrape(service)
    for name in ("startable", "running", "demand", "oldest_wait_seconds"):
        assert [found[f"queue_{name}", (queue,)] for queue in JOB_QUEUES] == [0, 0]
    for kind in KINDS.values():
        assert found["job_ends_total", ("", kind.name, "succeeded")] == 0
        assert found["job_ends_total", ("worker_lost", kind.name, "failed")] == 0
        assert found["job_duration_seconds_count", (kind.name,)] == 0
        for queue in kind.queues:
            assert found["jobs_waiting", (kind.name, queue)] == 0
    for state in ("free", "busy"):
        assert found["gpus", (state,)] == 0
        assert found["workers", ("gpu", state)] == 0


def test_how_jobs_ended_is_counted_for_good(any_service: Service) -> None:
    for state, seconds in (("succeeded", 30.0), ("succeeded", 100.0), ("failed", 100_000.0)):
        end(any_service, make(any_service), state, seconds)
    failed_before = make(any_service, "map")
    follower = make(any_service, "augment", after_job_id=failed_before)
    end(any_service, failed_before, "failed")
    stopped = make(any_service)
    with any_service.services.sessions() as session:
        states.request_stop(session, stopped, "save")
        assert states.get_job(session, follower).state == "failed"
        session.execute(delete(Job))
    found = scrape(any_service)
    assert found["job_ends_total", ("", "split", "succeeded")] == 2
    assert found["job_ends_total", ("internal", "split", "failed")] == 1
    assert found["job_ends_total", ("conflict", "augment", "failed")] == 1
    assert found["job_ends_total", ("", "split", "stopped")] == 1
    buckets = [
        found["job_duration_seconds_bucket", ("split", le)]
        for le in ("1.0", "60.0", "300.0", "86400.0", "259200.0", "+Inf")
    ]
    assert buckets == [0, 1, 2, 2, 3, 3]
    assert 100_130 < found["job_duration_seconds_sum", ("split",)] < 100_150
    assert found["job_duration_seconds_count", ("split",)] == 3
    assert found["job_duration_seconds_count", ("augment",)] == 0


def test_workers_and_gpus_are_free_or_busy(service: Service) -> None:
    redis = service.services.queue.redis
    redis.flushdb()
    for number in range(3):
        record = {
            "name": f"gpu{number}@a", "host": "a", "pid": number, "queues": ["gpu"],
            "concurrency": 1, "gpu": str(number),
        }  # fmt: skip
        redis.set(f"{PREFIX}gpu{number}@a", json.dumps(record))
    take(service, make(service, "train"))
    found = scrape(service)
    assert (found["workers", ("gpu", "free")], found["workers", ("gpu", "busy")]) == (2, 1)
    assert (found["gpus", ("free",)], found["gpus", ("busy",)]) == (2, 1)
    redis.flushdb()


def test_the_document_lists_every_metric(service: Service, call: Caller) -> None:
    call.raw("POST", "/auth/login", json={"username": "anna", "password": "no such person"})
    text = call("GET", "/metrics").decode()
    told = {
        family.name + ("_total" if family.type == "counter" else "")
        for family in text_string_to_metric_families(text)
    }
    told = {name for name in told if not name.endswith("_created")}
    listed = set(
        re.findall(r"^\| `(clip_browser_[a-z_]+)` \|", DOCS.read_text("utf-8"), re.MULTILINE)
    )
    assert listed == told


def test_a_token_for_metrics_reads_them_and_nothing_else(service: Service, call: Caller) -> None:
    made = call("POST", "/tokens", 201, json={"name": "prometheus", "scope": "metrics"})
    machine = Caller(service.app.test_client(), made["token"])
    assert b"clip_browser_queue_demand" in machine("GET", "/metrics")
    dataset = call.dataset()
    for path in ("/datasets", f"/datasets/{dataset}", "/auth/me", "/system", "/models/ViT-B-32"):
        refused = machine("GET", path, 403)
        assert "metrics" in refused["message"], path
    assert machine("GET", "/readyz")["database"]["detail"] == "answers"
