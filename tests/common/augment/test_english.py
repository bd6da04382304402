"""Plurals, possessives, articles, capitals, and telling captions of other languages."""

from __future__ import annotations

import pytest

from common.augment.english import (
    Case,
    in_case,
    indefinite_article,
    pluralise,
    possessive,
)
from common.captions.languages import is_foreign


@pytest.mark.parametrize(
    ("one", "many"),
    [("box", "boxes"), ("berry", "berries"), ("toy", "toys"), ("fireman", "firemen"),
     ("human", "humans"), ("piece of cake", "pieces of cake"), ("baby duck", "baby ducks"),
     ("sheep", "sheep"), ("crescent", "crescents"), ("plus sign", "plus signs"), ("leaf", "leaves"),
     ("person on a bike", "people on a bike"), ("woman in red", "women in red"),
     ("city bus", "city buses"), ("church", "churches"), ("German", "Germans")],
)  # fmt: skip
def test_plurals_are_made_of_the_head_of_a_phrase(one: str, many: str) -> None:
    assert pluralise(one) == many


def test_articles_go_by_sound() -> None:
    words = ["orb", "disc", "hour", "unicorn", "uninviting", "one-eyed", "umbrella", "used", "2",
             "8", "18", "SUV", "UFO", "X-ray", "European", "honest face"]  # fmt: skip
    assert [indefinite_article(word) for word in words] == [
        "an", "a", "an", "a", "an", "a", "an", "a", "a",
        "an", "an", "an", "a", "an", "a", "an",
    ]  # fmt: skip


def test_possessives_depend_on_the_last_letter_of_a_plural_only() -> None:
    assert possessive("kid", is_plural=False) == "kid's"
    assert possessive("kids", is_plural=True) == "kids'"
    assert possessive("children", is_plural=True, apostrophe="’") == "children’s"
    assert possessive("bus", is_plural=False) == "bus's"


def test_capitals_of_a_phrase_leave_small_words_of_titles_and_abbreviations_alone() -> None:
    assert in_case("piece of cake", Case.TITLE) == "Piece of Cake"
    assert in_case("piece of cake", Case.FIRST) == "Piece of cake"
    assert in_case("piece of cake", Case.UPPER) == "PIECE OF CAKE"
    assert in_case("TV set", Case.FIRST) == "TV set"


@pytest.mark.parametrize(
    "caption",
    ["die frau hat einen hut", "un chat sur la table", "el gato y el perro", "il cane nel prato",
     "um gato em cima da mesa", "een kat op het bed", "ett hus och en bil"],
)  # fmt: skip
def test_captions_of_other_languages_are_told(caption: str) -> None:
    assert is_foreign(caption.split())


@pytest.mark.parametrize(
    "caption",
    [
        "a red car",
        "",
        "the cafe de la gare at night with a sign",
        "dogs",
        "two men in an open boat",
    ],
)
def test_english_captions_are_not_taken_for_foreign_ones(caption: str) -> None:
    assert not is_foreign(caption.split())
