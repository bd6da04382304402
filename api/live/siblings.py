"""The API's processes on one port: a Socket.IO client that polls is led to the one that has its connection.

A WebSocket stays with the process that took it. A poll is a request of its own, and any process may get it:
each connection's id begins with the place of its process, and who gets a poll for another place passes it on
to that process's own port. A connection that began with polls keeps polling: to go over to a WebSocket
it would have to move from one process to another in the middle.
"""

from __future__ import annotations

import http.client
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

PATH = "/socket.io"
PASS_ON_TIMEOUT_S = 60.0  # a poll is answered after 45 s at the latest, with a ping
MAX_POLL_BYTES = 1_000_000
HOP_BY_HOP = ("connection", "keep-alive", "transfer-encoding", "upgrade", "te", "trailer")


@dataclass(frozen=True)
class Siblings:
    """The API's processes on this port: own is the place of this one, ports the own ports of all."""

    own: int = 0
    ports: tuple[int, ...] = ()

    @property
    def count(self) -> int:
        """How many processes there are, this one among them."""
        return max(1, len(self.ports))

    @property
    def are_several(self) -> bool:
        """Whether there is any process but this one."""
        return self.count > 1

    def name(self, connection_id: str) -> str:
        """A connection's id that tells the place of its process."""
        return f"{self.own}.{connection_id}"

    def other_port(self, connection_id: str) -> int | None:
        """The own port of the process that has this connection; None: this one, or nobody."""
        place = connection_id.partition(".")[0]
        if not place.isdecimal() or int(place) == self.own or int(place) >= len(self.ports):
            return None
        return self.ports[int(place)]


ALONE = Siblings()


class PollRelay:
    """WSGI middleware: passes polls on to the process that has their connection."""

    def __init__(self, app: WSGIApplication, siblings: Siblings) -> None:
        self._app, self._siblings = app, siblings

    def __call__(
        self, environ: WSGIEnvironment, start_response: StartResponse, /
    ) -> Iterable[bytes]:
        """Answer one request."""
        port = self._port_of(environ)
        return (
            self._app(environ, start_response)
            if port is None
            else _pass_on(environ, start_response, port)
        )

    def _port_of(self, environ: WSGIEnvironment) -> int | None:
        if not str(environ.get("PATH_INFO", "")).startswith(PATH):
            return None
        if int(environ.get("CONTENT_LENGTH") or 0) > MAX_POLL_BYTES:
            return None  # it is refused here as well as there
        asked = parse_qs(str(environ.get("QUERY_STRING", "")))
        return self._siblings.other_port(asked.get("sid", [""])[0])


def _pass_on(environ: WSGIEnvironment, start: StartResponse, port: int) -> list[bytes]:
    length = int(environ.get("CONTENT_LENGTH") or 0)
    body = environ["wsgi.input"].read(length) if length else None
    address = f"{environ.get('SCRIPT_NAME', '')}{environ['PATH_INFO']}?{environ['QUERY_STRING']}"
    line = http.client.HTTPConnection("127.0.0.1", port, timeout=PASS_ON_TIMEOUT_S)
    try:
        line.request(environ["REQUEST_METHOD"], address, body, _headers(environ))
        answer = line.getresponse()
        content = answer.read()
    except (OSError, http.client.HTTPException):
        start("503 Service Unavailable", [("Content-Type", "text/plain")])
        return [b"The process that has this connection does not answer. Connect again."]
    finally:
        line.close()
    kept = [pair for pair in answer.getheaders() if pair[0].lower() not in HOP_BY_HOP]
    start(f"{answer.status} {answer.reason}", kept)
    return [content]


def _headers(environ: WSGIEnvironment) -> dict[str, str]:
    """What came, but for what concerns the one line that it came on."""
    named: dict[str, Any] = {
        key[5:].replace("_", "-").lower(): value
        for key, value in environ.items()
        if key.startswith("HTTP_")
    }
    kept = {name: str(value) for name, value in named.items() if name not in HOP_BY_HOP}
    if environ.get("CONTENT_TYPE"):
        kept["content-type"] = str(environ["CONTENT_TYPE"])
    return kept
