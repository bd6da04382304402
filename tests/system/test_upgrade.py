"""A data directory that an earlier version left when it was killed at work goes on with this one.

The directories, and what the service had said of them, were made by
`python -m tests.data.make_data_directory`; see tests/data/README.md.
"""

from __future__ import annotations

import json
import os
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from bench.stack import PASSWORD, Stack, running_stack
from tests.system.service_facts import changes, read_dataset, read_facts
from tests.workers.conftest import wait_until

Facts = dict[str, Any]
ARCHIVES = sorted((Path(__file__).parent.parent / "data").glob("data-directory-*.tar.xz"))
pytestmark = pytest.mark.timeout(600)


class Upgraded:
    """This version's service on an old data directory, and what the old one had said."""

    def __init__(self, stack: Stack, expected: Facts) -> None:
        self.stack, self.expected = stack, expected
        self.found: Facts = {}

    def job(self, job_id: str) -> Facts:
        job: Facts = self.stack.call("GET", f"/jobs/{job_id}")
        return job

    def log(self, job_id: str) -> str:
        return self.stack.http.get(f"/jobs/{job_id}/log").text

    def waiting(self, queue: str) -> list[str]:
        """Ids of the jobs that wait, in their order, without those that wait for another."""
        found = self.stack.call("GET", f"/queues/{queue}")["waiting"]
        return [job["id"] for job in found]


@pytest.fixture(scope="module", params=ARCHIVES, ids=lambda path: path.name.split(".")[0])
def upgraded(request: pytest.FixtureRequest, tmp_path_factory: Any) -> Iterator[Upgraded]:
    folder = tmp_path_factory.mktemp("upgrade")
    with tarfile.open(request.param) as archive:
        archive.extractall(folder, filter="data")
    for path in (folder / "data/work/incoming").iterdir():
        os.utime(path)  # an upload that nobody goes on with for a day is forgotten
    expected = json.loads((folder / "expected.json").read_text("utf-8"))
    with running_stack(folder / "data") as stack:
        yield Upgraded(stack, expected)


def test_everything_that_was_there_is_there_as_it_was(upgraded: Upgraded) -> None:
    before = upgraded.expected["before"]
    after = read_facts(upgraded.stack.http, {"shapes": "a red circle"})
    after["datasets"]["late"] = before["datasets"]["late"]  # a caption of it was on its way
    assert before["jobs"]
    assert before["datasets"]["shapes"]["search"]["hits"]
    assert changes(before, after) == []


def test_people_sign_in_with_their_passwords_and_tokens_of_before(upgraded: Upgraded) -> None:
    expected, url = upgraded.expected, f"{upgraded.stack.url}/api/v1"
    body = {"username": "admin", "password": PASSWORD}
    for _ in range(2):  # a hash may be renewed at the first sign-in
        assert httpx.post(f"{url}/auth/login", json=body).json()["user"]["role"] == "admin"
    body["password"] += "!"
    assert httpx.post(f"{url}/auth/login", json=body).status_code == 401
    for token, name in ((expected["member_token"], "Mira"), (expected["admin_token"], "admin")):
        headers = {"Authorization": f"Bearer {token}"}
        assert httpx.get(f"{url}/auth/me", headers=headers).json()["user"]["name"] == name


def test_a_caption_whose_message_waited_in_redis_is_saved(upgraded: Upgraded) -> None:
    sent = upgraded.expected["on_its_way"]
    path = f"/images/{sent['image_id']}/captions"

    def newest() -> Facts:
        found: Facts = upgraded.stack.call("GET", path)["items"][0]
        return found

    wait_until(lambda: newest()["client_id"] == sent["client_id"], 20, "the caption's saving")
    assert (newest()["text"], newest()["revision"]) == (sent["text"], sent["base_revision"] + 1)
    before = upgraded.expected["before"]["datasets"]["late"]["histories"][str(sent["image_id"])]
    assert changes(before, upgraded.stack.call("GET", path)["items"][1:]) == []


def test_a_job_that_had_failed_says_why_in_the_same_words(upgraded: Upgraded) -> None:
    for failed in upgraded.expected["failed"]:
        assert upgraded.job(failed["id"])["error"] == failed["error"]
        assert failed["error"]["remedy"]


