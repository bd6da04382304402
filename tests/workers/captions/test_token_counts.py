"""Tokens of captions that were saved before tokens were counted."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import select, update

from common.captions.clip_tokens import count_tokens
from common.db.engine import SessionFactory, open_engine, session_factory
from common.db.tables import Caption, Dataset, Image
from tests.captions import put_caption
from tests.migrated import migrate_new
from workers.captions.token_counts import fill_missing

TEXTS = ["a cat", "don't", "😀", "قطة", "cat " * 100]


@pytest.fixture(params=["sqlite", "postgresql"])
def sessions(request: pytest.FixtureRequest, tmp_path: Path) -> SessionFactory:
    """Five captions, one more in a second slot, one image without; none counted."""
    url = f"sqlite:///{tmp_path}/test.db"
    if request.param == "postgresql":
        url = str(request.getfixturevalue("postgres_url"))
    migrate_new(url)
    made = session_factory(open_engine(url))
    with made() as session:
        session.add(Dataset(id="cats", name="Cats", created_by="ada"))
        session.flush()
        images = [
            Image(
                dataset_id="cats", sha256=f"{number:064x}", ext="png", filename=f"{number}.png",
                width=1, height=1, size_bytes=1, phash="0" * 16,
            )
            for number in range(len(TEXTS) + 1)
        ]  # fmt: skip
        session.add_all(images)
        for image, text in zip(images, [*TEXTS, None], strict=True):
            put_caption(session, image, text)
        for slot, text in ((1, "a second one"), (2, None)):
            put_caption(session, images[0], text, slot=slot)
    return made


def uncounted(sessions: SessionFactory) -> int:
    with sessions() as session:
        wanted = select(Caption.slot).where(Caption.text.is_not(None), Caption.tokens.is_(None))
        return len(session.execute(wanted).all())


def test_all_captions_are_counted_in_steps_and_then_nothing_is_left(
    sessions: SessionFactory,
) -> None:
    steps = []
    while not steps or steps[-1]:
        with sessions() as session:
            steps.append(fill_missing(session, 4))
    assert steps == [4, 2, 0]
    assert uncounted(sessions) == 0
    with sessions() as session:
        rows = session.execute(
            select(Caption.text, Caption.tokens).where(Caption.slot == 0).order_by(Caption.image_id)
        ).all()
        extra = session.scalar(select(Caption.tokens).where(Caption.slot == 1))
    assert [tuple(row) for row in rows] == [
        *((text, count_tokens(text)) for text in TEXTS),
        (None, None),
    ]
    assert extra == count_tokens("a second one")


def test_what_is_counted_already_is_left_alone(sessions: SessionFactory) -> None:
    with sessions() as session:
        session.execute(update(Caption).where(Caption.text == "a cat").values(tokens=99))
    with sessions() as session:
        assert fill_missing(session, 100) == 5
    with sessions() as session:
        assert session.scalar(select(Caption.tokens).where(Caption.text == "a cat")) == 99


@pytest.mark.parametrize("sessions", ["postgresql"], indirect=True)  # SQLite: one writer at a time
def test_a_row_that_somebody_is_saving_is_left_to_them(sessions: SessionFactory) -> None:
    with sessions() as saving:
        mine = select(Caption.image_id).where(Caption.text == "don't")
        saving.scalars(select(Image).where(Image.id.in_(mine)).with_for_update()).one()
        with sessions() as session:
            assert fill_missing(session, 100) == 5
    assert uncounted(sessions) == 1
