"""Connections that come and go, or poll and never come back, take nothing from those of others."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import httpx
import pytest
import websocket

from tests.api.conftest import Service

ROUNDS = 120  # more than twice the places of both processes together, 24 each


@pytest.fixture
def client(served: Service) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=served.settings.address, timeout=20) as opened:
        yield opened


@contextmanager
def polled(client: httpx.Client, headers: dict[str, str]) -> Iterator[Counter[int]]:
    """What so many new connections by polling were answered; those that were opened are closed at the end."""
    path = "/socket.io/?EIO=4&transport=polling"
    answers = [client.get(path, headers=headers) for _ in range(ROUNDS)]
    try:
        yield Counter(answer.status_code for answer in answers)
    finally:
        for opened in (each for each in answers if each.status_code == 200):
            sid = json.loads(opened.text[1:])["sid"]
            client.post(f"{path}&sid={sid}", content="1", headers=headers)


def comes_in(served: Service, token: str) -> bool:
    """Whether somebody who says at once who he is, as pages do by their cookie, gets a connection."""
    address = (
        f"{served.settings.address.replace('http', 'ws')}/socket.io/?EIO=4&transport=websocket"
    )
    header = [f"Authorization: Bearer {token}"]
    line = websocket.create_connection(address, timeout=20, header=header)
    first = str(line.recv())
    line.close()
    return first.startswith('0{"sid"')


def test_websockets_that_come_and_go_keep_nobody_out(served: Service) -> None:
    address = served.settings.address.replace("http", "ws")
    for _ in range(2 * ROUNDS):
        with suppress(websocket.WebSocketBadStatusException):
            websocket.create_connection(
                f"{address}/socket.io/?EIO=4&transport=websocket", timeout=10
            ).close()
    assert comes_in(served, served.admin_token)


def test_strangers_who_begin_to_poll_keep_nobody_out(served: Service, client: httpx.Client) -> None:
    with polled(client, {}) as answers:
        assert set(answers) == {200, 503}
        assert (
            answers[200] <= 2 * 4
        )  # at each process, until they have been silent for some seconds
        assert comes_in(served, served.admin_token)


def test_one_person_who_polls_leaves_connections_for_others(
    served: Service, client: httpx.Client
) -> None:
    token = served.person("one who polls").token
    with polled(client, {"Authorization": f"Bearer {token}"}) as answers:
        assert set(answers) == {200, 429}
        assert answers[200] <= 2 * 32
        assert comes_in(served, served.admin_token)
