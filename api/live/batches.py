"""What waits to be told to tabs as one event: pure, the clock is passed in.

A tab asks for batches when it subscribes. Of each room it then gets one event now and then in place of
many: at once after a silence, and the more tabs there are, the rarer.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

EVERY_S = 0.4  # at the least between two batches of a room
A_TAB_S = 0.02  # and so long for each tab: all of a room get 50 frames a second together, up to 100 of them
COST_SHARE = 0.01  # of one core: a batch that took 10 ms to make is the only one for a second
LONGEST_S = 2.0
MAX_CAPTIONS = 500  # in one batch; of more only that there were many


class Told(NamedTuple):
    """An event and its data."""

    event: str
    data: dict[str, Any]


@dataclass
class _Room:
    """What waits for a room, under the keys by which a newer one takes an older one's place."""

    due_at: float
    waiting: dict[Hashable, Told] = field(default_factory=dict)
    captions: int = 0


class Batches:
    """The rooms that something waits for. Not thread-safe."""

    def __init__(self, tabs_in: Callable[[str], int]) -> None:
        self._tabs_in = tabs_in
        self._rooms: dict[str, _Room] = {}

    def add(self, room: str, told: Told, moment: float) -> bool:
        """Let an event wait; whether it is the first of its room after a silence.

        Of what tells of the same thing the newest stays; of a job, of each state.
        """
        waiting = self._rooms.get(room)
        is_first = waiting is None
        if waiting is None:
            waiting = self._rooms[room] = _Room(moment)
        key = _key(told)
        if told.event == "caption" and key not in waiting.waiting:
            waiting.captions += 1
        waiting.waiting.pop(key, None)
        waiting.waiting[key] = told
        if waiting.captions > MAX_CAPTIONS:
            _shorten(room, waiting)
        return is_first

    def take(self, moment: float) -> list[tuple[str, list[Told]]]:
        """The rooms whose time has come, each with what waited for it."""
        due = [
            (name, list(room.waiting.values()))
            for name, room in self._rooms.items()
            if room.due_at <= moment
        ]
        for name, events in due:
            if events:
                every_s = max(EVERY_S, self._tabs_in(name) * A_TAB_S)
                self._rooms[name] = _Room(moment + min(LONGEST_S, every_s))
            else:
                del self._rooms[name]  # a silence: the next one goes at once
        return [(name, events) for name, events in due if events]

    def note_cost(self, room: str, cost_s: float, moment: float) -> None:
        """A batch of a room took so many seconds of a core: the next one waits the longer for it."""
        if room in self._rooms:
            later = moment + min(LONGEST_S, cost_s / COST_SHARE)
            self._rooms[room].due_at = max(self._rooms[room].due_at, later)

    def wait_s(self, moment: float) -> float | None:
        """Seconds until a room's time comes; None while no room is known."""
        due_at = min((room.due_at for room in self._rooms.values()), default=None)
        return None if due_at is None else max(0.0, due_at - moment)


def _key(told: Told) -> Hashable:
    data = told.data
    match told.event:
        case "job":
            return ("job", data["job_id"], data["state"])
        case "queue":
            return ("queue", data["name"])
        case "caption":
            return ("caption", data["image_id"], data["slot"])
        case "image":
            return ("image", data["image_id"])
        case "caption_conflict":
            return ("caption_conflict", data["client_id"])
        case _:
            return told.event


def _shorten(name: str, room: _Room) -> None:
    """In place of the captions: that there were many, so that tabs ask for what they show."""
    dataset_id = name.partition(":")[2]
    kept = {key: told for key, told in room.waiting.items() if told.event != "caption"}
    room.waiting = {**kept, "many_captions": Told("many_captions", {"dataset_id": dataset_id})}
    room.captions = 0