def test_paused_queues_stay_paused_and_keep_their_order(upgraded: Upgraded) -> None:
    lost = upgraded.expected["lost"]
    wait_until(lambda: upgraded.job(lost)["state"] == "queued", 60, "the lost job's return")
    for name, before in upgraded.expected["queues"].items():
        after = upgraded.stack.call("GET", f"/queues/{name}")
        assert after["paused"] == before["paused"]
        assert after["running"] == []
        ids = [job["id"] for job in after["waiting"] if job["id"] != lost]
        assert ids == [job["id"] for job in before["waiting"]]


def test_an_upload_that_had_broken_off_goes_on_where_it_was(upgraded: Upgraded) -> None:
    upload, stack = dict(upgraded.expected["upload"]), upgraded.stack
    data, offset = bytes.fromhex(upload.pop("content")), upload.pop("offset")
    found = stack.call("POST", "/uploads", json=upload)
    assert found["offset"] == offset
    sent = stack.http.put(
        f"/uploads/{found['id']}", content=data[offset:], headers={"Upload-Offset": str(offset)}
    )
    assert sent.json()["offset"] == len(data)
    taken = stack.call("POST", "/datasets/late/images", json={"uploads": [found["id"]]})
    upgraded.found["upload"] = taken["job"]["id"]


def test_jobs_that_waited_run_to_their_end_in_their_order(upgraded: Upgraded) -> None:
    expected, stack = upgraded.expected, upgraded.stack
    stalled = expected["after_stopped"]
    order = {
        name: [job_id for job_id in upgraded.waiting(name) if job_id != stalled]
        for name in ("cpu", "gpu")
    }
    assert set(expected["waiting"].values()) | {expected["lost"]} <= {*order["cpu"], *order["gpu"]}
    for name in order:
        stack.call("POST", f"/queues/{name}/resume")
    ended = [stack.succeeded(job_id, 400) for name in order for job_id in order[name]]
    for name, ids in order.items():
        begun = {job["id"]: job["started_at"] for job in ended if job["id"] in ids}
        in_turn = [job_id for job_id in ids if job_id not in (expected["lost"], _map(expected))]
        assert in_turn == sorted(in_turn, key=lambda job_id: begun[job_id]), name
    assert upgraded.job(stalled)["state"] == "queued"
    assert stack.call("GET", f"/jobs/{upgraded.found['upload']}")["result"]["added"] == 2


def _map(expected: Facts) -> str:
    """The one that waits for a job of the other queue."""
    job_id: str = expected["waiting"]["map"]
    return job_id


def test_the_training_whose_worker_was_killed_went_on_from_its_checkpoint(
    upgraded: Upgraded,
) -> None:
    job = upgraded.job(upgraded.expected["lost"])
    assert (job["state"], job["attempt"]) == ("succeeded", 2)
    _require_one_run(upgraded, job)


def test_a_stopped_training_goes_on_from_its_checkpoint(upgraded: Upgraded) -> None:
    expected, stack = upgraded.expected, upgraded.stack
    stopped = expected["stopped"]
    assert upgraded.job(stopped["id"])["resumable"] is True
    stack.call("POST", f"/jobs/{stopped['id']}/resume")
    job = stack.succeeded(stopped["id"], 400)
    _require_one_run(upgraded, job)
    log = upgraded.log(job["id"])
    assert log.startswith(expected["before"]["logs"][job["id"]])
    assert f"Going on after step {stopped['result']['step']} " in log
    assert stack.succeeded(expected["after_stopped"], 200)["result"]["images"] > 0


def _require_one_run(upgraded: Upgraded, job: Facts) -> None:
    """All epochs were made, each step once, from the checkpoint on and not from the start again."""
    assert job["result"]["epochs_done"] == job["params"]["epochs"]
    assert "Going on after step" in upgraded.log(job["id"])
    points = upgraded.stack.call("GET", f"/jobs/{job['id']}/metrics")["train/lr"]
    steps = [point["step"] for point in points]
    assert steps == sorted(set(steps))
    assert max(steps) + 1 == job["result"]["steps"]


def test_an_edit_of_before_is_taken_back(upgraded: Upgraded) -> None:
    stack, edit = upgraded.stack, upgraded.expected["edit"]
    undone = stack.call("POST", f"/jobs/{edit['id']}/undo")["job"]
    assert stack.succeeded(undone["id"], 60)["result"] == {
        "restored": edit["result"]["changed"],
        "kept": 0,
    }
    images = read_dataset(stack.http, "shapes", None)["images"].values()
    texts = " ".join(image["caption"] or "" for image in images)
    assert "yellow" in texts
    assert "golden" not in texts
