"""Matching captions to images by name, and giving each its slot."""

from __future__ import annotations

from typing import Any

from common.captions.csv_files import CaptionRow
from common.captions.text import MAX_CAPTIONS
from workers.cpu.captions.matching import Change, Head, ImportPlan, NamedImage, plan_import

HASH = "5f" * 32
IMAGES = [
    NamedImage(1, "set/cat.jpg", sha256=HASH),
    NamedImage(2, "set/dog.png", {0: Head("a dog", 3)}),
    NamedImage(3, "other/cat.jpg"),
    NamedImage(4, "set/IMG_7.JPG"),
    NamedImage(5, "set/v1.2.webp"),
    NamedImage(6, "Case.png"),
    NamedImage(7, "case.png"),
    NamedImage(8, "pair.png", {0: Head("one", 1), 1: Head("two", 5), 2: Head(None, 2)}),
]


def plan(*rows: tuple[str, str], **options: Any) -> ImportPlan:
    return plan_import(
        [CaptionRow(name, caption, line) for line, (name, caption) in enumerate(rows, start=2)],
        IMAGES,
        **options,
    )


def changes(found: ImportPlan) -> list[tuple[int, int, str]]:
    return [(change.image_id, change.slot, change.text) for change in found.changes]


def test_names_match_by_path_by_the_paths_end_by_base_name_by_stem_and_by_hash() -> None:
    for name, image_id in [
        ("set/cat.jpg", 1),
        ("export/images/set/cat.jpg", 1),
        ("set/cat.txt", 1),
        (f"images/{HASH}.jpg", 1),
        ("elsewhere/dog.png", 2),
        ("dog.txt", 2),
        ("dog", 2),
        ("img_7.jpg", 4),
        ("v1.2", 5),
        ("v1.2.txt", 5),
        ("Case.png", 6),
        ("case.png", 7),
    ]:
        assert changes(plan((name, "x"))) == [(image_id, 0, "x")], name


def test_a_name_that_may_mean_several_images_is_rejected() -> None:
    for name in ("cat.jpg", "cat", "CASE.png"):
        found = plan((name, "a cat"))
        assert found.changes == []
        assert "2 images may be meant" in found.rejected[0].reason
        assert found.rejected[0].line == 2


def test_names_of_files_that_came_along_go_before_the_datasets_own() -> None:
    came = {"images/cat-2.jpg": 3, "dog.png": 4, "a.png": 1, "a.jpg": 2}
    for name, image_id in [("images/cat-2.txt", 3), ("dog.png", 4), ("set/dog.png", 2)]:
        assert changes(plan((name, "x"), aliases=came)) == [(image_id, 0, "x")], name
    assert plan(("a.txt", "x"), aliases=came).unmatched == ["a.txt"]


def test_unmatched_names_are_listed_once_each() -> None:
    found = plan(("bird.png", "a bird"), ("bird.png", "a bird"), ("fish.png", "a fish"))
    assert found.unmatched == ["bird.png", "fish.png"]
    assert (found.changes, found.unchanged) == ([], 0)


def test_a_caption_that_stands_already_is_no_change_and_another_is_written_over_it() -> None:
    found = plan(("dog.png", "a dog"), ("v1.2", "a chart"))
    assert found.changes == [Change(5, 0, "a chart", 0)]
    assert found.unchanged == 1
    assert plan(("dog.png", "a hound")).changes == [Change(2, 0, "a hound", 3)]


def test_several_rows_of_an_image_are_several_captions_in_their_order() -> None:
    found = plan(
        ("dog.png", "a hound"),
        ("v1.2", "a chart"),
        ("set/dog.png", "a hound"),
        ("dog.png", "pooch"),
    )
    assert changes(found) == [(2, 0, "a hound"), (2, 1, "pooch"), (5, 0, "a chart")]
    assert found.rejected == []


def test_captions_that_stand_in_other_slots_stay_there_and_new_ones_take_the_free_slots() -> None:
    assert plan(("pair.png", "two"), ("pair.png", "one")).changes == []
    assert changes(plan(("pair.png", "one"), ("pair.png", "two"), ("pair.png", "three"))) == [
        (8, 2, "three")
    ]
    assert plan(("pair.png", "three"), ("pair.png", "two")).changes == [Change(8, 0, "three", 1)]
    assert plan(("pair.png", "three"), ("pair.png", "one")).changes == [Change(8, 2, "three", 2)]
    assert plan(("pair.png", "new")).changes == [Change(8, 0, "new", 1)]  # "two" stays


def test_more_captions_than_an_image_may_have_are_rejected() -> None:
    found = plan(*[("dog.png", f"dog {number}") for number in range(MAX_CAPTIONS + 2)])
    assert [change.slot for change in found.changes] == list(range(MAX_CAPTIONS))
    assert [row.line for row in found.rejected] == [MAX_CAPTIONS + 2, MAX_CAPTIONS + 3]
    assert "at most 10 captions" in found.rejected[0].reason
    full = {slot: Head(f"old {slot}", 1) for slot in range(MAX_CAPTIONS)}
    rows = [CaptionRow("a.png", "new", 2), CaptionRow("a.png", "old 0", 3)]
    (change,) = plan_import(rows, [NamedImage(1, "a.png", full)]).changes
    assert change == Change(1, 1, "new", 1)


def test_of_two_files_about_an_image_the_first_counts_and_equal_captions_are_silent() -> None:
    rows = [
        CaptionRow("dog.png", "a hound", 2, "index.csv"),
        CaptionRow("dog.txt", "a hound", 1, "set/dog.txt"),
        CaptionRow("dog.txt", "a pooch", 2, "set/dog.txt"),
    ]
    found = plan_import(rows, IMAGES)
    assert changes(found) == [(2, 0, "a hound")]
    assert [(row.line, row.reason) for row in found.rejected] == [
        (2, "the image has its captions from index.csv already")
    ]


def test_to_fill_only_keeps_what_images_have() -> None:
    found = plan(("dog.png", "a hound"), ("v1.2", "a chart"), ("pair.png", "two"), fill_only=True)
    assert changes(found) == [(5, 0, "a chart")]
    assert (found.kept, found.unchanged) == (["set/dog.png"], 1)


def test_names_are_compared_in_composed_form() -> None:
    rows = [CaptionRow("cafe\u0301.png", "a café", 2)]
    found = plan_import(rows, [NamedImage(1, "caf\u00e9.png")])
    assert changes(found) == [(1, 0, "a café")]
