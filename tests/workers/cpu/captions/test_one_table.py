"""A database of the version before, with captions in `images` and `extra_captions`, brought up to date."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import MetaData, func, insert, select

import common.db.migrations
from common.captions.heads import Head, read_heads
from common.captions.rows import caption_rows
from common.db.engine import migrate, open_engine
from common.db.tables import CaptionRevision, Image, ImageSource, Job, Review, now
from common.errors import CaptionConflict
from common.images.filter import ImageFilter, filtered
from tests.captions import save_one
from tests.workers.augment.variant_data import BIRDS, run
from tests.workers.conftest import Backstage, open_backstage
from workers.cpu.captions.saving import Save
from workers.cpu.captions.undo_job import undo_edit

BEFORE = "0005"
TIME = datetime(2026, 5, 1, 12, 30, 15, 250_000, tzinfo=UTC)
LATER = datetime(2026, 5, 2, 8, 0, tzinfo=UTC)
EDIT = "e" * 12
DOG = "a dog with 🐕 — “quoted”, 'plain' and a \\ backslash"


def image(image_id: int, caption: str | None, revision: int, by: str | None, **more: Any) -> Any:
    return {
        "id": image_id, "dataset_id": BIRDS, "sha256": f"{image_id:064x}", "ext": "png",
        "filename": f"{image_id}.png", "width": 1, "height": 1, "size_bytes": 1, "phash": "0",
        "created_at": TIME, "caption": caption, "revision": revision, "captioned_by": by,
        "captioned_at": None if by is None else LATER, "tokens": None, **more,
    }  # fmt: skip


def extra(image_id: int, slot: int, text: str | None, revision: int, author: str) -> Any:
    return {
        "image_id": image_id, "slot": slot, "text": text, "revision": revision, "author": author,
        "saved_at": TIME, "tokens": 7,
    }  # fmt: skip


def revised(image_id: int, slot: int, revision: int, text: str | None, by: str, client: str) -> Any:
    return {
        "image_id": image_id, "slot": slot, "revision": revision, "text": text, "author": by,
        "client_id": client, "created_at": LATER if client.startswith("edit") else TIME,
    }  # fmt: skip


def rows_before() -> dict[str, list[dict[str, Any]]]:
    """Image 1 was edited in bulk, 2 never captioned, 3's caption taken away, 5 has a second one only."""
    flag = {"flagged_by": "dora", "flagged_at": TIME, "flag_note": "blurred"}
    return {
        "datasets": [
            {
                "id": BIRDS, "name": "Birds", "created_by": "ada", "created_at": TIME,
                "caption_seq": 9, "index_csv_seq": 9, "defaults": {},
            }
        ],
        "images": [
            image(1, "a dog!", 2, "ben", tokens=4, **flag),
            image(2, None, 0, None, claimed_by="anna", claim_holder="tab", claim_until=LATER),
            image(3, None, 2, "anna"),
            image(4, DOG, 1, "anna", reviewed_by="carl", reviewed_at=LATER),
            image(5, None, 0, None),
        ],
        "extra_captions": [
            extra(1, 1, "a second one", 1, "carl"), extra(1, 2, None, 2, "carl"),
            extra(5, 1, "the only one", 1, "anna"),
        ],
        "caption_revisions": [
            revised(1, 0, 1, "a dog", "anna", "c1"), revised(1, 0, 2, "a dog!", "ben", f"edit:{EDIT}:1:0"),
            revised(1, 1, 1, "a second one", "carl", "c2"), revised(1, 2, 1, "gone", "carl", "c3"),
            revised(1, 2, 2, None, "carl", "c4"), revised(3, 0, 1, "x", "anna", "c5"),
            revised(3, 0, 2, None, "anna", "c6"), revised(4, 0, 1, DOG, "anna", "c7"),
            revised(5, 1, 1, "the only one", "anna", "c8"),
        ],
        "reviews": [{"image_id": 4, "reviewer": "carl", "author": "anna", "created_at": LATER}],
        "image_sources": [{"sha256": "f" * 64, "image_id": 1}],
    }  # fmt: skip


def config_of(url: str) -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(common.db.migrations.__file__).parent))
    config.attributes["url"] = url
    return config


def make_before(url: str) -> None:
    """A database of the version before, filled."""
    command.upgrade(config_of(url), BEFORE)
    engine = open_engine(url)
    with engine.begin() as connection:
        known = MetaData()
        known.reflect(connection)
        for table, rows in rows_before().items():
            for row in rows:
                connection.execute(insert(known.tables[table]).values(**row))
    engine.dispose()


