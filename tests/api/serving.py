"""The server as it is started, and what connects to it."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from queue import Queue
from typing import Any

import httpx
import socketio

from common.settings import Settings, as_environment
from tests.api.conftest import wait_until


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


def websocket_address(settings: Settings) -> str:
    """Where a client opens a WebSocket itself, with none of Socket.IO."""
    return f"{settings.address.replace('http', 'ws')}/socket.io/?EIO=4&transport=websocket"


class Browser:
    """A Socket.IO client that keeps what it is sent."""

    def __init__(self, address: str, token: str) -> None:
        self.client = socketio.Client(reconnection=False)
        self.events: Queue[tuple[str, Any]] = Queue()
        for name in ("job", "queue", "caption", "image", "presence", "dataset", "batch", "left"):
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
