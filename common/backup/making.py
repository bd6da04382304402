"""Making a backup while people work: the rows of one moment, then the files that they name."""

from __future__ import annotations

import os
import secrets
import socket
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, text
from sqlalchemy.engine import make_url
from sqlalchemy.orm import Session

from common.backup.artifacts import CopyIn, in_parallel, of_bytes
from common.backup.keeping import keep_newest
from common.backup.lease import LEASE_S, HeldStore, held_store, note_success
from common.backup.manifest import (
    LIST,
    MANIFEST,
    OBJECTS,
    Artifact,
    Manifest,
    Part,
    hash_stream,
    read_list,
    read_manifests,
    table_part,
    write_list,
)
from common.backup.names import (
    INDEX_CSV,
    ROOMS,
    SIDES,
    Named,
    compose_tables,
    find_missing,
    read_named,
)
from common.backup.places import Place, mark, open_target
from common.backup.sequences import read_sequences
from common.backup.tables import dump_table, dumped_tables
from common.db.engine import open_engine, session_factory
from common.db.revisions import known_revisions
from common.db.tables import now
from common.errors import InvalidInput
from common.settings import Settings
from common.store import ArtifactStat, ArtifactStore, open_store
from common.version import VERSION

Report = Callable[
    [str, int, int], None
]  # what is done now, how many of it, of how many (0: unknown)
COMPOSED = (INDEX_CSV, *SIDES)
ETAG_OF_COMPOSED = ""


def quiet(_what: str, _done: int, _total: int) -> None:
    """Reports to nobody."""


@dataclass(frozen=True)
class Moment:
    """What the database held: its rows as files in a folder, and what they name. composed: files made of them."""

    revision: str
    tables: dict[str, Part]
    sequences: dict[str, int]
    named: Named
    composed: dict[str, bytes]


def make_backup(
    settings: Settings,
    target: str,
    *,
    keep: int | None = None,
    report: Report = quiet,
    scheduled: bool = False,
    lease_s: float = LEASE_S,
) -> tuple[Manifest, dict[str, Any]]:
    """Back up the service of these settings; (what it holds, its figures).

    target: a folder, a zip or a bucket, see `common/backup/places.py`. keep: how many backups stay there, the
    newest ones. Raises AlreadyRunning, InvalidInput, StoreUnavailable, DiskFull.
    """
    began = time.monotonic()
    engine, store = open_engine(settings.database), open_store(settings.store)
    place = open_target(target)
    is_whole = False
    try:
        _require_elsewhere(store, place)
        sessions = session_factory(engine)
        by = f"{socket.gethostname()}:{os.getpid()}"
        with (
            held_store(
                sessions, place.describe(), by, scheduled=scheduled, lease_s=lease_s
            ) as held,
            scratch_folder(settings) as scratch,
        ):
            manifest, figures = _Backup(settings, engine, store, place, Path(scratch), report).make(
                held
            )
            is_whole = True
            if keep is not None and place.keeps_many:
                figures["removed"] = keep_newest(place, keep)
            figures["took_s"] = round(time.monotonic() - began, 1)
            place.close()
            note_success(sessions, held, manifest.name, figures)
        return manifest, figures
    finally:
        if not is_whole:
            place.close(is_whole=False)
        engine.dispose()


def scratch_folder(settings: Settings) -> tempfile.TemporaryDirectory[str]:
    """For what is too large for memory: beside the service's work, as /tmp may be memory itself."""
    there = settings.data_dir.is_dir()
    if there:
        settings.work_dir.mkdir(exist_ok=True)
    return tempfile.TemporaryDirectory(prefix="backup-", dir=settings.work_dir if there else None)


def _require_elsewhere(store: ArtifactStore, place: Place) -> None:
    if place.describe() == store.describe():
        raise InvalidInput(
            f"{place.describe()} is the store itself.", remedy="Back up to another place."
        )


