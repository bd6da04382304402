"""Which backup runs: a row with a lease. While one is alive nothing is removed from the store.

Whoever removes files looks after the rows that named them have gone (committed). The row of a backup is
written before it reads the database, so what its snapshot names was still there, and whoever removes it
later sees the row. A backup that was killed extends its lease no more, and holds nothing a minute later.
"""

from __future__ import annotations

import secrets
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from typing import Any

from sqlalchemy import delete, select, update
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from common.db.clock import ClockTime, from_now
from common.db.engine import SessionFactory, hold
from common.db.tables import Backup, now
from common.errors import AlreadyRunning, ClipBrowserError, Unavailable

LEASE_S = 60.0
EXTEND_EVERY_S = 5.0
KEPT = 50  # rows of backups that have ended
LOST = "It ended without a word: its process was killed, or its machine."


def _alive() -> Any:
    return (Backup.state == "running") & (Backup.until > ClockTime())


def is_held(session: Session) -> bool:
    """Whether a backup reads the store: what it may name has to stay."""
    return session.scalar(select(Backup.id).where(_alive()).limit(1)) is not None


class HeldStore:
    """The lease of a backup that runs, extended by a thread."""

    def __init__(self, sessions: SessionFactory, backup_id: str, lease_s: float) -> None:
        self._sessions, self.backup_id, self._lease_s = sessions, backup_id, lease_s
        self._ended = threading.Event()
        self._is_lost = False
        self._thread = threading.Thread(target=self._extend, name="backup lease", daemon=True)

    def require(self) -> None:
        """Raises Unavailable when the lease ran out: files may have been removed since."""
        if self._is_lost or not self._extend_once():
            raise Unavailable(
                "The backup could not keep its hold on the store: the database did not answer for too long.",
                remedy="Run it again; what it has copied stays.",
            )

    def _extend(self) -> None:
        while not self._ended.wait(min(EXTEND_EVERY_S, self._lease_s / 4)):
            with suppress(SQLAlchemyError):
                self._is_lost = self._is_lost or not self._extend_once()

    def _extend_once(self) -> bool:
        with self._sessions() as session:
            until = from_now(session, self._lease_s)
            mine = update(Backup).where(Backup.id == self.backup_id, _alive())
            return session.scalar(mine.values(until=until).returning(Backup.id)) is not None

    def _run(self) -> None:
        self._thread.start()

    def _close(self) -> None:
        self._ended.set()
        self._thread.join()


@contextmanager
def held_store(
    sessions: SessionFactory,
    place: str,
    by: str,
    *,
    scheduled: bool = False,
    lease_s: float = LEASE_S,
) -> Iterator[HeldStore]:
    """Hold what is in the store until the end; the row says how that was. Raises AlreadyRunning.

    The body notes what it made by `note_success`; without that it has failed.
    """
    held = HeldStore(sessions, _begin(sessions, place, by, scheduled, lease_s), lease_s)
    held._run()
    try:
        yield held
    except BaseException as problem:
        held._close()
        _end(sessions, held.backup_id, "failed", error=_told(problem))
        raise
    held._close()


def note_success(
    sessions: SessionFactory, held: HeldStore, snapshot: str, figures: dict[str, Any]
) -> None:
    """The backup is whole; from now on it holds nothing."""
    _end(sessions, held.backup_id, "succeeded", snapshot=snapshot, figures=figures)


def note_verified(sessions: SessionFactory, snapshots: Sequence[str], wrong: int) -> int:
    """These backups were read over just now, and so many files of their place were wrong; how many of them are known here."""
    with sessions() as session:
        rows = session.scalars(select(Backup).where(Backup.snapshot.in_(snapshots))).all()
        for row in rows:
            row.figures = {**row.figures, "verified_at": now().isoformat(), "wrong": wrong}
    return len(rows)


def note_failure(sessions: SessionFactory, since: datetime, problem: ClipBrowserError) -> None:
    """A scheduled backup failed; unless its row says so, one is added: it did not come to hold the store."""
    with sessions() as session:
        last = select(Backup.id).where(Backup.is_scheduled, Backup.started_at >= since)
        if session.scalar(last.limit(1)) is None:
            session.add(
                Backup(
                    id=secrets.token_hex(6), place="", by="", state="failed", is_scheduled=True,
                    started_at=since, until=now(), finished_at=now(), error=problem.to_dict(),
                )
            )  # fmt: skip


def _begin(sessions: SessionFactory, place: str, by: str, scheduled: bool, lease_s: float) -> str:
    with sessions() as session:
        hold(session, "backup")
        other = session.scalar(select(Backup).where(_alive()))
        if other is not None:
            raise AlreadyRunning(
                f"Another backup of this service, to {other.place}, runs since {other.started_at:%H:%M:%S} UTC.",
                remedy="Wait until it has ended; one that was killed is forgotten within a minute.",
            )
        lost = {"code": "worker_lost", "message": LOST, "remedy": ""}
        session.execute(
            update(Backup)
            .where(Backup.state == "running")
            .values(state="failed", finished_at=Backup.until, error=lost)
        )
        row = Backup(
            id=secrets.token_hex(6), place=place[:300], by=by, state="running", is_scheduled=scheduled,
            started_at=now(), until=from_now(session, lease_s),
        )  # fmt: skip
        session.add(row)
        ended = select(Backup.id).where(Backup.state != "running")
        kept = ended.order_by(Backup.started_at.desc()).limit(KEPT)
        session.execute(
            delete(Backup).where(Backup.state != "running", Backup.id.not_in(kept)),
            execution_options={"synchronize_session": False},
        )
    return row.id


def _end(sessions: SessionFactory, backup_id: str, state: str, **facts: Any) -> None:
    with sessions() as session:
        session.execute(
            update(Backup)
            .where(Backup.id == backup_id, Backup.state == "running")
            .values(state=state, finished_at=now(), **facts)
        )


def _told(problem: BaseException) -> dict[str, Any]:
    if isinstance(problem, ClipBrowserError):
        return problem.to_dict()
    return {
        "code": "internal",
        "message": f"{type(problem).__name__}: {problem}"[:500],
        "remedy": "",
    }


def last_backup(session: Session) -> Backup | None:
    """The one that was begun last."""
    return session.scalar(select(Backup).order_by(Backup.started_at.desc()).limit(1))


def last_whole(session: Session) -> Backup | None:
    """The one that was whole last."""
    whole = select(Backup).where(Backup.state == "succeeded")
    return session.scalar(whole.order_by(Backup.finished_at.desc()).limit(1))


def last_success(session: Session) -> datetime | None:
    """When a backup was whole last."""
    whole = last_whole(session)
    return whole.finished_at if whole else None
