"""The server under clients that send half of what they say: others do not notice."""

from __future__ import annotations

import http.client
import socket
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from urllib.parse import urlsplit

import pytest
import websocket

from api.connections import arrivals, bodies
from api.live.lines import SIGN_IN_WITHIN_S
from tests.api.conftest import Caller, Service, wait_until
from tests.api.serving import ANSWER_S, websocket_address

MANY = 150  # the server has 2 x 32 threads
HALF_HEAD = "GET /healthz HTTP/1.1\r\nHost: x\r\nX-Half: "


@pytest.fixture
def open_line(served: Service) -> Iterator[Callable[[str], socket.socket]]:
    """Opens a connection and sends a text on it."""
    url = urlsplit(served.settings.address)
    with ExitStack() as opened:

        def open_one(text: str) -> socket.socket:
            line = opened.enter_context(
                socket.create_connection((url.hostname, url.port), ANSWER_S)
            )
            line.sendall(text.encode())
            return line

        yield open_one


def half_bodies(served: Service) -> list[str]:
    token = f"Authorization: Bearer {served.admin_token}\r\n"
    json_head = "HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    return [
        f'POST /api/v1/auth/login {json_head}Content-Length: 60\r\n\r\n{{"username":"ad',
        f"POST /api/v1/datasets {json_head}Content-Length: 900000\r\n\r\n{{",
        f"POST /api/v1/datasets {json_head}{token}Transfer-Encoding: chunked\r\n\r\n5\r\n{{",
    ]


def median_s(served: Service, times: int = 12) -> float:
    """Of a request of somebody at work, on a connection of its own each time."""
    took = []
    for _ in range(times):
        began = time.monotonic()
        line = http.client.HTTPConnection(
            urlsplit(served.settings.address).netloc, timeout=ANSWER_S
        )
        headers = {"Authorization": f"Bearer {served.admin_token}"}
        line.request("GET", "/api/v1/datasets", headers=headers)
        assert line.getresponse().status == 200
        line.close()
        took.append(time.monotonic() - began)
    return statistics.median(took)


def test_half_heads_and_half_bodies_of_many_do_not_keep_others_waiting(
    served: Service, open_line: Callable[[str], socket.socket]
) -> None:
    for text in (HALF_HEAD, *half_bodies(served), ""):
        for _ in range(MANY):
            open_line(text)
        assert median_s(served) < 1.0, text  # without places for them: until the others leave


