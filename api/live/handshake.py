"""Who may open a Socket.IO connection, and how many: decided by the HTTP request that asks for one.

A WebSocket holds some memory and a file for as long as it lasts, and a poll a thread. So a token that is unknown
is refused before there is a connection; a person has a share of the places; and who says only later who he is, in the
first packet (`auth: {token}`), has one of a few places until then, and some seconds (`api/live/lines.py`).
"""

from __future__ import annotations

import resource
import threading
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
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
# Connections whose request has said who they are and that have yet to sign in, at once. All that come beyond are refused
# before anything is done for them: of thousands that come back after a restart, else, each would be given up by its
# browser before its turn comes.
ARRIVING = 128
ARRIVING_OF_ONE = 32  # of one person, or a few would keep all others out


@dataclass(eq=False)
class Place:
    """Of a WebSocket, or of a poll, which holds a thread. who: None until it has said so.

    line_id: of the connection that polls and keeps it, after its request, until it has signed in or ended.
    within: the place that is kept by the connection whose poll this is. is_kept: by a WebSocket, after its request.
    """

    address: str
    who: str | None = None
    is_socket: bool = False
    line_id: str | None = None
    within: Place | None = None
    is_kept: bool = False


class SocketPlaces:
    """The places of one process. Thread-safe.

    sockets: of WebSockets. polls: of what holds a thread. of_one: of a person, both together. strangers: of
    those that have not said who they are, half of them for one address.
    """

    def __init__(self, threads: int, sockets: int) -> None:
        self.sockets = sockets
        self.polls = threads * 3 // 4
        self.of_one = max(16, threads // 4)
        self.strangers = max(4, threads // 16)
        self._of_sockets: set[Place] = set()
        self._of_polls: set[Place] = set()
        self._of: Counter[str] = Counter()
        self._unknown: set[Place] = set()
        self._arriving: set[Place] = set()  # known, and not signed in
        self._lock = threading.Lock()

    def take(
        self, address: str, who: str | None, line_id: str | None = None, is_socket: bool = False
    ) -> Place:
        """A place, until it is given back; line_id: for a poll. Raises Unavailable and TooManyRequests."""
        place = Place(address, who, is_socket)
        with self._lock:
            self._require_room(is_socket)
            place.within = self._kept_by(line_id)
            if place.within is not None:
                self._require_few_polls(place.within)
            elif who is not None:
                self._require_share(who)
                if line_id is None:
                    self._require_few_arriving_of(who)
                    self._arriving.add(place)
            else:
                self._require_few_strangers(address)
            self._kind(is_socket).add(place)
            self._note(place, 1)
        return place

    def give_back(self, place: Place) -> None:
        """The connection has ended."""
        with self._lock:
            self._drop(place)

    def sign_in(self, place: Place, who: str) -> None:
        """A connection says who it is. Raises TooManyRequests."""
        with self._lock:
            self._arriving.discard(place)
            if place.who != who:
                self._require_share(who)
                is_held = place in self._kind(place.is_socket)
                if is_held:
                    self._note(place, -1)
                place.who = who
                if is_held:
                    self._note(place, 1)
            if place.line_id is not None:
                self._drop(place)

    def _drop(self, place: Place) -> None:
        self._arriving.discard(place)
        held = self._kind(place.is_socket)
        if place in held:
            held.discard(place)
            self._note(place, -1)

    def _kind(self, is_socket: bool) -> set[Place]:
        return self._of_sockets if is_socket else self._of_polls

    def _note(self, place: Place, change: int) -> None:
        """Counted as they come and go: nobody counts thousands at each request."""
        if place.who is not None:
            self._of[place.who] += change
            if not self._of[place.who]:
                del self._of[place.who]
        elif place.within is None:
            (self._unknown.add if change > 0 else self._unknown.discard)(place)

    def _require_room(self, is_socket: bool) -> None:
        count = len(self._kind(is_socket))
        if count >= (self.sockets if is_socket else self.polls):
            raise _full("connections are open to this process", count)

    def require_few_arriving(self) -> None:
        """Before anything else is done for one more connection. Raises Unavailable."""
        if (count := len(self._arriving)) >= ARRIVING:
            raise _full("connections are about to open", count)

    def _require_few_arriving_of(self, who: str) -> None:
        mine = sum(place.who == who for place in self._arriving)
        if mine >= ARRIVING_OF_ONE:
            raise TooManyRequests(
                f"{mine} connections of yours are about to open, as many as there may be.",
                remedy="Wait until they are open, then try again.",
                details={"retry_after_s": RETRY_AFTER_S},
            )

    def _require_share(self, who: str) -> None:
        mine = self._of[who]
        if mine >= self.of_one:
            raise TooManyRequests(
                f"You have {mine} connections open, as many as one person may have.",
                remedy="Close some tabs or scripts, then try again.",
                details={"retry_after_s": RETRY_AFTER_S},
            )

    def _require_few_strangers(self, address: str) -> None:
        of_address = sum(place.address == address for place in self._unknown)
        if len(self._unknown) >= self.strangers or of_address >= self.strangers // 2:
            raise _full("connections have not said yet who they are", len(self._unknown))

    def _kept_by(self, line_id: str | None) -> Place | None:
        if line_id is None:
            return None
        return next((place for place in self._of_polls if place.line_id == line_id), None)

    def _require_few_polls(self, kept: Place) -> None:
        """Until somebody has signed in: one that waits, one that says who it is, and a WebSocket in their place."""
        within = [*self._of_polls, *(place for place in self._of_sockets if place.within)]
        polls = sum(place.within is kept for place in within)
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
    ) -> None:
        self._app, self._inner, self._services = app, app.wsgi_app, services
        self.places = SocketPlaces(services.settings.api_threads, _allowed_sockets(services))
        self._who_of, self._open_lines = who_of, open_lines

    def __call__(self, environ: WSGIEnvironment, start: StartResponse, /) -> Iterable[bytes]:
        """Serve one request."""
        if not str(environ.get("PATH_INFO", "")).startswith(PATH):
            return self._inner(environ, start)
        try:
            _require_upgrade(environ)
            place = environ[PLACE] = self._place(environ)
            try:
                return self._inner(environ, start)
            finally:
                if place.line_id is None and not place.is_kept:
                    self.places.give_back(place)
        except ClipBrowserError as refusal:
            with self._app.request_context(environ):
                return answer_of(refusal)(environ, start)

    def keep(self, environ: dict[str, Any]) -> Callable[[], None]:
        """The connection lasts beyond its request; what it calls when it has ended."""
        place: Place = environ[PLACE]
        place.is_kept = True
        return partial(self.places.give_back, place)

    def _place(self, environ: WSGIEnvironment) -> Place:
        address = client_of(str(environ.get("REMOTE_ADDR", "")))
        asked = parse_qs(str(environ.get("QUERY_STRING", "")))
        is_socket = _asks_for_websocket(environ, asked)
        if "sid" in asked:  # a poll, what it sends, or the WebSocket that takes its place
            line_id = asked["sid"][0]
            return self.places.take(address, self._who_of(line_id), line_id, is_socket)
        self.places.require_few_arriving()
        if not is_socket and self._open_lines() >= self.places.sockets + 2 * self.places.polls:
            raise _full("connections are open to this process", self._open_lines())
        with self._app.request_context(environ):
            secret, by_cookie = secret_of(self._services.settings)
        found = self._services.token_cache.find(secret) if secret else None
        if secret and found is None and not by_cookie:
            raise Unauthorized("The token or session is unknown or has ended.")
        # An old cookie's owner is told in a packet that he has to sign in: pages cannot read a refusal.
        return self.places.take(address, found[0].name if found else None, is_socket=is_socket)


def _allowed_sockets(services: Services) -> int:
    """Of WebSockets: each takes a file, and a quarter of the files that there may be is for all else."""
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = services.settings.api_sockets
    return wanted if files == resource.RLIM_INFINITY else min(wanted, files * 3 // 4)


def _asks_for_websocket(environ: WSGIEnvironment, asked: dict[str, list[str]]) -> bool:
    """As engine.io sees it: all else holds a thread for as long as it waits."""
    is_named = str(environ.get("HTTP_UPGRADE", "")).lower() == "websocket"
    return is_named and ("sid" in asked or asked.get("transport") == ["websocket"])


def _require_upgrade(environ: WSGIEnvironment) -> None:
    """Raises InvalidInput where only one of the two headers asks for a WebSocket: engine.io would poll half."""
    tokens = [each.strip() for each in str(environ.get("HTTP_CONNECTION", "")).lower().split(",")]
    if "HTTP_UPGRADE" in environ and "upgrade" not in tokens:
        raise InvalidInput("'Upgrade' without 'Connection: Upgrade'.", remedy="Send both.")


def place_of(environ: dict[str, Any]) -> Place | None:
    """The place of the connection that began with this request."""
    found: Place | None = environ.get(PLACE)
    return found
