"""One running API process that hostile requests and sockets are sent to, and whether it is well afterwards.

A request is answered below 500, or closed, within its time. What may be answered above: 503 and 429 with
`Retry-After`, when there is no place for one more, and 501 for a transfer coding that nobody knows (RFC 9112, 6.1).
"""

from __future__ import annotations

import http.client
import os
import re
import socket
import statistics
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import urlsplit

import psutil
import websocket

from common.people.credentials import issue_token, make_user
from common.settings import load_settings
from tests.api.conftest import PASSWORD, Service, wait_until
from tests.api.serving import running
from tests.servers import free_port, redis_server

THREADS = 32
SERVING_ALL = 12  # threads that begin with the first connection, search or event
OF_ONE = 16  # connections that one person may have with as many threads
STRANGERS = 2  # connections from one address that have not said who they are
ANSWERED_WITHIN_S = 8.0  # below the ten seconds after which half a request is given up
MORE_BYTES = 96 * 2**20  # that the process may grow by, at its most
WORKS_WITHIN_S = 1.0
OF_ONE_PERSON = 20  # cases: among them are some that end a token or a person
SOCKET_PATH = "/socket.io/?EIO=4&transport=websocket"
STATUS = re.compile(rb"HTTP/1\.[01] (\d{3}) ")
LENGTH = re.compile(rb"\r\nContent-Length: (\d+)\r\n", re.IGNORECASE)


@dataclass
class Answer:
    """status: 0 when the line was closed without one."""

    status: int
    head: bytes = b""
    body: bytes = b""


@dataclass
class Target:
    """The process under attack. most_bytes: the most memory that it has had."""

    service: Service
    process: psutil.Process
    dataset: str
    job: str
    most_bytes: int = 0
    _cases: int = 0
    _token: str = ""
    _before: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._before = self._held()

    @property
    def address(self) -> tuple[str, int]:
        """Where it listens."""
        url = urlsplit(self.service.settings.address)
        return str(url.hostname), int(url.port or 80)

    def token(self) -> str:
        """Of an administrator who lasts for some cases."""
        if self._cases % OF_ONE_PERSON == 0:
            with self.service.services.sessions() as session:
                person = make_user(session, f"hostile {os.urandom(6).hex()}", "admin")
                self._token = issue_token(session, person, "api")[1]
        self._cases += 1
        self.most_bytes = max(self.most_bytes, self.process.memory_info().rss)
        return self._token

    def say(self, data: bytes) -> list[Answer]:
        """Send all of it, say that nothing more will come, and read to the end. Raises AssertionError."""
        with socket.create_connection(self.address, ANSWERED_WITHIN_S) as line:
            with suppress(ConnectionError):  # it may have closed, and said why
                line.sendall(data)
            with suppress(OSError):
                line.shutdown(socket.SHUT_WR)
            return answers_in(read_to_end(line))

    def require_well(self) -> None:
        """Raises AssertionError unless it works as before, and holds nothing of those who have left."""
        assert self.process.is_running()
        try:
            wait_until(lambda: not self._still_held())
        except AssertionError:
            raise AssertionError(f"held: {self._held()}, before: {self._before}") from None
        assert self.most_bytes < self._before["bytes"] + MORE_BYTES, f"{self.most_bytes:,} bytes"
        assert statistics.median(self._work() for _ in range(9)) < WORKS_WITHIN_S
        wait_until(self._has_places)  # a connection that polls keeps its place for some seconds

    def _held(self) -> dict[str, int]:
        return {
            "bytes": self.process.memory_info().rss,
            "threads": self.process.num_threads(),
            "lines": sum(each.status != "LISTEN" for each in self._lines()),
        }

    def _still_held(self) -> bool:
        """Threads of requests, and some that serve all, are kept once they have been started."""
        most = self._before["threads"] + THREADS + SERVING_ALL
        now = self._held()
        return now["threads"] > most or now["lines"] > 0

    def _lines(self) -> list[Any]:
        """Its sockets on the port of all."""
        port = self.address[1]
        return [each for each in self.process.net_connections("tcp") if each.laddr.port == port]

    def _work(self) -> float:
        began = time.monotonic()
        line = http.client.HTTPConnection(*self.address, timeout=ANSWERED_WITHIN_S)
        headers = {"Authorization": f"Bearer {self.token()}"}
        line.request("GET", "/api/v1/datasets", headers=headers)
        status = line.getresponse().status
        assert status == 200, status
        line.close()
        return time.monotonic() - began

    def _has_places(self) -> bool:
        """Whether as many connections as one person and strangers may have are opened at once."""
        url = f"ws://{self.address[0]}:{self.address[1]}{SOCKET_PATH}"
        signed = [f"Authorization: Bearer {self.token()}"]
        with ExitStack() as opened:
            for header in [signed] * OF_ONE + [[]] * STRANGERS:
                try:
                    line = websocket.create_connection(url, timeout=60, header=header)
                except websocket.WebSocketBadStatusException:
                    return False
                opened.callback(line.close)
        return True


@contextmanager
def served() -> Iterator[Target]:
    """Redis, a database with a few things in it, and `python -m api.serve` of one process."""
    with TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        redis = stack.enter_context(redis_server(folder))
        settings = load_settings(
            data_dir=folder / "data", redis_url=redis.url, secret_key="a secret of the tests",
            device="cpu", admin_password=PASSWORD, port=free_port(), api_threads=THREADS,
            api_processes=1,
        )  # fmt: skip
        service = Service(settings, folder / "none")
        stack.callback(service.engine.dispose)
        caller = service.person("hostile host")
        dataset = caller.dataset("there")
        service.add_images(dataset, 2, captioned=1)
        master = stack.enter_context(running(settings))
        [process] = psutil.Process(master.pid).children()
        yield Target(service, process, dataset, service.finished(dataset, "train", {}))


def read_to_end(line: socket.socket) -> bytes:
    """What comes until the other end closes. Raises AssertionError when it does not in time."""
    read, until = bytearray(), time.monotonic() + ANSWERED_WITHIN_S
    while True:
        line.settimeout(max(0.01, until - time.monotonic()))
        try:
            piece = line.recv(65_536)
        except TimeoutError:
            raise AssertionError(f"held open after {bytes(read[:200])!r}") from None
        except ConnectionError:
            return bytes(read)
        if not piece:
            return bytes(read)
        read += piece


def answers_in(read: bytes) -> list[Answer]:
    """The answers of a connection; one that does not tell its length is the last one."""
    found = []
    while read:
        status, (head, _, rest) = STATUS.match(read), read.partition(b"\r\n\r\n")
        assert status, f"no answer: {read[:100]!r}"
        length = LENGTH.search(head + b"\r\n")
        is_interim = int(status[1]) < 200
        size = 0 if is_interim else int(length[1]) if length else len(rest)
        found.append(Answer(int(status[1]), head, rest[:size]))
        read = rest[size:]
    return found or [Answer(0)]
