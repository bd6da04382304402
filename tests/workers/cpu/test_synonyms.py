"""Variants of captions by synonyms, and the map of the project."""

from __future__ import annotations

import json
import random
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.errors import InvalidInput
from workers.cpu.english import indefinite_article, match_case, pluralise
from workers.cpu.sample import draw_sample
from workers.cpu.synonyms import (
    MAX_PER_CAPTION,
    SynonymMap,
    augment_caption,
    augment_captions,
    load_synonym_map,
)

SHARED_MAP = Path(__file__).parents[3] / "manual_synonym_map.json"


@pytest.fixture(scope="module")
def shared() -> SynonymMap:
    return load_synonym_map(SHARED_MAP.read_bytes())


def variants(caption: str, **words: list[str]) -> set[str]:
    """All variants of a caption; an underscore in a keyword stands for a space."""
    synonyms = load_synonym_map({word.replace("_", " "): found for word, found in words.items()})
    return set(augment_caption(caption, synonyms, 100, random.Random(0)))


def test_all_combinations_are_found_and_never_the_original() -> None:
    assert variants("a red circle", red=["crimson", "scarlet"], circle=["disc"]) == {
        "a crimson circle", "a scarlet circle", "a red disc", "a crimson disc", "a scarlet disc",
    }  # fmt: skip


def test_words_are_exchanged_whole_or_not_at_all() -> None:
    assert variants("a scarred, tired-red redhead's cared-for car", red=["x"], car=["auto"]) == {
        "a scarred, tired-red redhead's cared-for auto"
    }


def test_case_is_kept() -> None:
    found = variants("Red circle, RED circle, red circle", red=["crimson"])
    assert "Crimson circle, CRIMSON circle, crimson circle" in found


def test_plurals_follow_and_an_entry_of_its_own_goes_before_them() -> None:
    assert variants("two circles", circle=["disc", "round shape"]) == {
        "two discs",
        "two round shapes",
    }
    assert variants("two women", woman=["lady"]) == {"two ladies"}
    assert variants("oranges", orange=["tangerine"], oranges=[]) == set()


def test_the_longest_entry_wins_and_an_empty_one_keeps_its_words() -> None:
    words: dict[str, list[str]] = {
        "hot_dog": [],
        "dog": ["hound"],
        "next_to": ["beside"],
        "to": ["toward"],
    }
    assert variants("a hot dog next to a dog", **words) == {
        "a hot dog beside a dog", "a hot dog next to a hound", "a hot dog beside a hound",
    }  # fmt: skip


def test_words_of_one_entry_may_not_be_parted_by_a_comma() -> None:
    assert variants("turn left, of course", left_of=["x"]) == set()
    assert variants("turn left of it", left_of=["x"]) == {"turn x it"}


def test_articles_are_put_right() -> None:
    assert variants("a circle", circle=["orb", "disc"]) == {"an orb", "a disc"}
    assert variants("An old car", old=["vintage"]) == {"A vintage car"}
    assert variants("A BIG CAR", big=["enormous"]) == {"AN ENORMOUS CAR"}
    assert variants("a big car", big=["unique", "hourly"]) == {"a unique car", "an hourly car"}
    assert variants("plan a circle b", circle=["orb"]) == {"plan an orb b"}


def test_fewer_come_back_when_there_are_no_more_and_that_is_said() -> None:
    synonyms = load_synonym_map({"red": ["crimson"]})
    rows = [("a.png", "a red dot"), ("b.png", "nothing here"), ("c.png", "red red red")]
    found = augment_captions(rows, synonyms, per_caption=3)
    assert [len(texts) for _, texts in found.variants] == [1, 0, 3]
    assert found.short == [("a.png", 1), ("b.png", 0)]
    assert not found.stopped


def test_the_same_seed_gives_the_same_variants_whatever_stands_around_a_row(
    shared: SynonymMap,
) -> None:
    rows = [(image.filename, image.caption) for image in draw_sample(20)]
    whole = augment_captions(rows, shared, seed=5)
    assert whole == augment_captions(rows, shared, seed=5)
    assert whole.variants[7:] == augment_captions(rows[7:], shared, seed=5).variants
    assert whole != augment_captions(rows, shared, seed=6)


def test_it_reports_and_stops_when_asked() -> None:
    synonyms = load_synonym_map({"red": ["crimson"]})
    rows = [(number, "a red dot") for number in range(1000)]
    reported: list[int] = []
    found = augment_captions(rows, synonyms, 1, 0, reported.append, lambda: len(reported) > 3)
    assert found.stopped
    assert reported == [0, 200, 400, 600]
    assert len(found.variants) == 600
    assert augment_captions(rows, synonyms, 1, report=reported.append).stopped is False
    assert reported[-1] == 1000


@pytest.mark.parametrize("per_caption", [0, -1, MAX_PER_CAPTION + 1, 1000])
def test_a_number_of_variants_out_of_range_is_refused(per_caption: int) -> None:
    with pytest.raises(InvalidInput, match=str(per_caption)):
        augment_captions([(1, "a")], load_synonym_map({}), per_caption)


