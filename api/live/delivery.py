"""Hands what was told to the tabs and scripts of this process: event by event, or in batches.

Who is in a room gets each of its events. Who asked for batches is in the room's twin, and gets the
event `batch` of it now and then, `{room, events: [[event, data], ...]}`.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from itertools import product
from typing import Any

from api.live.batches import Batches, Told
from api.live.rooms import shown_name
from common.messaging.events import API

log = logging.getLogger(__name__)
Emit = Callable[[str, Any, str | list[str]], None]
Enrich = Callable[[Told], Told]


def twin_of(room: str) -> str:
    """The room of those who get a room's events in batches; no room of tabs has such a name."""
    return f"{room} in batches"


class Delivery:
    """One per process, thread-safe.

    rooms_for: the rooms of this process that hear what is told to rooms by name. emit: to those in rooms of this process. tabs_in: how many are in a room. enrich: what is added to an
    event before it goes into a batch, once for all tabs. processes: that deliver to about as many tabs.
    """

    def __init__(
        self,
        rooms_for: Callable[[list[str]], list[str]],
        emit: Emit,
        tabs_in: Callable[[str], int],
        enrich: Enrich,
        processes: int = 1,
    ) -> None:
        self._rooms_for = rooms_for
        self._emit, self._tabs_in, self._enrich = emit, tabs_in, enrich
        self._notices: dict[str, Callable[[Any], None]] = {}
        self._batches = Batches(lambda room: processes * tabs_in(twin_of(room)))
        self._changed = threading.Condition()

    def on_notice(self, event: str, handle: Callable[[Any], None]) -> None:
        """Call `handle(data)` when an API process tells this event to the others and to itself."""
        self._notices[event] = handle

    def start(self) -> None:
        """Begin to send batches."""
        threading.Thread(target=self._run, name="batches", daemon=True).start()

    def is_heard(self, rooms: list[str]) -> bool:
        """Whether anybody of this process is in one of these rooms."""
        return API in rooms or any(
            self._tabs_in(room) or self._tabs_in(twin_of(room)) for room in self._rooms_for(rooms)
        )

    def deliver(self, event: str, data: Any, rooms: list[str]) -> None:
        """Hand an event to those in these rooms, each once."""
        self.deliver_all([(event, data)], rooms)

    def deliver_all(self, events: list[tuple[str, Any]], rooms: list[str]) -> None:
        """Hand each of these events to those in these rooms."""
        if API in rooms:
            for event, data in events:
                if event in self._notices:
                    self._notices[event](data)
            return
        rooms = self._rooms_for(rooms)
        if any(self._tabs_in(room) for room in rooms):
            for event, data in events:
                self._emit(event, data, rooms)
        watched = [room for room in rooms if self._tabs_in(twin_of(room))]
        if watched:
            with self._changed:
                moment = time.monotonic()
                for room, (event, data) in product(watched, events):
                    if self._batches.add(room, Told(event, data), moment):
                        self._changed.notify()  # else the thread knows already when to look

    def _run(self) -> None:
        while True:
            with self._changed:
                while not (due := self._batches.take(time.monotonic())):
                    self._changed.wait(self._batches.wait_s(time.monotonic()))
            for room, events in due:
                try:
                    self._send(room, events)
                except Exception:  # a database that is away; the next batch tells it again
                    log.exception("a batch of room %s was not sent", room)

    def _send(self, room: str, events: list[Told]) -> None:
        began_s = time.thread_time()
        told = [self._enrich(each) for each in events]
        self._emit("batch", {"room": shown_name(room), "events": told}, twin_of(room))
        with self._changed:
            self._batches.note_cost(room, time.thread_time() - began_s, time.monotonic())
