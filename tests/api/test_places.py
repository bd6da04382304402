"""Places for requests that take long: a bounded number, shared out among people."""

from __future__ import annotations

import threading
from contextlib import ExitStack

import pytest

from api.places import Places
from common.errors import TooManyRequests, Unavailable


def test_one_person_gets_a_share_and_all_together_the_places() -> None:
    places = Places(3, of_one=2)
    with ExitStack() as held:
        for who in ("ada", "ada"):
            held.enter_context(places.place(who, "searches"))
        with pytest.raises(TooManyRequests, match="2 searches of yours") as mine:
            held.enter_context(places.place("ada", "searches"))
        held.enter_context(places.place("bob", "searches"))
        with pytest.raises(Unavailable, match="3 searches are under way") as of_all:
            held.enter_context(places.place("cyd", "searches"))
        assert {**(mine.value.details or {}), **(of_all.value.details or {})} == {
            "retry_after_s": 3
        }
    with places.place("ada", "searches"), places.place("cyd", "searches"):
        pass


def test_those_who_have_a_place_are_worked_for_in_turn() -> None:
    places = Places(3, of_one=3, at_once=1)
    begun = threading.Event()

    def wait_for_a_turn() -> None:
        with places.place("ada", "edits"):
            begun.set()

    with places.place("ada", "edits"):
        other = threading.Thread(target=wait_for_a_turn)
        other.start()
        assert not begun.wait(0.05)
    assert begun.wait(60)
    other.join()