class _Backup:
    def __init__(
        self, settings: Settings, engine: Engine, store: ArtifactStore, place: Place, scratch: Path,
        report: Report,
    ) -> None:  # fmt: skip
        self._settings, self._engine, self._store = settings, engine, store
        self._place, self._scratch, self._report = place, scratch, report
        self._created = now()
        self._name = f"{self._created:%Y%m%dT%H%M%SZ}-{secrets.token_hex(2)}"

    def make(self, held: HeldStore) -> tuple[Manifest, dict[str, Any]]:
        """(what it holds, its figures). Raises Unavailable when the hold on the store was lost."""
        mark(self._place)
        moment = self._read_database()
        copy = CopyIn(self._store, self._place, self._there(), self._earlier(), self._scratch)
        artifacts = sorted(self._copy_files(moment, copy), key=lambda each: each.key)
        held.require()
        keys = {each.key for each in artifacts}
        manifest = Manifest(
            name=self._name,
            created_at=self._created.isoformat(),
            app_version=VERSION,
            revision=moment.revision,
            database=make_url(self._settings.database).get_backend_name(),
            store=self._settings.store.split(":", 1)[0],
            tables=moment.tables,
            objects=self._store_list(artifacts),
            sequences=moment.sequences,
            missing=find_missing(moment.named, keys),
            damaged=[each.key for each in artifacts if _is_damaged(each)],
        )
        self._place.put_bytes(manifest.path(MANIFEST), manifest.to_json())
        size_bytes = sum(each.size_bytes for each in artifacts)
        return manifest, {
            "rows": sum(part.count for part in moment.tables.values()),
            "artifacts": len(artifacts), "size_bytes": size_bytes,
            "new_objects": copy.new_count, "new_bytes": copy.new_bytes,
            "missing": len(manifest.missing), "damaged": len(manifest.damaged),
        }  # fmt: skip

    def _read_database(self) -> Moment:
        with _one_moment(self._engine) as connection:
            revision = _require_newest(connection)
            tables = {}
            for number, table in enumerate(dumped_tables()):
                self._report("rows", number, len(dumped_tables()))
                path = self._scratch / "rows"
                count = dump_table(connection, table, path)
                tables[table.name] = self._store_part(table_part(table.name), path, count)
            with Session(connection) as session:
                named = read_named(session)
                composed = dict(compose_tables(session, self._store, named))
            return Moment(revision, tables, read_sequences(connection), named, composed)

    def _store_part(self, part: str, path: Path, count: int) -> Part:
        with path.open("rb") as stream:
            sha256, size_bytes = hash_stream(stream)
        self._place.put_file(f"snapshots/{self._name}/{part}", path)
        return Part(size_bytes, sha256, count)

    def _store_list(self, artifacts: list[Artifact]) -> Part:
        path = self._scratch / "artifacts"
        return self._store_part(LIST, path, write_list(path, artifacts))

    def _there(self) -> set[str]:
        return {name.rsplit("/", 1)[-1] for name, _ in self._place.list(OBJECTS)}

    def _earlier(self) -> dict[str, Artifact]:
        """The artifacts of the last backup, if that was of this store."""
        found = read_manifests(self._place)
        if not found:
            return {}
        return {each.key: each for each in read_list(self._place, found[-1]) if each.etag}

    def _copy_files(self, moment: Moment, copy: CopyIn) -> Iterator[Artifact]:
        for key, data in moment.composed.items():
            content = of_bytes(data)
            copy.put(content)
            yield Artifact(key, content.sha256, content.size_bytes, ETAG_OF_COMPOSED)
        listed = list(self._listed(moment))
        for done, artifact in enumerate(in_parallel(copy.copy, listed), 1):
            self._report("files", done, len(listed))
            if artifact is not None:
                yield artifact

    def _listed(self, moment: Moment) -> Iterator[ArtifactStat]:
        for room in ROOMS:
            for item in self._store.list(room):
                if moment.named.has(item.key) and item.key not in moment.composed:
                    yield item


def _is_damaged(artifact: Artifact) -> bool:
    """Whether an image's content is not the one that it is named after."""
    parts = artifact.key.split("/")
    if len(parts) != 4 or parts[0] != "datasets" or parts[2] != "images":
        return False
    return parts[3].partition(".")[0] != artifact.sha256


@contextmanager
def _one_moment(engine: Engine) -> Iterator[Connection]:
    """A transaction that only reads, and sees the database as it is at its first look."""
    reading = engine.execution_options(read_only=True)
    if engine.dialect.name == "postgresql":
        reading = reading.execution_options(
            isolation_level="REPEATABLE READ", postgresql_readonly=True
        )
    with reading.connect() as connection, connection.begin():
        yield connection


def _require_newest(connection: Connection) -> str:
    """The schema's revision. Raises InvalidInput unless it is that of this version."""
    found = str(connection.scalar(text("SELECT version_num FROM alembic_version")))
    newest = known_revisions()[-1]
    if found != newest:
        raise InvalidInput(
            f"The database is of schema {found}, and this version works with {newest}.",
            remedy="Back up with the version that runs, or run 'clip-browser migrate' first.",
        )
    return found
