"""Socket.IO: rooms with snapshots, and who is on which image.

Workers emit through Redis (`common.messaging.events`); this server delivers. A client joins a room, then gets
the snapshot, then ignores any `seq` it has seen, so nothing is missed between the two.
"""

from __future__ import annotations

import re
import threading
from dataclasses import dataclass
from typing import Any, cast

from flask import Flask, request
from flask_socketio import ConnectionRefusedError as Refused
from flask_socketio import SocketIO, join_room, leave_room
from sqlalchemy import select

from api.datasets.facts import answer_dataset, find_dataset
from api.jobs.answers import answer_job
from api.jobs.queue_position import QueuePositions
from api.live.presence import PRESENCE_S
from api.people.identity import same_origin, secret_of
from api.services import Services
from common.db.tables import Job
from common.errors import ClipBrowserError, InvalidInput, NotFound
from common.jobs import states
from common.people.credentials import user_of_token

CHANNEL = "socketio"  # what `common.messaging.events` writes to
MAX_ROOMS = 200
TELL_AFTER_S = 0.3
_ROOM = re.compile(r"jobs|(job|dataset):([a-z0-9._-]{1,80})")


@dataclass
class Connection:
    """A browser tab: who it is, and the dataset and image that are open in it."""

    name: str
    role: str
    dataset_id: str | None = None
    image_id: int | None = None


NOBODY = Connection("", "member")  # of a tab that was closed just now


