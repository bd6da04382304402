"""Rows of each earlier schema: `tests/data/schemas/<revision>.json`, `{table: [row, ...]}`.

    python -m tests.data.schema_fixtures

makes the ones that are missing, up to the schema before the newest: the rows of the fixture before,
brought to the revision by its own migration, with rows in its new tables and values in its new columns.
What a new value must be for the service to read it stands in FITTING. The files are kept as they are.
"""

from __future__ import annotations

import itertools
import json
import sys
import tempfile
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from sqlalchemy import (
    Boolean,
    Column,
    DateTime,
    Double,
    Float,
    Integer,
    MetaData,
    String,
    Table,
    create_engine,
    func,
    null,
    select,
    text,
)
from sqlalchemy.engine import make_url
from sqlalchemy.types import JSON

import common.db.engine
from common.db.engine import open_engine
from common.db.revisions import known_revisions

FOLDER = Path(__file__).parent / "schemas"
MOMENT = "2026-11-23T12:00:00+00:00"
Rows = dict[str, list[dict[str, Any]]]
# What the generator cannot know: values that mean something, by (table, column).
FITTING: dict[tuple[str, str], Any] = {
    ("variants", "state"): "accepted",
    ("variants", "method"): "synonyms",
    ("variants", "reasons"): [],
    ("variants", "job_id"): "j1",
    ("datasets", "review_policy"): "none",
    ("paused_queues", "name"): "gpu",
    ("jobs", "group_id"): None,
    ("jobs", "not_before"): None,
    ("jobs", "suspect_lease"): None,
    ("models", "lineage"): None,
    ("datasets", "deleted_at"): None,
    ("datasets", "deleted_by"): None,
    ("datasets", "model_id"): None,
    ("datasets", "variants_job_id"): None,
    ("datasets", "snapshot_id"): None,
    ("users", "disabled_at"): None,
    ("users", "removed_at"): None,
    ("members", "role"): "viewer",
    ("group_roles", "role"): "viewer",
    ("audit_events", "act"): "dataset.create",
    ("audit_events", "via"): "session",
    ("audit_events", "dataset_id"): "pets",
    ("trashed_images", "image_id"): 9,
    ("trashed_images", "rows"): {},
    ("trashed_models", "rows"): {},
    ("tallies", "name"): "lost_leases",
    ("backups", "state"): "succeeded",
    ("backups", "error"): None,
}


def fixtures() -> dict[str, Path]:
    """The files by revision."""
    return {path.stem: path for path in sorted(FOLDER.glob("*.json"))}


def upgrade_to(url: str, revision: str) -> None:
    """Run the migrations up to this one."""
    config = Config()
    folder = Path(common.db.engine.__file__).parent / "migrations"
    config.set_main_option("script_location", str(folder))
    config.attributes["url"] = url
    command.upgrade(config, revision)


def read_tables(url: str) -> MetaData:
    """The tables as the database itself has them, without Alembic's own."""
    engine = create_engine(_driver(url))
    found = MetaData()
    found.reflect(engine)
    engine.dispose()
    found.remove(found.tables["alembic_version"])
    return found


def insert_rows(url: str, rows: Rows) -> None:
    """Write the rows; on PostgreSQL the numbers that follow go on after them, as after real use."""
    tables = read_tables(url)
    engine = open_engine(url)
    naive = engine.dialect.name == "sqlite"
    with engine.begin() as connection:
        for table in tables.sorted_tables:
            given = [_decoded(table, row, naive) for row in rows.get(table.name, [])]
            for row in given:
                connection.execute(table.insert().values(row))
        if not naive:
            for table in tables.sorted_tables:
                _go_on_counting(connection, table)
    engine.dispose()


def read_rows(url: str) -> Rows:
    """All rows, as they stand in the files."""
    tables = read_tables(url)
    engine = open_engine(url)
    with engine.connect() as connection:
        found = {
            table.name: [
                _encoded(table, row._asdict())
                for row in connection.execute(select(table).order_by(*table.primary_key))
            ]
            for table in sorted(tables.tables.values(), key=lambda table: table.name)
        }
    engine.dispose()
    return found


