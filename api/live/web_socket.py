"""WebSockets under Engine.IO: the request for one is answered by its thread, which is free again after that."""

from __future__ import annotations

import io
import re
import socket
import sys
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from engineio import Server, packet
from engineio.exceptions import SocketIsClosedError, UnknownPacketError
from wsproto import ConnectionType, WSConnection
from wsproto.connection import Connection
from wsproto.events import AcceptConnection, Request
from wsproto.utilities import LocalProtocolError

from api.live.wires.frames import SharedDeflate
from api.live.wires.loop import WireLoop
from api.live.wires.wire import Wire
from common.errors import InvalidInput

# A Socket.IO packet, or one of Engine.IO's own, which are short.
_PACKET = re.compile(r"4[0-9]|[0-356][^\[{]{0,20}\Z")
_PROBE, _UPGRADE = "2probe", "5"
PROBE_WITHIN_S = 5.0
_NOTHING = io.BytesIO()
# What an application finds of its request later on; the rest would hold the server's own objects.
_OF_THE_SERVER = ("gunicorn.socket", "wsgi.file_wrapper", "wsgi.early_hints")


def web_sockets(
    threads: int, keep: Callable[[dict[str, Any]], Callable[[], None]]
) -> Callable[[Any, Any], WebSocket]:
    """What makes the WebSockets of one process, which answers requests with so many threads."""
    return partial(WebSocket, WireLoop(max(4, min(16, threads // 8))), keep)


class WebSocket:
    """What engine.io makes of a request for a WebSocket: `make(handler, server)(environ, start_response)`.

    keep: called when the connection lasts beyond its request; what it answers is called when it has ended.
    """

    def __init__(
        self,
        loop: WireLoop,
        keep: Callable[[dict[str, Any]], Callable[[], None]],
        handler: Any,
        server: Any,
    ) -> None:
        self._loop, self._keep = loop, keep
        self._line = handler.__self__  # engine.io's own socket

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        """Answer, and hand the connection over. Raises InvalidInput when it is no request for one."""
        try:
            answer, connection, is_deflated = _shake_hands(environ)
        except Exception as bad:  # wsproto's, h11's, and those of what they call, such as idna's
            self._line.close(wait=False, abort=True)
            raise InvalidInput(
                f"This is no request for a WebSocket: {type(bad).__name__}.",
                remedy="Use a client of Socket.IO 4.",
            ) from bad
        served = environ["gunicorn.socket"]
        served.sendall(answer)
        talk = Talk(self._line, self._keep(environ))
        wire = Wire(self._loop, connection, is_deflated, talk)
        _let_go(environ)
        talk.begin(wire)
        self._loop.adopt(wire, socket.socket(fileno=served.detach()))
        raise StopIteration  # how gunicorn hears that there is no answer to send


class Talk:
    """Engine.IO on one WebSocket: the wire's listener.

    line: engine.io's own socket. be_gone: called when the connection has ended.
    """

    __slots__ = ("_line", "_next", "_wire", "be_gone")

    def __init__(self, line: Any, be_gone: Callable[[], None]) -> None:
        self._line, self.be_gone = line, be_gone

    def begin(self, wire: Wire) -> None:
        """Send there what waits; or hear first whether it takes the place of polls."""
        self._wire = wire
        self._next: Callable[[str], None] = self._take
        if self._line.connected:
            self._line.upgrading = True
            self._next = self._take_probe
            wire.end_after(PROBE_WITHIN_S, lambda: not self._line.upgraded)
        else:
            self._line.connected = True
            self._take_over()

    def _take_over(self) -> None:
        self._next = self._take
        self._line.upgraded, self._line.upgrading = True, False
        self._line.queue.turn_to(self._wire)

    def note_pong(self) -> bool:
        """Wire's: the next ping may be planned."""
        if self._line.upgraded:
            self._line.schedule_ping()
        return bool(self._line.upgraded)

    def hear(self, said: str) -> None:
        """Wire's: deal with a packet. What is none ends the connection, and so does what comes behind the end."""
        try:
            self._next(said)
        except UnknownPacketError:
            pass
        except SocketIsClosedError:
            self._wire.post(None)

    def _take(self, said: str) -> None:
        if _PACKET.match(said):
            self._line.receive(packet.Packet(encoded_packet=said))
        else:
            self._wire.post(None)

    def _take_probe(self, said: str) -> None:
        if said != _PROBE or self._line.upgraded:
            self._wire.post(None)
            return
        self._wire.post(packet.Packet(packet.PONG, data="probe"))
        self._line.queue.put(packet.Packet(packet.NOOP))  # ends the poll that waits
        self._next = self._take_upgrade

    def _take_upgrade(self, said: str) -> None:
        if said == _UPGRADE and not self._line.upgraded:
            self._take_over()
        else:
            self._wire.post(None)

    def end(self) -> None:
        """Wire's: nothing more will come. Who polls goes on with that if it was to take the place of it."""
        if self._next == self._take:
            self._line.close(wait=False, abort=True, reason=Server.reason.TRANSPORT_CLOSE)
        else:
            self._line.upgrading = False


def _shake_hands(environ: dict[str, Any]) -> tuple[bytes, Connection, bool]:
    """(the answer, the WebSocket, whether both sides have agreed on compression). Raises what wsproto raises."""
    head = [b"GET / HTTP/1.1"]
    for key, value in environ.items():
        if key.startswith("HTTP_"):
            name = "-".join(part.capitalize() for part in key[5:].split("_"))
            head.append(f"{name}: {value}".encode())
    asked = WSConnection(ConnectionType.SERVER)
    asked.receive_data(b"\r\n".join(head) + b"\r\n\r\n")
    [request] = asked.events()
    if not isinstance(request, Request):
        raise LocalProtocolError(f"{type(request).__name__} in place of a request")
    deflate = SharedDeflate()
    answer = asked.send(AcceptConnection(extensions=[deflate]))
    assert asked.connection is not None
    return answer, asked.connection, deflate.enabled()


def _let_go(environ: dict[str, Any]) -> None:
    """What an application may find of its request later on, without the server's objects behind it."""
    for name in _OF_THE_SERVER:
        environ.pop(name, None)
    environ["wsgi.input"], environ["wsgi.errors"] = _NOTHING, sys.stderr
