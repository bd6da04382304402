"""Verify uploaded images: decode them in full, turn them upright, hash them, make thumbnails."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from PIL import Image, UnidentifiedImageError

from common.archives import ArchiveLimits, count_entries, read_archive, safe_name
from common.captions.files import is_caption_file
from common.errors import InvalidInput
from common.images.metadata import without_metadata
from workers.cpu.split.near_duplicates import fingerprint
from workers.models.pixels import (
    OPENED,
    check_pixels,
    decoding,
    is_upright,
    turn_upright,
)

MAX_PIXELS = 100_000_000
MAX_BYTES = 64 * 1024 * 1024
THUMB_SIDE_PX = 320

# Pillow's name of a format -> (extension, MIME type). MPO is a JPEG with further pictures in it, as
# telephones write it.
_FORMATS = {
    "JPEG": ("jpg", "image/jpeg"),
    "MPO": ("jpg", "image/jpeg"),
    "PNG": ("png", "image/png"),
    "WEBP": ("webp", "image/webp"),
    "GIF": ("gif", "image/gif"),
    "BMP": ("bmp", "image/bmp"),
    "TIFF": ("png", "image/png"),  # browsers do not show TIFF, so it is kept as PNG
}
_REMEDY = "Send JPEG, PNG, WebP, GIF, BMP or TIFF, or a zip of them."
_OTHER_ARCHIVES = {b"Rar!": "RAR", b"7z\xbc\xaf": "7z", b"\x1f\x8b\x08\x00": "gzip"}


@dataclass(frozen=True)
class VerifiedImage:
    """An image fit for captioning and training, as it is to be stored.

    data: the bytes given, or new ones where `changes` says why. sha256: of data. phash: its
    fingerprint (see near_duplicates). thumb_webp: at most THUMB_SIDE_PX on the longer side.
    """

    data: bytes
    ext: str
    mime: str
    width: int
    height: int
    sha256: str
    phash: str
    thumb_webp: bytes
    changes: tuple[str, ...] = ()

    @property
    def size_bytes(self) -> int:
        """Length of data."""
        return len(self.data)


@dataclass(frozen=True)
class UploadedFile:
    """One file of an upload: its path in the upload, and its bytes or why it was refused."""

    name: str
    kind: Literal["image", "captions", "rejected"]
    data: bytes = b""
    reason: str = ""


def verify_image(
    data: bytes,
    *,
    max_pixels: int = MAX_PIXELS,
    max_bytes: int = MAX_BYTES,
    keep_metadata: bool = False,
) -> VerifiedImage:
    """Decode an image in full and make it such that browsers and training see the same.

    The bytes stay as they are, without what tells of author, place and device unless keep_metadata,
    except that pictures are turned upright by their EXIF orientation,
    animations become their first frame, transparency goes onto white (training drops it, and what
    lies hidden under it would appear), 16 bits a channel become 8 (training would clip them to
    white), and TIFF becomes PNG. Raises InvalidInput with the reason when it is no image, damaged,
    cut short or too large.
    """
    if len(data) > max_bytes:
        raise InvalidInput(
            f"the file is {_mib(len(data))} MiB; the limit is {_mib(max_bytes)} MiB",
            remedy="Scale the image down: CLIP looks at a few hundred pixels a side.",
        )
    picture, size = _decode(data, max_pixels)
    ext, mime = _FORMATS[picture.format or ""]
    upright, changes = _straighten(picture)
    if changes:
        data, ext, mime = _encode(upright, picture)
        size = upright.size
    elif not keep_metadata:
        data = without_metadata(data)
    thumb = _shrink(upright)
    return VerifiedImage(
        data=data,
        ext=ext,
        mime=mime,
        width=size[0],
        height=size[1],
        sha256=hashlib.sha256(data).hexdigest(),
        phash=fingerprint(thumb),
        thumb_webp=_to_webp(thumb, upright),
        changes=tuple(changes),
    )


def iterate_upload(
    path: Path, name: str = "", limits: ArchiveLimits | None = None
) -> Iterator[UploadedFile]:
    """Yield what an uploaded file holds: itself, or the files of a zip, one in memory at a time.

    name: what the sender called it. Images are not decoded yet. Caption files (CSV, JSON lines,
    .txt) come as kind "captions". Whatever is refused comes with its reason, the rest goes on;
    nothing is raised for what is in the file.
    """
    limits = limits or ArchiveLimits()
    name = name or path.name
    try:
        if _is_zip(path):
            for entry in read_archive(path, limits):
                yield _uploaded(entry.name, entry.data, entry.reason)
        else:
            yield _read_single(path, safe_name(name), limits)
    except InvalidInput as error:
        yield UploadedFile(name, "rejected", reason=error.message)


def count_upload(path: Path, limits: ArchiveLimits | None = None) -> int:
    """How many files `iterate_upload` will yield at most, for a progress bar."""
    try:
        return count_entries(path, limits or ArchiveLimits()) if _is_zip(path) else 1
    except InvalidInput:
        return 1


def _is_zip(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(4) in (b"PK\3\4", b"PK\5\6")


def _read_single(path: Path, name: str, limits: ArchiveLimits) -> UploadedFile:
    size_bytes = path.stat().st_size
    if size_bytes > limits.max_entry_bytes:
        raise InvalidInput(
            f"the file is {_mib(size_bytes)} MiB; the limit is {_mib(limits.max_entry_bytes)} MiB"
        )
    data = path.read_bytes()
    if kind := _OTHER_ARCHIVES.get(data[:4]):
        raise InvalidInput(f"a {kind} archive cannot be read; pack the images as zip")
    return _uploaded(name, data, "")


def _uploaded(name: str, data: bytes, reason: str) -> UploadedFile:
    if reason:
        return UploadedFile(name, "rejected", reason=reason)
    return UploadedFile(name, "captions" if is_caption_file(name) else "image", data)


def _mib(size_bytes: int) -> str:
    return f"{size_bytes / 2**20:.1f}".removesuffix(".0")


def _decode(data: bytes, max_pixels: int) -> tuple[Image.Image, tuple[int, int]]:
    """(the picture, its size); a large JPEG that stays as it is comes scaled down, see `_draft`."""
    if not data:
        raise InvalidInput("the file is empty", remedy=_REMEDY)
    with decoding():
        try:
            picture = Image.open(io.BytesIO(data), formats=OPENED)
        except UnidentifiedImageError as error:
            raise InvalidInput(_describe_unknown(data), remedy=_REMEDY) from error
        check_pixels(picture, max_pixels)
        size = picture.size
        _draft(picture)
        picture.load()
    return picture, size


def _draft(picture: Image.Image) -> None:
    """Let libjpeg decode a large picture at 1/2, 1/4 or 1/8: enough for its thumbnail, far quicker.

    All of the file is still read and unpacked, so damage is found as ever; only the last step (the
    inverse cosine transform) is done for fewer pixels.
    """
    longest = max(picture.size)
    if picture.format == "JPEG" and is_upright(picture):
        wanted = [max(1, side * THUMB_SIDE_PX * 2 // longest) for side in picture.size]
        picture.draft(None, (wanted[0], wanted[1]))


def _describe_unknown(data: bytes) -> str:
    """What a file that no decoder knows may be, for those that people send often."""
    head = data[:512].lstrip().lower()
    if head.startswith((b"<svg", b"<?xml")) and b"svg" in head:
        return "it is an SVG drawing, not a picture of pixels"
    if data[4:8] == b"ftyp":
        return "it is a HEIC or AVIF image or a video, which cannot be read"
    if head.startswith(b"%pdf"):
        return "it is a PDF, not an image"
    return "it is not an image"


def _straighten(picture: Image.Image) -> tuple[Image.Image, list[str]]:
    """The picture as everyone is to see it, and what had to be changed about the file for it."""
    changes = []
    if getattr(picture, "is_animated", False) and picture.format != "MPO":
        changes.append("first frame kept")
    if picture.format == "TIFF":
        changes.append("TIFF kept as PNG")
    upright = turn_upright(picture)
    if upright is not picture:
        changes.append("turned upright")
    if upright.mode.startswith(("I", "F")):
        upright = _to_eight_bits(upright)
        changes.append("16 bits made 8")
    elif upright.has_transparency_data:
        upright, transparent = _flatten(upright)
        if transparent:
            changes.append("transparency put on white")
    return upright, changes


def _to_eight_bits(picture: Image.Image) -> Image.Image:
    """Scale 16-bit grey by 256; other ranges, as floating point has them, from least to most."""
    values = np.asarray(picture, dtype=np.float64)
    values = np.nan_to_num(values)
    low, high = (0.0, 65535.0) if picture.mode.startswith("I") else (values.min(), values.max())
    if values.min() < low or values.max() > high:
        low, high = values.min(), values.max()
    scaled = (values - low) * (255 / max(high - low, 1e-9))
    return Image.fromarray(np.rint(scaled).astype(np.uint8))


def _flatten(picture: Image.Image) -> tuple[Image.Image, bool]:
    """(the picture on white as RGB, whether any of it was transparent)."""
    layered = picture.convert("RGBA")
    if layered.getchannel("A").getextrema() == (255, 255):
        return layered.convert("RGB"), False
    ground = Image.new("RGBA", layered.size, "white")
    ground.alpha_composite(layered)
    return ground.convert("RGB"), True


def _encode(upright: Image.Image, original: Image.Image) -> tuple[bytes, str, str]:
    """New bytes of a changed picture: JPEG if it was JPEG, else PNG, which loses nothing.

    EXIF data are left out: the orientation has been applied.
    """
    buffer = io.BytesIO()
    profile = original.info.get("icc_profile") if upright.mode in ("RGB", "CMYK", "L") else None
    if original.format in ("JPEG", "MPO"):
        upright.save(buffer, "JPEG", quality=95, subsampling=0, icc_profile=profile)
        return buffer.getvalue(), *_FORMATS["JPEG"]
    if upright.mode not in ("1", "L", "P", "RGB"):
        upright, profile = upright.convert("RGB"), None
    upright.save(buffer, "PNG", icc_profile=profile)
    return buffer.getvalue(), *_FORMATS["PNG"]


def _shrink(upright: Image.Image) -> Image.Image:
    """An RGB copy of at most THUMB_SIDE_PX on the longer side."""
    longest = max(upright.size)
    if longest > THUMB_SIDE_PX * 4 and upright.mode in ("L", "RGB", "CMYK"):
        upright = upright.reduce(longest // (THUMB_SIDE_PX * 2))
    thumb = upright.convert("RGB")
    side = (THUMB_SIDE_PX, THUMB_SIDE_PX)
    thumb.thumbnail(side, Image.Resampling.LANCZOS, reducing_gap=1.0)  # whole steps are averaged
    return thumb


def _to_webp(thumb: Image.Image, upright: Image.Image) -> bytes:
    """WebP with the colour profile of the picture, without which wide colours look dull."""
    buffer = io.BytesIO()
    profile = upright.info.get("icc_profile", b"") if upright.mode == "RGB" else b""
    thumb.save(buffer, "WEBP", quality=80, method=1, icc_profile=profile)  # 3: thrice the time
    return buffer.getvalue()
