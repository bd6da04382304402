"""The server as it is started, and what connects to it."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from queue import Queue
from typing import Any, TypeVar

import httpx
import socketio
import websocket

from api.live.lines import SIGN_IN_WITHIN_S
from common.settings import Settings, as_environment
from tests.api.conftest import wait_until

T = TypeVar("T")
# Of what waits for an answer: no bound of what is tested. Processes may stand still for seconds.
ANSWER_S = 60.0


@contextmanager
def running(settings: Settings) -> Iterator[subprocess.Popen[bytes]]:
    """`python -m api.serve`, ready."""
    process = subprocess.Popen([sys.executable, "-m", "api.serve"], env=as_environment(settings))
    try:
        wait_until(lambda: answers(settings) or process.poll() is not None)
        assert process.poll() is None
        yield process
    finally:
        process.terminate()
        process.wait(60)


def answers(settings: Settings) -> bool:
    try:
        return httpx.get(f"{settings.address}/healthz", timeout=10).status_code == 200
    except httpx.TransportError:
        return False


def websocket_address(settings: Settings) -> str:
    """Where a client opens a WebSocket itself, with none of Socket.IO."""
    return f"{settings.address.replace('http', 'ws')}/socket.io/?EIO=4&transport=websocket"


def when_there_is_room(connect: Callable[[], T]) -> T:
    """What `connect` gives, tried again as a dashboard does while those before it have not said who they are."""
    until = time.monotonic() + SIGN_IN_WITHIN_S + ANSWER_S
    while True:
        try:
            return connect()
        except (
            socketio.exceptions.ConnectionError,
            httpx.HTTPStatusError,
            websocket.WebSocketBadStatusException,
        ) as refused:
            if not _is_full(refused) or time.monotonic() > until:
                raise
            time.sleep(0.2)


def _is_full(refused: BaseException | None) -> bool:
    if isinstance(refused, httpx.HTTPStatusError):
        return refused.response.status_code == 503
    if isinstance(refused, websocket.WebSocketBadStatusException):
        return refused.status_code == 503
    return refused is not None and _is_full(refused.__context__)


def open_poll(settings: Settings) -> tuple[str, dict[str, Any]]:
    """(where a connection that polls goes on, what it was told at its beginning)."""
    address = f"{settings.address}/socket.io/?EIO=4&transport=polling"
    opened = when_there_is_room(lambda: httpx.get(address, timeout=ANSWER_S).raise_for_status())
    assert opened.status_code == 200
    assert opened.text.startswith("0{")
    told: dict[str, Any] = json.loads(opened.text[1:])
    return f"{address}&sid={told['sid']}", told


class Browser:
    """A Socket.IO client that keeps what it is sent."""

    def __init__(self, address: str, token: str) -> None:
        self.client = socketio.Client(reconnection=False)
        self.events: Queue[tuple[str, Any]] = Queue()
        for name in ("job", "queue", "caption", "image", "presence", "dataset", "batch", "left"):
            self.client.on(name, self._keep(name))
        when_there_is_room(
            lambda: self.client.connect(
                address, auth={"token": token}, transports=["websocket"], wait_timeout=ANSWER_S
            )
        )

    def _keep(self, name: str) -> Callable[[Any], None]:
        return lambda data: self.events.put((name, data))

    def subscribe(self, *rooms: str, batched: bool = False) -> Any:
        wanted = {"rooms": list(rooms), **({"batched": True} if batched else {})}
        return self.client.call("subscribe", wanted, timeout=ANSWER_S)

    @property
    def place(self) -> str:
        """The place of the process that it is connected to."""
        return str(self.client.eio.sid[0])

    def next(self, name: str, timeout_s: float = ANSWER_S) -> Any:
        """The next event of this name."""
        end = time.monotonic() + timeout_s
        while True:
            got, data = self.events.get(timeout=max(0.01, end - time.monotonic()))
            if got == name:
                return data
