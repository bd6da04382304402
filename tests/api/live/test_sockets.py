"""Sockets of the running server: rooms, snapshots, events of every process."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import httpx
import pytest
import socketio

from common.jobs import leases
from common.jobs.reports import Reports, write_reports
from common.people.credentials import issue_token
from common.people.roles import find_user
from tests.api.conftest import Caller, Service
from tests.api.serving import ANSWER_S, Browser, open_poll


@pytest.fixture
def call(served: Service) -> Caller:
    """The administrator."""
    return Caller(served.app.test_client(), served.admin_token)


def test_a_subscription_is_answered_with_snapshots_and_then_with_events(
    served: Service, call: Caller, browse: Callable[..., Browser]
) -> None:
    dataset = call.dataset()
    served.add_images(dataset, 2, captioned=2)
    job = call("POST", f"/datasets/{dataset}/jobs", 202, json={"kind": "split"})
    browser = browse(served.admin_token)
    answer = browser.subscribe(f"job:{job['id']}", f"dataset:{dataset}", "jobs", "job:none", "x y")
    shots = answer["snapshots"]
    assert shots[f"job:{job['id']}"]["state"] == "queued"
    assert shots[f"job:{job['id']}"]["job_id"] == job["id"]
    assert shots[f"dataset:{dataset}"]["dataset"]["counts"]["images"] == 2
    assert job["id"] in [item["id"] for item in shots["jobs"]["items"]]
    assert shots["job:none"]["error"]["code"] == shots["x y"]["error"]["code"] == "not_found"
    with served.services.sessions() as session:
        held = leases.take(session, job["id"], "here:1", 30)
    assert held is not None
    with served.services.sessions() as session:
        row = write_reports(session, held, Reports({"done": 1, "total": 2}))
    assert row is not None
    served.services.events.job(row)
    told = browser.next("job")
    assert (told["job_id"], told["state"], told["done"]) == (job["id"], "running", 1)
    assert told["seq"] > shots[f"job:{job['id']}"]["seq"]


def test_every_dashboard_hears_that_the_order_of_a_queue_has_changed(
    served: Service, call: Caller, browse: Callable[..., Browser]
) -> None:
    dataset = call.dataset()
    served.add_images(dataset, 2, captioned=2)
    browser = browse(served.admin_token)
    browser.subscribe("jobs")
    job = call("POST", f"/datasets/{dataset}/jobs", 202, json={"kind": "split"})
    assert browser.next("queue") == {"name": "cpu"}
    call("PATCH", f"/jobs/{job['id']}", 202, json={"priority": 1})
    assert browser.next("queue") == {"name": "cpu"}
    call("POST", "/queues/gpu/pause", json={})
    assert browser.next("queue") == {"name": "gpu"}
    call("POST", "/queues/gpu/resume", json={})
    assert browser.next("queue") == {"name": "gpu"}
    call("POST", f"/jobs/{job['id']}/stop", 202)
    assert browser.next("queue") == {"name": "cpu"}


def test_browsers_that_cannot_open_a_websocket_may_poll(served: Service) -> None:
    address = f"{served.settings.address}/socket.io/?EIO=4&transport=polling"
    mine, _ = open_poll(served.settings)
    foreign = httpx.get(address, headers={"Origin": "http://evil.example"}, timeout=ANSWER_S)
    assert foreign.status_code == 400
    # it ends, and takes nobody's place any longer
    assert httpx.post(mine, content="1", timeout=ANSWER_S).text == "OK"


def test_a_client_that_only_polls_is_served_whichever_process_its_requests_meet(
    served: Service, call: Caller
) -> None:
    dataset = call.dataset()
    address = f"{served.settings.address}/socket.io/?EIO=4&transport=polling"
    asked = json.dumps(["subscribe", {"rooms": [f"dataset:{dataset}"]}])
    polling = []
    for _ in range(4):
        mine, opened = open_poll(served.settings)
        assert opened["upgrades"] == []  # in the middle it cannot move to another process
        auth = json.dumps({"token": served.admin_token})
        assert polled(mine, f"40{auth}").text == "OK"
        assert polled(mine).text.startswith("40")
        assert polled(mine, f"420{asked}").text == "OK"
        assert polled(mine).text.startswith("430[")
        polling.append(mine)
    call("PATCH", f"/datasets/{dataset}", json={"name": "Dogs"})
    for mine in polling:
        assert '42["dataset"' in polled(mine).text
    for nobody in ("0.none", "1.none", "7.none", "none"):
        assert polled(f"{address}&sid={nobody}").status_code == 400
    for mine in polling:
        polled(mine, "1")  # or their share would be missed by others


def polled(address: str, said: str | None = None) -> httpx.Response:
    """A request on a connection of its own."""
    method = "GET" if said is None else "POST"
    return httpx.request(method, address, content=said, timeout=ANSWER_S)


def test_who_brings_no_token_gets_no_connection(
    served: Service, browse: Callable[..., Browser]
) -> None:
    for token in ("", "nonsense"):
        with pytest.raises(socketio.exceptions.ConnectionError):
            browse(token)


def test_a_token_for_metrics_opens_no_connection(
    served: Service, browse: Callable[..., Browser]
) -> None:
    with served.services.sessions() as session:
        admin = find_user(session, "admin")
        _, secret = issue_token(session, admin, "api", scope="metrics")
    with pytest.raises(socketio.exceptions.ConnectionError):
        browse(secret)


def test_a_session_cookie_opens_a_connection_from_our_own_pages_only(served: Service) -> None:
    address = served.settings.address
    answer = httpx.post(
        f"{address}/api/v1/auth/login",
        json={"username": "admin", "password": served.settings.admin_password},
        timeout=ANSWER_S,
    )
    cookie = f"clip_browser_session={answer.cookies['clip_browser_session']}"
    client = socketio.Client(reconnection=False)
    mine = {"Cookie": cookie}
    client.connect(address, headers=mine, transports=["websocket"], wait_timeout=ANSWER_S)
    assert "items" in client.call("subscribe", {"rooms": ["jobs"]})["snapshots"]["jobs"]
    client.disconnect()
    foreign = {"Cookie": cookie, "Origin": "http://evil.example"}
    with pytest.raises(socketio.exceptions.ConnectionError):
        socketio.Client(reconnection=False).connect(
            address, headers=foreign, transports=["websocket"], wait_timeout=ANSWER_S
        )


def at_both(served: Service, browse: Callable[..., Browser]) -> dict[str, Browser]:
    """A tab at each of the two processes, by its place."""
    found: dict[str, Browser] = {}
    until = time.monotonic() + ANSWER_S  # one of them may stand still, and take none
    while len(found) < 2 and time.monotonic() < until:
        browser = browse(served.admin_token)
        if found.setdefault(browser.place, browser) is not browser:
            browser.client.disconnect()
    assert len(found) == 2, f"all tabs are at process {[*found]}"
    return found


def test_what_one_process_tells_is_heard_at_every_process(
    served: Service, call: Caller, browse: Callable[..., Browser]
) -> None:
    dataset = call.dataset()
    image, _ = served.add_images(dataset, 2)
    tabs = at_both(served, browse)
    for tab in tabs.values():
        assert f"dataset:{dataset}" in tab.subscribe(f"dataset:{dataset}")["snapshots"]
    tabs["0"].client.emit("presence", {"dataset_id": dataset, "image_id": image})
    for tab in tabs.values():
        assert tab.next("presence")["users"] == [{"name": "admin", "image_id": image}]
    tabs["0"].client.emit("presence", {"dataset_id": None, "image_id": None})


def test_tabs_that_ask_for_batches_hear_all_jobs_now_and_then_and_each_ones_last_word(
    served: Service, call: Caller, browse: Callable[..., Browser]
) -> None:
    tabs = at_both(served, browse)
    script = browse(served.admin_token)
    script.subscribe("jobs")
    for tab in tabs.values():
        tab.subscribe("jobs", batched=True)
    began = time.monotonic()
    for seq in range(40):
        for number in range(20):
            record = {"job_id": f"job{number}", "state": "running", "seq": seq}
            served.services.events.emit("job", record, ["jobs"])
        time.sleep(0.025)
    for tab in tabs.values():
        last: dict[str, int] = {}
        batches = 0
        while set(last.values()) != {39}:
            batch = tab.next("batch")
            assert batch["room"] == "jobs"
            batches += 1
            last.update({data["job_id"]: data["seq"] for _, data in batch["events"]})
        assert batches <= 2 + (time.monotonic() - began) / 0.4
        assert tab.events.empty()
    heard = [script.next("job") for _ in range(800)]  # who does not ask gets each, as ever
    assert heard[-1]["seq"] == 39


def test_batches_of_a_dataset_bring_its_captions_and_its_counts_in_one_event(
    served: Service, call: Caller, browse: Callable[..., Browser]
) -> None:
    dataset = call.dataset()
    images = served.add_images(dataset, 30, captioned=0)
    tab = browse(served.admin_token)
    tab.subscribe(f"dataset:{dataset}", batched=True)
    for image in images:
        served.save(image, "a caption")
        saved = {"image_id": image, "slot": 0, "revision": 1, "text": "a caption"}
        served.services.events.caption(dataset, saved)
        served.services.events.dataset(dataset)
    told: list[tuple[str, Any]] = []
    captioned: list[int] = []
    # The last caption and the counts that follow it may come in two batches.
    while sum(event == "caption" for event, _ in told) < 30 or captioned[-1] < 30:
        told += tab.next("batch")["events"]
        shown = [data["dataset"] for event, data in told if event == "dataset"]
        captioned = [0, *(each["counts"]["captioned"] for each in shown)]
    assert (captioned, captioned[-1]) == (sorted(captioned), 30)
    assert len(told) == 30 + len(shown)
    call("DELETE", f"/datasets/{dataset}", 204)
    last = tab.next("batch")["events"]
    while last[0][1]["dataset"] is not None:  # those of the last caption once more, if at all
        assert [each["dataset"]["counts"]["captioned"] for _, each in last] == [30]
        last = tab.next("batch")["events"]
    assert last == [["dataset", {"dataset_id": dataset, "dataset": None}]]


def test_everybody_sees_who_is_on_which_image(
    served: Service, call: Caller, browse: Callable[..., Browser]
) -> None:
    dataset = call.dataset()
    [image_id] = served.add_images(dataset, 1)
    watcher, eve = browse(served.admin_token), browse(served.person("eve").token)
    watcher.subscribe(f"dataset:{dataset}")
    eve.client.emit("presence", {"dataset_id": dataset, "image_id": image_id})
    assert watcher.next("presence") == {
        "dataset_id": dataset,
        "users": [{"name": "eve", "image_id": image_id}],
    }
    assert browse(served.admin_token).subscribe(f"dataset:{dataset}")["snapshots"][
        f"dataset:{dataset}"
    ]["users"] == [{"name": "eve", "image_id": image_id}]
    at_image = [{"name": "eve", "image_id": image_id}]
    eve.client.emit("presence", {"dataset_id": None, "image_id": None})
    assert next_change(watcher, at_image) == []
    eve.client.emit("presence", {"dataset_id": dataset, "image_id": None})
    assert next_change(watcher, []) == [{"name": "eve", "image_id": None}]
    eve.client.disconnect()
    assert next_change(watcher, [{"name": "eve", "image_id": None}]) == []


def next_change(watcher: Browser, known: list[dict[str, Any]]) -> Any:
    """Who is there next; every twenty seconds those whom one knows of are told once more."""
    while (users := watcher.next("presence")["users"]) == known:
        pass
    return users


def test_everybody_hears_of_each_flag_and_review_that_changes_something(
    served: Service, call: Caller, browse: Callable[..., Browser]
) -> None:
    dataset = call.dataset()
    first, second = served.add_images(dataset, 2, captioned=2)
    watcher = browse(served.admin_token)
    watcher.subscribe(f"dataset:{dataset}")
    flag = {"flagged": True, "note": "blurred"}
    call("PUT", f"/images/{first}/flag", json=flag)
    call("PUT", f"/images/{first}/flag", json=flag)
    call("PUT", f"/images/{first}/review", json={"reviewed": True, "revision": 1})
    marks = {"image_ids": [first, second], "flagged": True}
    call("POST", f"/datasets/{dataset}/marks", json=marks)
    heard = [watcher.next("image") for _ in range(3)]
    marks = {"flagged_by": "admin", "flag_note": "blurred", "reviewed_by": None, "tag": None}
    assert heard == [
        {"image_id": first, **marks},
        {"image_id": first, **marks, "reviewed_by": "admin"},
        {"image_id": second, **marks, "flag_note": ""},
    ]


@pytest.mark.parametrize(
    "nonsense", [None, 7, [], {"rooms": "jobs"}, {"rooms": [1]}, {"rooms": ["jobs"] * 201}]
)
def test_a_subscription_to_nonsense_is_an_error_not_a_crash(
    served: Service, browse: Callable[..., Browser], nonsense: Any
) -> None:
    browser = browse(served.admin_token)
    assert browser.client.call("subscribe", nonsense)["error"]["code"] == "invalid_input"
    browser.client.emit("presence", nonsense)
    browser.client.emit("unsubscribe", nonsense)
    assert "snapshots" in browser.subscribe("jobs")
