"""Pictures that are built to cost much, or damaged: each refused with its reason, none slow or large."""

from __future__ import annotations

import io
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
import torch
from open_clip.transform import image_transform
from PIL import Image

from common.errors import InvalidInput
from workers.gpu.data.cache import decode_shrunk
from workers.gpu.data.views import View, decode_view
from workers.models.clip_model import LoadedClip, create_clip
from workers.models.pixels import MAX_RATIO, SPAN, crop_middle, open_rgb
from workers.search.models import read_image


@pytest.fixture(scope="module")
def small() -> LoadedClip:
    return create_clip("clip-browser-small", None)


def png(size: tuple[int, int]) -> bytes:
    file = io.BytesIO()
    Image.new("L", size, 128).save(file, "PNG")
    return file.getvalue()


def noise(size: tuple[int, int]) -> Image.Image:
    """A picture that differs everywhere, though not from pixel to pixel."""
    width, height = size
    coarse = np.random.default_rng(3).integers(
        0, 256, (-(-height // 8), -(-width // 8), 3), dtype=np.uint8
    )
    return Image.fromarray(coarse).resize(size, Image.Resampling.BICUBIC)


@pytest.mark.parametrize("size", [(1, 150_000), (150_000, 1), (1, 2_000_000), (10, 1001)])
def test_a_picture_too_long_for_its_width_is_refused_with_its_size_and_the_limit(
    size: tuple[int, int],
) -> None:
    for read in (open_rgb, lambda data: read_image(data, 10**8)):
        with pytest.raises(InvalidInput, match=f"{size[0]} x {size[1]} pixels.*limit is 100"):
            read(png(size))


def test_refusing_takes_no_memory_for_its_pixels() -> None:
    data = png((1, 2_000_000))
    tracemalloc.start()
    with pytest.raises(InvalidInput):
        open_rgb(data)
    assert tracemalloc.get_traced_memory()[1] < 1_000_000
    tracemalloc.stop()


@pytest.mark.parametrize("size", [(96, 64), (640, 480), (90, 1000), (SPAN * 64, 64), (30, 20)])
def test_pictures_as_people_have_them_are_prepared_as_open_clip_does_to_the_last_bit(
    small: LoadedClip, size: tuple[int, int]
) -> None:
    theirs = image_transform(64, is_train=False, resize_mode="shortest")
    picture = noise(size)
    assert torch.equal(small.preprocess(picture), theirs(picture))


@pytest.mark.parametrize("size", [(40, 40 * 60), (60 * 40, 40), (35, 35 * MAX_RATIO)])
def test_of_a_long_picture_the_same_square_is_seen_as_without_the_cut(
    small: LoadedClip, tmp_path: Path, size: tuple[int, int]
) -> None:
    picture = noise(size)
    assert max(crop_middle(picture).size) <= SPAN * min(size) + 1
    theirs = image_transform(64, is_train=False, resize_mode="shortest")(picture)
    ours = small.preprocess(picture)
    assert ours.shape == theirs.shape
    assert (ours - theirs).abs().mean() < 0.05  # of a deviation of 1; a pixel to the side is 0.2
    picture.save(tmp_path / "long.png")
    as_numbers = np.asarray(picture_of(small, picture))
    assert np.array_equal(decode_view(tmp_path / "long.png", View(64)), as_numbers)


def picture_of(loaded: LoadedClip, picture: Image.Image) -> Image.Image:
    """As the model's preprocessing makes it, before the numbers are normalised."""
    made = picture
    for step in loaded.preprocess.transforms[:-2]:  # type: ignore[attr-defined]
        made = step(made)
    return made


def test_a_long_picture_is_kept_in_little_memory_for_random_crops(tmp_path: Path) -> None:
    noise((60, 6000)).save(tmp_path / "strip.png")
    kept = decode_shrunk(tmp_path / "strip.png", 224)
    assert kept.shape == (60 * SPAN, 60, 3)


@pytest.mark.parametrize("cut", [0, 4, 20, 60, 200])
@pytest.mark.parametrize("form", ["PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP"])
def test_whatever_a_decoder_says_of_a_cut_file_it_is_one_refusal(form: str, cut: int) -> None:
    file = io.BytesIO()
    noise((64, 48)).save(file, form)
    with pytest.raises(InvalidInput) as caught:
        open_rgb(file.getvalue()[:cut])
    assert caught.value.message
    assert caught.value.remedy


def test_damaged_exif_data_do_no_harm_to_a_picture_to_search_with() -> None:
    file = io.BytesIO()
    noise((20, 10)).save(file, "PNG", exif=bytes(40))
    assert read_image(file.getvalue(), 10**6).size == (20, 10)


def test_a_file_that_is_not_there_is_said_to_be_missing(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="cannot be read: no such file"):
        open_rgb(tmp_path / "gone.png")
