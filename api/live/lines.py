"""Engine.IO's connections of one process, from their first request to their end.

Besides what engine.io does: one thread sends the pings of all (engine.io starts one for each, which sleeps on
after the connection has ended); a line on which nobody signs in is closed, and one that polls holds a place until somebody
has; who does not read what he is sent is cut off; and a line that has ended is no longer there.
"""

from __future__ import annotations

import contextlib
import logging
import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, NamedTuple

from engineio import packet
from engineio.exceptions import EngineIOError, UnknownPacketError

from api.live.handshake import Place, SocketPlaces, place_of
from api.live.packets import BadPacket
from api.live.wires.wire import Wire

log = logging.getLogger(__name__)
TICK_S = 1.0
SIGN_IN_WITHIN_S = 5.0  # a connection that has not signed in by then is held for nothing
# One whose request has said who it is: its packet may wait behind a hundred others after a restart. Browsers wait as long.
KNOWN_SIGN_IN_WITHIN_S = 20.0
MAX_UNREAD_BYTES = 4 * 2**20  # of who polls
PACKET_BYTES = 300  # a packet's own, about


class Unread(queue.Queue[Any]):
    """What is to be sent on a line. is_over: more than anybody leaves unread; then it holds nothing more.

    Of a line with a WebSocket nothing stays here.
    """

    def _init(self, maxsize: int) -> None:
        super()._init(maxsize)
        self._size_bytes, self.is_over = 0, False
        self.wire: Wire | None = None
        self.tell_over: Callable[[], object] = lambda: None

    def turn_to(self, wire: Wire) -> None:
        """Hand over there what waits and what comes."""
        with self.mutex:
            self.wire = wire
            while self.queue:
                wire.post(self.queue.popleft())

    def _put(self, item: Any) -> None:
        if self.wire is not None:
            self.wire.post(item)
        elif item is None:  # engine.io's sign that the line has ended
            self.queue.append(item)
        elif not self.is_over:
            self._size_bytes += _size_of(item)
            self.queue.append(item)
            if self._size_bytes > MAX_UNREAD_BYTES:
                self.is_over = True
                self.queue.clear()
                self.queue.append(None)
                self.tell_over()

    def _get(self) -> Any:
        item = super()._get()
        self._size_bytes -= 0 if item is None else _size_of(item)
        return item

    def join(self) -> None:
        """Where engine.io waits until all was read, which may be never."""


def _size_of(item: Any) -> int:
    return PACKET_BYTES + (len(item.data) if isinstance(item.data, str | bytes) else 0)


class _Line(NamedTuple):
    """place: kept while it polls and nobody has signed in."""

    line: Any
    place: Place | None


class Lines:
    """is_known: whether somebody has signed in on the line with this id.

    web_socket: what engine.io makes of a request for a WebSocket; None: there are none.
    """

    def __init__(
        self,
        server: Any,
        places: SocketPlaces,
        is_known: Callable[[str], bool],
        ping_every_s: float,
        web_socket: Callable[[Any, Any], Any] | None = None,
    ) -> None:
        engine = self._engine = server.eio
        self._places, self._is_known = places, is_known
        self._ping_every_s, self._pong_within_s = ping_every_s, engine.ping_timeout + TICK_S
        self._lines: dict[str, _Line] = {}
        # By id, in the order of their times.
        self._unknown_until: dict[str, float] = {}
        self._pings: deque[tuple[float, str]] = deque()
        self._pongs: deque[tuple[float, str]] = deque()
        self._over: deque[Any] = deque()
        self._begun = threading.Lock()
        engine._async = {**engine._async, "websocket": web_socket, "queue": Unread}
        # The one thread below looks at what is due; engine.io's would look at each line again and again.
        engine.start_service_task = False
        for event, step in (
            ("connect", self._begin),
            ("message", self._take),
            ("disconnect", self._end),
        ):
            engine.on(event, partial(step, engine.handlers[event]))

    def note_unknown(self, line_id: str) -> None:
        """Nobody is signed in there any longer: somebody may, for some seconds."""
        if line_id in self._lines:
            self._unknown_until[line_id] = time.monotonic() + SIGN_IN_WITHIN_S

    def _begin(self, take_in: Callable[..., Any], line_id: str, environ: dict[str, Any]) -> Any:
        line = self._engine.sockets[line_id]
        line.schedule_ping = partial(self._plan_ping, line)
        line.handle_post_request = partial(_read_poll, line.handle_post_request)
        line.queue.tell_over = partial(self._over.append, line)
        place = place_of(environ)
        if place is not None and not place.is_socket:
            place.line_id = line_id
        self._lines[line_id] = _Line(line, place if place and place.line_id else None)
        is_known = place is not None and place.who is not None
        within_s = KNOWN_SIGN_IN_WITHIN_S if is_known else SIGN_IN_WITHIN_S
        self._unknown_until[line_id] = time.monotonic() + within_s
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
        self._unknown_until.pop(line_id, None)
        try:
            leave(line_id, *why)
        finally:
            if found is not None and found.place is not None:
                self._places.give_back(found.place)

    def _plan_ping(self, line: Any) -> None:
        """engine.io's schedule_ping: once the one before was answered."""
        if line.last_ping and line.sid in self._lines:
            line.last_ping = None
            self._pings.append((time.monotonic() + self._ping_every_s, line.sid))

    def _tick_on(self) -> None:
        pause = threading.Event()
        while not pause.wait(TICK_S):
            moment = time.monotonic()
            for step in (self._end_over, self._end_unknown, self._send_pings, self._require_pongs):
                try:
                    step(moment)
                except Exception:  # whatever it is, the other lines go on
                    log.exception("the lines were not looked after")

    def _end_over(self, _: float) -> None:
        while self._over:
            self._over.popleft().close(wait=False, abort=True)

    def _end_unknown(self, moment: float) -> None:
        for line_id, until in list(self._unknown_until.items()):
            if self._is_known(line_id):
                self._unknown_until.pop(line_id, None)
            elif moment > until and (found := self._lines.get(line_id)):
                found.line.close(wait=False)

    def _send_pings(self, moment: float) -> None:
        for found in self._due(self._pings, moment):
            found.line.last_ping = time.time()
            self._pongs.append((moment + self._pong_within_s, found.line.sid))
            with contextlib.suppress(EngineIOError):  # it has ended meanwhile
                found.line.send(packet.Packet(packet.PING))

    def _require_pongs(self, moment: float) -> None:
        for found in self._due(self._pongs, moment):
            with contextlib.suppress(EngineIOError):
                found.line.check_ping_timeout()

    def _due(self, times: deque[tuple[float, str]], moment: float) -> Iterator[_Line]:
        while times and times[0][0] <= moment:
            if (found := self._lines.get(times.popleft()[1])) is not None:
                yield found


def _read_poll(read: Callable[[Any], None], environ: Any) -> None:
    """engine.io's: what a poll brings. What is none is a 400 and ends the line, where engine.io says "OK"."""
    try:
        read(environ)
    except (ValueError, LookupError, RecursionError) as bad:
        raise UnknownPacketError from bad
