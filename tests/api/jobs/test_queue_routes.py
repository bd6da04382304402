"""A queue that people understand: order, pause, rights, times."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import event, insert

from api.jobs import queue_position
from api.jobs.forecast import forecast
from common.db.tables import Job, now
from common.jobs import leases
from tests.api.conftest import Caller, Service
from tests.api.jobs.test_routes import ready, start


def waiting(call: Caller, name: str = "gpu") -> list[str]:
    """The ids in the order in which they will begin."""
    return [job["id"] for job in call("GET", f"/queues/{name}")["waiting"]]


def train(call: Caller, dataset: str) -> str:
    return str(start(call, dataset, "train", model="clip-browser-small")["id"])


def place_worker(service: Service, queue: str = "gpu", number: int = 1) -> None:
    """A worker's record, as it writes it."""
    for count in range(number):
        name = f"w{count}@here"
        record = {"name": name, "host": "here", "pid": 1, "queues": [queue], "concurrency": 1}
        service.services.queue.redis.set(f"clip-browser:worker:{name}", json.dumps(record))


def begin(service: Service, job_id: str, **values: Any) -> None:
    """Let a job run as if a worker had taken it."""
    with service.services.sessions() as session:
        assert leases.take(session, job_id, "here:1", 3600.0) is not None
        for name, value in values.items():
            setattr(session.get_one(Job, job_id), name, value)


def test_people_take_turns_and_everybody_sees_the_same_order(
    any_service: Service, call_any: Caller
) -> None:
    dataset, ben = ready(any_service, call_any), any_service.person("ben")
    mine = [train(call_any, dataset) for _ in range(3)]
    his = [train(ben, dataset) for _ in range(2)]
    assert waiting(call_any) == [mine[0], his[0], mine[1], his[1], mine[2]]
    assert waiting(ben) == waiting(call_any)
    shape = call_any("GET", f"/jobs/{his[1]}")
    assert (shape["queue_position"], shape["estimated_start"]) == (4, None)
    assert shape["queue_reason"] == "No worker takes jobs of this queue now"


def test_a_paused_queue_says_who_paused_it_and_why(any_service: Service, call_any: Caller) -> None:
    dataset, ben = ready(any_service, call_any), any_service.person("ben")
    job_id = train(ben, dataset)
    refused = ben("POST", "/queues/gpu/pause", 403)
    assert "administrator" in refused["remedy"]
    paused = call_any("POST", "/queues/gpu/pause", json={"reason": "moving the rack"})
    assert paused["paused"]["by"] == "admin"
    assert paused["paused"]["reason"] == "moving the rack"
    assert (paused["may_pause"], ben("GET", "/queues/gpu")["may_pause"]) == (True, False)
    reason = ben("GET", f"/jobs/{job_id}")["queue_reason"]
    assert reason == "Paused by admin: moving the rack"
    with any_service.services.sessions() as session:
        assert leases.take_next(session, "gpu", ["train"], "here:1", 30.0) is None
    call_any("POST", "/queues/gpu/pause", 409)
    any_service.services.queue.redis.flushdb()
    assert call_any("POST", "/queues/gpu/resume")["paused"] is None
    assert any_service.services.queue.depth("gpu") == 1
    call_any("POST", "/queues/gpu/resume", 409)
    with any_service.services.sessions() as session:
        assert leases.take_next(session, "gpu", ["train"], "here:1", 30.0) is not None


def test_only_queues_of_jobs_have_an_order(service: Service, call: Caller) -> None:
    assert call("GET", "/queues/captions", 404)["remedy"] == "Name cpu or gpu."
    call("POST", "/queues/nothing/pause", 404)
    empty = call("GET", "/queues/cpu")
    assert (empty["running"], empty["waiting"], empty["workers"]) == ([], [], 0)


def test_an_administrator_puts_any_job_before_any_other(
    any_service: Service, call_any: Caller
) -> None:
    dataset, ben = ready(any_service, call_any), any_service.person("ben")
    a1, a2 = (train(call_any, dataset) for _ in range(2))
    b1, b2 = (train(ben, dataset) for _ in range(2))
    assert waiting(call_any) == [a1, b1, a2, b2]
    moved = call_any("PATCH", f"/jobs/{b2}", 202, json={"before": a1})
    assert moved["queue_position"] == 1
    assert waiting(call_any)[:2] == [b2, a1]
    call_any("PATCH", f"/jobs/{b2}", 202, json={"before": ""})
    assert waiting(call_any)[-1] == b2
    call_any("PATCH", f"/jobs/{a2}", 202, json={"before": b1, "priority": 3})
    assert waiting(call_any).index(a2) + 1 == waiting(call_any).index(b1)


