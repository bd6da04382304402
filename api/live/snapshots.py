"""What a tab is given when it joins a room: how things stand there.

What many ask for at the same moment is read once for all of them: a thousand tabs come back after a restart.
"""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable, Hashable
from functools import partial
from typing import Any, Generic, TypeVar

from sqlalchemy import select
from sqlalchemy.orm import Session

from api.datasets.facts import answer_dataset, find_dataset
from api.datasets.schemas import DatasetOut
from api.jobs.answers import answer_job
from api.jobs.queue_position import QueuePositions
from api.live.batches import Told
from api.live.rooms import Room
from api.people.access import Access
from api.services import Services
from common.db.tables import Job
from common.errors import NotFound
from common.jobs import states
from common.people.rights import Role

T = TypeVar("T")


class _Reading(Generic[T]):
    """One that has not begun, and how many wait for it."""

    def __init__(self) -> None:
        self.waiting = 0
        self.is_over = threading.Event()
        self.found: T | None = None
        self.problem: BaseException | None = None


class SharedReads(Generic[T]):
    """One at a time for each key, for all who have asked before it begins. Thread-safe.

    Nobody is answered with what was read before he asked, so nothing is missed that is told from then on.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._next: dict[Hashable, _Reading[T]] = {}
        self._turns: defaultdict[Hashable, threading.Lock] = defaultdict(threading.Lock)

    def read(self, key: Hashable, read: Callable[[], T]) -> T:
        """What `read` gives, called by this thread or by another one that asks for the same. Raises what it raises."""
        with self._lock:
            mine = self._next.get(key)
            reads = mine is None
            if mine is None:
                mine = self._next[key] = _Reading()
            mine.waiting += 1
            turn = self._turns[key]
        if reads:
            self._read(key, turn, mine, read)
        mine.is_over.wait()
        if mine.problem is not None:
            raise mine.problem
        return mine.found  # type: ignore[return-value]

    def _read(
        self, key: Hashable, turn: threading.Lock, mine: _Reading[T], read: Callable[[], T]
    ) -> None:
        with turn:
            with self._lock:
                # Who asks from now on asks for the next one.
                del self._next[key]
            try:
                mine.found = read()
            except BaseException as problem:
                mine.problem = problem
            finally:
                mine.is_over.set()
            with self._lock:
                # Still in turn: who waits for it is in `_next`, and whoever comes later may have another one.
                if key not in self._next:
                    del self._turns[key]


class Snapshots:
    """Of one process, thread-safe."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._shared = SharedReads[dict[str, Any]]()

    def read(self, room: Room, who: Access) -> dict[str, Any]:
        """Of a room that the person may join. Raises NotFound."""
        if room.kind == "dataset":
            role = who.role_in(room.key)
            return self._shared.read((room.key, role), partial(self._read_dataset, room.key, role))
        with self._services.readers() as session:
            positions = QueuePositions(self._services, session)
            if room.kind == "job":
                shown = answer_job(states.get_job(session, room.key), positions, who)
                return shown.model_dump() | {"job_id": room.key}
            active = (
                select(Job)
                .where(Job.state.in_(states.ACTIVE), who.sees_job())
                .order_by(Job.created_at.desc())
            )
            found = session.scalars(active.limit(200))
            return {"items": [answer_job(job, positions, who).model_dump() for job in found]}

    def _read_dataset(self, dataset_id: str, role: Role | None) -> dict[str, Any]:
        with self._services.readers() as session:
            answer = self._answer_dataset(session, dataset_id, role)
        return {"dataset": answer.model_dump(), "users": self._services.presence.users(dataset_id)}

    def enrich(self, told: Told) -> Told:
        """With a dataset that has changed come its counts and steps, so that no tab has to ask."""
        if told.event != "dataset":
            return told
        dataset_id = told.data["dataset_id"]
        with self._services.readers() as session:
            try:
                shown = self._answer_dataset(session, dataset_id).model_dump()
            except NotFound:
                shown = None  # it was deleted
        return Told("dataset", {"dataset_id": dataset_id, "dataset": shown})

    def _answer_dataset(
        self, session: Session, dataset_id: str, role: Role | None = None
    ) -> DatasetOut:
        dataset = find_dataset(session, dataset_id)
        return answer_dataset(session, dataset, self._services.image_counts, role)
