"""Connections to PostgreSQL that notice within seconds that the server no longer answers.

A query may take long; a server that is there answers a stranger meanwhile. So whoever waits for a query asks
the server now and then, over a connection of its own, whether it speaks at all (PostgreSQL's SSLRequest,
which it answers before it knows who asks). What the kernel sees of a cut cable is not enough: a proxy, or a
server that hangs, takes everything in and says nothing.
"""

from __future__ import annotations

import socket
import struct
import threading
import time
from collections.abc import Generator
from typing import Any, cast

import psycopg

from common.silence import Silence

QUIET_S = 1.0  # of waiting for a query, until the server is asked
ANSWER_S = 1.5  # that it has to speak
CONNECT_S = 2  # psycopg's shortest
HEARD_S = 1.0  # what it said counts for so long
SSL_REQUEST = struct.pack("!ii", 8, 80877103)  # PostgreSQL's protocol, "SSLRequest"
UNIX_SOCKET = ".s.PGSQL"


class ServerWatch:
    """What one process knows of one server. Thread-safe."""

    def __init__(self) -> None:
        self.silence = Silence()
        self._asking = threading.Lock()
        self._heard = float("-inf")

    def require(self) -> None:
        """Raises OperationalError when the server has not answered just now."""
        if self.silence.is_on:
            raise psycopg.OperationalError("the server has just not answered")

    def speaks(self, host: str, port: int) -> bool:
        """Whether the server answers a stranger; threads that ask together share the answer.

        host: an address, or the folder of a Unix socket.
        """
        with self._asking:
            if self.silence.is_on:
                return False
            if time.monotonic() - self._heard < HEARD_S:
                return True
            if not _ask(host, port):
                self.silence.begin()
                return False
            self._heard = time.monotonic()
            return True


class WatchedConnection(psycopg.Connection[Any]):
    """Raises OperationalError, and is closed, when the server falls silent while one waits for it."""

    watch: ServerWatch | None = None

    def wait(
        self, gen: Generator[Any, Any, Any], interval: float = 0.1, timeout: float | None = None
    ) -> Any:
        """psycopg's hook: all that goes to and comes from the server passes here."""
        if self.watch is not None and timeout is None:
            gen = self._watched(gen, self.watch)
        return super().wait(cast(Any, gen), interval, timeout)

    def _watched(
        self, gen: Generator[Any, Any, Any], watch: ServerWatch
    ) -> Generator[Any, Any, Any]:
        """What psycopg waits for, looked at each time that nothing has come within `interval`."""
        quiet_since = time.monotonic()
        try:
            awaited = next(gen)
            while True:
                ready = yield awaited
                if ready:
                    quiet_since = time.monotonic()
                elif time.monotonic() - quiet_since > QUIET_S:
                    self._require_speech(watch)
                    quiet_since = time.monotonic()
                awaited = gen.send(ready)
        except StopIteration as done:
            return done.value

    def _require_speech(self, watch: ServerWatch) -> None:
        host = self.pgconn.hostaddr or self.pgconn.host
        if not watch.speaks(host.decode(), int(self.pgconn.port)):
            self.pgconn.finish()
            raise psycopg.OperationalError("the server has stopped answering")


def connect_watched(watch: ServerWatch, *arguments: Any, **options: Any) -> WatchedConnection:
    """A connection that is watched. Raises OperationalError, at once when the server has just been silent."""
    watch.require()
    try:
        connection = WatchedConnection.connect(
            *arguments, **{**options, "connect_timeout": CONNECT_S}
        )
    except psycopg.errors.ConnectionTimeout:
        watch.silence.begin()
        raise
    connection.watch = watch
    return connection


def _ask(host: str, port: int) -> bool:
    try:
        with _dial(host, port) as line:
            line.settimeout(ANSWER_S)
            line.sendall(SSL_REQUEST)
            return line.recv(1) != b""
    except OSError:
        return False


def _dial(host: str, port: int) -> socket.socket:
    if not host.startswith("/"):
        return socket.create_connection((host, port), ANSWER_S)
    line = socket.socket(socket.AF_UNIX)
    line.settimeout(ANSWER_S)
    line.connect(f"{host}/{UNIX_SOCKET}.{port}")
    return line