def test_others_move_their_own_jobs_among_their_own(any_service: Service, call_any: Caller) -> None:
    dataset, ben = ready(any_service, call_any), any_service.person("ben")
    a1 = train(call_any, dataset)
    b1, b2 = (train(ben, dataset) for _ in range(2))
    assert waiting(ben) == [a1, b1, b2]
    ben("PATCH", f"/jobs/{b2}", 202, json={"before": b1})
    assert waiting(ben) == [a1, b2, b1]
    ben("PATCH", f"/jobs/{b2}", 202, json={"before": ""})
    assert waiting(ben) == [a1, b1, b2]
    assert "administrator" in ben("PATCH", f"/jobs/{b1}", 403, json={"before": a1})["remedy"]
    call_any("PUT", f"/datasets/{dataset}/everyone", json={"role": "captioner"})
    foreign = ben("PATCH", f"/jobs/{a1}", 403, json={"priority": 9})
    assert foreign["details"] == {"role": "captioner", "needed": "manager"}
    assert "5 to 9" in ben("PATCH", f"/jobs/{b1}", 403, json={"priority": 4})["remedy"]
    ben("PATCH", f"/jobs/{b1}", 202, json={"priority": 7})
    assert waiting(ben) == [a1, b2, b1]
    body = {"kind": "train", "params": {}, "priority": 0}
    ben("POST", f"/datasets/{dataset}/jobs", 403, json=body)


@pytest.mark.parametrize(
    ("body", "status"),
    [({}, 400), ({"priority": 10}, 400), ({"before": "nobody"}, 400), ({"place": 1}, 400)],
)
def test_a_move_to_nowhere_is_refused(
    service: Service, call: Caller, body: dict[str, Any], status: int
) -> None:
    job_id = train(call, ready(service, call))
    call("PATCH", f"/jobs/{job_id}", status, json=body)
    call("PATCH", f"/jobs/{job_id}", 400, json={"before": job_id})
    call("PATCH", "/jobs/nobody", 404, json={"priority": 1})
    begin(service, job_id)
    assert "running" in call("PATCH", f"/jobs/{job_id}", 409, json={"priority": 1})["message"]


def test_a_job_behind_another_says_so_and_cannot_be_put_before_it(
    service: Service, call: Caller
) -> None:
    dataset = ready(service, call)
    place_worker(service)
    first = train(call, dataset)
    follower = start(call, dataset, "index", after=first, model="ViT-B-32/openai")["id"]
    third = train(call, dataset)
    assert waiting(call) == [first, follower, third]
    assert call("GET", f"/jobs/{follower}")["queue_reason"] == f"Waits for job {first}"
    assert call("GET", f"/jobs/{third}")["queue_reason"] == "Behind 1 run"
    call("PATCH", f"/jobs/{follower}", 409, json={"before": first})
    call("POST", f"/jobs/{first}/stop", 202)
    assert waiting(call) == [third, follower]
    reason = call("GET", f"/jobs/{follower}")["queue_reason"]
    assert reason == f"Waits for job {first}, which was stopped"


def seconds_from_now(moment: str | None) -> float:
    assert moment is not None
    return (datetime.fromisoformat(moment) - now()).total_seconds()


def ran(service: Service, dataset: str, kind: str, took_s: float, **result: Any) -> None:
    """A job that ended with success after so many seconds."""
    job_id = service.finished(dataset, kind, result)
    with service.services.sessions() as session:
        job = session.get_one(Job, job_id)
        job.attempt, job.params = 1, result.pop("params", {})
        job.started_at = now() - timedelta(seconds=took_s)


