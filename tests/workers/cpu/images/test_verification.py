"""Verification of images and reading of uploads."""

from __future__ import annotations

import hashlib
import io
import random
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from common.archives import ArchiveLimits
from common.errors import InvalidInput
from workers.cpu.images.verification import (
    THUMB_SIDE_PX,
    UploadedFile,
    count_upload,
    iterate_upload,
    verify_image,
)


def encoded(picture: Image.Image, form: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, form, **options)
    return buffer.getvalue()


def opened(data: bytes) -> Image.Image:
    picture = Image.open(io.BytesIO(data))
    picture.load()
    return picture


def two_halves(mode: str = "RGB", size: tuple[int, int] = (60, 40)) -> Image.Image:
    """Red above blue."""
    picture = Image.new("RGB", size, "red")
    picture.paste("blue", (0, size[1] // 2, *size))
    return picture.convert(mode)


PNG = encoded(two_halves(), "PNG")


@pytest.mark.parametrize(
    ("form", "ext", "mime"),
    [
        ("JPEG", "jpg", "image/jpeg"),
        ("PNG", "png", "image/png"),
        ("WEBP", "webp", "image/webp"),
        ("GIF", "gif", "image/gif"),
        ("BMP", "bmp", "image/bmp"),
    ],
)
def test_an_upright_image_keeps_its_bytes(form: str, ext: str, mime: str) -> None:
    data = encoded(two_halves(), form)
    image = verify_image(data)
    assert image.data == data
    assert (image.ext, image.mime, image.width, image.height) == (ext, mime, 60, 40)
    assert image.sha256 == hashlib.sha256(data).hexdigest()
    assert image.changes == ()
    assert len(image.phash) == 28


@pytest.mark.parametrize("orientation", range(2, 9))
@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP"])
def test_a_picture_is_turned_upright_by_its_orientation(form: str, orientation: int) -> None:
    turns = Image.Transpose
    lying = {
        2: turns.FLIP_LEFT_RIGHT, 3: turns.ROTATE_180, 4: turns.FLIP_TOP_BOTTOM,
        5: turns.TRANSPOSE, 6: turns.ROTATE_90, 7: turns.TRANSVERSE, 8: turns.ROTATE_270,
    }  # fmt: skip
    exif = Image.Exif()
    exif[0x0112] = orientation
    upright = two_halves()
    upright.paste("lime", (0, 0, 30, 20))  # red, blue and lime: no turn leaves it as it was
    shot = upright.transpose(lying[orientation])
    image = verify_image(encoded(shot, form, exif=exif))
    stored = opened(image.data).convert("RGB")
    assert image.changes == ("turned upright",)
    assert stored.size == (image.width, image.height) == (60, 40)
    assert stored.getexif().get(0x0112, 1) == 1
    corners = [(5, 5), (55, 5), (5, 35), (55, 35)]
    for corner in corners:
        assert stored.getpixel(corner) == pytest.approx(upright.getpixel(corner), abs=40)


def test_a_picture_too_long_for_its_width_is_refused_and_a_panorama_is_taken() -> None:
    with pytest.raises(InvalidInput, match=r"1 x 150000 pixels.*150,000 times.*the limit is 100"):
        verify_image(encoded(Image.new("L", (1, 150_000)), "PNG"))
    panorama = verify_image(encoded(Image.new("RGB", (6000, 200)), "JPEG"))
    assert opened(panorama.thumb_webp).size == (320, 11)


def test_an_animation_becomes_its_first_frame() -> None:
    frames = [Image.new("RGB", (20, 20), colour) for colour in ("red", "lime")]
    for form in ("GIF", "WEBP", "PNG"):
        data = encoded(frames[0], form, save_all=True, append_images=frames[1:], duration=100)
        image = verify_image(data)
        assert image.changes == ("first frame kept",)
        assert image.ext == "png"
        assert opened(image.data).convert("RGB").getpixel((9, 9)) == pytest.approx(
            (255, 0, 0), abs=3
        )


def test_transparency_goes_onto_white_and_opaque_alpha_changes_nothing() -> None:
    clear = Image.new("RGBA", (20, 20), (0, 0, 0, 0))
    clear.paste((255, 0, 0, 255), (0, 0, 10, 20))
    palette = Image.new("P", (20, 20), 0)
    palette.putpalette([0, 0, 0, 255, 0, 0])
    palette.paste(1, (0, 0, 10, 20))
    for data in (encoded(clear, "PNG"), encoded(clear, "WEBP", lossless=True),
                 encoded(palette, "PNG", transparency=0)):  # fmt: skip
        image = verify_image(data)
        stored = opened(image.data)
        assert image.changes == ("transparency put on white",)
        assert stored.mode == "RGB"
        assert stored.getpixel((15, 10)) == (255, 255, 255)
        assert stored.getpixel((5, 10)) == (255, 0, 0)
    opaque = encoded(two_halves("RGBA"), "PNG")
    assert verify_image(opaque).data == opaque


def test_sixteen_bits_become_eight_instead_of_white() -> None:
    grey = Image.fromarray(np.linspace(0, 65535, 400).astype(np.uint16).reshape(20, 20))
    image = verify_image(encoded(grey, "PNG"))
    stored = np.asarray(opened(image.data).convert("L"))
    assert image.changes == ("16 bits made 8",)
    assert stored[0, 0] == 0
    assert stored[-1, -1] == 255
    assert 110 < stored.mean() < 145
    floating = Image.fromarray(np.linspace(-1, 1, 400).astype(np.float32).reshape(20, 20))
    image = verify_image(encoded(floating, "TIFF"))
    assert opened(image.data).getextrema() == (0, 255)


def test_cmyk_stays_and_has_a_thumbnail_in_its_colours() -> None:
    data = encoded(two_halves("CMYK", (600, 400)), "JPEG")
    image = verify_image(data)
    assert image.data == data
    red, green, blue = opened(image.thumb_webp).convert("RGB").getpixel((100, 20))  # type: ignore[misc]
    assert red > 200 > green + blue


def test_tiff_becomes_png_which_browsers_show() -> None:
    image = verify_image(encoded(two_halves("CMYK"), "TIFF"))
    assert (image.ext, image.changes) == ("png", ("TIFF kept as PNG",))
    assert opened(image.data).mode == "RGB"


@pytest.mark.parametrize(
    ("size", "expected"),
    [((3000, 1500), (320, 160)), ((100, 50), (100, 50)), ((20, 2000), (3, 320)), ((1, 1), (1, 1))],
)
def test_a_thumbnail_has_at_most_320_px_a_side(
    size: tuple[int, int], expected: tuple[int, int]
) -> None:
    image = verify_image(encoded(Image.new("RGB", size, "red"), "PNG"))
    thumb = opened(image.thumb_webp)
    assert (thumb.format, thumb.size) == ("WEBP", expected)
    assert max(thumb.size) <= THUMB_SIDE_PX


@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
def test_a_large_photograph_keeps_its_size_and_bytes_and_damage_far_inside_is_found(
    mode: str,
) -> None:
    noise = np.random.default_rng(7).integers(0, 255, (12, 16, 3), dtype=np.uint8)
    photo = Image.fromarray(noise).resize((3200, 2400), Image.Resampling.BICUBIC).convert(mode)
    data = encoded(photo, "JPEG")
    image = verify_image(data)
    assert (image.data, image.width, image.height) == (data, 3200, 2400)
    thumb = opened(image.thumb_webp).convert("RGB")
    assert thumb.size == (320, 240)
    exact = photo.convert("RGB").resize((320, 240), Image.Resampling.LANCZOS)
    assert np.abs(np.asarray(thumb, float) - np.asarray(exact, float)).mean() < 6
    with pytest.raises(InvalidInput, match="damaged or cut short"):
        verify_image(data[: len(data) * 9 // 10])


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I;16"])
def test_every_mode_of_png_is_taken(mode: str) -> None:
    picture = two_halves("L").convert(mode) if mode == "I;16" else two_halves(mode)
    assert verify_image(encoded(picture, "PNG")).width == 60


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "empty"),
        (b"hello", "not an image"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "SVG"),
        (b"%PDF-1.7 ...", "PDF"),
        (b"\0\0\0\x18ftypheic....", "HEIC"),
        (PNG[: len(PNG) // 2], "damaged or cut short"),
        (encoded(two_halves(size=(900, 600)), "JPEG")[:-900], "damaged or cut short"),
        (PNG[:60] + b"garbage" + PNG[67:], "damaged or cut short"),
    ],
)
def test_what_is_no_whole_image_is_refused_with_the_reason(data: bytes, reason: str) -> None:
    with pytest.raises(InvalidInput, match=reason) as caught:
        verify_image(data)
    assert caught.value.remedy


def test_images_over_the_limits_are_refused_with_the_figures() -> None:
    with pytest.raises(InvalidInput, match=r"60 x 40 = 0.0 megapixels; the limit is 0.001"):
        verify_image(PNG, max_pixels=1000)
    with pytest.raises(InvalidInput, match=r"0.1 MiB; the limit is 0 MiB"):
        verify_image(b"x" * 100_000, max_bytes=10)
    header = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + (60_000).to_bytes(4, "big") * 2 + b"\x08\2\0\0\0"
    with pytest.raises(InvalidInput):
        verify_image(header + b"\0" * 100)


@given(st.integers(0, len(PNG) - 1), st.binary(min_size=1, max_size=8))
@settings(max_examples=150, deadline=None)
def test_damage_never_raises_anything_but_invalid_input(at: int, noise: bytes) -> None:
    try:
        image = verify_image(PNG[:at] + noise + PNG[at + len(noise) :])
    except InvalidInput:
        return
    assert image.width > 0


# uploads


@pytest.fixture
def upload(tmp_path: Path) -> Callable[..., list[UploadedFile]]:
    def read(data: bytes, name: str, **limits: int) -> list[UploadedFile]:
        path = tmp_path / "upload"
        path.write_bytes(data)
        found = list(iterate_upload(path, name, ArchiveLimits(**limits)))
        assert count_upload(path) >= len(found) or found[-1].kind == "rejected"
        return found

    return read


def test_a_single_image_is_passed_on_under_its_name(
    upload: Callable[..., list[UploadedFile]],
) -> None:
    assert upload(PNG, "set/a.png") == [UploadedFile("set/a.png", "image", PNG)]
    assert upload(b"image,caption\n", "index.csv")[0].kind == "captions"


def test_a_zip_gives_images_captions_and_reasons(
    upload: Callable[..., list[UploadedFile]],
) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name in ("set/a.png", "set/a.txt", "index.csv", "../b.png", "__MACOSX/a.png"):
            archive.writestr(name, PNG)
        archive.writestr("noise.png", random.Random(0).randbytes(50))
    found = {item.name: item for item in upload(buffer.getvalue(), "set.zip")}
    assert {name: item.kind for name, item in found.items()} == {
        "set/a.png": "image", "set/a.txt": "captions", "index.csv": "captions",
        "../b.png": "rejected", "noise.png": "image",
    }  # fmt: skip
    assert "leaves the folder" in found["../b.png"].reason
    with pytest.raises(InvalidInput, match="not an image"):
        verify_image(found["noise.png"].data)


@pytest.mark.parametrize(
    ("data", "name", "reason"),
    [
        (b"PK\3\4 broken", "a.zip", "cannot be read"),
        (b"Rar!\x1a\7\0", "a.rar", "RAR archive"),
        (PNG, "../a.png", "leaves the folder"),
        (PNG * 1000, "a.png", "limit"),
    ],
)
def test_an_upload_that_cannot_be_taken_is_one_rejection(
    upload: Callable[..., list[UploadedFile]], data: bytes, name: str, reason: str
) -> None:
    (found,) = upload(data, name, max_entry_bytes=100_000)
    assert found.kind == "rejected"
    assert reason in found.reason
