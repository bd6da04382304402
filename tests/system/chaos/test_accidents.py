"""The accidents follow from the seed; the bad line does what it says."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Iterator

import pytest

from tests.system.chaos.killer import KINDS, plan_accidents
from tests.system.chaos.proxy import BadLine, Fate


def test_a_seed_decides_the_accidents_and_a_minute_has_all_of_them() -> None:
    planned = plan_accidents("7", 60)
    assert planned == plan_accidents("7", 60)
    assert planned != plan_accidents("8", 60)
    assert {accident.kind for accident in planned} == set(KINDS)
    assert all(0 < accident.at_s < 58 for accident in planned)


class Echo:
    """A server that answers each message with the same, and remembers what came."""

    def __init__(self) -> None:
        self.came = b""
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            connection, _ = self._listener.accept()
            with connection, contextlib.suppress(OSError):
                while data := connection.recv(1000):
                    self.came += data
                    connection.sendall(data)


@pytest.fixture
def echo() -> Echo:
    return Echo()


@pytest.fixture
def line(echo: Echo) -> Iterator[BadLine]:
    made = BadLine(echo.port, "7")
    yield made
    made.close()


def ask(line: BadLine, fate: Fate, message: bytes = b"12345678") -> bytes:
    """What comes back; b"" when the line is cut. Raises TimeoutError when it is silent."""
    line.fate = lambda: fate  # type: ignore[method-assign]
    try:
        with socket.create_connection(("127.0.0.1", line.port), timeout=0.5) as client:
            client.sendall(message)
            return client.recv(1000)
    except (ConnectionResetError, BrokenPipeError):
        return b""


def came(echo: Echo, wanted: bytes) -> bool:
    """Whether the other end has got exactly this; it reads in a thread of its own."""
    end = time.monotonic() + 5
    while echo.came != wanted and time.monotonic() < end:
        time.sleep(0.01)
    return echo.came == wanted


def test_a_message_passes_or_is_cut_before_in_the_middle_or_after(
    line: BadLine, echo: Echo
) -> None:
    assert ask(line, "passes") == b"12345678"
    assert ask(line, "cut before") == b""
    assert ask(line, "cut in the middle") == b""
    assert came(echo, b"123456781234")
    assert ask(line, "cut before the answer") == b""
    assert came(echo, b"12345678123412345678")
    with pytest.raises(TimeoutError):
        ask(line, "silent")


def test_a_line_that_is_away_cuts_everything_until_it_is_back(line: BadLine) -> None:
    line.go_offline(0.3)
    assert line.is_offline
    assert ask(line, "passes") == b""
    threading.Event().wait(0.35)
    assert ask(line, "passes") == b"12345678"


def test_a_calm_line_lets_everything_pass(line: BadLine) -> None:
    line.calm()
    assert {line.fate() for _ in range(200)} == {"passes"}
    assert not line.cuts
