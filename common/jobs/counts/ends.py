"""How jobs ended, how often and after how long: counted in the database as they end, for `/metrics`.

In place of counting rows of jobs, which retention removes: a count never falls, all processes tell the same,
and reading it costs the same after a million jobs.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from common.db.tables import Job, JobEnd

BOUNDS_S = (1, 5, 15, 60, 300, 900, 3600, 4 * 3600, 12 * 3600, 24 * 3600, 72 * 3600)
LONGER, NEVER_BEGAN = 0, -1  # in place of a bound: longer than all; and those without a duration
Key = tuple[str, str, str, int]  # kind, state, code of the error, bound


@dataclass(frozen=True)
class EndCount:
    """Jobs of a kind that ended so, within bound_s (LONGER, NEVER_BEGAN). seconds: of all together."""

    kind: str
    state: str
    code: str
    bound_s: int
    count: int
    seconds: float


def note_ends(session: Session, jobs: Iterable[Job]) -> None:
    """Count jobs that have just ended; last in their transaction, since others that count the same wait.

    All in one order, so that no two transactions wait for each other.
    """
    counts: Counter[Key] = Counter()
    seconds: Counter[Key] = Counter()
    for job in jobs:
        if job.finished_at is None:
            continue
        took_s = _span_s(job)
        key = (job.kind, job.state, str((job.error or {}).get("code", "")), _bound_of(took_s))
        counts[key] += 1
        seconds[key] += took_s or 0.0  # type: ignore[assignment]
    for key in sorted(counts):
        _add(session, key, counts[key], float(seconds[key]))


def read_ends(session: Session) -> list[EndCount]:
    """All counts: a row for each kind, state, error and bound that there ever was."""
    return [
        EndCount(row.kind, row.state, row.code, row.bound_s, row.count, row.seconds)
        for row in session.scalars(select(JobEnd))
    ]


def _span_s(job: Job) -> float | None:
    """From its first beginning to its end; None for one that never began."""
    if job.started_at is None or job.finished_at is None:
        return None
    return max(0.0, (job.finished_at - job.started_at).total_seconds())


def _bound_of(took_s: float | None) -> int:
    if took_s is None:
        return NEVER_BEGAN
    return next((bound for bound in BOUNDS_S if took_s <= bound), LONGER)


def _add(session: Session, key: Key, count: int, seconds: float) -> None:
    on_postgresql = session.get_bind().dialect.name == "postgresql"
    insert = postgresql.insert if on_postgresql else sqlite.insert
    names = ("kind", "state", "code", "bound_s")
    added = insert(JobEnd).values(
        **dict(zip(names, key, strict=True)), count=count, seconds=seconds
    )
    session.execute(
        added.on_conflict_do_update(
            index_elements=names,
            set_={"count": JobEnd.count + count, "seconds": JobEnd.seconds + seconds},
        )
    )
