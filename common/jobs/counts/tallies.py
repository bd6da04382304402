"""What happened to jobs how often, for `/metrics`: counted in the database, so that no worker's end loses it."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from common.db.tables import Tally

LOST_LEASES = "lost_leases"
RETRIES = "retries"
CLEANED_REPORTS = "cleaned_reports"
REFUSED_REPORTS = "refused_reports"
MEANINGS = {
    LOST_LEASES: "Executions of jobs whose worker was lost.",
    RETRIES: "Jobs queued again since something did not answer for a while.",
    CLEANED_REPORTS: "Reports of jobs that were changed or left out, as no database could keep them.",
    REFUSED_REPORTS: "Reports of jobs that the database refused all the same.",
}


def count(session: Session, name: str, by: int) -> None:
    """Add to a count; last in its transaction, since others that count the same wait for its end."""
    if by <= 0:
        return
    on_postgresql = session.get_bind().dialect.name == "postgresql"
    insert = postgresql.insert if on_postgresql else sqlite.insert
    added = insert(Tally).values(name=name, count=by)
    session.execute(
        added.on_conflict_do_update(index_elements=["name"], set_={"count": Tally.count + by})
    )


def read_tallies(session: Session) -> dict[str, int]:
    """All counts, also those that are 0."""
    found = {tally.name: tally.count for tally in session.scalars(select(Tally))}
    return {name: found.get(name, 0) for name in MEANINGS}
