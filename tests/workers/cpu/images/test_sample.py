"""The drawn sample dataset."""

from __future__ import annotations

import hashlib
import io
import itertools
from collections import Counter

import numpy as np
import pytest
from PIL import Image

from common.captions.text import normalise_caption
from common.errors import InvalidInput
from tests.sample_pictures import matches
from workers.cpu.images.sample import (
    MAX_COUNT,
    SampleImage,
    draw_sample,
    plain_captions,
    query_text,
)
from workers.cpu.images.sample_drawing import COLOURS, SHAPES


@pytest.fixture(scope="module")
def sample() -> list[SampleImage]:
    return list(draw_sample())


def test_the_sample_has_at_least_300_distinct_pictures_with_distinct_captions_and_names(
    sample: list[SampleImage],
) -> None:
    assert len(sample) >= 300
    assert len({hashlib.sha256(image.png).digest() for image in sample}) == len(sample)
    assert len({image.caption for image in sample}) == len(sample)
    assert len({image.filename for image in sample}) == len(sample)


def test_every_picture_is_a_square_png_in_colour(sample: list[SampleImage]) -> None:
    for image in sample[::20]:
        picture = Image.open(io.BytesIO(image.png))
        picture.load()
        assert (picture.format, picture.mode, picture.size) == ("PNG", "RGB", (256, 256))


def test_captions_name_what_is_on_the_picture(sample: list[SampleImage]) -> None:
    numbers = {1: "", 2: "two", 3: "three", 4: "four", 5: "five"}
    for image in sample:
        assert normalise_caption(image.caption) == image.caption
        for thing in image.objects:
            assert thing.colour in image.caption
            assert thing.shape in image.caption
            assert numbers[thing.count] in image.caption


def test_every_shape_can_be_searched_for_in_every_colour(sample: list[SampleImage]) -> None:
    captions = {image.caption for image in sample}
    for shape, colour in itertools.product(SHAPES, COLOURS):
        right = [image for image in sample if matches(image, shape, colour)]
        assert 3 <= len(right) <= 20
        assert captions & set(plain_captions(shape, colour))


def test_kinds_of_scene_all_have_their_share(sample: list[SampleImage]) -> None:
    words = Counter(word for image in sample for word in image.caption.split())
    for word in ("small", "large", "above", "left", "inside", "two", "five", "row", "background"):
        assert words[word] >= 5, word


def test_a_shape_is_drawn_in_its_colour_where_the_caption_says(sample: list[SampleImage]) -> None:
    placed = [image for image in sample if image.caption.endswith("corner")]
    assert len(placed) >= 10
    for image in placed:
        pixels = np.asarray(Image.open(io.BytesIO(image.png)), dtype=int)
        colour = COLOURS[image.objects[0].colour]
        rows, columns = np.nonzero(np.abs(pixels - colour).sum(axis=2) < 60)
        assert (rows.mean() < 128) == (" top " in image.caption), image.caption
        assert (columns.mean() < 128) == (" left " in image.caption), image.caption


def test_the_same_seed_gives_the_same_bytes_and_a_shorter_sample_is_a_beginning(
    sample: list[SampleImage],
) -> None:
    assert list(draw_sample(count=12)) == sample[:12]
    assert list(draw_sample(count=12, seed=1)) != sample[:12]


def test_a_match_needs_shape_colour_and_count_on_the_same_thing(sample: list[SampleImage]) -> None:
    image = next(image for image in sample if " above " in image.caption)
    first, second = image.objects
    assert matches(image, first.shape, first.colour, 1)
    assert matches(image, shape=second.shape)
    assert not matches(image, first.shape, second.colour)
    assert not matches(image, first.shape, first.colour, 2)


def test_an_article_fits_its_colour() -> None:
    assert plain_captions, query_text("star", "orange") == "an orange star"
    assert plain_captions, query_text("star", "red") == "a red star"


@pytest.mark.parametrize("count", [0, -1, MAX_COUNT + 1])
def test_a_count_out_of_range_is_refused(count: int) -> None:
    with pytest.raises(InvalidInput, match=str(count)):
        draw_sample(count=count)
