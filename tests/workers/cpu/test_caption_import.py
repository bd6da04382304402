"""Matching captions to images by name."""

from __future__ import annotations

from common.csvfiles import CaptionRow
from workers.cpu.caption_import import ImportPlan, NamedImage, plan_import

IMAGES = [
    NamedImage(1, "set/cat.jpg"),
    NamedImage(2, "set/dog.png", "a dog"),
    NamedImage(3, "other/cat.jpg"),
    NamedImage(4, "set/IMG_7.JPG"),
    NamedImage(5, "set/v1.2.webp"),
    NamedImage(6, "Case.png"),
    NamedImage(7, "case.png"),
]


def plan(*rows: tuple[str, str]) -> ImportPlan:
    return plan_import(
        [CaptionRow(name, caption, line) for line, (name, caption) in enumerate(rows, start=2)],
        IMAGES,
    )


def test_names_match_by_path_by_the_paths_end_by_base_name_and_by_stem() -> None:
    for name, image_id in [
        ("set/cat.jpg", 1),
        ("export/images/set/cat.jpg", 1),
        ("set/cat.txt", 1),
        ("elsewhere/dog.png", 2),
        ("dog.txt", 2),
        ("dog", 2),
        ("img_7.jpg", 4),
        ("v1.2", 5),
        ("v1.2.txt", 5),
        ("Case.png", 6),
        ("case.png", 7),
    ]:
        assert plan((name, "x")).changes == [(image_id, "x")], name


def test_a_name_that_may_mean_several_images_is_rejected() -> None:
    for name in ("cat.jpg", "cat", "CASE.png"):
        found = plan((name, "a cat"))
        assert found.changes == []
        assert "2 images may be meant" in found.rejected[0].reason
        assert found.rejected[0].line == 2


def test_unmatched_names_are_listed_once_each() -> None:
    found = plan(("bird.png", "a bird"), ("bird.png", "a bird"), ("fish.png", "a fish"))
    assert found.unmatched == ["bird.png", "fish.png"]
    assert found.matched == 0


def test_a_caption_that_stands_already_is_no_change() -> None:
    found = plan(("dog.png", "a dog"), ("v1.2", "a chart"))
    assert (found.changes, found.unchanged, found.matched) == ([(5, "a chart")], 1, 2)


def test_the_first_of_several_captions_counts_and_others_are_rejected() -> None:
    found = plan(("dog.png", "a hound"), ("set/dog.png", "a hound"), ("dog.png", "a pooch"))
    assert found.changes == [(2, "a hound")]
    assert [(row.line, row.reason) for row in found.rejected] == [
        (4, "dog.png has a caption already, from line 2")
    ]


def test_names_are_compared_in_composed_form() -> None:
    rows = [CaptionRow("cafe\u0301.png", "a café", 2)]
    assert plan_import(rows, [NamedImage(1, "caf\u00e9.png")]).changes == [(1, "a café")]
