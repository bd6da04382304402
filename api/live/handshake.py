"""Who may open a Socket.IO connection, and how many: decided by the HTTP request that asks for one.

A connection holds a thread of the server for as long as it lasts. So a token that is unknown is refused before
there is one; a person has a share of the places; and who says only later who he is, in the first packet
(`auth: {token}`), has one of a few places until then, and some seconds (`api/live/lines.py`).
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from flask import Flask

from api.errors import answer as answer_of
from api.people.identity import secret_of
from api.people.sign_in.visitor import client_of
from api.services import Services
from common.errors import (
    ClipBrowserError,
    InvalidInput,
    TooManyRequests,
    Unauthorized,
    Unavailable,
)

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

PATH = "/socket.io"
PLACE = "clip_browser.place"  # in the environment of a connection's first request
RETRY_AFTER_S = 5
POLLS_OF_A_STRANGER = 3  # at once, on one connection


@dataclass(eq=False)
class Place:
    """A thread that a connection or a poll holds. who: None until it has said so.

    line_id: of the connection that polls and keeps it, after its request, until it has signed in or ended.
    within: the place that is kept by the connection whose poll this is.
    """

    address: str
    who: str | None = None
    line_id: str | None = None
    within: Place | None = None


class SocketPlaces:
    """The places of one process, below its threads in number. Thread-safe.

    count: of all connections. of_one: of a person. strangers: of those that have not said who they are, half of
    them for one address.
    """

    def __init__(self, threads: int) -> None:
        self.count = threads * 3 // 4
        self.of_one = max(16, threads // 4)
        self.strangers = max(4, threads // 16)
        self._places: set[Place] = set()
        self._lock = threading.Lock()

    def take(self, address: str, who: str | None, line_id: str | None = None) -> Place:
        """A place, until it is given back; line_id: for a poll. Raises Unavailable and TooManyRequests."""
        place = Place(address, who)
        with self._lock:
            if len(self._places) >= self.count:
                raise _full("connections are open to this process", self.count)
            place.within = self._kept_by(line_id)
            if place.within is not None:
                self._require_few_polls(place.within)
            elif who is not None:
                self._require_share(who)
            else:
                self._require_few_strangers(address)
            self._places.add(place)
        return place

    def give_back(self, place: Place) -> None:
        """The connection has ended."""
        with self._lock:
            self._places.discard(place)

    def sign_in(self, place: Place, who: str) -> None:
        """A connection says who it is. Raises TooManyRequests."""
        with self._lock:
            if place.who != who:
                self._require_share(who)
                place.who = who
            if place.line_id is not None:
                self._places.discard(place)

    def _require_share(self, who: str) -> None:
        mine = sum(place.who == who for place in self._places)
        if mine >= self.of_one:
            raise TooManyRequests(
                f"You have {mine} connections open, as many as one person may have.",
                remedy="Close some tabs or scripts, then try again.",
                details={"retry_after_s": RETRY_AFTER_S},
            )

    def _require_few_strangers(self, address: str) -> None:
        unknown = Counter(
            place.address for place in self._places if place.who is None and place.within is None
        )
        if unknown.total() >= self.strangers or unknown[address] >= self.strangers // 2:
            raise _full("connections have not said yet who they are", unknown.total())

    def _kept_by(self, line_id: str | None) -> Place | None:
        if line_id is None:
            return None
        return next((place for place in self._places if place.line_id == line_id), None)

    def _require_few_polls(self, kept: Place) -> None:
        """Until somebody has signed in: one that waits, one that says who it is, and a WebSocket in their place."""
        polls = sum(place.within is kept for place in self._places)
        if polls >= POLLS_OF_A_STRANGER:
            raise _full("polls of this connection wait", polls)


def _full(what: str, count: int) -> Unavailable:
    return Unavailable(
        f"{count} {what}, as many as there may be.",
        remedy="Try again in a few seconds; a script that sends its token in the header "
        "'Authorization: Bearer TOKEN' waits for no stranger.",
        details={"retry_after_s": RETRY_AFTER_S},
    )


class Handshake:
    """WSGI middleware: gives each connection and each poll a place, or refuses it.

    who_of: the name of a connection's owner, by the connection's id; None before it has said so.
    open_lines: how many connections there are, those that poll now and then among them.
    """

    def __init__(
        self,
        app: Flask,
        services: Services,
        who_of: Callable[[str], str | None],
        open_lines: Callable[[], int],
        patience_s: float,
    ) -> None:
        self._app, self._inner, self._services = app, app.wsgi_app, services
        self.places = SocketPlaces(services.settings.api_threads)
        self._who_of, self._open_lines, self._patience_s = who_of, open_lines, patience_s

    def __call__(self, environ: WSGIEnvironment, start: StartResponse, /) -> Iterable[bytes]:
        """Serve one request."""
        if not str(environ.get("PATH_INFO", "")).startswith(PATH):
            return self._inner(environ, start)
        try:
            _require_upgrade(environ)
            place = environ[PLACE] = self._place(environ)
            line = environ.get("gunicorn.socket")
            if line is not None and "HTTP_UPGRADE" in environ:
                line.settimeout(self._patience_s)  # a WebSocket is silent between two pings
            try:
                return self._inner(environ, start)  # a WebSocket's whole life
            finally:
                if place.line_id is None:
                    self.places.give_back(place)
        except ClipBrowserError as refusal:
            with self._app.request_context(environ):
                return answer_of(refusal)(environ, start)

    def _place(self, environ: WSGIEnvironment) -> Place:
        address = client_of(str(environ.get("REMOTE_ADDR", "")))
        asked = parse_qs(str(environ.get("QUERY_STRING", "")))
        if "sid" in asked:  # a poll, what it sends, or the WebSocket that takes its place
            line_id = asked["sid"][0]
            return self.places.take(address, self._who_of(line_id), line_id)
        if self._open_lines() >= 2 * self.places.count:
            raise _full("connections are open to this process", self._open_lines())
        with self._app.request_context(environ):
            secret, by_cookie = secret_of(self._services.settings)
        found = self._services.token_cache.find(secret) if secret else None
        if secret and found is None and not by_cookie:
            raise Unauthorized("The token or session is unknown or has ended.")
        # An old cookie's owner is told in a packet that he has to sign in: pages cannot read a refusal.
        return self.places.take(address, found[0].name if found else None)


def _require_upgrade(environ: WSGIEnvironment) -> None:
    """Raises InvalidInput where only one of the two headers asks for a WebSocket: engine.io would poll half."""
    tokens = [each.strip() for each in str(environ.get("HTTP_CONNECTION", "")).lower().split(",")]
    if "HTTP_UPGRADE" in environ and "upgrade" not in tokens:
        raise InvalidInput("'Upgrade' without 'Connection: Upgrade'.", remedy="Send both.")


def place_of(environ: dict[str, Any]) -> Place | None:
    """The place of the connection that began with this request."""
    found: Place | None = environ.get(PLACE)
    return found
