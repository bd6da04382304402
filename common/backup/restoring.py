"""A backup into an empty stack of any kind: the files first, then all rows in one transaction.

So a database with rows is always whole, and a restore that broke off is begun again: a mark in the store tells
of which backup the files there are.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, MetaData, Table, func, inspect, select, update

from common.backup.artifacts import CopyOut, in_parallel
from common.backup.making import Report, quiet, scratch_folder
from common.backup.manifest import (
    Artifact,
    Manifest,
    choose_manifest,
    damaged_part,
    hash_stream,
    read_list,
    table_part,
)
from common.backup.names import ROOMS
from common.backup.places import Place, open_source
from common.backup.sequences import write_sequences
from common.backup.tables import LEFT_OUT, Loader
from common.db.engine import migrate, open_engine
from common.db.revisions import known_revisions
from common.db.tables import Base, now
from common.errors import Conflict, InvalidInput, NotFound
from common.people.credentials import ADMIN
from common.settings import Settings
from common.store import ArtifactStore, open_store

UNFINISHED = "restore-unfinished.txt"  # in the store, while it is filled
OF_FIRST_START = ("users", "tokens", "audit_events", "tallies", *LEFT_OUT)
AGAIN = (
    "The service was restored from a backup of a moment when this ran; it waits to be done again."
)
STOPPED = "The service was restored from a backup of a moment when this was being stopped."


@dataclass
class Restored:
    """What came back. lost: artifacts that the backup itself has lost or damaged."""

    manifest: Manifest
    rows: int = 0
    artifacts: int = 0
    size_bytes: int = 0
    jobs_again: int = 0
    second_factors: int = 0
    lost: list[str] = field(default_factory=list)


def restore_backup(
    settings: Settings, source: str, *, name: str | None = None, report: Report = quiet
) -> Restored:
    """Fill the empty database and store of these settings from a backup. name: not the newest one.

    Raises Conflict when they are not empty, InvalidInput for a backup of a later version or one whose rows are
    damaged, NotFound, StoreUnavailable, DiskFull.
    """
    place, store = open_source(source), open_store(settings.store)
    engine = open_engine(settings.database)
    try:
        manifest = choose_manifest(place, name)
        _require_known(manifest)
        _require_empty(engine, store, manifest)
        with scratch_folder(settings) as folder:
            scratch = Path(folder)
            rows = _fetch_rows(place, manifest, scratch)
            restored = Restored(manifest)
            _restore_files(place, store, scratch, restored, report)
            _restore_rows(settings, engine, rows, restored, report)
        store.delete(UNFINISHED)
        return restored
    finally:
        engine.dispose()
        place.close()


def _require_known(manifest: Manifest) -> None:
    if manifest.revision not in known_revisions():
        raise InvalidInput(
            f"The backup is of schema {manifest.revision} (CLIP Browser {manifest.app_version}); this version knows "
            f"them up to {known_revisions()[-1]}.",
            remedy="Install the version that made it, or a later one.",
        )


def _require_empty(engine: Engine, store: ArtifactStore, manifest: Manifest) -> None:
    """Raises Conflict that names what is there."""
    held = _held_rows(engine)
    if held:
        told = ", ".join(f"{count} {name}" for name, count in held.items())
        raise Conflict(
            f"The database is not empty: it has {told}.",
            remedy="Restore into a new database, or a new --data-dir. Nothing was changed.",
        )
    if _mark_in(store) == manifest.name:
        return
    found = next((item.key for room in ROOMS for item in store.list(room)), None)
    if found is not None:
        raise Conflict(
            f"The store ({store.describe()}) is not empty: it has {found}.",
            remedy="Restore into a new bucket or folder. Nothing was changed.",
        )


def _held_rows(engine: Engine) -> dict[str, int]:
    """{table: rows}, but for the person who is made at the first start, and what that one did."""
    there = set(inspect(engine).get_table_names())
    held: dict[str, int] = {}
    with engine.execution_options(read_only=True).connect() as connection, connection.begin():
        for table in Base.metadata.sorted_tables:
            if table.name in there and table.name not in OF_FIRST_START:
                held[table.name] = _count(connection, table)
        if "users" in there:
            users = Base.metadata.tables["users"]
            others = select(func.count()).select_from(users).where(users.c.name != ADMIN)
            held["users"] = int(connection.scalar(others) or 0)
    return {name: count for name, count in held.items() if count}


def _count(connection: Connection, table: Table) -> int:
    return int(connection.scalar(select(func.count()).select_from(table)) or 0)


def _mark_in(store: ArtifactStore) -> str:
    try:
        return store.get_bytes(UNFINISHED).decode()
    except NotFound:
        return ""


def _fetch_rows(place: Place, manifest: Manifest, scratch: Path) -> dict[str, Path]:
    """The files of the tables, each as it was written. Raises InvalidInput."""
    files = {}
    for name, part in manifest.tables.items():
        stored = manifest.path(table_part(name))
        files[name] = scratch / f"{name}.rows"
        try:
            data = place.get_bytes(stored)
        except NotFound:
            raise damaged_part(stored) from None
        files[name].write_bytes(data)
        with files[name].open("rb") as stream:
            if hash_stream(stream)[0] != part.sha256:
                raise damaged_part(stored)
    return files


def _restore_files(
    place: Place, store: ArtifactStore, scratch: Path, restored: Restored, report: Report
) -> None:
    artifacts = list(read_list(place, restored.manifest))
    store.put_bytes(UNFINISHED, restored.manifest.name.encode())
    there = {item.key: item.size_bytes for room in ROOMS for item in store.list(room)}
    missing = [each for each in artifacts if there.get(each.key) != each.size_bytes]
    restored.artifacts = len(artifacts) - len(missing)
    for done, (artifact, is_there) in enumerate(_copied(place, store, scratch, missing), 1):
        report("files", done, len(missing))
        if is_there:
            restored.artifacts += 1
            restored.size_bytes += artifact.size_bytes
        else:
            restored.lost.append(artifact.key)
    restored.lost.sort()


def _copied(
    place: Place, store: ArtifactStore, scratch: Path, artifacts: list[Artifact]
) -> Iterator[tuple[Artifact, bool]]:
    return in_parallel(CopyOut(place, store, scratch).copy, artifacts)


def _restore_rows(
    settings: Settings, engine: Engine, files: dict[str, Path], restored: Restored, report: Report
) -> None:
    """The schema of the backup, its rows, and from there on to the newest schema."""
    _drop_tables(engine)
    migrate(settings.database, restored.manifest.revision)
    with engine.connect() as connection, connection.begin():
        loader = Loader(connection)
        tables = loader.tables(list(files))
        for number, table in enumerate(tables):
            report("rows", number, len(tables))
            restored.rows += loader.load(table, files[table.name])
        write_sequences(connection, tables, restored.manifest.sequences)
        restored.jobs_again = _mend_jobs(connection, loader.metadata)
        _mark_train_csv(connection, loader.metadata)
        if "second_factors" in files:
            restored.second_factors = _count(connection, loader.metadata.tables["second_factors"])
    migrate(settings.database)


def _drop_tables(engine: Engine) -> None:
    """The empty ones of another schema, with what the first start wrote."""
    there = MetaData()
    with engine.begin() as connection:
        there.reflect(connection)
        there.drop_all(connection)


def _mend_jobs(connection: Connection, metadata: MetaData) -> int:
    """No worker has these jobs: what ran waits to be done again, what was being stopped has stopped; how many wait."""
    jobs = metadata.tables["jobs"]
    free: dict[str, Any] = {"lease_owner": None, "lease_until": None, "suspect_lease": None}
    again = {**free, "state": "queued", "place": None, "not_before": None}
    stopped = {**free, "state": "stopped", "finished_at": now()}
    count = 0
    for before, values, note in (("running", again, AGAIN), ("stopping", stopped, STOPPED)):
        for row in connection.execute(select(jobs).where(jobs.c.state == before)).mappings().all():
            written = {name: value for name, value in values.items() if name in jobs.c}
            if before == "running":  # that attempt does not count
                written["attempt"] = max(0, row["attempt"] - 1)
            if "notes" in jobs.c:
                written["notes"] = [*(row["notes"] or []), note]
            connection.execute(update(jobs).where(jobs.c.id == row["id"]).values(written))
            count += before == "running"
    return count


def _mark_train_csv(connection: Connection, metadata: MetaData) -> None:
    """train.csv may be of a later moment than the variants: the service writes it once more."""
    datasets = metadata.tables["datasets"]
    if {"train_csv_seq", "variants_job_id"} <= set(datasets.c.keys()):
        with_variants = datasets.c.variants_job_id.is_not(None)
        connection.execute(update(datasets).where(with_variants).values(train_csv_seq=-1))