@pytest.fixture(params=["sqlite", "postgresql"])
def stage(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Backstage]:
    """A stage on a database that was made by the version before."""
    url = f"sqlite:///{tmp_path}/before/test.db"
    if request.param == "postgresql":
        url = str(request.getfixturevalue("postgres_url"))
    make_before(url)
    with open_backstage(tmp_path, url, migrate) as opened:
        yield opened


def ids(stage: Backstage, **wanted: Any) -> list[int]:
    with stage.services.readers() as session:
        return [found.id for found in session.scalars(filtered(BIRDS, ImageFilter(**wanted)))]


def heads(stage: Backstage, image_id: int) -> list[Head]:
    with stage.services.readers() as session:
        return read_heads(session, [image_id])


def test_every_caption_is_found_again_in_its_slot_with_author_and_time(stage: Backstage) -> None:
    assert heads(stage, 1) == [
        Head(1, 0, 2, "a dog!", 4, "ben", LATER),
        Head(1, 1, 1, "a second one", 7, "carl", TIME),
        Head(1, 2, 2, None, 7, "carl", TIME),
    ]
    assert heads(stage, 2) == [Head(2, 0)]
    assert heads(stage, 3) == [Head(3, 0, 2, None, None, "anna", LATER)]
    assert heads(stage, 4) == [Head(4, 0, 1, DOG, None, "anna", LATER)]
    assert heads(stage, 5) == [Head(5, 0), Head(5, 1, 1, "the only one", 7, "anna", TIME)]
    with stage.services.readers() as session:
        rows = [(row.image_id, row.slot, row.text) for row in caption_rows(session, BIRDS)]
    assert rows == [
        (1, 0, "a dog!"), (1, 1, "a second one"), (4, 0, DOG), (5, 1, "the only one"),
    ]  # fmt: skip


def test_history_reviews_flags_and_claims_stay(stage: Backstage) -> None:
    with stage.services.readers() as session:
        numbers = [
            session.scalar(select(func.count()).select_from(table))
            for table in (Image, CaptionRevision, Review, ImageSource)
        ]
        first, free, reviewed = (session.get_one(Image, number) for number in (1, 2, 4))
    assert numbers == [5, 9, 1, 1]
    assert (first.flagged_by, first.flagged_at, first.flag_note) == ("dora", TIME, "blurred")
    assert (free.claimed_by, free.claim_holder, free.claim_until) == ("anna", "tab", LATER)
    assert (reviewed.reviewed_by, reviewed.reviewed_at) == ("carl", LATER)
    assert (ids(stage, flagged=True), ids(stage, reviewed=True)) == ([1], [4])


def test_images_are_captioned_or_not_as_before(stage: Backstage) -> None:
    assert ids(stage, status="captioned") == [1, 4]
    assert ids(stage, status="uncaptioned") == [2, 3, 5]
    assert ids(stage, q="only one") == ids(stage, has="several", by="anna") == [5]


def test_saving_goes_on_from_the_revision_that_stood(stage: Backstage) -> None:
    with stage.services.sessions() as session:
        for image_id, slot, base in ((1, 0, 2), (1, 2, 2), (3, 0, 2), (2, 0, 0), (5, 1, 1)):
            save = Save(image_id, "saved", base, f"n{image_id}{slot}", "eve", slot)
            assert save_one(session, save).revision == base + 1
    with stage.services.sessions() as session, pytest.raises(CaptionConflict) as raised:
        save_one(session, Save(4, "late", 0, "late", "eve"))
    assert raised.value.details
    assert raised.value.details["current"]["text"] == DOG
    assert ids(stage, status="uncaptioned") == [5]


def test_an_edit_made_before_is_undone_after(stage: Backstage) -> None:
    with stage.services.sessions() as session:
        session.add(
            Job(
                id=EDIT, kind="edit_captions", queue="cpu", state="succeeded", dataset_id=BIRDS,
                created_by="ben", finished_at=now(),
            )
        )  # fmt: skip
    undone = run(stage, undo_edit, "undo_edit", job_id=EDIT)
    assert undone.result == {"restored": 1, "kept": 0}
    head = heads(stage, 1)[0]
    assert (head.text, head.revision, head.author) == ("a dog", 3, "anna")


def test_there_is_no_way_back_but_the_backup(stage: Backstage) -> None:
    with pytest.raises(NotImplementedError, match="Restore the backup"):
        command.downgrade(config_of(stage.settings.database), BEFORE)
    assert len(heads(stage, 1)) == 3
