"""Whether database and store know of the same files."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from sqlalchemy.exc import SQLAlchemyError

from cli.doctor.findings import Finding, unknown
from cli.doctor.place import Place
from common.backup.names import missing_artifacts
from common.db.tables import now
from common.errors import ClipBrowserError
from common.retention import find_files

EXAMPLES = 3
YOUNG_DAYS = 1  # what is being written has no row yet


def look_at_files(place: Place) -> Iterator[Finding]:
    """Rows whose file is gone, and files that no row names. Lists the whole store."""
    readers = place.readers
    if readers is None:
        yield unknown("files", "there is no database")
        return
    settings = place.settings.model_copy(update={"keep_orphans_days": YOUNG_DAYS})
    try:
        with readers() as session:
            missing = missing_artifacts(session, place.store)
            orphans = list(find_files(session, place.store, settings, now()))
    except SQLAlchemyError:
        yield unknown("files", "the database does not answer, or has another schema")
        return
    except ClipBrowserError as problem:
        yield unknown("files", problem.message)
        return
    if missing:
        yield Finding(
            "files: missing", "fail", f"{len(missing):,} files that the database names are not in the store: "
            f"{_examples(missing)}",
            "Put them back from a backup, or delete what they belong to.",
        )  # fmt: skip
    else:
        yield Finding("files: missing", "ok", "every row has its file")
    if orphans:
        size_gb = sum(one.size_bytes for one in orphans) / 1024**3
        yield Finding(
            "files: orphans", "warn", f"{sum(one.count for one in orphans):,} files ({size_gb:.2f} GiB) that no row "
            f"names: {_examples([one.name for one in orphans])}",
            f"The service removes them when they are {place.settings.keep_orphans_days} days old; "
            "'clip-browser retention' does so now.",
        )  # fmt: skip
    else:
        yield Finding("files: orphans", "ok", "every file has its row")


def _examples(names: list[str]) -> str:
    shown = ", ".join(islice(names, EXAMPLES))
    return f"{shown} ..." if len(names) > EXAMPLES else shown
