"""Exchanging words of a caption: boundaries, capitals, plurals, articles, the limit of tokens."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.augment.synonym_exchange import augment_caption
from common.augment.synonym_index import index_map
from common.captions.clip_tokens import CONTEXT_TOKENS, count_tokens
from tests.synonym_maps import load_synonym_map


def variants(caption: str, **words: list[str]) -> set[str]:
    """All variants of a caption; an underscore in a keyword stands for a space."""
    synonyms = load_synonym_map({word.replace("_", " "): found for word, found in words.items()})
    return set(augment_caption(caption, synonyms, 100, random.Random(0)))


def test_all_combinations_are_found_and_never_the_original() -> None:
    assert variants("a red circle", red=["crimson", "scarlet"], circle=["disc"]) == {
        "a crimson circle", "a scarlet circle", "a red disc", "a crimson disc", "a scarlet disc",
    }  # fmt: skip


def test_words_are_exchanged_whole_or_not_at_all() -> None:
    assert variants(
        "a scarred, tired-red redhead and a cared-for car", red=["x"], car=["auto"]
    ) == {"a scarred, tired-red redhead and a cared-for auto"}


def test_case_is_kept() -> None:
    found = variants("Red circle, RED circle, red circle", red=["crimson"])
    assert "Crimson circle, CRIMSON circle, crimson circle" in found
    assert variants("A Big Dog", big=["very large"], dog=["hound"]) >= {"A Very Large Hound"}
    assert variants("On TV", tv=["television set"]) == {"On TELEVISION SET"}
    assert variants("Two. Red cars", red=["crimson"]) == {"Two. Crimson cars"}


def test_a_name_inside_a_sentence_is_left_alone_unless_the_map_has_it_so() -> None:
    assert variants("ships on the Red Sea", red=["crimson"], sea=["ocean"], ship=["boat"]) == {
        "boats on the Red Sea"
    }
    assert variants("ein Hund im Gras", Hund=["Köter"]) == {"ein Köter im Gras"}


def test_plurals_follow_and_an_entry_of_its_own_goes_before_them() -> None:
    assert variants("two circles", circle=["disc", "round shape"]) == {
        "two discs",
        "two round shapes",
    }
    assert variants("two women", woman=["lady"]) == {"two ladies"}
    assert variants("oranges", orange=["tangerine"], oranges=[]) == set()


def test_possessives_follow() -> None:
    assert variants("the kid's toy", kid=["child"]) == {"the child's toy"}
    assert variants("the kid’s toy", kid=["child"]) == {"the child’s toy"}
    assert variants("the kids' toys", kid=["child"]) == {"the children's toys"}
    assert variants("the children's toys", child=["kid"]) == {"the kids' toys"}
    assert variants("a sign 'for kids' there", kid=["child"]) == {"a sign 'for children' there"}


def test_hyphens_and_spaces_of_an_entry_are_the_same() -> None:
    assert variants("a hot-dog", hot_dog=["frankfurter"]) == {"a frankfurter"}
    dashed = load_synonym_map({"well-lit": ["bright"]})
    assert augment_caption("a well lit room", dashed, 1, random.Random(0)) == ["a bright room"]


def test_the_longest_entry_wins_and_an_empty_one_keeps_its_words() -> None:
    words: dict[str, list[str]] = {
        "hot_dog": [], "dog": ["hound"], "next_to": ["beside"], "to": ["toward"],
    }  # fmt: skip
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
    assert variants("an old circle", old=["big"], circle=["orb"]) == {
        "a big circle", "an old orb", "a big orb",
    }  # fmt: skip


def test_a_cycle_ends_and_leads_to_every_other_word_but_not_back() -> None:
    words = {"big": ["large"], "large": ["huge"], "huge": ["big"]}
    assert variants("big", **words) == {"large"}
    assert variants("a big, large dog", **words) == {
        "a large, large dog", "a big, huge dog", "a large, huge dog",
    }  # fmt: skip


@pytest.mark.parametrize("number", [0, -5])
def test_none_asked_for_is_none_given(number: int) -> None:
    synonyms = load_synonym_map({"red": ["crimson"]})
    assert augment_caption("a red dot", synonyms, number, random.Random(0)) == []


@pytest.mark.parametrize("caption", ["", " ", "...", "🙂", "x" * 2000])
def test_a_caption_without_known_words_has_no_variants(caption: str) -> None:
    assert variants(caption, red=["crimson"]) == set()


def test_one_word_has_as_many_variants_as_synonyms() -> None:
    assert variants("Car", car=["automobile", "motor car"]) == {"Automobile", "Motor car"}


def test_other_scripts_are_exchanged_as_well() -> None:
    assert variants("一只猫在桌子上", 猫=["猫咪"]) == {"一只猫咪在桌子上"}
    assert variants("чёрный кот спит", кот=["котик"]) == {"чёрный котик спит"}


def test_english_entries_stay_out_of_captions_of_other_languages() -> None:
    english = {"hat": ("cap",), "dog": ("hound",)}
    synonyms = index_map({**english, "frau": ("dame",)}, english)
    rng = random.Random(0)
    assert augment_caption("die frau hat einen hut", synonyms, 9, rng) == ["die dame hat einen hut"]
    assert augment_caption("the dog with a hat", synonyms, 9, rng)
    edited = index_map({"hat": ("besitzt",)}, english)
    assert augment_caption("die frau hat einen hut", edited, 9, rng) == [
        "die frau besitzt einen hut"
    ]


def test_a_variant_stays_within_what_clip_reads_if_the_caption_does() -> None:
    caption = " ".join(["a red dog"] * 25)
    assert count_tokens(caption) == CONTEXT_TOKENS
    synonyms = load_synonym_map({"red": ["crimson", "deep dark red"], "dog": ["quite small dog"]})
    found = augment_caption(caption, synonyms, 20, random.Random(1))
    assert len(found) == 20
    assert max(map(count_tokens, found)) <= CONTEXT_TOKENS
    longer = load_synonym_map({"red": ["dark red"]})
    assert augment_caption(caption, longer, 20, random.Random(1)) == []


def test_of_a_caption_that_clip_cuts_off_only_what_it_reads_is_exchanged() -> None:
    caption = "a red dog " + "word " * 100 + "and a dog"
    found = augment_caption(caption, load_synonym_map({"dog": ["hound"]}), 5, random.Random(0))
    assert found == ["a red hound " + "word " * 100 + "and a dog"]


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
