"""Socket.IO: rooms with snapshots, and who is on which image.

Workers and the API's processes tell through Redis (`common.messaging.events`); each process delivers to its
own connections. A client joins a room, then gets the snapshot, then ignores any `seq` it has seen, so nothing
is missed between the two.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterable, Mapping
from typing import Any, cast

from flask import Flask, request
from flask_socketio import ConnectionRefusedError as Refused
from flask_socketio import SocketIO, join_room
from sqlalchemy.exc import SQLAlchemyError

from api.live.delivery import Delivery, twin_of
from api.live.handshake import Handshake, place_of
from api.live.lines import Lines
from api.live.listener import EventListener
from api.live.packets import Packet
from api.live.rooms import (
    Audience,
    Connection,
    Connections,
    may_be_in,
    may_join,
    nothing_at,
    read_room,
    read_rooms,
    rooms_within,
    shown_name,
)
from api.live.session_watch import SessionWatch
from api.live.siblings import ALONE, Siblings
from api.live.snapshots import Snapshots
from api.live.web_socket import web_sockets
from api.live.whereabouts import PresenceNews, Whereabouts
from api.live.wires.memberships import Memberships
from api.live.wires.wire import MAX_MESSAGE_BYTES
from api.people.access import Access
from api.people.identity import same_origin, secret_of
from api.services import Services
from common.errors import (
    ClipBrowserError,
    Forbidden,
    InvalidInput,
    TooManyRequests,
    Unauthorized,
    Unavailable,
)
from common.people.rights import METRICS

LIVE = "clip_browser_live"  # where the app keeps its sockets
NAMESPACE = "/"
# Every 25 s is usual. Not rarer than this, since proxies cut what has been silent for a minute.
PING_EVERY_S = 45
PONG_WITHIN_S = 20


class Sockets:
    """The connections of this process."""

    def __init__(self, app: Flask, services: Services, siblings: Siblings = ALONE) -> None:
        self._services = services
        self._open = Connections()
        self._snapshots = Snapshots(services)
        self._lock = threading.Lock()
        self._news = PresenceNews(services.presence, services.events, self._here)
        self.socketio = SocketIO(
            app,
            async_mode="threading",
            manage_session=False,
            cors_allowed_origins=self._allows_origin,
            max_http_buffer_size=MAX_MESSAGE_BYTES,
            serializer=Packet,
            client_manager=Memberships(),
            async_handlers=False,  # one event of a connection after the other, not a thread for each
            ping_interval=PING_EVERY_S,
            ping_timeout=PONG_WITHIN_S,
            allow_upgrades=not siblings.are_several,
        )
        engine = self.socketio.server.eio
        handshake = Handshake(app, services, self._who_of, lambda: len(engine.sockets))
        self._places = handshake.places
        app.wsgi_app = handshake  # type: ignore[assignment,method-assign]
        if siblings.are_several:
            make_id = engine.generate_id
            engine.generate_id = lambda: siblings.name(make_id())
        audience = Audience(services.roles)
        self.delivery = Delivery(
            audience.rooms_for, self._emit, self._tabs_in, self._snapshots.enrich, siblings.count
        )
        self.delivery.on_notice("people", self._people_changed)
        self._listener = EventListener(
            services.settings.redis_url,
            self.delivery.deliver_all,
            self.delivery.is_heard,
            self._missed,
        )
        self.socketio.on_event("connect", self._connect)
        self.socketio.on_event("disconnect", self._disconnect)
        self.socketio.on_event("subscribe", self._subscribe)
        self.socketio.on_event("unsubscribe", self._unsubscribe)
        self.socketio.on_event("presence", self._presence)
        web_socket = web_sockets(services.settings.api_threads, handshake.keep)
        server = self.socketio.server
        self._lines = Lines(server, self._places, self._is_known, PING_EVERY_S, web_socket)
        self._watch = SessionWatch(services, self.socketio.server, self._tokens, self._renew)
        app.extensions[LIVE] = self

    def start(self) -> None:
        """Begin to hear and to deliver what is told: in the process that has the connections."""
        self.delivery.start()
        self._listener.start()

    def _emit(self, event: str, data: Any, rooms: str | list[str]) -> None:
        self.socketio.emit(event, data, to=rooms)

    def _tabs_in(self, room: str) -> int:
        """How many of this process's connections are in a room."""
        return len(self.socketio.server.manager.rooms.get(NAMESPACE, {}).get(room, ()))

    def _missed(self) -> None:
        """Redis was away, and what was told meanwhile was not heard: let the tabs look."""
        with self._lock:
            datasets = {each.dataset_id for each in self._open.values() if each.dataset_id}
        for dataset_id in datasets:
            room = f"dataset:{dataset_id}"
            self.delivery.deliver("dataset", {"dataset_id": dataset_id}, [room])
            self.delivery.deliver("many_captions", {"dataset_id": dataset_id}, [room])
        self.delivery.deliver("missed", {}, ["jobs"])

    def _allows_origin(self, origin: str | None, environ: dict[str, Any]) -> bool:
        return same_origin(self._services.settings, origin, str(environ.get("HTTP_HOST", "")))

    def _connect(self, auth: Any = None) -> None:
        """Let a session cookie or `auth: {token}` in. Raises Refused."""
        given = auth.get("token") if isinstance(auth, dict) else None
        secret = given or secret_of(self._services.settings)[0]
        place = place_of(request.environ)
        try:
            found = self._services.token_cache.find(str(secret)) if secret else None
            if found is None:
                raise Unauthorized("This needs a sign-in.")
            self._services.second_factor_demand.require_met(*found)
            if found[1].scope == METRICS:
                raise Forbidden("This token is for 'metrics' alone.", remedy="Make another one.")
            if place is not None:
                self._places.sign_in(place, found[0].name)
            mine = Connection(Access.of(*found, self._services.roles), token_id=found[1].id)
            with self._lock:
                self._require_share(found[0].name)
                self._open.add(_sid(), mine)
        except (ClipBrowserError, SQLAlchemyError) as refused:
            why = (
                refused
                if isinstance(refused, ClipBrowserError)
                else Unavailable("The database does not answer.")
            )
            raise Refused(why.message, why.to_dict()) from None

    def _require_share(self, name: str) -> None:
        """Also of connections that poll, which hold no place. Raises TooManyRequests."""
        if self._open.count(name) >= self._places.of_one:
            raise TooManyRequests("You have as many connections open as one person may have.")

    def _of_line(self, line_id: str) -> Connection | None:
        return self._open.get(
            self.socketio.server.manager.sid_from_eio_sid(line_id, NAMESPACE) or ""
        )

    def _is_known(self, line_id: str) -> bool:
        return self._of_line(line_id) is not None

    def _who_of(self, line_id: str) -> str | None:
        return found.access.name if (found := self._of_line(line_id)) else None

    def _disconnect(self, *_: object) -> None:
        with self._lock:
            left = self._open.take_out(_sid())
        line_id = self.socketio.server.manager.eio_sid_from_sid(_sid(), NAMESPACE)
        self._lines.note_unknown(str(line_id))
        if left is not None and left.dataset_id is not None:
            self._news.leave(left.dataset_id, _sid())

    def _renew(self, found: Mapping[int, Any]) -> None:
        """Give the tabs the name, the role in the service and the scope that their tokens stand for now."""
        roles = self._services.roles
        now_known = {
            token_id: Access(row.user_id, row.name, row.role == "admin", row.scope, roles)
            for token_id, row in found.items()
        }
        with self._lock:
            tabs = [
                (sid, each)
                for sid, each in self._open.items()
                if now_known.get(each.token_id, each.access) != each.access
            ]
            for _, each in tabs:
                self._open.renew(each, now_known[each.token_id])
        self._join_all_anew(tabs)

    def _tokens(self) -> dict[str, int]:
        with self._lock:
            return {sid: each.token_id for sid, each in self._open.items()}

    def _subscribe(self, wanted: Any = None) -> dict[str, Any]:
        """Join rooms; acknowledged with `{snapshots: {room: ...}}`.

        `batched: true`: what is told in `jobs` and `dataset:ID` comes as events `batch`.
        """
        try:
            rooms = read_rooms(wanted)
        except InvalidInput as bad:
            return {"error": bad.to_dict(), "snapshots": {}}
        batched = wanted.get("batched") is True
        mine = self._open.get(_sid())
        if mine is None:
            return {"snapshots": {}}  # the tab was closed just now
        return {"snapshots": {name: self._join(mine, name, batched) for name in rooms}}

    def _join(self, mine: Connection, name: str, batched: bool) -> dict[str, Any]:
        try:
            room = read_room(name)
            if not may_join(mine.access, room):
                raise nothing_at(room)
            batched = batched and room.kind != "job"
            mine.joined[name] = batched
            for each in rooms_within(mine.access, name):
                join_room(twin_of(each) if batched else each)
            return self._snapshots.read(room, mine.access)
        except ClipBrowserError as problem:
            mine.joined.pop(name, None)
            self._leave(_sid(), self._rooms_of(_sid(), name))
            return {"error": problem.to_dict()}

    def _rooms_of(self, sid: str, name: str) -> set[str]:
        """The rooms that a tab is in, of those that stand for one that it named."""
        joined = self.socketio.server.manager.get_rooms(sid, NAMESPACE) or ()
        return {each for each in joined if shown_name(each.removesuffix(twin_of(""))) == name}

    def _leave(self, sid: str, rooms: Iterable[str]) -> None:
        for room in rooms:
            self.socketio.server.manager.basic_leave_room(sid, NAMESPACE, room)

    def _people_changed(self, _: Any) -> None:
        """Somebody's token, role, name or dataset has changed: nobody hears any longer what is not for him."""
        self._services.token_cache.forget_here()
        self._services.roles.forget_here()
        self._watch.look()
        with self._lock:
            tabs = list(self._open.items())
        self._join_all_anew(tabs)

    def _join_all_anew(self, tabs: list[tuple[str, Connection]]) -> None:
        for sid, tab in tabs:
            for name, batched in list(tab.joined.items()):
                self._join_anew(sid, tab, name, batched)
            if not may_be_in(tab.access, tab.dataset_id):
                self._news.leave(str(tab.dataset_id), sid)
                tab.dataset_id = None

    def _join_anew(self, sid: str, tab: Connection, name: str, batched: bool) -> None:
        """Only what has changed, so that nothing is missed that is told meanwhile."""
        before, wanted = self._rooms_of(sid, name), set[str]()
        if may_join(tab.access, read_room(name)):
            wanted = {twin_of(e) if batched else e for e in rooms_within(tab.access, name)}
        self._leave(sid, before - wanted)
        for each in wanted - before:
            with contextlib.suppress(ValueError):  # it was closed just now
                self.socketio.server.manager.basic_enter_room(sid, NAMESPACE, each)
        if not wanted:
            tab.joined.pop(name, None)
            self._tell_gone(sid, name, batched)

    def _tell_gone(self, sid: str, name: str, batched: bool) -> None:
        """A room is no longer there for a tab: a dataset as if it had been deleted."""
        room = read_room(name)
        if room.kind == "dataset":
            gone = {"dataset_id": room.key, "dataset": None}
            told = {"room": name, "events": [["dataset", gone]]}
            self.socketio.emit(*(("batch", told) if batched else ("dataset", gone)), to=sid)
        self.socketio.emit("left", {"room": name}, to=sid)

    def _unsubscribe(self, wanted: Any = None) -> None:
        try:
            rooms = read_rooms(wanted)
        except InvalidInput:
            return
        for name in rooms:
            if (mine := self._open.get(_sid())) is not None:
                mine.joined.pop(name, None)
            self._leave(_sid(), self._rooms_of(_sid(), name))

    def _presence(self, place: Any = None) -> None:
        """Note which image is open in this tab; `dataset_id: null` when none is."""
        place = place if isinstance(place, dict) else {}
        dataset_id, image_id = place.get("dataset_id"), place.get("image_id")
        with self._lock:
            mine = self._open.get(_sid())
        if mine is None or not may_be_in(mine.access, dataset_id):
            return
        image_id = image_id if isinstance(image_id, int) else None
        with self._lock:
            before = mine.dataset_id
            if (mine.dataset_id, mine.image_id) == (dataset_id, image_id):
                # Tabs say again and again where they are; their process keeps that alive.
                return
            mine.dataset_id, mine.image_id = dataset_id, image_id
        if before not in (None, dataset_id):
            self._news.leave(str(before), _sid())
        if dataset_id is not None:
            self._news.enter(Whereabouts(_sid(), mine.access.name, dataset_id, mine.image_id))

    def _here(self) -> list[Whereabouts]:
        with self._lock:
            return [
                Whereabouts(sid, each.access.name, each.dataset_id, each.image_id)
                for sid, each in self._open.items()
                if each.dataset_id is not None
            ]


def _sid() -> str:
    return str(cast(Any, request).sid)
