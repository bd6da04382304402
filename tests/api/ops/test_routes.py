"""The page of workers and queues, and the figures for Prometheus."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from datetime import datetime, timedelta

import pytest

from api.ops.workers import worker_of
from common.backup.lease import held_store, note_success, note_verified
from common.backup.schedule import tell_next
from common.db.tables import Job, now
from common.errors import DiskFull
from common.gpus import parse_gpu
from common.jobs.counts import tallies
from common.jobs.queues import read_queue
from common.jobs.workers import Facts, register
from common.logs import AddIds
from tests.api.conftest import Caller, Service


def test_workers_queues_and_versions_are_shown(
    service: Service, call: Caller, start_worker: Callable[[str], None]
) -> None:
    start_worker("captions,maintenance")
    shape = call("GET", "/system")
    [worker] = shape["workers"]
    assert (worker["state"], worker["queues"]) == ("online", ["captions", "maintenance"])
    queues = {queue["name"]: queue for queue in shape["queues"]}
    assert set(queues) == {"captions", "cpu", "search", "gpu", "maintenance"}
    assert (queues["captions"]["workers"], queues["gpu"]["workers"]) == (1, 0)
    assert shape["versions"]["python"]
    assert shape["versions"]["celery"]
    assert shape["store"]["ok"]
    assert shape["database"]["kind"] == "sqlite"
    assert shape["redis"]["server"].split()[0] in ("redis", "valkey")
    assert shape["disk"]["total_gb"] > 0
    assert shape["tensorboard"] == {"url": None}


def test_administrators_are_told_of_the_last_backups_and_the_next(
    service: Service, call: Caller
) -> None:
    sessions, redis = service.services.sessions, service.services.queue.redis
    none = {"last": None, "scheduled": None, "whole": None, "next_at": None}
    assert call("GET", "/system")["backup"] == none
    assert b"backup_last_success_timestamp_seconds 0.0" in call("GET", "/metrics")
    name, figures = "20260101T000000Z-1a2b", {"rows": 7, "artifacts": 3, "size_bytes": 99}
    with held_store(sessions, "folder /b", "test") as held:
        assert call("GET", "/system")["backup"]["last"]["state"] == "running"
        note_success(sessions, held, name, figures)
    whole = call("GET", "/system")["backup"]["whole"]
    assert (whole["name"], whole["place"], whole["verified_at"]) == (name, "folder /b", None)
    assert (whole["rows"], whole["files"], whole["size_bytes"]) == (7, 3, 99)
    assert note_verified(sessions, [name], wrong=2) == 1
    assert call("GET", "/system")["backup"]["whole"]["wrong"] == 2

    with pytest.raises(DiskFull), held_store(sessions, "folder /b", "test", scheduled=True):
        raise DiskFull("'/b' cannot be written")
    due = now() + timedelta(hours=1)
    tell_next(redis, due)
    told = call("GET", "/system")["backup"]
    assert told["last"] == told["scheduled"]
    assert (told["last"]["state"], told["last"]["is_scheduled"]) == ("failed", True)
    assert "/b" in told["last"]["message"]
    assert told["last"]["remedy"] == DiskFull("").remedy
    assert told["whole"]["name"] == name
    assert datetime.fromisoformat(told["next_at"]) == due
    assert service.person("ben")("GET", "/system")["backup"] is None


def test_a_worker_that_has_gone_is_offline(service: Service, call: Caller) -> None:
    redis = service.services.queue.redis
    with service.services.sessions() as session:
        register(session, Facts("w@here", "here", 1, ["cpu"], "prefork", 1, now()))
    record = {"name": "w@here", "host": "here", "pid": 1, "queues": ["cpu"], "concurrency": 1}
    redis.set("clip-browser:worker:w@here", json.dumps(record))
    assert call("GET", "/system")["workers"][0]["state"] == "online"
    redis.delete("clip-browser:worker:w@here")
    assert call("GET", "/system")["workers"][0]["state"] == "offline"


def test_a_running_job_is_shown_at_its_worker(service: Service, call: Caller) -> None:
    live = [
        {"name": "a", "host": "h", "pid": os.getppid(), "queues": ["gpu"]},
        {"name": "b", "host": "h", "pid": 1, "queues": ["gpu"]},
        {"name": "c", "host": "h", "pid": 2, "queues": ["cpu"]},
    ]
    assert worker_of(Job(queue="gpu", lease_owner=f"h:{os.getpid()}/ab"), live) == "a"
    assert worker_of(Job(queue="gpu", lease_owner="h:1/ab"), live) == "b"
    assert worker_of(Job(queue="cpu", lease_owner="h:99999999/ab"), live) == "c"
    assert worker_of(Job(queue="cpu", lease_owner="other:2/ab"), live) is None
    assert worker_of(Job(queue="cpu", lease_owner=None), live) is None


def test_prometheus_sees_requests_jobs_and_queues(service: Service, call: Caller) -> None:
    dataset = call.dataset()
    service.add_images(dataset, 1, captioned=1)
    call("POST", f"/datasets/{dataset}/jobs", 202, json={"kind": "split"})
    text = call("GET", "/metrics").decode()
    assert 'clip_browser_jobs{kind="split",state="queued"} 1.0' in text
    assert 'clip_browser_queue_depth{queue="cpu"} 1.0' in text
    route = 'route="/api/v1/datasets/<dataset_id>/jobs"'
    assert f'clip_browser_http_requests_total{{method="POST",{route},status="202"}} 1.0' in text
    with service.services.readers() as session:
        assert read_queue(session, "cpu").position(session.query(Job).one().id) == 1


def test_a_line_of_nvidia_smi_is_read() -> None:
    assert parse_gpu("0, NVIDIA H200, 143771, 2, [N/A]") == {
        "index": 0, "name": "NVIDIA H200", "memory_gb": 140.4, "used_gb": 0.0, "utilisation": None,
    }  # fmt: skip


def test_prometheus_sees_what_happened_to_jobs_counted_by_workers(
    any_service: Service, call_any: Caller
) -> None:
    with any_service.services.sessions() as session:
        tallies.count(session, tallies.RETRIES, 2)
        tallies.count(session, tallies.RETRIES, 1)
    text = call_any("GET", "/metrics").decode()
    assert "clip_browser_retries_total 3.0" in text
    for name in tallies.MEANINGS.keys() - {tallies.RETRIES}:
        assert f"clip_browser_{name}_total 0.0" in text


def test_an_answer_names_its_request_and_its_log_lines_do_too(
    service: Service, call: Caller, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.handler.addFilter(AddIds())
    caplog.set_level("INFO", "api")
    given = call.raw("GET", "/healthz", headers={"X-Request-Id": "edge-42"})
    assert given.headers["X-Request-Id"] == "edge-42"
    made = call.raw("GET", "/healthz")
    assert len(made.headers["X-Request-Id"]) == 16
    dataset = call.dataset()
    service.add_images(dataset, 1, captioned=1)
    key = {"X-Request-Id": "edge-43"}
    call("POST", f"/datasets/{dataset}/jobs", 202, json={"kind": "split"}, headers=key)
    [line] = [record for record in caplog.records if "was queued by" in record.getMessage()]
    named = {"request": "edge-43", "user": "admin", "kind": "split", "queue": "cpu"}
    assert line.__dict__["fields"].items() > named.items()
