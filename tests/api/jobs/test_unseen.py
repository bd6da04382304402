"""Jobs of datasets that somebody does not see: nothing is told of them, and nothing waits for them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from common.db.tables import Job
from common.messaging.live_workers import PREFIX
from tests.api.conftest import Caller, Service

HIDDEN, NOWHERE = "5ec4e75ec4e7", "000000000000"


@pytest.fixture
def mona(any_service: Service, call_any: Caller) -> Caller:
    """Somebody who manages a dataset, and does not see another one, in which a job runs."""
    call_any.dataset("Secret finds", everyone=None)
    dataset = call_any.dataset()
    any_service.add_images(dataset, 2, captioned=2)
    mona = any_service.person("mona")
    call_any("PUT", f"/datasets/{dataset}/members/mona", json={"role": "manager"})
    with any_service.services.sessions() as session:
        session.add(
            Job(
                id=HIDDEN, kind="split", queue="cpu", state="queued", dataset_id="secret-finds",
                params={}, created_by="Somebody secret", progress={},
            )
        )  # fmt: skip
    return mona


def told(answer: Any, job_id: str) -> str:
    return str(answer).replace(job_id, "IT")


def test_a_job_follows_only_one_that_is_seen(mona: Caller) -> None:
    body = {"kind": "split", "after_job_id": HIDDEN}
    hidden = mona("POST", "/datasets/cats/jobs", 404, json=body)
    absent = mona("POST", "/datasets/cats/jobs", 404, json={**body, "after_job_id": NOWHERE})
    assert told(hidden, HIDDEN) == told(absent, NOWHERE)


def test_whose_a_job_is_that_is_not_seen_is_not_told_by_a_move(mona: Caller) -> None:
    job = mona("POST", "/datasets/cats/jobs", 202, json={"kind": "split"})["id"]
    hidden = mona("PATCH", f"/jobs/{job}", 400, json={"before": HIDDEN})
    absent = mona("PATCH", f"/jobs/{job}", 400, json={"before": NOWHERE})
    assert told(hidden, HIDDEN) == told(absent, NOWHERE)


def test_what_works_on_a_job_that_is_not_seen_tells_its_kind_alone(
    any_service: Service, call_any: Caller, mona: Caller
) -> None:
    worker = {"name": "a", "host": "h", "pid": 1, "queues": ["cpu"], "concurrency": 1,
              "started_at": None, "gpu": None}  # fmt: skip
    any_service.services.queue.redis.set(f"{PREFIX}a", json.dumps(worker))
    with any_service.services.sessions() as session:
        job = session.get_one(Job, HIDDEN)
        job.state, job.lease_owner = "running", "h:1/ab"
        job.progress = {"message": "the vases of the Meyers"}
    assert call_any("GET", "/system")["workers"][0]["active"] == [
        {"job_id": HIDDEN, "kind": "split", "since": None, "message": "the vases of the Meyers"}
    ]
    assert mona("GET", "/system")["workers"][0]["active"] == [
        {"job_id": None, "kind": "split", "since": None, "message": None}
    ]
