"""A worker's row in the database: written every few seconds, and read for what it is asked to do.

A thread of its own, since a database that is away or locked shall not keep the record in Redis from being
written. What runs is read from the jobs themselves: their pool processes wrote the worker's name there.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import Any

from common.db.engine import SessionFactory, impatient_factory, open_engine, quick_reader_factory
from common.jobs import workers
from common.jobs.workers import Facts, Wish
from common.settings import Settings

log = logging.getLogger(__name__)
LOOK_EVERY_S = 3.0
POOL_SHARE = 10  # of the connections that a process may keep: it needs one
Told = Callable[[], tuple[str, int]]


class Roll:
    """One per worker. told: the worker's state, and how many jobs it can run at once."""

    def __init__(self, settings: Settings, facts: Facts, told: Told) -> None:
        self._facts, self._told = facts, told
        engine = open_engine(settings.database, processes=POOL_SHARE)
        self._sessions: SessionFactory = impatient_factory(engine)
        self._readers: SessionFactory = quick_reader_factory(engine)
        self._written_at = float("-inf")
        self._written: Any = None
        self._ended = threading.Event()
        self._is_away = False
        self._thread = threading.Thread(target=self._run, name="roll", daemon=True)
        self.wish = Wish()
        self.runs: list[dict[str, Any]] = []

    def start(self) -> None:
        """Begin; a row is there soon."""
        self._thread.start()

    def end(self) -> None:
        """The worker has ended in order: say so, if the database answers."""
        self._ended.set()
        self._thread.join(LOOK_EVERY_S)
        try:
            with self._sessions() as session:
                workers.leave(session, self._facts)
        except Exception as problem:
            log.warning("the end of this worker was not noted: %s", type(problem).__name__)

    def _run(self) -> None:
        is_known = False
        while not self._ended.is_set():
            try:
                is_known = self._look() if is_known else self._register()
                self._is_away = False
            except Exception as problem:  # of the database: what was asked last still holds
                if not self._is_away:
                    log.warning("the list of workers is not written: %s", type(problem).__name__)
                self._is_away = True
            self._ended.wait(LOOK_EVERY_S)

    def _register(self) -> bool:
        with self._sessions() as session:
            self.wish = workers.register(session, self._facts)
        return True

    def _look(self) -> bool:
        """Read what is asked and what runs, write what has changed; False when the row has gone."""
        with self._readers() as session:
            self.wish, self.runs = workers.read_entry(session, self._facts.name)
        told = (*self._told(), self.runs)
        due = time.monotonic() - self._written_at >= workers.WRITE_EVERY_S
        if not due and told == self._written:
            return True
        with self._sessions() as session:
            is_mine = workers.see(session, self._facts, *told)
        self._written, self._written_at = told, time.monotonic()
        return is_mine
