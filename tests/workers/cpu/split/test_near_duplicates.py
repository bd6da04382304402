"""Fingerprints of images, and the groups they make."""

from __future__ import annotations

import io
import random
import time
from collections.abc import Callable

import pytest
from PIL import Image

from workers.cpu.images.sample import draw_sample
from workers.cpu.images.sample_drawing import COLOURS, Placed, draw_picture
from workers.cpu.split.near_duplicates import find_near_duplicates, fingerprint


@pytest.fixture(scope="module")
def pictures() -> list[Image.Image]:
    return [Image.open(io.BytesIO(image.png)).convert("RGB") for image in draw_sample(80)]


def compressed(picture: Image.Image) -> Image.Image:
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=60)
    return Image.open(buffer).convert("RGB")


CHANGES: dict[str, Callable[[Image.Image], Image.Image]] = {
    "compressed": compressed,
    "halved": lambda picture: picture.resize((128, 128), Image.Resampling.BICUBIC),
    "enlarged": lambda picture: picture.resize((640, 600), Image.Resampling.BILINEAR),
    "brightened": lambda picture: picture.point(lambda value: min(255, int(value * 1.05))),
    "cropped": lambda picture: picture.crop((4, 4, 252, 252)),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_changed_copy_is_found(pictures: list[Image.Image], change: str) -> None:
    pairs = [(fingerprint(picture), fingerprint(CHANGES[change](picture))) for picture in pictures]
    found = sum(len(find_near_duplicates(pair).groups) for pair in pairs)
    assert found >= 0.95 * len(pictures)


def test_hardly_any_distinct_pictures_of_the_sample_are_taken_for_near_duplicates(
    pictures: list[Image.Image],
) -> None:
    found = find_near_duplicates([fingerprint(picture) for picture in pictures])
    assert sum(map(len, found.groups)) <= 2


def test_the_same_shape_in_another_colour_is_another_picture() -> None:
    drawn = [
        draw_picture("white", [Placed("circle", colour, 0.5, 0.5, 0.25, 0)], random.Random(0))
        for colour in COLOURS
    ]
    marks = [fingerprint(Image.open(io.BytesIO(png)).convert("RGB")) for png in drawn]
    assert find_near_duplicates(marks).groups == []


def test_a_fingerprint_fits_its_column_and_plain_pictures_have_one() -> None:
    marks = [fingerprint(Image.new("RGB", (9, 1), colour)) for colour in ("white", "black")]
    assert all(len(mark) == 28 for mark in marks)
    assert find_near_duplicates(marks).groups == []


def test_groups_reach_through_a_chain_and_pairs_name_the_closest_first() -> None:
    colours = "808080" * 2
    chain = [f"{value:016x}{colours}" for value in (0, 0xFF, 0xFFFF, 0xFFFF << 40)]
    found = find_near_duplicates([*chain, chain[1], "no fingerprint", "no fingerprint"])
    assert found.groups == [[0, 1, 2, 4]]
    assert found.pairs == [(1, 4, 0), (0, 1, 8), (1, 2, 8)]
    assert find_near_duplicates([*chain, chain[1]], max_pairs=1).pairs == [(1, 4, 0)]
    assert find_near_duplicates([]).groups == []


def test_twenty_thousand_images_take_seconds() -> None:
    rng = random.Random(0)
    marks = [f"{rng.getrandbits(112):028x}" for _ in range(19_000)]
    alike = [f"{1 << bit:016x}{'404040' * 2}" for bit in range(64) for _ in range(15)]
    began = time.process_time()
    found = find_near_duplicates(marks + alike)
    assert max(map(len, found.groups)) == len(alike)
    assert time.process_time() - began < 20
