"""What an image's file tells besides the picture is taken out, and not a pixel changes."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
from PIL import ExifTags, Image, ImageCms, PngImagePlugin, features

from common.images.metadata import without_metadata
from workers.cpu.images.verification import verify_image

SECRETS = (b"SN-4711", b"Ada Lovelace", b"Canon", b"2026:11:28", b"48.2082")
PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
PIXELS = np.random.default_rng(7).integers(0, 256, (48, 64, 3), dtype=np.uint8)
XMP = b"<x:xmpmeta><exif:GPSLatitude>48.2082</exif:GPSLatitude><aux:SerialNumber>SN-4711</aux:SerialNumber></x:xmpmeta>"


def exif(orientation: int = 1) -> Image.Exif:
    made = Image.Exif()
    made[ExifTags.Base.Orientation] = orientation
    made[ExifTags.Base.Make] = "Canon"
    made[ExifTags.Base.Artist] = "Ada Lovelace"
    made[ExifTags.Base.DateTime] = "2026:11:28 08:00:00"
    made.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.BodySerialNumber] = "SN-4711"
    made.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.MakerNote] = b"SN-4711 of Ada Lovelace"
    made.get_ifd(ExifTags.IFD.GPSInfo)[ExifTags.GPS.GPSLatitude] = (48.0, 12.0, 29.5)
    made.get_ifd(ExifTags.IFD.GPSInfo)[ExifTags.GPS.GPSAreaInformation] = b"48.2082"
    return made


def saved(form: str, orientation: int = 1, **more: Any) -> bytes:
    buffer = io.BytesIO()
    if form == "PNG":
        texts = PngImagePlugin.PngInfo()
        texts.add_text("Author", "Ada Lovelace")
        texts.add_itxt("XML:com.adobe.xmp", XMP.decode(), zip=False)
        more["pnginfo"] = texts
    elif form == "GIF":
        more["comment"] = b"Ada Lovelace, SN-4711"
    else:
        more["xmp"] = XMP
    if form == "JPEG":
        more["comment"] = b"Ada Lovelace"
    if form != "GIF":
        more |= {"exif": exif(orientation), "icc_profile": PROFILE}
    Image.fromarray(PIXELS).save(buffer, form, **more)
    return buffer.getvalue()


def iptc(jpeg: bytes) -> bytes:
    """With a Photoshop segment, as agencies write it, and something behind the picture's end."""
    content = b"Photoshop 3.0\x008BIM\x04\x04\0\0\0\0\0\x11\x1c\x02\x50\0\x0cAda Lovelace"
    segment = b"\xff\xed" + (len(content) + 2).to_bytes(2, "big") + content
    return jpeg[:2] + segment + jpeg[2:] + b"a film behind the picture by Ada Lovelace"


FILES = {
    "JPEG": saved("JPEG"),
    "progressive JPEG": saved("JPEG", progressive=True, subsampling=0),
    "JPEG with restarts, IPTC and a film": iptc(saved("JPEG", restart_marker_rows=1)),
    "PNG": saved("PNG"),
    "WebP": saved("WEBP"),
    "lossless WebP": saved("WEBP", lossless=True),
    "GIF": saved("GIF"),
}


@pytest.mark.parametrize("name", FILES)
def test_what_tells_of_place_owner_and_device_is_gone_and_no_pixel_has_changed(name: str) -> None:
    data = FILES[name]
    told = [secret for secret in SECRETS if secret in data]
    assert told, "the test's own file has nothing to take out"
    plain = without_metadata(data)
    assert [secret for secret in SECRETS if secret in plain] == []
    before, after = Image.open(io.BytesIO(data)), Image.open(io.BytesIO(plain))
    assert np.array_equal(np.asarray(before.convert("RGB")), np.asarray(after.convert("RGB")))
    assert after.info.get("icc_profile") == before.info.get("icc_profile")
    assert dict(after.getexif()) == {}
    assert without_metadata(plain) is plain
    assert verify_image(data).data == plain
    assert verify_image(data, keep_metadata=True).data == data


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("orientation", range(2, 9))
def test_the_way_up_survives_alone(form: str, orientation: int) -> None:
    plain = without_metadata(saved(form, orientation))
    found = Image.open(io.BytesIO(plain)).getexif()
    assert dict(found) == {ExifTags.Base.Orientation: orientation}
    assert [secret for secret in SECRETS if secret in plain] == []


def test_further_pictures_of_a_telephones_jpeg_go_with_their_own_metadata() -> None:
    buffer = io.BytesIO()
    second = Image.fromarray(PIXELS[::-1])
    second.encoderinfo = {"exif": exif().tobytes()}  # type: ignore[attr-defined]
    Image.fromarray(PIXELS).save(buffer, "MPO", save_all=True, append_images=[second], exif=exif())
    data = buffer.getvalue()
    assert data.count(b"Ada Lovelace") >= 2
    plain = without_metadata(data)
    assert b"Ada Lovelace" not in plain
    picture = Image.open(io.BytesIO(plain))
    assert (picture.format, getattr(picture, "n_frames", 1)) == ("JPEG", 1)


def test_a_cmyk_jpeg_keeps_what_says_how_its_colours_are_meant() -> None:
    buffer = io.BytesIO()
    Image.fromarray(PIXELS).convert("CMYK").save(buffer, "JPEG", exif=exif())
    plain = without_metadata(buffer.getvalue())
    assert b"Adobe" in plain
    before, after = Image.open(buffer), Image.open(io.BytesIO(plain))
    assert np.array_equal(np.asarray(before), np.asarray(after))


def test_an_animation_keeps_its_frames() -> None:
    assert features.check("webp")
    for form in ("GIF", "WEBP", "PNG"):
        buffer = io.BytesIO()
        frames = [Image.fromarray(PIXELS), Image.fromarray(PIXELS[::-1]).copy()]
        frames[0].save(buffer, form, save_all=True, append_images=frames[1:], duration=100, loop=0)
        plain = Image.open(io.BytesIO(without_metadata(buffer.getvalue())))
        assert getattr(plain, "n_frames", 1) == 2, form


@pytest.mark.parametrize("name", FILES)
def test_a_file_that_is_cut_short_or_damaged_raises_nothing_and_ends(name: str) -> None:
    data = FILES[name]
    random = np.random.default_rng(11)
    for at in random.integers(0, len(data), 120):
        assert isinstance(without_metadata(data[:at]), bytes)
        broken = bytearray(data)
        broken[at] = int(random.integers(0, 256))
        assert isinstance(without_metadata(bytes(broken)), bytes)
    assert without_metadata(b"") == b""
    assert without_metadata(b"BM and more") == b"BM and more"