def test_a_request_that_comes_in_pieces_is_answered_and_so_are_those_behind_it(
    open_line: Callable[[str], socket.socket],
) -> None:
    line = open_line("GET /healthz HT")
    for piece in (
        "TP/1.1\r\nHost: x\r",
        "\n\r",
        "\nGET /healthz HTTP/1.1\r\nHost: x\r\n\r\nGET /he",
    ):
        time.sleep(0.05)
        line.sendall(piece.encode())
    read = line.makefile("rb")
    for _ in range(2):
        assert status_of(read) == 200
    time.sleep(0.05)
    line.sendall(b"althz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    assert status_of(read) == 200
    assert read.read() == b""


def status_of(read: object) -> int:
    """The status of the next answer, which is read to its end."""
    first = read.readline()  # type: ignore[attr-defined]
    length = 0
    while (header := read.readline().strip()) != b"":  # type: ignore[attr-defined]
        name, _, value = header.partition(b":")
        length = int(value) if name.lower() == b"content-length" else length
    read.read(length)  # type: ignore[attr-defined]
    return int(first.split()[1])


def test_what_has_no_end_is_closed_or_refused_in_time(
    served: Service, open_line: Callable[[str], socket.socket]
) -> None:
    endless = open_line("GET / HTTP/1.1\r\nX-Long: ")
    until = time.monotonic() + ANSWER_S
    with pytest.raises(ConnectionError):
        while time.monotonic() < until:
            endless.sendall(b"x" * 1000)
            time.sleep(0.005)
    small, large = open_line(HALF_HEAD), open_line(half_bodies(served)[2])
    silent = open_line(HALF_HEAD)
    for _ in range(10):  # who sends a little now and then gains nothing
        time.sleep(0.5)
        small.sendall(b"x")
    silent.settimeout(arrivals.REQUEST_S + 10)
    assert silent.recv(100) == b""
    small.settimeout(4)  # and not only half a second from now, ten after its last word
    assert small.recv(100) == b""
    large.settimeout(bodies.IDLE_S + 10)
    assert b" 408 " in large.recv(1000)


@pytest.mark.parametrize(
    ("path", "kind"),
    [("/api/v1/datasets", "application/json"), ("/api/v1/datasets/x/images", "multipart/form-data; boundary=b")],
)  # fmt: skip
@pytest.mark.parametrize("body", ["ZZ\r\n", "5\r\n{}", "2\r\n{}XX", "0\r\nX Y: 1\r\n\r\n"])
def test_chunks_that_are_none_are_a_400(
    served: Service, open_line: Callable[[str], socket.socket], path: str, kind: str, body: str
) -> None:
    call = Caller(served.app.test_client(), served.admin_token)
    path = path.replace("/x/", f"/{call.dataset()}/")
    head = f"POST {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {served.admin_token}\r\n"
    line = open_line(f"{head}Content-Type: {kind}\r\nTransfer-Encoding: chunked\r\n\r\n{body}")
    line.shutdown(socket.SHUT_WR)
    assert b" 400 " in line.recv(1000).split(b"\r\n")[0]


@pytest.mark.parametrize(
    "codings", ["identity\r\nTransfer-Encoding: chunked", "identity, chunked", "gzip, chunked"]
)
def test_a_body_that_another_server_may_end_elsewhere_is_a_400(
    open_line: Callable[[str], socket.socket], codings: str
) -> None:
    hidden = "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
    line = open_line(
        f"GET /healthz HTTP/1.1\r\nTransfer-Encoding: {codings}\r\n\r\n0\r\n\r\n{hidden}"
    )
    read = line.makefile("rb")
    assert b" 400 " in read.readline()
    assert b" 200 " not in read.read()


def test_slow_uploads_are_few_and_the_others_are_told_so(
    served: Service, open_line: Callable[[str], socket.socket]
) -> None:
    lines = [open_line(half_bodies(served)[2]) for _ in range(MANY)]
    refused = MANY - 2 * 32 // 4
    told: list[bytes] = wait_until(
        lambda: len(said := [*filter(None, map(answered, lines))]) >= refused and said
    )
    assert all(b" 503 " in said and b"Retry-After: 10" in said for said in told)


def answered(line: socket.socket) -> bytes:
    """What has come so far."""
    line.setblocking(False)
    try:
        return line.recv(1000, socket.MSG_PEEK)
    except BlockingIOError:
        return b""


def test_who_does_not_close_after_the_last_answer_keeps_nobody_waiting(
    served: Service, open_line: Callable[[str], socket.socket]
) -> None:
    ask = "GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    for _ in range(20):
        open_line(ask)
    assert median_s(served, 9) < 1.0


def test_websockets_that_never_say_who_they_are_leave_places_for_those_who_do(
    served: Service,
) -> None:
    address = websocket_address(served.settings)
    strangers, refused, began = [], [], time.monotonic()
    for _ in range(60):
        try:
            strangers.append(websocket.create_connection(address, timeout=ANSWER_S))
        except websocket.WebSocketBadStatusException as why:
            refused.append(why)
    turns = 1 + (time.monotonic() - began) // SIGN_IN_WITHIN_S  # a place is held so long
    assert len(strangers) <= 4 * turns  # two for one address at each process
    assert {why.status_code for why in refused} == {503}
    assert all(why.resp_headers["retry-after"] == "5" for why in refused if why.resp_headers)
    header = [f"Authorization: Bearer {served.admin_token}"]
    known = websocket.create_connection(address, timeout=ANSWER_S, header=header)
    assert median_s(served, 9) < 1.0
    for line in (*strangers, known):
        line.close()
    with pytest.raises(websocket.WebSocketBadStatusException) as raised:
        nobody = ["Authorization: Bearer nonsense"]
        websocket.create_connection(address, timeout=ANSWER_S, header=nobody)
    assert raised.value.status_code == 401
    assert b'"unauthorized"' in (raised.value.resp_body or b"")


def test_one_person_has_a_share_of_the_connections(served: Service) -> None:
    address = websocket_address(served.settings)
    mine, other = served.person("collector").token, served.person("somebody else").token
    opened, statuses = [], []

    def connect(token: str) -> None:
        header = [f"Authorization: Bearer {token}"]
        try:
            line = websocket.create_connection(address, timeout=ANSWER_S, header=header)
        except websocket.WebSocketBadStatusException as why:
            statuses.append(why.status_code)
        else:
            line.send("40")  # a line on which nobody signs in ends soon
            opened.append(line)

    try:
        for _ in range(50):
            connect(mine)
        assert len(opened) <= 2 * 16
        assert set(statuses) == {429}
        statuses.clear()
        connect(other)
        assert statuses == []
        assert median_s(served, 9) < 1.0
    finally:
        for line in opened:
            line.close()
    wait_until(lambda: can_connect(address, mine))


def can_connect(address: str, token: str) -> bool:
    try:
        websocket.create_connection(
            address, timeout=ANSWER_S, header=[f"Authorization: Bearer {token}"]
        ).close()
    except websocket.WebSocketBadStatusException:
        return False
    return True