def _driver(url: str) -> str:
    parsed = make_url(url)
    if parsed.drivername == "postgresql":
        parsed = parsed.set(drivername="postgresql+psycopg")
    return parsed.render_as_string(hide_password=False)


def _go_on_counting(connection: Any, table: Table) -> None:
    for column in table.primary_key:
        name = connection.scalar(
            text("SELECT pg_get_serial_sequence(:table, :column)"),
            {"table": table.name, "column": column.name},
        )
        last = connection.scalar(select(func.max(column))) if name else None
        if last is not None:
            connection.execute(select(func.setval(name, last)))


def _decoded(table: Table, row: dict[str, Any], naive: bool) -> dict[str, Any]:
    made = dict(row)
    for name, value in row.items():
        if value is None:
            made[name] = null()  # of a JSON column, too, where None would be JSON's own
        elif isinstance(table.columns[name].type, DateTime):
            moment = datetime.fromisoformat(value).astimezone(UTC)
            made[name] = moment.replace(tzinfo=None) if naive else moment
    return made


def _encoded(table: Table, row: dict[str, Any]) -> dict[str, Any]:
    made = dict(row)
    for name, value in row.items():
        if isinstance(value, datetime):
            aware = value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
            made[name] = aware.isoformat()
    return made


def make_missing() -> list[Path]:
    """Write the fixtures that are not there, up to the revision before the newest; the new files."""
    revisions = known_revisions()
    made = []
    for before, revision in itertools.pairwise(revisions[:-1]):
        path = FOLDER / f"{revision}.json"
        if not path.exists():
            path.write_text(_as_text(_next_fixture(before, revision)), "utf-8")
            made.append(path)
    return made


def _as_text(rows: Rows) -> str:
    """A row on each line, so that a change shows."""
    tables = [
        f"{json.dumps(name)}: [\n"
        + ",\n".join(f"  {json.dumps(row, ensure_ascii=False)}" for row in there)
        + "\n]"
        for name, there in rows.items()
        if there
    ]
    return "{\n" + ",\n".join(tables) + "\n}\n"


def _next_fixture(before: str, revision: str) -> Rows:
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{folder}/fixture.db"
        upgrade_to(url, before)
        old = read_tables(url)
        insert_rows(url, json.loads((FOLDER / f"{before}.json").read_text("utf-8")))
        upgrade_to(url, revision)
        rows, new = read_rows(url), read_tables(url)
    for table in new.sorted_tables:
        if not rows[table.name]:
            rows[table.name] = [{c.name: _made_up(table, c, rows) for c in table.columns}]
        elif table.name in old.tables:
            fresh = [c for c in table.columns if c.name not in old.tables[table.name].columns]
            for column in fresh:
                if rows[table.name][0][column.name] is None:
                    rows[table.name][0][column.name] = _made_up(table, column, rows)
    return rows


def _made_up(table: Table, column: Column[Any], rows: Rows) -> Any:
    """A value that the column takes: FITTING's, that of a row it points to, or one by its type."""
    if (table.name, column.name) in FITTING:
        return FITTING[table.name, column.name]
    for key in column.foreign_keys:
        return rows[key.column.table.name][0][key.column.name]
    kinds: Iterable[tuple[type, Any]] = (
        (Boolean, False), (DateTime, MOMENT), (JSON, {}), (Integer, 1), (Float, 0.5), (Double, 0.5),
    )  # fmt: skip
    for kind, value in kinds:
        if isinstance(column.type, kind):
            return value
    length = column.type.length if isinstance(column.type, String) else None
    return f"{table.name} {column.name}"[:length]


def pairs(rows: Rows, later: Rows) -> Iterator[tuple[str, dict[str, Any], dict[str, Any]]]:
    """(table, row, what became of it), of the columns that both have; {} for a row that is gone."""
    for name, there in rows.items():
        for at, row in enumerate(there):
            if name in later:
                after = later[name][at] if at < len(later[name]) else {}
                yield name, {k: v for k, v in row.items() if not after or k in after}, after


if __name__ == "__main__":
    made = make_missing()
    print("\n".join(f"made {path.relative_to(Path.cwd())}" for path in made) or "none is missing")
    sys.exit(0)
