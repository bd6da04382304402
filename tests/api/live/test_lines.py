"""Connections of those who break the rules: they end, hold nothing, and hear nothing that is not for them."""

from __future__ import annotations

import http.client
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

import pytest
import socketio
import websocket
from werkzeug.test import Client

from api.live.handshake import ARRIVING, ARRIVING_OF_ONE, Handshake, SocketPlaces
from api.live.lines import SIGN_IN_WITHIN_S, Lines
from common.errors import Unavailable
from tests.api.conftest import Caller, Service, wait_until
from tests.api.serving import ANSWER_S, Browser, websocket_address
from tests.hostile.sockets import asked, frame

POLL = "/socket.io/?EIO=4&transport=polling"


@pytest.fixture
def call(served: Service) -> Caller:
    """The administrator."""
    return Caller(served.app.test_client(), served.admin_token)


@pytest.fixture
def open_raw(served: Service) -> Iterator[Callable[..., socket.socket]]:
    """Opens a connection with the head of a request."""
    url, opened = urlsplit(served.settings.address), []

    def open_one(head: str) -> socket.socket:
        line = socket.socket()
        line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        line.settimeout(ANSWER_S)
        line.connect((url.hostname, url.port))
        line.sendall(head.replace("TOKEN", served.admin_token).encode("latin-1"))
        opened.append(line)
        return line

    yield open_one
    for line in opened:
        line.close()


def signed_in(served: Service) -> websocket.WebSocket:
    """A WebSocket of the administrator, on which packets are sent by hand."""
    address = websocket_address(served.settings)
    header = [f"Authorization: Bearer {served.admin_token}"]
    line = websocket.create_connection(address, timeout=ANSWER_S, header=header)
    line.send("40")
    assert str(line.recv()).startswith("0{")
    assert str(line.recv()).startswith("40{")
    return line


def test_websockets_that_come_and_go_keep_nobody_out(served: Service) -> None:
    address = websocket_address(served.settings)
    for _ in range(240):  # five times as many as there may be connections at both processes
        with suppress(websocket.WebSocketBadStatusException):
            websocket.create_connection(address, timeout=ANSWER_S).close()
    signed_in(served).close()


def is_closed(line: websocket.WebSocket) -> bool:
    """Whether the other end closes it, whatever it says before."""
    with suppress(websocket.WebSocketConnectionClosedException, ConnectionError):
        while line.recv():
            pass
    return True


@pytest.mark.parametrize("said", [("disconnect",), ("connect", None, {"token": "TOKEN"})])
def test_who_was_taken_out_hears_nothing_more_whatever_his_tab_has_said_before(
    served: Service, call: Caller, browse: Callable[..., Browser], said: tuple[Any, ...]
) -> None:
    dataset = call.dataset("Secret", everyone=None)
    [image_id] = served.add_images(dataset, 1)
    person = served.person(f"guest {time.monotonic()}")
    path = f"/datasets/{dataset}/members/{person('GET', '/auth/me')['user']['name']}"
    call("PUT", path, json={"role": "viewer"})
    tab, owner = browse(person.token), browse(served.admin_token)
    for each in (tab, owner):
        each.subscribe(f"dataset:{dataset}")
    given = tuple({"token": person.token} if isinstance(each, dict) else each for each in said[1:])
    tab.client.emit(said[0], given)  # which would be what begins and ends a connection
    wait_until(lambda: not tab.client.connected)
    call("DELETE", path)
    call("PUT", f"/images/{image_id}/flag", json={"flagged": True, "note": "secret"})
    assert owner.next("image")["flag_note"] == "secret"
    assert "image" not in [name for name, _ in tab.events.queue]
    assert not tab.client.connected


@pytest.mark.parametrize(
    "said",
    ['4599-["subscribe",{"_placeholder":true,"num":0}]', "", "4" + "[" * 50_000, "42[]", "42[[1]]", "47[]", "x"],
)  # fmt: skip
def test_what_is_no_packet_of_ours_ends_its_connection(served: Service, said: str) -> None:
    line = signed_in(served)
    line.send(said)
    assert is_closed(line)


