"""One WebSocket: messages in, frames out, and how much of both may wait."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Any, Protocol

from wsproto import events
from wsproto.connection import Connection, ConnectionState
from wsproto.frame_protocol import CloseReason
from wsproto.utilities import LocalProtocolError

from api.live.wires.frames import frame_of
from api.live.wires.loop import WireLoop

log = logging.getLogger(__name__)
MAX_MESSAGE_BYTES = 100_000
MAX_WAITING = 16  # messages that have come and are not yet dealt with
MAX_UNREAD_BYTES = 4 * 2**20  # that a client has not read; who leaves more is cut off
FRAME_BYTES = 300  # what a frame that waits takes besides what is in it, about
PONG = "3"  # Engine.IO's, which needs no thread
LEAVE_WITHIN_S = 2.0  # of who was told that his connection has ended


class Listener(Protocol):
    """Whose WebSocket it is."""

    def note_pong(self) -> bool:
        """An answer to a ping has come; whether that is all there is to do. In the loop's thread."""

    def hear(self, said: str) -> None:
        """Deal with a message. Whatever it raises, the connection ends."""

    def end(self) -> None:
        """Nothing more will come: called once."""

    def be_gone(self) -> None:
        """The connection holds nothing any longer: called once, last, in the loop's thread."""


class Wire(asyncio.BufferedProtocol):
    """A WebSocket after its handshake: of the loop's thread, but for `post`, `cut` and `deal`.

    listener: who is told what comes. is_deflated: whether both sides have agreed on compression.
    """

    __slots__ = ("_connection", "_inbox", "_is_busy", "_is_cut", "_is_deflated", "_is_full", "_is_leaving", "_is_paused", "_listener",
                 "_loop", "_pieces", "_pieces_chars", "_transport", "_unread", "_unread_bytes")  # fmt: skip

    def __init__(
        self, loop: WireLoop, connection: Connection, is_deflated: bool, listener: Listener
    ) -> None:
        self._loop, self._connection, self._is_deflated = loop, connection, is_deflated
        self._listener = listener
        self._transport: asyncio.Transport | None = None
        self._inbox: deque[str | None] = deque()
        self._is_busy = self._is_paused = self._is_leaving = self._is_cut = False
        # Nothing is written before there is a transport.
        self._is_full = True
        self._pieces: list[str] = []
        self._pieces_chars = 0
        self._unread: deque[bytes] = deque()
        self._unread_bytes = 0

    # ---- from any thread

    def post(self, packet: Any) -> None:
        """Send engine.io's packet; None: say that the connection ends."""
        if packet is None:
            self._loop.call(self._say_goodbye)
        else:
            self._loop.call(partial(self._write, frame_of(packet, self._is_deflated)))

    def cut(self) -> None:
        """End it, whoever waits for it."""
        self._loop.call(self._abort)

    def end_after(self, wait_s: float, still: Callable[[], bool]) -> None:
        """End it then, if that still holds."""

        def look() -> None:
            if still():
                self._say_goodbye()

        self._loop.call(lambda: asyncio.get_running_loop().call_later(wait_s, look))

    def deal(self) -> None:
        """Deal with the next message."""
        said = self._inbox.popleft()
        try:
            if said is None:
                self._listener.end()
            else:
                self._listener.hear(said)
        except Exception:  # whatever it is, it is this connection's alone
            log.exception("a message was not dealt with")
            self.cut()
        with self._loop.lock:
            goes_on = self._is_busy = bool(self._inbox)
        if goes_on:
            self._loop.deal_with(self)
        if self._is_paused:
            self._loop.call(self._read_on)

    # ---- asyncio's calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """It is served now."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        if self._is_cut:
            transport.abort()
        self.resume_writing()

    def get_buffer(self, sizehint: int) -> memoryview:
        """Where the next piece goes: the same place for all, since it is read at once."""
        return self._loop.piece

    def buffer_updated(self, nbytes: int) -> None:
        """A piece has come."""
        try:
            self._connection.receive_data(bytes(self._loop.piece[:nbytes]))
        except LocalProtocolError:
            self._abort()
            return
        self._read_on()

    def pause_writing(self) -> None:
        """The client does not read."""
        self._is_full = True

    def resume_writing(self) -> None:
        """It reads on."""
        self._is_full = False
        while self._unread and not self._is_full:
            frame = self._unread.popleft()
            self._unread_bytes -= len(frame) + FRAME_BYTES
            self._write(frame)

    def connection_lost(self, problem: Exception | None) -> None:
        """It has ended."""
        self._unread.clear()
        self._finish()
        self._listener.be_gone()

    # ---- in

    def _read_on(self) -> None:
        if self._transport is None or self._transport.is_closing():
            return
        if len(self._inbox) >= MAX_WAITING:
            return
        try:
            for event in self._connection.events():
                self._take(event)
                if self._transport.is_closing():
                    return
                if len(self._inbox) >= MAX_WAITING:
                    self._pause()
                    return
        except Exception:  # what wsproto does not expect, such as a flag that nobody has agreed on
            self._abort()
            return
        if self._is_paused:
            self._is_paused = False
            self._transport.resume_reading()

    def _pause(self) -> None:
        """The rest stays with wsproto and with the client until messages have been dealt with."""
        if not self._is_paused and self._transport is not None:
            self._is_paused = True
            self._transport.pause_reading()
        # They may have been dealt with just before that.
        if len(self._inbox) < MAX_WAITING:
            self._loop.call(self._read_on)

    def _take(self, event: events.Event) -> None:
        match event:
            case events.TextMessage() if not self._is_leaving:
                self._gather(event)
            case events.BytesMessage() if not self._is_leaving:
                self._say_goodbye()
            case events.Ping():
                self._send(event.response())
            case events.CloseConnection():
                with contextlib.suppress(LocalProtocolError):
                    self._send(event.response())
                if self._transport is not None:
                    self._transport.close()

    def _gather(self, event: events.TextMessage) -> None:
        self._pieces_chars += len(event.data)
        if self._pieces_chars > MAX_MESSAGE_BYTES:
            self._say_goodbye(CloseReason.MESSAGE_TOO_BIG)
            return
        self._pieces.append(event.data)
        if event.message_finished:
            said = "".join(self._pieces)
            self._pieces.clear()
            self._pieces_chars = 0
            if said != PONG or not self._listener.note_pong():
                self._take_in(said)

    def _take_in(self, said: str | None) -> None:
        """None: it has ended."""
        self._inbox.append(said)
        with self._loop.lock:
            was_busy, self._is_busy = self._is_busy, True
        if not was_busy:
            self._loop.deal_with(self)

    # ---- out

    def _send(self, event: events.Event) -> None:
        self._write(self._connection.send(event))

    def _write(self, frame: bytes) -> None:
        if self._transport is not None and not self._is_full:
            if not self._transport.is_closing():
                self._transport.write(frame)
            return
        self._unread.append(frame)
        self._unread_bytes += len(frame) + FRAME_BYTES
        if self._unread_bytes > MAX_UNREAD_BYTES:
            self._abort()

    def _say_goodbye(self, why: CloseReason = CloseReason.NORMAL_CLOSURE) -> None:
        if self._is_leaving:
            return
        self._finish()
        if self._connection.state is ConnectionState.OPEN:
            self._send(events.CloseConnection(why))
        asyncio.get_running_loop().call_later(LEAVE_WITHIN_S, self._abort)

    def _finish(self) -> None:
        """Nothing that comes from now on is dealt with."""
        if not self._is_leaving:
            self._is_leaving = True
            self._take_in(None)

    def _abort(self) -> None:
        self._is_cut = True
        if self._transport is not None:
            self._transport.abort()
