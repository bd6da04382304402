"""Claims in groups, on SQLite and PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, event, update

from common.captions.asks import Ask, read_ask, read_outcome, write_ask, write_outcome
from common.captions.claims import (
    Claimed,
    Claimer,
    GiveBack,
    NextImages,
    ThisImage,
    claim_next,
    claim_these,
    give_back,
    held_claim,
)
from common.db.engine import session_factory
from common.db.tables import Image, now
from common.errors import ClipBrowserError, Conflict, NotFound
from tests.common.captions.cats import open_cats

IMAGES = 8
MINUTES = 5.0


@pytest.fixture(params=["sqlite", "postgresql"])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    """A database with the dataset "cats" and its images 1 to 8, the first of them captioned."""
    url = f"sqlite:///{tmp_path / 'test.db'}"
    if request.param == "postgresql":
        url = str(request.getfixturevalue("postgres_url"))
    engine = open_cats(url, IMAGES)
    yield engine
    engine.dispose()


def tab(name: str, person: str = "ada") -> Claimer:
    return Claimer(person, name, MINUTES)


def serve(engine: Engine, *wishes: NextImages) -> list[int | None]:
    with session_factory(engine)() as session:
        outcomes = claim_next(session, wishes)
    assert not any(isinstance(outcome, list) and len(outcome) > 1 for outcome in outcomes)
    return [
        outcome[0].image.id if isinstance(outcome, list) and outcome else None
        for outcome in outcomes
    ]


def serve_several(engine: Engine, *wishes: NextImages) -> list[list[int]]:
    with session_factory(engine)() as session:
        outcomes = claim_next(session, wishes)
    assert not any(isinstance(outcome, NotFound) for outcome in outcomes)
    return [[one.image.id for one in outcome] for outcome in outcomes if isinstance(outcome, list)]


def take(engine: Engine, *wishes: ThisImage) -> list[Claimed | ClipBrowserError]:
    with session_factory(engine)() as session:
        return claim_these(session, wishes)


def test_tabs_that_ask_at_once_get_different_images_with_few_statements(engine: Engine) -> None:
    statements: list[str] = []
    event.listen(engine, "before_cursor_execute", lambda *given: statements.append(given[2]))
    served = serve(engine, *(NextImages("cats", tab(f"tab {n}")) for n in range(6)))
    assert served == [2, 3, 4, 5, 6, 7]
    assert len(statements) <= 5, statements  # what is mine, what is free, the captions, one UPDATE
    assert serve(engine, NextImages("cats", tab("tab 9")), NextImages("cats", tab("tab 8"))) == [
        8,
        None,
    ]


def test_each_is_served_what_lies_behind_its_last_image_and_at_the_end_the_first(
    engine: Engine,
) -> None:
    wishes = [
        NextImages("cats", tab("b"), after=6),
        NextImages("cats", tab("a")),
        NextImages("cats", tab("c"), after=6),
        NextImages("cats", tab("d"), after=8),
        NextImages("cats", tab("e"), after=3),
    ]
    assert serve(engine, *wishes) == [7, 2, 8, 3, 4]


def test_what_a_tab_holds_comes_first_and_with_after_only_behind_it(engine: Engine) -> None:
    mine = tab("mine")
    take(engine, ThisImage(4, mine), ThisImage(6, mine))
    asked = [
        NextImages("cats", mine),
        NextImages("cats", mine, after=4),
        NextImages("cats", tab("x")),
    ]
    assert serve(engine, *asked) == [4, 5, 2]
    # two requests of one tab at once are as one after the other: the same image again
    assert serve(engine, NextImages("cats", tab("y")), NextImages("cats", tab("y"))) == [3, 3]
    # behind 8 there is nothing, and what the tab holds before it may be on its way to be saved
    assert serve(engine, NextImages("cats", mine, after=8)) == [7]


def test_a_dataset_that_is_gone_is_said_to_each_and_others_are_served(engine: Engine) -> None:
    with session_factory(engine)() as session:
        gone, there = claim_next(
            session, [NextImages("dogs", tab("a")), NextImages("cats", tab("b"))]
        )
    assert isinstance(gone, NotFound)
    assert isinstance(there, list)
    assert there[0].image.claimed_by == "ada"


def test_several_images_at_once_are_each_of_one_tab(engine: Engine) -> None:
    wishes = [
        NextImages("cats", tab("a"), at_most=2),
        NextImages("cats", tab("b"), after=4, at_most=3),
        NextImages("cats", tab("c"), at_most=3),
    ]
    # b goes on at the front, where nothing is left; c has what a left
    assert serve_several(engine, *wishes) == [[2, 3], [7, 8], [4, 5, 6]]
    assert serve_several(engine, NextImages("cats", tab("d"), at_most=3)) == [[]]


def test_who_wants_several_gets_first_what_the_tab_holds_then_free_ones(engine: Engine) -> None:
    mine = tab("mine")
    take(engine, ThisImage(4, mine), ThisImage(6, mine))
    assert serve_several(engine, NextImages("cats", mine, at_most=4)) == [[4, 6, 2, 3]]
    # what lies before `after` and is held already is not served twice; 8 is the last one behind it
    wish = NextImages("cats", mine, after=6, at_most=4)
    assert serve_several(engine, wish, NextImages("cats", tab("x"), after=2)) == [[7, 8], [5]]


def test_an_image_that_several_want_at_once_is_of_the_first(engine: Engine) -> None:
    bert = tab("b", "bert")
    first, second, other, none = take(
        engine, ThisImage(2, tab("a")), ThisImage(2, bert), ThisImage(1, bert), ThisImage(99, bert)
    )
    assert isinstance(first, Claimed)
    assert isinstance(second, Conflict)
    assert second.details
    assert second.details["claimed_by"] == "ada"
    assert isinstance(other, Claimed)
    assert other.heads[0].text == "a cat"
    assert isinstance(none, NotFound)


def test_a_renewal_of_which_half_is_left_is_answered_without_writing(engine: Engine) -> None:
    sessions, mine = session_factory(engine), ThisImage(2, tab("a"))
    [claimed] = take(engine, mine)
    assert isinstance(claimed, Claimed)
    with sessions() as session:
        held = held_claim(session.connection(), mine)
        assert held is not None
        assert held.image.claim_until == claimed.image.claim_until
        assert held_claim(session.connection(), ThisImage(2, tab("another tab"))) is None
        soon = now() + timedelta(minutes=MINUTES / 2 - 0.1)
        session.execute(update(Image).where(Image.id == 2).values(claim_until=soon))
    with sessions() as session:
        assert held_claim(session.connection(), mine) is None


def test_a_claim_is_given_back_by_its_tab_but_never_a_newer_one(engine: Engine) -> None:
    [claimed] = take(engine, ThisImage(2, tab("a")))
    assert isinstance(claimed, Claimed)
    until = claimed.image.claim_until
    assert until is not None

    def is_held_after(holder: str, latest: Any) -> bool:
        with session_factory(engine)() as session:
            give_back(session, [GiveBack(2, "ada", holder, latest)])
            return session.get_one(Image, 2).claimed_by == "ada"

    assert is_held_after("another tab", until)
    assert is_held_after("a", until - timedelta(seconds=1))  # a message that comes late
    assert not is_held_after("a", until)


def test_claims_and_answers_come_out_of_a_message_as_they_went_in(engine: Engine) -> None:
    asks: list[Ask] = [
        NextImages("cats", tab("a"), 3, 5),
        ThisImage(1, tab("a")),
        GiveBack(1, "ada", "a", now()),
    ]
    assert [read_ask({"key": "k", **write_ask(ask)}) for ask in asks] == asks
    [claimed] = take(engine, ThisImage(1, tab("a")))
    assert isinstance(claimed, Claimed)
    assert read_outcome(write_outcome(claimed)) == claimed
    assert read_outcome(write_outcome([claimed, claimed])) == [claimed, claimed]
    assert read_outcome(write_outcome([])) == []
    assert isinstance(read_outcome(write_outcome(NotFound("gone"))), NotFound)
