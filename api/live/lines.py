"""The connections of Engine.IO in this process: whose they are, and that they are gone when they have ended.

A connection by polling holds a place only while one of its requests is there, and lasts for longer; so the places
do not bound how many there are.
"""

from __future__ import annotations

from typing import Any

from api.live.places import PLACE, Place


class Lines:
    """Of an Engine.IO server, before its first connection. max_message_bytes: what comes in one message."""

    def __init__(self, engine: Any, max_message_bytes: int) -> None:
        self._engine = engine
        self._max_message_bytes = max_message_bytes
        self._open_websocket = engine._async["websocket"]
        engine._async = {**engine._async, "websocket": self._websocket}
        self._take_in = engine.handlers["connect"]
        engine.on("connect", self._note_and_take_in)

    def owners(self) -> list[Place]:
        """Whose the open connections are: the place that each began with."""
        lines = list(self._engine.sockets.values())
        owners = [line.session.get(PLACE) for line in lines if not line.closed]
        return [each for each in owners if each is not None]

    def _note_and_take_in(self, line_id: str, environ: dict[str, Any]) -> Any:
        self._engine.sockets[line_id].session[PLACE] = environ.get(PLACE)
        return self._take_in(line_id, environ)

    def _websocket(self, handler: Any, server: Any) -> Any:
        """A WebSocket as Engine.IO opens it, forgotten when it ends.

        Under gunicorn its end is an exception that passes by the line which forgets it, and it counted until the
        next sweep, up to forty seconds. And a message is looked at only when it is whole: who sends its pieces for
        ever is stopped before.
        """
        line = handler.__self__
        serve = self._open_websocket(handler, server, max_message_size=self._max_message_bytes)

        def serve_and_forget(environ: dict[str, Any], start: Any) -> Any:
            try:
                return serve(environ, start)
            finally:
                if line.closed:
                    server.sockets.pop(line.sid, None)

        return serve_and_forget
