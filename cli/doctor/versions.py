"""Which versions there are, and whether they fit together."""

from __future__ import annotations

import platform
import sys
from collections.abc import Iterator

from sqlalchemy.exc import SQLAlchemyError

from cli.doctor.findings import Finding, unknown
from cli.doctor.place import Place
from common.db.revisions import SchemaState, known_revisions, read_schema
from common.version import VERSION

OLDEST_PYTHON = (3, 11)


def look_at_versions(place: Place) -> Iterator[Finding]:
    """CLIP Browser's, Python's and the schema's; those of the servers stand with them."""
    yield Finding("version", "ok", f"CLIP Browser {VERSION}")
    running = platform.python_version()
    if sys.version_info >= OLDEST_PYTHON:
        yield Finding("version: python", "ok", running)
    else:
        yield Finding(
            "version: python", "fail", f"{running} is too old", "Use Python 3.11 or newer."
        )
    if place.database is None:
        yield unknown("version: schema", "there is no database")
        return
    try:
        with place.database.execution_options(read_only=True).connect() as connection:
            yield judge_schema(read_schema(connection))
    except SQLAlchemyError:
        yield unknown("version: schema", "the database does not answer")


def judge_schema(found: SchemaState) -> Finding:
    """The database's schema against the one that this version makes."""
    newest = known_revisions()[-1]
    by = f", written by CLIP Browser {found.written_by}" if found.written_by else ""
    if found.revision is None:
        return Finding(
            "version: schema", "fail", "the database has no tables", "Run 'clip-browser migrate'."
        )
    if found.revision == newest:
        return Finding("version: schema", "ok", f"{found.revision}{by}")
    if found.revision in known_revisions():
        return Finding(
            "version: schema", "fail", f"{found.revision}{by}; this version needs {newest}",
            "Make a backup, then run 'clip-browser migrate' or start the API.",
        )  # fmt: skip
    return Finding(
        "version: schema", "fail", f"{found.revision}{by}; this version knows schemas up to {newest}",
        f"Install {f'CLIP Browser {found.written_by}' if found.written_by else 'the version that wrote it'} "
        "or a newer one, or restore the backup that was made before the upgrade.",
    )  # fmt: skip