def test_who_does_not_read_what_he_asks_for_is_cut_off(
    served: Service, open_raw: Callable[..., socket.socket]
) -> None:
    line = open_raw(asked())
    assert b" 101 " in line.recv(1000)
    line.sendall(frame(b"40"))
    question = frame(b"40/there-is-no-such-namespace,") * 500
    until = time.monotonic() + ANSWER_S
    with pytest.raises(ConnectionError):
        while time.monotonic() < until:
            line.sendall(question)


@pytest.mark.parametrize(
    "odd",
    [{"Connection": "close"}, {"Sec_WebSocket_Key": "-"}, {"Sec_WebSocket_Version": "8"},
     {"Sec_WebSocket_Extensions": "permessage-deflate; server_max_window_bits=abc"}, {"Origin": "http://["}],
)  # fmt: skip
def test_what_is_no_request_for_a_websocket_is_a_400(
    open_raw: Callable[..., socket.socket], odd: dict[str, str]
) -> None:
    line = open_raw(asked(**odd))
    assert b" 400 " in line.recv(1000).split(b"\r\n")[0]


def poll(
    served: Service, token: str = "", sid: str = "", said: str | None = None
) -> tuple[int, str]:
    """The status and the text of one poll, or of what is sent by one, on a line of its own."""
    line = http.client.HTTPConnection(urlsplit(served.settings.address).netloc, timeout=ANSWER_S)
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    address = f"{POLL}&sid={sid}" if sid else POLL
    line.request("GET" if said is None else "POST", address, said, headers)
    answer = line.getresponse()
    text = answer.read().decode()
    line.close()
    return answer.status, text


def sid_of(text: str) -> str:
    """The id of the connection that a first poll has opened."""
    return str(json.loads(text[1:])["sid"])


def test_who_polls_and_says_nothing_more_has_one_of_the_few_places_of_strangers(
    served: Service,
) -> None:
    began = time.monotonic()
    answers = [poll(served) for _ in range(30)]
    while {status for status, _ in answers} != {200, 503}:  # others may have had the places
        answers.append(poll(served))
    turns = 1 + (time.monotonic() - began) // SIGN_IN_WITHIN_S  # a place is held so long
    opened = [text for status, text in answers if status == 200]
    assert len(opened) <= 4 * turns  # two for one address at each process
    mine = sid_of(opened[-1])  # the places are taken, and yet one can say who he is
    auth = json.dumps({"token": served.admin_token})
    assert poll(served, sid=mine, said=f"40{auth}") == (200, "OK")
    assert poll(served, sid=mine)[1].startswith("40")
    signed_in(served).close()
    for text in opened:
        poll(served, sid=sid_of(text), said="1")  # or others would wait for a place


def test_one_person_has_a_share_of_the_connections_that_poll(served: Service) -> None:
    token = served.person(f"poller {time.monotonic()}").token
    statuses, until = [poll(served, token)[0]], time.monotonic() + ANSWER_S
    while statuses[-1] == 200 and time.monotonic() < until:
        statuses.append(poll(served, token)[0])
    assert (statuses[0], statuses[-1]) == (200, 429)
    turns = 1 + (ANSWER_S + time.monotonic() - until) // SIGN_IN_WITHIN_S
    assert len(statuses) - 1 <= 32 * turns  # sixteen at each process
    token = served.person(f"poller {time.monotonic()}").token
    # also of those on which he has signed in, which hold no thread
    told = [signed_in_by_polls(served, token) for _ in range(40)]
    assert 16 <= told.count(True) <= 32


def signed_in_by_polls(served: Service, token: str) -> bool:
    """Whether there was one more connection for this person, from its first poll to the answer to who he is."""
    status, text = poll(served, token)
    if status != 200:
        assert status == 429
        return False
    mine = sid_of(text)
    poll(served, sid=mine, said="40")
    status, text = poll(served, sid=mine)
    assert text.startswith(("40", "44")) or status == 429
    return text.startswith("40")