class Sockets:
    """The connections of this process."""

    def __init__(self, app: Flask, services: Services) -> None:
        self._services = services
        self._open: dict[str, Connection] = {}
        self._lock = threading.Lock()
        self._refreshing = False
        self._moved: set[str] = set()  # datasets in which somebody came, went on or left
        self.socketio = SocketIO(
            app,
            async_mode="threading",
            message_queue=services.settings.redis_url,
            channel=CHANNEL,
            manage_session=False,
            cors_allowed_origins=self._allows_origin,
            max_http_buffer_size=100_000,
            redis_options={"socket_connect_timeout": 5, "health_check_interval": 30},
        )
        self.socketio.on_event("connect", self._connect)
        self.socketio.on_event("disconnect", self._disconnect)
        self.socketio.on_event("subscribe", self._subscribe)
        self.socketio.on_event("unsubscribe", self._unsubscribe)
        self.socketio.on_event("presence", self._presence)

    def _allows_origin(self, origin: str | None, environ: dict[str, Any]) -> bool:
        return same_origin(self._services.settings, origin, str(environ.get("HTTP_HOST", "")))

    def _connect(self, auth: Any = None) -> None:
        """Let a session cookie or `auth: {token}` in. Raises Refused."""
        given = auth.get("token") if isinstance(auth, dict) else None
        secret = given or secret_of(self._services.settings)[0]
        with self._services.readers() as session:
            found = user_of_token(session, str(secret)) if secret else None
        if found is None:
            raise Refused({"code": "unauthorized", "message": "This needs a sign-in."})
        with self._lock:
            self._open[_sid()] = Connection(found[0].name, found[0].role)

    def _disconnect(self, *_: object) -> None:
        with self._lock:
            left = self._open.pop(_sid(), None)
        if left is not None and left.dataset_id is not None:
            self._services.presence.leave(left.dataset_id, _sid())
            self._tell_presence(left.dataset_id)

    def _subscribe(self, wanted: Any = None) -> dict[str, Any]:
        """Join rooms; acknowledged with `{snapshots: {room: ...}}`."""
        try:
            rooms = _rooms(wanted)
        except InvalidInput as bad:
            return {"error": bad.to_dict(), "snapshots": {}}
        return {"snapshots": {room: self._join(room) for room in rooms}}

    def _join(self, room: str) -> dict[str, Any]:
        try:
            join_room(room)
            return self._snapshot(room)
        except ClipBrowserError as problem:
            leave_room(room)
            return {"error": problem.to_dict()}

    def _snapshot(self, room: str) -> dict[str, Any]:
        found = _ROOM.fullmatch(room)
        if found is None:
            raise NotFound(
                f"There is no room {room[:100]!r}.", remedy="Use job:ID, dataset:ID or jobs."
            )
        who = self._open.get(_sid()) or NOBODY
        with self._services.readers() as session:
            if room == "jobs":
                active = (
                    select(Job).where(Job.state.in_(states.ACTIVE)).order_by(Job.created_at.desc())
                )
                positions = QueuePositions(self._services, session)
                found_jobs = session.scalars(active.limit(200))
                return {
                    "items": [answer_job(job, positions, who).model_dump() for job in found_jobs]
                }
            if found[1] == "job":
                job = states.get_job(session, found[2])
                shown = answer_job(job, QueuePositions(self._services, session), who)
                return shown.model_dump() | {"job_id": found[2]}
            answer = answer_dataset(session, find_dataset(session, found[2]))
        return {"dataset": answer.model_dump(), "users": self._services.presence.users(found[2])}

    def _unsubscribe(self, wanted: Any = None) -> None:
        try:
            for room in _rooms(wanted):
                leave_room(room)
        except InvalidInput:
            return

    def _presence(self, place: Any = None) -> None:
        """Note which image is open in this tab; `dataset_id: null` when none is."""
        place = place if isinstance(place, dict) else {}
        dataset_id, image_id = place.get("dataset_id"), place.get("image_id")
        if dataset_id is not None and not _ROOM.fullmatch(f"dataset:{dataset_id}"):
            return
        with self._lock:
            mine = self._open.get(_sid())
            if mine is None:
                return
            before = mine.dataset_id
            mine.dataset_id = dataset_id
            mine.image_id = image_id if isinstance(image_id, int) else None
        if before not in (None, dataset_id):
            self._services.presence.leave(str(before), _sid())
            self._tell_presence(str(before))
        if dataset_id is not None:
            self._services.presence.enter(dataset_id, _sid(), mine.name, mine.image_id)
            self._tell_presence(dataset_id)
            self._keep_refreshing()

    def _tell_presence(self, dataset_id: str) -> None:
        """Tell all who is where, soon: a hundred people who move on are told as one change."""
        with self._lock:
            is_waiting = dataset_id in self._moved
            self._moved.add(dataset_id)
        if not is_waiting:
            timer = threading.Timer(TELL_AFTER_S, self._emit_presence, [dataset_id])
            timer.daemon = True
            timer.start()

    def _emit_presence(self, dataset_id: str) -> None:
        with self._lock:
            self._moved.discard(dataset_id)
        users = self._services.presence.users(dataset_id)
        self._services.events.emit(
            "presence", {"dataset_id": dataset_id, "users": users}, [f"dataset:{dataset_id}"]
        )

    def _keep_refreshing(self) -> None:
        """Entries expire, so that those of a server that was killed do; keep ours alive."""
        with self._lock:
            if self._refreshing:
                return
            self._refreshing = True
        threading.Thread(target=self._refresh, name="presence", daemon=True).start()

    def _refresh(self) -> None:
        pause = threading.Event()
        while not pause.wait(PRESENCE_S / 3):
            with self._lock:
                here = [(sid, each) for sid, each in self._open.items() if each.dataset_id]
            for sid, each in here:
                self._services.presence.enter(str(each.dataset_id), sid, each.name, each.image_id)


def _rooms(wanted: Any) -> list[str]:
    rooms = wanted.get("rooms") if isinstance(wanted, dict) else None
    if not isinstance(rooms, list) or not all(isinstance(room, str) for room in rooms):
        raise InvalidInput("rooms: a list of names is needed", remedy='Send {"rooms": ["jobs"]}.')
    if len(rooms) > MAX_ROOMS:
        raise InvalidInput(f"{len(rooms)} rooms; the limit is {MAX_ROOMS}", remedy="Join fewer.")
    return rooms


def _sid() -> str:
    return str(cast(Any, request).sid)
