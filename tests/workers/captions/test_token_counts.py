"""Tokens of captions that were saved before tokens were counted."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import select, update

from common.captions.clip_tokens import count_tokens
from common.db.engine import SessionFactory, migrate, open_engine, session_factory
from common.db.tables import Dataset, ExtraCaption, Image
from workers.captions.token_counts import fill_missing

TEXTS = ["a cat", "don't", "😀", "قطة", "cat " * 100]


@pytest.fixture(params=["sqlite", "postgresql"])
def sessions(request: pytest.FixtureRequest, tmp_path: Path) -> SessionFactory:
    """Five captions, one more in a second slot, one image without; none counted."""
    url = f"sqlite:///{tmp_path}/test.db"
    if request.param == "postgresql":
        url = str(request.getfixturevalue("postgres_url"))
    migrate(url)
    made = session_factory(open_engine(url))
    with made() as session:
        session.add(Dataset(id="cats", name="Cats", created_by="ada"))
        session.flush()
        images = [
            Image(
                dataset_id="cats", sha256=f"{number:064x}", ext="png", filename=f"{number}.png",
                width=1, height=1, size_bytes=1, phash="0" * 16, caption=text, revision=1,
            )
            for number, text in enumerate([*TEXTS, None])
        ]  # fmt: skip
        session.add_all(images)
        session.flush()
        for slot, text in ((1, "a second one"), (2, None)):
            session.add(
                ExtraCaption(image_id=images[0].id, slot=slot, text=text, revision=1, author="ada")
            )
    return made


def uncounted(sessions: SessionFactory) -> int:
    with sessions() as session:
        firsts = select(Image.id).where(Image.caption.is_not(None), Image.tokens.is_(None))
        extras = select(ExtraCaption.slot).where(
            ExtraCaption.text.is_not(None), ExtraCaption.tokens.is_(None)
        )
        return len(session.execute(firsts).all()) + len(session.execute(extras).all())


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
        rows = session.execute(select(Image.caption, Image.tokens).order_by(Image.id)).all()
        extra = session.scalar(select(ExtraCaption.tokens).where(ExtraCaption.slot == 1))
    assert [tuple(row) for row in rows] == [
        *((text, count_tokens(text)) for text in TEXTS),
        (None, None),
    ]
    assert extra == count_tokens("a second one")


def test_what_is_counted_already_is_left_alone(sessions: SessionFactory) -> None:
    with sessions() as session:
        session.execute(update(Image).where(Image.caption == "a cat").values(tokens=99))
    with sessions() as session:
        assert fill_missing(session, 100) == 5
    with sessions() as session:
        assert session.scalar(select(Image.tokens).where(Image.caption == "a cat")) == 99


@pytest.mark.parametrize("sessions", ["postgresql"], indirect=True)  # SQLite: one writer at a time
def test_a_row_that_somebody_is_saving_is_left_to_them(sessions: SessionFactory) -> None:
    with sessions() as saving:
        saving.scalars(select(Image).where(Image.caption == "a cat").with_for_update()).one()
        with sessions() as session:
            assert fill_missing(session, 100) == 5
    assert uncounted(sessions) == 1