@pytest.mark.parametrize(
    ("written", "problem"),
    [
        ("{", "not JSON"),
        (b"\xff\xfe\x00", "not JSON"),
        ("[" * 100_000, "not JSON"),
        ('["red"]', "a list, not an object"),
        ('"red"', "a str, not an object"),
        ('{"red": "crimson"}', "needs a list of texts"),
        ('{"red": [1]}', "needs a list of texts"),
        ('{"red": null}', "needs a list of texts"),
        ('{" ": ["crimson"]}', "a word is empty"),
        ('{"red": [" "]}', "empty synonym"),
        ('{"red": ["Red "]}', "its own synonym"),
        ('{"red": ["a"], "red": ["b"]}', "listed twice"),
        ('{"red": ["a"], "Red": ["b"]}', "listed twice"),
        ('{"red!": ["a"]}', "letters, digits"),
        (json.dumps({"red": ["x" * 101]}), "over 100 characters"),
        ('{"red": ["a\\u0000"]}', "control characters"),
        (json.dumps({"red": [f"r{n}" for n in range(51)]}), "51 synonyms"),
    ],
)
def test_a_broken_map_is_refused_with_what_is_wrong_in_it(
    written: str | bytes, problem: str
) -> None:
    with pytest.raises(InvalidInput, match=problem):
        load_synonym_map(written)


def test_all_problems_of_a_map_are_listed() -> None:
    with pytest.raises(InvalidInput, match="and 2 more") as caught:
        load_synonym_map({"a": "b", "": [], "c": ["c"], "d": ["e"]})
    assert caught.value.details is not None
    assert len(caught.value.details["problems"]) == 3


def test_words_that_are_synonyms_of_each_other_are_no_problem() -> None:
    assert variants("big", big=["large"], large=["big"]) == {"large"}


def test_the_shared_map_covers_every_caption_of_the_sample(shared: SynonymMap) -> None:
    assert len([word for word, found in shared.entries.items() if found]) >= 150
    rows = [(image.filename, image.caption) for image in draw_sample(80)]
    assert augment_captions(rows, shared, per_caption=3).short == []


@pytest.mark.parametrize(
    "caption",
    ["a hot dog", "a Black man", "a woman with red hair", "stars in the night sky", "oranges",
     "heart attack", "many oranges on a tree, too many"],
)  # fmt: skip
def test_the_shared_map_leaves_alone_what_would_change_its_meaning(
    shared: SynonymMap, caption: str
) -> None:
    found = " ".join(augment_caption(caption, shared, 50, random.Random(0)))
    for wrong in ("canine", "jet-black", "crimson", "star shape", "tangerine", "love", "numerous,"):
        assert wrong not in found


TEXTS = st.text(st.sampled_from("aAn redRED,.'-é犬 12\u00a0"), max_size=40)


@given(TEXTS, st.integers(1, 20), st.integers(0, 3))
@settings(max_examples=200, deadline=None)
def test_variants_of_any_text_are_distinct_and_differ_from_it(
    caption: str, number: int, seed: int
) -> None:
    synonyms = load_synonym_map({"red": ["crimson", "an old one"], "a": ["some"], "n a": ["é"]})
    found = augment_caption(caption, synonyms, number, random.Random(seed))
    assert len(set(found)) == len(found) <= number
    assert caption not in found


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
        max_leaves=8,
    )
)
@settings(max_examples=200, deadline=None)
def test_no_json_makes_the_loader_fail_with_anything_but_invalid_input(value: Any) -> None:
    try:
        assert load_synonym_map(json.dumps(value)).entries is not None
    except InvalidInput as error:
        assert error.remedy  # noqa: PT017 - both outcomes are fine, another exception is not


def test_a_hundred_thousand_variants_take_less_than_six_seconds(shared: SynonymMap) -> None:
    captions = [image.caption for image in draw_sample(40)]
    rows = [(number, captions[number % 40]) for number in range(34_000)]
    began = time.process_time()
    found = augment_captions(rows, shared, per_caption=3)
    took_s = time.process_time() - began
    assert sum(len(texts) for _, texts in found.variants) >= 100_000
    assert took_s < 6  # a million a minute


@pytest.mark.parametrize(
    ("one", "many"),
    [("box", "boxes"), ("berry", "berries"), ("toy", "toys"), ("fireman", "firemen"),
     ("human", "humans"), ("piece of cake", "pieces of cake"), ("baby duck", "baby ducks"),
     ("sheep", "sheep"), ("crescent", "crescents"), ("plus sign", "plus signs"), ("leaf", "leaves")],
)  # fmt: skip
def test_plurals(one: str, many: str) -> None:
    assert pluralise(one) == many


def test_articles_go_by_sound() -> None:
    words = ["orb", "disc", "hour", "unicorn", "uninviting", "one-eyed", "umbrella", "used", "2"]
    assert [indefinite_article(word) for word in words] == [
        "an", "a", "an", "a", "an", "a", "an", "a", "a",
    ]  # fmt: skip


def test_an_abbreviation_keeps_its_own_case() -> None:
    assert match_case("TV", "television") == "TV"
    assert match_case("film star", "Movie star") == "Film star"
