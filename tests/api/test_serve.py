"""The server as it is started: gunicorn, threads, WebSockets."""

from __future__ import annotations

import re
import socket
import struct
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import psutil
import pytest

from api.app import start_live
from common.settings import Settings
from tests.api.conftest import Caller, Service, wait_until
from tests.api.serving import ANSWER_S, Browser, answers, open_poll, running
from tests.servers import free_port, redis_server


@pytest.fixture
def call(served: Service) -> Caller:
    """The administrator."""
    return Caller(served.app.test_client(), served.admin_token)


@pytest.mark.parametrize("end", [psutil.Process.kill, psutil.Process.terminate])
def test_a_process_that_ended_is_started_again_in_its_place_and_what_it_counted_stays(
    service: Service, end: Callable[[psutil.Process], None]
) -> None:
    settings = service.settings.model_copy(update={"port": free_port(), "api_processes": 2})
    with running(settings) as master:
        family = psutil.Process(master.pid)
        wait_until(lambda: len(family.children()) == 2)
        ask_for_merges(service, settings, 20)
        for lost in family.children():
            end(lost)
            lost.wait(60)
            assert counted_merges(service, settings) == {20.0}
            wait_until(lambda: len(family.children()) == 2 and answers(settings))
        wait_until(lambda: {place_of_poll(settings) for _ in range(8)} == {"0", "1"})
        ask_for_merges(service, settings, 20)  # which their successors count
        assert counted_merges(service, settings) == {40.0}


def place_of_poll(settings: Settings) -> str:
    """The place of the process that has taken a connection, which ends at once, as few of strangers may stand."""
    mine, told = open_poll(settings)
    httpx.post(mine, content="1", timeout=ANSWER_S)
    return str(told["sid"][0])


def test_metrics_are_of_all_processes(served: Service) -> None:
    ask_for_merges(served, served.settings, 20)
    assert counted_merges(served, served.settings) == {20.0}


def ask_for_merges(service: Service, settings: Settings, times: int) -> None:
    """Requests on a connection each: the kernel chooses their process."""
    with strangers(service, settings) as client:
        for _ in range(times):
            assert client.get("/api/v1/tokenizer/merges.txt?").status_code == 200


def counted_merges(service: Service, settings: Settings) -> set[float]:
    """How many of them /metrics tells, asked six times: of each process that lives, most likely."""
    counted = r'total{method="GET",route="[^"]*/merges.txt",status="200"} ([0-9.]+)'
    with strangers(service, settings) as client:
        told = [client.get("/metrics") for _ in range(6)]
    return {sum(map(float, re.findall(counted, answer.text))) for answer in told}


def strangers(service: Service, settings: Settings) -> httpx.Client:
    """A client whose requests do not share a connection."""
    headers = {"Authorization": f"Bearer {service.admin_token}", "Connection": "close"}
    return httpx.Client(base_url=settings.address, headers=headers, timeout=ANSWER_S)


def test_a_token_that_was_revoked_at_one_process_ends_at_the_other_at_once(
    served: Service, call: Caller
) -> None:
    served.remember()
    start_live(served.app)  # this process is one more, which would know the token for an hour
    made = call("POST", "/tokens", 201, json={"name": "script"})
    script = Caller(served.app.test_client(), made["token"])
    mine = {"Authorization": f"Bearer {made['token']}"}
    address = f"{served.settings.address}/api/v1/auth/me"
    with ExitStack() as opened:  # each stays with its process
        clients = [httpx.Client(headers=mine, timeout=ANSWER_S) for _ in range(8)]
        lines = [opened.enter_context(each) for each in clients]
        # what one tells before another one listens is not heard there
        wait_until(lambda: is_told(served, script))
        script("GET", "/auth/me")
        assert {line.get(address).status_code for line in lines} == {200}
        admin = {"Authorization": f"Bearer {served.admin_token}"}
        revoked = f"{served.settings.address}/api/v1/tokens/{made['id']}"
        assert httpx.delete(revoked, headers=admin, timeout=ANSWER_S).status_code == 204
        wait_until(lambda: script.raw("GET", "/auth/me").status_code == 401)
        wait_until(lambda: {line.get(address).status_code for line in lines} == {401})


