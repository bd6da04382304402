"""The list of workers, asking them, limits of queues, and what waited in them."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, event

from common.db.tables import Job, QueueSample, Worker, now
from common.jobs import leases, samples, workers
from common.jobs.states import create_job
from common.jobs.workers import Facts
from common.messaging.live_workers import LOG_PREFIX, PREFIX
from tests.api.conftest import Caller, Service, wait_until

NAME = "cpu@host1"


def enter(
    service: Service, name: str = NAME, *queues: str, pool: str = "prefork", **told: Any
) -> Facts:
    """A worker that is there: its row, and its record in Redis."""
    facts = Facts(name, "host1", 7, [*queues] or ["cpu"], pool, 1, now())
    with service.services.sessions() as session:
        workers.register(session, facts)
    record = {"name": name, "host": "host1", "pid": 7, "queues": facts.queues, "concurrency": 1}
    record |= {"state": "ready", "started_at": facts.started_at.isoformat(), "pool": pool, **told}
    service.services.queue.redis.set(PREFIX + name, json.dumps(record), ex=60)
    return facts


def age(service: Service, name: str, seconds: float) -> None:
    """As if a worker had last been seen so long ago."""
    with service.services.sessions() as session:
        row = session.get(Worker, name)
        assert row is not None
        row.last_seen -= timedelta(seconds=seconds)


def shown(call: Caller, name: str = NAME) -> dict[str, Any]:
    return next(each for each in call("GET", "/workers")["items"] if each["name"] == name)


def queue_jobs(service: Service, count: int, *kinds: str) -> list[str]:
    with service.services.sessions() as session:
        return [
            create_job(
                session, kind, dataset_id=None, params={}, created_by=f"p{number}"
            ).id
            for number in range(count)
            for kind in kinds or ("map",)
        ]  # fmt: skip


def take(service: Service, name: str | None = NAME) -> str | None:
    with service.services.sessions() as session:
        held = leases.take_next(session, "cpu", ["map", "split"], "host1:7", 30.0, name=name)
    return held.job_id if held else None


def test_a_worker_says_what_it_runs_and_one_that_was_killed_what_it_ran(
    any_service: Service, call_any: Caller
) -> None:
    facts = enter(any_service)
    [job_id] = queue_jobs(any_service, 1)
    assert take(any_service) == job_id
    one = shown(call_any)
    assert (one["state"], one["status"]) == ("online", "ready")
    assert [(run["job_id"], run["kind"]) for run in one["active"]] == [(job_id, "map")]
    assert one["active"][0]["since"]
    with any_service.services.sessions() as session:
        _, runs = workers.read_entry(session, NAME)
        assert workers.see(session, facts, "busy", 1, runs)
    any_service.services.queue.redis.delete(PREFIX + NAME)
    assert shown(call_any)["status"] == "silent"
    age(any_service, NAME, 44.0)
    with any_service.services.sessions() as session:
        session.get(Job, job_id).state = "queued"  # type: ignore[union-attr]
    lost = shown(call_any)
    assert (lost["state"], lost["status"]) == ("offline", "lost")
    assert [(run["job_id"], run["kind"]) for run in lost["active"]] == [(job_id, "map")]
    call_any("DELETE", f"/workers/{NAME}", 204)
    assert call_any("GET", "/workers")["items"] == []


def test_a_worker_that_waits_for_a_gpu_is_listed_so_and_a_job_with_what_it_waits_for(
    service: Service, call: Caller
) -> None:
    enter(service, "gpu@host1", "gpu", state="waiting")
    enter(service, "cpu@host1", state="busy")
    queue_jobs(service, 1)
    job_id = take(service)
    with service.services.sessions() as session:
        session.get(Job, job_id).progress = {"message": "waiting for 1 more GPU"}  # type: ignore[union-attr]
    waits, runs = shown(call, "gpu@host1"), shown(call)
    assert (waits["state"], waits["status"], waits["active"]) == ("online", "waiting", [])
    assert [run["message"] for run in runs["active"]] == ["waiting for 1 more GPU"]


def test_the_list_of_workers_asks_once_which_jobs_a_person_sees(
    service: Service, call: Caller
) -> None:
    facts = enter(service)
    [job_id] = queue_jobs(service, 1)
    assert take(service) == job_id
    with service.services.sessions() as session:
        workers.see(session, facts, "busy", 1, workers.read_entry(session, NAME)[1])
    service.services.queue.redis.delete(PREFIX + NAME)
    asked: list[str] = []

    def note(*given: Any) -> None:
        asked.append(given[2])

    event.listen(Engine, "before_cursor_execute", note)
    try:
        assert shown(call)["active"][0]["job_id"] == job_id
    finally:
        event.remove(Engine, "before_cursor_execute", note)
    assert len([text for text in asked if "FROM jobs" in text.replace("\n", " ")]) == 1


def test_a_worker_that_is_there_cannot_be_forgotten_and_one_that_is_not_there_is_not_found(
    service: Service, call: Caller
) -> None:
    enter(service)
    assert call("DELETE", f"/workers/{NAME}", 409)["code"] == "conflict"
    assert call("POST", "/workers/nobody/drain", 404)["code"] == "not_found"
    assert call("DELETE", "/workers/nobody", 404)["code"] == "not_found"


@pytest.mark.parametrize(("order", "status"), [("drain", "drained"), ("pause", "paused")])
def test_a_worker_that_was_asked_takes_no_job_from_that_moment_on(
    any_service: Service, call_any: Caller, order: str, status: str
) -> None:
    facts = enter(any_service)
    enter(any_service, "cpu@host2")
    first, second, third = queue_jobs(any_service, 3)
    assert take(any_service) == first
    busy = call_any("POST", f"/workers/{NAME}/{order}")
    assert busy["status"] == {"drain": "draining", "pause": "paused"}[order]
    assert take(any_service) is None
    assert take(any_service, "cpu@host2") == second
    with any_service.services.sessions() as session:
        session.get(Job, first).state = "succeeded"  # type: ignore[union-attr]
    assert shown(call_any)["status"] == status
    with any_service.services.sessions() as session:  # it is started anew
        wish = workers.register(session, facts)
    assert wish.asked == {"drain": "run", "pause": "pause"}[order]
    call_any("POST", f"/workers/{NAME}/resume")
    assert take(any_service) == third
    acts = [line["act"] for line in call_any("GET", "/audit")["items"]]
    assert acts[:2] == ["worker.resume", f"worker.{order}"]


def test_only_a_pool_of_processes_without_a_gpu_can_be_resized(
    service: Service, call: Caller
) -> None:
    enter(service)
    enter(service, "search@host1", "search", pool="solo")
    enter(service, "gpu@host1", "gpu")
    assert (
        call("PUT", f"/workers/{NAME}/concurrency", json={"concurrency": 4})["wanted_concurrency"]
        == 4
    )
    for name in ("search@host1", "gpu@host1"):
        call("PUT", f"/workers/{name}/concurrency", 400, json={"concurrency": 4})
    call("PUT", f"/workers/{NAME}/concurrency", 400, json={"concurrency": 0})


def test_no_race_passes_a_limit(any_service: Service, call_any: Caller) -> None:
    enter(any_service)
    queue_jobs(any_service, 8, "split", "map")
    call_any("PUT", "/queues/cpu/limits", json={"kind": "", "most": 5})
    limited = call_any("PUT", "/queues/cpu/limits", json={"kind": "split", "most": 2})
    assert limited["limits"] == [{"kind": "", "most": 5}, {"kind": "split", "most": 2}]
    taken: list[str] = []
    at_once = threading.Barrier(12)

    def run() -> None:
        at_once.wait()
        found = take(any_service, None)
        if found is not None:
            taken.append(found)

    threads = [threading.Thread(target=run) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(taken)) == len(taken) == 5
    kinds = [job["kind"] for job in call_any("GET", "/queues/cpu")["running"]]
    assert kinds.count("split") == 2
    waiting = call_any("GET", "/queues/cpu")["waiting"][0]
    assert waiting["queue_reason"] == "At most 5 jobs of the queue cpu may run at once"
    call_any("PUT", "/queues/cpu/limits", json={"kind": "", "most": None})
    kinds_after = []
    while (found := take(any_service, None)) is not None:
        kinds_after.append(call_any("GET", f"/jobs/{found}")["kind"])
    assert kinds_after == ["map"] * 5
    assert "kind split" in call_any("GET", "/queues/cpu")["waiting"][0]["queue_reason"]


def test_a_limit_names_a_kind_of_its_queue(call: Caller) -> None:
    call("PUT", "/queues/cpu/limits", 400, json={"kind": "train", "most": 1})
    call("PUT", "/queues/search/limits", 404, json={"kind": "", "most": 1})


def test_what_waited_is_sampled_once_a_minute_and_kept_for_a_week(
    any_service: Service, call_any: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    moment = now()
    monkeypatch.setattr(samples, "read_clock", lambda _: moment)
    queue_jobs(any_service, 3)
    take(any_service, None)
    with any_service.services.sessions() as session:
        old = now() - timedelta(days=8)
        session.add(QueueSample(queue="cpu", at=old, waiting=9, running=0, oldest_s=0.0, workers=1))
    with any_service.services.sessions() as session:
        assert samples.take_samples(session, {"cpu": 2}, {"search": 4}) == 3
    with any_service.services.sessions() as session:
        assert samples.take_samples(session, {}, {}) == 0
    [point] = call_any("GET", "/queues/cpu/history?hours=168")["points"]
    assert (point["running"], point["workers"]) == (1, 2)
    assert point["waiting"] == 2
    assert 0 <= point["oldest_s"] < 120
    assert call_any("GET", "/queues/search/history")["points"][0]["waiting"] == 4
    call_any("GET", "/queues/nobody/history", 404)


def test_the_log_of_a_worker_is_read_by_administrators_and_holds_no_secret(
    service: Service, call: Caller, start_worker: Callable[[str], None]
) -> None:
    start_worker("cpu")
    redis = service.services.queue.redis
    secret = service.settings.secret_key
    service.services.queue.send("jobs.next", ["no such queue " + secret], "cpu")
    service.services.queue.send("nothing.known", [secret], "cpu")
    name = "api-test-0@here"

    def lines() -> list[str]:
        found: list[str] = call("GET", f"/workers/{name}/log")["lines"]
        return found

    # each in a thread of its own
    wait_until(lambda: all(word in "".join(lines()) for word in ("nothing.known", "***")))
    assert secret not in "".join(lines())
    assert redis.llen(LOG_PREFIX + name) <= 500
