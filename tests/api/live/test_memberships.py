"""Rooms by connection."""

from __future__ import annotations

import socketio

from api.live.wires.memberships import Memberships


def test_rooms_are_known_by_connection_as_python_socketio_knows_them() -> None:
    ours, theirs = Memberships(), socketio.Manager()
    seen = []
    for manager in (ours, theirs):
        socketio.Server(async_mode="threading", client_manager=manager)
        first, second = (manager.connect(f"line {n}", "/") for n in range(2))
        for sid, room in ((first, "a"), (first, "b"), (second, "a")):
            manager.enter_room(sid, "/", room)
        manager.leave_room(first, "/", "b")
        in_rooms = [sorted(set(manager.get_rooms(sid, "/")) - {sid}) for sid in (first, second)]
        manager.pre_disconnect(first, "/")
        manager.disconnect(first, "/")
        left = [sorted(set(manager.get_rooms(sid, "/")) - {sid}) for sid in (first, second)]
        known = [manager.is_connected(sid, "/") for sid in (first, second)]
        members = [len(list(manager.get_participants("/", room))) for room in ("a", "b", None)]
        seen.append(
            (in_rooms, left, known, members, manager.pending_connect, manager.pending_disconnect)
        )
    assert seen[0] == seen[1]
    assert seen[0][0] == [["a"], ["a"]]