def is_told(served: Service, script: Caller) -> bool:
    """Whether this process forgets what it knows of tokens when a running one tells of another token."""
    script("GET", "/auth/me")
    headers = {"Authorization": f"Bearer {served.admin_token}"}
    address = f"{served.settings.address}/api/v1/tokens"
    made = httpx.post(address, headers=headers, json={"name": "another"}, timeout=ANSWER_S).json()
    httpx.delete(f"{address}/{made['id']}", headers=headers, timeout=ANSWER_S).raise_for_status()
    time.sleep(0.1)
    return not served.services.token_cache._known


def test_the_server_is_small_and_ends_with_its_parent(service: Service) -> None:
    settings = service.settings.model_copy(update={"port": free_port(), "api_processes": 2})
    with running(settings) as master:
        family = [psutil.Process(master.pid)]
        family += wait_until(lambda: len(found := family[0].children(True)) == 2 and found)
        assert sum(each.memory_full_info().pss for each in family) < 260e6
        assert not any("torch" in mapped.path for each in family for mapped in each.memory_maps())
        master.kill()
        _, alive = psutil.wait_procs(family[1:], timeout=60)
        assert alive == []


@pytest.mark.timed
def test_sigterm_ends_the_server_within_seconds_with_sockets_open(
    service: Service,
) -> None:
    settings = service.settings.model_copy(update={"port": free_port(), "api_threads": 8})
    with running(settings) as master:
        browser = Browser(settings.address, service.admin_token)
        began = time.monotonic()
        master.terminate()
        assert master.wait(60) == 0
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
            listed = httpx.get(
                f"{settings.address}/api/v1/datasets", headers=headers, timeout=ANSWER_S
            )
            assert listed.status_code == 200
            assert "snapshots" in browser.subscribe("jobs")
            ready = f"{settings.address}/readyz"
            assert httpx.get(ready, timeout=ANSWER_S).status_code == 503
            redis.start()
            wait_until(lambda: httpx.get(ready, timeout=ANSWER_S).status_code == 200)

            def event_arrives() -> bool:
                service.services.events.emit("job", {"job_id": "x"}, ["jobs"])
                time.sleep(0.5)
                return not browser.events.empty()

            wait_until(event_arrives)
            browser.client.disconnect()


def test_large_files_and_many_callers_are_served(served: Service, call: Caller) -> None:
    dataset = call.dataset()
    headers = {"Authorization": f"Bearer {served.admin_token}"}
    big = b"\x01" * 20_000_000
    answer = httpx.post(
        f"{served.settings.address}/api/v1/datasets/{dataset}/images",
        headers=headers,
        files=[("files", ("a.png", big)), ("files", ("b.png", b"2"))],
        timeout=ANSWER_S,
    )
    assert answer.status_code == 202
    uploads = answer.json()["job"]["params"]["uploads"]
    assert served.services.store.stat(uploads[0]["key"]).size_bytes == len(big)
    served.add_images(dataset, 3, captioned=3)
    address = f"{served.settings.address}/api/v1/datasets/{dataset}/export.zip"
    with httpx.stream("GET", address, headers=headers, timeout=ANSWER_S) as export:
        assert export.read()[:2] == b"PK"


def test_a_request_whose_line_is_cut_in_its_middle_is_no_error_of_the_server(
    served: Service,
) -> None:
    url = urlsplit(served.settings.address)
    head = (
        f"PUT /api/v1/images/1/caption HTTP/1.1\r\nHost: {url.netloc}\r\n"
        f"Authorization: Bearer {served.admin_token}\r\n"
        "Content-Type: application/json\r\nContent-Length: 50000\r\nExpect: 100-continue\r\n\r\n"
    )
    with socket.create_connection((url.hostname, url.port)) as line:
        line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        line.sendall(head.encode())
        assert b" 100 " in line.recv(1000)  # a thread has it, and reads on until the line is reset
        line.sendall(b'{"text": "a do')
    wait_until(lambda: cut_requests(served))
    assert set(cut_requests(served)) == {"400"}


def cut_requests(served: Service) -> list[str]:
    """The status of each request for a caption, as /metrics counts them."""
    headers = {"Authorization": f"Bearer {served.admin_token}"}
    text = httpx.get(f"{served.settings.address}/metrics", headers=headers, timeout=ANSWER_S).text
    counted = r'http_requests_total\{method="PUT",route="[^"]*/caption",status="(\d+)"\}'
    return re.findall(counted, text)
