"""Who is in which room: found by connection, too, however many rooms there are."""

from __future__ import annotations

from typing import Any

import socketio


class Memberships(socketio.Manager):  # type: ignore[misc]
    """python-socketio's, which looks through all rooms for those of one connection: each has a room of its own."""

    def __init__(self) -> None:
        super().__init__()
        self._of: dict[str, dict[str | None, None]] = {}

    def basic_enter_room(
        self, sid: str, namespace: str, room: str | None, eio_sid: str | None = None
    ) -> None:
        """python-socketio's: enter a room. Raises ValueError."""
        super().basic_enter_room(sid, namespace, room, eio_sid=eio_sid)
        self._of.setdefault(sid, {})[room] = None

    def basic_leave_room(self, sid: str, namespace: str, room: str | None) -> None:
        """python-socketio's: leave a room."""
        super().basic_leave_room(sid, namespace, room)
        self._of.get(sid, {}).pop(room, None)

    def get_rooms(self, sid: str, namespace: str) -> list[str]:
        """python-socketio's: the rooms of a connection."""
        return [room for room in list(self._of.get(sid, ())) if room is not None]

    def basic_disconnect(self, sid: str, namespace: str, **_: Any) -> None:
        """python-socketio's: a connection has ended."""
        for room in list(self._of.get(sid, ())):
            self.basic_leave_room(sid, namespace, room)
        self._of.pop(sid, None)
        self.callbacks.pop(sid, None)
        for pending in (self.pending_connect, self.pending_disconnect):
            waiting = pending.get(namespace, [])
            if sid in waiting:
                waiting.remove(sid)
            if not waiting:
                pending.pop(namespace, None)
