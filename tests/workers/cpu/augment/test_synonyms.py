"""Variants of captions by synonyms, and the map of the project."""

from __future__ import annotations

import random
import time
from pathlib import Path

import pytest

from common.augment.synonym_exchange import augment_caption
from common.augment.synonym_index import SynonymMap
from common.augment.synonym_map import MAX_PER_CAPTION
from common.errors import InvalidInput
from tests.synonym_maps import load_synonym_map
from workers.cpu.augment.synonyms import augment_captions
from workers.cpu.images.sample import draw_sample

SHARED_MAP = Path(__file__).parents[4] / "manual_synonym_map.json"


@pytest.fixture(scope="module")
def shared() -> SynonymMap:
    return load_synonym_map(SHARED_MAP.read_bytes())


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


def test_the_shared_map_has_variants_for_nearly_every_caption_of_the_sample(
    shared: SynonymMap,
) -> None:
    assert len([word for word, found in shared.entries.items() if found]) >= 800
    rows = [(image.filename, image.caption) for image in draw_sample(200)]
    found = augment_captions(rows, shared, per_caption=3)
    assert sum(number == 0 for _, number in found.short) <= 10
    assert len(found.short) <= 50


@pytest.mark.parametrize(
    "caption",
    ["a hot dog", "a Black man", "a woman with red hair", "stars in the night sky", "oranges",
     "heart attack", "many oranges on a tree, too many", "a wooden spoon", "orange juice",
     "a woman in red", "die katze und der hut", "a rock band", "a sea lion", "a cup of tea on a stool"],
)  # fmt: skip
def test_the_shared_map_leaves_alone_what_would_change_its_meaning(
    shared: SynonymMap, caption: str
) -> None:
    found = " ".join(augment_caption(caption, shared, 50, random.Random(0)))
    for wrong in (
        "canine",
        "jet-black",
        "crimson",
        "star shape",
        "tangerine",
        "love",
        "numerous,",
        "made of",
        "coloured",
        "ocean",
        "stone",
    ):
        assert wrong not in found


def test_a_hundred_thousand_variants_take_less_than_six_seconds(shared: SynonymMap) -> None:
    captions = [image.caption for image in draw_sample(40)]
    rows = [(number, captions[number % 40]) for number in range(34_000)]
    began = time.process_time()
    found = augment_captions(rows, shared, per_caption=3)
    took_s = time.process_time() - began
    assert sum(len(texts) for _, texts in found.variants) >= 90_000
    assert took_s < 6  # a million a minute
