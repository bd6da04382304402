"""WebSockets that hold no thread: many of them on one process, and what they get."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import psutil
import pytest
import socketio
import websocket
from engineio import packet
from wsproto import ConnectionType, WSConnection
from wsproto.connection import Connection
from wsproto.events import AcceptConnection, Request, TextMessage

from api.live.wires.frames import SharedDeflate, frame_of
from common.settings import load_settings
from tests.api.conftest import PASSWORD, Caller, Service, wait_until
from tests.api.serving import ANSWER_S, running, websocket_address
from tests.servers import free_port

DASHBOARDS = 700
THREADS = 64
OF_ONE = 16  # that one person may have with so many threads


class Alone(NamedTuple):
    """A service, and the process that all others come from."""

    service: Service
    master: int

    @property
    def process(self) -> psutil.Process:
        """The one that has the connections."""
        [only] = psutil.Process(self.master).children()
        return only


@pytest.fixture(scope="module")
def alone(redis_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Alone]:
    """A running server of one process with few threads."""
    folder: Path = tmp_path_factory.mktemp("alone")
    settings = load_settings(
        data_dir=folder, redis_url=redis_url, secret_key="a secret of the tests", device="cpu",
        admin_password=PASSWORD, port=free_port(), api_threads=THREADS, api_processes=1,
    )  # fmt: skip
    service = Service(settings, folder / "none")
    with running(settings) as master:
        yield Alone(service, master.pid)
    service.engine.dispose()


def dashboard(service: Service, token: str, dataset: str) -> websocket.WebSocket:
    """A tab that has a dataset open."""
    header = [f"Authorization: Bearer {token}"]
    line = websocket.create_connection(
        websocket_address(service.settings), timeout=ANSWER_S, header=header
    )
    line.send("40")
    line.send(f'420["subscribe",{{"rooms":["dataset:{dataset}"]}}]')
    heard = ""
    while not heard.startswith("430"):
        heard = str(line.recv())
    assert "snapshots" in heard
    return line


def opens_one(service: Service, token: str, dataset: str) -> bool:
    """Whether there is a place for one more."""
    try:
        dashboard(service, token, dataset).close()
    except (websocket.WebSocketBadStatusException, websocket.WebSocketConnectionClosedException):
        return False
    return True


def begin_threads(service: Service, process: psutil.Process) -> None:
    """Ask for much at once until that begins no more threads: how many one by one would begin is chance."""
    headers = {"Authorization": f"Bearer {service.admin_token}"}
    client = httpx.Client(base_url=service.settings.address, headers=headers, timeout=ANSWER_S)
    before = 0
    with client, ThreadPoolExecutor(THREADS) as pool:
        while process.num_threads() > before:
            before = process.num_threads()
            asked = [pool.submit(client.get, "/api/v1/datasets") for _ in range(2 * THREADS)]
            assert {each.result().status_code for each in asked} == {200}


def next_image(line: websocket.WebSocket) -> Any:
    """What the next event `image` tells."""
    while not (said := str(line.recv())).startswith('42["image"'):
        pass
    return json.loads(said[2:])[1]


def test_hundreds_of_dashboards_at_one_process_leave_its_threads_to_requests(
    alone: Alone,
) -> None:
    service = alone.service
    call = Caller(service.app.test_client(), service.admin_token)
    dataset = call.dataset("Many")
    [image] = service.add_images(dataset, 1)
    people = [service.person(f"watcher {n}").token for n in range(-(-DASHBOARDS // OF_ONE))]
    process = alone.process
    dashboard(service, service.admin_token, dataset).close()
    begin_threads(service, process)
    before, bytes_before = process.num_threads(), process.memory_info().rss
    tabs = [dashboard(service, people[at // OF_ONE], dataset) for at in range(DASHBOARDS)]
    try:
        assert process.num_threads() <= before + 5
        assert (process.memory_info().rss - bytes_before) / DASHBOARDS < 60_000
        headers = {"Authorization": f"Bearer {service.admin_token}"}
        address = service.settings.address
        with httpx.Client(base_url=address, headers=headers, timeout=ANSWER_S) as client:
            took = []
            for _ in range(20):
                began = time.monotonic()
                assert client.get("/api/v1/datasets").status_code == 200
                took.append(time.monotonic() - began)
        assert sorted(took)[10] < 0.25
        call("PUT", f"/images/{image}/flag", json={"flagged": True, "note": "seen by all"})
        assert {next_image(tab)["flag_note"] for tab in tabs} == {"seen by all"}
    finally:
        for tab in tabs:
            tab.close(timeout=0)
    wait_until(lambda: len(process.net_connections("tcp")) < 20)
    # It deals with their ends one after the other, and with who comes now after them.
    wait_until(lambda: opens_one(service, service.admin_token, dataset))


def test_who_polls_first_goes_on_by_websocket_and_misses_nothing(alone: Alone) -> None:
    service = alone.service
    call = Caller(service.app.test_client(), service.admin_token)
    dataset = call.dataset("Polled")
    heard: list[int] = []
    client = socketio.Client(reconnection=False)
    client.on("job", lambda told: heard.append(told["seq"]))
    auth = {"token": service.admin_token}
    client.connect(service.settings.address, auth=auth, wait_timeout=ANSWER_S)
    try:
        assert client.transport() == "websocket"
        assert dataset in json.dumps(client.call("subscribe", {"rooms": [f"dataset:{dataset}"]}))
        client.call("subscribe", {"rooms": ["jobs"]})
        for seq in range(50):
            service.services.events.emit("job", {"job_id": "x", "state": "s", "seq": seq}, ["jobs"])
        wait_until(lambda: bool(heard) and heard[-1] == 49)
    finally:
        client.disconnect()


def test_a_person_has_as_many_websockets_as_before_and_then_is_told_so(alone: Alone) -> None:
    service = alone.service
    call = Caller(service.app.test_client(), service.admin_token)
    dataset, token = call.dataset("Mine"), service.person("collector").token
    tabs = [dashboard(service, token, dataset) for _ in range(OF_ONE)]
    with pytest.raises(websocket.WebSocketBadStatusException) as refused:
        dashboard(service, token, dataset)
    assert refused.value.status_code == 429
    tabs.pop().close()
    wait_until(lambda: opens_one(service, token, dataset))
    for tab in tabs:
        tab.close()


def test_a_packet_becomes_one_frame_for_all_who_get_it_compressed_or_not() -> None:
    told = packet.Packet(packet.MESSAGE, "2" + json.dumps(["batch", {"text": "a circle " * 500}]))
    for is_deflated in (False, True):
        made = frame_of(told, is_deflated)
        assert frame_of(told, is_deflated) is made
        for _ in range(2):  # nobody has to have had the one before
            assert read_by_client(made, is_deflated) == told.encode()
    assert len(frame_of(told, True)) < len(frame_of(told, False)) / 10
    assert frame_of(packet.Packet(packet.PING), True) == b"\x81\x012"


def read_by_client(frame: bytes, is_deflated: bool) -> str:
    """What a client that has agreed on compression makes of it."""
    deflate = SharedDeflate()
    if is_deflated:
        deflate.finalize(deflate.name)
    client = Connection(ConnectionType.CLIENT, [deflate])
    client.receive_data(frame)
    return "".join(event.data for event in client.events() if isinstance(event, TextMessage))


@pytest.mark.parametrize(
    ("offer", "is_taken"),
    [("permessage-deflate; client_max_window_bits", True), ("permessage-deflate", True),
     ("permessage-deflate; server_max_window_bits=10", False)],
)  # fmt: skip
def test_compression_is_agreed_on_where_all_can_be_sent_the_same(
    offer: str, is_taken: bool
) -> None:
    client, server = WSConnection(ConnectionType.CLIENT), WSConnection(ConnectionType.SERVER)
    asked = client.send(Request(host="x", target="/", extra_headers=[]))
    asked = re.sub(rb"\r\n\r\n$", f"\r\nSec-WebSocket-Extensions: {offer}\r\n\r\n".encode(), asked)
    server.receive_data(asked)
    list(server.events())
    deflate = SharedDeflate()
    answer = server.send(AcceptConnection(extensions=[deflate]))
    assert deflate.enabled() is is_taken
    assert (b"server_no_context_takeover" in answer) is is_taken
