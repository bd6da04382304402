"""The server as it is started: gunicorn, threads, WebSockets."""

from __future__ import annotations

import json
import re
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import Queue
from typing import Any
from urllib.parse import urlsplit

import httpx
import psutil
import pytest
import socketio

from common.jobs import leases
from common.jobs.reports import Reports, write_reports
from common.settings import Settings, as_environment, load_settings
from tests.api.conftest import PASSWORD, Caller, Service, wait_until
from tests.servers import free_port, redis_server


@contextmanager
def running(settings: Settings) -> Iterator[subprocess.Popen[bytes]]:
    """`python -m api.serve`, ready."""
    process = subprocess.Popen([sys.executable, "-m", "api.serve"], env=as_environment(settings))
    try:
        wait_until(lambda: answers(settings) or process.poll() is not None, 60)
        assert process.poll() is None
        yield process
    finally:
        process.terminate()
        process.wait(20)


def answers(settings: Settings) -> bool:
    try:
        return httpx.get(f"{settings.address}/healthz", timeout=2).status_code == 200
    except httpx.TransportError:
        return False


@pytest.fixture(scope="module")
def served(redis_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A running server of two processes, the same for most tests here."""
    folder = tmp_path_factory.mktemp("served")
    settings = load_settings(
        data_dir=folder, redis_url=redis_url, secret_key="a secret of the tests", device="cpu",
        admin_password=PASSWORD, port=free_port(), api_threads=32, api_processes=2,
    )  # fmt: skip
    service = Service(settings, folder / "none")
    with running(settings):
        yield service
    service.engine.dispose()


@pytest.fixture
def call(served: Service) -> Caller:
    """The administrator."""
    return Caller(served.app.test_client(), served.admin_token)


class Browser:
    """A Socket.IO client that keeps what it is sent."""

    def __init__(self, address: str, token: str) -> None:
        self.client = socketio.Client(reconnection=False)
        self.events: Queue[tuple[str, Any]] = Queue()
        for name in ("job", "queue", "caption", "image", "presence", "dataset", "batch"):
            self.client.on(name, self._keep(name))
        self.client.connect(address, auth={"token": token}, transports=["websocket"])

    def _keep(self, name: str) -> Callable[[Any], None]:
        return lambda data: self.events.put((name, data))

    def subscribe(self, *rooms: str, batched: bool = False) -> Any:
        wanted = {"rooms": list(rooms), **({"batched": True} if batched else {})}
        return self.client.call("subscribe", wanted, timeout=10)

    @property
    def place(self) -> str:
        """The place of the process that it is connected to."""
        return str(self.client.eio.sid[0])

    def next(self, name: str, timeout_s: float = 10) -> Any:
        """The next event of this name."""
        end = time.monotonic() + timeout_s
        while True:
            got, data = self.events.get(timeout=max(0.01, end - time.monotonic()))
            if got == name:
                return data


@pytest.fixture
def browse(served: Service) -> Iterator[Callable[..., Browser]]:
    """Opens tabs, and closes them at the end."""
    opened: list[Browser] = []

    def connect(token: str) -> Browser:
        opened.append(Browser(served.settings.address, token))
        return opened[-1]

    yield connect
    for browser in opened:
        browser.client.disconnect()


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
    opened = httpx.get(address)
    assert opened.status_code == 200
    assert opened.text.startswith("0{")
    foreign = httpx.get(address, headers={"Origin": "http://evil.example"})
    assert foreign.status_code == 400


def test_a_client_that_only_polls_is_served_whichever_process_its_requests_meet(
    served: Service, call: Caller
) -> None:
    dataset = call.dataset()
    address = f"{served.settings.address}/socket.io/?EIO=4&transport=polling"
    asked = json.dumps(["subscribe", {"rooms": [f"dataset:{dataset}"]}])
    polling = []
    for _ in range(4):  # each request is on a connection of its own
        opened = json.loads(httpx.get(address).text[1:])
        assert opened["upgrades"] == []  # in the middle it cannot move to another process
        mine = f"{address}&sid={opened['sid']}"
        auth = json.dumps({"token": served.admin_token})
        assert httpx.post(mine, content=f"40{auth}").text == "OK"
        assert httpx.get(mine).text.startswith("40")
        assert httpx.post(mine, content=f"420{asked}").text == "OK"
        assert httpx.get(mine).text.startswith("430[")
        polling.append(mine)
    call("PATCH", f"/datasets/{dataset}", json={"name": "Dogs"})
    for mine in polling:
        assert '42["dataset"' in httpx.get(mine).text
    for nobody in ("0.none", "1.none", "7.none", "none"):
        assert httpx.get(f"{address}&sid={nobody}").status_code == 400


def test_a_process_that_was_killed_is_started_again_in_its_place(service: Service) -> None:
    settings = service.settings.model_copy(update={"port": free_port(), "api_processes": 2})
    with running(settings) as master:
        family = psutil.Process(master.pid)
        wait_until(lambda: len(family.children()) == 2)
        for lost in family.children():
            lost.kill()
            lost.wait(10)
            wait_until(lambda: len(family.children()) == 2 and answers(settings))
        address = f"{settings.address}/socket.io/?EIO=4&transport=polling"

        def places() -> set[str]:
            return {httpx.get(address, timeout=5).text.partition('"sid":"')[2][0] for _ in range(8)}

        wait_until(lambda: places() == {"0", "1"})


def test_metrics_are_of_all_processes_and_of_those_that_have_ended(served: Service) -> None:
    headers = {"Authorization": f"Bearer {served.admin_token}"}
    for _ in range(20):
        httpx.get(f"{served.settings.address}/api/v1/tokenizer/merges.txt?", headers=headers)
    counts = [
        re.findall(r'total{method="GET",route="[^"]*/merges.txt",status="200"} ([0-9.]+)', text)
        for text in (
            httpx.get(f"{served.settings.address}/metrics", headers=headers).text for _ in range(6)
        )
    ]
    assert counts == [["20.0"]] * 6


def test_who_brings_no_token_gets_no_connection(
    served: Service, browse: Callable[..., Browser]
) -> None:
    for token in ("", "nonsense"):
        with pytest.raises(socketio.exceptions.ConnectionError):
            browse(token)


def test_a_session_cookie_opens_a_connection_from_our_own_pages_only(served: Service) -> None:
    address = served.settings.address
    answer = httpx.post(
        f"{address}/api/v1/auth/login",
        json={"username": "admin", "password": served.settings.admin_password},
    )
    cookie = f"clip_browser_session={answer.cookies['clip_browser_session']}"
    client = socketio.Client(reconnection=False)
    client.connect(address, headers={"Cookie": cookie}, transports=["websocket"])
    assert "items" in client.call("subscribe", {"rooms": ["jobs"]})["snapshots"]["jobs"]
    client.disconnect()
    foreign = {"Cookie": cookie, "Origin": "http://evil.example"}
    with pytest.raises(socketio.exceptions.ConnectionError):
        socketio.Client(reconnection=False).connect(
            address, headers=foreign, transports=["websocket"]
        )


def at_both(served: Service, browse: Callable[..., Browser]) -> dict[str, Browser]:
    """A tab at each of the two processes, by its place."""
    found: dict[str, Browser] = {}
    for _ in range(60):
        browser = browse(served.admin_token)
        found.setdefault(browser.place, browser)
        if len(found) == 2:
            return found
    raise AssertionError(f"all 60 tabs are at process {[*found]}")


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
    while sum(event == "caption" for event, _ in told) < 30:
        told += tab.next("batch")["events"]
    counts = [data["dataset"]["counts"] for event, data in told if event == "dataset"]
    assert counts[-1]["captioned"] == 30
    call("DELETE", f"/datasets/{dataset}", 204)
    assert tab.next("batch")["events"] == [["dataset", {"dataset_id": dataset, "dataset": None}]]


def test_a_token_that_was_revoked_at_one_process_ends_at_the_other_at_once(
    served: Service, call: Caller
) -> None:
    made = call("POST", "/tokens", 201, json={"name": "script"})
    mine = {"Authorization": f"Bearer {made['token']}"}
    address = f"{served.settings.address}/api/v1/auth/me"
    lines = [httpx.Client(headers=mine) for _ in range(8)]  # each stays with its process
    assert {line.get(address).status_code for line in lines} == {200}
    admin = {"Authorization": f"Bearer {served.admin_token}"}
    revoked = f"{served.settings.address}/api/v1/tokens/{made['id']}"
    assert httpx.delete(revoked, headers=admin).status_code == 204
    time.sleep(0.3)
    assert {line.get(address).status_code for line in lines} == {401}
    for line in lines:
        line.close()


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
    eve.client.emit("presence", {"dataset_id": None, "image_id": None})
    assert watcher.next("presence")["users"] == []
    eve.client.emit("presence", {"dataset_id": dataset, "image_id": None})
    assert watcher.next("presence")["users"] == [{"name": "eve", "image_id": None}]
    eve.client.disconnect()
    assert watcher.next("presence")["users"] == []


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


def test_the_server_is_small_and_ends_with_its_parent(service: Service) -> None:
    settings = service.settings.model_copy(update={"port": free_port(), "api_processes": 2})
    with running(settings) as master:
        family = [psutil.Process(master.pid), *psutil.Process(master.pid).children(recursive=True)]
        assert len(family) == 3
        assert sum(each.memory_full_info().pss for each in family) < 260e6
        assert not any("torch" in mapped.path for each in family for mapped in each.memory_maps())
        master.kill()
        _, alive = psutil.wait_procs(family[1:], timeout=10)
        assert alive == []


def test_sigterm_ends_the_server_within_seconds_with_sockets_open(
    service: Service,
) -> None:
    settings = service.settings.model_copy(update={"port": free_port(), "api_threads": 8})
    with running(settings) as master:
        browser = Browser(settings.address, service.admin_token)
        began = time.monotonic()
        master.terminate()
        assert master.wait(15) == 0
        assert time.monotonic() - began < 8
        browser.client.disconnect()


def test_the_server_outlives_its_redis(settings: Settings, tmp_path: Path) -> None:
    folder = tmp_path / "redis"
    folder.mkdir()
    with redis_server(folder) as redis:
        settings = settings.model_copy(update={"redis_url": redis.url, "port": free_port()})
        service = Service(settings, tmp_path / "none")
        with running(settings):
            browser = Browser(settings.address, service.admin_token)
            redis.kill()
            time.sleep(1)
            headers = {"Authorization": f"Bearer {service.admin_token}"}
            listed = httpx.get(f"{settings.address}/api/v1/datasets", headers=headers, timeout=10)
            assert listed.status_code == 200
            assert "snapshots" in browser.subscribe("jobs")
            assert httpx.get(f"{settings.address}/readyz", timeout=20).status_code == 503
            redis.start()
            wait_until(
                lambda: httpx.get(f"{settings.address}/readyz", timeout=20).status_code == 200
            )

            def event_arrives() -> bool:
                service.services.events.emit("job", {"job_id": "x"}, ["jobs"])
                time.sleep(0.5)
                return not browser.events.empty()

            wait_until(event_arrives, 40)
            browser.client.disconnect()


def test_large_files_and_many_callers_are_served(served: Service, call: Caller) -> None:
    dataset = call.dataset()
    headers = {"Authorization": f"Bearer {served.admin_token}"}
    big = b"\x01" * 20_000_000
    answer = httpx.post(
        f"{served.settings.address}/api/v1/datasets/{dataset}/images",
        headers=headers,
        files=[("files", ("a.png", big)), ("files", ("b.png", b"2"))],
        timeout=60,
    )
    assert answer.status_code == 202
    uploads = answer.json()["job"]["params"]["uploads"]
    assert served.services.store.stat(uploads[0]["key"]).size_bytes == len(big)
    served.add_images(dataset, 3, captioned=3)
    with httpx.stream(
        "GET", f"{served.settings.address}/api/v1/datasets/{dataset}/export.zip", headers=headers
    ) as export:
        assert export.read()[:2] == b"PK"


def test_a_request_whose_line_is_cut_in_its_middle_is_no_error_of_the_server(
    served: Service,
) -> None:
    url = urlsplit(served.settings.address)
    head = (
        f"PUT /api/v1/images/1/caption HTTP/1.1\r\nHost: {url.netloc}\r\n"
        f"Authorization: Bearer {served.admin_token}\r\n"
        "Content-Type: application/json\r\nContent-Length: 500\r\n\r\n"
    )
    with socket.create_connection((url.hostname, url.port)) as line:
        line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        line.sendall(f'{head}{{"text": "a do'.encode())
        time.sleep(0.3)  # the server reads on, then the line is reset
    wait_until(lambda: cut_requests(served), 10)
    assert set(cut_requests(served)) == {"400"}


def cut_requests(served: Service) -> list[str]:
    """The status of each request for a caption, as /metrics counts them."""
    headers = {"Authorization": f"Bearer {served.admin_token}"}
    text = httpx.get(f"{served.settings.address}/metrics", headers=headers).text
    counted = r'http_requests_total\{method="PUT",route="[^"]*/caption",status="(\d+)"\}'
    return re.findall(counted, text)
