"""Engine.IO's connections of one process, from their first request to their end.

Besides what engine.io does: one thread sends the pings of all (engine.io starts one for each, which sleeps on
after the connection has ended); a line on which nobody signs in is closed, and one that polls holds a place until somebody
has; who does not read what he is sent is cut off; and a line that has ended is no longer there.
"""

from __future__ import annotations

import contextlib
import queue
import socket
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from engineio import packet
from engineio.exceptions import EngineIOError, UnknownPacketError

from api.live.handshake import Place, SocketPlaces, place_of
from api.live.packets import BadPacket
from api.live.web_socket import WebSocket

TICK_S = 1.0
SIGN_IN_WITHIN_S = 5.0  # a connection that has not signed in by then holds a thread for nothing
LEAVE_WITHIN_S = 2.0  # of who was told that his connection has ended
MAX_UNREAD_BYTES = 4 * 2**20
PACKET_BYTES = 300  # a packet's own, about


class Unread(queue.Queue[Any]):
    """What is to be sent on a line. is_over: more than anybody leaves unread; then it holds nothing more."""

    def _init(self, maxsize: int) -> None:
        super()._init(maxsize)
        self._size_bytes, self.is_over = 0, False

    def _put(self, item: Any) -> None:
        if item is None:  # engine.io's sign that the line has ended
            self.queue.append(item)
        elif not self.is_over:
            self._size_bytes += _size_of(item)
            self.queue.append(item)
            if self._size_bytes > MAX_UNREAD_BYTES:
                self.is_over = True
                self.queue.clear()
                self.queue.append(None)

    def _get(self) -> Any:
        item = super()._get()
        self._size_bytes -= 0 if item is None else _size_of(item)
        return item

    def join(self) -> None:
        """Where engine.io waits until all was read, which may be never."""


def _size_of(item: Any) -> int:
    return PACKET_BYTES + (len(item.data) if isinstance(item.data, str | bytes) else 0)


@dataclass
class _Line:
    """place: kept while it polls and nobody has signed in."""

    line: Any
    place: Place | None
    ping_at: float | None = None
    unknown_since: float | None = None


class Lines:
    """is_known: whether somebody has signed in on the line with this id."""

    def __init__(
        self,
        server: Any,
        places: SocketPlaces,
        is_known: Callable[[str], bool],
        ping_every_s: float,
    ) -> None:
        engine = self._engine = server.eio
        self._places, self._is_known, self._ping_every_s = places, is_known, ping_every_s
        self._lines: dict[str, _Line] = {}
        self._leaving: deque[tuple[float, Any]] = deque()
        self._begun = threading.Lock()
        engine._async = {**engine._async, "websocket": WebSocket, "queue": Unread}
        for event, step in (
            ("connect", self._begin),
            ("message", self._take),
            ("disconnect", self._end),
        ):
            engine.on(event, partial(step, engine.handlers[event]))

    def _begin(self, take_in: Callable[..., Any], line_id: str, environ: dict[str, Any]) -> Any:
        line = self._engine.sockets[line_id]
        line.schedule_ping = partial(self._plan_ping, line)
        line.handle_post_request = partial(_read_poll, line.handle_post_request)
        place = place_of(environ) if "HTTP_UPGRADE" not in environ else None
        if place is not None:
            place.line_id = line_id
        self._lines[line_id] = _Line(line, place)
        if self._begun.acquire(blocking=False):
            threading.Thread(target=self._tick_on, name="lines", daemon=True).start()
        return take_in(line_id, environ)

    def _take(self, deal_with: Callable[..., Any], line_id: str, data: Any) -> None:
        """What no client of ours sends ends its connection, and what comes behind its end is nobody's."""
        if (found := self._lines.get(line_id)) is None:
            return
        if isinstance(data, str) and data:
            with contextlib.suppress(BadPacket):
                deal_with(line_id, data)
                return
        found.line.close(wait=False)

    def _end(self, leave: Callable[..., Any], line_id: str, *why: Any) -> None:
        self._engine.sockets.pop(line_id, None)
        found = self._lines.pop(line_id, None)
        try:
            leave(line_id, *why)
        finally:
            if found is not None and found.place is not None:
                self._places.give_back(found.place)
            if found is not None:
                self._leaving.append((time.monotonic() + LEAVE_WITHIN_S, found.line))

    def _plan_ping(self, line: Any) -> None:
        """engine.io's schedule_ping: once the one before was answered."""
        found = self._lines.get(line.sid)
        if line.last_ping and found is not None:
            line.last_ping = None
            found.ping_at = time.monotonic() + self._ping_every_s

    def _tick_on(self) -> None:
        pause = threading.Event()
        while not pause.wait(TICK_S):
            moment = time.monotonic()
            for line_id, each in list(self._lines.items()):
                self._look_at(line_id, each, moment)
            while self._leaving and self._leaving[0][0] < moment:
                _cut(self._leaving.popleft()[1])

    def _look_at(self, line_id: str, each: _Line, moment: float) -> None:
        if each.line.queue.is_over:
            each.line.close(wait=False, abort=True)
            _cut(each.line)
        elif self._is_known(line_id):
            each.unknown_since = None
        elif each.unknown_since is None:
            each.unknown_since = moment
        elif moment - each.unknown_since > SIGN_IN_WITHIN_S:
            each.line.close(wait=False)
        if each.ping_at is not None and each.ping_at < moment:
            each.ping_at, each.line.last_ping = None, time.time()
            with contextlib.suppress(EngineIOError):  # it has ended meanwhile
                each.line.send(packet.Packet(packet.PING))


def _read_poll(read: Callable[[Any], None], environ: Any) -> None:
    """engine.io's: what a poll brings. What is none is a 400 and ends the line, where engine.io says "OK"."""
    try:
        read(environ)
    except (ValueError, LookupError, RecursionError) as bad:
        raise UnknownPacketError from bad


def _cut(line: Any) -> None:
    """End a WebSocket, whoever waits for it; nothing when it has ended, or there is none."""
    wire: socket.socket | None = getattr(line, "wire", None)
    if wire is not None:
        with contextlib.suppress(OSError):
            wire.shutdown(socket.SHUT_RDWR)
