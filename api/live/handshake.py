"""Who may open a Socket.IO connection, and how many: decided by the HTTP request that asks for one.

A connection holds a thread of the server for as long as it lasts. So a token that is unknown is refused before
there is one; a person has a share of the places; and who says only later who he is, in the first packet
(`auth: {token}`), has one of a few places until then, and some seconds (`api/live/session_watch.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING
from urllib.parse import parse_qs

from flask import Flask

from api.errors import answer as answer_of
from api.live.places import PLACE, Place, SocketPlaces
from api.people.identity import secret_of
from api.people.sign_in.visitor import client_of
from api.services import Services
from common.errors import ClipBrowserError, Unauthorized

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

PATH = "/socket.io"


class Handshake:
    """WSGI middleware: gives each connection and each poll a place, or refuses it.

    who_of: the name of a connection's owner, by the connection's id; None before it has said so.
    lines: the places that all open connections began with, those that poll now and then among them.
    """

    def __init__(
        self,
        app: Flask,
        services: Services,
        who_of: Callable[[str], str | None],
        lines: Callable[[], Sequence[Place]],
        patience_s: float,
    ) -> None:
        self._app, self._inner, self._services = app, app.wsgi_app, services
        self.places = SocketPlaces(services.settings.api_threads)
        self._who_of, self._lines, self._patience_s = who_of, lines, patience_s

    def __call__(self, environ: WSGIEnvironment, start: StartResponse, /) -> Iterable[bytes]:
        """Serve one request."""
        if not str(environ.get("PATH_INFO", "")).startswith(PATH):
            return self._inner(environ, start)
        try:
            place = self._place(environ)
        except ClipBrowserError as refusal:
            with self._app.request_context(environ):
                return answer_of(refusal)(environ, start)
        environ[PLACE] = place
        line = environ.get("gunicorn.socket")
        if line is not None and "HTTP_UPGRADE" in environ:
            line.settimeout(self._patience_s)  # a WebSocket is silent between two pings
        try:
            return self._inner(environ, start)  # a WebSocket's whole life
        finally:
            self.places.give_back(place)

    def _place(self, environ: WSGIEnvironment) -> Place:
        address = client_of(str(environ.get("REMOTE_ADDR", "")))
        asked = parse_qs(str(environ.get("QUERY_STRING", "")))
        if "sid" in asked:  # a poll, what it sends, or the WebSocket that takes its place
            return self.places.take(address, self._who_of(asked["sid"][0]))
        with self._app.request_context(environ):
            secret, by_cookie = secret_of(self._services.settings)
        found = self._services.token_cache.find(secret) if secret else None
        if secret and found is None and not by_cookie:
            raise Unauthorized("The token or session is unknown or has ended.")
        # An old cookie's owner is told in a packet that he has to sign in: pages cannot read a refusal.
        who = found[0].name if found else None
        self.places.require_lines(self._lines(), address, who)
        return self.places.take(address, who)
