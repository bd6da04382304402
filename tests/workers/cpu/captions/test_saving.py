"""Saving captions, many in one transaction, on SQLite and PostgreSQL."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import select

from common.captions.clip_tokens import count_tokens
from common.captions.text import MAX_CAPTIONS
from common.db.engine import SessionFactory, open_engine, session_factory
from common.db.tables import Caption, CaptionRevision, Dataset, Image, now
from common.errors import CaptionConflict, ClipBrowserError, Internal, InvalidInput, NotFound
from tests.captions import head_of, put_caption
from tests.migrated import migrate_new
from workers.cpu.captions.saving import Save, Saved, save_captions


@pytest.fixture(params=["sqlite", "postgresql"])
def sessions(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SessionFactory]:
    """A database with the dataset "cats" and its images 1 to 5."""
    url = f"sqlite:///{tmp_path / 'test.db'}"
    if request.param == "postgresql":
        url = str(request.getfixturevalue("postgres_url"))
    yield from _filled(url)


@pytest.fixture
def postgres_sessions(postgres_url: str) -> Iterator[SessionFactory]:
    """The same where two can write at once."""
    yield from _filled(postgres_url)


def _filled(url: str) -> Iterator[SessionFactory]:
    migrate_new(url)
    engine = open_engine(url)
    made = session_factory(engine)
    with made() as session:
        session.add(Dataset(id="cats", name="Cats", created_by="ada", defaults={}))
        session.flush()
        for number in range(1, 6):
            session.add(
                Image(
                    id=number, dataset_id="cats", sha256=f"{number:064x}", ext="png", width=1,
                    height=1, size_bytes=1, filename=f"{number}.png", phash="0",
                    claimed_by="ada", claim_holder="tab", claim_until=now(),
                )
            )  # fmt: skip
    yield made
    engine.dispose()


def save(image_id: int, text: str | None, base: int = 0, **other: object) -> Save:
    values = {"client_id": f"{image_id}-{base}-{text}", "author": "ada", **other}
    return Save(image_id, text, base, **values)  # type: ignore[arg-type]


def save_all(sessions: SessionFactory, *saves: Save) -> list[Saved | ClipBrowserError]:
    with sessions() as session:
        return save_captions(session, saves)


def image(sessions: SessionFactory, image_id: int) -> Image:
    with sessions() as session:
        found = session.get(Image, image_id)
    assert found is not None
    return found


def caption(sessions: SessionFactory, image_id: int, slot: int = 0) -> Caption:
    with sessions() as session:
        return head_of(session, image_id, slot)


def caption_seq(sessions: SessionFactory) -> int:
    with sessions() as session:
        return int(session.scalar(select(Dataset.caption_seq)) or 0)


def revisions(sessions: SessionFactory, image_id: int, slot: int = 0) -> list[str | None]:
    with sessions() as session:
        return list(
            session.scalars(
                select(CaptionRevision.text)
                .where(CaptionRevision.image_id == image_id, CaptionRevision.slot == slot)
                .order_by(CaptionRevision.revision)
            )
        )


def test_a_saved_caption_is_the_head_with_its_tokens_and_frees_the_claim(
    sessions: SessionFactory,
) -> None:
    (done,) = save_all(sessions, save(1, " a red\tcat "))
    assert isinstance(done, Saved)
    assert (done.revision, done.text, done.dataset_id) == (1, "a red cat", "cats")
    head, its = caption(sessions, 1), image(sessions, 1)
    assert (head.text, head.revision, head.author) == ("a red cat", 1, "ada")
    assert head.tokens == count_tokens("a red cat") == 5
    assert its.is_captioned
    assert (its.claimed_by, its.claim_holder, its.claim_until) == (None, None, None)


def test_a_save_of_somebody_else_leaves_the_claim(sessions: SessionFactory) -> None:
    save_all(sessions, save(1, "by bert", author="bert"), save(1, None, 1, author="bert"))
    assert (image(sessions, 1).claimed_by, image(sessions, 1).claim_holder) == ("ada", "tab")


def test_one_that_cannot_be_saved_leaves_the_others_as_they_are(sessions: SessionFactory) -> None:
    outcomes = save_all(
        sessions, save(1, "one"), save(4711, "gone"), save(2, "two", 7), save(3, "x" * 2001),
        save(4, "four"), save(5, "", client_id="empty"),
    )  # fmt: skip
    kinds = [type(outcome) for outcome in outcomes]
    assert kinds == [Saved, NotFound, CaptionConflict, InvalidInput, Saved, InvalidInput]
    assert [caption(sessions, number).text for number in range(1, 6)] == [
        "one", None, None, "four", None,
    ]  # fmt: skip
    assert caption_seq(sessions) == 1


def test_the_same_client_id_twice_in_one_message_is_saved_once(sessions: SessionFactory) -> None:
    first, second = save_all(sessions, save(1, "a cat"), save(1, "a cat"))
    assert isinstance(first, Saved)
    assert isinstance(second, Saved)
    assert (first.revision, first.repeated) == (1, False)
    assert (second.revision, second.repeated) == (1, True)
    assert revisions(sessions, 1) == ["a cat"]


def test_the_same_client_id_with_another_text_image_or_slot_is_refused(
    sessions: SessionFactory,
) -> None:
    save_all(sessions, save(1, "a cat", client_id="once"))
    others = [
        save(1, "a dog", client_id="once"),
        save(2, "a cat", client_id="once"),
        save(1, "a cat", client_id="once", slot=1),
        save(1, None, client_id="once"),
    ]
    for outcome in save_all(sessions, *others):
        assert isinstance(outcome, InvalidInput)
        assert "already used" in outcome.message


def test_two_on_the_same_base_in_one_message_are_a_save_and_a_conflict(
    sessions: SessionFactory,
) -> None:
    first, second = save_all(sessions, save(1, "a cat"), save(1, "a dog", author="bert"))
    assert isinstance(first, Saved)
    assert isinstance(second, CaptionConflict)
    assert second.details == {
        "current": {"image_id": 1, "slot": 0, "revision": 1, "text": "a cat", "by": "ada"},
        "dataset_id": "cats",
    }


def test_later_ones_build_on_earlier_ones_in_the_same_message(sessions: SessionFactory) -> None:
    save_all(sessions, save(1, "one"), save(1, "two", 1), save(1, "three", 2))
    assert revisions(sessions, 1) == ["one", "two", "three"]
    assert caption(sessions, 1).revision == 3


def test_a_caption_taken_away_leaves_its_history_and_is_uncaptioned(
    sessions: SessionFactory,
) -> None:
    _, gone, again = save_all(sessions, save(1, "a cat"), save(1, None, 1), save(1, "a dog", 2))
    assert isinstance(gone, Saved)
    assert isinstance(again, Saved)
    assert (gone.text, gone.revision) == (None, 2)
    assert revisions(sessions, 1) == ["a cat", None, "a dog"]
    save_all(sessions, save(1, None, 3))
    head = caption(sessions, 1)
    assert (head.text, head.tokens, head.revision) == (None, None, 4)
    assert not image(sessions, 1).is_captioned


def test_an_image_has_several_captions_each_with_its_own_history(sessions: SessionFactory) -> None:
    save_all(sessions, save(1, "a cat"))
    outcomes = save_all(
        sessions,
        save(1, "a tabby", 0, slot=1, client_id="s1"),
        save(1, "a kitten", 1, slot=1, client_id="s2"),
        save(1, "late", 0, slot=1, client_id="s3", author="bert"),
        save(1, "a pet", 0, slot=2, client_id="s4"),
    )
    assert [type(outcome) for outcome in outcomes] == [Saved, Saved, CaptionConflict, Saved]
    assert isinstance(outcomes[2], CaptionConflict)
    assert outcomes[2].details
    assert outcomes[2].details["current"] == {
        "image_id": 1, "slot": 1, "revision": 2, "text": "a kitten", "by": "ada",
    }  # fmt: skip
    assert revisions(sessions, 1) == ["a cat"]
    assert revisions(sessions, 1, slot=1) == ["a tabby", "a kitten"]
    with sessions() as session:
        others = session.scalars(
            select(Caption).where(Caption.slot > 0).order_by(Caption.slot)
        ).all()
    assert [(other.slot, other.text, other.revision, other.tokens) for other in others] == [
        (1, "a kitten", 2, 4), (2, "a pet", 1, 4),
    ]  # fmt: skip


@pytest.mark.parametrize("slot", [-1, MAX_CAPTIONS])
def test_a_slot_out_of_range_is_refused(sessions: SessionFactory, slot: int) -> None:
    (outcome,) = save_all(sessions, save(1, "a cat", slot=slot))
    assert isinstance(outcome, InvalidInput)
    assert str(slot) in outcome.message


def test_a_new_text_in_any_slot_needs_a_new_review(sessions: SessionFactory) -> None:
    for slot, base in ((0, 1), (1, 0)):
        with sessions() as session:
            found = session.get_one(Image, 1)
            put_caption(session, found, "a cat")
            found.reviewed_by, found.reviewed_at = "bert", now()
        save_all(sessions, save(1, f"changed {slot}", base, slot=slot))
        assert image(sessions, 1).reviewed_by is None


@pytest.mark.parametrize(
    "text", ["שלום עולם", "a 🐈‍⬛ and a 🐕", "e\u0301clair", "tab\there", "  spaced  ", "NA", "007"]
)
def test_odd_captions_are_saved_as_they_are_meant(sessions: SessionFactory, text: str) -> None:
    (done,) = save_all(sessions, save(1, text))
    assert isinstance(done, Saved)
    assert done.text is not None
    assert save_all(sessions, save(1, done.text, 1, client_id="again"))[0] == Saved(
        "cats", 1, 0, 2, done.text, "ada", "again", repeated=False
    )
    assert "\t" not in done.text
    assert done.text == done.text.strip()


def test_captioners_at_once_on_one_image_get_one_revision_each_or_a_conflict(
    sessions: SessionFactory,
) -> None:
    outcomes: list[Saved | ClipBrowserError] = []
    start = threading.Barrier(8)

    def caption(person: int) -> None:
        start.wait()
        outcomes.extend(save_all(sessions, save(1, f"by {person}", client_id=f"p{person}")))

    threads = [threading.Thread(target=caption, args=[person]) for person in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(isinstance(outcome, Saved) for outcome in outcomes) == 1
    assert sum(isinstance(outcome, CaptionConflict) for outcome in outcomes) == 7
    assert len(revisions(sessions, 1)) == 1


def test_a_second_save_on_the_same_base_is_a_conflict_also_in_one_transaction(
    sessions: SessionFactory,
) -> None:
    with sessions() as session:
        [first] = save_captions(session, [save(1, "a cat")])
        [second] = save_captions(session, [save(1, "a dog")])
    assert isinstance(first, Saved)
    assert first.revision == 1
    assert isinstance(second, CaptionConflict)


def test_an_image_is_captioned_by_its_first_caption_alone(sessions: SessionFactory) -> None:
    save_all(sessions, save(1, "a second one", slot=1))
    assert not image(sessions, 1).is_captioned
    save_all(sessions, save(1, "a first one"), save(1, None, 1, slot=1))
    assert image(sessions, 1).is_captioned


def test_a_caption_that_the_database_refuses_takes_no_other_along(sessions: SessionFactory) -> None:
    with sessions() as session:  # its history is there, but not its head: a restore gone wrong
        session.add(
            CaptionRevision(image_id=2, revision=1, text="old", author="ada", client_id="lost head")
        )
    one, refused, three, late = save_all(
        sessions, save(1, "one"), save(2, "two"), save(3, "three"), save(1, "more", 1)
    )
    assert [type(each) for each in (one, three, late)] == [Saved, Saved, Saved]
    assert isinstance(refused, Internal)
    assert [caption(sessions, number).text for number in (1, 2, 3)] == ["more", None, "three"]
    assert revisions(sessions, 1) == ["one", "more"]


def test_two_workers_with_one_client_id_at_once_save_it_once_and_all_that_came_with_it(
    postgres_sessions: SessionFactory,
) -> None:
    outcomes: list[Saved | ClipBrowserError] = []

    def second_worker() -> None:
        batch = [save(2, "a dog", client_id="same"), save(3, "a neighbour")]
        outcomes.extend(save_all(postgres_sessions, *batch))

    thread = threading.Thread(target=second_worker)
    with postgres_sessions() as session:
        save_captions(session, [save(1, "a cat", client_id="same")])
        thread.start()
        thread.join(0.5)  # it waits for this transaction to end
        assert not outcomes
    thread.join(10)
    assert [type(outcome) for outcome in outcomes] == [InvalidInput, Saved]
    assert caption(postgres_sessions, 3).text == "a neighbour"