def test_waiting_jobs_are_told_when_they_begin_and_end(
    any_service: Service, call_any: Caller
) -> None:
    dataset = ready(any_service, call_any)
    place_worker(any_service)
    model = "ViT-B-32/openai"
    for took_s in (50, 100, 900):
        ran(any_service, dataset, "index", took_s, images=5, params={"model": "ViT-B-32/openai"})
    running = train(call_any, dataset)
    begin(any_service, running, progress={"done": 1, "total": 4, "eta_s": 300.0})
    first, second = (start(call_any, dataset, "index", model=model)["id"] for _ in range(2))
    shape = call_any("GET", f"/jobs/{first}")
    assert shape["queue_reason"] == "Behind 1 run"
    assert seconds_from_now(shape["estimated_start"]) == pytest.approx(300, abs=20)
    last = call_any("GET", "/queues/gpu")
    assert [job["id"] for job in last["running"]] == [running]
    assert seconds_from_now(last["running"][0]["estimated_end"]) == pytest.approx(300, abs=20)
    ends = [seconds_from_now(job["estimated_end"]) for job in last["waiting"]]
    assert [job["id"] for job in last["waiting"]] == [first, second]
    assert ends == pytest.approx([1200, 2100], abs=30)


def test_what_was_never_measured_is_not_guessed(service: Service, call: Caller) -> None:
    dataset = ready(service, call)
    place_worker(service)
    first, second = train(call, dataset), train(call, dataset)
    shapes = {job["id"]: job for job in call("GET", "/queues/gpu")["waiting"]}
    assert shapes[first]["estimated_start"] is not None
    assert shapes[first]["queue_reason"] is None
    assert shapes[first]["estimated_end"] is None
    assert shapes[second]["estimated_start"] is None


def test_a_training_is_told_by_its_measured_pace(service: Service, call: Caller) -> None:
    dataset = ready(service, call)
    place_worker(service)
    job_id = start(call, dataset, "train", model="clip-browser-small", epochs=10, batch_size=2)[
        "id"
    ]
    measured = {
        "samples_per_second": 2.0, "overhead_s": 30.0, "device": "the CPU", "precision": "fp32",
        "params": {"model": "clip-browser-small", "gpus": 1},
    }  # fmt: skip
    ran(service, dataset, "train", 60, **measured)
    plan = call(
        "GET", f"/datasets/{dataset}/train-plan?model=clip-browser-small&batch_size=2&epochs=10"
    )
    assert plan["estimated_s"] > 0
    end = seconds_from_now(call("GET", f"/jobs/{job_id}")["estimated_end"])
    assert end == pytest.approx(plan["estimated_s"], abs=15)


@pytest.fixture
def played(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What queues were played through, each time that they were."""
    seen: list[Any] = []

    def play(lines: Any) -> Any:
        seen.append(lines)
        return forecast(lines)

    monkeypatch.setattr(queue_position, "forecast", play)
    monkeypatch.setattr(queue_position, "MOMENT_S", 3600.0)
    return seen


def test_the_list_of_jobs_plays_its_queues_through_once(
    service: Service, call: Caller, played: list[Any]
) -> None:
    dataset = ready(service, call)
    ids = [train(call, dataset) for _ in range(6)]
    played.clear()
    listed = call("GET", "/jobs?state=queued")["items"]
    assert len(played) == 1
    assert sorted(job["queue_position"] for job in listed) == [1, 2, 3, 4, 5, 6]
    assert {job["id"] for job in listed} == set(ids)


def test_queues_and_forecast_are_made_once_for_all_who_look_while_nothing_changes(
    any_service: Service, call_any: Caller, played: list[Any]
) -> None:
    any_service.remember()
    dataset = call_any.dataset()
    with any_service.services.sessions() as session:
        session.execute(
            insert(Job),
            [
                {
                    "id": f"w{number:04}", "kind": "train", "queue": "gpu", "state": "queued",
                    "dataset_id": dataset, "params": {}, "progress": {}, "notes": [],
                    "created_by": f"p{number % 7}", "created_at": now(),
                }
                for number in range(2000)
            ],
        )  # fmt: skip
    said: list[str] = []
    event.listen(
        any_service.engine, "before_cursor_execute", lambda c, cursor, text, *_: said.append(text)
    )

    def reads_of_whole_queues(path: str) -> int:
        said.clear()
        call_any("GET", path)
        return sum("LEFT OUTER JOIN" in text and "before_state" in text for text in said)

    assert reads_of_whole_queues("/jobs?state=active") == 2  # cpu and gpu
    assert reads_of_whole_queues("/jobs?state=active") == 0
    assert reads_of_whole_queues("/queues/gpu") == 0
    assert len(said) < 12, said  # of two hundred jobs that are shown
    assert len(played) == 1
