"""The queue in the terminal; no GPU worker runs, so that trainings wait."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from common.db.tables import Job, now
from tests.cli.conftest import Call, Service
from tests.workers import search_data
from workers.runtime.services import open_services

SMALL = ("--dataset", "waiting", "--model", "clip-browser-small")


@pytest.fixture(scope="module")
def split(service: Service) -> str:
    """A dataset that counts as split, in the service that the tests share."""
    services = open_services(service.settings)
    search_data.add_dataset(services, 4, "waiting")
    result = {"train_images": 3, "val_images": 1, "train_rows": 3, "val_rows": 1}
    with services.sessions() as session:
        session.add(
            Job(
                id="split", kind="split", queue="cpu", state="succeeded", dataset_id="waiting",
                params={}, result=result, progress={}, created_by="admin", notes=[],
                created_at=now(), started_at=now(), finished_at=now(),
            )
        )  # fmt: skip
    return "waiting"


@pytest.fixture
def run(split: str, call: Call) -> Iterator[Call]:
    """The program; what it queued is stopped afterwards."""
    yield call
    for job in call("queue", "--json").json["waiting"]:
        call("stop", job["id"])


def waiting(call: Call) -> list[str]:
    return [job["id"] for job in call("queue", "gpu", "--json").json["waiting"]]


def test_a_queue_is_shown_paused_and_let_go_on(run: Call) -> None:
    job_id = run("train", *SMALL, "--json").json["id"]
    assert job_id in run("queue").out
    paused = run("queue", "gpu", "pause", "--reason", "moving the rack")
    assert paused.code == 0, paused.err
    assert "was paused by admin" in paused.err
    assert "Paused by admin: moving the rack" in run("jobs", "--state", "queued").out
    assert run("queue", "pause").code == 1
    resumed = run("queue", "resume", "--json")
    assert resumed.json["paused"] is None
    assert "place 1" in run("jobs", "--state", "queued").out
    unknown = run("queue", "captions")
    assert unknown.code == 1
    assert "cpu or gpu" in unknown.err


def test_waiting_jobs_are_moved(run: Call) -> None:
    first, second, third = (run("train", *SMALL, "--json").json["id"] for _ in range(3))
    assert waiting(run) == [first, second, third]
    moved = run("move", third, "--before", first)
    assert moved.code == 0, moved.err
    assert "place 1" in moved.out
    run("move", third, "--last")
    assert waiting(run) == [first, second, third]
    assert run("move", second, "--priority", "0", "--json").json["queue_position"] == 1
    assert run("move", second).code == 2


def test_a_run_is_cloned_with_changed_settings(run: Call) -> None:
    job = run("train", *SMALL, "--epochs", "4", "--json").json
    clone = run("clone", job["id"], "--lr", "0.002", "--json")
    assert clone.code == 0, clone.err
    assert clone.json["params"] == {**job["params"], "lr": 0.002}
    assert "place" in run("clone", job["id"]).out
    wrong = run("clone", job["id"], "--epohcs", "4")
    assert wrong.code == 1
    assert "epohcs" in wrong.err


def test_a_sweep_queues_one_run_for_each_rate(run: Call) -> None:
    sweep = run("train", *SMALL, "--sweep-lr", "1e-4,1e-3", "--epochs", "2", "--json")
    assert sweep.code == 0, sweep.err
    assert [job["params"]["lr"] for job in sweep.json["jobs"]] == [1e-4, 1e-3]
    assert waiting(run) == [job["id"] for job in sweep.json["jobs"]]
    human = run("train", *SMALL, "--sweep-lr", "auto")
    assert human.out.count("waits in queue gpu") == 3
    assert run("train", *SMALL, "--sweep-lr", "fast").code == 2
    assert run("train", *SMALL, "--sweep-lr", "auto", "--lr", "1e-3").code == 2
