"""What the trash holds of a row, found by foreign keys."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Column, Table, delete, insert, select
from sqlalchemy.orm import Session

from common.db.engine import open_engine, session_factory
from common.db.tables import Base, UtcDateTime
from common.trash.rows import from_json, hanging_on, pack, table_of, unpack
from tests.migrated import migrate_new

DATASET = {"id": "birds", "name": "Birds", "created_by": "ada", "caption_seq": 0, "defaults": {}}


@pytest.fixture(params=["sqlite", "postgresql"])
def session(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Session]:
    """With a dataset."""
    url = f"sqlite:///{tmp_path}/test.db"
    if request.param == "postgresql":
        url = str(request.getfixturevalue("postgres_url"))
    migrate_new(url)
    with session_factory(open_engine(url))() as session:
        session.execute(insert(table_of("datasets")).values(DATASET))
        yield session


def _value(column: Column[Any], number: int) -> Any:
    """Something that fits, and is nothing that a default would give."""
    if column.foreign_keys:
        return {"datasets": "birds", "images": number}[
            next(iter(column.foreign_keys)).column.table.name
        ]
    if isinstance(column.type, UtcDateTime):
        return datetime(2026, 3, number, 4, 5, 6, 789, tzinfo=UTC)
    kind = column.type.python_type
    given = {int: number, str: f"{column.name[:5]} {number}", bool: True, float: 0.5, list: ["x"]}
    return given.get(kind, {"x": number})


def _insert(session: Session, table: Table, number: int) -> None:
    values = {column.name: _value(column, number) for column in table.columns}
    session.execute(insert(table).values(values))


def _all(session: Session, table: Table) -> list[dict[str, Any]]:
    rows = session.execute(select(table).order_by(*table.primary_key)).mappings()
    return [dict(row) for row in rows]


def test_every_column_of_every_table_that_hangs_on_images_goes_in_and_comes_out_as_it_was(
    session: Session,
) -> None:
    tables = [table_of("images"), *(column.table for column in hanging_on("images"))]
    assert {
        "captions",
        "caption_revisions",
        "image_sources",
        "reviews",
        "suggestions",
        "variants",
    } <= {table.name for table in tables}
    for table in tables:
        for number in (1, 2, 3):
            _insert(session, table, number)
    before = {table.name: _all(session, table) for table in tables}
    packed = pack(session, "images", [1, 2, 3])
    session.execute(delete(table_of("images")))
    assert not any(_all(session, table) for table in tables)
    unpack(session, packed.values())
    assert {table.name: _all(session, table) for table in tables} == before


def test_nothing_refers_to_images_that_would_not_go_along_or_be_kept(session: Session) -> None:
    referring = {
        table.name
        for table in Base.metadata.sorted_tables
        for key in table.foreign_keys
        if key.column.table.name == "images"
    }
    assert referring == {column.table.name for column in hanging_on("images")}


def test_a_revision_that_others_have_the_number_of_gets_another_one(session: Session) -> None:
    for number in (1, 2):
        _insert(session, table_of("images"), number)
    _insert(session, table_of("caption_revisions"), 1)
    packed = pack(session, "images", [1])
    session.execute(delete(table_of("images")).where(table_of("images").c.id == 1))
    _insert(session, table_of("caption_revisions"), 2)
    unpack(session, packed.values())
    found = _all(session, table_of("caption_revisions"))
    assert sorted(row["image_id"] for row in found) == [1, 2]
    assert len({row["id"] for row in found}) == 2


def test_rows_of_a_version_with_other_columns_are_read_back() -> None:
    row = {"image_id": 1, "slot": 0, "text": "a cat", "author": "ada", "was_dropped_since": 3}
    assert from_json(table_of("captions"), row) == {
        "image_id": 1, "slot": 0, "text": "a cat", "author": "ada",
    }  # fmt: skip
