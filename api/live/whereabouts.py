"""Tells who is where: the connections of this process note it in Redis, and all hear of it, soon and together."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from typing import NamedTuple

from api.live.presence import PRESENCE_S, Presence
from common.messaging.events import Events

TELL_AFTER_S = 0.3
COST_SHARE = 0.01  # of one core: a list that took 10 ms to read is not read again for a second
LONGEST_S = 5.0


class Whereabouts(NamedTuple):
    """Of one connection."""

    sid: str
    name: str
    dataset_id: str
    image_id: int | None


class PresenceNews:
    """One per process, thread-safe. here: where the connections of this process are now."""

    def __init__(
        self, presence: Presence, events: Events, here: Callable[[], Iterable[Whereabouts]]
    ) -> None:
        self._presence, self._events, self._here = presence, events, here
        self._lock = threading.Lock()
        self._moved: set[str] = set()  # datasets in which somebody came, went on or left
        self._refreshing = False
        self._cost_s: dict[str, float] = {}  # of the last telling, by dataset

    def enter(self, at: Whereabouts) -> None:
        """Somebody came, or went on to another image."""
        self._presence.enter(at.dataset_id, at.sid, at.name, at.image_id)
        self._tell(at.dataset_id)
        self._keep_refreshing()

    def leave(self, dataset_id: str, sid: str) -> None:
        """Somebody is no longer there."""
        self._presence.leave(dataset_id, sid)
        self._tell(dataset_id)

    def _tell(self, dataset_id: str) -> None:
        """Tell all who is where, soon: a hundred people who move on are told as one change."""
        with self._lock:
            is_waiting = dataset_id in self._moved
            self._moved.add(dataset_id)
            cost_s = self._cost_s.get(dataset_id, 0.0)
        if not is_waiting:
            wait_s = max(TELL_AFTER_S, min(LONGEST_S, cost_s / COST_SHARE))
            timer = threading.Timer(wait_s, self._emit, [dataset_id])
            timer.daemon = True
            timer.start()

    def _emit(self, dataset_id: str) -> None:
        with self._lock:
            self._moved.discard(dataset_id)
        began_s = time.thread_time()
        users = self._presence.users(dataset_id)
        self._cost_s[dataset_id] = time.thread_time() - began_s
        self._events.emit(
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
            in_dataset: dict[str, list[tuple[str, str, int | None]]] = {}
            for at in self._here():
                in_dataset.setdefault(at.dataset_id, []).append((at.sid, at.name, at.image_id))
            for dataset_id, here in in_dataset.items():
                self._presence.refresh(dataset_id, here)
                # Also that those are gone whose process was killed.
                self._tell(dataset_id)
            with self._lock:
                self._cost_s = {
                    key: cost for key, cost in self._cost_s.items() if key in in_dataset
                }
