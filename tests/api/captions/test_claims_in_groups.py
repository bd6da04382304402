"""Claims beside saves: written by the captions worker, so that nobody else needs the write lock."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import event

from api.captions import group_commit
from tests.api.conftest import Caller, Service, wait_until


def _hear_the_worker(service: Service, call: Caller, dataset: str) -> None:
    """Claim until the worker has answered a greeting."""
    claim = f"/datasets/{dataset}/claim"
    call("POST", claim)
    wait_until(lambda: service.services.group_commit._heard > 0)


def test_claims_renewals_and_releases_take_no_write_lock_of_the_api(
    service: Service,
    call: Caller,
    start_worker: Callable[[str], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(group_commit, "ASK_S", 60.0)  # a worker that stands still is waited for
    start_worker("captions")
    dataset = call.dataset()
    service.add_images(dataset, 30)
    _hear_the_worker(service, call, dataset)
    begun: list[bool] = []
    event.listen(
        service.engine,
        "begin",
        lambda connection: begun.append(
            bool(connection.get_execution_options().get("read_only"))
            or threading.current_thread().name.startswith("token-use")  # aside: nobody waits
        ),
    )
    people = [service.person(f"p{number}") for number in range(20)]
    begun.clear()
    with ThreadPoolExecutor(20) as pool:
        served = [
            answer["id"]
            for answer in pool.map(lambda each: each("POST", f"/datasets/{dataset}/claim"), people)
        ]
        assert len(set(served)) == 20
        list(
            pool.map(
                lambda one: one[0]("POST", f"/images/{one[1]}/claim"),
                zip(people, served, strict=True),
            )
        )
        refused = people[0]("POST", f"/images/{served[1]}/claim", 409)
        assert refused["details"]["claimed_by"] == "p1"
        people[1]("POST", f"/images/{served[1]}/release", 204)
        assert people[0]("POST", f"/images/{served[1]}/claim")["claimed_by"] == "p0"
        call("POST", "/datasets/none/claim", 404)
    assert begun
    assert all(begun), "the API has written itself"


@pytest.mark.timed
def test_a_worker_that_hangs_keeps_no_captioner_waiting_and_nothing_is_held_twice(
    service: Service, call: Caller, start_worker: Callable[[str], None]
) -> None:
    start_worker("captions")
    dataset = call.dataset()
    service.add_images(dataset, 12)
    _hear_the_worker(service, call, dataset)
    [worker] = service.services.live_workers.read()
    people = [service.person(f"p{number}") for number in range(4)]
    os.kill(worker["pid"], signal.SIGSTOP)
    try:
        began = time.monotonic()
        with ThreadPoolExecutor(4) as pool:
            served = [
                one["id"]
                for one in pool.map(lambda each: each("POST", f"/datasets/{dataset}/claim"), people)
            ]
        assert time.monotonic() - began < 8
        assert len(set(served)) == 4
        began = time.monotonic()
        people[0]("POST", f"/datasets/{dataset}/claim")
        assert time.monotonic() - began < 1  # it is not asked again until it has answered
    finally:
        os.kill(worker["pid"], signal.SIGCONT)
    wait_until(lambda: service.services.queue.depth("captions") == 0)
    items = call("GET", f"/datasets/{dataset}/images")["items"]
    holders = {item["id"]: item["claimed_by"] for item in items if item["claimed_by"]}
    for number, image_id in enumerate(served):
        assert holders[image_id] == f"p{number}"
