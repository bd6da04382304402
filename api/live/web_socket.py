"""WebSockets under Engine.IO: what is none is refused, and what comes faster than it is dealt with waits at the client."""

from __future__ import annotations

import contextlib
import re
import threading
from collections.abc import Iterable
from typing import Any

import simple_websocket
from engineio.async_drivers._websocket_wsgi import SimpleWebSocketWSGI
from wsproto.utilities import LocalProtocolError

from common.errors import InvalidInput

MAX_MESSAGE_BYTES = 100_000
MAX_WAITING = 16  # messages that have come and are not yet dealt with
# A Socket.IO packet, or one of Engine.IO's own, which are short. What engine.io cannot read ends the thread
# that reads, and leaves the one that writes.
_PACKET = re.compile(r"4[0-9]|[0-356][^\[{]{0,20}\Z")


class Wire(simple_websocket.Server):  # type: ignore[misc]
    """simple_websocket's, whose reader stops while messages wait, and always tells that it has ended."""

    def __init__(self, environ: dict[str, Any]) -> None:
        self._taken = threading.Event()
        super().__init__(environ, max_message_size=MAX_MESSAGE_BYTES)

    def receive(self, timeout: float | None = None) -> Any:
        """simple_websocket's: the next message."""
        said = super().receive(timeout)
        self._taken.set()
        return said

    def _thread(self) -> None:
        try:
            super()._thread()
        finally:
            self.connected = False
            self.event.set()

    def _handle_events(self) -> Any:
        goes_on = super()._handle_events()
        while goes_on and self.connected:
            self._taken.clear()
            if len(self.input_buffer) < MAX_WAITING:
                break
            self._taken.wait(1.0)
        return goes_on


class WebSocket(SimpleWebSocketWSGI):  # type: ignore[misc]
    """What engine.io makes of a request for a WebSocket. Raises InvalidInput when it is none."""

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        """Serve the connection for its whole life."""
        line = self.app.__self__  # engine.io's own socket, of which this is the handler
        line.wire = environ.get("gunicorn.socket")  # so that `api/live/lines.py` can end it
        try:
            self.ws = Wire(environ)
        except Exception as bad:  # wsproto's, h11's, and those of what they call, such as idna's
            line.close(wait=False, abort=True)
            raise InvalidInput(
                f"This is no request for a WebSocket: {type(bad).__name__}.",
                remedy="Use a client of Socket.IO 4.",
            ) from bad
        self.app(self)
        raise StopIteration  # how gunicorn hears that there is no answer to send

    def close(self) -> None:
        """Say that it ends, unless that was said already."""
        with contextlib.suppress(LocalProtocolError, simple_websocket.ConnectionClosed, OSError):
            super().close()

    def wait(self) -> Any:
        """The next message; None at the end, or when it is no packet."""
        said = super().wait()
        return said if isinstance(said, str) and _PACKET.match(said) else None