@pytest.mark.parametrize(
    "said", ["4" + "a" * 150_000, "x", "3\x1e", "d=", "4" + "[" * 50_000, "3\x1e" * 16 + "3"]
)
def test_a_poll_that_brings_too_much_or_nothing_of_ours_is_refused_and_not_held(
    served: Service, said: str
) -> None:
    for _ in range(2):
        mine = sid_of(poll(served, served.admin_token)[1])
        assert poll(served, sid=mine, said=said)[0] == 400


def test_a_connection_that_polls_may_wait_say_who_it_is_and_ask_for_a_websocket_at_once() -> None:
    places = SocketPlaces(32, 32)
    places.take("192.0.2.1", None).line_id = "mine"
    for _ in range(3):
        places.take("192.0.2.1", None, "mine")
    with pytest.raises(Unavailable):
        places.take("192.0.2.1", None, "mine")


@pytest.fixture
def polled() -> tuple[Client, Lines]:
    """Socket.IO alone, which pings every half second, and a client that polls."""
    server = socketio.Server(async_mode="threading")
    lines = Lines(server, SocketPlaces(32, 32), lambda _: True, ping_every_s=0.5)
    return Client(socketio.WSGIApp(server)), lines


def test_lines_are_pinged_again_and_again_while_they_answer(polled: tuple[Client, Lines]) -> None:
    client, _ = polled
    sid = client.get(POLL).get_data(as_text=True).split('"sid":"')[1].partition('"')[0]
    for _ in range(2):
        assert client.get(f"{POLL}&sid={sid}").get_data(as_text=True) == "2"
        assert client.post(f"{POLL}&sid={sid}", data="3").status_code == 200


def test_a_line_that_has_ended_leaves_no_thread(polled: tuple[Client, Lines]) -> None:
    client, _ = polled
    client.get(POLL)
    before = threading.active_count()
    for _ in range(30):
        sid = client.get(POLL).get_data(as_text=True).split('"sid":"')[1].partition('"')[0]
        assert client.post(f"{POLL}&sid={sid}", data="1").status_code == 200
    assert threading.active_count() <= before


@pytest.fixture
def handshake(service: Service) -> Handshake:
    """Before an app without connections, with room for the shares that are looked at."""
    made = Handshake(service.app, service.services, lambda _: None, lambda: 0)
    made.places.of_one = 2 * ARRIVING_OF_ONE
    return made


def test_who_comes_while_as_many_arrive_as_there_may_be_is_asked_to_come_again(
    service: Service, handshake: Handshake
) -> None:
    people = [f"person {n}" for n in range(ARRIVING)]
    arriving = [handshake.places.take("192.0.2.1", each, is_socket=True) for each in people]
    client, token = Client(handshake), {"Authorization": f"Bearer {service.admin_token}"}
    refused = client.get(POLL, headers=token)
    assert refused.status_code == 503
    assert "about to open" in refused.get_json()["message"]
    handshake.places.sign_in(arriving[0], people[0])
    assert client.get(POLL, headers=token).status_code == 200


def test_who_has_left_before_he_signed_in_is_no_longer_one_of_those_who_arrive(
    service: Service, handshake: Handshake
) -> None:
    people = [f"person {n}" for n in range(ARRIVING)]
    arriving = [handshake.places.take("192.0.2.1", each, is_socket=True) for each in people]
    with pytest.raises(Unavailable):
        handshake.places.require_few_arriving()
    handshake.places.give_back(arriving[0])
    handshake.places.require_few_arriving()


def test_one_person_cannot_fill_the_places_of_those_who_arrive(
    service: Service, handshake: Handshake
) -> None:
    client, token = Client(handshake), {"Authorization": f"Bearer {service.admin_token}"}
    mine = [
        handshake.places.take("192.0.2.1", "admin", is_socket=True) for _ in range(ARRIVING_OF_ONE)
    ]
    refused = client.get(POLL, headers=token)
    assert (refused.status_code, refused.headers["Retry-After"]) == (429, "5")
    handshake.places.sign_in(mine[0], "admin")
    assert client.get(POLL, headers=token).status_code == 200
